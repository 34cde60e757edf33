//! Semi-failed: which one of several peers is slow, when its load does not explain it.
//!
//! Pure: the same readings in the same order give the same states. A [`Group`] takes one [`Reading`] a member and poll
//! and keeps a [`State`] for each, by three steps: what the *load* explains is taken away (a busier member gets the
//! benefit of the doubt), then what all members have in *common* (it is a finding about the group), then the member's own
//! usual *offset* (learnt within bounds, so that a fault cannot be learnt away). What remains is evidence, gathered in
//! a cumulative sum, two means and three bitmaps. A [`Bin`] makes readings of counters that are polled often.
//!
//! Beside the groups stand [`trust`] (an overloaded observer finds everything slow), [`mod@blame`] (server, client, path or
//! link, from the matrix of what each client sees of each server, each cell against its [`Own`] past), [`mod@pair`] (the halves of a DRBD pair), and
//! [`explain`] (one sentence for each verdict, and for each that is not given).

mod bin;
pub mod blame;
pub mod explain;
mod group;
mod load;
mod own;
pub mod pair;
mod state;
mod stream;
pub mod trust;

#[cfg(test)]
mod tests;

pub use bin::Bin;
pub use group::{Group, Judgement};
pub use load::allowance;
pub use own::Own;
pub use state::{Reason, Rules, State};
pub use stream::{Reading, Stream};
