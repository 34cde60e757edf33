//! Interlocks of databases: one server takes writes, and it has everything.

use super::{Context, Interlock, fixed};
use crate::{
    fleet::HostName,
    runbook::{
        condition::Condition,
        observe::{mysql::Member, network},
    },
};
use std::net::IpAddr;

type Required = Vec<(Interlock, Condition)>;

/// What has to hold before a server takes writes: no other one does, what was fenced is off still, it follows nobody, and
/// it has everything that each of the others has that can be asked. Unknown is no yes.
pub fn open(context: &Context<'_>, host: &HostName) -> Required {
    on(context, host, |own, others| {
        let mut out = vec![(Interlock::OpenFollowsNobody, own.follows_nobody())];
        for other in others {
            if let Some(off) = context.fenced.get(&other.host) {
                out.extend(off.iter().map(|off| (Interlock::StillOff, off.clone())));
            } else {
                out.push((Interlock::OneDatabaseOpen, other.is_open(false)));
                out.push((Interlock::DatabaseComplete, own.has_all_of(other)));
            }
        }
        out
    })
}

/// What has to hold before a server follows nobody: it has applied everything that it has received, for that is thrown
/// away; and everything that the server which it followed has, where that can be asked.
pub fn unfollow(context: &Context<'_>, host: &HostName) -> Required {
    on(context, host, |own, others| {
        let there = others.filter(|other| !context.fenced.contains_key(&other.host));
        let complete = there.map(|other| (Interlock::DatabaseDrained, own.has_all_of(other)));
        std::iter::once((Interlock::DatabaseDrained, own.is_drained()))
            .chain(complete)
            .collect()
    })
}

/// What has to hold before a server follows another: it takes no writes itself, and the other has everything that it
/// holds, received or applied: what it has received is thrown away, and what the other has not would divide them.
pub fn follow(context: &Context<'_>, host: &HostName, source: &HostName) -> Required {
    on(context, host, |own, others| {
        let mut out = vec![(Interlock::FollowerClosed, own.is_open(false))];
        let mut others = others.filter(|other| other.host == *source);
        match others.next() {
            Some(source) => out.push((Interlock::FollowerEqual, source.has_all_of(own))),
            None => out.push((
                Interlock::InsidePlan,
                fixed(format!("{source} is another server of the database"), false),
            )),
        }
        out
    })
}

/// What has to hold before a server gets the address by which clients find the one that takes writes: it does, and no other
/// server carries it.
pub fn enter(context: &Context<'_>, host: &HostName, address: IpAddr) -> Required {
    on(context, host, |own, others| {
        let mut out = vec![(Interlock::EntranceOnSource, own.is_open(true))];
        for other in others {
            match context.fenced.get(&other.host) {
                Some(off) => out.extend(off.iter().map(|off| (Interlock::StillOff, off.clone()))),
                None => out.push((Interlock::AddressOnce, network::carries(&other.host, address, false))),
            }
        }
        out
    })
}

/// What has to hold before clients are led to a server: it takes writes. On the way back it will: nothing was closed but
/// what opens again, and the command has one way only.
pub fn lead(context: &Context<'_>, host: &HostName) -> Required {
    on(context, host, |own, _| {
        let open = (!context.back).then(|| (Interlock::EntranceOnSource, own.is_open(true)));
        open.into_iter().collect()
    })
}

/// What has to hold before a server takes no writes any more, receives nothing, or lets commits wait for a replica or not: it is
/// part of the plan.
pub fn inside(context: &Context<'_>, host: &HostName) -> Required {
    on(context, host, |_, _| Vec::new())
}

fn on(
    context: &Context<'_>,
    host: &HostName,
    then: impl FnOnce(&Member, &mut dyn Iterator<Item = &Member>) -> Required,
) -> Required {
    let members = || {
        context
            .plan
            .layouts
            .database
            .iter()
            .flat_map(|database| &database.members)
    };
    match members().find(|member| member.host == *host) {
        Some(own) if context.plan.targets.contains_key(host) => {
            then(own, &mut members().filter(|member| member.host != *host))
        }
        _ => vec![(
            Interlock::InsidePlan,
            fixed(format!("the database on {host} is part of the plan"), false),
        )],
    }
}
