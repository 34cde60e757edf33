//! Network links: no carrier, or errors.

use super::{
    Code, Severity, Subject, SubjectKind,
    claim::{Claims, Limits, Source},
    memory::{History, hash, keep},
    say,
    seen::Seen,
};
use crate::facts::Tier;

/// Errors and drops a second that are worth a look; fewer are common where unknown protocols are dropped.
const ERRORS_A_SECOND: f64 = 5.0;

/// Judges every link: by its carrier if it is in use, and by its errors.
pub(super) fn judge(seen: &Seen<'_>, history: &mut History, out: &mut Claims) {
    let links = out.known(Source::Links, &seen.fact(&seen.snapshot.links, Tier::Medium));
    for link in links.into_iter().flatten() {
        let name = hash(link.name.as_str());
        match link.carrier {
            Some(true) => keep(&mut history.carriers, name),
            Some(false) if history.carriers.contains(&name) || has_address(seen, &link.name) => {
                out.raise(
                    Code::LinkErrors,
                    Severity::Warning,
                    Subject::on(SubjectKind::Link, &seen.host.name, link.name.clone()),
                    format!("no carrier (it says {}), though it is in use", link.operstate),
                );
            }
            // A link that is set down has no carrier to tell of.
            Some(false) | None => {}
        }
    }
    let rates = out.known(Source::LinkRates, &seen.fact(&seen.snapshot.link_rates, Tier::Fast));
    for rate in rates.into_iter().flatten() {
        let level = Limits::warning(ERRORS_A_SECOND).above(rate.errors_per_second);
        if level.keep > Severity::Ok {
            out.measured(
                Code::LinkErrors,
                level,
                Subject::on(SubjectKind::Link, &seen.host.name, rate.name.clone()),
                format!(
                    "{} errors and drops a second (limit {})",
                    say::number(rate.errors_per_second),
                    say::number(ERRORS_A_SECOND)
                ),
            );
        }
    }
}

fn has_address(seen: &Seen<'_>, link: &str) -> bool {
    let addresses = seen.fact(&seen.snapshot.addresses, Tier::Medium).value();
    addresses.into_iter().flatten().any(|address| {
        let link_local = match address.ip {
            std::net::IpAddr::V6(ip) => ip.is_unicast_link_local(),
            std::net::IpAddr::V4(ip) => ip.is_link_local(),
        };
        address.interface.as_str() == link && !link_local
    })
}
