//! What a whole fleet costs the machine that watches it. The far end, simulated hosts behind real SSH
//! servers, runs in a process of its own and is reached over real TCP sockets, so that CPU and memory of
//! this process are the collector's alone.
//!
//! `cargo bench --bench fleet` (all parts) or `cargo bench --bench fleet -- first|steady [HOSTS]`.
#![allow(clippy::unwrap_used, reason = "a measurement that fails is no measurement")]

use pointsman::{
    collect::{Clock, Collector, Sources},
    fleet,
    remote::{
        Boxed, Dial, LocalRemote, RemoteError, Stream,
        known_hosts::Source,
        log::LogBook,
        ssh::{Identity, SshOptions, SshRemote, TcpDial},
        ssh_config::Mode,
    },
    simulate::{self, Simulation},
};
use std::{
    fs::Permissions,
    io::{BufRead as _, BufReader, Read as _},
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tokio::{
    io::copy_bidirectional,
    net::TcpListener,
    runtime::{Builder, Runtime},
};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    if let [word, hosts, directory] = words.as_slice()
        && word == "far-end"
    {
        return far_end(hosts.parse().unwrap(), Path::new(directory));
    }
    let hosts = words.iter().find_map(|word| word.parse().ok());
    let wanted = |part: &str| words.is_empty() || words.iter().any(|name| name == part);
    if wanted("first") {
        for run in 1..=3 {
            first_snapshot(hosts.unwrap_or(500), run);
        }
    }
    if wanted("steady") {
        steady(hosts.unwrap_or(5000), Duration::from_secs(30));
    }
}

/// The other process: writes the fleet's files, says its port, and serves until its input ends.
fn far_end(hosts: usize, directory: &Path) {
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let now: simulate::Clock = Arc::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
    let simulation = Simulation::uniform(hosts, now);
    std::fs::write(directory.join("inventory.yaml"), simulation.inventory()).unwrap();
    std::fs::write(directory.join("known_hosts"), simulation.known_hosts()).unwrap();
    let key = directory.join("key");
    std::fs::write(&key, simulation.client_key_file()).unwrap();
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    runtime.spawn(async move {
        let dial = simulation.dial();
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        while let Ok((mut socket, _)) = listener.accept().await {
            let Ok(SocketAddr::V4(at)) = socket.local_addr() else {
                continue;
            };
            let dial = Arc::clone(&dial);
            tokio::spawn(async move {
                socket.set_nodelay(true).unwrap();
                let mut pipe = dial.dial(&host_at(*at.ip()), 22).await.unwrap();
                // Either side may hang up.
                let _ = copy_bidirectional(&mut socket, &mut pipe).await;
            });
        }
    });
    let _ = std::io::stdin().read(&mut [0]);
}

/// Every host has a loopback address of its own, all with the same port: 127.1.0.0 is host0000.
fn host_at(address: Ipv4Addr) -> String {
    let [_, _, high, low] = address.octets();
    format!("host{:04}", u16::from_be_bytes([high, low]))
}

/// The way to the simulated hosts: `host0000.sim` is 127.1.0.0.
struct Loopback {
    port: u16,
}

impl Dial for Loopback {
    fn dial<'a>(&'a self, address: &'a str, _: u16) -> Boxed<'a, Result<Box<dyn Stream>, RemoteError>> {
        Box::pin(async move {
            let number = address.trim_start_matches("host").trim_end_matches(".sim");
            let [high, low] = number.parse::<u16>().unwrap().to_be_bytes();
            let address = Ipv4Addr::new(127, 1, high, low).to_string();
            TcpDial.dial(&address, self.port).await
        })
    }
}

/// A collector that watches a far end.
struct Bench {
    collector: Collector,
    runtime: Runtime,
    far_end: Child,
    _directory: TempDir,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.far_end.kill();
        let _ = self.far_end.wait();
    }
}

impl Bench {
    fn start(hosts: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut far_end = Command::new(std::env::current_exe().unwrap())
            .args(["far-end", &hosts.to_string()])
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let mut output = BufReader::new(far_end.stdout.take().unwrap());
        output.read_line(&mut port).unwrap();
        let port = port.trim().parse().unwrap();
        let inventory = directory.path().join("inventory.yaml");
        let text = std::fs::read_to_string(&inventory).unwrap();
        let fleet = fleet::load(&inventory, &text, &|_| Err("no includes".to_owned()))
            .fleet
            .unwrap();
        let log = LogBook::default();
        let ssh = SshRemote::new(SshOptions {
            dial: Arc::new(Loopback { port }),
            log: log.clone(),
            known_hosts: Source::Text(std::fs::read_to_string(directory.path().join("known_hosts")).unwrap()),
            identities: vec![Identity::File(directory.path().join("key"))],
            config: Mode::Isolated,
            batch: true,
            ..SshOptions::default()
        });
        // As the program does it.
        let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
        let collector = runtime.block_on(async {
            Collector::start(Sources {
                fleet: Arc::new(fleet),
                ssh: Arc::new(ssh),
                local: Arc::new(LocalRemote),
                log,
                clock: Clock::system(),
                reload: None,
                single_look: false,
            })
        });
        Self {
            collector,
            runtime,
            far_end,
            _directory: directory,
        }
    }

    /// Waits until every host has a snapshot, or all of it.
    fn wait(&mut self, complete: bool) {
        let mut view = self.collector.view.clone();
        self.runtime.block_on(async {
            let all = view.wait_for(|view| {
                let mut hosts = view.hosts.iter();
                hosts.all(|host| host.snapshot.is_some() && (host.complete || !complete))
            });
            let all = tokio::time::timeout(Duration::from_mins(2), all).await;
            let Ok(all) = all else {
                let view = self.collector.view.borrow();
                panic!("{:?}", view.hosts.iter().find(|host| host.snapshot.is_none()));
            };
            all.unwrap();
        });
    }

    /// Polls answered so far.
    fn polls(&self) -> u64 {
        let view = self.collector.view.borrow();
        let snapshots = view.hosts.iter().filter_map(|host| host.snapshot.as_ref());
        snapshots.map(|snapshot| snapshot.polls).sum()
    }
}

/// From nothing to a full snapshot of every host.
fn first_snapshot(hosts: usize, run: u32) {
    let mut bench = Bench::start(hosts);
    let begun = Instant::now();
    bench.wait(false);
    let answered = begun.elapsed();
    bench.wait(true);
    println!(
        "first, run {run}: {hosts} hosts answered after {:.2} s, full snapshots after {:.2} s",
        answered.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
}

/// A fleet that just runs: CPU and memory of this process, and the age of what is shown.
fn steady(hosts: usize, span: Duration) {
    let mut bench = Bench::start(hosts);
    bench.wait(false);
    // The first polls come in a burst; let them spread.
    std::thread::sleep(Duration::from_secs(15));
    let (cpu, polls, begun) = (cpu_seconds(), bench.polls(), Instant::now());
    let mut ages_ms: Vec<u128> = Vec::new();
    while begun.elapsed() < span {
        std::thread::sleep(Duration::from_millis(500));
        let view = bench.collector.view.borrow();
        let ages = view.hosts.iter().filter_map(|host| host.age(view.at));
        ages_ms.extend(ages.map(|age| age.as_millis()));
    }
    let elapsed = begun.elapsed().as_secs_f64();
    let cpu = cpu_seconds() - cpu;
    let count = bench.polls() - polls;
    ages_ms.sort_unstable();
    let share = |percent: usize| ages_ms[(ages_ms.len() - 1) * percent / 100];
    println!(
        "steady: {hosts} hosts, {:.0} polls/s; {:.1} % of one core = {:.3} ms a poll; age p50 {} ms p99 {} ms max {} ms; memory {} MiB, at most {} MiB",
        count as f64 / elapsed,
        100.0 * cpu / elapsed,
        1000.0 * cpu / count as f64,
        share(50),
        share(99),
        share(100),
        memory_mib("VmRSS:"),
        memory_mib("VmHWM:"),
    );
}

/// CPU time of this process so far: user and system, in ticks of 10 ms (proc(5), `/proc/PID/stat`).
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields
        .split(' ')
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap());
    ticks.sum::<u64>() as f64 / 100.0
}

/// Memory of this process: resident now (`VmRSS:`) or at its highest (`VmHWM:`).
fn memory_mib(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}
