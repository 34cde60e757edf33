//! Databases as the functions of `database.sh` find and change them, by the rules of MariaDB.

use crate::simulate::{
    exec::Answer,
    island::Island,
    mysql::{Channel, Log, Server},
    node::whole,
};
use std::fmt::Write as _;

/// Columns of `SHOW ALL SLAVES STATUS` that somebody reads.
const CHANNEL: &str = "Connection_name\tMaster_Host\tMaster_Port\tSlave_IO_Running\tSlave_SQL_Running\tReplicate_Do_DB\t\
    Last_IO_Errno\tLast_IO_Error\tLast_SQL_Errno\tLast_SQL_Error\tMaster_Server_Id\tUsing_Gtid\tGtid_IO_Pos\tSQL_Delay";
/// Columns of the server's own state.
const SERVER: &str = "#server\tdialect\tserver_id\tport\tread_only\tread_only_origin\tlog_bin\tlog_slave_updates\t\
    gtid_strict_mode\tgtid_binlog_pos\tgtid_binlog_state\tgtid_slave_pos\tevent_scheduler\tevents\tsemi_sync_source\t\
    semi_sync_replica\tsemi_sync_wait_point\tsemi_sync_active\tsemi_sync_replicas\tclients\toldest_transaction_s\twsrep_on\tdatadir";

/// Runs a function of `database.sh`; `None` for what is none.
pub(super) fn function(island: &mut Island, at: usize, words: &[&str]) -> Option<Answer> {
    let answer = match words {
        ["db_state", _, _] => with(island, at, |island, server| Answer::ok(state(island, server))),
        ["db_stand", _, _] => with(island, at, |_, server| Answer::ok(stand(server))),
        ["db_close", _, _] => change(island, at, close),
        ["db_open", _, _, events] => change(island, at, |server| {
            server.read_only = false;
            server.scheduler |= *events == "events";
            Answer::ok(String::new())
        }),
        ["db_follow", _, _, host, _, account] => follow(island, at, host, account),
        ["db_unfollow", _, _] => change(island, at, |server| {
            server.unfollow();
            Answer::ok(String::new())
        }),
        ["db_reach", host, port, _] => reach(island, at, host, port),
        ["db_warm", ..] => with(island, at, |_, _| Answer::ok("read 12 indexes\n".to_owned())),
        _ => return None,
    };
    Some(answer)
}

/// Whether the host's server runs.
fn runs(island: &Island, at: usize) -> bool {
    let node = &island.nodes[at];
    let stopped = |name: &str| node.stopped_units.contains(name);
    node.mysql.is_some() && !stopped("mariadb") && !stopped("mysql")
}

fn silent() -> Answer {
    Answer::failed(
        1,
        "ERROR 2002 (HY000): Can't connect to local server through socket '/run/mysqld/mysqld.sock' (2)\n".to_owned(),
    )
}

fn with(island: &Island, at: usize, ask: impl FnOnce(&Island, &Server) -> Answer) -> Answer {
    match island.nodes[at].mysql.as_ref().filter(|_| runs(island, at)) {
        Some(server) => ask(island, server),
        None => silent(),
    }
}

fn change(island: &mut Island, at: usize, act: impl FnOnce(&mut Server) -> Answer) -> Answer {
    if !runs(island, at) {
        return silent();
    }
    let answer = island.nodes[at].mysql.as_mut().map_or_else(silent, act);
    island.settle();
    answer
}

/// The host that others reach under that name or address.
fn named(island: &Island, name: &str) -> Option<usize> {
    let bare = name.strip_suffix(".sim").unwrap_or(name);
    let found = |node: &crate::simulate::node::Node| *node.name == *bare || node.ip.to_string() == bare;
    island.nodes.iter().position(found)
}

fn reach(island: &Island, at: usize, host: &str, port: &str) -> Answer {
    let there = named(island, host).filter(|there| {
        let both = [at, *there].iter().all(|at| island.nodes[*at].is_up());
        both && runs(island, *there)
    });
    match there.and_then(|there| island.nodes[there].mysql.as_ref()) {
        Some(server) => Answer::ok(format!("{}\n", server.server_id)),
        None => Answer::failed(
            1,
            format!("ERROR 2002 (HY000): Can't connect to server on '{host}:{port}' (115)\n"),
        ),
    }
}

/// `read_only` stops nobody who has SUPER: such a session is ended, and may come back.
fn close(server: &mut Server) -> Answer {
    server.read_only = true;
    server.scheduler = false;
    if server.admin_returns && server.admin > 0.0 {
        return Answer::failed(
            1,
            "it is still written, by an account that read_only does not stop\n".to_owned(),
        );
    }
    server.admin = 0.0;
    Answer::ok(format!("closed at {}\n", gtid(&server.log)))
}

fn follow(island: &mut Island, at: usize, host: &str, account: &str) -> Answer {
    let Some(source) = named(island, host) else {
        return Answer::failed(1, format!("ERROR 2005 (HY000): Unknown server host '{host}' (-2)\n"));
    };
    change(island, at, |server| {
        if server.channel.is_none() && account == "-" {
            return Answer::failed(
                1,
                "ERROR 1200 (HY000) at line 3: Misconfigured slave: MASTER_USER was not set\n".to_owned(),
            );
        }
        server.follow(source);
        Answer::ok(String::new())
    })
}

fn gtid(log: &Log) -> String {
    let newest = log.newest();
    newest.map_or_else(String::new, |(writer, last)| format!("0-{writer}-{last}"))
}

/// Whether everything that a replica has received is applied.
fn drained(server: &Server, channel: &Channel) -> bool {
    whole(channel.applied).max(server.log.end()) >= channel.relay.end()
}

fn stand(server: &Server) -> String {
    let open = if server.read_only { "closed" } else { "open" };
    let role = match &server.channel {
        None => "source",
        Some(channel) if drained(server, channel) => "replica drained",
        Some(_) => "replica behind",
    };
    format!("{} {open} {role}\n", server.server_id)
}

fn state(island: &Island, server: &Server) -> String {
    if !server.mariadb {
        return "#server\tdialect\n8.0.37\tmysql\n#end\nend\n".to_owned();
    }
    let mut log = server.log.clone();
    if server.errant > 0 {
        log.write(server.server_id, log.end() + server.errant);
    }
    let written: Vec<String> = log
        .state()
        .into_iter()
        .map(|(writer, last)| format!("0-{writer}-{last}"))
        .collect();
    let applied = match &server.channel {
        Some(_) => gtid(&server.log),
        None => String::new(),
    };
    let replicas = island
        .nodes
        .iter()
        .filter_map(|node| node.mysql.as_ref()?.channel.as_ref())
        .filter(|channel| {
            let source = island.nodes[channel.source].mysql.as_ref();
            channel.connected && source.is_some_and(|source| source.server_id == server.server_id)
        })
        .count();
    let own: [String; 23] = [
        "10.11.6-MariaDB-0+deb12u1-log".to_owned(),
        "mariadb".to_owned(),
        server.server_id.to_string(),
        "3306".to_owned(),
        u8::from(server.read_only).to_string(),
        if server.opens_at_start { "COMPILE-TIME" } else { "SQL" }.to_owned(),
        "1".to_owned(),
        "1".to_owned(),
        "1".to_owned(),
        gtid(&log),
        written.join(","),
        applied,
        if server.scheduler { "ON" } else { "OFF" }.to_owned(),
        "0".to_owned(),
        "1".to_owned(),
        "1".to_owned(),
        "AFTER_SYNC".to_owned(),
        if replicas > 0 { "ON" } else { "OFF" }.to_owned(),
        replicas.to_string(),
        server.connections.to_string(),
        "0".to_owned(),
        if server.galera.is_some() { "ON" } else { "OFF" }.to_owned(),
        "/var/lib/mysql/".to_owned(),
    ];
    let mut out = format!("{SERVER}\n{}\n", own.join("\t"));
    if let Some(channel) = &server.channel {
        let _ = writeln!(out, "{CHANNEL}\n{}", row(island, channel));
    }
    out.push_str("File\tPosition\tBinlog_Do_DB\tBinlog_Ignore_DB\nbinlog.000042\t4711\t\t\n");
    out.push_str("#account\n'root'@'localhost'\n#end\nend\n");
    out
}

fn row(island: &Island, channel: &Channel) -> String {
    let source = &island.nodes[channel.source];
    let io = match (channel.io_on && !channel.diverged, channel.connected) {
        (true, true) => "Yes",
        (true, false) => "Connecting",
        _ => "No",
    };
    let (errno, error) = if channel.diverged {
        (
            1236,
            "Got fatal error 1236 from master: requested GTID which is not in the master's binlog",
        )
    } else if channel.io_on && !channel.connected {
        (2003, "error connecting to master - retry-time: 60")
    } else {
        (0, "")
    };
    let (sql_errno, sql_error) = channel.sql_error.unwrap_or((0, ""));
    let id = source.mysql.as_ref().map_or(0, |server| server.server_id);
    format!(
        "\t{}\t3306\t{io}\t{}\t\t{errno}\t{error}\t{sql_errno}\t{sql_error}\t{id}\tSlave_Pos\t{}\t0",
        source.name,
        if channel.sql_on { "Yes" } else { "No" },
        gtid(&channel.relay)
    )
}
