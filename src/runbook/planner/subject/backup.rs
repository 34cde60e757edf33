//! A backup of a slice or of a database, on the host where the inventory says that it can be read.

use super::{Asked, Subject, array, migration::await_limit};
use crate::{
    fleet::{BackupHooks, BackupSubject, Fleet, HostName, Slice, Topology},
    runbook::{
        check::{Refusal, Report},
        definition::ValueKind,
        observe::{
            backup::{self, Listed},
            client,
            copy::{self, Room},
            filesystem, mounts,
            pace::Client,
        },
        plan::{BackupLayout, BackupOf, Layouts},
        planner::identity,
        sight::{Look, Sight},
    },
};
use std::collections::BTreeMap;

/// The word for the newest backup.
const NEWEST: &str = "newest";

/// The backup of a plan.
#[derive(Debug, Clone)]
pub struct Backup {
    /// Of what it is.
    name: String,
    host: HostName,
    hooks: BackupHooks,
    /// Where the inventory says that the live slice is mounted there.
    mounted: Option<String>,
    task: String,
    place: String,
    /// What was found, or why nothing was.
    found: Result<BackupLayout, Refusal>,
    wanted: bool,
}

/// Finds the backup.
///
/// # Errors
/// A slice or a database of which the inventory does not say how its backups are tested.
pub fn find(asked: &Asked<'_>) -> Result<Box<dyn Subject>, Vec<Refusal>> {
    let refuse = |fact: String, lift: &str| Err(vec![Refusal::new(fact, lift)]);
    let fleet = asked.fleet;
    let named = |kind| asked.parameter(kind).and_then(|name| asked.given(name));
    let slice = named(ValueKind::Slice)
        .and_then(|name| fleet.slice(name))
        .map(|(_, slice)| slice);
    let database = named(ValueKind::Database)
        .and_then(|name| fleet.topologies.iter().find(|topology| topology.name.as_str() == name));
    let (of, declared) = match (slice, database) {
        (Some(slice), _) => (BackupSubject::Slice(slice.name.clone()), &slice.backup),
        (None, Some(topology)) => (BackupSubject::Database(topology.name.clone()), &topology.backup),
        (None, None) => return refuse("nothing is named".to_owned(), "name what the backup is of"),
    };
    let name = of.name();
    let Some(declared) = declared else {
        return refuse(
            format!("where the backups of {name} are, is not known"),
            "declare that in the inventory: `backup:` of the slice, of its segment, or of the topology",
        );
    };
    let Some(hooks) = &declared.hooks else {
        return refuse(
            format!("how the backups of {name} are listed and restored, is not known"),
            "declare that in the inventory: `list`, `restore` and `scratch` in `backup:`",
        );
    };
    let host = declared.on.clone();
    let mounted = slice.and_then(|slice| {
        let own = fleet.host(host.as_str());
        let mut mounts = own.into_iter().flat_map(|own| &own.mounts);
        mounts
            .find(|mount| mount.slice == slice.name)
            .map(|mount| mount.at.clone())
    });
    let mut found = Backup {
        name: name.to_owned(),
        found: Err(Refusal::new(format!("{host} was not looked at"), "look at it")),
        hooks: hooks.clone(),
        task: of.record(),
        place: format!("{}/pointsman-{}", hooks.scratch, of.file()),
        wanted: true,
        host,
        mounted,
    };
    if let Some(sight) = asked.sight {
        let of = match (slice, database) {
            (Some(slice), _) => BackupOf::Slice {
                live: found.live(sight),
                clients: clients(fleet, slice, &found.host),
            },
            (None, topology) => BackupOf::Database {
                heartbeat: topology.and_then(|topology| heartbeat(fleet, topology)),
            },
        };
        found.found = found.layout(asked, of, sight);
    }
    Ok(Box::new(found))
}

/// The backup that is asked for, of those that are listed.
///
/// # Errors
/// The list is not known, or has no such backup.
pub(super) fn chosen(asked: &Asked<'_>, name: &str, list: &Look, sight: &Sight) -> Result<Listed, Refusal> {
    let host = &list.host;
    let listed = sight.text(list).and_then(backup::parse_list).map_err(|why| {
        Refusal::new(
            format!("which backups of {name} there are on {host}, is not known: {why}"),
            format!(
                "mend the command `list` of `backup:`: it prints a line a backup, TIME NAME [BYTES], within {} s; where that takes \
                 longer a timer writes the list down, and it prints that",
                backup::LIST_S
            ),
        )
    })?;
    let wanted = asked.given("backup").filter(|name| *name != NEWEST);
    backup::choose(&listed, wanted, sight.now).map_err(|why| {
        Refusal::new(
            format!("backups of {name} on {host}: {why}"),
            "look whether backups are made at all, and by which clock",
        )
    })
}

/// Clients of a slice's servers, but for the host that reads it for the test.
fn clients(fleet: &Fleet, slice: &Slice, but: &HostName) -> Vec<Client> {
    let servers = std::iter::once(&slice.preferred).chain(&slice.standby);
    let mut clients = Vec::new();
    for client in servers.flat_map(|server| array::clients(fleet, server)) {
        if client.host != *but && !clients.contains(&client) {
            clients.push(client);
        }
    }
    clients
}

/// The heartbeat that the inventory names for a member of a topology.
fn heartbeat(fleet: &Fleet, topology: &Topology) -> Option<String> {
    let mut members = topology.members.iter().filter_map(|member| fleet.host(member.as_str()));
    members.find_map(|member| member.mysql.as_ref()?.heartbeat.clone())
}

impl Backup {
    fn layout(&self, asked: &Asked<'_>, of: BackupOf, sight: &Sight) -> Result<BackupLayout, Refusal> {
        let (name, host) = (&self.name, &self.host);
        let chosen = chosen(asked, name, &backup::list_look(host, &self.hooks.list), sight)?;
        let room = sight.text(&copy::room_look(host, &self.hooks.scratch));
        Ok(BackupLayout {
            name: name.clone(),
            of,
            every: self.hooks.every,
            host: host.clone(),
            restore: self.hooks.restoring(&chosen.name, &format!("{}/tree", self.place)),
            expect: self.hooks.expect.clone(),
            task: self.task.clone(),
            place: self.place.clone(),
            mark: format!("test of {name} of {}", asked.fleet.name),
            base_kib: room.and_then(Room::parse).map_or(0, |room| room.used_kib),
            disk_limit: await_limit(asked.fleet, host),
            backup: chosen,
        })
    }

    /// Where the live slice can be read on that host: it is mounted there over NFS, and answers.
    fn live(&self, sight: &Sight) -> Option<String> {
        let at = self.mounted.as_ref()?;
        let entries = mounts::parse(sight.text(&filesystem::look(&self.host)).ok()?).ok()?;
        let is_there = mounts::on_top(&entries, at).is_some_and(mounts::Entry::is_nfs);
        let answers = sight.text(&client::statfs_look(&self.host, at)).is_ok();
        (is_there && answers).then(|| at.clone())
    }
}

impl Subject for Backup {
    fn words(&self) -> Vec<BTreeMap<&'static str, String>> {
        let found = self.found.as_ref().map_or("", |layout| layout.backup.name.as_str());
        let words = BTreeMap::from([("host", self.host.to_string()), ("found", found.to_owned())]);
        if self.wanted { vec![words] } else { Vec::new() }
    }

    fn looks(&self) -> Vec<Look> {
        let host = &self.host;
        let mut looks = identity::looks(host).to_vec();
        looks.extend([
            backup::list_look(host, &self.hooks.list),
            backup::scratch_look(host, &self.place),
            backup::told_look(host, &self.task),
            copy::room_look(host, &self.hooks.scratch),
            filesystem::look(host),
        ]);
        looks.extend(self.mounted.iter().map(|at| client::statfs_look(host, at)));
        looks
    }

    fn hosts(&self) -> Vec<HostName> {
        vec![self.host.clone()]
    }

    fn say(&self, report: &mut Report) {
        match &self.found {
            Err(refusal) => report.refuse(refusal.fact.clone(), refusal.lift.clone()),
            Ok(BackupLayout {
                of: BackupOf::Slice { live: None, .. },
                ..
            }) => {
                let why = match &self.mounted {
                    Some(at) => format!("it is not mounted at {at} of {}, or does not answer there", self.host),
                    None => format!("{} does not mount it", self.host),
                };
                report.warn(format!(
                    "the backup is not compared with the live slice: {why}; only what it holds is looked at"
                ));
            }
            Ok(_) => {}
        }
    }

    fn layouts(&self) -> Layouts {
        Layouts {
            backup: self.found.as_ref().ok().cloned(),
            ..Layouts::default()
        }
    }

    fn objects(&self) -> Vec<String> {
        vec![self.task.clone()]
    }

    fn fingerprint(&self, sight: &Sight) -> BTreeMap<String, String> {
        let host = &self.host;
        let mut facts = BTreeMap::from([
            (format!("machine of {host}"), identity::machine(host, sight)),
            (format!("boot of {host}"), identity::boot(host, sight)),
        ]);
        let state = sight.text(&backup::scratch_look(host, &self.place));
        facts.insert(
            format!("what is at {}", self.place),
            state.unwrap_or("unknown").trim_end().to_owned(),
        );
        if let Ok(layout) = &self.found {
            let live = match &layout.of {
                BackupOf::Slice { live: Some(at), .. } => at.as_str(),
                _ => "nowhere",
            };
            facts.insert("the backup".to_owned(), layout.backup.name.clone());
            facts.insert("the backup's time".to_owned(), layout.backup.at.0.to_string());
            facts.insert("what is live".to_owned(), live.to_owned());
        }
        facts
    }

    fn keep(&mut self, wanted: &dyn Fn(&str) -> bool) {
        self.wanted &= wanted(self.host.as_str());
    }

    fn backup(&self) -> Option<&BackupLayout> {
        self.found.as_ref().ok().filter(|_| self.wanted)
    }
}
