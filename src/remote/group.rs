//! A child process that leads a process group of its own. The group is killed when the child is dropped
//! before it has ended, so that nothing it started is left running; and being no group of the terminal's
//! foreground, none of them can ask a question there.

use rustix::process::{Pid, Signal, kill_process_group};
use std::io;
use tokio::process::{Child, Command};

/// A child that leads its own process group.
pub struct Group(pub Child);

impl Group {
    /// Starts a command as the leader of a new group.
    ///
    /// # Errors
    /// What the system says.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        command.process_group(0).kill_on_drop(true).spawn().map(Self)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The id is there only until the child has been reaped, so the number cannot be another's yet.
        let leader = self
            .0
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        if let Some(leader) = leader {
            // It may have ended this very moment: then there is nothing to kill.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}
