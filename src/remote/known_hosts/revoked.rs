//! `RevokedHostKeys` (`ssh_config(5)`): a file of public keys that no host may present, one a line.

use super::{index::Entry, line::Marker};
use russh::keys::PublicKey;
use std::{fs, path::Path, sync::Arc};

/// A longer file is refused, bytes.
const FILE_LIMIT: u64 = 16 << 20;

/// Reads the file. May block.
///
/// # Errors
/// As in OpenSSH, no host key is accepted when the file is missing or cannot be read. Key revocation lists
/// (KRL, `ssh-keygen -k`) are not read here, and so refused too.
pub fn revoked(path: &Path) -> Result<Vec<Entry>, String> {
    let refused = |why: &dyn std::fmt::Display| {
        format!(
            "no host key is accepted, since RevokedHostKeys {} cannot be used: {why}",
            path.display()
        )
    };
    let meta = fs::metadata(path).map_err(|error| refused(&error))?;
    if !meta.is_file() || meta.len() > FILE_LIMIT {
        return Err(refused(&"it is not a file of at most 16 MiB"));
    }
    let text = fs::read(path).map_err(|error| refused(&error))?;
    if text.starts_with(b"SSHKRL\n") {
        return Err(refused(&"it is a KRL; write the keys as public keys, one a line"));
    }
    let file: Arc<Path> = path.into();
    let mut entries = Vec::new();
    for (number, line) in String::from_utf8_lossy(&text).lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let key =
            PublicKey::from_openssh(line).map_err(|error| refused(&format_args!("line {}: {error}", number + 1)))?;
        entries.push(Entry {
            marker: Marker::Revoked,
            key: key.key_data().clone(),
            file: Arc::clone(&file),
            line: number + 1,
        });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    #[test]
    fn a_list_is_read_and_what_cannot_be_read_fails_closed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("revoked");
        assert!(revoked(&path).unwrap_err().contains("no host key is accepted"));
        assert!(revoked(dir.path()).is_err());
        fs::write(&path, format!("# old\n\n{KEY} stor1\n")).unwrap();
        let entries = revoked(&path).unwrap();
        assert_eq!((entries.len(), entries[0].line), (1, 3));
        fs::write(&path, b"SSHKRL\n\0\0\0").unwrap();
        assert!(revoked(&path).unwrap_err().contains("KRL"));
        fs::write(&path, "ssh-ed25519 garbage\n").unwrap();
        assert!(revoked(&path).unwrap_err().contains("line 1"));
    }
}
