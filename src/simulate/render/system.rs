//! Uptime, load, CPU, memory, pressure, network and identity.

use super::put;
use crate::simulate::{
    island::Island,
    node::{Node, whole},
    noise::{mix, wave},
};
use std::net::Ipv4Addr;

/// Seconds since a host booted.
fn up_seconds(island: &Island, node: &Node) -> f64 {
    (island.now_ms as f64 - node.booted_ms as f64) / 1000.0
}

pub(super) fn uptime(island: &Island, node: &Node, out: &mut String) {
    let up = up_seconds(island, node);
    let boot = island.epoch.as_secs_f64() + node.booted_ms as f64 / 1000.0 + node.clock_skew_s;
    put!(
        out,
        "{up:.2} {:.2}\nbtime {}\n",
        node.cpu.idle / 100.0,
        whole(boot.round())
    );
}

/// What `uptime` prints.
pub fn uptime_command(island: &Island, node: &Node, out: &mut String) {
    let minutes = whole(up_seconds(island, node) / 60.0);
    let clock = whole(island.epoch.as_secs_f64() + island.seconds() + node.clock_skew_s);
    let (hour, minute, second) = (clock / 3600 % 24, clock / 60 % 60, clock % 60);
    let [one, five, fifteen] = node.cpu.load;
    put!(
        out,
        " {hour:02}:{minute:02}:{second:02} up {} days, {:2}:{:02},  0 users,  load average: {one:.2}, {five:.2}, {fifteen:.2}\n",
        minutes / 1440,
        minutes / 60 % 24,
        minutes % 60
    );
}

/// `/proc/stat`, with a line for each processor.
pub fn proc_stat(node: &Node, out: &mut String) {
    let mut text = String::new();
    stat(node, &mut text);
    let (cpu, rest) = text.split_once('\n').unwrap_or_default();
    put!(out, "{cpu}\n");
    for number in 0..node.cpus {
        put!(out, "cpu{number} 0 0 0 0 0 0 0 0 0 0\n");
    }
    out.push_str(rest);
}

/// `/proc/loadavg`.
pub fn loadavg(island: &Island, node: &Node, out: &mut String) {
    let [one, five, fifteen] = node.cpu.load;
    let tasks = 180 + node.cpus * 14;
    let last = 2000 + island.now_ms / 350 % 30_000;
    put!(
        out,
        "{one:.2} {five:.2} {fifteen:.2} {}/{tasks} {last}\n",
        running(node)
    );
}

fn running(node: &Node) -> u64 {
    1 + whole((node.cpu.shares[0] + node.cpu.shares[1] + node.overload) * f64::from(node.cpus))
}

pub(super) fn stat(node: &Node, out: &mut String) {
    let cpu = &node.cpu;
    put!(
        out,
        "cpu  {} 0 {} {} {} 0 {} {} 0 0\n",
        whole(cpu.user),
        whole(cpu.system * 0.9),
        whole(cpu.idle),
        whole(cpu.iowait),
        whole(cpu.system * 0.1),
        whole(cpu.steal)
    );
    put!(
        out,
        "procs_running {}\nprocs_blocked {}\ncpus {}\n",
        running(node),
        cpu.blocked,
        node.cpus
    );
}

/// `/proc/meminfo`.
pub fn meminfo(island: &Island, node: &Node, out: &mut String) {
    let total = node.memory_kib as f64;
    let used = total * 0.38 * wave(mix(node.seed), island.seconds() / 4.0);
    let cached = (total - used) * 0.8;
    let free = total - used - cached;
    let dirty = 900.0 + node.disks.iter().map(|disk| disk.rate[1]).sum::<f64>() * 14.0;
    for (name, kib) in [
        ("MemTotal:", total),
        ("MemFree:", free),
        ("MemAvailable:", free + cached * 0.9),
        ("Buffers:", total * 0.01),
        ("Cached:", cached),
        ("SwapTotal:", 4_194_300.0),
        ("SwapFree:", 4_190_204.0),
        ("Dirty:", dirty),
        ("Writeback:", 0.0),
    ] {
        put!(out, "{name:<15} {:>8} kB\n", whole(kib));
    }
}

pub(super) fn pressure(node: &Node, out: &mut String) {
    let [cpu, io, io_full, memory] = node.cpu.pressure;
    let [cpu_us, io_us, io_full_us, memory_us] = node.cpu.stalled_us;
    for (name, now, total) in [
        ("cpu some", cpu, cpu_us),
        ("cpu full", 0.0, 0.0),
        ("io some", io, io_us),
        ("io full", io_full, io_full_us),
        ("memory some", memory, memory_us),
        ("memory full", 0.0, 0.0),
    ] {
        put!(
            out,
            "{name} avg10={now:.2} avg60={:.2} avg300={:.2} total={}\n",
            now * 0.9,
            now * 0.8,
            whole(total)
        );
    }
}

pub(super) fn netdev(node: &Node, out: &mut String) {
    out.push_str("Inter-|   Receive                                                |  Transmit\n");
    out.push_str(
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n",
    );
    out.push_str("    lo: 91422210  402211    0    0    0     0          0         0 91422210  402211    0    0    0     0       0          0\n");
    for link in &node.links {
        let [received, sent] = link.bytes;
        put!(
            out,
            "{:>6}: {} {}    0    0    0     0          0         0 {} {}    0    0    0     0       0          0\n",
            link.name,
            whole(received),
            whole(received / 900.0),
            whole(sent),
            whole(sent / 900.0)
        );
    }
}

pub(super) fn snmp(island: &Island, node: &Node, out: &mut String) {
    out.push_str("Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors\n");
    let segments: f64 = node.links.iter().map(|link| link.bytes[1] / 1200.0).sum();
    let established = 40.0 + 60.0 * wave(node.seed ^ 9, island.seconds());
    put!(
        out,
        "Tcp: 1 200 120000 -1 {} {} 1200 900 {} {} {} {} 0 4100 0\n",
        whole(segments / 900.0),
        whole(segments / 700.0),
        whole(established),
        whole(segments * 1.1),
        whole(segments),
        whole(segments * 2e-6)
    );
}

pub(super) fn links(node: &Node, out: &mut String) {
    for link in &node.links {
        let (state, carrier) = if link.up { ("up", 1) } else { ("down", 0) };
        put!(
            out,
            "{} {state} {carrier} {} {}\n",
            link.name,
            link.speed_mbit,
            link.mtu_bytes
        );
    }
    out.push_str("lo unknown 1 - 65536\n");
}

/// The last address of a network.
fn broadcast(ip: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
    Ipv4Addr::from_bits(ip.to_bits() | !mask)
}

/// `ip -o addr show`.
pub fn addresses(island: &Island, node: &Node, out: &mut String) {
    out.push_str("1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever\n");
    out.push_str("1: lo    inet6 ::1/128 scope host \\       valid_lft forever preferred_lft forever\n");
    put!(
        out,
        "2: eth0    inet {}/{} brd {} scope global eth0\\       valid_lft forever preferred_lft forever\n",
        node.ip,
        node.prefix,
        broadcast(node.ip, node.prefix)
    );
    for (ip, prefix) in &node.addresses {
        put!(
            out,
            "2: eth0    inet {ip}/{prefix} brd {} scope global eth0\\       valid_lft forever preferred_lft forever\n",
            broadcast(*ip, *prefix)
        );
    }
    for address in &node.service_addresses {
        let known = island.replicas.iter().find(|replica| replica.address == *address);
        let prefix = known.map_or(node.prefix, |replica| replica.prefix);
        put!(
            out,
            "2: eth0    inet {address}/{prefix} scope global secondary eth0\\       valid_lft forever preferred_lft forever\n"
        );
    }
    if node.links.len() > 1 {
        let [_, _, third, fourth] = node.ip.octets();
        put!(
            out,
            "3: eth1    inet 172.16.{third}.{fourth}/24 brd 172.16.{third}.255 scope global eth1\\       valid_lft forever preferred_lft forever\n"
        );
    }
}

/// `/etc/machine-id`.
pub fn machine_id(node: &Node) -> String {
    // Installed anew it is another machine.
    let seed = node.seed ^ (u64::from(node.installs) << 32);
    format!("{:016x}{:016x}", mix(seed), mix(seed ^ 0x55))
}

/// `/proc/sys/kernel/random/boot_id`: another after every boot.
pub fn boot_id(node: &Node) -> String {
    let boot = mix(node.seed ^ u64::from(node.boots));
    format!(
        "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
        boot >> 32,
        boot >> 16 & 0xffff,
        boot & 0xfff,
        boot >> 8 & 0xfff,
        mix(boot) >> 16
    )
}

/// Who the host is.
pub(super) fn identity(node: &Node, out: &mut String) {
    put!(
        out,
        "hostname {}\nmachine_id {}\nboot_id {}\n",
        node.name,
        machine_id(node),
        boot_id(node)
    );
    put!(out, "kernel {}\nos {}\narch x86_64\n", node.kernel, node.os);
    out.push_str("user watch\nuid 1000\nsudo yes\nshell dash\n");
}
