# --- the main loop ---------------------------------------------------------------------------------
SLOW='rotational identity drbdstatus addresses exports nfsclients drbdevents mysql zpool zpoollist backups df probes proofs lists'

# tier SECTION: the letter that asks for it, in U.
tier() {
	case $1 in
	identity | proofs) U=s ;;
	lists) U='[ms]' ;;
	drbdstatus | mysql | probes) U=f ;;
	*) U=m ;;
	esac
}

# present SECTION: whether there is anything to ask. Builtins only.
present() {
	case $1 in
	drbdstatus | drbdevents) { [ -e "$R/proc/drbd" ] || [ -d "$R/sys/module/drbd" ]; } && have drbdsetup ;;
	exports) have exportfs ;;
	nfsclients) [ -d "$R/proc/fs/nfsd/clients" ] || [ -e "$R/var/lib/nfs/rmtab" ] ;;
	addresses) have ip ;;
	mysql) have mysql || have mariadb ;;
	zpool | zpoollist) have zpool ;;
	esac
}

# concerned SECTION: whether the host was declared to have it; what is not concerned is never sent.
concerned() {
	case $1 in
	mysql) [ "$MYSQL" = yes ] ;;
	probes)
		PROBES_DUE=
		for i in $PROBES; do
			eval "d=\$PROBE_DUE_$i"
			[ "$NOW" -ge "${d:-0}" ] && PROBES_DUE="$PROBES_DUE $i"
		done
		[ -n "$PROBES_DUE" ]
		;;
	backups) [ "$NOW" -ge "${BACKUPS_DUE:-0}" ] ;;
	proofs) [ -n "$LISTS" ] ;;
	lists)
		LISTS_NOW=
		case $LISTS/$WANT in
		/*) ;;
		*s*) LISTS_NOW=$LISTS ;;
		# Some were not reached then: one at a time.
		*) [ $((FL & 8)) -ne 0 ] && [ "$NOW" -ge "${LISTS_DUE:-0}" ] && LISTS_NOW=${LISTS%% *} ;;
		esac
		[ -n "$LISTS_NOW" ]
		;;
	esac
}

# Looks after the lanes, at most three: CUR is the one at work (0: none), BUSY names the sections others are stuck in.
watch() {
	BUSY=' '
	for l in 1 2 3; do
		eval "p=\$LANE_PID_$l s=\$LANE_BORN_$l"
		[ -n "$p" ] || continue
		if ! alive "$p" "$s"; then
			wait "$p"
			r=$?
			[ $r -le 15 ] && FL=$r
			eval "LANE_PID_$l="
			[ $CUR -eq $l ] && CUR=0
			continue
		fi
		where "$p"
		eval "o=\$LANE_AT_$l b=\$LANE_SINCE_$l"
		if [ "x$o" != "x$W" ]; then
			eval "LANE_AT_$l=\$W LANE_SINCE_$l=\$NOW"
			continue
		fi
		e=$((NOW - b))
		[ $e -ge $STUCK ] || continue
		leaf "$p"
		process "$LEAF"
		C="$e ${STATE:-?}"
		B="$B$W stuck ${#C}$NL$C$NL"
		BUSY="$BUSY$W "
		[ $e -ge $REPLACE ] && [ $CUR -eq $l ] && CUR=0
	done
}

# plan: what of WANT a new lane is to run (RUN), if none is at work. That there is nothing to ask needs no lane:
# it is added to the fast lane's answer.
plan() {
	RUN=
	[ $CUR -eq 0 ] && [ -n "$WANT" ] || return 0
	for l in 1 2 3 0; do
		[ $l -eq 0 ] && return
		eval "p=\$LANE_PID_$l"
		[ -n "$p" ] || break
	done
	for S in $SLOW; do
		tier $S
		case $WANT in
		*$U*) ;;
		*) continue ;;
		esac
		concerned $S || continue
		case $BUSY in
		*" $S "*) continue ;;
		esac
		if present $S; then
			RUN="$RUN $S"
			eval "L_$S="
		else
			add $S absent ''
		fi
	done
	case $WANT in
	# A new slow round gives sudo another try.
	*s*) FL=$((FL & 6)) ;;
	esac
	WANT=
	[ -z "$RUN" ] || CUR=$l
}

# turn: the first of LISTS becomes the last.
turn() {
	IFS=$SP
	set -- $LISTS
	X=$1
	shift
	LISTS="${*:+$* }$X"
}

# slow SEQ: starts the lane CUR for RUN.
slow() {
	[ -n "$RUN" ] || return 0
	case $RUN in
	*' probes'*)
		for i in $PROBES_DUE; do
			eval "PROBE_DUE_$i=\$((NOW + PROBE_EVERY_$i))"
		done
		;;
	esac
	case $RUN in
	*' lists'*)
		turn
		LISTS_DUE=$((NOW + LISTS_EVERY))
		;;
	esac
	case $RUN in
	*' backups'*)
		# Each process takes a few microseconds: a hundred a second are looked at in the mean, or all of them once a minute.
		one "$R/proc/loadavg"
		T=${T#*/} e=0
		T=${T%% *}
		case $T in
		'' | *[!0-9]*) ;;
		?????*) e=60 ;;
		*) e=$((T / 100)) ;;
		esac
		[ $e -le 60 ] || e=60
		BACKUPS_DUE=$((NOW + e))
		;;
	esac
	B=
	lane "$1" &
	p=$!
	process $p
	eval "LANE_PID_$CUR=\$p LANE_BORN_$CUR=\$BORN LANE_AT_$CUR= LANE_SINCE_$CUR=\$NOW"
}

forget() {
	for S in uptime loadavg stat meminfo pressure diskstats netdev snmp links mdstat mdsys drbd mounts mountstats nfsd arcstats fserrors statfs $SLOW; do
		eval "L_$S="
	done
}

# poll SEQ TIERS
poll() {
	now
	B=
	case $2 in
	*a*) forget ;;
	esac
	case $2 in
	*f*)
		fast_stat
		fast_uptime
		verbatim loadavg "$R/proc/loadavg"
		fast_meminfo
		fast_pressure
		fast_diskstats
		verbatim netdev "$R/proc/net/dev"
		fast_snmp
		verbatim mdstat "$R/proc/mdstat"
		verbatim drbd "$R/proc/drbd"
		fast_mounts
		fast_mountstats
		fast_nfsd
		;;
	*) [ -n "$MOUNTINFO" ] || fast_mounts ;;
	esac
	case $2 in
	*m*)
		fast_links
		fast_mdsys
		fast_arcstats
		fast_fserrors
		fast_statfs all
		;;
	*) fast_statfs '' ;;
	esac
	for k in f m s; do
		case $WANT/$2 in
		*$k*/*) ;;
		*/*$k*) WANT=$WANT$k ;;
		esac
	done
	watch
	plan
	frame "$1"
	slow "$1"
}

# Nothing stays behind: lanes and mount children are killed, then the whole process group if it is our own.
finish() {
	trap '' HUP INT PIPE TERM
	trap - EXIT
	for l in 1 2 3; do
		eval "p=\$LANE_PID_$l s=\$LANE_BORN_$l"
		[ -n "$p" ] && alive "$p" "$s" && kill_tree "$p"
	done
	i=1
	while [ $i -le $MN ]; do
		eval "p=\$P_$i s=\$S_$i"
		[ -n "$p" ] && alive "$p" "$s" && kill_tree "$p"
		i=$((i + 1))
	done
	process $$ && [ "$PGRP" = $$ ] && kill -TERM 0
	exit 0
}

# kill_tree PID: the process and what it has started. The bound is there against a fork bomb only.
kill_tree() {
	TREE=$1 KILL= X=0
	while [ -n "$TREE" ] && [ $X -lt 200 ]; do
		X=$((X + 1))
		LEAF=${TREE%% *}
		case $TREE in
		*' '*) TREE=${TREE#* } ;;
		*) TREE= ;;
		esac
		one "/proc/$LEAF/task/$LEAF/children"
		KILL="$KILL $LEAF" TREE="${T% }${TREE:+ $TREE}"
		TREE=${TREE# }
	done
	kill -9 $KILL
}

CUR=0 FL=0 MN=0 NETN=0 WANT= BUSY=' ' NONCE= BAD=0 LOST= DUE= MOVED= MOUNTINFO=
trap finish EXIT
trap 'exit 1' HUP INT PIPE TERM

# The dead man's timer: a client that has not asked for three minutes is gone.
DEAD=
case $KSH_VERSION in
# In mksh the end of a child breaks off a read with a timeout.
*MIRBSD* | *LEGACY* | *'PD KSH'*) ;;
*) (read -r -t 1 X </proc/uptime) && DEAD='-t 180' ;;
esac

while read -r $DEAD W1 W2 W3 REST; do
	case $W1$REST in
	hello)
		case $NONCE$W3$W2 in
		'' | *[!0-9a-f]*) ;;
		*)
			if [ -z "$NONCE$W3" ] && [ ${#W2} -ge 16 ] && [ ${#W2} -le 64 ]; then
				NONCE=$W2 B=
				frame 0
				continue
			fi
			;;
		esac
		;;
	go)
		case $NONCE/$W2/$W3 in
		/* | */ | *//* | */*[!0-9]*/* | */*/*[!fmsa]*) ;;
		*)
			if [ ${#W2} -le 18 ] && [ ${#W3} -le 4 ]; then
				poll "$W2" "$W3"
				continue
			fi
			;;
		esac
		;;
	esac
	# Anything else is ignored, but not for ever.
	BAD=$((BAD + 1))
	[ $BAD -lt 100 ] || break
done
exit 0
