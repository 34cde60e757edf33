# shellcheck shell=bash
# Hosts that are namespaces: each has its own network, mounts, processes, names, clock since boot and root
# file system (an overlay over this machine's, so that what is written there is gone with the host), its own
# sshd and its own host key. They share this machine's kernel: /proc/mdstat, /proc/diskstats, the load and the
# memory they show are this machine's.
#
# Inside, tests/lab/namespace/init is process 1 and tests/lab/namespace/service keeps the servers. A server is
# ended from inside its host: there a process id can only mean a process of that host.

# The process of a host NAME is recorded as host-NAME; its folder is hosts/NAME.

# namespace_of HOST: the name of a host's network namespace.
namespace_of() { printf '%s-%s\n' "$LAB_NAMESPACE" "$1"; }

host_folder() { printf '%s/hosts/%s\n' "$LAB_DIR" "$1"; }

# host_init HOST: prints the id of a host's process 1 as this machine sees it.
host_init() {
  local outer inner=
  outer=$(process_id "host-$1") || return 1
  # The file has no newline, so `read` calls it incomplete.
  { read -r inner _ <"/proc/$outer/task/$outer/children" || :; } 2>/dev/null
  [ -n "$inner" ] && printf '%s\n' "$inner"
}

host_runs() { process_runs "host-$1"; }

# on_host HOST COMMAND…: runs a command in a host, as its root. Works while its sshd does not.
on_host() {
  local init
  init=$(host_init "$1") || { warn "$1 does not run"; return 1; }
  nsenter -t "$init" -m -u -i -n -p -T -- /usr/bin/env -i \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C "${@:2}"
}

# service HOST WORD NAME [COMMAND…]: keeps a server of a host; the words are those of namespace/service.
service() {
  local host=$1
  shift
  on_host "$host" /run/lab/service "$@"
}

# service_start HOST NAME COMMAND…: starts a server unless it runs; what it says goes to logs/HOST-NAME.log.
service_start() {
  service "$1" start "${@:2}" </dev/null >>"$LAB_LOGS/$1-$2.log" 2>&1 9>&-
}

# lab_hosts: /etc/hosts of every host.
lab_hosts() {
  local host
  echo "127.0.0.1 localhost"
  for host in "${!LAB_ADDRESS[@]}"; do printf "%s %s\n" "${LAB_ADDRESS[$host]}" "$host"; done | sort
}

# host_boot HOST [MOUNT…]: starts a host unless it runs. A MOUNT is FOLDER=PLACE: hosts/HOST/FOLDER appears there.
host_boot() {
  local host=$1 folder
  host_runs "$host" && { host_port_up "$host"; return; }
  folder=$(host_folder "$host")
  mkdir -p "$folder/root"
  lab_hosts >"$folder/hosts"
  host_key "$host"
  ssh_key client
  [ -s "$folder/machine-id" ] || tr -d - </proc/sys/kernel/random/uuid >"$folder/machine-id"
  # What the last boot has left in its network: addresses, rules, queues.
  namespace_remove "$(namespace_of "$host")"
  namespace_add "$(namespace_of "$host")"
  host_port_up "$host"
  rm -f "$folder/started"
  # Its clock since boot begins now, as that of a machine does.
  start_process "host-$host" ip netns exec "$(namespace_of "$host")" \
    unshare --mount --uts --ipc --pid --fork --kill-child --time --boottime "-$(cut -d. -f1 /proc/uptime)" -- \
    "$LAB_ROOT/namespace/init" "$host" "$folder" "$LAB_ROOT/namespace" "$LAB_KEYS" "${@:2}"
  wait_until 20 test -s "$folder/started" || die "$host does not start; see $LAB_LOGS/host-$host.log"
}

# on_bridge HOST: whether its address is one of the bridge's network.
on_bridge() { [[ ${LAB_ADDRESS[$1]} == "${LAB_NETWORK%.*}".* ]]; }

# host_port_up HOST: its port on the bridge, and the way to everywhere else.
host_port_up() {
  on_bridge "$1" || return 0
  local namespace
  namespace=$(namespace_of "$1")
  veth_add "$1" "$namespace"
  # Its own for ever, as a network card's is: the others would go on asking for that of the last boot.
  ip -n "$namespace" link set dev eth0 address "02:70:6d:00:00:$(printf %02x "${LAB_ADDRESS[$1]##*.}")"
  ip -n "$namespace" route replace default via "$LAB_GATEWAY"
}

# host_halt HOST: ends every process of a host, as a power cut would, and takes its port away.
host_halt() {
  kill_process "host-$1"
  namespace_remove "$(namespace_of "$1")"
}

# ssh_answers ADDRESS: whether an sshd says its version there, seen from the lab's own side.
ssh_answers() {
  # shellcheck disable=SC2016 # for the inner shell
  in_lab timeout 3 bash -c 'exec 3<>"/dev/tcp/$1/22" && read -r -u 3 line && [[ $line == SSH-* ]]' answers "$1" 2>/dev/null
}

# host_healthy HOST: whether it runs and its sshd answers on the lab's network.
host_healthy() {
  host_runs "$1" || { echo "$1 does not run"; return 1; }
  ! on_bridge "$1" || port_attached "$1" || { echo "$1 is cut off"; return 1; }
  ssh_answers "${LAB_ADDRESS[$1]}" || { echo "$1: its sshd does not answer"; return 1; }
}

# host_mend HOST: wakes what is stopped in a running host, and starts its sshd again.
host_mend() {
  # The lab's own programs may have changed since the host started.
  tar -C "$LAB_ROOT/namespace" -cf - . | on_host "$1" tar -C /run/lab -xf - --no-same-owner
  on_host "$1" /run/lab/service wake
  service_start "$1" sshd /usr/sbin/sshd -D -e
  # What faults have put in its way.
  ip netns exec "$(namespace_of "$1")" nft flush ruleset
  tc -n "$(namespace_of "$1")" qdisc del dev eth0 root 2>/dev/null || true
}

# boot HOST [MOUNT…]: a healthy host, whatever became of it.
boot() {
  host_boot "$@"
  host_mend "$1"
}

# Nothing of its own: the parts start their hosts.
namespace_up() {
  mkdir -p "$LAB_DIR/hosts"
  inventory_piece namespace <<'END'
groups:
  namespace:
    rack: lab-r1
    # These hosts share one kernel: load, steal, waiting for disks and what fills them are those of the whole machine.
    thresholds: { load_per_cpu: 1000, steal_percent: 100, disk_await_ms: 100000, disk_warning_percent: 98, disk_critical_percent: 99.5, memory_available_percent: 1, disk_full_in_hours: 0.01 }
END
}
namespace_down() { :; }
namespace_healthy() { :; }
