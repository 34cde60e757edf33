//! What must hold of a Galera cluster after every event, and at every end (the numbers are those of the safety invariants).

use super::{
    case::{self, Fate},
    scene::{self, Scene},
    stage::{Console, Stage},
};
use pointsman::{
    runbook::engine::End,
    simulate::{
        galera::Galera,
        island::Island,
        node::{Node, Power},
    },
};
use std::collections::BTreeSet;

fn members(island: &Island) -> impl Iterator<Item = (&Node, &Galera)> {
    let nodes = island.nodes.iter();
    nodes.filter_map(|node| Some((node, node.mysql.as_ref()?.galera.as_ref()?)))
}

/// What a dead member has alone is the loss that the plan tells.
fn is_lost(stage: &Stage, node: &Node) -> bool {
    stage.scene == Scene::GaleraQuorum && &*node.name == "stor1"
}

/// 1, 2, 15: no second primary component is made while one lives, all primary members have the state of one cluster, and
/// whoever joins loses nothing of its own.
pub fn check(stage: &Stage, island: &Island) {
    if !stage.scene.is_galera() {
        return;
    }
    for (node, own) in members(island) {
        assert!(
            !own.second,
            "1: {} was made a primary component while another one lived",
            node.name
        );
        assert!(
            !own.robbed || is_lost(stage, node),
            "15: {} has lost data of its own by joining",
            node.name
        );
        assert!(
            !own.diverged || is_lost(stage, node),
            "15: {} has write sets beside other ones of the same numbers",
            node.name
        );
    }
    let primary = members(island).filter(|(node, own)| node.power != Power::Off && own.runs && own.primary);
    let clusters: BTreeSet<u32> = primary.map(|(_, own)| own.cluster).collect();
    assert!(
        clusters.len() <= 1,
        "2: primary components of the clusters {clusters:?}"
    );
}

/// 16: what was made primary is not taken away again.
pub fn serving(stage: &Stage, to: &str) -> BTreeSet<&'static str> {
    let primary = stage.sim.world().with(to, |island, at| {
        let node = &island.nodes[at];
        node.is_up() && members(island).any(|(other, own)| other.name == node.name && own.runs && own.primary)
    });
    let serving: BTreeSet<&str> = primary.unwrap().then_some("shop").into_iter().collect();
    // One of two that loses the other is no majority.
    assert!(
        !stage.disturbed.iter().all(|host| host == "stor1") || stage.serving.is_subset(&serving),
        "16: {to} was in a primary component, and is in none any more"
    );
    serving
}

/// 21: everybody who runs takes part in one component; or it is known where a member ended.
pub fn served(stage: &Stage) -> Result<(), String> {
    stage.hand.forward(std::time::Duration::from_secs(3));
    let shaken = |host: &String| !(stage.scene == Scene::GaleraQuorum && host == "stor1");
    if stage.disturbed.iter().any(shaken) {
        // A member that has gone since, or has stood still, may have taken the majority with it.
        return Ok(());
    }
    stage
        .sim
        .world()
        .fleet(|island| {
            if stage.scene == Scene::GaleraPosition {
                let (_, own) = members(island).find(|(node, _)| &*node.name == "stor2").unwrap();
                return if own.recovered {
                    Ok(())
                } else {
                    Err("stor2 was not recovered".to_owned())
                };
            }
            for (node, own) in members(island).filter(|(node, _)| node.is_up() && !is_lost(stage, node)) {
                if !own.runs || !own.primary {
                    return Err(format!("{} is in no primary component: {own:?}", node.name));
                }
            }
            Ok(())
        })
        .unwrap()
}

fn to_the_end(stage: &mut Stage, console: &mut Console) {
    for _ in 0..4000 {
        if !stage.turn(console, Fate::Usual) {
            break;
        }
    }
    assert_eq!(console.end(), Some(&End::Done));
}

/// The dead one of the scene, which was further than the member that was bootstrapped.
fn dead<T>(stage: &Stage, then: impl FnOnce(&mut Galera) -> T) -> T {
    let of = |island: &mut Island, at: usize| {
        let server = island.nodes[at].mysql.as_mut();
        then(server.and_then(|server| server.galera.as_mut()).unwrap())
    };
    stage.sim.world().with("stor1", of).unwrap()
}

/// A dead member that was further than the bootstrap comes back, when the others are further than that. By numbers alone
/// Galera would let it keep what nobody else has.
#[test]
fn who_was_further_than_the_bootstrap_is_let_in_without_its_state_alone() {
    let mut stage = Stage::new(Scene::GaleraQuorum);
    stage.disturbed.insert("stor1".into());
    let mut console = stage.console("run-1", case::plan(Scene::GaleraQuorum));
    to_the_end(&mut stage, &mut console);
    // It does not start by itself.
    dead(&stage, |own| (own.runs, own.waits) = (false, false));
    stage.sim.world().fleet(|island| {
        let at = island.node("stor1").unwrap();
        island.power_on(at);
    });
    stage.hand.forward(std::time::Duration::from_mins(10));
    let refusals = |stage: &Stage| scene::refusals(Scene::GaleraJoin, &stage.sim, stage.hand.now());
    let why = refusals(&stage);
    assert!(why.contains("galera-position finds out"), "{why}");
    dead(&stage, |own| own.recovered = true);
    let why = refusals(&stage);
    assert!(
        why.contains("the cluster was bootstrapped at") && why.contains("grastate.dat"),
        "{why}"
    );
    // Its state is set aside.
    dead(&stage, |own| own.cluster = 0);
    let plan = scene::plan(Scene::GaleraJoin, &stage.sim, stage.hand.now());
    let mut console = stage.console("run-2", plan);
    to_the_end(&mut stage, &mut console);
    assert!(dead(&stage, |own| own.primary
        && !own.diverged
        && !own.noted.is_empty()));
    // It is part of the bootstrap from now on: one that is further than that is let in again.
    stage.sim.world().fleet(|island| {
        let at = island.node("stor1").unwrap();
        island.stop_node(at, false);
    });
    stage.hand.forward(std::time::Duration::from_mins(10));
    assert_eq!(refusals(&stage), "");
}
