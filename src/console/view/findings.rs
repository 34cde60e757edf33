//! The Findings page: what is wrong, about what, since when, and the evidence.

use super::{
    Ctx, parts,
    table::{Cells, Column, left, right},
};
use crate::{
    console::{
        advice::advice,
        index::{Id, Row},
        past::Cleared,
        runbooks::offers::could_help,
        text::{since, span, tight_span, wrap},
        theme::{Role, glyph_of, role_of},
    },
    verdict::{Code, Subject},
};
use ratatui::text::Line;

const WIDE: &[Column] = &[
    left("SEVERITY", 10, 15, 0),
    left("SUBJECT", 14, 20, 0),
    left("FINDING", 18, 20, 3),
    left("EVIDENCE", 20, 300, 0),
    left("SINCE", 8, 16, 2),
    right("FOR", 6, 8, 1),
];

const NARROW: &[Column] = &[
    left("SUBJECT", 13, 20, 0),
    left("EVIDENCE", 10, 300, 0),
    right("FOR", 6, 7, 0),
];

/// The columns at a width.
pub const fn columns(room: u16) -> &'static [Column] {
    if room < 70 { NARROW } else { WIDE }
}

/// The cells of a row.
pub fn row(ctx: &Ctx<'_>, row: &Row) -> Cells {
    if let Id::Cleared(_) = row.id {
        return ctx
            .model
            .past
            .get(row.at)
            .map_or(Cells::Each(Vec::new()), |past| cleared(ctx, past));
    }
    let Some(finding) = ctx.view.findings.get(row.at) else {
        return Cells::Each(Vec::new());
    };
    let role = role_of(finding.severity);
    let lasts = ctx.line(Role::Text, tight_span(ctx.now.since(finding.since)));
    let body = crate::console::screen::areas(ctx.model).body.width;
    if columns(body).len() == NARROW.len() {
        return Cells::Each(vec![
            ctx.line(role, format!("{} {}", glyph_of(finding.severity), finding.subject)),
            ctx.line(Role::Text, finding.evidence.to_string()),
            lasts,
        ]);
    }
    Cells::Each(vec![
        ctx.state(finding.severity, finding.severity.word()),
        ctx.line(Role::Text, finding.subject.to_string()),
        ctx.line(role, finding.code.name()),
        ctx.line(Role::Text, finding.evidence.to_string()),
        ctx.line(Role::Dim, since(finding.since, ctx.now)),
        lasts,
    ])
}

/// One that is over: quiet, and it says until when.
fn cleared(ctx: &Ctx<'_>, past: &Cleared) -> Cells {
    let finding = &past.finding;
    let was = format!("until {}: {}", since(past.at, ctx.now), finding.evidence);
    let lasted = ctx.line(Role::Dim, tight_span(past.at.since(finding.since)));
    let body = crate::console::screen::areas(ctx.model).body.width;
    if columns(body).len() == NARROW.len() {
        return Cells::Each(vec![
            ctx.line(Role::Dim, format!("○ {}", finding.subject)),
            ctx.line(Role::Dim, was),
            lasted,
        ]);
    }
    Cells::Each(vec![
        ctx.line(Role::Dim, "○ cleared"),
        ctx.line(Role::Dim, finding.subject.to_string()),
        ctx.line(Role::Dim, finding.code.name()),
        ctx.line(Role::Dim, was),
        ctx.line(Role::Dim, since(finding.since, ctx.now)),
        lasted,
    ])
}

/// Everything about a finding that is over.
pub fn past(ctx: &Ctx<'_>, seq: u64, room: u16) -> Vec<Line<'static>> {
    let Some(past) = ctx.model.past.find(seq) else {
        return vec![parts::unknown(ctx, "this finding was cleared long ago")];
    };
    let finding = &past.finding;
    let text = format!(
        "○ cleared {} ago: was {} {}",
        span(ctx.now.since(past.at)),
        finding.severity.word(),
        finding.code
    );
    let lasted = format!(
        "from {} until {} ({})",
        since(finding.since, ctx.now),
        since(past.at, ctx.now),
        span(past.at.since(finding.since))
    );
    let mut out = vec![ctx.line(Role::Title, text), ctx.line(Role::Dim, lasted)];
    let text = format!("{}: {}", finding.subject, finding.evidence);
    out.extend(wrap(&text, room).into_iter().map(|line| ctx.line(Role::Text, line)));
    out
}

/// Everything about one finding.
pub fn detail(ctx: &Ctx<'_>, code: Code, subject: &Subject, room: u16) -> Vec<Line<'static>> {
    let found = ctx
        .view
        .findings
        .iter()
        .find(|finding| finding.code == code && finding.subject == *subject);
    let Some(finding) = found else {
        return vec![parts::unknown(ctx, "this finding is over")];
    };
    let mut head = ctx.state(
        finding.severity,
        &format!("{} {}", finding.severity.word(), finding.code),
    );
    head.spans.push(ctx.span(
        Role::Dim,
        format!(
            "  since {} ({})",
            since(finding.since, ctx.now),
            span(ctx.now.since(finding.since))
        ),
    ));
    let mut out = vec![head];
    let text = format!("{}: {}", finding.subject, finding.evidence);
    out.extend(wrap(&text, room).into_iter().map(|line| ctx.line(Role::Text, line)));
    if let Some(help) = could_help(ctx.view, finding, ctx.now, ctx.model.works.is_some()) {
        out.extend(
            wrap(&format!("→ {help}"), room)
                .into_iter()
                .map(|line| ctx.line(Role::Accent, line)),
        );
    }
    let advice = format!("→ {}", advice(ctx.view, finding, ctx.now));
    out.extend(wrap(&advice, room).into_iter().map(|line| ctx.line(Role::Accent, line)));
    if !finding.hosts.is_empty() {
        let names: Vec<&str> = finding.hosts.iter().map(crate::fleet::HostName::as_str).collect();
        out.push(ctx.line(Role::Dim, format!("also concerns {}", names.join(", "))));
    }
    out
}
