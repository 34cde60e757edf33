//! A real SSH server for each simulated host, reached through in-process pipes.

use super::{
    act, exec,
    gate::{Gate, Gated, Signal},
    hostile::Hostile,
    keys,
    lane::{Lane, Said},
    node::Power,
    watch,
    world::{Door, Place, World},
};
use crate::{
    remote::{Boxed, Dial, RemoteError, Stream},
    runbook::target,
};
use russh::{
    Channel, ChannelId, MethodKind, MethodSet, SshId,
    keys::PublicKey,
    server::{self, Auth, ChannelOpenHandle, Handle, Msg, PublicKeyOffer, Session, VerifiedPublicKey},
};
use std::{borrow::Cow, collections::HashMap, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    task::JoinSet,
};

/// Bytes that a pipe holds, as a socket's buffer does.
const PIPE: usize = 64 * 1024;
/// What the servers call themselves.
const SERVER: &str = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3";
/// How long a dialler waits for a host without power, as ARP does; or for one that it is cut off from.
const NO_ROUTE: Duration = Duration::from_secs(3);
/// Longest script of a step, bytes; of a longer one the rest is not read, so it is never whole.
const SCRIPT_LIMIT: usize = 256 * 1024;

/// Hands out pipes to simulated hosts.
#[derive(Debug, Clone)]
pub(super) struct Dialler {
    pub world: Arc<World>,
    pub seed: u64,
    pub client: Arc<PublicKey>,
    /// Where the servers run; not necessarily where the dialler does.
    pub runtime: tokio::runtime::Handle,
}

impl Dial for Dialler {
    fn dial<'a>(&'a self, address: &'a str, port: u16) -> Boxed<'a, Result<Box<dyn Stream>, RemoteError>> {
        Box::pin(async move {
            let Some(place) = self.world.place(address) else {
                return Err(RemoteError::Resolve {
                    name: address.to_owned(),
                    why: "Name or service not known".to_owned(),
                });
            };
            let door = self.world.door(place);
            if door.power == Power::Off || door.cut {
                tokio::time::sleep(NO_ROUTE).await;
                return Err(RemoteError::Connect {
                    address: format!("{address}:{port}"),
                    why: "No route to host".to_owned(),
                });
            }
            let (near, far) = tokio::io::duplex(PIPE);
            let stream = Gated::new(far, Arc::clone(&door.gate));
            match door.hostile {
                Some(Hostile::BannerOnly | Hostile::BannerDrip | Hostile::KexClose) => {
                    self.runtime.spawn(no_ssh(stream, door.hostile));
                }
                _ => self.serve(place, &door, stream),
            }
            Ok(Box::new(near) as Box<dyn Stream>)
        })
    }
}

impl Dialler {
    /// Starts the server's end of one connection.
    fn serve(&self, place: Place, door: &Door, stream: Gated) {
        let key = if door.hostile == Some(Hostile::ChangedKey) {
            keys::changed(self.seed, &door.name)
        } else {
            keys::host(self.seed, &door.name)
        };
        let config = server::Config {
            server_id: SshId::Standard(Cow::Borrowed(SERVER)),
            methods: MethodSet::from(&[MethodKind::PublicKey][..]),
            auth_rejection_time: Duration::ZERO,
            auth_rejection_time_initial: Some(Duration::ZERO),
            inactivity_timeout: None,
            keys: vec![key],
            window_size: 256 * 1024,
            channel_buffer_size: 4,
            event_buffer_size: 4,
            ..server::Config::default()
        };
        let handler = Host {
            world: Arc::clone(&self.world),
            place,
            client: Arc::clone(&self.client),
            own_gate: stream.own_gate(),
            channels: HashMap::new(),
        };
        self.runtime.spawn(async move {
            // A client that goes away in the middle of a handshake is no error of ours.
            if let Ok(running) = server::run_stream(Arc::new(config), stream, handler).await {
                let _ = running.await;
            }
        });
    }
}

/// Servers that never get as far as SSH. Each ends when its client has gone.
async fn no_ssh(mut stream: Gated, hostile: Option<Hostile>) {
    let mut bytes = [0_u8; 1024];
    if hostile == Some(Hostile::BannerDrip) {
        for byte in b"Welcome to this host.\r\n".iter().cycle() {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    if stream.write_all(format!("{SERVER}\r\n").as_bytes()).await.is_err() {
        return;
    }
    let mut heard = 0;
    while let Ok(count @ 1..) = stream.read(&mut bytes).await {
        heard += count;
        // The client's identification and the beginning of its key exchange.
        if hostile == Some(Hostile::KexClose) && heard > 100 {
            return;
        }
    }
}

/// What runs in a channel.
enum Job {
    /// Nothing yet.
    Idle,
    /// The remote half.
    Lane(Box<Lane>),
    /// The remote half, its answers sent byte by byte.
    Drip(Box<Lane>, mpsc::Sender<Vec<u8>>),
    /// Steps of a runbook: what has come of the next block.
    Step(Vec<u8>),
    /// The loop that asks mounts for a run: its script, until standard input ends.
    Watch(Vec<u8>),
    /// That loop; it ends with its channel.
    Watching { _loop: JoinSet<()> },
    /// A command that is over, or one that hears nothing.
    Deaf,
}

/// The server's end of one connection.
struct Host {
    world: Arc<World>,
    place: Place,
    client: Arc<PublicKey>,
    own_gate: Arc<Gate>,
    channels: HashMap<ChannelId, Job>,
}

impl Host {
    fn hostile(&self) -> Option<Hostile> {
        self.world.door(self.place).hostile
    }

    fn judge(&self, key: &PublicKey) -> Auth {
        if self.hostile() != Some(Hostile::AuthDenied) && key.key_data() == self.client.key_data() {
            Auth::Accept
        } else {
            Auth::reject()
        }
    }
}

impl server::Handler for Host {
    type Error = russh::Error;

    async fn auth_publickey_offered(&mut self, _: &str, offer: PublicKeyOffer<'_>) -> Result<Auth, Self::Error> {
        Ok(self.judge(offer.public_key))
    }

    async fn auth_publickey(&mut self, _: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        Ok(self.judge(key.public_key))
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.hostile() == Some(Hostile::OneSession) && !self.channels.is_empty() {
            // A reply that is dropped is a refusal.
            return Ok(());
        }
        self.channels.insert(channel.id(), Job::Idle);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, command: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        let hostile = self.hostile();
        if hostile == Some(Hostile::ExecRefused) {
            return session.channel_failure(id);
        }
        session.channel_success(id)?;
        let command = String::from_utf8_lossy(command);
        let shell = self.world.at(self.place, |island, at| island.nodes[at].shell);
        let job = match hostile {
            Some(Hostile::EndlessOutput) => {
                tokio::spawn(flood(session.handle(), id));
                Job::Deaf
            }
            Some(Hostile::HalfOpen) => {
                self.own_gate.set(Signal::Deaf);
                Job::Deaf
            }
            _ if shell && starts_remote_half(&command) => {
                let lane = Box::new(Lane::new(self.place));
                if hostile == Some(Hostile::SlowDrip) {
                    let (sender, receiver) = mpsc::channel(4);
                    tokio::spawn(drip(session.handle(), id, receiver));
                    Job::Drip(lane, sender)
                } else {
                    Job::Lane(lane)
                }
            }
            _ if shell && command == target::COMMAND => Job::Step(Vec::new()),
            _ if shell && command == watch::COMMAND => Job::Watch(Vec::new()),
            _ => {
                self.command(id, &command, hostile, session)?;
                Job::Deaf
            }
        };
        self.channels.insert(id, job);
        Ok(())
    }

    async fn data(&mut self, id: ChannelId, bytes: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        let hostile = self.hostile();
        match self.channels.get_mut(&id) {
            Some(Job::Lane(lane)) => {
                let Said { out, err } = lane.feed(&self.world, bytes, hostile);
                let ends = hostile == Some(Hostile::NoExitStatus) && !out.is_empty();
                if !out.is_empty() {
                    session.data(id, out)?;
                }
                if !err.is_empty() {
                    session.extended_data(id, 1, err)?;
                }
                if ends {
                    session.eof(id)?;
                    session.close(id)?;
                }
            }
            Some(Job::Watch(script)) => {
                let room = SCRIPT_LIMIT.saturating_sub(script.len());
                script.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Some(Job::Step(script)) => {
                let room = SCRIPT_LIMIT.saturating_sub(script.len());
                script.extend_from_slice(&bytes[..bytes.len().min(room)]);
                // Whoever sends a block waits for its answer before the next one.
                if script.ends_with(target::BLOCK_END.as_bytes()) {
                    let block = std::mem::take(script);
                    let mut answer = self.world.at(self.place, |island, at| {
                        act::call(island, at, &String::from_utf8_lossy(&block))
                    });
                    answer.extend_from_slice(target::OVER.as_bytes());
                    session.data(id, answer)?;
                }
            }
            Some(Job::Drip(lane, sender)) => {
                let said = lane.feed(&self.world, bytes, hostile);
                if !said.out.is_empty() {
                    // When the queue is full the answer is lost, which suits this kind of host.
                    let _ = sender.try_send(said.out);
                }
            }
            _ => {}
        }
        Ok(())
    }

    async fn channel_eof(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        match self.channels.insert(id, Job::Deaf) {
            Some(Job::Lane(_) | Job::Step(_)) => {}
            Some(Job::Watch(script)) => {
                let mounts = watch::mounts(&String::from_utf8_lossy(&script));
                let mut beats = JoinSet::new();
                for (number, at) in mounts {
                    let (world, handle) = (Arc::clone(&self.world), session.handle());
                    beats.spawn(watch::beat(world, self.place, number, at, handle, id));
                }
                self.channels.insert(id, Job::Watching { _loop: beats });
                return Ok(());
            }
            _ => return Ok(()),
        }
        session.exit_status_request(id, 0)?;
        session.eof(id)?;
        session.close(id)
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        self.channels.remove(&id);
        Ok(())
    }
}

impl Host {
    /// Runs a single command and closes its channel.
    fn command(
        &self,
        id: ChannelId,
        command: &str,
        hostile: Option<Hostile>,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let mut answer = self.world.at(self.place, |island, at| exec::run(island, at, command));
        if hostile == Some(Hostile::EscapeSequences) {
            answer.stdout.insert_str(0, "\x1b]0;owned\x07\x1b[2J");
        }
        if !answer.stdout.is_empty() {
            session.data(id, answer.stdout.into_bytes())?;
        }
        if !answer.stderr.is_empty() {
            session.extended_data(id, 1, answer.stderr.into_bytes())?;
        }
        if hostile != Some(Hostile::NoExitStatus) {
            session.exit_status_request(id, u32::try_from(answer.exit).unwrap_or(255))?;
        }
        session.eof(id)?;
        session.close(id)
    }
}

/// Whether a command starts the remote half: a shell in a clean environment that reads its program from
/// standard input, by itself (`sh -s`) or line by line until `#end`.
fn starts_remote_half(command: &str) -> bool {
    command.starts_with("exec env -i ") && (command.contains("sh -s") || command.contains("\"#end\""))
}

/// Floods a channel until its client has gone.
async fn flood(handle: Handle, id: ChannelId) {
    let block = "y\n".repeat(4096).into_bytes();
    while handle.data(id, block.clone()).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

/// Sends answers byte by byte until the client has gone.
async fn drip(handle: Handle, id: ChannelId, mut answers: mpsc::Receiver<Vec<u8>>) {
    while let Some(answer) = answers.recv().await {
        for byte in answer {
            if handle.data(id, vec![byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
