//! What this process is allowed and where it writes: core dumps, open files, the log file, the user's directory.

use super::{Failure, Result};
use std::path::{Path, PathBuf};

/// Unlocked keys are in memory: a crash must not write them to a disk.
pub(super) fn without_core_dumps() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    // Lowering a limit is always allowed.
    let _ = setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: getrlimit(Resource::Core).maximum,
        },
    );
}

/// Opens the log file, readable by its owner alone; one that is there keeps what its group may do.
pub(super) fn start_log_file(path: Option<&Path>) -> Result<()> {
    use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
    let Some(path) = path else { return Ok(()) };
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Failure::Config(format!("cannot write the log {}: {error}", path.display())))?;
    let refused = |why: &dyn std::fmt::Display| Failure::Config(format!("the log {} {why}", path.display()));
    let meta = file.metadata().map_err(|error| refused(&error))?;
    if meta.is_file() {
        if meta.uid() != rustix::process::geteuid().as_raw() {
            return Err(refused(&"belongs to another user, who could read and change it"));
        }
        if meta.mode() & 0o007 != 0 {
            let mode = std::fs::Permissions::from_mode(meta.mode() & 0o770);
            file.set_permissions(mode).map_err(|error| refused(&error))?;
        }
    }
    tracing_subscriber::fmt()
        .with_writer(std::sync::Mutex::new(file))
        .with_ansi(false)
        .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
        .init();
    Ok(())
}

/// Every connection needs a descriptor: raises the soft limit to the hard one and returns it.
pub(super) fn raise_file_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Failing to raise it is not fatal: small fleets fit, and large ones are told below.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
    getrlimit(Resource::Nofile).current
}

pub(super) fn check_file_limit(hosts: usize) -> Result<()> {
    let need = hosts as u64 + 64;
    match raise_file_limit() {
        Some(limit) if limit < need => Err(Failure::Config(format!(
            "{hosts} hosts need {need} open files, but the limit is {limit}; raise it (ulimit -Hn) or select fewer hosts"
        ))),
        _ => Ok(()),
    }
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("pointsman-collect")
        .build()?)
}

/// The user's directory for settings.
pub(super) fn config_dir() -> Option<PathBuf> {
    std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")))
        .map(|config| config.join("pointsman"))
}
