//! Docker: one engine, the services that run on it, and one-off jobs.
//!
//! ```toml
//! [systems.shop]
//! kind = "docker"
//! host = "unix:///var/run/docker.sock"
//! ```

mod container;
mod deploy_service;
mod engine;
mod examine;
mod image;
mod leftovers;
mod list_services;
mod logs;
mod probe;
mod proof;
mod prune_images;
mod registries;
mod restart_service;
mod run_job;
mod running;
mod service;
mod show_logs;
mod suggest;

use std::sync::Arc;

use schemars::JsonSchema as _;

use crate::action::{AnyAction, Integration};

/// The integration of kind `docker`.
pub(crate) fn integration() -> Integration {
    Integration {
        kind: "docker",
        connect: engine::connect,
        settings: engine::Settings::json_schema,
        suggests: suggest::LISTS,
        actions,
    }
}

fn actions() -> Vec<Arc<dyn AnyAction>> {
    vec![
        Arc::new(deploy_service::DeployService),
        Arc::new(list_services::ListServices),
        Arc::new(prune_images::PruneImages),
        Arc::new(restart_service::RestartService),
        Arc::new(run_job::RunJob),
        Arc::new(show_logs::ShowLogs),
    ]
}
