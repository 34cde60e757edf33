//! The answers of a MySQL or MariaDB client: see `facts::mysql` for the form.

use super::put;
use crate::simulate::{
    galera::Galera,
    island::Island,
    mysql::{Channel, Server},
    node::{Node, whole},
    noise::{jitter, mix, normal, unit},
};

/// Writes every block; `false` when the host has no server.
pub(super) fn blocks(island: &Island, at: usize, out: &mut String) -> bool {
    let node = &island.nodes[at];
    let Some(server) = &node.mysql else { return false };
    let (version, comment) = if server.mariadb {
        ("10.11.6-MariaDB-0+deb12u1-log", "Debian 12")
    } else {
        ("8.0.37", "MySQL Community Server - GPL")
    };
    put!(out, "#version\n{version}\t{comment}\n");
    variables(island, node, server, out);
    status(island, node, server, out);
    out.push_str("#replica\n");
    if let Some(channel) = &server.channel {
        if server.mariadb {
            slave(island, channel, out);
        } else {
            replica(island, server, channel, out);
        }
    }
    out.push_str("#heartbeat\n");
    if let Some(channel) = &server.channel
        && let Some(source) = &island.nodes[channel.source].mysql
    {
        // Beats come once a second.
        let age = channel.lag_s + unit(island.now_ms / 1000) * 0.9 + 0.05;
        put!(out, "{}\t{age:.3}\n", source.server_id);
    } else if server.channel.is_none() && server.galera.is_none() {
        let age = unit(island.now_ms / 1000) * 0.9 + 0.05;
        put!(out, "{}\t{age:.3}\n", server.server_id);
    }
    out.push_str("#replicas\n");
    for other in connected(island, at) {
        if let Some(replica) = &other.mysql {
            put!(
                out,
                "{}\t{}\t3306\t{}\t{}\n",
                replica.server_id,
                other.name,
                server.server_id,
                replica.uuid
            );
        }
    }
    let noise = jitter(node.seed ^ 0x7175, island.seconds()) + 0.1 * normal(mix(node.seed ^ island.now_ms));
    put!(out, "#took\ntook_us\n{}\n", whole(server.answer_us * noise.exp()));
    true
}

/// Hosts that replicate from this one and are connected.
fn connected(island: &Island, at: usize) -> impl Iterator<Item = &Node> {
    island.nodes.iter().filter(move |node| {
        let channel = node.mysql.as_ref().and_then(|server| server.channel.as_ref());
        node.is_up() && channel.is_some_and(|channel| channel.source == at && channel.connected)
    })
}

fn switch(on: bool) -> &'static str {
    if on { "ON" } else { "OFF" }
}

/// What the server has executed.
fn executed(island: &Island, server: &Server) -> String {
    let source = server.channel.as_ref().map(|channel| (channel.source, channel.applied));
    let origin = source
        .and_then(|(at, _)| island.nodes[at].mysql.as_ref())
        .unwrap_or(server);
    let last = whole(source.map_or(server.transactions, |(_, applied)| applied));
    if server.mariadb {
        let writer = server.log.newest().map_or(origin.server_id, |(writer, _)| writer);
        let mut text = format!("0-{writer}-{last}");
        if server.errant > 0 {
            text = format!("0-{}-{}", server.server_id, last + server.errant);
        }
        text
    } else {
        server.executed_set()
    }
}

fn variables(island: &Island, node: &Node, server: &Server, out: &mut String) {
    put!(
        out,
        "#variables\nhostname\t{}\nlog_bin\tON\nmax_connections\t500\n",
        node.name
    );
    put!(
        out,
        "port\t3306\nread_only\t{}\nserver_id\t{}\n",
        switch(server.read_only),
        server.server_id
    );
    if server.mariadb {
        let executed = executed(island, server);
        put!(out, "gtid_binlog_pos\t{executed}\ngtid_current_pos\t{executed}\n");
        let applied = if server.channel.is_some() {
            executed.as_str()
        } else {
            ""
        };
        put!(out, "gtid_slave_pos\t{applied}\ngtid_strict_mode\tON\n");
        put!(
            out,
            "rpl_semi_sync_master_enabled\t{}\nrpl_semi_sync_slave_enabled\t{}\nwsrep_on\t{}\n",
            switch(server.semi_sync.source && server.galera.is_none()),
            switch(server.semi_sync.replica && server.galera.is_none()),
            switch(server.galera.is_some())
        );
    } else {
        put!(
            out,
            "super_read_only\t{}\nserver_uuid\t{}\ngtid_mode\tON\ngtid_executed\t{}\nrpl_semi_sync_source_enabled\t{}\nrpl_semi_sync_replica_enabled\t{}\n",
            switch(server.read_only && server.stops_super),
            server.uuid,
            executed(island, server),
            switch(server.semi_sync.source),
            switch(server.semi_sync.replica)
        );
    }
}

fn status(island: &Island, node: &Node, server: &Server, out: &mut String) {
    let uptime = whole((island.now_ms as f64 - node.booted_ms as f64) / 1000.0 - 40.0);
    let reads = whole(server.queries * 9.0);
    put!(
        out,
        "#status\nInnodb_buffer_pool_read_requests\t{reads}\nInnodb_buffer_pool_reads\t{}\n",
        reads / 620
    );
    put!(
        out,
        "Queries\t{}\nThreads_connected\t{}\nThreads_running\t{}\nUptime\t{uptime}\n",
        whole(server.queries),
        server.connections,
        server.running
    );
    if server.galera.is_none() {
        let [source, replica] = if server.mariadb {
            ["master", "slave"]
        } else {
            ["source", "replica"]
        };
        let replicas = island.node(&node.name).map_or(0, |at| connected(island, at).count());
        put!(
            out,
            "Rpl_semi_sync_{source}_clients\t{replicas}\nRpl_semi_sync_{source}_status\t{}\nRpl_semi_sync_{replica}_status\t{}\n",
            switch(server.semi_sync.source && replicas > 0),
            switch(server.channel.as_ref().is_some_and(|channel| channel.connected))
        );
    }
    if let Some(galera) = &server.galera {
        wsrep(galera, out);
    }
}

fn wsrep(galera: &Galera, out: &mut String) {
    let (cluster, state, comment) = if galera.primary {
        ("Primary", 4, "Synced")
    } else {
        ("non-Primary", 0, "Initialized")
    };
    put!(
        out,
        "wsrep_cluster_conf_id\t{}\nwsrep_cluster_size\t{}\nwsrep_cluster_state_uuid\t{}\nwsrep_cluster_status\t{cluster}\nwsrep_connected\tON\nwsrep_flow_control_paused\t0.0003\nwsrep_last_committed\t{}\nwsrep_local_state\t{state}\nwsrep_local_state_comment\t{comment}\nwsrep_ready\t{}\n",
        if galera.primary {
            galera.conf_id.to_string()
        } else {
            u64::MAX.to_string()
        },
        galera.size,
        galera.uuid(),
        galera.at(),
        switch(galera.primary)
    );
}

/// How a channel stands: receiver, its error, applier, its error, seconds behind.
struct Standing {
    io: &'static str,
    io_error: (u32, String),
    sql: &'static str,
    sql_error: (u32, &'static str),
    behind: String,
}

fn standing(island: &Island, channel: &Channel) -> Standing {
    let source = &island.nodes[channel.source].name;
    let io = match (channel.io_on, channel.connected) {
        (true, true) => "Yes",
        (true, false) => "Connecting",
        _ => "No",
    };
    let io_error = if channel.io_on && !channel.connected {
        let text = format!(
            "error connecting to source 'repl@{source}:3306' - retry-time: 60 retries: 3 message: Can't connect to MySQL server on '{source}:3306' (110)"
        );
        (2003, text)
    } else {
        (0, String::new())
    };
    let behind = if channel.sql_on && channel.connected {
        whole(channel.lag_s).to_string()
    } else {
        "NULL".to_owned()
    };
    Standing {
        io,
        io_error,
        sql: if channel.sql_on { "Yes" } else { "No" },
        sql_error: channel.sql_error.unwrap_or((0, "")),
        behind,
    }
}

/// `SHOW REPLICA STATUS\G`.
fn replica(island: &Island, server: &Server, channel: &Channel, out: &mut String) {
    let stand = standing(island, channel);
    let source = &island.nodes[channel.source];
    let Some(origin) = &source.mysql else { return };
    out.push_str("*************************** 1. row ***************************\n");
    let mut line = |key: &str, value: &dyn std::fmt::Display| put!(out, "{key:>30}: {value}\n");
    line("Replica_IO_State", &"Waiting for source to send event");
    line("Source_Host", &source.name);
    line("Source_User", &"repl");
    line("Source_Port", &3306);
    line("Connect_Retry", &60);
    line("Replica_IO_Running", &stand.io);
    line("Replica_SQL_Running", &stand.sql);
    line("Last_Errno", &stand.sql_error.0);
    line("Last_Error", &stand.sql_error.1);
    line("Seconds_Behind_Source", &stand.behind);
    line("Last_IO_Errno", &stand.io_error.0);
    line("Last_IO_Error", &stand.io_error.1);
    line("Last_SQL_Errno", &stand.sql_error.0);
    line("Last_SQL_Error", &stand.sql_error.1);
    line("Source_Server_Id", &origin.server_id);
    line("Source_UUID", &origin.uuid);
    line("Retrieved_Gtid_Set", &channel.relay.set());
    line("Executed_Gtid_Set", &executed(island, server));
    line("Auto_Position", &1);
    line("Channel_Name", &"");
}

/// `SHOW ALL SLAVES STATUS\G`.
fn slave(island: &Island, channel: &Channel, out: &mut String) {
    let stand = standing(island, channel);
    let source = &island.nodes[channel.source];
    let Some(origin) = &source.mysql else { return };
    out.push_str("*************************** 1. row ***************************\n");
    let mut line = |key: &str, value: &dyn std::fmt::Display| put!(out, "{key:>30}: {value}\n");
    line("Connection_name", &"");
    line("Slave_IO_State", &"Waiting for master to send event");
    line("Master_Host", &source.name);
    line("Master_User", &"repl");
    line("Master_Port", &3306);
    line("Connect_Retry", &60);
    line("Slave_IO_Running", &stand.io);
    line("Slave_SQL_Running", &stand.sql);
    line("Last_Errno", &stand.sql_error.0);
    line("Last_Error", &stand.sql_error.1);
    line("Seconds_Behind_Master", &stand.behind);
    line("Last_IO_Errno", &stand.io_error.0);
    line("Last_IO_Error", &stand.io_error.1);
    line("Last_SQL_Errno", &stand.sql_error.0);
    line("Last_SQL_Error", &stand.sql_error.1);
    line("Master_Server_Id", &origin.server_id);
    line("Using_Gtid", &"Slave_Pos");
    let writer = channel.relay.newest().map_or(origin.server_id, |(writer, _)| writer);
    let received = format!("0-{writer}-{}", whole(channel.received));
    let applied = format!("0-{writer}-{}", whole(channel.applied));
    line("Gtid_IO_Pos", &received);
    line("Gtid_Slave_Pos", &applied);
}
