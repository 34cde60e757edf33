//! Keys of the embedded fleet, made from seeds: the same at every start, and of no use elsewhere.

use super::noise::{mix, seed_of};
use russh::keys::{PrivateKey, PublicKey, ssh_key::private::Ed25519Keypair};

fn key(mut seed: u64) -> PrivateKey {
    let mut bytes = [0_u8; 32];
    for part in bytes.chunks_exact_mut(8) {
        seed = mix(seed);
        part.copy_from_slice(&seed.to_le_bytes());
    }
    PrivateKey::from(Ed25519Keypair::from_seed(&bytes))
}

/// The host key of a host.
pub(super) fn host(seed: u64, name: &str) -> PrivateKey {
    key(seed_of(name, seed))
}

/// Another key that a host may present instead.
pub(super) fn changed(seed: u64, name: &str) -> PrivateKey {
    key(seed_of(name, seed ^ 0xC4A9))
}

/// The one key that every host accepts.
pub(super) fn client(seed: u64) -> PrivateKey {
    key(seed_of("client", seed ^ 0xC11E))
}

/// A line of `known_hosts`; empty when the key cannot be written, which an ed25519 key always can.
pub(super) fn known_hosts_line(name: &str, key: &PublicKey) -> String {
    key.to_openssh()
        .map(|key| format!("{name}.sim,{name} {}\n", key.trim_end()))
        .unwrap_or_default()
}
