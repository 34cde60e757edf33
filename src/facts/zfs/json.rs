//! Reads `zpool status -j` (OpenZFS 2.3 and later, with or without `--json-int`).

use super::{Pool, PoolState, Scan, Vdev, text::blank};
use crate::facts::{
    reading::Why,
    scan::{count, garbled, scaled},
    text::CleanText,
};
use serde_json::{Map, Value};

/// Groups of devices that are not below the pool's root.
const GROUPS: [(&str, &str); 5] = [
    ("logs", "logs"),
    ("l2cache", "cache"),
    ("spares", "spares"),
    ("special", "special"),
    ("dedup", "dedup"),
];
/// Deepest tree of devices that is followed.
const DEEPEST: u32 = 8;

/// Reads `zpool status -j`.
pub fn parse_json(text: &str) -> Result<Vec<Pool>, Why> {
    let root: Value = serde_json::from_str(text).map_err(|_| garbled(text))?;
    let pools = root
        .get("pools")
        .and_then(Value::as_object)
        .ok_or_else(|| garbled(text))?;
    Ok(pools.iter().map(|(name, pool)| parse_pool(name, pool)).collect())
}

fn parse_pool(name: &str, value: &Value) -> Pool {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let mut pool = Pool {
        state: PoolState::parse(text("state").unwrap_or("")),
        status: text("status").map(|text| CleanText::from(text.replace('\n', " "))),
        scan: value.get("scan_stats").and_then(parse_scan),
        ..blank(name)
    };
    if let Some(number) = value.get("error_count").and_then(number) {
        pool.errors = Some(match count(number) {
            0 => CleanText::new("No known data errors"),
            errors => CleanText::from(format!("{errors} data errors")),
        });
    }
    let tree = |key: &str| value.get(key).and_then(Value::as_object);
    if let Some(vdevs) = tree("vdevs") {
        add(&mut pool.vdevs, vdevs, 0, None);
    }
    for (key, group) in GROUPS {
        if let Some(vdevs) = tree(key) {
            add(&mut pool.vdevs, vdevs, 1, Some(group));
        }
    }
    if pool.vdevs.is_empty() && pool.state == PoolState::Online {
        pool.state = PoolState::Unknown(CleanText::new("ONLINE, without devices"));
    }
    pool
}

fn add(out: &mut Vec<Vdev>, vdevs: &Map<String, Value>, depth: u32, group: Option<&str>) {
    for (name, vdev) in vdevs {
        let errors = |key: &str| vdev.get(key).and_then(number).map(count);
        out.push(Vdev {
            name: CleanText::new(name),
            depth,
            state: PoolState::parse(vdev.get("state").and_then(Value::as_str).unwrap_or("")),
            read_errors: errors("read_errors"),
            write_errors: errors("write_errors"),
            checksum_errors: errors("checksum_errors"),
            note: note(vdev).or_else(|| group.map(CleanText::new)),
        });
        if let Some(below) = vdev.get("vdevs").and_then(Value::as_object)
            && depth < DEEPEST
        {
            add(out, below, depth + 1, group);
        }
    }
}

fn note(vdev: &Value) -> Option<CleanText> {
    if vdev.get("resilver_deferred").is_some() {
        return Some(CleanText::new("(awaiting resilver)"));
    }
    let busy = vdev
        .get("scan_processed")
        .and_then(number)
        .is_some_and(|bytes| bytes > 0.0);
    busy.then(|| CleanText::new("(resilvering)"))
}

/// A number, or one printed as a text with a unit letter.
fn number(value: &Value) -> Option<f64> {
    value
        .as_f64()
        .or_else(|| scaled(value.as_str()?))
        .filter(|number| *number >= 0.0)
}

fn parse_scan(value: &Value) -> Option<Scan> {
    let word = |key: &str| value.get(key).and_then(Value::as_str);
    let (function, state) = (word("function")?, word("state").unwrap_or(""));
    if function == "NONE" || state == "NONE" {
        return None;
    }
    let paused = value.get("scrub_pause").is_some_and(|pause| match pause {
        Value::String(text) => !matches!(text.as_str(), "" | "-" | "0"),
        other => other.as_u64().is_some_and(|seconds| seconds > 0),
    });
    let running = state == "SCANNING" && !paused;
    let amount = |key: &str| value.get(key).and_then(number);
    let total = amount("to_examine").map(|total| total - amount("skipped").unwrap_or(0.0));
    let percent = match (amount("issued"), total) {
        (Some(issued), Some(total)) if running && total > 0.0 => Some((issued * 100.0 / total).clamp(0.0, 100.0)),
        _ => None,
    };
    let function = function.to_ascii_lowercase();
    let shown = if paused {
        "paused".to_owned()
    } else {
        state.to_ascii_lowercase()
    };
    Some(Scan {
        text: CleanText::from(format!("{function} {shown}")),
        function: CleanText::from(function),
        running,
        percent,
        left_seconds: None,
        errors: amount("errors").map(count),
    })
}

#[cfg(test)]
mod tests {
    use super::super::parse_zpool;
    use super::*;
    use proptest::prelude::*;

    const FORMS: &str = include_str!("../../../tests/captures/forms/zpool-status.json");

    #[test]
    fn pools_devices_and_scans() {
        let pools = parse_zpool(FORMS).unwrap();
        let [fine, tank] = &pools[..] else { panic!("{pools:#?}") };
        assert_eq!(
            (&fine.state, fine.errors.as_deref()),
            (&PoolState::Online, Some("No known data errors"))
        );
        assert_eq!(fine.vdevs[1].state, PoolState::Healthy);
        assert!(
            fine.scan
                .as_ref()
                .is_some_and(|scan| !scan.running && scan.errors == Some(0) && scan.percent.is_none())
        );
        assert_eq!(
            (&tank.state, tank.errors.as_deref()),
            (&PoolState::Degraded, Some("3 data errors"))
        );
        let scan = tank.scan.as_ref().unwrap();
        assert_eq!(
            (scan.function.as_str(), scan.running, scan.percent),
            ("resilver", true, Some(25.0))
        );
        let names: Vec<_> = tank
            .vdevs
            .iter()
            .map(|v| (v.depth, &*v.name, v.note.as_deref()))
            .collect();
        assert_eq!(
            names,
            [
                (0, "tank", None),
                (1, "mirror-0", None),
                (2, "sda", None),
                (2, "sdb", Some("(resilvering)")),
                (1, "nvme0n1", Some("logs")),
                (1, "sde", Some("spares")),
            ]
        );
        assert_eq!(tank.vdevs[2].checksum_errors, Some(1228));
        assert!(parse_json("{}").is_err());
        assert_eq!(
            parse_json(r#"{"pools":{"x":{"state":"ONLINE"}}}"#).unwrap()[0]
                .state
                .as_str(),
            "ONLINE, without devices"
        );
    }

    proptest! {
        #[test]
        fn a_cut_or_changed_text_never_panics(cut in 0..FORMS.trim_end().len(), at in 0..FORMS.len(), byte in any::<u8>()) {
            prop_assert!(parse_json(&FORMS[..cut]).is_err());
            let mut bytes = FORMS.as_bytes().to_vec();
            bytes[at] = byte;
            let _ = parse_json(&String::from_utf8_lossy(&bytes));
        }
    }
}
