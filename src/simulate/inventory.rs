//! Inventories of the embedded fleets: the demo fleet as checked types, and any fleet as YAML.

use super::{
    demo::{ACCESS, CLIENTS, SLICES, service_address},
    mirror::SITE,
};
use crate::fleet::{
    Backup, BackupHooks, Domains, ExpectedMount, Export, Fleet, Host, HostName, MysqlAccess, Poll, Probe, ProbeParser,
    Segment, ServiceAddress, Shell, Slice, SliceName, Topology, TopologyKind,
};
use std::{fmt::Write as _, net::IpAddr, time::Duration};

/// What the inventory says of each host: name, rack, roles, generation.
const HOSTS: [(&str, &str, &[&str], &str); 30] = [
    ("stor1", "lax-a1", &["storage"], "2021"),
    ("stor2", "lax-a2", &["storage"], "2021"),
    ("stor3", "lax-a1", &["storage"], "2023"),
    ("stor4", "lax-a2", &["storage"], "2023"),
    ("stor5", "ams-b1", &["storage"], "2024"),
    ("stor6", "ams-b2", &["storage"], "2024"),
    ("zfs1", "lax-a2", &["storage"], "2022"),
    ("backup1", "ams-b2", &["backup"], "2022"),
    ("access1", "lax-a1", &["node"], "2023"),
    ("access2", "lax-a2", &["node"], "2023"),
    ("access3", "lax-a1", &["node"], "2023"),
    ("access4", "lax-a2", &["node"], "2023"),
    ("access5", "lax-a1", &["node"], "2023"),
    ("access6", "ams-b1", &["node"], "2024"),
    ("access7", "ams-b2", &["node"], "2024"),
    ("access8", "ams-b1", &["node"], "2024"),
    ("db1", "lax-a1", &["mysql"], "2022"),
    ("db2", "lax-a2", &["mysql"], "2022"),
    ("db3", "ams-b1", &["mysql"], "2022"),
    ("shop1", "lax-a2", &["mysql"], "2021"),
    ("shop2", "lax-a1", &["mysql"], "2021"),
    ("gal1", "lax-a1", &["mysql"], "2024"),
    ("gal2", "lax-a2", &["mysql"], "2024"),
    ("gal3", "ams-b2", &["mysql"], "2024"),
    ("mail1", "lax-a1", &["mail"], "2020"),
    ("web1", "lax-a1", &["web"], "2023"),
    ("web2", "lax-a2", &["web"], "2023"),
    ("lb1", "lax-a1", &["balancer"], "2023"),
    ("lb2", "lax-a2", &["balancer"], "2023"),
    ("ups1", "ams-b1", &["power"], "2019"),
];

/// The demo fleet's inventory.
pub(super) fn demo() -> Fleet {
    let hosts = HOSTS.iter().map(host).collect();
    let segments = (0..3).map(segment).chain([pools()]).collect();
    let topology = |name: &str, kind, members: &[&str], source: Option<&str>| Topology {
        name: name.into(),
        kind,
        members: members.iter().map(|member| HostName::new(member)).collect(),
        preferred_source: source.map(HostName::new),
        entrance: None,
        backup: (name == "db-main").then(|| backup(name)),
    };
    let topologies = vec![
        topology(
            "db-main",
            TopologyKind::Replication,
            &["db1", "db2", "db3"],
            Some("db1"),
        ),
        topology("db-shop", TopologyKind::Replication, &["shop1", "shop2"], Some("shop1")),
        topology("db-sessions", TopologyKind::Galera, &["gal1", "gal2", "gal3"], None),
    ];
    Fleet::new(
        "grid-demo".to_owned(),
        Some("DEMO".to_owned()),
        Poll::default(),
        hosts,
        segments,
        topologies,
    )
}

fn host(&(name, rack, roles, generation): &(&str, &str, &[&str], &str)) -> Host {
    let mut host = Host::new(name, &format!("{name}.sim"));
    let site = rack.split('-').next().unwrap_or(rack);
    host.roles = roles.iter().map(|role| (*role).to_owned()).collect();
    host.generation = Some(generation.to_owned());
    host.domains = Domains {
        site: Some(site.to_owned()),
        rack: Some(rack.to_owned()),
        feeds: [format!("{rack}-feed")].into(),
        switches: [format!("{rack}-switch")].into(),
    };
    if let Some((_, first, last)) = ACCESS.iter().find(|(access, ..)| *access == name) {
        host.mounts = SLICES[*first..=*last]
            .iter()
            .map(|(slice, ..)| ExpectedMount {
                slice: SliceName::new(slice),
                at: format!("/mnt/{slice}"),
            })
            .collect();
    }
    if roles.contains(&"mysql") {
        host.mysql = Some(MysqlAccess {
            heartbeat: (!name.starts_with("gal")).then(|| "percona.heartbeat".to_owned()),
            replication_file: (!name.starts_with("gal")).then(|| "/etc/mysql/replication.cnf".to_owned()),
            ..MysqlAccess::default()
        });
    }
    match name {
        "mail1" => host.probes = vec![queue()],
        "ups1" => {
            host.shell = Shell::None;
            host.probes = vec![
                probe("charge", "show battery", r"charge:\s+(\d+)", "%", |probe| {
                    probe.warning_below = Some(80.0);
                    probe.critical_below = Some(40.0);
                }),
                probe("load", "show load", r"load:\s+(\d+)", "%", |probe| {
                    probe.warning_above = Some(80.0);
                    probe.critical_above = Some(95.0);
                }),
                probe("battery", "show battery", r"status:\s+(\w+)", "", |probe| {
                    probe.expect = Some("normal".to_owned());
                }),
            ];
        }
        _ => {}
    }
    host
}

fn queue() -> Probe {
    Probe {
        name: "queue".to_owned(),
        command: vec!["/usr/local/bin/queue-length".to_owned()],
        parser: ProbeParser::JsonPointer("/deferred".to_owned()),
        unit: Some("mails".to_owned()),
        every: Duration::from_secs(10),
        warning_above: Some(500.0),
        critical_above: Some(5000.0),
        warning_below: None,
        critical_below: None,
        expect: None,
    }
}

#[expect(
    clippy::expect_used,
    reason = "the patterns are literals of this file, each compiled by a test"
)]
fn probe(name: &str, command: &str, pattern: &str, unit: &str, limit: impl FnOnce(&mut Probe)) -> Probe {
    let mut probe = Probe {
        name: name.to_owned(),
        command: command.split(' ').map(str::to_owned).collect(),
        parser: ProbeParser::Regex(regex::Regex::new(pattern).expect("a literal pattern")),
        unit: (!unit.is_empty()).then(|| unit.to_owned()),
        every: Duration::from_secs(10),
        warning_above: None,
        critical_above: None,
        warning_below: None,
        critical_below: None,
        expect: None,
    };
    limit(&mut probe);
    probe
}

fn segment(index: usize) -> Segment {
    let slices = SLICES
        .iter()
        .enumerate()
        .skip(index * 2)
        .take(2)
        .map(|(at, (name, preferred, standby, ..))| Slice {
            name: SliceName::new(name),
            resource: Some(format!("r{at}")),
            device: format!("/dev/drbd{at}"),
            mount_point: format!("/srv/{name}"),
            export: Some(Export {
                path: format!("/srv/{name}"),
                clients: vec![CLIENTS.to_owned()],
                options: vec!["rw".to_owned(), "sync".to_owned(), format!("fsid={}", 1001 + at)],
            }),
            service_address: Some(ServiceAddress {
                ip: IpAddr::V4(service_address(at)),
                prefix: 22,
            }),
            preferred: HostName::new(preferred),
            standby: Some(HostName::new(standby)),
            backup: Some(backup(name)),
            unreplicated: false,
        })
        .collect();
    Segment {
        name: format!("seg-{}", index + 1).as_str().into(),
        servers: [1, 2]
            .map(|side| HostName::new(&format!("stor{}", index * 2 + side)))
            .to_vec(),
        slices,
        pools: Vec::new(),
    }
}

/// Backups on backup1, by the commands of this company.
fn backup(of: &str) -> Backup {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Backup {
        on: HostName::new("backup1"),
        hooks: Some(BackupHooks {
            list: words(&[SITE, "backups", of]),
            restore: words(&[SITE, "restore", of, "{backup}", "{into}"]),
            fetch: None,
            scratch: "/vault/test".to_owned(),
            expect: Vec::new(),
            every: Duration::from_hours(26),
            tested: Duration::from_hours(35 * 24),
        }),
    }
}

fn pools() -> Segment {
    Segment {
        name: "zfs".into(),
        servers: vec![HostName::new("zfs1")],
        slices: Vec::new(),
        pools: vec!["tank".to_owned()],
    }
}

/// A text as YAML writes it in double quotes (a JSON string is one).
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| quoted(item.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

/// Names of one kind of failure domain.
type Pick = fn(&Domains) -> Vec<&String>;

/// Writes a fleet as an inventory file, every host with its own settings.
pub(super) fn yaml(fleet: &Fleet) -> String {
    let mut out = String::with_capacity(200 * fleet.hosts.len());
    let _ = writeln!(out, "fleet: {}", quoted(&fleet.name));
    if let Some(label) = &fleet.label {
        let _ = writeln!(out, "label: {}", quoted(label));
    }
    let sets: [(&str, Pick); 4] = [
        ("sites", |domains| domains.site.iter().collect()),
        ("racks", |domains| domains.rack.iter().collect()),
        ("feeds", |domains| domains.feeds.iter().collect()),
        ("switches", |domains| domains.switches.iter().collect()),
    ];
    for (key, pick) in sets {
        let names: std::collections::BTreeSet<_> = fleet.hosts.iter().flat_map(|host| pick(&host.domains)).collect();
        if !names.is_empty() {
            let _ = writeln!(out, "{key}:");
        }
        for name in names {
            let _ = writeln!(out, "  {}: {{}}", quoted(name));
        }
    }
    out.push_str("hosts:\n");
    for host in &fleet.hosts {
        write_host(&mut out, host);
    }
    if !fleet.segments.is_empty() {
        out.push_str("segments:\n");
    }
    for segment in &fleet.segments {
        write_segment(&mut out, segment);
    }
    if !fleet.topologies.is_empty() {
        out.push_str("topologies:\n");
    }
    for topology in &fleet.topologies {
        let _ = writeln!(out, "  {}:", quoted(topology.name.as_str()));
        let kind = match topology.kind {
            TopologyKind::Replication => "replication",
            TopologyKind::Galera => "galera",
        };
        let _ = writeln!(
            out,
            "    kind: {kind}\n    members: {}",
            list(topology.members.iter().map(HostName::as_str))
        );
        if let Some(source) = &topology.preferred_source {
            let _ = writeln!(out, "    source: {}", quoted(source.as_str()));
        }
        write_backup(&mut out, "    ", topology.backup.as_ref());
    }
    out
}

fn write_host(out: &mut String, host: &Host) {
    let _ = writeln!(out, "  {}:", quoted(host.name.as_str()));
    let _ = writeln!(out, "    address: {}", quoted(&host.address));
    if host.shell == Shell::None {
        out.push_str("    shell: none\n");
    }
    let _ = writeln!(out, "    roles: {}", list(&host.roles));
    if let Some(generation) = &host.generation {
        let _ = writeln!(out, "    generation: {}", quoted(generation));
    }
    for (key, name) in [("site", &host.domains.site), ("rack", &host.domains.rack)] {
        if let Some(name) = name {
            let _ = writeln!(out, "    {key}: {}", quoted(name));
        }
    }
    for (key, names) in [("feeds", &host.domains.feeds), ("switches", &host.domains.switches)] {
        if !names.is_empty() {
            let _ = writeln!(out, "    {key}: {}", list(names));
        }
    }
    if !host.mounts.is_empty() {
        out.push_str("    mounts:\n");
    }
    for mount in &host.mounts {
        let _ = writeln!(
            out,
            "      - {{slice: {}, at: {}}}",
            quoted(mount.slice.as_str()),
            quoted(&mount.at)
        );
    }
    if let Some(mysql) = &host.mysql {
        let keys = [
            ("heartbeat", &mysql.heartbeat),
            ("replication_file", &mysql.replication_file),
        ];
        let written = keys
            .into_iter()
            .filter_map(|(key, value)| Some(format!("{key}: {}", quoted(value.as_ref()?))));
        let _ = writeln!(out, "    mysql: {{{}}}", written.collect::<Vec<_>>().join(", "));
    }
    if !host.probes.is_empty() {
        out.push_str("    probes:\n");
    }
    for probe in &host.probes {
        write_probe(out, probe);
    }
}

fn write_probe(out: &mut String, probe: &Probe) {
    let _ = writeln!(out, "      {}:", quoted(&probe.name));
    let _ = writeln!(out, "        command: {}", list(&probe.command));
    let _ = match &probe.parser {
        ProbeParser::Regex(regex) => writeln!(out, "        regex: {}", quoted(regex.as_str())),
        ProbeParser::JsonPointer(pointer) => writeln!(out, "        json: {}", quoted(pointer)),
    };
    if let Some(unit) = &probe.unit {
        let _ = writeln!(out, "        unit: {}", quoted(unit));
    }
    let _ = writeln!(out, "        every: {}ms", probe.every.as_millis());
    for (key, limit) in [
        ("warning_above", probe.warning_above),
        ("critical_above", probe.critical_above),
        ("warning_below", probe.warning_below),
        ("critical_below", probe.critical_below),
    ] {
        if let Some(limit) = limit {
            let _ = writeln!(out, "        {key}: {limit:?}");
        }
    }
    if let Some(expect) = &probe.expect {
        let _ = writeln!(out, "        expect: {}", quoted(expect));
    }
}

fn write_segment(out: &mut String, segment: &Segment) {
    let _ = writeln!(out, "  {}:", quoted(segment.name.as_str()));
    let _ = writeln!(
        out,
        "    servers: {}",
        list(segment.servers.iter().map(HostName::as_str))
    );
    if !segment.pools.is_empty() {
        let _ = writeln!(out, "    pools: {}", list(&segment.pools));
    }
    if !segment.slices.is_empty() {
        out.push_str("    slices:\n");
    }
    for slice in &segment.slices {
        let _ = writeln!(out, "      {}:", quoted(slice.name.as_str()));
        let mut put = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                let _ = writeln!(out, "        {key}: {}", quoted(value));
            }
        };
        put("resource", slice.resource.as_deref());
        put("device", Some(&slice.device));
        put("mount_point", Some(&slice.mount_point));
        put("preferred", Some(slice.preferred.as_str()));
        put("standby", slice.standby.as_ref().map(HostName::as_str));
        let address = slice
            .service_address
            .map(|address| format!("{}/{}", address.ip, address.prefix));
        put("service_address", address.as_deref());
        if let Some(export) = &slice.export {
            let _ = writeln!(
                out,
                "        export: {{path: {}, clients: {}, options: {}}}",
                quoted(&export.path),
                list(&export.clients),
                list(&export.options)
            );
        }
        write_backup(out, "        ", slice.backup.as_ref());
    }
}

fn write_backup(out: &mut String, margin: &str, backup: Option<&Backup>) {
    let Some(backup) = backup else { return };
    let _ = writeln!(out, "{margin}backup:\n{margin}  on: {}", quoted(backup.on.as_str()));
    let Some(hooks) = &backup.hooks else { return };
    let _ = writeln!(
        out,
        "{margin}  list: {}\n{margin}  restore: {}\n{margin}  scratch: {}\n{margin}  every: {}s\n{margin}  tested: {}s",
        list(&hooks.list),
        list(&hooks.restore),
        quoted(&hooks.scratch),
        hooks.every.as_secs(),
        hooks.tested.as_secs()
    );
    if let Some(fetch) = &hooks.fetch {
        let _ = writeln!(out, "{margin}  fetch: {}", list(fetch));
    }
    if !hooks.expect.is_empty() {
        let _ = writeln!(out, "{margin}  expect: {}", list(&hooks.expect));
    }
}
