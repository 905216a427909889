//! `purser run NAME`: starts a run and watches it.

use std::collections::HashMap;

use clap::Args;

use super::client::Server;
use super::{Failure, Inputs, print_json, render};
use crate::domain::ending::FinalState;
use crate::domain::names::StepId;
use crate::domain::run::{RunStatus, StepState, StepStatus, WaitingFor};
use crate::http::types::{Accepted, AskBody, RunView};

/// Run a workflow and watch it.
#[derive(Debug, Args)]
pub struct Run {
    /// The workflow.
    workflow: String,
    #[command(flatten)]
    inputs: Inputs,
    /// Only start it, and print its id.
    #[arg(long)]
    detach: bool,
    /// Go on watching while the run waits for a person.
    #[arg(long)]
    wait: bool,
    /// The same key gives the same run, however often it is asked for.
    #[arg(long)]
    key: Option<String>,
}

impl Run {
    pub(super) async fn call(self, server: &Server, json: bool) -> Result<(), Failure> {
        let body = AskBody {
            workflow: Some(self.workflow.clone()),
            inputs: self.inputs.to_map()?,
            idempotency_key: self.key.clone(),
            ..AskBody::default()
        };
        let accepted: Accepted = server.post("runs", &body).await?;
        if self.detach {
            return tell_started(&accepted, json);
        }
        watch(server, &accepted.run.to_string(), json, self.wait).await
    }
}

/// Says the id of a run that nobody watches.
pub(super) fn tell_started(accepted: &Accepted, json: bool) -> Result<(), Failure> {
    if json {
        return print_json(accepted);
    }
    println!("{}", accepted.run);
    Ok(())
}

/// Watches a run to its end, or until it waits for a person unless `wait`.
pub(super) async fn watch(
    server: &Server,
    run: &str,
    json: bool,
    wait: bool,
) -> Result<(), Failure> {
    let mut printer = Printer::default();
    let view = server
        .watch(
            run,
            |view| {
                if !json {
                    printer.show(view);
                }
                !wait && waits_for_person(view)
            },
            || {
                eprintln!(
                    "purser: the server went away; the run goes on when it is back. Waiting for it"
                );
            },
        )
        .await?;
    if json {
        print_json(&view)?;
    } else {
        tell_end(&view);
    }
    exit_of(&view)
}

/// The outputs of the steps, and how the run ended.
pub(super) fn tell_end(view: &RunView) {
    for output in render::outputs(&view.run) {
        println!("{output}");
    }
    for kept in render::kept(&view.run) {
        println!("{kept}");
    }
    if let Some(ending) = render::ending(&view.run) {
        println!("{ending}");
    }
    if let Some(todo) = render::what_to_do(view) {
        println!("{todo}");
    }
}

fn waits_for_person(view: &RunView) -> bool {
    matches!(
        view.status,
        RunStatus::Waiting(WaitingFor::Approval | WaitingFor::Decision)
    )
}

/// 0 done, 3 waiting for a person, 1 anything else.
pub(super) fn exit_of(view: &RunView) -> Result<(), Failure> {
    match &view.run.ended {
        Some(ended) if ended.state == FinalState::Succeeded => Ok(()),
        None if waits_for_person(view) => Err(Failure::silent(3)),
        _ => Err(Failure::silent(1)),
    }
}

/// Prints a line whenever a step has moved.
#[derive(Default)]
pub(super) struct Printer {
    begun: bool,
    plan: Option<String>,
    steps: HashMap<StepId, String>,
    progress: Option<String>,
    voided: usize,
}

impl Printer {
    pub(super) fn show(&mut self, view: &RunView) {
        if !std::mem::replace(&mut self.begun, true) {
            let run = &view.run;
            println!(
                "run {} of {}, asked by {}",
                run.id.short(),
                run.request.workflow,
                run.request.by
            );
        }
        for why in view.run.voided.iter().skip(self.voided) {
            println!("! the approval is void: {why}");
        }
        self.voided = view.run.voided.len();
        if let Some(plan) = view
            .run
            .plan
            .as_ref()
            .filter(|_| view.run.approval_is_open())
        {
            let text = render::workflow_plan(plan);
            if self.plan.as_ref() != Some(&text) {
                println!("{text}");
                self.plan = Some(text);
            }
        }
        for (id, state) in &view.run.steps {
            let Some(line) = render::step_line(id, state) else {
                continue;
            };
            if self.steps.get(id) != Some(&line) {
                println!("{line}");
                self.steps.insert(id.clone(), line);
            }
        }
        // What a step said last may still be in the view when the step is over.
        let is_at_work = |state: &StepState| state.status == StepStatus::Running;
        if let Some(progress) = &view.progress
            && self.progress.as_ref() != Some(progress)
            && view.run.steps.values().any(is_at_work)
        {
            println!("  {progress}");
            self.progress = Some(progress.clone());
        }
    }
}
