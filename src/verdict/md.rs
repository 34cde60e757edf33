//! md arrays: degraded, failed members, rebuilds, checks, mismatches.

use super::{
    Code, Severity, Subject, SubjectKind,
    claim::{Claims, Source},
    say,
    seen::Seen,
};
use crate::facts::{
    Tier,
    md::{MdAction, MdArray, MdRole, MdState, MdSync},
};
use std::fmt::Write as _;

/// Judges every array.
pub(super) fn judge(seen: &Seen<'_>, out: &mut Claims) {
    let Some(arrays) = out.known(Source::Md, &seen.fact(&seen.snapshot.md, Tier::Fast)) else {
        return;
    };
    for array in arrays {
        let subject = || Subject::on(SubjectKind::Array, &seen.host.name, array.device.clone());
        match &array.state {
            MdState::Active => {}
            MdState::Inactive => {
                let evidence = format!("inactive: {} members, not started", array.members.len());
                out.raise(Code::MdInactive, Severity::Critical, subject(), evidence);
            }
            MdState::Unknown(word) => unknown("state", word, subject(), out),
        }
        members(array, &subject, out);
        degraded(array, &subject, out);
        if let Some(sync) = &array.sync {
            syncing(sync, &subject, out);
        }
        mismatches(array, &subject, out);
    }
}

fn unknown(what: &str, word: &str, subject: Subject, out: &mut Claims) {
    let evidence = format!("{what} “{word}” is a word this version does not know");
    out.raise(Code::UnknownWord, Severity::Unknown, subject, evidence);
}

fn failed(array: &MdArray) -> Vec<&str> {
    array
        .members
        .iter()
        .filter(|member| member.role == MdRole::Failed)
        .map(|member| member.device.as_str())
        .collect()
}

fn members(array: &MdArray, subject: &impl Fn() -> Subject, out: &mut Claims) {
    for member in &array.members {
        if let MdRole::Unknown(word) = &member.role {
            unknown("a member's flag", word, subject(), out);
        }
    }
    let failed = failed(array);
    if !failed.is_empty() {
        let evidence = format!("{}: {} failed", array.level, say::list(&failed));
        out.raise(Code::MdFailedMember, Severity::Warning, subject(), evidence);
    }
}

/// Members an array can lose and still hold every block, by its level.
fn spare_members(array: &MdArray, wanted: u32) -> Option<u32> {
    match array.level.as_str() {
        "raid1" => Some(wanted.saturating_sub(1)),
        "raid4" | "raid5" => Some(1),
        "raid6" => Some(2),
        // RAID 10 survives the loss of one of each set of copies; which ones are gone is not known here.
        "raid10" => Some(wanted / 2),
        _ => None,
    }
}

fn degraded(array: &MdArray, subject: &impl Fn() -> Subject, out: &mut Claims) {
    match array.degraded() {
        Some(false) => {}
        Some(true) => {
            let wanted = array.members_wanted.unwrap_or_default();
            let active = array.members_active.unwrap_or_default();
            let lost = wanted.saturating_sub(active);
            let beyond = spare_members(array, wanted).is_some_and(|spare| lost > spare);
            let failed = failed(array);
            let mut evidence = format!("{} has {active} of {wanted} members ([{}])", array.level, array.map);
            if !failed.is_empty() {
                let _ = write!(evidence, "; {} failed", say::list(&failed));
            }
            if beyond {
                evidence.push_str("; more are missing than it can lose");
            }
            let severity = if beyond { Severity::Critical } else { Severity::Warning };
            out.raise(Code::MdDegraded, severity, subject(), evidence);
        }
        None => {
            if array.is_redundant() && array.state == MdState::Active {
                let evidence = format!("{} does not say how many members it has", array.level);
                out.raise(Code::MdDegraded, Severity::Unknown, subject(), evidence);
            }
        }
    }
}

fn syncing(sync: &MdSync, subject: &impl Fn() -> Subject, out: &mut Claims) {
    let mut evidence = sync.action.to_string();
    if let Some(percent) = sync.percent {
        let _ = write!(evidence, " {percent:.1} %");
    }
    if let Some(seconds) = sync.left_seconds {
        let _ = write!(evidence, ", {} left", say::span(seconds));
    }
    if let Some(speed) = sync.speed_kib_per_second {
        let _ = write!(evidence, " at {}/s", say::kib(speed as f64));
    }
    if let Some(waiting) = &sync.waiting {
        let _ = write!(evidence, ", {waiting}");
    }
    match &sync.action {
        MdAction::Recovery => {
            out.raise(Code::MdRebuilding, Severity::Notice, subject(), evidence);
        }
        MdAction::Resync | MdAction::Check | MdAction::Repair | MdAction::Reshape => {
            out.raise(Code::MdChecking, Severity::Notice, subject(), evidence);
        }
        MdAction::Unknown(word) => unknown("action", word, subject(), out),
    }
}

fn mismatches(array: &MdArray, subject: &impl Fn() -> Subject, out: &mut Claims) {
    let Some(sectors) = array.mismatches.filter(|count| *count > 0) else {
        return;
    };
    // md(4): RAID 1 and 10 may differ in blocks that are not in use; parity must agree.
    let parity = matches!(array.level.as_str(), "raid4" | "raid5" | "raid6");
    let severity = if parity { Severity::Warning } else { Severity::Notice };
    let evidence = format!("{}: mismatch_cnt {sectors} sectors (should be 0)", array.level);
    out.raise(Code::MdMismatches, severity, subject(), evidence);
}
