//! What surrounds the page: header, banners, pinned findings, footer.

use super::{Ctx, table::put};
use crate::{
    console::{
        index::ListKind,
        keymap::{self, Context},
        layer::Layer,
        model::Page,
        screen, status,
        text::{cells, clock, fit, since, span, tight_span, width},
        theme::{Role, glyph_of, role_of},
    },
    verdict::{Finding, Severity},
};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line, Span},
};

/// The views on digits, as the footer names them.
const VIEWS: [(&str, &str); 6] = [
    ("1", "fleet"),
    ("2", "storage"),
    ("3", "database"),
    ("4", "host"),
    ("5", "findings"),
    ("6", "log"),
];

/// How many hosts are in each state, worst first.
pub fn counts(ctx: &Ctx<'_>) -> [(Severity, usize); 5] {
    let mut counts = [
        (Severity::Critical, 0),
        (Severity::Unknown, 0),
        (Severity::Warning, 0),
        (Severity::Notice, 0),
        (Severity::Ok, 0),
    ];
    for host in &ctx.view.hosts {
        let severity = status::severity(host, ctx.now);
        if let Some(count) = counts.iter_mut().find(|(of, _)| *of == severity) {
            count.1 += 1;
        }
    }
    counts
}

/// The line at the top: whose fleet, how it is, how late it is.
pub fn header(ctx: &Ctx<'_>, buffer: &mut Buffer, area: Rect) {
    let theme = ctx.theme();
    buffer.set_style(area, theme.style(Role::Header));
    let view = ctx.view;
    let mut left: Vec<Span<'static>> = vec![ctx.span(Role::Header, " ")];
    if area.width >= 80 {
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
    // Words give way to signs where both do not fit beside the name.
    let room = area.width.saturating_sub(cells(left.width()) + 1);
    let full = summary(ctx, true, area.width >= 140);
    let right = if cells(full.width()) <= room {
        full
    } else {
        summary(ctx, false, false)
    };
    let used = cells(right.width()).min(area.width);
    put(buffer, area.x, area.y, area.width - used, &left, false);
    put(buffer, area.right() - used, area.y, used, &right, false);
}

/// Hosts by state, the console's own load where there is room, and the time.
fn summary(ctx: &Ctx<'_>, words: bool, own: bool) -> Line<'static> {
    let theme = ctx.theme();
    let mut spans: Vec<Span<'static>> = Vec::new();
    if words {
        spans.push(ctx.span(Role::Header, format!("{} hosts ", ctx.view.hosts.len())));
    }
    for (severity, count) in counts(ctx).into_iter().filter(|(_, count)| *count > 0) {
        let style = theme.style(Role::Header).patch(foreground(theme.severity(severity)));
        let text = if words {
            format!(" {} {count} {} ", glyph_of(severity), severity.word())
        } else {
            format!(" {}{count}", glyph_of(severity))
        };
        spans.push(Span::styled(text, style));
    }
    if own {
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
    if ctx.view.observer.doubtful {
        lines.push(format!(
            " latency doubtful: this console is starved (cpu {:.0} %, timer {:.0} ms late) ",
            ctx.view.observer.cpu_percent, ctx.view.observer.lateness_ms
        ));
    }
    for (at, text) in lines.into_iter().enumerate().take(usize::from(area.height)) {
        let y = area.y + cells(at);
        buffer.set_style(Rect::new(area.x, y, area.width, 1), ctx.theme().style(Role::Banner));
        put(buffer, area.x, y, area.width, &ctx.line(Role::Banner, text), false);
    }
}

/// A finding in one line: sign, subject, evidence, since when.
pub fn finding_line(ctx: &Ctx<'_>, finding: &Finding, room: u16) -> Line<'static> {
    let age = ctx.now.since(finding.since);
    let tail = if room >= 100 {
        format!("  since {} ({})", since(finding.since, ctx.now), span(age))
    } else {
        format!(" {}", tight_span(age))
    };
    let role = role_of(finding.severity);
    let head = format!("{} ", glyph_of(finding.severity));
    let subject = finding.subject.to_string();
    let text_room = room.saturating_sub(width(&head) + width(&tail));
    let text = match &finding.subject.host {
        _ if finding.evidence.starts_with(subject.as_str()) => finding.evidence.to_string(),
        // The evidence names the array or resource itself: only its host is wanting.
        Some(host) if finding.evidence.starts_with(&*finding.subject.name) => format!("{host}: {}", finding.evidence),
        _ => format!("{subject}: {}", finding.evidence),
    };
    let text = fit(&text, text_room);
    let pad = if room >= 100 {
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
    let mut y = area.y;
    for (at, finding) in ctx.view.findings.iter().take(count).enumerate() {
        if y >= area.bottom() {
            return;
        }
        let more = ctx
            .view
            .findings
            .iter()
            .filter(|finding| finding.severity >= Severity::Warning)
            .count();
        let mut line = finding_line(ctx, finding, area.width.saturating_sub(2));
        line.spans.insert(0, Span::raw(" "));
        put(buffer, area.x, y, area.width, &line, false);
        y += 1;
        if at == 0 && advice && y < area.bottom() {
            let mut text = format!("   → {}", finding.code.advice());
            if more > count {
                text = format!("{text}  ({} more: 5)", more - count);
            }
            put(buffer, area.x, y, area.width, &ctx.line(Role::Accent, text), false);
            y += 1;
        }
    }
}

/// A line across.
pub fn rule(ctx: &Ctx<'_>, buffer: &mut Buffer, area: Rect) {
    if area.height > 0 {
        let text = "─".repeat(usize::from(area.width));
        buffer.set_string(area.x, area.y, text, ctx.theme().style(Role::Rule));
    }
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
        return Some(ctx.span(Role::Warning, format!(" {} ", fit(problem, ctx.model.size.0 / 2))));
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

fn keys(ctx: &Ctx<'_>, context: Context, room: u16) -> Line<'static> {
    let here = match &ctx.model.page {
        Page::List(ListKind::Fleet) => 0,
        Page::List(ListKind::Storage) | Page::Slice(_) => 1,
        Page::List(ListKind::Database) => 2,
        Page::Host(_) => 3,
        Page::List(ListKind::Findings) => 4,
        Page::List(ListKind::Log) => 5,
    };
    let mut views: Vec<Span<'static>> = Vec::new();
    if context == Context::Page {
        for (at, (digit, name)) in VIEWS.iter().enumerate() {
            // Narrow: only the present view is named, the others are their digits.
            let name = if room >= 76 || at == here { *name } else { "" };
            views.push(ctx.span(Role::Accent, format!(" {digit}")));
            let role = if at == here { Role::Selection } else { Role::Dim };
            views.push(ctx.span(role, name));
        }
    }
    let help = match context {
        Context::Page => "  ? help ",
        Context::Overlay | Context::Line => "",
    };
    let mut line = Line::from(Vec::<Span<'static>>::new());
    let fixed = cells(Line::from(views.clone()).width()) + width(help);
    let mut left = room.saturating_sub(fixed);
    for (key, label) in keymap::hints(context).filter(|(_, label)| *label != "help") {
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
