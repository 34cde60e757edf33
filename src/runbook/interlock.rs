//! Interlocks: safety rules below every runbook, chosen by what a step claims to do.
//!
//! A runbook cannot leave one out, and neither can a user's own: the engine asks for them before each
//! change, forwards and backwards. Numbers are those of the safety invariants that they hold.

mod client;
mod database;
mod galera;
mod migration;
mod restore;
mod spare;

pub use client::is_given_up;
pub use spare::{spare, without_server};

use super::{
    check::Refusal,
    condition::Condition,
    definition::Kind,
    observe::{
        backup,
        drbd::Side,
        filesystem,
        md::{self, ArrayOn},
        network, nfs,
        pool::{self, PoolOn},
    },
    operation::Claim,
    plan::{Plan, Rule, SliceLayout},
    sight::Sight,
    truth::Truth,
};
use crate::{
    facts::drbd::DrbdRole,
    fleet::{HostName, SliceName},
};
use std::collections::{BTreeMap, BTreeSet};

/// What interlocks judge by, besides fresh looks.
#[derive(Debug)]
pub struct Context<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Hosts that this run has fenced, each with what shows that it is off: it has to show it again each time, power
    /// may come back.
    pub fenced: BTreeMap<HostName, Vec<Condition>>,
    /// What this run has made primary, or may have, and where.
    pub promoted: BTreeSet<(SliceName, HostName)>,
    /// Whether a step is being taken back.
    pub back: bool,
}

/// Every interlock, by name: so that each can be shown, and each can be proven to be needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interlock {
    /// 1, 2: no other side is primary, or it is fenced.
    OtherSideSecondary,
    /// 1: the promoted side's own data is good, unless that very resource was named.
    GoodData,
    /// 1, 14: the promoted side has everything that was written: it is connected and equal, or the other side is
    /// fenced, or it was primary itself and nobody has been since.
    CompleteData,
    /// 1: what was fenced is off still.
    StillOff,
    /// 10: force needs the resource's name.
    NamedForce,
    /// 10: throwing data away needs the resource's name.
    NamedDiscard,
    /// 2: what is thrown away is not in use.
    DiscardedUnused,
    /// 2: the filesystem is mounted on no other side.
    MountedOnce,
    /// 2: a filesystem is mounted only where its device is primary.
    MountedOnPrimary,
    /// 12: a side is demoted only when nothing is mounted and its address is gone.
    DemotedClosed,
    /// 12: clients are let in only where the slice is mounted.
    OpenOnServing,
    /// 2: no other host answers for the address.
    AddressOnce,
    /// 11: fencing belongs to emergencies.
    FenceInEmergency,
    /// 13: a service that other slices use is not stopped.
    SharedService,
    /// 22: no member leaves an array that would not be redundant without it.
    ArrayRedundant,
    /// 22: no member leaves an array that has not all its data without it.
    ArrayData,
    /// 19, 20: a disk that is put into an array or a pool is unused, and large enough.
    DiskUnused,
    /// 22: no device leaves a pool that has a place there alone.
    PoolSpared,
    /// 2: no other server of the database takes writes, or it is fenced.
    OneDatabaseOpen,
    /// 2: what takes writes is no replica.
    OpenFollowsNobody,
    /// 15: what takes writes has everything that every other server has that can be asked: by its positions, never by
    /// how much it is or how far behind it says to be.
    DatabaseComplete,
    /// 14: what a replica has received is applied before its replication ends.
    DatabaseDrained,
    /// 2: what follows takes no writes.
    FollowerClosed,
    /// 15: what follows has nothing that its source has not.
    FollowerEqual,
    /// 12: clients of a database are led to a server alone that takes writes.
    EntranceOnSource,
    /// 1: no member of the Galera cluster is in a primary component, or it is fenced.
    NoPrimaryComponent,
    /// 15: what is bootstrapped is as far as every other member, and of the same cluster.
    BootstrapComplete,
    /// 2: one member of a Galera cluster is bootstrapped by a run, and no more.
    BootstrapOnce,
    /// 2: what joins finds a member in the primary component.
    JoinsPrimary,
    /// 15: what joins has nothing that the primary component has not.
    JoinerEqual,
    /// 13: data is recovered of a server alone that does not run.
    RecoverStopped,
    /// 2, 13: a host that goes away serves no slice.
    HostServesNothing,
    /// 14, 22: the other side of each of its slices has everything.
    PartnerWhole,
    /// 13: its database takes no writes.
    NotTheSource,
    /// 13: its cluster keeps more than half of its nodes.
    ClusterQuorum,
    /// 6: what is taken away from a client is the mount of the plan, not another one at its place.
    DetachedPlanned,
    /// 20: nothing is mounted below it.
    DetachedAlone,
    /// 10: it does not answer, unless its segment was named in full.
    DetachedHung,
    /// 13: a client is kept from an address only where nothing else is mounted from there.
    BarredAlone,
    /// 6: a slice is mounted only where nothing else is.
    AttachedFree,
    /// 2: a copy, or what was restored, is opened only where nobody can write to what was served before.
    OldSideClosed,
    /// 2: what was closed to be copied is opened again only while its copy serves nobody.
    CopySilent,
    /// 19, 20: what is overwritten by a copy serves nobody, and what it is made of is there; by a backup the same.
    CopyUnused,
    /// 19: snapshots are received over what bears the mark of that copy, and over nothing else.
    CopyMarked,
    /// 19, 20: what is written to or removed as a scratch directory is nobody else's: marked as ours, or not there.
    ScratchOurs,
    /// 10, 20: what is thrown away was kept for as long as was said, serves nobody, and what took its place serves.
    OldSideReplaced,
    /// 20: the claim is about something of the plan.
    InsidePlan,
}

impl Interlock {
    /// All of them.
    pub const ALL: [Self; 47] = [
        Self::OtherSideSecondary,
        Self::GoodData,
        Self::CompleteData,
        Self::StillOff,
        Self::NamedForce,
        Self::NamedDiscard,
        Self::DiscardedUnused,
        Self::MountedOnce,
        Self::MountedOnPrimary,
        Self::DemotedClosed,
        Self::OpenOnServing,
        Self::AddressOnce,
        Self::FenceInEmergency,
        Self::SharedService,
        Self::ArrayRedundant,
        Self::ArrayData,
        Self::DiskUnused,
        Self::PoolSpared,
        Self::OneDatabaseOpen,
        Self::OpenFollowsNobody,
        Self::DatabaseComplete,
        Self::DatabaseDrained,
        Self::FollowerClosed,
        Self::FollowerEqual,
        Self::EntranceOnSource,
        Self::NoPrimaryComponent,
        Self::BootstrapComplete,
        Self::BootstrapOnce,
        Self::JoinsPrimary,
        Self::JoinerEqual,
        Self::RecoverStopped,
        Self::HostServesNothing,
        Self::PartnerWhole,
        Self::NotTheSource,
        Self::ClusterQuorum,
        Self::DetachedPlanned,
        Self::DetachedAlone,
        Self::DetachedHung,
        Self::BarredAlone,
        Self::AttachedFree,
        Self::OldSideClosed,
        Self::CopySilent,
        Self::CopyUnused,
        Self::CopyMarked,
        Self::ScratchOurs,
        Self::OldSideReplaced,
        Self::InsidePlan,
    ];
}

/// The conditions that must hold before a step with these claims may change anything.
#[must_use]
pub fn conditions(claims: &[Claim], context: &Context<'_>) -> Vec<Condition> {
    required(claims, context)
        .into_iter()
        .map(|(_, condition)| condition)
        .collect()
}

/// The same, each with the interlock that asks for it.
#[must_use]
pub fn required(claims: &[Claim], context: &Context<'_>) -> Vec<(Interlock, Condition)> {
    claims.iter().flat_map(|claim| of(claim, context)).collect()
}

fn of(claim: &Claim, context: &Context<'_>) -> Vec<(Interlock, Condition)> {
    match claim {
        Claim::Promote { host, slice, force } => on(context, host, slice, |layout, side| {
            promote(context, layout, side, slice, *force)
        }),
        Claim::Demote { host, slice } => on(context, host, slice, |layout, _| {
            let mut out = vec![(
                Interlock::DemotedClosed,
                filesystem::is_unmounted(host, &layout.device, &layout.mount_point),
            )];
            if let Some(address) = &layout.address {
                out.push((Interlock::DemotedClosed, network::carries(host, address.ip, false)));
            }
            out
        }),
        Claim::Mount { host, slice } => on(context, host, slice, |layout, side| {
            let mut out = vec![(Interlock::MountedOnPrimary, side.has_role(DrbdRole::Primary))];
            out.extend(others(context, layout, host, Interlock::MountedOnce, |other| {
                filesystem::is_unmounted(&other.host, &layout.device, &layout.mount_point)
            }));
            out
        }),
        Claim::OpenEntry { host, slice, address } => on(context, host, slice, |layout, _| {
            let mut out = vec![(
                Interlock::OpenOnServing,
                filesystem::is_mounted(host, &layout.device, &layout.mount_point),
            )];
            out.extend(others(context, layout, host, Interlock::AddressOnce, |other| {
                network::carries(&other.host, *address, false)
            }));
            out.extend(migration::open(context, host, slice, *address));
            out.extend(restore::open(context, host, slice, *address));
            out
        }),
        Claim::Overwrite { host, slice } => on(context, host, slice, |layout, _| {
            let restored = restore::overwrite(context, layout, slice);
            restored.unwrap_or_else(|| migration::overwrite(context, layout, slice))
        }),
        Claim::Receive { host, slice } => on(context, host, slice, |layout, _| {
            migration::receive(context, layout, slice)
        }),
        Claim::Unlock { host, slice } => on(context, host, slice, |_, _| migration::unlock(context, slice)),
        Claim::Thaw { host, slice } => on(context, host, slice, |_, _| migration::thaw(context, slice)),
        Claim::Scratch { host, place } => scratch(context, host, place),
        Claim::Wipe { host, slice } => on(context, host, slice, |layout, _| {
            migration::wipe(context, layout, slice)
        }),
        Claim::Unblock { host, slice, address } => on(context, host, slice, |layout, _| {
            let serves = filesystem::is_mounted(host, &layout.device, &layout.mount_point);
            vec![(
                Interlock::OpenOnServing,
                serves.or(network::carries(host, *address, false)),
            )]
        }),
        Claim::Discard { host, slice } => on(context, host, slice, |layout, side| {
            vec![
                (Interlock::NamedDiscard, named(context, Rule::Discard, &side.resource)),
                (Interlock::DiscardedUnused, side.has_role(DrbdRole::Secondary)),
                (
                    Interlock::DiscardedUnused,
                    filesystem::is_unmounted(host, &layout.device, &layout.mount_point),
                ),
            ]
        }),
        Claim::Fence { host } => vec![(
            Interlock::FenceInEmergency,
            fixed(
                format!("fencing {host} is part of an emergency"),
                context.plan.kind == Kind::Emergency,
            ),
        )],
        Claim::TakeOut { .. } | Claim::PutIn { .. } | Claim::PoolIn { .. } | Claim::PoolOut { .. } => {
            of_disk(claim, context)
        }
        Claim::Command { host } => inside(context, host),
        Claim::Leave { host, .. } => spare::leave(context, host),
        Claim::Service { host, unit, stops } => service(context, host, unit, *stops),
        Claim::OpenDatabase { host } => database::open(context, host),
        Claim::CloseDatabase { host }
        | Claim::Freeze { host }
        | Claim::LeaveDatabase { host }
        | Claim::SemiSync { host } => database::inside(context, host),
        Claim::EnterDatabase { host, address } => database::enter(context, host, *address),
        Claim::LeadDatabase { host } => database::lead(context, host),
        Claim::Unfollow { host } => database::unfollow(context, host),
        Claim::Follow { host, source } => database::follow(context, host, source),
        Claim::Bootstrap { host } => galera::bootstrap(context, host),
        Claim::Join { host } => galera::join(context, host),
        Claim::Recover { host } => galera::recover(context, host),
        Claim::EndHolders { host, at } => client::end_holders(context, host, at),
        Claim::Detach { host, at } => client::detach(context, host, at),
        Claim::Attach { host, at } => client::attach(context, host, at),
        Claim::Bar { host, address } => client::bar(context, host, *address),
        // The engine watches over it for as long as it flows.
        Claim::Flow { .. } => Vec::new(),
        Claim::CloseEntry { host, slice } | Claim::Connect { host, slice } => {
            on(context, host, slice, |_, _| Vec::new())
        }
    }
}

/// Disks that come and go.
fn of_disk(claim: &Claim, context: &Context<'_>) -> Vec<(Interlock, Condition)> {
    match claim {
        Claim::TakeOut { array, device } => of_array(context, array, || {
            vec![
                (Interlock::ArrayRedundant, array.redundant_without(device)),
                (Interlock::ArrayData, array.complete_without(device)),
            ]
        }),
        Claim::PutIn { array, device } => of_array(context, array, || {
            vec![
                (Interlock::DiskUnused, md::is_blank(&array.host, device)),
                (Interlock::DiskUnused, array.has(device, false)),
                (Interlock::DiskUnused, md::fits(array, device)),
            ]
        }),
        Claim::PoolIn { pool, old, device } => of_pool(context, pool, || {
            vec![
                (Interlock::DiskUnused, md::is_blank(&pool.host, device)),
                (Interlock::DiskUnused, pool.has(device, false)),
                (Interlock::DiskUnused, pool::fits(pool, old, device)),
            ]
        }),
        Claim::PoolOut { pool, device } => {
            of_pool(context, pool, || vec![(Interlock::PoolSpared, pool.spares(device))])
        }
        _ => Vec::new(),
    }
}

fn promote(
    context: &Context<'_>,
    layout: &SliceLayout,
    side: &Side,
    slice: &SliceName,
    force: bool,
) -> Vec<(Interlock, Condition)> {
    let mut out = others(context, layout, &side.host, Interlock::OtherSideSecondary, |other| {
        other.has_role(DrbdRole::Secondary)
    });
    if force {
        out.push((Interlock::NamedForce, named(context, Rule::Force, &side.resource)));
    } else {
        out.push((Interlock::GoodData, side.is_up_to_date()));
        let mut elsewhere = context.promoted.iter();
        let returns = context.back && !elsewhere.any(|(other, host)| other == slice && *host != side.host);
        let alive = |other: &Side| other.host != side.host && !context.fenced.contains_key(&other.host);
        if layout.sides.iter().any(alive) && !returns {
            out.push((Interlock::CompleteData, side.is_replicated()));
        }
    }
    out
}

/// What has to hold of every other side: that it is harmless by its own word, or, where it was fenced, that it is
/// still off.
fn others(
    context: &Context<'_>,
    layout: &SliceLayout,
    host: &HostName,
    interlock: Interlock,
    harmless: impl Fn(&Side) -> Condition,
) -> Vec<(Interlock, Condition)> {
    let mut out = Vec::new();
    for side in layout.sides.iter().filter(|side| side.host != *host) {
        match context.fenced.get(&side.host) {
            Some(off) => out.extend(off.iter().map(|off| (Interlock::StillOff, off.clone()))),
            None => out.push((interlock, harmless(side))),
        }
    }
    out
}

fn on(
    context: &Context<'_>,
    host: &HostName,
    slice: &SliceName,
    then: impl FnOnce(&SliceLayout, &Side) -> Vec<(Interlock, Condition)>,
) -> Vec<(Interlock, Condition)> {
    let layout = context.plan.layouts.slices.get(slice);
    let side = layout.and_then(|layout| layout.sides.iter().find(|side| side.host == *host));
    match (layout, side) {
        (Some(layout), Some(side)) if context.plan.targets.contains_key(host) => then(layout, side),
        _ => vec![(
            Interlock::InsidePlan,
            fixed(format!("{slice} on {host} is part of the plan"), false),
        )],
    }
}

fn of_array(
    context: &Context<'_>,
    array: &ArrayOn,
    then: impl FnOnce() -> Vec<(Interlock, Condition)>,
) -> Vec<(Interlock, Condition)> {
    let layout = context.plan.layouts.array.as_ref();
    let planned = layout.is_some_and(|layout| layout.array == *array);
    if planned && context.plan.targets.contains_key(&array.host) {
        return then();
    }
    vec![(
        Interlock::InsidePlan,
        fixed(format!("{array} is part of the plan"), false),
    )]
}

fn of_pool(
    context: &Context<'_>,
    pool: &PoolOn,
    then: impl FnOnce() -> Vec<(Interlock, Condition)>,
) -> Vec<(Interlock, Condition)> {
    let layout = context.plan.layouts.pool.as_ref();
    let planned = layout.is_some_and(|layout| layout.pool == *pool);
    if planned && context.plan.targets.contains_key(&pool.host) {
        return then();
    }
    vec![(
        Interlock::InsidePlan,
        fixed(format!("{pool} is part of the plan"), false),
    )]
}

fn service(context: &Context<'_>, host: &HostName, unit: &str, stops: bool) -> Vec<(Interlock, Condition)> {
    let outside = inside(context, host);
    if !outside.is_empty() {
        return outside;
    }
    let unit = unit.trim_end_matches(".service");
    // One by one, so that the rest of them can do without it.
    let found = context
        .plan
        .layouts
        .found
        .get(host)
        .filter(|_| context.plan.rolling.is_some());
    if let Some(found) = found.filter(|_| stops && !context.back && DATABASE_UNITS.contains(&unit)) {
        return spare::without_server(host, found);
    }
    if !stops || !SHARED_UNITS.contains(&unit) {
        return Vec::new();
    }
    // One slice's move must not take the others of that host down.
    if !context.plan.layouts.slices.is_empty() {
        let alone = fixed(format!("{unit} of {host} is used by one slice alone"), false);
        return vec![(Interlock::SharedService, alone)];
    }
    if is_named(context, Rule::Force, host.as_str()) {
        return Vec::new();
    }
    // What a server that exports nothing runs for its exports can go; what keeps copies of data serves its peer too.
    let free = if EXPORTING_UNITS.contains(&unit) {
        nfs::serves_nothing(host)
    } else {
        fixed(format!("{host} was named in full for stopping its {unit}"), false)
    };
    vec![(Interlock::SharedService, free)]
}

/// A scratch directory of the plan, and of nobody else.
fn scratch(context: &Context<'_>, host: &HostName, place: &str) -> Vec<(Interlock, Condition)> {
    let layout = context.plan.layouts.backup.as_ref();
    let planned = layout.filter(|layout| layout.host == *host && layout.place == place);
    match planned.filter(|_| context.plan.targets.contains_key(host)) {
        Some(layout) => vec![(Interlock::ScratchOurs, backup::is_nobodys(host, place, &layout.mark))],
        None => vec![(
            Interlock::InsidePlan,
            fixed(format!("{place} of {host} is the scratch directory of the plan"), false),
        )],
    }
}

/// Nothing to hold, for a host that the plan is about.
fn inside(context: &Context<'_>, host: &HostName) -> Vec<(Interlock, Condition)> {
    if context.plan.layouts.concerns(host) {
        return Vec::new();
    }
    vec![(
        Interlock::InsidePlan,
        fixed(format!("{host} is one of the hosts of the plan"), false),
    )]
}

/// Units of database servers.
pub const DATABASE_UNITS: [&str; 4] = ["mariadb", "mysql", "mysqld", "percona"];

/// Units that serve exports, and nothing else.
const EXPORTING_UNITS: [&str; 7] = [
    "nfs-server",
    "nfs-kernel-server",
    "nfsserver",
    "nfs",
    "nfsd",
    "rpcbind",
    "rpc-statd",
];

/// Units that all slices of a host share.
const SHARED_UNITS: [&str; 9] = [
    "nfs-server",
    "nfs-kernel-server",
    "nfsserver",
    "nfs",
    "nfsd",
    "rpcbind",
    "rpc-statd",
    "drbd",
    "mdmonitor",
];

/// What no look can change is decided before anything is done: a run that must stop at its sixth step must not begin.
/// Each interlock that forbids the plan, with what would lift it.
#[must_use]
pub fn forbids(plan: &Plan) -> Vec<Refusal> {
    let nothing = Sight::default();
    let mut refusals: Vec<Refusal> = Vec::new();
    for step in &plan.steps {
        for (operation, back) in [(Some(&step.operation), false), (step.undo.as_ref(), true)] {
            let context = Context {
                plan,
                fenced: BTreeMap::new(),
                promoted: BTreeSet::new(),
                back,
            };
            let claims = operation.map_or(&[][..], |operation| &operation.claims);
            for (interlock, condition) in required(claims, &context) {
                if !condition.looks.is_empty() || condition.judge(&nothing).holds() {
                    continue;
                }
                let lift = claims.iter().find_map(|claim| lift(interlock, claim, plan));
                let refusal = Refusal::new(
                    condition.judge(&nothing).text(),
                    lift.unwrap_or_else(|| "mend the runbook".to_owned()),
                );
                if !refusals.contains(&refusal) {
                    refusals.push(refusal);
                }
            }
        }
    }
    refusals
}

/// The flag that a person has to type in full.
fn lift(interlock: Interlock, claim: &Claim, plan: &Plan) -> Option<String> {
    if let (Interlock::SharedService, Claim::Service { host, unit, .. }) = (interlock, claim) {
        return plan.layouts.slices.is_empty().then(|| {
            format!("name the host in full, if whoever uses {unit} there is to be without it: --force={host}")
        });
    }
    let (flag, slice) = match (interlock, claim) {
        (Interlock::NamedDiscard, Claim::Discard { slice, .. }) => ("discard", slice),
        (Interlock::NamedForce, Claim::Promote { slice, .. }) => ("force", slice),
        _ => return None,
    };
    let side = plan.layouts.slices.get(slice)?.sides.first()?;
    Some(format!(
        "name what is lost in full, if it is to be lost: --{flag}={}",
        side.resource
    ))
}

fn named(context: &Context<'_>, rule: Rule, resource: &str) -> Condition {
    let given = is_named(context, rule, resource);
    fixed(format!("{resource} was named in full for this"), given)
}

fn is_named(context: &Context<'_>, rule: Rule, resource: &str) -> bool {
    let mut glass = context.plan.glass.iter();
    glass.any(|glass| glass.rule == rule && glass.resource == resource)
}

fn fixed(says: String, holds: bool) -> Condition {
    let seen = if holds {
        says.clone()
    } else {
        format!("it is not so that {says}")
    };
    Condition::new(says, Vec::new(), move |_| Truth::of(holds, seen.clone()))
}
