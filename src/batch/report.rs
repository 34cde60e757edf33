//! The documents that scripts get. Their form is promised: fields are added, never changed, within a version.

mod parts;
mod system;

pub use parts::{
    ChannelStatus, DrbdStatus, ExportStatus, FilesystemStatus, MountStatus, MysqlStatus, PoolStatus, RaidStatus,
    SyncStatus,
};
pub use system::{CpuStatus, DiskStatus, LinkStatus, LoadStatus, MemoryStatus, PressureStatus, SystemStatus};

use crate::{
    collect::{BackupView, FleetView, HostView, clock::iso},
    facts::{Reach, Reading, Snapshot, UnixMs, probe::ProbeValue},
    fleet::{BackupSubject, Thresholds},
    verdict::{Finding, Severity, backup::concerned},
};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The version of every JSON document.
pub const VERSION: u32 = 1;

/// `pointsman --batch status --json`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Status {
    /// Version of this form; 1.
    pub version: u32,
    /// The fleet's name.
    pub fleet: String,
    /// When the view was made, ISO 8601 UTC.
    pub at: String,
    /// Worst severity of all findings shown.
    pub state: &'static str,
    /// Hosts by state.
    pub summary: BTreeMap<&'static str, usize>,
    /// The hosts selected, in the order of the inventory.
    pub hosts: Vec<HostStatus>,
    /// Findings about them, worst first.
    pub findings: Vec<FindingStatus>,
    /// The backups of what lies on them or of which the backups do, where the inventory says how they are listed.
    pub backups: Vec<BackupStatus>,
}

/// The backups of a slice or a database.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct BackupStatus {
    /// The name of the slice or topology.
    pub of: String,
    /// `slice` or `database`.
    pub kind: &'static str,
    /// The host where they are.
    pub on: String,
    /// The newest that is listed; null where none is, and where that is not known.
    pub newest: Option<ListedStatus>,
    /// The last that was tested; null where none was, and where that is not known.
    pub tested: Option<TestedStatus>,
    /// What should be known but is not: `newest`, `tested` → reason.
    pub unknown: BTreeMap<&'static str, String>,
}

/// A backup in a list.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ListedStatus {
    /// Its name.
    pub name: String,
    /// When it began, ISO 8601 UTC.
    pub at: String,
    /// How long ago that was, seconds.
    pub age_seconds: u64,
    /// How large it is, restored; null when the list does not tell.
    pub bytes: Option<u64>,
}

/// A test of a backup.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TestedStatus {
    /// The backup's name.
    pub name: String,
    /// When it was tested, ISO 8601 UTC.
    pub at: String,
    /// How long ago that was, seconds.
    pub age_seconds: u64,
    /// Whether it was good.
    pub good: bool,
    /// What is wrong with it; null where it is good.
    pub trouble: Option<String>,
}

/// One finding.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FindingStatus {
    /// The rule's name.
    pub code: &'static str,
    /// `notice`, `warning`, `unknown` or `critical`.
    #[serde(rename = "severity")]
    pub severity_word: &'static str,
    /// The same, for sorting.
    #[serde(skip)]
    #[schemars(skip)]
    pub severity: Severity,
    /// What it is about, for a person.
    pub subject: String,
    /// What kind of thing it is about.
    pub kind: String,
    /// The host it lies on, or null for a thing of the fleet.
    pub host: Option<String>,
    /// Every host concerned.
    pub hosts: Vec<String>,
    /// Since when, ISO 8601 UTC.
    pub since: String,
    /// One sentence with the measured value and its limit.
    pub evidence: String,
    /// What to do next.
    pub advice: &'static str,
    /// Runbooks that could help, the gentlest first; whether one can be run now, its plan says.
    pub runbooks: &'static [&'static str],
}

/// One host.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct HostStatus {
    /// Its name.
    pub name: String,
    /// `ok`, `warning`, `critical` or `unknown`.
    pub state: &'static str,
    /// Whether it answers polls now.
    pub reachable: bool,
    /// How it is reached: `waiting`, `connecting`, `up`, `silent`, `unreachable` or `stopped`.
    pub reach: &'static str,
    /// Why it is not reachable, or null.
    pub reason: Option<String>,
    /// Age of what follows in milliseconds; null when nothing is known.
    pub age_ms: Option<u64>,
    /// Round trip of the last poll in milliseconds; null when nothing is known.
    pub rtt_ms: Option<f64>,
    /// Roles.
    pub roles: Vec<String>,
    /// Load average over one minute.
    pub load: Option<f64>,
    /// Seconds since boot.
    pub uptime_seconds: Option<f64>,
    /// The machine itself: CPU, memory, disks, links.
    pub system: SystemStatus,
    /// md arrays.
    pub raid: Vec<RaidStatus>,
    /// DRBD volumes.
    pub drbd: Vec<DrbdStatus>,
    /// NFS exports in force.
    pub nfs_exports: Vec<ExportStatus>,
    /// NFS mounts.
    pub nfs_mounts: Vec<MountStatus>,
    /// Local filesystems.
    pub filesystems: Vec<FilesystemStatus>,
    /// ZFS pools.
    pub zfs: Vec<PoolStatus>,
    /// The MySQL or MariaDB server, or null.
    pub mysql: Option<MysqlStatus>,
    /// Custom probes by name; null for one that could not be read.
    pub probes: BTreeMap<String, Option<serde_json::Value>>,
    /// What should be known but is not: section → reason. A list above that is empty and named here is unknown, not empty.
    pub unknown: BTreeMap<&'static str, String>,
}

impl Status {
    /// The status of the hosts marked in `wanted`.
    #[must_use]
    pub fn new(view: &FleetView, wanted: &[bool]) -> Self {
        let picked: Vec<&HostView> = view
            .hosts
            .iter()
            .zip(wanted)
            .filter_map(|(host, wanted)| wanted.then_some(&**host))
            .collect();
        let all = picked.len() == view.hosts.len();
        let findings: Vec<FindingStatus> = view
            .findings
            .iter()
            .filter(|finding| all || picked.iter().any(|host| finding.concerns(host.name.as_str())))
            .map(FindingStatus::new)
            .collect();
        let hosts: Vec<HostStatus> = picked.iter().map(|host| HostStatus::new(view, host)).collect();
        let mut summary = BTreeMap::from([("ok", 0), ("warning", 0), ("critical", 0), ("unknown", 0)]);
        for host in &hosts {
            *summary.entry(host.state).or_default() += 1;
        }
        Self {
            version: VERSION,
            fleet: view.fleet.name.clone(),
            at: iso(view.at),
            state: state_word(
                findings
                    .iter()
                    .map(|finding| finding.severity)
                    .max()
                    .unwrap_or_default(),
            ),
            summary,
            hosts,
            findings,
            backups: view
                .backups()
                .filter(|backup| {
                    let concerned = concerned(&view.fleet, backup.of, &backup.on.name);
                    all || picked.iter().any(|host| concerned.contains(&host.name))
                })
                .map(|backup| BackupStatus::new(view, &backup))
                .collect(),
        }
    }
}

impl BackupStatus {
    fn new(view: &FleetView, backup: &BackupView<'_>) -> Self {
        let mut status = Self {
            of: backup.of.name().to_owned(),
            kind: match backup.of {
                BackupSubject::Slice(_) => "slice",
                BackupSubject::Database(_) => "database",
            },
            on: backup.on.name.to_string(),
            newest: None,
            tested: None,
            unknown: BTreeMap::new(),
        };
        let age_seconds = |at| view.at.since(at).as_secs();
        // What a silent host said before is no answer.
        let Some(said) = backup.said.as_ref().filter(|_| !backup.on.is_stale(view.at)) else {
            let (_, reason) = reach_words(&backup.on.reach);
            let old = match backup.said {
                Some(_) => "its last answer is old",
                None => "not read yet",
            };
            let why = reason.unwrap_or_else(|| old.to_owned());
            status.unknown = ["newest", "tested"].map(|what| (what, why.clone())).into();
            return status;
        };
        match &said.newest {
            Ok(newest) => {
                status.newest = newest.map(|newest| ListedStatus {
                    name: newest.name.clone(),
                    at: iso(newest.at),
                    age_seconds: age_seconds(newest.at),
                    bytes: newest.bytes,
                });
            }
            Err(why) => _ = status.unknown.insert("newest", why.clone()),
        }
        match &said.last {
            Ok(tested) => {
                status.tested = tested.map(|tested| TestedStatus {
                    name: tested.backup.to_string(),
                    at: iso(tested.at),
                    age_seconds: age_seconds(tested.at),
                    good: tested.trouble.is_none(),
                    trouble: tested.trouble.as_ref().map(ToString::to_string),
                });
            }
            Err(why) => _ = status.unknown.insert("tested", why.clone()),
        }
        status
    }
}

/// Notices are not a state: a host with nothing but notices is `ok`.
pub(super) const fn state_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Notice => Severity::Ok.word(),
        other => other.word(),
    }
}

impl FindingStatus {
    /// A finding in the form of scripts.
    #[must_use]
    pub fn new(finding: &Finding) -> Self {
        let own = finding.subject.host.iter();
        Self {
            code: finding.code.name(),
            severity_word: finding.severity.word(),
            severity: finding.severity,
            subject: finding.subject.to_string(),
            kind: serde_json::to_value(finding.subject.kind)
                .ok()
                .and_then(|kind| kind.as_str().map(str::to_owned))
                .unwrap_or_default(),
            host: finding.subject.host.as_ref().map(ToString::to_string),
            hosts: own
                .chain(
                    finding
                        .hosts
                        .iter()
                        .filter(|name| Some(*name) != finding.subject.host.as_ref()),
                )
                .map(ToString::to_string)
                .collect(),
            since: iso(finding.since),
            evidence: finding.evidence.to_string(),
            advice: finding.code.advice(),
            runbooks: finding.code.runbooks(),
        }
    }
}

impl HostStatus {
    fn new(view: &FleetView, host: &HostView) -> Self {
        let (reach, reason) = reach_words(&host.reach);
        let declared = view.fleet.host(host.name.as_str());
        let mut status = Self {
            name: host.name.to_string(),
            state: host_state(host, view.at),
            reachable: host.reach.is_up(),
            reach,
            reason,
            age_ms: host
                .age(view.at)
                .map(|age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)),
            rtt_ms: None,
            roles: declared
                .map(|host| host.roles.iter().cloned().collect())
                .unwrap_or_default(),
            load: None,
            uptime_seconds: None,
            system: SystemStatus::default(),
            raid: Vec::new(),
            drbd: Vec::new(),
            nfs_exports: Vec::new(),
            nfs_mounts: Vec::new(),
            filesystems: Vec::new(),
            zfs: Vec::new(),
            mysql: None,
            probes: BTreeMap::new(),
            unknown: BTreeMap::new(),
        };
        match &host.snapshot {
            Some(snapshot) => status.fill(
                snapshot,
                &declared.map(|host| host.thresholds.clone()).unwrap_or_default(),
            ),
            None => {
                status.unknown.insert(
                    "host",
                    status.reason.clone().unwrap_or_else(|| "not read yet".to_owned()),
                );
            }
        }
        status
    }

    fn fill(&mut self, snapshot: &Snapshot, thresholds: &Thresholds) {
        self.rtt_ms = Some(snapshot.rtt_us as f64 / 1000.0);
        self.load = snapshot.load.value().map(|load| load.one);
        self.uptime_seconds = snapshot.uptime.value().map(|uptime| uptime.seconds);
        for (name, why) in [("load", snapshot.load.why()), ("uptime_seconds", snapshot.uptime.why())] {
            if let Some(why) = why {
                self.unknown.insert(name, why.to_string());
            }
        }
        self.system = SystemStatus::new(snapshot, &mut self.unknown);
        self.raid = self.list("raid", &snapshot.md, RaidStatus::new);
        self.drbd = self.list("drbd", &snapshot.drbd, DrbdStatus::new);
        self.nfs_exports = self.list("nfs_exports", &snapshot.exports, ExportStatus::new);
        self.filesystems = self.list("filesystems", &snapshot.filesystems, FilesystemStatus::new);
        self.zfs = self.list("zfs", &snapshot.pools, PoolStatus::new);
        self.nfs_mounts = parts::mounts(snapshot, thresholds);
        if let Some(why) = snapshot.mounts.why() {
            self.unknown.insert("nfs_mounts", why.to_string());
        }
        match snapshot.mysql.value() {
            Some(mysql) => self.mysql = Some(MysqlStatus::new(mysql)),
            None => {
                if let Some(why) = snapshot.mysql.why() {
                    self.unknown.insert("mysql", why.to_string());
                }
            }
        }
        for probe in &snapshot.probes {
            let value = probe.value.value().map(|value| match value {
                ProbeValue::Number(number) => serde_json::json!(number),
                ProbeValue::Word(word) => serde_json::json!(word.as_str()),
            });
            self.probes.insert(probe.name.clone(), value);
        }
    }

    /// Converts a list; when it is unknown its reason is kept beside it.
    fn list<T, U>(&mut self, name: &'static str, reading: &Reading<Vec<T>>, convert: impl Fn(&T) -> U) -> Vec<U> {
        if let Some(why) = reading.why() {
            self.unknown.insert(name, why.to_string());
        }
        reading
            .value()
            .map(|list| list.iter().map(convert).collect())
            .unwrap_or_default()
    }
}

fn host_state(host: &HostView, now: UnixMs) -> &'static str {
    if host.is_stale(now) && host.severity < Severity::Unknown {
        return Severity::Unknown.word();
    }
    state_word(host.severity)
}

/// The word for a way, and the reason when it is not open.
fn reach_words(reach: &Reach) -> (&'static str, Option<String>) {
    match reach {
        Reach::Waiting => ("waiting", Some("not tried yet".to_owned())),
        // While it is tried again, why it failed before is still what somebody wants to know.
        Reach::Connecting {
            why: Some(why), step, ..
        } => ("connecting", Some(format!("{why} (connecting again: {step})"))),
        Reach::Connecting { step, why: None, .. } => ("connecting", Some(format!("connecting: {step}"))),
        Reach::Up { .. } => ("up", None),
        Reach::Silent { missed, .. } => ("silent", Some(format!("{missed} polls without an answer"))),
        Reach::Unreachable { why, .. } => ("unreachable", Some(why.to_string())),
        Reach::Stopped { why, .. } => ("stopped", Some(why.to_string())),
    }
}

/// The JSON schema of [`Status`].
#[must_use]
pub fn schema() -> String {
    serde_json::to_string_pretty(schemars::schema_for!(Status).as_value()).unwrap_or_default() + "\n"
}
