//! What a whole fleet costs: simulated hosts behind real SSH servers in this process, on threads of
//! their own, so that the collector's CPU can be told apart.
//!
//! `cargo bench --bench fleet` (all parts) or `cargo bench --bench fleet -- first|steady|hostile`.

use pointsman::{
    collect::{Clock, Collector, Sources},
    remote::{LocalRemote, log::LogBook},
    simulate::{self, Simulation},
};
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::runtime::{Builder, Runtime};

fn main() {
    let parts: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|name| name == part);
    if wanted("first") {
        for run in 1..=3 {
            first_snapshot(500, run);
        }
    }
    if wanted("steady") {
        steady(5000, Duration::from_secs(30));
    }
}

struct Bench {
    collector: Collector,
    runtime: Runtime,
    _simulation: Simulation,
    _far_end: Runtime,
}

fn start(hosts: usize) -> Bench {
    let far_end = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("far-end")
        .enable_all()
        .build()
        .expect("a runtime");
    let now: simulate::Clock = Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
    let simulation = Simulation::uniform(hosts, now);
    let log = LogBook::default();
    let ssh = far_end.block_on(async { simulation.remote(log.clone()) });
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("collector")
        .enable_all()
        .build()
        .expect("a runtime");
    let collector = runtime.block_on(async {
        Collector::start(Sources {
            fleet: Arc::new(simulation.fleet().clone()),
            ssh,
            local: Arc::new(LocalRemote),
            log,
            clock: Clock::system(),
            reload: None,
            single_look: false,
        })
    });
    Bench {
        collector,
        runtime,
        _simulation: simulation,
        _far_end: far_end,
    }
}

/// From nothing to a full snapshot of every host.
fn first_snapshot(hosts: usize, run: u32) {
    let mut bench = start(hosts);
    let begun = Instant::now();
    let view = &mut bench.collector.view;
    bench.runtime.block_on(async {
        let all = view.wait_for(|view| view.hosts.iter().all(|host| host.snapshot.is_some()));
        tokio::time::timeout(Duration::from_mins(2), all)
            .await
            .expect("in two minutes")
            .expect("a view");
    });
    let answered = begun.elapsed();
    bench.runtime.block_on(async {
        let all = view.wait_for(|view| view.hosts.iter().all(|host| host.complete && host.snapshot.is_some()));
        tokio::time::timeout(Duration::from_mins(2), all)
            .await
            .expect("in two minutes")
            .expect("a view");
    });
    println!(
        "first, run {run}: {hosts} hosts answered after {:.2} s, full snapshots after {:.2} s",
        answered.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
}

/// A fleet that just runs: CPU of the collector's threads, memory of the process, age of what is shown.
fn steady(hosts: usize, span: Duration) {
    let mut bench = start(hosts);
    let view = &mut bench.collector.view;
    bench.runtime.block_on(async {
        let all = view.wait_for(|view| view.hosts.iter().all(|host| host.snapshot.is_some()));
        tokio::time::timeout(Duration::from_mins(5), all)
            .await
            .expect("in five minutes")
            .expect("a view");
        // The first polls come in a burst; let them spread.
        tokio::time::sleep(Duration::from_secs(15)).await;
    });
    let (cpu, polls, begun) = (cpu_seconds("collector"), polls(view), Instant::now());
    let mut ages_ms: Vec<u128> = Vec::new();
    while begun.elapsed() < span {
        std::thread::sleep(Duration::from_millis(500));
        let view = view.borrow();
        ages_ms.extend(
            view.hosts
                .iter()
                .filter_map(|host| host.age(view.at))
                .map(|age| age.as_millis()),
        );
    }
    let elapsed = begun.elapsed().as_secs_f64();
    let cpu = cpu_seconds("collector") - cpu;
    let count = self::polls(view) - polls;
    ages_ms.sort_unstable();
    let share = |percent: usize| ages_ms[(ages_ms.len() - 1) * percent / 100];
    println!(
        "steady: {hosts} hosts, {:.0} polls/s; collector {:.1} % of one core = {:.3} ms a poll; age p50 {} ms p99 {} ms max {} ms; memory of both ends {} MiB",
        count as f64 / elapsed,
        100.0 * cpu / elapsed,
        1000.0 * cpu / count as f64,
        share(50),
        share(99),
        share(100),
        resident_kib() / 1024
    );
}

fn polls(view: &tokio::sync::watch::Receiver<Arc<pointsman::collect::FleetView>>) -> u64 {
    view.borrow()
        .hosts
        .iter()
        .filter_map(|host| host.snapshot.as_ref().map(|snapshot| snapshot.polls))
        .sum()
}

/// CPU time of the threads whose name begins so, in seconds (proc(5): fields 14 and 15, in ticks of 10 ms).
fn cpu_seconds(name: &str) -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("proc");
    let ticks: u64 = tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok())
        .filter_map(|stat| {
            let (head, tail) = stat.rsplit_once(')')?;
            if !head.split_once('(')?.1.starts_with(name) {
                return None;
            }
            let mut fields = tail.split_whitespace().skip(11);
            let user: u64 = fields.next()?.parse().ok()?;
            let system: u64 = fields.next()?.parse().ok()?;
            Some(user + system)
        })
        .sum();
    ticks as f64 / 100.0
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}
