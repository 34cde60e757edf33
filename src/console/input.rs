//! A line being typed.

/// Longest line, characters.
const LIMIT: usize = 500;

/// A line with a cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineEdit {
    chars: Vec<char>,
    cursor: usize,
}

impl LineEdit {
    /// A line with the cursor at its end.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut line = Self::default();
        line.insert_text(text);
        line
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        self.chars.iter().collect()
    }

    /// The text before the cursor.
    #[must_use]
    pub fn before(&self) -> String {
        self.chars[..self.cursor].iter().collect()
    }

    /// Whether nothing is typed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.chars.is_empty()
    }

    /// Types text; what would steer a terminal is left out.
    pub fn insert_text(&mut self, text: &str) {
        for c in crate::facts::CleanText::new(text).chars() {
            if self.chars.len() < LIMIT {
                self.chars.insert(self.cursor, c);
                self.cursor += 1;
            }
        }
    }

    /// Erases before the cursor; whether there was anything.
    pub fn erase_left(&mut self) -> bool {
        if self.cursor == 0 {
            return false;
        }
        self.cursor -= 1;
        self.chars.remove(self.cursor);
        true
    }

    /// Erases under the cursor.
    pub fn erase_right(&mut self) {
        if self.cursor < self.chars.len() {
            self.chars.remove(self.cursor);
        }
    }

    /// Erases the word before the cursor, with the spaces behind it.
    pub fn erase_word(&mut self) {
        while self.cursor > 0 && self.chars[self.cursor - 1] == ' ' {
            self.erase_left();
        }
        while self.cursor > 0 && self.chars[self.cursor - 1] != ' ' {
            self.erase_left();
        }
    }

    /// Erases everything.
    pub fn clear(&mut self) {
        self.chars.clear();
        self.cursor = 0;
    }

    /// Moves the cursor.
    pub fn left(&mut self) {
        self.cursor = self.cursor.saturating_sub(1);
    }

    /// Moves the cursor.
    pub fn right(&mut self) {
        self.cursor = (self.cursor + 1).min(self.chars.len());
    }

    /// Moves the cursor behind the first `=` that nothing follows; it stays where there is none.
    pub fn to_first_empty(&mut self) {
        let is_empty = |at: &usize| self.chars[*at] == '=' && self.chars.get(at + 1).is_none_or(|next| *next == ' ');
        if let Some(at) = (0..self.chars.len()).find(is_empty) {
            self.cursor = at + 1;
        }
    }

    /// The text from the cursor on.
    #[must_use]
    pub fn after(&self) -> String {
        self.chars[self.cursor..].iter().collect()
    }

    /// Moves the cursor to the beginning.
    pub const fn home(&mut self) {
        self.cursor = 0;
    }

    /// Moves the cursor to the end.
    pub const fn end(&mut self) {
        self.cursor = self.chars.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_erased_whole() {
        let mut line = LineEdit::new("poll stor1  ");
        line.erase_word();
        assert_eq!(line.text(), "poll ");
        line.left();
        line.insert_text("s");
        assert_eq!(line.text(), "polls ");
        assert!(LineEdit::new("\x1b[2J").text().starts_with("\\x1b"));
    }
}
