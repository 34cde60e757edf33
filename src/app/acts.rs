//! What a console that may act is given: desks on the inventory in force, and the journal.

use super::{
    Failure,
    run::{state_dir, store},
    watch::World,
};
use crate::{
    cli::Options,
    collect::Clock,
    conduct::{Desk, Now, SshTargets, who},
    console::{Acting, Acts},
    fleet::Fleet,
    mode::{Mode, ReadWrite},
    remote::Remote,
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
    place: Result<PathBuf, String>,
    journal: Mutex<Option<Arc<Store>>>,
}

/// What acts in the console; nothing where the process may only look.
pub(super) fn acts(options: &Options, world: &World, runtime: &tokio::runtime::Handle) -> Option<Acts> {
    let Mode::ReadWrite(permission) = Mode::new(options.read_only, options.wall) else {
        return None;
    };
    let hosts = Hosts {
        permission: permission.clone(),
        ssh: Arc::clone(&world.ssh),
        clock: world.clock.clone(),
        place: state_dir(options).map_err(words),
        journal: Mutex::new(None),
    };
    Some(Acts::new(&permission, Arc::new(hosts), runtime.clone()))
}

fn words(failure: Failure) -> String {
    match failure {
        Failure::Usage(text) | Failure::Config(text) => text,
        Failure::Other(report) => report.to_string(),
    }
}

impl Hosts {
    /// The journal, kept open once it was opened.
    fn open(&self, place: &std::path::Path) -> Result<Arc<Store>, String> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = &*journal {
            return Ok(Arc::clone(open));
        }
        let opened = Arc::new(store(place).map_err(words)?);
        *journal = Some(Arc::clone(&opened));
        Ok(opened)
    }
}

impl Acting for Hosts {
    fn desk(&self, fleet: Arc<Fleet>) -> Result<Desk, String> {
        let journal = self.open(self.place.as_deref().map_err(String::clone)?)?;
        let clock = self.clock.clone();
        let now: Now = Arc::new(move || clock.now());
        let ssh = Arc::clone(&self.ssh);
        let targets = SshTargets::new(&self.permission, Arc::clone(&fleet), ssh, Arc::clone(&now));
        Ok(Desk::new(fleet, Arc::new(targets), journal, now, who()))
    }

    fn journal(&self) -> Result<Option<Arc<Store>>, String> {
        let place = self.place.as_deref().map_err(String::clone)?;
        // Looking must not leave files behind.
        if !place.join(store::FILE).exists() {
            return Ok(None);
        }
        self.open(place).map(Some)
    }
}
