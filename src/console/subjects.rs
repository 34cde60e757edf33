//! What a filter sees of hosts, slices, findings and log entries.

use super::{
    filter::{Filtered, Value},
    index::ListKind,
    sides::SliceFacts,
    status,
};
use crate::{
    collect::{FleetView, HostView},
    facts::UnixMs,
    fleet::Host,
    remote::log::{Level, LogEntry},
    verdict::{Finding, Severity},
};

/// The fields that things on a page can be compared by.
#[must_use]
pub const fn fields(kind: ListKind) -> &'static [&'static str] {
    match kind {
        ListKind::Fleet | ListKind::Database => &[
            "name",
            "host",
            "state",
            "severity",
            "role",
            "tag",
            "site",
            "rack",
            "generation",
            "segment",
            "topology",
            "load",
            "cpu",
            "memory",
            "disk",
            "latency",
            "lag",
            "age",
        ],
        ListKind::Storage => &["name", "state", "severity", "segment", "primary", "host", "disk"],
        ListKind::Findings => &["name", "state", "severity", "code", "host", "age"],
        ListKind::Log => &["name", "host", "state", "severity", "exit", "took", "age"],
    }
}

/// A host.
#[derive(Debug, Clone, Copy)]
pub struct HostSubject<'a> {
    /// The fleet.
    pub view: &'a FleetView,
    /// The host's declaration.
    pub host: &'a Host,
    /// What is known of it.
    pub seen: &'a HostView,
    /// Now.
    pub now: UnixMs,
}

impl Filtered for HostSubject<'_> {
    fn haystack(&self) -> String {
        let host = self.host;
        let mut text = format!(
            "{} {} {} {}",
            host.name,
            host.address,
            status::severity(self.seen, self.now).word(),
            status::shown(self.view, self.seen, self.now).word
        );
        let domains = &host.domains;
        let words = host
            .roles
            .iter()
            .chain(&host.tags)
            .chain(&domains.site)
            .chain(&domains.rack);
        for word in words.chain(&host.generation) {
            text.push(' ');
            text.push_str(word);
        }
        if let Some(segment) = self.view.fleet.segment_of(host.name.as_str()) {
            text.push(' ');
            text.push_str(segment.name.as_str());
            for slice in &segment.slices {
                text.push(' ');
                text.push_str(slice.name.as_str());
            }
        }
        if let Some(topology) = self.view.fleet.topology_of(host.name.as_str()) {
            text.push(' ');
            text.push_str(topology.name.as_str());
        }
        text
    }

    fn field(&self, name: &str) -> Option<Value> {
        let host = self.host;
        let words = |list: &mut dyn Iterator<Item = &String>| Some(Value::Words(list.cloned().collect()));
        let fleet = &self.view.fleet;
        match name {
            "name" | "host" => Some(Value::word(host.name.as_str())),
            "state" | "severity" => Some(Value::Words(vec![
                status::severity(self.seen, self.now).word().to_owned(),
                status::word(self.seen, self.now).to_owned(),
                status::shown(self.view, self.seen, self.now).word.to_owned(),
            ])),
            "role" => words(&mut host.roles.iter()),
            "tag" => words(&mut host.tags.iter()),
            "site" => words(&mut host.domains.site.iter()),
            "rack" => words(&mut host.domains.rack.iter()),
            "generation" => words(&mut host.generation.iter()),
            "segment" => Some(Value::word(fleet.segment_of(host.name.as_str())?.name.as_str())),
            "topology" => Some(Value::word(fleet.topology_of(host.name.as_str())?.name.as_str())),
            "load" => status::load(self.seen).map(Value::Number),
            "cpu" => status::cpu(self.seen).map(Value::Number),
            "memory" => status::memory(self.seen).map(Value::Number),
            "disk" => status::disk(self.seen).map(Value::Number),
            "latency" => status::latency_ms(self.seen).map(Value::Number),
            "lag" => status::lag(self.seen).map(Value::Number),
            "age" => self.seen.age(self.now).map(|age| Value::Number(age.as_secs_f64())),
            _ => None,
        }
    }
}

/// A slice.
#[derive(Debug, Clone)]
pub struct SliceSubject<'a> {
    /// What is known of it.
    pub facts: SliceFacts<'a>,
    /// Its severity.
    pub severity: Severity,
}

impl Filtered for SliceSubject<'_> {
    fn haystack(&self) -> String {
        let slice = self.facts.slice;
        let mut text = format!(
            "{} {} {} {} {}",
            slice.name,
            self.facts.segment.name,
            slice.mount_point,
            slice.resource.as_deref().unwrap_or(""),
            self.severity.word()
        );
        for side in &self.facts.sides {
            text.push(' ');
            text.push_str(side.name.as_str());
            if let Some(volume) = side.volume {
                text.push(' ');
                text.push_str(volume.connection.as_str());
            }
        }
        if let Some(address) = slice.service_address {
            text.push(' ');
            text.push_str(&address.ip.to_string());
        }
        text
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "name" => Some(Value::word(self.facts.slice.name.as_str())),
            "state" | "severity" => Some(Value::word(self.severity.word())),
            "segment" => Some(Value::word(self.facts.segment.name.as_str())),
            "primary" => Some(Value::word(self.facts.primary()?.name.as_str())),
            "host" => Some(Value::Words(
                self.facts
                    .sides
                    .iter()
                    .map(|side| side.name.as_str().to_owned())
                    .collect(),
            )),
            "disk" => Some(Value::Number(self.facts.primary()?.usage?.used_percent)),
            _ => None,
        }
    }
}

/// A finding.
#[derive(Debug, Clone, Copy)]
pub struct FindingSubject<'a> {
    /// The finding.
    pub finding: &'a Finding,
    /// When it was cleared, if it was.
    pub cleared: Option<UnixMs>,
    /// Now.
    pub now: UnixMs,
}

impl Filtered for FindingSubject<'_> {
    fn haystack(&self) -> String {
        let finding = self.finding;
        format!(
            "{} {} {} {} {}",
            if self.cleared.is_some() { "cleared" } else { "" },
            finding.severity.word(),
            finding.code,
            finding.subject,
            finding.evidence
        )
    }

    fn field(&self, name: &str) -> Option<Value> {
        let finding = self.finding;
        match name {
            "name" => Some(Value::word(&finding.subject.name)),
            "state" if self.cleared.is_some() => Some(Value::word("cleared")),
            "state" | "severity" => Some(Value::word(finding.severity.word())),
            "code" => Some(Value::word(finding.code.name())),
            "host" => Some(Value::Words(
                finding
                    .subject
                    .host
                    .iter()
                    .chain(&finding.hosts)
                    .map(|host| host.as_str().to_owned())
                    .collect(),
            )),
            "age" => {
                let end = self.cleared.unwrap_or(self.now);
                Some(Value::Number(end.since(finding.since).as_secs_f64()))
            }
            _ => None,
        }
    }
}

/// A log entry.
#[derive(Debug, Clone, Copy)]
pub struct LogSubject<'a> {
    /// The entry.
    pub entry: &'a LogEntry,
    /// Now.
    pub now: UnixMs,
}

/// The severity that a log level looks like.
#[must_use]
pub const fn log_severity(level: Level) -> Severity {
    match level {
        Level::Info => Severity::Ok,
        Level::Warning => Severity::Warning,
        Level::Error => Severity::Critical,
    }
}

/// The word of a log level.
#[must_use]
pub const fn log_word(level: Level) -> &'static str {
    match level {
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

impl Filtered for LogSubject<'_> {
    fn haystack(&self) -> String {
        let entry = self.entry;
        let host = entry.host.as_ref().map_or("", |host| host.as_str());
        format!("{} {host} {}", log_word(entry.level), entry.text)
    }

    fn field(&self, name: &str) -> Option<Value> {
        let entry = self.entry;
        match name {
            "host" | "name" => Some(Value::word(entry.host.as_ref()?.as_str())),
            "state" | "severity" => Some(Value::word(log_word(entry.level))),
            "exit" => Some(Value::Number(f64::from(entry.exit?))),
            "took" => Some(Value::Number(entry.took?.as_secs_f64() * 1000.0)),
            "age" => Some(Value::Number(self.now.since(entry.at).as_secs_f64())),
            _ => None,
        }
    }
}
