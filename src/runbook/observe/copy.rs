//! A slice that is copied to another filesystem by passes of rsync(1), each a [task] of the destination: which pass comes
//! next, and when the copy is near enough to close the slice for the last one; [steering] tells when it has to wait, and why.
//!
//! Everything that is decided rests on what the destination keeps, so that another console goes on where one ended.

mod steering;

pub use steering::Steering;

use super::{
    drbd::Side,
    lag::Database,
    pace::Client,
    stream,
    task::{self, Is, Task},
};
use crate::{
    facts::drbd::DrbdVolume,
    fleet::{HostName, Window},
    runbook::{
        condition::Condition,
        sight::{Look, Sight},
        truth::Truth,
    },
};
use std::time::Duration;

/// How long a pass may run while nobody looks; it is renewed when half of that is over.
pub const LEASE_S: i64 = 1800;
/// So many writes wait for a peer where replication falls behind: an eighth of what DRBD lets wait at most unless it is told
/// otherwise (max-buffers, 2048, drbd.conf(5)); a line that keeps up has a handful under way.
const LAGGING: u64 = 256;
/// Failures of one kind in a row before a person has to look.
const FAILURES: usize = 5;
/// Passes that have to get shorter, before it is said that they do not.
const TELLING: usize = 3;

/// What a copy step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Passes while clients work, until the rest fits into the budget.
    Passes,
    /// The last pass, while nobody can write.
    Last,
    /// Compares both, while nobody can write.
    Check,
    /// One task while clients work, of whatever program: a backup that is restored, or compared with what is live.
    Once,
}

/// By what a copy is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// By a program that goes through all files, such as rsync. How full both filesystems are tells how far it is, and a pass
    /// that reads all content whether it has missed anything.
    Files,
    /// By snapshots of ZFS: a pass brings what was written since the one before, and its stream says how large it is.
    Snapshots,
}

/// A copy under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copying {
    /// What is done.
    pub mode: Mode,
    /// By what.
    pub by: By,
    /// The server of the slice.
    pub from: HostName,
    /// The server of the copy, where rsync runs.
    pub to: HostName,
    /// What its tasks are called.
    pub task: String,
    /// What is run; of one task the whole command that begins it.
    pub argv: Vec<String>,
    /// For how long nobody may be able to write.
    pub budget: Duration,
    /// Whether all content is compared while nobody can write; else just before.
    pub closed_check: bool,
    /// Who works with either server.
    pub clients: Vec<Client>,
    /// The servers, and how long a request of a disk may take there.
    pub disks: Vec<(HostName, Duration)>,
    /// Sides of replicated slices that the servers have.
    pub replicas: Vec<Side>,
    /// Databases on the servers and on their clients: a replica that falls behind is waited for.
    pub databases: Vec<Database>,
    /// How far behind its source a replica may be.
    pub lag: Duration,
    /// When it may run; always where there is none.
    pub windows: Vec<Window>,
    /// Their time zone.
    pub zone: String,
    /// Where the copy is mounted.
    pub place: String,
    /// What the slice uses, as the plan found it, KiB.
    pub used_kib: u64,
    /// What the copy's filesystem used before the first pass, KiB.
    pub base_kib: u64,
}

/// What is to be done about the passes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    /// The pass of that number is begun; `true`: one that reads all content.
    Begin(usize, bool),
    /// The same, after a while: the one before it failed by the network.
    Again(usize, bool),
    /// One is under way.
    Under(Task),
    /// The rest fits into the budget.
    Near(String),
    /// It never will, or a person has to look.
    Never(String),
}

impl Copying {
    /// The name of its tasks in that mode.
    #[must_use]
    pub fn name(&self) -> String {
        match self.mode {
            Mode::Passes | Mode::Once => self.task.clone(),
            Mode::Last => format!("{}-last", self.task),
            Mode::Check => format!("{}-check", self.task),
        }
    }

    /// Whether clients wait for it.
    #[must_use]
    pub const fn is_urgent(&self) -> bool {
        !matches!(self.mode, Mode::Passes | Mode::Once)
    }

    /// For how long clients wait for it: the slice is closed only when a pass took no more than a quarter of the budget, and
    /// a pass that read all content no more than half.
    #[must_use]
    pub fn clients_wait(&self) -> Duration {
        match self.mode {
            Mode::Passes | Mode::Once => Duration::ZERO,
            Mode::Last => self.budget / 4,
            Mode::Check => self.budget / 2,
        }
    }

    fn tasks_look(&self) -> Look {
        match self.mode {
            Mode::Passes => task::parts_look(&self.to, &self.task),
            _ => task::look(&self.to, &self.name()),
        }
    }

    fn hour_look(&self) -> Look {
        hour_look(&self.to, &self.zone)
    }

    /// The look that tells how far a pass is.
    fn room_look(&self) -> Look {
        match self.by {
            By::Files => room_look(&self.to, &self.place),
            By::Snapshots => stream::left_look(&self.to, &self.task),
        }
    }

    /// Everything that it is steered by.
    #[must_use]
    pub fn looks(&self) -> Vec<Look> {
        let mut looks = vec![self.tasks_look()];
        if self.is_urgent() {
            looks.push(frozen_look(&self.from, &self.task));
            return looks;
        }
        looks.push(self.room_look());
        if !self.windows.is_empty() {
            looks.push(self.hour_look());
        }
        looks.extend(self.clients.iter().map(Client::look));
        looks.extend(self.disks.iter().map(|(host, _)| disk_look(host)));
        looks.extend(self.replicas.iter().map(Side::look));
        looks.extend(self.databases.iter().map(Database::look));
        looks
    }

    /// The commands that it may come to.
    #[must_use]
    pub fn commands(&self) -> Vec<Vec<String>> {
        match self.mode {
            Mode::Passes | Mode::Once => vec![self.begin(1, false)],
            Mode::Last | Mode::Check => vec![self.go(&self.name(), self.argv.clone())],
        }
    }

    fn begin(&self, number: usize, whole: bool) -> Vec<String> {
        let mut argv = self.argv.clone();
        if self.mode == Mode::Once {
            return argv;
        }
        if whole {
            argv.insert(1, "--checksum".to_owned());
        }
        self.go(&format!("{}.{number}", self.task), argv)
    }

    /// The command that begins a task, or lets it go on.
    fn go(&self, name: &str, argv: Vec<String>) -> Vec<String> {
        let (lease, go) = (
            LEASE_S.to_string(),
            match self.by {
                By::Files => "task_go",
                By::Snapshots => "stream_go",
            },
        );
        let mut words = [go, name, &lease].map(str::to_owned).to_vec();
        words.extend(argv);
        words
    }

    /// What a pass has still to bring: of a stream by its size; of the first pass through all files by how full the two
    /// filesystems are, and of a later one nobody can tell it.
    #[must_use]
    pub fn left_kib(&self, sight: &Sight) -> Option<u64> {
        let tasks = task::parse(sight.text(&self.tasks_look()).ok()?).ok()?;
        if self.by == By::Snapshots {
            let under = !self.is_urgent() && tasks.last().is_some_and(Task::is_alive);
            return stream::left_kib(sight.text(&self.room_look()).ok()?).filter(|_| under);
        }
        if self.is_urgent() || !matches!(tasks.as_slice(), [only] if only.is_alive()) || self.used_kib == 0 {
            return None;
        }
        let room = Room::parse(sight.text(&self.room_look()).ok()?).ok()?;
        Some(
            self.used_kib
                .saturating_sub(room.used_kib.saturating_sub(self.base_kib)),
        )
    }

    /// Why it waits for replication: a side resyncs. What cannot be read holds nothing up.
    fn resyncs(&self, sight: &Sight) -> Option<String> {
        self.volumes(sight).find_map(|(side, volume)| {
            let sync = volume.sync?;
            let percent = sync
                .percent
                .map_or_else(String::new, |percent| format!(", {percent:.0} % of it done"));
            Some(format!("{} resyncs on {}{percent}", side.resource, side.host))
        })
    }

    /// Why it waits for replication: so many writes of a side wait for its peer.
    fn lags(&self, sight: &Sight) -> Option<String> {
        self.volumes(sight).find_map(|(side, volume)| {
            let waiting = volume
                .pending
                .unwrap_or_default()
                .saturating_add(volume.unacked.unwrap_or_default());
            let says = format!(
                "{waiting} writes of {} wait for the peer of {}",
                side.resource, side.host
            );
            (waiting >= LAGGING).then_some(says)
        })
    }

    fn volumes<'a>(&'a self, sight: &'a Sight) -> impl Iterator<Item = (&'a Side, DrbdVolume)> {
        self.replicas.iter().filter_map(|side| {
            let volume = side.volume(sight.text(&side.look()).ok()?).ok()?;
            Some((side, volume))
        })
    }

    /// The proof of the step.
    #[must_use]
    pub fn proof(&self) -> Condition {
        let (copying, look) = (self.clone(), self.tasks_look());
        let says = match self.mode {
            Mode::Passes => format!(
                "a pass onto {} takes no more than a quarter of {} s",
                self.to,
                self.budget.as_secs()
            ),
            Mode::Last => format!("the last pass onto {} has brought everything", self.to),
            Mode::Check => format!("nothing differs between {} and {}", self.from, self.to),
            Mode::Once => format!("{} has ended well on {}", self.task, self.to),
        };
        Condition::on(says, look, move |text| copying.judge(text))
    }

    fn judge(&self, text: &str) -> Truth {
        let tasks = match task::parse(text) {
            Ok(tasks) => tasks,
            Err(why) => return Truth::Unknown(format!("the copy on {}: {why}", self.to)),
        };
        if !self.is_urgent() {
            return match self.next(&tasks) {
                Next::Near(says) => Truth::Yes(says),
                Next::Under(pass) => Truth::No(format!("{} {}", self.called(&pass), task::said(pass.is))),
                Next::Begin(..) if self.mode == Mode::Once => Truth::No(format!("{} is to be begun", self.task)),
                Next::Begin(number, _) | Next::Again(number, _) => Truth::No(format!("pass {number} is to be begun")),
                Next::Never(why) => Truth::No(why),
            };
        }
        let [task] = tasks.as_slice() else {
            return Truth::Unknown(format!("not one task is told of on {}", self.to));
        };
        match (task.is, self.trouble(task)) {
            (Is::Ended { .. }, Some(why)) => Truth::No(why),
            (Is::Ended { seconds, .. }, None) if self.mode == Mode::Check => match task.figure("Number of files") {
                Some(files) => Truth::Yes(format!(
                    "nothing differs between {} and {}: {files} files, compared in {seconds} s{}",
                    self.from,
                    self.to,
                    if self.closed_check {
                        ""
                    } else {
                        " by size, time and owner; by content just before"
                    }
                )),
                None => Truth::Unknown("how many files were compared is not told".to_owned()),
            },
            (Is::Ended { seconds, .. }, None) => {
                let (title, what) = match self.by {
                    By::Files => ("Number of regular files transferred", "files"),
                    By::Snapshots => ("Size of the stream", "bytes"),
                };
                let brought = task
                    .figure(title)
                    .map_or("all".to_owned(), |figure| format!("{figure} {what}"));
                Truth::Yes(format!("the last pass took {seconds} s and brought {brought}"))
            }
            (is, _) => Truth::No(format!("{} {}", task.name, task::said(is))),
        }
    }

    /// What is wrong with a task of a closed slice that has ended.
    fn trouble(&self, task: &Task) -> Option<String> {
        let Is::Ended { code, .. } = task.is else { return None };
        // Nothing vanishes while nobody can write: only 0 will do.
        if code != 0 {
            return Some(format!("{} {}: {}", task.name, self.meaning(code), task.last_words()));
        }
        let differing = |line: &&String| line.starts_with(CHANGE);
        let first = task.log.iter().find(differing).filter(|_| self.mode == Mode::Check)?;
        let more = task.log.iter().filter(differing).count();
        Some(format!(
            "{} and {} differ, in {more} places or more: {}",
            self.from,
            self.to,
            first.trim_start_matches(CHANGE)
        ))
    }

    /// What a task is called in a sentence.
    fn called(&self, task: &Task) -> String {
        if self.mode == Mode::Once {
            task.name.clone()
        } else {
            called(task)
        }
    }

    /// What an exit code of its program tells.
    fn meaning(&self, code: i32) -> String {
        match (self.by, code) {
            (By::Files, code) => meaning(code),
            (By::Snapshots, 10) => "did not bring the whole stream (exit code 10)".to_owned(),
            (By::Snapshots, code) => format!("failed (exit code {code})"),
        }
    }

    /// What is to be done about the one task.
    fn once(&self, tasks: &[Task]) -> Next {
        let [task] = tasks else {
            return Next::Never(format!("not one task {} is told of on {}", self.task, self.to));
        };
        match task.is {
            Is::Running { .. } | Is::Held { .. } => Next::Under(task.clone()),
            Is::None | Is::Vanished => Next::Begin(1, false),
            Is::Ended { code: 0, seconds } => Next::Near(format!("{} has ended well after {seconds} s", task.name)),
            is @ Is::Ended { .. } => Next::Never(format!("{} {}: {}", task.name, task::said(is), task.last_words())),
        }
    }

    /// Which pass comes next.
    fn next(&self, tasks: &[Task]) -> Next {
        if self.mode == Mode::Once {
            return self.once(tasks);
        }
        let Some(last) = tasks.last() else {
            return Next::Begin(1, false);
        };
        let number = tasks.len();
        let (seconds, code) = match last.is {
            Is::Running { .. } | Is::Held { .. } => return Next::Under(last.clone()),
            Is::None | Is::Vanished => return Next::Begin(number, is_whole(last)),
            Is::Ended { seconds, code } => (seconds, code),
        };
        let in_a_row = |is: &dyn Fn(i32) -> bool| {
            let ended = |task: &&Task| matches!(task.is, Is::Ended { code, .. } if is(code));
            tasks.iter().rev().take_while(ended).count()
        };
        match code {
            0 | 24 => {}
            10 | 12 | 30 | 35 if in_a_row(&|code| matches!(code, 10 | 12 | 30 | 35)) < FAILURES => {
                return Next::Again(number + 1, is_whole(last));
            }
            // Files may change their kind under its hands; twice in a row it is something else.
            23 if in_a_row(&|code| code == 23) < 2 => return Next::Again(number + 1, is_whole(last)),
            code => {
                return Next::Never(format!(
                    "{} {}: {}",
                    called(last),
                    self.meaning(code),
                    last.last_words()
                ));
            }
        }
        let good = |task: &&Task| matches!(task.is, Is::Ended { code: 0 | 24, .. });
        let took = |task: &Task| match task.is {
            Is::Ended { seconds, .. } => seconds,
            _ => 0,
        };
        let budget = self.budget.as_secs();
        let whole = tasks.iter().filter(good).rfind(|task| is_whole(task)).map(took);
        if is_whole(last) {
            if self.closed_check && seconds.saturating_mul(2) > budget {
                return Next::Never(format!(
                    "to read all content of both took {seconds} s, and the slice may be closed for {budget} s in all: give a \
                     budget of {} s or more, or compare the content before it is closed (check=before)",
                    seconds * 2
                ));
            }
            return Next::Begin(number + 1, false);
        }
        if seconds.saturating_mul(4) <= budget {
            return match whole {
                None if self.by == By::Files => Next::Begin(number + 1, true),
                // It took longer than it looks, and as much longer has been written since its snapshot.
                _ if last.log.iter().any(|line| line == RESUMED) => Next::Begin(number + 1, false),
                _ => Next::Near(format!(
                    "pass {number} took {seconds} s, and the slice may be closed for {budget} s"
                )),
            };
        }
        let before = tasks[..number - 1]
            .iter()
            .filter(good)
            .rfind(|task| !is_whole(task))
            .map(took);
        match before {
            Some(before) if number >= TELLING && seconds.saturating_mul(10) >= before.saturating_mul(8) => {
                Next::Never(format!(
                    "pass {number} took {seconds} s and the one before it {before} s: they get no shorter, and the slice may be \
                     closed for {budget} s in all; give a budget of {} s or more",
                    seconds * 4
                ))
            }
            _ => Next::Begin(number + 1, false),
        }
    }
}

fn called(pass: &Task) -> String {
    let number = pass.name.rsplit('.').next().unwrap_or_default();
    let kind = if is_whole(pass) { " (all content)" } else { "" };
    format!("pass {number}{kind}")
}

/// What a line about a difference begins with (`--out-format`).
pub const CHANGE: &str = "change ";

/// What is printed by a pass that has gone on with a stream that was cut.
const RESUMED: &str = "Resumed";

fn is_whole(pass: &Task) -> bool {
    pass.argv.split(' ').any(|word| word == "--checksum")
}

/// What rsync's exit code tells (rsync(1)).
fn meaning(code: i32) -> String {
    let says = match code {
        0 => "has ended well",
        1 | 4 => "is not understood by rsync there: is it too old?",
        5 => "was not let in by the other server",
        10 | 12 | 35 => "lost the connection to the other server, or never had one",
        11 => "cannot write or read files",
        20 => "was interrupted",
        23 => "could not bring everything",
        24 => "missed files that vanished meanwhile",
        25 => {
            "would have deleted more than it may: look whether the right filesystem is read, then allow more (deletes=)"
        }
        30 => "waited too long for the other server",
        _ => "failed",
    };
    format!("{says} (exit code {code})")
}

/// The look that tells the requests of a server's disks.
#[must_use]
pub fn disk_look(host: &HostName) -> Look {
    Look::new(host, ["disk_pace"])
}

/// The look that tells the day and the hour in a time zone.
#[must_use]
pub fn hour_look(host: &HostName, zone: &str) -> Look {
    Look::new(host, ["hour", zone])
}

/// The look that tells how full a filesystem is.
#[must_use]
pub fn room_look(host: &HostName, place: &str) -> Look {
    Look::new(host, ["copy_room", place])
}

/// The look that tells what a filesystem says it is.
#[must_use]
pub fn mark_look(host: &HostName, place: &str) -> Look {
    Look::new(host, ["copy_mark", place])
}

/// The look that tells since when nobody can write to a slice.
#[must_use]
pub fn frozen_look(host: &HostName, task: &str) -> Look {
    Look::new(host, ["copy_frozen", task])
}

/// The look that tells since when the old side of a slice is kept.
#[must_use]
pub fn kept_look(host: &HostName, task: &str) -> Look {
    Look::new(host, ["old_kept", task])
}

/// The look that tells what is on a device.
#[must_use]
pub fn blank_look(host: &HostName, device: &str) -> Look {
    Look::new(host, ["old_blank", device])
}

/// How full a filesystem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// In use, KiB.
    pub used_kib: u64,
    /// Free, KiB.
    pub free_kib: u64,
    /// Inodes in use.
    pub used_inodes: u64,
    /// Free inodes; a filesystem that makes them as it needs them says none at all.
    pub free_inodes: Option<u64>,
}

impl Room {
    /// Reads what `copy_room` prints.
    ///
    /// # Errors
    /// A sentence that says why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("{:?} does not say how full it is", text.trim_end());
        let words: Vec<&str> = text.trim_end().split(' ').collect();
        let ["kib", _, used, free, "inodes", all, inodes, free_inodes] = words.as_slice() else {
            return Err(bad());
        };
        let number = |word: &str| word.parse::<u64>().map_err(|_| bad());
        // btrfs counts no inodes: 0 of 0, or dashes.
        let counts = all.parse::<u64>().is_ok_and(|all| all > 0);
        Ok(Self {
            used_kib: number(used)?,
            free_kib: number(free)?,
            used_inodes: if counts { number(inodes)? } else { 0 },
            free_inodes: if counts { Some(number(free_inodes)?) } else { None },
        })
    }
}

/// The filesystem there bears that mark.
#[must_use]
pub fn is_marked(host: &HostName, place: &str, mark: &str) -> Condition {
    let (name, at, wanted) = (host.clone(), place.to_owned(), format!("mark {mark}"));
    Condition::on(
        format!("{place} of {host} is marked as the copy"),
        mark_look(host, place),
        move |text| match text.trim_end() {
            "" => Truth::Unknown(format!("what {at} of {name} holds is not told")),
            found => Truth::of(
                found == wanted,
                match found {
                    "empty" => format!("{at} of {name} is empty"),
                    "used" => format!("{at} of {name} holds something else"),
                    found if found == wanted => format!("{at} of {name} is marked as the copy"),
                    found => format!("{at} of {name} says {found:?}"),
                },
            ),
        },
    )
}

/// The filesystem there bears no mark: it is a slice, and nothing overwrites it.
#[must_use]
pub fn is_no_copy(host: &HostName, place: &str) -> Condition {
    let (name, at) = (host.clone(), place.to_owned());
    Condition::on(
        format!("{place} of {host} is not marked as a copy"),
        mark_look(host, place),
        move |text| match text.trim_end() {
            "used" | "empty" => Truth::Yes(format!("{at} of {name} is not marked as a copy")),
            found if found.starts_with("mark ") => Truth::No(format!("{at} of {name} is marked as a copy still")),
            _ => Truth::Unknown(format!("what {at} of {name} holds is not told")),
        },
    )
}

/// Nobody could write to the slice for no longer than the budget.
#[must_use]
pub fn within_budget(host: &HostName, task: &str, budget: Duration) -> Condition {
    let name = host.clone();
    Condition::on(
        format!("the slice is closed on {host} for no more than {} s", budget.as_secs()),
        frozen_look(host, task),
        move |text| match text.trim_end().split_once(' ') {
            Some(("frozen", seconds)) => match seconds.parse::<u64>() {
                Ok(seconds) => Truth::of(
                    seconds <= budget.as_secs(),
                    format!(
                        "it is closed on {name} for {seconds} s, and {} s are allowed",
                        budget.as_secs()
                    ),
                ),
                Err(_) => Truth::Unknown(format!("{text:?} is no time")),
            },
            _ if text.trim_end() == "no" => Truth::No(format!("it is not closed on {name}")),
            _ => Truth::Unknown(format!("{:?} does not say since when it is closed", text.trim_end())),
        },
    )
    .of_time()
}

/// Since when the old side of a slice is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Since then, seconds.
    pub seconds: u64,
    /// For how long, days.
    pub days: u64,
    /// What it moved to.
    pub into: String,
}

impl Kept {
    /// Reads what `old_kept` prints; `None` where nothing is kept.
    ///
    /// # Errors
    /// A sentence that says why it is neither.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let words: Vec<&str> = text.trim_end().split(' ').collect();
        let bad = |_| format!("{:?} does not say since when it is kept", text.trim_end());
        match words.as_slice() {
            ["no"] => Ok(None),
            ["old", seconds, days, into] => Ok(Some(Self {
                seconds: seconds.parse().map_err(bad)?,
                days: days.parse().map_err(bad)?,
                into: (*into).to_owned(),
            })),
            _ => Err(format!("{:?} does not say since when it is kept", text.trim_end())),
        }
    }
}

/// The old side was kept for as long as was said, since it moved to that slice.
#[must_use]
pub fn was_kept(host: &HostName, task: &str, into: &str) -> Condition {
    let (name, into) = (host.clone(), into.to_owned());
    Condition::on(
        format!("the old side on {host} was kept for as long as was said"),
        kept_look(host, task),
        move |text| match Kept::parse(text) {
            Ok(Some(kept)) if kept.into != into => Truth::No(format!("what {name} keeps has moved to {}", kept.into)),
            Ok(Some(kept)) => Truth::of(
                kept.seconds >= kept.days * 86_400,
                format!(
                    "{name} keeps the old side for {:.1} of {} days",
                    kept.seconds as f64 / 86_400.0,
                    kept.days
                ),
            ),
            Ok(None) => Truth::No(format!("{name} keeps no old side of it")),
            Err(why) => Truth::Unknown(why),
        },
    )
}

/// Its old side is kept from now on.
#[must_use]
pub fn is_kept(host: &HostName, task: &str) -> Condition {
    let name = host.clone();
    Condition::on(
        format!("{host} keeps the old side"),
        kept_look(host, task),
        move |text| match Kept::parse(text) {
            Ok(Some(kept)) => Truth::Yes(format!("{name} keeps the old side for {} days", kept.days)),
            Ok(None) => Truth::No(format!("{name} keeps no old side of it")),
            Err(why) => Truth::Unknown(why),
        },
    )
}

/// Nothing is on the device.
#[must_use]
pub fn is_blank(host: &HostName, device: &str) -> Condition {
    let (name, device) = (host.clone(), device.to_owned());
    let look = blank_look(host, &device);
    Condition::on(
        format!("nothing is on {device} of {host}"),
        look,
        move |text| match text.trim_end() {
            "blank" => Truth::Yes(format!("nothing is on {device} of {name}")),
            found if found.starts_with("TYPE=") => Truth::No(format!("{device} of {name} holds {found}")),
            found => Truth::Unknown(format!("{device} of {name}: {found:?}")),
        },
    )
}
