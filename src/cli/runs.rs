//! `purser runs`: looks at runs.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Subcommand;

use super::client::{Server, segment};
use super::terminal::Terminal;
use super::{Failure, print_json, render, run, show};
use crate::http::types::{ArtifactView, LinesView, RunRow};

/// Look at runs, stop one, go on from one, or undo one.
#[derive(Debug, Subcommand)]
pub enum Runs {
    /// The latest runs, newest first.
    List {
        /// How many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Everything about one run: what happened when, how long it took, and why it waits.
    Show {
        /// Its id, or the beginning or end of it.
        run: String,
    },
    /// Follow one run to its end.
    Watch {
        /// Its id, or the beginning or end of it.
        run: String,
    },
    /// What a step of a run has said.
    Lines {
        /// The run's id, or the beginning or end of it.
        run: String,
        /// The step.
        step: String,
        /// How many of the last lines.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// What a run has kept for people: charts, logs.
    Artifacts {
        /// The run's id, or the beginning or end of it.
        run: String,
    },
    /// Save what a run has kept as a file.
    Artifact {
        /// The run's id, or the beginning or end of it.
        run: String,
        /// Its name; STEP/NAME where several steps have kept one of that name.
        name: String,
        /// Where to; without it, a new file of that name here.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
    /// Stop one run; what it did is taken back as far as it can be.
    Cancel(super::answer::Why),
    /// Go on from a run that has ended, without what is done and stands.
    Rerun(super::rerun::Rerun),
    /// Take back what a run has done that succeeded, in a run of its own.
    Undo(super::undo::Undo),
}

impl Runs {
    pub(super) async fn call(
        self,
        server: &Server,
        terminal: Terminal,
        json: bool,
    ) -> Result<(), Failure> {
        match self {
            Self::List { limit } => {
                let rows: Vec<RunRow> = server.get(&format!("runs?limit={limit}")).await?;
                if json {
                    return print_json(&rows);
                }
                println!("{}", render::runs(&rows));
                Ok(())
            }
            Self::Show { run } => show::show(server, terminal, &run, json).await,
            Self::Watch { run } => run::watch(server, terminal, &run, json, true).await,
            Self::Lines { run, step, limit } => {
                let path = format!(
                    "runs/{}/steps/{}/lines?limit={limit}",
                    segment(&run),
                    segment(&step)
                );
                let said: LinesView = server.get(&path).await?;
                if json {
                    return print_json(&said.lines);
                }
                said.lines.iter().for_each(|line| println!("{line}"));
                Ok(())
            }
            Self::Artifacts { run } => {
                let kept: Vec<ArtifactView> = server
                    .get(&format!("runs/{}/artifacts", segment(&run)))
                    .await?;
                if json {
                    return print_json(&kept);
                }
                println!("{}", render::artifacts(&kept));
                Ok(())
            }
            Self::Artifact { run, name, to } => {
                let bytes = server
                    .bytes(&format!(
                        "runs/{}/artifacts/{}",
                        segment(&run),
                        segment(&name)
                    ))
                    .await?;
                let file = save(&name, to, &bytes)?;
                if json {
                    return print_json(&serde_json::json!({ "file": file, "bytes": bytes.len() }));
                }
                println!("{} has {} bytes", file.display(), bytes.len());
                Ok(())
            }
            Self::Rerun(rerun) => rerun.call(server, terminal, json).await,
            Self::Undo(undo) => undo.call(server, terminal, json).await,
            Self::Cancel(why) => why.call(server, "cancel", json).await,
        }
    }
}

/// Writes a file; one that is there is only replaced when it was named.
fn save(name: &str, to: Option<PathBuf>, bytes: &[u8]) -> Result<PathBuf, Failure> {
    let own_name = || PathBuf::from(name.rsplit('/').next().unwrap_or(name));
    let is_named = to.is_some();
    let file = to.unwrap_or_else(own_name);
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    let opened = if is_named {
        options.create(true).truncate(true).open(&file)
    } else {
        options.create_new(true).open(&file)
    };
    opened
        .and_then(|mut opened| opened.write_all(bytes))
        .map_err(|error| {
            let hint = if is_named {
                ""
            } else {
                "; name another with --to FILE"
            };
            Failure::failed(format!(
                "{} cannot be written: {error}{hint}",
                file.display()
            ))
        })?;
    Ok(file)
}
