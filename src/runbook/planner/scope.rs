//! What a plan is about: which slices move from where to where.

use super::{Wish, bind, layout};
use crate::{
    facts::drbd::DrbdRole,
    fleet::{Fleet, Host, HostName, Segment, Slice, SliceName},
    runbook::{
        check::Refusal,
        definition::{Kind, ValueKind},
        observe::drbd::Side,
        plan::{Glass, SliceLayout},
        sight::Sight,
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

/// What a plan is about.
#[derive(Debug)]
pub struct Scope<'a> {
    /// The inventory.
    pub fleet: &'a Fleet,
    /// Planned or emergency.
    pub kind: Kind,
    /// The wish.
    pub wish: &'a Wish,
    /// Parameters with their defaults.
    pub parameters: BTreeMap<String, String>,
    /// Slices in the order of the inventory.
    pub moves: Vec<Move>,
    /// The server that the runbook is about, where it names one.
    pub server: Option<&'a Host>,
    /// Rules that a person set aside.
    pub glass: &'a [Glass],
    /// Faults that both servers show.
    pub alike: &'a [String],
}

impl<'a> Scope<'a> {
    /// Finds the slices and their sides. Without a sight it is not known yet which side serves a slice: then the
    /// preferred one stands for it, which names the same two hosts.
    ///
    /// # Errors
    /// Parameters that do not fit.
    pub fn new(fleet: &'a Fleet, wish: &'a Wish, sight: Option<&Sight>) -> Result<Self, Vec<Refusal>> {
        let definition = &wish.definition;
        let mut refusals = bind::misfits(fleet, wish);
        let parameter = |kind: ValueKind| {
            let mut named = definition.parameters.iter().filter(move |(_, it)| it.kind == kind);
            named.next().map(|(name, _)| name.as_str())
        };
        let given = |name: &str| wish.parameters.get(name).map(String::as_str);
        let server = definition
            .parameters
            .get("server")
            .and_then(|_| given("server"))
            .and_then(|name| fleet.host(name));
        let mut chosen: Vec<(&Segment, &Slice)> = Vec::new();
        // Asked for all of them, those that have no other server keep nobody from moving the others.
        let mut left_out = Vec::new();
        if let Some(name) = parameter(ValueKind::Slice).and_then(given) {
            chosen.extend(fleet.slice(name));
        } else if let Some(name) = parameter(ValueKind::Slices) {
            let wanted = given(name).unwrap_or("all");
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
        } else if chosen.is_empty() && refusals.is_empty() {
            refusals.push(Refusal::new(
                "there is no slice that this is about",
                "an empty choice is a mistake, not everything: name a slice that the server has",
            ));
        }
        let mut found = Vec::new();
        for (_, slice) in chosen {
            match resolve(wish, slice, server, sight) {
                Ok(Some(moved)) => found.push(moved),
                Ok(None) => {}
                Err(refusal) => refusals.push(refusal),
            }
        }
        if refusals.is_empty() && found.is_empty() {
            refusals.push(Refusal::new(
                "every slice is served by the other side already",
                "there is nothing left to do",
            ));
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        if !left_out.is_empty() {
            found[0].warnings.push(format!(
                "left where they are, for they have no other server: {}",
                left_out.join(", ")
            ));
        }
        let parameters = bind::defaults(wish, &found[0]);
        let mut scope = Self {
            fleet,
            kind: definition.kind,
            wish,
            parameters,
            moves: found,
            server,
            glass: &wish.glass,
            alike: &wish.alike,
        };
        scope.aim(sight.is_some())?;
        Ok(scope)
    }

    /// The receiving side as the parameter `to` (or a victim) names it has to be one of the two.
    fn aim(&mut self, seen: bool) -> Result<(), Vec<Refusal>> {
        let mut refusals = Vec::new();
        for moved in &mut self.moves {
            let (name, leaves) = match (self.parameters.get("victim"), self.parameters.get("to")) {
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
            if seen && !leaves && *named == moved.from && self.kind == Kind::Planned {
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

    /// What is claimed on every target, beside the machine itself: the DRBD resources, as the targets name them.
    #[must_use]
    pub fn objects(&self) -> Vec<String> {
        let objects: BTreeSet<String> = self
            .moves
            .iter()
            .map(|moved| format!("drbd-{}", safe(&moved.resource)))
            .collect();
        objects.into_iter().collect()
    }
}

/// A name as part of a file name on a target.
fn safe(name: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.chars().map(|c| if keep(c) { c } else { '_' }).collect()
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
