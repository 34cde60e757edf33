//! The Latency page: who sees whom how slow, what is to blame, and why.

use super::{Ctx, parts, table::put};
use crate::{
    console::{
        matrix::{
            Excused, Level, Matrix,
            layout::{BUSY, BUSY_SHORT, Layout},
        },
        status,
        text::{cells, fit, width},
        theme::Role,
    },
    verdict::{
        failslow::State,
        latency::{Cell, Excuse, Grid, Op},
    },
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

mod frames;
pub mod help;
mod story;
pub mod stream;

use frames::Frames;
use story::between;
pub use story::story;

/// The colour of a level.
pub const fn role(level: Level) -> Role {
    match level {
        Level::None | Level::Idle | Level::Unsure => Role::Dim,
        Level::Calm => Role::Text,
        Level::Unknown => Role::Unknown,
        Level::Warm => Role::Notice,
        Level::Hot => Role::Warning,
        Level::Burning => Role::Critical,
    }
}

/// The bar of a level: the heat without colour.
const fn bar(level: Level) -> &'static str {
    match level {
        Level::Warm => "▂",
        Level::Hot => "▅",
        Level::Burning => "█",
        _ => " ",
    }
}

/// A ratio in at most five cells.
pub fn times(ratio: f32) -> String {
    if ratio.is_nan() {
        "·".to_owned()
    } else if ratio < 99.95 {
        format!("{ratio:.1}")
    } else {
        format!("{:.0}", ratio.min(9999.0))
    }
}

/// What stands before the number of a cell, and its colour: heat that nobody is blamed for is not the colour of blame.
fn sign_and_role(matrix: &Matrix, row: usize, column: usize) -> (&'static str, Role) {
    let level = matrix.level(row, column);
    match (level, matrix.excuse(row, column)) {
        (Level::Unsure, _) => (Excused::Busy.sign(), role(level)),
        (_, Some(excused)) => (excused.sign(), Role::Notice),
        (_, None) => (" ", role(level)),
    }
}

/// What stands in a cell.
fn words(cell: &Cell, level: Level) -> String {
    match (level, cell.state) {
        (Level::None, _) => String::new(),
        (Level::Unknown, _) => "?".to_owned(),
        (Level::Idle, _) => "·".to_owned(),
        (Level::Burning, State::Stalled) => "stall".to_owned(),
        (Level::Burning, State::Silent) => "gone".to_owned(),
        _ => times(cell.ratio),
    }
}

/// The sign of the worst state of a kind of work.
const fn sign(state: State) -> &'static str {
    match state {
        State::Ok => "",
        State::Watch => " ▂",
        State::Slow => " ▅",
        State::Stalled | State::Silent => " █",
    }
}

const fn state_role(state: State) -> Role {
    match state {
        State::Ok => Role::Dim,
        State::Watch => Role::Notice,
        State::Slow | State::Silent => Role::Warning,
        State::Stalled => Role::Critical,
    }
}

/// Draws the page.
pub fn draw(ctx: &Ctx<'_>, buffer: &mut Buffer, area: Rect) {
    let matrix = &ctx.model.matrix;
    let layout = Layout::new(matrix, area);
    tabs(ctx, buffer, layout.tabs);
    if let Some(grid) = &matrix.grid {
        if layout.legend.height > 0 {
            put(
                buffer,
                area.x,
                layout.legend.y,
                area.width,
                &legend(ctx, grid.op, area.width),
                false,
            );
        }
        if layout.listed {
            list(ctx, buffer, grid, &layout);
        } else {
            frame(ctx, buffer, grid, &layout);
            heads(ctx, buffer, grid, &layout);
            for (row, y) in &layout.rows {
                line(ctx, buffer, grid, &layout, (*row, *y));
            }
            off_screen(ctx, buffer, &layout);
        }
    }
    let lines = story(ctx, layout.story.width.saturating_sub(1));
    for (at, line) in lines.iter().take(usize::from(layout.story.height)).enumerate() {
        let story = layout.story;
        put(buffer, story.x, story.y + cells(at), story.width, line, false);
    }
}

/// The kinds of work, the shown one marked; each with the worst that is thought of its streams.
fn tabs(ctx: &Ctx<'_>, buffer: &mut Buffer, area: Rect) {
    let matrix = &ctx.model.matrix;
    let shown = matrix.grid.as_ref().map(|grid| grid.op);
    let mut spans: Vec<Span<'static>> = Vec::new();
    let whole: u16 = matrix.ops.iter().map(|(op, _)| width(op.word()) + 3).sum();
    let accused: Vec<Op> = ctx
        .view
        .latency
        .blamed()
        .into_iter()
        .filter(|one| one.held_back.is_none())
        .map(|one| one.op)
        .collect();
    let narrow = whole + 8 > area.width;
    let mut ops: Vec<&(Op, State)> = matrix.ops.iter().collect();
    if narrow {
        // What is shown must not be cut off.
        ops.sort_by_key(|(op, _)| Some(*op) != shown);
    }
    for (op, state) in ops {
        let here = Some(*op) == shown;
        // Narrow: only the shown one is named, of the others those that are not well.
        let blamed = accused.contains(op);
        if narrow && !here && !blamed && *state == State::Ok {
            continue;
        }
        let role = match (here, blamed) {
            (true, _) => Role::Selection,
            (false, true) => Role::Critical,
            (false, false) => state_role(*state),
        };
        let sign = if blamed { " ◐" } else { sign(*state) };
        spans.push(Span::raw(" "));
        spans.push(ctx.span(role, format!("{}{sign}", op.word())));
    }
    if matrix.ops.len() > 1 {
        spans.push(ctx.span(Role::Accent, "  o"));
        spans.push(ctx.span(
            Role::Dim,
            if narrow {
                format!(" {} more", matrix.ops.len() - 1)
            } else {
                " next".to_owned()
            },
        ));
    }
    put(buffer, area.x, area.y, area.width, &Line::from(spans), false);
}

/// What the numbers are, and what the signs mean.
fn legend(ctx: &Ctx<'_>, op: Op, room: u16) -> Line<'static> {
    let what = if op.is_nfs() {
        "latency ÷ own past at equal load"
    } else {
        "latency ÷ its peers' at equal load"
    };
    let mut line = ctx.line(Role::Dim, format!(" {op}: {what}  "));
    for (level, text) in [(Level::Warm, "1.3"), (Level::Hot, "1.6"), (Level::Burning, "2.5")] {
        line.spans.push(ctx.span(role(level), format!(" {}", bar(level))));
        line.spans.push(ctx.span(Role::Dim, format!(" ≥ {text}")));
    }
    if room >= 110 {
        line.spans
            .push(ctx.span(Role::Dim, "   frame: blamed  ░ busy  ◆ explained  ? help"));
    }
    line
}

/// The frames round what is blamed.
fn frame(ctx: &Ctx<'_>, buffer: &mut Buffer, grid: &Grid, layout: &Layout) {
    let mut frames = Frames::new(layout.grid);
    let matrix = &ctx.model.matrix;
    let (left, right) = (layout.grid.x, layout.edge());
    for (_, x) in layout.columns.iter().filter(|(column, _)| grid.columns[*column].blamed) {
        let last = layout.rows.last().map_or(layout.grid.y, |(_, y)| *y);
        frames.top(x - 1, x + layout.inside, layout.grid.y);
        frames.sides(x - 1, x + layout.inside, layout.grid.y, layout.bottom.unwrap_or(last));
        if let Some(bottom) = layout.bottom {
            frames.top(x - 1, x + layout.inside, bottom);
        }
    }
    for (row, y) in &layout.rows {
        let mut round = |from: u16, to: u16| {
            if layout.framed {
                frames.top(from, to, y - 1);
                frames.top(from, to, y + 1);
                frames.sides(from, to, y - 1, y + 1);
            } else {
                frames.upright(from, to, *y);
            }
        };
        if grid.rows[*row].blamed {
            round(left, right);
        }
        for (_, x) in layout
            .columns
            .iter()
            .filter(|(column, _)| matrix.is_framed(*row, *column))
        {
            round(x - 1, x + layout.inside);
        }
    }
    frames.draw(buffer, ctx.theme().style(Role::Critical));
}

/// The names over the columns.
fn heads(ctx: &Ctx<'_>, buffer: &mut Buffer, grid: &Grid, layout: &Layout) {
    let matrix = &ctx.model.matrix;
    let title = if matrix.hottest { "HOST ↓hottest" } else { "HOST" };
    let y = layout.grid.y;
    put(
        buffer,
        layout.grid.x + 1,
        y,
        layout.names - 1,
        &ctx.line(Role::Title, title),
        false,
    );
    for (column, x) in &layout.columns {
        let head = &grid.columns[*column];
        let (role, sign) = match &head.excuse {
            _ if head.blamed => (Role::Critical, ""),
            Some(Excuse::Busy(_)) => (Role::Notice, "░ "),
            Some(Excuse::Explained(_)) => (Role::Notice, "◆ "),
            None => (Role::Title, ""),
        };
        let mut line = ctx.line(role, fit(&format!("{sign}{}", head.name), layout.inside));
        if *column == matrix.column {
            line = line.patch_style(ratatui::style::Style::new().bold());
        }
        // Above the digits, and not further right than the cell reaches.
        let room = layout.inside - if cells(line.width()) < layout.inside - 1 { 2 } else { 0 };
        put(buffer, *x, y, room, &line, true);
    }
}

/// One host and what it sees.
fn line(ctx: &Ctx<'_>, buffer: &mut Buffer, grid: &Grid, layout: &Layout, (at, y): (usize, u16)) {
    let matrix = &ctx.model.matrix;
    let row = &grid.rows[at];
    let mut name = ctx.line(
        if row.blamed { Role::Critical } else { Role::Text },
        fit(row.host.as_str(), layout.host),
    );
    if at == matrix.row {
        name = name.patch_style(ratatui::style::Style::new().bold());
    }
    if !row.busy.is_empty() {
        let counted = row.cells.iter().flatten().any(|cell| cell.counts);
        let text = match (counted, layout.names > width(BUSY)) {
            (false, true) => BUSY,
            (true, true) => " ░ busy, counts half",
            (_, false) => BUSY_SHORT,
        };
        name.spans.push(ctx.span(Role::Dim, text));
    }
    put(buffer, layout.grid.x + 1, y, layout.names - 1, &name, false);
    for (column, x) in &layout.columns {
        let level = matrix.level(at, *column);
        if let Some(cell) = &row.cells[*column] {
            let (hatch, role) = sign_and_role(matrix, at, *column);
            let digits = usize::from(layout.inside - 3);
            let text = format!("{hatch}{:>digits$} {}", words(cell, level), bar(level));
            put(buffer, *x, y, layout.inside, &ctx.line(role, text), false);
        }
        if (at, *column) == (matrix.row, matrix.column) {
            buffer.set_style(Rect::new(*x, y, layout.inside, 1), ctx.theme().style(Role::Selection));
        }
    }
}

/// Cells one a line, worst first.
fn list(ctx: &Ctx<'_>, buffer: &mut Buffer, grid: &Grid, layout: &Layout) {
    let matrix = &ctx.model.matrix;
    let area = layout.grid;
    for (at, y) in &layout.rows {
        let Some(&(row, column)) = matrix.list.get(*at) else {
            continue;
        };
        let Some(cell) = &grid.rows[row].cells[column] else {
            continue;
        };
        let level = matrix.level(row, column);
        let (hatch, role) = sign_and_role(matrix, row, column);
        let mark = if hatch == " " { bar(level) } else { hatch };
        let framed = if matrix.is_blamed(row, column) { "┃" } else { " " };
        let tail = match level {
            Level::Unsure => " busy".to_owned(),
            Level::Unknown | Level::Idle | Level::None => String::new(),
            _ => "×".to_owned(),
        };
        let number = format!("{:>5}{tail:<5}", words(cell, level));
        let room = area.width.saturating_sub(width(&number) + 4);
        let subject = fit(&between(grid, row, column), room);
        let line = Line::from(vec![
            ctx.span(Role::Critical, framed),
            ctx.span(role, format!("{mark} {subject:<room$} ", room = usize::from(room))),
            ctx.span(role, number),
        ]);
        put(buffer, area.x, *y, area.width, &line, false);
        if (row, column) == (matrix.row, matrix.column) {
            buffer.set_style(Rect::new(area.x, *y, area.width, 1), ctx.theme().style(Role::Selection));
        }
    }
}

/// Marks slow cells that are scrolled off the screen.
fn off_screen(ctx: &Ctx<'_>, buffer: &mut Buffer, layout: &Layout) {
    let matrix = &ctx.model.matrix;
    let first = (matrix.top, layout.columns.first().map_or(0, |(column, _)| *column));
    let end = (
        layout.rows.last().map_or(0, |(row, _)| row + 1),
        layout.columns.last().map_or(0, |(column, _)| column + 1),
    );
    let mut counts = [0; 4];
    for (row, levels) in matrix.levels.iter().enumerate() {
        for (column, level) in levels.iter().enumerate() {
            if *level >= Level::Hot {
                counts[0] += usize::from(row < first.0);
                counts[1] += usize::from(row >= end.0);
                counts[2] += usize::from(column < first.1);
                counts[3] += usize::from(column >= end.1);
            }
        }
    }
    let more = matrix.levels.len().saturating_sub(end.0);
    let grid = layout.grid;
    let mut at = grid.x + 1 + width(if matrix.hottest { "HOST ↓hottest " } else { "HOST " });
    for (count, arrow) in [(counts[0], '↑'), (counts[2], '←'), (counts[3], '→'), (counts[1], '↓')] {
        if count > 0 {
            let text = format!("{arrow}{count} ");
            let room = (layout.grid.x + layout.names).saturating_sub(at);
            put(buffer, at, grid.y, room, &ctx.line(Role::Warning, text.clone()), false);
            at += width(&text).min(room);
        }
    }
    if more > 0 && counts[1] == 0 {
        let room = (layout.grid.x + layout.names).saturating_sub(at);
        put(
            buffer,
            at,
            grid.y,
            room,
            &ctx.line(Role::Dim, format!("↓{more}")),
            false,
        );
    }
}

/// The worst stream of a host: its last minutes and how far it is from its peers.
pub fn worst_of_host(ctx: &Ctx<'_>, host: &str, room: usize) -> Option<(Span<'static>, Span<'static>)> {
    let latency = &ctx.view.latency;
    let told = latency.streams_of(host).filter_map(|id| latency.told(id));
    let worst = told
        .filter(|told| told.fresh && !told.ratio.is_nan())
        .max_by(|a, b| a.state.cmp(&b.state).then(a.ratio.total_cmp(&b.ratio)))?;
    let ratios = latency.history(worst.id).map(|sample| sample.map(|(ratio, _)| ratio));
    let level = Level::of(
        &Cell {
            stream: worst.id,
            ratio: worst.ratio,
            state: worst.state,
            counts: worst.trusted,
            fresh: worst.fresh,
            blamed: false,
            explained: false,
        },
        false,
    );
    let spark = ctx.span(Role::Trend, status::spark(ratios, room, FULL));
    Some((spark, ctx.span(role(level), format!(" {}×", times(worst.ratio)))))
}

/// The top of a sparkline of ratios, unless one is higher: so that 1.0 looks calm.
pub const FULL: f32 = 4.0;

/// What stands in a pane beside or below a page about something that nothing is known of.
pub fn gone(ctx: &Ctx<'_>) -> Vec<Line<'static>> {
    vec![parts::unknown(ctx, "this stream is no longer watched")]
}
