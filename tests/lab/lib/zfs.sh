# shellcheck shell=bash disable=SC2016 # what is in single quotes is for the shell of the host
# zfs1: a ZFS pool `tank` of zfs-fuse (Debian main; no kernel module) on files: a mirror of two and a spare.
# The package is unpacked into the build folder and from there into zfs1 alone: no other host has a zpool.

ZFS_PACKAGES=(zfs-fuse libfuse2 libaio1)
ZFS_DISKS=/srv/disks

zfs_unpacked() { [ -e "$LAB_DIR/zfs/unpacked" ]; }

# zfs_unpack: fetches and unpacks the packages once. libtirpc3 and libssl3 come with the other packages of the lab.
zfs_unpack() {
  zfs_unpacked && return
  say "fetching ${ZFS_PACKAGES[*]}"
  rm -rf "$LAB_DIR/zfs"
  mkdir -p "$LAB_DIR/zfs/tree"
  (
    cd "$LAB_DIR/zfs" || exit
    apt-get -q download "${ZFS_PACKAGES[@]}" >>"$LAB_LOGS/packages.log" 2>&1 ||
      die "cannot fetch ${ZFS_PACKAGES[*]}; see $LAB_LOGS/packages.log"
    for package in *.deb; do dpkg -x "$package" tree; done
    rm -rf tree/usr/share tree/etc/init.d tree/lib/systemd
  )
  touch "$LAB_DIR/zfs/unpacked"
}

# zfs_start: the daemon, after whatever became of an earlier one: its mounts outlive it and answer with an error.
zfs_start() {
  # Again at every boot: the host's root file system begins empty.
  on_host zfs1 test -e /sbin/zfs-fuse ||
    tar -C "$LAB_DIR/zfs/tree" -cf - . | on_host zfs1 tar -C / --keep-directory-symlink -xf -
  on_host zfs1 sh -c 'mkdir -p /run/zfs /run/lock && ldconfig
    for at in /tank/slices /tank /zfs-kstat; do umount -l "$at" 2>/dev/null; done; :'
  service_start zfs1 zfs-fuse /sbin/zfs-fuse --no-daemon --max-arc-size 16
  wait_until 10 on_host zfs1 timeout 5 zpool list || die "zfs-fuse does not answer; see $LAB_LOGS/zfs1-zfs-fuse.log"
}

# zfs_make: a new pool on new files, with something in it.
zfs_make() {
  local disks
  disks=$(host_folder zfs1)/disks
  service zfs1 end slow
  service zfs1 kill zfs-fuse
  on_host zfs1 rm -f /etc/zfs/zpool.cache /var/lib/zfs/zpool.cache
  rm -f "$disks"/*.img
  truncate -s 512M "$disks"/{disk1,disk2,spare}.img
  zfs_start
  {
    on_host zfs1 zpool create -f -m /tank tank mirror "$ZFS_DISKS/disk1.img" "$ZFS_DISKS/disk2.img" \
      spare "$ZFS_DISKS/spare.img"
    on_host zfs1 zfs create tank/slices
    on_host zfs1 sh -c 'for n in 1 2 3 4; do head -c 8388608 /dev/urandom >/tank/slices/data$n || exit 1; done'
  } >>"$LAB_LOGS/zfs1-zfs-fuse.log" 2>&1
}

zfs_up() {
  [ -n "$(wanted zfs1)" ] || return 0
  inventory_piece zfs <<END
hosts:
  zfs1: { address: ${LAB_ADDRESS[zfs1]}, groups: [namespace], roles: [storage] }
segments:
  archive:
    servers: [zfs1]
    pools: [tank]
    slices: {}
END
  zfs_unpack
  boot zfs1 disks=$ZFS_DISKS
  service zfs1 end slow
  { service zfs1 runs zfs-fuse && on_host zfs1 timeout 5 zpool list >/dev/null 2>&1; } || {
    ! service zfs1 runs zfs-fuse || service zfs1 kill zfs-fuse
    zfs_start
  }
  if [ "$(on_host zfs1 timeout 5 zpool list -H -o name)" != tank ]; then
    on_host zfs1 timeout -k 2 20 zpool import -f -d "$ZFS_DISKS" tank >/dev/null 2>&1 || zfs_make
  fi
  wait_until 10 zfs_healthy || zfs_make
}

zfs_down() { host_halt zfs1; }

# zpool_do WORD…: with a bound, since a damaged pool may never answer.
zpool_do() { on_host zfs1 timeout -k 2 30 zpool "$@"; }

zfs_busy() { [[ $(on_host zfs1 timeout 5 zpool status tank) == *'in progress'* ]]; }
zfs_idle() { [[ $(zpool_do status tank) != *'in progress'* ]]; }

# zfs_garbage DISK: overwrites the middle of a device, past its labels. A scrub reads the devices, not the memory.
zfs_garbage() {
  on_host zfs1 dd if=/dev/urandom of="$ZFS_DISKS/$1.img" bs=1M seek=12 count=60 conv=notrunc status=none
}

zfs_healthy() {
  [ -n "$(wanted zfs1)" ] || return 0
  host_healthy zfs1 || return 1
  local status
  status=$(on_host zfs1 timeout 5 zpool status tank 2>&1) || { echo "zfs1: zpool says: ${status%%$'\n'*}"; return 1; }
  on_host zfs1 cmp -s -n 1 /tank/slices/data1 /tank/slices/data1 || { echo "zfs1: what is in the pool cannot be read"; return 1; }
  [[ $status == *'state: ONLINE'* && $status == *'errors: No known data errors'* ]] &&
    [[ $status =~ disk1.img[[:space:]]+ONLINE[[:space:]]+0[[:space:]]+0[[:space:]]+0 ]] &&
    [[ $status =~ disk2.img[[:space:]]+ONLINE[[:space:]]+0[[:space:]]+0[[:space:]]+0 ]] &&
    [[ $status =~ spare.img[[:space:]]+AVAIL ]] &&
    [[ $status != *'in progress'* ]] && return
  echo "zfs1: the pool tank is not as it was made"
  return 1
}
