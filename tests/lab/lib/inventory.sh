# shellcheck shell=bash
# What makes the lab known to others: the inventory (it includes the parts' pieces), an ssh_config with the
# lab's own keys, and known_hosts.

# The parts in the order of starting. Machines boot while the databases start; storage and clients wait for them.
# shellcheck disable=SC2034 # read by up, down and status
LAB_PARTS=(packages kernel network machine namespace database galera zfs backup vpn storage client inventory)

part_exists() { declare -F "$1_up" >/dev/null; }

inventory_up() {
  local piece
  {
    cat <<'END'
# The lab that is running now, as written by tests/lab/up.
fleet: pointsman lab
label: LAB
ssh_config: ssh_config
defaults:
  user: root
  # Machines without hardware virtualisation on two cores are slow, and no fault of the fleet.
  poll: { interval: 4s, medium: 8s, deadline: 12s, connect_deadline: 30s }
  # Emulated machines are busy with little: their load says nothing here.
  thresholds: { nfs_rtt_ms: 800, disk_await_ms: 300, load_per_cpu: 1000, steal_percent: 100 }
sites:
  lab: { description: one small machine }
  far: { description: behind the lab's VPN }
racks:
  lab-r1: { site: lab }
  lab-r2: { site: lab }
  far-r1: { site: far }
include:
END
    for piece in "$LAB_DIR"/inventory.d/*.yaml; do
      [ ! -e "$piece" ] || printf '  - inventory.d/%s\n' "$(basename "$piece")"
    done
  } >"$LAB_DIR/inventory.yaml.new"
  ssh_config >"$LAB_DIR/ssh_config.new"
  mv "$LAB_DIR/ssh_config.new" "$LAB_DIR/ssh_config"
  mv "$LAB_DIR/inventory.yaml.new" "$LAB_DIR/inventory.yaml"
}

# ssh_config: for ssh and for pointsman; hosts by name and by address.
ssh_config() {
  local host
  for host in "${!LAB_ADDRESS[@]}"; do
    printf 'Host %s\n  HostName %s\n  HostKeyAlias %s\n' "$host" "${LAB_ADDRESS[$host]}" "$host"
  done | cat
  cat <<END
Host *
  User root
  IdentityFile $LAB_KEYS/client
  IdentitiesOnly yes
  UserKnownHostsFile $LAB_DIR/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  PreferredAuthentications publickey
END
}

inventory_down() { rm -f "$LAB_DIR/inventory.yaml" "$LAB_DIR/ssh_config"; }

inventory_healthy() { [ -s "$LAB_DIR/inventory.yaml" ] || { echo "the inventory is not written"; return 1; }; }
