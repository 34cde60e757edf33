//! `--batch watch`: one line an event, until the reader or the operator ends it.

use super::{
    Format,
    report::{FindingStatus, VERSION},
};
use crate::{
    collect::{Collector, FleetView, clock::iso},
    verdict::{Code, Finding, changes},
};
use serde::Serialize;
use std::{io, sync::Arc};

/// One event.
#[derive(Debug, Serialize)]
struct Event<'a> {
    version: u32,
    at: String,
    /// `start`, `raised`, `severity` (it changed), `cleared`, `reloaded`, `reload_failed`.
    #[serde(rename = "event")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<FindingStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// Prints events until the collector ends or nobody reads any more.
///
/// # Errors
/// When standard output cannot be written for another reason than a closed pipe.
pub async fn run(
    collector: &mut Collector,
    wanted: impl Fn(&FleetView, &Finding) -> bool,
    format: Format,
) -> io::Result<()> {
    let first = collector.view.borrow_and_update().clone();
    if !emit(
        &first,
        "start",
        None,
        Some(format!("{}: {} hosts", first.fleet.name, first.hosts.len())),
        format,
    )? {
        return Ok(());
    }
    let mut before: Arc<[Finding]> = Arc::new([]);
    let mut reload_error = None;
    let mut view = first;
    let mut fleet = Arc::clone(&view.fleet);
    loop {
        if !Arc::ptr_eq(&fleet, &view.fleet) {
            fleet = Arc::clone(&view.fleet);
            let text = format!("{}: {} hosts", fleet.name, fleet.hosts.len());
            if !emit(&view, "reloaded", None, Some(text), format)? {
                return Ok(());
            }
        }
        for change in changes(&before, &view.findings) {
            let finding = change.finding();
            if finding.code == Code::HostNotAsked {
                // True of every host at the start, and news to nobody.
                continue;
            }
            if wanted(&view, finding) && !emit(&view, change.word(), Some(finding), None, format)? {
                return Ok(());
            }
        }
        before = Arc::clone(&view.findings);
        if view.reload_error != reload_error {
            reload_error.clone_from(&view.reload_error);
            if let Some(error) = &reload_error
                && !emit(&view, "reload_failed", None, Some(error.to_string()), format)?
            {
                return Ok(());
            }
        }
        if collector.view.changed().await.is_err() {
            return Ok(());
        }
        view = collector.view.borrow_and_update().clone();
    }
}

/// Prints one event; false when nobody reads any more.
fn emit(
    view: &FleetView,
    event: &str,
    finding: Option<&Finding>,
    text: Option<String>,
    format: Format,
) -> io::Result<bool> {
    use io::Write as _;
    let event = Event {
        version: VERSION,
        at: iso(view.at),
        kind: event,
        finding: finding.map(FindingStatus::new),
        text,
    };
    let line = match format {
        Format::Json => serde_json::to_string(&event).map_err(io::Error::other)?,
        Format::Tsv => {
            let finding = event.finding.as_ref();
            [
                event.at.as_str(),
                event.kind,
                finding.map_or("", |finding| finding.severity_word),
                finding.map_or("", |finding| finding.code),
                finding.map_or("", |finding| finding.subject.as_str()),
                finding.map_or(event.text.as_deref().unwrap_or(""), |finding| finding.evidence.as_str()),
            ]
            .map(|field| super::tsv_field(field).to_string())
            .join("\t")
        }
        Format::Text => match (&event.finding, &event.text) {
            (Some(finding), _) => format!(
                "{} {:<8} {:<8} {}: {} [{}]",
                event.at, event.kind, finding.severity_word, finding.subject, finding.evidence, finding.code
            ),
            (None, text) => format!("{} {:<8} {}", event.at, event.kind, text.as_deref().unwrap_or("")),
        },
    };
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error),
    }
}
