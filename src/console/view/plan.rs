//! A plan before anything happens: what is lost first, then what to know, then every step with its command, proof and
//! way back. Below it the line where a name has to be typed; nothing else is a yes.

use super::{
    Ctx, document,
    overlay::frame,
    runbooks::{doubted, hanging, kind_word},
    table::put,
};
use crate::{
    console::{
        layer::Layer,
        model::Model,
        runbooks::{Planning, Stage, arrays::unused, consent::noun, offers::Asked},
        text::{cells, fit, span, width, wrap},
        theme::Role,
    },
    runbook::{
        check::Refusal,
        definition::Kind,
        operation::{Operation, Work},
        plan::{Plan, Rule, Step},
        planner::show,
    },
};
use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line, Span},
};

/// Lines below the plan beside those that say what to type: a rule, and the line that is typed.
const CONSENT: u16 = 2;
/// What to type takes so many lines at most: something has to be seen of the plan.
const PROMPT: usize = 5;

/// Where the plan's box is.
fn place(size: (u16, u16)) -> Rect {
    let margin = u16::from(size.0 >= 100) * 2;
    let above = u16::from(size.1 >= 20);
    Rect::new(
        margin,
        above,
        size.0.saturating_sub(2 * margin),
        size.1.saturating_sub(1 + above),
    )
}

/// Whether something can be typed.
fn typed(planning: &Planning) -> bool {
    match planning.stage {
        Stage::Making { .. } => false,
        Stage::Ready(_) => true,
        Stage::Refused(_) => !planning.glass().is_empty(),
    }
}

/// Lines that the consent takes below the plan, in a room so wide.
fn below(ctx: &Ctx<'_>, planning: &Planning, room: u16) -> u16 {
    if typed(planning) {
        consent_height(ctx, &prompt(ctx, planning), room)
    } else {
        0
    }
}

/// The fleet's loud label, and what to type beside it in as many lines as that takes.
fn worded(ctx: &Ctx<'_>, prompt: &str, room: u16) -> (String, Vec<String>) {
    let fleet = &ctx.view.fleet;
    let label = fleet.label.as_deref().unwrap_or(&fleet.name);
    let label = format!(" {} ", fit(label, room / 3));
    let mut lines = wrap(prompt, room.saturating_sub(width(&label)));
    lines.truncate(PROMPT);
    (label, lines)
}

fn consent_height(ctx: &Ctx<'_>, prompt: &str, room: u16) -> u16 {
    CONSENT + cells(worded(ctx, prompt, room).1.len())
}

/// Lines of the plan on top, and how many of them are seen at once.
pub fn size(model: &Model) -> (u16, u16) {
    let Some(Layer::Plan(planning)) = model.layers.last() else {
        return (0, 0);
    };
    let area = place(model.size);
    let ctx = Ctx::new(model);
    let wide = area.width.saturating_sub(4);
    let lines = lines(&ctx, planning, wide);
    let room = area.height.saturating_sub(2 + below(&ctx, planning, wide));
    (cells(lines.len()), room)
}

/// Draws it; gives the place of the text cursor while something can be typed.
pub fn draw(ctx: &Ctx<'_>, buffer: &mut Buffer, planning: &Planning) -> Option<Position> {
    let area = place((buffer.area.width, buffer.area.height));
    let title = match planning.stage {
        Stage::Making { .. } => " a plan is being made ",
        Stage::Refused(_) if planning.tried => " the run has not begun ",
        Stage::Refused(_) => " there is no plan ",
        Stage::Ready(_) => " plan: nothing has been done yet ",
    };
    let inner = frame(ctx, buffer, area, title);
    let below = below(ctx, planning, inner.width).min(inner.height);
    let body = Rect::new(inner.x, inner.y, inner.width, inner.height - below);
    document::draw(ctx, buffer, body, &lines(ctx, planning, body.width), planning.scroll);
    (below > 0).then(|| {
        let box_ = Rect::new(inner.x, body.bottom(), inner.width, below);
        consent(ctx, buffer, box_, &prompt(ctx, planning), &planning.line.text())
    })
}

fn prompt(ctx: &Ctx<'_>, planning: &Planning) -> String {
    let asked = &planning.asked;
    match &planning.stage {
        Stage::Refused(_) => {
            let flags: Vec<String> = planning.glass().into_iter().map(|(flag, _, _)| flag).collect();
            format!("To set a rule aside, type in full: {}", flags.join(" or "))
        }
        Stage::Making { .. } | Stage::Ready(_) => {
            let noun = noun(ctx.model.library.find(&asked.runbook), asked);
            format!("To run it, type {noun} in full: {}", asked.word)
        }
    }
}

/// The line where a name is typed, under the fleet's loud label.
pub fn consent(ctx: &Ctx<'_>, buffer: &mut Buffer, area: Rect, prompt: &str, typed: &str) -> Position {
    super::frame::rule(ctx, buffer, Rect::new(area.x, area.y, area.width, 1));
    let (mut label, lines) = worded(ctx, prompt, area.width);
    let used = width(&label);
    let mut y = area.y + 1;
    for line in lines {
        buffer.set_style(Rect::new(area.x, y, area.width, 1), ctx.theme().style(Role::Label));
        let line = ctx.line(Role::Label, format!("{label}{line}"));
        put(buffer, area.x, y, area.width, &line, false);
        label = " ".repeat(usize::from(used));
        y += 1;
    }
    // What is typed comes before the hint about it.
    let room = area.width.saturating_sub(used + 3);
    let hints = ["then enter · esc cancels (default)", "enter · esc cancels", ""];
    let leaves = |hint: &&&str| room.saturating_sub(width(hint)) >= width(typed).max(10);
    let hint = hints.iter().find(leaves).copied().unwrap_or_default();
    put(buffer, area.x, y, area.width, &ctx.line(Role::Dim, hint), true);
    let shown = tail(typed, room.saturating_sub(width(hint)));
    let line = Line::from(vec![
        ctx.span(Role::Accent, format!("{:>1$}", "› ", usize::from(used) + 2)),
        ctx.span(Role::Text, shown.clone()),
    ]);
    put(buffer, area.x, y, area.width, &line, false);
    let x = area.x + used + 2 + width(&shown);
    Position::new(x.min(area.right() - 1), y)
}

/// The end of a text that is being typed, in so many cells; a cut one begins with `…`.
fn tail(text: &str, room: u16) -> String {
    let mut from = text;
    while width(from) > room.saturating_sub(u16::from(from.len() < text.len())) {
        let mut chars = from.chars();
        chars.next();
        from = chars.as_str();
    }
    if from.len() < text.len() {
        format!("…{from}")
    } else {
        text.to_owned()
    }
}

fn lines(ctx: &Ctx<'_>, planning: &Planning, room: u16) -> Vec<Line<'static>> {
    // The plan covers the banner that says it elsewhere.
    let practised = ctx.model.practised.as_deref().unwrap_or_default();
    let practised = wrap(practised, room).into_iter().filter(|line| !line.is_empty());
    let mut out: Vec<Line<'static>> = practised.map(|line| ctx.line(Role::Banner, line)).collect();
    out.extend(stage(ctx, planning, room));
    out
}

fn stage(ctx: &Ctx<'_>, planning: &Planning, room: u16) -> Vec<Line<'static>> {
    match &planning.stage {
        Stage::Making { since } => {
            let spent = span(ctx.now.since(*since));
            let mut out = vec![asked(ctx, planning), Line::default()];
            out.push(ctx.line(
                Role::Accent,
                format!(" {} the hosts are looked at, {spent} so far", turning(ctx)),
            ));
            out.push(ctx.line(Role::Dim, "   Looking changes nothing. Esc or q leaves."));
            out
        }
        Stage::Refused(refusals) => refused(ctx, planning, refusals, room),
        Stage::Ready(plan) => {
            let mut out = claims(ctx, planning, plan, room);
            out.extend(doubted(ctx, &planning.asked, 1, room));
            out.extend(whole(ctx, plan, room));
            out
        }
    }
}

/// A sign that turns once a second.
fn turning(ctx: &Ctx<'_>) -> &'static str {
    ["▁", "▃", "▅", "▇"][usize::try_from(ctx.now.0 / 1000 % 4).unwrap_or_default()]
}

fn asked(ctx: &Ctx<'_>, planning: &Planning) -> Line<'static> {
    let asked = &planning.asked;
    let mut line = ctx.line(Role::Accent, format!(" {} ", asked.runbook));
    let given: Vec<String> = asked
        .parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    line.spans.push(ctx.span(Role::Text, given.join(" ")));
    for (rule, thing) in &asked.glass {
        let text = format!("  {}={thing}", rule_word(*rule));
        line.spans.push(ctx.span(Role::Critical, text));
    }
    line
}

/// The rule as it is typed.
const fn rule_word(rule: Rule) -> &'static str {
    match rule {
        Rule::Force => "force",
        Rule::Discard => "discard",
        Rule::AssertOff => "assert-off",
    }
}

fn refused(ctx: &Ctx<'_>, planning: &Planning, refusals: &[Refusal], room: u16) -> Vec<Line<'static>> {
    let mut out = vec![asked(ctx, planning), Line::default()];
    out.push(ctx.line(Role::Title, " REFUSED, AND NOTHING WAS CHANGED"));
    for refusal in refusals {
        let head = ctx.span(Role::Critical, " ✖ ");
        out.extend(hanging(ctx, &head, Role::Text, &refusal.fact, room));
        let head = ctx.span(Role::Accent, "   → ");
        out.extend(hanging(ctx, &head, Role::Dim, &refusal.lift, room));
    }
    if let Some(text) = other_disks(ctx, &planning.asked, refusals) {
        let head = ctx.span(Role::Accent, "   → ");
        out.extend(hanging(ctx, &head, Role::Dim, &text, room));
    }
    out
}

/// Disks that could be named instead of the one that does not do as the new one, by what was collected last.
fn other_disks(ctx: &Ctx<'_>, asked: &Asked, refusals: &[Refusal]) -> Option<String> {
    let named = asked.parameters.get("by")?.trim_start_matches("/dev/");
    let host = ctx.view.host(asked.parameters.get("host")?)?;
    let about = |refusal: &Refusal| refusal.fact.split([' ', ':', '`', ',']).any(|word| word == named);
    if !refusals.iter().any(about) {
        return None;
    }
    let mut unused = unused(host.snapshot.as_deref()?);
    unused.retain(|disk| *disk != named);
    Some(match unused.as_slice() {
        [] => format!("no disk of {} is seen that nothing uses", host.name),
        list => format!(
            "by what was collected last nothing uses {} of {}",
            list.join(", "),
            host.name
        ),
    })
}

/// Runs that hold something of it: those that are taken over, and those that could be.
fn claims(ctx: &Ctx<'_>, planning: &Planning, plan: &Plan, room: u16) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    let over = &planning.asked.over;
    for run in over {
        let text = format!("run {run}: it gets nothing on these hosts any more, wherever it is");
        let head = ctx.span(Role::Critical, " TAKES OVER  ");
        out.extend(hanging(ctx, &head, Role::Critical, &text, room));
    }
    let runs = ctx.model.works.as_ref().map(|works| &works.runs);
    let holders = runs.into_iter().flat_map(|runs| runs.holders(plan));
    for line in holders.filter(|line| !over.contains(&line.id)) {
        let text = format!(
            "run {} ({} by {}) may hold these hosts, and its process has ended: {}. 8 goes on with it, or takes it back; \
             to take them over from it, type take-over={}",
            line.id,
            line.what,
            line.owner,
            line.stands().1,
            line.id
        );
        out.extend(hanging(
            ctx,
            &ctx.span(Role::Warning, " ▲ HELD "),
            Role::Text,
            &text,
            room,
        ));
    }
    out
}

/// The whole plan.
fn whole(ctx: &Ctx<'_>, plan: &Plan, room: u16) -> Vec<Line<'static>> {
    let given: Vec<String> = plan
        .parameters
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let kind = match plan.kind {
        Kind::Planned => Role::Text,
        Kind::Emergency => Role::Critical,
    };
    let mut out = vec![Line::from(vec![
        ctx.span(Role::Accent, format!(" {} ", plan.runbook)),
        ctx.span(kind, format!(" {} ", kind_word(plan.kind))),
        ctx.span(Role::Text, format!(" {}", plan.title)),
    ])];
    out.extend(hanging(
        ctx,
        &ctx.span(Role::Dim, " with   "),
        Role::Text,
        &given.join(" "),
        room,
    ));
    let stall = match plan.kind {
        _ if !plan.stall.is_zero() => format!("clients wait about {:.1} s", plan.stall.as_secs_f64()),
        Kind::Planned => "no client waits".to_owned(),
        Kind::Emergency => "how long clients wait is not estimated".to_owned(),
    };
    out.push(Line::from(vec![
        ctx.span(Role::Dim, " stall  "),
        ctx.span(Role::Text, stall),
        ctx.span(Role::Dim, format!("   plan {}", plan.hash)),
    ]));
    match &plan.loss {
        None => out.push(Line::from(vec![
            ctx.span(Role::Dim, " loss   "),
            ctx.span(Role::Ok, "no data"),
        ])),
        Some(loss) => {
            for line in loss.lines() {
                let head = ctx.span(Role::Critical, " ✖ LOSS ");
                out.extend(hanging(ctx, &head, Role::Critical, line, room));
            }
        }
    }
    for glass in &plan.glass {
        let text = format!("{} for {}, said by {}", rule_word(glass.rule), glass.resource, glass.by);
        out.extend(hanging(
            ctx,
            &ctx.span(Role::Critical, " RULE SET ASIDE  "),
            Role::Critical,
            &text,
            room,
        ));
    }
    for warning in plan.warnings.iter().chain(&plan.notes) {
        out.extend(hanging(
            ctx,
            &ctx.span(Role::Warning, " ▲ note "),
            Role::Text,
            warning,
            room,
        ));
    }
    for (at, step) in plan.steps.iter().enumerate() {
        out.push(Line::default());
        out.extend(one_step(ctx, at, step, room));
    }
    out.push(Line::default());
    let functions = show::functions(plan);
    if !functions.is_empty() {
        let text = " SHELL FUNCTIONS THAT POINTSMAN SENDS ALONG: WHAT THEY RUN";
        out.push(ctx.line(Role::Title, text));
        for (name, runs) in functions {
            let head = ctx.span(Role::Notice, format!("     {name:<14} "));
            out.extend(hanging(ctx, &head, Role::Dim, runs, room));
        }
        out.push(Line::default());
    }
    out.push(ctx.line(Role::Dim, " This is the whole plan."));
    out
}

fn one_step(ctx: &Ctx<'_>, at: usize, step: &Step, room: u16) -> Vec<Line<'static>> {
    let operation = &step.operation;
    let label = |text: &str| ctx.span(Role::Dim, format!("     {text:<7}"));
    let head = ctx.span(Role::Accent, format!(" {:>2}  ", at + 1));
    let mut out = hanging(ctx, &head, Role::Text, &operation.says, room);
    out.extend(hanging(ctx, &label("why"), Role::Dim, &step.why, room));
    let host = operation.runs_on();
    for command in operation.shown() {
        let head = ctx.span(Role::Notice, format!("     {host}$ "));
        out.extend(hanging(ctx, &head, Role::Text, &command, room));
    }
    if let Work::Ask(question) = &operation.work {
        let text = format!("{} The answer is the word {}.", question.text, question.word);
        out.extend(hanging(ctx, &label("asks"), Role::Text, &text, room));
    }
    for proof in &operation.proof {
        out.extend(hanging(ctx, &label("proof"), Role::Text, &proof.says, room));
    }
    out.extend(undo(ctx, operation, step.undo.as_ref(), &label("undo"), room));
    out
}

fn undo(
    ctx: &Ctx<'_>,
    operation: &Operation,
    undo: Option<&Operation>,
    head: &Span<'static>,
    room: u16,
) -> Vec<Line<'static>> {
    match undo {
        Some(undo) => hanging(ctx, head, Role::Text, &undo.says, room),
        None if show::is_final(operation) => {
            hanging(ctx, head, Role::Critical, "none: this cannot be taken back", room)
        }
        None => Vec::new(),
    }
}

/// A question in a box of its own: heading, text, and the line where a name is typed.
pub fn ask(ctx: &Ctx<'_>, buffer: &mut Buffer, title: &str, text: &str, prompt: &str, typed: &str) -> Position {
    let screen = buffer.area;
    let wide = screen.width.saturating_sub(4).min(90);
    let lines = wrap(text, wide.saturating_sub(4));
    let below = consent_height(ctx, prompt, wide.saturating_sub(4));
    let high = (cells(lines.len()) + below + 2).min(screen.height);
    let area = Rect::new((screen.width - wide) / 2, (screen.height - high) / 2, wide, high);
    let inner = frame(ctx, buffer, area, &format!(" {title} "));
    let lines: Vec<Line<'static>> = lines.into_iter().map(|line| ctx.line(Role::Text, line)).collect();
    let below = below.min(inner.height);
    let room = inner.height - below;
    document::draw(ctx, buffer, Rect::new(inner.x, inner.y, inner.width, room), &lines, 0);
    let box_ = Rect::new(inner.x, inner.y + room, inner.width, below);
    consent(ctx, buffer, box_, prompt, typed)
}
