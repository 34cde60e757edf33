//! The ways through the console: moving the cursor, going in, jumping and coming back. Pure.

use super::{
    filter::Filter,
    index::{FoldAll, Id, ListKind},
    keymap::Action,
    layer::Layer,
    matrix::StreamName,
    model::{Model, Page},
    screen, view,
};
use crate::{
    fleet::HostName,
    verdict::{Code, Finding, Severity, SubjectKind, latency::Op},
};

pub(super) fn move_cursor(model: &mut Model, action: Action) {
    if super::runbooks::move_cursor(model, action) {
        return;
    }
    if model.page == Page::Latency {
        return move_in_matrix(model, action);
    }
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
    // On a page of findings every open one is a problem, and none of them is passed over.
    let (least, what) = match kind {
        ListKind::Findings => (Severity::Notice, "open finding"),
        _ => (Severity::Warning, "problem"),
    };
    let bad = |row: &super::index::Row| row.severity >= least;
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
        Action::NextProblem | Action::PreviousProblem => {
            let next = action == Action::NextProblem;
            let onward = if next {
                rows.iter().skip(at + 1).position(bad).map(|found| at + 1 + found)
            } else {
                rows.iter().take(at).rposition(bad)
            };
            // Past the last comes the first again: what is above must not be forgotten.
            let around = if next {
                rows.iter().position(bad)
            } else {
                rows.iter().rposition(bad)
            };
            match (onward, around) {
                (Some(found), _) => found,
                (None, Some(found)) if found != at => {
                    let end = if next { "top" } else { "end" };
                    model.set_note(Severity::Ok, format!("on from the {end}"));
                    found
                }
                (None, Some(_)) => {
                    return model.set_note(Severity::Ok, format!("there is no other {what} on this page"));
                }
                (None, None) => return model.set_note(Severity::Ok, format!("there is no {what} on this page")),
            }
        }
        _ => return,
    };
    model.move_to(to);
}

/// Moves the cursor over the cells of the latency matrix.
fn move_in_matrix(model: &mut Model, action: Action) {
    if let Action::NextProblem | Action::PreviousProblem = action {
        match model.matrix.problem(action == Action::NextProblem) {
            Some((row, column)) => model.matrix.go(row, column),
            None => return model.set_note(Severity::Ok, "there is no other slow cell here; o shows other work"),
        }
    } else {
        let (rows, listed) = screen::rows_of_matrix(model);
        model.matrix.walk(action, rows, listed);
    }
    model.follow_matrix();
}

/// Opens the Latency page: with what is blamed or in alarm, else as it was left.
pub(super) fn go_to_latency(model: &mut Model) {
    if model.page != Page::Latency {
        model.matrix.enter(&model.shown.latency);
        model.go(Page::Latency);
    }
}

/// Shows another kind of work.
pub(super) fn turn_op(model: &mut Model, onward: bool) {
    if model.page != Page::Latency {
        return model.set_note(Severity::Ok, "that is a key of the Latency page (9)");
    }
    model.matrix.turn(onward);
    model.reorder();
}

pub(super) fn clamp_scroll(model: &mut Model) {
    if model.kind().is_none() && model.scroll > 0 {
        let room = screen::areas(model).body.height;
        let lines = view::document_height(model);
        model.scroll = model.scroll.min(lines.saturating_sub(room));
    }
}

pub(super) fn turn_page(model: &mut Model, onward: bool) {
    // The page of a host has no name before one is chosen.
    let mut pages = vec![
        Some(Page::List(ListKind::Fleet)),
        Some(Page::List(ListKind::Storage)),
        Some(Page::List(ListKind::Database)),
        None,
        Some(Page::List(ListKind::Findings)),
        Some(Page::List(ListKind::Log)),
    ];
    if model.works.is_some() {
        pages.push(Some(Page::Runbooks));
        pages.push(Some(Page::Runs));
    }
    pages.push(Some(Page::Latency));
    let at = match &model.page {
        Page::Slice(_) => 1,
        Page::Host(_) => 3,
        Page::Runbook(_) => 6,
        Page::Run | Page::Report(_) => 7,
        Page::Stream(_) => pages.len() - 1,
        page => pages.iter().position(|known| known.as_ref() == Some(page)).unwrap_or(0),
    };
    let by = if onward { 1 } else { pages.len() - 1 };
    match pages.swap_remove((at + by) % pages.len()) {
        Some(Page::Latency) => go_to_latency(model),
        Some(page) => model.go(page),
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

pub(super) fn host_of_selection(model: &Model) -> Option<HostName> {
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
        Id::Cleared(seq) => model.past.find(seq)?.finding.subject.host.clone(),
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

pub(super) fn hosts_of_group(model: &Model, id: &Id) -> Vec<HostName> {
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

pub(super) fn enter(model: &mut Model) {
    if model.page == Page::Latency {
        return open_cell(model);
    }
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
        (_, Id::Cleared(seq)) => {
            if let Some(finding) = model.past.find(seq).map(|cleared| cleared.finding.clone()) {
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
        _ => {}
    }
}

/// Opens the stream under the cursor of the latency matrix.
fn open_cell(model: &mut Model) {
    let told = model
        .matrix
        .cell()
        .and_then(|cell| model.shown.latency.told(cell.stream));
    match told {
        Some(told) => model.go(Page::Stream(StreamName {
            host: told.host,
            op: told.op,
            name: told.name,
        })),
        None => model.set_note(Severity::Ok, "there is no such stream"),
    }
}

/// Opens the Latency page at what a finding about a path or about peers names.
fn jump_to_latency(model: &mut Model, finding: &Finding) {
    let name = &finding.subject.name;
    let latency = &model.shown.latency;
    let ops = latency.ops();
    let named = ops.iter().copied().find(|op| name.ends_with(op.word()));
    let polled = ops
        .iter()
        .copied()
        .find(|op| *op == Op::Poll && name.starts_with("console"));
    let blamed = || {
        let mut blamed = latency.blamed().into_iter();
        blamed
            .find(|one| one.hosts.iter().all(|host| finding.hosts.contains(host)))
            .map(|one| one.op)
    };
    let op = named.or(polled).or_else(blamed);
    model.matrix.enter(&model.shown.latency);
    model.go(Page::Latency);
    if let Some(op) = op {
        model.matrix.choose(op);
        model.reorder();
    }
    if let (SubjectKind::Path, Some(host)) = (finding.subject.kind, finding.hosts.first())
        && model.matrix.grid.as_ref().is_some_and(|grid| grid.op == Op::Poll)
    {
        model.matrix.select_host(host);
        model.follow_matrix();
    }
}

/// Opens a list at one of its rows.
pub(super) fn jump(model: &mut Model, kind: ListKind, id: &Id) {
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
        (SubjectKind::Path | SubjectKind::Group, _) => jump_to_latency(model, finding),
        (_, Some(host)) => model.go(Page::Host(host.clone())),
        (_, None) if finding.code == Code::GroupSlow => jump_to_latency(model, finding),
        (_, None) => {}
    }
}

pub(super) fn back(model: &mut Model) {
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
pub(super) fn fold(model: &mut Model, open: Option<bool>) {
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

pub(super) fn fold_all(model: &mut Model) {
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
