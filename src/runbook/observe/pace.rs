//! How NFS clients fare while an array rebuilds or is checked, and how fast it may go by that.
//!
//! It begins slowly, so that what clients wait for without it is known; then it goes faster for as long as they are well,
//! and slower as soon as they are not.

use super::md::{ArrayOn, Limit, Seen};
use crate::{
    facts::UnixMs,
    fleet::HostName,
    runbook::sight::{Look, Sight},
};
use std::{collections::BTreeMap, time::Duration};

/// The slowest, KiB a second of each member: what md takes in any case unless it was told otherwise
/// (`/proc/sys/dev/raid/speed_limit_min`).
pub const SLOWEST_KIB_S: u64 = 1000;
/// Clients are compared over so long.
pub(super) const WINDOW: Duration = Duration::from_secs(10);
/// Fewer requests than that in a window tell nothing of how long they take.
const TELLING: u64 = 20;
/// Clients are worse off when a request takes so many times as long as at the start …
pub(super) const WORSE: f64 = 2.0;
/// … and so many milliseconds longer: below that nobody feels it.
pub(super) const FELT_MS: f64 = 5.0;
/// Windows in which they are worse off at the slowest speed before a check is given up.
const PATIENCE: u32 = 3;

/// A client of what the array carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The client.
    pub host: HostName,
    /// Servers as its mounts name them: addresses and names.
    pub servers: Vec<String>,
}

impl Client {
    /// The look that tells how it fares.
    #[must_use]
    pub fn look(&self) -> Look {
        let servers = self.servers.iter().map(String::as_str);
        Look::new(&self.host, std::iter::once("nfs_pace").chain(servers))
    }
}

/// An array that rebuilds or is checked, watched for those who work with what it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// The array.
    pub array: ArrayOn,
    /// Who works with it; nobody steers it where there is none.
    pub clients: Vec<Client>,
    /// How fast it may go at most, as it was found.
    pub fastest: Limit,
    /// The disk that is rebuilt onto; nothing where it is checked.
    pub onto: Option<String>,
}

impl Watch {
    /// Everything that it is steered by.
    #[must_use]
    pub fn looks(&self) -> Vec<Look> {
        let clients = self.clients.iter().map(Client::look);
        std::iter::once(self.array.look()).chain(clients).collect()
    }

    /// The command that sets its limit.
    #[must_use]
    pub fn command(&self, kib_s: u64) -> Vec<String> {
        ["md_limit", &self.array.name, &kib_s.to_string()]
            .map(str::to_owned)
            .to_vec()
    }

    /// What is left of what runs, KiB of each member.
    #[must_use]
    pub fn left_kib(&self, sight: &Sight) -> Option<u64> {
        self.seen(sight)?.left_kib()
    }

    fn seen(&self, sight: &Sight) -> Option<Seen> {
        self.array.seen(sight.text(&self.array.look()).ok()?).ok()
    }

    /// Why it will never be over: the disk that is rebuilt onto has failed or is gone.
    fn broken(&self, sight: &Sight) -> Option<String> {
        let (device, seen) = (self.onto.as_deref()?, self.seen(sight)?);
        match seen.member(device) {
            None => Some(format!("{device} is no member of {} any more", self.array)),
            Some(member) if member.is("faulty") => Some(format!("{device} has failed while it was rebuilt")),
            Some(_) => None,
        }
    }
}

/// What each client has counted so far; one that does not tell it is left out.
pub(super) fn paces(clients: &[Client], sight: &Sight) -> BTreeMap<HostName, Pace> {
    let known = clients.iter().filter_map(|client| {
        let pace = Pace::parse(sight.text(&client.look()).ok()?).ok()?;
        Some((client.host.clone(), pace))
    });
    known.filter(|(_, pace)| pace.mounts > 0).collect()
}

/// What a client has counted since it mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Mounts of the servers that were asked for.
    pub mounts: u64,
    /// Reads, writes and commits on them.
    pub ops: u64,
    /// From sending each to its answer, summed.
    pub rtt_ms: u64,
}

impl Pace {
    /// Reads what `nfs_pace` prints.
    ///
    /// # Errors
    /// A sentence that says why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.trim_end().split(' ').collect();
        let number = |word: &str| word.parse().map_err(|_| format!("{text:?} is no pace"));
        match words.as_slice() {
            ["mounts", mounts, "ops", ops, "rtt_ms", rtt_ms] => Ok(Self {
                mounts: number(mounts)?,
                ops: number(ops)?,
                rtt_ms: number(rtt_ms)?,
            }),
            _ => Err(format!("{text:?} is no pace")),
        }
    }
}

/// How clients fared over a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fare {
    /// None of them tells it.
    Unknown,
    /// They ask for next to nothing.
    Idle,
    /// Milliseconds of a request.
    Waits(f64),
}

/// What to do about the speed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// Nothing.
    Keep,
    /// It may go so many KiB a second from now on.
    Limit(u64),
    /// It is given up, and why.
    GiveUp(String),
}

/// What is known of a watch so far.
#[derive(Debug, Clone, Default)]
pub struct Steering {
    limit_kib_s: Option<u64>,
    since: Option<(UnixMs, BTreeMap<HostName, Pace>)>,
    /// Milliseconds of a request at the slowest speed.
    start_ms: Option<f64>,
    suffered: u32,
    /// When an advice did not arrive.
    forgot: Option<UnixMs>,
    said: Option<String>,
}

impl Steering {
    /// What to do by what is seen now.
    pub fn judge(&mut self, watch: &Watch, sight: &Sight, now: UnixMs) -> Advice {
        if let Some(why) = watch.broken(sight) {
            return Advice::GiveUp(why);
        }
        let rests = self.forgot.is_some_and(|when| now.since(when) < WINDOW);
        // Whoever does not answer is told nothing.
        if watch.clients.is_empty() || rests || watch.seen(sight).is_none() {
            return Advice::Keep;
        }
        let slowest = SLOWEST_KIB_S.min(watch.fastest.kib_s);
        let Some(limit) = self.limit_kib_s else {
            self.said = Some("it begins slowly, to see how long clients wait without it".to_owned());
            return self.set(slowest);
        };
        let paces = paces(&watch.clients, sight);
        let Some((since, before)) = &self.since else {
            self.since = Some((now, paces));
            return Advice::Keep;
        };
        if now.since(*since) < WINDOW {
            return Advice::Keep;
        }
        let fare = fare(before, &paces);
        self.since = Some((now, paces));
        match (fare, self.start_ms) {
            (Fare::Waits(ms), None) if limit > slowest => {
                self.said = Some(format!(
                    "clients begin to work ({ms:.1} ms a request): how long they wait without it is looked at first"
                ));
                return self.set(slowest);
            }
            (Fare::Waits(ms), None) => self.start_ms = Some(ms),
            _ => {}
        }
        let faster = (limit * 2).min(watch.fastest.kib_s);
        let worse = matches!((fare, self.start_ms), (Fare::Waits(ms), Some(start)) if ms > start * WORSE && ms > start + FELT_MS);
        let (said, wanted) = match fare {
            Fare::Unknown => (
                "how long clients wait is not known: no faster than half of what is usual".to_owned(),
                faster.min(watch.fastest.kib_s / 2).max(limit),
            ),
            Fare::Idle => ("clients ask for next to nothing".to_owned(), faster),
            Fare::Waits(ms) => {
                let said = format!(
                    "clients wait {ms:.1} ms a request, {:.1} ms at the start",
                    self.start_ms.unwrap_or(ms)
                );
                // It may go slower by itself than it may.
                let speed = watch.seen(sight).and_then(|seen| seen.speed_kib_s);
                let slower = speed.map_or(limit, |speed| speed.min(limit)) / 2;
                (said, if worse { slower.max(slowest) } else { faster })
            }
        };
        self.suffered = if worse && limit == slowest {
            self.suffered + 1
        } else {
            0
        };
        // A check may wait, a rebuild may not.
        if watch.onto.is_none() && self.suffered >= PATIENCE {
            return Advice::GiveUp(format!("{said}, and it goes as slowly as it can already"));
        }
        self.said = Some(said);
        if wanted == limit {
            Advice::Keep
        } else {
            self.set(wanted)
        }
    }

    fn set(&mut self, kib_s: u64) -> Advice {
        self.limit_kib_s = Some(kib_s);
        // What was counted before belongs to another speed.
        self.since = None;
        Advice::Limit(kib_s)
    }

    /// The last advice did not arrive: it is given anew after a while.
    pub fn forget(&mut self, now: UnixMs) {
        *self = Self {
            start_ms: self.start_ms,
            forgot: Some(now),
            ..Self::default()
        };
    }

    /// The limit and why it is that, in words.
    #[must_use]
    pub fn says(&self) -> Option<String> {
        Some(format!(
            "no more than {} KiB/s: {}",
            self.limit_kib_s?,
            self.said.as_deref()?
        ))
    }
}

/// How clients fared since then: those of them that were known both times and mounted nothing anew in between.
pub(super) fn fare(before: &BTreeMap<HostName, Pace>, now: &BTreeMap<HostName, Pace>) -> Fare {
    let (mut ops, mut rtt_ms, mut known) = (0, 0, false);
    for (host, then) in before {
        let Some(pace) = now.get(host) else { continue };
        let (Some(more), Some(waited)) = (pace.ops.checked_sub(then.ops), pace.rtt_ms.checked_sub(then.rtt_ms)) else {
            continue;
        };
        known = true;
        ops += more;
        rtt_ms += waited;
    }
    match (known, ops) {
        (false, _) => Fare::Unknown,
        // Requests that hang are counted when they are answered: none at all may be the worst there is, but then
        // nothing is known of it either.
        (true, ops) if ops < TELLING => Fare::Idle,
        (true, ops) => Fare::Waits(rtt_ms as f64 / ops as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::Why,
        runbook::sight::{Glimpse, Printed},
    };

    fn watch(checks: bool) -> Watch {
        Watch {
            array: ArrayOn {
                host: HostName::new("stor1"),
                name: "md0".into(),
            },
            clients: vec![Client {
                host: HostName::new("client"),
                servers: vec!["10.9.0.100".into()],
            }],
            fastest: Limit {
                kib_s: 16_000,
                own: false,
            },
            onto: (!checks).then(|| "sde".to_owned()),
        }
    }

    /// A client, second by second.
    struct Play {
        watch: Watch,
        steering: Steering,
        now: u64,
        ops: u64,
        rtt_ms: u64,
    }

    impl Play {
        fn new(checks: bool) -> Self {
            Self {
                watch: watch(checks),
                steering: Steering::default(),
                now: 1_000_000,
                ops: 10,
                rtt_ms: 1000,
            }
        }

        /// Five seconds in which a request takes so long; `None`: the client tells nothing.
        fn look(&mut self, ms: Option<u64>, ops: u64) -> Advice {
            self.now += 5000;
            self.ops += ops;
            self.rtt_ms += ops * ms.unwrap_or_default();
            let answer = match ms {
                Some(_) => Ok(Printed {
                    exit: 0,
                    text: format!("mounts 1 ops {} rtt_ms {}\n", self.ops, self.rtt_ms),
                }),
                None => Err(Why::Hung("no answer".into())),
            };
            let at = UnixMs(self.now);
            let mut sight = Sight::new(at, Duration::from_secs(10));
            let text = "level raid1\nraid_disks 1\narray_state clean\ndegraded 0\nsync_action check\n\
                sync_completed 1 / 9\nsync_speed 900000\nsync_speed_max 16000 (system)\nmismatch_cnt 0\n\
                component_size 9\nmember sde 0 0 spare sde sde E 0x5 9 -\nend\n";
            let printed = Printed {
                exit: 0,
                text: text.to_owned(),
            };
            let array = Glimpse {
                at,
                answer: Ok(printed),
            };
            sight.take(self.watch.array.look(), array);
            for client in &self.watch.clients {
                let answer = answer.clone();
                sight.take(client.look(), Glimpse { at, answer });
            }
            self.steering.judge(&self.watch, &sight, at)
        }

        /// The advices of so many looks.
        fn limits(&mut self, ms: Option<u64>, ops: u64, looks: usize) -> Vec<u64> {
            let advices = (0..looks).map(|_| self.look(ms, ops)).collect::<Vec<_>>();
            advices
                .into_iter()
                .filter_map(|advice| match advice {
                    Advice::Limit(kib_s) => Some(kib_s),
                    _ => None,
                })
                .collect()
        }
    }

    #[test]
    fn it_goes_faster_while_clients_are_well_and_slower_when_they_are_not() {
        let mut play = Play::new(false);
        assert_eq!(play.limits(Some(2), 100, 20), [1000, 2000, 4000, 8000, 16_000]);
        assert_eq!(
            play.limits(Some(2), 100, 20),
            [0; 0],
            "it may go no faster than it was found"
        );
        // Twice as long is not felt below 5 ms more; 9 ms are.
        assert_eq!(play.limits(Some(5), 100, 8), [0; 0]);
        assert_eq!(play.limits(Some(9), 100, 6), [8000, 4000]);
        assert!(
            play.steering
                .says()
                .unwrap()
                .contains("9.0 ms a request, 2.0 ms at the start")
        );
        assert_eq!(play.limits(Some(2), 100, 3), [8000]);
        // At the slowest it stays, and a rebuild is not given up.
        let slow = play.limits(Some(50), 100, 60);
        assert_eq!(slow, [4000, 2000, 1000]);
    }

    #[test]
    fn a_check_is_given_up_when_clients_suffer_at_the_slowest_as_well() {
        let mut play = Play::new(true);
        assert_eq!(play.limits(Some(2), 100, 4), [1000, 2000]);
        let ends = (0..40).find_map(|_| match play.look(Some(50), 100) {
            Advice::GiveUp(why) => Some(why),
            _ => None,
        });
        assert!(ends.unwrap().contains("50.0 ms a request"));
    }

    #[test]
    fn a_rebuild_onto_a_disk_that_fails_is_given_up() {
        let mut play = Play::new(false);
        play.watch.onto = Some("sdf".into());
        let advice = play.look(Some(2), 100);
        assert_eq!(
            advice,
            Advice::GiveUp("sdf is no member of md0 of stor1 any more".into())
        );
    }

    #[test]
    fn what_is_not_known_makes_it_no_faster_than_half() {
        let mut play = Play::new(true);
        assert_eq!(play.limits(None, 100, 40), [1000, 2000, 4000, 8000]);
        assert!(play.steering.says().unwrap().contains("not known"));
        // They are heard of again, and work: what they wait for without it comes first.
        assert_eq!(play.limits(Some(2), 100, 9)[..2], [1000, 2000]);
    }

    #[test]
    fn idle_clients_hold_nothing_up() {
        let mut play = Play::new(true);
        assert_eq!(play.limits(Some(2), 0, 20), [1000, 2000, 4000, 8000, 16_000]);
        let mut alone = Play::new(true);
        alone.watch.clients.clear();
        assert_eq!(alone.limits(Some(2), 0, 20), [0; 0], "nobody to be steered by");
    }

    #[test]
    fn a_pace_is_read_whole_or_not_at_all() {
        let pace = Pace::parse("mounts 1 ops 20 rtt_ms 40\n").unwrap();
        assert_eq!((pace.mounts, pace.ops, pace.rtt_ms), (1, 20, 40));
        for garbage in [
            "",
            "mounts 1 ops 20 rtt_ms",
            "mounts 1 ops x rtt_ms 4",
            "mounts 1 ops 1 rtt_ms 4 5",
            "ops 1",
        ] {
            assert!(Pace::parse(garbage).is_err(), "{garbage:?}");
        }
    }
}
