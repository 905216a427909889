//! The process dies in the middle of a deploy, and its successor brings it to its end.

use std::time::Duration;

use anyhow::{Result, bail};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::demo::client::Client;
use crate::demo::docker::SERVICE;
use crate::demo::person::Person;
use crate::demo::play::{Play, Scene, other, run_in, text};
use crate::demo::screen;

/// How long a killed process may take to be gone.
const AT_ONCE: Duration = Duration::from_secs(10);

pub(super) const SCENE: Scene = Scene {
    name: "kill",
    title: "Killed in the middle of a deploy, and started again",
    play,
};

fn play(play: &mut Play) -> Result<()> {
    let old = play.container()?;
    let version = other(old.version());
    let runs_before = play.runs()?;
    screen::line("SIGKILL, while the deploy is half done: no time to tidy up.");
    let creations = play.stage.docker.listen_for_creations()?;
    let client = Client::start(&play.stage.docker)?;
    let console = play.console()?;
    let window = console.pid();
    console.types(&format!("deploy {SERVICE} {version}"))?;
    let id = run_in(&console.hears(|said| said.contains("\nrun ") || said.starts_with("run "))?)?;
    let id = text(&play.run(&id)?["run"]["id"])?;

    let begun = wait_for_an_effect(play, &id)?;
    // At another terminal than the one that watches.
    let root = Person {
        name: "root",
        ..play.stage.ann.clone()
    };
    let server = play.stage.purser()?.clone();
    let dead = server.pid;
    root.shows(&format!(
        "kill -KILL {dead}    # the journal so far: {begun}"
    ));
    server.stop(Signal::SIGKILL, AT_ONCE)?;
    play.console()?.hears(|said| said.contains("went away"))?;
    root.shows("purser up &");
    let alive = play.stage.start_purser()?;
    let said = play.console()?.answers()?;
    let count = client.stop()?;
    play.sabotage("a second container is started", |stage| {
        stage.docker.start_service("bookshop-web-2", version)
    })?;

    play.holds(
        "kernel, the process",
        dead != alive,
        format!("{dead} was killed, {alive} runs"),
        "another one",
    );
    let new: Vec<String> = play
        .runs()?
        .into_iter()
        .filter(|id| !runs_before.contains(id))
        .collect();
    play.same("Purser, runs since", new.join(", "), id.clone());
    let run = play.run(&id)?;
    play.same(
        "Purser calls it",
        text(&run["status"])?,
        "succeeded".to_owned(),
    );
    let same_window = play.console()?.pid() == window && window.is_some();
    let end = said
        .lines()
        .rfind(|line| line.starts_with('✓'))
        .unwrap_or("nothing");
    play.holds(
        "console, the same process has shown the end",
        same_window && end.contains("succeeded"),
        end,
        "✓ succeeded",
    );
    play.same(
        "Docker's events, containers created, by run",
        creations.runs()?.join(", "),
        id.clone(),
    );
    play.one_container(version)?;
    let create: Vec<String> = effects(&run)
        .into_iter()
        .filter(|effect| effect.starts_with("create_new"))
        .collect();
    play.same(
        "journal, create_new",
        create.join(", "),
        "create_new done".to_owned(),
    );
    play.no_gap(&count);
    Ok(())
}

/// Waits until the run's journal holds an effect, and says which is the last one and how it stands.
fn wait_for_an_effect(play: &Play, id: &str) -> Result<String> {
    loop {
        crate::sh::check_interrupted()?;
        let run = play.run(id)?;
        if !run["run"]["ended"].is_null() {
            bail!("the deploy was over before it could be killed");
        }
        if let Some(last) = effects(&run).pop() {
            return Ok(last);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// `create_new begun`, `start_new done`, …: the effects of the deploy, as the journal has them.
fn effects(run: &Value) -> Vec<String> {
    let all = run["run"]["steps"]["deploy"]["effects"].as_array();
    let status = |status: &Value| match status {
        Value::String(word) if word == "started" => "begun".to_owned(),
        Value::String(word) => word.clone(),
        Value::Object(fields) => fields.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    };
    let effect = |effect: &Value| {
        format!(
            "{} {}",
            effect["effect"]["name"].as_str().unwrap_or("?"),
            status(&effect["status"])
        )
    };
    all.into_iter().flatten().map(effect).collect()
}
