//! Typed operations: one file an action, and its line in [`ALL`].
//!
//! An action turns its arguments into an [`Operation`]: what must hold, what is run, what proves it, and what takes
//! it back. It knows nothing of runbooks, and interlocks know nothing of it but its claims.

mod address;
mod ask;
mod backup;
mod client_attach;
mod client_bar;
mod client_detach;
mod client_end;
mod client_proof;
mod client_services;
mod client_spared;
mod client_wake;
mod command;
mod copy;
mod drbd_connect;
mod drbd_demote;
mod drbd_direction;
mod drbd_discard;
mod drbd_disconnect;
mod drbd_promote;
mod drbd_wait_sync;
mod export;
mod fence;
mod galera;
mod host_healthy;
mod host_hook;
mod host_reboot;
mod host_service;
mod md_add;
mod md_check;
mod md_compared;
mod md_fail;
mod md_keep;
mod md_limit;
mod md_out;
mod md_remove;
mod md_replace;
mod md_wait;
mod md_whole;
mod mount;
mod mysql;
mod pool;
pub(in crate::runbook) mod port;
mod release_locks;
mod restore;
mod service;
mod unexport;
mod unmount;
mod wait;

use super::{
    definition::{Call, Kind, Written},
    observe::drbd::Side,
    operation::Operation,
    plan::{AddressLayout, ArrayLayout, ClientLayout, Glass, Layouts, PoolLayout, SliceLayout},
};
use crate::{
    fleet::{Fleet, HostName, SliceName},
    remote::quote::split,
};
use std::{collections::BTreeMap, time::Duration};

/// Every action.
pub const ALL: &[&dyn Action] = &[
    &address::ADD,
    &address::DROP,
    &ask::Ask,
    &backup::BackupBegin,
    &backup::BackupCheck,
    &backup::BackupEnd,
    &backup::BackupProof,
    &backup::BackupRecord,
    &backup::BackupRestore,
    &client_attach::ClientAttach,
    &client_bar::BAR,
    &client_bar::UNBAR,
    &client_detach::ClientDetach,
    &client_end::ClientEnd,
    &client_proof::ClientProof,
    &client_services::ClientServices,
    &client_spared::ClientSpared,
    &client_wake::ClientWake,
    &command::Command,
    &copy::CopyBegin,
    &copy::CopyCheck,
    &copy::CopyEnd,
    &copy::FREEZE,
    &copy::CopyKeep,
    &copy::CopyLast,
    &copy::CopyOpen,
    &copy::CopyPasses,
    &copy::SERVE,
    &copy::StreamBegin,
    &copy::StreamCheck,
    &copy::StreamLast,
    &copy::STREAM_LOCK,
    &copy::StreamPasses,
    &copy::STREAM_SERVE,
    &copy::STREAM_UNLOCK,
    &copy::STREAM_UNSERVE,
    &copy::THAW,
    &copy::UNSERVE,
    &copy::CopyWipe,
    &drbd_connect::DrbdConnect,
    &drbd_demote::DrbdDemote,
    &drbd_direction::DrbdDirection,
    &drbd_disconnect::DrbdDisconnect,
    &drbd_discard::DrbdDiscard,
    &drbd_promote::DrbdPromote,
    &drbd_wait_sync::DrbdWaitSync,
    &export::Export,
    &fence::Fence,
    &galera::GaleraBootstrap,
    &galera::GaleraJoin,
    &galera::GaleraPosition,
    &galera::GaleraWhole,
    &host_service::DRAIN,
    &host_service::HostDrained,
    &host_service::UNDRAIN,
    &host_hook::UPGRADE,
    &host_hook::REINSTALL,
    &host_reboot::HostReboot,
    &host_reboot::HostBack,
    &host_healthy::HostHealthy,
    &md_add::MdAdd,
    &md_check::MdCheck,
    &md_compared::MdCompared,
    &md_fail::MdFail,
    &md_keep::MdKeep,
    &md_limit::MdLimit,
    &md_out::MdOut,
    &md_remove::MdRemove,
    &md_replace::MdReplace,
    &md_wait::MdWait,
    &md_whole::MdWhole,
    &mount::Mount,
    &mysql::ADDRESS_ADD,
    &mysql::ADDRESS_DROP,
    &mysql::MysqlAcknowledged,
    &mysql::MysqlClose,
    &mysql::MysqlDrain,
    &mysql::MysqlFollow,
    &mysql::MysqlFreeze,
    &mysql::MysqlLead,
    &mysql::MysqlLevel,
    &mysql::MysqlOpen,
    &mysql::SEMI_SYNC,
    &mysql::SEMI_SYNC_OFF,
    &mysql::MysqlUnfollow,
    &mysql::MysqlWarm,
    &pool::PoolFound,
    &pool::PoolKeep,
    &pool::PoolReplace,
    &pool::PoolScrub,
    &pool::PoolScrubbed,
    &pool::PoolWait,
    &pool::PoolWhole,
    &port::BLOCK,
    &port::UNBLOCK,
    &release_locks::ReleaseLocks,
    &restore::RestoreBegin,
    &restore::RestoreBring,
    &restore::RestoreCheck,
    &restore::RestoreEnd,
    &restore::RestoreOpen,
    &restore::RestoreProof,
    &service::Service,
    &unexport::Unexport,
    &unmount::Unmount,
    &wait::Wait,
];

/// One typed operation.
pub trait Action: Sync {
    /// Its name in a runbook.
    fn name(&self) -> &'static str;

    /// One line for the catalogue.
    fn about(&self) -> &'static str;

    /// Kinds of runbook that may use it.
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Planned, Kind::Emergency]
    }

    /// Its arguments.
    fn arguments(&self) -> &'static [Argument];

    /// Those of its arguments that are lists of words.
    fn lists(&self) -> &'static [&'static str] {
        &[]
    }

    /// What is wrong with its arguments as they are written, whatever their words stand for.
    fn flaws(&self, with: &BTreeMap<String, Written>) -> Vec<ArgumentFlaw> {
        let _ = with;
        Vec::new()
    }

    /// What its commands need on the host that they run on; looked for before anything is begun.
    fn tools(&self) -> &'static [Tool] {
        &[]
    }

    /// What it comes to with these arguments.
    ///
    /// # Errors
    /// A sentence that says which argument does not fit and why.
    fn operation(&self, given: &Given<'_>) -> Result<Operation, String>;
}

/// A mistake in an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgumentFlaw {
    /// The argument's name.
    pub argument: String,
    /// What is wrong.
    pub says: String,
    /// What to do instead.
    pub hint: String,
}

/// An argument that an action takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// Whether it may be left out.
    pub optional: bool,
    /// What it means.
    pub about: &'static str,
}

/// A tool that the commands of an action need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tool {
    /// Its name; where there are several, one of them is enough.
    pub any: &'static [&'static str],
    /// What would happen without it.
    pub why: &'static str,
}

const DRBDADM: &[Tool] = &[Tool {
    any: &["drbdadm"],
    why: "nothing of DRBD could be changed",
}];
const EXPORTFS: &[Tool] = &[Tool {
    any: &["exportfs"],
    why: "no export could be changed",
}];

const SETSID: Tool = Tool {
    any: &["setsid"],
    why: "what takes long would end with the console",
};

const MDADM: &[Tool] = &[
    Tool {
        any: &["mdadm"],
        why: "no array could be changed",
    },
    Tool {
        any: &["blkid"],
        why: "nobody could tell whether a disk is unused",
    },
];

const SLICE: Argument = Argument {
    name: "slice",
    optional: false,
    about: "the slice",
};
const HOST: Argument = Argument {
    name: "host",
    optional: false,
    about: "the server",
};
const HOURS: Argument = Argument {
    name: "hours",
    optional: false,
    about: "how many hours it may take before somebody has to look",
};
const ARRAY: Argument = Argument {
    name: "array",
    optional: false,
    about: "the array, as its host's kernel names it",
};
/// The arguments of what is done to a member of an md array.
const MEMBER_OF_ARRAY: &[Argument] = &[
    HOST,
    ARRAY,
    Argument {
        name: "disk",
        optional: false,
        about: "the member",
    },
];
/// The arguments of what is done on a client of a slice.
const CLIENT: &[Argument] = &[CLIENT_HOST, PLACE];
const CLIENT_HOST: Argument = Argument {
    name: "host",
    optional: false,
    about: "the client",
};
const PLACE: Argument = Argument {
    name: "place",
    optional: false,
    about: "where the slice is mounted there, or should be",
};
/// The two arguments that most actions take.
const SLICE_ON_HOST: &[Argument] = &[SLICE, HOST];

/// The action of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Action> {
    ALL.iter().copied().find(|action| action.name() == name)
}

/// What an operation is made from: the arguments, and what the plan found.
#[derive(Debug)]
pub struct Given<'a> {
    /// The inventory.
    pub fleet: &'a Fleet,
    /// Rules that a person set aside by name.
    pub glass: &'a [Glass],
    /// What the plan is about, as it was found.
    pub layouts: &'a Layouts,
    /// The call.
    pub call: &'a Call,
}

impl<'a> Given<'a> {
    /// An argument.
    ///
    /// # Errors
    /// When it was not given.
    pub fn text(&self, name: &str) -> Result<&'a str, String> {
        self.call
            .with
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| format!("{} needs the argument {name}", self.call.action))
    }

    /// The words of a command.
    ///
    /// # Errors
    /// When it was not given, or is no words.
    pub fn words(&self, name: &str) -> Result<Vec<String>, String> {
        let text = self.text(name)?;
        let words = split(text).ok_or_else(|| format!("{name}: {text:?} is no words of a command"))?;
        if words.is_empty() {
            return Err(format!("{name} is an empty command"));
        }
        Ok(words)
    }

    /// A host of the inventory.
    ///
    /// # Errors
    /// When it is not one.
    pub fn host(&self) -> Result<&'a HostName, String> {
        let name = self.text("host")?;
        self.fleet
            .host(name)
            .map(|host| &host.name)
            .ok_or_else(|| format!("{name} is no host of the inventory"))
    }

    /// The array of the plan.
    ///
    /// # Errors
    /// When it is another one.
    pub fn array(&self) -> Result<&'a ArrayLayout, String> {
        let (host, name) = (self.host()?, self.text("array")?);
        let of_plan = |layout: &&ArrayLayout| layout.array.host == *host && layout.array.name == name;
        let found = self.layouts.array.as_ref().filter(of_plan);
        found.ok_or_else(|| format!("{name} of {host} is no array of this plan"))
    }

    /// The pool of the plan.
    ///
    /// # Errors
    /// When it is another one.
    pub fn pool(&self) -> Result<&'a PoolLayout, String> {
        let (host, name) = (self.host()?, self.text("pool")?);
        let of_plan = |layout: &&PoolLayout| layout.pool.host == *host && layout.pool.name == name;
        let found = self.layouts.pool.as_ref().filter(of_plan);
        found.ok_or_else(|| format!("{name} of {host} is no pool of this plan"))
    }

    /// The slice's place on the client.
    ///
    /// # Errors
    /// When it is not known to the plan.
    pub fn client(&self) -> Result<&'a ClientLayout, String> {
        let (host, place) = (self.host()?, self.text("place")?);
        let mut clients = self.layouts.clients.iter();
        clients
            .find(|client| client.host == *host && client.at == place)
            .ok_or_else(|| format!("{place} of {host} is no place of this plan"))
    }

    /// A number of seconds.
    ///
    /// # Errors
    /// When it is none, or more than a day.
    pub fn seconds(&self, name: &str) -> Result<Duration, String> {
        let text = self.text(name)?;
        match text.parse::<u64>() {
            Ok(seconds) if seconds <= 86_400 => Ok(Duration::from_secs(seconds)),
            _ => Err(format!("{name}: {text:?} is no number of seconds up to a day")),
        }
    }

    /// The slice, its layout, and its side on the host.
    ///
    /// # Errors
    /// When one of them is not known to the plan.
    pub fn side(&self) -> Result<(SliceName, &'a SliceLayout, &'a Side), String> {
        let host = self.host()?;
        let (slice, layout) = self.slice()?;
        let side = layout
            .sides
            .iter()
            .find(|side| side.host == *host)
            .ok_or_else(|| format!("{slice} has no side on {host}"))?;
        Ok((slice, layout, side))
    }

    /// The slice, its service address, and its side on the host.
    ///
    /// # Errors
    /// When one of them is not known to the plan.
    pub fn address(&self) -> Result<(SliceName, &'a AddressLayout, &'a Side), String> {
        let (slice, layout, side) = self.side()?;
        let address = layout
            .address
            .as_ref()
            .ok_or_else(|| format!("{slice} has no service address"))?;
        Ok((slice, address, side))
    }

    /// The slice, and its side on the host that the argument names.
    ///
    /// # Errors
    /// When one of them is not known to the plan.
    pub fn side_named(&self, argument: &str) -> Result<(SliceName, &'a Side), String> {
        let host = self.text(argument)?;
        let (slice, layout) = self.slice()?;
        let side = layout.sides.iter().find(|side| side.host.as_str() == host);
        side.map(|side| (slice.clone(), side))
            .ok_or_else(|| format!("{argument}: {slice} has no side on {host}"))
    }

    /// The slice and its layout.
    ///
    /// # Errors
    /// When it is not known to the plan.
    pub fn slice(&self) -> Result<(SliceName, &'a SliceLayout), String> {
        let name = self.text("slice")?;
        self.layouts
            .slices
            .iter()
            .find(|(slice, _)| slice.as_str() == name)
            .map(|(slice, layout)| (slice.clone(), layout))
            .ok_or_else(|| format!("{name} is no slice of this plan"))
    }
}

/// The same arguments for another action, as most compensations have them.
fn same(call: &Call, action: &str) -> Call {
    Call {
        action: action.to_owned(),
        with: call.with.clone(),
    }
}

/// Words of a command.
fn argv<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    words.into_iter().map(str::to_owned).collect()
}
