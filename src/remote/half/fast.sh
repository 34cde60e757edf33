# --- the fast lane: builtins only, /proc and /sys ------------------------------------------------

fast_stat() {
	slurp "$R/proc/stat" || {
		add stat absent ''
		return
	}
	C= N=0 BTIME=
	IFS=$NL
	for L in $T; do
		case $L in
		cpu[0-9]*) N=$((N + 1)) ;;
		'cpu '* | procs_*) C=$C$L$NL ;;
		btime*) BTIME=$L ;;
		esac
	done
	IFS=$SP
	add stat ok "${C}cpus $N"
}

fast_uptime() {
	one "$R/proc/uptime"
	if [ -n "$T" ]; then add uptime ok "$T$NL$BTIME"; else add uptime absent ''; fi
}

# The lines wanted come early; the rest is not read.
fast_meminfo() {
	[ -r "$R/proc/meminfo" ] || {
		add meminfo absent ''
		return
	}
	C=
	while IFS= read -r L; do
		case $L in
		MemTotal:* | MemFree:* | MemAvailable:* | Buffers:* | Cached:* | SwapTotal:* | SwapFree:* | Dirty:*) C=$C$L$NL ;;
		Writeback:*)
			C=$C$L$NL
			break
			;;
		esac
	done <"$R/proc/meminfo"
	add meminfo ok "${C%"$NL"}"
}

fast_pressure() {
	C=
	for r in cpu io memory; do
		# Built in but switched off (psi=0), these files open with an error.
		slurp "$R/proc/pressure/$r" || continue
		IFS=$NL
		for L in $T; do C="$C$r $L$NL"; done
		IFS=$SP
	done
	if [ -n "$C" ]; then add pressure ok "${C%"$NL"}"; else add pressure absent ''; fi
}

fast_diskstats() {
	slurp "$R/proc/diskstats" || {
		add diskstats absent ''
		return
	}
	C=
	IFS=$NL
	for L in $T; do
		IFS=$SP
		set -- $L
		case $3 in
		loop[0-9]* | ram[0-9]* | zram[0-9]*) continue ;;
		esac
		# Never used: neither a read nor a write completed.
		case $4$8 in
		00) continue ;;
		esac
		C=$C$L$NL
	done
	IFS=$SP
	add diskstats ok "${C%"$NL"}"
}

fast_snmp() {
	slurp "$R/proc/net/snmp" || {
		add snmp absent ''
		return
	}
	C=
	IFS=$NL
	for L in $T; do
		case $L in
		Tcp:*) C=$C$L$NL ;;
		esac
	done
	IFS=$SP
	add snmp ok "${C%"$NL"}"
}

fast_links() {
	set +f
	set -- "$R"/sys/class/net/*
	set -f
	C=
	for d; do
		[ -e "$d/operstate" ] || continue
		C=$C${d##*/}
		for k in operstate carrier speed mtu; do
			# carrier of a link that is down, and speed of a virtual one, cannot be read.
			one "$d/$k"
			C="$C ${T:--}"
		done
		C=$C$NL
	done
	if [ -n "$C" ]; then add links ok "${C%"$NL"}"; else add links absent ''; fi
}

# Since Linux 6.1 the options in mountinfo no longer tell that an ext4 takes no writes after an error; its count does.
fast_fserrors() {
	if [ ! -d "$R/sys/fs/ext4" ]; then
		add fserrors absent ''
		return
	fi
	set +f
	set -- "$R"/sys/fs/ext4/*/errors_count
	set -f
	C=
	for d; do
		[ -e "$d" ] || continue
		n=${d%/errors_count}
		n=${n##*/}
		one "$R/sys/class/block/$n/dev"
		C="$C$n ${T:--}"
		one "$d"
		C="$C ${T:--}$NL"
	done
	add fserrors ok "${C%"$NL"}"
}

fast_mdsys() {
	if [ ! -e "$R/proc/mdstat" ]; then
		add mdsys absent ''
		return
	fi
	set +f
	set -- "$R"/sys/block/md*/md
	set -f
	C=
	for d; do
		[ -d "$d" ] || continue
		n=${d%/md}
		n=${n##*/}
		for k in level raid_disks degraded sync_action mismatch_cnt sync_completed sync_speed array_state; do
			one "$d/$k"
			[ -n "$T" ] && C="$C$n $k $T$NL"
		done
		set +f
		set -- "$d"/dev-*
		set -f
		for m; do
			[ -d "$m" ] || continue
			C="$C$n dev ${m##*/dev-}"
			for k in state slot errors; do
				one "$m/$k"
				C="$C ${T:--}"
			done
			C=$C$NL
		done
	done
	add mdsys ok "${C%"$NL"}"
}

fast_nfsd() {
	if [ ! -e "$R/proc/net/rpc/nfsd" ]; then
		add nfsd absent ''
		return
	fi
	slurp "$R/proc/net/rpc/nfsd" || {
		add nfsd denied "read access to $R/proc/net/rpc/nfsd"
		return
	}
	C=$T
	one "$R/proc/fs/nfsd/threads"
	[ -n "$T" ] && C="$C${NL}threads $T"
	add nfsd ok "$C"
}

fast_arcstats() {
	slurp "$R/proc/spl/kstat/zfs/arcstats" || {
		add arcstats absent ''
		return
	}
	C=
	IFS=$NL
	for L in $T; do
		case ${L%%["$SP"]*} in
		hits | misses | size | c | c_max | l2_hits | l2_misses | l2_size) C=$C$L$NL ;;
		esac
	done
	IFS=$SP
	add arcstats ok "${C%"$NL"}"
}

# Also makes NETM (network mounts) and LOCM (local ones, one a device), escaped as in mountinfo, one a line.
fast_mounts() {
	slurp "$R/proc/self/mountinfo" || {
		add mounts absent ''
		return
	}
	if [ "x$T" != "x$MOUNTINFO" ]; then
		MOUNTINFO=$T
		sort_mounts
	fi
	add mounts ok "$MOUNTS"
}

sort_mounts() {
	MOUNTS= NETM= NETN=0 LOCM= X=' '
	IFS=$NL
	for L in $MOUNTINFO; do
		IFS=$SP
		Y=${L#* - }
		Y=${Y%% *}
		case $Y in
		proc | sysfs | devtmpfs | devpts | cgroup | cgroup2 | pstore | bpf | securityfs | debugfs | tracefs | configfs) continue ;;
		fusectl | mqueue | hugetlbfs | autofs | binfmt_misc | rpc_pipefs | nfsd | efivarfs | selinuxfs | nsfs | ramfs) continue ;;
		fuse.gvfsd-fuse | fuse.lxcfs | fuse.portal | squashfs | sysboxfs | fuse.sysboxfs) continue ;;
		esac
		set -- $L
		case $5 in
		# What container engines and the login manager mount for themselves.
		/var/lib/docker/* | /var/lib/containers/* | /var/lib/kubelet/* | /run/containerd/* | /run/docker/*) continue ;;
		/run/user/* | /run/credentials/*) continue ;;
		esac
		MOUNTS=$MOUNTS$L$NL
		case $Y in
		nfs | nfs4 | cifs | smb3 | ceph | fuse.ceph | fuse.sshfs | fuse.glusterfs | glusterfs | lustre | beegfs | afs)
			NETM=$NETM$5$NL NETN=$((NETN + 1))
			;;
		fuse.* | iso9660 | erofs | 9p | virtiofs | cramfs) ;;
		*)
			case $X in
			*" $3 "*) ;;
			*) X="$X$3 " LOCM=$LOCM$5$NL ;;
			esac
			;;
		esac
	done
	IFS=$SP
	MOUNTS=${MOUNTS%"$NL"}
	MOVED=yes
}

# Operations that were never used make nine tenths of the file: they are left out.
fast_mountstats() {
	if [ ! -r "$R/proc/self/mountstats" ]; then
		add mountstats absent ''
		return
	fi
	C= D= NFS=
	if [ "$NETN" -eq 0 ]; then
		add mountstats ok ''
		return
	elif [ -n "$BASH_VERSION$KSH_VERSION" ]; then
		slurp "$R/proc/self/mountstats"
	elif [ "$NETN" -gt 16 ]; then
		# These shells read files byte by byte. Here one short-lived process costs less.
		T=$(grep -v ': 0 0 0 0 0 0 0 0' "$R/proc/self/mountstats" 3>&-)
	else
		slurp "$R/proc/self/mountstats"
	fi
	IFS=$NL
	for L in $T; do
		case $L in
		device\ *)
			C=$C$D D=
			case $L in
			*' with fstype nfs'*) NFS=yes D=$L$NL ;;
			*) NFS= ;;
			esac
			;;
		*': 0 0 0 0 0 0 0 0'*) ;;
		*'	caps:'* | *'	sec:'* | *'	events:'*) ;;
		*) [ -n "$NFS" ] && D=$D$L$NL ;;
		esac
	done
	IFS=$SP
	C=$C$D
	add mountstats ok "${C%"$NL"}"
}
