//! The keys: one table feeds dispatch, footer, help and the documentation.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table below says of each what it does")]
pub enum Action {
    Fleet,
    Storage,
    Database,
    Host,
    Findings,
    Log,
    Latency,
    NextOp,
    PreviousOp,
    Runbooks,
    Runs,
    Menu,
    Pause,
    CancelRun,
    GoOn,
    Leave,
    NextPage,
    PreviousPage,
    Down,
    Up,
    PageDown,
    PageUp,
    HalfDown,
    HalfUp,
    First,
    Last,
    NextProblem,
    PreviousProblem,
    Enter,
    Back,
    Fold,
    Unfold,
    FoldAll,
    Filter,
    Palette,
    Help,
    Sort,
    ReverseSort,
    All,
    Poll,
    PollAll,
    Freeze,
    Dump,
    Copy,
    Mouse,
    Redraw,
    Suspend,
    Quit,
    Accept,
    Cancel,
    Complete,
    Older,
    Newer,
    Left,
    Right,
    Home,
    End,
    EraseLeft,
    EraseRight,
    EraseWord,
    EraseLine,
}

/// Where a key counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// On any page.
    Page,
    /// While help or a message is open.
    Overlay,
    /// While a line is typed: filter or command.
    Line,
    /// While the runbooks that apply to something are shown.
    Menu,
    /// While a plan or a question waits for a name to be typed.
    Consent,
    /// While it is asked whether to leave a run that is under way.
    Leave,
}

impl Context {
    /// Every one, in the order of help and documentation.
    pub const ALL: [Self; 6] = [
        Self::Page,
        Self::Line,
        Self::Overlay,
        Self::Menu,
        Self::Consent,
        Self::Leave,
    ];

    /// The heading in help and documentation.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Page => "On every page",
            Self::Overlay => "In help and messages",
            Self::Line => "While typing a filter or a command",
            Self::Menu => "In the menu of runbooks",
            Self::Consent => "While a plan, a refusal or a run waits for a name to be typed",
            Self::Leave => "While a run of this process is under way and you want to quit",
        }
    }
}

/// Pages with keys of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Near {
    /// The page of the run under way.
    Run,
    /// The list of runs, and the report of one.
    Runs,
    /// The latency matrix.
    Latency,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// What it asks for.
    pub action: Action,
    /// Where.
    pub context: Context,
    /// The keys, any of which does.
    pub keys: &'static [&'static str],
    /// A word or two for the footer; empty when it is not shown there.
    pub label: &'static str,
    /// One sentence for help and documentation.
    pub about: &'static str,
    /// Whether it exists only in a process that may act: not in a read-only one, and not on a wall.
    pub acts: bool,
    /// The pages on which the footer shows it, before everything else; everywhere where there are none.
    pub near: &'static [Near],
}

impl Binding {
    /// The same, for the footer of these pages alone.
    const fn only(mut self, near: &'static [Near]) -> Self {
        self.near = near;
        self
    }
}

const fn page(action: Action, keys: &'static [&'static str], label: &'static str, about: &'static str) -> Binding {
    Binding {
        action,
        context: Context::Page,
        keys,
        label,
        about,
        acts: false,
        near: &[],
    }
}

const fn overlay(action: Action, keys: &'static [&'static str], label: &'static str, about: &'static str) -> Binding {
    Binding {
        action,
        context: Context::Overlay,
        keys,
        label,
        about,
        acts: false,
        near: &[],
    }
}

const fn line(action: Action, keys: &'static [&'static str], label: &'static str, about: &'static str) -> Binding {
    Binding {
        action,
        context: Context::Line,
        keys,
        label,
        about,
        acts: false,
        near: &[],
    }
}

/// A key of a process that may act.
const fn acting(
    context: Context,
    action: Action,
    keys: &'static [&'static str],
    label: &'static str,
    about: &'static str,
) -> Binding {
    Binding {
        action,
        context,
        keys,
        label,
        about,
        acts: true,
        near: &[],
    }
}

/// Every key. The order is the order of the footer and of help.
pub const KEYMAP: &[Binding] = &[
    acting(
        Context::Page,
        Action::Menu,
        &["m"],
        "runbooks",
        "Runbooks for what is selected: what can be done, and why the rest cannot.",
    ),
    page(
        Action::Filter,
        &["/"],
        "filter",
        "Show only what matches: text, !text, field>value.",
    ),
    page(
        Action::Palette,
        &[":"],
        "command",
        "Type a command, a view, a host or a slice to jump to.",
    ),
    page(Action::Enter, &["enter"], "open", "Go in: open what is selected."),
    page(
        Action::Back,
        &["esc", "backspace"],
        "back",
        "Go back to where you came from.",
    ),
    acting(
        Context::Page,
        Action::Pause,
        &["p"],
        "pause",
        "On the page of a run: stop before the next change, or go on.",
    )
    .only(&[Near::Run]),
    acting(
        Context::Page,
        Action::CancelRun,
        &["x"],
        "take back",
        "On the page of a run: take back what was done; asks first.",
    )
    .only(&[Near::Run, Near::Runs]),
    acting(
        Context::Page,
        Action::GoOn,
        &["c"],
        "go on",
        "In Runs: go on with a run that was left unfinished; asks first.",
    )
    .only(&[Near::Runs]),
    page(
        Action::Fleet,
        &["1"],
        "",
        "Fleet: every segment, topology and group, worst first.",
    ),
    page(
        Action::Storage,
        &["2"],
        "",
        "Storage: slices, who serves them, RAID, replication, exports, clients.",
    ),
    page(
        Action::Database,
        &["3"],
        "",
        "Database: replication trees and Galera clusters.",
    ),
    page(Action::Host, &["4"], "", "Host: everything about the selected host."),
    page(
        Action::Findings,
        &["5"],
        "",
        "Findings: what is wrong, since when, and the evidence.",
    ),
    page(
        Action::Log,
        &["6"],
        "",
        "Log: what the program did, exact remote commands included.",
    ),
    page(
        Action::NextOp,
        &["o"],
        "other work",
        "In Latency: the next kind of work (NFS, disks, polls, databases).",
    )
    .only(&[Near::Latency]),
    page(Action::PreviousOp, &["O"], "", "In Latency: the kind of work before."),
    acting(
        Context::Page,
        Action::Runbooks,
        &["7"],
        "",
        "Runbooks: the catalogue, with every step.",
    ),
    acting(
        Context::Page,
        Action::Runs,
        &["8"],
        "",
        "Runs: the one under way, unfinished ones, and those before, with their reports.",
    ),
    page(
        Action::Latency,
        &["9"],
        "",
        "Latency: who is slow, seen by whom: a server, a client or a path, and why.",
    ),
    page(Action::NextPage, &["tab"], "", "Next view."),
    page(Action::PreviousPage, &["backtab"], "", "Previous view."),
    page(Action::Down, &["j", "down"], "", "Down one line."),
    page(Action::Up, &["k", "up"], "", "Up one line."),
    page(Action::PageDown, &["pgdn", "ctrl-f"], "", "Down one screen."),
    page(Action::PageUp, &["pgup", "ctrl-b"], "", "Up one screen."),
    page(Action::HalfDown, &["ctrl-d"], "", "Down half a screen."),
    page(Action::HalfUp, &["ctrl-u"], "", "Up half a screen."),
    page(
        Action::First,
        &["g", "home"],
        "",
        "To the top; the cursor then stays with the worst.",
    ),
    page(Action::Last, &["G", "end"], "", "To the end."),
    page(
        Action::NextProblem,
        &["n"],
        "next problem",
        "To the next line that is not well, after the last to the first; in Findings the next open one, in Latency the next slow cell.",
    ),
    page(Action::PreviousProblem, &["N"], "", "The same backwards."),
    page(
        Action::Fold,
        &["h", "left"],
        "",
        "Fold the group; in Latency one column left.",
    ),
    page(
        Action::Unfold,
        &["l", "right"],
        "",
        "Unfold the group; in Latency one column right.",
    ),
    page(
        Action::FoldAll,
        &["z"],
        "",
        "Unfold all groups; again: fold all; again: as it was.",
    ),
    page(
        Action::Sort,
        &["s"],
        "sort",
        "Sort by the next key; in Latency the hottest rows first, or as in the inventory.",
    ),
    page(Action::ReverseSort, &["r"], "", "Reverse the order."),
    page(
        Action::All,
        &["a"],
        "",
        "All or less: in Findings the cleared ones, in the log the repeats of the poll loop.",
    ),
    page(
        Action::Poll,
        &["space"],
        "poll now",
        "Poll the selected host or group now.",
    ),
    page(Action::PollAll, &["ctrl-r"], "", "Poll every host now."),
    page(
        Action::Freeze,
        &["f"],
        "freeze",
        "Freeze the picture; collection goes on.",
    ),
    page(
        Action::Copy,
        &["y"],
        "",
        "Copy the selected line to the clipboard of your terminal (OSC 52).",
    ),
    page(Action::Dump, &["ctrl-s"], "", "Save this screen as text and JSON."),
    page(
        Action::Mouse,
        &["M"],
        "",
        "Mouse on or off (off leaves selecting text to the terminal).",
    ),
    page(Action::Redraw, &["ctrl-l"], "", "Draw the screen anew."),
    page(
        Action::Suspend,
        &["ctrl-z"],
        "",
        "Suspend; fg comes back. Not while a run is under way here.",
    ),
    page(Action::Quit, &["q", "ctrl-c"], "quit", "Quit."),
    page(Action::Help, &["?", "f1"], "help", "This help."),
    overlay(Action::Down, &["j", "down"], "", "Down one line."),
    overlay(Action::Up, &["k", "up"], "", "Up one line."),
    overlay(Action::PageDown, &["pgdn", "ctrl-f", "space"], "", "Down one screen."),
    overlay(Action::PageUp, &["pgup", "ctrl-b"], "", "Up one screen."),
    overlay(Action::First, &["g", "home"], "", "To the top."),
    overlay(Action::Last, &["G", "end"], "", "To the end."),
    overlay(Action::Filter, &["/"], "search", "Search in help."),
    overlay(Action::Dump, &["ctrl-s"], "", "Save this screen as text and JSON."),
    overlay(
        Action::Suspend,
        &["ctrl-z"],
        "",
        "Suspend; fg comes back. Not while a run is under way here.",
    ),
    overlay(
        Action::Cancel,
        &["esc", "enter", "q", "?", "ctrl-c"],
        "close",
        "Close it.",
    ),
    line(Action::Accept, &["enter"], "accept", "Do it."),
    line(
        Action::Cancel,
        &["esc", "ctrl-c"],
        "cancel",
        "Close it; an earlier filter comes back.",
    ),
    line(
        Action::Complete,
        &["tab"],
        "complete",
        "Take the first suggestion, or the marked one.",
    ),
    line(
        Action::Newer,
        &["down", "ctrl-n"],
        "",
        "Next suggestion, or newer command.",
    ),
    line(
        Action::Older,
        &["up", "ctrl-p"],
        "history",
        "Previous suggestion, or older command.",
    ),
    line(Action::Left, &["left", "ctrl-b"], "", "One character left."),
    line(Action::Right, &["right", "ctrl-f"], "", "One character right."),
    line(Action::Home, &["home", "ctrl-a"], "", "To the beginning."),
    line(Action::End, &["end", "ctrl-e"], "", "To the end."),
    line(
        Action::EraseLeft,
        &["backspace", "ctrl-h"],
        "",
        "Erase the character before the cursor; in an empty line: cancel.",
    ),
    line(
        Action::EraseRight,
        &["delete", "ctrl-d"],
        "",
        "Erase the character under the cursor.",
    ),
    line(Action::EraseWord, &["ctrl-w"], "", "Erase the word before the cursor."),
    line(Action::EraseLine, &["ctrl-u"], "", "Erase the line."),
    line(Action::Dump, &["ctrl-s"], "", "Save this screen as text and JSON."),
    line(
        Action::Suspend,
        &["ctrl-z"],
        "",
        "Suspend; fg comes back. Not while a run is under way here.",
    ),
    acting(Context::Menu, Action::Down, &["j", "down"], "", "Down one line."),
    acting(Context::Menu, Action::Up, &["k", "up"], "", "Up one line."),
    acting(
        Context::Menu,
        Action::Accept,
        &["enter"],
        "make the plan",
        "Look at the hosts and make the plan; nothing is changed by that.",
    ),
    acting(
        Context::Menu,
        Action::Cancel,
        &["esc", "q", "m", "ctrl-c"],
        "close",
        "Close it.",
    ),
    acting(
        Context::Menu,
        Action::Dump,
        &["ctrl-s"],
        "",
        "Save this screen as text and JSON.",
    ),
    acting(
        Context::Menu,
        Action::Suspend,
        &["ctrl-z"],
        "",
        "Suspend; fg comes back. Not while a run is under way here.",
    ),
    acting(
        Context::Consent,
        Action::Accept,
        &["enter"],
        "only after the name",
        "Do it, if the name is typed in full; otherwise nothing happens.",
    ),
    acting(
        Context::Consent,
        Action::Cancel,
        &["esc", "ctrl-c"],
        "cancel",
        "Leave it; nothing has been done.",
    ),
    acting(Context::Consent, Action::Down, &["down"], "", "Down one line."),
    acting(Context::Consent, Action::Up, &["up"], "", "Up one line."),
    acting(
        Context::Consent,
        Action::PageDown,
        &["pgdn", "ctrl-f"],
        "scroll",
        "Down one screen.",
    ),
    acting(
        Context::Consent,
        Action::PageUp,
        &["pgup", "ctrl-b"],
        "",
        "Up one screen.",
    ),
    acting(Context::Consent, Action::First, &["home"], "", "To the top."),
    acting(Context::Consent, Action::Last, &["end"], "", "To the end."),
    acting(
        Context::Consent,
        Action::EraseLeft,
        &["backspace", "ctrl-h"],
        "",
        "Erase the last character.",
    ),
    acting(Context::Consent, Action::EraseLine, &["ctrl-u"], "", "Erase the line."),
    acting(
        Context::Consent,
        Action::Dump,
        &["ctrl-s"],
        "",
        "Save this screen as text and JSON.",
    ),
    acting(
        Context::Consent,
        Action::Suspend,
        &["ctrl-z"],
        "",
        "Suspend; fg comes back. Not while a run is under way here.",
    ),
    acting(
        Context::Leave,
        Action::Leave,
        &["L"],
        "leave the run as it is",
        "Quit in the middle of the run; it stays unfinished and can be gone on with.",
    ),
    acting(
        Context::Leave,
        Action::Cancel,
        &["esc", "enter", "space"],
        "stay",
        "Stay; the run goes on.",
    ),
    acting(
        Context::Leave,
        Action::Suspend,
        &["ctrl-z"],
        "",
        "Suspend; fg comes back. Not while a run is under way here.",
    ),
];

/// The name of a key as the table writes it; `None` for keys that no table names.
#[must_use]
pub fn name(event: &KeyEvent) -> Option<String> {
    let plain = match event.code {
        KeyCode::Char(' ') => "space".to_owned(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::Enter => "enter".to_owned(),
        KeyCode::Esc => "esc".to_owned(),
        KeyCode::Backspace => "backspace".to_owned(),
        KeyCode::Tab => "tab".to_owned(),
        KeyCode::BackTab => "backtab".to_owned(),
        KeyCode::Left => "left".to_owned(),
        KeyCode::Right => "right".to_owned(),
        KeyCode::Up => "up".to_owned(),
        KeyCode::Down => "down".to_owned(),
        KeyCode::Home => "home".to_owned(),
        KeyCode::End => "end".to_owned(),
        KeyCode::PageUp => "pgup".to_owned(),
        KeyCode::PageDown => "pgdn".to_owned(),
        KeyCode::Delete => "delete".to_owned(),
        KeyCode::F(number) => format!("f{number}"),
        _ => return None,
    };
    if event.modifiers.contains(KeyModifiers::ALT) {
        return Some(format!("alt-{plain}"));
    }
    if event.modifiers.contains(KeyModifiers::CONTROL) {
        return Some(format!("ctrl-{}", plain.to_lowercase()));
    }
    Some(plain)
}

/// The keys of a context; those that act only where the process may.
pub fn bindings(context: Context, may_act: bool) -> impl Iterator<Item = &'static Binding> {
    KEYMAP
        .iter()
        .filter(move |binding| binding.context == context && (may_act || !binding.acts))
}

/// What a key asks for in a context.
#[must_use]
pub fn action(context: Context, may_act: bool, event: &KeyEvent) -> Option<Action> {
    let name = name(event)?;
    bindings(context, may_act)
        .find(|binding| binding.keys.contains(&name.as_str()))
        .map(|binding| binding.action)
}

/// The footer's hints of a context: key and label. Those of the page come first, those of other pages not at all.
pub fn hints(
    context: Context,
    may_act: bool,
    page: Option<Near>,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    let labelled = move |own: bool| {
        bindings(context, may_act)
            .filter(|binding| !binding.label.is_empty())
            .filter(move |binding| match page {
                Some(page) if own => binding.near.contains(&page),
                _ => !own && binding.near.is_empty(),
            })
    };
    labelled(true)
        .chain(labelled(false))
        .map(|binding| (binding.keys[0], binding.label))
}

/// The whole table as Markdown, for the documentation.
#[must_use]
pub fn markdown() -> String {
    let mut out = String::new();
    for context in Context::ALL {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str("**");
        out.push_str(context.title());
        out.push_str("**\n\n| key | what it does |\n|---|---|\n");
        for binding in bindings(context, true) {
            let keys: Vec<String> = binding.keys.iter().map(|key| format!("`{key}`")).collect();
            out.push_str("| ");
            out.push_str(&keys.join(" "));
            out.push_str(" | ");
            out.push_str(binding.about);
            // A page's keys are mixed; the other contexts that act exist only where the process may.
            if binding.acts && context == Context::Page {
                out.push_str(" Not with `--read-only`.");
            }
            out.push_str(" |\n");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_key_means_two_things_in_one_context() {
        let mut seen = HashSet::new();
        for binding in KEYMAP {
            assert!(binding.about.ends_with('.'), "{}", binding.about);
            for key in binding.keys {
                assert!(seen.insert((binding.context, *key)), "{key}");
            }
        }
    }

    #[test]
    fn markdown_has_a_row_for_each_binding() {
        let text = markdown();
        assert_eq!(
            text.lines().filter(|line| line.starts_with("| `")).count(),
            KEYMAP.len()
        );
    }

    #[test]
    fn a_control_key_is_named_whatever_the_case() {
        let event = KeyEvent::new(KeyCode::Char('S'), KeyModifiers::CONTROL);
        assert_eq!(name(&event).unwrap(), "ctrl-s");
        assert_eq!(action(Context::Page, false, &event), Some(Action::Dump));
    }

    #[test]
    fn a_process_that_may_not_act_has_no_key_that_acts() {
        for binding in KEYMAP.iter().filter(|binding| binding.acts) {
            assert!(bindings(binding.context, true).any(|other| other.action == binding.action));
            for key in binding.keys {
                let found = bindings(binding.context, false).any(|other| other.keys.contains(key));
                assert!(!found, "{key} in {:?}", binding.context);
            }
        }
        for context in [Context::Menu, Context::Consent, Context::Leave] {
            assert_eq!(bindings(context, false).count(), 0, "{context:?}");
        }
    }
}
