# shellcheck shell=bash
# backup1: where slices are copied to. An sshd and a folder. It is watched as an ordinary user, without sudo.

BACKUP_WATCHER=watcher

# backup_watcher: the user, whom root's key lets in too, and who may read what is exported (exportfs takes a lock).
backup_watcher() {
  # shellcheck disable=SC2016 # the host expands it
  on_host backup1 sh -c 'id "$1" >/dev/null 2>&1 || { useradd --create-home "$1" && usermod --password "*" "$1"; }
    install -d -m 700 -o "$1" "/home/$1/.ssh" &&
    install -m 600 -o "$1" /root/.ssh/authorized_keys "/home/$1/.ssh/authorized_keys" &&
    chown -R "$1" /var/lib/nfs && chmod 755 /var/lib/nfs' watcher "$BACKUP_WATCHER"
}

backup_up() {
  [ -n "$(wanted backup1)" ] || return 0
  # The user first: whoever is refused a login is not tried again soon.
  host_boot backup1 data=/srv/backup
  backup_watcher
  host_mend backup1
  inventory_piece backup <<END
hosts:
  backup1: { address: ${LAB_ADDRESS[backup1]}, groups: [namespace], roles: [backup], user: $BACKUP_WATCHER }
END
}

backup_down() { host_halt backup1; }

backup_healthy() {
  [ -n "$(wanted backup1)" ] || return 0
  host_healthy backup1
}
