//! Checks before a plan is even offered: one file a check, and its line in [`ALL`].
//!
//! Interlocks stand below every step; a check says earlier, and in better words, what would stop the run half way,
//! and what a person should know before consenting.

mod array_redundant;
mod array_settled;
mod backup_fits;
mod capacity;
mod client_loss;
mod clients_sick;
mod copy_fits;
mod copy_replaces;
mod copy_streams;
mod database_entrance;
mod database_returned;
mod database_sound;
mod database_storage;
mod database_takeover;
mod disk_fits;
mod galera_lives;
mod galera_quorum;
mod galera_unsaved;
mod hosts_spared;
mod locks;
mod pair_lost;
mod pool_redundant;
mod pool_settled;
mod receiver_free;
pub mod receiver_sound;
mod replicated;
mod restore_fits;
mod returned;
mod semi_sync;
mod served_once;
mod server_dead;
mod service_spared;
mod serving_path;
mod split;
mod takeover_data;

use super::{planner::Scope, sight::Look, sight::Sight, truth::Truth};
use crate::facts::CleanText;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Every check.
pub const ALL: &[&dyn Check] = &[
    &array_redundant::ArrayRedundant,
    &array_settled::ArraySettled,
    &backup_fits::BackupFits,
    &capacity::Capacity,
    &client_loss::ClientLoss,
    &clients_sick::ClientsSick,
    &copy_fits::CopyFits,
    &copy_replaces::CopyReplaces,
    &copy_streams::CopyStreams,
    &disk_fits::DiskFits,
    &hosts_spared::HostsSpared,
    &database_entrance::DatabaseEntrance,
    &database_returned::DatabaseReturned,
    &database_sound::DatabaseSound,
    &database_storage::DatabaseStorage,
    &database_takeover::DatabaseTakeover,
    &galera_lives::GaleraLives,
    &galera_quorum::GaleraQuorum,
    &galera_unsaved::GaleraUnsaved,
    &locks::Locks,
    &pair_lost::PairLost,
    &pool_redundant::PoolRedundant,
    &pool_settled::PoolSettled,
    &receiver_free::ReceiverFree,
    &receiver_sound::ReceiverSound,
    &replicated::Replicated,
    &restore_fits::RestoreFits,
    &returned::Returned,
    &served_once::ServedOnce,
    &service_spared::ServiceSpared,
    &serving_path::ServingPath,
    &server_dead::ServerDead,
    &split::Split,
    &takeover_data::TakeoverData,
];

/// The check of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Check> {
    ALL.iter().copied().find(|check| check.name() == name)
}

/// One check.
pub trait Check: Sync {
    /// Its name in a runbook.
    fn name(&self) -> &'static str;

    /// One line for the catalogue.
    fn about(&self) -> &'static str;

    /// What has to be looked at, besides what every plan looks at.
    fn looks(&self, scope: &Scope<'_>) -> Vec<Look> {
        let _ = scope;
        Vec::new()
    }

    /// What it has to say.
    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report);
}

/// Why there is no plan, and what would make one possible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The fact, in a sentence.
    pub fact: String,
    /// What would lift it.
    pub lift: String,
}

impl Refusal {
    /// A refusal; what hosts have said in it is cleaned.
    #[must_use]
    pub fn new(fact: impl Into<String>, lift: impl Into<String>) -> Self {
        Self {
            fact: clean(fact),
            lift: clean(lift),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.fact, self.lift)
    }
}

/// What is told goes to terminals as it is, and hosts have said parts of it.
fn clean(text: impl Into<String>) -> String {
    CleanText::new(&text.into()).as_str().to_owned()
}

/// What checks have found so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Why not.
    pub refusals: Vec<Refusal>,
    /// What to know before consenting: another warning is another consent.
    pub warnings: Vec<String>,
    /// What is good to know, and may be otherwise a moment later.
    pub notes: Vec<String>,
    /// What is lost or at risk.
    pub losses: Vec<String>,
}

impl Report {
    /// Refuses; the same fact once.
    pub fn refuse(&mut self, fact: impl Into<String>, lift: impl Into<String>) {
        let refusal = Refusal::new(fact, lift);
        if !self.refusals.contains(&refusal) {
            self.refusals.push(refusal);
        }
    }

    /// What is found against one of several things, each refusal with its name in front; alone it needs none.
    pub fn about(&mut self, name: Option<&str>, judge: impl FnOnce(&mut Self)) {
        let before = self.refusals.split_off(0);
        judge(self);
        let own = std::mem::replace(&mut self.refusals, before);
        for refusal in own {
            let fact = name.map_or_else(|| refusal.fact.clone(), |name| format!("{name}: {}", refusal.fact));
            self.refuse(fact, refusal.lift);
        }
    }

    /// Refuses unless it is known to hold: unknown is no yes.
    pub fn require(&mut self, truth: &Truth, lift: &str) {
        if !truth.holds() {
            self.refuse(truth.to_string(), lift);
        }
    }

    /// Warns; the same words once.
    pub fn warn(&mut self, text: impl Into<String>) {
        let text = clean(text);
        if !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
    }

    /// Tells something that consent does not hang on; the same words once.
    pub fn note(&mut self, text: impl Into<String>) {
        let text = clean(text);
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server may call itself anything, and what is refused, warned of or noted is printed as it is.
    #[test]
    fn what_hosts_say_reaches_no_terminal_raw() {
        let hostile = "it is 5.7\u{1b}[2J\u{202e}";
        let mut report = Report::default();
        report.refuse(hostile, hostile);
        report.require(&Truth::Unknown(hostile.to_owned()), hostile);
        report.warn(hostile);
        report.note(hostile);
        let refused = report.refusals.iter().map(ToString::to_string);
        let told: Vec<String> = refused.chain(report.warnings).chain(report.notes).collect();
        assert_eq!(told.len(), 4);
        for text in told {
            assert!(
                text.contains("5.7") && !text.contains(['\u{1b}', '\u{202e}']),
                "{text:?}"
            );
        }
    }
}
