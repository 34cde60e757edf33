//! The inventory file as it is written: one type for each kind of entry.
//!
//! Doc comments here become the descriptions in the JSON schema, so they speak to the person who
//! writes an inventory. Whether names resolve is checked later, in `check`.

use super::{
    decode::{List, Map, Spanned, TEXT_OR_MAP},
    model::{ReachBy, ServiceAddress, Shell, TopologyKind},
    suggest::quote,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use std::{borrow::Cow, fmt, net::IpAddr, time::Duration};

pub(super) type Text = Spanned<String>;

/// The inventory of a fleet: what pointsman watches.
///
/// Files named in `include` have the same form; `fleet`, `label`, `ssh_config` and `defaults` stand in one file only.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "pointsman inventory")]
pub(super) struct File {
    /// The fleet's name, shown in every front end.
    #[serde(default)]
    pub fleet: Option<Text>,
    /// A short word shown loudly beside the name, such as PRODUCTION.
    #[serde(default)]
    pub label: Option<Text>,
    /// The `ssh_config` file for this fleet, relative to this file; used as with `ssh -F`, unless `--ssh-config` is given.
    #[serde(default)]
    pub ssh_config: Option<Text>,
    /// More files, relative to this one.
    #[serde(default)]
    pub include: List<Text>,
    /// What holds for every host, unless one of its groups or the host itself says otherwise.
    #[serde(default)]
    pub defaults: Option<Spanned<Group>>,
    /// Sites by name.
    #[serde(default)]
    pub sites: Map<Site>,
    /// Racks by name. A host in a rack stands at the rack's site and, unless it says otherwise, hangs
    /// on the rack's feeds and switches.
    #[serde(default)]
    pub racks: Map<Rack>,
    /// Power feeds by name.
    #[serde(default)]
    pub feeds: Map<Domain>,
    /// Network switches by name.
    #[serde(default)]
    pub switches: Map<Domain>,
    /// Groups by name: settings that several hosts share.
    #[serde(default)]
    pub groups: Map<Group>,
    /// Hosts by name. A name may hold one range, such as access[1-8] or web[01-12].
    #[serde(default)]
    pub hosts: Map<Host>,
    /// Storage segments by name.
    #[serde(default)]
    pub segments: Map<Segment>,
    /// MySQL, MariaDB and Galera topologies by name.
    #[serde(default)]
    pub topologies: Map<Topology>,
    /// How slices are copied to other servers, and when.
    #[serde(default)]
    pub migrate: Option<Spanned<Migrate>>,
}

/// How slices are copied to other servers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Migrate {
    /// The hours in which copying may run, such as 20:00-06:00, mon-fri 22:00-05:00, or sat,sun. Always when there is none.
    #[serde(default)]
    pub windows: List<Text>,
    /// The time zone of these hours, as the servers know it, such as Europe/Berlin. Default: UTC.
    #[serde(default)]
    pub zone: Option<Text>,
    /// How fast a pass may go at most, KiB a second. It goes slower while clients suffer. Default: as fast as it can.
    #[serde(default)]
    pub limit_kib_s: Option<u64>,
    /// How many seconds a replica of a database may be behind its source, where it runs on one of the servers or on a client of
    /// theirs, before a pass stands still. Default: 30.
    #[serde(default)]
    pub lag_s: Option<u64>,
    /// The TCP port at which a server lets the other one read while a slice is copied. Default: 8873.
    #[serde(default)]
    pub port: Option<u16>,
}

/// A site.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Site {
    /// What it is, for people.
    #[serde(default)]
    #[allow(dead_code, reason = "read by people and editors, not by the program")]
    pub description: Option<String>,
}

/// A power feed or a switch: something that takes hosts down with it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Domain {
    /// The site where it is.
    #[serde(default)]
    pub site: Option<Text>,
    /// What it is, for people.
    #[serde(default)]
    #[allow(dead_code, reason = "read by people and editors, not by the program")]
    pub description: Option<String>,
}

/// A rack.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rack {
    /// The site where it stands.
    #[serde(default)]
    pub site: Option<Text>,
    /// Power feeds of its hosts, unless a host has its own.
    #[serde(default)]
    pub feeds: Option<List<Text>>,
    /// Switches of its hosts, unless a host has its own.
    #[serde(default)]
    pub switches: Option<List<Text>>,
    /// What it is, for people.
    #[serde(default)]
    #[allow(dead_code, reason = "read by people and editors, not by the program")]
    pub description: Option<String>,
}

macro_rules! settings {
    ($(#[$doc:meta])* $type:ident { $($(#[$own_doc:meta])* $own:ident: $own_type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $type {
            $($(#[$own_doc])* #[serde(default)] pub $own: $own_type,)*
            /// SSH port; without one `ssh_config` decides, then 22.
            #[serde(default)]
            #[schemars(with = "Option<std::num::NonZero<u16>>")]
            pub port: Option<Spanned<u16>>,
            /// SSH user; without one `ssh_config` decides, then your own name.
            #[serde(default)]
            pub user: Option<Text>,
            /// Jump hosts, the first one to connect to first: a host of this inventory, or
            /// [user@]host[:port]. Without this key `ssh_config` decides; `none` (as `ProxyJump none` has it)
            /// or an empty list means that the host is reached directly.
            #[serde(default)]
            pub jump: Option<Spanned<List<Text>>>,
            /// ssh, or local for the machine that pointsman runs on.
            #[serde(default)]
            pub via: Option<ReachBy>,
            /// posix: a POSIX shell answers. forced: the key is bound to the probe script. none: an
            /// appliance; each custom probe is one SSH command.
            #[serde(default)]
            pub shell: Option<Shell>,
            /// What the host is for: storage, node, mysql, backup, or words of your own. Those of
            /// groups are added.
            #[serde(default)]
            pub roles: List<Text>,
            /// Free words for selectors. Those of groups are added.
            #[serde(default)]
            pub tags: List<Text>,
            /// Hardware or software generation, for selectors and comparison of like with like.
            #[serde(default)]
            pub generation: Option<Text>,
            /// Programs that make backups here beside the well-known ones, by the name that `ps -o comm` shows: while
            /// one is at work it explains that all disks are slow together. Those of groups are added.
            #[serde(default)]
            pub backup_programs: List<Text>,
            /// Whether exact commands may be run through `sudo -n`.
            #[serde(default)]
            pub sudo: Option<bool>,
            /// The site; not needed when the rack has one.
            #[serde(default)]
            pub site: Option<Text>,
            /// The rack.
            #[serde(default)]
            pub rack: Option<Text>,
            /// The power feeds, instead of the rack's.
            #[serde(default)]
            pub feeds: Option<List<Text>>,
            /// The network switches, instead of the rack's.
            #[serde(default)]
            pub switches: Option<List<Text>>,
            /// How often and how patiently the host is asked.
            #[serde(default)]
            pub poll: Option<Poll>,
            /// Limits past which a value becomes a finding.
            #[serde(default)]
            pub thresholds: Option<Thresholds>,
            /// Slices that the host should have mounted. Those of groups are added.
            #[serde(default)]
            pub mounts: List<Spanned<Mount>>,
            /// How to ask the host's MySQL or MariaDB server. Members of a topology and hosts with the
            /// role mysql are asked without this key, too.
            #[serde(default)]
            pub mysql: Option<Mysql>,
            /// How to take the host's power away in an emergency, run where pointsman runs. Without it a
            /// person has to make sure that a dead host is off.
            #[serde(default)]
            pub fencing: Option<Fencing>,
            /// How the host is taken out of service and put back, upgraded and installed anew; used by the runbook
            /// rolling.
            #[serde(default)]
            pub rolling: Option<Rolling>,
            /// Custom probes by name. Those of groups are added.
            #[serde(default)]
            pub probes: Map<Probe>,
        }
    };
}

settings! {
    /// Settings that several hosts share.
    Group {}
}

settings! {
    /// A host. Its own settings win; then those of its groups, the first named first; then `defaults`.
    Host {
        /// What to connect to: a DNS name, an address, or an alias of `ssh_config`. Without one it is
        /// the host's name. For a range of hosts it may hold a range of the same length.
        address: Option<Text>,
        /// Groups that the host belongs to.
        groups: List<Text>,
    }
}

impl Host {
    /// What only a host has (address, groups), and what it shares with groups.
    pub fn split(self) -> (Option<Text>, List<Text>, Group) {
        let settings = Group {
            port: self.port,
            user: self.user,
            jump: self.jump,
            via: self.via,
            shell: self.shell,
            roles: self.roles,
            tags: self.tags,
            generation: self.generation,
            backup_programs: self.backup_programs,
            sudo: self.sudo,
            site: self.site,
            rack: self.rack,
            feeds: self.feeds,
            switches: self.switches,
            poll: self.poll,
            thresholds: self.thresholds,
            mounts: self.mounts,
            mysql: self.mysql,
            fencing: self.fencing,
            rolling: self.rolling,
            probes: self.probes,
        };
        (self.address, self.groups, settings)
    }
}

/// How often and how patiently a host is asked.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Poll {
    /// Between two polls of load, disks, network, RAID and replication. Default 2s.
    #[serde(default)]
    pub interval: Option<Spanned<Period>>,
    /// Between two polls of exports, filesystems and addresses. Default 10s.
    #[serde(default)]
    pub medium: Option<Spanned<Period>>,
    /// Between two polls of what hardly ever changes. Default 10m.
    #[serde(default)]
    pub slow: Option<Spanned<Period>>,
    /// A poll without an answer for so long counts as missed. Default 4s.
    #[serde(default)]
    pub deadline: Option<Spanned<Period>>,
    /// Time for connecting and authenticating. Default 15s.
    #[serde(default)]
    pub connect_deadline: Option<Spanned<Period>>,
}

macro_rules! thresholds {
    ($($(#[$doc:meta])* $key:ident: $type:ty,)+) => {
        /// Limits past which a value becomes a finding.
        #[derive(Debug, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct Thresholds {
            $($(#[$doc])* #[serde(default)] pub $key: Option<Spanned<$type>>,)+
        }

        impl Thresholds {
            /// Puts what is given here over what is known so far.
            pub fn apply(&self, to: &mut super::model::Thresholds) {
                $(if let Some(given) = &self.$key { to.$key = given.value; })+
            }

            /// Every number that is given, with its key.
            pub fn given(&self) -> impl Iterator<Item = (&'static str, f64, super::yaml::NodeId)> {
                [$(self.$key.as_ref().map(|given| (stringify!($key), f64::from(given.value), given.node)),)+]
                    .into_iter()
                    .flatten()
            }
        }
    };
}

thresholds! {
    /// Filesystem use, percent: warning. Default 85.
    disk_warning_percent: f64,
    /// Filesystem use, percent: critical. Default 95.
    disk_critical_percent: f64,
    /// A filesystem that would be full within so many hours is a warning. Default 24.
    disk_full_in_hours: f64,
    /// Replica lag, seconds: warning. Default 10.
    lag_warning_seconds: f64,
    /// Replica lag, seconds: critical. Default 120.
    lag_critical_seconds: f64,
    /// Difference between the host's clock and ours, seconds. Default 5.
    clock_skew_seconds: f64,
    /// Mean time of a disk request, milliseconds. Default 100.
    disk_await_ms: f64,
    /// Mean round trip of an NFS operation, milliseconds. Default 200.
    nfs_rtt_ms: f64,
    /// A mount that has not answered for so long is hung, seconds. Default 5.
    mount_hung_seconds: f64,
    /// Steal time, percent of CPU. Default 20.
    steal_percent: f64,
    /// Load average over one minute, per CPU. Default 4.
    load_per_cpu: f64,
    /// Memory still available, percent. Default 5.
    memory_available_percent: f64,
    /// A finding must hold for so many polls before it is shown. Default 2.
    debounce_polls: u32,
}

/// How to ask the host's MySQL or MariaDB server, with the host's own client and credentials.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Mysql {
    /// The client's --defaults-file on that host.
    #[serde(default)]
    pub defaults_file: Option<Text>,
    /// The server's socket on that host.
    #[serde(default)]
    pub socket: Option<Text>,
    /// database.table of a heartbeat as pt-heartbeat keeps it.
    #[serde(default)]
    pub heartbeat: Option<Text>,
    /// The name or address under which other servers replicate from this one, with a port unless that is 3306. Default:
    /// the host's address.
    #[serde(default)]
    pub address: Option<Text>,
    /// A file of options on that host whose group [client] names the user and password of the replication account.
    /// A source that becomes a replica needs it.
    #[serde(default)]
    pub replication_file: Option<Text>,
    /// The server's data directory on that host. Default: what its own files of options name, or /var/lib/mysql.
    #[serde(default)]
    pub datadir: Option<Text>,
    /// The server's program with options that name its configuration, such as [mariadbd, --defaults-file=/etc/db.cnf]:
    /// a Galera member that did not end well is asked for its position by it (--wsrep-recover). Default [mariadbd].
    #[serde(default)]
    pub server: Option<Spanned<List<String>>>,
    /// Starts the server. Default [systemctl, start, --no-block, mariadb].
    #[serde(default)]
    pub start: Option<Spanned<List<String>>>,
    /// Starts the server as the first one of its Galera cluster. Default: the program that MariaDB
    /// brings for that.
    #[serde(default)]
    pub start_new_cluster: Option<Spanned<List<String>>>,
}

/// How to take a host's power away, and how to read back that it is off. `{host}` in a word stands for the
/// host's name. No shell is involved.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Fencing {
    /// Program and arguments that take the power away, such as [fence-host, "{host}", off].
    pub off: Spanned<List<String>>,
    /// Program and arguments that print the state of the power.
    pub status: Spanned<List<String>>,
    /// The line that `status` prints when the host is off. Default off.
    #[serde(default)]
    pub says_off: Option<Text>,
}

/// The site's own commands for work on a host. `{host}` in a word stands for the host's name. No shell is involved.
/// `serving`, `drain` and `undrain` belong together.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rolling {
    /// Program and arguments that only read, on the host: exit code 0 while it is in service, another one while it is not.
    #[serde(default)]
    pub serving: Option<Spanned<List<String>>>,
    /// Program and arguments that take the host out of service, run there.
    #[serde(default)]
    pub drain: Option<Spanned<List<String>>>,
    /// Program and arguments that put it back, run there.
    #[serde(default)]
    pub undrain: Option<Spanned<List<String>>>,
    /// TCP ports of the host whose connections are waited for once it is drained.
    #[serde(default)]
    pub ports: List<Spanned<u16>>,
    /// So many connections to these ports may be left. Default 0.
    #[serde(default)]
    pub connections: Option<u32>,
    /// How the host is upgraded, run there.
    #[serde(default)]
    pub upgrade: Option<Hook>,
    /// How the host is installed anew, by the site's own installer.
    #[serde(default)]
    pub reinstall: Option<Hook>,
}

/// A command of the site's own, and what proves that it has done its work. `{host}` in a word stands for the host's name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Hook {
    /// Program and arguments that do it.
    pub run: Spanned<List<String>>,
    /// Program and arguments that only read: exit code 0 once it is done, and not before.
    pub proof: Spanned<List<String>>,
    /// The host of this inventory that runs both: an installation server. Without it an upgrade runs on the host itself,
    /// and an installation where pointsman runs.
    #[serde(default)]
    pub on: Option<Text>,
    /// How long it may take, up to a day. Default 1h.
    #[serde(default)]
    pub within: Option<Spanned<Period>>,
}

/// A custom probe: a command, how its output is read, and its limits.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Probe {
    /// Program and arguments, a list of words. No shell is involved.
    pub command: Spanned<List<String>>,
    /// A regular expression; its first group (or the whole match) is the value. Give this or `json`.
    #[serde(default)]
    pub regex: Option<Text>,
    /// A JSON pointer (RFC 6901) to the value, such as /battery/charge. Give this or `regex`.
    #[serde(default)]
    pub json: Option<Text>,
    /// The unit, shown behind the value.
    #[serde(default)]
    pub unit: Option<String>,
    /// Time between two runs. Default 60s.
    #[serde(default)]
    pub every: Option<Spanned<Period>>,
    /// Above this: warning.
    #[serde(default)]
    pub warning_above: Option<Spanned<f64>>,
    /// Above this: critical.
    #[serde(default)]
    pub critical_above: Option<Spanned<f64>>,
    /// Below this: warning.
    #[serde(default)]
    pub warning_below: Option<Spanned<f64>>,
    /// Below this: critical.
    #[serde(default)]
    pub critical_below: Option<Spanned<f64>>,
    /// When the value is a word: any other word is critical.
    #[serde(default)]
    pub expect: Option<Text>,
}

/// One storage unit: usually a replicated pair of servers.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Segment {
    /// Its servers; two for a pair.
    pub servers: Spanned<List<Text>>,
    /// Where backups of its slices go, and how they are tested, unless a slice says otherwise. `{slice}` in a word of its
    /// commands stands for the slice's name.
    #[serde(default)]
    pub backup: Option<Spanned<Backup>>,
    /// ZFS pools that each of its servers should have.
    #[serde(default)]
    pub pools: List<Text>,
    /// Its slices by name; a slice's name is unique in the fleet.
    #[serde(default)]
    pub slices: Map<Slice>,
}

/// One replicated volume: DRBD resource, filesystem, NFS export and service address.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Slice {
    /// The DRBD resource.
    #[serde(default)]
    pub resource: Option<Text>,
    /// The block device that is mounted, such as /dev/drbd0; or a dataset of a ZFS pool, such as tank/web1.
    pub device: Text,
    /// Where the primary mounts it.
    pub mount_point: Text,
    /// Its NFS export.
    #[serde(default)]
    pub export: Option<Spanned<Export>>,
    /// The address that clients mount, with its prefix length: 10.0.0.5/24.
    #[serde(default)]
    pub service_address: Option<Spanned<Service>>,
    /// Where it lives in normal times. Default: the segment's first server.
    #[serde(default)]
    pub preferred: Option<Text>,
    /// Where its replica is. Default: the other server of the pair, when there is a resource.
    #[serde(default)]
    pub standby: Option<Text>,
    /// Where its backups go, and how they are tested. Default: the segment's, key by key.
    #[serde(default)]
    pub backup: Option<Spanned<Backup>>,
    /// It has no replica on purpose; otherwise that is a warning.
    #[serde(default)]
    pub unreplicated: bool,
}

/// An NFS export.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Export {
    /// The exported path. Default: the mount point.
    #[serde(default)]
    pub path: Option<Text>,
    /// Who may mount it, as `exports(5)` has it: addresses, networks (10.0.0.0/24), host names,
    /// *.example.com, @netgroup, or "*".
    #[serde(default)]
    pub clients: List<Text>,
    /// Options that must be in force, such as rw or fsid=1001.
    #[serde(default)]
    pub options: List<Text>,
}

/// A replication topology or Galera cluster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Topology {
    /// replication (one writable source, any number of replicas) or galera.
    pub kind: Spanned<TopologyKind>,
    /// Its members.
    pub members: Spanned<List<Text>>,
    /// The member that should be the source.
    #[serde(default)]
    pub source: Option<Text>,
    /// The address by which clients find the source, with its prefix length: 10.0.0.6/24. It moves with the writes.
    #[serde(default)]
    pub service_address: Option<Spanned<Service>>,
    /// Or a command of the site's own that leads clients to another source, such as one of a proxy. `{from}` and `{to}` in a
    /// word stand for the names of the old source and the new one; without `on` it is run where pointsman runs.
    #[serde(default)]
    pub to_source: Option<Spanned<Hook>>,
    /// Where its backups are, and how they are tested. `{database}` in a word of its commands stands for the topology's name.
    #[serde(default)]
    pub backup: Option<Spanned<Backup>>,
}

/// A span of time as it is written: `500ms`, `2s`, `10m`, `1h`, `1d`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Period(pub Duration);

impl Period {
    fn parse(text: &str) -> Option<Duration> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).filter(|at| *at > 0)?;
        let (number, unit) = text.split_at(digits);
        let number = u64::from(number.parse::<u32>().ok()?);
        Some(match unit.trim_start() {
            "ms" => Duration::from_millis(number),
            "s" => Duration::from_secs(number),
            "m" | "min" => Duration::from_secs(number * 60),
            "h" => Duration::from_secs(number * 3600),
            "d" => Duration::from_secs(number * 86_400),
            _ => return None,
        })
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match Self::parse(text.trim()) {
            Some(period) => Ok(Self(period)),
            None => Err(de::Error::custom(format!(
                "a span of time belongs here, found {}\nwrite a number and a unit: 500ms, 2s, 10m, 1h",
                quote(&text)
            ))),
        }
    }
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A span of time: 500ms, 2s, 10m, 1h, 1d.",
            "pattern": "^[0-9]+ *(ms|s|m|min|h|d)$",
        })
    }
}

/// A service address as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Service(pub ServiceAddress);

impl<'de> Deserialize<'de> for Service {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let wrong = |hint: &str| de::Error::custom(format!("{} is not a service address\n{hint}", quote(&text)));
        let Some((ip, prefix)) = text.split_once('/') else {
            return Err(match text.parse::<IpAddr>() {
                Ok(ip) => wrong(&format!("the prefix length is missing: {ip}/24, for example")),
                Err(_) => wrong("write an address with its prefix length, such as 10.0.0.5/24"),
            });
        };
        let ip: IpAddr = ip
            .parse()
            .map_err(|_| wrong("before the slash stands an IPv4 or IPv6 address"))?;
        let most = if ip.is_ipv4() { 32 } else { 128 };
        match prefix.parse::<u8>() {
            Ok(prefix) if (1..=most).contains(&prefix) => Ok(Self(ServiceAddress { ip, prefix })),
            _ => Err(wrong(&format!("the prefix length goes from 1 to {most}"))),
        }
    }
}

impl JsonSchema for Service {
    fn schema_name() -> Cow<'static, str> {
        "ServiceAddress".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "An address with its prefix length: 10.0.0.5/24.",
            "pattern": "^[0-9A-Fa-f.:]+/[0-9]{1,3}$",
        })
    }
}

/// Slices that a host should mount, as one entry of a list.
#[derive(Debug, Clone)]
pub(super) struct Mount {
    /// One slice, or all of a segment.
    pub what: MountWhat,
    /// Where, if not where the server has it; `{slice}` stands for the slice's name.
    pub at: Option<String>,
}

/// What a mount entry names.
#[derive(Debug, Clone)]
pub(super) enum MountWhat {
    /// A slice.
    Slice(String),
    /// Every slice of a segment.
    Segment(String),
}

/// A slice, or every slice of a segment, mounted at another place than the server's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MountEntry {
    /// The slice.
    #[serde(default)]
    slice: Option<String>,
    /// Or a segment: all of its slices.
    #[serde(default)]
    segment: Option<String>,
    /// Where it is mounted here. {slice} stands for the slice's name. Default: where the server has it.
    #[serde(default)]
    at: Option<String>,
}

impl<'de> Deserialize<'de> for Mount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> de::Visitor<'de> for Either {
            type Value = Mount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a slice's name, `all of SEGMENT`, or a mapping")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Mount, E> {
                let what = match text.strip_prefix("all of ") {
                    Some(segment) => MountWhat::Segment(segment.trim().to_owned()),
                    None => MountWhat::Slice(text.to_owned()),
                };
                Ok(Mount { what, at: None })
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Mount, A::Error> {
                let entry = MountEntry::deserialize(de::value::MapAccessDeserializer::new(map))?;
                let what = match (entry.slice, entry.segment) {
                    (Some(slice), None) => MountWhat::Slice(slice),
                    (None, Some(segment)) => MountWhat::Segment(segment),
                    _ => return Err(de::Error::custom("a mount names either a `slice` or a `segment`")),
                };
                Ok(Mount { what, at: entry.at })
            }
        }
        from.deserialize_newtype_struct(TEXT_OR_MAP, Either)
    }
}

impl JsonSchema for Mount {
    fn schema_name() -> Cow<'static, str> {
        "Mount".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let entry = generator.subschema_for::<MountEntry>();
        json_schema!({
            "description": "The name of a slice, `all of SEGMENT`, or a mapping with `slice` or `segment` and `at`.",
            "anyOf": [{ "type": "string" }, entry],
        })
    }
}

/// Where backups are: the name of the host, or more.
#[derive(Debug, Clone)]
pub(super) enum Backup {
    /// The host alone.
    On(String),
    /// How they are tested as well.
    Keys(Box<BackupKeys>),
}

/// Where backups are, and how they are tested, by the site's own commands. No shell is involved. `list`, `restore` and
/// `scratch` belong together.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupKeys {
    /// The host where they can be read, and where the commands run.
    #[serde(default)]
    pub on: Option<Text>,
    /// Program and arguments that only read and print a line a backup: when it began (2026-11-21T03:00:00Z), its name, and
    /// its bytes where they are known.
    #[serde(default)]
    pub list: Option<Spanned<List<String>>>,
    /// Program and arguments that restore one: {backup} stands for its name, {into} for the empty directory that it is
    /// restored to.
    #[serde(default)]
    pub restore: Option<Spanned<List<String>>>,
    /// Program and arguments that bring one to another server, run there, for a slice whose own servers are lost: {into}
    /// stands for a filesystem that holds nothing but what an earlier try has brought. Of databases nothing uses it.
    #[serde(default)]
    pub fetch: Option<Spanned<List<String>>>,
    /// A directory of that host in which each test makes one of its own, and removes it again.
    #[serde(default)]
    pub scratch: Option<Text>,
    /// What every backup has: of a slice paths, relative to where it is restored; of a database tables, as database.table.
    #[serde(default)]
    pub expect: Option<List<Text>>,
    /// How old the newest backup may be. Default 26h.
    #[serde(default)]
    pub every: Option<Spanned<Period>>,
    /// How long ago a backup may have been tested last, and found good. Default 35d.
    #[serde(default)]
    pub tested: Option<Spanned<Period>>,
}

impl<'de> Deserialize<'de> for Backup {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> de::Visitor<'de> for Either {
            type Value = Backup;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a host's name, or a mapping")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Backup, E> {
                Ok(Backup::On(text.to_owned()))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Backup, A::Error> {
                BackupKeys::deserialize(de::value::MapAccessDeserializer::new(map))
                    .map(|keys| Backup::Keys(Box::new(keys)))
            }
        }
        from.deserialize_newtype_struct(TEXT_OR_MAP, Either)
    }
}

impl JsonSchema for Backup {
    fn schema_name() -> Cow<'static, str> {
        "Backup".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let keys = generator.subschema_for::<BackupKeys>();
        json_schema!({
            "description": "The name of the host where backups are, or a mapping with `on` and how they are tested.",
            "anyOf": [{ "type": "string" }, keys],
        })
    }
}

/// The JSON schema of an inventory file (draft 2020-12), for editors.
#[must_use]
pub fn schema() -> String {
    let schema = schemars::schema_for!(File);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time() {
        assert_eq!(Period::parse("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(Period::parse("2s"), Some(Duration::from_secs(2)));
        assert_eq!(Period::parse("10 m"), Some(Duration::from_mins(10)));
        assert_eq!(Period::parse("1d"), Some(Duration::from_hours(24)));
        for wrong in ["", "2", "s", "-2s", "2.5s", "2 weeks", "99999999999999999999s", "2ss"] {
            assert_eq!(Period::parse(wrong), None, "{wrong}");
        }
    }
}
