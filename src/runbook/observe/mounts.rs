//! NFS mounts as their client's kernel has them: which, how each answers, who holds it, and what was kept of one that was
//! taken away (the functions of `client.sh`).

use crate::{
    facts::CleanText,
    fleet::HostName,
    runbook::{
        condition::Condition,
        observe::filesystem,
        operation::Expect,
        sight::{Look, Sight},
        truth::Truth,
    },
};
use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr},
};

/// A line of `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`), as far as a mount is told by it from every other one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The kernel's number of the mount: the same for as long as it is there.
    pub id: u32,
    /// That of the mount that it is on.
    pub parent: u32,
    /// Device number of its filesystem, `major:minor`.
    pub device: String,
    /// Where it is mounted.
    pub at: String,
    /// Options of the mount.
    pub own: String,
    /// Filesystem type.
    pub fs_type: String,
    /// What is mounted: `server:/path` of an NFS mount.
    pub source: String,
    /// Options of the filesystem.
    pub options: String,
}

impl Entry {
    /// Whether it is mounted over NFS.
    #[must_use]
    pub fn is_nfs(&self) -> bool {
        matches!(self.fs_type.as_str(), "nfs" | "nfs4")
    }

    /// The address that its kernel talks to, whatever name was mounted (nfs(5), fs/nfs/super.c).
    #[must_use]
    pub fn server(&self) -> Option<IpAddr> {
        let mut options = self.options.split(',');
        options.find_map(|option| option.strip_prefix("addr=")?.parse().ok())
    }

    /// The path on its server.
    #[must_use]
    pub fn path(&self) -> &str {
        self.source
            .split_once(":/")
            .map_or("", |(server, _)| &self.source[server.len() + 1..])
    }

    /// Whether both are the same mount, not only one at the same place.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        (self.id, &self.device, &self.source, &self.at) == (other.id, &other.device, &other.source, &other.at)
    }

    /// Whether both are the same mount, wherever it is mounted by now. The kernel gives the numbers of a mount that went to
    /// the next one, often enough to the very cover of its place, so they say it only with type and source.
    fn is_same(&self, other: &Self) -> bool {
        (self.id, &self.device, &self.fs_type, &self.source) == (other.id, &other.device, &other.fs_type, &other.source)
    }

    /// Whether its names can be words of a command without being escaped by mountinfo.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_graphic() && c != '\\');
        plain(&self.at) && plain(&self.source) && !self.source.starts_with('-') && self.at.starts_with('/')
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.source, self.at)
    }
}

/// Reads every line of `/proc/self/mountinfo`, in its order: what is mounted at a place last is on top.
///
/// # Errors
/// A sentence, when one line is not understood: it may be the one that matters.
pub fn parse(text: &str) -> Result<Vec<Entry>, String> {
    let entries = text
        .lines()
        .map(|line| entry(line).ok_or_else(|| format!("{line:?} is no mount")));
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    if entries.is_empty() {
        return Err("no mounts are listed".to_owned());
    }
    Ok(entries)
}

fn entry(line: &str) -> Option<Entry> {
    let mut words = line.split(' ');
    let clean = |word: &str| CleanText::new(word).as_str().to_owned();
    let (id, parent) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let device = words.next()?;
    let _root = words.next()?;
    let (at, own) = (words.next()?, words.next()?);
    words.find(|word| *word == "-")?;
    let (fs_type, source, options) = (words.next()?, words.next()?, words.next()?);
    let (major, minor) = device.split_once(':')?;
    (major.parse::<u32>().is_ok() && minor.parse::<u32>().is_ok()).then(|| Entry {
        id,
        parent,
        device: device.to_owned(),
        at: clean(at),
        own: clean(own),
        fs_type: clean(fs_type),
        source: clean(source),
        options: clean(options),
    })
}

/// What is mounted at a place, on top.
#[must_use]
pub fn on_top<'a>(entries: &'a [Entry], at: &str) -> Option<&'a Entry> {
    entries.iter().rev().find(|entry| entry.at == at)
}

/// How a mount answers statfs(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It answers.
    Answers,
    /// Its server no longer knows its handle.
    Stale,
    /// It does not answer, and what asks it has to be killed.
    Hangs,
    /// It cannot be read otherwise.
    Fails,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answers => "answers",
            Self::Stale => "is stale",
            Self::Hangs => "does not answer",
            Self::Fails => "cannot be read",
        })
    }
}

/// How the mounts of a host answer, each by its number and its device.
pub type Survey = BTreeMap<(u32, String), Answer>;

/// The look that asks every NFS mount of a host how it answers, those from these addresses first.
#[must_use]
pub fn survey_look(host: &HostName, addresses: &[Ipv4Addr]) -> Look {
    let addresses = addresses.iter().map(ToString::to_string);
    Look::new(host, std::iter::once("nfs_survey".to_owned()).chain(addresses))
}

/// Reads what [`survey_look`] prints.
///
/// # Errors
/// A sentence, when it is not whole or not understood.
pub fn parse_survey(text: &str) -> Result<Survey, String> {
    let lines = whole(text)?;
    let line = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [id, device, answer] = words.as_slice() else {
            return None;
        };
        let answer = match *answer {
            "answers" => Answer::Answers,
            "stale" => Answer::Stale,
            "hangs" => Answer::Hangs,
            "fails" => Answer::Fails,
            _ => return None,
        };
        Some(((id.parse().ok()?, (*device).to_owned()), answer))
    };
    let read = lines.map(|text| line(text).ok_or_else(|| format!("{text:?} is no answer of a mount")));
    read.collect()
}

/// The lines before the last one, which has to be `end`.
fn whole(text: &str) -> Result<impl Iterator<Item = &str>, String> {
    match text.strip_suffix("end\n") {
        Some(lines) if lines.is_empty() || lines.ends_with('\n') => Ok(lines.lines()),
        _ => Err("it is not whole".to_owned()),
    }
}

/// A process that holds a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: u32,
    /// The user that it runs as, by number.
    pub uid: String,
    /// The systemd service that it belongs to.
    pub unit: Option<String>,
    /// How it holds it: `file`, `map`, `cwd`, `root` or `exe`.
    pub way: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} (user {}", self.name, self.pid, self.uid)?;
        match &self.unit {
            Some(unit) => write!(f, ", {unit})"),
            None => f.write_str(")"),
        }
    }
}

/// The look that tells who holds the mounts from these addresses.
#[must_use]
pub fn held_look(host: &HostName, addresses: &[Ipv4Addr]) -> Look {
    let addresses = addresses.iter().map(ToString::to_string);
    Look::new(host, std::iter::once("nfs_held".to_owned()).chain(addresses))
}

/// Who holds the mounts of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Processes by the number and the device of the mount.
    pub by: BTreeMap<(u32, String), Vec<Holder>>,
    /// Mounts of which these may not be all.
    pub cut: Vec<(u32, String)>,
}

/// Reads what [`held_look`] prints.
///
/// # Errors
/// A sentence, when it is not whole or not understood.
pub fn parse_held(text: &str) -> Result<Held, String> {
    let mut held = Held::default();
    for line in whole(text)? {
        let wrong = || format!("{line:?} is no process");
        let words: Vec<&str> = line.split(' ').collect();
        let mount = |id: &str, device: &str| Some((id.parse().ok()?, device.to_owned()));
        match words.as_slice() {
            [id, device, "cut"] => held.cut.push(mount(id, device).ok_or_else(wrong)?),
            [id, device, pid, _, _, uid, unit, way, name] => {
                let holder = Holder {
                    pid: pid.parse().map_err(|_| wrong())?,
                    uid: (*uid).to_owned(),
                    unit: (*unit != "-").then(|| (*unit).to_owned()),
                    way: (*way).to_owned(),
                    name: (*name).to_owned(),
                };
                let mount = mount(id, device).ok_or_else(wrong)?;
                held.by.entry(mount).or_default().push(holder);
            }
            _ => return Err(wrong()),
        }
    }
    Ok(held)
}

/// None of these processes holds the mount any more.
#[must_use]
pub fn is_let_go(host: &HostName, mount: &Entry, holders: &[Holder], addresses: &[Ipv4Addr]) -> Condition {
    let (name, mount, holders) = (host.clone(), mount.clone(), holders.to_vec());
    let says = format!("nobody holds {} of {host} who held it when the plan was made", mount.at);
    Condition::on(says.clone(), held_look(host, addresses), move |text| {
        match parse_held(text) {
            Ok(held) => {
                let by = held.by.get(&(mount.id, mount.device.clone()));
                match by.into_iter().flatten().find(|now| holders.contains(now)) {
                    Some(still) => Truth::No(format!("{still} holds {} of {name} still", mount.at)),
                    None => Truth::Yes(says.clone()),
                }
            }
            Err(why) => Truth::Unknown(format!("who holds mounts of {name}: {why}")),
        }
    })
}

/// How something was mounted that was taken away, or is to be mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// `nfs` or `nfs4`.
    pub fs_type: String,
    /// `server:/path`.
    pub source: String,
    /// Where.
    pub at: String,
    /// Options that mount(8) takes, with commas between them.
    pub options: String,
}

/// Options that the kernel prints and that mount.nfs(8) finds out anew: addresses and ports of a server that may be
/// another one by then.
const FOUND_ANEW: [&str; 6] = [
    "addr",
    "clientaddr",
    "mountaddr",
    "mountport",
    "mountproto",
    "mountvers",
];

impl Recipe {
    /// How a mount is mounted.
    #[must_use]
    pub fn of(mount: &Entry) -> Self {
        Self::new(&mount.fs_type, &mount.source, &mount.at, &mount.own, &mount.options)
    }

    fn new(fs_type: &str, source: &str, at: &str, own: &str, filesystem: &str) -> Self {
        let mut options: Vec<&str> = Vec::new();
        for option in own.split(',').chain(filesystem.split(',')) {
            let name = option.split('=').next().unwrap_or_default();
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:".contains(c);
            // Whether it can be written is said twice; the mount's own word counts.
            let said = matches!(option, "rw" | "ro") && options.iter().any(|known| matches!(*known, "rw" | "ro"));
            let usable = !option.is_empty() && option.chars().all(plain) && !FOUND_ANEW.contains(&name);
            if usable && !said && !options.contains(&option) {
                options.push(option);
            }
        }
        Self {
            fs_type: fs_type.to_owned(),
            source: source.to_owned(),
            at: at.to_owned(),
            options: options.join(","),
        }
    }

    /// The same from another server.
    #[must_use]
    pub fn from_server(&self, server: Ipv4Addr, path: &str) -> Self {
        Self {
            source: format!("{server}:{path}"),
            ..self.clone()
        }
    }
}

/// The look that tells what was kept on a host of mounts that were taken away.
#[must_use]
pub fn kept_look(host: &HostName) -> Look {
    Look::new(host, ["nfs_kept"])
}

/// Reads what [`kept_look`] prints: each with the slice that it is of.
///
/// # Errors
/// A sentence, when it is not whole or not understood.
pub fn parse_kept(text: &str) -> Result<Vec<(String, Recipe)>, String> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split('\t').collect();
        let [slice, fs_type, source, at, own, options] = words.as_slice() else {
            return None;
        };
        let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && c != '\\');
        let good = matches!(*fs_type, "nfs" | "nfs4")
            && source.contains(":/")
            && !source.starts_with('-')
            && at.starts_with('/')
            && [slice, source, at].into_iter().all(|text| plain(text));
        good.then(|| ((*slice).to_owned(), Recipe::new(fs_type, source, at, own, options)))
    };
    let read = whole(text)?.map(|text| line(text).ok_or_else(|| format!("{text:?} is no mount that was kept")));
    read.collect()
}

/// Nothing is kept any more of how it was mounted there: it is mounted again, and was tried.
#[must_use]
pub fn is_given_back(host: &HostName, at: &str) -> Condition {
    let (name, at) = (host.clone(), at.to_owned());
    let says = format!("{at} of {host} was tried: three answers, and a file that was written and read");
    Condition::on(says.clone(), kept_look(host), move |text| match parse_kept(text) {
        Ok(kept) if kept.iter().any(|(_, recipe)| recipe.at == at) => {
            Truth::No(format!("{at} of {name} was not tried since it was taken away"))
        }
        Ok(_) => Truth::Yes(says.clone()),
        Err(why) => Truth::Unknown(format!("what was kept of mounts of {name}: {why}")),
    })
}

/// The look that tells which addresses a host is barred from.
#[must_use]
pub fn bar_look(host: &HostName) -> Look {
    Look::new(host, ["nfs_bar", "list", "-"])
}

/// The host sends no NFS to the address; or, with `wanted` false, nothing keeps it from that.
#[must_use]
pub fn is_barred(host: &HostName, address: Ipv4Addr, wanted: bool) -> Condition {
    let says = if wanted {
        format!("{host} sends no NFS to {address}")
    } else {
        format!("nothing keeps {host} from sending NFS to {address}")
    };
    let name = host.clone();
    Condition::on(says, bar_look(host), move |text| {
        let mut known = Vec::new();
        for line in text.lines() {
            match line.trim().parse::<Ipv4Addr>() {
                Ok(ip) => known.push(ip),
                Err(_) => return Truth::Unknown(format!("{name} lists {line:?} among barred addresses")),
            }
        }
        let barred = known.contains(&address);
        let not = if barred { "" } else { "not " };
        Truth::of(barred == wanted, format!("{name} is {not}barred from {address}"))
    })
}

/// A condition on what is mounted on a host.
fn mounted(host: &HostName, says: String, judge: impl Fn(&[Entry]) -> Truth + Send + Sync + 'static) -> Condition {
    let name = host.clone();
    Condition::on(says, filesystem::look(host), move |text| match parse(text) {
        Ok(entries) => judge(&entries),
        Err(why) => Truth::Unknown(format!("mounts of {name}: {why}")),
    })
}

/// No other NFS mount of the host talks to the address than these.
#[must_use]
pub fn is_address_of(host: &HostName, address: Ipv4Addr, planned: &[Entry]) -> Condition {
    let (name, planned) = (host.clone(), planned.to_vec());
    let says = format!("nothing else is mounted from {address} on {host} than what the plan is about");
    mounted(host, says.clone(), move |entries| {
        let nfs = entries.iter().filter(|entry| entry.is_nfs());
        let mut others = nfs.filter(|entry| !planned.iter().any(|mount| mount.is(entry)));
        // Whose address is not told may be of any server.
        match others.find(|entry| entry.server().is_none_or(|server| server == IpAddr::from(address))) {
            Some(other) => Truth::No(format!("{other} is mounted from {address} on {name} as well")),
            None => Truth::Yes(says.clone()),
        }
    })
}

/// Something is mounted from the address on the host.
#[must_use]
pub fn is_used(host: &HostName, address: Ipv4Addr) -> Condition {
    let name = host.clone();
    mounted(
        host,
        format!("{host} has mounted something from {address}"),
        move |entries| {
            let from = |entry: &&Entry| entry.is_nfs() && entry.server() == Some(IpAddr::from(address));
            match entries.iter().find(from) {
                Some(entry) => Truth::Yes(format!("{entry} is mounted on {name} by now")),
                None => Truth::No(format!("nothing is mounted from {address} on {name}")),
            }
        },
    )
}

/// What a target checks in the same call as a command: nothing is mounted from the address there.
#[must_use]
pub fn expects_unused(address: Ipv4Addr) -> Expect {
    Expect {
        argv: vec!["nfs_uses".to_owned(), address.to_string()],
        pattern: "0".to_owned(),
    }
}

/// The mount of the plan is on top at its place, or it is gone already; whatever else is there is another one.
#[must_use]
pub fn is_planned(host: &HostName, mount: &Entry) -> Condition {
    let (name, mount) = (host.clone(), mount.clone());
    let says = format!(
        "what is mounted on {} of {host} is the mount {} of the plan",
        mount.at, mount.id
    );
    mounted(host, says.clone(), move |entries| match on_top(entries, &mount.at) {
        Some(top) if top.is(&mount) => Truth::Yes(says.clone()),
        _ if entries.iter().all(|entry| !mount.is_same(entry)) => Truth::Yes(format!("{mount} of {name} is gone")),
        top => Truth::No(format!(
            "{} is mounted on {} of {name}, over the mount of the plan",
            top.map_or("nothing", |top| &top.source),
            mount.at
        )),
    })
}

/// Nothing is mounted on a directory of the mount: it would be taken away as well.
#[must_use]
pub fn is_alone(host: &HostName, mount: &Entry) -> Condition {
    let (name, mount) = (host.clone(), mount.clone());
    let says = format!("nothing is mounted below {} of {host}", mount.at);
    mounted(host, says.clone(), move |entries| {
        match entries.iter().find(|entry| entry.parent == mount.id) {
            Some(below) => Truth::No(format!("{below} of {name} is below {}", mount.at)),
            None => Truth::Yes(says.clone()),
        }
    })
}

/// The mount of the plan is gone from its place.
#[must_use]
pub fn is_gone(host: &HostName, mount: &Entry) -> Condition {
    let (name, mount) = (host.clone(), mount.clone());
    mounted(
        host,
        format!("{mount} is mounted no more on {host}"),
        move |entries| match entries.iter().find(|entry| mount.is_same(entry)) {
            Some(_) => Truth::No(format!("{mount} of {name} is mounted still")),
            None => Truth::Yes(format!("{mount} is mounted no more on {name}")),
        },
    )
}

/// It is mounted as the recipe says, on top.
#[must_use]
pub fn is_attached(host: &HostName, recipe: &Recipe) -> Condition {
    let (name, recipe) = (host.clone(), recipe.clone());
    let says = format!("{} is mounted on {} of {host}", recipe.source, recipe.at);
    mounted(host, says.clone(), move |entries| match on_top(entries, &recipe.at) {
        Some(top) if top.source == recipe.source && top.fs_type == recipe.fs_type => Truth::Yes(says.clone()),
        Some(top) => Truth::No(format!("{} is mounted on {} of {name}", top.source, recipe.at)),
        None => Truth::No(format!("nothing is mounted on {} of {name}", recipe.at)),
    })
}

/// What covers the place of a mount that was taken away (`nfs_detach`).
const COVER: &str = "pointsman-fenced";

/// Nothing but an automounter or the cover of what was taken away is at the place, or what is to be mounted there.
#[must_use]
pub fn is_free(host: &HostName, recipe: &Recipe) -> Condition {
    let (name, recipe) = (host.clone(), recipe.clone());
    let says = format!("nothing else is mounted on {} of {host}", recipe.at);
    mounted(host, says.clone(), move |entries| match on_top(entries, &recipe.at) {
        Some(top) if ![recipe.source.as_str(), COVER].contains(&top.source.as_str()) && top.fs_type != "autofs" => {
            Truth::No(format!("{} is mounted on {} of {name}", top.source, recipe.at))
        }
        _ => Truth::Yes(says.clone()),
    })
}

/// What is mounted at the place answers.
#[must_use]
pub fn answers(host: &HostName, at: &str, addresses: &[Ipv4Addr]) -> Condition {
    of_answer(host, at, addresses, format!("{at} of {host} answers"), |answer| {
        answer == Answer::Answers
    })
}

/// The mount of the plan does not answer, or is gone already.
#[must_use]
pub fn is_sick(host: &HostName, mount: &Entry, addresses: &[Ipv4Addr]) -> Condition {
    let gone = is_gone(host, mount);
    let says = format!("{} of {host} does not answer", mount.at);
    let sick = of_answer(host, &mount.at, addresses, says, |answer| answer != Answer::Answers);
    gone.or(sick)
}

fn of_answer(
    host: &HostName,
    at: &str,
    addresses: &[Ipv4Addr],
    says: String,
    fits: impl Fn(Answer) -> bool + Send + Sync + 'static,
) -> Condition {
    let looks = [filesystem::look(host), survey_look(host, addresses)];
    let (name, at, read) = (host.clone(), at.to_owned(), looks.clone());
    Condition::new(says, looks.to_vec(), move |sight| {
        let found = seen(sight, &read).map(|(entries, survey)| {
            let top = on_top(&entries, &at).filter(|top| top.is_nfs())?;
            Some((top.clone(), survey.get(&(top.id, top.device.clone())).copied()))
        });
        match found {
            Err(why) => Truth::Unknown(why),
            Ok(None) => Truth::No(format!("nothing is mounted over NFS on {at} of {name}")),
            Ok(Some((_, None))) => Truth::Unknown(format!("how {at} of {name} answers was not asked")),
            Ok(Some((_, Some(answer)))) => Truth::of(fits(answer), format!("{at} of {name} {answer}")),
        }
    })
}

/// What is mounted, and how it answers.
fn seen(sight: &Sight, [mounts, survey]: &[Look; 2]) -> Result<(Vec<Entry>, Survey), String> {
    let unknown = |look: &Look, why: String| format!("mounts of {}: {why}", look.host);
    let entries = parse(sight.text(mounts)?).map_err(|why| unknown(mounts, why))?;
    let survey = parse_survey(sight.text(survey)?).map_err(|why| unknown(survey, why))?;
    Ok((entries, survey))
}

/// An NFS server answers the host at that address.
#[must_use]
pub fn reaches(host: &HostName, address: Ipv4Addr) -> Condition {
    let look = Look::new(host, ["nfs_reach", &address.to_string()]);
    let (name, read) = (host.clone(), look.clone());
    Condition::new(
        format!("{host} reaches an NFS server at {address}"),
        vec![look],
        move |sight| match sight.printed(&read) {
            Ok(printed) if printed.exit == 127 => {
                Truth::Unknown(format!("{name} has no rpcinfo to ask {address} with"))
            }
            Ok(printed) => match printed.text.trim() {
                "answers" => Truth::Yes(format!("{address} answers {name}")),
                "silent" => Truth::No(format!("no NFS server at {address} answers {name}")),
                other => Truth::Unknown(format!("{name} says {other:?} of {address}")),
            },
            Err(why) => Truth::Unknown(why),
        },
    )
}

/// The look that tells which processes wait for NFS and do not get on.
#[must_use]
pub fn stuck_look(host: &HostName) -> Look {
    Look::new(host, ["nfs_stuck"])
}

/// Nobody on the host waits for NFS who did not before.
#[must_use]
pub fn nobody_new_waits(host: &HostName, before: &[String]) -> Condition {
    let (name, before) = (host.clone(), before.to_vec());
    let says = format!("no other process of {host} waits for NFS than before");
    Condition::on(says.clone(), stuck_look(host), move |text| match stuck(text) {
        Ok(now) => match now.iter().find(|process| !before.contains(process)) {
            Some(new) => Truth::No(format!("{new} waits for NFS on {name}")),
            None => Truth::Yes(says.clone()),
        },
        Err(why) => Truth::Unknown(format!("who waits for NFS on {name}: {why}")),
    })
}

/// Reads what [`stuck_look`] prints: process id, when it began, name.
///
/// # Errors
/// A sentence, when it is not whole.
pub fn stuck(text: &str) -> Result<Vec<String>, String> {
    Ok(whole(text)?
        .map(|line| CleanText::new(line).as_str().to_owned())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n\
        36 22 0:32 / /mnt/web1 rw,noatime shared:40 - nfs4 nas1:/srv/web1 rw,vers=4.2,rsize=1048576,hard,proto=tcp,\
        timeo=600,clientaddr=10.0.0.9,local_lock=none,addr=10.0.0.31\n\
        37 22 0:33 /sub /mnt/a\\040b ro,relatime - nfs 10.0.0.32:/srv/web2 rw,vers=3,mountaddr=10.0.0.32,mountport=20048,\
        mountproto=udp,addr=10.0.0.32\n";

    #[test]
    fn mounts_are_told_apart_by_what_the_kernel_calls_them() {
        let mounts = parse(TEXT).unwrap();
        let web1 = on_top(&mounts, "/mnt/web1").unwrap();
        assert_eq!((web1.id, web1.device.as_str(), web1.path()), (36, "0:32", "/srv/web1"));
        assert_eq!(web1.server(), Some(IpAddr::from([10, 0, 0, 31])));
        assert!(web1.is_plain() && !mounts[2].is_plain());
        // The same place, and the same source, of another mount.
        let again = parse(&TEXT.replace("36 22 0:32", "41 22 0:32")).unwrap();
        assert!(!again[1].is(web1));
        // Its cover got its numbers.
        let cover = "36 22 0:32 / /mnt/web1 ro - tmpfs pointsman-fenced ro,size=64k\n";
        assert!(!web1.is_same(&parse(cover).unwrap()[0]) && web1.is_same(web1));
        for garbage in [
            "",
            "Segmentation fault\n",
            "36 22 0:x / /mnt rw - nfs a:/b rw\n",
            "36 22 0:1 / /mnt rw\n",
        ] {
            assert!(parse(garbage).is_err(), "{garbage}");
        }
    }

    #[test]
    fn what_is_mounted_again_is_mounted_as_it_was_and_finds_its_server_anew() {
        let mounts = parse(TEXT).unwrap();
        let recipe = Recipe::of(&mounts[1]);
        assert_eq!(
            recipe.options,
            "rw,noatime,vers=4.2,rsize=1048576,hard,proto=tcp,timeo=600,local_lock=none"
        );
        assert_eq!(Recipe::of(&mounts[2]).options, "ro,relatime,vers=3");
        let moved = recipe.from_server(Ipv4Addr::new(10, 0, 0, 77), "/srv/web1");
        assert_eq!((moved.source.as_str(), &moved.at), ("10.0.0.77:/srv/web1", &recipe.at));
        let kept = "web1\tnfs4\tnas1:/srv/web1\t/mnt/web1\trw,noatime\trw,vers=4.2,addr=10.0.0.31\nend\n";
        let kept = parse_kept(kept).unwrap();
        assert_eq!(
            (kept[0].0.as_str(), kept[0].1.options.as_str()),
            ("web1", "rw,noatime,vers=4.2")
        );
        for garbage in [
            "",
            "end",
            "web1\tnfs4\tnas1:/srv/web1\t/mnt/web1\trw\trw\n",
            "web1\text4\t/dev/sda:/\t/mnt/web1\trw\trw\nend\n",
            "web1\tnfs4\t-o:/srv/web1\t/mnt/web1\trw\trw\nend\n",
            "web1\tnfs4\tnas1:/srv/web1\tmnt\trw\trw\nend\n",
        ] {
            assert!(parse_kept(garbage).is_err(), "{garbage}");
        }
        assert_eq!(parse_kept("end\n"), Ok(Vec::new()));
    }

    #[test]
    fn answers_and_holders_are_read_whole_or_not_at_all() {
        let survey = parse_survey("36 0:32 hangs\n37 0:33 answers\nend\n").unwrap();
        assert_eq!(survey.get(&(36, "0:32".to_owned())), Some(&Answer::Hangs));
        for garbage in ["", "36 0:32 hangs\n", "36 0:32 perhaps\nend\n", "36 hangs\nend\n"] {
            assert!(parse_survey(garbage).is_err(), "{garbage}");
        }
        let held = parse_held("36 0:32 812 99 S 33 nginx.service cwd nginx\n36 0:32 cut\nend\n").unwrap();
        let web1 = (36, "0:32".to_owned());
        assert_eq!(held.by[&web1][0].to_string(), "nginx 812 (user 33, nginx.service)");
        assert_eq!(held.cut, [web1]);
        for garbage in ["", "36 0:32 812 99 S 33\nend\n", "36 0:32 cut\n", "x 0:32 cut\nend\n"] {
            assert!(parse_held(garbage).is_err(), "{garbage}");
        }
        assert_eq!(parse_held("end\n"), Ok(Held::default()));
    }
}
