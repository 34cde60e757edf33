//! What is said of those whom clients accuse, and what of it only follows from another who is accused.

use super::{
    Latency,
    beside::cause,
    picture::who,
    suspects::{Accused, Suspect},
    tell::DISK_SLOW,
};
use crate::{
    facts::UnixMs,
    fleet::HostName,
    verdict::{Code, Severity, Subject, SubjectKind, claim::Claims, failslow::State, say, sight::Sight},
};
use std::collections::BTreeMap;

impl Latency {
    /// The hosts that mount what a server serves.
    pub(super) fn clients_of(&self, server: usize) -> Vec<HostName> {
        let mut clients: Vec<HostName> = self
            .groups
            .iter()
            .filter(|peers| peers.server == Some(server))
            .flat_map(|peers| peers.members.iter().filter(|member| !member.retired))
            .filter_map(|member| Some(self.hosts.get(member.host)?.name.clone()))
            .collect();
        clients.sort();
        clients.dedup();
        clients
    }

    /// Servers that clients accuse, with what is known beside; a secondary whose disk the server waits for stands in
    /// for it.
    pub(super) fn accused_servers<'a>(
        &'a self,
        sight: &Sight<'_>,
        serving: &BTreeMap<&str, usize>,
        out: &mut Claims,
    ) -> BTreeMap<usize, (&'a Suspect, Vec<String>)> {
        let mut servers = BTreeMap::new();
        for suspect in self.suspects.iter().filter(|suspect| suspect.is_told()) {
            let Accused::Server(name) = &suspect.accused else {
                continue;
            };
            if !suspect.is_seen() {
                out.unsettled(Code::SemiFailed, Subject::host(name));
                if let Some((secondary, _)) = &suspect.behind {
                    out.unsettled(Code::SemiFailed, Subject::host(secondary));
                }
                continue;
            }
            let place = |name: &HostName| sight.fleet.host_index(name.as_str());
            if let Some((secondary, slice)) = &suspect.behind {
                if let Some(at) = place(secondary) {
                    let notes = vec![format!("{name} waits for its answers on {slice}")];
                    servers.insert(at, (suspect, notes));
                }
                continue;
            }
            if self.is_consequence(sight, serving, suspect) {
                continue;
            }
            let Some(at) = place(name) else { continue };
            let mut notes = Vec::new();
            if self
                .suspects
                .iter()
                .any(|other| other.is_told() && self.follows(sight, serving, other, at))
            {
                notes.push("what its partner writes waits for it".to_owned());
            }
            notes.push(match self.disk_state(at) {
                State::Ok => "its disks no slower than their peers".to_owned(),
                State::Watch => "a disk of it is watched".to_owned(),
                _ => DISK_SLOW.to_owned(),
            });
            notes.push(self.path_words(suspect, at));
            if let Some(cause) = cause(sight, at) {
                notes.push(format!("while {cause}"));
            }
            servers.insert(at, (suspect, notes));
        }
        servers
    }

    /// Whether what is accused is explained by another who is: a way by its end, or writes that only wait for the replica on
    /// a server that is accused itself.
    fn is_consequence(&self, sight: &Sight<'_>, serving: &BTreeMap<&str, usize>, suspect: &Suspect) -> bool {
        if let Accused::Path(client, server) = &suspect.accused {
            // A way is as slow as its end.
            let ends = [Accused::Client(client.clone()), Accused::Server(server.clone())];
            return self
                .suspects
                .iter()
                .any(|other| other.is_told() && ends.contains(&other.accused));
        }
        let others = self
            .suspects
            .iter()
            .filter(|other| other.is_told() && !std::ptr::eq(*other, suspect));
        let mut causes = others.filter_map(|other| match &other.accused {
            // Both by their writes: which of the two waits for the other is not known.
            Accused::Server(name) if other.is_slow_itself() => sight.fleet.host_index(name.as_str()),
            _ => None,
        });
        // A server whose own disk is slow keeps its partner's writes waiting, whether clients accuse it or not.
        let disks = (0..self.hosts.len()).filter(|host| self.has_slow_disk(*host));
        causes.any(|cause| self.follows(sight, serving, suspect, cause))
            || suspect.op.is_replicated()
                && disks
                    .into_iter()
                    .any(|host| self.follows(sight, serving, suspect, host))
    }

    /// Whether clients see writes slow that wait for this server's disk.
    pub(super) fn is_waited_for(&self, sight: &Sight<'_>, serving: &BTreeMap<&str, usize>, server: usize) -> bool {
        let mut told = self.suspects.iter().filter(|suspect| suspect.is_told());
        told.any(|suspect| self.follows(sight, serving, suspect, server))
    }

    /// Whether all that is accused, but for `cause` itself, serves slices whose replica is on `cause`, and only writes are
    /// slow, which wait for that.
    fn follows(&self, sight: &Sight<'_>, serving: &BTreeMap<&str, usize>, suspect: &Suspect, cause: usize) -> bool {
        let accused = match &suspect.accused {
            Accused::Server(name) => sight.fleet.host_index(name.as_str()).into_iter().collect(),
            Accused::Everything => self.seen(suspect.op).servers,
            _ => Vec::new(),
        };
        let name = &sight.fleet.hosts[cause].name;
        let waits = |server: &usize| {
            let mut served = sight
                .fleet
                .slices()
                .filter(|(_, slice)| serving.get(slice.name.as_str()) == Some(server));
            served.any(|(_, slice)| {
                slice.resource.is_some() && (slice.preferred == *name || slice.standby.as_ref() == Some(name))
            })
        };
        let others: Vec<&usize> = accused.iter().filter(|server| **server != cause).collect();
        suspect.op.is_replicated() && !suspect.is_slow_itself() && !others.is_empty() && others.into_iter().all(waits)
    }

    /// What operations sent again say of the way to a server.
    fn path_words(&self, suspect: &Suspect, server: usize) -> String {
        let of = self
            .groups
            .iter()
            .filter(|peers| peers.key.op() == suspect.op && peers.server == Some(server));
        let again = of.flat_map(|peers| {
            peers
                .members
                .iter()
                .filter(|one| one.speaks())
                .map(|one| one.tracked.again)
        });
        let most = again.fold(0.0_f32, f32::max);
        if most < 0.01 {
            "path clean".to_owned()
        } else {
            format!("up to {:.0} % sent again", most * 100.0)
        }
    }

    /// Clients, paths and links that are accused, and everything at once.
    pub(super) fn tell_suspects(&self, sight: &Sight<'_>, serving: &BTreeMap<&str, usize>, out: &mut Claims) {
        for suspect in self.suspects.iter().filter(|suspect| suspect.is_told()) {
            if self.is_consequence(sight, serving, suspect) {
                continue;
            }
            let fresh = |name: &&HostName| {
                let at = sight.fleet.host_index(name.as_str());
                at.is_some_and(|at| sight.seen(at).is_some())
            };
            let names = suspect.names();
            let seen = names.iter().all(fresh);
            let (code, about) = match &suspect.accused {
                Accused::Server(_) => continue,
                Accused::Client(client) => (Code::SemiFailed, Subject::host(client)),
                Accused::Path(client, server) => (
                    Code::PathSlow,
                    Subject::of_fleet(SubjectKind::Path, &format!("{client}→{server}")),
                ),
                Accused::Link(from, to) => (
                    Code::PathSlow,
                    Subject::of_fleet(SubjectKind::Path, &format!("{from}→{to}")),
                ),
                Accused::Everything => (
                    Code::GroupSlow,
                    Subject::of_fleet(SubjectKind::Path, "all clients and servers"),
                ),
            };
            if !seen || !suspect.is_seen() {
                out.unsettled(code, about);
                continue;
            }
            let mut notes = Vec::new();
            match &suspect.accused {
                Accused::Client(_) => {
                    notes.push(format!(
                        "slow at {} of the {} servers it sees",
                        suspect.agree, suspect.of
                    ));
                }
                Accused::Path(client, server) => {
                    notes.push(format!("{client} is not slow elsewhere, nor {server} for others"));
                }
                Accused::Link(..) | Accused::Everything => {
                    notes.push(format!("{} of {} ways slow", suspect.agree, suspect.of));
                }
                Accused::Server(_) => {}
            }
            if suspect.or.is_some() {
                // What cannot be told apart is not claimed to be clean either.
                notes.clear();
            }
            let evidence = seen_by_clients(suspect, suspect.since, &notes);
            let hosts: Vec<HostName> = names.into_iter().cloned().collect();
            out.raise(code, Severity::Warning, about, evidence)
                .with(hosts)
                .since(suspect.since);
        }
    }
}

/// One sentence about what clients have seen since then.
pub(super) fn seen_by_clients(suspect: &Suspect, since: UnixMs, notes: &[String]) -> String {
    let mut text = format!(
        "{} at {:.1}× its own past since {}",
        suspect.op,
        suspect.excess.exp(),
        say::clock(since)
    );
    for note in notes {
        text.push_str("; ");
        text.push_str(note);
    }
    text.push_str(" → ");
    text.push_str(&who(suspect));
    text
}
