//! Authentication: which keys to offer, in which order, and what a refusal means.

use super::{
    agent::{self, AgentKey},
    describe,
    handler::{Client, Shared},
    keys::{self, KeyFile, Keyring},
    options::Identity,
};
use crate::{
    facts::CleanText,
    remote::{RemoteError, ssh_config::HostConfig},
};
use russh::{
    AgentAuthError, MethodKind, MethodSet, SendError, Signer,
    client::{AuthResult, Handle},
    keys::{
        Algorithm, Certificate, HashAlg, PrivateKey, PublicKey,
        agent::{AgentIdentity, client::AgentClient},
        signature::Signer as _,
        ssh_encoding::Encode as _,
        ssh_key::{self, private::KeypairData, public::KeyData},
    },
};
use std::{path::PathBuf, sync::Arc};
use tokio::net::UnixStream;

/// Keys offered to one host: servers allow six tries, and count more as an attack.
const OFFERS: usize = 5;

/// Who signs with a key.
#[derive(Clone)]
enum Holder {
    Agent,
    Here(Arc<PrivateKey>),
}

/// A key to offer.
struct Candidate {
    key: KeyData,
    certificate: Option<Certificate>,
    holder: Holder,
    label: String,
}

/// The keys for one host, and why others were left out.
#[derive(Default)]
pub struct Candidates {
    list: Vec<Candidate>,
    notes: Vec<String>,
    agent: Option<AgentClient<UnixStream>>,
}

impl Candidates {
    /// Collects the keys for a host: the caller's, those of the agent that the configuration names,
    /// other agent keys (unless `IdentitiesOnly`), key files; certificates before bare keys.
    pub async fn collect(
        config: &HostConfig,
        identities: &[Identity],
        keyring: &Arc<Keyring>,
        batch: bool,
    ) -> Result<Self, RemoteError> {
        let mut this = Self::default();
        let agent_keys = this.ask_agent(config).await;
        let mut paths: Vec<PathBuf> = Vec::new();
        for identity in identities {
            match identity {
                Identity::File(path) => paths.push(path.clone()),
                Identity::Key(key, certificate) => this.add(
                    key.public_key().key_data(),
                    certificate.as_deref().into_iter().cloned().collect(),
                    &Holder::Here(Arc::clone(key)),
                    "given key",
                ),
            }
        }
        let given = paths.len();
        paths.extend(config.identity_files.iter().cloned());
        let certificate_files = config.certificate_files.clone();
        let ring = Arc::clone(keyring);
        let (files, mut certificates) = tokio::task::spawn_blocking(move || {
            let certificates: Vec<Certificate> = certificate_files
                .iter()
                .filter_map(|path| keys::certificate(path))
                .collect();
            let files: Vec<FileKey> = paths.into_iter().map(|path| FileKey::load(path, &ring)).collect();
            (files, certificates)
        })
        .await
        .map_err(|error| RemoteError::Lost(format!("keys: {error}")))?;
        certificates.extend(files.iter().filter_map(|file| file.certificate.clone()));
        certificates.extend(agent_keys.iter().filter_map(|held| held.certificate.clone()));
        this.add_all(&files, given, &agent_keys, &certificates, config.identities_only, batch);
        Ok(this)
    }

    async fn ask_agent(&mut self, config: &HostConfig) -> Vec<AgentKey> {
        let Some(socket) = config.agent.socket() else {
            return Vec::new();
        };
        match agent::keys(&socket).await {
            Ok((held, client)) => {
                self.agent = Some(client);
                held
            }
            Err(error) => {
                self.notes
                    .push(format!("the agent at {} does not answer: {error}", socket.display()));
                Vec::new()
            }
        }
    }

    fn add_all(
        &mut self,
        files: &[FileKey],
        given: usize,
        held: &[AgentKey],
        certificates: &[Certificate],
        identities_only: bool,
        batch: bool,
    ) {
        let for_key = |key: &KeyData| -> Vec<Certificate> {
            certificates
                .iter()
                .filter(|certificate| certificate.public_key() == key)
                .cloned()
                .collect()
        };
        let in_agent = |key: &KeyData| held.iter().any(|held| held.key == *key);
        for file in files {
            if let Some(key) = file.public.as_ref().filter(|key| in_agent(key)) {
                self.add(
                    key,
                    for_key(key),
                    &Holder::Agent,
                    &format!("{} (agent)", file.path.display()),
                );
            }
        }
        let add_file = |this: &mut Self, file: &FileKey| match &file.key {
            KeyFile::Ready(private) => {
                let key = private.public_key().key_data();
                this.add(
                    key,
                    for_key(key),
                    &Holder::Here(Arc::clone(private)),
                    &file.path.display().to_string(),
                );
            }
            KeyFile::Locked(public) if !public.as_ref().is_some_and(in_agent) => this.notes.push(format!(
                "{} is encrypted{}",
                file.path.display(),
                if batch {
                    ": in batch mode nobody can be asked, so add it to the agent (ssh-add)"
                } else {
                    ""
                }
            )),
            KeyFile::Unusable(why) if !file.public.as_ref().is_some_and(in_agent) => this.notes.push(why.clone()),
            KeyFile::Locked(_) | KeyFile::Unusable(_) | KeyFile::Missing => {}
        };
        files[..given].iter().for_each(|file| add_file(self, file));
        if !identities_only {
            for key in held {
                self.add(&key.key, for_key(&key.key), &Holder::Agent, "agent");
            }
        }
        files[given..].iter().for_each(|file| add_file(self, file));
    }

    fn add(&mut self, key: &KeyData, certificates: Vec<Certificate>, holder: &Holder, label: &str) {
        if self.list.iter().any(|known| known.key == *key) {
            return;
        }
        let mut push = |certificate: Option<Certificate>, label: String| {
            self.list.push(Candidate {
                key: key.clone(),
                certificate,
                holder: holder.clone(),
                label,
            });
        };
        let mut seen: Vec<Certificate> = Vec::new();
        for certificate in certificates {
            if !seen.contains(&certificate) {
                push(Some(certificate.clone()), format!("{label} with certificate"));
                seen.push(certificate);
            }
        }
        push(None, label.to_owned());
    }

    fn describe(candidate: &Candidate) -> String {
        format!("{} {}", candidate.label, candidate.key.fingerprint(HashAlg::Sha256))
    }
}

struct FileKey {
    path: PathBuf,
    key: KeyFile,
    public: Option<KeyData>,
    certificate: Option<Certificate>,
}

impl FileKey {
    fn load(path: PathBuf, ring: &Keyring) -> Self {
        let key = ring.load(&path);
        let public = match &key {
            KeyFile::Ready(key) => Some(key.public_key().key_data().clone()),
            KeyFile::Locked(Some(public)) => Some(public.clone()),
            KeyFile::Locked(None) | KeyFile::Unusable(_) | KeyFile::Missing => keys::public_half(&path),
        };
        let certificate = keys::certificate(&keys::with_suffix(&path, "-cert.pub"));
        Self {
            path,
            key,
            public,
            certificate,
        }
    }
}

/// Logs in as the configured user.
///
/// # Errors
/// [`RemoteError::Auth`] naming the user, what the server would take and what was tried;
/// [`RemoteError::Lost`] when the connection broke.
pub async fn authenticate(
    handle: &mut Handle<Client>,
    shared: &Shared,
    config: &HostConfig,
    mut candidates: Candidates,
) -> Result<(), RemoteError> {
    let mut refusal = Refusal::default();
    if candidates.list.is_empty() {
        // Some appliances let everyone in; the refusal names what the server would take.
        let result = handle
            .authenticate_none(&config.user)
            .await
            .map_err(|error| lost(&error))?;
        if refusal.note(&result) {
            return Ok(());
        }
    }
    let rsa = if candidates.list.iter().any(|candidate| candidate.key.is_rsa()) {
        rsa_hash(handle).await?
    } else {
        None
    };
    for candidate in candidates.list.iter().take(OFFERS) {
        let hash = match candidate.key.algorithm() {
            Algorithm::Rsa { .. } if rsa.is_none() => {
                refusal.tried.push(format!(
                    "{} (not offered: the server knows only ssh-rsa)",
                    Candidates::describe(candidate)
                ));
                continue;
            }
            Algorithm::Rsa { .. } => rsa,
            _ => None,
        };
        refusal.tried.push(Candidates::describe(candidate));
        let result = offer(handle, config, candidate, hash, candidates.agent.as_mut()).await;
        match result {
            Ok(result) if refusal.note(&result) => return Ok(()),
            Ok(_) if handle.is_closed() || !refusal.public_key_helps() => break,
            Ok(_) => {}
            Err(why) => refusal.tried.push(format!("({why})")),
        }
    }
    let left = candidates.list.len().saturating_sub(OFFERS);
    if left > 0 {
        candidates.notes.push(format!(
            "{left} more keys were not offered: name the right one with IdentityFile and IdentitiesOnly"
        ));
    }
    Err(refusal.into_error(shared, &config.user, &candidates.notes))
}

async fn offer(
    handle: &mut Handle<Client>,
    config: &HostConfig,
    candidate: &Candidate,
    hash: Option<HashAlg>,
    agent: Option<&mut AgentClient<UnixStream>>,
) -> Result<AuthResult, String> {
    let mut signer = match (&candidate.holder, agent) {
        (Holder::Here(key), _) => KeySigner::Here(Arc::clone(key)),
        (Holder::Agent, Some(agent)) => KeySigner::Agent(agent),
        (Holder::Agent, None) => return Err("no agent".to_owned()),
    };
    let user = &config.user;
    if let Some(certificate) = &candidate.certificate {
        handle
            .authenticate_certificate_with(user, certificate.clone(), hash, &mut signer)
            .await
    } else {
        let key = PublicKey::from(candidate.key.clone());
        handle.authenticate_publickey_with(user, key, hash, &mut signer).await
    }
    .map_err(|error| CleanText::new(&error.to_string()).to_string())
}

/// The hash for RSA signatures: SHA-512 or SHA-256 as the server says, SHA-512 when it says
/// nothing; `None` when it takes only SHA-1.
async fn rsa_hash(handle: &Handle<Client>) -> Result<Option<HashAlg>, RemoteError> {
    match handle.best_supported_rsa_hash().await {
        Ok(Some(best)) => Ok(best),
        Ok(None) => Ok(Some(HashAlg::Sha512)),
        Err(error) => Err(lost(&error)),
    }
}

fn lost(error: &russh::Error) -> RemoteError {
    RemoteError::Lost(describe(error))
}

/// What is known about a refusal so far.
#[derive(Default)]
struct Refusal {
    methods: Option<MethodSet>,
    partial: bool,
    tried: Vec<String>,
}

impl Refusal {
    /// Takes an answer; whether it was a success.
    fn note(&mut self, result: &AuthResult) -> bool {
        match result {
            AuthResult::Success => true,
            AuthResult::Failure {
                remaining_methods,
                partial_success,
            } => {
                if !remaining_methods.is_empty() {
                    self.methods = Some(remaining_methods.clone());
                }
                self.partial |= partial_success;
                false
            }
        }
    }

    fn public_key_helps(&self) -> bool {
        self.methods
            .as_ref()
            .is_none_or(|methods| methods.contains(&MethodKind::PublicKey))
    }

    fn into_error(self, shared: &Shared, user: &str, notes: &[String]) -> RemoteError {
        if self.methods.is_none()
            && let Some(why) = shared.lost()
            && !why.contains("authentication")
            && !why.contains("Authentication")
        {
            return RemoteError::Lost(why.to_string());
        }
        let methods = self.methods.as_ref().map_or_else(String::new, |methods| {
            let words: Vec<&str> = methods.iter().map(<&str>::from).collect();
            format!("; it would take {}", words.join(", "))
        });
        let mut text = format!("user {user}{methods}");
        if self.partial {
            text.push_str("; a key was accepted, but it asks for more than a key");
        }
        if self.tried.is_empty() {
            text.push_str("; no key to offer");
        } else {
            text.push_str("; tried ");
            text.push_str(&self.tried.join(", "));
        }
        for note in notes {
            text.push_str("; ");
            text.push_str(note);
        }
        if let Some(why) = shared.lost() {
            text.push_str("; ");
            text.push_str(why.as_str());
        }
        let banner = shared.banner();
        if !banner.is_empty() {
            text.push_str("; it says: ");
            text.extend(banner.as_str().chars().take(200));
        }
        RemoteError::Auth(text)
    }
}

/// Signs with the agent or with a key in memory.
enum KeySigner<'a> {
    Agent(&'a mut AgentClient<UnixStream>),
    Here(Arc<PrivateKey>),
}

/// Why a signature could not be made.
#[derive(Debug, thiserror::Error)]
enum SignError {
    #[error("the connection closed")]
    Send(#[from] SendError),
    #[error("the agent did not sign: {0}")]
    Agent(#[from] AgentAuthError),
    #[error("cannot sign: {0}")]
    Key(#[from] ssh_key::Error),
}

impl Signer for KeySigner<'_> {
    type Error = SignError;

    async fn auth_sign(
        &mut self,
        key: &AgentIdentity,
        hash: Option<HashAlg>,
        mut to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, SignError> {
        match self {
            Self::Agent(agent) => Ok(agent.auth_sign(key, hash, to_sign).await?),
            Self::Here(private) => {
                let signature: ssh_key::Signature = match private.key_data() {
                    KeypairData::Rsa(pair) => (pair, hash).try_sign(&to_sign),
                    other => other.try_sign(&to_sign),
                }
                .map_err(ssh_key::Error::from)?;
                // The signature follows what was signed, as a string.
                let blob = signature.encode_vec().map_err(ssh_key::Error::from)?;
                blob.encode(&mut to_sign).map_err(ssh_key::Error::from)?;
                Ok(to_sign)
            }
        }
    }
}
