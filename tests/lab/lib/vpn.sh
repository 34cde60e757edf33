# shellcheck shell=bash disable=SC2016 # what is in single quotes is for the shell of the host
# A second site behind a VPN: far1 (10.78.0.41), reached through vpn1 on the lab's bridge. Between the two lies a
# wide area network: a veth pair and, since this kernel may lack netem, a relay in front of OpenVPN that delays
# and loses its datagrams (namespace/wan).

VPN_FAR_NETWORK=10.78.0.0/24
LAB_ADDRESS+=([vpn1]=10.77.0.81 [far1]=10.78.0.41)
# Milliseconds one way, jitter, percent lost, seconds up and down in turn (0: no turns).
VPN_USUAL='10 2 0 0 0'

# vpn_weather WORDS: how the wide area network is from now on.
vpn_weather() { on_host vpn1 sh -c 'printf "%s\n" "$1" >/run/wan.new && mv /run/wan.new /run/wan' weather "$1"; }

vpn_wire() {
  local near far
  near=$(namespace_of vpn1)
  far=$(namespace_of far1)
  ip -n "$near" link show wan >/dev/null 2>&1 || ip -n "$near" link add wan type veth peer name wan netns "$far"
  ip -n "$near" addr replace 198.51.100.1/30 dev wan
  ip -n "$far" addr replace 198.51.100.2/30 dev wan
  ip -n "$near" link set wan up
  ip -n "$far" link set wan up
  # The second site's own network has no other machine on it: a bridge without ports holds the address.
  ip -n "$far" link show lan >/dev/null 2>&1 || ip -n "$far" link add lan type bridge
  ip -n "$far" addr replace "${LAB_ADDRESS[far1]}/24" dev lan
  ip -n "$far" link set lan up
}

# vpn_tunnel HOST OWN PEER NETWORK OPTION…: OpenVPN with a shared key, and a route through it.
vpn_tunnel() {
  local host=$1 own=$2 peer=$3 network=$4
  shift 4
  [ -s "$LAB_KEYS/vpn" ] || openvpn --genkey secret "$LAB_KEYS/vpn" >/dev/null
  on_host "$host" sh -c 'umask 077; cat >/run/vpn.key' <"$LAB_KEYS/vpn"
  service_start "$host" openvpn /usr/sbin/openvpn --dev tun0 --proto udp --secret /run/vpn.key --cipher AES-256-CBC \
    --ifconfig "$own" "$peer" --route "${network%/*}" 255.255.255.0 --ping 2 --ping-restart 10 --persist-tun --persist-key \
    --verb 1 "$@"
}

vpn_up() {
  [ -n "$(wanted vpn1 far1)" ] || return 0
  # A wire between two hosts ends with either: then both begin again.
  { host_runs vpn1 && host_runs far1; } || { host_halt vpn1; host_halt far1; }
  boot vpn1
  boot far1
  vpn_wire
  on_host vpn1 sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
  in_lab sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
  ip -n "$LAB_NAMESPACE" route replace "$VPN_FAR_NETWORK" via "${LAB_ADDRESS[vpn1]}"
  vpn_weather "$VPN_USUAL"
  service_start vpn1 wan /run/lab/wan 127.0.0.1:1195 198.51.100.2:1194 /run/wan
  vpn_tunnel far1 10.79.0.2 10.79.0.1 "$LAB_NETWORK" --port 1194 --float
  vpn_tunnel vpn1 10.79.0.1 10.79.0.2 "$VPN_FAR_NETWORK" --remote 127.0.0.1 1195 --lport 1196
  inventory_piece vpn <<END
hosts:
  vpn1: { address: ${LAB_ADDRESS[vpn1]}, groups: [namespace], thresholds: { disk_full_in_hours: 24 } }
  far1: { address: ${LAB_ADDRESS[far1]}, groups: [namespace], rack: far-r1, roles: [backup] }
END
  wait_until 30 vpn_healthy || die "$(vpn_healthy)"
}

vpn_down() {
  host_halt vpn1
  host_halt far1
}

vpn_healthy() {
  [ -n "$(wanted vpn1 far1)" ] || return 0
  host_healthy vpn1 && host_healthy far1 || return 1
  [ "$(on_host vpn1 cat /run/wan)" = "$VPN_USUAL" ] || { echo "the way to the second site is not as usual"; return 1; }
  in_lab ping -q -c 1 -W 1 "${LAB_ADDRESS[far1]}" >/dev/null 2>&1 || { echo "the second site does not answer"; return 1; }
}
