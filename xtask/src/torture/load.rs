//! What is asked for: runs of several steps, of all sorts of effects.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::api::{self, Failure};
use super::dice::Dice;
use super::house::House;
use super::workflows::{ALL, Workflow};

/// Runs that are asked for in the life of one server.
const IN_A_LIFE: u64 = 3;
/// They are asked for within this time.
const WITHIN: Duration = Duration::from_millis(600);

/// After so many of a hundred requests one of the last so many runs is cancelled.
const CANCELS: u64 = 12;
const LATE: usize = 6;

/// A request, and the run that the server has said that it made of it.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) workflow: Workflow,
    pub(super) key: String,
    pub(super) run: Option<String>,
    /// Somebody has wanted it to stop, and may have been heard.
    pub(super) cancelled: bool,
}

/// Everything that was asked for.
#[derive(Clone)]
pub(super) struct Load {
    socket: Arc<Mutex<PathBuf>>,
    workflows: Vec<Workflow>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Load {
    /// Runs of all workflows, which are written into the house.
    pub(super) fn of(house: &House) -> Result<Self> {
        Self::of_these(house, ALL.to_vec())
    }

    /// Runs of these, which are written into the house.
    pub(super) fn of_these(house: &House, workflows: Vec<Workflow>) -> Result<Self> {
        for workflow in &workflows {
            let file = format!("workflows/{}.yaml", workflow.name);
            house.write(&file, &workflow.yaml())?;
        }
        Ok(Self {
            socket: Arc::new(Mutex::new(house.socket())),
            workflows,
            asked: Arc::default(),
        })
    }

    /// Asks for runs while a server lives: first for those that an earlier one may not have taken.
    pub(super) fn goes_on(&self, mut dice: Dice) -> JoinHandle<()> {
        let load = self.clone();
        thread::spawn(move || {
            if !load.asks_again() {
                return;
            }
            for _ in 0..IN_A_LIFE {
                sleep(dice.time(WITHIN / 3));
                let Some(workflow) = dice.one_of(&load.workflows) else {
                    return;
                };
                if !load.asks_for(*workflow) || !load.cancels_some(&mut dice) {
                    return;
                }
            }
        })
    }

    /// Wants one of the last runs to stop, now and then; whether the server has answered.
    fn cancels_some(&self, dice: &mut Dice) -> bool {
        if !dice.percent(CANCELS) {
            return true;
        }
        let run = {
            let mut asked = self.lock();
            let from = asked.len().saturating_sub(LATE);
            let late: Vec<_> = (from..asked.len()).collect();
            let one = dice.one_of(&late).and_then(|index| asked.get_mut(*index));
            let Some((run, one)) = one.and_then(|one| Some((one.run.clone()?, one))) else {
                return true;
            };
            one.cancelled = true;
            run
        };
        let path = format!("/api/v1/runs/{run}/cancel");
        !matches!(
            api::post(&self.socket(), &path, &json!({})),
            Err(Failure::Away)
        )
    }

    /// Asks for one run; whether the server has answered.
    pub(super) fn asks_for(&self, workflow: Workflow) -> bool {
        let index = {
            let mut asked = self.lock();
            let key = format!("torture {}", asked.len());
            asked.push(Asked {
                workflow,
                key,
                run: None,
                cancelled: false,
            });
            asked.len() - 1
        };
        self.asks(index)
    }

    /// Asks again for whatever no answer has come to; whether all were answered.
    pub(super) fn asks_again(&self) -> bool {
        let open = |(index, asked): (usize, &Asked)| asked.run.is_none().then_some(index);
        let open: Vec<_> = self.lock().iter().enumerate().filter_map(open).collect();
        open.into_iter().all(|index| self.asks(index))
    }

    fn asks(&self, index: usize) -> bool {
        let asked = self.lock()[index].clone();
        let body = json!({ "workflow": asked.workflow.name, "idempotency_key": asked.key });
        match api::post(&self.socket(), "/api/v1/runs", &body) {
            Ok(accepted) => {
                self.lock()[index].run = accepted["run"].as_str().map(str::to_owned);
                true
            }
            Err(Failure::Away | Failure::Refused(..)) => false,
        }
    }

    /// The run that a request with this key makes, or has made.
    pub(super) fn run_of(&self, asked: &Asked) -> Result<Value, Failure> {
        let body = json!({ "workflow": asked.workflow.name, "idempotency_key": asked.key });
        Ok(api::post(&self.socket(), "/api/v1/runs", &body)?["run"].take())
    }

    /// From now on the requests go to the server of this house.
    pub(super) fn goes_to(&self, house: &House) {
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = house.socket();
    }

    fn socket(&self) -> PathBuf {
        let socket = self.socket.lock();
        socket.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All requests.
    pub(super) fn all(&self) -> Vec<Asked> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
