//! What a console that may act is given: desks on the inventory in force, and the journal.

use super::{
    Failure,
    facts::Viewed,
    paced::Paced,
    run::{again, keeps_nothing, passing_journal, state_dir, store},
    runbooks,
    watch::World,
};
use crate::{
    cli::Options,
    collect::Clock,
    conduct::{Desk, Now, SshTargets, Targets, who},
    console::{Acting, Acts},
    fleet::Fleet,
    mode::{Mode, ReadWrite},
    rehearse::Journal,
    remote::{
        Remote,
        log::{Level, LogBook},
    },
    store::{self, Store},
};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// Over the hosts of the inventory, by the way they are reached for watching.
struct Hosts {
    permission: ReadWrite,
    ssh: Arc<dyn Remote>,
    clock: Clock,
    /// Where the journal is, or why there is no place for it.
    place: Result<Kept, String>,
    journal: Mutex<Option<Opened>>,
    /// Whether a person watches simulated hosts.
    demo: bool,
    /// What is on the screen.
    shows: Arc<Viewed>,
}

/// Where a journal is.
enum Kept {
    At(PathBuf),
    /// Only as long as the process lives.
    Passing,
}

/// A journal that is open.
struct Opened {
    store: Arc<Store>,
    /// The directory that goes with it.
    _passing: Option<Journal>,
}

/// What acts in the console; nothing where the process may only look.
pub(super) fn acts(
    options: &Options,
    world: &World,
    runtime: &tokio::runtime::Handle,
    log: &LogBook,
    shows: Viewed,
) -> Option<Acts> {
    let Mode::ReadWrite(permission) = Mode::new(options.read_only, options.wall) else {
        return None;
    };
    let hosts = Hosts {
        permission: permission.clone(),
        ssh: Arc::clone(&world.ssh),
        clock: world.clock.clone(),
        place: if keeps_nothing(options) {
            Ok(Kept::Passing)
        } else {
            state_dir(options).map(Kept::At).map_err(words)
        },
        journal: Mutex::new(None),
        demo: options.demo,
        shows: Arc::new(shows),
    };
    // A runbook that cannot be used is told, and keeps nobody from the others.
    let (library, mistakes) = runbooks::library(options);
    for mistake in &mistakes {
        log.note(world.clock.now(), Level::Error, None, mistake.line());
    }
    Some(
        Acts::new(&permission, Arc::new(hosts), runtime.clone())
            .again(again(options))
            .knowing(Arc::new(library))
            .passing(keeps_nothing(options)),
    )
}

fn words(failure: Failure) -> String {
    match failure {
        Failure::Usage(text) | Failure::Config(text) => text,
        Failure::Other(report) => report.to_string(),
    }
}

impl Hosts {
    /// The journal, kept open once it was opened; nothing where there is none yet and none is to be made.
    fn open(&self, make: bool) -> Result<Option<Arc<Store>>, String> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = &*journal {
            return Ok(Some(Arc::clone(&open.store)));
        }
        let (store, passing) = match self.place.as_ref().map_err(String::clone)? {
            Kept::Passing if !make => return Ok(None),
            Kept::Passing => {
                let passing = passing_journal().map_err(words)?;
                (Arc::clone(passing.store()), Some(passing))
            }
            // Looking must not leave files behind.
            Kept::At(place) if !make && !place.join(store::FILE).exists() => return Ok(None),
            Kept::At(place) => (Arc::new(store(place).map_err(words)?), None),
        };
        *journal = Some(Opened {
            store: Arc::clone(&store),
            _passing: passing,
        });
        Ok(Some(store))
    }
}

impl Acting for Hosts {
    fn desk(&self, fleet: Arc<Fleet>) -> Result<Desk, String> {
        let journal = self.open(true)?.ok_or("there is no journal")?;
        let clock = self.clock.clone();
        let now: Now = Arc::new(move || clock.now());
        let ssh = Arc::clone(&self.ssh);
        let targets = SshTargets::new(&self.permission, Arc::clone(&fleet), ssh, Arc::clone(&now));
        let targets: Arc<dyn Targets> = if self.demo {
            Arc::new(Paced(targets))
        } else {
            Arc::new(targets)
        };
        let shows = Arc::clone(&self.shows);
        Ok(Desk::new(fleet, targets, journal, now, who()).knowing(shows))
    }

    fn journal(&self) -> Result<Option<Arc<Store>>, String> {
        self.open(false)
    }
}
