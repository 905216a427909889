//! `purser store`: what may be said, and what is told in the end.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Failure, counted, print_json};

/// Move the store; needs no server.
#[derive(Debug, Subcommand)]
pub enum Store {
    /// Move everything from the SQLite store in `[store] path` into an empty database of
    /// `PostgreSQL`. No server may work on it meanwhile.
    Migrate(Migrate),
}

/// Where to.
#[derive(Debug, Args)]
pub struct Migrate {
    /// The file with the URL of the database, `postgres://USER:PASSWORD@HOST:5432/DATABASE`.
    #[arg(long, value_name = "FILE")]
    pub to_url_file: PathBuf,
}

/// What was moved.
#[derive(Debug, Serialize)]
pub struct Migration {
    /// From which file.
    pub from: PathBuf,
    /// Into which database.
    pub to: String,
    /// The rows of each table.
    pub rows: Vec<(&'static str, u64)>,
    /// The place of the last receipt; 0: there is none.
    pub receipts: u64,
    /// The file with the URL.
    pub url_file: PathBuf,
}

impl Migration {
    /// Says it.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn tell(&self, json: bool) -> Result<(), Failure> {
        if json {
            return print_json(self);
        }
        println!("moved {} into {}", self.from.display(), self.to);
        for (table, rows) in &self.rows {
            println!(
                "{table}: {} on both sides",
                counted(usize::try_from(*rows).unwrap_or(0), "row")
            );
        }
        match self.receipts {
            0 => println!("receipts: none is sealed yet"),
            last => println!("receipts: the chain holds over there, up to {last}"),
        }
        println!(
            "next: set `[store] url_file = \"{}\"`, start Purser, and move {} away: it stays as it was, \
             and must not be worked on any more",
            self.url_file.display(),
            self.from.display()
        );
        Ok(())
    }
}
