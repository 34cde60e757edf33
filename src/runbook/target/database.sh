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
