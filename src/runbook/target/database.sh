# Functions of databases, sent along before those of wrapper.sh. In all of them `-` for a socket or a file stands for the
# client's own choice. SQL comes on standard input, so that no word of it, and no password, is in a list of processes.

# db_client SOCKET DEFAULTS [OPTION…]: the host's own client and credentials. Without --raw it writes tabs and newlines
# within a value as \t and \n, so that a line is a row whatever a value holds.
db_client() {
  db_socket=$1 db_defaults=$2
  shift 2
  # A server that is not what it seems could ask the client for any file that it can read.
  set -- --batch --unbuffered --no-auto-rehash --connect-timeout=5 --local-infile=0 "$@"
  [ "$db_socket" = - ] || set -- "--socket=$db_socket" "$@"
  [ "$db_defaults" = - ] || set -- "--defaults-file=$db_defaults" "$@"
  if command -v mariadb >/dev/null 2>&1; then mariadb "$@"; else mysql "$@"; fi
}

# db_state SOCKET DEFAULTS: everything that a move rests on, as tables with a line of names: `#server` (one row), the
# connections of a replica (`Connection_name`, one row each), the binary log (`File`), accounts that `read_only` does not
# stop (`#account`), and `#end`, without which the answer is not whole. A MySQL server tells its version alone.
db_state() {
  db_client "$1" "$2" <<'SQL'
SET @pm = @@version LIKE '%MariaDB%';
SET @ask = IF(@pm, 'SELECT @@version AS `#server`, ''mariadb'' AS dialect, @@global.server_id AS server_id,
 @@port AS port, @@global.read_only AS read_only,
 (SELECT GLOBAL_VALUE_ORIGIN FROM information_schema.SYSTEM_VARIABLES WHERE VARIABLE_NAME = ''READ_ONLY'') AS read_only_origin,
 @@log_bin AS log_bin, @@log_slave_updates AS log_slave_updates, @@global.gtid_strict_mode AS gtid_strict_mode,
 @@global.gtid_binlog_pos AS gtid_binlog_pos, @@global.gtid_binlog_state AS gtid_binlog_state,
 @@global.gtid_slave_pos AS gtid_slave_pos, @@global.event_scheduler AS event_scheduler,
 (SELECT COUNT(*) FROM information_schema.EVENTS) AS events,
 @@global.rpl_semi_sync_master_enabled AS semi_sync_source, @@global.rpl_semi_sync_slave_enabled AS semi_sync_replica,
 @@global.rpl_semi_sync_master_wait_point AS semi_sync_wait_point,
 (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = ''RPL_SEMI_SYNC_MASTER_STATUS'') AS semi_sync_active,
 (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = ''RPL_SEMI_SYNC_MASTER_CLIENTS'') AS semi_sync_replicas,
 (SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER <> ''system user'' AND COMMAND NOT LIKE ''Binlog Dump%''
   AND COMMAND <> ''Daemon'' AND ID <> CONNECTION_ID()) AS clients,
 (SELECT IFNULL(MAX(TIMESTAMPDIFF(SECOND, t.trx_started, NOW())), 0) FROM information_schema.INNODB_TRX t
   JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id WHERE p.USER <> ''system user'') AS oldest_transaction_s,
 IFNULL((SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_VARIABLES WHERE VARIABLE_NAME = ''WSREP_ON''), ''OFF'') AS wsrep_on,
 @@datadir AS datadir',
 'SELECT @@version AS `#server`, ''mysql'' AS dialect');
PREPARE pm FROM @ask;
EXECUTE pm;
SET @ask = IF(@pm, 'SHOW ALL SLAVES STATUS', 'DO 0');
PREPARE pm FROM @ask;
EXECUTE pm;
SET @ask = IF(@pm, 'SHOW MASTER STATUS', 'DO 0');
PREPARE pm FROM @ask;
EXECUTE pm;
SELECT GRANTEE AS `#account` FROM information_schema.USER_PRIVILEGES
 WHERE PRIVILEGE_TYPE IN ('SUPER', 'READ ONLY ADMIN', 'READ_ONLY ADMIN') GROUP BY GRANTEE ORDER BY GRANTEE LIMIT 20;
SELECT 'end' AS `#end`;
SQL
}

# db_galera SOCKET DEFAULTS: what a node of a Galera cluster says of the cluster and of itself, in one line.
db_galera() {
  printf '%s\n' "SHOW GLOBAL STATUS WHERE Variable_name IN
 ('wsrep_cluster_status', 'wsrep_cluster_size', 'wsrep_local_state_comment')" |
    db_client "$1" "$2" --skip-column-names | awk '
    $1 == "wsrep_cluster_status" { status = $2 }
    $1 == "wsrep_cluster_size" { size = $2 }
    $1 == "wsrep_local_state_comment" { state = $2 }
    END { if (status == "" || size == "" || state == "") exit 1; print "status", status, "size", size, "state", state }'
}

# db_stand SOCKET DEFAULTS: in one line, for a target to check in the same call as a command: server_id, open or closed,
# source or replica, and of a replica whether everything that it has received is applied (drained) or not (behind).
db_stand() {
  printf '%s\n' 'SELECT @@global.server_id AS pm_server, @@global.read_only AS pm_closed\G SHOW ALL SLAVES STATUS\G' |
    db_client "$1" "$2" | awk '
    $1 == "pm_server:" { server = $2 }
    $1 == "pm_closed:" { closed = $2 }
    $1 == "Connection_name:" { replica = 1 }
    $1 == "Gtid_IO_Pos:" { got = $2 }
    $1 == "Gtid_Slave_Pos:" {
      n = split($2, part, ",")
      for (i = 1; i <= n; i++) { split(part[i], word, "-"); done[word[1]] = word[3] }
    }
    END {
      if (server == "") exit 1
      way = "drained"
      n = split(got, part, ",")
      for (i = 1; i <= n; i++) { split(part[i], word, "-"); if (done[word[1]] + 0 < word[3] + 0) way = "behind" }
      print server, (closed == "0" ? "open" : "closed"), (replica ? "replica " way : "source")
    }'
}

# db_sessions SOCKET DEFAULTS: ends every session but those of replication and of the server itself.
db_sessions() {
  db_list=$(db_client "$1" "$2" --skip-column-names <<'SQL'
SELECT ID FROM information_schema.PROCESSLIST WHERE USER <> 'system user' AND COMMAND NOT LIKE 'Binlog Dump%'
 AND COMMAND <> 'Daemon' AND ID <> CONNECTION_ID();
SQL
  ) || return
  # One that has gone meanwhile is no failure.
  for db_id in $db_list; do
    case $db_id in *[!0-9]*) ;; *) printf 'KILL CONNECTION %s;\n' "$db_id" ;; esac
  done | db_client "$1" "$2" --force 2>/dev/null || :
}

# db_close SOCKET DEFAULTS: takes no writes any more. read_only stops everybody but accounts with READ ONLY ADMIN, so
# events end, which may run as such, and all sessions; commits that are under way are waited for (a global read lock);
# then its position is read until it stands still.
db_close() {
  db_scheduler=$(db_client "$1" "$2" --skip-column-names <<'SQL'
SELECT @@global.event_scheduler;
SQL
  ) || return
  if [ "$db_scheduler" = ON ]; then echo 'SET GLOBAL event_scheduler = OFF;' | db_client "$1" "$2" || return; fi
  db_left=3
  # A statement that takes long, or tables that a session has locked, are in its way: sessions go, and it is tried again.
  until echo 'SET SESSION lock_wait_timeout = 3; SET GLOBAL read_only = 1;' | db_client "$1" "$2"; do
    db_left=$((db_left - 1))
    [ "$db_left" -gt 0 ] || return 1
    db_sessions "$1" "$2"
  done
  db_sessions "$1" "$2" || return
  db_client "$1" "$2" <<'SQL' || return
SET SESSION lock_wait_timeout = 10;
FLUSH LOCAL TABLES WITH READ LOCK;
UNLOCK TABLES;
FLUSH LOCAL BINARY LOGS;
SQL
  db_seen=none db_left=20
  while :; do
    db_now=$(db_client "$1" "$2" --skip-column-names <<'SQL'
SELECT CONCAT('at ', @@global.gtid_binlog_pos);
SQL
    ) || return
    [ "$db_now" != "$db_seen" ] || break
    db_seen=$db_now db_left=$((db_left - 1))
    if [ "$db_left" -le 0 ]; then
      echo "it is still written, by an account that read_only does not stop; now $db_now" >&2
      return 1
    fi
    sleep 0.2 2>/dev/null || sleep 1
  done
  echo "closed $db_now"
}

# db_open SOCKET DEFAULTS EVENTS: takes writes; with `events` its event scheduler runs as well.
db_open() {
  {
    echo 'SET GLOBAL read_only = 0;'
    [ "$3" != events ] || echo 'SET GLOBAL event_scheduler = ON;'
  } | db_client "$1" "$2"
}

# db_account FILE: SQL words for the replication account of a file of options: its group [client].
db_account() {
  db_user= db_password=
  db_options=$(my_print_defaults "--defaults-file=$1" client) || return
  while IFS= read -r db_option; do
    case $db_option in
      --user=*) db_user=${db_option#--user=} ;;
      --password=*) db_password=${db_option#--password=} ;;
    esac
  done <<END
$db_options
END
  if [ -z "$db_user" ]; then
    echo "$1 names no user in its group [client]" >&2
    return 1
  fi
  printf ", MASTER_USER = '%s', MASTER_PASSWORD = '%s'" "$(db_escape "$db_user")" "$(db_escape "$db_password")"
}

# db_escape TEXT: inside quotes of SQL.
db_escape() { printf '%s' "$1" | sed "s/\\\\/\\\\\\\\/g; s/'/''/g"; }

# db_follow SOCKET DEFAULTS HOST PORT FILE: replicates from there, from where it stands itself. What it has written as a
# source counts as applied (MASTER_DEMOTE_TO_SLAVE); without a file it keeps the account that it knows.
db_follow() {
  db_words=
  [ "$5" = - ] || db_words=$(db_account "$5") || return
  db_client "$1" "$2" <<SQL
STOP SLAVE;
CHANGE MASTER TO MASTER_HOST = '$(db_escape "$3")', MASTER_PORT = $4$db_words, MASTER_USE_GTID = slave_pos,
 MASTER_DEMOTE_TO_SLAVE = 1;
START SLAVE;
SQL
}

# db_unfollow SOCKET DEFAULTS: replicates from nobody, also after a restart.
db_unfollow() { echo 'STOP SLAVE; RESET SLAVE ALL;' | db_client "$1" "$2"; }

# db_reach HOST PORT FILE: logs in there by the replication account, as a replica would: server_id.
db_reach() {
  db_client - "$3" --skip-column-names --protocol=tcp "--host=$1" "--port=$2" <<'SQL'
SELECT @@global.server_id;
SQL
}

# db_warm SOCKET DEFAULTS SECONDS: reads indexes of InnoDB tables into the buffer pool, those first that replication has
# written last, until the time is over or as much was read as the pool holds.
db_warm() {
  db_end=$(($(date +%s) + $3)) db_count=0
  db_list=$(db_client "$1" "$2" --skip-column-names <<'SQL'
SET @room = @@innodb_buffer_pool_size;
SELECT CONCAT('SELECT COUNT(*) AS pm FROM `', REPLACE(s.TABLE_SCHEMA, '`', '``'), '`.`', REPLACE(s.TABLE_NAME, '`', '``'),
 '` FORCE INDEX (`', REPLACE(s.INDEX_NAME, '`', '``'), '`) WHERE `', REPLACE(s.COLUMN_NAME, '`', '``'), '` IS NOT NULL;')
 FROM (SELECT TABLE_SCHEMA, TABLE_NAME, UPDATE_TIME, DATA_LENGTH + INDEX_LENGTH AS size,
   SUM(DATA_LENGTH + INDEX_LENGTH) OVER (ORDER BY UPDATE_TIME IS NULL, UPDATE_TIME DESC, TABLE_SCHEMA, TABLE_NAME) AS total
   FROM information_schema.TABLES WHERE ENGINE = 'InnoDB' AND TABLE_TYPE = 'BASE TABLE'
   AND TABLE_SCHEMA NOT IN ('mysql', 'sys')) t
 JOIN information_schema.STATISTICS s USING (TABLE_SCHEMA, TABLE_NAME)
 WHERE s.SEQ_IN_INDEX = 1 AND s.INDEX_TYPE = 'BTREE' AND (t.total <= @room OR t.size = t.total)
 ORDER BY t.UPDATE_TIME IS NULL, t.UPDATE_TIME DESC, t.TABLE_SCHEMA, t.TABLE_NAME, s.INDEX_NAME <> 'PRIMARY' LIMIT 1000;
SQL
  ) || return
  while IFS= read -r db_line; do
    db_left=$((db_end - $(date +%s)))
    [ -n "$db_line" ] && [ "$db_left" -gt 0 ] || break
    # A table that is gone, or takes longer than there is time, keeps nobody from the rest.
    printf 'SET SESSION max_statement_time = %s;\n%s\n' "$db_left" "$db_line" | db_client "$1" "$2" >/dev/null 2>&1 || continue
    db_count=$((db_count + 1))
  done <<END
$db_list
END
  echo "read $db_count indexes"
}
