//! That a server is dead is what several independent observers say, or what its power says; the console's own
//! connection is only one of them.

use super::{Check, Report};
use crate::{
    facts::drbd::DrbdConnection,
    fleet::{Host, HostName},
    runbook::{
        plan::Rule,
        planner::{Scope, identity},
        sight::{Look, Sight},
    },
};
use std::collections::BTreeSet;

/// `server-dead`.
#[derive(Debug)]
pub struct ServerDead;

/// A way of looking that is independent of the others.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Observer {
    Console,
    Replication,
    Clients,
}

/// Clients that are asked whether they reach the server.
const CLIENTS: usize = 3;

impl ServerDead {
    fn clients<'a>(scope: &'a Scope<'_>) -> impl Iterator<Item = &'a Host> {
        let mounts = |host: &&Host| {
            host.mounts
                .iter()
                .any(|mount| scope.moves().iter().any(|moved| moved.slice == mount.slice))
        };
        scope.fleet.hosts.iter().filter(mounts).take(CLIENTS)
    }

    fn ping(client: &HostName, server: &Host) -> Look {
        Look::new(client, ["ping", "-n", "-c", "1", "-W", "1", &server.address])
    }

    fn observe(scope: &Scope<'_>, server: &Host, sight: &Sight) -> Seen {
        let mut seen = Seen::default();
        if sight.text(&identity::machine_look(&server.name)).is_ok() {
            seen.reached(Observer::Console, "it answers the console".to_owned());
        } else {
            seen.missed(Observer::Console, "it does not answer the console".to_owned());
        }
        for moved in scope.moves() {
            let Some(side) = moved.side(&moved.to) else {
                continue;
            };
            let Ok(volume) = sight.text(&side.look()).and_then(|text| side.volume(text)) else {
                continue;
            };
            let says = format!("{} sees {} {}", moved.to, side.resource, volume.connection);
            match volume.connection {
                DrbdConnection::Connected | DrbdConnection::Established => seen.reached(Observer::Replication, says),
                DrbdConnection::WfConnection
                | DrbdConnection::Connecting
                | DrbdConnection::Timeout
                | DrbdConnection::NetworkFailure
                | DrbdConnection::BrokenPipe
                | DrbdConnection::Unconnected => seen.missed(Observer::Replication, says),
                _ => {}
            }
        }
        for client in Self::clients(scope) {
            match sight.printed(&Self::ping(&client.name, server)) {
                Ok(printed) if printed.exit == 0 => {
                    seen.reached(Observer::Clients, format!("{} reaches it", client.name));
                }
                Ok(printed) if printed.exit == 1 => {
                    seen.missed(Observer::Clients, format!("{} does not reach it", client.name));
                }
                _ => {}
            }
        }
        seen
    }
}

/// What observers say.
#[derive(Default)]
struct Seen {
    /// One way of looking is one observer, whatever it sees how often: all slices share the replication link.
    missed_by: BTreeSet<Observer>,
    reached_by: BTreeSet<Observer>,
    /// What speaks for its death, and against it.
    dead: Vec<String>,
    alive: Vec<String>,
}

impl Seen {
    fn reached(&mut self, by: Observer, says: String) {
        self.reached_by.insert(by);
        self.alive.push(says);
    }

    fn missed(&mut self, by: Observer, says: String) {
        self.missed_by.insert(by);
        self.dead.push(says);
    }
}

impl Check for ServerDead {
    fn name(&self) -> &'static str {
        "server-dead"
    }

    fn about(&self) -> &'static str {
        "at least two independent observers miss the server, and it can be made sure that it is off"
    }

    fn looks(&self, scope: &Scope<'_>) -> Vec<Look> {
        let Some(server) = scope.server else {
            return Vec::new();
        };
        let mut looks: Vec<Look> = Self::clients(scope)
            .map(|client| Self::ping(&client.name, server))
            .collect();
        if let Some(fencing) = &server.fencing {
            looks.push(Look::local(&server.name, fencing.status.iter().cloned()));
        }
        looks
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let Some(server) = scope.server else {
            report.refuse("no server is named", "name the dead server");
            return;
        };
        let name = &server.name;
        let Seen {
            missed_by,
            reached_by,
            dead,
            alive,
        } = Self::observe(scope, server, sight);
        let named = scope
            .glass
            .iter()
            .any(|glass| glass.rule == Rule::AssertOff && glass.resource == name.as_str());
        if server.fencing.is_none() && !named {
            report.refuse(
                format!("{name} cannot be made sure to be off: it has no `fencing` in the inventory"),
                format!("switch it off by hand, look that it is off, and say so: --assert-off={name}"),
            );
        }
        let named_alive = scope
            .glass
            .iter()
            .any(|glass| glass.rule == Rule::Force && glass.resource == name.as_str());
        // A server that the console or a client still reaches is dead to those alone whose way to it is cut.
        let reached: Vec<&str> = alive.iter().map(String::as_str).collect();
        if !reached_by.is_empty() && !named_alive {
            report.refuse(
                format!("{name} is not dead: {}", reached.join(", ")),
                format!("use slice-move; if that hangs because {name} is half dead, name it: --force={name}"),
            );
        }
        // A server that hangs half dead is missed by the console alone: it still answers pings, and its kernel goes on
        // replicating. Whoever names it may have it switched off; that it is off is then read back.
        let certain = named_alive && server.fencing.is_some();
        let missed = missed_by.difference(&reached_by).count();
        if missed < 2 && !certain {
            report.refuse(
                format!(
                    "too few observers miss {name} ({})",
                    if dead.is_empty() {
                        "none".to_owned()
                    } else {
                        dead.join(", ")
                    }
                ),
                if server.fencing.is_some() {
                    format!("use slice-move while {name} is well; if it hangs half dead, name it: --force={name}")
                } else {
                    format!("use slice-move while {name} is well; two independent observers have to miss it")
                },
            );
        }
        if !alive.is_empty() {
            let says = alive.join(", ");
            if server.fencing.is_some() {
                report.warn(format!("{name} is not wholly dead; it is switched off first"));
                report.note(format!("evidence: {says}"));
            } else {
                report.refuse(
                    format!("{name} is not dead for everybody ({says})"),
                    "a person's word is not enough then: give it `fencing` in the inventory, or cut its power and network",
                );
            }
        }
        for text in dead {
            // Who misses it changes by the second; that enough do is what a plan rests on.
            report.note(format!("evidence: {text}"));
        }
    }
}
