//! Who is to blame for what clients see, and for how long that has been so.

use super::{
    Latency, Op,
    beside::{Beside, STILL},
    peers::Peers,
};
use crate::{
    facts::{CleanText, UnixMs},
    fleet::HostName,
    verdict::{
        failslow::blame::{Accusation, Blame, Cell, Client, Hint, Matrix, blame},
        sight::Sight,
    },
};
use std::collections::BTreeMap;

/// An accusation must be made so many times in a row before it is told, each time by new readings.
const CONFIRMED: u16 = 3;
/// The same of a path: a single cell has nobody who agrees.
const PATH_CONFIRMED: u16 = 6;
/// Where the server waits for its secondary, so many more: until it shows whether a disk there is slow.
const BEHIND_IT: u16 = 3;
/// After so many ticks without it, it is taken back.
const CLEARED: u16 = 4;
/// Below this, ln 1.3, no stream makes a cell that could accuse anybody.
const REMARKABLE: f32 = 0.262_364_26;
/// What was slow in a tick by itself is so for some ticks more: reads are rare.
const READS: u16 = 12;
/// What is told must be as far above the past as a stream that is called slow: ln 1.6.
const TOLD: f32 = 0.470_003_6;
/// A server with more than this above its usual load, ln 1.8, is busy …
pub(super) const BUSY: f32 = 0.59;
/// … unless it is slower than four times what even that load explains: ln 4.
pub(super) const BEYOND: f32 = 1.386_294_4;

/// Somebody accused, by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Accused {
    Server(HostName),
    Client(HostName),
    Path(HostName, HostName),
    Link(CleanText, CleanText),
    Everything,
}

impl std::fmt::Display for Accused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Server(server) => write!(f, "server {server}"),
            Self::Client(client) => write!(f, "client {client}"),
            Self::Path(client, server) => write!(f, "path {client}→{server}"),
            Self::Link(from, to) => write!(f, "link {from}→{to}"),
            Self::Everything => f.write_str("everything at once"),
        }
    }
}

/// An accusation that stands, or stood until lately.
#[derive(Debug, Clone)]
pub(super) struct Suspect {
    pub(super) accused: Accused,
    /// Who it may be just as well.
    pub(super) or: Option<Accused>,
    /// The operations that show it most.
    pub(super) op: Op,
    /// When it was first made.
    pub(super) since: UnixMs,
    /// The excess over the past, ln.
    pub(super) excess: f32,
    /// So many trusted cells agree …
    pub(super) agree: usize,
    /// … of so many.
    pub(super) of: usize,
    /// For so many ticks it counts that it was accused of what no partner has a say in, too.
    reads: u16,
    /// The accused server has so much more to do than usual, ln.
    pub(super) load: f32,
    /// The secondary for whose disk the accused server waits, and the slice by which that shows.
    pub(super) behind: Option<(HostName, String)>,
    /// The accused server has been seen waiting for a secondary.
    waits: bool,
    /// What explains it: a rebuild, check or resync of it or of a secondary that it waits for.
    explained: Option<String>,
    /// Ticks since that was seen.
    explained_for: u16,
    held: u16,
    missed: u16,
    /// Ticks in a row in which nobody who counts measured what it is about.
    unseen: u16,
    told: bool,
}

impl Suspect {
    const fn new(accused: Accused, op: Op, since: UnixMs) -> Self {
        Self {
            accused,
            or: None,
            op,
            since,
            excess: 0.0,
            agree: 0,
            of: 0,
            reads: 0,
            load: 0.0,
            behind: None,
            waits: false,
            explained: None,
            explained_for: 0,
            held: 0,
            missed: 0,
            unseen: 0,
            told: false,
        }
    }

    /// Whether it has been made for long enough, and nothing speaks against it.
    pub(super) const fn is_told(&self) -> bool {
        self.told
    }

    /// Whether what it is about is measured: else it neither stands nor falls.
    pub(super) const fn is_seen(&self) -> bool {
        self.unseen == 0
    }

    /// Whether more work than usual explains it well enough.
    pub(super) fn is_busy(&self) -> bool {
        self.load > BUSY && self.excess < BEYOND
    }

    /// What is under way and explains it well enough.
    pub(super) fn explained(&self) -> Option<&str> {
        self.explained.as_deref().filter(|_| self.excess < BEYOND)
    }

    /// Whether the accused server, client or path itself is to blame, and not a secondary behind it.
    pub(super) const fn is_culprit(&self) -> bool {
        self.told && self.behind.is_none()
    }

    /// Whether it is slow in what no partner has a say in, and not only in writes that may wait for another.
    pub(super) const fn is_slow_itself(&self) -> bool {
        self.reads > 0
    }

    /// The hosts that it names.
    pub(super) fn names(&self) -> Vec<&HostName> {
        match &self.accused {
            Accused::Server(host) | Accused::Client(host) => vec![host],
            Accused::Path(client, server) => vec![client, server],
            Accused::Link(..) | Accused::Everything => Vec::new(),
        }
    }

    /// Whether what this client sees of that server is under suspicion: then it teaches nothing.
    pub(super) fn concerns(&self, client: &HostName, server: Option<&HostName>) -> bool {
        match &self.accused {
            Accused::Server(host) => server == Some(host),
            Accused::Client(host) => client == host,
            Accused::Path(from, to) => client == from && server == Some(to),
            Accused::Link(..) | Accused::Everything => true,
        }
    }
}

/// The matrix of one kind of operations: who sees whom, and how far above the past.
pub(super) struct Seen {
    /// Places of the clients in the fleet.
    pub(super) clients: Vec<usize>,
    /// Places of the servers in the fleet.
    pub(super) servers: Vec<usize>,
    pub(super) cells: Vec<Cell>,
}

impl Seen {
    /// The median excess of the cells that an accusation is about.
    fn middle(&self, blame: Blame) -> Option<f32> {
        let concerned = self.cells.iter().filter(|cell| match blame {
            Blame::Server(server) => cell.server == server,
            Blame::Client(client) => cell.client == client,
            Blame::Path { client, server } => (cell.client, cell.server) == (client, server),
            Blame::Link { .. } | Blame::Everything => true,
        });
        let mut excesses: Vec<f32> = concerned.map(|cell| cell.excess).collect();
        excesses.sort_by(f32::total_cmp);
        // Of a link some cells are not: the upper half speaks for it.
        let place = match blame {
            Blame::Link { .. } => excesses.len().saturating_sub(1),
            _ => excesses.len() / 2,
        };
        excesses.get(place).copied()
    }
}

impl Latency {
    /// What clients see of servers in one kind of operations; several slices of one server are one cell.
    pub(super) fn seen(&self, op: Op) -> Seen {
        let mut sums: BTreeMap<(usize, usize), (f32, f32)> = BTreeMap::new();
        let of_op = self.groups.iter().filter(|peers| peers.key.op() == op);
        for (peers, server) in of_op.filter_map(|peers| Some((peers, peers.server?))) {
            for (place, member) in peers.members.iter().enumerate().filter(|(_, member)| member.speaks()) {
                // Who cannot be seen says nothing about now.
                if !self.hosts[member.host].fresh {
                    continue;
                }
                let Some(excess) = excess(peers, place) else { continue };
                #[allow(clippy::cast_possible_truncation, reason = "a weight")]
                let traffic = (member.tracked.load() as f32).max(0.1);
                let cell = sums.entry((member.host, server)).or_default();
                *cell = (cell.0 + excess * traffic, cell.1 + traffic);
            }
        }
        let mut clients: Vec<usize> = sums.keys().map(|(client, _)| *client).collect();
        let mut servers: Vec<usize> = sums.keys().map(|(_, server)| *server).collect();
        for list in [&mut clients, &mut servers] {
            list.sort_unstable();
            list.dedup();
        }
        let cells = sums.iter().filter_map(|((client, server), (excess, traffic))| {
            Some(Cell {
                client: clients.binary_search(client).ok()?,
                server: servers.binary_search(server).ok()?,
                excess: excess / traffic,
                traffic: *traffic,
            })
        });
        let cells = cells.collect();
        Seen {
            clients,
            servers,
            cells,
        }
    }

    /// Whether any cell is far enough above its past for somebody to be accused: most often none is, and nothing more has to
    /// be worked out.
    fn is_remarkable(&self, op: Op) -> bool {
        let mut of_op = self
            .groups
            .iter()
            .filter(|peers| peers.key.op() == op && peers.server.is_some());
        of_op.any(|peers| {
            let mut members = peers.members.iter().enumerate().filter(|(_, member)| member.speaks());
            members.any(|(place, _)| excess(peers, place).is_some_and(|excess| excess >= REMARKABLE))
        })
    }

    /// Asks for every kind of operations who is to blame, and remembers for how long.
    pub(super) fn suspect(&mut self, sight: &Sight<'_>, serving: &BTreeMap<&str, usize>, now: UnixMs) {
        let mut accused: Vec<(Accused, Option<Accused>, Op, Accusation)> = Vec::new();
        let mut read = Vec::new();
        for op in Op::ALL.into_iter().filter(|op| op.is_nfs()) {
            if !self.is_remarkable(op) {
                continue;
            }
            let seen = self.seen(op);
            let hints = self.hints(sight, op, &seen);
            let clients: Vec<Client> = seen
                .clients
                .iter()
                .map(|at| Client {
                    weight: self.hosts[*at].weight,
                    site: self.hosts[*at].site,
                })
                .collect();
            let servers: Vec<u16> = seen.servers.iter().map(|at| self.hosts[*at].site).collect();
            let matrix = Matrix {
                clients: &clients,
                servers: &servers,
                cells: &seen.cells,
                hints: &hints,
            };
            for accusation in blame(&matrix) {
                let Some(name) = self.named(accusation.blame, &seen) else {
                    continue;
                };
                // That all others became faster is nothing against the one that did not.
                if seen.middle(accusation.blame).is_none_or(|excess| excess < REMARKABLE) {
                    continue;
                }
                let or = accusation.or.and_then(|or| self.named(or, &seen));
                if !op.is_replicated() && accusation.excess >= TOLD {
                    read.push(name.clone());
                }
                match accused.iter_mut().find(|(other, ..)| *other == name) {
                    // The kind of operations that shows it most speaks for it.
                    Some(other) if other.3.excess < accusation.excess => *other = (name, or, op, accusation),
                    Some(_) => {}
                    None => accused.push((name, or, op, accusation)),
                }
            }
        }
        let seen: Vec<bool> = self.suspects.iter().map(|suspect| self.is_measured(suspect)).collect();
        for (suspect, seen) in self.suspects.iter_mut().zip(seen) {
            if seen || !suspect.told {
                suspect.missed = suspect.missed.saturating_add(1);
            }
            suspect.unseen = if seen { 0 } else { suspect.unseen.saturating_add(1) };
            suspect.reads = suspect.reads.saturating_sub(1);
        }
        for (name, or, op, accusation) in accused {
            let beside = match &name {
                Accused::Server(server) => self.beside(sight, serving, server),
                _ => Beside::default(),
            };
            self.accuse(name, or, op, &accusation, beside, now);
        }
        for suspect in self
            .suspects
            .iter_mut()
            .filter(|suspect| read.contains(&suspect.accused))
        {
            suspect.reads = READS;
        }
        for suspect in self.suspects.iter_mut().filter(|suspect| suspect.missed > 0) {
            suspect.held = 0;
        }
        self.suspects
            .retain(|suspect| suspect.missed < CLEARED && suspect.unseen < super::GIVEN_UP);
        // What was said once and not again is no trend.
        self.suspects.retain(|suspect| suspect.told || suspect.missed < 2);
    }

    /// Whether anything that is trusted measured what a suspicion is about.
    fn is_measured(&self, suspect: &Suspect) -> bool {
        let of_op = self.groups.iter().filter(|peers| peers.key.op() == suspect.op);
        of_op
            .filter_map(|peers| Some((peers, peers.server?)))
            .any(|(peers, server)| {
                let server = &self.hosts[server].name;
                let mut members = peers.members.iter().filter(|member| member.speaks());
                members.any(|member| {
                    let client = &self.hosts[member.host];
                    client.fresh && client.weight > 0.0 && suspect.concerns(&client.name, Some(server))
                })
            })
    }

    fn accuse(
        &mut self,
        name: Accused,
        or: Option<Accused>,
        op: Op,
        accusation: &Accusation,
        beside: Beside,
        now: UnixMs,
    ) {
        let load = match &name {
            Accused::Server(server) => {
                let own = self.by_name.get(server).and_then(|at| self.offered.get(*at));
                // What all have more to do makes none of them the busy one.
                own.map_or(0.0, super::load::Offered::above_usual) - self.busier_together()
            }
            _ => 0.0,
        };
        let at = self.suspects.iter().position(|suspect| suspect.accused == name);
        let at = at.unwrap_or_else(|| {
            self.suspects.push(Suspect::new(name, op, now));
            self.suspects.len() - 1
        });
        let suspect = &mut self.suspects[at];
        (suspect.or, suspect.op, suspect.excess) = (or, op, accusation.excess);
        (suspect.agree, suspect.of, suspect.load) = (accusation.agree, accusation.of, load);
        suspect.held = suspect.held.saturating_add(1);
        suspect.missed = 0;
        if beside.explained.is_some() {
            (suspect.explained, suspect.explained_for) = (beside.explained, 0);
        } else {
            suspect.explained_for = suspect.explained_for.saturating_add(1);
            if suspect.explained_for > STILL {
                suspect.explained = None;
            }
        }
        // Whether something is under way to the secondary just now is chance; once seen, it stands.
        suspect.waits |= beside.waits;
        if !suspect.op.is_replicated() || suspect.is_slow_itself() {
            // Reads wait for no secondary.
            suspect.behind = None;
        } else if suspect.behind.is_none() {
            suspect.behind = beside.behind;
        }
        let unclear = suspect.waits && suspect.behind.is_none() && !beside.own_disk;
        let confirmed = match suspect.accused {
            Accused::Path(..) => PATH_CONFIRMED,
            _ => CONFIRMED,
        };
        let needed = confirmed + if unclear { BEHIND_IT } else { 0 };
        let explained = suspect.is_busy() || suspect.explained().is_some();
        if suspect.held >= needed && suspect.excess >= TOLD && !explained {
            suspect.told = true;
        }
    }

    /// Evidence from beside the matrix.
    fn hints(&self, sight: &Sight<'_>, op: Op, seen: &Seen) -> Vec<Hint> {
        let mut hints = Vec::new();
        for (server, at) in seen.servers.iter().enumerate() {
            if self.has_slow_disk(*at) {
                hints.push(Hint {
                    about: Blame::Server(server),
                    weight: 2.0,
                });
            }
        }
        for (client, at) in seen.clients.iter().enumerate() {
            if self.hosts[*at].weight < 1.0 && sight.seen(*at).is_some() {
                hints.push(Hint {
                    about: Blame::Client(client),
                    weight: 2.0,
                });
            }
        }
        for peers in self.groups.iter().filter(|peers| peers.key.op() == op) {
            for member in &peers.members {
                // One operation in a hundred sent again is a path that loses packets.
                if member.tracked.again < 0.01 || !member.speaks() {
                    continue;
                }
                let client = seen.clients.binary_search(&member.host).ok();
                let server = peers.server.and_then(|server| seen.servers.binary_search(&server).ok());
                if let (Some(client), Some(server)) = (client, server) {
                    hints.push(Hint {
                        about: Blame::Path { client, server },
                        weight: 2.0,
                    });
                }
            }
        }
        hints
    }

    fn named(&self, blame: Blame, seen: &Seen) -> Option<Accused> {
        let host = |list: &[usize], at: usize| list.get(at).map(|at| self.hosts[*at].name.clone());
        let site = |number: u16| {
            let of = self.hosts.iter().find(|host| host.site == number);
            of.map_or_else(CleanText::default, |host| host.site_name.clone())
        };
        Some(match blame {
            Blame::Server(server) => Accused::Server(host(&seen.servers, server)?),
            Blame::Client(client) => Accused::Client(host(&seen.clients, client)?),
            Blame::Path { client, server } => Accused::Path(host(&seen.clients, client)?, host(&seen.servers, server)?),
            Blame::Link { from, to } => Accused::Link(site(from), site(to)),
            Blame::Everything => Accused::Everything,
        })
    }
}

/// How far a cell is above its own past; where its peers say that it is slow, at least what they say, because one that
/// was slow from the first poll on has no better past.
pub(super) fn excess(peers: &Peers, place: usize) -> Option<f32> {
    let own = peers.members[place].own.excess();
    if !peers.group.state(place).is_alarm() {
        return own;
    }
    let ratio = peers.group.judge(place)?.ratio.max(1.0);
    own.map_or_else(
        || Some(ratio.ln()).filter(|excess| *excess > 0.0),
        |own| Some(own.max(ratio.ln())),
    )
}
