//! The remote half for real: the script runs in every shell that hosts have, spoken to as a console does.

mod bench;
mod hung;
mod rig;
mod sections;
mod speech;
