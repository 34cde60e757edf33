//! The catalogue of runbooks, one of them in full, and the menu of those that apply to something.

use super::{Ctx, document, overlay::frame, table::put};
use crate::{
    console::{
        runbooks::{
            Menu,
            offers::{Asked, Offer, doubt},
        },
        text::{cells, width, wrap},
        theme::Role,
    },
    runbook::{
        check,
        definition::{Definition, Kind, Parameter, ValueKind},
    },
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

/// The word of a kind.
pub const fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Planned => "planned",
        Kind::Emergency => "EMERGENCY",
    }
}

/// Words behind a head of so many cells, wrapped; the head stands on the first line only.
pub fn hanging(ctx: &Ctx<'_>, head: &Span<'static>, role: Role, text: &str, room: u16) -> Vec<Line<'static>> {
    let indent = width(&head.content);
    let mut out = Vec::new();
    for (at, part) in wrap(text, room.saturating_sub(indent)).into_iter().enumerate() {
        let first = if at == 0 {
            head.clone()
        } else {
            Span::raw(" ".repeat(usize::from(indent)))
        };
        out.push(Line::from(vec![first, ctx.span(role, part)]));
    }
    out
}

/// A line as the selected one: its text on the colour of the selection, over the whole width.
pub fn marked(ctx: &Ctx<'_>, line: &Line<'_>, room: u16) -> Line<'static> {
    let text: String = line.spans.iter().map(|span| &*span.content).collect();
    let pad = " ".repeat(usize::from(room.saturating_sub(width(&text))));
    ctx.line(Role::Selection, format!("{text}{pad}"))
}

/// The catalogue.
pub fn catalogue(ctx: &Ctx<'_>, room: u16) -> Vec<Line<'static>> {
    let chosen = ctx.model.works.as_ref().map(|works| works.chosen);
    let mut out = vec![ctx.line(
        Role::Title,
        format!(" {:<18}{:<11}{}", "RUNBOOK", "KIND", "WHAT IT IS FOR"),
    )];
    for (at, definition) in ctx.model.library.all().enumerate() {
        let kind = kind_word(definition.kind);
        let role = match definition.kind {
            Kind::Planned => Role::Text,
            Kind::Emergency => Role::Warning,
        };
        let line = Line::from(vec![
            ctx.span(Role::Accent, format!(" {:<18}", definition.name)),
            ctx.span(role, format!("{kind:<11}")),
            ctx.span(Role::Text, definition.title.clone()),
        ]);
        out.push(if chosen == Some(at) {
            marked(ctx, &line, room)
        } else {
            line
        });
        for (name, parameter) in &definition.parameters {
            let head = ctx.span(Role::Dim, format!("{:19}{name:<9}", ""));
            out.extend(hanging(ctx, &head, Role::Dim, &about(parameter), room));
        }
    }
    out.push(Line::default());
    out.push(ctx.line(
        Role::Dim,
        " enter shows its steps · m on a slice, host or segment offers what applies there",
    ));
    out
}

fn about(parameter: &Parameter) -> String {
    let kind = ValueKind::word(parameter.kind);
    match &parameter.default {
        Some(default) => format!("{kind}, {default} if not given: {}", parameter.about),
        None => format!("{kind}: {}", parameter.about),
    }
}

/// One runbook in full.
pub fn definition(ctx: &Ctx<'_>, name: &str, room: u16) -> Vec<Line<'static>> {
    let Some(definition) = ctx.model.library.find(name) else {
        return vec![super::parts::unknown(ctx, "there is no such runbook")];
    };
    let mut out = vec![Line::from(vec![
        ctx.span(Role::Accent, format!(" {name}  ")),
        ctx.span(
            match definition.kind {
                Kind::Planned => Role::Text,
                Kind::Emergency => Role::Warning,
            },
            format!("{}  ", kind_word(definition.kind)),
        ),
        ctx.span(Role::Text, definition.title.clone()),
    ])];
    out.push(ctx.line(Role::Title, "PARAMETERS"));
    for (name, parameter) in &definition.parameters {
        let head = ctx.span(Role::Text, format!("  {name:<16}"));
        out.extend(hanging(ctx, &head, Role::Dim, &about(parameter), room));
    }
    out.push(ctx.line(Role::Title, "WHAT HAS TO HOLD BEFORE THERE IS A PLAN"));
    for name in &definition.checks {
        let about = check::find(name).map_or("not known", |check| check.about());
        let head = ctx.span(Role::Text, format!("  {name:<16}"));
        out.extend(hanging(ctx, &head, Role::Dim, about, room));
    }
    out.push(ctx.line(Role::Title, "STEPS"));
    out.extend(steps(ctx, definition, room));
    out
}

fn steps(ctx: &Ctx<'_>, definition: &Definition, room: u16) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    for (at, step) in definition.steps.iter().enumerate() {
        let head = ctx.span(Role::Text, format!(" {:>2}  {:<16}", at + 1, step.action));
        let with: Vec<String> = step
            .with
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        out.extend(hanging(ctx, &head, Role::Text, &with.join(" "), room));
        let head = ctx.span(Role::Dim, " ".repeat(21));
        out.extend(hanging(ctx, &head, Role::Dim, &step.why, room));
    }
    out
}

/// The menu: what can be done, then what cannot, each with its reason.
pub fn draw_menu(ctx: &Ctx<'_>, buffer: &mut Buffer, menu: &Menu) {
    let screen = buffer.area;
    let wide = screen.width.saturating_sub(4).min(100);
    let (lines, at) = menu_lines(ctx, menu, wide.saturating_sub(4));
    let high = cells(lines.len())
        .saturating_add(2)
        .min(screen.height.saturating_sub(4));
    let area = Rect::new((screen.width - wide) / 2, (screen.height - high) / 2, wide, high);
    let title = format!(" runbooks for the {} {} ", menu.object.kind(), menu.object.name());
    let inner = frame(ctx, buffer, area, &title);
    let scroll = (at + 2).saturating_sub(inner.height);
    document::draw(ctx, buffer, inner, &lines, scroll);
    if let Some(label) = &ctx.view.fleet.label {
        let label = format!(" {label} ");
        let used = width(&label).min(area.width.saturating_sub(4));
        let x = area.right() - used - 2;
        put(buffer, x, area.y, used, &ctx.line(Role::Label, label), false);
    }
}

/// What can be done with each runbook, or why it cannot: one list of lines for each.
pub fn offered(ctx: &Ctx<'_>, offers: &[Offer], room: u16) -> Vec<Vec<Line<'static>>> {
    let longest = offers.iter().map(|offer| offer.asked.runbook.len()).max();
    // Words need room beside the names; where there is none a longer name takes its own on its own row alone.
    let most = usize::from(room.saturating_sub(2 + 12 + 30)).max(12);
    let wide = longest.unwrap_or_default().clamp(12, most);
    offers.iter().map(|offer| one_offer(ctx, offer, wide, room)).collect()
}

fn one_offer(ctx: &Ctx<'_>, offer: &Offer, wide: usize, room: u16) -> Vec<Line<'static>> {
    let name = &offer.asked.runbook;
    let (role, sign, text) = match &offer.not_now {
        None => (Role::Text, "● possible", offer.says.as_str()),
        Some(why) => (Role::Dim, "– not now", why.as_str()),
    };
    let wide = name.len().max(wide) + 1;
    let head = ctx.span(role, format!(" {name:<wide$}{sign:<12}"));
    let mut out = hanging(ctx, &head, role, text, room);
    if offer.not_now.is_none() {
        out.extend(doubted(ctx, &offer.asked, 14, room));
    }
    out
}

/// Why a plan most likely does not help, behind so many cells.
pub fn doubted(ctx: &Ctx<'_>, asked: &Asked, indent: usize, room: u16) -> Vec<Line<'static>> {
    let head = ctx.span(Role::Warning, format!("{:indent$}▲ ", ""));
    doubt(ctx.view, asked, ctx.now).map_or_else(Vec::new, |doubt| hanging(ctx, &head, Role::Warning, &doubt, room))
}

/// The lines of the menu, and where the marked one is.
fn menu_lines(ctx: &Ctx<'_>, menu: &Menu, room: u16) -> (Vec<Line<'static>>, u16) {
    let mut out = Vec::new();
    let mut marked_at = 0;
    for (at, mut lines) in offered(ctx, &menu.offers, room).into_iter().enumerate() {
        if at == menu.at {
            marked_at = cells(out.len());
            lines = lines.iter().map(|line| marked(ctx, line, room)).collect();
        }
        out.extend(lines);
    }
    if menu.offers.is_empty() {
        out.push(ctx.line(Role::Dim, " it is no longer in the inventory"));
    }
    out.push(Line::default());
    let text =
        "By what was collected last. Enter looks at the hosts anew and makes the plan; nothing is changed by that.";
    out.extend(
        wrap(text, room.saturating_sub(1))
            .into_iter()
            .map(|part| ctx.line(Role::Dim, format!(" {part}"))),
    );
    (out, marked_at)
}

/// The screen's line of the selected thing of a page that has a cursor; `None` for other pages.
pub fn cursor_line(ctx: &Ctx<'_>, lines: &[Line<'_>]) -> Option<u16> {
    let selection = ctx.theme().style(Role::Selection);
    let at = lines
        .iter()
        .position(|line| line.spans.first().is_some_and(|span| span.style == selection))?;
    Some(cells(at))
}
