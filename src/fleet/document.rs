//! Any YAML document of ours beside the inventory, read like it: with every mistake at its place.

use super::{
    decode::decode,
    diagnostic::{Diagnostic, Mark, Notes, Sources},
    yaml::{Hints, Kind, NodeId, Tree},
};
use serde::de::DeserializeOwned;
use std::path::Path;

/// A mistake in what a document means, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The way to it from the top; as far as it is there.
    pub at: Vec<Part>,
    /// What is wrong.
    pub says: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// It follows from what is not here; where that is there and could not be read, it says nothing. Empty for most.
    pub unless_unread: Vec<Part>,
}

impl Flaw {
    /// A mistake at that place.
    #[must_use]
    pub fn new(at: Vec<Part>, says: impl Into<String>) -> Self {
        Self {
            at,
            says: says.into(),
            hint: None,
            unless_unread: Vec::new(),
        }
    }

    /// With what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Nothing is said of it where this is there and could not be read.
    #[must_use]
    pub fn unless_unread(mut self, way: Vec<Part>) -> Self {
        self.unless_unread = way;
        self
    }
}

/// A part of the way to a place in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The value of a key.
    Value(String),
    /// The key itself; where it is not there, the mapping that lacks it.
    Key(String),
    /// An entry of a list, counted from 0 among those that could be read.
    Item(usize),
}

/// Reads a document, and asks `meaning` for the mistakes in what it means: also where parts of it could not be read, so
/// that everything is reported at once. `path` is what diagnostics call it, `example` what shows how it is written.
///
/// # Errors
/// Every mistake, in the order of lines.
pub fn document<T: DeserializeOwned>(
    path: &Path,
    text: &str,
    example: &'static str,
    meaning: impl FnOnce(&T) -> Vec<Flaw>,
) -> Result<T, Vec<Diagnostic>> {
    let (mut tree, mut notes, mut sources) = (Tree::default(), Notes::default(), Sources::default());
    let file = sources.add(path, text.to_owned());
    let start = Mark {
        file,
        line: 1,
        column: 1,
        length: 0,
    };
    let hints = Hints {
        empty: example,
        second: "a file holds one document",
        large: "nobody can read so much",
    };
    let parsed = tree.parse(file, text, &hints, &sources, &mut notes);
    let value = parsed
        .root
        .and_then(|root| decode::<T>(&mut tree, root, start, &mut notes));
    // What a file says that was cut short is not known: what is missing may stand in the rest.
    if let (Some(value), Some(root), false) = (&value, parsed.root, parsed.cut) {
        for flaw in meaning(value) {
            let is_read = |way: &[Part]| find(&tree, root, way, start).is_some();
            if let Some(mark) = find(&tree, root, &flaw.at, start).filter(|_| is_read(&flaw.unless_unread)) {
                notes.error(mark, flaw.says).maybe(flaw.hint);
            }
        }
    }
    notes.otherwise(example);
    match value {
        Some(value) if !notes.has_errors() => Ok(value),
        _ => Err(notes.finish(&sources)),
    }
}

/// The mark of what a way leads to; of the last thing on it that is there, or `start` where that is the whole document.
/// `None` where a mistake on the way has been reported: what lies behind could not be read.
fn find(tree: &Tree, root: NodeId, way: &[Part], start: Mark) -> Option<Mark> {
    let mut node = root;
    for part in way {
        let next = match (tree.kind(node), part) {
            (Kind::List(items), Part::Item(at)) => {
                items.iter().filter(|item| !tree.is_pruned(**item)).nth(*at).copied()
            }
            (Kind::Map(entries), Part::Value(name) | Part::Key(name)) => {
                let named = || entries.iter().filter(|(key, _)| tree.text(*key) == name);
                let is_read = |(key, value): &&(NodeId, NodeId)| !tree.is_pruned(*key) && !tree.is_pruned(*value);
                match named().find(is_read) {
                    Some((key, value)) => Some(if matches!(part, Part::Key(_)) { *key } else { *value }),
                    None if named().next().is_some() => return None,
                    None => None,
                }
            }
            _ => None,
        };
        match next {
            Some(next) => node = next,
            None => break,
        }
    }
    Some(if node == root { start } else { tree.mark(node) })
}
