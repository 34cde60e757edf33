# shellcheck shell=bash
# The virtual machines: QEMU without hardware virtualisation, the stock kernel, the host's own file system
# as their root. Each has a serial console in logs/HOST.console, a monitor (run/HOST.qmp) and the lab's
# agent (run/HOST.agent), a way in that no fault of the network closes.

LAB_STORAGE_HOSTS=(stor1 stor2)
LAB_CLIENT_HOSTS=(access1 access2)
LAB_MACHINES=("${LAB_STORAGE_HOSTS[@]}" "${LAB_CLIENT_HOSTS[@]}")
LAB_MACHINE_MEMORY_MB=${POINTSMAN_LAB_MEMORY_MB:-384}
LAB_DISKS=$LAB_DIR/disks

is_machine() { [[ " ${LAB_MACHINES[*]} " == *" $1 "* ]]; }
is_storage() { [[ " ${LAB_STORAGE_HOSTS[*]} " == *" $1 "* ]]; }

# machine_run HOST SECONDS SCRIPT: runs a script in a machine; prints what it prints, returns what it returns.
machine_run() { printf '%s' "$3" | "$LAB_ROOT/lib/agent-call" "$LAB_RUN/$1.agent" "$2"; }

# machine_script HOST SECONDS FILE ARGUMENT…: runs a script of guest/ in a machine, as it is now outside.
machine_script() {
  local host=$1 seconds=$2 file=$3
  shift 3
  machine_run "$host" "$seconds" "set -- $(printf '%q ' "$@")
$(cat "$LAB_ROOT/guest/$file")"
}

# machine_monitor HOST COMMAND [JSON]: a command to QEMU itself.
machine_monitor() { "$LAB_ROOT/lib/qmp-call" "$LAB_RUN/$1.qmp" "${@:2}"; }

machine_runs() { process_runs "$1"; }
machine_paused() { [[ $(machine_monitor "$1" query-status 2>/dev/null) == *'"status": "paused"'* ]]; }
# Whether the machine has booted and its agent answers.
machine_answers() { machine_run "$1" 5 '[ -e /run/lab/started ]' >/dev/null 2>&1; }

# machine_clock_ms HOST: how far a machine's clock is ahead, in ms, as well as can be told from outside.
machine_clock_ms() {
  local before guest after
  before=${EPOCHREALTIME//[!0-9]/}
  # shellcheck disable=SC2016 # the guest's
  guest=$(machine_run "$1" 10 'echo "${EPOCHREALTIME//[!0-9]/}"') || return 1
  after=${EPOCHREALTIME//[!0-9]/}
  echo $(((guest - (before + after) / 2) / 1000))
}

# machine_set_clock HOST: a guest's clock stands while the machine does, so it is set right from outside.
# It is moved by what it is wrong by: setting it to a time would be late by the time that this takes. A long jump
# is time that has passed to the limit of the call (124).
machine_set_clock() {
  local ahead
  ahead=$(machine_clock_ms "$1") || return 1
  [ "${ahead#-}" -gt 150 ] || return 0
  machine_run "$1" 10 "perl -e '
    my \$time = pack q(qq), 0, 0;
    syscall 228, 0, \$time;
    my (\$s, \$n) = unpack q(qq), \$time;
    my \$ms = \$s * 1000 + int(\$n / 1000000) - ($ahead);
    syscall(227, 0, pack q(qq), int(\$ms / 1000), \$ms % 1000 * 1000000) == 0 or die \$!;'" || [ $? = 124 ]
}

machine_files() {
  local host=$1 dir=$LAB_DIR/guest/$1 name
  host_key "$host"
  mkdir -p "$dir" "$LAB_DIR/share/$host"
  {
    printf 'address=%q\ngateway=%q\n' "${LAB_ADDRESS[$host]}" "$LAB_GATEWAY"
    printf 'machine_id=%q\n' "$(printf 'pointsman-lab %s' "$host" | md5sum | cut -d' ' -f1)"
    if is_storage "$host"; then
      printf 'load_modules=%q\n' "dm-mod raid456 drbd nfsd dm-delay dm-flakey sch_netem"
      printf 'start=%q\n' "storage-start"
    else
      printf 'load_modules=%q\n' "nfs nfsv3 nfsv4 sch_netem"
      printf 'start=%q\n' "client-start"
      client_settings "$host"
    fi
  } >"$dir/settings"
  {
    printf '127.0.0.1 localhost\n'
    for name in "${!LAB_ADDRESS[@]}"; do printf '%s %s\n' "${LAB_ADDRESS[$name]}" "$name"; done | sort
  } >"$dir/hosts"
  install -m 600 "$LAB_KEYS/host-$host" "$dir/host_key"
  install -m 644 "$LAB_KEYS/client.pub" "$dir/authorized_keys"
  cat >"$dir/sshd_config" <<END
Port 22
HostKey /run/lab/files/host_key
AuthorizedKeysFile /run/lab/files/authorized_keys
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
UseDNS no
PidFile /run/sshd.pid
PerSourceMaxStartups none
MaxSessions 20
END
  if is_storage "$host"; then storage_files "$host"; fi
}

machine_start() {
  local host=$1 n
  local -a drives=()
  machine_runs "$host" && return 0
  machine_files "$host"
  tap_add "$host"
  if is_storage "$host"; then
    # The guest knows its disks by their serial numbers.
    for n in "${LAB_DISK_NAMES[@]}"; do
      drives+=(-drive "id=$n,file=$LAB_DISKS/$host-$n.img,if=none,format=raw,cache=unsafe")
      drives+=(-device "virtio-blk-pci,drive=$n,serial=$n")
    done
  fi
  # The last octet of the address is the last byte of the hardware address.
  local mac
  mac=$(printf '52:54:00:4d:00:%02x' "${LAB_ADDRESS[$host]##*.}")
  rm -f "$LAB_RUN/$host.qmp" "$LAB_RUN/$host.agent"
  start_process "$host" ip netns exec "$LAB_NAMESPACE" qemu-system-x86_64 \
    -name "$host" -accel tcg,thread=multi,tb-size=512 -cpu Westmere -smp 1 -m "$LAB_MACHINE_MEMORY_MB" \
    -nodefaults -no-user-config -display none -rtc base=utc,clock=host \
    -kernel "$(echo "$LAB_KERNEL"/unpacked/boot/vmlinuz-*)" -initrd "$LAB_KERNEL/initramfs.img" \
    -append "console=ttyS0 quiet clocksource=hpet mitigations=off nokaslr norandmaps random.trust_cpu=on panic=5 lab.init=$LAB_ROOT/guest/init lab.host=$host lab.dir=$LAB_DIR lab.modules=$LAB_KERNEL/unpacked/lib/modules" \
    -chardev "file,id=console,path=$LAB_LOGS/$host.console,append=on" -serial chardev:console \
    -qmp "unix:$LAB_RUN/$host.qmp,server=on,wait=off" \
    -device virtio-serial-pci -chardev "socket,id=agent,path=$LAB_RUN/$host.agent,server=on,wait=off" \
    -device virtserialport,chardev=agent,name=lab.agent \
    -fsdev "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap" \
    -device virtio-9p-pci,fsdev=root,mount_tag=root \
    -fsdev "local,id=share,path=$LAB_DIR/share/$host,security_model=none" \
    -device virtio-9p-pci,fsdev=share,mount_tag=share \
    -netdev "tap,id=net,ifname=$(port_name "$host"),script=no,downscript=no" \
    -device "virtio-net-pci,netdev=net,mac=$mac,romfile=" \
    "${drives[@]}"
  machine_first "$host" || warn "$host runs at the same priority as everything else here"
}

# machine_first HOST: the machine before everything else that wants the processors. Where sessions share them as groups,
# a compiler beside the lab takes as much as a machine, whatever its niceness, sched(7); an emulated machine that is kept
# waiting tells lies. The process has to be in its own session first, else it would be this one's group; and the kernel
# takes one such order in a tenth of a second.
machine_first() {
  local own process
  own=$(cut -d' ' -f1 "/proc/$$/autogroup" 2>/dev/null) || return 0
  # A kernel without such groups.
  [ -n "$own" ] || return 0
  process=/proc/$(process_id "$1")/autogroup
  wait_until 5 in_another_group "$process" "$own" || return 1
  wait_until 5 give_priority "$process"
}

in_another_group() { [ "$(cut -d' ' -f1 "$1")" != "$2" ]; }
give_priority() { echo -10 >"$1"; }

machine_up() {
  local host
  ssh_key client
  for host in $(wanted "${LAB_MACHINES[@]}"); do
    if machine_runs "$host"; then
      port_attach "$host"
      machine_paused "$host" && machine_monitor "$host" cont >/dev/null
      # One that is up but does not answer for long is started again; one that boots is given its time.
      if ! machine_answers "$host" && ! wait_until 60 machine_answers "$host"; then
        warn "$host does not answer; starting it again"
        kill_process "$host"
      fi
    fi
    machine_start "$host"
  done
}

# machine_wait HOST: until the machine has booted; then its clock is set.
machine_wait() {
  wait_until 120 machine_answers "$1" || die "$1 does not come up; see $LAB_LOGS/$1.console"
  machine_set_clock "$1"
}

machine_down() {
  local host
  for host in $(wanted "${LAB_MACHINES[@]}"); do
    kill_process "$host"
    rm -f "$LAB_RUN/$host.qmp" "$LAB_RUN/$host.agent"
  done
}

machine_healthy() {
  local host status=0
  for host in $(wanted "${LAB_MACHINES[@]}"); do
    if ! machine_runs "$host"; then
      echo "$host is not running"
      status=1
    elif ! port_attached "$host"; then
      echo "$host is cut off the bridge"
      status=1
    elif machine_paused "$host"; then
      echo "$host is paused"
      status=1
    elif ! machine_answers "$host"; then
      echo "$host does not answer"
      status=1
    fi
  done
  return "$status"
}
