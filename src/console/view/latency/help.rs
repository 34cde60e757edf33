//! What the keys do on the Latency page, and what its signs mean.

use super::Ctx;
use crate::console::{
    keymap::{Action, Context, KEYMAP},
    text::{width, wrap},
    theme::Role,
};
use ratatui::text::{Line, Span};

/// Actions that mean something of their own there, and what.
const KEYS: [(&[Action], &str); 8] = [
    (
        &[Action::Fold, Action::Down, Action::Up, Action::Unfold],
        "To the next cell left, below, above, right; the text beside says why it is slow, or why not.",
    ),
    (
        &[Action::NextProblem, Action::PreviousProblem],
        "To the next or the previous slow cell, round about.",
    ),
    (
        &[Action::First],
        "To the worst cell: what is blamed, else the hottest; the cursor then stays with it.",
    ),
    (
        &[Action::NextOp, Action::PreviousOp],
        "The next or the previous kind of work: NFS, disks, polls, databases.",
    ),
    (
        &[Action::Sort],
        "The hottest rows first, or the order of the inventory.",
    ),
    (
        &[Action::Enter],
        "The stream behind the cell: its last minutes, its peers, who timed it, and the whole reason.",
    ),
    (
        &[Action::Menu],
        "Runbooks for the server of the column; where a row is blamed, for that host.",
    ),
    (&[Action::Host], "The page of that host."),
];

/// Signs and what they mean.
const SIGNS: [(&str, Role, &str); 11] = [
    (
        "1.0",
        Role::Text,
        "latency at equal load, over the stream's own past (NFS) or over its peers'",
    ),
    (
        "▂ ▅ █",
        Role::Warning,
        "that is 1.3, 1.6, 2.5 times and more: heat, and no blame yet",
    ),
    (
        "┏━━┓",
        Role::Critical,
        "blamed: a column is a server, a row a client, one cell the path between them, or a disk",
    ),
    (
        "◐",
        Role::Critical,
        "semi-failed, or beside a kind of work: somebody is blamed there",
    ),
    (
        "░ row",
        Role::Dim,
        "the host that times is starved itself: what it sees counts half or not",
    ),
    (
        "░ column",
        Role::Notice,
        "the server is busy: far more than usual is asked of it, and it is not blamed for that",
    ),
    (
        "◆",
        Role::Notice,
        "slow, and explained: a check, rebuild, resync or scrub, or a cause that many share; not blamed",
    ),
    (
        "·",
        Role::Dim,
        "nothing to do lately, or no past yet (two minutes of work)",
    ),
    ("?", Role::Unknown, "the host cannot be seen now"),
    (
        "stall gone",
        Role::Critical,
        "work stands still for whole polls; nothing is heard while its peers answer",
    ),
    ("↑↓←→ 2", Role::Warning, "so many slow cells are off the screen there"),
];

/// Keys and signs of the page, as far as they are searched for.
pub fn lines(ctx: &Ctx<'_>, wanted: &str, room: u16) -> Vec<Line<'static>> {
    let may_act = ctx.model.works.is_some();
    let keys = KEYS.iter().filter_map(|(actions, about)| {
        let keys: Vec<&str> = actions.iter().filter_map(|action| key(*action, may_act)).collect();
        (!keys.is_empty()).then(|| (keys.join(" "), Role::Accent, *about))
    });
    let signs = SIGNS
        .iter()
        .map(|(sign, role, about)| ((*sign).to_owned(), *role, *about));
    let mut out = section(ctx, "THE KEYS OF THIS PAGE", keys, wanted, room);
    out.extend(section(ctx, "ITS SIGNS", signs, wanted, room));
    out
}

/// The first key of an action, where it exists.
fn key(action: Action, may_act: bool) -> Option<&'static str> {
    let binding = KEYMAP
        .iter()
        .find(|binding| binding.context == Context::Page && binding.action == action && (may_act || !binding.acts));
    binding.and_then(|binding| binding.keys.first().copied())
}

fn section(
    ctx: &Ctx<'_>,
    title: &str,
    entries: impl Iterator<Item = (String, Role, &'static str)>,
    wanted: &str,
    room: u16,
) -> Vec<Line<'static>> {
    let indent: u16 = 13;
    let mut out = Vec::new();
    for (head, role, about) in
        entries.filter(|(head, _, about)| format!("{head} {about}").to_lowercase().contains(wanted))
    {
        let pad = " ".repeat(usize::from(indent.saturating_sub(width(&head) + 1)));
        for (at, part) in wrap(about, room.saturating_sub(indent)).into_iter().enumerate() {
            let first = if at == 0 {
                ctx.span(role, format!(" {head}{pad}"))
            } else {
                Span::raw(" ".repeat(usize::from(indent)))
            };
            out.push(Line::from(vec![first, ctx.span(Role::Text, part)]));
        }
    }
    if !out.is_empty() {
        out.insert(0, ctx.line(Role::Title, title.to_owned()));
    }
    out
}
