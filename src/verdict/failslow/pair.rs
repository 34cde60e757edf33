//! Which half of a DRBD pair, or what lies between them, slows the primary down.
//!
//! The primary waits for its peer (`pe`, *pending*: sent and not yet answered), the peer counts what it has received and
//! not yet answered (`ua`, *unacknowledged*); both as in `/proc/drbd` and `drbdsetup status --statistics`. What is sent,
//! and neither answered nor received, is on its way. Both counters are consequences: without them nothing is judged,
//! and they alone accuse nobody.

use super::state::State;

/// What is known of a pair; none where it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PairSigns {
    /// The primary waits for many answers of its peer.
    pub pending: Option<bool>,
    /// The peer has received much that it has not answered.
    pub unacknowledged: Option<bool>,
    /// The primary's own disk below the resource, against its peers.
    pub own_disk: Option<State>,
    /// The peer's disk below the resource, against its peers.
    pub peer_disk: Option<State>,
    /// Retransmits or round trips between the two are above their usual.
    pub path: Option<bool>,
}

/// Who slows a pair down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairBlame {
    /// The primary's own disk.
    OwnDisk,
    /// The disk of the secondary, for which the primary waits.
    PeerDisk,
    /// What lies between the two.
    Path,
    /// The secondary or the path: what is known does not say which.
    PeerOrPath,
}

/// Who slows the pair down, if anything does.
#[must_use]
pub fn pair(signs: &PairSigns) -> Option<PairBlame> {
    let slow = |disk: Option<State>| disk.map(|state| matches!(state, State::Watch | State::Slow | State::Stalled));
    let waits = signs.pending == Some(true) || signs.unacknowledged == Some(true);
    if !waits {
        return (slow(signs.own_disk) == Some(true)).then_some(PairBlame::OwnDisk);
    }
    Some(match (slow(signs.peer_disk), signs.path) {
        (Some(true), _) => PairBlame::PeerDisk,
        (Some(false), Some(true)) => PairBlame::Path,
        // Sent, not answered, and not waiting in the peer either.
        (Some(false), _) if signs.pending == Some(true) && signs.unacknowledged == Some(false) => PairBlame::Path,
        _ => PairBlame::PeerOrPath,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secondarys_disk_and_the_path_are_told_apart_where_they_can_be() {
        let waiting = PairSigns {
            pending: Some(true),
            unacknowledged: Some(true),
            own_disk: Some(State::Ok),
            peer_disk: Some(State::Ok),
            path: Some(false),
        };
        let told = |signs: PairSigns| pair(&signs);
        for state in [State::Watch, State::Slow, State::Stalled] {
            let signs = PairSigns {
                peer_disk: Some(state),
                ..waiting
            };
            assert_eq!(told(signs), Some(PairBlame::PeerDisk));
        }
        let path = PairSigns {
            path: Some(true),
            ..waiting
        };
        assert_eq!(told(path), Some(PairBlame::Path));
        let under_way = PairSigns {
            unacknowledged: Some(false),
            ..waiting
        };
        assert_eq!(told(under_way), Some(PairBlame::Path));
        assert_eq!(told(waiting), Some(PairBlame::PeerOrPath));
        let unknown = PairSigns {
            peer_disk: None,
            path: Some(true),
            ..waiting
        };
        assert_eq!(told(unknown), Some(PairBlame::PeerOrPath));
    }

    #[test]
    fn without_anybody_waiting_the_secondary_is_not_to_blame() {
        let idle = PairSigns {
            pending: Some(false),
            unacknowledged: Some(false),
            own_disk: Some(State::Ok),
            peer_disk: Some(State::Slow),
            path: Some(true),
        };
        assert_eq!(pair(&idle), None);
        assert_eq!(pair(&PairSigns::default()), None);
        let own = PairSigns {
            own_disk: Some(State::Slow),
            ..idle
        };
        assert_eq!(pair(&own), Some(PairBlame::OwnDisk));
    }
}
