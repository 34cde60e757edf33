//! What clients lose that a move cannot carry over: locks.

use super::{Check, Report};
use crate::runbook::{
    planner::Scope,
    sight::{Look, Sight},
};

/// `locks`.
#[derive(Debug)]
pub struct Locks;

impl Check for Locks {
    fn name(&self) -> &'static str {
        "locks"
    }

    fn about(&self) -> &'static str {
        "warns of NFS locks: the other server runs already, so they cannot be reclaimed there"
    }

    fn looks(&self, scope: &Scope<'_>) -> Vec<Look> {
        let hosts = scope.moves().iter().map(|moved| &moved.from);
        hosts.map(|host| Look::new(host, ["cat", "/proc/locks"])).collect()
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        for moved in scope.moves() {
            if moved.layout.export.is_none() {
                continue;
            }
            let Some(minor) = moved.layout.sides.first().map(|side| side.minor) else {
                continue;
            };
            // DRBD's major number is 147, 0x93 (Documentation/admin-guide/devices.txt); /proc/locks prints MAJOR:MINOR:INODE
            // in hexadecimal (fs/locks.c).
            let device = format!(" 93:{minor:02x}:");
            match sight.text(&Look::new(&moved.from, ["cat", "/proc/locks"])) {
                Ok(text) => {
                    let held = text.lines().filter(|line| line.contains(&device)).count();
                    if held > 0 {
                        report.warn(format!(
                            "clients hold {held} locks on {}: they are lost, because {} runs already and gives no grace period",
                            moved.slice, moved.to
                        ));
                    }
                }
                Err(why) => report.warn(format!("locks on {} are not known: {why}", moved.slice)),
            }
        }
    }
}
