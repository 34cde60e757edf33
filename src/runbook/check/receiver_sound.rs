//! The side that takes the slice is not about to fail as well: a second head that dies of the same fault is how a
//! short outage becomes a long one.

use super::{Check, Report};
use crate::{
    facts::md::parse_mdstat,
    runbook::{
        definition::Kind,
        planner::Scope,
        sight::{Look, Sight},
    },
};

/// `receiver-sound`.
#[derive(Debug)]
pub struct ReceiverSound;

impl Check for ReceiverSound {
    fn name(&self) -> &'static str {
        "receiver-sound"
    }

    fn about(&self) -> &'static str {
        "the side that takes the slice has whole arrays and a running NFS server, and not the fault of the other side"
    }

    fn looks(&self, scope: &Scope<'_>) -> Vec<Look> {
        let servers = scope.moves.iter().flat_map(|moved| [&moved.from, &moved.to]);
        servers
            .flat_map(|host| {
                [
                    Look::new(host, ["cat", "/proc/mdstat"]),
                    Look::new(host, ["cat", "/proc/fs/nfsd/threads"]),
                ]
            })
            .collect()
    }

    fn judge(&self, scope: &Scope<'_>, sight: &Sight, report: &mut Report) {
        for moved in &scope.moves {
            let to = &moved.to;
            match sight.text(&Look::new(to, ["cat", "/proc/mdstat"])).map(parse_mdstat) {
                Ok(Ok(arrays)) => {
                    for array in arrays.iter().filter(|array| array.degraded() == Some(true)) {
                        let fact = format!("{} of {to} is degraded ({})", array.device, array.map);
                        if scope.kind == Kind::Planned {
                            report.refuse(fact, "rebuild it first: a planned move must not end on weaker ground");
                        } else {
                            report.warn(format!("{fact}: one more disk and the slice is lost there too"));
                        }
                    }
                }
                Ok(Err(why)) => report.warn(format!("arrays of {to} cannot be read: {why}")),
                // A server without md has no such file.
                Err(why) => report.warn(format!("arrays of {to} are not known: {why}")),
            }
            if moved.layout.export.is_none() {
                continue;
            }
            match sight.text(&Look::new(to, ["cat", "/proc/fs/nfsd/threads"])) {
                Ok(text) => match text.trim().parse::<u32>() {
                    Ok(threads) if threads > 0 => {}
                    Ok(_) => report.refuse(format!("nfsd of {to} does not run"), "start nfs-server there first"),
                    Err(_) => report.refuse(
                        format!("whether nfsd of {to} runs is not known: {:?}", text.trim()),
                        "look at nfs-server there",
                    ),
                },
                Err(why) => report.refuse(
                    format!("whether nfsd of {to} runs is not known: {why}"),
                    "start nfs-server there first",
                ),
            }
        }
        for alike in scope.alike {
            report.refuse(
                alike.clone(),
                "find out what it is first: the second server would go the way of the first",
            );
        }
    }
}
