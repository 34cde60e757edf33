use super::{
    super::{Group, Judgement, Reading, State, Stream},
    Random,
};
use proptest::prelude::*;

/// Judgements of all members after each poll.
fn run(members: usize, polls: &[Vec<Reading>]) -> Vec<Vec<Judgement>> {
    let mut group = Group::default();
    for index in 0..members {
        assert_eq!(group.add(), index);
    }
    let mut all = Vec::new();
    for readings in polls {
        group.poll(readings, true);
        all.push((0..members).map(|member| group.judge(member).unwrap()).collect());
    }
    all
}

/// Polls of members that differ a little, with loads that go up and down together; `factor` makes some slower.
fn polls(seed: u64, members: usize, count: usize, factor: impl Fn(usize, usize) -> f64) -> Vec<Vec<Reading>> {
    let mut random = Random(seed);
    let offsets: Vec<f32> = (0..members).map(|_| 0.025 * random.normal()).collect();
    let mut common = 0.0_f32;
    let mut load = 0.0_f32;
    (0..count)
        .map(|poll| {
            common = 0.9 * common + 0.04 * random.normal();
            load = 0.95 * load + 0.08 * random.normal();
            (0..members)
                .map(|member| {
                    let own_load = load + 0.1 * random.normal();
                    let latency = 0.3 * own_load + common + offsets[member] + 0.1 * random.normal();
                    let ms = 4.0 * f64::from(latency.exp()) * factor(poll, member);
                    Reading::value(ms, Some(200.0 * f64::from(own_load.exp())))
                })
                .collect()
        })
        .collect()
}

/// Where states differ from OK, for a message that can be read.
fn alarms(judged: &[Vec<Judgement>]) -> Vec<(usize, usize, State)> {
    let mut found = Vec::new();
    for (poll, members) in judged.iter().enumerate() {
        for (member, now) in members.iter().enumerate() {
            if now.state.is_alarm() {
                found.push((poll, member, now.state));
            }
        }
    }
    found
}

#[test]
fn a_stream_is_small() {
    assert!(size_of::<Stream>() <= 64);
}

#[test]
fn one_of_any_number_that_becomes_slow_is_named_and_nobody_else() {
    for members in [2, 3, 4, 5, 8, 12, 24] {
        for seed in 0..6 {
            let faulty = |poll: usize, member: usize| {
                if member == 1 && (80..160).contains(&poll) {
                    2.5
                } else {
                    1.0
                }
            };
            let judged = run(members, &polls(seed, members, 260, faulty));
            let found = alarms(&judged);
            assert!(
                found.iter().all(|(poll, member, _)| *member == 1 && *poll >= 80),
                "{members}: {found:?}"
            );
            assert_eq!(judged[150][1].state, State::Slow, "{members}, seed {seed}");
            assert_eq!(judged[259][1].state, State::Ok, "{members}, seed {seed}");
            let lasted = judged[150][1].lasted;
            assert!((66..=74).contains(&lasted), "{members}: since {lasted} polls, not 71");
        }
    }
}

#[test]
fn a_fault_is_never_learnt_away() {
    for members in [2, 3, 5, 12] {
        // From the first poll, and after a settled past; for as long as a day of polls.
        for start in [0, 100] {
            let faulty = |poll: usize, member: usize| if member == 0 && poll >= start { 2.2 } else { 1.0 };
            let judged = run(members, &polls(3, members, 5760, faulty));
            for (poll, now) in judged.iter().enumerate().skip(start + 40) {
                assert!(
                    now[0].state >= State::Slow,
                    "{members} members, poll {poll}: {:?}",
                    now[0]
                );
                assert!(
                    now[1..].iter().all(|now| !now.state.is_alarm()),
                    "{members} members, poll {poll}"
                );
            }
        }
    }
}

/// Each alarm is held longer than the one before, and quiet time takes that back, one alarm after the other.
#[test]
fn what_alarms_again_and_again_is_held_longer_until_it_has_been_quiet() {
    /// Faults of twenty polls, the last two after so much quiet that two alarms, or all, are forgotten.
    const BEGIN: [usize; 6] = [80, 180, 280, 380, 1250, 3000];
    const LONG: usize = 20;
    let faulty = |poll: usize, member: usize| {
        let slow = BEGIN.iter().any(|begin| (*begin..begin + LONG).contains(&poll));
        if member == 1 && slow { 3.0 } else { 1.0 }
    };
    for members in [2, 12] {
        let judged = run(members, &polls(5, members, 3100, faulty));
        let held = BEGIN.map(|begin| {
            let stands = |poll: &usize| judged[*poll][1].state.is_alarm();
            assert!(stands(&(begin + LONG - 1)), "{members}: the fault at {begin}");
            (begin + LONG..begin + LONG + 95).take_while(stands).count()
        });
        let [first, second, third, fourth, after_a_while, after_long] = held;
        assert!(first + 3 < second && second + 6 < third, "{members}: {held:?}");
        assert!(fourth.abs_diff(third) < 4, "{members}: there is an end to it: {held:?}");
        assert!(after_a_while.abs_diff(second) < 4, "{members}: {held:?}");
        assert!(after_long.abs_diff(first) < 4, "{members}: {held:?}");
    }
}

/// Those of one bad time are over soon after it; those that come now and then stand until none has come for long.
#[test]
fn stalls_are_over_when_none_comes_for_twice_as_long_as_they_were_apart() {
    for members in [2, 12] {
        let stalls = |poll: usize, member: usize| {
            let stall = [100, 103, 105, 110, 300, 340, 380].contains(&poll);
            if member == 1 && stall { 14.0 } else { 1.0 }
        };
        let judged = run(members, &polls(9, members, 600, stalls));
        let state = |poll: usize| judged[poll][1].state;
        assert!(state(101) < State::Stalled, "{members}: one is none");
        assert_eq!(
            (state(103), state(120), state(140)),
            (State::Stalled, State::Stalled, State::Ok),
            "{members}"
        );
        assert!(
            (142..340).all(|poll| state(poll) < State::Stalled),
            "{members}: too old to be told with another"
        );
        assert!(
            (340..450).all(|poll| state(poll) == State::Stalled),
            "{members}: they go on"
        );
        assert_eq!(state(520), State::Ok, "{members}");
    }
}

#[test]
fn a_fault_that_creeps_is_not_learnt_away_either() {
    for members in [3, 5, 12] {
        let creeping = |poll: usize, member: usize| {
            if member == 2 && poll > 200 {
                1.0 + 1.5 * ((poll - 200) as f64 / 4000.0).min(1.0)
            } else {
                1.0
            }
        };
        let judged = run(members, &polls(4, members, 5000, creeping));
        assert!(judged[4999][2].state >= State::Slow, "{members}: {:?}", judged[4999][2]);
    }
}

#[test]
fn all_slow_together_is_about_the_group_and_nobody_in_it() {
    for members in [2, 3, 5, 12] {
        let mut group = Group::default();
        for _ in 0..members {
            group.add();
        }
        let together = |poll: usize, _| if poll >= 120 { 2.5 } else { 1.0 };
        for readings in polls(6, members, 200, together) {
            group.poll(&readings, true);
            for member in 0..members {
                assert!(!group.judge(member).unwrap().state.is_alarm(), "{members}");
            }
        }
        assert_eq!(group.common(), State::Slow, "{members}: {}", group.common_ratio());
    }
}

/// A busy one is granted the latency that its load may explain; what is granted to it is nothing against the others.
#[test]
fn a_busy_one_is_blamed_neither_itself_nor_through_its_peers() {
    for members in [2, 3, 4, 5, 12] {
        for times in [2.0_f32, 4.0, 8.0] {
            for seed in 0..5 {
                let mut all = polls(seed, members, 240, |_, _| 1.0);
                for readings in &mut all[100..180] {
                    if let Reading::Value { latency, load } = &mut readings[0] {
                        let busy = times.ln();
                        (*latency, *load) = (*latency + 0.4 * busy, *load + busy);
                    }
                }
                let judged = run(members, &all);
                assert_eq!(
                    alarms(&judged),
                    [],
                    "{members} members, {times} times the load, seed {seed}"
                );
                let watched: Vec<usize> = (1..members)
                    .filter(|member| judged.iter().any(|now| now[*member].state == State::Watch))
                    .collect();
                assert_eq!(
                    watched, [0_usize; 0],
                    "{members} members, {times} times the load, seed {seed}"
                );
            }
        }
    }
}

/// One that is busy while its usual offset is learnt shows less than is granted to it: that is not usual for it, or it
/// would look slow as soon as it has less to do.
#[test]
fn a_busy_start_is_not_taken_for_usual() {
    for members in [3, 5, 12] {
        for seed in 0..5 {
            let mut all = polls(seed, members, 300, |_, _| 1.0);
            for readings in &mut all[..40] {
                if let Reading::Value { latency, load } = &mut readings[0] {
                    (*latency, *load) = (*latency + 0.3 * 2.5_f32.ln(), *load + 2.5_f32.ln());
                }
            }
            let judged = run(members, &all);
            let ok = judged.iter().all(|now| now[0].state == State::Ok);
            assert!(ok, "{members} members, seed {seed}");
            assert!((judged[299][0].usual - 1.0).abs() < 0.15, "{:?}", judged[299][0]);
        }
    }
}

#[test]
fn gaps_of_one_and_of_all_raise_nothing() {
    for members in [2, 3, 5, 12] {
        for seed in 0..5 {
            let mut random = Random(seed);
            let mut all = polls(seed, members, 600, |_, _| 1.0);
            let mut missing = vec![0; members];
            let mut nobody = 0;
            for readings in &mut all {
                // A counter that was set back is a poll that is dropped; a reboot is a few of them.
                if random.below(60) == 0 {
                    nobody = 1 + random.below(40);
                }
                nobody = usize::saturating_sub(nobody, 1);
                for (reading, missing) in readings.iter_mut().zip(&mut missing) {
                    if random.below(40) == 0 {
                        *missing = 1 + random.below(4);
                    }
                    *missing = usize::saturating_sub(*missing, 1);
                    if *missing > 0 || nobody > 0 {
                        *reading = Reading::Missing;
                    }
                }
            }
            let judged = run(members, &all);
            let found = alarms(&judged);
            assert_eq!(found, [], "{members} members, seed {seed}");
        }
    }
}

fn any_reading() -> impl Strategy<Value = Reading> {
    prop_oneof![
        4 => (-10.0_f32..10.0, -5.0_f32..10.0).prop_map(|(latency, load)| Reading::Value { latency, load }),
        2 => (any::<f32>(), any::<f32>()).prop_map(|(latency, load)| Reading::Value { latency, load }),
        2 => (any::<f64>(), any::<Option<f64>>()).prop_map(|(ms, load)| Reading::value(ms, load)),
        1 => Just(Reading::Value { latency: f32::MAX, load: f32::MIN }),
        1 => Just(Reading::Missing),
        1 => Just(Reading::Idle),
        1 => Just(Reading::Stuck),
        1 => Just(Reading::Untrusted),
    ]
}

/// Plain polls of a few members, some of which are much slower for a while.
fn eventful(seed: u64, members: usize, count: usize) -> Vec<Vec<Reading>> {
    let mut random = Random(seed ^ 0x5eed);
    let (from, length, factor) = (
        random.below(count),
        random.below(80),
        f64::from(random.between(1.0, 6.0)),
    );
    let who = random.below(members);
    let mut all = polls(seed, members, count, |poll, member| {
        if member == who && (from..from + length).contains(&poll) {
            factor
        } else {
            1.0
        }
    });
    for readings in &mut all {
        for reading in readings {
            match random.below(50) {
                0 => *reading = Reading::Missing,
                1 => *reading = Reading::Idle,
                2 => *reading = Reading::Untrusted,
                _ => {}
            }
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_same_readings_give_the_same_states(seed in any::<u64>(), members in 1_usize..14) {
        let all = eventful(seed, members, 150);
        prop_assert_eq!(run(members, &all), run(members, &all));
    }

    #[test]
    fn the_order_of_the_members_does_not_matter(seed in any::<u64>(), members in 2_usize..14, turn in 1_usize..13) {
        let turn = turn % members;
        let all = eventful(seed, members, 150);
        let turned: Vec<Vec<Reading>> = all
            .iter()
            .map(|readings| {
                let mut readings = readings.clone();
                readings.rotate_left(turn);
                readings
            })
            .collect();
        for (now, mut other) in run(members, &all).into_iter().zip(run(members, &turned)) {
            other.rotate_right(turn);
            prop_assert_eq!(now, other);
        }
    }

    /// In another unit every latency is a constant further in ln, and no state comes more than two polls sooner or
    /// later: the last bit of a sum may differ.
    #[test]
    fn the_unit_of_the_latencies_does_not_matter(seed in any::<u64>(), members in 2_usize..10, scale in -7_i8..7) {
        let all = eventful(seed, members, 150);
        let scaled: Vec<Vec<Reading>> = all
            .iter()
            .map(|readings| {
                readings
                    .iter()
                    .map(|reading| match *reading {
                        Reading::Value { latency, load } => Reading::Value { latency: latency + f32::from(scale), load },
                        other => other,
                    })
                    .collect()
            })
            .collect();
        let (one, other) = (run(members, &all), run(members, &scaled));
        for poll in 2..one.len() - 2 {
            for member in 0..members {
                let near = (poll - 2..=poll + 2).any(|at| other[at][member].state == one[poll][member].state);
                prop_assert!(near, "poll {}: {:?} and {:?}", poll, one[poll][member], other[poll][member]);
            }
        }
    }

    #[test]
    fn a_constant_fleet_never_alarms(members in 1_usize..20, ms in 1e-6_f64..1e9, load in proptest::option::of(0.1_f64..1e9)) {
        let all = vec![vec![Reading::value(ms, load); members]; 200];
        for now in run(members, &all).concat() {
            prop_assert_eq!(now.state, State::Ok);
        }
    }

    #[test]
    fn anything_at_all_is_judged_without_a_panic(
        all in proptest::collection::vec(proptest::collection::vec(any_reading(), 0..9), 0..60),
        members in 0_usize..8,
        others_answer in any::<bool>(),
    ) {
        let mut group = Group::default();
        for _ in 0..members {
            group.add();
        }
        for readings in &all {
            group.poll(readings, others_answer);
        }
        prop_assert!(!group.common_ratio().is_nan());
        for member in 0..members {
            let now = group.judge(member).unwrap();
            prop_assert!(!now.ratio.is_nan() && !now.explained.is_nan() && !now.usual.is_nan());
        }
    }

    /// What is no number leaves no trace: it is as if nothing had been measured.
    #[test]
    fn garbage_is_a_missing_answer(seed in any::<u64>(), members in 2_usize..8, latency in prop_oneof![
        Just(f32::NAN), Just(f32::INFINITY), Just(f32::NEG_INFINITY), Just(f32::MAX), Just(-2000.0)
    ]) {
        let mut with = eventful(seed, members, 150);
        let mut without = with.clone();
        for (poll, (one, other)) in with.iter_mut().zip(&mut without).enumerate().skip(20) {
            if poll % 7 == 0 {
                one[poll % members] = Reading::Value { latency, load: 3.0 };
                other[poll % members] = Reading::Missing;
            }
        }
        prop_assert_eq!(run(members, &with), run(members, &without));
    }
}
