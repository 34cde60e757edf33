//! How the page of the matrix is divided: drawing, scrolling and the mouse agree on it.

use super::Matrix;
use crate::console::text::{cells, width};
use ratatui::layout::Rect;

/// Below this width cells are listed, worst first, one a line.
const LISTED: u16 = 60;
/// Least cells of text beside the grid; with less room it stands below.
const BESIDE: u16 = 44;
/// Least and most cells inside a column.
const INSIDE: (u16, u16) = (8, 14);
/// From this height on frames have lines of their own above and below.
const FRAMED: u16 = 9;
/// More framed rows than this have no lines of their own: the rows matter more.
const FRAMES: usize = 4;
/// Lines of text below the grid at least, where there is so much room.
const STORY: u16 = 8;

/// Where everything stands.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// The kinds of work.
    pub tabs: Rect,
    /// What the numbers and signs mean; without height where there is no room.
    pub legend: Rect,
    /// Where the grid or the list stands.
    pub grid: Rect,
    /// The text: who is blamed, and the cell under the cursor.
    pub story: Rect,
    /// Whether cells are listed.
    pub listed: bool,
    /// The rows on screen (of a list its lines) and their lines.
    pub rows: Vec<(usize, u16)>,
    /// The columns on screen and where each begins, inside its frame.
    pub columns: Vec<(usize, u16)>,
    /// Cells inside a column.
    pub inside: u16,
    /// Cells of a host's name.
    pub host: u16,
    /// Cells of the names with what follows them.
    pub names: u16,
    /// The line below the last row, where all rows are seen and a frame ends there.
    pub bottom: Option<u16>,
    /// Whether frames have lines of their own.
    pub framed: bool,
}

/// What a row's name is followed by when its host is not trusted.
pub const BUSY: &str = " ░ busy, not counted";
/// The same where there is less room.
pub const BUSY_SHORT: &str = " ░ busy";

impl Layout {
    /// Divides the page.
    #[must_use]
    pub fn new(matrix: &Matrix, area: Rect) -> Self {
        let mut out = Self {
            tabs: Rect::new(area.x, area.y, area.width, area.height.min(1)),
            ..Self::default()
        };
        let Some(grid) = &matrix.grid else {
            let rest = area.height.saturating_sub(1);
            out.story = Rect::new(area.x, area.bottom() - rest, area.width, rest);
            return out;
        };
        let legend = u16::from(area.height >= 14);
        out.legend = Rect::new(area.x, area.y + out.tabs.height, area.width, legend);
        let top = 1 + legend;
        let body = Rect::new(
            area.x,
            area.y + top.min(area.height),
            area.width,
            area.height.saturating_sub(top),
        );
        out.listed = area.width < LISTED;
        if out.listed {
            out.lay_list(matrix, body);
            return out;
        }
        let longest = grid.rows.iter().map(|row| width(row.host.as_str())).max().unwrap_or(0);
        out.host = longest.min(area.width / 3);
        out.names = out.host + 2;
        if grid.rows.iter().any(|row| !row.busy.is_empty()) {
            out.names += width(if area.width >= 100 { BUSY } else { BUSY_SHORT });
        }
        let longest = grid.columns.iter().map(|column| width(&column.name)).max().unwrap_or(0);
        out.inside = longest.clamp(INSIDE.0, INSIDE.1);
        let wanted = out.names + cells(grid.columns.len()).saturating_mul(out.inside + 1) + 1;
        let framed = (0..grid.rows.len()).filter(|row| is_framed(matrix, *row)).count();
        out.framed = body.height >= FRAMED && framed <= FRAMES;
        let column = grid.columns.iter().any(|column| column.blamed);
        let tall = cells(grid.rows.len()) + 2 + if out.framed { 2 * cells(framed) } else { 0 };
        (out.grid, out.story) = if body.width >= wanted.saturating_add(BESIDE) {
            let story = Rect::new(body.x + wanted + 2, body.y, body.width - wanted - 2, body.height);
            (Rect::new(body.x, body.y, wanted, body.height), story)
        } else {
            let least = STORY.min(body.height * 2 / 5);
            let height = tall.min(body.height - least);
            let rest = body.height - height;
            (
                Rect::new(body.x, body.y, body.width.min(wanted), height),
                Rect::new(body.x, body.y + height, body.width, rest),
            )
        };
        out.lay_rows(matrix, grid.rows.len(), column);
        out.lay_columns(matrix.left, grid.columns.len());
        out
    }

    fn lay_list(&mut self, matrix: &Matrix, body: Rect) {
        let story = if body.height >= 8 {
            body.height / 3
        } else {
            body.height.min(2)
        };
        self.story = Rect::new(body.x, body.y, body.width, story);
        self.grid = Rect::new(body.x, body.y + story, body.width, body.height - story);
        let lines = usize::from(self.grid.height);
        let shown = (matrix.top..matrix.list.len()).take(lines);
        self.rows = shown
            .enumerate()
            .map(|(slot, at)| (at, self.grid.y + cells(slot)))
            .collect();
    }

    fn lay_rows(&mut self, matrix: &Matrix, count: usize, column: bool) {
        let mut limit = self.grid.bottom();
        // The frame of a column ends on a line of its own.
        if column && self.grid.height > 4 {
            limit -= 1;
        }
        let mut y = self.grid.y + 1;
        let mut above = false;
        for row in matrix.top..count {
            let framed = self.framed && is_framed(matrix, row);
            if framed || above {
                y += 1;
            }
            if y + u16::from(framed) >= limit {
                return;
            }
            self.rows.push((row, y));
            y += 1;
            above = framed;
        }
        self.bottom = ((column || above) && y < self.grid.bottom()).then_some(y);
    }

    fn lay_columns(&mut self, left: usize, count: usize) {
        let mut x = self.grid.x + self.names + 1;
        for column in left..count {
            if x + self.inside >= self.grid.right() {
                return;
            }
            self.columns.push((column, x));
            x += self.inside + 1;
        }
    }

    /// The right edge of the columns on screen: where a frame round a whole row ends.
    #[must_use]
    pub fn edge(&self) -> u16 {
        self.columns
            .last()
            .map_or(self.grid.x + self.names, |(_, x)| x + self.inside)
    }

    /// The cell under a place on the screen.
    #[must_use]
    pub fn cell_at(&self, matrix: &Matrix, column: u16, row: u16) -> Option<(usize, usize)> {
        let (at, _) = self.rows.iter().find(|(_, y)| *y == row)?;
        if self.listed {
            return matrix.list.get(*at).copied();
        }
        let inside = |(_, x): &&(usize, u16)| (*x..=*x + self.inside).contains(&column);
        Some((*at, self.columns.iter().find(inside)?.0))
    }
}

/// Whether a row has a frame round itself or round a cell.
fn is_framed(matrix: &Matrix, row: usize) -> bool {
    let Some(grid) = &matrix.grid else { return false };
    grid.rows[row].blamed || (0..grid.columns.len()).any(|column| matrix.is_framed(row, column))
}

/// Scrolls so that the cursor is seen.
pub fn follow(matrix: &mut Matrix, area: Rect) {
    let first = Layout::new(matrix, area);
    let cursor = if first.listed {
        matrix.place_in_list()
    } else {
        matrix.row
    };
    let count = if first.listed {
        matrix.list.len()
    } else {
        matrix.grid.as_ref().map_or(0, |grid| grid.rows.len())
    };
    matrix.top = matrix.top.min(cursor);
    // What is above is not hidden while there is room below.
    while matrix.top > 0 && Layout::new(matrix, area).rows.len() + matrix.top >= count {
        matrix.top -= 1;
        let shown = Layout::new(matrix, area).rows;
        if shown.last().is_none_or(|(row, _)| row + 1 < count) {
            matrix.top += 1;
            break;
        }
    }
    while matrix.top < cursor {
        let shown = Layout::new(matrix, area).rows;
        let Some((last, _)) = shown.last() else { break };
        if cursor <= *last {
            break;
        }
        matrix.top += (cursor - last).max(1);
        matrix.top = matrix.top.min(cursor);
    }
    if first.listed {
        return;
    }
    let columns = matrix.grid.as_ref().map_or(0, |grid| grid.columns.len());
    let room = first.grid.width.saturating_sub(first.names + 1) / (first.inside + 1);
    let room = usize::from(room).max(1);
    matrix.left = matrix.left.min(columns.saturating_sub(room)).min(matrix.column);
    if matrix.column >= matrix.left + room {
        matrix.left = matrix.column + 1 - room;
    }
}
