//! Filesystems: what is mounted (`/proc/self/mountinfo`), and how full it is (`df`).

use super::{
    reading::Why,
    scan::{garbled, quote, unescape},
    text::CleanText,
};
use serde::Serialize;

/// One line of `/proc/self/mountinfo` (proc(5)), unescaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// Device number, `major:minor`.
    pub device_number: CleanText,
    /// Where it is mounted.
    pub at: CleanText,
    /// Filesystem type, such as `ext4` or `nfs4`.
    pub fs_type: CleanText,
    /// What is mounted: a device or `server:/path`.
    pub source: CleanText,
    /// Whether it can be written (both the mount's and the superblock's options say `rw`).
    pub writable: bool,
    /// Super options as printed.
    pub options: CleanText,
}

impl Mount {
    /// Whether it is mounted over NFS.
    #[must_use]
    pub fn is_nfs(&self) -> bool {
        matches!(self.fs_type.as_str(), "nfs" | "nfs4")
    }
}

/// How full one local filesystem is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Usage {
    /// The device.
    pub source: CleanText,
    /// Where it is mounted.
    pub at: CleanText,
    /// All blocks.
    pub size_kib: u64,
    /// Used blocks.
    pub used_kib: u64,
    /// Blocks free for ordinary users.
    pub available_kib: u64,
    /// used ÷ (used + available), 0–100, as `df` shows it.
    pub used_percent: f64,
    /// Inode use, 0–100; `None` where the filesystem has no fixed inodes.
    pub inodes_used_percent: Option<f64>,
}

/// What a mounted ext4 (ext2, ext3) counts of its own errors (the kernel's `Documentation/ABI/testing/sysfs-fs-ext4`).
///
/// The count stands in the superblock: it outlives a remount and a reboot, until a check of the filesystem clears it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FilesystemErrors {
    /// The kernel's name of the device, such as `drbd1`.
    pub device: CleanText,
    /// Device number, `major:minor`, where it is known.
    pub device_number: Option<CleanText>,
    /// Errors counted; `None` where that could not be read.
    pub count: Option<u64>,
}

impl FilesystemErrors {
    /// Whether a mount is of this filesystem: by its number, or by name where that is not known.
    #[must_use]
    pub fn is_of(&self, mount: &Mount) -> bool {
        matches!(mount.fs_type.as_str(), "ext2" | "ext3" | "ext4")
            && match &self.device_number {
                Some(number) => *number == mount.device_number,
                // sysfs has `!` for the `/` of a name.
                None => mount.source.strip_prefix("/dev/") == Some(&self.device.replace('!', "/")),
            }
    }
}

/// How a network mount answered `statfs`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatfsProbe {
    /// The mount point.
    pub at: CleanText,
    /// What came of it.
    pub outcome: StatfsOutcome,
}

/// What came of asking a network mount.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum StatfsOutcome {
    /// It answered in so many milliseconds (right to about 10 ms).
    Answered {
        /// Time to the answer.
        took_ms: u64,
    },
    /// `ESTALE`: the server no longer knows the handle; a remount is needed.
    Stale,
    /// It failed otherwise.
    Failed {
        /// The error text.
        error: CleanText,
    },
    /// No answer yet after so many seconds.
    Hung {
        /// Seconds waited so far.
        seconds: u64,
    },
}

/// Reads `/proc/self/mountinfo`.
pub fn parse_mountinfo(text: &str) -> Result<Vec<Mount>, Why> {
    let mounts: Vec<_> = text.lines().filter_map(parse_mount).collect();
    if mounts.is_empty() && !text.trim().is_empty() {
        return Err(garbled(text));
    }
    Ok(mounts)
}

fn parse_mount(line: &str) -> Option<Mount> {
    let mut words = line.split(' ');
    words.next()?.parse::<u64>().ok()?;
    words.next()?.parse::<u64>().ok()?;
    let device_number = words.next()?;
    let _root = words.next()?;
    let at = words.next()?;
    let mount_options = words.next()?;
    words.find(|word| *word == "-")?;
    let fs_type = words.next()?;
    // The source may be empty.
    let source = words.next()?;
    let options = words.next()?;
    let writes = |options: &str| options.split(',').any(|option| option == "rw");
    Some(Mount {
        device_number: CleanText::new(device_number),
        at: CleanText::new(&unescape(at)),
        fs_type: CleanText::new(fs_type),
        source: CleanText::new(&unescape(source)),
        writable: writes(mount_options) && writes(options),
        options: CleanText::new(&unescape(options)),
    })
}

/// Reads `df -Pk`, then a line `inodes`, then `df -Pi`.
///
/// Lines of error text between the rows (as of a mount that cannot be reached) are left out.
pub fn parse_df(text: &str) -> Result<Vec<Usage>, Why> {
    let mut usages: Vec<Usage> = Vec::new();
    let mut inodes = false;
    for line in text.lines() {
        if line.trim() == "inodes" {
            inodes = true;
            continue;
        }
        let Some((source, [all, used, available], at)) = parse_df_line(line) else {
            continue;
        };
        let sum = used.saturating_add(available);
        if !inodes {
            usages.push(Usage {
                source: CleanText::new(source),
                at: CleanText::new(at),
                size_kib: all,
                used_kib: used,
                available_kib: available,
                used_percent: percent(used, sum),
                inodes_used_percent: None,
            });
        } else if all > 0
            && let Some(usage) = usages.iter_mut().find(|usage| usage.at == CleanText::new(at))
        {
            usage.inodes_used_percent = Some(percent(used, all));
        }
    }
    let header = text.trim_start().starts_with("Filesystem");
    if usages.is_empty() && !header && !text.trim().is_empty() {
        return Err(garbled(text));
    }
    Ok(usages)
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        (part as f64 * 100.0 / whole as f64).min(100.0)
    }
}

/// `source all used available percent at`; both the source and the mount point may hold spaces.
fn parse_df_line(line: &str) -> Option<(&str, [u64; 3], &str)> {
    let mut rest = line;
    let mut window: [Option<u64>; 3] = [None; 3];
    let mut starts = [0_usize; 3];
    while let Some(start) = rest.find(|c: char| c != ' ') {
        let offset = line.len() - rest.len() + start;
        let word = rest[start..].split(' ').next()?;
        rest = &rest[start + word.len()..];
        if let [Some(all), Some(used), Some(available)] = window
            && (word == "-"
                || word
                    .strip_suffix('%')
                    .is_some_and(|digits| digits.parse::<u64>().is_ok()))
        {
            let (source, at) = (line[..starts[0]].trim_end(), rest.trim_start());
            return (!source.is_empty() && at.starts_with('/')).then_some((source, [all, used, available], at));
        }
        window.rotate_left(1);
        starts.rotate_left(1);
        // Reserved blocks can make the free ones negative.
        let negative = word
            .strip_prefix('-')
            .is_some_and(|digits| digits.parse::<u64>().is_ok());
        window[2] = if negative { Some(0) } else { word.parse().ok() };
        starts[2] = offset;
    }
    None
}

/// Reads lines `ok MILLISECONDS MOUNT`, `stale 0 MOUNT`, `error 0 MOUNT TEXT` and `hung SECONDS MOUNT`.
pub fn parse_statfs(text: &str) -> Result<Vec<StatfsProbe>, Why> {
    let mut probes = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.splitn(4, ' ');
        let (Some(word), Some(number), Some(at)) = (words.next(), words.next(), words.next()) else {
            return Err(garbled(line));
        };
        let number: u64 = number.parse().map_err(|_| garbled(line))?;
        let outcome = match word {
            "ok" => StatfsOutcome::Answered { took_ms: number },
            "stale" => StatfsOutcome::Stale,
            "hung" => StatfsOutcome::Hung { seconds: number },
            "error" => StatfsOutcome::Failed {
                error: quote(words.next().unwrap_or("without a text").trim()),
            },
            _ => StatfsOutcome::Failed { error: quote(line) },
        };
        probes.push(StatfsProbe {
            at: CleanText::new(&unescape(at)),
            outcome,
        });
    }
    Ok(probes)
}

/// Reads lines `DEVICE MAJOR:MINOR COUNT`, with `-` for what could not be read.
pub fn parse_filesystem_errors(text: &str) -> Result<Vec<FilesystemErrors>, Why> {
    let parse = |line: &str| {
        let mut words = line.rsplitn(3, ' ');
        let (count, number, device) = (words.next()?, words.next()?, words.next()?);
        let numbered = |number: &str| {
            let parts = number.split_once(':');
            parts.is_some_and(|(major, minor)| major.parse::<u32>().is_ok() && minor.parse::<u32>().is_ok())
        };
        if device.is_empty() || !(number == "-" || numbered(number)) {
            return None;
        }
        Some(FilesystemErrors {
            device: CleanText::new(device),
            device_number: (number != "-").then(|| CleanText::new(number)),
            count: if count == "-" { None } else { Some(count.parse().ok()?) },
        })
    };
    // A line that is not understood may be the one with the errors: no list without it.
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| parse(line).ok_or_else(|| garbled(line))).collect()
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "these quotients are exact")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mountinfo_lines() {
        let text = "29 1 0:24 / / rw,relatime - overlay overlay rw,lowerdir=/lower
33 29 147:0 / /srv/slice\\040a rw,relatime shared:7 master:1 - ext4 /dev/drbd0 ro,stripe=1024
40 29 0:31 / /mnt/a rw,relatime - nfs4 10.77.0.101:/srv/slice-a rw,vers=4.2,hard
41 29 0:31 / /mnt/b ro,relatime - tmpfs  rw
broken
";
        let mounts = parse_mountinfo(text).unwrap();
        assert_eq!(mounts.len(), 4);
        assert_eq!(mounts[1].at.as_str(), "/srv/slice a");
        assert_eq!((mounts[1].device_number.as_str(), mounts[1].writable), ("147:0", false));
        assert!(mounts[2].is_nfs() && mounts[2].writable);
        assert_eq!((mounts[3].source.as_str(), mounts[3].writable), ("", false));
        assert!(parse_mountinfo("mount: no").is_err());
    }

    #[test]
    fn df_with_inodes() {
        let text = "Filesystem     1024-blocks    Used Available Capacity Mounted on
/dev/drbd0          186200      72    171584       1% /srv/slice a
map of x                10      10         0     100% /full
/dev/sdz1             1000     995       -20     101% /reserved
df: /mnt/x: Stale file handle
inodes
Filesystem      Inodes IUsed IFree IUse% Mounted on
/dev/drbd0       48192    11 48181    1% /srv/slice a
map of x             0     0     0     - /full
";
        let usages = parse_df(text).unwrap();
        assert_eq!(usages.len(), 3);
        assert_eq!((usages[0].at.as_str(), usages[0].size_kib), ("/srv/slice a", 186_200));
        assert!((usages[0].inodes_used_percent.unwrap() - 0.0228).abs() < 0.001);
        assert_eq!(usages[1].source.as_str(), "map of x");
        assert_eq!((usages[1].used_percent, usages[1].inodes_used_percent), (100.0, None));
        assert_eq!(usages[2].used_percent, 100.0);
        assert!(parse_df("df: cannot read table of mounted file systems").is_err());
    }

    #[test]
    fn statfs_lines() {
        let probes = parse_statfs(
            "ok 10 /mnt/a\\040b\nstale 0 /mnt/c\nhung 42 /mnt/d\nerror 0 /mnt/e Permission denied\nodd 1 /f\n",
        )
        .unwrap();
        assert_eq!(probes[0].at.as_str(), "/mnt/a b");
        assert_eq!(probes[0].outcome, StatfsOutcome::Answered { took_ms: 10 });
        assert_eq!(probes[1].outcome, StatfsOutcome::Stale);
        assert_eq!(probes[2].outcome, StatfsOutcome::Hung { seconds: 42 });
        assert!(matches!(&probes[3].outcome, StatfsOutcome::Failed { error } if error.as_str() == "Permission denied"));
        assert!(
            matches!(&probes[4].outcome, StatfsOutcome::Failed { .. }),
            "an unknown word is no answer"
        );
        assert!(parse_statfs("ok /mnt/a").is_err());
    }

    #[test]
    fn errors_of_ext4() {
        let text = "drbd1 147:1 1581\ncciss!c0d0p1 104:1 0\ndm-0 - 7\nsda1 8:1 -\n";
        let errors = parse_filesystem_errors(text).unwrap();
        let counts: Vec<_> = errors.iter().map(|one| (one.device.as_str(), one.count)).collect();
        assert_eq!(
            counts,
            [
                ("drbd1", Some(1581)),
                ("cciss!c0d0p1", Some(0)),
                ("dm-0", Some(7)),
                ("sda1", None)
            ]
        );
        let mount = |number: &str, fs_type: &str, source: &str| {
            let line = format!("33 29 {number} / /srv/a rw - {fs_type} {source} rw");
            parse_mountinfo(&line).unwrap().remove(0)
        };
        assert!(errors[0].is_of(&mount("147:1", "ext4", "/dev/drbd/by-res/b/0")));
        assert!(
            !errors[0].is_of(&mount("147:0", "ext4", "/dev/drbd1")),
            "the number decides"
        );
        assert!(!errors[0].is_of(&mount("147:1", "xfs", "/dev/drbd1")));
        assert!(errors[2].is_of(&mount("253:0", "ext3", "/dev/dm-0")));
        assert_eq!(parse_filesystem_errors("").unwrap(), []);
        for odd in [
            "drbd1 147:1",
            "drbd1 147:1 -1",
            "drbd1 147 0",
            " 147:1 0",
            "drbd1 147:1 0\nmore",
        ] {
            assert!(parse_filesystem_errors(odd).is_err(), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn errors_are_read_as_written(
            written in proptest::collection::vec(
                ("[a-z!0-9][a-z0-9 ]{0,6}[a-z0-9]", proptest::option::of((any::<u32>(), any::<u32>())), proptest::option::of(any::<u64>())),
                0..8,
            ),
        ) {
            let or = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
            let number = |pair: Option<(u32, u32)>| pair.map(|(major, minor)| format!("{major}:{minor}"));
            let line = |(device, pair, count): &(String, Option<(u32, u32)>, Option<u64>)| {
                format!("{device} {} {}", or(number(*pair)), or(count.map(|count| count.to_string())))
            };
            let text = written.iter().map(line).collect::<Vec<_>>().join("\n");
            let read = parse_filesystem_errors(&text).unwrap();
            prop_assert_eq!(read.len(), written.len());
            for (read, (device, pair, count)) in read.iter().zip(&written) {
                prop_assert_eq!(read.device.as_str(), device.as_str());
                prop_assert_eq!(read.device_number.as_ref().map(ToString::to_string), number(*pair));
                prop_assert_eq!(read.count, *count);
            }
        }

        #[test]
        fn nothing_panics(text in any::<String>(), words in "(ok|hung|inodes|-| |[0-9]{1,21}%?|/mnt|\\\\040|\n){0,60}") {
            for text in [&text, &words] {
                let _ = (parse_mountinfo(text), parse_statfs(text), parse_filesystem_errors(text));
                for usage in parse_df(text).unwrap_or_default() {
                    prop_assert!((0.0..=100.0).contains(&usage.used_percent));
                }
            }
        }
    }
}
