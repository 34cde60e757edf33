//! Backups: processes of programs that make them, and which of these are at work.
//!
//! A name alone says little: `rsync --daemon` or `bacula-fd` run for months and mostly wait. At work is what computes.

use super::{
    reading::{UnixMs, Why},
    scan::{garbled, next_u64},
    text::CleanText,
};
use serde::Serialize;
use std::time::Duration;

/// Processes that are kept of one host; the remote half sends no more.
const MOST: usize = 32;
/// A process computes when it uses this share of a CPU: one that only waits for work uses a tenth of it.
const AT_WORK: f64 = 0.002;
/// What has not computed for so long is not at work any more.
const PAUSE: Duration = Duration::from_mins(1);
/// Two looks closer than this say nothing: the time of a process is counted in hundredths of a second.
const CLOSEST: Duration = Duration::from_secs(2);
/// The mean of a process's whole life speaks for now when that was not longer, in seconds.
const YOUNG: u64 = 3600;
/// What has run for longer when it is first seen may have begun its work at any time since, in seconds.
const LONG: u64 = 24 * 3600;

/// A process of a program that makes backups (`/proc/PID/comm` and `/proc/PID/stat`, see proc(5)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupProcess {
    /// The name that the kernel knows it by.
    pub program: CleanText,
    /// Process number.
    pub pid: u64,
    /// Seconds since it was started.
    pub age_seconds: u64,
    /// The CPU time of it and of its children that have ended, in hundredths of a second.
    pub cpu_ticks: u64,
}

/// A program that is at work on a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// The name that the kernel knows it by.
    pub program: CleanText,
    /// For how long it has been at work, in seconds; `None` for a service that already was when it was first seen.
    pub seconds: Option<u64>,
}

/// Reads lines `program pid age_seconds user system children_user children_system`, times in hundredths of a second.
/// Lines of another form are left out.
pub fn parse_backups(text: &str) -> Result<Vec<BackupProcess>, Why> {
    let processes: Vec<_> = text.lines().filter_map(parse_line).take(MOST).collect();
    if processes.is_empty() && !text.trim().is_empty() {
        return Err(garbled(text));
    }
    Ok(processes)
}

fn parse_line(line: &str) -> Option<BackupProcess> {
    // The name comes first, and may have spaces in it.
    let mut words = line.trim_end().rsplitn(7, ' ');
    let mut ticks = 0_u64;
    for _ in 0..4 {
        ticks = ticks.saturating_add(next_u64(&mut words)?);
    }
    let (age_seconds, pid) = (next_u64(&mut words)?, next_u64(&mut words)?);
    let program = words.next().map(str::trim).filter(|name| !name.is_empty())?;
    Some(BackupProcess {
        program: CleanText::new(program),
        pid,
        age_seconds,
        cpu_ticks: ticks,
    })
}

/// What is remembered of a process from one look to the next.
#[derive(Debug, Clone)]
struct Watched {
    pid: u64,
    program: CleanText,
    cpu_ticks: u64,
    /// When `cpu_ticks` was read.
    at: UnixMs,
    /// When it was last seen at work.
    worked: Option<UnixMs>,
    /// When it began to work, where that is known.
    began: Option<UnixMs>,
}

/// Tells processes that work from those that wait, by two looks or by a short life.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch(Vec<Watched>);

impl Watch {
    /// Takes what was seen at a moment; says what is at work, each program once.
    pub(super) fn look(&mut self, processes: &[BackupProcess], at: UnixMs) -> Vec<Backup> {
        let before = std::mem::take(&mut self.0);
        self.0 = processes
            .iter()
            .map(|now| {
                let same = |old: &&Watched| {
                    old.pid == now.pid && old.program == now.program && old.cpu_ticks <= now.cpu_ticks && old.at <= at
                };
                match before.iter().find(same) {
                    Some(old) => old.again(now, at),
                    None => Watched::first(now, at),
                }
            })
            .collect();
        let mut backups: Vec<Backup> = Vec::new();
        for watched in &self.0 {
            if watched.worked.is_none_or(|worked| at.since(worked) > PAUSE) {
                continue;
            }
            let seconds = watched.began.map(|began| at.since(began).as_secs());
            match backups.iter_mut().find(|one| one.program == watched.program) {
                Some(one) => one.seconds = one.seconds.max(seconds),
                None => backups.push(Backup {
                    program: watched.program.clone(),
                    seconds,
                }),
            }
        }
        backups
    }
}

impl Watched {
    /// Of a young process its mean says whether it works; an old one has to be seen twice.
    fn first(now: &BackupProcess, at: UnixMs) -> Self {
        let works = now.age_seconds <= YOUNG && computes(now.cpu_ticks, Duration::from_secs(now.age_seconds.max(1)));
        let started = UnixMs(at.0.saturating_sub(now.age_seconds.saturating_mul(1000)));
        Self {
            pid: now.pid,
            program: now.program.clone(),
            cpu_ticks: now.cpu_ticks,
            at,
            worked: works.then_some(at),
            began: (now.age_seconds <= LONG).then_some(started),
        }
    }

    fn again(&self, now: &BackupProcess, at: UnixMs) -> Self {
        let elapsed = at.since(self.at);
        if elapsed < CLOSEST {
            return self.clone();
        }
        let works = computes(now.cpu_ticks - self.cpu_ticks, elapsed);
        let pauses = self.worked.is_none_or(|worked| at.since(worked) > PAUSE);
        let mut next = self.clone();
        (next.cpu_ticks, next.at) = (now.cpu_ticks, at);
        if works {
            next.worked = Some(at);
        } else if pauses {
            // Whatever it does next begins then.
            (next.worked, next.began) = (None, Some(at));
        }
        next
    }
}

fn computes(ticks: u64, within: Duration) -> bool {
    ticks >= 1 && ticks as f64 / 100.0 >= AT_WORK * within.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: UnixMs = UnixMs(1_700_000_000_000);

    fn process(program: &str, age_seconds: u64, cpu_ticks: u64) -> BackupProcess {
        BackupProcess {
            program: CleanText::new(program),
            pid: 7,
            age_seconds,
            cpu_ticks,
        }
    }

    fn at(seconds: u64) -> UnixMs {
        START + Duration::from_secs(seconds)
    }

    #[test]
    fn lines_of_processes() {
        let text = "rsync 4711 721 200 31 0 1\nbacula-fd 812 3456789 5 6 0 0\nodd\na b 1 2 3 4 5 6";
        let processes = parse_backups(text).unwrap();
        assert_eq!(processes.len(), 3);
        assert_eq!(
            (processes[0].pid, processes[0].age_seconds, processes[0].cpu_ticks),
            (4711, 721, 232)
        );
        assert_eq!(processes[2].program.as_str(), "a b");
        assert_eq!(parse_backups("\n").unwrap(), []);
        for rubbish in ["rubbish", "rsync 1 2 3 4 5", "rsync -1 2 3 4 5 6", " 1 2 3 4 5 6"] {
            assert!(parse_backups(rubbish).is_err(), "{rubbish:?}");
        }
        let escape = parse_backups("\u{1b}[31mrsync 1 2 3 4 5 6").unwrap();
        assert!(!escape[0].program.contains('\u{1b}'));
        let many = "tar 1 2 3 4 5 6\n".repeat(10_000);
        assert_eq!(parse_backups(&many).unwrap().len(), MOST);
    }

    #[test]
    fn a_young_process_that_computes_is_at_work_at_once() {
        let mut watch = Watch::default();
        let backups = watch.look(&[process("rsync", 720, 900), process("rsync", 710, 0)], START);
        assert_eq!(backups.len(), 1, "one program is told once");
        assert_eq!((backups[0].program.as_str(), backups[0].seconds), ("rsync", Some(720)));
        assert_eq!(watch.look(&[process("rsync", 730, 905)], at(10))[0].seconds, Some(730));
        // A short wait is no end, a long one is.
        assert_eq!(watch.look(&[process("rsync", 780, 905)], at(60)).len(), 1);
        assert_eq!(watch.look(&[process("rsync", 800, 905)], at(80)), []);
        assert_eq!(watch.look(&[], at(90)), []);
    }

    #[test]
    fn a_service_that_waits_is_no_backup_until_it_works() {
        let mut watch = Watch::default();
        let days = 40 * 86_400;
        assert_eq!(watch.look(&[process("bacula-fd", days, 90_000)], START), []);
        // It looks after itself now and then.
        assert_eq!(watch.look(&[process("bacula-fd", days + 10, 90_001)], at(10)), []);
        assert_eq!(watch.look(&[process("bacula-fd", days + 20, 90_001)], at(20)), []);
        let working = watch.look(&[process("bacula-fd", days + 30, 90_050)], at(30));
        assert_eq!(working[0].seconds, Some(10), "since it was last seen to wait");
        // Two looks at once change nothing.
        let again = watch.look(&[process("bacula-fd", days + 31, 90_050)], at(31));
        assert_eq!(again[0].seconds, Some(11));
    }

    #[test]
    fn of_a_service_that_works_when_it_is_first_seen_nobody_knows_since_when() {
        let mut watch = Watch::default();
        watch.look(&[process("bacula-fd", 40 * 86_400, 90_000)], START);
        let working = watch.look(&[process("bacula-fd", 40 * 86_400 + 10, 90_100)], at(10));
        assert_eq!(working[0].seconds, None);
    }

    #[test]
    fn a_number_that_is_used_again_is_another_process() {
        let mut watch = Watch::default();
        watch.look(&[process("tar", 100_000, 90_000)], START);
        assert_eq!(watch.look(&[process("tar", 5, 100)], at(10))[0].seconds, Some(5));
        assert_eq!(
            watch.look(&[process("dump", 6, 100)], at(11))[0].program.as_str(),
            "dump"
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), numbers in proptest::collection::vec(any::<[u64; 4]>(), 0..20), times in proptest::collection::vec(any::<u64>(), 0..20)) {
            let _ = parse_backups(&text);
            let mut watch = Watch::default();
            for (time, [pid, age, user, system]) in times.into_iter().zip(numbers) {
                let line = format!("rsync {pid} {age} {user} {system} {user} 0");
                let processes = parse_backups(&line).unwrap();
                prop_assert!(watch.look(&processes, UnixMs(time)).len() <= 1);
            }
        }

        #[test]
        fn what_was_written_is_read(program in "[a-z][a-z0-9-]{0,14}", pid in 1_u64..1 << 22, age in 0_u64..1 << 40, ticks in 0_u64..1 << 40) {
            let processes = parse_backups(&format!("{program} {pid} {age} {ticks} 1 0 0")).unwrap();
            let expected = BackupProcess { program: CleanText::new(&program), pid, age_seconds: age, cpu_ticks: ticks + 1 };
            prop_assert_eq!(processes, vec![expected]);
        }
    }
}
