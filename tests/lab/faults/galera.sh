# shellcheck shell=bash
# Faults of the Galera cluster.

galera_member_named() { [[ " ${GALERA_HOSTS[*]} " == *" ${1:-} "* ]] || die "name one of ${GALERA_HOSTS[*]}"; }

fault_about galera-cut 'MEMBER' 'the member is cut off from the others, and from nobody else: it loses the primary component'
fault_galera_cut() {
  galera_member_named "$1"
  local host
  for host in "${GALERA_HOSTS[@]}"; do [ "$host" = "$1" ] || link_cut "$1" "$host"; done
}
undo_galera_cut() {
  local host
  for host in "${GALERA_HOSTS[@]}"; do [ "$host" = "$1" ] || link_join "$1" "$host"; done
}

fault_about galera-remainder 'MEMBER' 'the two other members are killed: this one is left without a primary component'
fault_galera_remainder() {
  galera_member_named "$1"
  local host
  # At once: one after the other would leave a component of two, and then of one.
  for host in "${GALERA_HOSTS[@]}"; do
    [ "$host" = "$1" ] || service "$host" kill mariadbd &
  done
  wait
}
undo_galera_remainder() { galera_up; }

fault_about galera-desync 'MEMBER' 'wsrep_desync: the member is no longer synced (Donor/Desynced)'
fault_galera_desync() {
  galera_member_named "$1"
  sql "$1" 'SET GLOBAL wsrep_desync=ON'
}
undo_galera_desync() { sql "$1" 'SET GLOBAL wsrep_desync=OFF'; }

fault_about galera-empty 'MEMBER' 'the member loses its data and gets them again from the first of the others (state transfer)'
fault_galera_empty() {
  galera_member_named "$1"
  local donor=gal1
  [ "$1" != gal1 ] || donor=gal2
  service "$1" kill mariadbd
  find "$(host_folder "$1")/mysql" -mindepth 1 -delete
  service_start "$1" mariadbd /usr/sbin/mariadbd "--wsrep-sst-donor=$donor"
}
undo_galera_empty() { galera_up; }
