# pointsman: the part of the functions that keeps long tasks, which outlive the call and the console, and copies slices.
# A task is a directory below task/ of the store: `pid` (process, when it began by /proc, boot, uptime), `argv`, `until`
# (uptime up to which it may run unwatched), `run` (for which run), `stopped` (since when it stands still), `rested` (for how long it did before
# that), `log` (the last of what it printed) and, once it has ended, `code`. Uptimes: a clock may be set.

# What leads the process group of a task. It stops the whole group once nobody has renewed its time: whoever starts a
# task steers it by how others fare, and one that nobody steers rests until somebody does.
task_body='
dir=$1
shift
IFS= read -r line </proc/$$/stat
line=${line##*") "}
began=$(printf "%s\n" "$line" | cut -d " " -f 20)
read -r boot </proc/sys/kernel/random/boot_id
read -r up _ </proc/uptime
printf "%s\n" "$$ $began $boot ${up%%.*}" >"$dir/pid.new" && mv "$dir/pid.new" "$dir/pid" || exit
(
  while sleep 5; do
    # Without its leader nobody would ever tell how the program ends.
    line=
    { IFS= read -r line </proc/$$/stat; } 2>/dev/null
    case ${line##*") "} in
      "" | [XxZ]*) trap "" TERM; kill -TERM "-$$"; sleep 5; kill -KILL "-$$" ;;
    esac
    read -r until <"$dir/until" && read -r up _ </proc/uptime || continue
    [ "${up%%.*}" -lt "$until" ] || { printf "%s\n" "${up%%.*}" >"$dir/stopped" && kill -STOP "-$$"; }
  done
) &
watch=$!
{ "$@" 2>&1; code=$?; read -r up _ </proc/uptime; printf "%s\n" "$code ${up%%.*}" >"$dir/code.new"; } |
  tail -c 32768 >"$dir/log"
mv "$dir/code.new" "$dir/code"
kill "$watch"
'

# task_at NAME: sets `is` to none, running, held, ended or vanished, and `pid`, `since`, `ended`, `until` to what is known;
# not `code`, which is that of the step that asks.
# A process is the task only if it began at the very tick that the task wrote down, in this boot: numbers of processes
# are given out anew, though never while a group of that number is left. Whatever is left of the group is the task: its
# leader ends at once when it is told to, and the program may not. Once all of it has gone, the number may be that of a
# stranger's group, whose leader has gone as well (a daemon that forks twice): without a leader the task's own mark counts.
task_at() {
  dir=$store/task/$1 is=none pid= began= booted= since=0 ended= over=0 until=0 rested=0
  [ -d "$dir" ] || return 0
  is=vanished
  [ ! -s "$dir/pid" ] || read -r pid began booted since <"$dir/pid" || return
  [ ! -s "$dir/until" ] || read -r until <"$dir/until" || return
  [ ! -s "$dir/rested" ] || read -r rested <"$dir/rested" || return
  if [ -s "$dir/code" ]; then
    read -r ended over <"$dir/code" && is=ended
    return
  fi
  read -r boot </proc/sys/kernel/random/boot_id || return
  [ -n "$pid" ] && [ "$boot" = "$booted" ] || return 0
  # Its state is the third field, its beginning the 22nd (proc_pid_stat(5)); the name before them may hold anything.
  line=
  { IFS= read -r line <"/proc/$pid/stat"; } 2>/dev/null
  line=${line##*') '}
  [ -z "$line" ] || [ "$(printf '%s\n' "$line" | cut -d ' ' -f 20)" = "$began" ] || return 0
  case $line in
    '') if task_marked "$pid"; then is=$(task_group "$pid") || is=vanished; fi ;;
    [XxZ]*) is=$(task_group "$pid") || is=vanished ;;
    [Tt]*) is=held ;;
    *) is=running ;;
  esac
}

# task_group PID: what is left of that process group: running, or held where all of it stands still; fails where nothing is.
# Behind a process's name, which may hold anything, there are its state, parent and group, and numbers to the end.
task_group() {
  states=$(printf '%s\n' /proc/[0-9]*/stat | xargs cat 2>/dev/null |
    sed -n "s/.*) \\([A-Za-z]\\) [0-9]* $1 [-0-9 ]*\$/\\1/p" | tr -d 'XxZ\n')
  case $states in '') return 1 ;; *[!Tt]*) echo running ;; *) echo held ;; esac
}

# task_marked PID: a process of that group has the mark with which the task of `dir` was begun in its environment.
task_marked() {
  for stat in /proc/[0-9]*/stat; do
    { IFS= read -r line <"$stat"; } 2>/dev/null || continue
    # State, parent, group.
    case ${line##*') '} in [!XxZ]" "*" $1 "*) ;; *) continue ;; esac
    ! tr '\000' '\n' 2>/dev/null <"${stat%stat}environ" | grep -q -x -F -e "POINTSMAN_TASK=$dir" || return 0
  done
  return 1
}

# task_part PART NAME: whether it is that task or one of its numbered parts: a name may hold dots itself.
task_part() { case ${1#"$2"} in '') ;; .*[!0-9]* | . | [!.]*) return 1 ;; esac; }

# task_lease NAME SECONDS: it may run so long unwatched, for the run that holds the host now.
task_lease() {
  printf '%s\n' "${run-}" >"$store/task/$1/run" &&
    read -r up _ </proc/uptime && keep "$store/task/$1/until" "$((${up%%.*} + $2))"
}

# task_go NAME SECONDS PROGRAM ARG…: begins the task, unless it runs or has ended: one that was held goes on, and one that
# vanished begins anew. It may run so many seconds before somebody has to say so again.
task_go() {
  name=$1 lease=$2
  shift 2
  task_at "$name" || return
  case $is in
    ended) return 0 ;;
    running | held)
      if [ -s "$dir/stopped" ]; then
        read -r stopped <"$dir/stopped" && read -r up _ </proc/uptime &&
          keep "$dir/rested" "$((rested + ${up%%.*} - stopped))" && rm -f "$dir/stopped" || return
      fi
      task_lease "$name" "$lease" && kill -CONT "-$pid"
      return
      ;;
  esac
  # Without a program it was only to go on.
  [ $# -gt 0 ] || { echo "$name does not run" >&2; return 1; }
  command -v setsid >/dev/null 2>&1 || { echo "setsid is not installed" >&2; return 127; }
  rm -rf "$dir" && mkdir -p "$dir" && task_lease "$name" "$lease" && keep "$dir/argv" "$*" || return
  # The lock is not the task's to keep.
  POINTSMAN_TASK=$dir setsid sh -c "$task_body" pointsman-task "$dir" "$@" </dev/null >/dev/null 2>&1 9>&- &
  left=50
  until [ -s "$dir/pid" ] || [ -e "$dir/code" ]; do
    [ "$left" -gt 0 ] || { echo "$name did not begin" >&2; return 1; }
    if sleep 0.1 2>/dev/null; then left=$((left - 1)); else sleep 1 && left=$((left - 10)); fi
  done
}

# task_stays NAME: complains of a task that was begun and has ended at once, as one that cannot listen where it should.
task_stays() {
  sleep 0.3 2>/dev/null || sleep 1
  task_at "$1" || return
  [ "$is" = running ] || { echo "$1 did not go on: $(tail -n 1 "$dir/log")" >&2; return 1; }
}

# task_hold NAME: it stands still, wherever it is; task_go lets it go on.
task_hold() {
  task_at "$1" || return
  [ "$is" = running ] || return 0
  read -r up _ </proc/uptime && keep "$dir/stopped" "${up%%.*}" && kill -STOP "-$pid"
}

# task_end NAME…: none of these, or of their numbered parts, runs any more. What does not belong to them is not signalled.
task_end() {
  for name; do
    for dir in "$store/task/$name" "$store/task/$name".[0-9]*; do
      one=${dir##*/}
      [ -d "$dir" ] && task_part "$one" "$name" || continue
      task_at "$one" || return
      case $is in running | held) ;; *) continue ;; esac
      kill -TERM "-$pid"
      kill -CONT "-$pid"
      read -r up _ </proc/uptime || return
      ends=$((${up%%.*} + 5))
      while task_at "$one" && case $is in running | held) ;; *) false ;; esac; do
        read -r up _ </proc/uptime || return
        [ "${up%%.*}" -lt "$ends" ] || kill -KILL "-$pid"
        [ "${up%%.*}" -lt $((ends + 3)) ] || { echo "$one does not end" >&2; return 1; }
        sleep 0.1 2>/dev/null || sleep 1
      done
    done
  done
}

# task_forget NAME…: they have ended, and nothing of them is kept.
task_forget() {
  task_end "$@" || return
  for name; do
    for dir in "$store/task/$name" "$store/task/$name".[0-9]*; do
      ! task_part "${dir##*/}" "$name" || rm -rf "$dir" || return
    done
  done
}

# task_end_of RUN: nothing runs any more that runs for that one: nobody will end it who knows of it.
task_end_of() {
  for mine in "$store/task"/*/run; do
    { IFS= read -r runs_for <"$mine"; } 2>/dev/null && [ "$runs_for" = "$1" ] || continue
    mine=${mine%/run}
    task_end "${mine##*/}" || return
  done
}

# task_tell NAME: where it stands: `task NAME WHERE SECONDS` (for how long it ran, without those that it stood still before),
# with what is left of its time, or its exit code; its words, and the last lines of what it printed once it has ended.
task_tell() {
  task_at "$1" || return
  case $is in
    ended) echo "task $1 ended $((over - since - rested)) $ended" ;;
    running | held)
      read -r up _ </proc/uptime || return
      echo "task $1 $is $((${up%%.*} - since - rested)) $((until - ${up%%.*}))"
      ;;
    *) echo "task $1 $is" ;;
  esac
  [ ! -s "$dir/argv" ] || sed 's/^/argv /' "$dir/argv"
  [ "$is" != ended ] || [ ! -s "$dir/log" ] || tail -n 40 "$dir/log" | cut -c 1-300 | sed 's/^/log /'
}

# task NAME: the same of one task.
task() { task_tell "$1" && echo end; }

# tasks NAME: the same of its numbered parts in their order. `end` shows that nothing is missing.
tasks() {
  part=1
  while [ -d "$store/task/$1.$part" ]; do
    task_tell "$1.$part" || return
    part=$((part + 1))
  done
  echo end
}

# mounted_at PLACE: sets `seen` to the device on top there, `kind` to its type, and `how` to ro or rw; nothing where none is.
mounted_at() {
  seen= kind= how=
  while read -r _ _ _ _ at options rest; do
    [ "$at" = "$1" ] || continue
    # Optional fields, a dash, the type and the device (proc_pid_mountinfo(5)).
    rest=" $rest"
    # shellcheck disable=SC2086
    set -- "$1" ${rest##*' - '}
    kind=${2-} seen=${3-}
    case ,$options, in *,ro,*) how=ro ;; *) how=rw ;; esac
  done <"$proc/self/mountinfo"
}

# copy_mark PLACE: what the filesystem there says it is: `mark TEXT` by our own file or property, `empty`, or `used`.
copy_mark() {
  text=
  mounted_at "$1"
  if [ "$kind" = zfs ]; then
    text=$(zfs get -H -o value pointsman:copy "$seen") || return
    [ "$text" = - ] || { echo "mark $text"; return; }
  fi
  if [ -e "$1/.pointsman-copy" ]; then
    IFS= read -r text <"$1/.pointsman-copy" || return
    echo "mark $text"
  else
    # shellcheck disable=SC2010 # only whether there is anything counts
    text=$(ls -A "$1") || return
    case $text in '' | lost+found) echo empty ;; *) echo used ;; esac
  fi
}

# copy_begin PLACE DEVICE TEXT: the filesystem of that device, which is empty or bears this mark already, is marked.
copy_begin() {
  mounted_at "$1"
  [ "$seen $how" = "$2 rw" ] || { echo "$1 is not $2, writable, but ${seen:-nothing} $how" >&2; return 1; }
  found=$(copy_mark "$1") || return
  case $found in
    "mark $3") ;;
    empty) keep "$1/.pointsman-copy" "$3" ;;
    *) echo "$1 holds something else: $found" >&2; return 1 ;;
  esac
}

# copy_close PLACE: the mark goes: what is there is no copy any more, but the slice.
copy_close() {
  rm -f "$1/.pointsman-copy" || return
  mounted_at "$1"
  [ "$kind" != zfs ] || stream_close "$seen"
}

# copy_private PLACE: whether it is exported to nobody; else it says so.
copy_private() {
  if command -v exportfs >/dev/null 2>&1; then
    found=$(exportfs -v) || { echo "exports are not known"; return 1; }
    case "$nl$found" in *"$nl$1$tab"* | *"$nl$1 "* | *"$nl$1$nl"*) echo "$1 is exported"; return 1 ;; esac
  fi
}

# copy_ready PLACE DEVICE TEXT: `ready` when a copy may be written there: the very filesystem, with its mark, and not exported.
copy_ready() {
  mounted_at "$1"
  [ "$seen $how" = "$2 rw" ] || { echo "$1 is not $2, writable, but ${seen:-nothing} $how"; return; }
  found=$(copy_mark "$1")
  [ "$found" = "mark $3" ] || { echo "$1 holds something else: $found"; return; }
  copy_private "$1" || return 0
  echo ready
}

# copy_room PLACE: `kib SIZE USED FREE inodes SIZE USED FREE` of the filesystem there.
copy_room() {
  text=$(df -P -k -- "$1" | tail -n 1) && more=$(df -P -i -- "$1" | tail -n 1) || return
  # shellcheck disable=SC2086
  set -- $text $more
  [ $# -ge 12 ] && echo "kib $2 $3 $4 inodes $8 $9 ${10}"
}

# copy_serve NAME PLACE DEVICE ADDRESS PORT CLIENT: an rsync daemon (rsyncd.conf(5)) that lets that one client read that
# one filesystem, for as long as the task runs. Each transfer begins only while the device is mounted there: an empty
# mount point would have the copy deleted.
copy_serve() {
  mounted_at "$2"
  [ "$seen" = "$3" ] || { echo "$2 is not $3 but ${seen:-nothing}" >&2; return 1; }
  number=$(stat -c %d "$2") && mkdir -p "$store/task" || return
  conf=$store/task/$1.conf
  # In a file of its own: a percent sign means something else in the configuration.
  keep "$store/task/$1.same" "test \"\$(stat -c %d '$2')\" = $number" || return
  keep "$conf" "use chroot = yes
uid = 0
gid = 0
read only = yes
list = no
numeric ids = yes
reverse lookup = no
address = $4
port = $5
max connections = 4
lock file = $store/task/$1.lock
log file = /dev/null
[$1]
path = $2
hosts allow = $6
hosts deny = *
pre-xfer exec = sh $store/task/$1.same" || return
  # A daemon has nothing to end for: one that could not begin, or was killed, begins anew.
  task_at "$1" || return
  [ "$is" != ended ] || rm -rf "$dir" || return
  task_go "$1" 31536000 rsync --daemon --no-detach "--config=$conf" && task_stays "$1"
}

# copy_remount ro|rw PLACE: what mounted_at has seen there becomes that; a dataset for good, and not for this boot alone.
copy_remount() {
  case $kind.$1 in
    zfs.ro) zfs set readonly=on "$seen" || return ;;
    zfs.rw) zfs set readonly=off "$seen" || return ;;
  esac
  # A dataset is mounted anew by that, but for one whose place is in fstab.
  mounted_at "$2"
  [ "$how" = "$1" ] || mount -o "remount,$1" -- "$2"
}

# copy_freeze PLACE DEVICE NAME: nothing can write there any more; since when is written down. What is written down of
# one that could be written since is an earlier run's: also that it was kept as an old side, for the slice is here.
copy_freeze() {
  mounted_at "$1"
  [ "$seen" = "$2" ] || { echo "$1 is not $2 but ${seen:-nothing}" >&2; return 1; }
  [ "$how" = ro ] || { rm -f "$store/task/$3.frozen" "$store/old/$3" && copy_remount ro "$1"; } || return
  [ -s "$store/task/$3.frozen" ] || {
    read -r up _ </proc/uptime && read -r boot </proc/sys/kernel/random/boot_id || return
    mkdir -p "$store/task" && keep "$store/task/$3.frozen" "$boot ${up%%.*}"
  }
}

# copy_thaw PLACE DEVICE NAME: the reverse.
copy_thaw() {
  mounted_at "$1"
  [ "$seen" = "$2" ] || { echo "$1 is not $2 but ${seen:-nothing}" >&2; return 1; }
  [ "$how" = rw ] || copy_remount rw "$1" || return
  rm -f "$store/task/$3.frozen"
}

# copy_frozen NAME: `frozen SECONDS`, or `no`.
copy_frozen() {
  [ -s "$store/task/$1.frozen" ] || { echo no; return; }
  read -r booted since <"$store/task/$1.frozen" && read -r boot </proc/sys/kernel/random/boot_id || return
  read -r up _ </proc/uptime || return
  [ "$boot" = "$booted" ] || { echo no; return; }
  echo "frozen $((${up%%.*} - since))"
}

# old_keep NAME DAYS WHERE: the old side of a slice is kept for so many days from now on; what it moved to.
old_keep() {
  mkdir -p "$store/old" || return
  [ -s "$store/old/$1" ] || keep "$store/old/$1" "$(date +%s) $2 $3"
}

# old_kept NAME: `old SECONDS DAYS WHERE`: since when it is kept, for how long, and what it moved to; or `no`.
old_kept() {
  [ -s "$store/old/$1" ] || { echo no; return; }
  read -r since days where <"$store/old/$1" && echo "old $(($(date +%s) - since)) $days $where"
}

# old_wipe PLACE DEVICE NAME: it is unmounted, and nothing on the device is a filesystem any more, or the dataset is gone.
old_wipe() {
  mounted_at "$1"
  case "$seen $how" in
    ' ') ;;
    "$2 ro") umount -- "$1" || return ;;
    *) echo "$1 is not $2, read-only, but $seen $how" >&2; return 1 ;;
  esac
  ! grep -q -F " $2 " "$proc/self/mountinfo" || { echo "$2 is mounted elsewhere" >&2; return 1; }
  case $2 in
    /*) wipefs --all --quiet -- "$2" ;;
    *) stream_destroy "$2" "$3" ;;
  esac && rm -f "$store/old/$3"
}

# old_blank DEVICE: `blank`, or what is on it. A dataset that its pool does not have holds nothing.
old_blank() {
  case $1 in
    /*) ;;
    *)
      zfs list -H -o name "${1%%/*}" >/dev/null || return
      found=$(zfs list -H -o name "$1" 2>&1) && { echo TYPE=zfs; return; }
      case $found in *'does not exist'*) echo blank ;; *) echo "$1 cannot be read" ;; esac
      return
      ;;
  esac
  [ -b "$1" ] || { echo "$1 is no block device"; return; }
  found=$(blkid -p -o export -- "$1" 2>/dev/null)
  case $? in 0) echo "$found" | grep '^TYPE=' ;; 2) echo blank ;; *) echo "$1 cannot be read" ;; esac
}

# hour ZONE: the day of the week (1 is Monday), hour and minute there, as `7 23:59`. A zone that the host does not know is
# not taken for UTC, as date(1) would.
hour() {
  [ "$1" = UTC ] || [ -e "/usr/share/zoneinfo/$1" ] || { echo "the zone $1 is not known here" >&2; return 1; }
  TZ=$1 date '+%u %H:%M'
}

# disk_pace: requests of all disks and the milliseconds that they took, summed since boot (/proc/diskstats): of what has a
# device of its own, not of what is made of others.
disk_pace() {
  ops=0 ms=0
  while read -r _ _ name reads _ _ read_ms writes _ _ write_ms _; do
    [ -e "$sys/block/$name/device" ] || continue
    ops=$((ops + reads + writes)) ms=$((ms + read_ms + write_ms))
  done <"$proc/diskstats"
  echo "mounts 1 ops $ops rtt_ms $ms"
}

