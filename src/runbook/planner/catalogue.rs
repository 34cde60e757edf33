//! The runbooks that are compiled in, and how a file of one's own is read.

use super::bind;
use crate::{
    fleet::{Diagnostic, Flaw, Part, document},
    runbook::definition::Definition,
};
use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
};

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
            let taken = |definition: &Definition| {
                let flaw = |by: &str| Flaw {
                    at: vec![Part::Value("name".to_owned())],
                    says: format!("{} is the name of {by}", definition.name),
                    hint: Some("give it another name".to_owned()),
                };
                match library.find(&definition.name) {
                    Some(_) if find(&definition.name).is_some() => vec![flaw("a built-in runbook")],
                    Some(_) => vec![flaw("another runbook of this directory")],
                    None => Vec::new(),
                }
            };
            let read = document(&path, &text, |definition| {
                let mut flaws = bind::flaws(definition);
                flaws.extend(taken(definition));
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
    document(path, text, bind::flaws)
}
