# shellcheck shell=bash
# The kernel of the virtual machines: Debian's own package, unpacked into the build folder (nothing is
# installed), and an initramfs of busybox and the few modules that reach the root file system over 9p.
# The busybox is the static one, unpacked as well: installed, it would replace the one that other tests need.

LAB_KERNEL=$LAB_DIR/kernel

# Loaded in this order by the initramfs; modprobe names what each depends on.
LAB_BOOT_MODULES=(virtio_pci virtio_blk virtio_net 9pnet_virtio 9p overlay)

kernel_version() { basename "$(echo "$LAB_KERNEL"/unpacked/lib/modules/*)"; }

kernel_fetch() {
  local package
  mkdir -p "$LAB_KERNEL/deb"
  # The -cloud- kernels lack DRBD, so it is the plain one.
  package=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
  if [ -z "$package" ]; then
    apt_get update
    package=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
  fi
  say "fetching $package and busybox-static"
  (cd "$LAB_KERNEL/deb" && { apt_get download "$package" busybox-static ||
    { apt_get update && apt_get download "$package" busybox-static; }; }) ||
    die "could not fetch the kernel package (see $LAB_LOGS/packages.log)"
  rm -rf "$LAB_KERNEL/unpacked.new"
  dpkg -x "$LAB_KERNEL/deb/$package"_*.deb "$LAB_KERNEL/unpacked.new"
  dpkg -x "$LAB_KERNEL/deb"/busybox-static_*.deb "$LAB_KERNEL/unpacked.new"
  depmod -b "$LAB_KERNEL/unpacked.new" "$(basename "$(echo "$LAB_KERNEL"/unpacked.new/lib/modules/*)")"
  rm -rf "$LAB_KERNEL/unpacked" "$LAB_KERNEL/deb"
  mv "$LAB_KERNEL/unpacked.new" "$LAB_KERNEL/unpacked"
}

kernel_pack_initramfs() {
  local version tree module file name count=0
  version=$(kernel_version)
  tree=$LAB_KERNEL/initramfs
  rm -rf "$tree"
  mkdir -p "$tree"/{bin,modules,proc,sys,dev,lower,upper,root}
  cp "$LAB_KERNEL/unpacked/bin/busybox" "$tree/bin/busybox"
  declare -A packed=()
  for module in "${LAB_BOOT_MODULES[@]}"; do
    while read -r word file _; do
      name=$(basename "$file" .ko)
      if [ "$word" != insmod ] || [ -n "${packed[$name]:-}" ]; then continue; fi
      packed[$name]=yes
      # The number keeps the order of loading.
      cp "$file" "$tree/modules/$(printf '%02d' "$count")-$name.ko"
      count=$((count + 1))
    done < <(modprobe -d "$LAB_KERNEL/unpacked" -S "$version" --show-depends "$module")
  done
  install -m 755 "$LAB_ROOT/guest/initramfs-init" "$tree/init"
  (cd "$tree" && find . | "$LAB_KERNEL/unpacked/bin/busybox" cpio -o -H newc 2>/dev/null) >"$LAB_KERNEL/initramfs.img.new"
  mv "$LAB_KERNEL/initramfs.img.new" "$LAB_KERNEL/initramfs.img"
  rm -rf "$tree"
}

kernel_up() {
  if ! compgen -G "$LAB_KERNEL/unpacked/lib/modules/*/modules.dep" >/dev/null || [ ! -x "$LAB_KERNEL/unpacked/bin/busybox" ]; then
    kernel_fetch
  fi
  local image=$LAB_KERNEL/initramfs.img
  if [ ! "$image" -nt "$LAB_ROOT/guest/initramfs-init" ] || [ ! "$image" -nt "$LAB_ROOT/lib/kernel.sh" ]; then
    kernel_pack_initramfs
  fi
}

# The kernel stays in the build folder: fetching it again would take a network.
kernel_down() { :; }

kernel_healthy() { [ -s "$LAB_KERNEL/initramfs.img" ] || { echo "the initramfs is not there"; return 1; }; }
