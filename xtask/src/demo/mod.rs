//! `cargo xtask demo`: a conversation with Purser, played on real parts, and asserted from outside.

mod client;
mod console;
mod database;
pub(crate) mod discord;
mod docker;
mod files;
mod objects;
mod person;
mod play;
mod record;
mod scenes;
mod screen;
mod stage;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::stack::places::Places;
use crate::{sh, usage};
use play::{Play, Scene};
use record::Record;
use stage::{Options, Stage};

/// What to play, and how.
#[derive(Default)]
struct Wish<'a> {
    scenes: Vec<&'static Scene>,
    broken: Option<&'static str>,
    keep: bool,
    options: Options<'a>,
}

/// Runs `cargo xtask demo [SCENE…] [OPTION…]` or `cargo xtask demo stop`.
pub(crate) fn command(args: &[&str]) -> Result<()> {
    if args == ["stop"] {
        return stop();
    }
    let wish = Wish::read(args)?;
    let start = Instant::now();
    screen::line(opening(&wish.scenes));
    let stage = Stage::set_up(&wish.options)?;
    let set_up = start.elapsed();
    let raised = Instant::now();
    screen::line(format!("  all set up after {}", seconds(set_up)));
    let mut play = Play::on(stage);
    let failed = perform(&mut play, &wish);
    let held = play.held();
    let stage = play.end();
    close(stage, wish.keep)?;
    sh::check_interrupted()?;
    let played = format!(
        "{} played in {}",
        scenes(wish.scenes.len()),
        seconds(raised.elapsed())
    );
    match failed {
        None => screen::line(format!("\n{played}: all {held} assertions hold.")),
        Some(scene) => bail!("scene `{scene}` does not hold"),
    }
    Ok(())
}

impl Wish<'_> {
    fn read<'a>(args: &[&'a str]) -> Result<Wish<'a>> {
        let mut wish = Wish::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || {
                args.next()
                    .copied()
                    .ok_or_else(|| usage(&format!("{arg} needs something behind it")))
            };
            match *arg {
                "--keep" => wish.keep = true,
                "--no-minio" => wish.options.no_minio = true,
                "--break" => wish.broken = Some(scene(value()?)?.name),
                "--binary" => wish.options.binary = Some(Path::new(value()?)),
                option if option.starts_with('-') => {
                    return Err(usage(&format!("unknown option: {option}")));
                }
                name => wish.scenes.push(scene(name)?),
            }
        }
        if wish.scenes.is_empty() {
            wish.scenes = scenes::ALL.iter().collect();
        }
        Ok(wish)
    }
}

fn scene(name: &str) -> Result<&'static Scene> {
    let names: Vec<&str> = scenes::ALL.iter().map(|scene| scene.name).collect();
    let found = scenes::ALL.iter().find(|scene| scene.name == name);
    found.ok_or_else(|| {
        usage(&format!(
            "no scene is called {name}; there are: {}",
            names.join(", ")
        ))
    })
}

fn opening(scenes: &[&Scene]) -> String {
    let names: Vec<&str> = scenes.iter().map(|scene| scene.name).collect();
    format!(
        "A conversation with Purser, on real parts: {}.
\
         What it says is asserted from outside: in Docker, by SQL, in the backups' bucket, and by
\
         a client that asks the shop all the while.

\
         Setting up a shop that serves v1, its orders, and Purser to look after it:",
        names.join(", ")
    )
}

/// Plays the scenes until one does not hold: its name.
fn perform(play: &mut Play, wish: &Wish) -> Option<&'static str> {
    for (at, scene) in wish.scenes.iter().enumerate() {
        screen::heading(&format!(
            "{} of {}, {}: {}",
            at + 1,
            wish.scenes.len(),
            scene.name,
            scene.title
        ));
        if !play.scene(scene, wish.broken == Some(scene.name)) {
            return Some(scene.name);
        }
    }
    None
}

/// Stops all, or says how to talk to it and how to stop it; and says where things lie.
fn close(stage: Stage, keep: bool) -> Result<()> {
    let folder = stage.folder.display().to_string();
    let (objects, config, program) = (stage.objects.place(), stage.config(), stage.program());
    screen::heading("The end");
    if !keep {
        stage.strike()?;
    }
    screen::line(format!(
        "files    {folder}: purser.toml, workflows/, commands/"
    ));
    screen::line(format!("logs     {folder}/purser-1.log, one a start"));
    screen::line(format!("store    {folder}/store"));
    screen::line(format!("backups  {objects}"));
    if keep {
        screen::line(format!(
            "\nIt goes on running. Talk to it, and stop it:\n  \
             export PURSER_CONFIG={}\n  {} console\n  cargo xtask demo stop",
            config.display(),
            program.display()
        ));
    }
    Ok(())
}

/// Stops what a demo has left running.
fn stop() -> Result<()> {
    let places = Places::from_env()?;
    let _lock = places.lock(stage::NAME)?;
    if let Some(left) = Record::read(&places) {
        return left.stop(&places);
    }
    screen::line("nothing is running from a demo");
    Ok(())
}

fn scenes(count: usize) -> String {
    if count == 1 {
        "1 scene".to_owned()
    } else {
        format!("{count} scenes")
    }
}

fn seconds(span: Duration) -> String {
    format!("{:.1} s", span.as_secs_f64())
}
