//! The lab's tools and the program itself, run inside the lab's network namespace.

use jiff::Timestamp;
use pointsman::{
    facts::{disk::parse_diskstats, load::parse_uptime},
    fleet::{Fleet, Poll, load},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::signal::unix::{SignalKind, signal};

/// Nothing is said for so long: the trouble is over.
const QUIET: Duration = Duration::from_secs(3);

/// The load writes once a second; what is older than this is overdue.
const WRITE_OVERDUE: Duration = Duration::from_secs(6);

/// The run is being ended from outside: no further fault is brought about.
static ENDING: AtomicBool = AtomicBool::new(false);

/// A lab that is up.
pub struct Lab {
    tools: PathBuf,
    dir: PathBuf,
    /// Its network namespace, as `tests/lab/up` makes it.
    namespace: String,
    fleet: Fleet,
}

impl Lab {
    /// The lab in `$POINTSMAN_LAB_DIR`, or in `target/lab`.
    pub fn find() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let dir = std::env::var_os("POINTSMAN_LAB_DIR").map_or_else(|| root.join("target/lab"), PathBuf::from);
        let inventory = dir.join("inventory.yaml");
        if !inventory.exists() {
            return Err(format!(
                "the lab is not up ({} is missing): run tests/lab/up as root first, or tests/lab/run for all of it",
                inventory.display()
            ));
        }
        let namespace = std::env::var("POINTSMAN_LAB_NAMESPACE").unwrap_or_else(|_| "pointsman-lab".into());
        let text = std::fs::read_to_string(&inventory).map_err(|error| error.to_string())?;
        Ok(Self {
            tools: root.join("tests/lab"),
            namespace,
            fleet: read_inventory(&inventory, &text)?,
            dir,
        })
    }

    /// A command on a host of the lab, over its own SSH.
    pub fn ssh(&self, host: &str, command: &str) -> Command {
        let mut ssh = Command::new(self.tools.join("ssh"));
        ssh.args([host, command]);
        ssh
    }

    /// What the disks of a virtual machine have done so far.
    pub fn work(&self, host: &str) -> Result<Work, String> {
        let output = self
            .ssh(host, "cat /proc/uptime /proc/diskstats")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("tests/lab/ssh {host}: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let told = |why| {
            format!(
                "the disks of {host}: {why}; {}",
                String::from_utf8_lossy(&output.stderr)
            )
        };
        let (uptime, disks) = text.split_once('\n').ok_or_else(|| told("nothing came".to_owned()))?;
        let uptime = parse_uptime(uptime).map_err(|why| told(why.to_string()))?;
        let disks = parse_diskstats(disks).map_err(|why| told(why.to_string()))?;
        // What is stacked on them counts the same work again.
        let whole = disks.iter().filter(|disk| disk.name.starts_with("vd"));
        let sectors: u64 = whole.map(|disk| disk.sectors_read).sum();
        Ok(Work {
            seconds: uptime.seconds,
            #[allow(clippy::cast_precision_loss, reason = "a rate needs no more digits")]
            bytes_read: sectors as f64 * 512.0,
        })
    }

    /// Where it keeps what it has.
    pub fn folder(&self) -> &Path {
        &self.dir
    }

    /// The lab's own inventory.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// How often a host is polled.
    pub fn poll(&self, host: &str) -> Poll {
        self.fleet.host(host).map_or(self.fleet.poll, |host| host.poll)
    }

    /// Runs `tests/lab/fault` with these words.
    pub fn fault(&self, words: &[&str]) -> Result<(), String> {
        if ENDING.load(Ordering::Relaxed) {
            return Err("the run is being ended".into());
        }
        self.run_fault(words)
    }

    /// Undoes every fault in force.
    pub fn undo_all(&self) -> Result<(), String> {
        self.run_fault(&["--undo-all"])
    }

    /// Mends what an earlier scenario may have left behind.
    pub fn mend(&self) -> Result<(), String> {
        let output = Command::new(self.tools.join("up"))
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("tests/lab/up: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!(
            "tests/lab/up ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ))
    }

    /// Waits until every client's writes to every slice are acknowledged again; the load writes once a second.
    pub fn writes_flow(&self, patience: Duration) -> Result<(), String> {
        let end = Instant::now() + patience;
        loop {
            let late: Vec<String> = self.acknowledged()?.into_iter().filter_map(late).collect();
            if late.is_empty() {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(format!("writes are not acknowledged again: {}", late.join(", ")));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// For each client and slice, how long ago its last write was acknowledged.
    fn acknowledged(&self) -> Result<Vec<(String, Duration)>, String> {
        let told = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
        let share = self.dir.join("share");
        let mut found = Vec::new();
        for host in std::fs::read_dir(&share).map_err(|error| told(&share, error))? {
            let host = host.map_err(|error| told(&share, error))?.path();
            for file in std::fs::read_dir(&host).map_err(|error| told(&host, error))? {
                let file = file.map_err(|error| told(&host, error))?;
                if !file.file_name().to_string_lossy().starts_with("acks-") {
                    continue;
                }
                let written = file.metadata().and_then(|data| data.modified());
                let written = written.map_err(|error| told(&file.path(), error))?;
                let name = file.path().strip_prefix(&share).unwrap_or(&host).display().to_string();
                found.push((name, written.elapsed().unwrap_or_default()));
            }
        }
        if found.is_empty() {
            return Err(format!("no client records its writes in {}", share.display()));
        }
        Ok(found)
    }

    fn run_fault(&self, words: &[&str]) -> Result<(), String> {
        let output = Command::new("timeout")
            .arg("600")
            .arg(self.tools.join("fault"))
            .args(words)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("tests/lab/fault: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        Err(format!(
            "tests/lab/fault {} ended with {}: {}{}",
            words.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ))
    }

    /// `--batch status --json` of these hosts: to connect to the others as well would only keep emulated
    /// machines busy.
    pub fn status(&self, hosts: &[&str]) -> Result<Value, String> {
        let output = self
            .pointsman(hosts)
            .args(["--batch", "status", "--json", "--timeout", "90s"])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        serde_json::from_slice(&output.stdout).map_err(|error| {
            format!(
                "--batch status --json: {error}; {}",
                String::from_utf8_lossy(&output.stderr)
            )
        })
    }

    /// `discover` on these hosts: the draft of an inventory.
    pub fn discover(&self, hosts: &[&str]) -> Result<String, String> {
        let output = self
            .command(&["discover"])
            .args(hosts)
            // There is no inventory that would name it.
            .arg("--ssh-config")
            .arg(self.dir.join("ssh_config"))
            .args(["--timeout", "90s"])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(format!(
            "discover: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ))
    }

    /// The lab's inventory file.
    pub fn inventory(&self) -> PathBuf {
        self.dir.join("inventory.yaml")
    }

    fn pointsman(&self, args: &[&str]) -> Command {
        let mut command = self.command(args);
        command.arg("-i").arg(self.inventory());
        command
    }

    fn command(&self, args: &[&str]) -> Command {
        // Another one may be named: one that is not built anew while the scenarios run.
        let pointsman = std::env::var_os("POINTSMAN").unwrap_or_else(|| env!("CARGO_BIN_EXE_pointsman").into());
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.namespace])
            .arg(pointsman)
            .args(args);
        command
    }
}

/// What the disks of a host have done since it was started, by its own counters and its own clock.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    seconds: f64,
    bytes_read: f64,
}

impl Work {
    /// Bytes that were read each second since then.
    pub fn rate_since(self, earlier: Self) -> f64 {
        (self.bytes_read - earlier.bytes_read) / (self.seconds - earlier.seconds).max(1.0)
    }
}

/// What to say of a write that is overdue.
fn late((name, ago): (String, Duration)) -> Option<String> {
    (ago > WRITE_OVERDUE).then(|| format!("{name} {} s ago", ago.as_secs()))
}

/// Loads an inventory, or says what is wrong with it.
pub fn read_inventory(path: &Path, text: &str) -> Result<Fleet, String> {
    let loaded = load(path, text, &|path| {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    });
    let said: Vec<String> = loaded.diagnostics.iter().map(|said| format!("{said:?}")).collect();
    loaded
        .fleet
        .ok_or_else(|| format!("{} does not load:\n{}", path.display(), said.join("\n")))
}

/// One line of `--batch watch --json` about a finding.
#[derive(Debug, Clone)]
pub struct Event {
    /// When it was printed.
    pub at: Timestamp,
    /// `raised`, `severity` or `cleared`.
    pub kind: String,
    /// The finding's code.
    pub code: String,
    /// The finding's subject, as a person reads it.
    pub subject: String,
    /// Its severity's word.
    pub severity: String,
    /// Since when its condition has been seen.
    pub since: Timestamp,
    /// Every host concerned.
    pub hosts: Vec<String>,
    /// The evidence sentence.
    pub evidence: String,
}

impl Event {
    fn parse(line: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(line).ok()?;
        let finding = value.get("finding")?;
        let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            at: text(&value, "at")?.parse().ok()?,
            kind: text(&value, "event")?,
            code: text(finding, "code")?,
            subject: text(finding, "subject")?,
            severity: text(finding, "severity")?,
            since: text(finding, "since")?.parse().ok()?,
            hosts: finding
                .get("hosts")?
                .as_array()?
                .iter()
                .filter_map(|host| host.as_str().map(str::to_owned))
                .collect(),
            evidence: text(finding, "evidence")?,
        })
    }
}

/// A running `--batch watch --json` and everything it has said.
pub struct Watch {
    said: Arc<(Mutex<Vec<Event>>, Condvar)>,
    child: Child,
    reader: JoinHandle<()>,
    started: Instant,
}

impl Watch {
    /// Starts it, and waits until it has read the inventory: silence of a program that is not there would look
    /// like health.
    pub fn start(lab: &Lab) -> Result<Self, String> {
        let mut child = lab
            .pointsman(&["--batch", "watch", "--json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let out = child.stdout.take().unwrap();
        let heard = Arc::clone(&said);
        let mut lines = BufReader::new(out).lines();
        let first = lines.next().and_then(Result::ok).unwrap_or_default();
        if !first.contains("\"event\":\"start\"") {
            let _ = child.wait();
            return Err(format!("--batch watch did not start: {first}"));
        }
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(event) = Event::parse(&line) {
                    heard.0.lock().unwrap().push(event);
                    heard.1.notify_all();
                }
            }
        });
        Ok(Self {
            said,
            child,
            reader,
            started: Instant::now(),
        })
    }

    /// How many events were said so far: a place to look from.
    pub fn mark(&self) -> usize {
        self.said.0.lock().unwrap().len()
    }

    /// The first event after `mark` that fits, waited for.
    pub fn wait_for(&self, mark: usize, patience: Duration, fits: impl Fn(&Event) -> bool) -> Option<Event> {
        let until = Instant::now() + patience;
        let mut events = self.said.0.lock().unwrap();
        loop {
            if let Some(event) = events[mark..].iter().find(|event| fits(event)) {
                return Some(event.clone());
            }
            let left = until.checked_duration_since(Instant::now())?;
            events = self.said.1.wait_timeout(events, left).unwrap().0;
        }
    }

    /// Waits until it has watched for so long.
    pub fn wait_for_a_past(&self, past: Duration) {
        std::thread::sleep(past.saturating_sub(self.started.elapsed()));
    }

    /// What was said after `mark`, for a failure's report.
    pub fn since(&self, mark: usize) -> Vec<Event> {
        self.said.0.lock().unwrap()[mark..].to_vec()
    }

    /// Findings that stand now and are worse than a notice, about any of these hosts (all when empty). That a
    /// host was rebooted is told for a while after; it does not mean that anything is left of the fault.
    pub fn standing(&self, hosts: &[&str]) -> Vec<Event> {
        let mut standing = BTreeMap::new();
        for event in self.said.0.lock().unwrap().iter() {
            let key = (event.code.clone(), event.subject.clone());
            if event.kind == "cleared" || event.severity == "notice" || event.code == "Rebooted" {
                standing.remove(&key);
            } else {
                standing.insert(key, event.clone());
            }
        }
        let concerns =
            |event: &Event| hosts.is_empty() || event.hosts.iter().any(|host| hosts.contains(&host.as_str()));
        standing.into_values().filter(concerns).collect()
    }

    /// Waits until nothing stands about these hosts, for a while on end.
    pub fn wait_until_quiet(&self, hosts: &[&str], beside: &[&str], patience: Duration) -> Result<(), String> {
        let until = Instant::now() + patience;
        let mut quiet_since = None;
        loop {
            if self.reader.is_finished() {
                return Err("--batch watch has ended".into());
            }
            let mut standing = self.standing(hosts);
            standing.retain(|event| !beside.contains(&event.code.as_str()));
            if standing.is_empty() {
                let since = *quiet_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= QUIET {
                    return Ok(());
                }
            } else {
                quiet_since = None;
            }
            if Instant::now() > until {
                let lines = standing.iter().map(|event| {
                    format!(
                        "  {} {} {}: {}\n",
                        event.severity, event.code, event.subject, event.evidence
                    )
                });
                return Err(lines.collect());
            }
            std::thread::sleep(Duration::from_millis(250));
        }
    }
}

/// When the run is ended by a signal, the faults in force are undone and the watcher goes as well. A run that was
/// started in the background ignores SIGINT: the handler is its own.
pub fn undo_at_signal(lab: &Arc<Lab>, watch: &Watch) {
    let lab = Arc::clone(lab);
    let watcher = rustix::process::Pid::from_child(&watch.child);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let [mut int, mut term, mut hangup] =
                [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
                    .map(|kind| signal(kind).unwrap());
            tokio::select! {
                _ = int.recv() => {}
                _ = term.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        ENDING.store(true, Ordering::Relaxed);
        eprintln!("ended by a signal: undoing the faults in force");
        if let Err(why) = lab.undo_all() {
            eprintln!("{why}");
        }
        let _ = rustix::process::kill_process(watcher, rustix::process::Signal::TERM);
        std::process::exit(130);
    });
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
