//! The `:` palette: commands with their arguments, fuzzy completion, history.

use super::{
    index::{ListKind, SortKey},
    input::LineEdit,
    model::Page,
    runbooks::parameter,
    theme::BUILT_IN,
};
use crate::{
    collect::FleetView,
    fleet::{HostName, SegmentName, SliceName, TopologyName, instead},
    remote::quote::split,
    runbook::planner::catalogue::Library,
};
use nucleo_matcher::{
    Config, Matcher,
    pattern::{CaseMatching, Normalization, Pattern},
};

use std::{collections::BTreeMap, sync::Arc};

/// Suggestions shown.
pub const SHOWN: usize = 8;

/// Commands kept in the history.
const HISTORY: usize = 100;

/// What an argument is completed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Argument {
    None,
    Host,
    Slice,
    Theme,
    Sort,
    Runbook,
    Text,
}

struct Word {
    name: &'static str,
    argument: Argument,
    about: &'static str,
}

/// Words of a process that may act.
const ACTING: &[Word] = &[
    word("runbooks", Argument::None, "view: what can be done, with every step"),
    word("runs", Argument::None, "view: runs now and before, with their reports"),
    word("plan", Argument::Runbook, "plan a runbook: plan slice-move slice=web1"),
];

/// Words of a rehearsal.
const REHEARSING: &[Word] = &[word(
    "fault",
    Argument::Text,
    "let something go wrong: dead:HOST, returns:HOST, … (pointsman rehearse --help)",
)];

/// The words that there are.
fn words(view: &FleetView, may_act: bool) -> impl Iterator<Item = &'static Word> {
    let rehearsed = may_act && view.fleet.label.as_deref() == Some(crate::simulate::REHEARSAL);
    let acting = ACTING.iter().filter(move |_| may_act);
    let rehearsing = REHEARSING.iter().filter(move |_| rehearsed);
    WORDS.iter().chain(acting).chain(rehearsing)
}

const fn word(name: &'static str, argument: Argument, about: &'static str) -> Word {
    Word { name, argument, about }
}

const WORDS: &[Word] = &[
    word("fleet", Argument::None, "view: segments, topologies and groups"),
    word("storage", Argument::None, "view: slices and pairs"),
    word("database", Argument::None, "view: replication trees, Galera clusters"),
    word("findings", Argument::None, "view: what is wrong"),
    word("log", Argument::None, "view: what the program did"),
    word("latency", Argument::None, "view: who is slow, seen by whom, and why"),
    word("host", Argument::Host, "everything about a host"),
    word("slice", Argument::Slice, "a slice from disk to client"),
    word("filter", Argument::Text, "filter this list, as / does"),
    word("sort", Argument::Sort, "sort this list"),
    word("poll", Argument::Host, "poll a host now; without a name every host"),
    word("reconnect", Argument::Host, "connect to a host now, also after a stop"),
    word("reload", Argument::None, "read the inventory again"),
    word("freeze", Argument::None, "freeze or thaw the picture"),
    word("theme", Argument::Theme, "change colours"),
    word("dump", Argument::None, "save this screen as text and JSON"),
    word("mouse", Argument::None, "mouse on or off"),
    word("help", Argument::None, "keys"),
    word("quit", Argument::None, "leave"),
];

/// What a typed line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A list page.
    View(ListKind),
    /// The latency matrix.
    Latency,
    /// A page of what acts.
    Page(Page),
    /// The Host page; without a name of what is selected.
    Host(Option<HostName>),
    /// A slice's page.
    Slice(SliceName),
    /// A segment among the storage.
    Segment(SegmentName),
    /// A topology among the databases.
    Topology(TopologyName),
    /// A line to plan a runbook with, to be completed.
    Begin(String),
    /// A filter for the list.
    Filter(String),
    /// An order for the list.
    Sort(SortKey),
    /// Poll now; without a name every host.
    Poll(Option<HostName>),
    /// Connect now.
    Reconnect(HostName),
    /// Read the inventory again.
    Reload,
    /// Freeze or thaw.
    Freeze,
    /// Change the theme.
    Theme(String),
    /// Save the screen.
    Dump,
    /// Plan a runbook with these parameters.
    Plan(String, BTreeMap<String, String>),
    /// Let a fault happen in a rehearsal.
    Fault(String),
    /// Mouse on or off.
    Mouse,
    /// Keys.
    Help,
    /// Leave.
    Quit,
}

impl Command {
    /// Reads a line.
    ///
    /// # Errors
    /// What is not understood, in one sentence.
    pub fn parse(line: &str, view: &FleetView, library: &Library) -> Result<Self, String> {
        let line = line.trim();
        let (name, argument) = line
            .split_once(' ')
            .map_or((line, ""), |(name, rest)| (name, rest.trim()));
        let host = || {
            view.fleet.host(argument).map(|host| host.name.clone()).ok_or_else(|| {
                let hosts = view.fleet.hosts.iter().map(|host| host.name.as_str());
                format!("no host '{argument}': {}", instead(argument, hosts))
            })
        };
        let slice = |name: &str| view.fleet.slice(name).map(|(_, slice)| slice.name.clone());
        Ok(match name {
            "fleet" => Self::View(ListKind::Fleet),
            "storage" => Self::View(ListKind::Storage),
            "database" => Self::View(ListKind::Database),
            "findings" => Self::View(ListKind::Findings),
            "log" => Self::View(ListKind::Log),
            "latency" => Self::Latency,
            "runbooks" => Self::Page(Page::Runbooks),
            "runs" => Self::Page(Page::Runs),
            "host" if argument.is_empty() => Self::Host(None),
            "host" => Self::Host(Some(host()?)),
            "slice" => Self::Slice(slice(argument).ok_or_else(|| {
                let slices = view.fleet.slices().map(|(_, slice)| slice.name.as_str());
                format!("no slice '{argument}': {}", instead(argument, slices))
            })?),
            "filter" => Self::Filter(argument.to_owned()),
            "sort" => Self::Sort(
                SortKey::ALL
                    .iter()
                    .copied()
                    .find(|key| key.name() == argument)
                    .ok_or_else(|| format!("no sort key '{argument}'"))?,
            ),
            "poll" if argument.is_empty() => Self::Poll(None),
            "poll" => Self::Poll(Some(host()?)),
            "reconnect" => Self::Reconnect(host()?),
            "reload" => Self::Reload,
            "freeze" => Self::Freeze,
            "theme" if !argument.is_empty() => Self::Theme(argument.to_owned()),
            "theme" => return Err("theme: which one?".to_owned()),
            "dump" => Self::Dump,
            "fault" if !argument.is_empty() => Self::Fault(argument.to_owned()),
            "fault" => return Err("fault: which one? such as dead:stor1".to_owned()),
            "plan" => {
                let words = split(argument).ok_or("plan: a quote is not closed")?;
                let (runbook, words) = words.split_first().ok_or("plan: which runbook? 7 lists them")?;
                let mut parameters = BTreeMap::new();
                for word in words {
                    let (name, value) = word
                        .split_once('=')
                        .ok_or_else(|| format!("plan: {word:?} is no parameter: NAME=VALUE"))?;
                    parameters.insert(name.to_owned(), value.to_owned());
                }
                Self::Plan(runbook.clone(), parameters)
            }
            "mouse" => Self::Mouse,
            "help" => Self::Help,
            "quit" | "q" => Self::Quit,
            _ => {
                if let Some(host) = view.fleet.host(line) {
                    Self::Host(Some(host.name.clone()))
                } else if let Some(slice) = slice(line) {
                    Self::Slice(slice)
                } else if let Some(segment) = view.fleet.segments.iter().find(|it| it.name.as_str() == line) {
                    Self::Segment(segment.name.clone())
                } else if let Some(topology) = view.fleet.topologies.iter().find(|it| it.name.as_str() == line) {
                    Self::Topology(topology.name.clone())
                } else if library.find(line).is_some() {
                    Self::Begin(line.to_owned())
                } else {
                    return Err(format!(
                        "nothing is called '{line}': no command, host, slice, segment, topology or runbook"
                    ));
                }
            }
        })
    }
}

/// One suggestion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The whole line that it stands for.
    pub line: String,
    /// What it does or is.
    pub about: &'static str,
}

/// The palette while it is open.
#[derive(Debug, Clone, Default)]
pub struct Palette {
    /// What is typed.
    pub line: LineEdit,
    /// What fits, best first.
    pub choices: Vec<Choice>,
    /// The suggestion under the mark.
    pub marked: Option<usize>,
    /// Where in the history, counted from the newest.
    recalled: Option<usize>,
    /// Whether words that act exist.
    may_act: bool,
    /// The runbooks that can be named.
    library: Arc<Library>,
}

impl Palette {
    /// An open palette with nothing typed.
    #[must_use]
    pub fn open(view: &FleetView, library: &Arc<Library>, may_act: bool) -> Self {
        let mut palette = Self {
            may_act,
            library: Arc::clone(library),
            ..Self::default()
        };
        palette.complete(view);
        palette
    }

    /// An open palette with a line to be completed, at its first parameter without a value.
    #[must_use]
    pub fn begun(view: &FleetView, library: &Arc<Library>, line: &str) -> Self {
        let mut line = LineEdit::new(line);
        line.to_first_empty();
        let mut palette = Self {
            line,
            may_act: true,
            library: Arc::clone(library),
            ..Self::default()
        };
        palette.complete(view);
        palette
    }

    /// Finds suggestions for what is typed.
    pub fn complete(&mut self, view: &FleetView) {
        self.marked = None;
        self.recalled = None;
        let values = parameter::values(view, &self.library, &self.line.before(), &self.line.after());
        self.choices = match values.filter(|_| self.may_act) {
            Some(lines) => lines
                .into_iter()
                .take(SHOWN)
                .map(|line| Choice { line, about: "" })
                .collect(),
            None => choices(&self.line.text(), view, &self.library, self.may_act),
        };
    }

    /// What is to be told of the parameter at the cursor, where the line plans a runbook.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        parameter::told(&self.library, &self.line.before()).filter(|_| self.may_act)
    }

    /// Takes the marked (or first) suggestion into the line.
    pub fn take(&mut self, view: &FleetView) {
        let Some(choice) = self.choices.get(self.marked.unwrap_or(0)) else {
            return;
        };
        let mut line = choice.line.clone();
        let wants_more = words(view, self.may_act).any(|word| word.name == line && word.argument != Argument::None);
        if wants_more {
            line.push(' ');
        }
        self.line = LineEdit::new(&line);
        if line.starts_with("plan ") {
            self.line.to_first_empty();
        }
        self.complete(view);
    }

    /// What Enter runs: the marked suggestion; else the line where it means something; else the best suggestion.
    #[must_use]
    pub fn accepted(&self, view: &FleetView) -> String {
        let typed = self.line.text();
        if let Some(choice) = self.marked.and_then(|at| self.choices.get(at)) {
            return choice.line.clone();
        }
        // Any word may name a theme file; a suggestion that begins with it is meant first.
        let meant = |choice: &&Choice| choice.line.starts_with(typed.trim());
        match Command::parse(&typed, view, &self.library) {
            Ok(Command::Theme(_)) => {
                return self
                    .choices
                    .iter()
                    .find(meant)
                    .map_or(typed, |choice| choice.line.clone());
            }
            Ok(_) => return typed,
            // What is named in full is not taken for something else that its letters happen to be in.
            Err(_) if typed.trim().contains(' ') => {
                let mut begun = self.choices.iter().filter(meant);
                return match (begun.next(), begun.next()) {
                    (Some(only), None) => only.line.clone(),
                    _ => typed,
                };
            }
            Err(_) => {}
        }
        self.choices.first().map_or(typed, |choice| choice.line.clone())
    }

    /// Marks the next suggestion, or goes to a newer command of the history.
    pub fn newer(&mut self, history: &[String]) {
        match self.recalled {
            Some(0) => {
                self.recalled = None;
                self.line.clear();
            }
            Some(at) => self.recall(at - 1, history),
            None if self.choices.is_empty() => {}
            None => {
                let shown = self.choices.len().min(SHOWN);
                self.marked = Some(self.marked.map_or(0, |at| (at + 1) % shown));
            }
        }
    }

    /// Marks the previous suggestion, or goes to an older command of the history.
    pub fn older(&mut self, history: &[String]) {
        match (self.marked, self.recalled) {
            (Some(0), _) => self.marked = None,
            (Some(at), _) => self.marked = Some(at - 1),
            (None, Some(at)) => self.recall(at + 1, history),
            (None, None) => self.recall(0, history),
        }
    }

    fn recall(&mut self, at: usize, history: &[String]) {
        if let Some(line) = history.len().checked_sub(at + 1).and_then(|index| history.get(index)) {
            self.recalled = Some(at);
            self.line = LineEdit::new(line);
            self.choices.clear();
        }
    }
}

/// Adds a command to the history; a repeated one moves to the end.
pub fn remember(history: &mut Vec<String>, line: &str) {
    history.retain(|old| old != line);
    history.push(line.to_owned());
    if history.len() > HISTORY {
        history.remove(0);
    }
}

fn choices(typed: &str, view: &FleetView, library: &Library, may_act: bool) -> Vec<Choice> {
    let mut matcher = Matcher::new(Config::DEFAULT);
    let typed = typed.trim_start();
    let argument = typed.split_once(' ').and_then(|(name, rest)| {
        let word = words(view, may_act).find(|word| word.name == name)?;
        Some((word, rest))
    });
    let hosts = view
        .fleet
        .hosts
        .iter()
        .map(|host| (host.name.as_str().to_owned(), "host"));
    let slices = view
        .fleet
        .slices()
        .map(|(_, slice)| (slice.name.as_str().to_owned(), "slice"));
    let (prefix, wanted, all): (String, &str, Vec<(String, &'static str)>) = match argument {
        None => {
            let words = words(view, may_act).map(|word| (word.name.to_owned(), word.about));
            let segments = view.fleet.segments.iter();
            let segments = segments.map(|segment| (segment.name.as_str().to_owned(), "segment"));
            let topologies = view.fleet.topologies.iter();
            let topologies = topologies.map(|topology| (topology.name.as_str().to_owned(), "topology"));
            let runbooks = library.all().filter(|_| may_act);
            let runbooks = runbooks.map(|known| (known.name.clone(), "runbook"));
            let all = words.chain(slices).chain(hosts).chain(segments).chain(topologies);
            (String::new(), typed, all.chain(runbooks).collect())
        }
        Some((word, rest)) => {
            let all = match word.argument {
                Argument::None | Argument::Text => Vec::new(),
                Argument::Host => hosts.collect(),
                Argument::Slice => slices.collect(),
                // What follows the name is the runbook's own.
                Argument::Runbook if rest.contains(' ') => Vec::new(),
                Argument::Runbook => library.all().map(|known| (known.name.clone(), "runbook")).collect(),
                Argument::Theme => BUILT_IN.iter().map(|(name, _)| ((*name).to_owned(), "theme")).collect(),
                Argument::Sort => SortKey::ALL
                    .iter()
                    .map(|key| (key.name().to_owned(), "sort key"))
                    .collect(),
            };
            (format!("{} ", word.name), rest.trim(), all)
        }
    };
    let pattern = Pattern::parse(wanted, CaseMatching::Ignore, Normalization::Smart);
    let mut scored: Vec<(u32, usize)> = Vec::new();
    let mut space = Vec::new();
    for (at, (name, _)) in all.iter().enumerate() {
        let text = nucleo_matcher::Utf32Str::new(name, &mut space);
        if let Some(score) = pattern.score(text, &mut matcher) {
            scored.push((score, at));
        }
    }
    // A name that begins with what is typed comes before one that merely contains it.
    scored.sort_by_key(|(score, at)| (!all[*at].0.starts_with(wanted), u32::MAX - score, *at));
    scored
        .into_iter()
        .take(SHOWN)
        .map(|(_, at)| Choice {
            line: format!("{prefix}{}", all[at].0),
            about: all[at].1,
        })
        .collect()
}
