//! The example inventory: it loads without a word, and it shows every key there is.

use super::{super::schema, clean};
use crate::fleet::{HostName, ReachBy, Shell};
use serde_json::Value;
use std::{collections::BTreeSet, time::Duration};

pub(super) const EXAMPLE: &str = include_str!("../../../inventory.example.yaml");

#[test]
fn the_example_loads_and_means_what_it_says() {
    let fleet = clean(EXAMPLE);
    assert_eq!(fleet.name, "Northlight Hosting");
    assert_eq!(fleet.label.as_deref(), Some("PRODUCTION"));
    assert_eq!(fleet.hosts.len(), 15);
    let stor1 = fleet.host("stor1").expect("stor1");
    assert_eq!(stor1.address, "10.20.0.11");
    assert_eq!(
        stor1.jump.as_deref(),
        Some(["watch@gate1.northlight.example:2222".to_owned()].as_slice())
    );
    assert!(stor1.sudo);
    assert_eq!(stor1.domains.site.as_deref(), Some("lax"));
    assert_eq!(stor1.domains.feeds, BTreeSet::from(["lax-a".to_owned()]));
    assert_eq!(stor1.probes.len(), 1);
    let gate = fleet.host("gate1").expect("gate1");
    assert_eq!((gate.jump.as_deref(), gate.port), (Some([].as_slice()), Some(2222)));
    assert_eq!(fleet.host("here").expect("here").reach, ReachBy::Local);
    assert_eq!(fleet.host("ups1").expect("ups1").shell, Shell::None);
    let access = fleet.host("access3").expect("access3");
    assert_eq!(access.address, "10.20.1.13");
    assert_eq!(access.domains.feeds.len(), 2);
    let mounts: Vec<_> = access
        .mounts
        .iter()
        .map(|m| (m.slice.as_str(), m.at.as_str()))
        .collect();
    assert_eq!(
        mounts,
        [
            ("web-1", "/srv/web-1"),
            ("web-2", "/srv/web-2"),
            ("mail-1", "/srv/mail-1")
        ]
    );
    let backup = fleet.host("backup1").expect("backup1");
    assert_eq!(backup.poll.interval, Duration::from_secs(10));
    assert_eq!(backup.mounts[1].at, "/mnt/web-2");
    let (segment, slice) = fleet.slice("web-2").expect("web-2");
    assert_eq!(segment.name.as_str(), "web");
    assert_eq!(slice.preferred.as_str(), "stor2");
    assert_eq!(slice.standby.as_ref().map(HostName::as_str), Some("stor1"));
    let backup = slice.backup.as_ref().expect("web-2 has a backup");
    assert_eq!(backup.on.as_str(), "backup1");
    let hooks = backup.hooks.as_ref().expect("how it is tested");
    assert_eq!(hooks.list, ["/usr/local/sbin/site-backup", "list", "web-2"]);
    assert_eq!(
        hooks.restoring("{into}.tar", "/srv/scratch/x"),
        [
            "/usr/local/sbin/site-backup",
            "restore",
            "web-2",
            "{into}.tar",
            "/srv/scratch/x"
        ]
    );
    assert_eq!(hooks.every, Duration::from_hours(26));
    assert_eq!(
        slice.export.as_ref().map(|export| export.path.as_str()),
        Some("/srv/web-2")
    );
    let db1 = fleet.host("db1").expect("db1");
    assert!((db1.thresholds.lag_warning_seconds - 5.0).abs() < f64::EPSILON);
    let mysql = db1.mysql.as_ref().expect("access");
    assert_eq!(mysql.heartbeat.as_deref(), Some("percona.heartbeat"));
    let mysql = fleet.host("gal2").expect("gal2").mysql.as_ref().expect("access");
    assert_eq!(mysql.datadir.as_deref(), Some("/data/mysql"));
    let words = |command: &Option<Vec<String>>| command.as_ref().map(|words| words.join(" "));
    assert_eq!(
        words(&mysql.start_new_cluster).as_deref(),
        Some("galera_new_cluster mariadb@cluster")
    );
}

/// Property names anywhere in a schema.
fn keys(schema: &Value, out: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get("properties") {
                out.extend(properties.keys().cloned());
            }
            map.values().for_each(|value| keys(value, out));
        }
        Value::Array(list) => list.iter().for_each(|value| keys(value, out)),
        _ => {}
    }
}

#[test]
fn the_example_shows_every_key_of_the_schema() {
    let schema: Value = serde_json::from_str(&schema()).expect("the schema is JSON");
    let mut all = BTreeSet::new();
    keys(&schema, &mut all);
    assert!(all.len() > 70, "the walk finds keys: {}", all.len());
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| line.split(" #").next().unwrap_or_default())
        .filter(|line| !line.starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n");
    let missing: Vec<&String> = all
        .iter()
        .filter(|key| {
            let key = format!("{key}:");
            let mut found = uncommented.match_indices(&key);
            !found.any(|(at, _)| uncommented[..at].ends_with([' ', '{', '\n']) || at == 0)
        })
        .collect();
    assert!(missing.is_empty(), "not in inventory.example.yaml: {missing:?}");
}

#[test]
fn every_key_of_the_schema_is_described() {
    fn check(at: &str, schema: &Value, bare: &mut Vec<String>) {
        if let Value::Object(map) = schema {
            if let Some(Value::Object(properties)) = map.get("properties") {
                for (key, value) in properties {
                    if value
                        .get("description")
                        .and_then(Value::as_str)
                        .is_none_or(str::is_empty)
                    {
                        bare.push(format!("{at}.{key}"));
                    }
                }
            }
            map.iter()
                .for_each(|(key, value)| check(&format!("{at}/{key}"), value, bare));
        }
    }
    let schema: Value = serde_json::from_str(&schema()).expect("the schema is JSON");
    let mut bare = Vec::new();
    check("", &schema, &mut bare);
    assert!(bare.is_empty(), "no description: {bare:?}");
    assert_eq!(schema["additionalProperties"], Value::Bool(false));
}
