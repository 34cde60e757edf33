//! Runs of the journal, open ones first with what to do, and the report of one.

use super::{
    Ctx,
    runbooks::{hanging, marked},
};
use crate::{
    console::{
        runbooks::runs::RunLine,
        text::{fit, since, span, width},
        theme::{Role, glyph_of, role_of},
    },
    store::Standing,
    verdict::Severity,
};
use ratatui::text::Line;

/// The list.
pub fn list(ctx: &Ctx<'_>, room: u16) -> Vec<Line<'static>> {
    let Some(works) = &ctx.model.works else {
        return Vec::new();
    };
    let runs = &works.runs;
    let longest = runs
        .lines
        .iter()
        .map(|line| width(&line.what))
        .max()
        .unwrap_or_default();
    // How it stands, in a word or two, keeps its room.
    let wide = (longest + 2).clamp(28, room.saturating_sub(1 + 18 + 30).max(28));
    let head = format!(" {:<1$}{2:<18}{3}", "RUN", usize::from(wide), "BEGAN", "HOW IT STANDS");
    let mut out = vec![ctx.line(Role::Title, head)];
    if let Some(why) = &runs.trouble {
        let head = ctx.span(Role::Unknown, " ? ");
        out.extend(hanging(
            ctx,
            &head,
            Role::Unknown,
            &format!("the journal cannot be read: {why}"),
            room,
        ));
    }
    for (at, line) in runs.lines.iter().enumerate() {
        let own = runs.under_way().is_some_and(|own| own.run == line.id);
        let lines = one(ctx, line, own, wide, room);
        if at == runs.at {
            out.extend(lines.iter().map(|line| marked(ctx, line, room)));
        } else {
            out.extend(lines);
        }
    }
    if runs.lines.is_empty() && runs.trouble.is_none() {
        let text = if runs.read {
            " no runs yet"
        } else {
            " the journal is being read"
        };
        out.push(ctx.line(Role::Dim, text));
    }
    out
}

fn one(ctx: &Ctx<'_>, line: &RunLine, own: bool, wide: u16, room: u16) -> Vec<Line<'static>> {
    let (severity, stands) = line.stands();
    let sign = if severity == Severity::Ok {
        "✔"
    } else {
        glyph_of(severity)
    };
    let spent = line
        .ended
        .map(|ended| span(ended.since(line.began)))
        .unwrap_or_default();
    let mut head = Line::from(vec![
        ctx.span(
            Role::Text,
            format!(" {:<1$}", fit(&line.what, wide - 1), usize::from(wide)),
        ),
        ctx.span(Role::Dim, format!("{:<18}", since(line.began, ctx.now))),
        ctx.span(role_of(severity), format!("{sign} {}", first_words(&stands, severity))),
    ]);
    if !spent.is_empty() {
        head.spans.push(ctx.span(Role::Dim, format!("  {spent}")));
    }
    let mut out = vec![head];
    if line.is_open() {
        let indent = ctx.span(Role::Dim, "     ");
        out.extend(hanging(ctx, &indent, Role::Text, &stands, room));
        let todo = match (&line.standing, own) {
            (_, true) => "→ enter shows it",
            (Standing::Driven(_), _) => "→ enter: report so far · x: have it taken back",
            _ => "→ c: go on with it · x: take it back · enter: report",
        };
        out.extend(hanging(ctx, &indent, Role::Accent, todo, room));
    }
    let who = format!("     {} by {}", line.id, line.owner);
    out.push(ctx.line(Role::Dim, who));
    out
}

/// How a run stands in a word or two.
fn first_words(stands: &str, severity: Severity) -> String {
    let first = stands.split([':', ',']).next().unwrap_or(stands);
    match severity {
        Severity::Critical => format!("UNFINISHED, {first}"),
        _ => first.to_owned(),
    }
}

/// The report of a run.
pub fn report(ctx: &Ctx<'_>, id: &str, room: u16) -> Vec<Line<'static>> {
    let known = ctx.model.works.as_ref().and_then(|works| works.runs.report.as_ref());
    match known.filter(|(run, _)| run == id) {
        None => vec![ctx.line(Role::Dim, " the journal is being read")],
        Some((_, Err(why))) => vec![super::parts::unknown(ctx, why)],
        Some((_, Ok(text))) => {
            let mut out = Vec::new();
            for line in text.lines() {
                let role = if line.starts_with('#') { Role::Title } else { Role::Text };
                let indent = line.len() - line.trim_start().len();
                let head = ctx.span(role, " ".repeat(indent + 1));
                out.extend(hanging(ctx, &head, role, line.trim_start(), room));
            }
            out
        }
    }
}
