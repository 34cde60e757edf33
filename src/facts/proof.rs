//! What is kept of backups: the list that the site's own command prints, and what was written down of tests (the functions of
//! `runbook/target/backup.sh`). All of it is read strictly: a host that keeps backups may say anything.

use super::{
    probe::ProbeOutput,
    reading::{Reading, UnixMs, Why},
    scan::{failed, garbled},
    text::CleanText,
};
use std::{fmt, time::Duration};

/// Backups that are read of a list.
const MOST: usize = 10_000;
/// A list may be ahead of the console by so much: clocks differ.
const AHEAD: Duration = Duration::from_mins(10);

/// A backup, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// When it began: everything that was written before is in it.
    pub at: UnixMs,
    /// Its name.
    pub name: String,
    /// How large it is, restored, in bytes.
    pub bytes: Option<u64>,
}

/// Reads lines `TIME NAME [BYTES]` (the time as in RFC 3339); empty lines and those that begin with `#` are left out.
///
/// # Errors
/// A sentence that names the line.
pub fn parse_list(text: &str) -> Result<Vec<Listed>, String> {
    let mut out = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let bad = |why: &str| format!("line {}: {why}: {}", number + 1, CleanText::new(line).tail(80));
        if out.len() == MOST {
            return Err(format!("line {}: more than {MOST} backups are listed", number + 1));
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let (time, name, bytes) = match words.as_slice() {
            [time, name] => (time, name, None),
            [time, name, bytes] => (time, name, Some(bytes)),
            _ => return Err(bad("this is not TIME NAME [BYTES]")),
        };
        let at: jiff::Timestamp = time
            .parse()
            .map_err(|_| bad("it does not begin with a time such as 2026-11-21T03:00:00Z"))?;
        let at = u64::try_from(at.as_millisecond()).map_err(|_| bad("the time is before 1970"))?;
        if !is_name(name) {
            return Err(bad(
                "the name has other characters than letters, digits and @._:/+=-, or leads elsewhere",
            ));
        }
        let bytes = bytes.map(|bytes| bytes.parse().map_err(|_| bad("the size is no number of bytes")));
        out.push(Listed {
            at: UnixMs(at),
            name: (*name).to_owned(),
            bytes: bytes.transpose()?,
        });
    }
    Ok(out)
}

/// Whether a name can be a word of a command wherever it stands, and no way out of a directory.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@._:/+=-".contains(c);
    name.len() <= 255
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(plain)
        && name.split('/').all(|part| part != "..")
}

/// The one of that name, or the newest one.
///
/// # Errors
/// A sentence: there is none, or its time has not come.
pub fn choose(listed: &[Listed], name: Option<&str>, now: UnixMs) -> Result<Listed, String> {
    let chosen = match name {
        Some(name) => listed
            .iter()
            .filter(|backup| backup.name == name)
            .max_by_key(|backup| backup.at)
            .ok_or_else(|| format!("no backup is called {name}"))?,
        None => listed
            .iter()
            .max_by_key(|backup| backup.at)
            .ok_or("no backup is listed")?,
    };
    if is_ahead(chosen.at, now) {
        let ahead = span(chosen.at.since(now));
        return Err(format!("{} is of {ahead} from now: a clock is wrong", chosen.name));
    }
    Ok(chosen.clone())
}

/// The newest backup of each of a host's lists that was asked for, as the console keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct BackupList {
    /// Of what it is: [`BackupSubject::record`](crate::fleet::BackupSubject::record).
    pub name: String,
    /// The newest backup that is listed; nothing where the list is empty.
    pub newest: Reading<Option<Listed>>,
}

/// The newest backup of a list.
///
/// # Errors
/// [`Why::Garbled`] with the line that is none: a list that is half understood is no list.
pub fn newest(text: &str) -> Result<Option<Listed>, Why> {
    let listed = parse_list(text).map_err(|why| Why::Garbled(CleanText::from(why)))?;
    Ok(listed.into_iter().max_by_key(|backup| backup.at))
}

/// The newest backup that a host's command lists.
///
/// # Errors
/// [`Why::Hung`] when it was ended, [`Why::Failed`], or as [`newest`].
pub fn newest_of(output: &ProbeOutput<'_>) -> Result<Option<Listed>, Why> {
    let text = String::from_utf8_lossy(output.output);
    match output.exit {
        0 => newest(&text),
        124 | 137 => Err(Why::Hung(CleanText::new("the command that lists backups"))),
        27 => Err(Why::Failed(CleanText::new("the list of backups is longer than 64 KiB"))),
        code => Err(failed(code, &text)),
    }
}

/// Whether a time that a host told lies so far ahead of the console's that one of both clocks is wrong.
#[must_use]
pub fn is_ahead(at: UnixMs, now: UnixMs) -> bool {
    at.since(now) > AHEAD
}

/// What is written down of the last test of one slice or database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupTest {
    /// Of what it is: [`BackupSubject::record`](crate::fleet::BackupSubject::record).
    pub name: String,
    /// The test; or why what is written down is not understood.
    pub last: Result<Tested, CleanText>,
}

/// The last test of a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// The backup's name.
    pub backup: CleanText,
    /// When the backup began, by the clock of the host that made it.
    pub began: UnixMs,
    /// When it was tested, by the clock of the host that keeps it.
    pub at: UnixMs,
    /// What is wrong with it; nothing where it is good.
    pub trouble: Option<CleanText>,
}

impl From<Told> for Tested {
    fn from(told: Told) -> Self {
        let time = |seconds: u64| UnixMs(seconds.saturating_mul(1000));
        Self {
            backup: CleanText::from(told.backup),
            began: time(told.since),
            at: time(told.found.at),
            trouble: told.found.trouble(told.may).map(CleanText::from),
        }
    }
}

/// Reads what `grep -r . DIRECTORY` prints of the directory in which tests are written down: `PATH:LINE`, a file's lines together.
///
/// # Errors
/// [`Why::Garbled`], when a line has no path. A file that is something else is that one's trouble alone.
pub fn parse_tests(text: &str) -> Result<Vec<BackupTest>, Why> {
    let mut files: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        // The names of these files have no colon.
        let (path, line) = line.split_once(':').ok_or_else(|| garbled(line))?;
        let many = files.len() == MOST;
        match files.last_mut() {
            Some((last, lines)) if *last == path => lines.push(line),
            _ if many => return Err(Why::Garbled(CleanText::from(format!("over {MOST} files")))),
            _ => files.push((path, vec![line])),
        }
    }
    let read = |(path, lines): (&str, Vec<&str>)| BackupTest {
        name: path.rsplit('/').next().unwrap_or(path).to_owned(),
        last: Told::of(lines.into_iter()).map(Tested::from).map_err(CleanText::from),
    };
    Ok(files.into_iter().map(read).collect())
}

/// A length of time as people say it, such as `5 h` or `3 d`.
#[must_use]
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// What was found in a restored backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Regular files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many paths or tables it has not, of those that every backup has.
    pub lacking: u64,
    /// Some of these.
    pub lacks: Vec<String>,
    /// Of a database: its tables, and how many of them are not well.
    pub tables: Option<(u64, u64)>,
    /// Of a database: how far it reaches, by its newest heartbeat or its place in a binary log, as it was found.
    pub reaches: Vec<String>,
    /// How it compares with what is live, where it was compared.
    pub live: Option<Live>,
    /// Some of the files that are missing, differ, or could not be read, and of the tables that are broken, each with which of
    /// these.
    pub examples: Vec<String>,
    /// When it was looked at, seconds since 1970 by the clock of the host.
    pub at: u64,
}

/// How a restored backup compares with what is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Live {
    /// Live files that have not changed since the backup began.
    pub files: u64,
    /// Of these, those that are not in the backup, or with another size.
    pub missing: u64,
    /// Those that were read on both sides and are equal.
    pub read: u64,
    /// Those that were read and are not.
    pub differ: u64,
    /// What could not be read.
    pub unread: u64,
}

impl Found {
    /// Reads the lines that begin with `backup `; others are left out, since tools print warnings.
    ///
    /// # Errors
    /// A sentence, when one of them is something else, or the last one is missing.
    pub fn parse<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let (mut totals, mut at) = (None, None);
        let (mut lacking, mut lacks) = (0, Vec::new());
        let (mut live, mut examples) = (None, Vec::new());
        let (mut tables, mut reaches) = (None, Vec::new());
        let clean = |text: &str| CleanText::new(text).as_str().to_owned();
        for line in lines {
            let Some(rest) = line.strip_prefix("backup ") else {
                continue;
            };
            let bad = || format!("{} is nothing of a comparison", CleanText::new(line).tail(80));
            let number = |word: &str| word.parse::<u64>().map_err(|_| bad());
            let (word, more) = rest.split_once(' ').ok_or_else(bad)?;
            let words: Vec<&str> = more.split(' ').collect();
            match (word, words.as_slice()) {
                ("files", [files, "bytes", bytes]) => totals = Some((number(files)?, number(bytes)?)),
                ("lacking", [count]) => lacking = number(count)?,
                ("lacks", _) => {
                    lacks.push(clean(more));
                    lacking = lacking.max(lacks.len() as u64);
                }
                (
                    "live",
                    [
                        files,
                        "missing",
                        missing,
                        "read",
                        read,
                        "differ",
                        differ,
                        "unread",
                        unread,
                    ],
                ) => {
                    live = Some(Live {
                        files: number(files)?,
                        missing: number(missing)?,
                        read: number(read)?,
                        differ: number(differ)?,
                        unread: number(unread)?,
                    });
                }
                ("tables", [all, "bad", bad]) => tables = Some((number(all)?, number(bad)?)),
                ("reaches" | "position", _) => reaches.push(clean(more)),
                ("missing" | "differs" | "unread" | "broken", _) => examples.push(clean(rest)),
                ("checked", [time]) => at = Some(number(time)?),
                _ => return Err(bad()),
            }
        }
        match (totals, at) {
            (Some((files, bytes)), Some(at)) => Ok(Self {
                files,
                bytes,
                lacking,
                lacks,
                tables,
                reaches,
                live,
                examples,
                at,
            }),
            _ => Err("what was found was cut short".to_owned()),
        }
    }

    /// What is wrong with it, where so many files may be missing.
    #[must_use]
    pub fn trouble(&self, may: u64) -> Option<String> {
        let mut wrong = Vec::new();
        if self.files == 0 {
            wrong.push("it holds no file".to_owned());
        }
        if self.lacking > 0 {
            let more = match self.lacking.saturating_sub(self.lacks.len() as u64) {
                0 => String::new(),
                more => format!(" and {more} more that every backup has"),
            };
            wrong.push(format!("it has no {}{more}", self.lacks.join(", ")));
        }
        match self.tables {
            Some((0, 0)) => wrong.push("it holds no table".to_owned()),
            Some((0, _)) => wrong.push("no server comes up on it".to_owned()),
            Some((all, bad)) if bad > 0 => wrong.push(format!("{bad} of {all} tables are broken")),
            _ => {}
        }
        if let Some(live) = self.live {
            for (count, most, what) in [
                (
                    live.missing,
                    may,
                    "live files that are older are missing in it, or have another size",
                ),
                (live.differ, 0, "have other content"),
                (live.unread, 0, "could not be read"),
            ] {
                if count > most {
                    wrong.push(format!("{count} {what}"));
                }
            }
        }
        let examples = if self.examples.is_empty() {
            String::new()
        } else {
            format!(" ({})", self.examples.join("; "))
        };
        (!wrong.is_empty()).then(|| format!("{}{examples}", wrong.join(", ")))
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} files, {} MiB", self.files, self.bytes >> 20)?;
        if let Some((tables, _)) = self.tables {
            write!(f, "; a server comes up on it, and all {tables} tables are well")?;
            return match self.reaches.as_slice() {
                [] => f.write_str("; how far it reaches it does not tell"),
                found => write!(f, "; it reaches {}", found.join(", ")),
            };
        }
        match self.live {
            None => f.write_str(", not compared with what is live"),
            Some(Live { files: 0, .. }) => f.write_str("; no live file is as old"),
            Some(live) => write!(
                f,
                "; of {} live files that have not changed since, {} are in it, {} of them were read and are equal",
                live.files,
                live.files.saturating_sub(live.missing),
                live.read
            ),
        }
    }
}

/// What is written down of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The backup's name.
    pub backup: String,
    /// When it began, seconds since 1970.
    pub since: u64,
    /// So many files were allowed to be missing.
    pub may: u64,
    /// What was found.
    pub found: Found,
}

impl Told {
    /// Reads what `backup_told` prints; `None` where nothing is written down.
    ///
    /// # Errors
    /// A sentence, when it is something else, or cut short.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let cut = "what is written down of the last test was cut short";
        let text = text.strip_suffix("end\n").ok_or(cut)?;
        if text == "no\n" {
            return Ok(None);
        }
        Self::of(text.lines()).map(Some)
    }

    /// Reads the lines of one file of `/var/lib/pointsman/backup`.
    fn of<'a>(mut lines: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let first = lines.next().ok_or("nothing is written down")?;
        let words: Vec<&str> = first.split(' ').collect();
        let bad = || format!("{} does not say which backup it was", CleanText::new(first).tail(80));
        let ["of", backup, since, "may", may] = words.as_slice() else {
            return Err(bad());
        };
        Ok(Self {
            backup: CleanText::new(backup).as_str().to_owned(),
            since: since.parse().map_err(|_| bad())?,
            may: may.parse().map_err(|_| bad())?,
            found: Found::parse(lines)?,
        })
    }

    /// Whether it was good, and when that was, in a sentence.
    #[must_use]
    pub fn says(&self, now: UnixMs) -> String {
        let ago = |seconds: u64| span(now.since(UnixMs(seconds.saturating_mul(1000))));
        let when = format!("the last test, {} ago, was of {}", ago(self.found.at), self.backup);
        match self.found.trouble(self.may) {
            None => format!("{when}, which was good: {}", self.found),
            Some(why) => format!("{when}, which is NOT good: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIST: &str = "# what the site's own tool prints\n2026-11-20T03:00:00Z web1-20 4096\n\n2026-11-21T04:00:00+01:00 daily/web1.21\n";

    #[test]
    fn lists_are_read_strictly_and_errors_name_the_line() {
        let listed = parse_list(LIST).unwrap();
        assert_eq!(listed.len(), 2);
        assert_eq!((listed[0].name.as_str(), listed[0].bytes), ("web1-20", Some(4096)));
        assert_eq!(listed[1].at, UnixMs(1_795_230_000_000), "03:00 UTC of the 21st");
        assert_eq!(parse_list("\n").unwrap(), []);
        for (line, says) in [
            ("2026-11-20 web1 4096 more", "TIME NAME [BYTES]"),
            ("yesterday web1", "does not begin with a time"),
            ("1960-01-01T00:00:00Z web1", "before 1970"),
            ("2026-11-20T03:00:00Z -rf", "other characters"),
            ("2026-11-20T03:00:00Z $(reboot)", "other characters"),
            ("2026-11-20T03:00:00Z ../../etc", "other characters"),
            ("2026-11-20T03:00:00Z a/../../etc", "leads elsewhere"),
            ("2026-11-20T03:00:00Z web1 many", "no number of bytes"),
            ("2026-11-20T03:00:00Z \u{1b}[2J", "other characters"),
        ] {
            let why = parse_list(&format!("{LIST}{line}\n")).unwrap_err();
            assert!(why.starts_with("line 5: ") && why.contains(says), "{line:?}: {why}");
            assert!(!why.contains('\u{1b}'), "{why:?}");
        }
        let many = "2026-11-20T03:00:00Z a\n".repeat(MOST + 1);
        assert!(parse_list(&many).unwrap_err().contains("more than"));
    }

    #[test]
    fn the_newest_of_a_list_is_known_only_when_all_of_it_is_understood() {
        let output = |exit, output| {
            newest_of(&ProbeOutput {
                name: "backup@web1",
                exit,
                output,
            })
        };
        let newest = output(0, LIST.as_bytes()).unwrap().unwrap();
        assert_eq!(
            (newest.name.as_str(), newest.at),
            ("daily/web1.21", UnixMs(1_795_230_000_000))
        );
        assert_eq!(output(0, b"# no backup yet\n"), Ok(None));
        let garbled = output(0, b"2026-11-20T03:00:00Z web1-20 4096\n\x1b[2J\xff\n").unwrap_err();
        assert!(
            matches!(&garbled, Why::Garbled(why) if why.contains("line 2") && !why.contains('\u{1b}')),
            "{garbled:?}"
        );
        for exit in [124, 137] {
            assert!(matches!(output(exit, LIST.as_bytes()), Err(Why::Hung(_))), "{exit}");
        }
        assert!(output(27, b"").unwrap_err().to_string().contains("64 KiB"));
        assert!(
            matches!(output(1, b"borg: no such repository"), Err(Why::Failed(why)) if why.contains("no such repository"))
        );
    }

    /// As GNU grep 3.11 prints it of two files that `backup_record` has written.
    const TESTS: &str = "\
/var/lib/pointsman/backup/backup@web1:of web1-20 1795140000 may 0
/var/lib/pointsman/backup/backup@web1:backup files 3 bytes 2097152
/var/lib/pointsman/backup/backup@web1:backup live 2 missing 0 read 2 differ 0 unread 0
/var/lib/pointsman/backup/backup@web1:backup checked 1795220000
/var/lib/pointsman/backup/backup@database@shop:of shop:20 1795140000 may 0
/var/lib/pointsman/backup/backup@database@shop:backup files 9 bytes 4096
/var/lib/pointsman/backup/backup@database@shop:backup tables 42 bad 2
/var/lib/pointsman/backup/backup@database@shop:backup broken shop.orders: Corrupt: \u{1b}[31m
/var/lib/pointsman/backup/backup@database@shop:backup checked 1795220001
";

    #[test]
    fn tests_are_read_file_by_file() {
        let tests = parse_tests(TESTS).unwrap();
        let names: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
        assert_eq!(names, ["backup@web1", "backup@database@shop"]);
        let good = tests[0].last.clone().unwrap();
        assert_eq!(
            (good.backup.as_str(), good.began, good.at),
            ("web1-20", UnixMs(1_795_140_000_000), UnixMs(1_795_220_000_000))
        );
        assert_eq!(good.trouble, None);
        let bad = tests[1].last.clone().unwrap();
        assert_eq!(bad.backup.as_str(), "shop:20");
        let trouble = bad.trouble.unwrap();
        assert!(
            trouble.contains("2 of 42 tables are broken") && !trouble.contains('\u{1b}'),
            "{trouble}"
        );
        assert_eq!(parse_tests("").unwrap(), []);
        assert!(matches!(parse_tests("Binary file matches"), Err(Why::Garbled(_))));
        // A file that is cut short is unknown, and only that one.
        let cut = parse_tests(&TESTS.replace("backup checked 1795220000", "")).unwrap();
        assert!(cut[0].last.is_err() && cut[1].last.is_ok(), "{cut:?}");
        let many: Vec<String> = (0..=MOST).map(|at| format!("/b/{at}:of x 1 may 0\n")).collect();
        assert!(parse_tests(&many.concat()).is_err());
    }

    #[test]
    fn the_newest_one_is_chosen_unless_one_is_named_or_its_time_has_not_come() {
        let listed = parse_list(LIST).unwrap();
        let now = UnixMs(1_795_230_000_000);
        assert_eq!(choose(&listed, None, now).unwrap().name, "daily/web1.21");
        assert_eq!(choose(&listed, Some("web1-20"), now).unwrap().bytes, Some(4096));
        assert!(
            choose(&listed, Some("web2"), now)
                .unwrap_err()
                .contains("no backup is called")
        );
        assert!(choose(&[], None, now).unwrap_err().contains("no backup is listed"));
        let before = UnixMs(now.0 - 3_600_000);
        assert!(choose(&listed, None, before).unwrap_err().contains("a clock is wrong"));
    }

    const GOOD: [&str; 4] = [
        "backup files 3 bytes 2097152",
        "sort: a warning of some tool",
        "backup live 2 missing 0 read 2 differ 0 unread 0",
        "backup checked 1795220000",
    ];

    fn found(lines: &[&str]) -> Found {
        Found::parse(lines.iter().copied()).unwrap()
    }

    #[test]
    fn what_was_found_is_good_only_when_nothing_is_wrong() {
        let good = found(&GOOD);
        assert_eq!(good.trouble(0), None);
        assert!(good.to_string().contains("3 files, 2 MiB; of 2 live files"), "{good}");
        let bad = |line: &'static str| {
            let mut lines = GOOD.to_vec();
            let same = lines
                .iter()
                .position(|old| old.split(' ').nth(1) == line.split(' ').nth(1) && old.starts_with("backup"));
            match same {
                Some(at) => lines[at] = line,
                None => lines.insert(0, line),
            }
            found(&lines)
        };
        for (line, says) in [
            ("backup files 0 bytes 0", "no file"),
            ("backup lacking 1", "it has no"),
            ("backup live 2 missing 1 read 1 differ 0 unread 0", "1 live files"),
            (
                "backup live 2 missing 0 read 1 differ 1 unread 0",
                "1 have other content",
            ),
            (
                "backup live 2 missing 0 read 1 differ 0 unread 1",
                "1 could not be read",
            ),
        ] {
            let why = bad(line).trouble(0).unwrap_or_default();
            assert!(why.contains(says), "{line}: {why}");
        }
        let lacks = ["backup lacking 60", "backup lacks customers", "backup lacks index"];
        let lacks = found(&[&lacks[..], &GOOD[..]].concat());
        let why = lacks.trouble(0).unwrap_or_default();
        assert!(why.contains("it has no customers, index and 58 more"), "{why}");
        let missing = bad("backup live 2 missing 1 read 1 differ 0 unread 0");
        assert_eq!(missing.trouble(1), None, "so many may be missing");
        let database = |tables: &'static str| {
            let lines = [
                "backup files 9 bytes 4096",
                tables,
                "backup reaches 2026-11-21T02:59:58",
                "backup checked 5",
            ];
            found(&lines)
        };
        assert!(
            database("backup tables 7 bad 0")
                .to_string()
                .contains("all 7 tables are well; it reaches 2026-11-21T02:59:58")
        );
        for (tables, says) in [
            ("backup tables 7 bad 2", "2 of 7 tables are broken"),
            ("backup tables 0 bad 0", "no table"),
            ("backup tables 0 bad 1", "no server comes up"),
        ] {
            assert!(
                database(tables).trouble(0).is_some_and(|why| why.contains(says)),
                "{says}"
            );
        }
        // What was cut short, or is something else, is not known.
        assert!(Found::parse(GOOD[..3].iter().copied()).is_err());
        assert!(Found::parse(GOOD[1..].iter().copied()).is_err());
        for strange in [
            "backup files x bytes 2",
            "backup live 1",
            "backup something else",
            "backup",
        ] {
            let lines = GOOD.iter().copied().chain([strange]);
            assert_eq!(Found::parse(lines).is_err(), strange != "backup", "{strange}");
        }
    }

    #[test]
    fn what_is_written_down_tells_of_which_backup_and_whether_it_was_good() {
        let text = format!("of web1-20 1795140000 may 0\n{}\nend\n", GOOD.join("\n"));
        let told = Told::parse(&text).unwrap().unwrap();
        let now = UnixMs(1_795_227_200_000);
        assert!(
            told.says(now)
                .starts_with("the last test, 2 h ago, was of web1-20, which was good"),
            "{}",
            told.says(now)
        );
        assert_eq!(Told::parse("no\nend\n").unwrap(), None);
        for end in 0..text.len() {
            assert!(Told::parse(&text[..end]).is_err(), "{end}");
        }
        let bad = text.replace("differ 0", "differ 3");
        assert!(
            Told::parse(&bad)
                .unwrap()
                .unwrap()
                .says(now)
                .contains("is NOT good: 3 have other content")
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = (parse_list(&text), newest(&text), Told::parse(&text), parse_tests(&text), Found::parse(text.lines()));
        }
    }
}
