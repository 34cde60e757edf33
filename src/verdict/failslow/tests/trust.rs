use super::{
    super::{
        blame::{Blame, Cell, Client, Matrix, blame},
        group::Group,
        state::State,
        stream::Reading,
        trust::{ConsoleTick, ObserverLoad, client, console_is_late, is_uplink, seen_by, weight},
    },
    Random,
};

#[test]
fn an_overloaded_observer_loses_its_weight() {
    let quiet = ObserverLoad::default();
    let told = |load: ObserverLoad| weight(&load);
    for (load, wanted) in [
        (quiet, 1.0),
        (
            ObserverLoad {
                cpu_pressure_percent: Some(20.0),
                ..quiet
            },
            1.0,
        ),
        (
            ObserverLoad {
                cpu_pressure_percent: Some(21.0),
                ..quiet
            },
            0.5,
        ),
        (
            ObserverLoad {
                cpu_pressure_percent: Some(41.0),
                ..quiet
            },
            0.0,
        ),
        (
            ObserverLoad {
                steal_percent: Some(11.0),
                ..quiet
            },
            0.5,
        ),
        (
            ObserverLoad {
                steal_percent: Some(26.0),
                ..quiet
            },
            0.0,
        ),
        (
            ObserverLoad {
                runnable_per_cpu: Some(2.5),
                ..quiet
            },
            0.5,
        ),
        (
            ObserverLoad {
                queue_over_rtt: Some(1.1),
                runnable_per_cpu: Some(3.0),
                ..quiet
            },
            0.25,
        ),
        (
            ObserverLoad {
                steal_percent: Some(f32::NAN),
                ..quiet
            },
            1.0,
        ),
    ] {
        assert!((told(load) - wanted).abs() < 1e-6, "{load:?}");
    }
    assert_eq!(seen_by(Reading::Idle, 0.25), Reading::Idle);
    assert_eq!(seen_by(Reading::value(3.0, None), 0.0), Reading::Untrusted);
}

#[test]
fn the_console_judges_itself_first() {
    let tick = |late_ms, cpu_pressure_percent| {
        console_is_late(&ConsoleTick {
            late_ms,
            cpu_pressure_percent,
        })
    };
    assert!(!tick(20.0, None) && !tick(20.0, Some(5.0)));
    assert!(tick(51.0, None) && tick(0.0, Some(21.0)));
    assert!(is_uplink([0.5, 0.6, 0.0, 0.1, 0.0, 0.0]));
    assert!(!is_uplink([0.5, 0.1, 0.0, 0.1, 0.0, 0.0]));
    // Of two, or of one, nothing can be said; nor of what is no number.
    assert!(!is_uplink([0.9, 0.9]) && !is_uplink([f32::NAN; 9]) && !is_uplink([]));
}

/// 200 fleets in each of which one or several clients are overloaded and see all that they see 1.5 to 4 times slower,
/// each by its own measure and to its own degree, from barely to hopelessly.
#[test]
fn no_overloaded_observer_puts_blame_on_a_target() {
    let mut random = Random(7);
    for run in 0..200 {
        let (clients, servers) = (3 + random.below(20), 2 + random.below(8));
        let many = 1 + random.below(clients / 3);
        let mut of = Vec::new();
        let mut cells = Vec::new();
        for index in 0..clients {
            let overloaded = index < many;
            let (slower, load) = if overloaded {
                overload(&mut random)
            } else {
                (1.0, ObserverLoad::default())
            };
            of.push(client(&load, 0));
            for server in 0..servers {
                // An overloaded client is uneven, too; more so where it says that it is overloaded.
                let noise = match of[index].weight {
                    ..1.0 => 0.15,
                    _ if overloaded => 0.08,
                    _ => 0.06,
                };
                cells.push(Cell {
                    client: index,
                    server,
                    excess: slower.ln() + noise * random.normal(),
                    traffic: random.between(50.0, 500.0),
                });
            }
        }
        let told = blame(&Matrix {
            clients: &of,
            servers: &vec![0; servers],
            cells: &cells,
            hints: &[],
        });
        for one in &told {
            assert!(
                matches!(one.blame, Blame::Client(client) if client < many)
                    && one
                        .or
                        .is_none_or(|or| matches!(or, Blame::Path { client, .. } if client < many)),
                "run {run}: {told:?}"
            );
        }
    }
}

/// How much slower everything looks, and what the client says of itself.
fn overload(random: &mut Random) -> (f32, ObserverLoad) {
    let degree = random.unit();
    let slower = 1.5 + 2.5 * degree;
    let quiet = ObserverLoad::default();
    let load = match random.below(5) {
        0 => ObserverLoad {
            cpu_pressure_percent: Some(10.0 + 80.0 * degree),
            ..quiet
        },
        1 => ObserverLoad {
            steal_percent: Some(5.0 + 60.0 * degree),
            ..quiet
        },
        2 => ObserverLoad {
            runnable_per_cpu: Some(1.0 + 9.0 * degree),
            ..quiet
        },
        3 => ObserverLoad {
            queue_over_rtt: Some(0.5 + 9.0 * degree),
            ..quiet
        },
        // It cannot even say so.
        _ => quiet,
    };
    (slower, load)
}

/// 200 consoles that stall for one to five ticks: the round trips to a group of hosts rise by 50 to 500 ms at once.
#[test]
fn no_stalled_console_puts_blame_on_a_host() {
    let mut random = Random(9);
    for run in 0..200 {
        let hosts = 3 + random.below(20);
        let base: Vec<f32> = (0..hosts).map(|_| random.between(0.3, 40.0)).collect();
        let mut group = Group::default();
        for _ in 0..hosts {
            group.add();
        }
        let start = 60 + random.below(20);
        let length = 1 + random.below(5);
        // Half of them do not even know that they are late.
        let knows = random.below(2) == 0;
        for poll in 0..140 {
            let stalled = (start..start + length).contains(&poll);
            let late = if stalled { random.between(50.0, 500.0) } else { 0.0 };
            let times: Vec<f32> = base
                .iter()
                .map(|ms| ms * (0.1 * random.normal()).exp() + late * random.between(0.8, 1.2))
                .collect();
            let excesses = times.iter().zip(&base).map(|(now, usual)| (now / usual).ln());
            let own = ConsoleTick {
                late_ms: if knows { late } else { 0.0 },
                cpu_pressure_percent: None,
            };
            let drop = console_is_late(&own) || is_uplink(excesses);
            let trust = if drop { 0.0 } else { 1.0 };
            let readings: Vec<Reading> = times
                .iter()
                .zip(&base)
                .map(|(now, usual)| seen_by(Reading::value(f64::from(now / usual), None), trust))
                .collect();
            group.poll(&readings, true);
            for host in 0..hosts {
                let state = group.judge(host).unwrap().state;
                assert!(state < State::Slow, "run {run}, poll {poll}: host {host} is {state:?}");
            }
        }
    }
}

#[test]
fn a_frozen_observer_neither_raises_nor_clears_anything() {
    let mut group = Group::default();
    for _ in 0..6 {
        group.add();
    }
    let mut random = Random(5);
    let mut poll = |group: &mut Group, factor: f64, weight: f32| {
        let readings: Vec<Reading> = (0..6)
            .map(|member| {
                let own = if member == 0 { factor } else { 1.0 };
                let ms = 5.0 * f64::from((0.08 * random.normal()).exp()) * own;
                seen_by(Reading::value(ms, Some(100.0)), if member == 0 { weight } else { 1.0 })
            })
            .collect();
        group.poll(&readings, true);
        group.judge(0).unwrap()
    };
    for _ in 0..60 {
        poll(&mut group, 1.0, 1.0);
    }
    for _ in 0..100 {
        assert_eq!(poll(&mut group, 8.0, 0.0).state, State::Ok);
    }
    let mut state = State::Ok;
    for _ in 0..30 {
        state = poll(&mut group, 3.0, 1.0).state;
    }
    assert_eq!(state, State::Slow);
    for _ in 0..100 {
        assert_eq!(poll(&mut group, 1.0, 0.0).state, State::Slow);
    }
    for _ in 0..60 {
        state = poll(&mut group, 1.0, 1.0).state;
    }
    assert_eq!(state, State::Ok);
}

#[test]
fn the_weights_are_those_of_clients() {
    let load = ObserverLoad {
        steal_percent: Some(15.0),
        ..ObserverLoad::default()
    };
    let Client { weight, site } = client(&load, 4);
    assert!((weight - 0.5).abs() < 1e-6);
    assert_eq!(site, 4);
}
