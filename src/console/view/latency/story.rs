//! The text beside the matrix: who is blamed and why, the cell under the cursor, and whose word does not count.

use super::Ctx;
use crate::{
    collect::FleetView,
    console::{
        matrix::{Level, Matrix},
        runbooks::offers::could_help,
        screen, status,
        text::{since, span, width, wrap},
        theme::{Role, role_of},
    },
    verdict::{
        Code, Finding, Severity,
        latency::{Blamed, Excuse, Grid, Op},
    },
};
use ratatui::text::Line;

/// Hosts whose word does not count that are named with the reason.
const BUSY_NAMED: usize = 3;

/// Who is blamed and why, the cell under the cursor, and whose word does not count.
pub fn story(ctx: &Ctx<'_>, room: u16) -> Vec<Line<'static>> {
    let matrix = &ctx.model.matrix;
    let Some(grid) = &matrix.grid else {
        return vec![
            ctx.line(
                Role::Text,
                " Nothing is timed yet: two looks at the counters of a host are needed.",
            ),
            ctx.line(
                Role::Dim,
                " Disks, NFS mounts, polls and database servers appear here by themselves.",
            ),
        ];
    };
    let mut out = Vec::new();
    let mut say = |role: Role, indent: &str, text: &str| {
        let lines = wrap(text, room.saturating_sub(width(indent) + 1));
        for (at, line) in lines.into_iter().enumerate() {
            let first = if at == 0 || indent.is_empty() {
                indent.to_owned()
            } else {
                " ".repeat(usize::from(width(indent)))
            };
            out.push(Line::from(vec![
                ctx.span(Role::Dim, format!(" {first}")),
                ctx.span(role, line),
            ]));
        }
    };
    let listed = screen::areas(ctx.model).body.width < 60;
    verdict(ctx, grid, &mut say);
    if let Some((title, why)) = under_cursor(ctx, grid, matrix) {
        if !listed {
            say(Role::Title, "", &title);
        }
        say(Role::Text, "", &why);
    }
    if listed {
        return out;
    }
    let busy = grid.rows.iter().filter(|row| !row.busy.is_empty());
    for row in busy.clone().take(BUSY_NAMED) {
        let counted = row.cells.iter().flatten().any(|cell| cell.counts);
        let what = if counted { "counts half" } else { "is not counted" };
        say(Role::Dim, "░ ", &format!("what {} sees {what}: {}", row.host, row.busy));
    }
    let more = busy.count().saturating_sub(BUSY_NAMED);
    if more > 0 {
        say(Role::Dim, "░ ", &format!("and {more} more busy hosts"));
    }
    out
}

/// Who is to blame, or that nobody is.
fn verdict(ctx: &Ctx<'_>, grid: &Grid, say: &mut impl FnMut(Role, &str, &str)) {
    let view = ctx.view;
    if grid.op == Op::Poll && (view.latency.is_uplink() || view.observer.doubtful) {
        say(
            Role::Warning,
            "▲ ",
            "the console or its uplink is slow: no poll is judged, nobody is blamed",
        );
        return;
    }
    let mut blamed = false;
    for one in &grid.blamed {
        let lasts = ctx.now.since(one.since);
        let times = one.ratio_percent as f32 / 100.0;
        let agree = match one.agree {
            (_, 0 | 1) => String::new(),
            (agree, of) => format!(" ({agree} of {of} agree)"),
        };
        if let Some(why) = &one.held_back {
            // Not blamed, and why not, is a sentence of its own: nobody is suspected for having much to do.
            let (sign, text) = match (why.strip_prefix("busy: "), why.strip_prefix("explained: ")) {
                (Some(load), _) => ("░ ", format!("is busy, not blamed: {times:.1}× its own past at {load}")),
                (None, Some(cause)) => (
                    "◆ ",
                    format!("is not blamed: {times:.1}× its own past, explained: {cause}"),
                ),
                (None, None) => ("▂ ", format!("is suspected, {times:.1}× its own past: {why}")),
            };
            say(Role::Notice, sign, &format!("{} {text}", one.who));
            continue;
        }
        blamed = true;
        let text = format!(
            "blamed: {}{agree}, {} {times:.1}× since {} ({})",
            one.who,
            one.op,
            since(one.since, ctx.now),
            span(lasts)
        );
        say(Role::Critical, "◐ ", &text);
        if let Some(finding) = finding_of(view, one) {
            say(Role::Text, "why: ", &finding.evidence);
            if let Some(help) = could_help(view, finding, ctx.now, ctx.model.works.is_some()) {
                say(Role::Accent, "→ ", &help);
            }
        }
    }
    // A server whose disk is slow is framed before its clients accuse it.
    let framed = grid.columns.iter().filter(|column| column.blamed);
    for host in framed.filter_map(|column| column.host.as_ref()) {
        let named = grid.blamed.iter().any(|one| one.hosts.contains(host));
        let finding = view
            .findings
            .iter()
            .find(|finding| finding.code == Code::SemiFailed && finding.subject.host.as_ref() == Some(host));
        if let Some(finding) = finding.filter(|_| !named) {
            blamed = true;
            let text = format!("{host} {}: {}", code_word(finding.code), finding.evidence);
            say(role_of(finding.severity), "◐ ", &text);
        }
    }
    excuses(ctx, grid, say);
    if !grid.op.is_nfs() {
        for finding in of_hosts(view, grid, &ctx.model.matrix).take(3) {
            // What is slow together, or explained, is no host's fault.
            let together = finding.code == Code::GroupSlow;
            blamed |= !together;
            let sign = if together { "◆ " } else { "◐ " };
            let subject = finding.subject.to_string();
            let evidence = finding.evidence.strip_prefix(subject.as_str()).map(str::trim_start);
            let evidence = evidence.unwrap_or(&finding.evidence);
            let text = format!("{subject} {}: {evidence}", code_word(finding.code));
            say(role_of(finding.severity), sign, &text);
        }
    }
    if !blamed {
        say(Role::Ok, "● ", "nobody is blamed");
    }
}

/// Why servers are not blamed that have much to do, or do something that explains what their clients see.
fn excuses(ctx: &Ctx<'_>, grid: &Grid, say: &mut impl FnMut(Role, &str, &str)) {
    for column in &grid.columns {
        // What is suspected and held back says so itself.
        let told = |one: &Blamed| one.held_back.is_some() && one.hosts.first() == column.host.as_ref();
        if ctx.view.latency.blamed().iter().any(told) {
            continue;
        }
        match &column.excuse {
            Some(Excuse::Busy(what)) => {
                say(
                    Role::Notice,
                    "░ ",
                    &format!("{} is busy, not blamed: {what}", column.name),
                );
            }
            Some(Excuse::Explained(cause)) => {
                say(Role::Notice, "◆ ", &format!("{} is not blamed: {cause}", column.name));
            }
            None => {}
        }
    }
}

/// A code as people say it.
const fn code_word(code: Code) -> &'static str {
    match code {
        Code::SemiFailed => "semi-failed",
        Code::Stalled => "stalled",
        Code::Silent => "silent",
        Code::GroupSlow => "slow together",
        _ => "slow",
    }
}

/// The finding that tells of an accusation.
fn finding_of<'a>(view: &'a FleetView, blamed: &Blamed) -> Option<&'a Finding> {
    let told = |finding: &&Finding| matches!(finding.code, Code::SemiFailed | Code::PathSlow | Code::GroupSlow);
    let about = |finding: &&Finding| match (finding.code, blamed.hosts.as_slice()) {
        (Code::SemiFailed, [host]) => {
            finding.subject.host.as_ref() == Some(host) || finding.evidence.contains(&blamed.who)
        }
        (Code::SemiFailed, _) => false,
        _ => finding.evidence.contains(&blamed.who),
    };
    view.findings.iter().filter(told).find(about)
}

/// Findings about hosts that have a stream in alarm on this page, where no matrix blames anybody.
fn of_hosts<'a>(view: &'a FleetView, grid: &'a Grid, matrix: &'a Matrix) -> impl Iterator<Item = &'a Finding> {
    let alarmed = |finding: &Finding| {
        let rows = grid.rows.iter().enumerate();
        let shows = |row, column| matrix.is_framed(row, column) || matrix.excuse(row, column).is_some();
        let mut alarmed = rows.filter(|(row, _)| (0..grid.columns.len()).any(|column| shows(*row, column)));
        alarmed.any(|(_, row)| finding.concerns(row.host.as_str()))
    };
    view.findings.iter().filter(move |finding| {
        let latency = matches!(
            finding.code,
            Code::SemiFailed | Code::Stalled | Code::Silent | Code::GroupSlow | Code::PathSlow
        );
        latency && finding.severity > Severity::Ok && alarmed(finding)
    })
}

/// The cell under the cursor: its ends, and why it is called what it is.
fn under_cursor(ctx: &Ctx<'_>, grid: &Grid, matrix: &Matrix) -> Option<(String, String)> {
    let row = grid.rows.get(matrix.row)?;
    grid.columns.get(matrix.column)?;
    let title = between(grid, matrix.row, matrix.column);
    let latency = &ctx.view.latency;
    let Some(cell) = matrix.cell() else {
        return Some((title, "there is no such stream".to_owned()));
    };
    let level = matrix.level(matrix.row, matrix.column);
    if level == Level::Unknown {
        let seen = ctx.view.host(row.host.as_str());
        let trouble = seen.and_then(|seen| status::trouble(seen, ctx.now));
        let trouble = trouble.unwrap_or_else(|| "it cannot be seen".to_owned());
        return Some((title, format!("not known: {} {trouble}", row.host)));
    }
    let why = latency.why(cell.stream).unwrap_or_else(|| "it is gone".to_owned());
    Some((title, why))
}

/// The two ends of a cell.
pub(super) fn between(grid: &Grid, row: usize, column: usize) -> String {
    let (host, column) = (&grid.rows[row].host, &grid.columns[column]);
    match &column.host {
        Some(server) => format!("{host} → {server}"),
        None if matches!(grid.op, Op::Poll) => format!("console → {host}"),
        None if matches!(grid.op, Op::Mysql) => host.to_string(),
        None => format!("{host} {}", column.name),
    }
}
