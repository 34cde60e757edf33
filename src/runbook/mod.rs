//! What to do about it: runbooks, plans, interlocks, and the engine that runs them.
//!
//! A [`definition`] names parameters and typed actions. [`plan`] binds it to the state of the fleet. The
//! [`engine`] does the plan, one effect at a time; [`interlock`]s stand below every step.

pub mod action;
pub mod check;
pub mod condition;
pub mod definition;
pub mod draft;
pub mod engine;
pub mod interlock;
pub mod observe;
pub mod operation;
pub mod plan;
pub mod planner;
pub mod secret;
pub mod sight;
pub mod target;
pub mod template;
pub mod truth;
