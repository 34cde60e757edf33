//! What a message does to the model, and what it asks of the world. Pure.

use super::{
    filter::Filter,
    index::{FoldAll, Id, ListKind, SortKey},
    input::LineEdit,
    keymap::{self, Action, Context},
    layer::{Help, Layer},
    model::{Model, Page},
    palette::Palette,
    screen,
    theme::Theme,
    typing::{line_action, overlay_action, paste},
    view,
};
use crate::{
    collect::{FleetView, Request},
    facts::UnixMs,
    fleet::HostName,
    remote::log::LogEntry,
    verdict::{Finding, Severity, SubjectKind},
};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEvent, MouseEventKind};
use std::sync::Arc;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Msg {
    /// A key.
    Key(KeyEvent),
    /// Pasted text.
    Paste(String),
    /// The mouse, when it is on.
    Mouse(MouseEvent),
    /// The terminal has another size.
    Resize(u16, u16),
    /// A new view of the fleet.
    View(Arc<FleetView>),
    /// The log, oldest first.
    Log(Vec<LogEntry>),
    /// Time passes.
    Tick(UnixMs),
    /// A theme was read, or why not.
    Theme(Result<Box<Theme>, String>),
    /// Something to tell in the footer.
    Note(Severity, String),
}

/// Something asked of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Leave.
    Quit,
    /// Give the terminal back and stop until continued.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// Ask the collector.
    Ask(Request),
    /// Save the screen.
    Dump,
    /// Put text on the clipboard of the terminal.
    Copy(String),
    /// Mouse reports on or off.
    Mouse(bool),
    /// Read a theme file.
    LoadTheme(String),
}

/// Takes one message.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Key(event) if event.kind == KeyEventKind::Release => Vec::new(),
        Msg::Key(event) => key(model, &event),
        Msg::Paste(text) => {
            paste(model, &text);
            Vec::new()
        }
        Msg::Mouse(event) => {
            mouse(model, event);
            Vec::new()
        }
        Msg::Resize(columns, rows) => {
            model.size = (columns, rows);
            model.refresh();
            clamp_scroll(model);
            Vec::new()
        }
        Msg::View(view) => {
            model.take_view(view);
            Vec::new()
        }
        Msg::Log(entries) => {
            if model.frozen.is_none() {
                model.log = entries;
                if model.kind() == Some(ListKind::Log) {
                    model.refresh();
                }
            }
            Vec::new()
        }
        Msg::Tick(now) => {
            model.tick(now);
            if let Some(mut wall) = model.wall.clone() {
                let rows = model.list(wall.page()).index.rows.len();
                let parts = rows.div_ceil(view::wall_rows(model)).max(1);
                wall.tick(&model.shown, model.now, parts);
                show_wall_page(model, wall);
            }
            Vec::new()
        }
        Msg::Theme(Ok(theme)) => {
            model.set_note(Severity::Ok, format!("theme {}", theme.name));
            model.look.theme = *theme;
            Vec::new()
        }
        Msg::Theme(Err(why)) => {
            model.set_note(Severity::Warning, why);
            Vec::new()
        }
        Msg::Note(severity, text) => {
            model.set_note(severity, text);
            Vec::new()
        }
    }
}

fn show_wall_page(model: &mut Model, wall: super::wall::Wall) {
    let page = Page::List(wall.page());
    model.wall = Some(wall);
    if model.page != page {
        model.page = page;
        model.reorder();
    }
}

fn key(model: &mut Model, event: &KeyEvent) -> Vec<Effect> {
    // Over a slow link Esc and the key after it arrive together and are read as Alt with that key. No
    // binding has Alt: it was Esc, then the key.
    if event.modifiers.contains(KeyModifiers::ALT) && event.code != KeyCode::Esc {
        let mut effects = key(model, &KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE));
        let plain = KeyEvent::new(event.code, event.modifiers - KeyModifiers::ALT);
        effects.extend(key(model, &plain));
        return effects;
    }
    let context = model.layers.last().map_or(Context::Page, Layer::context);
    let action = keymap::action(context, event);
    if let Some(wall) = model.wall.clone() {
        return wall_key(model, wall, action);
    }
    model.touched();
    match (context, action) {
        (_, Some(Action::Suspend)) => vec![Effect::Suspend],
        (_, Some(Action::Dump)) => vec![Effect::Dump],
        (Context::Line, None) => {
            if let KeyCode::Char(c) = event.code
                && !event.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
            {
                paste(model, &c.to_string());
            }
            Vec::new()
        }
        (Context::Line, Some(action)) => line_action(model, action),
        (Context::Overlay, Some(action)) => {
            overlay_action(model, action);
            Vec::new()
        }
        (Context::Page, Some(action)) => page_action(model, action),
        (_, None) => Vec::new(),
    }
}

/// A wall has few keys: nothing on it opens or changes.
fn wall_key(model: &mut Model, mut wall: super::wall::Wall, action: Option<Action>) -> Vec<Effect> {
    match action {
        Some(Action::Quit) => return vec![Effect::Quit],
        Some(Action::Suspend) => return vec![Effect::Suspend],
        Some(Action::Redraw) => return vec![Effect::Redraw],
        Some(Action::Dump) => return vec![Effect::Dump],
        Some(Action::NextPage | Action::Unfold) => wall.turn(&model.shown, model.now, true),
        Some(Action::PreviousPage | Action::Fold) => wall.turn(&model.shown, model.now, false),
        _ => {}
    }
    show_wall_page(model, wall);
    Vec::new()
}

pub(super) fn page_action(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Fleet => model.go(Page::List(ListKind::Fleet)),
        Action::Storage => model.go(Page::List(ListKind::Storage)),
        Action::Database => model.go(Page::List(ListKind::Database)),
        Action::Findings => model.go(Page::List(ListKind::Findings)),
        Action::Log => model.go(Page::List(ListKind::Log)),
        Action::Host => go_to_host(model, None),
        Action::NextPage => turn_page(model, 1),
        Action::PreviousPage => turn_page(model, 5),
        Action::Enter => enter(model),
        Action::Back => back(model),
        Action::Fold => fold(model, Some(false)),
        Action::Unfold => fold(model, Some(true)),
        Action::FoldAll => fold_all(model),
        Action::Filter => open_filter(model),
        Action::Palette => {
            let palette = Palette::open(&model.shown);
            model.layers.push(Layer::Palette(palette));
        }
        Action::Help => model.layers.push(Layer::Help(Help::default())),
        Action::Sort => next_sort(model),
        Action::ReverseSort => {
            if let Some(kind) = model.kind() {
                let list = model.list_mut(kind);
                list.reverse = !list.reverse;
                model.reorder();
            }
        }
        Action::Freeze => freeze(model),
        Action::Poll => return poll_selected(model),
        Action::PollAll => return ask(model, vec![Request::PollNow(None)], "polling every host"),
        Action::Copy => return view::copy::plain(model).map(Effect::Copy).into_iter().collect(),
        Action::Mouse => {
            model.mouse = !model.mouse;
            model.set_note(
                Severity::Ok,
                if model.mouse {
                    "mouse on; shift-drag selects text"
                } else {
                    "mouse off"
                },
            );
            return vec![Effect::Mouse(model.mouse)];
        }
        Action::Redraw => return vec![Effect::Redraw],
        Action::Quit => return vec![Effect::Quit],
        motion => move_cursor(model, motion),
    }
    Vec::new()
}

fn move_cursor(model: &mut Model, action: Action) {
    let screen = screen::rows_of_list(model);
    let Some(kind) = model.kind() else {
        let by = |model: &mut Model, down: bool, lines: usize| {
            let lines = u16::try_from(lines).unwrap_or(u16::MAX);
            model.scroll = if down {
                model.scroll.saturating_add(lines)
            } else {
                model.scroll.saturating_sub(lines)
            };
        };
        match action {
            Action::Down => by(model, true, 1),
            Action::Up => by(model, false, 1),
            Action::PageDown => by(model, true, screen),
            Action::PageUp => by(model, false, screen),
            Action::HalfDown => by(model, true, screen / 2),
            Action::HalfUp => by(model, false, screen / 2),
            Action::First => model.scroll = 0,
            Action::Last => model.scroll = u16::MAX,
            _ => {}
        }
        clamp_scroll(model);
        return;
    };
    let list = model.list(kind);
    let at = list.cursor;
    let bad = |row: &super::index::Row| row.severity >= Severity::Warning;
    let rows = &list.index.rows;
    let to = match action {
        Action::Down => at.saturating_add(1),
        Action::Up => at.saturating_sub(1),
        Action::PageDown => at.saturating_add(screen),
        Action::PageUp => at.saturating_sub(screen),
        Action::HalfDown => at.saturating_add(screen / 2),
        Action::HalfUp => at.saturating_sub(screen / 2),
        Action::First => return model.follow_top(),
        Action::Last => usize::MAX,
        Action::NextProblem => match rows.iter().skip(at + 1).position(bad) {
            Some(found) => at + 1 + found,
            None => return model.set_note(Severity::Ok, "no further problem below"),
        },
        Action::PreviousProblem => match rows.iter().take(at).rposition(bad) {
            Some(found) => found,
            None => return model.set_note(Severity::Ok, "no further problem above"),
        },
        _ => return,
    };
    model.move_to(to);
}

fn clamp_scroll(model: &mut Model) {
    if model.kind().is_none() && model.scroll > 0 {
        let room = screen::areas(model).body.height;
        let lines = view::document_height(model);
        model.scroll = model.scroll.min(lines.saturating_sub(room));
    }
}

fn turn_page(model: &mut Model, by: usize) {
    const TURN: [Option<ListKind>; 6] = [
        Some(ListKind::Fleet),
        Some(ListKind::Storage),
        Some(ListKind::Database),
        None,
        Some(ListKind::Findings),
        Some(ListKind::Log),
    ];
    let at = match &model.page {
        Page::Slice(_) => 1,
        Page::Host(_) => 3,
        Page::List(kind) => TURN.iter().position(|page| *page == Some(*kind)).unwrap_or(0),
    };
    match TURN[(at + by) % TURN.len()] {
        Some(kind) => model.go(Page::List(kind)),
        None => go_to_host(model, None),
    }
}

/// Opens the Host page: of a given host, else of the host that the selection is about, else of the worst.
pub(super) fn go_to_host(model: &mut Model, name: Option<HostName>) {
    let name = name.or_else(|| host_of_selection(model)).or_else(|| {
        let view = &model.shown;
        let worst = view.findings.iter().find_map(|finding| finding.subject.host.clone());
        worst.or_else(|| view.fleet.hosts.first().map(|host| host.name.clone()))
    });
    match name {
        Some(name) => model.go(Page::Host(name)),
        None => model.set_note(Severity::Warning, "the inventory has no hosts"),
    }
}

fn host_of_selection(model: &Model) -> Option<HostName> {
    let view = &model.shown;
    match model.selected()? {
        Id::Host(name) => Some(name),
        Id::Slice(name) => {
            let (segment, slice) = view.fleet.slice(name.as_str())?;
            let facts = super::sides::SliceFacts::new(view, segment, slice, model.now);
            Some(
                facts
                    .primary()
                    .map_or_else(|| slice.preferred.clone(), |side| side.name.clone()),
            )
        }
        Id::Finding(_, subject) => subject.host,
        Id::Log(seq) => model.log.iter().find(|entry| entry.seq == seq)?.host.clone(),
        id @ (Id::Segment(_) | Id::Topology(_) | Id::Group(_)) => {
            let hosts = hosts_of_group(model, &id);
            hosts
                .iter()
                .filter_map(|name| view.host(name.as_str()))
                .max_by_key(|host| super::status::severity(host, model.now))
                .map(|host| host.name.clone())
        }
    }
}

fn hosts_of_group(model: &Model, id: &Id) -> Vec<HostName> {
    let fleet = &model.shown.fleet;
    match id {
        Id::Segment(name) => fleet
            .segments
            .iter()
            .find(|segment| segment.name == *name)
            .map_or_else(Vec::new, |segment| segment.servers.clone()),
        Id::Topology(name) => fleet
            .topologies
            .iter()
            .find(|topology| topology.name == *name)
            .map_or_else(Vec::new, |topology| topology.members.clone()),
        _ => model
            .groups
            .list
            .iter()
            .find(|group| group.id == *id)
            .map_or_else(Vec::new, |group| {
                group
                    .hosts
                    .iter()
                    .filter_map(|at| fleet.hosts.get(*at))
                    .map(|host| host.name.clone())
                    .collect()
            }),
    }
}

fn enter(model: &mut Model) {
    let Some(id) = model.selected() else {
        return;
    };
    match (&model.page, id) {
        (Page::List(ListKind::Fleet), id @ Id::Segment(_)) => jump(model, ListKind::Storage, &id),
        (Page::List(ListKind::Fleet), id @ Id::Topology(_)) => jump(model, ListKind::Database, &id),
        (_, Id::Segment(_) | Id::Topology(_) | Id::Group(_)) => fold(model, None),
        (Page::List(_), Id::Host(name)) => model.go(Page::Host(name)),
        (Page::List(_), Id::Slice(name)) => model.go(Page::Slice(name)),
        (_, Id::Finding(code, subject)) => {
            let found = model
                .shown
                .findings
                .iter()
                .find(|finding| finding.code == code && finding.subject == subject)
                .cloned();
            if let Some(finding) = found {
                open_finding(model, &finding);
            }
        }
        (_, Id::Log(seq)) => {
            if let Some(entry) = model.log.iter().find(|entry| entry.seq == seq) {
                let (title, text) = view::log::message(entry);
                model.layers.push(Layer::Message { title, text, scroll: 0 });
            }
        }
        (Page::Slice(_), _) => go_to_host(model, None),
        (Page::Host(_), _) => {}
    }
}

fn jump(model: &mut Model, kind: ListKind, id: &Id) {
    model.go(Page::List(kind));
    model.list_mut(kind).filter = Filter::default();
    model.select(id);
}

fn open_finding(model: &mut Model, finding: &Finding) {
    let subject = &finding.subject;
    let fleet = &model.shown.fleet;
    match (subject.kind, &subject.host) {
        (SubjectKind::Slice, _) => {
            if let Some((_, slice)) = fleet.slice(&subject.name) {
                let name = slice.name.clone();
                model.go(Page::Slice(name));
            }
        }
        (SubjectKind::Segment, _) => jump(model, ListKind::Storage, &Id::Segment((&*subject.name).into())),
        (SubjectKind::Topology, _) => jump(model, ListKind::Database, &Id::Topology((&*subject.name).into())),
        (_, Some(host)) => model.go(Page::Host(host.clone())),
        (_, None) => {}
    }
}

fn back(model: &mut Model) {
    if let Some(kind) = model.kind()
        && !model.list(kind).filter.is_empty()
    {
        model.list_mut(kind).filter = Filter::default();
        model.reorder();
        return;
    }
    if !model.go_back() {
        model.set_note(Severity::Ok, "this is where you came from; q quits");
    }
}

/// Folds or unfolds the group around the cursor; `None` turns it over.
fn fold(model: &mut Model, open: Option<bool>) {
    let Some(kind) = model.kind() else {
        return;
    };
    let list = model.list_mut(kind);
    let Some(at) = (0..=list.cursor.min(list.index.rows.len().saturating_sub(1)))
        .rev()
        .find(|at| list.index.rows.get(*at).is_some_and(|row| row.open.is_some()))
    else {
        return;
    };
    let head = &list.index.rows[at];
    // A group that shows only its troubled members opens fully before it closes.
    let wanted = open.unwrap_or(head.open == Some(false) || head.quiet > 0);
    let id = head.id.clone();
    list.folds.insert(id.clone(), wanted);
    if !wanted {
        list.selected = Some(id);
    }
    model.reorder();
}

fn fold_all(model: &mut Model) {
    let Some(kind) = model.kind() else {
        return;
    };
    let list = model.list_mut(kind);
    list.folds.clear();
    list.fold_all = match list.fold_all {
        FoldAll::Auto => FoldAll::Open,
        FoldAll::Open => FoldAll::Closed,
        FoldAll::Closed => FoldAll::Auto,
    };
    model.reorder();
}

fn open_filter(model: &mut Model) {
    let Some(kind) = model.kind() else {
        model.set_note(Severity::Ok, "nothing to filter on this page");
        return;
    };
    let before = model.list(kind).filter.clone();
    let line = LineEdit::new(&before.source);
    model.layers.push(Layer::Filter { line, kind, before });
}

fn next_sort(model: &mut Model) {
    let Some(kind) = model.kind() else {
        return;
    };
    let keys = SortKey::of(kind);
    let list = model.list_mut(kind);
    let at = keys.iter().position(|key| *key == list.sort).unwrap_or(0);
    list.sort = keys[(at + 1) % keys.len()];
    let text = format!("sorted by {}", list.sort.name());
    model.set_note(Severity::Ok, text);
    model.reorder();
}

pub(super) fn freeze(model: &mut Model) {
    if model.frozen.take().is_some() {
        model.show_live();
    } else {
        model.frozen = Some(model.now);
    }
}

pub(super) fn ask(model: &mut Model, requests: Vec<Request>, note: impl Into<String>) -> Vec<Effect> {
    model.set_note(Severity::Ok, note);
    requests.into_iter().map(Effect::Ask).collect()
}

fn poll_selected(model: &mut Model) -> Vec<Effect> {
    let hosts = match model.selected() {
        Some(id @ (Id::Segment(_) | Id::Topology(_) | Id::Group(_))) => hosts_of_group(model, &id),
        Some(Id::Slice(name)) => {
            let slice = model.shown.fleet.slice(name.as_str()).map(|(_, slice)| slice);
            slice
                .into_iter()
                .flat_map(|slice| std::iter::once(&slice.preferred).chain(&slice.standby))
                .cloned()
                .collect()
        }
        _ => host_of_selection(model).into_iter().collect(),
    };
    let note = match hosts.as_slice() {
        [] => return Vec::new(),
        [one] => format!("polling {one}"),
        more => format!("polling {} hosts", more.len()),
    };
    // The queue to the collector is bounded; a large group is asked for as a whole.
    if hosts.len() > 32 {
        return ask(model, vec![Request::PollNow(None)], "polling every host");
    }
    let requests = hosts.into_iter().map(|host| Request::PollNow(Some(host))).collect();
    ask(model, requests, note)
}

fn mouse(model: &mut Model, event: MouseEvent) {
    let step = match event.kind {
        MouseEventKind::ScrollDown => Action::Down,
        MouseEventKind::ScrollUp => Action::Up,
        MouseEventKind::Down(_) if model.layers.is_empty() => {
            if let Some(at) = screen::row_at(model, event.column, event.row) {
                model.touched();
                model.move_to(at);
            }
            return;
        }
        _ => return,
    };
    if model.wall.is_some() {
        return;
    }
    model.touched();
    if model.layers.is_empty() {
        for _ in 0..3 {
            move_cursor(model, step);
        }
    } else if model.layers.last().map(Layer::context) == Some(Context::Overlay) {
        overlay_action(model, step);
    }
}
