//! Galera clusters: what their recovery is made of, one file an action.

mod bootstrap;
mod join;
mod position;
mod whole;

pub use bootstrap::GaleraBootstrap;
pub use join::GaleraJoin;
pub use position::GaleraPosition;
pub use whole::GaleraWhole;

use super::{Argument, Given, Takes, Tool, argv};
use crate::runbook::{observe::galera::Member, plan::GaleraLayout};

/// The client that asks, and what reads its answer.
const TOOLS: &[Tool] = &[
    Tool {
        any: &["mariadb", "mysql"],
        why: "its server could not be asked",
    },
    Tool {
        any: &["awk"],
        why: "its server could not be checked in the same call as a command",
    },
    Tool {
        any: &["my_print_defaults"],
        why: "its data directory could not be found",
    },
];

const HOST: Argument = Argument {
    name: "host",
    optional: false,
    takes: Takes::Known,
    about: "the host of the member",
};

const SECONDS: Argument = Argument {
    name: "seconds",
    optional: false,
    takes: Takes::Seconds,
    about: "how long it may take",
};

/// The cluster of the plan.
fn cluster<'a>(given: &Given<'a>) -> Result<&'a GaleraLayout, String> {
    let cluster = given.layouts.galera.as_ref();
    cluster.ok_or_else(|| format!("{}: this plan is about no Galera cluster", given.call.action))
}

/// The member that an argument names.
fn member<'a>(given: &Given<'a>, argument: &str) -> Result<&'a Member, String> {
    let (cluster, name) = (cluster(given)?, given.text(argument)?);
    let mut members = cluster.members.iter();
    members
        .find(|member| member.host.as_str() == name)
        .ok_or_else(|| format!("{argument}: {name} is no member of {}", cluster.name))
}

/// A command of the inventory, or the usual one.
fn command<'a>(own: Option<&Vec<String>>, usual: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    own.cloned().unwrap_or_else(|| argv(usual))
}
