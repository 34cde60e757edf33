//! Claims that outlive their run: taken over by name, done without, given back late.

use super::{
    reach_tests::local_targets,
    tests::{Between, Trick, World, asking, left_at_its_question, now, over, wish, world},
    *,
};
use crate::{
    facts::UnixMs,
    fleet::{Host, HostName},
    remote::Boxed,
    runbook::{
        engine::{Answer, End, Record},
        planner::{Wish, catalogue},
        sight::{Glimpse, Look, Printed},
        target::Request,
    },
    simulate::Fault,
    store::{Standing, Store},
};
use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// A runbook of one's own about slice-c, which stor3 serves and stor4 could.
pub(super) fn own(kind: &str, steps: &[&str]) -> Wish {
    let mut text = format!(
        "name: own\ntitle: One's own\nkind: {kind}\nabout: slices\nparameters:\n  slice: {{ type: slice, about: the slice }}\nchecks: []\nsteps:\n"
    );
    text.extend(steps.iter().map(|step| format!("  - {{ {step}, why: a test }}\n")));
    Wish {
        definition: catalogue::read(Path::new("own.yaml"), &text).unwrap(),
        ..wish("slice-move", &[("slice", "slice-c")])
    }
}

pub(super) const BLOCK: &str = "do: port-block, with: { slice: \"{{ slice }}\", host: \"{{ from }}\" }";
const BLOCK_OTHER: &str = "do: port-block, with: { slice: \"{{ slice }}\", host: \"{{ to }}\" }";
const ASK: &str = "do: ask, with: { question: is it quiet, word: quiet }";

pub(super) async fn begin(desk: &Desk, wish: Wish, over: &[&str]) -> Result<Handle, Denied> {
    let drawn = desk.plan(wish.clone()).await.unwrap();
    let over: Vec<String> = over.iter().map(|run| (*run).to_owned()).collect();
    desk.run_over(wish, &drawn.plan.hash, &over).await
}

async fn left_asking(world: &World, wish: Wish) -> String {
    let mut handle = begin(&world.desk, wish, &[]).await.unwrap();
    assert!(handle.wait().await.question.is_some());
    let run = handle.run().to_owned();
    handle.leave().await;
    run
}

/// Another console, with a journal of its own.
fn another(world: &World) -> (Desk, Arc<Store>, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(directory.path()).unwrap());
    let targets: Arc<dyn Targets> = Arc::<Between>::clone(&world.between);
    let fleet = Arc::new(world.simulation.fleet().clone());
    let desk = Desk::new(fleet, targets, Arc::clone(&store), now(), "bob@desk".into());
    (desk, store, directory)
}

fn kill(world: &World, host: &str) {
    world
        .simulation
        .world()
        .inject(&Fault::HostKilled(host.into()))
        .unwrap();
}

fn is_unfit(result: Result<Handle, Denied>, says: &str) {
    match result.map(|_| ()) {
        Err(denied @ Denied::Unfit(_)) => {
            assert_eq!(denied.exit_code(), 10);
            assert!(denied.to_string().contains(says), "{denied}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_run_holds_is_taken_over_by_its_whole_name() {
    let world = world();
    let left = left_at_its_question(&world).await;
    let wish = own("planned", &[BLOCK]);
    let last = over(begin(&world.desk, wish.clone(), &[]).await.unwrap()).await;
    let Some(end @ End::Held { by }) = &last.end else {
        panic!("{:?}", last.end);
    };
    assert_eq!(end.exit_code(), 14);
    for said in [
        &*left,
        "ada@console",
        "stor3",
        "begun 20",
        &format!("--take-over={left}"),
    ] {
        assert!(by.contains(said), "{said} is not in {by}");
    }
    is_unfit(
        begin(&world.desk, wish.clone(), &[&left[..left.len() - 1]]).await,
        "is not in this journal",
    );
    is_unfit(begin(&world.desk, wish.clone(), &["../x"]).await, "no name of a run");

    let handle = begin(&world.desk, wish, &[&left]).await.unwrap();
    let run = handle.run().to_owned();
    let last = over(handle).await;
    assert_eq!(last.end, Some(End::Done), "{:?}", last.log);
    let wanted = Record::TakesOver {
        run: left.clone(),
        by: "ada@console".into(),
    };
    let took = Record::TookOver {
        run: left.clone(),
        host: "stor3".into(),
    };
    let records = world.records(&run);
    assert!(records.contains(&wanted) && records.contains(&took), "{records:?}");
    let old = world.store.run(&left).unwrap();
    assert_eq!(old.standing, Standing::Over);
    assert!(old.displaced.as_ref().is_some_and(|by| by.contains(&run)), "{old:?}");
    // It may hold something elsewhere: that is all that is left to do about it.
    let acts = world.between.acts.load(Ordering::SeqCst);
    let last = over(world.desk.resume(&left, None).await.unwrap()).await;
    assert!(
        matches!(last.end, Some(End::Parked { .. })) && last.kept.is_empty(),
        "{:?}",
        last.log
    );
    assert_eq!(world.between.acts.load(Ordering::SeqCst), acts);
    is_unfit(world.desk.resume(&left, None).await, "has taken it over");
    world.is_whole();
    let text = report::markdown(&report::make(&world.store, &run).unwrap());
    assert!(
        text.contains("wants the claims of run") && text.contains("took stor3 over"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_a_lost_journal_is_taken_over_by_an_emergency_alone() {
    let world = world();
    let left = left_at_its_question(&world).await;
    let (desk, _, _directory) = another(&world);
    is_unfit(
        begin(&desk, own("planned", &[BLOCK]), &[&left]).await,
        "is not in this journal",
    );
    let urgent = own("emergency", &[BLOCK]);
    let last = over(begin(&desk, urgent.clone(), &[]).await.unwrap()).await;
    assert!(matches!(last.end, Some(End::Held { .. })), "{:?}", last.end);
    let last = over(begin(&desk, urgent, &[&left]).await.unwrap()).await;
    assert_eq!(last.end, Some(End::Done), "{:?}", last.log);

    // The old console does not know of it: its targets tell.
    let acts = world.between.acts.load(Ordering::SeqCst);
    let last = over(world.desk.resume(&left, None).await.unwrap()).await;
    let Some(
        end @ End::Parked {
            why, unknown: false, ..
        },
    ) = &last.end
    else {
        panic!("{:?}", last.end);
    };
    assert_eq!(end.exit_code(), 12, "it had changed something");
    assert!(
        why.contains("bob@desk") && last.displaced && last.kept.is_empty(),
        "{why}"
    );
    assert_eq!(world.between.acts.load(Ordering::SeqCst), acts, "nothing more is done");
    is_unfit(world.desk.resume(&left, None).await, "has taken it over");
    assert_eq!(world.store.unfinished().unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_living_are_taken_over_by_an_emergency_alone_and_say_that_something_was_changed() {
    let world = world();
    let handle = world.begin(Some((3, Trick::Wait))).await;
    let living = handle.run().to_owned();
    world.between.reached.notified().await;
    is_unfit(
        begin(&world.desk, own("planned", &[BLOCK]), &[&living]).await,
        "is driven by ada@console",
    );
    let urgent = begin(&world.desk, own("emergency", &[BLOCK]), &[&living])
        .await
        .unwrap();
    assert_eq!(over(urgent).await.end, Some(End::Done));
    world.between.go_on.notify_one();
    let last = over(handle).await;
    let Some(end @ End::Parked { .. }) = &last.end else {
        panic!("{:?}", last.end);
    };
    assert!(matches!(end.exit_code(), 12 | 13), "it had changed something");
    assert_eq!(world.store.run(&living).unwrap().standing, Standing::Over);
    let done = last.steps.iter().filter(|step| step.state == StepState::Done).count();
    assert_eq!(done, 3, "nothing was done after it was taken over");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_target_has_died_says_what_to_do_and_does_nothing_there() {
    let world = world();
    let handle = world.begin(Some((4, Trick::Wait))).await;
    let run = handle.run().to_owned();
    world.between.reached.notified().await;
    handle.kill().await;
    kill(&world, "stor3");
    let acts = world.between.acts.load(Ordering::SeqCst);
    for back in [false, true] {
        let handle = if back {
            world.desk.cancel(&run).await.unwrap().unwrap()
        } else {
            world.desk.resume(&run, None).await.unwrap()
        };
        let last = over(handle).await;
        let Some(end @ End::Parked { why, next, .. }) = &last.end else {
            panic!("{:?}", last.end);
        };
        assert_eq!(end.exit_code(), 13, "its last step may or may not have been done");
        assert!(why.contains("needs stor3, which could not be claimed"), "{why}");
        assert!(
            next.contains("plan failover server=stor3") && next.contains(&format!("--take-over={run}")),
            "{next}"
        );
    }
    assert_eq!(world.between.acts.load(Ordering::SeqCst), acts);
    assert!(
        !world
            .records(&run)
            .iter()
            .any(|record| matches!(record, Record::TurnedBack { .. })),
        "it can still go on when the target is back"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_living_targets_need_is_finished_and_the_dead_one_is_given_back_later() {
    let world = world();
    let run = left_asking(&world, own("planned", &[BLOCK, ASK, BLOCK_OTHER])).await;
    kill(&world, "stor3");
    let mut handle = world.desk.resume(&run, None).await.unwrap();
    assert!(handle.wait().await.question.is_some());
    handle.answer("bob@desk", "quiet");
    let last = over(handle).await;
    assert_eq!(last.end, Some(End::Done), "{:?}", last.log);
    assert_eq!(last.kept, ["stor3"]);
    let stands = world.store.run(&run).unwrap();
    assert!(stands.standing == Standing::Over && stands.is_claiming());
    let last = over(world.desk.resume(&run, None).await.unwrap()).await;
    assert_eq!(last.kept, ["stor3"], "it is still dead");
    let back = Fault::HostKilled("stor3".into());
    world.simulation.world().clear(&back).unwrap();
    for _ in 0..100 {
        let last = over(world.desk.resume(&run, None).await.unwrap()).await;
        if last.kept.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(!world.store.run(&run).unwrap().is_claiming());
    is_unfit(world.desk.resume(&run, None).await, "is over");
    let held = world.simulation.world().with("stor3", |island, at| {
        island.nodes[at].store.claims.values().any(|claim| claim.run == run)
    });
    assert_eq!(held, Some(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_back_when_that_cannot_be_finished() {
    let world = world();
    // The last step is on the living side, and would be taken back first.
    let run = left_asking(&world, own("planned", &[BLOCK, BLOCK_OTHER, ASK])).await;
    kill(&world, "stor3");
    let acts = world.between.acts.load(Ordering::SeqCst);
    let last = over(world.desk.cancel(&run).await.unwrap().unwrap()).await;
    let Some(End::Parked {
        step: 0,
        why,
        unknown: false,
        ..
    }) = &last.end
    else {
        panic!("{:?}", last.end);
    };
    assert!(why.contains("to be taken back, step 1"), "{why}");
    assert_eq!(world.between.acts.load(Ordering::SeqCst), acts);
}

/// Holds the first claim up that takes a target over.
struct Gate {
    inner: Arc<Between>,
    open: AtomicBool,
    reached: Notify,
    go_on: Notify,
}

impl Targets for Gate {
    fn look(&self, looks: Vec<Look>) -> Boxed<'_, Vec<(Look, Glimpse)>> {
        self.inner.look(looks)
    }

    fn call<'a>(&'a self, host: &'a HostName, request: Request, deadline: Duration) -> Boxed<'a, Answer> {
        Box::pin(async move {
            let takes = matches!(&request, Request::Claim { over, .. } if !over.is_empty());
            if takes && !self.open.swap(true, Ordering::SeqCst) {
                self.reached.notify_one();
                self.go_on.notified().await;
            }
            self.inner.call(host, request, deadline).await
        })
    }

    fn local<'a>(&'a self, argv: &'a [String], deadline: Duration) -> Boxed<'a, Result<Printed, String>> {
        self.inner.local(argv, deadline)
    }
}

/// A desk of the same journal whose first takeover is held up.
fn held_up(world: &World) -> (Desk, Arc<Gate>) {
    let gate = Arc::new(Gate {
        inner: Arc::clone(&world.between),
        open: AtomicBool::new(false),
        reached: Notify::new(),
        go_on: Notify::new(),
    });
    let targets: Arc<dyn Targets> = Arc::<Gate>::clone(&gate);
    let fleet = Arc::new(world.simulation.fleet().clone());
    let desk = Desk::new(fleet, targets, Arc::clone(&world.store), now(), "bob@desk".into());
    (desk, gate)
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_goes_on_with_a_dead_run_while_it_is_taken_over() {
    let world = world();
    let left = left_at_its_question(&world).await;
    let (desk, gate) = held_up(&world);
    let handle = begin(&desk, own("planned", &[BLOCK]), &[&left]).await.unwrap();
    gate.reached.notified().await;
    match world.desk.resume(&left, None).await.map(|_| ()) {
        Err(denied @ Denied::Store(_)) => {
            assert_eq!(denied.exit_code(), 14);
            assert!(denied.to_string().contains("bob@desk, who takes it over"), "{denied}");
        }
        other => panic!("{other:?}"),
    }
    gate.go_on.notify_one();
    assert_eq!(over(handle).await.end, Some(End::Done));
    assert_eq!(world.store.run(&left).unwrap().standing, Standing::Over);
}

/// A run that waits for an answer, and one whose process was killed while it took that over: the latter's desk, and both.
async fn killed_in_its_takeover(world: &World) -> (Desk, String, String) {
    let left = left_at_its_question(world).await;
    let (desk, gate) = held_up(world);
    let handle = begin(&desk, own("planned", &[BLOCK]), &[&left]).await.unwrap();
    let run = handle.run().to_owned();
    gate.reached.notified().await;
    handle.kill().await;
    (desk, left, run)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_takeover_that_was_left_asks_again_whether_the_other_run_lives() {
    let world = world();
    let (desk, left, run) = killed_in_its_takeover(&world).await;
    let mut living = world.desk.resume(&left, None).await.unwrap();
    assert!(living.wait().await.question.is_some());
    is_unfit(desk.resume(&run, None).await, "is driven by ada@console");
    // To give it up needs nobody's leave, and leaves the other alone.
    let last = over(desk.cancel(&run).await.unwrap().unwrap()).await;
    assert!(matches!(last.end, Some(End::Compensated { .. })), "{:?}", last.end);
    living.answer("ada@console", "quiet");
    assert_eq!(over(living).await.end, Some(End::Done));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_takeover_that_was_left_goes_on() {
    let world = world();
    let (desk, _, run) = killed_in_its_takeover(&world).await;
    assert_eq!(over(desk.resume(&run, None).await.unwrap()).await.end, Some(End::Done));
}

/// Loses what is said to one target about giving it back.
struct Deaf {
    inner: Arc<Between>,
    lost: Mutex<Option<HostName>>,
}

impl Targets for Deaf {
    fn look(&self, looks: Vec<Look>) -> Boxed<'_, Vec<(Look, Glimpse)>> {
        self.inner.look(looks)
    }

    fn call<'a>(&'a self, host: &'a HostName, request: Request, deadline: Duration) -> Boxed<'a, Answer> {
        let release = matches!(request, Request::Release { .. });
        if release && self.lost.lock().unwrap().take_if(|lost| lost == host).is_some() {
            return Box::pin(async { Answer::Lost("cut".into()) });
        }
        self.inner.call(host, request, deadline)
    }

    fn local<'a>(&'a self, argv: &'a [String], deadline: Duration) -> Boxed<'a, Result<Printed, String>> {
        self.inner.local(argv, deadline)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_was_lost_is_written_down_and_done_later() {
    let world = world();
    let deaf: Arc<dyn Targets> = Arc::new(Deaf {
        inner: Arc::clone(&world.between),
        lost: Mutex::new(Some("stor3".into())),
    });
    let fleet = Arc::new(world.simulation.fleet().clone());
    let desk = Desk::new(fleet, deaf, Arc::clone(&world.store), now(), "ada@console".into());
    let move_it = || wish("slice-move", &[("slice", "slice-c")]);
    let handle = begin(&desk, move_it(), &[]).await.unwrap();
    let run = handle.run().to_owned();
    let last = over(handle).await;
    assert_eq!(
        (&last.end, last.kept.as_slice()),
        (&Some(End::Done), &["stor3".to_owned()][..])
    );
    let kept = vec!["stor3".to_owned()];
    assert_eq!(world.records(&run).last(), Some(&Record::Released { kept }));
    // Whoever starts is told.
    let named = desk.claiming().await.unwrap();
    assert_eq!(
        named.iter().map(|run| run.new.id.as_str()).collect::<Vec<_>>(),
        [run.as_str()]
    );
    assert_eq!(world.store.claiming(UnixMs(u64::MAX)).unwrap(), []);
    let last = over(begin(&desk, move_it(), &[]).await.unwrap()).await;
    assert!(
        matches!(&last.end, Some(End::Held { by }) if by.contains(&run)),
        "{:?}",
        last.end
    );
    let last = over(desk.resume(&run, None).await.unwrap()).await;
    assert_eq!((&last.end, last.kept.len()), (&Some(End::Done), 0), "{:?}", last.log);
    assert_eq!(world.store.run(&run).unwrap().kept, Some(Vec::new()));
    assert_eq!(desk.claiming().await.unwrap(), []);
    let last = over(begin(&desk, move_it(), &[]).await.unwrap()).await;
    assert_eq!(last.end, Some(End::Done), "{:?}", last.log);
    world.is_whole();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_to_a_process_that_is_gone_is_not_obeyed_by_the_next() {
    let world = world();
    let run = left_at_its_question(&world).await;
    world.store.order(&run, now()(), "bob@desk", "cancel").unwrap();
    let mut handle = world.desk.resume(&run, None).await.unwrap();
    assert!(handle.wait().await.question.is_some());
    tokio::time::sleep(Duration::from_millis(1200)).await;
    handle.answer("ada@console", "quiet");
    let last = over(handle).await;
    assert_eq!(last.end, Some(End::Done), "{:?}", last.log);
    assert!(
        world.records(&run).iter().any(
            |record| matches!(record, Record::Asked { by, what } if by == "bob@desk" && what.contains("not heeded"))
        ),
    );
    // One that comes while somebody drives it still counts.
    let run = left_asking(&world, asking()).await;
    let mut handle = world.desk.resume(&run, None).await.unwrap();
    assert!(handle.wait().await.question.is_some());
    world.store.order(&run, now()(), "bob@desk", "cancel").unwrap();
    let last = over(handle).await;
    assert!(matches!(last.end, Some(End::Compensated { .. })), "{:?}", last.end);
}

#[tokio::test]
async fn passwords_that_a_fencing_command_prints_are_hidden_wherever_that_goes() {
    let targets = local_targets(Host::new("a", "localhost"));
    let argv = |script: &str| -> Vec<String> {
        ["sh", "-c", script, "fence", "--password", "hunter22"]
            .map(str::to_owned)
            .into()
    };
    for script in ["echo with $2", "echo with $2 >&2; exit 3"] {
        let printed = targets.local(&argv(script), Duration::from_secs(20)).await.unwrap();
        assert_eq!(printed.text, "with ***\n");
    }
    let seen = targets.look(vec![Look::local(&"a".into(), argv("echo with $2"))]).await;
    assert_eq!(seen[0].1.answer.as_ref().unwrap().text, "with ***\n");
}
