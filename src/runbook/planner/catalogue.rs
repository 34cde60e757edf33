//! The runbooks that are compiled in, and how a file of one's own is read.

use super::flaws::flaws;
use crate::{
    fleet::{Diagnostic, Flaw, Part, document},
    runbook::{definition::Definition, draft::Draft},
};
use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// What shows how a runbook is written.
const EXAMPLE: &str = "a runbook begins with `name: NAME`; `pointsman runbook show service` prints a whole one";

/// File name and text of each built-in runbook.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("slice-move.yaml", include_str!("../builtin/slice-move.yaml")),
    ("failover.yaml", include_str!("../builtin/failover.yaml")),
    ("fail-back.yaml", include_str!("../builtin/fail-back.yaml")),
    ("split-brain.yaml", include_str!("../builtin/split-brain.yaml")),
    ("disk-replace.yaml", include_str!("../builtin/disk-replace.yaml")),
    ("scrub.yaml", include_str!("../builtin/scrub.yaml")),
    ("pool-replace.yaml", include_str!("../builtin/pool-replace.yaml")),
    ("pool-scrub.yaml", include_str!("../builtin/pool-scrub.yaml")),
    ("service.yaml", include_str!("../builtin/service.yaml")),
    ("rolling.yaml", include_str!("../builtin/rolling.yaml")),
    ("fence-segment.yaml", include_str!("../builtin/fence-segment.yaml")),
    ("unfence-segment.yaml", include_str!("../builtin/unfence-segment.yaml")),
    ("client-repoint.yaml", include_str!("../builtin/client-repoint.yaml")),
    (
        "mysql-switchover.yaml",
        include_str!("../builtin/mysql-switchover.yaml"),
    ),
    ("mysql-failover.yaml", include_str!("../builtin/mysql-failover.yaml")),
    ("mysql-returned.yaml", include_str!("../builtin/mysql-returned.yaml")),
    ("galera-recover.yaml", include_str!("../builtin/galera-recover.yaml")),
    ("galera-join.yaml", include_str!("../builtin/galera-join.yaml")),
    ("galera-position.yaml", include_str!("../builtin/galera-position.yaml")),
    ("backup-test.yaml", include_str!("../builtin/backup-test.yaml")),
    (
        "database-backup-test.yaml",
        include_str!("../builtin/database-backup-test.yaml"),
    ),
    (
        "restore-from-backup.yaml",
        include_str!("../builtin/restore-from-backup.yaml"),
    ),
    ("migrate.yaml", include_str!("../builtin/migrate.yaml")),
    ("migrate-zfs.yaml", include_str!("../builtin/migrate-zfs.yaml")),
    ("migrate-many.yaml", include_str!("../builtin/migrate-many.yaml")),
    ("migrate-reclaim.yaml", include_str!("../builtin/migrate-reclaim.yaml")),
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

/// The built-in runbooks and those of one's own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Library {
    own: Vec<Own>,
}

/// A runbook of one's own.
#[derive(Debug, Clone, PartialEq)]
pub struct Own {
    /// What it says.
    pub definition: Definition,
    /// As its file has it.
    pub text: String,
}

impl Library {
    /// Those in these files, beside the built-in ones; and what is wrong with those that are not taken. A name that is
    /// taken already is no other runbook's.
    #[must_use]
    pub fn read(files: Vec<(PathBuf, String)>) -> (Self, Vec<Diagnostic>) {
        let (mut library, mut mistakes) = (Self::default(), Vec::new());
        for (path, text) in files {
            let taken = |draft: &Draft| {
                let name = draft.name.as_deref().filter(|name| library.find(name).is_some())?;
                let by = if find(name).is_some() {
                    "a built-in runbook"
                } else {
                    "another runbook of this directory"
                };
                let says = format!("{name} is the name of {by}");
                Some(Flaw::new(vec![Part::Value("name".to_owned())], says).hint("give it another name"))
            };
            let read = written(&path, &text, |draft| {
                let mut flaws = flaws(draft);
                flaws.extend(taken(draft));
                flaws
            });
            match read {
                Ok(definition) => library.own.push(Own { definition, text }),
                Err(more) => mistakes.extend(more),
            }
        }
        (library, mistakes)
    }

    /// All of them, the built-in ones first.
    pub fn all(&self) -> impl Iterator<Item = &Definition> {
        all().iter().chain(self.own.iter().map(|own| &own.definition))
    }

    /// Those of one's own.
    #[must_use]
    pub fn own(&self) -> &[Own] {
        &self.own
    }

    /// The runbook of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Definition> {
        self.all().find(|definition| definition.name == name)
    }
}

/// The built-in runbook of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Definition> {
    all().iter().find(|definition| definition.name == name)
}

/// Reads a runbook and checks that everything it names exists.
///
/// # Errors
/// Every mistake, with its line and column.
pub fn read(path: &Path, text: &str) -> Result<Definition, Vec<Diagnostic>> {
    written(path, text, flaws)
}

fn written(path: &Path, text: &str, meaning: impl FnOnce(&Draft) -> Vec<Flaw>) -> Result<Definition, Vec<Diagnostic>> {
    let draft = document(path, text, EXAMPLE, meaning)?;
    // What is missing is among the mistakes.
    draft
        .whole()
        .ok_or_else(|| vec![Diagnostic::of_file(path, "this is no whole runbook")])
}
