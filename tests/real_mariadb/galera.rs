//! Recovery of a real Galera cluster by the real program over real SSH, with a writer that counts what was acknowledged. The
//! hosts are this machine under three names, as for moves.

use super::{
    PATIENCE, ask, data,
    moves::{Writer, run},
    program,
    ssh_lab::{Lab, Sshd, free_port},
};
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const MEMBERS: [&str; 3] = ["m1", "m2", "m3"];
const PROVIDER: &str = "/usr/lib/galera/libgalera_smm.so";

/// A member: its files, and how it is reached.
struct Node {
    dir: PathBuf,
    port: u16,
    group_port: u16,
}

impl Node {
    fn ask(&self, sql: &str) -> Result<String, String> {
        ask(&self.dir.join("sock"), sql)
    }

    /// A status variable.
    fn status(&self, name: &str) -> String {
        let said = self
            .ask(&format!("SHOW GLOBAL STATUS LIKE 'wsrep_{name}'"))
            .unwrap_or_default();
        said.trim().split('\t').nth(1).unwrap_or_default().to_owned()
    }

    /// The process of its server, as long as it is one.
    fn pid(&self) -> Option<i32> {
        let pid: i32 = fs::read_to_string(self.dir.join("pid")).ok()?.trim().parse().ok()?;
        let place = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
        place.starts_with(fs::canonicalize(&self.dir).ok()?).then_some(pid)
    }

    fn signal(&self, signal: rustix::process::Signal) {
        if let Some(pid) = self.pid().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    fn ended(&self) {
        until(&format!("{} ends", self.dir.display()), || self.pid().is_none());
    }

    fn start(&self, more: &[&str]) {
        let started = Command::new("sh")
            .arg(self.dir.join("start"))
            .args(more)
            .stdin(Stdio::null())
            .status();
        assert!(started.unwrap().success());
    }

    fn synced(&self, members: usize) {
        let size = members.to_string();
        until(&format!("{} is synced with {members}", self.dir.display()), || {
            self.status("local_state_comment") == "Synced" && self.status("cluster_size") == size
        });
    }
}

#[track_caller]
fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < 2 * PATIENCE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

struct Cluster {
    nodes: Vec<Node>,
    _sshds: Vec<Sshd>,
    lab: Lab,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &self.nodes {
            node.signal(rustix::process::Signal::KILL);
        }
    }
}

impl Cluster {
    fn new() -> Self {
        assert!(
            Path::new(PROVIDER).exists(),
            "{PROVIDER} is missing: install the package galera-4"
        );
        let lab = Lab::new();
        let folder = lab.path("client.cnf").parent().unwrap().to_owned();
        let empty = data(&folder);
        let nodes: Vec<Node> = MEMBERS
            .map(|name| Node {
                dir: folder.join(name),
                port: free_port(),
                group_port: free_port(),
            })
            .into();
        // The servers' own user has to get there.
        super::ssh_lab::chmod(&folder, 0o711);
        let all: Vec<String> = nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.group_port))
            .collect();
        for (node, name) in nodes.iter().zip(MEMBERS) {
            fs::create_dir(&node.dir).unwrap();
            configure(node, name, &all.join(","));
            owned(&node.dir);
        }
        // All begin from copies of one data directory that has been in the cluster: no state need be sent.
        copy(&empty, &nodes[0].dir.join("data"));
        nodes[0].start(&["--wsrep-new-cluster"]);
        nodes[0].synced(1);
        nodes[0]
            .ask(
                "CREATE DATABASE shop; CREATE TABLE shop.orders (seq INT PRIMARY KEY, note VARCHAR(20)); \
                 CREATE USER writer@'127.0.0.1' IDENTIFIED BY 'w'; GRANT SELECT, INSERT ON shop.* TO writer@'127.0.0.1'",
            )
            .unwrap();
        nodes[0].signal(rustix::process::Signal::TERM);
        nodes[0].ended();
        for node in &nodes[1..] {
            copy(&nodes[0].dir.join("data"), &node.dir.join("data"));
            for file in ["galera.cache", "gvwstate.dat"] {
                let _ = fs::remove_file(node.dir.join("data").join(file));
            }
        }
        nodes[0].start(&["--wsrep-new-cluster"]);
        nodes[0].synced(1);
        for (number, node) in nodes.iter().enumerate().skip(1) {
            node.start(&[]);
            node.synced(number + 1);
        }
        lab.write("client.cnf", "[client]\nuser=root\n");
        let (mut sshds, mut hosts, mut known) = (Vec::new(), String::new(), Vec::new());
        for (node, name) in nodes.iter().zip(MEMBERS) {
            let store = lab.path(&format!("store-{name}"));
            let sshd = lab.sshd_on_machine(
                &format!("{:032x}", node.port),
                &format!("SetEnv POINTSMAN_STORE={}", store.display()),
            );
            known.push((format!("[127.0.0.1]:{}", sshd.port), "host"));
            let (dir, at) = (node.dir.display(), folder.display());
            let _ = writeln!(
                hosts,
                "  {name}:\n    address: 127.0.0.1\n    port: {}\n    mysql:\n      socket: {dir}/sock\n      defaults_file: {at}/client.cnf\n      \
                 datadir: {dir}/data\n      server: [mariadbd, '--defaults-file={dir}/my.cnf']\n      start: [sh, {dir}/start]\n      \
                 start_new_cluster: [sh, {dir}/start, --wsrep-new-cluster]",
                sshd.port
            );
            sshds.push(sshd);
        }
        lab.know(&known);
        let inventory =
            format!("fleet: lab\nhosts:\n{hosts}topologies:\n  shop: {{ kind: galera, members: [m1, m2, m3] }}\n");
        lab.write("inventory.yaml", &inventory);
        Self {
            nodes,
            _sshds: sshds,
            lab,
        }
    }

    #[track_caller]
    fn does(&self, words: &[&str]) -> String {
        let (code, said) = run(&self.lab, words);
        assert_eq!(code, 0, "{words:?}: {said}");
        said
    }

    #[track_caller]
    fn refuses(&self, words: &[&str], why: &str) {
        let (code, said) = run(&self.lab, words);
        assert!(code == 10 && said.contains(why), "{words:?}: {code}: {said}");
    }

    fn writer(&self, from: u32) -> Writer {
        Writer::start(self.nodes.iter().map(|node| node.port).collect(), from)
    }

    /// All are one cluster again, and each has what was acknowledged.
    fn whole(&self, acknowledged: &BTreeSet<u32>) {
        let lost = self.nodes.iter().zip(MEMBERS).map(|(node, name)| {
            node.synced(3);
            // A member that is Synced may still have to apply what another one has just committed: it is waited for here.
            let rows = node.ask("SET SESSION wsrep_sync_wait = 1; SELECT seq FROM shop.orders");
            let rows: BTreeSet<u32> = rows.unwrap().lines().map(|line| line.parse().unwrap()).collect();
            (name, acknowledged.difference(&rows).copied().collect::<Vec<_>>())
        });
        let lost: Vec<(&str, Vec<u32>)> = lost.filter(|(_, rows)| !rows.is_empty()).collect();
        assert!(
            lost.is_empty(),
            "of all up to {:?} there lack {lost:?}",
            acknowledged.last()
        );
    }
}

/// Everything there belongs to the servers' own user.
fn owned(path: &Path) {
    let done = Command::new("chown").args(["-R", "mysql:mysql"]).arg(path).status();
    assert!(done.unwrap().success());
}

fn copy(from: &Path, to: &Path) {
    assert!(
        Command::new("cp")
            .arg("-a")
            .arg(from)
            .arg(to)
            .status()
            .unwrap()
            .success()
    );
    owned(to);
}

/// Its configuration, and a script that starts it as systemd's unit does: by the position that its data tells.
fn configure(node: &Node, name: &str, all: &str) {
    let dir = node.dir.display();
    // Not root: a state transfer by rsync is refused to it.
    let (server, owner) = (program(&["mariadbd"], "mariadb-server"), "--user=mysql");
    let ist = free_port();
    fs::write(
        node.dir.join("my.cnf"),
        format!(
            "[mariadbd]\ndatadir = {dir}/data\nsocket = {dir}/sock\npid-file = {dir}/pid-file\nport = {}\n\
             bind-address = 127.0.0.1\ninnodb-buffer-pool-size = 16M\ninnodb-log-file-size = 8M\nperformance-schema = 0\n\
             binlog-format = ROW\ninnodb-autoinc-lock-mode = 2\nwsrep-on = ON\nwsrep-provider = {PROVIDER}\n\
             wsrep-cluster-name = shop\nwsrep-cluster-address = gcomm://{all}\nwsrep-node-name = {name}\n\
             wsrep-node-address = 127.0.0.1:{group}\nwsrep-sst-method = rsync\n\
             wsrep-provider-options = \"gcache.size=8M;gcache.page_size=8M;gmcast.listen_addr=tcp://127.0.0.1:{group};\
             ist.recv_addr=127.0.0.1:{ist};evs.keepalive_period=PT0.5S;evs.inactive_check_period=PT0.25S;\
             evs.suspect_timeout=PT2S;evs.inactive_timeout=PT4S;evs.install_timeout=PT4S\"\n",
            node.port,
            group = node.group_port
        ),
    )
    .unwrap();
    fs::write(
        node.dir.join("start"),
        format!(
            "at=$({0} --defaults-file={dir}/my.cnf {owner} --wsrep-recover --disable-log-error 2>&1 |\n\
             sed -n 's/.*WSREP: Recovered position: *\\([0-9a-f-]*:[0-9][0-9]*\\).*/\\1/p' | tail -n 1)\n\
             setsid {0} --defaults-file={dir}/my.cnf {owner} ${{at:+--wsrep-start-position=$at}} \"$@\" </dev/null >>{dir}/log 2>&1 &\n\
             echo $! >{dir}/pid\n",
            server.display()
        ),
    )
    .unwrap();
}

/// One course of events, because each state grows out of the one before.
#[test]
fn a_cluster_that_has_lost_its_quorum_gets_one_primary_component_and_no_acknowledged_commit_is_lost() {
    if !rustix::process::geteuid().is_root() {
        println!("left out: machines of their own can be had by root alone (unshare(1))");
        return;
    }
    let cluster = Cluster::new();
    let recover = ["galera-recover", "database=shop"];
    cluster.refuses(&recover, "a primary component lives on m1");
    cluster.refuses(&["galera-position", "server=m2"], "m2 is Primary");

    // Two of three are killed at once: the rest is no majority.
    let writer = cluster.writer(1);
    std::thread::sleep(Duration::from_secs(1));
    for node in &cluster.nodes[1..] {
        node.signal(rustix::process::Signal::KILL);
    }
    until("m1 has no quorum", || {
        cluster.nodes[0].status("cluster_status") == "non-Primary"
    });
    cluster.refuses(&recover, "galera-position server=m2");
    cluster.does(&["galera-position", "server=m2"]);
    cluster.does(&["galera-position", "server=m3"]);
    cluster.does(&recover);
    std::thread::sleep(Duration::from_secs(1));
    let (acknowledged, longest) = writer.end();
    println!(
        "two of three killed: {} acknowledged, {longest:?} without an answer",
        acknowledged.len()
    );
    assert!(
        acknowledged.len() > 20,
        "the writer wrote hardly anything: {acknowledged:?}"
    );
    cluster.whole(&acknowledged);

    // One that was away joins; what it recovered of it is nothing to rest on any more.
    cluster.nodes[2].signal(rustix::process::Signal::TERM);
    cluster.nodes[2].ended();
    cluster.refuses(&recover, "galera-join database=shop");
    cluster.does(&["galera-join", "database=shop"]);
    cluster.refuses(&["galera-join", "database=shop"], "nothing to join");

    // All are killed at once.
    let writer = cluster.writer(acknowledged.last().unwrap() + 10);
    std::thread::sleep(Duration::from_secs(1));
    for node in &cluster.nodes {
        node.signal(rustix::process::Signal::KILL);
    }
    for node in &cluster.nodes {
        node.ended();
    }
    for name in MEMBERS {
        cluster.refuses(&recover, &format!("galera-position server={name}"));
        cluster.does(&["galera-position", &format!("server={name}")]);
    }
    // A server that has written since is not where it was found.
    // The writer does not get there: what it would acknowledge is of no cluster.
    cluster.nodes[1].start(&["--wsrep-on=OFF", "--skip-networking"]);
    until("m2 runs alone", || {
        cluster.nodes[1]
            .ask("CREATE TABLE shop.stray (i INT) ENGINE = InnoDB; DROP TABLE shop.stray")
            .is_ok()
    });
    cluster.refuses(&recover, "m2: it runs without wsrep");
    cluster.nodes[1].signal(rustix::process::Signal::KILL);
    cluster.nodes[1].ended();
    cluster.refuses(&recover, "galera-position server=m2");
    cluster.does(&["galera-position", "server=m2"]);
    cluster.does(&recover);
    std::thread::sleep(Duration::from_secs(1));
    let (acknowledged, longest) = writer.end();
    println!(
        "all of them killed: {} acknowledged, {longest:?} without an answer",
        acknowledged.len()
    );
    cluster.whole(&acknowledged);
}
