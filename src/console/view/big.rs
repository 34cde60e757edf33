//! Block letters for a wall: digits and the few letters of state words, three dots wide, five high.

use ratatui::{buffer::Buffer, style::Style};

/// Rows of a letter.
pub const HEIGHT: u16 = 5;

/// Rows of each sign, three bits a row.
const FONT: &[(char, [u8; 5])] = &[
    ('0', [7, 5, 5, 5, 7]),
    ('1', [2, 6, 2, 2, 7]),
    ('2', [7, 1, 7, 4, 7]),
    ('3', [7, 1, 7, 1, 7]),
    ('4', [5, 5, 7, 1, 1]),
    ('5', [7, 4, 7, 1, 7]),
    ('6', [7, 4, 7, 5, 7]),
    ('7', [7, 1, 1, 2, 2]),
    ('8', [7, 5, 7, 5, 7]),
    ('9', [7, 5, 7, 1, 7]),
    (':', [0, 2, 0, 2, 0]),
    ('A', [2, 5, 7, 5, 5]),
    ('B', [6, 5, 6, 5, 6]),
    ('C', [3, 4, 4, 4, 3]),
    ('D', [6, 5, 5, 5, 6]),
    ('E', [7, 4, 6, 4, 7]),
    ('F', [7, 4, 6, 4, 4]),
    ('G', [3, 4, 5, 5, 3]),
    ('H', [5, 5, 7, 5, 5]),
    ('I', [7, 2, 2, 2, 7]),
    ('K', [5, 5, 6, 5, 5]),
    ('L', [4, 4, 4, 4, 7]),
    ('M', [5, 7, 7, 5, 5]),
    ('N', [6, 5, 5, 5, 5]),
    ('O', [2, 5, 5, 5, 2]),
    ('R', [6, 5, 6, 5, 5]),
    ('S', [3, 4, 2, 1, 6]),
    ('T', [7, 2, 2, 2, 2]),
    ('U', [5, 5, 5, 5, 7]),
    ('W', [5, 5, 7, 7, 5]),
    ('Z', [7, 1, 2, 4, 7]),
    ('-', [0, 0, 7, 0, 0]),
    (' ', [0, 0, 0, 0, 0]),
];

/// How large the letters are: cells that one dot of the font takes. A cell is about twice as high as wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Cells across.
    pub across: u16,
    /// Cells down.
    pub down: u16,
}

impl Scale {
    /// Letters of so many times five rows, as wide as they should be for their height.
    #[must_use]
    pub const fn of(down: u16) -> Self {
        Self { across: 2 * down, down }
    }

    /// Narrow letters, for where there is no room for others.
    pub const NARROW: Self = Self { across: 1, down: 1 };

    /// Cells that a text takes across.
    #[must_use]
    pub fn width(self, text: &str) -> u16 {
        let dots = crate::console::text::cells(text.chars().count() * 4).saturating_sub(1);
        dots.saturating_mul(self.across)
    }

    /// Rows that a text takes.
    #[must_use]
    pub const fn height(self) -> u16 {
        HEIGHT * self.down
    }
}

/// Draws a text; signs that are not in the font are left blank.
pub fn draw(buffer: &mut Buffer, x: u16, y: u16, text: &str, scale: Scale, style: Style) {
    for (at, sign) in text.chars().enumerate() {
        let Some((_, rows)) = FONT.iter().find(|(known, _)| *known == sign) else {
            continue;
        };
        let left = crate::console::text::cells(at * 4);
        for (down, row) in (0u16..).zip(rows) {
            for across in (0..3u16).filter(|across| row & (4 >> across) != 0) {
                let corner = (
                    x.saturating_add((left + across).saturating_mul(scale.across)),
                    y.saturating_add(down * scale.down),
                );
                dot(buffer, corner, scale, style);
            }
        }
    }
}

fn dot(buffer: &mut Buffer, corner: (u16, u16), scale: Scale, style: Style) {
    for x in 0..scale.across {
        for y in 0..scale.down {
            if let Some(cell) = buffer.cell_mut((corner.0.saturating_add(x), corner.1.saturating_add(y))) {
                cell.set_char('█').set_style(style);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;

    #[test]
    fn letters_grow_with_their_scale_and_keep_to_their_cells() {
        assert_eq!(Scale::NARROW.width("OK"), 7);
        assert_eq!(Scale::of(2).width("OK"), 28);
        assert_eq!(Scale::of(2).height(), 10);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 12));
        draw(&mut buffer, 1, 1, "I", Scale::of(2), Style::new());
        let filled = |x, y| buffer.cell((x, y)).unwrap().symbol() == "█";
        assert!(filled(1, 1) && filled(12, 2) && !filled(13, 1) && !filled(0, 1));
        assert!(!filled(1, 3) && filled(5, 3) && filled(8, 8) && !filled(9, 8));
        assert!(filled(1, 10) && !filled(1, 11));
    }
}
