# shellcheck shell=bash
# Faults of disks, arrays, replication and exports, and of mounts at the clients.

need_storage() { is_storage "${1:-}" || die "name a storage server: ${LAB_STORAGE_HOSTS[*]}"; }
need_slice() { [ -n "${LAB_SLICE_HOME[${1:-none}]:-}" ] || die "name a slice: ${LAB_SLICES[*]}"; }
need_member() { [[ ${1:-} =~ ^[0-2]$ ]] || die "name a member of the array: 0, 1 or 2"; }
home_of() { echo "${LAB_SLICE_HOME[$1]}"; }
standby_of() { other_storage "${LAB_SLICE_HOME[$1]}"; }

# swap_table HOST DEVICE TARGET…: gives a device of the lab other behaviour while it is in use. In the rule,
# DISK, START and SECTORS stand for those of the plain device.
swap_table() {
  local host=$1 device=$2 rule="${*:3}"
  machine_run "$host" 30 "set -e
    read -r _ disk start sectors < <(grep '^$device ' /run/lab/plain)
    rule='$rule'
    rule=\${rule//DISK/\$disk}; rule=\${rule//START/\$start}; rule=\${rule//SECTORS/\$sectors}
    dmsetup suspend --nolockfs --noflush $device
    dmsetup load $device --table \"\$rule\" || { dmsetup resume $device; exit 1; }
    dmsetup resume $device"
}

# mend_array HOST: the array whole again, waited for.
mend_array() {
  machine_script "$1" 120 storage-mend disks
  wait_until 120 storage_array_whole "$1" || die "the array of $1 does not become whole"
}

# ── Disks ────────────────────────────────────────────────────────────────────────────────────────────
# Below device-mapper, where the kernel counts a disk's own times: the virtual machine's disks are throttled.
fault_about slow-disk 'HOST MEMBER [REQUESTS/S]' 'make one disk of the array slow: so many requests a second (3)'
fault_slow_disk() {
  need_storage "$1"
  need_member "${2:-}"
  disk_throttle "$1" "member$2" "${3:-3}" 0
  # The lab's own load is too small to queue; two readers make it so.
  # shellcheck disable=SC2016 # the guest expands it
  machine_run "$1" 20 'for path in /sys/block/vd*; do
      if [ "$(<$path/serial)" = '"member$2"' ]; then disk=/dev/${path##*/}; fi
    done
    for n in 1 2; do
      setsid dd "if=$disk" of=/dev/null bs=4k iflag=direct status=none </dev/null >/dev/null 2>&1 &
      echo $! >>/run/lab/slow-readers
    done'
}
undo_slow_disk() {
  need_storage "$1"
  disk_throttle "$1" "member$2" 0 0
  storage_readers_end "$1"
}

fault_about busy 'HOST [READERS]' 'let the server do real work of its own: so many readers of its array (2), as a backup would'
fault_busy() {
  need_storage "$1"
  # Each reader begins elsewhere and goes round for an hour at most; only dd can be ended by its kept process id.
  # They rest between: the machines share two processors, and a machine that takes one of them whole makes all others
  # slow, which is another fault than a busy server.
  machine_run "$1" 20 'for n in $(seq '"${2:-2}"'); do
      setsid timeout 3600 sh -c "at=$((n * 64)); while :; do
        dd if=/dev/md0 of=/dev/null bs=64k iflag=direct status=none skip=\$at count=64
        at=\$(((at + 64) % 1024)); sleep 0.6
      done" </dev/null >/dev/null 2>&1 &
      echo $! >>/run/lab/busy
    done'
}
undo_busy() {
  need_storage "$1"
  # shellcheck disable=SC2016 # the guest expands it
  machine_run "$1" 20 'for pid in $(cat /run/lab/busy 2>/dev/null); do
      [ "$(cat /proc/$pid/comm 2>/dev/null)" != timeout ] || kill $pid
    done
    rm -f /run/lab/busy'
}

fault_about stuck-disk 'HOST MEMBER' 'let one disk of the array all but stand still: minutes a request'
fault_stuck_disk() {
  need_storage "$1"
  need_member "${2:-}"
  disk_throttle "$1" "member$2" 1 32
}
undo_stuck_disk() { need_storage "$1" && disk_throttle "$1" "member$2" 0 0; }

fault_about delay-disk 'HOST MEMBER [MS]' 'delay every request of a member by dm-delay (200 ms); the disk below stays fast'
fault_delay_disk() {
  need_storage "$1"
  need_member "${2:-}"
  swap_table "$1" "member$2" "0 SECTORS delay DISK START ${3:-200}"
}
undo_delay_disk() { mend_array "$1"; }

fault_about break-disk 'HOST MEMBER' 'let every request to one disk fail, so that the array throws it out'
fault_break_disk() {
  need_storage "$1"
  need_member "${2:-}"
  swap_table "$1" "member$2" "0 SECTORS error"
  # The array finds out at the next request; this one is through the page cache's back.
  machine_run "$1" 20 'dd if=/dev/md0 of=/dev/null bs=512k count=6 iflag=direct status=none; sync' || true
}
undo_break_disk() { mend_array "$1"; }

fault_about flaky-disk 'HOST MEMBER [UP DOWN]' 'let a disk work and fail by turns (5 s and 2 s)'
fault_flaky_disk() {
  need_storage "$1"
  need_member "${2:-}"
  swap_table "$1" "member$2" "0 SECTORS flakey DISK START ${3:-5} ${4:-2}"
}
undo_flaky_disk() { mend_array "$1"; }

fault_about fail-disk 'HOST MEMBER' 'mark one member of the array as failed'
fault_fail_disk() {
  need_storage "$1"
  need_member "${2:-}"
  machine_run "$1" 20 "mdadm --quiet /dev/md0 --fail /dev/mapper/member$2"
}
undo_fail_disk() { mend_array "$1"; }

fault_about hold-rebuild 'HOST MEMBER [KB/S]' 'replace a member, and hold the rebuild at a low speed (200)'
fault_hold_rebuild() {
  need_storage "$1"
  need_member "${2:-}"
  machine_run "$1" 30 "set -e
    echo 1 >/proc/sys/dev/raid/speed_limit_min
    echo ${3:-200} >/proc/sys/dev/raid/speed_limit_max
    mdadm --quiet /dev/md0 --fail /dev/mapper/member$2
    for _ in 1 2 3 4 5 6 7 8 9 10; do mdadm --quiet /dev/md0 --remove /dev/mapper/member$2 && break; sleep 0.3; done
    mdadm --quiet --zero-superblock /dev/mapper/member$2
    mdadm --quiet /dev/md0 --add /dev/mapper/member$2"
}
undo_hold_rebuild() { mend_array "$1"; }

fault_about half-array HOST 'leave a second array, of two small disks in memory, with one of them: it is not started'
fault_half_array() {
  need_storage "$1"
  # shellcheck disable=SC2016 # the guest expands it
  machine_run "$1" 40 'set -e
    modprobe loop max_loop=4
    modprobe raid1
    for n in 1 2; do
      truncate -s 8M /run/lab/half$n
      losetup /dev/loop$n /run/lab/half$n
    done
    mdadm --quiet --create /dev/md9 --run --level=1 --metadata=1.2 --raid-devices=2 /dev/loop1 /dev/loop2
    mdadm --quiet --stop /dev/md9
    mdadm --quiet --incremental /dev/loop1
    grep -q "^md9 : inactive" /proc/mdstat'
}
undo_half_array() {
  need_storage "$1"
  machine_run "$1" 40 'mdadm --quiet --stop /dev/md9 2>/dev/null
    losetup -d /dev/loop1 /dev/loop2 2>/dev/null
    rm -f /run/lab/half1 /run/lab/half2
    ! grep -q "^md9" /proc/mdstat'
}

fault_about mismatch 'HOST [KB/S]' 'spoil parity behind the back of the array, then check it slowly (500)'
fault_mismatch() {
  need_storage "$1"
  # Only parity is spoilt, so that no data is: of stripe 1, which is on the second of three members.
  machine_run "$1" 60 "set -e
    md=/sys/block/md0/md
    [ \$(<\$md/layout) = 2 ] && [ \$(<\$md/raid_disks) = 3 ]
    chunk=\$((\$(<\$md/chunk_size) / 512))
    start=\$((\$(<\$md/rd1/offset) + chunk))
    member=/dev/\$(basename \$(readlink \$md/rd1/block))
    echo 1 >/proc/sys/dev/raid/speed_limit_min
    echo ${2:-500} >/proc/sys/dev/raid/speed_limit_max
    dd if=/dev/urandom of=\$member bs=512 seek=\$start count=128 oflag=direct conv=notrunc status=none
    echo 0 >\$md/sync_min
    echo check >\$md/sync_action"
}
undo_mismatch() { mend_array "$1"; }

fault_about fill-slice 'SLICE [PERCENT]' 'fill the file system of a slice (97)'
fault_fill_slice() {
  need_slice "$1"
  machine_run "$(home_of "$1")" 60 "set -e
    read -r size free < <(stat -f -c '%b %f' /srv/$1)
    block=\$(stat -f -c %S /srv/$1)
    want=\$(((free - size * (100 - ${2:-97}) / 100) * block))
    [ \$want -le 0 ] || fallocate -l \$want /srv/$1/lab-filler"
}
undo_fill_slice() { need_slice "$1" && machine_run "$(home_of "$1")" 30 "rm -f /srv/$1/lab-filler*"; }

# ── Replication ──────────────────────────────────────────────────────────────────────────────────────
fault_about drbd-disconnect SLICE 'disconnect the two sides of a slice'
fault_drbd_disconnect() { need_slice "$1" && machine_run "$(home_of "$1")" 20 "drbdadm disconnect $1"; }
undo_drbd_disconnect() {
  need_slice "$1"
  machine_run "$(home_of "$1")" 20 "drbdadm connect $1"
  wait_until 60 storage_connected "$1"
}

fault_about drbd-outdate SLICE 'disconnect the two sides of a slice, and mark the data of the standby as outdated'
fault_drbd_outdate() {
  need_slice "$1"
  machine_run "$(home_of "$1")" 20 "drbdadm disconnect $1"
  machine_run "$(standby_of "$1")" 20 "drbdadm outdate $1"
}
undo_drbd_outdate() { undo_drbd_disconnect "$1"; }

fault_about drbd-detach SLICE 'let the disk below the serving side of a slice fail: it goes on over the network'
fault_drbd_detach() {
  need_slice "$1"
  swap_table "$(home_of "$1")" "disk-${1#slice-}" "0 SECTORS error"
}
undo_drbd_detach() {
  need_slice "$1"
  mend_array "$(home_of "$1")"
  # `adjust` attaches it again; what was written meanwhile comes back from the other side.
  machine_script "$(home_of "$1")" 60 storage-mend "$1"
  wait_until 60 storage_connected "$1"
}

fault_about drbd-pause SLICE 'suspend the input and output of a slice'
fault_drbd_pause() { need_slice "$1" && machine_run "$(home_of "$1")" 20 "drbdadm suspend-io $1"; }
undo_drbd_pause() { need_slice "$1" && machine_run "$(home_of "$1")" 20 "drbdadm resume-io $1"; }

fault_about split-brain SLICE 'let both sides of a slice write while they do not see each other'
fault_split_brain() {
  need_slice "$1"
  local home standby
  home=$(home_of "$1")
  standby=$(standby_of "$1")
  machine_run "$home" 20 "drbdadm disconnect $1"
  # The other side's history has to go its own way: it becomes primary, writes, and steps back.
  machine_run "$standby" 60 "set -e
    drbdadm disconnect $1
    drbdadm primary --force $1
    mount -t ext4 \$(drbdadm sh-dev $1) /srv/$1
    date >/srv/$1/lab-filler-split-brain
    sync
    umount /srv/$1
    drbdadm secondary $1"
  machine_run "$home" 20 "date >/srv/$1/lab-filler-split-brain; sync"
  machine_run "$standby" 20 "drbdadm connect $1"
  machine_run "$home" 20 "drbdadm connect $1"
}
undo_split_brain() {
  need_slice "$1"
  storage_discard "$1"
  wait_until 60 storage_connected "$1"
  machine_run "$(home_of "$1")" 20 "rm -f /srv/$1/lab-filler*"
}

fault_about slow-resync 'SLICE [KB/S]' 'let a slice be resynchronised in full at a low rate (100)'
fault_slow_resync() {
  need_slice "$1"
  machine_run "$(home_of "$1")" 20 "drbdsetup disk-options \$(drbdadm sh-minor $1) --c-plan-ahead=0 --resync-rate=${2:-100}k"
  machine_run "$(standby_of "$1")" 20 "drbdsetup disk-options \$(drbdadm sh-minor $1) --c-plan-ahead=0 --resync-rate=${2:-100}k
    drbdadm invalidate $1"
}
undo_slow_resync() {
  need_slice "$1"
  machine_run "$(home_of "$1")" 20 "drbdadm adjust $1"
  machine_run "$(standby_of "$1")" 20 "drbdadm adjust $1"
  wait_until 60 storage_connected "$1"
}

# ── Serving ──────────────────────────────────────────────────────────────────────────────────────────
fault_about stop-nfsd HOST 'end every NFS server thread of a storage server'
fault_stop_nfsd() { need_storage "$1" && machine_run "$1" 20 'rpc.nfsd 0'; }
undo_stop_nfsd() { need_storage "$1" && machine_script "$1" 30 storage-mend nfs; }

fault_about hang-nfsd HOST 'let the NFS server hang in the file system: clients wait, nothing answers'
fault_hang_nfsd() {
  need_storage "$1"
  # One thread, and the disks below DRBD stand still: the next write takes the thread with it.
  # shellcheck disable=SC2016 # the guest expands it
  machine_run "$1" 20 'echo 1 >/proc/fs/nfsd/threads
    for name in disk-a disk-b; do dmsetup suspend --nolockfs --noflush $name; done'
}
undo_hang_nfsd() {
  need_storage "$1"
  machine_script "$1" 60 storage-mend disks
  machine_script "$1" 30 storage-mend nfs
}

fault_about hang-slice SLICE 'let the disk below a slice stand still: writes wait, the rest goes on'
fault_hang_slice() { need_slice "$1" && machine_run "$(home_of "$1")" 20 "dmsetup suspend --nolockfs --noflush disk-${1#slice-}"; }
undo_hang_slice() { need_slice "$1" && machine_run "$(home_of "$1")" 20 "dmsetup resume disk-${1#slice-}"; }

fault_about unexport SLICE 'take the export of a slice away'
fault_unexport() {
  need_slice "$1"
  machine_run "$(home_of "$1")" 20 "exportfs -u $LAB_NETWORK:/srv/$1; exportfs -f"
}
undo_unexport() { need_slice "$1" && slice_call "$(home_of "$1")" up "$1"; }

fault_about stale-handle SLICE 'export a slice under another number: what clients hold is stale'
fault_stale_handle() {
  need_slice "$1"
  machine_run "$(home_of "$1")" 20 "exportfs -u $LAB_NETWORK:/srv/$1; exportfs -f
    exportfs -o rw,sync,no_root_squash,no_subtree_check,fsid=1${LAB_SLICE_FSID[$1]} $LAB_NETWORK:/srv/$1
    # A request that came in between may have kept the old number alive in the kernel's cache.
    exportfs -f"
}
undo_stale_handle() {
  need_slice "$1"
  machine_run "$(home_of "$1")" 20 "exportfs -u $LAB_NETWORK:/srv/$1; exportfs -f"
  slice_call "$(home_of "$1")" up "$1"
  client_up
}

fault_about dual-export SLICE 'export a slice on its standby, too'
fault_dual_export() {
  need_slice "$1"
  # The root of the machine is an overlay, which cannot be exported.
  machine_run "$(standby_of "$1")" 20 "mount -t tmpfs -o size=1m lab /srv/$1
    exportfs -o rw,sync,no_root_squash,no_subtree_check,fsid=${LAB_SLICE_FSID[$1]} $LAB_NETWORK:/srv/$1"
}
undo_dual_export() { need_slice "$1" && slice_call "$(standby_of "$1")" down "$1"; }

fault_about dual-address SLICE 'put the service address of a slice on its standby, too'
fault_dual_address() { need_slice "$1" && machine_run "$(standby_of "$1")" 20 "ip addr add ${LAB_SLICE_ADDRESS[$1]}/24 dev eth0"; }
undo_dual_address() {
  need_slice "$1"
  slice_call "$(standby_of "$1")" down "$1"
  # Clients may have learnt the wrong place.
  slice_call "$(home_of "$1")" up "$1"
}

fault_about no-address SLICE 'take the service address of a slice away'
fault_no_address() { need_slice "$1" && machine_run "$(home_of "$1")" 20 "ip addr del ${LAB_SLICE_ADDRESS[$1]}/24 dev eth0"; }
undo_no_address() { need_slice "$1" && slice_call "$(home_of "$1")" up "$1"; }

fault_about move-slice SLICE 'move a slice to its standby, in the planned way'
fault_move_slice() { need_slice "$1" && slice_move "$1" "$(standby_of "$1")"; }
undo_move_slice() { need_slice "$1" && slice_move "$1" "$(home_of "$1")"; }

fault_about fs-error SLICE 'let the file system of a slice meet an error: it takes no writes from then on'
fault_fs_error() { need_slice "$1" && machine_run "$(home_of "$1")" 20 "echo lab >/sys/fs/ext4/\$(basename \$(drbdadm sh-dev $1))/trigger_fs_error"; }
undo_fs_error() { need_slice "$1" && slice_call "$(home_of "$1")" up "$1"; }

fault_about read-only-slice SLICE 'mount the file system of a slice read-only'
fault_read_only_slice() {
  need_slice "$1"
  # While clients write, the server holds their files open.
  machine_run "$(home_of "$1")" 60 "exportfs -u $LAB_NETWORK:/srv/$1; exportfs -f
    for _ in {1..20}; do mount -o remount,ro /srv/$1 2>/dev/null && break; sleep 0.5; done
    exportfs -o rw,sync,no_root_squash,no_subtree_check,fsid=${LAB_SLICE_FSID[$1]} $LAB_NETWORK:/srv/$1
    grep -q ' /srv/$1 ext4 ro' /proc/mounts"
}
undo_read_only_slice() { need_slice "$1" && machine_run "$(home_of "$1")" 20 "mount -o remount,rw /srv/$1"; }

# ── Clients ──────────────────────────────────────────────────────────────────────────────────────────
need_client() { [[ " ${LAB_CLIENT_HOSTS[*]} " == *" ${1:-} "* ]] || die "name a client: ${LAB_CLIENT_HOSTS[*]}"; }

fault_about unmount 'HOST SLICE' 'take the mount of a slice away at one client'
fault_unmount() {
  need_client "$1"
  need_slice "${2:-}"
  machine_run "$1" 20 "kill -KILL \$(cat /run/lab/load-$2.pid); rm -f /run/lab/load-$2.pid; umount -l /mnt/$2"
}
undo_unmount() { need_client "$1" && client_mend "$1"; }

fault_about mount-elsewhere 'HOST SLICE' "mount a slice at one client from the server's own address instead of the slice's"
fault_mount_elsewhere() {
  fault_unmount "$1" "${2:-}"
  machine_run "$1" 40 "mount -t nfs -o hard,vers=$LAB_NFS_VERSION,proto=tcp,timeo=50,retrans=2,noatime ${LAB_ADDRESS[$(home_of "$2")]}:/srv/$2 /mnt/$2"
}
undo_mount_elsewhere() {
  need_client "$1"
  need_slice "${2:-}"
  machine_run "$1" 20 "umount -l /mnt/$2" || true
  client_mend "$1"
}
