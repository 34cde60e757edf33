//! What the console shows of hosts, for runbooks whose conditions ask for it.

use crate::{fleet::HostName, remote::Boxed, runbook::sight::Shown};
use std::collections::BTreeSet;

/// Who knows what the console shows.
pub trait Shows: Send + Sync {
    /// What is shown of these hosts now. Nothing that is unknown or stale is in it; a host of which nothing is known may
    /// be left out altogether.
    fn facts<'a>(&'a self, hosts: &'a BTreeSet<HostName>) -> Boxed<'a, Shown>;
}
