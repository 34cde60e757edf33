//! Cancelling: over a crash, and of a run that was taken over while its process lives.

use super::{
    takeover_tests::{BLOCK, begin, own},
    tests::{Trick, World, asking, over, world},
    *,
};
use crate::{
    runbook::engine::{End, Record},
    store::Standing,
};
use std::{sync::atomic::Ordering, time::Duration};

async fn written(world: &World, run: &str, wanted: &Record) {
    for _ in 0..200 {
        if world.records(run).contains(wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{wanted:?} is not in {:?}", world.records(run));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_is_obeyed_by_whoever_goes_on_after_a_crash() {
    let world = world();
    let handle = world.begin(Some((5, Trick::Wait))).await;
    let run = handle.run().to_owned();
    world.between.reached.notified().await;
    handle.cancel("bob@desk");
    written(&world, &run, &Record::Cancelled { by: "bob@desk".into() }).await;
    handle.kill().await;
    world.between.go_on.notify_one();
    let last = over(world.desk.resume(&run, None).await.unwrap()).await;
    assert!(
        matches!(&last.end, Some(End::Compensated { why, .. }) if why.contains("cancelled by bob@desk")),
        "{:?}",
        last.end
    );
    assert_eq!(world.serves().await, "stor3");
    let text = report::markdown(&report::make(&world.store, &run).unwrap());
    assert!(text.contains("bob@desk: take back what was done"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_a_run_back_that_was_left_is_obeyed_after_another_crash() {
    let world = world();
    let handle = world.begin(Some((5, Trick::Wait))).await;
    let run = handle.run().to_owned();
    world.between.reached.notified().await;
    handle.kill().await;
    world.between.go_on.notify_one();
    let handle = world.desk.cancel(&run).await.unwrap().unwrap();
    let by = world.desk.who().to_owned();
    assert!(world.records(&run).contains(&Record::Cancelled { by }));
    over(handle).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_taken_over_is_cancelled_as_long_as_its_process_lives() {
    let world = world();
    let mut living = begin(&world.desk, asking(), &[]).await.unwrap();
    let run = living.run().to_owned();
    assert!(living.wait().await.question.is_some());
    let urgent = begin(&world.desk, own("emergency", &[BLOCK]), &[&run]).await.unwrap();
    let other = urgent.run().to_owned();
    assert_eq!(over(urgent).await.end, Some(End::Done));

    // It waits for an answer, and does not know.
    let stands = world.store.run(&run).unwrap();
    assert!(stands.is_over() && stands.displaced.is_some(), "{stands:?}");
    let Standing::Driven(by) = &stands.standing else {
        panic!("{stands:?}");
    };
    assert!(
        by.starts_with("ada@console, process ") && by.contains(&other) && by.contains("has taken it over"),
        "{by}"
    );
    assert_eq!(world.desk.unfinished().await.unwrap()[0].new.id, run);
    match begin(&world.desk, own("planned", &[BLOCK]), &[&run]).await.map(|_| ()) {
        Err(Denied::Unfit(why)) => assert!(why.contains("cancel it first"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(world.desk.cancel(&run).await.unwrap().is_none(), "its process is told");
    let acts = world.between.acts.load(Ordering::SeqCst);
    let last = over(living).await;
    assert!(matches!(last.end, Some(End::Parked { .. })), "{:?}", last.end);
    let told = last.log.back().unwrap();
    assert!(
        told.text.contains(&other) && told.text.contains("has taken it over"),
        "{told:?}"
    );
    assert!(last.displaced && world.between.acts.load(Ordering::SeqCst) <= acts + 1);
    assert_eq!(world.store.run(&run).unwrap().standing, Standing::Over);
    assert!(matches!(world.desk.cancel(&run).await, Err(Denied::Unfit(_))));
}
