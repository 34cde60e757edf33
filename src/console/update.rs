//! What a message does to the model, and what it asks of the world. Pure.

use super::{
    index::{Id, ListKind, SortKey},
    input::LineEdit,
    keymap::{self, Action, Context},
    layer::{Help, Layer},
    model::{Model, Page},
    palette::Palette,
    runbooks::{
        self,
        offers::Asked,
        runs::{self, RunLine, Steer},
    },
    screen,
    theme::Theme,
    typing::{line_action, overlay_action, paste},
    view,
    walk::{
        back, clamp_scroll, enter, fold, fold_all, go_to_host, go_to_latency, host_of_selection, hosts_of_group,
        move_cursor, turn_op, turn_page,
    },
};
use crate::{
    collect::{FleetView, Request},
    conduct::Progress,
    facts::UnixMs,
    remote::log::LogEntry,
    runbook::{
        check::Refusal,
        plan::{Plan, Rule},
    },
    verdict::Severity,
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
    /// The process is asked to stop until it is continued, as a shell's ctrl-z does.
    Stop,
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
    /// The plan of that number was made, or why there is none.
    Planned(u64, Result<Box<Plan>, Vec<Refusal>>),
    /// A run has begun, or is gone on with; or why not.
    Began(Result<(), Vec<Refusal>>),
    /// How far the run of this process is.
    Progress(Arc<Progress>),
    /// The runs of the journal, newest first; or why it cannot be read.
    Runs(Result<Vec<RunLine>, String>),
    /// The report of a run, or why there is none.
    Report(String, Result<String, String>),
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
    /// Look at hosts and make a plan, under this number.
    Plan(u64, Asked),
    /// Nobody waits for the plan of that number any more.
    DropPlan(u64),
    /// Begin the run of the plan of that number: it was consented to.
    Begin(u64),
    /// Tell the run of this process.
    Steer(Steer),
    /// Go on with a run of the journal.
    GoOn(String, Vec<(Rule, String)>),
    /// Take a run of the journal back.
    TakeBack(String),
    /// Read the runs of the journal.
    ReadRuns,
    /// Read the report of a run.
    ReadReport(String),
    /// Let a fault happen in a rehearsal.
    Fault(String),
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
        Msg::Stop => runs::suspend(model),
        Msg::View(view) => {
            model.take_view(view);
            runbooks::renew_menu(model);
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
            // A host falls silent by the time alone.
            runbooks::renew_menu(model);
            if let Some(mut wall) = model.wall.clone() {
                let rows = model.list(wall.page()).index.rows.len();
                let parts = rows.div_ceil(view::wall_rows(model)).max(1);
                wall.tick(&model.shown, model.now, parts);
                show_wall_page(model, wall);
            }
            // Other processes write into the journal too.
            if model.page == Page::Runs {
                vec![Effect::ReadRuns]
            } else {
                Vec::new()
            }
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
        Msg::Planned(number, result) => {
            runbooks::planned(model, number, result);
            Vec::new()
        }
        Msg::Began(result) => runs::began(model, result),
        Msg::Progress(progress) => runs::progressed(model, progress),
        Msg::Runs(result) => {
            if let Some(works) = &mut model.works {
                works.runs.take(result);
            }
            Vec::new()
        }
        Msg::Report(run, result) => {
            if let Some(works) = &mut model.works {
                works.runs.report = Some((run, result));
            }
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
    let action = keymap::action(context, model.works.is_some(), event);
    if let Some(wall) = model.wall.clone() {
        return wall_key(model, wall, action);
    }
    model.touched();
    // A note is about the key before: it must not hide what the next one leads to.
    model.drop_note();
    match (context, action) {
        (_, Some(Action::Suspend)) => runs::suspend(model),
        // Typed ahead for a plan that is not there yet, Enter must not throw it away.
        (Context::Overlay, Some(Action::Cancel)) if event.code == KeyCode::Enter && runbooks::is_making(model) => {
            Vec::new()
        }
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
        (Context::Overlay, Some(action)) => overlay_action(model, action),
        (Context::Menu, Some(action)) => runbooks::menu_action(model, action),
        (Context::Consent, action) => runbooks::consent_key(model, action, event),
        (Context::Page, Some(action)) => page_action(model, action),
        (Context::Leave, Some(action)) => runs::leave_action(model, action),
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
        Action::Latency => go_to_latency(model),
        Action::NextOp | Action::PreviousOp => turn_op(model, action == Action::NextOp),
        Action::Runbooks => model.go(Page::Runbooks),
        Action::Runs => return runs::open(model),
        Action::Pause | Action::CancelRun | Action::GoOn => return runs::run_action(model, action),
        Action::Menu => runbooks::open_menu(model),
        Action::Host => go_to_host(model, None),
        Action::NextPage => turn_page(model, true),
        Action::PreviousPage => turn_page(model, false),
        Action::Enter => {
            return runbooks::enter(model).unwrap_or_else(|| {
                enter(model);
                Vec::new()
            });
        }
        Action::Back => back(model),
        Action::Fold | Action::Unfold if model.page == Page::Latency => move_cursor(model, action),
        Action::Fold => fold(model, Some(false)),
        Action::Unfold => fold(model, Some(true)),
        Action::FoldAll => fold_all(model),
        Action::Filter => open_filter(model),
        Action::Palette => {
            let palette = Palette::open(&model.shown, &model.library, model.works.is_some());
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
        Action::All => show_all(model),
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
        Action::Quit => return runs::quit(model),
        motion => move_cursor(model, motion),
    }
    Vec::new()
}

fn open_filter(model: &mut Model) {
    let Some(kind) = model.kind() else {
        model.set_note(Severity::Ok, "nothing to filter on this page");
        if model.page == Page::Latency {
            // What is typed next is meant as words: a name to go to, and no keys.
            let palette = Palette::open(&model.shown, &model.library, model.works.is_some());
            model.layers.push(Layer::Palette(palette));
        }
        return;
    };
    let before = model.list(kind).filter.clone();
    let line = LineEdit::new(&before.source);
    model.layers.push(Layer::Filter { line, kind, before });
}

fn next_sort(model: &mut Model) {
    if model.page == Page::Latency {
        model.matrix.hottest = !model.matrix.hottest;
        let how = if model.matrix.hottest {
            "the hottest rows first"
        } else {
            "rows as in the inventory"
        };
        model.set_note(Severity::Ok, how);
        return model.reorder();
    }
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

/// Shows or leaves out what is not needed at once.
fn show_all(model: &mut Model) {
    let Some(kind @ (ListKind::Findings | ListKind::Log)) = model.kind() else {
        return model.set_note(Severity::Ok, "everything is shown on this page");
    };
    let list = model.list_mut(kind);
    list.all = !list.all;
    let text = match (kind, list.all) {
        (ListKind::Log, true) => "every entry is shown",
        (ListKind::Log, false) => "repeats of the poll loop are counted, not listed",
        (_, true) => "cleared findings are shown below the open ones",
        (_, false) => "cleared findings are not shown",
    };
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
            } else if let Some((row, column)) = screen::cell_at(model, event.column, event.row) {
                model.touched();
                model.matrix.go(row, column);
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
        let _ = overlay_action(model, step);
    }
}
