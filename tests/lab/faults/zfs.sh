# shellcheck shell=bash
# Faults of the ZFS pool on zfs1.

fault_about pool-degraded '' 'one side of the mirror is taken offline'
fault_pool_degraded() { zpool_do offline tank "$ZFS_DISKS/disk2.img"; }
undo_pool_degraded() { zpool_do online tank "$ZFS_DISKS/disk2.img"; }

fault_about pool-resilvering '[MS]' 'a side is replaced by the spare, on devices so slow (usually 10 ms a request) that it takes a minute or so'
fault_pool_resilvering() {
  on_host zfs1 sh -c 'head -c 150000000 /dev/urandom >/tank/slices/more && sync'
  # What it copies from must be read from the devices, too: nothing of it stays in memory.
  zpool_do export -f tank
  zpool_do import -f -d "$ZFS_DISKS" tank
  # The kernel may have no slow device to offer: each request of the daemon is held up for a while instead.
  service_start zfs1 slow strace -f -q -o /dev/null -e trace=io_submit \
    -e "inject=io_submit:delay_enter=${1:-10}000" -p "$(service zfs1 id zfs-fuse)"
  # It returns when the first part is done; that is when there is something to see.
  service_start zfs1 replace zpool replace tank "$ZFS_DISKS/disk2.img" "$ZFS_DISKS/spare.img"
  wait_until 30 zfs_busy || die "the resilvering cannot be seen"
}
undo_pool_resilvering() {
  service zfs1 end slow
  zpool_do detach tank "$ZFS_DISKS/spare.img"
  on_host zfs1 rm -f /tank/slices/more
  zfs_up
}

fault_about pool-checksums '' 'one side of the mirror holds garbage; a scrub finds checksum errors and mends them'
fault_pool_checksums() {
  zfs_garbage disk2
  zpool_do scrub tank
}
undo_pool_checksums() {
  # A second scrub finds nothing more to mend.
  wait_until 30 zfs_idle || true
  zpool_do scrub tank
  wait_until 30 zfs_idle || true
  zpool_do clear tank
  zfs_up
}

fault_about pool-errors '' 'both sides hold garbage: data are lost for good'
fault_pool_errors() {
  zfs_garbage disk1
  zfs_garbage disk2
  zpool_do scrub tank
}
undo_pool_errors() { zfs_make; }

fault_about zfs-gone '' 'zfs-fuse is killed: no pool answers'
fault_zfs_gone() { service zfs1 kill zfs-fuse; }
undo_zfs_gone() { zfs_up; }

fault_about pool-missing '' 'the pool is exported: the server does not have it any more'
fault_pool_missing() { zpool_do export -f tank; }
undo_pool_missing() { zfs_up; }

fault_about pool-faulted '' 'both sides of the mirror are gone when zfs-fuse starts again: the pool cannot be opened'
fault_pool_faulted() {
  service zfs1 end zfs-fuse
  on_host zfs1 sh -c 'cd "$1" && mkdir -p away && mv disk1.img disk2.img away/' away "$ZFS_DISKS"
  zfs_start
}
undo_pool_faulted() {
  service zfs1 kill zfs-fuse
  on_host zfs1 sh -c 'cd "$1" && mv away/*.img .' away "$ZFS_DISKS"
  zfs_start
  zfs_up
}
