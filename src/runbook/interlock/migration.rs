//! Interlocks of slices that are copied to another filesystem: there are never two that can be written.

use super::{Context, Interlock, fixed};
use crate::{
    fleet::{HostName, SliceName},
    runbook::{
        condition::Condition,
        observe::{copy, filesystem, network, nfs, stream},
        plan::{MigrationLayout, SliceLayout},
    },
};
use std::net::IpAddr;

type Required = Vec<(Interlock, Condition)>;

/// The migration of a slice, or onto it, and both its filesystems, the old one first.
fn both<'a>(
    context: &'a Context<'_>,
    slice: &SliceName,
) -> Option<(&'a MigrationLayout, &'a SliceLayout, &'a SliceLayout)> {
    let layouts = &context.plan.layouts;
    let mut migrations = layouts.migrations.iter();
    let migration = migrations.find(|migration| migration.slice == *slice || migration.into == *slice)?;
    Some((
        migration,
        layouts.slices.get(&migration.slice)?,
        layouts.slices.get(&migration.into)?,
    ))
}

fn outside(slice: &SliceName) -> Required {
    let part = fixed(format!("{slice} is part of a migration of the plan"), false);
    vec![(Interlock::InsidePlan, part)]
}

/// Clients are let in, to the copy or to what it was made of.
pub(super) fn open(context: &Context<'_>, host: &HostName, slice: &SliceName, address: IpAddr) -> Required {
    let Some((migration, old, _)) = both(context, slice) else {
        return Vec::new();
    };
    if *slice == migration.into && *host == migration.to {
        return vec![
            (
                Interlock::OldSideClosed,
                filesystem::is_read_only(&migration.from, &old.device, &old.mount_point),
            ),
            (
                Interlock::AddressOnce,
                network::carries(&migration.from, address, false),
            ),
        ];
    }
    silent(context, migration, Some(address))
}

/// A copy that was never opened serves nobody. A run that opened it takes nothing back from there on, so what is taken back
/// needs no look at a server that may not answer any more.
fn silent(context: &Context<'_>, migration: &MigrationLayout, address: Option<IpAddr>) -> Required {
    match address {
        Some(address) if !context.back => {
            vec![(Interlock::CopySilent, network::carries(&migration.to, address, false))]
        }
        _ => Vec::new(),
    }
}

/// What was closed may be written again.
pub(super) fn thaw(context: &Context<'_>, slice: &SliceName) -> Required {
    match both(context, slice) {
        Some((migration, old, _)) if migration.slice == *slice => {
            silent(context, migration, old.address.as_ref().map(|address| address.ip))
        }
        _ => outside(slice),
    }
}

/// The copy is overwritten.
pub(super) fn overwrite(context: &Context<'_>, layout: &SliceLayout, slice: &SliceName) -> Required {
    let Some((migration, old, _)) = both(context, slice).filter(|(migration, ..)| migration.into == *slice) else {
        return outside(slice);
    };
    let source = filesystem::is_there(&migration.from, &old.device, &old.mount_point);
    let mut out = unused(&migration.to, layout);
    out.push((Interlock::CopyUnused, source));
    out
}

/// What is mounted there serves nobody.
pub(super) fn unused(to: &HostName, layout: &SliceLayout) -> Required {
    let mut conditions = vec![
        filesystem::is_mounted(to, &layout.device, &layout.mount_point),
        nfs::is_unexported(to, &layout.mount_point),
    ];
    conditions.extend(
        layout
            .address
            .iter()
            .map(|address| network::carries(to, address.ip, false)),
    );
    let all = conditions.into_iter();
    all.map(|condition| (Interlock::CopyUnused, condition)).collect()
}

/// Snapshots are received over the copy; its own server mounts it again after each.
pub(super) fn receive(context: &Context<'_>, layout: &SliceLayout, slice: &SliceName) -> Required {
    let Some((migration, old, _)) = both(context, slice).filter(|(migration, ..)| migration.into == *slice) else {
        return outside(slice);
    };
    let (from, to) = (&migration.from, &migration.to);
    let mut out = vec![
        (
            Interlock::CopyMarked,
            stream::is_marked(to, &layout.device, &migration.mark),
        ),
        (Interlock::CopyUnused, nfs::is_unexported(to, &layout.mount_point)),
    ];
    if !context.back {
        out.push((
            Interlock::CopyUnused,
            filesystem::is_there(from, &old.device, &old.mount_point),
        ));
    }
    if let Some(address) = &layout.address {
        out.push((Interlock::CopyUnused, network::carries(to, address.ip, false)));
    }
    out
}

/// The copy can be written: what it was made of can be no more.
pub(super) fn unlock(context: &Context<'_>, slice: &SliceName) -> Required {
    match both(context, slice).filter(|(migration, ..)| migration.into == *slice) {
        Some((migration, old, _)) => vec![(
            Interlock::OldSideClosed,
            filesystem::is_read_only(&migration.from, &old.device, &old.mount_point),
        )],
        None => outside(slice),
    }
}

/// The old side is thrown away.
pub(super) fn wipe(context: &Context<'_>, layout: &SliceLayout, slice: &SliceName) -> Required {
    let Some((migration, _, new)) = both(context, slice).filter(|(migration, ..)| migration.slice == *slice) else {
        return outside(slice);
    };
    let (from, to) = (&migration.from, &migration.to);
    let replaced = |condition| (Interlock::OldSideReplaced, condition);
    let mut out = vec![
        replaced(copy::was_kept(from, &migration.task, migration.into.as_str())),
        replaced(filesystem::is_read_only(from, &layout.device, &layout.mount_point)),
        replaced(nfs::is_unexported(from, &layout.mount_point)),
        replaced(filesystem::is_mounted(to, &new.device, &new.mount_point)),
    ];
    if stream::is_dataset(&layout.device) {
        out.push(replaced(stream::is_old(from, &layout.device, &migration.task)));
    }
    if let Some(address) = &layout.address {
        out.push(replaced(network::carries(from, address.ip, false)));
        out.push(replaced(network::carries(to, address.ip, true)));
    }
    if let Some(export) = &new.export {
        out.push(replaced(nfs::is_exported(to, &export.path, &export.names())));
    }
    out
}
