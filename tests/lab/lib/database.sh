# shellcheck shell=bash
# db1, db2, db3: MariaDB with GTID and semi-synchronous replication. db1 is the source. A writer on the lab's own
# side keeps a heartbeat table (as pt-heartbeat does) and records each commit that the source has acknowledged
# outside of every data folder: tests/lab/commits counts what was lost and how long there was no answer.

DATABASE_HOSTS=(db1 db2 db3)
DATABASE_SOURCE=db1
DATABASE_FOLDER=/var/lib/mysql
DATABASE_COMMITS=$LAB_DIR/commits

# sql HOST STATEMENT: asks a host's own server as its root, through its socket.
sql() { on_host "$1" mariadb --batch --skip-column-names --connect-timeout=3 -e "$2"; }

database_answers() { [ "$(on_host "$1" timeout 4 mariadb -BNe 'SELECT 1' 2>/dev/null)" = 1 ]; }

# database_number HOST: server_id, from the last part of the address.
database_number() { printf '%s\n' "${LAB_ADDRESS[$1]##*.}"; }

# The settings that every MariaDB of the lab has: little memory, quick restarts. Data are in the page cache of a
# machine that outlives every host, so the servers need not wait for the disk.
database_common() {
  cat <<CONFIG
[client]
socket = /run/mysqld/mysqld.sock
[mariadbd]
user = mysql
datadir = $DATABASE_FOLDER
socket = /run/mysqld/mysqld.sock
pid-file = /run/mysqld/mysqld.pid
# On every address: that by which clients find the source moves.
bind-address = 0.0.0.0
report-host = $1
server-id = $(database_number "$1")
skip-name-resolve
innodb-buffer-pool-size = 16M
innodb-log-file-size = 8M
innodb-log-buffer-size = 1M
innodb-flush-log-at-trx-commit = 2
innodb-flush-method = fsync
innodb-stats-persistent = 0
performance-schema = 0
key-buffer-size = 1M
aria-pagecache-buffer-size = 1M
table-open-cache = 200
max-connections = 60
thread-cache-size = 4
binlog-format = ROW
log-bin = binlog
log-slave-updates = 1
max-binlog-size = 16M
binlog-expire-logs-seconds = 86400
CONFIG
}

database_config() {
  database_common "$1"
  cat <<CONFIG
gtid-strict-mode = 1
sync-binlog = 0
slave-net-timeout = 10
# A server that comes back must not take writes before someone has said so.
read-only = 1
rpl-semi-sync-master-enabled = 1
rpl-semi-sync-slave-enabled = 1
rpl-semi-sync-master-timeout = 2000
rpl-semi-sync-master-wait-point = AFTER_SYNC
CONFIG
}

# database_empty: an initialised data folder that every server's begins as a copy of; making one takes seconds.
database_empty() {
  local empty version
  version=$(/usr/sbin/mariadbd --version | tr -cs '0-9A-Za-z.\n' '-')
  empty=$LAB_DIR/cache/$version
  if [ ! -e "$empty/made" ]; then
    rm -rf "$LAB_DIR/cache/${version:?}"
    mkdir -p "$empty"
    # The server's own user must be able to reach it while it is made: in a place of its own.
    mariadb-install-db --no-defaults --user=root --datadir="$empty/data" --auth-root-authentication-method=socket \
      --skip-test-db --innodb-log-file-size=8M --innodb-undo-tablespaces=0 >"$LAB_LOGS/install-db.log" 2>&1 ||
      die "mariadb-install-db failed; see $LAB_LOGS/install-db.log"
    chown -R mysql:mysql "$empty/data"
    touch "$empty/made"
  fi
  printf '%s\n' "$empty/data"
}

# database_blank HOST FROM: gives a host whose server is down a fresh data folder.
database_blank() {
  local folder
  folder=$(host_folder "$1")/mysql
  find "$folder" -mindepth 1 -delete
  cp -a --sparse=always "$2/." "$folder/"
  chown mysql:mysql "$folder"
}

# database_host HOST CONFIG: a healthy host with its configuration in place.
database_host() {
  boot "$1" "mysql=$DATABASE_FOLDER"
  "$2" "$1" | on_host "$1" sh -c 'cat >/etc/mysql/my.cnf.new && mv /etc/mysql/my.cnf.new /etc/mysql/my.cnf &&
    install -d -o mysql -g mysql /run/mysqld'
}

database_start() {
  service_start "$1" mariadbd /usr/sbin/mariadbd "${@:2}"
  wait_until 60 database_answers "$1" || { warn "$1: its server does not answer; see $LAB_LOGS/$1-mariadbd.log"; return 1; }
}

# ── Source and replicas ──────────────────────────────────────────────────────────────────────────
database_follow() {
  sql "$1" "CHANGE MASTER TO MASTER_HOST='${LAB_ADDRESS[$DATABASE_SOURCE]}', MASTER_USER='repl', MASTER_PASSWORD='repl',
    MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=1; START SLAVE"
}

# database_make: all three servers anew, from empty folders.
database_make() {
  say "making the databases db1, db2 and db3"
  local empty host
  empty=$(database_empty)
  database_writer_end
  each_of "${DATABASE_HOSTS[@]}" database_end
  for host in "${DATABASE_HOSTS[@]}"; do database_blank "$host" "$empty"; done
  rm -rf "$DATABASE_COMMITS"
  each_of "${DATABASE_HOSTS[@]}" database_start || return 1
  sql "$DATABASE_SOURCE" "
    SET GLOBAL read_only=0;
    CREATE USER repl@'10.77.0.%' IDENTIFIED BY 'repl'; GRANT REPLICATION SLAVE ON *.* TO repl@'10.77.0.%';
    CREATE DATABASE lab; CREATE DATABASE percona;
    CREATE TABLE lab.commits (seq BIGINT UNSIGNED PRIMARY KEY, ms BIGINT UNSIGNED NOT NULL);
    CREATE TABLE lab.t (id INT PRIMARY KEY, text VARCHAR(40));
    CREATE TABLE percona.heartbeat (ts VARCHAR(26) NOT NULL, server_id INT UNSIGNED PRIMARY KEY, file VARCHAR(255),
      position BIGINT UNSIGNED, relay_master_log_file VARCHAR(255), exec_master_log_pos BIGINT UNSIGNED);
    INSERT INTO lab.t VALUES (1, 'one'), (2, 'two');
    CREATE USER writer@'10.77.0.%' IDENTIFIED BY 'writer';
    GRANT SELECT, INSERT, UPDATE, DELETE ON lab.* TO writer@'10.77.0.%';
    GRANT SELECT, INSERT, UPDATE, DELETE ON percona.* TO writer@'10.77.0.%'"
  each_of db2 db3 database_follow
}

database_end() { service "$1" end mariadbd; }

# database_rebuild REPLICA: its data anew from the source's: errant transactions and broken rows go with it.
database_rebuild() {
  say "$1: making the replica anew"
  local empty dump=$LAB_DIR/hosts/$1/dump.sql
  empty=$(database_empty)
  database_end "$1"
  database_blank "$1" "$empty"
  database_start "$1" || return 1
  on_host "$DATABASE_SOURCE" mariadb-dump --all-databases --single-transaction --master-data=1 --gtid \
    --skip-lock-tables --ignore-table=mysql.gtid_slave_pos >"$dump"
  {
    echo 'SET sql_log_bin=0;'
    cat "$dump"
    echo 'FLUSH PRIVILEGES;'
  } | on_host "$1" mariadb
  rm -f "$dump"
  database_follow "$1"
}

# replica_field HOST FIELD: a field of SHOW SLAVE STATUS.
replica_field() { on_host "$1" mariadb -e 'SHOW SLAVE STATUS\G' | sed -n "s/^ *$2: //p"; }

# database_member HOST: prints what is wrong with it.
database_member() {
  local host=$1 status
  host_healthy "$host" || return 1
  database_answers "$host" || { echo "$host: its server does not answer"; return 1; }
  if [ "$host" = "$DATABASE_SOURCE" ]; then
    [ "$(sql "$host" "SELECT @@read_only, @@event_scheduler='x'" | cut -f1)" = 0 ] || { echo "$host is read-only"; return 1; }
    [ -z "$(sql "$host" 'SHOW SLAVE STATUS')" ] || { echo "$host is a replica"; return 1; }
    [ "$(sql "$host" "SHOW STATUS LIKE 'Rpl_semi_sync_master_status'" | cut -f2)" = ON ] ||
      { echo "$host has fallen back from semi-synchronous replication"; return 1; }
    return 0
  fi
  [ "$(sql "$host" 'SELECT @@read_only')" = 1 ] || { echo "$host can be written"; return 1; }
  status=$(on_host "$host" mariadb -e 'SHOW SLAVE STATUS\G')
  [[ $status == *"Master_Host: ${LAB_ADDRESS[$DATABASE_SOURCE]}"* && $status == *'Slave_IO_Running: Yes'* &&
    $status == *'Slave_SQL_Running: Yes'* && $status == *'SQL_Delay: 0'* ]] || { echo "$host does not replicate"; return 1; }
  [[ $status =~ Seconds_Behind_Master:\ ([0-4])$'\n' ]] || { echo "$host is behind"; return 1; }
  # Its own number in the state of its binary log: it has written something itself.
  [[ ,$(sql "$host" 'SELECT @@gtid_binlog_state'), != *-$(database_number "$host")-* ]] ||
    { echo "$host has transactions of its own"; return 1; }
}

# database_light: puts right what can be put right without making a server anew.
database_light() {
  local host=$1
  database_start "$host" || return 1
  if [ "$host" = "$DATABASE_SOURCE" ]; then
    sql "$host" 'SET GLOBAL read_only=0'
  else
    sql "$host" 'SET GLOBAL read_only=1; STOP SLAVE; CHANGE MASTER TO MASTER_DELAY=0; START SLAVE'
  fi
}

database_host_up() {
  database_host "$1" database_config
  database_answers "$1" || [ ! -e "$(host_folder "$1")/mysql/ibdata1" ] || database_start "$1" || true
}

database_inventory() {
  local host
  {
    cat <<'END'
groups:
  database:
    roles: [mysql]
    mysql: { socket: /run/mysqld/mysqld.sock, heartbeat: percona.heartbeat }
    thresholds: { lag_warning_seconds: 5, lag_critical_seconds: 30 }
hosts:
END
    for host in "${DATABASE_HOSTS[@]}"; do
      printf '  %s: { address: %s, groups: [namespace, database] }\n' "$host" "${LAB_ADDRESS[$host]}"
    done
    printf 'topologies:\n  shop: { kind: replication, members: [db1, db2, db3], source: %s }\n' "$DATABASE_SOURCE"
  } | inventory_piece database
}

database_up() {
  [ -n "$(wanted "${DATABASE_HOSTS[@]}")" ] || return 0
  database_inventory
  local host
  each_of "${DATABASE_HOSTS[@]}" database_host_up
  # The source first: replicas are judged by it. One that is gone or follows another begins again.
  if ! database_answers "$DATABASE_SOURCE" || [ -n "$(sql "$DATABASE_SOURCE" 'SHOW SLAVE STATUS')" ] ||
    [ "$(sql "$DATABASE_SOURCE" "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='percona'")" != 1 ]; then
    database_make
  fi
  sql "$DATABASE_SOURCE" 'SET GLOBAL read_only=0'
  for host in db2 db3; do
    wait_until 2 database_member "$host" && continue
    database_light "$host" 2>>"$LAB_LOGS/$host-mend.log" || true
    wait_until 5 database_member "$host" || database_rebuild "$host"
  done
  database_writer_start
  wait_until 30 database_healthy || die "$(database_healthy)"
}

database_down() {
  local host
  database_writer_end
  for host in "${DATABASE_HOSTS[@]}"; do
    ! host_runs "$host" || database_end "$host" 2>/dev/null || true
    host_halt "$host"
  done
}

database_healthy() {
  [ -n "$(wanted "${DATABASE_HOSTS[@]}")" ] || return 0
  local host status=0
  for host in "${DATABASE_HOSTS[@]}"; do database_member "$host" || status=1; done
  process_runs database-writer || { echo "the databases' writer does not run"; status=1; }
  return "$status"
}

# ── The writer ───────────────────────────────────────────────────────────────────────────────────
# database_writer_start [ADDRESS…]: it writes on whichever of them can be written; by default on any of the three servers.
database_writer_start() {
  [ $# -gt 0 ] || set -- "${LAB_ADDRESS[db1]}" "${LAB_ADDRESS[db2]}" "${LAB_ADDRESS[db3]}"
  mkdir -p "$DATABASE_COMMITS"
  process_runs database-writer ||
    start_process database-writer ip netns exec "$LAB_NAMESPACE" "$LAB_ROOT/namespace/writer" "$DATABASE_COMMITS" "$@"
}

database_writer_end() { end_process database-writer; }
