//! The life of one host: connect, poll, lose, wait, connect again; forever, bounded, and alone.

use super::{appliance, clock::Clock, slot::Slot, trend};
use crate::{
    facts::{CleanText, Reach, Section, SectionStatus, Tier, UnixMs, assemble::Assembler, section::Lane},
    fleet::{Host, Shell},
    remote::{
        Remote, RemoteError, backoff, half,
        log::{Level, LogBook},
        poll::{Event, PollLoop},
    },
};
use futures_util::FutureExt as _;
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until, timeout};

/// Polls missed in a row after which the connection is given up.
const MISSED_LIMIT: u32 = 5;
/// A connection that lasted so long was a good one: the next failure starts a new back-off.
const STEADY: Duration = Duration::from_mins(1);
/// Messages of one connection that are neither frames nor errors and still go to the log.
const NOISE_LIMIT: u32 = 3;
/// Waits before a login is tried again that was refused where it had worked before: a host that boots lets nobody in
/// for a while (`pam_nologin`, users that come later). Few, for whoever counts refused logins locks others out.
const REFUSED_AGAIN: [Duration; 3] = [Duration::from_secs(20), Duration::from_mins(1), Duration::from_mins(3)];
/// The wait after the first crash of the host's own task; each further one adds as much, up to [`CRASH_LIMIT`].
const CRASH_PAUSE: Duration = Duration::from_secs(5);
/// The longest wait after a crash, in [`CRASH_PAUSE`]s.
const CRASH_LIMIT: u32 = 12;

/// Everything that one host's task needs.
pub(super) struct HostTask {
    pub slot: Arc<Slot>,
    pub remote: Arc<dyn Remote>,
    pub log: LogBook,
    pub clock: Clock,
}

/// How a connection ended.
struct Ended {
    error: RemoteError,
    /// It had answered at least once.
    was_up: bool,
}

impl HostTask {
    /// Runs until it is dropped. A panic in it costs this host a pause, and nobody else anything.
    pub async fn run(self) {
        let mut crashes = 0;
        loop {
            let crash = AssertUnwindSafe(self.live()).catch_unwind().await;
            crashes = CRASH_LIMIT.min(crashes + 1);
            let pause = CRASH_PAUSE * crashes;
            if crash.is_err() {
                let now = self.clock.now();
                self.log.note(
                    now,
                    Level::Error,
                    Some(&self.slot.host.name),
                    "the collector of this host crashed; it is started again",
                );
                self.slot.update(|state| {
                    state.reach = Reach::Unreachable {
                        since: now,
                        why: CleanText::new("collector crashed (a bug of pointsman, see the log)"),
                        retries: 0,
                        next: now + pause,
                    };
                    state.complete = true;
                });
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn live(&self) {
        let mut retries = 0;
        let mut lost_since: Option<UnixMs> = None;
        let mut logged: Option<CleanText> = None;
        // Why the last attempt failed: it is shown while the next one is under way.
        let mut failed: Option<CleanText> = None;
        // Waits that are left where the login has worked before.
        let mut refused_again = [].iter();
        loop {
            let begun = Instant::now();
            let ended = self.connection(retries, failed.as_ref()).await;
            let now = self.clock.now();
            if ended.was_up {
                refused_again = REFUSED_AGAIN.iter();
                // A host that answers once and falls again must not be connected to without a pause.
                if begun.elapsed() >= STEADY {
                    retries = 0;
                }
                lost_since = match self.slot.get().reach {
                    Reach::Silent { since, .. } => Some(since),
                    _ => None,
                };
                logged = None;
            }
            let since = *lost_since.get_or_insert(now);
            let why = CleanText::new(&ended.error.to_string());
            failed = Some(why.clone());
            // A host that stays away says the same for hours: once is enough.
            if logged.as_ref() != Some(&why) {
                self.log
                    .note(now, Level::Warning, Some(&self.slot.host.name), why.clone());
                logged = Some(why.clone());
            }
            // What was asked for during the attempt that just failed has been done.
            let _ = self.slot.reconnect.notified().now_or_never();
            let again = match ended.error {
                RemoteError::Auth(_) => refused_again.next(),
                _ => None,
            };
            if ended.error.needs_a_person() && again.is_none() {
                self.slot.update(|state| {
                    state.reach = Reach::Stopped { since, why };
                    state.complete = true;
                });
                self.slot.reconnect.notified().await;
                retries = 0;
                continue;
            }
            let pause = again
                .copied()
                .unwrap_or_else(|| backoff::full_jitter(retries, fastrand::f64()));
            retries = retries.saturating_add(1);
            self.slot.update(|state| {
                self.slot.fill_gaps(state, now);
                state.reach = Reach::Unreachable {
                    since,
                    why,
                    retries,
                    next: now + pause,
                };
                state.complete = true;
            });
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.slot.reconnect.notified() => {}
            }
        }
    }

    /// One connection, from the first packet to the last.
    async fn connection(&self, retries: u32, failed: Option<&CleanText>) -> Ended {
        let host = &self.slot.host;
        let since = self.clock.now();
        let step = |step: &'static str| {
            self.slot.update(|state| {
                state.reach = Reach::Connecting {
                    step,
                    since,
                    retries,
                    why: failed.cloned(),
                }
            });
        };
        step("waiting");
        let begun = Instant::now();
        let session = match self.remote.connect(host, &step).await {
            Ok(session) => session,
            Err(error) => return Ended { error, was_up: false },
        };
        self.slot.update(|state| state.about = session.about());
        if host.shell == Shell::None {
            let (error, was_up) = appliance::serve(&self.slot, &self.clock, &*session).await;
            return Ended { error, was_up };
        }
        step("shell");
        let nonce = half::nonce();
        let link = match PollLoop::start(&*session, host, &nonce).await {
            Ok(link) => link,
            Err(error) => return Ended { error, was_up: false },
        };
        self.log.add(crate::remote::log::LogEntry {
            seq: 0,
            at: since,
            level: Level::Info,
            host: Some(host.name.clone()),
            text: CleanText::new("connected, the remote half runs"),
            exit: None,
            took: Some(begun.elapsed()),
        });
        let mut polling = Polling::new(self, link);
        // Nothing but the poll loop is wanted of this connection.
        session.seal().await;
        let error = polling.serve().await;
        Ended {
            error,
            was_up: polling.answered,
        }
    }
}

/// A connection that polls.
struct Polling<'a> {
    task: &'a HostTask,
    link: PollLoop,
    assembler: Assembler,
    seq: u64,
    answered: bool,
    first_asked: Instant,
    next_medium: Instant,
    next_slow: Instant,
    rtt_us: u64,
    answered_at: UnixMs,
    /// Sections of the slow lane that the first full collection still waits for.
    pending: Vec<Section>,
    /// A silence has been shown and must be taken back.
    silent: bool,
    /// Messages that are no frames, so far.
    noises: u32,
}

/// What the slow lane will send of a host, by what is declared of it.
fn slow_sections(host: &Host) -> Vec<Section> {
    let slow = Section::ALL
        .iter()
        .copied()
        .filter(|section| section.lane() == Lane::Slow);
    slow.filter(|section| match section {
        Section::Mysql => host.mysql.is_some(),
        Section::Probes => !host.probes.is_empty(),
        Section::Proofs | Section::Lists => !host.backups.is_empty(),
        _ => true,
    })
    .collect()
}

/// A question without an answer yet.
struct Asked {
    at: UnixMs,
    sent: Instant,
    missed: u32,
}

impl<'a> Polling<'a> {
    fn new(task: &'a HostTask, link: PollLoop) -> Self {
        let now = Instant::now();
        let mut assembler = Assembler::new(&task.slot.host.probes);
        if task.slot.host.mysql.is_none() {
            assembler.without_mysql(task.clock.now());
        }
        assembler.keeping(&task.slot.host.backups);
        Self {
            task,
            link,
            assembler,
            seq: 0,
            answered: false,
            first_asked: now,
            next_medium: now,
            next_slow: now,
            rtt_us: 0,
            answered_at: UnixMs(0),
            pending: slow_sections(&task.slot.host),
            silent: false,
            noises: 0,
        }
    }

    async fn serve(&mut self) -> RemoteError {
        loop {
            if let Err(error) = self.turn().await {
                return error;
            }
        }
    }

    /// One question and what follows until the next is due.
    async fn turn(&mut self) -> Result<(), RemoteError> {
        let poll = self.task.slot.host.poll;
        let first = self.seq == 0;
        let mut asked = Some(self.ask(first).await?);
        let mut due = Instant::now() + poll.interval;
        if first {
            // Spread hosts over the interval, so that a large fleet is a stream and not a burst.
            due = Instant::now() + poll.interval.mul_f64(0.5 + fastrand::f64() * 0.5);
        }
        loop {
            let timer = asked
                .as_ref()
                .map_or(due, |asked| asked.sent + poll.deadline * (asked.missed + 1));
            tokio::select! {
                event = self.link.event() => match event? {
                    Event::Answer(frame) => {
                        if frame.seq == self.seq
                            && let Some(asked) = asked.take()
                        {
                            self.rtt_us = u64::try_from(asked.sent.elapsed().as_micros()).unwrap_or(u64::MAX);
                            self.take_answer(&frame);
                        }
                    }
                    Event::Late(frame) => self.take_late(&frame),
                    Event::Noise(text) => self.note_noise(&text),
                },
                () = sleep_until(timer) => match asked.as_mut() {
                    Some(asked) => self.miss(asked)?,
                    None => return Ok(()),
                },
                () = self.task.slot.poll_now.notified(), if asked.is_none() => {
                    let now = Instant::now();
                    (self.next_medium, self.next_slow) = (now, now);
                    return Ok(());
                }
                () = self.task.slot.reconnect.notified(), if self.silent => {
                    return Err(RemoteError::Lost("connecting again on request".to_owned()));
                }
            }
        }
    }

    async fn ask(&mut self, full: bool) -> Result<Asked, RemoteError> {
        let poll = self.task.slot.host.poll;
        let now = Instant::now();
        let mut tiers = vec![Tier::Fast];
        let spread = if full { fastrand::f64() } else { 1.0 };
        if now >= self.next_medium {
            tiers.push(Tier::Medium);
            self.next_medium = now + poll.medium.mul_f64(spread);
        }
        if now >= self.next_slow {
            tiers.push(Tier::Slow);
            self.next_slow = now + poll.slow.mul_f64(spread);
        }
        self.seq += 1;
        let at = self.task.clock.now();
        timeout(poll.deadline, self.link.ask(self.seq, &tiers, full))
            .await
            .map_err(|_| RemoteError::Timeout {
                step: "sending a poll",
                after: poll.deadline,
            })??;
        Ok(Asked {
            at,
            sent: now,
            missed: 0,
        })
    }

    /// Something that is no frame came. A host that chatters says so a few times, and then fills no log.
    fn note_noise(&mut self, text: &CleanText) {
        self.noises = self.noises.saturating_add(1);
        if self.noises <= NOISE_LIMIT {
            self.task.log.note(
                self.task.clock.now(),
                Level::Info,
                Some(&self.task.slot.host.name),
                format!("skipped what the host printed: {text}"),
            );
        }
    }

    /// The fast lane has answered: a new snapshot.
    fn take_answer(&mut self, frame: &crate::remote::frame::Frame) {
        if !self.answered || self.silent {
            self.task.slot.mark_up(self.task.clock.now());
            self.answered = true;
            self.silent = false;
        }
        self.answered_at = self.task.clock.now();
        self.apply(frame);
        self.publish(true);
    }

    /// The slow lane has sent a section: the same snapshot, completed.
    fn take_late(&mut self, frame: &crate::remote::frame::Frame) {
        self.apply(frame);
        // That a section has begun changes nothing that is shown.
        let news = frame
            .sections
            .iter()
            .any(|section| section.status != SectionStatus::Begin);
        if self.answered && news {
            self.publish(false);
        }
    }

    fn apply(&mut self, frame: &crate::remote::frame::Frame) {
        let sections = frame
            .sections
            .iter()
            .filter_map(|section| Some((section.section?, &section.status, section.content.as_slice())));
        for section in &frame.sections {
            if section.status != SectionStatus::Begin {
                self.pending.retain(|pending| Some(*pending) != section.section);
            }
        }
        self.assembler.apply(sections, self.task.clock.now());
    }

    fn publish(&mut self, is_poll: bool) {
        let snapshot = Arc::new(self.assembler.snapshot(self.answered_at, self.rtt_us));
        let complete = self.pending.is_empty() || self.first_asked.elapsed() > self.task.slot.host.poll.deadline * 2;
        self.task.slot.update(|state| {
            if is_poll {
                state.gaps = 0;
                trend::add(Arc::make_mut(&mut state.trend), &snapshot);
            }
            state.snapshot = Some(snapshot);
            state.complete = complete;
        });
    }

    /// A deadline has passed without an answer.
    fn miss(&mut self, asked: &mut Asked) -> Result<(), RemoteError> {
        asked.missed += 1;
        self.silent = true;
        let (since, missed) = (asked.at, asked.missed);
        if missed == 1 {
            // Only a wish that comes while the silence is shown is about that silence.
            let _ = self.task.slot.reconnect.notified().now_or_never();
        }
        let now = self.task.clock.now();
        self.task.slot.update(|state| {
            self.task.slot.fill_gaps(state, now);
            state.reach = Reach::Silent { since, missed };
            state.complete = true;
        });
        if asked.missed >= MISSED_LIMIT {
            return Err(RemoteError::Timeout {
                step: "a poll",
                after: self.task.slot.host.poll.deadline * asked.missed,
            });
        }
        Ok(())
    }
}
