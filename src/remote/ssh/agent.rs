//! The ssh-agent: which keys it holds (draft-miller-ssh-agent). Signing is russh's part.
//!
//! The list is read here, so that one key of a type that is not known costs that key and not the
//! whole list.

use russh::keys::{Certificate, PublicKey, agent::client::AgentClient, ssh_key::public::KeyData};
use std::{
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream as BlockingStream,
    path::Path,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

/// `SSH_AGENTC_REQUEST_IDENTITIES`, with its length.
const REQUEST_IDENTITIES: [u8; 5] = [0, 0, 0, 1, 11];
/// `SSH_AGENT_IDENTITIES_ANSWER`.
const IDENTITIES_ANSWER: u8 = 12;
/// Longest answer, bytes.
const ANSWER_LIMIT: usize = 1 << 20;
/// Most keys looked at.
const KEYS: usize = 256;

/// A key that the agent can sign with.
#[derive(Debug, Clone)]
pub struct AgentKey {
    /// The public key.
    pub key: KeyData,
    /// Its certificate, when the agent holds it with one.
    pub certificate: Option<Certificate>,
}

/// The agent's keys, and a client to sign with.
///
/// # Errors
/// The agent is not there or speaks nonsense.
pub async fn keys(socket: &Path) -> io::Result<(Vec<AgentKey>, AgentClient<UnixStream>)> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(&REQUEST_IDENTITIES).await?;
    let length = stream.read_u32().await?;
    let mut answer = vec![0; checked(length)?];
    stream.read_exact(&mut answer).await?;
    Ok((parse(&answer)?, AgentClient::connect(stream)))
}

/// The agent's keys, waiting at most two seconds for each step; for the start, before there is a runtime to wait on.
///
/// # Errors
/// The agent is not there or speaks nonsense.
pub fn keys_blocking(socket: &Path) -> io::Result<Vec<AgentKey>> {
    let mut stream = BlockingStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.set_write_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(&REQUEST_IDENTITIES)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; checked(u32::from_be_bytes(length))?];
    stream.read_exact(&mut answer)?;
    parse(&answer)
}

fn checked(length: u32) -> io::Result<usize> {
    usize::try_from(length)
        .ok()
        .filter(|length| *length <= ANSWER_LIMIT)
        .ok_or_else(|| io::Error::other("the agent's answer is too long"))
}

fn parse(answer: &[u8]) -> io::Result<Vec<AgentKey>> {
    let malformed = || io::Error::other("the agent's answer is malformed");
    let [IDENTITIES_ANSWER, rest @ ..] = answer else {
        return Err(io::Error::other("the agent refuses to list its keys (is it locked?)"));
    };
    let (count, mut rest) = rest.split_first_chunk::<4>().ok_or_else(malformed)?;
    let count = usize::try_from(u32::from_be_bytes(*count)).unwrap_or(usize::MAX);
    let mut keys = Vec::new();
    for _ in 0..count.min(KEYS) {
        let (blob, after) = string(rest).ok_or_else(malformed)?;
        let (_comment, after) = string(after).ok_or_else(malformed)?;
        rest = after;
        if let Ok(certificate) = Certificate::from_bytes(blob) {
            keys.push(AgentKey {
                key: certificate.public_key().clone(),
                certificate: Some(certificate),
            });
        } else if let Ok(key) = PublicKey::from_bytes(blob) {
            keys.push(AgentKey {
                key: key.key_data().clone(),
                certificate: None,
            });
        }
    }
    Ok(keys)
}

fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_strange_key_costs_only_itself() {
        let key =
            PublicKey::from_openssh("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ")
                .unwrap();
        let mut answer = vec![IDENTITIES_ANSWER, 0, 0, 0, 2];
        for blob in [b"\0\0\0\x07ssh-new\0\0\0\0".to_vec(), key.to_bytes().unwrap()] {
            answer.extend(u32::try_from(blob.len()).unwrap().to_be_bytes());
            answer.extend(blob);
            answer.extend([0, 0, 0, 1, b'c']);
        }
        let keys = parse(&answer).unwrap();
        assert!(keys.iter().any(|found| found.key == *key.key_data()));
        assert!(parse(&[5]).is_err());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(mut answer in any::<Vec<u8>>()) {
            let _ = parse(&answer);
            answer.insert(0, IDENTITIES_ANSWER);
            let _ = parse(&answer);
        }
    }
}
