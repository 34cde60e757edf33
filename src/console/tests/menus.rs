//! Menus and what was collected: an open menu follows it, and says what the plan would refuse.

use super::{pictures::picture, *};
use crate::{
    console::{
        runbooks::offers::{Object, Offer, offers},
        sides::SliceFacts,
    },
    facts::{
        Reading, Snapshot, Why,
        drbd::DrbdDisk,
        filesystem::StatfsOutcome,
        md::MdArray,
        mysql::{Galera, GaleraStatus},
    },
    fleet::{Backup, BackupHooks, Fleet, Slice, TopologyKind},
};
use std::time::Duration;

/// The fixture with one host's facts changed.
fn changed(view: &FleetView, host: &str, change: impl Fn(&mut Snapshot)) -> FleetView {
    let mut view = view.clone();
    for seen in view.hosts.iter_mut().filter(|seen| seen.name.as_str() == host) {
        let mut other = (**seen).clone();
        let mut snapshot = (**other.snapshot.as_ref().unwrap()).clone();
        change(&mut snapshot);
        other.snapshot = Some(Arc::new(snapshot));
        *seen = Arc::new(other);
    }
    view
}

fn degraded(snapshot: &mut Snapshot) {
    let mut arrays: Vec<MdArray> = snapshot.md.value().unwrap().clone();
    arrays[0].map = "UU_".into();
    arrays[0].members_active = Some(2);
    snapshot.md = Reading::known(arrays, snapshot.at);
}

fn offer(view: &FleetView, runbook: &str) -> Offer {
    let found = offers(view, &Object::Slice("slice-a".into()), NOW);
    found.into_iter().find(|offer| offer.asked.runbook == runbook).unwrap()
}

#[test]
fn what_the_plan_would_refuse_is_not_called_possible() {
    let view = fixture::view();
    assert_eq!(offer(&view, "slice-move").not_now, None);
    let refused = |view: &FleetView| offer(view, "slice-move").not_now.unwrap();
    let worse = changed(&view, "stor4", degraded);
    assert_eq!(refused(&worse), "md0 of stor4 is degraded (UU_)");
    let stopped = changed(&view, "stor4", |snapshot| {
        let mut server = *snapshot.nfs_server.value().unwrap();
        server.threads = Some(0);
        snapshot.nfs_server = Reading::known(server, snapshot.at);
    });
    assert_eq!(refused(&stopped), "nfsd of stor4 does not run");
    let addressed = changed(&view, "stor4", |snapshot| {
        let mut own = snapshot.addresses.value().unwrap().clone();
        own[0].ip = [10, 77, 2, 100].into();
        snapshot.addresses = Reading::known(own, snapshot.at);
    });
    assert_eq!(refused(&addressed), "stor4 carries 10.77.2.100");
    let bare = changed(&view, "stor3", |snapshot| {
        snapshot.mounts = Reading::known(Vec::new(), snapshot.at);
    });
    assert_eq!(refused(&bare), "nothing is mounted on /srv/slice-a of stor3");
}

/// A backup is tested where the inventory says how, and only on a host that answers.
#[test]
fn a_backup_can_be_tested_where_somebody_has_said_how() {
    let plain = fixture::view();
    let slice = Object::Slice("slice-a".into());
    let tests = |view: &FleetView| {
        let mut found = offers(view, &slice, NOW).into_iter();
        found.find(|offer| offer.asked.runbook == "backup-test").unwrap()
    };
    let why = tests(&plain).not_now.unwrap();
    assert!(
        why.contains("does not say how its backups are"),
        "only its host is declared: {why}"
    );
    let on = |host: &str| {
        let mut view = plain.clone();
        let mut fleet = (*view.fleet).clone();
        let mut slices = fleet.segments.iter_mut().flat_map(|segment| &mut segment.slices);
        slices.find(|slice| slice.name.as_str() == "slice-a").unwrap().backup = Some(Backup {
            on: host.into(),
            hooks: Some(BackupHooks {
                list: vec!["list".to_owned()],
                restore: vec!["restore".to_owned()],
                fetch: None,
                scratch: "/srv/scratch".to_owned(),
                expect: Vec::new(),
                every: Duration::from_hours(26),
                tested: Duration::from_hours(35 * 24),
            }),
        });
        view.fleet = Arc::new(fleet);
        tests(&view)
    };
    let offer = on("stor3");
    assert_eq!((offer.not_now, offer.asked.word.as_str()), (None, "slice-a"));
    assert_eq!(
        offer.says,
        "restore the newest backup to /srv/scratch of stor3, and see whether it is good"
    );
    assert_eq!(on("nowhere").not_now.as_deref(), Some("nowhere does not answer"));
}

/// A slice is served from its backup only where nobody has its data any more, by a server that can get at the backup.
#[test]
fn a_backup_is_the_last_resort() {
    let mut view = fixture::view();
    let mut fleet = (*view.fleet).clone();
    let mut slices = fleet.segments.iter_mut().flat_map(|segment| &mut segment.slices);
    let slice = slices.find(|slice| slice.name.as_str() == "slice-a").unwrap();
    let spare = Slice {
        name: "spare".into(),
        resource: None,
        service_address: None,
        preferred: "access2".into(),
        standby: None,
        backup: None,
        ..slice.clone()
    };
    slice.backup = Some(Backup {
        on: "access1".into(),
        hooks: Some(BackupHooks {
            list: vec!["list".to_owned()],
            restore: vec!["restore".to_owned()],
            fetch: None,
            scratch: "/srv/scratch".to_owned(),
            expect: Vec::new(),
            every: Duration::from_hours(26),
            tested: Duration::from_hours(35 * 24),
        }),
    });
    view.fleet = Arc::new(fleet.clone());
    let not_now = |view: &FleetView| offer(view, "restore-from-backup").not_now.unwrap_or_default();
    assert_eq!(not_now(&view), "stor3 has all of its data: a backup has less");
    let lost = |view: &FleetView, disk: DrbdDisk, closed: bool| {
        let mut lost = view.clone();
        for host in ["stor3", "stor4"] {
            lost = changed(&lost, host, |snapshot| {
                let mut volumes = snapshot.drbd.value().unwrap().clone();
                for volume in &mut volumes {
                    volume.disk = disk.clone();
                }
                snapshot.drbd = Reading::known(volumes, snapshot.at);
                if closed {
                    snapshot.mounts = Reading::known(Vec::new(), snapshot.at);
                    snapshot.addresses = Reading::known(Vec::new(), snapshot.at);
                }
            });
        }
        lost
    };
    let maybe = lost(&view, DrbdDisk::Consistent, true);
    assert_eq!(not_now(&maybe), "the data on stor3 is Consistent: it may be UpToDate");
    assert_eq!(not_now(&lost(&view, DrbdDisk::Failed, false)), "stor3 serves it still");
    let gone = lost(&view, DrbdDisk::Failed, true);
    assert!(not_now(&gone).starts_with("no slice of the inventory could take its place"));
    fleet.segments[0].slices.push(spare);
    let with = |fleet: &Fleet| FleetView {
        fleet: Arc::new(fleet.clone()),
        ..gone.clone()
    };
    assert_eq!(
        not_now(&with(&fleet)),
        "how a backup is brought to access2 is not declared (`fetch`)"
    );
    let mut slices = fleet.segments.iter_mut().flat_map(|segment| &mut segment.slices);
    let slice = slices.find(|slice| slice.name.as_str() == "slice-a").unwrap();
    slice.backup.as_mut().unwrap().hooks.as_mut().unwrap().fetch = Some(vec!["fetch".to_owned()]);
    let found = offer(&with(&fleet), "restore-from-backup");
    assert_eq!(
        (found.not_now, found.asked.parameters["into"].as_str()),
        (None, "spare")
    );
    assert_eq!(
        found.says,
        "last resort: serve it from its newest backup, by spare on access2; what was written since is lost"
    );
}

#[test]
fn a_standby_with_a_fault_takes_over_only_by_name_and_the_menu_says_so() {
    let mut view = changed(&fixture::view(), "stor4", degraded);
    for host in view.hosts.iter_mut().filter(|host| host.name.as_str() == "stor3") {
        let mut silent = (**host).clone();
        let mut old = (**silent.snapshot.as_ref().unwrap()).clone();
        old.at = ago(60);
        silent.snapshot = Some(Arc::new(old));
        *host = Arc::new(silent);
    }
    let failover = offer(&view, "failover");
    assert_eq!(failover.not_now, None);
    assert!(
        failover
            .says
            .contains("md0 of stor4 is degraded (UU_): the plan wants --force=stor4"),
        "{}",
        failover.says
    );
}

#[test]
fn an_open_menu_follows_what_is_seen_and_keeps_its_mark() {
    let mut model = console((120, 40));
    keys(&mut model, ":slice-a<enter>m<down><down>");
    let marked = |model: &Model| match model.layers.last() {
        Some(Layer::Menu(menu)) => {
            let offer = &menu.offers[menu.at];
            (offer.asked.runbook.clone(), menu.offers[0].not_now.clone())
        }
        other => panic!("{other:?}"),
    };
    let (runbook, first) = marked(&model);
    assert_eq!((runbook.as_str(), first), ("fail-back", None));
    assert!(text(&model).contains("● possible"), "{}", text(&model));
    update(
        &mut model,
        Msg::View(Arc::new(changed(&fixture::view(), "stor4", degraded))),
    );
    let (runbook, first) = marked(&model);
    assert_eq!(runbook, "fail-back", "the mark stays with its runbook");
    assert_eq!(first.as_deref(), Some("md0 of stor4 is degraded (UU_)"));
    insta::assert_snapshot!("menu_renewed_120x40", picture(&model));
    // Enter on what has become impossible makes no plan.
    assert_eq!(keys(&mut model, "<up><up><enter>"), []);
    update(&mut model, Msg::View(Arc::new(fixture::view())));
    assert_eq!(marked(&model).1, None);
    // Time alone makes hosts silent.
    update(&mut model, Msg::Tick(UnixMs(NOW.0 + 60_000)));
    assert!(
        marked(&model).1.unwrap().contains("does not answer"),
        "{}",
        text(&model)
    );
}

#[test]
fn clients_that_hang_are_not_counted_as_well() {
    let mut view = fixture::calm();
    let count = |view: &FleetView| {
        let (segment, slice) = view.fleet.slice("slice-a").unwrap();
        let facts = SliceFacts::new(view, segment, slice, NOW);
        let clients: Vec<_> = facts.clients(view).map(|client| client.answers()).collect();
        clients.iter().filter(|answers| **answers == Some(true)).count()
    };
    let all = count(&view);
    assert!(all >= 3, "{all}");
    for seconds in [0, 1, 40] {
        let mut hung = view.clone();
        for number in 1..=5 {
            hung = changed(&hung, &format!("access{number}"), |snapshot| {
                let mut probes = snapshot.statfs.value().unwrap().clone();
                for probe in &mut probes {
                    probe.outcome = StatfsOutcome::Hung { seconds };
                }
                snapshot.statfs = Reading::known(probes, snapshot.at);
            });
        }
        assert_eq!(count(&hung), if seconds == 0 { all } else { 0 }, "{seconds}");
        if seconds == 40 {
            view = hung;
        }
    }
    let mut model = console_of(view, (120, 40), "terminal", Glyphs::Unicode, false);
    keys(&mut model, "2");
    assert!(text(&model).contains("✖ 0 of 5"), "{}", text(&model));
    keys(&mut model, ":slice-a<enter>");
    assert!(text(&model).contains("no answer for 40 s") || text(&model).contains("hung for 40 s"));
}

/// Members of a Galera cluster as they were collected last: `None` for one whose server does not answer.
fn cluster(primary: [Option<bool>; 3]) -> FleetView {
    let mut view = fixture::view();
    let one = view
        .host("db1")
        .unwrap()
        .snapshot
        .as_ref()
        .unwrap()
        .mysql
        .value()
        .unwrap()
        .clone();
    let mut topology = view.fleet.topologies[0].clone();
    topology.kind = TopologyKind::Galera;
    topology.preferred_source = None;
    let fleet = &view.fleet;
    let (hosts, segments) = (fleet.hosts.clone(), fleet.segments.clone());
    let name = fleet.name.clone();
    view.fleet = Arc::new(Fleet::new(
        name,
        None,
        fleet.poll,
        hosts,
        segments,
        vec![topology.clone()],
    ));
    for (host, primary) in topology.members.iter().zip(primary) {
        view = changed(&view, host.as_str(), |snapshot| {
            let Some(primary) = primary else {
                snapshot.mysql = Reading::unknown(Why::Failed("ERROR 2002".into()), snapshot.at);
                return;
            };
            let mut own = one.clone();
            own.galera = Some(Galera {
                cluster_status: if primary {
                    GaleraStatus::Primary
                } else {
                    GaleraStatus::NonPrimary
                },
                local_state: "Synced".into(),
                ready: Some(primary),
                connected: Some(true),
                cluster_size: Some(3),
                state_uuid: "95ccfaeb-e57a-11f1-8981-0f4b1d5b6f26".into(),
                conf_id: Some(5),
                flow_control_paused: None,
                last_committed: Some(9),
            });
            snapshot.mysql = Reading::known(own, snapshot.at);
        });
    }
    view
}

#[test]
fn a_cluster_is_recovered_only_while_no_member_is_primary() {
    let object = Object::Topology("db-main".into());
    let why = |view: &FleetView, runbook: &str, object: &Object| {
        let found = offers(view, object, NOW);
        found
            .into_iter()
            .find(|offer| offer.asked.runbook == runbook)
            .unwrap()
            .not_now
    };
    let well = cluster([Some(true); 3]);
    assert_eq!(
        why(&well, "galera-recover", &object).as_deref(),
        Some("db1 is in a primary component: the others join it")
    );
    assert_eq!(
        why(&well, "galera-join", &object).as_deref(),
        Some("every member of db-main is in its primary component")
    );
    let away = cluster([Some(true), Some(true), None]);
    assert_eq!(why(&away, "galera-join", &object), None);
    assert_eq!(
        why(&away, "galera-position", &Object::Host("db3".into())).as_deref(),
        Some("db1 is in a primary component: galera-join instead")
    );
    let lost = cluster([Some(false), None, None]);
    assert_eq!(why(&lost, "galera-recover", &object), None);
    assert_eq!(
        why(&lost, "galera-join", &object).as_deref(),
        Some("no member of db-main is in a primary component")
    );
    assert_eq!(why(&lost, "galera-position", &Object::Host("db2".into())), None);
    assert_eq!(
        why(&lost, "galera-position", &Object::Host("db1".into())).as_deref(),
        Some("the server of db1 runs")
    );
}
