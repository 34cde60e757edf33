//! Slices that move from one server to the other: what is read every poll is ahead of what is read more seldom.

use super::world::{World, address, change, exported, find, glance, mount, volume};
use crate::{
    facts::{Reading, Snapshot, UnixMs, drbd::DrbdRole as R},
    verdict::{Code, Memory, Severity},
};

/// Seconds between two readings of the addresses and exports.
const MEDIUM: u64 = 10;

/// The last moment, not after `at`, at which a host's slower facts are read.
fn last(at: UnixMs, offset: u64) -> UnixMs {
    let period = MEDIUM * 1000;
    let since = at.0 - super::world::START;
    let whole = (since + period - offset * 1000) / period * period + offset * 1000;
    UnixMs((super::world::START + whole).saturating_sub(period))
}

/// What a server of slice-a says when it is seen as its home since `from` and until `until`.
fn home(s: &mut Snapshot, offset: u64, from: u64, until: u64, settled_after: u64) {
    let is = |at: UnixMs, delay: u64| at.0 >= from + delay && at.0 < until;
    let role = if is(s.at, 0) { R::Primary } else { R::Secondary };
    change(&mut s.drbd, |list| list[0] = volume(0, role));
    let has_mount = is(s.at, 0);
    change(&mut s.mounts, |list| {
        list.retain(|mount| mount.at.as_str() != "/srv/slice-a");
        if has_mount {
            list.push(mount("/srv/slice-a", "ext4", "/dev/drbd0"));
        }
    });
    let read = last(s.at, offset);
    let there = is(read, settled_after);
    change(&mut s.addresses, |list| {
        list.retain(|found| found.ip != std::net::IpAddr::from([10, 77, 0, 100]));
        if there {
            list.push(address([10, 77, 0, 100]));
        }
    });
    change(&mut s.exports, |list| {
        list.retain(|found| found.path.as_str() != "/srv/slice-a");
        if there {
            list.push(exported(0, "slice-a"));
        }
    });
    s.addresses.at = read;
    s.exports.at = read;
}

fn moving(moved: u64, settled_after: u64, offsets: (u64, u64)) -> World {
    let mut world = World::new();
    let at = super::world::START + moved * 1000;
    world.edit("stor1", move |s| home(s, offsets.0, 0, at, 0));
    world.edit("stor2", move |s| home(s, offsets.1, at, u64::MAX, settled_after));
    world
}

#[test]
fn a_planned_move_shows_no_wrong_address_and_no_missing_export() {
    for moved in [21, 24, 27, 29] {
        for settled_after in [0, 3000, 6000] {
            for offsets in [(0, 0), (0, 6), (6, 0), (2, 9), (9, 2)] {
                let mut world = moving(moved, settled_after, offsets);
                for _ in 0..40 {
                    let findings = world.poll();
                    for code in [Code::ServiceAddressWrong, Code::ExportMissing] {
                        let found = find(&findings, code);
                        assert!(found.is_none(), "{moved} {settled_after} {offsets:?}: {found:?}");
                    }
                }
                assert!(find(&world.poll(), Code::SliceAway).is_some());
            }
        }
    }
}

#[test]
fn an_address_that_did_not_move_with_its_slice_is_found_within_two_more_readings() {
    let mut world = moving(21, u64::MAX / 4, (0, 6));
    let mut shown = None;
    for _ in 0..40 {
        let findings = world.poll();
        let codes = [Code::ServiceAddressWrong, Code::ExportMissing].map(|code| find(&findings, code).is_some());
        if codes == [true, true] {
            shown = Some((world.now.0 - super::world::START) / 1000);
            let since = find(&findings, Code::ServiceAddressWrong).map(|found| found.since.0);
            assert_eq!(since, Some(super::world::START + 22_000));
            break;
        }
    }
    // Two readings confirm it (at 26 and 36 s on stor2, at 30 and 40 s on stor1).
    assert_eq!(shown, Some(40));
}

#[test]
fn polls_alone_do_not_confirm_an_old_reading_but_a_single_look_shows_it() {
    let stuck = |world: &mut World| {
        let read = UnixMs(super::world::START);
        world.edit("stor1", move |s| {
            s.exports = Reading::known(Vec::new(), read);
            change(&mut s.addresses, |list| list.truncate(1));
            s.addresses.at = read;
        });
    };
    let mut world = World::new();
    stuck(&mut world);
    assert_eq!(glance(&world.polls(8)), []);
    let mut world = World::new();
    world.memory = Memory::immediate();
    stuck(&mut world);
    let findings = world.poll();
    for code in [Code::ServiceAddressWrong, Code::ExportMissing] {
        assert_eq!(find(&findings, code).map(|f| f.severity), Some(Severity::Critical));
    }
}
