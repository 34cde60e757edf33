//! Whole fleets over many ticks: who is told to be slow, who is not, and in which words.

mod backup;
mod fleet;

use super::{Blamed, Op};
use crate::{
    facts::{CleanText, Reading, md::MdAction, md::MdSync},
    verdict::{Code, Finding, Severity, failslow::State},
};
use fleet::{Fault, Island, told};
use std::time::Duration;

const CRITICAL: Severity = Severity::Critical;
const WARNING: Severity = Severity::Warning;
const NOTICE: Severity = Severity::Notice;

fn evidence(findings: &[Finding], code: Code) -> String {
    let found = findings.iter().find(|finding| finding.code == code);
    found.map_or_else(String::new, |finding| finding.evidence.to_string())
}

/// A fleet that has been watched for ten minutes.
fn settled(clients: usize) -> Island {
    let mut island = Island::new(clients);
    let findings = island.run(600);
    assert_eq!(told(&findings), []);
    island
}

/// All that was ever said during these seconds, each once.
fn ever(island: &mut Island, seconds: u64) -> Vec<(Code, String, Severity)> {
    let mut said = Vec::new();
    island.watch(seconds, &mut |_, findings| said.extend(told(findings)));
    said.sort();
    said.dedup();
    said
}

/// Seconds until something is said, and what is said at the end.
fn until_told(island: &mut Island, faults: Vec<Fault>, seconds: u64) -> (Option<u64>, Vec<Finding>) {
    island.faults = faults;
    let begun = island.now;
    let mut first = None;
    let findings = island.watch(seconds, &mut |at, findings| {
        if first.is_none() && !told(findings).is_empty() {
            first = Some(at.since(begun).as_secs());
        }
    });
    (first, findings)
}

#[test]
fn a_healthy_fleet_says_nothing() {
    let mut island = Island::new(8);
    assert_eq!(ever(&mut island, 3600), []);
    let latency = island.latency();
    // Five disks, read and write, of four servers; one disk of eight clients; four mounts, four kinds; a poll each.
    assert_eq!(latency.len(), 4 * 10 + 8 * 2 + 8 * 16 + 12);
    let grid = latency.grid(Op::NfsWrite);
    assert_eq!((grid.rows.len(), grid.columns.len()), (8, 4));
    for cell in grid.rows.iter().flat_map(|row| row.cells.iter().flatten()) {
        assert!((0.7..1.4).contains(&cell.ratio) && cell.counts, "{cell:?}");
    }
}

#[test]
fn a_slow_disk_is_its_hosts_and_clears() {
    let mut island = settled(8);
    let faults = vec![Fault::Disk("stor3", "sdc", 6.0), Fault::Server("stor3", 4.0)];
    let (first, findings) = until_told(&mut island, faults, 90);
    assert_eq!(told(&findings), [(Code::SemiFailed, "stor3".into(), CRITICAL)]);
    assert!(first.expect("told") <= 45, "{first:?}");
    let text = evidence(&findings, Code::SemiFailed);
    assert!(text.starts_with("sdc "), "{text}");
    for part in [
        "its 3 peers for",
        "8 of 8 clients agree",
        "path clean",
        "too → server stor3",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let latency = island.latency();
    let grid = latency.grid(Op::NfsWrite);
    let framed: Vec<&str> = grid
        .columns
        .iter()
        .filter(|one| one.blamed)
        .map(|one| &*one.name)
        .collect();
    assert_eq!(framed, ["stor3"]);
    assert!(grid.rows.iter().all(|row| !row.blamed && row.busy.is_empty()));
    island.faults.clear();
    assert_eq!(told(&island.run(180)), []);
}

#[test]
fn a_server_slow_for_all_its_clients_is_to_blame_though_its_disks_are_not() {
    let mut island = settled(8);
    let (first, findings) = until_told(&mut island, vec![Fault::Server("stor3", 2.0)], 120);
    assert_eq!(told(&findings), [(Code::SemiFailed, "stor3".into(), CRITICAL)]);
    assert!(first.expect("told") <= 60, "{first:?}");
    let text = evidence(&findings, Code::SemiFailed);
    for part in [
        "8 of 8 clients agree",
        "its disks no slower than their peers",
        "path clean",
        "→ server stor3",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let finding = findings.iter().find(|one| one.code == Code::SemiFailed).expect("told");
    assert_eq!(finding.hosts.len(), 8, "its clients are concerned");
}

#[test]
fn one_way_is_a_path_and_one_client_a_client() {
    let mut island = settled(8);
    let (_, findings) = until_told(&mut island, vec![Fault::Path("access3", "stor2", 5.0)], 120);
    assert_eq!(told(&findings), [(Code::PathSlow, "access3→stor2".into(), WARNING)]);
    island.faults = Vec::new();
    assert_eq!(told(&island.run(240)), []);
    let (_, findings) = until_told(&mut island, vec![Fault::Client("access5", 4.0)], 120);
    assert_eq!(told(&findings), [(Code::SemiFailed, "access5".into(), WARNING)]);
    let text = evidence(&findings, Code::SemiFailed);
    assert!(
        text.ends_with("slow at 4 of the 4 servers it sees → client access5"),
        "{text}"
    );
}

#[test]
fn a_busy_server_is_not_blamed() {
    let mut island = settled(8);
    for load in [2.0, 3.0, 5.0] {
        island.faults = vec![Fault::Load("stor3", load)];
        assert_eq!(ever(&mut island, 900), [], "{load}");
        island.faults = Vec::new();
        assert_eq!(ever(&mut island, 900), [], "after {load}");
    }
}

#[test]
fn an_overloaded_client_blames_nobody_and_is_named_as_an_observer() {
    let mut island = settled(8);
    island.faults = vec![Fault::Client("access2", 8.0), Fault::Pressure("access2", 70.0)];
    let said = ever(&mut island, 300);
    assert_eq!(said, [(Code::ObserverBusy, "access2".into(), NOTICE)]);
    let grid = island.latency().grid(Op::NfsRead);
    let busy: Vec<&str> = grid
        .rows
        .iter()
        .filter(|row| !row.busy.is_empty())
        .map(|row| row.host.as_str())
        .collect();
    assert_eq!(busy, ["access2"]);
    let row = grid
        .rows
        .iter()
        .find(|row| row.host.as_str() == "access2")
        .expect("there");
    assert!(row.cells.iter().flatten().all(|cell| !cell.counts));
    island.faults.clear();
    assert_eq!(told(&island.run(120)), []);
}

#[test]
fn what_stood_against_a_client_is_forgotten_when_its_word_has_not_counted_for_long() {
    let against = |latency: &super::Latency| {
        let at = latency.by_name[&crate::fleet::HostName::new("access2")];
        let groups = latency.groups.iter().filter(|peers| peers.key.op().is_nfs());
        groups
            .flat_map(|peers| {
                peers
                    .members
                    .iter()
                    .enumerate()
                    .map(move |(place, member)| (peers, place, member))
            })
            .filter(|(peers, place, member)| member.host == at && peers.group.state(*place) != State::Ok)
            .count()
    };
    let mut island = settled(8);
    island.faults = vec![Fault::Client("access2", 20.0)];
    island.run(60);
    assert!(against(&island.latency()) > 0);
    // From now on it is overloaded, and nothing that it says is believed.
    island.faults = vec![Fault::Pressure("access2", 90.0)];
    island.run(300);
    assert!(
        against(&island.latency()) > 0,
        "what is not known is not taken back at once"
    );
    island.run(600);
    assert_eq!(
        against(&island.latency()),
        0,
        "nothing has confirmed it for ten minutes"
    );
}

#[test]
fn a_client_whose_requests_wait_in_its_own_queue_blames_no_server() {
    let mut island = settled(3);
    island.faults = vec![Fault::Client("access2", 3.0), Fault::Queue("access2", 4.0)];
    let said = ever(&mut island, 300);
    assert!(said.iter().all(|(_, subject, _)| subject == "access2"), "{said:?}");
    let latency = island.latency();
    assert!(
        latency.busy("access2").is_some_and(|why| why.contains("its own queue")),
        "{:?}",
        latency.busy("access2")
    );
}

#[test]
fn a_console_that_is_starved_or_cut_off_blames_nobody() {
    let mut island = settled(4);
    let slow: Vec<Fault> = ["stor1", "stor2", "stor3", "stor4", "access1", "access2"]
        .map(|host| Fault::Slow(host, 8.0))
        .to_vec();
    island.faults = slow;
    let said = ever(&mut island, 300);
    assert_eq!(said, [(Code::GroupSlow, "console".into(), NOTICE)]);
    island.observer_doubtful = true;
    let said: Vec<_> = ever(&mut island, 300)
        .into_iter()
        .filter(|one| one.0 != Code::ObserverBusy)
        .collect();
    assert!(said.iter().all(|(_, subject, _)| subject == "console"), "{said:?}");
}

#[test]
fn one_host_that_answers_the_console_late_is_that_host_or_the_way_to_it() {
    let mut island = settled(6);
    let (_, findings) = until_told(&mut island, vec![Fault::Slow("access4", 6.0)], 120);
    assert_eq!(told(&findings), [(Code::PathSlow, "console→access4".into(), NOTICE)]);
}

#[test]
fn what_is_told_of_one_host_neither_goes_nor_comes_when_the_others_or_the_console_are_late_for_a_poll() {
    let mut island = settled(6);
    let late = || Fault::Slow("access4", 6.0);
    let (first, _) = until_told(&mut island, vec![late()], 120);
    assert!(first.is_some());
    let stands = |findings: &[Finding]| told(findings).contains(&(Code::PathSlow, "console→access4".into(), NOTICE));
    for turn in 0..20 {
        island.faults = vec![late()];
        assert!(stands(&island.run(3)), "{turn}");
        island.observer_doubtful = true;
        assert!(stands(&island.run(1)), "{turn}: the console is late");
        island.observer_doubtful = false;
        let others = ["access1", "access2", "access3", "access5", "access6"];
        island.faults.extend(others.map(|host| Fault::Slow(host, 6.0)));
        assert!(stands(&island.run(1)), "{turn}: the others are late");
    }
    island.faults = Vec::new();
    assert_eq!(told(&island.run(120)), []);
}

#[test]
fn the_secondarys_disk_that_slows_the_primary_is_to_blame_and_not_the_primary() {
    let mut island = settled(8);
    island.edit = Some(Box::new(|host, snapshot| {
        let mut volumes = snapshot.drbd.value().cloned().unwrap_or_default();
        for volume in &mut volumes {
            // stor3 is primary of c, whose replica is on stor4.
            if volume.resource.as_deref() == Some("r-c") {
                volume.pending = Some(if host == "stor3" { 24 } else { 0 });
                volume.unacked = Some(if host == "stor4" { 20 } else { 0 });
            }
        }
        snapshot.drbd = Reading::known(volumes, snapshot.at);
    }));
    let faults = vec![Fault::Disk("stor4", "sdd", 6.0), Fault::Writes("stor3", 4.0)];
    let (_, findings) = until_told(&mut island, faults, 120);
    assert_eq!(told(&findings), [(Code::SemiFailed, "stor4".into(), CRITICAL)]);
    let text = evidence(&findings, Code::SemiFailed);
    assert!(text.contains("stor3 waits for its answers on c"), "{text}");
}

/// The array of stor2 is being checked.
fn checked() -> fleet::Edit {
    Box::new(|host, snapshot| {
        if host == "stor2" {
            let mut array = fleet::array();
            array.sync = Some(MdSync {
                action: MdAction::Check,
                percent: Some(37.0),
                speed_kib_per_second: None,
                left_seconds: None,
                waiting: None,
            });
            snapshot.md = Reading::known(vec![array], snapshot.at);
        }
    })
}

#[test]
fn a_check_explains_one_slow_disk_of_its_array_and_not_one_that_is_far_slower() {
    let mut island = settled(2);
    island.edit = Some(checked());
    let (_, findings) = until_told(&mut island, vec![Fault::Disk("stor2", "sdc", 2.6)], 150);
    assert_eq!(
        told(&findings),
        [(Code::GroupSlow, "stor2 disks of an array".into(), NOTICE)]
    );
    let text = evidence(&findings, Code::GroupSlow);
    assert!(text.ends_with("explained: stor2 md0 runs a check (37 %)"), "{text}");
    // In the picture it is in alarm, and excused: a frame would be blame.
    let alarmed = |island: &Island| -> Vec<(bool, String)> {
        let latency = island.latency();
        let rows = [Op::DiskRead, Op::DiskWrite]
            .into_iter()
            .flat_map(|op| latency.grid(op).rows);
        let cells = rows.flat_map(|row| row.cells).flatten();
        let alarmed = cells.filter(|cell| cell.state.is_alarm());
        alarmed
            .map(|cell| (cell.explained, latency.why(cell.stream).unwrap_or_default()))
            .collect()
    };
    let excused = alarmed(&island);
    assert!(!excused.is_empty(), "nothing is in alarm");
    for (explained, why) in excused {
        assert!(explained && why.contains("explained: stor2 md0 runs a check"), "{why}");
    }
    island.faults = vec![Fault::Disk("stor2", "sdc", 9.0)];
    assert_eq!(told(&island.run(60)), [(Code::SemiFailed, "stor2".into(), WARNING)]);
    for (explained, why) in alarmed(&island) {
        assert!(!explained && !why.contains("explained"), "{why}");
    }
}

#[test]
fn all_disks_together_are_a_group_and_a_check_explains_it() {
    let mut island = settled(2);
    let (_, findings) = until_told(&mut island, vec![Fault::AllDisks("stor2", 4.0)], 200);
    let said = told(&findings);
    assert!(
        said.iter().all(|(code, subject, severity)| {
            *code == Code::GroupSlow && subject.starts_with("stor2 disks") && *severity == WARNING
        }),
        "{said:?}"
    );
    assert!(!said.is_empty());
    island.edit = Some(checked());
    let findings = island.run(20);
    assert!(
        told(&findings).iter().all(|one| one.2 == NOTICE),
        "{:?}",
        told(&findings)
    );
    let text = evidence(&findings, Code::GroupSlow);
    assert!(text.ends_with("explained: stor2 md0 runs a check (37 %)"), "{text}");
}

#[test]
fn the_only_client_of_a_server_cannot_tell_the_way_from_its_end() {
    let mut island = Island::with(2, |hosts| {
        for host in hosts.iter_mut().filter(|host| host.name.as_str() == "access2") {
            host.mounts.retain(|mount| mount.slice.as_str() != "d");
        }
    });
    island.run(600);
    let (_, findings) = until_told(&mut island, vec![Fault::Server("stor4", 5.0)], 120);
    let said = told(&findings);
    assert_eq!(said.len(), 1, "{said:?}");
    let text = findings
        .iter()
        .find(|one| one.code == said[0].0)
        .expect("told")
        .evidence
        .to_string();
    assert!(text.contains("cannot tell") && text.contains("server stor4"), "{text}");
}

#[test]
fn a_host_out_of_sight_keeps_its_verdict_unknown_and_alarms_nothing_new() {
    let mut island = settled(8);
    island.faults = vec![Fault::Server("stor3", 4.0)];
    island.run(120);
    island.faults.push(Fault::Lost("stor3"));
    let findings = island.run(60);
    let semi: Vec<_> = findings.iter().filter(|one| one.code == Code::SemiFailed).collect();
    assert_eq!(semi.len(), 1);
    assert_eq!(semi[0].severity, Severity::Unknown, "{semi:?}");
    // What its clients see is then told by the rules about mounts; nobody else is blamed.
    assert!(
        told(&findings).iter().all(|(_, subject, _)| subject == "stor3"),
        "{:?}",
        told(&findings)
    );
}

#[test]
fn a_stream_says_why_not() {
    let mut island = settled(8);
    island.faults = vec![Fault::Load("stor3", 3.0)];
    island.run(300);
    let latency = island.latency();
    let all: Vec<String> = ["stor3", "access1"]
        .iter()
        .flat_map(|host| latency.streams_of(host))
        .filter_map(|id| latency.why(id))
        .collect();
    assert!(
        all.iter().any(|why| why.starts_with("stor3 sdb write: not slow")),
        "{all:#?}"
    );
    assert!(
        all.iter()
            .any(|why| why.starts_with("access1 /mnt/c NFS WRITE: not slow") && why.contains("its own past")),
        "{all:#?}"
    );
    let held: Vec<Blamed> = latency
        .blamed()
        .into_iter()
        .filter(|one| one.held_back.is_none())
        .collect();
    assert_eq!(held, []);
}

#[test]
fn cold_starts_find_a_slow_disk_without_a_past() {
    let mut island = Island::new(3);
    let (first, findings) = until_told(&mut island, vec![Fault::Disk("stor1", "sdd", 4.0)], 180);
    assert_eq!(told(&findings), [(Code::SemiFailed, "stor1".into(), WARNING)]);
    assert!(first.expect("told") <= 100, "{first:?}");
}

#[test]
fn slow_polls_of_fifteen_seconds_need_no_other_rules() {
    let mut island = Island::with(6, |hosts| {
        for host in hosts {
            host.poll.interval = Duration::from_secs(15);
            host.poll.deadline = Duration::from_secs(20);
        }
    });
    island.interval = Duration::from_secs(15);
    assert_eq!(ever(&mut island, 3600), []);
    let (first, findings) = until_told(
        &mut island,
        vec![Fault::Disk("stor3", "sdc", 3.0), Fault::Server("stor3", 3.0)],
        400,
    );
    assert_eq!(told(&findings), [(Code::SemiFailed, "stor3".into(), CRITICAL)]);
    assert!(first.expect("told") <= 200, "{first:?}");
}

#[test]
fn a_reload_keeps_what_is_known_and_forgets_who_left() {
    let mut island = settled(8);
    island.faults = vec![Fault::Server("stor3", 4.0)];
    island.run(120);
    let before = island.latency().len();
    island.fleet = Island::new(8).fleet;
    let findings = island.run(10);
    assert_eq!(told(&findings), [(Code::SemiFailed, "stor3".into(), CRITICAL)]);
    assert_eq!(island.latency().len(), before);
    island.fleet = Island::new(6).fleet;
    let findings = island.run(30);
    assert_eq!(told(&findings), [(Code::SemiFailed, "stor3".into(), CRITICAL)]);
    assert_eq!(island.latency().len(), before - 2 * (2 + 16 + 1));
    let grid = island.latency().grid(Op::NfsRead);
    assert_eq!(grid.rows.len(), 6);
}

#[test]
fn a_disk_that_vanishes_is_silent_for_a_while_and_then_forgotten() {
    let mut island = settled(2);
    island.edit = Some(Box::new(|host, snapshot| {
        if host == "stor2" {
            let mut disks = snapshot.disk_counters.value().cloned().unwrap_or_default();
            disks.retain(|disk| disk.name != CleanText::new("sde"));
            snapshot.disk_counters = Reading::known(disks, snapshot.at);
        }
    }));
    let said = told(&island.run(120));
    assert_eq!(said, [(Code::Silent, "stor2 sde".into(), WARNING)]);
    assert_eq!(told(&island.run(900)), []);
    let states = |island: &Island| -> Vec<State> {
        let latency = island.latency();
        latency
            .streams_of("stor2")
            .filter_map(|id| Some(latency.told(id)?.state))
            .collect()
    };
    assert_eq!(states(&island).len(), 8 + 1);
    assert!(states(&island).iter().all(|state| *state == State::Ok));
}

#[test]
fn the_order_of_hosts_and_the_unit_of_latency_change_nothing() {
    let run = |reversed: bool, scale: f64| {
        let mut island = Island::with(6, |hosts| {
            if reversed {
                hosts.reverse();
            }
        });
        island.scale = scale;
        island.run(400);
        island.faults = vec![
            Fault::Disk("stor1", "sdb", 5.0),
            Fault::Server("stor1", 3.0),
            Fault::Path("access4", "stor3", 4.0),
        ];
        let mut said = told(&island.run(150));
        said.sort();
        said
    };
    let plain = run(false, 1.0);
    assert_eq!(plain.len(), 2, "{plain:?}");
    assert_eq!(run(true, 1.0), plain);
    assert_eq!(run(false, 9.0), plain);
    assert_eq!(run(false, 0.25), plain);
}

#[test]
fn resets_gaps_and_clocks_that_jump_neither_panic_nor_alarm() {
    let mut island = settled(4);
    let mut said = Vec::new();
    let mut seen = |at, findings: &[Finding]| said.extend(told(findings).into_iter().map(|one| (at, one)));
    // A reboot: counters begin anew, and the host is away for a while.
    island.faults = vec![Fault::Lost("stor2"), Fault::Lost("access3")];
    island.watch(90, &mut seen);
    island.faults.clear();
    island.reset("stor2");
    island.reset("access3");
    island.watch(120, &mut seen);
    // The console slept, its clock was set back, and set forward.
    island.now = island.now + Duration::from_hours(2);
    island.watch(120, &mut seen);
    island.now = crate::facts::UnixMs(island.now.0 - 1_800_000);
    island.watch(120, &mut seen);
    island.now = island.now + Duration::from_hours(24);
    island.watch(120, &mut seen);
    // It is not blind after all that.
    island.faults = vec![Fault::Disk("stor1", "sdb", 6.0)];
    let findings = island.run(120);
    assert_eq!(told(&findings), [(Code::SemiFailed, "stor1".into(), WARNING)]);
    island.faults.clear();
    island.run(300);
    let mut seen = |at, findings: &[Finding]| said.extend(told(findings).into_iter().map(|one| (at, one)));
    // Nothing at all is done for ten minutes, then all goes on.
    island.faults = vec![Fault::Load("stor1", 0.0), Fault::Load("stor3", 0.0)];
    island.watch(600, &mut seen);
    island.faults.clear();
    island.watch(300, &mut seen);
    assert_eq!(said, []);
}

#[test]
fn many_reloads_leave_nothing_behind() {
    let mut island = settled(4);
    let streams = island.latency().len();
    for generation in 0..20 {
        let next = Island::with(4, |hosts| {
            for host in hosts {
                host.generation = Some(format!("gen{generation}"));
            }
        });
        island.fleet = next.fleet;
        island.run(30);
    }
    assert_eq!(island.latency().len(), streams);
    assert!(
        island.latency().footprint() < 2 * streams,
        "{}",
        island.latency().footprint()
    );
}

#[test]
fn a_disk_that_takes_a_hundred_times_as_long_is_slow_and_soon_over() {
    let mut island = settled(4);
    let (first, findings) = until_told(&mut island, vec![Fault::Disk("stor3", "sdc", 100.0)], 120);
    assert!(first.expect("told") <= 15, "{first:?}");
    assert_eq!(told(&findings), [(Code::SemiFailed, "stor3".into(), WARNING)]);
    let text = evidence(&findings, Code::SemiFailed);
    let ratio = text
        .split("= ")
        .nth(1)
        .and_then(|rest| rest.split('×').next())
        .and_then(|ratio| ratio.parse().ok());
    assert!(ratio.is_some_and(|ratio: f32| (60.0..160.0).contains(&ratio)), "{text}");
    island.faults.clear();
    assert_eq!(told(&island.run(180)), []);
}

#[test]
fn writes_that_wait_for_a_replica_accuse_nobody_but_its_disk_or_link() {
    // The disk of stor4 is slow: what stor3 serves waits for its replica there, and what it serves itself for its disk.
    let mut island = settled(6);
    let writes = |factor| vec![Fault::Writes("stor3", factor), Fault::Writes("stor4", factor)];
    let faults = [vec![Fault::Disk("stor4", "sdd", 6.0)], writes(4.0)].concat();
    let (_, findings) = until_told(&mut island, faults, 150);
    assert_eq!(told(&findings), [(Code::SemiFailed, "stor4".into(), CRITICAL)]);
    island.faults.clear();
    assert_eq!(told(&island.run(300)), []);
    // The link of stor1 is slow: all that is done there, and the writes of stor2, which wait for it.
    let faults = [vec![Fault::Server("stor1", 3.0)], vec![Fault::Writes("stor2", 3.0)]].concat();
    let (_, findings) = until_told(&mut island, faults, 150);
    assert_eq!(told(&findings), [(Code::SemiFailed, "stor1".into(), CRITICAL)]);
}

#[test]
fn what_nobody_measures_any_more_is_unknown_and_then_forgotten() {
    // A slow disk, whose host then says nothing of disks.
    let mut island = settled(4);
    island.faults = vec![Fault::Disk("stor1", "sdb", 6.0)];
    island.run(120);
    island.edit = Some(Box::new(|host, snapshot| {
        if host == "stor1" {
            snapshot.disk_counters = Reading::unknown(crate::facts::Why::NotAsked, snapshot.at);
        }
    }));
    let said = told(&island.run(120));
    assert_eq!(said, [(Code::SemiFailed, "stor1".into(), Severity::Unknown)]);
    assert_eq!(told(&island.run(900)), []);
    // A server that clients accused, and that nobody sees any more.
    let mut island = settled(2);
    island.faults = vec![Fault::Server("stor3", 5.0)];
    island.run(120);
    island.faults.extend([Fault::Lost("access1"), Fault::Lost("access2")]);
    let said = told(&island.run(120));
    assert_eq!(said, [(Code::SemiFailed, "stor3".into(), Severity::Unknown)]);
}

#[test]
fn that_work_stood_still_is_over_for_a_disk_that_rests_and_that_one_is_slow_is_not() {
    let rest = Fault::IdleBut("stor2", "none");
    let mut island = settled(3);
    for _ in 0..2 {
        island.faults = vec![Fault::Disk("stor2", "sdc", 14.0)];
        island.run(6);
        island.faults.clear();
        island.run(30);
    }
    let said = told(&island.run(2));
    assert!(said.iter().any(|(code, _, _)| *code == Code::Stalled), "{said:?}");
    island.faults = vec![rest];
    assert_eq!(told(&island.run(240)), []);

    let mut island = settled(3);
    island.faults = vec![Fault::Disk("stor2", "sdc", 6.0)];
    island.run(120);
    island.faults = vec![Fault::IdleBut("stor2", "none")];
    let said = told(&island.run(240));
    assert_eq!(said, [(Code::SemiFailed, "stor2".into(), Severity::Unknown)]);
}

#[test]
fn one_whose_peers_are_all_idle_is_let_off_when_it_is_well() {
    let mut island = settled(3);
    island.faults = vec![Fault::Disk("stor2", "sdc", 6.0)];
    assert_eq!(told(&island.run(120)).len(), 1);
    // Its three peers have nothing to do, and it is mended.
    island.faults = vec![Fault::IdleBut("stor2", "sdc")];
    assert_eq!(told(&island.run(600)), []);
}

#[test]
fn all_others_that_become_faster_accuse_nobody() {
    let mut island = settled(6);
    island.faults = ["stor1", "stor2", "stor4"]
        .map(|server| Fault::Server(server, 0.4))
        .to_vec();
    assert_eq!(ever(&mut island, 600), []);
}

#[test]
fn a_console_that_moves_is_not_cut_off_for_ever() {
    let mut island = settled(4);
    island.faults = (0..4)
        .map(|at| Fault::Slow(["stor1", "stor2", "stor3", "stor4"][at], 8.0))
        .collect();
    island
        .faults
        .extend([1, 2, 3, 4].map(|at| Fault::Slow(["access1", "access2", "access3", "access4"][at - 1], 8.0)));
    assert_eq!(ever(&mut island, 120), [(Code::GroupSlow, "console".into(), NOTICE)]);
    assert_eq!(told(&island.run(900)), []);
    assert!(!island.latency().is_uplink());
}

#[test]
fn one_late_poll_and_one_late_answer_are_no_stalls() {
    let mut island = settled(4);
    island.faults = vec![Fault::Slow("access2", 60.0)];
    let mut said = ever(&mut island, 4);
    island.faults.clear();
    said.extend(ever(&mut island, 300));
    assert_eq!(said, []);
}

#[test]
fn a_slow_server_does_not_hide_in_a_busy_hour_of_all() {
    let mut island = settled(6);
    let busy = ["stor1", "stor2", "stor3", "stor4"].map(|server| Fault::Load(server, 3.0));
    island.faults = busy.to_vec();
    assert_eq!(ever(&mut island, 300), []);
    island.faults.push(Fault::Server("stor2", 3.0));
    let findings = island.run(150);
    assert_eq!(told(&findings), [(Code::SemiFailed, "stor2".into(), CRITICAL)]);
}

#[test]
fn what_takes_milliseconds_does_not_stand_still() {
    let mut island = settled(2);
    island.scale = 0.02;
    island.run(600);
    let mut said = Vec::new();
    // Two polls of 4 ms among those of a tenth of one.
    for _ in 0..2 {
        island.faults = vec![Fault::Disk("stor1", "sdb", 40.0)];
        said.extend(ever(&mut island, 4));
        island.faults.clear();
        said.extend(ever(&mut island, 120));
    }
    assert_eq!(said, []);
}
