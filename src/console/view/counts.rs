//! How many hosts or findings there are in each state.

use super::Ctx;
use crate::{
    console::{status, theme::glyph_of},
    verdict::{Code, Severity},
};

/// So many hosts or findings in one state.
#[derive(Clone, Copy)]
pub struct Count {
    /// How bad it is.
    pub severity: Severity,
    /// Its sign.
    pub sign: &'static str,
    /// Its word.
    pub word: &'static str,
    /// How many there are.
    pub number: usize,
}

/// The severities, worst first, each counted.
pub fn by_severity(of: impl Fn(Severity) -> usize) -> Vec<Count> {
    let severities = [
        Severity::Critical,
        Severity::Unknown,
        Severity::Warning,
        Severity::Notice,
        Severity::Ok,
    ];
    let counts = severities.into_iter().map(|severity| Count {
        severity,
        sign: glyph_of(severity),
        word: severity.word(),
        number: of(severity),
    });
    counts.filter(|count| count.number > 0).collect()
}

/// How many hosts are in each state, worst first; semi-failed ones are counted apart.
pub fn counts(ctx: &Ctx<'_>) -> Vec<Count> {
    let mut semi: Vec<Severity> = Vec::new();
    let mut others: Vec<Severity> = Vec::new();
    let any = ctx.view.findings.iter().any(|finding| finding.code == Code::SemiFailed);
    for host in &ctx.view.hosts {
        match any.then(|| status::semi_failed(ctx.view, host, ctx.now)).flatten() {
            Some(severity) => semi.push(severity),
            None => others.push(status::severity(host, ctx.now)),
        }
    }
    let mut counts = by_severity(|severity| others.iter().filter(|one| **one == severity).count());
    if let Some(severity) = semi.iter().max().copied() {
        let at = counts.iter().position(|count| count.severity < severity);
        let count = Count {
            severity,
            sign: status::SEMI_FAILED,
            word: "semi-failed",
            number: semi.len(),
        };
        counts.insert(at.unwrap_or(counts.len()), count);
    }
    counts
}
