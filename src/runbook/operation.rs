//! An operation: one change of one host, with everything that makes it safe to try and possible to prove.

use super::{
    condition::Condition,
    definition::Call,
    observe::{md::ArrayOn, pool::PoolOn, watch::Watch},
    secret,
};
use crate::{
    fleet::{HostName, SliceName},
    remote::quote::join,
};
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

/// One change of one host (or one question to a person), made from a [`Call`] by its action.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Where it happens.
    pub place: Place,
    /// What it does, in words: `make web1 primary on stor2`.
    pub says: String,
    /// What must hold just before, by fresh looks.
    pub needs: Vec<Condition>,
    /// What the target checks again itself, in the same remote call as the commands.
    pub expects: Vec<Expect>,
    /// What is done.
    pub work: Work,
    /// What shows that it worked, by fresh looks. Also tells whether a step with an unknown outcome was done.
    pub proof: Vec<Condition>,
    /// How long the commands may take.
    pub deadline: Duration,
    /// How long the proof may take to come true afterwards.
    pub settles_within: Duration,
    /// What may be done when its outcome is not known.
    pub nature: Nature,
    /// A failure that is worth another try, and for how long.
    pub retry: Option<Retry>,
    /// What takes it back.
    pub undo: Option<Call>,
    /// What it does that interlocks watch.
    pub claims: Vec<Claim>,
}

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Commands on the host, in order; the first that fails ends it. None at all: its proof is waited for.
    Commands(Vec<Vec<String>>),
    /// A command of the console itself, such as a call of a management controller; none at all: the proof alone.
    Local(Vec<String>),
    /// A command on several hosts at once, of a kind that does no harm wherever it runs, however often and however late:
    /// it needs no claim and no receipt. What comes of it is noted; a run never fails by it.
    Nudge {
        /// The hosts.
        hosts: Vec<HostName>,
        /// Program and arguments.
        argv: Vec<String>,
    },
    /// Nothing, for so long.
    Hold(Duration),
    /// What goes on by itself until its proof comes true: an array that rebuilds or is checked, a pool that resilvers or is
    /// scrubbed, a slice that is copied.
    /// How fast it may go follows its clients: what is sent, and when, is decided on the way; each is a command of its own,
    /// by the same claims.
    Watch(Watch),
    /// A question to a person.
    Ask(Question),
}

/// A question to a person, who answers by typing a word in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What is asked.
    pub text: String,
    /// The word that means yes; anything else is a no.
    pub word: String,
}

/// Where an operation happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On a host.
    Host(HostName),
    /// In the console: waiting, asking a person, looking from several hosts.
    Console,
}

/// What may be done when the outcome of an operation is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Running it twice is running it once.
    Idempotent,
    /// Its proof tells whether it was done.
    Probeable,
    /// It cannot be taken back: fresh consent is needed each time, also when a run is resumed.
    Irreversible,
}

/// A check that the target makes in the same call as the command: the first line that `argv` prints must
/// match `pattern` (a shell pattern of letters, digits and `*?[]/._:-`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expect {
    /// Program and arguments; reads only.
    pub argv: Vec<String>,
    /// What the first line of its output must look like.
    pub pattern: String,
}

/// A failure that passes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Text in the command's output that tells it.
    pub on: &'static str,
    /// From the first try on.
    pub within: Duration,
}

/// What an operation does, in the words of the safety invariants. Interlocks are chosen by these, whatever
/// runbook the operation comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// Makes a host primary of a DRBD resource.
    Promote {
        /// The host.
        host: HostName,
        /// The slice on it.
        slice: SliceName,
        /// Whether DRBD's own refusals are overridden.
        force: bool,
    },
    /// Makes a host secondary.
    Demote {
        /// The host.
        host: HostName,
        /// The slice.
        slice: SliceName,
    },
    /// Makes the slice's filesystem writable on a host.
    Mount {
        /// The host.
        host: HostName,
        /// The slice.
        slice: SliceName,
    },
    /// Lets clients in: adds the service address or takes a port block away.
    OpenEntry {
        /// The host.
        host: HostName,
        /// The slice.
        slice: SliceName,
        /// Its service address.
        address: IpAddr,
    },
    /// Takes a port block away, from a host that may or may not serve the slice.
    Unblock {
        /// The host.
        host: HostName,
        /// The slice.
        slice: SliceName,
        /// Its service address.
        address: IpAddr,
    },
    /// Keeps clients out.
    CloseEntry {
        /// The host.
        host: HostName,
        /// The slice.
        slice: SliceName,
    },
    /// Connects a resource to its peer: data may flow in either direction.
    Connect {
        /// The host.
        host: HostName,
        /// The slice.
        slice: SliceName,
    },
    /// Lets data flow from a side to its peer, for as long as it takes: the other way would destroy what the slice has.
    Flow {
        /// The slice.
        slice: SliceName,
        /// The host whose data is the good one.
        source: HostName,
    },
    /// Throws one side's data away.
    Discard {
        /// The host whose data is lost.
        host: HostName,
        /// The slice.
        slice: SliceName,
    },
    /// Takes a host's power or network away.
    Fence {
        /// The host.
        host: HostName,
    },
    /// Takes a member out of an array: fails or removes it.
    TakeOut {
        /// The array.
        array: ArrayOn,
        /// The member.
        device: String,
    },
    /// Puts a disk into an array: what was on it is gone.
    PutIn {
        /// The array.
        array: ArrayOn,
        /// The disk.
        device: String,
    },
    /// Puts a disk into the place of a device of a pool: what was on it is gone.
    PoolIn {
        /// The pool.
        pool: PoolOn,
        /// The device, as the pool names it.
        old: String,
        /// The disk.
        device: String,
    },
    /// Takes a device out of a pool.
    PoolOut {
        /// The pool.
        pool: PoolOn,
        /// The device.
        device: String,
    },
    /// Runs a command of a runbook's own.
    Command {
        /// The host.
        host: HostName,
    },
    /// Stops or starts a service of a host.
    Service {
        /// The host.
        host: HostName,
        /// The unit.
        unit: String,
        /// Whether it is stopped (at least for a moment).
        stops: bool,
    },
    /// Takes a host away for a while, with everything that it serves.
    Leave {
        /// The host.
        host: HostName,
        /// How it comes back.
        departure: Departure,
    },
    /// Lets a database server take writes.
    OpenDatabase {
        /// The host.
        host: HostName,
    },
    /// Takes writes away from a database server.
    CloseDatabase {
        /// The host.
        host: HostName,
    },
    /// Gives a database server the address by which clients find the one that takes writes.
    EnterDatabase {
        /// The host.
        host: HostName,
        /// The address.
        address: IpAddr,
    },
    /// Takes that address away.
    LeaveDatabase {
        /// The host.
        host: HostName,
    },
    /// Leads clients to a database server by a command of the site's own.
    LeadDatabase {
        /// The host of the server.
        host: HostName,
    },
    /// Lets a replica receive nothing more.
    Freeze {
        /// The host.
        host: HostName,
    },
    /// Switches a side of semi-synchronous replication of a database server on or off.
    SemiSync {
        /// The host.
        host: HostName,
    },
    /// Makes a replica follow nobody.
    Unfollow {
        /// The host.
        host: HostName,
    },
    /// Makes a database server a replica of another.
    Follow {
        /// The host.
        host: HostName,
        /// The server that it follows.
        source: HostName,
    },
    /// Makes a member of a Galera cluster, and whoever it sees, the primary component.
    Bootstrap {
        /// The host.
        host: HostName,
    },
    /// Lets a member of a Galera cluster join the primary component: what it has beyond that is thrown away.
    Join {
        /// The host.
        host: HostName,
    },
    /// Recovers the data of a stopped member of a Galera cluster, to know how far it is.
    Recover {
        /// The host.
        host: HostName,
    },
    /// Ends the processes that hold a mount on a client.
    EndHolders {
        /// The client.
        host: HostName,
        /// Where it is mounted.
        at: String,
    },
    /// Takes a mount away from a client: what its server has not confirmed is lost.
    Detach {
        /// The client.
        host: HostName,
        /// Where it is mounted.
        at: String,
    },
    /// Mounts a slice on a client.
    Attach {
        /// The client.
        host: HostName,
        /// Where.
        at: String,
    },
    /// Keeps a client from sending NFS to an address.
    Bar {
        /// The client.
        host: HostName,
        /// The address.
        address: Ipv4Addr,
    },
    /// Writes a copy of a slice, and deletes what is not in that.
    Overwrite {
        /// The host.
        host: HostName,
        /// The slice that is overwritten.
        slice: SliceName,
    },
    /// Receives snapshots over a copy.
    Receive {
        /// The host.
        host: HostName,
        /// The slice that is overwritten.
        slice: SliceName,
    },
    /// Lets a copy be written that was received.
    Unlock {
        /// The host.
        host: HostName,
        /// The slice.
        slice: SliceName,
    },
    /// Lets a slice be written again that was closed to be copied.
    Thaw {
        /// The host.
        host: HostName,
        /// The slice.
        slice: SliceName,
    },
    /// Writes to a scratch directory, or removes it with all that is in it.
    Scratch {
        /// The host.
        host: HostName,
        /// The directory.
        place: String,
    },
    /// Throws the old side of a slice away that has moved.
    Wipe {
        /// The host.
        host: HostName,
        /// The slice.
        slice: SliceName,
    },
}

/// How a host comes back that goes away for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// As it is: its boot goes on, though its services may stop and start.
    Stays,
    /// With another boot.
    Boots,
    /// As another machine: nothing of what was on it is left, and nothing is sent to it by this run.
    Anew,
}

impl Operation {
    /// The commands as they are shown and journaled: one line each, without passwords.
    #[must_use]
    pub fn shown(&self) -> Vec<String> {
        match &self.work {
            Work::Commands(commands) => commands.iter().map(|argv| join(argv).unwrap_or_default()).collect(),
            Work::Nudge { argv, .. } => vec![join(argv).unwrap_or_default()],
            Work::Local(argv) if argv.is_empty() => Vec::new(),
            Work::Local(argv) => vec![join(&secret::shown(argv)).unwrap_or_default()],
            Work::Watch(watch) => {
                let commands = watch.commands();
                commands.iter().map(|argv| join(argv).unwrap_or_default()).collect()
            }
            Work::Hold(_) | Work::Ask(_) => Vec::new(),
        }
    }

    /// Whether it runs anything, and does not only wait for its proof.
    #[must_use]
    pub fn runs(&self) -> bool {
        match &self.work {
            Work::Commands(commands) => !commands.is_empty(),
            Work::Local(argv) => !argv.is_empty(),
            Work::Watch(_) | Work::Nudge { .. } | Work::Hold(_) | Work::Ask(_) => true,
        }
    }

    /// Where its commands run, in words.
    #[must_use]
    pub fn runs_on(&self) -> String {
        match (&self.place, &self.work) {
            (_, Work::Nudge { hosts, .. }) => match hosts.as_slice() {
                [first, _, _, _, ..] => format!("{first} and {} others", hosts.len() - 1),
                few => few.iter().map(HostName::as_str).collect::<Vec<_>>().join(","),
            },
            (Place::Host(host), _) => host.to_string(),
            (Place::Console, _) => "console".to_owned(),
        }
    }

    /// What it makes primary, and where.
    pub fn promotes(&self) -> impl Iterator<Item = (SliceName, HostName)> + '_ {
        self.claims.iter().filter_map(|claim| match claim {
            Claim::Promote { host, slice, .. } => Some((slice.clone(), host.clone())),
            _ => None,
        })
    }

    /// Hosts that are known to be off once this is proven.
    pub fn fences(&self) -> impl Iterator<Item = HostName> + '_ {
        self.claims.iter().filter_map(|claim| match claim {
            Claim::Fence { host } => Some(host.clone()),
            _ => None,
        })
    }
}
