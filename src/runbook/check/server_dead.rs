//! That a server is dead is what several independent observers say, or what its power says; the console's own
//! connection is only one of them.

use super::{Check, Report};
use crate::{
    facts::{CleanText, drbd::DrbdConnection, mysql::ReplicaThread},
    fleet::{Host, HostName},
    runbook::{
        observe::{
            drbd::Side,
            mysql::{Channel, Member},
        },
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
    /// Clients of the slices that the plan is about.
    fn clients<'a>(scope: &'a Scope<'_>) -> impl Iterator<Item = &'a Host> {
        let slices = scope.subject.layouts().slices;
        let mounts = move |host: &&Host| host.mounts.iter().any(|mount| slices.contains_key(&mount.slice));
        scope.fleet.hosts.iter().filter(mounts).take(CLIENTS)
    }

    /// Sides that replicate with the server.
    fn peers(scope: &Scope<'_>, server: &HostName) -> Vec<Side> {
        let moved = scope.moves().iter().filter_map(|moved| moved.side(&moved.to).cloned());
        let mut layouts = scope.subject.layouts();
        let restored = scope.subject.restore();
        let restored = restored.and_then(|restore| layouts.slices.remove(&restore.slice));
        let others = restored.into_iter().flat_map(|layout| layout.sides);
        moved.chain(others.filter(|side| side.host != *server)).collect()
    }

    /// The other servers of its database: each sees it by its replication, and is asked whether it reaches it.
    fn replicas(scope: &Scope<'_>, server: &HostName) -> Vec<Member> {
        let members = scope
            .subject
            .layouts()
            .database
            .into_iter()
            .flat_map(|database| database.members);
        members.filter(|member| member.host != *server).collect()
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
        for side in Self::peers(scope, &server.name) {
            let Ok(volume) = sight.text(&side.look()).and_then(|text| side.volume(text)) else {
                continue;
            };
            let says = format!("{} sees {} {}", side.host, side.resource, volume.connection);
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
        let replicas = Self::replicas(scope, &server.name);
        for member in &replicas {
            let Ok(own) = sight.text(&member.look()).and_then(|text| member.read(text)) else {
                continue;
            };
            for channel in &own.channels {
                receiver(member, channel, &mut seen);
            }
        }
        let clients = Self::clients(scope).map(|client| &client.name);
        for client in clients.chain(replicas.iter().map(|member| &member.host)) {
            match sight.printed(&Self::ping(client, server)) {
                Ok(printed) if printed.exit == 0 => {
                    seen.reached(Observer::Clients, format!("{client} reaches it"));
                }
                Ok(printed) if printed.exit == 1 => {
                    seen.missed(Observer::Clients, format!("{client} does not reach it"));
                }
                _ => {}
            }
        }
        seen
    }
}

/// What a replica's receiver tells of its source. One that runs tells nothing: it hears of a source that has lost its power
/// only when it has waited for long enough (`slave_net_timeout`).
fn receiver(member: &Member, channel: &Channel, seen: &mut Seen) {
    let number = channel
        .io_error
        .as_ref()
        .and_then(|error| error.split(' ').next()?.parse::<u32>().ok());
    match number {
        // An error of the server's own, such as too many connections, is an answer; those of the client begin at 2000.
        Some(number) if (1000..2000).contains(&number) => {
            let error = channel.io_error.as_ref().map_or("", CleanText::as_str);
            seen.reached(
                Observer::Replication,
                format!("its server answers {}: {error}", member.host),
            );
        }
        _ if channel.io == ReplicaThread::Connecting => {
            seen.missed(
                Observer::Replication,
                format!("{} cannot connect to it any more", member.host),
            );
        }
        _ => {}
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
        scope.server.map(|server| looks(scope, server)).unwrap_or_default()
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let Some(server) = scope.server else {
            report.refuse("no server is named", "name the dead server");
            return;
        };
        // What is done while it is well.
        let usual = match scope.subject.layouts().database {
            Some(_) => "mysql-switchover",
            None => "slice-move",
        };
        judge(scope, server, usual, sight, report);
    }
}

/// What has to be looked at to know whether one server is dead.
pub(super) fn looks(scope: &Scope<'_>, server: &Host) -> Vec<Look> {
    let clients = ServerDead::clients(scope).map(|client| client.name.clone());
    let replicas = ServerDead::replicas(scope, &server.name).into_iter();
    let mut looks: Vec<Look> = clients
        .chain(replicas.map(|member| member.host))
        .map(|client| ServerDead::ping(&client, server))
        .collect();
    if let Some(fencing) = &server.fencing {
        looks.push(Look::local(&server.name, fencing.status.iter().cloned()));
    }
    looks
}

/// Whether one server is dead. `usual` is the runbook that is used while it is well.
pub(super) fn judge(scope: &Scope<'_>, server: &Host, usual: &str, sight: &Sight, report: &mut Report) {
    let name = &server.name;
    let Seen {
        missed_by,
        reached_by,
        dead,
        alive,
    } = ServerDead::observe(scope, server, sight);
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
            format!("use {usual}; if that hangs because {name} is half dead, name it: --force={name}"),
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
                format!("use {usual} while {name} is well; if it hangs half dead, name it: --force={name}")
            } else {
                format!("use {usual} while {name} is well; two independent observers have to miss it")
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
        report.note(match scope.server {
            Some(_) => format!("evidence: {text}"),
            None => format!("evidence about {name}: {text}"),
        });
    }
}
