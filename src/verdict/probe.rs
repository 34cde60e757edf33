//! Custom probes: a number inside its limits, or the expected word.

use super::{
    Code, Severity, Subject, SubjectKind,
    claim::{Claims, Limits, Source},
    say,
    seen::{Doubt, Fact, Seen},
};
use crate::{
    facts::{Why, probe::ProbeValue},
    fleet::Probe,
};

/// Judges every declared probe by its newest reading.
pub(super) fn judge(seen: &Seen<'_>, out: &mut Claims) {
    out.begin(Source::Probes);
    for probe in &seen.host.probes {
        let subject = || Subject::on(SubjectKind::Probe, &seen.host.name, probe.name.as_str());
        let reading = seen.snapshot.probes.iter().find(|reading| reading.name == probe.name);
        let limit = probe.every.saturating_mul(3).saturating_add(seen.host.poll.deadline);
        let fact = reading.map_or(Fact::Unknown(Doubt::Why(&Why::NotAsked)), |reading| {
            seen.fact_within(&reading.value, limit)
        });
        match fact {
            Fact::Known(value) => value_of(probe, value, &subject, out),
            Fact::Unknown(Doubt::Why(Why::NotAsked)) if !seen.settled() => {
                out.unsettled(Code::ProbeBad, subject());
            }
            Fact::Unknown(doubt) => {
                out.raise(Code::ProbeBad, Severity::Unknown, subject(), doubt.to_string());
            }
            Fact::Absent => {
                let evidence = "its command is not there".to_owned();
                out.raise(Code::ProbeBad, Severity::Unknown, subject(), evidence);
            }
        }
    }
}

fn value_of(probe: &Probe, value: &ProbeValue, subject: &impl Fn() -> Subject, out: &mut Claims) {
    let unit = probe.unit.as_ref().map_or_else(String::new, |unit| format!(" {unit}"));
    match (value, &probe.expect) {
        (ProbeValue::Word(word), Some(expected)) if word.as_str() == expected => {}
        (ProbeValue::Word(word), Some(expected)) => {
            let evidence = format!("says “{word}” (expected “{expected}”)");
            out.raise(Code::ProbeBad, Severity::Critical, subject(), evidence);
        }
        (ProbeValue::Word(word), None) if has_limits(probe) => {
            let evidence = format!("says “{word}”, which is not a number");
            out.raise(Code::ProbeBad, Severity::Unknown, subject(), evidence);
        }
        (ProbeValue::Word(_), None) => {}
        (ProbeValue::Number(number), expected) => {
            if let Some(expected) = expected
                && expected.parse() != Ok(*number)
            {
                let evidence = format!("says {number} (expected “{expected}”)");
                out.raise(Code::ProbeBad, Severity::Critical, subject(), evidence);
                return;
            }
            let above = Limits {
                warning: probe.warning_above,
                critical: probe.critical_above,
            };
            let below = Limits {
                warning: probe.warning_below,
                critical: probe.critical_below,
            };
            let (high, low) = (above.above(*number), below.below(*number));
            let level = high.or(low);
            if level.keep > Severity::Ok {
                let limits = if high.keep >= low.keep { above } else { below };
                let evidence = format!(
                    "{}{unit} (limit {}{unit})",
                    say::number(*number),
                    say::number(limits.crossed(level.now))
                );
                out.measured(Code::ProbeBad, level, subject(), evidence);
            }
        }
    }
}

fn has_limits(probe: &Probe) -> bool {
    [
        probe.warning_above,
        probe.critical_above,
        probe.warning_below,
        probe.critical_below,
    ]
    .iter()
    .any(Option::is_some)
}
