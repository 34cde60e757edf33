//! Databases: what a switchover and a failover are made of, one file an action.

mod address;
mod close;
mod drain;
mod follow;
mod freeze;
mod lead;
mod level;
mod open;
mod semi_sync;
mod unfollow;
mod warm;

pub use address::{ADDRESS_ADD, ADDRESS_DROP};
pub use close::MysqlClose;
pub use drain::MysqlDrain;
pub use follow::MysqlFollow;
pub use freeze::MysqlFreeze;
pub use lead::MysqlLead;
pub use level::MysqlLevel;
pub use open::MysqlOpen;
pub use semi_sync::{MysqlAcknowledged, SEMI_SYNC, SEMI_SYNC_OFF};
pub use unfollow::MysqlUnfollow;
pub use warm::MysqlWarm;

use super::{Argument, Given, Takes, Tool};
use crate::runbook::observe::mysql::{Member, words};

/// The client that asks, and what reads its answer.
const CLIENT: &[Tool] = &[
    Tool {
        any: &["mariadb", "mysql"],
        why: "its server could not be asked",
    },
    Tool {
        any: &["awk"],
        why: "its server could not be checked in the same call as a command",
    },
];

const HOST: Argument = Argument {
    name: "host",
    optional: false,
    takes: Takes::Known,
    about: "the host of the server",
};

/// The member that an argument names.
fn member<'a>(given: &Given<'a>, argument: &str) -> Result<&'a Member, String> {
    let name = given.text(argument)?;
    let members = given.layouts.database.iter().flat_map(|database| &database.members);
    members
        .into_iter()
        .find(|member| member.host.as_str() == name)
        .ok_or_else(|| format!("{argument}: {name} is no server of the database of this plan"))
}

/// The words of a function that is called for a server.
fn call(function: &str, member: &Member, rest: impl IntoIterator<Item = String>) -> Vec<String> {
    let [socket, defaults] = words(&member.access);
    [function.to_owned(), socket, defaults]
        .into_iter()
        .chain(rest)
        .collect()
}
