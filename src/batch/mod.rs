//! The scripted front end: status, findings and events as JSON, TSV or text; never a prompt.
//!
//! Exit codes are those of monitoring plugins: 0 OK, 1 warning, 2 critical, 3 unknown; usage errors
//! are 64 and configuration errors 78 (sysexits).

pub mod failslow;
pub mod rehearse;
pub mod report;
pub mod run;
pub mod status;
pub mod watch;

#[cfg(test)]
mod tests;

use crate::{
    collect::{Collector, FleetView, HostView},
    facts::{CleanText, filesystem::StatfsOutcome},
    verdict::Severity,
};
use std::{io, sync::Arc, time::Duration};

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For a person: two lines a finding, then one a host.
    #[default]
    Text,
    /// One JSON document (or one line an event).
    Json,
    /// Tab-separated, a header line first, numbers unshortened.
    Tsv,
}

/// Waits until every selected host has answered in full, or cannot; at most `limit`.
///
/// What is missing then is shown as unknown; nothing is guessed.
pub async fn collect_once(collector: &mut Collector, wanted: &[bool], limit: Duration) -> Arc<FleetView> {
    let done = |view: &FleetView| {
        view.hosts
            .iter()
            .zip(wanted)
            .filter(|(_, wanted)| **wanted)
            .all(|(host, _)| host.complete && (!host.reach.is_up() || enough(host) && !in_doubt(view, host)))
    };
    let wait = collector.view.wait_for(|view| done(view));
    let reached = tokio::time::timeout(limit, wait).await;
    drop(reached);
    collector.view.borrow().clone()
}

/// Rates need two polls; a host that has given them (or has no poll loop) is done.
fn enough(host: &HostView) -> bool {
    host.snapshot
        .as_ref()
        .is_some_and(|snapshot| snapshot.polls >= 2 || snapshot.uptime.is_absent() || snapshot.uptime.value().is_none())
}

/// Whether a mount has been asked and is not yet late: one look would call it neither well nor hung.
fn in_doubt(view: &FleetView, host: &HostView) -> bool {
    let Some(declared) = view.fleet.host(host.name.as_str()) else {
        return false;
    };
    let probes = host.snapshot.as_ref().and_then(|snapshot| snapshot.statfs.value());
    probes.into_iter().flatten().any(
        |probe| matches!(probe.outcome, StatfsOutcome::Hung { seconds } if !declared.thresholds.is_mount_hung(seconds)),
    )
}

/// Marks one host.
#[must_use]
pub fn only(view: &FleetView, name: &str) -> Vec<bool> {
    view.hosts.iter().map(|host| host.name.as_str() == name).collect()
}

/// The worst state of the selected hosts and of the findings about them.
#[must_use]
pub fn worst(report: &report::Status) -> Severity {
    report
        .findings
        .iter()
        .map(|finding| finding.severity)
        .max()
        .unwrap_or_default()
}

/// Writes, treating a closed pipe as the reader's good right.
pub fn print(text: &str) -> io::Result<()> {
    use io::Write as _;
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// A field of a TSV line: clean text has no tabs or newlines, so it needs no quoting.
fn tsv_field(text: &str) -> CleanText {
    CleanText::new(text)
}
