//! `[freezes.NAME]`: when nothing is begun where; and `[break_glass]`: who may begin it all the same.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::document::Origins;
use super::{SystemConfig, Wrong, check_name};
use crate::domain::hold::{Freeze, Window};
use crate::domain::names::{Environment, FreezeName, Role, SystemName, WorkflowName};
use crate::domain::nearest;
use crate::domain::schedule::{Expression, LocalTime, Timing, Zone};
use crate::domain::time::Span;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FreezeTable {
    /// Why, for people.
    reason: String,
    /// All systems that stand in one of these are frozen.
    #[serde(default)]
    environments: Vec<Environment>,
    /// These are, wherever they stand.
    #[serde(default)]
    systems: Vec<SystemName>,
    /// When it begins, again and again: an expression as schedules have them.
    begins: Option<String>,
    /// How long it lasts then.
    lasts: Option<Span>,
    /// When it begins, once: a time on the clocks of the zone, as 2026-12-20T00:00.
    from: Option<String>,
    /// When it ends then.
    until: Option<String>,
    /// By which clocks; without it, that of `[schedules] timezone`.
    zone: Option<Zone>,
    /// Runs of these workflows go on.
    #[serde(default)]
    except: Vec<WorkflowName>,
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct BreakGlassTable {
    /// Who may begin something in spite of freezes and locks, with a reason; without it, nobody.
    pub(super) roles: Vec<Role>,
}

/// Checks the tables against the systems; `zone` is the clock of those that name none.
pub(super) fn freezes(
    tables: IndexMap<FreezeName, FreezeTable>,
    systems: &BTreeMap<SystemName, SystemConfig>,
    zone: Zone,
    origins: &Origins,
) -> Result<Vec<Freeze>, Wrong> {
    let mut freezes = vec![];
    for (name, table) in tables {
        check_name("freeze", "freezes", name.as_str(), origins)?;
        let wrong = |key: &str, why: String| {
            let path = ["freezes", name.as_str(), key];
            let origin = origins.of(&path).or_else(|| origins.of(&path[..2]));
            (origin, format!("[freezes.{name}]: {why}"))
        };
        if table.reason.trim().is_empty() {
            let why = "`reason` is empty: say why, for those who will wait";
            return Err(wrong("reason", why.to_owned()));
        }
        table.check_names(systems, &wrong)?;
        let window = table.window(zone, &wrong)?;
        freezes.push(Freeze {
            reason: table.reason.trim().to_owned(),
            environments: table.environments,
            systems: table.systems,
            except: table.except,
            window,
            name,
        });
    }
    Ok(freezes)
}

impl FreezeTable {
    fn check_names(
        &self,
        systems: &BTreeMap<SystemName, SystemConfig>,
        wrong: &impl Fn(&str, String) -> Wrong,
    ) -> Result<(), Wrong> {
        if self.environments.is_empty() && self.systems.is_empty() {
            let why = "it freezes nothing: write `environments` or `systems`, or both";
            return Err(wrong("environments", why.to_owned()));
        }
        let names: Vec<_> = systems.keys().map(SystemName::as_str).collect();
        if let Some(unknown) = self.systems.iter().find(|one| !systems.contains_key(*one)) {
            let why = nearest::unknown("system", unknown.as_str(), names);
            return Err(wrong("systems", why));
        }
        let mut known: Vec<_> = systems
            .values()
            .map(|one| one.environment.as_str())
            .collect();
        known.sort_unstable();
        known.dedup();
        let is_known = |one: &&Environment| known.contains(&one.as_str());
        if let Some(unknown) = self.environments.iter().find(|one| !is_known(one)) {
            let why = nearest::unknown("environment", unknown.as_str(), known);
            return Err(wrong("environments", why));
        }
        Ok(())
    }

    fn window(&self, zone: Zone, wrong: &impl Fn(&str, String) -> Wrong) -> Result<Window, Wrong> {
        let zone = self.zone.unwrap_or(zone);
        match (&self.begins, self.lasts, &self.from, &self.until) {
            (Some(begins), Some(lasts), None, None) => {
                let expression: Expression = begins
                    .parse()
                    .map_err(|error| wrong("begins", format!("`begins`: {error}")))?;
                Window::recurring(Timing::new(expression, zone), lasts)
                    .map_err(|error| wrong("begins", error.to_string()))
            }
            (None, None, Some(from), Some(until)) => {
                let time = |key: &str, text: &str| {
                    let parsed = text.parse::<LocalTime>();
                    parsed.map_err(|error| wrong(key, format!("`{key}`: {error}")))
                };
                Window::once(time("from", from)?, time("until", until)?, zone)
                    .map_err(|error| wrong("until", error.to_string()))
            }
            _ => {
                let why = "it needs `begins` and `lasts`, for one that comes again and again, or \
                           `from` and `until`, for once";
                Err(wrong("begins", why.to_owned()))
            }
        }
    }
}
