//! Who the host says it is: machine id, boot id, kernel, and what the login may do.

use super::text::CleanText;
use serde::Serialize;

/// Identity of a host and of the login on it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Identity {
    /// The host's own name (`uname -n`).
    pub hostname: CleanText,
    /// `/etc/machine-id`; empty where there is none.
    pub machine_id: CleanText,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: CleanText,
    /// `uname -r`.
    pub kernel: CleanText,
    /// `PRETTY_NAME` of `/etc/os-release`.
    pub os: CleanText,
    /// `uname -m`.
    pub arch: CleanText,
    /// The login's user name.
    pub user: CleanText,
    /// The login's numeric user id, if it was a number.
    pub uid: Option<u32>,
    /// Whether `sudo -n` works for the remote half's commands.
    pub sudo: bool,
}
