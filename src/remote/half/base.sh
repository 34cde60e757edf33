# --- base: shell differences, files, frames ------------------------------------------------------
# Everything below runs in bash, dash, busybox ash, ksh93 and mksh. Word splitting is used on purpose
# (`set -f` is on throughout, IFS is set before each use); nothing that was read is ever evaluated.
NL='
'
SP=' 	'
IFS=$SP
# Standard error belongs to the slow lane: the shells' own complaints must not get between frames.
exec 3>&2 2>/dev/null
cd /proc || cd /

if [ -n "$KSH_VERSION" ]; then
	put() { print -rn -- "$1"; }
else
	put() { printf %s "$1"; }
fi

# slurp FILE: the whole file in T, without its last newline. No fork in any shell; false if it cannot be read.
if [ -n "$BASH_VERSION" ]; then
	slurp() {
		T=
		[ -r "$1" ] || return 1
		IFS= read -r -d '' T <"$1"
		T=${T%"$NL"}
	}
elif [ -n "$KSH_VERSION" ]; then
	slurp() {
		T=
		[ -r "$1" ] || return 1
		T=$(<"$1")
	}
else
	slurp() {
		T=
		[ -r "$1" ] || return 1
		while IFS= read -r L; do T=$T$L$NL; done <"$1"
		T=$T$L
		T=${T%"$NL"}
	}
fi

# one FILE: its first line in T, or nothing.
one() {
	T=
	[ -r "$1" ] && IFS= read -r T <"$1"
}

# now: seconds since boot in NOW, hundredths of the running second in CS.
now() {
	NOW=0 CS=00
	IFS=' .' read -r NOW CS X </proc/uptime
}

have() { command -v "$1" >/dev/null; }

# frame SEQ: sends the body B.
frame() {
	put "PM1 $NONCE $1 ${#B}$NL$B$NL"
}

# add NAME STATUS CONTENT: a section of the body B; only its name when it is as it was when last sent.
add() {
	eval "P=\$L_$1"
	if [ "x$P" = "x$2$NL$3" ]; then
		B="$B$1 same 0$NL$NL"
		return
	fi
	eval "L_$1=\$2\$NL\$3"
	big "$1" "$2" "$3"
}

# big NAME STATUS CONTENT: a section, unless the frame would become longer than the other side takes.
big() {
	if [ $((${#B} + ${#3})) -gt 1000000 ]; then
		set -- "$1" exit:27 "${#3} bytes are too many for one answer"
	fi
	B="$B$1 $2 ${#3}$NL$3$NL"
}

# verbatim NAME FILE: a section that is a file.
verbatim() {
	if [ ! -e "$2" ]; then
		add "$1" absent ''
	elif slurp "$2"; then
		add "$1" ok "$T"
	else
		add "$1" denied "read access to $2"
	fi
}

# unescape TEXT: undoes mountinfo's octal escapes; the result is in U.
unescape() {
	U=
	set -- "$1"
	while :; do
		case $1 in
		*\\*) ;;
		*)
			U=$U$1
			return
			;;
		esac
		U=$U${1%%\\*}
		set -- "${1#*\\}"
		case $1 in
		040*) U="$U " ;;
		011*) U="$U	" ;;
		012*) U=$U$NL ;;
		043*) U="$U#" ;;
		134*) U="$U\\" ;;
		*)
			U="$U\\"
			continue
			;;
		esac
		set -- "${1#???}"
	done
}

# process PID: its state letter in STATE and its start (clock ticks since boot) in BORN; false if it is gone.
process() {
	STATE= BORN=
	one "/proc/$1/stat"
	case $T in
	*') '*) ;;
	*) return 1 ;;
	esac
	IFS=$SP
	set -- ${T##*') '}
	STATE=$1 PGRP=$3 BORN=${20}
}

# alive PID BORN: whether that very process still runs (a number may be used again).
alive() {
	process "$1" || return 1
	case $STATE in
	Z | X) return 1 ;;
	esac
	[ "$BORN" = "$2" ]
}

# leaf PID: the newest generation under a process: what a lane waits for.
leaf() {
	LEAF=$1
	for X in 1 2 3 4 5 6; do
		one "/proc/$LEAF/task/$LEAF/children"
		[ -n "$T" ] || return
		LEAF=${T%% *}
	done
}

EUID_=0
while read -r K X EUID_ X; do
	[ "$K" = Uid: ] && break
done </proc/self/status

# Newer tools can leave a command in our process group, where it ends together with us.
TIMEOUT=
if timeout --foreground -k 2 5 true </dev/null >/dev/null 3>&-; then
	TIMEOUT=foreground
elif timeout 5 true </dev/null >/dev/null 3>&-; then
	TIMEOUT=yes
fi
