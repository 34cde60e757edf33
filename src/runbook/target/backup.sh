# pointsman: the part of the functions that tests backups: a scratch directory of our own, what is restored in it, how that
# compares with what is live, and what was found, which stays on the host where the backups are.

# scratch_state PLACE: `free` where there is nothing, or an empty directory; `mark TEXT` where it is ours; `used WHAT` else.
# It is ours only as a directory with our mark in it and nothing mounted in it.
scratch_state() {
  [ -d "${1%/*}" ] || { echo "used ${1%/*} is no directory"; return; }
  # Mounts are told by the path that links lead to: by another one none would be found.
  text=$(cd "${1%/*}" && pwd -P) || return
  [ "$text" = "${1%/*}" ] || { echo "used ${1%/*} is $text: write that"; return; }
  # Who can write there could put something else in its place between two looks.
  own=$(id -u) && found=$(find "$text" -prune \( -perm -0002 -o -perm -0020 -o ! -user "$own" \)) || return
  [ -z "$found" ] || { echo "used others than its user $own can write to $text"; return; }
  [ ! -h "$1" ] || { echo 'used it is a symbolic link'; return; }
  [ -e "$1" ] || { echo free; return; }
  [ -d "$1" ] || { echo 'used it is no directory'; return; }
  found=$(find "$1" -prune ! -user "$own") || return
  [ -z "$found" ] || { echo "used it does not belong to the user $own"; return; }
  while read -r _ _ _ _ at _; do
    case $at in "$1" | "$1"/*) echo "used something is mounted at $at"; return ;; esac
  done <"$proc/self/mountinfo" || return
  text=
  if [ -f "$1/mark" ] && [ ! -h "$1/mark" ]; then
    IFS= read -r text <"$1/mark" || return
  fi
  case $text in
    '') text=$(ls -A "$1") || return
      case $text in '' | mark.new) echo free ;; *) echo 'used it has no mark of ours' ;; esac ;;
    *) echo "mark $text" ;;
  esac
}

# scratch_ready PLACE TEXT: `ready` when that directory is ours by this mark, so that something may be restored in it.
scratch_ready() {
  found=$(scratch_state "$1") || return
  if [ "$found" = "mark $2" ]; then echo ready; else echo "$1: $found"; fi
}

# scratch_clear PLACE TEXT: nothing of it is left, where it was ours. The mark goes last, so that this can be done again.
scratch_clear() {
  found=$(scratch_state "$1") || return
  case $found in
    free) [ ! -d "$1" ] || { rm -f "$1/mark.new" && rmdir "$1"; } ;;
    "mark $2")
      for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        [ "$entry" = "$1/mark" ] || rm -rf -- "$entry" || return
      done
      rm -f "$1/mark" && rmdir "$1"
      ;;
    *) echo "$1 is not ours: $found" >&2; return 1 ;;
  esac
}

# scratch_begin PLACE TEXT: a directory of ours, marked, with an empty directory `tree` in it; what an earlier test has left
# there goes first.
scratch_begin() {
  scratch_clear "$1" "$2" && mkdir "$1" && keep "$1/mark" "$2" && mkdir "$1/tree"
}

# What looks at what was restored, as a task: TREE WORK LIVE DEVICE SINCE SAMPLE PATH…. It prints lines that begin with `backup `,
# all of them at its end: only its last lines are told. Our own mark is no file of it. Where LIVE is `-` files are only counted.
# Of the live files those count whose inode has not changed since two minutes before SINCE, when the backup began: each of them
# has to be in the backup, with its size; so many of them, or all (0), are read on both sides. LIVE has to be the filesystem with
# the number DEVICE to the end: nothing is found in one that has gone. Names with a line break in them are left out.
backup_body='
tree=$1 work=$2 live=$3 device=$4 since=$5 sample=$6
shift 6
nl="
"
rm -rf "$work" && mkdir "$work" && : >"$work/errors" && : >"$work/lacks" || exit
# Minutes, counted when they are needed: find(1) counts from its own beginning.
old() { echo $((($(date +%s) - since + 59) / 60 + 2)); }
still() {
  [ "$(timeout -s KILL 20 stat -c %d -- "$live/.")" = "$device" ] ||
    { echo "$live is not what it was, or does not answer"; exit 1; }
}
of() {
  cd "$1" || exit
  shift
  find . -xdev -type f "$@" ! -path ./.pointsman-copy ! -path "*$nl*" -exec stat -c "%s %n" {} +
}
count() { wc -l <"$1" | tr -d " "; }
counted="{ bytes += \$1 } END { printf \"backup files %d bytes %.0f\\n\", NR, bytes }"
if [ "$live" = - ]; then
  held=$( (of "$tree") 2>>"$work/errors" | awk "$counted")
else
  (of "$tree") 2>>"$work/errors" | sort -T "$work" >"$work/tree" || exit
  held=$(awk "$counted" "$work/tree")
fi || exit
for path; do
  [ -e "$tree/$path" ] || [ -h "$tree/$path" ] || printf "%s\n" "$path" >>"$work/lacks"
done
if [ "$live" != - ]; then
  still
  (of "$live" -cmin "+$(old)") 2>>"$work/errors" | sort -T "$work" >"$work/live" || exit
  comm -23 "$work/live" "$work/tree" >"$work/missing" && comm -12 "$work/live" "$work/tree" >"$work/both" || exit
  if [ "$sample" = 0 ]; then
    cp "$work/both" "$work/sample"
  else
    awk -v most="$sample" "BEGIN { srand() }
      NR <= most { line[NR] = \$0; next }
      { at = int(rand() * NR) + 1; if (at <= most) line[at] = \$0 }
      END { for (at in line) print line[at] }" "$work/both" >"$work/sample"
  fi || exit
  : >"$work/differ"
  read=0
  while IFS= read -r line; do
    name=${line#* }
    cmp -s -- "$live/$name" "$tree/$name"
    case $? in
      0) read=$((read + 1)) ;;
      # It may have been written meanwhile.
      1) [ -z "$(find "$live/$name" -cmin "+$(old)")" ] || printf "%s\n" "$line" >>"$work/differ" ;;
      # What is deleted meanwhile is no trouble.
      *) said=$(stat -- "$live/$name" 2>&1 >/dev/null)
        case $said in *": No such file or directory") ;; *) echo "$name: cannot be read" >>"$work/errors" ;; esac ;;
    esac
  done <"$work/sample"
  still
  unread=$(grep -v ": No such file or directory\$" "$work/errors" | wc -l | tr -d " ")
elif [ -s "$work/errors" ]; then
  cat "$work/errors"
  exit 1
fi
echo "$held"
echo "backup lacking $(count "$work/lacks")"
head -n 5 "$work/lacks" | sed "s|^|backup lacks |"
if [ "$live" != - ]; then
  echo "backup live $(count "$work/live") missing $(count "$work/missing") read $read differ $(count "$work/differ") unread $unread"
  head -n 5 "$work/missing" | sed "s|^[0-9]* \(\./\)*|backup missing |"
  head -n 5 "$work/differ" | sed "s|^[0-9]* \(\./\)*|backup differs |"
  head -n 5 "$work/errors" | sed "s|^|backup unread |"
fi
rm -rf "$work"
echo "backup checked $(date +%s)"
'

# backup_compare NAME SECONDS TREE WORK LIVE SINCE SAMPLE PATH…: begins that task, or lets it go on. Its lists are in WORK, or
# where that is `-` beside the task; LIVE is where the live slice is mounted here, or `-`: an empty mount point is none.
backup_compare() {
  number=-
  if [ "$5" != - ]; then
    # Asked first: what is mounted here then has this number, or what the task finds is something else.
    number=$(timeout -s KILL 20 stat -c %d -- "$5/.") || return
    mounted_at "$5"
    case $seen in *:/*) ;; *) echo "no slice is mounted at $5" >&2; return 1 ;; esac
  fi
  mkdir -p "$store/task" && keep "$store/task/backup.sh" "$backup_body" || return
  name=$1 lease=$2 tree=$3 work=$4 live=$5
  shift 5
  [ "$work" != - ] || work=$store/task/$name/work
  task_go "$name" "$lease" sh "$store/task/backup.sh" "$tree" "$work" "$live" "$number" "$@"
}

# What looks at a restored database, as a task: PLACE PROGRAM CLIENT HEARTBEAT TABLE…. A server of its own is started on what was
# restored, which nobody else can reach: no network, its socket in a directory of root alone, no account asked for. What was
# restored is a data directory (with `mysql` in it), or dumps (*.sql), which are loaded into a new one. Every table is checked.
# What was found is printed at the end: only the last lines of a task are told.
database_body='
place=$1 program=$2 client=$3 heartbeat=$4
shift 4
tree=$place/tree work=$place/work server=
rm -rf "$work" && mkdir -p "$work/tmp" && : >"$work/lacks" || exit
held=$(find "$tree" -xdev -type f -exec stat -c "%s" {} + 2>>"$work/log" |
  awk "{ bytes += \$1 } END { printf \"backup files %d bytes %.0f\\n\", NR, bytes }")
ends() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server"; }
  server=
}
# Nothing of it is left, however this ends.
trap ends EXIT
# What does not even come up is no backup: that is found, and no failure of the test.
broken() {
  ends
  echo "$held"
  echo "backup tables 0 bad 1"
  printf "%s\n" "$1" | tail -n 3 | sed "s/^/backup broken /"
  echo "backup checked $(date +%s)"
  exit 0
}
data=$tree options=--no-defaults dumps=
if [ -d "$tree/mysql" ]; then
  # Of the host that it was copied from, and not of this one, are the places that links lead to (of InnoDB: *.isl).
  find "$tree" -xdev \( -type l -o -name "*.isl" \) -exec rm -f {} + || exit
  if [ -f "$tree/backup-my.cnf" ]; then
    # Of the options that were restored those alone that say how its files are laid out: others name files to write and plugins to
    # run, and this server is one of root.
    ! grep -E "^[[:space:]]*plugin[_-]load" "$tree/backup-my.cnf" || { echo "this needs a plugin: it is tested by hand"; exit 1; }
    layout="data[_-]file[_-]path|page[_-]size|undo[_-]tablespaces|log[_-]file[_-]size|log[_-]files[_-]in[_-]group"
    layout="$layout|checksum[_-]algorithm|compression[_-]algorithm|compression[_-]level"
    { echo "[mysqld]"; grep -E "^[[:space:]]*innodb[_-]($layout)[[:space:]]*=" "$tree/backup-my.cnf"; } >"$work/my.cnf"
    options=--defaults-file=$work/my.cnf
    ! grep "^[[:space:]]*innodb[_-]data[_-]file[_-]path[[:space:]]*=.*/" "$tree/backup-my.cnf" ||
      { echo "this leads out of what was restored: it is tested by hand"; exit 1; }
  fi
else
  for dump in "$tree"/*.sql; do [ ! -f "$dump" ] || dumps=yes; done
  [ -n "$dumps" ] || broken "neither a data directory nor a file *.sql was restored"
  data=$work/data
  install=$(command -v mariadb-install-db || command -v mysql_install_db) ||
    { echo "mariadb-install-db is not installed"; exit 127; }
  "$install" --no-defaults --user=root "--datadir=$data" --skip-test-db >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
fi
# Those of the line come after a file of options, and count.
"$program" "$options" --user=root "--datadir=$data" "--socket=$work/s" "--pid-file=$work/pid" "--tmpdir=$work/tmp" \
  "--innodb-data-home-dir=$data" "--innodb-log-group-home-dir=$data" "--innodb-undo-directory=$data" --skip-symbolic-links \
  --skip-networking --skip-grant-tables --skip-slave-start --skip-log-bin --event-scheduler=DISABLED --performance-schema=0 \
  --secure-file-priv="$work/tmp" --innodb-buffer-pool-size=128M >>"$work/log" 2>&1 &
server=$!
ask() { "$client" --no-defaults "--socket=$work/s" --batch --skip-column-names --local-infile=0 "$@"; }
# One that was not prepared is recovered first: that it takes long says nothing of it.
left=21600
until ask -e "SELECT 1" >/dev/null 2>&1; do
  kill -0 "$server" 2>/dev/null || broken "the server does not start on it
$(grep ERROR "$work/log")"
  [ "$left" -gt 0 ] || { echo "a server has been starting on it for six hours"; exit 1; }
  left=$((left - 1))
  sleep 1
done
[ -z "$dumps" ] || for dump in "$tree"/*.sql; do
  # In binary mode the client runs no commands of its own, such as one of a shell, whatever a dump holds.
  said=$(ask --binary-mode <"$dump" 2>&1 >/dev/null) || broken "${dump##*/} cannot be loaded
$said"
done
tables="FROM information_schema.tables WHERE table_type IN (\"BASE TABLE\", \"SYSTEM VERSIONED\")
  AND table_schema NOT IN (\"mysql\", \"sys\", \"information_schema\", \"performance_schema\")"
ask -e "SELECT CONCAT(table_schema, \".\", table_name) $tables" | sort >"$work/tables" || exit
ask -e "SELECT CONCAT(\"CHECK TABLE \`\", REPLACE(table_schema, \"\`\", \"\`\`\"), \"\`.\`\", REPLACE(table_name, \"\`\", \"\`\`\"), \"\`;\") $tables" \
  >"$work/checks" || exit
# A table that is broken may end the server: what has not answered is bad as well. What keeps nothing, as MEMORY, or keeps it
# elsewhere, is not looked into by the server, and says that.
ask --force <"$work/checks" >"$work/checked" 2>>"$work/log"
well="\$3 == \"status\" && (\$4 == \"OK\" || \$4 == \"Table is already up to date\") || \$3 == \"note\" && \$4 ~ /support check/"
awk -F "\t" "$well { print \$1 }" "$work/checked" | sort -u | comm -13 - "$work/tables" >"$work/bad" || exit
count() { wc -l <"$1" | tr -d " "; }
for table; do
  grep -q -x -F -e "$table" "$work/tables" || printf "%s\n" "$table" >>"$work/lacks"
done
# How far it reaches: the newest heartbeat, and where the copy ended in the binary log of its source.
said=
[ "$heartbeat" = - ] || said=$(ask -e "SELECT MAX(ts) FROM $heartbeat" 2>/dev/null)
ends
echo "$held"
echo "backup tables $(count "$work/tables") bad $(count "$work/bad")"
head -n 5 "$work/bad" | while IFS= read -r table; do
  echo "backup broken $table: $(awk -F "\t" -v table="$table" "\$1 == table { print \$4; exit }" "$work/checked")"
done
echo "backup lacking $(count "$work/lacks")"
head -n 5 "$work/lacks" | sed "s|^|backup lacks |"
[ -z "$said" ] || echo "backup reaches $said"
for file in "$tree"/mariadb_backup_binlog_info "$tree"/xtrabackup_binlog_info; do
  [ ! -s "$file" ] || echo "backup position $(head -n 1 "$file" | tr "\t" " ")"
done
echo "backup checked $(date +%s)"
'

# database_compare NAME SECONDS PLACE HEARTBEAT TABLE…: begins that task, or lets it go on. HEARTBEAT is a table DATABASE.TABLE,
# or `-`. That a tool is not here says nothing of a backup.
database_compare() {
  program=$(command -v mariadbd || command -v mysqld) || { echo "no database server is installed here" >&2; return 127; }
  client=$(command -v mariadb || command -v mysql) || { echo "no client of a database is installed here" >&2; return 127; }
  case $("$program" --version) in
    *MariaDB*) ;;
    *) echo "$program is none of MariaDB: backups of others are tested by hand" >&2; return 127 ;;
  esac
  mkdir -p "$store/task" && keep "$store/task/database.sh" "$database_body" || return
  name=$1 lease=$2 place=$3
  shift 3
  task_go "$name" "$lease" sh "$store/task/database.sh" "$place" "$program" "$client" "$@"
}

# backup_record NAME TASK BACKUP SINCE MAY: what that task has found of the backup of this name, begun at that time, is written
# down, and how many files may be missing.
backup_record() {
  task_at "$2" || return
  [ "$is $ended" = 'ended 0' ] || { echo "$2 has not ended well" >&2; return 1; }
  mkdir -p "$store/backup" &&
    keep "$store/backup/$1" "of $3 $4 may $5$nl$(grep '^backup ' "$dir/log" | tail -n 40 | cut -c 1-300)"
}

# backup_told NAME: what was written down last, or `no`. `end` shows that nothing is cut off.
backup_told() {
  if [ -s "$store/backup/$1" ]; then cat "$store/backup/$1" || return; else echo no; fi
  echo end
}

