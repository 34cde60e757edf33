//! The client side of one connection, as russh's task sees it: the host key, and where the output
//! of each channel goes. Whatever the server tries to open is rejected.

use super::{
    host_key::HostKeyCheck,
    sink::{Piece, Sink},
};
use crate::{facts::CleanText, remote::RemoteError};
use russh::{
    Channel, ChannelId, ChannelOpenFailure, Disconnect, Error, Sig,
    client::{ChannelOpenHandle, DisconnectReason, Handler, Msg, Session},
    keys::PublicKeyOrCertificate,
};
use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// A reader that takes nothing for so long loses its channel: until then the whole connection waits.
const STALL: Duration = Duration::from_secs(2);
/// A channel that was asked for is claimed at once, unless the one who asked has given up.
const CLAIM: Duration = Duration::from_secs(1);

/// What the connection's task and its users share.
#[derive(Debug, Default)]
pub struct Shared(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// The few channels of a connection; those of a jump host are at most [`super::jump::TARGETS`].
    sinks: Vec<Slot>,
    fault: Option<RemoteError>,
    lost: Option<CleanText>,
    server: CleanText,
    host_key: CleanText,
    banner: CleanText,
    rejected: u32,
}

/// The sink of one channel.
#[derive(Debug)]
struct Slot {
    id: ChannelId,
    sink: Arc<Sink>,
    /// Since when it waits for the one who asked for the channel.
    unclaimed: Option<Instant>,
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the sink of a channel that was just opened: data may follow at once.
    fn confirm(&self, id: ChannelId) {
        let mut inner = self.inner();
        if !inner.sinks.iter().any(|slot| slot.id == id) {
            inner.sinks.push(Slot {
                id,
                sink: Arc::new(Sink::queue()),
                unclaimed: Some(Instant::now()),
            });
        }
    }

    /// Hands the sink of a new channel to the one who asked for it, who may be quicker than
    /// [`Shared::confirm`].
    pub fn claim(&self, id: ChannelId) -> Arc<Sink> {
        let mut inner = self.inner();
        if let Some(slot) = inner.sinks.iter_mut().find(|slot| slot.id == id) {
            slot.unclaimed = None;
            return Arc::clone(&slot.sink);
        }
        let sink = Arc::new(Sink::queue());
        if let Some(why) = &inner.lost {
            sink.end(Some(why.clone()));
        } else {
            let slot = Slot {
                id,
                sink: Arc::clone(&sink),
                unclaimed: None,
            };
            inner.sinks.push(slot);
        }
        sink
    }

    /// Channels that nobody claimed: whoever asked for them has given up meanwhile.
    fn orphans(&self) -> Vec<ChannelId> {
        let mut inner = self.inner();
        let orphan = |slot: &Slot| slot.unclaimed.is_some_and(|since| since.elapsed() > CLAIM);
        let found = inner
            .sinks
            .iter()
            .filter(|slot| orphan(slot))
            .map(|slot| slot.id)
            .collect();
        inner.sinks.retain(|slot| !orphan(slot));
        found
    }

    /// Forgets a channel: what still comes for it is dropped.
    pub fn detach(&self, id: ChannelId) {
        self.inner().sinks.retain(|slot| slot.id != id);
    }

    fn sink(&self, id: ChannelId) -> Option<Arc<Sink>> {
        let inner = self.inner();
        inner
            .sinks
            .iter()
            .find(|slot| slot.id == id)
            .map(|slot| Arc::clone(&slot.sink))
    }

    /// The exact reason of a failed handshake, if it is one of ours.
    pub fn take_fault(&self) -> Option<RemoteError> {
        self.inner().fault.take()
    }

    /// Why the connection ended, as far as the other side or the protocol told.
    pub fn lost(&self) -> Option<CleanText> {
        self.inner().lost.clone()
    }

    /// What the server showed before login.
    pub fn banner(&self) -> CleanText {
        self.inner().banner.clone()
    }

    /// Server version, host key, and what had to be rejected.
    pub fn about(&self) -> CleanText {
        let inner = self.inner();
        let mut text = format!("{}, host key {}", inner.server, inner.host_key);
        if inner.rejected > 0 {
            text.push_str(", tried to open channels (rejected)");
        }
        CleanText::from(text)
    }

    fn count_rejected(&self) {
        let mut inner = self.inner();
        inner.rejected = inner.rejected.saturating_add(1);
    }

    fn set_lost(&self, why: CleanText) {
        self.inner().lost.get_or_insert(why);
    }
}

/// The handler; dropped with the connection's task, whatever ended it.
pub struct Client {
    shared: Arc<Shared>,
    check: HostKeyCheck,
}

impl Client {
    /// A handler that checks the host key with `check`.
    pub fn new(shared: Arc<Shared>, check: HostKeyCheck) -> Self {
        Self { shared, check }
    }

    async fn data(&self, channel: ChannelId, piece: Piece, session: &mut Session) -> Result<(), Error> {
        let Some(sink) = self.shared.sink(channel) else {
            return Ok(());
        };
        if timeout(STALL, poll_fn(|cx| sink.poll_room(cx))).await.is_err() {
            sink.end(Some(CleanText::new(
                "flooding: more output than was read; the channel was closed",
            )));
            return session.close(channel);
        }
        sink.put(piece);
        Ok(())
    }

    fn close_orphans(&self, session: &mut Session) -> Result<(), Error> {
        self.shared.orphans().into_iter().try_for_each(|id| session.close(id))
    }

    fn with(&self, channel: ChannelId, act: impl FnOnce(&Sink)) {
        if let Some(sink) = self.shared.sink(channel) {
            act(&sink);
        }
    }

    async fn reject(&self, reply: ChannelOpenHandle) -> Result<(), Error> {
        self.shared.count_rejected();
        reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
        Ok(())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let mut inner = self.shared.inner();
        let why = if inner.server.is_empty() {
            "the host closed the connection during the key exchange (too many logins at once, or barred?)"
        } else {
            "the host closed the connection without a reason"
        };
        let why = inner.lost.get_or_insert_with(|| CleanText::new(why)).clone();
        let sinks = std::mem::take(&mut inner.sinks);
        drop(inner);
        for slot in sinks {
            slot.sink.end(Some(why.clone()));
        }
    }
}

impl Handler for Client {
    type Error = Error;

    async fn auth_banner(&mut self, banner: &str, _: &mut Session) -> Result<(), Error> {
        let mut inner = self.shared.inner();
        if inner.banner.is_empty() {
            inner.banner = CleanText::new(banner);
        }
        Ok(())
    }

    async fn check_server_key(&mut self, presented: &PublicKeyOrCertificate) -> Result<bool, Error> {
        match self.check.check(presented).await {
            Ok(host_key) => {
                self.shared.inner().host_key = host_key;
                Ok(true)
            }
            Err(fault) => {
                self.shared.inner().fault = Some(fault);
                Ok(false)
            }
        }
    }

    async fn kex_done(&mut self, _: Option<&[u8]>, _: &russh::Names, session: &mut Session) -> Result<(), Error> {
        self.shared.inner().server = CleanText::from_bytes(session.remote_sshid());
        Ok(())
    }

    async fn channel_open_confirmation(
        &mut self,
        channel: ChannelId,
        _: u32,
        _: u32,
        session: &mut Session,
    ) -> Result<(), Error> {
        self.shared.confirm(channel);
        self.close_orphans(session)
    }

    async fn channel_open_failure(
        &mut self,
        _: ChannelId,
        _: ChannelOpenFailure,
        _: &str,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Error> {
        self.close_orphans(session)
    }

    async fn channel_success(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), Error> {
        self.with(channel, |sink| sink.replied(true));
        Ok(())
    }

    async fn channel_failure(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), Error> {
        self.with(channel, |sink| sink.replied(false));
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), Error> {
        self.with(channel, |sink| sink.end(None));
        Ok(())
    }

    async fn channel_eof(&mut self, channel: ChannelId, _: &mut Session) -> Result<(), Error> {
        self.with(channel, |sink| sink.put(Piece::Eof));
        Ok(())
    }

    async fn data(&mut self, channel: ChannelId, data: &[u8], session: &mut Session) -> Result<(), Error> {
        Self::data(self, channel, Piece::Out(data.to_vec()), session).await
    }

    async fn extended_data(
        &mut self,
        channel: ChannelId,
        ext: u32,
        data: &[u8],
        session: &mut Session,
    ) -> Result<(), Error> {
        // Only standard error (1) is defined (RFC 4254, section 5.2).
        if ext == 1 {
            return Self::data(self, channel, Piece::Err(data.to_vec()), session).await;
        }
        Ok(())
    }

    async fn exit_status(&mut self, channel: ChannelId, status: u32, _: &mut Session) -> Result<(), Error> {
        self.with(channel, |sink| {
            sink.put(Piece::Exit(i32::try_from(status).unwrap_or(255)));
        });
        Ok(())
    }

    async fn exit_signal(
        &mut self,
        channel: ChannelId,
        signal: Sig,
        _: bool,
        _: &str,
        _: &str,
        _: &mut Session,
    ) -> Result<(), Error> {
        self.with(channel, |sink| sink.put(Piece::Exit(signal_exit(&signal))));
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Error>) -> Result<(), Error> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                self.shared.set_lost(CleanText::from(format!(
                    "the host disconnected: {} ({})",
                    info.message,
                    disconnect_word(&info.reason_code)
                )));
                Ok(())
            }
            DisconnectReason::Error(error) => {
                self.shared.set_lost(CleanText::from(super::describe(&error)));
                Err(error)
            }
        }
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        self.reject(reply).await
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        self.reject(reply).await
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        self.reject(reply).await
    }

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        self.reject(reply).await
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        self.reject(reply).await
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        self.reject(reply).await
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        self.reject(reply).await
    }

    async fn should_accept_unknown_server_channel(&mut self, _: ChannelId, _: &str) -> bool {
        false
    }

    async fn server_channel_open_unknown(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        self.reject(reply).await
    }
}

/// 128 + the signal's number, as shells count (POSIX numbers, and Linux's for SIGUSR1).
fn signal_exit(signal: &Sig) -> i32 {
    128 + match signal {
        Sig::HUP => 1,
        Sig::INT => 2,
        Sig::QUIT => 3,
        Sig::ILL => 4,
        Sig::ABRT => 6,
        Sig::FPE => 8,
        Sig::KILL => 9,
        Sig::USR1 => 10,
        Sig::SEGV => 11,
        Sig::PIPE => 13,
        Sig::ALRM => 14,
        Sig::TERM => 15,
        Sig::Custom(_) => return 255,
    }
}

/// The reason codes of RFC 4253, section 11.1, in words.
fn disconnect_word(reason: &Disconnect) -> &'static str {
    match reason {
        Disconnect::HostNotAllowedToConnect => "host not allowed to connect",
        Disconnect::ProtocolError => "protocol error",
        Disconnect::KeyExchangeFailed => "key exchange failed",
        Disconnect::Reserved => "reserved",
        Disconnect::MACError => "MAC error",
        Disconnect::CompressionError => "compression error",
        Disconnect::ServiceNotAvailable => "service not available",
        Disconnect::ProtocolVersionNotSupported => "protocol version not supported",
        Disconnect::HostKeyNotVerifiable => "host key not verifiable",
        Disconnect::ConnectionLost => "connection lost",
        Disconnect::ByApplication => "by application",
        Disconnect::TooManyConnections => "too many connections",
        Disconnect::AuthCancelledByUser => "authentication cancelled",
        Disconnect::NoMoreAuthMethodsAvailable => "no more authentication methods",
        Disconnect::IllegalUserName => "illegal user name",
    }
}
