//! `purser runs`: looks at runs.

use clap::Subcommand;

use super::client::Server;
use super::{Failure, print_json, render, run};
use crate::http::types::{LinesView, RunRow, RunView};

/// Look at runs, or stop one.
#[derive(Debug, Subcommand)]
pub enum Runs {
    /// The latest runs, newest first.
    List {
        /// How many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Everything about one run.
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
    /// Stop one run; what it did is taken back as far as it can be.
    Cancel(super::answer::Why),
}

impl Runs {
    pub(super) async fn call(self, server: &Server, json: bool) -> Result<(), Failure> {
        match self {
            Self::List { limit } => {
                let rows: Vec<RunRow> = server.get(&format!("runs?limit={limit}")).await?;
                if json {
                    return print_json(&rows);
                }
                println!("{}", render::runs(&rows));
                Ok(())
            }
            Self::Show { run } => {
                let view: RunView = server.get(&format!("runs/{run}")).await?;
                if json {
                    return print_json(&view);
                }
                println!("{}", render::run(&view));
                Ok(())
            }
            Self::Watch { run } => run::watch(server, &run, json, true).await,
            Self::Lines { run, step, limit } => {
                let path = format!("runs/{run}/steps/{step}/lines?limit={limit}");
                let said: LinesView = server.get(&path).await?;
                if json {
                    return print_json(&said.lines);
                }
                said.lines.iter().for_each(|line| println!("{line}"));
                Ok(())
            }
            Self::Cancel(why) => why.call(server, "cancel", json).await,
        }
    }
}
