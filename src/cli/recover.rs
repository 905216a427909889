//! `purser recover`: what may be said, and what is told in the end. The work is the program's own:
//! there is no server to ask.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::{Failure, print_json};
use crate::chat::card::value::table;
use crate::domain::receipt::Anchor;
use crate::domain::time::{Timestamp, rfc3339};
use crate::domain::words::{age, size};

/// Put a backup of Purser's own back, on a machine that has none; needs no server.
#[derive(Debug, Args)]
pub struct Recover {
    /// A backup, or the folder that keeps them: then the newest. A path,
    /// `file:///FOLDER` or `s3://SYSTEM/BUCKET/FOLDER`, whose system stands in the configuration.
    #[arg(long, value_name = "BACKUP")]
    pub from: String,
    /// The file with the secret key of age; without it the key is asked for.
    #[arg(long, value_name = "KEYFILE")]
    pub identity: Option<PathBuf>,
    /// The file with the passphrase of the key file, where that has one; without it, it is asked for.
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Where configuration, workflows and commands are put; without it, beside --config.
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
    /// Say which backups there are, newest first, and do nothing.
    #[arg(long)]
    pub list: bool,
}

/// A backup that is there.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// When it was made.
    #[serde(with = "rfc3339")]
    pub made_at: Timestamp,
    /// Its size.
    pub bytes: u64,
}

/// Prints what backups there are.
///
/// # Errors
/// They cannot be written as JSON.
pub fn list_backups(
    folder: &str,
    all: &[Listed],
    now: Timestamp,
    json: bool,
) -> Result<(), Failure> {
    if json {
        return print_json(&all);
    }
    if all.is_empty() {
        println!("no backups of Purser in {folder}");
        return Ok(());
    }
    let row = |backup: &Listed| {
        vec![
            backup.name.clone(),
            backup.made_at.to_string(),
            age(now.since(backup.made_at)),
            size(backup.bytes),
        ]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    println!("{}", table(&["BACKUP", "MADE AT", "AGE", "SIZE"], &rows));
    Ok(())
}

/// What a recovery has done.
#[derive(Clone, Debug, Serialize)]
pub struct Recovery {
    /// The backup.
    pub backup: String,
    /// When it was made.
    #[serde(with = "rfc3339")]
    pub made_at: Timestamp,
    /// How long ago that was, in seconds.
    pub seconds_ago: u64,
    /// The version of Purser that made it.
    pub made_by: String,
    /// The folder of the store.
    pub store: PathBuf,
    /// The last receipt that the backup held.
    pub anchor: Option<Anchor>,
    /// The place of the receipt that says so.
    pub receipt: u64,
    /// How many runs were ended.
    pub ended_runs: usize,
    /// The configuration, workflows and commands that were put there.
    pub placed: Vec<PathBuf>,
    /// Those that were there and say something else: they were left as they are.
    pub left: Vec<PathBuf>,
    /// The configuration that is in force.
    pub config: PathBuf,
    /// The backup's own, where it is not.
    pub beside: Option<PathBuf>,
    /// What was not in the backup.
    pub left_out: Vec<String>,
    /// Files with secrets that the configuration names and this machine does not have.
    pub missing: Vec<PathBuf>,
}

impl Recovery {
    /// Says it.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn tell(&self, json: bool) -> Result<(), Failure> {
        if json {
            return print_json(self);
        }
        let ago = age(Duration::from_secs(self.seconds_ago));
        println!(
            "{}: made at {} ({ago} ago) by purser {}",
            self.backup, self.made_at, self.made_by
        );
        println!("opened, every file is what its manifest says, and the database is whole");
        println!("{}", self.receipts());
        println!("{}", self.runs());
        println!(
            "schedules: each begins anew when the server starts; what was missed is not made up for"
        );
        println!("store: {}", self.store.display());
        for path in &self.placed {
            println!("file: {}", path.display());
        }
        for path in &self.left {
            println!(
                "left as it is, and not what the backup holds: {}",
                path.display()
            );
        }
        for what in &self.left_out {
            println!("not in the backup: {what}");
        }
        for path in &self.missing {
            println!("missing here, and never in a backup: {}", path.display());
        }
        println!(
            "next: {}see that the old machine stays off, then `purser doctor` and `purser up`",
            self.first()
        );
        Ok(())
    }

    /// What is to be done before all else.
    fn first(&self) -> String {
        let beside = self.beside.as_ref().map(|beside| {
            format!(
                "take over into {} what is wanted of {}, which is the backup's and not in force, ",
                self.config.display(),
                beside.display()
            )
        });
        let missing = if self.missing.is_empty() {
            ""
        } else {
            "put the missing files there, "
        };
        beside.unwrap_or_default() + missing
    }

    fn receipts(&self) -> String {
        match &self.anchor {
            None => format!(
                "receipts: there were none; number {} says that this was recovered",
                self.receipt
            ),
            Some(Anchor { seq, hash }) => format!(
                "receipts: {seq}, none altered, none missing up to {hash}; number {} says that this \
                 was recovered",
                self.receipt
            ),
        }
    }

    fn runs(&self) -> String {
        match self.ended_runs {
            0 => "runs: all had ended".to_owned(),
            count => format!(
                "runs: {count} had not ended, stuck now: what was done since is not known, and nothing \
                 goes on by itself"
            ),
        }
    }
}
