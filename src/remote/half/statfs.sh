# --- network mounts: one child each ---------------------------------------------------------------
# A child asks one mount and tells the outcome by its exit code, so that it holds no pipe of ours while
# it hangs. The fast lane only looks whether it is still there. One that hangs is not asked again.

# code-to-text: exit codes 0-59 are hundredths of a second, 60-120 tenths from 0.6 s on.
outcome() {
	if [ "$1" -lt 60 ]; then
		U="ok ${1}0 $2"
		[ "$1" -eq 0 ] && U="ok 0 $2"
	elif [ "$1" -le 120 ]; then
		U="ok $((600 + ($1 - 60) * 100)) $2"
	else
		case $1 in
		200) U="stale 0 $2" ;;
		201) U="error 0 $2 Permission denied" ;;
		202) U="error 0 $2 No such file or directory" ;;
		203) U="error 0 $2 Input/output error" ;;
		204) U="error 0 $2 Transport endpoint is not connected" ;;
		205) U="error 0 $2 Host is down" ;;
		206) U="error 0 $2 Connection timed out" ;;
		207) U="error 0 $2 Connection refused" ;;
		208) U="error 0 $2 No route to host" ;;
		210) U="error 0 $2 Network is unreachable" ;;
		211) U="error 0 $2 Not a directory" ;;
		212) U="error 0 $2 there is no command stat" ;;
		129 | 1[3-9]?) U="error 0 $2 statfs failed: stat was killed by signal $(($1 - 128))" ;;
		*) U="error 0 $2 statfs failed" ;;
		esac
	fi
}

# ask N: starts a child for mount N.
ask() {
	eval "m=\$M_$1"
	unescape "$m"
	(
		trap - EXIT HUP INT PIPE TERM
		exec </dev/null >/dev/null 3>&-
		now
		a=$NOW b=$CS
		E=$(stat -f -- "$U" 2>&1 >/dev/null)
		r=$?
		now
		d=$(((NOW - a) * 100 + 1$CS - 1$b))
		if [ $r -eq 0 ]; then
			[ $d -lt 60 ] && exit $d
			[ $d -lt 660 ] && exit $((60 + (d - 60) / 10))
			exit 120
		fi
		[ $r -eq 127 ] && exit 212
		# A signal's number is counted from 128 on, by ksh93 from 256 on.
		[ $r -gt 256 ] && r=$((r - 128))
		[ $r -gt 128 ] && [ $r -lt 193 ] && exit $r
		case $E in
		*[Ss]tale*) exit 200 ;;
		*denied* | *permitted*) exit 201 ;;
		*'No such'*) exit 202 ;;
		*'nput/output'* | *'I/O'*) exit 203 ;;
		*'not connected'*) exit 204 ;;
		*'is down'*) exit 205 ;;
		*'timed out'*) exit 206 ;;
		*refused*) exit 207 ;;
		*'No route'*) exit 208 ;;
		*unreachable*) exit 210 ;;
		*'Not a directory'*) exit 211 ;;
		esac
		exit 209
	) &
	p=$!
	process $p
	eval "P_$1=\$p S_$1=\$BORN B_$1=\$NOW Q_$1="
	ASKING=$((ASKING + 1))
}

# The list of mounts has changed: children that still hang stay known, everything else is asked anew.
renumber() {
	K= i=1
	while [ $i -le $MN ]; do
		eval "p=\$P_$i s=\$S_$i b=\$B_$i m=\$M_$i"
		[ -n "$p" ] && K="$K$p $s $b $m$NL"
		i=$((i + 1))
	done
	MN=0
	IFS=$NL
	for m in $NETM; do
		MN=$((MN + 1))
		eval "M_$MN=\$m R_$MN= P_$MN= Q_$MN=1"
	done
	for L in $K; do
		IFS=$SP
		set -- $L
		i=1
		while [ $i -le $MN ]; do
			eval "m=\$M_$i"
			if [ "x$m" = "x$4" ]; then
				eval "P_$i=\$1 S_$i=\$2 B_$i=\$3 Q_$i="
				break
			fi
			i=$((i + 1))
		done
		[ $i -gt $MN ] && LOST="$LOST$1 $2$NL"
	done
	IFS=$SP
}

# Looks at every child: ASKING counts those that still run, FRESH those of them that this poll has started.
harvest() {
	ASKING=0 FRESH=0 i=1
	while [ $i -le $MN ]; do
		eval "p=\$P_$i"
		if [ -n "$p" ]; then
			eval "s=\$S_$i b=\$B_$i m=\$M_$i"
			if alive "$p" "$s"; then
				ASKING=$((ASKING + 1))
				[ "$b" -ge "$1" ] && FRESH=$((FRESH + 1))
				eval "R_$i=\"hung \$((NOW - b)) \$m\""
			else
				wait "$p"
				outcome $? "$m"
				eval "P_$i= R_$i=\$U"
			fi
		fi
		i=$((i + 1))
	done
	# Children of mounts that have gone meanwhile.
	K=$LOST LOST=
	IFS=$NL
	for L in $K; do
		IFS=$SP
		set -- $L
		if alive "$1" "$2"; then
			ASKING=$((ASKING + 1)) LOST=$LOST$L$NL
		else
			wait "$1"
		fi
	done
	IFS=$SP
}

fast_statfs() {
	if [ -n "$MOVED" ]; then
		MOVED=
		renumber
		DUE=yes
	fi
	now
	if [ -n "$1" ]; then
		i=1
		while [ $i -le $MN ]; do
			eval "[ -n \"\$P_$i\" ] || Q_$i=1"
			i=$((i + 1))
		done
		DUE=yes
	fi
	# Nothing was asked for and nobody is waited for: nothing to say.
	[ -n "$DUE" ] || return 0
	t=$NOW
	harvest "$t"
	LEFT=0 i=1
	while [ $i -le $MN ]; do
		eval "q=\$Q_$i"
		if [ -n "$q" ]; then
			if [ $ASKING -lt 32 ]; then ask $i; else LEFT=1; fi
		fi
		i=$((i + 1))
	done
	# A mount in good health answers within a millisecond or two: look for up to 30 ms.
	c=$CS e=0
	while harvest "$t"; [ $FRESH -gt 0 ] && [ $e -lt 3 ]; do
		now
		e=$(((NOW - t) * 100 + 1$CS - 1$c))
	done
	C= i=1
	while [ $i -le $MN ]; do
		eval "U=\$R_$i"
		[ -n "$U" ] && C=$C$U$NL
		i=$((i + 1))
	done
	[ $((ASKING + LEFT)) -eq 0 ] && DUE=
	add statfs ok "${C%"$NL"}"
}
