//! Reads what real hosts printed: `tests/captures/STATE/HOST/` holds one file a source.

use pointsman::facts::Section;
use std::{fs, path::Path};

/// The files, and the sections that they are.
const SOURCES: [(&str, Section); 13] = [
    ("stat", Section::Stat),
    ("loadavg", Section::Loadavg),
    ("meminfo", Section::Meminfo),
    ("pressure", Section::Pressure),
    ("diskstats", Section::Diskstats),
    ("mdstat", Section::Mdstat),
    ("proc-drbd", Section::Drbd),
    ("mountinfo", Section::Mounts),
    ("mountstats", Section::Mountstats),
    ("nfsd", Section::Nfsd),
    ("drbdsetup-status", Section::DrbdStatus),
    ("drbdsetup-events2", Section::DrbdEvents),
    ("exportfs", Section::Exports),
];

/// The sections of one host in one state (`STATE/HOST`); none where nothing was captured.
pub fn sources(host: &str) -> Vec<(Section, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(host);
    let read = |(file, section): &(&str, Section)| Some((*section, fs::read(folder.join(file)).ok()?));
    SOURCES.iter().filter_map(read).collect()
}
