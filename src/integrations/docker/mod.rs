//! Docker: one engine, the services that run on it, and one-off jobs.
//!
//! ```toml
//! [systems.shop]
//! kind = "docker"
//! host = "unix:///var/run/docker.sock"
//! ```

mod compose;
mod container;
mod copy;
mod create;
mod deploy_project;
mod deploy_service;
mod engine;
mod examine;
mod follow_logs;
mod footing;
mod front;
mod idle;
mod image;
mod leftovers;
mod list_events;
mod list_images;
mod list_networks;
mod list_services;
mod logs;
mod probe;
mod proof;
mod prune_images;
mod registries;
mod renew;
mod restart_service;
mod run_job;
mod running;
mod scale_service;
mod service;
mod show_logs;
mod show_stats;
mod start_service;
mod stats;
mod stats_chart;
mod stop_service;
mod stop_start;
mod strategy;
mod suggest;
mod watch;

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
        Arc::new(deploy_project::DeployProject),
        Arc::new(deploy_service::DeployService),
        Arc::new(list_events::ListEvents),
        Arc::new(list_images::ListImages),
        Arc::new(list_networks::ListNetworks),
        Arc::new(list_services::ListServices),
        Arc::new(prune_images::PruneImages),
        Arc::new(restart_service::RestartService),
        Arc::new(run_job::RunJob),
        Arc::new(scale_service::ScaleService),
        Arc::new(show_logs::ShowLogs),
        Arc::new(show_stats::ShowStats),
        Arc::new(start_service::StartService),
        Arc::new(stop_service::StopService),
    ]
}
