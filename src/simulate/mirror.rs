//! A simulated copy of any inventory: its storage pairs with their slices, the clients that mount them, and databases
//! with their replicas.
//!
//! The copy starts in the normal state: every slice served where it is preferred, both sides equal. Nothing of it
//! reaches the real hosts: addresses are simulated ones, and so are the commands that take a host's power away.

use super::{
    REHEARSAL, backup,
    copy::Plain,
    drbd::{Data, Replica, Role, Side},
    exec::Answer,
    island::Island,
    md::Array,
    mysql::{Log, Server},
    nfs::{NfsMount, NfsServer},
    node::{Disk, DrbdModule, Filesystem, Link, Node, Power},
    noise::mix,
    stream::Dataset,
    zfs::Pool,
};
use crate::{
    fleet::{
        Backup, BackupHooks, Fencing, Fleet, Hook, Hooks, Host, HostName, MysqlAccess, ReachBy, Segment,
        ServiceAddress, ServiceHooks, Shell, Slice, SourceEntrance, SourceHook, Topology, TopologyKind,
    },
    runbook::observe::stream,
};
use std::{collections::BTreeSet, net::IpAddr, net::Ipv4Addr, time::Duration};

/// Size of a member disk of the copy: 240 GB.
const DISK_KIB: u64 = 234_298_368;
/// The program that stands for a management controller in the copy.
const CONTROLLER: &str = "simulated-power";
/// The program that stands for the site's own commands on the copy's hosts.
pub(super) const SITE: &str = "site";
/// Connections to a host of the copy whose ports are counted down.
const CONNECTIONS: u32 = 24;
/// The network of hosts that have no service address beside them: benchmarking addresses (RFC 2544).
const ELSEWHERE: (Ipv4Addr, u8) = (Ipv4Addr::new(198, 18, 0, 0), 15);

/// The fleet as the copy has it: hosts under simulated addresses, fencing by [`local`] alone.
pub(super) fn fleet(fleet: &Fleet) -> Fleet {
    let hosts = fleet.hosts.iter().map(host).collect();
    let segments = fleet.segments.iter().map(|real| Segment {
        pools: real.pools.iter().take(1).cloned().collect(),
        slices: real.slices.iter().map(slice).collect(),
        ..real.clone()
    });
    let mut copy = Fleet::new(
        fleet.name.clone(),
        Some(REHEARSAL.to_owned()),
        fleet.poll,
        hosts,
        segments.collect(),
        fleet.topologies.iter().map(topology).collect(),
    );
    copy.migrate.clone_from(&fleet.migrate);
    // Nobody works on the copies: what is practised there need not wait for the night.
    copy.migrate.windows.clear();
    copy
}

/// What of the hosts and segments the copy does not play, a sentence each.
pub(super) fn not_played(fleet: &Fleet) -> Vec<String> {
    let hosts = |is: &dyn Fn(&Host) -> bool| {
        let found: Vec<&str> = fleet
            .hosts
            .iter()
            .filter(|host| is(host))
            .map(|host| host.name.as_str())
            .collect();
        listed(&found)
    };
    let mut out = Vec::new();
    let mut add = |names: String, what: &str| {
        if !names.is_empty() {
            out.push(format!("{names}: {what}"));
        }
    };
    let silent = |host: &Host| host.mysql.is_some() && fleet.topology_of(host.name.as_str()).is_none();
    add(hosts(&silent), "no database runs there");
    add(
        hosts(&|host| host.shell == Shell::None),
        "an appliance; it answers nothing there",
    );
    let probed = |host: &Host| host.shell != Shell::None && !host.probes.is_empty();
    add(hosts(&probed), "the inventory's own probes are not asked");
    for segment in fleet.segments.iter().filter(|segment| segment.pools.len() > 1) {
        let more: Vec<&str> = segment.pools.iter().skip(1).map(String::as_str).collect();
        add(listed(&more), "a ZFS pool; each server of the copy has one");
    }
    out
}

/// Names with commas, not all of very many.
fn listed(names: &[&str]) -> String {
    let shown = names.len().min(12);
    let more = names.len() - shown;
    let list = names[..shown].join(", ");
    if more > 0 {
        format!("{list} and {more} more")
    } else {
        list
    }
}

fn host(real: &Host) -> Host {
    let name = real.name.as_str();
    let words = |verb: &str| [CONTROLLER, verb, name].map(str::to_owned).to_vec();
    Host {
        address: format!("{name}.sim"),
        port: None,
        user: None,
        jump: None,
        reach: ReachBy::Ssh,
        // Everybody is root there.
        sudo: false,
        fencing: real.fencing.as_ref().map(|_| Fencing {
            off: words("off"),
            status: words("status"),
            says_off: "off".to_owned(),
        }),
        rolling: hooks(name, &real.rolling),
        mysql: real.mysql.as_ref().map(|access| MysqlAccess {
            replication_file: access.replication_file.clone(),
            ..MysqlAccess::default()
        }),
        probes: Vec::new(),
        ..real.clone()
    }
}

/// A slice, with the site's own commands for its backups as the copy's hosts know them.
fn slice(real: &Slice) -> Slice {
    Slice {
        backup: real.backup.as_ref().map(|backup| vault(real.name.as_str(), backup)),
        ..real.clone()
    }
}

/// A topology whose clients are led by the copy's own command, where they are by one of the site's.
fn topology(real: &Topology) -> Topology {
    let words = |program: &str, verb: &str, servers: &str| [program, verb, servers].map(str::to_owned).to_vec();
    let lead = |hook: &SourceHook| {
        let program = if hook.on.is_some() { SITE } else { CONTROLLER };
        SourceHook {
            run: words(program, "lead", "{from}:{to}"),
            proof: words(program, "leads", "{to}"),
            ..hook.clone()
        }
    };
    Topology {
        entrance: real.entrance.as_ref().map(|entrance| match entrance {
            SourceEntrance::Hook(hook) => SourceEntrance::Hook(lead(hook)),
            SourceEntrance::Address(address) => SourceEntrance::Address(*address),
        }),
        backup: real.backup.as_ref().map(|backup| vault(real.name.as_str(), backup)),
        ..real.clone()
    }
}

fn vault(of: &str, real: &Backup) -> Backup {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let hooks = |hooks: &BackupHooks| BackupHooks {
        list: words(&[SITE, "backups", of]),
        restore: words(&[SITE, "restore", of, "{backup}", "{into}"]),
        fetch: hooks
            .fetch
            .as_ref()
            .map(|_| words(&[SITE, "fetch", of, "{backup}", "{into}"])),
        ..hooks.clone()
    };
    Backup {
        hooks: real.hooks.as_ref().map(hooks),
        ..real.clone()
    }
}

/// The site's own commands, as the copy's hosts know them.
fn hooks(name: &str, real: &Hooks) -> Hooks {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let install = |hook: &Hook, verb: &str| match &hook.on {
        Some(_) => words(&[SITE, verb, name]),
        None => words(&[CONTROLLER, verb, name]),
    };
    Hooks {
        service: real.service.as_ref().map(|service| ServiceHooks {
            serving: words(&[SITE, "serving"]),
            drain: words(&[SITE, "drain"]),
            undrain: words(&[SITE, "undrain"]),
            ..service.clone()
        }),
        upgrade: real.upgrade.as_ref().map(|hook| Hook {
            run: words(&[SITE, "upgrade"]),
            proof: words(&[SITE, "upgraded"]),
            on: None,
            within: hook.within,
        }),
        reinstall: real.reinstall.as_ref().map(|hook| Hook {
            run: install(hook, "install"),
            proof: install(hook, "installed"),
            ..hook.clone()
        }),
    }
}

/// Builds the copy's hosts. Slices that are no DRBD pair, or whose service address is not IPv4, are left out: their
/// names come back with the reason.
pub(super) fn island(fleet: &Fleet, seed: u64, epoch: Duration) -> (Island, Vec<String>) {
    let mut taken: BTreeSet<Ipv4Addr> = fleet
        .slices()
        .filter_map(|(_, slice)| service_address(slice))
        .chain(fleet.topologies.iter().filter_map(entrance))
        .map(|(ip, _)| ip)
        .collect();
    let mut nodes: Vec<Node> = fleet
        .hosts
        .iter()
        .map(|host| node(fleet, host, seed, &mut taken))
        .collect();
    let (mut replicas, mut left_out) = (Vec::new(), Vec::new());
    let mut plains = Vec::new();
    for (_, slice) in fleet.slices() {
        if is_plain(slice)
            && let Some(at) = fleet.host_index(slice.preferred.as_str())
        {
            plains.push(plain(slice, at, &mut nodes[at]));
            continue;
        }
        match replica(fleet, slice, &mut nodes, replicas.len()) {
            Ok(replica) => replicas.push(replica),
            Err(why) => left_out.push(format!("{}: {why}", slice.name)),
        }
    }
    for (at, host) in fleet.hosts.iter().enumerate() {
        nodes[at].mounts = host
            .mounts
            .iter()
            .filter_map(|mount| {
                let index = replicas
                    .iter()
                    .position(|replica: &Replica| replica.slice == mount.slice.as_str())?;
                let replica = &replicas[index];
                let seed = nodes[at].seed ^ mix(index as u64);
                Some(NfsMount::new(
                    index,
                    replica.address,
                    &replica.mount_point,
                    &mount.at,
                    3,
                    seed,
                ))
            })
            .collect();
        let hooks = host.rolling.service.as_ref();
        if hooks.is_some_and(|hooks| !hooks.ports.is_empty()) {
            nodes[at].connections = CONNECTIONS;
        }
    }
    for node in nodes.iter_mut().filter(|node| !node.arrays.is_empty()) {
        let number = node.disks.len();
        let minor = 16 * u32::try_from(number).unwrap_or(0);
        let spare = Disk::spare(&format!("sd{}", letters(number)), 8, minor, [0.42, 0.95], node.seed);
        node.disks.push(spare);
    }
    for segment in &fleet.segments {
        let Some(name) = segment.pools.first() else { continue };
        for at in segment
            .servers
            .iter()
            .filter_map(|server| fleet.host_index(server.as_str()))
        {
            pool(name, &mut nodes[at]);
        }
    }
    for (number, topology) in fleet.topologies.iter().enumerate() {
        match topology.kind {
            TopologyKind::Replication => databases(fleet, topology, &mut nodes),
            TopologyKind::Galera => cluster(fleet, topology, number, &mut nodes),
        }
    }
    let count = replicas.len();
    let mut island = Island::new(nodes, replicas, epoch, None);
    let sides = island.replicas.iter();
    let old = sides.filter_map(|replica| Some(Dataset::new(replica.sides[0].node, replica.dataset.as_ref()?)));
    let new = plains.iter().filter(|plain: &&Plain| stream::is_dataset(&plain.device));
    let datasets = old.chain(new.map(|plain| Dataset::new(plain.node, &plain.device)));
    island.copies.datasets = datasets.collect();
    island.copies.plains = plains;
    backup::fill(fleet, &mut island, epoch);
    for replica in 0..count {
        let home = island.replicas[replica].sides[0].node;
        let served = island.serve(replica, home);
        debug_assert!(served.is_ok(), "a fresh slice can be served");
    }
    (island, left_out)
}

/// The members of a Galera cluster, all in its primary component.
fn cluster(fleet: &Fleet, topology: &Topology, group: usize, nodes: &mut [Node]) {
    let members: Vec<usize> = topology
        .members
        .iter()
        .filter_map(|name| fleet.host_index(name.as_str()))
        .collect();
    let size = u32::try_from(members.len()).unwrap_or(u32::MAX);
    for (number, at) in members.into_iter().enumerate() {
        let id = u32::try_from(number + 1).unwrap_or(u32::MAX);
        let mut server = Server::new(true, id, 90.0).galera_of(size);
        if let Some(own) = &mut server.galera {
            own.group = group;
        }
        nodes[at].mysql = Some(server);
    }
}

/// Whether it is a filesystem that another slice can move to.
fn is_plain(slice: &Slice) -> bool {
    slice.unreplicated && slice.resource.is_none() && slice.service_address.is_none()
}

/// A filesystem that is mounted and empty.
fn plain(slice: &Slice, at: usize, node: &mut Node) -> Plain {
    let minor = u32::try_from(node.filesystems.len()).unwrap_or(0);
    let (device, place) = (&slice.device, &slice.mount_point);
    let mut filesystem = Filesystem::ext4(device, (253, minor), place, DISK_KIB, 0.0);
    filesystem.used_kib = 24.0;
    if stream::is_dataset(device) {
        filesystem.fs_type = "zfs";
    }
    node.filesystems.push(filesystem);
    Plain {
        slice: slice.name.to_string(),
        node: at,
        device: device.clone(),
        mount_point: place.clone(),
        mark: None,
        has: None,
        restored: None,
        own: 0.0,
    }
}

/// The servers of a topology, all MariaDB: the preferred source, or else the first member, is the source.
fn databases(fleet: &Fleet, topology: &Topology, nodes: &mut [Node]) {
    let source = topology.preferred_source.as_ref().or(topology.members.first());
    let Some(source) = source.and_then(|name| fleet.host_index(name.as_str())) else {
        return;
    };
    nodes[source]
        .service_addresses
        .extend(entrance(topology).map(|(ip, _)| ip));
    nodes[source].led = matches!(topology.entrance, Some(SourceEntrance::Hook(_)));
    let members = topology.members.iter();
    let log = Log::of(1, 48_211_900);
    for (number, at) in members.filter_map(|name| fleet.host_index(name.as_str())).enumerate() {
        let server = Server::new(true, u32::try_from(number + 1).unwrap_or(u32::MAX), 120.0);
        let server = server.holding(log.clone());
        nodes[at].mysql = Some(if at == source {
            server
        } else {
            server.replica_of(source)
        });
    }
}

fn service_address(slice: &Slice) -> Option<(Ipv4Addr, u8)> {
    let address = slice.service_address?;
    match address.ip {
        IpAddr::V4(ip) => Some((ip, address.prefix)),
        IpAddr::V6(_) => None,
    }
}

/// The address by which clients find the source of a topology.
fn entrance(topology: &Topology) -> Option<(Ipv4Addr, u8)> {
    match topology.entrance {
        Some(SourceEntrance::Address(ServiceAddress {
            ip: IpAddr::V4(ip),
            prefix,
        })) => Some((ip, prefix)),
        _ => None,
    }
}

/// The next free address of a network.
fn free(network: (Ipv4Addr, u8), taken: &mut BTreeSet<Ipv4Addr>) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(network.1.min(32))).unwrap_or(0);
    let base = network.0.to_bits() & mask;
    let found = (1..!mask)
        .rev()
        .map(|host| Ipv4Addr::from_bits(base | host))
        .find(|ip| !taken.contains(ip))
        .unwrap_or(network.0);
    taken.insert(found);
    found
}

fn node(fleet: &Fleet, host: &Host, seed: u64, taken: &mut BTreeSet<Ipv4Addr>) -> Node {
    let serves = |slice: &Slice| slice.preferred == host.name || slice.standby.as_ref() == Some(&host.name);
    let plain = fleet.slices().any(|(_, slice)| serves(slice) && is_plain(slice));
    let mut networks: Vec<(Ipv4Addr, u8)> = fleet
        .slices()
        // What slices move to is where their clients are.
        .filter(|(_, slice)| serves(slice) || plain)
        .filter_map(|(_, slice)| service_address(slice))
        .chain(fleet.topology_of(host.name.as_str()).and_then(entrance))
        .collect();
    let mask = |(ip, prefix): &(Ipv4Addr, u8)| (ip.to_bits() >> (32 - u32::from((*prefix).clamp(1, 32))), *prefix);
    networks.sort_by_key(mask);
    networks.dedup_by_key(|network| mask(network));
    let mut networks = networks.into_iter();
    let first = networks.next().unwrap_or(ELSEWHERE);
    let mut node = Node::new(host.name.as_str(), free(first, taken), seed);
    node.prefix = first.1;
    node.addresses = networks.map(|network| (free(network, taken), network.1)).collect();
    node.shell = host.shell != Shell::None;
    node.disks.push(Disk::new("sda", 8, 0, [0.18, 0.12], node.seed));
    node.filesystems
        .push(Filesystem::ext4("/dev/sda2", (8, 2), "/", 41_020_640, 0.34));
    if fleet.slices().any(|(_, slice)| serves(slice)) {
        node.cpus = 16;
        node.memory_kib = 64 << 20;
        node.links.push(Link::new("eth1", 10_000, 9000));
        node.nfs_server = Some(NfsServer::new(64));
        node.drbd = Some(DrbdModule::V8);
    }
    node
}

fn replica(fleet: &Fleet, slice: &Slice, nodes: &mut [Node], index: usize) -> Result<Replica, String> {
    let dataset = stream::is_dataset(&slice.device).then(|| slice.device.clone());
    let minor = match &dataset {
        // A pool of its own on a device that nobody names.
        Some(_) => u32::try_from(index).unwrap_or(u32::MAX),
        None => slice
            .device
            .strip_prefix("/dev/drbd")
            .and_then(|minor| minor.parse().ok())
            .ok_or_else(|| format!("{} is no DRBD device with a number", slice.device))?,
    };
    let (address, prefix) = match slice.service_address {
        Some(_) => service_address(slice).ok_or("its service address is not IPv4")?,
        None => (
            Ipv4Addr::new(198, 51, 100, u8::try_from(index % 250).unwrap_or(0) + 1),
            24,
        ),
    };
    if let Some(export) = &slice.export
        && export.path != slice.mount_point
    {
        return Err(format!("it exports {} and not its mount point", export.path));
    }
    let standby = slice.standby.as_ref().ok_or(if slice.resource.is_none() {
        "it has one server only, because the inventory names no DRBD `resource`"
    } else {
        "it has one server only"
    })?;
    let mut side = |host: &HostName| {
        let node = fleet
            .host_index(host.as_str())
            .ok_or_else(|| format!("{host} is no host of the inventory"))?;
        Ok::<_, String>(Side {
            node,
            array: array(&mut nodes[node]),
            role: Role::Secondary,
            data: Data::UpToDate,
            standalone: false,
            discards: false,
            stood_still: false,
            generation: 7,
            past: vec![5, 6],
            dirty_kib: 0.0,
            sent_kib: 3.1e8,
            received_kib: 0.0,
            written_kib: 3.1e8,
            read_kib: 9.4e8,
        })
    };
    let sides = [side(&slice.preferred)?, side(standby)?];
    let size_kib = nodes[sides[0].node].arrays[sides[0].array].size_kib() - 131_072;
    let fsid = slice
        .export
        .iter()
        .flat_map(|export| &export.options)
        .find_map(|option| option.strip_prefix("fsid=")?.parse().ok())
        .unwrap_or(1001 + minor);
    Ok(Replica {
        slice: slice.name.to_string(),
        resource: slice.resource.clone().unwrap_or_else(|| slice.name.to_string()),
        minor,
        dataset,
        size_kib,
        sides,
        linked: true,
        cut: false,
        resync: None,
        mount_point: slice.mount_point.clone(),
        address,
        prefix,
        fsid,
        clients: match &slice.export {
            Some(export) if !export.clients.is_empty() => export.clients.clone(),
            _ => vec!["*".to_owned()],
        },
        used_kib: size_kib as f64 * 0.5,
        growth_kib_s: 60.0,
        rate: [0.0; 2],
        await_ms: [0.6, 1.4],
        pending: 0,
        unacked: 0,
        done: [4.0e6, 3.0e6],
        spent_ms: [3.0e6, 4.5e6],
    })
}

/// One more array on a host: a pair of disks of its own.
fn array(node: &mut Node) -> usize {
    let index = node.arrays.len();
    let first = node.disks.len();
    for offset in 0..2 {
        let number = u32::try_from(first + offset).unwrap_or(u32::MAX);
        let name = format!("sd{}", letters(first + offset));
        node.disks
            .push(Disk::new(&name, 8, 16 * number, [0.42, 0.95], node.seed));
    }
    let minor = u32::try_from(index).unwrap_or(u32::MAX);
    node.arrays
        .push(Array::new(&format!("md{index}"), minor, 1, first..first + 2, DISK_KIB));
    index
}

/// A pool on a host that has none: a mirror of two disks of its own, and a disk that nobody uses where there is none yet.
fn pool(name: &str, node: &mut Node) {
    if node.pool.is_some() {
        return;
    }
    let mut add = |spare: bool| {
        let number = node.disks.len();
        let (name, minor) = (
            format!("sd{}", letters(number)),
            16 * u32::try_from(number).unwrap_or(0),
        );
        let new = if spare { Disk::spare } else { Disk::new };
        node.disks.push(new(&name, 8, minor, [0.42, 0.95], node.seed));
        name
    };
    let devices = vec![add(false), add(false)];
    if node.arrays.is_empty() {
        add(true);
    }
    node.pool = Some(Pool::mirror(name, devices, DISK_KIB));
}

/// `a`, `b`, …, `z`, `aa`, …, as the kernel names disks.
fn letters(mut number: usize) -> String {
    let mut out = String::new();
    loop {
        out.insert(0, char::from(b'a' + u8::try_from(number % 26).unwrap_or(0)));
        if number < 26 {
            return out;
        }
        number = number / 26 - 1;
    }
}

/// What a command of the console prints in the copy: calls of management controllers, and nothing else.
pub(super) fn local(island: &mut Island, argv: &[String]) -> Answer {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    let [CONTROLLER, verb, name] = words.as_slice() else {
        return Answer::failed(127, "only simulated commands are run in a rehearsal\n".to_owned());
    };
    if let ("lead", Some((from, to))) = (*verb, name.split_once(':')) {
        return match island.lead(from, to) {
            Some(()) => Answer::ok(String::new()),
            None => Answer::failed(1, format!("{name}: no such hosts\n")),
        };
    }
    let Some(at) = island.node(name) else {
        return Answer::failed(1, format!("{name}: no such host\n"));
    };
    match *verb {
        "off" => {
            island.power_off(at);
            Answer::ok(String::new())
        }
        "install" => {
            island.install(at);
            Answer::ok(String::new())
        }
        "leads" => Answer {
            exit: i32::from(!island.nodes[at].led),
            ..Answer::ok(String::new())
        },
        "installed" => Answer {
            exit: i32::from(island.nodes[at].installs == 0),
            ..Answer::ok(String::new())
        },
        "status" if island.nodes[at].power == Power::Off => Answer::ok("off\n".to_owned()),
        "status" => Answer::ok("on\n".to_owned()),
        _ => Answer::failed(1, format!("{verb}: no such command\n")),
    }
}
