//! Own keys: private key files, read once and kept; encrypted ones once they have been unlocked.

use russh::keys::{Certificate, PrivateKey, PublicKey, decode_secret_key, ssh_key::public::KeyData};
use std::{
    collections::HashMap,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};
use zeroize::Zeroizing;

/// A longer file is no private key, bytes.
const FILE_LIMIT: u64 = 64 * 1024;
/// Times a passphrase may be wrong.
const TRIES: usize = 3;

/// A private key file.
#[derive(Clone)]
pub enum KeyFile {
    /// Ready to sign.
    Ready(Arc<PrivateKey>),
    /// Encrypted; its public half where it is known.
    Locked(Option<KeyData>),
    /// There is no such file.
    Missing,
    /// It cannot be used; the text says why.
    Unusable(String),
}

type Stamp = (Option<SystemTime>, u64, u64);

/// Private key files by path.
#[derive(Default)]
pub struct Keyring {
    files: Mutex<HashMap<PathBuf, (Stamp, KeyFile)>>,
}

impl Keyring {
    /// The key of a file; read again when the file changed. May block.
    pub fn load(&self, path: &Path) -> KeyFile {
        let meta = match fs::metadata(path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return KeyFile::Missing,
            Err(error) => return KeyFile::Unusable(format!("{}: {error}", path.display())),
        };
        let stamp = (meta.modified().ok(), meta.len(), meta.ino());
        let files = || self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, key)) = files().get(path)
            && *known == stamp
        {
            return key.clone();
        }
        let key = read(path, &meta);
        files().insert(path.to_owned(), (stamp, key.clone()));
        key
    }

    /// Asks for the passphrase of a locked key, up to three times; `None` from `prompt` leaves it locked.
    ///
    /// # Errors
    /// Says that every passphrase was wrong.
    pub fn unlock(
        &self,
        path: &Path,
        prompt: &mut dyn FnMut(&Path) -> Option<Zeroizing<String>>,
    ) -> Result<(), String> {
        let fail = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        let meta = fs::metadata(path).map_err(|error| fail(&error))?;
        let text = Zeroizing::new(fs::read_to_string(path).map_err(|error| fail(&error))?);
        for _ in 0..TRIES {
            let Some(passphrase) = prompt(path) else { return Ok(()) };
            if let Ok(key) = decode_secret_key(&text, Some(&passphrase)) {
                let stamp = (meta.modified().ok(), meta.len(), meta.ino());
                self.files
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(path.to_owned(), (stamp, KeyFile::Ready(Arc::new(key))));
                return Ok(());
            }
        }
        Err(fail(&"wrong passphrase"))
    }
}

/// Reads a key file as `ssh` would: refusing one that others can read.
fn read(path: &Path, meta: &fs::Metadata) -> KeyFile {
    if !meta.is_file() || meta.len() > FILE_LIMIT {
        return KeyFile::Unusable(format!("{} is not a private key", path.display()));
    }
    if meta.uid() == rustix::process::getuid().as_raw() && meta.mode() & 0o077 != 0 {
        return KeyFile::Unusable(format!(
            "{} is readable by others (mode {:03o}); run: chmod 600 {}",
            path.display(),
            meta.mode() & 0o777,
            path.display()
        ));
    }
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) => return KeyFile::Unusable(format!("{}: {error}", path.display())),
    };
    if let Ok(key) = PrivateKey::from_openssh(text.as_bytes())
        && key.is_encrypted()
    {
        return KeyFile::Locked(Some(key.public_key().key_data().clone()));
    }
    match decode_secret_key(&text, None) {
        Ok(key) => KeyFile::Ready(Arc::new(key)),
        Err(_) if text.contains("ENCRYPTED") => KeyFile::Locked(public_half(path)),
        Err(error) => KeyFile::Unusable(format!("{}: {error}", path.display())),
    }
}

/// The key of `FILE.pub`, or of the file itself when it is a public key (then the agent has the rest).
pub fn public_half(path: &Path) -> Option<KeyData> {
    let read = |path: &Path| {
        let meta = fs::metadata(path)
            .ok()
            .filter(|meta| meta.is_file() && meta.len() <= FILE_LIMIT);
        meta.and_then(|_| fs::read_to_string(path).ok())
            .and_then(|text| PublicKey::from_openssh(text.trim()).ok())
            .map(|key| key.key_data().clone())
    };
    read(&with_suffix(path, ".pub")).or_else(|| read(path))
}

/// A certificate file, if there is a readable one.
pub fn certificate(path: &Path) -> Option<Certificate> {
    let meta = fs::metadata(path).ok()?;
    if !meta.is_file() || meta.len() > FILE_LIMIT {
        return None;
    }
    Certificate::from_openssh(fs::read_to_string(path).ok()?.trim()).ok()
}

/// `path` with `suffix` after its last character.
pub fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
