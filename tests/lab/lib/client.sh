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
  wait_until 60 client_writes "$1" || die "$1: its writes are not acknowledged"
}

client_up() {
  local -a hosts
  client_inventory
  mapfile -t hosts < <(wanted "${LAB_CLIENT_HOSTS[@]}")
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
