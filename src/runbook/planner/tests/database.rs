//! One golden file or named test for each database incident that shaped the safety rules: the state in which it happened
//! → the plan, or the refusal.
//!
//! | what happened elsewhere | what holds it here |
//! |--|--|
//! | relay logs dropped in a failover, and the promotion went on (orchestrator #1260, #1363) | `a_failover_drains_before_anything_is_restarted`, `a_failover_of_mysql_lets_nothing_be_received_before_it_compares`; guard `DatabaseDrained`, `replica_threads_that_start_throw_the_relay_log_away` |
//! | a replica hours behind was promoted (orchestrator #83, #88) | `a_replica_that_is_far_behind`, `a_source_with_too_many_connections` |
//! | errant writes through privileged accounts (orchestrator #854, #105) | `a_replica_with_writes_of_its_own`; the note on accounts in `a_switchover` |
//! | a takeover failed and left the source read-only (orchestrator #802) | the crash matrix (tests/runbook): every exit is taken back or parked with a next step |
//! | a failed relay read was logged, and the promotion went on (replication-manager) | `an_applier_that_has_stopped` |
//! | two coasts were written (GitHub 2018) | `a_failover_of_a_source_that_answers`; guard `OneDatabaseOpen`, the crash matrix after every event |
//! | incomparable candidates, and a lesser one was promoted (Vitess #20199) | `replicas_that_have_gone_apart` |

use super::{NOW, Wish, looks, plan, told, wish};
use crate::{
    facts::{CleanText, UnixMs, Why},
    fleet::{Fleet, HostName, Segment, Slice, SliceName, load},
    runbook::{
        check::Refusal,
        condition::Condition,
        observe::mysql::LastSeen,
        plan::{Glass, Plan, Rule},
        sight::{Glimpse, Look, Printed, Sight},
    },
};
use std::{path::Path, time::Duration};

macro_rules! golden {
    ($result:expr) => {
        insta::assert_snapshot!(told($result))
    };
}

fn fleet() -> Fleet {
    let text = "fleet: lab
defaults: { user: root }
groups:
  database:
    fencing: { off: [bmc, '{host}', 'off'], status: [bmc, '{host}', status] }
    mysql: { socket: /run/mysqld/mysqld.sock, replication_file: /etc/mysql/replication.cnf }
hosts:
  db1: { address: 10.77.0.51, groups: [database] }
  db2: { address: 10.77.0.52, groups: [database] }
  db3: { address: 10.77.0.53, groups: [database] }
topologies:
  shop: { kind: replication, members: [db1, db2, db3], source: db1 }
";
    let loaded = load(Path::new("inventory.yaml"), text, &|_| Err("no includes".into()));
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    loaded.fleet.unwrap()
}

/// What a server prints, as recorded from MariaDB 10.11, and whether its host answers.
struct Server {
    state: String,
    answers: bool,
    /// Whether others reach its host.
    reached: bool,
    /// Whether it carries the address by which clients find the source.
    carries: bool,
    /// What is mounted on its host.
    mounts: &'static str,
    /// Its side's role of the one DRBD device that it may have, and its peer's as it sees it.
    roles: &'static str,
    /// Engines of its tables that a crash tears, as `db_engines` prints them.
    torn: &'static str,
    /// Where its data lie, as `db_home` prints that; nothing where it fails.
    home: &'static str,
}

/// Its data lie on the filesystem of its host.
const PLAIN: &str = "22 1 8:1 / / rw - ext4 /dev/vda1 rw\n";
/// They lie on DRBD.
const ON_DRBD: &str = "22 1 8:1 / / rw - ext4 /dev/vda1 rw\n30 22 147:0 / /var/lib/mysql rw - ext4 /dev/drbd0 rw\n";

/// As `ip -o addr show` prints them.
fn addresses(at: usize, carries: bool) -> String {
    let own = format!(
        "2: eth0    inet 10.77.0.{}/24 brd 10.77.0.255 scope global eth0\n",
        at + 51
    );
    let more = "2: eth0    inet 10.77.0.60/24 scope global secondary eth0\n";
    if carries { own + more } else { own }
}

fn source() -> Server {
    let state =
        include_str!("../../../../tests/captures/database/mariadb-10.11-source").replace("\t13301\t", "\t3306\t");
    Server {
        state,
        answers: true,
        reached: true,
        carries: true,
        mounts: PLAIN,
        roles: "Primary/Secondary",
        torn: "",
        home: "/var/lib/mysql",
    }
}

fn replica(id: u32) -> Server {
    let state = include_str!("../../../../tests/captures/database/mariadb-10.11-replica");
    let state = state
        .replace("mariadb\t2\t13302", &format!("mariadb\t{id}\t3306"))
        .replace("127.0.0.1\trepl\t13301", "10.77.0.51\trepl\t3306");
    Server {
        state,
        answers: true,
        reached: true,
        carries: false,
        mounts: PLAIN,
        roles: "Secondary/Primary",
        torn: "",
        home: "/var/lib/mysql",
    }
}

/// The same of MySQL 8.4, by the manual.
fn mysql_source() -> Server {
    Server {
        state: include_str!("../../../../tests/captures/forms/mysql-8.4-source").to_owned(),
        ..source()
    }
}

fn mysql_replica(id: u32) -> Server {
    let state = include_str!("../../../../tests/captures/forms/mysql-8.4-replica");
    let state = state.replace(
        "mysql\t2\t3e11fa47-71ca-11e1-9e33-c80aa9400002",
        &format!("mysql\t{id}\t3e11fa47-71ca-11e1-9e33-c80aa940000{id}"),
    );
    Server { state, ..replica(id) }
}

/// So many transactions of the source.
fn of_source(last: u32) -> String {
    format!("3e11fa47-71ca-11e1-9e33-c80aa9400001:1-{last}")
}

impl Server {
    /// As [`Server::orphaned`], of MySQL.
    fn left(self, received: &str, applied: &str) -> Self {
        self.with("\tYes\tYes\t", "\tConnecting\tYes\t")
            .with(&format!("\t{}\tOFF\t", of_source(9)), &format!("\t{applied}\tOFF\t"))
            .with(&format!("\t\t{}\t", of_source(9)), &format!("\t\t{received}\t"))
    }

    fn with(mut self, from: &str, to: &str) -> Self {
        assert!(self.state.contains(from), "{from}");
        self.state = self.state.replace(from, to);
        self
    }

    /// The receiver has lost its source, and has received up to there; so much is applied.
    fn orphaned(self, received: &str, applied: &str) -> Self {
        self.with("\tYes\tYes\t", "\tConnecting\tYes\t")
            .with("\tSlave_Pos\t0-1-9\t", &format!("\tSlave_Pos\t{received}\t"))
            .with(
                "\t0-1-9\t0-1-9\t0-1-9\t",
                &format!("\t{applied}\t{applied}\t{applied}\t"),
            )
    }
}

fn dead() -> Server {
    Server {
        answers: false,
        reached: false,
        ..source()
    }
}

fn answer(look: &Look, servers: &[Server; 3]) -> Result<Printed, Why> {
    let at = |name: &str| name.trim_start_matches("db").parse::<usize>().unwrap() - 1;
    let own = &servers[at(look.host.as_str())];
    let printed = |exit: i32, text: &str| {
        Ok(Printed {
            exit,
            text: text.to_owned(),
        })
    };
    if look.local {
        return printed(0, "on\n");
    }
    if !own.answers {
        return Err(Why::Hung(CleanText::new("connecting timed out")));
    }
    let words: Vec<&str> = look.argv.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["db_state", ..] => printed(0, &own.state),
        ["db_binlogs", ..] => printed(0, "/var/lib/mysql/binlog\nbinlog.000007\t4711\nbinlog.000008\t128\n"),
        ["ip", ..] => printed(0, &addresses(at(look.host.as_str()), own.carries)),
        ["db_reach", address, ..] => {
            let number = address.trim_start_matches("10.77.0.5");
            printed(0, &format!("{number}\n"))
        }
        ["cat", "/proc/self/mountinfo"] => printed(0, own.mounts),
        ["cat", "/proc/drbd"] => printed(
            0,
            &format!(
                "version: 8.4.11 (api:1/proto:86-101)\n 0: cs:Connected ro:{} ds:UpToDate/UpToDate C r-----\n    ns:0 nr:0 \
                 dw:0 dr:0 al:0 bm:0 lo:0 pe:0 ua:0 ap:0 ep:1 wo:f oos:0\n",
                own.roles
            ),
        ),
        ["drbdsetup", ..] => printed(1, ""),
        ["db_engines", ..] => printed(0, &format!("{}end\n", own.torn)),
        ["db_home", ..] if own.home.is_empty() => printed(1, ""),
        ["db_home", ..] => printed(0, &format!("{}\n", own.home)),
        ["cat", "/etc/machine-id"] => printed(0, &format!("{:032x}\n", at(look.host.as_str()) + 11)),
        ["cat", _] => printed(0, "5d0c7b3e-0000-4000-8000-000000000001\n"),
        ["command", "-v", tool] => printed(0, &format!("/usr/bin/{tool}\n")),
        ["flock", "--help"] => printed(0, " -w, --timeout <secs>  wait\n"),
        ["sync", "--help"] => printed(0, "Usage: sync [OPTION] [FILE]...\n"),
        ["ping", .., to] => {
            let number: usize = to.trim_start_matches("10.77.0.5").parse().unwrap();
            printed(i32::from(!servers[number - 1].reached), "")
        }
        other => panic!("an unexpected look: {other:?}"),
    }
}

fn planned(wish: &Wish, servers: &[Server; 3]) -> Result<Plan, Vec<Refusal>> {
    planned_for(&fleet(), wish, servers)
}

fn planned_for(fleet: &Fleet, wish: &Wish, servers: &[Server; 3]) -> Result<Plan, Vec<Refusal>> {
    let mut sight = Sight::new(NOW, Duration::from_secs(5));
    for look in looks(fleet, wish).unwrap() {
        let glimpse = Glimpse {
            at: NOW,
            answer: answer(&look, servers),
        };
        sight.take(look, glimpse);
    }
    plan(fleet, wish, &sight)
}

/// The same fleet, whose topology has a line more.
fn fleet_with(line: &str) -> Fleet {
    let mut fleet = fleet();
    let text = format!(
        "fleet: x\nhosts: {{ db1: {{}}, db2: {{}}, db3: {{}} }}\ntopologies:\n  shop: {{ kind: replication, members: [db1, db2, db3], source: db1, {line} }}\n"
    );
    let loaded = load(Path::new("inventory.yaml"), &text, &|_| Err("no includes".into()));
    fleet.topologies = loaded
        .fleet
        .unwrap_or_else(|| panic!("{:?}", loaded.diagnostics))
        .topologies;
    fleet
}

fn the_switchover() -> Wish {
    wish("mysql-switchover", &[("database", "shop")])
}

fn the_failover() -> Wish {
    wish("mysql-failover", &[("server", "db1")])
}

fn refusals(wish: &Wish, servers: &[Server; 3]) -> String {
    told(Err(planned(wish, servers).unwrap_err()))
}

#[test]
fn a_switchover() {
    golden!(planned(&the_switchover(), &[source(), replica(2), replica(3)]));
}

#[test]
fn a_failover_drains_before_anything_is_restarted() {
    let servers = [
        dead(),
        replica(2).orphaned("0-1-12", "0-1-10"),
        replica(3).orphaned("0-1-11", "0-1-11"),
    ];
    let plan = planned(&the_failover(), &servers).unwrap();
    let actions: Vec<&str> = plan.steps.iter().map(|step| step.call.action.as_str()).collect();
    let place = |name: &str| actions.iter().position(|action| *action == name).unwrap();
    assert_eq!(place("fence"), 0);
    assert!(place("mysql-drain") < place("mysql-unfollow") && place("mysql-unfollow") < place("mysql-open"));
    golden!(Ok(plan));
}

/// How a dead source is silent changes by the minute, by who asks it; that it is silent is what was consented to.
#[test]
fn a_failover_does_not_go_stale_by_how_the_dead_source_is_silent() {
    let fleet = fleet_with("service_address: 10.77.0.60/24");
    let servers = [
        dead(),
        replica(2).orphaned("0-1-9", "0-1-9"),
        replica(3).orphaned("0-1-9", "0-1-9"),
    ];
    let planned = |why: &Why| {
        let mut sight = Sight::new(NOW, Duration::from_secs(5));
        for look in looks(&fleet, &the_failover()).unwrap() {
            let answer = answer(&look, &servers).map_err(|_| why.clone());
            sight.take(look, Glimpse { at: NOW, answer });
        }
        plan(&fleet, &the_failover(), &sight).unwrap()
    };
    let hung = planned(&Why::Hung("no answer of db1 within 8 s".into()));
    let failed = planned(&Why::Failed("connecting: No route to host".into()));
    assert_eq!(hung.hash, failed.hash);
}

/// Its events are part of what it was.
#[test]
fn a_source_with_events_is_open_only_with_them() {
    let with_events = source().with("\t0-1-9\t0-1-9\t\tOFF\t", "\t0-1-9\t0-1-9\t\tON\t");
    let proofs = |source: Server| {
        let plan = planned(&the_switchover(), &[source, replica(2), replica(3)]).unwrap();
        let step = plan.steps.iter().find(|step| step.call.action == "mysql-open").unwrap();
        let back = plan
            .steps
            .iter()
            .find(|step| step.call.action == "mysql-close")
            .unwrap();
        let undo = back.undo.as_ref().unwrap();
        let says = |proof: &[Condition]| proof.iter().map(|proof| proof.says.clone()).collect::<Vec<_>>();
        (says(&step.operation.proof), says(&undo.proof))
    };
    assert_eq!(
        proofs(with_events),
        (
            vec![
                "db2 takes writes".to_owned(),
                "the event scheduler of db2 runs".to_owned()
            ],
            vec![
                "db1 takes writes".to_owned(),
                "the event scheduler of db1 runs".to_owned()
            ]
        )
    );
    assert_eq!(
        proofs(source()),
        (vec!["db2 takes writes".to_owned()], vec!["db1 takes writes".to_owned()])
    );
}

#[test]
fn the_replica_that_has_everything_takes_over_and_not_the_usual_one() {
    let servers = [
        dead(),
        replica(2).orphaned("0-1-9", "0-1-9"),
        replica(3).orphaned("0-1-12", "0-1-9"),
    ];
    let plan = planned(&the_failover(), &servers).unwrap();
    assert_eq!(plan.parameters["to"], "db3");
    // Whoever wants the other one gets what that lacks first.
    let wish = wish("mysql-failover", &[("server", "db1"), ("to", "db2")]);
    let plan = planned(&wish, &servers).unwrap();
    assert!(
        plan.notes
            .iter()
            .any(|note| note.contains("db2 has not received 0-1-12")),
        "{:?}",
        plan.notes
    );
    assert!(plan.steps.iter().any(|step| step.call.action == "mysql-level"));
}

#[test]
fn replicas_that_have_gone_apart() {
    let servers = [
        dead(),
        replica(2).orphaned("0-1-12", "0-1-12"),
        replica(3).orphaned("0-3-12", "0-3-12"),
    ];
    golden!(planned(&the_failover(), &servers));
}

#[test]
fn an_applier_that_has_stopped() {
    let failed = |id: u32| {
        let server = replica(id).orphaned("0-1-12", "0-1-9");
        server
            .with("\tConnecting\tYes\t", "\tConnecting\tNo\t")
            .with("\t0\t\t0\t\t\t1\t", "\t0\t\t1062\tDuplicate entry '7'\t\t1\t")
    };
    golden!(planned(&the_failover(), &[dead(), failed(2), failed(3)]));
}

#[test]
fn a_failover_of_a_source_that_answers() {
    let servers = [source(), replica(2), replica(3)];
    golden!(planned(&the_failover(), &servers));
    let mut named = the_failover();
    named.glass = vec![Glass {
        rule: Rule::Force,
        resource: "db1".into(),
        by: "ann".into(),
    }];
    let plan = planned(&named, &servers).unwrap();
    assert_eq!(plan.steps[0].call.action, "fence", "before anything else");
}

#[test]
fn what_a_dead_source_had_when_it_was_last_seen_is_told() {
    let servers = || {
        [
            dead(),
            replica(2).orphaned("0-1-12", "0-1-10"),
            replica(3).orphaned("0-1-11", "0-1-11"),
        ]
    };
    let seen_with = |had: &str| {
        let mut wish = the_failover();
        wish.last = Some(LastSeen {
            host: "db1".into(),
            at: UnixMs(NOW.0 - 20_000),
            missed: Some(UnixMs(NOW.0 - 17_000)),
            had: had.to_owned(),
            waited: Some(false),
        });
        planned(&wish, &servers()).unwrap()
    };
    let noted = |plan: &Plan, words: &str| plan.notes.iter().any(|note| note.contains(words));
    // What one of those who are left has, the new source gets.
    let all = seen_with("0-1-12");
    assert!(
        noted(
            &all,
            "3 s before it was missed, with 0-1-12: all of that is there; its commits waited for no replica then"
        ),
        "{:?}",
        all.notes
    );
    assert!(!all.loss.as_ref().unwrap().contains("for certain"), "{:?}", all.loss);
    let lost = seen_with("0-1-15");
    let says = lost.loss.as_ref().unwrap();
    assert!(
        says.contains("lost for certain: 3 transactions that db1 had when it was last seen: 0-1-15"),
        "{says}"
    );
    assert_ne!(all.hash, lost.hash, "another loss is another consent");
    assert!(noted(
        &seen_with("0-1-1…"),
        "what db1 had when it was last seen is not known"
    ));
    let unseen = planned(&the_failover(), &servers()).unwrap();
    assert!(
        noted(&unseen, "what db1 had when it was last seen is not known"),
        "{:?}",
        unseen.notes
    );
}

/// Commits wait after a move as they did before, and never for a replica that nobody has.
#[test]
fn commits_wait_for_replicas_that_are_there() {
    let sides = |server: Server, source: &str, replica: &str| {
        let at = server.state.find("\tAFTER_COMMIT\t").unwrap();
        let mut state = server.state.clone();
        state.replace_range(at - 3..at, &format!("{source}\t{replica}"));
        Server { state, ..server }
    };
    let steps = |plan: &Plan| -> Vec<String> {
        let semi = plan
            .steps
            .iter()
            .filter(|step| step.call.action.starts_with("mysql-semi-sync"));
        semi.map(|step| format!("{} {}", step.call.with["host"], step.call.with["side"]))
            .collect()
    };
    // The sides are exchanged.
    let plan = planned(
        &the_switchover(),
        &[
            sides(source(), "1", "0"),
            sides(replica(2), "0", "1"),
            sides(replica(3), "0", "0"),
        ],
    );
    assert_eq!(steps(&plan.unwrap()), ["db2 source", "db1 replica"]);
    // Asynchronous it stays.
    let none = || {
        [
            sides(source(), "0", "0"),
            sides(replica(2), "0", "1"),
            sides(replica(3), "0", "0"),
        ]
    };
    let plan = planned(&the_switchover(), &none()).unwrap();
    assert_eq!(steps(&plan), Vec::<String>::new());
    assert!(!plan.steps.iter().any(|step| step.call.action == "mysql-acknowledged"));
    // The new one waits by its own configuration, and nobody acknowledges.
    let [old, new, other] = none();
    let plan = planned(&the_switchover(), &[old, sides(new, "1", "1"), other]).unwrap();
    let warned = |text: &str| plan.warnings.iter().any(|warning| warning.contains(text));
    assert!(
        warned("commits on db2 wait for 1 replica to acknowledge them, and 0 will: the first ones take up to 10 s"),
        "{:?}",
        plan.warnings
    );
    let [old, new, other] = none();
    let for_ever = sides(new, "1", "1").with("\tAFTER_COMMIT\t10000\t", "\tAFTER_COMMIT\t86400000\t");
    let said = refusals(&the_switchover(), &[old, for_ever, other]);
    assert!(
        said.contains("they would hang, for 86400 s; SET GLOBAL rpl_semi_sync_master_timeout = 10000 on db2"),
        "{said}"
    );
    // A release without the plugin cannot let commits wait.
    let bare = mysql_replica(2).with("\tON\tON\tAFTER_SYNC\t10000\t", "\tNONE\tON\t\t\t");
    let said = refusals(&the_switchover(), &[mysql_source(), bare, mysql_replica(3)]);
    assert!(
        said.contains("it has no plugin of semi-synchronous replication"),
        "{said}"
    );
    // Nobody is left who acknowledges: commits do not wait, and nothing is switched on.
    let orphan = |id: u32, replica_side: &str| {
        let server = replica(id).orphaned("0-1-9", "0-1-9");
        sides(server, "0", replica_side)
    };
    let plan = planned(&the_failover(), &[dead(), orphan(2, "1"), orphan(3, "0")]).unwrap();
    assert_eq!(steps(&plan), Vec::<String>::new());
    // Clients are let in before the others follow: until then commits hang where they wait without an end.
    let hangs = "until 1 of its replicas follows db2 the first commits there hang, for 86400 s where none can";
    let failover = |new: Server| {
        planned(&the_failover(), &[dead(), new, orphan(3, "1")])
            .unwrap()
            .warnings
    };
    let said = failover(orphan(2, "1").with("\tAFTER_COMMIT\t10000\t", "\tAFTER_COMMIT\t86400000\t"));
    assert!(said.iter().any(|text| text.contains(hangs)), "{said:?}");
    let said = failover(orphan(2, "1"));
    assert!(!said.iter().any(|text| text.contains("hang")), "{said:?}");
}

/// "Too many connections" is an answer.
#[test]
fn a_source_with_too_many_connections() {
    let full = |id: u32| {
        let server = replica(id).orphaned("0-1-9", "0-1-9");
        server.with(
            "\tNo\t0\t\t0\t\t",
            "\tNo\t1040\terror connecting: Too many connections\t0\t\t",
        )
    };
    let mut silent = dead();
    silent.reached = true;
    let said = refusals(&the_failover(), &[silent, full(2), full(3)]);
    assert!(said.contains("its server answers db2: 1040"), "{said}");
}

#[test]
fn a_replica_that_is_far_behind() {
    let far = source().with("\t0-1-9\t0-1-9\t\t", "\t0-1-90009\t0-1-90009\t\t");
    let said = refusals(&the_switchover(), &[far, replica(2), replica(3)]);
    assert!(said.contains("db2 is 90000 transactions behind db1"), "{said}");
}

#[test]
fn a_replica_with_writes_of_its_own() {
    let errant = replica(3).with("\t0-1-9\t0-1-9\t0-1-9\t", "\t0-1-9\t0-1-9,0-3-8\t0-1-9\t");
    // As positions alone tell it, the two are equal.
    let said = refusals(
        &the_switchover(),
        &[
            source().with("\t0-1-9\t0-1-9\t\t", "\t0-1-9\t0-1-9\t\t"),
            replica(2),
            errant,
        ],
    );
    assert!(said.contains("db3 has transactions that db1 has not: 0-3-8"), "{said}");
}

#[test]
fn what_keeps_a_database_from_being_moved() {
    let cases: [(&str, &str, &str); 6] = [
        (
            "\t1\t1\t1\t0-1-9\t",
            "\t1\t1\t0\t0-1-9\t",
            "gtid_strict_mode is off on db2",
        ),
        (
            "\tYes\tYes\t\t",
            "\tYes\tYes\tmail\t",
            "db2 leaves something out: Replicate_Do_DB=mail",
        ),
        ("10.11.19-MariaDB", "10.6.12-MariaDB", "db2 is MariaDB 10.6.12"),
        (
            "\tOFF\t/var/lib/mysql/",
            "\tON\t/var/lib/mysql/",
            "db2 is a node of a Galera cluster",
        ),
        ("mariadb\t2\t3306\t1\t", "mariadb\t2\t3306\t0\t", "db2 takes writes"),
        (
            "mariadb\t2\t3306",
            "mariadb\t3\t3306",
            "db2 and db3 both have server_id 3",
        ),
    ];
    for (from, to, fact) in cases {
        let said = refusals(&the_switchover(), &[source(), replica(2).with(from, to), replica(3)]);
        assert!(said.contains(fact), "{fact}: {said}");
    }
    let said = refusals(
        &the_switchover(),
        &[
            source(),
            replica(2),
            Server {
                answers: false,
                ..replica(3)
            },
        ],
    );
    assert!(said.contains("db3 does not answer"), "{said}");
    let old = "#server\tdialect\n8.0.20\told\n#end\nend\n".to_owned();
    let all = || Server {
        state: old.clone(),
        ..source()
    };
    let said = refusals(&the_switchover(), &[all(), all(), all()]);
    assert!(
        said.contains("it is MySQL 8.0.20: databases are moved with MySQL 8.0.23 or newer"),
        "{said}"
    );
    let long = source().with("\tON\t1\t0\t0\tOFF\t", "\tON\t1\t3\t640\tOFF\t");
    let said = refusals(&the_switchover(), &[long, replica(2), replica(3)]);
    assert!(said.contains("a transaction on db1 is open for 640 s"), "{said}");
}

#[test]
fn a_switchover_of_mysql() {
    golden!(planned(
        &the_switchover(),
        &[mysql_source(), mysql_replica(2), mysql_replica(3)]
    ));
}

#[test]
fn a_failover_of_mysql_lets_nothing_be_received_before_it_compares() {
    let servers = [
        dead(),
        mysql_replica(2).left(&of_source(12), &of_source(10)),
        mysql_replica(3).left(&of_source(11), &of_source(11)),
    ];
    let plan = planned(&the_failover(), &servers).unwrap();
    let actions: Vec<&str> = plan.steps.iter().map(|step| step.call.action.as_str()).collect();
    assert_eq!(
        actions[..4],
        ["fence", "mysql-freeze", "mysql-freeze", "mysql-drain"],
        "each server once"
    );
    assert_eq!(plan.parameters["to"], "db2", "what it has received counts");
    golden!(Ok(plan));
}

/// By sets, not by how many there are in them.
#[test]
fn replicas_of_mysql_that_have_gone_apart() {
    let own = "3e11fa47-71ca-11e1-9e33-c80aa9400003:1";
    let apart = format!("{},{own}", of_source(9));
    let servers = [
        dead(),
        mysql_replica(2).left(&of_source(12), &of_source(12)),
        mysql_replica(3).left(&of_source(9), &apart),
    ];
    let said = refusals(&the_failover(), &servers);
    assert!(said.contains(own) && said.contains("they have gone apart"), "{said}");
    let errant = mysql_replica(3).with(&format!("\t{}\tOFF\t", of_source(9)), &format!("\t{apart}\tOFF\t"));
    let said = refusals(&the_switchover(), &[mysql_source(), mysql_replica(2), errant]);
    assert!(
        said.contains(&format!("db3 has transactions that db1 has not: {own}")),
        "{said}"
    );
}

#[test]
fn what_keeps_a_database_of_mysql_from_being_moved() {
    let cases: [(&str, &str, &str); 6] = [
        (
            "\t3306\t1\t1\tDYNAMIC",
            "\t3306\t1\t0\tDYNAMIC",
            "db2 takes writes of accounts with SUPER (super_read_only is off); SET PERSIST super_read_only = ON",
        ),
        (
            "\tON\tON\tON\t3e11",
            "\tON\tOFF_PERMISSIVE\tON\t3e11",
            "gtid_mode and enforce_gtid_consistency are not both ON on db2",
        ),
        (
            "\t0\t0\t\t/var/lib/mysql/",
            "\t0\t0\tshop-group\t/var/lib/mysql/",
            "db2 is a member of the replication group shop-group",
        ),
        (
            "\t1\t\t\t\t\t1\t\n",
            "\t1\t\tmain\t\t\t1\t\n",
            "db2 follows 10.77.0.51:3306 in a connection with a name (main)",
        ),
        (
            "\tYes\tYes\t\t",
            "\tYes\tYes\tmail\t",
            "db2 leaves something out: Replicate_Do_DB=mail",
        ),
        (
            "\t0\tNULL\tReplica has",
            "\t3600\tNULL\tReplica has",
            "db2 is kept 3600 s behind",
        ),
    ];
    for (from, to, fact) in cases {
        let servers = [mysql_source(), mysql_replica(2).with(from, to), mysql_replica(3)];
        let said = refusals(&the_switchover(), &servers);
        assert!(said.contains(fact), "{fact}: {said}");
    }
    let said = refusals(&the_switchover(), &[source(), mysql_replica(2), replica(3)]);
    assert!(said.contains("db1 is MariaDB and db2 MySQL"), "{said}");
    let newer = mysql_replica(2).with("8.4.2", "9.1.0");
    let plan = planned(&the_switchover(), &[mysql_source(), newer, mysql_replica(3)]).unwrap();
    let warned = |text: &str| plan.warnings.iter().any(|warning| warning.contains(text));
    assert!(warned("db2 (9.1.0) is newer than db1 (8.4.2)"), "{:?}", plan.warnings);
}

/// The old source, closed and by itself; the new one, which has written on; and a replica of that.
fn returned() -> [Server; 3] {
    [
        Server {
            carries: false,
            ..source().with("mariadb\t1\t3306\t0\t", "mariadb\t1\t3306\t1\t")
        },
        Server {
            carries: true,
            ..source()
                .with("mariadb\t1\t3306", "mariadb\t2\t3306")
                .with("\t0-1-9\t0-1-9\t\t", "\t0-2-12\t0-1-9,0-2-12\t0-1-9\t")
        },
        replica(3).with("10.77.0.51\trepl\t3306", "10.77.0.52\trepl\t3306"),
    ]
}

#[test]
fn an_old_source_that_lost_nothing_follows_the_new_one() {
    let plan = planned(&wish("mysql-returned", &[("server", "db1")]), &returned()).unwrap();
    assert_eq!(plan.parameters["to"], "db2", "the one that takes writes");
    golden!(Ok(plan));
}

/// Its position is behind that of the new source, and it has something that this has not all the same.
#[test]
fn an_old_source_with_commits_of_its_own_follows_nobody() {
    let [old, new, other] = returned();
    let old = old.with("\t0-1-9\t0-1-9\t\t", "\t0-1-11\t0-1-11\t\t");
    golden!(planned(
        &wish("mysql-returned", &[("server", "db1")]),
        &[old, new, other]
    ));
}

#[test]
fn an_old_source_of_mysql_with_commits_of_its_own_follows_nobody() {
    let executed =
        |server: Server, set: &str| server.with(&format!("\t{}\tON\t", of_source(9)), &format!("\t{set}\tON\t"));
    let old = executed(mysql_source(), &of_source(11));
    let old = old.with("\t3306\t0\t0\t", "\t3306\t1\t1\t");
    let new = mysql_source().with(
        "mysql\t1\t3e11fa47-71ca-11e1-9e33-c80aa9400001",
        "mysql\t2\t3e11fa47-71ca-11e1-9e33-c80aa9400002",
    );
    let new = executed(
        new,
        &format!("{},3e11fa47-71ca-11e1-9e33-c80aa9400002:1-40", of_source(9)),
    );
    let wish = wish("mysql-returned", &[("server", "db1")]);
    let said = refusals(&wish, &[old, new, mysql_replica(3)]);
    for words in [
        "db1 has 2 transactions that db2 has not: 3e11fa47-71ca-11e1-9e33-c80aa9400001:10-11",
        "mysqlbinlog --base64-output=decode-rows --verbose --include-gtids=3e11fa47-71ca-11e1-9e33-c80aa9400001:10-11 \
         /var/lib/mysql/binlog.000007 /var/lib/mysql/binlog.000008",
        "make db1 anew from db2",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn a_source_that_did_not_come_back_as_it_should() {
    let wish = wish("mysql-returned", &[("server", "db1")]);
    let [old, new, other] = returned();
    let open = old.with("mariadb\t1\t3306\t1\t", "mariadb\t1\t3306\t0\t");
    let said = refusals(&wish, &[open, new, other]);
    assert!(said.contains("db1 takes writes; make it take no writes"), "{said}");
    let [old, _, other] = returned();
    let said = refusals(&wish, &[old, replica(2), other]);
    assert!(
        said.contains("db2 takes no writes; an old source follows the server that has taken over"),
        "{said}"
    );
    let [_, new, other] = returned();
    let said = refusals(&wish, &[replica(1), new, other]);
    assert!(said.contains("db1 follows 10.77.0.51:3306"), "{said}");
}

#[test]
fn clients_are_led_to_the_new_source() {
    let servers = || [source(), replica(2), replica(3)];
    let with_address = fleet_with("service_address: 10.77.0.60/24");
    golden!(planned_for(&with_address, &the_switchover(), &servers()));
    // Two servers that carry it.
    let mut both = servers();
    both[1].carries = true;
    let said = told(Err(planned_for(&with_address, &the_switchover(), &both).unwrap_err()));
    assert!(
        said.contains("db2 carries 10.77.0.60; clients come to the source by that address"),
        "{said}"
    );
    let by_hook = fleet_with(
        "to_source: { run: [/opt/proxy, lead, '{from}', '{to}'], proof: [/opt/proxy, is, '{to}'], on: db3 }",
    );
    let plan = planned_for(&by_hook, &the_switchover(), &servers()).unwrap();
    let last = plan.steps.last().unwrap();
    assert_eq!(last.operation.shown(), ["/opt/proxy lead db1 db2"]);
    assert_eq!(last.operation.runs_on(), "db3");
    let back = last.undo.as_ref().unwrap();
    assert_eq!(back.shown(), ["/opt/proxy lead db2 db1"]);
    let orphans = [
        dead(),
        replica(2).orphaned("0-1-9", "0-1-9"),
        replica(3).orphaned("0-1-9", "0-1-9"),
    ];
    let plan = planned_for(&with_address, &the_failover(), &orphans).unwrap();
    let actions: Vec<&str> = plan.steps.iter().map(|step| step.call.action.as_str()).collect();
    let place = |name: &str| actions.iter().position(|action| *action == name).unwrap();
    assert!(
        place("mysql-open") < place("mysql-address-add") && place("fence") == 0,
        "{actions:?}"
    );
}

/// Events could not run where the server was started without a scheduler: found out only once writes have been closed.
#[test]
fn a_replica_without_a_scheduler_takes_over_no_events() {
    let runs = || source().with("\t0-1-9\t\tOFF\t0\t", "\t0-1-9\t\tON\t0\t");
    let without = || replica(2).with("\t0-1-9\tOFF\t0\t", "\t0-1-9\tDISABLED\t0\t");
    let said = refusals(&the_switchover(), &[runs(), without(), replica(3)]);
    assert!(
        said.contains("the event scheduler of db1 runs, and db2 was started without one"),
        "{said}"
    );
    assert!(planned(&the_switchover(), &[source(), without(), replica(3)]).is_ok());
    assert!(planned(&the_switchover(), &[runs(), replica(2), replica(3)]).is_ok());
}

#[test]
fn what_was_switched_over_already_is_not_again() {
    let wish = wish("mysql-switchover", &[("database", "shop"), ("to", "db1")]);
    let said = refusals(&wish, &[source(), replica(2), replica(3)]);
    assert!(said.contains("db1 takes the writes of shop already"), "{said}");
}

/// The same fleet, where a DRBD slice is of these two servers.
fn fleet_on_drbd(servers: [&str; 2], mount_point: &str) -> Fleet {
    let plain = fleet();
    let [preferred, standby] = servers.map(HostName::new);
    let slice = Slice {
        name: SliceName::new("data"),
        resource: Some("data".to_owned()),
        device: "/dev/drbd0".to_owned(),
        mount_point: mount_point.to_owned(),
        export: None,
        service_address: None,
        preferred: preferred.clone(),
        standby: Some(standby.clone()),
        backup: None,
        unreplicated: false,
    };
    let segment = Segment {
        name: "data".into(),
        servers: vec![preferred, standby],
        slices: vec![slice],
        pools: Vec::new(),
    };
    Fleet::new(
        plain.name,
        None,
        plain.poll,
        plain.hosts,
        vec![segment],
        plain.topologies,
    )
}

/// A server on DRBD takes part where it is Primary alone, on a journal, and with tables that survive a crash.
#[test]
fn a_server_on_drbd_is_one_copy_of_two() {
    let on_drbd = fleet_on_drbd(["db2", "db3"], "/var/lib/mysql");
    let servers = |change: &dyn Fn(&mut Server, &mut Server)| {
        let mut new = Server {
            mounts: ON_DRBD,
            roles: "Primary/Secondary",
            ..replica(2)
        };
        // Its own data lie elsewhere.
        let mut other = Server {
            home: "/data/mysql",
            ..replica(3).with("/var/lib/mysql/", "/data/mysql/")
        };
        change(&mut new, &mut other);
        [source(), new, other]
    };
    let plan = planned_for(&on_drbd, &the_switchover(), &servers(&|_, _| {})).unwrap();
    let note =
        "the data of db2 are on the DRBD slice data, Primary there; db3 is Secondary and cannot start the same data";
    assert!(plan.notes.iter().any(|told| told.contains(note)), "{:?}", plan.notes);
    let refused = |change: &dyn Fn(&mut Server, &mut Server)| {
        told(Err(
            planned_for(&on_drbd, &the_switchover(), &servers(change)).unwrap_err()
        ))
    };
    let said = refused(&|new, _| new.roles = "Secondary/Secondary");
    assert!(
        said.contains("data is Secondary on db2; a server on DRBD runs where its slice is Primary"),
        "{said}"
    );
    let said = refused(&|_, other| other.roles = "Primary/Primary");
    assert!(
        said.contains("data is Primary on db3; whoever is Primary there could start the same server"),
        "{said}"
    );
    let said = refused(&|new, _| {
        new.mounts = "22 1 8:1 / / rw - ext4 /dev/vda1 rw\n30 22 147:0 / /var/lib/mysql rw - ext2 /dev/drbd0 rw\n";
    });
    assert!(said.contains("on ext2, which has no journal"), "{said}");
    let said = refused(&|new, _| new.torn = "MyISAM\t3\tshop.carts\n");
    assert!(said.contains("a crash tears 3 MyISAM (shop.carts)"), "{said}");
    let said = refused(&|new, _| {
        new.mounts = "22 1 8:1 / / rw - ext4 /dev/vda1 rw\n30 22 147:7 / /var/lib/mysql rw - ext4 /dev/drbd7 rw\n";
    });
    assert!(
        said.contains("on DRBD (/dev/drbd7), and that is no slice of the inventory"),
        "{said}"
    );
    let said = refused(&|new, _| new.mounts = PLAIN);
    assert!(
        said.contains("where the DRBD slice data belongs (/var/lib/mysql), which is not mounted there"),
        "{said}"
    );
    // It was told the name of a link, which leads to a slice.
    let said = refused(&|new, _| {
        new.mounts = "22 1 8:1 / / rw - ext4 /dev/vda1 rw\n30 22 147:7 / /srv/data rw - ext4 /dev/drbd7 rw\n";
        new.home = "/srv/data/mysql";
    });
    assert!(said.contains("the data of db2 are on DRBD (/dev/drbd7)"), "{said}");
    let said = refused(&|new, _| new.home = "");
    assert!(
        said.contains("whether the data of db2 lie on DRBD is not known"),
        "{said}"
    );
    // The number of a filesystem of several devices is no device's.
    let btrfs = servers(&|new, _| {
        new.mounts = "22 1 8:1 / / rw - ext4 /dev/vda1 rw\n30 22 0:47 / /var/lib/mysql rw - btrfs /dev/drbd0 rw\n";
    });
    let plan = planned_for(&on_drbd, &the_switchover(), &btrfs).unwrap();
    assert!(plan.notes.iter().any(|told| told.contains(note)), "{:?}", plan.notes);
    let said = refused(&|new, _| new.mounts = "garbage\n");
    assert!(
        said.contains("whether the data of db2 lie on DRBD is not known"),
        "{said}"
    );
    // Silent, its peer is what the side says that is connected to it.
    let said = refused(&|new, other| (new.roles, other.roles) = ("Primary/Primary", "Unknown/Unknown"));
    assert!(said.contains("db2 sees its peer of data as Primary"), "{said}");
}

/// What a dead source had its data on may be started on the other server of its slice: never while that is Primary there.
#[test]
fn a_dead_source_on_drbd_is_not_started_on_its_peer() {
    let mut on_drbd = fleet_on_drbd(["db1", "db2"], "/srv/data");
    for host in on_drbd.hosts.iter_mut().filter(|host| host.name.as_str() == "db1") {
        host.mysql.as_mut().unwrap().datadir = Some("/srv/data/mysql".to_owned());
    }
    let servers = |roles: &'static str| {
        let two = Server {
            roles,
            ..replica(2).orphaned("0-1-9", "0-1-9")
        };
        [dead(), two, replica(3).orphaned("0-1-9", "0-1-9")]
    };
    let plan = planned_for(&on_drbd, &the_failover(), &servers("Secondary/Unknown")).unwrap();
    let warned = "the data of db1 are on the DRBD slice data: its server may not be started on db2 any more";
    assert!(
        plan.warnings.iter().any(|told| told.contains(warned)),
        "{:?}",
        plan.warnings
    );
    let said = told(Err(
        planned_for(&on_drbd, &the_failover(), &servers("Primary/Unknown")).unwrap_err()
    ));
    assert!(
        said.contains("data is Primary on db2; it has the data of the dead source"),
        "{said}"
    );
}
