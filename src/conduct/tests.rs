//! Runs over the embedded fleet's real SSH servers, with faults put between the conductor and its targets.

use super::*;
use crate::{
    facts::UnixMs,
    fleet::HostName,
    mode::Mode,
    remote::{Boxed, log::LogBook},
    runbook::{
        engine::{Answer, End, Record},
        plan::{Glass, Rule},
        planner::{Wish, catalogue},
        sight::{Glimpse, Look, Printed},
        target::Request,
    },
    simulate::{Fault, Simulation},
    store::{Standing, Store, StoreError, Verified},
};
use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// Between the conductor and its targets: does something to the call of one step.
pub(super) struct Between {
    inner: SshTargets,
    /// The step whose call is hit, and how.
    trick: Mutex<Option<(usize, Trick)>>,
    pub acts: AtomicUsize,
    pub reached: Notify,
    pub go_on: Notify,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Trick {
    /// It is done, and the answer gets lost.
    LoseReply,
    /// It is not done, and nobody knows.
    LoseCall,
    /// It waits before it is sent.
    Wait,
}

impl Targets for Between {
    fn look(&self, looks: Vec<Look>) -> Boxed<'_, Vec<(Look, Glimpse)>> {
        self.inner.look(looks)
    }

    fn call<'a>(&'a self, host: &'a HostName, request: Request, deadline: Duration) -> Boxed<'a, Answer> {
        Box::pin(async move {
            let Request::Act { key, .. } = &request else {
                return self.inner.call(host, request, deadline).await;
            };
            self.acts.fetch_add(1, Ordering::SeqCst);
            let step: usize = key
                .split("-step-")
                .nth(1)
                .and_then(|rest| rest.split('-').next()?.parse().ok())
                .unwrap_or(usize::MAX);
            let trick = {
                let mut armed = self.trick.lock().unwrap();
                let hit = armed.filter(|(at, _)| *at == step);
                if hit.is_some() {
                    *armed = None;
                }
                hit.map(|(_, trick)| trick)
            };
            match trick {
                Some(Trick::LoseReply) => {
                    let _ = self.inner.call(host, request, deadline).await;
                    Answer::Lost("cut".into())
                }
                Some(Trick::LoseCall) => Answer::Lost("cut".into()),
                Some(Trick::Wait) => {
                    self.reached.notify_one();
                    self.go_on.notified().await;
                    self.inner.call(host, request, deadline).await
                }
                None => self.inner.call(host, request, deadline).await,
            }
        })
    }

    fn local<'a>(&'a self, argv: &'a [String], deadline: Duration) -> Boxed<'a, Result<Printed, String>> {
        self.inner.local(argv, deadline)
    }
}

pub(super) struct World {
    pub simulation: Simulation,
    pub between: Arc<Between>,
    pub store: Arc<Store>,
    pub desk: Desk,
    _directory: tempfile::TempDir,
}

pub(super) fn now() -> Now {
    crate::remote::ssh::system_clock()
}

pub(super) fn world() -> World {
    let simulation = Simulation::calm(
        5,
        Arc::new(|| Duration::from_millis(crate::remote::ssh::system_clock()().0)),
    );
    let Mode::ReadWrite(permission) = Mode::new(false, false) else {
        panic!();
    };
    let fleet = Arc::new(simulation.fleet().clone());
    let inner = SshTargets::new(
        &permission,
        Arc::clone(&fleet),
        simulation.remote(LogBook::default()),
        now(),
    );
    let between = Arc::new(Between {
        inner,
        trick: Mutex::new(None),
        acts: AtomicUsize::new(0),
        reached: Notify::new(),
        go_on: Notify::new(),
    });
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(directory.path()).unwrap());
    let targets: Arc<dyn Targets> = Arc::<Between>::clone(&between);
    let desk = Desk::new(fleet, targets, Arc::clone(&store), now(), "ada@console".into());
    World {
        simulation,
        between,
        store,
        desk,
        _directory: directory,
    }
}

pub(super) fn wish(runbook: &str, parameters: &[(&str, &str)]) -> Wish {
    Wish {
        definition: catalogue::find(runbook).unwrap().clone(),
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        glass: Vec::new(),
        alike: Vec::new(),
        weak: std::collections::BTreeMap::new(),
        last: None,
    }
}

fn the_move() -> Wish {
    wish("slice-move", &[("slice", "slice-c")])
}

impl World {
    async fn hash(&self) -> String {
        match self.desk.plan(the_move()).await {
            Ok(drawn) => drawn.plan.hash,
            Err(refusals) => panic!("{refusals:?}"),
        }
    }

    pub async fn begin(&self, trick: Option<(usize, Trick)>) -> Handle {
        *self.between.trick.lock().unwrap() = trick;
        let hash = self.hash().await;
        self.desk.run(the_move(), &hash).await.unwrap()
    }

    /// Where the slice is now: the side that a new plan would move it to is the other one.
    pub async fn serves(&self) -> String {
        let drawn = self.desk.plan(the_move()).await.unwrap();
        let to = drawn.plan.parameters["to"].clone();
        if to == "stor3" { "stor4".into() } else { "stor3".into() }
    }

    pub fn records(&self, run: &str) -> Vec<Record> {
        self.store
            .records(run)
            .unwrap()
            .into_iter()
            .map(|timed| timed.record)
            .collect()
    }

    pub fn is_whole(&self) {
        assert!(matches!(self.store.verify().unwrap(), Verified::Whole { .. }));
    }
}

pub(super) async fn over(handle: Handle) -> Progress {
    tokio::time::timeout(Duration::from_mins(1), handle.finish())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_is_done_written_down_and_reported() {
    let world = world();
    let handle = world.begin(None).await;
    let run = handle.run().to_owned();
    let last = over(handle).await;
    assert_eq!(last.end, Some(End::Done), "{:?}", last.log);
    assert_eq!(world.serves().await, "stor4");
    // The last one only looks, and a client was served at once.
    let (proof, changes) = last.steps.split_last().unwrap();
    assert!(
        changes
            .iter()
            .all(|step| step.state == StepState::Done && step.ended.is_some())
    );
    assert!(matches!(proof.state, StepState::Done | StepState::AlreadySo) && proof.ended.is_some());
    assert_eq!(world.store.unfinished().unwrap(), []);
    let commands = world.store.commands(&run).unwrap();
    // Clients are woken all at once: each has a command of its own in the same step.
    let steps: std::collections::BTreeSet<usize> = commands.iter().map(|command| command.step).collect();
    assert_eq!(steps.len(), changes.len());
    assert!(commands.iter().all(|command| command.exit == Some(0)));
    world.is_whole();
    let made = report::make(&world.store, &run).unwrap();
    let text = report::markdown(&made);
    for wanted in [
        "**done: every step is proven**",
        "drbdadm primary r2",
        "By: ada@console",
        "proof: r2 is Primary on stor4",
    ] {
        assert!(text.contains(wanted), "{wanted:?} is not in {text}");
    }
    let document: serde_json::Value = serde_json::from_str(&report::json(&made)).unwrap();
    assert_eq!(
        (&document["version"], &document["end"]["end"]),
        (&1.into(), &"done".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_is_resolved_by_the_receipt_and_nothing_runs_twice() {
    for (trick, sent) in [(Trick::LoseReply, 1), (Trick::LoseCall, 2)] {
        let world = world();
        let handle = world.begin(Some((5, trick))).await;
        let run = handle.run().to_owned();
        let last = over(handle).await;
        assert_eq!(last.end, Some(End::Done), "{:?}", last.log);
        let records = world.records(&run);
        assert!(
            records
                .iter()
                .any(|record| matches!(record, Record::Unknown { step: 5, .. }))
        );
        let intents = records
            .iter()
            .filter(|record| matches!(record, Record::Intent { step: 5, .. }));
        assert_eq!(intents.count(), sent);
        assert_eq!(world.serves().await, "stor4");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_puts_everything_back() {
    let world = world();
    let before = world.hash().await;
    let handle = world.begin(Some((6, Trick::Wait))).await;
    world.between.reached.notified().await;
    handle.cancel("bob@desk");
    handle
        .progress()
        .wait_for(|progress| progress.cancelled.is_some())
        .await
        .unwrap();
    world.between.go_on.notify_one();
    let run = handle.run().to_owned();
    let last = over(handle).await;
    assert!(
        matches!(&last.end, Some(End::Compensated { why, .. }) if why.contains("bob@desk")),
        "{:?}",
        last.end
    );
    assert_eq!(world.hash().await, before, "the same plan as before");
    let asked = Record::Cancelled { by: "bob@desk".into() };
    assert!(world.records(&run).contains(&asked));
    assert_eq!(last.steps[0].state, StepState::Undone);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_cancels_through_the_journal() {
    let world = world();
    let handle = world.begin(Some((3, Trick::Wait))).await;
    world.between.reached.notified().await;
    let other = Store::open(world.store.directory()).unwrap();
    let driven = other.unfinished().unwrap();
    assert!(matches!(driven[0].standing, Standing::Driven(_)));
    assert!(matches!(
        world.desk.resume(handle.run(), None).await.map(|_| ()),
        Err(denied @ Denied::Store(StoreError::Driven { .. })) if denied.exit_code() == 14
    ));
    assert!(world.desk.cancel(handle.run()).await.unwrap().is_none());
    handle
        .progress()
        .wait_for(|progress| progress.cancelled.is_some())
        .await
        .unwrap();
    world.between.go_on.notify_one();
    let last = over(handle).await;
    assert!(matches!(last.end, Some(End::Compensated { .. })), "{:?}", last.end);
    assert_eq!(world.serves().await, "stor3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_run_sends_nothing_until_it_goes_on() {
    let world = world();
    let handle = world.begin(Some((2, Trick::Wait))).await;
    world.between.reached.notified().await;
    handle.pause("bob@desk");
    handle.progress().wait_for(|progress| progress.paused).await.unwrap();
    world.between.go_on.notify_one();
    let mut progress = handle.progress();
    progress
        .wait_for(|progress| progress.stage.starts_with("paused"))
        .await
        .unwrap();
    let sent = world.between.acts.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(world.between.acts.load(Ordering::SeqCst), sent);
    handle.resume("bob@desk");
    assert_eq!(over(handle).await.end, Some(End::Done));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_run_that_is_cancelled_is_taken_back_and_not_called_paused() {
    let world = world();
    let handle = world.begin(Some((2, Trick::Wait))).await;
    world.between.reached.notified().await;
    handle.pause("bob@desk");
    handle.progress().wait_for(|progress| progress.paused).await.unwrap();
    world.between.go_on.notify_one();
    handle.cancel("ann@desk");
    let progress = over(handle).await;
    assert!(
        matches!(progress.end, Some(End::Compensated { .. })),
        "{:?}",
        progress.end
    );
    assert!(!progress.paused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_left_or_killed_is_gone_on_with_by_another() {
    for killed in [false, true] {
        let world = world();
        let handle = world.begin(Some((6, Trick::Wait))).await;
        let run = handle.run().to_owned();
        world.between.reached.notified().await;
        if killed {
            // As by SIGKILL: the command is on its way, and nothing is written any more.
            handle.kill().await;
            world.between.go_on.notify_one();
        } else {
            let leaving = tokio::spawn(handle.leave());
            tokio::time::sleep(Duration::from_millis(100)).await;
            world.between.go_on.notify_one();
            let last = leaving.await.unwrap();
            assert!(last.left && last.end.is_none(), "{:?}", last.end);
        }
        let waiting = world.desk.unfinished().await.unwrap();
        assert_eq!(
            (waiting[0].new.id.as_str(), &waiting[0].standing),
            (run.as_str(), &Standing::Waiting)
        );
        let handle = world.desk.resume(&run, None).await.unwrap();
        let last = over(handle).await;
        assert_eq!(last.end, Some(End::Done), "killed {killed}: {:?}", last.log);
        assert_eq!(world.serves().await, "stor4");
        assert!(
            world
                .records(&run)
                .iter()
                .any(|record| matches!(record, Record::Resumed { .. }))
        );
        let again = world.desk.resume(&run, None).await.map(|_| ());
        assert!(matches!(again, Err(Denied::Unfit(_))), "{again:?}");
        world.is_whole();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_left_can_be_taken_back() {
    let world = world();
    let before = world.hash().await;
    let handle = world.begin(Some((7, Trick::Wait))).await;
    let run = handle.run().to_owned();
    world.between.reached.notified().await;
    handle.kill().await;
    world.between.go_on.notify_one();
    let handle = world.desk.cancel(&run).await.unwrap().expect("nobody drives it");
    let last = over(handle).await;
    assert!(matches!(last.end, Some(End::Compensated { .. })), "{:?}", last.end);
    assert_eq!(world.hash().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_left_goes_on_only_when_what_it_rests_on_is_still_so() {
    let world = world();
    let handle = world.begin(Some((3, Trick::Wait))).await;
    let run = handle.run().to_owned();
    world.between.reached.notified().await;
    handle.kill().await;
    world.between.go_on.notify_one();
    let nfsd = |threads: u32| {
        let place = world.simulation.world();
        place.with("stor4", |island, at| {
            island.nodes[at].nfs_server.as_mut().unwrap().threads = threads;
        });
    };
    // Somebody has stopped the NFS server of the side that takes the slice.
    nfsd(0);
    match world.desk.resume(&run, None).await.map(|_| ()) {
        Err(denied @ Denied::Doubt { .. }) => {
            assert!(denied.to_string().contains("nfsd of stor4 does not run"), "{denied}");
            assert_eq!(denied.exit_code(), 12);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.desk.unfinished().await.unwrap()[0].standing, Standing::Waiting);
    nfsd(8);
    let last = over(world.desk.resume(&run, None).await.unwrap()).await;
    assert_eq!(last.end, Some(End::Done), "{:?}", last.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_plan_is_not_run() {
    let world = world();
    let hash = world.hash().await;
    assert_eq!(
        over(world.desk.run(the_move(), &hash).await.unwrap()).await.end,
        Some(End::Done)
    );
    match world.desk.run(the_move(), &hash).await.map(|_| ()) {
        Err(denied @ Denied::Stale { .. }) => assert_eq!(denied.exit_code(), 10),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.store.runs(9).unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_run_before_the_next_change() {
    let world = world();
    let handle = world.begin(Some((2, Trick::Wait))).await;
    let run = handle.run().to_owned();
    world.between.reached.notified().await;
    world.store.fill_up(0);
    // Whatever room the last page has is used up first.
    while world.store.audit(UnixMs(1), "x", "y").is_ok() {}
    let sent = world.between.acts.load(Ordering::SeqCst);
    world.between.go_on.notify_one();
    let last = over(handle).await;
    assert_eq!(last.end, Some(End::Lost), "{:?}", last.log);
    assert_eq!(world.between.acts.load(Ordering::SeqCst), sent, "nothing more was sent");
    world.store.fill_up(10_000);
    let last = over(world.desk.resume(&run, None).await.unwrap()).await;
    assert_eq!(last.end, Some(End::Done), "{:?}", last.log);
}

/// A runbook of one's own, with a question before the only change.
pub(super) fn asking() -> Wish {
    let text = "name: careful
title: Asks first
kind: planned
about: slices
parameters:
  slice: { type: slice, about: the slice }
checks: []
steps:
  - { do: port-block, with: { slice: \"{{ slice }}\", host: \"{{ from }}\" }, why: first }
  - { do: ask, with: { question: is it quiet, word: quiet }, why: a person has to look }
  - { do: port-unblock, with: { slice: \"{{ slice }}\", host: \"{{ from }}\" }, why: last }
";
    let definition = catalogue::read(Path::new("careful.yaml"), text).unwrap();
    Wish {
        definition,
        ..wish("slice-move", &[("slice", "slice-c")])
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_waits_for_its_word_over_a_restart() {
    for word in ["quiet", "no"] {
        let world = world();
        let run = left_at_its_question(&world).await;
        let mut handle = world.desk.resume(&run, None).await.unwrap();
        assert!(handle.wait().await.question.is_some());
        handle.answer("bob@desk", word);
        let last = over(handle).await;
        match last.end {
            Some(End::Done) => assert_eq!(word, "quiet"),
            Some(End::Compensated { .. }) => assert_eq!(word, "no"),
            other => panic!("{other:?}: {:?}", last.log),
        }
        // What was typed is not written down, only who answered.
        let text = serde_json::to_string(&world.records(&run)).unwrap();
        assert!(text.contains("bob@desk") && !text.contains("\"no\""), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_left_at_its_question_is_taken_back_without_an_answer() {
    let world = world();
    let run = left_at_its_question(&world).await;
    let handle = world.desk.resume(&run, Some("bob@desk".into())).await.unwrap();
    let last = over(handle).await;
    assert!(matches!(last.end, Some(End::Compensated { .. })), "{:?}", last.end);
}

/// A split brain whose victim is named; killed while that step is under way.
async fn killed_in_a_split(world: &World, step: usize) -> String {
    let fault = Fault::SplitBrain("slice-c".into());
    world.simulation.world().inject(&fault).unwrap();
    let mut wish = wish(
        "split-brain",
        &[("slice", "slice-c"), ("victim", "stor4"), ("resync", "600")],
    );
    wish.glass = vec![named("r2")];
    *world.between.trick.lock().unwrap() = Some((step, Trick::Wait));
    // Both sides are written all the time, and the plan says how much: a plan read in between is stale.
    let mut begun = None;
    for _ in 0..100 {
        let drawn = world.desk.plan(wish.clone()).await.unwrap();
        match world.desk.run(wish.clone(), &drawn.plan.hash).await {
            Err(Denied::Stale { .. }) => {}
            other => {
                begun = Some(other.unwrap());
                break;
            }
        }
    }
    let handle = begun.expect("a plan that is not stale");
    let run = handle.run().to_owned();
    tokio::time::timeout(Duration::from_secs(30), world.between.reached.notified())
        .await
        .unwrap();
    handle.kill().await;
    run
}

fn named(resource: &str) -> Glass {
    Glass {
        rule: Rule::Discard,
        resource: resource.into(),
        by: "bob@desk".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_back_needs_its_name_again() {
    let world = world();
    // The sixth step throws the victim's data away.
    let run = killed_in_a_split(&world, 5).await;
    let before = world.records(&run);
    for wrong in [vec![], vec![named("r1")]] {
        match world.desk.resume_named(&run, None, &wrong).await.map(|_| ()) {
            Err(denied @ Denied::Consent { .. }) => {
                assert_eq!(denied.exit_code(), 10);
                let text = denied.to_string();
                assert!(text.contains(&format!("resume {run} --discard=r2")), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.records(&run), before, "nothing was written, so nothing was done");
    let handle = world.desk.resume_named(&run, None, &[named("r2")]).await.unwrap();
    handle.leave().await;
    let text = serde_json::to_string(&world.records(&run)).unwrap();
    assert!(text.contains("consents again to step 6: --discard=r2"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_proven_or_taken_back_needs_no_name() {
    let world = world();
    let run = killed_in_a_split(&world, 6).await;
    world.desk.resume(&run, None).await.unwrap().leave().await;
    let world = super::tests::world();
    let run = killed_in_a_split(&world, 5).await;
    world
        .desk
        .resume(&run, Some("bob@desk".into()))
        .await
        .unwrap()
        .leave()
        .await;
}

pub(super) async fn left_at_its_question(world: &World) -> String {
    let drawn = world.desk.plan(asking()).await.unwrap();
    let mut handle = world.desk.run(asking(), &drawn.plan.hash).await.unwrap();
    let run = handle.run().to_owned();
    let open = handle.wait().await;
    assert_eq!(open.question.map(|question| question.word).as_deref(), Some("quiet"));
    let left = handle.leave().await;
    assert!(left.left && left.asked.is_some() && left.question.is_none());
    run
}
