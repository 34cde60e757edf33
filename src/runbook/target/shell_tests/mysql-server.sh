# A server of MySQL 8 behind its client, by the documented rules: statements come on standard input, its state is in files of
# the directory $S. What a release does not know is a syntax error, as the release says it.
set -f
said() { cat "$S/$1" 2>/dev/null; }
put() { printf '%s' "$2" >"$S/$1"; }
fail() { echo "ERROR $1" >&2; [ -n "$force" ] || exit 1; }
unknown() { fail "1064 (42000) at line 1: You have an error in your SQL syntax; check the manual near '$1'"; }
names=yes force=
echo "$*" >>"$S/argv"
for word; do
  case $word in
    --skip-column-names) names= ;;
    --force) force=yes ;;
  esac
done
version=$(said version)
number=$(echo "$version" | awk -F . '{ print $1 * 10000 + $2 * 100 + $3 }')
has_channel() { [ -e "$S/channel" ]; }
runs() { [ "$(said io)$(said sql)" != NoNo ]; }
# Sets of these tests are of one server and one interval.
last() { echo "${1##*-}" | tr -cd 0-9; }
grow() {
  set_now=$(said executed)
  put executed "${set_now%-*}-$(($(last "$set_now") + 1))"
}
table() {
  [ -z "$names" ] || printf '%s\n' "$1" | tr ' ' '\t'
  shift
  printf '%b\n' "$*"
}

server() {
  printf '#server dialect server_id server_uuid port read_only super_read_only read_only_origin read_only_persisted log_bin log_replica_updates gtid_mode enforce_gtid_consistency gtid_executed event_scheduler events semi_sync_source semi_sync_replica semi_sync_wait_point semi_sync_timeout_ms semi_sync_wanted semi_sync_active semi_sync_replicas clients oldest_transaction_s group_name datadir\n' | tr ' ' '\t'
  printf '%s\tmysql\t%s\t3e11fa47-71ca-11e1-9e33-c80aa94000%02d\t3306\t%s\t%s\tDYNAMIC\t%s\t1\tON\tON\tON\t%s\t%s\t0\t%s\t%s\tAFTER_SYNC\t10000\t1\t%s\t1\t%s\t0\t%s\t/var/lib/mysql/\n' \
    "$version" "$(said id)" "$(said id)" "$(said read_only)" "$(said super_read_only)" "$(said persisted)" "$(said executed)" \
    "$(said scheduler)" "$(said semi_source)" "$(said semi_replica)" "$(said semi_active)" "$(said sessions | wc -w | tr -d ' ')" "$(said group)"
}

# The columns of the manual's SHOW REPLICA STATUS, in its order; 8.4 has more of them than 8.0.23.
replica() {
  has_channel || return 0
  printf 'Replica_IO_State Source_Host Source_User Source_Port Connect_Retry Source_Log_File Read_Source_Log_Pos Relay_Log_File Relay_Log_Pos Relay_Source_Log_File Replica_IO_Running Replica_SQL_Running Replicate_Do_DB Replicate_Ignore_DB Replicate_Do_Table Replicate_Ignore_Table Replicate_Wild_Do_Table Replicate_Wild_Ignore_Table Last_Errno Last_Error Skip_Counter Exec_Source_Log_Pos Relay_Log_Space Until_Condition Until_Log_File Until_Log_Pos Source_SSL_Allowed Source_SSL_CA_File Source_SSL_CA_Path Source_SSL_Cert Source_SSL_Cipher Source_SSL_Key Seconds_Behind_Source Source_SSL_Verify_Server_Cert Last_IO_Errno Last_IO_Error Last_SQL_Errno Last_SQL_Error Replicate_Ignore_Server_Ids Source_Server_Id Source_UUID Source_Info_File SQL_Delay SQL_Remaining_Delay Replica_SQL_Running_State Source_Retry_Count Source_Bind Last_IO_Error_Timestamp Last_SQL_Error_Timestamp Source_SSL_Crl Source_SSL_Crlpath Retrieved_Gtid_Set Executed_Gtid_Set Auto_Position Replicate_Rewrite_DB Channel_Name Source_TLS_Version Source_public_key_path Get_Source_public_key Network_Namespace\n' | tr ' ' '\t'
  printf 'Waiting for source to send event\t10.77.0.51\trepl\t3306\t60\tbinlog.000001\t1762\trelay.000002\t2055\tbinlog.000001\t%s\t%s\t\t\t\t\t\t\t0\t\t0\t1762\t2362\tNone\t\t0\tNo\t\t\t\t\t\t%s\tNo\t0\t\t0\t\t\t1\t3e11fa47-71ca-11e1-9e33-c80aa9400001\tmysql.slave_master_info\t%s\tNULL\tReplica has read all relay log; waiting for more updates\t10\t\t\t\t\t\t%s\t%s\t1\t\t\t\t\t1\t\n' \
    "$(said io)" "$(said sql)" "$(said behind || echo 0)" "$(said delay || echo 0)" "$(said received)" "$(said executed)"
}

# semi_name SIDE: the variable that switches it.
semi_name() {
  case $1$((number >= 80026)) in
    source1) echo rpl_semi_sync_source_enabled ;;
    source0) echo rpl_semi_sync_master_enabled ;;
    replica1) echo rpl_semi_sync_replica_enabled ;;
    replica0) echo rpl_semi_sync_slave_enabled ;;
  esac
}

set_read_only() {
  case $1 in
    ON) put read_only 1; put super_read_only 1 ;;
    *) put read_only 0; put super_read_only 0 ;;
  esac
}

run() {
  case $1 in
    'SELECT @@version') echo "$version" ;;
    'SELECT @@version AS `#server`'*) server ;;
    'SHOW REPLICA STATUS') [ "$number" -ge 80022 ] && replica || unknown "$1" ;;
    'SHOW BINARY LOG STATUS' | 'SHOW MASTER STATUS')
      case "$1 $((number >= 80200)) $((number >= 80400))" in
        *BINARY*' 0 '* | *MASTER*' 1') unknown "$1" ;;
        *) table 'File Position Binlog_Do_DB Binlog_Ignore_DB Executed_Gtid_Set' "binlog.000001\t1762\t\t\t$(said executed)" ;;
      esac
      ;;
    'SELECT '\''end'\'' AS `#end`') table '#end' end ;;
    'SELECT @@global.server_id') said id; echo ;;
    'SELECT @@global.datadir') said datadir; echo ;;
    'SELECT @@global.log_bin_basename') echo /var/lib/mysql/binlog ;;
    'SHOW BINARY LOGS') printf '%s\t4711\tNo\n' binlog.000001 binlog.000002 ;;
    'SELECT CONCAT(@@global.server_id,'*)
      stand=open
      [ "$(said read_only)" = 0 ] || stand=privileged
      [ "$(said super_read_only)" = 0 ] || stand=closed
      case $1 in
        *GTID_SUBSET*)
          got=${1#*"GTID_SUBSET('"} got=${got%%"'"*} way=drained
          [ -z "$got" ] || [ "$(last "$got")" -le "$(last "$(said executed)")" ] || way=behind
          echo "$(said id) $stand replica $way"
          ;;
        *"' source')") echo "$(said id) $stand source" ;;
        *) unknown "$1" ;;
      esac
      ;;
    'SELECT @@global.event_scheduler') said scheduler; echo ;;
    'SET GLOBAL event_scheduler = ON' | 'SET GLOBAL event_scheduler = OFF') put scheduler "${1##* }" ;;
    'SET SESSION lock_wait_timeout = '[1-9]* | 'SET SESSION max_execution_time = '[1-9]*) ;;
    'FLUSH LOCAL TABLES WITH READ LOCK')
      [ ! -e "$S/locked" ] || { fail '1205 (HY000) at line 1: Lock wait timeout exceeded; try restarting transaction'; return; }
      case " $(said sessions) " in
        *" $(said busy || echo none) "*) fail '1205 (HY000) at line 1: Lock wait timeout exceeded; try restarting transaction'; return ;;
      esac
      locked=yes
      ;;
    'UNLOCK TABLES') locked= ;;
    'SET PERSIST super_read_only = ON') set_read_only ON; put persisted ON ;;
    'SET PERSIST super_read_only = OFF') put super_read_only 0; put persisted OFF ;;
    'SET PERSIST read_only = OFF') set_read_only OFF ;;
    'FLUSH LOCAL BINARY LOGS') ;;
    'SELECT CONCAT('\''at '\'', @@global.gtid_executed)')
      [ ! -e "$S/ghost" ] || grow
      [ "$(said super_read_only)" = 1 ] || [ -z "$(said sessions)" ] || grow
      echo "at $(said executed)"
      ;;
    'SELECT ID FROM information_schema.PROCESSLIST WHERE '*) said sessions | tr ' ' '\n' ;;
    'KILL CONNECTION '*)
      kept=
      for id in $(said sessions | tr ' ' ';'); do [ "$id" = "${1##* }" ] || kept="$kept$id "; done
      [ "$kept" != "$(said sessions)" ] || fail "1094 (HY000) at line 1: Unknown thread id: ${1##* }"
      put sessions "$kept"
      ;;
    # Plugins of 8.0.26 have new names; those of old stay as they are.
    "SELECT LOWER(VARIABLE_NAME) FROM performance_schema.global_variables WHERE VARIABLE_NAME IN ('rpl_semi_sync_source_enabled', "*)
      [ "$(said semi_source)" = NONE ] || echo "$(semi_name source)"
      ;;
    "SELECT LOWER(VARIABLE_NAME) FROM performance_schema.global_variables WHERE VARIABLE_NAME IN ('rpl_semi_sync_replica_enabled', "*)
      [ "$(said semi_replica)" = NONE ] || echo "$(semi_name replica)"
      ;;
    "SELECT CONCAT('in force ', VARIABLE_VALUE) FROM performance_schema.global_status "*)
      [ "$(said semi_source)" = NONE ] || echo "in force $(said semi_active)"
      ;;
    'SET GLOBAL rpl_semi_sync_'*' = ON' | 'SET GLOBAL rpl_semi_sync_'*' = OFF')
      case $1 in
        "SET GLOBAL $(semi_name source) = "*) put semi_source "${1##* }"; put semi_active "${1##* }" ;;
        "SET GLOBAL $(semi_name replica) = "*) put semi_replica "${1##* }" ;;
        *) fail '1193 (HY000) at line 1: Unknown system variable' ;;
      esac
      ;;
    "SELECT IFNULL(t.ENGINE, 'unknown') AS pm_engine, "*) said torn ;;
    "SELECT 'end'") echo end ;;
    'STOP REPLICA') ! has_channel || { put io No; put sql No; } ;;
    'STOP REPLICA IO_THREAD') ! has_channel || put io No ;;
    'CHANGE REPLICATION SOURCE TO '*)
      if has_channel && runs; then
        fail '3021 (HY000) at line 2: This operation cannot be performed with a running replica io thread'
      elif [ "$number" -lt 80023 ]; then
        unknown "$1"
      else
        # What the relay log held is gone.
        put channel "$1"; put received ''; put io No; put sql No
      fi
      ;;
    'START REPLICA')
      if has_channel; then
        put io Yes; put sql Yes
      else
        fail '1200 (HY000) at line 3: The server is not configured as replica; fix in config file or with CHANGE REPLICATION SOURCE TO'
      fi
      ;;
    'RESET REPLICA ALL')
      if has_channel && runs; then
        fail '3081 (HY000) at line 1: This operation cannot be performed with running replication threads'
      else
        rm -f "$S/channel"
      fi
      ;;
    *) unknown "$1" ;;
  esac
}

sql=$(tr '\n' ' ')
IFS=';'
for statement in $sql; do
  while [ "$statement" != "${statement# }" ]; do statement=${statement# }; done
  while [ "$statement" != "${statement% }" ]; do statement=${statement% }; done
  [ -z "$statement" ] || run "$statement"
done
