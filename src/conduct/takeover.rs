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
use std::time::Duration;

/// A run of which nothing is known here but its name counts as dead so long after it began.
const DEAD_AFTER: Duration = Duration::from_hours(24);

impl Desk {
    /// Whether these runs may be taken over by a runbook of that kind. An emergency may: what it takes is refused to
    /// the other from then on, wherever that one is. A planned runbook may when the other is shown to be over or dead.
    pub(super) async fn may_take_over(&self, kind: Kind, over: &[String]) -> Result<(), Denied> {
        for name in over {
            if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') || name.is_empty() {
                return Err(Denied::Unfit(format!("{name:?} is no name of a run")));
            }
            let wanted = name.clone();
            let known = self
                .stored(move |store, _| match store.run(&wanted) {
                    // The beginning of a name is not enough here.
                    Ok(run) => Ok((run.new.id == wanted).then_some(run)),
                    Err(StoreError::NoRun(_)) => Ok(None),
                    Err(error) => Err(error),
                })
                .await?;
            if kind == Kind::Emergency {
                continue;
            }
            match known.map(|run| run.standing) {
                Some(Standing::Over | Standing::Waiting) => {}
                Some(Standing::Driven(by)) => {
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
        Ok(())
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
        Ok(self.start(engine, progress, driving, Clients::default()))
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
