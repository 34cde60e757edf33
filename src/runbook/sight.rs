//! What was seen of hosts: the output of read-only commands, each with its time.
//!
//! A guard, a proof and a plan all rest on the same thing: what a command printed on a named host at a
//! known moment. [`Look`] is such a command; [`Sight`] holds what came back.

use super::secret;
use crate::{
    facts::{UnixMs, Why},
    fleet::HostName,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// A read-only command on a host, as words. Reading changes nothing and may be repeated at any time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Look {
    /// About which host.
    pub host: HostName,
    /// Whether it is run by the console itself, not on the host: to ask a management controller.
    pub local: bool,
    /// Program and arguments.
    #[serde(serialize_with = "without_secrets")]
    pub argv: Vec<String>,
}

impl Look {
    /// A look at `host` by these words.
    #[must_use]
    pub fn new<S: Into<String>>(host: &HostName, argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            host: host.clone(),
            local: false,
            argv: argv.into_iter().map(Into::into).collect(),
        }
    }

    /// A look that the console takes itself, about `host`.
    #[must_use]
    pub fn local<S: Into<String>>(host: &HostName, argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            local: true,
            ..Self::new(host, argv)
        }
    }

    /// The command as it is shown: without passwords.
    #[must_use]
    pub fn shown(&self) -> String {
        secret::shown(&self.argv).join(" ")
    }
}

/// Words of a look as they are kept: a password is not written to a journal. A look that had one is not found again
/// in what was kept, and is not looked for: no plan rests on what a management controller says.
fn without_secrets<S: serde::Serializer>(argv: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(secret::shown(argv))
}

/// What one look gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glimpse {
    /// When it was asked for, by the console's clock: it is no older than that.
    pub at: UnixMs,
    /// Exit code and standard output, or why there is none.
    pub answer: Result<Printed, Why>,
}

/// What a command printed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Printed {
    /// Exit code.
    pub exit: i32,
    /// Standard output, bounded by the caller.
    pub text: String,
}

/// What the console shows of hosts, by name: each as an object, from which everything is left out that is not known now.
pub type Shown = BTreeMap<HostName, serde_json::Value>;

/// The fields of such an object: those of a host in `--batch status --json`, and the findings about it.
pub const SHOWN_FIELDS: &[&str] = &[
    "age_ms",
    "drbd",
    "filesystems",
    "findings",
    "load",
    "mysql",
    "name",
    "nfs_exports",
    "nfs_mounts",
    "probes",
    "raid",
    "reach",
    "reachable",
    "reason",
    "roles",
    "rtt_ms",
    "state",
    "system",
    "unknown",
    "uptime_seconds",
    "zfs",
];

/// Everything that was seen, by look.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    #[serde(with = "pairs")]
    glimpses: BTreeMap<Look, Glimpse>,
    /// What the console shows of hosts, where the runbook's conditions ask for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shown: Shown,
    /// Now, by the console's clock.
    pub now: UnixMs,
    /// Older than this is as good as not seen.
    pub fresh: Duration,
}

impl Sight {
    /// Nothing seen yet; looks older than `fresh` do not count.
    #[must_use]
    pub fn new(now: UnixMs, fresh: Duration) -> Self {
        Self {
            glimpses: BTreeMap::new(),
            shown: Shown::new(),
            now,
            fresh,
        }
    }

    /// Takes what a look gave; a newer one replaces an older one.
    pub fn take(&mut self, look: Look, glimpse: Glimpse) {
        self.now = self.now.max(glimpse.at);
        self.glimpses.insert(look, glimpse);
    }

    /// What a look printed, when it succeeded, recently enough.
    ///
    /// # Errors
    /// A sentence that says why it is not known.
    pub fn text(&self, look: &Look) -> Result<&str, String> {
        let glimpse = self.glimpse(look)?;
        match &glimpse.answer {
            Ok(printed) if printed.exit == 0 => Ok(&printed.text),
            Ok(printed) => Err(format!(
                "`{}` on {} ended with exit code {}",
                look.shown(),
                look.host,
                printed.exit
            )),
            Err(why) => Err(format!("`{}` on {}: {why}", look.shown(), look.host)),
        }
    }

    /// What a look gave, whatever its exit code, recently enough.
    ///
    /// # Errors
    /// A sentence that says why it is not known.
    pub fn printed(&self, look: &Look) -> Result<&Printed, String> {
        match &self.glimpse(look)?.answer {
            Ok(printed) => Ok(printed),
            Err(why) => Err(format!("`{}` on {}: {why}", look.shown(), look.host)),
        }
    }

    /// Whether this was looked at, whatever came of it and however long ago.
    #[must_use]
    pub fn asked(&self, look: &Look) -> bool {
        self.glimpses.contains_key(look)
    }

    /// What came of a look recently enough, also why it gave nothing.
    ///
    /// # Errors
    /// A sentence that says why it was not looked at, or too long ago.
    pub fn answer(&self, look: &Look) -> Result<&Result<Printed, Why>, String> {
        Ok(&self.glimpse(look)?.answer)
    }

    /// Hosts that answered no look at all, each with why: the first reason.
    #[must_use]
    pub fn silent(&self) -> Vec<(HostName, String)> {
        let mut hosts: BTreeMap<&HostName, Option<String>> = BTreeMap::new();
        // What the console asks of a management controller is no answer of the host.
        for (look, glimpse) in self.glimpses.iter().filter(|(look, _)| !look.local) {
            match &glimpse.answer {
                Ok(_) => hosts.insert(&look.host, None),
                Err(why) => {
                    hosts.entry(&look.host).or_insert_with(|| Some(why.to_string()));
                    continue;
                }
            };
        }
        let silent = hosts.into_iter().filter_map(|(host, why)| Some((host.clone(), why?)));
        silent.collect()
    }

    fn glimpse(&self, look: &Look) -> Result<&Glimpse, String> {
        let glimpse = self
            .glimpses
            .get(look)
            .ok_or_else(|| format!("`{}` on {} was not read", look.shown(), look.host))?;
        let age = self.now.since(glimpse.at);
        if age > self.fresh {
            return Err(format!(
                "`{}` on {} is {:.0} s old",
                look.shown(),
                look.host,
                age.as_secs_f64()
            ));
        }
        Ok(glimpse)
    }
}

/// Looks and glimpses as a list of pairs: a look is no key of a JSON object.
mod pairs {
    use super::{BTreeMap, Glimpse, Look};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(glimpses: &BTreeMap<Look, Glimpse>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(glimpses)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Look, Glimpse>, D::Error> {
        Vec::<(Look, Glimpse)>::deserialize(deserializer).map(|pairs| pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sight_read_back_is_the_same_sight() {
        let host = HostName::new("stor1");
        let mut sight = Sight::new(UnixMs(7), Duration::from_secs(5));
        let printed = Printed {
            exit: 3,
            text: "line one\n\u{1b}[2J two\n".into(),
        };
        let seen = [
            (Look::new(&host, ["cat", "/proc/drbd"]), Ok(printed)),
            (
                Look::local(&host, ["power", "status"]),
                Err(Why::Hung("no answer".into())),
            ),
            (Look::new(&host, ["true"]), Err(Why::NotAsked)),
        ];
        for (look, answer) in seen {
            sight.take(look, Glimpse { at: UnixMs(9), answer });
        }
        sight
            .shown
            .insert(host, serde_json::json!({"load": 0.25, "raid": [{"name": "md0"}]}));
        let text = serde_json::to_string(&sight).unwrap();
        assert_eq!(serde_json::from_str::<Sight>(&text).unwrap(), sight);
    }
}
