//! Stories about one Docker engine, told against a real one and checked by Docker's own client.

pub(crate) mod compose;
mod deploy;
mod deploy_refused;
mod engine_away;
mod fake_engine;
mod fetching;
mod fetching_fails;
pub(crate) mod front;
mod front_gone;
mod jobs;
mod leftovers;
mod looks;
mod meddling;
mod project;
pub(crate) mod pruning;
pub(crate) mod registry;
mod registry_gone;
mod scale;
mod scale_killed;
mod services;
pub(crate) mod shop;
pub(crate) mod stage;
mod stop_start;
pub(crate) mod telling_engine;
mod watching;
