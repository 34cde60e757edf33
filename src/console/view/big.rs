//! Block letters for a wall: digits and the few letters of state words, three cells wide, five high.

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

/// Cells that a text takes.
#[must_use]
pub fn width(text: &str) -> u16 {
    crate::console::text::cells(text.chars().count() * 4).saturating_sub(1)
}

/// Draws a text; signs that are not in the font are left blank.
pub fn draw(buffer: &mut Buffer, x: u16, y: u16, text: &str, style: Style) {
    for (at, sign) in text.chars().enumerate() {
        let Some((_, rows)) = FONT.iter().find(|(known, _)| *known == sign) else {
            continue;
        };
        let left = x.saturating_add(crate::console::text::cells(at * 4));
        for (down, row) in (0u16..).zip(rows) {
            for across in 0..3u16 {
                if row & (4 >> across) != 0
                    && let Some(cell) = buffer.cell_mut((left.saturating_add(across), y.saturating_add(down)))
                {
                    cell.set_char('█').set_style(style);
                }
            }
        }
    }
}
