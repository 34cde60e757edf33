# Functions of databases, sent where they are needed. In all of them `-` for a socket or a file stands for the
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

# db_dialect SOCKET DEFAULTS: sets db_dialect to the words that the server understands: mariadb, mysql (8.0.23 or newer), or
# old, MySQL before that; db_version to its version, and db_number to that as a number, for the latter two.
db_dialect() {
  db_version=$(echo 'SELECT @@version;' | db_client "$1" "$2" --skip-column-names) || return
  case $db_version in
    *MariaDB*) db_dialect=mariadb; return ;;
  esac
  db_number=$(printf '%s\n' "$db_version" | awk -F '[.-]' 'NR == 1 { print $1 * 10000 + $2 * 100 + $3 }')
  db_dialect=old
  [ "$db_number" -lt 80023 ] || db_dialect=mysql
}

# db_speaks SOCKET DEFAULTS: the same, for a server that is about to be changed: complains of one that is too old.
db_speaks() {
  db_dialect "$1" "$2" || return
  [ "$db_dialect" != old ] || { echo "MySQL $db_version: 8.0.23 or newer is needed" >&2; return 1; }
}

# db_state SOCKET DEFAULTS: everything that a move rests on, as tables with a line of names: `#server` (one row), the
# connections of a replica (`Connection_name` of MariaDB, `Replica_IO_State` of MySQL, one row each), the binary log
# (`File`), accounts that `read_only` does not stop (`#account`), and `#end`, without which the answer is not whole. A server
# that is too old tells its version alone.
db_state() {
  db_dialect "$1" "$2" || return
  case $db_dialect in
    mariadb) db_state_mariadb "$1" "$2" ;;
    mysql) db_state_mysql "$1" "$2" ;;
    *) printf '#server\tdialect\n%s\told\n#end\nend\n' "$db_version" ;;
  esac
}

db_state_mariadb() {
  db_client "$1" "$2" <<'SQL'
SELECT @@version AS `#server`, 'mariadb' AS dialect, @@global.server_id AS server_id,
 @@port AS port, @@global.read_only AS read_only,
 (SELECT GLOBAL_VALUE_ORIGIN FROM information_schema.SYSTEM_VARIABLES WHERE VARIABLE_NAME = 'READ_ONLY') AS read_only_origin,
 @@log_bin AS log_bin, @@log_slave_updates AS log_slave_updates, @@global.gtid_strict_mode AS gtid_strict_mode,
 @@global.gtid_binlog_pos AS gtid_binlog_pos, @@global.gtid_binlog_state AS gtid_binlog_state,
 @@global.gtid_slave_pos AS gtid_slave_pos, @@global.event_scheduler AS event_scheduler,
 (SELECT COUNT(*) FROM information_schema.EVENTS) AS events,
 @@global.rpl_semi_sync_master_enabled AS semi_sync_source, @@global.rpl_semi_sync_slave_enabled AS semi_sync_replica,
 @@global.rpl_semi_sync_master_wait_point AS semi_sync_wait_point,
 @@global.rpl_semi_sync_master_timeout AS semi_sync_timeout_ms, 1 AS semi_sync_wanted,
 (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'RPL_SEMI_SYNC_MASTER_STATUS') AS semi_sync_active,
 (SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'RPL_SEMI_SYNC_MASTER_CLIENTS') AS semi_sync_replicas,
 (SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER <> 'system user' AND COMMAND NOT LIKE 'Binlog Dump%'
   AND COMMAND <> 'Daemon' AND ID <> CONNECTION_ID()) AS clients,
 (SELECT IFNULL(MAX(TIMESTAMPDIFF(SECOND, t.trx_started, NOW())), 0) FROM information_schema.INNODB_TRX t
   JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id WHERE p.USER <> 'system user') AS oldest_transaction_s,
 IFNULL((SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_VARIABLES WHERE VARIABLE_NAME = 'WSREP_ON'), 'OFF') AS wsrep_on,
 @@datadir AS datadir;
SHOW ALL SLAVES STATUS;
SHOW MASTER STATUS;
SELECT GRANTEE AS `#account` FROM information_schema.USER_PRIVILEGES
 WHERE PRIVILEGE_TYPE IN ('SUPER', 'READ ONLY ADMIN', 'READ_ONLY ADMIN') GROUP BY GRANTEE ORDER BY GRANTEE LIMIT 20;
SELECT 'end' AS `#end`;
SQL
}

# What a release renamed is asked by its old and its new name; a plugin that is not there has no variable at all.
db_state_mysql() {
  db_log='BINARY LOG'
  [ "$db_number" -ge 80200 ] || db_log=MASTER
  db_client "$1" "$2" <<SQL
SELECT @@version AS \`#server\`, 'mysql' AS dialect, @@global.server_id AS server_id, @@global.server_uuid AS server_uuid,
 @@global.port AS port, @@global.read_only AS read_only, @@global.super_read_only AS super_read_only,
 (SELECT VARIABLE_SOURCE FROM performance_schema.variables_info WHERE VARIABLE_NAME = 'super_read_only') AS read_only_origin,
 (SELECT VARIABLE_VALUE FROM performance_schema.persisted_variables WHERE VARIABLE_NAME = 'super_read_only') AS read_only_persisted,
 @@global.log_bin AS log_bin,
 (SELECT MAX(VARIABLE_VALUE) FROM performance_schema.global_variables
   WHERE VARIABLE_NAME IN ('log_replica_updates', 'log_slave_updates')) AS log_replica_updates,
 @@global.gtid_mode AS gtid_mode, @@global.enforce_gtid_consistency AS enforce_gtid_consistency,
 @@global.gtid_executed AS gtid_executed, @@global.event_scheduler AS event_scheduler,
 (SELECT COUNT(*) FROM information_schema.EVENTS) AS events,
 IFNULL((SELECT MAX(VARIABLE_VALUE) FROM performance_schema.global_variables
   WHERE VARIABLE_NAME IN ('rpl_semi_sync_source_enabled', 'rpl_semi_sync_master_enabled')), 'NONE') AS semi_sync_source,
 IFNULL((SELECT MAX(VARIABLE_VALUE) FROM performance_schema.global_variables
   WHERE VARIABLE_NAME IN ('rpl_semi_sync_replica_enabled', 'rpl_semi_sync_slave_enabled')), 'NONE') AS semi_sync_replica,
 IFNULL((SELECT MAX(VARIABLE_VALUE) FROM performance_schema.global_variables
   WHERE VARIABLE_NAME IN ('rpl_semi_sync_source_wait_point', 'rpl_semi_sync_master_wait_point')), '') AS semi_sync_wait_point,
 IFNULL((SELECT MAX(VARIABLE_VALUE) FROM performance_schema.global_variables
   WHERE VARIABLE_NAME IN ('rpl_semi_sync_source_timeout', 'rpl_semi_sync_master_timeout')), '') AS semi_sync_timeout_ms,
 IFNULL((SELECT MAX(VARIABLE_VALUE) FROM performance_schema.global_variables
   WHERE VARIABLE_NAME IN ('rpl_semi_sync_source_wait_for_replica_count', 'rpl_semi_sync_master_wait_for_slave_count')), 1)
   AS semi_sync_wanted,
 IFNULL((SELECT MAX(VARIABLE_VALUE) FROM performance_schema.global_status
   WHERE VARIABLE_NAME IN ('Rpl_semi_sync_source_status', 'Rpl_semi_sync_master_status')), 'OFF') AS semi_sync_active,
 IFNULL((SELECT MAX(VARIABLE_VALUE) FROM performance_schema.global_status
   WHERE VARIABLE_NAME IN ('Rpl_semi_sync_source_clients', 'Rpl_semi_sync_master_clients')), 0) AS semi_sync_replicas,
 (SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER <> 'system user' AND COMMAND NOT LIKE 'Binlog Dump%'
   AND COMMAND <> 'Daemon' AND ID <> CONNECTION_ID()) AS clients,
 (SELECT IFNULL(MAX(TIMESTAMPDIFF(SECOND, t.trx_started, NOW())), 0) FROM information_schema.INNODB_TRX t
   JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id WHERE p.USER <> 'system user') AS oldest_transaction_s,
 IFNULL((SELECT MAX(VARIABLE_VALUE) FROM performance_schema.global_variables
   WHERE VARIABLE_NAME = 'group_replication_group_name'), '') AS group_name,
 @@global.datadir AS datadir;
SHOW REPLICA STATUS;
SHOW $db_log STATUS;
SELECT 'end' AS \`#end\`;
SQL
}

# db_lag SOCKET DEFAULTS: how far a replica is behind: a line for each connection in which it is one, `behind SECONDS delay
# SECONDS`, NULL where the server does not know that; then `end`, without which the answer is not whole.
db_lag() {
  db_dialect "$1" "$2" || return
  case $db_dialect in
    mariadb) db_ask='SHOW ALL SLAVES STATUS' ;;
    mysql) db_ask='SHOW REPLICA STATUS' ;;
    *) db_ask='SHOW SLAVE STATUS' ;;
  esac
  db_rows=$(echo "$db_ask;" | db_client "$1" "$2") || return
  printf '%s\n' "$db_rows" | awk -F '\t' '
    NR == 1 {
      for (i = 1; i <= NF; i++) {
        if ($i == "Seconds_Behind_Source" || $i == "Seconds_Behind_Master") at = i
        if ($i == "SQL_Delay") delay = i
      }
      next
    }
    { print "behind", (at ? $at : "NULL"), "delay", (delay ? $delay : 0) }
    END { print "end" }'
}

# db_binlogs SOCKET DEFAULTS: where the binary logs are, without the number behind their names, and a line for each.
db_binlogs() {
  db_client "$1" "$2" --skip-column-names <<'SQL'
SELECT @@global.log_bin_basename;
SHOW BINARY LOGS;
SQL
}

# db_engines SOCKET DEFAULTS: engines of tables that a crash may tear, outside of the server's own schemas: the engine, how many
# there are, and one of them; then `end`. What is kept in memory alone, or elsewhere, a crash does not tear.
db_engines() {
  db_speaks "$1" "$2" || return
  db_limit='max_statement_time = 10'
  [ "$db_dialect" = mariadb ] || db_limit='max_execution_time = 10000'
  db_client "$1" "$2" --skip-column-names <<SQL
SET SESSION $db_limit;
SELECT IFNULL(t.ENGINE, 'unknown') AS pm_engine, COUNT(*), MIN(CONCAT(t.TABLE_SCHEMA, '.', t.TABLE_NAME))
 FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
 WHERE t.TABLE_TYPE = 'BASE TABLE' AND t.TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')
 AND IFNULL(e.TRANSACTIONS, 'NO') <> 'YES' AND IFNULL(t.ENGINE, '') NOT IN ('MEMORY', 'BLACKHOLE', 'FEDERATED')
 GROUP BY pm_engine ORDER BY pm_engine LIMIT 10;
SELECT 'end';
SQL
}

# db_home SOCKET DEFAULTS: the data directory as the kernel names it: the server may have been told the name of a link.
db_home() {
  db_dir=$(echo 'SELECT @@global.datadir;' | db_client "$1" "$2" --skip-column-names) && db_dir=$(cd "$db_dir" && pwd -P) || return
  printf '%s\n' "$db_dir"
}

# db_stand SOCKET DEFAULTS: in one line, for a target to check in the same call as a command: server_id, open or closed (or
# privileged, where MySQL stops all but SUPER), source or replica, and of a replica whether everything that it has received is
# applied (drained) or not (behind).
db_stand() {
  db_speaks "$1" "$2" || return
  if [ "$db_dialect" = mariadb ]; then db_stand_mariadb "$1" "$2"; else db_stand_mysql "$1" "$2"; fi
}

db_stand_mariadb() {
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

# Sets of transactions are compared by the server: it knows their algebra.
db_stand_mysql() {
  db_rows=$(echo 'SHOW REPLICA STATUS;' | db_client "$1" "$2") || return
  db_role=source
  if [ -n "$db_rows" ]; then
    db_got=$(printf '%s\n' "$db_rows" | awk -F '\t' '
      NR == 1 { for (i = 1; i <= NF; i++) if ($i == "Retrieved_Gtid_Set") at = i; if (!at) exit 1; next }
      { gsub(/\\n/, "", $at); if ($at != "") { printf "%s%s", comma, $at; comma = "," } }') || return
    case $db_got in *[!0-9A-Za-z_:,-]*) echo 'Retrieved_Gtid_Set is no set of transactions' >&2; return 1 ;; esac
    db_role="replica ', IF(GTID_SUBSET('$db_got', @@global.gtid_executed), 'drained', 'behind'), '"
  fi
  db_client "$1" "$2" --skip-column-names <<SQL
SELECT CONCAT(@@global.server_id, ' ', IF(@@global.super_read_only, 'closed', IF(@@global.read_only, 'privileged', 'open')),
 ' $db_role');
SQL
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

# db_close SOCKET DEFAULTS: takes no writes any more. Events end, which may run as an account that read_only does not stop, and
# all sessions; commits that are under way are waited for (a global read lock); then its position is read until it stands
# still. MariaDB's read_only stops everybody but accounts with READ ONLY ADMIN; super_read_only of MySQL stops everybody, and is
# kept over a restart.
db_close() {
  db_speaks "$1" "$2" || return
  if [ "$db_dialect" = mariadb ]; then
    db_shut='SET GLOBAL read_only = 1;' db_at=@@global.gtid_binlog_pos db_who='an account that read_only does not stop'
  else
    # Commits end before it is set, and none begins before the lock is given back.
    db_shut='FLUSH LOCAL TABLES WITH READ LOCK; SET PERSIST super_read_only = ON; UNLOCK TABLES;'
    db_at=@@global.gtid_executed db_who='somebody although super_read_only is on'
  fi
  db_left=3
  # A statement that takes long, or tables that a session has locked, are in its way: sessions go, and it is tried again.
  until echo "SET SESSION lock_wait_timeout = 3; $db_shut" | db_client "$1" "$2"; do
    db_left=$((db_left - 1))
    [ "$db_left" -gt 0 ] || return 1
    db_sessions "$1" "$2"
  done
  # Not before that: one that does not close is left as it was.
  db_scheduler=$(db_client "$1" "$2" --skip-column-names <<'SQL'
SELECT @@global.event_scheduler;
SQL
  ) || return
  if [ "$db_scheduler" = ON ]; then echo 'SET GLOBAL event_scheduler = OFF;' | db_client "$1" "$2" || return; fi
  db_sessions "$1" "$2" || return
  db_client "$1" "$2" <<'SQL' || return
SET SESSION lock_wait_timeout = 10;
FLUSH LOCAL TABLES WITH READ LOCK;
UNLOCK TABLES;
FLUSH LOCAL BINARY LOGS;
SQL
  db_seen=none db_left=20
  while :; do
    db_now=$(echo "SELECT CONCAT('at ', $db_at);" | db_client "$1" "$2" --skip-column-names) || return
    [ "$db_now" != "$db_seen" ] || break
    db_seen=$db_now db_left=$((db_left - 1))
    if [ "$db_left" -le 0 ]; then
      echo "it is still written, by $db_who; now $db_now" >&2
      return 1
    fi
    sleep 0.2 2>/dev/null || sleep 1
  done
  echo "closed $db_now"
}

# db_open SOCKET DEFAULTS EVENTS: takes writes; with `events` its event scheduler runs as well.
db_open() {
  db_speaks "$1" "$2" || return
  {
    if [ "$db_dialect" = mariadb ]; then
      echo 'SET GLOBAL read_only = 0;'
    else
      echo 'SET PERSIST super_read_only = OFF; SET PERSIST read_only = OFF;'
    fi
    [ "$3" != events ] || echo 'SET GLOBAL event_scheduler = ON;'
  } | db_client "$1" "$2"
}

# db_account FILE WORD: SQL words for the replication account of a file of options: its group [client]; WORD is what the
# dialect calls a source, MASTER or SOURCE. A replica of MySQL 8 logs in by TLS where the file asks for that (ssl-mode); else
# it asks its source for the key by which the password is sent, which the usual kind of account needs.
db_account() {
  db_user= db_password= db_tls= db_ca=
  # MySQL shows a password only when it is asked to; MariaDB does not know that word.
  db_options=$(my_print_defaults "--defaults-file=$1" --show client 2>/dev/null) ||
    db_options=$(my_print_defaults "--defaults-file=$1" client) || return
  while IFS= read -r db_option; do
    case $db_option in
      --user=*) db_user=${db_option#--user=} ;;
      --password=*) db_password=${db_option#--password=} ;;
      --ssl-ca=* | --ssl_ca=*) db_ca=${db_option#*=} ;;
      --ssl-mode=* | --ssl_mode=*) db_tls=${db_option#*=} ;;
    esac
  done <<END
$db_options
END
  if [ -z "$db_user" ]; then
    echo "$1 names no user in its group [client]" >&2
    return 1
  fi
  printf ", %s_USER = '%s', %s_PASSWORD = '%s'" "$2" "$(db_escape "$db_user")" "$2" "$(db_escape "$db_password")"
  [ "$2" = SOURCE ] || return 0
  case $db_tls in
    *[Rr][Ee][Qq]* | *[Vv][Ee][Rr]*)
      printf ', SOURCE_SSL = 1'
      [ -z "$db_ca" ] || printf ", SOURCE_SSL_CA = '%s'" "$(db_escape "$db_ca")"
      case $db_tls in *[Ii][Dd][Ee]*) printf ', SOURCE_SSL_VERIFY_SERVER_CERT = 1' ;; esac
      ;;
    *) printf ', GET_SOURCE_PUBLIC_KEY = 1' ;;
  esac
}

# db_escape TEXT: inside quotes of SQL.
db_escape() { printf '%s' "$1" | sed "s/\\\\/\\\\\\\\/g; s/'/''/g"; }

# db_follow SOCKET DEFAULTS HOST PORT FILE: replicates from there, from where it stands itself. What it has written as a
# source counts as applied (MASTER_DEMOTE_TO_SLAVE; of MySQL that is so); without a file it keeps the account that it knows.
db_follow() {
  db_speaks "$1" "$2" || return
  db_words= db_word=MASTER
  [ "$db_dialect" = mariadb ] || db_word=SOURCE
  [ "$5" = - ] || db_words=$(db_account "$5" "$db_word") || return
  db_place="${db_word}_HOST = '$(db_escape "$3")', ${db_word}_PORT = $4$db_words"
  if [ "$db_dialect" = mariadb ]; then
    db_client "$1" "$2" <<SQL
STOP SLAVE;
CHANGE MASTER TO $db_place, MASTER_USE_GTID = slave_pos, MASTER_DEMOTE_TO_SLAVE = 1;
START SLAVE;
SQL
  else
    db_client "$1" "$2" <<SQL
STOP REPLICA;
CHANGE REPLICATION SOURCE TO $db_place, SOURCE_AUTO_POSITION = 1;
START REPLICA;
SQL
  fi
}

# db_unfollow SOCKET DEFAULTS: replicates from nobody, also after a restart.
db_unfollow() {
  db_speaks "$1" "$2" || return
  if [ "$db_dialect" = mariadb ]; then
    echo 'STOP SLAVE; RESET SLAVE ALL;' | db_client "$1" "$2"
  else
    echo 'STOP REPLICA; RESET REPLICA ALL;' | db_client "$1" "$2"
  fi
}

# db_freeze SOCKET DEFAULTS: receives nothing more; what it has received it goes on applying. MariaDB would throw that away
# when its receiver starts again, so nothing of it is stopped there.
db_freeze() {
  db_speaks "$1" "$2" || return
  [ "$db_dialect" = mysql ] || { echo 'a receiver of MariaDB is not stopped: its relay log would be lost' >&2; return 1; }
  echo 'STOP REPLICA IO_THREAD;' | db_client "$1" "$2"
}

# db_semi_sync SOCKET DEFAULTS source|replica on|off: semi-synchronous replication of that side. A source that had fallen back
# is in force again, so that its next commit waits; a replica tells what it has received from the next start of its receiver on.
# It does not outlive a restart of the server.
db_semi_sync() {
  db_speaks "$1" "$2" || return
  case $3 in
    source) db_list="'rpl_semi_sync_source_enabled', 'rpl_semi_sync_master_enabled'" ;;
    replica) db_list="'rpl_semi_sync_replica_enabled', 'rpl_semi_sync_slave_enabled'" ;;
    *) return 64 ;;
  esac
  db_schema=performance_schema
  [ "$db_dialect" = mysql ] || db_schema=information_schema
  db_rows=$(db_client "$1" "$2" --skip-column-names <<SQL
SELECT LOWER(VARIABLE_NAME) FROM $db_schema.global_variables WHERE VARIABLE_NAME IN ($db_list);
SELECT CONCAT('in force ', VARIABLE_VALUE) FROM $db_schema.global_status
 WHERE VARIABLE_NAME IN ('Rpl_semi_sync_source_status', 'Rpl_semi_sync_master_status');
SQL
  ) || return
  db_name=$(printf '%s\n' "$db_rows" | grep -m 1 -x 'rpl_semi_sync_[a-z]*_enabled') || {
    echo "the server has no plugin of semi-synchronous replication for a $3" >&2
    return 1
  }
  case $3,$4,$db_rows in
    source,on,*'in force ON'*) return ;;
    *,on,*) db_switch="SET GLOBAL $db_name = OFF; SET GLOBAL $db_name = ON;" ;;
    *) db_switch="SET GLOBAL $db_name = OFF;" ;;
  esac
  echo "$db_switch" | db_client "$1" "$2"
}

# db_reach HOST PORT FILE: logs in there by the replication account, as a replica would: server_id.
db_reach() {
  db_client - "$3" --skip-column-names --protocol=tcp "--host=$1" "--port=$2" <<'SQL'
SELECT @@global.server_id;
SQL
}

# db_warm SOCKET DEFAULTS SECONDS: reads indexes of InnoDB tables into the buffer pool, those first that replication has
# written last, until the time is over or as much was read as the pool holds.
db_warm() {
  db_speaks "$1" "$2" || return
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
 WHERE s.SEQ_IN_INDEX = 1 AND s.INDEX_TYPE = 'BTREE' AND s.COLUMN_NAME IS NOT NULL AND (t.total <= @room OR t.size = t.total)
 ORDER BY t.UPDATE_TIME IS NULL, t.UPDATE_TIME DESC, t.TABLE_SCHEMA, t.TABLE_NAME, s.INDEX_NAME <> 'PRIMARY' LIMIT 1000;
SQL
  ) || return
  while IFS= read -r db_line; do
    db_left=$((db_end - $(date +%s)))
    [ -n "$db_line" ] && [ "$db_left" -gt 0 ] || break
    db_limit="max_statement_time = $db_left"
    [ "$db_dialect" = mariadb ] || db_limit="max_execution_time = $((db_left * 1000))"
    # A table that is gone, or takes longer than there is time, keeps nobody from the rest.
    printf 'SET SESSION %s;\n%s\n' "$db_limit" "$db_line" | db_client "$1" "$2" >/dev/null 2>&1 || continue
    db_count=$((db_count + 1))
  done <<END
$db_list
END
  echo "read $db_count indexes"
}

# db_datadir DIRECTORY: sets db_dir to the data directory as the kernel names it; `-`: what the server's own files of
# options say, or where it is usually.
db_datadir() {
  db_dir=$1
  if [ "$db_dir" = - ]; then
    db_dir=/var/lib/mysql
    db_options=$(my_print_defaults --mysqld) || return
    while IFS= read -r db_option; do
      case $db_option in --datadir=*) db_dir=${db_option#--datadir=} ;; esac
    done <<END
$db_options
END
  fi
  db_dir=$(cd "$db_dir" && pwd -P)
}

# db_held: 0 when a process holds the data directory db_dir, 1 when none does, 2 when that cannot be told. A server works
# in its data directory, and so do the programs that it starts for a state transfer; InnoDB locks its ibdata1 (fcntl(2)).
db_held() {
  db_list=$(ls -ld "$proc"/[0-9]*/cwd 2>/dev/null)
  [ -n "$db_list" ] || return 2
  db_seen=1
  while IFS= read -r db_line; do
    case $db_line in
      *" -> $db_dir") return 0 ;;
      *' -> '*) ;;
      *)
        # Whose directory is not told may be a server; one that has ended works nowhere any more, and what is left of it in
        # the kernel holds its lock.
        db_line=${db_line%/cwd}
        first "$proc/${db_line##*/}/stat"
        case $text in
          *') Z '* | *') X '*) ;;
          *'(mariadbd'* | *'(mysqld'*) db_seen=2 ;;
        esac
        ;;
    esac
  done <<END
$db_list
END
  db_file=$(stat -c '%d %i' "$db_dir/ibdata1" 2>/dev/null) || return "$db_seen"
  db_device=${db_file% *}
  db_file=$(printf '%02x:%02x:%s' $(((db_device >> 8) & 0xfff)) $(((db_device & 0xff) | ((db_device >> 12) & 0xfff00))) "${db_file#* }")
  [ -r "$proc/locks" ] || return 2
  while IFS= read -r db_line; do
    case "$db_line " in *" $db_file "*) return 0 ;; esac
  done <"$proc/locks"
  return "$db_seen"
}

# db_free: complains unless nothing holds the data directory db_dir.
db_free() {
  db_held
  case $? in
    1) ;;
    0) echo "a process holds $db_dir" >&2; return 1 ;;
    *) echo "whether a process holds $db_dir cannot be told" >&2; return 1 ;;
  esac
}

# db_mark: what a recovered position is bound to: this boot, the data directory db_dir, and InnoDB's files in it as they are.
# The position is kept in InnoDB: whatever changes it is written there.
db_mark() {
  first "$proc/sys/kernel/random/boot_id"
  db_stat=$(cd "$db_dir" && stat -c '%d:%i' . && stat -c '%i:%s:%y' ibdata1 ib_logfile0 2>/dev/null)
  printf '%s %s' "$text" "$db_stat" | tr ' \n\t' '___'
}

# db_record: sets db_record to the file that keeps the recovered position of the data directory db_dir.
db_record() { db_record=$store/galera$(printf %s "$db_dir" | tr / -); }

# db_galera SOCKET DEFAULTS DIRECTORY: how a member of a Galera cluster stands, a name and a value a line, and `end`. A server
# that answers tells its state itself. Without primary component it takes SHOW alone. Of one that is proven not to run, its
# grastate.dat tells where it ended, and what db_galera_recover has found, if nothing has changed since.
db_galera() {
  if db_said=$(db_client "$1" "$2" --skip-column-names 2>/dev/null <<'SQL'
SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'wsrep_on', 'wsrep_cluster_address');
SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status', 'wsrep_cluster_state_uuid', 'wsrep_local_state_uuid',
 'wsrep_last_committed', 'wsrep_local_state_comment', 'wsrep_cluster_size', 'wsrep_cluster_conf_id', 'wsrep_ready',
 'wsrep_local_recv_queue');
SQL
  ); then
    printf 'state\trunning\n%s\n' "$db_said"
    db_began
    echo end
    return
  fi
  db_datadir "$3" || return
  db_held
  case $? in
    0) printf 'state\tsilent\nend\n'; return ;;
    1) ;;
    *) printf 'state\tunclear\nend\n'; return ;;
  esac
  printf 'state\tstopped\ndatadir\t%s\n' "$db_dir"
  if [ -e "$db_dir/grastate.dat" ]; then
    while read -r db_name db_value; do
      case $db_name in
        uuid: | seqno: | safe_to_bootstrap:) printf '%s\t%s\n' "${db_name%:}" "$db_value" ;;
      esac
    done <"$db_dir/grastate.dat" || return
  fi
  db_record
  if [ -e "$db_record" ]; then
    IFS=$tab read -r db_bound db_at <"$db_record" || return
    [ "$db_bound" != "$(db_mark)" ] || printf 'recovered\t%s\n' "$db_at"
  fi
  db_began
  echo end
}

# db_began: tells the bootstraps that db_joins has written down.
db_began() {
  first "$store/galera-bootstraps"
  [ -z "$text" ] || printf 'bootstraps\t%s\n' "$text"
}

# db_joins BOOTSTRAPS: the member of this host is part of what these bootstraps began: `UUID:SEQNO:RUN` each, with commas
# between them, `-` in the place of the run for this one, and alone for none. A bootstrap leaves behind what is further than
# it, and numbers go on from there: of whoever is further and took no part, nobody else has the last write sets.
db_joins() {
  first "$store/galera-bootstraps"
  db_known=$text db_rest=$1
  [ "$db_rest" != - ] || return 0
  while [ -n "$db_rest" ]; do
    db_one=${db_rest%%,*}
    case $db_rest in *,*) db_rest=${db_rest#*,} ;; *) db_rest= ;; esac
    case $db_one in *:-) db_one=${db_one%-}$run ;; esac
    case ,$db_known, in *",$db_one,"*) ;; *) db_known=${db_known:+$db_known,}$db_one ;; esac
  done
  [ "$db_known" = "$text" ] || { mkdir -p "$store" && keep "$store/galera-bootstraps" "$db_known"; }
}

# db_galera_stand SOCKET DEFAULTS DIRECTORY: in one line, for a target to check in the same call as a command: running, its
# component, the cluster's UUID, its position and what it has still to apply; or stopped, UUID and position.
db_galera_stand() {
  db_galera "$@" | awk -F '\t' '
    { said[$1] = $2 }
    END {
      if (!("end" in said)) exit 1
      if (said["state"] == "running")
        print "running", said["wsrep_cluster_status"], said["wsrep_local_state_uuid"], said["wsrep_last_committed"],
          said["wsrep_local_recv_queue"]
      else if (said["state"] == "stopped") {
        at = said["seqno"]
        if (at + 0 < 0 && split(said["recovered"], part, ":") == 2 && part[1] == said["uuid"]) at = part[2]
        print "stopped", said["uuid"], at
      } else print said["state"]
    }'
}

# db_galera_bootstrap SOCKET DEFAULTS BOOTSTRAPS: the component that this server is in becomes the primary one.
db_galera_bootstrap() {
  db_joins "$3" && echo "SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES';" | db_client "$1" "$2"
}

# db_galera_new SOCKET DEFAULTS DIRECTORY BOOTSTRAPS PROGRAM ARG…: starts the server as the first one of its cluster. It would refuse
# unless it was the last to leave (safe_to_bootstrap); that it is the right one is known from all of them by now.
db_galera_new() {
  db_datadir "$3" && db_free && db_joins "$4" || return
  shift 4
  # The directory is the database's own: a file of a known name there may be a link of its user to anything. sed makes one of
  # a name that nobody knows, of the same owner, and renames it.
  sed -i 's/^safe_to_bootstrap:.*/safe_to_bootstrap: 1/' "$db_dir/grastate.dat" &&
    flush "$db_dir/grastate.dat" || return
  "$@" 9>&-
}

# db_galera_start SOCKET DEFAULTS DIRECTORY BOOTSTRAPS PROGRAM ARG…: starts a server that is proven not to run.
db_galera_start() {
  db_datadir "$3" && db_free && db_joins "$4" || return
  shift 4
  # What it starts runs on, without the lock of this call.
  "$@" 9>&-
}

# db_galera_recover SOCKET DEFAULTS DIRECTORY PROGRAM ARG…: lets the server's program, as the owner of the data directory,
# recover InnoDB and tell where it ended; and keeps that for db_galera.
db_galera_recover() {
  db_datadir "$3" && db_free || return
  shift 3
  db_owner=$(stat -c %U "$db_dir") || return
  # No user of that name is as good as none.
  [ "$db_owner" != UNKNOWN ] || { echo "$db_dir belongs to nobody of this host" >&2; return 1; }
  db_log=$("$@" "--datadir=$db_dir" "--user=$db_owner" --wsrep-recover --disable-log-error 2>&1) || {
    printf '%s\n' "$db_log" | tail -n 20 >&2
    return 1
  }
  db_at=$(printf '%s\n' "$db_log" | sed -n 's/.*WSREP: Recovered position: *\([0-9a-f-]*:-\{0,1\}[0-9]*\).*/\1/p' | tail -n 1)
  [ -n "$db_at" ] || { echo "the server tells no position" >&2; return 1; }
  db_record
  keep "$db_record" "$(db_mark)$tab$db_at" && echo "recovered $db_at"
}
