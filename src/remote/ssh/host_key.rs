//! The host key of one connection: what to ask for, and what to make of the one presented.

use super::options::{Clock, HostKeyPolicy};
use crate::{
    facts::CleanText,
    fleet::HostName,
    remote::{
        RemoteError,
        known_hosts::{self, Dossier, HostId, Judgement, KnownHosts, describe, supported},
        log::{Level, LogBook},
        ssh_config::HostConfig,
    },
};
use russh::keys::{Algorithm, PublicKeyOrCertificate};
use std::{path::PathBuf, sync::Arc};

/// All it takes to check the key of one host.
#[derive(Clone)]
pub struct HostKeyCheck {
    pub(super) store: Arc<KnownHosts>,
    pub(super) dossier: Arc<Dossier>,
    pub(super) id: HostId,
    pub(super) files: Vec<PathBuf>,
    pub(super) hash_names: bool,
    pub(super) policy: HostKeyPolicy,
    pub(super) ssh_command: String,
    pub(super) host: Option<HostName>,
    pub(super) clock: Clock,
    pub(super) log: LogBook,
}

impl HostKeyCheck {
    /// Looks up what is known of a host.
    ///
    /// # Errors
    /// [`RemoteError::HostKey`] when a `known_hosts` file cannot be read.
    pub async fn prepare(
        store: &Arc<KnownHosts>,
        config: &HostConfig,
        policy: HostKeyPolicy,
        clock: &Clock,
        log: &LogBook,
        host: Option<&HostName>,
    ) -> Result<Self, RemoteError> {
        let id = HostId {
            host: config.hostname.clone(),
            port: config.port,
            alias: config.host_key_alias.clone(),
        };
        let files = config.known_hosts.clone();
        let now = clock();
        let revoked = config.revoked_host_keys.clone();
        let dossier = if store.in_memory() && revoked.is_none() {
            store.look_up(&id, &files, now)
        } else {
            // Files may be slow, and a hashed file costs a computation a line.
            let (store, id, files) = (Arc::clone(store), id.clone(), files.clone());
            let look_up = move || {
                let mut dossier = store.look_up(&id, &files, now)?;
                if let Some(path) = revoked {
                    dossier.full.revoked.extend(known_hosts::revoked(&path)?);
                }
                Ok(dossier)
            };
            tokio::task::spawn_blocking(look_up)
                .await
                .map_err(|error| RemoteError::Lost(format!("known_hosts: {error}")))?
        };
        Ok(Self {
            store: Arc::clone(store),
            dossier: Arc::new(dossier.map_err(RemoteError::HostKey)?),
            id,
            files,
            hash_names: config.hash_known_hosts,
            policy,
            ssh_command: ssh_command(config),
            host: host.cloned(),
            clock: Arc::clone(clock),
            log: log.clone(),
        })
    }

    /// Key and certificate algorithms to ask for, within `HostKeyAlgorithms`.
    ///
    /// # Errors
    /// [`RemoteError::Config`] when none is left.
    pub fn algorithms(&self, allowed: Option<&[String]>) -> Result<(Vec<Algorithm>, Vec<Algorithm>), RemoteError> {
        let mut keys = self.dossier.algorithms();
        let mut certificates = self.dossier.certificate_algorithms();
        if let Some(allowed) = allowed {
            keys.retain(|algorithm| allowed.iter().any(|word| word == algorithm.as_str()));
            certificates.retain(|algorithm| allowed.contains(&algorithm.to_certificate_type()));
        }
        if keys.is_empty() && certificates.is_empty() {
            return Err(RemoteError::Config(format!(
                "HostKeyAlgorithms leaves no algorithm for {}; accepted here are {}",
                self.dossier.name,
                supported().iter().map(Algorithm::as_str).collect::<Vec<_>>().join(", "),
            )));
        }
        Ok((keys, certificates))
    }

    /// The error for a host that offers none of the algorithms asked for.
    pub fn no_common(&self, offered: &[String]) -> RemoteError {
        RemoteError::HostKey(self.dossier.wrong_type(offered))
    }

    /// Judges what was presented; its description when it is good.
    pub(super) async fn check(&self, presented: &PublicKeyOrCertificate) -> Result<CleanText, RemoteError> {
        let public = presented.public_key();
        let shown = describe(public.key_data());
        let now = (self.clock)();
        match self.dossier.judge(presented, now.0 / 1000) {
            Judgement::Trusted => Ok(CleanText::from(shown)),
            Judgement::Refused(why) => Err(RemoteError::HostKey(why)),
            Judgement::New if self.policy == HostKeyPolicy::Strict => {
                Err(RemoteError::HostKey(self.dossier.unknown(presented, &self.ssh_command)))
            }
            Judgement::New => {
                let (this, key) = (self.clone(), public.key_data().clone());
                let kept = tokio::task::spawn_blocking(move || {
                    this.store.accept(&this.id, &this.files, &key, this.hash_names)
                })
                .await
                .map_err(|error| RemoteError::Lost(format!("known_hosts: {error}")))?
                .map_err(RemoteError::HostKey)?;
                let text = format!(
                    "accepted the new host key of {}: {shown}, kept in {kept}",
                    self.dossier.name
                );
                self.log.note(now, Level::Warning, self.host.as_ref(), text);
                Ok(CleanText::from(shown))
            }
        }
    }
}

/// The command with which a person meets the host once and accepts its key.
fn ssh_command(config: &HostConfig) -> String {
    let port = if config.port == 22 {
        String::new()
    } else {
        format!("-p {} ", config.port)
    };
    let target = format!("{}@{}", config.user, config.original);
    format!("ssh {port}{} true", shlex::try_quote(&target).unwrap_or_default())
}
