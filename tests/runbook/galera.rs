//! What must hold of a Galera cluster after every event, and at every end (the numbers are those of the safety invariants).

use super::{scene::Scene, stage::Stage};
use pointsman::simulate::{
    galera::Galera,
    island::Island,
    node::{Node, Power},
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
