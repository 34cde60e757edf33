//! Pieces that several pages share: readings, sparklines, mounts, words for what is not known.

use super::{Ctx, document::Section};
use crate::{
    collect::{HostView, Series, Trend},
    console::{
        advice::advice,
        runbooks::offers::could_help,
        sides::SliceFacts,
        status,
        text::{millis, span, tight_span},
        theme::{Role, glyph_of, role_of},
        view::frame::finding_line,
        words,
    },
    facts::{Reading, State, UnixMs, filesystem::StatfsOutcome},
    fleet::Host,
    verdict::{Finding, Severity},
};
use ratatui::text::{Line, Span};
use std::time::Duration;

/// A reading older than this says its age.
const AGE_SHOWN: Duration = Duration::from_secs(15);

/// The age of a host's data; loud when it is stale.
pub fn age(ctx: &Ctx<'_>, host: &HostView) -> Line<'static> {
    match host.age(ctx.now) {
        Some(age) => {
            let role = if host.is_stale(ctx.now) { Role::Stale } else { Role::Dim };
            ctx.line(role, tight_span(age))
        }
        None => ctx.line(Role::Stale, "never"),
    }
}

/// Latency as a sparkline with its newest value.
pub fn latency(ctx: &Ctx<'_>, host: &HostView, room: usize) -> Line<'static> {
    let (word, series) = status::latency(&host.trend);
    let samples = host.trend.series(series);
    let newest = samples.clone().next_back().flatten();
    let value = newest.map_or_else(|| "?".to_owned(), |ms| millis(f64::from(ms)));
    Line::from(vec![
        ctx.span(Role::Trend, status::spark(samples, room, 10.0)),
        ctx.span(Role::Text, format!(" {word} {value}")),
    ])
}

/// A labelled sparkline for the Host page.
pub fn trend(ctx: &Ctx<'_>, trend: &Trend, series: Series, full: f32) -> Option<Span<'static>> {
    let samples = trend.series(series);
    samples
        .clone()
        .any(|value| value.is_some())
        .then(|| ctx.span(Role::Trend, format!("  {}", status::spark(samples, 24, full))))
}

/// A number with one decimal, or `?`.
pub fn number(ctx: &Ctx<'_>, value: Option<f64>) -> Line<'static> {
    match value {
        Some(value) => ctx.line(Role::Text, format!("{value:.1}")),
        None => ctx.line(Role::Dim, "?"),
    }
}

/// A section of a reading: its lines, or why it is not known. What does not exist on the host is left out.
pub fn section<T>(
    ctx: &Ctx<'_>,
    title: &str,
    host: &HostView,
    reading: &Reading<T>,
    lines: impl FnOnce(&T) -> Vec<Line<'static>>,
) -> Option<Section> {
    let lines = match &reading.state {
        State::Absent => return None,
        State::Unknown(why) => vec![unknown(ctx, &why.to_string())],
        State::Known(value) => lines(value),
    };
    if lines.is_empty() {
        return None;
    }
    let mut heading = ctx.line(Role::Title, title.to_owned());
    if let Some(note) = reading_age(ctx, reading.at) {
        heading.spans.push(note);
    }
    let stale = host.is_stale(ctx.now);
    let lines = if stale {
        lines.into_iter().map(|line| faded(ctx, line)).collect()
    } else {
        lines
    };
    Some(Section { title: heading, lines })
}

/// The age of a reading when it is worth saying.
pub fn reading_age(ctx: &Ctx<'_>, at: UnixMs) -> Option<Span<'static>> {
    let age = ctx.now.since(at);
    (at != UnixMs(0) && age > AGE_SHOWN).then(|| ctx.span(Role::Dim, format!(" {} old", span(age))))
}

/// The line of a value that is not known, and why.
pub fn unknown(ctx: &Ctx<'_>, why: &str) -> Line<'static> {
    Line::from(vec![
        ctx.span(Role::Unknown, " ? "),
        ctx.span(Role::Dim, why.to_owned()),
    ])
}

/// A line of values that are too old to be trusted.
pub fn faded(ctx: &Ctx<'_>, mut line: Line<'static>) -> Line<'static> {
    let stale = ctx.theme().style(Role::Stale);
    for span in &mut line.spans {
        span.style = stale;
    }
    line
}

/// A label and a value.
pub fn pair(ctx: &Ctx<'_>, label: &str, value: impl Into<String>) -> Line<'static> {
    Line::from(vec![
        ctx.span(Role::Dim, format!(" {label:<11}")),
        ctx.span(Role::Text, value),
    ])
}

/// How the mounts of a host do: good ones, wanted ones, and the first that is not good.
pub struct Mounts {
    /// Mounted and answering.
    pub good: usize,
    /// Declared in the inventory.
    pub wanted: usize,
    /// Whether the host's mounts are known at all.
    pub known: bool,
    /// The worst of the others.
    pub bad: Option<(Severity, String)>,
}

/// Looks at the mounts that a host should have.
pub fn mounts(host: &Host, seen: &HostView) -> Mounts {
    let snapshot = seen.snapshot.as_ref();
    let present = snapshot.and_then(|snapshot| snapshot.mounts.value());
    let probes = snapshot.and_then(|snapshot| snapshot.statfs.value());
    let mut mounts = Mounts {
        good: 0,
        wanted: host.mounts.len(),
        known: present.is_some(),
        bad: None,
    };
    for wanted in &host.mounts {
        let Some(present) = present else {
            continue;
        };
        let outcome = probes
            .and_then(|list| list.iter().find(|probe| *probe.at == *wanted.at))
            .map(|probe| &probe.outcome);
        let there = present.iter().any(|mount| *mount.at == *wanted.at && mount.is_nfs());
        let said = match outcome {
            _ if !there => Some((Severity::Critical, format!("{} not mounted", wanted.at))),
            Some(StatfsOutcome::Hung { seconds }) if host.thresholds.is_mount_hung(*seconds) => {
                Some((Severity::Critical, format!("{} hung for {seconds} s", wanted.at)))
            }
            Some(StatfsOutcome::Hung { seconds }) if *seconds > 0 => {
                Some((Severity::Warning, format!("{} no answer for {seconds} s", wanted.at)))
            }
            Some(StatfsOutcome::Stale) => Some((Severity::Critical, format!("{} stale", wanted.at))),
            Some(StatfsOutcome::Failed { error }) => Some((Severity::Warning, format!("{}: {error}", wanted.at))),
            Some(StatfsOutcome::Answered { .. } | StatfsOutcome::Hung { .. }) | None => None,
        };
        match said {
            None => mounts.good += 1,
            Some(said) => {
                if mounts.bad.as_ref().is_none_or(|bad| said.0 > bad.0) {
                    mounts.bad = Some(said);
                }
            }
        }
    }
    mounts
}

/// Mounts in a few words.
pub fn mounts_line(ctx: &Ctx<'_>, mounts: &Mounts) -> Line<'static> {
    if mounts.wanted == 0 {
        return Line::default();
    }
    if !mounts.known {
        return ctx.line(Role::Unknown, "? mounts not known");
    }
    let text = format!("{} of {} mounts", mounts.good, mounts.wanted);
    let mut line = match &mounts.bad {
        Some((severity, _)) => ctx.state(*severity, &text),
        None => ctx.line(Role::Text, text),
    };
    if let Some((severity, text)) = &mounts.bad {
        line.spans.push(ctx.span(role_of(*severity), format!("  {text}")));
    }
    line
}

/// A word with the sign of its severity; a good one stays plain.
pub fn said(ctx: &Ctx<'_>, said: Option<(Severity, String)>) -> Line<'static> {
    match said {
        None => ctx.line(Role::Dim, "–"),
        Some((Severity::Ok, text)) => ctx.line(Role::Text, text),
        Some((severity, text)) => ctx.line(role_of(severity), format!("{} {text}", glyph_of(severity))),
    }
}

/// Findings that concern something, as a section.
pub fn findings_section<'a>(ctx: &Ctx<'_>, findings: impl Iterator<Item = &'a Finding>, room: u16) -> Option<Section> {
    let lines: Vec<Line<'static>> = findings
        .take(12)
        .flat_map(|finding| finding_lines(ctx, finding, room))
        .collect();
    (!lines.is_empty()).then(|| Section {
        title: ctx.line(Role::Title, "FINDINGS"),
        lines,
    })
}

/// One finding with its advice, and the runbooks that could help.
pub fn finding_lines(ctx: &Ctx<'_>, finding: &Finding, room: u16) -> Vec<Line<'static>> {
    let mut line = finding_line(ctx, finding, room.saturating_sub(1).min(99));
    line.spans.insert(0, Span::raw(" "));
    let mut lines = vec![
        line,
        ctx.line(Role::Accent, format!("   → {}", advice(ctx.view, finding, ctx.now))),
    ];
    let help = could_help(ctx.view, finding, ctx.now, ctx.model.works.is_some());
    lines.extend(help.map(|help| ctx.line(Role::Accent, format!("   → {help}"))));
    lines
}

/// A segment in the side pane: its servers and slices in a few lines each.
pub fn segment_document(ctx: &Ctx<'_>, name: &str, room: u16) -> Vec<Line<'static>> {
    let fleet = &ctx.view.fleet;
    let Some(segment) = fleet.segments.iter().find(|segment| segment.name.as_str() == name) else {
        return vec![unknown(ctx, "this segment is no longer in the inventory")];
    };
    let mut out = vec![ctx.line(Role::Title, format!("SEGMENT {name}"))];
    for server in &segment.servers {
        let Some(host) = ctx.view.host(server.as_str()) else {
            continue;
        };
        let mut line = ctx.host_state(host);
        line.spans.insert(0, ctx.span(Role::Text, format!(" {server}  ")));
        line.spans.push(ctx.span(Role::Dim, "  raid "));
        line.spans.extend(said(ctx, words::raid(ctx.view, host)).spans);
        out.push(line);
    }
    for slice in &segment.slices {
        let facts = SliceFacts::new(ctx.view, segment, slice, ctx.now);
        let place = facts
            .primary()
            .map_or_else(|| "nobody".to_owned(), |side| side.name.to_string());
        let mut line = ctx.line(Role::Text, format!(" {} on {place}  ", slice.name));
        let word = facts
            .primary()
            .and_then(|side| Some(words::volume(ctx.view, side.host, side.volume?)));
        line.spans.extend(said(ctx, word).spans);
        out.push(line);
    }
    out.push(Line::default());
    let names: Vec<&str> = segment.slices.iter().map(|slice| slice.name.as_str()).collect();
    let concerned = ctx.view.findings.iter().filter(|finding| {
        names.contains(&&*finding.subject.name)
            || &*finding.subject.name == name
            || segment.servers.iter().any(|server| finding.concerns(server.as_str()))
    });
    if let Some(section) = findings_section(ctx, concerned, room) {
        out.push(section.title);
        out.extend(section.lines);
    }
    out
}

/// What the signs mean: the head of the help, and shown where nothing better is to be.
pub fn legend(ctx: &Ctx<'_>) -> Vec<Line<'static>> {
    let mut out = vec![ctx.line(Role::Title, "SIGNS")];
    for (severity, meaning) in [
        (
            Severity::Critical,
            "customers are or will soon be affected, or data is at risk",
        ),
        (Severity::Unknown, "it cannot be known, and should be"),
        (Severity::Warning, "redundancy or headroom is reduced"),
        (Severity::Notice, "worth knowing, no harm"),
        (Severity::Ok, "nothing to do"),
    ] {
        let mut line = ctx.state(severity, &format!("{:<12}", severity.word()));
        line.spans.insert(0, Span::raw(" "));
        line.spans.push(ctx.span(Role::Dim, meaning));
        out.push(line);
    }
    for (sign, meaning) in [
        ("◐ semi-failed", "up, but slower than its load and its peers explain"),
        ("░ busy", "much to do: slow for that, or its word is not counted"),
        ("○ cleared", "a finding that is over"),
        ("▸ ▾", "a group that is folded, unfolded"),
        ("▁▂▅█", "the last minutes, oldest first; a gap: no value"),
    ] {
        out.push(Line::from(vec![
            ctx.span(Role::Text, format!(" {sign:<14}")),
            ctx.span(Role::Dim, meaning),
        ]));
    }
    let mut old = faded(ctx, Line::from(format!(" {:<14}", "like this")));
    old.spans.push(ctx.span(Role::Dim, "too old to be trusted"));
    out.push(old);
    out
}
