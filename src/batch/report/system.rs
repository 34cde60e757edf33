//! The machine under what stands on it, in the form of scripts: CPU, memory, pressure, disks and links.

use crate::facts::{
    Reading, Snapshot,
    disk::DiskRate,
    load::{CpuTimes, CpuUse, LoadAverage, Memory, Pressure},
    network::{Link, LinkRate},
};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The machine. A value that is null is named in `unknown` (as `system.memory`) when it should be known; a rate
/// is null until two polls were answered.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct SystemStatus {
    /// `PRETTY_NAME` of `/etc/os-release`.
    pub os: Option<String>,
    /// `uname -r`.
    pub kernel: Option<String>,
    /// `uname -m`.
    pub arch: Option<String>,
    /// CPUs.
    pub cpus: Option<u32>,
    /// Tasks waiting for I/O (state D).
    pub tasks_blocked: Option<u32>,
    /// Load averages and tasks.
    pub load: Option<LoadStatus>,
    /// Shares of CPU time since the poll before.
    pub cpu: Option<CpuStatus>,
    /// Memory and swap.
    pub memory: Option<MemoryStatus>,
    /// Pressure stall information; null on kernels without it.
    pub pressure: Option<PressureStatus>,
    /// What block devices did since the poll before.
    pub disks: Vec<DiskStatus>,
    /// Network interfaces.
    pub links: Vec<LinkStatus>,
}

/// Load averages.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LoadStatus {
    /// Over one minute.
    pub one: f64,
    /// Over five minutes.
    pub five: f64,
    /// Over fifteen minutes.
    pub fifteen: f64,
    /// Tasks that can run now.
    pub tasks_runnable: u32,
    /// All tasks.
    pub tasks: u32,
}

/// Shares of CPU time, each 0–100 of all CPUs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CpuStatus {
    /// user + nice.
    pub user_percent: f64,
    /// system + interrupts.
    pub system_percent: f64,
    /// Waiting for I/O.
    pub iowait_percent: f64,
    /// Taken by the hypervisor.
    pub steal_percent: f64,
}

/// Memory and swap.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct MemoryStatus {
    /// All memory, KiB.
    pub total_kib: u64,
    /// Memory that can be used without swapping, KiB.
    pub available_kib: u64,
    /// All swap, KiB.
    pub swap_total_kib: u64,
    /// Free swap, KiB.
    pub swap_free_kib: u64,
    /// Waiting to be written to disk, KiB.
    pub dirty_kib: u64,
    /// Being written to disk, KiB.
    pub writeback_kib: u64,
}

/// Share of the last ten seconds in which tasks waited, 0–100.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PressureStatus {
    /// Some tasks waited for CPU.
    pub cpu_some_percent: f64,
    /// Some tasks waited for I/O.
    pub io_some_percent: f64,
    /// All tasks waited for I/O.
    pub io_full_percent: f64,
    /// Some tasks waited for memory.
    pub memory_some_percent: f64,
    /// All tasks waited for memory.
    pub memory_full_percent: f64,
}

/// One block device.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DiskStatus {
    /// Kernel name, such as `sda`.
    pub name: String,
    /// Reads a second.
    pub reads_per_second: f64,
    /// Writes a second.
    pub writes_per_second: f64,
    /// Bytes read a second.
    pub read_bytes_per_second: f64,
    /// Bytes written a second.
    pub write_bytes_per_second: f64,
    /// Mean time of a read in milliseconds; null when there was none.
    pub read_await_ms: Option<f64>,
    /// Mean time of a write in milliseconds; null when there was none.
    pub write_await_ms: Option<f64>,
    /// Share of the time during which any request was under way, 0–100.
    pub busy_percent: f64,
    /// Requests under way.
    pub in_flight: u64,
}

/// One network interface.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LinkStatus {
    /// Interface name.
    pub name: String,
    /// `operstate`, the kernel's own word, such as `up` or `down`.
    pub state: String,
    /// Whether there is a carrier.
    pub carrier: Option<bool>,
    /// Speed in Mbit/s.
    pub speed_mbit: Option<u32>,
    /// Bytes received a second.
    pub rx_bytes_per_second: Option<f64>,
    /// Bytes sent a second.
    pub tx_bytes_per_second: Option<f64>,
    /// Errors and drops a second, both ways.
    pub errors_per_second: Option<f64>,
}

impl SystemStatus {
    /// What a snapshot says of the machine; what it should say and does not goes to `unknown`.
    pub(super) fn new(snapshot: &Snapshot, unknown: &mut BTreeMap<&'static str, String>) -> Self {
        let identity = snapshot.identity.value();
        let word = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let times = one("system.cpus", &snapshot.cpu_times, unknown);
        Self {
            os: identity.and_then(|identity| word(&identity.os)),
            kernel: identity.and_then(|identity| word(&identity.kernel)),
            arch: identity.and_then(|identity| word(&identity.arch)),
            cpus: times.map(|times: &CpuTimes| times.cpus),
            tasks_blocked: times.map(|times| times.blocked),
            load: one("system.load", &snapshot.load, unknown).map(LoadStatus::new),
            cpu: one("system.cpu", &snapshot.cpu, unknown).map(CpuStatus::new),
            memory: one("system.memory", &snapshot.memory, unknown).map(MemoryStatus::new),
            pressure: one("system.pressure", &snapshot.pressure, unknown).map(PressureStatus::new),
            disks: one("system.disks", &snapshot.disks, unknown)
                .map(|disks| disks.iter().map(DiskStatus::new).collect())
                .unwrap_or_default(),
            links: one("system.links", &snapshot.links, unknown)
                .map(|links| links.iter().map(|link| LinkStatus::new(link, snapshot)).collect())
                .unwrap_or_default(),
        }
    }
}

/// A value, or its reason beside it.
fn one<'a, T>(
    name: &'static str,
    reading: &'a Reading<T>,
    unknown: &mut BTreeMap<&'static str, String>,
) -> Option<&'a T> {
    if let Some(why) = reading.why() {
        unknown.insert(name, why.to_string());
    }
    reading.value()
}

impl LoadStatus {
    fn new(load: &LoadAverage) -> Self {
        Self {
            one: load.one,
            five: load.five,
            fifteen: load.fifteen,
            tasks_runnable: load.runnable,
            tasks: load.tasks,
        }
    }
}

impl CpuStatus {
    fn new(cpu: &CpuUse) -> Self {
        Self {
            user_percent: cpu.user_percent,
            system_percent: cpu.system_percent,
            iowait_percent: cpu.iowait_percent,
            steal_percent: cpu.steal_percent,
        }
    }
}

impl MemoryStatus {
    fn new(memory: &Memory) -> Self {
        Self {
            total_kib: memory.total_kib,
            available_kib: memory.available_kib,
            swap_total_kib: memory.swap_total_kib,
            swap_free_kib: memory.swap_free_kib,
            dirty_kib: memory.dirty_kib,
            writeback_kib: memory.writeback_kib,
        }
    }
}

impl PressureStatus {
    fn new(pressure: &Pressure) -> Self {
        Self {
            cpu_some_percent: pressure.cpu_some_percent,
            io_some_percent: pressure.io_some_percent,
            io_full_percent: pressure.io_full_percent,
            memory_some_percent: pressure.memory_some_percent,
            memory_full_percent: pressure.memory_full_percent,
        }
    }
}

impl DiskStatus {
    fn new(disk: &DiskRate) -> Self {
        Self {
            name: disk.name.to_string(),
            reads_per_second: disk.reads_per_second,
            writes_per_second: disk.writes_per_second,
            read_bytes_per_second: disk.read_bytes_per_second,
            write_bytes_per_second: disk.write_bytes_per_second,
            read_await_ms: disk.read_await_ms,
            write_await_ms: disk.write_await_ms,
            busy_percent: disk.busy_percent,
            in_flight: disk.in_flight,
        }
    }
}

impl LinkStatus {
    fn new(link: &Link, snapshot: &Snapshot) -> Self {
        let rates = snapshot.link_rates.value();
        let rate: Option<&LinkRate> = rates.and_then(|rates| rates.iter().find(|rate| rate.name == link.name));
        Self {
            name: link.name.to_string(),
            state: link.operstate.to_string(),
            carrier: link.carrier,
            speed_mbit: link.speed_mbit,
            rx_bytes_per_second: rate.map(|rate| rate.rx_bytes_per_second),
            tx_bytes_per_second: rate.map(|rate| rate.tx_bytes_per_second),
            errors_per_second: rate.map(|rate| rate.errors_per_second),
        }
    }
}
