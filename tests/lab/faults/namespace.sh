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
undo_narrow() { tc -n "$(namespace_of "$1")" qdisc del dev eth0 root; }
