//! Heavy frames that may touch and cross each other.

use ratatui::{buffer::Buffer, layout::Rect, style::Style};

const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

/// Lines by the directions in which they leave each cell.
pub struct Frames {
    area: Rect,
    cells: Vec<u8>,
}

impl Frames {
    /// No frame yet.
    pub fn new(area: Rect) -> Self {
        Self {
            area,
            cells: vec![0; usize::from(area.width) * usize::from(area.height)],
        }
    }

    fn add(&mut self, x: u16, y: u16, way: u8) {
        if self.area.contains((x, y).into()) {
            let at = usize::from(y - self.area.y) * usize::from(self.area.width) + usize::from(x - self.area.x);
            self.cells[at] |= way;
        }
    }

    /// A line across: the upper or lower side of a frame.
    pub fn top(&mut self, from: u16, to: u16, y: u16) {
        for x in from..to {
            self.add(x, y, RIGHT);
            self.add(x + 1, y, LEFT);
        }
    }

    /// The left and the right side of a frame.
    pub fn sides(&mut self, left: u16, right: u16, from: u16, to: u16) {
        for x in [left, right] {
            for y in from..to {
                self.add(x, y, DOWN);
                self.add(x, y + 1, UP);
            }
        }
    }

    /// Both sides of one line alone.
    pub fn upright(&mut self, left: u16, right: u16, y: u16) {
        for x in [left, right] {
            self.add(x, y, UP | DOWN);
        }
    }

    /// Draws them.
    pub fn draw(&self, buffer: &mut Buffer, style: Style) {
        for (at, ways) in self.cells.iter().enumerate().filter(|(_, ways)| **ways != 0) {
            let (x, y) = (at % usize::from(self.area.width), at / usize::from(self.area.width));
            let place = (
                self.area.x + crate::console::text::cells(x),
                self.area.y + crate::console::text::cells(y),
            );
            buffer.set_string(place.0, place.1, sign(*ways), style);
        }
    }
}

const fn sign(ways: u8) -> &'static str {
    const TO_LEFT: u8 = UP | DOWN | LEFT;
    const TO_RIGHT: u8 = UP | DOWN | RIGHT;
    const TO_TOP: u8 = UP | LEFT | RIGHT;
    const TO_BOTTOM: u8 = DOWN | LEFT | RIGHT;
    match ways {
        0b0001..=0b0011 => "┃",
        0b0100 | 0b1000 | 0b1100 => "━",
        0b1010 => "┏",
        0b0110 => "┓",
        0b1001 => "┗",
        0b0101 => "┛",
        TO_RIGHT => "┣",
        TO_LEFT => "┫",
        TO_BOTTOM => "┳",
        TO_TOP => "┻",
        _ => "╋",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_touch_share_their_lines() {
        let area = Rect::new(0, 0, 7, 5);
        let mut frames = Frames::new(area);
        frames.top(0, 3, 0);
        frames.top(0, 3, 4);
        frames.sides(0, 3, 0, 4);
        frames.top(3, 6, 0);
        frames.top(3, 6, 2);
        frames.sides(3, 6, 0, 2);
        let mut buffer = Buffer::empty(area);
        frames.draw(&mut buffer, Style::new());
        assert_eq!(
            buffer,
            Buffer::with_lines(["┏━━┳━━┓", "┃  ┃  ┃", "┃  ┣━━┛", "┃  ┃   ", "┗━━┛   "])
        );
    }
}
