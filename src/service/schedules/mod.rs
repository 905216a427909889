//! Schedules: what there are, when they fire, and what people do to them.

mod view;

use std::sync::Arc;

use serde_json::Value;

use super::given::Secrets;
use super::invoke::Checked;
use super::{Result, Service, ServiceError};
use crate::catalog::{Catalog, Loaded, Reply};
use crate::domain::event::{Requested, Trigger};
use crate::domain::input::check_inputs;
use crate::domain::names::RunId;
use crate::domain::nearest;
use crate::domain::person::Actor;
use crate::domain::receipt::{Draft, Subject};
use crate::domain::schedule::{Fire, Overlap, ScheduleName, Scheduled};
use crate::domain::time::Timestamp;
use crate::domain::workflow::{Workflow, may_be_scheduled};
use crate::engine::{Timetable, run_id, waits_in_line};
use crate::store::{NewFire, NewRun, ScheduleRow};

pub use view::ScheduleView;
use view::{gone, view};

/// A preview shows no more fires.
const LONGEST_PREVIEW: u32 = 1000;

impl Service {
    /// All schedules of the files, and those that were in them once, by name.
    ///
    /// # Errors
    /// A stranger asks, or the store cannot be read.
    pub async fn schedules(&self, by: &Actor) -> Result<Vec<ScheduleView>> {
        self.known(by, "list schedules").await?;
        let now = self.parts.clock.now();
        let rows = self.parts.store.schedules().await?;
        let all = self.scheduled();
        let row_of = |name: &ScheduleName| rows.iter().find(|row| row.name == *name);
        let mut views: Vec<_> = all
            .iter()
            .map(|scheduled| view(scheduled, row_of(&scheduled.name), now))
            .collect();
        let is_gone = |row: &&ScheduleRow| all.iter().all(|scheduled| scheduled.name != row.name);
        views.extend(rows.iter().filter(is_gone).map(|row| gone(row, now)));
        views.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(views)
    }

    /// The next fires of a schedule behind `from`, or from now on.
    ///
    /// # Errors
    /// A stranger asks, or there is no such schedule.
    pub async fn preview(
        &self,
        by: &Actor,
        schedule: &str,
        from: Option<Timestamp>,
        count: u32,
    ) -> Result<Vec<Fire>> {
        self.known(by, "look at a schedule").await?;
        let scheduled = self.find_schedule(schedule)?;
        let from = from.unwrap_or_else(|| self.parts.clock.now());
        let count = count.min(LONGEST_PREVIEW) as usize;
        Ok(scheduled.timing.after(from).take(count).collect())
    }

    /// Lets a schedule fire no more until it is resumed.
    ///
    /// # Errors
    /// There is no such schedule, it is paused already, or the person may not start its workflow.
    pub async fn pause(&self, by: &Actor, schedule: &str) -> Result<ScheduleView> {
        let scheduled = self.allowed(by, "pause", schedule).await?;
        let row = self.row(&scheduled).await?;
        if let Some((who, at)) = row.and_then(|row| row.paused) {
            let message = format!("{} is paused already, by {who} since {at}", scheduled.name);
            return Err(ServiceError::Conflict(message));
        }
        self.set_paused(by, &scheduled, true).await
    }

    /// Lets a paused schedule fire again. What was due meanwhile is not made up for.
    ///
    /// # Errors
    /// There is no such schedule, it is not paused, or the person may not start its workflow.
    pub async fn resume(&self, by: &Actor, schedule: &str) -> Result<ScheduleView> {
        let scheduled = self.allowed(by, "resume", schedule).await?;
        let row = self.row(&scheduled).await?;
        if row.is_none_or(|row| row.paused.is_none()) {
            let message = format!("{} is not paused", scheduled.name);
            return Err(ServiceError::Conflict(message));
        }
        self.set_paused(by, &scheduled, false).await
    }

    /// Has a schedule's run begin now, with its inputs, also while it is paused.
    ///
    /// # Errors
    /// There is no such schedule, its last run has not ended, or the person may not start its
    /// workflow.
    pub async fn run_schedule(&self, by: &Actor, schedule: &str) -> Result<RunId> {
        let scheduled = self.allowed(by, "run", schedule).await?;
        let name = &scheduled.name;
        let open = self.parts.store.open_runs(name).await?;
        if let Some(run) = open.first().filter(|_| scheduled.overlap != Overlap::Queue) {
            let run = run.short();
            return Err(ServiceError::Conflict(format!(
                "run {run} of {name} has not ended: wait for it, or stop it with `purser cancel \
                 {run}`"
            )));
        }
        let (request, definition) = self
            .ask_for(self.catalog(), name, None, by.clone())
            .map_err(ServiceError::Conflict)?;
        let asked = format!("run the schedule {name}");
        self.not_held(&asked, &definition, &request).await?;
        self.check_room().await?;
        let at = self.parts.clock.now();
        let id = run_id(
            at.micros().unsigned_abs() / 1000,
            self.parts.entropy.as_ref(),
        );
        let fire = NewFire {
            schedule: name.clone(),
            at,
            moves_on: false,
            run: Some(NewRun {
                id,
                at,
                request: waits_in_line(request, name, scheduled.overlap),
                definition,
                idempotency_key: None,
                secrets: vec![],
            }),
            note: Some(format!("{by} had it run")),
            receipt: None,
        };
        self.met(&scheduled).await?;
        if self.parts.store.fire(fire).await? {
            Ok(id)
        } else {
            let message = format!("{name} fires at this very moment: try again");
            Err(ServiceError::Conflict(message))
        }
    }

    /// The schedule of this name: `WORKFLOW.ID`, or an id that only one workflow has.
    fn find_schedule(&self, text: &str) -> Result<Scheduled> {
        let all = self.scheduled();
        let exactly = all.iter().find(|one| one.name.to_string() == text);
        let by_id: Vec<_> = all.iter().filter(|one| one.name.id() == text).collect();
        match (exactly, by_id.as_slice()) {
            (Some(one), _) => Ok(one.clone()),
            (None, [one]) => Ok((*one).clone()),
            _ => {
                let names: Vec<_> = all.iter().map(|one| one.name.to_string()).collect();
                let names = names.iter().map(String::as_str).collect::<Vec<_>>();
                Err(ServiceError::Invalid(nearest::unknown(
                    "schedule", text, names,
                )))
            }
        }
    }

    /// The schedule, if the person may start its workflow: the right to the one is that to the
    /// other.
    async fn allowed(&self, by: &Actor, verb: &str, schedule: &str) -> Result<Scheduled> {
        let asked = format!("{verb} the schedule {schedule}");
        self.known(by, &asked).await?;
        let scheduled = self.find_schedule(schedule)?;
        let catalog = self.catalog();
        let loaded = catalog.workflow(scheduled.name.workflow().as_str());
        let loaded = loaded.map_err(ServiceError::Invalid)?;
        match catalog.may_start(by, loaded) {
            Ok(()) => Ok(scheduled),
            Err(refusal) => {
                let asked = format!("{verb} the schedule {}", scheduled.name);
                Err(self.refuse(by, &asked, refusal.0).await)
            }
        }
    }

    async fn row(&self, scheduled: &Scheduled) -> Result<Option<ScheduleRow>> {
        let rows = self.parts.store.schedules().await?;
        Ok(rows.into_iter().find(|row| row.name == scheduled.name))
    }

    /// Sees that the store knows the schedule: the scheduler may not have looked yet.
    async fn met(&self, scheduled: &Scheduled) -> Result<()> {
        if self.row(scheduled).await?.is_none() {
            let (name, timing) = (scheduled.name.clone(), scheduled.timing.to_string());
            let now = self.parts.clock.now();
            self.parts.store.meet_schedule(name, timing, now).await?;
        }
        Ok(())
    }

    async fn set_paused(
        &self,
        by: &Actor,
        scheduled: &Scheduled,
        paused: bool,
    ) -> Result<ScheduleView> {
        self.met(scheduled).await?;
        let name = &scheduled.name;
        let now = self.parts.clock.now();
        let verb = if paused { "paused" } else { "resumed" };
        let subject = Subject::Changed {
            what: format!("schedule {name}"),
        };
        let summary = format!("the schedule {name} was {verb} by {by}");
        let seed = self.parts.entropy.bytes();
        let receipt = Draft::without_run(subject, by.clone(), now, &summary, seed);
        let who = paused.then(|| by.person.clone());
        self.parts
            .store
            .pause_schedule(name.clone(), who, now, receipt)
            .await?;
        self.parts.schedules_changed.notify_one();
        Ok(view(scheduled, self.row(scheduled).await?.as_ref(), now))
    }

    fn ask_for(
        &self,
        catalog: Arc<Catalog>,
        name: &ScheduleName,
        at: Option<Timestamp>,
        by: Actor,
    ) -> Result<(Requested, Workflow), String> {
        let loaded = catalog.workflow(name.workflow().as_str())?.clone();
        let spec = loaded.workflow.schedules().find(|(known, _)| known == name);
        let (_, spec) = spec.ok_or_else(|| format!("no file has the schedule {name} any more"))?;
        let inputs = check_inputs(&loaded.workflow.inputs, &spec.inputs);
        let inputs = Value::Object(inputs.map_err(|error| error.to_string())?);
        let trigger = Trigger::Schedule {
            name: name.clone(),
            at,
        };
        let definition = loaded.workflow.clone();
        let checked = Checked {
            catalog,
            loaded,
            trigger,
            inputs,
            secrets: Secrets::new(),
            reply: Reply::default(),
        };
        let request = self.make_request(&checked, by);
        Ok((request.map_err(|error| error.to_string())?, definition))
    }
}

impl Timetable for Service {
    fn scheduled(&self) -> Vec<Scheduled> {
        let catalog = self.catalog();
        let of = |loaded: &Loaded| -> Vec<_> {
            let all = loaded.workflow.schedules();
            all.map(|(name, spec)| Scheduled::new(name, spec, self.parts.zone))
                .collect()
        };
        catalog.workflows().flat_map(of).collect()
    }

    fn request(
        &self,
        schedule: &ScheduleName,
        at: Option<Timestamp>,
        by: Actor,
    ) -> Result<(Requested, Workflow), String> {
        let catalog = self.catalog();
        let loaded = catalog.workflow(schedule.workflow().as_str())?;
        catalog
            .with_included(loaded)
            .try_for_each(|one| may_be_scheduled(&one.workflow, &one.environments))
            .map_err(|refusal| refusal.to_string())?;
        self.ask_for(Arc::clone(&catalog), schedule, at, by)
    }
}
