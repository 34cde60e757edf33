//! One stream: how it did, what is thought of it and why, whom it is compared with.

use super::{FULL, gone, role, times};
use crate::{
    console::{
        matrix::{Level, StreamName},
        sides::SliceFacts,
        status,
        text::{cells, fit, millis, since, span, wrap},
        theme::{Role, role_of},
        view::{
            Ctx,
            document::{Section, flow},
            parts::{finding_lines, pair},
        },
    },
    fleet::HostName,
    verdict::{
        Code, SubjectKind,
        failslow::State,
        latency::{Cell, StreamId, Told},
    },
};
use ratatui::text::{Line, Span};

/// Peers that are listed.
const PEERS: usize = 24;

/// How a stream looks.
pub fn level(ctx: &Ctx<'_>, told: &Told) -> Level {
    let seen = ctx.view.host(told.host.as_str());
    let stale = seen.is_none_or(|seen| seen.is_stale(ctx.now));
    let cell = Cell {
        stream: told.id,
        ratio: told.ratio,
        state: told.state,
        counts: told.fresh && told.trusted,
        fresh: told.fresh,
        blamed: false,
        explained: false,
    };
    Level::of(&cell, stale)
}

/// Its state in a word, with its sign.
pub fn state(ctx: &Ctx<'_>, told: &Told) -> Span<'static> {
    let level = level(ctx, told);
    let text = match (level, told.state) {
        (Level::Unknown, _) => "? not known".to_owned(),
        (Level::Unsure, _) => "░ not counted".to_owned(),
        (_, State::Ok) if level >= Level::Warm && told.op.is_nfs() => "▲ slower than it was".to_owned(),
        (_, State::Ok) if level >= Level::Warm => "▲ slower than its peers".to_owned(),
        (_, State::Ok) => "● ok".to_owned(),
        (_, State::Watch) => "◆ watched".to_owned(),
        (_, State::Slow) => "◐ slow".to_owned(),
        (_, State::Stalled) => "✖ stalled".to_owned(),
        (_, State::Silent) => "? silent".to_owned(),
    };
    ctx.span(
        role(level.max(if told.state == State::Ok { level } else { Level::Warm })),
        text,
    )
}

/// A stream in words, such as `stor1 sdc disk write` or `access1 /mnt/a NFS READ`.
pub fn subject(told: &Told) -> String {
    if told.name.is_empty() {
        format!("{} {}", told.host, told.op)
    } else {
        format!("{} {} {}", told.host, told.name, told.op)
    }
}

/// The page.
pub fn document(ctx: &Ctx<'_>, name: &StreamName, room: u16) -> Vec<Line<'static>> {
    let latency = &ctx.view.latency;
    let Some((id, told)) = name.find(latency).and_then(|id| Some((id, latency.told(id)?))) else {
        return gone(ctx);
    };
    let bold = ctx.theme().style(Role::Text).patch(ratatui::style::Style::new().bold());
    let mut title = Line::from(vec![
        Span::styled(format!(" {}  ", subject(&told)), bold),
        state(ctx, &told),
    ]);
    if level(ctx, &told) >= Level::Calm {
        title
            .spans
            .push(ctx.span(Role::Text, format!("  {}×", times(told.ratio))));
    }
    let mut out = vec![title];
    let why = latency.why(id).unwrap_or_default();
    out.extend(
        wrap(&why, room.saturating_sub(2))
            .into_iter()
            .map(|line| ctx.line(Role::Text, format!(" {line}"))),
    );
    out.push(Line::default());
    let mut sections = vec![measured(ctx, &told, room), history(ctx, id, room)];
    sections.extend(findings(ctx, &told, room));
    sections.extend(peers(ctx, id, &told));
    out.extend(flow(ctx, sections, room));
    out
}

fn measured(ctx: &Ctx<'_>, told: &Told, room: u16) -> Section {
    let of = if told.op.is_nfs() {
        "of its own past"
    } else {
        "of its peers"
    };
    let unknown = level(ctx, told) == Level::Unknown;
    let ratio = if told.ratio.is_nan() {
        "not known yet".to_owned()
    } else {
        format!("{}× {of}", times(told.ratio))
    };
    let ms = told
        .latency_ms
        .map_or_else(|| "?".to_owned(), |ms| millis(f64::from(ms)));
    let mut lines = vec![
        pair(
            ctx,
            "latency",
            if unknown {
                format!("{ms}, when it was seen last")
            } else {
                ms
            },
        ),
        pair(ctx, "ratio", ratio),
        pair(ctx, "load", format!("{}× of its peers", times(told.load_ratio))),
        pair(
            ctx,
            "state",
            format!(
                "{} since {} ({})",
                told.state.word(),
                since(told.since, ctx.now),
                span(ctx.now.since(told.since))
            ),
        ),
        pair(ctx, "peers", told.peers.clone()),
    ];
    if let Some(server) = server(ctx, told) {
        lines.push(pair(ctx, "served by", server.to_string()));
    }
    let observer = match ctx.view.latency.busy(told.host.as_str()) {
        Some(busy) if told.op.is_nfs() && told.trusted => format!("░ {} is busy, counts half: {busy}", told.host),
        Some(busy) if told.op.is_nfs() => format!("░ {} is busy, not counted: {busy}", told.host),
        _ if told.op.is_nfs() => format!("{}, trusted", told.host),
        _ if told.op == crate::verdict::latency::Op::Poll && ctx.view.observer.doubtful => {
            "▲ the console, which is starved: no poll is judged".to_owned()
        }
        _ if told.op == crate::verdict::latency::Op::Poll => "the console, trusted".to_owned(),
        _ => format!("the kernel or server of {} itself", told.host),
    };
    let wide = room.saturating_sub(14).max(20);
    for (at, line) in wrap(&observer, wide).into_iter().enumerate() {
        lines.push(pair(ctx, if at == 0 { "timed by" } else { "" }, line));
    }
    if !told.fresh {
        lines.push(pair(ctx, "", "not measured lately: nothing to do, or no answer"));
    }
    Section {
        title: ctx.line(Role::Title, "MEASURED"),
        lines,
    }
}

/// Who serves the mount.
fn server(ctx: &Ctx<'_>, told: &Told) -> Option<HostName> {
    let host = ctx.view.fleet.host(told.host.as_str()).filter(|_| told.op.is_nfs())?;
    let mount = host.mounts.iter().find(|mount| *mount.at == *told.name)?;
    let (segment, slice) = ctx.view.fleet.slice(mount.slice.as_str())?;
    let facts = SliceFacts::new(ctx.view, segment, slice, ctx.now);
    facts.primary().map(|side| side.name.clone())
}

/// The last minutes: ratio and load, one cell a look at the counters.
fn history(ctx: &Ctx<'_>, id: StreamId, room: u16) -> Section {
    let latency = &ctx.view.latency;
    let wide = usize::from(room.saturating_sub(26)).clamp(10, 60);
    let most = |values: &mut dyn Iterator<Item = Option<f32>>| values.flatten().fold(0.0_f32, f32::max);
    let ratios = || latency.history(id).map(|sample| sample.map(|(ratio, _)| ratio));
    let loads = || latency.history(id).map(|sample| sample.map(|(_, load)| load));
    let line = |label: &str, spark: String, most: f32| {
        let mut line = pair(ctx, label, "");
        line.spans.push(ctx.span(Role::Trend, spark));
        line.spans.push(ctx.span(Role::Dim, format!("  most {}×", times(most))));
        line
    };
    Section {
        title: ctx.line(Role::Title, "LAST MINUTES, 5 s A STEP"),
        lines: vec![
            line("ratio", status::spark(ratios(), wide, FULL), most(&mut ratios())),
            line("load", status::spark(loads(), wide, FULL), most(&mut loads())),
        ],
    }
}

/// Findings about it: of its host, its disk or its mount, and of the way that it goes.
fn findings(ctx: &Ctx<'_>, told: &Told, room: u16) -> Option<Section> {
    let found = ctx.view.findings.iter().filter(|finding| {
        let latency = matches!(
            finding.code,
            Code::SemiFailed | Code::PathSlow | Code::GroupSlow | Code::Stalled | Code::Silent | Code::ObserverBusy
        );
        let subject = &finding.subject;
        let elsewhere = matches!(subject.kind, SubjectKind::Disk | SubjectKind::Mount) && subject.name != told.name;
        latency && finding.concerns(told.host.as_str()) && !elsewhere
    });
    let lines: Vec<Line<'static>> = found.flat_map(|finding| finding_lines(ctx, finding, room)).collect();
    (!lines.is_empty()).then(|| Section {
        title: ctx.line(Role::Title, "FINDINGS"),
        lines,
    })
}

/// Whom it is compared with, the slowest first.
fn peers(ctx: &Ctx<'_>, id: StreamId, told: &Told) -> Option<Section> {
    let latency = &ctx.view.latency;
    let peers = latency.peers_of(id);
    let count = peers.len();
    let mut peers: Vec<Told> = peers.into_iter().filter_map(|peer| latency.told(peer)).collect();
    peers.sort_by(|a, b| b.ratio.total_cmp(&a.ratio));
    let mut lines: Vec<Line<'static>> = peers
        .iter()
        .take(PEERS)
        .map(|peer| short(ctx, peer, peer.host != told.host))
        .collect();
    if count > PEERS {
        lines.push(ctx.line(Role::Dim, format!(" and {} more", count - PEERS)));
    }
    (!lines.is_empty()).then(|| Section {
        title: ctx.line(Role::Title, format!("ITS {count} PEERS")),
        lines,
    })
}

/// A stream in one line.
pub fn short(ctx: &Ctx<'_>, told: &Told, with_host: bool) -> Line<'static> {
    let name = match (with_host, told.name.is_empty()) {
        (true, true) => told.host.to_string(),
        (true, false) => format!("{} {}", told.host, told.name),
        (false, true) => told.op.to_string(),
        (false, false) => told.name.to_string(),
    };
    let wide = if with_host { 24 } else { 12 };
    let level = level(ctx, told);
    let ratio = match level {
        Level::Unknown => "?".to_owned(),
        Level::Idle => "·".to_owned(),
        _ => format!("{}×", times(told.ratio)),
    };
    let ms = told
        .latency_ms
        .filter(|_| level != Level::Unknown)
        .map_or_else(String::new, |ms| millis(f64::from(ms)));
    let mut line = Line::from(vec![
        ctx.span(role(level), format!(" {ratio:>7}")),
        ctx.span(Role::Text, format!("  {ms:>8}  {:<wide$} ", fit(&name, cells(wide)))),
    ]);
    if told.state != State::Ok || level >= Level::Unsure {
        line.spans.push(state(ctx, told));
    }
    line
}

/// What is thought of the streams of a host: those that are not well first, with since when and why; and whether there
/// are such.
pub fn of_host(ctx: &Ctx<'_>, host: &str, room: u16) -> Option<(Section, bool)> {
    let latency = &ctx.view.latency;
    let mut streams: Vec<Told> = latency.streams_of(host).filter_map(|id| latency.told(id)).collect();
    streams.sort_by(|a, b| {
        let key = |told: &Told| (level(ctx, told).max(Level::Unsure), told.state);
        key(b).cmp(&key(a)).then(a.op.cmp(&b.op)).then(a.name.cmp(&b.name))
    });
    let mut lines = Vec::new();
    let mut well = 0;
    for told in &streams {
        if told.state == State::Ok && level(ctx, told) < Level::Warm && lines.len() >= 4 {
            well += 1;
            continue;
        }
        let mut line = short(ctx, told, false);
        if !told.name.is_empty() {
            line.spans
                .insert(2, ctx.span(Role::Dim, format!("{:<10} ", told.op.word())));
        }
        if told.state != State::Ok {
            let lasts = span(ctx.now.since(told.since));
            line.spans
                .push(ctx.span(Role::Dim, format!(" since {} ({lasts})", since(told.since, ctx.now))));
        }
        lines.push(line);
        if told.state != State::Ok {
            let why = latency.why(told.id).unwrap_or_default();
            let wide = room.min(99).saturating_sub(5);
            lines.extend(
                wrap(&why, wide)
                    .into_iter()
                    .map(|line| ctx.line(role_of(crate::verdict::Severity::Notice), format!("    {line}"))),
            );
        }
    }
    if well > 0 {
        lines.push(ctx.line(Role::Dim, format!(" and {well} more as their peers (9 shows them)")));
    }
    let ill = streams.iter().any(|told| told.state != State::Ok);
    let title = ctx.line(Role::Title, "LATENCY");
    (!lines.is_empty()).then_some((Section { title, lines }, ill))
}
