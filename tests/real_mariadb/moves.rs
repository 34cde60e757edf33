//! Moves of a source by the real program over real SSH, with a writer that counts what was acknowledged: none of it may be
//! lost. The hosts are this machine under three names: each has an sshd with a machine-id and a store of its own.

use super::{PATIENCE, Server, data, program, ssh_lab::Lab};
use pointsman::facts::gtid::MariadbGtids;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

const MEMBERS: [&str; 3] = ["m1", "m2", "m3"];

struct Shop {
    servers: Vec<Server>,
    /// Ended with the servers.
    _sshds: Vec<super::ssh_lab::Sshd>,
    lab: Lab,
}

impl Shop {
    fn new() -> Self {
        let lab = Lab::new();
        let folder = lab.path("client.cnf").parent().unwrap().to_owned();
        let empty = data(&folder);
        let servers: Vec<Server> = (1..4).map(|id| Server::start(&folder, &empty, id)).collect();
        let at = folder.display();
        for server in &servers {
            server.run("SET GLOBAL gtid_strict_mode = 1; SET GLOBAL rpl_semi_sync_master_timeout = 10000");
            server.run("SET GLOBAL rpl_semi_sync_master_wait_point = 'AFTER_SYNC', read_only = 1");
            // A replica without replicas waits for nobody.
            server.run("SET GLOBAL rpl_semi_sync_master_wait_no_slave = 0");
        }
        servers[0].run(
            "SET GLOBAL read_only = 0; CREATE USER repl@'127.0.0.1' IDENTIFIED BY 'it''s \\\\ a secret'; \
             GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'; CREATE DATABASE shop; \
             CREATE TABLE shop.orders (seq INT PRIMARY KEY, note VARCHAR(20), KEY (note)); \
             CREATE USER writer@'127.0.0.1' IDENTIFIED BY 'w'; GRANT SELECT, INSERT ON shop.* TO writer@'127.0.0.1'",
        );
        for server in &servers[1..] {
            server.run(&format!(
                "RESET MASTER; CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {}, MASTER_USER = 'repl', \
                 MASTER_PASSWORD = 'it''s \\\\ a secret', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1; START SLAVE",
                servers[0].port
            ));
        }
        lab.write("client.cnf", "[client]\nuser=root\n");
        lab.write("repl.cnf", "[client]\nuser=repl\npassword=\"it's \\\\ a secret\"\n");
        let mut sshds = Vec::new();
        let mut hosts = String::new();
        let mut known = Vec::new();
        for (name, server) in MEMBERS.iter().zip(&servers) {
            let store = lab.path(&format!("store-{name}"));
            let sshd = lab.sshd_on_machine(
                &format!("{:032x}", server.port),
                &format!("SetEnv POINTSMAN_STORE={}", store.display()),
            );
            known.push((format!("[127.0.0.1]:{}", sshd.port), "host"));
            let dir = server.dir.display();
            // What a management controller does to a host: its server is gone at once.
            let off = lab.write(
                &format!("off-{name}"),
                &format!("kill -9 {0} 2>/dev/null; while kill -0 {0} 2>/dev/null && ! grep -q '^State:.Z' /proc/{0}/status; do sleep 0.1; done; touch {dir}/off\n", server.child.id()),
            );
            let status = lab.write(
                &format!("status-{name}"),
                &format!("[ -e {dir}/off ] && echo off || echo on\n"),
            );
            let _ = writeln!(
                hosts,
                "  {name}:\n    address: 127.0.0.1\n    port: {}\n    fencing: {{ off: [sh, {}], status: [sh, {}], says_off: 'off' }}\n    \
                 mysql: {{ socket: {dir}/sock, defaults_file: {at}/client.cnf, replication_file: {at}/repl.cnf, address: '127.0.0.1:{}' }}",
                sshd.port,
                off.display(),
                status.display(),
                server.port
            );
            sshds.push(sshd);
        }
        lab.know(&known);
        let inventory =
            format!("fleet: lab\nhosts:\n{hosts}topologies:\n  shop: {{ kind: replication, members: [m1, m2, m3] }}\n");
        lab.write("inventory.yaml", &inventory);
        let shop = Self {
            servers,
            _sshds: sshds,
            lab,
        };
        shop.settled(0);
        shop
    }

    fn ports(&self) -> Vec<u16> {
        self.servers.iter().map(|server| server.port).collect()
    }

    /// Runs a runbook by the plan that it shows first; its exit code, and what it printed.
    fn run(&self, words: &[&str]) -> (i32, String) {
        run(&self.lab, words)
    }

    /// Waits until that server takes writes, and the others of these follow it and have everything.
    fn settled(&self, source: usize) {
        let begun = Instant::now();
        let at = |server: &Server| {
            server
                .ask("SELECT CONCAT(@@read_only + 0, ' ', @@gtid_current_pos)")
                .unwrap()
        };
        loop {
            let own = at(&self.servers[source]);
            let want = own.replacen("0 ", "1 ", 1);
            let others = self.servers.iter().enumerate().filter(|(number, _)| *number != source);
            if own.starts_with("0 ") && others.clone().all(|(_, server)| at(server) == want) {
                return;
            }
            let seen: Vec<String> = self.servers.iter().map(at).collect();
            assert!(begun.elapsed() < PATIENCE, "{seen:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Shop {
    /// The server that takes writes, of those that run.
    fn source(&self, dead: usize) -> usize {
        let running = self.servers.iter().enumerate().filter(|(at, _)| *at != dead);
        let mut open = running.filter(|(_, server)| server.ask("SELECT @@read_only").unwrap().trim() == "0");
        open.next().expect("a replica takes writes").0
    }

    /// Starts a dead server again, with power.
    fn back(&mut self, at: usize, more: &[&str]) {
        let server = &mut self.servers[at];
        std::fs::remove_file(server.dir.join("off")).unwrap();
        server.restart(more);
    }

    /// Rows that one has and another has not.
    fn only(&self, one: usize, other: usize) -> Vec<u32> {
        let rows = self.servers[one].ask("SELECT seq FROM shop.orders").unwrap();
        lost(
            &self.servers[other],
            &rows.lines().map(|line| line.parse().unwrap()).collect(),
        )
    }

    /// Makes a server anew from another one, as far as it goes beyond that.
    fn anew(&self, at: usize, from: usize) {
        let server = &self.servers[at];
        for seq in self.only(at, from) {
            server.run(&format!(
                "SET sql_log_bin = 0; DELETE FROM shop.orders WHERE seq = {seq}"
            ));
        }
        let missing = self.only(from, at);
        let before = self.servers[from].ask("SELECT @@gtid_binlog_pos").unwrap();
        for seq in missing {
            server.run(&format!(
                "SET sql_log_bin = 0; INSERT INTO shop.orders VALUES ({seq}, 'n{seq}')"
            ));
        }
        server.run(&format!(
            "RESET MASTER; SET GLOBAL gtid_slave_pos = '{}'",
            before.trim()
        ));
    }
}

/// The program in batch mode, on the lab's inventory.
pub fn batch(lab: &Lab, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pointsman"))
        .arg("-F")
        .arg(lab.config(""))
        .arg("-i")
        .arg(lab.path("inventory.yaml"))
        .arg("--state-dir")
        .arg(lab.path("state"))
        .arg("--batch")
        .args(words)
        .env("HOME", lab.path("."))
        .env_remove("POINTSMAN_INVENTORY")
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Runs a runbook by the plan that it shows first; its exit code, and what it printed.
pub fn run(lab: &Lab, words: &[&str]) -> (i32, String) {
    let planned = batch(lab, &[&["plan"], words, &["--json"]].concat());
    let text = String::from_utf8_lossy(&planned.stdout).into_owned();
    let plan: Value = serde_json::from_str(&text).unwrap_or_default();
    let Some(hash) = plan["hash"].as_str() else {
        let error = String::from_utf8_lossy(&planned.stderr).into_owned();
        return (planned.status.code().unwrap(), format!("{text}{error}"));
    };
    assert!(!text.contains("a secret"), "a password in a plan");
    let run = batch(lab, &[&["run"], words, &[&format!("--yes={hash}")]].concat());
    let said = [run.stdout, run.stderr].concat();
    (run.status.code().unwrap(), String::from_utf8_lossy(&said).into_owned())
}

/// Writes one row after the other where it can, and keeps what was acknowledged.
pub struct Writer {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<(BTreeSet<u32>, Duration)>,
}

impl Writer {
    pub fn start(ports: Vec<u16>, from: u32) -> Self {
        let client = program(&["mariadb"], "mariadb-client");
        let ends = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&ends);
        let thread = std::thread::spawn(move || {
            let (mut acknowledged, mut longest, mut last) = (BTreeSet::new(), Duration::ZERO, Instant::now());
            let mut at = 0;
            for seq in from.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let done = Command::new(&client)
                    .args(["--no-defaults", "-uwriter", "-pw", "-h127.0.0.1", "--connect-timeout=2"])
                    .arg(format!("-P{}", ports[at]))
                    .arg("-e")
                    .arg(format!("INSERT INTO shop.orders VALUES ({seq}, 'n{seq}')"))
                    .stdin(Stdio::null())
                    .output()
                    .unwrap();
                if done.status.success() {
                    acknowledged.insert(seq);
                    longest = longest.max(last.elapsed());
                    last = Instant::now();
                } else {
                    at = (at + 1) % ports.len();
                }
            }
            (acknowledged, longest)
        });
        Self { ends, thread }
    }

    /// What was acknowledged, and the longest time without an answer.
    pub fn end(self) -> (BTreeSet<u32>, Duration) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn lost(server: &Server, acknowledged: &BTreeSet<u32>) -> Vec<u32> {
    let rows = server.ask("SELECT seq FROM shop.orders").unwrap();
    let rows: BTreeSet<u32> = rows.lines().map(|line| line.parse().unwrap()).collect();
    acknowledged.difference(&rows).copied().collect()
}

/// One course of events, because each state grows out of the one before.
#[test]
fn a_source_moves_and_fails_over_and_no_acknowledged_commit_is_lost() {
    if !rustix::process::geteuid().is_root() {
        println!("left out: machines of their own can be had by root alone (unshare(1))");
        return;
    }
    let mut shop = Shop::new();
    let mut next = 1;
    for (to, index) in [("m2", 1), ("m1", 0)] {
        if to == "m2" {
            // The sides are exchanged with the writes, whatever the new source and the old one were told before.
            shop.servers[1].run("SET GLOBAL rpl_semi_sync_master_enabled = 0");
            shop.servers[0].run("SET GLOBAL rpl_semi_sync_slave_enabled = 0");
        }
        let writer = Writer::start(shop.ports(), next);
        std::thread::sleep(Duration::from_secs(1));
        let (code, said) = shop.run(&["mysql-switchover", "database=shop", &format!("to={to}"), "warm=2"]);
        assert_eq!(code, 0, "{said}");
        std::thread::sleep(Duration::from_secs(1));
        let (acknowledged, longest) = writer.end();
        println!(
            "switchover to {to}: {} acknowledged, writer without an answer for {longest:?}",
            acknowledged.len()
        );
        assert!(
            acknowledged.len() > 20,
            "the writer wrote hardly anything: {acknowledged:?}"
        );
        assert_eq!(lost(&shop.servers[index], &acknowledged), Vec::<u32>::new());
        let status = |name: &str| {
            let said = shop.servers[index].ask(&format!("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_{name}'"));
            said.unwrap().trim().rsplit('\t').next().unwrap().to_owned()
        };
        assert_eq!(
            (status("status").as_str(), status("clients").as_str()),
            ("ON", "2"),
            "commits on {to} wait for a replica, and both others acknowledge them"
        );
        shop.settled(index);
        next = acknowledged.last().unwrap() + 10;
        assert!(!said.contains("a secret"), "a password is shown");
    }

    // A replica with a transaction of its own is not moved to, nor left behind.
    shop.servers[2].run("INSERT INTO shop.orders VALUES (1000000, 'errant')");
    let (code, said) = shop.run(&["mysql-switchover", "database=shop", "to=m2"]);
    assert!(
        code == 10 && said.contains("m3 has transactions that m1 has not: 0-3-"),
        "{code}: {said}"
    );
    let errant = shop.servers[2].ask("SELECT @@gtid_binlog_pos").unwrap();
    shop.servers[2].run("SET sql_log_bin = 0; DELETE FROM shop.orders WHERE seq = 1000000; SET sql_log_bin = 1");
    let before = shop.servers[0].ask("SELECT @@gtid_binlog_pos").unwrap();
    shop.servers[2].run(&format!(
        "STOP SLAVE; RESET MASTER; SET GLOBAL gtid_slave_pos = '{}'; START SLAVE",
        before.trim()
    ));
    assert_ne!(errant, before);
    shop.settled(0);

    let source = failover(&shop, next);
    returned(&mut shop, source);
    algebra(&shop.servers[1], &shop.servers[2]);
}

/// The source is there and yet not to be used: whoever names it has it made sure to be off first.
fn failover(shop: &Shop, next: u32) -> usize {
    let (code, said) = shop.run(&["mysql-failover", "server=m1"]);
    assert!(code == 10 && said.contains("m1 is not dead"), "{code}: {said}");
    let writer = Writer::start(shop.ports(), next);
    std::thread::sleep(Duration::from_secs(1));
    let (code, said) = shop.run(&["mysql-failover", "server=m1", "--force=m1"]);
    assert_eq!(code, 0, "{said}");
    std::thread::sleep(Duration::from_secs(1));
    let (acknowledged, longest) = writer.end();
    println!(
        "failover: {} acknowledged, writer without an answer for {longest:?}",
        acknowledged.len()
    );
    let source = shop.source(0);
    // Every commit had waited for a replica (AFTER_SYNC).
    assert_eq!(lost(&shop.servers[source], &acknowledged), Vec::<u32>::new());
    let counts = |server: &Server| server.ask("SELECT COUNT(*) FROM shop.orders").unwrap();
    let begun = Instant::now();
    while counts(&shop.servers[1]) != counts(&shop.servers[2]) {
        assert!(begun.elapsed() < PATIENCE, "the other replica does not follow");
        std::thread::sleep(Duration::from_millis(50));
    }
    source
}

/// A dead source comes back: it follows the new one when nothing was lost; else what was lost is told, and nothing else.
fn returned(shop: &mut Shop, source: usize) {
    let alone = ["--read-only=1", "--gtid-strict-mode=1", "--skip-slave-start"];
    shop.back(0, &alone);
    let extra = shop.only(0, source);
    if !extra.is_empty() {
        // It had written what it died of waiting for.
        let (code, said) = shop.run(&["mysql-returned", "server=m1"]);
        let told = format!("m1 has {} transaction", extra.len());
        assert!(code == 10 && said.contains(&told), "{code}: {extra:?}: {said}");
        shop.anew(0, source);
    }
    let (code, said) = shop.run(&["mysql-returned", "server=m1"]);
    assert!(code == 0 && said.contains("follow"), "{code}: {said}");
    shop.settled(source);

    // Nobody hears of its last three commits.
    for server in shop.servers.iter().enumerate().filter(|(at, _)| *at != source) {
        server.1.run("STOP SLAVE IO_THREAD");
    }
    let old = &shop.servers[source];
    old.run("SET GLOBAL rpl_semi_sync_master_enabled = 0");
    let before = old.ask("SELECT @@gtid_binlog_pos").unwrap();
    for seq in 2_000_001..2_000_004 {
        old.run(&format!("INSERT INTO shop.orders VALUES ({seq}, 'alone')"));
    }
    let name = MEMBERS[source];
    let (code, said) = shop.run(&["mysql-failover", &format!("server={name}"), &format!("--force={name}")]);
    assert_eq!(code, 0, "{said}");
    let new = shop.source(source);
    shop.back(source, &alone);
    assert_eq!(shop.only(source, new), [2_000_001, 2_000_002, 2_000_003]);
    let (code, said) = shop.run(&["mysql-returned", &format!("server={name}")]);
    let last: u64 = before.trim().rsplit('-').next().unwrap().parse().unwrap();
    let id = source + 1;
    let told = format!(
        "{name} has 3 transactions that {} has not: 0-{id}-{} to 0-{id}-{}",
        MEMBERS[new],
        last + 1,
        last + 3
    );
    assert!(code == 10 && said.contains(&told), "{code}: {told:?}: {said}");
    // What the hint says shows them.
    let command = said
        .split("mariadb-binlog ")
        .nth(1)
        .and_then(|rest| rest.split(';').next())
        .unwrap();
    let shown = Command::new(program(&["mariadb-binlog"], "mariadb-client"))
        .args(command.split(' '))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&shown.stdout);
    assert_eq!(text.matches("'alone')").count(), 3, "{command}: {text}");
    assert_eq!(
        shop.servers[source].ask("SHOW SLAVE STATUS").unwrap(),
        "",
        "it follows nobody"
    );
}

/// What the algebra of positions says is what the server waits for: it knows sequence numbers alone, so that where it
/// has a position, the algebra says so as well unless two servers wrote one number.
fn algebra(source: &Server, replica: &Server) {
    let server = if source.ask("SELECT @@read_only").unwrap().trim() == "1" {
        source
    } else {
        replica
    };
    server.run("STOP SLAVE; RESET SLAVE ALL; RESET MASTER; SET GLOBAL gtid_strict_mode = 0");
    let mut random = fastrand::Rng::with_seed(11);
    let mut position = || -> String {
        let domains = 1 + random.u32(..3);
        let parts = (0..domains).map(|domain| format!("{domain}-{}-{}", 1 + random.u32(..2), 1 + random.u64(..5)));
        parts.collect::<Vec<_>>().join(",")
    };
    for _ in 0..60 {
        let (has, wanted) = (position(), position());
        let said = server.ask(&format!(
            "SET GLOBAL gtid_slave_pos = '{has}'; SELECT MASTER_GTID_WAIT('{wanted}', 0.01); SELECT @@gtid_slave_pos"
        ));
        let said = said.unwrap();
        let (answer, position) = said.trim().split_once('\n').unwrap();
        let [own, other] = [&has, &wanted].map(|text| MariadbGtids::parse(text).unwrap());
        assert_eq!(
            MariadbGtids::parse(position).unwrap(),
            own,
            "what was set is what is told"
        );
        let gaps = other.subtract(&own);
        let apart = gaps.iter().all(|gap| gap.after + 1 == gap.sequence) && !gaps.is_empty();
        match answer {
            "0" => assert!(gaps.is_empty() || apart, "{has} has {wanted}, by the server: {gaps:?}"),
            "-1" => assert!(
                !gaps.is_empty() && !other.is_subset(&own),
                "{has} has not {wanted}, by the server"
            ),
            other => panic!("{other}"),
        }
    }
}
