//! The judgement of a presented host key or certificate against what is known of the name.

use super::{index::Entry, line};
use crate::facts::CleanText;
use russh::keys::{
    Algorithm, Certificate, EcdsaCurve, HashAlg, PublicKeyOrCertificate,
    ssh_key::{certificate::CertType, public::KeyData},
};
use std::fmt::Write as _;

/// Entries that apply to one name.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Host keys.
    pub keys: Vec<Entry>,
    /// Authorities that may sign the host's certificate.
    pub authorities: Vec<Entry>,
    /// Keys and authorities that must never be accepted.
    pub revoked: Vec<Entry>,
}

impl Known {
    /// Sorts an entry in.
    pub fn add(&mut self, entry: &Entry) {
        match entry.marker {
            line::Marker::HostKey => self.keys.push(entry.clone()),
            line::Marker::Authority => self.authorities.push(entry.clone()),
            line::Marker::Revoked => self.revoked.push(entry.clone()),
        }
    }
}

/// All that is known of a host, under its full name (`[host]:port`, or the alias) and, where the
/// port is not 22, under its bare name: OpenSSH looks there too, but only to accept.
#[derive(Debug, Clone, Default)]
pub struct Dossier {
    /// What lines are looked up under: `host`, `[host]:port` or the alias.
    pub name: String,
    /// What a certificate must be for: the alias or the bare host name.
    pub principal: String,
    /// Entries for [`Dossier::name`].
    pub full: Known,
    /// Entries for the bare name; `None` when it is the same.
    pub bare: Option<Known>,
    /// Lines for [`Dossier::name`] that hold a key which cannot be read, each `file:line`.
    pub unreadable: Vec<String>,
    /// Where was looked, each with a remark such as "does not exist".
    pub searched: Vec<String>,
}

/// What comes of a presented key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It is the host's.
    Trusted,
    /// Nothing is known of this host that it could be compared with.
    New,
    /// It must not be accepted; the text says what is known, what was presented, and what to do.
    Refused(String),
}

impl Dossier {
    /// Judges what a host presented. `now_s` is Unix time in seconds.
    #[must_use]
    pub fn judge(&self, presented: &PublicKeyOrCertificate, now_s: u64) -> Judgement {
        let key = presented.public_key().key_data().clone();
        if let Some(refusal) = self.revoked(&key, presented.certificate()) {
            return Judgement::Refused(refusal);
        }
        if let Some(certificate) = presented.certificate() {
            match self.certificate(certificate, now_s) {
                // A certificate of an authority that is not trusted here counts for nothing:
                // as OpenSSH does, only the key in it is looked at.
                Judgement::New => {}
                judged => return judged,
            }
        }
        if self.knows(&key) {
            return Judgement::Trusted;
        }
        if !self.full.keys.is_empty() {
            return Judgement::Refused(self.changed(&describe(&key), &self.full.keys));
        }
        if !self.authorities().is_empty() {
            return Judgement::Refused(format!(
                "{} must show a certificate signed by {}, but presented {}. \
                 Renew its certificate, or add its key to known_hosts once it is verified",
                self.name,
                list(self.authorities()),
                describe(&key),
            ));
        }
        if !self.unreadable.is_empty() {
            return Judgement::Refused(format!(
                "{} presented {}, but a key of another type or a damaged one is known for it in {}. Verify the key, \
                 then remove that line or add the key beside it",
                self.name,
                describe(&key),
                self.unreadable.join(", "),
            ));
        }
        Judgement::New
    }

    /// The text for a host that offers none of the key types that are known for it.
    #[must_use]
    pub fn wrong_type(&self, offered: &[String]) -> String {
        let offered = CleanText::new(&offered.join(", "));
        if self.full.keys.is_empty() && self.bare.as_ref().is_none_or(|bare| bare.keys.is_empty()) {
            return format!(
                "{} offers only host key types that are not accepted here: {offered}",
                self.name
            );
        }
        let keys = if self.full.keys.is_empty() {
            self.bare_keys()
        } else {
            &self.full.keys
        };
        self.changed(&format!("only the types {offered}"), keys)
    }

    /// The text for a host of which nothing is known.
    #[must_use]
    pub fn unknown(&self, presented: &PublicKeyOrCertificate, ssh_command: &str) -> String {
        let mut text = format!(
            "no key of {} is known. It presented {}. Looked in {}.",
            self.name,
            describe(presented.public_key().key_data()),
            if self.searched.is_empty() {
                "nothing".to_owned()
            } else {
                self.searched.join(", ")
            },
        );
        if let Some(bare) = self.bare_keys().first() {
            let _ = write!(
                text,
                " (Without the port, {}:{} has {}.)",
                bare.file.display(),
                bare.line,
                describe(&bare.key)
            );
        }
        let _ = write!(
            text,
            " Compare the fingerprint with the host's (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub there), \
             then record it by running once, by hand: {ssh_command} (or start pointsman with --accept-new)"
        );
        text
    }

    /// Algorithms to ask the host for: only those of its known keys, else every one that is safe.
    /// An attacker cannot then present a key of another type and be taken for a new host.
    #[must_use]
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let known: Vec<&Entry> = if self.full.keys.is_empty() {
            self.bare_keys().iter().collect()
        } else {
            self.full.keys.iter().chain(self.bare_keys()).collect()
        };
        let narrowed: Vec<Algorithm> = supported()
            .into_iter()
            .filter(|algorithm| known.iter().any(|entry| same_type(&entry.key.algorithm(), algorithm)))
            .collect();
        if narrowed.is_empty() { supported() } else { narrowed }
    }

    /// Certificate types to ask for: every one when an authority is known for this name, else none.
    #[must_use]
    pub fn certificate_algorithms(&self) -> Vec<Algorithm> {
        if self.authorities().is_empty() {
            Vec::new()
        } else {
            supported()
        }
    }

    fn bare_keys(&self) -> &[Entry] {
        self.bare.as_ref().map_or(&[], |bare| &bare.keys)
    }

    fn authorities(&self) -> &[Entry] {
        match &self.bare {
            Some(bare) if self.full.authorities.is_empty() => &bare.authorities,
            _ => &self.full.authorities,
        }
    }

    fn knows(&self, key: &KeyData) -> bool {
        let full = self.full.keys.iter().any(|entry| entry.key == *key);
        full || (self.full.keys.is_empty() && self.bare_keys().iter().any(|entry| entry.key == *key))
    }

    fn revoked(&self, key: &KeyData, certificate: Option<&Certificate>) -> Option<String> {
        let bare = self.bare.iter().flat_map(|bare| &bare.revoked);
        let hit = self.full.revoked.iter().chain(bare).find(|entry| {
            entry.key == *key || certificate.is_some_and(|certificate| entry.key == *certificate.signature_key())
        })?;
        let what = if hit.key == *key {
            "the key"
        } else {
            "the authority that signed the certificate"
        };
        Some(format!(
            "{what} of {} is REVOKED: {} stands as revoked in {}:{}. Do not connect; give the host a new key",
            self.name,
            describe(&hit.key),
            hit.file.display(),
            hit.line,
        ))
    }

    fn certificate(&self, certificate: &Certificate, now_s: u64) -> Judgement {
        let signer = certificate.signature_key();
        let Some(authority) = self.authorities().iter().find(|entry| entry.key == *signer) else {
            return Judgement::New;
        };
        match certificate_fault(certificate, &self.principal, now_s) {
            None => Judgement::Trusted,
            Some(fault) => Judgement::Refused(format!(
                "the certificate of {} (key id {}, serial {}, signed by {} of {}:{}) is not valid: {fault}. \
                 Have the authority sign the host's key anew",
                self.name,
                CleanText::new(certificate.key_id()),
                certificate.serial(),
                describe(signer),
                authority.file.display(),
                authority.line,
            )),
        }
    }

    fn changed(&self, presented: &str, known: &[Entry]) -> String {
        let file = known
            .first()
            .map(|entry| entry.file.display().to_string())
            .unwrap_or_default();
        format!(
            "the key of {} has CHANGED: it presented {presented}, but known is {}. Someone may be answering in its \
             place. If the host was reinstalled, verify the new key there, then: ssh-keygen -R '{}' -f {file}",
            self.name,
            list(known),
            self.name,
        )
    }
}

/// What is wrong with a host certificate whose signer is trusted (PROTOCOL.certkeys); `None` when it is good.
fn certificate_fault(certificate: &Certificate, principal: &str, now_s: u64) -> Option<String> {
    if certificate.cert_type() != CertType::Host {
        return Some("it is a user certificate, not a host certificate".to_owned());
    }
    if !matches!(
        certificate.signature().algorithm(),
        Algorithm::Ed25519
            | Algorithm::Ecdsa { .. }
            | Algorithm::SkEd25519
            | Algorithm::SkEcdsaSha2NistP256
            | Algorithm::Rsa { hash: Some(_) }
    ) {
        return Some("it is signed with an algorithm that is not accepted (SHA-1)".to_owned());
    }
    if now_s < certificate.valid_after() {
        return Some(format!(
            "it is not valid before Unix time {}",
            certificate.valid_after()
        ));
    }
    if now_s >= certificate.valid_before() {
        return Some(format!("it expired at Unix time {}", certificate.valid_before()));
    }
    let principals = certificate.valid_principals();
    if !principals.is_empty() && !principals.iter().any(|pattern| line::glob(pattern, principal)) {
        return Some(format!(
            "it is for {}, not for {principal}",
            CleanText::new(&principals.join(", "))
        ));
    }
    if !certificate.critical_options().is_empty() {
        return Some("it has critical options, and host certificates have none that are known".to_owned());
    }
    let signer = certificate.signature_key().fingerprint(HashAlg::Sha256);
    if certificate.validate_at(now_s, [&signer]).is_err() {
        return Some("its signature is wrong".to_owned());
    }
    None
}

/// `ssh-ed25519 SHA256:…`.
#[must_use]
pub fn describe(key: &KeyData) -> String {
    format!("{} {}", plain(&key.algorithm()), key.fingerprint(HashAlg::Sha256))
}

fn plain(algorithm: &Algorithm) -> CleanText {
    CleanText::new(algorithm.as_str())
}

fn list(entries: &[Entry]) -> String {
    entries
        .iter()
        .map(|entry| format!("{} ({}:{})", describe(&entry.key), entry.file.display(), entry.line))
        .collect::<Vec<_>>()
        .join(" or ")
}

/// Host key algorithms that are accepted, most wanted first: never `ssh-rsa` (SHA-1) or `ssh-dss`.
#[must_use]
pub fn supported() -> Vec<Algorithm> {
    vec![
        Algorithm::Ed25519,
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP256,
        },
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP384,
        },
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP521,
        },
        Algorithm::Rsa {
            hash: Some(HashAlg::Sha512),
        },
        Algorithm::Rsa {
            hash: Some(HashAlg::Sha256),
        },
    ]
}

fn same_type(known: &Algorithm, wanted: &Algorithm) -> bool {
    match (known, wanted) {
        (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
        (known, wanted) => known == wanted,
    }
}
