//! Arrays and replication in a few words. The words are the host's own; how bad they are is said by the
//! findings about the very same array or volume, and by nothing else.

use crate::{
    collect::{FleetView, HostView},
    facts::{
        drbd::{DrbdConnection, DrbdDisk, DrbdVolume},
        md::{MdArray, MdState},
    },
    verdict::{Severity, SubjectKind, volume_label},
};

/// The worst finding about a thing of a host.
fn found(view: &FleetView, host: &HostView, kind: SubjectKind, name: &str) -> Severity {
    let about = view.findings.iter().filter(|finding| {
        let subject = &finding.subject;
        subject.kind == kind && subject.host.as_ref() == Some(&host.name) && *subject.name == *name
    });
    about.map(|finding| finding.severity).max().unwrap_or_default()
}

/// The arrays of a server in a few words: `ok`, `md0 rebuild 37 %`, `md0 2 of 3`.
#[must_use]
pub fn raid(view: &FleetView, host: &HostView) -> Option<(Severity, String)> {
    let arrays = host.snapshot.as_ref()?.md.value()?;
    let plain = |said: &(Severity, String)| said.1 == WELL;
    arrays
        .iter()
        .map(|array| self::array(view, host, array))
        .reduce(|worst, said| {
            let worse = (said.0, !plain(&said)) > (worst.0, !plain(&worst));
            if worse { said } else { worst }
        })
}

/// What is said of an array of which nothing is to be said.
const WELL: &str = "ok";

/// One array in a few words.
#[must_use]
pub fn array(view: &FleetView, host: &HostView, array: &MdArray) -> (Severity, String) {
    let name = &array.device;
    let progress = array.sync.as_ref().map(|sync| {
        let word = match sync.action.as_str() {
            "recovery" => "rebuild",
            other => other,
        };
        match (sync.percent, &sync.waiting) {
            (Some(percent), _) => format!("{word} {percent:.0} %"),
            (None, Some(waiting)) => format!("{word} {waiting}"),
            (None, None) => word.to_owned(),
        }
    });
    let severity = found(view, host, SubjectKind::Array, name);
    let text = match (&array.state, array.degraded(), progress) {
        (MdState::Unknown(word), _, _) => format!("{name} {word}"),
        (MdState::Inactive, _, _) => format!("{name} inactive"),
        (MdState::Active, Some(true), None) => format!(
            "{name} {} of {}",
            array.members_active.unwrap_or(0),
            array.members_wanted.unwrap_or(0)
        ),
        (MdState::Active, _, Some(progress)) => format!("{name} {progress}"),
        // Its findings (a failed member beside a spare, differences) have no word of their own here.
        (MdState::Active, _, None) if severity > Severity::Ok => name.to_string(),
        (MdState::Active, _, None) => WELL.to_owned(),
    };
    (severity, text)
}

/// The replication of a server in a few words: the worst of its volumes.
#[must_use]
pub fn replication(view: &FleetView, host: &HostView) -> Option<(Severity, String)> {
    let volumes = host.snapshot.as_ref()?.drbd.value()?;
    volumes
        .iter()
        .map(|one| (!one.connection.is_connected(), volume(view, host, one)))
        .max_by(|(cut, a), (other_cut, b)| (a.0, cut).cmp(&(b.0, other_cut)))
        .map(|(_, said)| said)
}

/// One volume in a few words.
#[must_use]
pub fn volume(view: &FleetView, host: &HostView, volume: &DrbdVolume) -> (Severity, String) {
    let volumes = host.snapshot.as_ref().and_then(|snapshot| snapshot.drbd.value());
    let label = volume_label(volume, volumes.map_or(&[], Vec::as_slice));
    let severity = found(view, host, SubjectKind::Drbd, &label);
    let text = match (&volume.connection, &volume.sync) {
        (DrbdConnection::Unknown(word), _) => word.to_string(),
        (connection, Some(sync)) => {
            let word = if sync.stalled { "stalled" } else { connection.as_str() };
            let percent = sync.percent.map_or(String::new(), |percent| format!(" {percent:.0} %"));
            format!("{word}{percent}")
        }
        (DrbdConnection::Connected | DrbdConnection::Established, None)
            if volume.disk != DrbdDisk::UpToDate || volume.peer_disk != DrbdDisk::UpToDate =>
        {
            format!("{}/{}", volume.disk, volume.peer_disk)
        }
        (connection, None) => connection.to_string(),
    };
    (severity, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::fixture;
    use std::sync::Arc;

    #[test]
    fn the_sign_is_the_findings_and_the_words_are_the_hosts() {
        let mut view = fixture::view();
        let host = Arc::clone(view.host("stor4").unwrap());
        let replication = |view: &FleetView| replication(view, &host).unwrap();
        assert_eq!(replication(&view), (Severity::Critical, "StandAlone".to_owned()));
        let mut findings = fixture::findings();
        findings.retain(|finding| finding.subject.kind != SubjectKind::Drbd);
        view.findings = findings.into();
        assert_eq!(
            replication(&view),
            (Severity::Ok, "StandAlone".to_owned()),
            "no finding, no sign; the odd word is still the one that is shown"
        );
        let host = Arc::clone(view.host("stor2").unwrap());
        assert_eq!(
            raid(&view, &host),
            Some((Severity::Notice, "md0 rebuild 37 %".to_owned()))
        );
        view.findings = Arc::from([]);
        assert_eq!(raid(&view, &host), Some((Severity::Ok, "md0 rebuild 37 %".to_owned())));
    }
}
