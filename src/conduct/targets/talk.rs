//! One conversation with a shell of a host: a block of lines, and its answer up to the word that ends it.

use crate::{
    conduct::clean,
    remote::{Chunk, Wire},
    runbook::{
        engine::Answer,
        sight::Printed,
        target::{self, Receipt, Said},
    },
};
use futures_util::FutureExt as _;
use std::time::Duration;
use tokio::time::timeout;

/// How long a shell that has ended its answer may take to end itself.
const ENDING: Duration = Duration::from_millis(500);
/// Most bytes of an answer.
const ANSWER: usize = 4 << 20;
/// Most bytes kept of what a target says on standard error.
const ERRORS: usize = 4096;

/// Whether a shell that waits still waits, and has said nothing meanwhile.
pub(super) fn idle(wire: &mut dyn Wire) -> bool {
    loop {
        match wire.next().now_or_never() {
            None => return true,
            // What is left of a program in the background.
            Some(Chunk::Err(_)) => {}
            Some(_) => return false,
        }
    }
}

/// Sends a script and takes the whole answer. The shell of a host waits for the next one behind it; one of this
/// machine ends.
pub(super) async fn converse(wire: &mut dyn Wire, script: &[u8], local: bool, first: bool) -> Answer {
    let mut out = Vec::new();
    let mut errors = Vec::new();
    let mut exit = None;
    // A target that has answered before it has read everything is heard all the same.
    let sent = match wire.send(script).await {
        Ok(()) if local => wire.end_input().await,
        sent => sent,
    };
    // The answer is over, and is none: its shell died in the middle; or a look printed just that.
    let mut died = false;
    let why = loop {
        let chunk = if died {
            timeout(ENDING, wire.next()).await.unwrap_or(Chunk::End(None))
        } else {
            wire.next().await
        };
        match chunk {
            Chunk::Out(bytes) => {
                if out.len() + bytes.len() > ANSWER {
                    return Answer::Lost("an answer of more than 4 MiB".to_owned());
                }
                out.extend_from_slice(&bytes);
                died = out.ends_with(target::OVER.as_bytes());
                if died && let Some(said) = target::parse(&out) {
                    if local {
                        ended(wire).await;
                    }
                    return Answer::Said(said.into_iter().map(cleaned).collect());
                }
            }
            Chunk::Err(bytes) => {
                let room = ERRORS.saturating_sub(errors.len()).min(bytes.len());
                errors.extend_from_slice(&bytes[..room]);
            }
            Chunk::Exit(code) => exit = Some(code),
            Chunk::End(why) => break why,
        }
    };
    let errors = clean::lines(&String::from_utf8_lossy(&errors));
    // A shell says that it is ready before it reads the first block. One that has ended without it, and whose whole
    // output is here, has run nothing, whether it has taken what it was sent or not; whatever else sudo says may be a
    // warning.
    let whole = first && why.is_none();
    if whole && out.is_empty() && exit.is_some_and(|code| code != 0) && errors.starts_with("sudo: ") {
        return Answer::NotSent(errors);
    }
    let mut parts: Vec<String> = Vec::new();
    parts.extend(sent.err().map(|error| clean::lines(&error.to_string())));
    parts.extend(why.map(|why| why.to_string()));
    parts.extend(exit.map(|code| format!("its shell ended with exit code {code}")));
    parts.extend((!errors.trim().is_empty()).then(|| errors.trim().to_owned()));
    Answer::Lost(if parts.is_empty() {
        "the answer was cut short".to_owned()
    } else {
        format!("the answer was cut short: {}", parts.join("; "))
    })
}

/// Waits a moment for a process of this machine to end by itself: what it left running in the background is ended with
/// it otherwise.
async fn ended(wire: &mut dyn Wire) {
    let over = async { while !matches!(wire.next().await, Chunk::Exit(_) | Chunk::End(_)) {} };
    let _ = timeout(ENDING, over).await;
}

/// What is shown and kept is cleaned; what looks printed is read by parsers first.
fn cleaned(said: Said) -> Said {
    let clean = |mut printed: Printed| {
        printed.text = clean::lines(&printed.text);
        printed
    };
    match said {
        Said::Ran(printed) => Said::Ran(clean(printed)),
        Said::Receipt(Receipt::Ended(printed)) => Said::Receipt(Receipt::Ended(clean(printed))),
        Said::Refused(kind, seen) => Said::Refused(clean::lines(&kind), clean::lines(&seen)),
        other => other,
    }
}
