//! The tools that a plan's commands need on its targets: a run must not find out at its sixth step that one is missing.

use crate::{
    fleet::HostName,
    runbook::{
        action::{self, Tool},
        check::Refusal,
        operation::{Operation, Place, Work},
        plan::Step,
        sight::{Look, Sight},
    },
};
use std::collections::BTreeSet;

/// A tool of which a certain option is needed on every target: its help has to speak of it. To be tried out they would
/// have to lock something, or to write everything out.
struct Needed {
    tool: &'static str,
    help: &'static str,
    lacks: &'static str,
    lift: &'static str,
}

/// What receipts and claims rest on (`wrapper.sh`).
const KEEPING: [Needed; 2] = [
    Needed {
        tool: "flock",
        help: "-w",
        lacks: "knows no -w: two commands could run at the same time",
        lift: "install the flock of util-linux there",
    },
    Needed {
        tool: "sync",
        // Before coreutils 8.24 it ignores them, and says so on standard error.
        help: "FILE",
        lacks: "takes no files: what a run keeps there would not be sure to be on the disk",
        lift: "install coreutils 8.24 or newer there",
    },
];

fn help(host: &HostName, tool: &str) -> Look {
    Look::new(host, [tool, "--help"])
}

fn place(host: &HostName, tool: &str) -> Look {
    Look::new(host, ["command", "-v", tool])
}

/// Everything that tells which tools a host has: those of all actions, since which of them it needs is only known once
/// it was looked at.
pub fn looks(host: &HostName) -> Vec<Look> {
    let tools = action::ALL.iter().flat_map(|action| action.tools());
    let names: BTreeSet<&str> = tools.flat_map(|tool| tool.any.iter().copied()).collect();
    let places = names.into_iter().map(|name| place(host, name));
    places
        .chain(KEEPING.iter().map(|needed| help(host, needed.tool)))
        .collect()
}

/// What the targets of these steps lack, forwards and backwards.
pub fn missing(steps: &[Step], sight: &Sight) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let mut kept = BTreeSet::new();
    let mut refuse = |refusal: Refusal| {
        if !refusals.contains(&refusal) {
            refusals.push(refusal);
        }
    };
    for step in steps {
        let undo = step.undo.as_ref().zip(step.operation.undo.as_ref());
        let ways = [Some((&step.operation, &step.call)), undo];
        for (operation, call) in ways.into_iter().flatten() {
            let Some(host) = target(operation) else { continue };
            if kept.insert(host) {
                KEEPING
                    .iter()
                    .filter_map(|needed| needed.missing(host, sight))
                    .for_each(&mut refuse);
            }
            let tools = action::find(&call.action).map_or(&[][..], |action| action.tools());
            tools
                .iter()
                .filter_map(|tool| lacks(tool, host, sight))
                .for_each(&mut refuse);
        }
    }
    refusals
}

/// The host on which an operation runs commands.
fn target(operation: &Operation) -> Option<&HostName> {
    match (&operation.place, &operation.work) {
        (Place::Host(host), Work::Commands(commands)) if !commands.is_empty() => Some(host),
        (Place::Host(host), Work::Watch(watch)) if !watch.commands().is_empty() => Some(host),
        _ => None,
    }
}

impl Needed {
    fn missing(&self, host: &HostName, sight: &Sight) -> Option<Refusal> {
        let fact = match sight.printed(&help(host, self.tool)) {
            Ok(printed) if printed.text.contains(self.help) => return None,
            Ok(printed) if printed.exit == 127 => format!("{host} has no {}", self.tool),
            Ok(_) => format!("the {} of {host} {}", self.tool, self.lacks),
            Err(why) => return Some(unknown(host, self.tool, &why)),
        };
        Some(Refusal::new(fact, self.lift))
    }
}

fn lacks(tool: &Tool, host: &HostName, sight: &Sight) -> Option<Refusal> {
    let mut unseen = None;
    for name in tool.any {
        match sight.printed(&place(host, name)) {
            Ok(printed) if printed.exit == 0 => return None,
            Ok(_) => {}
            Err(why) => unseen = Some(why),
        }
    }
    Some(match (unseen, tool.any) {
        (Some(why), _) => unknown(host, &tool.any.join(" or "), &why),
        (None, [one]) => Refusal::new(
            format!("{host} has no {one}: {}", tool.why),
            format!("install {one} there"),
        ),
        (None, _) => Refusal::new(
            format!("{host} has neither {}: {}", tool.any.join(" nor "), tool.why),
            format!("install {} there", tool.any[0]),
        ),
    })
}

fn unknown(host: &HostName, tool: &str, why: &str) -> Refusal {
    Refusal::new(
        format!("whether {host} has {tool} is not known: {why}"),
        "it has to answer before anything is changed there",
    )
}
