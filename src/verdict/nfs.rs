//! NFS as clients see it: slow operations and retransmissions, for each mount.

use super::{
    Code, Severity, Subject, SubjectKind,
    claim::{Claims, Limits, Source},
    mount::Expected,
    say,
    seen::Seen,
};
use crate::facts::{
    Tier,
    nfs::{NfsMountRate, NfsOpRate},
};

/// Fewer operations a second than this give no mean worth judging.
const OPS_A_SECOND: f64 = 1.0;

/// Retransmissions, percent of operations.
const RETRANSMITS_PERCENT: f64 = 1.0;

/// Fewer retransmissions a second than this are not worth a look.
const RETRANSMITS_A_SECOND: f64 = 0.2;

/// Judges every NFS mount of the host. The kernel of the client measures: this does not depend on
/// the console's own clock.
pub(super) fn judge<'a>(seen: &Seen<'_>, expected: &(impl Iterator<Item = Expected<'a>> + Clone), out: &mut Claims) {
    let Some(mounts) = out.known(Source::NfsMounts, &seen.fact(&seen.snapshot.nfs_mounts, Tier::Fast)) else {
        return;
    };
    for mount in mounts {
        let at = mount.at.as_str();
        let servers = || {
            let slice = expected
                .clone()
                .find(|(wanted, _)| wanted.at == at)
                .and_then(|(_, slice)| slice);
            slice.map_or_else(Vec::new, |(segment, _)| segment.servers.clone())
        };
        slow(seen, mount, &servers, out);
        retransmits(seen, mount, &servers, out);
    }
}

fn slow(seen: &Seen<'_>, mount: &NfsMountRate, servers: &impl Fn() -> Vec<crate::fleet::HostName>, out: &mut Claims) {
    let counted = |op: &&NfsOpRate| op.ops_per_second >= OPS_A_SECOND;
    let rtt = |op: &NfsOpRate| op.rtt_ms.unwrap_or_default();
    let Some(worst) = mount
        .ops
        .iter()
        .filter(counted)
        .max_by(|a, b| rtt(a).total_cmp(&rtt(b)))
    else {
        return;
    };
    let limit = seen.host.thresholds.nfs_rtt_ms;
    let level = Limits::warning(limit).above(rtt(worst));
    if level.keep > Severity::Ok {
        let queue = worst
            .queue_ms
            .map_or_else(String::new, |queue| format!(", {} ms queued here", say::number(queue)));
        let evidence = format!(
            "{} takes {} ms (limit {} ms{queue})",
            worst.op,
            say::number(rtt(worst)),
            say::number(limit)
        );
        let subject = Subject::on(SubjectKind::Mount, &seen.host.name, mount.at.clone());
        out.measured(Code::NfsSlow, level, subject, evidence).with(servers());
    }
}

fn retransmits(
    seen: &Seen<'_>,
    mount: &NfsMountRate,
    servers: &impl Fn() -> Vec<crate::fleet::HostName>,
    out: &mut Claims,
) {
    let again: f64 = mount.ops.iter().map(|op| op.retransmits_per_second).sum();
    if again < RETRANSMITS_A_SECOND {
        return;
    }
    let ops: f64 = mount.ops.iter().map(|op| op.ops_per_second).sum();
    let percent = 100.0 * again / (ops + again);
    let level = Limits::warning(RETRANSMITS_PERCENT).above(percent);
    if level.keep > Severity::Ok {
        let evidence = format!(
            "{} retransmissions a second = {} % of operations (limit {} %)",
            say::number(again),
            say::number(percent),
            say::number(RETRANSMITS_PERCENT)
        );
        let subject = Subject::on(SubjectKind::Mount, &seen.host.name, mount.at.clone());
        out.measured(Code::NfsRetransmits, level, subject, evidence)
            .with(servers());
    }
}
