//! Interlocks of clients: what is taken away is the mount of the plan, and nothing besides it.

use super::{Context, Interlock, fixed};
use crate::{
    fleet::HostName,
    runbook::{
        condition::Condition,
        observe::mounts::{self, Entry},
        plan::{ClientLayout, Glass, Rule},
    },
};
use std::net::Ipv4Addr;

type Required = Vec<(Interlock, Condition)>;

/// Whether somebody has named the segment, or the slice, in full for being taken away although it answers.
pub fn is_given_up(glass: &[Glass], client: &ClientLayout) -> bool {
    let names = [client.segment.as_str(), client.slice.as_str()];
    let mut glass = glass.iter();
    glass.any(|glass| glass.rule == Rule::Force && names.contains(&glass.resource.as_str()))
}

/// What has to hold before a mount is taken away: it is the one of the plan, nothing is mounted below it, and it does not
/// answer, unless its segment was named.
pub fn detach(context: &Context<'_>, host: &HostName, at: &str) -> Required {
    on(context, host, at, |client| {
        let mut out = touch(context, client);
        let now = client.now.iter();
        out.extend(now.map(|now| (Interlock::DetachedAlone, mounts::is_alone(host, &now.entry))));
        out
    })
}

/// What has to hold before the processes that hold a mount are ended.
pub fn end_holders(context: &Context<'_>, host: &HostName, at: &str) -> Required {
    on(context, host, at, |client| touch(context, client))
}

fn touch(context: &Context<'_>, client: &ClientLayout) -> Required {
    let Some(now) = &client.now else { return Vec::new() };
    let (host, mount) = (&client.host, &now.entry);
    let mut out = vec![(Interlock::DetachedPlanned, mounts::is_planned(host, mount))];
    out.extend(sick(context, client));
    out
}

/// Its mount does not answer, unless it was given up by name.
fn sick(context: &Context<'_>, client: &ClientLayout) -> Option<(Interlock, Condition)> {
    let mount = &client.now.as_ref()?.entry;
    let given_up = is_given_up(&context.plan.glass, client);
    let is_sick = || mounts::is_sick(&client.host, mount, &client.addresses);
    (!given_up).then(|| (Interlock::DetachedHung, is_sick()))
}

/// What has to hold before something is mounted: nothing else is there.
pub fn attach(context: &Context<'_>, host: &HostName, at: &str) -> Required {
    on(context, host, at, |client| {
        let then = client.then.iter();
        then.map(|then| (Interlock::AttachedFree, mounts::is_free(host, then)))
            .collect()
    })
}

/// What has to hold before a client is kept from an address: nothing but what the plan takes away is mounted from there, and
/// none of that answers. It would not any more once the client is barred.
pub fn bar(context: &Context<'_>, host: &HostName, address: Ipv4Addr) -> Required {
    let clients = &context.plan.layouts.clients;
    let mine: Vec<&ClientLayout> = clients.iter().filter(|client| client.host == *host).collect();
    if !mine.iter().any(|client| client.address == address) {
        return outside(host, &address.to_string());
    }
    let planned = mine
        .iter()
        .filter_map(|client| Some(client.now.as_ref()?.entry.clone()));
    let planned: Vec<Entry> = planned.collect();
    let mut out = vec![(Interlock::BarredAlone, mounts::is_address_of(host, address, &planned))];
    out.extend(mine.iter().filter_map(|client| sick(context, client)));
    out
}

fn on(context: &Context<'_>, host: &HostName, at: &str, then: impl FnOnce(&ClientLayout) -> Required) -> Required {
    let mut clients = context.plan.layouts.clients.iter();
    match clients.find(|client| client.host == *host && client.at == at) {
        Some(client) if context.plan.targets.contains_key(host) => then(client),
        _ => outside(host, at),
    }
}

fn outside(host: &HostName, what: &str) -> Required {
    vec![(
        Interlock::InsidePlan,
        fixed(format!("{what} of {host} is part of the plan"), false),
    )]
}
