//! The console watches itself: a starved console must not make a fleet look slow.
//!
//! `sysinfo` reads this machine's load and this process; how late our own timer fires tells
//! whether we were kept from running (research: a tick late by more than 50 ms makes that tick's
//! round trips worthless).

use super::view::Observer;
use std::time::Duration;
use sysinfo::{CpuRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, RefreshKind, System};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::{Instant, timeout},
};

/// How often our own timer is checked.
const TICK: Duration = Duration::from_millis(250);
/// How often the machine is asked.
const REFRESH: Duration = Duration::from_secs(2);
/// A timer that fires later than this means that we were kept waiting.
const LATE_LIMIT_MS: f64 = 50.0;
/// Doubt outlasts its cause by so long: a machine that is starved every few seconds is one state, not many.
const DOUBT_LASTS: Duration = Duration::from_secs(30);
/// CPU pressure (`some avg10`) of this machine above which readings are doubtful.
const PRESSURE_LIMIT_PERCENT: f64 = 40.0;

/// A lateness from which on we ask whether the process was stopped (ctrl-z) rather than starved.
const STOPPED_MS: f64 = 250.0;
/// The news that a stopped process goes on may come a moment after its timers.
const CONTINUED_WITHIN: Duration = Duration::from_millis(100);

/// Whether the process was stopped and went on since it was last asked: SIGCONT came, signal(7).
async fn was_stopped(continued: &mut Option<Signal>, wait: Duration) -> bool {
    match continued {
        Some(signal) => matches!(timeout(wait, signal.recv()).await, Ok(Some(()))),
        None => false,
    }
}

/// Watches this machine until the receiver is gone.
pub(super) async fn watch_self(sender: watch::Sender<Observer>) {
    let cpu_only = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing().with_usage());
    // On a system that sysinfo does not know only our own timer is left to judge by.
    let mut system = System::new_with_specifics(cpu_only).ok();
    let pid = Pid::from_u32(std::process::id());
    let mut observer = Observer::default();
    let mut worst_ms = 0.0_f64;
    let mut due = Instant::now() + TICK;
    let mut refresh = Instant::now();
    let mut starved_at = None;
    let mut continued = signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw())).ok();
    while !sender.is_closed() {
        tokio::time::sleep_until(due).await;
        let mut late_ms = due.elapsed().as_secs_f64() * 1000.0;
        // Who was stopped by a person was not kept waiting by the machine.
        let wait = if late_ms > STOPPED_MS {
            CONTINUED_WITHIN
        } else {
            Duration::ZERO
        };
        if was_stopped(&mut continued, wait).await {
            late_ms = 0.0;
        }
        worst_ms = worst_ms.max(late_ms);
        due = Instant::now() + TICK;
        if refresh.elapsed() < REFRESH && late_ms < LATE_LIMIT_MS {
            continue;
        }
        refresh = Instant::now();
        if let Some(system) = &mut system {
            ask(system, pid, &mut observer);
        }
        observer.lateness_ms = worst_ms;
        if worst_ms > LATE_LIMIT_MS || own_pressure().is_some_and(|p| p > PRESSURE_LIMIT_PERCENT) {
            starved_at = Some(Instant::now());
        }
        observer.doubtful = starved_at.is_some_and(|at| at.elapsed() < DOUBT_LASTS);
        worst_ms = 0.0;
        sender.send_replace(observer);
    }
}

fn ask(system: &mut System, pid: Pid, observer: &mut Observer) {
    system.refresh_cpu_usage();
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[pid]),
        false,
        ProcessRefreshKind::nothing().with_cpu().with_memory(),
    );
    observer.load = System::load_average().map_or(0.0, |load| load.one);
    observer.cpu_percent = f64::from(system.global_cpu_usage());
    if let Some(process) = system.process(pid) {
        observer.own_cpu_percent = f64::from(process.cpu_usage());
        observer.own_memory_bytes = process.memory();
    }
}

/// CPU pressure of this machine, where the kernel tells it.
fn own_pressure() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/pressure/cpu").ok()?;
    let lines: Vec<String> = text.lines().map(|line| format!("cpu {line}")).collect();
    let pressure = crate::facts::load::parse_pressure(&lines.join("\n")).ok()?;
    Some(pressure.cpu_some_percent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Signal as Sent, getpid, kill_process};

    #[tokio::test]
    async fn who_was_stopped_is_not_taken_for_starved() {
        let mut continued = signal(SignalKind::from_raw(Sent::CONT.as_raw())).ok();
        assert!(!was_stopped(&mut continued, Duration::ZERO).await);
        kill_process(getpid(), Sent::CONT).unwrap();
        assert!(was_stopped(&mut continued, Duration::from_secs(5)).await);
        assert!(!was_stopped(&mut continued, Duration::ZERO).await, "told once");
        assert!(!was_stopped(&mut None, Duration::ZERO).await);
    }
}
