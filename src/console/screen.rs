//! How the screen is divided, as a function of the model: drawing and moving the cursor agree on it.

use super::{
    index::ListKind,
    layer::Layer,
    matrix::layout::Layout,
    model::{Model, Page},
    runbooks::runs,
};
use crate::verdict::Severity;
use ratatui::layout::Rect;

/// The smallest screen that is drawn.
pub const LEAST: (u16, u16) = (40, 12);

/// From this width on a list has a pane with the details of its selected row beside it.
const WIDE: u16 = 170;

/// Cells that let a list show every column that matters, with the line beside it.
const LIST: u16 = 122;

/// From this height on a line parts the page from what is above it.
const RULED: u16 = 20;

/// The parts of the screen; a part that is not shown has no height (or width).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Areas {
    /// The line at the top.
    pub header: Rect,
    /// Banners: no data, frozen, a broken inventory.
    pub banners: Rect,
    /// The worst findings.
    pub pinned: Rect,
    /// The line below them.
    pub rule: Rect,
    /// The page.
    pub body: Rect,
    /// Details of the selected row.
    pub side: Rect,
    /// The line above the footer.
    pub lower_rule: Rect,
    /// Notes, filter, keys.
    pub footer: Rect,
}

/// Whether the terminal is large enough.
#[must_use]
pub const fn fits(size: (u16, u16)) -> bool {
    size.0 >= LEAST.0 && size.1 >= LEAST.1
}

/// Divides the screen.
#[must_use]
pub fn areas(model: &Model) -> Areas {
    let (columns, rows) = model.size;
    if !fits(model.size) {
        return Areas::default();
    }
    let mut areas = Areas::default();
    let mut top = 0;
    let mut take = |lines: u16| {
        let area = Rect::new(0, top, columns, lines);
        top += lines;
        area
    };
    areas.header = take(1);
    areas.banners = take(banners(model));
    areas.pinned = take(pinned_lines(model));
    areas.rule = take(u16::from(rows >= RULED));
    let lower = u16::from(rows >= 24);
    let body = rows.saturating_sub(top + lower + 1);
    let whole = Rect::new(0, top, columns, body);
    areas.body = whole;
    if columns >= WIDE && has_side(model) {
        // The list keeps room for all its columns before the pane grows.
        let side = (columns * 2 / 5).min(86).min((columns - LIST).max(60));
        areas.body.width = columns - side - 1;
        areas.side = Rect::new(columns - side, top, side, body);
    } else if model.page == Page::List(ListKind::Findings) && body >= 12 {
        let detail = 5;
        areas.body.height = body - detail;
        areas.side = Rect::new(0, top + body - detail, columns, detail);
    }
    areas.lower_rule = Rect::new(0, top + body, columns, lower);
    areas.footer = Rect::new(0, rows - 1, columns, 1);
    areas
}

fn has_side(model: &Model) -> bool {
    matches!(model.page, Page::List(kind) if kind != ListKind::Log) && model.wall.is_none()
}

/// Lines of banners.
fn banners(model: &Model) -> u16 {
    u16::from(model.disconnected().is_some())
        + u16::from(model.frozen.is_some())
        + u16::from(model.shown.reload_error.is_some())
        + u16::from(model.practised.is_some())
        + u16::from(runs::banner(model).is_some())
}

/// Whether the header must say that latencies are doubtful, because no line over the page can.
#[must_use]
pub fn doubtful_in_header(model: &Model) -> bool {
    model.shown.observer.doubtful && model.size.1 < RULED
}

/// How many findings are pinned, and whether the first has a line with its advice.
#[must_use]
pub fn pinned(model: &Model) -> (usize, bool) {
    let rows = usize::from(model.size.1);
    let bad = model
        .shown
        .findings
        .iter()
        .take_while(|finding| finding.severity >= Severity::Warning)
        .count();
    let critical = model
        .shown
        .findings
        .iter()
        .take_while(|finding| finding.severity == Severity::Critical)
        .count();
    let most = match model.page {
        _ if model.wall.is_some() => 6,
        Page::List(ListKind::Fleet) if rows < 16 => 2,
        Page::List(ListKind::Fleet) => (rows / 8).clamp(2, 6),
        Page::List(ListKind::Storage | ListKind::Database) => 1,
        _ => 0,
    };
    // What is critical comes first; warnings fill at most three lines.
    let shown = most.min(critical.max(bad.min(3)));
    let advice = rows >= 24 && shown > 0 && model.page == Page::List(ListKind::Fleet);
    (shown, advice)
}

fn pinned_lines(model: &Model) -> u16 {
    let (shown, advice) = pinned(model);
    super::text::cells(shown) + u16::from(advice)
}

/// Rows of the list on screen: the body without the names of the columns.
#[must_use]
pub fn rows_of_list(model: &Model) -> usize {
    usize::from(areas(model).body.height.saturating_sub(1)).max(1)
}

/// The list's row under a place on the screen.
#[must_use]
pub fn row_at(model: &Model, column: u16, row: u16) -> Option<usize> {
    let body = areas(model).body;
    let list = model.list(model.kind()?);
    if !body.contains((column, row).into()) || row == body.y {
        return None;
    }
    let at = list.offset + usize::from(row - body.y - 1);
    (at < list.index.rows.len()).then_some(at)
}

/// The cell of the latency matrix under a place on the screen.
#[must_use]
pub fn cell_at(model: &Model, column: u16, row: u16) -> Option<(usize, usize)> {
    let body = areas(model).body;
    let there = model.page == Page::Latency && body.contains((column, row).into());
    there.then(|| Layout::new(&model.matrix, body).cell_at(&model.matrix, column, row))?
}

/// Rows of the latency matrix on screen, and whether they are a list.
#[must_use]
pub fn rows_of_matrix(model: &Model) -> (usize, bool) {
    let layout = Layout::new(&model.matrix, areas(model).body);
    (layout.rows.len().max(1), layout.listed)
}

/// Where an overlay is drawn.
#[must_use]
pub fn overlay(model: &Model) -> Rect {
    let (columns, rows) = model.size;
    let width = columns.saturating_sub(4).min(96);
    let height = match model.layers.last() {
        Some(Layer::Message { .. }) => super::view::overlay_height(model)
            .saturating_add(2)
            .min(rows.saturating_sub(4)),
        _ => rows.saturating_sub(4),
    };
    Rect::new((columns - width) / 2, rows.saturating_sub(height) / 2, width, height)
}

/// Lines of text inside an overlay.
#[must_use]
pub fn overlay_room(model: &Model) -> u16 {
    overlay(model).height.saturating_sub(2)
}
