//! Drawing: the model onto a buffer. Nothing here changes anything.

mod backup;
pub mod big;
pub mod copy;
mod counts;
mod database;
mod document;
mod findings;
mod fleet;
mod frame;
mod host;
pub mod latency;
pub mod log;
mod overlay;
mod parts;
mod plan;
mod run;
mod runbooks;
mod runs;
mod slice;
mod storage;
pub mod table;
mod wall;

use super::{
    index::{Id, ListKind, Row},
    model::{Model, Page},
    screen, status,
    text::cells,
    theme::{Role, Theme, glyph_of, role_of},
};
use crate::{
    collect::{FleetView, HostView},
    facts::UnixMs,
    verdict::Severity,
};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line, Span},
};
use table::{Cells, Column};

/// What every part of the drawing needs.
#[derive(Clone, Copy)]
pub struct Ctx<'a> {
    /// The state.
    pub model: &'a Model,
    /// The fleet on screen.
    pub view: &'a FleetView,
    /// Now.
    pub now: UnixMs,
}

impl<'a> Ctx<'a> {
    /// For a model.
    pub fn new(model: &'a Model) -> Self {
        Self {
            model,
            view: &model.shown,
            now: model.now,
        }
    }

    /// The theme.
    pub const fn theme(&self) -> &'a Theme {
        &self.model.look.theme
    }

    /// A piece of text with its meaning.
    pub fn span(&self, role: Role, text: impl Into<String>) -> Span<'static> {
        Span::styled(text.into(), self.theme().style(role))
    }

    /// A line of one piece of text.
    pub fn line(&self, role: Role, text: impl Into<String>) -> Line<'static> {
        Line::from(self.span(role, text))
    }

    /// The sign of a severity.
    pub fn sign(&self, severity: Severity) -> Span<'static> {
        self.span(role_of(severity), glyph_of(severity))
    }

    /// Sign and word of a severity.
    pub fn state(&self, severity: Severity, word: &str) -> Line<'static> {
        self.line(role_of(severity), format!("{} {word}", glyph_of(severity)))
    }
}

impl Ctx<'_> {
    /// Sign and word of a host's state.
    pub fn host_state(&self, host: &HostView) -> Line<'static> {
        let shown = status::shown(self.view, host, self.now);
        self.line(shown.role, format!("{} {}", shown.sign, shown.word))
    }
}

/// Draws the console. Gives the place of the text cursor, if a line is being typed.
pub fn draw(model: &Model, buffer: &mut Buffer) -> Option<Position> {
    let ctx = Ctx::new(model);
    let area = buffer.area;
    buffer.set_style(area, ctx.theme().style(Role::Text));
    let cursor = if !screen::fits((area.width, area.height)) {
        too_small(&ctx, buffer);
        None
    } else if model.wall.is_some() {
        wall::draw(&ctx, buffer);
        None
    } else {
        page(&ctx, buffer)
    };
    model.look.glyphs.apply(buffer);
    cursor
}

fn too_small(ctx: &Ctx<'_>, buffer: &mut Buffer) {
    let area = buffer.area;
    let text = format!(
        "have {}x{}, need {}x{}",
        area.width,
        area.height,
        screen::LEAST.0,
        screen::LEAST.1
    );
    for (at, line) in [text, "q quits".to_owned()].into_iter().enumerate() {
        if cells(at) < area.height {
            let line = ctx.line(Role::Warning, line);
            table::put(buffer, area.x, area.y + cells(at), area.width, &line, false);
        }
    }
}

fn page(ctx: &Ctx<'_>, buffer: &mut Buffer) -> Option<Position> {
    let areas = screen::areas(ctx.model);
    frame::header(ctx, buffer, areas.header);
    frame::banners(ctx, buffer, areas.banners);
    frame::pinned(ctx, buffer, areas.pinned);
    frame::upper_rule(ctx, buffer, areas.rule);
    body(ctx, buffer, areas.body);
    if areas.side.height > 0 {
        side(ctx, buffer, areas.side);
    }
    if ctx.model.disconnected().is_some() {
        let dim = ctx.theme().style(Role::Stale);
        for area in [areas.pinned, areas.body, areas.side] {
            buffer.set_style(area, dim);
        }
    }
    frame::rule(ctx, buffer, areas.lower_rule);
    frame::off_screen(ctx, buffer, &areas);
    let typed = frame::footer(ctx, buffer, areas.footer);
    overlay::draw(ctx, buffer).or(typed)
}

/// The columns of a list page at a width, and how its rows become cells.
pub fn columns(ctx: &Ctx<'_>, kind: ListKind, room: u16) -> &'static [Column] {
    match kind {
        ListKind::Fleet => fleet::columns(room),
        ListKind::Storage => storage::columns(room),
        ListKind::Database => database::columns(room),
        ListKind::Findings => findings::columns(room),
        ListKind::Log => log::columns(ctx.model),
    }
}

/// The cells of a row.
pub fn row_cells(ctx: &Ctx<'_>, kind: ListKind, room: u16, row: &Row) -> Cells {
    match kind {
        ListKind::Fleet => fleet::row(ctx, room, row),
        ListKind::Storage => storage::row(ctx, row),
        ListKind::Database => database::row(ctx, row),
        ListKind::Findings => findings::row(ctx, row),
        ListKind::Log => log::row(ctx, row),
    }
}

fn body(ctx: &Ctx<'_>, buffer: &mut Buffer, area: Rect) {
    if let Some(kind) = ctx.model.kind() {
        let columns = columns(ctx, kind, area.width);
        let list = ctx.model.list(kind);
        table::draw(ctx, buffer, area, list, list.offset, columns, |row| {
            row_cells(ctx, kind, area.width, row)
        });
        return;
    }
    if ctx.model.page == Page::Latency {
        return latency::draw(ctx, buffer, area);
    }
    let lines = page_document(ctx, area.width);
    document::draw(ctx, buffer, area, &lines, ctx.model.scroll);
}

fn page_document(ctx: &Ctx<'_>, room: u16) -> Vec<Line<'static>> {
    match &ctx.model.page {
        Page::Host(name) => host::document(ctx, name.as_str(), room),
        Page::Slice(name) => slice::document(ctx, name.as_str(), room),
        Page::Latency => latency::story(ctx, room),
        Page::Stream(stream) => latency::stream::document(ctx, stream, room),
        Page::Runbooks => runbooks::catalogue(ctx, room),
        Page::Runbook(name) => runbooks::definition(ctx, name, room),
        Page::Run => run::document(ctx, room),
        Page::Runs => runs::list(ctx, room),
        Page::Report(id) => runs::report(ctx, id, room),
        Page::List(_) => Vec::new(),
    }
}

/// Lines of the page that is no list.
pub fn document_height(model: &Model) -> u16 {
    let room = screen::areas(model).body.width;
    cells(page_document(&Ctx::new(model), room).len())
}

/// Lines of the plan on top of all, and how many of them are seen at once.
pub fn plan_size(model: &Model) -> (u16, u16) {
    plan::size(model)
}

/// Scrolls a page that has a cursor but is no list, so that the cursor is seen.
pub fn follow_cursor(model: &mut Model) {
    let body = screen::areas(model).body;
    let lines = page_document(&Ctx::new(model), body.width);
    if let Some(at) = runbooks::cursor_line(&Ctx::new(model), &lines) {
        let last = at.saturating_sub(body.height.saturating_sub(3));
        model.scroll = model.scroll.clamp(last, at.saturating_sub(1).max(last));
    }
}

/// Rows of the list that a wall shows at once.
pub fn wall_rows(model: &Model) -> usize {
    usize::from(wall::rows(model)).max(1)
}

/// Lines of the topmost overlay.
pub fn overlay_height(model: &Model) -> u16 {
    overlay::height(&Ctx::new(model))
}

/// Details of the selected row, where there is room for them.
fn side(ctx: &Ctx<'_>, buffer: &mut Buffer, area: Rect) {
    let body = screen::areas(ctx.model).body;
    let room = area.width.saturating_sub(1);
    let lines = match ctx.model.selected() {
        Some(Id::Finding(code, subject)) => findings::detail(ctx, code, &subject, room),
        Some(Id::Cleared(seq)) => findings::past(ctx, seq, room),
        Some(Id::Host(name)) => host::document(ctx, name.as_str(), room),
        Some(Id::Slice(name)) => slice::document(ctx, name.as_str(), room),
        Some(Id::Segment(name)) => parts::segment_document(ctx, name.as_str(), room),
        Some(Id::Topology(_) | Id::Group(_)) | None => parts::legend(ctx),
        Some(Id::Log(_)) => Vec::new(),
    };
    if area.x > body.x {
        for y in area.top()..area.bottom() {
            buffer.set_string(area.x - 1, y, "│", ctx.theme().style(Role::Rule));
        }
    } else {
        frame::rule(ctx, buffer, Rect::new(area.x, area.y, area.width, 1));
    }
    let inner = if area.x > body.x {
        Rect::new(area.x + 1, area.y, room, area.height)
    } else {
        Rect::new(area.x, area.y + 1, area.width, area.height.saturating_sub(1))
    };
    document::draw(ctx, buffer, inner, &lines, 0);
}
