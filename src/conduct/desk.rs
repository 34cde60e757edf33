//! Where runs begin: plans by fresh looks, runs of exactly the plan that was read, and going on with those left.

use super::{
    clients::Clients,
    conductor::{self, Handle, Work},
    origin::Origin,
    progress::Progress,
    targets::{Now, Targets},
};
use crate::{
    fleet::Fleet,
    runbook::{
        check::Refusal,
        engine::{Engine, FRESH, Record},
        plan::Plan,
        planner::{self, Wish, show},
        sight::Sight,
    },
    store::{NewRun, Run, Standing, Store, StoreError, Timed, new_id},
};
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// Makes plans and begins runs, for one fleet and one person.
#[derive(Clone)]
pub struct Desk {
    fleet: Arc<Fleet>,
    targets: Arc<dyn Targets>,
    store: Arc<Store>,
    now: Now,
    who: String,
}

/// A plan, with what it was made from.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// The plan.
    pub plan: Plan,
    origin: Origin,
}

impl Drawn {
    /// What was asked for.
    #[must_use]
    pub fn wish(&self) -> Wish {
        self.origin.wish()
    }
}

/// Why a run does not begin, or is not gone on with. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// There is no plan.
    #[error("{}", list(.0))]
    Refused(Vec<Refusal>),
    /// The fleet is no longer as it was when the plan was read.
    #[error("the plan is stale: by what is seen now it would be {now}, not {read}; read the new one")]
    Stale {
        /// The hash of the plan that was read.
        read: String,
        /// The hash of the plan that would be made now.
        now: String,
    },
    /// A run cannot be gone on with as it is.
    #[error("{0}")]
    Unfit(String),
    /// The journal.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Denied {
    /// The exit code of batch runs.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Stale { .. } | Self::Unfit(_) => 10,
            Self::Store(StoreError::Driven { .. }) => 14,
            Self::Store(StoreError::NoRun(_)) => 64,
            Self::Store(_) => 1,
        }
    }
}

fn list(refusals: &[Refusal]) -> String {
    refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl Desk {
    /// A desk. `who` is `user@console`, see [`who`].
    #[must_use]
    pub fn new(fleet: Arc<Fleet>, targets: Arc<dyn Targets>, store: Arc<Store>, now: Now, who: String) -> Self {
        Self {
            fleet,
            targets,
            store,
            now,
            who,
        }
    }

    /// The journal.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Whose desk it is.
    #[must_use]
    pub fn who(&self) -> &str {
        &self.who
    }

    /// Makes a plan by fresh looks. Changes nothing.
    ///
    /// # Errors
    /// Every reason why there is none.
    pub async fn plan(&self, wish: Wish) -> Result<Drawn, Vec<Refusal>> {
        let looks = planner::looks(&self.fleet, &wish)?;
        let seen = self.targets.look(looks).await;
        let mut sight = Sight::new((self.now)(), FRESH);
        for (look, glimpse) in seen {
            sight.take(look, glimpse);
        }
        let origin = Origin::new(wish, sight);
        let plan = origin.plan(&self.fleet)?;
        Ok(Drawn { plan, origin })
    }

    /// Makes the plan again by fresh looks, and begins it if it is the one with this hash.
    ///
    /// # Errors
    /// [`Denied`]; nothing was changed then.
    pub async fn run(&self, wish: Wish, hash: &str) -> Result<Handle, Denied> {
        let drawn = self.plan(wish).await.map_err(Denied::Refused)?;
        if drawn.plan.hash != hash {
            return Err(Denied::Stale {
                read: hash.to_owned(),
                now: drawn.plan.hash,
            });
        }
        let now = (self.now)();
        let id = new_id(now);
        let new = NewRun {
            id: id.clone(),
            runbook: drawn.plan.runbook.clone(),
            fleet: self.fleet.name.clone(),
            owner: self.who.clone(),
            origin: serde_json::to_string(&drawn.origin).map_err(|error| Denied::Unfit(error.to_string()))?,
            plan: show::json(&drawn.plan).to_string(),
            hash: drawn.plan.hash.clone(),
        };
        let driving = self
            .stored(move |store, who| {
                let driving = store.drive(&new.id, who)?;
                store.begin(now, &new)?;
                Ok(driving)
            })
            .await?;
        let progress = Progress::new(&drawn.plan, &id, &self.who, now);
        let clients = Clients::of(&self.fleet, &drawn.plan);
        let engine = Engine::new(drawn.plan, id, self.who.clone(), now);
        Ok(self.start(engine, progress, driving, clients))
    }

    /// Goes on with a run that was left, crashed or parked: by its own plan, made again from what it was made from
    /// then. With `back`, what was done is taken back; the text says who wants that.
    ///
    /// # Errors
    /// [`Denied`]; nothing was changed then.
    pub async fn resume(&self, name: &str, back: Option<String>) -> Result<Handle, Denied> {
        let name = name.to_owned();
        let (run, driving) = self
            .stored(move |store, who| {
                let run = store.run(&name)?;
                let driving = store.drive(&run.new.id, who)?;
                // Read again: it may have ended before the lock was ours.
                Ok((store.run(&run.new.id)?, driving))
            })
            .await?;
        if run.standing == Standing::Over {
            return Err(Denied::Unfit(format!("run {} is over", run.new.id)));
        }
        let plan = self.plan_of(&run)?;
        let id = run.new.id.clone();
        let now = (self.now)();
        let (records, driving) = self
            .stored(move |store, who| {
                let records = store.records(&id)?;
                let by = who.to_owned();
                store.append(&id, now, who, &Record::Resumed { by })?;
                Ok((records, driving))
            })
            .await?;
        let id = run.new.id;
        let mut progress = Progress::new(&plan, &id, &self.who, now);
        replay(&mut progress, &records, now);
        let clients = Clients::of(&self.fleet, &plan);
        let records: Vec<Record> = records.into_iter().map(|timed| timed.record).collect();
        let back = back.map(|by| format!("{by} wants it taken back"));
        let engine = Engine::resume(plan, id, self.who.clone(), &records, back, now);
        Ok(self.start(engine, progress, driving, clients))
    }

    /// The plan of a run, made again.
    ///
    /// # Errors
    /// [`Denied::Unfit`] when it does not come out as it was: the inventory or the program has changed since.
    pub fn plan_of(&self, run: &Run) -> Result<Plan, Denied> {
        let unfit = |why: String| Denied::Unfit(format!("run {} cannot be gone on with: {why}", run.new.id));
        if run.new.fleet != self.fleet.name {
            return Err(unfit(format!(
                "it is a run of the fleet {}, and this inventory is of {}",
                run.new.fleet, self.fleet.name
            )));
        }
        let origin: Origin = serde_json::from_str(&run.new.origin).map_err(|error| unfit(error.to_string()))?;
        let changed = "the inventory (or pointsman itself) has changed since it began; put it back as it was";
        let plan = origin
            .plan(&self.fleet)
            .map_err(|refusals| unfit(format!("{changed}: {}", list(&refusals))))?;
        if plan.hash != run.new.hash {
            return Err(unfit(changed.to_owned()));
        }
        Ok(plan)
    }

    /// Every run that is not over, oldest first: to be shown before anything else.
    pub async fn unfinished(&self) -> Result<Vec<Run>, Denied> {
        self.stored(|store, _| store.unfinished()).await
    }

    /// Asks for a run to be taken back: the process that drives it is told; where none does, this one does it.
    ///
    /// # Errors
    /// [`Denied`]; nothing was changed then.
    pub async fn cancel(&self, name: &str) -> Result<Option<Handle>, Denied> {
        let now = (self.now)();
        let wanted = name.to_owned();
        let run = self.stored(move |store, _| store.run(&wanted)).await?;
        match run.standing {
            Standing::Over => Err(Denied::Unfit(format!("run {} is over", run.new.id))),
            Standing::Driven(_) => {
                self.stored(move |store, who| store.order(&run.new.id, now, who, "cancel"))
                    .await?;
                Ok(None)
            }
            Standing::Waiting => self.resume(&run.new.id, Some(self.who.clone())).await.map(Some),
        }
    }

    fn start(&self, engine: Engine, progress: Progress, driving: crate::store::Driving, clients: Clients) -> Handle {
        conductor::start(Work {
            engine,
            progress,
            who: self.who.clone(),
            targets: Arc::clone(&self.targets),
            store: Arc::clone(&self.store),
            now: Arc::clone(&self.now),
            driving,
            clients,
        })
    }

    /// Does something with the journal where it may block.
    async fn stored<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store, &str) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Denied> {
        let (store, who) = (Arc::clone(&self.store), self.who.clone());
        match spawn_blocking(move || work(&store, &who)).await {
            Ok(done) => Ok(done?),
            Err(error) => Err(Denied::Unfit(error.to_string())),
        }
    }
}

/// Shows what was done before this process went on.
fn replay(progress: &mut Progress, records: &[Timed], now: crate::facts::UnixMs) {
    for timed in records {
        progress.wrote(&timed.record, timed.at);
    }
    progress.at = now;
}

/// The person at this console: `user@host`, of characters that are one word everywhere.
#[must_use]
pub fn who() -> String {
    let uid = rustix::process::getuid().as_raw();
    let user = std::fs::read_to_string("/etc/passwd")
        .ok()
        .and_then(|text| user_of(&text, uid))
        .unwrap_or_else(|| uid.to_string());
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    // A name that became root is the person all the same.
    let person = std::env::var("SUDO_USER").ok().filter(|_| uid == 0);
    let user = person.map_or(user.clone(), |person| format!("{person}.as.{user}"));
    let word = |text: &str| -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        text.chars().map(|c| if plain(c) { c } else { '_' }).take(64).collect()
    };
    format!("{}@{}", word(&user), word(&host))
}

/// The name of a user id in the form of passwd(5).
fn user_of(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_one_word() {
        let who = who();
        assert!(who.contains('@') && !who.contains(char::is_whitespace), "{who}");
        let passwd = "root:x:0:0::/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\nbad\n";
        assert_eq!(user_of(passwd, 1000).as_deref(), Some("ada"));
        assert_eq!(user_of(passwd, 7), None);
    }
}
