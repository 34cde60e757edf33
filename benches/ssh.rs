//! What SSH costs this side: client CPU of a poll on an open channel and of a handshake, and memory
//! of a connection. The server runs in a process of its own, so that only the client is counted.
#![allow(clippy::unwrap_used, reason = "a measurement that fails is no measurement")]

use pointsman::{
    fleet::Host,
    remote::{
        Chunk, Remote as _,
        known_hosts::Source,
        ssh::{Identity, SshOptions, SshRemote},
        ssh_config::Mode,
    },
};
use russh::{
    Channel, ChannelId,
    keys::{PrivateKey, ssh_key::private::Ed25519Keypair},
    server::{self, Auth, ChannelOpenHandle, Msg, VerifiedPublicKey},
};
use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::net::TcpListener;

const CONNECTIONS: usize = 500;
const POLLS: usize = 20;

fn key(seed: u8) -> PrivateKey {
    Ed25519Keypair::from_seed(&[seed; 32]).into()
}

struct Answerer;

impl server::Handler for Answerer {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, _: &str, _: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut server::Session,
    ) -> Result<(), russh::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut server::Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)
    }

    async fn data(&mut self, channel: ChannelId, _: &[u8], session: &mut server::Session) -> Result<(), russh::Error> {
        session.data(channel, vec![b'x'; 1024])
    }
}

#[tokio::main(flavor = "current_thread")]
async fn serve() {
    let config = Arc::new(server::Config {
        keys: vec![key(1)],
        inactivity_timeout: None,
        nodelay: true,
        ..server::Config::default()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    while let Ok((socket, _)) = listener.accept().await {
        let config = Arc::clone(&config);
        let _ = socket.set_nodelay(true);
        tokio::spawn(async move {
            if let Ok(session) = server::run_stream(config, socket, Answerer).await {
                let _ = session.await;
            }
        });
    }
}

/// CPU time of this process so far: user and system, in clock ticks of 10 ms (proc(5), /proc/PID/stat).
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after = text.rsplit_once(") ").unwrap().1;
    let ticks: u64 = after
        .split(' ')
        .skip(11)
        .take(2)
        .map(|word| word.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 10)
}

fn resident_kib() -> usize {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::main(flavor = "current_thread")]
async fn measure(port: u16) {
    let remote = SshRemote::new(SshOptions {
        config: Mode::Isolated,
        known_hosts: Source::Text(format!("* {}\n", key(1).public_key().to_openssh().unwrap())),
        identities: vec![Identity::Key(Arc::new(key(9)), None)],
        ..SshOptions::default()
    });
    let mut host = Host::new("bench", "127.0.0.1");
    host.port = Some(port);
    host.user = Some("bench".to_owned());
    drop(remote.connect(&host, &|_| {}).await.unwrap());

    let (cpu_before, start, rss) = (cpu(), Instant::now(), resident_kib());
    let all = (0..CONNECTIONS).map(|_| remote.connect(&host, &|_| {}));
    let sessions: Vec<_> = futures_util::future::join_all(all)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let mut wires = Vec::new();
    for session in &sessions {
        wires.push(session.open("loop").await.unwrap());
    }
    println!(
        "{CONNECTIONS} connections with an open channel: {:.2} s, {:.3} ms client CPU each, {} KiB each",
        start.elapsed().as_secs_f64(),
        cpu().saturating_sub(cpu_before).as_secs_f64() * 1e3 / CONNECTIONS as f64,
        resident_kib().saturating_sub(rss) / CONNECTIONS,
    );

    let (cpu_before, start) = (cpu(), Instant::now());
    for _ in 0..POLLS {
        let all = wires.iter_mut().map(|wire| async move {
            wire.send(b"go 1\n").await.unwrap();
            let mut got = 0;
            while got < 1024 {
                match wire.next().await {
                    Chunk::Out(bytes) => got += bytes.len(),
                    other => panic!("{other:?}"),
                }
            }
        });
        futures_util::future::join_all(all).await;
    }
    let polls = CONNECTIONS * POLLS;
    println!(
        "{polls} polls of 1 KiB: {:.0} polls/s, {:.4} ms client CPU each",
        polls as f64 / start.elapsed().as_secs_f64(),
        cpu().saturating_sub(cpu_before).as_secs_f64() * 1e3 / polls as f64,
    );
}

fn main() {
    if std::env::args().any(|word| word == "serve") {
        return serve();
    }
    let mut server = Command::new(std::env::current_exe().unwrap())
        .arg("serve")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    measure(line.trim().parse().unwrap());
    let _ = server.kill();
    let _ = server.wait();
}
