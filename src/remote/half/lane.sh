# --- the slow lane: one background job that runs commands, one after the other ---------------------
# It may hang at any of them. Its working directory says to the main shell where it is: that is the one
# thing of a child that a shell can see without a file or a pipe.
where_dir() {
	case $1 in
	rotational) U=/sys/block ;;
	backups) U=/proc/sys/kernel ;;
	identity) U=/proc/sys/vm ;;
	drbdstatus) U=/proc/sys ;;
	drbdevents) U=/proc/sys/fs ;;
	exports) U=/proc/sys/net ;;
	nfsclients) U=/sys ;;
	addresses) U=/sys/class ;;
	df) U=/sys/devices ;;
	zpool) U=/sys/fs ;;
	zpoollist) U=/sys/kernel ;;
	mysql) U=/sys/module ;;
	probes) U=/ ;;
	proofs) U=/sys/bus ;;
	lists) U=/sys/dev ;;
	esac
}

# where PID: in which section a lane is, in W.
where() {
	for W in $SLOW; do
		where_dir $W
		[ "/proc/$1/cwd" -ef $U ] && return
	done
	W=lane
}

# limit COMMAND…: runs it with a deadline, where the host has a tool for that.
case $TIMEOUT in
yes) limit() { timeout $LIMIT "$@"; } ;;
foreground) limit() { timeout --foreground -k 2 $LIMIT "$@"; } ;;
*) limit() { "$@"; } ;;
esac

# got COMMAND…: its output in C, how it ended in ST.
got() {
	C=$(limit "$@" 2>/dev/null)
	r=$?
	ST=ok
	if [ $r -eq 0 ]; then
		# Some tools say nothing and end well when they may not look.
		[ -n "$C" ] || [ "$EUID_" = 0 ] && return
	elif [ $r -eq 124 ] && [ -n "$TIMEOUT" ]; then
		ST=exit:124 C="no answer within $LIMIT s"
		return
	fi
	# Once more, for its error text.
	E=$(limit "$@" 2>&1)
	x=$?
	if [ $r -ne 0 ]; then
		ST=exit:$r C=$E
		[ $x -eq 0 ] && ST=ok
	fi
	[ "$EUID_" = 0 ] && return
	case $E in
	*ermission\ denied* | *ot\ permitted* | *uperuser* | *rivilege* | *ust\ be\ root* | *s\ root* | *assword\ is\ required* | *not\ allowed*)
		refused "$@"
		;;
	esac
}

# refused COMMAND…: what root would have to add for it.
refused() {
	ST=denied
	[ "$1" = sudo ] && shift 3
	n=$(id -un)
	p=$(command -v "$1")
	shift
	C="$n ALL=(root) NOPASSWD: $p $*$NL$E"
}

# rooted COMMAND…: the same for commands that may need root.
rooted() {
	case $EUID_$SUDO$((FL & 1)) in
	0*) got "$@" ;;
	*yes0)
		got sudo -n -- "$@"
		case $ST$C in
		*sudo:*)
			# Not asked again before the next slow round: each refusal is a line in the host's log.
			FL=$((FL | 1))
			got "$@"
			;;
		esac
		;;
	*) got "$@" ;;
	esac
}

# 1 turns, 0 does not. What is stacked on disks is as they are.
slow_rotational() {
	set +f
	set -- "$R"/sys/block/*/queue/rotational
	set -f
	C=
	for d; do
		n=${d%/queue/rotational}
		n=${n##*/}
		case $n in
		loop[0-9]* | ram[0-9]* | zram[0-9]* | md[0-9]* | drbd[0-9]* | zd[0-9]* | nbd[0-9]* | sr[0-9]*) continue ;;
		esac
		one "$d"
		[ -n "$T" ] && C="$C$n $T$NL"
	done
	C=${C%"$NL"}
}

# Processes of programs that make backups, by the name that the kernel knows them by: to read that waits for nobody.
slow_backups() {
	if [ ! -r "$R/proc/1/comm" ]; then
		# Processes of others are hidden (hidepid).
		ST=denied C="read access to $R/proc/1/comm"
		return
	fi
	set -- $BACKUPS
	IFS=$NL
	N="$*"
	IFS=$SP
	set +f
	set -- "$R"/proc/[0-9]*/comm
	set -f
	K=$(grep -HsxF -e "$N" "$@" 2>/dev/null)
	r=$?
	# Processes that have ended meanwhile make grep end with 2.
	if [ $r -gt 2 ]; then
		ST=exit:$r
		return
	fi
	IFS=$NL
	set -- $K
	IFS=$SP
	C= i=0
	for L; do
		p=${L%%/comm:*} n=${L#*/comm:}
		p=${p##*/}
		one "$R/proc/$p/stat"
		case $T in
		*') '*) ;;
		*) continue ;;
		esac
		set -- ${T##*') '}
		T=${20%??}
		C="$C$n $p $((NOW - ${T:-0})) ${12} ${13} ${14} ${15}$NL"
		i=$((i + 1))
		[ $i -lt 32 ] || break
	done
	C=${C%"$NL"}
}

slow_identity() {
	one /proc/sys/kernel/hostname
	C="hostname $T"
	one /etc/machine-id
	C="$C${NL}machine_id $T"
	one /proc/sys/kernel/random/boot_id
	C="$C${NL}boot_id $T"
	one /proc/sys/kernel/osrelease
	C="$C${NL}kernel $T"
	slurp /etc/os-release || slurp /usr/lib/os-release
	IFS=$NL
	for L in $T; do
		case $L in
		PRETTY_NAME=*)
			L=${L#PRETTY_NAME=}
			L=${L#[\"\']}
			C="$C${NL}os ${L%[\"\']}"
			;;
		esac
	done
	IFS=$SP
	C="$C${NL}arch $(uname -m)${NL}user $(id -un)${NL}uid $EUID_"
	L=no
	if [ "$EUID_" = 0 ]; then
		L=yes
	elif [ "$SUDO" = yes ] && limit sudo -n -l >/dev/null; then
		L=yes
	fi
	p=$(readlink /proc/$$/exe)
	C="$C${NL}sudo $L${NL}shell ${p##*/}"
}

slow_drbdstatus() {
	one "$R/proc/drbd"
	case $T in
	'version: 8.'*) rooted drbdsetup status --verbose --statistics ;;
	*) rooted drbdsetup status --json ;;
	esac
}

slow_drbdevents() { rooted drbdsetup events2 --now; }

slow_exports() { rooted exportfs -v; }

slow_nfsclients() {
	K=
	if [ "$EUID_" = 0 ]; then
		set +f
		set -- "$R"/proc/fs/nfsd/clients/*/info
		set -f
		for L; do
			slurp "$L" && K=$K$T$NL
		done
	elif [ -d "$R/proc/fs/nfsd/clients" ]; then
		rooted grep -rhs --include info address "$R/proc/fs/nfsd/clients"
		case $ST in
		ok) K=$C ;;
		denied | exit:124) return ;;
		esac
		case $SUDO$((FL & 1))$ST in
		# As root: grep ends with 1 when there is no client.
		yes0ok | yes0exit:1) ;;
		*)
			if [ ! -r "$R/proc/fs/nfsd/clients" ]; then
				E="$R/proc/fs/nfsd/clients cannot be read"
				refused grep -rhs --include info address "$R/proc/fs/nfsd/clients"
				return
			fi
			;;
		esac
		ST=ok
	fi
	C=
	IFS=$NL
	for L in $K; do
		case $L in
		address:*)
			L=${L#*\"}
			L=${L%\"*}
			L=${L%:*}
			L=${L#\[}
			C="${C}v4 ${L%\]}$NL"
			;;
		esac
	done
	slurp "$R/var/lib/nfs/rmtab"
	for L in $T; do C="${C}v3 ${L%:0x*}$NL"; done
	IFS=$SP
	C=${C%"$NL"}
}

slow_addresses() { got ip -o addr show; }

# Only mounts that are known to be local are named: df never meets a network mount.
slow_df() {
	set --
	IFS=$NL
	for L in $LOCM; do
		unescape "$L"
		set -- "$@" "$U"
	done
	IFS=$SP
	[ $# -gt 0 ] || return 0
	K=$(limit df -Pk -- "$@" 2>/dev/null)
	r=$?
	# One mount that may not be looked at makes df end with 1: the others count.
	case $K in
	*"$NL"*) C="$K${NL}inodes$NL$(limit df -Pi -- "$@" 2>/dev/null)" ;;
	*) ST=exit:$r C=$K ;;
	esac
}

# zpool learned JSON in OpenZFS 2.3; what a host's tool does not know is not tried again (FL, bits 2 and 4).
slow_zpool() {
	if [ $((FL & 2)) -eq 0 ]; then
		got zpool status -j --json-int
		[ "$ST" = ok ] && [ -n "$C" ] && return
		zpool_gone && return
	fi
	if [ $((FL & 4)) -eq 0 ]; then
		got zpool status -p
		if [ "$ST" = ok ]; then
			FL=$((FL | 2))
			return
		fi
	fi
	got zpool status
	[ "$ST" = ok ] && FL=$((FL | 6))
}

slow_zpoollist() {
	got zpool list -Hp -o name,size,alloc,free,health
	zpool_gone
}

# The tool is there but the kernel's part is not.
zpool_gone() {
	case $ST$C in
	denied* | exit:124*) return 0 ;;
	ok*) return 1 ;;
	*odules\ are\ not\ loaded* | *odules\ cannot\ be*) ST=absent C= ;;
	*) return 1 ;;
	esac
}

# One run of the client for all questions. --force: one that fails does not lose the rest.
slow_mysql() {
	c=mysql
	have mariadb && c=mariadb
	# A server that is not what it seems could ask the client for any file that it can read.
	set -- --batch --raw --force --unbuffered --no-auto-rehash --connect-timeout=2 --local-infile=0
	[ -n "$MYSQL_SOCKET" ] && set -- "--socket=$MYSQL_SOCKET" "$@"
	[ -n "$MYSQL_DEFAULTS" ] && set -- "--defaults-file=$MYSQL_DEFAULTS" "$@"
	C=$(put "$MYSQL_QUESTIONS" | limit $c "$@" 2>&1)
	r=$?
	case $C in
	*'#version'*) ;;
	*) ST=exit:$r ;;
	esac
}

# result FUNCTION: its output in O (at most 64 KiB), its exit code in r; with one other than 0 error text follows in O.
result() {
	O=$({
		E=$({
			r=$({
				{
					"$1" 2>&6
					put $? >&4
				} | head -c 65536 >&5
			} 4>&1)
			put "$NL$NONCE $r$NL" >&5
		} 6>&1 | head -c 2000)
		put "$E"
	} 5>&1)
	E=${O##*"$NL$NONCE "}
	O=${O%"$NL$NONCE $E"}
	r=${E%%"$NL"*}
	E=${E#*"$NL"}
	O=${O%"$NL"}
	case $r in
	0) ;;
	'' | *[!0-9]*) r=255 O=$O$E ;;
	*) O=$O$E ;;
	esac
}

# Each probe: name, exit code and length, then its output.
slow_probes() {
	C=
	for i in $PROBES_DUE; do
		result probe_$i
		eval "n=\$PROBE_NAME_$i"
		C="$C$n $r ${#O}$NL$O$NL"
	done
}

# What is written down of tests of backups. It is root's alone.
slow_proofs() {
	f=$FL
	rooted grep -r . "$R/var/lib/pointsman/backup"
	# An older sudoers file does not name this: that says nothing of the other commands.
	FL=$f
	case $ST$C in
	*'/backup: No such file or directory'*) ST=absent C= ;;
	# There is no file in it yet.
	exit:1) ST=ok ;;
	esac
}

# Lists of backups, in the form of probes. Other sections wait as long as this takes: those that begin within a second are asked for,
# and that the time was not enough is remembered (FL, bit 8).
slow_lists() {
	C= LIMIT=$LIST_LIMIT
	# A list may be a script: what it has started ends with it, or its output would be waited for all the same.
	case $TIMEOUT in
	foreground) limit() { timeout -k 2 $LIMIT "$@"; } ;;
	esac
	now
	b=$NOW c=$CS
	for i in $LISTS_NOW; do
		now
		if [ $(((NOW - b) * 100 + 1$CS - 1$c)) -ge 100 ] || [ ${#C} -gt 500000 ]; then
			FL=$((FL | 8))
			return
		fi
		result list_$i
		[ ${#O} -lt 65535 ] || r=27 O=
		eval "n=\$LIST_NAME_$i"
		C="$C$n $r ${#O}$NL$O$NL"
	done
}

# lane SEQ: runs the sections of RUN.
lane() {
	trap - EXIT HUP INT PIPE TERM
	exec </dev/null >&3 3>&-
	for S in $RUN; do
		where_dir $S
		cd $U
		B="${B}$S begin 0$NL$NL"
		frame "$1"
		B= C= ST=ok
		now
		t=$NOW
		slow_$S
		now
		# The main shell has given this lane up, or is about to: another one speaks now.
		[ $((NOW - t)) -gt $GIVE_UP ] && exit $FL
		big $S $ST "$C"
	done
	frame "$1"
	exit $FL
}
