//! Snapshots that are sent and received: by a real socat, and a zfs(8) of directories with the rules of the real one, for that is
//! on no ordinary machine. The same by a real one of 2011 (zfs-fuse) is at the end.

use super::{
    tasks::{comes, looks, one, room, runs, step_of},
    *,
};
use crate::runbook::observe::{
    stream::Stand,
    task::{Is, Task},
};
use std::os::unix::fs::MetadataExt as _;

const MARK: &str = "web1 of x";

/// The two datasets, mounted at directories of the room, and the port at which the one is sent.
struct Pools {
    room: Room,
    port: String,
    step: std::cell::Cell<usize>,
}

impl Pools {
    fn new(shell: &'static str) -> Self {
        assert!(
            Path::new("/usr/bin/socat").exists(),
            "socat is missing: install the package socat"
        );
        let room = room(shell);
        room.program("zfs", include_str!("zfs.sh"));
        room.program("exportfs", "");
        room.file("zfs/guid", "100\n");
        room.file("zfs/tank=web1/head", "one\n");
        room.file("zfs/pool=web1/head", "");
        for name in ["tank=web1", "pool=web1"] {
            for part in ["prop", "snap", "mark"] {
                fs::create_dir(room.path(&format!("zfs/{name}/{part}"))).unwrap();
            }
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let pools = Self {
            room,
            port: port.local_addr().unwrap().port().to_string(),
            step: std::cell::Cell::new(0),
        };
        pools.mounts(["rw", "rw"]);
        pools
    }

    fn mounts(&self, how: [&str; 2]) {
        let mut text = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n".to_owned();
        for (place, (dataset, how)) in ["old", "new"].iter().zip(["tank/web1", "pool/web1"].iter().zip(how)) {
            fs::create_dir_all(self.room.path(place)).unwrap();
            let line = format!(
                "30 22 0:47 / {} {how},noatime shared:1 - zfs {dataset} {how},xattr\n",
                self.at(place)
            );
            text.push_str(&line);
        }
        self.room.file("proc/self/mountinfo", text);
    }

    fn at(&self, place: &str) -> String {
        self.room.path(place).display().to_string()
    }

    fn next(&self) -> usize {
        self.step.set(self.step.get() + 1);
        self.step.get()
    }

    fn runs(&self, words: &[&str]) {
        runs(&self.room, self.next(), words);
    }

    fn fails(&self, words: &[&str], says: &str) {
        let (code, text) = step_of(&self.room, self.next(), words);
        assert!(code != 0 && text.contains(says), "{words:?}: {code}: {text}");
    }

    fn begin(&self) {
        self.runs(&["stream_begin", &self.at("new"), "pool/web1", MARK]);
        self.serve();
    }

    fn serve(&self) {
        let old = self.at("old");
        let words = ["stream_serve", "web1-serve", &old, "tank/web1"];
        self.runs(&[&words[..], &["127.0.0.1", &self.port, "127.0.0.1"]].concat());
        comes("the port", || self.asked("x").contains("refused"));
    }

    /// What the old server answers to a line.
    fn asked(&self, line: &str) -> String {
        self.asked_from(line, if is_root() { ",lowport" } else { "" })
    }

    /// The same, asked with more words of socat.
    fn asked_from(&self, line: &str, more: &str) -> String {
        let command = format!(
            "printf '%s\\n' '{line}' | socat -t 5 - TCP4:127.0.0.1:{}{more} 2>/dev/null",
            self.port
        );
        let output = Command::new("sh").args(["-c", &command]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn go(&self, name: &str) {
        let source = format!("127.0.0.1:{}", self.port);
        self.runs(&["stream_go", name, "600", "pool/web1", MARK, &source]);
    }

    fn pass(&self, name: &str) -> Task {
        self.go(name);
        comes(name, || !one(&self.room, name).is_alive());
        one(&self.room, name)
    }

    fn well(&self, name: &str) {
        let task = self.pass(name);
        assert!(matches!(task.is, Is::Ended { code: 0, .. }), "{task:?}");
    }

    fn write(&self, dataset: &str, text: &str) {
        self.room.file(&format!("zfs/{dataset}/head"), text);
    }

    fn has(&self) -> String {
        fs::read_to_string(self.room.path("zfs/pool=web1/head")).unwrap()
    }

    fn stand(&self, dataset: &str) -> Stand {
        Stand::parse(&looks(&self.room, &["stream_stand", dataset])).unwrap()
    }

    /// What was asked of zfs since the last time, of that verb.
    fn ran(&self, verb: &str) -> Vec<String> {
        let text = fs::read_to_string(self.room.path("zfs/ran")).unwrap();
        let _ = fs::remove_file(self.room.path("zfs/ran"));
        let lines = text.lines().filter(|line| line.starts_with(verb));
        lines.map(str::to_owned).collect()
    }
}

/// Whether these tests may use a port below 1024.
fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

#[test]
fn snapshots_are_sent_received_and_compared() {
    for shell in shells() {
        let pools = Pools::new(shell);
        pools.begin();
        assert_eq!(pools.stand("pool/web1").copy.as_deref(), Some(MARK), "{shell}");
        pools.well("web1.1");
        assert_eq!(pools.has(), "one\n", "{shell}");
        assert_eq!(pools.ran("receive"), ["receive -s -F pool/web1"], "{shell}");
        assert_eq!(
            one(&pools.room, "web1.1").figure("Size of the stream"),
            Some(4),
            "{shell}"
        );
        assert!(
            pools.room.path("zfs/tank=web1/snap/pointsman-run-1-1/held").exists(),
            "{shell}"
        );
        pools.write("tank=web1", "two, which is longer\n");
        pools.well("web1.2");
        assert_eq!(pools.has(), "two, which is longer\n", "{shell}");
        let (sent, received) = (pools.ran("send -i"), ["receive -s pool/web1"]);
        assert_eq!(
            sent,
            ["send -i tank/web1@pointsman-run-1-1 tank/web1@pointsman-run-1-2"],
            "{shell}"
        );
        pools.well("web1.3");
        assert_eq!(
            pools.ran("receive"),
            received,
            "{shell}: only what is new, and nothing is undone"
        );
        let (old, new) = (pools.stand("tank/web1"), pools.stand("pool/web1"));
        assert_eq!((&old.last, old.written), (&new.last, Some(0)), "{shell}");
        assert_eq!(
            fs::read_dir(pools.room.path("zfs/pool=web1/snap")).unwrap().count(),
            1,
            "{shell}"
        );
        assert_eq!(
            fs::read_dir(pools.room.path("zfs/tank=web1/snap")).unwrap().count(),
            2,
            "{shell}"
        );
        pools.write("tank=web1", "three\n");
        assert_eq!(pools.stand("tank/web1").written, Some(4096), "{shell}");
        // A run that is over leaves bookmarks, from which the next one goes on.
        pools.runs(&["task_end", "web1-serve"]);
        pools.runs(&["stream_release", "tank/web1"]);
        assert_eq!(pools.stand("tank/web1").last, None, "{shell}");
        pools.serve();
        pools.ran("send");
        pools.well("web1.4");
        assert_eq!(
            pools.ran("send -i"),
            ["send -i tank/web1#pointsman-run-1-3 tank/web1@pointsman-run-1-1"],
            "{shell}"
        );
        // It can be written, is made as it was, and ends as the slice.
        pools.runs(&["stream_unlock", "pool/web1", MARK]);
        pools.write("pool=web1", "touched\n");
        pools.runs(&["stream_lock", "pool/web1", MARK]);
        assert_eq!(pools.has(), "three\n", "{shell}");
        assert_eq!(
            looks(&pools.room, &["copy_mark", &pools.at("new")]),
            format!("mark {MARK}\n"),
            "{shell}"
        );
        pools.runs(&["copy_close", &pools.at("new")]);
        let slice = pools.stand("pool/web1");
        assert_eq!((slice.copy, slice.last), (None, None), "{shell}");
        pools.runs(&["task_end", "web1-serve"]);
    }
}

/// A tool of 2011 knows neither tokens nor bookmarks: what was cut, or let go, begins anew.
#[test]
fn an_old_tool_begins_anew_where_a_new_one_goes_on() {
    for old in [false, true] {
        let pools = Pools::new("sh");
        if old {
            pools.room.file("zfs/old", "");
        }
        pools.begin();
        pools.write("tank=web1", &format!("{}\n", "long ".repeat(100)));
        pools.room.file("zfs/slow", "");
        pools.go("web1.1");
        comes("the stream", || pools.room.path("zfs/pool=web1/new").exists());
        let left = looks(&pools.room, &["stream_left", "web1"]);
        let size = if old { "stream - " } else { "stream 501 " };
        assert!(left.starts_with(size), "{left}");
        pools.runs(&["task_end", "web1"]);
        comes("the end of what receives", || !receives(&pools.room));
        fs::remove_file(pools.room.path("zfs/slow")).unwrap();
        pools.ran("send");
        pools.well("web1.2");
        assert_eq!(pools.has(), format!("{}\n", "long ".repeat(100)));
        let resumed = pools.ran("send").iter().any(|line| line.starts_with("send -t 1-101"));
        assert_eq!(resumed, !old);
        assert_eq!(one(&pools.room, "web1.2").log.contains(&"Resumed".to_owned()), !old);
        // Nothing in common any more: from the beginning, over snapshots of ours alone.
        pools.runs(&["task_end", "web1-serve"]);
        pools.runs(&["stream_release", "tank/web1"]);
        let _ = fs::remove_dir_all(pools.room.path("zfs/tank=web1/mark"));
        fs::create_dir(pools.room.path("zfs/tank=web1/mark")).unwrap();
        pools.write("tank=web1", "anew\n");
        pools.serve();
        pools.well("web1.3");
        assert_eq!(pools.has(), "anew\n");
        // A snapshot of somebody else's is not undone.
        pools.room.file("zfs/pool=web1/snap/daily/guid", "9\n");
        let task = pools.pass("web1.4");
        assert!(
            matches!(task.is, Is::Ended { code: 1, .. }) && task.last_words().contains("no snapshot of ours"),
            "{task:?}"
        );
        pools.runs(&["task_end", "web1-serve"]);
    }
}

/// Whether a process of the room receives.
fn receives(room: &Room) -> bool {
    !receiving(room).is_empty()
}

/// States of the processes of the room that receive.
fn receiving(room: &Room) -> Vec<String> {
    let zfs = room.path("bin/zfs").display().to_string();
    let state = |entry: fs::DirEntry| {
        let words = fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let ours = words.contains(&zfs) && words.contains("receive\0");
        ours.then(|| stat.rsplit(") ").next().unwrap_or_default()[..1].to_owned())
    };
    fs::read_dir("/proc").unwrap().flatten().filter_map(state).collect()
}

/// What receives would fail once it is stopped and goes on: only what feeds it stands still.
#[test]
fn a_pass_that_stands_still_does_not_stop_what_receives() {
    let pools = Pools::new("sh");
    pools.begin();
    pools.write("tank=web1", &format!("{}\n", "long ".repeat(100)));
    pools.room.file("zfs/slow", "");
    pools.go("web1.1");
    comes("what receives", || receives(&pools.room));
    pools.runs(&["task_hold", "web1.1"]);
    comes("standing still", || {
        matches!(one(&pools.room, "web1.1").is, Is::Held { .. })
    });
    fs::remove_file(pools.room.path("zfs/slow")).unwrap();
    std::thread::sleep(Duration::from_secs(1));
    let states = receiving(&pools.room);
    assert!(!states.is_empty() && !states.contains(&"T".to_owned()), "{states:?}");
    pools.runs(&["task_go", "web1.1", "600"]);
    comes("its end", || !one(&pools.room, "web1.1").is_alive());
    assert!(matches!(one(&pools.room, "web1.1").is, Is::Ended { code: 0, .. }));
    pools.runs(&["task_end", "web1-serve"]);
}

#[test]
fn only_a_dataset_that_is_ours_and_unchanged_is_received_over() {
    let pools = Pools::new("sh");
    let (old, new) = (pools.at("old"), pools.at("new"));
    pools.fails(&["stream_begin", &old, "pool/web1", MARK], "is not pool/web1");
    pools.room.file("new/data", "somebody's");
    pools.fails(&["stream_begin", &new, "pool/web1", MARK], "holds something");
    fs::remove_file(pools.room.path("new/data")).unwrap();
    pools.room.file("zfs/pool=web1/snap/daily/guid", "9\n");
    pools.fails(&["stream_begin", &new, "pool/web1", MARK], "holds something");
    fs::remove_dir_all(pools.room.path("zfs/pool=web1/snap/daily")).unwrap();
    let ready = |mark: &str| looks(&pools.room, &["stream_ready", &new, "pool/web1", mark]);
    assert!(ready(MARK).contains("something else"));
    pools.begin();
    assert_eq!(ready(MARK), "ready\n");
    assert!(ready("web2 of x").contains("something else"));
    pools
        .room
        .program("exportfs", &format!("printf '%s\\t10.0.0.0/8(rw)\\n' '{new}'"));
    assert!(ready(MARK).contains("is exported"));
    pools.fails(&["stream_begin", &new, "pool/web1", "web2 of x"], "something else");
    pools.well("web1.1");
    pools.write("pool=web1", "somebody wrote\n");
    pools.write("tank=web1", "two\n");
    let task = pools.pass("web1.2");
    assert!(
        matches!(task.is, Is::Ended { code: 10, .. }) && task.last_words().contains("modified"),
        "{task:?}"
    );
    assert_eq!(pools.has(), "somebody wrote\n");
    fs::write(pools.room.path("zfs/pool=web1/prop/pointsman:copy"), "web2 of x\n").unwrap();
    let task = pools.pass("web1.3");
    assert!(
        matches!(task.is, Is::Ended { code: 1, .. }) && task.last_words().contains("does not bear the mark"),
        "{task:?}"
    );
    pools.fails(&["stream_unlock", "pool/web1", MARK], "something else");
    pools.fails(&["stream_lock", "pool/web1", MARK], "something else");
    pools.runs(&["task_end", "web1-serve"]);
    fs::write(
        pools.room.path("zfs/pool=web1/prop/pointsman:copy"),
        format!("{MARK}\n"),
    )
    .unwrap();
    let task = pools.pass("web1.4");
    assert!(
        matches!(task.is, Is::Ended { code: 10, .. }) && task.last_words().contains("nobody answers"),
        "{task:?}"
    );
}

/// Whoever can open a connection on the new server may ask for the slice, and for nothing else.
#[test]
fn what_is_asked_for_is_the_slice_or_nothing() {
    let pools = Pools::new("sh");
    pools.room.file("zfs/tank=other/snap/pointsman-x/guid", "77\n");
    pools.room.file("zfs/tank=other/snap/pointsman-x/data", "secret\n");
    pools.begin();
    for (line, says) in [
        ("resume 1-77", "unknown\n"),
        ("resume $(touch here)", "refused that is no token\n"),
        ("since 77", "unknown\n"),
        ("since 7; touch here", "refused that is no snapshot\n"),
        ("since", "refused that is no snapshot\n"),
        ("nothing-else", "refused that is not understood\n"),
        ("", "refused that is not understood\n"),
    ] {
        assert_eq!(pools.asked(line), says, "{line}");
    }
    assert!(pools.asked("nothing").starts_with("stream 4\n"));
    // Nobody but root has the port that is asked for.
    if is_root() {
        assert_eq!(pools.asked_from("nothing", ""), "");
    }
    pools.runs(&["task_end", "web1-serve"]);
    // Another address is no client of it.
    let old = pools.at("old");
    pools.runs(&[
        "stream_serve",
        "web1-serve",
        &old,
        "tank/web1",
        "127.0.0.1",
        &pools.port,
        "127.0.0.2",
    ]);
    comes("the port", || {
        std::net::TcpStream::connect(format!("127.0.0.1:{}", pools.port)).is_ok()
    });
    assert_eq!(pools.asked("nothing"), "");
    pools.runs(&["task_end", "web1-serve"]);
}

/// Whoever listens there already is told of at once, and not by five passes that nobody answers.
#[test]
fn a_port_that_is_taken_is_told_of_before_anything_is_sent() {
    let pools = Pools::new("sh");
    let taken = std::net::TcpListener::bind(format!("127.0.0.1:{}", pools.port)).unwrap();
    let (old, port) = (pools.at("old"), pools.port.clone());
    let words = [
        "stream_serve",
        "web1-serve",
        &old,
        "tank/web1",
        "127.0.0.1",
        &port,
        "127.0.0.1",
    ];
    pools.fails(&words, "Address already in use");
    drop(taken);
    pools.serve();
    pools.runs(&["task_end", "web1-serve"]);
}

/// A dataset is closed for good, and thrown away only as the old side that it was marked as.
#[test]
fn a_dataset_is_closed_kept_and_thrown_away_by_its_properties() {
    let pools = Pools::new("sh");
    let old = pools.at("old");
    let read_only = || fs::read_to_string(pools.room.path("zfs/tank=web1/prop/readonly")).unwrap();
    pools.runs(&["copy_freeze", &old, "tank/web1", "web1"]);
    assert_eq!(read_only(), "on\n");
    pools.runs(&["copy_thaw", &old, "tank/web1", "web1"]);
    assert_eq!(read_only(), "off\n");
    pools.room.program(
        "umount",
        &format!(
            "printf '22 1 8:1 / / rw - ext4 /dev/sda1 rw\\n' >'{}'",
            pools.room.path("proc/self/mountinfo").display()
        ),
    );
    assert_eq!(looks(&pools.room, &["old_blank", "tank/web1"]), "TYPE=zfs\n");
    pools.runs(&["old_keep", "web1", "14", "web1i"]);
    pools.mounts(["ro", "rw"]);
    pools.fails(&["old_wipe", &old, "tank/web1", "web1"], "is not marked as an old side");
    pools.mounts(["ro", "rw"]);
    pools.runs(&["stream_keep", "tank/web1", "web1"]);
    assert_eq!(pools.stand("tank/web1").old.as_deref(), Some("web1"));
    // What was made below it since is somebody's.
    fs::create_dir(pools.room.path("zfs/tank=web1=new")).unwrap();
    pools.fails(&["old_wipe", &old, "tank/web1", "web1"], "has datasets below it");
    assert!(pools.room.path("zfs/tank=web1").exists());
    assert!(looks(&pools.room, &["old_kept", "web1"]).starts_with("old "));
    fs::remove_dir(pools.room.path("zfs/tank=web1=new")).unwrap();
    pools.mounts(["ro", "rw"]);
    pools.runs(&["old_wipe", &old, "tank/web1", "web1"]);
    assert!(!pools.room.path("zfs/tank=web1").exists());
    fs::create_dir(pools.room.path("zfs/tank")).unwrap();
    assert_eq!(looks(&pools.room, &["old_blank", "tank/web1"]), "blank\n");
    assert_eq!(looks(&pools.room, &["old_kept", "web1"]), "no\n");
}

/// Clients wait while a copy becomes the slice: a snapshot that somebody else holds does not keep it from that.
#[test]
fn a_copy_becomes_the_slice_although_a_snapshot_is_held() {
    let pools = Pools::new("sh");
    pools.begin();
    pools.well("web1.1");
    pools.runs(&["task_end", "web1-serve"]);
    let held = pools.room.path("zfs/pool=web1/snap/pointsman-run-1-1/held");
    fs::write(&held, "").unwrap();
    pools.runs(&["copy_close", &pools.at("new")]);
    let slice = pools.stand("pool/web1");
    assert_eq!((slice.copy, slice.last.is_some()), (None, true));
}

/// By a real zfs-fuse, whose daemon runs already with two pools of nobody else's; their names are in `POINTSMAN_POOLS`
/// (`pa pb`), and zfs(8) is in the PATH: `cargo test --lib -- --ignored by_a_real_zfs`.
#[test]
#[ignore = "needs a running zfs-fuse with two pools that may be written (POINTSMAN_POOLS)"]
fn a_dataset_is_sent_and_received_by_a_real_zfs() {
    let names = std::env::var("POINTSMAN_POOLS").unwrap();
    let (one_pool, other) = names.split_once(' ').unwrap();
    let [old, new] = [one_pool, other].map(|pool| format!("{pool}/web1"));
    let zfs = |words: &[&str]| {
        let output = Command::new("zfs").args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    };
    for dataset in [&old, &new] {
        zfs(&["create", dataset]);
    }
    let places = [&old, &new].map(|dataset| zfs(&["get", "-H", "-o", "value", "mountpoint", dataset]));
    let room = room("sh");
    room.file(
        "proc/self/mountinfo",
        fs::read_to_string("/proc/self/mountinfo").unwrap(),
    );
    room.program("exportfs", "");
    fs::write(format!("{}/data", places[0]), vec![7; 3_000_000]).unwrap();
    let port = "8874";
    runs(&room, 1, &["stream_begin", &places[1], &new, MARK]);
    let serve = [
        "stream_serve",
        "web1-serve",
        &places[0],
        &old,
        "127.0.0.1",
        port,
        "127.0.0.1",
    ];
    runs(&room, 2, &serve);
    comes("the port", || {
        std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_ok()
    });
    let source = format!("127.0.0.1:{port}");
    let mut number = 0;
    for size in [3_000_000_u32, 4_000_000] {
        fs::write(format!("{}/data", places[0]), vec![7; usize::try_from(size).unwrap()]).unwrap();
        // FUSE lets go of a filesystem a moment late: a run tries again then, and so does this.
        let well = (0..3).any(|_| {
            number += 1;
            let name = format!("web1.{number}");
            runs(&room, 10 + number, &["stream_go", &name, "600", &new, MARK, &source]);
            comes(&name, || !one(&room, &name).is_alive());
            matches!(one(&room, &name).is, Is::Ended { code: 0, .. })
        });
        assert!(well, "{:?}", one(&room, &format!("web1.{number}")));
        let copied = fs::metadata(format!("{}/data", places[1])).unwrap().size();
        assert_eq!(copied, u64::from(size));
    }
    let stand = |dataset: &str| Stand::parse(&looks(&room, &["stream_stand", dataset])).unwrap();
    assert_eq!(stand(&old).last, stand(&new).last);
    runs(&room, 7, &["task_end", "web1-serve"]);
    runs(&room, 8, &["stream_release", &old]);
    assert_eq!(stand(&old).last, None);
    for dataset in [&old, &new] {
        comes("the end of a dataset", || {
            let output = Command::new("zfs").args(["destroy", "-r", dataset]).output().unwrap();
            output.status.success()
        });
    }
}
