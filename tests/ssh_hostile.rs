//! The SSH transport against hosts that freeze, flood, drip, lie and close: each ends in the right
//! error within its deadline, in bounded memory, and leaves neither task nor socket.
#![allow(clippy::unwrap_used, reason = "a test helper that fails is a failed test")]

mod ssh_lab;

use pointsman::{
    fleet::Host,
    remote::{
        Boxed, Chunk, Dial, ExecLimits, Remote as _, RemoteError, Session, Stream,
        known_hosts::Source,
        ssh::{Identity, SshOptions, SshRemote},
        ssh_config::Mode,
    },
};
use russh::{
    Channel, ChannelId, MethodKind, MethodSet,
    keys::{PrivateKey, ssh_key::private::Ed25519Keypair},
    server::{self, Auth, ChannelOpenHandle, Msg, VerifiedPublicKey},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const DEADLINE: Duration = Duration::from_millis(1500);

fn key(seed: u8) -> PrivateKey {
    Ed25519Keypair::from_seed(&[seed; 32]).into()
}

fn known(seed: u8) -> Source {
    Source::Text(format!("* {}\n", key(seed).public_key().to_openssh().unwrap()))
}

fn options() -> SshOptions {
    SshOptions {
        config: Mode::Isolated,
        known_hosts: known(1),
        identities: vec![Identity::Key(Arc::new(key(9)), None)],
        batch: true,
        ..SshOptions::default()
    }
}

fn target(port: u16) -> Host {
    let mut host = ssh_lab::host(port);
    host.user = Some("ops".to_owned());
    host.poll.connect_deadline = DEADLINE;
    host
}

/// Serves every connection with `serve`, on a runtime of its own, so that this one's tasks can be counted.
fn listen<F, W>(serve: F) -> u16
where
    F: Fn(TcpStream) -> W + Send + Sync + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap().port()).unwrap();
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket));
            }
        });
    });
    told.recv().unwrap()
}

/// Runs `work`, then waits until this runtime has no more tasks, and the process no more sockets of
/// this port, than before.
async fn leaving_nothing<T>(port: u16, work: impl Future<Output = T>) -> T {
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.num_alive_tasks();
    let result = work.await;
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let now = (metrics.num_alive_tasks(), connections(port));
        // One of an earlier part may have ended only now.
        if now.0 <= before && now.1 == 0 {
            return result;
        }
        assert!(
            Instant::now() < end,
            "left behind: {now:?} tasks and sockets, before {before} and 0"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Client sockets of this machine that are connected to `port` (proc(5), /proc/net/tcp).
fn connections(port: u16) -> usize {
    let remote = format!(":{port:04X}");
    let text = std::fs::read_to_string("/proc/net/tcp").unwrap();
    text.lines()
        .filter(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            // 01 is ESTABLISHED.
            words.len() > 3 && words[2].ends_with(&remote) && words[3] == "01"
        })
        .count()
}

async fn try_connect(port: u16) -> (RemoteError, Duration) {
    let start = Instant::now();
    let error = SshRemote::new(options())
        .connect(&target(port), &|_| {})
        .await
        .err()
        .expect("it connected");
    (error, start.elapsed())
}

// ---- before the key exchange -------------------------------------------------------------------

async fn stay_silent(mut socket: TcpStream) {
    let mut sink = [0; 4096];
    while socket.read(&mut sink).await.is_ok_and(|count| count > 0) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_and_drips_end_at_the_deadline() {
    let banner_only = listen(|mut socket| async move {
        let _ = socket.write_all(b"SSH-2.0-Trap\r\n").await;
        stay_silent(socket).await;
    });
    let mute = listen(stay_silent);
    let drip = listen(|mut socket| async move {
        for byte in b"SSH-2.0-".iter().chain(std::iter::repeat(&b'x')) {
            if socket.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    // Ignored packets, one every 50 ms: each resets an inactivity timer.
    let packets = listen(|mut socket| async move {
        let _ = socket.write_all(b"SSH-2.0-Trap\r\n").await;
        while socket
            .write_all(&[0, 0, 0, 12, 6, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
            .await
            .is_ok()
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    for port in [banner_only, mute, drip, packets] {
        let (error, took) = leaving_nothing(port, try_connect(port)).await;
        assert!(
            matches!(
                error,
                RemoteError::Timeout {
                    step: "key exchange",
                    ..
                } | RemoteError::Lost(_)
            ),
            "{error:?}"
        );
        assert!(took < DEADLINE + Duration::from_secs(5), "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_stalled_hosts_leave_nothing() {
    let port = listen(|mut socket| async move {
        let _ = socket.write_all(b"SSH-2.0-Trap\r\n").await;
        stay_silent(socket).await;
    });
    leaving_nothing(port, async {
        let remote = SshRemote::new(options());
        let host = target(port);
        let all = (0..50).map(|_| remote.connect(&host, &|_| {}));
        for result in futures_util::future::join_all(all).await {
            assert!(matches!(result, Err(RemoteError::Timeout { .. })));
        }
        // Dropped in the middle instead of timed out.
        for _ in 0..10 {
            let attempt = remote.connect(&host, &|_| {});
            assert!(tokio::time::timeout(Duration::from_millis(50), attempt).await.is_err());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_ends_at_once() {
    let endless = listen(|mut socket| async move { while socket.write_all(&[b'y'; 8192]).await.is_ok() {} });
    let lines = listen(|mut socket| async move { while socket.write_all(b"welcome\r\n").await.is_ok() {} });
    let length = listen(|mut socket| async move {
        let _ = socket
            .write_all(b"SSH-2.0-Trap\r\n\xff\xff\xff\xf0aaaaaaaaaaaaaaaa")
            .await;
        stay_silent(socket).await;
    });
    let closes = listen(|mut socket| async move {
        let _ = socket.write_all(b"SSH-2.0-Trap\r\n").await;
    });
    let http = listen(|mut socket| async move {
        let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    for port in [endless, lines, length, closes, http] {
        let (error, took) = leaving_nothing(port, try_connect(port)).await;
        assert!(matches!(error, RemoteError::Lost(_)), "{error:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
        assert!(!error.needs_a_person());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there() {
    let (error, _) = try_connect(ssh_lab::free_port()).await;
    assert!(
        matches!(&error, RemoteError::Connect { why, .. } if why.contains("refused")),
        "{error:?}"
    );
}

// ---- a server that misbehaves after the key exchange --------------------------------------------

#[derive(Clone, Copy, PartialEq)]
enum Trick {
    None,
    DenyLogin,
    StallLogin,
    RefuseChannel,
    IgnoreChannel,
    RefuseCommand,
    IgnoreCommand,
    NoExitStatus,
    Flood,
    LongLine,
    Escapes,
    OpenForwards,
    DropAfterCommand,
}

#[derive(Clone)]
struct Trickster {
    trick: Trick,
    accepted: Arc<AtomicUsize>,
    answered: Arc<AtomicUsize>,
}

impl server::Handler for Trickster {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        match self.trick {
            Trick::DenyLogin => Ok(Auth::Reject {
                proceed_with_methods: Some(MethodSet::from(&[MethodKind::PublicKey, MethodKind::Password][..])),
                partial_success: false,
            }),
            Trick::StallLogin => std::future::pending().await,
            _ => Ok(Auth::Accept),
        }
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        match self.trick {
            Trick::RefuseChannel => reply.reject(russh::ChannelOpenFailure::ResourceShortage).await,
            Trick::IgnoreChannel => {
                std::mem::forget(reply);
            }
            _ => reply.accept().await,
        }
        if self.trick == Trick::OpenForwards {
            let handle = session.handle();
            let (accepted, answered) = (Arc::clone(&self.accepted), Arc::clone(&self.answered));
            tokio::spawn(async move {
                let opened = [
                    handle
                        .channel_open_forwarded_tcpip("127.0.0.1", 1, "127.0.0.1", 2)
                        .await,
                    handle.channel_open_forwarded_streamlocal("/tmp/x").await,
                    handle.channel_open_agent().await,
                    handle.channel_open_x11("127.0.0.1", 3).await,
                    handle.channel_open_session().await,
                    handle.channel_open_direct_tcpip("127.0.0.1", 4, "127.0.0.1", 5).await,
                ];
                for result in opened {
                    accepted.fetch_add(usize::from(result.is_ok()), Ordering::SeqCst);
                    answered.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        drop(channel);
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        match self.trick {
            Trick::RefuseCommand => return session.channel_failure(channel),
            Trick::IgnoreCommand => return Ok(()),
            _ => session.channel_success(channel)?,
        }
        let handle = session.handle();
        let trick = self.trick;
        tokio::spawn(async move {
            let text: Vec<u8> = match trick {
                Trick::LongLine => vec![b'x'; 1 << 20],
                Trick::Escapes => b"\x1b]0;owned\x07\xff\xfe\xe2\x80\xae\n".to_vec(),
                _ => b"hello\n".to_vec(),
            };
            let _ = handle.data(channel, text).await;
            match trick {
                Trick::Flood => while handle.data(channel, vec![b'y'; 32 * 1024]).await.is_ok() {},
                Trick::DropAfterCommand => {
                    let _ = handle
                        .disconnect(
                            russh::Disconnect::ByApplication,
                            "so \x1b[31mlong".into(),
                            String::new(),
                        )
                        .await;
                }
                Trick::NoExitStatus => {}
                _ => {
                    let _ = handle.exit_status_request(channel, 0).await;
                }
            }
            let _ = handle.close(channel).await;
        });
        Ok(())
    }
}

/// Starts a server with a trick; its counts of forwards answered and accepted.
fn serve(trick: Trick) -> (u16, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let accepted = Arc::new(AtomicUsize::new(0));
    let answered = Arc::new(AtomicUsize::new(0));
    let trickster = Trickster {
        trick,
        accepted: Arc::clone(&accepted),
        answered: Arc::clone(&answered),
    };
    let config = Arc::new(server::Config {
        keys: vec![key(1)],
        auth_rejection_time: Duration::ZERO,
        inactivity_timeout: None,
        ..server::Config::default()
    });
    let port = listen(move |socket| {
        let (config, trickster) = (Arc::clone(&config), trickster.clone());
        async move {
            if let Ok(session) = server::run_stream(config, socket, trickster).await {
                let _ = session.await;
            }
        }
    });
    (port, answered, accepted)
}

async fn session(port: u16) -> Arc<dyn Session> {
    SshRemote::new(options()).connect(&target(port), &|_| {}).await.unwrap()
}

fn limits(deadline_ms: u64) -> ExecLimits {
    ExecLimits {
        deadline: Duration::from_millis(deadline_ms),
        output_bytes: 64 * 1024,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_that_fail_say_why() {
    let (port, ..) = serve(Trick::DenyLogin);
    let (error, _) = leaving_nothing(port, try_connect(port)).await;
    let RemoteError::Auth(text) = &error else {
        panic!("{error:?}")
    };
    assert!(
        text.contains("user ops") && text.contains("publickey, password") && text.contains("SHA256:"),
        "{text}"
    );
    assert!(error.needs_a_person());

    let (port, ..) = serve(Trick::StallLogin);
    let (error, took) = leaving_nothing(port, try_connect(port)).await;
    assert!(
        matches!(
            error,
            RemoteError::Timeout {
                step: "authentication",
                ..
            }
        ),
        "{error:?}"
    );
    assert!(took < DEADLINE + Duration::from_secs(5));

    // Another key than the known one.
    let (port, ..) = serve(Trick::None);
    let other = SshOptions {
        known_hosts: known(2),
        ..options()
    };
    let error = SshRemote::new(other)
        .connect(&target(port), &|_| {})
        .await
        .err()
        .unwrap();
    assert!(
        matches!(&error, RemoteError::HostKey(text) if text.contains("CHANGED")),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_and_commands_that_fail() {
    let (port, ..) = serve(Trick::RefuseChannel);
    leaving_nothing(port, async {
        let error = session(port).await.exec("x", b"", limits(1000)).await.unwrap_err();
        assert!(
            matches!(&error, RemoteError::Refused(text) if text.contains("shortage")),
            "{error:?}"
        );
    })
    .await;
    for trick in [Trick::IgnoreChannel, Trick::IgnoreCommand] {
        let (port, ..) = serve(trick);
        leaving_nothing(port, async {
            let error = session(port).await.exec("x", b"", limits(500)).await.unwrap_err();
            assert!(matches!(error, RemoteError::Timeout { .. }), "{error:?}");
        })
        .await;
    }
    let (port, ..) = serve(Trick::RefuseCommand);
    let error = session(port).await.exec("x", b"", limits(1000)).await.unwrap_err();
    assert!(matches!(error, RemoteError::Refused(_)), "{error:?}");

    let (port, ..) = serve(Trick::NoExitStatus);
    let output = session(port).await.exec("x", b"", limits(1000)).await.unwrap();
    assert_eq!(
        (output.exit, output.stdout.as_slice()),
        (None, &b"hello\n"[..]),
        "the outcome is unknown"
    );

    let (port, ..) = serve(Trick::DropAfterCommand);
    let lost = session(port).await;
    let error = lost.exec("x", b"", limits(1000)).await.unwrap_err();
    assert!(
        matches!(&error, RemoteError::Lost(text) if !text.contains('\x1b')),
        "{error:?}"
    );
    let error = lost.exec("x", b"", limits(1000)).await.unwrap_err();
    assert!(matches!(error, RemoteError::Lost(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn floods_and_strange_bytes_are_bounded() {
    let (port, ..) = serve(Trick::LongLine);
    let output = session(port).await.exec("x", b"", limits(5000)).await.unwrap();
    assert_eq!(
        (output.stdout.len(), output.truncated, output.exit),
        (64 * 1024, true, Some(0))
    );

    let (port, ..) = serve(Trick::Escapes);
    let output = session(port).await.exec("x", b"", limits(1000)).await.unwrap();
    assert!(
        output.stdout.starts_with(b"\x1b]0;"),
        "bytes come as they are; cleaning is the reader's"
    );

    let (port, ..) = serve(Trick::Flood);
    leaving_nothing(port, async {
        let session = session(port).await;
        let error = session.exec("x", b"", limits(500)).await.unwrap_err();
        assert!(matches!(error, RemoteError::Timeout { .. }), "{error:?}");
    })
    .await;

    // That the connection lives on is shown against OpenSSH; this server blocks itself.
    let (port, ..) = serve(Trick::Flood);
    leaving_nothing(port, async {
        let session = session(port).await;
        let mut unread = session.open("x").await.unwrap();
        tokio::time::sleep(Duration::from_secs(3)).await;
        let mut bytes = 0;
        loop {
            match tokio::time::timeout(Duration::from_secs(5), unread.next())
                .await
                .unwrap()
            {
                Chunk::Out(chunk) => bytes += chunk.len(),
                Chunk::End(why) => {
                    assert!(why.is_some_and(|why| why.contains("flooding")));
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(bytes < 1 << 20, "{bytes}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_server_opens_is_rejected() {
    let (port, answered, accepted) = serve(Trick::OpenForwards);
    let session = session(port).await;
    assert_eq!(session.exec("x", b"", limits(3000)).await.unwrap().exit, Some(0));
    let end = Instant::now() + Duration::from_secs(20);
    while answered.load(Ordering::SeqCst) < 6 {
        assert!(Instant::now() < end, "{} answered", answered.load(Ordering::SeqCst));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(accepted.load(Ordering::SeqCst), 0);
    assert!(session.about().contains("rejected"), "{}", session.about());
}

// ---- a host that stops reading and writing, on a paused clock -----------------------------------

/// Gives streams to an in-process server; `frozen` streams swallow everything once logged in.
struct Pipes;

struct Freezable {
    inner: tokio::io::DuplexStream,
    thaw: Arc<std::sync::atomic::AtomicBool>,
}

static FROZEN: std::sync::LazyLock<Arc<std::sync::atomic::AtomicBool>> = std::sync::LazyLock::new(Arc::default);

impl tokio::io::AsyncRead for Freezable {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        if self.thaw.load(Ordering::SeqCst) {
            return std::task::Poll::Pending;
        }
        std::pin::Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl tokio::io::AsyncWrite for Freezable {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        buf: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        std::pin::Pin::new(&mut self.inner).poll_write(cx, buf)
    }
    fn poll_flush(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.inner).poll_flush(cx)
    }
    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::pin::Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl Dial for Pipes {
    fn dial<'a>(&'a self, _: &'a str, _: u16) -> Boxed<'a, Result<Box<dyn Stream>, RemoteError>> {
        Box::pin(async {
            let (near, far) = tokio::io::duplex(64 * 1024);
            let config = Arc::new(server::Config {
                keys: vec![key(1)],
                auth_rejection_time: Duration::ZERO,
                inactivity_timeout: None,
                ..server::Config::default()
            });
            let trickster = Trickster {
                trick: Trick::IgnoreCommand,
                accepted: Arc::default(),
                answered: Arc::default(),
            };
            tokio::spawn(async move {
                if let Ok(session) = server::run_stream(config, far, trickster).await {
                    let _ = session.await;
                }
            });
            Ok(Box::new(Freezable {
                inner: near,
                thaw: Arc::clone(&FROZEN),
            }) as Box<dyn Stream>)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_is_noticed_after_fifteen_seconds() {
    let options = SshOptions {
        dial: Arc::new(Pipes),
        ..options()
    };
    let session = SshRemote::new(options).connect(&target(22), &|_| {}).await.unwrap();
    FROZEN.store(true, Ordering::SeqCst);
    let start = tokio::time::Instant::now();
    let error = session
        .exec(
            "x",
            b"",
            ExecLimits {
                deadline: Duration::from_mins(1),
                ..ExecLimits::default()
            },
        )
        .await
        .unwrap_err();
    let took = start.elapsed();
    // The channel's own deadline (10 s) comes first; the connection itself is gone at 15 s.
    assert!(matches!(error, RemoteError::Timeout { .. }), "{error:?}");
    assert_eq!(took.as_secs(), 10);
    tokio::time::sleep(Duration::from_secs(6)).await;
    let error = session.open("x").await.err().unwrap();
    assert!(
        matches!(&error, RemoteError::Lost(text) if text.contains("keepalive")),
        "{error:?}"
    );
}
