//! The checked fleet: hosts, storage segments with their slices, and MySQL topologies.

use super::{
    backup::{Backup, BackupSubject, KeptBackups},
    name::{HostName, SegmentName, SliceName, TopologyName},
    window::Migrate,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    path::PathBuf,
    time::Duration,
};

/// All that one inventory declares, after every check has passed.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    /// The fleet's name, shown in every front end.
    pub name: String,
    /// A short word shown loudly beside the name, such as `PRODUCTION`.
    pub label: Option<String>,
    /// Hosts in the order of the inventory.
    pub hosts: Vec<Host>,
    /// Storage segments in the order of the inventory.
    pub segments: Vec<Segment>,
    /// MySQL, MariaDB and Galera topologies in the order of the inventory.
    pub topologies: Vec<Topology>,
    /// Fleet-wide poll settings; a host's own are already resolved in [`Host::poll`].
    pub poll: Poll,
    /// The `ssh_config` file that the inventory names; unless the command line names another it is used as
    /// `ssh -F` does, in place of the user's and the system's.
    pub ssh_config: Option<PathBuf>,
    /// How slices are copied to other servers.
    pub migrate: Migrate,
    index: HashMap<HostName, usize>,
    /// The segment that a server belongs to: its place in `segments`.
    segment_index: HashMap<HostName, usize>,
    /// The topology that a member belongs to: its place in `topologies`.
    topology_index: HashMap<HostName, usize>,
}

/// The first group that each name is in, by the group's place.
fn first_group<'a>(groups: impl Iterator<Item = &'a Vec<HostName>>) -> HashMap<HostName, usize> {
    let mut index = HashMap::new();
    for (at, names) in groups.enumerate() {
        for name in names {
            index.entry(name.clone()).or_insert(at);
        }
    }
    index
}

/// Tells each host which backups are on it. An appliance lists none: nothing but its own probes is asked of it.
fn gather_backups(hosts: &mut [Host], index: &HashMap<HostName, usize>, segments: &[Segment], topologies: &[Topology]) {
    for host in hosts.iter_mut() {
        host.backups.clear();
    }
    let slices = segments.iter().flat_map(|segment| &segment.slices);
    let slices = slices.map(|slice| (BackupSubject::Slice(slice.name.clone()), &slice.backup));
    let databases = topologies
        .iter()
        .map(|topology| (BackupSubject::Database(topology.name.clone()), &topology.backup));
    for (of, declared) in slices.chain(databases) {
        let Some(backup) = declared else { continue };
        if let (Some(hooks), Some(&at)) = (&backup.hooks, index.get(&backup.on))
            && hosts[at].shell != Shell::None
        {
            hosts[at].backups.push(KeptBackups {
                of,
                list: hooks.list.clone(),
                every: hooks.every,
                tested: hooks.tested,
            });
        }
    }
}

impl Fleet {
    /// Builds a fleet from parts whose references have been checked by the caller.
    #[must_use]
    pub fn new(
        name: String,
        label: Option<String>,
        poll: Poll,
        hosts: Vec<Host>,
        segments: Vec<Segment>,
        topologies: Vec<Topology>,
    ) -> Self {
        let mut hosts = hosts;
        for host in &mut hosts {
            // Nothing new can come from an appliance before one of its probes is due.
            let due = host.probes.iter().map(|probe| probe.every).min();
            if let (Shell::None, Some(due)) = (host.shell, due) {
                host.poll.interval = host.poll.interval.max(due);
            }
        }
        let index: HashMap<HostName, usize> = hosts
            .iter()
            .enumerate()
            .map(|(at, host)| (host.name.clone(), at))
            .collect();
        gather_backups(&mut hosts, &index, &segments, &topologies);
        Self {
            name,
            label,
            hosts,
            segment_index: first_group(segments.iter().map(|segment| &segment.servers)),
            segments,
            topology_index: first_group(topologies.iter().map(|topology| &topology.members)),
            topologies,
            poll,
            ssh_config: None,
            migrate: Migrate::default(),
            index,
        }
    }

    /// The place of a host in [`Fleet::hosts`].
    #[must_use]
    pub fn host_index(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// The host of that name.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.host_index(name).map(|at| &self.hosts[at])
    }

    /// Whether a host is a member of a replication topology.
    #[must_use]
    pub fn replicates(&self, name: &HostName) -> bool {
        self.topologies
            .iter()
            .any(|topology| topology.kind == TopologyKind::Replication && topology.members.contains(name))
    }

    /// Every slice of every segment, with its segment.
    pub fn slices(&self) -> impl Iterator<Item = (&Segment, &Slice)> {
        self.segments
            .iter()
            .flat_map(|segment| segment.slices.iter().map(move |slice| (segment, slice)))
    }

    /// The slice of that name and its segment.
    #[must_use]
    pub fn slice(&self, name: &str) -> Option<(&Segment, &Slice)> {
        self.slices().find(|(_, slice)| slice.name.as_str() == name)
    }

    /// The hosts marked in `wanted` with all that is needed to judge them: the segments and topologies
    /// they belong to, the servers of slices they mount, the clients of slices they serve, and where the backups
    /// of any of that are.
    #[must_use]
    pub fn around(&self, wanted: &[bool]) -> Self {
        let picked: BTreeSet<&HostName> = self
            .hosts
            .iter()
            .zip(wanted)
            .filter_map(|(host, wanted)| wanted.then_some(&host.name))
            .collect();
        let mounted: BTreeSet<&SliceName> = self
            .hosts
            .iter()
            .filter(|host| picked.contains(&host.name))
            .flat_map(|host| host.mounts.iter().map(|mount| &mount.slice))
            .collect();
        let segments: Vec<Segment> = self
            .segments
            .iter()
            .filter(|segment| {
                segment.servers.iter().any(|server| picked.contains(server))
                    || segment.slices.iter().any(|slice| mounted.contains(&slice.name))
            })
            .cloned()
            .collect();
        let topologies: Vec<Topology> = self
            .topologies
            .iter()
            .filter(|topology| topology.members.iter().any(|member| picked.contains(member)))
            .cloned()
            .collect();
        let slices: BTreeSet<&SliceName> = segments
            .iter()
            .flat_map(|segment| segment.slices.iter().map(|slice| &slice.name))
            .collect();
        let kept = segments.iter().flat_map(|segment| &segment.slices);
        let kept = kept.map(|slice| &slice.backup);
        let kept: BTreeSet<&HostName> = kept
            .chain(topologies.iter().map(|topology| &topology.backup))
            .flatten()
            .map(|backup| &backup.on)
            .collect();
        let hosts = self
            .hosts
            .iter()
            .filter(|host| {
                picked.contains(&host.name)
                    || kept.contains(&host.name)
                    || segments.iter().any(|segment| segment.servers.contains(&host.name))
                    || topologies.iter().any(|topology| topology.members.contains(&host.name))
                    || host.mounts.iter().any(|mount| slices.contains(&mount.slice))
            })
            .map(|host| {
                let mut host = host.clone();
                host.mounts.retain(|mount| slices.contains(&mount.slice));
                host
            })
            .collect();
        let mut around = Self::new(
            self.name.clone(),
            self.label.clone(),
            self.poll,
            hosts,
            segments,
            topologies,
        );
        // Whoever asks for the host of backups asks for all that are on it.
        for host in around.hosts.iter_mut().filter(|host| picked.contains(&host.name)) {
            if let Some(whole) = self.host(host.name.as_str()) {
                host.backups.clone_from(&whole.backups);
            }
        }
        Self {
            ssh_config: self.ssh_config.clone(),
            migrate: self.migrate.clone(),
            ..around
        }
    }

    /// The segment that a host serves, if any.
    #[must_use]
    pub fn segment_of(&self, host: &str) -> Option<&Segment> {
        self.segments.get(*self.segment_index.get(host)?)
    }

    /// The topology that a host belongs to, if any.
    #[must_use]
    pub fn topology_of(&self, host: &str) -> Option<&Topology> {
        self.topologies.get(*self.topology_index.get(host)?)
    }
}

/// One machine, with group defaults already applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Host {
    /// The inventory name.
    pub name: HostName,
    /// What to connect to: a DNS name, an address, or an alias of `ssh_config`.
    pub address: String,
    /// The SSH port; `None` leaves it to `ssh_config` (then 22).
    pub port: Option<u16>,
    /// The SSH user; `None` leaves it to `ssh_config` (then the own user).
    pub user: Option<String>,
    /// The jump chain, nearest first, each `[user@]host[:port]`; `None` leaves it to `ssh_config`,
    /// an empty list forbids one.
    pub jump: Option<Vec<String>>,
    /// How the host is reached.
    pub reach: ReachBy,
    /// Whether a POSIX shell answers there.
    pub shell: Shell,
    /// What the host is for; `storage`, `node`, `mysql` and `backup` are known words, others are kept.
    pub roles: BTreeSet<String>,
    /// Free words for selectors.
    pub tags: BTreeSet<String>,
    /// Hardware or software generation, for selectors and peer groups.
    pub generation: Option<String>,
    /// Programs that make backups on it, beside the well-known ones.
    pub backup_programs: BTreeSet<String>,
    /// Whether exact commands may be run through `sudo -n`.
    pub sudo: bool,
    /// Where the host stands: what can fail together with it.
    pub domains: Domains,
    /// Poll settings of this host.
    pub poll: Poll,
    /// Limits of this host.
    pub thresholds: Thresholds,
    /// Slices that this host should mount.
    pub mounts: Vec<ExpectedMount>,
    /// How to ask this host's MySQL server; `None` when it is not to be asked.
    pub mysql: Option<MysqlAccess>,
    /// How to take this host's power away; `None` when that takes a person.
    pub fencing: Option<Fencing>,
    /// How it is taken out of service and put back, upgraded and installed anew.
    pub rolling: Hooks,
    /// Custom probes.
    pub probes: Vec<Probe>,
    /// The backups that are on it and can be listed, of slices and databases; [`Fleet::new`] gathers them.
    pub backups: Vec<KeptBackups>,
}

impl Host {
    /// A host with every default: reached over SSH, with a POSIX shell, nothing expected of it.
    #[must_use]
    pub fn new(name: &str, address: &str) -> Self {
        Self {
            name: HostName::new(name),
            address: address.to_owned(),
            port: None,
            user: None,
            jump: None,
            reach: ReachBy::Ssh,
            shell: Shell::Posix,
            roles: BTreeSet::new(),
            tags: BTreeSet::new(),
            generation: None,
            backup_programs: BTreeSet::new(),
            sudo: false,
            domains: Domains::default(),
            poll: Poll::default(),
            thresholds: Thresholds::default(),
            mounts: Vec::new(),
            mysql: None,
            fencing: None,
            rolling: Hooks::default(),
            probes: Vec::new(),
            backups: Vec::new(),
        }
    }
}

/// How a host is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReachBy {
    /// Over SSH.
    Ssh,
    /// As a process on this machine, without SSH.
    Local,
}

/// What runs commands on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Shell {
    /// A POSIX `sh`: the remote half is sent on its standard input.
    Posix,
    /// The key is bound to the remote half as a forced command: only the protocol is spoken.
    Forced,
    /// No shell (an appliance): each custom probe is one SSH command.
    None,
}

/// Failure domains of a host. Two hosts that share one can fail together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Domains {
    /// The site.
    pub site: Option<String>,
    /// The rack.
    pub rack: Option<String>,
    /// Power feeds.
    pub feeds: BTreeSet<String>,
    /// Network switches.
    pub switches: BTreeSet<String>,
}

/// How often and how patiently a host is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Poll {
    /// Between two fast polls.
    pub interval: Duration,
    /// Between two polls of the medium tier.
    pub medium: Duration,
    /// Between two polls of the slow tier.
    pub slow: Duration,
    /// A poll without an answer for so long counts as missed.
    pub deadline: Duration,
    /// The budget for connecting and authenticating.
    pub connect_deadline: Duration,
}

impl Poll {
    /// A snapshot older than this is stale: three poll intervals, at least the deadline.
    #[must_use]
    pub fn stale_after(&self) -> Duration {
        self.interval.saturating_mul(3).max(self.deadline)
    }
}

impl Default for Poll {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(2),
            medium: Duration::from_secs(10),
            slow: Duration::from_mins(10),
            deadline: Duration::from_secs(4),
            connect_deadline: Duration::from_secs(15),
        }
    }
}

/// Limits past which a value becomes a finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Thresholds {
    /// Filesystem use, percent.
    pub disk_warning_percent: f64,
    /// Filesystem use, percent.
    pub disk_critical_percent: f64,
    /// A filesystem that would be full within so many hours at its present rate is a warning.
    pub disk_full_in_hours: f64,
    /// Replica lag, seconds.
    pub lag_warning_seconds: f64,
    /// Replica lag, seconds.
    pub lag_critical_seconds: f64,
    /// Difference between the host's clock and the console's, seconds.
    pub clock_skew_seconds: f64,
    /// Mean time of a disk request, milliseconds.
    pub disk_await_ms: f64,
    /// Round trip of an NFS operation, milliseconds.
    pub nfs_rtt_ms: f64,
    /// A mount that has not answered `statfs` for so long is hung, seconds.
    pub mount_hung_seconds: f64,
    /// Steal time, percent of CPU.
    pub steal_percent: f64,
    /// Load average (1 min) per CPU.
    pub load_per_cpu: f64,
    /// Memory still available, percent.
    pub memory_available_percent: f64,
    /// A finding must hold for so many polls before it is shown.
    pub debounce_polls: u32,
}

impl Thresholds {
    /// Whether a mount hangs that has not answered for so long; until then an answer is merely waited for.
    #[must_use]
    pub fn is_mount_hung(&self, seconds: u64) -> bool {
        seconds as f64 >= self.mount_hung_seconds
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            disk_warning_percent: 85.0,
            disk_critical_percent: 95.0,
            disk_full_in_hours: 24.0,
            lag_warning_seconds: 10.0,
            lag_critical_seconds: 120.0,
            clock_skew_seconds: 5.0,
            disk_await_ms: 100.0,
            nfs_rtt_ms: 200.0,
            mount_hung_seconds: 5.0,
            steal_percent: 20.0,
            load_per_cpu: 4.0,
            memory_available_percent: 5.0,
            debounce_polls: 2,
        }
    }
}

/// A slice that a host should have mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedMount {
    /// The slice.
    pub slice: SliceName,
    /// The mount point on this host.
    pub at: String,
}

/// How to ask a MySQL or MariaDB server with the host's own client and credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MysqlAccess {
    /// `--defaults-file`, if not the client's own defaults.
    pub defaults_file: Option<String>,
    /// `--socket`, if not the client's own.
    pub socket: Option<String>,
    /// `database.table` of a heartbeat (pt-heartbeat's layout: `ts`, `server_id`).
    pub heartbeat: Option<String>,
    /// Where other servers replicate from it, if not at the host's address.
    pub address: Option<String>,
    /// A file of options on the host with user and password of the replication account.
    pub replication_file: Option<String>,
    /// The server's data directory, if not what its own files of options name.
    pub datadir: Option<String>,
    /// The server's program, with options that name its configuration, if not `mariadbd` alone: program and arguments.
    pub server: Option<Vec<String>>,
    /// Starts the server, if not systemd's unit `mariadb`: program and arguments.
    pub start: Option<Vec<String>>,
    /// Starts the server as the first one of its Galera cluster, if not `galera_new_cluster`: program and arguments.
    pub start_new_cluster: Option<Vec<String>>,
}

/// How to take a host's power away, by commands of the machine that pointsman runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fencing {
    /// Takes the power away: program and arguments.
    pub off: Vec<String>,
    /// Prints the state of the power: program and arguments.
    pub status: Vec<String>,
    /// The line that `status` prints when the host is off; capitals do not matter.
    pub says_off: String,
}

/// The site's own commands for work on a host: each a program and its words, without a shell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hooks {
    /// How it is taken out of service and put back; nothing where it just goes.
    pub service: Option<ServiceHooks>,
    /// How it is upgraded, on the host itself.
    pub upgrade: Option<Hook>,
    /// How it is installed anew, on another host or on the console's own machine.
    pub reinstall: Option<Hook>,
}

/// How a host is taken out of service and put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceHooks {
    /// Only reads: its exit code is 0 while the host is in service, and not 0 while it is not.
    pub serving: Vec<String>,
    /// Takes it out of service: nobody new comes.
    pub drain: Vec<String>,
    /// Puts it back.
    pub undrain: Vec<String>,
    /// TCP ports whose connections are waited for once nobody new comes.
    pub ports: BTreeSet<u16>,
    /// So many of them may be left.
    pub connections: u32,
}

/// A command of the site's own, with what proves that it has done its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Program and arguments.
    pub run: Vec<String>,
    /// Only reads: its exit code is 0 once the work is done, and not before.
    pub proof: Vec<String>,
    /// The host that runs both; `None` for the host itself where it upgrades, and for the console where it installs.
    pub on: Option<HostName>,
    /// How long it may take.
    pub within: Duration,
}

/// A custom probe: a command, how to read it, and its limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// The probe's name, unique on its host.
    pub name: String,
    /// Program and arguments; no shell is involved on hosts with a POSIX shell, each word is quoted.
    pub command: Vec<String>,
    /// How the value is found in the output.
    pub parser: ProbeParser,
    /// Unit shown after the value.
    pub unit: Option<String>,
    /// Seconds between two runs.
    pub every: Duration,
    /// Above this: warning.
    pub warning_above: Option<f64>,
    /// Above this: critical.
    pub critical_above: Option<f64>,
    /// Below this: warning.
    pub warning_below: Option<f64>,
    /// Below this: critical.
    pub critical_below: Option<f64>,
    /// When the value is a word: any other word is critical.
    pub expect: Option<String>,
}

/// How a custom probe's output is read.
#[derive(Debug, Clone)]
pub enum ProbeParser {
    /// The first capture group of a regular expression (or the whole match).
    Regex(regex::Regex),
    /// A JSON pointer (RFC 6901).
    JsonPointer(String),
}

impl PartialEq for ProbeParser {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Regex(one), Self::Regex(two)) => one.as_str() == two.as_str(),
            (Self::JsonPointer(one), Self::JsonPointer(two)) => one == two,
            _ => false,
        }
    }
}

/// One storage unit: usually a replicated pair of servers.
#[derive(Debug, Clone)]
pub struct Segment {
    /// The segment's name.
    pub name: SegmentName,
    /// Its servers; two for a pair.
    pub servers: Vec<HostName>,
    /// Its slices.
    pub slices: Vec<Slice>,
    /// ZFS pools that each server should have.
    pub pools: Vec<String>,
}

/// One replicated volume: DRBD resource, filesystem, NFS export and service address.
#[derive(Debug, Clone)]
pub struct Slice {
    /// The slice's name, unique in the fleet.
    pub name: SliceName,
    /// The DRBD resource; `None` for an unreplicated slice (a finding, unless it is declared so).
    pub resource: Option<String>,
    /// The block device that is mounted, such as `/dev/drbd0`; or a dataset of a ZFS pool, such as `tank/web1`.
    pub device: String,
    /// Where the primary mounts it.
    pub mount_point: String,
    /// The NFS export.
    pub export: Option<Export>,
    /// The address that clients mount, and its prefix length.
    pub service_address: Option<ServiceAddress>,
    /// Where it lives in normal times.
    pub preferred: HostName,
    /// Where its replica is; `None` when it has none.
    pub standby: Option<HostName>,
    /// Where its backups are, and how they are tested.
    pub backup: Option<Backup>,
    /// Declared to have no replica (an interim slice): not a finding.
    pub unreplicated: bool,
}

/// An NFS export of a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The exported path.
    pub path: String,
    /// Who may mount it: addresses, networks, names or `*`.
    pub clients: Vec<String>,
    /// Options that must be in force, such as `rw` or `fsid=1001`.
    pub options: Vec<String>,
}

/// A service address: what clients mount, wherever the slice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceAddress {
    /// The address.
    pub ip: IpAddr,
    /// Its prefix length.
    pub prefix: u8,
}

/// A replication topology or Galera cluster.
#[derive(Debug, Clone)]
pub struct Topology {
    /// The topology's name.
    pub name: TopologyName,
    /// What kind of replication.
    pub kind: TopologyKind,
    /// Its members.
    pub members: Vec<HostName>,
    /// The member that should be the source; `None` for Galera or when any may be.
    pub preferred_source: Option<HostName>,
    /// How clients find the source, where that moves with the writes.
    pub entrance: Option<SourceEntrance>,
    /// Where its backups are, and how they are tested.
    pub backup: Option<Backup>,
}

/// How clients find the source of a topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceEntrance {
    /// By an address (of IPv4) that it carries.
    Address(ServiceAddress),
    /// By what a command of the site's own tells a proxy.
    Hook(SourceHook),
}

/// A command of the site's own that leads clients to another source, with what proves that it has done so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceHook {
    /// Program and arguments; `{from}` and `{to}` stand for the old source and the new one.
    pub run: Vec<String>,
    /// Only reads: its exit code is 0 once clients are led to `{to}`, and not before.
    pub proof: Vec<String>,
    /// The host that runs both; `None` for the console's own machine.
    pub on: Option<HostName>,
    /// How long it may take.
    pub within: Duration,
}

impl SourceHook {
    /// The same with the names of two servers in their places.
    #[must_use]
    pub fn between(&self, from: &HostName, to: &HostName) -> Self {
        let named = |words: &[String]| {
            let name = |word: &String| word.replace("{from}", from.as_str()).replace("{to}", to.as_str());
            words.iter().map(name).collect()
        };
        Self {
            run: named(&self.run),
            proof: named(&self.proof),
            ..self.clone()
        }
    }
}

/// What kind of replication a topology runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TopologyKind {
    /// One writable source, any number of replicas.
    Replication,
    /// A Galera cluster.
    Galera,
}
