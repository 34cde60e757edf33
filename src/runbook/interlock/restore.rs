//! Interlocks of slices that are served from a backup: nothing is left that could serve the old data beside it.

use super::{Context, Interlock, fixed, migration::unused};
use crate::{
    fleet::{HostName, SliceName},
    runbook::{
        condition::Condition,
        observe::{filesystem, network},
        plan::SliceLayout,
    },
};
use std::net::IpAddr;

type Required = Vec<(Interlock, Condition)>;

/// Clients are let in to what was restored: each old server was made sure to be off, and is so still, or serves the slice to
/// nobody by its own word; and nobody else answers for the address, from wherever it came back.
pub(super) fn open(context: &Context<'_>, host: &HostName, slice: &SliceName, address: IpAddr) -> Required {
    let layouts = &context.plan.layouts;
    let Some(restore) = &layouts.restore else {
        return Vec::new();
    };
    let old = layouts.slices.get(&restore.slice);
    let Some(old) = old.filter(|_| *slice == restore.into && *host == restore.to) else {
        let part = fixed(format!("{slice} on {host} is what was restored"), false);
        return vec![(Interlock::InsidePlan, part)];
    };
    let mut out = Vec::new();
    for server in restore.old.iter().map(|old| &old.host) {
        if let Some(off) = context.fenced.get(server) {
            out.extend(off.iter().map(|off| (Interlock::StillOff, off.clone())));
            continue;
        }
        let unmounted = filesystem::is_unmounted(server, &old.device, &old.mount_point);
        out.push((Interlock::OldSideClosed, unmounted));
        out.push((Interlock::AddressOnce, network::carries(server, address, false)));
    }
    // It answers itself once it has it: a step that was begun goes on.
    let silent = network::carries(host, address, true).or(network::nobody_answers(host, address));
    out.push((Interlock::AddressOnce, silent));
    out
}

/// A backup is restored, where the plan is about one: to what is mounted there and serves nobody.
pub(super) fn overwrite(context: &Context<'_>, layout: &SliceLayout, slice: &SliceName) -> Option<Required> {
    let restore = context.plan.layouts.restore.as_ref();
    restore
        .filter(|restore| restore.into == *slice)
        .map(|restore| unused(&restore.to, layout))
}
