# shellcheck shell=bash disable=SC2016 # what is in single quotes is for the shell of the host
# Faults of hosts that are namespaces (backup1, db1–db3, gal1–gal3, zfs1, vpn1, far1).

# namespace_host HOST: ends here if it is not one.
namespace_host() {
  local host=${1:-none}
  if [ -z "${LAB_ADDRESS[$host]:-}" ] || is_machine "$host"; then die "$host is not a host that is a namespace"; fi
}

# part_of HOST: the part of the lab that brings a host up.
part_of() {
  case $1 in
    db*) echo database ;;
    gal*) echo galera ;;
    zfs*) echo zfs ;;
    vpn1 | far1) echo vpn ;;
    *) echo backup ;;
  esac
}

# bring_back HOST: what undoes the faults that end processes: the part mends its hosts.
bring_back() { "$(part_of "$1")_up"; }

fault_about power-off 'HOST' 'every process of the host ends at once; nothing answers for it any more'
fault_power_off() {
  namespace_host "$1"
  host_halt "$1"
}
undo_power_off() { bring_back "$1"; }

fault_about restart 'HOST' 'the host ends and boots again: a new boot id, its clock since boot begins again'
fault_restart() {
  namespace_host "$1"
  host_halt "$1"
  bring_back "$1"
}
undo_restart() { :; }

fault_about freeze 'HOST' 'every process of the host stops: connections open, nobody speaks'
fault_freeze() {
  namespace_host "$1"
  on_host "$1" /run/lab/service freeze
}
undo_freeze() { on_host "$1" /run/lab/service wake; }

fault_about sshd-gone 'HOST' 'no sshd: the host refuses connections'
fault_sshd_gone() {
  namespace_host "$1"
  service "$1" end sshd
  # Sessions outlive the listener; they are cut as well.
  on_host "$1" sh -c 'for d in /proc/[0-9]*; do case $(tr "\0" " " 2>/dev/null <$d/cmdline) in sshd:*) kill -KILL ${d#/proc/};; esac; done; :'
}
undo_sshd_gone() { host_mend "$1"; }

fault_about sshd-stuck 'HOST' 'its sshd accepts connections and does not speak'
fault_sshd_stuck() {
  namespace_host "$1"
  service "$1" pause sshd
}
undo_sshd_stuck() { service "$1" resume sshd; }

fault_about lossy 'HOST PERCENT' 'so many of the packets to the host are lost'
fault_lossy() {
  namespace_host "$1"
  [[ ${2:-} =~ ^[0-9]+$ ]] || die "how many percent?"
  ip netns exec "$(namespace_of "$1")" nft -f - <<END
add table inet lossy
delete table inet lossy
table inet lossy {
  chain incoming { type filter hook input priority 0; numgen random mod 100 < $2 drop; }
}
END
}
undo_lossy() { ip netns exec "$(namespace_of "$1")" nft delete table inet lossy; }

fault_about narrow 'HOST RATE' 'the host sends at this rate at most, such as 64kbit'
fault_narrow() {
  namespace_host "$1"
  tc -n "$(namespace_of "$1")" qdisc replace dev eth0 root tbf rate "${2:-64kbit}" burst 2kb latency 2s
}
undo_narrow() { tc -n "$(namespace_of "$1")" qdisc del dev eth0 root 2>/dev/null || true; }

fault_about lose-carrier 'HOST' 'a second network link of the host, with an address, has no carrier: nobody is at its other end'
fault_lose_carrier() {
  namespace_host "$1"
  local namespace
  namespace=$(namespace_of "$1")
  ip -n "$namespace" link add second type veth peer name unplugged
  ip -n "$namespace" addr add 192.0.2.1/30 dev second
  ip -n "$namespace" link set second up
}
undo_lose_carrier() { ip -n "$(namespace_of "$1")" link delete second; }

fault_about use-inodes 'HOST' 'a small file system of the host has no inodes left, though room'
fault_use_inodes() {
  namespace_host "$1"
  on_host "$1" sh -c 'mkdir -p /srv/small && mount -t tmpfs -o size=1m,nr_inodes=64 small /srv/small &&
    n=0 && while true 2>/dev/null >"/srv/small/$n"; do n=$((n + 1)); done; [ $n -gt 50 ]'
}
undo_use_inodes() { on_host "$1" umount /srv/small; }

fault_about fill-steadily 'HOST [KIB/S]' 'a file system of 64 MiB fills at an even pace (20), to be full in an hour or so'
fault_fill_steadily() {
  namespace_host "$1"
  on_host "$1" sh -c 'mkdir -p /srv/filling && mount -t tmpfs -o size=64m filling /srv/filling'
  service_start "$1" filler sh -c 'while head -c "$1" /dev/zero >>/srv/filling/log; do sleep 1; done' filler $((${2:-20} * 1024))
}
undo_fill_steadily() {
  service "$1" end filler
  on_host "$1" umount /srv/filling
}

fault_about deny-reading '' 'what backup1 exports can be read by root alone, and it is watched as an ordinary user'
fault_deny_reading() { on_host backup1 sh -c 'chown root /var/lib/nfs && chmod 700 /var/lib/nfs'; }
undo_deny_reading() { backup_up; }
