//! Any YAML document of ours beside the inventory, read like it: with every mistake at its place.

use super::{
    decode::decode,
    diagnostic::{Diagnostic, Mark, Notes, Sources},
    yaml::{Kind, NodeId, Tree},
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
}

/// A part of the way to a place in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The value of a key.
    Value(String),
    /// The key itself.
    Key(String),
    /// An entry of a list, counted from 0.
    Item(usize),
}

/// Reads a document, and asks `meaning` for the mistakes in what it means. `path` is what diagnostics call it.
///
/// # Errors
/// Every mistake, in the order of lines.
pub fn document<T: DeserializeOwned>(
    path: &Path,
    text: &str,
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
    let parsed = tree.parse(file, text, &sources, &mut notes);
    let value = parsed
        .root
        .and_then(|root| decode::<T>(&mut tree, root, start, &mut notes));
    if value.is_none() && !notes.has_errors() {
        notes.error(start, "the document is empty");
    }
    if let (Some(value), Some(root)) = (&value, parsed.root) {
        for flaw in meaning(value) {
            let mark = find(&tree, root, &flaw.at);
            notes.error(mark, flaw.says).maybe(flaw.hint);
        }
    }
    match value {
        Some(value) if !notes.has_errors() => Ok(value),
        _ => Err(notes.finish(&sources)),
    }
}

/// The mark of what a way leads to; of the last thing on it that is there.
fn find(tree: &Tree, root: NodeId, way: &[Part]) -> Mark {
    let mut node = root;
    for part in way {
        let next = match (tree.kind(node), part) {
            (Kind::List(items), Part::Item(at)) => items.get(*at),
            (Kind::Map(entries), Part::Value(name)) => {
                let mut named = entries.iter().filter(|(key, _)| tree.text(*key) == name);
                named.next().map(|(_, value)| value)
            }
            (Kind::Map(entries), Part::Key(name)) => {
                let mut named = entries.iter().filter(|(key, _)| tree.text(*key) == name);
                named.next().map(|(key, _)| key)
            }
            _ => None,
        };
        match next {
            Some(next) => node = *next,
            None => break,
        }
    }
    tree.mark(node)
}
