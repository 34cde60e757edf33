//! What the loader has to say about an inventory: errors and warnings, each with its place, the
//! offending line and a hint.

use super::suggest::visible;
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};
use unicode_width::UnicodeWidthChar;

/// Longest part of a source line that is shown, in characters.
const SHOWN: usize = 120;

/// Most diagnostics kept of one load; what comes after is counted in one last line.
const LIMIT: usize = 500;

/// How bad a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The inventory cannot be used.
    Error,
    /// It can be used, but a person should look at this.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One mistake, or something worth a look, in an inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The file, as it was given or as an include names it.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The source line and, on a second line, a caret underline; empty when the file has no such line.
    pub text: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error about a file as a whole.
    #[must_use]
    pub fn of_file(file: &Path, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: file.to_owned(),
            line: 1,
            column: 1,
            text: String::new(),
            message: message.into(),
            hint: None,
        }
    }

    /// One line: `file:line:column: error: message (hint)`.
    #[must_use]
    pub fn line(&self) -> String {
        let mut out = format!(
            "{}:{}:{}: {}: {}",
            visible(&self.file.to_string_lossy()),
            self.line,
            self.column,
            self.severity.name(),
            self.message
        );
        if let Some(hint) = &self.hint {
            let _ = write!(out, " ({hint})");
        }
        out
    }

    /// A block as compilers print it, with the source line and an underline.
    #[must_use]
    pub fn block(&self) -> String {
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let mut out = format!(
            "{}: {}\n{gutter}--> {}:{}:{}\n",
            self.severity.name(),
            self.message,
            visible(&self.file.to_string_lossy()),
            self.line,
            self.column
        );
        if let Some((source, underline)) = self.text.split_once('\n') {
            let _ = write!(
                out,
                "{gutter} |\n{number} | {source}\n{gutter} | {}\n",
                underline.trim_end()
            );
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(out, "{gutter} = hint: {hint}");
        }
        out
    }
}

/// All diagnostics as plain text: one block each, then a line with the counts.
#[must_use]
pub fn render(diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&diagnostic.block());
        out.push('\n');
    }
    out.push_str(&counts(diagnostics));
    out.push('\n');
    out
}

/// All diagnostics, one line each; empty when there are none.
#[must_use]
pub fn render_lines(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().fold(String::new(), |mut out, diagnostic| {
        out.push_str(&diagnostic.line());
        out.push('\n');
        out
    })
}

/// `2 errors, 1 warning`.
#[must_use]
pub fn counts(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
    let warnings = diagnostics.len() - errors;
    let word = |count: usize, word: &str| match count {
        0 => format!("no {word}s"),
        1 => format!("1 {word}"),
        n => format!("{n} {word}s"),
    };
    format!("{}, {}", word(errors, "error"), word(warnings, "warning"))
}

/// A place in one of the files of a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Mark {
    /// Index into [`Sources`].
    pub file: u16,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Length of what is meant, in characters; 0 underlines one.
    pub length: u32,
}

/// The files of one load, in the order in which they were read.
#[derive(Debug, Default)]
pub(super) struct Sources {
    files: Vec<(PathBuf, String)>,
}

impl Sources {
    /// Adds a file; its index goes into marks.
    pub fn add(&mut self, path: &Path, text: String) -> u16 {
        self.files.push((path.to_owned(), text));
        u16::try_from(self.files.len() - 1).unwrap_or(u16::MAX)
    }

    /// Path of a file.
    pub fn path(&self, file: u16) -> &Path {
        self.files
            .get(usize::from(file))
            .map_or(Path::new(""), |(path, _)| path)
    }

    /// All paths.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().map(|(path, _)| path.clone()).collect()
    }

    /// `file:line` of a mark, for messages that name a second place; only the line within the same file.
    pub fn place(&self, mark: Mark, seen_from: Mark) -> String {
        if mark.file == seen_from.file {
            format!("line {}", mark.line)
        } else {
            format!("{}:{}", visible(&self.path(mark.file).to_string_lossy()), mark.line)
        }
    }
}

/// One thing to report, while a load is under way.
#[derive(Debug, PartialEq)]
pub(super) struct Note {
    mark: Mark,
    severity: Severity,
    message: String,
    hint: Option<String>,
}

impl Note {
    /// Adds what to do about it.
    pub fn hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }

    /// Adds what to do about it, if there is anything.
    pub fn maybe(&mut self, hint: Option<String>) {
        self.hint = hint;
    }
}

/// Everything to report, while a load is under way.
#[derive(Debug, Default)]
pub(super) struct Notes {
    list: Vec<Note>,
}

impl Notes {
    /// Reports an error.
    pub fn error(&mut self, mark: Mark, message: impl Into<String>) -> &mut Note {
        self.add(Severity::Error, mark, message.into())
    }

    /// Reports a warning.
    pub fn warning(&mut self, mark: Mark, message: impl Into<String>) -> &mut Note {
        self.add(Severity::Warning, mark, message.into())
    }

    fn add(&mut self, severity: Severity, mark: Mark, message: String) -> &mut Note {
        let at = self.list.len();
        self.list.push(Note {
            mark,
            severity,
            message,
            hint: None,
        });
        &mut self.list[at]
    }

    /// Adds what to do to those of which nothing better is known.
    pub fn otherwise(&mut self, hint: &str) {
        for note in self.list.iter_mut().filter(|note| note.hint.is_none()) {
            note.hint = Some(hint.to_owned());
        }
    }

    /// Whether an error is among them.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|note| note.severity == Severity::Error)
    }

    /// The finished diagnostics in the order of files and lines, without repetitions (an anchor
    /// that is used twice is checked twice).
    pub fn finish(mut self, sources: &Sources) -> Vec<Diagnostic> {
        self.list
            .sort_by(|a, b| (a.mark, a.severity, &a.message).cmp(&(b.mark, b.severity, &b.message)));
        self.list.dedup();
        let more = self.list.len().saturating_sub(LIMIT);
        // When not all are shown, no error may hide behind warnings.
        if more > 0 {
            self.list.sort_by_key(|note| note.severity);
            self.list.truncate(LIMIT);
            self.list.sort_by_key(|note| note.mark);
        }
        let mut lines = LineCache::default();
        let mut out: Vec<Diagnostic> = self
            .list
            .into_iter()
            .map(|note| Diagnostic {
                severity: note.severity,
                file: sources.path(note.mark.file).to_owned(),
                line: note.mark.line,
                column: note.mark.column,
                text: excerpt(lines.get(sources, note.mark), note.mark),
                message: note.message,
                hint: note.hint,
            })
            .collect();
        if more > 0
            && let Some(last) = out.last_mut()
        {
            let hint = last.hint.take().map_or(String::new(), |hint| format!("{hint}; "));
            last.hint = Some(format!("{hint}and {more} more diagnostics that are not shown"));
        }
        out
    }
}

/// Finds lines of ascending marks in one pass over each file.
#[derive(Default)]
struct LineCache<'a> {
    file: Option<u16>,
    lines: Vec<&'a str>,
}

impl<'a> LineCache<'a> {
    fn get(&mut self, sources: &'a Sources, mark: Mark) -> Option<&'a str> {
        if self.file != Some(mark.file) {
            self.file = Some(mark.file);
            self.lines = sources
                .files
                .get(usize::from(mark.file))
                .map_or(Vec::new(), |(_, text)| text.lines().collect());
        }
        let at = usize::try_from(mark.line).ok()?.checked_sub(1)?;
        self.lines.get(at).copied()
    }
}

/// The source line (cut to what fits) and its underline.
fn excerpt(line: Option<&str>, mark: Mark) -> String {
    let Some(line) = line.map(str::trim_end).filter(|line| !line.is_empty()) else {
        return String::new();
    };
    let start = usize::try_from(mark.column).unwrap_or(1).saturating_sub(1);
    let length = usize::try_from(mark.length).unwrap_or(1).max(1);
    let skip = if start > SHOWN * 2 / 3 { start - SHOWN / 3 } else { 0 };
    let mut source = String::new();
    let mut underline = String::new();
    if skip > 0 {
        source.push('…');
        underline.push(' ');
    }
    let mut carets = 0;
    for (at, c) in line.chars().enumerate().skip(skip) {
        if at - skip >= SHOWN {
            source.push('…');
            break;
        }
        let shown = if c == '\t' {
            ' '
        } else {
            super::suggest::visible_char(c)
        };
        let width = shown.width().unwrap_or(0);
        source.push(shown);
        let inside = at >= start && at < start + length;
        for _ in 0..width {
            underline.push(if inside { '^' } else { ' ' });
        }
        carets += usize::from(inside);
    }
    if carets == 0 {
        underline.push('^');
    }
    format!("{source}\n{}", underline.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_underline_stands_below_what_is_meant() {
        let mark = Mark {
            file: 0,
            line: 1,
            column: 4,
            length: 3,
        };
        assert_eq!(excerpt(Some("ab\tcde f"), mark), "ab cde f\n   ^^^");
        assert_eq!(excerpt(Some("日本\u{1b}cde"), mark), "日本\u{fffd}cde\n     ^^^");
        assert_eq!(excerpt(Some(""), mark), "");
        let long = format!("{}cde{}", " ".repeat(500), "x".repeat(500));
        let shown = excerpt(Some(&long), Mark { column: 501, ..mark });
        assert!(shown.chars().count() < 300);
        let (source, underline) = shown.split_once('\n').expect("two lines");
        let caret = underline.find('^').expect("a caret");
        assert_eq!(source.chars().nth(caret), Some('c'));
    }

    proptest! {
        #[test]
        fn any_line_and_mark_make_a_bounded_excerpt(line in "\\PC*", column in any::<u32>(), length in any::<u32>()) {
            let shown = excerpt(Some(&line), Mark { file: 0, line: 1, column, length });
            prop_assert!(shown.chars().count() <= SHOWN * 4);
            prop_assert!(shown.lines().count() <= 2);
        }
    }
}
