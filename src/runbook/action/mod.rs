//! Typed operations: one file an action, and its line in [`ALL`].
//!
//! An action turns its arguments into an [`Operation`]: what must hold, what is run, what proves it, and what takes
//! it back. It knows nothing of runbooks, and interlocks know nothing of it but its claims.

mod address;
mod argument;
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

pub use argument::{Argument, Takes, Wrong};

use super::{
    definition::{Call, Kind},
    observe::drbd::Side,
    operation::Operation,
    plan::{AddressLayout, ArrayLayout, ClientLayout, Glass, Layouts, PoolLayout, SliceLayout},
};
use crate::fleet::{Fleet, HostName, SliceName};
use std::time::Duration;

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
    takes: Takes::Known,
    about: "the slice",
};
const HOST: Argument = Argument {
    name: "host",
    optional: false,
    takes: Takes::Known,
    about: "the server",
};
const HOURS: Argument = Argument {
    name: "hours",
    optional: false,
    takes: Takes::Hours,
    about: "how many hours it may take before somebody has to look",
};
/// What a service, a check or a scrub can be made.
const STATES: &[&str] = &["started", "stopped"];
const STATE: Argument = Argument {
    name: "state",
    optional: false,
    takes: Takes::OneOf(STATES),
    about: "started or stopped",
};
const ARRAY: Argument = Argument {
    name: "array",
    optional: false,
    takes: Takes::Name,
    about: "the array, as its host's kernel names it",
};
/// The arguments of what is done to a member of an md array.
const MEMBER_OF_ARRAY: &[Argument] = &[
    HOST,
    ARRAY,
    Argument {
        name: "disk",
        optional: false,
        takes: Takes::Name,
        about: "the member",
    },
];
/// The arguments of what is done on a client of a slice.
const CLIENT: &[Argument] = &[CLIENT_HOST, PLACE];
const CLIENT_HOST: Argument = Argument {
    name: "host",
    optional: false,
    takes: Takes::Known,
    about: "the client",
};
const PLACE: Argument = Argument {
    name: "place",
    optional: false,
    takes: Takes::Path,
    about: "where the slice is mounted there, or should be",
};
/// The two arguments that most actions take.
const SLICE_ON_HOST: &[Argument] = &[SLICE, HOST];

/// The action of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Action> {
    ALL.iter().copied().find(|action| action.name() == name)
}

/// What a call comes to.
///
/// # Errors
/// A sentence that says which argument is not what the action takes, or does not fit, and why.
pub fn operation(action: &dyn Action, given: &Given<'_>) -> Result<Operation, String> {
    for argument in action.arguments() {
        let written = given.call.with.get(argument.name);
        let left_out = |text: &&String| argument.optional && text.is_empty();
        if let Some(text) = written.filter(|text| !left_out(text)) {
            argument
                .takes
                .read(text)
                .map_err(|wrong| argument_is(argument.name, &wrong))?;
        }
    }
    action.operation(given)
}

/// What is wrong with an argument, in words.
fn argument_is(name: &str, wrong: &Wrong) -> String {
    format!("{name}: {}; {}", wrong.says, wrong.hint)
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

    /// An argument that may be left out; what is empty is left out as well.
    #[must_use]
    pub fn maybe(&self, name: &str) -> Option<&'a str> {
        let text = self.call.with.get(name).map(String::as_str);
        text.filter(|text| !text.is_empty())
    }

    fn read<T>(&self, name: &str, read: impl FnOnce(&'a str) -> Result<T, Wrong>) -> Result<T, String> {
        read(self.text(name)?).map_err(|wrong| argument_is(name, &wrong))
    }

    /// The words of a command, which changes something or only reads.
    ///
    /// # Errors
    /// When it was not given, or may not be run.
    pub fn words(&self, name: &str, changes: bool) -> Result<Vec<String>, String> {
        self.read(name, |text| argument::command(text, changes))
    }

    /// A service of systemd.
    ///
    /// # Errors
    /// When it was not given, or is none.
    pub fn unit(&self, name: &str) -> Result<&'a str, String> {
        self.read(name, argument::unit)
    }

    /// One of these words.
    ///
    /// # Errors
    /// When it is another one.
    pub fn word(&self, name: &str, words: &[&'static str]) -> Result<&'static str, String> {
        self.read(name, |text| argument::one_of(text, words))
    }

    /// Whether something is to be started, not stopped.
    ///
    /// # Errors
    /// When it is neither.
    pub fn starts(&self) -> Result<bool, String> {
        Ok(self.word(STATE.name, STATES)? == "started")
    }

    /// Whether a switch is on; off where it is left out.
    ///
    /// # Errors
    /// When it is neither yes nor no.
    pub fn is_yes(&self, name: &str) -> Result<bool, String> {
        match self.maybe(name) {
            None => Ok(false),
            Some(_) => self.read(name, argument::yes),
        }
    }

    /// A whole number.
    ///
    /// # Errors
    /// When it is none.
    pub fn number(&self, name: &str) -> Result<u64, String> {
        self.read(name, argument::number)
    }

    /// A whole number, or the usual one where it is left out.
    ///
    /// # Errors
    /// When it is none.
    pub fn number_or(&self, name: &str, usual: u64) -> Result<u64, String> {
        self.maybe(name).map_or(Ok(usual), |_| self.number(name))
    }

    /// How many hours something may take before somebody has to look.
    ///
    /// # Errors
    /// When it is no number, or more than ten years.
    pub fn hours(&self) -> Result<Duration, String> {
        self.read(HOURS.name, argument::hours)
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
        self.read(name, argument::seconds)
    }

    /// A number of seconds, or the usual one where it is left out.
    ///
    /// # Errors
    /// When it is none, or more than a day.
    pub fn seconds_or(&self, name: &str, usual: u64) -> Result<Duration, String> {
        self.maybe(name)
            .map_or(Ok(Duration::from_secs(usual)), |_| self.seconds(name))
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
