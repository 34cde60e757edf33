//! Hosts without a shell: each custom probe is one SSH command, run when it is due.

use super::{clock::Clock, slot::Slot};
use crate::{
    facts::{Section, SectionStatus, assemble::Assembler},
    remote::{ExecLimits, RemoteError, Session, quote},
};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep_until};

/// Most output read of one probe.
const OUTPUT_LIMIT: usize = 64 * 1024;

/// Runs the probes of one appliance until the connection is lost; returns why, and whether it had answered.
pub(super) async fn serve(slot: &Slot, clock: &Clock, session: &dyn Session) -> (RemoteError, bool) {
    let host = &slot.host;
    let mut assembler = Assembler::new(&host.probes);
    assembler.probes_only(clock.now());
    let mut due = vec![Instant::now(); host.probes.len()];
    let mut up = false;
    let mut polls = 0;
    let mut contents: Vec<Option<Vec<u8>>> = vec![None; host.probes.len()];
    loop {
        let begun = Instant::now();
        for (at, probe) in host.probes.iter().enumerate() {
            if due[at] > Instant::now() {
                continue;
            }
            due[at] = Instant::now() + probe.every;
            let command = match quote::join(&probe.command) {
                Ok(command) => command,
                Err(error) => return (RemoteError::Config(format!("probe {}: {error}", probe.name)), up),
            };
            let limits = ExecLimits {
                deadline: host.poll.deadline,
                output_bytes: OUTPUT_LIMIT,
            };
            match session.exec(&command, b"", limits).await {
                Ok(output) => contents[at] = Some(entry(&probe.name, output.exit, &output.stdout)),
                // One slow command is that probe's fault; the connection may be fine.
                Err(RemoteError::Timeout { .. } | RemoteError::Refused(_)) => {
                    contents[at] = Some(entry(&probe.name, None, b""));
                }
                Err(error) => return (error, up),
            }
        }
        if !up {
            slot.mark_up(clock.now());
            up = true;
        }
        let content: Vec<u8> = contents.iter().flatten().flatten().copied().collect();
        assembler.apply(
            std::iter::once((Section::Probes, &SectionStatus::Ok, content.as_slice())),
            clock.now(),
        );
        let rtt_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut snapshot = assembler.snapshot(clock.now(), rtt_us);
        polls += 1;
        snapshot.polls = polls;
        let snapshot = Arc::new(snapshot);
        slot.update(|state| {
            state.snapshot = Some(snapshot);
            state.complete = true;
        });
        let next = due
            .iter()
            .min()
            .copied()
            .unwrap_or_else(|| Instant::now() + Duration::from_mins(1));
        let next = next.max(Instant::now() + host.poll.interval);
        tokio::select! {
            () = sleep_until(next) => {}
            () = slot.poll_now.notified() => due.fill(Instant::now()),
        }
    }
}

/// One probe's output in the form of [`Section::Probes`]; a missing exit code counts as 255, as ssh(1) has it.
fn entry(name: &str, exit: Option<i32>, output: &[u8]) -> Vec<u8> {
    let mut entry = format!("{name} {} {}\n", exit.unwrap_or(255), output.len()).into_bytes();
    entry.extend_from_slice(output);
    entry.push(b'\n');
    entry
}
