# pointsman: runs on the target of a step, sent on standard input before the lines that call it.
# It checks who the host is, that no newer console has taken over, and that the state is what the plan saw;
# only then it runs the commands, and it keeps a receipt, so that a lost answer can be asked for later.
# POSIX sh; answers are lines that begin with `@`, output is counted in bytes.
LC_ALL=C PATH=$PATH:/usr/sbin:/sbin:/usr/local/sbin
export LC_ALL PATH
umask 077
set -u
store=${POINTSMAN_STORE:-/var/lib/pointsman}
proc=${POINTSMAN_PROC:-/proc}
sys=${POINTSMAN_SYS:-/sys}
dev=${POINTSMAN_DEV:-/dev}
volatile=${POINTSMAN_RUN:-/run}
tab=$(printf '\t')
nl='
'
# sync(1) takes files since coreutils 8.24; an older one waits for every filesystem, also for one that hangs.
case $(sync --help 2>&1) in *FILE*) syncs=yes ;; *) syncs= ;; esac

say() { printf '@%s\n' "$*"; }
stop() { say "$@"; say end; exit 0; }

# output TEXT: its bytes, after their number; no more than 64 KiB.
output() {
  text=$1
  [ "${#text}" -le 65536 ] || text=$(printf %s "$text" | head -c 65536)
  printf '@output %s\n%s\n' "${#text}" "$text"
}

# got FILE: its text, shortened; what a shell leaves of it.
got() {
  text=
  [ ! -s "$1" ] || text=$(head -c 65536 "$1" 2>/dev/null) || text=
  [ -z "$text" ] || text=$text$nl
  output "$text"
}

# whoami MACHINE BOOT: this host, since that boot, and no other.
whoami() {
  machine= boot=
  [ ! -r /etc/machine-id ] || read -r machine </etc/machine-id
  [ ! -r /proc/sys/kernel/random/boot_id ] || read -r boot </proc/sys/kernel/random/boot_id
  [ "$machine" = "$1" ] || stop refused identity "$machine"
  [ "$2" = any ] || [ "$boot" = "$2" ] || stop refused boot "$boot"
}

# begin SECONDS: one command at a time on this host, and claims are changed under the same lock. The flock(1) of
# busybox has no -w.
begin() {
  [ -d "$store/claim" ] && [ -d "$store/receipt" ] && [ -d "$store/over" ] ||
    mkdir -p "$store/claim" "$store/receipt" "$store/over" || stop refused store "cannot make $store"
  command -v flock >/dev/null 2>&1 || stop refused store "flock is not installed"
  # A redirection of `exec` or `:` that fails would end the shell without a word; one of printf does not.
  printf '' 2>/dev/null >>"$store/lock" || stop refused store "cannot write $store/lock"
  exec 9>>"$store/lock"
  left=$(($1 * 5))
  until flock -n 9; do
    if [ "$left" -le 0 ]; then
      IFS= read -r seen 2>/dev/null <"$store/running" || seen=
      stop refused busy "${seen:-another command} is still running"
    fi
    if sleep 0.2 2>/dev/null; then left=$((left - 1)); else sleep 1 && left=$((left - 5)); fi
  done
  # What ran before has ended.
  printf '' 2>/dev/null >"$store/running"
}

# flush FILE…: these of one directory, and their names in it, are on the disk. Where sync(1) takes no files, fsync(2)
# of a file that was just made or renamed writes its name as well, on every journalling filesystem.
flush() {
  if [ -n "$syncs" ]; then
    sync "$@" "${1%/*}" 2>/dev/null
  else
    for file; do dd if=/dev/null of="$file" conv=notrunc,fsync 2>/dev/null || return; done
  fi
}

# keep FILE TEXT: written whole or not at all, and on the disk.
keep() { printf '%s\n' "$2" 2>/dev/null >"$1.new" && flush "$1.new" && mv "$1.new" "$1" && flush "$1"; }

# put FILE TEXT: the same, before anything is changed.
put() { keep "$@" || stop refused store "cannot write $1"; }

# claim OBJECT TOKEN RUN OWNER [RUN…]: takes it for a run, if it is free or held by an older token of the same run;
# or by one of the runs named at the end, which is taken over: it gets nothing here any more, by no token, and what it has
# left running ends. What does not end keeps nobody away: whoever needs the disk finds it busy.
claim() {
  object=$1 token=$2 by=$3 whose=$4
  shift 4
  if [ -e "$store/over/$by" ]; then
    IFS= read -r seen <"$store/over/$by" || seen=
    stop refused displaced "${seen:-another run}"
  fi
  held=0 run= owner=
  if [ -e "$store/claim/$object" ]; then
    IFS=$tab read -r held run owner <"$store/claim/$object" || stop refused store "cannot read claim/$object"
  fi
  case $held in '' | *[!0-9]*) stop refused store "claim/$object is not one of ours" ;; esac
  took=
  if [ -n "$run" ] && [ "$run" != "$by" ]; then
    for over; do [ "$run" != "$over" ] || took=$run; done
    [ -n "$took" ] || stop refused held "$object" "$run" "$owner"
  fi
  [ "$token" -gt "$held" ] || stop refused token "$held"
  if [ -n "$took" ]; then
    put "$store/over/$took" "$by of $whose"
    task_end_of "$took" >/dev/null 2>&1 || :
  fi
  put "$store/claim/$object" "$token$tab$by$tab$whose"
  say claimed "$object"
  [ -z "$took" ] || say took "$object" "$took"
}

# prune DAYS: forgets receipts older than that, of runs that hold nothing here. Behind a run, when nobody waits for it.
prune() {
  find "$store/receipt" -type f -mtime "+$1" 2>/dev/null | while IFS= read -r old; do
    name=${old##*/}
    name=${name%-step-*}
    name=${name%-back-*}
    grep -qF "$tab$name$tab" "$store"/claim/* 2>/dev/null || rm -f "$old"
  done
}

# release OBJECT TOKEN RUN: gives it back, unless it is held by a newer token of the same run; the token stays, so that what was sent before is refused, also a claim
# that is still on its way.
release() {
  held=0 run= owner=
  [ ! -e "$store/claim/$1" ] || IFS=$tab read -r held run owner <"$store/claim/$1" || held=0
  case $held in '' | *[!0-9]*) stop refused store "claim/$1 is not one of ours" ;; esac
  if [ -z "$run" ] || [ "$run" = "$3" ]; then
    if [ "$2" -ge "$held" ]; then
      put "$store/claim/$1" "$2$tab$tab"
    elif [ -n "$run" ]; then
      stop refused token "$held" "$run" "$owner"
    fi
  fi
  say released "$1"
}

# token OBJECT: the highest token so far.
token() {
  held=0 run= owner=
  [ ! -e "$store/claim/$1" ] || IFS=$tab read -r held run owner <"$store/claim/$1" || held=0
  say token "$1" "${held:-0}" "${run:--}" "${owner:--}"
}

# holds OBJECT TOKEN RUN: this run holds it by this very token.
holds() {
  held=0 run= owner=
  [ ! -e "$store/claim/$1" ] || IFS=$tab read -r held run owner <"$store/claim/$1" || held=0
  [ "$held" = "$2" ] && [ "$run" = "$3" ] || stop refused token "${held:-0}" "${run:--}" "${owner:--}"
}

# expect PATTERN PROGRAM ARG…: the first line that it prints has to look like that. Notices on standard error are no part
# of the state; where it prints nothing else, they tell why.
expect() {
  pattern=$1
  shift
  seen=$("$@" 2>/dev/null </dev/null)
  seen=${seen%%"$nl"*}
  # shellcheck disable=SC2254 # a pattern on purpose; the console lets through no other characters
  case $seen in
    $pattern) ;;
    *)
      [ -n "$seen" ] || seen=$("$@" 2>&1 >/dev/null </dev/null)
      stop refused expect "$*" "${seen%%"$nl"*}"
      ;;
  esac
}

# receipt KEY: what is known here of a step that was sent before.
receipt() {
  code=
  [ ! -e "$store/receipt/$1.exit" ] || IFS= read -r code <"$store/receipt/$1.exit" || code=
  if [ -n "$code" ]; then
    say receipt ended "$code"
    got "$store/receipt/$1.out"
  elif [ -e "$store/receipt/$1.begun" ]; then
    say receipt begun
  else
    say receipt none
  fi
}

# once KEY: a step that has a receipt is not run again.
once() {
  [ ! -e "$store/receipt/$1.begun" ] || { receipt "$1"; stop again; }
  key=$1
  printf '' 2>/dev/null >"$store/receipt/$key.out" &&
    printf 'begun\n' 2>/dev/null >"$store/receipt/$key.begun" &&
    flush "$store/receipt/$key.begun" ||
    stop refused store "cannot write $store/receipt/$key"
  code=0
}

# run PROGRAM ARG…: unless one before it failed. It keeps the lock for as long as it runs, also when this shell is
# killed meanwhile and it hangs in the kernel. What starts daemons does not: they would keep it for ever.
run() {
  [ "$code" = 0 ] || return 0
  # Whoever finds the lock taken is told by what.
  printf '%s\n' "$* (step $key)" 2>/dev/null >"$store/running"
  case $1 in
    systemctl | service | */init.d/*) "$@" >>"$store/receipt/$key.out" 2>&1 </dev/null 9>&- || code=$? ;;
    *) "$@" >>"$store/receipt/$key.out" 2>&1 </dev/null || code=$? ;;
  esac
}

# finish: the commands have run, whether that can be kept or not; a refusal would say that nothing was changed. It is not
# forced onto the disk, for clients wait meanwhile: a host that loses it knows that the step has begun, and then its
# proof is looked for.
finish() {
  printf '%s\n' "$code" 2>/dev/null >"$store/receipt/$key.exit"
  printf '' 2>/dev/null >"$store/running"
  say ran "$code"
  got "$store/receipt/$key.out"
}

# look PROGRAM ARG…: reads; its output and exit code. What is too long is not shortened: the rest might say the
# opposite. It counts as failed (27, EFBIG).
look() {
  text=$("$@" 2>/dev/null </dev/null)
  code=$?
  # A node with hundreds of mounts prints 100 KiB of them.
  [ "${#text}" -lt 524288 ] || { code=27 text=; }
  say look "$code"
  [ -z "$text" ] || text=$text$nl
  printf '@output %s\n%s\n' "${#text}" "$text"
}

# nudge PROGRAM ARG…: runs a command that does no harm wherever it runs, however often and however late.
nudge() {
  text=$("$@" 2>&1 </dev/null)
  say ran "$?"
  output "$text"
}

# nft_set NAME: the addresses of one of our own sets. A set that cannot be read is not an empty one; where it was never made
# there is none to read.
nft_set() {
  if seen=$(nft list set inet pointsman "$1" 2>/dev/null); then
    case $seen in *'elements = {'*) seen=${seen##*'elements = {'} ;; *) seen= ;; esac
    for seen in ${seen%%\}*}; do printf '%s\n' "${seen%,}"; done
  else
    seen=$(nft list tables) || return
    case $nl$seen$nl in *"${nl}table inet pointsman$nl"*) ;; *) return 0 ;; esac
    seen=$(nft list table inet pointsman) || return
    case $seen in *"set $1 {"*) nft list set inet pointsman "$1" ;; esac
  fi
}

# port_block add|drop|list ADDRESS: NFS to that address is dropped, not refused: a refusal makes clients give up.
port_block() {
  if command -v nft >/dev/null 2>&1; then
    case $1 in
      add)
        # One process and one transaction: clients wait meanwhile, and no moment lets one of them in.
        printf '%s\n' 'add table inet pointsman' \
          'add chain inet pointsman input { type filter hook input priority -10 ; }' \
          'add set inet pointsman blocked { type ipv4_addr ; }' \
          'flush chain inet pointsman input' \
          'add rule inet pointsman input ip daddr @blocked tcp dport 2049 drop' \
          "add element inet pointsman blocked { $2 }" | nft -f -
        ;;
      drop)
        seen=$(port_block list -) || return
        case "$nl$seen$nl" in *"$nl$2$nl"*) nft delete element inet pointsman blocked "{ $2 }" ;; esac
        ;;
      list)
        nft_set blocked
        ;;
    esac
  elif command -v iptables >/dev/null 2>&1; then
    case $1 in
      # Others may hold the lock of the tables for a moment (-w); what cannot be read then is not known.
      add)
        seen=$(port_block list -) || return
        case "$nl$seen$nl" in
          *"$nl$2$nl"*) ;;
          *) iptables -w 5 -I INPUT -d "$2" -p tcp --dport 2049 -j DROP ;;
        esac
        ;;
      drop)
        while seen=$(port_block list -) || return; do
          case "$nl$seen$nl" in *"$nl$2$nl"*) ;; *) break ;; esac
          iptables -w 5 -D INPUT -d "$2" -p tcp --dport 2049 -j DROP || return
        done
        ;;
      list)
        seen=$(iptables -w 5 -S INPUT) || return
        printf '%s\n' "$seen" | sed -n 's|^-A INPUT -d \([0-9.]*\)/32 -p tcp .*--dport 2049 -j DROP$|\1|p'
        ;;
    esac
  else
    echo "neither nft nor iptables is installed" >&2
    return 127
  fi
}

# drbd_state RESOURCE MINOR: role and disk of this side, as drbdadm(8) names them. 8.4 tells them without a program: clients
# wait meanwhile.
drbd_state() {
  if [ -r "$proc/drbd" ]; then
    while read -r minor _ role disk _; do
      case "$minor $role $disk" in
        "$2: ro:"*' ds:'*)
          role=${role#ro:} disk=${disk#ds:}
          printf '%s %s\n' "${role%%/*}" "${disk%%/*}"
          return
          ;;
      esac
    done <"$proc/drbd"
  fi
  role=$(drbdadm role "$1") && disk=$(drbdadm dstate "$1") && printf '%s %s\n' "${role%%/*}" "${disk%%/*}"
}

# announce ADDRESS INTERFACE: tells the network where the address is now: five times, for one may be lost, and in the
# background, for arping(8) takes a second each time and clients wait meanwhile. That the address is there is what the
# command before it has done.
announce() {
  if command -v arping >/dev/null 2>&1; then
    { arping -q -c 5 -w 10 -A -I "$2" "$1" & } </dev/null >/dev/null 2>&1 9>&-
  elif command -v busybox >/dev/null 2>&1; then
    { busybox arping -q -c 5 -A -I "$2" "$1" & } </dev/null >/dev/null 2>&1 9>&-
  else
    echo "neither arping nor busybox is installed: neighbours keep the old address for minutes" >&2
    return 127
  fi
}

# who_has ADDRESS: `somebody` where anybody has that address in a network of this host, `nobody` where nobody has answered for it
# there, else why that is not known. ping(8) makes the kernel ask the neighbours (ARP); a firewall may drop ping's own packets, so
# that these are lost says nothing.
who_has() {
  text=$(ping -n -c 2 -W 1 "$1" 2>&1)
  # Only where it has sent something and heard nothing, what the kernel keeps of the neighbour is of now.
  case $?,$text in
    0,*) echo somebody; return ;;
    *ermitted* | *denied*) echo "ping may send nothing"; return ;;
    1,*) ;;
    *) echo "ping cannot tell: $text"; return ;;
  esac
  # States of ip-neighbour(8).
  text=$(ip neigh show to "$1") || return
  case $text in
    *' REACHABLE'* | *' PERMANENT'*) echo somebody ;;
    *' lladdr '*) echo "somebody had it not long ago: look once more in a few seconds" ;;
    *' FAILED'* | *' INCOMPLETE'*) echo nobody ;;
    *) echo "it is in no network of this host" ;;
  esac
}

# unexport CLIENT:PATH…: what is gone already is no failure; then the kernel forgets them too.
unexport() {
  for target; do exportfs -u "$target" || :; done
  exportfs -f
}

# release_locks MOUNT_POINT: nfsd forgets locks and open files below it.
release_locks() {
  [ -e /proc/fs/nfsd/unlock_filesystem ] || return 0
  printf '%s\n' "$1" >/proc/fs/nfsd/unlock_filesystem
}

# word TEXT [MORE]: sets `out` to one word of plain characters, and of these; `-` for nothing.
word() {
  plus=${2-}
  set -f
  # shellcheck disable=SC2086 # split on purpose: what pads it falls away
  set -- $1
  set +f
  text=$* out=
  case $text in
    *[!A-Za-z0-9._:$plus-]*)
      while [ -n "$text" ]; do
        case $text in [A-Za-z0-9._:$plus-]*) out=$out${text%"${text#?}"} ;; *) out=${out}_ ;; esac
        text=${text#?}
      done
      ;;
    *) out=${text:--} ;;
  esac
}

# first FILE: sets `text` to its first line; to nothing where it cannot be read.
first() {
  text=
  [ ! -r "$1" ] || IFS= read -r text 2>/dev/null <"$1" || :
}

# disk_id DEVICE: the device, its whole disk, serial, WWN, KiB and bay; `-` for what is not known. By what the kernel and
# udev have read before: a disk that hangs is not asked.
disk_id() {
  here=$sys/class/block/$1
  [ -e "$here" ] || { echo "$1 is no block device" >&2; return 1; }
  disk=$1
  if [ -e "$here/partition" ]; then
    disk=$(readlink -f "$here") || return
    disk=${disk%/*}
    disk=${disk##*/}
  fi
  # A device of the device mapper over one disk is on that disk.
  for link in "$sys/block/$disk/slaves/"*; do
    [ -e "$link" ] && [ "$link" = "$(echo "$sys/block/$disk/slaves/"*)" ] && disk=${link##*/}
  done
  serial= wwn= bay=
  for file in serial device/serial; do
    [ -n "$serial" ] || { first "$sys/block/$disk/$file"; serial=$text; }
  done
  # Page 80 of SCSI begins with four bytes of its own.
  [ -n "$serial" ] || [ ! -r "$sys/block/$disk/device/vpd_pg80" ] ||
    serial=$(tail -c +5 "$sys/block/$disk/device/vpd_pg80" 2>/dev/null | tr -cd '[:print:]')
  for file in wwid device/wwid; do
    first "$sys/block/$disk/$file"
    case $text in naa.*) wwn=${wwn:-0x${text#naa.}} ;; eui.*) wwn=${wwn:-$text} ;; esac
  done
  for link in "$dev"/disk/by-id/*; do
    [ -h "$link" ] && { [ -z "$serial" ] || [ -z "$wwn" ]; } || continue
    text=$(readlink "$link") && [ "${text##*/}" = "$disk" ] || continue
    case ${link##*/} in
      wwn-*) wwn=${wwn:-${link##*/wwn-}} ;;
      md-* | dm-* | lvm-*) ;;
      *_*) serial=${serial:-${link##*_}} ;;
    esac
  done
  for link in "$sys/block/$disk/device/enclosure_device:"*; do
    [ ! -e "$link" ] || bay=${link##*enclosure_device:}
  done
  for link in "$dev"/disk/by-path/*; do
    [ -h "$link" ] && [ -z "$bay" ] || continue
    text=$(readlink "$link") && [ "${text##*/}" = "$disk" ] && bay=${link##*/}
  done
  first "$here/size"
  case $text in '' | *[!0-9]*) size=- ;; *) size=$((text / 2)) ;; esac
  word "$serial" && serial=$out
  word "$wwn" && wwn=$out
  word "$bay" && bay=$out
  printf '%s %s %s %s %s %s\n' "$1" "$disk" "$serial" "$wwn" "$size" "$bay"
}

# disk_blank DEVICE: `blank` where nothing is on it and nobody uses it; else what is.
disk_blank() {
  here=$sys/class/block/$1
  first "$here/dev"
  number=$text
  [ -n "$number" ] || { echo "$1 is no block device" >&2; return 1; }
  first "$here/ro"
  [ "$text" = 0 ] || { echo "is read-only"; return; }
  for file in "$here"/*/partition; do
    [ ! -e "$file" ] || { file=${file%/partition}; echo "has the partition ${file##*/}"; return; }
  done
  for file in "$here"/holders/*; do
    [ ! -e "$file" ] || { echo "is used by ${file##*/}"; return; }
  done
  [ -r "$proc/self/mountinfo" ] && [ -r "$proc/swaps" ] || { echo "mounts cannot be read" >&2; return 1; }
  while read -r _ _ text _ at _; do
    [ "$text" != "$number" ] || { echo "is mounted on $at"; return; }
  done <"$proc/self/mountinfo"
  while read -r text _; do
    [ "$text" != "/dev/$1" ] || { echo "is swapped to"; return; }
  done <"$proc/swaps"
  text=$(timeout 10 blkid -p -o export "$dev/$1" 2>&1)
  case $? in
    # blkid(8): nothing was found.
    2) echo blank ;;
    0 | 8) echo "has a signature: $(printf %s "$text" | tr '\n' ' ')" ;;
    *) printf '%s\n' "blkid: $text" >&2; return 1 ;;
  esac
}

# md_sys ARRAY: what the kernel says of it (Documentation/admin-guide/md.rst), a line an attribute and a member: name,
# slot, read errors, state and its disk_id. `end` shows that nothing is cut off.
md_sys() {
  md=$sys/block/$1/md
  [ -d "$md" ] || { echo "$1 is no md array" >&2; return 1; }
  for key in level raid_disks array_state degraded sync_action sync_completed sync_speed sync_speed_max mismatch_cnt \
    component_size; do
    first "$md/$key"
    printf '%s %s\n' "$key" "${text:--}"
  done
  for member in "$md"/dev-*; do
    [ -d "$member" ] || continue
    name=${member##*/dev-} line=
    for key in slot errors state; do
      first "$member/$key"
      line="$line ${text:--}"
    done
    printf 'member %s%s ' "$name" "$line"
    disk_id "$name" 2>/dev/null || printf '%s - - - - -\n' "$name"
  done
  echo end
}

# md_check ARRAY start|stop: the members are compared with each other (md(4), scrubbing), or that is ended. A rebuild is
# left alone.
md_check() {
  file=$sys/block/$1/md/sync_action
  first "$file"
  case "$2 $text" in
    'start check') ;;
    'start idle') printf 'check\n' >"$file" ;;
    'stop check') printf 'idle\n' >"$file" ;;
    stop*) [ -n "$text" ] || { echo "$1 is no md array" >&2; return 1; } ;;
    *) echo "$1 does not begin a check: its sync_action is ${text:--}" >&2; return 1 ;;
  esac
}

# md_limit ARRAY KIB|system: how fast it may rebuild and check at most, a second.
md_limit() { printf '%s\n' "$2" >"$sys/block/$1/md/sync_speed_max"; }

# md_keep ARRAY OLD NEW: OLD is not replaced after all, unless NEW has taken its place already.
md_keep() {
  md=$sys/block/$1/md
  first "$md/dev-$3/state"
  case ,$text, in *,in_sync,*) echo "$3 has taken the place of $2" >&2; return 1 ;; esac
  printf '%s\n' -want_replacement >"$md/dev-$2/state" || return
  # A replacement that has begun ends only with its disk.
  case ,$text, in *,replacement,*) printf 'faulty\n' >"$md/dev-$3/state" ;; esac
}

# md_out ARRAY DEVICE: a disk that was added leaves again, and nothing of the array is left on it: the reverse of an
# `mdadm --add` of a disk that was blank.
md_out() {
  [ ! -e "$sys/block/$1/md/dev-$2" ] || mdadm --manage "/dev/$1" --remove "$2" || return
  mdadm --zero-superblock "/dev/$2"
}

# zfs_disk NAME: of a device that a pool calls so the name and its disk_id; of a file its KiB; nothing where it is not
# found, as of a group of devices and of what is gone.
zfs_disk() {
  link=
  case $1 in
    /*) link=$1 ;;
    *)
      [ ! -e "$sys/class/block/$1" ] || link=$dev/$1
      for text in "$dev/disk"/*/"$1" "$dev/mapper/$1"; do [ -n "$link" ] || [ ! -e "$text" ] || link=$text; done
      ;;
  esac
  [ -n "$link" ] || return 0
  [ -e "$sys/class/block/${link##*/}" ] || link=$(readlink -f "$link") || return 0
  if [ -e "$sys/class/block/${link##*/}" ]; then
    text=$(disk_id "${link##*/}") && printf 'disk %s %s\n' "$1" "$text"
  elif [ -f "$link" ]; then
    text=$(stat -c %s "$link") && printf 'disk %s - - - - %s -\n' "$1" "$((text / 1024))"
  fi
}

# ask_zpool SECONDS ARG…: what zpool says, in that time: all looks of a host together have eight seconds. One that hangs in
# the kernel dies of no signal: no second one is begun beside it, for it keeps the lock.
ask_zpool() (
  if command -v flock >/dev/null 2>&1 && printf '' 2>/dev/null >>"$volatile/pointsman-zpool"; then
    exec 8>>"$volatile/pointsman-zpool"
    left=10
    until flock -n 8; do
      [ "$left" -gt 0 ] || { echo "an earlier zpool hangs" >&2; exit 1; }
      if sleep 0.1 2>/dev/null; then left=$((left - 1)); else sleep 1 && left=0; fi
    done
  fi
  seconds=$1
  shift
  timeout -s KILL "$seconds" zpool "$@"
)

# zfs_pool POOL: whether a scrub can pause there, sizes, the disks behind its devices, and `zpool status` in the form that
# every ZFS knows. `end` shows that nothing is cut off. A pool whose devices hang may never answer.
zfs_pool() {
  seen=$(ask_zpool 5 status "$1") || return
  # Without a pool it tells its usage alone.
  case $(ask_zpool 2 scrub 2>&1) in *'-p'*) echo pauses yes ;; *) echo pauses no ;; esac
  # zfs-fuse knows no -p.
  sizes=$(ask_zpool 2 list -Hp -o name,size,alloc,free,health "$1" 2>/dev/null) ||
    sizes=$(ask_zpool 2 list -H -o name,size,alloc,free,health "$1" 2>/dev/null) || sizes=
  [ -z "$sizes" ] || printf 'list %s\n' "${sizes%%"$nl"*}"
  printf '%s\n' "$seen" | while IFS= read -r line; do
    case $line in "$tab"*) ;; *) continue ;; esac
    line=${line#"$tab"}
    line=${line#"${line%%[! ]*}"}
    line=${line%%[ "$tab"]*}
    case $line in '' | NAME | *[!A-Za-z0-9._:/-]*) ;; *) zfs_disk "$line" ;; esac
  done
  printf 'status\n%s\nend\n' "$seen"
}

# zfs_files POOL: how many files have blocks that could not be mended, and the first of them. So many that their names take
# long are not all counted: `5000+` says so.
zfs_files() {
  seen=$({ ask_zpool 6 status -v "$1" && echo 'pointsman end'; } | head -n 5000)
  case $seen in
    *"${nl}pointsman end") many= ;;
    *) [ "$(printf '%s\n' "$seen" | wc -l)" -ge 5000 ] || return 1
      many=+ ;;
  esac
  # The list is what stands behind the line `errors:`, each indented.
  printf '%s\n' "$seen" | sed -n '/^errors:/,$p' | sed -n 's/^[[:space:]][[:space:]]*\([^[:space:]].*\)$/\1/p' | {
    count=0 names=
    while IFS= read -r line; do
      count=$((count + 1))
      [ "$count" -gt 20 ] || names=$names$nl$line
    done
    printf '%s%s\n' "$count$many" "$names"
  }
}

# pool_on POOL: its scrub, which pauses, goes on.
pool_on() {
  seen=$(ask_zpool 20 status "$1") || return
  case $seen in
    *'scan: scrub paused'*) zpool scrub "$1" ;;
    *) echo "no scrub of $1 pauses" >&2; return 1 ;;
  esac
}

# pool_keep POOL OLD NEW: NEW does not take the place of OLD after all. Only while both share that place: out of a mirror it
# would be detached as well, and be missed.
pool_keep() {
  seen=$(ask_zpool 20 status "$1") || return
  joint= found=
  while IFS= read -r line; do
    line=${line#"$tab"}
    margin=${line%%[! ]*}
    word=${line#"$margin"}
    word=${word%%[ "$tab"]*}
    [ "${#margin}" -gt "${#joint}" ] || joint=
    case $word in
      replacing*) joint=$margin ;;
      "$3") if [ -n "$joint" ]; then found=joint; else found=alone; fi ;;
    esac
  done <<END
$seen
END
  case $found in
    # By its path, as it was put in: not every ZFS looks for short names.
    joint) zpool detach "$1" "/dev/$3" ;;
    alone) echo "$3 has taken the place of $2" >&2; return 1 ;;
  esac
}

# nfs_pace SERVER…: mounts of these servers, reads, writes and commits on them, and the milliseconds from sending each to
# its answer, summed since they were mounted (/proc/self/mountstats).
nfs_pace() {
  text=$(cat "$proc/self/mountstats") || return
  wanted=" $* " mine= mounts=0 ops=0 rtt_ms=0
  set -f
  IFS=$nl
  # shellcheck disable=SC2086
  set -- $text
  IFS=" $tab$nl"
  for line; do
    # shellcheck disable=SC2086
    set -- $line
    case ${1-} in
      device)
        mine=
        case "${8-} $wanted" in nfs*" ${2%%:/*} "*) mine=yes mounts=$((mounts + 1)) ;; esac
        ;;
      READ: | WRITE: | COMMIT:)
        case "$mine ${2-x}${8-x}" in
          'yes '*[!0-9]*) echo "mountstats: $line" >&2; set +f; return 1 ;;
          'yes '*) ops=$((ops + $2)) rtt_ms=$((rtt_ms + $8)) ;;
        esac
        ;;
    esac
  done
  set +f
  echo "mounts $mounts ops $ops rtt_ms $rtt_ms"
}

# host_boot: since which boot it runs; `going` where host_reboot has been called since.
host_boot() {
  first "$proc/sys/kernel/random/boot_id"
  [ -n "$text" ] || { echo "the boot is not known" >&2; return 1; }
  if [ -e "$volatile/pointsman-reboot" ]; then echo "$text going"; else echo "$text"; fi
}

# host_reboot: boots in two seconds, so that the answer is still sent. That it is going is kept in memory alone, and gone
# with this boot.
host_reboot() {
  printf 'going\n' 2>/dev/null >"$volatile/pointsman-reboot" || { echo "cannot write to $volatile" >&2; return 1; }
  {
    sleep 2
    if command -v systemctl >/dev/null 2>&1; then systemctl reboot; else reboot; fi ||
      rm -f "$volatile/pointsman-reboot"
  } </dev/null >/dev/null 2>&1 9>&- &
}

# host_health: what it should have again after work on it: services that are enabled and run, md arrays and whether they
# have all members, mounts of devices and of servers. `end` shows that nothing is cut off.
host_health() {
  if command -v systemctl >/dev/null 2>&1; then
    # Where it does not run, nothing is a service of its.
    units=$(systemctl show --property=Id,SubState,UnitFileState '*.service') ||
      [ "$(systemctl is-system-running 2>/dev/null)" = offline ] || return
    printf '%s\n\n' "$units" | {
      id= sub= state=
      while IFS='=' read -r key value; do
        case $key in
          Id) id=$value ;;
          SubState) sub=$value ;;
          UnitFileState) state=$value ;;
          '')
            case "$sub $state" in 'running enabled' | 'running generated') word "$id" @ && echo "unit $out" ;; esac
            id= sub= state=
            ;;
        esac
      done
    }
  fi
  for md in "$sys"/block/md*/md; do
    [ -d "$md" ] || continue
    name=${md%/md}
    first "$md/array_state"
    case $text in clear | inactive) continue ;; esac
    first "$md/degraded"
    case $text in 0 | '') echo "md ${name##*/} whole" ;; *) echo "md ${name##*/} degraded" ;; esac
  done
  # Loop devices are images of packages: they come and go with those.
  while read -r source target _; do
    case $source in
      /dev/loop*) ;;
      /dev/* | *:/*) printf 'mount %s\n' "$target" ;;
    esac
  done <"$proc/self/mounts" || return
  echo end
}

# tcp_count PORT…: how many TCP connections to these ports of its own are established (state 01, proc_net_tcp).
tcp_count() {
  ports=' '
  for port; do ports="$ports$(printf '%04X' "$port") "; done
  [ -r "$proc/net/tcp" ] || { echo "connections cannot be read" >&2; return 1; }
  files=$proc/net/tcp
  [ ! -r "$proc/net/tcp6" ] || files="$files $proc/net/tcp6"
  # shellcheck disable=SC2086 # two names without blanks
  cat $files | {
    count=0
    while read -r _ here _ state _; do
      [ "$state" = 01 ] || continue
      case $ports in *" ${here##*:} "*) count=$((count + 1)) ;; esac
    done
    echo "connections $count"
  }
}
