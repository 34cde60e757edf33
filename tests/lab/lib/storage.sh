# shellcheck shell=bash
# The storage servers: RAID 5 over three disks, two crossed DRBD resources, ext4, NFS exports and a service
# address a slice. slice-a lives on stor1, slice-b on stor2.

LAB_SLICES=(slice-a slice-b)
declare -A LAB_SLICE_ADDRESS=([slice-a]=10.77.0.31 [slice-b]=10.77.0.32)
declare -A LAB_SLICE_FSID=([slice-a]=1001 [slice-b]=1002)
declare -A LAB_SLICE_HOME=([slice-a]=stor1 [slice-b]=stor2)
LAB_DISK_NAMES=(member0 member1 member2 meta spare)
LAB_MEMBER_MB=96
LAB_META_MB=32

other_storage() { if [ "$1" = stor1 ]; then echo stor2; else echo stor1; fi; }

# Sparse files: three members of the array, a disk for DRBD's meta data, and one that nothing uses.
storage_disks() {
  local host=$1 disk size
  mkdir -p "$LAB_DISKS"
  for disk in "${LAB_DISK_NAMES[@]}"; do
    if [ "$disk" = meta ]; then size=$LAB_META_MB; else size=$LAB_MEMBER_MB; fi
    [ -e "$LAB_DISKS/$host-$disk.img" ] || truncate -s "${size}M" "$LAB_DISKS/$host-$disk.img"
  done
}

storage_files() {
  local host=$1 slice letter port minor=0
  storage_disks "$host"
  {
    cat <<'END'
global { usage-count no; minor-count 4; }
common {
  net { protocol C; connect-int 2; ping-int 3; ping-timeout 30; timeout 30; ko-count 0; }
  startup { wfc-timeout 1; degr-wfc-timeout 1; }
  disk { on-io-error detach; resync-rate 20M; c-plan-ahead 0; }
}
END
    for slice in "${LAB_SLICES[@]}"; do
      letter=${slice#slice-}
      port=$((7789 + minor))
      printf 'resource %s {\n  device /dev/drbd%d;\n  disk /dev/mapper/disk-%s;\n  meta-disk /dev/mapper/meta-%s;\n' "$slice" "$minor" "$letter" "$letter"
      printf '  on stor1 { address %s:%d; }\n  on stor2 { address %s:%d; }\n}\n' "${LAB_ADDRESS[stor1]}" "$port" "${LAB_ADDRESS[stor2]}" "$port"
      minor=$((minor + 1))
    done
  } >"$LAB_DIR/guest/$host/drbd.conf"
}

# slice_call HOST ACTION SLICE: guest/slice in a storage server.
slice_call() { machine_script "$1" 60 slice "$2" "$3" "${LAB_SLICE_ADDRESS[$3]}" "${LAB_SLICE_FSID[$3]}"; }

# slice_move SLICE HOST: a planned move: closed on the other server, opened on this one.
slice_move() {
  slice_call "$(other_storage "$2")" down "$1" && slice_call "$2" up "$1"
}

storage_inventory() {
  inventory_piece storage <<END
groups:
  bmc: { fencing: { off: ["$lab/bmc", "{host}", "off"], status: ["$lab/bmc", "{host}", status] } }
hosts:
  stor1: { address: ${LAB_ADDRESS[stor1]}, roles: [storage], rack: lab-r1, groups: [bmc] }
  stor2: { address: ${LAB_ADDRESS[stor2]}, roles: [storage], rack: lab-r2, groups: [bmc] }
segments:
  lab:
    servers: [stor1, stor2]
    slices:
$(
    minor=0
    for slice in "${LAB_SLICES[@]}"; do
      cat <<SLICE
      $slice:
        resource: $slice
        device: /dev/drbd$minor
        mount_point: /srv/$slice
        export: { clients: [$LAB_NETWORK], options: [rw, no_root_squash, fsid=${LAB_SLICE_FSID[$slice]}] }
        service_address: ${LAB_SLICE_ADDRESS[$slice]}/24
        preferred: ${LAB_SLICE_HOME[$slice]}
SLICE
      minor=$((minor + 1))
    done
  )
END
}

# storage_slice_first SLICE: a slice that was never in use gets its file system.
storage_slice_first() {
  local slice=$1 home=${LAB_SLICE_HOME[$1]}
  [[ $(machine_run "$home" 20 "drbdadm dstate $slice") == Inconsistent/Inconsistent ]] || return 0
  say "$slice is new: making its file system"
  # Counting begins anew.
  rm -f "$LAB_RUN/acks-mark"
  # Both sides are zeroes, so there is nothing to synchronise first.
  machine_run "$home" 60 "set -e
    drbdadm -- --clear-bitmap new-current-uuid $slice/0
    drbdadm primary $slice
    mkfs.ext4 -q -F -m 0 -J size=4 -L $slice \$(drbdadm sh-dev $slice)"
}

# storage_connected SLICE: both sides have good data and talk to each other.
storage_connected() {
  [[ $(machine_run "${LAB_SLICE_HOME[$1]}" 20 "drbdadm cstate $1; drbdadm dstate $1" | tr '\n' ' ') == "Connected UpToDate/UpToDate " ]]
}

storage_rejoined() { wait_until 20 storage_connected "$1"; }

storage_replicating() {
  case $(machine_run "${LAB_SLICE_HOME[$1]}" 20 "drbdadm cstate $1") in
    WFConnection | StandAlone | Unconfigured | Disconnecting | '') return 1 ;;
  esac
}

# storage_discard SLICE: the copy on the side that clients do not see is thrown away and made anew.
storage_discard() {
  local slice=$1 home=${LAB_SLICE_HOME[$1]} standby
  standby=$(other_storage "$home")
  say "$slice: the copy on $standby is thrown away and made anew"
  slice_call "$standby" down "$slice" || true
  machine_run "$standby" 30 "drbdadm disconnect $slice 2>/dev/null; drbdadm connect --discard-my-data $slice" || true
  machine_run "$home" 30 "[ \"\$(drbdadm cstate $slice)\" != StandAlone ] || drbdadm connect $slice" || true
  wait_until 20 storage_replicating "$slice" || warn "$slice: the two sides do not connect"
}

# storage_reconnect SLICE: brings the two sides of a slice together again.
storage_reconnect() {
  local slice=$1 home=${LAB_SLICE_HOME[$1]}
  machine_script "$home" 30 storage-mend "$slice"
  machine_script "$(other_storage "$home")" 30 storage-mend "$slice"
  # Where both went their own way they see that and part again.
  wait_until 8 storage_replicating "$slice" || storage_discard "$slice"
}

storage_mend() { machine_script "$1" 120 storage-mend; }

# disk_throttle HOST DISK REQUESTS-A-SECOND BYTES: lets a disk of a machine take so many requests a second, where
# one of more than so many bytes counts as several. 0 and 0: as fast as it is.
disk_throttle() {
  machine_monitor "$1" block_set_io_throttle "{\"device\":\"$2\",\"bps\":0,\"bps_rd\":0,\"bps_wr\":0,\"iops\":$3,\"iops_rd\":0,\"iops_wr\":0,\"iops_size\":$4}" >/dev/null
}

# storage_readers_end HOST: ends the readers that make a slow disk show; other processes may have their ids by now.
storage_readers_end() {
  # shellcheck disable=SC2016 # the guest expands it
  machine_run "$1" 20 'for pid in $(cat /run/lab/slow-readers 2>/dev/null); do
      [ "$(cat /proc/$pid/comm 2>/dev/null)" != dd ] || kill $pid
    done
    rm -f /run/lab/slow-readers'
}

storage_unthrottle() {
  local disk
  for disk in "${LAB_DISK_NAMES[@]}"; do disk_throttle "$1" "$disk" 0 0; done
}

# storage_placed SLICE: served by the server that it belongs to, and by that alone.
storage_placed() {
  [ "$(slice_call "${LAB_SLICE_HOME[$1]}" state "$1")" = up ] &&
    [ "$(slice_call "$(other_storage "${LAB_SLICE_HOME[$1]}")" state "$1")" = down ]
}

# storage_slice_up SLICE: replicated and in its place, whatever was done to it.
storage_slice_up() {
  storage_connected "$1" || storage_reconnect "$1"
  storage_slice_first "$1" || return 1
  wait_until 90 storage_connected "$1" || { warn "$1: the two sides do not come together"; return 1; }
  storage_placed "$1" || slice_move "$1" "${LAB_SLICE_HOME[$1]}"
}

storage_try() {
  each_of "${LAB_STORAGE_HOSTS[@]}" storage_unthrottle &&
    each_of "${LAB_STORAGE_HOSTS[@]}" machine_wait &&
    each_of "${LAB_STORAGE_HOSTS[@]}" storage_mend &&
    each_of "${LAB_SLICES[@]}" storage_slice_up &&
    wait_until 90 storage_arrays_whole
}

storage_restart() {
  local host
  warn "the storage servers cannot be mended as they run; starting them again"
  for host in "${LAB_STORAGE_HOSTS[@]}"; do kill_process "$host"; done
  for host in "${LAB_STORAGE_HOSTS[@]}"; do machine_start "$host"; done
  storage_try || die "the storage servers do not become healthy; after tests/lab/down --clean they start with new disks"
}

storage_up() {
  storage_inventory
  storage_try || storage_restart
}

# storage_complaint: what the servers wait for, where clients' writes are not acknowledged.
storage_complaint() {
  local host
  for host in "${LAB_STORAGE_HOSTS[@]}"; do
    # shellcheck disable=SC2016 # the guest expands it
    machine_run "$host" 20 'for stat in /proc/[0-9]*/stat; do
        grep -q ") D " "$stat" && echo "$(<"${stat%stat}comm") waits in $(<"${stat%stat}wchan")"
      done 2>/dev/null
      grep -A 1 "^ *[0-9]*: cs:" /proc/drbd' | sed "s/^/$host: /" || true
  done
}

storage_array_whole() {
  # shellcheck disable=SC2016 # the guest expands it
  [[ $(machine_run "$1" 10 'cd /sys/block/md0/md; echo $(<degraded) $(<sync_action) $(<mismatch_cnt)') == "0 idle 0" ]]
}

storage_arrays_whole() {
  local host
  for host in "${LAB_STORAGE_HOSTS[@]}"; do storage_array_whole "$host" || return 1; done
}

storage_down() { rm -f "$LAB_DIR/inventory.d/storage.yaml"; }

# storage_host_complaints HOST, storage_slice_complaints SLICE: what is not well, a line each.
storage_host_complaints() {
  local state
  state=$(machine_script "$1" 10 storage-state 2>&1) || state=${state:-does not answer}
  [ -z "$state" ] || printf '%s\n' "$state" | sed "s/^/$1: /"
}

storage_slice_complaints() {
  local home=${LAB_SLICE_HOME[$1]} standby state
  standby=$(other_storage "$home")
  storage_connected "$1" || echo "$1: not connected with both sides up to date"
  state=$(slice_call "$home" state "$1" 2>&1) || true
  [ "$state" = up ] || echo "$1 on $home: ${state:-does not answer}"
  state=$(slice_call "$standby" state "$1" 2>&1) || true
  [ "$state" = down ] || echo "$1 on $standby: ${state:-does not answer}"
}

storage_healthy() {
  local found
  found=$(
    each_of "${LAB_STORAGE_HOSTS[@]}" storage_host_complaints
    each_of "${LAB_SLICES[@]}" storage_slice_complaints
  )
  [ -z "$found" ] || { printf '%s\n' "$found"; return 1; }
}
