//! Load, CPU, memory and pressure of a host.

use serde::Serialize;

/// `/proc/uptime` with `btime`: how long the host runs, and what its clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Uptime {
    /// Seconds since boot.
    pub seconds: f64,
    /// The host's clock, seconds since 1970: `btime` + uptime, right to about a second; `None` without `btime`.
    pub clock_seconds: Option<f64>,
}

/// `/proc/loadavg` (proc(5)).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LoadAverage {
    /// Over one minute.
    pub one: f64,
    /// Over five minutes.
    pub five: f64,
    /// Over fifteen minutes.
    pub fifteen: f64,
    /// Tasks that can run now.
    pub runnable: u32,
    /// All tasks.
    pub tasks: u32,
}

/// CPU time counters of `/proc/stat` (proc(5)), in clock ticks since boot, and task counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CpuTimes {
    /// user + nice.
    pub user: u64,
    /// system + irq + softirq.
    pub system: u64,
    /// idle.
    pub idle: u64,
    /// iowait.
    pub iowait: u64,
    /// steal.
    pub steal: u64,
    /// Number of CPUs.
    pub cpus: u32,
    /// Tasks running or ready.
    pub running: u32,
    /// Tasks waiting for I/O (state D).
    pub blocked: u32,
}

/// Shares of CPU time between two samples, each 0–100.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct CpuUse {
    /// user + nice.
    pub user_percent: f64,
    /// system + interrupts.
    pub system_percent: f64,
    /// Waiting for I/O.
    pub iowait_percent: f64,
    /// Taken by the hypervisor.
    pub steal_percent: f64,
}

/// Memory of `/proc/meminfo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Memory {
    /// All memory.
    pub total_kib: u64,
    /// Memory that can be used without swapping (`MemAvailable`; on old kernels free + buffers + cached).
    pub available_kib: u64,
    /// All swap.
    pub swap_total_kib: u64,
    /// Free swap.
    pub swap_free_kib: u64,
    /// Waiting to be written to disk.
    pub dirty_kib: u64,
    /// Being written to disk.
    pub writeback_kib: u64,
}

/// Pressure stall information (kernel `Documentation/accounting/psi.rst`): share of the last ten
/// seconds in which tasks waited, percent.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Pressure {
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
