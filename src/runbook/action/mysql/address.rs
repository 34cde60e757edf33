//! The address by which clients find the source of a database: taken from the old one before that is closed, given to the new
//! one when that takes writes. Each of the two takes the other back.

use super::{
    super::{Action, Argument, Given, Tool, address, same},
    HOST, member,
};
use crate::runbook::{
    definition::Kind,
    observe::network,
    operation::{Claim, Nature, Operation, Place, Work},
    plan::Entrance,
};
use std::time::Duration;

/// `mysql-address-add` and `mysql-address-drop`.
#[derive(Debug)]
pub struct MysqlAddress {
    add: bool,
}

/// `mysql-address-add`.
pub const ADDRESS_ADD: MysqlAddress = MysqlAddress { add: true };
/// `mysql-address-drop`.
pub const ADDRESS_DROP: MysqlAddress = MysqlAddress { add: false };

impl Action for MysqlAddress {
    fn name(&self) -> &'static str {
        if self.add {
            "mysql-address-add"
        } else {
            "mysql-address-drop"
        }
    }

    fn about(&self) -> &'static str {
        if self.add {
            "give the server that takes a database's writes the address by which clients find it, and announce it"
        } else {
            "take the address by which clients find a database from a server"
        }
    }

    fn arguments(&self) -> &'static [Argument] {
        &[HOST]
    }

    fn tools(&self) -> &'static [Tool] {
        if self.add {
            &[address::IP, address::ANNOUNCES]
        } else {
            &[address::IP]
        }
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let host = member(given, "host")?.host.clone();
        let database = given.layouts.database.as_ref();
        let entrance = database.and_then(|database| database.entrance.as_ref());
        let Some(Entrance::Address(layout)) = entrance else {
            return Err("the database has no `service_address` in the inventory".to_owned());
        };
        let ip = layout.ip;
        let commands = address::commands(layout, &host, self.add)?;
        let emergency = database.is_some_and(|database| database.kind == Kind::Emergency);
        let (says, back, nature, claim) = if self.add {
            (
                format!("give {host} the address {ip}"),
                &ADDRESS_DROP,
                // `replace` of what is there changes nothing; and that it was announced cannot be seen afterwards.
                Nature::Idempotent,
                Claim::EnterDatabase {
                    host: host.clone(),
                    address: ip,
                },
            )
        } else {
            (
                format!("take the address {ip} from {host}"),
                &ADDRESS_ADD,
                Nature::Probeable,
                Claim::LeaveDatabase { host: host.clone() },
            )
        };
        Ok(Operation {
            place: Place::Host(host.clone()),
            says,
            needs: Vec::new(),
            expects: Vec::new(),
            work: Work::Commands(commands),
            proof: vec![network::carries(&host, ip, self.add)],
            deadline: Duration::from_secs(20),
            settles_within: Duration::from_secs(5),
            nature,
            retry: None,
            // In an emergency clients that were let in are not turned away again.
            undo: (!emergency).then(|| same(given.call, back.name())),
            claims: vec![claim],
        })
    }
}
