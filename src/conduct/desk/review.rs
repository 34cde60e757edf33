//! Before a run that was left goes on: the plan's checks by fresh looks.

use super::{Denied, Desk, Origin};
use crate::{
    runbook::{engine::Engine, planner, sight::Sight},
    store::Run,
};

impl Desk {
    /// Judges anew what the steps that are still ahead rest on. A run that is taken back needs nothing of that.
    ///
    /// # Errors
    /// [`Denied::Doubt`]: it stays where it is.
    pub(super) async fn review(&self, run: &Run, engine: &Engine) -> Result<(), Denied> {
        if engine.goes_back() {
            return Ok(());
        }
        let origin: Origin = serde_json::from_str(&run.new.origin).map_err(|error| Denied::Unfit(error.to_string()))?;
        let doubt = |refusals| Denied::Doubt {
            run: run.new.id.clone(),
            refusals,
        };
        let steps: Vec<_> = engine.steps().collect();
        let looks = origin.review_looks(&self.fleet, &steps).map_err(doubt)?;
        let mut sight = Sight::new((self.now)(), planner::FRESH);
        for (look, glimpse) in self.targets.look(looks).await {
            sight.take(look, glimpse);
        }
        origin.review(&self.fleet, &steps, &sight).map_err(doubt)
    }
}
