//! What a poll costs the watched host.

use crate::rig::{ALL, Half, shells};
use pointsman::{facts::Tier, fleet::Host, remote::half::Surroundings};
use std::time::Instant;

/// Processes and threads started on this machine since boot.
fn forks() -> u64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap();
    let line = stat.lines().find_map(|line| line.strip_prefix("processes ")).unwrap();
    line.parse().unwrap()
}

#[tokio::test]
async fn a_fast_poll_in_the_steady_state_starts_no_process() {
    for shell in shells() {
        let mut half = Half::start(shell, &Host::new("here", "localhost"), &Surroundings::default()).await;
        half.poll(&ALL, false).await;
        half.slow_until(pointsman::facts::Section::Df).await;
        half.poll(&[Tier::Fast], false).await;
        // Others may start processes meanwhile, so the calmest of some rounds counts.
        let mut fewest = u64::MAX;
        for _ in 0..20 {
            let before = forks();
            for _ in 0..20 {
                half.poll(&[Tier::Fast], false).await;
            }
            fewest = fewest.min(forks() - before);
        }
        assert!(fewest < 10, "{shell}: at least {fewest} processes in 20 polls");
        let (received, began) = (half.received, Instant::now());
        for _ in 0..200 {
            half.poll(&[Tier::Fast], false).await;
        }
        println!(
            "{shell}: {:?} a poll, {} bytes on stdout, {} on stderr, {fewest} forks in 20 polls",
            began.elapsed() / 200,
            (half.received[0] - received[0]) / 200,
            (half.received[1] - received[1]) / 200,
        );
    }
}
