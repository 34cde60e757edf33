//! A slice from disk to client: both servers, replication between them, the mount, the export, the
//! clients, drawn as the data flows.

use super::{Ctx, parts};
use crate::{
    collect::Series,
    console::{
        runbooks::offers::{Object, offers},
        sides::{Client, Side, SliceFacts},
        status,
        text::{cells, fit, kib, millis, seconds, width},
        theme::{Role, role_of},
        view::storage,
        words,
    },
    facts::md::MdRole,
    fleet::{BackupSubject, Slice},
    verdict::Severity,
};
use ratatui::text::{Line, Span};

/// From this width on both sides stand beside each other.
const BESIDE: u16 = 96;

/// The page.
pub fn document(ctx: &Ctx<'_>, name: &str, room: u16) -> Vec<Line<'static>> {
    let Some((segment, slice)) = ctx.view.fleet.slice(name) else {
        return vec![parts::unknown(ctx, "this slice is no longer in the inventory")];
    };
    let facts = SliceFacts::new(ctx.view, segment, slice, ctx.now);
    let mut out = head(ctx, &facts);
    let concerned = ctx.view.findings.iter().filter(|finding| {
        *finding.subject.name == *name
            || slice.resource.as_deref().is_some_and(|resource| {
                *finding.subject.name == *resource
                    && facts
                        .sides
                        .iter()
                        .any(|side| finding.subject.host.as_ref() == Some(side.name))
            })
    });
    if let Some(found) = parts::findings_section(ctx, concerned, room) {
        out.push(Line::default());
        out.extend(found.lines);
    }
    out.push(Line::default());
    // The server that has the slice stands on the left, whichever is preferred.
    let mut sides: Vec<&Side<'_>> = facts.sides.iter().collect();
    sides.sort_by_key(|side| !side.serves(slice));
    match sides.as_slice() {
        [one, other] if room >= BESIDE => beside(ctx, &facts, one, other, room, &mut out),
        more => {
            for (at, side) in more.iter().enumerate() {
                if at > 0 {
                    out.push(arrow(ctx, &facts, 0, true));
                }
                out.extend(side_lines(ctx, &facts, side).into_iter().map(indented));
            }
        }
    }
    out.push(Line::default());
    out.extend(serving(ctx, &facts));
    out.extend(clients(ctx, &facts));
    out.extend(runbooks(ctx, slice, room));
    out
}

/// What can be done about it, and why the rest cannot, in a process that may act.
fn runbooks(ctx: &Ctx<'_>, slice: &Slice, room: u16) -> Vec<Line<'static>> {
    if ctx.model.works.is_none() {
        return Vec::new();
    }
    let offers = offers(ctx.view, &Object::Slice(slice.name.clone()), ctx.now);
    let mut out = vec![Line::default(), ctx.line(Role::Title, "RUNBOOKS (m)")];
    out.extend(super::runbooks::offered(ctx, &offers, room).into_iter().flatten());
    out
}

fn indented(mut line: Line<'static>) -> Line<'static> {
    line.spans.insert(0, Span::raw("  "));
    line
}

fn head(ctx: &Ctx<'_>, facts: &SliceFacts<'_>) -> Vec<Line<'static>> {
    let slice = facts.slice;
    let mut line = Line::from(Span::styled(
        format!(" {}  ", slice.name),
        ctx.theme().style(Role::Text).patch(ratatui::style::Style::new().bold()),
    ));
    line.spans
        .push(ctx.span(Role::Dim, format!("segment {}   ", facts.segment.name)));
    if let Some(usage) = facts.primary().and_then(|side| side.usage) {
        line.spans.push(ctx.span(
            Role::Text,
            format!(
                "{}, {:.0} % full, {} free   ",
                kib(usage.size_kib),
                usage.used_percent,
                kib(usage.available_kib)
            ),
        ));
    }
    let mut place = Line::from(ctx.span(Role::Dim, format!(" preferred {} · now ", slice.preferred)));
    place.spans.extend(storage::primary_line(ctx, facts).spans);
    let backup = super::backup::line(ctx, &BackupSubject::Slice(slice.name.clone()));
    match &slice.backup {
        _ if backup.is_some() => {}
        Some(backup) => place
            .spans
            .push(ctx.span(Role::Dim, format!(" · backup {}", backup.on))),
        None => place.spans.push(ctx.span(Role::Dim, " · no backup declared")),
    }
    if slice.unreplicated {
        place.spans.push(ctx.span(Role::Dim, " · declared without a replica"));
    }
    [line, place].into_iter().chain(backup).collect()
}

/// Both sides beside each other with the replication between them.
fn beside(
    ctx: &Ctx<'_>,
    facts: &SliceFacts<'_>,
    one: &Side<'_>,
    other: &Side<'_>,
    room: u16,
    out: &mut Vec<Line<'static>>,
) {
    let left = side_lines(ctx, facts, one);
    let right = side_lines(ctx, facts, other);
    let middle = cells(arrow(ctx, facts, 0, false).width()).clamp(24, room / 3);
    let half = (room - middle) / 2 - 1;
    for at in 0..left.len().max(right.len()) {
        let mut line = Line::from(Span::raw("  "));
        let mut used = 2;
        if let Some(text) = left.get(at) {
            for span in &text.spans {
                let text = fit(&span.content, half.saturating_sub(used));
                used += width(&text);
                line.spans.push(Span::styled(text, span.style));
            }
        }
        line.spans
            .push(Span::raw(" ".repeat(usize::from(half.saturating_sub(used)))));
        // The replication is drawn between the arrays: the third line of each side.
        let between = if at == 2 {
            arrow(ctx, facts, middle, false)
        } else {
            Line::default()
        };
        let gap = middle.saturating_sub(cells(between.width()));
        line.spans.extend(between.spans);
        line.spans.push(Span::raw(" ".repeat(usize::from(gap))));
        line.spans.extend(right.get(at).cloned().unwrap_or_default().spans);
        out.push(line);
    }
}

/// The replication as an arrow, broken when it is.
fn arrow(ctx: &Ctx<'_>, facts: &SliceFacts<'_>, room: u16, down: bool) -> Line<'static> {
    if facts.slice.resource.is_none() {
        return ctx.line(Role::Dim, "  not replicated  ");
    }
    let told = facts
        .primary()
        .filter(|side| side.volume.is_some())
        .or_else(|| facts.sides.iter().find(|side| side.volume.is_some()));
    let Some(volume) = told.and_then(|side| side.volume) else {
        return ctx.line(Role::Unknown, "  ? replication not known  ");
    };
    let (severity, word) = told.map_or_else(Default::default, |side| words::volume(ctx.view, side.host, volume));
    let mut text = word;
    if volume.connection.is_connected() {
        if let Some(behind) = volume.out_of_sync_kib {
            text = format!("{text}, {} behind", kib(behind));
        }
        if let Some(left) = volume.sync.as_ref().and_then(|sync| sync.left_seconds) {
            text = format!("{text}, {} left", seconds(left as f64));
        }
    } else if let Some(behind) = volume.out_of_sync_kib {
        text = format!("{text}, {} apart", kib(behind));
    }
    let role = if severity == Severity::Ok {
        Role::Ok
    } else {
        role_of(severity)
    };
    let stale = told.is_some_and(|side| side.stale);
    let role = if stale { Role::Stale } else { role };
    if down {
        let mark = if volume.connection.is_connected() { "↓" } else { "✖" };
        return ctx.line(role, format!("    {mark} {text}"));
    }
    let spare = room.saturating_sub(width(&text) + 7);
    let dashes = usize::from(spare / 2).max(2);
    let (line, tip) = if volume.connection.is_connected() {
        (
            "═",
            if volume.connection.as_str() == "SyncTarget" {
                "◀"
            } else {
                "▶"
            },
        )
    } else {
        ("─", "✖")
    };
    let bar = line.repeat(dashes);
    ctx.line(role, format!(" {bar} {text} {bar}{tip} "))
}

/// One side: name and role, DRBD, arrays with their members, mount.
fn side_lines(ctx: &Ctx<'_>, facts: &SliceFacts<'_>, side: &Side<'_>) -> Vec<Line<'static>> {
    let slice = facts.slice;
    let mut name = ctx
        .line(Role::Text, format!("{}  ", side.name))
        .patch_style(ratatui::style::Style::new().bold());
    name.spans.push(match side.volume.map(|volume| &volume.role) {
        Some(role) if side.serves(slice) => ctx.span(Role::Accent, role.as_str().to_uppercase()),
        Some(role) => ctx.span(Role::Text, role.to_string()),
        None if side.serves(slice) => ctx.span(Role::Accent, "serves"),
        None => ctx.span(Role::Dim, "role not known"),
    });
    name.spans.push(Span::raw("  "));
    let shown = status::shown(ctx.view, side.host, ctx.now);
    name.spans.push(ctx.span(shown.role, shown.sign));
    name.spans
        .extend(std::iter::once(Span::raw(" ")).chain(parts::age(ctx, side.host).spans));
    let mut lines = vec![name];
    let mut drbd = Line::default();
    if let Some(volume) = side.volume {
        let resource = volume.resource.as_deref().unwrap_or("?");
        let protocol = volume
            .protocol
            .map_or_else(String::new, |protocol| format!("  protocol {protocol}"));
        drbd = ctx.line(Role::Text, format!("drbd {resource}  disk {}{protocol}", volume.disk));
    } else if slice.resource.is_some() {
        drbd = ctx.line(
            Role::Unknown,
            format!("? drbd {} not known", slice.resource.as_deref().unwrap_or("")),
        );
    }
    lines.push(drbd);
    lines.extend(array_lines(ctx, side));
    lines.push(mount_line(ctx, facts, side));
    if let Some(trouble) = status::trouble(side.host, ctx.now) {
        lines.push(ctx.line(Role::Unknown, format!("? {trouble}")));
    }
    if side.stale {
        let rest = lines.split_off(1);
        lines.extend(rest.into_iter().map(|line| parts::faded(ctx, line)));
    }
    lines
}

fn array_lines(ctx: &Ctx<'_>, side: &Side<'_>) -> Vec<Line<'static>> {
    let Some(snapshot) = &side.host.snapshot else {
        return vec![ctx.line(Role::Unknown, "? arrays not known")];
    };
    if let Some(why) = snapshot.md.why() {
        return vec![ctx.line(Role::Unknown, format!("? arrays: {why}"))];
    }
    let Some(arrays) = side.arrays() else {
        return vec![ctx.line(Role::Dim, "no md arrays")];
    };
    arrays
        .iter()
        .map(|array| {
            let mut line = Line::default();
            for member in &array.members {
                let (role, mark) = match &member.role {
                    MdRole::Active | MdRole::WriteMostly => (Role::Ok, "●"),
                    MdRole::Failed => (Role::Critical, "✖"),
                    MdRole::Unknown(_) => (Role::Unknown, "?"),
                    _ => (Role::Dim, "○"),
                };
                line.spans.push(ctx.span(Role::Text, format!("{} ", member.device)));
                line.spans.push(ctx.span(role, format!("{mark} ")));
            }
            line.spans.push(ctx.span(
                Role::Text,
                format!(" {} {} [{}]  ", array.device, array.level, array.map),
            ));
            line.spans
                .extend(parts::said(ctx, Some(words::array(ctx.view, side.host, array))).spans);
            if let Some(left) = array.sync.as_ref().and_then(|sync| sync.left_seconds) {
                line.spans
                    .push(ctx.span(Role::Dim, format!(", {} left", seconds(left as f64))));
            }
            line
        })
        .collect()
}

fn mount_line(ctx: &Ctx<'_>, facts: &SliceFacts<'_>, side: &Side<'_>) -> Line<'static> {
    let at = &facts.slice.mount_point;
    match (side.mounted, side.writable) {
        (None, _) => ctx.line(Role::Unknown, format!("? {at} not known")),
        (Some(true), Some(true)) => ctx.line(Role::Text, format!("{at} mounted rw")),
        (Some(true), _) => ctx.line(Role::Warning, format!("▲ {at} mounted read-only")),
        (Some(false), _) if side.serves(facts.slice) => ctx.line(Role::Critical, format!("✖ {at} not mounted")),
        (Some(false), _) => ctx.line(Role::Dim, format!("{at} not mounted, as it should be")),
    }
}

/// Export and service address.
fn serving(ctx: &Ctx<'_>, facts: &SliceFacts<'_>) -> Vec<Line<'static>> {
    let slice = facts.slice;
    let mut line = Line::from(ctx.span(Role::Dim, "  export "));
    if let Some(export) = &slice.export {
        line.spans.push(ctx.span(
            Role::Text,
            format!("{} to {}  ", export.path, export.clients.join(", ")),
        ));
    }
    line.spans.extend(storage::export(ctx, facts).spans);
    let mut lines = vec![line];
    if let Some(address) = slice.service_address {
        let holders: Vec<&str> = facts
            .sides
            .iter()
            .filter(|side| side.address == Some(true))
            .map(|side| side.name.as_str())
            .collect();
        let asked = facts.sides.iter().any(|side| side.address.is_some());
        let serving = facts.primary().map(|side| side.name.as_str());
        let (role, text) = match holders.as_slice() {
            [] if !asked => (Role::Unknown, "? not known where".to_owned()),
            [] => (Role::Critical, "✖ on neither server".to_owned()),
            [one] if Some(*one) == serving => (Role::Text, format!("on {one}")),
            [one] => (Role::Critical, format!("✖ on {one}, which does not serve it")),
            more => (Role::Critical, format!("✖ on {}", more.join(" and "))),
        };
        lines.push(Line::from(vec![
            ctx.span(Role::Dim, "  address "),
            ctx.span(Role::Text, format!("{}/{}  ", address.ip, address.prefix)),
            ctx.span(role, text),
        ]));
    }
    lines
}

fn clients(ctx: &Ctx<'_>, facts: &SliceFacts<'_>) -> Vec<Line<'static>> {
    let clients: Vec<Client<'_>> = facts.clients(ctx.view).collect();
    let mut lines = Vec::new();
    if clients.is_empty() {
        lines.push(ctx.line(Role::Dim, "  no host of the inventory is declared to mount it"));
    }
    for (at, client) in clients.iter().enumerate() {
        let branch = if at + 1 == clients.len() { "└─" } else { "├─" };
        let mut line = Line::from(ctx.span(Role::Rule, format!("     {branch} ")));
        line.spans
            .push(ctx.span(Role::Text, format!("{:<12} ", client.host.name)));
        line.spans.extend(client_words(ctx, client).spans);
        lines.push(line);
    }
    lines
}

fn client_words(ctx: &Ctx<'_>, client: &Client<'_>) -> Line<'static> {
    if let Some(trouble) = status::trouble(client.view, ctx.now) {
        return ctx.line(Role::Unknown, format!("? {trouble}"));
    }
    match client.mounted {
        None => return ctx.line(Role::Unknown, "? mounts not known"),
        Some(false) => return ctx.line(Role::Critical, format!("✖ {} not mounted", client.at)),
        Some(true) => {}
    }
    let snapshot = client.view.snapshot.as_ref();
    let probe = snapshot
        .and_then(|snapshot| snapshot.statfs.value())
        .and_then(|list| list.iter().find(|probe| *probe.at == *client.at));
    if let Some(probe) = probe {
        use crate::facts::filesystem::StatfsOutcome;
        match &probe.outcome {
            StatfsOutcome::Stale => return ctx.line(Role::Critical, format!("✖ {} stale handle", client.at)),
            StatfsOutcome::Failed { error } => return ctx.line(Role::Warning, format!("▲ {}: {error}", client.at)),
            StatfsOutcome::Hung { seconds } if client.host.thresholds.is_mount_hung(*seconds) => {
                return ctx.line(Role::Critical, format!("✖ {} hung for {seconds} s", client.at));
            }
            StatfsOutcome::Hung { seconds } if *seconds > 0 => {
                return ctx.line(Role::Warning, format!("▲ {} no answer for {seconds} s", client.at));
            }
            StatfsOutcome::Answered { .. } | StatfsOutcome::Hung { .. } => {}
        }
    }
    let rate = snapshot
        .and_then(|snapshot| snapshot.nfs_mounts.value())
        .and_then(|list| list.iter().find(|rate| *rate.at == *client.at));
    let time = |op: &str| {
        rate.and_then(|rate| rate.ops.iter().find(|found| &*found.op == op))
            .and_then(|op| op.rtt_ms)
            .map_or_else(|| "–".to_owned(), millis)
    };
    Line::from(vec![
        ctx.span(
            Role::Text,
            format!("read {:<8} write {:<8} ", time("READ"), time("WRITE")),
        ),
        ctx.span(
            Role::Trend,
            status::spark(client.view.trend.series(Series::NfsRttMs), 12, 10.0),
        ),
        ctx.span(Role::Dim, format!("  {}", client.at)),
    ])
}
