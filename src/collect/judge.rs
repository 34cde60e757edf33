//! Judging behind a guard: a panic of a rule costs a look, never the director.

use crate::{
    facts::{CleanText, UnixMs},
    fleet::Fleet,
    remote::log::{Level, LogBook},
    verdict::{self, Code, Finding, Latency, Memory, Observed, Severity, Subject, SubjectKind},
};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
    time::Duration,
};

/// How long a crash stays on screen after the last one.
const SHOWN_FOR: Duration = Duration::from_mins(1);
/// After so many crashes in a row what was remembered is doubted as well, and begun anew.
const DOUBT_AFTER: u32 = 3;

/// The rules, see [`verdict::judge`].
type Rules = fn(&Fleet, &[Observed], &mut Memory, bool, UnixMs) -> Vec<Finding>;

/// What was learnt of latency before the collection began; empty until that is known.
pub type Past = Arc<OnceLock<Arc<Latency>>>;

/// The rules with their memory, and what stands when they crash.
pub(super) struct Judge {
    rules: Rules,
    memory: Memory,
    single_look: bool,
    /// What is still to be taken over.
    past: Option<Past>,
    log: LogBook,
    /// The findings of the last look that ended.
    standing: Arc<[Finding]>,
    crash: Option<Crash>,
}

/// A crash of the rules that is still shown.
struct Crash {
    since: UnixMs,
    last: UnixMs,
    in_a_row: u32,
    why: CleanText,
}

impl Judge {
    /// A judge without a past; for a `single_look` see [`Memory::immediate`].
    pub fn new(single_look: bool, log: LogBook) -> Self {
        Self {
            rules: verdict::judge,
            memory: memory(single_look),
            single_look,
            past: None,
            log,
            standing: Arc::new([]),
            crash: None,
        }
    }

    /// The same, with a past that is taken over once it is known.
    pub fn after(mut self, past: Option<Past>) -> Self {
        self.past = past;
        self
    }

    /// Judges. When a rule crashes, the findings of the look before stay, and [`Code::InternalError`] says so.
    pub fn look(&mut self, fleet: &Fleet, observed: &[Observed], doubtful: bool, now: UnixMs) -> Arc<[Finding]> {
        if let Some(past) = self.past.take_if(|past| past.get().is_some()) {
            past.get()
                .into_iter()
                .for_each(|latency| self.memory.learn(Arc::clone(latency)));
        }
        let (rules, memory) = (self.rules, &mut self.memory);
        match guarded(|| rules(fleet, observed, memory, doubtful, now)) {
            Ok(findings) => {
                self.standing = findings.into();
                if let Some(crash) = &mut self.crash {
                    crash.in_a_row = 0;
                }
            }
            Err(why) => self.crashed(why, now),
        }
        self.crash.take_if(|crash| now.since(crash.last) > SHOWN_FOR);
        let Some(crash) = &self.crash else {
            return Arc::clone(&self.standing);
        };
        let mut findings = self.standing.to_vec();
        findings.push(internal_error(crash));
        verdict::sort(&mut findings);
        findings.into()
    }

    /// What is known of latency.
    pub fn latency(&self) -> Arc<Latency> {
        self.memory.latency()
    }

    fn crashed(&mut self, why: CleanText, now: UnixMs) {
        let crash = self.crash.get_or_insert_with(|| {
            let text = format!("the rules crashed (a bug of pointsman), the last findings stay: {why}");
            self.log.note(now, Level::Error, None, text);
            Crash {
                since: now,
                last: now,
                in_a_row: 0,
                why: CleanText::default(),
            }
        });
        crash.last = now;
        crash.why = why;
        crash.in_a_row += 1;
        if crash.in_a_row.is_multiple_of(DOUBT_AFTER) {
            self.memory = memory(self.single_look);
        }
    }
}

fn memory(single_look: bool) -> Memory {
    if single_look {
        Memory::immediate()
    } else {
        Memory::new()
    }
}

fn internal_error(crash: &Crash) -> Finding {
    Finding {
        code: Code::InternalError,
        severity: Severity::Unknown,
        subject: Subject {
            kind: SubjectKind::Host,
            host: None,
            name: "console".into(),
        },
        since: crash.since,
        evidence: CleanText::new(&format!("judging crashed, some findings may be old: {}", crash.why)),
        hosts: Vec::new(),
        unseen: false,
    }
}

/// Runs what must not take its caller down; a panic of it comes back as its message.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, CleanText> {
    // What a crash may leave half done is the rules' memory (see DOUBT_AFTER) or nothing.
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| message(&*payload))
}

fn message(payload: &(dyn Any + Send)) -> CleanText {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    CleanText::new(text.unwrap_or("no message"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Host, Poll};

    const START: UnixMs = UnixMs(1_790_000_000_000);

    fn fleet() -> Fleet {
        let hosts = vec![Host::new("a", "a.example")];
        Fleet::new("test".to_owned(), None, Poll::default(), hosts, Vec::new(), Vec::new())
    }

    fn crash(_: &Fleet, hosts: &[Observed], _: &mut Memory, _: bool, _: UnixMs) -> Vec<Finding> {
        panic!("a panic that the test wants, of {} hosts\x1b[2J", hosts.len())
    }

    #[test]
    fn a_crash_of_a_rule_is_a_finding_beside_the_last_ones() {
        let (fleet, log) = (fleet(), LogBook::default());
        let mut judge = Judge::new(false, log.clone());
        let observed = [Observed::default()];
        let before = judge.look(&fleet, &observed, false, START);
        let codes = |findings: &[Finding]| findings.iter().map(|finding| finding.code).collect::<Vec<_>>();
        assert_eq!(codes(&before), [Code::HostNotAsked]);
        judge.rules = crash;
        for second in 1..=5 {
            let findings = judge.look(&fleet, &observed, false, START + Duration::from_secs(second));
            assert_eq!(findings.len(), 2, "{findings:?}");
            let error = findings
                .iter()
                .find(|finding| finding.code == Code::InternalError)
                .expect("it is shown");
            assert_eq!(
                (error.severity, error.since),
                (Severity::Unknown, START + Duration::from_secs(1))
            );
            assert!(
                error.evidence.contains("that the test wants, of 1 hosts\\x1b[2J"),
                "{error:?}"
            );
            assert!(findings.contains(&before[0]), "the last findings stay");
        }
        assert_eq!(log.version(), 1, "it is logged once");
        judge.rules = verdict::judge;
        let again = judge.look(&fleet, &observed, false, START + Duration::from_secs(6));
        assert!(codes(&again).contains(&Code::InternalError), "it stays to be read");
        let later = judge.look(&fleet, &observed, false, START + Duration::from_mins(2));
        assert_eq!(codes(&later), [Code::HostNotAsked]);
    }
}
