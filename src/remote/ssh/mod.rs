//! SSH over russh: dialling, host keys, login, jump hosts, sessions.
//!
//! Everything russh leaves open is closed here: each step has a deadline, a connection's stream can
//! be cut for certain, channels close when dropped, an unread channel cannot hold up the others,
//! and whatever a server tries to open is rejected.

mod agent;
mod auth;
mod connection;
mod dial;
mod guard;
mod handler;
mod host_key;
mod jump;
mod keys;
mod options;
mod session;
mod sink;
mod steps;
mod tunnel;

pub use dial::TcpDial;
pub use options::{Clock, HostKeyPolicy, Identity, SshOptions, system_clock};

use super::{
    Boxed, Remote, RemoteError, Session, Stream,
    known_hosts::KnownHosts,
    log::Level,
    ssh_config::{ConfigSource, HostConfig},
};
use crate::{
    facts::CleanText,
    fleet::{Host, HostName},
};
use auth::Candidates;
use connection::Connection;
use host_key::HostKeyCheck;
use jump::{JumpHosts, Route, through};
use keys::{KeyFile, Keyring};
use session::SshSession;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use steps::Steps;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tunnel::{Lease, ProxyProcess, Tunnel};
use zeroize::Zeroizing;

/// Handshakes at one time, over all hosts.
const HANDSHAKES: usize = 64;
/// A handshake that takes longer is waiting for the other side, not working: it gives its place
/// back, so that slow hosts never hold up the others.
const WORKING: Duration = Duration::from_secs(1);

/// Hosts over SSH. Cloning gives another handle to the same connections, keys and caches.
#[derive(Clone)]
pub struct SshRemote(Arc<Inner>);

struct Inner {
    options: SshOptions,
    known_hosts: Arc<KnownHosts>,
    configs: ConfigSource,
    keyring: Arc<Keyring>,
    jumps: JumpHosts,
    handshakes: Arc<Semaphore>,
}

impl SshRemote {
    /// A way to hosts; nothing is read or connected yet.
    #[must_use]
    pub fn new(options: SshOptions) -> Self {
        Self(Arc::new(Inner {
            known_hosts: Arc::new(KnownHosts::new(options.known_hosts.clone(), options.log.clone())),
            configs: ConfigSource::new(options.config.clone()),
            keyring: Arc::default(),
            jumps: JumpHosts::default(),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES)),
            options,
        }))
    }

    /// Unlocks encrypted key files that the agent does not hold: `prompt` is called for each, up to
    /// three times, and leaves it locked with `None`. To be called once, before the first frame; it
    /// reads files and blocks. In batch mode nothing is asked: a locked key that is needed is then
    /// part of the host's error.
    pub fn unlock(&self, prompt: &mut dyn FnMut(&Path) -> Option<Zeroizing<String>>) {
        let inner = &self.0;
        if inner.options.batch {
            return;
        }
        let given = inner.options.identities.iter().filter_map(|identity| match identity {
            Identity::File(path) => Some(path.clone()),
            Identity::Key(..) => None,
        });
        let mut paths: Vec<PathBuf> = given.collect();
        paths.extend(inner.configs.identity_files());
        let mut held: Option<Vec<agent::AgentKey>> = None;
        for path in paths {
            let KeyFile::Locked(public) = inner.keyring.load(&path) else {
                continue;
            };
            let held = held.get_or_insert_with(|| {
                let sockets = inner.configs.agents().into_iter().filter_map(|agent| agent.socket());
                sockets
                    .filter_map(|socket| agent::keys_blocking(&socket).ok())
                    .flatten()
                    .collect()
            });
            let public = public.or_else(|| keys::public_half(&path));
            if public.is_some_and(|public| held.iter().any(|key| key.key == public)) {
                continue;
            }
            if let Err(why) = inner.keyring.unlock(&path, prompt) {
                inner
                    .options
                    .log
                    .note((inner.options.clock)(), Level::Warning, None, why);
            }
        }
    }
}

impl Remote for SshRemote {
    fn connect<'a>(
        &'a self,
        host: &'a Host,
        step: &'a (dyn Fn(&'static str) + Send + Sync),
    ) -> Boxed<'a, Result<Arc<dyn Session>, RemoteError>> {
        Box::pin(async move {
            let inner = &self.0;
            let permit = place(&inner.handshakes).await?;
            let steps = Steps::new(step);
            let deadline = host.poll.connect_deadline;
            let work = working(permit, inner.reach(host, &steps, deadline));
            let connection = timeout(deadline, work).await.unwrap_or_else(|_| {
                Err(RemoteError::Timeout {
                    step: steps.current(),
                    after: deadline,
                })
            })?;
            Ok(Arc::new(SshSession {
                connection,
                host: host.name.clone(),
                log: inner.options.log.clone(),
                clock: Arc::clone(&inner.options.clock),
            }) as Arc<dyn Session>)
        })
    }
}

impl Inner {
    async fn reach(&self, host: &Host, steps: &Steps<'_>, deadline: Duration) -> Result<Arc<Connection>, RemoteError> {
        steps.begin("resolve");
        let route = Route::find(
            &self.configs,
            &host.address,
            host.user.as_deref(),
            host.port,
            host.jump.as_deref(),
        )
        .await?;
        let way = Way {
            route: &route,
            host: &host.name,
            deadline,
        };
        self.hop(&way, route.hops.len() - 1, steps).await
    }

    /// Connects to one hop of a way: a stream through the hops before it, then the handshake.
    fn hop<'a>(
        &'a self,
        way: &'a Way<'a>,
        at: usize,
        steps: &'a Steps<'a>,
    ) -> Boxed<'a, Result<Arc<Connection>, RemoteError>> {
        Box::pin(async move {
            let config = &way.route.hops[at];
            let check = HostKeyCheck::prepare(
                &self.known_hosts,
                config,
                self.options.host_key_policy,
                &self.options.clock,
                &self.options.log,
                Some(way.host),
            );
            let check = check.await?;
            if at == 0 {
                let stream = self.first_stream(way, config, steps).await?;
                return self.handshake(stream, config, check, steps).await;
            }
            let jump = &way.route.hops[at - 1].destination();
            let host = self.jumps.get(&way.route.key(at - 1));
            let lease = self.lease(way, at - 1, &host, jump, steps).await?;
            let permit = place(&host.handshakes).await?;
            working(permit, async {
                steps.begin("tcp");
                let tunnel = lease.connection().open_tunnel(&config.hostname, config.port).await;
                let channel = tunnel.map_err(|error| through(jump, error))?;
                let stream = Box::new(Tunnel::new(channel, lease));
                Box::pin(self.handshake(stream, config, check, steps)).await
            })
            .await
        })
    }

    async fn first_stream(
        &self,
        way: &Way<'_>,
        config: &HostConfig,
        steps: &Steps<'_>,
    ) -> Result<Box<dyn Stream>, RemoteError> {
        if let Some(command) = &way.route.command {
            steps.begin("tcp");
            let process = ProxyProcess::start(command, way.host, &self.options.log, &self.options.clock)?;
            return Ok(Box::new(process));
        }
        let name = |step| steps.begin(step);
        let dial = self
            .options
            .dial
            .dial_step(&config.hostname, config.port, config.family, &name);
        match config.connect_timeout {
            Some(after) => timeout(after, dial)
                .await
                .unwrap_or(Err(RemoteError::Timeout { step: "tcp", after })),
            None => dial.await,
        }
    }

    /// A place on a connection to a jump host, which is made when there is none.
    async fn lease(
        &self,
        way: &Way<'_>,
        at: usize,
        host: &jump::JumpHost,
        name: &str,
        steps: &Steps<'_>,
    ) -> Result<Lease, RemoteError> {
        let steps = steps.via(name.to_owned());
        // A little less than the target has, so that the jump host is the one that is blamed.
        let budget = way.deadline.mul_f64(0.8);
        let work = async {
            let mut state = host.state.lock().await;
            if let Some(lease) = state.find()? {
                return Ok(lease);
            }
            let begun = timeout(budget, self.hop(way, at, &steps)).await;
            let made = begun.unwrap_or_else(|_| {
                Err(RemoteError::Timeout {
                    step: steps.current(),
                    after: budget,
                })
            });
            state.note(made.as_ref());
            Lease::take(&made?, jump::TARGETS)
                .ok_or_else(|| RemoteError::Lost("no place on a new connection".to_owned()))
        };
        timeout(budget, work)
            .await
            .unwrap_or_else(|_| {
                Err(RemoteError::Timeout {
                    step: "jump host",
                    after: budget,
                })
            })
            .map_err(|error| through(name, error))
    }

    async fn handshake(
        &self,
        stream: Box<dyn Stream>,
        config: &HostConfig,
        check: HostKeyCheck,
        steps: &Steps<'_>,
    ) -> Result<Arc<Connection>, RemoteError> {
        let options = &self.options;
        let candidates = Candidates::collect(config, &options.identities, &self.keyring, options.batch);
        Connection::establish(stream, config, check, candidates, options.rekey, steps).await
    }
}

/// The way to one host, for whom it is, and how long it may take.
struct Way<'a> {
    route: &'a Route,
    host: &'a HostName,
    deadline: Duration,
}

async fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, RemoteError> {
    Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(|_| RemoteError::Lost("shutting down".to_owned()))
}

/// Does work in a place, and gives the place back once the work takes longer than [`WORKING`].
async fn working<T>(permit: OwnedSemaphorePermit, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return done,
        () = sleep(WORKING) => {}
    }
    drop(permit);
    work.await
}

/// An error of russh in words for people; nothing a host sent gets through uncleaned.
fn describe(error: &russh::Error) -> String {
    let words = match error {
        russh::Error::Version => "what answers is not SSH",
        russh::Error::Disconnect | russh::Error::HUP => "the host closed the connection",
        russh::Error::KeepaliveTimeout => "no answer to keepalives for 15 s",
        russh::Error::InactivityTimeout => "nothing came for 45 s",
        russh::Error::Kex | russh::Error::KexInit => "the key exchange failed",
        russh::Error::PacketSize(_) => "a packet of an impossible length came",
        russh::Error::NoAuthMethod => "no authentication method is left",
        other => return CleanText::new(&other.to_string()).to_string(),
    };
    words.to_owned()
}
