# Functions of clients that mount slices, sent where they are needed. A mount that hangs is asked by a child
# that can be killed alone, never by df(1) or fuser(1); who holds it is read in /proc, which asks no server. What lives
# longer than its call does not keep the lock of this host (9>&-). Places and sources are plain words: a plan has no others.

# nfs_list from|others [ADDRESS…]: NFS mounts of this host from these addresses, or all others: mount id, device number and
# place, as mountinfo has them (proc_pid_mountinfo(5)).
nfs_list() {
  nfs_wanted=$1
  shift
  nfs_text=$(cat "$proc/self/mountinfo") || return
  while read -r nfs_id _ nfs_device _ nfs_place nfs_rest; do
    case $nfs_rest in *' - nfs '* | *' - nfs4 '*) ;; *) continue ;; esac
    nfs_whose=others
    for nfs_address; do case ",${nfs_rest##* }," in *",addr=$nfs_address,"*) nfs_whose=from ;; esac done
    [ "$nfs_whose" != "$nfs_wanted" ] || printf '%s %s %s\n' "$nfs_id" "$nfs_device" "$nfs_place"
  done <<END
$nfs_text
END
}

# nfs_uses ADDRESS: how many NFS mounts of this host are from there.
nfs_uses() {
  nfs_all=$(nfs_list from "$1") || return
  set -f
  IFS=$nl
  # shellcheck disable=SC2086
  set -- $nfs_all
  IFS=" $tab$nl"
  set +f
  echo $#
}

# nfs_ask PLACE: how a mount answers statfs(2): `answers`, `stale`, `hangs` or `fails`; `unasked` where timeout(1) could not
# even begin to ask, which says nothing of the mount. Two seconds: all looks of a client together have eight.
nfs_ask() {
  nfs_said=$(timeout -s KILL 2 stat -f -- "$1" 2>&1 >/dev/null)
  case $? in
    0) echo answers ;;
    137) echo hangs ;;
    125 | 126 | 127) echo unasked ;;
    *) case $nfs_said in *'Stale file handle'* | *'Stale NFS file handle'*) echo stale ;; *) echo fails ;; esac ;;
  esac
}

# nfs_survey [ADDRESS…]: how each NFS mount answers, those from these addresses first: mount id, device number and what
# nfs_ask says; at most 64 of them, all at the same time. A child that cannot even be killed has a mount that hangs. `end`.
nfs_survey() {
  nfs_all=$(nfs_list from "$@" && nfs_list others "$@") || return
  set -f
  IFS=$nl
  # shellcheck disable=SC2046 # a word a line
  set -- $(printf '%s\n' "$nfs_all" | head -n 64)
  IFS=" $tab$nl"
  set +f
  # No here-document in front of what is left behind: bash would wait for it.
  nfs_got=$(
    {
      for nfs_line; do
        { printf '%s %s\n' "${nfs_line% *}" "$(nfs_ask "$(printf '%b' "${nfs_line##* }")")"; } </dev/null &
      done
      { sleep 3; echo over; } &
    } 2>/dev/null 9>&- | {
      nfs_left=$#
      while [ "$nfs_left" -gt 0 ] && read -r nfs_line && [ "$nfs_line" != over ]; do
        printf '%s\n' "$nfs_line"
        nfs_left=$((nfs_left - 1))
      done
    }
  )
  [ -z "$nfs_got" ] || printf '%s\n' "$nfs_got"
  for nfs_line; do
    case "$nl$nfs_got" in *"$nl${nfs_line% *} "*) ;; *) printf '%s hangs\n' "${nfs_line% *}" ;; esac
  done
  echo end
}

# nfs_at PLACE: sets `nfs_found` to what is mounted there on top, as id, device number, type, source and options of its
# filesystem, and `nfs_own` to those of the mount; to nothing where nothing is.
nfs_at() {
  nfs_found= nfs_own=
  nfs_text=$(cat "$proc/self/mountinfo") || return
  while read -r nfs_id _ nfs_device _ nfs_place nfs_options nfs_rest; do
    [ "$nfs_place" != "$1" ] || nfs_found="$nfs_id $nfs_device ${nfs_rest#*- }" nfs_own=$nfs_options
  done <<END
$nfs_text
END
}

# nfs_process PID: sets `nfs_state` and `nfs_start` (proc_pid_stat(5)); fails where there is no such process any more.
# Nothing that waits for the memory of the process is read: one that hangs in a page fault would hang the reader as well.
nfs_process() {
  nfs_state= nfs_start=
  first "$proc/$1/stat"
  [ -n "$text" ] || return 1
  set -f
  # The name before it may hold anything, also brackets and blanks.
  # shellcheck disable=SC2086
  set -- ${text##*) }
  set +f
  nfs_state=${1-} nfs_start=${20-}
}

# nfs_holders ID DEVICE PLACE: processes that hold a mount: process id, when it began, state, user id, systemd service
# (`-`: none), how it holds it (`file`, `map`, `cwd`, `root`, `exe`) and its name; at most 100. Open files are known by the
# kernel's own number of the mount (fdinfo, Linux 3.15), mapped ones by the device, the others by their path, which is lost
# once the mount is detached. A service with mounts of its own (PrivateTmp=) has this one by another number, and holds it as
# well; of a container, whose mounts do not follow those of the host, such a path says nothing. `cut` where one of them could
# not be read in time; `end`.
nfs_holders() {
  nfs_hex=$(printf '%02x:%02x' "${2%%:*}" "${2##*:}")
  nfs_numbers=$(
    { timeout -s KILL 2 grep -hsF " $3 " "$proc"/[0-9]*/mountinfo; [ $? -lt 124 ] || echo cut; } 2>/dev/null 9>&- |
      sort -u | nfs_copies "$2" "$3"
  )
  case $nfs_numbers in *cut*) echo cut ;; esac
  nfs_numbers=$(printf '%s\n' "$1" "$nfs_numbers" | grep '^[0-9]' | sort -u | tr '\n' '|')
  nfs_seen=$(
    {
      {
        timeout -s KILL 2 grep -lsrE "^mnt_id:[[:space:]]*(${nfs_numbers%|})\$" "$proc"/[0-9]*/fdinfo
        [ $? -lt 124 ] || echo cut
      } &
      {
        timeout -s KILL 2 grep -ls "^[0-9a-f-]* [rwxsp-]* [0-9a-f]* $nfs_hex " "$proc"/[0-9]*/maps
        [ $? -lt 124 ] || echo cut
      } &
      {
        timeout -s KILL 2 ls -ld "$proc"/[0-9]*/cwd "$proc"/[0-9]*/root "$proc"/[0-9]*/exe
        [ $? -lt 124 ] || echo cut
      } |
        while IFS= read -r nfs_line; do
          case $nfs_line in cut) echo cut ;; *" -> $3" | *" -> $3/"*) nfs_line=${nfs_line%% -> *} && printf '%s\n' "${nfs_line##* }" ;; esac
        done
      wait
    } 2>/dev/null 9>&-
  )
  nfs_told=' ' nfs_count=0
  while IFS= read -r nfs_line; do
    case $nfs_line in
      cut) echo cut && continue ;;
      "$proc"/*/fdinfo/*) nfs_way=file ;;
      "$proc"/*/maps) nfs_way=map ;;
      "$proc"/*/*) nfs_way=${nfs_line##*/} ;;
      *) continue ;;
    esac
    nfs_pid=${nfs_line#"$proc"/}
    nfs_pid=${nfs_pid%%/*}
    case $nfs_pid in *[!0-9]*) continue ;; esac
    case $nfs_told in *" $nfs_pid "*) continue ;; esac
    nfs_process "$nfs_pid" || continue
    # Whatever a name on the way may have looked like.
    case $nfs_way in
      file | map) ;;
      *)
        case $(readlink "$proc/$nfs_pid/$nfs_way") in "$3" | "$3"/*) ;; *) continue ;; esac
        [ "$(readlink "$proc/$nfs_pid/ns/mnt")" = "$(readlink "$proc/self/ns/mnt")" ] ||
          [ -n "$(nfs_copies "$2" "$3" 2>/dev/null <"$proc/$nfs_pid/mountinfo")" ] || continue
        ;;
    esac
    nfs_told="$nfs_told$nfs_pid " nfs_count=$((nfs_count + 1))
    [ "$nfs_count" -le 100 ] || { echo cut; break; }
    nfs_user=- nfs_unit=-
    while read -r nfs_key nfs_line _; do
      [ "$nfs_key" != Uid: ] || nfs_user=$nfs_line
    done 2>/dev/null <"$proc/$nfs_pid/status"
    while IFS= read -r nfs_line; do
      nfs_service "$nfs_line"
    done 2>/dev/null <"$proc/$nfs_pid/cgroup"
    first "$proc/$nfs_pid/comm"
    word "$text" && nfs_name=$out
    # Another name would be another service, or none.
    word "$nfs_unit" @
    [ "$out" = "$nfs_unit" ] || nfs_unit=-
    printf '%s %s %s %s %s %s %s\n' "$nfs_pid" "$nfs_start" "$nfs_state" "$nfs_user" "$nfs_unit" "$nfs_way" "$nfs_name"
  done <<END
$nfs_seen
END
  echo end
}

# nfs_copies DEVICE PLACE: of lines of mountinfo the numbers of those mounts that are the same there and follow another one
# (shared or slave, mount_namespaces(7)); `cut` as it is.
nfs_copies() {
  while read -r nfs_id _ nfs_device _ nfs_place nfs_rest; do
    [ "$nfs_id" != cut ] || echo cut
    [ "$nfs_device $nfs_place" = "$1 $2" ] || continue
    nfs_rest=" ${nfs_rest%% - *} "
    case $nfs_rest in *' shared:'* | *' master:'*) echo "$nfs_id" ;; esac
  done
}

# nfs_service LINE: sets `nfs_unit` to the service of this host's own systemd that a line of /proc/PID/cgroup names. The first
# on the path is meant: a container has services of the same names, below the one or the scope that it runs in.
nfs_service() {
  case $1 in 0::/system.slice/* | *:name=systemd:/system.slice/*) ;; *) return ;; esac
  set -- "${1#*:/system.slice/}/"
  while [ -n "$1" ]; do
    case ${1%%/*} in
      *.service) nfs_unit=${1%%/*} && return ;;
      *.slice) set -- "${1#*/}" ;;
      *) return ;;
    esac
  done
}

# nfs_held ADDRESS…: who holds the mounts from these addresses, four of them at most: what nfs_holders says of each, behind
# its mount id and device number. All of them at the same time: a host with many processes takes a while for each. `end`.
nfs_held() {
  nfs_mounts=$(nfs_list from "$@") || return
  nfs_turn=0
  while read -r nfs_mount nfs_number nfs_place; do
    [ -n "$nfs_mount" ] || continue
    nfs_turn=$((nfs_turn + 1))
    [ "$nfs_turn" -le 4 ] || { printf '%s %s cut\n' "$nfs_mount" "$nfs_number"; continue; }
    {
      nfs_holders "$nfs_mount" "$nfs_number" "$nfs_place" | while IFS= read -r nfs_line; do
        [ "$nfs_line" = end ] || printf '%s %s %s\n' "$nfs_mount" "$nfs_number" "$nfs_line"
      done
    } </dev/null 9>&- &
    # Others see their own processes alone.
    [ "$(id -u)" = 0 ] || printf '%s %s cut\n' "$nfs_mount" "$nfs_number"
  done <<END
$nfs_mounts
END
  wait
  echo end
}

# nfs_bar add|drop|list ADDRESS: this host sends no NFS to that address: what tries is told so at once, and does not wait
# for a server that may never answer. Whoever mounts it, systemd, autofs, fstab or a person, needs that port.
nfs_bar() {
  if command -v nft >/dev/null 2>&1; then
    case $1 in
      add)
        printf '%s\n' 'add table inet pointsman' \
          'add chain inet pointsman output { type filter hook output priority -10 ; }' \
          'add set inet pointsman barred { type ipv4_addr ; }' \
          'flush chain inet pointsman output' \
          'add rule inet pointsman output ip daddr @barred tcp dport 2049 reject with tcp reset' \
          "add element inet pointsman barred { $2 }" | nft -f -
        ;;
      drop)
        seen=$(nfs_bar list -) || return
        case "$nl$seen$nl" in *"$nl$2$nl"*) nft delete element inet pointsman barred "{ $2 }" ;; esac
        ;;
      list)
        nft_set barred
        ;;
    esac
  elif command -v iptables >/dev/null 2>&1; then
    case $1 in
      add)
        seen=$(nfs_bar list -) || return
        case "$nl$seen$nl" in
          *"$nl$2$nl"*) ;;
          *) iptables -w 5 -I OUTPUT -d "$2" -p tcp --dport 2049 -j REJECT --reject-with tcp-reset ;;
        esac
        ;;
      drop)
        while seen=$(nfs_bar list -) || return; do
          case "$nl$seen$nl" in *"$nl$2$nl"*) ;; *) break ;; esac
          iptables -w 5 -D OUTPUT -d "$2" -p tcp --dport 2049 -j REJECT --reject-with tcp-reset || return
        done
        ;;
      list)
        seen=$(iptables -w 5 -S OUTPUT) || return
        printf '%s\n' "$seen" |
          sed -n 's|^-A OUTPUT -d \([0-9.]*\)/32 -p tcp .*--dport 2049 -j REJECT --reject-with tcp-reset$|\1|p'
        ;;
    esac
  else
    echo "neither nft nor iptables is installed" >&2
    return 127
  fi
}

# nfs_file PLACE: sets `nfs_name` to the file that keeps how something was mounted there.
nfs_file() { nfs_name=$store/mount/$(printf '%s' "$1" | sed 's|%|%25|g; s|/|%2F|g').kept; }

# nfs_kept: what nfs_detach has kept, and nfs_attach has not mounted again: slice, type, source, place, options of the
# mount and those of its filesystem, with tabs between them; `end`.
nfs_kept() {
  for nfs_name in "$store"/mount/*.kept; do
    [ ! -e "$nfs_name" ] || cat "$nfs_name" || return
  done
  echo end
}

# nfs_under: sets `nfs_over` to the type of the filesystem that what nfs_at found is mounted on.
nfs_under() {
  nfs_over= nfs_mother=
  for nfs_turn in 1 2; do
    while read -r nfs_id nfs_parent _ _ _ nfs_rest; do
      case $nfs_turn:$nfs_id in
        "1:${nfs_found%% *}") nfs_mother=$nfs_parent ;;
        "2:$nfs_mother") nfs_over=${nfs_rest#*- } && nfs_over=${nfs_over%% *} ;;
      esac
    done <<END
$nfs_text
END
  done
}

# nfs_is ID DEVICE SOURCE PLACE: whether that very mount is the one on top there, and nothing is mounted below it. What has
# gone is no mistake (2); what else is there is left alone (1).
nfs_is() {
  nfs_at "$4" || return 1
  case $nfs_found in
    "$1 $2 nfs $3 "* | "$1 $2 nfs4 $3 "*) nfs_under ;;
    *)
      while read -r nfs_id _ nfs_device _ nfs_place nfs_rest; do
        # The kernel gives both numbers to the next mount, which may well be the cover of this one.
        case "$nfs_id $nfs_device ${nfs_rest#*- } " in
          "$1 $2 nfs $3 "* | "$1 $2 nfs4 $3 "*)
            echo "it is mounted on $nfs_place, below ${nfs_found:-nothing}" >&2
            return 1
            ;;
        esac
      done <<END
$nfs_text
END
      return 2
      ;;
  esac
  while read -r _ nfs_parent _ _ nfs_place _; do
    if [ "$nfs_parent" = "$1" ]; then
      echo "$nfs_place is mounted below it" >&2
      return 1
    fi
  done <<END
$nfs_text
END
}

# nfs_end ID DEVICE SOURCE PLACE: ends the processes that hold that very mount; each is looked at once more before.
nfs_end() {
  nfs_is "$@"
  case $? in 0) ;; 2) echo "nothing of it is mounted any more"; return 0 ;; *) return 1 ;; esac
  nfs_list=$(nfs_holders "$1" "$2" "$4") || return
  while read -r nfs_pid nfs_began _ _ _ _ nfs_name; do
    case $nfs_pid in end | cut | 1) continue ;; esac
    nfs_process "$nfs_pid" && [ "$nfs_start" = "$nfs_began" ] || continue
    kill -KILL "$nfs_pid" 2>/dev/null && echo "ended $nfs_pid $nfs_name"
  done <<END
$nfs_list
END
  :
}

# nfs_detach ID DEVICE SOURCE PLACE SLICE: takes that very mount away, whether its server answers or not. How it was
# mounted is kept before. What waits for the server ends with an error, from Linux 6.5 on also what asks later (the
# kernel's /sys/fs/nfs/MAJOR:MINOR/shutdown); then the mount is unmounted by force, and detached where somebody holds it
# still. Neither asks the server: no helper (-i), no path is resolved (-c). What is at the place then is the directory below:
# an empty filesystem that nobody can write covers it, or else everybody who goes on would write to the client's own disk.
# Not so inside another NFS mount: nobody writes to that disk there, and the cover would hold the other mount.
nfs_detach() {
  nfs_is "$1" "$2" "$3" "$4"
  case $? in 0) ;; 2) echo "nothing of it is mounted any more"; return 0 ;; *) return 1 ;; esac
  nfs_below=$nfs_over
  # shellcheck disable=SC2086
  nfs_type=${nfs_found#* } && nfs_type=${nfs_type#* } && nfs_type=${nfs_type%% *}
  nfs_file "$4"
  mkdir -p "$store/mount" 2>/dev/null &&
    keep "$nfs_name" "$5$tab$nfs_type$tab$3$tab$4$tab$nfs_own$tab${nfs_found##* }" ||
    { echo "cannot keep how it is mounted in $store/mount" >&2; return 1; }
  # Behind the detaching its paths tell nothing any more.
  echo "held by:"
  nfs_holders "$1" "$2" "$4"
  if [ -e "$sys/fs/nfs/$2/shutdown" ]; then
    printf '1\n' >"$sys/fs/nfs/$2/shutdown" && echo "its requests are shut down"
  fi
  if timeout -s KILL 10 umount -i -c -f -- "$4"; then
    echo "unmounted"
  else
    nfs_is "$1" "$2" "$3" "$4"
    case $? in
      0) timeout -s KILL 10 umount -i -c -l -- "$4" || return ;;
      2) ;;
      *) return 1 ;;
    esac
    echo "detached: it ends with the last process that holds it"
  fi
  case $nfs_below in nfs | nfs4) return 0 ;; esac
  nfs_at "$4" && [ -z "$nfs_found" ] || return 0
  timeout -s KILL 10 mount -t tmpfs -o ro,nosuid,nodev,size=64k pointsman-fenced "$4" ||
    echo "what is below $4 is not covered: whoever goes on there writes to this host's own disk"
}

# nfs_attach TYPE SOURCE PLACE OPTIONS: mounts it there, where nothing but an automounter is, and tries it; what nfs_detach
# has kept of it is done with only then.
nfs_attach() {
  nfs_at "$3" || return
  case $nfs_found in
    *" $1 $2 "*) ;;
    # Over the cover, which stays: without it whoever writes there meanwhile would write to this host's own disk.
    '' | *' autofs '* | *' tmpfs pointsman-fenced '*) timeout -s KILL 60 mount -t nfs -o "$4,retry=0" -- "$2" "$3" || return ;;
    *)
      echo "$nfs_found is mounted on $3" >&2
      return 1
      ;;
  esac
  nfs_try "$3" || return
  nfs_file "$3"
  rm -f "$nfs_name"
}

# nfs_try PLACE: three answers of statfs(2), and a directory that is made and taken away again; where the server lets nobody
# write, that is said and is no failure. Each in a child that can be killed. No file: who may write there could put a link at
# its name, and root would write to where that leads on this host.
nfs_try() {
  for nfs_turn in 1 2 3; do
    nfs_said=$(nfs_ask "$1" 9>&-)
    [ "$nfs_said" = answers ] || { echo "$1 $nfs_said, asked for the ${nfs_turn}. time" >&2; return 1; }
  done
  # One that an earlier trial could not take away again goes first.
  nfs_said=$(timeout -s KILL 10 sh -c 'rmdir "$1" 2>/dev/null; mkdir -m 700 "$1" && rmdir "$1"' sh "$1/.pointsman-$$" 2>&1 9>&-)
  case "$? $nfs_said" in
    0*) echo "it answers, and can be written" ;;
    *'Permission denied'* | *'Read-only file system'* | *'Operation not permitted'* | *'No space left on device'* | \
      *'Disk quota exceeded'*)
      echo "it answers; nothing can be written there by root: ${nfs_said##*: }"
      ;;
    *)
      echo "a directory cannot be made there: ${nfs_said:-no answer within 10 s}" >&2
      return 1
      ;;
  esac
}

# nfs_reach ADDRESS: an NFS server answers there (a call of its procedure 0, rpcinfo(8)).
nfs_reach() {
  command -v rpcinfo >/dev/null 2>&1 || { echo "rpcinfo is not installed" >&2; return 127; }
  for nfs_version in 4 3; do
    timeout -s KILL 5 rpcinfo -n 2049 -t "$1" 100003 "$nfs_version" >/dev/null 2>&1 && { echo answers; return 0; }
  done
  echo silent
}

# nfs_stuck: processes that wait in the kernel for NFS, in the same call for a second: process id, when it began, name. `end`.
nfs_stuck() {
  nfs_before=$(nfs_waits)
  [ -z "$nfs_before" ] || sleep 1
  nfs_after=${nfs_before:+$(nfs_waits)}
  while IFS= read -r nfs_line; do
    case "$nl$nfs_before$nl" in *"$nl$nfs_line$nl"*) [ -z "$nfs_line" ] || printf '%s\n' "${nfs_line#* }" ;; esac
  done <<END
$nfs_after
END
  echo end
}

# nfs_waits: processes that wait uninterruptibly in NFS or RPC: how often each has waited so far, and what nfs_stuck says.
nfs_waits() {
  for nfs_line in "$proc"/[0-9]*; do
    nfs_process "${nfs_line##*/}" && [ "$nfs_state" = D ] || continue
    first "$nfs_line/wchan"
    case $text in *nfs* | *rpc*) ;; *) continue ;; esac
    nfs_count=-
    while read -r nfs_key nfs_value _; do
      [ "$nfs_key" != voluntary_ctxt_switches: ] || nfs_count=$nfs_value
    done 2>/dev/null <"$nfs_line/status"
    first "$nfs_line/comm"
    word "$text"
    printf '%s %s %s %s\n' "$nfs_count" "${nfs_line##*/}" "$nfs_start" "$out"
  done
}
