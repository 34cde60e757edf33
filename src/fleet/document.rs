//! Any YAML document of ours beside the inventory, read like it: with every mistake at its place.

use super::{
    decode::decode,
    diagnostic::{Diagnostic, Mark, Notes, Sources},
    yaml::Tree,
};
use serde::de::DeserializeOwned;
use std::path::Path;

/// Reads a document. `path` is what diagnostics call it. `None` when there is an error among the diagnostics.
#[must_use]
pub fn document<T: DeserializeOwned>(path: &Path, text: &str) -> (Option<T>, Vec<Diagnostic>) {
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
    let value = value.filter(|_| !notes.has_errors());
    (value, notes.finish(&sources))
}
