//! The scripted front end: one collection, then an exit code; never a prompt.
