//! A journal that is kept no longer than what it is about, a rehearsal or a demo: in a directory of its own, which goes
//! with it.

use crate::{
    facts::UnixMs,
    store::{Store, StoreError},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// A disk that is not full: 4 GiB of pages.
const ROOM: i64 = 1 << 20;

/// The journal, and the directory that it is in.
#[derive(Debug)]
pub struct Journal {
    store: Arc<Store>,
    // Removed behind the journal: fields are dropped in their order.
    place: Place,
}

/// A directory that is removed when this is dropped.
#[derive(Debug)]
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        // Nothing can be done about one that stays; it is a temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Journal {
    /// An empty journal in a new directory below `temporary`, named after what it is about.
    ///
    /// # Errors
    /// [`StoreError`] when the directory cannot be made.
    pub fn new(temporary: &Path, about: &str) -> Result<Self, StoreError> {
        use std::os::unix::fs::DirBuilderExt as _;
        let name = format!("pointsman-{about}-{}-{:08x}", std::process::id(), fastrand::u32(..));
        let path = temporary.join(name);
        // It must not be there yet: somebody else could have put it there.
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| StoreError::Place {
            path: path.clone(),
            why: error.to_string(),
        })?;
        let place = Place(path);
        let store = Arc::new(Store::open(&place.0)?);
        Ok(Self { store, place })
    }

    /// The journal.
    #[must_use]
    pub const fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.place.0
    }

    /// Nothing more can be written.
    pub(super) fn fill(&self) {
        // Where the limit cannot be set, the journal is broken already.
        let _ = self.store.limit(0);
        // The last page has room left for a while.
        let mut left = 10_000;
        while left > 0 && self.store.audit(UnixMs(0), "rehearsal", "fills the disk").is_ok() {
            left -= 1;
        }
    }

    /// There is room again.
    pub(super) fn empty(&self) {
        let _ = self.store.limit(ROOM);
    }
}
