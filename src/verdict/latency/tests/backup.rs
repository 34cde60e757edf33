//! Backups explain what all disks of a host, or all that a server serves, has in common, and nothing else; and disks are
//! compared with disks of their own kind.

use super::{
    NOTICE, WARNING, evidence,
    fleet::{Edit, Fault, Island, told},
    settled, until_told,
};
use crate::{
    facts::{
        CleanText, Reading, Snapshot, Why,
        backup::Backup,
        disk::{DiskKind, DiskRate},
    },
    verdict::{Code, failslow::State},
};

/// What a snapshot says of a backup that has run for so long, on disks that are busy for so much of the time.
fn runs(snapshot: &mut Snapshot, seconds: u64, busy_percent: f64) {
    let backup = Backup {
        program: "rsync".into(),
        seconds: Some(seconds),
    };
    snapshot.backups = Reading::known(vec![backup], snapshot.at);
    let disk = DiskRate {
        name: "sdb".into(),
        reads_per_second: 100.0,
        writes_per_second: 0.0,
        read_bytes_per_second: 1e7,
        write_bytes_per_second: 0.0,
        read_await_ms: Some(9.0),
        write_await_ms: None,
        busy_percent,
        in_flight: 1,
    };
    snapshot.disks = Reading::known(vec![disk], snapshot.at);
}

/// A backup of twelve minutes on that host, which keeps its disks at work.
fn backed_up(host: &'static str) -> Edit {
    Box::new(move |name, snapshot| {
        if name == host {
            runs(snapshot, 720, 90.0);
        }
    })
}

/// Storage servers with the system's disk and two more.
fn small(name: &str, snapshot: &mut Snapshot) {
    if name.starts_with("stor")
        && let Some(disks) = snapshot.disk_counters.value()
    {
        snapshot.disk_counters = Reading::known(disks[..3].to_vec(), snapshot.at);
    }
}

#[test]
fn all_disks_of_a_host_together_are_explained_by_its_backup() {
    let mut island = settled(2);
    island.edit = Some(backed_up("stor2"));
    let (first, findings) = until_told(&mut island, vec![Fault::AllDisks("stor2", 3.0)], 200);
    assert!(first.is_some());
    for (code, subject, severity) in told(&findings) {
        assert_eq!((code, severity), (Code::GroupSlow, NOTICE), "{subject}");
        assert!(subject.starts_with("stor2 disks"), "{subject}");
    }
    let text = evidence(&findings, Code::GroupSlow);
    assert!(
        text.ends_with("explained: rsync has been running for 12 m on stor2"),
        "{text}"
    );
    // Its work comes and goes; when it is over, nothing explains them any more.
    island.edit = None;
    assert!(told(&island.run(60)).iter().all(|one| one.2 == NOTICE));
    let said = told(&island.run(120));
    assert!(!said.is_empty() && said.iter().all(|one| one.2 == WARNING), "{said:?}");
}

#[test]
fn a_backup_that_has_just_begun_or_leaves_the_disks_alone_or_runs_elsewhere_explains_nothing() {
    let edits: [Edit; 3] = [
        Box::new(|name, snapshot| {
            if name == "stor2" {
                runs(snapshot, 5, 90.0);
            }
        }),
        Box::new(|name, snapshot| {
            if name == "stor2" {
                runs(snapshot, 720, 3.0);
            }
        }),
        backed_up("stor1"),
    ];
    for edit in edits {
        let mut island = settled(2);
        island.edit = Some(edit);
        let (first, findings) = until_told(&mut island, vec![Fault::AllDisks("stor2", 3.0)], 200);
        assert!(first.is_some());
        assert!(
            told(&findings).iter().all(|one| one.2 == WARNING),
            "{:?}",
            told(&findings)
        );
    }
    let mut island = settled(2);
    island.edit = Some(backed_up("stor2"));
    island.run(30);
    let (_, findings) = until_told(&mut island, vec![Fault::AllDisks("stor2", 12.0)], 200);
    let text = evidence(&findings, Code::GroupSlow);
    assert!(
        text.contains("more than explains that rsync has been running"),
        "{text}"
    );
    assert!(
        told(&findings).iter().all(|one| one.2 == WARNING),
        "{:?}",
        told(&findings)
    );
}

#[test]
fn a_disk_that_stands_out_of_those_beside_it_is_not_hidden_by_a_backup() {
    // Of four disks that are compared with each other, and of two that are compared with those of the other servers.
    for few in [false, true] {
        let mut island = Island::new(2);
        island.edit = Some(Box::new(move |name, snapshot| {
            if few {
                small(name, snapshot);
            }
            if name == "stor2" {
                runs(snapshot, 720, 90.0);
            }
        }));
        assert_eq!(told(&island.run(600)), []);
        let fault = vec![Fault::Disk("stor2", "sdc", 2.6)];
        let (first, findings) = until_told(&mut island, fault, 150);
        assert!(first.is_some_and(|first| first < 90), "{few} {first:?}");
        assert_eq!(told(&findings), [(Code::SemiFailed, "stor2".into(), WARNING)], "{few}");
    }
}

#[test]
fn few_disks_that_are_slow_together_are_explained_and_one_that_is_much_slower_is_not() {
    let mut island = Island::new(2);
    island.edit = Some(Box::new(|name, snapshot| {
        small(name, snapshot);
        if name == "stor2" {
            runs(snapshot, 720, 90.0);
        }
    }));
    assert_eq!(told(&island.run(600)), []);
    let (first, findings) = until_told(&mut island, vec![Fault::AllDisks("stor2", 2.5)], 150);
    assert!(first.is_some());
    assert_eq!(
        told(&findings),
        [(Code::GroupSlow, "stor2 disks, backup".into(), NOTICE)]
    );
    let text = evidence(&findings, Code::GroupSlow);
    assert!(text.starts_with("sdb and sdc at up to "), "{text}");
    assert!(
        text.contains("explained: rsync has been running for 12 m on stor2"),
        "{text}"
    );
    // One of them becomes worse than the other.
    island.faults.push(Fault::Disk("stor2", "sdc", 2.6));
    let findings = island.run(60);
    assert!(
        told(&findings).contains(&(Code::SemiFailed, "stor2".into(), WARNING)),
        "{:?}",
        told(&findings)
    );
}

#[test]
fn a_server_that_is_slow_for_all_its_clients_is_explained_by_a_backup_that_keeps_its_disks_at_work() {
    for (busy_percent, expected) in [(90.0, 0), (3.0, 1)] {
        let mut island = settled(3);
        island.edit = Some(Box::new(move |name, snapshot| {
            if name == "stor1" {
                runs(snapshot, 720, busy_percent);
            }
        }));
        let (_, findings) = until_told(&mut island, vec![Fault::Server("stor1", 2.5)], 120);
        let said = told(&findings);
        assert_eq!(said.len(), expected, "{said:?}");
        if expected > 0 {
            assert_eq!((said[0].0, said[0].1.as_str()), (Code::SemiFailed, "stor1"));
        }
        // That is the limit of what it explains.
        let (_, findings) = until_told(&mut island, vec![Fault::Server("stor1", 6.0)], 60);
        assert_eq!(told(&findings)[0].0, Code::SemiFailed);
    }
}

/// The kinds of all storage servers' disks: two of the four turn.
fn mixed(name: &str, snapshot: &mut Snapshot) {
    if name.starts_with("stor") {
        let kind = |(name, rotational): (&str, bool)| DiskKind {
            name: CleanText::new(name),
            rotational,
        };
        let kinds = [
            ("sda", false),
            ("sdb", true),
            ("sdc", true),
            ("sdd", false),
            ("sde", false),
        ];
        snapshot.disk_kinds = Reading::known(kinds.map(kind).to_vec(), snapshot.at);
    }
}

/// Disks that turn take six times as long as those that do not: on servers that have both nobody is slow for that, and one
/// that is slow for its kind is.
#[test]
fn disks_are_compared_with_disks_of_their_kind() {
    let turning = || {
        ["stor1", "stor2", "stor3", "stor4"]
            .into_iter()
            .flat_map(|host| ["sdb", "sdc"].map(|disk| Fault::Disk(host, disk, 6.0)))
    };
    let mut island = Island::new(2);
    island.faults = turning().collect();
    assert!(!told(&island.run(600)).is_empty(), "as long as nobody knows");
    let mut island = Island::new(2);
    island.faults = turning().collect();
    island.edit = Some(Box::new(mixed));
    assert_eq!(told(&island.run(600)), []);
    let latency = island.latency();
    let host = island.fleet.host_index("stor1").unwrap();
    for (disk, class) in [
        ("sda", "system SSDs of storage"),
        ("sdb", "HDDs of storage"),
        ("sde", "SSDs of storage"),
    ] {
        let mut of = latency.groups.iter().filter(|peers| {
            let mut members = peers.members.iter();
            members.any(|member| member.host == host && *member.name == *disk && !member.retired)
        });
        assert!(of.all(|peers| peers.key.to_string() == class), "{disk}");
    }
    // While the kinds cannot be read everything stays as it was.
    island.edit = Some(Box::new(|_, snapshot| {
        snapshot.disk_kinds = Reading::unknown(Why::NotAsked, snapshot.at);
    }));
    assert_eq!(told(&island.run(200)), []);
    island.faults.push(Fault::Disk("stor3", "sde", 3.0));
    let findings = island.run(150);
    assert_eq!(told(&findings), [(Code::SemiFailed, "stor3".into(), WARNING)]);
    let slow = island.latency();
    let states = slow
        .groups
        .iter()
        .flat_map(|peers| (0..peers.members.len()).map(|at| peers.group.state(at)));
    assert!(states.filter(|state| *state == State::Slow).count() >= 1);
}
