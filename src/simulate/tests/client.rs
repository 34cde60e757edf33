//! A plain SSH client with the host key checked, and the poll loop's protocol over it.

use crate::{
    facts::Section,
    remote::{
        Dial,
        frame::{Decoder, Frame},
    },
    simulate::Simulation,
};
use russh::{
    Channel, ChannelMsg,
    client::{self, AuthResult, Handle, Msg},
    keys::{PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate},
};
use std::{sync::Arc, time::Duration};

/// The command that starts the remote half on real hosts.
const START: &str = "exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=\"$HOME\" sh -c \
    'N=${IFS#??}; S=; while IFS= read -r L; do case $L in \"#end\") eval \"$S\"; exit;; esac; S=$S$L$N; done'";

pub const NONCE: &str = "00112233445566778899aabbccddeeff";

pub struct Checker {
    expected: PublicKey,
}

impl client::Handler for Checker {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(matches!(key, PublicKeyOrCertificate::PublicKey { key, .. } if key.key_data() == self.expected.key_data()))
    }
}

/// Connects and authenticates; the error is a word for the step that failed.
pub async fn connect(sim: &Simulation, host: &str) -> Result<Handle<Checker>, String> {
    connect_through(sim, &*sim.dial(), host).await
}

pub async fn connect_through(sim: &Simulation, dial: &dyn Dial, host: &str) -> Result<Handle<Checker>, String> {
    let stream = dial
        .dial(&format!("{host}.sim"), 22)
        .await
        .map_err(|error| error.to_string())?;
    let config = client::Config {
        window_size: 128 * 1024,
        channel_buffer_size: 8,
        ..client::Config::default()
    };
    let line = sim
        .known_hosts()
        .lines()
        .find(|line| line.starts_with(&format!("{host}.sim,")))
        .unwrap()
        .to_owned();
    let expected = PublicKey::from_openssh(line.split_once(' ').unwrap().1).unwrap();
    let mut handle = client::connect_stream(Arc::new(config), stream, Checker { expected })
        .await
        .map_err(|error| format!("kex: {error}"))?;
    let key = PrivateKeyWithHashAlg::new(Arc::new(sim.client_key()), None);
    match handle.authenticate_publickey("watch", key).await {
        Ok(AuthResult::Success) => Ok(handle),
        Ok(AuthResult::Failure { .. }) => Err("auth refused".to_owned()),
        Err(error) => Err(format!("auth: {error}")),
    }
}

/// A poll loop.
pub struct Loop {
    pub channel: Channel<Msg>,
    fast: Decoder,
    slow: Decoder,
    _handle: Handle<Checker>,
}

impl Loop {
    /// Opens the loop and reads the frame of `hello`.
    pub async fn open(sim: &Simulation, host: &str) -> Self {
        let handle = connect(sim, host).await.unwrap();
        Self::over(handle).await
    }

    pub async fn over(handle: Handle<Checker>) -> Self {
        let channel = handle.channel_open_session().await.unwrap();
        channel.exec(true, START).await.unwrap();
        let mut this = Self {
            channel,
            fast: Decoder::new(NONCE),
            slow: Decoder::new(NONCE),
            _handle: handle,
        };
        let script = format!("# the script\nhello() {{ :; }}\nwhile read -r x; do :; done\n#end\nhello {NONCE}\n");
        this.channel.data_bytes(script.into_bytes()).await.unwrap();
        let frame = this.next_fast().await;
        assert_eq!((frame.seq, frame.sections.len()), (0, 0));
        this
    }

    pub async fn go(&mut self, seq: u64, tiers: &str) {
        self.channel
            .data_bytes(format!("go {seq} {tiers}\n").into_bytes())
            .await
            .unwrap();
    }

    /// Reads until a frame of the fast lane is whole; frames of the slow lane are kept.
    pub async fn next_fast(&mut self) -> Frame {
        loop {
            if let Some(frame) = self.fast.next_frame().unwrap() {
                return frame;
            }
            self.read().await;
        }
    }

    pub async fn next_slow(&mut self) -> Frame {
        loop {
            if let Some(frame) = self.slow.next_frame().unwrap() {
                return frame;
            }
            self.read().await;
        }
    }

    async fn read(&mut self) {
        match self.channel.wait().await {
            Some(ChannelMsg::Data { data }) => self.fast.push(&data),
            Some(ChannelMsg::ExtendedData { data, ext: 1 }) => self.slow.push(&data),
            Some(ChannelMsg::Success | ChannelMsg::WindowAdjusted { .. }) => {}
            other => panic!("unexpected {other:?}"),
        }
    }

    /// Asks once and collects every section of both lanes that `go` gave, until a slow section named `last` is done.
    pub async fn all(&mut self, seq: u64, keeps_backups: bool) -> Vec<(Section, crate::facts::SectionStatus, Vec<u8>)> {
        self.go(seq, "fmsa").await;
        let frame = self.next_fast().await;
        assert_eq!(frame.seq, seq);
        let mut sections = frame.sections;
        // `df` is asked of every host and comes last, but for probes and for the backups of others.
        let last = [Section::Df, Section::Lists][usize::from(keeps_backups)];
        while !sections
            .iter()
            .any(|section| section.section == Some(last) && section.status != crate::facts::SectionStatus::Begin)
        {
            sections.extend(self.next_slow().await.sections);
        }
        sections
            .into_iter()
            .map(|section| {
                (
                    section.section.expect("a known section"),
                    section.status,
                    section.content,
                )
            })
            .collect()
    }
}

/// What one command gave: exit status if there was one, both outputs.
pub async fn exec(handle: &Handle<Checker>, command: &str) -> (Option<u32>, String, String) {
    let mut channel = handle.channel_open_session().await.unwrap();
    channel.exec(true, command).await.unwrap();
    let (mut exit, mut out, mut err) = (None, Vec::new(), Vec::new());
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => out.extend_from_slice(&data),
            ChannelMsg::ExtendedData { data, .. } => err.extend_from_slice(&data),
            ChannelMsg::ExitStatus { exit_status } => exit = Some(exit_status),
            _ => {}
        }
    }
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (exit, text(out), text(err))
}

/// Whether nothing more comes for a while.
pub async fn silent(channel: &mut Channel<Msg>, span: Duration) -> bool {
    tokio::time::timeout(span, channel.wait()).await.is_err()
}
