//! The side that takes over has the data: up to date by its own word, and not behind by what it knows.

use super::{Check, Report};
use crate::runbook::{planner::Scope, sight::Sight};

/// `takeover-data`.
#[derive(Debug)]
pub struct TakeoverData;

impl Check for TakeoverData {
    fn name(&self) -> &'static str {
        "takeover-data"
    }

    fn about(&self) -> &'static str {
        "the side that takes over is UpToDate; says what can be lost"
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        for moved in scope.moves() {
            let Some(side) = moved.side(&moved.to) else {
                continue;
            };
            report.require(
                &side.is_up_to_date().judge(sight),
                "only a side that is UpToDate may take over; repair the dead server, or restore from the backup",
            );
            let Ok(volume) = sight.text(&side.look()).and_then(|text| side.volume(text)) else {
                continue;
            };
            report.losses.push(match volume.protocol {
                Some('C') => format!(
                    "{}: no acknowledged write, if {} lost its peer when the server died (protocol C); what {} wrote alone since then",
                    moved.slice, moved.to, moved.from
                ),
                Some(protocol) => format!(
                    "{}: acknowledged writes of the last moments (protocol {protocol}), and what {} wrote alone since then",
                    moved.slice, moved.from
                ),
                None => format!(
                    "{}: acknowledged writes, if any, are not known (the protocol cannot be read), and what {} wrote alone since then",
                    moved.slice, moved.from
                ),
            });
            if let Some(behind) = volume.out_of_sync_kib.filter(|kib| *kib > 0) {
                report.warn(format!(
                    "{} knows of {behind} KiB that are not equal on both sides of {}",
                    moved.to, moved.slice
                ));
            }
        }
    }
}
