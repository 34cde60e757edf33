//! Programs that may be named as commands of one's own: no shells, and nothing that a typed action does with its interlocks.

/// Programs that change what runbooks know, and the action that does it with its interlocks.
const TYPED: &[(&str, &str)] = &[
    ("drbdadm", "the drbd- actions"),
    ("drbdsetup", "the drbd- actions"),
    ("drbdmeta", "the drbd- actions"),
    ("mdadm", "the runbooks about arrays"),
    ("mount", "mount"),
    ("umount", "unmount"),
    ("mount.nfs", "mount"),
    ("exportfs", "export and unexport"),
    ("ip", "address-add and address-drop"),
    ("ifconfig", "address-add and address-drop"),
    ("nft", "port-block and port-unblock"),
    ("iptables", "port-block and port-unblock"),
    ("systemctl", "service"),
    ("service", "service"),
    ("zfs", "the runbooks about pools"),
    ("zpool", "the runbooks about pools"),
    ("mkfs", "no action: data would be lost"),
    ("wipefs", "no action: data would be lost"),
    ("dd", "no action: data would be lost"),
    ("reboot", "host-reboot, or a switch of its power"),
    ("shutdown", "host-reboot, or a switch of its power"),
    ("poweroff", "host-reboot, or a switch of its power"),
    ("halt", "host-reboot, or a switch of its power"),
];

/// Programs that read their words as a program of their own, or that begin another one: what is really run could not be
/// told from the words.
const SHELLS: &[&str] = &[
    "sh",
    "bash",
    "dash",
    "ash",
    "zsh",
    "ksh",
    "mksh",
    "csh",
    "tcsh",
    "fish",
    "busybox",
    "env",
    "sudo",
    "doas",
    "su",
    "runuser",
    "setpriv",
    "nice",
    "ionice",
    "nohup",
    "setsid",
    "timeout",
    "xargs",
    "chroot",
    "nsenter",
    "unshare",
    "stdbuf",
    "script",
    "ssh",
    "parallel",
    "find",
    "perl",
    "python",
    "python3",
    "ruby",
    "awk",
    "gawk",
    "mawk",
    "eval",
    "exec",
    "command",
    "systemd-run",
    "at",
    "batch",
    "watch",
    "strace",
    "flock",
    "start-stop-daemon",
];

/// Whether a program may be a command of a runbook's or an inventory's own, where it `changes` something or only reads.
///
/// # Errors
/// What is wrong with it, and what to do instead.
pub fn usable(program: &str, changes: bool) -> Result<(), (String, String)> {
    let name = program.rsplit('/').next().unwrap_or(program);
    let bare = name.split('.').next().unwrap_or(name);
    if SHELLS.contains(&name) || SHELLS.contains(&bare) {
        return Err((
            format!("{name} would run what its words say"),
            "put it into a script on the host and name that".to_owned(),
        ));
    }
    let typed = TYPED.iter().find(|(typed, _)| *typed == name || *typed == bare);
    match typed.filter(|_| changes) {
        Some((typed, instead)) => Err((
            format!("{typed} changes what runbooks know and guard"),
            format!("use {instead}"),
        )),
        None => Ok(()),
    }
}
