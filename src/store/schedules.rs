//! What has become of schedules: which fires there were, and which schedules are paused.

use futures_util::future::BoxFuture;

use super::{NewRun, Result};
use crate::domain::names::{PersonName, RunId};
use crate::domain::receipt::Draft;
use crate::domain::run::RunStatus;
use crate::domain::schedule::{ScheduleName, Scheduled};
use crate::domain::time::Timestamp;

/// A schedule as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRow {
    /// Which.
    pub name: ScheduleName,
    /// Its expression and zone, as they were last seen.
    pub timing: String,
    /// Fires up to this instant have been dealt with.
    pub seen: Timestamp,
    /// Who has paused it, and when.
    pub paused: Option<(PersonName, Timestamp)>,
    /// When it was noticed that no file has it any more.
    pub gone_at: Option<Timestamp>,
    /// Its last fire.
    pub last: Option<FireRow>,
}

impl ScheduleRow {
    /// Whether it is what the files have: one that had another timing, or was in no file, has missed
    /// nothing.
    pub fn is_of(&self, scheduled: &Scheduled) -> bool {
        self.gone_at.is_none() && self.timing == scheduled.timing.to_string()
    }
}

/// A fire that has been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FireRow {
    /// When it was due.
    pub at: Timestamp,
    /// Its run and where that stands; `None`: it was passed over.
    pub run: Option<(RunId, RunStatus)>,
    /// Why it was passed over, or what else there is to say.
    pub note: Option<String>,
}

/// A fire to be kept.
#[derive(Clone, Debug)]
pub struct NewFire {
    /// Of which schedule.
    pub schedule: ScheduleName,
    /// When it was due.
    pub at: Timestamp,
    /// Whether everything up to it has been dealt with; not so when a person has it run between.
    pub moves_on: bool,
    /// Its run; `None`: it is passed over.
    pub run: Option<NewRun>,
    /// Why it is passed over, or what else there is to say.
    pub note: Option<String>,
    /// The receipt of one that is passed over.
    pub receipt: Option<Draft>,
}

/// Schedules and their fires.
pub trait Schedules: Send + Sync {
    /// All that were ever met, by name.
    fn schedules(&self) -> BoxFuture<'_, Result<Vec<ScheduleRow>>>;

    /// A file has this schedule, new or with another timing: it has missed nothing before `at`.
    fn meet_schedule(
        &self,
        name: ScheduleName,
        timing: String,
        at: Timestamp,
    ) -> BoxFuture<'_, Result<()>>;

    /// No file has it any more.
    fn lose_schedule(&self, name: ScheduleName, at: Timestamp) -> BoxFuture<'_, Result<()>>;

    /// Fires up to `seen` count as dealt with, and those behind it do not.
    fn look_from(
        &self,
        name: ScheduleName,
        seen: Timestamp,
        receipt: Option<Draft>,
    ) -> BoxFuture<'_, Result<()>>;

    /// Keeps a fire and creates its run, both or neither. `false` when this fire has had a run
    /// already, or was dealt with so long ago that it is forgotten: then nothing more than `seen` is
    /// written.
    fn fire(&self, fire: NewFire) -> BoxFuture<'_, Result<bool>>;

    /// The runs of a schedule that have not ended, oldest first.
    fn open_runs<'a>(&'a self, name: &'a ScheduleName) -> BoxFuture<'a, Result<Vec<RunId>>>;

    /// Pauses a schedule, with who did; or resumes it: what was due meanwhile is not made up for.
    fn pause_schedule(
        &self,
        name: ScheduleName,
        by: Option<PersonName>,
        at: Timestamp,
        receipt: Draft,
    ) -> BoxFuture<'_, Result<()>>;
}
