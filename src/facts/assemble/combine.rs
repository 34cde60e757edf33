//! Facts that several sections make together.

use super::{Assembler, Came, Change};
use crate::facts::{
    drbd::{self, DrbdVolume},
    md::{self, MdArray},
    reading::{Reading, State, UnixMs, Why},
    text::CleanText,
    zfs::{self, Pool},
};
use std::sync::Arc;

impl Assembler {
    pub(super) fn combine(&mut self, came: &Came) {
        let (md, drbd, pools) = (self.md(came.md), self.drbd(came.drbd), self.pools(came.pools));
        put(&mut self.snapshot.md, md);
        put(&mut self.snapshot.drbd, drbd);
        put(&mut self.snapshot.pools, pools);
    }

    /// `/proc/mdstat` decides; sysfs adds to it.
    fn md(&self, change: Change) -> Option<Made<Vec<MdArray>>> {
        let stat = &self.parts.md_stat;
        let made = match (change, &stat.state) {
            (Change::None, _) => return None,
            (Change::Renewed, _) => Made::Same(stat.at),
            (Change::Changed, State::Known(arrays)) => match self.parts.md_sys.value() {
                Some(sys) => {
                    let mut arrays = arrays.to_vec();
                    md::merge(&mut arrays, sys);
                    Made::New(arrays, stat.at)
                }
                None => Made::State(State::Known(Arc::clone(arrays)), stat.at),
            },
            (Change::Changed, other) => Made::State(other.clone(), stat.at),
        };
        Some(made)
    }

    /// With 8.4 `/proc/drbd` decides, with 9 drbdsetup.
    fn drbd(&self, change: Change) -> Option<Made<Vec<DrbdVolume>>> {
        let (proc, status, events) = (&self.parts.drbd_proc, &self.parts.drbd_status, &self.parts.drbd_events);
        let tells = proc.value().is_some_and(drbd::DrbdProc::tells_state);
        let source_at = if tells { proc.at } else { status.at };
        match change {
            Change::None => return None,
            Change::Renewed => return Some(Made::Same(source_at)),
            Change::Changed => {}
        }
        let events = events.value().map(Vec::as_slice);
        let known = |status: Option<&[DrbdVolume]>, at| Made::New(drbd::merge(proc.value(), status, events), at);
        let made = if tells {
            // While drbdsetup hangs, the names it gave before still hold.
            let names = status.value().or(self.parts.drbd_names.as_deref());
            known(names.map(Vec::as_slice), proc.at)
        } else if let Some(status) = status.value() {
            known(Some(status), source_at)
        } else if proc.is_absent() && (status.is_absent() || matches!(status.why(), Some(Why::NotAsked))) {
            Made::State(State::Absent, proc.at)
        } else {
            let none = || Why::Failed(CleanText::new("drbdsetup is not there"));
            let why = match (status.why(), proc.why()) {
                (Some(Why::NotAsked) | None, Some(why)) | (Some(why), _) => why.clone(),
                (None, None) => none(),
            };
            Made::State(State::Unknown(why), status.at.max(proc.at))
        };
        Some(made)
    }

    /// `zpool status` decides; the list adds sizes.
    fn pools(&self, change: Change) -> Option<Made<Vec<Pool>>> {
        let (status, list) = (&self.parts.zpool, &self.parts.zpool_list);
        let made = match (change, &status.state) {
            (Change::None, _) => return None,
            (Change::Renewed, _) => Made::Same(status.at),
            (Change::Changed, State::Known(pools)) => {
                let mut pools = pools.to_vec();
                zfs::merge(&mut pools, list.value().map_or(&[][..], Vec::as_slice));
                Made::New(pools, status.at)
            }
            (Change::Changed, other) => Made::State(other.clone(), status.at),
        };
        Some(made)
    }
}

/// A fact that was put together.
enum Made<T> {
    /// As it was, confirmed at this time.
    Same(UnixMs),
    /// A value, perhaps equal to the one before.
    New(T, UnixMs),
    /// A state taken over from a section.
    State(State<T>, UnixMs),
}

fn put<T: PartialEq>(reading: &mut Reading<T>, made: Option<Made<T>>) {
    match made {
        None => {}
        Some(Made::Same(at)) => reading.at = at,
        Some(Made::New(value, at)) => {
            super::receive::set(reading, Ok(value), at);
        }
        Some(Made::State(state, at)) => *reading = Reading { at, state },
    }
}
