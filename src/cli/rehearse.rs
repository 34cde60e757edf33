//! The options of `pointsman rehearse`.

use clap::{Args, ValueEnum};
use std::{path::PathBuf, time::Duration};

/// The faults, for `--help`. A test holds that none is missing.
const FAULTS: &str = "\
Faults, each KIND[:NAME][@STEP[+]][,TIME]:
  dead:HOST               it loses its power
  hung:HOST               it takes bytes and answers nothing
  cut:HOST                the network between the console and it is cut; others reach it
  returns:HOST            it is back after dead, hung or cut; it serves nothing by itself
  reboot:HOST             it loses its power and boots at once
  lost-reply:HOST         its next step is done, and the reply is lost
  fails:HOST              its next command fails and changes nothing
  disk-full[:HOST]        the disk with the journal is full, or that host's
  degraded:HOST           its first array has lost a disk
  pair-partitioned:SLICE  its two sides cannot talk to each other
  split-brain:SLICE       both sides were written apart
  second-operator:SLICE   somebody else takes it over on its servers
  failed-over:SLICE       its home died, was failed over, and is back (to begin with)
  no-primary:HOST         its Galera cluster has lost its primary component
  db-failed-over:HOST     a replica of it takes its database's writes, and it is back
  db-down:HOST            its Galera server has crashed
  stale:SLICE             its server no longer knows what its clients have mounted
  fenced:SLICE            it was taken away from its clients, and is well again

Without @STEP a fault happens before the plan is made. @STEP is a step's number or action (@7,
@drbd-promote): right before its commands are sent; with a + behind it right after it is proven.
HOST may then be left out for the host of that step. With ,TIME (500ms, 20s, 2m) a fault that
lasts is over after so long.

Examples:
  pointsman rehearse failover server=stor1 --fault=dead:stor1
  pointsman rehearse slice-move slice=web-1 --fault=lost-reply@drbd-demote --fault=dead:stor2@mount
  pointsman rehearse slice-move slice=web-1 --fault=cut:stor1@5,20s --json
  pointsman rehearse fail-back slice=web-1 soak=5 --fault=failed-over:web-1 --answer=web-1
  pointsman rehearse galera-recover database=sessions --fault=no-primary:gal1

Exit codes are those of --batch run: 0 done, 10 refused, 11 failed and taken back, 12 parked or left,
13 outcome unknown, 14 held by another; 64 for a fault, a step or a name that there is not.";

/// Options of `pointsman rehearse`.
#[allow(
    clippy::struct_excessive_bools,
    reason = "they are independent switches of a command line"
)]
#[derive(Debug, Args)]
#[command(after_help = FAULTS)]
pub struct RehearseArgs {
    /// The runbook (or a file of your own) and its parameters; without one the console opens on the copy
    #[arg(value_name = "RUNBOOK NAME=VALUE")]
    pub words: Vec<String>,

    /// Something that goes wrong, see below; may be given more than once
    #[arg(long = "fault", value_name = "FAULT")]
    pub faults: Vec<String>,

    /// The inventory file
    #[arg(short, long, value_name = "FILE")]
    pub inventory: Option<PathBuf>,

    /// Rehearse on the embedded fleet instead of an inventory
    #[arg(long, conflicts_with = "inventory")]
    pub demo: bool,

    /// Print the plan and the run instead of opening the console; so it is without a terminal as well
    #[arg(long)]
    pub batch: bool,

    /// Batch: one JSON document a line
    #[arg(long)]
    pub json: bool,

    /// Batch: print the plan and do nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Batch: the answer to a question that the run asks; once for each question, in their order
    #[arg(long = "answer", value_name = "WORD")]
    pub answers: Vec<String>,

    /// Batch: when the run is parked or left, mend everything and go on with it
    #[arg(long, value_name = "HOW", conflicts_with = "dry_run")]
    pub then: Option<Then>,

    /// Batch: write the run's report to this file, as JSON if it ends with .json, else as Markdown
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub report: Option<PathBuf>,

    /// The number that decides the copy's figures (loads, sizes, identities)
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,

    /// How long each step takes at least (such as 2s), so that there is time to look and to let things go wrong; 1s in
    /// the console, nothing in batch
    #[arg(long, value_name = "TIME", value_parser = super::parse_time)]
    pub pace: Option<Duration>,

    /// As for a real run: let DRBD's own refusal to promote this resource be overridden
    #[arg(long, value_name = "RESOURCE")]
    pub force: Vec<String>,

    /// As for a real run: let one side's data of this resource be thrown away
    #[arg(long, value_name = "RESOURCE")]
    pub discard: Vec<String>,

    /// As for a real run: take your word that this host is off
    #[arg(long, value_name = "HOST")]
    pub assert_off: Vec<String>,

    /// Refused: a rehearsal has a journal of its own. Known here so that the refusal can say so.
    #[arg(long, value_name = "DIR", hide = true)]
    pub state_dir: Option<PathBuf>,
}

/// How a run that was parked or left is gone on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Then {
    /// By the rest of its steps
    Resume,
    /// By taking back what was done
    Back,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearse::fault::KINDS;

    #[test]
    fn help_tells_of_every_fault_in_the_same_words() {
        for known in KINDS {
            let line = FAULTS
                .lines()
                .find(|line| line.trim_start().split([':', '[', ' ']).next() == Some(known.word));
            let line = line.unwrap_or_else(|| panic!("{} is missing", known.word));
            let words = known.about.split([';', ',']).next().unwrap();
            assert!(
                line.contains(words) || known.word == "disk-full",
                "{line} against {words}"
            );
        }
    }
}
