//! Reads `/proc/self/mountstats` (kernel `fs/nfs/super.c`, `net/sunrpc/stats.c`), and the rates
//! between two samples of it.

use super::{NfsMountCounters, NfsMountRate, NfsOpCounters, NfsOpRate};
use crate::facts::{
    reading::Why,
    scan::{delta, garbled, next_u64, unescape},
    text::CleanText,
};
use std::time::Duration;

/// Reads the NFS devices of `/proc/self/mountstats`; other devices are left out.
pub fn parse_mountstats(text: &str) -> Result<Vec<NfsMountCounters>, Why> {
    let mut mounts: Vec<NfsMountCounters> = Vec::new();
    let (mut inside, mut ops, mut known) = (false, false, text.trim().is_empty());
    for line in text.lines() {
        if line.starts_with("device ") || line.starts_with("no device ") {
            known = true;
            ops = false;
            let mount = parse_device(line);
            inside = mount.is_some();
            mounts.extend(mount);
        } else if inside && let Some(mount) = mounts.last_mut() {
            let line = line.trim();
            if line == "per-op statistics" {
                ops = true;
            } else if ops {
                mount.ops.extend(parse_op(line));
            } else if let Some((key, rest)) = line.split_once(':') {
                parse_detail(mount, key, rest.trim());
            }
        }
    }
    if known { Ok(mounts) } else { Err(garbled(text)) }
}

/// `device 10.77.0.101:/srv/a mounted on /mnt/a with fstype nfs4 statvers=1.1`
fn parse_device(line: &str) -> Option<NfsMountCounters> {
    let rest = line.strip_prefix("device ")?;
    let (source, rest) = rest.split_once(" mounted on ")?;
    let (at, rest) = rest.split_once(" with fstype ")?;
    if !matches!(rest.split(' ').next()?, "nfs" | "nfs4") || !rest.contains("statvers=") {
        return None;
    }
    let source = unescape(source);
    let (server, path) = source
        .split_once(":/")
        .map_or((&*source, String::new()), |(server, path)| (server, format!("/{path}")));
    Some(NfsMountCounters {
        at: CleanText::new(&unescape(at)),
        server: CleanText::new(server),
        path: CleanText::from(path),
        version: CleanText::default(),
        hard: false,
        age_seconds: 0,
        read_bytes: 0,
        write_bytes: 0,
        backlog: 0,
        ops: Vec::with_capacity(22),
    })
}

fn parse_detail(mount: &mut NfsMountCounters, key: &str, rest: &str) {
    match key {
        "opts" => {
            for option in rest.split(',') {
                if option == "hard" {
                    mount.hard = true;
                } else if let Some(version) = option.strip_prefix("vers=") {
                    mount.version = CleanText::new(version);
                }
            }
        }
        "age" => mount.age_seconds = rest.parse().unwrap_or(0),
        "bytes" => {
            let mut words = rest.split_ascii_whitespace().skip(4);
            mount.read_bytes = next_u64(&mut words).unwrap_or(0);
            mount.write_bytes = next_u64(&mut words).unwrap_or(0);
        }
        "xprt" => {
            // With nconnect there is one line for each connection. UDP has no connects and no idle time.
            let place = if rest.starts_with("udp") { 7 } else { 10 };
            let backlog = next_u64(&mut rest.split_ascii_whitespace().skip(place));
            mount.backlog = mount.backlog.saturating_add(backlog.unwrap_or(0));
        }
        _ => {}
    }
}

/// `READ: 1 1 0 108 136 0 8 9 0`; the last one only with kernels since 5.3.
fn parse_op(line: &str) -> Option<NfsOpCounters> {
    let (op, rest) = line.split_once(':')?;
    let mut words = rest.split_ascii_whitespace();
    let mut next = || next_u64(&mut words);
    let (ops, transmissions, timeouts) = (next()?, next()?, next()?);
    let (_sent, _received) = (next()?, next()?);
    Some(NfsOpCounters {
        op: CleanText::new(op.trim()),
        ops,
        transmissions,
        timeouts,
        queue_ms: next()?,
        rtt_ms: next()?,
        execute_ms: next()?,
        errors: next(),
    })
}

/// What each mount did between two samples taken `elapsed` apart. A mount that is new, was mounted
/// again, or whose counters fell is left out; so are operations that were not used.
#[must_use]
pub fn rates(before: &[NfsMountCounters], after: &[NfsMountCounters], elapsed: Duration) -> Vec<NfsMountRate> {
    let seconds = elapsed.as_secs_f64();
    if seconds <= 0.0 {
        return Vec::new();
    }
    let mut out = Vec::with_capacity(after.len());
    for (place, now) in after.iter().enumerate() {
        let same = |old: &&NfsMountCounters| old.at == now.at && old.server == now.server && old.path == now.path;
        let Some(old) = before.get(place).filter(same).or_else(|| before.iter().find(same)) else {
            continue;
        };
        if now.age_seconds < old.age_seconds {
            continue;
        }
        let ops: Result<Vec<_>, Reset> = now
            .ops
            .iter()
            .enumerate()
            .filter_map(|(place, now)| {
                let same = |old: &&NfsOpCounters| old.op == now.op;
                let found = old.ops.get(place).filter(same).or_else(|| old.ops.iter().find(same));
                match found {
                    Some(old) => rate(old, now, seconds),
                    // The remote half leaves operations out that were never used.
                    None => rate(&unused(&now.op), now, seconds),
                }
                .transpose()
            })
            .collect();
        if let Ok(ops) = ops {
            out.push(NfsMountRate {
                at: now.at.clone(),
                ops,
            });
        }
    }
    out
}

fn unused(op: &CleanText) -> NfsOpCounters {
    NfsOpCounters {
        op: op.clone(),
        ops: 0,
        transmissions: 0,
        timeouts: 0,
        queue_ms: 0,
        rtt_ms: 0,
        execute_ms: 0,
        errors: None,
    }
}

/// A counter fell.
struct Reset;

/// The rate of an operation; none if it was not used.
fn rate(old: &NfsOpCounters, now: &NfsOpCounters, seconds: f64) -> Result<Option<NfsOpRate>, Reset> {
    let ops = delta(old.ops, now.ops).ok_or(Reset)?;
    let transmissions = delta(old.transmissions, now.transmissions).ok_or(Reset)?;
    let timeouts = delta(old.timeouts, now.timeouts).ok_or(Reset)?;
    if ops == 0 && transmissions == 0 && timeouts == 0 {
        return Ok(None);
    }
    let mean = |old: u64, now: u64| {
        let total = signed(old, now).filter(|_| ops > 0)?;
        Some(total as f64 / ops as f64)
    };
    Ok(Some(NfsOpRate {
        op: now.op.clone(),
        ops_per_second: ops as f64 / seconds,
        rtt_ms: mean(old.rtt_ms, now.rtt_ms),
        execute_ms: mean(old.execute_ms, now.execute_ms),
        queue_ms: mean(old.queue_ms, now.queue_ms),
        // An operation completed now may have been sent before the first sample.
        retransmits_per_second: transmissions.saturating_sub(ops) as f64 / seconds,
        timeouts_per_second: timeouts as f64 / seconds,
    }))
}

/// The difference of two times. Some kernels let a sum fall below zero, printed as 2⁶⁴ less a little
/// (`queue=18446743919241604546`): the difference of two such sums is right as a signed number, and
/// where it is negative or longer than a year there is none.
fn signed(old: u64, now: u64) -> Option<u64> {
    const YEAR_MS: u64 = 366 * 24 * 3600 * 1000;
    Some(now.wrapping_sub(old)).filter(|difference| *difference < YEAR_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORMS: &str = include_str!("../../../tests/captures/forms/mountstats");

    fn op<'a>(mount: &'a NfsMountCounters, name: &str) -> &'a NfsOpCounters {
        mount.ops.iter().find(|op| &*op.op == name).unwrap()
    }

    #[test]
    fn old_and_new_forms() {
        let mounts = parse_mountstats(FORMS).unwrap();
        assert_eq!(mounts.len(), 3);
        let [new, old, udp] = &mounts[..] else { unreachable!() };
        assert_eq!(
            (new.at.as_str(), new.server.as_str(), new.path.as_str()),
            ("/mnt/a b", "10.77.0.101", "/srv/slice-a")
        );
        assert_eq!((new.version.as_str(), new.hard, new.age_seconds), ("4.2", true, 44));
        assert_eq!((new.read_bytes, new.write_bytes, new.backlog), (6, 2_457_600, 7));
        let write = op(new, "WRITE");
        assert_eq!(
            (write.ops, write.queue_ms, write.rtt_ms, write.execute_ms, write.errors),
            (39, 492, 557, 1099, Some(0))
        );
        assert_eq!(op(old, "READ").errors, None);
        assert_eq!(
            (old.server.as_str(), old.path.as_str(), old.hard),
            ("[fe80::1]", "/", false)
        );
        assert_eq!((udp.backlog, udp.version.as_str()), (9, "3"));
        assert_eq!(
            parse_mountstats("device proc mounted on /proc with fstype proc\n").unwrap(),
            []
        );
        assert_eq!(parse_mountstats("").unwrap(), []);
        assert!(parse_mountstats("nonsense").is_err());
    }

    #[test]
    fn rates_of_operations() {
        let before = parse_mountstats(FORMS).unwrap();
        let mut after = before.clone();
        let write = after[0].ops.iter_mut().find(|op| &*op.op == "WRITE").unwrap();
        write.ops += 10;
        write.transmissions += 12;
        write.rtt_ms += 50;
        write.execute_ms += 200;
        write.queue_ms += 100;
        let rates = rates(&before, &after, Duration::from_secs(2));
        assert_eq!(rates.len(), 3);
        let [write] = &rates[0].ops[..] else {
            panic!("only used operations")
        };
        assert_eq!((write.ops_per_second, write.retransmits_per_second), (5.0, 1.0));
        assert_eq!(
            (write.rtt_ms, write.execute_ms, write.queue_ms),
            (Some(5.0), Some(20.0), Some(10.0))
        );
    }

    #[test]
    fn an_operation_used_for_the_first_time() {
        let mut before = parse_mountstats(FORMS).unwrap();
        let after = before.clone();
        before[0].ops.retain(|op| &*op.op != "READ");
        let rates = rates(&before, &after, Duration::from_secs(1));
        assert_eq!(rates[0].ops.len(), 1);
        assert_eq!(
            (rates[0].ops[0].ops_per_second, rates[0].ops[0].rtt_ms),
            (1.0, Some(8.0))
        );
    }

    #[test]
    fn a_sum_below_zero_and_a_remount() {
        let before = parse_mountstats(FORMS).unwrap();
        assert_eq!(op(&before[1], "READ").queue_ms, 18_446_743_919_241_604_546);
        let mut after = before.clone();
        let read = &mut after[1].ops[0];
        read.ops += 2;
        read.transmissions += 2;
        read.queue_ms += 30;
        assert_eq!(
            rates(&before, &after, Duration::from_secs(1))[1].ops[0].queue_ms,
            Some(15.0)
        );
        let mut healed = before.clone();
        healed[1].ops[0].queue_ms = 12;
        let mut next = healed.clone();
        next[1].ops[0].ops += 1;
        next[1].ops[0].queue_ms = 18_446_743_919_241_604_546;
        assert_eq!(rates(&healed, &next, Duration::from_secs(1))[1].ops[0].queue_ms, None);
        after[1].age_seconds = 0;
        assert_eq!(rates(&before, &after, Duration::from_secs(1)).len(), 2, "mounted again");
        after[0].ops[1].ops = 0;
        assert_eq!(rates(&before, &after, Duration::from_secs(1)).len(), 1, "counters fell");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), cut in 0..FORMS.len(), at in 0..FORMS.len(), byte in any::<u8>()) {
            let mut bytes = FORMS.as_bytes().to_vec();
            bytes[at] = byte;
            for text in [&*text, &FORMS[..cut], &String::from_utf8_lossy(&bytes)] {
                let mounts = parse_mountstats(text).unwrap_or_default();
                for mount in rates(&parse_mountstats(FORMS).unwrap(), &mounts, Duration::from_secs(1)) {
                    for op in mount.ops {
                        prop_assert!(op.rtt_ms.is_none_or(|ms| ms >= 0.0) && op.ops_per_second >= 0.0);
                    }
                }
            }
        }
    }
}
