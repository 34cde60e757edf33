//! The embedded fleet: simulated hosts behind a real SSH server, for the demo and for tests.
//!
//! A [`Simulation`] holds a [`World`] of hosts and hands out in-process pipes to them through
//! [`crate::remote::Dial`]; behind each pipe a real SSH server answers the same remote half, in the same
//! formats, as a real host. The hosts share one state: a slice really is on one side, both
//! sides of a DRBD pair agree on what they say, and what a slow disk does can be seen in the
//! round trips of every client of that server and nowhere else.

pub mod act;
pub mod backup;
pub mod copy;
mod demo;
pub mod drbd;
pub mod exec;
pub mod fault;
pub mod galera;
mod gate;
pub mod hostile;
mod inventory;
pub mod island;
mod keys;
mod lane;
pub mod md;
mod mirror;
pub mod mysql;
pub mod nfs;
pub mod node;
pub mod noise;
mod operate;
pub mod past;
pub mod render;
mod ssh;
pub mod story;
pub mod stream;
mod uniform;
mod watch;
pub mod world;
pub mod zfs;

#[cfg(test)]
mod tests;

pub use fault::{Fault, Impossible};
pub use hostile::Hostile;
pub use world::{Clock, World};

use crate::{
    facts::UnixMs,
    fleet::Fleet,
    remote::{
        Dial, Remote,
        known_hosts::Source,
        log::LogBook,
        ssh::{Identity, SshOptions, SshRemote},
        ssh_config::Mode,
    },
};
use russh::keys::{PrivateKey, ssh_key::LineEnding};
use std::{sync::Arc, time::Duration};

/// The label of a copy ([`Simulation::of`]): it stands beside the fleet's name in every front end.
pub const REHEARSAL: &str = "REHEARSAL";

/// An embedded fleet.
#[derive(Debug)]
pub struct Simulation {
    world: Arc<World>,
    fleet: Fleet,
    seed: u64,
}

impl Simulation {
    /// The demo fleet of thirty hosts, with a story: small troubles come and go. The seed decides
    /// every number; `clock` is the time since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn demo(seed: u64, clock: Clock) -> Self {
        let island = demo::island(seed, clock(), Some(Duration::ZERO));
        Self::new(vec![island], inventory::demo(), seed, clock)
    }

    /// As [`Simulation::demo`], of hosts that have run for [`past::WATCHED`] before the story begins now; what a console
    /// has learnt of them by then is [`past::learnt`].
    #[must_use]
    pub fn watched(seed: u64, clock: Clock) -> Self {
        let begun = clock().saturating_sub(past::WATCHED);
        let island = demo::island(seed, begun, Some(past::WATCHED));
        Self {
            world: Arc::new(World::begun(vec![island], clock, begun)),
            fleet: inventory::demo(),
            seed,
        }
    }

    /// The demo fleet without a story: everything is well until a [`Fault`] is injected.
    #[must_use]
    pub fn calm(seed: u64, clock: Clock) -> Self {
        let island = demo::island(seed, clock(), None);
        Self::new(vec![island], inventory::demo(), seed, clock)
    }

    /// A simulated copy of an inventory's storage and the clients of it, in the normal state; and what of it could
    /// not be copied, a sentence each. [`Simulation::fleet`] is the copy's inventory: nothing in it reaches a real
    /// host.
    #[must_use]
    pub fn of(fleet: &Fleet, seed: u64, clock: Clock) -> (Self, Vec<String>) {
        let mut left_out = mirror::not_played(fleet);
        let fleet = mirror::fleet(fleet);
        let (island, slices) = mirror::island(&fleet, seed, clock());
        left_out.extend(slices);
        (Self::new(vec![island], fleet, seed, clock), left_out)
    }

    /// Whether its hosts have a program that a command of a runbook's own may run; such a command may name any.
    #[must_use]
    pub fn plays(program: &str) -> bool {
        exec::OWN.contains(&program)
    }

    /// What a command of the console itself prints in a copy ([`Simulation::of`]): its simulated management
    /// controllers answer, everything else is not found. Exit code and standard output.
    #[must_use]
    pub fn local(&self, argv: &[String]) -> (i32, String) {
        let answer = self.world.fleet(|island| mirror::local(island, argv));
        answer.map_or((127, String::new()), |answer| (answer.exit, answer.stdout))
    }

    /// A fleet of `count` plain hosts that share nothing, for measuring.
    #[must_use]
    pub fn uniform(count: usize, clock: Clock) -> Self {
        Self::new(uniform::islands(count, clock()), uniform::fleet(count), 1, clock)
    }

    fn new(islands: Vec<island::Island>, fleet: Fleet, seed: u64, clock: Clock) -> Self {
        Self {
            world: Arc::new(World::new(islands, clock)),
            fleet,
            seed,
        }
    }

    /// The fleet as checked types.
    #[must_use]
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The fleet as an inventory file.
    #[must_use]
    pub fn inventory(&self) -> String {
        inventory::yaml(&self.fleet)
    }

    /// The way to the hosts, by their inventory addresses (`stor1.sim`) or names; ports are ignored.
    /// Must be called inside a tokio runtime: the servers run on that one.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn dial(&self) -> Arc<dyn Dial> {
        Arc::new(ssh::Dialler {
            world: Arc::clone(&self.world),
            seed: self.seed,
            client: Arc::new(self.client_key().public_key().clone()),
            runtime: tokio::runtime::Handle::current(),
        })
    }

    /// The host keys of all hosts in the form of `known_hosts`.
    #[must_use]
    pub fn known_hosts(&self) -> String {
        self.fleet
            .hosts
            .iter()
            .map(|host| {
                let name = host.name.as_str();
                keys::known_hosts_line(name, keys::host(self.seed, name).public_key())
            })
            .collect()
    }

    /// The one key that every host accepts, for any user.
    #[must_use]
    pub fn client_key(&self) -> PrivateKey {
        keys::client(self.seed)
    }

    /// [`Simulation::client_key`] as an OpenSSH key file.
    #[must_use]
    pub fn client_key_file(&self) -> String {
        self.client_key()
            .to_openssh(LineEnding::LF)
            .map(|text| text.to_string())
            .unwrap_or_default()
    }

    /// The way to the hosts as a collector takes it: SSH with the fleet's own keys, and nothing of the user's.
    /// As [`Simulation::dial`], to be called inside a tokio runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn remote(&self, log: LogBook) -> Arc<dyn Remote> {
        let clock = self.world.clock();
        Arc::new(SshRemote::new(SshOptions {
            dial: self.dial(),
            log,
            known_hosts: Source::Text(self.known_hosts()),
            identities: vec![Identity::Key(Arc::new(self.client_key()), None)],
            config: Mode::Isolated,
            batch: true,
            clock: Arc::new(move || UnixMs(u64::try_from(clock().as_millis()).unwrap_or(u64::MAX))),
            ..SshOptions::default()
        }))
    }

    /// The hosts' state.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }
}
