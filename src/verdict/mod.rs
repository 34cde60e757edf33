//! What it means: facts of all hosts and their recent past → named findings.
//!
//! Pure: the same facts, memory and time give the same findings.

pub mod finding;

pub use finding::{Code, Finding, Severity, Subject, SubjectKind};

use crate::facts::{Reach, Snapshot};
use std::sync::Arc;

/// What is known of one host when it is judged; in the order of [`crate::fleet::Fleet::hosts`].
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// How the host is reached.
    pub reach: Option<Reach>,
    /// Its newest snapshot, which may be old.
    pub snapshot: Option<Arc<Snapshot>>,
}
