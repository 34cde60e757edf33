//! Reads `zpool status` as text: OpenZFS with and without `-p`, and the older words of Solaris and zfs-fuse.

use super::{Pool, PoolState, Scan, Vdev};
use crate::facts::{
    reading::Why,
    scan::{count, float, garbled, scaled},
    text::CleanText,
};

/// Reads `zpool status`, as text or as JSON.
///
/// A pool whose text ends before its `errors:` line was cut: it is not known to be well.
pub fn parse_zpool(text: &str) -> Result<Vec<Pool>, Why> {
    if text.trim_start().starts_with('{') {
        return super::json::parse_json(text);
    }
    // The tool says so on standard error and ends well.
    if text.trim().is_empty() || text.contains("no pools available") {
        return Ok(Vec::new());
    }
    let mut pools: Vec<Pool> = Vec::new();
    let mut key = "";
    let mut group = None;
    for line in text.lines() {
        let field = field(line);
        if let Some((name, value)) = field {
            key = name;
            if name == "pool" {
                pools.push(blank(value));
                continue;
            }
        }
        let Some(pool) = pools.last_mut() else { continue };
        let value = field.map_or(line.trim(), |(_, value)| value);
        if value.is_empty() {
            group = if field.is_some() { None } else { group };
            continue;
        }
        match key {
            "state" => pool.state = PoolState::parse(value),
            "status" => join(&mut pool.status, value),
            "scan" | "scrub" => parse_scan(pool, value),
            "errors" => join(&mut pool.errors, value),
            "config" => parse_vdev(pool, line, &mut group),
            _ => {}
        }
    }
    if pools.is_empty() {
        return Err(garbled(text));
    }
    for pool in &mut pools {
        if pool.state == PoolState::Online && (pool.errors.is_none() || pool.vdevs.is_empty()) {
            pool.state = PoolState::Unknown(CleanText::new("ONLINE, cut off"));
        }
        if let Some(scan) = &mut pool.scan {
            finish_scan(scan);
        }
    }
    Ok(pools)
}

/// ` state: ONLINE`: the key is at most six letters, set to the right, before column eight.
fn field(line: &str) -> Option<(&'static str, &str)> {
    const KEYS: [&str; 13] = [
        "pool",
        "id",
        "state",
        "status",
        "action",
        "see",
        "scan",
        "scrub",
        "config",
        "errors",
        "remove",
        "checkpoint",
        "comment",
    ];
    if line.starts_with('\t') {
        return None;
    }
    let (name, value) = line.split_once(':')?;
    let name = KEYS.into_iter().find(|key| *key == name.trim_start())?;
    Some((name, value.trim()))
}

pub(super) fn blank(name: &str) -> Pool {
    Pool {
        name: CleanText::new(name),
        state: PoolState::Unknown(CleanText::default()),
        status: None,
        scan: None,
        vdevs: Vec::new(),
        errors: None,
        size_kib: None,
        allocated_kib: None,
    }
}

/// Joins the lines of a text that was broken for the terminal.
fn join(slot: &mut Option<CleanText>, value: &str) {
    *slot = Some(match slot {
        Some(before) => CleanText::from(format!("{before} {value}")),
        None => CleanText::new(value),
    });
}

fn parse_scan(pool: &mut Pool, value: &str) {
    if value == "none requested" {
        return;
    }
    let text = pool.scan.take().map(|scan| scan.text);
    let text = text.map_or_else(
        || CleanText::new(value),
        |before| CleanText::from(format!("{before} {value}")),
    );
    pool.scan = Some(Scan {
        function: CleanText::default(),
        running: false,
        percent: None,
        left_seconds: None,
        errors: None,
        text,
    });
}

/// Reads the joined text of a scan.
fn finish_scan(scan: &mut Scan) {
    let text = scan.text.as_str();
    let first = text.split([' ', ':']).next().unwrap_or("");
    scan.function = CleanText::new(match first {
        "resilvered" | "resilver" => "resilver",
        other => other,
    });
    scan.running = text.contains("in progress");
    if scan.running {
        scan.percent = before(text, "% done")
            .and_then(float)
            .filter(|percent| (0.0..=100.0).contains(percent));
        let left = text
            .rsplit_once(" to go")
            .map(|(left, _)| left.rsplit(", ").next().unwrap_or(left));
        scan.left_seconds = left.and_then(parse_span);
    }
    scan.errors = text
        .split_once(" with ")
        .and_then(|(_, rest)| rest.split_once(" errors"))
        .and_then(|(number, _)| number.parse().ok());
}

/// The word right before a phrase.
fn before<'a>(text: &'a str, phrase: &str) -> Option<&'a str> {
    text.split_once(phrase)?.0.rsplit([' ', ',']).next()
}

/// `00:08:32`, `2 days 01:02:03`, `0h8m`, `123h45m`.
fn parse_span(text: &str) -> Option<u64> {
    let (days, time) = match text.split_once(" days ").or_else(|| text.split_once(" day ")) {
        Some((days, time)) => (days.trim().parse::<u64>().ok()?, time),
        None => (0, text.trim()),
    };
    let seconds = if let Some((hours, minutes)) = time.split_once('h') {
        let minutes: u64 = minutes.strip_suffix('m')?.parse().ok()?;
        hours
            .parse::<u64>()
            .ok()?
            .checked_mul(3600)?
            .checked_add(minutes.checked_mul(60)?)?
    } else {
        let mut parts = time.split(':').map(|part| part.parse::<u64>().ok());
        let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
        hours
            .checked_mul(3600)?
            .checked_add(minutes.checked_mul(60)?)?
            .checked_add(seconds)?
    };
    days.checked_mul(86_400)?.checked_add(seconds)
}

/// A line of the device table, or the heading of a group such as `logs`.
fn parse_vdev(pool: &mut Pool, line: &str, group: &mut Option<&'static str>) {
    const GROUPS: [&str; 5] = ["logs", "cache", "spares", "special", "dedup"];
    let text = line.strip_prefix('\t').unwrap_or(line);
    let indent = text.len() - text.trim_start_matches(' ').len();
    let mut words = text.split_ascii_whitespace();
    let Some(name) = words.next() else { return };
    let Some(state) = words.next() else {
        *group = GROUPS.into_iter().find(|group| *group == name);
        return;
    };
    if name == "NAME" && state == "STATE" {
        return;
    }
    let rest = state_end(text, state);
    let mut rest = rest.trim_start();
    let mut errors = [None; 3];
    for slot in &mut errors {
        let (word, tail) = rest.split_once(' ').unwrap_or((rest, ""));
        let Some(value) = scaled(word) else { break };
        *slot = Some(count(value));
        rest = tail.trim_start();
    }
    let note = match rest.trim() {
        "" => group.map(CleanText::new),
        note => Some(CleanText::new(note)),
    };
    pool.vdevs.push(Vdev {
        name: CleanText::new(name),
        depth: u32::try_from(indent / 2).unwrap_or(u32::MAX),
        state: PoolState::parse(state),
        read_errors: errors[0],
        write_errors: errors[1],
        checksum_errors: errors[2],
        note,
    });
}

/// What stands behind the second word of a line.
fn state_end<'a>(text: &'a str, state: &str) -> &'a str {
    let text = text.trim_start();
    let after_name = text.split_once([' ', '\t']).map_or("", |(_, rest)| rest).trim_start();
    after_name.get(state.len()..).unwrap_or("")
}

/// Size, allocated bytes and health of a pool, from `zpool list`.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolSize {
    /// Pool name.
    pub name: CleanText,
    /// Size in KiB.
    pub size_kib: Option<u64>,
    /// Allocated in KiB.
    pub allocated_kib: Option<u64>,
    /// Its health.
    pub health: PoolState,
}

/// Reads `zpool list -Hp -o name,size,alloc,free,health`.
pub fn parse_zpool_list(text: &str) -> Result<Vec<PoolSize>, Why> {
    let mut pools = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if line.contains("no pools available") {
            continue;
        }
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let [name, size, allocated, _free, health] = words[..] else {
            return Err(garbled(line));
        };
        // zfs-fuse knows no -p and prints `1.2T`.
        let kib = |word: &str| scaled(word).map(|bytes| count(bytes / 1024.0));
        pools.push(PoolSize {
            name: CleanText::new(name),
            size_kib: kib(size),
            allocated_kib: kib(allocated),
            health: PoolState::parse(health),
        });
    }
    Ok(pools)
}

/// Adds sizes to pools; a pool that only the list knows is added with its health.
pub fn merge(pools: &mut Vec<Pool>, sizes: &[PoolSize]) {
    for size in sizes {
        let at = pools.iter().position(|pool| pool.name == size.name).unwrap_or_else(|| {
            pools.push(Pool {
                state: size.health.clone(),
                ..blank(&size.name)
            });
            pools.len() - 1
        });
        pools[at].size_kib = size.size_kib;
        pools[at].allocated_kib = size.allocated_kib;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MODERN: &str = include_str!("../../../tests/captures/forms/zpool-status");
    const OLD: &str = include_str!("../../../tests/captures/forms/zpool-status-old");

    #[test]
    fn modern_status() {
        let pools = parse_zpool(MODERN).unwrap();
        assert_eq!(pools.len(), 3);
        let tank = &pools[0];
        assert_eq!((tank.name.as_str(), &tank.state), ("tank", &PoolState::Degraded));
        assert!(tank.status.as_ref().unwrap().contains("label is missing or invalid."));
        let scan = tank.scan.as_ref().unwrap();
        assert_eq!(
            (scan.function.as_str(), scan.running, scan.percent, scan.left_seconds),
            ("resilver", true, Some(16.81), Some(93_784))
        );
        let lines: Vec<_> = tank
            .vdevs
            .iter()
            .map(|v| {
                format!(
                    "{} {} {} {:?} {}",
                    v.depth,
                    v.name,
                    v.state,
                    v.checksum_errors,
                    v.note.as_deref().unwrap_or("-")
                )
            })
            .collect();
        assert_eq!(
            lines,
            [
                "0 tank DEGRADED Some(0) -",
                "1 raidz1-0 DEGRADED Some(0) -",
                "2 sda ONLINE Some(1228) -",
                "2 replacing-1 DEGRADED Some(0) -",
                "3 1234567890 UNAVAIL Some(0) was /dev/sdb1",
                "3 sdc ONLINE Some(0) (resilvering)",
                "2 sdd ONLINE Some(0) -",
                "1 nvme0n1p1 ONLINE Some(0) logs",
                "1 nvme0n1p2 ONLINE Some(0) cache",
                "1 sde AVAIL None spares",
                "1 sdf INUSE None currently in use",
            ]
        );
        let rpool = &pools[1];
        assert_eq!(
            (&rpool.state, rpool.errors.as_deref()),
            (&PoolState::Online, Some("No known data errors"))
        );
        let scan = rpool.scan.as_ref().unwrap();
        assert_eq!(
            (scan.function.as_str(), scan.running, scan.errors),
            ("scrub", false, Some(0))
        );
        assert_eq!(pools[2].state, PoolState::Suspended);
        assert_eq!(pools[2].errors.as_deref(), Some("5 data errors, use '-v' for a list"));
        let scan = pools[2].scan.as_ref().unwrap();
        assert!(!scan.running && scan.text.starts_with("scrub paused"));
    }

    /// Taken from zfs-fuse 0.7.0 on Debian 12, a mirror on files with a spare.
    #[test]
    fn a_real_pool_of_zfs_fuse() {
        let read = |name: &str| {
            let path = format!("{}/tests/captures/zfs/0.7.0-{name}", env!("CARGO_MANIFEST_DIR"));
            parse_zpool(&std::fs::read_to_string(path).unwrap()).unwrap().remove(0)
        };
        let states = ["online", "degraded", "resilvering", "checksums", "errors"].map(|name| read(name).state);
        let (online, degraded) = (PoolState::Online, PoolState::Degraded);
        assert_eq!(
            states,
            [online.clone(), degraded, online.clone(), online.clone(), online]
        );
        let scan = read("resilvering").scan.unwrap();
        assert_eq!(
            (scan.function.as_str(), scan.running, scan.percent),
            ("resilver", true, Some(25.02))
        );
        let errors = |name: &str| read(name).vdevs.iter().filter_map(|vdev| vdev.checksum_errors).max();
        assert_eq!((errors("online"), errors("checksums")), (Some(0), Some(293)));
        let lost = read("errors").errors.unwrap();
        assert_eq!(lost.as_str(), "197 data errors, use '-v' for a list");
    }

    #[test]
    fn old_status() {
        let pools = parse_zpool(OLD).unwrap();
        assert_eq!(pools.len(), 3);
        let scan = |at: usize| pools[at].scan.as_ref().unwrap();
        assert_eq!(
            (
                scan(0).function.as_str(),
                scan(0).running,
                scan(0).percent,
                scan(0).left_seconds
            ),
            ("scrub", true, Some(12.34), Some(480))
        );
        assert_eq!(
            (scan(1).function.as_str(), scan(1).running, scan(1).errors),
            ("resilver", false, Some(0))
        );
        assert_eq!(pools[2].scan, None);
        assert_eq!(pools[2].state, PoolState::Online);
        assert_eq!(pools[2].vdevs[2].name.as_str(), "/lab/d0");
    }

    #[test]
    fn no_pools_and_garbage() {
        assert_eq!(parse_zpool("no pools available\n").unwrap(), []);
        assert!(parse_zpool("all pools are healthy").is_err(), "names no pool");
        assert_eq!(parse_zpool("").unwrap(), [], "ended well and listed nothing");
        assert!(parse_zpool("internal error: failed to initialize ZFS library").is_err());
    }

    #[test]
    fn lists_add_sizes() {
        let mut pools = parse_zpool(MODERN).unwrap();
        merge(
            &mut pools,
            &parse_zpool_list("tank\t1099511627776\t1024\t5\tDEGRADED\nextra\t1.5T\t-\t-\tFAULTED\n").unwrap(),
        );
        assert_eq!((pools[0].size_kib, pools[0].allocated_kib), (Some(1 << 30), Some(1)));
        assert_eq!(
            (pools[3].name.as_str(), &pools[3].state, pools[3].allocated_kib),
            ("extra", &PoolState::Faulted, None)
        );
        assert!(parse_zpool_list("tank 1").is_err());
        assert_eq!(parse_zpool_list("no pools available\n").unwrap(), []);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), words in "(  pool: t\n| state: ONLINE\n|scan: |scrub: |% done|to go|[0-9]{1,21}|h|m|:| days |config:\n|\t  sda|ONLINE| |errors: x|\n|\t){0,50}") {
            for text in [&text, &words] {
                let mut pools = parse_zpool(text).unwrap_or_default();
                merge(&mut pools, &parse_zpool_list(text).unwrap_or_default());
            }
        }

        #[test]
        fn a_cut_text_is_never_healthier(modern in 0..MODERN.len(), old in 0..OLD.len()) {
            for (text, cut) in [(MODERN, modern), (OLD, old)] {
                let full = parse_zpool(text).unwrap();
                for pool in parse_zpool(&text[..cut]).unwrap_or_default() {
                    if pool.state == PoolState::Online {
                        let whole = full.iter().find(|full| full.name == pool.name).unwrap();
                        prop_assert_eq!(&whole.vdevs, &pool.vdevs);
                        prop_assert_eq!(&whole.state, &pool.state);
                        prop_assert_eq!(&whole.scan, &pool.scan);
                    }
                }
            }
        }
    }
}
