//! The wall: read from five metres. A large word, a large clock, the large age of what is shown; what is
//! wrong pinned; pages turning only while nothing is critical.

use super::{Ctx, big, columns, counts::counts, frame, row_cells, screen, table};
use crate::{
    console::{
        index::ListKind,
        model::Model,
        text::{cells, clock, fit, many, span, tight_span, time_of_day, width},
        theme::{Role, role_of},
        wall::Wall,
    },
    verdict::{Finding, Severity},
};
use ratatui::{buffer::Buffer, layout::Rect, text::Line};

/// Below this size block letters leave no room for anything else.
const BIG: (u16, u16) = (72, 22);

/// Draws it.
pub fn draw(ctx: &Ctx<'_>, buffer: &mut Buffer) {
    let screen = buffer.area;
    let silent = ctx.model.disconnected();
    let mut top = if screen.width >= BIG.0 && screen.height >= BIG.1 {
        large(ctx, buffer)
    } else {
        small(ctx, buffer)
    };
    let below = top;
    let count = usize::from(pinned(ctx.model, top));
    for finding in ctx.view.findings.iter().filter(|finding| pins(finding)).take(count) {
        let line = frame::finding_line(ctx, finding, screen.width.saturating_sub(1));
        table::put(buffer, screen.x + 1, top, screen.width.saturating_sub(1), &line, false);
        top += 1;
    }
    frame::rule(ctx, buffer, Rect::new(0, top, screen.width, 1));
    let body = Rect::new(0, top + 1, screen.width, screen.height.saturating_sub(top + 2));
    if let Some(kind) = ctx.model.kind() {
        let list = ctx.model.list(kind);
        let shown = usize::from(body.height.saturating_sub(1)).max(1);
        let part = ctx.model.wall.as_ref().map_or(0, Wall::part);
        let columns = columns(ctx, kind, body.width);
        table::draw(ctx, buffer, body, list, part * shown, columns, |row| {
            row_cells(ctx, kind, body.width, row)
        });
        let parts = list.index.rows.len().div_ceil(shown);
        if parts > 1 {
            let text = format!(" part {} of {parts}, worst first ", part + 1);
            let line = ctx.line(Role::Dim, text);
            let wide = cells(line.width());
            table::put(
                buffer,
                screen.width.saturating_sub(wide),
                screen.height - 1,
                wide,
                &line,
                false,
            );
        }
        foot(ctx, buffer, kind);
    }
    if silent.is_some() {
        let style = ctx.theme().style(Role::Stale);
        buffer.set_style(Rect::new(0, below, screen.width, screen.height - below), style);
    }
}

/// The letters of the state word: as large as the screen allows beside the list.
const fn letters(screen: (u16, u16)) -> big::Scale {
    big::Scale::of(match screen {
        (300.., 80..) => 3,
        (200.., 56..) => 2,
        _ => 1,
    })
}

/// The letters of the numbers below it, where there is room for them.
const fn numbers(screen: (u16, u16)) -> Option<big::Scale> {
    match letters(screen).down {
        _ if screen.1 < 40 => None,
        3 => Some(big::Scale::of(2)),
        _ => Some(big::Scale::of(1)),
    }
}

/// Rows above the pinned findings.
const fn top(screen: (u16, u16)) -> u16 {
    if screen.0 < BIG.0 || screen.1 < BIG.1 {
        return 3;
    }
    let numbers = match numbers(screen) {
        Some(scale) => scale.height() + 1,
        None => 0,
    };
    2 + letters(screen).height() + 1 + numbers + 2
}

/// Whether a finding is pinned above the pages: a large WARNING that does not say which helps nobody.
fn pins(finding: &Finding) -> bool {
    finding.severity >= Severity::Warning
}

/// How many findings are pinned below so many rows.
fn pinned(model: &Model, top: u16) -> u16 {
    let wanted = model.shown.findings.iter().filter(|finding| pins(finding)).take(6);
    cells(wanted.count()).min(model.size.1.saturating_sub(top + 4))
}

/// Rows of the list that fit on the screen.
pub fn rows(model: &Model) -> u16 {
    let top = top(model.size);
    // The rule, the names of the columns and the foot take a row each.
    model.size.1.saturating_sub(top + pinned(model, top) + 3)
}

/// The worst state of the fleet.
fn worst(ctx: &Ctx<'_>) -> Severity {
    let hosts = counts(ctx).into_iter().map(|one| one.severity).max();
    let found = ctx
        .view
        .findings
        .first()
        .map(|finding| finding.severity)
        .unwrap_or_default();
    hosts.map_or(found, |severity| severity.max(found))
}

/// Block letters: state word, clock, counts; gives the first free row.
fn large(ctx: &Ctx<'_>, buffer: &mut Buffer) -> u16 {
    let screen = buffer.area;
    let theme = ctx.theme();
    names(ctx, buffer, 0);
    let (word, style) = if ctx.model.disconnected().is_some() {
        ("NO DATA".to_owned(), theme.style(Role::Stale))
    } else {
        let worst = worst(ctx);
        (worst.word().to_uppercase(), theme.severity(worst))
    };
    // The picture moves one cell every minute: a still one burns into the panel.
    let shift = u16::try_from(ctx.now.0 / 60_000 % 3).unwrap_or(0);
    let size = (screen.width, screen.height);
    let scale = letters(size);
    big::draw(buffer, 1 + shift, 2, &word, scale, style);
    let used = 1 + shift + scale.width(&word) + 3;
    let left = large_clock(ctx, buffer, used, scale);
    large_age(ctx, buffer, used, left, scale);
    let mut y = 2 + scale.height() + 1;
    if let Some(scale) = numbers(size) {
        large_counts(ctx, buffer, (1 + shift, y), scale);
        y += scale.height() + 1;
    }
    let line = age_line(ctx);
    table::put(buffer, 1, y, screen.width.saturating_sub(1), &line, false);
    y + 2
}

/// The time at the right edge, as long and as large as there is room for right of `used`; gives where it begins.
fn large_clock(ctx: &Ctx<'_>, buffer: &mut Buffer, used: u16, scale: big::Scale) -> u16 {
    let screen = buffer.area;
    let time = time_of_day(ctx.now);
    let choices = [
        (&time[..], scale),
        (&time[..5], scale),
        (&time[..], big::Scale::NARROW),
        (&time[..5], big::Scale::NARROW),
    ];
    for (time, scale) in choices {
        // Three cells for the name of the zone beside it.
        let wide = scale.width(time) + 5;
        if used + wide <= screen.width {
            let x = screen.width - wide;
            let style = ctx.theme().style(Role::Text);
            big::draw(buffer, x, 2, time, scale, style);
            let bottom = 1 + scale.height();
            buffer.set_string(screen.width - 4, bottom, "UTC", ctx.theme().style(Role::Dim));
            return x;
        }
    }
    screen.width
}

/// How old the picture is, between the word and the clock if it fits there.
fn large_age(ctx: &Ctx<'_>, buffer: &mut Buffer, used: u16, right: u16, scale: big::Scale) {
    let silent = ctx.model.disconnected();
    let age = tight_span(silent.unwrap_or(ctx.now.since(ctx.view.at))).to_uppercase();
    let style = ctx
        .theme()
        .style(if silent.is_some() { Role::Stale } else { Role::Dim });
    for scale in [scale, big::Scale::of(1)] {
        let wide = scale.width(&age) + 8;
        if used + wide <= right {
            let x = right - wide;
            big::draw(buffer, x, 2, &age, scale, style);
            buffer.set_string(x + scale.width(&age) + 1, 1 + scale.height(), "old", style);
            return;
        }
    }
}

/// How many hosts are in each state; a state that no host is in is left out.
fn large_counts(ctx: &Ctx<'_>, buffer: &mut Buffer, at: (u16, u16), scale: big::Scale) {
    let (mut x, y) = at;
    for one in counts(ctx) {
        let count = one.number.to_string();
        let style = ctx.theme().style(role_of(one.severity));
        if x + scale.width(&count) + 12 > buffer.area.width {
            break;
        }
        big::draw(buffer, x, y, &count, scale, style);
        x += scale.width(&count) + 1;
        buffer.set_string(x, y + scale.height() - 1, one.word, style);
        x += width(one.word) + 3;
    }
}

/// The same in plain letters for a small screen.
fn small(ctx: &Ctx<'_>, buffer: &mut Buffer) -> u16 {
    let screen = buffer.area;
    names(ctx, buffer, 0);
    let worst = worst(ctx);
    let line = match ctx.model.disconnected() {
        Some(_) => ctx.line(Role::Stale, "NO DATA"),
        None => ctx.state(worst, &worst.word().to_uppercase()),
    };
    table::put(buffer, 1, 1, screen.width.saturating_sub(1), &line, false);
    let age = age_line(ctx);
    table::put(buffer, 1, 2, screen.width.saturating_sub(1), &age, false);
    3
}

fn names(ctx: &Ctx<'_>, buffer: &mut Buffer, y: u16) {
    let screen = buffer.area;
    buffer.set_style(Rect::new(0, y, screen.width, 1), ctx.theme().style(Role::Header));
    let mut line = ctx.line(
        Role::Header,
        format!(" {}  ", fit(&ctx.view.fleet.name, screen.width / 2)),
    );
    if let Some(label) = &ctx.view.fleet.label {
        line.spans
            .push(ctx.span(Role::Label, format!(" {} ", fit(label, screen.width / 4))));
    }
    line.spans.push(ctx.span(Role::Banner, " READ-ONLY "));
    table::put(buffer, 0, y, screen.width, &line, false);
    let time = ctx.line(Role::Header, format!("{} ", clock(ctx.now)));
    let wide = cells(time.width());
    table::put(buffer, screen.width.saturating_sub(wide), y, wide, &time, false);
}

/// How old the picture is, and how many hosts are in which state.
fn age_line(ctx: &Ctx<'_>) -> Line<'static> {
    if let Some(silent) = ctx.model.disconnected() {
        return ctx.line(Role::Banner, format!(" no data for {} ", span(silent)));
    }
    let updated = span(ctx.now.since(ctx.view.at));
    let hosts = many(ctx.view.hosts.len(), "host");
    let mut line = ctx.line(Role::Text, format!("updated {updated} ago   {hosts}"));
    // Where the numbers stand above in large letters they need not be said again.
    let size = ctx.model.size;
    let told = size.0 >= BIG.0 && size.1 >= BIG.1 && numbers(size).is_some();
    for one in counts(ctx).into_iter().filter(|_| !told) {
        line.spans.push(ctx.span(Role::Text, "   "));
        let text = format!("{} {} {}", one.sign, one.number, one.word);
        line.spans.push(ctx.span(role_of(one.severity), text));
    }
    if ctx.view.observer.doubtful {
        line.spans.push(ctx.span(Role::Warning, "   ▲ latency doubtful"));
    }
    line
}

fn foot(ctx: &Ctx<'_>, buffer: &mut Buffer, kind: ListKind) {
    let screen = buffer.area;
    let name = match kind {
        ListKind::Fleet => "fleet",
        ListKind::Storage => "storage",
        ListKind::Database => "database",
        ListKind::Findings => "findings",
        ListKind::Log => "log",
    };
    let held = ctx
        .view
        .findings
        .iter()
        .any(|finding| finding.severity == Severity::Critical);
    let text = if held {
        format!(" {name}, held: something is critical")
    } else {
        format!(" {name}")
    };
    let line = ctx.line(Role::Dim, text);
    let room = (screen.width * 2 / 3).min(50);
    table::put(buffer, 0, screen::areas(ctx.model).footer.y, room, &line, false);
}
