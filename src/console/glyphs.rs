//! Every sign that is not ASCII has an ASCII pair, and one pass over the finished screen puts it there.

use ratatui::buffer::Buffer;

/// Which signs the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyphs {
    /// UTF-8.
    Unicode,
    /// ASCII alone.
    Ascii,
}

/// Each sign of the console and its ASCII pair, one cell each.
pub const PAIRS: &[(char, char)] = &[
    ('✖', 'X'),
    ('✔', '+'),
    ('▲', '!'),
    ('◆', 'i'),
    ('●', 'o'),
    ('○', '-'),
    ('▁', '_'),
    ('▂', '.'),
    ('▃', ':'),
    ('▄', '-'),
    ('▅', '='),
    ('▆', '+'),
    ('▇', '*'),
    ('█', '#'),
    ('░', '%'),
    ('◐', '@'),
    ('▀', '"'),
    ('▾', 'v'),
    ('▸', '>'),
    ('▶', '>'),
    ('◀', '<'),
    ('↑', '^'),
    ('↓', 'v'),
    ('→', '>'),
    ('←', '<'),
    ('─', '-'),
    ('═', '='),
    ('│', '|'),
    ('━', '='),
    ('┃', '|'),
    ('┏', '+'),
    ('┓', '+'),
    ('┗', '+'),
    ('┛', '+'),
    ('┣', '+'),
    ('┫', '+'),
    ('┳', '+'),
    ('┻', '+'),
    ('╋', '+'),
    ('├', '|'),
    ('└', '`'),
    ('┌', '+'),
    ('┐', '+'),
    ('┘', '+'),
    ('…', '~'),
    ('·', '-'),
    ('–', '-'),
    ('×', 'x'),
    ('≈', '~'),
    ('≤', '<'),
    ('≥', '>'),
    ('›', '>'),
    ('▏', '|'),
    ('µ', 'u'),
    ('÷', '/'),
];

impl Glyphs {
    /// What the locale says: the first of `LC_ALL`, `LC_CTYPE` and `LANG` that is set decides (locale(7)).
    /// The Linux console has few signs, so `TERM=linux` is ASCII.
    #[must_use]
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Self {
        if variable("TERM").is_some_and(|term| term == "linux" || term == "dumb") {
            return Self::Ascii;
        }
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .filter_map(variable)
            .find(|value| !value.is_empty())
            .unwrap_or_default()
            .to_ascii_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") {
            Self::Unicode
        } else {
            Self::Ascii
        }
    }

    /// Makes a drawn screen fit: with [`Glyphs::Ascii`] every sign becomes its pair, and any other
    /// character `?`.
    pub fn apply(self, buffer: &mut Buffer) {
        if self == Self::Unicode {
            return;
        }
        for cell in &mut buffer.content {
            if !cell.symbol().is_ascii() {
                let first = cell.symbol().chars().next().unwrap_or('?');
                cell.set_char(ascii(first));
            }
        }
    }
}

/// The ASCII pair of a sign.
fn ascii(sign: char) -> char {
    PAIRS.iter().find(|(from, _)| *from == sign).map_or('?', |(_, to)| *to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(pairs: &'static [(&str, &str)]) -> Glyphs {
        Glyphs::detect(|name| {
            pairs
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_locale_decides() {
        assert_eq!(detect(&[("LANG", "en_GB.UTF-8")]), Glyphs::Unicode);
        assert_eq!(detect(&[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")]), Glyphs::Ascii);
        assert_eq!(detect(&[("LC_ALL", ""), ("LANG", "C.utf8")]), Glyphs::Unicode);
        assert_eq!(detect(&[("LANG", "C.utf8"), ("TERM", "linux")]), Glyphs::Ascii);
        assert_eq!(detect(&[]), Glyphs::Ascii);
    }

    #[test]
    fn every_pair_is_one_cell_and_ascii() {
        for (sign, pair) in PAIRS {
            assert!(pair.is_ascii_graphic(), "{sign}");
            assert_eq!(unicode_width::UnicodeWidthChar::width(*sign), Some(1), "{sign}");
        }
    }
}
