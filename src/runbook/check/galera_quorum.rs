//! A Galera cluster that has lost its primary component: every member tells how it stands, or is made sure to be off; none is
//! in a primary component; and one of them is as far as all the others.

use super::{Check, Report};
use crate::{
    fleet::Host,
    runbook::{
        observe::galera::{Found, Member, Position, Seen},
        plan::{GaleraLayout, Rule},
        planner::Scope,
        sight::{Look, Sight},
    },
};

/// `galera-quorum`.
#[derive(Debug)]
pub struct GaleraQuorum;

impl Check for GaleraQuorum {
    fn name(&self) -> &'static str {
        "galera-quorum"
    }

    fn about(&self) -> &'static str {
        "no member of the Galera cluster is in a primary component, and one is as far as every other; says what can be lost"
    }

    fn looks(&self, scope: &Scope<'_>) -> Vec<Look> {
        let Some(cluster) = scope.subject.layouts().galera else {
            return Vec::new();
        };
        let hosts: Vec<&Host> = cluster
            .members
            .iter()
            .filter_map(|member| scope.fleet.host(member.host.as_str()))
            .collect();
        let pairs = hosts.iter().flat_map(|one| hosts.iter().map(move |two| (one, two)));
        let apart = pairs.filter(|(one, two)| one.name != two.name);
        apart.map(|(one, two)| ping(one, two)).collect()
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        let Some(cluster) = scope.subject.layouts().galera else {
            return;
        };
        let mut seen: Vec<(&Member, Seen)> = Vec::new();
        for member in &cluster.members {
            match sight.text(&member.look()).and_then(|text| member.read(text)) {
                Ok(own) => seen.push((member, own)),
                Err(why) => absent(scope, &cluster, member, &why, sight, report),
            }
        }
        for glass in scope.glass.iter().filter(|glass| glass.rule == Rule::AssertOff) {
            if seen.iter().any(|(member, _)| member.host.as_str() == glass.resource) {
                report.refuse(
                    format!("{0} answers: it is not off, whatever was said", glass.resource),
                    format!("leave --assert-off={} out", glass.resource),
                );
            }
        }
        lives(&cluster, &seen, report);
        named(&cluster, &seen, report);
        furthest(&cluster, &seen, report);
    }
}

fn ping(from: &Host, to: &Host) -> Look {
    Look::new(&from.name, ["ping", "-n", "-c", "1", "-W", "1", &to.address])
}

/// A member that is not known to be stopped may be in a primary component of its own, or have what no other has.
fn absent(scope: &Scope<'_>, cluster: &GaleraLayout, member: &Member, why: &str, sight: &Sight, report: &mut Report) {
    let name = &member.host;
    let host = scope.fleet.host(name.as_str());
    let fencing = host.is_some_and(|host| host.fencing.is_some());
    if member.found != Found::Off {
        let lift = if fencing {
            format!(
                "bring it back; or have it switched off first, if what it alone has may be lost: --assert-off={name}"
            )
        } else {
            format!(
                "bring it back; or, if what it alone has may be lost, switch it off by hand, look that it is off, and say so: \
                 --assert-off={name}"
            )
        };
        report.refuse(
            format!("how {name} stands is not known ({why}): it may be in a primary component, or have what no other member has"),
            lift,
        );
        return;
    }
    let others = cluster.members.iter().filter(|other| other.host != *name);
    let sees = |other: &&Member| {
        let pair = scope.fleet.host(other.host.as_str()).zip(host);
        pair.is_some_and(|(from, to)| sight.printed(&ping(from, to)).is_ok_and(|printed| printed.exit == 0))
    };
    let reached: Vec<&str> = others.filter(sees).map(|other| other.host.as_str()).collect();
    if !reached.is_empty() && fencing {
        report.warn(format!(
            "{} reaches {name}; it is switched off first",
            reached.join(", ")
        ));
    } else if !reached.is_empty() {
        report.refuse(
            format!(
                "{} reaches {name}: it is not off, whatever was said",
                reached.join(", ")
            ),
            "a person's word is not enough then: give it `fencing` in the inventory, or cut its power and network",
        );
    }
    report.losses.push(format!(
        "{}: what {name} alone has: it is off, and nobody could ask how far it is; before its server starts again, look by \
         galera-position and galera-join whether it is further than the bootstrap: Galera itself compares numbers alone, and would \
         let it keep what it alone has beside what the others wrote",
        cluster.name
    ));
}

fn lives(cluster: &GaleraLayout, seen: &[(&Member, Seen)], report: &mut Report) {
    let primary = seen.iter().filter(|(_, own)| own.is_primary());
    let names: Vec<&str> = primary.map(|(member, _)| member.host.as_str()).collect();
    if !names.is_empty() {
        report.refuse(
            format!(
                "a primary component lives on {}: a second one would be a split brain",
                names.join(", ")
            ),
            format!("let the others join it: galera-join database={}", cluster.name),
        );
    }
}

/// A node that the members know of and the inventory does not is one that nobody has asked.
fn named(cluster: &GaleraLayout, seen: &[(&Member, Seen)], report: &mut Report) {
    for (member, own) in seen {
        let Seen::Running(own) = own else { continue };
        if own.named > cluster.members.len() {
            report.refuse(
                format!(
                    "the configuration of {} names {} nodes, and {} has {} members: one that is not in the inventory may be in a \
                     primary component",
                    member.host,
                    own.named,
                    cluster.name,
                    cluster.members.len()
                ),
                "add it to the `members:` of the topology, or take it out of wsrep_cluster_address",
            );
        }
    }
}

fn furthest(cluster: &GaleraLayout, seen: &[(&Member, Seen)], report: &mut Report) {
    let mut known: Vec<(&Member, Position)> = Vec::new();
    for (member, own) in seen {
        let host = &member.host;
        match own.position() {
            Ok(position) => known.push((member, position)),
            Err(why) if own.is_void() => {
                report.warn(format!(
                    "{host}: {why}; it gets its data from another member when it joins, and what its data directory holds is \
                     thrown away"
                ));
            }
            Err(why) => {
                let unsaved = matches!(own, Seen::Stopped(own) if own.is_unsaved());
                let lift = if unsaved {
                    format!("recover it first: galera-position server={host}")
                } else {
                    "it has to be known how far it is; wait, or mend it by hand".to_owned()
                };
                report.refuse(format!("{host}: {why}"), lift);
            }
        }
    }
    let Some((node, position)) = known.iter().find(|(member, _)| member.host == cluster.node) else {
        report.refuse(
            format!("how far {} is, is not known: it cannot be the first", cluster.node),
            "name a member that has a position: to=HOST",
        );
        return;
    };
    for (member, other) in known.iter().filter(|(member, _)| member.host != node.host) {
        if other.uuid != position.uuid {
            report.refuse(
                format!(
                    "{} has the state of the cluster {}, {} that of {}: they were never, or are no more, one cluster",
                    node.host, position.uuid, member.host, other.uuid
                ),
                "a person has to decide whose data counts, and to set the other one's aside by hand",
            );
        } else if other.seqno > position.seqno {
            report.refuse(
                format!(
                    "{} is at {}, {} is further, at {}",
                    node.host, position.seqno, member.host, other.seqno
                ),
                format!("bootstrap that one: to={}", member.host),
            );
        } else if other.seqno < position.seqno {
            report.note(format!(
                "{} is {} write sets behind {}: it gets them when it joins",
                member.host,
                position.seqno - other.seqno,
                node.host
            ));
        }
    }
    let evidence: Vec<String> = seen
        .iter()
        .map(|(member, own)| {
            let at = own
                .position()
                .map_or_else(|why| why, |position| format!("at {}", position.seqno));
            format!("{} is {}, {at}", member.host, own.stands())
        })
        .collect();
    report.note(format!(
        "evidence: {}; the cluster is {}",
        evidence.join("; "),
        position.uuid
    ));
    report.warn("a bootstrap is not taken back: from then on the member takes writes");
    report.losses.push(format!(
        "{}: what a member acknowledged alone and had not on its disk when it died (innodb_flush_log_at_trx_commit other than 1): \
         that all of them were Synced does not exclude it",
        cluster.name
    ));
}
