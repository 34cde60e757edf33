//! What a host that answers nothing keeps from being checked, in one refusal: every look at it says the same, and
//! twenty times the same reason hides the one that is another.

use crate::{
    fleet::HostName,
    runbook::{check::Refusal, definition::Kind, sight::Sight},
};

/// What looks tell, by a word of their command; the first that fits counts.
const TOPICS: &[(&str, &str)] = &[
    ("/etc/machine-id", "which machine it is"),
    ("boot_id", "which machine it is"),
    ("drbd", "replication"),
    ("mountinfo", "mounts"),
    ("db_state", "its database"),
    ("db_lag", "its database"),
    ("db_reach", "its database"),
    ("db_galera", "its database"),
    ("ping", "whether it reaches others"),
    ("who_has", "whether it reaches others"),
    ("exportfs", "exports"),
    ("nfsd.export", "exports"),
    ("nfs_", "NFS mounts"),
    ("scratch_", "scratch directories"),
    ("backup_told", "backups"),
    ("copy_room", "free space"),
    ("nfsd/threads", "its NFS server"),
    ("ip -o addr", "addresses"),
    ("port_block", "blocked ports"),
    ("mdstat", "arrays"),
    ("zfs_", "pools"),
    ("ext4", "filesystem errors"),
    ("/proc/locks", "locks"),
    ("command -v", "tools"),
    ("--help", "tools"),
];

/// Puts the refusals that rest on the silence of a host together, one a host, in the place of its first. A refusal that
/// offers to set a rule aside stays: its words are typed.
pub(super) fn together(refusals: Vec<Refusal>, sight: &Sight, kind: Kind) -> Vec<Refusal> {
    let silent = sight.silent();
    let mut told: Vec<Option<usize>> = vec![None; silent.len()];
    let mut topics: Vec<Vec<String>> = vec![Vec::new(); silent.len()];
    let mut out = Vec::new();
    for refusal in refusals {
        let about = silent
            .iter()
            .enumerate()
            .find_map(|(at, (host, _))| unseen(&refusal.fact, host).map(|what| (at, what)))
            .filter(|_| !refusal.lift.contains("--"));
        let Some((at, what)) = about else {
            out.push(refusal);
            continue;
        };
        if !topics[at].contains(&what) {
            topics[at].push(what);
        }
        if told[at].is_none() {
            told[at] = Some(out.len());
            out.push(refusal);
        }
    }
    for (((host, why), place), topics) in silent.iter().zip(told).zip(topics) {
        if let Some(place) = place {
            let why = why.strip_prefix("no answer: ").unwrap_or(why);
            out[place] = Refusal::new(
                format!(
                    "{host} does not answer ({why}); not checked there: {}",
                    topics.join(", ")
                ),
                lift(host, kind),
            );
        }
    }
    out
}

fn lift(host: &HostName, kind: Kind) -> String {
    match kind {
        Kind::Planned => {
            format!(
                "it has to answer before this can be planned; if it is dead and served a slice: failover server={host}"
            )
        }
        Kind::Emergency => format!("{host} has to answer: nothing is taken over by a server that is not seen"),
    }
}

/// What is not known, where the fact says that a look at the host got no answer (as [`Sight`] words it).
fn unseen(fact: &str, host: &HostName) -> Option<String> {
    let (before, _) = fact.split_once(&format!("` on {host}: "))?;
    let command = before.rsplit('`').next()?;
    let topic = TOPICS.iter().find(|(word, _)| command.contains(word));
    Some(topic.map_or_else(|| format!("`{command}`"), |(_, topic)| (*topic).to_owned()))
}
