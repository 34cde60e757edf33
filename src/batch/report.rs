//! The documents that scripts get. Their form is promised: fields are added, never changed, within a version.

use crate::{
    collect::{FleetView, HostView, clock::iso},
    facts::{
        Reach, Reading, Snapshot, UnixMs,
        drbd::DrbdVolume,
        filesystem::{StatfsOutcome, Usage},
        md::MdArray,
        mysql::Mysql,
        nfs::NfsExport,
        probe::ProbeValue,
        zfs::Pool,
    },
    verdict::{Finding, Severity},
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

/// One md array.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RaidStatus {
    /// Such as `md0`.
    pub device: String,
    /// Such as `raid5`.
    pub level: String,
    /// `clean`, `degraded`, `inactive` or `unknown` (an unknown word, or RAID that does not tell its members).
    pub state: &'static str,
    /// Members it should have.
    pub members: Option<u32>,
    /// Members in sync.
    pub active: Option<u32>,
    /// Failed members by name.
    pub failed: Vec<String>,
    /// What runs in the background, or null.
    pub sync: Option<SyncStatus>,
}

/// A background action of an array.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SyncStatus {
    /// `recovery`, `resync`, `check`, `repair` or `reshape`.
    pub action: String,
    /// Progress, 0–100; null while it waits.
    pub percent: Option<f64>,
    /// Seconds left.
    pub left_seconds: Option<u64>,
}

/// One DRBD volume as this host sees it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DrbdStatus {
    /// Resource name; null when only the minor is known.
    pub resource: Option<String>,
    /// Device minor.
    pub minor: Option<u32>,
    /// Connection or replication state, DRBD's own word.
    pub connection: String,
    /// This side's role.
    pub role: String,
    /// The peer's role as seen here.
    pub peer_role: String,
    /// This side's disk.
    pub disk: String,
    /// The peer's disk as seen here.
    pub peer_disk: String,
    /// Data that differs, KiB.
    pub out_of_sync_kib: Option<u64>,
    /// Resync progress, 0–100, or null.
    pub resync_percent: Option<f64>,
}

/// One export in force.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ExportStatus {
    /// Path.
    pub path: String,
    /// Who may mount it.
    pub client: String,
    /// Options.
    pub options: Vec<String>,
}

/// One NFS mount.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MountStatus {
    /// Mount point.
    pub at: String,
    /// `server:/path`.
    pub source: String,
    /// `ok`, `hung`, `stale`, `failed` or `unknown` (not asked yet).
    pub state: &'static str,
    /// Operations a second, all kinds.
    pub ops_per_second: Option<f64>,
    /// Mean round trip, all operations, milliseconds.
    pub rtt_ms: Option<f64>,
    /// Retransmissions a second.
    pub retransmits_per_second: Option<f64>,
}

/// One local filesystem.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct FilesystemStatus {
    /// Mount point.
    pub at: String,
    /// Device.
    pub source: String,
    /// Size in KiB.
    pub size_kib: u64,
    /// Use, 0–100.
    pub used_percent: f64,
}

/// One ZFS pool.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PoolStatus {
    /// Name.
    pub name: String,
    /// ZFS's own word.
    pub state: String,
    /// Scrub or resilver under way, or null.
    pub scan: Option<SyncStatus>,
}

/// A MySQL or MariaDB server.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MysqlStatus {
    /// `mysql` or `mariadb`.
    pub flavour: String,
    /// Version.
    pub version: String,
    /// `replica` when it has a replication channel, `unknown` when its channels could not be read, `member`
    /// of a Galera cluster, else `source`.
    pub role: &'static str,
    /// `read_only`.
    pub read_only: Option<bool>,
    /// `super_read_only` (MySQL).
    pub super_read_only: Option<bool>,
    /// Replica lag: by heartbeat where there is one.
    pub lag_seconds: Option<f64>,
    /// Receiver and applier of every channel: `source host`, `io`, `sql`, `error`.
    pub channels: Vec<ChannelStatus>,
    /// Galera cluster status, or null.
    pub galera: Option<String>,
    /// Threads running.
    pub threads_running: Option<u64>,
    /// Connections.
    pub connections: Option<u64>,
}

/// One replication channel.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ChannelStatus {
    /// Its source.
    pub source: String,
    /// Receiver thread.
    pub io: String,
    /// Applier thread.
    pub sql: String,
    /// The last error, or null.
    pub error: Option<String>,
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
        }
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
            Some(snapshot) => status.fill(snapshot),
            None => {
                status.unknown.insert(
                    "host",
                    status.reason.clone().unwrap_or_else(|| "not read yet".to_owned()),
                );
            }
        }
        status
    }

    fn fill(&mut self, snapshot: &Snapshot) {
        self.rtt_ms = Some(snapshot.rtt_us as f64 / 1000.0);
        self.load = snapshot.load.value().map(|load| load.one);
        self.uptime_seconds = snapshot.uptime.value().map(|uptime| uptime.seconds);
        for (name, why) in [("load", snapshot.load.why()), ("uptime_seconds", snapshot.uptime.why())] {
            if let Some(why) = why {
                self.unknown.insert(name, why.to_string());
            }
        }
        self.raid = self.list("raid", &snapshot.md, RaidStatus::new);
        self.drbd = self.list("drbd", &snapshot.drbd, DrbdStatus::new);
        self.nfs_exports = self.list("nfs_exports", &snapshot.exports, ExportStatus::new);
        self.filesystems = self.list("filesystems", &snapshot.filesystems, FilesystemStatus::new);
        self.zfs = self.list("zfs", &snapshot.pools, PoolStatus::new);
        self.nfs_mounts = mounts(snapshot);
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
        Reach::Connecting { step, .. } => ("connecting", Some(format!("connecting: {step}"))),
        Reach::Up { .. } => ("up", None),
        Reach::Silent { missed, .. } => ("silent", Some(format!("{missed} polls without an answer"))),
        Reach::Unreachable { why, .. } => ("unreachable", Some(why.to_string())),
        Reach::Stopped { why, .. } => ("stopped", Some(why.to_string())),
    }
}

impl RaidStatus {
    fn new(array: &MdArray) -> Self {
        use crate::facts::md::{MdRole, MdState};
        Self {
            device: array.device.to_string(),
            level: array.level.to_string(),
            state: match (&array.state, array.degraded()) {
                (MdState::Active, Some(true)) => "degraded",
                // Level 0 and linear have no members to lose; every other level must tell of them.
                (MdState::Active, None) if array.is_redundant() => "unknown",
                (MdState::Active, _) => "clean",
                (MdState::Inactive, _) => "inactive",
                (MdState::Unknown(_), _) => "unknown",
            },
            members: array.members_wanted,
            active: array.members_active,
            failed: array
                .members
                .iter()
                .filter(|member| member.role == MdRole::Failed)
                .map(|member| member.device.to_string())
                .collect(),
            sync: array.sync.as_ref().map(|sync| SyncStatus {
                action: sync.action.to_string(),
                percent: sync.percent,
                left_seconds: sync.left_seconds,
            }),
        }
    }
}

impl DrbdStatus {
    fn new(volume: &DrbdVolume) -> Self {
        Self {
            resource: volume.resource.as_ref().map(ToString::to_string),
            minor: volume.minor,
            connection: volume.connection.to_string(),
            role: volume.role.to_string(),
            peer_role: volume.peer_role.to_string(),
            disk: volume.disk.to_string(),
            peer_disk: volume.peer_disk.to_string(),
            out_of_sync_kib: volume.out_of_sync_kib,
            resync_percent: volume.sync.as_ref().and_then(|sync| sync.percent),
        }
    }
}

impl ExportStatus {
    fn new(export: &NfsExport) -> Self {
        Self {
            path: export.path.to_string(),
            client: export.client.to_string(),
            options: export.options.iter().map(ToString::to_string).collect(),
        }
    }
}

impl FilesystemStatus {
    fn new(usage: &Usage) -> Self {
        Self {
            at: usage.at.to_string(),
            source: usage.source.to_string(),
            size_kib: usage.size_kib,
            used_percent: usage.used_percent,
        }
    }
}

impl PoolStatus {
    fn new(pool: &Pool) -> Self {
        Self {
            name: pool.name.to_string(),
            state: pool.state.to_string(),
            scan: pool.scan.as_ref().filter(|scan| scan.running).map(|scan| SyncStatus {
                action: scan.function.to_string(),
                percent: scan.percent,
                left_seconds: scan.left_seconds,
            }),
        }
    }
}

impl MysqlStatus {
    fn new(mysql: &Mysql) -> Self {
        Self {
            flavour: mysql.flavour.to_string(),
            version: mysql.version.to_string(),
            role: match (mysql.channels.is_empty(), mysql.tells_channels()) {
                (false, _) => "replica",
                (true, false) => "unknown",
                (true, true) if mysql.galera.is_some() => "member",
                (true, true) => "source",
            },
            read_only: mysql.read_only,
            super_read_only: mysql.super_read_only,
            lag_seconds: crate::collect::trend::lag_of(mysql),
            channels: mysql
                .channels
                .iter()
                .map(|channel| ChannelStatus {
                    source: channel.source_host.to_string(),
                    io: channel.io_running.to_string(),
                    sql: channel.sql_running.to_string(),
                    error: channel
                        .sql_error
                        .as_ref()
                        .or(channel.io_error.as_ref())
                        .map(ToString::to_string),
                })
                .collect(),
            galera: mysql.galera.as_ref().map(|galera| galera.cluster_status.to_string()),
            threads_running: mysql.threads_running,
            connections: mysql.connections,
        }
    }
}

fn mounts(snapshot: &Snapshot) -> Vec<MountStatus> {
    let Some(mounts) = snapshot.mounts.value() else {
        return Vec::new();
    };
    mounts
        .iter()
        .filter(|mount| mount.is_nfs())
        .map(|mount| {
            let probe = snapshot
                .statfs
                .value()
                .and_then(|list| list.iter().find(|probe| probe.at == mount.at));
            let rate = snapshot
                .nfs_mounts
                .value()
                .and_then(|list| list.iter().find(|rate| rate.at == mount.at));
            MountStatus {
                at: mount.at.to_string(),
                source: mount.source.to_string(),
                state: match probe.map(|probe| &probe.outcome) {
                    Some(StatfsOutcome::Answered { .. }) => "ok",
                    Some(StatfsOutcome::Stale) => "stale",
                    Some(StatfsOutcome::Failed { .. }) => "failed",
                    Some(StatfsOutcome::Hung { .. }) => "hung",
                    None => "unknown",
                },
                ops_per_second: rate.map(|rate| rate.ops.iter().map(|op| op.ops_per_second).sum()),
                rtt_ms: rate.and_then(crate::collect::trend::mount_rtt_ms),
                retransmits_per_second: rate.map(|rate| rate.ops.iter().map(|op| op.retransmits_per_second).sum()),
            }
        })
        .collect()
}

/// The JSON schema of [`Status`].
#[must_use]
pub fn schema() -> String {
    serde_json::to_string_pretty(schemars::schema_for!(Status).as_value()).unwrap_or_default() + "\n"
}
