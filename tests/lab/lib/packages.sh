# shellcheck shell=bash
# What the lab needs from Debian. Servers that come with the packages are not started, and none that runs
# already is touched.

# program → Debian package
declare -A LAB_PROGRAMS=(
  [qemu-system-x86_64]=qemu-system-x86
  [modprobe]=kmod
  [drbdadm]=drbd-utils
  [mdadm]=mdadm
  [exportfs]=nfs-kernel-server
  [mount.nfs]=nfs-common
  [rpcinfo]=rpcbind
  [/usr/sbin/sshd]=openssh-server
  [ssh]=openssh-client
  [ip]=iproute2
  [nft]=nftables
  [arping]=iputils-arping
  [ping]=iputils-ping
  [rsync]=rsync
  [mkfs.ext4]=e2fsprogs
  [dmsetup]=dmsetup
  [setsid]=util-linux
  [/usr/sbin/mariadbd]=mariadb-server
  [mariadb]=mariadb-client
  [openvpn]=openvpn
  [strace]=strace
  # The wide area network is a Perl program that needs Time::HiRes, which perl-base lacks.
  [perl]=perl
)

packages_missing() {
  local program
  for program in "${!LAB_PROGRAMS[@]}"; do
    command -v "$program" >/dev/null 2>&1 || printf '%s\n' "${LAB_PROGRAMS[$program]}"
  done | sort -u
}

# apt_get ARGUMENT…: apt-get that asks nothing and waits for others that install at the same time.
apt_get() { DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" >>"$LAB_LOGS/packages.log" 2>&1; }

# install_packages PACKAGE…: installs without starting a server.
install_packages() {
  command -v apt-get >/dev/null || die "these packages are missing, and this is not Debian: $*"
  say "installing $*"
  apt_get update || warn "apt-get update failed; trying with the lists that are there"
  local policy=/usr/sbin/policy-rc.d made=''
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    made=yes
  fi
  local status=0
  apt_get install -y --no-install-recommends "$@" || status=$?
  [ -z "$made" ] || rm -f "$policy"
  [ "$status" = 0 ] || die "could not install: $* (see $LAB_LOGS/packages.log)"
}

packages_up() {
  local missing
  mapfile -t missing < <(packages_missing)
  [ ${#missing[@]} = 0 ] || install_packages "${missing[@]}"
}

# Packages stay installed.
packages_down() { :; }

packages_healthy() {
  local missing
  missing=$(packages_missing | tr '\n' ' ')
  [ -z "$missing" ] || { echo "packages are missing: $missing"; return 1; }
}
