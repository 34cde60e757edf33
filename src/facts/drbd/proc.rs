//! Reads `/proc/drbd` (`drbd_proc.c`): all of the state with DRBD 8.4, only the version with 9.

use super::{DrbdConnection, DrbdDisk, DrbdRole, DrbdSync, DrbdVolume};
use crate::facts::{
    reading::Why,
    scan::{count, float, garbled},
    text::CleanText,
};

/// What `/proc/drbd` says.
#[derive(Debug, Clone, PartialEq)]
pub struct DrbdProc {
    /// Kernel module version, such as `8.4.11`.
    pub version: CleanText,
    /// Volumes by minor, without names; always empty with DRBD 9.
    pub volumes: Vec<DrbdVolume>,
}

impl DrbdProc {
    /// Whether this generation of DRBD tells the whole state here.
    #[must_use]
    pub fn tells_state(&self) -> bool {
        self.version.starts_with("8.") || self.version.starts_with("0.")
    }
}

/// Reads `/proc/drbd`.
pub fn parse_proc_drbd(text: &str) -> Result<DrbdProc, Why> {
    let version = text
        .lines()
        .find_map(|line| line.strip_prefix("version: "))
        .and_then(|rest| rest.split_ascii_whitespace().next())
        .filter(|version| version.contains('.'))
        .ok_or_else(|| garbled(text))?;
    let version = CleanText::new(version);
    let mut volumes: Vec<DrbdVolume> = Vec::new();
    for line in text.lines() {
        if let Some((minor, rest)) = line.split_once(": cs:")
            && let Ok(minor) = minor.trim_start().parse()
        {
            volumes.push(parse_states(minor, rest, &version));
        } else if let Some(volume) = volumes.last_mut() {
            let line = line.trim();
            if line.starts_with("ns:") {
                parse_counters(volume, line);
            } else if line.starts_with('[') {
                parse_progress(volume, line);
            } else if line.starts_with("finish:") {
                parse_finish(volume, line);
            }
        }
    }
    Ok(DrbdProc { version, volumes })
}

/// A volume of which nothing is known yet.
pub(super) fn blank() -> DrbdVolume {
    DrbdVolume {
        resource: None,
        volume: 0,
        minor: None,
        peer: None,
        connection: DrbdConnection::Unknown(CleanText::default()),
        role: DrbdRole::Unknown(CleanText::default()),
        peer_role: DrbdRole::Unknown(CleanText::default()),
        disk: DrbdDisk::Unknown(CleanText::default()),
        peer_disk: DrbdDisk::Unknown(CleanText::default()),
        protocol: None,
        out_of_sync_kib: None,
        pending: None,
        unacked: None,
        sync: None,
        suspended: None,
        quorum: None,
        may_promote: None,
        size_kib: None,
        version: None,
    }
}

/// `Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----` or only `Unconfigured`.
fn parse_states(minor: u32, rest: &str, version: &CleanText) -> DrbdVolume {
    let mut words = rest.split_ascii_whitespace();
    let mut volume = DrbdVolume {
        minor: Some(minor),
        connection: DrbdConnection::parse(words.next().unwrap_or("")),
        version: Some(version.clone()),
        ..blank()
    };
    if volume.connection == DrbdConnection::Unconfigured {
        volume.role = DrbdRole::Unconfigured;
        volume.peer_role = DrbdRole::Unconfigured;
        return volume;
    }
    for word in words {
        // 8.0 to 8.2 say `st:` for the roles.
        if let Some(roles) = word.strip_prefix("ro:").or_else(|| word.strip_prefix("st:")) {
            let (own, peer) = roles.split_once('/').unwrap_or((roles, ""));
            (volume.role, volume.peer_role) = (DrbdRole::parse(own), DrbdRole::parse(peer));
        } else if let Some(disks) = word.strip_prefix("ds:") {
            let (own, peer) = disks.split_once('/').unwrap_or((disks, ""));
            (volume.disk, volume.peer_disk) = (DrbdDisk::parse(own), DrbdDisk::parse(peer));
        } else if matches!(word, "A" | "B" | "C") {
            volume.protocol = word.chars().next();
        } else if word.starts_with(['r', 's'])
            && word.len() >= 4
            && word.bytes().all(|flag| b"rs-apdubn".contains(&flag))
        {
            // Four flags or more, so that a cut `ro:` is not taken for them.
            // The first flag: I/O runs or is suspended (drbd.conf(5), users guide "I/O state flags").
            volume.suspended = Some(CleanText::new(if word.starts_with('r') { "no" } else { "suspended" }));
        }
    }
    volume
}

/// `ns:0 nr:0 … pe:0 ua:0 … oos:0`
fn parse_counters(volume: &mut DrbdVolume, line: &str) {
    for word in line.split_ascii_whitespace() {
        let Some((key, value)) = word.split_once(':') else {
            continue;
        };
        match key {
            "oos" => volume.out_of_sync_kib = value.parse().ok(),
            "pe" => volume.pending = value.parse().ok(),
            "ua" => volume.unacked = value.parse().ok(),
            _ => {}
        }
    }
}

/// `[=====>....] sync'ed: 33.5% (23456/123456)K`, or `verified:`; old kernels go on with the next line here.
fn parse_progress(volume: &mut DrbdVolume, line: &str) {
    let text = line
        .split_once("sync'ed:")
        .or_else(|| line.split_once("verified:"))
        .map(|(_, rest)| rest.trim_start());
    let percent = text
        .and_then(|rest| rest.split_once('%'))
        .and_then(|(percent, _)| float(percent))
        .filter(|percent| (0.0..=100.0).contains(percent));
    volume.sync = Some(DrbdSync {
        percent,
        left_seconds: None,
        speed_kib_per_second: None,
        stalled: false,
    });
    if let Some(at) = line.find("finish:") {
        parse_finish(volume, &line[at..]);
    }
}

/// `finish: 0:02:20 speed: 6,345 (6,456) want: 8,000 K/sec (stalled)`
fn parse_finish(volume: &mut DrbdVolume, line: &str) {
    let Some(sync) = &mut volume.sync else { return };
    let mut words = line.split_ascii_whitespace();
    let time = words.nth(1).unwrap_or("");
    let mut parts = time.split(':').map(str::parse::<u64>);
    if let (Some(Ok(hours)), Some(Ok(minutes)), Some(Ok(seconds)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    {
        let left = hours.saturating_mul(3600).saturating_add(minutes.saturating_mul(60));
        sync.left_seconds = Some(left.saturating_add(seconds));
    }
    if words.next() == Some("speed:") {
        sync.speed_kib_per_second = words.next().and_then(|word| word.replace(',', "").parse().ok());
    }
    sync.stalled = line.contains("(stalled)");
    if sync.stalled {
        // The kernel goes on printing an estimate from the time before.
        sync.left_seconds = None;
    }
}

/// A resync or verify from the numbers of the JSON form.
pub(super) fn sync_from(percent: Option<f64>, left_seconds: Option<f64>, mib_per_second: Option<f64>) -> DrbdSync {
    /// What drbdsetup prints when it cannot tell (`drbdsetup.c`).
    const NO_ESTIMATE: u64 = 987_654_321;
    DrbdSync {
        percent: percent.filter(|percent| (0.0..=100.0).contains(percent)),
        left_seconds: left_seconds
            .filter(|left| *left >= 0.0)
            .map(count)
            .filter(|left| *left < NO_ESTIMATE),
        speed_kib_per_second: mib_per_second
            .filter(|speed| *speed >= 0.0)
            .map(|speed| count(speed * 1024.0)),
        stalled: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORMS: &str = include_str!("../../../tests/captures/forms/proc-drbd");

    #[test]
    fn every_form_of_a_minor() {
        let drbd = parse_proc_drbd(FORMS).unwrap();
        assert_eq!(drbd.version.as_str(), "8.4.11");
        assert!(drbd.tells_state());
        let [plain, none, source, big, verify, alone, old] = &drbd.volumes[..] else {
            panic!("{drbd:#?}")
        };
        assert_eq!(
            (plain.minor, plain.protocol, plain.out_of_sync_kib),
            (Some(0), Some('C'), Some(0))
        );
        assert_eq!(
            (&plain.connection, &plain.role, &plain.peer_disk),
            (&DrbdConnection::Connected, &DrbdRole::Primary, &DrbdDisk::UpToDate)
        );
        assert_eq!(plain.suspended.as_deref(), Some("no"));
        assert_eq!(
            (&none.connection, &none.role),
            (&DrbdConnection::Unconfigured, &DrbdRole::Unconfigured)
        );
        assert_eq!(
            (source.out_of_sync_kib, source.pending, source.unacked),
            (Some(123_456), Some(3), Some(2))
        );
        let sync = source.sync.as_ref().unwrap();
        assert_eq!(
            (sync.percent, sync.left_seconds, sync.speed_kib_per_second),
            (Some(33.5), Some(140), Some(6345))
        );
        let sync = big.sync.as_ref().unwrap();
        assert_eq!((sync.percent, sync.left_seconds, sync.stalled), (Some(0.1), None, true));
        assert_eq!(sync.speed_kib_per_second, Some(1_234_567));
        assert_eq!(big.suspended.as_deref(), Some("suspended"));
        assert_eq!(
            (verify.connection.clone(), verify.sync.as_ref().unwrap().percent),
            (DrbdConnection::VerifyS, Some(75.0))
        );
        assert_eq!(
            (&alone.connection, &alone.peer_role, &alone.peer_disk),
            (&DrbdConnection::StandAlone, &DrbdRole::NotSeen, &DrbdDisk::NotSeen)
        );
        let sync = old.sync.as_ref().unwrap();
        assert_eq!((sync.percent, sync.left_seconds), (Some(7.0), Some(362)));
    }

    #[test]
    fn version_9_tells_nothing_else() {
        let drbd = parse_proc_drbd(
            "version: 9.1.7 (api:2/proto:110-121)\nGIT-hash: 123 build by x\nTransports (api:18): tcp (9.1.7)\n",
        )
        .unwrap();
        assert!(!drbd.tells_state() && drbd.volumes.is_empty());
        assert!(parse_proc_drbd("cs:Connected").is_err());
        assert!(parse_proc_drbd("").is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), words in "( [0-9]{1,9}: cs:|Connected|ro:|/|ds:|oos:|finish: |speed: |sync'ed:|%|[0-9:,]{1,12}|\n|\\[|version: 8.4){0,40}") {
            let _ = (parse_proc_drbd(&text), parse_proc_drbd(&format!("version: 8.4.11\n{words}")));
        }

        #[test]
        fn a_cut_text_never_invents_a_good_state(cut in 0..FORMS.len()) {
            let full = parse_proc_drbd(FORMS).unwrap().volumes;
            for (cut, full) in parse_proc_drbd(&FORMS[..cut]).map(|drbd| drbd.volumes).unwrap_or_default().iter().zip(&full) {
                prop_assert!(!cut.connection.is_connected() || cut.connection == full.connection);
                prop_assert!(cut.disk != DrbdDisk::UpToDate || full.disk == DrbdDisk::UpToDate);
                prop_assert!(cut.peer_disk != DrbdDisk::UpToDate || full.peer_disk == DrbdDisk::UpToDate);
                prop_assert!(cut.out_of_sync_kib != Some(0) || full.out_of_sync_kib == Some(0));
                prop_assert!(cut.suspended.as_deref() != Some("no") || full.suspended.as_deref() == Some("no"));
            }
        }
    }
}
