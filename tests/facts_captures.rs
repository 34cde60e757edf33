//! What real hosts printed in known states, read as the remote half would bring it.
//!
//! `tests/captures/STATE/HOST/` holds one file a source. stor1 and stor2 are a DRBD 8.4 pair on RAID 5,
//! access1 mounts their slice. In `partition` stor1 was cut off.

#![allow(clippy::unwrap_used, reason = "a test may fail this way")]

#[path = "support/captures.rs"]
mod captures;

use pointsman::facts::{
    Assembler, Section, SectionStatus, Snapshot, UnixMs,
    drbd::{DrbdConnection, DrbdDisk, DrbdRole},
    md::{MdAction, MdState},
};
use proptest::prelude::*;
use std::{fmt::Write as _, fs, path::PathBuf};

/// Every host in every state.
const HOSTS: [&str; 14] = [
    "healthy/stor1",
    "healthy/stor2",
    "healthy/access1",
    "md-rebuilding/stor1",
    "md-rebuilding/stor2",
    "md-rebuilding/access1",
    "moved/stor1",
    "moved/stor2",
    "moved/access1",
    "partition/stor2",
    "partition/access1",
    "resync/stor1",
    "resync/stor2",
    "resync/access1",
];

fn sources(host: &str) -> Vec<(Section, Vec<u8>)> {
    let sources = captures::sources(host);
    assert!(!sources.is_empty(), "no captures of {host}");
    sources
}

fn assemble(sources: &[(Section, Vec<u8>)]) -> Snapshot {
    let mut assembler = Assembler::new(&[]);
    let at = UnixMs(1000);
    let sections = sources
        .iter()
        .map(|(section, text)| (*section, &SectionStatus::Ok, text.as_slice()));
    assembler.apply(sections, at);
    assembler.snapshot(at, 1)
}

/// The storage state of a host in a few lines, to compare with what is expected.
fn summary(snapshot: &Snapshot) -> String {
    let mut out = String::new();
    for md in snapshot.md.value().into_iter().flatten() {
        let _ = write!(
            out,
            "{} {} {} {:?} [{}]",
            md.device,
            md.state,
            md.level,
            md.degraded(),
            md.map
        );
        if let Some(sync) = &md.sync {
            let _ = write!(out, " {} {:?} {:?}", sync.action, sync.percent, sync.left_seconds);
        }
        out.push('\n');
    }
    for drbd in snapshot.drbd.value().into_iter().flatten() {
        let name = drbd.resource.as_deref().unwrap_or("-");
        let _ = writeln!(
            out,
            "{name}/{} {} {}/{} {}/{} oos {:?} {}",
            drbd.volume,
            drbd.connection,
            drbd.role,
            drbd.peer_role,
            drbd.disk,
            drbd.peer_disk,
            drbd.out_of_sync_kib,
            drbd.version.as_deref().unwrap_or("-"),
        );
    }
    for export in snapshot.exports.value().into_iter().flatten() {
        let _ = writeln!(
            out,
            "exports {} to {} with {} options",
            export.path,
            export.client,
            export.options.len()
        );
    }
    for mount in snapshot.mounts.value().into_iter().flatten() {
        if mount.source.starts_with("/dev/") {
            let _ = writeln!(
                out,
                "mounts {} on {} {} {}",
                mount.source, mount.at, mount.fs_type, mount.writable
            );
        }
    }
    if let Some(server) = snapshot.nfs_server.value() {
        let _ = writeln!(out, "nfsd {:?} threads, {} calls", server.threads, server.rpc_calls);
    }
    for mount in snapshot.nfs_mount_counters.value().into_iter().flatten() {
        let _ = writeln!(
            out,
            "client of {}:{} on {} v{} hard {}",
            mount.server, mount.path, mount.at, mount.version, mount.hard
        );
    }
    out
}

#[test]
fn every_state_is_read_as_it_was() {
    let mut all = String::new();
    for host in HOSTS {
        let snapshot = assemble(&sources(host));
        let _ = writeln!(all, "== {host}\n{}", summary(&snapshot).trim_end());
    }
    let golden = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/captures/expected.txt");
    let expected = fs::read_to_string(&golden).unwrap();
    assert_eq!(all, expected, "what was read is not what {} says", golden.display());
}

/// What databases and pools add to the summary.
fn services(snapshot: &Snapshot) -> String {
    let mut out = String::new();
    if let Some(mysql) = snapshot.mysql.value() {
        let _ = writeln!(
            out,
            "{} read_only {:?}, heartbeat {}, {} replicas, errors {:?}",
            mysql.version,
            mysql.read_only,
            mysql.heartbeat_lag_seconds.map_or("none", |_| "read"),
            mysql.replicas.len(),
            mysql.errors
        );
        for channel in &mysql.channels {
            let _ = writeln!(
                out,
                "follows {} IO {} SQL {} {:?}",
                channel.source_host, channel.io_running, channel.sql_running, channel.sql_error
            );
        }
        if let Some(galera) = &mysql.galera {
            let _ = writeln!(
                out,
                "galera {} {} ready {:?} of {:?}",
                galera.cluster_status, galera.local_state, galera.ready, galera.cluster_size
            );
        }
    }
    for pool in snapshot.pools.value().into_iter().flatten() {
        let _ = writeln!(out, "pool {} {}", pool.name, pool.state);
    }
    out
}

/// `tests/captures/lab/STATE/HOST/` holds one file a section, as `tests/lab/record` writes them.
#[test]
fn what_the_lab_recorded_is_read_as_it_was() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/captures/lab");
    let entries = |folder: &PathBuf| {
        let mut all: Vec<PathBuf> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        all.retain(|path| path.is_dir());
        all.sort();
        all
    };
    let mut all = String::new();
    for host in entries(&folder).iter().flat_map(entries) {
        let mut sections = Vec::new();
        for file in fs::read_dir(&host).unwrap().map(Result::unwrap) {
            if let Some(section) = Section::from_name(&file.file_name().to_string_lossy()) {
                sections.push((section, fs::read(file.path()).unwrap()));
            }
        }
        sections.sort_by_key(|(section, _)| section.name());
        assert!(sections.len() > 5, "{} holds little", host.display());
        assert!(host.join("versions").exists(), "{} names no versions", host.display());
        let snapshot = assemble(&sections);
        let name = host.strip_prefix(&folder).unwrap().display();
        let _ = writeln!(all, "== {name}\n{}{}", summary(&snapshot), services(&snapshot));
    }
    let golden = folder.join("expected.txt");
    if std::env::var_os("POINTSMAN_WRITE_CAPTURES").is_some() {
        fs::write(&golden, &all).unwrap();
    }
    let expected = fs::read_to_string(&golden).unwrap();
    assert_eq!(all, expected, "what was read is not what {} says", golden.display());
}

#[test]
fn the_states_that_matter() {
    let healthy = assemble(&sources("healthy/stor1"));
    let (md, drbd) = (&healthy.md.value().unwrap()[0], &healthy.drbd.value().unwrap()[0]);
    assert_eq!(
        (&md.state, md.degraded(), md.members.len()),
        (&MdState::Active, Some(false), 3)
    );
    assert_eq!(
        (&drbd.connection, &drbd.role, &drbd.peer_role),
        (&DrbdConnection::Connected, &DrbdRole::Primary, &DrbdRole::Secondary)
    );
    assert_eq!(
        (drbd.resource.as_deref(), drbd.protocol, drbd.size_kib),
        (Some("r0"), Some('C'), Some(192_512))
    );
    assert_eq!(healthy.memory.value().unwrap().total_kib, 337_324);
    assert_eq!(healthy.disk_counters.value().unwrap().len(), 6);

    let rebuilding = assemble(&sources("md-rebuilding/stor1"));
    let md = &rebuilding.md.value().unwrap()[0];
    let sync = md.sync.as_ref().unwrap();
    assert_eq!(
        (md.degraded(), &sync.action, sync.percent),
        (Some(true), &MdAction::Recovery, Some(15.3))
    );

    let partition = assemble(&sources("partition/stor2"));
    let drbd = &partition.drbd.value().unwrap()[0];
    assert_eq!(
        (&drbd.connection, &drbd.role, &drbd.peer_role),
        (&DrbdConnection::WfConnection, &DrbdRole::Primary, &DrbdRole::NotSeen)
    );
    assert_eq!((&drbd.disk, &drbd.peer_disk), (&DrbdDisk::UpToDate, &DrbdDisk::NotSeen));

    let moved = assemble(&sources("moved/stor1"));
    assert_eq!(moved.drbd.value().unwrap()[0].role, DrbdRole::Secondary);
    assert!(moved.exports.value().unwrap().is_empty());
}

/// No state in `cut` may be better than in `full`.
fn never_healthier(cut: &Snapshot, full: &Snapshot) {
    let empty = Vec::new();
    for md in cut.md.value().unwrap_or(&empty) {
        let whole = full.md.value().unwrap().iter().find(|whole| whole.device == md.device);
        assert!(md.state != MdState::Active || whole == Some(md), "{md:?}");
    }
    let empty = Vec::new();
    for drbd in cut.drbd.value().unwrap_or(&empty) {
        let whole = full
            .drbd
            .value()
            .unwrap()
            .iter()
            .find(|whole| whole.minor == drbd.minor)
            .unwrap();
        assert!(
            !drbd.connection.is_connected() || drbd.connection == whole.connection,
            "{drbd:?}"
        );
        assert!(
            drbd.disk != DrbdDisk::UpToDate || whole.disk == DrbdDisk::UpToDate,
            "{drbd:?}"
        );
        assert!(
            drbd.peer_disk != DrbdDisk::UpToDate || whole.peer_disk == DrbdDisk::UpToDate,
            "{drbd:?}"
        );
        assert!(
            drbd.role != DrbdRole::Primary || whole.role == DrbdRole::Primary,
            "{drbd:?}"
        );
    }
    let mounts = |snapshot: &Snapshot| snapshot.mounts.value().cloned().unwrap_or_default();
    for mount in mounts(cut) {
        let whole = mounts(full)
            .into_iter()
            .find(|whole| whole.at.starts_with(mount.at.as_str()));
        assert!(
            whole.is_some_and(|whole| whole.writable || !mount.writable),
            "{mount:?}"
        );
    }
}

proptest! {
    #[test]
    fn a_cut_capture_is_never_healthier(host in 0..HOSTS.len(), share in 0.0..1.0_f64) {
        let whole = sources(HOSTS[host]);
        let full = assemble(&whole);
        let cut: Vec<_> = whole
            .iter()
            .map(|(section, text)| {
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let end = (text.len() as f64 * share) as usize;
                (*section, text[..end].to_vec())
            })
            .collect();
        never_healthier(&assemble(&cut), &full);
    }

    #[test]
    fn a_changed_capture_never_panics(host in 0..HOSTS.len(), changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut changed = sources(HOSTS[host]);
        for (_, text) in &mut changed {
            for (at, byte) in changes.iter().filter(|_| !text.is_empty()).copied().collect::<Vec<_>>() {
                let at = at.index(text.len());
                text[at] = byte;
            }
        }
        let _ = summary(&assemble(&changed));
    }

    #[test]
    fn garbage_in_any_section_and_status_never_panics(texts in proptest::collection::vec(any::<Vec<u8>>(), Section::ALL.len()), word in 0..8_usize) {
        let statuses = [
            SectionStatus::Ok,
            SectionStatus::Same,
            SectionStatus::Absent,
            SectionStatus::Denied,
            SectionStatus::Exit(1),
            SectionStatus::Begin,
            SectionStatus::Stuck,
            SectionStatus::Unknown("odd".into()),
        ];
        let mut assembler = Assembler::new(&[]);
        for round in 0..3_usize {
            let status = &statuses[(word + round) % statuses.len()];
            let sections = Section::ALL.iter().zip(&texts).map(|(section, text)| (*section, status, text.as_slice()));
            assembler.apply(sections, UnixMs(round as u64 * 2000));
        }
        let snapshot = assembler.snapshot(UnixMs(9000), 1);
        prop_assert!(snapshot.drbd.value().is_none_or(Vec::is_empty));
    }
}
