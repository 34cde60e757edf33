//! The pace of a demo that a person watches: its simulated hosts answer at once, and steps that flash by can neither be
//! followed nor paused. What is done and proven is the same.

use crate::{
    conduct::{SshTargets, Targets},
    fleet::HostName,
    remote::{Boxed, Wire},
    runbook::{
        engine::{Answer, Record},
        sight::{Glimpse, Look, Printed},
        target::Request,
    },
};
use std::time::Duration;

/// What a step takes on a real host before its own commands: the way there, the identity check, the receipts.
const CALL: Duration = Duration::from_millis(300);

/// Targets whose commands take about as long as on real hosts.
pub(super) struct Paced(pub SshTargets);

/// How long a real host would be at it.
fn takes(request: &Request) -> Duration {
    let Request::Act { commands, .. } = request else {
        return Duration::ZERO;
    };
    let of = |command: &Vec<String>| {
        Duration::from_millis(match command.first().map(String::as_str) {
            // Everything that is still in memory is written first.
            Some("umount" | "sync") => 600,
            Some("mount" | "systemctl") => 500,
            Some("drbdadm") => 350,
            Some("exportfs" | "unexport") => 200,
            _ => 100,
        })
    };
    CALL + commands.iter().map(of).sum::<Duration>()
}

impl Targets for Paced {
    fn look(&self, looks: Vec<Look>) -> Boxed<'_, Vec<(Look, Glimpse)>> {
        self.0.look(looks)
    }

    fn call<'a>(&'a self, host: &'a HostName, request: Request, deadline: Duration) -> Boxed<'a, Answer> {
        Box::pin(async move {
            tokio::time::sleep(takes(&request)).await;
            self.0.call(host, request, deadline).await
        })
    }

    fn local<'a>(&'a self, argv: &'a [String], deadline: Duration) -> Boxed<'a, Result<Printed, String>> {
        self.0.local(argv, deadline)
    }

    fn watch<'a>(&'a self, host: &'a HostName, script: &'a str) -> Boxed<'a, Result<Box<dyn Wire>, String>> {
        self.0.watch(host, script)
    }

    fn wrote(&self, record: &Record) {
        self.0.wrote(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::target::{Holder, Identity};

    #[test]
    fn only_what_changes_a_host_takes_its_time() {
        let act = |command: &[&str]| Request::Act {
            identity: Identity {
                machine_id: "m".into(),
                boot_id: None,
            },
            objects: Vec::new(),
            holder: Holder {
                run: "r".into(),
                token: 1,
                owner: "o".into(),
            },
            key: "k".into(),
            expects: Vec::new(),
            commands: vec![command.iter().map(|word| (*word).to_owned()).collect()],
            looks: Vec::new(),
        };
        assert_eq!(takes(&act(&["umount", "/srv/a"])), Duration::from_millis(900));
        assert!(takes(&act(&["port_block", "add", "10.0.0.1"])) < Duration::from_secs(1));
        assert_eq!(takes(&Request::Look(Vec::new())), Duration::ZERO);
    }
}
