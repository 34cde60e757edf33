//! What surrounds the page: header, banners, pinned findings, footer.

use super::{
    Ctx,
    counts::{Count, by_severity, counts},
    table::put,
};
use crate::{
    console::{
        advice,
        index::{ListKind, Row},
        keymap::{self, Context, Near},
        layer::Layer,
        model::Page,
        runbooks::runs::{self, RunLine},
        screen, status,
        text::{cells, clock, fit, many, since, span, tight_span, width},
        theme::{Role, glyph_of, role_of},
    },
    verdict::{Code, Finding, Severity},
};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line, Span},
};

/// The views on digits, as the footer names them: with little room, with some, with enough.
const VIEWS: [(&str, [&str; 3]); 9] = [
    ("1", ["fleet"; 3]),
    ("2", ["stor", "storage", "storage"]),
    ("3", ["db", "db", "database"]),
    ("4", ["host"; 3]),
    ("5", ["finds", "findings", "findings"]),
    ("6", ["log"; 3]),
    ("7", ["runbooks"; 3]),
    ("8", ["runs"; 3]),
    ("9", ["lat", "latency", "latency"]),
];

/// The line at the top: whose fleet, how it is, how late it is.
pub fn header(ctx: &Ctx<'_>, buffer: &mut Buffer, area: Rect) {
    let theme = ctx.theme();
    buffer.set_style(area, theme.style(Role::Header));
    let view = ctx.view;
    let mut left: Vec<Span<'static>> = vec![ctx.span(Role::Header, " ")];
    if area.width >= 100 {
        left.push(ctx.span(Role::Header, "pointsman  "));
    }
    left.push(ctx.span(Role::Header, fit(&view.fleet.name, area.width / 3)));
    if let Some(label) = view.fleet.label.as_ref().filter(|_| area.width >= 60) {
        left.push(ctx.span(Role::Header, " "));
        left.push(ctx.span(Role::Label, format!(" {} ", fit(label, area.width / 5))));
    }
    if ctx.model.mode.is_read_only() {
        let text = if area.width >= 60 { " READ-ONLY " } else { " RO " };
        left.push(ctx.span(Role::Header, " "));
        left.push(ctx.span(Role::Banner, text));
    }
    left.extend(crumb(ctx));
    let left = Line::from(left);
    // The fullest of these that fits beside the name; what is counted gives way last.
    let room = area.width.saturating_sub(cells(left.width()) + 1);
    let full = Summary {
        findings: true,
        hosts: Hosts::Words,
        own: area.width >= 140,
    };
    let signs = Summary {
        hosts: Hosts::Signs,
        own: false,
        ..full
    };
    let hosts = Summary {
        findings: false,
        ..signs
    };
    let least = Summary {
        hosts: Hosts::Bare,
        ..hosts
    };
    let choices = [full, Summary { own: false, ..full }, signs, hosts, least];
    let right = choices
        .into_iter()
        .map(|choice| summary(ctx, choice))
        .find(|line| cells(line.width()) <= room)
        .unwrap_or_else(|| summary(ctx, least));
    let used = cells(right.width()).min(area.width);
    put(buffer, area.x, area.y, area.width - used, &left, false);
    put(buffer, area.right() - used, area.y, used, &right, false);
}

/// How the header counts the hosts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hosts {
    /// `14 hosts  ✖ 1 critical`
    Words,
    /// `14 hosts ✖1`
    Signs,
    /// `✖1`
    Bare,
}

/// What the right half of the header says.
#[derive(Clone, Copy)]
struct Summary {
    /// How many findings there are.
    findings: bool,
    /// How many hosts there are.
    hosts: Hosts,
    /// The console's own load.
    own: bool,
}

/// Findings and hosts by state, the console's own load where there is room, and the time.
fn summary(ctx: &Ctx<'_>, choice: Summary) -> Line<'static> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    if screen::doubtful_in_header(ctx.model) {
        spans.push(ctx.span(Role::Banner, " latency? "));
    }
    let found = ctx.view.findings.len();
    if choice.findings && found > 0 {
        spans.push(ctx.span(Role::Header, format!(" {}", many(found, "finding"))));
        let of = |severity| {
            let same = ctx.view.findings.iter().filter(|finding| finding.severity == severity);
            same.count()
        };
        spans.extend(states(ctx, by_severity(of), false));
        spans.push(ctx.span(Role::Header, "  "));
    }
    if choice.hosts != Hosts::Bare {
        spans.push(ctx.span(Role::Header, format!(" {}", many(ctx.view.hosts.len(), "host"))));
    }
    spans.extend(states(ctx, counts(ctx), choice.hosts == Hosts::Words));
    if choice.own {
        let observer = &ctx.view.observer;
        let text = format!(
            "  console {:.0} % cpu, load {:.1}",
            observer.own_cpu_percent, observer.load
        );
        spans.push(ctx.span(Role::Header, text));
        spans.push(ctx.span(Role::Header, format!("  poll {}", span(ctx.view.fleet.poll.interval))));
    }
    spans.push(ctx.span(Role::Header, format!("  {} ", clock(ctx.now))));
    Line::from(spans)
}

/// Counts by severity as signs with their numbers, and words where there is room.
fn states(ctx: &Ctx<'_>, counts: Vec<Count>, words: bool) -> Vec<Span<'static>> {
    let theme = ctx.theme();
    counts
        .into_iter()
        .map(|one| {
            let style = theme
                .style(Role::Header)
                .patch(foreground(theme.severity(one.severity)));
            let text = if words {
                format!("  {} {} {}", one.sign, one.number, one.word)
            } else {
                format!(" {}{}", one.sign, one.number)
            };
            Span::styled(text, style)
        })
        .collect()
}

/// A severity's colour without its background: for the header, which has its own.
fn foreground(style: ratatui::style::Style) -> ratatui::style::Style {
    ratatui::style::Style { bg: None, ..style }
}

fn crumb(ctx: &Ctx<'_>) -> Option<Span<'static>> {
    let text = match &ctx.model.page {
        Page::List(ListKind::Fleet) => return None,
        Page::List(ListKind::Storage) => "storage".to_owned(),
        Page::List(ListKind::Database) => "database".to_owned(),
        Page::List(ListKind::Findings) => "findings".to_owned(),
        Page::List(ListKind::Log) => "log".to_owned(),
        Page::Host(name) => format!("host {name}"),
        Page::Slice(name) => format!("slice {name}"),
        Page::Latency => "latency".to_owned(),
        Page::Stream(stream) => format!("latency {}", stream.host),
        Page::Runbooks => "runbooks".to_owned(),
        Page::Runbook(name) => format!("runbook {name}"),
        Page::Run => "run".to_owned(),
        Page::Runs => "runs".to_owned(),
        Page::Report(_) => "report".to_owned(),
    };
    Some(ctx.span(Role::Header, format!("  › {text}")))
}

/// Banners: what makes everything below doubtful.
pub fn banners(ctx: &Ctx<'_>, buffer: &mut Buffer, area: Rect) {
    let model = ctx.model;
    let mut lines = Vec::new();
    if let Some(silent) = model.disconnected() {
        lines.push(format!(" NO DATA FOR {}: what is shown is old ", span(silent)));
    }
    if let Some(at) = model.frozen {
        lines.push(format!(
            " FROZEN at {}, {} ago; collection goes on, f thaws ",
            clock(at),
            span(ctx.now.since(at))
        ));
    }
    if let Some(error) = &ctx.view.reload_error {
        lines.push(format!(" inventory not taken, the old one is in force: {error} "));
    }
    lines.extend(model.practised.as_ref().map(|what| format!(" {what} ")));
    lines.extend(runs::banner(model));
    for (at, text) in lines.into_iter().enumerate().take(usize::from(area.height)) {
        let y = area.y + cells(at);
        buffer.set_style(Rect::new(area.x, y, area.width, 1), ctx.theme().style(Role::Banner));
        put(buffer, area.x, y, area.width, &ctx.line(Role::Banner, text), false);
    }
}

/// A finding in one line: sign, subject, evidence, since when.
pub fn finding_line(ctx: &Ctx<'_>, finding: &Finding, room: u16) -> Line<'static> {
    let age = ctx.now.since(finding.since);
    let tail = if room >= 90 {
        format!("  since {} ({})", since(finding.since, ctx.now), span(age))
    } else {
        format!(" {}", tight_span(age))
    };
    let role = role_of(finding.severity);
    // What is not seen any more may be down by now.
    let semi = finding.code == Code::SemiFailed && finding.severity != Severity::Unknown;
    let sign = if semi {
        status::SEMI_FAILED
    } else {
        glyph_of(finding.severity)
    };
    let head = format!("{sign} ");
    let subject = finding.subject.to_string();
    let text_room = room.saturating_sub(width(&head) + width(&tail));
    let text = match &finding.subject.host {
        Some(host) if semi => {
            let evidence = finding.evidence.strip_prefix(host.as_str()).map(str::trim_start);
            format!("{host} semi-failed: {}", evidence.unwrap_or(&finding.evidence))
        }
        _ if finding.evidence.starts_with(subject.as_str()) => finding.evidence.to_string(),
        // The evidence names the array or resource itself: only its host is wanting.
        Some(host) if finding.evidence.starts_with(&*finding.subject.name) => format!("{host}: {}", finding.evidence),
        _ => format!("{subject}: {}", finding.evidence),
    };
    let text = fit(&text, text_room);
    let pad = if room >= 90 {
        0
    } else {
        text_room.saturating_sub(width(&text))
    };
    Line::from(vec![
        ctx.span(role, head),
        ctx.span(role, text),
        Span::raw(" ".repeat(usize::from(pad))),
        ctx.span(Role::Dim, tail),
    ])
}

/// The worst findings, and what to do about the first.
pub fn pinned(ctx: &Ctx<'_>, buffer: &mut Buffer, area: Rect) {
    let (count, advice) = screen::pinned(ctx.model);
    let bad = ctx
        .view
        .findings
        .iter()
        .filter(|finding| finding.severity >= Severity::Warning);
    let more = more(bad.count().saturating_sub(count), area.width);
    let mut y = area.y;
    for (at, finding) in ctx.view.findings.iter().take(count).enumerate() {
        if y >= area.bottom() {
            return;
        }
        // The last line says how many there are that are not on screen.
        let used = if at + 1 == count { width(&more) } else { 0 };
        let room = area.width.saturating_sub(used);
        let mut line = finding_line(ctx, finding, room.saturating_sub(2));
        line.spans.insert(0, Span::raw(" "));
        put(buffer, area.x, y, room, &line, false);
        if used > 0 {
            let line = ctx.line(Role::Accent, more.clone());
            put(buffer, area.x + room, y, used, &line, false);
        }
        y += 1;
        if at == 0 && advice && y < area.bottom() {
            let text = format!("   → {}", advice::advice(ctx.view, finding, ctx.now));
            put(buffer, area.x, y, area.width, &ctx.line(Role::Accent, text), false);
            y += 1;
        }
    }
}

/// How many findings are not pinned, and the key that lists them.
fn more(count: usize, room: u16) -> String {
    match (count, room) {
        (0, _) => String::new(),
        (1, 100..) => "  1 more finding: key 5 ".to_owned(),
        (_, 100..) => format!("  {count} more findings: key 5 "),
        (_, 60..) => format!("  {count} more: key 5 "),
        _ => format!(" +{count} "),
    }
}

/// A line across.
pub fn rule(ctx: &Ctx<'_>, buffer: &mut Buffer, area: Rect) {
    if area.height > 0 {
        let text = "─".repeat(usize::from(area.width));
        buffer.set_string(area.x, area.y, text, ctx.theme().style(Role::Rule));
    }
}

/// The line above the page: a doubt about every latency below it has room there and moves nothing.
pub fn upper_rule(ctx: &Ctx<'_>, buffer: &mut Buffer, area: Rect) {
    rule(ctx, buffer, area);
    let observer = &ctx.view.observer;
    if area.height > 0 && observer.doubtful {
        let why = format!(
            "(cpu {:.0} %, timer {:.0} ms late) ",
            observer.cpu_percent, observer.lateness_ms
        );
        let why = if area.width < 100 { "" } else { &why };
        let text = format!(" ▲ latency doubtful: this machine is starved {why}");
        let line = ctx.line(Role::Warning, text);
        put(buffer, area.x + 2, area.y, area.width.saturating_sub(24), &line, false);
    }
}

/// Marks what is wrong in rows that are scrolled off the screen: above at the line over the list (or at
/// the names of its columns), below at the line under it (or on its last row).
pub fn off_screen(ctx: &Ctx<'_>, buffer: &mut Buffer, areas: &screen::Areas) {
    // What the log tells is over; it is not wrong now.
    let Some(kind) = ctx.model.kind().filter(|kind| *kind != ListKind::Log) else {
        return;
    };
    let list = ctx.model.list(kind);
    let rows = &list.index.rows;
    let first = list.offset.min(rows.len());
    let end = (first + screen::rows_of_list(ctx.model)).min(rows.len());
    let body = areas.body;
    let above = if areas.rule.height > 0 { areas.rule.y } else { body.y };
    let below = if areas.lower_rule.height > 0 && areas.side.y <= body.y {
        areas.lower_rule.y
    } else {
        body.bottom().saturating_sub(1)
    };
    let marks = [
        (&rows[..first], above, "↑", "above: "),
        (&rows[end..], below, "↓", "below: "),
    ];
    for (rows, y, arrow, word) in marks {
        let Some((worst, count)) = worst_of(rows) else {
            continue;
        };
        let (word, what) = if body.width < 60 {
            ("", "")
        } else {
            (word, worst.word())
        };
        let line = Line::from(vec![
            ctx.span(Role::Accent, format!(" {arrow} {word}")),
            ctx.span(role_of(worst), format!("{} {count} {what} ", glyph_of(worst))),
        ]);
        let wide = cells(line.width()).min(body.width);
        put(buffer, body.right() - wide, y, wide, &line, false);
    }
}

/// The worst that is wrong among rows, and how often. An open group's head is counted by its members.
fn worst_of(rows: &[Row]) -> Option<(Severity, usize)> {
    let bad = |row: &&Row| row.severity >= Severity::Warning && row.open != Some(true);
    let worst = rows.iter().filter(bad).map(|row| row.severity).max()?;
    Some((
        worst,
        rows.iter().filter(bad).filter(|row| row.severity == worst).count(),
    ))
}

/// The line at the bottom: what is typed, a note, or the keys.
pub fn footer(ctx: &Ctx<'_>, buffer: &mut Buffer, area: Rect) -> Option<Position> {
    let model = ctx.model;
    let filtered = filtered(ctx);
    let right = Line::from(filtered.into_iter().collect::<Vec<_>>());
    let used = cells(right.width()).min(area.width);
    put(buffer, area.right() - used, area.y, used, &right, false);
    let room = area.width - used;
    if let Some(Layer::Filter { line, .. }) = model.layers.last() {
        let before = line.before();
        let text = Line::from(vec![ctx.span(Role::Accent, " /"), ctx.span(Role::Text, line.text())]);
        put(buffer, area.x, area.y, room, &text, false);
        let x = area.x + (2 + width(&before)).min(room.saturating_sub(1));
        return Some(Position::new(x, area.y));
    }
    if let Some((severity, note)) = model.note() {
        let line = Line::from(vec![
            Span::raw(" "),
            ctx.sign(severity),
            ctx.span(Role::Text, format!(" {note}")),
        ]);
        put(buffer, area.x, area.y, room, &line, false);
        return None;
    }
    let context = model.layers.last().map_or(Context::Page, Layer::context);
    put(buffer, area.x, area.y, room, &keys(ctx, context, room), false);
    None
}

/// What the filter hides, always said.
fn filtered(ctx: &Ctx<'_>) -> Option<Span<'static>> {
    let list = ctx.model.list(ctx.model.kind()?);
    if list.filter.is_empty() {
        return None;
    }
    if let Some(problem) = &list.filter.problem {
        let columns = ctx.model.size.0;
        let room = (columns / 2).max(columns.saturating_sub(width(&list.filter.source) + 6));
        return Some(ctx.span(Role::Warning, format!(" {} ", fit(problem, room))));
    }
    let typing = matches!(ctx.model.layers.last(), Some(Layer::Filter { .. }));
    let what = if typing {
        String::new()
    } else {
        format!("/{} ", list.filter.source)
    };
    let text = format!(" {what}{} of {} hidden ", list.index.hidden, list.index.total);
    Some(ctx.span(Role::Banner, fit(&text, ctx.model.size.0 * 2 / 3)))
}

/// The page's own keys, where they would do something now.
fn near(ctx: &Ctx<'_>) -> Option<Near> {
    if ctx.model.page == Page::Latency {
        return Some(Near::Latency);
    }
    let runs = &ctx.model.works.as_ref()?.runs;
    match &ctx.model.page {
        Page::Run => runs.under_way().map(|_| Near::Run),
        Page::Runs => runs.line().filter(|line| line.is_open()).map(|_| Near::Runs),
        Page::Report(id) => {
            let open = |line: &&RunLine| line.id == *id && line.is_open();
            runs.lines.iter().find(open).map(|_| Near::Runs)
        }
        _ => None,
    }
}

fn keys(ctx: &Ctx<'_>, context: Context, room: u16) -> Line<'static> {
    let here = match &ctx.model.page {
        Page::List(ListKind::Fleet) => 0,
        Page::List(ListKind::Storage) | Page::Slice(_) => 1,
        Page::List(ListKind::Database) => 2,
        Page::Host(_) => 3,
        Page::List(ListKind::Findings) => 4,
        Page::List(ListKind::Log) => 5,
        Page::Runbooks | Page::Runbook(_) => 6,
        Page::Run | Page::Runs | Page::Report(_) => 7,
        Page::Latency | Page::Stream(_) => 8,
    };
    let may_act = ctx.model.works.is_some();
    let near = near(ctx).filter(|_| context == Context::Page);
    let mut views: Vec<Span<'static>> = Vec::new();
    if context == Context::Page {
        if near.is_some() && room < 130 {
            // The keys of the page need the room: the other views are one word.
            views.push(ctx.span(Role::Accent, " 1–9"));
            views.push(ctx.span(Role::Dim, " views"));
        } else {
            for (at, (digit, [short, middle, name])) in VIEWS.iter().enumerate() {
                // Two are of a process that may act.
                if !may_act && (6..8).contains(&at) {
                    continue;
                }
                // Narrow: only the present view is named, the others are their digits.
                let name = match room {
                    130.. => *name,
                    100.. => *middle,
                    76.. => *short,
                    _ if at == here => *name,
                    _ => "",
                };
                views.push(ctx.span(Role::Accent, format!(" {digit}")));
                let role = if at == here { Role::Selection } else { Role::Dim };
                views.push(ctx.span(role, name));
            }
        }
    }
    let help = match context {
        Context::Page => "  ? help ",
        _ => "",
    };
    let mut line = Line::from(Vec::<Span<'static>>::new());
    let fixed = cells(Line::from(views.clone()).width()) + width(help);
    let mut left = room.saturating_sub(fixed);
    let paused = ctx.model.works.as_ref().is_some_and(|works| {
        let run = works.runs.under_way();
        run.is_some_and(|run| run.paused)
    });
    for (key, label) in keymap::hints(context, may_act, near).filter(|(_, label)| *label != "help") {
        let label = if label == "pause" && paused { "go on" } else { label };
        let wide = width(key) + width(label) + 3;
        if wide > left {
            break;
        }
        left -= wide;
        line.spans.push(ctx.span(Role::Accent, format!(" {key}")));
        line.spans.push(ctx.span(Role::Dim, format!(" {label} ")));
    }
    line.spans.extend(views);
    if !help.is_empty() {
        line.spans.push(ctx.span(Role::Accent, "  ?"));
        line.spans.push(ctx.span(Role::Dim, " help"));
    }
    line
}
