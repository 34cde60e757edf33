//! The whole program against real MariaDB servers: a source and a replica on this machine, with GTIDs,
//! semi-sync and a heartbeat table, and what it says when they are broken in turn; and moves of a source under a writer.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

#[path = "real_mariadb/galera.rs"]
mod galera;
#[path = "real_mariadb/moves.rs"]
mod moves;
mod ssh_lab;

use serde_json::Value;
use std::{
    fmt::Write as _,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(30);

/// A running server; ended when dropped.
pub struct Server {
    child: Child,
    dir: PathBuf,
    port: u16,
    id: u32,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(names: &[&str], package: &str) -> PathBuf {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = names
        .iter()
        .flat_map(|name| places.iter().map(move |place| Path::new(place).join(name)))
        .find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{} is missing: install the package {package}", names[0]))
}

/// An empty data directory, made once and copied: making one takes seconds.
fn data(dir: &Path) -> PathBuf {
    let path = dir.join("empty");
    let output = Command::new(program(&["mariadb-install-db"], "mariadb-server"))
        .args([
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ])
        .args(user())
        .arg(format!("--datadir={}", path.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    path
}

/// What the server behind a socket answers.
fn ask(socket: &Path, sql: &str) -> Result<String, String> {
    let output = Command::new(program(&["mariadb"], "mariadb-client"))
        .args(["--no-defaults", "-uroot", "--skip-column-names", "--batch", "-e", sql])
        .arg(format!("--socket={}", socket.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

/// A server that runs as root wants to be told so.
fn user() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("--user=root")
}

impl Server {
    fn start(dir: &Path, empty: &Path, id: u32) -> Self {
        let dir = dir.join(format!("m{id}"));
        fs::create_dir(&dir).unwrap();
        let copied = Command::new("cp").arg("-a").arg(empty).arg(dir.join("data")).status();
        assert!(copied.unwrap().success());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Self::spawn(&dir, port, id, &[]);
        let mut server = Self { child, dir, port, id };
        server.wait();
        server
    }

    /// Starts it again where it was, with more options.
    fn restart(&mut self, more: &[&str]) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = Self::spawn(&self.dir, self.port, self.id, more);
        self.wait();
    }

    fn spawn(dir: &Path, port: u16, id: u32, more: &[&str]) -> Child {
        let log = fs::File::create(dir.join("log")).unwrap();
        Command::new(program(&["mariadbd"], "mariadb-server"))
            .arg("--no-defaults")
            .args(user())
            .arg(format!("--datadir={}", dir.join("data").display()))
            .arg(format!("--socket={}", dir.join("sock").display()))
            .arg(format!("--pid-file={}", dir.join("pid").display()))
            .arg(format!("--log-bin={}", dir.join("bin").display()))
            .arg(format!("--port={port}"))
            .arg(format!("--report-port={port}"))
            .arg(format!("--server-id={id}"))
            .args([
                "--bind-address=127.0.0.1",
                "--report-host=127.0.0.1",
                "--log-slave-updates",
            ])
            .args([
                "--innodb-buffer-pool-size=16M",
                "--innodb-log-file-size=8M",
                "--performance-schema=0",
            ])
            .args(["--rpl-semi-sync-master-enabled=1", "--rpl-semi-sync-slave-enabled=1"])
            .arg("--rpl-semi-sync-master-timeout=200")
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    fn wait(&mut self) {
        let begun = Instant::now();
        while self.ask("SELECT 1").is_err() {
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "mariadbd did not start: {}",
                fs::read_to_string(self.dir.join("log")).unwrap()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn ask(&self, sql: &str) -> Result<String, String> {
        ask(&self.dir.join("sock"), sql)
    }

    fn run(&self, sql: &str) {
        self.ask(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

/// The two servers, and an inventory that declares them.
struct Lab {
    source: Server,
    replica: Server,
    dir: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let empty = data(dir.path());
        let (source, replica) = (
            Server::start(dir.path(), &empty, 1),
            Server::start(dir.path(), &empty, 2),
        );
        source.run(
            "CREATE USER repl@'127.0.0.1' IDENTIFIED BY 'x'; GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'; \
             CREATE DATABASE pm; CREATE TABLE pm.t (id INT PRIMARY KEY); \
             CREATE TABLE pm.heartbeat (ts VARCHAR(26) NOT NULL, server_id INT UNSIGNED PRIMARY KEY)",
        );
        replica.run(&format!(
            "RESET MASTER; CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={}, MASTER_USER='repl', \
             MASTER_PASSWORD='x', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1; START SLAVE; SET GLOBAL read_only=1",
            source.port
        ));
        fs::write(dir.path().join("client.cnf"), "[client]\nuser=root\n").unwrap();
        let at = dir.path().display();
        // The two share one machine: it is busy while tests run, its disk may be full, and that is not what is looked for.
        let inventory = format!(
            "fleet: lab\ndefaults:\n  via: local\n  thresholds: {{ load_per_cpu: 10000, steal_percent: 100, \
             disk_await_ms: 100000, disk_warning_percent: 99.9, disk_critical_percent: 100, disk_full_in_hours: 0.001, \
              lag_warning_seconds: 20, lag_critical_seconds: 300 }}\nhosts:\n  \
             m1: {{ mysql: {{ socket: {at}/m1/sock, defaults_file: {at}/client.cnf, heartbeat: pm.heartbeat }} }}\n  \
             m2: {{ mysql: {{ socket: {at}/m2/sock, defaults_file: {at}/client.cnf, heartbeat: pm.heartbeat }} }}\n\
             topologies:\n  shop: {{ kind: replication, members: [m1, m2], source: m1 }}\n"
        );
        fs::write(dir.path().join("inventory.yaml"), inventory).unwrap();
        let lab = Self { source, replica, dir };
        lab.beat(0);
        lab.caught_up();
        lab
    }

    /// Writes the heartbeat, as it would have been so many seconds ago.
    fn beat(&self, seconds_ago: u32) {
        self.source.run(&format!(
            "REPLACE INTO pm.heartbeat VALUES (UTC_TIMESTAMP(6) - INTERVAL {seconds_ago} SECOND, 1)"
        ));
    }

    fn caught_up(&self) {
        let position = self.source.ask("SELECT @@gtid_binlog_pos").unwrap();
        let sql = format!("SELECT MASTER_GTID_WAIT('{}', 20)", position.trim());
        assert_eq!(
            self.replica.ask(&sql).unwrap().trim(),
            "0",
            "the replica does not follow"
        );
    }

    fn status(&self) -> (Value, i32) {
        let output = Command::new(env!("CARGO_BIN_EXE_pointsman"))
            .arg("-i")
            .arg(self.dir.path().join("inventory.yaml"))
            .args(["--batch", "status", "--json"])
            .env("HOME", self.dir.path())
            .env_remove("POINTSMAN_INVENTORY")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        let status = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {error}"));
        (status, output.status.code().unwrap())
    }
}

/// Code and evidence of each finding.
fn findings(status: &Value) -> Vec<(&str, &str)> {
    let all = status["findings"].as_array().unwrap().iter();
    all.map(|finding| (finding["code"].as_str().unwrap(), finding["evidence"].as_str().unwrap()))
        .collect()
}

fn has<'a>(status: &'a Value, code: &str) -> &'a str {
    let found = findings(status);
    let finding = found.iter().find(|(name, _)| *name == code);
    finding.unwrap_or_else(|| panic!("no {code} in {found:#?}")).1
}

fn mysql<'a>(status: &'a Value, host: &str) -> &'a Value {
    let hosts = status["hosts"].as_array().unwrap();
    &hosts.iter().find(|entry| entry["name"] == host).unwrap()["mysql"]
}

/// One course of events, because each state grows out of the one before.
#[test]
fn a_source_and_its_replica_are_seen_as_they_are() {
    let mut lab = Lab::new();

    lab.beat(0);
    lab.caught_up();
    let (status, code) = lab.status();
    assert_eq!((findings(&status), code), (Vec::new(), 0), "healthy");
    assert_eq!(mysql(&status, "m1")["role"], "source");
    assert_eq!(mysql(&status, "m1")["read_only"], false);
    let replica = mysql(&status, "m2");
    assert_eq!(
        (&replica["role"], &replica["read_only"]),
        (&"replica".into(), &true.into())
    );
    assert_eq!(replica["channels"][0]["io"], "Yes");
    assert_eq!(replica["channels"][0]["sql"], "Yes");
    assert!(replica["version"].as_str().unwrap().contains("MariaDB"));
    assert!(
        replica["lag_seconds"].as_f64().unwrap() < 20.0,
        "by heartbeat: {replica}"
    );

    // Nobody writes it any more: the replica has all there is.
    lab.beat(60);
    lab.caught_up();
    let (status, code) = lab.status();
    let stopped = has(&status, "HeartbeatStopped");
    assert!(stopped.contains("1 m") && stopped.contains("limit 20 s"), "{status}");
    assert_eq!((findings(&status).len(), code), (1, 1), "{status}");

    // The replica keeps an old beat; the source's own is new.
    lab.replica.run("STOP SLAVE SQL_THREAD");
    lab.beat(0);
    let (status, code) = lab.status();
    assert!(has(&status, "ReplicationLag").contains("1 m"), "{status}");
    assert!(
        findings(&status).iter().all(|(name, _)| *name != "HeartbeatStopped"),
        "{status}"
    );
    assert_eq!(code, 1);

    lab.replica.run("STOP SLAVE");
    let (status, code) = lab.status();
    assert!(has(&status, "ReplicationStopped").contains("IO No, SQL No"), "{status}");
    assert_eq!(code, 1);
    // A write that no replica acknowledges makes the source fall back.
    lab.beat(0);
    assert!(has(&lab.status().0, "SemiSyncOff").contains("asynchronous"));

    // Far longer than the 1024 characters of which SHOW VARIABLES knows; the last domain is the source's own.
    let seen = lab.replica.ask("SELECT @@gtid_slave_pos").unwrap();
    let mut positions = seen.trim().to_owned();
    for domain in 1..200 {
        write!(positions, ",{domain}-9-{domain}000000").unwrap();
    }
    lab.replica.run(&format!("SET GLOBAL gtid_slave_pos='{positions}'"));
    let (status, _) = lab.status();
    let executed = mysql(&status, "m2")["gtid_executed"].as_str().unwrap();
    assert!(
        executed.contains("199-9-199000000"),
        "cut: {} characters",
        executed.len()
    );
    lab.replica.run(&format!("SET GLOBAL gtid_slave_pos='{}'", seen.trim()));

    lab.replica.run("START SLAVE; INSERT INTO pm.t VALUES (7)");
    // What the source writes now hides the replica's own write from its position.
    for _ in 0..3 {
        lab.beat(0);
    }
    lab.caught_up();
    let (status, code) = lab.status();
    assert!(has(&status, "ErrantTransactions").starts_with("has 0-2-"), "{status}");
    assert_eq!(code, 1);

    lab.source.run("INSERT INTO pm.t VALUES (7)");
    let begun = Instant::now();
    while lab
        .replica
        .ask("SHOW STATUS LIKE 'Slave_running'")
        .unwrap()
        .contains("ON")
    {
        assert!(begun.elapsed() < PATIENCE, "the row does not conflict");
        std::thread::sleep(Duration::from_millis(50));
    }
    let (status, code) = lab.status();
    let evidence = has(&status, "ReplicationError");
    assert!(
        evidence.contains("1062") && evidence.contains("Duplicate entry"),
        "{evidence}"
    );
    assert!(
        mysql(&status, "m2")["channels"][0]["error"]
            .as_str()
            .unwrap()
            .contains("1062")
    );
    assert_eq!(code, 2);

    lab.replica.run("SET GLOBAL read_only=0");
    let (status, code) = lab.status();
    assert!(has(&status, "TwoSources").contains("m1 and m2"), "{status}");
    has(&status, "ReplicaWritable");
    assert_eq!(code, 2);

    lab.source.run("SET GLOBAL read_only=1");
    lab.replica.run("SET GLOBAL read_only=1");
    has(&lab.status().0, "NoSource");

    lab.source.child.kill().unwrap();
    lab.source.child.wait().unwrap();
    let (status, code) = lab.status();
    assert!(has(&status, "MysqlDown").contains("2002"), "{status}");
    assert_eq!(code, 2);
}
