//! The side that takes the slice can carry it beside its own.

use super::{Check, Report};
use crate::{
    facts::load::{parse_loadavg, parse_meminfo},
    fleet::HostName,
    runbook::{
        planner::Scope,
        sight::{Look, Sight},
    },
};

/// `capacity`.
#[derive(Debug)]
pub struct Capacity;

/// Less memory than this is too little for the load of two, percent of all.
const MEMORY_PERCENT: f64 = 10.0;
/// More runnable tasks than this a processor make a server slow.
const LOAD_PER_CPU: f64 = 2.0;

fn load(host: &HostName) -> Look {
    Look::new(host, ["cat", "/proc/loadavg"])
}

fn memory(host: &HostName) -> Look {
    Look::new(host, ["cat", "/proc/meminfo"])
}

fn processors(host: &HostName) -> Look {
    Look::new(host, ["cat", "/proc/stat"])
}

impl Check for Capacity {
    fn name(&self) -> &'static str {
        "capacity"
    }

    fn about(&self) -> &'static str {
        "the side that takes the slice has the processors and the memory for the load of both"
    }

    fn looks(&self, scope: &Scope<'_>) -> Vec<Look> {
        let servers = scope.moves().iter().flat_map(|moved| [&moved.from, &moved.to]);
        servers
            .flat_map(|host| [load(host), memory(host), processors(host)])
            .collect()
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        for moved in scope.moves() {
            let to = &moved.to;
            match sight.text(&memory(to)).map(parse_meminfo) {
                Ok(Ok(memory)) if memory.total_kib > 0 => {
                    let percent = memory.available_kib as f64 / memory.total_kib as f64 * 100.0;
                    if percent < MEMORY_PERCENT {
                        report.note(format!("{to} has {percent:.0} % of its memory left for one slice more"));
                    }
                }
                _ => report.note(format!("the memory of {to} is not known")),
            }
            let average = |host| match sight.text(&load(host)).map(parse_loadavg) {
                Ok(Ok(load)) => Some(load.one),
                _ => None,
            };
            // A line `cpuN` each (proc_stat(5)).
            let count = |text: &str| {
                let is_one = |line: &&str| {
                    line.strip_prefix("cpu")
                        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
                };
                text.lines().filter(is_one).count() as f64
            };
            let cpus = sight.text(&processors(to)).ok().map(count).filter(|count| *count > 0.0);
            match (average(to), cpus) {
                (Some(own), Some(cpus)) => {
                    // A dead server's load is not known: then the receiver's own counts double.
                    let sum = own + average(&moved.from).unwrap_or(own);
                    if sum / cpus > LOAD_PER_CPU {
                        report.note(format!(
                            "the load of both servers together is {sum:.1} on {cpus:.0} processors of {to}: clients will feel it"
                        ));
                    }
                }
                _ => report.note(format!("the load of {to} is not known")),
            }
        }
    }
}
