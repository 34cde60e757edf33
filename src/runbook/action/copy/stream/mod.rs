//! A slice that moves to a ZFS dataset of another server by its snapshots: the actions of that, one file each; the others of a
//! migration are those of a copy by files.

mod begin;
mod check;
mod last;
mod lock;
mod passes;
mod serve;

pub use begin::StreamBegin;
pub use check::StreamCheck;
pub use last::StreamLast;
pub use lock::{LOCK, UNLOCK};
pub use passes::StreamPasses;
pub use serve::{SERVE, UNSERVE};

use super::{BUDGET, Found, SETSID, Tool};
use crate::runbook::{
    action::argv,
    observe::copy::{By, Copying, Mode},
    operation::{Claim, Expect},
};
use std::time::Duration;

const ZFS: Tool = Tool {
    any: &["zfs"],
    why: "no snapshot could be made, sent or received",
};
/// What carries a stream: it can listen for one client alone, which the several kinds of nc(1) cannot.
const SOCAT: Tool = Tool {
    any: &["socat"],
    why: "no stream could be carried from one server to the other: install it, or copy by rsync (`migrate`)",
};

impl Found<'_> {
    /// A copy by snapshots in one of its ways.
    fn streaming(&self, way: Mode, budget: Duration) -> Result<Copying, String> {
        let layout = self.layout;
        let (source, _) = self.addresses()?;
        Ok(Copying {
            by: By::Snapshots,
            argv: argv([
                self.new.device.as_str(),
                &layout.mark,
                &format!("{source}:{}", layout.port),
            ]),
            ..self.copying(way, budget, true, &[])?
        })
    }

    /// What the target looks at again before anything is received.
    fn receivable(&self) -> Expect {
        Expect {
            argv: argv([
                "stream_ready",
                &self.new.mount_point,
                &self.new.device,
                &self.layout.mark,
            ]),
            pattern: "ready".to_owned(),
        }
    }

    fn receives(&self) -> Claim {
        Claim::Receive {
            host: self.layout.to.clone(),
            slice: self.layout.into.clone(),
        }
    }
}
