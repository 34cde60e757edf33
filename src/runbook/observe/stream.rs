//! A ZFS dataset that a slice leaves, or moves to by its snapshots: what `stream_stand` of `stream.sh` prints, read strictly.

use crate::{
    fleet::HostName,
    runbook::{condition::Condition, sight::Look, truth::Truth},
};
use std::collections::BTreeMap;

/// Whether a device of the inventory is a dataset of a pool (`tank/web1`, zfs-list(8)) and not a file of /dev. A pool's own
/// is none: it cannot be thrown away without the pool. Names are of characters that need no quoting anywhere.
#[must_use]
pub fn is_dataset(device: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    let parts: Vec<&str> = device.split('/').collect();
    parts.len() > 1
        && parts.iter().all(|part| !part.is_empty() && part.chars().all(plain))
        && device.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// The look that tells what a dataset is.
#[must_use]
pub fn look(host: &HostName, dataset: &str) -> Look {
    Look::new(host, ["stream_stand", dataset])
}

/// The look that tells how much of a stream has come.
#[must_use]
pub fn left_look(host: &HostName, task: &str) -> Look {
    Look::new(host, ["stream_left", task])
}

/// A snapshot that a run has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its name, behind the dataset's.
    pub name: String,
    /// What it is known by wherever it is received.
    pub guid: u64,
}

/// A dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stand {
    /// `filesystem`, or another type.
    pub kind: String,
    /// Of which slice it is a copy (`pointsman:copy`).
    pub copy: Option<String>,
    /// Of which slice it is the old side (`pointsman:old`).
    pub old: Option<String>,
    /// Properties that matter for a copy, by their names: those that the tool knows.
    pub properties: BTreeMap<String, String>,
    /// Whether a stream that was cut can be gone on with.
    pub resumes: bool,
    /// How many datasets are below it.
    pub below: u64,
    /// How many snapshots it has that are not ours.
    pub others: u64,
    /// Our last one.
    pub last: Option<Snapshot>,
    /// How many bytes were written since that one, or in all; an old tool cannot tell.
    pub written: Option<u64>,
}

impl Stand {
    /// Reads what `stream_stand` prints.
    ///
    /// # Errors
    /// A sentence that says why it is not that: cut short, or another text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut words, mut properties, mut resumes, mut over) = (BTreeMap::new(), BTreeMap::new(), false, false);
        for line in text.lines() {
            if over {
                return Err(format!("{line:?} follows the end of what was told of a dataset"));
            }
            match line.split_once(' ') {
                None if line == "end" => over = true,
                None if line == "resumes" => resumes = true,
                Some((key @ ("acltype" | "xattr" | "encryption" | "mountpoint"), value)) => {
                    properties.insert(key.to_owned(), value.to_owned());
                }
                Some((key @ ("type" | "copy" | "old" | "below" | "others" | "last" | "written"), value)) => {
                    words.insert(key, value);
                }
                _ => return Err(format!("{line:?} is nothing of a dataset")),
            }
        }
        if !over {
            return Err("what was told of a dataset was cut short".to_owned());
        }
        let word = |key: &str| {
            words
                .get(key)
                .copied()
                .ok_or_else(|| format!("{key} of a dataset is not told"))
        };
        let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is no number"));
        let mark = |text: &str| (text != "-").then(|| text.to_owned());
        let last = words.get("last").map(|text| {
            let (name, guid) = text.split_once(' ').ok_or_else(|| format!("{text:?} is no snapshot"))?;
            Ok::<_, String>(Snapshot {
                name: name.to_owned(),
                guid: number(guid)?,
            })
        });
        Ok(Self {
            kind: word("type")?.to_owned(),
            copy: mark(word("copy")?),
            old: mark(word("old")?),
            properties,
            resumes,
            below: number(word("below")?)?,
            others: number(word("others")?)?,
            last: last.transpose()?,
            written: words.get("written").map(|text| number(text)).transpose()?,
        })
    }
}

/// The dataset is marked as that copy.
#[must_use]
pub fn is_marked(host: &HostName, dataset: &str, mark: &str) -> Condition {
    let (name, which, wanted) = (host.clone(), dataset.to_owned(), mark.to_owned());
    Condition::on(
        format!("{dataset} of {host} is marked as the copy"),
        look(host, dataset),
        move |text| match Stand::parse(text) {
            Ok(Stand { copy: Some(copy), .. }) if copy == wanted => {
                Truth::Yes(format!("{which} of {name} is marked as the copy"))
            }
            Ok(Stand { copy: Some(copy), .. }) => Truth::No(format!("{which} of {name} is marked as {copy:?}")),
            Ok(Stand { copy: None, .. }) => Truth::No(format!("{which} of {name} is marked as no copy")),
            Err(why) => Truth::Unknown(format!("{which} of {name}: {why}")),
        },
    )
}

/// The dataset is marked as the old side of a slice that has moved.
#[must_use]
pub fn is_old(host: &HostName, dataset: &str, task: &str) -> Condition {
    let (name, which, wanted) = (host.clone(), dataset.to_owned(), task.to_owned());
    Condition::on(
        format!("{dataset} of {host} is marked as the old side"),
        look(host, dataset),
        move |text| match Stand::parse(text) {
            Ok(Stand { old: Some(old), .. }) if old == wanted => {
                Truth::Yes(format!("{which} of {name} is marked as the old side"))
            }
            Ok(_) => Truth::No(format!("{which} of {name} is not marked as the old side")),
            Err(why) => Truth::Unknown(format!("{which} of {name}: {why}")),
        },
    )
}

/// No snapshot of ours is left on it.
#[must_use]
pub fn is_released(host: &HostName, dataset: &str) -> Condition {
    let (name, which) = (host.clone(), dataset.to_owned());
    Condition::on(
        format!("{dataset} of {host} has no snapshot of a run"),
        look(host, dataset),
        move |text| match Stand::parse(text) {
            Ok(Stand { last: Some(last), .. }) => {
                Truth::No(format!("{which} of {name} has the snapshot {}", last.name))
            }
            Ok(Stand { last: None, .. }) => Truth::Yes(format!("{which} of {name} has no snapshot of a run")),
            Err(why) => Truth::Unknown(format!("{which} of {name}: {why}")),
        },
    )
}

/// The copy is the slice: both have the same last snapshot, and nothing was written to either since. ZFS checks every record
/// of a stream by its checksum when it is received (zfs-receive(8)), so this is a comparison of all content.
#[must_use]
pub fn is_equal(from: (&HostName, &str), to: (&HostName, &str)) -> Condition {
    let sides = [from, to].map(|(host, dataset)| (host.clone(), dataset.to_owned(), look(host, dataset)));
    Condition::new(
        format!("{} of {} and {} of {} are equal", from.1, from.0, to.1, to.0),
        sides.iter().map(|(.., look)| look.clone()).collect(),
        move |sight| {
            let mut last = Vec::new();
            for (host, dataset, look) in &sides {
                let stand = match sight.text(look).and_then(Stand::parse) {
                    Ok(stand) => stand,
                    Err(why) => return Truth::Unknown(format!("{dataset} of {host}: {why}")),
                };
                match (stand.last, stand.written) {
                    (None, _) => return Truth::No(format!("{dataset} of {host} has no snapshot of a run")),
                    (Some(_), None) => {
                        return Truth::Unknown(format!("what was written to {dataset} of {host} is not told"));
                    }
                    (Some(snapshot), Some(0)) => last.push(snapshot),
                    (Some(snapshot), Some(bytes)) => {
                        return Truth::No(format!(
                            "{bytes} bytes were written to {dataset} of {host} since {}",
                            snapshot.name
                        ));
                    }
                }
            }
            let same = last.windows(2).all(|two| two[0].guid == two[1].guid);
            let (name, guid) = last.first().map_or(("", 0), |last| (last.name.as_str(), last.guid));
            Truth::of(
                same,
                if same {
                    format!(
                        "both have the snapshot {name} ({guid}), whose records were checked as they came, and nothing was \
                         written since"
                    )
                } else {
                    format!("the last snapshots differ: {}", names(&last))
                },
            )
        },
    )
}

fn names(snapshots: &[Snapshot]) -> String {
    let names = snapshots.iter().map(|it| format!("{} ({})", it.name, it.guid));
    names.collect::<Vec<_>>().join(" and ")
}

/// What a stream has still to bring, KiB, by what `stream_left` prints; `None` where its size is not known.
#[must_use]
pub fn left_kib(text: &str) -> Option<u64> {
    let words: Vec<&str> = text.trim_end().split(' ').collect();
    let ["stream", size, done] = words.as_slice() else {
        return None;
    };
    let (size, done): (u64, u64) = (size.parse().ok()?, done.parse().ok()?);
    Some(size.saturating_sub(done) / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facts::UnixMs,
        runbook::sight::{Glimpse, Printed, Sight},
    };
    use std::time::Duration;

    const OLD: &str = "type filesystem\ncopy -\nold -\nacltype posix\nxattr sa\nresumes\nbelow 0\nothers 3\n\
                       last pointsman-run-1-2 14361141956762150895\nwritten 0\nend\n";

    #[test]
    fn a_dataset_is_told_from_a_device_and_from_a_pool() {
        for yes in ["tank/web1", "tank/a-b/c.d_e:f"] {
            assert!(is_dataset(yes), "{yes}");
        }
        for no in [
            "/dev/md9", "tank", "tank/", "/tank/x", "tank//x", "tank/a b", "tank/a@b", "tank/a$b", "-t/x", "",
        ] {
            assert!(!is_dataset(no), "{no}");
        }
    }

    #[test]
    fn what_is_told_of_a_dataset_is_read_strictly() {
        let stand = Stand::parse(OLD).unwrap();
        assert_eq!((stand.copy.as_deref(), stand.others, stand.resumes), (None, 3, true));
        assert_eq!(stand.last.unwrap().guid, 14_361_141_956_762_150_895);
        assert_eq!(stand.properties["acltype"], "posix");
        // The form of zfs-fuse 0.7.0, which knows neither `written` nor tokens, and no snapshot yet.
        let old = Stand::parse("type filesystem\ncopy web of x\nold -\nxattr on\nbelow 0\nothers 0\nend\n").unwrap();
        assert_eq!((old.written, old.resumes, old.last), (None, false, None));
        assert_eq!(old.copy.as_deref(), Some("web of x"));
        for (at, _) in OLD.match_indices('\n').take(10) {
            assert!(Stand::parse(&OLD[..at]).is_err(), "{}", &OLD[..at]);
        }
        for bad in [
            OLD.replace("others 3", "others many"),
            OLD.replace("below 0\n", ""),
            OLD.replace("written 0", "written 0\nsurprise"),
            OLD.replace(" 14361141956762150895", ""),
            format!("{OLD}type filesystem\n"),
        ] {
            assert!(Stand::parse(&bad).is_err(), "{bad}");
        }
    }

    fn equal(old: &str, new: &str) -> Truth {
        let (stor1, stor3) = (HostName::new("stor1"), HostName::new("stor3"));
        let now = UnixMs(1_000_000);
        let mut sight = Sight::new(now, Duration::from_secs(5));
        for (host, dataset, text) in [(&stor1, "tank/web1", old), (&stor3, "pool/web1", new)] {
            let answer = Ok(Printed {
                exit: 0,
                text: text.to_owned(),
            });
            sight.take(look(host, dataset), Glimpse { at: now, answer });
        }
        is_equal((&stor1, "tank/web1"), (&stor3, "pool/web1")).judge(&sight)
    }

    #[test]
    fn two_sides_are_equal_only_with_one_snapshot_and_nothing_written_since() {
        assert!(equal(OLD, OLD).holds());
        let other = |from: &str, to: &str| OLD.replace(from, to);
        assert!(equal(OLD, &other("14361141956762150895", "7")).fails());
        assert!(equal(OLD, &other("written 0", "written 4096")).fails());
        assert!(equal(&other("written 0", "written 1"), OLD).fails());
        assert!(equal(OLD, &other("last pointsman-run-1-2 14361141956762150895\n", "")).fails());
        // A tool that cannot tell proves nothing.
        let unknown = equal(OLD, &other("written 0\n", ""));
        assert!(!unknown.holds() && !unknown.fails());
        let cut = equal(OLD, "type filesystem\n");
        assert!(!cut.holds() && !cut.fails());
    }

    #[test]
    fn what_is_left_of_a_stream_is_known_only_with_its_size() {
        assert_eq!(left_kib("stream 4096000 1024000\n"), Some(3000));
        assert_eq!(left_kib("stream 10 99999\n"), Some(0));
        for unknown in ["stream - 5\n", "stream 5 -\n", "stream\n", ""] {
            assert_eq!(left_kib(unknown), None, "{unknown}");
        }
    }
}
