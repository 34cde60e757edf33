//! Taking over what another run holds, by its name; and giving back what a run that is over may still hold.

use super::{
    clients::Clients,
    conductor::Handle,
    desk::{Denied, Desk, replay},
    progress::Progress,
};
use crate::{
    facts::UnixMs,
    runbook::{
        definition::Kind,
        engine::{End, Engine, Record},
    },
    store::{Driving, Run, Standing, Store, StoreError},
};
use std::{collections::BTreeSet, time::Duration};

/// A run of which nothing is known here but its name counts as dead so long after it began.
const DEAD_AFTER: Duration = Duration::from_hours(24);

impl Desk {
    /// Whether these runs may be taken over by a runbook of that kind. An emergency may: what it takes is refused to
    /// the other from then on, wherever that one is. A planned runbook may when the other is shown to be over or dead;
    /// what is given back keeps it so: nobody can go on with the others until that is dropped.
    pub(super) async fn may_take_over(&self, kind: Kind, over: &[String]) -> Result<Vec<Driving>, Denied> {
        let mut still = Vec::new();
        for name in over {
            if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') || name.is_empty() {
                return Err(Denied::Unfit(format!("{name:?} is no name of a run")));
            }
            let wanted = name.clone();
            let known = self
                .stored(move |store, who| stands(store, who, &wanted, kind == Kind::Planned))
                .await?;
            if kind == Kind::Emergency {
                continue;
            }
            match known {
                Some(Ok(driving)) => still.extend(driving),
                Some(Err(by)) => {
                    return Err(Denied::Unfit(format!(
                        "run {name} is driven by {by}: cancel it first; only an emergency takes over from the living"
                    )));
                }
                None if self.is_long_ago(name) => {}
                None => {
                    return Err(Denied::Unfit(format!(
                        "run {name} is not in this journal, so its console may be alive: cancel it there; only an emergency takes it over before it is a day old"
                    )));
                }
            }
        }
        Ok(still)
    }

    fn is_long_ago(&self, run: &str) -> bool {
        began(run).is_some_and(|began| (self.now)().since(began) >= DEAD_AFTER)
    }

    /// Gives back the targets of a run that is over, and does nothing else.
    pub(super) async fn give_back(&self, run: &Run, driving: Driving) -> Result<Handle, Denied> {
        let plan = self.plan_of(run)?;
        let (id, now) = (run.new.id.clone(), (self.now)());
        let (timed, driving) = self
            .stored(move |store, who| {
                let asked = Record::Asked {
                    by: who.to_owned(),
                    what: "give the targets back".to_owned(),
                };
                store.append(&id, now, who, &asked)?;
                Ok((store.records(&id)?, driving))
            })
            .await?;
        let mut progress = Progress::new(&plan, &run.new.id, self.who(), now);
        replay(&mut progress, &timed, now);
        let end = run.end.clone().unwrap_or_else(|| End::Parked {
            step: 0,
            why: over_words(run),
            next: "look at what it has left".to_owned(),
            unknown: true,
        });
        let engine = Engine::give_back(plan, run.new.id.clone(), self.who().to_owned(), end, now);
        Ok(self.start(engine, progress, driving, Vec::new(), Clients::default()))
    }
}

/// Who drives a run of this journal; with `hold`, a run that nobody drives and that is not over is kept so by the right to
/// drive it. `None` when it is not in this journal.
fn stands(
    store: &Store,
    who: &str,
    name: &str,
    hold: bool,
) -> Result<Option<Result<Option<Driving>, String>>, StoreError> {
    let run = match store.run(name) {
        // The beginning of a name is not enough here.
        Ok(run) if run.new.id == name => run,
        Ok(_) | Err(StoreError::NoRun(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    match run.standing {
        Standing::Waiting if hold => match store.drive(name, &format!("{who}, who takes it over")) {
            Ok(driving) => Ok(Some(Ok(Some(driving)))),
            // Somebody was faster.
            Err(StoreError::Driven { by, .. }) => Ok(Some(Err(by))),
            Err(error) => Err(error),
        },
        Standing::Over | Standing::Waiting => Ok(Some(Ok(None))),
        Standing::Driven(by) => Ok(Some(Err(by))),
    }
}

/// Writes down that a person wants these runs taken over.
pub(super) fn order(store: &Store, run: &str, at: UnixMs, who: &str, over: Vec<String>) -> Result<(), StoreError> {
    for other in over {
        let record = Record::TakesOver {
            run: other,
            by: who.to_owned(),
        };
        store.append(run, at, who, &record)?;
    }
    Ok(())
}

/// The runs that a run which goes on takes over: those named now, and those that it began to take over before a process
/// of it ended. Once a step was sent all of that was done.
pub(super) fn wanted(records: &[Record], over: &[String]) -> Vec<String> {
    let began = records.iter().any(|record| matches!(record, Record::Intent { .. }));
    let before = records.iter().filter(|_| !began).filter_map(|record| match record {
        Record::TakesOver { run, .. } => Some(run.clone()),
        _ => None,
    });
    over.iter()
        .cloned()
        .chain(before)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// That nothing can be done with a run any more.
pub(super) fn over_words(run: &Run) -> String {
    match &run.displaced {
        Some(by) => format!("run {} is over: {by}", run.new.id),
        None => format!("run {} is over", run.new.id),
    }
}

/// When a run began, by its name (`20261121-164300-abcde`, in UTC).
fn began(run: &str) -> Option<UnixMs> {
    let at = run.rfind('-')?;
    let time = jiff::civil::DateTime::strptime("%Y%m%d-%H%M%S", &run[..at]).ok()?;
    let ms = time
        .to_zoned(jiff::tz::TimeZone::UTC)
        .ok()?
        .timestamp()
        .as_millisecond();
    u64::try_from(ms).ok().map(UnixMs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_when_its_run_began() {
        let at = UnixMs(1_795_279_380_000);
        let name = crate::store::new_id(at);
        assert_eq!(began(&name), Some(at), "{name}");
        for strange in ["", "run-1", "20261321-000000-x", "20261121-1643-x"] {
            assert_eq!(began(strange), None);
        }
    }
}
