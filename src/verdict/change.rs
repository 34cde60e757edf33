//! What changed between two looks, for those who want events and not states.

use super::{Code, Finding, Severity, Subject};
use std::collections::HashMap;

/// One change of one finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was not there before.
    Raised(Finding),
    /// It is not there any more; this is how it was last.
    Cleared(Finding),
    /// It is there still, and worse or better.
    Severity {
        /// How bad it was.
        before: Severity,
        /// How it is now.
        finding: Finding,
    },
}

impl Change {
    /// The finding that changed, as it is now (or was last).
    #[must_use]
    pub const fn finding(&self) -> &Finding {
        match self {
            Self::Raised(finding) | Self::Cleared(finding) | Self::Severity { finding, .. } => finding,
        }
    }

    /// The kind of change in a word: `raised`, `cleared` or `severity`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Raised(_) => "raised",
            Self::Cleared(_) => "cleared",
            Self::Severity { .. } => "severity",
        }
    }
}

/// The changes from one list of findings to the next: first what is new or has changed, in the order of
/// `after`, then what is gone, in the order of `before`. Evidence alone is no change.
#[must_use]
pub fn changes(before: &[Finding], after: &[Finding]) -> Vec<Change> {
    let identity = |finding: &'_ Finding| -> (Code, Subject) { (finding.code, finding.subject.clone()) };
    let mut old: HashMap<(Code, Subject), &Finding> = before.iter().map(|f| (identity(f), f)).collect();
    let mut changes = Vec::new();
    for finding in after {
        match old.remove(&identity(finding)) {
            None => changes.push(Change::Raised(finding.clone())),
            Some(was) if was.severity != finding.severity => changes.push(Change::Severity {
                before: was.severity,
                finding: finding.clone(),
            }),
            Some(_) => {}
        }
    }
    let gone = before.iter().filter(|finding| old.contains_key(&identity(finding)));
    changes.extend(gone.cloned().map(Change::Cleared));
    changes
}
