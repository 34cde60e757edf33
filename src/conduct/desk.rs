//! Where runs begin: plans by fresh looks, runs of exactly the plan that was read, and going on with those left.

use super::{
    clients::Clients,
    conductor::{self, Handle, Work},
    origin::Origin,
    progress::Progress,
    shows::Shows,
    takeover,
    targets::{Now, Targets},
};
use crate::{
    facts::UnixMs,
    fleet::Fleet,
    runbook::{
        check::Refusal,
        engine::{Engine, Record},
        plan::{Glass, Plan, Rule},
        planner::{self, Wish, show},
        sight::{Shown, Sight},
    },
    store::{Driving, NewRun, Run, Standing, Store, StoreError, Timed, new_id},
};
use std::sync::Arc;
use tokio::task::spawn_blocking;

mod review;

/// Makes plans and begins runs, for one fleet and one person.
#[derive(Clone)]
pub struct Desk {
    fleet: Arc<Fleet>,
    targets: Arc<dyn Targets>,
    store: Arc<Store>,
    pub(super) now: Now,
    who: String,
    shows: Option<Arc<dyn Shows>>,
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
    /// What cannot be taken back is still ahead of a run that was left: it is done only if its resource is named anew.
    #[error("{}", again(.run, .needs))]
    Consent {
        /// The run.
        run: String,
        /// What has to be named: for which step, by which rule, which resource.
        needs: Vec<Needed>,
    },
    /// What the steps still ahead of a run that was left rest on is not so any more, or not known: it stays where it is.
    #[error("run {run} does not go on: {}; mend that and resume it, or take it back", list(.refusals))]
    Doubt {
        /// The run.
        run: String,
        /// Why not, each with what would lift it.
        refusals: Vec<Refusal>,
    },
    /// The journal.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Denied {
    /// The exit code of batch runs.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Stale { .. } | Self::Unfit(_) | Self::Consent { .. } => 10,
            // It is parked as it was.
            Self::Doubt { .. } => 12,
            Self::Store(StoreError::Driven { .. }) => 14,
            Self::Store(StoreError::NoRun(_)) => 64,
            Self::Store(_) => 1,
        }
    }
}

/// A name that has to be given anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// The step, from 0.
    pub step: usize,
    /// What it does.
    pub says: String,
    /// The rule that was set aside for it.
    pub rule: Rule,
    /// What it harms.
    pub resource: String,
}

fn again(run: &str, needs: &[Needed]) -> String {
    let steps: Vec<String> = needs
        .iter()
        .map(|need| format!("step {} ({})", need.step + 1, need.says))
        .collect();
    let flags: Vec<String> = needs
        .iter()
        .map(|need| format!("{}={}", need.rule.flag(), need.resource))
        .collect();
    format!(
        "run {run} has not proven {}, which cannot be taken back; to go on, name it again: pointsman --batch resume {run} {}",
        steps.join(" and "),
        flags.join(" ")
    )
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
            shows: None,
        }
    }

    /// The same, which knows what the console shows. Without it no condition about that can be judged.
    #[must_use]
    pub fn knowing(self, shows: Arc<dyn Shows>) -> Self {
        Self {
            shows: Some(shows),
            ..self
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
        let hosts = planner::shown(&self.fleet, &wish)?;
        // First what may take longer: looks must not go stale meanwhile.
        let shown = match &self.shows {
            Some(shows) if !hosts.is_empty() => shows.facts(&hosts).await,
            _ => Shown::new(),
        };
        let seen = self.targets.look(looks).await;
        let mut sight = Sight::new((self.now)(), planner::FRESH);
        sight.shown = shown;
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
        self.run_over(wish, hash, &[]).await
    }

    /// The same, and takes over the claims of the runs that are named in `over`, each in full: they get nothing more on
    /// the targets of this run. An emergency may take over any run; a planned runbook only one that is shown to be
    /// over or dead.
    ///
    /// # Errors
    /// [`Denied`]; nothing was changed then.
    pub async fn run_over(&self, wish: Wish, hash: &str, over: &[String]) -> Result<Handle, Denied> {
        let drawn = self.plan(wish).await.map_err(Denied::Refused)?;
        if drawn.plan.hash != hash {
            return Err(Denied::Stale {
                read: hash.to_owned(),
                now: drawn.plan.hash,
            });
        }
        let others = self.may_take_over(drawn.plan.kind, over).await?;
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
        let named = over.to_vec();
        let driving = self
            .stored(move |store, who| {
                let driving = store.drive(&new.id, who)?;
                store.begin(now, &new)?;
                takeover::order(store, &new.id, now, who, named)?;
                Ok(driving)
            })
            .await?;
        let progress = Progress::new(&drawn.plan, &id, &self.who, now);
        let clients = Clients::of(&self.fleet, &drawn.plan);
        let engine = Engine::new(drawn.plan, id, self.who.clone(), now).taking_over(over.iter().cloned());
        Ok(self.start(engine, progress, driving, others, clients))
    }

    /// Goes on with a run that was left, crashed or parked: by its own plan, made again from what it was made from
    /// then. With `back`, what was done is taken back; the text says who wants that.
    ///
    /// # Errors
    /// [`Denied`]; nothing was changed then.
    pub async fn resume(&self, name: &str, back: Option<String>) -> Result<Handle, Denied> {
        self.resume_named(name, back, &[]).await
    }

    /// The same; `named` is what was named anew for what cannot be taken back. Without it such a step is not done by a
    /// process that nobody has told.
    ///
    /// # Errors
    /// [`Denied`]; nothing was changed then. [`Denied::Consent`] says what has to be named.
    pub async fn resume_named(&self, name: &str, back: Option<String>, named: &[Glass]) -> Result<Handle, Denied> {
        self.resume_over(name, back, named, &[]).await
    }

    /// The same, and takes over the claims of the runs that are named in `over`, as [`Desk::run_over`]. Of a run that is
    /// over, only the targets that may still keep its claims are given back.
    ///
    /// # Errors
    /// [`Denied`]; nothing was changed then.
    pub async fn resume_over(
        &self,
        name: &str,
        back: Option<String>,
        named: &[Glass],
        over: &[String],
    ) -> Result<Handle, Denied> {
        let name = name.to_owned();
        let (run, driving, ordered) = self
            .stored(move |store, who| {
                let run = store.run(&name)?;
                // What was ordered before the lock is ours was meant for somebody else.
                let ordered = store.last_order(&run.new.id)?;
                let driving = store.drive(&run.new.id, who)?;
                // Read again: it may have ended before the lock was ours.
                Ok((store.run(&run.new.id)?, driving, ordered))
            })
            .await?;
        if run.is_over() {
            if run.may_hold() && back.is_none() {
                return self.give_back(&run, driving).await;
            }
            return Err(Denied::Unfit(takeover::over_words(&run)));
        }
        let plan = self.plan_of(&run)?;
        let id = run.new.id.clone();
        let now = (self.now)();
        let (timed, driving) = self.stored(move |store, _| Ok((store.records(&id)?, driving))).await?;
        let id = run.new.id.clone();
        let records: Vec<Record> = timed.iter().map(|timed| timed.record.clone()).collect();
        let cancelled = back.clone();
        let back = back.map(|by| format!("{by} wants it taken back"));
        let engine = Engine::resume(plan.clone(), id.clone(), self.who.clone(), &records, back, now)
            .taking_over(over.iter().cloned());
        // Who gives a run up takes nothing over any more but what is named now.
        let wanted = if engine.goes_back() {
            over.to_vec()
        } else {
            takeover::wanted(&records, over)
        };
        let others = self.may_take_over(plan.kind, &wanted).await?;
        let given = consented(&engine, &plan, &id, named)?;
        self.review(&run, &engine).await?;
        let noted = id.clone();
        let over = over.to_vec();
        let driving = self
            .stored(move |store, who| {
                let by = who.to_owned();
                store.append(&noted, now, who, &Record::Resumed { by: by.clone() })?;
                if let Some(by) = cancelled {
                    store.append(&noted, now, who, &Record::Cancelled { by })?;
                }
                takeover::order(store, &noted, now, who, over)?;
                for order in store.drop_orders(&noted, ordered)? {
                    let what = format!(
                        "{}; asked before anybody went on with the run, so not heeded now",
                        order.what
                    );
                    store.append(&noted, now, who, &Record::Asked { by: order.who, what })?;
                }
                for what in given {
                    store.append(&noted, now, who, &Record::Asked { by: by.clone(), what })?;
                }
                Ok(driving)
            })
            .await?;
        let mut progress = Progress::new(&plan, &id, &self.who, now);
        replay(&mut progress, &timed, now);
        let clients = Clients::of(&self.fleet, &plan);
        Ok(self.start(engine, progress, driving, others, clients))
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

    /// Every run of the last month that is over while a target may still keep a claim of it.
    pub async fn claiming(&self) -> Result<Vec<Run>, Denied> {
        let since = claims_named_since((self.now)());
        self.stored(move |store, _| store.claiming(since)).await
    }

    /// Asks for a run to be taken back: the process that drives it is told, also of a run that was taken over; where none
    /// does, this one does it.
    ///
    /// # Errors
    /// [`Denied`]; nothing was changed then.
    pub async fn cancel(&self, name: &str) -> Result<Option<Handle>, Denied> {
        let now = (self.now)();
        let wanted = name.to_owned();
        let run = self.stored(move |store, _| store.run(&wanted)).await?;
        match run.standing {
            Standing::Over => Err(Denied::Unfit(takeover::over_words(&run))),
            Standing::Driven(_) => {
                self.stored(move |store, who| store.order(&run.new.id, now, who, "cancel"))
                    .await?;
                Ok(None)
            }
            Standing::Waiting => self.resume(&run.new.id, Some(self.who.clone())).await.map(Some),
        }
    }

    /// Begins to drive. Nobody goes on with the runs of `others` before the targets are claimed.
    pub(super) fn start(
        &self,
        engine: Engine,
        progress: Progress,
        driving: Driving,
        others: Vec<Driving>,
        clients: Clients,
    ) -> Handle {
        conductor::start(Work {
            engine,
            progress,
            who: self.who.clone(),
            targets: Arc::clone(&self.targets),
            store: Arc::clone(&self.store),
            now: Arc::clone(&self.now),
            driving,
            others,
            clients,
        })
    }

    /// Does something with the journal where it may block.
    pub(super) async fn stored<T: Send + 'static>(
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

/// Checks that everything was named anew that a run still has to do and cannot take back; what to write down of that.
fn consented(engine: &Engine, plan: &Plan, run: &str, named: &[Glass]) -> Result<Vec<String>, Denied> {
    let is_named = |rule: Rule, resource: &str| {
        named
            .iter()
            .any(|glass| glass.rule == rule && glass.resource == *resource)
    };
    let (given, needs): (Vec<_>, Vec<_>) = engine
        .consents()
        .into_iter()
        .partition(|(_, rule, resource)| is_named(*rule, resource));
    if needs.is_empty() {
        let words = given
            .into_iter()
            .map(|(step, rule, resource)| format!("consents again to step {}: {}={resource}", step + 1, rule.flag()));
        return Ok(words.collect());
    }
    let needs = needs.into_iter().map(|(step, rule, resource)| Needed {
        step,
        says: plan.steps[step].operation.says.clone(),
        rule,
        resource,
    });
    Err(Denied::Consent {
        run: run.to_owned(),
        needs: needs.collect(),
    })
}

/// Runs that began before this are not named any more at every start for claims that they may have left: a host that is
/// gone never gives them back.
#[must_use]
pub fn claims_named_since(now: UnixMs) -> UnixMs {
    UnixMs(now.0.saturating_sub(30 * 24 * 3600 * 1000))
}

/// Shows what was done before this process went on.
pub(super) fn replay(progress: &mut Progress, records: &[Timed], now: UnixMs) {
    for timed in records {
        progress.wrote(&timed.record, timed.at);
    }
    progress.before = progress.logged;
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
