//! The same for ZFS pools.

use super::{Wanted, unused};
use crate::facts::{
    Snapshot,
    zfs::{Pool, PoolState, Vdev},
};

/// What keeps a pool from being changed: it does not work, or something runs on it.
fn against(pool: &Pool) -> Option<String> {
    match &pool.scan {
        _ if !matches!(pool.state, PoolState::Online | PoolState::Degraded) => Some(format!("it is {}", pool.state)),
        Some(scan) if scan.running => Some(format!("{} is under way", scan.function)),
        Some(scan) if scan.text.starts_with("scrub paused") => Some("a scrub pauses".to_owned()),
        _ => None,
    }
}

/// The device that should go: one that is out of service, or the one with the most errors.
fn suspect(pool: &Pool) -> Option<&Vdev> {
    let leaves = pool.vdevs.iter().enumerate().filter(|(at, vdev)| {
        let below = pool.vdevs.get(at + 1).is_some_and(|next| next.depth > vdev.depth);
        let spare = matches!(vdev.state, PoolState::Available | PoolState::InUse);
        vdev.depth > 0 && !below && !spare && vdev.note.as_deref() != Some("cache")
    });
    let mut leaves = leaves.map(|(_, vdev)| vdev);
    let well = |vdev: &&Vdev| matches!(vdev.state, PoolState::Online | PoolState::Healthy);
    leaves.clone().find(|vdev| !well(vdev)).or_else(|| {
        leaves
            .by_ref()
            .filter(|vdev| errors(vdev) > 0)
            .max_by_key(|vdev| errors(vdev))
    })
}

fn errors(vdev: &Vdev) -> u64 {
    let counted = [vdev.read_errors, vdev.write_errors, vdev.checksum_errors];
    counted.into_iter().flatten().fold(0, u64::saturating_add)
}

pub(super) fn replace(seen: &Snapshot, pool: &Pool, silent: Option<String>) -> Wanted {
    let wanted = |parameters, says| Wanted {
        runbook: "pool-replace",
        parameters,
        says,
    };
    if let Some(why) = silent.or_else(|| against(pool)) {
        return wanted(Vec::new(), Err(why));
    }
    let unused = unused(seen);
    let Some(vdev) = suspect(pool) else {
        let says = if unused.is_empty() {
            Err("no device has failed or has errors, and no unused disk is seen".to_owned())
        } else {
            Ok("replace a disk that can be read still (asks for more)".to_owned())
        };
        return wanted(Vec::new(), says);
    };
    let old = vdev.name.as_str();
    let why = match vdev.state {
        PoolState::Online | PoolState::Healthy => "has errors".to_owned(),
        _ => format!("is {}", vdev.state),
    };
    let mut parameters = vec![("disk", old.to_owned())];
    let says = match unused.as_slice() {
        [] => Err(format!("{old} {why}, and no unused disk is seen")),
        [new] => {
            parameters.push(("by", (*new).to_owned()));
            Ok(format!("{old} {why}: {new} takes its place"))
        }
        several => Ok(format!("{old} {why}: by which of {} is asked for", several.join(", "))),
    };
    wanted(parameters, says)
}

pub(super) fn scrub(pool: &Pool, silent: Option<String>) -> Wanted {
    Wanted {
        runbook: "pool-scrub",
        parameters: Vec::new(),
        says: match silent.or_else(|| against(pool)) {
            Some(why) => Err(why),
            None => Ok("compare every block with its checksum; it pauses where clients suffer".to_owned()),
        },
    }
}
