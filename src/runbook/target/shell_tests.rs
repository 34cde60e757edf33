//! The functions in real shells of this machine: what old tools do, what is killed in its middle, what is kept.

mod backups;
mod clients;
mod disks;
mod galera;
mod hosts;
mod mysql;
mod pools;
mod streams;
mod tasks;

use super::*;
use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A host of its own: a store, and programs that come before those of the machine.
struct Room {
    directory: tempfile::TempDir,
    shell: Vec<&'static str>,
}

impl Room {
    fn new(shell: &'static str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("bin")).unwrap();
        Self {
            directory,
            shell: shell.split(' ').collect(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a program before that of the machine.
    fn program(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn start(&self, request: &Request) -> Child {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut child = Command::new(self.shell[0])
            .args(&self.shell[1..])
            .args(COMMAND.split(' ').skip(1))
            .env("POINTSMAN_STORE", self.path("store"))
            .env("POINTSMAN_PROC", self.path("proc"))
            .env("POINTSMAN_SYS", self.path("sys"))
            .env("POINTSMAN_DEV", self.path("dev"))
            .env("POINTSMAN_RUN", self.path("run"))
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(request.script().unwrap().as_bytes()).unwrap();
        child
    }

    fn call(&self, request: &Request) -> Vec<Said> {
        let output = self.start(request).wait_with_output().unwrap();
        parse(&output.stdout).unwrap_or_else(|| panic!("cut short: {}", String::from_utf8_lossy(&output.stdout)))
    }

    /// Puts a file there, with the directories above it.
    fn file(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// One look: what it printed.
    fn look(&self, argv: Vec<String>) -> Printed {
        match self.call(&Request::Look(vec![argv])).remove(0) {
            Said::Looked(printed) => printed,
            other => panic!("{other:?}"),
        }
    }

    /// A command that no run claims: what it printed.
    fn nudge(&self, argv: Vec<String>) -> Printed {
        match self.call(&Request::Nudge(argv)).remove(0) {
            Said::Ran(printed) => printed,
            other => panic!("{other:?}"),
        }
    }
}

/// Shells that targets have as `sh`, as far as this machine has them.
fn shells() -> Vec<&'static str> {
    let there = |name: &str| {
        ["/bin", "/usr/bin"]
            .iter()
            .any(|place| Path::new(place).join(name).exists())
    };
    let mut shells = vec!["sh"];
    shells.extend(there("busybox").then_some("busybox sh"));
    shells.extend(there("bash").then_some("bash"));
    shells
}

fn here() -> Identity {
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    Identity {
        machine_id: machine.trim().to_owned(),
        boot_id: None,
    }
}

fn objects() -> Vec<String> {
    vec!["machine-x".into(), "drbd-r0".into()]
}

fn holder(run: &str, token: u64) -> Holder {
    Holder {
        run: run.into(),
        token,
        owner: "ada@console".into(),
    }
}

fn claim(run: &str, token: u64) -> Request {
    Request::Claim {
        identity: here(),
        objects: objects(),
        holder: holder(run, token),
        over: Vec::new(),
    }
}

fn act(run: &str, token: u64, step: usize, command: &[&str]) -> Request {
    Request::Act {
        identity: here(),
        objects: objects(),
        holder: holder(run, token),
        key: format!("{run}-step-{step}-1"),
        expects: Vec::new(),
        commands: vec![command.iter().map(|word| (*word).to_owned()).collect()],
        looks: Vec::new(),
    }
}

fn receipt(run: &str, step: usize) -> Request {
    Request::Receipt {
        identity: here(),
        key: format!("{run}-step-{step}-1"),
    }
}

fn claimed() -> Vec<Said> {
    objects().into_iter().map(Said::Claimed).collect()
}

/// Waits until a file is there.
fn until(path: &Path) {
    let began = Instant::now();
    while !path.exists() {
        assert!(
            began.elapsed() < Duration::from_mins(1),
            "{} does not come",
            path.display()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A command that hangs in the kernel outlives its shell, and may still take effect: nobody else begins meanwhile.
#[test]
fn a_command_whose_shell_is_killed_keeps_the_lock_until_it_ends() {
    for shell in shells() {
        let room = Room::new(shell);
        assert_eq!(room.call(&claim("run-a", 1)), claimed());
        let (began, done) = (room.path("began"), room.path("done"));
        let command = format!(
            "echo $PPID >{0}.new; mv {0}.new {0}; sleep 3; touch {1}",
            began.display(),
            done.display()
        );
        let mut running = room.start(&act("run-a", 1, 0, &["sh", "-c", &command]));
        until(&began);
        running.kill().unwrap();
        running.wait().unwrap();
        let block = fs::read_to_string(&began).unwrap();
        let killed = Command::new("kill")
            .args(["-9", block.trim()])
            .stderr(Stdio::null())
            .status();
        killed.unwrap();
        assert!(!done.exists());
        assert_eq!(
            room.call(&receipt("run-a", 0)),
            [Said::Receipt(Receipt::Begun)],
            "{shell}"
        );
        assert!(done.exists(), "{shell}: it was answered while the command still ran");
    }
}

/// A command that hangs keeps everybody away from its host; they are told which one it is.
#[test]
fn who_finds_the_host_busy_is_told_by_what() {
    for shell in shells() {
        let room = Room::new(shell);
        assert_eq!(room.call(&claim("run-a", 1)), claimed());
        // Time passes quickly for who waits.
        room.program("sleep", "exit 0");
        let (began, over) = (room.path("began"), room.path("over"));
        let hang = format!(
            "touch {}; until [ -e {} ]; do /bin/sleep 0.02; done",
            began.display(),
            over.display()
        );
        room.program("umount", &hang);
        let running = room.start(&act("run-a", 1, 3, &["umount", "--", "/srv/web1"]));
        until(&began);
        let said = room.call(&claim("run-a", 2));
        assert!(
            matches!(&said[0], Said::Refused(kind, seen) if kind == "busy" && seen.starts_with("umount -- /srv/web1 (step run-a")),
            "{shell}: {said:?}"
        );
        fs::write(over, "").unwrap();
        running.wait_with_output().unwrap();
        assert_eq!(room.call(&claim("run-a", 2)), claimed(), "{shell}");
    }
}

/// 8.4 tells its state in /proc/drbd; of 9, which tells only its version there, drbdadm is asked.
#[test]
fn the_state_of_drbd_is_that_of_this_side_and_minor() {
    let v8 = "version: 8.4.11 (api:1/proto:86-101)\n\n \
        1: cs:Connected ro:Primary/Secondary ds:UpToDate/Inconsistent C r-----\n    ns:0 nr:0 dw:0 dr:0 al:8 bm:0 lo:0\n\
        11: cs:WFConnection ro:Secondary/Unknown ds:Consistent/DUnknown C r-----\n    ns:0 nr:0 dw:0 dr:0 al:8 bm:0 lo:0\n";
    for shell in shells() {
        let room = Room::new(shell);
        room.program(
            "drbdadm",
            "case $1 in role) echo Secondary/Primary ;; dstate) echo UpToDate/UpToDate ;; esac",
        );
        let state = |minor: &str| {
            let look = Request::Look(vec![["drbd_state", "r1", minor].map(String::from).to_vec()]);
            match &room.call(&look)[0] {
                Said::Looked(printed) => printed.text.clone(),
                other => panic!("{shell}: {other:?}"),
            }
        };
        assert_eq!(state("1"), "Secondary UpToDate\n", "{shell}: no module tells");
        fs::create_dir(room.path("proc")).unwrap();
        fs::write(room.path("proc/drbd"), "version: 9.2.4 (api:2/proto:86-122)\n").unwrap();
        assert_eq!(state("1"), "Secondary UpToDate\n", "{shell}");
        fs::write(room.path("proc/drbd"), v8).unwrap();
        assert_eq!(state("1"), "Primary UpToDate\n", "{shell}");
        assert_eq!(state("11"), "Secondary Consistent\n", "{shell}");
    }
}

#[test]
fn what_a_nudge_prints_is_told_whether_it_works_or_not() {
    for shell in shells() {
        let room = Room::new(shell);
        room.program("ss", "echo \"closed $*\"; echo 'no more' >&2; exit 3");
        let nudge = Request::Nudge(["ss", "-K", "dport", "=", ":2049"].map(String::from).to_vec());
        let printed = Printed {
            exit: 3,
            text: "closed -K dport = :2049\nno more".into(),
        };
        assert_eq!(room.call(&nudge), [Said::Ran(printed)], "{shell}");
        assert!(!room.path("store").exists(), "{shell}: nothing is kept of it");
    }
}

/// What a command leaves running for good must not keep the lock for good.
#[test]
fn what_starts_daemons_does_not_hand_them_the_lock() {
    let room = Room::new("sh");
    let pid = room.path("pid");
    room.program(
        "systemctl",
        &format!("sleep 60 >/dev/null 2>&1 & echo $! >{}", pid.display()),
    );
    assert_eq!(room.call(&claim("run-a", 1)), claimed());
    let said = room.call(&act("run-a", 1, 0, &["systemctl", "start", "nfs-server"]));
    assert!(matches!(&said[0], Said::Ran(printed) if printed.exit == 0), "{said:?}");
    assert_eq!(room.call(&claim("run-a", 2)), claimed());
    let daemon = fs::read_to_string(pid).unwrap();
    assert!(
        Command::new("kill").arg(daemon.trim()).status().unwrap().success(),
        "it still ran"
    );
}

/// The flock(1) of busybox has no -w, its sleep(1) may know whole seconds only, and sync(1) of before 2015 takes no
/// files.
#[test]
fn old_tools_do() {
    for shell in shells() {
        let room = Room::new(shell);
        room.program(
            "flock",
            "for word; do [ \"$word\" != -w ] || exit 1; done; PATH=/usr/bin:/bin; exec flock \"$@\"",
        );
        room.program(
            "sleep",
            "case $1 in *.*) exit 1 ;; esac; PATH=/usr/bin:/bin; exec sleep \"$@\"",
        );
        let mark = room.path("synced");
        room.program(
            "sync",
            &format!(
                "[ \"$1\" != --help ] || {{ echo 'Usage: sync [OPTION]'; exit; }}; touch {}",
                mark.display()
            ),
        );
        assert_eq!(room.call(&claim("run-a", 1)), claimed(), "{shell}");
        // Somebody else's command still runs.
        let mut other = Command::new("flock")
            .args([
                room.path("store/lock").to_str().unwrap(),
                "-c",
                &format!("touch {0}; sleep 2", room.path("holds").display()),
            ])
            .spawn()
            .unwrap();
        until(&room.path("holds"));
        let said = room.call(&act("run-a", 1, 0, &["echo", "one"]));
        assert!(
            matches!(&said[0], Said::Ran(printed) if (printed.exit, printed.text.as_str()) == (0, "one\n")),
            "{shell}: {said:?}"
        );
        other.wait().unwrap();
        let kept = room.call(&receipt("run-a", 0));
        assert!(
            matches!(&kept[0], Said::Receipt(Receipt::Ended(printed)) if printed.text == "one\n"),
            "{shell}: {kept:?}"
        );
        let release = Request::Release {
            identity: here(),
            objects: objects(),
            holder: holder("run-a", 1),
        };
        let released: Vec<Said> = objects().into_iter().map(Said::Released).collect();
        assert_eq!(room.call(&release), released, "{shell}");
        assert_eq!(room.call(&claim("run-b", 2)), claimed(), "{shell}");
        assert!(!mark.exists(), "{shell}: every filesystem was waited for");
    }
}

#[test]
fn receipts_of_runs_that_hold_nothing_are_forgotten_after_a_while() {
    for shell in shells() {
        let room = Room::new(shell);
        assert_eq!(room.call(&claim("run-a", 1)), claimed());
        let receipts = room.path("store/receipt");
        let names = [
            "run-a-step-0-1.begun",
            "run-old-step-0-1.begun",
            "run-old-back-3-2.exit",
            "run-new-step-0-1.begun",
        ];
        for name in names {
            fs::write(receipts.join(name), "begun\n").unwrap();
        }
        for name in &names[..3] {
            let aged = Command::new("touch")
                .args(["-d", "32 days ago"])
                .arg(receipts.join(name))
                .status();
            assert!(aged.unwrap().success());
        }
        let release = Request::Release {
            identity: here(),
            objects: vec!["another".into()],
            holder: holder("run-a", 1),
        };
        assert_eq!(room.call(&release), [Said::Released("another".into())], "{shell}");
        let mut left: Vec<String> = fs::read_dir(&receipts)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["run-a-step-0-1.begun", "run-new-step-0-1.begun"], "{shell}");
    }
}

/// Another machine behind the same name is told nothing, and gives nothing back.
#[test]
fn a_release_is_for_one_machine() {
    let room = Room::new("sh");
    assert_eq!(room.call(&claim("run-a", 1)), claimed());
    let release = Request::Release {
        identity: Identity {
            machine_id: "another".into(),
            boot_id: None,
        },
        objects: objects(),
        holder: holder("run-a", 1),
    };
    let said = room.call(&release);
    assert!(
        matches!(&said[0], Said::Refused(kind, _) if kind == "identity"),
        "{said:?}"
    );
    // What an older process of the same run says is not obeyed either.
    let older = Request::Release {
        identity: here(),
        objects: objects(),
        holder: holder("run-a", 0),
    };
    let said = room.call(&older);
    assert_eq!(said, [Said::Refused("token".into(), "1 run-a ada@console".into())]);
    let tokens = room.call(&Request::Tokens(objects()));
    assert!(
        matches!(&tokens[0], Said::Token { run: Some(run), .. } if run == "run-a"),
        "{tokens:?}"
    );
}

/// A run that was taken over gets nothing any more, not even after the other one has given everything back.
#[test]
fn a_run_that_was_taken_over_is_refused_for_ever() {
    for shell in shells() {
        let room = Room::new(shell);
        assert_eq!(room.call(&claim("run-a", 3)), claimed());
        let over = |over: &[&str]| Request::Claim {
            identity: here(),
            objects: objects(),
            holder: holder("run-b", 4),
            over: over.iter().map(|run| (*run).to_owned()).collect(),
        };
        for wrong in [&[][..], &["run"], &["run-", "run-c"]] {
            let said = room.call(&over(wrong));
            assert!(
                matches!(&said[0], Said::Refused(kind, seen) if kind == "held" && seen == "machine-x run-a ada@console"),
                "{said:?}"
            );
        }
        let said = room.call(&over(&["run-c", "run-a"]));
        let took = objects().into_iter().flat_map(|object| {
            let took = Said::Took {
                object: object.clone(),
                run: "run-a".into(),
            };
            [Said::Claimed(object), took]
        });
        assert_eq!(said, took.collect::<Vec<_>>(), "{shell}");
        let refused = |said: &[Said], wanted: &str| {
            assert!(
                matches!(&said[0], Said::Refused(kind, _) if kind == wanted),
                "{shell}: {said:?}"
            );
        };
        refused(&room.call(&act("run-a", 3, 0, &["true"])), "token");
        refused(&room.call(&claim("run-a", 9)), "displaced");
        room.call(&Request::Release {
            identity: here(),
            objects: objects(),
            holder: holder("run-b", 4),
        });
        refused(&room.call(&claim("run-a", 10)), "displaced");
        assert_eq!(
            room.call(&claim("run-c", 10)),
            claimed(),
            "{shell}: others are not concerned"
        );
    }
}

#[test]
fn a_port_block_that_cannot_be_read_is_neither_there_nor_gone() {
    for shell in shells() {
        let room = Room::new(shell);
        assert!(
            room.call(&claim("run-1", 1))
                .iter()
                .any(|said| matches!(said, Said::Claimed(_))),
            "{shell}"
        );
        let look = Request::Look(vec![["port_block", "list", "-"].map(String::from).to_vec()]);
        let listed = |room: &Room| match &room.call(&look)[0] {
            Said::Looked(printed) => (printed.exit, printed.text.clone()),
            other => panic!("{shell}: {other:?}"),
        };
        let dropped = |room: &Room, step: usize| {
            let said = room.call(&act("run-1", 1, step, &["port_block", "drop", "10.0.0.1"]));
            said.iter().find_map(|said| match said {
                Said::Ran(printed) => Some(printed.exit),
                _ => None,
            })
        };
        let tables = "[ \"$2\" != tables ] || { echo 'table inet pointsman'; exit 0; }";
        room.program("nft", &format!("{tables}\nexit 1"));
        assert_ne!(listed(&room).0, 0, "{shell}");
        assert_ne!(dropped(&room, 1), Some(0), "{shell}");
        // Our table stands there for another purpose: nothing is blocked.
        room.program(
            "nft",
            &format!("{tables}\n[ \"$2\" != table ] || {{ echo 'set barred {{'; exit 0; }}\nexit 1"),
        );
        assert_eq!(listed(&room), (0, String::new()), "{shell}");
        // Its set is there and cannot be read.
        room.program(
            "nft",
            &format!("{tables}\n[ \"$2\" != table ] || {{ echo 'set blocked {{'; exit 0; }}\nexit 1"),
        );
        assert_ne!(listed(&room).0, 0, "{shell}");
        // One that can be read: another address is not this one.
        room.program(
            "nft",
            &format!("{tables}\n[ \"$1\" = list ] || exit 3\necho 'elements = {{ 110.0.0.1, 10.0.0.12 }}'"),
        );
        assert_eq!(listed(&room), (0, "110.0.0.1\n10.0.0.12\n".into()), "{shell}");
        assert_eq!(dropped(&room, 2), Some(0), "{shell}");
        room.program(
            "nft",
            &format!("{tables}\n[ \"$1\" = list ] || exit 3\necho 'elements = {{ 10.0.0.1 }}'"),
        );
        assert_eq!(dropped(&room, 3), Some(3), "{shell}");
    }
}
