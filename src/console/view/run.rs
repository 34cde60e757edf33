//! The run of this process: where it stands, every step with its state, what its commands print, how the clients fare,
//! and what is asked.

use super::{
    Ctx, document,
    overlay::frame,
    runbooks::{hanging, marked},
};
use crate::{
    conduct::{ClientView, GivesUp, Progress, StepProgress, StepState, end_words, left_words},
    console::{
        runbooks::runs::{Starting, severity},
        screen,
        text::{cells, span, time_of_day, width, wrap},
        theme::{Role, glyph_of, role_of},
    },
    facts::UnixMs,
    verdict::{Code, Severity},
};
use ratatui::{buffer::Buffer, layout::Rect, text::Line};
use std::time::Duration;

/// Lines of output of the current step.
const OUTPUT: usize = 6;
/// Lines of the log.
const LOG: usize = 12;

/// Sign and meaning of a step's state.
const fn sign(state: StepState) -> (&'static str, Role) {
    match state {
        StepState::Waiting => ("·", Role::Dim),
        StepState::Checking | StepState::Running | StepState::Proving => ("▶", Role::Accent),
        StepState::Asking => ("?", Role::Warning),
        StepState::Done | StepState::AlreadySo => ("✔", Role::Ok),
        StepState::Failed => ("✖", Role::Critical),
        StepState::Undoing => ("◀", Role::Warning),
        StepState::Undone => ("◀", Role::Notice),
        StepState::Unknown => ("?", Role::Unknown),
    }
}

/// A span with tenths of a second, while they matter.
fn tenths(of: Duration) -> String {
    if of < Duration::from_secs(100) {
        format!("{:.1} s", of.as_secs_f64())
    } else {
        span(of)
    }
}

/// The page.
pub fn document(ctx: &Ctx<'_>, room: u16) -> Vec<Line<'static>> {
    let Some(works) = &ctx.model.works else {
        return Vec::new();
    };
    let runs = &works.runs;
    let Some(run) = runs.own.as_deref() else {
        let text = match &runs.starting {
            Some(Starting::New(_)) => {
                " the run begins: the hosts are looked at once more, and the plan has to come out as it was read"
            }
            Some(Starting::GoOn(..)) => {
                " the run is gone on with: its plan is made again from what it was made from then"
            }
            Some(Starting::TakeBack(_)) => {
                " the run is taken back: its plan is made again from what it was made from then"
            }
            None => " no run of this process; 8 lists those before",
        };
        return wrap(text, room)
            .into_iter()
            .map(|part| ctx.line(Role::Dim, part))
            .collect();
    };
    let mut out = head(ctx, run, &runs.word, room);
    out.extend(steps(ctx, run, room));
    out.extend(clients(ctx, run, room));
    out.extend(output(ctx, run, room));
    out.extend(log(ctx, run, room));
    out
}

/// What it is, where it stands, and what is asked of a person.
fn head(ctx: &Ctx<'_>, run: &Progress, word: &str, room: u16) -> Vec<Line<'static>> {
    let mut first = Line::default();
    if let Some(label) = &ctx.view.fleet.label {
        first.spans.push(ctx.span(Role::Label, format!(" {label} ")));
    }
    first
        .spans
        .push(ctx.span(Role::Accent, format!(" {} {word}", run.runbook)));
    first
        .spans
        .push(ctx.span(Role::Dim, format!("  run {}  by {}", run.run, run.owner)));
    let mut out = vec![first];
    let (settled, all) = run.settled();
    let spent = match run.end {
        Some(_) => run.at.since(run.began),
        None => ctx.now.max(run.at).since(run.began),
    };
    match &run.end {
        Some(end) => {
            let severity = severity(end);
            let role = role_of(severity);
            let head = ctx.span(
                role,
                format!(
                    " {} ",
                    if severity == Severity::Ok {
                        "✔"
                    } else {
                        glyph_of(severity)
                    }
                ),
            );
            out.extend(hanging(ctx, &head, role, &end_words(end), room));
            out.push(ctx.line(Role::Dim, format!(" {settled} of {all} steps, {}", tenths(spent))));
        }
        None if run.left => {
            let text = format!(" ▲ {}: 8, then c goes on with it", left_words(run.begun));
            out.push(ctx.line(Role::Warning, text));
        }
        None => {
            let mut text = format!("{} · {settled} of {all} steps · {} so far", run.stage, tenths(spent));
            let mut more = None;
            if let Some(left) = run.remaining() {
                let whole = format!("{text} · {left}");
                // A figure without its unit is worse than none: what has no room has a line of its own.
                if width(&whole) < room {
                    text = whole;
                } else {
                    more = Some(left.to_string());
                }
            }
            for line in std::iter::once(text).chain(more) {
                out.extend(hanging(ctx, &ctx.span(Role::Text, " "), Role::Text, &line, room));
            }
            if let Some(portion) = run.portion() {
                let head = ctx.span(Role::Accent, " ⇢ ");
                out.extend(hanging(ctx, &head, Role::Text, &portion.to_string(), room));
            }
            out.extend(waits(ctx, run, room));
        }
    }
    if let Some(by) = run.cancelled.as_ref().filter(|_| run.end.is_none()) {
        out.push(ctx.line(Role::Warning, format!(" ◀ {by} has asked to take it back")));
    } else if run.paused && run.end.is_none() {
        out.push(ctx.line(Role::Banner, " PAUSED before the next change: p goes on "));
    }
    if let Some(question) = &run.question {
        let text = format!(" IT WAITS FOR YOU: {} · enter answers", question.text);
        out.extend(
            wrap(&text, room)
                .into_iter()
                .map(|part| marked_as(ctx, Role::Banner, &part, room)),
        );
    }
    out.push(Line::default());
    out
}

/// What is waited for, how often it is asked for, and until when.
fn waits(ctx: &Ctx<'_>, run: &Progress, room: u16) -> Vec<Line<'static>> {
    let why = run.waits.as_deref().unwrap_or("no answer came");
    let Some(GivesUp { every, at, .. }) = run.gives_up else {
        let head = ctx.span(Role::Warning, " ↻ ");
        let waits = run.waits.as_deref();
        return waits.map_or_else(Vec::new, |why| hanging(ctx, &head, Role::Warning, why, room));
    };
    let step = run.current.and_then(|at| run.steps.get(at));
    let place = step.map_or("the target", |step| step.place.as_str());
    let unknown = step.is_some_and(|step| step.state == StepState::Unknown);
    let left = span(at.since(ctx.now.max(run.at)));
    let every = every.as_secs();
    let text = if unknown {
        format!("asks {place} every {every} s what became of the step; after {left} more it parks, outcome unknown")
    } else {
        format!("looks again every {every} s, for {left} more; then the step counts as failed")
    };
    let mut out = hanging(ctx, &ctx.span(Role::Warning, " ↻ "), Role::Warning, &text, room);
    out.extend(hanging(ctx, &ctx.span(Role::Dim, "   "), Role::Dim, why, room));
    out
}

fn marked_as(ctx: &Ctx<'_>, role: Role, text: &str, room: u16) -> Line<'static> {
    let pad = " ".repeat(usize::from(room.saturating_sub(width(text))));
    ctx.line(role, format!("{text}{pad}"))
}

/// Every step; where they are too many for the screen, those around the current one, and the others counted.
fn steps(ctx: &Ctx<'_>, run: &Progress, room: u16) -> Vec<Line<'static>> {
    let body = usize::from(screen::areas(ctx.model).body.height);
    let most = body.saturating_sub(8).max(5);
    let count = run.steps.len();
    let (from, to) = if count <= most {
        (0, count)
    } else {
        let settled = run
            .steps
            .iter()
            .position(|step| !step.state.is_settled())
            .unwrap_or(count);
        let current = run.current.unwrap_or(settled);
        let from = current.saturating_sub(most / 2).min(count - most);
        (from, from + most)
    };
    let mut out = Vec::new();
    if from > 0 {
        out.push(ctx.line(Role::Dim, format!("   ↑ {} before these", steps_word(from))));
    }
    for (at, step) in run.steps.iter().enumerate().take(to).skip(from) {
        let line = one_step(ctx, run, at, step);
        let here = run.current == Some(at) && run.end.is_none();
        out.push(if here { marked(ctx, &line, room) } else { line });
    }
    if to < count {
        out.push(ctx.line(Role::Dim, format!("   ↓ {} after these", steps_word(count - to))));
    }
    out
}

fn steps_word(count: usize) -> String {
    format!("{count} {}", if count == 1 { "step" } else { "steps" })
}

fn one_step(ctx: &Ctx<'_>, run: &Progress, at: usize, step: &StepProgress) -> Line<'static> {
    let (glyph, role) = sign(step.state);
    let spent = match (step.began, step.ended) {
        (Some(began), Some(ended)) => tenths(ended.since(began)),
        (Some(began), None) if run.end.is_none() => tenths(ctx.now.max(run.at).since(began)),
        _ => String::new(),
    };
    Line::from(vec![
        ctx.span(role, format!(" {glyph} {:<11}", step.state.word())),
        ctx.span(Role::Dim, format!("{:>2} ", at + 1)),
        ctx.span(
            if step.state == StepState::Waiting {
                Role::Dim
            } else {
                Role::Text
            },
            step.says.clone(),
        ),
        ctx.span(Role::Dim, format!("  {spent}")),
    ])
}

/// How the clients of the slices fare.
fn clients(ctx: &Ctx<'_>, run: &Progress, room: u16) -> Vec<Line<'static>> {
    if run.clients.is_empty() {
        return Vec::new();
    }
    let answer = run
        .clients
        .iter()
        .filter(|client| client.stalled.is_none() && client.answers > 0 && client.note.is_empty());
    let text = match run.end {
        None => format!(" CLIENTS  {} of {} answer now", answer.count(), run.clients.len()),
        Some(_) => " CLIENTS  at the end of the run".to_owned(),
    };
    let mut out = vec![Line::default(), ctx.line(Role::Title, text)];
    for client in &run.clients {
        let (role, text) = client_words(ctx, client);
        let name = format!("{} {}", client.client, client.mount_point);
        let head = ctx.span(Role::Text, format!("   {name:<28} "));
        out.extend(hanging(ctx, &head, role, &text, room));
    }
    out
}

fn client_words(ctx: &Ctx<'_>, client: &ClientView) -> (Role, String) {
    let longest = client.longest.map(tenths);
    // A wait that was there before the run was is longer than what the run has seen of it.
    let from = match (client.from_begin, client.stalled) {
        (false, _) => String::new(),
        (true, None) => ", counted from the run's begin".to_owned(),
        (true, Some(_)) => match missed_since(ctx, client) {
            Some(since) => format!(
                ", counted from the run's begin; the monitor misses it since {}",
                time_of_day(since)
            ),
            None => ", counted from the run's begin".to_owned(),
        },
    };
    let (role, mut text) = match (client.stalled, longest) {
        (Some(stalled), _) => (Role::Warning, format!("▲ stalled for {}{from}", tenths(stalled))),
        (None, Some(longest)) => (Role::Ok, format!("● answers; longest wait {longest}{from}")),
        (None, None) if client.note.is_empty() => (Role::Unknown, "? not measured".to_owned()),
        (None, None) => return (Role::Unknown, format!("? {}", client.note)),
    };
    if !client.note.is_empty() {
        text = format!("{text}  {}", client.note);
    }
    (role, text)
}

/// Since when the monitor has had no answer from the mount.
fn missed_since(ctx: &Ctx<'_>, client: &ClientView) -> Option<UnixMs> {
    let mut findings = ctx.model.live.findings.iter();
    let found = findings.find(|finding| {
        finding.code == Code::MountHung
            && finding.subject.host.as_ref() == Some(&client.client)
            && *finding.subject.name == *client.mount_point
    })?;
    Some(found.since)
}

/// What the current step runs and prints, or the one at which it stopped.
fn output(ctx: &Ctx<'_>, run: &Progress, room: u16) -> Vec<Line<'static>> {
    let stopped = run
        .steps
        .iter()
        .position(|step| matches!(step.state, StepState::Failed | StepState::Unknown));
    let Some(at) = run.current.or(stopped) else {
        return Vec::new();
    };
    let Some(step) = run.steps.get(at) else {
        return Vec::new();
    };
    let mut out = vec![
        Line::default(),
        ctx.line(Role::Title, format!(" STEP {} ON {}", at + 1, step.place)),
    ];
    for command in &step.commands {
        let head = ctx.span(Role::Notice, format!("   {}$ ", step.place));
        out.extend(hanging(ctx, &head, Role::Text, command, room));
    }
    let lines: Vec<&str> = step.output.lines().collect();
    for line in &lines[lines.len().saturating_sub(OUTPUT)..] {
        out.push(ctx.line(Role::Text, format!("     {line}")));
    }
    for seen in &step.evidence {
        out.extend(hanging(ctx, &ctx.span(Role::Dim, "   seen   "), Role::Dim, seen, room));
    }
    out
}

fn log(ctx: &Ctx<'_>, run: &Progress, room: u16) -> Vec<Line<'static>> {
    let mut out = vec![Line::default(), ctx.line(Role::Title, " WHAT HAPPENED, NEWEST FIRST")];
    let mut told = false;
    for (at, line) in run.log.iter().rev().take(LOG).enumerate() {
        // What another process wrote, or this one before the run was left, did not happen now.
        let before = run.logged - u64::try_from(at).unwrap_or(run.logged) <= run.before;
        if before && !std::mem::replace(&mut told, true) {
            let text = format!(
                "   ── before {} went on with it at {} ──",
                run.owner,
                time_of_day(run.began)
            );
            out.push(ctx.line(Role::Dim, text));
        }
        let role = if before { Role::Dim } else { Role::Text };
        let head = ctx.span(Role::Dim, format!("   {} ", time_of_day(line.at)));
        out.extend(hanging(ctx, &head, role, &line.text, room));
    }
    out
}

/// What goes on, when somebody wants to quit.
pub fn draw_leave(ctx: &Ctx<'_>, buffer: &mut Buffer) {
    let runs = ctx.model.works.as_ref().map(|works| &works.runs);
    let going = runs.and_then(|runs| {
        let own = runs.under_way()?;
        Some(format!("{} {} is under way: {}.", own.runbook, runs.word, own.stage))
    });
    let after = if ctx.model.passing {
        "The simulated hosts end with this process, and the run with them."
    } else {
        "Any console can go on with it or take it back: 8."
    };
    let text = format!(
        "{} It goes on only while this process lives. L (a capital one) leaves it in its middle: what is being done now is \
         finished and written down, nothing more is begun, and the hosts stay as they are then, clients kept out \
         included. {after}",
        going.unwrap_or_else(|| "A run is about to begin.".to_owned())
    );
    let screen = buffer.area;
    let wide = screen.width.saturating_sub(4).min(80);
    let lines: Vec<Line<'static>> = wrap(&text, wide - 4)
        .into_iter()
        .map(|part| ctx.line(Role::Text, part))
        .collect();
    let high = (cells(lines.len()) + 4).min(screen.height);
    let area = Rect::new((screen.width - wide) / 2, (screen.height - high) / 2, wide, high);
    let inner = frame(ctx, buffer, area, " a run is under way ");
    document::draw(ctx, buffer, inner, &lines, 0);
    let keys = marked_as(
        ctx,
        Role::Banner,
        " esc stays (default) · L leaves the run in its middle",
        inner.width,
    );
    let last = Rect::new(inner.x, inner.bottom().saturating_sub(1), inner.width, 1);
    document::draw(ctx, buffer, last, &[keys], 0);
}
