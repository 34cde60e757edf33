//! A draft says what the hosts show, and loads without errors whatever they show.

mod pairs;

use super::draft;
use crate::{
    facts::{
        CleanText, Reading, Snapshot, UnixMs,
        drbd::{DrbdConnection, DrbdDisk, DrbdRole, DrbdVolume},
        filesystem::Mount,
        identity::Identity,
        mysql::{Flavour, Galera, GaleraStatus, Mysql, ReplicaChannel, ReplicaThread},
        network::Address,
        nfs::NfsExport,
        zfs::{Pool, PoolState},
    },
    fleet::{self, Loaded, TopologyKind},
};
use proptest::prelude::*;
use std::{net::IpAddr, path::Path};

const AT: UnixMs = UnixMs(1);

fn host(name: &str) -> Snapshot {
    Snapshot {
        identity: Reading::known(
            Identity {
                hostname: name.into(),
                os: "Debian GNU/Linux 12 (bookworm)".into(),
                kernel: "6.1.0-44-amd64".into(),
                ..Identity::default()
            },
            AT,
        ),
        ..Snapshot::default()
    }
}

fn volume(resource: &str, minor: u32, peer: Option<&str>, role: DrbdRole) -> DrbdVolume {
    DrbdVolume {
        resource: Some(resource.into()),
        volume: 0,
        minor: Some(minor),
        peer: peer.map(CleanText::new),
        connection: DrbdConnection::Connected,
        peer_role: if role == DrbdRole::Primary {
            DrbdRole::Secondary
        } else {
            DrbdRole::Primary
        },
        role,
        disk: DrbdDisk::UpToDate,
        peer_disk: DrbdDisk::UpToDate,
        protocol: Some('C'),
        out_of_sync_kib: Some(0),
        pending: None,
        unacked: None,
        sync: None,
        suspended: None,
        quorum: None,
        may_promote: None,
        size_kib: None,
        version: None,
    }
}

fn mount(source: &str, at: &str, fs_type: &str) -> Mount {
    Mount {
        device_number: "0:1".into(),
        at: at.into(),
        fs_type: fs_type.into(),
        source: source.into(),
        writable: true,
        options: "rw".into(),
    }
}

fn export(path: &str, client: &str, options: &[&str]) -> NfsExport {
    NfsExport {
        path: path.into(),
        client: client.into(),
        options: options.iter().map(|option| CleanText::new(option)).collect(),
    }
}

fn address(ip: &str, prefix: u8, secondary: bool) -> Address {
    Address {
        interface: "eth0".into(),
        ip: ip.parse().expect("an address"),
        prefix,
        secondary,
    }
}

fn pool(name: &str) -> Pool {
    Pool {
        name: name.into(),
        state: PoolState::Online,
        status: None,
        scan: None,
        vdevs: Vec::new(),
        errors: None,
        size_kib: None,
        allocated_kib: None,
    }
}

fn mysql(sources: &[&str], galera: Option<&str>) -> Mysql {
    Mysql {
        flavour: Flavour::Mariadb,
        version: "10.11.6-MariaDB".into(),
        server_id: None,
        server_uuid: None,
        read_only: Some(!sources.is_empty()),
        super_read_only: None,
        gtid_executed: None,
        gtid_binlog_state: None,
        gtid_slave_pos: None,
        threads_running: None,
        connections: None,
        max_connections: None,
        buffer_pool_hit_percent: None,
        uptime_seconds: None,
        queries: None,
        semi_sync_source: None,
        semi_sync_replica: None,
        channels: sources
            .iter()
            .map(|source| ReplicaChannel {
                name: "".into(),
                source_host: (*source).into(),
                source_port: Some(3306),
                source_uuid: None,
                source_server_id: None,
                io_running: ReplicaThread::Yes,
                sql_running: ReplicaThread::Yes,
                seconds_behind: Some(0),
                io_error: None,
                sql_error: None,
                gtid_received: None,
                gtid_applied: None,
            })
            .collect(),
        heartbeat_lag_seconds: None,
        heartbeat_own_seconds: None,
        answered_us: None,
        replicas: Vec::new(),
        galera: galera.map(|uuid| Galera {
            cluster_status: GaleraStatus::Primary,
            local_state: "Synced".into(),
            ready: Some(true),
            connected: Some(true),
            cluster_size: Some(3),
            state_uuid: uuid.into(),
            conf_id: None,
            flow_control_paused: None,
            last_committed: None,
        }),
        errors: Vec::new(),
    }
}

fn loads(text: &str) -> Loaded {
    let loaded = fleet::load(Path::new("draft.yaml"), text, &|_| Err("no includes".to_owned()));
    assert!(
        !loaded.has_errors() && loaded.fleet.is_some(),
        "{}\n{text}",
        fleet::diagnostic::render(&loaded.diagnostics)
    );
    loaded
}

/// A pair as `tests` of the lab have it, one client, and a replication tree.
fn fleet_of_five() -> Vec<(String, Snapshot)> {
    let usual = [
        "sync",
        "wdelay",
        "hide",
        "no_subtree_check",
        "fsid=1001",
        "sec=sys",
        "rw",
        "secure",
        "no_root_squash",
    ];
    let stor1 = Snapshot {
        drbd: Reading::known(vec![volume("web1", 0, None, DrbdRole::Primary)], AT),
        mounts: Reading::known(
            vec![
                mount("/dev/drbd0", "/srv/web 1", "ext4"),
                mount("/dev/md1", "/srv/plain", "xfs"),
            ],
            AT,
        ),
        exports: Reading::known(
            vec![
                export("/srv/web 1", "10.77.0.0/24", &usual),
                export("/srv/plain", "*", &["rw"]),
            ],
            AT,
        ),
        addresses: Reading::known(
            vec![address("10.77.0.11", 24, false), address("10.77.0.100", 24, true)],
            AT,
        ),
        ..host("stor1.example.net")
    };
    let stor2 = Snapshot {
        drbd: Reading::known(vec![volume("web1", 0, None, DrbdRole::Secondary)], AT),
        ..host("stor2.example.net")
    };
    let access1 = Snapshot {
        mounts: Reading::known(
            vec![
                mount("10.77.0.100:/srv/web 1", "/data", "nfs4"),
                mount("10.99.0.1:/elsewhere", "/other", "nfs"),
            ],
            AT,
        ),
        ..host("no")
    };
    let db1 = Snapshot {
        mysql: Reading::known(mysql(&[], None), AT),
        ..host("db1")
    };
    let db2 = Snapshot {
        mysql: Reading::known(mysql(&["db1.example.net"], None), AT),
        ..host("db2")
    };
    [
        ("root@10.77.0.11", stor1),
        ("10.77.0.12:2222", stor2),
        ("10.77.0.21", access1),
        ("10.77.0.31", db1),
        ("10.77.0.32", db2),
    ]
    .map(|(address, snapshot)| (address.to_owned(), snapshot))
    .to_vec()
}

#[test]
fn a_draft_says_what_the_hosts_show() {
    let text = draft(&fleet_of_five());
    let loaded = loads(&text);
    let fleet = loaded.fleet.expect("a fleet");
    let (segment, slice) = fleet.slice("web1").expect("the slice web1");
    let servers: Vec<&str> = segment.servers.iter().map(fleet::HostName::as_str).collect();
    assert_eq!(servers, ["stor1", "stor2"]);
    assert_eq!(slice.resource.as_deref(), Some("web1"));
    assert_eq!(
        (slice.device.as_str(), slice.mount_point.as_str()),
        ("/dev/drbd0", "/srv/web 1")
    );
    assert_eq!(slice.preferred.as_str(), "stor1");
    assert_eq!(slice.standby.as_ref().map(fleet::HostName::as_str), Some("stor2"));
    let export = slice.export.as_ref().expect("an export");
    assert_eq!(export.clients, ["10.77.0.0/24"]);
    assert_eq!(export.options, ["sync", "fsid=1001", "rw", "no_root_squash"]);
    let service = slice.service_address.expect("a service address");
    assert_eq!(
        (service.ip, service.prefix),
        ("10.77.0.100".parse::<IpAddr>().expect("ip"), 24)
    );
    let (_, plain) = fleet.slice("plain").expect("the slice plain");
    assert!(plain.unreplicated && plain.resource.is_none());
    let stor2 = fleet.host("stor2").expect("stor2");
    assert_eq!((stor2.address.as_str(), stor2.port), ("10.77.0.12", Some(2222)));
    assert_eq!(fleet.host("stor1").and_then(|host| host.user.as_deref()), Some("root"));
    let access = fleet.host("no").expect("a host called no");
    assert_eq!(
        (access.mounts[0].slice.as_str(), access.mounts[0].at.as_str()),
        ("web1", "/data")
    );
    assert!(
        text.contains("# choose: it mounts 10.99.0.1:/elsewhere at /other"),
        "{text}"
    );
    assert_eq!(
        text.matches("heartbeat:").count(),
        1,
        "for the topology, not for each host: {text}"
    );
    assert!(
        text.contains("\n    # choose: `mysql: { heartbeat: DATABASE.TABLE }` for each member"),
        "{text}"
    );
    let topology = fleet.topology_of("db2").expect("a topology");
    assert_eq!(topology.kind, TopologyKind::Replication);
    assert_eq!(
        topology.preferred_source.as_ref().map(fleet::HostName::as_str),
        Some("db1")
    );
    assert!(fleet.host("db1").is_some_and(|host| host.mysql.is_some()));
}

#[test]
fn names_of_peers_tell_pairs_apart() {
    let storage = |name: &str, peer: &str, role| Snapshot {
        drbd: Reading::known(vec![volume("r0", 0, Some(peer), role)], AT),
        pools: Reading::known(vec![pool("tank"), pool(name)], AT),
        ..host(name)
    };
    let text = draft(&[
        ("a1".to_owned(), storage("a1", "a2", DrbdRole::Primary)),
        ("b1".to_owned(), storage("b1", "b2", DrbdRole::Secondary)),
        ("a2".to_owned(), storage("a2", "a1", DrbdRole::Secondary)),
        ("b2".to_owned(), storage("b2", "b1", DrbdRole::Secondary)),
        ("c1".to_owned(), storage("c1", "c2", DrbdRole::Primary)),
    ]);
    let fleet = loads(&text).fleet.expect("a fleet");
    let of = |host: &str| fleet.segment_of(host).expect("a segment");
    assert_eq!(of("a1").name, of("a2").name);
    assert_eq!(of("b1").name, of("b2").name);
    assert_ne!(of("a1").name, of("b1").name);
    assert_eq!(of("a1").pools, ["tank"]);
    assert_eq!(of("c1").servers.len(), 1);
    assert!(
        text.contains("choose: its replica is on c2, which was not looked at"),
        "{text}"
    );
    assert!(text.contains("choose: it is primary nowhere now"), "{text}");
    assert!(text.contains("choose: only a1 has the pool a1"), "{text}");
}

#[test]
fn the_same_name_twice_without_peers_is_left_to_a_person() {
    let storage = |name: &str| Snapshot {
        drbd: Reading::known(vec![volume("r0", 0, None, DrbdRole::Secondary)], AT),
        ..host(name)
    };
    let found: Vec<_> = ["x1", "x2", "x3"].map(|name| (name.to_owned(), storage(name))).to_vec();
    let text = draft(&found);
    loads(&text);
    for others in ["x2 or x3", "x1 or x3", "x1 or x2"] {
        let doubt = format!("choose: its replica may be on {others}");
        assert!(text.contains(&doubt), "{doubt}: {text}");
    }
}

#[test]
fn clusters_circles_and_strangers() {
    let server = |name: &str, sources: &[&str], galera| {
        let snapshot = Snapshot {
            mysql: Reading::known(mysql(sources, galera), AT),
            ..host(name)
        };
        (name.to_owned(), snapshot)
    };
    let text = draft(&[
        server("g1", &[], Some("uuid-1")),
        server("g2", &[], Some("uuid-1")),
        server("g3", &[], Some("uuid-1")),
        server("lost", &[], Some("")),
        server("m1", &["m2"], None),
        server("m2", &["m1"], None),
        server("r1", &["far.example.net"], None),
    ]);
    let fleet = loads(&text).fleet.expect("a fleet");
    let members = |host: &str| fleet.topology_of(host).map_or(0, |topology| topology.members.len());
    assert_eq!(
        (members("g2"), members("lost"), members("m1"), members("r1")),
        (3, 1, 2, 1)
    );
    assert!(
        text.contains("choose: `source:`; the servers replicate in a circle"),
        "{text}"
    );
    assert!(text.contains("choose: r1 replicates from far.example.net"), "{text}");
}

#[test]
fn nothing_found_is_still_an_inventory() {
    loads(&draft(&[]));
    loads(&draft(&[("10.0.0.1".to_owned(), Snapshot::default())]));
    let text = draft(&[
        ("10.0.0.1".to_owned(), Snapshot::default()),
        ("10.0.0.1".to_owned(), Snapshot::default()),
        ("-oProxyCommand=x".to_owned(), Snapshot::default()),
    ]);
    assert_eq!(loads(&text).fleet.expect("a fleet").hosts.len(), 1);
    assert!(text.contains("# 10.0.0.1: given twice"));
}

/// Words that hosts may print: good ones, ones that YAML reads otherwise, and hostile ones.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-c]",
        2 => "(/srv|/dev|/)[a-b]?(/[a-b])?",
        1 => Just("/dev/drbd0".to_owned()),
        1 => "(no|null|true|~|1e3|0x1f|\\.inf|- a|a: b|a #b|\\*a|&a|!a|%a|@a|\"|'|\\[|\\{|\\|)",
        1 => "10\\.0\\.0\\.[0-3](:/[ab])?",
        1 => "fe80::[0-2]",
        1 => "fsid=[01]",
        1 => "\\PC{0,6}",
        1 => any::<String>(),
    ]
}

prop_compose! {
    fn any_host()(
        name in word(),
        volumes in proptest::collection::vec((word(), 0_u32..3, proptest::option::of(word()), any::<bool>()), 0..4),
        mounts in proptest::collection::vec((word(), word(), any::<bool>()), 0..5),
        exports in proptest::collection::vec((word(), word(), proptest::collection::vec(word(), 0..3)), 0..4),
        addresses in proptest::collection::vec((0_u8..4, 0_u8..40, any::<bool>()), 0..4),
        pools in proptest::collection::vec(word(), 0..3),
        sources in proptest::option::of(proptest::collection::vec(word(), 0..3)),
        galera in proptest::option::of(word()),
    ) -> Snapshot {
        let role = |primary| if primary { DrbdRole::Primary } else { DrbdRole::Secondary };
        let volumes: Vec<_> = volumes
            .iter()
            .map(|(name, minor, peer, primary)| volume(name, *minor, peer.as_deref(), role(*primary)))
            .collect();
        let mounts = mounts
            .iter()
            .map(|(source, at, nfs)| mount(source, at, if *nfs { "nfs" } else { "ext4" }))
            .collect();
        let exports = exports
            .iter()
            .map(|(path, client, options)| {
                export(path, client, &options.iter().map(String::as_str).collect::<Vec<_>>())
            })
            .collect();
        let addresses = addresses
            .iter()
            .map(|(last, prefix, secondary)| address(&format!("10.0.0.{last}"), (*prefix).min(32), *secondary))
            .collect();
        Snapshot {
            drbd: Reading::known(volumes, AT),
            mounts: Reading::known(mounts, AT),
            exports: Reading::known(exports, AT),
            addresses: Reading::known(addresses, AT),
            pools: Reading::known(pools.iter().map(|name| pool(name)).collect(), AT),
            mysql: sources.map_or(Reading::absent(AT), |sources| {
                let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
                Reading::known(mysql(&sources, galera.as_deref()), AT)
            }),
            ..host(&name)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_hosts_make_a_draft_that_loads(found in proptest::collection::vec((word(), any_host()), 0..6)) {
        loads(&draft(&found));
    }

    #[test]
    fn any_text_survives_quoting(text in any::<String>()) {
        let clean = CleanText::new(&text).to_string();
        let yaml = format!("fleet: {}\nhosts: {{a: }}\n", super::print::scalar(&clean));
        let loaded = fleet::load(Path::new("x"), &yaml, &|_| Err(String::new()));
        match loaded.fleet {
            Some(fleet) => prop_assert_eq!(fleet.name, clean),
            None => prop_assert!(clean.trim().is_empty(), "{}", fleet::diagnostic::render(&loaded.diagnostics)),
        }
    }
}
