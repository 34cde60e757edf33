//! A split brain: what each side says, and that the victim is really a side that can be thrown away.

use super::{Check, Report};
use crate::{
    facts::drbd::{DrbdConnection, DrbdDisk, DrbdRole},
    runbook::{planner::Scope, sight::Sight},
};

/// `split`.
#[derive(Debug)]
pub struct Split;

impl Check for Split {
    fn name(&self) -> &'static str {
        "split"
    }

    fn about(&self) -> &'static str {
        "the sides do not talk to each other, the survivor's data is good; says what each side has alone"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        for moved in scope.moves() {
            // The victim is what the plan moves from; the survivor what it moves to.
            let (Some(victim), Some(survivor)) = (moved.side(&moved.from), moved.side(&moved.to)) else {
                continue;
            };
            let volumes = [victim, survivor].map(|side| sight.text(&side.look()).and_then(|text| side.volume(text)));
            let [Ok(lost), Ok(kept)] = volumes else {
                for why in volumes.into_iter().filter_map(Result::err) {
                    report.refuse(why, "both sides have to be seen before one is thrown away");
                }
                continue;
            };
            let talks = |connection: &DrbdConnection| {
                !matches!(
                    connection,
                    DrbdConnection::StandAlone | DrbdConnection::WfConnection | DrbdConnection::Connecting
                )
            };
            if talks(&lost.connection) || talks(&kept.connection) {
                report.refuse(
                    format!(
                        "{} is {} on {} and {} on {}: that is no split brain",
                        victim.resource, lost.connection, victim.host, kept.connection, survivor.host
                    ),
                    "nothing has to be thrown away while the sides talk to each other",
                );
            }
            if lost.connection != DrbdConnection::StandAlone && kept.connection != DrbdConnection::StandAlone {
                report.refuse(
                    format!(
                        "no side of {} stands alone: they may only have lost the way to each other",
                        victim.resource
                    ),
                    "mend the network first",
                );
            }
            if lost.role == DrbdRole::Primary && kept.role != DrbdRole::Primary {
                if kept.out_of_sync_kib.is_none_or(|kib| kib == 0) {
                    report.refuse(
                        format!(
                            "{} serves {}, and nothing is known that {} alone has",
                            victim.host, moved.slice, survivor.host
                        ),
                        format!(
                            "use fail-back, or throw {}'s side away: victim={}",
                            survivor.host, survivor.host
                        ),
                    );
                }
                report.warn(format!(
                    "{} serves {} now: clients wait until somebody serves it from {}, which this runbook does not do",
                    victim.host, moved.slice, survivor.host
                ));
            }
            if kept.disk != DrbdDisk::UpToDate {
                report.refuse(
                    format!(
                        "the data of {} on {} is {}",
                        survivor.resource, survivor.host, kept.disk
                    ),
                    "the survivor has to be UpToDate; choose the other side as the victim",
                );
            }
            let alone = |kib: Option<u64>| kib.map_or_else(|| "an unknown amount".into(), |kib| format!("{kib} KiB"));
            report.losses.push(format!(
                "{}: what was written on {} alone since the split: {} changed there ({}), {} changed on {} ({})",
                moved.slice,
                victim.host,
                alone(lost.out_of_sync_kib),
                lost.role,
                alone(kept.out_of_sync_kib),
                survivor.host,
                kept.role
            ));
            report.warn(format!(
                "take a snapshot of the backing device on {} first, if it can have one: what is thrown away does not come back",
                victim.host
            ));
        }
    }
}
