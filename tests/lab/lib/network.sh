# shellcheck shell=bash
# The lab's network: a namespace with a bridge (10.77.0.1/24). Every host has one port on it, named
# p-HOST: a tap for a virtual machine, one end of a veth pair for a host that is a namespace itself.

LAB_BRIDGE=br0
LAB_GATEWAY=10.77.0.1
# shellcheck disable=SC2034 # read by other parts
LAB_NETWORK=10.77.0.0/24

# in_lab COMMAND…: runs a command in the lab's outer namespace, where pointsman runs, too.
in_lab() { ip netns exec "$LAB_NAMESPACE" "$@"; }

# namespace_owned NAME: whether a network namespace is there and is the one that this lab made.
namespace_owned() {
  [ -e "/run/netns/$1" ] && [ "$(stat -Lc %i "/run/netns/$1")" = "$(cat "$LAB_RUN/$1.netns" 2>/dev/null)" ]
}

# namespace_add NAME: makes a network namespace with its loopback up, unless it is there already.
namespace_add() {
  namespace_owned "$1" && return 0
  [ ! -e "/run/netns/$1" ] ||
    die "the network namespace $1 is there and not this lab's; if another lab runs, set POINTSMAN_LAB_NAMESPACE to another name"
  ip netns add "$1"
  stat -Lc %i "/run/netns/$1" >"$LAB_RUN/$1.netns"
  ip -n "$1" link set lo up
}

namespace_remove() {
  ! namespace_owned "$1" || ip netns del "$1"
  rm -f "$LAB_RUN/$1.netns"
}

network_up() {
  namespace_add "$LAB_NAMESPACE"
  if ! ip -n "$LAB_NAMESPACE" link show "$LAB_BRIDGE" >/dev/null 2>&1; then
    # No spanning tree and no forward delay: a port that comes back carries traffic at once.
    ip -n "$LAB_NAMESPACE" link add "$LAB_BRIDGE" type bridge forward_delay 0 stp_state 0 mcast_snooping 0
  fi
  ip -n "$LAB_NAMESPACE" addr replace "$LAB_GATEWAY/24" dev "$LAB_BRIDGE"
  ip -n "$LAB_NAMESPACE" link set "$LAB_BRIDGE" up
}

network_down() { namespace_remove "$LAB_NAMESPACE"; }

network_healthy() {
  namespace_owned "$LAB_NAMESPACE" || { echo "the namespace $LAB_NAMESPACE is not there"; return 1; }
  [[ $(ip -n "$LAB_NAMESPACE" -br addr show dev "$LAB_BRIDGE" 2>/dev/null) == *" $LAB_GATEWAY/24"* ]] ||
    { echo "the bridge $LAB_BRIDGE lacks its address"; return 1; }
}

# port_name HOST: the name of a host's port on the bridge (an interface name has 15 characters at most).
port_name() { printf 'p-%s\n' "$1"; }

# port_attach HOST [up]: puts a host's port on the bridge, the end of every cut.
port_attach() { ip -n "$LAB_NAMESPACE" link set "$(port_name "$1")" master "$LAB_BRIDGE" up; }

# port_detach HOST: takes a host's port off the bridge: the host sees its own link up and no answer.
port_detach() { ip -n "$LAB_NAMESPACE" link set "$(port_name "$1")" nomaster; }

port_attached() {
  [[ $(ip -n "$LAB_NAMESPACE" -o link show "$(port_name "$1")" 2>/dev/null) == *" master $LAB_BRIDGE "* ]]
}

# tap_add HOST: a tap for a virtual machine, on the bridge.
tap_add() {
  local port
  port=$(port_name "$1")
  ip -n "$LAB_NAMESPACE" link show "$port" >/dev/null 2>&1 ||
    in_lab ip tuntap add dev "$port" mode tap
  port_attach "$1"
}

# veth_add HOST NAMESPACE: a veth pair between the bridge and eth0 of a host's own namespace, with its address.
veth_add() {
  local host=$1 namespace=$2 port
  port=$(port_name "$host")
  if ! ip -n "$LAB_NAMESPACE" link show "$port" >/dev/null 2>&1; then
    ip -n "$LAB_NAMESPACE" link add "$port" type veth peer name eth0 netns "$namespace"
  fi
  ip -n "$namespace" addr replace "${LAB_ADDRESS[$host]}/24" dev eth0
  ip -n "$namespace" link set eth0 up
  port_attach "$host"
}

# ── Cutting one link ─────────────────────────────────────────────────────────────────────────────
# A link between two hosts is cut by two rules in the bridge: everything between the two ports is dropped,
# ARP included. `console` stands for the outer namespace itself.
LAB_TABLE=lab_cuts

link_rules() {
  local a=$1 b=$2 first second
  if [ "$b" = console ]; then a=console b=$1; fi
  first=$(port_name "$a")
  second=$(port_name "$b")
  if [ "$a" = console ]; then
    printf 'add rule bridge %s incoming iifname "%s" drop\n' "$LAB_TABLE" "$second"
    printf 'add rule bridge %s outgoing oifname "%s" drop\n' "$LAB_TABLE" "$second"
  else
    printf 'add rule bridge %s across iifname "%s" oifname "%s" drop\n' "$LAB_TABLE" "$first" "$second"
    printf 'add rule bridge %s across iifname "%s" oifname "%s" drop\n' "$LAB_TABLE" "$second" "$first"
  fi
}

# links_apply: makes the rules match the cuts that are listed in run/cuts (two names a line).
links_apply() {
  {
    printf 'add table bridge %s\ndelete table bridge %s\n' "$LAB_TABLE" "$LAB_TABLE"
    if [ -s "$LAB_RUN/cuts" ]; then
      printf 'add table bridge %s\n' "$LAB_TABLE"
      printf 'add chain bridge %s across { type filter hook forward priority 0; }\n' "$LAB_TABLE"
      printf 'add chain bridge %s incoming { type filter hook input priority 0; }\n' "$LAB_TABLE"
      printf 'add chain bridge %s outgoing { type filter hook output priority 0; }\n' "$LAB_TABLE"
      while read -r a b; do link_rules "$a" "$b"; done <"$LAB_RUN/cuts"
    fi
  } | in_lab nft -f -
}

link_cut() {
  grep -qxF "$1 $2" "$LAB_RUN/cuts" 2>/dev/null || printf '%s %s\n' "$1" "$2" >>"$LAB_RUN/cuts"
  links_apply
}

link_join() {
  if [ -e "$LAB_RUN/cuts" ]; then
    { grep -vxF -e "$1 $2" -e "$2 $1" "$LAB_RUN/cuts" || true; } >"$LAB_RUN/cuts.new"
    mv "$LAB_RUN/cuts.new" "$LAB_RUN/cuts"
  fi
  links_apply
}
