//! The place where a host's task leaves what it knows, and where wishes for that host are left.

use super::{trend, view::Trend};
use crate::{
    facts::{CleanText, Reach, Snapshot, UnixMs},
    fleet::Host,
};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::Notify;

/// What the task of one host knows.
#[derive(Debug, Clone)]
pub(super) struct HostState {
    pub reach: Reach,
    pub snapshot: Option<Arc<Snapshot>>,
    pub trend: Arc<Trend>,
    /// Gaps in the trend since the newest snapshot.
    pub gaps: usize,
    pub about: CleanText,
    /// The first full collection of this connection has ended: every section answered or given up; or the host is not
    /// waited for any more.
    pub complete: bool,
}

/// One host's place. The task writes, the judge reads; neither waits for the other longer than a copy takes.
#[derive(Debug)]
pub(super) struct Slot {
    pub host: Arc<Host>,
    state: Mutex<HostState>,
    changed: AtomicBool,
    /// Wakes the judge.
    bell: Arc<Notify>,
    /// Asks the task to poll now.
    pub poll_now: Notify,
    /// Asks the task to connect now.
    pub reconnect: Notify,
}

impl Slot {
    pub fn new(host: Arc<Host>, bell: Arc<Notify>) -> Self {
        Self {
            host,
            state: Mutex::new(HostState {
                reach: Reach::Waiting,
                snapshot: None,
                trend: Arc::default(),
                gaps: 0,
                about: CleanText::default(),
                complete: false,
            }),
            changed: AtomicBool::new(true),
            bell,
            poll_now: Notify::new(),
            reconnect: Notify::new(),
        }
    }

    /// Changes the state and wakes the judge.
    pub fn update(&self, change: impl FnOnce(&mut HostState)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.store(true, Ordering::Release);
        self.bell.notify_one();
    }

    /// The state, if it has changed since the last call.
    pub fn take_changed(&self) -> Option<HostState> {
        self.changed
            .swap(false, Ordering::Acquire)
            .then(|| self.state.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// The state as it is.
    pub fn get(&self) -> HostState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Marks the host as answering, and fills the sparklines' gap since it was last heard.
    pub fn mark_up(&self, now: UnixMs) {
        self.update(|state| {
            self.fill_gaps(state, now);
            state.reach = Reach::Up { since: now };
        });
    }

    /// Shows the polls that are missing since the newest snapshot as gaps, each once.
    pub fn fill_gaps(&self, state: &mut HostState, now: UnixMs) {
        let Some(last) = &state.snapshot else { return };
        let intervals = now.since(last.at).as_millis() / self.host.poll.interval.as_millis().max(1);
        let missing = usize::try_from(intervals).unwrap_or(usize::MAX).saturating_sub(1);
        if missing > state.gaps {
            trend::add_gaps(Arc::make_mut(&mut state.trend), missing - state.gaps);
            state.gaps = missing;
        }
    }
}
