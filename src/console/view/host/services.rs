//! The services of the Host page: md, DRBD, NFS server, ZFS, MySQL, custom probes.

use super::{Ctx, Section, labelled, pair, section};
use crate::{
    collect::HostView,
    console::{
        text::{bytes, count, kib, seconds},
        theme::Role,
        tree,
        view::{backup, database::threads_word, parts},
        words,
    },
    facts::{
        Snapshot, State,
        drbd::DrbdVolume,
        md::{MdArray, MdRole},
        mysql::Mysql,
        probe::ProbeValue,
        zfs::{Pool, PoolState},
    },
    fleet::{BackupSubject, Host},
    verdict::Severity,
};
use ratatui::text::Line;

/// All of them.
pub fn sections(ctx: &Ctx<'_>, host: &Host, seen: &HostView, snapshot: &Snapshot) -> Vec<Section> {
    let md = section(ctx, "MD RAID", seen, &snapshot.md, |arrays| {
        arrays.iter().flat_map(|array| md_lines(ctx, seen, array)).collect()
    });
    let drbd = section(ctx, "DRBD", seen, &snapshot.drbd, |volumes| {
        volumes
            .iter()
            .flat_map(|volume| drbd_lines(ctx, seen, volume))
            .collect()
    });
    let exports = section(ctx, "NFS EXPORTS", seen, &snapshot.exports, |exports| {
        exports
            .iter()
            .map(|export| {
                let options: Vec<&str> = export.options.iter().map(|option| &**option).collect();
                let mut line = ctx.line(Role::Text, format!(" {} to {}", export.path, export.client));
                line.spans.push(ctx.span(Role::Dim, format!("  {}", options.join(","))));
                line
            })
            .collect()
    });
    let server = section(ctx, "NFS SERVER", seen, &snapshot.nfs_server, |server| {
        let threads = server
            .threads
            .map_or_else(|| "? threads".to_owned(), |threads| format!("{threads} threads"));
        let mut lines = vec![ctx.line(
            Role::Text,
            format!(
                " {threads}, {} calls, {} bad, {} read, {} written since boot",
                count(server.rpc_calls),
                count(server.rpc_bad),
                bytes(server.read_bytes as f64),
                bytes(server.write_bytes as f64)
            ),
        )];
        if let State::Unknown(why) = &snapshot.nfs_clients.state {
            lines.push(parts::unknown(ctx, &format!("clients {why}")));
        }
        for client in snapshot.nfs_clients.value().into_iter().flatten() {
            let path = client.path.as_deref().unwrap_or("");
            lines.push(ctx.line(
                Role::Text,
                format!(" client {} v{} {path}", client.address, client.version),
            ));
        }
        lines
    });
    let zfs = section(ctx, "ZFS", seen, &snapshot.pools, |pools| {
        let mut lines: Vec<Line<'static>> = pools.iter().flat_map(|pool| pool_lines(ctx, pool)).collect();
        if let Some(rate) = snapshot.arc_rate.value() {
            lines.push(labelled(ctx, "arc hits", rate.hit_percent, "%"));
            lines.push(labelled(ctx, "l2arc hits", rate.l2_hit_percent, "%"));
        }
        lines
    });
    let topology = ctx.view.fleet.topology_of(host.name.as_str());
    let backup = topology.and_then(|topology| backup::line(ctx, &BackupSubject::Database(topology.name.clone())));
    let mysql = section(ctx, "MYSQL", seen, &snapshot.mysql, |mysql| {
        mysql_lines(ctx, mysql).into_iter().chain(backup).collect()
    });
    let mut all: Vec<Section> = [md, drbd, exports, server, zfs, mysql].into_iter().flatten().collect();
    all.extend(probes(ctx, host, snapshot));
    all
}

fn md_lines(ctx: &Ctx<'_>, seen: &HostView, array: &MdArray) -> Vec<Line<'static>> {
    let mut head = ctx.line(
        Role::Text,
        format!(" {} {} [{}]  ", array.device, array.level, array.map),
    );
    head.spans
        .extend(parts::said(ctx, Some(words::array(ctx.view, seen, array))).spans);
    if let Some(size) = array.size_kib {
        head.spans.push(ctx.span(Role::Dim, format!("  {}", kib(size))));
    }
    if array.read_only {
        head.spans.push(ctx.span(Role::Notice, "  read-only"));
    }
    if let Some(mismatches) = array.mismatches.filter(|count| *count > 0) {
        head.spans
            .push(ctx.span(Role::Warning, format!("  {mismatches} sectors differ")));
    }
    let mut members = Line::from(ctx.span(Role::Dim, "   "));
    for member in &array.members {
        let (role, mark) = match &member.role {
            MdRole::Active | MdRole::WriteMostly => (Role::Ok, "●"),
            MdRole::Failed => (Role::Critical, "✖"),
            MdRole::Spare | MdRole::Journal | MdRole::Replacement => (Role::Dim, "○"),
            MdRole::Unknown(_) => (Role::Unknown, "?"),
        };
        members.spans.push(ctx.span(role, format!("{mark} {}", member.device)));
        if member.role != MdRole::Active {
            members.spans.push(ctx.span(Role::Dim, format!(" ({})", member.role)));
        }
        if let Some(errors) = member.errors.filter(|errors| *errors > 0) {
            members.spans.push(ctx.span(Role::Warning, format!(" {errors} errors")));
        }
        members.spans.push(ctx.span(Role::Text, "  "));
    }
    let mut lines = vec![head, members];
    if let Some(sync) = &array.sync {
        let speed = sync
            .speed_kib_per_second
            .map_or_else(String::new, |speed| format!(", {}/s", kib(speed)));
        let left = sync
            .left_seconds
            .map_or_else(String::new, |left| format!(", {} left", seconds(left as f64)));
        let percent = sync
            .percent
            .map_or_else(String::new, |percent| format!(" {percent:.1} %"));
        let waiting = sync
            .waiting
            .as_ref()
            .map_or_else(String::new, |word| format!(" {word}"));
        lines.push(ctx.line(
            Role::Notice,
            format!("   {}{percent}{waiting}{speed}{left}", sync.action),
        ));
    }
    lines
}

fn drbd_lines(ctx: &Ctx<'_>, seen: &HostView, volume: &DrbdVolume) -> Vec<Line<'static>> {
    let name = volume.resource.as_deref().unwrap_or("?");
    let minor = volume.minor.map_or_else(String::new, |minor| format!(" minor {minor}"));
    let protocol = volume
        .protocol
        .map_or_else(String::new, |protocol| format!(", protocol {protocol}"));
    let mut head = ctx.line(Role::Text, format!(" {name}/{}{minor}  ", volume.volume));
    head.spans
        .extend(parts::said(ctx, Some(words::volume(ctx.view, seen, volume))).spans);
    head.spans.push(ctx.span(
        Role::Text,
        format!(
            "  {}/{}  {}/{}{protocol}",
            volume.role, volume.peer_role, volume.disk, volume.peer_disk
        ),
    ));
    let mut more: Vec<String> = Vec::new();
    more.extend(
        volume
            .out_of_sync_kib
            .map(|behind| format!("{} not in sync", kib(behind))),
    );
    more.extend(
        volume
            .sync
            .as_ref()
            .and_then(|sync| sync.left_seconds)
            .map(|left| format!("{} left", seconds(left as f64))),
    );
    more.extend(
        volume
            .sync
            .as_ref()
            .and_then(|sync| sync.speed_kib_per_second)
            .map(|speed| format!("{}/s", kib(speed))),
    );
    more.extend(
        volume
            .suspended
            .as_ref()
            .filter(|word| &***word != "no")
            .map(|word| format!("suspended: {word}")),
    );
    more.extend(volume.quorum.map(|quorum| {
        if quorum {
            "quorum".to_owned()
        } else {
            "no quorum".to_owned()
        }
    }));
    more.extend(volume.may_promote.map(|may| {
        if may {
            "may promote".to_owned()
        } else {
            "may not promote".to_owned()
        }
    }));
    more.extend(volume.version.as_ref().map(|version| format!("drbd {version}")));
    vec![head, ctx.line(Role::Dim, format!("   {}", more.join(", ")))]
}

fn pool_lines(ctx: &Ctx<'_>, pool: &Pool) -> Vec<Line<'static>> {
    let severity = match &pool.state {
        PoolState::Online | PoolState::Healthy => Severity::Ok,
        PoolState::Degraded => Severity::Warning,
        PoolState::Unknown(_) => Severity::Unknown,
        _ => Severity::Critical,
    };
    let mut head = ctx.line(Role::Text, format!(" {}  ", pool.name));
    head.spans.extend(ctx.state(severity, pool.state.as_str()).spans);
    if let (Some(used), Some(size)) = (pool.allocated_kib, pool.size_kib) {
        head.spans
            .push(ctx.span(Role::Dim, format!("  {} of {} used", kib(used), kib(size))));
    }
    let mut lines = vec![head];
    if let Some(scan) = &pool.scan {
        let role = if scan.running { Role::Notice } else { Role::Dim };
        lines.push(ctx.line(role, format!("   {}", scan.text)));
    }
    for device in pool.vdevs.iter().filter(|device| device.depth > 0) {
        let errors = [device.read_errors, device.write_errors, device.checksum_errors];
        let wrong = errors.iter().any(|count| count.is_some_and(|count| count > 0));
        let bad = wrong
            || !matches!(
                device.state,
                PoolState::Online | PoolState::Healthy | PoolState::Available
            );
        let shown: Vec<String> = errors
            .iter()
            .map(|count| count.map_or_else(|| "?".to_owned(), |count| count.to_string()))
            .collect();
        let indent = "  ".repeat(usize::try_from(device.depth.min(8)).unwrap_or(8));
        lines.push(ctx.line(
            if bad { Role::Warning } else { Role::Text },
            format!(" {indent}{} {} {}", device.name, device.state, shown.join("/")),
        ));
    }
    lines.extend(
        pool.errors
            .as_ref()
            .map(|errors| ctx.line(Role::Dim, format!("   errors: {errors}"))),
    );
    lines
}

fn mysql_lines(ctx: &Ctx<'_>, mysql: &Mysql) -> Vec<Line<'static>> {
    let yes_no = |value: Option<bool>| value.map_or("?", |value| if value { "on" } else { "off" });
    let number = |value: Option<u64>| value.map_or_else(|| "?".to_owned(), count);
    let mut lines = vec![
        pair(
            ctx,
            "server",
            format!(
                "{} {}, id {}, {}",
                mysql.flavour,
                mysql.version,
                number(mysql.server_id),
                tree::role(mysql)
            ),
        ),
        pair(
            ctx,
            "read only",
            format!("{}, super {}", yes_no(mysql.read_only), yes_no(mysql.super_read_only)),
        ),
        pair(
            ctx,
            "load",
            format!(
                "{} threads run, {} of {} connections, {} queries",
                number(mysql.threads_running),
                number(mysql.connections),
                number(mysql.max_connections),
                number(mysql.queries)
            ),
        ),
        labelled(ctx, "buffer pool", mysql.buffer_pool_hit_percent, "% hits"),
    ];
    if let Some(lag) = mysql.heartbeat_lag_seconds {
        lines.push(labelled(ctx, "heartbeat", Some(lag), "s behind"));
    }
    if let Some((severity, text)) = threads_word(mysql) {
        let mut line = pair(ctx, "threads", "");
        line.spans.extend(parts::said(ctx, Some((severity, text))).spans);
        lines.push(line);
    }
    for channel in &mysql.channels {
        let behind = channel
            .seconds_behind
            .map_or_else(|| "? behind".to_owned(), |s| format!("{} behind", seconds(s as f64)));
        lines.push(pair(
            ctx,
            "replicates",
            format!("from {} {}, {behind}", channel.source_host, channel.name),
        ));
        for error in channel.io_error.iter().chain(&channel.sql_error) {
            lines.push(ctx.line(Role::Critical, format!("   ✖ {error}")));
        }
    }
    if !mysql.replicas.is_empty() {
        let names: Vec<&str> = mysql.replicas.iter().map(|name| &**name).collect();
        lines.push(pair(ctx, "replicas", names.join(", ")));
    }
    if let Some(galera) = &mysql.galera {
        let size = galera
            .cluster_size
            .map_or_else(|| "?".to_owned(), |size| size.to_string());
        lines.push(pair(
            ctx,
            "galera",
            format!(
                "{} {}, {size} nodes, ready {}",
                galera.cluster_status,
                galera.local_state,
                yes_no(galera.ready)
            ),
        ));
    }
    if let Some(gtid) = &mysql.gtid_executed {
        lines.push(pair(ctx, "gtid", gtid.tail(200)));
    }
    for error in &mysql.errors {
        lines.push(parts::unknown(ctx, error));
    }
    lines
}

fn probes(ctx: &Ctx<'_>, host: &Host, snapshot: &Snapshot) -> Option<Section> {
    let lines: Vec<Line<'static>> = host
        .probes
        .iter()
        .map(|probe| {
            let reading = snapshot.probes.iter().find(|reading| reading.name == probe.name);
            let unit = probe.unit.as_deref().unwrap_or("");
            let mut line = match reading.map(|reading| &reading.value.state) {
                Some(State::Known(value)) => match &**value {
                    ProbeValue::Number(number) => pair(ctx, &probe.name, format!("{number} {unit}")),
                    ProbeValue::Word(word) => pair(ctx, &probe.name, word.to_string()),
                },
                Some(State::Unknown(why)) => {
                    let mut line = pair(ctx, &probe.name, "");
                    line.spans.extend(parts::unknown(ctx, &why.to_string()).spans);
                    line
                }
                Some(State::Absent) | None => {
                    let mut line = pair(ctx, &probe.name, "");
                    line.spans.extend(parts::unknown(ctx, "no value yet").spans);
                    line
                }
            };
            line.spans
                .extend(reading.and_then(|reading| parts::reading_age(ctx, reading.value.at)));
            line
        })
        .collect();
    (!lines.is_empty()).then(|| Section {
        title: ctx.line(Role::Title, "PROBES"),
        lines,
    })
}
