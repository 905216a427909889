//! Docker: one engine, the services that run on it, and one-off jobs.
//!
//! ```toml
//! [systems.shop]
//! kind = "docker"
//! host = "unix:///var/run/docker.sock"
//! ```

mod container;
mod engine;
mod image;
mod logs;
mod run_job;
mod service;
mod suggest;

use std::sync::Arc;

use crate::action::{AnyAction, Integration};

/// The integration of kind `docker`.
pub(crate) fn integration() -> Integration {
    Integration {
        kind: "docker",
        connect: engine::connect,
        actions,
    }
}

fn actions() -> Vec<Arc<dyn AnyAction>> {
    vec![Arc::new(run_job::RunJob)]
}
