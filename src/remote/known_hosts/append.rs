//! Adding an accepted key to a `known_hosts` file: one writer at a time, and never a second key.

use super::{index::Index, line};
use russh::keys::{
    PublicKey,
    ssh_key::{known_hosts::HostPatterns, public::KeyData},
};
use rustix::fs::{FlockOperation, flock};
use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

/// The line for a name and its key, with the newline.
///
/// # Errors
/// When the key cannot be written, or the name could be mistaken for something else.
pub fn line(name: &str, key: &KeyData, hash: bool) -> Result<String, String> {
    if name.is_empty() || name.contains([' ', '\t', '\n', '\r', ',', '*', '?', '!', '|', '#', '@']) {
        return Err(format!("{name:?} cannot stand in a known_hosts file"));
    }
    let key = PublicKey::from(key.clone())
        .to_openssh()
        .map_err(|error| format!("cannot write the key: {error}"))?;
    let host = if hash {
        let mut salt = [0; 20];
        fill_random(&mut salt);
        let hash = line::hash_name(&salt, name).ok_or("cannot hash the name")?;
        HostPatterns::HashedName {
            salt: salt.to_vec(),
            hash,
        }
        .to_string()
    } else {
        name.to_owned()
    };
    Ok(format!("{host} {}\n", key.trim_end()))
}

/// A salt hides names from a casual reader; it guards no secret.
fn fill_random(salt: &mut [u8; 20]) {
    for byte in salt {
        *byte = fastrand::u8(..);
    }
}

/// Appends a key under an exclusive lock, unless a line for the name has come in meanwhile.
///
/// # Errors
/// Says why the key could not be kept.
pub fn append(path: &Path, name: &str, key: &KeyData, hash: bool) -> Result<(), String> {
    let fail = |error: &io::Error| format!("cannot keep the new host key in {}: {error}", path.display());
    let text = line(name, key, hash)?;
    if let Some(parent) = path.parent()
        && !parent.as_os_str().is_empty()
        && !parent.exists()
    {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)
            .map_err(|error| fail(&error))?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| fail(&error))?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| fail(&error.into()))?;
    let mut now = Vec::new();
    file.read_to_end(&mut now).map_err(|error| fail(&error))?;
    let index = Index::new(path, &now);
    let mut known = index
        .find(name)
        .filter(|entry| entry.marker != line::Marker::Authority)
        .peekable();
    if known.peek().is_some() {
        return if known.any(|entry| entry.marker == line::Marker::HostKey && entry.key == *key) {
            Ok(())
        } else {
            Err(format!("another key of {name} came into {} meanwhile", path.display()))
        };
    }
    let gap = if now.is_empty() || now.ends_with(b"\n") {
        ""
    } else {
        "\n"
    };
    file.write_all(format!("{gap}{text}").as_bytes())
        .and_then(|()| file.sync_data())
        .map_err(|error| fail(&error))?;
    Ok(())
}
