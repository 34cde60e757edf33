//! What a scenario is, and how one is run.

use crate::{
    program::{Event, Lab, Watch},
    starved::{Reading, Waited},
};
use jiff::Timestamp;
use serde_json::Value;
use std::{collections::BTreeSet, fmt, time::Duration};

/// The lab's machines share two cores with the program: what is due may come so much later.
const SLACK: Duration = Duration::from_secs(3);
/// What any trouble of a server may bring at its clients for a moment: they send again, more slowly.
const AFTERMATH: [&str; 3] = ["NfsRetransmits", "NfsSlow", "Rebooted"];
/// What an emulated machine on busy cores says of itself at any time: it answered late.
const LATE: [&str; 2] = ["ReadingOld", "ReadingHung"];
/// What the detector of slow hosts says: emulated machines on busy cores are slow at times, and it takes minutes to say
/// that one is so no more. Only the scenarios about it are particular about it.
pub const SLOWNESS: [&str; 5] = ["SemiFailed", "GroupSlow", "PathSlow", "Stalled", "Silent"];
/// What is slow is so against its past.
const PAST: Duration = Duration::from_mins(4);
/// Nothing must be said for so long of what is no fault.
const NOTHING_FOR: Duration = Duration::from_mins(2);
/// What a server has to do before a fault is measured for so long.
const BEFORE: Duration = Duration::from_secs(15);
/// A server that was made busy reads so many times as much from its disks as before …
const BUSIER: f64 = 4.0;
/// … but what is read of disks that are all but idle, in bytes a second, is no measure.
const IDLE: f64 = 256.0 * 1024.0;
/// A client that was waiting tries again so late at most.
const WRITES_FLOW_WITHIN: Duration = Duration::from_secs(90);
/// Polls a rule must hold for, as the lab's inventory has it.
const DEBOUNCE_POLLS: u32 = 2;

/// Machines that no scenario of another lane touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// The storage pair and its clients.
    Storage,
    /// The GTID source and its replicas.
    Databases,
    /// The Galera cluster.
    Galera,
    /// The ZFS host, the backup host and the link between the sites.
    Others,
    /// The near end of that link: what takes many minutes to show.
    Slow,
}

impl Lane {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Storage, Self::Databases, Self::Galera, Self::Others, Self::Slow];

    /// Its name in the table.
    pub fn word(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Databases => "databases",
            Self::Galera => "galera",
            Self::Others => "others",
            Self::Slow => "slow",
        }
    }

    /// Its hosts.
    pub fn hosts(self) -> &'static [&'static str] {
        match self {
            Self::Storage => &["stor1", "stor2", "access1", "access2"],
            Self::Databases => &["db1", "db2", "db3"],
            Self::Galera => &["gal1", "gal2", "gal3"],
            Self::Others => &["zfs1", "backup1", "far1"],
            Self::Slow => &["vpn1"],
        }
    }
}

/// The tier in which the fact behind a finding is read.
#[derive(Debug, Clone, Copy)]
pub enum Tier {
    /// Each poll.
    Fast,
    /// Each few polls.
    Medium,
}

/// A finding that must be raised.
pub struct Expected {
    /// Its code.
    pub code: &'static str,
    /// Its subject, as printed.
    pub subject: &'static str,
    /// Its severity's word, or nothing where the test leaves it open.
    pub severity: &'static str,
    /// How often the fact behind it is read.
    pub tier: Tier,
    /// A finding that says the same, by code and subject, and may come in its place.
    pub or: Option<(&'static str, &'static str)>,
}

impl Expected {
    /// Whether a finding is the one, or says the same.
    fn is(&self, code: &str, subject: &str) -> bool {
        (code == self.code && subject == self.subject) || self.or == Some((code, subject))
    }
}

/// Looks at what `--batch status --json` says; an error is a sentence.
pub type Check = fn(&Value) -> Result<(), String>;

/// A fault brought about for real, and what must be said of it.
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// Where it plays.
    pub lane: Lane,
    /// Words for `tests/lab/fault`, one fault a row; undone in reverse order.
    pub faults: &'static [&'static [&'static str]],
    /// What must be raised, in any order.
    pub raises: Vec<Expected>,
    /// Codes that may be raised beside them, and no others: a finding too many is a failure as well.
    pub beside: &'static [&'static str],
    /// How long the machines may take until the fault itself can be seen on them (protocol timeouts, a
    /// disk that has to be written to).
    pub shows_within: Duration,
    /// How long they may take to be whole again after the undo.
    pub heals_within: Duration,
    /// What else the status must say while the fault is there.
    pub check: Option<Check>,
    /// It takes a past to be seen: one look cannot.
    pub needs_past: bool,
    /// The machine that the fault gives more to read: that it does is measured.
    pub busy: Option<&'static str>,
}

/// How a scenario went.
pub struct Outcome {
    lane: Lane,
    /// The scenario's name.
    pub name: &'static str,
    seen: Option<Duration>,
    shown: Option<Duration>,
    /// What the status took longer than the watch.
    look: Option<Duration>,
    /// What undoing took.
    undo: Option<Duration>,
    clear: Option<Duration>,
    all: Duration,
    /// How long the real machine kept the emulated ones waiting meanwhile.
    pub waited: Waited,
    /// Why it failed, if it did.
    pub failure: Option<String>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds =
            |time: Option<Duration>| time.map_or_else(|| "-".into(), |time| format!("{:.1}", time.as_secs_f64()));
        write!(
            f,
            "{:<10} {:<40} {:>7} {:>7} {:>7} {:>7} {:>7} {:>7.1} {:>7}  {}",
            self.lane.word(),
            self.name,
            seconds(self.seen),
            seconds(self.shown),
            seconds(self.look),
            seconds(self.undo),
            seconds(self.clear),
            self.all.as_secs_f64(),
            self.waited.to_string(),
            self.failure.as_deref().unwrap_or("ok")
        )
    }
}

impl Scenario {
    /// Whether it is about the detector of slow hosts.
    pub fn is_about_slowness(&self) -> bool {
        self.raises.is_empty() || self.raises.iter().any(|expected| SLOWNESS.contains(&expected.code))
    }

    /// Brings the fault about, looks, takes it back, and looks again. The fault is taken back whatever
    /// was seen.
    pub fn run(&self, lab: &Lab, watch: &Watch) -> Outcome {
        if self.is_about_slowness() {
            watch.wait_for_a_past(PAST);
        }
        let started = Timestamp::now();
        let waiting = Reading::now();
        let mark = watch.mark();
        let mut outcome = Outcome {
            lane: self.lane,
            name: self.name,
            seen: None,
            shown: None,
            look: None,
            undo: None,
            clear: None,
            all: Duration::ZERO,
            waited: Waited::default(),
            failure: None,
        };
        let mut failures = Vec::new();
        if let Err(why) = self.faulted(lab, watch, mark, started, &mut outcome) {
            failures.push(why);
        }
        if let Err(why) = self.healed(lab, watch, &mut outcome) {
            failures.push(why);
        }
        outcome.waited = waiting.until_now();
        if let Err(why) = self.nothing_else(watch, mark, outcome.waited) {
            failures.push(why);
        }
        outcome.all = between(started, Timestamp::now());
        if !failures.is_empty() {
            outcome.failure = Some(format!("FAILED\n    {}", failures.join("\n    ")));
        }
        println!("{outcome}");
        outcome
    }

    fn faulted(
        &self,
        lab: &Lab,
        watch: &Watch,
        mark: usize,
        started: Timestamp,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        let before = self.busy.map(|host| reads(lab, host, BEFORE)).transpose()?;
        for fault in self.faults {
            lab.fault(fault)?;
        }
        // The fault tool itself takes time, and what it does may show before it returns.
        let done = Timestamp::now();
        match self.busy.zip(before) {
            Some((host, before)) => is_busier(host, before, reads(lab, host, NOTHING_FOR)?)?,
            None if self.raises.is_empty() => std::thread::sleep(NOTHING_FOR),
            None => {}
        }
        let hosts = self.watched(lab, watch, mark, [started, done], outcome)?;
        if self.needs_past {
            return Ok(());
        }
        let seen = Timestamp::now();
        // Those that it is about: to connect to the others as well would only keep emulated machines busy. What cannot
        // be seen so is looked for in the whole lane.
        let whole: Vec<&str> = self.lane.hosts().to_vec();
        let concerned: Vec<&str> = whole.iter().copied().filter(|host| hosts.contains(*host)).collect();
        let looked = match self.check {
            None if !concerned.is_empty() => self.one_look(lab, &concerned).or_else(|_| self.one_look(lab, &whole)),
            _ => self.one_look(lab, &whole).or_else(|_| self.one_look(lab, &whole)),
        };
        outcome.look = Some(between(seen, Timestamp::now()));
        looked
    }

    /// Waits until the watch has raised everything, in time; says which hosts it is about.
    fn watched(
        &self,
        lab: &Lab,
        watch: &Watch,
        mark: usize,
        [started, done]: [Timestamp; 2],
        outcome: &mut Outcome,
    ) -> Result<BTreeSet<String>, String> {
        let mut hosts = BTreeSet::new();
        for expected in &self.raises {
            let event = self.raised(lab, watch, mark, expected)?;
            let seen = between(started, event.since);
            let shown = between(started, event.at);
            let limit = between(started, done)
                + self.shows_within
                + self.period(lab, expected.tier) * (DEBOUNCE_POLLS + 2)
                + SLACK;
            if shown > limit {
                return Err(format!(
                    "{} came after {:.1} s, later than {:.1} s: two polls after its debounce",
                    expected.code,
                    shown.as_secs_f64(),
                    limit.as_secs_f64()
                ));
            }
            outcome.seen = outcome.seen.max(Some(seen));
            outcome.shown = outcome.shown.max(Some(shown));
            hosts.extend(event.hosts);
        }
        Ok(hosts)
    }

    /// One look of a new process at these hosts says the same as the watch.
    fn one_look(&self, lab: &Lab, hosts: &[&str]) -> Result<(), String> {
        let status = lab.status(hosts)?;
        for expected in &self.raises {
            stands_in(&status, expected)?;
        }
        self.check.map_or(Ok(()), |check| check(&status))
    }

    fn raised(&self, lab: &Lab, watch: &Watch, mark: usize, expected: &Expected) -> Result<Event, String> {
        // Longer than allowed, so that a late finding is told from a missing one.
        let patience =
            self.shows_within + self.period(lab, expected.tier) * (DEBOUNCE_POLLS + 2) + Duration::from_secs(30);
        let event = watch.wait_for(mark, patience, |event| {
            event.kind != "cleared"
                && expected.is(&event.code, &event.subject)
                && (expected.severity.is_empty() || event.severity == expected.severity)
        });
        event.ok_or_else(|| {
            let said = watch.since(mark);
            let lines: Vec<String> = said
                .iter()
                .filter(|event| self.concerns(event))
                .map(|event| {
                    format!(
                        "{} {} {} {}: {}",
                        event.kind, event.severity, event.code, event.subject, event.evidence
                    )
                })
                .collect();
            format!(
                "{} {} about {} was not raised; what was said:\n      {}",
                expected.severity,
                expected.code,
                expected.subject,
                lines.join("\n      ")
            )
        })
    }

    fn healed(&self, lab: &Lab, watch: &Watch, outcome: &mut Outcome) -> Result<(), String> {
        let mark = watch.mark();
        let began = Timestamp::now();
        for fault in self.faults.iter().rev() {
            let words: Vec<&str> = ["--undo"].into_iter().chain(fault.iter().copied()).collect();
            // Those that come next are not to suffer from one hitch of a busy machine.
            lab.fault(&words).or_else(|_| lab.fault(&words))?;
        }
        let undone = Timestamp::now();
        outcome.undo = Some(between(began, undone));
        let patience = self.heals_within + self.period(lab, Tier::Medium) * 3;
        let beside: &[&str] = if self.is_about_slowness() { &[] } else { &SLOWNESS };
        watch
            .wait_until_quiet(self.lane.hosts(), beside, patience)
            .map_err(|left| {
                format!(
                    "not whole again {:.0} s after the undo:\n{left}",
                    patience.as_secs_f64()
                )
            })?;
        if self.lane == Lane::Storage {
            lab.writes_flow(WRITES_FLOW_WITHIN)?;
        }
        let cleared = watch.since(mark);
        outcome.clear = cleared
            .iter()
            .filter(|event| event.kind == "cleared")
            .map(|event| between(undone, event.at))
            .max();
        Ok(())
    }

    fn nothing_else(&self, watch: &Watch, mark: usize, waited: Waited) -> Result<(), String> {
        let stray: Vec<String> = watch
            .since(mark)
            .iter()
            .filter(|event| event.kind != "cleared" && event.severity != "notice" && self.concerns(event))
            .filter(|event| {
                !self.raises.iter().any(|expected| {
                    expected.code == event.code || expected.code == "HostStale" && event.code == "HostUnreachable"
                }) && !self.beside.contains(&event.code.as_str())
                    && !AFTERMATH.contains(&event.code.as_str())
                    && !LATE.contains(&event.code.as_str())
                    && (self.is_about_slowness() || !SLOWNESS.contains(&event.code.as_str()))
                    && !self.is_of_the_real_machine(event, waited)
            })
            .map(|event| {
                format!(
                    "{} {} {}: {}",
                    event.severity, event.code, event.subject, event.evidence
                )
            })
            .collect();
        if stray.is_empty() {
            Ok(())
        } else {
            Err(format!("raised beside it:\n      {}", stray.join("\n      ")))
        }
    }

    /// What one busy machine does to the others through the processors that they share: those are slow then, and to say
    /// so is right. It is never said of the busy one itself.
    fn is_of_the_real_machine(&self, event: &Event, waited: Waited) -> bool {
        let others = self.busy.is_some_and(|busy| !event.subject.contains(busy));
        others && waited.is_starved() && SLOWNESS.contains(&event.code.as_str())
    }

    /// Between two polls of the lane's hosts, as the lab's inventory has it.
    fn period(&self, lab: &Lab, tier: Tier) -> Duration {
        let poll = lab.poll(self.lane.hosts()[0]);
        match tier {
            Tier::Fast => poll.interval,
            Tier::Medium => poll.medium,
        }
    }

    fn concerns(&self, event: &Event) -> bool {
        event
            .hosts
            .iter()
            .any(|host| self.lane.hosts().contains(&host.as_str()))
    }
}

/// Bytes a second that a machine reads from its disks in this time, which passes meanwhile.
fn reads(lab: &Lab, host: &str, during: Duration) -> Result<f64, String> {
    let begin = lab.work(host)?;
    std::thread::sleep(during);
    Ok(lab.work(host)?.rate_since(begin))
}

/// That nothing is said of a busy server shows something only if it was busy.
fn is_busier(host: &str, before: f64, now: f64) -> Result<(), String> {
    let rates = format!(
        "{:.0} KiB/s from its disks, and {:.0} before",
        now / 1024.0,
        before / 1024.0
    );
    if now < BUSIER * before.max(IDLE) {
        return Err(format!("{host} was not busy: it read {rates}"));
    }
    println!("           {host} was busy: it read {rates}");
    Ok(())
}

/// Whether the status holds a finding. A host that a standing connection has gone silent on cannot even
/// be connected to by a new one.
fn stands_in(status: &Value, expected: &Expected) -> Result<(), String> {
    let findings = status["findings"].as_array().ok_or("the status has no findings")?;
    let same = |code: &Value| *code == expected.code || expected.code == "HostStale" && code == "HostUnreachable";
    let stands = findings
        .iter()
        .any(|finding| same(&finding["code"]) && finding["subject"] == expected.subject);
    if stands {
        return Ok(());
    }
    let codes: Vec<String> = findings
        .iter()
        .map(|finding| format!("{} {}", finding["code"], finding["subject"]))
        .collect();
    Err(format!(
        "--batch status does not say {} of {}; it says {}",
        expected.code,
        expected.subject,
        codes.join(", ")
    ))
}

/// Time from one to the other; none when the clock says it is the other way round.
fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}
