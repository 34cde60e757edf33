//! Runs: the one that this process drives, and those that the journal knows.

use super::{Works, offers::Asked};
use crate::{
    conduct::{Progress, end_words, left_words},
    console::{
        input::LineEdit,
        keymap::Action,
        layer::Layer,
        model::{Model, Page},
        update::Effect,
    },
    facts::{CleanText, UnixMs},
    runbook::{
        check::Refusal,
        engine::End,
        plan::{Plan, Rule},
    },
    store::{Run, Standing},
    verdict::Severity,
};
use std::sync::Arc;

/// Parameters that name what a run is about, the most telling first; runbooks of one's own call theirs by these as well,
/// or have none that is known here.
const SUBJECTS: [&str; 8] = [
    "slice", "server", "database", "host", "of", "segment", "hosts", "slices",
];

/// A run of the journal, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLine {
    /// Its name.
    pub id: String,
    /// The runbook and what it is about: `slice-move slice-a`.
    pub what: String,
    /// The name that has to be typed to go on with it or to take it back.
    pub word: String,
    /// `user@console`.
    pub owner: String,
    /// When it began.
    pub began: UnixMs,
    /// When it last came to an end.
    pub ended: Option<UnixMs>,
    /// How it ended.
    pub end: Option<End>,
    /// Whether it is over, or who drives it.
    pub standing: Standing,
    /// Whether anything was sent to a target.
    pub begun: bool,
    /// Whether somebody wanted it taken back and had no answer: whoever goes on with it does that.
    pub cancelled: bool,
    /// What it claims on its targets, beside the machines; nothing once it is known to have given it back.
    pub claims: Vec<String>,
}

impl RunLine {
    /// From the journal.
    #[must_use]
    pub fn new(run: Run) -> Self {
        let plan: serde_json::Value = serde_json::from_str(&run.new.plan).unwrap_or_default();
        let named = |name: &str| {
            plan["parameters"][name]
                .as_str()
                .map(|text| CleanText::new(text.trim()).to_string())
                .filter(|text| !text.is_empty())
        };
        let subject = SUBJECTS.into_iter().find_map(named);
        let word = subject.unwrap_or_else(|| run.new.id.clone());
        Self {
            what: format!("{} {word}", CleanText::new(&run.new.runbook)),
            claims: if run.standing == Standing::Over && !run.is_claiming() {
                Vec::new()
            } else {
                let claims = plan["claims"].as_array().into_iter().flatten();
                claims.filter_map(|claim| claim.as_str().map(str::to_owned)).collect()
            },
            id: run.new.id,
            word,
            owner: CleanText::new(&run.new.owner).to_string(),
            began: run.began,
            ended: run.ended,
            end: run.end,
            standing: run.standing,
            begun: run.begun,
            cancelled: run.cancelled.is_some(),
        }
    }

    /// Whether something is left to do about it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.standing != Standing::Over
    }

    /// How it stands: severity and words.
    #[must_use]
    pub fn stands(&self) -> (Severity, String) {
        match (&self.standing, &self.end) {
            (Standing::Driven(by), _) => (Severity::Notice, format!("under way: {}", CleanText::new(by))),
            (_, Some(end)) => (severity(end), end_words(end)),
            (Standing::Waiting, None) if self.cancelled => {
                let text = format!("{}, cancelled: going on takes it back", left_words(self.begun));
                (Severity::Critical, text)
            }
            (Standing::Waiting, None) if !self.begun => (Severity::Warning, left_words(false).to_owned()),
            (Standing::Waiting, None) => (Severity::Critical, left_words(true).to_owned()),
            (Standing::Over, None) => (Severity::Ok, "over".to_owned()),
        }
    }
}

/// How bad an end is.
#[must_use]
pub const fn severity(end: &End) -> Severity {
    match end {
        End::Done => Severity::Ok,
        End::Refused { .. } | End::Held { .. } => Severity::Notice,
        End::Compensated { .. } => Severity::Warning,
        End::Parked { .. } | End::Lost => Severity::Critical,
    }
}

/// What a typed name is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// To take back the run under way.
    Cancel,
    /// To answer its question.
    Answer,
    /// To go on with a run that was left, with what was named anew for what it cannot take back.
    GoOn(String, Vec<(Rule, String)>),
    /// To take back a run that was left, or that another process drives.
    TakeBack(String),
}

/// A question before something is done; it is done only behind a name typed in full.
#[derive(Debug, Clone)]
pub struct Confirm {
    /// What is asked for.
    pub what: What,
    /// The heading.
    pub title: String,
    /// What it means.
    pub text: String,
    /// The name.
    pub word: String,
    /// What is typed.
    pub line: LineEdit,
}

/// What a person wants of the run under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Steer {
    /// To stop before the next change.
    Pause,
    /// To go on.
    Resume,
    /// To take back what was done.
    Cancel,
    /// To answer its question.
    Answer(String),
}

/// A run that is about to be under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Starting {
    /// A new one; what was asked for.
    New(Asked),
    /// One that was left: its name, and what was named anew.
    GoOn(String, Vec<(Rule, String)>),
    /// One that was left, which is taken back.
    TakeBack(String),
}

/// What is known of runs.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    /// The run that this process drives or drove last.
    pub own: Option<Arc<Progress>>,
    /// The name that speaks for it.
    pub word: String,
    /// A run that is about to begin, or to be gone on with.
    pub starting: Option<Starting>,
    /// Those of the journal: open ones first, then the newest.
    pub lines: Vec<RunLine>,
    /// Why the journal cannot be read.
    pub trouble: Option<String>,
    /// Whether the journal was read at all.
    pub read: bool,
    /// The selected one.
    pub at: usize,
    /// Whether the page was just opened: the first line is selected then, whichever it is.
    pub anew: bool,
    /// The report that was read last: the run, and the text or why there is none.
    pub report: Option<(String, Result<String, String>)>,
}

impl Runs {
    /// The run of this process while it is under way.
    #[must_use]
    pub fn under_way(&self) -> Option<&Progress> {
        let own = self.own.as_deref()?;
        (own.end.is_none() && !own.left).then_some(own)
    }

    /// Runs that nobody drives and that are not over.
    pub fn waiting(&self) -> impl Iterator<Item = &RunLine> {
        self.lines.iter().filter(|line| line.standing == Standing::Waiting)
    }

    /// Runs whose process has ended and that may still hold something of a plan.
    pub fn holders<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = &'a RunLine> {
        let dead = |line: &&RunLine| !matches!(line.standing, Standing::Driven(_));
        let shared = |line: &&RunLine| line.claims.iter().any(|claim| plan.objects.contains(claim));
        self.lines.iter().filter(dead).filter(shared)
    }

    /// The selected run.
    #[must_use]
    pub fn line(&self) -> Option<&RunLine> {
        self.lines.get(self.at)
    }

    /// Takes the journal's runs; the selection follows its run.
    pub fn take(&mut self, result: Result<Vec<RunLine>, String>) {
        self.read = true;
        match result {
            Ok(mut lines) => {
                lines.sort_by_key(|line| !line.is_open());
                let selected = self.line().map(|line| line.id.clone());
                self.lines = lines;
                self.trouble = None;
                let found = selected.and_then(|id| self.lines.iter().position(|line| line.id == id));
                let last = self.lines.len().saturating_sub(1);
                self.at = match found {
                    _ if std::mem::take(&mut self.anew) => 0,
                    found => found.unwrap_or(self.at).min(last),
                };
            }
            Err(why) => self.trouble = Some(why),
        }
    }
}

/// What the banner says of runs, on every page but their own.
#[must_use]
pub fn banner(model: &Model) -> Option<String> {
    let runs = &model.works.as_ref()?.runs;
    if let Some(own) = runs.under_way().filter(|_| model.page != Page::Run) {
        let what = format!("{} {}", own.runbook, runs.word);
        return Some(match (&own.question, own.paused) {
            (Some(_), _) => format!(" RUN {what} WAITS FOR YOUR ANSWER: 8 shows it "),
            (None, true) => format!(" RUN {what} PAUSED: 8 shows it "),
            (None, false) => format!(" RUN {what} UNDER WAY: {} · 8 shows it ", own.stage),
        });
    }
    if model.page == Page::Runs || model.page == Page::Run {
        return None;
    }
    let waiting: Vec<&str> = runs.waiting().map(|line| line.what.as_str()).collect();
    match waiting.as_slice() {
        [] => None,
        [one] => Some(format!(" UNFINISHED RUN {one}: 8 shows what to do ")),
        more => Some(format!(
            " {} UNFINISHED RUNS ({}): 8 shows what to do ",
            more.len(),
            more.join(", ")
        )),
    }
}

/// Opens the run under way, or the list of runs.
pub(in crate::console) fn open(model: &mut Model) -> Vec<Effect> {
    let Some(works) = &model.works else {
        return Vec::new();
    };
    if model.page != Page::Run && (works.runs.under_way().is_some() || works.runs.starting.is_some()) {
        model.go(Page::Run);
        return Vec::new();
    }
    if model.page != Page::Runs
        && let Some(works) = &mut model.works
    {
        works.runs.anew = true;
    }
    model.go(Page::Runs);
    vec![Effect::ReadRuns]
}

/// Notes that a run is about to begin, and shows its page.
pub(super) fn starts(model: &mut Model, starting: Starting, word: String) {
    if let Some(works) = &mut model.works {
        works.runs.starting = Some(starting);
        works.runs.own = None;
        works.runs.word = word;
    }
    model.go(Page::Run);
}

/// Takes that a run has begun, or why not.
pub(in crate::console) fn began(model: &mut Model, result: Result<(), Vec<Refusal>>) -> Vec<Effect> {
    let Some(works) = &mut model.works else {
        return Vec::new();
    };
    let starting = works.runs.starting.take();
    let own = works.runs.word.clone();
    if let Err(refusals) = result {
        if model.page == Page::Run && !model.go_back() {
            model.go(Page::Runs);
        }
        let title = match starting {
            Some(Starting::New(asked)) => {
                super::show_refused(model, asked, refusals);
                return vec![Effect::ReadRuns];
            }
            Some(Starting::GoOn(run, named)) => {
                if name_again(model, &run, &named, &refusals, &own) {
                    return vec![Effect::ReadRuns];
                }
                "the run is not gone on with"
            }
            Some(Starting::TakeBack(_)) => "the run is not taken back",
            None => "the run has not begun",
        };
        let text: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        model.layers.push(Layer::Message {
            title: title.to_owned(),
            text: text.join(" "),
            scroll: 0,
        });
    }
    vec![Effect::ReadRuns]
}

/// Asks for the first name that is still missing for what a run cannot take back, typed as on the command line; `false`
/// when it is not gone on with for another reason.
fn name_again(model: &mut Model, run: &str, named: &[(Rule, String)], refusals: &[Refusal], own: &str) -> bool {
    let Some((flag, rule, thing)) = super::offered(refusals).into_iter().next() else {
        return false;
    };
    let facts: Vec<&str> = refusals.iter().map(|refusal| refusal.fact.as_str()).collect();
    let text = format!(
        "Run {run} of {own}: {}. It is done only if it is named again.",
        facts.join("; ")
    );
    let mut named = named.to_vec();
    named.push((rule, thing));
    let title = format!("consent again: {}", flag.split('=').next().unwrap_or_default());
    confirm(model, What::GoOn(run.to_owned(), named), title, text, flag);
    true
}

/// Takes how far the run of this process is.
pub(in crate::console) fn progressed(model: &mut Model, progress: Arc<Progress>) -> Vec<Effect> {
    let Some(works) = &mut model.works else {
        return Vec::new();
    };
    let runs = &mut works.runs;
    runs.starting = None;
    let over = progress.end.is_some() || progress.left;
    let news = over && runs.under_way().is_some();
    runs.own = Some(progress);
    // A question that is no longer open takes its line away; so does the end.
    let open = runs.under_way().is_some_and(|own| own.question.is_some());
    model.layers.retain(|layer| match layer {
        Layer::Confirm(confirm) => match confirm.what {
            What::Answer => open,
            What::Cancel => !over,
            What::GoOn(..) | What::TakeBack(_) => true,
        },
        Layer::Leave => !over,
        _ => true,
    });
    if news { vec![Effect::ReadRuns] } else { Vec::new() }
}

fn confirm(model: &mut Model, what: What, title: String, text: String, word: String) {
    let line = LineEdit::default();
    model.layers.push(Layer::Confirm(Box::new(Confirm {
        what,
        title,
        text,
        word,
        line,
    })));
}

/// A key that is about a run: pause, cancel, go on.
pub(in crate::console) fn run_action(model: &mut Model, action: Action) -> Vec<Effect> {
    let Some(works) = &model.works else {
        return Vec::new();
    };
    match (&model.page, action) {
        (Page::Run, Action::Pause | Action::CancelRun) => match works.runs.under_way() {
            None => model.set_note(Severity::Ok, "no run is under way here"),
            Some(own) if action == Action::Pause => {
                let (steer, note) = if own.paused {
                    (Steer::Resume, "it goes on")
                } else {
                    (Steer::Pause, "it stops before the next change")
                };
                model.set_note(Severity::Ok, note);
                return vec![Effect::Steer(steer)];
            }
            Some(own) => {
                let title = format!("take back {}", own.runbook);
                let text = "What was done is taken back, step by step, each with its proof; a step that cannot be taken \
                            back stays. The run then ends as taken back, or parks and says what to do.";
                let word = works.runs.word.clone();
                confirm(model, What::Cancel, title, text.to_owned(), word);
            }
        },
        (Page::Runs | Page::Report(_), Action::GoOn | Action::CancelRun) => return old_run(model, action),
        (_, Action::GoOn) => model.set_note(Severity::Ok, "c goes on with an unfinished run of the list: 8"),
        _ => model.set_note(Severity::Ok, "this key is for the page of a run: 8"),
    }
    Vec::new()
}

/// Going on with, or taking back, a run of the journal.
fn old_run(model: &mut Model, action: Action) -> Vec<Effect> {
    let Some(works) = &model.works else {
        return Vec::new();
    };
    let line = match &model.page {
        Page::Report(id) => works.runs.lines.iter().find(|line| line.id == *id),
        _ => works.runs.line(),
    };
    let Some(line) = line.cloned() else {
        model.set_note(Severity::Ok, "there is no run");
        return Vec::new();
    };
    let own = works.runs.under_way().is_some_and(|own| own.run == line.id);
    let busy = works.runs.under_way().is_some() || works.runs.starting.is_some();
    match (&line.standing, action) {
        (Standing::Over, _) => model.set_note(Severity::Ok, "this run is over"),
        _ if own => model.go(Page::Run),
        (Standing::Driven(by), Action::GoOn) => {
            let text = format!("this run is under way: {}", CleanText::new(by));
            model.set_note(Severity::Warning, text);
        }
        _ if busy => model.set_note(Severity::Warning, "one run at a time: another is under way here"),
        (_, Action::GoOn) => {
            let text = format!(
                "Run {}: {}. What became of its last step is found out first; then {}, and its page shows every step.",
                line.id,
                line.stands().1,
                if line.cancelled {
                    "what it has done is taken back, for that was wanted"
                } else {
                    "it goes on by the plan that was consented to"
                }
            );
            let title = format!("go on with {}", line.what);
            confirm(model, What::GoOn(line.id, Vec::new()), title, text, line.word);
        }
        (standing, _) => {
            let who = match standing {
                Standing::Driven(by) => {
                    format!("It is driven by {}, which is told to take it back.", CleanText::new(by))
                }
                _ => "What it has done is taken back, step by step, each with its proof.".to_owned(),
            };
            let text = format!("Run {}: {}. {who}", line.id, line.stands().1);
            let title = format!("take back {}", line.what);
            confirm(model, What::TakeBack(line.id), title, text, line.word);
        }
    }
    Vec::new()
}

/// Opens the line for the answer to the question of the run under way.
pub(super) fn open_question(model: &mut Model) {
    let own = model.works.as_ref().and_then(|works| works.runs.under_way());
    let Some(question) = own.and_then(|own| own.question.clone()) else {
        return model.set_note(Severity::Ok, "nothing is asked");
    };
    let text = format!(
        "{} Yes is the word {}; no is the word no, and takes the run back.",
        question.text, question.word
    );
    confirm(model, What::Answer, "the run asks".to_owned(), text, question.word);
}

/// Enter behind a typed name.
pub(super) fn confirmed(model: &mut Model) -> Vec<Effect> {
    let Some(Layer::Confirm(confirm)) = model.layers.last() else {
        return Vec::new();
    };
    let typed = confirm.line.text();
    let typed = typed.trim();
    let no = confirm.what == What::Answer && typed == "no";
    if typed != confirm.word.trim() && !no {
        let text = format!("nothing happens: type {} in full, then Enter; Esc leaves", confirm.word);
        model.set_note(Severity::Warning, text);
        return Vec::new();
    }
    let (what, word, typed) = (confirm.what.clone(), confirm.word.clone(), typed.to_owned());
    model.layers.pop();
    model.drop_note();
    match what {
        What::Cancel => {
            model.set_note(Severity::Ok, "it is taken back from the next step on");
            vec![Effect::Steer(Steer::Cancel)]
        }
        What::Answer => vec![Effect::Steer(Steer::Answer(typed))],
        What::GoOn(id, named) => {
            // What is named anew is not the name that speaks for the run.
            let speaks = model.works.as_ref().map(|works| works.runs.word.clone());
            let word = speaks.filter(|_| !named.is_empty()).unwrap_or(word);
            starts(model, Starting::GoOn(id.clone(), named.clone()), word);
            vec![Effect::GoOn(id, named)]
        }
        What::TakeBack(id) => {
            starts(model, Starting::TakeBack(id.clone()), word);
            vec![Effect::TakeBack(id)]
        }
    }
}

/// Whether a run of this process is under way, or about to be.
fn is_driving(model: &Model) -> bool {
    let busy = |works: &Works| works.runs.under_way().is_some() || works.runs.starting.is_some();
    model.works.as_ref().is_some_and(busy)
}

/// Quits; while a run of this process is under way it is asked first, and another key has to say yes.
pub(in crate::console) fn quit(model: &mut Model) -> Vec<Effect> {
    if is_driving(model) {
        model.layers.push(Layer::Leave);
        return Vec::new();
    }
    vec![Effect::Quit]
}

/// The heading of what is said instead of suspending.
const NOT_SUSPENDED: &str = "not suspended: a run is under way";

/// Suspends; not while a run of this process is under way, which would stand still in its middle, clients kept out
/// included.
pub(in crate::console) fn suspend(model: &mut Model) -> Vec<Effect> {
    if !is_driving(model) {
        return vec![Effect::Suspend];
    }
    if !matches!(model.layers.last(), Some(Layer::Message { title, .. }) if title == NOT_SUSPENDED) {
        model.layers.push(Layer::Message {
            title: NOT_SUSPENDED.to_owned(),
            text: "A stopped process drives nothing: the run would stand still where it is, and whoever waits for it with \
                   it, until fg. For a shell beside it open another terminal. On the page of the run (8) p stops it before \
                   its next change, and x takes it back; q asks whether to leave it in its middle. Esc closes this."
                .to_owned(),
            scroll: 0,
        });
    }
    Vec::new()
}

/// A key while it is asked whether to leave.
pub(in crate::console) fn leave_action(model: &mut Model, action: Action) -> Vec<Effect> {
    if action == Action::Leave {
        return vec![Effect::Quit];
    }
    model.layers.pop();
    Vec::new()
}
