//! Mounts, exports, NFS counters of both ends, and how full filesystems are.

use super::put;
use crate::simulate::{
    drbd::MAJOR,
    island::Island,
    nfs::{self, MountState, NfsMount},
    node::{Filesystem, Node, whole},
};

/// `/proc/self/mountinfo`.
pub fn mountinfo(island: &Island, at: usize, out: &mut String) {
    let node = &island.nodes[at];
    for (index, filesystem) in node.filesystems.iter().enumerate() {
        let (major, minor) = filesystem.device;
        let parent = if index == 0 { 1 } else { 29 };
        let way = if filesystem.read_only { "ro" } else { "rw" };
        put!(
            out,
            "{} {parent} {major}:{minor} / {} {way},{} shared:{} - {} {} {way}\n",
            29 + index,
            filesystem.at,
            filesystem.options,
            index + 1,
            filesystem.fs_type,
            filesystem.source
        );
    }
    out.push_str("80 29 0:27 / /run rw,nosuid,nodev shared:12 - tmpfs tmpfs rw,size=6580528k,mode=755,inode64\n");
    for mount in &node.mounts {
        if let Some((id, device)) = &mount.cover {
            put!(
                out,
                "{id} 29 {device} / {} ro,nosuid,nodev shared:90 - tmpfs pointsman-fenced ro,size=64k\n",
                mount.at
            );
        }
    }
    let mounted = || node.mounts.iter().enumerate().filter(|(_, mount)| mount.mounted);
    for (index, mount) in mounted() {
        let (fs_type, options) = mounted_with(node, mount);
        let above = mounted().find(|(_, other)| is_below(&mount.at, &other.at));
        put!(
            out,
            "{} {} {} / {} rw,noatime shared:{} - {fs_type} {}:{} {options}\n",
            mount.id(index),
            above.map_or(29, |(above, other)| other.id(above)),
            mount.device(index),
            mount.at,
            40 + index,
            mount.server,
            mount.path,
        );
    }
}

/// Whether a place is below another one.
pub fn is_below(place: &str, other: &str) -> bool {
    place.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'))
}

/// The type of a mount, and the options of its filesystem.
pub fn mounted_with(node: &Node, mount: &NfsMount) -> (&'static str, String) {
    let (fs_type, version, own) = if mount.version == 4 {
        ("nfs4", "4.2", format!("clientaddr={},", node.ip))
    } else {
        let own = format!("mountaddr={},mountvers=3,mountport=20048,mountproto=udp,", mount.server);
        ("nfs", "3", own)
    };
    let server = mount.server;
    let options = format!(
        "rw,vers={version},rsize=1048576,wsize=1048576,namlen=255,hard,proto=tcp,timeo=600,retrans=2,sec=sys,{own}local_lock=none,addr={server}"
    );
    (fs_type, options)
}

/// The operations of a mount: name, share of which counter, and what share of it.
const V3: [(&str, usize, f64); 8] = [
    ("GETATTR", nfs::GETATTR, 0.6),
    ("LOOKUP", nfs::GETATTR, 0.2),
    ("ACCESS", nfs::GETATTR, 0.2),
    ("READ", nfs::READ, 1.0),
    ("WRITE", nfs::WRITE, 1.0),
    ("CREATE", nfs::COMMIT, 0.3),
    ("FSSTAT", nfs::GETATTR, 0.01),
    ("COMMIT", nfs::COMMIT, 1.0),
];
const V4: [(&str, usize, f64); 8] = [
    ("READ", nfs::READ, 1.0),
    ("WRITE", nfs::WRITE, 1.0),
    ("COMMIT", nfs::COMMIT, 1.0),
    ("OPEN", nfs::COMMIT, 0.6),
    ("CLOSE", nfs::COMMIT, 0.6),
    ("ACCESS", nfs::GETATTR, 0.2),
    ("GETATTR", nfs::GETATTR, 0.6),
    ("LOOKUP", nfs::GETATTR, 0.2),
];

pub(super) fn mountstats(island: &Island, at: usize, out: &mut String) {
    for mount in island.nodes[at].mounts.iter().filter(|mount| mount.mounted) {
        one_mount(island, mount, out);
    }
}

fn one_mount(island: &Island, mount: &NfsMount, out: &mut String) {
    let (fs_type, version, program) = if mount.version == 4 {
        ("nfs4", "4.2", "100003/4 (nfs)")
    } else {
        ("nfs", "3", "100003/3 (nfs)")
    };
    let age = whole((island.now_ms as f64 - mount.mounted_ms as f64) / 1000.0);
    let [read, write, ..] = mount.done.map(whole);
    let (read_bytes, write_bytes) = (read * 20_480, write * 14_336);
    let sends: u64 = mount.done.map(whole).iter().sum();
    let timeouts = whole(mount.timeouts);
    put!(
        out,
        "device {}:{} mounted on {} with fstype {fs_type} statvers=1.1\n\topts:\trw,vers={version},rsize=1048576,wsize=1048576,namlen=255,acregmin=3,acregmax=60,acdirmin=30,acdirmax=60,hard,proto=tcp,timeo=600,retrans=2,sec=sys,local_lock=none\n\tage:\t{age}\n",
        mount.server,
        mount.path,
        mount.at
    );
    put!(
        out,
        "\tbytes:\t{read_bytes} {write_bytes} 0 0 {read_bytes} {write_bytes} {} {}\n\tRPC iostats version: 1.1  p/v: {program}\n",
        read_bytes / 4096,
        write_bytes / 4096
    );
    put!(
        out,
        "\txprt:\ttcp 912 1 2 0 {} {sends} {sends} 0 {} 0 13 92 132\n\tper-op statistics\n",
        age % 60,
        sends / 20
    );
    let ops = if mount.version == 4 { &V4 } else { &V3 };
    for (name, counter, share) in ops {
        let done = whole(mount.done[*counter] * share);
        let rtt = whole(mount.spent_ms[*counter] * share);
        if done == 0 {
            continue;
        }
        let queue = whole(mount.queue_ms[*counter] * share);
        let again = whole(mount.again[*counter] * share);
        put!(
            out,
            "\t{name:>12}: {done} {} {} {} {} {queue} {rtt} {} 0\n",
            done + timeouts + again,
            if *name == "READ" { timeouts } else { 0 },
            done * if *name == "WRITE" { 14_500 } else { 160 },
            done * if *name == "READ" { 20_600 } else { 120 },
            rtt + queue
        );
    }
}

/// `exportfs -v`.
pub fn exports(node: &Node, out: &mut String) {
    let Some(server) = &node.nfs_server else { return };
    for export in &server.exports {
        put!(
            out,
            "{:<14}\t{}(sync,wdelay,hide,no_subtree_check,fsid={},sec=sys,rw,secure,no_root_squash,no_all_squash)\n",
            export.path,
            export.client,
            export.fsid
        );
    }
}

/// `/proc/net/rpc/nfsd.export/content`: what the kernel remembers of exports.
pub fn export_cache(node: &Node, out: &mut String) {
    out.push_str("#path domain(flags)\n");
    for export in node.nfs_server.iter().flat_map(|server| &server.cached) {
        put!(
            out,
            "{}\t{}(rw,no_root_squash,sync,wdelay,no_subtree_check,fsid={})\n",
            export.path,
            export.client,
            export.fsid
        );
    }
}

/// `/proc/locks`: those that nfsd holds for clients.
pub fn locks(island: &Island, at: usize, out: &mut String) {
    let Some(server) = &island.nodes[at].nfs_server else {
        return;
    };
    let mut number = 0;
    for (path, count) in &server.locks {
        let minor = island
            .replicas
            .iter()
            .find(|replica| replica.mount_point == *path)
            .map_or(0, |replica| replica.minor);
        for lock in 0..*count {
            number += 1;
            put!(
                out,
                "{number}: POSIX  ADVISORY  WRITE 1187 {MAJOR:02x}:{minor:02x}:{} 0 EOF\n",
                131 + lock
            );
        }
    }
}

pub(super) fn nfsd(island: &Island, at: usize, out: &mut String) {
    let Some(server) = &island.nodes[at].nfs_server else {
        return;
    };
    let [reads, writes, others] = server.calls.map(whole);
    let all = reads + writes + others;
    put!(
        out,
        "rc 0 {} {}\nfh 0 0 0 0 0\nio {} {}\nth {} 0 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000\nra 0 0 0 0 0 0 0 0 0 0 0 0\nnet {all} 0 {all} 24\nrpc {all} 0 0 0 0\n",
        writes,
        all - writes,
        reads * 20_480,
        writes * 14_336,
        server.threads
    );
    // Slices of DRBD 9 pairs are mounted with NFSv4: their calls are compounds.
    let v4 = island.nodes[at].drbd == Some(crate::simulate::node::DrbdModule::V9);
    if v4 {
        put!(
            out,
            "proc3 22 4 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\nproc4 2 8 {all}\n"
        );
    } else {
        put!(
            out,
            "proc3 22 4 {} 0 {} {} 0 {reads} {writes} {} 0 0 0 0 0 0 0 0 0 {} 24 6 {}\nproc4 2 0 0\n",
            others / 2,
            others / 6,
            others / 6,
            others / 80,
            others / 60,
            others / 20
        );
    }
    put!(out, "threads {}\n", server.threads);
}

pub(super) fn clients(island: &Island, at: usize, out: &mut String) {
    for node in island.nodes.iter().filter(|node| node.is_up()) {
        for mount in &node.mounts {
            if !mount.mounted || !island.nodes[at].service_addresses.contains(&mount.server) {
                continue;
            }
            if mount.version == 4 {
                put!(out, "v4 {}\n", node.ip);
            } else {
                put!(out, "v3 {}:{}\n", node.ip, mount.path);
            }
        }
    }
}

/// Used of a filesystem; that of a slice is what its replica says.
fn used(island: &Island, filesystem: &Filesystem) -> f64 {
    if filesystem.device.0 == MAJOR {
        island
            .replicas
            .iter()
            .find(|replica| replica.minor == filesystem.device.1)
            .map_or(filesystem.used_kib, |replica| replica.used_kib)
    } else {
        filesystem.used_kib
    }
}

pub(super) fn df(island: &Island, at: usize, out: &mut String) {
    let node = &island.nodes[at];
    out.push_str("Filesystem     1024-blocks      Used Available Capacity Mounted on\n");
    let percent = |used: u64, free: u64| (used * 100).div_ceil((used + free).max(1));
    for filesystem in &node.filesystems {
        let (size, used) = (filesystem.size_kib, whole(used(island, filesystem)));
        // ext4 keeps a share for root.
        let free = (size - size / 100).saturating_sub(used);
        put!(
            out,
            "{:<14} {size:>11} {used:>9} {free:>9} {:>7}% {}\n",
            filesystem.source,
            percent(used, free),
            filesystem.at
        );
    }
    out.push_str("tmpfs              6580528      1364   6579164       1% /run\ninodes\n");
    out.push_str("Filesystem         Inodes    IUsed    IFree IUse% Mounted on\n");
    for filesystem in &node.filesystems {
        let inodes = filesystem.inodes;
        let taken = (whole(used(island, filesystem)) / 90).min(inodes);
        put!(
            out,
            "{:<14} {inodes:>10} {taken:>8} {:>8} {:>4}% {}\n",
            filesystem.source,
            inodes - taken,
            percent(taken, inodes - taken),
            filesystem.at
        );
    }
    out.push_str("tmpfs             8225660      902  8224758    1% /run\n");
}

/// The simulated ext4 has no errors.
pub(super) fn filesystem_errors(node: &Node, out: &mut String) {
    for filesystem in node
        .filesystems
        .iter()
        .filter(|filesystem| filesystem.fs_type == "ext4")
    {
        let (major, minor) = filesystem.device;
        let name = filesystem.source.rsplit('/').next().unwrap_or_default();
        put!(out, "{name} {major}:{minor} 0\n");
    }
}

pub(super) fn statfs(island: &Island, node: &Node, out: &mut String) {
    for mount in node.mounts.iter().filter(|mount| mount.mounted) {
        match mount.state {
            // The remote half measures in hundredths of a second.
            MountState::Answering => put!(
                out,
                "ok {} {}\n",
                whole(mount.rtt_ms[nfs::GETATTR] / 10.0) * 10,
                mount.at
            ),
            MountState::Stale => put!(out, "stale 0 {}\n", mount.at),
            MountState::Hung(since) => {
                put!(
                    out,
                    "hung {} {}\n",
                    island.now_ms.saturating_sub(since) / 1000,
                    mount.at
                );
            }
        }
    }
}
