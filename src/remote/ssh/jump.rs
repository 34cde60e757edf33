//! Jump hosts: the way to each host, and the connections that hosts behind one jump host share.

use super::{connection::Connection, tunnel::Lease};
use crate::remote::{
    RemoteError,
    ssh_config::{ConfigSource, HostConfig, Proxy, Tokens},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// Targets that share one connection to a jump host: each byte passes its one task.
pub const TARGETS: usize = 64;
/// Handshakes in flight through one jump host.
pub const HANDSHAKES: usize = 8;
/// A jump host that failed is not tried again for its other targets within this time.
const FAILED: Duration = Duration::from_secs(3);
/// Jump hosts on one way.
const DEPTH: usize = 8;

/// The way to a host: every hop, the host itself last.
pub struct Route {
    /// A command that gives the stream to the first hop, tokens expanded.
    pub command: Option<String>,
    /// The hops.
    pub hops: Vec<HostConfig>,
}

impl Route {
    /// Finds the way. `jump` is the inventory's chain; `None` leaves it to `ssh_config`.
    ///
    /// # Errors
    /// [`RemoteError::Config`] for a chain that cannot be read or has no end.
    pub async fn find(
        configs: &ConfigSource,
        address: &str,
        user: Option<&str>,
        port: Option<u16>,
        jump: Option<&[String]>,
    ) -> Result<Self, RemoteError> {
        let target = configs.resolve(address, user, port).await?;
        let mut hops = vec![target];
        let mut chain: Option<Vec<String>> = jump.map(<[String]>::to_vec);
        // Built from the far end: the nearest jump host may have a way of its own.
        loop {
            if hops.len() > DEPTH {
                return Err(RemoteError::Config(format!(
                    "more than {DEPTH} jump hosts on the way to {address}"
                )));
            }
            let Some(first) = hops.first() else { continue };
            let proxy = chain.take().map_or_else(|| first.proxy.clone(), Proxy::Jump);
            let list = match proxy {
                Proxy::None => return Ok(Self::direct(hops)),
                Proxy::Jump(list) if list.is_empty() => return Ok(Self::direct(hops)),
                Proxy::Jump(list) => list,
                Proxy::Command(command) => {
                    let command = expand(&command, first)?;
                    return Ok(Self {
                        command: Some(command),
                        hops,
                    });
                }
            };
            let mut before = Vec::new();
            for hop in &list {
                let (user, host, port) = parse_hop(hop)?;
                before.push(configs.resolve(host, user, port).await?);
            }
            // `ProxyJump gate` under `Host *` holds for gate itself too: OpenSSH goes there directly.
            if list.len() == 1
                && before
                    .first()
                    .is_some_and(|hop| hop.hostname == first.hostname && hop.port == first.port)
            {
                return Ok(Self::direct(hops));
            }
            before.append(&mut hops);
            hops = before;
        }
    }

    fn direct(hops: Vec<HostConfig>) -> Self {
        Self { command: None, hops }
    }

    /// What names the connection to a hop: the hop, and the way to it.
    pub fn key(&self, hop: usize) -> String {
        let way: Vec<String> = self.hops[..=hop].iter().map(HostConfig::destination).collect();
        format!("{} {}", self.command.as_deref().unwrap_or_default(), way.join(" "))
    }
}

/// A `ProxyCommand` with its tokens replaced. A name that a shell could misread is refused: it would
/// become part of a command.
fn expand(command: &str, config: &HostConfig) -> Result<String, RemoteError> {
    for word in [&config.hostname, &config.user, &config.original] {
        let plain = |c: char| c.is_alphanumeric() || "-._:@%+[]/".contains(c);
        if word.starts_with('-') || !word.chars().all(plain) {
            return Err(RemoteError::Config(format!(
                "{word:?} must not stand in a ProxyCommand"
            )));
        }
    }
    Tokens::of(config).expand(command).map_err(RemoteError::Config)
}

/// Splits `[user@]host[:port]`; an IPv6 address with a port stands in brackets. `ssh://` is allowed.
fn parse_hop(hop: &str) -> Result<(Option<&str>, &str, Option<u16>), RemoteError> {
    let wrong = || RemoteError::Config(format!("{hop:?} is not a jump host: [user@]host[:port]"));
    let rest = hop.strip_prefix("ssh://").unwrap_or(hop).trim_end_matches('/');
    let (user, rest) = match rest.rsplit_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, rest),
    };
    let (host, port) = if let Some(bracketed) = rest.strip_prefix('[') {
        let (host, after) = bracketed.split_once(']').ok_or_else(wrong)?;
        (host, after.strip_prefix(':'))
    } else if rest.matches(':').count() == 1 {
        rest.split_once(':')
            .map_or((rest, None), |(host, port)| (host, Some(port)))
    } else {
        (rest, None)
    };
    let port = port.map(|port| port.parse().map_err(|_| wrong())).transpose()?;
    if host.is_empty() || user == Some("") {
        return Err(wrong());
    }
    Ok((user, host, port))
}

/// One jump host.
pub struct JumpHost {
    /// Handshakes through it.
    pub handshakes: Arc<Semaphore>,
    /// Held while a connection to it is made, so that many targets make one.
    pub state: tokio::sync::Mutex<JumpState>,
}

/// The connections to one jump host.
#[derive(Default)]
pub struct JumpState {
    connections: Vec<Weak<Connection>>,
    failed: Option<(Instant, RemoteError)>,
}

impl JumpState {
    /// A place on a connection that has one, or how the last attempt failed a moment ago.
    pub fn find(&mut self) -> Result<Option<Lease>, RemoteError> {
        self.connections
            .retain(|connection| connection.upgrade().is_some_and(|connection| !connection.is_closed()));
        let lease = self
            .connections
            .iter()
            .filter_map(Weak::upgrade)
            .find_map(|connection| Lease::take(&connection, TARGETS));
        match &self.failed {
            None => Ok(lease),
            Some(_) if lease.is_some() => Ok(lease),
            Some((at, error)) if at.elapsed() < FAILED => Err(error.clone()),
            Some(_) => Ok(None),
        }
    }

    /// Notes how an attempt ended.
    pub fn note(&mut self, result: Result<&Arc<Connection>, &RemoteError>) {
        match result {
            Ok(connection) => {
                self.connections.push(Arc::downgrade(connection));
                self.failed = None;
            }
            Err(error) => self.failed = Some((Instant::now(), error.clone())),
        }
    }
}

/// Jump hosts by the way to them.
#[derive(Default)]
pub struct JumpHosts(Mutex<HashMap<String, Arc<JumpHost>>>);

impl JumpHosts {
    /// The jump host of that key.
    pub fn get(&self, key: &str) -> Arc<JumpHost> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let host = hosts.entry(key.to_owned()).or_insert_with(|| {
            Arc::new(JumpHost {
                handshakes: Arc::new(Semaphore::new(HANDSHAKES)),
                state: tokio::sync::Mutex::default(),
            })
        });
        Arc::clone(host)
    }
}

/// An error on the way through a jump host, which names it. What only a person can help stays so.
pub fn through(jump: &str, error: RemoteError) -> RemoteError {
    let name = |text: String| format!("jump host {jump}: {text}");
    match error {
        RemoteError::HostKey(text) => RemoteError::HostKey(name(text)),
        RemoteError::Auth(text) => RemoteError::Auth(name(text)),
        RemoteError::Config(text) => RemoteError::Config(name(text)),
        RemoteError::Refused(text) => RemoteError::Refused(name(text)),
        RemoteError::Lost(text) => RemoteError::Lost(name(text)),
        RemoteError::Resolve { name, why } => RemoteError::Resolve {
            name: format!("jump host {name}"),
            why,
        },
        RemoteError::Connect { address, why } => RemoteError::Connect {
            address: format!("jump host {address}"),
            why,
        },
        timeout @ RemoteError::Timeout { .. } => RemoteError::Connect {
            address: format!("jump host {jump}"),
            why: timeout.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_are_read() {
        assert_eq!(parse_hop("gate"), Ok((None, "gate", None)));
        assert_eq!(parse_hop("ops@gate:2222"), Ok((Some("ops"), "gate", Some(2222))));
        assert_eq!(parse_hop("ssh://a@b@gate:1/"), Ok((Some("a@b"), "gate", Some(1))));
        assert_eq!(parse_hop("[fe80::1]:22"), Ok((None, "fe80::1", Some(22))));
        assert_eq!(parse_hop("fe80::1"), Ok((None, "fe80::1", None)));
        for wrong in ["", "@gate", "gate:x", "gate:99999", "[gate", "ops@"] {
            assert!(parse_hop(wrong).is_err(), "{wrong}");
        }
    }
}
