//! Sets of global transaction ids: which server has which transactions.
//!
//! MySQL writes `uuid:1-5:7,uuid:tag:1-3` (manual, "GTID Format and Storage"; tags since 8.3).
//! MariaDB writes a position `domain-server-sequence,…` that stands for everything up to there in
//! each domain (MariaDB manual, "Global Transaction ID").

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Most intervals or domains in one set; longer texts are refused. No text of [`super::text::LONG_LIMIT`] has more.
const LIMIT: usize = 32 * 1024;

/// A text that is not a set of GTIDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a set of GTIDs")]
pub struct NotGtids;

/// The transactions of one server, in its own generation's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GtidSet {
    /// MySQL and Percona Server.
    Mysql(MysqlGtids),
    /// MariaDB.
    Mariadb(MariadbGtids),
}

impl GtidSet {
    /// Reads either form. An empty text gives the empty MySQL set.
    ///
    /// # Errors
    /// [`NotGtids`] for anything else, a cut or mixed text included.
    pub fn parse(text: &str) -> Result<Self, NotGtids> {
        MysqlGtids::parse(text)
            .map(Self::Mysql)
            .or_else(|_| MariadbGtids::parse(text).map(Self::Mariadb))
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Mysql(set) => set.is_empty(),
            Self::Mariadb(set) => set.is_empty(),
        }
    }

    /// Whether every transaction here is in `other` too; `None` when the two forms cannot be compared.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> Option<bool> {
        match (self, other) {
            (Self::Mysql(a), Self::Mysql(b)) => Some(a.is_subset(b)),
            (Self::Mariadb(a), Self::Mariadb(b)) => Some(a.is_subset(b)),
            (empty, _) if empty.is_empty() => Some(true),
            (any, empty) if empty.is_empty() => Some(any.is_empty()),
            _ => None,
        }
    }

    /// What is here and not in `other`, as text: empty when nothing is; `None` when the two forms
    /// cannot be compared.
    #[must_use]
    pub fn missing_from(&self, other: &Self) -> Option<String> {
        match (self, other) {
            (Self::Mysql(a), Self::Mysql(b)) => Some(a.subtract(b).to_string()),
            (Self::Mariadb(a), Self::Mariadb(b)) => {
                let gaps: Vec<_> = a.subtract(b).iter().map(ToString::to_string).collect();
                Some(gaps.join(","))
            }
            (empty, _) if empty.is_empty() => Some(String::new()),
            (any, empty) if empty.is_empty() => Some(any.to_string()),
            _ => None,
        }
    }
}

impl GtidSet {
    /// What is here or in `other`; `None` when the two forms cannot be joined.
    #[must_use]
    pub fn union(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Mysql(a), Self::Mysql(b)) => Some(Self::Mysql(a.union(b))),
            (Self::Mariadb(a), Self::Mariadb(b)) => Some(Self::Mariadb(a.union(b))),
            (empty, other) | (other, empty) if empty.is_empty() => Some(other.clone()),
            _ => None,
        }
    }

    /// How many transactions are in `other` and not here; `None` when the two forms cannot be compared.
    #[must_use]
    pub fn missing(&self, other: &Self) -> Option<u128> {
        match (self, other) {
            (Self::Mysql(a), Self::Mysql(b)) => Some(b.subtract(a).count()),
            (Self::Mariadb(a), Self::Mariadb(b)) => Some(u128::from(a.missing(b))),
            (_, empty) if empty.is_empty() => Some(0),
            (empty, Self::Mysql(all)) if empty.is_empty() => Some(all.count()),
            (empty, Self::Mariadb(all)) if empty.is_empty() => Some(u128::from(MariadbGtids::default().missing(all))),
            _ => None,
        }
    }
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mysql(set) => set.fmt(f),
            Self::Mariadb(set) => set.fmt(f),
        }
    }
}

/// Where a MySQL transaction came from: the server's UUID and a tag (mostly none).
type Origin = (u128, String);

/// Which MySQL server one is (`server_uuid`): what it commits as a source has this in its GTIDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerUuid(u128);

impl ServerUuid {
    /// Reads `3e11fa47-71ca-11e1-9e33-c80aa9429562`.
    ///
    /// # Errors
    /// [`NotGtids`].
    pub fn parse(text: &str) -> Result<Self, NotGtids> {
        parse_uuid(text).map(Self).ok_or(NotGtids)
    }
}

/// A MySQL set: for each origin its intervals, in order, apart from one another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MysqlGtids(BTreeMap<Origin, Vec<(u64, u64)>>);

impl MysqlGtids {
    /// Reads `uuid[:tag]:interval…,…`; white space is allowed anywhere between parts.
    ///
    /// # Errors
    /// [`NotGtids`].
    pub fn parse(text: &str) -> Result<Self, NotGtids> {
        let mut sets: BTreeMap<Origin, Vec<(u64, u64)>> = BTreeMap::new();
        let mut total = 0;
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let mut words = part.split(':').map(str::trim);
            let uuid = parse_uuid(words.next().unwrap_or("")).ok_or(NotGtids)?;
            let mut tag = String::new();
            let mut some = false;
            for word in words {
                if let Some(interval) = parse_interval(word) {
                    total += 1;
                    some = true;
                    sets.entry((uuid, tag.clone())).or_default().push(interval);
                } else if is_tag(word) {
                    tag = word.to_ascii_lowercase();
                    some = false;
                } else {
                    return Err(NotGtids);
                }
            }
            if !some || total > LIMIT {
                return Err(NotGtids);
            }
        }
        sets.values_mut().for_each(normalise);
        Ok(Self(sets))
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many transactions are in it.
    #[must_use]
    pub fn count(&self) -> u128 {
        let all = self.0.values().flatten();
        all.map(|(from, to)| u128::from(to - from) + 1).sum()
    }

    /// Whether every transaction here is in `other` too.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.iter().all(|(origin, own)| {
            let theirs = other.0.get(origin).map_or(&[][..], Vec::as_slice);
            // Their intervals are apart from one another, so each of ours must lie in a single one.
            own.iter().all(|(from, to)| {
                let at = theirs.partition_point(|(_, end)| end < from);
                theirs.get(at).is_some_and(|(start, end)| start <= from && to <= end)
            })
        })
    }

    /// What is here and not in `other` (`GTID_SUBTRACT`).
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        let rest = self.0.iter().filter_map(|(origin, own)| {
            let theirs = other.0.get(origin).map_or(&[][..], Vec::as_slice);
            let left = subtract(own, theirs);
            (!left.is_empty()).then(|| (origin.clone(), left))
        });
        Self(rest.collect())
    }

    /// The same without what that server committed as a source.
    #[must_use]
    pub fn without(&self, server: ServerUuid) -> Self {
        let others = self.0.iter().filter(|((uuid, _), _)| *uuid != server.0);
        Self(others.map(|(origin, own)| (origin.clone(), own.clone())).collect())
    }

    /// What is here or in `other`.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut sets = self.0.clone();
        for (origin, theirs) in &other.0 {
            let own = sets.entry(origin.clone()).or_default();
            own.extend(theirs);
            normalise(own);
        }
        Self(sets)
    }
}

fn parse_uuid(word: &str) -> Option<u128> {
    let groups: Vec<_> = word.split('-').collect();
    let shape = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]);
    let digits = groups.concat();
    if !shape || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok()
}

fn is_tag(word: &str) -> bool {
    let first = word
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && word.len() <= 32 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn parse_interval(word: &str) -> Option<(u64, u64)> {
    let number = |word: &str| {
        let digits = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
        word.parse::<u64>()
            .ok()
            .filter(|number| digits && (1..i64::MAX as u64).contains(number))
    };
    match word.split_once('-') {
        Some((from, to)) => Some((number(from.trim())?, number(to.trim())?)).filter(|(from, to)| from <= to),
        None => number(word).map(|one| (one, one)),
    }
}

/// Sorts intervals and joins those that touch.
fn normalise(intervals: &mut Vec<(u64, u64)>) {
    intervals.sort_unstable();
    intervals.dedup_by(|next, kept| {
        let touch = next.0 <= kept.1 + 1;
        if touch {
            kept.1 = kept.1.max(next.1);
        }
        touch
    });
}

/// Both lists are in order and apart from one another.
fn subtract(own: &[(u64, u64)], theirs: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let mut left = Vec::new();
    let mut at = 0;
    for (from, to) in own.iter().copied() {
        let mut from = from;
        while at < theirs.len() && theirs[at].1 < from {
            at += 1;
        }
        let mut look = at;
        while from <= to {
            match theirs.get(look) {
                Some((start, end)) if *start <= to => {
                    if *start > from {
                        left.push((from, start - 1));
                    }
                    from = end + 1;
                    look += 1;
                }
                _ => {
                    left.push((from, to));
                    break;
                }
            }
        }
    }
    left
}

impl fmt::Display for MysqlGtids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, ((uuid, tag), intervals)) in self.0.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            let hex = format!("{uuid:032x}");
            write!(
                f,
                "{comma}{}-{}-{}-{}-{}",
                &hex[..8],
                &hex[8..12],
                &hex[12..16],
                &hex[16..20],
                &hex[20..]
            )?;
            if !tag.is_empty() {
                write!(f, ":{tag}")?;
            }
            for (from, to) in intervals {
                if from == to {
                    write!(f, ":{from}")?;
                } else {
                    write!(f, ":{from}-{to}")?;
                }
            }
        }
        Ok(())
    }
}

/// A MariaDB position: in each domain the server and sequence number of the newest transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MariadbGtids(BTreeMap<u32, Head>);

/// The newest transaction of a domain. Sequence first: that is the order within a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Head {
    sequence: u64,
    server: u32,
}

/// Transactions of one domain that one server has and another lacks: those after `after` up to
/// `sequence`, the last of them from `server`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MariadbGap {
    /// Replication domain.
    pub domain: u32,
    /// Server that wrote the newest one.
    pub server: u32,
    /// Sequence number that both have, or 0.
    pub after: u64,
    /// Sequence number of the newest one.
    pub sequence: u64,
}

impl fmt::Display for MariadbGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.domain, self.server, self.sequence)?;
        let earlier = self.sequence - self.after - 1;
        if earlier > 0 {
            write!(f, " (and {earlier} before it)")?;
        }
        Ok(())
    }
}

/// Reads one `domain-server-sequence`.
fn parse_mariadb(part: &str) -> Result<(u32, Head), NotGtids> {
    let mut numbers = part.split('-');
    let (Some(domain), Some(server), Some(sequence), None) =
        (numbers.next(), numbers.next(), numbers.next(), numbers.next())
    else {
        return Err(NotGtids);
    };
    let head = Head {
        server: server.parse().map_err(|_| NotGtids)?,
        sequence: sequence.parse().map_err(|_| NotGtids)?,
    };
    Ok((domain.parse().map_err(|_| NotGtids)?, head))
}

impl MariadbGtids {
    /// Reads `domain-server-sequence,…`. Of several in one domain (as in a joined list of binary log
    /// and replica positions) the newest counts.
    ///
    /// # Errors
    /// [`NotGtids`].
    pub fn parse(text: &str) -> Result<Self, NotGtids> {
        let mut heads = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (domain, head) = parse_mariadb(part)?;
            // Sequence 0 stands for nothing yet.
            if head.sequence > 0 {
                heads
                    .entry(domain)
                    .and_modify(|kept: &mut Head| *kept = head.max(*kept))
                    .or_insert(head);
            }
            if heads.len() > LIMIT {
                return Err(NotGtids);
            }
        }
        Ok(Self(heads))
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every transaction here is in `other` too, as far as positions tell: in each domain
    /// `other` is further, or stands at the very same transaction.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.subtract(other).is_empty()
    }

    /// What is here and not in `other`. One sequence number from two servers is a divergence: the
    /// transaction here is missing there.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Vec<MariadbGap> {
        let gaps = self.0.iter().filter_map(|(domain, own)| {
            let after = match other.0.get(domain) {
                Some(theirs) if theirs == own || theirs.sequence > own.sequence => return None,
                Some(theirs) if theirs.sequence == own.sequence => own.sequence - 1,
                Some(theirs) => theirs.sequence,
                None => 0,
            };
            Some(MariadbGap {
                domain: *domain,
                server: own.server,
                after,
                sequence: own.sequence,
            })
        });
        gaps.collect()
    }

    /// How many transactions are in `other` beyond what is here: 0 when `other` is a subset.
    #[must_use]
    pub fn missing(&self, other: &Self) -> u64 {
        let gaps = other.subtract(self);
        gaps.iter()
            .fold(0, |sum, gap| sum.saturating_add(gap.sequence - gap.after))
    }

    /// The further of both in each domain.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut heads = self.0.clone();
        for (domain, theirs) in &other.0 {
            heads
                .entry(*domain)
                .and_modify(|own| *own = (*own).max(*theirs))
                .or_insert(*theirs);
        }
        Self(heads)
    }
}

/// What a MariaDB server's binary log has ever held (`gtid_binlog_state`): in each domain the newest
/// transaction of every server. Unlike a position it still shows a server's own write after its
/// source has written more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BinlogState(BTreeMap<(u32, u32), u64>);

impl BinlogState {
    /// Reads `domain-server-sequence,…`.
    ///
    /// # Errors
    /// [`NotGtids`].
    pub fn parse(text: &str) -> Result<Self, NotGtids> {
        let mut newest = BTreeMap::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (domain, head) = parse_mariadb(part)?;
            let kept: &mut u64 = newest.entry((domain, head.server)).or_default();
            *kept = head.sequence.max(*kept);
            if newest.len() > LIMIT {
                return Err(NotGtids);
            }
        }
        Ok(Self(newest))
    }

    /// What `server` has written itself and is neither in `other`'s binary log nor in what `other` has
    /// `applied` as a replica (its binary log may have begun after that).
    #[must_use]
    pub fn own_writes_missing_from(&self, server: u32, other: &Self, applied: &MariadbGtids) -> Vec<String> {
        let own = self.0.iter().filter(|((_, writer), _)| *writer == server);
        own.filter(|(key, sequence)| {
            let logged = other.0.get(key).is_some_and(|there| there >= *sequence);
            let was_applied = applied.0.get(&key.0).is_some_and(|head| head.sequence >= **sequence);
            !logged && !was_applied
        })
        .map(|((domain, writer), sequence)| format!("{domain}-{writer}-{sequence}"))
        .collect()
    }

    /// What is in this binary log, from whichever server, and neither in `other`'s nor in what `other` has `applied` as a
    /// replica: of each domain and server the first and the last.
    #[must_use]
    pub fn beyond(&self, other: &Self, applied: &MariadbGtids) -> Vec<Beyond> {
        let parts = self.0.iter().filter_map(|(&(domain, server), &last)| {
            let logged = other.0.get(&(domain, server)).copied().unwrap_or(0);
            let seen = applied.0.get(&domain).map_or(0, |head| head.sequence);
            let after = logged.max(seen);
            (after < last).then_some(Beyond {
                domain,
                server,
                after,
                last,
            })
        });
        parts.collect()
    }

    /// What is in this binary log, from whichever server but `source`, and neither in that of `source` nor applied by
    /// it. What `source` wrote itself may have come here between the two questions.
    #[must_use]
    pub fn missing_from(&self, other: &Self, applied: &MariadbGtids, source: u32) -> Vec<String> {
        let writers: BTreeSet<u32> = self.0.keys().map(|(_, writer)| *writer).collect();
        let foreign = writers.into_iter().filter(|writer| *writer != source);
        foreign
            .flat_map(|writer| self.own_writes_missing_from(writer, other, applied))
            .collect()
    }
}

/// Transactions that one MariaDB server wrote in a domain: those after `after` up to `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Beyond {
    /// Replication domain.
    pub domain: u32,
    /// Server that wrote them.
    pub server: u32,
    /// The sequence number before the first of them.
    pub after: u64,
    /// The sequence number of the last.
    pub last: u64,
}

impl fmt::Display for Beyond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (domain, server) = (self.domain, self.server);
        if self.after + 1 < self.last {
            write!(f, "{domain}-{server}-{} to ", self.after + 1)?;
        }
        write!(f, "{domain}-{server}-{}", self.last)
    }
}

impl fmt::Display for MariadbGtids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (domain, head)) in self.0.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            write!(f, "{comma}{domain}-{}-{}", head.server, head.sequence)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "gtid_tests.rs"]
mod tests;
