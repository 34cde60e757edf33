//! DRBD as seen by one side: roles, disks, connection.

use crate::{
    facts::drbd::{DrbdConnection, DrbdDisk, DrbdRole, DrbdVolume, parse_json, parse_proc_drbd},
    fleet::HostName,
    runbook::{condition::Condition, operation::Expect, sight::Look, truth::Truth},
};

/// Which generation of the kernel module answers: where the state stands, and which words the tools take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// 8.4: `/proc/drbd` tells everything.
    V8,
    /// 9: `drbdsetup status --json`.
    V9,
}

/// A resource on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// The host.
    pub host: HostName,
    /// The resource's name in the configuration.
    pub resource: String,
    /// The device minor.
    pub minor: u32,
    /// The module's generation there.
    pub dialect: Dialect,
}

impl Side {
    /// The look that tells the state of the resource.
    #[must_use]
    pub fn look(&self) -> Look {
        match self.dialect {
            Dialect::V8 => Look::new(&self.host, ["cat", "/proc/drbd"]),
            Dialect::V9 => Look::new(&self.host, ["drbdsetup", "status", &self.resource, "--json"]),
        }
    }

    /// Finds this resource's volume in what the look printed: exactly one, or it is not known.
    ///
    /// # Errors
    /// A sentence that says why not.
    pub fn volume(&self, text: &str) -> Result<DrbdVolume, String> {
        let volumes = match self.dialect {
            Dialect::V8 => parse_proc_drbd(text).map(|proc| proc.volumes),
            Dialect::V9 => parse_json(text),
        };
        let mut mine = volumes
            .map_err(|why| format!("DRBD on {}: {why}", self.host))?
            .into_iter()
            .filter(|volume| volume.minor == Some(self.minor));
        match (mine.next(), mine.next()) {
            (Some(volume), None) => Ok(volume),
            (None, _) => Err(format!("{} has no DRBD minor {}", self.host, self.minor)),
            (Some(_), Some(_)) => Err(format!("minor {} has several peers on {}", self.minor, self.host)),
        }
    }

    /// What this side checks of itself in the same call as a command: its role, and its disk where that matters.
    #[must_use]
    pub fn expects(&self, role: &DrbdRole, disk: Option<&DrbdDisk>) -> Expect {
        let disk = disk.map_or_else(|| "*".to_owned(), ToString::to_string);
        Expect {
            argv: ["drbd_state", &self.resource, &self.minor.to_string()]
                .map(str::to_owned)
                .to_vec(),
            pattern: format!("{role}?{disk}"),
        }
    }

    fn on(&self, says: String, judge: impl Fn(&DrbdVolume) -> Truth + Send + Sync + 'static) -> Condition {
        let side = self.clone();
        Condition::on(says, self.look(), move |text| match side.volume(text) {
            Ok(volume) => judge(&volume),
            Err(why) => Truth::Unknown(why),
        })
    }

    /// This side has that role, as it says itself.
    #[must_use]
    pub fn has_role(&self, role: DrbdRole) -> Condition {
        let (host, resource) = (self.host.clone(), self.resource.clone());
        let says = format!("{resource} is {role} on {host}");
        self.on(says, move |volume| {
            let seen = format!("{resource} is {} on {host}", volume.role);
            match &volume.role {
                DrbdRole::Primary | DrbdRole::Secondary | DrbdRole::Unconfigured => {
                    Truth::of(volume.role == role, seen)
                }
                _ => Truth::Unknown(seen),
            }
        })
    }

    /// This side sees its peer in that role.
    #[must_use]
    pub fn sees_peer(&self, role: DrbdRole) -> Condition {
        let (host, resource) = (self.host.clone(), self.resource.clone());
        let says = format!("{host} sees its peer of {resource} as {role}");
        self.on(says, move |volume| {
            let seen = format!("{host} sees its peer of {resource} as {}", volume.peer_role);
            match &volume.peer_role {
                DrbdRole::Primary | DrbdRole::Secondary => Truth::of(volume.peer_role == role, seen),
                _ => Truth::Unknown(seen),
            }
        })
    }

    /// This side's own data is good.
    #[must_use]
    pub fn is_up_to_date(&self) -> Condition {
        let (host, resource) = (self.host.clone(), self.resource.clone());
        let says = format!("the data of {resource} on {host} is UpToDate");
        self.on(says, move |volume| {
            Truth::of(
                volume.disk == DrbdDisk::UpToDate,
                format!("the data of {resource} on {host} is {}", volume.disk),
            )
        })
    }

    /// Both sides are equal and stay so: connected, both UpToDate, nothing out of sync, nothing suspended.
    #[must_use]
    pub fn is_replicated(&self) -> Condition {
        let (host, resource) = (self.host.clone(), self.resource.clone());
        let says = format!("{resource} is connected and UpToDate on both sides, as {host} sees it");
        self.on(says, move |volume| {
            let seen = format!(
                "{host} sees {resource} {} {}/{}, {} KiB out of sync",
                volume.connection,
                volume.disk,
                volume.peer_disk,
                volume
                    .out_of_sync_kib
                    .map_or_else(|| "unknown".into(), |kib| kib.to_string())
            );
            let connected = matches!(
                volume.connection,
                DrbdConnection::Connected | DrbdConnection::Established
            );
            let equal = volume.disk == DrbdDisk::UpToDate && volume.peer_disk == DrbdDisk::UpToDate;
            match volume.out_of_sync_kib {
                None => Truth::Unknown(seen),
                Some(kib) => Truth::of(connected && equal && kib == 0, seen),
            }
        })
    }

    /// The connection is in one of these states.
    #[must_use]
    pub fn is_connection(&self, wanted: &'static [DrbdConnection]) -> Condition {
        let (host, resource) = (self.host.clone(), self.resource.clone());
        let words: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        let says = format!("{resource} on {host} is {}", words.join(" or "));
        self.on(says, move |volume| {
            Truth::of(
                wanted.contains(&volume.connection),
                format!("{resource} on {host} is {}", volume.connection),
            )
        })
    }
}
