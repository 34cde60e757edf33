//! Interlocks of hosts that go away for a while: nobody rests on what goes, and what is left is whole.

use super::{Context, Interlock, inside};
use crate::{
    fleet::HostName,
    runbook::{
        condition::Condition,
        observe::{filesystem, galera, network},
        plan::HostLayout,
    },
};

type Required = Vec<(Interlock, Condition)>;

/// What has to hold before a host goes away: it serves no slice, the other side of each of its slices is whole, its
/// database takes no writes, and its cluster keeps its quorum.
pub fn leave(context: &Context<'_>, host: &HostName) -> Required {
    let outside = inside(context, host);
    if !outside.is_empty() {
        return outside;
    }
    match context.plan.layouts.found.get(host) {
        Some(found) => spare(host, found),
        None => vec![(
            Interlock::InsidePlan,
            super::fixed(format!("how {host} was found is part of the plan"), false),
        )],
    }
}

/// The same, for a host that was found so.
pub fn spare(host: &HostName, found: &HostLayout) -> Required {
    let mut out = Vec::new();
    for layout in found.slices.values() {
        out.push((
            Interlock::HostServesNothing,
            filesystem::is_unmounted(host, &layout.device, &layout.mount_point),
        ));
        if let Some(address) = &layout.address {
            out.push((Interlock::HostServesNothing, network::carries(host, address.ip, false)));
        }
        let others = layout.sides.iter().filter(|side| side.host != *host);
        out.extend(others.map(|other| (Interlock::PartnerWhole, other.is_replicated())));
    }
    out.extend(without_server(host, found));
    out
}

/// What has to hold before the database server of a host stops.
pub fn without_server(host: &HostName, found: &HostLayout) -> Required {
    let mut out = Vec::new();
    if let Some(member) = &found.member {
        out.push((Interlock::NotTheSource, member.is_open(false)));
    }
    if let Some(cluster) = &found.cluster {
        out.push((Interlock::ClusterQuorum, galera::keeps_quorum(host, &cluster.others)));
    }
    out
}
