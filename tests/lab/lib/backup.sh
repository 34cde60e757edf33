# shellcheck shell=bash
# backup1: where slices are copied to. An sshd and a folder.

backup_up() {
  [ -n "$(wanted backup1)" ] || return 0
  boot backup1 data=/srv/backup
  inventory_piece backup <<END
hosts:
  backup1: { address: ${LAB_ADDRESS[backup1]}, groups: [namespace], roles: [backup] }
END
}

backup_down() { host_halt backup1; }

backup_healthy() {
  [ -n "$(wanted backup1)" ] || return 0
  host_healthy backup1
}
