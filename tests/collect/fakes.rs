//! Behaviour that no real server has on offer: ways to hosts that panic, flap, chatter and flood.

use crate::{START, all_up, is_up, of_hosts, plain, start, until, why};
use pointsman::{
    collect::{Clock, Collector, Request},
    facts::{CleanText, Reach},
    fleet::{Host, HostName, Probe, ProbeParser, Shell},
    remote::{Boxed, Chunk, ExecLimits, Output, Remote, RemoteError, Session, Wire, frame::encode, log::LogBook},
};
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// What a fake host does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Refuses the login after a second.
    Refuses,
    /// Refuses the first attempt for a reason that may pass, and keeps the next waiting.
    Stalls,
    /// Lets in and answers one poll, then closes the channel and refuses the login so many times.
    Boots(usize),
    /// Answers one poll, then closes the channel.
    Flaps,
    /// Prints a line before every answer, byte by byte.
    Chatters,
    /// After the first question sends frames of the slow lane without end.
    Floods,
    /// Loses the connection at every single command.
    Loses,
    /// Answers the first question after its deadline, and what its commands say a while later.
    Late,
}

/// After so long the fast lane of [`Kind::Late`] answers, and after so long its slow one.
const LATE: [Duration; 2] = [Duration::from_secs(6), Duration::from_secs(9)];

struct Fake {
    kind: Kind,
    connects: AtomicUsize,
}

struct FakeSession(Kind);

struct FakeWire {
    kind: Kind,
    nonce: String,
    chunks: VecDeque<Chunk>,
    /// What comes then, and not before.
    late: VecDeque<(Instant, Chunk)>,
    flooding: bool,
}

impl Remote for Fake {
    fn connect<'a>(
        &'a self,
        _: &'a Host,
        _: &'a (dyn Fn(&'static str) + Send + Sync),
    ) -> Boxed<'a, Result<Arc<dyn Session>, RemoteError>> {
        Box::pin(async move {
            let before = self.connects.fetch_add(1, Ordering::Relaxed);
            if self.kind == Kind::Stalls {
                if before == 0 {
                    return Err(RemoteError::Lost("the jump host does not forward".to_owned()));
                }
                std::future::pending::<()>().await;
            }
            let booting = matches!(self.kind, Kind::Boots(refusals) if (1..=refusals).contains(&before));
            if self.kind == Kind::Refuses || booting {
                tokio::time::sleep(Duration::from_secs(1)).await;
                return Err(RemoteError::Auth("no key fits".to_owned()));
            }
            // It ends once, as a host does that is rebooted.
            let kind = if before > 0 && matches!(self.kind, Kind::Boots(_)) {
                Kind::Chatters
            } else {
                self.kind
            };
            Ok(Arc::new(FakeSession(kind)) as Arc<dyn Session>)
        })
    }
}

impl Session for FakeSession {
    fn open<'a>(&'a self, _: &'a str) -> Boxed<'a, Result<Box<dyn Wire>, RemoteError>> {
        let wire = FakeWire {
            kind: self.0,
            nonce: String::new(),
            chunks: VecDeque::new(),
            late: VecDeque::new(),
            flooding: false,
        };
        Box::pin(async move { Ok(Box::new(wire) as Box<dyn Wire>) })
    }

    fn exec<'a>(&'a self, _: &'a str, _: &'a [u8], _: ExecLimits) -> Boxed<'a, Result<Output, RemoteError>> {
        Box::pin(async { Err(RemoteError::Lost("gone".to_owned())) })
    }

    fn about(&self) -> CleanText {
        CleanText::new("a fake")
    }
}

impl Wire for FakeWire {
    fn send<'a>(&'a mut self, bytes: &'a [u8]) -> Boxed<'a, Result<(), RemoteError>> {
        let text = String::from_utf8_lossy(bytes);
        let line = text.lines().last().unwrap_or_default();
        if let Some(nonce) = line.strip_prefix("hello ") {
            nonce.clone_into(&mut self.nonce);
            self.chunks.push_back(Chunk::Out(encode(nonce, 0, &[])));
        } else if let Some(rest) = line.strip_prefix("go ") {
            let seq = rest.split(' ').next().and_then(|seq| seq.parse().ok()).unwrap_or(0);
            if self.kind == Kind::Chatters {
                let noise = b"A line that a careless profile prints, again and again\n";
                self.chunks.extend(noise.iter().map(|byte| Chunk::Out(vec![*byte])));
            }
            let answer = Chunk::Out(encode(&self.nonce, seq, &[]));
            if self.kind == Kind::Late && seq == 1 {
                let slow = [
                    "identity",
                    "drbdstatus",
                    "drbdevents",
                    "exports",
                    "nfsclients",
                    "addresses",
                    "df",
                    "zpool",
                    "zpoollist",
                ];
                let said = slow.map(|section| (section, "absent", &b""[..]));
                let slow = Chunk::Err(encode(&self.nonce, seq, &said));
                self.late = LATE
                    .map(|after| Instant::now() + after)
                    .into_iter()
                    .zip([answer, slow])
                    .collect();
            } else {
                self.chunks.push_back(answer);
            }
            match self.kind {
                Kind::Flaps | Kind::Boots(_) => self.chunks.push_back(Chunk::End(None)),
                Kind::Floods => self.flooding = true,
                _ => {}
            }
        }
        Box::pin(async { Ok(()) })
    }

    fn next(&mut self) -> Boxed<'_, Chunk> {
        Box::pin(async move {
            if let Some(chunk) = self.chunks.pop_front() {
                return chunk;
            }
            if let Some((at, _)) = self.late.front() {
                tokio::time::sleep_until(*at).await;
                return self.late.pop_front().expect("it waited").1;
            }
            if self.flooding {
                tokio::task::yield_now().await;
                return Chunk::Err(encode(&self.nonce, 1, &[("df", "begin", b"")]));
            }
            std::future::pending().await
        })
    }
}

struct Rig {
    fake: Arc<Fake>,
    log: LogBook,
    collector: Collector,
}

impl Rig {
    fn new(kind: Kind, change: impl Fn(&mut Host)) -> Self {
        fastrand::seed(11);
        let fake = Arc::new(Fake {
            kind,
            connects: AtomicUsize::new(0),
        });
        let mut host = Host::new("fake", "fake.example");
        change(&mut host);
        let log = LogBook::default();
        let clock = Clock::starting_at(START);
        let collector = start(
            Arc::new(of_hosts(vec![host])),
            Arc::clone(&fake) as _,
            &log,
            &clock,
            None,
        );
        Self { fake, log, collector }
    }

    fn connects(&self) -> usize {
        self.fake.connects.load(Ordering::Relaxed)
    }

    fn reach(&self) -> Reach {
        self.collector.view.borrow().hosts[0].reach.clone()
    }
}

async fn minutes(count: u64) {
    tokio::time::sleep(Duration::from_mins(count)).await;
}

#[tokio::test(start_paused = true)]
async fn a_flapping_host_is_tried_less_and_less_and_does_not_fill_the_log() {
    let rig = Rig::new(Kind::Flaps, |_| {});
    minutes(60).await;
    assert!(
        (20..200).contains(&rig.connects()),
        "{} connections in an hour",
        rig.connects()
    );
    assert!(rig.log.version() < 400, "{} entries", rig.log.version());
}

#[tokio::test(start_paused = true)]
async fn an_appliance_that_never_answers_backs_off_too() {
    let rig = Rig::new(Kind::Loses, |host| {
        host.shell = Shell::None;
        host.probes = vec![Probe {
            name: "one".to_owned(),
            command: vec!["show".to_owned(), "one".to_owned()],
            parser: ProbeParser::JsonPointer("/value".to_owned()),
            unit: None,
            every: Duration::from_secs(10),
            warning_above: None,
            critical_above: None,
            warning_below: None,
            critical_below: None,
            expect: None,
        }];
    });
    minutes(60).await;
    assert!(
        (20..200).contains(&rig.connects()),
        "{} connections in an hour",
        rig.connects()
    );
    assert!(
        rig.log.version() < 50,
        "the same failure is logged once: {} entries",
        rig.log.version()
    );
}

#[tokio::test(start_paused = true)]
async fn a_host_that_answers_after_its_deadline_is_waited_for_again() {
    let mut rig = Rig::new(Kind::Late, |_| {});
    let complete = |rig: &Rig| rig.collector.view.borrow().hosts[0].complete;
    until(&mut rig.collector, 5, "silent", |view| {
        matches!(view.hosts[0].reach, Reach::Silent { .. })
    })
    .await;
    assert!(complete(&rig), "nobody waits for who is silent");
    until(&mut rig.collector, 3, "up", |view| is_up(view, "fake")).await;
    assert!(!complete(&rig), "its commands have said nothing yet");
    until(&mut rig.collector, 5, "complete", |view| view.hosts[0].complete).await;
}

#[tokio::test(start_paused = true)]
async fn chatter_does_not_fill_the_log() {
    let mut rig = Rig::new(Kind::Chatters, |_| {});
    until(&mut rig.collector, 10, "it answers all the same", all_up).await;
    minutes(30).await;
    assert!(rig.reach().is_up());
    assert!(
        (1..20).contains(&(rig.log.version() - 1)),
        "{} entries",
        rig.log.version()
    );
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_well_formed_frames_ends_the_connection() {
    let mut rig = Rig::new(Kind::Floods, |_| {});
    until(&mut rig.collector, 10, "it is found out", |view| {
        why(&view.hosts[0].reach).is_some_and(|why| why.contains("floods"))
    })
    .await;
    assert!(rig.connects() <= 2);
}

#[tokio::test(start_paused = true)]
async fn a_wish_to_reconnect_is_not_kept_for_later() {
    let rig = Rig::new(Kind::Refuses, |_| {});
    tokio::time::sleep(Duration::from_millis(500)).await;
    // The attempt that it asks for is under way already.
    rig.collector.requests.ask(Request::Reconnect(HostName::new("fake")));
    minutes(5).await;
    assert!(matches!(rig.reach(), Reach::Stopped { .. }));
    assert_eq!(rig.connects(), 1);
    rig.collector.requests.ask(Request::Reconnect(HostName::new("fake")));
    minutes(5).await;
    assert_eq!(rig.connects(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_boots_is_tried_again_although_it_refuses_the_login_for_a_while() {
    let mut rig = Rig::new(Kind::Boots(2), |_| {});
    until(&mut rig.collector, 10, "it refuses", |view| {
        why(&view.hosts[0].reach).is_some_and(|why| why.contains("no key fits"))
    })
    .await;
    until(&mut rig.collector, 120, "it lets in again", |view| is_up(view, "fake")).await;
    assert_eq!(rig.connects(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_goes_on_refusing_is_left_alone() {
    let rig = Rig::new(Kind::Boots(100), |_| {});
    minutes(60).await;
    assert!(matches!(rig.reach(), Reach::Stopped { .. }));
    assert_eq!(
        rig.connects(),
        1 + 1 + 3,
        "the first, the one that was refused, and three more"
    );
}

#[tokio::test(start_paused = true)]
async fn why_an_attempt_failed_is_kept_while_the_next_is_under_way() {
    let rig = Rig::new(Kind::Stalls, |_| {});
    minutes(5).await;
    assert_eq!(rig.connects(), 2);
    match rig.reach() {
        Reach::Connecting { why: Some(why), .. } => assert!(why.contains("does not forward"), "{why}"),
        other => panic!("{other:?}"),
    }
}

/// A way to hosts that panics for one of them.
struct Panics(Arc<dyn Remote>);

impl Remote for Panics {
    fn connect<'a>(
        &'a self,
        host: &'a Host,
        step: &'a (dyn Fn(&'static str) + Send + Sync),
    ) -> Boxed<'a, Result<Arc<dyn Session>, RemoteError>> {
        assert_ne!(host.name.as_str(), "host0001", "a panic that the test wants");
        self.0.connect(host, step)
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_one_host_hurts_nobody_else() {
    let (simulation, clock) = plain(3);
    let log = LogBook::default();
    let ssh = Arc::new(Panics(simulation.remote(log.clone())));
    let mut collector = start(Arc::new(simulation.fleet().clone()), ssh, &log, &clock, None);
    until(&mut collector, 10, "the others answer", |view| {
        is_up(view, "host0000") && is_up(view, "host0002")
    })
    .await;
    minutes(10).await;
    let view = Arc::clone(&collector.view.borrow());
    assert!(is_up(&view, "host0000") && is_up(&view, "host0002"));
    let crashed = view.host("host0001").expect("a host");
    assert!(
        why(&crashed.reach).is_some_and(|why| why.contains("crashed")),
        "{:?}",
        crashed.reach
    );
    assert!(log.version() < 60, "{} entries", log.version());
}
