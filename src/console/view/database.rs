//! The Database page: replication trees and Galera clusters.

use super::{
    Ctx, parts,
    table::{Cells, Column, left, right},
};
use crate::{
    collect::Series,
    console::{
        index::{Id, Row},
        status,
        text::seconds,
        theme::{Role, role_of},
        tree,
    },
    facts::mysql::{Galera, GaleraStatus, Mysql, ReplicaThread},
    fleet::Thresholds,
    verdict::Severity,
};
use ratatui::text::Line;

const WIDE: &[Column] = &[
    left("MEMBER", 20, 34, 0),
    left("STATE", 13, 14, 0),
    left("ROLE", 9, 10, 2),
    left("WRITES", 9, 10, 3),
    left("THREADS", 14, 24, 1),
    right("LAG", 7, 10, 1),
    left("SEMI-SYNC", 11, 16, 5),
    right("CONNECTIONS", 11, 14, 6),
    left("GTID", 12, 60, 7),
    left("LAG TREND", 10, 24, 8),
    left("VERSION", 10, 18, 9),
    right("AGE", 5, 7, 4),
];

const NARROW: &[Column] = &[
    left("MEMBER", 12, 24, 0),
    left("STATE", 13, 13, 0),
    left("THREADS", 5, 16, 2),
    right("LAG", 6, 9, 1),
];

/// The columns at a width.
pub const fn columns(room: u16) -> &'static [Column] {
    if room < 70 { NARROW } else { WIDE }
}

/// The cells of a row.
pub fn row(ctx: &Ctx<'_>, row: &Row) -> Cells {
    let narrow = columns(crate::console::screen::areas(ctx.model).body.width).len() == NARROW.len();
    if let Id::Topology(name) = &row.id {
        let mark = if row.open == Some(true) { "▾" } else { "▸" };
        let topology = ctx.view.fleet.topologies.get(row.at);
        return Cells::Across {
            first: vec![
                ctx.line(Role::Text, format!("{mark} {name}"))
                    .patch_style(ratatui::style::Style::new().bold()),
                ctx.state(row.severity, row.severity.word()),
            ],
            across: topology.map_or_else(Line::default, |topology| super::fleet::topology_line(ctx, topology)),
            last: Vec::new(),
        };
    }
    let (Some(host), Some(seen)) = (ctx.view.fleet.hosts.get(row.at), ctx.view.hosts.get(row.at)) else {
        return Cells::Each(Vec::new());
    };
    let depth = usize::from(row.depth.saturating_sub(1));
    let branch = match (depth, row.last) {
        (0, _) => String::new(),
        (deep, true) => format!("{}└ ", "  ".repeat(deep - 1)),
        (deep, false) => format!("{}├ ", "  ".repeat(deep - 1)),
    };
    let name = ctx.line(Role::Text, format!("  {branch}{}", host.name));
    let state = ctx.host_state(seen);
    if let Some(trouble) = status::trouble(seen, ctx.now) {
        return Cells::Across {
            first: vec![name, state],
            across: ctx.line(Role::Stale, trouble),
            last: if narrow {
                Vec::new()
            } else {
                vec![parts::age(ctx, seen)]
            },
        };
    }
    let Some(mysql) = tree::mysql(ctx.view, host.name.as_str()) else {
        let why = seen.snapshot.as_ref().and_then(|snapshot| snapshot.mysql.why());
        let text = why.map_or_else(|| "no MySQL on this host".to_owned(), ToString::to_string);
        return Cells::Across {
            first: vec![name, state],
            across: parts::unknown(ctx, &text),
            last: if narrow {
                Vec::new()
            } else {
                vec![parts::age(ctx, seen)]
            },
        };
    };
    let threads = parts::said(ctx, threads_word(mysql));
    let lag = lag(ctx, mysql, status::lag(seen), &host.thresholds);
    if narrow {
        return Cells::Each(vec![name, state, threads, lag]);
    }
    let trend = status::spark(seen.trend.series(Series::LagSeconds), 10, 10.0);
    Cells::Each(vec![
        name,
        state,
        ctx.line(Role::Text, tree::role(mysql)),
        writes(ctx, mysql),
        threads,
        lag,
        semi_sync(ctx, mysql),
        connections(ctx, mysql),
        gtid(ctx, mysql),
        ctx.line(Role::Trend, trend),
        ctx.line(Role::Dim, format!("{} {}", mysql.flavour, mysql.version)),
        parts::age(ctx, seen),
    ])
}

/// Replication threads, or the Galera state, in a few words; `None` on a plain source.
pub fn threads_word(mysql: &Mysql) -> Option<(Severity, String)> {
    if let Some(galera) = &mysql.galera {
        return Some(galera_word(galera));
    }
    let mut worst: Option<(Severity, String)> = None;
    for channel in &mysql.channels {
        let severity = match (&channel.io_running, &channel.sql_running) {
            (ReplicaThread::Yes, ReplicaThread::Yes) => Severity::Ok,
            (ReplicaThread::No, _) | (_, ReplicaThread::No) => Severity::Critical,
            (ReplicaThread::Unknown(_), _) | (_, ReplicaThread::Unknown(_)) => Severity::Unknown,
            _ => Severity::Warning,
        };
        let text = if severity == Severity::Ok {
            "io+sql run".to_owned()
        } else {
            format!("io {} sql {}", channel.io_running, channel.sql_running)
        };
        if worst.as_ref().is_none_or(|worst| severity > worst.0) {
            worst = Some((severity, text));
        }
    }
    worst
}

fn galera_word(galera: &Galera) -> (Severity, String) {
    let severity = match &galera.cluster_status {
        GaleraStatus::Primary if &*galera.local_state == "Synced" => Severity::Ok,
        GaleraStatus::Primary => Severity::Warning,
        GaleraStatus::NonPrimary | GaleraStatus::Disconnected => Severity::Critical,
        GaleraStatus::Unknown(_) => Severity::Unknown,
    };
    let text = if severity == Severity::Ok {
        galera.local_state.to_string()
    } else {
        format!("{} {}", galera.cluster_status, galera.local_state)
    };
    (severity, text)
}

fn writes(ctx: &Ctx<'_>, mysql: &Mysql) -> Line<'static> {
    match (mysql.read_only, mysql.super_read_only) {
        (_, Some(true)) => ctx.line(Role::Dim, "super ro"),
        (Some(true), _) => ctx.line(Role::Dim, "read-only"),
        (Some(false), _) if !mysql.channels.is_empty() => ctx.line(Role::Warning, "▲ writable"),
        (Some(false), _) => ctx.line(Role::Text, "writable"),
        (None, _) => ctx.line(Role::Unknown, "?"),
    }
}

fn lag(ctx: &Ctx<'_>, mysql: &Mysql, lag: Option<f64>, limits: &Thresholds) -> Line<'static> {
    if mysql.channels.is_empty() {
        return ctx.line(Role::Dim, "–");
    }
    // Seconds_Behind_Source is no proof of being up to date: without a heartbeat the value says so.
    let mark = if mysql.heartbeat_lag_seconds.is_some() {
        ""
    } else {
        "≈"
    };
    match lag {
        Some(lag) => {
            let severity = if lag >= limits.lag_critical_seconds {
                Severity::Critical
            } else if lag >= limits.lag_warning_seconds {
                Severity::Warning
            } else {
                Severity::Ok
            };
            let role = if severity == Severity::Ok {
                Role::Text
            } else {
                role_of(severity)
            };
            ctx.line(role, format!("{mark}{}", seconds(lag)))
        }
        None => ctx.line(Role::Unknown, "?"),
    }
}

fn semi_sync(ctx: &Ctx<'_>, mysql: &Mysql) -> Line<'static> {
    if let Some(galera) = &mysql.galera {
        let size = galera
            .cluster_size
            .map_or_else(|| "?".to_owned(), |size| size.to_string());
        return ctx.line(Role::Dim, format!("{size} nodes"));
    }
    match (mysql.semi_sync_as_source(), mysql.semi_sync_replica) {
        (Some(semi), _) if semi.active => {
            let waiting = semi.replicas.map_or_else(|| "?".to_owned(), |count| count.to_string());
            ctx.line(Role::Text, format!("on, {waiting} ack"))
        }
        (Some(_), _) => ctx.line(Role::Warning, "▲ fallen back"),
        (_, Some(true)) => ctx.line(Role::Text, "acks"),
        _ => ctx.line(Role::Dim, "off"),
    }
}

fn connections(ctx: &Ctx<'_>, mysql: &Mysql) -> Line<'static> {
    match (mysql.connections, mysql.max_connections) {
        (Some(now), Some(most)) => ctx.line(Role::Text, format!("{now}/{most}")),
        (Some(now), None) => ctx.line(Role::Text, now.to_string()),
        (None, _) => ctx.line(Role::Dim, "?"),
    }
}

/// The end of the executed set: the part that moves.
fn gtid(ctx: &Ctx<'_>, mysql: &Mysql) -> Line<'static> {
    let Some(executed) = &mysql.gtid_executed else {
        return ctx.line(Role::Dim, "–");
    };
    ctx.line(Role::Dim, executed.tail(40))
}
