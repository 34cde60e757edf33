//! How NFS clients fare while a pool is scrubbed or resilvered, and when a scrub pauses for them.
//!
//! ZFS has no speed that could be set for one pool: a scrub goes on or pauses, and a resilver goes on. A scrub that can
//! pause does so at first, so that what clients wait for without it is known.

use super::{
    pace::{Client, FELT_MS, Fare, Pace, WINDOW, WORSE, fare, paces},
    pool::{Doing, PoolOn, Seen},
};
use crate::{
    facts::UnixMs,
    fleet::HostName,
    runbook::sight::{Look, Sight},
};
use std::{collections::BTreeMap, time::Duration};

/// Windows in a row in which clients are worse off before a scrub pauses for them, or is given up where it cannot.
const PATIENCE: u32 = 2;
/// For how long it pauses for them, at least.
const REST: Duration = Duration::from_mins(5);

/// A pool that is scrubbed or resilvered, watched for those who work with what it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// The pool.
    pub pool: PoolOn,
    /// Who works with it; nobody steers it where there is none.
    pub clients: Vec<Client>,
    /// What it does.
    pub what: What,
}

/// What a pool does while it is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It resilvers this device.
    Resilver(String),
    /// It is scrubbed.
    Scrub {
        /// What it said of its last scan before that.
        before: String,
        /// Whether the scrub can pause.
        pauses: bool,
    },
}

impl Watch {
    /// Everything that it is steered by.
    #[must_use]
    pub fn looks(&self) -> Vec<Look> {
        let clients = self.clients.iter().map(Client::look);
        std::iter::once(self.pool.look()).chain(clients).collect()
    }

    /// Commands that it may come to.
    #[must_use]
    pub fn commands(&self) -> Vec<Vec<String>> {
        match &self.what {
            What::Scrub { pauses: true, .. } if !self.clients.is_empty() => vec![self.pause(), self.goes_on()],
            _ => Vec::new(),
        }
    }

    /// What is left of it, KiB of the pool.
    #[must_use]
    pub fn left_kib(&self, sight: &Sight) -> Option<u64> {
        self.seen(sight)?.left_kib()
    }

    fn pause(&self) -> Vec<String> {
        ["zpool", "scrub", "-p", &self.pool.name].map(str::to_owned).to_vec()
    }

    /// Asked of a pool whose scrub somebody has ended meanwhile, `zpool scrub` would begin another one.
    fn goes_on(&self) -> Vec<String> {
        ["pool_on", &self.pool.name].map(str::to_owned).to_vec()
    }

    fn seen(&self, sight: &Sight) -> Option<Seen> {
        self.pool.seen(sight.text(&self.pool.look()).ok()?).ok()
    }

    /// Why it will never be over.
    fn broken(&self, seen: &Seen) -> Option<String> {
        let device = match &self.what {
            What::Scrub { before, .. } => return seen.scrub_is_lost(before),
            What::Resilver(device) => device,
        };
        match seen.member(device) {
            None => Some(format!("{device} is no device of {} any more", self.pool)),
            Some(member) if !member.is_readable() => {
                Some(format!("{device} is {} while it is resilvered", member.state))
            }
            Some(_) => None,
        }
    }
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advice {
    /// Nothing.
    Keep,
    /// This command.
    Order(Vec<String>),
    /// It is given up, and why.
    GiveUp(String),
}

/// What is known of a watch so far.
#[derive(Debug, Clone, Default)]
pub struct Steering {
    since: Option<(UnixMs, BTreeMap<HostName, Pace>)>,
    /// Milliseconds of a request without it; where it cannot pause, the fewest so far.
    start_ms: Option<f64>,
    /// Since when it was seen to pause.
    paused: Option<UnixMs>,
    /// Whether it pauses because clients suffered, and not to see how they fare without it.
    rests: bool,
    suffered: u32,
    /// When an advice did not arrive.
    forgot: Option<UnixMs>,
    said: Option<String>,
}

impl Steering {
    /// What to do by what is seen now.
    pub fn judge(&mut self, watch: &Watch, sight: &Sight, now: UnixMs) -> Advice {
        let Some(seen) = watch.seen(sight) else {
            // Whoever does not answer is told nothing.
            return Advice::Keep;
        };
        if let Some(why) = watch.broken(&seen) {
            return Advice::GiveUp(why);
        }
        let late = self.forgot.is_some_and(|when| now.since(when) < WINDOW);
        if watch.clients.is_empty() || late {
            return Advice::Keep;
        }
        let pauses = match &watch.what {
            What::Resilver(_) => return self.listen(watch, sight, now),
            What::Scrub { pauses, .. } => *pauses,
        };
        match seen.doing() {
            Doing::PausedScrub => self.paused(watch, sight, now),
            Doing::Scrub => self.runs(watch, sight, now, pauses),
            _ => Advice::Keep,
        }
    }

    /// How clients fared since the last window, once that is over.
    fn window(&mut self, watch: &Watch, sight: &Sight, now: UnixMs) -> Option<Fare> {
        let seen = paces(&watch.clients, sight);
        match &self.since {
            Some((since, _)) if now.since(*since) < WINDOW => None,
            Some((_, before)) => {
                let fare = fare(before, &seen);
                self.since = Some((now, seen));
                Some(fare)
            }
            None => {
                self.since = Some((now, seen));
                None
            }
        }
    }

    /// A resilver cannot be slowed: how clients fare is told, and no more.
    fn listen(&mut self, watch: &Watch, sight: &Sight, now: UnixMs) -> Advice {
        if let Some(fare) = self.window(watch, sight, now) {
            self.said = Some(match fare {
                Fare::Waits(ms) => format!("clients wait {ms:.1} ms a request; a resilver cannot pause"),
                Fare::Idle => "clients ask for next to nothing".to_owned(),
                Fare::Unknown => "how long clients wait is not known".to_owned(),
            });
        }
        Advice::Keep
    }

    fn paused(&mut self, watch: &Watch, sight: &Sight, now: UnixMs) -> Advice {
        if self.paused.is_none() {
            // What was counted before belongs to a scrub that ran.
            (self.paused, self.since) = (Some(now), None);
        }
        let since = self.paused.unwrap_or(now);
        let Some(fare) = self.window(watch, sight, now) else {
            return Advice::Keep;
        };
        let worse = self.is_worse(fare);
        if self.rests && now.since(since) < REST {
            return Advice::Keep;
        }
        if self.rests && worse {
            self.said = Some(format!(
                "{} while it pauses, too: it waits until that is over",
                self.words(fare)
            ));
            return Advice::Keep;
        }
        if let (Fare::Waits(ms), false) = (fare, self.rests) {
            self.start_ms = Some(ms);
        }
        self.said = Some(format!("{}: it goes on", self.words(fare)));
        self.turned();
        if matches!(fare, Fare::Idle | Fare::Unknown) {
            // It is not the scrub that keeps them from being answered: how they fare is to be learnt anew.
            self.start_ms = None;
        }
        Advice::Order(watch.goes_on())
    }

    fn runs(&mut self, watch: &Watch, sight: &Sight, now: UnixMs, pauses: bool) -> Advice {
        if self.paused.take().is_some() {
            self.since = None;
        }
        if pauses && self.start_ms.is_none() && self.said.is_none() {
            self.said = Some("it pauses at first, to see how long clients wait without it".to_owned());
            self.turned();
            return Advice::Order(watch.pause());
        }
        let Some(fare) = self.window(watch, sight, now) else {
            return Advice::Keep;
        };
        if let Fare::Waits(ms) = fare {
            match self.start_ms {
                None if pauses => {
                    self.said = Some(format!(
                        "clients begin to work ({ms:.1} ms a request): it pauses to see how long they wait without it"
                    ));
                    self.turned();
                    return Advice::Order(watch.pause());
                }
                // The best that was seen stands for how it is without the scrub.
                None => self.start_ms = Some(ms),
                Some(best) if !pauses && ms < best => self.start_ms = Some(ms),
                Some(_) => {}
            }
        }
        // Requests that hang are counted when they are answered: nobody who asks for anything may be the worst there is. Where
        // it can only be given up that says too little, and nothing against it either.
        let unheard = self.start_ms.is_some() && matches!(fare, Fare::Idle | Fare::Unknown);
        self.suffered = match (self.is_worse(fare), unheard) {
            (true, _) => self.suffered + 1,
            (false, true) => self.suffered + u32::from(pauses),
            (false, false) => 0,
        };
        let words = self.words(fare);
        if self.suffered < PATIENCE {
            self.said = Some(words);
            return Advice::Keep;
        }
        if !pauses {
            return Advice::GiveUp(format!(
                "{words}, and a scrub cannot pause with the ZFS of {}",
                watch.pool.host
            ));
        }
        self.said = Some(format!("{words}: it pauses for {} min at least", REST.as_secs() / 60));
        self.turned();
        self.rests = true;
        Advice::Order(watch.pause())
    }

    fn is_worse(&self, fare: Fare) -> bool {
        matches!((fare, self.start_ms), (Fare::Waits(ms), Some(start)) if ms > start * WORSE && ms > start + FELT_MS)
    }

    fn words(&self, fare: Fare) -> String {
        match (fare, self.start_ms) {
            (Fare::Waits(ms), Some(start)) => {
                format!("clients wait {ms:.1} ms a request, {start:.1} ms without it")
            }
            (Fare::Waits(ms), None) => format!("clients wait {ms:.1} ms a request"),
            (Fare::Idle, _) => "clients ask for next to nothing".to_owned(),
            (Fare::Unknown, _) => "how long clients wait is not known".to_owned(),
        }
    }

    /// From here on it does something else: what was counted belongs to what it did before.
    fn turned(&mut self) {
        (self.since, self.paused, self.suffered, self.rests) = (None, None, 0, false);
    }

    /// The last advice did not arrive: it is given anew after a while.
    pub fn forget(&mut self, now: UnixMs) {
        *self = Self {
            start_ms: self.start_ms,
            forgot: Some(now),
            ..Self::default()
        };
    }

    /// How it goes and why, in words.
    #[must_use]
    pub fn says(&self) -> Option<String> {
        self.said.clone()
    }
}

#[cfg(test)]
mod tests;
