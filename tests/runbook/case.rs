//! One case: a scene, faults at turns of it, and what must come of that.

use super::{
    backup, clients, database, galera, invariants,
    matrix::ANYBODY,
    migration,
    passing::Passing,
    scene::{self, Scene},
    stage::{Console, Stage},
};
use pointsman::{
    runbook::{
        engine::{Control, Effect, End, Record},
        plan::Plan,
        target::Request,
    },
    simulate::{act::Mishap, node::Power},
};
use std::{collections::BTreeMap, sync::Mutex};

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It is answered.
    Usual,
    /// No connection.
    NotSent,
    /// It never arrives, and the console cannot know.
    LostUndone,
    /// It is done, and the answer is lost.
    LostDone,
    /// It is answered, and a copy of it arrives once more so many turns later.
    Twice(usize),
    /// It arrives so many turns later.
    Later(usize),
    /// It arrives, takes the lock, and begins so many turns later.
    SlowStart(usize),
    /// It is done, and ends so many turns later.
    SlowEnd(usize),
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The console is killed; another goes on with the run, or takes it back.
    Killed { back: bool },
    /// A call ends in that way.
    Call(Fate),
    /// A target loses its power and boots; nothing on it starts by itself.
    Rebooted(&'static str),
    /// A host that was off comes up; nothing on it starts by itself.
    Returns(&'static str),
    /// The console does not reach a target for so many turns.
    Cut(&'static str, usize),
    /// A target hangs for so many turns, before that line of every script (`begin`) or of steps (`run`).
    Hangs(&'static str, usize, &'static str),
    /// A target prints garbage of that kind for so many turns.
    Garbage(&'static str, usize, usize),
    /// A target, or a client, stands still for so many turns, kernel and all, and then goes on where it was.
    Frozen(&'static str, usize),
    /// A target loses its power and boots so many turns later; nothing on it starts by itself.
    Away(&'static str, usize),
    /// The console reaches nobody for so many turns.
    Alone(usize),
    /// Clients do not reach a target for so many turns.
    ClientsCut(&'static str, usize),
    /// The two sides do not reach each other for so many turns.
    LinkCut(usize),
    /// A resync begins to overwrite the side with the good data.
    WrongWay,
    /// Another operator starts the same, or the reverse, and does so many turns for each of ours.
    Second { reverse: bool, burst: usize },
    /// The journal cannot be written.
    ConsoleFull,
    /// Every write of the journal takes longer than what was seen is good for, for so many turns.
    SlowDisk(usize),
    /// Nothing can be kept on a target.
    TargetFull(&'static str),
    /// A target's disk is read-only.
    TargetReadOnly(&'static str),
    /// The console's clock jumps, seconds.
    Clock(i64),
    /// udev holds the devices of a target open, seconds.
    Udev(&'static str, u64),
    /// A command goes wrong.
    Command(&'static str, Mishap),
    /// The operator cancels.
    Cancelled,
    /// The operator pauses for so many turns.
    Paused(usize),
    /// The operator says no when asked.
    SaysNo,
}

impl Fault {
    /// Whether that host, or any where none is named, loses by it what its kernel held.
    fn reboots(self, host: Option<&str>) -> bool {
        match self {
            Self::Rebooted(named) | Self::Away(named, _) => host.is_none_or(|host| host == named),
            _ => false,
        }
    }
}

/// A fault at a turn of the run's own console: before the effect, or after it and before the engine is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    pub turn: usize,
    pub after: bool,
    pub fault: Fault,
}

/// A case.
#[derive(Debug, Clone)]
pub struct Case {
    pub scene: Scene,
    pub faults: Vec<At>,
}

/// What came of a case.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub first: End,
    pub last: End,
    /// The effects of the run's own console, in order.
    pub effects: Vec<Effect>,
}

/// No run takes so many turns: it would never end.
const TURNS: usize = 4000;

/// The plan of a scene; made once, since it is the same each time.
pub fn plan(scene: Scene) -> Plan {
    static PLANS: Mutex<BTreeMap<Scene, Plan>> = Mutex::new(BTreeMap::new());
    // A scene that has no plan is a failure of its own cases alone.
    let known = |plans: &BTreeMap<Scene, Plan>| plans.get(&scene).cloned();
    if let Some(plan) = known(&PLANS.lock().unwrap()) {
        return plan;
    }
    let stage = Stage::new(scene);
    let plan = scene::plan(scene, &stage.sim, stage.hand.now());
    PLANS.lock().unwrap().entry(scene).or_insert(plan).clone()
}

/// The plan of somebody who wants a slice back where it was.
fn reverse() -> Plan {
    let stage = Stage::new(Scene::SliceMove);
    stage.sim.world().fleet(|island| island.move_slice(0).unwrap());
    scene::plan_with(Scene::SliceMove, &stage.sim, stage.hand.now(), &[("slice", "web1")])
}

/// How an end is called.
pub fn kind(end: &End) -> &'static str {
    match end {
        End::Done => "done",
        End::Refused { .. } => "refused",
        End::Compensated { stays, .. } if stays.is_empty() => "compensated",
        End::Compensated { .. } => "in part",
        End::Parked { unknown: false, .. } => "parked",
        End::Parked { unknown: true, .. } => "unknown",
        End::Held { .. } => "held",
        End::Lost => "lost",
    }
}

/// Runs a case; says what happened when an invariant does not hold.
pub fn run(case: &Case) -> Outcome {
    run_with(case, None)
}

/// The same on targets that do not know one line of the scripts.
pub fn run_with(case: &Case, without: Option<&'static str>) -> Outcome {
    let mut play = Play::new(case, plan(case.scene));
    play.stage.without = without;
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play.all()));
    match result {
        Ok(outcome) => outcome,
        Err(panic) => {
            let why = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                .unwrap_or_default();
            let told = play.stage.told.join("\n");
            panic!("{why}\n{case:?}\n{told}\n{why}\n{case:?}");
        }
    }
}

struct Play<'a> {
    case: &'a Case,
    stage: Stage,
    console: Console,
    second: Option<(Console, usize)>,
    /// The second operator's run, where it stopped in its middle.
    stopped: Option<Console>,
    own_turn: usize,
    unpause: Option<usize>,
    effects: Vec<Effect>,
    /// Where the slice is by what runs have ended.
    place: &'static str,
    /// Whether the second run has ended after the run had given its targets back.
    later: bool,
    /// Whether a claim may be left behind: a target did not answer when it was given back.
    untidy: bool,
    /// Whether tidiness is judged once the second operator's run has ended.
    postponed: bool,
}

impl<'a> Play<'a> {
    fn new(case: &'a Case, plan: Plan) -> Self {
        let mut stage = Stage::new(case.scene);
        if case.scene.takes_over() {
            stage.disturbed.insert("stor1".into());
        }
        if case.scene.base() == Scene::FailBack {
            stage.disturbed.insert("stor1".into());
        }
        stage
            .disturbed
            .extend(case.scene.leaves().iter().map(|host| (*host).to_owned()));
        let console = stage.console("run-1", plan);
        Self {
            case,
            console,
            second: None,
            stopped: None,
            own_turn: 0,
            unpause: None,
            effects: Vec::new(),
            place: case.scene.sides().0,
            later: false,
            untidy: false,
            postponed: false,
            stage,
        }
    }

    fn all(&mut self) -> Outcome {
        self.until_end();
        let first = self.console.end().unwrap().clone();
        let mut last = first.clone();
        for _ in 0..4 {
            let open = matches!(last, End::Parked { .. } | End::Lost);
            if !open && self.stopped.is_none() {
                break;
            }
            self.stage.heal();
            if let Some(mut second) = self.stopped.take() {
                self.stage.resume(&mut second, None);
                self.second = Some((second, 0));
                self.second_to_its_end();
            }
            if open {
                self.console.disk_full = false;
                self.console.types = None;
                self.stage.resume(&mut self.console, None);
                self.until_end();
                last = self.console.end().unwrap().clone();
            }
        }
        let rebooted = self.case.faults.iter().any(|at| at.fault.reboots(None));
        assert!(
            !matches!(last, End::Parked { .. } | End::Lost) || rebooted,
            "16: the run does not come to an end after everything was mended: {last:?}"
        );
        assert!(
            self.stopped.is_none() || rebooted,
            "16: the second operator's run does not come to an end after everything was mended: {:?}",
            self.stopped.as_ref().and_then(Console::end)
        );
        Outcome {
            first,
            last,
            effects: std::mem::take(&mut self.effects),
        }
    }

    fn until_end(&mut self) {
        while self.console.end().is_none() {
            assert!(self.own_turn < TURNS, "24: the run never ends");
            self.turn();
            if let Some(end) = self.console.end().cloned() {
                self.judge(&end);
            }
            if let Some((mut second, burst)) = self.second.take() {
                for _ in 0..burst {
                    if second.end().is_some() || !self.stage.turn(&mut second, Fate::Usual) {
                        break;
                    }
                }
                self.second = Some((second, burst));
                self.second_ended();
            }
        }
        self.second_to_its_end();
    }

    fn second_to_its_end(&mut self) {
        let Some((mut second, _)) = self.second.take() else {
            return;
        };
        for turn in 0.. {
            assert!(turn < TURNS, "24: the second operator's run never ends");
            if second.end().is_some() || !self.stage.turn(&mut second, Fate::Usual) {
                break;
            }
        }
        self.second = Some((second, 0));
        self.second_ended();
        self.second = None;
        if self.stopped.is_none()
            && std::mem::take(&mut self.postponed)
            && let Err(why) = invariants::tidy(&self.stage, &self.console)
        {
            panic!("16: both operators' runs have ended, but {why}");
        }
    }

    fn second_ended(&mut self) {
        let Some((second, _)) = &self.second else { return };
        let Some(end) = second.end().cloned() else { return };
        match &end {
            End::Done => {
                let reverse = second.run == "run-back";
                let (from, to) = self.case.scene.sides();
                self.place = if reverse { from } else { to };
                let own = self.stage.journals.get(&self.console.run).into_iter().flatten();
                self.later = own.last().is_some_and(|last| matches!(last, Record::Ended(End::Done)));
            }
            End::Held { .. } | End::Refused { .. } => {}
            // A person was asked, which changes nothing, and by then the old side was gone, or the slice served.
            End::Compensated { stays, .. }
                if stays.is_empty() && (self.case.scene == Scene::MigrateReclaim || self.case.scene.is_restored()) => {}
            // Where nothing but the other run is in its way there is nothing to turn back from.
            other => {
                let troubled = self
                    .case
                    .faults
                    .iter()
                    .any(|at| !matches!(at.fault, Fault::Second { .. }));
                assert!(troubled, "9: the second operator's run ended as {other:?}");
            }
        }
        self.stage.told.push(format!("END of the second {end:?}"));
        invariants::ended(&end);
        invariants::all_told(&self.stage, second, &end);
        invariants::nothing_changed(&self.stage, second, &end);
        if end == End::Done
            && !self.case.scene.is_mysql()
            && !self.case.scene.is_galera()
            && !self.case.scene.is_client()
            && let Err(why) = self.served("web1", self.place)
        {
            panic!("21: the second operator's run ended as {end:?}, but {why}");
        }
        invariants::no_blind_retry(&self.stage, second);
        if matches!(end, End::Parked { .. } | End::Lost) {
            self.stopped = self.second.take().map(|(second, _)| second);
            return;
        }
        if let Err(why) = invariants_of_claims(&self.stage, second) {
            panic!("9: the second operator's run has ended, but {why}");
        }
        self.second = None;
    }

    fn turn(&mut self) {
        let own = self.own_turn;
        self.own_turn += 1;
        self.effects.push(self.console.effect.clone());
        let mut fate = Fate::Usual;
        let now: Vec<At> = self.case.faults.iter().filter(|at| at.turn == own).copied().collect();
        for at in now.iter().filter(|at| !at.after) {
            fate = self.strike(at.fault, fate);
        }
        if self.unpause == Some(own) {
            self.console.engine.control(Control::Resume);
        }
        let releasing = matches!(
            &self.console.effect,
            Effect::Call {
                request: Request::Release { .. },
                ..
            }
        );
        let event = self.stage.perform(&mut self.console, fate);
        if releasing
            && !matches!(&event, Some(pointsman::runbook::engine::Event::Answered(
                pointsman::runbook::engine::Answer::Said(said))) if !said.iter().any(|line| matches!(line, pointsman::runbook::target::Said::Refused(..))))
        {
            self.untidy = true;
        }
        let mut told = true;
        for at in now.iter().filter(|at| at.after) {
            told &= !matches!(at.fault, Fault::Killed { .. });
            self.strike(at.fault, Fate::Usual);
        }
        if let (Some(event), true) = (event, told) {
            self.stage.tell(&mut self.console, event);
        }
    }

    fn strike(&mut self, fault: Fault, fate: Fate) -> Fate {
        let stage = &mut self.stage;
        stage.told.push(format!("FAULT {fault:?}"));
        let world = stage.sim.world();
        match fault {
            Fault::Killed { back } => {
                stage.hand.forward(std::time::Duration::from_secs(5));
                stage.resume(&mut self.console, back.then_some("the operator wants it back"));
            }
            Fault::Call(fate) => return fate,
            Fault::Rebooted(host) => {
                if stage.power(host) == Power::Up {
                    world.with(host, pointsman::simulate::island::Island::reboot);
                    stage.disturbed.insert(host.into());
                }
            }
            Fault::Returns(host) => {
                if stage.power(host) == Power::Off {
                    world.with(host, |island, at| {
                        let now = island.now_ms;
                        island.nodes[at].boot(now);
                        island.settle();
                    });
                    stage.disturbed.insert(host.into());
                }
            }
            Fault::Cut(host, turns) => _ = stage.cut.insert(host.into(), stage.turn + turns),
            Fault::Hangs(host, turns, at) => _ = stage.hangs.insert(host.into(), (stage.turn + turns, at)),
            Fault::Garbage(host, turns, kind) => _ = stage.garbage.insert(host.into(), (stage.turn + turns, kind)),
            Fault::Frozen(host, turns) => stage.begin(Passing::Frozen(host), turns),
            Fault::Away(host, turns) => stage.begin(Passing::Away(host), turns),
            Fault::LinkCut(turns) => stage.begin(Passing::LinkCut, turns),
            Fault::ClientsCut(host, turns) => stage.begin(Passing::ClientsCut(host), turns),
            Fault::SlowDisk(turns) => stage.begin(Passing::SlowDisk, turns),
            Fault::Alone(turns) => {
                let until = stage.turn.saturating_add(turns);
                let hosts = ANYBODY.map(|host| (host.to_owned(), until));
                stage.cut.extend(hosts);
            }
            Fault::WrongWay => {
                stage.wrong_way = Some(stage.hand.now());
                let good = usize::from(self.case.scene.sides().0 == "stor2");
                world.fleet(|island| {
                    island.replicas[0].start_resync(1 - good);
                    // It takes hours.
                    if let Some(resync) = &mut island.replicas[0].resync {
                        (resync.left_kib, resync.total_kib) = (1e9, 1e9);
                    }
                });
            }
            Fault::Second { reverse: true, burst } => {
                let second = stage.console("run-back", reverse());
                self.second = Some((second, burst));
            }
            Fault::Second { reverse: false, burst } => {
                let second = stage.console("run-2", self.console.plan.clone());
                self.second = Some((second, burst));
            }
            Fault::ConsoleFull => self.console.disk_full = true,
            Fault::TargetFull(host) => _ = world.with(host, |island, at| island.nodes[at].store.full = true),
            Fault::TargetReadOnly(host) => _ = world.with(host, |island, at| island.nodes[at].store.read_only = true),
            Fault::Clock(seconds) => self.console.offset_ms += seconds * 1000,
            Fault::Udev(host, seconds) => {
                world.with(host, |island, at| {
                    island.nodes[at].opened_until_ms = island.now_ms + seconds * 1000;
                });
            }
            Fault::Command(host, mishap) => {
                world.with(host, |island, at| island.nodes[at].store.next = Some(mishap));
            }
            Fault::Cancelled => self.console.engine.control(Control::Cancel("op".into())),
            Fault::Paused(turns) => {
                self.console.engine.control(Control::Pause);
                self.unpause = Some(self.own_turn + turns);
            }
            Fault::SaysNo => self.console.types = Some("no"),
        }
        fate
    }

    /// What must hold at an end.
    fn judge(&mut self, end: &End) {
        self.stage.told.push(format!("END {end:?}"));
        invariants::ended(end);
        invariants::all_told(&self.stage, &self.console, end);
        invariants::nothing_changed(&self.stage, &self.console, end);
        invariants::no_blind_retry(&self.stage, &self.console);
        invariants::nothing_of_others(&self.stage);
        let (_, to) = self.case.scene.sides();
        let final_end = matches!(end, End::Done | End::Compensated { .. } | End::Refused { .. });
        // What another operator's run is doing at this moment is not this run's to tidy.
        self.postponed = final_end && !self.untidy && (self.second.is_some() || self.stopped.is_some());
        if final_end
            && !self.untidy
            && !self.postponed
            && let Err(why) = invariants::tidy(&self.stage, &self.console)
        {
            panic!("16: {end:?}, but {why}");
        }
        let second = self
            .case
            .faults
            .iter()
            .any(|at| matches!(at.fault, Fault::Second { .. }));
        if matches!(end, End::Held { .. }) {
            assert!(second, "9: {end:?}, but there is nobody else");
            if let Err(why) = invariants_of_claims(&self.stage, &self.console) {
                panic!("9: {end:?}, but {why}");
            }
        }
        if !second
            && !disturbed_by_boot(self.case)
            && let Err(why) = migration::ended(&self.stage, end).and_then(|()| backup::ended(&self.stage, end))
        {
            panic!("16: {end:?}, but {why}");
        }
        // A host that boots anew has its limits as they were, and no claim on what a run had to put back.
        let disturbed = self.case.faults.iter().any(|at| at.fault.reboots(None));
        if !second
            && !disturbed
            && let Err(why) = invariants::array(&self.stage, end).and_then(|()| invariants::pool(&self.stage, end))
        {
            panic!("22: {end:?}, but {why}");
        }
        if !second
            && !disturbed
            && let Err(why) = clients::ended(&self.stage, end)
        {
            panic!("21: {end:?}, but {why}");
        }
        let old_is_off = self.case.scene.takes_over();
        let rebooted = |host: &str| self.case.faults.iter().any(|at| at.fault.reboots(Some(host)));
        let expected = match end {
            End::Done => {
                if !self.later {
                    self.place = to;
                }
                Some(self.place)
            }
            End::Compensated { .. } | End::Refused { .. } if !old_is_off => Some(self.place),
            _ => None,
        };
        // A host that was rebooted has lost what it served: the run cannot have put that back.
        let others = self.stage.journals.iter().filter(|(run, _)| **run != self.console.run);
        let taken = others
            .flat_map(|(_, journal)| journal)
            .any(|record| matches!(record, pointsman::runbook::engine::Record::Intent { .. }))
            && (self.second.is_some() || self.stopped.is_some());
        if let Some(host) = expected.filter(|host| !rebooted(host) && !taken) {
            if self.case.scene == Scene::MigrateMany {
                if let Err(why) = migration::each_served(&self.stage, &self.console.plan, &rebooted) {
                    panic!("21: {end:?}, but {why}");
                }
                return;
            }
            if self.case.scene.is_copied() && host == "stor3" {
                if let Err(why) = migration::served(&self.stage, host) {
                    panic!("21: {end:?}, but {why}");
                }
                return;
            }
            if self.case.scene.is_mysql()
                && let Err(why) = database::served(&self.stage, host)
            {
                panic!("21: {end:?}, but {why}");
            }
            if self.case.scene.is_galera()
                && *end == End::Done
                && let Err(why) = galera::served(&self.stage)
            {
                panic!("21: {end:?}, but {why}");
            }
            // Addresses that were moved by hand are found after a while.
            let slices = self.case.scene.slices().iter();
            for slice in slices.filter(|_| !self.case.scene.is_client()) {
                if let Err(why) = self.served(slice, host) {
                    panic!("21: {end:?}, but {why}");
                }
            }
        }
    }
}

impl Play<'_> {
    /// Clients are served by that host, be it by what took the place of the slice.
    fn served(&self, slice: &str, host: &str) -> Result<(), String> {
        let scene = self.case.scene;
        if (scene.is_copied() || scene.is_restored()) && host == "stor3" {
            return migration::served(&self.stage, host);
        }
        invariants::served(&self.stage, slice, host)
    }
}

/// A host that boots anew has no tasks, and does not tell of them either.
fn disturbed_by_boot(case: &Case) -> bool {
    case.faults.iter().any(|at| at.fault.reboots(None))
}

/// 9: an ended run holds nothing, but where its journal says that a target did not confirm it.
fn invariants_of_claims(stage: &Stage, console: &Console) -> Result<(), String> {
    let kept = stage
        .journals
        .get(&console.run)
        .into_iter()
        .flatten()
        .rev()
        .find_map(|record| match record {
            Record::Released { kept } => Some(kept.as_slice()),
            _ => None,
        })
        .unwrap_or_default();
    stage
        .sim
        .world()
        .fleet(|island| {
            for node in &island.nodes {
                if kept.iter().any(|host| **host == *node.name) {
                    continue;
                }
                if let Some((object, _)) = node.store.claims.iter().find(|(_, claim)| claim.run == console.run) {
                    return Err(format!("{object} of {} is still claimed", node.name));
                }
            }
            Ok(())
        })
        .unwrap()
}
