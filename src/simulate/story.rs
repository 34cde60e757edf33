//! What happens in the demo by itself: small troubles that come and go, each on its own clock.
//!
//! Something happens within two minutes of watching, and most of the fleet is well at every moment.

use super::{
    island::{Island, Way},
    md::MemberState,
    node::Power,
};
use std::time::Duration;

/// The acts and where each stands.
#[derive(Debug)]
pub struct Story {
    acts: Vec<Act>,
}

#[derive(Debug)]
struct Act {
    /// When it begins for the first time, seconds.
    first_s: f64,
    /// From one beginning to the next, seconds.
    every_s: f64,
    /// How long it lasts, seconds.
    lasts_s: f64,
    plot: Plot,
    /// How often it has begun.
    cycle: usize,
    on_stage: bool,
}

#[derive(Debug, Clone, Copy)]
enum Plot {
    /// stor2 has had a disk replaced, and rebuilds.
    Rebuild,
    /// stor3 is semi-failed: its sdc takes six times as long.
    SlowDisk,
    /// stor5 has much to do, and is well.
    Busy,
    /// The way from access2 to stor1 loses packets; everybody else's is well.
    SlowPath,
    /// A pair loses its link during a bulk write; when it is back, it resyncs.
    Flap,
    /// access5 does not answer.
    Unreachable,
    /// A disk fails and is replaced; the array rebuilds.
    DiskFails,
    /// db3 applies slower than its source writes.
    Lag,
    /// A slice is moved away for maintenance, and back.
    Away,
    /// A pool is scrubbed.
    Scrub,
    /// mail1 fills its /var and is cleaned up.
    Fill,
}

/// Written during a flap: what the resync has to copy.
const FLAP_KIB: f64 = 7.0 * 1024.0 * 1024.0;
/// How much of its /var mail1 has used after a clean-up.
const CLEAN: f64 = 0.71;

impl Story {
    /// The story of the demo fleet, which begins at that time of its world.
    #[must_use]
    pub fn demo(begins: Duration) -> Self {
        let begins_s = begins.as_secs_f64();
        let act = |first_s, every_s, lasts_s, plot| Act {
            first_s: begins_s + first_s,
            every_s,
            lasts_s,
            plot,
            cycle: 0,
            on_stage: false,
        };
        Self {
            acts: vec![
                act(0.0, f64::INFINITY, 1.0, Plot::Rebuild),
                act(1.0, 660.0, 600.0, Plot::Fill),
                act(8.0, 190.0, 65.0, Plot::Lag),
                // Seen within a minute, and clear of it before the next ones.
                act(6.0, 480.0, 140.0, Plot::SlowDisk),
                act(34.0, 330.0, 14.0, Plot::Flap),
                act(55.0, 310.0, 75.0, Plot::Unreachable),
                act(110.0, 1700.0, 1.0, Plot::Scrub),
                act(170.0, 480.0, 100.0, Plot::Busy),
                act(290.0, 540.0, 35.0, Plot::DiskFails),
                act(330.0, 480.0, 100.0, Plot::SlowPath),
                act(420.0, 900.0, 150.0, Plot::Away),
            ],
        }
    }

    /// Lets each act begin and end at its time.
    pub fn tell(&mut self, island: &mut Island) {
        let seconds = island.seconds();
        for act in &mut self.acts {
            let since = seconds - act.first_s;
            let on_stage = since >= 0.0 && since % act.every_s < act.lasts_s;
            if on_stage != act.on_stage {
                act.on_stage = on_stage;
                play(island, act.plot, act.cycle, on_stage);
                if !on_stage {
                    act.cycle += 1;
                }
            }
        }
    }
}

/// Begins or ends one act. A target that a fault holds already is left alone.
fn play(island: &mut Island, plot: Plot, cycle: usize, begins: bool) {
    match plot {
        Plot::Rebuild if begins => with(island, "stor2", |node| {
            if let Some(array) = node.arrays.first_mut() {
                array.fail(1);
                array.replace(0.31);
            }
        }),
        Plot::Rebuild => {}
        Plot::SlowDisk => with(island, "stor3", |node| {
            if let Some(disk) = node.disks.iter_mut().find(|disk| disk.name == "sdc") {
                disk.slow = if begins { 6.0 } else { 1.0 };
            }
        }),
        Plot::Busy => with(island, "stor5", |node| node.busy = if begins { 2.8 } else { 1.0 }),
        Plot::SlowPath => {
            let (Some(client), Some(server)) = (island.node("access2"), island.node("stor1")) else {
                return;
            };
            if begins {
                let (more_ms, lost) = (0.4, 0.02);
                island.paths.insert((client, server), Way { more_ms, lost });
            } else {
                island.paths.remove(&(client, server));
            }
        }
        Plot::Flap => {
            if island.replicas.is_empty() {
                return;
            }
            // First a slice of servers that nothing else happens to meanwhile.
            let at = (5 + cycle) % island.replicas.len();
            island.replicas[at].cut = begins;
            island.settle();
            if begins && let Some(primary) = island.replicas[at].primary() {
                island.replicas[at].sides[primary].dirty_kib += FLAP_KIB;
            }
        }
        Plot::Unreachable => with(island, "access5", |node| {
            if node.power != Power::Off {
                node.freeze(begins);
            }
        }),
        Plot::DiskFails => disk_fails(island, cycle, begins),
        Plot::Lag => with(island, "db3", |node| {
            if let Some(channel) = node.mysql.as_mut().and_then(|server| server.channel.as_mut()) {
                channel.speed = if begins { 0.35 } else { 4.0 };
            }
        }),
        Plot::Away => {
            let home = island.replicas.get(3).and_then(super::drbd::Replica::primary) == Some(0);
            if home == begins && !island.replicas.is_empty() {
                // A slice that is not well stays where it is.
                let _ = island.move_slice(3);
            }
        }
        Plot::Scrub => with(island, "zfs1", |node| {
            if let Some(pool) = &mut node.pool
                && begins
                && pool.scan.is_none()
                && pool.faulted.is_none()
            {
                pool.scan = Some((super::zfs::ScanKind::Scrub, 0.0));
            }
        }),
        Plot::Fill => with(island, "mail1", |node| {
            if let Some(filesystem) = node.filesystems.iter_mut().find(|filesystem| filesystem.at == "/var") {
                let size = filesystem.size_kib as f64;
                filesystem.growth_kib_s = if begins { size * 0.26 / 600.0 } else { 0.0 };
                filesystem.used_kib = if begins { filesystem.used_kib } else { size * CLEAN };
            }
        }),
    }
}

fn with(island: &mut Island, name: &str, act: impl FnOnce(&mut super::node::Node)) {
    if let Some(at) = island.node(name) {
        act(&mut island.nodes[at]);
    }
}

/// Another array each time; at the end the disk is replaced, and the rebuild takes its time.
fn disk_fails(island: &mut Island, cycle: usize, begins: bool) {
    const HOSTS: [&str; 4] = ["stor6", "stor1", "stor4", "stor2"];
    let Some(at) = island.node(HOSTS[cycle % HOSTS.len()]) else {
        return;
    };
    let arrays = &mut island.nodes[at].arrays;
    let index = cycle % arrays.len().max(1);
    let Some(array) = arrays.get_mut(index) else { return };
    if begins {
        let well = array.members.iter().all(|member| member.state == MemberState::InSync);
        if well {
            array.fail(cycle % array.members.len());
        }
    } else {
        array.replace(0.0);
    }
}
