//! Stories about one Docker engine, told against a real one and checked by Docker's own client.

mod being_made;
mod busy_engine;
mod by_name;
pub(crate) mod compose;
mod deploy;
mod deploy_refused;
mod fake_engine;
mod fetching;
mod fetching_fails;
pub(crate) mod front;
pub(crate) mod front_file;
mod front_labels;
mod jobs;
mod leftovers;
mod looks;
mod project;
pub(crate) mod pruning;
pub(crate) mod registry;
mod scale;
mod scale_killed;
mod services;
pub(crate) mod shop;
pub(crate) mod stage;
mod stop_start;
pub(crate) mod telling_engine;
mod watching;
