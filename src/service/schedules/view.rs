//! A schedule as people see it.

use serde::{Deserialize, Serialize};

use crate::domain::names::{PersonName, RunId};
use crate::domain::run::RunStatus;
use crate::domain::schedule::{Fire, Misfire, Overlap, ScheduleName, Scheduled};
use crate::domain::time::{Timestamp, rfc3339};
use crate::store::ScheduleRow;

/// A schedule as people see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScheduleView {
    /// `WORKFLOW.ID`.
    pub name: ScheduleName,
    /// Expression and zone.
    pub timing: String,
    /// How it goes on; `None` when no file has it any more.
    pub policy: Option<Policy>,
    /// When it fires next; `None` when it is paused or will not.
    pub next: Option<Fire>,
    /// Who has paused it.
    pub paused: Option<Paused>,
    /// Since when no file has it any more.
    pub gone: Option<Gone>,
    /// What became of its last fire.
    pub last: Option<LastFire>,
}

/// What the file says beside the timing.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Policy {
    /// What becomes of missed fires.
    pub misfire: Misfire,
    /// What becomes of a fire while a run has not ended.
    pub overlap: Overlap,
}

/// That a schedule is paused.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Paused {
    /// By whom.
    pub by: PersonName,
    /// Since when.
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
}

/// That no file has a schedule any more.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Gone {
    /// Since when.
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
}

/// What became of a fire.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LastFire {
    /// When it was due.
    #[serde(with = "rfc3339")]
    pub at: Timestamp,
    /// Its run; `None`: it was passed over.
    pub run: Option<RunId>,
    /// Where the run stands.
    pub status: Option<RunStatus>,
    /// Why it was passed over.
    pub note: Option<String>,
}

/// One of the files, with what has become of it.
pub(super) fn view(
    scheduled: &Scheduled,
    row: Option<&ScheduleRow>,
    now: Timestamp,
) -> ScheduleView {
    let paused = row.and_then(paused);
    ScheduleView {
        name: scheduled.name.clone(),
        timing: scheduled.timing.to_string(),
        policy: Some(Policy {
            misfire: scheduled.misfire,
            overlap: scheduled.overlap,
        }),
        next: scheduled.timing.next(now).filter(|_| paused.is_none()),
        paused,
        gone: None,
        last: row.and_then(last),
    }
}

/// One that is in no file any more.
pub(super) fn gone(row: &ScheduleRow, now: Timestamp) -> ScheduleView {
    ScheduleView {
        name: row.name.clone(),
        timing: row.timing.clone(),
        policy: None,
        next: None,
        paused: paused(row),
        gone: Some(Gone {
            at: row.gone_at.unwrap_or(now),
        }),
        last: last(row),
    }
}

fn paused(row: &ScheduleRow) -> Option<Paused> {
    let (by, at) = row.paused.clone()?;
    Some(Paused { by, at })
}

fn last(row: &ScheduleRow) -> Option<LastFire> {
    let last = row.last.clone()?;
    Some(LastFire {
        at: last.at,
        run: last.run.map(|(run, _)| run),
        status: last.run.map(|(_, status)| status),
        note: last.note,
    })
}
