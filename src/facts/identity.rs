//! Who the host says it is: machine id, boot id, kernel, and what the login may do.

use super::{reading::Why, scan::garbled, text::CleanText};
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

/// Reads lines `key value`; keys that this version does not know are left out.
pub fn parse_identity(text: &str) -> Result<Identity, Why> {
    let mut identity = Identity::default();
    let mut known = false;
    for line in text.lines() {
        let (key, value) = line.split_once(' ').unwrap_or((line, ""));
        let value = value.trim();
        let slot = match key {
            "hostname" => &mut identity.hostname,
            "machine_id" => &mut identity.machine_id,
            "boot_id" => &mut identity.boot_id,
            "kernel" => &mut identity.kernel,
            "os" => &mut identity.os,
            "arch" => &mut identity.arch,
            "user" => &mut identity.user,
            "uid" => {
                identity.uid = value.parse().ok();
                continue;
            }
            "sudo" => {
                identity.sudo = value == "yes";
                continue;
            }
            _ => continue,
        };
        *slot = CleanText::new(value);
        known = true;
    }
    if known { Ok(identity) } else { Err(garbled(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_of_keys() {
        let text = "hostname stor1\nmachine_id 0123\nboot_id 42-17\nkernel 6.1.0\nos Debian GNU/Linux 12 (bookworm)\n\
            arch x86_64\nuser watch\nuid 1000\nsudo yes\nshell dash\n";
        let identity = parse_identity(text).unwrap();
        assert_eq!(identity.os.as_str(), "Debian GNU/Linux 12 (bookworm)");
        assert_eq!((identity.uid, identity.sudo), (Some(1000), true));
        assert!(!parse_identity("hostname a\nmachine_id\nsudo y\n").unwrap().sudo);
        assert!(parse_identity("rubbish").is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = parse_identity(&text);
        }
    }
}
