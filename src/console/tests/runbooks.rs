//! What acts: menus, plans, consent, and that none of it exists where it must not.

use super::{pictures::picture, plans::planned, *};
use crate::console::{
    keymap::{self, Context},
    runbooks::offers::{Asked, Object, Offer, offers},
};

pub(super) const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

/// Runbooks of a slice that do not go by whether its servers answer.
const BESIDE: [&str; 3] = ["client-repoint", "backup-test", "restore-from-backup"];

/// A menu's rows: runbook, and why not.
fn rows(object: &Object, view: &FleetView) -> Vec<(String, Option<String>)> {
    offers(view, object, NOW)
        .into_iter()
        .map(|offer| (offer.asked.runbook, offer.not_now))
        .collect()
}

fn slice(name: &str) -> Object {
    Object::Slice(name.into())
}

fn host(name: &str) -> Object {
    Object::Host(HostName::new(name))
}

/// The plan that is being made on top.
pub(super) fn asked(effects: &[Effect]) -> (u64, Asked) {
    match effects {
        [Effect::Plan(number, asked)] => (*number, asked.clone()),
        other => panic!("{other:?}"),
    }
}

/// A console with a plan for slice-a on top, made by what the servers printed in a recorded state.
pub(super) fn with_plan(size: (u16, u16), state: &'static str) -> Model {
    let mut model = console(size);
    let effects = keys(&mut model, ":slice-a<enter>m<enter>");
    let (number, asked) = asked(&effects);
    assert_eq!((asked.runbook.as_str(), asked.word.as_str()), ("slice-move", "slice-a"));
    update(&mut model, Msg::Planned(number, planned(&asked, state, true, None)));
    model
}

#[test]
fn a_menu_offers_what_applies_and_says_why_the_rest_does_not() {
    let view = fixture::view();
    let found = rows(&slice("slice-a"), &view);
    assert_eq!(found[0], ("slice-move".to_owned(), None));
    let why = |name: &str| {
        let row = found.iter().find(|(runbook, _)| runbook == name).unwrap();
        row.1.clone().unwrap()
    };
    assert_eq!(
        why("failover"),
        "stor3 answers, and its replication is connected: slice-move instead"
    );
    assert_eq!(why("fail-back"), "it is at home on stor3");
    assert_eq!(why("split-brain"), "no split brain is seen: stor3 is Connected");
    let found = rows(&slice("slice-b"), &view);
    // A client of it hangs.
    assert_eq!(found[0], ("client-repoint".to_owned(), None));
    assert_eq!(
        found[1].1.as_deref(),
        Some("both sides are not connected and equal: stor4 is StandAlone")
    );
    let of_servers = |found: &[(String, Option<String>)]| {
        let rows = found.iter().filter(|(runbook, _)| runbook != "client-repoint");
        rows.cloned().collect::<Vec<_>>()
    };
    assert!(of_servers(&found).iter().all(|(_, why)| why.is_some()), "{found:?}");
    // A word that is not known is no sign that the sides are apart.
    let split = found.iter().find(|(name, _)| name == "split-brain").unwrap();
    assert_eq!(split.1.as_deref(), Some("no split brain is seen: stor3 is WFConnexion"));
    let found = rows(&slice("slice-d"), &view);
    assert!(
        found[0]
            .1
            .as_deref()
            .unwrap()
            .starts_with("both sides are not connected and equal")
    );
    let row = |runbook: &str, why: &str| (runbook.to_owned(), Some(why.to_owned()));
    assert_eq!(
        rows(&host("db1"), &view),
        [
            row(
                "mysql-switchover",
                "db1 has no account to follow another with (`replication_file` in the inventory)"
            ),
            row("mysql-failover", "db1 answers: mysql-switchover instead"),
        ]
    );
}

/// The picture with what one database server said last changed.
fn with_database(name: &str, change: impl Fn(&mut crate::facts::mysql::Mysql)) -> FleetView {
    let mut view = fixture::view();
    for host in view.hosts.iter_mut().filter(|host| host.name.as_str() == name) {
        let mut other = (**host).clone();
        other.snapshot = other.snapshot.map(|snapshot| {
            let mut other = (*snapshot).clone();
            let mut mysql = other.mysql.value().unwrap().clone();
            change(&mut mysql);
            other.mysql = crate::facts::Reading::known(mysql, other.at);
            Arc::new(other)
        });
        *host = Arc::new(other);
    }
    view
}

#[test]
fn databases_that_cannot_be_moved_say_why_and_an_old_source_that_is_back_is_offered() {
    use crate::facts::mysql::Flavour;
    let old = with_database("db2", |mysql| mysql.version = "8.0.22".into());
    let why = "db2 is mysql 8.0.22: databases are moved with MariaDB 10.10 or newer, or MySQL 8.0.23 or newer";
    assert_eq!(rows(&host("db1"), &old)[0].1.as_deref(), Some(why));
    let mixed = with_database("db3", |mysql| {
        (mysql.flavour, mysql.version) = (Flavour::Mariadb, "10.11.6-MariaDB".into());
    });
    assert_eq!(
        rows(&host("db1"), &mixed)[0].1.as_deref(),
        Some("db1 is mysql and db3 mariadb")
    );
    let back = with_database("db2", |mysql| mysql.channels.clear());
    let offers = offers(&back, &host("db2"), NOW);
    let offer = offers.iter().find(|offer| offer.asked.runbook == "mysql-returned");
    assert_eq!(
        offer.map(|offer| (offer.says.as_str(), offer.not_now.as_deref())),
        Some(("db2 is back: it follows db1 if nothing was lost", None))
    );
    let nobody = with_database("db1", |mysql| mysql.read_only = Some(true));
    let found = rows(&host("db1"), &nobody);
    let why = "no server of db-main takes writes".to_owned();
    assert!(found.contains(&("mysql-returned".to_owned(), Some(why))), "{found:?}");
}

#[test]
fn what_a_dead_source_said_last_goes_with_the_failover_that_is_asked_for() {
    let had = "3e11fa47-71ca-11e1-9e33-c80aa9400001:1-10";
    let mut view = with_database("db1", |mysql| mysql.gtid_executed = Some(had.into()));
    for seen in view.hosts.iter_mut().filter(|seen| seen.name.as_str() == "db1") {
        let mut silent = (**seen).clone();
        let at = silent.snapshot.as_ref().unwrap().mysql.at;
        silent.reach = crate::facts::Reach::Silent {
            since: at + std::time::Duration::from_secs(3),
            missed: 4,
        };
        *seen = Arc::new(silent);
    }
    let offered = offers(&view, &host("db1"), NOW);
    let failover = offered
        .iter()
        .find(|offer| offer.asked.runbook == "mysql-failover")
        .unwrap();
    let last = failover.asked.last.as_ref().unwrap();
    assert_eq!((last.host.as_str(), last.had.as_str()), ("db1", had));
    assert_eq!(last.missed, Some(last.at + std::time::Duration::from_secs(3)));
    let switchover = offered
        .iter()
        .find(|offer| offer.asked.runbook == "mysql-switchover")
        .unwrap();
    assert_eq!(switchover.asked.last, None);
}

#[test]
fn a_silent_server_can_be_failed_over_and_a_blind_console_offers_nothing() {
    let silence = |names: &[&str]| {
        let mut view = fixture::view();
        for host in &mut view.hosts {
            if names.contains(&host.name.as_str()) {
                let mut silent = (**host).clone();
                silent.snapshot = silent.snapshot.map(|snapshot| {
                    let mut old = (*snapshot).clone();
                    old.at = ago(60);
                    Arc::new(old)
                });
                *host = Arc::new(silent);
            }
        }
        view
    };
    let view = silence(&["stor3"]);
    let found = rows(&slice("slice-a"), &view);
    assert_eq!(found[0], ("failover".to_owned(), None));
    assert!(
        found[1..]
            .iter()
            .filter(|(runbook, _)| !BESIDE.contains(&runbook.as_str()))
            .all(|(_, why)| why.as_deref() == Some("stor3 does not answer")),
        "{found:?}"
    );
    let offer = &offers(&view, &host("stor3"), NOW)[0];
    assert_eq!(
        (offer.asked.runbook.as_str(), offer.asked.word.as_str()),
        ("failover", "stor3")
    );
    assert_eq!(offer.not_now, None);
    // Nothing is offered by a picture in which neither side is seen.
    let found = rows(&slice("slice-a"), &silence(&["stor3", "stor4"]));
    let mut of_servers = found.iter().filter(|(runbook, _)| runbook != "client-repoint");
    assert!(of_servers.all(|(_, why)| why.is_some()), "{found:?}");
}

#[test]
fn mounts_that_hang_are_offered_to_be_mounted_anew_and_their_segment_to_be_taken_away() {
    use crate::facts::{
        CleanText, Reading,
        filesystem::{StatfsOutcome, StatfsProbe},
    };
    // Every client, with one answer to all of its mounts.
    let with = |outcome: StatfsOutcome| {
        let mut view = fixture::view();
        let fleet = Arc::clone(&view.fleet);
        for seen in &mut view.hosts {
            let mounts = &fleet.host(seen.name.as_str()).unwrap().mounts;
            let mut client = (**seen).clone();
            client.snapshot = client.snapshot.filter(|_| !mounts.is_empty()).map(|snapshot| {
                let probes = mounts.iter().map(|mount| StatfsProbe {
                    at: CleanText::new(&mount.at),
                    outcome: outcome.clone(),
                });
                let mut now = (*snapshot).clone();
                now.at = NOW;
                now.statfs = Reading::known(probes.collect(), NOW);
                Arc::new(now)
            });
            if client.snapshot.is_some() {
                *seen = Arc::new(client);
            }
        }
        view
    };
    let offer = |view: &FleetView, object: &Object, runbook: &str| {
        let found = offers(view, object, NOW);
        found.into_iter().find(|offer| offer.asked.runbook == runbook).unwrap()
    };
    let well = with(StatfsOutcome::Answered { took_ms: 1 });
    let segment = well.fleet.slice("slice-a").unwrap().0.name.clone();
    let client = well
        .fleet
        .hosts
        .iter()
        .find(|host| host.mounts.iter().any(|mount| mount.slice.as_str() == "slice-a"));
    let client = host(client.unwrap().name.as_str());
    let of_segment = Object::Segment(segment.clone());
    for (object, runbook) in [
        (&slice("slice-a"), "client-repoint"),
        (&client, "client-repoint"),
        (&of_segment, "fence-segment"),
    ] {
        let why = offer(&well, object, runbook).not_now;
        assert_eq!(
            why.as_deref(),
            Some("every mount of it that is seen answers"),
            "{runbook}"
        );
        let hung = with(StatfsOutcome::Hung { seconds: 40 });
        let found = offer(&hung, object, runbook);
        assert!(found.not_now.is_none() && found.says.contains("hangs"), "{found:?}");
        let stale = with(StatfsOutcome::Stale);
        let found = offer(&stale, object, runbook);
        assert!(found.not_now.is_none() && found.says.contains("is stale"), "{found:?}");
    }
    let fence = offer(&with(StatfsOutcome::Stale), &of_segment, "fence-segment");
    assert_eq!(
        (fence.asked.word.as_str(), fence.asked.parameters["segment"].as_str()),
        (segment.as_str(), segment.as_str())
    );
}

#[test]
fn all_slices_of_a_segment_are_offered_to_be_moved_where_there_is_room_for_them() {
    use crate::fleet::{Fleet, Segment, Slice};
    let plain = fixture::view();
    let (segment, slice) = plain.fleet.slice("slice-a").unwrap();
    let of_segment = Object::Segment(segment.name.clone());
    let many = |view: &FleetView| {
        let found = offers(view, &of_segment, NOW);
        found
            .into_iter()
            .filter(|offer| offer.asked.runbook == "migrate-many")
            .collect::<Vec<_>>()
    };
    let [none] = many(&plain).try_into().unwrap();
    assert!(
        none.not_now
            .unwrap()
            .starts_with("no other segment has a slice that is mounted where")
    );
    // Another segment has a place for one of them.
    let client = plain.fleet.hosts.iter().find(|host| !host.mounts.is_empty()).unwrap();
    let place = Slice {
        name: "slice-a-new".into(),
        resource: None,
        export: None,
        service_address: None,
        preferred: client.name.clone(),
        standby: None,
        unreplicated: true,
        ..slice.clone()
    };
    let spare = Segment {
        name: "spare".into(),
        servers: vec![client.name.clone()],
        slices: vec![place],
        pools: Vec::new(),
    };
    let fleet = &plain.fleet;
    let segments = fleet.segments.iter().cloned().chain([spare]).collect();
    let mut view = plain.clone();
    view.fleet = Arc::new(Fleet::new(
        fleet.name.clone(),
        None,
        fleet.poll,
        fleet.hosts.clone(),
        segments,
        fleet.topologies.clone(),
    ));
    let [offer] = many(&view).try_into().unwrap();
    assert_eq!(offer.asked.word, segment.name.as_str());
    let parameters: Vec<(&str, &str)> = offer
        .asked
        .parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let of = format!("segment={}", segment.name);
    assert_eq!(
        parameters,
        [("of", of.as_str()), ("segment", "spare"), ("slices", "slice-a")]
    );
    // It is not mounted there yet: that is why not now.
    let why = offer.not_now.unwrap();
    assert!(
        why.starts_with("slice-a: ") && why.contains(client.name.as_str()),
        "{why}"
    );
}

#[test]
fn a_fault_that_both_servers_show_goes_into_the_plan() {
    use crate::verdict::{Code, Finding, Severity, Subject, SubjectKind};
    let mut view = fixture::view();
    let shared = Finding {
        code: Code::StandbySameFault,
        severity: Severity::Warning,
        // The monitor says it of the slice.
        subject: Subject::of_fleet(SubjectKind::Slice, "slice-a"),
        since: ago(60),
        evidence: "stor4 shows what stor3 shows: MdDegraded".into(),
        hosts: Vec::new(),
        unseen: false,
    };
    view.findings = view.findings.iter().cloned().chain([shared]).collect();
    let alike = |object: &Object| {
        let offers = offers(&view, object, NOW);
        let moves = |offer: &&Offer| matches!(offer.asked.runbook.as_str(), "slice-move" | "failover");
        offers.iter().find(moves).unwrap().asked.alike.clone()
    };
    let expected = ["stor4 shows what stor3 shows: MdDegraded"];
    assert_eq!(alike(&slice("slice-a")), expected);
    assert_eq!(alike(&host("stor3")), expected);
    assert!(alike(&slice("slice-d")).is_empty());
}

/// A server that is slow may take a slice, and the menu and the plan say so; one that has recovered is none.
#[test]
fn a_move_to_a_server_that_is_slow_says_so() {
    use crate::verdict::{Code, Finding, Severity, Subject};
    let ask = |severity: Severity| {
        let mut view = fixture::view();
        let slow = Finding {
            code: Code::SemiFailed,
            severity,
            subject: Subject::host(&HostName::new("stor4")),
            since: ago(60),
            evidence: "sdc read 5.8× its 7 peers".into(),
            hosts: Vec::new(),
            unseen: false,
        };
        view.findings = view.findings.iter().cloned().chain([slow]).collect();
        let offer = offers(&view, &slice("slice-a"), NOW).remove(0);
        let mut model = console_of(view, (120, 40), "terminal", Glyphs::Unicode, false);
        let effects = keys(&mut model, ":plan slice-move slice=slice-a<enter>");
        let (_, asked) = asked(&effects);
        (offer.says, asked.weak)
    };
    let (says, weak) = ask(Severity::Critical);
    assert_eq!(says, "stor3 → stor4, which is slow (SemiFailed)");
    assert_eq!(
        weak.values().collect::<Vec<_>>(),
        ["SemiFailed of stor4: sdc read 5.8× its 7 peers"]
    );
    let (says, weak) = ask(Severity::Unknown);
    assert_eq!(says, "stor3 → stor4");
    assert!(weak.is_empty(), "{weak:?}");
}

#[test]
fn a_host_with_arrays_offers_what_can_be_done_about_them() {
    use crate::facts::{
        Reading,
        disk::DiskKind,
        md::{MdArray, MdRole, parse_mdstat},
    };
    let mdstat = "Personalities : [raid5]\nmd0 : active raid5 sdd1[3] sdc1[1] sdb1[0]\n      \
        200 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/3] [UUU]\n\nunused devices: <none>\n";
    let with = |change: &dyn Fn(&mut Vec<MdArray>), disks: &[&str]| {
        let mut view = fixture::view();
        for host in view.hosts.iter_mut().filter(|host| host.name.as_str() == "stor3") {
            let mut changed = (**host).clone();
            let mut snapshot = (**changed.snapshot.as_ref().unwrap()).clone();
            let mut arrays = parse_mdstat(mdstat).unwrap();
            change(&mut arrays);
            snapshot.md = Reading::known(arrays, ago(1));
            let kind = |name: &&str| DiskKind {
                name: (*name).into(),
                rotational: true,
            };
            snapshot.disk_kinds = Reading::known(disks.iter().map(kind).collect(), ago(1));
            snapshot.disk_counters = Reading::known(Vec::new(), ago(1));
            changed.snapshot = Some(Arc::new(snapshot));
            *host = Arc::new(changed);
        }
        let offers = offers(&view, &host("stor3"), NOW);
        ["disk-replace", "scrub"].map(|name| {
            let offer = offers.iter().find(|offer| offer.asked.runbook == name);
            offer.unwrap().clone()
        })
    };
    let [replace, scrub] = with(&|_| {}, &["sdb", "sdc", "sdd", "sde"]);
    assert_eq!(scrub.not_now, None);
    assert_eq!(scrub.asked.parameters["array"], "md0");
    assert!(replace.not_now.is_none() && !replace.asked.parameters.contains_key("disk"));
    let [replace, _] = with(&|_| {}, &["sdb", "sdc", "sdd"]);
    assert!(replace.not_now.unwrap().contains("no member has failed"));
    // A member with read errors is read still; one that has failed goes at once.
    let errors: &dyn Fn(&mut Vec<MdArray>) = &|arrays| arrays[0].members[1].errors = Some(7);
    let failed: &dyn Fn(&mut Vec<MdArray>) = &|arrays| {
        arrays[0].members[1].role = MdRole::Failed;
        arrays[0].members_active = Some(2);
    };
    for (change, at_once) in [(errors, "no"), (failed, "yes")] {
        let [replace, _] = with(change, &["sdb", "sdc", "sdd", "sde"]);
        assert_eq!(replace.not_now, None);
        let given = ["disk", "by", "at_once"].map(|name| replace.asked.parameters[name].as_str());
        assert_eq!(given, ["sdc1", "sde", at_once]);
    }
    let [replace, scrub] = with(failed, &["sdb", "sdc", "sdd"]);
    assert!(replace.not_now.unwrap().contains("no unused disk"));
    assert!(scrub.not_now.unwrap().contains("nothing to compare with"));
    let [replace, _] = with(failed, &["sdb", "sde", "sdf"]);
    assert!(replace.not_now.is_none() && !replace.asked.parameters.contains_key("by"));
    assert!(replace.says.contains("by which of sde, sdf"), "{}", replace.says);
}

#[test]
fn a_host_with_a_pool_offers_what_can_be_done_about_it() {
    use crate::facts::{Reading, disk::DiskKind, zfs::parse_zpool};
    const WELL: &str = "  pool: tank\n state: ONLINE\n  scan: none requested\nconfig:\n\n\tNAME STATE READ WRITE CKSUM\n\
        \ttank ONLINE 0 0 0\n\t  mirror-0 ONLINE 0 0 0\n\t    sdb ONLINE 0 0 0\n\t    sdc ONLINE 0 0 0\n\nerrors: No known data errors\n";
    let with = |changes: &[(&str, &str)], disks: &[&str]| {
        let mut text = WELL.to_owned();
        for (from, to) in changes {
            text = text.replace(from, to);
        }
        let mut view = fixture::view();
        for host in view.hosts.iter_mut().filter(|host| host.name.as_str() == "stor3") {
            let mut changed = (**host).clone();
            let mut snapshot = (**changed.snapshot.as_ref().unwrap()).clone();
            snapshot.md = Reading::absent(ago(1));
            snapshot.pools = Reading::known(parse_zpool(&text).unwrap(), ago(1));
            let kind = |name: &&str| DiskKind {
                name: (*name).into(),
                rotational: true,
            };
            snapshot.disk_kinds = Reading::known(disks.iter().map(kind).collect(), ago(1));
            snapshot.disk_counters = Reading::known(Vec::new(), ago(1));
            changed.snapshot = Some(Arc::new(snapshot));
            *host = Arc::new(changed);
        }
        let offers = offers(&view, &host("stor3"), NOW);
        ["pool-replace", "pool-scrub"].map(|name| {
            let offer = offers.iter().find(|offer| offer.asked.runbook == name);
            offer.unwrap().clone()
        })
    };
    let [replace, scrub] = with(&[], &["sde"]);
    assert_eq!((scrub.not_now, replace.not_now), (None, None));
    assert_eq!(scrub.asked.parameters["pool"], "tank");
    assert!(!replace.asked.parameters.contains_key("disk"));
    let [replace, _] = with(&[], &[]);
    assert!(replace.not_now.unwrap().contains("no device has failed"));
    // One with errors is read still; one that is out of service has the same command.
    for change in [("sdc ONLINE 0 0 0", "sdc ONLINE 0 0 9"), ("sdc ONLINE", "sdc UNAVAIL")] {
        let [replace, _] = with(&[change], &["sde"]);
        assert_eq!(replace.not_now, None);
        let given = ["disk", "by"].map(|name| replace.asked.parameters[name].as_str());
        assert_eq!(given, ["sdc", "sde"]);
        let [replace, _] = with(&[change], &["sde", "sdf"]);
        assert!(replace.says.contains("by which of sde, sdf"), "{}", replace.says);
    }
    for (state, why) in [
        (
            "resilver in progress since Sun Nov  8 00:24:12 2026",
            "resilver is under way",
        ),
        ("scrub paused since Sun Nov  8 00:24:12 2026", "a scrub pauses"),
    ] {
        for offer in with(&[("none requested", state)], &["sde"]) {
            assert!(offer.not_now.unwrap().contains(why));
        }
    }
}

#[test]
fn a_slice_on_a_dataset_is_offered_to_be_brought_by_its_snapshots() {
    use crate::fleet::{Fleet, SliceName};
    let with = |device: &str, into: &str| {
        let mut view = fixture::view();
        let mut segments = view.fleet.segments.clone();
        let all = || segments.iter().flat_map(|segment| &segment.slices);
        let mut spare = all().find(|slice| slice.name.as_str() == "slice-a").unwrap().clone();
        (spare.name, spare.device) = (SliceName::new("spare"), into.to_owned());
        (spare.preferred, spare.standby) = (HostName::new("stor1"), None);
        (spare.service_address, spare.resource) = (None, None);
        for slice in segments.iter_mut().flat_map(|segment| &mut segment.slices) {
            if slice.name.as_str() == "slice-a" {
                device.clone_into(&mut slice.device);
            }
        }
        segments[0].slices.push(spare);
        let (fleet, none) = (Arc::clone(&view.fleet), Vec::new());
        let name = fleet.name.clone();
        view.fleet = Arc::new(Fleet::new(name, None, fleet.poll, fleet.hosts.clone(), segments, none));
        let offers = offers(&view, &slice("slice-a"), NOW);
        offers.into_iter().find(|offer| offer.asked.runbook == "migrate-zfs")
    };
    assert!(with("/dev/drbd0", "pool/slice-a").is_none());
    let by_snapshots = with("tank/slice-a", "pool/slice-a").unwrap();
    assert_eq!(by_snapshots.asked.parameters["into"], "spare");
    let not_now = with("tank/slice-a", "/dev/md9").unwrap().not_now.unwrap();
    assert_eq!(not_now, "spare is on /dev/md9, which is no dataset of ZFS");
}

#[test]
fn both_sides_of_a_split_brain_are_offered_as_the_victim() {
    use crate::facts::drbd::{DrbdConnection, DrbdRole};
    let mut view = fixture::view();
    for host in &mut view.hosts {
        if !["stor3", "stor4"].contains(&host.name.as_str()) {
            continue;
        }
        let mut apart = (**host).clone();
        let mut snapshot = (**apart.snapshot.as_ref().unwrap()).clone();
        let mut volumes = snapshot.drbd.value().unwrap().clone();
        for volume in &mut volumes {
            volume.connection = DrbdConnection::StandAlone;
            volume.role = DrbdRole::Primary;
        }
        snapshot.drbd = crate::facts::Reading::known(volumes, ago(1));
        apart.snapshot = Some(Arc::new(snapshot));
        *host = Arc::new(apart);
    }
    let found = offers(&view, &slice("slice-b"), NOW);
    let victims: Vec<&str> = found
        .iter()
        .filter(|offer| offer.not_now.is_none())
        .filter_map(|offer| Some(offer.asked.parameters.get("victim")?.as_str()))
        .collect();
    assert_eq!(victims, ["stor4", "stor3"]);
    let why = found.iter().find_map(|offer| offer.not_now.as_deref());
    assert_eq!(why, Some("both sides are primary"));
}

#[test]
fn menus_look_as_agreed() {
    for size in SIZES {
        for name in ["slice-a", "slice-b"] {
            let mut model = console(size);
            keys(&mut model, &format!(":{name}<enter>m"));
            insta::assert_snapshot!(format!("menu_{name}_{}x{}", size.0, size.1), picture(&model));
        }
    }
}

#[test]
fn what_does_not_apply_cannot_be_chosen() {
    let mut model = console((120, 40));
    assert_eq!(keys(&mut model, ":slice-b<enter>m<down><enter>"), []);
    assert!(
        text(&model).contains("not now: both sides are not connected"),
        "{}",
        text(&model)
    );
    keys(&mut model, "<esc>");
    assert!(model.layers.is_empty());
}

#[test]
fn a_plan_is_shown_whole_before_anything_happens() {
    for size in SIZES {
        let mut model = with_plan(size, "healthy");
        insta::assert_snapshot!(format!("plan_{}x{}", size.0, size.1), picture(&model));
        keys(&mut model, "slice<end>");
        insta::assert_snapshot!(format!("plan_end_{}x{}", size.0, size.1), picture(&model));
        // All of it can be reached: every step's number is seen somewhere on the way.
        keys(&mut model, "<home>");
        let mut seen = String::new();
        for _ in 0..20 {
            seen.push_str(&text(&model));
            keys(&mut model, "<pgdn>");
        }
        for wanted in [
            "drbdadm secondary slice-a",
            "drbdadm primary slice-a",
            "This is the whole plan",
        ] {
            assert!(seen.contains(wanted), "{wanted}");
        }
    }
}

#[test]
fn enter_alone_is_never_yes() {
    let mut model = with_plan((80, 24), "healthy");
    for typed in [
        "<enter>",
        "<enter><enter>",
        "y<enter>",
        "<ctrl-u>yes<enter>",
        "<ctrl-u>slice-<enter>",
        "<ctrl-u>slice-b<enter>",
        "<ctrl-u>SLICE-A<enter>",
    ] {
        assert_eq!(keys(&mut model, typed), [], "{typed}");
        assert!(matches!(model.layers.last(), Some(Layer::Plan(_))), "{typed}");
    }
    update(&mut model, Msg::Paste("slice-a".to_owned()));
    assert_eq!(keys(&mut model, "<ctrl-u><enter>"), []);
    update(&mut model, Msg::Paste("slice-a".to_owned()));
    assert_eq!(keys(&mut model, "<enter>"), [], "a pasted name is not a typed one");
    let number = match model.layers.last() {
        Some(Layer::Plan(planning)) => planning.number,
        other => panic!("{other:?}"),
    };
    assert!(text(&model).contains("nothing happens: type slice-a in full"));
    assert_eq!(keys(&mut model, "<ctrl-u>slice-a<enter>"), [Effect::Begin(number)]);
    assert!(
        !text(&model).contains("nothing happens"),
        "it hides the keys of the run"
    );
}

#[test]
fn esc_leaves_a_plan_and_a_late_one_is_dropped() {
    let mut model = with_plan((80, 24), "healthy");
    assert_eq!(keys(&mut model, "slice-a<esc>"), [Effect::DropPlan(1)]);
    assert!(model.layers.is_empty());
    let effects = keys(&mut model, "m<enter>");
    let (number, what) = asked(&effects);
    assert!(text(&model).contains("the hosts are looked at"), "{}", text(&model));
    assert_eq!(keys(&mut model, "q"), [Effect::DropPlan(number)]);
    update(&mut model, Msg::Planned(number, planned(&what, "healthy", true, None)));
    assert!(model.layers.is_empty());
    // An earlier plan must not take the place of the one that is waited for.
    let (later, _) = asked(&keys(&mut model, "m<enter>"));
    update(&mut model, Msg::Planned(number, planned(&what, "healthy", true, None)));
    assert!(text(&model).contains("the hosts are looked at"));
    assert!(later > number);
}

#[test]
fn a_refusal_says_what_lifts_it() {
    for size in SIZES {
        let model = with_plan(size, "split-brain");
        insta::assert_snapshot!(format!("refusal_{}x{}", size.0, size.1), picture(&model));
    }
    let mut model = with_plan((80, 24), "split-brain");
    assert_eq!(
        keys(&mut model, "<enter>"),
        [Effect::DropPlan(1)],
        "it has nothing to say yes to"
    );
}

#[test]
fn a_rule_is_set_aside_only_by_typing_it_in_full() {
    let mut model = console((120, 40));
    let (_, mut failover) = asked(&keys(&mut model, ":slice-a<enter>m<enter>"));
    failover.runbook = "failover".to_owned();
    failover.parameters = [("server", "stor1"), ("slices", "slice-a")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    failover.word = "stor1".to_owned();
    if let Some(Layer::Plan(planning)) = model.layers.last_mut() {
        planning.asked = failover.clone();
    }
    update(
        &mut model,
        Msg::Planned(1, planned(&failover, "healthy", false, Some("stor1"))),
    );
    insta::assert_snapshot!("refusal_glass_120x40", picture(&model));
    assert_eq!(keys(&mut model, "<enter>stor1<enter>"), []);
    let (number, again) = asked(&keys(&mut model, "<ctrl-u>assert-off=stor1<enter>"));
    assert_eq!(again.glass.len(), 1);
    update(
        &mut model,
        Msg::Planned(number, planned(&again, "healthy", false, Some("stor1"))),
    );
    assert!(
        text(&model).contains("assert-off for stor1, said by ann@desk"),
        "{}",
        text(&model)
    );
    insta::assert_snapshot!("plan_failover_120x40", picture(&model));
    assert_eq!(
        keys(&mut model, "slice-a<enter>"),
        [],
        "the consent is to the server's loss"
    );
    assert_eq!(keys(&mut model, "<ctrl-u>stor1<enter>"), [Effect::Begin(number)]);
}

#[test]
fn what_a_runbook_has_to_be_told_is_typed_on_the_command_line() {
    let mut model = console((120, 40));
    model.works = crate::console::runbooks::Works::of(&Mode::new(false, false));
    // From the menu of a host: what the menu knows is there already.
    keys(&mut model, ":stor3<enter>m");
    let Some(Layer::Menu(menu)) = model.layers.last() else {
        panic!("{}", text(&model))
    };
    let at = menu
        .offers
        .iter()
        .position(|offer| offer.asked.runbook == "service")
        .unwrap();
    assert!(text(&model).contains("(asks for more)"), "{}", text(&model));
    let effects = keys(&mut model, &format!("{}<enter>", "<down>".repeat(at)));
    assert_eq!(effects, []);
    assert!(
        text(&model).contains("plan service hosts=stor3 state= unit="),
        "{}",
        text(&model)
    );
    let effects = keys(
        &mut model,
        "<ctrl-u>plan service hosts=stor3 unit=cron state=started<enter>",
    );
    let [Effect::Plan(_, asked)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((asked.runbook.as_str(), asked.word.as_str()), ("service", "stor3"));
    assert_eq!(asked.parameters.get("state").map(String::as_str), Some("started"));
    keys(&mut model, "<esc>");
    // A value may hold spaces; what cannot be meant is said.
    let effects = keys(
        &mut model,
        ":plan service 'hosts=role=storage, site=lax' unit=cron state=stopped<enter>",
    );
    let [Effect::Plan(_, asked)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(asked.parameters["hosts"], "role=storage, site=lax");
    keys(&mut model, "<esc>");
    for (line, says) in [
        (":plan servise x=y<enter>", "did you mean service?"),
        (":plan service cron<enter>", "is no parameter"),
        (":plan service 'x<enter>", "a quote is not closed"),
    ] {
        assert_eq!(keys(&mut model, line), [], "{line}");
        assert!(text(&model).contains(says), "{line}: {}", text(&model));
        keys(&mut model, "<esc>");
    }
}

#[test]
fn nothing_of_it_exists_where_it_must_not() {
    for (read_only, wall) in [(true, false), (false, true)] {
        let look = console((120, 40)).look;
        let mode = Mode::new(read_only, wall);
        let mut model = Model::new(Arc::new(fixture::view()), NOW, (120, 40), look, mode, wall);
        assert!(model.works.is_none());
        for path in [
            "2<down>m",
            "7",
            "8",
            "p",
            "x",
            "c",
            ":runbooks<enter>",
            ":runs<enter>",
            ":plan slice-move slice=slice-a<enter>",
            ":slice-a<enter>m<enter>slice-a<enter>",
        ] {
            let effects = keys(&mut model, path);
            assert!(effects.iter().all(|effect| !acts(effect)), "{path}: {effects:?}");
            let shown = text(&model);
            assert!(!shown.to_lowercase().contains("runbook") || wall, "{path}: {shown}");
            assert!(
                !matches!(model.page, Page::Runbooks | Page::Runbook(_) | Page::Runs | Page::Run),
                "{path}"
            );
            assert!(
                !matches!(model.layers.last(), Some(Layer::Menu(_) | Layer::Plan(_))),
                "{path}"
            );
            keys(&mut model, "<esc><esc>1");
        }
        for _ in 0..12 {
            keys(&mut model, "<tab>");
            assert!(!matches!(model.page, Page::Runbooks), "tab leads there");
        }
        keys(&mut model, "?/runbook");
        let shown = text(&model);
        assert!(wall || shown.contains("nothing found"), "{shown}");
    }
    assert_eq!(keymap::bindings(Context::Consent, false).count(), 0);
}

/// Whether an effect could change a host, or lead to it.
fn acts(effect: &Effect) -> bool {
    use Effect::{Begin, DropPlan, GoOn, Plan, ReadReport, ReadRuns, Steer, TakeBack};
    matches!(
        effect,
        Plan(..) | DropPlan(_) | Begin(_) | Steer(_) | GoOn(..) | TakeBack(_) | ReadRuns | ReadReport(_)
    )
}

/// A console on the page of a run of slice-a, as far as the steps' states say.
pub(super) fn with_run(size: (u16, u16), change: impl FnOnce(&mut crate::conduct::Progress)) -> Model {
    use crate::conduct::Progress;
    let mut model = with_plan(size, "healthy");
    let plan = match model.layers.last() {
        Some(Layer::Plan(planning)) => match &planning.stage {
            crate::console::runbooks::Stage::Ready(plan) => plan.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(keys(&mut model, "slice-a<enter>"), [Effect::Begin(1)]);
    assert!(text(&model).contains("the run begins"));
    update(&mut model, Msg::Began(Ok(())));
    let mut progress = Progress::new(&plan, "20260307-031158-abcde", "ann@desk", ago(9));
    for (at, step) in progress.steps.iter_mut().enumerate().take(6) {
        step.began = Some(UnixMs(ago(8).0 + at as u64 * 400));
        step.ended = Some(UnixMs(ago(8).0 + at as u64 * 400 + 250));
        step.state = crate::conduct::StepState::Done;
    }
    progress.current = Some(5);
    progress.stage = "proves step 6 of 12".to_owned();
    progress.steps[5].state = crate::conduct::StepState::Proving;
    progress.steps[5].ended = None;
    progress.at = NOW;
    change(&mut progress);
    update(&mut model, Msg::Progress(Arc::new(progress)));
    model
}

fn parked() -> crate::runbook::engine::End {
    crate::runbook::engine::End::Parked {
        step: 5,
        why: "slice-a on stor1 is still Primary".to_owned(),
        next: "look at who holds /dev/drbd0 there, then resume".to_owned(),
        unknown: false,
    }
}

#[test]
fn runs_look_as_agreed() {
    use crate::{
        conduct::StepState,
        console::runbooks::runs::RunLine,
        runbook::{engine::End, operation::Question},
        store::Standing,
    };
    for size in SIZES {
        let name = |what: &str| format!("{what}_{}x{}", size.0, size.1);
        let model = with_run(size, |_| {});
        insta::assert_snapshot!(name("run"), picture(&model));
        let model = with_run(size, |run| {
            run.question = Some(Question {
                text: "has stor1 been well since its repair?".to_owned(),
                word: "slice-a".to_owned(),
            });
        });
        insta::assert_snapshot!(name("run_asks"), picture(&model));
        let mut model = with_run(size, |run| {
            run.steps[5].state = StepState::Failed;
            run.steps[5].output = "0: State change failed: (-12) Device is held open by someone\n".to_owned();
            run.current = None;
            run.end = Some(parked());
        });
        insta::assert_snapshot!(name("run_parked"), picture(&model));
        let line = |id: &str, what: &str, end, standing| RunLine {
            id: id.to_owned(),
            what: what.to_owned(),
            word: "slice-a".to_owned(),
            owner: "ann@desk".to_owned(),
            began: ago(600),
            ended: Some(ago(580)),
            end,
            standing,
            begun: true,
            cancelled: false,
            claims: Vec::new(),
        };
        let lines = vec![
            line(
                "20260307-030207-aaaaa",
                "slice-move slice-c",
                Some(End::Done),
                Standing::Over,
            ),
            line(
                "20260307-030207-bbbbb",
                "slice-move slice-a",
                Some(parked()),
                Standing::Waiting,
            ),
        ];
        keys(&mut model, "1");
        update(&mut model, Msg::Runs(Ok(lines)));
        assert!(
            text(&model).contains("UNFINISHED RUN slice-move slice-a: 8 shows what to do"),
            "{}",
            text(&model)
        );
        assert_eq!(keys(&mut model, "8"), [Effect::ReadRuns]);
        insta::assert_snapshot!(name("runs"), picture(&model));
        assert_eq!(keys(&mut model, "c<enter>"), [], "enter alone goes on with nothing");
        insta::assert_snapshot!(name("runs_go_on"), picture(&model));
        assert_eq!(
            keys(&mut model, "slice-a<enter>"),
            [Effect::GoOn("20260307-030207-bbbbb".to_owned(), Vec::new())]
        );
    }
}

#[test]
fn a_run_is_steered_by_keys_and_taken_back_behind_a_name_only() {
    use crate::console::runbooks::runs::Steer;
    let mut model = with_run((120, 40), |_| {});
    assert_eq!(keys(&mut model, "p"), [Effect::Steer(Steer::Pause)]);
    assert_eq!(keys(&mut model, "x<enter>"), []);
    assert_eq!(keys(&mut model, "slice-<enter>"), []);
    assert_eq!(keys(&mut model, "a<enter>"), [Effect::Steer(Steer::Cancel)]);
    keys(&mut model, "1");
    assert!(
        text(&model).contains("RUN slice-move slice-a UNDER WAY"),
        "{}",
        text(&model)
    );
    assert_eq!(keys(&mut model, "8"), []);
    assert_eq!(model.page, Page::Run);
    assert_eq!(keys(&mut model, ":slice-a<enter>m<enter>"), [], "one run at a time");
}

#[test]
fn q_does_not_leave_a_run_by_accident() {
    let mut model = with_run((80, 24), |_| {});
    for typed in [
        "q",
        "qq",
        "q<enter>",
        "<esc>q<ctrl-c>",
        "<esc>:quit<enter>",
        "<esc>q<space>",
    ] {
        assert_eq!(keys(&mut model, typed), [], "{typed}");
    }
    keys(&mut model, "q");
    insta::assert_snapshot!("leave_80x24", picture(&model));
    assert_eq!(keys(&mut model, "L"), [Effect::Quit]);
    let mut over = with_run((80, 24), |run| run.end = Some(crate::runbook::engine::End::Done));
    assert_eq!(keys(&mut over, "q"), [Effect::Quit]);
}
