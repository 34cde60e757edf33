//! The Host page: everything about one host. What is not known says why.

use super::{
    Ctx,
    document::{Section, flow},
    latency,
    parts::{self, faded, number, pair, section, trend, unknown},
};
use crate::{
    collect::{HostView, Series, Trend},
    console::{
        runbooks::arrays::unused,
        status,
        text::{bytes, count, fit, kib, millis, seconds, since, span},
        theme::Role,
    },
    facts::{Reach, Snapshot, disk::DiskRate, filesystem::StatfsOutcome, nfs::NfsOpRate},
    fleet::Host,
    verdict::Severity,
};
use ratatui::text::{Line, Span};

mod services;

/// The page.
pub fn document(ctx: &Ctx<'_>, name: &str, room: u16) -> Vec<Line<'static>> {
    let (Some(host), Some(seen)) = (ctx.view.fleet.host(name), ctx.view.host(name)) else {
        return vec![unknown(ctx, "this host is no longer in the inventory")];
    };
    let mut out = vec![title(ctx, host, seen)];
    if let Some(trouble) = status::trouble(seen, ctx.now) {
        out.push(ctx.line(Role::Unknown, format!(" ? {trouble}")));
    } else if let Some(why) = status::busy_for(ctx.view, seen) {
        out.push(ctx.line(Role::Notice, format!(" ░ busy: {why}")));
    }
    if let Some(found) = parts::findings_section(ctx, ctx.view.findings_of(name), room) {
        out.push(Line::default());
        out.push(found.title);
        out.extend(found.lines);
    }
    out.push(Line::default());
    let mut sections = vec![connection(ctx, host, seen)];
    match &seen.snapshot {
        None => sections.push(Section {
            title: ctx.line(Role::Title, "STATE"),
            lines: vec![unknown(ctx, "nothing has been read from this host yet")],
        }),
        Some(snapshot) => {
            sections.extend(identity(ctx, seen, snapshot));
            sections.push(load(ctx, seen, snapshot));
            match latency::stream::of_host(ctx, name, room) {
                // What is slow comes first.
                Some((latency, true)) => sections.insert(0, latency),
                Some((latency, false)) => sections.push(latency),
                None => {}
            }
            sections.extend(storage(ctx, host, seen, snapshot));
            sections.extend(services::sections(ctx, host, seen, snapshot));
            sections.extend(network(ctx, seen, snapshot));
            sections.extend(absent(ctx, snapshot));
        }
    }
    out.extend(flow(ctx, sections, room));
    out
}

fn title(ctx: &Ctx<'_>, host: &Host, seen: &HostView) -> Line<'static> {
    let mut line = Line::from(vec![Span::styled(
        format!(" {}  ", host.name),
        ctx.theme().style(Role::Text).patch(ratatui::style::Style::new().bold()),
    )]);
    line.spans.extend(ctx.host_state(seen).spans);
    let age = seen
        .age(ctx.now)
        .map_or_else(|| "never seen".to_owned(), |age| format!("{} old", span(age)));
    let role = if seen.is_stale(ctx.now) { Role::Stale } else { Role::Dim };
    line.spans.push(ctx.span(role, format!("   data {age}")));
    let words: Vec<&str> = host.roles.iter().chain(&host.tags).map(String::as_str).collect();
    line.spans.push(ctx.span(Role::Dim, format!("   {}", words.join(" "))));
    line
}

fn connection(ctx: &Ctx<'_>, host: &Host, seen: &HostView) -> Section {
    let reach = match &seen.reach {
        Reach::Waiting => "no attempt yet".to_owned(),
        Reach::Connecting {
            step, since: at, why, ..
        } => {
            let before = why.as_ref().map(|why| format!("; before: {why}")).unwrap_or_default();
            format!("connecting: {step} since {}{before}", since(*at, ctx.now))
        }
        Reach::Up { since: at } => format!("up since {} ({})", since(*at, ctx.now), span(ctx.now.since(*at))),
        Reach::Silent { since: at, missed } => format!("silent since {}, {missed} polls missed", since(*at, ctx.now)),
        Reach::Unreachable { since: at, .. } => format!("unreachable since {}", since(*at, ctx.now)),
        Reach::Stopped { since: at, .. } => format!("stopped since {}: a person must act", since(*at, ctx.now)),
    };
    let mut lines = vec![
        pair(ctx, "address", host.address.clone()),
        pair(ctx, "connection", reach),
    ];
    if let Some(snapshot) = &seen.snapshot {
        let mut line = pair(ctx, "round trip", millis(snapshot.rtt_us as f64 / 1000.0));
        line.spans
            .push(ctx.span(Role::Dim, format!("  {} polls", count(snapshot.polls))));
        line.spans.extend(trend(ctx, &seen.trend, Series::RttMs, 10.0));
        if ctx.view.observer.doubtful {
            line.spans.push(ctx.span(Role::Warning, "  ▲ doubtful"));
        }
        lines.push(line);
    }
    if !seen.about.is_empty() {
        lines.push(pair(ctx, "server", seen.about.to_string()));
    }
    let domains = &host.domains;
    let mut places: Vec<String> = Vec::new();
    places.extend(domains.site.iter().map(|site| format!("site {site}")));
    places.extend(domains.rack.iter().map(|rack| format!("rack {rack}")));
    places.extend(domains.feeds.iter().map(|feed| format!("feed {feed}")));
    places.extend(domains.switches.iter().map(|switch| format!("switch {switch}")));
    if !places.is_empty() {
        lines.push(pair(ctx, "stands at", places.join(", ")));
    }
    Section {
        title: ctx.line(Role::Title, "CONNECTION"),
        lines,
    }
}

fn identity(ctx: &Ctx<'_>, seen: &HostView, snapshot: &Snapshot) -> Vec<Section> {
    let found = section(ctx, "IDENTITY", seen, &snapshot.identity, |identity| {
        let login = match identity.uid {
            Some(0) => "root".to_owned(),
            _ if identity.sudo => format!("{} with sudo", identity.user),
            _ => format!("{}, no sudo", identity.user),
        };
        let mut lines = vec![
            pair(ctx, "host name", identity.hostname.to_string()),
            pair(
                ctx,
                "system",
                format!("{}, kernel {}, {}", identity.os, identity.kernel, identity.arch),
            ),
            pair(ctx, "login", login),
        ];
        if let Some(uptime) = snapshot.uptime.value() {
            lines.push(pair(ctx, "up for", seconds(uptime.seconds)));
        }
        lines
    });
    found.into_iter().collect()
}

/// Load, CPU, memory and pressure; each line says on its own when it is not known.
fn load(ctx: &Ctx<'_>, seen: &HostView, snapshot: &Snapshot) -> Section {
    let mut lines = Vec::new();
    let mut add = |label: &str, text: Result<String, String>, more: Option<Span<'static>>| match text {
        Ok(text) => {
            let mut line = pair(ctx, label, text);
            line.spans.extend(more);
            lines.push(line);
        }
        Err(why) => {
            let mut line = Line::from(ctx.span(Role::Dim, format!(" {label:<11}")));
            line.spans
                .extend([ctx.span(Role::Unknown, "? "), ctx.span(Role::Dim, why)]);
            lines.push(line);
        }
    };
    add(
        "load",
        known(&snapshot.load, |load| {
            format!(
                "{:.2} {:.2} {:.2}  {} of {} tasks run",
                load.one, load.five, load.fifteen, load.runnable, load.tasks
            )
        }),
        trend(ctx, &seen.trend, Series::Load, 1.0),
    );
    let cpus = snapshot.cpu_times.value();
    add(
        "cpu",
        known(&snapshot.cpu, |cpu| {
            format!(
                "{:.0} % user, {:.0} % system, {:.0} % i/o wait, {:.0} % steal{}",
                cpu.user_percent,
                cpu.system_percent,
                cpu.iowait_percent,
                cpu.steal_percent,
                cpus.map_or_else(String::new, |times| format!(
                    "; {} cpus, {} blocked",
                    times.cpus, times.blocked
                ))
            )
        }),
        None,
    );
    add(
        "memory",
        known(&snapshot.memory, |memory| {
            format!(
                "{} of {} available, swap {} of {} free, {} dirty",
                kib(memory.available_kib),
                kib(memory.total_kib),
                kib(memory.swap_free_kib),
                kib(memory.swap_total_kib),
                kib(memory.dirty_kib)
            )
        }),
        None,
    );
    if !snapshot.pressure.is_absent() {
        add(
            "pressure",
            known(&snapshot.pressure, |pressure| {
                format!(
                    "cpu {:.1} %, i/o {:.1} % some {:.1} % full, memory {:.1} % some {:.1} % full",
                    pressure.cpu_some_percent,
                    pressure.io_some_percent,
                    pressure.io_full_percent,
                    pressure.memory_some_percent,
                    pressure.memory_full_percent
                )
            }),
            None,
        );
    }
    let stale = seen.is_stale(ctx.now);
    let lines = if stale {
        lines.into_iter().map(|line| faded(ctx, line)).collect()
    } else {
        lines
    };
    Section {
        title: ctx.line(Role::Title, "LOAD"),
        lines,
    }
}

fn known<T>(reading: &crate::facts::Reading<T>, text: impl FnOnce(&T) -> String) -> Result<String, String> {
    match (reading.value(), reading.why()) {
        (Some(value), _) => Ok(text(value)),
        (None, Some(why)) => Err(why.to_string()),
        (None, None) => Err("not on this host".to_owned()),
    }
}

fn storage(ctx: &Ctx<'_>, host: &Host, seen: &HostView, snapshot: &Snapshot) -> Vec<Section> {
    let disks = section(ctx, "DISKS", seen, &snapshot.disks, |disks| {
        if disks.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![ctx.line(Role::Dim, DISK_HEADS)];
        lines.extend(disks.iter().map(|disk| disk_line(ctx, disk)));
        let unused = unused(snapshot);
        if !unused.is_empty() {
            let text = format!(" nothing is seen to use {}", unused.join(", "));
            lines.push(ctx.line(Role::Dim, text));
        }
        lines.extend(history(ctx, "busiest", &seen.trend, Series::DiskAwaitMs));
        lines
    });
    let filesystems = section(ctx, "FILESYSTEMS", seen, &snapshot.filesystems, |list| {
        list.iter()
            .map(|usage| {
                let inodes = usage
                    .inodes_used_percent
                    .map_or_else(String::new, |used| format!(", inodes {used:.0} %"));
                Line::from(vec![
                    ctx.span(Role::Text, format!(" {:>4.0} %  {}", usage.used_percent, usage.at)),
                    ctx.span(
                        Role::Dim,
                        format!(
                            "  {}  {} of {} free{inodes}",
                            usage.source,
                            kib(usage.available_kib),
                            kib(usage.size_kib)
                        ),
                    ),
                ])
            })
            .collect()
    });
    let mounts = section(ctx, "NETWORK MOUNTS", seen, &snapshot.mounts, |mounts| {
        let probes = snapshot.statfs.value();
        mounts
            .iter()
            .filter(|mount| mount.is_nfs())
            .map(|mount| {
                let outcome = probes.and_then(|list| list.iter().find(|probe| probe.at == mount.at));
                let mut line = statfs_line(ctx, host, outcome.map(|probe| &probe.outcome));
                line.spans.push(ctx.span(Role::Text, format!("  {}", mount.at)));
                line.spans.push(ctx.span(Role::Dim, format!("  {}", mount.source)));
                line
            })
            .collect()
    });
    let rates = section(ctx, "NFS OPERATIONS", seen, &snapshot.nfs_mounts, |mounts| {
        let mut lines = Vec::new();
        for mount in mounts.iter().filter(|mount| !mount.ops.is_empty()) {
            lines.push(ctx.line(Role::Text, format!(" {}", mount.at)));
            lines.extend(mount.ops.iter().map(|op| op_line(ctx, op)));
        }
        if !lines.is_empty() {
            lines.insert(0, ctx.line(Role::Dim, OP_HEADS));
            lines.extend(history(ctx, "slowest", &seen.trend, Series::NfsRttMs));
        }
        lines
    });
    [disks, filesystems, mounts, rates].into_iter().flatten().collect()
}

/// The last minutes of the one that matters most.
fn history(ctx: &Ctx<'_>, label: &str, samples: &Trend, series: Series) -> Option<Line<'static>> {
    let trend = trend(ctx, samples, series, 10.0)?;
    Some(Line::from(vec![ctx.span(Role::Dim, format!(" {label}")), trend]))
}

/// What the figures of a disk are.
const DISK_HEADS: &str = " disk       busy     read    write reads/s writes/s      in/s     out/s queue";

fn disk_line(ctx: &Ctx<'_>, disk: &DiskRate) -> Line<'static> {
    let time = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), millis);
    Line::from(vec![
        ctx.span(
            Role::Text,
            format!(
                " {:<9} {:>3.0} % {:>8} {:>8}",
                fit(&disk.name, 9),
                disk.busy_percent,
                time(disk.read_await_ms),
                time(disk.write_await_ms)
            ),
        ),
        ctx.span(
            Role::Dim,
            format!(
                " {:>7.0} {:>8.0} {:>9} {:>9} {:>5}",
                disk.reads_per_second,
                disk.writes_per_second,
                bytes(disk.read_bytes_per_second),
                bytes(disk.write_bytes_per_second),
                disk.in_flight
            ),
        ),
    ])
}

/// What the figures of an NFS operation are.
const OP_HEADS: &str = "   operation      per s  round trip    queued      done  sent again/s";

fn op_line(ctx: &Ctx<'_>, op: &NfsOpRate) -> Line<'static> {
    let time = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), millis);
    let again = if op.retransmits_per_second > 0.0 {
        Role::Warning
    } else {
        Role::Dim
    };
    Line::from(vec![
        ctx.span(
            Role::Text,
            format!(
                "   {:<12} {:>7.1}  {:>10}  {:>8}  {:>8}",
                op.op,
                op.ops_per_second,
                time(op.rtt_ms),
                time(op.queue_ms),
                time(op.execute_ms)
            ),
        ),
        ctx.span(again, format!("  {:>12.1}", op.retransmits_per_second)),
    ])
}

fn statfs_line(ctx: &Ctx<'_>, host: &Host, outcome: Option<&StatfsOutcome>) -> Line<'static> {
    let mut line = match outcome {
        None => ctx.line(Role::Unknown, "? not asked"),
        Some(StatfsOutcome::Answered { took_ms }) => {
            // The probe's clock knows whole milliseconds.
            let took = match took_ms {
                0 => "under 1 ms".to_owned(),
                ms => millis(*ms as f64),
            };
            ctx.state(Severity::Ok, &format!("answers in {took}"))
        }
        Some(StatfsOutcome::Stale) => ctx.state(Severity::Critical, "stale handle"),
        Some(StatfsOutcome::Failed { error }) => ctx.state(Severity::Warning, &format!("failed: {error}")),
        Some(StatfsOutcome::Hung { seconds: waited }) if !host.thresholds.is_mount_hung(*waited) => {
            ctx.line(Role::Text, format!("no answer yet, {} waited", seconds(*waited as f64)))
        }
        Some(StatfsOutcome::Hung { seconds: waited }) => {
            ctx.state(Severity::Critical, &format!("hung for {}", seconds(*waited as f64)))
        }
    };
    line.spans.insert(0, Span::raw(" "));
    line
}

fn network(ctx: &Ctx<'_>, seen: &HostView, snapshot: &Snapshot) -> Vec<Section> {
    let links = section(ctx, "LINKS", seen, &snapshot.links, |links| {
        let rates = snapshot.link_rates.value();
        links
            .iter()
            .map(|link| {
                let rate = rates.and_then(|rates| rates.iter().find(|rate| rate.name == link.name));
                let speed = link
                    .speed_mbit
                    .map_or_else(String::new, |speed| format!(", {speed} Mbit/s"));
                let mut line = ctx.line(Role::Text, format!(" {:<9} {}{speed}", link.name, link.operstate));
                if link.carrier == Some(false) {
                    line.spans.push(ctx.span(Role::Warning, "  no carrier"));
                }
                if let Some(rate) = rate {
                    line.spans.push(ctx.span(
                        Role::Dim,
                        format!(
                            "  in {}/s, out {}/s",
                            bytes(rate.rx_bytes_per_second),
                            bytes(rate.tx_bytes_per_second)
                        ),
                    ));
                    if rate.errors_per_second > 0.0 {
                        let text = format!("  ▲ {:.1} errors/s", rate.errors_per_second);
                        line.spans.push(ctx.span(Role::Warning, text));
                    }
                }
                line
            })
            .collect()
    });
    let addresses = section(ctx, "ADDRESSES", seen, &snapshot.addresses, |list| {
        list.iter()
            .map(|address| {
                let service = ctx
                    .view
                    .fleet
                    .slices()
                    .find(|(_, slice)| slice.service_address.is_some_and(|wanted| wanted.ip == address.ip));
                let mut line = ctx.line(
                    Role::Text,
                    format!(" {:<9} {}/{}", address.interface, address.ip, address.prefix),
                );
                if let Some((_, slice)) = service {
                    line.spans
                        .push(ctx.span(Role::Accent, format!("  serves {}", slice.name)));
                }
                line
            })
            .collect()
    });
    let tcp = section(ctx, "TCP", seen, &snapshot.tcp, |tcp| {
        vec![ctx.line(
            Role::Text,
            format!(
                " {} connections, {} of {} segments sent again since boot",
                tcp.established,
                count(tcp.retransmitted),
                count(tcp.segments_sent)
            ),
        )]
    });
    [links, addresses, tcp].into_iter().flatten().collect()
}

/// What does not exist on the host, in one line: absent is not unknown.
fn absent(ctx: &Ctx<'_>, snapshot: &Snapshot) -> Option<Section> {
    let names: Vec<&str> = [
        ("md RAID", snapshot.md.is_absent()),
        ("DRBD", snapshot.drbd.is_absent()),
        ("NFS server", snapshot.nfs_server.is_absent()),
        ("ZFS", snapshot.pools.is_absent()),
        ("MySQL", snapshot.mysql.is_absent()),
        ("pressure", snapshot.pressure.is_absent()),
    ]
    .into_iter()
    .filter_map(|(name, absent)| absent.then_some(name))
    .collect();
    (!names.is_empty()).then(|| Section {
        title: ctx.line(Role::Title, "NOT ON THIS HOST"),
        lines: vec![ctx.line(Role::Dim, format!(" {}", names.join(", ")))],
    })
}

/// A value of a section as a line with a label; used by the services.
fn labelled(ctx: &Ctx<'_>, label: &str, value: Option<f64>, unit: &str) -> Line<'static> {
    let mut line = Line::from(ctx.span(Role::Dim, format!(" {label:<11}")));
    line.spans.extend(number(ctx, value).spans);
    if value.is_some() {
        line.spans.push(ctx.span(Role::Dim, format!(" {unit}")));
    }
    line
}
