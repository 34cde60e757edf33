//! Slices that move from one side of their DRBD pair to the other.

use super::{Asked, Subject, layout};
use crate::{
    facts::drbd::DrbdRole,
    fleet::{Host, HostName, Segment, Slice, SliceName},
    runbook::{
        check::{Refusal, Report},
        condition::Condition,
        definition::{Kind, ValueKind},
        observe::{drbd::Side, filesystem, network, nfs},
        plan::{Layouts, SliceLayout},
        planner::{Wish, identity},
        sight::{Look, Sight},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// One slice and the sides it moves between.
#[derive(Debug, Clone)]
pub struct Move {
    /// The slice.
    pub slice: SliceName,
    /// Its DRBD resource.
    pub resource: String,
    /// The side that it leaves: that serves it, that is dead, or whose data goes.
    pub from: HostName,
    /// The side that it goes to, or that stays.
    pub to: HostName,
    /// Where it normally is.
    pub preferred: HostName,
    /// What was found of it; what was not found is left out.
    pub layout: SliceLayout,
    /// Whether enough was found, or why not.
    pub known: Result<(), Refusal>,
    /// What to know about how it was found.
    pub warnings: Vec<String>,
}

impl Move {
    /// The side of its DRBD resource on a host.
    #[must_use]
    pub fn side(&self, host: &HostName) -> Option<&Side> {
        self.layout.sides.iter().find(|side| side.host == *host)
    }
}

/// The slices of a plan, in the order of the inventory.
#[derive(Debug, Clone)]
pub struct Slices {
    moves: Vec<Move>,
    kind: Kind,
    /// Whether it has been looked at: before, either side may be the one that serves.
    seen: bool,
}

/// Finds the slices and their sides. Without a sight it is not known yet which side serves a slice: then the preferred
/// one stands for it, which names the same two hosts.
///
/// # Errors
/// Parameters that name no slice that could move.
pub fn find(asked: &Asked<'_>) -> Result<Box<dyn Subject>, Vec<Refusal>> {
    let Asked {
        fleet,
        wish,
        server,
        sight,
    } = *asked;
    let mut refusals = Vec::new();
    let mut chosen: Vec<(&Segment, &Slice)> = Vec::new();
    // Asked for all of them, those that have no other server keep nobody from moving the others.
    let mut left_out = Vec::new();
    if let Some(name) = asked.parameter(ValueKind::Slice).and_then(|name| asked.given(name)) {
        chosen.extend(fleet.slice(name));
    } else if let Some(name) = asked.parameter(ValueKind::Slices) {
        let wanted = asked.given(name).unwrap_or("all");
        for (segment, slice) in fleet.slices() {
            let named = wanted == "all" || wanted.split(',').any(|part| part.trim() == slice.name.as_str());
            let on_server = server.is_none_or(|server| sides(slice).contains(&&server.name));
            if !named || !on_server {
                continue;
            }
            if wanted == "all" && slice.standby.is_none() {
                left_out.push(slice.name.as_str());
            } else {
                chosen.push((segment, slice));
            }
        }
    }
    if chosen.is_empty() && !left_out.is_empty() {
        refusals.push(Refusal::new(
            format!("no slice of it has another server: {}", left_out.join(", ")),
            "there is no other side that could take it",
        ));
    } else if chosen.is_empty() {
        refusals.push(Refusal::new(
            "there is no slice that this is about",
            "an empty choice is a mistake, not everything: name a slice that the server has",
        ));
    }
    let mut out = Vec::new();
    for (_, slice) in chosen {
        match resolve(wish, slice, server, sight) {
            Ok(Some(moved)) => out.push(moved),
            Ok(None) => {}
            Err(refusal) => refusals.push(refusal),
        }
    }
    if refusals.is_empty() && out.is_empty() {
        refusals.push(Refusal::new(
            "every slice is served by the other side already",
            "there is nothing left to do",
        ));
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    if !left_out.is_empty() {
        out[0].warnings.push(format!(
            "left where they are, for they have no other server: {}",
            left_out.join(", ")
        ));
    }
    Ok(Box::new(Slices {
        moves: out,
        kind: wish.definition.kind,
        seen: sight.is_some(),
    }))
}

impl Subject for Slices {
    fn words(&self) -> Vec<BTreeMap<&'static str, String>> {
        let words = |moved: &Move| {
            BTreeMap::from([
                ("slice", moved.slice.to_string()),
                ("from", moved.from.to_string()),
                ("to", moved.to.to_string()),
                ("other", moved.to.to_string()),
                ("preferred", moved.preferred.to_string()),
                ("survivor", moved.to.to_string()),
            ])
        };
        self.moves.iter().map(words).collect()
    }

    /// The receiving side as the parameter `to` (or a victim) names it has to be one of the two.
    fn aim(&mut self, parameters: &BTreeMap<String, String>) -> Result<(), Vec<Refusal>> {
        let mut refusals = Vec::new();
        for moved in &mut self.moves {
            let (name, leaves) = match (parameters.get("victim"), parameters.get("to")) {
                (Some(victim), _) => (victim, true),
                (None, Some(to)) => (to, false),
                (None, None) => continue,
            };
            let sides = [moved.from.clone(), moved.to.clone()];
            let Some(named) = sides.iter().find(|side| side.as_str() == name) else {
                refusals.push(Refusal::new(
                    format!("{} has no side on {name}", moved.slice),
                    format!("its sides are {} and {}", sides[0], sides[1]),
                ));
                continue;
            };
            let other = if *named == sides[0] { &sides[1] } else { &sides[0] };
            if self.seen && !leaves && *named == moved.from && self.kind == Kind::Planned {
                refusals.push(Refusal::new(
                    format!("{} is served by {named} already", moved.slice),
                    "there is nothing to move",
                ));
            }
            let (from, to) = if leaves { (named, other) } else { (other, named) };
            (moved.from, moved.to) = (from.clone(), to.clone());
        }
        if refusals.is_empty() { Ok(()) } else { Err(refusals) }
    }

    fn looks(&self) -> Vec<Look> {
        let of_side = |moved: &Move, side: &HostName| {
            let mut looks = layout::looks(side, &moved.resource);
            looks.extend(identity::looks(side));
            looks
        };
        let both = self
            .moves
            .iter()
            .flat_map(|moved| [(moved, &moved.from), (moved, &moved.to)]);
        both.flat_map(|(moved, side)| of_side(moved, side)).collect()
    }

    fn hosts(&self) -> Vec<HostName> {
        let both = self.moves.iter().flat_map(|moved| [&moved.from, &moved.to]);
        both.cloned().collect()
    }

    /// Which side serves a slice is only known once it was looked at: before, it may be the other way round.
    fn turned(&self) -> Option<Box<dyn Subject>> {
        let mut turned = self.clone();
        for moved in &mut turned.moves {
            std::mem::swap(&mut moved.from, &mut moved.to);
        }
        Some(Box::new(turned))
    }

    fn say(&self, report: &mut Report) {
        for moved in &self.moves {
            if let Err(refusal) = &moved.known {
                report.refuse(refusal.fact.clone(), refusal.lift.clone());
            }
            report.warnings.extend(moved.warnings.iter().cloned());
        }
    }

    fn layouts(&self) -> Layouts {
        Layouts {
            slices: self
                .moves
                .iter()
                .map(|moved| (moved.slice.clone(), moved.layout.clone()))
                .collect(),
            ..Layouts::default()
        }
    }

    /// The DRBD resources, as the targets name them.
    fn objects(&self) -> Vec<String> {
        let objects: BTreeSet<String> = self
            .moves
            .iter()
            .map(|moved| format!("drbd-{}", super::safe(&moved.resource)))
            .collect();
        objects.into_iter().collect()
    }

    fn fingerprint(&self, sight: &Sight) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        for moved in &self.moves {
            let layout = &moved.layout;
            for side in &layout.sides {
                let host = &side.host;
                let mut put = |what: &str, value: Result<String, String>| {
                    out.insert(
                        format!("{what} of {} on {host}", moved.slice),
                        value.unwrap_or_else(|_| "unknown".to_owned()),
                    );
                };
                put(
                    "drbd",
                    sight
                        .text(&side.look())
                        .and_then(|text| side.volume(text))
                        .map(|volume| {
                            format!(
                                "{} {}/{} {}/{}",
                                volume.connection, volume.role, volume.peer_role, volume.disk, volume.peer_disk
                            )
                        }),
                );
                let condition = |condition: Condition| Ok(condition.judge(sight).word().to_owned());
                put(
                    "mount",
                    condition(filesystem::is_mounted(host, &layout.device, &layout.mount_point)),
                );
                if let Some(address) = &layout.address {
                    put("address", condition(network::carries(host, address.ip, true)));
                    put("block", condition(network::blocks(host, address.ip, true)));
                }
                if let Some(export) = &layout.export {
                    put(
                        "export",
                        condition(nfs::is_exported(host, &export.path, &export.names())),
                    );
                }
                put("machine", Ok(identity::machine(host, sight)));
                put("boot", Ok(identity::boot(host, sight)));
            }
        }
        out
    }

    fn keep(&mut self, wanted: &dyn Fn(&str) -> bool) {
        self.moves.retain(|moved| wanted(moved.slice.as_str()));
    }

    fn moves(&self) -> &[Move] {
        &self.moves
    }
}

fn sides(slice: &Slice) -> Vec<&HostName> {
    std::iter::once(&slice.preferred).chain(&slice.standby).collect()
}

fn resolve(wish: &Wish, slice: &Slice, server: Option<&Host>, sight: Option<&Sight>) -> Result<Option<Move>, Refusal> {
    let Some(standby) = &slice.standby else {
        return Err(Refusal::new(
            format!("{} has one server only", slice.name),
            "there is no other side that could take it",
        ));
    };
    let both = [slice.preferred.clone(), standby.clone()];
    let resource = slice.resource.clone().unwrap_or_else(|| slice.name.as_str().to_owned());
    let brings = wish.definition.steps.iter().any(|step| step.action == "mount");
    let found = layout::find(slice, &both, &resource, sight, brings);
    let role = |host: &HostName| {
        let side = found.layout.sides.iter().find(|side| side.host == *host)?;
        let text = sight?.text(&side.look()).ok()?;
        side.volume(text).ok().map(|volume| volume.role)
    };
    let from = match server {
        Some(server) => server.name.clone(),
        // By its own word; while none says so, where it normally is.
        None => both
            .iter()
            .find(|host| role(host) == Some(DrbdRole::Primary))
            .unwrap_or(&slice.preferred)
            .clone(),
    };
    let Some(to) = both.iter().find(|host| **host != from).cloned() else {
        return Err(Refusal::new(
            format!("{} has no side on {from}", slice.name),
            format!("its servers are {} and {}", both[0], both[1]),
        ));
    };
    // A slice that the other side serves already needs no failover.
    if wish.definition.kind == Kind::Emergency && server.is_some() && role(&to) == Some(DrbdRole::Primary) {
        return Ok(None);
    }
    Ok(Some(Move {
        slice: slice.name.clone(),
        resource,
        from,
        to,
        preferred: slice.preferred.clone(),
        layout: found.layout,
        known: found.known,
        warnings: found.warnings,
    }))
}
