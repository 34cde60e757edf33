//! What must hold of a client after every event, and at every end (the numbers are those of the safety invariants).

use super::{
    case::Fate,
    scene::{self, Scene},
    stage::{Console, Stage},
};
use pointsman::{
    runbook::engine::End,
    simulate::{
        act::Mishap,
        island::Island,
        nfs::{MountState, NfsMount},
        node::Node,
    },
};

fn client(island: &Island) -> &Node {
    &island.nodes[island.node("client").unwrap()]
}

/// 13: whatever a run does with one slice, the client keeps its mount of the other one; and nothing that is mounted is kept
/// from its server by a run, but what a run of an emergency is about to take away.
pub fn check(stage: &Stage, island: &Island) {
    if !stage.scene.is_client() {
        return;
    }
    let node = client(island);
    let other = &node.mounts[1];
    let disturbed = stage.disturbed.contains("client");
    assert!(
        disturbed || other.mounted && other.generation == 0,
        "13: the client's mount of the other slice was touched"
    );
    assert!(
        disturbed || !node.barred.contains(&other.server),
        "13: the client is kept from the other slice"
    );
    let cut = |mount: &NfsMount| mount.mounted && node.barred.contains(&mount.server);
    assert!(
        stage.scene == Scene::FenceSegment || !node.mounts.iter().any(cut),
        "13: what is mounted is kept from its server"
    );
}

/// 21: the client is as the end says.
pub fn ended(stage: &Stage, end: &End) -> Result<(), String> {
    let done = match end {
        _ if !stage.scene.is_client() => return Ok(()),
        End::Done => true,
        End::Compensated { stays, .. } if !stays.is_empty() => return Ok(()),
        End::Compensated { .. } | End::Refused { .. } => false,
        _ => return Ok(()),
    };
    let reached = stage.reached_by_clients("stor1");
    let ended = stage.sim.world().fleet(|island| {
        let node = client(island);
        let mount = &node.mounts[0];
        let barred = node.barred.contains(&mount.server);
        let kept = node.store.mounts.contains_key("/mnt/web1");
        let cron = !node.stopped_units.contains("cron");
        let answers = mount.state == MountState::Answering || !reached;
        let all = match (stage.scene, done) {
            (Scene::FenceSegment, true) => [
                ("mounted still", !mount.mounted),
                ("not barred", barred),
                ("not kept", kept),
            ],
            (Scene::FenceSegment, false) => [("not mounted", mount.mounted), ("barred", !barred), ("kept", !kept)],
            (Scene::ClientRepoint, true) => [
                ("mounted as before", mount.mounted && mount.generation > 0),
                ("not well", answers && cron),
                ("kept", !kept),
            ],
            (Scene::ClientRepoint, false) => [("not mounted", mount.mounted), ("without cron", cron), ("kept", !kept)],
            (_, true) => [
                ("not well", mount.mounted && answers),
                ("barred", !barred),
                ("kept", !kept),
            ],
            (_, false) => [("mounted", !mount.mounted), ("not barred", barred), ("not kept", kept)],
        };
        all.into_iter().find(|(_, holds)| !holds).map(|(what, _)| what)
    });
    ended
        .unwrap()
        .map_or(Ok(()), |what| Err(format!("the client is {what}")))
}

/// A stage whose client is changed before the plan is made, and a run of the scene's runbook with these parameters.
fn begun(scene: Scene, parameters: &[(&str, &str)], make: fn(&mut Node)) -> (Stage, Console) {
    let mut stage = Stage::new(scene);
    stage.disturbed.insert("client".to_owned());
    with_client(&stage, make);
    let plan = scene::plan_with(scene, &stage.sim, stage.hand.now(), parameters);
    let console = stage.console("run-1", plan);
    (stage, console)
}

fn to_the_end(stage: &mut Stage, console: &mut Console) -> End {
    for _ in 0..2000 {
        if !stage.turn(console, Fate::Usual) {
            break;
        }
    }
    console.end().expect("24: the run never ends").clone()
}

fn with_client<T>(stage: &Stage, act: impl FnOnce(&mut Node) -> T) -> T {
    let done = stage.sim.world().with("client", |island, at| {
        let done = act(&mut island.nodes[at]);
        island.settle();
        done
    });
    done.unwrap()
}

/// Runs it until so many commands ran on the client.
fn until_ran(stage: &mut Stage, console: &mut Console, commands: usize) {
    while with_client(stage, |node| node.store.ran.len()) < commands {
        assert!(stage.turn(console, Fate::Usual), "{:?}", console.end());
    }
}

/// Both slices are away from the client.
fn both_away(node: &mut Node) {
    for (index, slice) in ["web1", "web2"].into_iter().enumerate() {
        let mount = &mut node.mounts[index];
        mount.mounted = false;
        let (server, path, at) = (mount.server, mount.path.clone(), mount.at.clone());
        node.barred.insert(server);
        let line = format!("{slice}\tnfs\t{server}:{path}\t{at}\trw\trw,vers=3,addr={server}");
        node.store.mounts.insert(at, line);
    }
}

#[test]
fn what_is_mounted_by_now_is_not_kept_from_its_server_again() {
    let (mut stage, mut console) = begun(Scene::UnfenceSegment, &[("segment", "seg")], both_away);
    // The first slice is given back; the mount of the second fails.
    until_ran(&mut stage, &mut console, 3);
    with_client(&stage, |node| node.store.next = Some(Mishap::Fails));
    let end = to_the_end(&mut stage, &mut console);
    let End::Compensated { stays, .. } = &end else {
        panic!("{end:?}")
    };
    assert!(
        stays.iter().any(|told| told.contains("too late to take it back")),
        "{stays:?}"
    );
    with_client(&stage, |node| {
        let [one, two] = [&node.mounts[0], &node.mounts[1]];
        assert!(one.mounted && one.state == MountState::Answering);
        assert!(
            !node.barred.contains(&one.server),
            "what was given back is kept from its server"
        );
        assert!(node.barred.contains(&two.server) && !two.mounted);
    });
}

#[test]
fn a_mount_that_comes_back_before_anything_was_done_stays() {
    for (scene, parameters) in [
        (Scene::FenceSegment, &[("segment", "seg"), ("slices", "web1")][..]),
        (Scene::ClientRepoint, &[("slice", "web1"), ("patience", "20")]),
    ] {
        let (mut stage, mut console) = begun(scene, parameters, |node| {
            node.mounts[0].forced = Some(MountState::Hung(0));
        });
        with_client(&stage, |node| node.mounts[0].forced = None);
        let end = to_the_end(&mut stage, &mut console);
        let (End::Refused { why } | End::Compensated { why, .. }) = &end else {
            panic!("{scene:?}: {end:?}")
        };
        assert!(why.contains("/mnt/web1 of client answers"), "{scene:?}: {why}");
        with_client(&stage, |node| {
            let mount = &node.mounts[0];
            assert!(
                mount.mounted && mount.generation == 0 && node.barred.is_empty(),
                "{scene:?}"
            );
        });
    }
}

#[test]
fn processes_that_stay_are_told_and_the_mount_is_gone_all_the_same() {
    let parameters = [("segment", "seg"), ("slices", "web1"), ("holders", "leave")];
    let (mut stage, mut console) = begun(Scene::FenceSegment, &parameters, |_| {});
    let notes = &console.plan.notes;
    assert!(notes.iter().any(|note| note.contains("cron 4242")), "{notes:?}");
    assert_eq!(to_the_end(&mut stage, &mut console), End::Done);
    with_client(&stage, |node| {
        assert!(!node.mounts[0].mounted && node.mounts[0].holders.len() == 1);
    });
}

#[test]
fn both_slices_of_a_segment_go_and_come_back() {
    let hung = |node: &mut Node| {
        for mount in &mut node.mounts {
            mount.forced = Some(MountState::Hung(0));
        }
    };
    let (mut stage, mut console) = begun(Scene::FenceSegment, &[("segment", "seg")], hung);
    assert_eq!(to_the_end(&mut stage, &mut console), End::Done);
    let away = |node: &mut Node| node.mounts.iter().all(|mount| !mount.mounted) && node.barred.len() == 2;
    assert!(with_client(&stage, away));
    stage.scene = Scene::UnfenceSegment;
    let now = stage.hand.now();
    let plan = scene::plan_with(Scene::UnfenceSegment, &stage.sim, now, &[("segment", "seg")]);
    let mut back = stage.console("run-2", plan);
    assert_eq!(to_the_end(&mut stage, &mut back), End::Done);
    let well = |mount: &NfsMount| mount.mounted && mount.state == MountState::Answering;
    assert!(with_client(&stage, |node| {
        node.mounts.iter().all(well) && node.barred.is_empty() && node.store.mounts.is_empty()
    }));
}
