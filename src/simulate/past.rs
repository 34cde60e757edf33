//! The past of the demo fleet: what a console has learnt of its latencies that watched it for some minutes.
//!
//! A latency stands out from its past, and a past takes two minutes. Those who look at the demo for the first time should
//! not have to wait for that: the same fleet is polled and judged here by the real assembler and the real rules on a clock
//! of its own, as fast as it goes, and nothing is known of it that was not measured so.

use super::{Simulation, lane::Lane, world::World};
use crate::{
    facts::{Assembler, Reach, Snapshot, UnixMs},
    fleet::{Fleet, Shell},
    remote::frame::Decoder,
    verdict::{Finding, Latency, Memory, Observed, judge},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How long the demo fleet has been watched before the demo begins.
pub const WATCHED: Duration = Duration::from_mins(4);
/// From one poll of it to the next.
const EVERY: Duration = Duration::from_secs(5);
/// The nonce of half a connection that nobody else hears.
const NONCE: &str = "0123456789abcdef0123456789abcdef";

/// What a console knows of the latencies of the demo fleet of that seed that has watched it until `now`, the time since
/// 1970-01-01T00:00:00Z. Nothing is known of the console's own round trips: those of the past were none.
#[must_use]
pub fn learnt(seed: u64, now: Duration) -> Arc<Latency> {
    let begun = now.saturating_sub(WATCHED);
    let passed = Arc::new(AtomicU64::new(0));
    let time = Arc::clone(&passed);
    let sim = Simulation::calm(
        seed,
        Arc::new(move || begun + Duration::from_millis(time.load(Ordering::Relaxed))),
    );
    let mut rounds = Rounds::new(sim.world(), sim.fleet());
    let steps = WATCHED.as_secs() / EVERY.as_secs();
    for step in 1..=steps {
        let at = EVERY.saturating_mul(u32::try_from(step).unwrap_or(u32::MAX));
        passed.store(u64::try_from(at.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let now = UnixMs(u64::try_from((begun + at).as_millis()).unwrap_or(u64::MAX));
        rounds.step(sim.world(), sim.fleet(), now, |_, _| 0);
    }
    rounds.memory.latency()
}

/// Half of a connection to one host.
struct Wire {
    lane: Lane,
    decoders: [Decoder; 2],
    assembler: Assembler,
}

/// A fleet that is polled and judged as the console does it, without a network and as fast as it goes.
pub(super) struct Rounds {
    /// One entry a host; none where it cannot be asked.
    wires: Vec<Option<Wire>>,
    observed: Vec<Observed>,
    pub(super) memory: Memory,
    polls: u64,
}

impl Rounds {
    /// Connections to all hosts of a world.
    pub(super) fn new(world: &World, fleet: &Fleet) -> Self {
        let wires = fleet.hosts.iter().map(|host| {
            let place = world.place(host.name.as_str()).filter(|_| host.shell == Shell::Posix)?;
            let mut lane = Lane::new(place);
            lane.feed(world, format!("hello {NONCE}\n").as_bytes(), None);
            let mut assembler = Assembler::new(&host.probes);
            assembler.keeping(&host.backups);
            Some(Wire {
                lane,
                decoders: [Decoder::new(NONCE), Decoder::new(NONCE)],
                assembler,
            })
        });
        Self {
            wires: wires.collect(),
            observed: vec![Observed::default(); fleet.hosts.len()],
            memory: Memory::new(),
            polls: 0,
        }
    }

    /// One poll of every host that is up, and a look at them all. `rtt_us` gives the round trip of a poll to a host by
    /// its place and the number of the poll.
    pub(super) fn step(
        &mut self,
        world: &World,
        fleet: &Fleet,
        now: UnixMs,
        rtt_us: impl Fn(usize, u64) -> u64,
    ) -> Vec<Finding> {
        self.polls += 1;
        let tiers = match self.polls {
            1 => "fmsa",
            polls if polls % 120 == 0 => "fms",
            polls if polls % 3 == 0 => "fm",
            _ => "f",
        };
        let asked = format!("go {} {tiers}\n", self.polls);
        for (at, wire) in self.wires.iter_mut().enumerate() {
            let Some(wire) = wire else { continue };
            let up = world.with(fleet.hosts[at].name.as_str(), |island, at| island.nodes[at].is_up());
            if up != Some(true) {
                continue;
            }
            let snapshot = wire.poll(world, &asked, now, rtt_us(at, self.polls));
            self.observed[at] = Observed {
                reach: Some(Reach::Up { since: now }),
                snapshot: Some(Arc::new(snapshot)),
            };
        }
        judge(fleet, &self.observed, &mut self.memory, false, now)
    }
}

impl Wire {
    /// Asks once, and reads what comes on both lanes.
    fn poll(&mut self, world: &World, asked: &str, now: UnixMs, rtt_us: u64) -> Snapshot {
        let said = self.lane.feed(world, asked.as_bytes(), None);
        for (decoder, bytes) in self.decoders.iter_mut().zip([said.out, said.err]) {
            decoder.push(&bytes);
            while let Ok(Some(frame)) = decoder.next_frame() {
                let sections = frame.sections.iter();
                let known = sections.filter_map(|one| Some((one.section?, &one.status, one.content.as_slice())));
                self.assembler.apply(known, now);
            }
        }
        self.assembler.snapshot(now, rtt_us)
    }
}
