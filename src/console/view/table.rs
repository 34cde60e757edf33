//! A table of a list: columns give way by priority, and only the rows on screen are made into text.

use super::Ctx;
use crate::console::{
    index::Row,
    model::List,
    text::{cells, fit, width},
    theme::Role,
};
use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name.
    pub title: &'static str,
    /// Cells it needs at least.
    pub least: u16,
    /// Cells it can use.
    pub most: u16,
    /// 0 is never dropped; the greatest is dropped first.
    pub priority: u8,
    /// Aligned to the right.
    pub right: bool,
}

/// A column aligned to the left.
pub const fn left(title: &'static str, least: u16, most: u16, priority: u8) -> Column {
    Column {
        title,
        least,
        most,
        priority,
        right: false,
    }
}

/// A column aligned to the right.
pub const fn right(title: &'static str, least: u16, most: u16, priority: u8) -> Column {
    Column {
        title,
        least,
        most,
        priority,
        right: true,
    }
}

/// A column that can use more cells than this holds free text.
const FREE_TEXT: u16 = 100;

/// What a row shows.
pub enum Cells {
    /// One text a column.
    Each(Vec<Line<'static>>),
    /// The first columns, then one text over the middle, then the last columns.
    Across {
        /// Texts of the first columns.
        first: Vec<Line<'static>>,
        /// The text over the middle.
        across: Line<'static>,
        /// Texts of the last columns.
        last: Vec<Line<'static>>,
    },
}

/// Where each column begins and how wide it is; `None` for a dropped one.
pub fn layout(columns: &[Column], room: u16) -> Vec<Option<(u16, u16)>> {
    let mut kept: Vec<bool> = vec![true; columns.len()];
    let need = |kept: &[bool]| -> u16 {
        let shown = columns.iter().zip(kept).filter(|(_, kept)| **kept);
        shown.map(|(column, _)| column.least + 1).sum::<u16>().saturating_sub(1)
    };
    while need(&kept) > room {
        let dropped = (0..columns.len())
            .filter(|at| kept[*at] && columns[*at].priority > 0)
            .max_by_key(|at| columns[*at].priority);
        match dropped {
            Some(at) => kept[at] = false,
            None => break,
        }
    }
    let mut spare = room.saturating_sub(need(&kept));
    let mut widths: Vec<u16> = columns.iter().map(|column| column.least).collect();
    // First a little for everyone, then what each can use.
    for share in [4, u16::MAX] {
        for (at, column) in columns.iter().enumerate().filter(|(at, _)| kept[*at]) {
            let more = (column.most - widths[at]).min(spare).min(share);
            widths[at] += more;
            spare -= more;
        }
    }
    let mut x = 0;
    columns
        .iter()
        .enumerate()
        .map(|(at, _)| {
            if !kept[at] {
                return None;
            }
            let wide = widths[at].min(room.saturating_sub(x));
            let place = (x, wide);
            x += wide + 1;
            Some(place)
        })
        .collect()
}

/// Draws a line of spans into so many cells; what does not fit ends in `…`.
pub fn put(buffer: &mut Buffer, x: u16, y: u16, room: u16, line: &Line<'_>, right: bool) {
    let wide = cells(line.width());
    let mut x = if right && wide < room { x + room - wide } else { x };
    let mut left = room;
    let last = line.spans.len().saturating_sub(1);
    for (at, span) in line.spans.iter().enumerate() {
        if left == 0 {
            break;
        }
        let this = width(&span.content);
        let rest_follows =
            at < last && this >= left && line.spans[at + 1..].iter().any(|span| !span.content.is_empty());
        let text = if this > left || rest_follows {
            let cut = fit(&span.content, left);
            if rest_follows && this == left {
                fit(&format!("{}…", span.content), left)
            } else {
                cut
            }
        } else {
            span.content.to_string()
        };
        let style = line.style.patch(span.style);
        let (next, _) = buffer.set_stringn(x, y, &text, usize::from(left), style);
        left -= (next - x).min(left);
        x = next;
    }
}

/// Draws names of columns and visible rows, beginning with the row at `offset`.
pub fn draw(
    ctx: &Ctx<'_>,
    buffer: &mut Buffer,
    area: Rect,
    list: &List,
    offset: usize,
    columns: &[Column],
    cells_of: impl Fn(&Row) -> Cells,
) {
    if area.height == 0 {
        return;
    }
    let places = layout(columns, area.width);
    for (at, column) in columns.iter().enumerate() {
        if let Some((x, wide)) = places[at] {
            let mut title = column.title.to_owned();
            if at == 0 && list.index.rows.len() > 1 {
                let arrow = if list.reverse { '↑' } else { '↓' };
                let sorted = format!("{title} {arrow}{}", list.sort.name());
                if width(&sorted) <= wide {
                    title = sorted;
                }
            }
            let mut line = Line::from(ctx.span(Role::Title, title));
            // The column of free text has room to say what is not listed.
            if list.index.folded > 0 && column.most > FREE_TEXT && ctx.model.wall.is_none() {
                let text = format!("  {} more: a", list.index.folded);
                line.spans.push(ctx.span(Role::Dim, text));
            }
            put(buffer, area.x + x, area.y, wide, &line, column.right);
        }
    }
    for (slot, row) in list.index.rows.iter().skip(offset).enumerate() {
        let Some(y) = area.y.checked_add(1 + cells(slot)).filter(|y| *y < area.bottom()) else {
            break;
        };
        draw_row(
            buffer,
            Rect::new(area.x, y, area.width, 1),
            columns,
            &places,
            &cells_of(row),
        );
        if offset + slot == list.cursor && ctx.model.wall.is_none() {
            let style = ctx.theme().style(Role::Selection);
            buffer.set_style(Rect::new(area.x, y, area.width, 1), style);
        }
    }
    if list.index.rows.is_empty() && area.height > 1 {
        let text = if list.index.total == 0 {
            "nothing here"
        } else {
            "the filter hides everything (esc clears it)"
        };
        let line = Line::from(ctx.span(Role::Dim, text));
        put(
            buffer,
            area.x + 1,
            area.y + 1,
            area.width.saturating_sub(1),
            &line,
            false,
        );
    }
}

fn draw_row(buffer: &mut Buffer, area: Rect, columns: &[Column], places: &[Option<(u16, u16)>], cells: &Cells) {
    let mut one = |at: usize, line: &Line<'_>| {
        if let Some(Some((x, wide))) = places.get(at) {
            put(buffer, area.x + x, area.y, *wide, line, columns[at].right);
        }
    };
    match cells {
        Cells::Each(lines) => {
            for (at, line) in lines.iter().enumerate() {
                one(at, line);
            }
        }
        Cells::Across { first, across, last } => {
            for (at, line) in first.iter().enumerate() {
                one(at, line);
            }
            let tail = columns.len() - last.len();
            for (at, line) in last.iter().enumerate() {
                one(tail + at, line);
            }
            let middle: Vec<(u16, u16)> = places[first.len()..tail].iter().flatten().copied().collect();
            if let (Some(begin), Some(end)) = (middle.first(), middle.last()) {
                let room = end.0 + end.1 - begin.0;
                put(buffer, area.x + begin.0, area.y, room, across, false);
            }
        }
    }
}

/// The text of a row as one plain line, for the clipboard.
pub fn plain(cells: &Cells) -> String {
    let join = |lines: &[Line<'_>]| {
        let texts: Vec<String> = lines.iter().map(line_text).filter(|text| !text.is_empty()).collect();
        texts.join("  ")
    };
    match cells {
        Cells::Each(lines) => join(lines),
        Cells::Across { first, across, last } => {
            let mut all = first.clone();
            all.push(across.clone());
            all.extend(last.iter().cloned());
            join(&all)
        }
    }
}

/// The text of a line without its styles.
pub fn line_text(line: &Line<'_>) -> String {
    let text: String = line.spans.iter().map(|span| span.content.as_ref()).collect();
    text.trim().to_owned()
}

/// A line of one span.
pub fn one(span: Span<'static>) -> Line<'static> {
    Line::from(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column] = &[left("A", 10, 20, 0), left("B", 10, 40, 2), right("C", 5, 5, 1)];

    #[test]
    fn columns_give_way_by_priority() {
        assert_eq!(layout(COLUMNS, 27), [Some((0, 10)), Some((11, 10)), Some((22, 5))]);
        assert_eq!(layout(COLUMNS, 26), [Some((0, 20)), None, Some((21, 5))]);
        assert_eq!(layout(COLUMNS, 12), [Some((0, 12)), None, None]);
        assert_eq!(layout(COLUMNS, 8), [Some((0, 8)), None, None]);
    }

    #[test]
    fn a_line_of_spans_is_cut_once() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        let line = Line::from(vec![Span::raw("abc"), Span::raw("defgh")]);
        put(&mut buffer, 0, 0, 6, &line, false);
        assert_eq!(buffer, Buffer::with_lines(["abcde…"]));
        let mut buffer = Buffer::empty(Rect::new(0, 0, 6, 1));
        put(&mut buffer, 0, 0, 6, &Line::from("ab"), true);
        assert_eq!(buffer, Buffer::with_lines(["    ab"]));
    }
}
