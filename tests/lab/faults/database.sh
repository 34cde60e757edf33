# shellcheck shell=bash disable=SC2016 # what is in single quotes is for the shell of the host
# Faults of the MariaDB source and its replicas.

database_member_named() { [[ " ${DATABASE_HOSTS[*]} " == *" ${1:-} "* ]] || die "name one of ${DATABASE_HOSTS[*]}"; }
database_replica_named() {
  database_member_named "$@"
  [ "$1" != "$DATABASE_SOURCE" ] || die "$1 is the source"
}

fault_about stop-replication 'REPLICA [io|sql]' 'STOP SLAVE: both threads or one'
fault_stop_replication() {
  database_replica_named "$1"
  case ${2:-} in
    '') sql "$1" 'STOP SLAVE' ;;
    io | sql) sql "$1" "STOP SLAVE ${2^^}_THREAD" ;;
    *) die "io or sql" ;;
  esac
}
undo_stop_replication() { sql "$1" 'START SLAVE'; }

fault_about break-replication 'REPLICA [duplicate|missing]' 'a row of the source conflicts on the replica: SQL error 1062 or 1032'
fault_break_replication() {
  database_replica_named "$1"
  case ${2:-duplicate} in
    duplicate)
      sql "$1" "SET sql_log_bin=0; INSERT INTO lab.t VALUES (900, 'only here')"
      sql "$DATABASE_SOURCE" "INSERT INTO lab.t VALUES (900, 'of the source')"
      ;;
    missing)
      sql "$1" "SET sql_log_bin=0; DELETE FROM lab.t WHERE id=2"
      sql "$DATABASE_SOURCE" "UPDATE lab.t SET text='changed' WHERE id=2"
      ;;
    *) die "duplicate or missing" ;;
  esac
  wait_until 10 replica_has_failed "$1" || die "$1 still applies"
}
replica_has_failed() { [ "$(replica_field "$1" Last_SQL_Errno)" -gt 0 ]; }
undo_break_replication() {
  case ${2:-duplicate} in
    duplicate)
      sql "$1" "SET sql_log_bin=0; DELETE FROM lab.t WHERE id=900; START SLAVE"
      sql "$DATABASE_SOURCE" "DELETE FROM lab.t WHERE id=900"
      ;;
    missing)
      sql "$1" "SET sql_log_bin=0; REPLACE INTO lab.t VALUES (2, 'two'); START SLAVE"
      sql "$DATABASE_SOURCE" "UPDATE lab.t SET text='two' WHERE id=2"
      ;;
  esac
}

fault_about lag 'REPLICA' 'a session holds a lock on the tables: both threads run and the replica falls behind'
fault_lag() {
  database_replica_named "$1"
  service_start "$1" lock mariadb -e 'LOCK TABLES lab.commits READ, percona.heartbeat READ; SELECT SLEEP(86400)'
}
undo_lag() { service "$1" end lock; }

fault_about delay-replica 'REPLICA SECONDS' 'MASTER_DELAY: the replica applies everything so much later'
fault_delay_replica() {
  database_replica_named "$1"
  sql "$1" "STOP SLAVE; CHANGE MASTER TO MASTER_DELAY=${2:?how many seconds?}; START SLAVE"
}
undo_delay_replica() { sql "$1" 'STOP SLAVE; CHANGE MASTER TO MASTER_DELAY=0; START SLAVE'; }

fault_about errant 'REPLICA [same]' 'a transaction of its own is written on the replica, in a GTID domain of its own or in the same as the source (which stops it: gtid_strict_mode)'
fault_errant() {
  database_replica_named "$1"
  local domain=''
  [ "${2:-}" = same ] || domain="SET SESSION gtid_domain_id=${LAB_ADDRESS[$1]##*.};"
  sql "$1" "$domain INSERT INTO lab.t VALUES (800, 'errant')"
}
undo_errant() { database_rebuild "$1"; }

fault_about replica-writable 'REPLICA' 'read_only is off on a replica that still follows'
fault_replica_writable() {
  database_replica_named "$1"
  sql "$1" 'SET GLOBAL read_only=0'
}
undo_replica_writable() { sql "$1" 'SET GLOBAL read_only=1'; }

fault_about wrong-source 'REPLICA [HOST]' 'a replica is told to follow a server that is none of its topology (gal1), which refuses it'
fault_wrong_source() {
  database_replica_named "$1"
  need_host "${2:-gal1}"
  sql "$1" "STOP SLAVE; CHANGE MASTER TO MASTER_HOST='${LAB_ADDRESS[${2:-gal1}]}'; START SLAVE"
}
undo_wrong_source() {
  sql "$1" 'STOP SLAVE'
  database_follow "$1"
}

fault_about second-source 'REPLICA' 'a replica forgets its source and can be written: two sources'
fault_second_source() {
  database_replica_named "$1"
  sql "$1" 'STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only=0'
}
undo_second_source() {
  sql "$1" 'SET GLOBAL read_only=1'
  database_follow "$1"
}

fault_about no-source '' 'the source becomes read-only: nothing can be written'
fault_no_source() { sql "$DATABASE_SOURCE" 'SET GLOBAL read_only=1'; }
undo_no_source() { sql "$DATABASE_SOURCE" 'SET GLOBAL read_only=0'; }

fault_about semi-sync-lost '' 'no replica acknowledges: the source falls back to asynchronous replication'
fault_semi_sync_lost() {
  sql db2 'STOP SLAVE IO_THREAD'
  sql db3 'STOP SLAVE IO_THREAD'
}
undo_semi_sync_lost() {
  sql db2 'START SLAVE IO_THREAD'
  sql db3 'START SLAVE IO_THREAD'
}

fault_about kill-database 'HOST' 'mariadbd is killed (db1–db3, gal1–gal3)'
fault_kill_database() {
  database_any "$1"
  service "$1" kill mariadbd
}
undo_kill_database() { bring_back "$1"; }

fault_about end-database 'HOST' 'mariadbd is shut down in good order'
fault_end_database() {
  database_any "$1"
  service "$1" end mariadbd
}
undo_end_database() { bring_back "$1"; }

fault_about pause-database 'HOST' 'mariadbd is stopped (SIGSTOP): it accepts connections and does not answer'
fault_pause_database() {
  database_any "$1"
  service "$1" pause mariadbd
}
undo_pause_database() { service "$1" resume mariadbd; }

database_any() {
  [[ " ${DATABASE_HOSTS[*]} ${GALERA_HOSTS[*]} " == *" ${1:-} "* ]] || die "name one of ${DATABASE_HOSTS[*]} ${GALERA_HOSTS[*]}"
}

fault_about connections 'HOST [all]' 'max_connections is low and applications hold every one; with all, also the one kept for an administrator'
fault_connections() {
  database_any "$1"
  local login="--host=${LAB_ADDRESS[$1]} --user=writer --password=writer"
  [ "${2:-}" != all ] || login=''
  sql "$1" 'SET GLOBAL max_connections=20'
  service_start "$1" clients bash -c 'trap "kill \$(jobs -p)" EXIT
    trap "exit 0" TERM
    for n in {1..30}; do mariadb $1 -e "SELECT SLEEP(86400)" & done
    wait' clients "$login"
}
undo_connections() {
  service "$1" end clients
  wait_until 5 sql "$1" 'SET GLOBAL max_connections=60'
}

fault_about stop-writer '' 'the application ends: no commits, no heartbeat'
fault_stop_writer() { database_writer_end; }
undo_stop_writer() { database_writer_start; }
