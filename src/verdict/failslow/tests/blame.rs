use super::{
    super::blame::{Accusation, Blame, Cell, Client, Hint, Matrix, blame},
    Random,
};
use proptest::prelude::*;

/// Sizes from the smallest that can be decided to the largest that is promised.
const SIZES: [(usize, usize); 7] = [(2, 2), (3, 2), (2, 5), (5, 3), (8, 8), (20, 5), (40, 10)];
const EACH: usize = 150;

struct Fleet {
    clients: Vec<Client>,
    servers: Vec<u16>,
    cells: Vec<Cell>,
}

impl Fleet {
    /// All see all, one site, and what healthy residuals look like: deviation 0.06, and one cell in 300 with a spike.
    fn healthy(random: &mut Random, clients: usize, servers: usize) -> Self {
        let mut cells = Vec::new();
        for client in 0..clients {
            for server in 0..servers {
                let spike = if random.below(300) == 0 { 0.15 } else { 0.0 };
                cells.push(Cell {
                    client,
                    server,
                    excess: 0.06 * random.normal() + spike,
                    traffic: random.between(50.0, 500.0),
                });
            }
        }
        Self {
            clients: vec![Client { weight: 1.0, site: 0 }; clients],
            servers: vec![0; servers],
            cells,
        }
    }

    fn slow(&mut self, factor: f32, which: impl Fn(&Cell) -> bool) {
        for cell in self.cells.iter_mut().filter(|cell| which(cell)) {
            cell.excess += factor.ln();
        }
    }

    fn matrix(&self) -> Matrix<'_> {
        Matrix {
            clients: &self.clients,
            servers: &self.servers,
            cells: &self.cells,
            hints: &[],
        }
    }

    fn blame(&self) -> Vec<Accusation> {
        blame(&self.matrix())
    }
}

/// How many of the runs accuse exactly the one that is at fault, and nobody else beside.
fn accuracy(seed: u64, factor: f32, kind: impl Fn(&mut Random, usize, usize) -> Option<Blame>) -> f64 {
    let mut random = Random(seed);
    let (mut right, mut all) = (0_u32, 0_u32);
    for (clients, servers) in SIZES {
        for _ in 0..EACH {
            let mut fleet = Fleet::healthy(&mut random, clients, servers);
            let culprit = kind(&mut random, clients, servers);
            fleet.slow(factor, |cell| match culprit {
                Some(Blame::Server(server)) => cell.server == server,
                Some(Blame::Client(client)) => cell.client == client,
                Some(Blame::Path { client, server }) => (cell.client, cell.server) == (client, server),
                Some(_) => true,
                None => false,
            });
            let told: Vec<(Blame, Option<Blame>)> = fleet.blame().iter().map(|one| (one.blame, one.or)).collect();
            let wanted: Vec<(Blame, Option<Blame>)> = culprit.into_iter().map(|one| (one, None)).collect();
            right += u32::from(told == wanted);
            all += 1;
        }
    }
    f64::from(right) / f64::from(all)
}

#[test]
fn a_fault_of_twice_is_put_on_the_one_at_fault() {
    let server = accuracy(1, 2.0, |random, _, servers| Some(Blame::Server(random.below(servers))));
    let client = accuracy(2, 2.0, |random, clients, _| Some(Blame::Client(random.below(clients))));
    let path = accuracy(3, 2.0, |random, clients, servers| {
        let (client, server) = (random.below(clients), random.below(servers));
        Some(Blame::Path { client, server })
    });
    let everything = accuracy(4, 2.0, |_, _, _| Some(Blame::Everything));
    let nobody = accuracy(5, 1.0, |_, _, _| None);
    println!("server {server} client {client} path {path} everything {everything} nobody {nobody}");
    assert!(server >= 0.99, "{server}");
    assert!(client >= 0.98, "{client}");
    assert!(path >= 0.97, "{path}");
    assert!(everything >= 0.98, "{everything}");
    assert!(nobody >= 0.99, "{nobody}");
}

/// Not every client uses every server.
#[test]
fn gaps_in_the_matrix_are_no_harder() {
    let mut random = Random(13);
    let mut right = [0; 3];
    for _ in 0..200 {
        let culprits = [
            Blame::Server(random.below(10)),
            Blame::Client(random.below(40)),
            Blame::Path {
                client: random.below(40),
                server: random.below(10),
            },
        ];
        for (right, culprit) in right.iter_mut().zip(culprits) {
            let mut fleet = Fleet::healthy(&mut random, 40, 10);
            let hit = |cell: &Cell| match culprit {
                Blame::Server(server) => cell.server == server,
                Blame::Client(client) => cell.client == client,
                Blame::Path { client, server } => (cell.client, cell.server) == (client, server),
                _ => false,
            };
            fleet.cells.retain(|cell| {
                let used = random.below(10) < 6;
                used || matches!(culprit, Blame::Path { .. }) && hit(cell)
            });
            fleet.slow(2.0, hit);
            let told = fleet.blame();
            *right += u32::from(told.len() == 1 && told[0].blame == culprit && told[0].or.is_none());
        }
    }
    let [server, client, path] = right;
    assert!(server >= 198 && client >= 196 && path >= 194, "{right:?} of 200 each");
}

#[test]
fn larger_faults_are_no_harder() {
    for factor in [3.0, 10.0, 100.0] {
        let server = accuracy(11, factor, |random, _, servers| {
            Some(Blame::Server(random.below(servers)))
        });
        let path = accuracy(12, factor, |random, clients, servers| {
            let (client, server) = (random.below(clients), random.below(servers));
            Some(Blame::Path { client, server })
        });
        assert!(server >= 0.99 && path >= 0.97, "{factor}: {server} {path}");
    }
}

/// All have more or less to do than usual, and what load explains is known roughly: a slow one does not hide in that, and
/// nobody is accused beside it.
#[test]
fn what_all_have_in_common_neither_hides_nor_accuses_anybody() {
    let mut random = Random(17);
    for (clients, servers) in SIZES {
        for common in [-0.9, -0.4, 0.2, 0.28] {
            let mut right = 0;
            for _ in 0..50 {
                let mut fleet = Fleet::healthy(&mut random, clients, servers);
                for cell in &mut fleet.cells {
                    cell.excess += common;
                }
                assert_eq!(fleet.blame(), [], "{clients}×{servers}, {common}");
                let server = random.below(servers);
                fleet.slow(2.0, |cell| cell.server == server);
                let told = fleet.blame();
                right += u32::from(told.len() == 1 && (told[0].blame, told[0].or) == (Blame::Server(server), None));
            }
            assert!(right >= 48, "{clients}×{servers}, {common}: {right} of 50");
        }
    }
}

#[test]
fn up_to_three_faults_are_told_apart() {
    let mut random = Random(21);
    let mut right = 0;
    for _ in 0..200 {
        let mut fleet = Fleet::healthy(&mut random, 12, 6);
        fleet.slow(3.0, |cell| cell.server == 2);
        fleet.slow(2.5, |cell| cell.client == 7);
        fleet.slow(4.0, |cell| (cell.client, cell.server) == (3, 5));
        let mut told: Vec<Blame> = fleet.blame().iter().map(|one| one.blame).collect();
        told.sort_unstable();
        let path = Blame::Path { client: 3, server: 5 };
        right += u32::from(told == [Blame::Server(2), Blame::Client(7), path]);
    }
    assert!(right >= 196, "{right} of 200");
}

#[test]
fn what_cannot_be_told_is_said_to_be_so() {
    // One server, one client of it; another server with two clients shows that the client itself is well.
    let cell = |client, server, excess| Cell {
        client,
        server,
        excess,
        traffic: 100.0,
    };
    let clients = [Client { weight: 1.0, site: 0 }; 2];
    let cells = [cell(0, 0, 0.9), cell(0, 1, 0.02), cell(1, 1, -0.03)];
    let matrix = Matrix {
        clients: &clients,
        servers: &[0, 0],
        cells: &cells,
        hints: &[],
    };
    let path = Blame::Path { client: 0, server: 0 };
    let told = blame(&matrix);
    assert_eq!(told.len(), 1, "{told:?}");
    let both = [Some(told[0].blame), told[0].or];
    assert!(
        both.contains(&Some(path)) && both.contains(&Some(Blame::Server(0))),
        "{told:?}"
    );
    // Its own disk is slow: that decides it.
    let hints = [Hint {
        about: Blame::Server(0),
        weight: 2.0,
    }];
    let told = blame(&Matrix {
        hints: &hints,
        ..matrix
    });
    assert_eq!((told[0].blame, told[0].or), (Blame::Server(0), None), "{told:?}");
    // The packets between the two are lost: that, too.
    let hints = [Hint {
        about: path,
        weight: 2.0,
    }];
    let told = blame(&Matrix {
        hints: &hints,
        ..matrix
    });
    assert_eq!((told[0].blame, told[0].or), (path, None), "{told:?}");
}

#[test]
fn a_link_between_sites_is_a_path_of_many() {
    let mut random = Random(31);
    let mut fleet = Fleet::healthy(&mut random, 12, 6);
    for (at, client) in fleet.clients.iter_mut().enumerate() {
        client.site = u16::from(at >= 6);
    }
    fleet.servers = vec![0, 0, 0, 1, 1, 1];
    fleet.slow(2.0, |cell| (cell.client < 6) != (cell.server < 3));
    let told = fleet.blame();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].blame, told[0].or), (Blame::Link { from: 0, to: 1 }, None));
    assert_eq!((told[0].agree, told[0].of), (36, 36));
    // The same server for both: it is the server.
    let mut fleet = Fleet::healthy(&mut random, 12, 6);
    fleet.servers = vec![0, 0, 0, 1, 1, 1];
    fleet.slow(2.0, |cell| cell.server == 4);
    assert_eq!(fleet.blame()[0].blame, Blame::Server(4));
    // All that go to the other site see the one server there: the server or the link.
    let mut fleet = Fleet::healthy(&mut random, 4, 3);
    fleet.servers = vec![0, 0, 1];
    fleet.slow(2.0, |cell| cell.server == 2);
    let told = fleet.blame();
    let both = [Some(told[0].blame), told[0].or];
    assert!(both.contains(&Some(Blame::Server(2))), "{told:?}");
    assert!(both.contains(&Some(Blame::Link { from: 0, to: 1 })), "{told:?}");
}

#[test]
fn a_server_is_accused_only_when_most_of_its_traffic_is_slow() {
    let mut random = Random(41);
    let mut fleet = Fleet::healthy(&mut random, 3, 2);
    fleet.slow(2.0, |cell| cell.server == 0 && cell.client < 2);
    for cell in &mut fleet.cells {
        cell.traffic = if cell.client == 2 { 1000.0 } else { 10.0 };
    }
    let told = fleet.blame();
    assert!(!told.is_empty());
    assert!(
        told.iter()
            .all(|one| matches!(one.blame, Blame::Path { server: 0, .. })),
        "{told:?}"
    );
}

#[test]
fn who_is_not_trusted_is_not_heard() {
    let mut random = Random(51);
    let mut fleet = Fleet::healthy(&mut random, 4, 4);
    fleet.slow(5.0, |cell| cell.client == 2);
    fleet.clients[2].weight = 0.0;
    assert_eq!(fleet.blame(), []);
}

fn any_cell() -> impl Strategy<Value = Cell> {
    let excess = prop_oneof![8 => -1.0_f32..3.0, 1 => any::<f32>()];
    (0_usize..6, 0_usize..6, excess, any::<f32>()).prop_map(|(client, server, excess, traffic)| Cell {
        client,
        server,
        excess,
        traffic,
    })
}

proptest! {
    #[test]
    fn any_matrix_is_judged_without_a_panic(
        cells in proptest::collection::vec(any_cell(), 0..40),
        weights in proptest::collection::vec(any::<f32>(), 0..6),
        servers in proptest::collection::vec(0_u16..3, 0..6),
        hint in any::<f32>(),
    ) {
        let clients: Vec<Client> = weights.iter().map(|weight| Client { weight: *weight, site: 1 }).collect();
        let hints = [Hint { about: Blame::Server(0), weight: hint }];
        let told = blame(&Matrix { clients: &clients, servers: &servers, cells: &cells, hints: &hints });
        prop_assert!(told.len() <= 3);
        for one in &told {
            prop_assert!(one.gain >= 6.0 && one.excess > 0.26 && one.agree <= one.of && one.or != Some(one.blame));
        }
    }

    #[test]
    fn neither_the_order_nor_the_names_matter(
        seed in any::<u64>(),
        clients in 2_usize..9,
        servers in 2_usize..7,
        factor in 1.0_f32..6.0,
        turn in 0_usize..50,
    ) {
        let mut random = Random(seed);
        let mut fleet = Fleet::healthy(&mut random, clients, servers);
        let (client, server) = (random.below(clients), random.below(servers));
        fleet.slow(factor, |cell| cell.server == server);
        fleet.slow(factor.sqrt(), |cell| cell.client == client);
        let told = fleet.blame();
        // Other order of the cells.
        let turned = turn % fleet.cells.len();
        fleet.cells.rotate_left(turned);
        prop_assert_eq!(&fleet.blame(), &told);
        // Other numbers of the clients: the same accusations about the same.
        let rename = |client: usize| (client + turn) % clients;
        for cell in &mut fleet.cells {
            cell.client = rename(cell.client);
        }
        let renamed = |blame: Blame| match blame {
            Blame::Client(client) => Blame::Client(rename(client)),
            Blame::Path { client, server } => Blame::Path { client: rename(client), server },
            other => other,
        };
        let wanted: Vec<_> = told.iter().map(|one| renamed(one.blame)).collect();
        let now: Vec<_> = fleet.blame().iter().map(|one| one.blame).collect();
        prop_assert_eq!(now, wanted);
    }
}
