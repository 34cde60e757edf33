# shellcheck shell=bash
# gal1, gal2, gal3: a Galera cluster. They begin from copies of one data folder with one cluster position, so that
# no state need be sent; a member that comes back empty or too late gets its state by rsync.

GALERA_HOSTS=(gal1 gal2 gal3)

galera_config() {
  database_common "$1"
  local members=()
  local host
  for host in "${GALERA_HOSTS[@]}"; do members+=("${LAB_ADDRESS[$host]}"); done
  cat <<CONFIG
sync-binlog = 0
innodb-autoinc-lock-mode = 2
wsrep-on = ON
wsrep-provider = /usr/lib/galera/libgalera_smm.so
wsrep-cluster-name = lab
wsrep-cluster-address = gcomm://$(IFS=,; printf '%s' "${members[*]}")
wsrep-node-name = $1
wsrep-node-address = ${LAB_ADDRESS[$1]}
wsrep-sst-method = rsync
# Quicker than the defaults (5 s and 15 s) to take a silent member for gone; a small cache of write sets.
wsrep-provider-options = "gcache.size=8M;gcache.page_size=8M;evs.keepalive_period=PT1S;evs.inactive_check_period=PT0.5S;evs.suspect_timeout=PT3S;evs.inactive_timeout=PT6S;evs.install_timeout=PT6S;pc.recovery=true"
CONFIG
}

# wsrep HOST NAME: a status variable of a member.
wsrep() { sql "$1" "SHOW GLOBAL STATUS LIKE 'wsrep_$2'" | cut -f2; }

galera_end() { service "$1" end mariadbd; }

galera_member() {
  host_healthy "$1" || return 1
  database_answers "$1" || { echo "$1: its server does not answer"; return 1; }
  local status
  status=$(on_host "$1" timeout 5 mariadb -BNe "SHOW GLOBAL STATUS LIKE 'wsrep_%'; SHOW GLOBAL VARIABLES LIKE 'wsrep_desync'" | tr '\t\n' '= ')
  [[ $status == *'wsrep_cluster_status=Primary '* && $status == *'wsrep_local_state_comment=Synced '* &&
    $status == *'wsrep_cluster_size=3 '* && $status == *'wsrep_ready=ON '* && $status == *'wsrep_desync=OFF '* ]] ||
    { echo "$1 is not a synced member of a cluster of three"; return 1; }
}

galera_healthy() {
  [ -n "$(wanted "${GALERA_HOSTS[@]}")" ] || return 0
  local host status=0
  for host in "${GALERA_HOSTS[@]}"; do galera_member "$host" || status=1; done
  return "$status"
}

# galera_seed: a data folder that has been in a cluster of one and was ended well: it knows a position.
galera_seed() {
  local empty seed
  empty=$(database_empty)
  seed=${empty%/data}/galera
  if [ ! -e "$seed/made" ]; then
    rm -rf "${empty%/data}/galera"
    mkdir -p "$seed"
    galera_end gal1
    database_blank gal1 "$empty"
    database_start gal1 --wsrep-new-cluster || return 1
    sql gal1 "CREATE USER writer@'10.77.0.%' IDENTIFIED BY 'writer'; CREATE DATABASE lab; CREATE TABLE lab.t (id INT PRIMARY KEY AUTO_INCREMENT, text VARCHAR(40)); INSERT INTO lab.t (text) VALUES ('one')"
    galera_end gal1
    cp -a --sparse=always "$(host_folder gal1)/mysql" "$seed/data"
    rm -f "$seed/data/galera.cache" "$seed/data/gvwstate.dat"
    touch "$seed/made"
  fi
  printf '%s\n' "$seed/data"
}

# galera_make: the whole cluster anew.
galera_make() {
  say "making the cluster of gal1, gal2 and gal3"
  each_of "${GALERA_HOSTS[@]}" galera_end
  local seed host
  seed=$(galera_seed) || die "the first member of the cluster does not start; see $LAB_LOGS/gal1-mariadbd.log"
  for host in "${GALERA_HOSTS[@]}"; do database_blank "$host" "$seed"; done
  database_start gal1 --wsrep-new-cluster || return 1
  each_of gal2 gal3 database_start
}

galera_host_up() {
  database_host "$1" galera_config
  ! database_answers "$1" || sql "$1" 'SET GLOBAL wsrep_desync=OFF' 2>/dev/null || true
}

galera_primary() { database_answers "$1" && [ "$(wsrep "$1" cluster_status)" = Primary ]; }

galera_up() {
  [ -n "$(wanted "${GALERA_HOSTS[@]}")" ] || return 0
  local host primary=''
  {
    printf 'hosts:\n'
    for host in "${GALERA_HOSTS[@]}"; do
      printf '  %s: { address: %s, groups: [namespace], roles: [mysql], mysql: { socket: /run/mysqld/mysqld.sock, start: [/run/lab/galera], start_new_cluster: [/run/lab/galera, --wsrep-new-cluster] } }\n' \
        "$host" "${LAB_ADDRESS[$host]}"
    done
    printf 'topologies:\n  ledger: { kind: galera, members: [gal1, gal2, gal3] }\n'
  } | inventory_piece galera
  each_of "${GALERA_HOSTS[@]}" galera_host_up
  for host in gal1:gal2 gal1:gal3 gal2:gal3; do link_join "${host%:*}" "${host#*:}"; done
  ! wait_until 1 galera_healthy || return 0
  # A member that was only cut off finds back by itself.
  for host in "${GALERA_HOSTS[@]}"; do ! galera_primary "$host" || primary=$host; done
  if [ -n "$primary" ]; then
    for host in "${GALERA_HOSTS[@]}"; do
      # One that had not ended well is made anew by its state transfer.
      service "$host" runs mariadbd || database_start "$host" || true
    done
    ! wait_until 20 galera_healthy || return 0
  fi
  galera_make || true
  wait_until 30 galera_healthy || die "$(galera_healthy)"
}

galera_down() {
  local host
  for host in "${GALERA_HOSTS[@]}"; do host_halt "$host"; done
}
