//! Small fleets, and plans made for them by the built-in runbooks.

use pointsman::{
    facts::UnixMs,
    fleet::{ExpectedMount, Export, Fencing, Fleet, Host, HostName, Poll, Segment, ServiceAddress, Slice, SliceName},
    runbook::{
        plan::{Glass, Plan, Rule},
        planner::{self, Wish, catalogue},
        sight::{Glimpse, Look, Sight},
        target::{Request, Said, parse},
    },
    simulate::{Clock, Fault, Simulation},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// 2026-11-21T00:00:00Z, in seconds.
pub const START: u64 = 1_795_219_200;

/// A clock that a test moves: nothing happens by itself.
#[derive(Clone, Default)]
pub struct Hand(Arc<AtomicU64>);

impl Hand {
    pub fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0);
        Arc::new(move || Duration::from_secs(START) + Duration::from_millis(now.load(Ordering::Relaxed)))
    }

    pub fn forward(&self, by: Duration) {
        self.0
            .fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::Relaxed);
    }

    pub fn now(&self) -> UnixMs {
        UnixMs(START * 1000 + self.0.load(Ordering::Relaxed))
    }
}

/// What a case is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scene {
    SliceMove,
    Failover,
    FailBack,
    SplitBrain,
}

impl Scene {
    pub const ALL: [Self; 4] = [Self::SliceMove, Self::Failover, Self::FailBack, Self::SplitBrain];

    fn parameters(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::SliceMove => &[("slice", "web1")],
            Self::Failover => &[("server", "stor1")],
            Self::FailBack => &[("slice", "web1"), ("soak", "5"), ("resync", "600")],
            Self::SplitBrain => &[("slice", "web1"), ("victim", "stor2"), ("resync", "600")],
        }
    }

    pub fn runbook(self) -> &'static str {
        match self {
            Self::SliceMove => "slice-move",
            Self::Failover => "failover",
            Self::FailBack => "fail-back",
            Self::SplitBrain => "split-brain",
        }
    }

    /// Where the slice is served before and after.
    pub fn sides(self) -> (&'static str, &'static str) {
        match self {
            Self::SliceMove | Self::Failover => ("stor1", "stor2"),
            Self::FailBack => ("stor2", "stor1"),
            Self::SplitBrain => ("stor1", "stor1"),
        }
    }

    fn prepare(self, sim: &Simulation) {
        let world = sim.world();
        match self {
            Self::SliceMove => {}
            Self::Failover => world.inject(&Fault::HostKilled("stor1".into())).unwrap(),
            Self::SplitBrain => world.inject(&Fault::SplitBrain("web1".into())).unwrap(),
            Self::FailBack => {
                world.fleet(|island| {
                    let (dead, alive) = (island.node("stor1").unwrap(), island.node("stor2").unwrap());
                    island.power_off(dead);
                    island.disconnect(0, 1).unwrap();
                    island.serve(0, alive).unwrap();
                    let now = island.now_ms;
                    island.nodes[dead].boot(now);
                    island.settle();
                });
            }
        }
        world.fleet(pointsman::simulate::island::Island::settle);
    }
}

fn slice(name: &str, minor: u8, preferred: &str, standby: &str) -> Slice {
    Slice {
        name: SliceName::new(name),
        resource: Some(name.to_owned()),
        device: format!("/dev/drbd{minor}"),
        mount_point: format!("/srv/{name}"),
        export: Some(Export {
            path: format!("/srv/{name}"),
            clients: vec!["10.9.0.0/24".to_owned()],
            options: vec!["rw".to_owned(), "sync".to_owned()],
        }),
        service_address: Some(ServiceAddress {
            ip: std::net::IpAddr::from([10, 9, 0, 100 + minor]),
            prefix: 24,
        }),
        preferred: HostName::new(preferred),
        standby: Some(HostName::new(standby)),
        backup: None,
        unreplicated: false,
    }
}

/// Two servers, two slices on them that live on either, and a client of both.
pub fn fleet() -> Fleet {
    let server = |name: &str| Host {
        fencing: Some(Fencing {
            off: vec!["ipmitool".to_owned()],
            status: vec!["ipmitool".to_owned()],
            says_off: "Chassis Power is off".to_owned(),
        }),
        ..Host::new(name, name)
    };
    let mut client = Host::new("client", "client");
    client.mounts = ["web1", "web2"]
        .map(|slice| ExpectedMount {
            slice: SliceName::new(slice),
            at: format!("/mnt/{slice}"),
        })
        .to_vec();
    let segment = Segment {
        name: "seg".into(),
        servers: ["stor1", "stor2"].map(HostName::new).to_vec(),
        slices: vec![slice("web1", 0, "stor1", "stor2"), slice("web2", 1, "stor2", "stor1")],
        pools: Vec::new(),
    };
    Fleet::new(
        "rehearsed".to_owned(),
        None,
        Poll::default(),
        vec![server("stor1"), server("stor2"), client],
        vec![segment],
        Vec::new(),
    )
}

/// A fresh fleet in the state that the scene begins with.
pub fn fresh(scene: Scene, hand: &Hand) -> Simulation {
    let (sim, left_out) = Simulation::of(&fleet(), 7, hand.clock());
    assert_eq!(left_out, Vec::<String>::new());
    scene.prepare(&sim);
    sim
}

/// Takes a look as the driver of real hosts does: by a script.
pub fn look(sim: &Simulation, look: &Look, now: UnixMs) -> Glimpse {
    let answer = if look.local {
        let (exit, text) = sim.local(&look.argv);
        Ok(pointsman::runbook::sight::Printed { exit, text })
    } else {
        let script = Request::Look(vec![look.argv.clone()]).lines().unwrap();
        sim.world()
            .act(look.host.as_str(), &script)
            .and_then(|answer| parse(&answer))
            .and_then(|said| {
                said.into_iter().find_map(|said| match said {
                    Said::Looked(printed) => Some(printed),
                    _ => None,
                })
            })
            .ok_or_else(|| pointsman::facts::Why::Hung("no answer".into()))
    };
    Glimpse { at: now, answer }
}

/// Plans a scene's runbook by what the fleet shows now.
pub fn plan(scene: Scene, sim: &Simulation, now: UnixMs) -> Plan {
    plan_with(scene, sim, now, scene.parameters())
}

pub fn plan_with(scene: Scene, sim: &Simulation, now: UnixMs, parameters: &[(&str, &str)]) -> Plan {
    let wish = Wish {
        definition: catalogue::find(scene.runbook()).unwrap().clone(),
        parameters: parameters
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        glass: if scene == Scene::SplitBrain {
            vec![Glass {
                rule: Rule::Discard,
                resource: "web1".to_owned(),
                by: "op".to_owned(),
            }]
        } else {
            Vec::new()
        },
        alike: Vec::new(),
    };
    let fleet = sim.fleet();
    let mut sight = Sight::new(now, Duration::from_secs(5));
    for wanted in planner::looks(fleet, &wish).unwrap() {
        let glimpse = look(sim, &wanted, now);
        sight.take(wanted, glimpse);
    }
    planner::plan(fleet, &wish, &sight).unwrap_or_else(|refusals| {
        panic!(
            "{scene:?}: {}",
            refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        )
    })
}
