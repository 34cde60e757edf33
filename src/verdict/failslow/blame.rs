//! Who is to blame: a server, a client, the path between two, the link between two sites, or everything at once.
//!
//! The input is the matrix of what each client sees of each server, as the excess of that stream over its own past. Each
//! candidate claims a set of cells and explains it by their median; what that takes off the cells' misfit (Huber's ρ, so
//! that a wild cell counts but does not decide) is its gain. The best one is accused, its share is taken away, and the
//! rest is looked at again, three times at most. Candidates that claim the *same* cells cannot be told apart by the
//! matrix (a server with one client: server or path), whatever their gains are: only other evidence can, and without it
//! both are named.

/// An excess from here on, ln 1.3, is worth an explanation.
const HOT: f32 = 0.262_364_26;
/// An excess of everything from here on, ln 1.5, is.
const WIDE: f32 = 0.405_465_1;
/// Without one cell of this excess, ln 1.4, there is nothing to explain.
const ALARMING: f32 = 0.336_472_24;
/// The noise of a cell, in ln: as the matrix shows it, within these.
const NOISE: (f32, f32) = (0.08, 0.12);
/// Where Huber's ρ turns from a square to a line, in units of the noise.
const KNEE: f32 = 3.0;
/// Least gain of an accusation.
const ENOUGH: f32 = 6.0;
/// Two candidates that differ by less than this cannot be told apart.
const CLOSE: f32 = 2.0;
/// Share of a server's traffic that must be slow before the server is accused.
const MOST_TRAFFIC: f32 = 0.5;
/// With fewer cells nothing is said about what they have in common.
const FEW: usize = 4;
/// Accusations at most.
const ROUNDS: usize = 3;

/// Who observes: a client of the servers.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// How far it is trusted: see [`super::trust::weight`]. 0: what it sees is left out.
    pub weight: f32,
    /// The site where it is.
    pub site: u16,
}

/// What one client sees of one server.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    /// Index of the client.
    pub client: usize,
    /// Index of the server.
    pub server: usize,
    /// Latency over that of the stream's own past, load taken away, in ln.
    pub excess: f32,
    /// Operations or bytes a second, in one unit for all cells; what is not known counts as little.
    pub traffic: f32,
}

/// Somebody who can be to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Blame {
    /// The server with this index: all that see it see it slow.
    Server(usize),
    /// The client with this index: all that it sees is slow.
    Client(usize),
    /// The link between two sites, the smaller number first: all that goes over it is slow.
    Link {
        /// One site.
        from: u16,
        /// The other site.
        to: u16,
    },
    /// What lies between one client, which must be fully trusted, and one server.
    Path {
        /// Index of the client.
        client: usize,
        /// Index of the server.
        server: usize,
    },
    /// All that is seen is slow: what everything shares.
    #[default]
    Everything,
}

/// Evidence from beside the matrix, such as a slow disk of the server, a busy client, or retransmits on a path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hint {
    /// Who it is about.
    pub about: Blame,
    /// For (positive) or against; within ±2.
    pub weight: f32,
}

/// The matrix and what is known beside it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Matrix<'a> {
    /// The clients by index.
    pub clients: &'a [Client],
    /// The sites of the servers by index.
    pub servers: &'a [u16],
    /// The cells that are known, in any order, each at most once.
    pub cells: &'a [Cell],
    /// Evidence from beside.
    pub hints: &'a [Hint],
}

/// One accusation.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Accusation {
    /// Who is to blame.
    pub blame: Blame,
    /// Who it may be just as well: it cannot be told which of the two.
    pub or: Option<Blame>,
    /// The excess that it explains, in ln.
    pub excess: f32,
    /// How much better the matrix is explained by it; at least 6.
    pub gain: f32,
    /// Of the trusted cells that concern it so many are slow.
    pub agree: usize,
    /// Trusted cells that concern it.
    pub of: usize,
}

struct Candidate {
    blame: Blame,
    cells: Vec<usize>,
    penalty: f32,
    hint: f32,
}

/// A trusted cell on its way through the rounds.
struct Open {
    client: usize,
    server: usize,
    weight: f32,
    traffic: f32,
    rest: f32,
}

/// Accuses at most three, the clearest first. Nobody is accused while no trusted cell is above 1.4 times its past.
///
/// The order of the cells does not matter. Cells of clients or servers that there are none of, and excesses that are no
/// numbers, are left out.
#[must_use]
pub fn blame(matrix: &Matrix<'_>) -> Vec<Accusation> {
    let mut open = trusted(matrix);
    let mut scratch = Vec::with_capacity(open.len());
    let noise = level(&mut open, &mut scratch);
    let mut told: Vec<Accusation> = Vec::new();
    if open.iter().all(|cell| cell.rest < ALARMING) {
        return told;
    }
    let candidates = candidates(&open, matrix);
    let accused = |told: &[Accusation], blame| told.iter().any(|one| one.blame == blame || one.or == Some(blame));
    while told.len() < ROUNDS {
        let mut best: Option<(f32, f32, &Candidate)> = None;
        let mut scored = Vec::new();
        for candidate in &candidates {
            let Some((gain, excess)) = score(candidate, &open, noise, &mut scratch) else {
                continue;
            };
            if accused(&told, candidate.blame) || !may_be_accused(candidate, &open) {
                continue;
            }
            scored.push((gain, candidate));
            let better = |(top, _, held): (f32, f32, &Candidate)| {
                gain > top + 1e-4 || (gain > top - 1e-4 && candidate.blame < held.blame)
            };
            if best.is_none_or(better) {
                best = Some((gain, excess, candidate));
            }
        }
        let Some((gain, excess, winner)) = best.filter(|(gain, ..)| *gain >= ENOUGH) else {
            return told;
        };
        let agree = winner.cells.iter().filter(|at| open[**at].rest > HOT).count();
        for at in &winner.cells {
            open[*at].rest -= excess;
        }
        let or = alternative(winner, gain, &scored, &open, noise, &mut scratch);
        told.push(Accusation {
            blame: winner.blame,
            or,
            excess,
            gain,
            agree,
            of: winner.cells.len(),
        });
    }
    told
}

/// The cells of trusted clients, in one order whatever order they came in.
fn trusted(matrix: &Matrix<'_>) -> Vec<Open> {
    let cells = matrix.cells.iter().filter_map(|cell| {
        let weight = matrix.clients.get(cell.client)?.weight;
        let known = cell.server < matrix.servers.len() && cell.excess.is_finite();
        (known && weight > 0.0).then_some(Open {
            client: cell.client,
            server: cell.server,
            weight: weight.min(1.0),
            traffic: if cell.traffic.is_finite() {
                cell.traffic.max(1e-6)
            } else {
                1e-6
            },
            rest: cell.excess,
        })
    });
    let mut open: Vec<Open> = cells.collect();
    open.sort_by_key(|cell| (cell.client, cell.server));
    open.dedup_by_key(|cell| (cell.client, cell.server));
    open
}

/// Takes away what all cells have in common, unless it is so much that it wants an explanation; returns their noise.
///
/// All have more to do at once or less: what that explains is known roughly, and a slow one must neither hide in it nor
/// have others accused beside it.
fn level(open: &mut [Open], scratch: &mut Vec<f32>) -> f32 {
    let rests = |open: &[Open], scratch: &mut Vec<f32>| {
        scratch.clear();
        scratch.extend(open.iter().map(|cell| cell.rest));
    };
    rests(open, scratch);
    let middle = super::group::median(scratch);
    for rest in &mut *scratch {
        *rest = (*rest - middle).abs();
    }
    let noise = (1.4826 * super::group::median(scratch)).max(NOISE.0).min(NOISE.1);
    if open.len() >= FEW {
        rests(open, scratch);
        // Below the middle: half of the cells may be slow.
        let (_, low, _) = scratch.select_nth_unstable_by((open.len() - 1) * 2 / 5, f32::total_cmp);
        // What is more is a finding.
        let common = *low;
        if common < WIDE {
            for cell in open {
                cell.rest -= common;
            }
        }
    }
    noise
}

fn candidates(open: &[Open], matrix: &Matrix<'_>) -> Vec<Candidate> {
    let mut servers = vec![Vec::new(); matrix.servers.len()];
    let mut clients = vec![Vec::new(); matrix.clients.len()];
    let mut links = std::collections::BTreeMap::<(u16, u16), Vec<usize>>::new();
    let mut paths = Vec::new();
    for (at, cell) in open.iter().enumerate() {
        servers[cell.server].push(at);
        clients[cell.client].push(at);
        let (from, to) = (matrix.clients[cell.client].site, matrix.servers[cell.server]);
        if from != to {
            links.entry((from.min(to), from.max(to))).or_default().push(at);
        }
        // One that is half trusted is heard beside others, and accuses no path on its word alone.
        if cell.rest > HOT && cell.weight >= 1.0 {
            let (client, server) = (cell.client, cell.server);
            paths.push((Blame::Path { client, server }, vec![at]));
        }
    }
    // One cell is a path, and all cells of several clients and servers are everything: no link is needed to say so.
    links.retain(|_, cells| cells.len() > 1);
    let several = |lists: &[Vec<usize>]| lists.iter().filter(|cells| !cells.is_empty()).count() > 1;
    let everything = several(&servers) && several(&clients) && links.values().all(|cells| cells.len() < open.len());
    let named = |lists: Vec<Vec<usize>>, blame: fn(usize) -> Blame| {
        let lists = lists.into_iter().enumerate().filter(|(_, cells)| !cells.is_empty());
        lists.map(move |(index, cells)| (blame(index), cells)).collect()
    };
    let kinds: [Vec<(Blame, Vec<usize>)>; 5] = [
        named(servers, Blame::Server),
        named(clients, Blame::Client),
        links
            .into_iter()
            .map(|((from, to), cells)| (Blame::Link { from, to }, cells))
            .collect(),
        paths,
        if everything {
            vec![(Blame::Everything, (0..open.len()).collect())]
        } else {
            Vec::new()
        },
    ];
    let mut hints = std::collections::BTreeMap::<Blame, f32>::new();
    for hint in matrix.hints.iter().filter(|hint| hint.weight.is_finite()) {
        *hints.entry(hint.about).or_default() += hint.weight;
    }
    let mut all = Vec::new();
    for kind in kinds {
        let many = (kind.len() as f32).ln();
        for (blame, cells) in kind {
            let extra = match blame {
                // Of many cells one or the other is wild.
                Blame::Path { .. } => 1.0 + 0.7 * (open.len() as f32 / 10.0).ln().max(0.0),
                Blame::Everything => 1.0,
                _ if cells.len() == 1 => 2.0,
                _ => 0.0,
            };
            let hint = hints.get(&blame).copied().unwrap_or_default();
            all.push(Candidate {
                blame,
                cells,
                penalty: many + extra,
                hint: hint.clamp(-2.0, 2.0),
            });
        }
    }
    all
}

/// Huber's ρ.
fn misfit(value: f32) -> f32 {
    let size = value.abs();
    if size <= KNEE {
        0.5 * size * size
    } else {
        KNEE * (size - 0.5 * KNEE)
    }
}

/// Gain and excess of a candidate, if it explains anything.
fn score(candidate: &Candidate, open: &[Open], noise: f32, scratch: &mut Vec<f32>) -> Option<(f32, f32)> {
    scratch.clear();
    scratch.extend(candidate.cells.iter().map(|at| open[*at].rest));
    let excess = super::group::median(scratch);
    // What load explains is known too roughly to make much of little that all have in common.
    let least = if candidate.blame == Blame::Everything {
        WIDE
    } else {
        HOT
    };
    if excess.is_nan() || excess < least {
        return None;
    }
    let gains = candidate.cells.iter().map(|at| {
        let cell = &open[*at];
        cell.weight * (misfit(cell.rest / noise) - misfit((cell.rest - excess) / noise))
    });
    Some((gains.sum::<f32>() - candidate.penalty + candidate.hint, excess))
}

/// A server is accused only when most of its traffic is slow.
fn may_be_accused(candidate: &Candidate, open: &[Open]) -> bool {
    if !matches!(candidate.blame, Blame::Server(_)) {
        return true;
    }
    let traffic = |slow: bool| -> f32 {
        let cells = candidate.cells.iter().map(|at| &open[*at]);
        cells
            .filter(|cell| !slow || cell.rest > HOT)
            .map(|cell| cell.traffic)
            .sum()
    };
    traffic(true) >= MOST_TRAFFIC * traffic(false)
}

/// Who explains the same as the winner, and about as well; `open` is already without the winner's share.
fn alternative(
    winner: &Candidate,
    gain: f32,
    scored: &[(f32, &Candidate)],
    open: &[Open],
    noise: f32,
    scratch: &mut Vec<f32>,
) -> Option<Blame> {
    let mut best: Option<(f32, Blame)> = None;
    for (other_gain, other) in scored {
        if std::mem::discriminant(&other.blame) == std::mem::discriminant(&winner.blame) {
            continue;
        }
        // Of the same cells the matrix knows nothing: only what was seen beside it decides.
        let same = other.cells == winner.cells;
        let behind = if same {
            winner.hint - other.hint
        } else {
            gain - other_gain
        };
        if behind >= CLOSE {
            continue;
        }
        // What explains something else, too, is no alternative but the next one to be accused.
        let remains = score(other, open, noise, scratch).is_some_and(|(gain, _)| gain >= ENOUGH);
        let nearer = |(held, blame): (f32, Blame)| behind < held || (behind <= held && other.blame < blame);
        if (same || !remains) && best.is_none_or(nearer) {
            best = Some((behind, other.blame));
        }
    }
    best.map(|(_, blame)| blame)
}
