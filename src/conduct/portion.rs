//! How much of several slices has moved: bytes of bytes, and how long the rest takes. What is not known is said.

use super::{
    eta::words,
    progress::{Progress, StepState},
};
use crate::runbook::{
    engine::{Record, Stand},
    plan::Plan,
    planner::show::size,
};
use std::{fmt, time::Duration};

/// One of the slices that a run moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moving {
    /// Its name.
    name: String,
    /// Its steps, by their places in the plan.
    steps: Vec<usize>,
    /// The step by which it is copied.
    copies: Option<usize>,
    /// What it uses, as the plan found it, KiB.
    size_kib: u64,
    /// What the first pass had left when that was seen last, KiB.
    left_kib: Option<u64>,
    /// Whether it has failed.
    failed: bool,
}

/// How much of the slices that a run moves has moved.
#[derive(Debug, Clone, PartialEq)]
pub struct Portion {
    /// Slices that have moved.
    pub moved: usize,
    /// Slices that have failed and stay where they are.
    pub failed: usize,
    /// All slices of the run.
    pub slices: usize,
    /// What is copied already, KiB, as far as that is known.
    pub copied_kib: u64,
    /// What all of them use, as the plan found it, KiB.
    pub all_kib: u64,
    /// What is still to be copied of those that have not failed, KiB; all of a slice of which it is not known.
    pub left_kib: u64,
    /// The slice under way of which it is not known how much is copied: what of it is copied is not in `copied_kib`.
    pub unknown: Option<String>,
    /// How fast it is copied now, KiB/s; unknown at first, while it stands still, and behind the first pass of a slice.
    pub speed_kib_s: Option<f64>,
}

impl Portion {
    /// How much of all is copied, percent.
    #[must_use]
    pub fn percent(&self) -> f64 {
        if self.all_kib == 0 {
            return 0.0;
        }
        self.copied_kib as f64 / self.all_kib as f64 * 100.0
    }

    /// How long it takes to copy the rest at the speed of now.
    #[must_use]
    pub fn time(&self) -> Option<Duration> {
        Duration::try_from_secs_f64(self.left_kib as f64 / self.speed_kib_s?).ok()
    }
}

impl fmt::Display for Portion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded down: it is not whole before everything is.
        write!(
            f,
            "{:.0} % of {} copied, {} of {} slices moved",
            self.percent().floor(),
            size(self.all_kib),
            self.moved,
            self.slices
        )?;
        if self.failed > 0 {
            write!(f, ", {} failed", self.failed)?;
        }
        if let Some(name) = &self.unknown {
            write!(f, ", how much of {name} is copied is not known")?;
        }
        match (self.speed_kib_s, self.time()) {
            _ if self.moved + self.failed == self.slices => Ok(()),
            (Some(speed), Some(time)) => {
                write!(
                    f,
                    "; the rest takes about {} at the {:.1} MiB/s of now",
                    words(time),
                    speed / 1024.0
                )
            }
            _ => f.write_str("; how long the rest takes is not known now"),
        }
    }
}

/// The slices that a plan moves one after the other; none where it does not.
pub(super) fn of_plan(plan: &Plan) -> Vec<Moving> {
    let rows = plan.rolling.iter().flat_map(|rolling| &rolling.rows);
    let moving = rows.filter_map(|row| {
        let mut layouts = plan.layouts.migrations.iter();
        let layout = layouts.find(|layout| layout.slice.as_str() == row.name)?;
        let mut steps = row.steps.iter().copied();
        Some(Moving {
            name: row.name.clone(),
            steps: row.steps.clone(),
            copies: steps.find(|at| plan.steps[*at].call.action == "copy-passes"),
            size_kib: layout.used_kib,
            left_kib: None,
            failed: false,
        })
    });
    moving.collect()
}

impl Progress {
    /// How much has moved of the slices of a run that moves several.
    #[must_use]
    pub fn portion(&self) -> Option<Portion> {
        if self.moving.is_empty() {
            return None;
        }
        let mut out = Portion {
            moved: 0,
            failed: 0,
            slices: self.moving.len(),
            copied_kib: 0,
            all_kib: 0,
            left_kib: 0,
            unknown: None,
            speed_kib_s: self.flow.resync().and_then(|resync| resync.speed_kib_s),
        };
        let is = |at: usize, state: StepState| self.steps.get(at).is_some_and(|step| step.state == state);
        let done = |at: usize| is(at, StepState::Done) || is(at, StepState::AlreadySo);
        for slice in &self.moving {
            out.all_kib += slice.size_kib;
            if slice.failed {
                out.failed += 1;
                continue;
            }
            let begun = slice.copies.is_some_and(|at| !is(at, StepState::Waiting));
            out.moved += usize::from(slice.steps.iter().all(|at| done(*at)));
            let left = match slice.left_kib {
                _ if slice.copies.is_some_and(done) => 0,
                Some(left) => left.min(slice.size_kib),
                None => slice.size_kib,
            };
            out.left_kib += left;
            out.copied_kib += slice.size_kib - left;
            if begun && left == slice.size_kib && slice.left_kib.is_none() {
                out.unknown = Some(slice.name.clone());
            }
        }
        Some(out)
    }

    /// Whether a step is the last one of a slice.
    pub(super) fn ends_a_slice(&self, at: usize) -> bool {
        self.moving.iter().any(|slice| slice.steps.last() == Some(&at))
    }

    /// Takes what the first pass of the slice under way has left.
    pub(super) fn copies(&mut self, stand: &Stand) {
        let (Some(at), Some(left)) = (stand.step, stand.left_kib) else {
            return;
        };
        if let Some(slice) = self.moving.iter_mut().find(|slice| slice.copies == Some(at)) {
            slice.left_kib = Some(left);
        }
    }

    /// Takes what a record says of one of the slices; gives the steps of a slice that is tried again.
    pub(super) fn moves(&mut self, record: &Record) -> Option<Vec<usize>> {
        let (Record::RowFailed { row, .. } | Record::RowLeft { row, .. } | Record::Again { row: Some(row), .. }) =
            record
        else {
            return None;
        };
        let slice = self.moving.iter_mut().find(|slice| slice.name == *row)?;
        slice.failed = !matches!(record, Record::Again { .. });
        // What is copied stays there, but how much that is has to be seen anew.
        slice.left_kib = None;
        (!slice.failed).then(|| slice.steps.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        conduct::StepProgress,
        facts::UnixMs,
        runbook::{
            definition::Kind,
            engine::{Outcome, Phase},
            plan::Layouts,
        },
    };
    use std::collections::BTreeMap;

    const GIB: u64 = 1_048_576;

    /// A run of two slices, of 30 and of 10 GiB, each with a step that copies and one behind it.
    fn progress() -> Progress {
        let plan = Plan {
            runbook: "migrate-many".into(),
            title: "a test".into(),
            kind: Kind::Planned,
            parameters: BTreeMap::new(),
            targets: BTreeMap::new(),
            objects: Vec::new(),
            layouts: Layouts::default(),
            steps: Vec::new(),
            rolling: None,
            again: None,
            warnings: Vec::new(),
            notes: Vec::new(),
            loss: None,
            stall: Duration::ZERO,
            glass: Vec::new(),
            fingerprint: BTreeMap::new(),
            hash: "0".into(),
        };
        let mut progress = Progress::new(&plan, "run-1", "op@desk", UnixMs(1_000_000));
        let step = |at: usize| StepProgress {
            says: format!("step {at}"),
            place: "stor1".into(),
            commands: Vec::new(),
            undo: None,
            state: StepState::Waiting,
            began: None,
            ended: None,
            evidence: Vec::new(),
            output: String::new(),
            expected: None,
            asks: false,
        };
        progress.steps = (0..4).map(step).collect();
        let moving = |name: &str, steps: [usize; 2], size_kib| Moving {
            name: name.to_owned(),
            steps: steps.to_vec(),
            copies: Some(steps[0]),
            size_kib,
            left_kib: None,
            failed: false,
        };
        progress.moving = vec![moving("web1", [0, 1], 30 * GIB), moving("web2", [2, 3], 10 * GIB)];
        progress
    }

    fn stands(progress: &mut Progress, step: usize, seconds: u64, left_kib: Option<u64>) -> String {
        let stand = Stand {
            step: Some(step),
            back: false,
            phase: Phase::Proving,
            waits: None,
            patience: None,
            left_kib,
        };
        progress.stands(&stand, UnixMs(1_000_000 + seconds * 1000));
        progress.portion().unwrap().to_string()
    }

    fn outcome(progress: &mut Progress, step: usize) -> String {
        let record = Record::Outcome {
            step,
            back: false,
            outcome: Outcome::Done,
            evidence: Vec::new(),
            output: String::new(),
        };
        progress.wrote(&record, progress.at);
        progress.portion().unwrap().to_string()
    }

    #[test]
    fn bytes_of_bytes_are_told_and_what_is_not_known_is_said() {
        let mut run = progress();
        assert_eq!(
            run.portion().unwrap().to_string(),
            "0 % of 40.0 GiB copied, 0 of 2 slices moved; how long the rest takes is not known now"
        );
        let unknown = stands(&mut run, 0, 0, None);
        assert!(
            unknown
                .starts_with("0 % of 40.0 GiB copied, 0 of 2 slices moved, how much of web1 is copied is not known;")
        );
        stands(&mut run, 0, 1, Some(20 * GIB));
        // 100 MiB in a second: 30 GiB less 100 MiB are left.
        assert_eq!(
            stands(&mut run, 0, 2, Some(20 * GIB - 102_400)),
            "25 % of 40.0 GiB copied, 0 of 2 slices moved; the rest takes about 5 min 7 s at the 100.0 MiB/s of now"
        );
        // Of a later pass nobody can tell how much is left; what the first one has brought is there.
        assert!(stands(&mut run, 0, 3, None).starts_with("25 % of"));
        assert!(outcome(&mut run, 0).starts_with("75 % of 40.0 GiB copied, 0 of 2 slices moved;"));
        assert!(outcome(&mut run, 1).starts_with("75 % of 40.0 GiB copied, 1 of 2 slices moved;"));
        let last = run.log.back().unwrap();
        assert!(
            last.text.starts_with("75 % of 40.0 GiB copied, 1 of 2"),
            "{}",
            last.text
        );
        // Another try begins with that slice alone.
        stands(&mut run, 2, 4, Some(5 * GIB));
        let fails = |tries| Record::RowFailed {
            row: "web2".into(),
            why: "late".into(),
            tries,
        };
        run.wrote(&fails(true), run.at);
        let again = Record::Again {
            tries: 1,
            of: 2,
            rest_s: 5,
            why: "late".into(),
            row: Some("web2".into()),
        };
        run.wrote(&again, run.at);
        assert_eq!(
            (run.steps[1].state, run.steps[2].state),
            (StepState::Done, StepState::Waiting)
        );
        run.wrote(&fails(false), run.at);
        assert_eq!(
            run.portion().unwrap().to_string(),
            "75 % of 40.0 GiB copied, 1 of 2 slices moved, 1 failed"
        );
    }

    #[test]
    fn a_run_of_one_slice_has_no_portion() {
        let mut run = progress();
        run.moving.clear();
        assert_eq!(run.portion(), None);
    }
}
