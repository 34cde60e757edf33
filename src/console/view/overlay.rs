//! The topmost layer: help, palette, message.

use super::{
    Ctx, document,
    table::{line_text, put},
};
use crate::console::{
    keymap::{self, Context},
    layer::{Help, Layer},
    model::Page,
    palette::Palette,
    screen,
    text::{cells, width, wrap},
    theme::{BUILT_IN, Role},
};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line, Span},
};

/// Draws it; gives the place of the text cursor if it has one.
pub fn draw(ctx: &Ctx<'_>, buffer: &mut Buffer) -> Option<Position> {
    match ctx.model.layers.last()? {
        Layer::Filter { .. } => None,
        Layer::Palette(palette) => Some(draw_palette(ctx, buffer, palette)),
        Layer::Help(help) => {
            let area = screen::overlay(ctx.model);
            let title = if help.search.is_empty() && !help.typing {
                match ctx.model.page {
                    Page::Latency | Page::Stream(_) => " help: latency · / searches ".to_owned(),
                    _ => " help · / searches ".to_owned(),
                }
            } else {
                format!(" help /{} ", help.search.text())
            };
            let inner = frame(ctx, buffer, area, &title);
            document::draw(ctx, buffer, inner, &help_lines(ctx, help, inner.width), help.scroll);
            help.typing.then(|| {
                Position::new(
                    (area.x + 9 + width(&help.search.before())).min(area.right() - 1),
                    area.y,
                )
            })
        }
        Layer::Menu(menu) => {
            super::runbooks::draw_menu(ctx, buffer, menu);
            None
        }
        Layer::Plan(planning) => super::plan::draw(ctx, buffer, planning),
        Layer::Confirm(confirm) => {
            let prompt = format!("Type the name in full: {}", confirm.word);
            Some(super::plan::ask(
                ctx,
                buffer,
                &confirm.title,
                &confirm.text,
                &prompt,
                &confirm.line.text(),
            ))
        }
        Layer::Leave => {
            super::run::draw_leave(ctx, buffer);
            None
        }
        Layer::Message { title, text, scroll } => {
            let area = screen::overlay(ctx.model);
            let inner = frame(ctx, buffer, area, &format!(" {title} "));
            document::draw(ctx, buffer, inner, &message_lines(ctx, text, inner.width), *scroll);
            None
        }
    }
}

/// Lines of the topmost layer.
pub fn height(ctx: &Ctx<'_>) -> u16 {
    let room = ctx.model.size.0.saturating_sub(4).min(96).saturating_sub(4);
    match ctx.model.layers.last() {
        Some(Layer::Help(help)) => cells(help_lines(ctx, help, room).len()),
        Some(Layer::Message { text, .. }) => cells(message_lines(ctx, text, room).len()),
        _ => 0,
    }
}

/// A box with a title; gives the room inside.
pub fn frame(ctx: &Ctx<'_>, buffer: &mut Buffer, area: Rect, title: &str) -> Rect {
    let rule = ctx.theme().style(Role::Rule);
    let text = ctx.theme().style(Role::Text);
    let blank = " ".repeat(usize::from(area.width));
    for y in area.top()..area.bottom() {
        buffer.set_string(area.x, y, &blank, text);
        for x in area.left()..area.right() {
            if let Some(cell) = buffer.cell_mut((x, y)) {
                cell.reset();
                cell.set_style(text);
            }
        }
        buffer.set_string(area.x, y, "│", rule);
        buffer.set_string(area.right() - 1, y, "│", rule);
    }
    let dashes = "─".repeat(usize::from(area.width.saturating_sub(2)));
    buffer.set_string(area.x, area.y, format!("┌{dashes}┐"), rule);
    buffer.set_string(area.x, area.bottom() - 1, format!("└{dashes}┘"), rule);
    let title = ctx.line(Role::Header, title);
    put(buffer, area.x + 2, area.y, area.width.saturating_sub(4), &title, false);
    Rect::new(area.x + 2, area.y + 1, area.width - 4, area.height.saturating_sub(2))
}

fn message_lines(ctx: &Ctx<'_>, text: &str, room: u16) -> Vec<Line<'static>> {
    wrap(text, room)
        .into_iter()
        .map(|line| ctx.line(Role::Text, line))
        .collect()
}

fn help_lines(ctx: &Ctx<'_>, help: &Help, room: u16) -> Vec<Line<'static>> {
    let wanted = help.search.text().to_lowercase();
    let keys_room = if room < 60 { 10 } else { 18 };
    let mut out = match ctx.model.page {
        Page::Latency | Page::Stream(_) => super::latency::help::lines(ctx, &wanted, room),
        _ => Vec::new(),
    };
    out.extend(signs(ctx, &wanted));
    let may_act = ctx.model.works.is_some();
    for context in Context::ALL {
        let mut lines = Vec::new();
        for binding in keymap::bindings(context, may_act) {
            let keys = binding.keys.join(" ");
            if !wanted.is_empty() && !format!("{keys} {}", binding.about).to_lowercase().contains(&wanted) {
                continue;
            }
            let pad = " ".repeat(usize::from(keys_room).saturating_sub(usize::from(width(&keys))).max(1));
            let indent = width(&keys).max(keys_room - 1) + 2;
            for (at, part) in wrap(binding.about, room.saturating_sub(indent)).into_iter().enumerate() {
                let head = if at == 0 {
                    ctx.span(Role::Accent, format!(" {keys}{pad}"))
                } else {
                    Span::raw(" ".repeat(usize::from(indent)))
                };
                lines.push(Line::from(vec![head, ctx.span(Role::Text, part)]));
            }
        }
        if !lines.is_empty() {
            out.push(ctx.line(Role::Title, context.title()));
            out.append(&mut lines);
        }
    }
    if wanted.is_empty() {
        let names: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        out.push(ctx.line(Role::Dim, format!(" themes (:theme NAME): {}", names.join(", "))));
    }
    if out.is_empty() {
        out.push(ctx.line(Role::Dim, " nothing found; esc clears the search"));
    }
    out
}

/// What the signs mean, as far as it is searched for.
fn signs(ctx: &Ctx<'_>, wanted: &str) -> Vec<Line<'static>> {
    let mut lines = super::parts::legend(ctx);
    let title = lines.remove(0);
    lines.retain(|line| line_text(line).to_lowercase().contains(wanted));
    if !lines.is_empty() {
        lines.insert(0, title);
    }
    lines
}

fn draw_palette(ctx: &Ctx<'_>, buffer: &mut Buffer, palette: &Palette) -> Position {
    let screen = buffer.area;
    let wide = screen.width.min(80);
    let told = palette.told().map(|text| wrap(&text, wide.saturating_sub(5)));
    let told = told.unwrap_or_default();
    let below = cells(told.len()).min(screen.height.saturating_sub(6));
    let shown = cells(palette.choices.len()).min(screen.height.saturating_sub(6 + below));
    let high = shown + below + 3;
    let area = Rect::new(0, screen.height - high, wide, high);
    let inner = frame(ctx, buffer, area, " command ");
    for (at, choice) in palette.choices.iter().take(usize::from(shown)).enumerate() {
        let y = inner.y + cells(at);
        let about = ctx.span(Role::Dim, format!("  {}", choice.about));
        let line = Line::from(vec![ctx.span(Role::Text, format!(" {}", choice.line)), about]);
        put(buffer, inner.x, y, inner.width, &line, false);
        if palette.marked == Some(at) {
            buffer.set_style(
                Rect::new(inner.x, y, inner.width, 1),
                ctx.theme().style(Role::Selection),
            );
        }
    }
    let y = inner.y + shown;
    let line = Line::from(vec![
        ctx.span(Role::Accent, ":"),
        ctx.span(Role::Text, palette.line.text()),
    ]);
    put(buffer, inner.x, y, inner.width, &line, false);
    for (at, line) in told.into_iter().take(usize::from(below)).enumerate() {
        let line = ctx.line(Role::Dim, format!(" {line}"));
        put(buffer, inner.x, y + 1 + cells(at), inner.width, &line, false);
    }
    let x = inner.x + (1 + width(&palette.line.before())).min(inner.width - 1);
    Position::new(x, y)
}
