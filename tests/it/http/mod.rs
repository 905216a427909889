//! Stories of a web service that counts what it has really done, and of what Purser says of it.

mod get;
mod lost;
mod program;
mod refused;
mod send;
mod undo;

use std::sync::Arc;

use purser::action::{
    Action as _, ActionError, ActionSpec, AnyAction, Clock, Context, Systems, Undone,
};
use purser::domain::names::RunId;
use purser::domain::plan::Plan;
use purser::domain::time::Timestamp;
use purser::integrations::http::{self, Get, Send};
use serde_json::Value;
use xtask::effect_server::EffectServer;

use crate::support::journal::{MemoryJournal, WallClock, read_context};
use crate::support::systems::connect;

/// A billing service, and one step that acts on it, however often its process dies.
struct Billing {
    server: EffectServer,
    systems: Arc<Systems>,
    journal: Arc<MemoryJournal>,
    run: RunId,
}

impl Billing {
    fn new() -> Self {
        Self::with(toml::Table::new())
    }

    /// One whose table of the configuration says this too.
    fn with(more: toml::Table) -> Self {
        let server = EffectServer::start().unwrap();
        let mut settings = toml::toml! { url = (server.url()) };
        settings.extend(more);
        let systems = Arc::new(systems(settings));
        let journal = Arc::default();
        let run = RunId::new(uuid::Uuid::now_v7());
        Self {
            server,
            systems,
            journal,
            run,
        }
    }

    /// A context as each process makes it, an hour later than the last: whatever may still land has
    /// landed.
    fn context(&self, spec: ActionSpec) -> Context {
        let mut ctx = self
            .journal
            .context(self.run, spec, "billing", &self.systems);
        ctx.read.clock = Arc::new(AnHourLater);
        ctx
    }

    async fn gets(&self, input: Value) -> Result<Value, ActionError> {
        AnyAction::run(&Get, &self.context(Get::SPEC), input).await
    }

    async fn sends(&self, input: &Value) -> Result<Value, ActionError> {
        AnyAction::run(&Send, &self.context(Send::SPEC), input.clone()).await
    }

    async fn undoes(&self, input: &Value) -> Result<Undone, ActionError> {
        AnyAction::undo(&Send, &self.context(Send::SPEC), input.clone()).await
    }

    async fn plans(&self, input: &Value) -> Result<Plan, ActionError> {
        let ctx = read_context("billing", &self.systems);
        AnyAction::plan(&Send, &ctx, input.clone()).await
    }

    /// The key of the step's only effect.
    fn key(&self, effect: &str) -> String {
        format!("{}/step/0/{effect}", self.run)
    }

    /// A text of the service in which its port is always the same.
    fn told(&self, text: &str) -> String {
        text.replace(&self.server.url(), "http://billing")
            .replace(&self.run.to_string(), "RUN")
    }
}

/// Systems with a `billing` of these settings.
fn systems(settings: toml::Table) -> Systems {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut systems = Systems::new();
    connect(&mut systems, &http::integration(), "billing", settings);
    systems
}

struct AnHourLater;

impl Clock for AnHourLater {
    fn now(&self) -> Timestamp {
        WallClock.now().plus(std::time::Duration::from_hours(1))
    }
}
