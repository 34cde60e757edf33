//! Interlocks of Galera clusters: one primary component, made of the member that is furthest, and nobody joins who would lose
//! what the others have not.

use super::{Context, Interlock, fixed};
use crate::{
    fleet::HostName,
    runbook::{
        condition::Condition,
        observe::galera::Member,
        operation::Claim,
        plan::{GaleraLayout, Plan},
    },
};

type Required = Vec<(Interlock, Condition)>;

/// What has to hold before a member is bootstrapped: it and no other is in a primary component, what was fenced is off still,
/// it is as far as each of the others, and the run bootstraps no other one. Unknown is no yes.
pub fn bootstrap(context: &Context<'_>, host: &HostName) -> Required {
    on(context, host, |cluster, own| {
        let mut out = vec![
            (Interlock::NoPrimaryComponent, own.is_not_primary()),
            (Interlock::BootstrapOnce, alone(context.plan)),
        ];
        for other in cluster.members.iter().filter(|other| other.host != *host) {
            if let Some(off) = context.fenced.get(&other.host) {
                out.extend(off.iter().map(|off| (Interlock::StillOff, off.clone())));
            } else {
                out.push((Interlock::NoPrimaryComponent, other.is_not_primary()));
                out.push((Interlock::BootstrapComplete, own.is_as_far_as(other)));
            }
        }
        out
    })
}

/// What has to hold before a member joins: the one that it joins is in the primary component, and has everything.
pub fn join(context: &Context<'_>, host: &HostName) -> Required {
    on(context, host, |cluster, own| {
        let Some(node) = cluster.member(&cluster.node).filter(|node| node.host != *host) else {
            return outside(host);
        };
        let primary = match &cluster.position {
            Some(position) => node.leads(position),
            None => fixed(format!("it is known how far {} is", node.host), false),
        };
        vec![
            (Interlock::JoinsPrimary, primary),
            (Interlock::JoinerEqual, own.loses_nothing_to(node)),
        ]
    })
}

/// What has to hold before data is recovered: its server does not run.
pub fn recover(context: &Context<'_>, host: &HostName) -> Required {
    on(context, host, |_, own| {
        vec![(Interlock::RecoverStopped, own.is_stopped())]
    })
}

/// Two members that cannot see each other would be two primary components.
fn alone(plan: &Plan) -> Condition {
    let claims = plan.steps.iter().flat_map(|step| &step.operation.claims);
    let count = claims.filter(|claim| matches!(claim, Claim::Bootstrap { .. })).count();
    fixed(
        "one member is bootstrapped by this run, and no more".to_owned(),
        count == 1,
    )
}

fn on(context: &Context<'_>, host: &HostName, then: impl FnOnce(&GaleraLayout, &Member) -> Required) -> Required {
    let cluster = context.plan.layouts.galera.as_ref();
    match cluster.and_then(|cluster| Some((cluster, cluster.member(host)?))) {
        Some((cluster, own)) => then(cluster, own),
        None => outside(host),
    }
}

fn outside(host: &HostName) -> Required {
    vec![(
        Interlock::InsidePlan,
        fixed(format!("{host} is a member of the cluster of the plan"), false),
    )]
}
