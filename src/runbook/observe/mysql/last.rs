//! What a server said last, before it died: as the console's own poll of it had it.

use super::shown;
use crate::{
    facts::{Reading, gtid::GtidSet, mysql::Mysql, reach::Reach, reading::UnixMs},
    fleet::HostName,
};
use serde::{Deserialize, Serialize};

/// What a server said last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSeen {
    /// Its host.
    pub host: HostName,
    /// When it said so.
    pub at: UnixMs,
    /// When it was missed first; `None` where that is not known.
    pub missed: Option<UnixMs>,
    /// What it had: `@@gtid_executed`, or the positions of MariaDB.
    pub had: String,
    /// Whether its commits waited for a replica then; `None` where it did not tell.
    pub waited: Option<bool>,
}

/// What those who are left have of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// What it had, when, and whether that is there.
    pub says: String,
    /// What nobody who is left has: so much is lost for certain.
    pub lost: Option<String>,
}

impl LastSeen {
    /// What was collected of it last; `None` where that is not known, or it told no position.
    #[must_use]
    pub fn of(host: &HostName, mysql: &Reading<Mysql>, reach: &Reach) -> Option<Self> {
        let said = mysql.value()?;
        let missed = match reach {
            Reach::Silent { since, .. } | Reach::Unreachable { since, .. } | Reach::Stopped { since, .. } => {
                Some(*since)
            }
            Reach::Waiting | Reach::Connecting { .. } | Reach::Up { .. } => None,
        };
        Some(Self {
            host: host.clone(),
            at: mysql.at,
            missed: missed.filter(|missed| *missed >= mysql.at),
            had: said.gtid_executed.as_ref()?.to_string(),
            waited: said.semi_sync_source.map(|state| state.enabled && state.active),
        })
    }

    /// Compares it with everything that those hold who are left.
    ///
    /// # Errors
    /// A sentence that says why that cannot be told.
    pub fn compared(&self, left: &GtidSet) -> Result<Compared, String> {
        let host = &self.host;
        let had = GtidSet::parse(&self.had)
            .map_err(|why| format!("what {host} had when it was last seen is not known: {why}"))?;
        let (Some(missing), Some(count)) = (had.missing_from(left), left.missing(&had)) else {
            return Err(format!(
                "what {host} had when it was last seen cannot be compared with what is left"
            ));
        };
        let when = self.when();
        let waited = match self.waited {
            Some(true) => "; its commits waited for a replica then",
            Some(false) => "; its commits waited for no replica then",
            None => "",
        };
        if missing.is_empty() {
            return Ok(Compared {
                says: format!(
                    "{host} was last seen {when}, with {}: all of that is there{waited}",
                    shown(&had)
                ),
                lost: None,
            });
        }
        let noun = if count == 1 { "transaction" } else { "transactions" };
        let lost = format!(
            "{count} {noun} that {host} had when it was last seen: {}",
            super::short(&missing)
        );
        Ok(Compared {
            says: format!("{host} was last seen {when}, with {}{waited}", shown(&had)),
            lost: Some(lost),
        })
    }

    /// When that was, and how long before it was missed.
    fn when(&self) -> String {
        let at = i64::try_from(self.at.0)
            .ok()
            .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
            .map_or_else(
                || "at a time that is no time".to_owned(),
                |at| at.strftime("at %Y-%m-%d %H:%M:%SZ").to_string(),
            );
        match self.missed {
            Some(missed) => format!(
                "{at}, {} s before it was missed",
                missed.since(self.at).as_secs_f64().round()
            ),
            None => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(had: &str) -> LastSeen {
        LastSeen {
            host: HostName::new("db1"),
            at: UnixMs(1_763_834_400_000),
            missed: Some(UnixMs(1_763_834_403_200)),
            had: had.to_owned(),
            waited: Some(true),
        }
    }

    #[test]
    fn what_was_seen_last_is_there_or_is_lost() {
        let left = GtidSet::parse("0-1-12").unwrap();
        let all = seen("0-1-12").compared(&left).unwrap();
        assert_eq!(
            all.says,
            "db1 was last seen at 2025-11-22 18:00:00Z, 3 s before it was missed, with 0-1-12: all of that is there; its \
             commits waited for a replica then"
        );
        assert_eq!(all.lost, None);
        let more = seen("0-1-14").compared(&left).unwrap();
        let lost = more.lost.unwrap();
        assert!(
            lost.starts_with("2 transactions that db1 had when it was last seen: 0-1-"),
            "{lost}"
        );
        let one = "3e11fa47-71ca-11e1-9e33-c80aa9400001";
        let left = GtidSet::parse(&format!("{one}:1-9")).unwrap();
        let more = seen(&format!("{one}:1-10")).compared(&left).unwrap();
        assert_eq!(
            more.lost.unwrap(),
            format!("1 transaction that db1 had when it was last seen: {one}:10")
        );
    }

    #[test]
    fn what_cannot_be_compared_is_not_known() {
        let left = GtidSet::parse("0-1-12").unwrap();
        for had in ["0-1-", "0-1-12…", "3e11fa47-71ca-11e1-9e33-c80aa9400001:1-9"] {
            assert!(seen(had).compared(&left).is_err(), "{had}");
        }
    }
}
