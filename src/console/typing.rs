//! Keys while a layer is open: lines being typed, help and messages, and the commands of the palette.

use super::{
    filter::Filter,
    index::{Id, ListKind, SortKey},
    input::LineEdit,
    keymap::Action,
    layer::{Help, Layer},
    model::{Model, Page},
    palette::{self, Command},
    runbooks::{self, runs},
    screen,
    subjects::fields,
    theme::{BUILT_IN, Theme},
    update::{Effect, Msg, ask, freeze, page_action, update},
    view,
    walk::{go_to_host, go_to_latency, jump},
};
use crate::{collect::Request, verdict::Severity};

pub(super) fn overlay_action(model: &mut Model, action: Action) -> Vec<Effect> {
    if matches!(model.layers.last(), Some(Layer::Plan(_))) {
        if action == Action::Cancel {
            return runbooks::leave(model);
        }
        runbooks::scroll(model, action);
        return Vec::new();
    }
    let room = screen::overlay_room(model);
    let lines = view::overlay_height(model);
    let most = lines.saturating_sub(room);
    let Some(layer) = model.layers.last_mut() else {
        return Vec::new();
    };
    if action == Action::Cancel {
        model.layers.pop();
        return Vec::new();
    }
    let scroll = match layer {
        Layer::Help(help) => {
            if action == Action::Filter {
                help.typing = true;
                return Vec::new();
            }
            &mut help.scroll
        }
        Layer::Message { scroll, .. } => scroll,
        _ => return Vec::new(),
    };
    *scroll = match action {
        Action::Down => scroll.saturating_add(1),
        Action::Up => scroll.saturating_sub(1),
        Action::PageDown => scroll.saturating_add(room),
        Action::PageUp => scroll.saturating_sub(room),
        Action::First => 0,
        Action::Last => most,
        _ => *scroll,
    }
    .min(most);
    Vec::new()
}

fn line_of(layer: &mut Layer) -> Option<&mut LineEdit> {
    match layer {
        Layer::Palette(palette) => Some(&mut palette.line),
        Layer::Filter { line, .. } => Some(line),
        Layer::Help(help) if help.typing => Some(&mut help.search),
        _ => None,
    }
}

pub(super) fn paste(model: &mut Model, text: &str) {
    let Some(line) = model.layers.last_mut().and_then(line_of) else {
        return;
    };
    line.insert_text(text);
    line_changed(model);
}

fn line_changed(model: &mut Model) {
    match model.layers.last_mut() {
        Some(Layer::Palette(palette)) => palette.complete(&model.shown),
        Some(Layer::Filter { line, kind, .. }) => {
            let kind = *kind;
            let filter = Filter::parse(&line.text(), fields(kind));
            model.list_mut(kind).filter = filter;
            model.reorder();
        }
        Some(Layer::Help(help)) => help.scroll = 0,
        _ => {}
    }
}

pub(super) fn line_action(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Accept => return accept(model),
        Action::Cancel => {
            cancel(model);
            return Vec::new();
        }
        Action::Complete | Action::Newer | Action::Older => {
            if let Some(Layer::Palette(palette)) = model.layers.last_mut() {
                match action {
                    Action::Complete => palette.take(&model.shown),
                    Action::Newer => palette.newer(&model.history),
                    _ => palette.older(&model.history),
                }
            }
            return Vec::new();
        }
        _ => {}
    }
    let Some(line) = model.layers.last_mut().and_then(line_of) else {
        return Vec::new();
    };
    match action {
        Action::Left => line.left(),
        Action::Right => line.right(),
        Action::Home => line.home(),
        Action::End => line.end(),
        Action::EraseRight => line.erase_right(),
        Action::EraseWord => line.erase_word(),
        Action::EraseLine => line.clear(),
        Action::EraseLeft => {
            if !line.erase_left() && line.is_empty() {
                cancel(model);
                return Vec::new();
            }
        }
        _ => return Vec::new(),
    }
    let moves = matches!(action, Action::Left | Action::Right | Action::Home | Action::End);
    // What the palette suggests for a plan is about the parameter at the cursor.
    if !moves || matches!(model.layers.last(), Some(Layer::Palette(palette)) if palette.told().is_some()) {
        line_changed(model);
    }
    Vec::new()
}

fn cancel(model: &mut Model) {
    match model.layers.pop() {
        Some(Layer::Filter { kind, before, .. }) => {
            model.list_mut(kind).filter = before;
            model.reorder();
        }
        Some(Layer::Help(mut help)) if help.typing => {
            help.typing = false;
            help.search.clear();
            model.layers.push(Layer::Help(help));
        }
        _ => {}
    }
}

fn accept(model: &mut Model) -> Vec<Effect> {
    match model.layers.pop() {
        Some(Layer::Help(mut help)) => {
            help.typing = false;
            model.layers.push(Layer::Help(help));
            Vec::new()
        }
        Some(Layer::Palette(palette)) => {
            let line = palette.accepted(&model.shown);
            if line.trim().is_empty() {
                return Vec::new();
            }
            palette::remember(&mut model.history, line.trim());
            match Command::parse(&line, &model.shown, &model.library) {
                Ok(command) => run(model, command),
                Err(why) => {
                    model.set_note(Severity::Warning, why);
                    Vec::new()
                }
            }
        }
        _ => Vec::new(),
    }
}

fn run(model: &mut Model, command: Command) -> Vec<Effect> {
    match command {
        Command::View(kind) => model.go(Page::List(kind)),
        Command::Latency => go_to_latency(model),
        Command::Page(_) if model.works.is_none() => {
            model.set_note(Severity::Warning, "there is no such view: this process may only look");
        }
        Command::Page(Page::Runs) => return runs::open(model),
        Command::Page(page) => model.go(page),
        Command::Host(name) => go_to_host(model, name),
        Command::Slice(name) => model.go(Page::Slice(name)),
        Command::Segment(name) => jump(model, ListKind::Storage, &Id::Segment(name)),
        Command::Topology(name) => jump(model, ListKind::Database, &Id::Topology(name)),
        Command::Filter(text) => match model.kind() {
            Some(kind) => {
                model.list_mut(kind).filter = Filter::parse(&text, fields(kind));
                model.reorder();
            }
            None => model.set_note(Severity::Warning, "nothing to filter on this page"),
        },
        Command::Sort(key) => match model.kind() {
            Some(kind) if SortKey::of(kind).contains(&key) => {
                model.list_mut(kind).sort = key;
                model.reorder();
            }
            _ => model.set_note(
                Severity::Warning,
                format!("this page cannot be sorted by {}", key.name()),
            ),
        },
        Command::Poll(None) => return ask(model, vec![Request::PollNow(None)], "polling every host"),
        Command::Poll(Some(host)) => {
            let note = format!("polling {host}");
            return ask(model, vec![Request::PollNow(Some(host))], note);
        }
        Command::Reconnect(host) => {
            let note = format!("connecting to {host}");
            return ask(model, vec![Request::Reconnect(host)], note);
        }
        Command::Reload => return ask(model, vec![Request::Reload], "reading the inventory again"),
        Command::Freeze => freeze(model),
        Command::Theme(name) => {
            if BUILT_IN.iter().any(|(known, _)| *known == name) {
                let theme = Theme::built_in(&name, model.look.depth);
                return update(model, Msg::Theme(theme.map(Box::new)));
            }
            return vec![Effect::LoadTheme(name)];
        }
        Command::Plan(..) | Command::Begin(_) if model.works.is_none() => {
            model.set_note(Severity::Warning, "nothing is planned here: this process may only look");
        }
        Command::Begin(runbook) => runbooks::begin(model, &runbook),
        Command::Plan(runbook, parameters) => return runbooks::plan(model, &runbook, parameters),
        Command::Dump => return vec![Effect::Dump],
        Command::Fault(text) => return vec![Effect::Fault(text)],
        Command::Mouse => return page_action(model, Action::Mouse),
        Command::Help => model.layers.push(Layer::Help(Help::default())),
        Command::Quit => return runs::quit(model),
    }
    Vec::new()
}
