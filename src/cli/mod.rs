//! The command line: clients of the API, one file a command. Exit codes: 0 done, else those of
//! [`Failure`].

mod answer;
mod client;
mod completions;
mod console;
mod discord;
mod docker_proxy;
mod doctor;
mod echo;
mod health;
pub mod hidden;
mod init;
mod inputs;
mod link;
mod live;
mod locks;
mod notify;
mod pipe;
mod plan;
mod printer;
mod questions;
mod receipts;
mod recover;
mod render;
mod rerun;
mod run;
mod runs;
mod schedules;
mod schema;
mod secret;
mod show;
mod store;
mod style;
mod terminal;
mod undo;
mod words;

use std::path::PathBuf;
use std::process::ExitCode;

use crate::domain::words::counted;
use clap::{Parser, Subcommand};

pub use client::Server;
pub use completions::Completions;
pub use discord::{Discord, show_invitation};
pub use docker_proxy::DockerProxy;
pub use doctor::show_findings;
pub use init::{
    FileState, FileView, Init, InitView, SeenView, SystemView, show_init, show_proposal,
};
pub use inputs::Inputs;
pub use notify::Notify;
pub use pipe::{end_quietly_when_nobody_reads, say};
pub use questions::Questions;
pub use receipts::{Receipts, verify_file};
pub use recover::{Listed, Recover, Recovery, list_backups};
pub use schedules::{Preview, Schedules};
pub use schema::{Schema, Schemas};
pub use secret::{Secret, SecretAnswer, SecretAsk};
pub use store::{Migrate, Migration, Store};
pub use terminal::Terminal;

/// A ChatOps and workflow-automation bot for a self-hosted Docker stack.
#[derive(Debug, Parser)]
#[command(name = "purser", version, arg_required_else_help = true)]
pub struct Cli {
    /// The configuration.
    #[arg(
        long,
        global = true,
        env = "PURSER_CONFIG",
        default_value = "/etc/purser/purser.toml"
    )]
    pub config: PathBuf,
    /// The server's socket, if it is not the one in the configuration.
    #[arg(long, global = true, env = "PURSER_SOCKET")]
    pub socket: Option<PathBuf>,
    /// Print JSON, for programs.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Everything that can be typed after `purser`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the server: the engine and its API.
    Up,
    /// Check configuration, workflows and commands; needs no server.
    Lint,
    /// Look at everything that Purser needs, and say what is wrong; needs no server.
    Doctor,
    /// Let the bot into Discord, and say what is missing there; needs no server.
    #[command(subcommand)]
    Discord(Discord),
    /// Write a first configuration for what runs on this machine; needs no server.
    Init(init::Init),
    /// Have the running server read workflows and commands again.
    Reload,
    /// Run a workflow and watch it.
    Run(run::Run),
    /// Say what a workflow would do, and change nothing.
    Plan(plan::PlanArgs),
    /// Look at runs, stop one, go on from one, or undo one.
    #[command(subcommand)]
    Runs(runs::Runs),
    /// Say yes to a run's plan.
    Approve(answer::Approve),
    /// Let somebody else say yes to a run's plan in your stead.
    Delegate(answer::Delegate),
    /// Say no to a run's plan; the run is cancelled.
    Reject(answer::Why),
    /// Stop a run; what it did is taken back as far as it can be.
    Cancel(answer::Why),
    /// Go on from a run that has ended, without what is done and stands.
    Rerun(rerun::Rerun),
    /// Take back what a run has done that succeeded, in a run of its own.
    Undo(undo::Undo),
    /// Say whether an effect happened of which nobody else can tell.
    Decide(answer::Decide),
    /// Keep a system or a service to yourself for a while: others' runs wait.
    Lock(locks::Lock),
    /// Release a lock.
    Unlock(locks::Unlock),
    /// What is locked, and what is frozen or will be.
    Locks,
    /// Show a code that makes you known in a chat.
    Link,
    /// Who is known in chats: you, and to operators everybody.
    Links,
    /// Be known in a chat no more.
    Unlink(link::Unlink),
    /// Look at schedules and at when they fire; pause, resume or run one.
    #[command(subcommand)]
    Schedules(Schedules),
    /// Look at the places where people are told, and try one.
    #[command(subcommand)]
    Notify(Notify),
    /// List, show and verify receipts.
    #[command(subcommand)]
    Receipts(Receipts),
    /// Keep passwords and keys in the store, sealed; needs no server.
    #[command(subcommand)]
    Secret(Secret),
    /// Put a backup of Purser's own back, on a machine that has none; needs no server.
    Recover(Recover),
    /// Move the store into another database; needs no server.
    #[command(subcommand)]
    Store(Store),
    /// A prompt that takes commands.
    Console,
    /// Say whether a server is ready to work; for health checks of containers.
    Healthcheck(health::Healthcheck),
    /// Stand before Docker's socket and let through only what Purser needs; needs no server.
    DockerProxy(DockerProxy),
    /// Print the JSON Schema of a kind of file, for editors; needs no server.
    Schema(Schema),
    /// Print what makes a shell complete `purser`; needs no server.
    Completions(Completions),
}

/// Why a command ends with something other than 0.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// For people; empty when everything has been said.
    pub message: String,
}

impl Failure {
    /// It failed.
    pub const FAILED: u8 = 1;
    /// The command line, or what it names, makes no sense.
    pub const USAGE: u8 = 2;
    /// It waits for a person.
    pub const WAITING: u8 = 3;
    /// The person may not.
    pub const REFUSED: u8 = 4;
    /// No server listens.
    pub const NO_SERVER: u8 = 5;

    /// The command line, or what it names, makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            code: Self::USAGE,
            message: message.into(),
        }
    }

    /// It failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            code: Self::FAILED,
            message: message.into(),
        }
    }

    /// Everything has been said.
    fn silent(code: u8) -> Self {
        Self {
            code,
            message: String::new(),
        }
    }

    /// Says what there is to say, and turns into the exit code.
    pub fn report(&self) -> ExitCode {
        if !self.message.is_empty() {
            eprintln!("purser: {}", self.message);
        }
        ExitCode::from(self.code)
    }
}

/// Carries out a command that talks to a server.
///
/// # Errors
/// The exit code and what to say.
pub async fn call(
    command: Command,
    server: &Server,
    terminal: Terminal,
    json: bool,
) -> Result<(), Failure> {
    match command {
        Command::Run(run) => run.call(server, terminal, json).await,
        Command::Plan(plan) => plan.call(server, json).await,
        Command::Runs(runs) => runs.call(server, terminal, json).await,
        Command::Approve(approve) => approve.call(server, json).await,
        Command::Delegate(delegate) => delegate.call(server, json).await,
        Command::Rerun(rerun) => rerun.call(server, terminal, json).await,
        Command::Undo(undo) => undo.call(server, terminal, json).await,
        Command::Reject(why) => why.call(server, "reject", json).await,
        Command::Cancel(why) => why.call(server, "cancel", json).await,
        Command::Decide(decide) => decide.call(server, json).await,
        Command::Lock(lock) => lock.call(server, json).await,
        Command::Unlock(unlock) => unlock.call(server, json).await,
        Command::Locks => locks::list(server, json).await,
        Command::Link => link::code(server, json).await,
        Command::Links => link::list(server, json).await,
        Command::Unlink(unlink) => unlink.call(server, json).await,
        Command::Schedules(schedules) => schedules.call(server, terminal, json).await,
        Command::Notify(notify) => notify.call(server, json).await,
        Command::Receipts(receipts) => receipts.call(server, json).await,
        Command::Console => console::open(server, terminal).await,
        Command::Reload => {
            let catalog: crate::http::types::CatalogView = server.post("reload", &()).await?;
            println!(
                "in force now: {}, {}",
                counted(catalog.workflows.len(), "workflow"),
                counted(catalog.commands.len(), "command")
            );
            Ok(())
        }
        Command::Healthcheck(check) => check.call(server).await,
        Command::Up
        | Command::Lint
        | Command::Secret(_)
        | Command::Discord(_)
        | Command::Doctor
        | Command::DockerProxy(_)
        | Command::Init(_)
        | Command::Recover(_)
        | Command::Store(_)
        | Command::Schema(_)
        | Command::Completions(_) => Err(Failure::usage("this command is not for a server")),
    }
}

fn print_json<T: serde::Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string(value).map_err(|error| Failure::failed(error.to_string()))?;
    println!("{text}");
    Ok(())
}
