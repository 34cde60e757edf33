//! Databases as the functions of `database.sh` find and change them, by the rules of MariaDB and of MySQL 8.

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
    semi_sync_replica\tsemi_sync_wait_point\tsemi_sync_timeout_ms\tsemi_sync_wanted\tsemi_sync_active\tsemi_sync_replicas\t\
    clients\toldest_transaction_s\twsrep_on\tdatadir";
/// The same of MySQL.
const SERVER_OF_MYSQL: &str = "#server\tdialect\tserver_id\tserver_uuid\tport\tread_only\tsuper_read_only\tread_only_origin\t\
    read_only_persisted\tlog_bin\tlog_replica_updates\tgtid_mode\tenforce_gtid_consistency\tgtid_executed\tevent_scheduler\t\
    events\tsemi_sync_source\tsemi_sync_replica\tsemi_sync_wait_point\tsemi_sync_timeout_ms\tsemi_sync_wanted\t\
    semi_sync_active\tsemi_sync_replicas\tclients\toldest_transaction_s\tgroup_name\tdatadir";
const CHANNEL_OF_MYSQL: &str = "Replica_IO_State\tSource_Host\tSource_Port\tReplica_IO_Running\tReplica_SQL_Running\t\
    Replicate_Do_DB\tLast_IO_Errno\tLast_IO_Error\tLast_SQL_Errno\tLast_SQL_Error\tSource_Server_Id\tSQL_Delay\t\
    Retrieved_Gtid_Set\tAuto_Position\tChannel_Name";

/// Runs a function of `database.sh`; `None` for what is none.
pub(super) fn function(island: &mut Island, at: usize, words: &[&str]) -> Option<Answer> {
    let answer = match words {
        ["db_state", _, _] => with(island, at, |island, server| Answer::ok(state(island, server))),
        ["db_stand", _, _] => with(island, at, |_, server| Answer::ok(stand(server))),
        ["db_lag", _, _] => with(island, at, |_, server| Answer::ok(lag(server))),
        ["db_close", _, _] => change(island, at, close),
        ["db_open", _, _, events] => change(island, at, |server| {
            server.read_only = false;
            // SET PERSIST.
            server.opens_at_start |= !server.mariadb;
            server.scheduler |= *events == "events";
            Answer::ok(String::new())
        }),
        ["db_follow", _, _, host, _, account] => follow(island, at, host, account),
        ["db_unfollow", _, _] => change(island, at, |server| {
            server.unfollow();
            Answer::ok(String::new())
        }),
        ["db_binlogs", _, _] => with(island, at, |_, _| {
            Answer::ok("/var/lib/mysql/binlog\nbinlog.000041\t104857600\nbinlog.000042\t4711\n".to_owned())
        }),
        ["db_home", _, _] => with(island, at, |_, server| {
            Answer::ok(format!("{}\n", server.datadir.trim_end_matches('/')))
        }),
        ["db_engines", _, _] => with(island, at, |_, server| Answer::ok(engines(server))),
        ["db_freeze", _, _] => change(island, at, freeze),
        ["db_semi_sync", _, _, side, switch] => change(island, at, |server| semi_sync(server, side, switch)),
        ["db_reach", host, port, _] => reach(island, at, host, port),
        ["db_warm", ..] => with(island, at, |_, _| Answer::ok("read 12 indexes\n".to_owned())),
        _ => return None,
    };
    Some(answer)
}

/// How far a replica says it is behind; it does not know that without a connection, or while its applier is off.
fn lag(server: &Server) -> String {
    let behind = server.channel.as_ref().map(|channel| {
        if channel.connected && channel.sql_on {
            whole(channel.lag_s).to_string()
        } else {
            "NULL".to_owned()
        }
    });
    behind.map_or_else(
        || "end\n".to_owned(),
        |behind| format!("behind {behind} delay 0\nend\n"),
    )
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

/// `read_only` stops nobody who has SUPER: such a session is ended, and may come back. `super_read_only` of MySQL stops it, and
/// what is set so outlives a restart.
fn close(server: &mut Server) -> Answer {
    server.read_only = true;
    server.scheduler = false;
    if !server.mariadb {
        (server.stops_super, server.opens_at_start, server.admin) = (true, false, 0.0);
        return Answer::ok(format!("closed at {}\n", server.log.set()));
    }
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

/// Only MySQL keeps what it has received while its receiver is stopped.
fn freeze(server: &mut Server) -> Answer {
    match &mut server.channel {
        _ if server.mariadb => Answer::failed(
            1,
            "a receiver of MariaDB is not stopped: its relay log would be lost\n".to_owned(),
        ),
        Some(channel) => {
            (channel.io_on, channel.connected) = (false, false);
            Answer::ok(String::new())
        }
        None => Answer::ok(String::new()),
    }
}

/// Tables are all of one engine that a crash does not tear, but for those that were made otherwise.
fn engines(server: &Server) -> String {
    let torn = server
        .torn
        .map_or_else(String::new, |engine| format!("{engine}\t1\tshop.carts\n"));
    format!("{torn}end\n")
}

/// It is forgotten with a restart.
fn semi_sync(server: &mut Server, side: &str, switch: &str) -> Answer {
    let on = switch == "on";
    match side {
        "source" => server.semi_sync.source = on,
        _ => server.semi_sync.replica = on,
    }
    Answer::ok(String::new())
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
    let open = match (server.read_only, server.mariadb || server.stops_super) {
        (true, true) => "closed",
        (true, false) => "privileged",
        (false, _) => "open",
    };
    let role = match &server.channel {
        None => "source",
        Some(channel) if drained(server, channel) => "replica drained",
        Some(_) => "replica behind",
    };
    format!("{} {open} {role}\n", server.server_id)
}

fn state(island: &Island, server: &Server) -> String {
    if !server.mariadb {
        return mysql(island, server);
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
    let own: [String; 25] = [
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
        switch(server.scheduler),
        "0".to_owned(),
        u8::from(server.semi_sync.source).to_string(),
        u8::from(server.semi_sync.replica).to_string(),
        "AFTER_SYNC".to_owned(),
        "10000".to_owned(),
        "1".to_owned(),
        switch(is_in_force(island, server)),
        acknowledging(island, server).to_string(),
        server.connections.to_string(),
        "0".to_owned(),
        switch(server.galera.is_some()),
        server.datadir.clone(),
    ];
    let mut out = format!("{SERVER}\n{}\n", own.join("\t"));
    if let Some(channel) = &server.channel {
        let _ = writeln!(out, "{CHANNEL}\n{}", row(island, channel));
    }
    out.push_str("File\tPosition\tBinlog_Do_DB\tBinlog_Ignore_DB\nbinlog.000042\t4711\t\t\n");
    out.push_str("#account\n'root'@'localhost'\n#end\nend\n");
    out
}

/// A switch as a status shows it.
fn switch(on: bool) -> String {
    if on { "ON" } else { "OFF" }.to_owned()
}

/// Whether commits of a server wait for a replica.
fn is_in_force(island: &Island, server: &Server) -> bool {
    server.semi_sync.source && acknowledging(island, server) > 0
}

/// How many replicas that tell what they have received are connected to a server.
fn acknowledging(island: &Island, server: &Server) -> usize {
    let channels = island
        .nodes
        .iter()
        .filter_map(|node| node.mysql.as_ref()?.channel.as_ref());
    let own = |channel: &&Channel| {
        let source = island.nodes[channel.source].mysql.as_ref();
        channel.connected && channel.acknowledges && source.is_some_and(|source| source.server_id == server.server_id)
    };
    channels.filter(own).count()
}

/// The same state as MySQL 8.4 tells it.
fn mysql(island: &Island, server: &Server) -> String {
    let own: [String; 27] = [
        "8.4.2".to_owned(),
        "mysql".to_owned(),
        server.server_id.to_string(),
        server.uuid.clone(),
        "3306".to_owned(),
        u8::from(server.read_only).to_string(),
        u8::from(server.read_only && server.stops_super).to_string(),
        "DYNAMIC".to_owned(),
        switch(!server.opens_at_start),
        "1".to_owned(),
        "ON".to_owned(),
        "ON".to_owned(),
        "ON".to_owned(),
        server.executed_set().replace(',', ",\\n"),
        switch(server.scheduler),
        "0".to_owned(),
        switch(server.semi_sync.source),
        switch(server.semi_sync.replica),
        "AFTER_SYNC".to_owned(),
        "10000".to_owned(),
        "1".to_owned(),
        switch(is_in_force(island, server)),
        acknowledging(island, server).to_string(),
        server.connections.to_string(),
        "0".to_owned(),
        String::new(),
        server.datadir.clone(),
    ];
    let mut out = format!("{SERVER_OF_MYSQL}\n{}\n", own.join("\t"));
    if let Some(channel) = &server.channel {
        let stand = standing(island, channel);
        let _ = writeln!(
            out,
            "{CHANNEL_OF_MYSQL}\nWaiting for source to send event\t{}\t3306\t{}\t{}\t\t{}\t{}\t{}\t{}\t{}\t0\t{}\t1\t",
            stand.source,
            stand.io,
            stand.sql,
            stand.io_error.0,
            stand.io_error.1,
            stand.sql_error.0,
            stand.sql_error.1,
            stand.source_id,
            channel.relay.set().replace(',', ",\\n"),
        );
    }
    out.push_str(
        "File\tPosition\tBinlog_Do_DB\tBinlog_Ignore_DB\tExecuted_Gtid_Set\nbinlog.000042\t4711\t\t\t\n#end\nend\n",
    );
    out
}

/// How a replica's connection stands.
struct Standing<'a> {
    source: &'a str,
    source_id: u32,
    io: &'static str,
    sql: &'static str,
    io_error: (u32, &'static str),
    sql_error: (u32, &'static str),
}

fn standing<'a>(island: &'a Island, channel: &Channel) -> Standing<'a> {
    let source = &island.nodes[channel.source];
    let io = match (channel.io_on && !channel.diverged, channel.connected) {
        (true, true) => "Yes",
        (true, false) => "Connecting",
        _ => "No",
    };
    let io_error = if channel.diverged {
        (
            1236,
            "Got fatal error 1236 from master: requested GTID which is not in the master's binlog",
        )
    } else if channel.io_on && !channel.connected {
        (2003, "error connecting to master - retry-time: 60")
    } else {
        (0, "")
    };
    Standing {
        source: &source.name,
        source_id: source.mysql.as_ref().map_or(0, |server| server.server_id),
        io,
        sql: if channel.sql_on { "Yes" } else { "No" },
        io_error,
        sql_error: channel.sql_error.unwrap_or((0, "")),
    }
}

fn row(island: &Island, channel: &Channel) -> String {
    let stand = standing(island, channel);
    format!(
        "\t{}\t3306\t{}\t{}\t\t{}\t{}\t{}\t{}\t{}\tSlave_Pos\t{}\t0",
        stand.source,
        stand.io,
        stand.sql,
        stand.io_error.0,
        stand.io_error.1,
        stand.sql_error.0,
        stand.sql_error.1,
        stand.source_id,
        gtid(&channel.relay)
    )
}
