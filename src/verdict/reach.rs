//! The way to a host: unreachable is not dead, and silence is not health.

use super::{Code, Observed, Severity, Subject, claim::Claims, memory::HostMemory, say, seen::Freshness};
use crate::{
    facts::{Reach, UnixMs},
    fleet::Host,
};

/// Judges whether a host can be spoken of. These claims need no debounce: a host counts as fresh
/// until three polls are missed.
pub(super) fn judge(host: &Host, observed: &Observed, memory: &HostMemory, observer_doubtful: bool, out: &mut Claims) {
    let subject = Subject::host(&host.name);
    let last = observed.snapshot.as_ref().map(|snapshot| snapshot.at);
    let last_answer = last.map_or_else(
        || "no answer so far".to_owned(),
        |at| format!("last answer at {}", say::clock(at)),
    );
    // Each attempt begins anew; what has not been heard since the last answer has been lost since then.
    let began = match (reach_since(observed), last) {
        (Some(since), Some(last)) if memory.freshness != Freshness::Stopped => Some(since.min(last)),
        (since, last) => since.or(last),
    };
    let starved = if observer_doubtful {
        "; the console itself is starved"
    } else {
        ""
    };
    let (code, evidence) = match memory.freshness {
        Freshness::Fresh => return,
        Freshness::NotAsked => (Code::HostNotAsked, "has not answered yet".to_owned()),
        Freshness::Stopped => (Code::HostStopped, format!("{}; {last_answer}", why(observed))),
        Freshness::Unreachable => (
            Code::HostUnreachable,
            format!("{}; {last_answer}{starved}", why(observed)),
        ),
        Freshness::Stale => {
            let missed = match observed.reach {
                Some(Reach::Silent { missed: 1, .. }) => "1 poll missed".to_owned(),
                Some(Reach::Silent { missed, .. }) => format!("{missed} polls missed"),
                _ => "polls missed".to_owned(),
            };
            let limit = say::number(host.poll.stale_after().as_secs_f64());
            (
                Code::HostStale,
                format!("{missed}, no answer for more than {limit} s; {last_answer}{starved}"),
            )
        }
    };
    let claim = out.raise(code, Severity::Unknown, subject, evidence).at_once();
    if let Some(since) = began {
        claim.since(since);
    }
}

/// When the present state of the way began.
fn reach_since(observed: &Observed) -> Option<UnixMs> {
    match observed.reach.as_ref()? {
        Reach::Silent { since, .. } | Reach::Unreachable { since, .. } | Reach::Stopped { since, .. } => Some(*since),
        Reach::Waiting | Reach::Connecting { .. } | Reach::Up { .. } => None,
    }
}

fn why(observed: &Observed) -> String {
    match &observed.reach {
        Some(Reach::Unreachable { why, .. } | Reach::Stopped { why, .. }) => why.to_string(),
        Some(Reach::Connecting { step, why, .. }) => {
            let why = why.as_ref().map(|why| format!("{why}; ")).unwrap_or_default();
            format!("{why}being connected again ({step})")
        }
        _ => "no connection".to_owned(),
    }
}
