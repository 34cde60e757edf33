# shellcheck shell=bash
# Faults of a whole machine, of its network and of its clock.

need_machine() { is_machine "${1:-}" || die "name a virtual machine: ${LAB_MACHINES[*]}"; }
need_host() { [ -n "${LAB_ADDRESS[${1:-none}]:-}" ] || die "name a host of the lab: ${!LAB_ADDRESS[*]}"; }
need_number() { [[ ${1:-} =~ ^-?[0-9]+$ ]] || die "$2"; }

# recover_machine HOST: booted, in its place in the fleet, and what depends on it works again.
recover_machine() {
  machine_start "$1"
  port_attach "$1"
  machine_wait "$1"
  if is_storage "$1"; then storage_up; fi
  client_up
}

fault_about kill-host HOST 'cut the power of a machine'
fault_kill_host() { need_machine "$1" && kill_process "$1"; }
undo_kill_host() { need_machine "$1" && recover_machine "$1"; }

fault_about pause-host HOST 'stop a machine: it keeps its state and does not answer'
fault_pause_host() { need_machine "$1" && machine_monitor "$1" stop >/dev/null; }
undo_pause_host() {
  need_machine "$1"
  machine_monitor "$1" cont >/dev/null
  recover_machine "$1"
}

fault_about reboot-host HOST 'reset a machine; it boots by itself, a storage server without its slices'
fault_reboot_host() { need_machine "$1" && machine_monitor "$1" system_reset >/dev/null; }
undo_reboot_host() { need_machine "$1" && recover_machine "$1"; }

fault_about cut-host HOST 'take a host off the network'
fault_cut_host() { need_host "$1" && port_detach "$1"; }
undo_cut_host() {
  need_host "$1"
  port_attach "$1"
  ! is_machine "$1" || recover_machine "$1"
}

fault_about cut-link 'HOST HOST|console' 'cut the link between two hosts, or a host and pointsman'
fault_cut_link() {
  need_host "$1"
  [ "${2:-}" = console ] || need_host "${2:-}"
  link_cut "$1" "$2"
}
undo_cut_link() {
  link_join "$1" "$2"
  # The pair finds back by itself, unless each has gone on alone.
  if is_storage "$1" && is_storage "$2"; then
    each_of "${LAB_SLICES[@]}" storage_rejoined || storage_up
  fi
}

# netem HOST RULE…: replaces what is in force on the host's link. The lab's way in does not go over it.
netem() {
  need_machine "$1"
  machine_run "$1" 20 "tc qdisc replace dev eth0 root netem ${*:2}"
}
netem_off() {
  need_machine "$1"
  machine_run "$1" 20 'tc qdisc del dev eth0 root 2>/dev/null || true'
}

fault_about delay 'HOST MS' 'delay every packet that a machine sends'
fault_delay() {
  need_number "${2:-}" "how many ms?"
  netem "$1" delay "$2ms"
}
undo_delay() { netem_off "$1"; }

fault_about loss 'HOST PERCENT' 'lose some of the packets that a machine sends'
fault_loss() {
  need_number "${2:-}" "how many percent?"
  netem "$1" loss "$2%"
}
undo_loss() { netem_off "$1"; }

fault_about skew-clock 'HOST SECONDS' 'put a clock forward, or back by a negative number'
fault_skew_clock() {
  need_machine "$1"
  need_number "${2:-}" "how many seconds?"
  # The time limit of the call takes the jump for time that has passed.
  machine_run "$1" 10 "date -s @\$((\$(date +%s) + $2)) >/dev/null" || [ $? = 124 ]
}
undo_skew_clock() { need_machine "$1" && machine_set_clock "$1"; }
