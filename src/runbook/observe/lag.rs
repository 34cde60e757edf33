//! How far replicas of databases are behind while something is copied beside them, and for how long that holds the copy up.

use super::mysql::words;
use crate::{
    facts::UnixMs,
    fleet::{HostName, MysqlAccess},
    runbook::sight::{Look, Sight},
};
use std::{collections::BTreeMap, time::Duration};

/// Nothing was copied for so long, and a replica is no nearer to its source, or still does not say how near it is: then it is
/// not the copy that keeps it behind, and it is waited for no longer.
const PATIENCE: Duration = Duration::from_mins(15);

/// A server of a database that may be a replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// The host.
    pub host: HostName,
    /// How its server is asked.
    pub access: MysqlAccess,
}

impl Database {
    /// The look that tells how far it is behind.
    #[must_use]
    pub fn look(&self) -> Look {
        let [socket, defaults] = words(&self.access);
        Look::new(&self.host, ["db_lag".to_owned(), socket, defaults])
    }
}

/// Reads what `db_lag` prints: seconds behind the source, without the delay that it was told to keep; of several connections
/// the most. `None`: it is no replica.
///
/// # Errors
/// A sentence that says why it is not known.
pub fn parse(text: &str) -> Result<Option<u64>, String> {
    let Some(lines) = text.trim_end().strip_suffix("end") else {
        return Err("its answer is not whole".to_owned());
    };
    let mut most = None;
    for line in lines.lines() {
        let bad = || format!("{line:?} does not say how far it is behind");
        let words: Vec<&str> = line.split(' ').collect();
        let ["behind", behind, "delay", delay] = words.as_slice() else {
            return Err(bad());
        };
        if *behind == "NULL" {
            return Err(
                "it does not know that itself (NULL): a thread of its replication is stopped, or connects".to_owned(),
            );
        }
        let number = |word: &str| word.parse::<u64>().map_err(|_| bad());
        most = most.max(Some(number(behind)?.saturating_sub(number(delay)?)));
    }
    Ok(most)
}

/// What is known of each replica while something is copied.
#[derive(Debug, Clone, Default)]
pub struct Lags(BTreeMap<HostName, Lag>);

/// What is known of one.
#[derive(Debug, Clone, Default)]
struct Lag {
    /// Seconds behind that are not the copy's doing: from before it began, or what was left after a long rest.
    base_s: Option<u64>,
    /// Since when it holds the copy up, and how far behind it was then; `None` where that is not known.
    holds: Option<(UnixMs, Option<u64>)>,
    /// It was not known for too long to be waited for.
    passed_over: bool,
    /// Why it is not waited for, in words.
    aside: Option<String>,
}

impl Lags {
    /// Why the copy waits for a replica: one is further behind than is good, and further than before anything was copied, or
    /// it is not known how far. `begun`: whether something was copied before this console looked.
    pub fn judge(
        &mut self,
        databases: &[Database],
        limit: Duration,
        begun: bool,
        sight: &Sight,
        now: UnixMs,
    ) -> Option<String> {
        let mut first = None;
        for database in databases {
            let behind = sight.text(&database.look()).and_then(parse);
            let lag = self.0.entry(database.host.clone()).or_default();
            let why = lag.judge(&database.host, behind, limit.as_secs(), begun, now);
            first = first.or(why);
        }
        first
    }

    /// Replicas that are not waited for although they are behind or unknown, in words.
    #[must_use]
    pub fn aside(&self) -> Option<String> {
        self.0.values().find_map(|lag| lag.aside.clone())
    }
}

impl Lag {
    fn judge(
        &mut self,
        host: &HostName,
        behind: Result<Option<u64>, String>,
        limit_s: u64,
        begun: bool,
        now: UnixMs,
    ) -> Option<String> {
        match behind {
            // No replica, so nothing that it could be behind.
            Ok(None) => {
                *self = Self::default();
                None
            }
            Ok(Some(seconds)) => self.known(host, seconds, limit_s, begun, now),
            Err(why) => self.unknown(host, &why, now),
        }
    }

    fn known(&mut self, host: &HostName, seconds: u64, limit_s: u64, begun: bool, now: UnixMs) -> Option<String> {
        self.passed_over = false;
        // How it was before is not known any more where something was copied already: then it was not behind at all.
        let base = self.base_s.unwrap_or(if begun { 0 } else { seconds });
        self.base_s = Some(base.min(seconds));
        if seconds <= limit_s {
            self.aside = None;
        }
        if seconds <= limit_s || seconds <= base {
            self.holds = None;
            return None;
        }
        match self.holds {
            Some((since, Some(then))) if now.since(since) >= PATIENCE => {
                if seconds >= then {
                    (self.base_s, self.holds) = (Some(seconds), None);
                    self.aside = Some(format!(
                        "{host} got no nearer to its source in {} min without it, and is not waited for",
                        minutes()
                    ));
                    return None;
                }
                // It gets nearer: that is what is waited for.
                self.holds = Some((now, Some(seconds)));
            }
            Some((_, Some(_))) => {}
            _ => self.holds = Some((now, Some(seconds))),
        }
        self.aside = None;
        Some(format!(
            "the database on {host} is {seconds} s behind its source, {base} s before; {limit_s} s at most are good"
        ))
    }

    fn unknown(&mut self, host: &HostName, why: &str, now: UnixMs) -> Option<String> {
        if self.passed_over {
            return None;
        }
        match self.holds {
            Some((since, None)) if now.since(since) >= PATIENCE => {
                (self.passed_over, self.holds) = (true, None);
                self.aside = Some(format!(
                    "how far {host} is behind its source is not known for {} min, and it is not waited for: {why}",
                    minutes()
                ));
                return None;
            }
            Some((_, None)) => {}
            _ => self.holds = Some((now, None)),
        }
        Some(format!(
            "how far the database on {host} is behind its source is not known: {why}"
        ))
    }
}

fn minutes() -> u64 {
    PATIENCE.as_secs() / 60
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT_S: u64 = 30;

    /// One replica, minute by minute.
    #[derive(Default)]
    struct Play {
        lag: Lag,
        minute: u64,
    }

    impl Play {
        /// Whether it holds the copy up after another minute.
        fn held(&mut self, behind: Result<Option<u64>, &str>) -> Option<String> {
            self.minute += 1;
            let now = UnixMs(self.minute * 60_000);
            let behind = behind.map_err(str::to_owned);
            self.lag.judge(&HostName::new("db2"), behind, LIMIT_S, false, now)
        }
    }

    #[test]
    fn the_answer_is_read_strictly() {
        assert_eq!(parse("end\n"), Ok(None));
        assert_eq!(parse("behind 4 delay 0\nend\n"), Ok(Some(4)));
        // A replica that is told to be an hour late is not behind, and of two connections the later one counts.
        assert_eq!(parse("behind 3607 delay 3600\nbehind 2 delay 0\nend\n"), Ok(Some(7)));
        for unknown in [
            "",
            "behind 4 delay 0\n",
            "behind NULL delay 0\nend\n",
            "behind -1 delay 0\nend",
            "4\nend\n",
        ] {
            assert!(parse(unknown).is_err(), "{unknown:?}");
        }
    }

    #[test]
    fn a_replica_that_falls_behind_holds_until_it_is_near_again() {
        let mut play = Play::default();
        assert_eq!(play.held(Ok(Some(2))), None);
        assert_eq!(play.held(Ok(Some(30))), None, "so much is good");
        let why = play.held(Ok(Some(400))).unwrap();
        assert!(
            why.contains("db2") && why.contains("400 s behind") && why.contains("30 s at most"),
            "{why}"
        );
        // It gets nearer, however slowly.
        for seconds in (31..400).rev() {
            assert!(play.held(Ok(Some(seconds))).is_some(), "{seconds}");
        }
        assert_eq!(play.held(Ok(Some(30))), None);
        assert!(play.held(Ok(Some(31))).is_some());
    }

    #[test]
    fn what_was_behind_before_is_not_the_copys_doing() {
        let mut play = Play::default();
        assert_eq!(play.held(Ok(Some(500))), None);
        assert_eq!(play.held(Ok(Some(500))), None);
        assert!(play.held(Ok(Some(501))).is_some());
        assert_eq!(play.held(Ok(Some(40))), None);
        assert!(play.held(Ok(Some(41))).is_some(), "it was nearer in the meantime");
        // Another console cannot know how it was before.
        let mut lag = Lag::default();
        let why = lag.judge(&HostName::new("db2"), Ok(Some(500)), LIMIT_S, true, UnixMs(0));
        assert!(why.is_some());
    }

    #[test]
    fn one_that_gets_no_nearer_without_the_copy_holds_it_no_longer() {
        let mut play = Play::default();
        play.held(Ok(Some(0)));
        let held = (0..60)
            .take_while(|minute| play.held(Ok(Some(100 + minute))).is_some())
            .count();
        assert_eq!(held, 15);
        let aside = play.lag.aside.clone().unwrap();
        assert!(aside.contains("db2 got no nearer"), "{aside}");
        assert!(
            play.held(Ok(Some(200))).is_some(),
            "it is further behind than after that rest"
        );
    }

    /// What is not known never counts as near; but a replica that is gone stops no migration for ever.
    #[test]
    fn one_that_cannot_be_asked_holds_for_a_while() {
        let mut play = Play::default();
        let held = (0..60).take_while(|_| play.held(Err("no answer")).is_some()).count();
        assert_eq!(held, 15);
        let aside = play.lag.aside.clone().unwrap();
        assert!(
            aside.contains("not known for 15 min") && aside.contains("no answer"),
            "{aside}"
        );
        // It is back, and goes again: then it is waited for again.
        assert_eq!(play.held(Ok(Some(3))), None);
        assert_eq!(play.lag.aside, None);
        assert!(play.held(Err("no answer")).is_some());
        // A source is behind nobody.
        assert_eq!(play.held(Ok(None)), None);
    }
}
