//! Host keys: which are known for a host, and whether the one presented is one of them.
//!
//! An own matcher, to OpenSSH's rules (sshd(8), ssh(1) `hostfile.c` and `sshconnect.c`): several
//! keys a host, `@revoked`, `@cert-authority`, patterns with negation, hashed names, `[host]:port`.
//! Files are indexed once and read again when they change. Whatever cannot be read fails closed.

mod append;
mod index;
mod judge;
mod line;
mod revoked;
#[cfg(test)]
mod tests;

pub use judge::{Dossier, Judgement, describe, supported};
pub use line::glob;
pub use revoked::revoked;

use crate::{
    facts::{CleanText, UnixMs},
    remote::log::{Level, LogBook},
};
use index::Index;
use judge::Known;
use russh::keys::ssh_key::public::KeyData;
use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::{FileTypeExt as _, MetadataExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

/// A `known_hosts` file longer than this is refused, bytes.
const FILE_LIMIT: u64 = 64 << 20;
/// Warnings shown of one file.
const WARNINGS: usize = 20;
/// The name under which entries from memory are shown.
const MEMORY: &str = "(built in)";

/// Where host keys are looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Source {
    /// The files that `ssh_config` names for each host: the user's, then the system's.
    #[default]
    Config,
    /// These files for every host; the first takes new keys.
    Files(Vec<PathBuf>),
    /// A text in `known_hosts` form, for a fleet that lives in this process.
    Text(String),
}

/// How a host is named in `known_hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostId {
    /// The host name (after `HostName`).
    pub host: String,
    /// The port.
    pub port: u16,
    /// `HostKeyAlias`: takes the place of name and port.
    pub alias: Option<String>,
}

impl HostId {
    /// What lines are looked up under, lower-case.
    #[must_use]
    pub fn full_name(&self) -> String {
        match &self.alias {
            Some(alias) => alias.to_lowercase(),
            None if self.port == 22 => self.host.to_lowercase(),
            None => format!("[{}]:{}", self.host.to_lowercase(), self.port),
        }
    }

    fn principal(&self) -> String {
        self.alias.as_ref().unwrap_or(&self.host).to_lowercase()
    }

    fn bare_name(&self) -> Option<String> {
        (self.alias.is_none() && self.port != 22).then(|| self.host.to_lowercase())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

/// Known host keys of every source, each file indexed once.
#[derive(Debug)]
pub struct KnownHosts {
    source: Source,
    memory: Mutex<Arc<Index>>,
    /// Keys accepted while running, when there is no file to keep them in.
    accepted: Mutex<String>,
    files: Mutex<HashMap<PathBuf, (Stamp, Arc<Index>)>>,
    log: LogBook,
}

impl KnownHosts {
    /// A store; files are read when they are first asked for.
    #[must_use]
    pub fn new(source: Source, log: LogBook) -> Self {
        let text = match &source {
            Source::Text(text) => text.as_str(),
            _ => "",
        };
        Self {
            memory: Mutex::new(Arc::new(Index::new(Path::new(MEMORY), text.as_bytes()))),
            accepted: Mutex::new(text.to_owned()),
            source,
            files: Mutex::default(),
            log,
        }
    }

    /// The files looked at for a host whose `ssh_config` names `configured`.
    #[must_use]
    pub fn files(&self, configured: &[PathBuf]) -> Vec<PathBuf> {
        match &self.source {
            Source::Config => configured.to_vec(),
            Source::Files(files) => files.clone(),
            Source::Text(_) => Vec::new(),
        }
    }

    /// Whether [`KnownHosts::look_up`] touches no file, so that it may run on the runtime.
    #[must_use]
    pub fn in_memory(&self) -> bool {
        matches!(self.source, Source::Text(_))
    }

    /// Collects all that is known of a host. Reads files that changed: may block.
    ///
    /// # Errors
    /// Says which file could not be read; nothing may be accepted then, since a `@revoked` line
    /// might stand in it. A file that does not exist is no error here: it holds no key.
    pub fn look_up(&self, id: &HostId, configured: &[PathBuf], now: UnixMs) -> Result<Dossier, String> {
        let mut dossier = Dossier {
            name: id.full_name(),
            principal: id.principal(),
            bare: id.bare_name().map(|_| Known::default()),
            ..Dossier::default()
        };
        let bare = id.bare_name();
        let mut indexes = vec![Arc::clone(&self.memory.lock().unwrap_or_else(PoisonError::into_inner))];
        if self.in_memory() {
            dossier.searched.push(MEMORY.to_owned());
        }
        for path in self.files(configured) {
            if let Some(index) = self.index(&path, now)? {
                indexes.push(index);
                dossier.searched.push(path.display().to_string());
            } else {
                dossier.searched.push(format!("{} (does not exist)", path.display()));
            }
        }
        for index in indexes {
            index.find(&dossier.name).for_each(|entry| dossier.full.add(entry));
            dossier.unreadable.extend(index.find_unreadable(&dossier.name));
            if let (Some(name), Some(known)) = (&bare, &mut dossier.bare) {
                index.find(name).for_each(|entry| known.add(entry));
            }
        }
        Ok(dossier)
    }

    /// Keeps a new key (`accept-new`): appended to the first file under a lock, or kept in memory
    /// when there is no file. May block.
    ///
    /// # Errors
    /// Says why it could not be kept, or that another key came in meanwhile; the connection must
    /// then be refused.
    pub fn accept(&self, id: &HostId, configured: &[PathBuf], key: &KeyData, hash: bool) -> Result<String, String> {
        let name = id.full_name();
        if let Some(path) = self.files(configured).first() {
            append::append(path, &name, key, hash)?;
            return Ok(path.display().to_string());
        }
        let mut text = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        let known = Index::new(Path::new(MEMORY), text.as_bytes());
        if known
            .find(&name)
            .any(|entry| entry.marker == line::Marker::HostKey && entry.key != *key)
        {
            return Err(format!("another key of {name} was accepted a moment ago"));
        }
        text.push_str(&append::line(&name, key, false)?);
        *self.memory.lock().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(Index::new(Path::new(MEMORY), text.as_bytes()));
        Ok(MEMORY.to_owned())
    }

    /// The index of a file, or `None` when there is no such file.
    fn index(&self, path: &Path, now: UnixMs) -> Result<Option<Arc<Index>>, String> {
        let unreadable = |error: &io::Error| {
            format!(
                "cannot read {}: {error}. No host key is accepted until it can be read (check its owner and mode)",
                path.display()
            )
        };
        let meta = match fs::metadata(path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&error)),
        };
        let stamp = Stamp {
            modified: meta.modified().ok(),
            length: meta.len(),
            inode: meta.ino(),
        };
        let files = || self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, index)) = files().get(path)
            && *known == stamp
        {
            return Ok(Some(Arc::clone(index)));
        }
        if meta.len() > FILE_LIMIT {
            return Err(format!("{} is over {FILE_LIMIT} bytes", path.display()));
        }
        let text = if meta.is_file() {
            fs::read(path).map_err(|error| unreadable(&error))?
        } else if meta.file_type().is_char_device() {
            // `/dev/null` is how a file is switched off.
            Vec::new()
        } else {
            return Err(unreadable(&io::Error::other("not a file")));
        };
        let index = Arc::new(Index::new(path, &text));
        for (number, why) in index.warnings.iter().take(WARNINGS) {
            let text = format!("{}:{number}: {why}; the line is skipped", path.display());
            self.log.note(now, Level::Warning, None, CleanText::from(text));
        }
        files().insert(path.to_owned(), (stamp, Arc::clone(&index)));
        Ok(Some(index))
    }
}
