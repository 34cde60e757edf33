//! The demo fleet: a small hosting company with two sites.

use super::{
    backup,
    drbd::{Data, Replica, Role, Side},
    inventory,
    island::Island,
    md::Array,
    mysql::Server,
    nfs::{NfsMount, NfsServer},
    node::{Disk, DrbdModule, Filesystem, Link, Node},
    noise::mix,
    story::Story,
    zfs::Pool,
};
use std::{net::Ipv4Addr, time::Duration};

/// Size of a member disk: 240 GB.
const DISK_KIB: u64 = 234_298_368;
/// Who may mount slices.
pub(super) const CLIENTS: &str = "10.20.0.0/22";

/// The slices: name, resource and minor, preferred and standby server, array on both, NFS generation.
pub(super) const SLICES: [(&str, &str, &str, usize, u8); 6] = [
    ("slice-a", "stor1", "stor2", 0, 3),
    ("slice-b", "stor2", "stor1", 1, 3),
    ("slice-c", "stor3", "stor4", 0, 3),
    ("slice-d", "stor4", "stor3", 1, 3),
    ("slice-e", "stor5", "stor6", 0, 4),
    ("slice-f", "stor6", "stor5", 1, 4),
];

/// The access nodes and the first and last slice that each mounts.
pub(super) const ACCESS: [(&str, usize, usize); 8] = [
    ("access1", 0, 3),
    ("access2", 0, 3),
    ("access3", 0, 3),
    ("access4", 0, 3),
    ("access5", 0, 3),
    ("access6", 4, 5),
    ("access7", 4, 5),
    ("access8", 4, 5),
];

/// The service address of a slice by its number.
pub(super) fn service_address(slice: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 20, 0, 101 + u8::try_from(slice).unwrap_or(0))
}

/// Builds the island of the demo fleet. With a story things happen by themselves, from that time of it on; without one all
/// is well.
pub(super) fn island(seed: u64, epoch: Duration, story: Option<Duration>) -> Island {
    let mut nodes: Vec<Node> = Vec::new();
    let mut add = |name: &str, build: &dyn Fn(&mut Node)| {
        let ip = Ipv4Addr::new(10, 20, 1, 11 + u8::try_from(nodes.len()).unwrap_or(0));
        let mut node = Node::new(name, ip, seed);
        node.disks.push(Disk::new("sda", 8, 0, [0.18, 0.12], node.seed));
        node.filesystems
            .push(Filesystem::ext4("/dev/sda2", (8, 2), "/", 41_020_640, 0.34));
        build(&mut node);
        nodes.push(node);
    };
    for (name, level, members) in [
        ("stor1", 5, 3),
        ("stor2", 5, 3),
        ("stor3", 6, 4),
        ("stor4", 6, 4),
        ("stor5", 10, 4),
        ("stor6", 10, 4),
    ] {
        add(name, &|node| storage(node, level, members));
    }
    add("zfs1", &|node| pool(node, "tank", 8, false));
    add("backup1", &|node| pool(node, "vault", 6, true));
    for (name, first, last) in ACCESS {
        add(name, &|node| access(node, first, last));
    }
    for (name, id, demand) in [("db1", 1, 420.0), ("db2", 2, 420.0), ("db3", 3, 420.0)] {
        add(name, &|node| database(node, Server::new(false, id, demand)));
    }
    for (name, id) in [("shop1", 11), ("shop2", 12)] {
        add(name, &|node| database(node, Server::new(true, id, 160.0)));
    }
    for (name, id) in [("gal1", 21), ("gal2", 22), ("gal3", 23)] {
        add(name, &|node| database(node, Server::new(true, id, 90.0).galera_of(3)));
    }
    add("mail1", &mail);
    for name in ["web1", "web2"] {
        add(name, &|node| node.demand = 1.6);
    }
    for name in ["lb1", "lb2"] {
        add(name, &|node| {
            node.cpus = 4;
            node.memory_kib = 8 << 20;
            node.demand = 0.9;
        });
    }
    add("ups1", &appliance);
    replicate(&mut nodes, "db1", &["db2", "db3"]);
    replicate(&mut nodes, "shop1", &["shop2"]);
    let replicas = slices(&nodes);
    let mut island = Island::new(nodes, replicas, epoch, None);
    for replica in 0..island.replicas.len() {
        let home = island.replicas[replica].sides[0].node;
        let served = island.serve(replica, home);
        debug_assert!(served.is_ok(), "a fresh slice can be served");
    }
    let inventory = inventory::demo();
    backup::fill(&inventory, &mut island, epoch);
    for node in &mut island.nodes {
        node.store.vault.prove(epoch);
        if story.is_some() {
            // What every company has.
            node.store.vault.never_tested("slice-e");
            node.store.vault.stopped("slice-f", 3);
        }
    }
    if let Some(begins) = story {
        let mut story = Story::demo(begins);
        // What has begun before anybody looks must be there at the first look.
        story.tell(&mut island);
        island.story = Some(story);
    }
    island.settle();
    island
}

fn storage(node: &mut Node, level: u8, members: usize) {
    node.cpus = 16;
    node.memory_kib = 64 << 20;
    node.demand = 0.9;
    for index in 1..=2 * members {
        let letter = char::from(b'a' + u8::try_from(index).unwrap_or(0));
        let minor = 16 * u32::try_from(index).unwrap_or(0);
        node.disks
            .push(Disk::new(&format!("sd{letter}"), 8, minor, [0.42, 0.95], node.seed));
    }
    node.arrays = vec![
        Array::new("md0", 0, level, 1..1 + members, DISK_KIB),
        Array::new("md1", 1, level, 1 + members..1 + 2 * members, DISK_KIB),
    ];
    let (letter, minor) = (
        char::from(b'b' + u8::try_from(2 * members).unwrap_or(0)),
        32 * members + 16,
    );
    node.disks.push(Disk::spare(
        &format!("sd{letter}"),
        8,
        u32::try_from(minor).unwrap_or(0),
        [0.42, 0.95],
        node.seed,
    ));
    node.links.push(Link::new("eth1", 10_000, 9000));
    node.nfs_server = Some(NfsServer::new(64));
    node.drbd = Some(if level == 10 { DrbdModule::V9 } else { DrbdModule::V8 });
}

fn pool(node: &mut Node, name: &str, devices: usize, json: bool) {
    node.cpus = 16;
    node.memory_kib = 128 << 20;
    for index in 1..=devices {
        let letter = char::from(b'a' + u8::try_from(index).unwrap_or(0));
        let minor = 16 * u32::try_from(index).unwrap_or(0);
        node.disks
            .push(Disk::new(&format!("sd{letter}"), 8, minor, [6.1, 4.8], node.seed));
    }
    let names = node.disks[1..].iter().map(|disk| disk.name.clone()).collect();
    node.pool = Some(Pool::new(name, names, 3_906_250_000, json));
}

fn access(node: &mut Node, first: usize, last: usize) {
    node.cpus = 16;
    node.memory_kib = 64 << 20;
    node.demand = 2.2;
    node.mounts = (first..=last)
        .map(|slice| {
            let (name, _, _, _, version) = SLICES[slice];
            NfsMount::new(
                slice,
                service_address(slice),
                &format!("/srv/{name}"),
                &format!("/mnt/{name}"),
                version,
                node.seed ^ mix(slice as u64),
            )
        })
        .collect();
}

fn database(node: &mut Node, server: Server) {
    node.cpus = 16;
    node.memory_kib = 128 << 20;
    node.demand = 2.8;
    node.disks.push(Disk::new("nvme0n1", 259, 0, [0.09, 0.04], node.seed));
    node.filesystems.push(Filesystem::ext4(
        "/dev/nvme0n1",
        (259, 0),
        "/var/lib/mysql",
        1_562_500_000,
        0.47,
    ));
    node.mysql = Some(server);
}

fn mail(node: &mut Node) {
    node.demand = 1.3;
    node.disks.push(Disk::new("sdb", 8, 16, [0.3, 0.25], node.seed));
    node.filesystems
        .push(Filesystem::ext4("/dev/sdb1", (8, 17), "/var", 204_800_000, 0.71));
    node.commands.push((
        "/usr/local/bin/queue-length",
        "{\"active\": 3, \"deferred\": {queue}, \"held\": 0}\n",
    ));
    node.probes.push(("queue", "/usr/local/bin/queue-length"));
}

fn appliance(node: &mut Node) {
    node.shell = false;
    node.cpus = 1;
    node.commands = vec![
        (
            "show battery",
            "Battery status:   normal\nBattery charge:   100 %\nRuntime left:     47 min\n",
        ),
        (
            "show load",
            "Output load:      {load} %\nInput voltage:    229.8 V\nTemperature:      {celsius} C\n",
        ),
    ];
}

fn replicate(nodes: &mut [Node], source: &str, replicas: &[&str]) {
    let Some(source) = nodes.iter().position(|node| &*node.name == source) else {
        return;
    };
    let log = nodes[source].mysql.as_ref().map(|server| server.log.clone());
    for node in nodes.iter_mut().filter(|node| replicas.contains(&&*node.name)) {
        let server = node.mysql.take().zip(log.clone());
        node.mysql = server.map(|(server, log)| server.holding(log).replica_of(source));
    }
}

fn slices(nodes: &[Node]) -> Vec<Replica> {
    let at = |name: &str| nodes.iter().position(|node| &*node.name == name).unwrap_or(0);
    SLICES
        .iter()
        .enumerate()
        .map(|(index, (name, preferred, standby, array, _))| {
            let side = |host: &str| {
                let node = at(host);
                Side {
                    node,
                    array: *array,
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
                }
            };
            let sides = [side(preferred), side(standby)];
            let size_kib = nodes[sides[0].node].arrays[*array].size_kib() - 131_072;
            let minor = u32::try_from(index).unwrap_or(0);
            Replica {
                slice: (*name).to_owned(),
                resource: format!("r{index}"),
                minor,
                dataset: None,
                size_kib,
                sides,
                linked: true,
                cut: false,
                resync: None,
                mount_point: format!("/srv/{name}"),
                address: service_address(index),
                prefix: 22,
                fsid: 1001 + minor,
                clients: vec![CLIENTS.to_owned()],
                used_kib: size_kib as f64 * (0.42 + 0.05 * index as f64),
                growth_kib_s: 60.0 + 20.0 * index as f64,
                rate: [0.0; 2],
                await_ms: [0.6, 1.4],
                pending: 0,
                unacked: 0,
                done: [4.0e6, 3.0e6],
                spent_ms: [3.0e6, 4.5e6],
            }
        })
        .collect()
}
