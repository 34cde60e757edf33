//! How a copy is steered: what is begun, held, or let go on, by how those fare who work meanwhile, the hour, and replication.

use super::{Copying, FAILURES, LEASE_S, Next, disk_look, within_budget};
use crate::{
    facts::UnixMs,
    fleet::HostName,
    runbook::{
        observe::{
            lag::Lags,
            pace::{Fare, Pace, fare},
            task::{self, Is, Task},
            watch::Advice,
        },
        sight::{Look, Sight},
    },
};
use std::{collections::BTreeMap, time::Duration};

/// Others are compared over so long.
const WINDOW: Duration = Duration::from_secs(10);
/// It stands still so long at least once others were worse off.
const REST: Duration = Duration::from_mins(1);
/// Before a pass is tried again that failed by the network.
const AGAIN: Duration = Duration::from_secs(30);
/// Clients are worse off when a request takes so many times as long as without it …
const WORSE: f64 = 2.0;
/// … and so many milliseconds longer: below that nobody feels it.
const FELT_MS: f64 = 5.0;
/// Commands that were refused in a row before a person has to look.
const REFUSALS: u32 = 5;

/// What others had counted at some moment.
#[derive(Debug, Clone)]
struct Counted {
    at: UnixMs,
    clients: BTreeMap<HostName, Pace>,
    disks: BTreeMap<HostName, Pace>,
}

/// What is known of a copy under way.
#[derive(Debug, Clone, Default)]
pub struct Steering {
    since: Option<Counted>,
    /// Milliseconds of a request of the clients without it.
    base_ms: Option<f64>,
    /// Whether it was seen at all how clients fare without it.
    learned: bool,
    /// It stands still until then, and why.
    rests: Option<(UnixMs, String)>,
    /// When the pass that failed was seen first.
    failed: Option<(UnixMs, usize)>,
    /// The pass that was begun last, and how often: one that is killed each time vanishes without a word.
    begun: (usize, usize),
    refused: u32,
    refused_at: Option<(UnixMs, String)>,
    /// Whether replication lagged at the end of the window before: for a moment it may.
    lagged: bool,
    /// How far databases are behind.
    databases: Lags,
    said: Option<String>,
}

impl Steering {
    /// What to do by what is seen now.
    pub fn judge(&mut self, copying: &Copying, sight: &Sight, now: UnixMs, paused: bool) -> Advice {
        let Ok(tasks) = sight.text(&copying.tasks_look()).and_then(task::parse) else {
            return Advice::Keep;
        };
        if let Some((when, why)) = &self.refused_at {
            if self.refused >= REFUSALS {
                return Advice::GiveUp(format!("{} does not take its commands: {why}", copying.to));
            }
            if now.since(*when) < WINDOW && !copying.is_urgent() {
                return Advice::Keep;
            }
        }
        if copying.is_urgent() {
            return closed(copying, sight, &tasks);
        }
        let next = copying.next(&tasks);
        let runs = matches!(&next, Next::Under(pass) if matches!(pass.is, Is::Running { .. }));
        let begun = tasks.iter().any(|task| task.is != Is::None);
        let waits = if paused {
            Some("a person has paused it".to_owned())
        } else {
            hours(copying, sight).or_else(|| self.others(copying, sight, now, (runs, begun)))
        };
        self.said = match &waits {
            Some(why) => Some(format!("it waits: {why}")),
            None => Some(self.fares()),
        };
        match (next, waits) {
            (Next::Never(why), _) => Advice::GiveUp(why),
            (Next::Near(_), _) | (Next::Begin(..) | Next::Again(..), Some(_)) => Advice::Keep,
            (Next::Under(pass), Some(_)) => match pass.is {
                Is::Running { .. } => order(["task_hold", &pass.name]),
                _ => Advice::Keep,
            },
            (Next::Under(pass), None) => match pass.is {
                Is::Running { lease_s, .. } if lease_s > LEASE_S / 2 => Advice::Keep,
                _ => order(["task_go", &pass.name, &LEASE_S.to_string()]),
            },
            (Next::Begin(number, whole), None) => {
                let before = if self.begun.0 == number { self.begun.1 } else { 0 };
                if before >= FAILURES {
                    return Advice::GiveUp(format!(
                        "{} was begun {before} times and vanished each time: something kills it on {} (out of memory?)",
                        copying.name(),
                        copying.to
                    ));
                }
                self.begun = (number, before + 1);
                Advice::Order(vec![copying.begin(number, whole)])
            }
            (Next::Again(number, whole), None) => {
                let (since, _) = match self.failed {
                    Some(failed) if failed.1 == number => failed,
                    _ => *self.failed.insert((now, number)),
                };
                if now.since(since) < AGAIN {
                    return Advice::Keep;
                }
                Advice::Order(vec![copying.begin(number, whole)])
            }
        }
    }

    /// Whether others are worse off by it, or it is not known yet how they fare without it; `runs`: whether a pass runs, `begun`:
    /// whether one was begun at all.
    fn others(&mut self, copying: &Copying, sight: &Sight, now: UnixMs, (runs, begun): (bool, bool)) -> Option<String> {
        let clients = copying
            .clients
            .iter()
            .filter_map(|client| pace(sight, &client.host, &client.look()));
        let disks = copying
            .disks
            .iter()
            .filter_map(|(host, _)| pace(sight, host, &disk_look(host)));
        let counted = Counted {
            at: now,
            clients: clients.collect(),
            disks: disks.collect(),
        };
        let resting = self
            .rests
            .as_ref()
            .filter(|(until, _)| now < *until)
            .map(|(_, why)| why.clone());
        let Some(before) = &self.since else {
            self.since = Some(counted);
            return resting.or_else(|| (!self.learned).then(|| FIRST.to_owned()));
        };
        if now.since(before.at) < WINDOW {
            return resting.or_else(|| (!self.learned).then(|| FIRST.to_owned()));
        }
        let fare = fare(&before.clients, &counted.clients);
        // Requests that hang are counted when they are answered: nobody who asks for anything may be the worst there is.
        let unheard = match fare {
            Fare::Unknown => copying.clients.iter().find_map(|client| {
                let why = sight.text(&client.look()).and_then(Pace::parse).err()?;
                Some(format!("how clients fare is not known: {}: {why}", client.host))
            }),
            Fare::Idle if runs && self.base_ms.is_some() => {
                Some("clients are hardly answered any more, and were before".to_owned())
            }
            _ => None,
        };
        let slow = copying.disks.iter().find_map(|(host, limit)| {
            let (before, after) = (before.disks.get(host)?, counted.disks.get(host)?);
            let ops = after.ops.checked_sub(before.ops).filter(|ops| *ops > 0)?;
            let ms = after.rtt_ms.checked_sub(before.rtt_ms)? as f64 / ops as f64;
            let limit = limit.as_secs_f64() * 1000.0;
            (ms > limit)
                .then(|| format!("a request of the disks of {host} takes {ms:.0} ms, {limit:.0} ms at most are good"))
        });
        self.since = Some(counted);
        if !runs && unheard.is_none() {
            self.learned = true;
            match fare {
                Fare::Waits(ms) => self.base_ms = Some(ms),
                // They ask for nothing, and not because of it.
                Fare::Idle => self.base_ms = None,
                Fare::Unknown => {}
            }
        }
        let worse = match (fare, self.base_ms) {
            (Fare::Waits(ms), Some(base)) if ms > base * WORSE && ms > base + FELT_MS => {
                Some(format!("clients wait {ms:.1} ms a request, {base:.1} ms without it"))
            }
            (Fare::Waits(ms), None) if runs => Some(format!(
                "clients begin to work ({ms:.1} ms a request): how long they wait without it is looked at first"
            )),
            _ => None,
        };
        let lags = copying.lags(sight);
        let lagged = std::mem::replace(&mut self.lagged, lags.is_some());
        let lags = copying.resyncs(sight).or(lags.filter(|_| lagged));
        let behind = self.databases.judge(&copying.databases, copying.lag, begun, sight, now);
        match worse.or(slow).or(unheard).or(lags).or(behind) {
            Some(why) => {
                self.rests = Some((now + REST, why.clone()));
                // What was counted before belongs to another pace.
                self.since = None;
                Some(why)
            }
            None => resting,
        }
    }

    fn fares(&self) -> String {
        let aside = self
            .databases
            .aside()
            .map_or_else(String::new, |aside| format!("; {aside}"));
        let fares = match self.base_ms {
            Some(ms) => {
                format!("clients wait {ms:.1} ms a request without it; it stands still while they wait twice as long")
            }
            None => "how long clients wait without it is not known".to_owned(),
        };
        fares + &aside
    }

    /// The last advice did not arrive, or was of no use.
    pub fn forget(&mut self, now: UnixMs, why: &str) {
        self.refused += 1;
        self.refused_at = Some((now, why.to_owned()));
    }

    /// The last advice was followed.
    pub fn followed(&mut self) {
        (self.refused, self.refused_at) = (0, None);
    }

    /// How it goes and why, in words.
    #[must_use]
    pub fn says(&self) -> Option<String> {
        self.said.clone()
    }
}

/// The slice is closed: as fast as it goes, and no longer than it may.
fn closed(copying: &Copying, sight: &Sight, tasks: &[Task]) -> Advice {
    let late = within_budget(&copying.from, &copying.task, copying.budget).judge(sight);
    if late.fails() {
        return Advice::Late(late.text().to_owned());
    }
    let [task] = tasks else { return Advice::Keep };
    match task.is {
        Is::None | Is::Vanished | Is::Held { .. } => {
            Advice::Order(vec![copying.go(&copying.name(), copying.argv.clone())])
        }
        Is::Running { .. } => Advice::Keep,
        Is::Ended { .. } => copying.trouble(task).map_or(Advice::Keep, Advice::GiveUp),
    }
}

const FIRST: &str = "how long clients wait without it is looked at first";

fn order<const N: usize>(words: [&str; N]) -> Advice {
    Advice::Order(vec![words.map(str::to_owned).to_vec()])
}

fn pace(sight: &Sight, host: &HostName, look: &Look) -> Option<(HostName, Pace)> {
    let pace = Pace::parse(sight.text(look).ok()?).ok()?;
    (pace.mounts > 0).then(|| (host.clone(), pace))
}

/// Why it may not run at this hour; the hour has to be known.
fn hours(copying: &Copying, sight: &Sight) -> Option<String> {
    if copying.windows.is_empty() {
        return None;
    }
    let windows: Vec<String> = copying.windows.iter().map(ToString::to_string).collect();
    let windows = format!("{} ({})", windows.join("; "), copying.zone);
    let text = match sight.text(&copying.hour_look()) {
        Ok(text) => text.trim(),
        Err(why) => return Some(format!("what time it is in {} is not known: {why}", copying.zone)),
    };
    let read = || {
        let (day, time) = text.split_once(' ')?;
        let (hour, minute) = time.split_once(':')?;
        let (day, hour, minute): (u32, u32, u32) = (day.parse().ok()?, hour.parse().ok()?, minute.parse().ok()?);
        ((1..=7).contains(&day) && hour < 24 && minute < 60).then_some((day, hour * 60 + minute))
    };
    let Some((day, minute)) = read() else {
        return Some(format!("what time it is in {} is not known: {text:?}", copying.zone));
    };
    let open = copying.windows.iter().any(|window| window.is_open(day, minute));
    (!open).then(|| {
        let time = text.split(' ').next_back().unwrap_or_default();
        format!("it is {time}, and it may run at {windows}")
    })
}

#[cfg(test)]
mod steered;
#[cfg(test)]
mod tests;
