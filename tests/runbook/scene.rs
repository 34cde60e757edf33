//! Small fleets, and plans made for them by the built-in runbooks.

use pointsman::{
    facts::UnixMs,
    fleet::{
        Backup, BackupHooks, ExpectedMount, Export, Fencing, Fleet, Hook, Hooks, Host, HostName, MysqlAccess, Poll,
        Segment, ServiceAddress, ServiceHooks, Slice, SliceName, SourceEntrance, SourceHook, Topology, TopologyKind,
        TopologyName,
    },
    runbook::{
        definition::Definition,
        plan::{Glass, Plan, Rule},
        planner::{self, Wish, catalogue},
        sight::{Glimpse, Look, Sight},
        target::{Request, Said, parse},
    },
    simulate::{
        Clock, Fault, Simulation,
        backup::Scratch,
        island::Island,
        nfs::MountState,
        node::{DrbdModule, Node, whole},
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// 2026-11-21T00:00:00Z, in seconds.
pub const START: u64 = 1_795_219_200;

/// A clock that a test moves: nothing happens by itself.
#[derive(Clone, Default)]
pub struct Hand(Arc<AtomicU64>);

impl Hand {
    pub fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Arc::new(move || Duration::from_secs(START) + Duration::from_millis(now.load(Ordering::Relaxed)))
    }

    pub fn forward(&self, by: Duration) {
        self.0
            .fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }

    pub fn now(&self) -> UnixMs {
        UnixMs(START * 1000 + self.0.load(Ordering::Relaxed))
    }
}

/// What a case is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scene {
    SliceMove,
    Failover,
    FailBack,
    SplitBrain,
    /// The same with DRBD 9 and clients that mount by NFSv4.
    SliceMoveNine,
    FailoverNine,
    FailBackNine,
    SplitBrainNine,
    /// The dead server served both slices: one plan for two.
    FailoverBoth,
    /// The server is half dead: it answers pings and replicates, and begins no command.
    FailoverHalfDead,
    /// Both with DRBD 9 and NFSv4.
    FailoverBothNine,
    FailoverHalfDeadNine,
    /// A runbook of one's own, with the actions that no built-in one uses.
    Own,
    OwnNine,
    /// A service of both servers is stopped; their slices stay where they are.
    Service,
    /// A member of an array that can be read still is replaced.
    DiskReplace,
    /// One that has failed.
    DiskReplaceFailed,
    /// The members of an array are compared, and do not agree.
    Scrub,
    /// A device of a pool that can be read still is replaced.
    PoolReplace,
    /// One that has failed.
    PoolReplaceFailed,
    /// The blocks of a pool are compared with their checksums; some differ, and some are lost.
    PoolScrub,
    /// A source and two replicas, the client's host one of them.
    MysqlSwitchover,
    /// A service is restarted on all hosts, one after the other; one of them may fail.
    Rolling,
    /// A server that serves nothing and the client boot anew.
    RollingReboot,
    /// Both are upgraded and installed anew together, by a runbook of one's own.
    RollingOwn,
    /// The source is dead; both replicas have received more than they have applied, and the other one has more of it.
    MysqlFailover,
    /// The source was failed over, and is back.
    MysqlReturned,
    /// The three with MySQL 8.
    MysqlSwitchoverEight,
    MysqlFailoverEight,
    MysqlReturnedEight,
    /// A member of a Galera cluster is dead, and the two others, one of them further, have lost their primary component.
    GaleraQuorum,
    /// All members of a Galera cluster have ended well, one after the other.
    GaleraStopped,
    /// A primary component lives without one member, which is stopped.
    GaleraJoin,
    /// A member did not end well, and none is in a primary component.
    GaleraPosition,
    /// A client's mount hangs, and a process holds it: the client is kept from the slice.
    FenceSegment,
    /// It is given back.
    UnfenceSegment,
    /// A client's mount is stale, and a service holds it.
    ClientRepoint,
    /// A slice moves to a filesystem of a third server, by being copied.
    Migrate,
    /// The same by snapshots of ZFS: both are datasets.
    MigrateZfs,
    /// Both slices move there, one after the other; one of them may fail.
    MigrateMany,
    /// The first one moves beside a database whose replica is on its client; in no matrix.
    MigrateBesideDatabase,
    /// Its old side is thrown away.
    MigrateReclaim,
    /// A backup of a slice is restored on a third server, and compared with what is live.
    BackupTest,
    /// A backup of a database is restored there, and a server started on it.
    DatabaseBackupTest,
    /// Both servers of a pair are lost: the slice is served from its backup by a third one.
    RestoreFromBackup,
    /// One is lost, and the other one lives without usable data and goes on with what else it serves.
    RestoreBesideOne,
}

/// The address by which clients find the source of the database.
pub const DATABASE: ServiceAddress = ServiceAddress {
    ip: std::net::IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 0, 110)),
    prefix: 24,
};

/// The member of the array that is replaced, and the disk that takes its place.
pub const OLD_DISK: &str = "sdc";
/// See [`OLD_DISK`].
pub const NEW_DISK: &str = "sdf";
/// The device of the pool that is replaced; [`NEW_DISK`] takes its place.
pub const OLD_DEVICE: &str = "sdg";

/// A scratch directory of another test, beside that of the scene.
pub const FOREIGN: &str = "/srv/scratch/pointsman-web2";

/// A word that nobody may ever read again: part of the call of each management controller.
pub const CANARY: &str = "canary-of-the-controller";

impl Scene {
    pub const ALL: [Self; 45] = [
        Self::SliceMove,
        Self::Failover,
        Self::FailBack,
        Self::SplitBrain,
        Self::SliceMoveNine,
        Self::FailoverNine,
        Self::FailBackNine,
        Self::SplitBrainNine,
        Self::FailoverBoth,
        Self::FailoverHalfDead,
        Self::FailoverBothNine,
        Self::FailoverHalfDeadNine,
        Self::Own,
        Self::OwnNine,
        Self::Service,
        Self::DiskReplace,
        Self::DiskReplaceFailed,
        Self::Scrub,
        Self::PoolReplace,
        Self::PoolReplaceFailed,
        Self::PoolScrub,
        Self::MysqlSwitchover,
        Self::Rolling,
        Self::RollingReboot,
        Self::RollingOwn,
        Self::MysqlFailover,
        Self::MysqlReturned,
        Self::MysqlSwitchoverEight,
        Self::MysqlFailoverEight,
        Self::MysqlReturnedEight,
        Self::GaleraQuorum,
        Self::GaleraStopped,
        Self::GaleraJoin,
        Self::GaleraPosition,
        Self::FenceSegment,
        Self::UnfenceSegment,
        Self::ClientRepoint,
        Self::Migrate,
        Self::MigrateZfs,
        Self::MigrateMany,
        Self::MigrateReclaim,
        Self::BackupTest,
        Self::DatabaseBackupTest,
        Self::RestoreFromBackup,
        Self::RestoreBesideOne,
    ];

    /// The move, whatever the servers are.
    pub fn base(self) -> Self {
        match self {
            Self::SliceMove | Self::SliceMoveNine | Self::Own | Self::OwnNine => Self::SliceMove,
            Self::Failover
            | Self::FailoverNine
            | Self::FailoverBoth
            | Self::FailoverHalfDead
            | Self::FailoverBothNine
            | Self::FailoverHalfDeadNine => Self::Failover,
            Self::FailBack | Self::FailBackNine => Self::FailBack,
            Self::SplitBrain | Self::SplitBrainNine => Self::SplitBrain,
            Self::Service => Self::Service,
            Self::DiskReplace | Self::DiskReplaceFailed | Self::Scrub => Self::DiskReplace,
            Self::PoolReplace | Self::PoolReplaceFailed | Self::PoolScrub => Self::PoolReplace,
            Self::MysqlSwitchover
            | Self::MysqlFailover
            | Self::MysqlReturned
            | Self::GaleraQuorum
            | Self::GaleraStopped
            | Self::GaleraJoin
            | Self::GaleraPosition
            | Self::FenceSegment
            | Self::UnfenceSegment
            | Self::ClientRepoint
            | Self::Migrate
            | Self::MigrateMany
            | Self::MigrateReclaim
            | Self::BackupTest
            | Self::DatabaseBackupTest => self,
            Self::RestoreFromBackup | Self::RestoreBesideOne => Self::RestoreFromBackup,
            Self::Rolling | Self::RollingReboot | Self::RollingOwn => Self::Rolling,
            Self::MigrateZfs | Self::MigrateBesideDatabase => Self::Migrate,
            Self::MysqlSwitchoverEight => Self::MysqlSwitchover,
            Self::MysqlFailoverEight => Self::MysqlFailover,
            Self::MysqlReturnedEight => Self::MysqlReturned,
        }
    }

    /// Whether its slice moves, or has moved, to a filesystem of a third server.
    pub fn is_copied(self) -> bool {
        matches!(self.base(), Self::Migrate | Self::MigrateMany | Self::MigrateReclaim)
    }

    /// Whether its slice is served from a backup.
    pub fn is_restored(self) -> bool {
        self.base() == Self::RestoreFromBackup
    }

    /// Servers that its run makes sure to be off, each with its step.
    pub fn fences(self) -> &'static [(&'static str, usize)] {
        match self {
            Self::RestoreFromBackup => &[("stor1", 1), ("stor2", 2)],
            Self::RestoreBesideOne => &[("stor1", 1)],
            _ if self.takes_over() => &[("stor1", 0)],
            _ => &[],
        }
    }

    /// Whether it is about a backup, which is tested on a third server.
    pub fn is_backup(self) -> bool {
        matches!(self, Self::BackupTest | Self::DatabaseBackupTest)
    }

    /// The hosts that faults strike: servers that its runbook changes; or the client, and the server that it is served by.
    pub fn hosts(self) -> [&'static str; 2] {
        if self.is_copied() || self.is_backup() || self.is_restored() {
            ["stor1", "stor3"]
        } else if self.is_client() {
            ["stor1", "client"]
        } else {
            ["stor1", "stor2"]
        }
    }

    /// DRBD 9 and NFSv4, else DRBD 8.4 and NFSv3.
    pub fn is_nine(self) -> bool {
        matches!(
            self,
            Self::SliceMoveNine
                | Self::FailoverNine
                | Self::FailBackNine
                | Self::SplitBrainNine
                | Self::FailoverBothNine
                | Self::FailoverHalfDeadNine
                | Self::OwnNine
        )
    }

    pub fn is_half_dead(self) -> bool {
        matches!(self, Self::FailoverHalfDead | Self::FailoverHalfDeadNine)
    }

    /// Whether it is about a database, and not about slices.
    pub fn is_mysql(self) -> bool {
        matches!(
            self.base(),
            Self::MysqlSwitchover | Self::MysqlFailover | Self::MysqlReturned
        )
    }

    /// How clients find its source: by an address in one dialect, by a proxy in the other.
    fn entrance(self) -> Option<SourceEntrance> {
        let words = || vec!["site".to_owned(), "{to}".to_owned()];
        match self {
            Self::MysqlSwitchover | Self::MysqlFailover | Self::MysqlReturned => {
                Some(SourceEntrance::Address(DATABASE))
            }
            Self::MysqlSwitchoverEight | Self::MysqlFailoverEight | Self::MysqlReturnedEight => {
                Some(SourceEntrance::Hook(SourceHook {
                    run: words(),
                    proof: words(),
                    on: Some(HostName::new("client")),
                    within: Duration::from_mins(1),
                }))
            }
            _ => None,
        }
    }

    /// The host that says by the exit code of a command of the site's own where clients are led.
    pub fn asks_site(self) -> Option<&'static str> {
        matches!(self.entrance(), Some(SourceEntrance::Hook(_))).then_some("client")
    }

    /// Whether it is about a Galera cluster.
    pub fn is_galera(self) -> bool {
        matches!(
            self,
            Self::GaleraQuorum | Self::GaleraStopped | Self::GaleraJoin | Self::GaleraPosition
        )
    }

    /// Whether it is about a client of the slice, and not about its servers.
    pub fn is_client(self) -> bool {
        matches!(self, Self::FenceSegment | Self::UnfenceSegment | Self::ClientRepoint)
    }

    /// Whether the server that it leaves is dead, or is made so.
    pub fn takes_over(self) -> bool {
        matches!(
            self.base(),
            Self::Failover | Self::MysqlFailover | Self::GaleraQuorum | Self::RestoreFromBackup
        )
    }

    /// Whether its runbook is for emergencies.
    pub fn is_emergency(self) -> bool {
        self.takes_over() || matches!(self.base(), Self::SplitBrain | Self::GaleraStopped)
    }

    /// Hosts that the run itself takes away for a while.
    pub fn leaves(self) -> &'static [&'static str] {
        match self {
            Self::RollingReboot | Self::RollingOwn => &["stor1", "client"],
            _ => &[],
        }
    }

    /// Whether its runbook mounts the slice somewhere.
    pub fn mounts(self) -> bool {
        !self.is_mysql()
            && !self.is_galera()
            && !matches!(
                self.base(),
                Self::SplitBrain | Self::Service | Self::DiskReplace | Self::PoolReplace | Self::Rolling
            )
            && !self.is_client()
            && !self.is_copied()
            && !self.is_backup()
            && !self.is_restored()
    }

    fn is_both(self) -> bool {
        matches!(self, Self::FailoverBoth | Self::FailoverBothNine)
    }

    /// The slices that the plan is about.
    pub fn slices(self) -> &'static [&'static str] {
        match self {
            _ if self.is_both() || self == Self::MigrateMany => &["web1", "web2"],
            _ if self.is_mysql() || self.is_galera() || self == Self::DatabaseBackupTest => &[],
            _ => &["web1"],
        }
    }

    fn parameters(self) -> &'static [(&'static str, &'static str)] {
        match self.base() {
            _ if self == Self::Scrub => &[("host", "stor1"), ("array", "md0"), ("check", "600")],
            _ if self == Self::DiskReplaceFailed => &[
                ("host", "stor1"),
                ("array", "md0"),
                ("disk", OLD_DISK),
                ("by", NEW_DISK),
                ("at_once", "yes"),
                ("rebuild", "600"),
            ],
            Self::DiskReplace => &[
                ("host", "stor1"),
                ("array", "md0"),
                ("disk", OLD_DISK),
                ("by", NEW_DISK),
                ("rebuild", "600"),
            ],
            _ if self == Self::PoolScrub => &[("host", "stor1"), ("pool", "tank"), ("check", "1200")],
            Self::PoolReplace => &[
                ("host", "stor1"),
                ("pool", "tank"),
                ("disk", OLD_DEVICE),
                ("by", NEW_DISK),
                ("rebuild", "600"),
            ],
            _ if self == Self::RollingOwn => &[("hosts", "stor1|client")],
            _ if self == Self::RollingReboot => &[
                ("hosts", "stor1|client"),
                ("work", "reboot"),
                ("back", "60"),
                ("healthy", "60"),
                ("soak", "5"),
            ],
            Self::Rolling => &[
                ("hosts", "stor*|client"),
                ("work", "restart"),
                ("unit", "cron"),
                ("failures", "1"),
                ("soak", "5"),
                ("drain", "30"),
                ("healthy", "30"),
            ],
            Self::SliceMove => &[("slice", "web1")],
            Self::Failover | Self::MysqlReturned => &[("server", "stor1")],
            Self::MysqlFailover => &[("server", "stor1"), ("to", "stor2")],
            Self::MysqlSwitchover => &[("database", "shop")],
            Self::GaleraQuorum | Self::GaleraStopped | Self::GaleraJoin => &[("database", "shop"), ("join", "60")],
            Self::GaleraPosition => &[("server", "stor2")],
            Self::Migrate => &[
                ("slice", "web1"),
                ("into", "web1i"),
                ("budget", "60"),
                ("hours", "1"),
                ("tries", "2"),
                ("rest", "5"),
            ],
            Self::MigrateMany => &[
                ("of", "segment=seg"),
                ("segment", "interim"),
                ("failures", "1"),
                ("canary", "0"),
                ("budget", "60"),
                ("hours", "1"),
                ("tries", "2"),
                ("rest", "5"),
            ],
            Self::MigrateReclaim => &[("slice", "web1"), ("into", "web1i")],
            Self::BackupTest => &[("slice", "web1"), ("sample", "0"), ("hours", "1")],
            Self::DatabaseBackupTest => &[("database", "shop"), ("hours", "1")],
            Self::RestoreFromBackup => &[("slice", "web1"), ("into", "web1i"), ("hours", "1")],
            Self::FailBack => &[("slice", "web1"), ("soak", "5"), ("resync", "600")],
            Self::SplitBrain => &[("slice", "web1"), ("victim", "stor2"), ("resync", "600")],
            Self::FenceSegment => &[("segment", "seg"), ("slices", "web1"), ("holders", "end")],
            Self::UnfenceSegment => &[("segment", "seg"), ("slices", "web1")],
            Self::ClientRepoint => &[("slice", "web1"), ("patience", "5"), ("holders", "restart")],
            Self::Service => &[("hosts", "stor*"), ("unit", "cron"), ("state", "stopped")],
            _ => unreachable!("a base"),
        }
    }

    pub fn runbook(self) -> &'static str {
        match self.base() {
            _ if matches!(self, Self::Own | Self::OwnNine) => "every-action",
            _ if self == Self::Scrub => "scrub",
            _ if self == Self::RollingOwn => "rolling-own",
            Self::Rolling => "rolling",
            Self::DiskReplace => "disk-replace",
            _ if self == Self::PoolScrub => "pool-scrub",
            Self::PoolReplace => "pool-replace",
            Self::SliceMove => "slice-move",
            Self::Failover => "failover",
            Self::FailBack => "fail-back",
            Self::SplitBrain => "split-brain",
            Self::Service => "service",
            Self::MysqlSwitchover => "mysql-switchover",
            Self::MysqlFailover => "mysql-failover",
            Self::MysqlReturned => "mysql-returned",
            Self::GaleraQuorum | Self::GaleraStopped => "galera-recover",
            Self::GaleraJoin => "galera-join",
            Self::GaleraPosition => "galera-position",
            Self::FenceSegment => "fence-segment",
            Self::UnfenceSegment => "unfence-segment",
            Self::ClientRepoint => "client-repoint",
            _ if self == Self::MigrateZfs => "migrate-zfs",
            Self::Migrate => "migrate",
            Self::MigrateMany => "migrate-many",
            Self::MigrateReclaim => "migrate-reclaim",
            Self::BackupTest => "backup-test",
            Self::DatabaseBackupTest => "database-backup-test",
            Self::RestoreFromBackup => "restore-from-backup",
            _ => unreachable!("a base"),
        }
    }

    /// Where the slice is served before and after.
    pub fn sides(self) -> (&'static str, &'static str) {
        match self.base() {
            Self::SliceMove | Self::Failover | Self::MysqlSwitchover | Self::MysqlFailover | Self::GaleraQuorum => {
                ("stor1", "stor2")
            }
            Self::FailBack => ("stor2", "stor1"),
            Self::MysqlReturned => ("stor2", "stor2"),
            _ if matches!(self, Self::RollingReboot | Self::RollingOwn) => ("stor2", "stor2"),
            Self::Migrate | Self::MigrateMany | Self::RestoreFromBackup => ("stor1", "stor3"),
            Self::MigrateReclaim => ("stor3", "stor3"),
            Self::SplitBrain
            | Self::Service
            | Self::DiskReplace
            | Self::PoolReplace
            | Self::Rolling
            | Self::GaleraStopped
            | Self::GaleraJoin
            | Self::GaleraPosition
            | Self::FenceSegment
            | Self::UnfenceSegment
            | Self::ClientRepoint
            | Self::BackupTest
            | Self::DatabaseBackupTest => ("stor1", "stor1"),
            _ => unreachable!("a base"),
        }
    }

    fn prepare(self, sim: &Simulation) {
        let world = sim.world();
        if self.is_nine() {
            world.fleet(|island| {
                for node in &mut island.nodes {
                    node.drbd = node.drbd.map(|_| DrbdModule::V9);
                    for mount in &mut node.mounts {
                        mount.version = 4;
                    }
                }
            });
        }
        if self.is_both() {
            world.fleet(|island| island.move_slice(1).unwrap());
        }
        if matches!(
            self,
            Self::MysqlSwitchoverEight | Self::MysqlFailoverEight | Self::MysqlReturnedEight
        ) {
            world.fleet(|island| {
                for server in island.nodes.iter_mut().filter_map(|node| node.mysql.as_mut()) {
                    server.mariadb = false;
                }
            });
        }
        match self.base() {
            Self::Failover if self.is_half_dead() => {}
            Self::DiskReplace => {
                _ = world.fleet(|island| {
                    let array = &mut island.nodes[0].arrays[0];
                    // A minute's work at the speed that it begins with.
                    array.member_kib = 60_000;
                    array.system_limit_kib_s = 4000;
                    array.differs = 128;
                    if self == Self::DiskReplaceFailed {
                        array.fail(1);
                    }
                });
            }
            Self::PoolReplace => _ = world.fleet(|island| self.prepare_pool(island)),
            Self::Rolling if matches!(self, Self::RollingReboot | Self::RollingOwn) => {
                world.fleet(|island| island.move_slice(0).unwrap());
            }
            Self::SliceMove
            | Self::Service
            | Self::MysqlSwitchover
            | Self::Rolling
            | Self::Migrate
            | Self::MigrateMany => {}
            Self::BackupTest | Self::DatabaseBackupTest => other_test(sim),
            Self::RestoreFromBackup => self.lose_pair(sim),
            Self::MigrateReclaim => {
                world.fleet(|island| {
                    let address = island.replicas[0].address;
                    let exports = island.nodes[0].nfs_server.as_ref().unwrap().exports.clone();
                    island.remove_address(0, 0);
                    island.unexport(0, 0);
                    island.nodes[0]
                        .filesystems
                        .iter_mut()
                        .filter(|it| it.at == "/srv/web1")
                        .for_each(|it| it.read_only = true);
                    island.nodes[0].store.old.insert("web1".into(), (0, "0 web1i".into()));
                    let new = island.node("stor3").unwrap();
                    island.copies.plains[0].has = Some((0, 0.0));
                    island.nodes[new].service_addresses.push(address);
                    let served = exports.into_iter().filter(|export| export.path == "/srv/web1");
                    island.nodes[new].nfs_server.as_mut().unwrap().exports.extend(served);
                    island.announce(address, new);
                });
            }
            Self::MysqlReturned => _ = world.with("stor1", Island::fail_over_database),
            Self::MysqlFailover => {
                world.inject(&Fault::HostKilled("stor1".into())).unwrap();
                world.fleet(|island| {
                    for (host, more) in [("stor2", 100.0), ("client", 400.0)] {
                        let at = island.node(host).unwrap();
                        let channel = island.nodes[at].mysql.as_mut().unwrap().channel.as_mut().unwrap();
                        (channel.received, channel.connected) = (channel.received + more, false);
                        (channel.lag_s, channel.rate) = (more / 100.0, 100.0);
                        channel.relay.write(1, whole(channel.received));
                    }
                });
            }
            _ if self.is_galera() => _ = world.fleet(|island| self.prepare_cluster(island)),
            Self::FenceSegment => client(sim, Some(MountState::Hung(0))),
            Self::ClientRepoint => client(sim, Some(MountState::Stale)),
            Self::UnfenceSegment => {
                client(sim, None);
                world.with("client", |island, at| taken_away(&mut island.nodes[at]));
            }
            Self::Failover => world.inject(&Fault::HostKilled("stor1".into())).unwrap(),
            Self::SplitBrain => world.inject(&Fault::SplitBrain("web1".into())).unwrap(),
            Self::FailBack => _ = world.fleet(taken_over),
            _ => unreachable!("a base"),
        }
        world.fleet(pointsman::simulate::island::Island::settle);
    }
}

/// The first slice is served by the second server, and the first one is back.
fn taken_over(island: &mut Island) {
    let (dead, alive) = (island.node("stor1").unwrap(), island.node("stor2").unwrap());
    island.power_off(dead);
    island.disconnect(0, 1).unwrap();
    island.serve(0, alive).unwrap();
    let now = island.now_ms;
    island.nodes[dead].boot(now);
    island.settle();
}

/// The first mount of a client is kept and barred.
fn taken_away(node: &mut Node) {
    let (server, path) = (node.mounts[0].server, node.mounts[0].path.clone());
    node.mounts[0].mounted = false;
    node.barred.insert(server);
    let line = format!("web1\tnfs\t{server}:{path}\t/mnt/web1\trw,noatime\trw,vers=3,addr={server}");
    node.store.mounts.insert("/mnt/web1".to_owned(), line);
}

impl Scene {
    fn prepare_pool(self, island: &mut Island) {
        let pool = island.nodes[0].pool.as_mut().unwrap();
        pool.scan_s = 60.0;
        (pool.differs, pool.damaged) = (3, 2);
        if self == Self::PoolReplaceFailed {
            pool.fail(0);
        }
    }

    fn prepare_cluster(self, island: &mut Island) {
        let [stor1, stor2, client] = ["stor1", "stor2", "client"].map(|name| island.node(name).unwrap());
        let further = |island: &mut Island, at: usize, more: f64| {
            island.nodes[at]
                .mysql
                .as_mut()
                .unwrap()
                .galera
                .as_mut()
                .unwrap()
                .committed += more;
        };
        match self {
            Self::GaleraQuorum => {
                island.power_off(stor1);
                island.lose_quorum(stor2);
                // What the dead one has alone nobody can know.
                further(island, stor1, 9.0);
                further(island, stor2, 5.0);
            }
            Self::GaleraStopped => {
                for at in [client, stor2, stor1] {
                    island.stop_node(at, true);
                    further(island, stor1, 3.0);
                }
            }
            Self::GaleraJoin => island.stop_node(stor2, true),
            _ => {
                island.lose_quorum(stor1);
                island.stop_node(stor2, false);
            }
        }
    }
}

/// A scratch directory of another test is there already.
fn other_test(sim: &Simulation) {
    sim.world().with("stor3", |island, at| {
        let other = Scratch {
            mark: Some("test of web2 of rehearsed".to_owned()),
            restored: None,
        };
        island.nodes[at].store.vault.scratch.insert(FOREIGN.to_owned(), other);
    });
}

impl Scene {
    /// The first server is dead, and so is the other one; or the other one was overtaken by that in the middle of a resync.
    fn lose_pair(self, sim: &Simulation) {
        let world = sim.world();
        if self == Self::RestoreBesideOne {
            world.fleet(|island| island.replicas[0].start_resync(0));
        } else {
            world.inject(&Fault::HostKilled("stor2".into())).unwrap();
        }
        world.inject(&Fault::HostKilled("stor1".into())).unwrap();
    }
}

/// How the client's mount of the slice is, and a service that holds it.
fn client(sim: &Simulation, state: Option<MountState>) {
    sim.world().with("client", |island, at| {
        let mount = &mut island.nodes[at].mounts[0];
        mount.forced = state;
        mount.holders = vec![(4242, "cron.service".to_owned())];
        island.settle();
    });
}

fn slice(name: &str, minor: u8, preferred: &str, standby: &str) -> Slice {
    Slice {
        name: SliceName::new(name),
        resource: Some(name.to_owned()),
        device: format!("/dev/drbd{minor}"),
        mount_point: format!("/srv/{name}"),
        export: Some(Export {
            path: format!("/srv/{name}"),
            clients: vec!["10.9.0.0/24".to_owned()],
            options: vec!["rw".to_owned(), "sync".to_owned()],
        }),
        service_address: Some(ServiceAddress {
            ip: std::net::IpAddr::from([10, 9, 0, 100 + minor]),
            prefix: 24,
        }),
        preferred: HostName::new(preferred),
        standby: Some(HostName::new(standby)),
        backup: None,
        unreplicated: false,
    }
}

/// Two servers, two slices on them that live on either, and a client of both.
pub fn fleet() -> Fleet {
    let server = |name: &str| Host {
        fencing: Some(Fencing {
            off: vec!["ipmitool".to_owned()],
            status: vec!["ipmitool".to_owned()],
            says_off: "Chassis Power is off".to_owned(),
        }),
        ..Host::new(name, name)
    };
    let mut client = Host::new("client", "client");
    client.mounts = ["web1", "web2"]
        .map(|slice| ExpectedMount {
            slice: SliceName::new(slice),
            at: format!("/mnt/{slice}"),
        })
        .to_vec();
    let segment = Segment {
        name: "seg".into(),
        servers: ["stor1", "stor2"].map(HostName::new).to_vec(),
        slices: vec![slice("web1", 0, "stor1", "stor2"), slice("web2", 1, "stor2", "stor1")],
        pools: Vec::new(),
    };
    Fleet::new(
        "rehearsed".to_owned(),
        None,
        Poll::default(),
        vec![server("stor1"), server("stor2"), client],
        vec![segment],
        Vec::new(),
    )
}

/// Hosts that can be taken out of service, upgraded and installed anew; stor2 installs the others.
fn with_hooks(plain: Fleet) -> Fleet {
    let words = || vec!["site".to_owned()];
    let mut fleet = plain;
    for host in &mut fleet.hosts {
        let hook = |on: Option<&str>| Hook {
            run: words(),
            proof: words(),
            on: on.map(HostName::new),
            within: Duration::from_mins(1),
        };
        host.rolling = Hooks {
            service: Some(ServiceHooks {
                serving: words(),
                drain: words(),
                undrain: words(),
                ports: [80].into(),
                connections: 0,
            }),
            upgrade: Some(hook(None)),
            // One by a server, one by the console.
            reinstall: Some(hook((host.name.as_str() == "stor1").then_some("stor2"))),
        };
    }
    fleet
}

/// The same hosts, with a database on all three of them where the scene is about one.
fn fleet_of(scene: Scene) -> Fleet {
    let plain = fleet();
    if scene.base() == Scene::Rolling {
        return with_hooks(plain);
    }
    if scene.is_copied() {
        return with_interim(&plain, scene);
    }
    if scene.base() == Scene::PoolReplace {
        return with_pool(&plain);
    }
    if scene.is_backup() {
        return with_vault(&plain);
    }
    if scene.is_restored() {
        return with_backup_elsewhere(with_interim(&plain, scene));
    }
    if !scene.is_mysql() && !scene.is_galera() {
        return plain;
    }
    let with = |host: &Host| Host {
        mysql: Some(MysqlAccess {
            replication_file: Some("/etc/mysql/replication.cnf".to_owned()),
            ..MysqlAccess::default()
        }),
        ..host.clone()
    };
    let shop = Topology {
        name: TopologyName::new("shop"),
        kind: if scene.is_galera() {
            TopologyKind::Galera
        } else {
            TopologyKind::Replication
        },
        members: plain.hosts.iter().map(|host| host.name.clone()).collect(),
        preferred_source: scene.is_mysql().then(|| HostName::new("stor1")),
        entrance: scene.entrance(),
        backup: None,
    };
    let hosts = plain.hosts.iter().map(with).collect();
    Fleet::new(
        plain.name.clone(),
        None,
        Poll::default(),
        hosts,
        plain.segments.clone(),
        vec![shop],
    )
}

/// The same, with a pool on the first server.
fn with_pool(plain: &Fleet) -> Fleet {
    let mut segments = plain.segments.clone();
    segments.push(Segment {
        name: "vault".into(),
        servers: vec![HostName::new("stor1")],
        slices: Vec::new(),
        pools: vec!["tank".to_owned()],
    });
    Fleet::new(
        plain.name.clone(),
        None,
        Poll::default(),
        plain.hosts.clone(),
        segments,
        Vec::new(),
    )
}

/// The same, with a third server that has empty filesystems of its own, as many as the scene has slices; with datasets of ZFS
/// on both sides.
fn with_interim(plain: &Fleet, scene: Scene) -> Fleet {
    let datasets = scene == Scene::MigrateZfs;
    let third = HostName::new("stor3");
    let mut hosts = plain.hosts.clone();
    let mut topologies = Vec::new();
    if scene == Scene::MigrateBesideDatabase {
        for host in hosts.iter_mut().filter(|host| host.name.as_str() != "stor1") {
            host.mysql = Some(MysqlAccess::default());
        }
        topologies.push(Topology {
            name: TopologyName::new("shop"),
            kind: TopologyKind::Replication,
            members: ["stor2", "client"].map(HostName::new).to_vec(),
            preferred_source: Some(HostName::new("stor2")),
            entrance: None,
            backup: None,
        });
    }
    hosts.push(Host::new("stor3", "stor3"));
    let mut segments = plain.segments.clone();
    if datasets {
        "tank/web1".clone_into(&mut segments[0].slices[0].device);
    }
    segments.push(Segment {
        name: "interim".into(),
        servers: vec![third.clone()],
        slices: (9..)
            .zip(scene.slices())
            .map(|(minor, name)| Slice {
                resource: None,
                device: if datasets {
                    format!("pool/{name}")
                } else {
                    format!("/dev/md{minor}")
                },
                mount_point: format!("/srv/{name}"),
                export: None,
                service_address: None,
                standby: None,
                unreplicated: true,
                ..slice(&format!("{name}i"), minor, "stor3", "stor3")
            })
            .collect(),
        pools: Vec::new(),
    });
    Fleet::new(plain.name.clone(), None, Poll::default(), hosts, segments, topologies)
}

/// The same, with backups of the first slice on the host of its client, from where another server fetches them.
fn with_backup_elsewhere(plain: Fleet) -> Fleet {
    let mut fleet = plain;
    let slice = &mut fleet.segments[0].slices[0];
    slice.backup = Some(backup("client"));
    slice.export.as_mut().unwrap().options.push("fsid=1001".to_owned());
    fleet
}

/// Where backups are, and how they are listed and restored.
fn backup(on: &str) -> Backup {
    let words = || vec!["site".to_owned()];
    Backup {
        on: HostName::new(on),
        hooks: Some(BackupHooks {
            list: words(),
            restore: words(),
            fetch: Some(words()),
            scratch: "/srv/scratch".to_owned(),
            expect: vec!["customers".to_owned()],
            every: Duration::from_hours(26),
            tested: Duration::from_hours(35 * 24),
        }),
    }
}

/// The same, with a third server that keeps backups of the first slice, and mounts it.
fn with_vault(plain: &Fleet) -> Fleet {
    let mut hosts = plain.hosts.clone();
    let mut vault = Host::new("stor3", "stor3");
    vault.mounts = vec![ExpectedMount {
        slice: SliceName::new("web1"),
        at: "/mnt/web1".to_owned(),
    }];
    hosts.push(vault);
    let mut segments = plain.segments.clone();
    let backup = Some(backup("stor3"));
    segments[0].slices[0].backup.clone_from(&backup);
    let shop = Topology {
        name: TopologyName::new("shop"),
        kind: TopologyKind::Replication,
        members: ["stor1", "stor2"].map(HostName::new).to_vec(),
        preferred_source: Some(HostName::new("stor1")),
        entrance: None,
        backup,
    };
    Fleet::new(plain.name.clone(), None, Poll::default(), hosts, segments, vec![shop])
}

/// A fresh fleet in the state that the scene begins with.
pub fn fresh(scene: Scene, hand: &Hand) -> Simulation {
    let (sim, left_out) = Simulation::of(&fleet_of(scene), 7, hand.clock());
    assert_eq!(left_out, Vec::<String>::new());
    scene.prepare(&sim);
    sim
}

/// Runs a command of the console; the simulated controllers know no passwords.
pub fn local(sim: &Simulation, argv: &[String]) -> (i32, String) {
    sim.local(argv.get(..3).unwrap_or(argv))
}

/// Takes a look as the driver of real hosts does: by a script.
pub fn look(sim: &Simulation, look: &Look, now: UnixMs) -> Glimpse {
    let answer = if look.local {
        let (exit, text) = local(sim, &look.argv);
        Ok(pointsman::runbook::sight::Printed { exit, text })
    } else {
        let script = Request::Look(vec![look.argv.clone()]).lines().unwrap();
        sim.world()
            .act(look.host.as_str(), &script)
            .and_then(|answer| parse(&answer))
            .and_then(|said| {
                said.into_iter().find_map(|said| match said {
                    Said::Looked(printed) => Some(printed),
                    _ => None,
                })
            })
            .ok_or_else(|| pointsman::facts::Why::Hung("no answer".into()))
    };
    Glimpse { at: now, answer }
}

/// A runbook: a built-in one, or the tests' own.
fn definition(name: &str) -> Definition {
    let own = || match name {
        "rolling-own" => catalogue::read("rolling-own.yaml".as_ref(), include_str!("rolling-own.yaml")).unwrap(),
        _ => catalogue::read("every-action.yaml".as_ref(), include_str!("every-action.yaml")).unwrap(),
    };
    catalogue::find(name).cloned().unwrap_or_else(own)
}

/// Plans a scene's runbook by what the fleet shows now.
pub fn plan(scene: Scene, sim: &Simulation, now: UnixMs) -> Plan {
    plan_with(scene, sim, now, scene.parameters())
}

fn glass(scene: Scene) -> Vec<Glass> {
    let (rule, resource) = match scene {
        _ if scene.is_half_dead() => (Rule::Force, "stor1"),
        _ if scene.base() == Scene::SplitBrain => (Rule::Discard, "web1"),
        Scene::GaleraQuorum => (Rule::AssertOff, "stor1"),
        _ => return Vec::new(),
    };
    vec![Glass {
        rule,
        resource: resource.to_owned(),
        by: "op".to_owned(),
    }]
}

pub fn plan_with(scene: Scene, sim: &Simulation, now: UnixMs, parameters: &[(&str, &str)]) -> Plan {
    draw(scene, sim, now, parameters).plan
}

/// A plan, and what it was made from.
pub struct Drawn {
    pub plan: Plan,
    pub fleet: Fleet,
    pub wish: Wish,
    pub sight: Sight,
}

/// Plans a scene's runbook, and keeps what it was made from.
pub fn drawn(scene: Scene, sim: &Simulation, now: UnixMs) -> Drawn {
    draw(scene, sim, now, scene.parameters())
}

/// Why a scene's runbook is refused by what the fleet shows now.
pub fn refusals(scene: Scene, sim: &Simulation, now: UnixMs) -> String {
    match try_draw(scene, sim, now, scene.parameters()) {
        Ok(_) => String::new(),
        Err(why) => why,
    }
}

fn draw(scene: Scene, sim: &Simulation, now: UnixMs, parameters: &[(&str, &str)]) -> Drawn {
    try_draw(scene, sim, now, parameters).unwrap_or_else(|why| panic!("{scene:?}: {why}"))
}

fn try_draw(scene: Scene, sim: &Simulation, now: UnixMs, parameters: &[(&str, &str)]) -> Result<Drawn, String> {
    let wish = Wish {
        definition: definition(scene.runbook()),
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        glass: glass(scene),
        alike: Vec::new(),
        weak: std::collections::BTreeMap::new(),
        last: None,
    };
    let mut fleet = sim.fleet().clone();
    for fencing in fleet.hosts.iter_mut().filter_map(|host| host.fencing.as_mut()) {
        for argv in [&mut fencing.off, &mut fencing.status] {
            argv.extend(["--password", CANARY].map(str::to_owned));
        }
    }
    let mut sight = Sight::new(now, Duration::from_secs(5));
    for wanted in planner::looks(&fleet, &wish).unwrap() {
        let silent = scene.is_half_dead() && wanted.host.as_str() == "stor1" && !wanted.local;
        let glimpse = if silent {
            Glimpse {
                at: now,
                answer: Err(pointsman::facts::Why::Hung("no answer".into())),
            }
        } else {
            look(sim, &wanted, now)
        };
        sight.take(wanted, glimpse);
    }
    let plan = planner::plan(&fleet, &wish, &sight).map_err(|refusals| {
        let told = refusals.iter().map(ToString::to_string);
        told.collect::<Vec<_>>().join("\n")
    })?;
    Ok(Drawn {
        plan,
        fleet,
        wish,
        sight,
    })
}
