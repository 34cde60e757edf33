//! Upgrades a host, or installs it anew, by the site's own commands of the inventory.

use super::{Action, Argument, Given, HOST, command::ends_well};
use crate::{
    fleet::{Hook, Hooks, HostName, usable},
    runbook::{
        condition::Condition,
        operation::{Claim, Departure, Nature, Operation, Place, Work},
        sight::Look,
        truth::Truth,
    },
};
use std::time::Duration;

/// `host-upgrade` or `host-reinstall`.
#[derive(Debug)]
pub struct OwnHook {
    installs: bool,
}

/// `host-upgrade`.
pub const UPGRADE: OwnHook = OwnHook { installs: false };
/// `host-reinstall`.
pub const REINSTALL: OwnHook = OwnHook { installs: true };

impl OwnHook {
    fn of<'a>(&self, hooks: &'a Hooks) -> Option<&'a Hook> {
        if self.installs {
            hooks.reinstall.as_ref()
        } else {
            hooks.upgrade.as_ref()
        }
    }
}

impl Action for OwnHook {
    fn name(&self) -> &'static str {
        if self.installs {
            "host-reinstall"
        } else {
            "host-upgrade"
        }
    }

    fn about(&self) -> &'static str {
        if self.installs {
            "install a host anew by the site's own installer, as the inventory names it"
        } else {
            "upgrade a host by the site's own command of the inventory"
        }
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let host = given.host()?;
        let what = if self.installs { "reinstall" } else { "upgrade" };
        let known = given.fleet.host(host.as_str());
        let hook = known
            .and_then(|known| self.of(&known.rolling))
            .ok_or_else(|| format!("{host} has no `{what}` in `rolling` of the inventory"))?;
        for (words, changes) in [(&hook.proof, false), (&hook.run, true)] {
            usable(&words[0], changes).map_err(|(says, hint)| format!("{says}; {hint}"))?;
        }
        let on = match (&hook.on, self.installs) {
            (Some(on), true) if on == host => {
                return Err(format!("{host} cannot install itself: name another host, or none"));
            }
            (Some(on), _) => Some(on),
            (None, true) => None,
            (None, false) => Some(host),
        };
        let (place, work, proof) = match on {
            Some(on) => (
                Place::Host(on.clone()),
                Work::Commands(vec![hook.run.clone()]),
                ends_well(on, hook.proof.clone(), true),
            ),
            None => (Place::Console, Work::Local(hook.run.clone()), local(host, &hook.proof)),
        };
        Ok(Operation {
            place,
            says: if self.installs {
                format!("install {host} anew")
            } else {
                format!("upgrade {host}")
            },
            needs: Vec::new(),
            expects: Vec::new(),
            work,
            proof: vec![proof],
            deadline: hook.within,
            settles_within: Duration::from_mins(1),
            nature: Nature::Probeable,
            retry: None,
            // What was on it is gone, and an older version is no reverse of a newer one.
            undo: None,
            claims: vec![Claim::Leave {
                host: host.clone(),
                departure: if self.installs {
                    Departure::Anew
                } else {
                    Departure::Stays
                },
            }],
        })
    }
}

/// The command of the console's own machine succeeds.
pub(super) fn local(host: &HostName, argv: &[String]) -> Condition {
    let look = Look::local(host, argv.iter().cloned());
    let (shown, read) = (look.shown(), look.clone());
    Condition::new(
        format!("`{shown}` succeeds here"),
        vec![look],
        move |sight| match sight.printed(&read) {
            Ok(printed) if printed.exit == 126 || printed.exit == 127 || printed.exit > 128 => {
                Truth::Unknown(format!("`{shown}` could not be run here (exit code {})", printed.exit))
            }
            Ok(printed) => Truth::of(
                printed.exit == 0,
                format!("`{shown}` ended with exit code {} here", printed.exit),
            ),
            Err(why) => Truth::Unknown(why),
        },
    )
}
