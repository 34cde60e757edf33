//! Each hostile kind does what its name says, and the faults that the network shows.

use super::{
    calm,
    client::{Loop, NONCE, connect, exec, silent},
    tokio_clock,
};
use crate::{
    facts::{Section, SectionStatus},
    remote::frame::{Decoder, FrameError},
    simulate::{Fault, Hostile, Simulation},
};
use russh::ChannelMsg;
use std::time::Duration;

const COMMAND: &str = "exec env -i sh -s";

fn hostile(kind: Hostile) -> Simulation {
    let (sim, _) = calm();
    assert!(sim.world().set_hostile("web1", Some(kind)));
    sim
}

#[tokio::test(start_paused = true)]
async fn before_authentication() {
    for kind in [Hostile::BannerOnly, Hostile::BannerDrip] {
        let sim = hostile(kind);
        let outcome = tokio::time::timeout(Duration::from_secs(15), connect(&sim, "web1")).await;
        assert!(outcome.is_err(), "{kind:?} never gets anywhere");
    }
    for (kind, word) in [
        (Hostile::KexClose, "kex"),
        (Hostile::ChangedKey, "kex"),
        (Hostile::AuthDenied, "auth refused"),
    ] {
        let sim = hostile(kind);
        let error = connect(&sim, "web1").await.err().unwrap();
        assert!(error.starts_with(word), "{kind:?}: {error}");
        assert!(sim.world().set_hostile("web1", None));
        assert!(connect(&sim, "web1").await.is_ok(), "well again after {kind:?}");
    }
}

#[tokio::test]
async fn refusals() {
    let sim = hostile(Hostile::OneSession);
    let handle = connect(&sim, "web1").await.unwrap();
    let _first = handle.channel_open_session().await.unwrap();
    assert!(handle.channel_open_session().await.is_err());

    let sim = hostile(Hostile::ExecRefused);
    let handle = connect(&sim, "web1").await.unwrap();
    let mut channel = handle.channel_open_session().await.unwrap();
    channel.exec(true, COMMAND).await.unwrap();
    assert!(matches!(channel.wait().await, Some(ChannelMsg::Failure)));

    let sim = hostile(Hostile::NoExitStatus);
    let handle = connect(&sim, "web1").await.unwrap();
    assert_eq!(
        exec(&handle, "hostname").await,
        (None, "web1\n".to_owned(), String::new())
    );
}

#[tokio::test(start_paused = true)]
async fn slow_and_silent() {
    let sim = hostile(Hostile::SlowDrip);
    let handle = connect(&sim, "web1").await.unwrap();
    let mut channel = handle.channel_open_session().await.unwrap();
    channel.exec(true, COMMAND).await.unwrap();
    channel
        .data_bytes(format!("hello {NONCE}\n").into_bytes())
        .await
        .unwrap();
    let start = tokio::time::Instant::now();
    let mut bytes = 0;
    while bytes < 40 {
        if let Some(ChannelMsg::Data { data }) = channel.wait().await {
            assert_eq!(data.len(), 1);
            bytes += 1;
        }
    }
    assert!(start.elapsed() >= Duration::from_millis(3900));

    let sim = hostile(Hostile::HalfOpen);
    let handle = connect(&sim, "web1").await.unwrap();
    let mut channel = handle.channel_open_session().await.unwrap();
    channel.exec(true, COMMAND).await.unwrap();
    assert!(matches!(channel.wait().await, Some(ChannelMsg::Success)));
    channel
        .data_bytes(format!("hello {NONCE}\n").into_bytes())
        .await
        .unwrap();
    assert!(silent(&mut channel, Duration::from_mins(1)).await);
}

#[tokio::test]
async fn floods_and_garbage() {
    for (kind, least) in [(Hostile::EndlessOutput, 4 << 20), (Hostile::Garbage, 16_000)] {
        let sim = hostile(kind);
        let handle = connect(&sim, "web1").await.unwrap();
        let mut channel = handle.channel_open_session().await.unwrap();
        channel.exec(true, COMMAND).await.unwrap();
        channel
            .data_bytes(format!("hello {NONCE}\n").into_bytes())
            .await
            .unwrap();
        let mut decoder = Decoder::new(NONCE);
        let mut bytes = 0;
        let mut failed = false;
        while bytes < least {
            if let Some(ChannelMsg::Data { data }) = channel.wait().await {
                bytes += data.len();
                decoder.push(&data);
                match decoder.next_frame() {
                    Ok(frame) => assert!(frame.is_none(), "{kind:?} sent a frame"),
                    Err(FrameError::Junk(..)) => failed = true,
                    Err(other) => panic!("{kind:?}: {other}"),
                }
            }
        }
        assert!(failed || kind == Hostile::Garbage);
    }
}

#[tokio::test]
async fn spoilt_content_is_framed_well() {
    for (kind, needle) in [
        (Hostile::EscapeSequences, b"\x1b]0;owned".as_slice()),
        (Hostile::InvalidUtf8, b"\xff\xfe"),
        (Hostile::LongLine, &[b'x'; 4096]),
    ] {
        let sim = hostile(kind);
        let mut half = Loop::open(&sim, "web1").await;
        half.go(1, "f").await;
        let frame = half.next_fast().await;
        let mounts = frame
            .sections
            .iter()
            .find(|section| section.section == Some(Section::Mounts))
            .unwrap();
        assert_eq!(mounts.status, SectionStatus::Ok);
        assert!(
            mounts.content.windows(needle.len()).any(|window| window == needle),
            "{kind:?}"
        );
        assert!(std::str::from_utf8(&mounts.content).is_err() == (kind == Hostile::InvalidUtf8));
        assert!(kind != Hostile::LongLine || mounts.content.len() == 1_000_000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_frozen_host_hears_and_says_nothing_until_it_thaws() {
    let sim = Simulation::calm(1, tokio_clock());
    let mut half = Loop::open(&sim, "web1").await;
    let fault = Fault::HostFrozen("web1".to_owned());
    sim.world().inject(&fault).unwrap();
    half.go(1, "f").await;
    assert!(silent(&mut half.channel, Duration::from_secs(30)).await);
    assert!(
        tokio::time::timeout(Duration::from_secs(15), connect(&sim, "web1"))
            .await
            .is_err()
    );
    sim.world().clear(&fault).unwrap();
    assert_eq!(half.next_fast().await.seq, 1);
    assert!(connect(&sim, "web1").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_killed_host_is_gone_and_resets_old_connections_when_it_boots() {
    let sim = Simulation::calm(1, tokio_clock());
    let mut half = Loop::open(&sim, "web1").await;
    let fault = Fault::HostKilled("web1".to_owned());
    sim.world().inject(&fault).unwrap();
    let start = tokio::time::Instant::now();
    assert!(connect(&sim, "web1").await.err().unwrap().contains("No route to host"));
    assert!(start.elapsed() >= Duration::from_secs(3));
    half.go(1, "f").await;
    assert!(silent(&mut half.channel, Duration::from_secs(30)).await);
    sim.world().clear(&fault).unwrap();
    assert!(half.channel.wait().await.is_none(), "the old connection is reset");
    let mut half = Loop::open(&sim, "web1").await;
    half.go(1, "f").await;
    let frame = half.next_fast().await;
    let uptime = frame
        .sections
        .iter()
        .find(|section| section.section == Some(Section::Uptime))
        .unwrap();
    assert!(uptime.content.starts_with(b"0."), "it has just booted");
    assert!(connect(&sim, "nobody").await.is_err());
}
