//! Galera clusters by the provider's rules: who is together, which of them are the primary component, and what becomes of the
//! data of a member that joins.

use super::{
    island::Island,
    node::{Node, Power, whole},
};
use std::collections::BTreeMap;

/// A Galera node.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a state of its own")]
pub struct Galera {
    /// Which of the island's clusters it is configured for.
    pub group: usize,
    /// Cut off from the others.
    pub cut: bool,
    /// Whether its server runs.
    pub runs: bool,
    /// Whether it starts by itself once there is a primary component: its host has booted.
    pub waits: bool,
    /// In the primary component.
    pub primary: bool,
    /// Nodes that it sees, itself included.
    pub size: u32,
    /// That of the last primary component that it was in: rises with each change of membership. 0: since its server started
    /// it was in none.
    pub conf_id: u64,
    /// How many nodes that component had: more than half of them stay one.
    pub view: u32,
    /// The cluster that its state is of, by a number; 0: none.
    pub cluster: u32,
    /// `wsrep_last_committed`.
    pub committed: f64,
    /// Whether its grastate.dat tells where it ended.
    pub saved: bool,
    /// `safe_to_bootstrap`.
    pub safe: bool,
    /// Whether its data was recovered since its server ran.
    pub recovered: bool,
    /// Whether it was made a primary component beside another one.
    pub second: bool,
    /// Whether data of its own was thrown away when it joined.
    pub robbed: bool,
    /// Bootstraps that its state came from: when they were, and how far the first member was then.
    pub lineage: Vec<(u64, u64)>,
    /// Whether it has write sets of its own where the others have others under the same numbers.
    pub diverged: bool,
    /// Bootstraps that are written down on its host.
    pub noted: String,
}

impl Galera {
    /// A node of a cluster of that many that is well.
    #[must_use]
    pub const fn new(size: u32) -> Self {
        Self {
            group: 0,
            cut: false,
            runs: true,
            waits: false,
            primary: true,
            size,
            conf_id: 14,
            view: size,
            cluster: 1,
            committed: 7_218_004.0,
            saved: false,
            safe: false,
            recovered: false,
            second: false,
            robbed: false,
            lineage: Vec::new(),
            diverged: false,
            noted: String::new(),
        }
    }

    /// How far its data is: whole write sets.
    #[must_use]
    pub fn at(&self) -> u64 {
        whole(self.committed)
    }

    /// `wsrep_cluster_state_uuid` of its cluster.
    #[must_use]
    pub fn uuid(&self) -> String {
        match self.cluster {
            0 => "00000000-0000-0000-0000-000000000000".to_owned(),
            cluster => format!("6f0c1c1e-93c4-11ef-8a5b-0e5a7d1f{:04x}", 0x2b10 + cluster),
        }
    }

    /// Its server ends as a crash would end it.
    pub fn crash(&mut self) {
        if self.runs {
            (self.runs, self.saved, self.safe, self.recovered) = (false, false, false, false);
        }
        (self.primary, self.conf_id, self.view, self.size) = (false, 0, 0, 0);
    }

    /// Its host has lost its power and boots: what has run starts again once it finds a primary component.
    pub fn boot(&mut self) {
        self.waits |= self.runs;
        self.recovered = false;
        self.crash();
    }

    fn start(&mut self) {
        (self.runs, self.waits, self.saved, self.recovered) = (true, false, false, false);
        (self.primary, self.conf_id, self.view, self.size) = (false, 0, 0, 1);
    }

    /// Becomes a member of a primary component that is so far; what it has beyond that is thrown away. By numbers alone: what
    /// it has beyond a bootstrap that it took no part in stays.
    fn join(&mut self, cluster: u32, committed: f64, lineage: &[(u64, u64)]) {
        self.robbed |= self.cluster != 0 && (self.cluster != cluster || self.at() > whole(committed));
        let mut missed = lineage.iter().filter(|bootstrap| !self.lineage.contains(bootstrap));
        self.diverged |= self.cluster == cluster && missed.any(|(_, at)| self.at() > *at);
        self.lineage = lineage.to_vec();
        (self.cluster, self.committed) = (cluster, committed);
    }
}

fn of(node: &Node) -> Option<&Galera> {
    node.mysql.as_ref()?.galera.as_ref()
}

impl Island {
    fn galera(&mut self, at: usize) -> Option<&mut Galera> {
        self.nodes[at].mysql.as_mut()?.galera.as_mut()
    }

    /// Nodes that talk to each other: those that are cut off are alone.
    fn components(&self) -> Vec<Vec<usize>> {
        let (mut together, mut alone) = (BTreeMap::<usize, Vec<usize>>::new(), Vec::new());
        for (at, node) in self.nodes.iter().enumerate() {
            match of(node) {
                Some(own) if node.is_up() && (own.runs || own.waits) && own.cut => alone.push(vec![at]),
                Some(own) if node.is_up() && (own.runs || own.waits) => together.entry(own.group).or_default().push(at),
                _ => {}
            }
        }
        alone.extend(together.into_values());
        alone
    }

    /// Galera nodes find out who they can see. More than half of the last primary component stay one; so do all of them
    /// when they meet again; any other component waits for a person.
    pub(super) fn agree(&mut self) {
        for component in self.components() {
            self.agree_on(&component);
        }
    }

    fn agree_on(&mut self, component: &[usize]) {
        let runs: Vec<usize> = component
            .iter()
            .copied()
            .filter(|at| of(&self.nodes[*at]).is_some_and(|own| own.runs))
            .collect();
        let newest = |island: &Self, primary: bool| {
            let own = runs.iter().filter_map(|at| of(&island.nodes[*at]));
            own.filter(|own| own.primary || !primary)
                .max_by_key(|own| own.conf_id)
                .map(|own| (own.conf_id, own.view))
        };
        let kept = |island: &Self, conf_id: u64| {
            let own = runs.iter().filter_map(|at| of(&island.nodes[*at]));
            own.filter(|own| own.conf_id == conf_id && conf_id > 0).count()
        };
        let (conf_id, lives) = match (newest(self, true), newest(self, false)) {
            (Some((conf_id, view)), _) => (conf_id, kept(self, conf_id) * 2 > view as usize),
            (None, Some((conf_id, view))) => (conf_id, conf_id > 0 && kept(self, conf_id) == view as usize),
            (None, None) => return,
        };
        let size = u32::try_from(component.len()).unwrap_or(u32::MAX);
        if !lives {
            for at in runs {
                if let Some(own) = self.galera(at) {
                    own.primary = false;
                    own.size = size;
                }
            }
            return;
        }
        let members = runs
            .iter()
            .filter_map(|at| of(&self.nodes[*at]))
            .filter(|own| own.conf_id == conf_id);
        let Some((cluster, committed, lineage)) = members
            .map(|own| (own.cluster, own.committed, own.lineage.clone()))
            .max_by(|one, two| one.1.total_cmp(&two.1))
        else {
            return;
        };
        let same = |own: &Galera| own.runs && own.primary && own.conf_id == conf_id && own.view == size;
        let changed = !component.iter().all(|at| of(&self.nodes[*at]).is_some_and(same));
        for at in component {
            let Some(own) = self.galera(*at) else { continue };
            if own.waits {
                own.start();
            }
            own.join(cluster, committed, &lineage);
            (own.primary, own.size, own.view) = (true, size, size);
            own.conf_id = conf_id + u64::from(changed);
            own.safe = size == 1;
        }
    }

    /// What members of primary components write for `dt` seconds: all of it, or nothing.
    pub(super) fn commit(&mut self, dt: f64) {
        for component in self.components() {
            let primary = |at: &&usize| of(&self.nodes[**at]).is_some_and(|own| own.primary);
            let rates = component
                .iter()
                .filter(primary)
                .filter_map(|at| Some(self.nodes[*at].mysql.as_ref()?.rate));
            let more = rates.fold(0.0, f64::max) * dt;
            for at in component {
                if let Some(own) = self.galera(at).filter(|own| own.primary) {
                    own.committed += more;
                }
            }
        }
    }

    /// `pc.bootstrap=YES`: the component that a node is in becomes a primary one, whoever else is one.
    pub(super) fn bootstrap(&mut self, at: usize) -> bool {
        let Some(own) = of(&self.nodes[at]).filter(|own| own.runs).cloned() else {
            return false;
        };
        if own.primary {
            return true;
        }
        let component = self
            .components()
            .into_iter()
            .find(|component| component.contains(&at))
            .unwrap_or_default();
        let view = component
            .iter()
            .filter(|at| of(&self.nodes[**at]).is_some_and(|own| own.runs))
            .count();
        self.be_first(at, &component, u32::try_from(view).unwrap_or(u32::MAX));
        true
    }

    /// Starts a stopped node as the first one of its cluster; without a state of any it makes a new one.
    pub(super) fn new_cluster(&mut self, at: usize) -> bool {
        let clusters = self
            .nodes
            .iter()
            .filter_map(of)
            .map(|own| own.cluster)
            .max()
            .unwrap_or(0);
        let Some(own) = self.galera(at).filter(|own| !own.runs) else {
            return false;
        };
        own.start();
        if own.cluster == 0 {
            (own.cluster, own.committed) = (clusters + 1, 0.0);
        }
        self.be_first(at, &[at], 1);
        true
    }

    fn be_first(&mut self, at: usize, component: &[usize], view: u32) {
        let group = of(&self.nodes[at]).map(|own| own.group);
        let there = self.nodes.iter().filter(|node| node.power != Power::Off).filter_map(of);
        let lives = there.filter(|own| Some(own.group) == group).any(|own| own.primary);
        let conf_id = self
            .nodes
            .iter()
            .filter_map(of)
            .map(|own| own.conf_id)
            .max()
            .unwrap_or(0)
            + 1;
        let bootstrap = (self.now_ms, of(&self.nodes[at]).map_or(0, Galera::at));
        for member in component {
            if let Some(own) = self.galera(*member).filter(|own| own.runs) {
                (own.primary, own.conf_id, own.view) = (true, conf_id, view);
                own.lineage.push(bootstrap);
            }
        }
        if let Some(own) = self.galera(at) {
            own.second |= lives;
        }
        self.settle();
    }

    /// Starts the server of a stopped node; it waits for a primary component where it finds none.
    pub(super) fn start_node(&mut self, at: usize) -> bool {
        let Some(own) = self.galera(at).filter(|own| !own.runs) else {
            return false;
        };
        own.start();
        self.settle();
        true
    }

    /// Ends the server of a node: well, so that it tells where it ended, or as a crash does.
    pub fn stop_node(&mut self, at: usize, well: bool) {
        let Some(own) = self.galera(at).filter(|own| own.runs) else {
            return;
        };
        let (conf_id, last) = (own.conf_id, own.view <= 1);
        let primary = own.primary;
        own.crash();
        if well {
            own.saved = true;
            own.safe = primary && last;
            // Who leaves well is no longer counted.
            for node in 0..self.nodes.len() {
                let left = |other: &&mut Galera| primary && other.primary && other.conf_id == conf_id;
                if let Some(other) = self.galera(node).filter(left) {
                    other.view -= 1;
                }
            }
        }
        self.settle();
    }

    /// The cluster of a node loses its primary component, and its members do not mend that by themselves: they miss one.
    pub fn lose_quorum(&mut self, at: usize) {
        let Some(group) = of(&self.nodes[at]).map(|own| own.group) else {
            return;
        };
        for node in 0..self.nodes.len() {
            if let Some(own) = self.galera(node).filter(|own| own.group == group) {
                own.primary = false;
                // One that nobody sees any more.
                own.view += 1;
            }
        }
        self.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::mysql::Server;
    use std::{net::Ipv4Addr, time::Duration};

    fn cluster() -> Island {
        let node = |id: u32| {
            let mut node = Node::new(&format!("gal{id}"), Ipv4Addr::new(10, 0, 0, 1), 7);
            node.mysql = Some(Server::new(true, id, 90.0).galera_of(3));
            node
        };
        Island::new((1..4).map(node).collect(), Vec::new(), Duration::ZERO, None)
    }

    fn primaries(island: &Island) -> Vec<bool> {
        island.nodes.iter().filter_map(of).map(|own| own.primary).collect()
    }

    #[test]
    fn a_majority_stays_and_a_minority_does_not() {
        let mut island = cluster();
        island.power_off(0);
        assert_eq!(primaries(&island)[1..], [true, true]);
        island.power_off(1);
        assert_eq!(primaries(&island)[2..], [false], "one of two is no majority");
        let mut island = cluster();
        island.stop_node(0, true);
        island.stop_node(1, true);
        assert_eq!(
            primaries(&island),
            [false, false, true],
            "who leaves well is not counted"
        );
        island.stop_node(2, true);
        let safe: Vec<bool> = island.nodes.iter().filter_map(of).map(|own| own.safe).collect();
        assert_eq!(safe, [false, false, true]);
    }

    #[test]
    fn two_that_cannot_see_each_other_become_two_components() {
        let mut island = cluster();
        for at in 0..3 {
            island.galera(at).unwrap().cut = true;
        }
        island.settle();
        assert_eq!(primaries(&island), [false; 3]);
        assert!(island.bootstrap(0) && island.bootstrap(1));
        assert_eq!(primaries(&island), [true, true, false]);
        assert!(
            !island.galera(0).unwrap().second && island.galera(1).unwrap().second,
            "a split brain"
        );
    }

    #[test]
    fn they_mend_themselves_only_when_all_of_them_meet_again() {
        let mut island = cluster();
        for at in 0..3 {
            island.galera(at).unwrap().cut = true;
        }
        island.settle();
        island.galera(0).unwrap().cut = false;
        island.galera(1).unwrap().cut = false;
        island.settle();
        assert_eq!(primaries(&island), [false; 3]);
        island.galera(2).unwrap().cut = false;
        island.settle();
        assert_eq!(primaries(&island), [true; 3]);
    }

    #[test]
    fn who_joins_loses_what_the_others_have_not() {
        let mut island = cluster();
        island.stop_node(0, true);
        island.galera(0).unwrap().committed += 5.0;
        assert!(island.start_node(0));
        assert!(island.galera(0).unwrap().robbed && primaries(&island)[0]);
        // Numbers go on behind a bootstrap.
        let mut island = cluster();
        island.stop_node(0, false);
        island.galera(0).unwrap().committed += 5.0;
        for at in 1..3 {
            island.stop_node(at, true);
        }
        assert!(island.new_cluster(1) && island.start_node(2));
        island.commit(60.0);
        assert!(island.start_node(0));
        let diverged: Vec<bool> = island.nodes.iter().filter_map(of).map(|own| own.diverged).collect();
        assert_eq!(diverged, [true, false, false]);
        assert!(!island.galera(0).unwrap().robbed, "nothing is thrown away");
        // A claim without a state makes a cluster of its own (safe_to_bootstrap).
        let mut island = cluster();
        for at in 0..3 {
            island.stop_node(at, true);
        }
        island.galera(0).unwrap().cluster = 0;
        assert!(island.new_cluster(0) && island.start_node(1));
        assert_eq!(island.galera(0).unwrap().cluster, 2);
        assert!(island.galera(1).unwrap().robbed);
    }
}
