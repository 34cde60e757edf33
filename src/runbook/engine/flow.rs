//! Data that flows from one side of a slice to the other: what each had alone before, how much is left, and the stop when
//! it flows the wrong way.

use super::{Doing, Effect, Engine, Look, Operation, Record, Sight, StepState};
use crate::{
    facts::drbd::{DrbdConnection, DrbdVolume},
    fleet::{HostName, SliceName},
    runbook::{
        definition::Kind,
        observe::drbd::Side,
        operation::{Claim, Place},
    },
};

/// What a side says of its connection while its own data is being replaced by its peer's, or is about to be.
const TAKES: &[DrbdConnection] = &[
    DrbdConnection::SyncTarget,
    DrbdConnection::PausedSyncT,
    DrbdConnection::WfBitMapT,
    DrbdConnection::WfSyncUuid,
];
/// What a side says while its own data replaces its peer's, or is about to.
const GIVES: &[DrbdConnection] = &[
    DrbdConnection::SyncSource,
    DrbdConnection::PausedSyncS,
    DrbdConnection::WfBitMapS,
];

/// What a side says while it does not talk to its peer: what it marks as changed is its own.
const APART: &[DrbdConnection] = &[
    DrbdConnection::StandAlone,
    DrbdConnection::WfConnection,
    DrbdConnection::Connecting,
];

fn flow(claims: &[Claim]) -> Option<(&SliceName, &HostName)> {
    claims.iter().find_map(|claim| match claim {
        Claim::Flow { slice, source } => Some((slice, source)),
        _ => None,
    })
}

/// Whether data flows between the sides of a slice while this step is done.
pub(super) fn flows(operation: &Operation) -> bool {
    flow(&operation.claims).is_some()
}

fn volume(side: &Side, sight: &Sight) -> Option<DrbdVolume> {
    let text = sight.text(&side.look()).ok()?;
    side.volume(text).ok()
}

impl Engine {
    /// What shows that data flows onto the side that has the good data, where a step watches over that.
    pub(super) fn alarm(&self, doing: &Doing, sight: &Sight) -> Option<String> {
        if doing.back || self.turned {
            return None;
        }
        let (slice, source) = flow(&doing.operation.claims)?;
        let sides = &self.plan.layouts.slices.get(slice)?.sides;
        sides.iter().find_map(|side| {
            let way = if side.host == *source { TAKES } else { GIVES };
            let seen = side.is_connection(way).judge(sight);
            seen.holds().then(|| seen.text().to_owned())
        })
    }

    /// Data flows the wrong way: disconnects at once, whatever else there is to take back, and whoever connected.
    pub(super) fn halt(&mut self, doing: &Doing, seen: &str) -> Effect {
        let why = format!("step {}: data flows the wrong way: {seen}", doing.at + 1);
        let Some((slice, source)) = flow(&doing.operation.claims) else {
            return self.fail(doing, why);
        };
        let connects = |at: &usize| {
            let step = &self.plan.steps[*at];
            let mut claims = step.operation.claims.iter();
            let joins = claims.any(|claim| matches!(claim, Claim::Connect { slice: joined, .. } if joined == slice));
            joins && step.undo.is_some()
        };
        let at_source =
            |at: &&usize| matches!(&self.plan.steps[**at].operation.place, Place::Host(host) if host == source);
        let connections: Vec<usize> = (0..doing.at).rev().filter(connects).collect();
        let found = connections.iter().find(at_source).or(connections.first());
        let Some(at) = found.copied() else {
            return self.fail(doing, format!("{why}; disconnect {slice} on {source} by hand at once"));
        };
        self.done[at] = StepState::Touched;
        let again = self.plan.kind == Kind::Emergency || self.irreversible().is_some();
        self.turn(why, again, Some(at))
    }

    /// What still has to flow, as the side says that has the good data; or what an array that is watched has left.
    pub(super) fn left_kib(&self, doing: &Doing, sight: &Sight) -> Option<u64> {
        if let Some(watch) = doing.watches() {
            return watch.left_kib(sight);
        }
        let (slice, source) = flow(&doing.operation.claims)?;
        let mut sides = self.plan.layouts.slices.get(slice)?.sides.iter();
        volume(sides.find(|side| side.host == *source)?, sight)?.out_of_sync_kib
    }

    /// The sides that a step joins, the one whose data stays first; `None` when it joins none, or that is written
    /// already.
    fn joined(&self, doing: &Doing) -> Option<(&SliceName, &Side, &Side)> {
        let slice = doing.operation.claims.iter().find_map(|claim| match claim {
            Claim::Connect { slice, .. } | Claim::Discard { slice, .. } => Some(slice),
            _ => None,
        })?;
        if doing.back || self.counted.contains(slice.as_str()) {
            return None;
        }
        let (slice, layout) = self.plan.layouts.slices.get_key_value(slice)?;
        let mut flows = self.plan.steps.iter().filter_map(|step| flow(&step.operation.claims));
        let (_, source) = flows.find(|(of, _)| *of == slice)?;
        let sides = &layout.sides;
        let kept = sides.iter().find(|side| side.host == *source)?;
        let lost = sides.iter().find(|side| side.host != *source)?;
        Some((slice, kept, lost))
    }

    /// What has to be looked at to know what each side has alone.
    pub(super) fn looks_apart(&self, doing: &Doing) -> Vec<Look> {
        let joined = self.joined(doing);
        joined.map_or_else(Vec::new, |(_, kept, lost)| vec![kept.look(), lost.look()])
    }

    /// What each side has alone, to be written down before they are joined. Nothing waits for it: what cannot be read is
    /// unknown.
    pub(super) fn apart(&mut self, doing: &Doing, sight: &Sight) -> Option<Record> {
        let (slice, kept, lost) = self.joined(doing)?;
        let alone = |side: &Side| {
            let volume = volume(side, sight)?;
            volume.out_of_sync_kib.filter(|_| APART.contains(&volume.connection))
        };
        let (slice, kept_kib, lost_kib) = (slice.to_string(), alone(kept), alone(lost));
        let record = Record::Alone {
            slice: slice.clone(),
            kept: kept.host.to_string(),
            kept_kib,
            lost: lost.host.to_string(),
            lost_kib,
        };
        self.counted.insert(slice);
        Some(record)
    }
}
