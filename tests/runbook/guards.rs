//! Guards are proven by removal.
