//! Reads the blocks that the MySQL or MariaDB client printed.

use super::{Flavour, Galera, GaleraStatus, Mysql, SemiSync, replica};
use crate::facts::{
    reading::Why,
    scan::{float, garbled, quote},
    text::CleanText,
};
use std::collections::HashMap;

/// The blocks, in the order asked; all but the heartbeat, and on servers of before 2012 the time, are always there.
const BLOCKS: [&str; 7] = [
    "version",
    "variables",
    "status",
    "replica",
    "replicas",
    "heartbeat",
    "took",
];

/// Reads the section's content; its form is described at [`super`].
///
/// A block that is missing or begins with `ERROR` is listed in [`Mysql::errors`]: what it would have
/// told is then unknown, not absent.
pub fn parse_mysql(text: &str) -> Result<Mysql, Why> {
    let blocks = split(text);
    let mut errors = Vec::new();
    for (place, name) in BLOCKS.iter().enumerate() {
        match blocks[place] {
            None if !matches!(*name, "heartbeat" | "took") => {
                errors.push(CleanText::from(format!("{name}: no answer")));
            }
            Some(block) => errors.extend(
                block
                    .lines()
                    .filter(|line| line.starts_with("ERROR "))
                    .map(|line| CleanText::from(format!("{name}: {}", quote(line)))),
            ),
            None => {}
        }
    }
    let mut version = blocks[0]
        .unwrap_or("")
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with("ERROR "));
    let (number, comment) = version
        .find_map(|line| line.split_once('\t'))
        .ok_or_else(|| garbled(text))?;
    let variables = Values::new(blocks[1].unwrap_or(""));
    let status = Values::new(blocks[2].unwrap_or(""));
    let flavour = flavour(number, comment);
    let (heartbeat_lag_seconds, heartbeat_own_seconds) =
        heartbeat(blocks[5].unwrap_or(""), variables.number("server_id"));
    let mysql = Mysql {
        gtid_executed: gtid_executed(&flavour, &variables),
        gtid_binlog_state: variables.text("gtid_binlog_state").map(CleanText::long),
        gtid_slave_pos: variables.text("gtid_slave_pos").map(CleanText::long),
        flavour,
        version: CleanText::new(number),
        server_id: variables.number("server_id"),
        server_uuid: variables.text("server_uuid").map(CleanText::new),
        read_only: variables.text("read_only").and_then(read_only),
        super_read_only: variables.switch("super_read_only"),
        threads_running: status.number("threads_running"),
        connections: status.number("threads_connected"),
        max_connections: variables.number("max_connections"),
        buffer_pool_hit_percent: buffer_pool(&status),
        uptime_seconds: status.number("uptime"),
        queries: status.number("queries"),
        semi_sync_source: semi_sync(&variables, &status),
        semi_sync_replica: either(
            &variables,
            "rpl_semi_sync_replica_enabled",
            "rpl_semi_sync_slave_enabled",
        )
        .and_then(switch),
        channels: replica::parse_channels(blocks[3].unwrap_or("")),
        replicas: replicas(blocks[4].unwrap_or("")),
        heartbeat_lag_seconds,
        heartbeat_own_seconds,
        answered_us: blocks[6]
            .unwrap_or("")
            .lines()
            .find_map(|line| line.trim().parse().ok()),
        galera: galera(&variables, &status),
        errors,
    };
    Ok(mysql)
}

/// The content of each block. A block begins with a line of `#` and its name; of two with one name the first counts,
/// so that nothing inside a later one (an error text, say) can stand in for it.
fn split(text: &str) -> [Option<&str>; 7] {
    let mut blocks = [None; 7];
    let mut open: Option<(usize, usize)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let name = line.strip_prefix('#').map(str::trim);
        let place = name.and_then(|name| BLOCKS.iter().position(|block| *block == name));
        if let Some(place) = place.filter(|place| blocks[*place].is_none()) {
            if let Some((before, from)) = open {
                blocks[before] = Some(&text[from..at]);
            }
            open = Some((place, at + line.len()));
            blocks[place] = Some("");
        }
        at += line.len();
    }
    if let Some((last, from)) = open {
        blocks[last] = Some(&text[from..]);
    }
    blocks
}

/// `name<TAB>value` lines, names in lower case.
struct Values(HashMap<String, String>);

impl Values {
    fn new(block: &str) -> Self {
        let mut values = HashMap::new();
        let mut last = String::new();
        for line in block.lines() {
            if let Some((name, value)) = line.split_once('\t') {
                last = name.trim().to_ascii_lowercase();
                values.insert(last.clone(), value.trim().to_owned());
            } else if last.starts_with("gtid_")
                && line.contains(':')
                && let Some(value) = values.get_mut(&last)
            {
                // MySQL breaks a long set of GTIDs behind its commas.
                value.push_str(line.trim());
            }
        }
        Self(values)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    fn switch(&self, name: &str) -> Option<bool> {
        self.text(name).and_then(switch)
    }
}

fn switch(word: &str) -> Option<bool> {
    match word {
        "ON" | "on" | "1" | "YES" | "Yes" => Some(true),
        "OFF" | "off" | "0" | "NO" | "No" => Some(false),
        _ => None,
    }
}

/// MariaDB 12 knows more than on and off (`NO_LOCK`, `NO_LOCK_NO_ADMIN`).
fn read_only(word: &str) -> Option<bool> {
    switch(word).or_else(|| word.starts_with("NO_LOCK").then_some(true))
}

fn either<'a>(values: &'a Values, new: &str, old: &str) -> Option<&'a str> {
    values.text(new).or_else(|| values.text(old))
}

fn flavour(number: &str, comment: &str) -> Flavour {
    let maria = |text: &str| text.to_ascii_lowercase().contains("mariadb");
    let mut parts = number.split('.');
    let numbers = (0..3).all(|_| {
        parts
            .next()
            .is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit()))
    });
    if maria(number) || maria(comment) {
        Flavour::Mariadb
    } else if numbers {
        Flavour::Mysql
    } else {
        Flavour::Unknown(CleanText::new(comment.trim()))
    }
}

fn gtid_executed(flavour: &Flavour, variables: &Values) -> Option<CleanText> {
    if *flavour != Flavour::Mariadb {
        return variables.text("gtid_executed").map(CleanText::long);
    }
    let binlog = variables.text("gtid_binlog_pos");
    let replica = variables.text("gtid_slave_pos");
    if binlog.is_none() && replica.is_none() {
        return None;
    }
    let parts: Vec<_> = [binlog, replica]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    Some(CleanText::long(&parts.join(",")))
}

fn buffer_pool(status: &Values) -> Option<f64> {
    let requests = status.number("innodb_buffer_pool_read_requests")?;
    let reads = status.number("innodb_buffer_pool_reads")?;
    (requests > 0).then(|| (1.0 - reads as f64 / requests as f64).clamp(0.0, 1.0) * 100.0)
}

fn semi_sync(variables: &Values, status: &Values) -> Option<SemiSync> {
    let enabled = either(
        variables,
        "rpl_semi_sync_source_enabled",
        "rpl_semi_sync_master_enabled",
    )
    .and_then(switch)?;
    let active = either(status, "rpl_semi_sync_source_status", "rpl_semi_sync_master_status").and_then(switch);
    let replicas = either(status, "rpl_semi_sync_source_clients", "rpl_semi_sync_master_clients");
    Some(SemiSync {
        enabled,
        active: active == Some(true),
        replicas: replicas.and_then(|word| word.parse().ok()),
    })
}

/// The table of `SHOW REPLICAS` or `SHOW SLAVE HOSTS`: the column `Host` (the second, where the line of names is
/// missing), or the server's number where it is empty.
fn replicas(block: &str) -> Vec<CleanText> {
    let mut lines = block.lines().filter(|line| line.contains('\t')).peekable();
    let header = lines.next_if(|line| {
        line.get(..9)
            .is_some_and(|first| first.eq_ignore_ascii_case("server_id"))
    });
    let host = header.and_then(|header| header.split('\t').position(|column| column == "Host"));
    let host = host.unwrap_or(1);
    let name = |line: &str| {
        let id = line.split('\t').next().unwrap_or("");
        match line.split('\t').nth(host) {
            Some(host) if !host.is_empty() => CleanText::new(host),
            _ => CleanText::from(format!("server {id}")),
        }
    };
    lines.map(name).collect()
}

/// The ages of the newest beat of another server, and of the server's own. A server that does not say which it is
/// has neither: its own beat must not pass for one that it received.
fn heartbeat(block: &str, own: Option<u64>) -> (Option<f64>, Option<f64>) {
    let Some(own) = own else { return (None, None) };
    let mut newest = [None, None];
    for (server, age) in block.lines().filter_map(|line| line.split_once('\t')) {
        let (Ok(server), Some(age)) = (server.trim().parse::<u64>(), float(age.trim())) else {
            continue;
        };
        let place: &mut Option<f64> = &mut newest[usize::from(server == own)];
        *place = Some(place.map_or(age.max(0.0), |other| other.min(age.max(0.0))));
    }
    (newest[0], newest[1])
}

/// Galera, where wsrep is on (or, if the server did not say, where it knows of a cluster).
fn galera(variables: &Values, status: &Values) -> Option<Galera> {
    let size: Option<u32> = status.text("wsrep_cluster_size").and_then(|word| word.parse().ok());
    match variables.switch("wsrep_on") {
        Some(on) => on.then_some(())?,
        None => size.filter(|size| *size > 0).map(|_| ())?,
    }
    let text = |name: &str| CleanText::new(status.text(name).unwrap_or(""));
    Some(Galera {
        cluster_status: GaleraStatus::parse(status.text("wsrep_cluster_status").unwrap_or("")),
        local_state: text("wsrep_local_state_comment"),
        ready: status.switch("wsrep_ready"),
        connected: status.switch("wsrep_connected"),
        cluster_size: size,
        state_uuid: text("wsrep_cluster_state_uuid"),
        // A node outside the primary component prints 2⁶⁴ − 1.
        conf_id: status.number("wsrep_cluster_conf_id").filter(|id| *id != u64::MAX),
        flow_control_paused: status.text("wsrep_flow_control_paused").and_then(float),
        last_committed: status.text("wsrep_last_committed").and_then(|word| word.parse().ok()),
    })
}
