//! What a rule says about one look at the facts, before memory makes a finding of it.
//!
//! Rules are three-valued. For a code and subject a rule either *claims* it, or stays silent because it
//! has looked and all is well, or calls it *unsettled* because a fact it needs is not known. Silence
//! takes a finding back; what is unsettled keeps it, marked unknown.

use super::{Code, Severity, Subject, seen::Fact};
use crate::{
    facts::{CleanText, UnixMs},
    fleet::HostName,
};

/// Most claims kept of one host, segment or topology: a host may print any number of arrays.
const CLAIMS: usize = 1024;

/// Which facts of a host a claim rests on. When they cannot be read, its claims are unsettled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Source {
    /// What is always known: the poll itself.
    Poll,
    Uptime,
    Load,
    Cpu,
    MemoryUse,
    Disks,
    Usage,
    Mounts,
    FilesystemErrors,
    Statfs,
    Links,
    LinkRates,
    Md,
    Drbd,
    NfsMounts,
    Pools,
    Mysql,
    Probes,
    BackupTests,
}

impl Source {
    const fn bit(self) -> u32 {
        1 << (self as u8)
    }
}

/// One claim.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) code: Code,
    pub(super) subject: Subject,
    /// How bad it is by itself; `Ok` claims nothing new and only keeps what is there.
    pub(super) severity: Severity,
    /// How bad it stays when it already was that bad: a measured value between its limit and the
    /// limit to clear it.
    pub(super) keep: Severity,
    pub(super) evidence: CleanText,
    pub(super) hosts: Vec<HostName>,
    pub(super) since: Option<UnixMs>,
    pub(super) at_once: bool,
    /// The host and time of each reading that is slower than a poll; see [`Self::after_readings`].
    pub(super) readings: Vec<(HostName, UnixMs)>,
    pub(super) source: Source,
}

impl Claim {
    /// Shown without debounce: proven by one look, or about what polls cannot confirm.
    pub(super) fn at_once(&mut self) -> &mut Self {
        self.at_once = true;
        self
    }

    /// It joins facts that were not read at one moment: polls do not confirm it, only new readings on every one of
    /// these hosts, taken after it was first claimed.
    pub(super) fn after_readings(&mut self, readings: impl IntoIterator<Item = (HostName, UnixMs)>) -> &mut Self {
        self.readings.extend(readings);
        self
    }

    /// The facts themselves say since when.
    pub(super) fn since(&mut self, since: UnixMs) -> &mut Self {
        self.since = Some(since);
        self
    }

    /// Hosts concerned beside the subject's own.
    pub(super) fn with(&mut self, hosts: impl IntoIterator<Item = HostName>) -> &mut Self {
        self.hosts.extend(hosts);
        self
    }
}

/// Limits of a measured value.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    pub(super) warning: Option<f64>,
    pub(super) critical: Option<f64>,
}

impl Limits {
    pub(super) const fn warning(limit: f64) -> Self {
        Self {
            warning: Some(limit),
            critical: None,
        }
    }

    pub(super) const fn both(warning: f64, critical: f64) -> Self {
        Self {
            warning: Some(warning),
            critical: Some(critical),
        }
    }

    /// The limit that a value of this severity has crossed.
    pub(super) fn crossed(&self, severity: Severity) -> f64 {
        match severity {
            Severity::Critical => self.critical.or(self.warning),
            _ => self.warning.or(self.critical),
        }
        .unwrap_or_default()
    }

    fn level(&self, holds: impl Fn(f64) -> bool) -> Severity {
        if self.critical.is_some_and(&holds) {
            Severity::Critical
        } else if self.warning.is_some_and(&holds) {
            Severity::Warning
        } else {
            Severity::Ok
        }
    }

    /// Too much: above a limit; cleared below 90 % of it.
    pub(super) fn above(&self, value: f64) -> Level {
        if !value.is_finite() {
            return Level::NOT_A_NUMBER;
        }
        Level {
            now: self.level(|limit| value > limit),
            keep: self.level(|limit| value > limit - limit.abs() * 0.1),
        }
    }

    /// Too little: below a limit; cleared above 110 % of it.
    pub(super) fn below(&self, value: f64) -> Level {
        if !value.is_finite() {
            return Level::NOT_A_NUMBER;
        }
        Level {
            now: self.level(|limit| value < limit),
            keep: self.level(|limit| value < limit + limit.abs() * 0.1),
        }
    }
}

/// How bad a measured value is, and how bad it stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) now: Severity,
    pub(super) keep: Severity,
}

impl Level {
    /// A value that is no number is not a good value.
    const NOT_A_NUMBER: Self = Self {
        now: Severity::Unknown,
        keep: Severity::Unknown,
    };

    /// Of two limits on one value (too much, too little) the worse.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            now: self.now.max(other.now),
            keep: self.keep.max(other.keep),
        }
    }
}

/// What the rules say of one host, segment or topology after one look.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) list: Vec<Claim>,
    /// Codes and subjects that could not be judged.
    pub(super) unsettled: Vec<(Code, Subject)>,
    unseen: u32,
    source: Source,
}

impl Claims {
    pub(super) const fn new() -> Self {
        Self {
            list: Vec::new(),
            unsettled: Vec::new(),
            unseen: 0,
            source: Source::Poll,
        }
    }

    /// Begins the rules that rest on `source`: gives the fact if it is known, and marks the source as
    /// unseen if it should be known and is not.
    pub(super) fn known<'a, T>(&mut self, source: Source, fact: &Fact<'a, T>) -> Option<&'a T> {
        self.source = source;
        match fact {
            Fact::Known(value) => Some(value),
            Fact::Absent => None,
            Fact::Unknown(_) => {
                self.unseen |= source.bit();
                None
            }
        }
    }

    /// Begins rules that rest on `source` without asking for its value.
    pub(super) fn begin(&mut self, source: Source) {
        self.source = source;
    }

    /// Claims something.
    pub(super) fn raise(
        &mut self,
        code: Code,
        severity: Severity,
        subject: Subject,
        evidence: impl Into<CleanText>,
    ) -> &mut Claim {
        self.measured(
            code,
            Level {
                now: severity,
                keep: severity,
            },
            subject,
            evidence,
        )
    }

    /// Claims something about a measured value; call it only when [`Level::keep`] is not `Ok`.
    pub(super) fn measured(
        &mut self,
        code: Code,
        level: Level,
        subject: Subject,
        evidence: impl Into<CleanText>,
    ) -> &mut Claim {
        if self.list.len() == CLAIMS {
            // Full: the least bad claim gives way, so that the last element may be written.
            self.list.sort_by_key(|claim| std::cmp::Reverse(claim.severity));
            self.list.truncate(CLAIMS - 1);
        }
        self.list.push(Claim {
            code,
            subject,
            severity: level.now,
            keep: level.keep,
            evidence: evidence.into(),
            hosts: Vec::new(),
            since: None,
            at_once: false,
            readings: Vec::new(),
            source: self.source,
        });
        let last = self.list.len() - 1;
        &mut self.list[last]
    }

    /// Says that a code cannot be judged for a subject now.
    pub(super) fn unsettled(&mut self, code: Code, subject: Subject) {
        self.unsettled.push((code, subject));
    }

    /// Whether what rests on `source` cannot be judged now.
    pub(super) const fn is_unseen(&self, source: Source) -> bool {
        self.unseen & source.bit() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::CleanText;

    #[test]
    fn a_value_between_both_limits_only_keeps() {
        let limits = Limits::both(85.0, 95.0);
        let level = |value| {
            let level = limits.above(value);
            (level.now, level.keep)
        };
        assert_eq!(level(70.0), (Severity::Ok, Severity::Ok));
        assert_eq!(level(80.0), (Severity::Ok, Severity::Warning));
        assert_eq!(level(84.9), (Severity::Ok, Severity::Warning));
        assert_eq!(level(86.0), (Severity::Warning, Severity::Critical));
        assert_eq!(level(95.1), (Severity::Critical, Severity::Critical));
        assert_eq!(level(f64::NAN), (Severity::Unknown, Severity::Unknown));
        assert_eq!(Limits::warning(5.0).below(5.4).keep, Severity::Warning);
        assert_eq!(Limits::warning(5.0).below(5.6).keep, Severity::Ok);
    }

    #[test]
    fn a_flood_of_claims_keeps_the_worst() {
        let mut claims = Claims::new();
        let subject = |at: usize| Subject {
            kind: crate::verdict::SubjectKind::Array,
            host: None,
            name: CleanText::new(&at.to_string()),
        };
        claims.raise(Code::MdInactive, Severity::Critical, subject(0), "first");
        for at in 1..5000 {
            claims.raise(Code::MdMismatches, Severity::Notice, subject(at), "flood");
        }
        assert_eq!(claims.list.len(), CLAIMS);
        assert!(claims.list.iter().any(|claim| claim.severity == Severity::Critical));
    }
}
