//! The stage: a simulated fleet, journals, and consoles that drive engines on it, with faults in between.

use super::{
    case::Fate,
    invariants,
    passing::Passing,
    scene::{self, Hand, Scene},
};
use pointsman::{
    facts::{UnixMs, Why},
    fleet::HostName,
    runbook::{
        engine::{Answer, Effect, End, Engine, Event, Outcome, Record, Time},
        plan::Plan,
        sight::{Glimpse, Look, Printed},
        target::{Holder, Request, Said, parse},
    },
    simulate::{Simulation, act::Script, drbd::Data, node::Power},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What a host may print instead of an answer.
pub const GARBAGE: [(i32, &str); 3] = [
    (1, ""),
    (0, "Segmentation fault\n"),
    (0, "Personalities : [raid1]\nunused devices: <none>\n"),
];

/// Keeps what a target looked at behind its commands.
fn remember(console: &mut Console, host: &HostName, request: &Request, said: &[Said], at: UnixMs) {
    let Request::Act { looks, .. } = request else { return };
    console.shown.clear();
    if !said.iter().any(|line| matches!(line, Said::Ran(_))) {
        return;
    }
    let printed = said.iter().filter_map(|line| match line {
        Said::Looked(printed) => Some(printed.clone()),
        _ => None,
    });
    for (argv, printed) in looks.iter().zip(printed) {
        let look = Look::new(host, argv.iter().cloned());
        let answer = Ok(printed);
        console.shown.insert(look, Glimpse { at, answer });
    }
}

/// How long a write of the journal takes on a disk that is slow.
const SLOW_WRITE: Duration = Duration::from_secs(15);

/// A script on its way to a target, or held up there.
pub struct Sent {
    pub host: HostName,
    pub script: Script,
    pub holder: Option<Holder>,
    pub objects: Vec<String>,
    /// Goes on at this turn.
    pub due: usize,
    /// Boots of the host when it was sent: a reboot ends it.
    boots: u32,
}

/// A console with a run.
pub struct Console {
    pub run: String,
    pub plan: Plan,
    pub engine: Engine,
    pub effect: Effect,
    /// How far its clock is from the true one, milliseconds.
    pub offset_ms: i64,
    /// Whether its disk takes nothing.
    pub disk_full: bool,
    /// What it types when it is asked; else what is asked for.
    pub types: Option<&'static str>,
    /// What it was shown last, by look, with the true time.
    pub shown: BTreeMap<Look, Glimpse>,
    /// When its engine said what to do next, by the true time: another operator's turn may come in between.
    pub since: UnixMs,
}

impl Console {
    pub fn end(&self) -> Option<&End> {
        self.engine.end()
    }
}

/// Everything that happens in a case.
pub struct Stage {
    pub scene: Scene,
    pub hand: Hand,
    pub sim: Simulation,
    pub journals: BTreeMap<String, Vec<Record>>,
    pub sent: Vec<Sent>,
    /// Hosts that consoles cannot reach, until which turn.
    pub cut: BTreeMap<String, usize>,
    /// Hosts that hang, until which turn, and before which line of a script: `begin` for everything, `run` for the
    /// commands of steps alone.
    pub hangs: BTreeMap<String, (usize, &'static str)>,
    /// Hosts whose looks print garbage, until which turn, and which.
    pub garbage: BTreeMap<String, (usize, usize)>,
    /// Whether the sides of the slice were ever apart by a fault.
    pub apart: bool,
    pub turn: usize,
    /// Hosts that a fault has taken down or changed behind the engine's back.
    pub disturbed: BTreeSet<String>,
    /// What happened, for a failure's message.
    pub told: Vec<String>,
    /// Slices that clients were let in to at the side that takes them over.
    pub serving: BTreeSet<&'static str>,
    /// Since when a resync overwrites the good data, by a fault.
    pub wrong_way: Option<UnixMs>,
    /// A line of the scripts that is left out, as if the targets did not know it.
    pub without: Option<&'static str>,
    /// Times that a step was seen to be undone by something else just before it was sent again: by run, step and way.
    pub undone: BTreeMap<(String, usize, bool), usize>,
    /// Runs that have called a management controller.
    pub called: BTreeSet<String>,
    /// What ends by itself, and at which turn.
    pub passing: Vec<(usize, Passing)>,
}

impl Stage {
    pub fn new(scene: Scene) -> Self {
        let hand = Hand::default();
        let sim = scene::fresh(scene, &hand);
        sim.world().fleet(|island| {
            for at in 0..2 {
                // Somebody else's claim on something else.
                island.nodes[at]
                    .store
                    .take("slice-other", 5, "run-other", "somebody@else");
            }
        });
        Self {
            scene,
            hand,
            sim,
            journals: BTreeMap::new(),
            sent: Vec::new(),
            cut: BTreeMap::new(),
            hangs: if scene.is_half_dead() {
                BTreeMap::from([("stor1".to_owned(), (usize::MAX, "begin"))])
            } else {
                BTreeMap::new()
            },
            garbage: BTreeMap::new(),
            apart: false,
            turn: 0,
            // Both of them served something else as well.
            disturbed: if scene.is_restored() {
                scene.fences().iter().map(|(host, _)| (*host).to_owned()).collect()
            } else {
                BTreeSet::new()
            },
            told: Vec::new(),
            serving: BTreeSet::new(),
            wrong_way: None,
            without: None,
            undone: BTreeMap::new(),
            called: BTreeSet::new(),
            passing: Vec::new(),
        }
    }

    pub fn console(&self, run: &str, plan: Plan) -> Console {
        invariants::no_secret(&pointsman::runbook::planner::show::text(&plan));
        invariants::no_secret(&pointsman::runbook::planner::show::json(&plan).to_string());
        let now = self.hand.now();
        let mut engine = Engine::new(plan.clone(), run.to_owned(), format!("op@{run}"), now);
        let effect = engine.advance(Event::Begun, self.time(now));
        Console {
            run: run.to_owned(),
            plan,
            engine,
            effect,
            offset_ms: 0,
            disk_full: false,
            types: None,
            shown: BTreeMap::new(),
            since: now,
        }
    }

    /// Another console goes on with a run, by its journal alone.
    pub fn resume(&mut self, console: &mut Console, back: Option<&str>) {
        let now = self.now(console);
        let journal = self.journals.entry(console.run.clone()).or_default();
        let mut engine = Engine::resume(
            console.plan.clone(),
            console.run.clone(),
            "op@another".to_owned(),
            journal,
            back.map(str::to_owned),
            now,
        );
        journal.push(Record::Resumed {
            by: "op@another".into(),
        });
        self.told
            .push(format!("resumed{}", if back.is_some() { ", back" } else { "" }));
        console.effect = engine.advance(Event::Begun, self.time(now));
        console.engine = engine;
        console.shown.clear();
        console.since = self.hand.now();
    }

    /// The true time, by a clock that no fault sets, beside the console's own.
    pub fn time(&self, clock: UnixMs) -> Time {
        Time {
            clock,
            passed: Duration::from_millis(self.hand.now().0),
        }
    }

    pub fn now(&self, console: &Console) -> UnixMs {
        UnixMs(self.hand.now().0.saturating_add_signed(console.offset_ms))
    }

    /// Does what a console's engine wants, with that fate of a call, and tells it. `false` when it is over.
    pub fn turn(&mut self, console: &mut Console, fate: Fate) -> bool {
        let Some(event) = self.perform(console, fate) else {
            return false;
        };
        self.tell(console, event);
        true
    }

    pub fn tell(&mut self, console: &mut Console, event: Event) {
        let now = self.now(console);
        console.effect = console.engine.advance(event, self.time(now));
        console.since = self.hand.now();
    }

    /// Does what a console's engine wants: what came of it.
    pub fn perform(&mut self, console: &mut Console, fate: Fate) -> Option<Event> {
        self.turn += 1;
        self.pass(self.turn);
        let effect = console.effect.clone();
        self.told
            .push(format!("{} {}: {} {fate:?}", self.turn, console.run, shown(&effect)));
        let event = match effect {
            Effect::Finish(_) => return None,
            Effect::Look(looks) => {
                let at = self.now(console);
                let truly = self.hand.now();
                self.hand.forward(Duration::from_millis(20));
                let seen: Vec<_> = looks.into_iter().map(|look| self.look(look, at, fate)).collect();
                for (look, glimpse) in &seen {
                    let answer = glimpse.answer.clone();
                    console.shown.insert(look.clone(), Glimpse { at: truly, answer });
                }
                Event::Seen(seen)
            }
            Effect::Call {
                host,
                request,
                deadline,
            } => Event::Answered(self.call(console, &host, &request, deadline, fate)),
            Effect::Local { argv, .. } => {
                invariants::intended(self, &console.run, None);
                self.hand.forward(Duration::from_millis(300));
                let (exit, text) = if matches!(fate, Fate::NotSent | Fate::LostUndone) {
                    (1, String::new())
                } else {
                    self.called.insert(console.run.clone());
                    scene::local(&self.sim, &argv)
                };
                Event::Ran(match fate {
                    Fate::Usual => Ok(Printed { exit, text }),
                    _ => Err("it did not end in time".into()),
                })
            }
            Effect::Nudge { hosts, argv, .. } => {
                invariants::intended(self, &console.run, None);
                self.hand.forward(Duration::from_millis(50));
                Event::Nudged(hosts.into_iter().map(|host| self.nudge(host, &argv, fate)).collect())
            }
            Effect::Ask(question) => {
                self.hand.forward(Duration::from_secs(5));
                Event::Replied {
                    by: "op".into(),
                    word: console.types.map_or(question.word, str::to_owned),
                }
            }
            Effect::Write(record) => {
                let slow = self.passing.iter().any(|(_, what)| *what == Passing::SlowDisk);
                self.hand
                    .forward(if slow { SLOW_WRITE } else { Duration::from_millis(2) });
                invariants::no_secret(&serde_json::to_string(&record).unwrap());
                invariants::proven(self, console, &record);
                Event::Written(if console.disk_full {
                    Err("No space left on device".into())
                } else {
                    self.journals.entry(console.run.clone()).or_default().push(record);
                    Ok(())
                })
            }
            Effect::Wait(time) => {
                invariants::says_why_it_waits(console);
                self.hand.forward(time);
                Event::Woken
            }
        };
        self.later();
        self.partition();
        invariants::check(self);
        self.serving = invariants::serving(self);
        Some(event)
    }

    fn unreachable(&self, host: &str) -> bool {
        self.is_cut(host) || self.power(host) != Power::Up
    }

    fn is_cut(&self, host: &str) -> bool {
        self.cut.get(host).is_some_and(|until| self.turn < *until)
    }

    pub fn power(&self, host: &str) -> Power {
        self.sim
            .world()
            .with(host, |island, at| island.nodes[at].power)
            .unwrap()
    }

    pub fn boots(&self, host: &str) -> u32 {
        self.sim
            .world()
            .with(host, |island, at| island.nodes[at].boots)
            .unwrap()
    }

    fn look(&self, look: Look, at: UnixMs, fate: Fate) -> (Look, Glimpse) {
        let gone = !look.local && self.unreachable(look.host.as_str());
        let hangs = !look.local && self.hang(look.host.as_str()).is_some_and(|(_, at)| at == "begin");
        let glimpse = if let Some(printed) = self.rubbish(look.host.as_str()).filter(|_| !gone && !look.local) {
            Glimpse {
                at,
                answer: Ok(printed),
            }
        } else if gone || hangs || fate != Fate::Usual {
            Glimpse {
                at,
                answer: Err(Why::Hung("no answer".into())),
            }
        } else {
            scene::look(&self.sim, &look, at)
        };
        (look, glimpse)
    }

    /// What a harmless command prints on a client; it may have run although nobody hears of it.
    fn nudge(&self, host: HostName, argv: &[String], fate: Fate) -> (HostName, Result<Printed, String>) {
        let reached = !self.unreachable(host.as_str()) && !matches!(fate, Fate::NotSent | Fate::LostUndone);
        let script = Request::Nudge(argv.to_vec()).script().unwrap();
        let answer = reached.then(|| self.sim.world().act(host.as_str(), &script)).flatten();
        let said = answer.filter(|_| fate == Fate::Usual).and_then(|answer| parse(&answer));
        let printed = match said.and_then(|said| said.into_iter().next()) {
            Some(Said::Ran(printed)) => Ok(printed),
            _ => Err("no answer".into()),
        };
        (host, printed)
    }

    /// Whether a host hangs now: until when, and before which line.
    fn hang(&self, host: &str) -> Option<(usize, &'static str)> {
        self.hangs.get(host).copied().filter(|(until, _)| self.turn < *until)
    }

    /// What a host prints instead of an answer.
    fn rubbish(&self, host: &str) -> Option<Printed> {
        let (_, kind) = self.garbage.get(host).filter(|(until, _)| self.turn < *until)?;
        let (exit, text) = GARBAGE[*kind];
        Some(Printed {
            exit,
            text: text.to_owned(),
        })
    }

    fn call(
        &mut self,
        console: &mut Console,
        host: &HostName,
        request: &Request,
        deadline: Duration,
        fate: Fate,
    ) -> Answer {
        let frozen = self.power(host.as_str()) == Power::Frozen && !self.is_cut(host.as_str());
        if !frozen && (self.unreachable(host.as_str()) || fate == Fate::NotSent) {
            self.hand.forward(Duration::from_secs(3));
            return Answer::NotSent("no route to host".into());
        }
        if let Request::Act { key, .. } = request {
            invariants::intended(self, &console.run, Some(key));
            let (at, back) = step_of(key);
            if invariants::was_seen_undone(self, console, host, at, back) {
                *self.undone.entry((console.run.clone(), at, back)).or_default() += 1;
            }
        }
        invariants::identified(self, console, host, request);
        invariants::informed(self, console, request, deadline);
        let holder = match request {
            Request::Act { holder, .. } => Some(holder.clone()),
            _ => None,
        };
        let objects = match request {
            Request::Act { objects, .. } => objects.clone(),
            _ => Vec::new(),
        };
        let lines = request.lines().unwrap();
        let lines: String = lines
            .split_inclusive('\n')
            .filter(|line| self.without.is_none_or(|verb| line.split(' ').next() != Some(verb)))
            .collect();
        let again = Script::new(&lines);
        let mut sent = Sent {
            host: host.clone(),
            script: Script::new(&lines),
            holder: holder.clone(),
            objects: objects.clone(),
            due: self.turn,
            boots: self.boots(host.as_str()),
        };
        let truly = self.hand.now();
        self.hand.forward(Duration::from_millis(50));
        let lost = Answer::Lost("the connection was lost".into());
        if frozen {
            // The connection is there; what was sent is read when the host goes on.
            self.sent.push(sent);
            self.hand.forward(deadline);
            return lost;
        }
        if let Some((until, at)) = self.hang(host.as_str())
            && (at == "begin" || matches!(request, Request::Act { .. }))
        {
            self.run(&mut sent, Some(at));
            sent.due = until;
            self.sent.push(sent);
            self.hand.forward(deadline);
            return lost;
        }
        match fate {
            Fate::Usual | Fate::LostDone | Fate::Twice(_) => {
                self.run(&mut sent, None);
                let said = parse(&sent.script.answer());
                if let Fate::Twice(turns) = fate {
                    self.sent.push(Sent {
                        script: again,
                        host: host.clone(),
                        holder,
                        objects,
                        due: self.turn + turns,
                        boots: self.boots(host.as_str()),
                    });
                }
                match (fate, said) {
                    (Fate::Usual | Fate::Twice(_), Some(said)) => {
                        let said = self.blurred(host, said);
                        remember(console, host, request, &said, truly);
                        return Answer::Said(said);
                    }
                    (Fate::Usual, None) => return Answer::Lost("the answer was cut short".into()),
                    _ => {}
                }
            }
            Fate::LostUndone | Fate::NotSent => {}
            Fate::Later(turns) => {
                sent.due += turns;
                self.sent.push(sent);
            }
            Fate::SlowStart(turns) => {
                self.run(&mut sent, Some("run"));
                sent.due += turns;
                self.sent.push(sent);
            }
            Fate::SlowEnd(turns) => {
                self.run(&mut sent, Some("finish"));
                sent.due += turns;
                self.sent.push(sent);
            }
        }
        self.hand.forward(deadline);
        lost
    }

    /// An answer whose looks are garbage, where the host prints such.
    fn blurred(&self, host: &HostName, mut said: Vec<Said>) -> Vec<Said> {
        if let Some(rubbish) = self.rubbish(host.as_str()) {
            for line in &mut said {
                if let Said::Looked(printed) = line {
                    *printed = rubbish.clone();
                }
            }
        }
        said
    }

    /// Runs a script, up to a line where that is given.
    fn run(&self, sent: &mut Sent, until: Option<&str>) {
        let world = self.sim.world();
        world.with(sent.host.as_str(), |island, at| {
            if island.nodes[at].power != Power::Up || island.nodes[at].boots != sent.boots {
                return;
            }
            loop {
                let verb = sent.script.next_verb();
                if verb.is_none() || until.is_some_and(|until| verb == Some(until)) {
                    break;
                }
                if verb == Some("run") {
                    let holder = sent.holder.as_ref().expect("only a step runs commands");
                    for object in &sent.objects {
                        let claim = island.nodes[at].store.claim(object);
                        assert!(
                            claim.token == holder.token && claim.run == holder.run,
                            "a command of an older token takes effect: {} of {}, now {claim:?}",
                            holder.token,
                            holder.run
                        );
                    }
                }
                sent.script.step(island, at);
            }
        });
    }

    /// What is late arrives.
    fn later(&mut self) {
        let turn = self.turn;
        let (due, rest) = std::mem::take(&mut self.sent)
            .into_iter()
            .partition(|sent: &Sent| sent.due <= turn && self.power(sent.host.as_str()) != Power::Frozen);
        self.sent = rest;
        for mut sent in due {
            self.told.push(format!("{turn} what was sent to {} goes on", sent.host));
            self.run(&mut sent, None);
        }
    }

    /// Everything is mended; what is late arrives.
    pub fn heal(&mut self) {
        self.told.push("healed".into());
        self.pass(usize::MAX);
        self.cut.clear();
        self.hangs.clear();
        self.garbage.clear();
        for sent in &mut self.sent {
            sent.due = 0;
        }
        self.later();
        let wrong_way = self.wrong_way.take().is_some();
        let scene = self.scene;
        // A server that was switched off, and that somebody has switched on again, is off again.
        let done = |at: usize| {
            let mut records = self.journals.values().flatten();
            records.any(|record| {
                matches!(record, Record::Outcome { step, back: false, outcome: Outcome::Done | Outcome::AlreadySo, .. } if *step == at)
            })
        };
        let fenced = scene.fences().iter().filter(|(_, step)| done(*step));
        let fenced: Vec<&str> = fenced.map(|(host, _)| *host).collect();
        self.sim.world().fleet(|island| {
            for node in &mut island.nodes {
                node.store.full = false;
                node.store.read_only = false;
                node.store.next = None;
                node.opened_until_ms = 0;
            }
            for replica in &mut island.replicas {
                replica.cut = false;
            }
            if wrong_way {
                // Somebody has looked which data is the good one, and has put it back.
                let good = usize::from(scene.sides().0 == "stor2");
                island.replicas[0].sides[good].data = Data::UpToDate;
                island.replicas[0].sides[1 - good].data = Data::Inconsistent;
                for side in &mut island.replicas[0].sides {
                    side.dirty_kib = 4.0;
                }
            }
            for host in fenced {
                let off = island.node(host).unwrap();
                island.power_off(off);
            }
            island.settle();
        });
        self.hand.forward(Duration::from_secs(30));
        invariants::check(self);
    }
}

/// The step that a receipt's key is about, and whether it is taken back.
pub fn step_of(key: &str) -> (usize, bool) {
    let mut words = key.rsplit('-').skip(1);
    let at = words.next().unwrap().parse().unwrap();
    (at, words.next() == Some("back"))
}

/// An effect in a word or two.
pub fn shown(effect: &Effect) -> String {
    match effect {
        Effect::Look(looks) => format!("look {}", looks.len()),
        Effect::Call { host, request, .. } => match request {
            Request::Act { key, holder, .. } => format!("act on {host} {key} token {}", holder.token),
            Request::Claim { holder, .. } => format!("claim on {host} token {}", holder.token),
            Request::Tokens(_) => format!("tokens of {host}"),
            Request::Release { .. } => format!("release on {host}"),
            Request::Receipt { key, .. } => format!("receipt on {host} {key}"),
            Request::Look(_) => format!("look on {host}"),
            Request::Nudge(_) => format!("nudge {host}"),
        },
        Effect::Nudge { hosts, argv, .. } => format!("nudge {hosts:?} {argv:?}"),
        Effect::Local { argv, .. } => format!("local {argv:?}"),
        Effect::Ask(_) => "ask".into(),
        Effect::Write(Record::Intent {
            step, back, attempt, ..
        }) => format!("write intent {step} {back} {attempt}"),
        Effect::Write(Record::Outcome {
            step, back, outcome, ..
        }) => format!("write outcome {step} {back} {outcome:?}"),
        Effect::Write(record) => format!("write {record:?}"),
        Effect::Wait(time) => format!("wait {time:?}"),
        Effect::Finish(end) => format!("finish {end:?}"),
    }
}
