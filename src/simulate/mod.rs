//! The embedded fleet: simulated hosts behind a real SSH server, for the demo and for tests.
