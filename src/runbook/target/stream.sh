# pointsman: the part of the functions that brings a slice to a ZFS dataset of another server, by its snapshots (zfs-send(8)).
# The old server listens, and answers one line: what the other one has. It makes the next snapshot, says how large the stream
# is, and sends it. Our snapshots are called pointsman-RUN-N, and are held there so that nobody destroys them. The copy is
# a dataset with the property pointsman:copy, read-only until it is the slice; an old side that is kept has pointsman:old.

# What answers one connection; `dataset` and `run` are set before it. It is asked `nothing` (the other side has nothing),
# `since GUID` (it has that snapshot) or `resume TOKEN`, by whoever can open a connection on the other server, and says
# `stream BYTES` before the stream, `unknown` where it has not got what it is asked to go on from, or `refused WHY`.
stream_sender='
mine=$dataset@pointsman-
refuse() { printf "refused %s\n" "$(printf "%s" "$*" | tr "\n" " " | cut -c 1-300)"; exit 1; }
bytes() { sed -n "s/^size[[:space:]]*\([0-9][0-9]*\)\$/\1/p" | tail -n 1; }
IFS=" " read -r word what || exit
case $word in
  resume)
    case $what in "" | *[!0-9a-f-]*) refuse "that is no token" ;; esac
    # Whoever asks may have made it: it has to be of a snapshot of ours.
    told=$(zfs send -n -v -P -t "$what" 2>&1) && case $told in *"toname = $mine"*) ;; *) false ;; esac || { echo unknown; exit; }
    size=$(printf "%s\n" "$told" | bytes)
    printf "stream %s\n" "${size:--}"
    zfs send -t "$what" | cat
    exit
    ;;
  since) case $what in "" | *[!0-9]*) refuse "that is no snapshot" ;; esac ;;
  nothing) ;;
  *) refuse "that is not understood" ;;
esac
# Old tools know no bookmarks.
all=$(zfs list -H -o name -r -d 1 -t snapshot,bookmark "$dataset" 2>/dev/null) ||
  all=$(zfs list -H -o name -r -d 1 -t snapshot "$dataset" 2>&1) || refuse "$all"
base=
if [ "$word" = since ]; then
  for one in $all; do
    case $one in "$mine"* | "$dataset#pointsman-"*) ;; *) continue ;; esac
    [ "$(zfs get -H -p -o value guid "$one" 2>/dev/null)" != "$what" ] || base=$one
  done
  [ -n "$base" ] || { echo unknown; exit; }
fi
# What the other side has no use for; one that is being sent still says no, and goes later.
for one in $all; do
  case $one in
    "$base") ;;
    "$mine"*) zfs release pointsman "$one"; zfs destroy "$one" ;;
    "$dataset#pointsman-"*) zfs destroy "$one" ;;
  esac
done >/dev/null 2>&1
number=1
# shellcheck disable=SC2086
while printf "%s\n" $all | grep -q -x -e "$mine$run-$number" -e "$dataset#pointsman-$run-$number"; do number=$((number + 1)); done
new=$mine$run-$number
told=$(zfs snapshot "$new" 2>&1) && told=$(zfs hold pointsman "$new" 2>&1) || refuse "$told"
# How large it is not every tool can tell.
size=$(zfs send -n -v -P ${base:+-i "$base"} "$new" 2>&1 | bytes)
printf "stream %s\n" "${size:--}"
# Through a pipe, which every tool can write to.
zfs send ${base:+-i "$base"} "$new" | cat
'

# What asks and receives, as a task: DIR DATASET MARK ADDRESS:PORT. It ends with 10 where a stream did not arrive whole. What
# receives is in a session of its own: it fails once it is stopped and goes on (openzfs/zfs issues 4046 and 16132), so a task
# that stands still stops what feeds it. Only a marked dataset without any snapshot is received over (-F): nothing is undone.
stream_receiver='
dir=$1 dataset=$2 mark=$3 from=$4
is() { zfs get -H -p -o value "$1" "$2" 2>/dev/null; }
snapshots() { zfs list -H -o name -s creation -r -d 1 -t snapshot "$dataset"; }
tries=3
while [ "$tries" -gt 0 ]; do
  tries=$((tries - 1))
  [ "$(is pointsman:copy "$dataset")" = "$mark" ] || { echo "$dataset does not bear the mark of this copy"; exit 1; }
  # A tool that does not know the property cannot go on with a stream either.
  token=$(is receive_resume_token "$dataset") && resumes=-s || token= resumes=
  [ "$token" != - ] || token=
  all=$(snapshots) || exit 1
  newest= first=-F
  for one in $all; do
    case $one in "$dataset@pointsman-"*) newest=$one first= ;; *) echo "$one is no snapshot of ours"; exit 1 ;; esac
  done
  if [ -n "$token" ]; then ask="resume $token"; elif [ -n "$newest" ]; then ask="since $(is guid "$newest")"; else ask=nothing; fi
  # A port that only root can have: by that it is told from everybody else on this host.
  own=
  [ "$(id -u)" != 0 ] || own=,lowport
  printf "%s\n" "$ask" |
    sh -c "printf \"%s\\n\" \$\$ >\"\$1/pump\"; exec socat -t 31536000 - \"\$2\"" pump "$dir" \
      "TCP4:$from$own,connect-timeout=20,keepalive,keepidle=20,keepintvl=10,keepcnt=3" | {
    IFS= read -r line || { echo "nobody answers at $from"; exit 10; }
    case $line in
      "stream "*) printf "%s\n" "${line#stream }" >"$dir/size" ;;
      unknown) exit 20 ;;
      "refused "*) echo "the other server: ${line#refused }"; exit 1 ;;
      *) echo "$from says something else"; exit 1 ;;
    esac
    # shellcheck disable=SC2086
    setsid zfs receive $resumes $first "$dataset" || exit 10
  }
  code=$?
  [ "$code" = 20 ] || break
  # It has nothing that this one could go on from: from the beginning.
  if [ -n "$token" ]; then
    zfs receive -A "$dataset" || exit 1
  else
    for one in $all; do zfs destroy "$one" || exit 1; done
  fi
done
[ "$code" = 0 ] || exit "$code"
all=$(snapshots) && newest=$(printf "%s\n" "$all" | tail -n 1) || exit 1
for one in $all; do [ "$one" = "$newest" ] || zfs destroy "$one" || exit 1; done
[ "$(is mounted "$dataset")" = yes ] || zfs mount "$dataset" || exit 1
read -r size <"$dir/size"
echo "Size of the stream: $size bytes"
# How long the rest took says nothing of what comes next.
[ -z "$token" ] || echo Resumed
'

# stream_serve NAME PLACE DATASET ADDRESS PORT CLIENT: lets root of that one client ask for that one dataset, for as long as the
# task runs.
stream_serve() {
  mounted_at "$2"
  [ "$seen" = "$3" ] || { echo "$2 is not $3 but ${seen:-nothing}" >&2; return 1; }
  case $3$run in *[!A-Za-z0-9_.:/-]*) echo "the name $3 holds more than letters, digits and _.:/-" >&2; return 1 ;; esac
  mkdir -p "$store/task" && keep "$store/task/$1.send" "dataset=$3 run=$run$stream_sender" || return
  # It has nothing to end for: one that could not begin, or was killed, begins anew.
  task_at "$1" || return
  [ "$is" != ended ] || rm -rf "$dir" || return
  own=
  [ "$(id -u)" != 0 ] || own=lowport,
  task_go "$1" 31536000 socat -t 31536000 \
    "TCP4-LISTEN:$5,bind=$4,range=$6/32,${own}reuseaddr,fork,max-children=4,keepalive,keepidle=20,keepintvl=10,keepcnt=3" \
    "EXEC:sh $store/task/$1.send,nofork" && task_stays "$1"
}

# stream_release DATASET: nothing of ours is left there but bookmarks, which hold no space: a later run goes on from them.
stream_release() {
  all=$(zfs list -H -o name -r -d 1 -t snapshot "$1") || return
  for one in $all; do
    case $one in "$1@pointsman-"*) ;; *) continue ;; esac
    zfs bookmark "$one" "$1#${one#*@}" >/dev/null 2>&1
    zfs release pointsman "$one" >/dev/null 2>&1
    zfs destroy "$one" || return
  done
}

# stream_begin PLACE DATASET TEXT: the dataset that is mounted there, empty or with this mark already, is marked and read-only.
stream_begin() {
  mounted_at "$1"
  [ "$seen" = "$2" ] || { echo "$1 is not $2 but ${seen:-nothing}" >&2; return 1; }
  found=$(zfs get -H -o value pointsman:copy "$2") || return
  if [ "$found" = - ]; then
    found=$(copy_mark "$1") && all=$(zfs list -H -o name -r -d 1 -t snapshot "$2") || return
    [ "$found" = empty ] && [ -z "$all" ] || { echo "$2 holds something: $found $all" >&2; return 1; }
    zfs set "pointsman:copy=$3" "$2" || return
  elif [ "$found" != "$3" ]; then
    echo "$2 holds something else: $found" >&2
    return 1
  fi
  zfs set readonly=on "$2"
}

# stream_ready PLACE DATASET TEXT: `ready` when a stream may be received there: a dataset with that mark, and not exported.
stream_ready() {
  found=$(zfs get -H -o value pointsman:copy "$2" 2>&1)
  [ "$found" = "$3" ] || { echo "$2 is something else: $found"; return; }
  copy_private "$1" || return 0
  echo ready
}

# stream_go NAME SECONDS DATASET TEXT ADDRESS:PORT: begins a task that receives what is new, or lets it go on.
stream_go() {
  mkdir -p "$store/task" && keep "$store/task/receive.sh" "$stream_receiver" || return
  name=$1 lease=$2
  shift 2
  task_go "$name" "$lease" sh "$store/task/receive.sh" "$store/task/$name" "$@"
}

# stream_left NAME: `stream BYTES DONE` of the last numbered part of the task; a dash for what is not known.
stream_left() {
  part=1 size=- bytes=- pump=
  while [ -d "$store/task/$1.$((part + 1))" ]; do part=$((part + 1)); done
  dir=$store/task/$1.$part
  [ ! -s "$dir/size" ] || read -r size <"$dir/size" || return
  [ ! -s "$dir/pump" ] || read -r pump <"$dir/pump" || return
  # What has gone through it (proc_pid_io(5)).
  [ -z "$pump" ] || bytes=$(sed -n 's/^wchar: //p' "/proc/$pump/io" 2>/dev/null)
  echo "stream $size ${bytes:--}"
}

# stream_unlock DATASET TEXT: the copy with that mark can be written. stream_lock DATASET TEXT: the reverse: it is as it was received.
stream_unlock() {
  found=$(zfs get -H -o value pointsman:copy "$1") || return
  [ "$found" = "$2" ] || { echo "$1 is something else: $found" >&2; return 1; }
  zfs set readonly=off "$1"
}
stream_lock() {
  found=$(zfs get -H -o value pointsman:copy "$1") || return
  [ "$found" = "$2" ] || { echo "$1 is something else: $found" >&2; return 1; }
  zfs set readonly=on "$1" && all=$(zfs list -H -o name -s creation -r -d 1 -t snapshot "$1") || return
  # To read it has written when it was read.
  case ${all##*"$nl"} in "$1@pointsman-"*) zfs rollback "${all##*"$nl"}" ;; esac
}

# stream_close DATASET: it is no copy any more, but the slice. Clients wait for that: a snapshot of ours that does not go, for
# somebody holds it, keeps nobody away, and goes with the next migration.
stream_close() {
  found=$(zfs get -H -o value pointsman:copy "$1") || return
  [ "$found" != - ] || return 0
  zfs inherit pointsman:copy "$1" && all=$(zfs list -H -o name -r -d 1 -t snapshot "$1") || return
  for one in $all; do
    case $one in "$1@pointsman-"*) zfs destroy "$one" || : ;; esac
  done
}

# stream_keep DATASET NAME: the old side of a slice, which is kept: nothing but what is marked so is ever destroyed.
stream_keep() { stream_release "$1" && zfs set "pointsman:old=$2" "$1"; }

# stream_destroy DATASET NAME: with all of its snapshots, where it is marked so and nothing but snapshots goes with it: what
# somebody has made below it meanwhile is no old side.
stream_destroy() {
  # Of a pool that is not imported no dataset exists either.
  zfs list -H -o name "${1%%/*}" >/dev/null || return
  all=$(zfs list -H -o name -r -t filesystem,volume "$1" 2>&1) || {
    case $all in *'does not exist'*) return 0 ;; *) echo "$all" >&2; return 1 ;; esac
  }
  found=$(zfs get -H -o value pointsman:old "$1") || return
  [ "$found" = "$2" ] || { echo "$1 is not marked as an old side of $2, but $found" >&2; return 1; }
  [ "$all" = "$1" ] || { echo "$1 has datasets below it, which would be destroyed with it:${all#"$1"}" >&2; return 1; }
  zfs destroy -r "$1"
}

# stream_stand DATASET: what it is, a line each; `end` shows that nothing is missing. What the tool does not know is left out:
# properties that clients would notice, whether a stream can be gone on with, datasets below, snapshots (our last one, and
# how many others), and how many bytes were written since ours.
stream_stand() {
  kind=$(zfs get -H -o value type "$1") && found=$(zfs get -H -o value pointsman:copy "$1") &&
    old=$(zfs get -H -o value pointsman:old "$1") && below=$(zfs list -H -o name -r -t filesystem,volume "$1") &&
    all=$(zfs list -H -o name -s creation -r -d 1 -t snapshot "$1") || return
  echo "type $kind"
  echo "copy $found"
  echo "old $old"
  for key in acltype xattr encryption mountpoint; do
    text=$(zfs get -H -o value "$key" "$1" 2>/dev/null) && echo "$key $text"
  done
  zfs get -H -o value receive_resume_token "$1" >/dev/null 2>&1 && echo resumes
  echo "below $(($(printf '%s\n' "$below" | wc -l) - 1))"
  newest= number=0
  for one in $all; do
    case $one in "$1@pointsman-"*) newest=$one ;; *) number=$((number + 1)) ;; esac
  done
  echo "others $number"
  [ -z "$newest" ] || { text=$(zfs get -H -p -o value guid "$newest") && echo "last ${newest#*@} $text"; } || return
  text=$(zfs get -H -p -o value "written${newest:+@${newest#*@}}" "$1" 2>/dev/null) && echo "written $text"
  echo end
}
