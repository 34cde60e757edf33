//! The Storage page: slices by segment, who serves them, and how they are replicated.

use super::{
    Ctx, parts,
    table::{Cells, Column, left, right},
};
use crate::{
    console::{
        index::{Id, Row},
        sides::{Side, SliceFacts},
        status,
        theme::{Role, role_of},
        words,
    },
    facts::drbd::DrbdDisk,
    verdict::Severity,
};
use ratatui::text::Line;

const WIDE: &[Column] = &[
    left("SLICE", 14, 30, 0),
    left("STATE", 11, 13, 0),
    left("PRIMARY", 10, 24, 0),
    left("REPLICATION", 17, 20, 1),
    left("DISKS HERE/PEER", 21, 24, 5),
    left("RAID", 18, 20, 4),
    right("FULL", 5, 6, 3),
    left("EXPORT", 8, 14, 6),
    left("CLIENTS", 8, 12, 2),
    left("ADDRESS", 15, 22, 7),
    right("AGE", 5, 7, 8),
];

const NARROW: &[Column] = &[
    left("SLICE", 9, 20, 0),
    left("STATE", 11, 13, 1),
    left("PRIMARY", 7, 24, 0),
    left("REPLICATION", 10, 20, 0),
];

/// The columns at a width.
pub const fn columns(room: u16) -> &'static [Column] {
    if room < 70 { NARROW } else { WIDE }
}

/// The cells of a row.
pub fn row(ctx: &Ctx<'_>, row: &Row) -> Cells {
    let Some(segment) = ctx.view.fleet.segments.get(row.at) else {
        return Cells::Each(Vec::new());
    };
    if let Id::Segment(name) = &row.id {
        let mark = if row.open == Some(true) { "▾" } else { "▸" };
        let mut across = Line::default();
        for server in &segment.servers {
            let Some(host) = ctx.view.host(server.as_str()) else {
                continue;
            };
            if !across.spans.is_empty() {
                across.spans.push(ctx.span(Role::Dim, "  "));
            }
            let shown = status::shown(ctx.view, host, ctx.now);
            across.spans.push(ctx.span(shown.role, shown.sign));
            across.spans.push(ctx.span(Role::Text, format!(" {server}")));
            if shown.is_about_speed() {
                across.spans.push(ctx.span(shown.role, format!(" {}", shown.word)));
            }
            if let Some(said) = words::raid(ctx.view, host).filter(|said| said.0 > Severity::Ok) {
                across.spans.push(ctx.span(Role::Dim, " raid "));
                across.spans.extend(parts::said(ctx, Some(said)).spans);
            }
        }
        return Cells::Across {
            first: vec![
                ctx.line(Role::Text, format!("{mark} {name}"))
                    .patch_style(ratatui::style::Style::new().bold()),
                ctx.state(row.severity, row.severity.word()),
            ],
            across,
            last: Vec::new(),
        };
    }
    let Some(slice) = segment.slices.get(row.sub) else {
        return Cells::Each(Vec::new());
    };
    let facts = SliceFacts::new(ctx.view, segment, slice, ctx.now);
    slice_cells(ctx, row, &facts)
}

fn slice_cells(ctx: &Ctx<'_>, row: &Row, facts: &SliceFacts<'_>) -> Cells {
    let slice = facts.slice;
    let primary = facts.primary();
    // Without a primary any side that can be seen tells of the replication.
    let told = primary.or_else(|| facts.sides.iter().find(|side| side.volume.is_some()));
    let stale = told.is_none_or(|side| side.stale);
    let fade = |line: Line<'static>| if stale { parts::faded(ctx, line) } else { line };
    let volume = told.and_then(|side| side.volume);
    let word = told.and_then(|side| Some(words::volume(ctx.view, side.host, side.volume?)));
    let disks = volume.map_or_else(
        || ctx.line(Role::Dim, "–"),
        |volume| {
            let good = volume.disk == DrbdDisk::UpToDate && volume.peer_disk == DrbdDisk::UpToDate;
            let severity = word.as_ref().map_or(Severity::Ok, |word| word.0);
            let role = if good || severity == Severity::Ok {
                Role::Text
            } else {
                role_of(severity)
            };
            ctx.line(role, format!("{}/{}", volume.disk, volume.peer_disk))
        },
    );
    let replication = match (&word, &slice.resource) {
        (Some((severity, word)), _) => parts::said(ctx, Some((*severity, word.clone()))),
        (None, None) => ctx.line(Role::Dim, "not replicated"),
        (None, Some(_)) => ctx.line(Role::Unknown, "? not known"),
    };
    let raid = told.and_then(|side| words::raid(ctx.view, side.host));
    let full = primary.and_then(|side| side.usage).map_or_else(
        || ctx.line(Role::Dim, "?"),
        |usage| ctx.line(Role::Text, format!("{:.0} %", usage.used_percent)),
    );
    let address = slice.service_address.map_or_else(Line::default, |wanted| {
        let here = primary.and_then(|side| side.address);
        let role = if here == Some(false) { Role::Warning } else { Role::Text };
        let mark = if here == Some(false) { "▲ not here " } else { "" };
        ctx.line(role, format!("{mark}{}", wanted.ip))
    });
    Cells::Each(vec![
        ctx.line(Role::Text, format!("  {}", slice.name)),
        ctx.state(row.severity, row.severity.word()),
        fade(primary_line(ctx, facts)),
        fade(replication),
        fade(disks),
        fade(parts::said(ctx, raid)),
        fade(full),
        fade(export(ctx, facts)),
        clients(ctx, facts),
        fade(address),
        told.map_or_else(Line::default, |side| parts::age(ctx, side.host)),
    ])
}

/// Who serves a slice.
pub fn primary_line(ctx: &Ctx<'_>, facts: &SliceFacts<'_>) -> Line<'static> {
    let primaries: Vec<&Side<'_>> = facts.primaries().collect();
    match primaries.as_slice() {
        [] if facts.sides.iter().all(|side| side.stale) => ctx.line(Role::Unknown, "? not known"),
        [] => ctx.line(Role::Critical, "✖ nobody"),
        [one] => {
            let shown = status::shown(ctx.view, one.host, ctx.now);
            let away = *one.name != facts.slice.preferred;
            let text = if away {
                format!("{} (away)", one.name)
            } else {
                one.name.to_string()
            };
            // Whoever waits for the slice waits for this host.
            match (shown.is_about_speed(), away) {
                (true, _) => ctx.line(shown.role, format!("{} {text}", shown.sign)),
                (false, true) => ctx.line(Role::Notice, format!("◆ {text}")),
                (false, false) => ctx.line(Role::Text, text),
            }
        }
        more => {
            let names: Vec<&str> = more.iter().map(|side| side.name.as_str()).collect();
            ctx.line(Role::Critical, format!("✖ {}", names.join(" and ")))
        }
    }
}

/// Whether the primary exports the slice.
pub fn export(ctx: &Ctx<'_>, facts: &SliceFacts<'_>) -> Line<'static> {
    let Some(wanted) = &facts.slice.export else {
        return ctx.line(Role::Dim, "none wanted");
    };
    match facts.primary().map(|side| side.exports(facts.slice)) {
        None | Some(None) => ctx.line(Role::Unknown, "? not known"),
        Some(Some(exports)) if exports.is_empty() => ctx.line(Role::Critical, "✖ missing"),
        Some(Some(exports)) => {
            let present = |client: &String| exports.iter().any(|export| *export.client == **client);
            if wanted.clients.iter().all(present) {
                ctx.line(Role::Text, "exported")
            } else {
                ctx.line(Role::Warning, "▲ in part")
            }
        }
    }
}

/// How many of the nodes that should mount a slice do, and have an answer from it.
pub fn clients(ctx: &Ctx<'_>, facts: &SliceFacts<'_>) -> Line<'static> {
    let (mut good, mut wanted, mut unknown) = (0, 0, 0);
    for client in facts.clients(ctx.view) {
        wanted += 1;
        match client.answers() {
            _ if client.view.is_stale(ctx.now) => unknown += 1,
            Some(true) => good += 1,
            Some(false) => {}
            None => unknown += 1,
        }
    }
    if wanted == 0 {
        return ctx.line(Role::Dim, "–");
    }
    let text = format!("{good} of {wanted}");
    if unknown > 0 {
        ctx.line(Role::Unknown, format!("? {text}"))
    } else if good == 0 {
        ctx.line(Role::Critical, format!("✖ {text}"))
    } else if good < wanted {
        ctx.line(Role::Warning, format!("▲ {text}"))
    } else {
        ctx.line(Role::Text, text)
    }
}
