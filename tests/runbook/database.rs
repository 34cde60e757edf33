//! What must hold of a database after every event, and at every end (the numbers are those of the safety invariants).

use super::{
    case::{self, Fate},
    scene::{self, DATABASE, Scene},
    stage::Stage,
};
use pointsman::{
    runbook::engine::End,
    simulate::{
        island::Island,
        mysql::Server,
        node::{Node, Power},
    },
};
use std::collections::BTreeSet;

fn servers(island: &Island) -> impl Iterator<Item = (&Node, &Server)> {
    let nodes = island.nodes.iter();
    nodes.filter_map(|node| Some((node, node.mysql.as_ref()?)))
}

/// 2, 15: at every instant at most one server takes writes, and it has everything that was ever committed on any other:
/// no commit is lost in a planned move, and none that a replica had received in an emergency.
pub fn check(stage: &Stage, island: &Island) {
    if !stage.scene.is_mysql() {
        return;
    }
    let running = || servers(island).filter(|(node, _)| node.power != Power::Off);
    let open: Vec<_> = running().filter(|(_, server)| !server.read_only).collect();
    let names: Vec<&str> = open.iter().map(|(node, _)| &*node.name).collect();
    assert!(open.len() <= 1, "2: {names:?} take writes");
    let entered = |node: &Node| node.service_addresses.iter().any(|own| DATABASE.ip == *own);
    let carry: Vec<&str> = running()
        .filter(|(node, _)| entered(node))
        .map(|(node, _)| &*node.name)
        .collect();
    assert!(carry.len() <= 1, "2: {carry:?} carry the address");
    let Some((source, own)) = open.first() else { return };
    assert!(
        own.channel.is_none(),
        "2: {} takes writes and is a replica",
        source.name
    );
    for (node, server) in servers(island) {
        // What a dead source committed alone is the loss that the plan tells.
        let is_lost = stage.scene.base() == Scene::MysqlFailover && &*node.name == "stor1";
        assert!(
            is_lost || own.log.contains(&server.log),
            "15: {} takes writes and has not what {} has: {:?} {:?}",
            source.name,
            node.name,
            own.log,
            server.log
        );
    }
}

/// 16: in an emergency writes that were let in are not turned away again.
pub fn serving(stage: &Stage, to: &str) -> BTreeSet<&'static str> {
    let open = stage.sim.world().with(to, |island, at| {
        let server = island.nodes[at].mysql.as_ref().unwrap();
        island.nodes[at].is_up() && !server.read_only
    });
    let serving: BTreeSet<&str> = open.unwrap().then_some("shop").into_iter().collect();
    assert!(
        stage.disturbed.contains(to) || stage.serving.is_subset(&serving),
        "16: {to} took writes, and takes none any more"
    );
    serving
}

/// 21: that server takes writes, and everybody else who runs follows it and has everything.
pub fn served(stage: &Stage, source: &str) -> Result<(), String> {
    // What is on its way arrives.
    stage.hand.forward(std::time::Duration::from_secs(3));
    stage
        .sim
        .world()
        .fleet(|island| {
            let at = island.node(source).unwrap();
            let own = island.nodes[at].mysql.as_ref().unwrap();
            if own.read_only || own.channel.is_some() {
                return Err(format!("{source} takes no writes"));
            }
            let node = &island.nodes[at];
            if !node.led && !node.service_addresses.iter().any(|own| DATABASE.ip == *own) {
                return Err(format!("clients do not find {source}"));
            }
            // What a dead source does when it is back is its own affair: it takes no writes; and whether it follows then is
            // what the step proves.
            let returns = matches!(stage.scene.base(), Scene::MysqlFailover | Scene::MysqlReturned);
            let left = |node: &Node| returns && &*node.name == "stor1";
            let others = servers(island).filter(|(node, _)| node.is_up() && *node.name != *source && !left(node));
            for (node, server) in others {
                let Some(channel) = &server.channel else {
                    return Err(format!("{} follows nobody", node.name));
                };
                if channel.source != at || !channel.io_on || !channel.sql_on || channel.diverged {
                    return Err(format!("{} does not follow {source}: {channel:?}", node.name));
                }
                // Nobody hears of a source that stands still.
                if island.nodes[at].is_up() && server.log.end() + 1000 < own.log.end() {
                    return Err(format!("{} is behind {source}", node.name));
                }
            }
            Ok(())
        })
        .unwrap()
}

/// A server whose data lie on a slice that is Primary there takes writes over; one whose tables a crash tears, or whose slice is
/// elsewhere, does not.
#[test]
fn a_server_on_drbd_takes_over_where_its_slice_is() {
    let stage = Stage::new(Scene::MysqlSwitchover);
    let refusals = || scene::refusals(Scene::MysqlSwitchover, &stage.sim, stage.hand.now());
    let on = |datadir: &'static str, torn: Option<&'static str>| {
        stage.sim.world().with("stor2", |island, at| {
            let server = island.nodes[at].mysql.as_mut().unwrap();
            (server.datadir, server.torn) = (datadir.to_owned(), torn);
        });
    };
    on("/srv/web2/mysql/", None);
    assert_eq!(refusals(), "", "web2 is Primary on stor2");
    on("/srv/web2/mysql/", Some("MyISAM"));
    let why = refusals();
    assert!(
        why.contains("the DRBD slice web2, and a crash tears 1 MyISAM (shop.carts)"),
        "{why}"
    );
    on("/srv/web1/mysql/", None);
    let why = refusals();
    assert!(
        why.contains("where the DRBD slice web1 belongs (/srv/web1), which is not mounted there"),
        "{why}"
    );
}

/// Both sides of semi-synchronous replication are exchanged with the writes, in either dialect.
#[test]
fn commits_wait_on_the_new_source_as_they_did_on_the_old_one() {
    for scene in [Scene::MysqlSwitchover, Scene::MysqlSwitchoverEight] {
        let mut stage = Stage::new(scene);
        let mut console = stage.console("run-1", case::plan(scene));
        for _ in 0..4000 {
            if !stage.turn(&mut console, Fate::Usual) {
                break;
            }
        }
        assert_eq!(console.end(), Some(&End::Done), "{scene:?}");
        stage.sim.world().fleet(|island| {
            let of = |name: &str| {
                let at = island.node(name).unwrap();
                island.nodes[at].mysql.as_ref().unwrap()
            };
            let (old, new) = (of("stor1"), of("stor2"));
            assert!(new.semi_sync.source && old.semi_sync.replica, "{scene:?}");
            assert!(
                old.channel.as_ref().unwrap().acknowledges,
                "{scene:?}: its receiver was started afterwards"
            );
        });
    }
}
