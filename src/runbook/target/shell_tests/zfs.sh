# A zfs(8) of directories, with the rules that matter here: what is sent since a snapshot is received only over that snapshot and
# what was not changed since; a held snapshot stays; -F takes a dataset without snapshots only. Where `old` is a file of its
# root, it is a tool of 2011: no tokens, no bookmarks, no `written`. A dataset's content is the file `head`.
root=$(dirname "$0")/../zfs
fail() { echo "cannot $*" >&2; exit 1; }
at() { printf '%s/%s\n' "$root" "$(printf '%s' "$1" | tr / =)"; }
there() { [ -d "$(at "${1%%[@#]*}")" ] || fail "open '$1': dataset does not exist"; }
old() { [ -e "$root/old" ]; }
snapshot() { printf '%s/snap/%s\n' "$(at "${1%%@*}")" "${1#*@}"; }
# names DIR: snapshots or bookmarks, the oldest first.
names() {
  for one in "$1"/*; do
    guid=$(cat "$one/guid" 2>/dev/null || cat "$one" 2>/dev/null) && echo "$guid ${one##*/}"
  done | sort -n | cut -d ' ' -f 2
}
verb=$1
shift
echo "$verb $*" >>"$root/ran"
case $verb in
  list)
    types=filesystem
    while [ $# -gt 1 ]; do case $1 in -t) types=$2; shift 2 ;; -o | -s | -d) shift 2 ;; *) shift ;; esac; done
    case $1 in */*) there "$1" ;; esac
    case $types in
      *bookmark*) ! old || fail "list: invalid type 'bookmark'"
        names "$(at "$1")/mark" | sed "s|^|$1#|" ;;
    esac
    case $types in
      *snapshot*) names "$(at "$1")/snap" | sed "s|^|$1@|" ;;
      *) echo "$1"; [ "$types" = filesystem ] || for below in "$(at "$1")"=*; do [ ! -d "$below" ] || echo "${below##*/}"; done ;;
    esac
    ;;
  get)
    while case $1 in -o) shift ;; -*) ;; *) false ;; esac; do shift; done
    there "$2"
    dir=$(at "${2%%[@#]*}")
    case $1 in
      guid) case $2 in *@*) cat "$(snapshot "$2")/guid" ;; *) cat "$dir/mark/${2#*#}" ;; esac ;;
      receive_resume_token) ! old || fail "get: invalid property"
        if [ -s "$dir/token" ]; then cat "$dir/token"; else echo -; fi ;;
      written@*) ! old || fail "get: invalid property"
        if cmp -s "$dir/head" "$dir/snap/${1#*@}/data"; then echo 0; else echo 4096; fi ;;
      written) ! old || fail "get: invalid property"
        wc -c <"$dir/head" | tr -d ' ' ;;
      acltype) ! old || fail "get: invalid property"
        echo posix ;;
      type) echo filesystem ;;
      mountpoint) echo /srv/web1 ;;
      mounted) echo yes ;;
      *) if [ -s "$dir/prop/$1" ]; then cat "$dir/prop/$1"; else echo -; fi ;;
    esac
    ;;
  set)
    there "$2"
    printf '%s\n' "${1#*=}" >"$(at "$2")/prop/${1%%=*}"
    # It is mounted anew by that.
    case $1 in
      readonly=on) sed -i "s|rw,noatime shared:1 - zfs $2 |ro,noatime shared:1 - zfs $2 |" "$root/../proc/self/mountinfo" ;;
      readonly=off) sed -i "s|ro,noatime shared:1 - zfs $2 |rw,noatime shared:1 - zfs $2 |" "$root/../proc/self/mountinfo" ;;
    esac
    ;;
  inherit) rm -f "$(at "$2")/prop/$1" ;;
  snapshot)
    there "$1"
    new=$(snapshot "$1")
    mkdir "$new" 2>/dev/null || fail "create snapshot '$1': dataset already exists"
    cp "$(at "${1%%@*}")/head" "$new/data"
    echo $(($(cat "$root/guid") + 1)) >"$root/guid"
    cp "$root/guid" "$new/guid"
    ;;
  hold) : >"$(snapshot "$2")/held" ;;
  release) rm "$(snapshot "$2")/held" ;;
  bookmark)
    ! old || fail "bookmark: unrecognized command"
    cp "$(snapshot "$1")/guid" "$(at "${2%%#*}")/mark/${2#*#}"
    ;;
  destroy)
    [ "$1" != -r ] || { shift; there "$1"; rm -rf "$(at "$1")"; exit; }
    case $1 in
      *'#'*) rm "$(at "${1%%#*}")/mark/${1#*#}" ;;
      *@*) [ ! -e "$(snapshot "$1")/held" ] || fail "destroy '$1': dataset is busy"
        rm -r "$(snapshot "$1")" ;;
      *) fail "destroy '$1' in these tests" ;;
    esac
    ;;
  rollback) cp "$(snapshot "$1")/data" "$(at "${1%%@*}")/head" ;;
  mount) fail "mount '$1': filesystem already mounted" ;;
  send)
    dry= base=- token=
    while [ $# -gt 1 ]; do
      case $1 in -n) dry=yes; shift ;; -i) base=$2; shift 2 ;; -t) token=$2; shift ;; *) shift ;; esac
    done
    old && [ -n "$dry$token" ] && fail "send: invalid option"
    # A token holds the number of a snapshot: 1-NUMBER.
    what=$1
    if [ -n "$token" ]; then
      what=
      for guid in "$root"/*/snap/*/guid; do
        [ "$(cat "$guid")" != "${token#1-}" ] || what=${guid%/guid}
      done
      [ -n "$what" ] || fail "resume send: '$token' used in the initial send no longer exists"
      set=${what%/snap/*}
      what=$(printf '%s' "${set##*/}" | tr = /)@${what##*/}
    fi
    dir=$(snapshot "$what")
    [ -d "$dir" ] || fail "open '$what': dataset does not exist"
    if [ -n "$dry" ]; then
      [ -z "$token" ] || printf 'resume token contents:\nnvlist version: 0\n\ttoname = %s\n' "$what"
      printf 'full\t%s\t%s\nsize\t%s\n' "$what" "$(wc -c <"$dir/data" | tr -d ' ')" "$(wc -c <"$dir/data" | tr -d ' ')"
      exit
    fi
    since=-
    case $base in
      *@*) since=$(cat "$(snapshot "$base")/guid") || exit ;;
      *'#'*) since=$(cat "$(at "${base%%#*}")/mark/${base#*#}") || exit ;;
    esac
    echo "stream $since $(cat "$dir/guid") ${what#*@}"
    # In two pieces: there may be time to cut it.
    head -c 100 "$dir/data"
    while [ -e "$root/slow" ]; do sleep 0.1; done
    tail -c +101 "$dir/data"
    echo "end of the stream"
    ;;
  receive)
    resumes= force= forget=
    while [ $# -gt 1 ]; do case $1 in -s) resumes=yes ;; -F) force=yes ;; -A) forget=yes ;; esac; shift; done
    there "$1"
    dir=$(at "$1")
    if [ -n "$forget" ]; then rm -f "$dir/token"; exit; fi
    IFS=' ' read -r word since guid name || fail "receive: failed to read from stream"
    [ "$word" = stream ] || fail "receive: invalid stream"
    last=$(names "$dir/snap" | tail -n 1)
    if [ "$since" = - ]; then
      [ -n "$force" ] || fail "receive new filesystem stream: destination '$1' exists"
      [ -z "$last" ] || fail "receive new filesystem stream: destination has snapshots"
    else
      [ "$(cat "$dir/snap/$last/guid" 2>/dev/null)" = "$since" ] || fail "receive: most recent snapshot does not match"
      cmp -s "$dir/head" "$dir/snap/$last/data" || fail "receive: destination has been modified since"
    fi
    cat >"$dir/new"
    if [ "$(tail -n 1 "$dir/new")" != "end of the stream" ]; then
      [ -z "$resumes" ] || echo "1-$guid" >"$dir/token"
      fail "receive: incomplete stream"
    fi
    rm -f "$dir/token"
    sed '$d' "$dir/new" >"$dir/head"
    mkdir "$dir/snap/$name" && cp "$dir/head" "$dir/snap/$name/data" && echo "$guid" >"$dir/snap/$name/guid"
    rm "$dir/new"
    ;;
  *) fail "$verb: unrecognized command" ;;
esac
