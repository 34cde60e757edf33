# shellcheck shell=bash
# What every part of the lab stands on: where things are, messages, the lock, processes and their
# records, waiting, keys, and the pieces of the inventory. Sourced, never run.
#
# A part NAME of the lab is a file lib/NAME.sh with the functions NAME_up, NAME_down and NAME_healthy.
# Each may be called at any time and any number of times. NAME_up mends what a fault has left;
# NAME_healthy is quick, prints what is not well (a line each) and then returns 1.
#
# A family of faults is a file faults/FAMILY.sh. A fault `cut-host` is the functions fault_cut_host and
# undo_cut_host, both called with the same arguments, and a line `fault_about cut-host 'HOST' 'what it does'`.

# shellcheck disable=SC2034 # what the parts read
LAB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
LAB_REPOSITORY=$(cd "$LAB_ROOT/../.." && pwd)
LAB_DIR=$(realpath -m "${POINTSMAN_LAB_DIR:-$LAB_REPOSITORY/target/lab}")
LAB_RUN=$LAB_DIR/run
LAB_LOGS=$LAB_DIR/logs
LAB_KEYS=$LAB_DIR/keys
# Another name lets two labs (of two work trees) run side by side.
# shellcheck disable=SC2034
LAB_NAMESPACE=${POINTSMAN_LAB_NAMESPACE:-pointsman-lab}
# The hosts that were asked for; empty means all.
LAB_ONLY=()

# Every host of the lab and its address.
# shellcheck disable=SC2034 # read by the parts
declare -A LAB_ADDRESS=(
  [stor1]=10.77.0.11 [stor2]=10.77.0.12
  [access1]=10.77.0.21 [access2]=10.77.0.22
  [backup1]=10.77.0.41
  [db1]=10.77.0.51 [db2]=10.77.0.52 [db3]=10.77.0.53
  [gal1]=10.77.0.61 [gal2]=10.77.0.62 [gal3]=10.77.0.63
  [zfs1]=10.77.0.71
)

# ── Messages ─────────────────────────────────────────────────────────────────────────────────────
say() { printf '%(%H:%M:%S)T  %s\n' -1 "$*"; }
warn() { printf '%(%H:%M:%S)T  %s\n' -1 "$*" >&2; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

need_root() {
  [ "$(id -u)" = 0 ] || die "the lab needs root: it makes network namespaces, bridges and taps, and runs servers that expect it"
}

# Makes the build folder. Keys are in it, so it is for root alone.
make_build_folder() {
  mkdir -p "$LAB_DIR" "$LAB_RUN" "$LAB_LOGS" "$LAB_KEYS" "$LAB_DIR/inventory.d" "$LAB_DIR/faults"
  chmod 700 "$LAB_DIR" "$LAB_KEYS"
}

# ── One at a time ────────────────────────────────────────────────────────────────────────────────
# Takes the lab's lock for the rest of this process. Descriptor 9 is the lock: what is started in the
# background must not inherit it (start_process closes it).
take_lock() {
  make_build_folder
  exec 9>>"$LAB_DIR/lock"
  flock -n 9 || {
    say "another command is changing the lab; waiting for it"
    flock -w "${1:-600}" 9 || die "the lab's lock is still held after ${1:-600} s"
  }
}

# Takes it together with others: faults of different machines do not disturb each other, but nothing of the
# kind may happen while the lab goes up or down.
share_lock() {
  make_build_folder
  exec 9>>"$LAB_DIR/lock"
  flock -s -w 600 9 || die "the lab's lock is still held after 600 s"
}

# ── Processes ────────────────────────────────────────────────────────────────────────────────────
# A process is known by its id and its start time (field 22 of /proc/PID/stat), since ids come again.
process_start_time() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  stat=${stat##*) }
  # shellcheck disable=SC2086 # the fields are wanted as words
  set -- $stat
  # A zombie has ended; only its parent has not looked yet.
  [ "$1" != Z ] || return 1
  printf '%s\n' "${20}"
}

# record_process NAME PID: remembers a process that this lab started.
record_process() {
  local started
  started=$(process_start_time "$2") || return 1
  printf '%s %s\n' "$2" "$started" >"$LAB_RUN/$1.pid"
}

# process_id NAME: prints the id if the process is still the one that was recorded.
process_id() {
  local pid started
  { read -r pid started <"$LAB_RUN/$1.pid"; } 2>/dev/null || return 1
  [ "$(process_start_time "$pid")" = "$started" ] || return 1
  printf '%s\n' "$pid"
}

process_runs() { process_id "$1" >/dev/null; }

# start_process NAME COMMAND…: starts a command in the background, in a session of its own, with its
# output in logs/NAME.log, unless it runs already. The command must not go into the background itself.
start_process() {
  local name=$1
  shift
  process_runs "$name" && return 0
  # Bash gives a background child a process id that setsid and `ip netns exec` keep: they only exec.
  setsid "$@" </dev/null >>"$LAB_LOGS/$name.log" 2>&1 9>&- &
  record_process "$name" $! || die "$name ended at once; see $LAB_LOGS/$name.log"
  disown $! 2>/dev/null || true
}

# adopt_process NAME PIDFILE: records a process that went into the background and wrote its own pid file.
adopt_process() {
  local pid
  read -r pid <"$2" && record_process "$1" "$pid"
}

# end_process NAME [SECONDS]: asks the recorded process to end, then makes it. No other is touched.
end_process() {
  local name=$1 patience=${2:-10} pid
  if pid=$(process_id "$name"); then
    kill -TERM "$pid" 2>/dev/null || true
    wait_until "$patience" process_gone "$name" || {
      ! process_runs "$name" || kill -KILL "$pid" 2>/dev/null || true
      wait_until 10 process_gone "$name" || warn "process $pid ($name) does not end"
    }
  fi
  rm -f "$LAB_RUN/$name.pid"
}

# kill_process NAME: ends it as a power cut would.
kill_process() {
  local pid
  if pid=$(process_id "$1"); then
    kill -KILL "$pid" 2>/dev/null || true
    wait_until 10 process_gone "$1" || warn "process $pid ($1) does not end"
  fi
  rm -f "$LAB_RUN/$1.pid"
}

process_gone() { ! process_runs "$1"; }

# ── Waiting ──────────────────────────────────────────────────────────────────────────────────────
# wait_until SECONDS COMMAND…: tries until the command succeeds; 1 when the time is up.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.2
  done
}

# each_of HOST… FUNCTION: calls the function for every host at the same time; 1 if it failed for any.
each_of() {
  local function=${*: -1} pid status=0
  local -a pids=()
  while [ $# -gt 1 ]; do
    "$function" "$1" &
    pids+=($!)
    shift
  done
  for pid in "${pids[@]}"; do wait "$pid" || status=1; done
  return "$status"
}

# ── Keys ─────────────────────────────────────────────────────────────────────────────────────────
# ssh_key NAME: makes keys/NAME unless it is there. `client` is the one that may log in everywhere.
ssh_key() {
  [ -s "$LAB_KEYS/$1" ] || ssh-keygen -q -t ed25519 -N '' -C "$1@pointsman-lab" -f "$LAB_KEYS/$1"
}

# host_key NAME: makes keys/host-NAME, the SSH host key of a host of the lab, and records it in known_hosts.
host_key() {
  local address=${LAB_ADDRESS[$1]:?host_key: no such host}
  ssh_key "host-$1"
  (
    flock 8
    touch "$LAB_DIR/known_hosts"
    { grep -v "^$1,$address " "$LAB_DIR/known_hosts" || true; printf '%s,%s %s\n' "$1" "$address" "$(cut -d' ' -f1,2 "$LAB_KEYS/host-$1.pub")"; } >"$LAB_DIR/known_hosts.new"
    mv "$LAB_DIR/known_hosts.new" "$LAB_DIR/known_hosts"
  ) 8>"$LAB_DIR/known_hosts.lock"
}

# ── The inventory ────────────────────────────────────────────────────────────────────────────────
# inventory_piece NAME <YAML: a part's piece of the inventory; the written inventory includes every piece.
inventory_piece() {
  cat >"$LAB_DIR/inventory.d/$1.yaml.new"
  mv "$LAB_DIR/inventory.d/$1.yaml.new" "$LAB_DIR/inventory.d/$1.yaml"
}

# ── What was asked for ───────────────────────────────────────────────────────────────────────────
# wanted HOST…: prints those hosts that `up` was asked for.
wanted() {
  local host
  for host; do
    [ ${#LAB_ONLY[@]} -gt 0 ] && ! [[ " ${LAB_ONLY[*]} " == *" $host "* ]] || printf '%s\n' "$host"
  done
}
