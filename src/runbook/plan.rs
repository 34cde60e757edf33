//! A plan: a runbook bound to this fleet's state, step by step, before anything happens.

use super::{
    definition::{Call, Kind},
    observe::{
        backup::Listed,
        drbd::Side,
        galera::{self, Position},
        host::Health,
        lag::Database,
        md::{ArrayOn, Disk, Seen},
        mounts::{Answer, Entry, Holder, Recipe},
        mysql::Member,
        pace::{self, Client},
        pool::{self, PoolOn},
        scan,
        watch::Watch,
    },
    operation::Operation,
    target::Identity,
};
use crate::fleet::{HostName, SegmentName, SliceName, SourceHook, Window};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

/// A runbook bound to the state of the fleet.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The runbook's name.
    pub runbook: String,
    /// One line that says what it is for.
    pub title: String,
    /// Planned or emergency.
    pub kind: Kind,
    /// What it was told.
    pub parameters: BTreeMap<String, String>,
    /// Every target and who it has to be. A host that is not here is not touched.
    pub targets: BTreeMap<HostName, Identity>,
    /// What is claimed on every target, beside the [machine](Plan::claims_on) itself: DRBD resources.
    pub objects: Vec<String>,
    /// What it is about, as it was found.
    pub layouts: Layouts,
    /// The steps.
    pub steps: Vec<Step>,
    /// What it does for one thing after the other, where each may fail by itself; without it the first failure turns the
    /// whole run back.
    pub rolling: Option<Rolling>,
    /// Whether it tries again by itself, once it is taken back, where it was out of time.
    pub again: Option<Again>,
    /// What the operator must know before consenting.
    pub warnings: Vec<String>,
    /// What is good to know, and may be otherwise a moment later: no part of what is consented to.
    pub notes: Vec<String>,
    /// What is lost or at risk, where something is.
    pub loss: Option<String>,
    /// Expected time in which clients wait.
    pub stall: Duration,
    /// The flags that were given with the name of what they harm.
    pub glass: Vec<Glass>,
    /// What the plan rests on: facts by name. A later sight with other facts makes the plan stale.
    pub fingerprint: BTreeMap<String, String>,
    /// Names everything that somebody consents to who has read the plan.
    pub hash: String,
}

/// How often a plan is tried by itself that was out of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Again {
    /// So many tries in all.
    pub tries: u32,
    /// What lies between two of them.
    pub rest: Duration,
}

/// What a plan does for one thing after the other, each of which may fail by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rolling {
    /// The things in the order in which they begin; every step of the plan belongs to one of them.
    pub rows: Vec<Row>,
    /// So many may fail; with one more no further row is begun.
    pub failures: usize,
    /// Whether somebody waits for a row that is done by half: it is then brought to one of its two ends before anything else is
    /// begun. What can be neither done nor taken back parks the run, and a row behind a step that nothing takes back is only gone
    /// on with.
    pub awaited: bool,
}

/// What a plan does for one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its name: a host's, or a slice's.
    pub name: String,
    /// Whether it goes first, alone: if it fails, nothing else is begun.
    pub canary: bool,
    /// Its batch, from 0: the rows of one go step by step together.
    pub batch: usize,
    /// Its steps by their places in the plan, in order.
    pub steps: Vec<usize>,
}

/// What a plan is about, as it was found; what it is not about is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layouts {
    /// Slices, as they are laid out.
    pub slices: BTreeMap<SliceName, SliceLayout>,
    /// Hosts, each by itself.
    pub hosts: Vec<HostName>,
    /// How each of them was found, where the plan takes it out of service or boots it.
    pub found: BTreeMap<HostName, HostLayout>,
    /// An md array.
    pub array: Option<ArrayLayout>,
    /// A ZFS pool.
    pub pool: Option<PoolLayout>,
    /// A source and its replicas.
    pub database: Option<DatabaseLayout>,
    /// A Galera cluster.
    pub galera: Option<GaleraLayout>,
    /// Slices where clients mount them.
    pub clients: Vec<ClientLayout>,
    /// Slices that move to other filesystems, in the order in which they do; those and the slices are in `slices` as well.
    pub migrations: Vec<MigrationLayout>,
    /// A backup that is tested.
    pub backup: Option<BackupLayout>,
    /// A slice that is served from its backup; that and what takes its place are in `slices` as well.
    pub restore: Option<RestoreLayout>,
}

/// A slice that is served from its backup, as the plan found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreLayout {
    /// The slice.
    pub slice: SliceName,
    /// What takes its place.
    pub into: SliceName,
    /// The servers that it was on.
    pub old: Vec<OldServer>,
    /// The server that takes their place.
    pub to: HostName,
    /// The host where the backups are.
    pub on: HostName,
    /// The backup; nothing where none could be found.
    pub chosen: Option<RestoreChosen>,
    /// Paths that every backup has.
    pub expect: Vec<String>,
    /// What its tasks are called.
    pub task: String,
    /// What is written down of tests of its backups is called so.
    pub told: String,
    /// How long a request of the disks of the new server may take: as long as it likes, where that serves nobody else.
    pub disk_limit: Duration,
}

/// A server that a slice was on which is served from its backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldServer {
    /// The server.
    pub host: HostName,
    /// Whether it is made sure to be off: it does not answer, or somebody has named it. Another one has to serve the slice to
    /// nobody by its own word.
    pub goes_off: bool,
}

/// A backup that takes a slice's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreChosen {
    /// Which.
    pub backup: Listed,
    /// What brings it to the new server, run there: program and arguments.
    pub argv: Vec<String>,
    /// What the filesystem is marked with until it is the slice.
    pub mark: String,
}

/// What a backup is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupOf {
    /// A slice.
    Slice {
        /// Where the live one is mounted on the host of the backup, where it answers there.
        live: Option<String>,
        /// Clients of its servers: reading it must not harm them.
        clients: Vec<Client>,
    },
    /// A database.
    Database {
        /// `database.table` of its heartbeat.
        heartbeat: Option<String>,
    },
}

/// A backup that is tested, as the plan found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupLayout {
    /// What it is of: the name of a slice or of a database's topology.
    pub name: String,
    /// What that is, and what is looked at beside it.
    pub of: BackupOf,
    /// How old it may be.
    pub every: Duration,
    /// The host where it can be read, and where it is restored.
    pub host: HostName,
    /// The backup.
    pub backup: Listed,
    /// What restores it: program and arguments.
    pub restore: Vec<String>,
    /// Paths, or tables, that every backup has.
    pub expect: Vec<String>,
    /// What its tasks are called, and what is written down of it.
    pub task: String,
    /// The scratch directory: made for this test, and removed by it.
    pub place: String,
    /// What that is marked with.
    pub mark: String,
    /// What the filesystem of the scratch directory uses already, KiB.
    pub base_kib: u64,
    /// How long a request of the disks of that host may take.
    pub disk_limit: Duration,
}

/// A Galera cluster as the plan found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GaleraLayout {
    /// Its topology.
    pub name: String,
    /// The member that the others join.
    pub node: HostName,
    /// How far that member is, where it is known.
    pub position: Option<Position>,
    /// What the component that others join came from, as `db_joins` is told: `UUID:SEQNO:RUN` each, the run that is to come as
    /// `-`; `-` where nothing of that is known.
    pub bootstraps: String,
    /// All its members.
    pub members: Vec<galera::Member>,
}

impl GaleraLayout {
    /// The member on a host.
    #[must_use]
    pub fn member(&self, host: &HostName) -> Option<&galera::Member> {
        self.members.iter().find(|member| member.host == *host)
    }
}

/// A host as the plan found it, before anything was done there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLayout {
    /// Since which boot it ran.
    pub boot_id: String,
    /// What it ran.
    pub health: Health,
    /// Slices that it has a side of.
    pub slices: BTreeMap<SliceName, SliceLayout>,
    /// Its database server, where it replicates.
    pub member: Option<Member>,
    /// Its cluster, where it is a node of one.
    pub cluster: Option<ClusterLayout>,
}

/// A node of a Galera cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterLayout {
    /// The node itself.
    pub own: galera::Member,
    /// Each other node.
    pub others: Vec<galera::Member>,
}

/// A slice on a client, as the plan found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLayout {
    /// The client.
    pub host: HostName,
    /// The slice.
    pub slice: SliceName,
    /// Its segment.
    pub segment: SegmentName,
    /// Where it is mounted, or should be.
    pub at: String,
    /// The address that its mount talks to, or would.
    pub address: Ipv4Addr,
    /// Addresses of everything that the plan is about: their mounts are asked first.
    pub addresses: Vec<Ipv4Addr>,
    /// What is mounted.
    pub now: Option<Mounted>,
    /// What is to be mounted.
    pub then: Option<Recipe>,
    /// Other mounts of the client that answered.
    pub others: Vec<String>,
    /// Processes of the client that waited for NFS already.
    pub waiting: Vec<String>,
}

/// A mount as the plan found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// The mount.
    pub entry: Entry,
    /// How it answers.
    pub answer: Answer,
    /// Processes that hold it, as far as they are known.
    pub holders: Vec<Holder>,
}

impl ClientLayout {
    /// Services of systemd that hold the mount.
    #[must_use]
    pub fn units(&self) -> Vec<&str> {
        let holders = self.now.iter().flat_map(|now| &now.holders);
        let mut units: Vec<&str> = holders.filter_map(|holder| holder.unit.as_deref()).collect();
        units.sort_unstable();
        units.dedup();
        units
    }
}

/// A slice that moves to another filesystem, as the plan found both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationLayout {
    /// The slice.
    pub slice: SliceName,
    /// What it moves to.
    pub into: SliceName,
    /// The server that serves it, or did.
    pub from: HostName,
    /// The server that it moves to.
    pub to: HostName,
    /// Own addresses of the two, by which one reads from the other.
    pub addresses: Option<(IpAddr, IpAddr)>,
    /// The port at which it does.
    pub port: u16,
    /// What tasks and files of this migration are called on both.
    pub task: String,
    /// What marks the other filesystem as the copy.
    pub mark: String,
    /// How full the slice is, KiB.
    pub used_kib: u64,
    /// How full the other filesystem was before anything was copied, KiB; what is copied already counts as that.
    pub base_kib: u64,
    /// When copying may run; always where there is none.
    pub windows: Vec<Window>,
    /// Their time zone.
    pub zone: String,
    /// How fast it may go at most, KiB a second.
    pub limit_kib_s: Option<u64>,
    /// Clients of both servers: their requests tell how fast it may go.
    pub clients: Vec<Client>,
    /// Both servers, and how long a request of a disk may take there.
    pub disks: Vec<(HostName, Duration)>,
    /// Sides of replicated slices that the two servers have: a copy waits for what their peers wait for.
    pub replicas: Vec<Side>,
    /// Databases on the two servers and on their clients: a copy waits for replicas that it makes fall behind.
    pub databases: Vec<Database>,
    /// How far behind their source those may be.
    pub lag: Duration,
}

/// A database as the plan found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseLayout {
    /// Its topology.
    pub name: String,
    /// Whether its source is there.
    pub kind: Kind,
    /// The server that takes writes, or did.
    pub from: HostName,
    /// The server that takes them then.
    pub to: HostName,
    /// All its servers.
    pub members: Vec<Member>,
    /// Whether the event scheduler of the source runs.
    pub events: bool,
    /// Whether its servers are MySQL, and not MariaDB.
    pub is_mysql: bool,
    /// How clients find the server that takes writes, where that is declared.
    pub entrance: Option<Entrance>,
    /// Whether commits on the source wait for a replica: as it is told to, or, of a dead one, as another replica than the one that
    /// takes over is told to acknowledge.
    pub waits: bool,
}

/// How clients find the server of a database that takes writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entrance {
    /// By an address that it carries.
    Address(AddressLayout),
    /// By what a command of the site's own tells a proxy.
    Hook(SourceHook),
}

impl Layouts {
    /// Whether the host is one that the plan is about.
    #[must_use]
    pub fn concerns(&self, host: &HostName) -> bool {
        let mut sides = self.slices.values().flat_map(|layout| &layout.sides);
        let mut members = self.database.iter().flat_map(|database| &database.members);
        let array = self.array.as_ref().is_some_and(|layout| layout.array.host == *host);
        let pool = self.pool.as_ref().is_some_and(|layout| layout.pool.host == *host);
        let galera = self.galera.as_ref().is_some_and(|galera| galera.member(host).is_some());
        let mut clients = self.clients.iter();
        let backup = self.backup.as_ref().is_some_and(|backup| backup.host == *host);
        array
            || pool
            || backup
            || galera
            || clients.any(|client| client.host == *host)
            || self.hosts.contains(host)
            || sides.any(|side| side.host == *host)
            || members.any(|member| member.host == *host)
    }
}

/// An md array, as the plan found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayLayout {
    /// Which.
    pub array: ArrayOn,
    /// What its kernel said of it.
    pub seen: Seen,
    /// The member that is replaced, where one is.
    pub old: Option<Disk>,
    /// The disk that takes its place.
    pub new: Option<Disk>,
    /// Whether the old one goes before the new one is complete, since it cannot be read any more.
    pub goes_at_once: bool,
    /// Clients of what its host serves: their requests tell how fast it may go.
    pub clients: Vec<Client>,
}

impl ArrayLayout {
    /// The member that is replaced.
    ///
    /// # Errors
    /// When that is another device.
    pub fn old_disk(&self, device: &str) -> Result<&Disk, String> {
        let old = self.old.as_ref().filter(|disk| disk.device == device);
        old.ok_or_else(|| format!("{device} is not the member of {} that this plan is about", self.array))
    }

    /// The disk that takes its place.
    ///
    /// # Errors
    /// When that is another device.
    pub fn new_disk(&self, device: &str) -> Result<&Disk, String> {
        let new = self.new.as_ref().filter(|disk| disk.device == device);
        new.ok_or_else(|| format!("{device} is not the new disk that this plan is about"))
    }

    /// How it is watched while it rebuilds onto a device, or is checked.
    #[must_use]
    pub fn watch(&self, onto: Option<&str>) -> Watch {
        Watch::Array(pace::Watch {
            array: self.array.clone(),
            clients: self.clients.clone(),
            fastest: self.seen.limit,
            onto: onto.map(str::to_owned),
        })
    }

    /// By what its speed is steered, as part of a sentence.
    #[must_use]
    pub fn steered(&self) -> String {
        match named(&self.clients) {
            None => ", at the speed that is usual there, for no client is known whose requests could tell another"
                .to_owned(),
            Some(clients) => format!(", as fast as the requests of {clients} allow"),
        }
    }
}

/// The clients in a few words; `None` where there is none.
fn named(clients: &[Client]) -> Option<String> {
    match clients {
        [] => None,
        [one] => Some(one.host.to_string()),
        [one, two] => Some(format!("{} and {}", one.host, two.host)),
        [one, rest @ ..] => Some(format!("{} and {} others", one.host, rest.len())),
    }
}

/// A ZFS pool, as the plan found it.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolLayout {
    /// Which.
    pub pool: PoolOn,
    /// What its host said of it.
    pub seen: pool::Seen,
    /// The device that is replaced, where one is.
    pub old: Option<pool::Member>,
    /// The disk that takes its place.
    pub new: Option<Disk>,
    /// Clients of what its host serves: their requests tell whether a scrub has to pause.
    pub clients: Vec<Client>,
}

impl PoolLayout {
    /// The device that is replaced.
    ///
    /// # Errors
    /// When that is another one.
    pub fn old_device(&self, name: &str) -> Result<&pool::Member, String> {
        let old = self.old.as_ref().filter(|member| member.name == name);
        old.ok_or_else(|| format!("{name} is not the device of {} that this plan is about", self.pool))
    }

    /// The disk that takes its place.
    ///
    /// # Errors
    /// When that is another device.
    pub fn new_disk(&self, device: &str) -> Result<&Disk, String> {
        let new = self.new.as_ref().filter(|disk| disk.device == device);
        new.ok_or_else(|| format!("{device} is not the new disk that this plan is about"))
    }

    /// How it is watched while it resilvers a device.
    #[must_use]
    pub fn resilver(&self, device: &str) -> Watch {
        self.watch(scan::What::Resilver(device.to_owned()))
    }

    /// How it is watched while it is scrubbed.
    #[must_use]
    pub fn scrub(&self) -> Watch {
        self.watch(scan::What::Scrub {
            before: self.seen.scan_text(),
            pauses: self.seen.pauses,
        })
    }

    fn watch(&self, what: scan::What) -> Watch {
        Watch::Pool(scan::Watch {
            pool: self.pool.clone(),
            clients: self.clients.clone(),
            what,
        })
    }

    /// For whom its scrub pauses, as part of a sentence.
    #[must_use]
    pub fn steered(&self) -> String {
        match (named(&self.clients), self.seen.pauses) {
            (None, _) => ", without a pause, for no client is known whose requests could ask for one".to_owned(),
            (Some(clients), true) => format!(", which pauses while the requests of {clients} suffer"),
            (Some(clients), false) => {
                format!(", which is stopped where the requests of {clients} suffer: the ZFS there cannot let it pause")
            }
        }
    }
}

/// One step of a plan.
#[derive(Debug, Clone)]
pub struct Step {
    /// The action and its arguments, as resolved.
    pub call: Call,
    /// Why it is there.
    pub why: String,
    /// What it does.
    pub operation: Operation,
    /// What takes it back.
    pub undo: Option<Operation>,
}

/// Where a slice can be, as the plan found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceLayout {
    /// The sides of its DRBD resource.
    pub sides: Vec<Side>,
    /// The device that is mounted.
    pub device: String,
    /// Where.
    pub mount_point: String,
    /// Options of the mount, comma-separated; empty where none are known.
    pub mount_options: String,
    /// How it is exported.
    pub export: Option<ExportLayout>,
    /// Its service address.
    pub address: Option<AddressLayout>,
}

/// How a slice is exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportLayout {
    /// The exported path.
    pub path: String,
    /// To whom, and with which options.
    pub clients: Vec<ExportClient>,
}

/// A client of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportClient {
    /// An address, a network or a name, as `exportfs` takes it.
    pub name: String,
    /// Its own options, comma-separated (exports(5)); equal on both sides.
    pub options: String,
}

impl ExportLayout {
    /// The clients by name alone.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.clients.iter().map(|client| client.name.clone()).collect()
    }
}

/// Where the service address of a slice or of a database can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressLayout {
    /// The address.
    pub ip: IpAddr,
    /// Its prefix length.
    pub prefix: u8,
    /// The interface that takes it, by host.
    pub interfaces: BTreeMap<HostName, String>,
}

impl Plan {
    /// What is claimed on a target: the machine itself, named by its own machine-id, and the objects. Names of the
    /// inventory are not in it: two inventories may call one machine by different names.
    #[must_use]
    pub fn claims_on(&self, host: &HostName) -> Vec<String> {
        let machine = self
            .targets
            .get(host)
            .map(|identity| format!("machine-{}", identity.machine_id));
        machine.into_iter().chain(self.objects.iter().cloned()).collect()
    }
}

impl AddressLayout {
    /// The interface of a host that takes the address.
    #[must_use]
    pub fn interface(&self, host: &HostName) -> Option<&str> {
        self.interfaces.get(host).map(String::as_str)
    }
}

/// A safety rule that a person set aside for one named thing, by typing the name in full.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Glass {
    /// The rule.
    pub rule: Rule,
    /// What it is set aside for.
    pub resource: String,
    /// Who did.
    pub by: String,
}

/// Rules that can be set aside at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Promote although DRBD refuses.
    Force,
    /// Throw one side's data away.
    Discard,
    /// Take a person's word that a host is off, where no fencing command can be asked.
    AssertOff,
}

impl Rule {
    /// The option of the command line that sets it aside: `--discard`.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Force => "--force",
            Self::Discard => "--discard",
            Self::AssertOff => "--assert-off",
        }
    }
}
