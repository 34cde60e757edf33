//! The half of the console that acts: what it holds and what its keys do. It exists only in a process that may act, and
//! is made from that permission alone. Pure, like the rest of the model.

pub mod arrays;
pub mod consent;
pub mod offers;
pub mod parameter;
pub mod runs;

use super::{
    index::Id,
    input::LineEdit,
    keymap::Action,
    layer::Layer,
    model::{Model, Page},
    palette::Palette,
    update::Effect,
    view,
};
use crate::{
    collect::FleetView,
    facts::UnixMs,
    fleet::instead,
    mode::{Mode, ReadWrite},
    remote::quote::quote,
    runbook::{
        check::Refusal,
        definition::{Definition, Parameter, ValueKind},
        plan::{Plan, Rule},
        planner::catalogue::Library,
    },
    verdict::{Severity, SubjectKind},
};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use offers::{Asked, Object, Offer, offers};
use runs::{Runs, Starting};
use std::{collections::BTreeMap, sync::Arc};

/// What only a process that may act holds.
#[derive(Debug, Clone)]
pub struct Works {
    permission: ReadWrite,
    /// The selected runbook of the catalogue.
    pub chosen: usize,
    /// The number of the plan that was asked for last; an answer to an earlier one is late.
    asked: u64,
    /// Runs, now and before.
    pub runs: Runs,
}

impl Works {
    /// Those of a process; none where it may only look.
    #[must_use]
    pub fn of(mode: &Mode) -> Option<Self> {
        match mode {
            Mode::ReadOnly => None,
            Mode::ReadWrite(permission) => Some(Self {
                permission: permission.clone(),
                chosen: 0,
                asked: 0,
                runs: Runs::default(),
            }),
        }
    }

    /// The permission that it rests on.
    #[must_use]
    pub const fn permission(&self) -> &ReadWrite {
        &self.permission
    }
}

/// The runbooks for an object, to choose from.
#[derive(Debug, Clone)]
pub struct Menu {
    /// What it is about.
    pub object: Object,
    /// The runbooks, by the newest view; the mark follows its runbook.
    pub offers: Vec<Offer>,
    /// The marked one.
    pub at: usize,
}

/// A plan: being made, refused, or to be consented to.
#[derive(Debug, Clone)]
pub struct Planning {
    /// Its number.
    pub number: u64,
    /// What was asked for.
    pub asked: Asked,
    /// Whether a run was to begin by it, and did not.
    pub tried: bool,
    /// How far it is.
    pub stage: Stage,
    /// What is typed.
    pub line: LineEdit,
    /// First line shown.
    pub scroll: u16,
}

/// How far a plan is.
#[derive(Debug, Clone)]
pub enum Stage {
    /// Hosts are being looked at.
    Making {
        /// Since when.
        since: UnixMs,
    },
    /// There is none, and why.
    Refused(Vec<Refusal>),
    /// It can be read, and consented to.
    Ready(Box<Plan>),
}

impl Planning {
    /// Rules that the refusals offer to set aside: the words to type, rule and thing.
    #[must_use]
    pub fn glass(&self) -> Vec<(String, Rule, String)> {
        match &self.stage {
            Stage::Refused(refusals) => offered(refusals),
            Stage::Making { .. } | Stage::Ready(_) => Vec::new(),
        }
    }
}

/// Rules that refusals offer to set aside: the words to type, rule and thing.
fn offered(refusals: &[Refusal]) -> Vec<(String, Rule, String)> {
    let mut found = Vec::new();
    for word in refusals.iter().flat_map(|refusal| refusal.lift.split_whitespace()) {
        let flag = word.trim_start_matches("--").trim_end_matches(['.', ',', ';']);
        let Some((name, thing)) = flag.split_once('=').filter(|_| word.starts_with("--")) else {
            continue;
        };
        let rule = match name {
            "force" => Rule::Force,
            "discard" => Rule::Discard,
            "assert-off" => Rule::AssertOff,
            _ => continue,
        };
        if !found.iter().any(|(known, _, _)| known == flag) {
            found.push((flag.to_owned(), rule, thing.to_owned()));
        }
    }
    found
}

/// What can be acted on among what is selected.
fn object(model: &Model) -> Option<Object> {
    match model.selected()? {
        Id::Slice(name) => Some(Object::Slice(name)),
        Id::Host(name) => Some(Object::Host(name)),
        Id::Segment(name) => Some(Object::Segment(name)),
        Id::Topology(name) => Some(Object::Topology(name)),
        Id::Finding(_, subject) if subject.kind == SubjectKind::Topology => {
            let mut topologies = model.live.fleet.topologies.iter();
            let found = topologies.find(|topology| *topology.name.as_str() == *subject.name)?;
            Some(Object::Topology(found.name.clone()))
        }
        Id::Finding(_, subject) if subject.kind == SubjectKind::Slice => {
            let (_, slice) = model.live.fleet.slice(&subject.name)?;
            Some(Object::Slice(slice.name.clone()))
        }
        Id::Finding(_, subject) => subject.host.map(Object::Host),
        _ => None,
    }
}

/// Opens the menu for what is selected.
pub(super) fn open_menu(model: &mut Model) {
    let Some(object) = object(model) else {
        let text = match model.selected() {
            Some(Id::Finding(_, subject)) if subject.kind == SubjectKind::Path => {
                "no runbook mends a path: look at cable, switch port, bond and route between the two"
            }
            _ => "select a slice, a host, a segment or a topology first; 7 lists the runbooks",
        };
        return model.set_note(Severity::Ok, text);
    };
    // By the newest view, whatever picture is frozen on the screen.
    let offers = offers_of(&model.live, &model.library, &object, model.now);
    let at = 0;
    model.layers.push(Layer::Menu(Menu { object, offers, at }));
}

/// The runbooks for an object, those of one's own included.
fn offers_of(view: &FleetView, library: &Library, object: &Object, now: UnixMs) -> Vec<Offer> {
    let mut offers = offers(view, object, now);
    offers.extend(offers::of_own(view, library, object, now));
    offers.sort_by_key(|offer| offer.not_now.is_some());
    offers
}

/// Makes an open menu anew by what is seen now.
pub(super) fn renew_menu(model: &mut Model) {
    let (view, library, now) = (&model.live, &model.library, model.now);
    for layer in &mut model.layers {
        if let Layer::Menu(menu) = layer {
            let marked = menu.offers.get(menu.at).map(|offer| offer.asked.clone());
            menu.offers = offers_of(view, library, &menu.object, now);
            let same = |offer: &Offer| marked.as_ref().is_some_and(|asked| offer.asked.is_for_the_same(asked));
            let found = menu.offers.iter().position(same);
            menu.at = found.unwrap_or(menu.at).min(menu.offers.len().saturating_sub(1));
        }
    }
}

/// A key while the menu is open.
pub(super) fn menu_action(model: &mut Model, action: Action) -> Vec<Effect> {
    let Some(Layer::Menu(menu)) = model.layers.last_mut() else {
        return Vec::new();
    };
    let last = menu.offers.len().saturating_sub(1);
    match action {
        Action::Down => menu.at = (menu.at + 1).min(last),
        Action::Up => menu.at = menu.at.saturating_sub(1),
        Action::Accept => return choose(model),
        _ => {
            model.layers.pop();
        }
    }
    Vec::new()
}

fn choose(model: &mut Model) -> Vec<Effect> {
    let Some(Layer::Menu(menu)) = model.layers.last() else {
        return Vec::new();
    };
    let Some(offer) = menu.offers.get(menu.at).cloned() else {
        return Vec::new();
    };
    if let Some(why) = offer.not_now {
        model.set_note(Severity::Warning, format!("not now: {why}"));
        return Vec::new();
    }
    if is_busy(model) {
        return Vec::new();
    }
    model.layers.pop();
    match more_wanted(model, &offer.asked) {
        Some(line) => {
            ask_for_more(model, &line);
            Vec::new()
        }
        None => ask_for_plan(model, offer.asked),
    }
}

/// Whether a run is under way here; then it is said that no other begins.
fn is_busy(model: &mut Model) -> bool {
    let busy = |works: &Works| works.runs.under_way().is_some() || works.runs.starting.is_some();
    let busy = model.works.as_ref().is_some_and(busy);
    if busy {
        model.set_note(Severity::Warning, "one run at a time: another is under way here (8)");
    }
    busy
}

/// Opens the command line to be completed.
fn ask_for_more(model: &mut Model, line: &str) {
    let palette = Palette::begun(&model.shown, &model.library, line);
    model.layers.push(Layer::Palette(palette));
}

/// Begins a line that plans a runbook: what it has to be told is asked for.
pub(super) fn begin(model: &mut Model, runbook: &str) {
    let Some(definition) = model.library.find(runbook) else {
        return;
    };
    let line = line_for(definition, &BTreeMap::new());
    ask_for_more(model, &line);
}

/// The command line to be completed where a runbook has to be told more than a menu knows.
fn more_wanted(model: &Model, asked: &Asked) -> Option<String> {
    let definition = model.library.find(&asked.runbook)?;
    lacking(definition, &asked.parameters).next()?;
    Some(line_for(definition, &asked.parameters))
}

/// What a runbook has to be told still.
fn lacking<'a>(
    definition: &'a Definition,
    given: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = &'a String> + use<'a> {
    let lacks = |(name, parameter): &(&String, &Parameter)| {
        given.get(*name).map_or(parameter.default.is_none(), String::is_empty)
    };
    definition.parameters.iter().filter(lacks).map(|(name, _)| name)
}

/// The line that plans a runbook with what is given, and with room for what it has to be told still.
fn line_for(definition: &Definition, given: &BTreeMap<String, String>) -> String {
    let known = given.iter().filter(|(_, value)| !value.is_empty());
    // A value that cannot be quoted is one that nobody can have typed.
    let known = known.map(|(name, value)| format!("{name}={}", quote(value).unwrap_or_default()));
    let missing = lacking(definition, given).map(|name| format!("{name}="));
    let words: Vec<String> = known.chain(missing).collect();
    format!("plan {} {}", definition.name, words.join(" "))
}

/// Plans a runbook that was typed with its parameters.
pub(super) fn plan(model: &mut Model, runbook: &str, parameters: BTreeMap<String, String>) -> Vec<Effect> {
    if is_busy(model) {
        return Vec::new();
    }
    let library = Arc::clone(&model.library);
    let Some(definition) = library.find(runbook) else {
        let names = library.all().map(|known| known.name.as_str());
        let hint = instead(runbook, names);
        model.set_note(Severity::Warning, format!("there is no runbook {runbook}: {hint}"));
        return Vec::new();
    };
    // A name without a value is a line that is not complete yet.
    if parameters.values().any(String::is_empty) {
        let line = line_for(definition, &parameters);
        ask_for_more(model, &line);
        return Vec::new();
    }
    // Consent is the name of what it is about, typed again.
    let word = consent::word(definition, &parameters);
    // What the findings say against it is said, however it was asked for.
    let mut of_slice = definition
        .parameters
        .iter()
        .filter(|(_, it)| it.kind == ValueKind::Slice);
    let slice = of_slice.find_map(|(name, _)| parameters.get(name));
    let object = slice
        .map(|slice| Object::Slice(slice.as_str().into()))
        .or_else(|| Some(Object::Host(parameters.get("server")?.as_str().into())));
    let offers = object
        .map(|object| offers_of(&model.live, &library, &object, model.now))
        .unwrap_or_default();
    let same = offers.into_iter().find(|offer| offer.asked.runbook == runbook);
    let asked = Asked {
        runbook: runbook.to_owned(),
        parameters,
        glass: Vec::new(),
        over: Vec::new(),
        alike: same.as_ref().map(|offer| offer.asked.alike.clone()).unwrap_or_default(),
        weak: BTreeMap::new(),
        last: same.and_then(|offer| offer.asked.last),
        word,
    };
    ask_for_plan(model, asked)
}

/// Shows why a run did not begin.
fn show_refused(model: &mut Model, asked: Asked, refusals: Vec<Refusal>) {
    let Some(works) = &mut model.works else {
        return;
    };
    works.asked += 1;
    model.layers.push(Layer::Plan(Box::new(Planning {
        number: works.asked,
        asked,
        tried: true,
        stage: Stage::Refused(refusals),
        line: LineEdit::default(),
        scroll: 0,
    })));
}

/// Asks for a plan, and shows that it is being made.
pub(super) fn ask_for_plan(model: &mut Model, mut asked: Asked) -> Vec<Effect> {
    let since = model.now;
    // However it was asked for: what was watched for minutes is not seen by the looks of a plan.
    asked.weak = offers::weak(&model.live);
    let Some(works) = &mut model.works else {
        return Vec::new();
    };
    works.asked += 1;
    let number = works.asked;
    model.layers.push(Layer::Plan(Box::new(Planning {
        number,
        asked: asked.clone(),
        tried: false,
        stage: Stage::Making { since },
        line: LineEdit::default(),
        scroll: 0,
    })));
    vec![Effect::Plan(number, asked)]
}

/// Takes a plan that was made, or why there is none. One that nobody waits for any more is dropped.
pub(super) fn planned(model: &mut Model, number: u64, result: Result<Box<Plan>, Vec<Refusal>>) {
    let waiting = model.layers.iter_mut().find_map(|layer| match layer {
        Layer::Plan(planning) if planning.number == number => Some(planning),
        _ => None,
    });
    if let Some(planning) = waiting {
        planning.stage = match result {
            Ok(plan) => Stage::Ready(plan),
            Err(refusals) => Stage::Refused(refusals),
        };
    }
}

/// A key while a name can be typed.
pub(super) fn consent_key(model: &mut Model, action: Option<Action>, event: &KeyEvent) -> Vec<Effect> {
    match action {
        Some(Action::Accept) => return accept(model),
        Some(Action::Cancel) => return leave(model),
        Some(action @ (Action::EraseLeft | Action::EraseLine)) => {
            if let Some(line) = line(model) {
                if action == Action::EraseLine {
                    line.clear();
                } else {
                    line.erase_left();
                }
            }
        }
        Some(action) => scroll(model, action),
        None => {
            if let KeyCode::Char(c) = event.code
                && !event.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
                && let Some(line) = line(model)
            {
                line.insert_text(c.encode_utf8(&mut [0; 4]));
            }
        }
    }
    Vec::new()
}

/// The line being typed, if the topmost layer has one.
fn line(model: &mut Model) -> Option<&mut LineEdit> {
    match model.layers.last_mut()? {
        Layer::Plan(planning) => Some(&mut planning.line),
        Layer::Confirm(confirm) => Some(&mut confirm.line),
        _ => None,
    }
}

/// Closes the plan; nothing has been done.
pub(super) fn leave(model: &mut Model) -> Vec<Effect> {
    match model.layers.pop() {
        Some(Layer::Plan(planning)) => {
            let text = match planning.stage {
                Stage::Making { .. } => "the plan is dropped before it was made; nothing has been done",
                Stage::Ready(_) | Stage::Refused(_) => "left; nothing has been done",
            };
            model.set_note(Severity::Ok, text);
            vec![Effect::DropPlan(planning.number)]
        }
        Some(Layer::Confirm(_)) => {
            model.set_note(Severity::Ok, "left as it is");
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// Whether the topmost layer is a plan that is being made.
pub(super) fn is_making(model: &Model) -> bool {
    let making = |planning: &Planning| matches!(planning.stage, Stage::Making { .. });
    matches!(model.layers.last(), Some(Layer::Plan(planning)) if making(planning))
}

/// Scrolls what the topmost layer shows.
pub(super) fn scroll(model: &mut Model, action: Action) {
    let (lines, room) = view::plan_size(model);
    let most = lines.saturating_sub(room);
    let Some(Layer::Plan(planning)) = model.layers.last_mut() else {
        return;
    };
    let at = planning.scroll;
    planning.scroll = match action {
        Action::Down => at.saturating_add(1),
        Action::Up => at.saturating_sub(1),
        Action::PageDown => at.saturating_add(room),
        Action::PageUp => at.saturating_sub(room),
        Action::First => 0,
        Action::Last => most,
        _ => at,
    }
    .min(most);
}

/// Enter: it counts only behind the name, typed in full.
fn accept(model: &mut Model) -> Vec<Effect> {
    if matches!(model.layers.last(), Some(Layer::Confirm(_))) {
        return runs::confirmed(model);
    }
    let Some(Layer::Plan(planning)) = model.layers.last() else {
        return Vec::new();
    };
    let typed = planning.line.text();
    let typed = typed.trim();
    match &planning.stage {
        Stage::Making { .. } => Vec::new(),
        Stage::Ready(_) if typed == planning.asked.word => {
            let (number, asked) = (planning.number, planning.asked.clone());
            model.layers.pop();
            // What was said of an Enter before would hide the keys of the run.
            model.drop_note();
            let word = asked.word.clone();
            runs::starts(model, Starting::New(asked), word);
            vec![Effect::Begin(number)]
        }
        // A claim of another run is taken over only by its name; the plan is then made, and read, once more.
        Stage::Ready(_) if take_over(typed).is_some_and(|run| !planning.asked.over.contains(&run)) => {
            let mut asked = planning.asked.clone();
            asked.over.extend(take_over(typed));
            let number = planning.number;
            model.layers.pop();
            let mut effects = vec![Effect::DropPlan(number)];
            effects.extend(ask_for_plan(model, asked));
            effects
        }
        Stage::Ready(_) => {
            let text = format!(
                "nothing happens: type {} in full, then Enter; Esc leaves",
                planning.asked.word
            );
            model.set_note(Severity::Warning, text);
            Vec::new()
        }
        Stage::Refused(_) => {
            let offered = planning.glass();
            let Some((_, rule, thing)) = offered.into_iter().find(|(flag, _, _)| flag == typed) else {
                model.set_note(
                    Severity::Warning,
                    "nothing happens: type it as it is offered, in full; Esc leaves",
                );
                return Vec::new();
            };
            let mut asked = planning.asked.clone();
            asked.glass.push((rule, thing));
            model.layers.pop();
            ask_for_plan(model, asked)
        }
    }
}

/// The run that is named in full behind `take-over=`, as on the command line.
fn take_over(typed: &str) -> Option<String> {
    let run = typed.strip_prefix("--").unwrap_or(typed).strip_prefix("take-over=")?;
    let is_name = !run.is_empty() && run.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_name.then(|| run.to_owned())
}

/// Moves the cursor of a page of this half; whether the page is one that has a cursor.
pub(super) fn move_cursor(model: &mut Model, action: Action) -> bool {
    let page = model.page.clone();
    let Some(works) = &mut model.works else {
        return false;
    };
    let (at, count) = match page {
        Page::Runbooks => (&mut works.chosen, model.library.all().count()),
        Page::Runs => (&mut works.runs.at, works.runs.lines.len()),
        _ => return false,
    };
    let last = count.saturating_sub(1);
    *at = match action {
        Action::Down => *at + 1,
        Action::Up => at.saturating_sub(1),
        Action::First | Action::PageUp | Action::HalfUp => 0,
        Action::Last | Action::PageDown | Action::HalfDown => last,
        _ => *at,
    }
    .min(last);
    view::follow_cursor(model);
    true
}

/// Enter on a page of this half; nothing on another page.
pub(super) fn enter(model: &mut Model) -> Option<Vec<Effect>> {
    let works = model.works.as_ref()?;
    match model.page {
        Page::Runbooks => {
            let chosen = model
                .library
                .all()
                .nth(works.chosen)
                .map(|runbook| runbook.name.clone());
            if let Some(name) = chosen {
                model.go(Page::Runbook(name));
            }
        }
        Page::Run => runs::open_question(model),
        Page::Runs => {
            let Some(line) = works.runs.line() else {
                return Some(Vec::new());
            };
            let id = line.id.clone();
            if works.runs.own.as_ref().is_some_and(|own| own.run == id) && works.runs.under_way().is_some() {
                model.go(Page::Run);
            } else {
                model.go(Page::Report(id.clone()));
                return Some(vec![Effect::ReadReport(id)]);
            }
        }
        _ => return None,
    }
    Some(Vec::new())
}
