//! What each section holds: files with odd names, commands that fail, logins that may not look.

use crate::rig::{ALL, Half, Place, find, of, shells};
use pointsman::{
    facts::{Section, SectionStatus, Tier, backup::parse_backups},
    fleet::{Host, MysqlAccess, Probe, ProbeParser},
    remote::half,
};
use std::time::{Duration, Instant};

fn host() -> Host {
    Host::new("here", "localhost")
}

#[tokio::test]
async fn storage_sections_hold_what_their_documentation_says() {
    let place = Place::new();
    place
        .file("proc/stat", "cpu  1 2 3 4 5 6 7 8 0 0\ncpu0 1 2\ncpu1 1 2\nintr 5 0 0\nbtime 1700000000\nprocs_running 1\nprocs_blocked 2\n")
        .file("proc/uptime", "100.25 50.00\n")
        .file("proc/mdstat", "Personalities : [raid1] \nmd0 : active raid1 sda1[0](F) sdb1[1]\n      1024 blocks [2/1] [_U]\n      \nunused devices: <none>\n")
        .file("proc/drbd", "version: 8.4.11 (api:1/proto:86-101)\n 0: cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----\n")
        .file("sys/block/md0/md/level", "raid1\n")
        .file("sys/block/md0/md/degraded", "1\n")
        .file("sys/block/md0/md/sync_completed", "12 / 345\n")
        .file("sys/block/md0/md/dev-sda1/state", "faulty\n")
        .file("sys/block/md0/md/dev-sda1/slot", "none\n")
        .file("sys/block/md0/md/dev-sda1/errors", "4\n")
        .file("sys/block/md0/md/dev-sdb1/state", "in_sync\n")
        .file("proc/diskstats", "   7       0 loop0 5 0 0 0 0 0 0 0 0 0 0\n   8       0 sda 13 0 288 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n   8      16 sdb 0 0 0 0 0 0 0 0 0 0 0\n   1       0 ram0 1 0 0 0 1 0 0 0 0 0 0\n")
        .file("proc/net/rpc/nfsd", "rc 0 1 2\nth 8 0\n")
        .file("proc/fs/nfsd/threads", "8\n")
        .file("proc/spl/kstat/zfs/arcstats", "13 1 0x01 96 26112 1 2\nname                            type data\nhits                            4    99\nmru_hits                        4    5\nc_max                           4    7\n")
        .file("sys/fs/ext4/features/lazy_itable_init", "supported\n")
        .file("sys/fs/ext4/drbd1/errors_count", "1581\n")
        .file("sys/class/block/drbd1/dev", "147:1\n")
        .file("sys/fs/ext4/sdz/errors_count", "0\n")
        .file("sys/class/net/eth0/operstate", "up\n")
        .file("sys/class/net/eth0/mtu", "9000\n")
        .file("sys/class/net/bonding_masters", "bond0\n")
        .file("proc/fs/nfsd/clients/3/info", "clientid: 0x1\naddress: \"10.0.0.9:812\"\nname: \"Linux NFSv4.2 x\"\n")
        .file("proc/fs/nfsd/clients/4/info", "clientid: 0x2\naddress: \"[fd00::9]:812\"\ncallback address: \"10.1.1.1:0\"\n")
        .file("var/lib/nfs/rmtab", "10.0.0.8:/srv/a:0x00000001\nweb 1:/srv/ü \"b\":0x00000002\n");
    place.program("drbdsetup", "case $* in\n'status --verbose --statistics') echo 'r0 role:Primary' ;;\n'events2 --now') echo 'exists -' ;;\n*) echo \"unknown: $*\" >&2; exit 20 ;;\nesac");
    place.program("exportfs", "[ \"$*\" = -v ] || exit 3\nprintf '/srv/a b\\t\\n\\t\\t10.0.0.0/24(rw)\\n/srv/\\303\\266\\033[31m \\042x\\042\\t<world>(ro)\\n'\necho 'exportfs: a warning' >&2");
    place.program("zpool", "case $* in\n'status -p') echo '  pool: tank' ;;\n'list -Hp -o name,size,alloc,free,health') printf 'tank\\t10\\t5\\t5\\tONLINE\\n' ;;\n*) echo \"invalid option 'j'\" >&2; exit 2 ;;\nesac");
    for shell in shells() {
        let mut half = Half::start(shell, &host(), &place.surroundings).await;
        let frame = half.poll(&ALL, false).await;
        let text = |section| {
            let (status, text) = of(&frame.sections, section);
            assert_eq!(status, SectionStatus::Ok, "{shell}: {}", section.name());
            text
        };
        assert_eq!(text(Section::Uptime), "100.25 50.00\nbtime 1700000000", "{shell}");
        assert_eq!(
            text(Section::Stat),
            "cpu  1 2 3 4 5 6 7 8 0 0\nprocs_running 1\nprocs_blocked 2\ncpus 2",
            "{shell}"
        );
        assert!(
            text(Section::Mdstat).ends_with("[_U]\n      \nunused devices: <none>"),
            "{shell}"
        );
        assert_eq!(
            text(Section::MdSys),
            "md0 level raid1\nmd0 degraded 1\nmd0 sync_completed 12 / 345\nmd0 dev sda1 faulty none 4\nmd0 dev sdb1 in_sync - -",
            "{shell}"
        );
        assert_eq!(
            text(Section::Diskstats),
            "   8       0 sda 13 0 288 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
            "{shell}"
        );
        assert_eq!(text(Section::Nfsd), "rc 0 1 2\nth 8 0\nthreads 8", "{shell}");
        assert_eq!(
            text(Section::Arcstats).split_whitespace().collect::<Vec<_>>(),
            ["hits", "4", "99", "c_max", "4", "7"],
            "{shell}"
        );
        assert_eq!(text(Section::FilesystemErrors), "drbd1 147:1 1581\nsdz - 0", "{shell}");
        assert_eq!(text(Section::Links), "eth0 up - - 9000", "{shell}");
        assert!(text(Section::Drbd).contains("cs:Connected"), "{shell}");
        let slow = half.slow_until(Section::ZpoolList).await;
        let text = |section| {
            let (status, text) = of(&slow, section);
            assert_eq!(status, SectionStatus::Ok, "{shell}: {}: {text}", section.name());
            text
        };
        assert_eq!(
            text(Section::DrbdStatus),
            "r0 role:Primary",
            "{shell}: 8.4 knows no JSON"
        );
        assert_eq!(text(Section::DrbdEvents), "exists -", "{shell}");
        assert_eq!(
            text(Section::Exports),
            "/srv/a b\t\n\t\t10.0.0.0/24(rw)\n/srv/\u{f6}\u{1b}[31m \"x\"\t<world>(ro)",
            "{shell}: names survive, warnings are not content"
        );
        let clients = "v4 10.0.0.9\nv4 fd00::9\nv3 10.0.0.8:/srv/a\nv3 web 1:/srv/\u{fc} \"b\"";
        assert_eq!(text(Section::NfsClients), clients, "{shell}");
        assert_eq!(text(Section::Zpool), "  pool: tank", "{shell}");
        assert_eq!(text(Section::ZpoolList), "tank\t10\t5\t5\tONLINE", "{shell}");
    }
}

#[tokio::test]
async fn names_with_spaces_newlines_quotes_and_escapes_survive_in_mounts() {
    let odd = [
        ("/srv/a\\040b", "ext4", "/dev/drbd0"),
        ("/srv/new\\012line", "xfs", "/dev/drbd1"),
        ("/srv/back\\134slash", "ext4", "/dev/drbd2"),
        ("/srv/'quotes\"`id`$(id)$HOME", "ext4", "/dev/drbd3"),
        ("/srv/\u{1b}[31mred\u{202e}\u{c0}\u{81}\u{88}", "ext4", "/dev/drbd4"),
        ("/srv/*?[a-z]", "ext4", "/dev/drbd5"),
        ("/srv/tab\\011s", "nfs4", "[fd00::1]:/x\\040y"),
        ("/srv/-n", "nfs", "-o:/x"),
    ];
    let place = Place::new();
    place.mounts(&odd);
    place.program("df", "shift 2\nfor m; do printf '<%s>' \"$m\"; done\necho; echo");
    place.program(
        "stat",
        "[ \"$1 $2\" = '-f --' ] || exit 5\ncase $3 in \"/srv/tab\ts\" | /srv/-n) exit 0 ;; esac\nexit 6",
    );
    let expected = std::fs::read_to_string(place.path("root/proc/self/mountinfo")).unwrap();
    for shell in shells() {
        let mut half = Half::start(shell, &host(), &place.surroundings).await;
        let frame = half.poll(&[Tier::Fast, Tier::Medium], false).await;
        assert_eq!(
            of(&frame.sections, Section::Mounts),
            (SectionStatus::Ok, expected.trim_end().to_owned()),
            "{shell}"
        );
        let df = of(&half.slow_until(Section::Df).await, Section::Df).1;
        for name in [
            "</srv/a b>",
            "</srv/new\nline>",
            "</srv/back\\slash>",
            "</srv/'quotes\"`id`$(id)$HOME>",
            "</srv/*?[a-z]>",
        ] {
            assert!(df.contains(name), "{shell}: {name} in {df}");
        }
        assert!(df.contains(&format!("<{}>", odd[4].0)), "{shell}: {df}");
        assert!(!df.contains("tab"), "{shell}: df must never be given a network mount");
        let mut text = String::new();
        for _ in 0..40 {
            let frame = half.poll(&[Tier::Medium], true).await;
            text = of(&frame.sections, Section::Statfs).1;
            if !text.contains("hung") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let lines: Vec<_> = text.lines().map(|line| line.split(' ').collect::<Vec<_>>()).collect();
        assert!(
            lines.len() == 2 && lines.iter().all(|line| line[0] == "ok"),
            "{shell}: {text}"
        );
        assert_eq!((lines[0][2], lines[1][2]), ("/srv/tab\\011s", "/srv/-n"), "{shell}");
    }
}

#[tokio::test]
async fn an_unprivileged_login_works_and_says_what_root_would_add() {
    let mut place = Place::new();
    place
        .file("proc/drbd", "version: 9.2.8\n")
        .file("proc/fs/nfsd/clients/3/info", "address: \"10.0.0.9:812\"\n");
    let secret = place.path("root/proc/fs/nfsd/clients");
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    place.program("drbdsetup", "echo 'drbdsetup: Operation not permitted' >&2; exit 10");
    // nfs-utils says so and ends well.
    place.program(
        "exportfs",
        "echo 'exportfs: could not open /var/lib/nfs/.etab.lock for locking: errno 13 (Permission denied)' >&2",
    );
    place.program("zpool", "echo 'cannot open pool: I/O error' >&2; exit 1");
    place.surroundings.limit_seconds = 5;
    let root = rustix::process::geteuid().is_root();
    for shell in shells() {
        // Whoever runs the tests without being root is the unprivileged login already.
        let words = if root {
            format!("setpriv --reuid=65534 --regid=65534 --clear-groups {shell}")
        } else {
            shell.to_owned()
        };
        let mut half = Half::silent(shell, &words, &host(), &place.surroundings).await;
        half.send(&half::hello(&half.nonce.clone())).await;
        half.frame(0).await;
        half.poll(&ALL, false).await;
        let slow = half.slow_until(Section::ZpoolList).await;
        let denied = |section: Section, command: &str| {
            let (status, text) = of(&slow, section);
            assert_eq!(status, SectionStatus::Denied, "{shell}: {}: {text}", section.name());
            let first = text.lines().next().unwrap();
            assert!(
                first.ends_with(command) && first.contains(" ALL=(root) NOPASSWD: /"),
                "{shell}: {first}"
            );
        };
        denied(Section::DrbdStatus, "/bin/drbdsetup status --json");
        denied(Section::DrbdEvents, "/bin/drbdsetup events2 --now");
        denied(Section::Exports, "/bin/exportfs -v");
        denied(
            Section::NfsClients,
            &format!("/grep -rhs --include info address {}", secret.display()),
        );
        let (status, text) = of(&slow, Section::Zpool);
        assert_eq!(
            (status, text.as_str()),
            (SectionStatus::Exit(1), "cannot open pool: I/O error"),
            "{shell}"
        );
        assert_eq!(
            of(&slow, Section::Identity)
                .1
                .lines()
                .filter(|line| *line == "sudo no")
                .count(),
            1,
            "{shell}"
        );
    }
}

#[tokio::test]
async fn exact_commands_go_through_sudo_where_the_inventory_says_so_and_a_refusal_is_not_repeated() {
    if !rustix::process::geteuid().is_root() {
        // Only root can become nobody to see what sudo is asked for; the previous test covers the plain login.
        return;
    }
    let place = Place::new();
    place.file("proc/drbd", "version: 9.2.8\n");
    place.program(
        "drbdsetup",
        "[ \"$AS\" = root ] || { echo 'Operation not permitted' >&2; exit 10; }\necho \"as root: $*\"",
    );
    let mut host = host();
    host.sudo = true;
    for shell in shells() {
        for allowed in [true, false] {
            let count = place.path(&format!("count-{}-{allowed}", shell.replace(' ', "")));
            std::fs::write(&count, "").unwrap();
            std::fs::set_permissions(&count, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
            let answer = if allowed {
                "AS=root exec \"$@\""
            } else {
                "echo 'sudo: a password is required' >&2; exit 1"
            };
            place.program(
                "sudo",
                &format!(
                    "echo \"$*\" >> {}\n[ \"$1 $2\" = '-n -l' ] && exit 1\nshift 2\n{answer}",
                    count.display()
                ),
            );
            let words = format!("setpriv --reuid=65534 --regid=65534 --clear-groups {shell}");
            let mut half = Half::silent(shell, &words, &host, &place.surroundings).await;
            half.send(&half::hello(&half.nonce.clone())).await;
            half.frame(0).await;
            for _ in 0..3 {
                half.poll(&[Tier::Fast], false).await;
                let found = half.slow(Section::DrbdStatus).await;
                let text = String::from_utf8(found.content).unwrap();
                if allowed {
                    assert_eq!(
                        (found.status, text.as_str()),
                        (SectionStatus::Ok, "as root: status --json"),
                        "{shell}"
                    );
                } else {
                    assert_eq!(found.status, SectionStatus::Denied, "{shell}: {text}");
                    assert!(
                        text.contains("NOPASSWD: ") && text.lines().next().unwrap().ends_with("status --json"),
                        "{shell}: {text}"
                    );
                }
                // The lane has to be seen as ended before the next one starts.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let asked = std::fs::read_to_string(&count).unwrap();
            let expected = if allowed { 3 } else { 2 };
            assert_eq!(asked.lines().count(), expected, "{shell} allowed={allowed}: {asked}");
            assert!(
                asked.lines().all(|line| line == "-n -- drbdsetup status --json"),
                "{shell}: {asked}"
            );
        }
    }
}

/// How long a shell takes to read a file line by line.
fn plain_reading(shell: &str, file: &std::path::Path) -> Duration {
    let mut words = shell.split(' ');
    let began = Instant::now();
    let status = std::process::Command::new(words.next().unwrap())
        .args(words)
        .args(["-c", "while IFS= read -r line; do :; done <\"$1\"", "reading"])
        .arg(file)
        .status()
        .unwrap();
    assert!(status.success(), "{shell}: {status}");
    began.elapsed()
}

#[tokio::test]
async fn five_hundred_nfs_mounts_stay_quick_and_within_one_frame() {
    let place = Place::new();
    let mut stats = String::from("device proc mounted on /proc with fstype proc\n");
    let mounts: Vec<_> = (0..500).map(|n| format!("/mnt/slice-{n:03}")).collect();
    let entry = include_str!("../captures/half/mountstats-one-mount.txt");
    for mount in &mounts {
        stats.push_str(&entry.replace("/mnt/a", mount));
    }
    stats.push_str("device tmpfs mounted on /run with fstype tmpfs\n");
    place.file("proc/self/mountstats", &stats);
    place.mounts(
        &mounts
            .iter()
            .map(|mount| (mount.as_str(), "nfs", "10.77.0.101:/srv/slice-a"))
            .collect::<Vec<_>>(),
    );
    place.program("stat", "exit 0");
    for shell in shells() {
        let mut half = Half::start(shell, &host(), &place.surroundings).await;
        let frame = half.poll(&[Tier::Fast], false).await;
        let text = of(&frame.sections, Section::Mountstats).1;
        assert_eq!(
            text.lines().filter(|line| line.starts_with("device ")).count(),
            500,
            "{shell}"
        );
        assert!(
            text.contains("\t       WRITE: 39 39 0") && text.contains("\topts:\trw,vers=3"),
            "{shell}"
        );
        assert!(!text.contains("READLINK") && !text.contains("tmpfs"), "{shell}");
        // A machine's speed is no promise of ours: what is compared is a poll and the same shell reading
        // those lines and doing nothing with them, the calmest of some rounds each. A process per mount
        // or a walk per line would be tens of readings.
        let (mut poll, mut reading) = (Duration::MAX, Duration::MAX);
        for _ in 0..3 {
            let began = Instant::now();
            half.poll(&[Tier::Fast], true).await;
            poll = poll.min(began.elapsed());
            reading = reading.min(plain_reading(shell, &place.path("root/proc/self/mountstats")));
        }
        println!(
            "{shell}: {} KiB, {poll:?} a poll with 500 NFS mounts, {reading:?} a plain reading",
            text.len() / 1024
        );
        assert!(
            poll < 10 * reading,
            "{shell}: {poll:?} a poll, {reading:?} a plain reading"
        );
    }
}

#[tokio::test]
async fn what_is_too_long_for_a_frame_is_said_not_sent() {
    let place = Place::new();
    place.file("proc/mdstat", &"md127 : active raid1 sda1[0] sdb1[1]\n".repeat(40_000));
    place.file("proc/loadavg", "1 2 3 4/5 6\n");
    for shell in ["bash", "ksh93", "mksh"] {
        let mut half = Half::start(shell, &host(), &place.surroundings).await;
        let frame = half.poll(&[Tier::Fast], false).await;
        let (status, text) = of(&frame.sections, Section::Mdstat);
        assert_eq!(status, SectionStatus::Exit(27), "{shell}");
        assert!(text.ends_with("bytes are too many for one answer"), "{shell}: {text}");
        assert_eq!(of(&frame.sections, Section::Loadavg).0, SectionStatus::Ok, "{shell}");
    }
}

#[tokio::test]
async fn mysql_is_asked_in_one_run_without_credentials_on_the_command_line() {
    let place = Place::new();
    let log = place.path("mysql-was-asked");
    place.program(
        "mariadb",
        &format!(
            "echo \"$*\" >> {0}\ncat >> {0}\nprintf '#version\\n10.11.6-MariaDB\\tDebian 12\\n'\n\
             echo \"ERROR 1146 (42S02) at line 1: Table 'pt.heartbeat' doesn't exist\" >&2\nprintf '#status\\nUptime\\t5\\n'",
            log.display()
        ),
    );
    let mut host = host();
    host.mysql = Some(MysqlAccess {
        defaults_file: Some("/etc/my monitor.cnf".to_owned()),
        socket: Some("/run/x.sock".to_owned()),
        heartbeat: Some("pt.heartbeat".to_owned()),
        ..MysqlAccess::default()
    });
    for shell in shells() {
        std::fs::write(&log, "").unwrap();
        let mut half = Half::start(shell, &host, &place.surroundings).await;
        half.poll(&[Tier::Fast], false).await;
        let found = half.slow(Section::Mysql).await;
        let text = String::from_utf8(found.content).unwrap();
        assert_eq!(found.status, SectionStatus::Ok, "{shell}: {text}");
        let expected = "#version\n10.11.6-MariaDB\tDebian 12\nERROR 1146 (42S02) at line 1: Table 'pt.heartbeat' doesn't exist\n#status\nUptime\t5";
        assert_eq!(text, expected, "{shell}: errors stand in the block that they belong to");
        let asked = std::fs::read_to_string(&log).unwrap();
        let first = asked.lines().next().unwrap();
        assert!(
            first.starts_with("--defaults-file=/etc/my monitor.cnf --socket=/run/x.sock --batch --raw --force"),
            "{shell}: {first}"
        );
        assert!(
            asked.contains("FROM `pt`.`heartbeat`) AS beats") && asked.contains("EXECUTE pm\\G"),
            "{shell}: {asked}"
        );
        assert_eq!(asked.matches("--batch").count(), 1, "{shell}");
    }
    place.program(
        "mariadb",
        "cat > /dev/null; echo \"ERROR 2002 (HY000): Can't connect\" >&2; exit 1",
    );
    let mut half = Half::start("sh", &host, &place.surroundings).await;
    half.poll(&[Tier::Fast], false).await;
    let found = half.slow(Section::Mysql).await;
    assert_eq!(
        (found.status, found.content.as_slice()),
        (SectionStatus::Exit(1), &b"ERROR 2002 (HY000): Can't connect"[..])
    );
}

fn probe(name: &str, command: &[&str], every: u64) -> Probe {
    Probe {
        name: name.to_owned(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        parser: ProbeParser::JsonPointer("/x".to_owned()),
        unit: None,
        every: Duration::from_secs(every),
        warning_above: None,
        critical_above: None,
        warning_below: None,
        critical_below: None,
        expect: None,
    }
}

#[tokio::test]
async fn custom_probes_run_at_their_own_pace_with_every_word_quoted() {
    let mut place = Place::real();
    place.surroundings.limit_seconds = 1;
    let mut host = host();
    host.probes = vec![
        probe(
            "words",
            &["printf", "%s|", "a b", "$HOME", "it's", "`id`", "*", "\u{e4}"],
            1000,
        ),
        probe("fails", &["ls", "/does not exist"], 1000),
        probe("late", &["sleep", "50"], 1000),
        probe("long", &["head", "-c", "100000", "/dev/zero"], 1000),
        probe("often", &["printf", "{\"x\":1}\n"], 1),
        probe("forged", &["echo", "a\nb"], 1000),
    ];
    host.probes[4].command[1] = "{\"x\":1}".to_owned();
    for shell in shells() {
        let mut half = Half::start(shell, &host, &place.surroundings).await;
        half.poll(&[Tier::Fast], false).await;
        let found = half.slow(Section::Probes).await;
        assert_eq!(found.status, SectionStatus::Ok, "{shell}");
        let results = results(&found.content);
        let get = |name: &str| results.iter().find(|result| result.0 == name).cloned().unwrap();
        assert_eq!(
            get("words"),
            ("words".into(), 0, "a b|$HOME|it's|`id`|*|\u{e4}|".into()),
            "{shell}"
        );
        let fails = get("fails");
        assert!(fails.1 == 2 && fails.2.contains("No such file"), "{shell}: {fails:?}");
        assert_eq!(get("late").1, 124, "{shell}");
        assert!(get("long").2.len() <= 65536, "{shell}");
        assert_eq!(get("often"), ("often".into(), 0, "{\"x\":1}".into()), "{shell}");
        assert_eq!(get("forged").1, 126, "{shell}: {:?}", get("forged"));
        tokio::time::sleep(Duration::from_millis(1100)).await;
        half.poll(&[Tier::Fast], false).await;
        let names: Vec<_> = self::results(&half.slow(Section::Probes).await.content)
            .into_iter()
            .map(|result| result.0)
            .collect();
        assert_eq!(names, ["often"], "{shell}: the others are not due yet");
    }
}

/// Takes apart `name exit_code length`, output, and so on.
fn results(mut content: &[u8]) -> Vec<(String, i32, String)> {
    let mut all = Vec::new();
    while !content.is_empty() {
        let end = content.iter().position(|b| *b == b'\n').unwrap();
        let line = std::str::from_utf8(&content[..end]).unwrap();
        let words: Vec<_> = line.split(' ').collect();
        let length: usize = words[2].parse().unwrap();
        let output = String::from_utf8(content[end + 1..=end + length].to_vec()).unwrap();
        all.push((words[0].to_owned(), words[1].parse().unwrap(), output));
        assert_eq!(content[end + 1 + length], b'\n');
        content = &content[end + 2 + length..];
    }
    all
}

#[tokio::test]
async fn what_a_host_was_not_declared_to_have_is_not_sent() {
    let place = Place::new();
    place.program("mysql", "echo must not run; exit 1");
    let mut half = Half::start("sh", &host(), &place.surroundings).await;
    half.poll(&ALL, false).await;
    let slow = half.slow_until(Section::Addresses).await;
    assert!(find(&slow, Section::Mysql).is_none() && find(&slow, Section::Probes).is_none());
}

#[tokio::test]
async fn disks_that_turn_are_told_from_those_that_do_not() {
    let place = Place::new();
    for (disk, turns) in [
        ("sda", "1"),
        ("nvme0n1", "0"),
        ("dm-0", "0"),
        ("loop0", "1"),
        ("md127", "0"),
        ("zd16", "0"),
    ] {
        place.file(&format!("sys/block/{disk}/queue/rotational"), &format!("{turns}\n"));
    }
    place.file("sys/block/bare/queue/scheduler", "none\n");
    for shell in shells() {
        let mut half = Half::start(shell, &host(), &place.surroundings).await;
        half.poll(&ALL, false).await;
        let found = half.slow(Section::Rotational).await;
        let text = String::from_utf8(found.content).unwrap();
        assert_eq!(
            (found.status, text.as_str()),
            (SectionStatus::Ok, "dm-0 0\nnvme0n1 0\nsda 1"),
            "{shell}"
        );
    }
}

/// Seconds since this machine was started: the remote half's own clock is never a false one.
fn uptime_seconds() -> u64 {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    uptime.split('.').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn programs_that_make_backups_are_found_by_name_with_their_age_and_work() {
    let place = Place::new();
    let process = |pid: u64, name: &str, age: u64| {
        let started = uptime_seconds().saturating_sub(age);
        place.file(&format!("proc/{pid}/comm"), &format!("{name}\n"));
        let stat = format!("{pid} ({name}) D 1 2 3 0 -1 4194560 5 6 7 8 900 31 20 1 20 0 3 0 {started}42 5 6 7 8\n");
        place.file(&format!("proc/{pid}/stat"), &stat);
    };
    process(1, "systemd", 1000);
    process(4711, "rsync", 20);
    process(4712, "rsync2", 20);
    process(4713, "my own) copier", 20);
    process(4714, "offsite-copy-of", 20);
    // It has ended between the one look and the other.
    place.file("proc/4715/comm", "tar\n");
    // A name over two lines is another name, and what it calls itself is never taken for a number.
    process(4716, "borg\nx) R 1 1", 20);
    let mut host = host();
    host.backup_programs = ["offsite-copy-of-everything".to_owned(), "*".to_owned()].into();
    for shell in shells() {
        let mut half = Half::start(shell, &host, &place.surroundings).await;
        half.poll(&ALL, false).await;
        let found = half.slow(Section::Backups).await;
        let text = String::from_utf8(found.content).unwrap();
        assert_eq!(found.status, SectionStatus::Ok, "{shell}: {text}");
        let processes = parse_backups(&text).unwrap();
        let processes: Vec<_> = processes
            .iter()
            .map(|one| (one.program.as_str(), one.pid, one.cpu_ticks))
            .collect();
        assert_eq!(
            processes,
            [("rsync", 4711, 952), ("offsite-copy-of", 4714, 952)],
            "{shell}: {text}"
        );
        let age = parse_backups(&text).unwrap()[0].age_seconds;
        assert!((20..90).contains(&age), "{shell}: {text}");
    }
    for pid in 5000..5100 {
        process(pid, "rsync", 5);
    }
    let mut half = Half::start("sh", &host, &place.surroundings).await;
    half.poll(&ALL, false).await;
    let found = half.slow(Section::Backups).await;
    assert_eq!(
        String::from_utf8(found.content).unwrap().lines().count(),
        32,
        "it is bounded"
    );
    // Processes of others are hidden from an ordinary login.
    std::fs::remove_file(place.path("root/proc/1/comm")).unwrap();
    let mut half = Half::start("sh", &host, &place.surroundings).await;
    half.poll(&ALL, false).await;
    assert_eq!(half.slow(Section::Backups).await.status, SectionStatus::Denied);
}

#[tokio::test]
async fn many_processes_are_looked_at_less_often() {
    for (tasks, again) in [("1/99", true), ("3/2500", false), ("x", true)] {
        let place = Place::new();
        place
            .file("proc/1/comm", "init\n")
            .file("proc/loadavg", &format!("0.1 0.1 0.1 {tasks} 77\n"));
        for shell in shells() {
            let mut half = Half::start(shell, &host(), &place.surroundings).await;
            half.poll(&ALL, false).await;
            half.slow_until(Section::Df).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            half.poll(&ALL, false).await;
            let second = half.slow_until(Section::Df).await;
            assert_eq!(find(&second, Section::Backups).is_some(), again, "{shell} {tasks}");
        }
    }
}
