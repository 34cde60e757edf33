//! Guards are proven by removal: what each of them stops is let through without it, and by nothing else stopped.

use super::{
    case::{At, Case, Fate, Fault, plan, run, run_with},
    scene::{self, Hand, NEW_DISK, OLD_DEVICE, OLD_DISK, Scene},
};
use pointsman::{
    fleet::{HostName, MysqlAccess, SliceName},
    runbook::{
        condition::{Condition, unmet},
        definition::Kind,
        engine::{Effect, End},
        interlock::{Context, Interlock, required},
        observe::{
            galera::{Found, Member},
            md::ArrayOn,
            pool::PoolOn,
        },
        operation::{Claim, Departure},
        plan::{ClusterLayout, Glass, Plan, Rule, Step},
        sight::Sight,
        target::{Holder, Identity, Request, Said, parse},
    },
    simulate::{
        Simulation, backup::Scratch, drbd::Role, island::Island, md::MemberState, mysql::Server, nfs::NfsMount,
    },
};
use std::{collections::BTreeSet, net::IpAddr, time::Duration};

/// A claim in a state of the fleet in which one interlock, and no other, refuses it.
struct Situation {
    interlock: Interlock,
    claim: Claim,
    scene: Scene,
    state: fn(&mut Island),
    plan: fn(&mut Plan),
    fenced: &'static [&'static str],
    promoted: &'static [&'static str],
    back: bool,
}

fn host(name: &str) -> HostName {
    HostName::new(name)
}

fn slice() -> SliceName {
    SliceName::new("web1")
}

fn promote(on: &str, force: bool) -> Claim {
    Claim::Promote {
        host: host(on),
        slice: slice(),
        force,
    }
}

fn open(on: &str) -> Claim {
    Claim::OpenEntry {
        host: host(on),
        slice: slice(),
        address: IpAddr::from([10, 9, 0, 100]),
    }
}

fn array() -> ArrayOn {
    ArrayOn {
        host: host("stor1"),
        name: "md0".into(),
    }
}

fn take_out() -> Claim {
    Claim::TakeOut {
        array: array(),
        device: OLD_DISK.into(),
    }
}

fn put_in() -> Claim {
    Claim::PutIn {
        array: array(),
        device: NEW_DISK.into(),
    }
}

fn pool() -> PoolOn {
    PoolOn {
        host: host("stor1"),
        name: "tank".into(),
    }
}

fn pool_in() -> Claim {
    Claim::PoolIn {
        pool: pool(),
        old: OLD_DEVICE.into(),
        device: NEW_DISK.into(),
    }
}

fn pool_out() -> Claim {
    Claim::PoolOut {
        pool: pool(),
        device: NEW_DISK.into(),
    }
}

fn leave() -> Claim {
    Claim::Leave {
        host: host("stor1"),
        departure: Departure::Boots,
    }
}

/// Everything is closed and secondary.
fn closed(island: &mut Island) {
    for at in 0..2 {
        island.remove_address(0, at);
        island.unexport(0, at);
        let _ = island.unmount(0, at);
        island.demote(0, at).unwrap();
    }
}

fn database<'a>(island: &'a mut Island, on: &str) -> &'a mut Server {
    let at = island.node(on).unwrap();
    island.nodes[at].mysql.as_mut().unwrap()
}

/// The source takes no writes any more, and has one transaction that nobody else has.
fn one_more(island: &mut Island) {
    let source = database(island, "stor1");
    source.read_only = true;
    source.log.write(1, source.log.end() + 1);
}

fn open_database(on: &str) -> Claim {
    Claim::OpenDatabase { host: host(on) }
}

fn follow() -> Claim {
    Claim::Follow {
        host: host("stor1"),
        source: host("stor2"),
    }
}

fn of_database(interlock: Interlock, claim: Claim, state: fn(&mut Island)) -> Situation {
    Situation {
        interlock,
        claim,
        scene: Scene::MysqlSwitchover,
        state,
        plan: |_| {},
        fenced: &[],
        promoted: &[],
        back: false,
    }
}

fn bootstrap(on: &str) -> Claim {
    Claim::Bootstrap { host: host(on) }
}

fn join(on: &str) -> Claim {
    Claim::Join { host: host(on) }
}

fn of_cluster(interlock: Interlock, claim: Claim, state: fn(&mut Island)) -> Situation {
    Situation {
        scene: Scene::GaleraQuorum,
        fenced: &["stor1"],
        ..of_database(interlock, claim, state)
    }
}

fn of_migration(interlock: Interlock, claim: Claim, state: fn(&mut Island)) -> Situation {
    Situation {
        scene: Scene::Migrate,
        ..of_database(interlock, claim, state)
    }
}

/// Where the backup is restored.
const SCRATCH: &str = "/srv/scratch/pointsman-web1";

fn scratch() -> Claim {
    Claim::Scratch {
        host: host("stor3"),
        place: SCRATCH.to_owned(),
    }
}

fn detach() -> Claim {
    Claim::Detach {
        host: host("client"),
        at: "/mnt/web1".into(),
    }
}

/// The client's mount of the slice.
fn mount(island: &mut Island) -> &mut NfsMount {
    let at = island.node("client").unwrap();
    &mut island.nodes[at].mounts[0]
}

/// Mounts something else on the client.
fn push(island: &mut Island, mount: NfsMount) {
    let at = island.node("client").unwrap();
    island.nodes[at].mounts.push(mount);
}

fn open_copy() -> Claim {
    Claim::OpenEntry {
        host: host("stor3"),
        slice: SliceName::new("web1i"),
        address: IpAddr::from([10, 9, 0, 100]),
    }
}

/// The slice is closed as a migration closes it: clients are kept out, and nobody can write.
fn served_by_nobody(island: &mut Island) {
    island.remove_address(0, 0);
    island.unexport(0, 0);
    for filesystem in island.nodes[0].filesystems.iter_mut().filter(|it| it.at == "/srv/web1") {
        filesystem.read_only = true;
    }
}

fn thawed(island: &mut Island) {
    for filesystem in &mut island.nodes[0].filesystems {
        filesystem.read_only = false;
    }
}

/// What bears the mark of another test is somebody else's as well; what is ours may be used and removed, and so may nothing
/// at all. Another place is none of the plan's business.
#[test]
fn a_scratch_directory_of_another_test_is_left_alone() {
    let with = |mark: Option<&'static str>| {
        let hand = Hand::default();
        let sim = scene::fresh(Scene::BackupTest, &hand);
        let plan = plan(Scene::BackupTest);
        sim.world().with("stor3", |island, at| {
            let made = mark.map(|mark| Scratch {
                mark: Some(mark.to_owned()),
                restored: None,
            });
            island.nodes[at]
                .store
                .vault
                .scratch
                .extend(made.map(|made| (SCRATCH.to_owned(), made)));
        });
        let context = Context {
            plan: &plan,
            fenced: std::collections::BTreeMap::new(),
            promoted: BTreeSet::new(),
            back: false,
        };
        let required = required(&[scratch()], &context);
        let sight = sight(
            &sim,
            &hand,
            required.iter().flat_map(|(_, condition)| condition.looks.clone()),
        );
        required.iter().all(|(_, condition)| condition.judge(&sight).holds())
    };
    assert!(with(None));
    assert!(with(Some("test of web1 of rehearsed")));
    assert!(!with(Some("test of web1 of another fleet")));
    let elsewhere = Situation {
        claim: Claim::Scratch {
            host: host("stor3"),
            place: "/srv/web1".to_owned(),
        },
        state: |_| {},
        ..situation(Interlock::ScratchOurs)
    };
    assert_eq!(refusing(&elsewhere), BTreeSet::from([Interlock::InsidePlan]));
}

/// Clients are let in to what was restored only where nothing is left that could serve beside it: each condition is needed, also
/// for a server that stays on, and so are those under which it may be written over.
#[test]
fn what_was_restored_is_opened_only_where_nobody_serves_beside_it() {
    let opening = |scene, fenced, state| Situation {
        scene,
        state,
        fenced,
        ..of_migration(Interlock::InsidePlan, open_copy(), |_| {})
    };
    let both: &[&str] = &["stor1", "stor2"];
    let pair = |state| opening(Scene::RestoreFromBackup, both, state);
    let beside = |state| opening(Scene::RestoreBesideOne, &["stor1"], state);
    let boots: fn(&mut Island) = |island| {
        let now = island.now_ms;
        island.nodes[1].boot(now);
    };
    let carries: fn(&mut Island) = |island| island.add_address(0, 1);
    let mounts: fn(&mut Island) = |island| {
        island.replicas[0].sides[1].role = Role::Primary;
        island.mount(0, 1).unwrap();
    };
    let someone: fn(&mut Island) = |island| {
        let (address, at) = (island.replicas[0].address, island.node("client").unwrap());
        island.nodes[at].service_addresses.push(address);
    };
    let unmounts: fn(&mut Island) = |island| {
        let new = island.node("stor3").unwrap();
        island.nodes[new].filesystems.retain(|it| it.at != "/srv/web1");
    };
    let alone = |interlock| BTreeSet::from([interlock]);
    assert_eq!(refusing(&pair(|_| {})), BTreeSet::new());
    assert_eq!(refusing(&beside(|_| {})), BTreeSet::new());
    assert_eq!(refusing(&pair(boots)), alone(Interlock::StillOff));
    assert_eq!(refusing(&pair(someone)), alone(Interlock::AddressOnce));
    assert_eq!(refusing(&pair(unmounts)), alone(Interlock::OpenOnServing));
    assert_eq!(refusing(&beside(carries)), alone(Interlock::AddressOnce));
    assert_eq!(refusing(&beside(mounts)), alone(Interlock::OldSideClosed));
    // Not made sure to be off, and it does not say that it is harmless either.
    let unsure = Situation {
        fenced: &[],
        ..pair(|_| {})
    };
    let asked = [Interlock::OldSideClosed, Interlock::AddressOnce];
    assert_eq!(refusing(&unsure), BTreeSet::from(asked));
    // Its own address answers it: a step that was begun goes on.
    let begun: fn(&mut Island) = |island| {
        let (address, new) = (island.replicas[0].address, island.node("stor3").unwrap());
        island.nodes[new].service_addresses.push(address);
    };
    assert_eq!(refusing(&pair(begun)), BTreeSet::new());
    let overwrite = |state| Situation {
        claim: Claim::Overwrite {
            host: host("stor3"),
            slice: SliceName::new("web1i"),
        },
        ..pair(state)
    };
    assert_eq!(refusing(&overwrite(|_| {})), BTreeSet::new());
    assert_eq!(refusing(&overwrite(begun)), alone(Interlock::CopyUnused));
    assert_eq!(refusing(&overwrite(unmounts)), alone(Interlock::CopyUnused));
    let elsewhere = Situation {
        claim: open("stor2"),
        plan: |plan| {
            let identity = plan.targets.values().next().unwrap().clone();
            plan.targets.insert(host("stor2"), identity);
        },
        ..beside(|_| {})
    };
    assert!(refusing(&elsewhere).contains(&Interlock::InsidePlan));
}

/// Each of the conditions under which an old side may be thrown away is needed.
#[test]
fn an_old_side_stays_unless_everything_of_the_new_one_is_there() {
    let states: [fn(&mut Island); 6] = [
        thawed,
        |island| island.nodes[0].store.old.clear(),
        |island| _ = island.nodes[0].store.old.insert("web1".into(), (0, "0 another".into())),
        |island| {
            let new = island.node("stor3").unwrap();
            island.nodes[new].service_addresses.clear();
        },
        |island| {
            let new = island.node("stor3").unwrap();
            island.nodes[new].nfs_server.as_mut().unwrap().exports.clear();
        },
        |island| {
            let new = island.node("stor3").unwrap();
            island.nodes[new].filesystems.retain(|it| it.at != "/srv/web1");
        },
    ];
    let reclaim = |state| Situation {
        state,
        ..situation(Interlock::OldSideReplaced)
    };
    assert_eq!(refusing(&reclaim(|_| {})), BTreeSet::new());
    for (at, state) in states.into_iter().enumerate() {
        assert_eq!(
            refusing(&reclaim(state)),
            BTreeSet::from([Interlock::OldSideReplaced]),
            "{at}"
        );
    }
}

#[expect(clippy::too_many_lines, reason = "one row for each interlock")]
fn situation(interlock: Interlock) -> Situation {
    let of_client = |scene, claim, state| Situation {
        interlock,
        claim,
        scene,
        state,
        plan: |_| {},
        fenced: &[],
        promoted: &[],
        back: false,
    };
    let usual = |claim, state| Situation {
        interlock,
        claim,
        scene: Scene::SliceMove,
        state,
        plan: |_| {},
        fenced: &[],
        promoted: &[],
        back: false,
    };
    match interlock {
        Interlock::OtherSideSecondary => usual(promote("stor2", false), |_| {}),
        Interlock::GoodData => Situation {
            fenced: &["stor1"],
            ..usual(promote("stor2", false), |island| {
                closed(island);
                island.replicas[0].start_resync(0);
            })
        },
        Interlock::CompleteData => usual(promote("stor2", false), |island| {
            closed(island);
            island.replicas[0].cut = true;
        }),
        Interlock::StillOff => Situation {
            scene: Scene::Failover,
            fenced: &["stor1"],
            ..usual(promote("stor2", false), |island| {
                // Somebody has switched it on again.
                let now = island.now_ms;
                island.nodes[0].boot(now);
            })
        },
        Interlock::NamedForce => usual(promote("stor2", true), closed),
        Interlock::NamedDiscard => Situation {
            plan: |plan| plan.glass.clear(),
            ..usual(
                Claim::Discard {
                    host: host("stor2"),
                    slice: slice(),
                },
                closed,
            )
        },
        Interlock::DiscardedUnused => Situation {
            plan: |plan| {
                plan.glass = vec![Glass {
                    rule: Rule::Discard,
                    resource: "web1".into(),
                    by: "op".into(),
                }];
            },
            ..usual(
                Claim::Discard {
                    host: host("stor1"),
                    slice: slice(),
                },
                |_| {},
            )
        },
        Interlock::MountedOnce => usual(
            Claim::Mount {
                host: host("stor2"),
                slice: slice(),
            },
            |island| island.replicas[0].sides[1].role = Role::Primary,
        ),
        Interlock::MountedOnPrimary => usual(
            Claim::Mount {
                host: host("stor2"),
                slice: slice(),
            },
            closed,
        ),
        Interlock::DemotedClosed => usual(
            Claim::Demote {
                host: host("stor1"),
                slice: slice(),
            },
            |_| {},
        ),
        Interlock::OpenOnServing => usual(open("stor2"), |island| island.remove_address(0, 0)),
        Interlock::AddressOnce => usual(open("stor2"), |island| {
            closed(island);
            island.promote(0, 1, false).unwrap();
            island.mount(0, 1).unwrap();
            island.add_address(0, 0);
        }),
        Interlock::FenceInEmergency => usual(Claim::Fence { host: host("stor1") }, |_| {}),
        Interlock::SharedService => usual(
            Claim::Service {
                host: host("stor1"),
                unit: "nfs-server.service".into(),
                stops: true,
            },
            |_| {},
        ),
        Interlock::ArrayRedundant => Situation {
            scene: Scene::DiskReplace,
            ..usual(take_out(), |_| {})
        },
        Interlock::ArrayData => Situation {
            scene: Scene::DiskReplace,
            ..usual(take_out(), |island| {
                for member in &mut island.nodes[0].arrays[0].members {
                    member.state = MemberState::Faulty;
                }
            })
        },
        Interlock::DiskUnused => Situation {
            scene: Scene::DiskReplace,
            ..usual(put_in(), |island| {
                let disks = &mut island.nodes[0].disks;
                disks.iter_mut().find(|disk| disk.name == NEW_DISK).unwrap().blank = false;
            })
        },
        // Its data was complete before it was looked at: out of the mirror it would be missed.
        Interlock::PoolSpared => Situation {
            scene: Scene::PoolReplace,
            ..usual(pool_out(), |island| {
                island.nodes[0].pool.as_mut().unwrap().devices[0] = NEW_DISK.into();
            })
        },
        Interlock::OneDatabaseOpen => of_database(interlock, open_database("stor2"), |island| {
            database(island, "stor2").unfollow();
        }),
        Interlock::OpenFollowsNobody => of_database(interlock, open_database("stor2"), |island| {
            database(island, "stor1").read_only = true;
        }),
        Interlock::DatabaseComplete => of_database(interlock, open_database("stor2"), |island| {
            one_more(island);
            database(island, "stor2").unfollow();
        }),
        Interlock::DatabaseDrained => of_database(interlock, Claim::Unfollow { host: host("stor2") }, |island| {
            let server = database(island, "stor2");
            let end = server.log.end();
            server.channel.as_mut().unwrap().relay.write(1, end + 1);
        }),
        Interlock::FollowerClosed => of_database(interlock, follow(), |_| {}),
        Interlock::FollowerEqual => of_database(interlock, follow(), one_more),
        Interlock::EntranceOnSource => {
            let enter = Claim::EnterDatabase {
                host: host("stor1"),
                address: scene::DATABASE.ip,
            };
            of_database(interlock, enter, |island| database(island, "stor1").read_only = true)
        }
        Interlock::NoPrimaryComponent => of_cluster(interlock, bootstrap("stor2"), |island| {
            // The others have found each other, and a person was quicker.
            let [own, stor2] = ["client", "stor2"].map(|name| island.node(name).unwrap());
            island.nodes[stor2].mysql.as_mut().unwrap().galera.as_mut().unwrap().cut = true;
            let own = island.nodes[own].mysql.as_mut().unwrap().galera.as_mut().unwrap();
            (own.primary, own.conf_id, own.view) = (true, 99, 1);
        }),
        Interlock::BootstrapComplete => of_cluster(interlock, bootstrap("client"), |_| {}),
        Interlock::BootstrapOnce => Situation {
            plan: |plan| {
                let mut steps = plan.steps.iter();
                let is_one = |step: &&Step| step.call.action == "galera-bootstrap";
                let again = steps.find(is_one).unwrap().clone();
                plan.steps.push(again);
            },
            ..of_cluster(interlock, bootstrap("stor2"), |_| {})
        },
        Interlock::JoinsPrimary => of_cluster(interlock, join("client"), |_| {}),
        Interlock::JoinerEqual => of_cluster(interlock, join("client"), |island| {
            let [own, node] = ["client", "stor2"].map(|name| island.node(name).unwrap());
            island.stop_node(own, true);
            island.nodes[own]
                .mysql
                .as_mut()
                .unwrap()
                .galera
                .as_mut()
                .unwrap()
                .committed += 50.0;
            let node = island.nodes[node].mysql.as_mut().unwrap().galera.as_mut().unwrap();
            (node.primary, node.conf_id, node.view) = (true, 99, 1);
        }),
        Interlock::RecoverStopped => of_cluster(interlock, Claim::Recover { host: host("stor2") }, |_| {}),
        Interlock::HostServesNothing => Situation {
            scene: Scene::RollingReboot,
            ..usual(leave(), |island| island.move_slice(0).unwrap())
        },
        Interlock::PartnerWhole => Situation {
            scene: Scene::RollingReboot,
            ..usual(leave(), |island| island.replicas[0].cut = true)
        },
        Interlock::NotTheSource => Situation {
            scene: Scene::RollingReboot,
            plan: |plan| {
                let database = super::case::plan(Scene::MysqlSwitchover).layouts.database.unwrap();
                let source = database.members.into_iter().find(|member| member.host == database.from);
                plan.layouts.found.get_mut(&host("stor1")).unwrap().member = source;
            },
            ..usual(leave(), |island| {
                let at = island.node("stor1").unwrap();
                island.nodes[at].mysql = Some(Server::new(true, 1, 10.0));
            })
        },
        Interlock::ClusterQuorum => Situation {
            scene: Scene::RollingReboot,
            plan: |plan| {
                let node = |name: &str| Member {
                    host: host(name),
                    access: MysqlAccess::default(),
                    found: Found::Unknown,
                };
                plan.layouts.found.get_mut(&host("stor1")).unwrap().cluster = Some(ClusterLayout {
                    own: node("stor1"),
                    others: vec![node("stor2"), node("client")],
                });
            },
            ..usual(leave(), |island| {
                for node in &mut island.nodes {
                    node.mysql = Some(Server::new(true, 1, 10.0).galera_of(3));
                }
                let at = island.node("client").unwrap();
                let galera = island.nodes[at].mysql.as_mut().unwrap().galera.as_mut().unwrap();
                (galera.cut, galera.primary) = (true, false);
            })
        },
        Interlock::DetachedPlanned => of_client(Scene::FenceSegment, detach(), |island| {
            // Somebody has mounted something else over it.
            let mut over = mount(island).clone();
            over.server = std::net::Ipv4Addr::new(10, 9, 0, 7);
            push(island, over);
        }),
        Interlock::DetachedAlone => of_client(Scene::FenceSegment, detach(), |island| {
            let mut below = mount(island).clone();
            below.at = "/mnt/web1/below".into();
            push(island, below);
        }),
        Interlock::DetachedHung => of_client(Scene::FenceSegment, detach(), |island| mount(island).forced = None),
        Interlock::BarredAlone => of_client(
            Scene::FenceSegment,
            Claim::Bar {
                host: host("client"),
                address: [10, 9, 0, 100].into(),
            },
            |island| {
                let mut other = mount(island).clone();
                other.at = "/mnt/other".into();
                push(island, other);
            },
        ),
        Interlock::AttachedFree => of_client(
            Scene::UnfenceSegment,
            Claim::Attach {
                host: host("client"),
                at: "/mnt/web1".into(),
            },
            |island| {
                let mut other = mount(island).clone();
                (other.mounted, other.server) = (true, std::net::Ipv4Addr::new(10, 9, 0, 7));
                push(island, other);
            },
        ),
        Interlock::OldSideClosed => of_migration(interlock, open_copy(), |island| {
            served_by_nobody(island);
            thawed(island);
        }),
        Interlock::CopySilent => of_migration(
            interlock,
            Claim::Thaw {
                host: host("stor1"),
                slice: slice(),
            },
            |island| {
                served_by_nobody(island);
                let (address, new) = (island.replicas[0].address, island.node("stor3").unwrap());
                island.nodes[new].service_addresses.push(address);
            },
        ),
        Interlock::CopyUnused => of_migration(
            interlock,
            Claim::Overwrite {
                host: host("stor3"),
                slice: SliceName::new("web1i"),
            },
            |island| {
                let new = island.node("stor3").unwrap();
                let exports = island.nodes[0].nfs_server.as_ref().unwrap().exports.clone();
                island.nodes[new].nfs_server.as_mut().unwrap().exports.extend(exports);
            },
        ),
        // Nobody has marked it yet.
        Interlock::CopyMarked => Situation {
            scene: Scene::MigrateZfs,
            ..usual(
                Claim::Receive {
                    host: host("stor3"),
                    slice: SliceName::new("web1i"),
                },
                |_| {},
            )
        },
        Interlock::ScratchOurs => Situation {
            scene: Scene::BackupTest,
            ..usual(scratch(), |island| {
                // Somebody has made a directory of that name.
                let at = island.node("stor3").unwrap();
                let vault = &mut island.nodes[at].store.vault;
                vault.scratch.insert(SCRATCH.to_owned(), Scratch::default());
            })
        },
        Interlock::OldSideReplaced => Situation {
            scene: Scene::MigrateReclaim,
            ..usual(
                Claim::Wipe {
                    host: host("stor1"),
                    slice: slice(),
                },
                |island| {
                    _ = island.nodes[0]
                        .store
                        .old
                        .insert("web1".into(), (island.now_ms, "14 web1i".into()));
                },
            )
        },
        Interlock::InsidePlan => usual(
            Claim::Mount {
                host: host("client"),
                slice: slice(),
            },
            |_| {},
        ),
    }
}

/// What shows that a host is off, where the plan fences it.
fn off(plan: &Plan, name: &str) -> Vec<Condition> {
    let mut steps = plan.steps.iter();
    steps
        .find(|step| step.operation.fences().any(|host| host.as_str() == name))
        .map(|step| step.operation.proof.clone())
        .unwrap_or_default()
}

/// Which interlocks refuse, by what the fleet shows.
fn refusing(situation: &Situation) -> BTreeSet<Interlock> {
    let hand = Hand::default();
    let sim = scene::fresh(situation.scene, &hand);
    let mut plan = plan(situation.scene);
    (situation.plan)(&mut plan);
    sim.world().fleet(|island| {
        (situation.state)(island);
        island.settle();
    });
    let context = Context {
        plan: &plan,
        fenced: situation
            .fenced
            .iter()
            .map(|name| (host(name), off(&plan, name)))
            .collect(),
        promoted: situation.promoted.iter().map(|name| (slice(), host(name))).collect(),
        back: situation.back,
    };
    let required = required(std::slice::from_ref(&situation.claim), &context);
    let sight = sight(
        &sim,
        &hand,
        required.iter().flat_map(|(_, condition)| condition.looks.clone()),
    );
    required
        .into_iter()
        .filter(|(_, condition)| !unmet(std::slice::from_ref(condition), &sight).is_empty())
        .map(|(interlock, _)| interlock)
        .collect()
}

fn sight(sim: &Simulation, hand: &Hand, looks: impl Iterator<Item = pointsman::runbook::sight::Look>) -> Sight {
    let mut sight = Sight::new(hand.now(), Duration::from_secs(5));
    for look in looks {
        let glimpse = scene::look(sim, &look, hand.now());
        sight.take(look, glimpse);
    }
    sight
}

#[test]
fn each_interlock_alone_stops_something() {
    for interlock in Interlock::ALL {
        let situation = situation(interlock);
        assert_eq!(situation.interlock, interlock);
        assert_eq!(refusing(&situation), BTreeSet::from([interlock]), "{interlock:?}");
    }
}

/// A member that has failed adds nothing, so nothing is lost when it goes; and a disk that is unused may come.
#[test]
fn a_failed_member_may_go_and_an_unused_disk_may_come() {
    let failed = Situation {
        scene: Scene::DiskReplaceFailed,
        ..situation(Interlock::ArrayRedundant)
    };
    assert_eq!(refusing(&failed), BTreeSet::new());
    let blank = Situation {
        state: |_| {},
        ..situation(Interlock::DiskUnused)
    };
    assert_eq!(refusing(&blank), BTreeSet::new());
    let small = Situation {
        state: |island| {
            let disks = &mut island.nodes[0].disks;
            disks.iter_mut().find(|disk| disk.name == NEW_DISK).unwrap().size_kib -= 8;
        },
        ..situation(Interlock::DiskUnused)
    };
    assert_eq!(refusing(&small), BTreeSet::from([Interlock::DiskUnused]));
    // The same for a pool; and one that shares its place with the old one may go.
    let pool = |state, claim| Situation {
        scene: Scene::PoolReplace,
        state,
        claim,
        ..situation(Interlock::DiskUnused)
    };
    assert_eq!(refusing(&pool(|_| {}, pool_in())), BTreeSet::new());
    for state in [small.state, situation(Interlock::DiskUnused).state] {
        assert_eq!(
            refusing(&pool(state, pool_in())),
            BTreeSet::from([Interlock::DiskUnused])
        );
    }
    let begun: fn(&mut Island) = |island| {
        let pool = island.nodes[0].pool.as_mut().unwrap();
        pool.replace_by(OLD_DEVICE, NEW_DISK).unwrap();
    };
    assert_eq!(refusing(&pool(begun, pool_out())), BTreeSet::new());
    // Another array of the same host is none of the plan's business.
    let other = Situation {
        claim: Claim::TakeOut {
            array: ArrayOn {
                name: "md1".into(),
                ..array()
            },
            device: OLD_DISK.into(),
        },
        ..situation(Interlock::ArrayRedundant)
    };
    assert_eq!(refusing(&other), BTreeSet::from([Interlock::InsidePlan]));
}

#[test]
fn a_side_that_was_primary_may_take_the_slice_back_without_its_peer() {
    let back = |promoted| Situation {
        back: true,
        promoted,
        ..situation(Interlock::CompleteData)
    };
    assert_eq!(refusing(&back(&["stor2"])), BTreeSet::new());
    assert_eq!(refusing(&back(&["stor1"])), BTreeSet::from([Interlock::CompleteData]));
}

#[test]
fn fencing_is_let_through_in_an_emergency() {
    let emergency = Situation {
        plan: |plan| plan.kind = Kind::Emergency,
        ..situation(Interlock::FenceInEmergency)
    };
    assert_eq!(refusing(&emergency), BTreeSet::new());
}

/// The turns of a plain run in which a step is sent to a target.
fn acts() -> Vec<usize> {
    let usual = run(&Case {
        scene: Scene::SliceMove,
        faults: vec![],
    });
    assert_eq!(usual.first, End::Done);
    let act = |effect: &Effect| {
        matches!(
            effect,
            Effect::Call {
                request: Request::Act { .. },
                ..
            }
        )
    };
    usual
        .effects
        .iter()
        .enumerate()
        .filter(|(_, effect)| act(effect))
        .map(|(turn, _)| turn)
        .collect()
}

fn any_goes_wrong(fate: Fate, without: Option<&'static str>) -> bool {
    acts().into_iter().any(|turn| {
        let case = Case {
            scene: Scene::SliceMove,
            faults: vec![At {
                turn,
                after: false,
                fault: Fault::Call(fate),
            }],
        };
        std::panic::catch_unwind(|| run_with(&case, without)).is_err()
    })
}

#[test]
fn without_fencing_tokens_old_commands_take_effect() {
    assert!(!any_goes_wrong(Fate::Later(4), None));
    assert!(any_goes_wrong(Fate::Later(4), Some("holds")));
}

#[test]
fn without_receipts_a_command_runs_twice() {
    assert!(!any_goes_wrong(Fate::Twice(1), None));
    let runs = |lines: &str| {
        let sim = scene::fresh(Scene::SliceMove, &Hand::default());
        for _ in 0..2 {
            sim.world().act("stor1", lines).unwrap();
        }
        sim.world()
            .with("stor1", |island, at| island.nodes[at].store.ran.len())
            .unwrap()
    };
    // A script of which a copy arrives once more.
    assert_eq!(runs("once key\nrun echo one\nfinish\nsay end\n"), 1);
    assert_eq!(runs("run echo one\nfinish\nsay end\n"), 2);
}

#[test]
fn without_the_identity_check_another_machine_is_changed() {
    let hand = Hand::default();
    let sim = scene::fresh(Scene::SliceMove, &hand);
    let plan = plan(Scene::SliceMove);
    let identity: Identity = plan.targets[&host("stor1")].clone();
    let holder = Holder {
        run: "run".into(),
        token: 1,
        owner: "op".into(),
    };
    let request = Request::Claim {
        identity,
        objects: vec!["slice-web1".into()],
        holder,
        over: Vec::new(),
    };
    // The name leads to the wrong machine.
    let lines = request.lines().unwrap();
    let said = parse(&sim.world().act("stor2", &lines).unwrap()).unwrap();
    assert!(
        matches!(&said[0], Said::Refused(kind, _) if kind == "identity"),
        "{said:?}"
    );
    let unguarded: String = lines
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("whoami"))
        .collect();
    let said = parse(&sim.world().act("stor2", &unguarded).unwrap()).unwrap();
    assert!(matches!(&said[0], Said::Claimed(_)), "{said:?}");
}

#[test]
fn a_rehearsal_reaches_no_real_host_and_no_real_controller() {
    let hand = Hand::default();
    let real = scene::fleet();
    let (sim, left_out) = Simulation::of(&real, 1, hand.clock());
    assert!(left_out.is_empty());
    for host in &sim.fleet().hosts {
        assert_eq!(host.address, format!("{}.sim", host.name));
        if let Some(fencing) = &host.fencing {
            let was = real.host(host.name.as_str()).unwrap().fencing.as_ref().unwrap();
            assert!(fencing.off != was.off && fencing.status != was.status);
            assert_eq!(sim.local(&fencing.status), (0, "on\n".to_owned()));
            assert_eq!(sim.local(&fencing.off).0, 0);
            assert_eq!(sim.local(&fencing.status), (0, "off\n".to_owned()));
        }
    }
    let ipmitool = real.host("stor1").unwrap().fencing.as_ref().unwrap();
    assert_eq!(sim.local(&ipmitool.off).0, 127, "only simulated commands are run");
}
