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

/// Puts sections one below the other, or side by side where there is room.
pub fn flow(ctx: &Ctx<'_>, sections: Vec<Section>, room: u16) -> Vec<Line<'static>> {
    if room < TWO_COLUMNS {
        return column(ctx, sections, room);
    }
    let half = (room - 3) / 2;
    let total: usize = sections.iter().map(|section| section.lines.len() + 1).sum();
    let mut taken = 0;
    let mut split = 0;
    for section in &sections {
        if taken * 2 >= total {
            break;
        }
        taken += section.lines.len() + 1;
        split += 1;
    }
    let mut left = sections;
    let right = left.split_off(split);
    let mut left = column(ctx, left, half).into_iter();
    let mut right = column(ctx, right, half).into_iter();
    let mut out = Vec::new();
    loop {
        let (a, b) = (left.next(), right.next());
        if a.is_none() && b.is_none() {
            return out;
        }
        let mut line = clipped(a.unwrap_or_default(), half);
        line.spans.push(" │ ".into());
        if let Some(bar) = line.spans.last_mut() {
            bar.style = ctx.theme().style(Role::Rule);
        }
        line.spans.extend(b.unwrap_or_default().spans);
        out.push(line);
    }
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
