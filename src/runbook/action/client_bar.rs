//! Keeps a client from sending NFS to the address of a slice, and lets it again. Whatever mounts, systemd, autofs, fstab or a
//! person, needs that port: one rule stops them all, whatever a client calls its units. It is refused, not dropped: what tries
//! is told so at once, and no process begins to wait for a server that may never answer. A reboot lifts it.

use super::{Action, Argument, Given, Takes, Tool, argv, same};
use crate::runbook::{
    observe::mounts,
    operation::{Claim, Nature, Operation, Place, Work},
};
use std::time::Duration;

/// `client-bar` and `client-unbar`.
#[derive(Debug)]
pub struct Bar {
    bars: bool,
}

/// On a call that takes another one back: only where nothing is mounted from there by then.
const UNMOUNTED: &str = "unmounted";
const BARS: &[Argument] = &[
    super::CLIENT_HOST,
    super::PLACE,
    Argument {
        name: UNMOUNTED,
        optional: true,
        takes: Takes::YesNo,
        about: "yes: only where nothing is mounted from there",
    },
];

/// `client-bar`.
pub const BAR: Bar = Bar { bars: true };
/// `client-unbar`.
pub const UNBAR: Bar = Bar { bars: false };

impl Action for Bar {
    fn name(&self) -> &'static str {
        if self.bars { "client-bar" } else { "client-unbar" }
    }

    fn about(&self) -> &'static str {
        if self.bars {
            "keep a client from sending NFS to a slice's address: nothing can be mounted from there any more"
        } else {
            "let a client send NFS to a slice's address again"
        }
    }

    fn arguments(&self) -> &'static [Argument] {
        if self.bars { BARS } else { super::CLIENT }
    }

    fn tools(&self) -> &'static [Tool] {
        &[Tool {
            any: &["nft", "iptables"],
            why: "nothing could keep a slice from being mounted there again",
        }]
    }

    fn operation(&self, given: &Given<'_>) -> Result<Operation, String> {
        let client = given.client()?;
        let (host, address) = (client.host.clone(), client.address);
        let (says, verb, back) = if self.bars {
            let says = format!("keep {host} from mounting {} ({address})", client.slice);
            (says, "add", UNBAR.name())
        } else {
            let says = format!("let {host} mount {} again ({address})", client.slice);
            (says, "drop", BAR.name())
        };
        let mut undo = same(given.call, back);
        undo.with.remove(UNMOUNTED);
        if !self.bars {
            undo.with.insert(UNMOUNTED.to_owned(), "yes".to_owned());
        }
        // A client that was rebooted meanwhile has mounted it again by itself: it would hang.
        let expects = if given.is_yes(UNMOUNTED)? {
            vec![mounts::expects_unused(address)]
        } else {
            Vec::new()
        };
        let claim = Claim::Bar {
            host: host.clone(),
            address,
        };
        Ok(Operation {
            says,
            needs: Vec::new(),
            expects,
            work: Work::Commands(vec![argv(["nfs_bar", verb, &address.to_string()])]),
            proof: vec![mounts::is_barred(&host, address, self.bars)],
            place: Place::Host(host),
            deadline: Duration::from_secs(20),
            settles_within: Duration::from_secs(5),
            nature: Nature::Idempotent,
            retry: None,
            undo: Some(undo),
            claims: if self.bars { vec![claim] } else { Vec::new() },
        })
    }
}
