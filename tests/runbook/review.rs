//! A run that was left goes on only by fresh looks at what its remaining steps rest on: at every boundary of its journal
//! it may go on when nothing happened meanwhile, and may not when what it rests on is gone or unknown.

use super::{
    case::Fate,
    scene::{self, Scene},
    stage::{Console, Stage},
};
use pointsman::{
    facts::Why,
    fleet::HostName,
    runbook::{
        check::Refusal,
        engine::{Effect, Engine, Record},
        planner::review,
        sight::{Glimpse, Look, Sight},
    },
    simulate::drbd::Role,
};
use std::time::Duration;

/// A run at a boundary of its journal, left by its console.
struct Left {
    stage: Stage,
    console: Console,
    drawn: scene::Drawn,
}

impl Left {
    fn new(scene: Scene) -> Self {
        let stage = Stage::new(scene);
        let drawn = scene::drawn(scene, &stage.sim, stage.hand.now());
        let console = stage.console("run-1", drawn.plan.clone());
        Self { stage, console, drawn }
    }

    /// Goes on to the next record of the journal; `false` at the end of the run.
    fn next(&mut self) -> bool {
        loop {
            let writes = matches!(self.console.effect, Effect::Write(_));
            if !self.stage.turn(&mut self.console, Fate::Usual) {
                return false;
            }
            if writes {
                return true;
            }
        }
    }

    fn engine(&self) -> Engine {
        let records: Vec<Record> = self.stage.journals.get("run-1").cloned().unwrap_or_default();
        let now = self.stage.hand.now();
        Engine::resume(
            self.drawn.plan.clone(),
            "run-1".into(),
            "op@another".into(),
            &records,
            None,
            now,
        )
    }

    /// What the checks say; a host in `dark` does not answer.
    fn judge(&self, dark: Option<&str>) -> Result<(), Vec<Refusal>> {
        let (engine, drawn) = (self.engine(), &self.drawn);
        let steps: Vec<_> = engine.steps().collect();
        let now = self.stage.hand.now();
        let mut sight = Sight::new(now, Duration::from_secs(5));
        for look in review::looks(&drawn.fleet, &drawn.wish, &drawn.sight, &steps)? {
            let glimpse = self.see(&look, dark);
            sight.take(look, glimpse);
        }
        review::judge(&drawn.fleet, &drawn.wish, &drawn.sight, &steps, &sight)
    }

    fn see(&self, look: &Look, dark: Option<&str>) -> Glimpse {
        let at = self.stage.hand.now();
        let half_dead = self.stage.scene.is_half_dead() && look.host.as_str() == "stor1" && !look.local;
        if half_dead || dark.is_some_and(|host| look.host == HostName::new(host) && !look.local) {
            let answer = Err(Why::Hung("no answer".into()));
            return Glimpse { at, answer };
        }
        scene::look(&self.stage.sim, look, at)
    }

    /// Whether a step of this action is wholly ahead.
    fn ahead(&self, action: &str) -> bool {
        self.engine()
            .steps()
            .any(|(step, ahead)| step.call.action == action && ahead)
    }
}

#[test]
fn what_a_run_did_itself_does_not_stop_it_from_going_on() {
    for scene in Scene::ALL {
        let mut left = Left::new(scene);
        let mut boundaries = 0;
        while left.next() {
            boundaries += 1;
            if let Err(refusals) = left.judge(None) {
                let said: Vec<String> = refusals.iter().map(ToString::to_string).collect();
                let records = left.stage.journals["run-1"].last();
                panic!("{scene:?} cannot go on after {records:?}: {}", said.join("\n"));
            }
        }
        // Each step has its outcome, and most their intent before it.
        let steps = left.engine().steps().count();
        assert!(boundaries > steps, "{scene:?}: {boundaries}");
    }
}

#[test]
fn what_is_not_known_any_more_or_not_so_stops_it() {
    for scene in Scene::ALL.into_iter().filter(|scene| scene.mounts()) {
        let (_, to) = scene.sides();
        let mut left = Left::new(scene);
        let mut stopped = 0;
        while left.next() {
            if !left.ahead("mount") {
                continue;
            }
            stopped += 1;
            let unknown = left.judge(Some(to));
            assert!(unknown.is_err(), "{scene:?}: {to} does not answer, and it would go on");
            // nfsd of the server that takes the slice was stopped meanwhile.
            let world = left.stage.sim.world();
            let threads = |threads: u32| {
                world
                    .with(to, |island, at| {
                        let server = island.nodes[at].nfs_server.as_mut().unwrap();
                        std::mem::replace(&mut server.threads, threads)
                    })
                    .unwrap()
            };
            let were = threads(0);
            let said = left.judge(None).unwrap_err();
            assert!(
                said.iter().any(|refusal| refusal.fact.contains("nfsd")),
                "{scene:?}: {said:?}"
            );
            threads(were);
        }
        assert!(stopped > 3, "{scene:?}: {stopped}");
    }
}

#[test]
fn before_anything_was_done_all_that_the_plan_rests_on_counts() {
    let mut left = Left::new(Scene::SliceMove);
    left.stage
        .sim
        .world()
        .fleet(|island| island.replicas[0].sides[1].role = Role::Primary);
    let said = left.judge(None).unwrap_err();
    assert!(said.iter().any(|refusal| refusal.fact.contains("Primary")), "{said:?}");
    left.stage.sim.world().fleet(|island| {
        island.replicas[0].sides[1].role = Role::Secondary;
        island.replicas[0].cut = true;
        island.settle();
    });
    assert!(left.judge(None).is_err(), "the sides do not reach each other");
    left.stage.sim.world().fleet(|island| {
        island.replicas[0].cut = false;
        island.settle();
    });
    assert!(left.next());
}
