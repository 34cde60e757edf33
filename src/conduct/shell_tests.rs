//! One shell a target for the whole run: real shells of this machine, counted.

use super::{Now, SshTargets, Targets as _};
use crate::{
    facts::{CleanText, UnixMs},
    fleet::{Fleet, Host, Poll},
    mode::Mode,
    remote::{Boxed, Chunk, ExecLimits, LocalRemote, Output, Remote, RemoteError, Session, Wire},
    runbook::{
        engine::{Answer, FRESH},
        sight::Look,
        target::Request,
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// This machine as if it were a host behind SSH; counts the shells that are started on it.
#[derive(Default, Clone)]
struct Counting(Arc<AtomicUsize>);

struct CountingSession(Arc<dyn Session>, Arc<AtomicUsize>);

impl Remote for Counting {
    fn connect<'a>(
        &'a self,
        host: &'a Host,
        step: &'a (dyn Fn(&'static str) + Send + Sync),
    ) -> Boxed<'a, Result<Arc<dyn Session>, RemoteError>> {
        Box::pin(async move {
            let inner = LocalRemote.connect(host, step).await?;
            Ok(Arc::new(CountingSession(inner, Arc::clone(&self.0))) as Arc<dyn Session>)
        })
    }
}

impl Session for CountingSession {
    fn open<'a>(&'a self, command: &'a str) -> Boxed<'a, Result<Box<dyn Wire>, RemoteError>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.open(command)
    }

    fn exec<'a>(
        &'a self,
        command: &'a str,
        input: &'a [u8],
        limits: ExecLimits,
    ) -> Boxed<'a, Result<Output, RemoteError>> {
        self.0.exec(command, input, limits)
    }

    fn about(&self) -> CleanText {
        self.0.about()
    }
}

fn targets() -> (SshTargets, Arc<AtomicUsize>) {
    let Mode::ReadWrite(permission) = Mode::new(false, false) else {
        panic!("it may change hosts");
    };
    let host = Host::new("a", "a.example");
    let fleet = Fleet::new("f".into(), None, Poll::default(), vec![host], Vec::new(), Vec::new());
    let counting = Counting::default();
    let count = Arc::clone(&counting.0);
    let now = Arc::new(|| UnixMs(1));
    (
        SshTargets::new(&permission, Arc::new(fleet), Arc::new(counting), now),
        count,
    )
}

/// This machine behind a sudo that says something, or starts nothing; slow to begin.
#[derive(Clone, Copy)]
struct Sudo(&'static str);

struct SudoSession(Arc<dyn Session>, &'static str);

impl Remote for Sudo {
    fn connect<'a>(
        &'a self,
        host: &'a Host,
        step: &'a (dyn Fn(&'static str) + Send + Sync),
    ) -> Boxed<'a, Result<Arc<dyn Session>, RemoteError>> {
        Box::pin(async move {
            let inner = LocalRemote.connect(host, step).await?;
            Ok(Arc::new(SudoSession(inner, self.0)) as Arc<dyn Session>)
        })
    }
}

impl Session for SudoSession {
    fn open<'a>(&'a self, _: &'a str) -> Boxed<'a, Result<Box<dyn Wire>, RemoteError>> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(400)).await;
            self.0.open(self.1).await
        })
    }

    fn exec<'a>(
        &'a self,
        command: &'a str,
        input: &'a [u8],
        limits: ExecLimits,
    ) -> Boxed<'a, Result<Output, RemoteError>> {
        self.0.exec(command, input, limits)
    }

    fn about(&self) -> CleanText {
        self.0.about()
    }
}

fn behind(command: &'static str, now: Now) -> SshTargets {
    let Mode::ReadWrite(permission) = Mode::new(false, false) else {
        panic!("it may change hosts");
    };
    let host = Host::new("a", "a.example");
    let fleet = Fleet::new("f".into(), None, Poll::default(), vec![host], Vec::new(), Vec::new());
    SshTargets::new(&permission, Arc::new(fleet), Arc::new(Sudo(command)), now)
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

/// Takes connections, and opens nothing on one of its hosts.
#[derive(Default, Clone)]
struct Mute(Arc<AtomicUsize>);

struct MuteSession(bool);

impl Remote for Mute {
    fn connect<'a>(
        &'a self,
        host: &'a Host,
        _: &'a (dyn Fn(&'static str) + Send + Sync),
    ) -> Boxed<'a, Result<Arc<dyn Session>, RemoteError>> {
        Box::pin(async move {
            let mute = host.name.as_str() == "mute";
            self.0.fetch_add(usize::from(mute), Ordering::SeqCst);
            Ok(Arc::new(MuteSession(mute)) as Arc<dyn Session>)
        })
    }
}

/// Has the whole answer to one look as soon as it is asked.
struct Echo(bool);

impl Wire for Echo {
    fn send<'a>(&'a mut self, _: &'a [u8]) -> Boxed<'a, Result<(), RemoteError>> {
        self.0 = true;
        Box::pin(async { Ok(()) })
    }

    fn next(&mut self) -> Boxed<'_, Chunk> {
        let asked = std::mem::take(&mut self.0);
        Box::pin(async move {
            if !asked {
                std::future::pending::<()>().await;
            }
            Chunk::Out(b"@look 0\n@output 3\none\n@end\n@over\n".to_vec())
        })
    }
}

impl Session for MuteSession {
    fn open<'a>(&'a self, _: &'a str) -> Boxed<'a, Result<Box<dyn Wire>, RemoteError>> {
        Box::pin(async move {
            if self.0 {
                std::future::pending::<()>().await;
            }
            Ok(Box::new(Echo(false)) as Box<dyn Wire>)
        })
    }

    fn exec<'a>(&'a self, _: &'a str, _: &'a [u8], _: ExecLimits) -> Boxed<'a, Result<Output, RemoteError>> {
        Box::pin(std::future::pending())
    }

    fn about(&self) -> CleanText {
        CleanText::new("mute")
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_opens_nothing_lets_nothing_grow_old_and_is_reached_anew() {
    let Mode::ReadWrite(permission) = Mode::new(false, false) else {
        panic!("it may change hosts");
    };
    let hosts = ["a", "mute"].map(|name| Host::new(name, "a.example")).to_vec();
    let fleet = Fleet::new("f".into(), None, Poll::default(), hosts, Vec::new(), Vec::new());
    let mute = Mute::default();
    let began = tokio::time::Instant::now();
    let now: Now = Arc::new(move || UnixMs(u64::try_from(began.elapsed().as_millis()).unwrap()));
    let targets = SshTargets::new(&permission, Arc::new(fleet), Arc::new(mute.clone()), Arc::clone(&now));
    for round in 1..=2 {
        let looks = ["a", "mute"].map(|host| Look::new(&host.into(), ["echo", "one"]));
        let seen = targets.look(looks.to_vec()).await;
        let (_, there) = seen.iter().find(|(look, _)| look.host.as_str() == "a").unwrap();
        let (_, not) = seen.iter().find(|(look, _)| look.host.as_str() == "mute").unwrap();
        let age = now().since(there.at);
        assert!(there.answer.is_ok() && age < FRESH, "{there:?} is {age:?} old");
        assert!(
            matches!(&not.answer, Err(why) if why.to_string().contains("no answer of mute")),
            "{not:?}"
        );
        assert_eq!(mute.0.load(Ordering::SeqCst), round);
    }
}
