//! Slices where their clients mount them: what is mounted there now, how it answers, or how it was mounted before it was
//! taken away. A client that does not answer is not known: it is named, nothing is done there, and it counts as nothing.

use super::{Asked, Subject};
use crate::{
    fleet::{Fleet, Host, HostName, Segment, Selector, Shell, Slice},
    runbook::{
        check::{Refusal, Report},
        definition::ValueKind,
        observe::{
            filesystem,
            mounts::{self, Answer, Entry, Held, Holder, Recipe, Survey},
        },
        plan::{ClientLayout, Layouts, Mounted},
        planner::identity,
        sight::{Look, Sight},
    },
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

/// What a runbook does with the mounts, by its own steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Takes them away.
    Detaches,
    /// Takes those away that do not answer, or are of another server, and mounts them anew.
    Repoints,
    /// Mounts what was taken away.
    Attaches,
}

/// The clients of a plan.
#[derive(Debug, Clone)]
pub struct Clients {
    way: Way,
    hosts: Vec<HostName>,
    addresses: Vec<Ipv4Addr>,
    layouts: Vec<ClientLayout>,
    /// Clients that were not seen, each with why.
    unknown: Vec<(HostName, String)>,
    refusals: Vec<Refusal>,
    warnings: Vec<String>,
    notes: Vec<String>,
}

/// A slice that the plan is about.
struct Wanted<'a> {
    segment: &'a Segment,
    slice: &'a Slice,
    address: Ipv4Addr,
    /// Addresses of all other slices: what is mounted from one of them is told by its path, if it is the slice's own too.
    others: Vec<IpAddr>,
}

impl Wanted<'_> {
    /// The path that clients mount.
    fn path(&self) -> &str {
        let export = self.slice.export.as_ref();
        export.map_or(self.slice.mount_point.as_str(), |export| export.path.as_str())
    }

    /// Whether the mount is of the slice, or of a directory of it: by its address, which is the slice's own; or by its path,
    /// where it is mounted from one of the segment's servers by name, or at a place where the client should mount the slice,
    /// from an address that is no other slice's. The same path of any other server is another thing.
    fn is_of(&self, entry: &Entry, host: &Host) -> bool {
        let path = entry.path();
        let below = path.strip_prefix(self.path());
        let below = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let address = entry.server();
        let shared = address.is_some_and(|address| self.others.contains(&address));
        let own = address == Some(IpAddr::V4(self.address)) && (below || !shared);
        let server = entry.source.split(":/").next().unwrap_or_default();
        let direct = self.segment.servers.iter().any(|host| host.as_str() == server);
        let mut places = host.mounts.iter().filter(|mount| mount.slice == self.slice.name);
        let declared = !shared && places.any(|mount| mount.at == entry.at);
        entry.is_nfs() && (own || below && (direct || declared))
    }
}

/// Finds the slices, their clients, and what each of those has mounted.
///
/// # Errors
/// Parameters that name nothing which clients could mount.
pub fn find(asked: &Asked<'_>) -> Result<Box<dyn Subject>, Vec<Refusal>> {
    let does = |action: &str| asked.wish.definition.steps.iter().any(|step| step.action == action);
    let way = match (does("client-detach"), does("client-attach")) {
        (true, true) => Way::Repoints,
        (true, false) => Way::Detaches,
        (false, _) => Way::Attaches,
    };
    let wanted = wanted(asked)?;
    let mut addresses: Vec<Ipv4Addr> = wanted.iter().map(|wanted| wanted.address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    let hosts = hosts(asked, &wanted)?;
    let mut clients = Clients {
        way,
        hosts: hosts.iter().map(|host| host.name.clone()).collect(),
        addresses,
        layouts: Vec::new(),
        unknown: Vec::new(),
        refusals: Vec::new(),
        warnings: Vec::new(),
        notes: Vec::new(),
    };
    if let Some(sight) = asked.sight {
        for host in hosts {
            clients.take(host, &wanted, sight);
        }
        clients.conclude();
    }
    Ok(Box::new(clients))
}

/// The slices: the one that is named, or those of a segment.
fn wanted<'a>(asked: &Asked<'a>) -> Result<Vec<Wanted<'a>>, Vec<Refusal>> {
    let given = |kind| asked.parameter(kind).and_then(|name| asked.given(name));
    let mut chosen: Vec<(&Segment, &Slice)> = Vec::new();
    if let Some(name) = given(ValueKind::Slice) {
        chosen.extend(asked.fleet.slice(name));
    } else if let Some(name) = given(ValueKind::Segment) {
        let some = given(ValueKind::Slices).unwrap_or("all");
        let is_wanted = |slice: &Slice| some == "all" || some.split(',').any(|part| part.trim() == slice.name.as_str());
        let all = asked.fleet.slices();
        chosen.extend(all.filter(|(segment, slice)| segment.name.as_str() == name && is_wanted(slice)));
        for part in some.split(',').map(str::trim).filter(|_| some != "all") {
            if !chosen.iter().any(|(_, slice)| slice.name.as_str() == part) {
                return Err(vec![Refusal::new(
                    format!("{part} is no slice of {name}"),
                    "name slices of that segment, or its own segment",
                )]);
            }
        }
    }
    if chosen.is_empty() {
        return Err(vec![Refusal::new(
            "there is no slice that this is about",
            "an empty choice is a mistake, not everything: name a slice, or a segment that has one",
        )]);
    }
    let address = |(segment, slice): (&'a Segment, &'a Slice)| match slice.service_address.map(|address| address.ip) {
        Some(IpAddr::V4(address)) => Ok(Wanted {
            segment,
            slice,
            address,
            others: {
                let others = asked.fleet.slices().filter(|(_, other)| other.name != slice.name);
                others
                    .filter_map(|(_, other)| Some(other.service_address?.ip))
                    .collect()
            },
        }),
        other => Err(Refusal::new(
            match other {
                Some(ip) => format!("the service address of {} is {ip}, of IPv6", slice.name),
                None => format!("{} has no service address in the inventory", slice.name),
            },
            "clients are kept from an IPv4 address that is the slice's own: without it, other mounts would suffer; leave \
             that slice out, or unmount it by hand",
        )),
    };
    let (good, bad): (Vec<_>, Vec<_>) = chosen.into_iter().map(address).partition(Result::is_ok);
    if bad.is_empty() {
        Ok(good.into_iter().flatten().collect())
    } else {
        Err(bad.into_iter().filter_map(Result::err).collect())
    }
}

/// The clients: those that a selector names, or those that should mount one of the slices; never a server of the segment.
fn hosts<'a>(asked: &Asked<'a>, wanted: &[Wanted<'_>]) -> Result<Vec<&'a Host>, Vec<Refusal>> {
    let fleet: &'a Fleet = asked.fleet;
    let is_server = |host: &Host| wanted.iter().any(|wanted| wanted.segment.servers.contains(&host.name));
    let mounts = |host: &Host| {
        let mut mounts = host.mounts.iter();
        mounts.any(|mount| wanted.iter().any(|wanted| wanted.slice.name == mount.slice))
    };
    let hosts: Vec<&Host> = match asked.given("clients").filter(|text| !text.is_empty() && *text != "all") {
        Some(text) => {
            let selected = Selector::parse(text).and_then(|selector| selector.select(fleet));
            let selected = selected.map_err(|error| {
                let lift = error.hint.unwrap_or_else(|| "see `pointsman selectors`".to_owned());
                vec![Refusal::new(format!("clients: {}", error.message), lift)]
            })?;
            selected.into_iter().map(|at| &fleet.hosts[at]).collect()
        }
        None => fleet.hosts.iter().filter(|host| mounts(host)).collect(),
    };
    let hosts: Vec<&Host> = hosts
        .into_iter()
        .filter(|host| host.shell == Shell::Posix && !is_server(host))
        .collect();
    if hosts.is_empty() {
        let names: Vec<&str> = wanted.iter().map(|wanted| wanted.slice.name.as_str()).collect();
        return Err(vec![Refusal::new(
            format!("no client of {} is known that can be asked", names.join(", ")),
            "write what it mounts into the inventory (`mounts`), or name hosts: clients=…",
        )]);
    }
    Ok(hosts)
}

/// What a client shows.
struct Shown {
    entries: Vec<Entry>,
    survey: Survey,
    held: Result<Held, String>,
    kept: Result<Vec<(String, Recipe)>, String>,
    waiting: Vec<String>,
}

impl Shown {
    fn of(host: &HostName, addresses: &[Ipv4Addr], sight: &Sight) -> Result<Self, String> {
        let text = |look: &Look| sight.text(look);
        Ok(Self {
            entries: mounts::parse(text(&filesystem::look(host))?).map_err(|why| format!("mounts of {host}: {why}"))?,
            survey: mounts::parse_survey(text(&mounts::survey_look(host, addresses))?)
                .map_err(|why| format!("how mounts of {host} answer: {why}"))?,
            held: text(&mounts::held_look(host, addresses)).and_then(mounts::parse_held),
            kept: text(&mounts::kept_look(host)).and_then(mounts::parse_kept),
            waiting: text(&mounts::stuck_look(host))
                .and_then(mounts::stuck)
                .unwrap_or_default(),
        })
    }

    /// How a mount answers; `None` where it was not asked.
    fn answer(&self, entry: &Entry) -> Option<Answer> {
        self.survey.get(&(entry.id, entry.device.clone())).copied()
    }

    /// Mounts of other slices that answer, and where they are on top.
    fn others(&self, wanted: &[Wanted<'_>], host: &Host) -> Vec<String> {
        let is_wanted = |entry: &Entry| wanted.iter().any(|wanted| wanted.is_of(entry, host));
        let others = self.entries.iter().filter(|entry| entry.is_nfs() && !is_wanted(entry));
        let well = others.filter(|entry| {
            let on_top = mounts::on_top(&self.entries, &entry.at).is_some_and(|top| top.is(entry));
            on_top && self.answer(entry) == Some(Answer::Answers)
        });
        well.map(|entry| entry.at.clone()).collect()
    }
}

impl Clients {
    /// Takes in what a client shows.
    fn take(&mut self, host: &Host, wanted: &[Wanted<'_>], sight: &Sight) {
        let shown = match Shown::of(&host.name, &self.addresses, sight) {
            Ok(shown) => shown,
            Err(why) => return self.unknown.push((host.name.clone(), why)),
        };
        let mut found = match self.way {
            Way::Attaches => self.kept(host, wanted, &shown),
            Way::Detaches | Way::Repoints => self.mounted(host, wanted, &shown),
        };
        // What is mounted below another is dealt with before that.
        found.sort_by_key(|layout| std::cmp::Reverse(layout.at.matches('/').count()));
        self.layouts.append(&mut found);
    }

    fn layout(&self, host: &Host, wanted: &Wanted<'_>, at: &str, shown: &Shown, others: &[String]) -> ClientLayout {
        ClientLayout {
            host: host.name.clone(),
            slice: wanted.slice.name.clone(),
            segment: wanted.segment.name.clone(),
            at: at.to_owned(),
            address: wanted.address,
            addresses: self.addresses.clone(),
            now: None,
            then: None,
            others: others.to_vec(),
            waiting: shown.waiting.clone(),
        }
    }

    /// What is mounted of the slices, and what should be and is not.
    fn mounted(&mut self, host: &Host, wanted: &[Wanted<'_>], shown: &Shown) -> Vec<ClientLayout> {
        let others = shown.others(wanted, host);
        let mut out = Vec::new();
        for wanted in wanted {
            let mine = shown.entries.iter().filter(|entry| wanted.is_of(entry, host));
            let mine: Vec<&Entry> = mine.collect();
            for entry in &mine {
                if mounts::on_top(&shown.entries, &entry.at).is_some_and(|top| !top.is(entry)) {
                    self.refusals.push(Refusal::new(
                        format!("{entry} of {} is covered by another mount", host.name),
                        format!(
                            "unmount that one by hand, or leave the client out: clients=name!={}",
                            host.name
                        ),
                    ));
                    continue;
                }
                let mut layout = self.layout(host, wanted, &entry.at, shown, &others);
                if !entry.is_plain() {
                    self.refusals.push(Refusal::new(
                        format!("{entry} of {} has a name that no command is given", host.name),
                        format!(
                            "unmount it by hand, or leave that client out: clients=name!={}",
                            host.name
                        ),
                    ));
                    continue;
                }
                let Some(answer) = shown.answer(entry) else {
                    self.unknown
                        .push((host.name.clone(), format!("how {} answers was not asked", entry.at)));
                    continue;
                };
                if let Some(IpAddr::V4(server)) = entry.server() {
                    layout.address = server;
                }
                let moved = layout.address != wanted.address;
                if self.way == Way::Repoints {
                    if answer == Answer::Answers && !moved {
                        self.notes
                            .push(format!("{} of {} answers: it is left alone", entry.at, host.name));
                        continue;
                    }
                    let same = Recipe::of(entry);
                    layout.then = Some(if moved {
                        same.from_server(wanted.address, entry.path())
                    } else {
                        same
                    });
                    layout.address = wanted.address;
                }
                let mount = (entry.id, entry.device.clone());
                let holders = self.holders(host, entry, shown, &mount);
                layout.now = Some(Mounted {
                    entry: (*entry).clone(),
                    answer,
                    holders,
                });
                out.push(layout);
            }
            let declared = host.mounts.iter().filter(|mount| mount.slice == wanted.slice.name);
            let missing = declared.filter(|mount| mine.iter().all(|entry| entry.at != mount.at));
            if self.way == Way::Detaches {
                out.extend(missing.map(|mount| self.layout(host, wanted, &mount.at, shown, &others)));
            }
        }
        out
    }

    fn holders(&mut self, host: &Host, entry: &Entry, shown: &Shown, mount: &(u32, String)) -> Vec<Holder> {
        let (at, name) = (&entry.at, &host.name);
        let held = match &shown.held {
            Ok(held) => held,
            Err(why) => {
                self.notes.push(format!("who holds {at} of {name} is not known: {why}"));
                return Vec::new();
            }
        };
        let holders = held.by.get(mount).cloned().unwrap_or_default();
        let names: Vec<String> = holders.iter().take(8).map(ToString::to_string).collect();
        let more = match holders.len().saturating_sub(8) {
            0 => String::new(),
            more => format!(" and {more} others"),
        };
        if !names.is_empty() {
            self.notes
                .push(format!("{at} of {name} is held by {}{more}", names.join(", ")));
        }
        if held.cut.contains(mount) {
            self.notes.push(format!(
                "others may hold {at} of {name}: they could not all be read in time"
            ));
        }
        holders
    }

    /// What was kept of the slices when it was taken away.
    fn kept(&mut self, host: &Host, wanted: &[Wanted<'_>], shown: &Shown) -> Vec<ClientLayout> {
        let kept = match &shown.kept {
            Ok(kept) => kept,
            Err(why) => {
                let why = format!("what was kept of its mounts: {why}");
                self.unknown.push((host.name.clone(), why));
                return Vec::new();
            }
        };
        let others = shown.others(wanted, host);
        let mut out = Vec::new();
        for wanted in wanted {
            let before = out.len();
            let mine = kept.iter().filter(|(slice, _)| slice == wanted.slice.name.as_str());
            for (_, recipe) in mine {
                let mut layout = self.layout(host, wanted, &recipe.at, shown, &others);
                layout.then = Some(recipe.clone());
                out.push(layout);
            }
            // What was not mounted when it was fenced is let in again all the same.
            let declared = host.mounts.iter().find(|mount| mount.slice == wanted.slice.name);
            if let Some(mount) = declared.filter(|_| out.len() == before) {
                out.push(self.layout(host, wanted, &mount.at, shown, &others));
            }
        }
        out
    }

    fn conclude(&mut self) {
        let done = match self.way {
            Way::Detaches => "it does not count as fenced",
            Way::Repoints => "nothing is mounted anew there",
            Way::Attaches => "nothing is given back there",
        };
        for (host, why) in &self.unknown {
            self.warnings.push(format!("{host} is not known, and {done}"));
            // What is said of one that does not answer is another thing each time; the plan stays the same.
            self.notes.push(format!("why {host} is not known: {why}"));
        }
        if self.layouts.is_empty() && self.refusals.is_empty() {
            let (fact, lift) = match self.way {
                _ if self.unknown.len() == self.hosts.len() => (
                    match self.unknown.iter().find(|(_, why)| !why.contains("no answer")) {
                        Some((host, why)) => format!("of no client it is known what it mounts; {host}: {why}"),
                        None => "no client answers".to_owned(),
                    },
                    "nothing can be done from here on a host that does not answer: look at it by another way",
                ),
                Way::Repoints => (
                    "no mount of it is stale, hangs, or is of another address".to_owned(),
                    "there is nothing to mount anew",
                ),
                _ => (
                    "no client that answers has anything of it".to_owned(),
                    "there is nothing left to do",
                ),
            };
            self.refusals.push(Refusal::new(fact, lift));
        }
    }
}

impl Subject for Clients {
    fn words(&self) -> Vec<BTreeMap<&'static str, String>> {
        let words = |layout: &ClientLayout| {
            let mounted = layout.now.is_some() || self.way == Way::Attaches && layout.then.is_some();
            BTreeMap::from([
                ("host", layout.host.to_string()),
                ("slice", layout.slice.to_string()),
                ("place", layout.at.clone()),
                ("mounted", word(mounted)),
                ("services", word(!layout.units().is_empty())),
            ])
        };
        self.layouts.iter().map(words).collect()
    }

    fn looks(&self) -> Vec<Look> {
        let of_host = |host| {
            let [machine, boot] = identity::looks(host);
            [
                machine,
                boot,
                filesystem::look(host),
                mounts::survey_look(host, &self.addresses),
                mounts::held_look(host, &self.addresses),
                mounts::kept_look(host),
                mounts::stuck_look(host),
                mounts::bar_look(host),
            ]
        };
        self.hosts.iter().flat_map(of_host).collect()
    }

    fn hosts(&self) -> Vec<HostName> {
        self.hosts.clone()
    }

    fn say(&self, report: &mut Report) {
        for refusal in &self.refusals {
            report.refuse(refusal.fact.clone(), refusal.lift.clone());
        }
        for warning in &self.warnings {
            report.warn(warning.clone());
        }
        for note in &self.notes {
            report.note(note.clone());
        }
    }

    fn layouts(&self) -> Layouts {
        Layouts {
            clients: self.layouts.clone(),
            ..Layouts::default()
        }
    }

    fn fingerprint(&self, sight: &Sight) -> BTreeMap<String, String> {
        let mut facts = BTreeMap::new();
        let known = |host: &&HostName| self.unknown.iter().all(|(unknown, _)| unknown != *host);
        for host in self.hosts.iter().filter(known) {
            facts.insert(format!("machine of {host}"), identity::machine(host, sight));
            facts.insert(format!("boot of {host}"), identity::boot(host, sight));
        }
        for layout in &self.layouts {
            let (host, at) = (&layout.host, &layout.at);
            let now = match &layout.now {
                Some(now) => format!("{} {} {}", now.entry.id, now.entry.device, now.entry.source),
                None => "nothing".to_owned(),
            };
            let answers = layout.now.as_ref().is_some_and(|now| now.answer == Answer::Answers);
            facts.insert(format!("mount {at} of {host}"), now);
            facts.insert(format!("whether {at} of {host} answers"), answers.to_string());
        }
        facts
    }

    fn keep(&mut self, wanted: &dyn Fn(&str) -> bool) {
        self.layouts.retain(|layout| wanted(layout.host.as_str()));
    }
}

fn word(holds: bool) -> String {
    if holds { "yes" } else { "no" }.to_owned()
}
