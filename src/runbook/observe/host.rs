//! A host as a whole: since which boot it runs, what should run on it, who is connected to it.

use crate::{
    facts::Why,
    fleet::HostName,
    runbook::{condition::Condition, sight::Look, truth::Truth},
};
use std::collections::{BTreeMap, BTreeSet};

/// The look that tells since which boot a host runs, and whether it is on its way to another one.
#[must_use]
pub fn boot_look(host: &HostName) -> Look {
    Look::new(host, ["host_boot"])
}

/// The look that tells what runs on a host, of what array, with what mounted.
#[must_use]
pub fn health_look(host: &HostName) -> Look {
    Look::new(host, ["host_health"])
}

/// What `host_boot` printed: the boot, and whether the host is about to boot anew.
fn boot(text: &str) -> Option<(&str, bool)> {
    let mut words = text.split_whitespace();
    let id = words.next()?;
    let plain = id.len() >= 8 && id.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    match (words.next(), words.next()) {
        (None, _) if plain => Some((id, false)),
        (Some("going"), None) if plain => Some((id, true)),
        _ => None,
    }
}

/// The host is on its way to another boot than that one, or there already.
#[must_use]
pub fn is_going(host: &HostName, old: &str) -> Condition {
    let (name, old) = (host.clone(), old.to_owned());
    Condition::on(
        format!("{host} is booting anew"),
        boot_look(host),
        move |text| match boot(text) {
            Some((id, going)) => {
                let seen = match (id == old, going) {
                    (true, true) => format!("{name} is about to boot anew"),
                    (true, false) => format!("{name} runs since the same boot, and is not about to boot anew"),
                    (false, _) => format!("{name} runs since another boot"),
                };
                Truth::of(going || id != old, seen)
            }
            None => Truth::Unknown(format!("{name} does not tell since which boot it runs")),
        },
    )
}

/// The host answers, and runs since another boot than that one. One that does not answer is not back; but one that
/// answers as somebody else is not known to be back or not.
#[must_use]
pub fn is_back(host: &HostName, old: &str) -> Condition {
    let (name, old, look) = (host.clone(), old.to_owned(), boot_look(host));
    let read = look.clone();
    let says = format!("{host} answers, and has booted anew");
    Condition::new(says, vec![look], move |sight| match sight.answer(&read) {
        Ok(Ok(printed)) => match boot(&printed.text).filter(|_| printed.exit == 0) {
            Some((id, _)) if id == old => Truth::No(format!("{name} runs since the same boot")),
            Some((_, true)) => Truth::No(format!("{name} is about to boot once more")),
            Some(_) => Truth::Yes(format!("{name} answers, and runs since another boot")),
            None => Truth::Unknown(format!("{name} does not tell since which boot it runs")),
        },
        // Its host key has changed, or it lets nobody in: whether that is the host is for a person to say.
        Ok(Err(Why::Denied(why))) => Truth::Unknown(format!("{name} answers, but {why}")),
        Ok(Err(why)) => Truth::No(format!("{name} does not answer: {why}")),
        Err(why) => Truth::Unknown(why),
    })
}

/// What a host should be again after work on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Services that are enabled and run.
    pub units: BTreeSet<String>,
    /// md arrays, and whether they have all their members.
    pub arrays: BTreeMap<String, bool>,
    /// Where devices and servers are mounted.
    pub mounts: BTreeSet<String>,
}

impl Health {
    /// Reads what `host_health` printed.
    ///
    /// # Errors
    /// A sentence that says why it is not known: a line that is not understood, or an answer that is cut short.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut health = Self::default();
        let mut ended = false;
        for line in text.lines() {
            if ended {
                return Err(format!("there is more behind its end: {line:?}"));
            }
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["unit", name] => _ = health.units.insert((*name).to_owned()),
                ["md", name, state @ ("whole" | "degraded")] => {
                    health.arrays.insert((*name).to_owned(), *state == "whole");
                }
                ["mount", at] => _ = health.mounts.insert((*at).to_owned()),
                ["end"] => ended = true,
                _ => return Err(format!("what is {line:?}?")),
            }
        }
        if ended {
            Ok(health)
        } else {
            Err("the answer is cut short".to_owned())
        }
    }

    /// What it lacks that it had before, each in a few words.
    #[must_use]
    pub fn lacks(&self, before: &Self) -> Vec<String> {
        let units = before.units.difference(&self.units);
        let mounts = before.mounts.difference(&self.mounts);
        let arrays = before
            .arrays
            .iter()
            .filter_map(|(name, whole)| match self.arrays.get(name) {
                None => Some(format!("{name} is not there")),
                Some(false) if *whole => Some(format!("{name} is not whole")),
                Some(_) => None,
            });
        units
            .map(|unit| format!("{unit} does not run"))
            .chain(arrays)
            .chain(mounts.map(|at| format!("nothing is mounted on {at}")))
            .collect()
    }
}

/// The host has everything again that it had before.
#[must_use]
pub fn is_healthy(host: &HostName, before: &Health) -> Condition {
    let (name, before) = (host.clone(), before.clone());
    let says = format!("{host} runs everything that it ran before, with its arrays whole and its filesystems mounted");
    Condition::on(says, health_look(host), move |text| match Health::parse(text) {
        Ok(now) => {
            let lacks = now.lacks(&before);
            let few = lacks.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
            let seen = match lacks.len() {
                0 => format!(
                    "{name} runs {} services as before, with {} arrays and {} mounts",
                    before.units.len(),
                    before.arrays.len(),
                    before.mounts.len()
                ),
                1..=5 => format!("{name}: {few}"),
                more => format!("{name}: {few} and {} more", more - 5),
            };
            Truth::of(lacks.is_empty(), seen)
        }
        Err(why) => Truth::Unknown(format!("how {name} is: {why}")),
    })
}

/// No more than so many TCP connections to these ports of the host are established.
#[must_use]
pub fn has_few_connections(host: &HostName, ports: &BTreeSet<u16>, most: u32) -> Condition {
    let words: Vec<String> = ports.iter().map(u16::to_string).collect();
    let shown = words.join(", ");
    let look = Look::new(host, std::iter::once("tcp_count".to_owned()).chain(words));
    let name = host.clone();
    let says = format!("{host} has no more than {most} connections to port {shown}");
    Condition::on(says, look, move |text| {
        let mut words = text.split_whitespace();
        let count = match (words.next(), words.next(), words.next()) {
            (Some("connections"), Some(count), None) => count.parse::<u32>().ok(),
            _ => None,
        };
        match count {
            Some(count) => Truth::of(count <= most, format!("{name} has {count} connections to port {shown}")),
            None => Truth::Unknown(format!("{name} does not tell its connections")),
        }
    })
}
