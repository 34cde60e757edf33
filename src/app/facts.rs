//! What the console shows of hosts, as runbooks' conditions read it: the document of `--batch status --json`, host by host,
//! without what is unknown or stale.

use super::watch::for_one_collection;
use crate::{
    batch::{
        self,
        report::{FindingStatus, Status},
    },
    collect::{Clock, Collector, FleetView, Sources},
    conduct::Shows,
    fleet::{Fleet, HostName},
    remote::{Boxed, LocalRemote, Remote, log::LogBook},
    runbook::sight::Shown,
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::sync::watch;

/// What stays true of a host that is not reached, or whose readings are old.
const OF_ANY: [&str; 6] = ["name", "state", "reachable", "reach", "reason", "roles"];

/// The console's own view, as it is at that moment.
pub(super) struct Viewed(pub watch::Receiver<Arc<FleetView>>);

impl Shows for Viewed {
    fn facts<'a>(&'a self, hosts: &'a BTreeSet<HostName>) -> Boxed<'a, Shown> {
        Box::pin(async move { shown(&self.0.borrow().clone(), hosts) })
    }
}

/// A collection of its own, each time: where no console is open.
pub(super) struct Collected {
    pub fleet: Arc<Fleet>,
    pub ssh: Arc<dyn Remote>,
    /// How processes of this machine are reached.
    pub local: Arc<dyn Remote>,
    pub log: LogBook,
    pub clock: Clock,
    /// Longest time for it; what has not answered by then is unknown.
    pub limit: Duration,
}

impl Collected {
    /// Over hosts that are reached by SSH.
    pub fn over(fleet: &Arc<Fleet>, ssh: &Arc<dyn Remote>, log: &LogBook, clock: &Clock, limit: Duration) -> Self {
        Self {
            fleet: Arc::clone(fleet),
            ssh: Arc::clone(ssh),
            local: Arc::new(LocalRemote),
            log: log.clone(),
            clock: clock.clone(),
            limit,
        }
    }
}

impl Shows for Collected {
    fn facts<'a>(&'a self, hosts: &'a BTreeSet<HostName>) -> Boxed<'a, Shown> {
        Box::pin(async move {
            let wanted: Vec<bool> = self.fleet.hosts.iter().map(|host| hosts.contains(&host.name)).collect();
            let fleet = Arc::new(for_one_collection(&self.fleet.around(&wanted)));
            let mut collector = Collector::start(Sources {
                fleet,
                ssh: Arc::clone(&self.ssh),
                local: Arc::clone(&self.local),
                log: self.log.clone(),
                clock: self.clock.clone(),
                reload: None,
                single_look: true,
            });
            let awaited = picked(&collector.view.borrow(), hosts);
            let view = batch::collect_once(&mut collector, &awaited, self.limit).await;
            shown(&view, hosts)
        })
    }
}

fn picked(view: &FleetView, hosts: &BTreeSet<HostName>) -> Vec<bool> {
    view.hosts.iter().map(|host| hosts.contains(&host.name)).collect()
}

fn shown(view: &FleetView, hosts: &BTreeSet<HostName>) -> Shown {
    let status = Status::new(view, &picked(view, hosts));
    let of_host = |host: &batch::report::HostStatus| {
        let name = HostName::new(&host.name);
        let mut facts = json!(host);
        let seen = view
            .host(&host.name)
            .filter(|seen| !seen.is_stale(view.at) && host.reachable);
        let fields = facts.as_object_mut()?;
        if seen.is_none() {
            fields.retain(|field, _| OF_ANY.contains(&field.as_str()));
        }
        for unknown in host.unknown.keys() {
            leave_out(&mut facts, unknown);
        }
        without_nulls(&mut facts);
        // What is wrong with a host that tells nothing is not known: that nothing is would be a claim.
        if seen.is_some_and(|seen| seen.complete) {
            let about = |finding: &&FindingStatus| finding.hosts.contains(&host.name);
            let findings: Vec<&FindingStatus> = status.findings.iter().filter(about).collect();
            facts["findings"] = json!(findings);
        }
        Some((name, facts))
    };
    status.hosts.iter().filter_map(of_host).collect()
}

/// Takes what is unknown out: `raid`, `system.disks`. An empty list in its place would look like knowledge.
fn leave_out(facts: &mut Value, path: &str) {
    let mut place = facts;
    let mut way = path.split('.').peekable();
    while let Some(part) = way.next() {
        let Some(fields) = place.as_object_mut() else { return };
        if way.peek().is_none() {
            fields.remove(part);
            return;
        }
        match fields.get_mut(part) {
            Some(next) => place = next,
            None => return,
        }
    }
}

/// Takes out what is null: a word that stands for nothing is an error, whereas nothing is less than 5 and not true.
fn without_nulls(facts: &mut Value) {
    match facts {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        collect::{HostView, Observer, Trend},
        facts::{Reach, Snapshot, UnixMs},
        fleet::{Host, Poll},
        verdict::Severity,
    };

    /// One host that is well, unless it is changed.
    fn facts(change: impl FnOnce(&mut HostView)) -> Value {
        let now = UnixMs(1_700_000_000_000);
        let host = Host::new("a", "192.0.2.1");
        let mut seen = HostView {
            name: host.name.clone(),
            reach: Reach::Up { since: now },
            snapshot: Some(Arc::new(Snapshot {
                at: now,
                ..Snapshot::default()
            })),
            trend: Arc::new(Trend::default()),
            severity: Severity::Ok,
            about: "".into(),
            complete: true,
            stale_after: Duration::from_secs(6),
        };
        let name = host.name.clone();
        change(&mut seen);
        let view = FleetView {
            latency: Arc::default(),
            fleet: Arc::new(Fleet::new(
                "t".into(),
                None,
                Poll::default(),
                vec![host],
                vec![],
                vec![],
            )),
            at: now,
            hosts: vec![Arc::new(seen)],
            findings: Arc::from([]),
            observer: Observer::default(),
            reload_error: None,
            version: 1,
        };
        shown(&view, &BTreeSet::from([name.clone()]))[&name].clone()
    }

    /// A condition on findings must not hold of a host because nobody knows what is wrong with it.
    #[test]
    fn findings_of_a_host_that_tells_nothing_are_unknown_and_not_none() {
        assert_eq!(facts(|_| {})["findings"], json!([]));
        let old = UnixMs(1_699_999_000_000);
        let silent = |host: &mut HostView| {
            host.reach = Reach::Silent { since: old, missed: 3 };
        };
        assert_eq!(facts(silent).get("findings"), None, "unreachable");
        let stale = |host: &mut HostView| {
            host.snapshot = Some(Arc::new(Snapshot {
                at: old,
                ..Snapshot::default()
            }));
        };
        assert_eq!(facts(stale).get("findings"), None, "stale");
        assert_eq!(
            facts(|host| host.complete = false).get("findings"),
            None,
            "not all was asked yet"
        );
        assert_eq!(facts(|host| host.snapshot = None).get("findings"), None, "never seen");
    }

    #[test]
    fn what_is_unknown_is_not_there() {
        let mut facts = json!({
            "load": null, "raid": [], "system": {"disks": [], "cpu": {"user_percent": 3.0, "x": null}},
            "nfs_mounts": [{"rtt_ms": null, "state": "ok"}],
        });
        leave_out(&mut facts, "raid");
        leave_out(&mut facts, "system.disks");
        leave_out(&mut facts, "nothing.of.that");
        without_nulls(&mut facts);
        let left = json!({"system": {"cpu": {"user_percent": 3.0}}, "nfs_mounts": [{"state": "ok"}]});
        assert_eq!(facts, left);
    }
}
