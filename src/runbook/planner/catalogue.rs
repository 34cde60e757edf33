//! The runbooks that are compiled in, and how a file of one's own is read.

use super::bind;
use crate::{
    fleet::{Diagnostic, document},
    runbook::definition::Definition,
};
use std::{path::Path, sync::LazyLock};

/// File name and text of each built-in runbook.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("slice-move.yaml", include_str!("../builtin/slice-move.yaml")),
    ("failover.yaml", include_str!("../builtin/failover.yaml")),
    ("fail-back.yaml", include_str!("../builtin/fail-back.yaml")),
    ("split-brain.yaml", include_str!("../builtin/split-brain.yaml")),
    ("disk-replace.yaml", include_str!("../builtin/disk-replace.yaml")),
    ("scrub.yaml", include_str!("../builtin/scrub.yaml")),
    ("service.yaml", include_str!("../builtin/service.yaml")),
];

static ALL: LazyLock<Vec<Definition>> = LazyLock::new(|| {
    BUILT_IN
        .iter()
        .filter_map(|(file, text)| read(Path::new(file), text).ok())
        .collect()
});

/// The built-in runbooks, in the order in which they are shown.
#[must_use]
pub fn all() -> &'static [Definition] {
    &ALL
}

/// The built-in runbook of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Definition> {
    all().iter().find(|definition| definition.name == name)
}

/// Why a runbook cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// Its text has mistakes.
    Text(Vec<Diagnostic>),
    /// It names what does not exist; a sentence each.
    Meaning(Vec<String>),
}

/// Reads a runbook and checks that everything it names exists.
///
/// # Errors
/// [`Unreadable`] with every mistake.
pub fn read(path: &Path, text: &str) -> Result<Definition, Unreadable> {
    let (definition, diagnostics) = document::<Definition>(path, text);
    let definition = definition.ok_or(Unreadable::Text(diagnostics))?;
    let flaws = bind::flaws(&definition);
    if flaws.is_empty() {
        Ok(definition)
    } else {
        Err(Unreadable::Meaning(flaws))
    }
}
