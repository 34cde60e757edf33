//! The Fleet page: segments, topologies and groups with their hosts, worst first.

use super::{
    Ctx, parts,
    table::{Cells, Column, layout, left, right},
};
use crate::{
    collect::HostView,
    console::{
        groups::Group,
        index::{Id, Row},
        sides::SliceFacts,
        status,
        text::{many, millis, seconds, span},
        theme::{Role, glyph_of, role_of},
        tree, words,
    },
    facts::{drbd::DrbdConnection, mysql::Mysql},
    fleet::{Segment, Topology, TopologyKind},
    verdict::{Severity, SubjectKind},
};
use ratatui::text::{Line, Span};
use std::sync::Arc;

const WIDE: &[Column] = &[
    left("HOST", 16, 32, 0),
    left("STATE", 13, 14, 0),
    left("SERVES / MOUNTS", 20, 44, 3),
    left("RAID", 18, 20, 4),
    left("REPLICATION", 17, 20, 2),
    left("LATENCY", 19, 30, 5),
    right("LOAD", 5, 6, 6),
    right("AGE", 5, 7, 1),
];

const NARROW: &[Column] = &[
    left("HOST", 11, 20, 0),
    left("STATE", 10, 13, 0),
    left("WHAT", 11, 60, 1),
    right("AGE", 5, 6, 2),
];

const MIDDLE: &[Column] = &[
    left("HOST", 13, 32, 0),
    left("STATE", 13, 14, 0),
    left("SERVES / MOUNTS", 23, 44, 0),
    left("RAID, REPLICATION", 21, 44, 0),
    right("AGE", 5, 7, 1),
];

/// Below this width there is one text column instead of four.
const PORTRAIT: u16 = 80;

/// Below this width arrays and replication share a column, so that neither is dropped.
const FULL: u16 = 94;

/// The columns at a width.
pub const fn columns(room: u16) -> &'static [Column] {
    match room {
        0..PORTRAIT => NARROW,
        PORTRAIT..FULL => MIDDLE,
        FULL.. => WIDE,
    }
}

/// The cells of a row.
pub fn row(ctx: &Ctx<'_>, room: u16, row: &Row) -> Cells {
    match &row.id {
        Id::Host(_) => host(ctx, room, row),
        _ => match ctx.model.groups.list.get(row.at) {
            Some(group) => head(ctx, room, row, group),
            None => Cells::Each(Vec::new()),
        },
    }
}

fn head(ctx: &Ctx<'_>, room: u16, row: &Row, group: &Group) -> Cells {
    let mark = if row.open == Some(true) { "▾" } else { "▸" };
    let name = ctx
        .line(Role::Text, format!("{mark} {}", group.name))
        .patch_style(bold());
    let members = || group.hosts.iter().filter_map(|at| ctx.view.hosts.get(*at));
    // A folded group must not hide who is merely busy.
    let busy = busy(ctx, members());
    let state = match &busy {
        Some(_) if row.severity <= Severity::Notice => ctx.line(Role::Notice, format!("{} busy", status::BUSY)),
        _ => ctx.state(row.severity, row.severity.word()),
    };
    let oldest = members().filter_map(|host| host.age(ctx.now)).max();
    let age = oldest.map_or_else(Line::default, |age| {
        ctx.line(Role::Dim, crate::console::text::tight_span(age))
    });
    let loads = members().filter_map(|host| status::load(host));
    let load = parts::number(ctx, loads.reduce(f64::max));
    let mut what = match &group.id {
        Id::Segment(name) => {
            let segment = ctx.view.fleet.segments.iter().find(|segment| segment.name == *name);
            segment.map_or_else(Line::default, |segment| slices(ctx, segment))
        }
        Id::Topology(name) => {
            let topology = ctx.view.fleet.topologies.iter().find(|topology| topology.name == *name);
            topology.map_or_else(Line::default, |topology| topology_line(ctx, topology))
        }
        _ => group_line(ctx, group),
    };
    let semi = members().filter(|host| status::semi_failed(ctx.view, host, ctx.now).is_some());
    let semi: Vec<Severity> = semi.map(|host| host.severity).collect();
    if let Some(worst) = semi.iter().max() {
        if !what.spans.is_empty() {
            what.spans.push(ctx.span(Role::Dim, "  "));
        }
        let text = format!("{} {} semi-failed", status::SEMI_FAILED, semi.len());
        what.spans.push(ctx.span(role_of(*worst), text));
    }
    if let Some(text) = busy.filter(|_| row.open != Some(true) || row.quiet > 0) {
        if !what.spans.is_empty() {
            what.spans.push(ctx.span(Role::Dim, "  "));
        }
        what.spans.push(ctx.span(Role::Notice, text));
    }
    if row.quiet > 0 {
        if !what.spans.is_empty() {
            what.spans.push(ctx.span(Role::Dim, "  "));
        }
        // A wall has no key that lists them.
        let key = if ctx.model.wall.is_some() { "" } else { " (l lists)" };
        what.spans
            .push(ctx.span(Role::Dim, format!("{} ok not listed{key}", row.quiet)));
    }
    if room < PORTRAIT {
        return Cells::Each(vec![name, state, what, age]);
    }
    let closed = row.open == Some(false);
    if let (Id::Segment(_), true) = (&group.id, closed) {
        let raid = members()
            .filter_map(|host| words::raid(ctx.view, host))
            .max_by(|a, b| a.0.cmp(&b.0));
        let replication = members()
            .filter_map(|host| words::replication(ctx.view, host))
            .max_by(|a, b| a.0.cmp(&b.0));
        let slowest = members().max_by(|a, b| {
            let of = |host: &HostView| status::latency_ms(host).unwrap_or(-1.0);
            of(a).total_cmp(&of(b))
        });
        let latency = slowest.map_or_else(Line::default, |host| latency(ctx, host));
        if room < FULL {
            return Cells::Each(vec![name, state, what, both(ctx, raid, replication), age]);
        }
        return Cells::Each(vec![
            name,
            state,
            what,
            parts::said(ctx, raid),
            parts::said(ctx, replication),
            latency,
            load,
            age,
        ]);
    }
    Cells::Across {
        first: vec![name, state],
        across: what,
        last: match (closed, room) {
            (true, FULL..) => vec![load, age],
            (true, _) => vec![age],
            (false, FULL..) => vec![Line::default(), Line::default()],
            (false, _) => vec![Line::default()],
        },
    }
}

/// Who of a group is busy: its name, or how many they are.
fn busy<'a>(ctx: &Ctx<'_>, members: impl Iterator<Item = &'a Arc<HostView>>) -> Option<String> {
    let mut busy = members.filter(|host| status::shown(ctx.view, host, ctx.now).sign == status::BUSY);
    let first = busy.next()?;
    Some(match busy.count() {
        0 => format!("{} {}", status::BUSY, first.name),
        more => format!("{} {} busy", status::BUSY, more + 1),
    })
}

fn bold() -> ratatui::style::Style {
    ratatui::style::Style::new().bold()
}

/// Each slice of a segment with its sign.
fn slices(ctx: &Ctx<'_>, segment: &Segment) -> Line<'static> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    for slice in &segment.slices {
        let found = ctx
            .view
            .findings
            .iter()
            .filter(|finding| {
                finding.subject.kind == SubjectKind::Slice && *finding.subject.name == *slice.name.as_str()
            })
            .map(|finding| finding.severity)
            .max()
            .unwrap_or_default();
        let facts = SliceFacts::new(ctx.view, segment, slice, ctx.now);
        let severity = if facts.sides.iter().all(|side| side.stale) {
            found.max(Severity::Unknown)
        } else {
            found
        };
        if !spans.is_empty() {
            spans.push(Span::raw("  "));
        }
        let short = slice
            .name
            .as_str()
            .strip_prefix("slice-")
            .unwrap_or(slice.name.as_str());
        spans.push(ctx.span(role_of(severity), format!("{short} {}", glyph_of(severity))));
    }
    Line::from(spans)
}

fn group_line(ctx: &Ctx<'_>, group: &Group) -> Line<'static> {
    let (mut good, mut wanted) = (0, 0);
    let mut unknown = 0;
    for at in &group.hosts {
        if let (Some(host), Some(seen)) = (ctx.view.fleet.hosts.get(*at), ctx.view.hosts.get(*at)) {
            let mounts = parts::mounts(host, seen);
            wanted += mounts.wanted;
            if !mounts.known || seen.is_stale(ctx.now) {
                unknown += mounts.wanted;
            } else {
                good += mounts.good;
            }
        }
    }
    let hosts = many(group.hosts.len(), "host");
    if wanted == 0 {
        return ctx.line(Role::Text, hosts);
    }
    let mut line = ctx.line(Role::Text, format!("{hosts} · {good} of {wanted} mounts"));
    if unknown > 0 {
        line.spans
            .push(ctx.span(Role::Unknown, format!(", {unknown} not known")));
    }
    line
}

/// A topology in one line.
pub fn topology_line(ctx: &Ctx<'_>, topology: &Topology) -> Line<'static> {
    let known: Vec<_> = topology
        .members
        .iter()
        .filter(|name| ctx.view.host(name.as_str()).is_some_and(|host| !host.is_stale(ctx.now)))
        .filter_map(|name| Some((name, tree::mysql(ctx.view, name.as_str())?)))
        .collect();
    if topology.kind == TopologyKind::Galera {
        let primary = known
            .iter()
            .filter(|(_, mysql)| {
                mysql
                    .galera
                    .as_ref()
                    .is_some_and(|galera| galera.cluster_status.as_str() == "Primary")
            })
            .count();
        return ctx.line(
            Role::Text,
            format!(
                "galera · {primary} of {} in the primary component",
                topology.members.len()
            ),
        );
    }
    let takes_writes = |mysql: &Mysql| mysql.channels.is_empty() && mysql.read_only == Some(false);
    let sources: Vec<&str> = known
        .iter()
        .filter(|(_, mysql)| takes_writes(mysql))
        .map(|(name, _)| name.as_str())
        .collect();
    let replicas = known.iter().filter(|(_, mysql)| !mysql.channels.is_empty()).count();
    let lag = known
        .iter()
        .filter_map(|(name, _)| status::lag(ctx.view.host(name.as_str())?))
        .reduce(f64::max);
    let mut writers = known.iter().filter(|(_, mysql)| takes_writes(mysql));
    let semi = writers.find_map(|(_, mysql)| mysql.semi_sync_as_source());
    let mut spans = vec![match sources.as_slice() {
        [] => ctx.span(Role::Unknown, "? no writable source seen"),
        [one] => ctx.span(Role::Text, format!("source {one}")),
        more => ctx.span(Role::Critical, format!("✖ sources {}", more.join(" and "))),
    }];
    let plural = if replicas == 1 { "" } else { "s" };
    spans.push(ctx.span(Role::Text, format!(" · {replicas} replica{plural}")));
    spans.push(match lag {
        Some(lag) => ctx.span(Role::Text, format!(", lag {}", seconds(lag))),
        None if replicas > 0 => ctx.span(Role::Unknown, ", lag ?"),
        None => Span::raw(""),
    });
    if let Some(semi) = semi {
        spans.push(if semi.active {
            ctx.span(Role::Text, " · semi-sync on")
        } else {
            ctx.span(Role::Warning, " · ▲ semi-sync fallen back")
        });
    }
    Line::from(spans)
}

fn host(ctx: &Ctx<'_>, room: u16, row: &Row) -> Cells {
    let (Some(host), Some(seen)) = (ctx.view.fleet.hosts.get(row.at), ctx.view.hosts.get(row.at)) else {
        return Cells::Each(Vec::new());
    };
    let name = ctx.line(Role::Text, format!("    {}", host.name));
    let state = state_in(ctx, seen, room);
    let age = parts::age(ctx, seen);
    let trouble = status::trouble(seen, ctx.now);
    if room < PORTRAIT {
        let name = ctx.line(Role::Text, format!(" {}", host.name));
        return Cells::Each(vec![name, state, short(ctx, seen, trouble), age]);
    }
    if let Some(trouble) = trouble {
        return Cells::Across {
            first: vec![name, state],
            across: ctx.line(Role::Stale, trouble),
            last: vec![age],
        };
    }
    let snapshot = seen.snapshot.as_ref();
    let volumes = snapshot.and_then(|snapshot| snapshot.drbd.value());
    let replication = match snapshot.and_then(|snapshot| snapshot.mysql.value()) {
        Some(mysql) if volumes.is_none() => super::database::threads_word(mysql),
        _ => words::replication(ctx.view, seen),
    };
    let raid = words::raid(ctx.view, seen);
    if raid.is_none() && replication.is_none() {
        // Neither arrays nor replication: the columns are free for the words on its mounts.
        return Cells::Across {
            first: vec![name, state],
            across: with_reason(ctx, seen, serves(ctx, host, seen)),
            last: if room < FULL {
                vec![age]
            } else {
                vec![latency(ctx, seen), parts::number(ctx, status::load(seen)), age]
            },
        };
    }
    if room < FULL {
        return Cells::Each(vec![
            name,
            state,
            serves(ctx, host, seen),
            both(ctx, raid, replication),
            age,
        ]);
    }
    Cells::Each(vec![
        name,
        state,
        serves(ctx, host, seen),
        parts::said(ctx, raid),
        parts::said(ctx, replication),
        latency(ctx, seen),
        parts::number(ctx, status::load(seen)),
        age,
    ])
}

/// The state of a host; where its column is narrow, the long word is cut where it still says what it is.
fn state_in(ctx: &Ctx<'_>, seen: &HostView, room: u16) -> Line<'static> {
    let wide = layout(columns(room), room).get(1).copied().flatten();
    let shown = status::shown(ctx.view, seen, ctx.now);
    let word = match wide {
        Some((_, 0..11)) if shown.sign == status::SEMI_FAILED => "semi",
        Some((_, 11..13)) if shown.sign == status::SEMI_FAILED => "semi-fail",
        _ => shown.word,
    };
    ctx.line(shown.role, format!("{} {word}", shown.sign))
}

/// The latency of a host: of its worst stream among its peers, with the newest of what matters most to it.
fn latency(ctx: &Ctx<'_>, seen: &HostView) -> Line<'static> {
    let Some((spark, ratio)) = super::latency::worst_of_host(ctx, seen.name.as_str(), 7) else {
        return parts::latency(ctx, seen, 7);
    };
    let mut line = Line::from(vec![spark, ratio]);
    if let Some(ms) = status::latency_ms(seen) {
        line.spans.push(ctx.span(Role::Dim, format!(" {}", millis(ms))));
    }
    line
}

/// Arrays and replication in one column: the worse of them, and the other one too unless it is well.
fn both(ctx: &Ctx<'_>, raid: Option<(Severity, String)>, replication: Option<(Severity, String)>) -> Line<'static> {
    let (first, second) = match (raid, replication) {
        (Some(raid), Some(replication)) if raid.0 > replication.0 => (raid, replication),
        (Some(raid), Some(replication)) => (replication, raid),
        (one, other) => return parts::said(ctx, one.or(other)),
    };
    let mut line = parts::said(ctx, Some(first));
    if second.0 > Severity::Ok {
        line.spans.push(ctx.span(Role::Dim, ", "));
        line.spans.extend(parts::said(ctx, Some(second)).spans);
    }
    line
}

/// What a host does, and the worst finding of its own that these words do not tell.
fn with_reason(ctx: &Ctx<'_>, seen: &HostView, mut line: Line<'static>) -> Line<'static> {
    let own = ctx.view.findings.iter().find(|finding| {
        finding.severity >= Severity::Warning
            && finding.subject.host.as_ref() == Some(&seen.name)
            && finding.subject.kind != SubjectKind::Mount
    });
    if let Some(finding) = own {
        if !line.spans.is_empty() {
            line.spans.push(Span::raw("  "));
        }
        let text = format!("{} {}: {}", glyph_of(finding.severity), finding.code, finding.evidence);
        line.spans.push(ctx.span(role_of(finding.severity), text));
    }
    line
}

/// What is wrong with a host, where there is room for a word or two.
fn short(ctx: &Ctx<'_>, seen: &HostView, trouble: Option<String>) -> Line<'static> {
    if let Some(trouble) = trouble {
        return ctx.line(Role::Stale, trouble);
    }
    let mut findings = ctx.view.findings_of(seen.name.as_str());
    let own = findings
        .clone()
        .find(|finding| finding.subject.host.as_ref() == Some(&seen.name));
    match own.or_else(|| findings.next()) {
        Some(finding) => Line::from(vec![
            ctx.span(role_of(finding.severity), finding.code.name()),
            ctx.span(Role::Dim, format!(" {}", span(ctx.now.since(finding.since)))),
        ]),
        None => ctx.line(
            Role::Dim,
            status::load(seen).map_or_else(String::new, |load| format!("load {load:.1}")),
        ),
    }
}

/// What a host serves or mounts.
fn serves(ctx: &Ctx<'_>, host: &crate::fleet::Host, seen: &HostView) -> Line<'static> {
    if let Some(segment) = ctx.view.fleet.segment_of(host.name.as_str()) {
        let mut spans = Vec::new();
        let mut all: Vec<SliceFacts<'_>> = segment
            .slices
            .iter()
            .map(|slice| SliceFacts::new(ctx.view, segment, slice, ctx.now))
            .collect();
        // What the host serves comes before what it holds a replica of.
        all.sort_by_key(|facts| !facts.primaries().any(|side| *side.name == host.name));
        for facts in &all {
            let slice = facts.slice;
            let short = slice
                .name
                .as_str()
                .strip_prefix("slice-")
                .unwrap_or(slice.name.as_str());
            let Some(side) = facts.sides.iter().find(|side| *side.name == host.name) else {
                continue;
            };
            if !spans.is_empty() {
                spans.push(ctx.span(Role::Dim, ", "));
            }
            // A word that is not known is no proof of being alone; the column beside it shows the word.
            let alone = side.volume.is_some_and(|volume| {
                !volume.connection.is_connected() && !matches!(volume.connection, DrbdConnection::Unknown(_))
            });
            let plain = if side.serves(slice) { Role::Text } else { Role::Dim };
            let word = if side.serves(slice) { "primary" } else { "standby" };
            let said = side.volume.map(|volume| words::volume(ctx.view, side.host, volume).0);
            spans.push(match said.filter(|_| alone) {
                Some(severity) if severity > Severity::Ok => {
                    ctx.span(role_of(severity), format!("{short} {word}, alone"))
                }
                Some(_) => ctx.span(plain, format!("{short} {word}, alone")),
                None => ctx.span(plain, format!("{short} {word}")),
            });
        }
        return Line::from(spans);
    }
    if let Some(mysql) = seen.snapshot.as_ref().and_then(|snapshot| snapshot.mysql.value()) {
        let mut text = tree::role(mysql).to_owned();
        if let Some(lag) = status::lag(seen) {
            text = format!("{text}, lag {}", seconds(lag));
        }
        return ctx.line(Role::Text, text);
    }
    parts::mounts_line(ctx, &parts::mounts(host, seen))
}
