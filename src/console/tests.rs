//! The console driven by key strings, and pictures of every page.

use super::{
    fixture::{self, HOSTILE, NOW, ago},
    glyphs::Glyphs,
    index::{Id, ListKind},
    keymap::KEYMAP,
    layer::Layer,
    model::{Look, Model, Page},
    screen,
    theme::{BUILT_IN, Depth, Theme},
    update::{Effect, Msg, update},
    view,
};
use crate::{
    collect::{FleetView, Request},
    facts::UnixMs,
    fleet::HostName,
    mode::Mode,
    verdict::Severity,
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Modifier, Style},
};
use std::{collections::HashMap, sync::Arc};

mod again;
mod backups;
mod latency;
mod live;
mod menus;
mod pictures;
mod plans;
mod runbooks;
mod runs;
mod said;
mod steps;
mod told;

/// A console over a view.
fn console_of(view: FleetView, size: (u16, u16), theme: &str, glyphs: Glyphs, wall: bool) -> Model {
    let look = Look {
        theme: Theme::built_in(theme, if theme == "mono" { Depth::Mono } else { Depth::True }).unwrap(),
        depth: Depth::True,
        glyphs,
    };
    let mut model = Model::new(Arc::new(view), NOW, size, look, Mode::new(false, wall), wall);
    model.log = fixture::log();
    model
}

/// A console over the fixture.
fn console(size: (u16, u16)) -> Model {
    console_of(fixture::view(), size, "terminal", Glyphs::Unicode, false)
}

/// One key by its name in the keymap.
fn key(name: &str) -> KeyEvent {
    let (modifiers, name) = match name.strip_prefix("ctrl-") {
        Some(rest) => (KeyModifiers::CONTROL, rest),
        None => (KeyModifiers::NONE, name),
    };
    let code = match name {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "backtab" => KeyCode::BackTab,
        "backspace" => KeyCode::Backspace,
        "delete" => KeyCode::Delete,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "pgup" => KeyCode::PageUp,
        "pgdn" => KeyCode::PageDown,
        "space" => KeyCode::Char(' '),
        "f1" => KeyCode::F(1),
        other => KeyCode::Char(other.chars().next().unwrap()),
    };
    KeyEvent::new(code, modifiers)
}

/// Presses keys: `2<down><enter>/slow<enter>`.
fn keys(model: &mut Model, text: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let special = rest.strip_prefix('<').and_then(|tail| tail.split_once('>'));
        let event = if let Some((name, tail)) = special.filter(|(name, _)| name.len() > 1) {
            rest = tail;
            key(name)
        } else {
            rest = &rest[c.len_utf8()..];
            KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)
        };
        effects.extend(update(model, Msg::Key(event)));
    }
    effects
}

fn draw(model: &Model) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, model.size.0, model.size.1));
    view::draw(model, &mut buffer);
    buffer
}

/// The screen as text.
fn text(model: &Model) -> String {
    super::dump::lines(&draw(model)).join("\n")
}

/// The names of the rows on screen's list.
fn names(model: &Model) -> Vec<String> {
    let list = model.list(model.kind().unwrap());
    list.index
        .rows
        .iter()
        .map(|row| match &row.id {
            Id::Segment(name) => name.to_string(),
            Id::Topology(name) => name.to_string(),
            Id::Group(name) => name.to_string(),
            Id::Host(name) => name.to_string(),
            Id::Slice(name) => name.to_string(),
            Id::Finding(code, _) => code.name().to_owned(),
            Id::Cleared(seq) => format!("cleared {seq}"),
            Id::Log(seq) => seq.to_string(),
        })
        .collect()
}
