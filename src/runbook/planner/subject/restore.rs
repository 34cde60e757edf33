//! A slice that is served from its backup: the servers that it was on, the filesystem of another server that takes its place,
//! and the backup.

use super::{Asked, Subject, backup, layout, migration, safe};
use crate::{
    facts::UnixMs,
    fleet::{BackupHooks, BackupSubject, HostName, Slice},
    runbook::{
        check::{Refusal, Report},
        condition::Condition,
        observe::{
            backup::{list_look, told_look},
            copy, filesystem, network, nfs,
        },
        plan::{Glass, Layouts, OldServer, RestoreChosen, RestoreLayout, Rule, SliceLayout},
        planner::identity,
        sight::{Look, Sight},
    },
};
use std::{collections::BTreeMap, time::Duration};

/// The restore of a plan.
#[derive(Debug, Clone)]
pub struct Restore {
    layout: RestoreLayout,
    old: SliceLayout,
    new: SliceLayout,
    resource: String,
    /// Servers that may take its place, before it was looked at which of them has the filesystem mounted.
    candidates: Vec<HostName>,
    list: Look,
    into: Slice,
    known: Result<(), Refusal>,
    found: Result<(), Refusal>,
    wanted: bool,
}

/// Finds all of them.
///
/// # Errors
/// Names that can be none of these, or a slice of which the inventory does not say how its backups are listed.
pub fn find(asked: &Asked<'_>) -> Result<Box<dyn Subject>, Vec<Refusal>> {
    let refuse = |fact: String, lift: &str| Err(vec![Refusal::new(fact, lift)]);
    let fleet = asked.fleet;
    let named = |name: &str| Some(fleet.slice(asked.given(name)?)?.1);
    let (Some(slice), Some(into)) = (named("slice"), named("into")) else {
        return refuse(
            "it is not said what is restored, and to what".to_owned(),
            "name the slice, and the one of the inventory that takes its place (into)",
        );
    };
    let servers: Vec<&HostName> = std::iter::once(&slice.preferred).chain(&slice.standby).collect();
    let to = migration::server(into, asked.sight);
    if slice.name == into.name || servers.contains(&&to) {
        return refuse(
            format!("{} is on {to}, which is a server of {}", into.name, slice.name),
            "name a slice of another server: what is left on its own is not written over",
        );
    }
    let Some((on, hooks)) = slice.backup.as_ref().and_then(|it| Some((&it.on, it.hooks.as_ref()?))) else {
        return refuse(
            format!(
                "how the backups of {} are listed and restored, is not known",
                slice.name
            ),
            "declare that in the inventory: `list`, `restore` and `scratch` in `backup:`; without that restore it by hand",
        );
    };
    // What was restored is served as the slice was: by its address, to its clients, at its path.
    let as_slice = Slice {
        export: slice.export.clone(),
        service_address: slice.service_address,
        ..into.clone()
    };
    let resource = |slice: &Slice| slice.resource.clone().unwrap_or_else(|| slice.name.as_str().to_owned());
    let both = [
        slice.preferred.clone(),
        slice.standby.as_ref().unwrap_or(&slice.preferred).clone(),
    ];
    let mut old = layout::find(slice, &both, &resource(slice), asked.sight, false).layout;
    let mut new = layout::find(
        &as_slice,
        &[to.clone(), to.clone()],
        &resource(into),
        asked.sight,
        false,
    )
    .layout;
    old.sides.truncate(servers.len());
    new.sides.truncate(1);
    new.export.clone_from(&old.export);
    let list = list_look(on, &hooks.list);
    let mut layout = RestoreLayout {
        slice: slice.name.clone(),
        into: into.name.clone(),
        old: servers.iter().map(|host| old_server(asked, host)).collect(),
        on: on.clone(),
        chosen: None,
        expect: hooks.expect.clone(),
        task: format!("restore@{}", safe(slice.name.as_str())),
        told: BackupSubject::Slice(slice.name.clone()).record(),
        disk_limit: if serves_others(asked, &to, into) {
            migration::await_limit(fleet, &to)
        } else {
            Duration::MAX
        },
        to,
    };
    let found = match asked.sight {
        None => Err(Refusal::new(format!("{on} was not looked at"), "look at it")),
        Some(sight) => backup::chosen(asked, slice.name.as_str(), &list, sight).and_then(|backup| {
            let argv = bringing(&layout, hooks, &backup.name, &new.mount_point)?;
            let mark = format!("{} of {} from {}", slice.name, fleet.name, backup.name);
            layout.chosen = Some(RestoreChosen { backup, argv, mark });
            Ok(())
        }),
    };
    let candidates = std::iter::once(&into.preferred).chain(&into.standby);
    Ok(Box::new(Restore {
        known: migration::fits(slice, into, &layout.task),
        resource: resource(slice),
        candidates: candidates.cloned().collect(),
        into: into.clone(),
        layout,
        old,
        new,
        list,
        found,
        wanted: true,
    }))
}

/// Whether a server has more to do than to take the slice's place: where it has not, nobody is spared while clients wait.
fn serves_others(asked: &Asked<'_>, to: &HostName, into: &Slice) -> bool {
    let fleet = asked.fleet;
    let mut slices = fleet.slices().map(|(_, slice)| slice);
    let others =
        slices.any(|slice| slice.name != into.name && (slice.preferred == *to || slice.standby.as_ref() == Some(to)));
    others || fleet.host(to.as_str()).is_some_and(|host| host.mysql.is_some())
}

/// A server that the slice was on. One that does not answer is made sure to be off; so is one that somebody names for that.
fn old_server(asked: &Asked<'_>, host: &HostName) -> OldServer {
    let answers = asked
        .sight
        .is_some_and(|sight| sight.text(&identity::machine_look(host)).is_ok());
    OldServer {
        host: host.clone(),
        goes_off: !answers || is_named(&asked.wish.glass, host),
    }
}

/// Whether somebody has named a server as one that has to be off.
fn is_named(glass: &[Glass], host: &HostName) -> bool {
    let mut glass = glass.iter();
    glass.any(|glass| matches!(glass.rule, Rule::Force | Rule::AssertOff) && glass.resource == host.as_str())
}

/// What brings a backup to the server that takes the slice's place: the host of the backups restores it itself.
fn bringing(layout: &RestoreLayout, hooks: &BackupHooks, backup: &str, into: &str) -> Result<Vec<String>, Refusal> {
    if layout.on == layout.to {
        return Ok(hooks.restoring(backup, into));
    }
    hooks.fetching(backup, into).ok_or_else(|| {
        Refusal::new(
            format!("how a backup of {} is brought to {}, is not known", layout.slice, layout.to),
            format!(
                "declare that in the inventory (`fetch` in `backup:`), or name a slice of {} itself, where the backups are",
                layout.on
            ),
        )
    })
}

/// When a backup began, as people write it.
fn moment(at: UnixMs) -> String {
    let time = i64::try_from(at.0 / 1000)
        .ok()
        .and_then(|s| jiff::Timestamp::from_second(s).ok());
    time.map_or_else(|| "a time that is not known".to_owned(), |time| time.to_string())
}

impl Subject for Restore {
    fn words(&self) -> Vec<BTreeMap<&'static str, String>> {
        if !self.wanted {
            return Vec::new();
        }
        let layout = &self.layout;
        let chosen = layout.chosen.as_ref().map(|chosen| &chosen.backup);
        let row = |old: &OldServer| {
            BTreeMap::from([
                ("slice", layout.slice.to_string()),
                ("into", layout.into.to_string()),
                ("to", layout.to.to_string()),
                ("found", chosen.map_or_else(String::new, |backup| backup.name.clone())),
                ("since", chosen.map_or_else(String::new, |backup| moment(backup.at))),
                ("old", old.host.to_string()),
                ("fenced", if old.goes_off { "yes" } else { "" }.to_owned()),
            ])
        };
        layout.old.iter().map(row).collect()
    }

    fn looks(&self) -> Vec<Look> {
        let layout = &self.layout;
        let at = self.new.mount_point.as_str();
        let mut looks = vec![self.list.clone(), told_look(&layout.on, &layout.told)];
        for to in &self.candidates {
            looks.extend(identity::looks(to));
            looks.extend([
                filesystem::look(to),
                network::look(to),
                network::block_look(to),
                nfs::look(to),
                nfs::cache_look(to),
                copy::room_look(to, at),
                copy::mark_look(to, at),
            ]);
            looks.extend(
                self.old
                    .address
                    .iter()
                    .map(|address| network::answer_look(to, address.ip)),
            );
        }
        for old in &layout.old {
            looks.extend(layout::looks(&old.host, &self.resource));
            looks.extend(identity::looks(&old.host));
        }
        looks
    }

    fn hosts(&self) -> Vec<HostName> {
        self.candidates.clone()
    }

    fn say(&self, report: &mut Report) {
        for refusal in [self.known.as_ref().err(), self.found.as_ref().err()]
            .into_iter()
            .flatten()
        {
            report.refuse(refusal.fact.clone(), refusal.lift.clone());
        }
        if self.into.standby.is_none() {
            report.warn(format!(
                "{} has no replica: what is written there from then on is on one server alone",
                self.into.name
            ));
        }
        if self.layout.disk_limit != Duration::MAX {
            report.note(format!(
                "{} serves others as well: restoring stands still while a request of its disks takes longer than {} ms \
                 (disk_await_ms)",
                self.layout.to,
                self.layout.disk_limit.as_millis()
            ));
        }
        if let Some(RestoreChosen { backup, .. }) = &self.layout.chosen {
            report.losses.push(format!(
                "everything that was written to {} since {}, when {} began: that backup alone comes back",
                self.layout.slice,
                moment(backup.at),
                backup.name
            ));
        }
    }

    fn layouts(&self) -> Layouts {
        Layouts {
            slices: BTreeMap::from([
                (self.layout.slice.clone(), self.old.clone()),
                (self.layout.into.clone(), self.new.clone()),
            ]),
            restore: Some(self.layout.clone()),
            ..Layouts::default()
        }
    }

    fn objects(&self) -> Vec<String> {
        vec![format!("drbd-{}", safe(&self.resource)), self.layout.task.clone()]
    }

    fn fingerprint(&self, sight: &Sight) -> BTreeMap<String, String> {
        let (to, at) = (&self.layout.to, &self.new.mount_point);
        let said = |condition: &Condition| {
            let truth = condition.judge(sight);
            let word = if truth.holds() {
                "yes"
            } else if truth.fails() {
                "no"
            } else {
                "unknown"
            };
            word.to_owned()
        };
        let mark = sight.text(&copy::mark_look(to, at)).map_or("unknown", str::trim_end);
        let mut out = BTreeMap::from([
            (format!("machine of {to}"), identity::machine(to, sight)),
            (format!("boot of {to}"), identity::boot(to, sight)),
            (
                format!("mount of {to}"),
                said(&filesystem::is_mounted(to, &self.new.device, at)),
            ),
            (format!("export of {to}"), said(&nfs::is_unexported(to, at))),
            (format!("mark of {to}"), mark.to_owned()),
        ]);
        if let Some(address) = &self.new.address {
            out.insert(
                format!("address of {to}"),
                said(&network::carries(to, address.ip, true)),
            );
        }
        for (old, side) in self.layout.old.iter().zip(&self.old.sides) {
            let host = &old.host;
            let disk = sight.text(&side.look()).and_then(|text| side.volume(text));
            out.insert(format!("machine of {host}"), identity::machine(host, sight));
            out.insert(
                format!("data of {host}"),
                disk.map_or_else(|_| "unknown".to_owned(), |volume| volume.disk.to_string()),
            );
        }
        if let Some(RestoreChosen { backup, .. }) = &self.layout.chosen {
            out.insert("the backup".to_owned(), backup.name.clone());
            out.insert("the backup's time".to_owned(), backup.at.0.to_string());
        }
        out
    }

    fn keep(&mut self, wanted: &dyn Fn(&str) -> bool) {
        self.wanted &= wanted(self.layout.slice.as_str());
    }

    fn restore(&self) -> Option<&RestoreLayout> {
        self.wanted.then_some(&self.layout)
    }
}
