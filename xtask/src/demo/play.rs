//! One scene after the other, and what is asserted in them.

use std::fmt::Display;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::client::Count;
use super::console::Console;
use super::docker::{self, Container, SERVICE};
use super::screen;
use super::stage::Stage;

/// One scene.
pub(crate) struct Scene {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    /// What happens in it.
    pub(crate) title: &'static str,
    /// Plays it, and asserts from outside what came of it.
    pub(crate) play: fn(&mut Play) -> Result<()>,
}

/// The play as it goes on.
pub(crate) struct Play {
    /// Where it is played.
    pub(crate) stage: Stage,
    console: Option<Console>,
    /// Whether the scene that is played is the one to be sabotaged.
    is_sabotaged: bool,
    held: usize,
    broken: usize,
}

impl Play {
    /// On this stage.
    pub(crate) fn on(stage: Stage) -> Self {
        Self {
            stage,
            console: None,
            is_sabotaged: false,
            held: 0,
            broken: 0,
        }
    }

    /// Plays one scene. Whether all that was asserted in it holds.
    pub(crate) fn scene(&mut self, scene: &Scene, is_sabotaged: bool) -> bool {
        self.is_sabotaged = is_sabotaged;
        let before = self.broken;
        if let Err(error) = (scene.play)(self) {
            self.broken += 1;
            screen::broken(format!("the scene cannot go on: {error:#}"));
        }
        self.broken == before
    }

    /// How many assertions held.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Ends it: consoles are closed.
    pub(crate) fn end(self) -> Stage {
        self.stage
    }

    /// Ann's console, the same one all the while.
    pub(crate) fn console(&mut self) -> Result<&mut Console> {
        let console = match self.console.take() {
            Some(console) => console,
            None => Console::open(&self.stage, &self.stage.ann)?,
        };
        Ok(self.console.insert(console))
    }

    /// Does damage behind Purser's back, if this is the scene to break (`--break`).
    pub(crate) fn sabotage(
        &self,
        what: &str,
        act: impl FnOnce(&Stage) -> Result<()>,
    ) -> Result<()> {
        if self.is_sabotaged {
            screen::line(format!("  (sabotage, as asked for by --break: {what})"));
            act(&self.stage)?;
        }
        Ok(())
    }

    /// Asserts that two things are the same, of which one was looked up from outside.
    pub(crate) fn same<T: PartialEq + Display>(&mut self, what: &str, found: T, expected: T) {
        let holds = found == expected;
        self.holds(what, holds, found, expected);
    }

    /// Asserts something, with the figure that was found and, for people, what was expected.
    pub(crate) fn holds(
        &mut self,
        what: &str,
        holds: bool,
        found: impl Display,
        expected: impl Display,
    ) {
        if holds {
            self.held += 1;
            screen::held(format!("{what}: {found}"));
        } else {
            self.broken += 1;
            screen::broken(format!("{what}: expected {expected}, found {found}"));
        }
    }

    /// Asserts what is either so or not so, in words for both.
    pub(crate) fn either(&mut self, what: &str, is_so: bool, so: &str, not: &str) {
        self.holds(what, is_so, if is_so { so } else { not }, so);
    }

    /// Asserts that there is one container of the service, well and of this version.
    pub(crate) fn one_container(&mut self, version: &str) -> Result<Vec<Container>> {
        let now = self.stage.docker.containers()?;
        let well = format!("{} {version} running healthy", docker::CONTAINER);
        self.same(
            &format!("Docker, all containers of {SERVICE}"),
            docker::describe(&now),
            well,
        );
        Ok(now)
    }

    /// Asserts that a healthy container answered at every instant.
    pub(crate) fn no_gap(&mut self, count: &Count) {
        let versions: Vec<String> = count
            .versions
            .iter()
            .map(|(version, answers)| format!("{} by {version}", answers.count))
            .collect();
        let found = format!(
            "{} of {} in {:.1} s; healthy answers {}; at most {} ms apart",
            count.unanswered,
            count.rounds,
            count.lasted.as_secs_f64(),
            versions.join(", "),
            count.longest.as_millis()
        );
        let holds = count.unanswered == 0 && count.rounds > 0;
        self.holds(
            "client, rounds without a healthy answer",
            holds,
            found,
            "none",
        );
    }

    /// The service's only container, to be compared with later.
    pub(crate) fn container(&self) -> Result<Container> {
        let mut all = self.stage.docker.containers()?;
        ensure!(
            all.len() == 1,
            "{SERVICE} is not one container: {}",
            docker::describe(&all)
        );
        all.pop().context("there is none")
    }

    /// Everything that Purser says about a run.
    pub(crate) fn run(&self, id: &str) -> Result<Value> {
        self.stage.ann.asks(&self.stage, &["runs", "show", id])
    }

    /// The ids of all runs, the latest first.
    pub(crate) fn runs(&self) -> Result<Vec<String>> {
        let rows = self
            .stage
            .ann
            .asks(&self.stage, &["runs", "list", "--limit", "1000"])?;
        let ids = rows.as_array().context("not a list of runs")?.iter();
        ids.map(|row| text(&row["id"])).collect()
    }
}

/// The id in `run 1a2b3c4d of …`, as a console says it.
pub(crate) fn run_in(said: &str) -> Result<String> {
    let id = said
        .lines()
        .find_map(|line| line.strip_prefix("run ")?.split(' ').next());
    Ok(id.context("the console names no run")?.to_owned())
}

/// A text in JSON.
pub(crate) fn text(value: &Value) -> Result<String> {
    value
        .as_str()
        .map(str::to_owned)
        .with_context(|| format!("not a text: {value}"))
}

/// The other one of the two versions that are well.
pub(crate) fn other(version: &str) -> &'static str {
    if version == "v1" { "v2" } else { "v1" }
}
