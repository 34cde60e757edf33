//! An array or a pool that is watched while it rebuilds or is checked: how fast it may go follows its clients. And what is too late
//! to take back: a disk that an array needs by now stays in it, and a client is not kept from what it has mounted by now.

use super::{
    Doing, Effect, Engine, Look, Printed, Sight, Work,
    step::{distinct, shorten},
    unmet,
};
use crate::runbook::{
    condition::Condition,
    observe::{
        mounts,
        watch::{Advice, Watch},
    },
    operation::Claim,
    truth::Truth,
};

impl Doing {
    /// What it watches.
    pub(super) fn watches(&self) -> Option<&Watch> {
        match &self.operation.work {
            Work::Watch(watch) => Some(watch),
            _ => None,
        }
    }

    /// Whether what is sent next is right by what was seen alone. A limit is right however old that is.
    pub(super) fn rests_on_looks(&self) -> bool {
        self.orders.is_empty() || !self.operation.needs.is_empty() || !self.operation.claims.is_empty()
    }

    /// What makes it too late to take the step back: a disk that the array needs by now is not taken out again,
    /// and what a client has mounted by now would hang.
    pub(super) fn too_late(&self) -> Vec<Condition> {
        let claims = self.operation.claims.iter().filter(|_| self.back);
        claims
            .filter_map(|claim| match claim {
                Claim::TakeOut { array, device } => Some(array.needs(device)),
                Claim::PoolOut { pool, device } => Some(pool.needs(device)),
                Claim::Bar { host, address } => Some(mounts::is_used(host, *address)),
                _ => None,
            })
            .collect()
    }

    /// The commands that are sent next, as they are journaled.
    pub(super) fn shown(&self) -> Vec<String> {
        if self.watches().is_none() {
            return self.operation.shown();
        }
        self.orders.iter().map(|order| order.join(" ")).collect()
    }
}

impl Engine {
    /// What to do about the speed of what is watched.
    pub(super) fn steer(&self, doing: &mut Doing, sight: &Sight) -> Advice {
        let watch = match doing.watches() {
            Some(watch) if !doing.back => watch.clone(),
            _ => return Advice::Keep,
        };
        let steering = doing.steering.get_or_insert_default();
        let advice = steering.judge(&watch, sight, self.now, self.paused);
        if let Advice::Order(orders) = &advice {
            doing.orders.clone_from(orders);
        }
        advice
    }

    /// What has to be known before anything more is sent while it is watched: as before its first command.
    pub(super) fn looks_of_orders(&self, doing: &Doing) -> Vec<Look> {
        if doing.watches().is_none() || doing.back {
            return Vec::new();
        }
        distinct(doing.operation.needs.iter().chain(&self.interlocks(doing)))
    }

    /// What is against sending anything more, and whether that is known.
    pub(super) fn against(&self, doing: &Doing, sight: &Sight) -> Option<(String, Truth)> {
        let interlocks = unmet(&self.interlocks(doing), sight).into_iter();
        let interlocks = interlocks.map(|(condition, truth)| (format!("interlock: {condition}"), truth));
        let needs = unmet(&doing.operation.needs, sight).into_iter();
        let needs = needs.map(|(condition, truth)| (condition.to_string(), truth));
        let missing: Vec<_> = interlocks.chain(needs).collect();
        // What is known not to be so stays so, whatever else is still unknown.
        let first = missing.iter().find(|(_, truth)| truth.fails()).or(missing.first());
        first.map(|(what, truth)| (format!("{what} is required, but {truth}"), truth.clone()))
    }

    /// An order was followed, or could not be: what is watched goes on either way.
    pub(super) fn ordered(&mut self, mut doing: Doing, printed: &Printed) -> Effect {
        doing.tries = 0;
        if printed.exit != 0 {
            let why = format!("exit code {}: {}", printed.exit, shorten(&printed.text));
            return self.watch_on(doing, &why);
        }
        if let Some(steering) = &mut doing.steering {
            steering.followed();
        }
        self.prove(doing, None)
    }

    /// The last order is not followed: the next one is tried later.
    pub(super) fn watch_on(&mut self, mut doing: Doing, why: &str) -> Effect {
        if let Some(steering) = &mut doing.steering {
            steering.forget(self.now, why);
        }
        self.prove(doing, None)
    }
}
