//! The formats, against what real machines print, and the views of both sides against each other.

use super::{calm, tokio_clock};
use crate::{
    facts::Section,
    simulate::{Fault, Simulation, render},
};
use std::time::Duration;

fn text(sim: &Simulation, host: &str, section: Section) -> String {
    sim.world()
        .with(host, |island, at| {
            let mut out = String::new();
            render::section(island, at, section, &mut out);
            out
        })
        .unwrap()
}

#[test]
fn a_rebuild_reads_as_the_kernel_writes_it() {
    let (sim, hand) = calm();
    sim.world()
        .inject(&Fault::Rebuild {
            host: "stor1".into(),
            array: "md0".into(),
            slot: 2,
        })
        .unwrap();
    hand.forward(Duration::from_secs(40));
    let mdstat = text(&sim, "stor1", Section::Mdstat);
    let md0: Vec<&str> = mdstat
        .lines()
        .skip_while(|line| !line.starts_with("md0"))
        .take(3)
        .collect();
    assert_eq!(md0[0], "md0 : active raid5 sdd[4] sdc[1] sdb[0]");
    assert_eq!(
        md0[1],
        "      468596736 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/2] [UU_]"
    );
    let pattern = regex::Regex::new(
        r"^      \[==>\.{17}\]  recovery = 1[0-9]\.[0-9]% \(\d+/234298368\) finish=[0-9]\.[0-9]min speed=\d+K/sec$",
    )
    .unwrap();
    assert!(pattern.is_match(md0[2]), "{}", md0[2]);
}

#[test]
fn both_sides_of_a_resync_tell_the_same_story() {
    let (sim, hand) = calm();
    let fault = Fault::PairPartitioned("slice-a".to_owned());
    sim.world().inject(&fault).unwrap();
    hand.forward(Duration::from_secs(2));
    let survivor = text(&sim, "stor1", Section::Drbd);
    assert!(
        survivor.contains(" 0: cs:WFConnection ro:Primary/Unknown ds:UpToDate/DUnknown C r-----"),
        "{survivor}"
    );
    let status = text(&sim, "stor1", Section::DrbdStatus);
    assert!(status.contains("  peer connection:Connecting role:Unknown congested:no\n    volume:0 replication:Off peer-disk:DUnknown resync-suspended:no\n"));
    sim.world().fleet(|island| island.replicas[0].sides[0].dirty_kib += 4e6);
    sim.world().clear(&fault).unwrap();
    hand.forward(Duration::from_secs(10));
    let source = text(&sim, "stor1", Section::Drbd);
    let target = text(&sim, "stor2", Section::Drbd);
    assert!(
        source.contains(" 0: cs:SyncSource ro:Primary/Secondary ds:UpToDate/Inconsistent C r-----"),
        "{source}"
    );
    assert!(
        target.contains(" 0: cs:SyncTarget ro:Secondary/Primary ds:Inconsistent/UpToDate C r-----"),
        "{target}"
    );
    let pattern = regex::Regex::new(
        r"(?m)^\t\[=+>\.+\] sync'ed: [0-9]{2}\.[0-9]% \(\d+/\d+\)K\n\tfinish: 0:00:\d\d speed: 112,000 \(112,000\)(?: want: 112,000)? K/sec$",
    )
    .unwrap();
    assert!(pattern.is_match(&source) && pattern.is_match(&target), "{source}");
}

#[test]
fn drbd_9_answers_in_json_and_zfs_too() {
    let (sim, _) = calm();
    let status: serde_json::Value = serde_json::from_str(&text(&sim, "stor5", Section::DrbdStatus)).unwrap();
    assert_eq!(status[0]["name"], "r4");
    assert_eq!(status[0]["role"], "Primary");
    assert_eq!(status[1]["role"], "Secondary");
    assert_eq!(
        status[0]["connections"][0]["peer_devices"][0]["replication-state"],
        "Established"
    );
    assert!(text(&sim, "stor5", Section::Drbd).starts_with("version: 9.2"));
    assert!(text(&sim, "stor6", Section::DrbdEvents).contains("may_promote:"));
    sim.world().inject(&Fault::PoolDegraded("backup1".to_owned())).unwrap();
    let pool: serde_json::Value = serde_json::from_str(&text(&sim, "backup1", Section::Zpool)).unwrap();
    let vdevs = &pool["pools"]["vault"]["vdevs"]["vault"]["vdevs"]["raidz2-0"]["vdevs"];
    assert_eq!(
        (&pool["pools"]["vault"]["state"], &vdevs["sdd"]["state"]),
        (&"DEGRADED".into(), &"FAULTED".into())
    );
    assert!(text(&sim, "zfs1", Section::Zpool).contains("\n\t    sdb     ONLINE       0     0     0\n"));
}

#[test]
fn database_blocks_have_their_form() {
    let (sim, _) = calm();
    let replica = text(&sim, "db2", Section::Mysql);
    assert!(replica.starts_with("#version\n8.0.37\tMySQL Community Server - GPL\n#variables\n"));
    assert!(replica.contains("  Replica_IO_Running: Yes\n"), "{replica}");
    assert!(replica.contains("\nsuper_read_only\tON\n"));
    let source = text(&sim, "db1", Section::Mysql);
    assert!(
        source.contains("\nsuper_read_only\tOFF\n") && source.contains("#replicas\n2\tdb2\t3306\t1\t"),
        "{source}"
    );
    assert!(text(&sim, "shop2", Section::Mysql).contains("  Slave_IO_Running: Yes\n"));
    assert!(text(&sim, "gal1", Section::Mysql).contains("\nwsrep_cluster_status\tPrimary\n"));
    sim.world().inject(&Fault::ErrantGtid("db3".to_owned())).unwrap();
    let errant = text(&sim, "db3", Section::Mysql);
    let line = errant.lines().find(|line| line.starts_with("gtid_executed\t")).unwrap();
    assert!(line.ends_with("c80aa9400003:1-3"), "{line}");
}

#[test]
fn clients_follow_their_servers() {
    let (sim, hand) = calm();
    let stats = text(&sim, "access1", Section::Mountstats);
    assert!(
        stats.starts_with("device 10.20.0.101:/srv/slice-a mounted on /mnt/slice-a with fstype nfs statvers=1.1\n")
    );
    assert!(text(&sim, "access6", Section::Mountstats).contains("with fstype nfs4 statvers=1.1"));
    assert_eq!(text(&sim, "access1", Section::Statfs).lines().count(), 4);
    assert!(text(&sim, "stor1", Section::NfsClients).contains("v3 10.20.1.19:/srv/slice-a"));
    sim.world().inject(&Fault::HostKilled("stor1".to_owned())).unwrap();
    hand.forward(Duration::from_secs(9));
    assert!(text(&sim, "access1", Section::Statfs).starts_with("hung 9 /mnt/slice-a\nok 0 /mnt/slice-b\n"));
}

#[tokio::test(start_paused = true)]
async fn clocks_are_right_unless_they_are_skewed() {
    let sim = Simulation::calm(1, tokio_clock());
    tokio::time::sleep(Duration::from_secs(100)).await;
    let shown = |host: &str| {
        let text = text(&sim, host, Section::Uptime);
        let (up, btime) = text.split_once("\nbtime ").unwrap();
        up.split(' ').next().unwrap().parse::<f64>().unwrap() + btime.parse::<f64>().unwrap()
    };
    let now = (super::START + 100) as f64;
    assert!((shown("web1") - now).abs() < 1.0);
    sim.world()
        .inject(&Fault::ClockSkew {
            host: "web1".into(),
            seconds: -30.0,
        })
        .unwrap();
    assert!((shown("web1") - now + 30.0).abs() < 1.0);
}

#[test]
fn inventories_are_whole() {
    let (sim, _) = calm();
    let fleet = sim.fleet();
    assert_eq!(fleet.hosts.len(), 30);
    for host in &fleet.hosts {
        assert!(
            sim.world().place(&host.address).is_some(),
            "{} is declared and not there",
            host.name
        );
    }
    assert_eq!(sim.world().hosts().count(), 30);
    for (segment, slice) in fleet.slices() {
        assert_eq!(segment.servers.len(), 2);
        let domains = |name: &str| fleet.host(name).unwrap().domains.clone();
        let [a, b] = [
            domains(segment.servers[0].as_str()),
            domains(segment.servers[1].as_str()),
        ];
        assert!(a.feeds.is_disjoint(&b.feeds), "a pair on one feed");
        sim.world().fleet(|island| {
            let replica = &island.replicas[island.replica(slice.name.as_str()).unwrap()];
            assert_eq!(Some(&replica.resource), slice.resource.as_ref());
            assert_eq!(replica.device(), slice.device);
            assert_eq!(&*island.nodes[replica.sides[0].node].name, slice.preferred.as_str());
            assert_eq!(std::net::IpAddr::V4(replica.address), slice.service_address.unwrap().ip);
        });
    }
    let yaml = sim.inventory();
    assert!(yaml.starts_with("fleet: \"grid-demo\"\nlabel: \"DEMO\"\n"));
    assert!(yaml.contains("        regex: \"charge:\\\\s+(\\\\d+)\"\n"));
    assert_eq!(sim.known_hosts().lines().count(), 30);
    assert!(sim.client_key_file().starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"));
}
