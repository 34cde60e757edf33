# shellcheck shell=bash
# Faults of the ZFS pool on zfs1.

zpool_do() { on_host zfs1 zpool "$@"; }

fault_about pool-degraded '' 'one side of the mirror is taken offline'
fault_pool_degraded() { zpool_do offline tank "$ZFS_DISKS/disk2.img"; }
undo_pool_degraded() { zpool_do online tank "$ZFS_DISKS/disk2.img"; }

fault_about pool-resilvering '' 'a side is replaced by the spare; zfs-fuse gets so little time that it takes a minute or more'
fault_pool_resilvering() {
  on_host zfs1 sh -c 'head -c 25165824 /dev/urandom >/tank/slices/more && sync'
  service_start zfs1 slow /run/lab/service slowly zfs-fuse 0.02 0.5
  zpool_do replace tank "$ZFS_DISKS/disk2.img" "$ZFS_DISKS/spare.img"
}
undo_pool_resilvering() {
  service zfs1 end slow
  zpool_do detach tank "$ZFS_DISKS/spare.img"
  on_host zfs1 rm -f /tank/slices/more
}

fault_about pool-checksums '' 'one side of the mirror holds garbage; a scrub finds checksum errors and mends them'
fault_pool_checksums() {
  zfs_garbage disk2
  zpool_do scrub tank
}
undo_pool_checksums() { zfs_cleared || zfs_make; }

fault_about pool-errors '' 'both sides hold garbage: data are lost for good'
fault_pool_errors() {
  zfs_garbage disk1
  zfs_garbage disk2
  zpool_do scrub tank
}
undo_pool_errors() { zfs_make; }

# zfs_garbage DISK: overwrites the middle of a device, past its labels.
zfs_garbage() {
  # What it has in memory must come from the devices again.
  zpool_do export -f tank
  on_host zfs1 dd if=/dev/urandom of="$ZFS_DISKS/$1.img" bs=1M seek=12 count=30 conv=notrunc status=none
  zpool_do import -f -d "$ZFS_DISKS" tank
}

zfs_idle() { [[ $(zpool_do status tank) != *'in progress'* ]]; }

zfs_cleared() {
  zpool_do scrub tank
  wait_until 30 zfs_idle || true
  zpool_do clear tank
  zfs_healthy >/dev/null
}

fault_about pool-full '' 'the pool is filled'
fault_pool_full() { on_host zfs1 sh -c 'head -c 200000000 /dev/zero | tr "\0" x >/tank/full 2>/dev/null; sync; :'; }
undo_pool_full() { on_host zfs1 rm -f /tank/full; }

fault_about zfs-gone '' 'zfs-fuse is killed: no pool answers'
fault_zfs_gone() { service zfs1 kill zfs-fuse; }
undo_zfs_gone() { zfs_up; }
