//! Freezes: times in which nothing is begun.

use super::{Hold, Touch, Window};
use crate::domain::names::{Environment, FreezeName, SystemName, WorkflowName};
use crate::domain::time::Timestamp;

/// `[freezes.NAME]`: while its window is open, steps on its systems do not begin.
#[derive(Clone, Debug, PartialEq)]
pub struct Freeze {
    /// Its name.
    pub name: FreezeName,
    /// Why, for people.
    pub reason: String,
    /// All systems that stand in one of these are frozen.
    pub environments: Vec<Environment>,
    /// These are, wherever they stand.
    pub systems: Vec<SystemName>,
    /// When.
    pub window: Window,
    /// Runs of these workflows go on.
    pub except: Vec<WorkflowName>,
}

impl Freeze {
    /// The hold on the step at this instant, if there is one.
    pub(super) fn hold(&self, touch: &Touch, now: Timestamp) -> Option<Hold> {
        let is_meant =
            self.environments.contains(&touch.environment) || self.systems.contains(&touch.system);
        if !is_meant || self.except.contains(&touch.workflow) {
            return None;
        }
        Some(Hold::Frozen {
            freeze: self.name.clone(),
            system: touch.system.clone(),
            reason: self.reason.clone(),
            until: self.window.open_until(now)?,
        })
    }
}
