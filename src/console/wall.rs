//! The wall's own state: which page is up, and when it turns.

use super::index::ListKind;
use crate::{collect::FleetView, facts::UnixMs, verdict::Severity};
use std::time::Duration;

/// How long a page stays.
pub const TURN: Duration = Duration::from_secs(12);

/// The pages in turn.
pub const PAGES: [ListKind; 4] = [
    ListKind::Fleet,
    ListKind::Storage,
    ListKind::Database,
    ListKind::Findings,
];

/// Which page is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wall {
    at: usize,
    /// The screenful of that page, from 0: a long list is shown in parts.
    part: usize,
    turned: UnixMs,
}

impl Wall {
    /// A wall that begins with the fleet.
    #[must_use]
    pub const fn new(now: UnixMs) -> Self {
        Self {
            at: 0,
            part: 0,
            turned: now,
        }
    }

    /// The page that is up.
    #[must_use]
    pub const fn page(&self) -> ListKind {
        PAGES[self.at]
    }

    /// The screenful of that page, from 0.
    #[must_use]
    pub const fn part(&self) -> usize {
        self.part
    }

    /// Turns to the next page that has something on it, or the one before.
    pub fn turn(&mut self, view: &FleetView, now: UnixMs, forward: bool) {
        self.turned = now;
        self.part = 0;
        for _ in 0..PAGES.len() {
            self.at = (self.at + if forward { 1 } else { PAGES.len() - 1 }) % PAGES.len();
            let filled = match self.page() {
                ListKind::Storage => !view.fleet.segments.is_empty(),
                ListKind::Database => !view.fleet.topologies.is_empty(),
                ListKind::Findings => !view.findings.is_empty(),
                ListKind::Fleet | ListKind::Log => true,
            };
            if filled {
                return;
            }
        }
    }

    /// Turns when it is time: through the `parts` of this page, then to the next one. While something is
    /// critical only the fleet is shown, with the worst of it pinned above: nothing may hide it.
    pub fn tick(&mut self, view: &FleetView, now: UnixMs, parts: usize) {
        let critical = view
            .findings
            .iter()
            .any(|finding| finding.severity == Severity::Critical);
        if critical && self.at != 0 {
            (self.at, self.part, self.turned) = (0, 0, now);
        } else if now.since(self.turned) >= TURN {
            if self.part + 1 < parts {
                (self.part, self.turned) = (self.part + 1, now);
            } else if critical {
                (self.part, self.turned) = (0, now);
            } else {
                self.turn(view, now, true);
            }
        } else if self.part >= parts {
            // The list has become shorter.
            self.part = parts.saturating_sub(1);
        }
    }
}
