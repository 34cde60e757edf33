//! One shell a target for the whole run: real shells of this machine, counted.

use super::{Now, SshTargets, Targets as _, behind::Behind};
use crate::{
    facts::UnixMs,
    runbook::{engine::Answer, sight::Look, target::Request},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// A host, and the number of shells that were started on it.
fn targets() -> (SshTargets, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let way = Behind::new(move |command| {
        counted.fetch_add(1, Ordering::SeqCst);
        command.to_owned()
    });
    (way.targets(Arc::new(|| UnixMs(1)), |_| {}), count)
}

/// A host behind a sudo that says something, or starts nothing; slow to begin.
fn behind(command: &'static str, now: Now) -> SshTargets {
    let way = Behind::new(|_| command.to_owned()).opening(Duration::from_millis(400));
    way.targets(now, |_| {})
}

const WARNS: &str =
    "sh -c 'echo sudo: unable to resolve host a: Name or service not known >&2; exec sh -s pointsman-step'";
const REFUSES: &str = "sh -c 'echo sudo: a password is required >&2; exit 1'";

#[tokio::test]
async fn only_a_sudo_that_starts_nothing_has_sent_nothing() {
    let clock: Now = Arc::new(|| UnixMs(1));
    let ask = async |command: &'static str, look: &[&str]| {
        let look = look.iter().map(|word| (*word).to_owned()).collect();
        let targets = behind(command, Arc::clone(&clock));
        let host = "a".into();
        targets
            .call(&host, Request::Look(vec![look]), Duration::from_secs(20))
            .await
    };
    let said = ask(WARNS, &["echo", "one"]).await;
    assert!(matches!(said, Answer::Said(_)), "{said:?}");
    // Both shells die before anything is said of the step.
    let kill = "kill -9 $(cut -d' ' -f4 /proc/$PPID/stat) $PPID; sleep 1";
    let said = ask(WARNS, &["sh", "-c", kill]).await;
    assert!(matches!(said, Answer::Lost(_)), "{said:?}");
    let said = ask(REFUSES, &["echo", "one"]).await;
    assert!(
        matches!(&said, Answer::NotSent(why) if why.contains("password")),
        "{said:?}"
    );
}

#[tokio::test]
async fn a_look_is_dated_when_its_host_was_asked_and_not_when_it_was_reached() {
    let clock = crate::remote::ssh::system_clock();
    let targets = behind("sh -s pointsman-step", Arc::clone(&clock));
    let began = clock();
    let seen = targets.look(vec![Look::new(&"a".into(), ["echo", "one"])]).await;
    let late = seen[0].1.at.since(began);
    assert!(
        seen[0].1.answer.is_ok() && late >= Duration::from_millis(400),
        "{late:?}"
    );
}

/// What a look printed, or why it is not known.
async fn look(targets: &SshTargets, argv: &[&str]) -> Result<String, String> {
    let look = Look::new(&"a".into(), argv.iter().copied());
    let mut seen = targets.look(vec![look]).await;
    let (_, glimpse) = seen.remove(0);
    glimpse
        .answer
        .map(|printed| printed.text)
        .map_err(|why| why.to_string())
}

#[tokio::test]
async fn many_calls_share_a_shell() {
    let (targets, shells) = targets();
    for word in ["one", "two", "@over", "@end"] {
        assert_eq!(look(&targets, &["echo", word]).await, Ok(format!("{word}\n")));
    }
    assert_eq!(shells.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_a_call_leaves_in_its_shell_does_not_reach_the_next() {
    let (targets, shells) = targets();
    // A refusal ends the shell of its block, as a variable stays in it.
    assert!(look(&targets, &["cd", "/proc"]).await.is_ok());
    assert_ne!(look(&targets, &["pwd"]).await, Ok("/proc\n".to_owned()));
    assert!(look(&targets, &["exit", "3"]).await.is_ok());
    assert_eq!(
        look(&targets, &["echo", "still here"]).await,
        Ok("still here\n".to_owned())
    );
    assert_eq!(shells.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_shell_that_dies_in_the_middle_is_an_unknown_outcome_at_once_and_the_next_call_has_a_new_one() {
    let (targets, shells) = targets();
    assert!(look(&targets, &["true"]).await.is_ok());
    // The shell of the block, not the one that reads on; then that one as well.
    for killed in ["$PPID", "$(cut -d' ' -f4 /proc/$PPID/stat)"] {
        let before = shells.load(Ordering::SeqCst);
        let began = std::time::Instant::now();
        let said = look(&targets, &["sh", "-c", &format!("kill -9 {killed}; sleep 1")]).await;
        assert!(said.is_err(), "{said:?}");
        assert!(began.elapsed().as_secs() < 6, "{:?}", began.elapsed());
        assert_eq!(look(&targets, &["echo", "back"]).await, Ok("back\n".to_owned()));
        assert_eq!(shells.load(Ordering::SeqCst), before + 1);
    }
}

/// A host that is gone answers no SYN: it must not hold up a failover for as long as a slow one may take to log in.
#[tokio::test(start_paused = true)]
async fn a_host_that_answers_no_connection_is_given_up_sooner_than_a_slow_login() {
    let second = Duration::from_secs(1);
    for (steps, given_up, within) in [
        (vec![("resolve", second), ("tcp", 60 * second)], Some("tcp"), 6),
        (
            vec![("resolve", second), ("tcp", 2 * second), ("key exchange", 60 * second)],
            Some("key exchange"),
            11,
        ),
        // What this one says of the look is not waited for while the clock stands.
        (vec![("tcp", 3 * second), ("key exchange", 4 * second)], None, 17),
    ] {
        let targets = Behind::slow(&steps).targets(Arc::new(|| UnixMs(1)), |_| {});
        let began = tokio::time::Instant::now();
        let said = look(&targets, &["true"]).await;
        let at = |step: &&str| said.as_ref().is_err_and(|why| why.contains(*step));
        assert_eq!(
            ["tcp", "key exchange"].iter().copied().find(at),
            given_up,
            "{steps:?}: {said:?}"
        );
        let took = began.elapsed();
        assert!(took < within * second, "{steps:?}: {took:?}");
    }
}
