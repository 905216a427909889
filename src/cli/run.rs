//! `purser run NAME`: starts a run and watches it.

use std::cell::RefCell;

use clap::Args;

use super::client::Server;
use super::inputs::Inputs;
use super::printer::Printer;
use super::terminal::Terminal;
use super::{Failure, print_json, render};
use crate::chat::card::results;
use crate::domain::ending::FinalState;
use crate::domain::run::{RunStatus, WaitingFor};
use crate::http::types::{Accepted, AskBody, RunView};

/// Somebody at a terminal has pressed Ctrl-C, and the run goes on: what shells call that.
const LEFT: u8 = 130;

/// Run a workflow and watch it.
#[derive(Debug, Args)]
pub struct Run {
    /// The workflow.
    workflow: String,
    #[command(flatten)]
    inputs: Inputs,
    #[command(flatten)]
    start: Start,
}

/// What becomes of whoever has started a run.
#[derive(Debug, Args)]
pub struct Follow {
    /// Only start it, and print its id.
    #[arg(long)]
    detach: bool,
    /// Go on watching while the run waits for a person.
    #[arg(long)]
    wait: bool,
}

/// How a run is started.
#[derive(Debug, Args)]
pub(super) struct Start {
    #[command(flatten)]
    pub(super) follow: Follow,
    /// The same key gives the same run, however often it is asked for.
    #[arg(long)]
    pub(super) key: Option<String>,
    /// Do not wait for freezes and locks, for this reason, which goes into the books; takes a role of
    /// `[break_glass]`.
    #[arg(long, value_name = "REASON")]
    pub(super) break_glass: Option<String>,
}

impl Run {
    pub(super) async fn call(
        self,
        server: &Server,
        terminal: Terminal,
        json: bool,
    ) -> Result<(), Failure> {
        let body = AskBody {
            workflow: Some(self.workflow.clone()),
            inputs: self.inputs.for_run(server, &self.workflow).await?,
            idempotency_key: self.start.key.clone(),
            break_glass: self.start.break_glass.clone(),
            ..AskBody::default()
        };
        let accepted: Accepted = server.post("runs", &body).await?;
        self.start
            .follow
            .call(server, terminal, &accepted, json)
            .await
    }
}

impl Follow {
    /// Watches the run that was started, or says its id and leaves it.
    pub(super) async fn call(
        &self,
        server: &Server,
        terminal: Terminal,
        accepted: &Accepted,
        json: bool,
    ) -> Result<(), Failure> {
        if !self.detach {
            let run = accepted.run.to_string();
            return watch(server, terminal, &run, json, self.wait).await;
        }
        if json {
            return print_json(accepted);
        }
        println!("{}", accepted.run);
        Ok(())
    }
}

/// Watches a run to its end, or until it waits for a person unless `wait`.
pub(super) async fn watch(
    server: &Server,
    terminal: Terminal,
    run: &str,
    json: bool,
    wait: bool,
) -> Result<(), Failure> {
    let printer = RefCell::new(Printer::new(terminal));
    let mut id = run.to_owned();
    let watched = server.watch(
        run,
        |view| {
            id = view.run.id.short();
            if !json {
                printer.borrow_mut().show(view);
            }
            !wait && waits_for_person(view)
        },
        || {
            let gone =
                "purser: the server went away; the run goes on when it is back. Waiting for it";
            printer.borrow().aside(|| eprintln!("{gone}"));
        },
    );
    let view = tokio::select! {
        view = watched => Some(view),
        () = terminal.interrupted() => None,
    };
    drop(printer);
    let Some(view) = view else {
        let goes_on = format!(
            "run {id} goes on; `purser runs watch {id}` comes back to it, `purser cancel {id}` stops it"
        );
        return Err(Failure {
            code: LEFT,
            message: goes_on,
        });
    };
    let view = view?;
    if json {
        print_json(&view)?;
    } else {
        tell_end(terminal, &view);
    }
    exit_of(&view)
}

/// The outputs of the steps, and how the run ended.
pub(super) fn tell_end(terminal: Terminal, view: &RunView) {
    for output in render::outputs(&view.run) {
        println!("{output}");
    }
    for kept in render::kept(view) {
        println!("{kept}");
    }
    if let Some(ending) = results::ending(&view.run) {
        terminal.say(&ending.to_string());
    }
    if let Some(todo) = render::what_to_do(view) {
        println!("{todo}");
    }
}

pub(super) fn waits_for_person(view: &RunView) -> bool {
    matches!(
        view.status,
        RunStatus::Waiting(WaitingFor::Approval | WaitingFor::Decision)
    )
}

/// 0 done, 3 waiting for a person, 1 anything else.
pub(super) fn exit_of(view: &RunView) -> Result<(), Failure> {
    match &view.run.ended {
        Some(ended) if ended.state == FinalState::Succeeded => Ok(()),
        None if waits_for_person(view) => Err(Failure::silent(Failure::WAITING)),
        _ => Err(Failure::silent(Failure::FAILED)),
    }
}
