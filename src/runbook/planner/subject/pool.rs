//! A ZFS pool of a host, the device that is replaced and the disk that takes its place.

use super::{
    Asked, Subject,
    array::{self, clients},
    safe,
};
use crate::{
    facts::zfs::Scan,
    fleet::HostName,
    runbook::{
        check::{Refusal, Report},
        observe::{
            md::{self, Disk},
            pool::{self, PoolOn},
        },
        plan::{Layouts, PoolLayout},
        planner::identity,
        sight::{Look, Sight},
    },
};
use std::collections::BTreeMap;

/// The pool of a plan.
#[derive(Debug, Clone)]
pub struct Pool {
    on: PoolOn,
    /// The new disk, as it was named.
    by: Option<String>,
    /// What was found, or why nothing was.
    found: Result<PoolLayout, Refusal>,
    wanted: bool,
}

/// Finds the pool, its device and the new disk.
///
/// # Errors
/// Names that can be none of these.
pub fn find(asked: &Asked<'_>) -> Result<Box<dyn Subject>, Vec<Refusal>> {
    let host = asked.given("host").and_then(|name| asked.fleet.host(name));
    let (Some(host), Some(name)) = (host, asked.given("pool")) else {
        return Err(vec![Refusal::new(
            "no pool is named",
            "a runbook about a pool needs the parameters host and pool",
        )]);
    };
    if !pool::is_pool(name) {
        return Err(vec![Refusal::new(
            format!("pool: {name:?} is no name of a pool"),
            "letters, digits, and _ . : -, a letter first",
        )]);
    }
    let by = asked.given("by").map(|text| text.trim_start_matches("/dev/"));
    if let Some(by) = by.filter(|by| !md::is_device(by)) {
        return Err(vec![Refusal::new(
            format!("by: {by:?} is no name of a device"),
            "name it as the kernel does, such as sde",
        )]);
    }
    let on = PoolOn {
        host: host.name.clone(),
        name: name.to_owned(),
    };
    let disk = asked
        .given("disk")
        .map(|text| text.strip_prefix("/dev/").unwrap_or(text));
    let found = layout(asked, &on, disk, by);
    Ok(Box::new(Pool {
        on,
        by: by.map(str::to_owned),
        found,
        wanted: true,
    }))
}

fn layout(asked: &Asked<'_>, on: &PoolOn, disk: Option<&str>, by: Option<&str>) -> Result<PoolLayout, Refusal> {
    let sight = asked
        .sight
        .ok_or_else(|| Refusal::new(format!("{on} was not looked at"), "look at it"))?;
    let unknown = |why| Refusal::new(why, "it has to be known before anything is changed there");
    let seen = on.seen(sight.text(&on.look()).map_err(unknown)?).map_err(unknown)?;
    let old = match disk {
        Some(wanted) => {
            let names: Vec<String> = seen.in_place().map(ToString::to_string).collect();
            let lift = format!("its devices are {}", names.join(", "));
            let member = seen.find(wanted);
            Some(
                member
                    .map_err(|why| Refusal::new(format!("{on}: {why}"), lift))?
                    .clone(),
            )
        }
        None => None,
    };
    let new = match by {
        Some(device) => Some(array::new_disk(sight, &on.host, device)?),
        None => None,
    };
    Ok(PoolLayout {
        pool: on.clone(),
        seen,
        old,
        new,
        clients: clients(asked.fleet, &on.host),
    })
}

impl Subject for Pool {
    fn words(&self) -> Vec<BTreeMap<&'static str, String>> {
        let found = self.found.as_ref().ok();
        let old = found.and_then(|layout| layout.old.as_ref());
        let new = found.and_then(|layout| layout.new.as_ref());
        let words = BTreeMap::from([
            ("host", self.on.host.to_string()),
            ("pool", self.on.name.clone()),
            ("old", old.map_or_else(String::new, |old| old.name.clone())),
            ("new", new.map_or_else(String::new, |new| new.device.clone())),
        ]);
        if self.wanted { vec![words] } else { Vec::new() }
    }

    fn looks(&self) -> Vec<Look> {
        let mut looks = identity::looks(&self.on.host).to_vec();
        looks.push(self.on.look());
        if let Some(device) = &self.by {
            looks.push(Disk::look(&self.on.host, device));
        }
        looks
    }

    fn hosts(&self) -> Vec<HostName> {
        vec![self.on.host.clone()]
    }

    fn say(&self, report: &mut Report) {
        if let Err(refusal) = &self.found {
            report.refuse(refusal.fact.clone(), refusal.lift.clone());
        }
    }

    fn layouts(&self) -> Layouts {
        Layouts {
            pool: self.found.as_ref().ok().cloned(),
            ..Layouts::default()
        }
    }

    fn objects(&self) -> Vec<String> {
        vec![format!("pool-{}", safe(&self.on.name))]
    }

    fn fingerprint(&self, sight: &Sight) -> BTreeMap<String, String> {
        let host = &self.on.host;
        let mut facts = BTreeMap::from([
            (format!("machine of {host}"), identity::machine(host, sight)),
            (format!("boot of {host}"), identity::boot(host, sight)),
        ]);
        let Ok(layout) = &self.found else { return facts };
        let seen = &layout.seen;
        let scan = seen.pool.scan.as_ref().filter(|scan| scan.running);
        let runs = scan.map_or("nothing runs", |Scan { function, .. }| function.as_str());
        facts.insert(format!("state of {}", self.on), format!("{}, {runs}", seen.pool.state));
        for member in &seen.members {
            let name = format!("device {} of {}", member.name, self.on);
            facts.insert(name, format!("{} {member}", member.state));
        }
        if let Some(new) = &layout.new {
            facts.insert(format!("the new disk of {}", self.on), new.to_string());
        }
        facts
    }

    fn keep(&mut self, wanted: &dyn Fn(&str) -> bool) {
        self.wanted &= wanted(&self.on.name);
    }

    fn pool(&self) -> Option<&PoolLayout> {
        self.found.as_ref().ok().filter(|_| self.wanted)
    }
}
