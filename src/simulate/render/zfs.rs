//! `zpool status` (text and JSON), `zpool list` and the ARC.

use super::put;
use crate::simulate::{
    island::Island,
    node::{Node, whole},
    zfs::{Pool, ScanKind},
};

pub(super) fn arcstats(node: &Node, out: &mut String) {
    let Some(pool) = &node.pool else { return };
    let [hits, misses, l2_hits, l2_misses] = pool.arc.map(whole);
    let max = node.memory_kib * 1024 / 2;
    for (name, value) in [
        ("hits", hits),
        ("misses", misses),
        ("c", max - (max >> 5)),
        ("c_max", max),
        ("size", max - (max >> 4)),
        ("l2_hits", l2_hits),
        ("l2_misses", l2_misses),
        ("l2_size", 214_748_364_800),
    ] {
        put!(out, "{name:<31} 4    {value}\n");
    }
}

pub(in crate::simulate) fn list(node: &Node, out: &mut String) {
    let Some(pool) = &node.pool else { return };
    put!(
        out,
        "{}\t{}\t{}\t{}\t{}\n",
        pool.name,
        pool.size_kib * 1024,
        whole(pool.allocated_kib * 1024.0),
        pool.size_kib * 1024 - whole(pool.allocated_kib * 1024.0),
        pool.state()
    );
}

pub(super) fn status(island: &Island, node: &Node, out: &mut String) {
    let Some(pool) = &node.pool else { return };
    if pool.json {
        json(island, pool, out);
    } else {
        text(island, pool, out);
    }
}

/// A date as zpool prints it: `Sat Nov 21 01:41:49 2026`.
fn date(island: &Island, ms: i64) -> String {
    let seconds = island.epoch.as_secs_f64() + ms as f64 / 1000.0;
    jiff::Timestamp::from_second(i64::try_from(whole(seconds)).unwrap_or(0)).map_or_else(
        |_| String::from("Thu Jan  1 00:00:00 1970"),
        |time| time.strftime("%a %b %e %H:%M:%S %Y").to_string(),
    )
}

fn scan(island: &Island, pool: &Pool, out: &mut String) {
    let Some((kind, done)) = pool.scan else {
        let (last, date) = (pool.last, date(island, pool.scanned_ms));
        match (last.kind, last.cancelled) {
            // A resilver whose device was detached is forgotten.
            (ScanKind::Resilver, true) => put!(out, "  scan: resilvered 0 in 00:00:01 with 0 errors on {date}\n"),
            (ScanKind::Resilver, false) => put!(
                out,
                "  scan: resilvered {} in 00:02:44 with {} errors on {date}\n",
                whole(pool.allocated_kib * 1024.0),
                last.errors
            ),
            (ScanKind::Scrub, true) => put!(out, "  scan: scrub canceled on {date}\n"),
            (ScanKind::Scrub, false) => put!(
                out,
                "  scan: scrub repaired {} in 05:12:44 with {} errors on {date}\n",
                last.repaired_kib * 1024,
                last.errors
            ),
        }
        return;
    };
    let (word, past) = match kind {
        ScanKind::Scrub => ("scrub", "repaired"),
        ScanKind::Resilver => ("resilver", "resilvered"),
    };
    let total = pool.allocated_kib * 1024.0;
    let did = if kind == ScanKind::Scrub {
        0
    } else {
        whole(total * done / 8.0)
    };
    let now = date(island, i64::try_from(island.now_ms).unwrap_or(0));
    if pool.paused {
        put!(
            out,
            "  scan: {word} paused since {now}\n\t{word} started on {now}\n\t{} scanned, {} issued, {} total\n\t{did} {past}, {:.2}% done\n",
            whole(total),
            whole(total * done),
            whole(total),
            done * 100.0
        );
        return;
    }
    let left = whole((1.0 - done) * pool.scan_s);
    put!(
        out,
        "  scan: {word} in progress since {now}\n\t{} scanned at 41231686041/s, {} issued at 38654705664/s, {} total\n\t{did} {past}, {:.2}% done, 00:{:02}:{:02} to go\n",
        whole(total),
        whole(total * done),
        whole(total),
        done * 100.0,
        left / 60,
        left % 60
    );
}

/// `zpool status` as text, in the form that every ZFS knows.
pub(in crate::simulate) fn text(island: &Island, pool: &Pool, out: &mut String) {
    put!(out, "  pool: {}\n state: {}\n", pool.name, pool.state());
    if pool.lost > 0 {
        out.push_str("status: One or more devices has experienced an error resulting in data\n\tcorruption.  Applications may be affected.\naction: Restore the file in question if possible.  Otherwise restore the\n\tentire pool from backup.\n");
    } else if pool.faulted.is_some() {
        out.push_str("status: One or more devices are faulted in response to persistent errors.\n\tSufficient replicas exist for the pool to continue functioning in a\n\tdegraded state.\naction: Replace the faulted device, or use 'zpool clear' to mark the device\n\trepaired.\n");
    } else if let Some((ScanKind::Resilver, _)) = pool.scan {
        out.push_str("status: One or more devices is currently being resilvered.  The pool will\n\tcontinue to function, possibly in a degraded state.\naction: Wait for the resilver to complete.\n");
    }
    scan(island, pool, out);
    put!(out, "config:\n\n\tNAME        STATE     READ WRITE CKSUM\n");
    let state = pool.state();
    put!(
        out,
        "\t{:<10}  {state:<8}     0     0     0\n\t  {:<8}  {state:<8}     0     0     0\n",
        pool.name,
        pool.group()
    );
    for (at, device) in pool.devices.iter().enumerate() {
        let state = pool.state_of(at);
        let errors = if state == "FAULTED" {
            "    3   217     0  too many errors"
        } else {
            "    0     0     0"
        };
        match &pool.replacing {
            Some((slot, new)) if *slot == at => {
                let joint = if state == "FAULTED" { "DEGRADED" } else { "ONLINE" };
                put!(
                    out,
                    "\t    replacing-{at}  {joint:<8}     0     0     0\n\t      {device:<4}  {state:<8} {errors}\n\t      {new:<4}  ONLINE       0     0     0  (resilvering)\n"
                );
            }
            _ => put!(out, "\t    {device:<6}  {state:<8} {errors}\n"),
        }
    }
    match pool.lost {
        0 => out.push_str("\nerrors: No known data errors\n"),
        lost => put!(out, "\nerrors: {lost} data errors, use '-v' for a list\n"),
    }
}

fn json(island: &Island, pool: &Pool, out: &mut String) {
    let name = &pool.name;
    let state = pool.state();
    let total = whole(pool.allocated_kib * 1024.0);
    let unix = |ms: i64| whole(island.epoch.as_secs_f64() + ms as f64 / 1000.0);
    put!(
        out,
        "{{\"output_version\":{{\"command\":\"zpool status\",\"vers_major\":0,\"vers_minor\":1}},\"pools\":{{\"{name}\":{{\"name\":\"{name}\",\"state\":\"{state}\",\"pool_guid\":11530216217412443116,\"txg\":{},\"spa_version\":5000,\"zpl_version\":5,",
        2_000_000 + island.now_ms / 5000
    );
    if pool.faulted.is_some() {
        out.push_str("\"status\":\"One or more devices are faulted in response to persistent errors.\\n\\tSufficient replicas exist for the pool to continue functioning in a\\n\\tdegraded state.\\n\",\"action\":\"Replace the faulted device, or use 'zpool clear' to mark the device\\n\\trepaired.\\n\",");
    }
    let function = |kind| match kind {
        ScanKind::Scrub => "SCRUB",
        ScanKind::Resilver => "RESILVER",
    };
    let (function, word, done, end) = match pool.scan {
        Some((kind, done)) => (function(kind), "SCANNING", done, 0),
        None if pool.last.cancelled => (function(pool.last.kind), "CANCELED", 1.0, unix(pool.scanned_ms)),
        None => (function(pool.last.kind), "FINISHED", 1.0, unix(pool.scanned_ms)),
    };
    let since = if pool.paused { unix(pool.scanned_ms) } else { 0 };
    let examined = whole(total as f64 * done);
    put!(
        out,
        "\"scan_stats\":{{\"function\":\"{function}\",\"state\":\"{word}\",\"start_time\":{},\"end_time\":{end},\"to_examine\":{total},\"examined\":{examined},\"skipped\":0,\"processed\":0,\"errors\":{},\"bytes_per_scan\":{examined},\"pass_start\":{},\"scrub_pause\":{since},\"scrub_spent_paused\":0,\"issued_bytes_per_scan\":{examined},\"issued\":{examined}}},",
        unix(pool.scanned_ms) - 18_764,
        pool.last.errors,
        unix(pool.scanned_ms) - 18_764
    );
    let space = format!(
        "\"alloc_space\":{total},\"total_space\":{},\"def_space\":{}",
        pool.size_kib * 1024,
        pool.size_kib * 768
    );
    let group = pool.group();
    let kind = if pool.parity == 0 { "mirror" } else { "raidz" };
    let well = "\"read_errors\":0,\"write_errors\":0,\"checksum_errors\":0";
    put!(
        out,
        "\"vdevs\":{{\"{name}\":{{\"name\":\"{name}\",\"vdev_type\":\"root\",\"guid\":11530216217412443116,\"class\":\"normal\",\"state\":\"{state}\",{space},{well},\"vdevs\":{{\"{group}\":{{\"name\":\"{group}\",\"vdev_type\":\"{kind}\",\"guid\":7118432108821743401,\"class\":\"normal\",\"state\":\"{state}\",{space},{well},\"vdevs\":{{"
    );
    let disk = |at: usize, name: &str, state: &str, more: &str| {
        let errors = if state == "FAULTED" {
            "\"read_errors\":3,\"write_errors\":217,\"checksum_errors\":0"
        } else {
            well
        };
        format!(
            "\"{name}\":{{\"name\":\"{name}\",\"vdev_type\":\"disk\",\"guid\":{},\"path\":\"/dev/{name}1\",\"class\":\"normal\",\"state\":\"{state}\",{more}{errors}}}",
            4_815_162_342_000_u64 + at as u64
        )
    };
    for (at, device) in pool.devices.iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let (state, old) = (pool.state_of(at), disk(at, device, pool.state_of(at), ""));
        match &pool.replacing {
            Some((slot, new)) if *slot == at => {
                let joint = if state == "FAULTED" { "DEGRADED" } else { "ONLINE" };
                let new = disk(at + pool.devices.len(), new, "ONLINE", "\"scan_processed\":512,");
                put!(
                    out,
                    "{comma}\"replacing-{at}\":{{\"name\":\"replacing-{at}\",\"vdev_type\":\"replacing\",\"class\":\"normal\",\"state\":\"{joint}\",{well},\"vdevs\":{{{old},{new}}}}}"
                );
            }
            _ => put!(out, "{comma}{old}"),
        }
    }
    put!(out, "}}}}}}}}}},\"error_count\":{}}}}}}}\n", pool.lost);
}
