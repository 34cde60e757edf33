//! Pages that are texts: headed sections, in two columns where there is room.

use super::{
    Ctx,
    table::{line_text, put},
};
use crate::console::{
    text::{cells, fit, width},
    theme::Role,
};
use ratatui::{buffer::Buffer, layout::Rect, text::Line};

/// A section: a heading and its lines.
#[derive(Debug, Clone)]
pub struct Section {
    /// The heading.
    pub title: Line<'static>,
    /// Its lines.
    pub lines: Vec<Line<'static>>,
}

/// From this width on sections stand in two columns.
const TWO_COLUMNS: u16 = 130;

/// From this width on in three.
const THREE_COLUMNS: u16 = 230;

/// Draws lines from a first one on; a mark at the right edge says that there is more.
pub fn draw(ctx: &Ctx<'_>, buffer: &mut Buffer, area: Rect, lines: &[Line<'_>], scroll: u16) {
    let most = lines.len().saturating_sub(usize::from(area.height));
    let first = usize::from(scroll).min(most);
    for (slot, line) in lines.iter().skip(first).take(usize::from(area.height)).enumerate() {
        put(buffer, area.x, area.y + cells(slot), area.width, line, false);
    }
    if area.width > 2 && area.height > 1 {
        let style = ctx.theme().style(Role::Accent);
        if first > 0 {
            buffer.set_string(area.right() - 1, area.y, "↑", style);
        }
        if first < most {
            buffer.set_string(area.right() - 1, area.bottom() - 1, "↓", style);
        }
    }
}

/// Puts sections one below the other, or side by side where there is room: in their order, so that the
/// tallest column is as short as it can be.
pub fn flow(ctx: &Ctx<'_>, sections: Vec<Section>, room: u16) -> Vec<Line<'static>> {
    let columns = match room {
        0..TWO_COLUMNS => return column(ctx, sections, room),
        TWO_COLUMNS..THREE_COLUMNS => 2,
        THREE_COLUMNS.. => 3,
    };
    let heights: Vec<usize> = sections.iter().map(|section| section.lines.len() + 1).collect();
    let wide = (room - 3 * (columns - 1)) / columns;
    let mut rest = sections;
    let mut made = Vec::new();
    for count in split(&heights, usize::from(columns)) {
        let tail = rest.split_off(count.min(rest.len()));
        made.push(column(ctx, std::mem::replace(&mut rest, tail), wide).into_iter());
    }
    let mut out = Vec::new();
    loop {
        let row: Vec<Option<Line<'static>>> = made.iter_mut().map(Iterator::next).collect();
        if row.iter().all(Option::is_none) {
            return out;
        }
        let mut line = Line::default();
        let last = row.len() - 1;
        for (at, cell) in row.into_iter().enumerate() {
            line.spans.extend(clipped(cell.unwrap_or_default(), wide).spans);
            if at < last {
                line.spans.push(ctx.span(Role::Rule, " │ "));
            }
        }
        out.push(line);
    }
}

/// How many sections go into each column: the least height into which all of them fit in order.
fn split(heights: &[usize], columns: usize) -> Vec<usize> {
    let fill = |limit: usize| {
        let mut counts = vec![0];
        let mut used = 0;
        for height in heights {
            if used > 0 && used + height > limit {
                counts.push(0);
                used = 0;
            }
            used += height;
            if let Some(count) = counts.last_mut() {
                *count += 1;
            }
        }
        counts
    };
    let (mut least, mut most) = (0, heights.iter().sum::<usize>());
    while least < most {
        let limit = usize::midpoint(least, most);
        if fill(limit).len() <= columns {
            most = limit;
        } else {
            least = limit + 1;
        }
    }
    let mut counts = fill(least);
    counts.resize(columns, 0);
    counts
}

/// A line of exactly so many cells.
fn clipped(line: Line<'static>, room: u16) -> Line<'static> {
    let mut out = Line::default();
    let mut left = room;
    for mut span in line.spans {
        let wide = width(&span.content);
        if wide > left {
            span.content = fit(&span.content, left).into();
        }
        left -= width(&span.content).min(left);
        out.spans.push(span);
        if left == 0 {
            break;
        }
    }
    out.spans.push(" ".repeat(usize::from(left)).into());
    out
}

fn column(ctx: &Ctx<'_>, sections: Vec<Section>, room: u16) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    for section in sections {
        let mut title = section.title;
        let used = cells(title.width());
        let dashes = "─".repeat(usize::from(room.saturating_sub(used + 1)));
        if !line_text(&title).is_empty() {
            title.spans.push(ctx.span(Role::Rule, format!(" {dashes}")));
        }
        out.push(title);
        out.extend(section.lines);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_even_as_the_order_allows() {
        assert_eq!(split(&[6, 5, 5, 2, 3, 5, 36, 4, 4, 2, 2], 2), [6, 5]);
        assert_eq!(split(&[10, 10, 10], 3), [1, 1, 1]);
        assert_eq!(split(&[50, 1, 1], 2), [1, 2]);
        assert_eq!(split(&[3], 3), [1, 0, 0]);
        assert_eq!(split(&[], 2), [0, 0]);
    }
}
