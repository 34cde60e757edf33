# shellcheck shell=bash
# The clients: both slices mounted hard, and a steady load of which every acknowledged write is recorded
# outside the machine, in share/HOST/acks-SLICE.

# 3 or 4.2.
LAB_NFS_VERSION=${POINTSMAN_LAB_NFS:-3}

client_settings() {
  local slice
  printf 'slices=%q\n' "${LAB_SLICES[*]}"
  printf 'mount_options=%q\n' "hard,vers=$LAB_NFS_VERSION,proto=tcp,timeo=50,retrans=2,noatime,actimeo=3"
  for slice in "${LAB_SLICES[@]}"; do printf 'address_%s=%s\n' "${slice//-/_}" "${LAB_SLICE_ADDRESS[$slice]}"; done
}

client_inventory() {
  inventory_piece clients <<END
groups:
  access:
    roles: [node]
    mounts:
      - { segment: lab, at: '/mnt/{slice}' }
hosts:
  access1: { address: ${LAB_ADDRESS[access1]}, groups: [access], rack: lab-r1 }
  access2: { address: ${LAB_ADDRESS[access2]}, groups: [access], rack: lab-r2 }
END
}

client_mend() {
  machine_wait "$1"
  machine_script "$1" 120 client-mend "$1" || warn "$1: its mounts do not come back"
  wait_until 60 client_writes "$1" && return
  warn "$1: its writes are not acknowledged, so its slices are mounted anew and its load is started again"
  client_complaint "$1" >&2
  machine_script "$1" 120 client-mend "$1" anew || warn "$1: its mounts do not come back"
  wait_until 60 client_writes "$1" && return
  client_complaint "$1" >&2
  warn "$1: its writes are not acknowledged"
  return 1
}

# client_complaint HOST: what is known of a load whose writes are not acknowledged.
client_complaint() {
  local slice acks
  for slice in "${LAB_SLICES[@]}"; do
    acks=$LAB_DIR/share/$1/acks-$slice
    printf '%s: %s: %s acknowledged, the last one %s s ago\n' "$1" "$slice" "$(wc -l <"$acks")" $(($(date +%s) - $(stat -c %Y "$acks")))
  done
  # shellcheck disable=SC2016 # the guest expands it
  machine_run "$1" 20 'for file in /run/lab/load-*.pid; do
      pid=$(<$file)
      echo "$file: $pid: $(tr "\0" " " <"/proc/$pid/cmdline") $(grep State "/proc/$pid/status") in $(<"/proc/$pid/wchan")"
      tail -n 3 "${file%.pid}.log"
    done 2>&1
    grep " nfs" /proc/mounts' | sed "s/^/$1: /" || true
}

client_up() {
  local -a hosts
  client_inventory
  mapfile -t hosts < <(wanted "${LAB_CLIENT_HOSTS[@]}")
  each_of "${hosts[@]}" client_mend && return
  # Then it may be the servers that take no writes, whatever else they answer.
  storage_complaint >&2
  storage_restart
  each_of "${hosts[@]}" client_mend || die "a client does not come up"
}

client_down() { rm -f "$LAB_DIR/inventory.d/clients.yaml"; }

# client_writes HOST: every slice acknowledged a write of this host in the last seconds.
client_writes() {
  local slice
  for slice in "${LAB_SLICES[@]}"; do
    [ -n "$(find "$LAB_DIR/share/$1/acks-$slice" -newermt '-6 seconds' 2>/dev/null)" ] || return 1
  done
}

client_healthy() {
  local host slice status=0
  for host in $(wanted "${LAB_CLIENT_HOSTS[@]}"); do
    for slice in "${LAB_SLICES[@]}"; do
      [ -n "$(find "$LAB_DIR/share/$host/acks-$slice" -newermt '-6 seconds' 2>/dev/null)" ] ||
        { echo "$host: no write on $slice was acknowledged in the last 6 s"; status=1; }
    done
    [[ $(machine_run "$host" 10 'tc qdisc show dev eth0') != *netem* ]] || { echo "$host: netem is in force"; status=1; }
  done
  return "$status"
}
