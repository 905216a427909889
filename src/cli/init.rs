//! `purser init`: what it can be told, what it asks, and what it says at its end.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{Failure, print_json};

/// Look at the containers that run, and write a first configuration for them.
#[derive(Debug, Args)]
pub struct Init {
    /// Where to write; left out, the folder of `--config`.
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
    /// The Docker engine to look at: `unix:///PATH` or `tcp://HOST:PORT`.
    #[arg(long, value_name = "HOST", env = "DOCKER_HOST")]
    pub docker: Option<String>,
    /// Only the containers of this Compose project.
    #[arg(long, value_name = "NAME")]
    pub project: Option<String>,
    /// A system that is in no container: `NAME=postgres://USER@HOST:PORT/DATABASE`,
    /// `NAME=s3+http://ACCESS_KEY@HOST:PORT/BUCKET` or `NAME=prometheus+http://HOST:PORT`; may be given
    /// several times.
    #[arg(long, value_name = "NAME=ADDRESS")]
    pub add: Vec<String>,
    /// The file with the password of such a system; without it, a terminal is asked.
    #[arg(long, value_name = "NAME=FILE")]
    pub password_file: Vec<String>,
    /// What receipts will call you.
    #[arg(long, value_name = "NAME")]
    pub person: Option<String>,
    /// Where the systems stand: production, staging, …
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// The bucket for backups.
    #[arg(long, value_name = "NAME")]
    pub bucket: Option<String>,
    /// Where hooks are served.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8480")]
    pub listen: SocketAddr,
    /// A file that is there already and is to be replaced, as it is called in the output; may be given
    /// several times.
    #[arg(long, value_name = "FILE")]
    pub force: Vec<String>,
    /// Ask nothing: take what is most likely, and say so.
    #[arg(long)]
    pub yes: bool,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// What has come of it.
#[derive(Debug, Default, Serialize)]
pub struct InitView {
    /// Where.
    pub folder: PathBuf,
    /// The systems that have a table.
    pub systems: Vec<SystemView>,
    /// What was found and has none.
    pub without_table: Vec<SeenView>,
    /// What was taken without asking.
    pub taken: Vec<String>,
    /// What cannot be proposed, and what it would take.
    pub notes: Vec<String>,
    /// The files.
    pub files: Vec<FileView>,
    /// Whether anything was written.
    pub written: bool,
    /// What to do now.
    pub next: Vec<String>,
    /// Whether what was found has been shown already.
    #[serde(skip)]
    pub is_shown: bool,
}

/// A system that has a table.
#[derive(Debug, Serialize)]
pub struct SystemView {
    /// What it is called.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Where it was found.
    pub origin: String,
}

/// What was found and has no table.
#[derive(Debug, Serialize)]
pub struct SeenView {
    /// Which product.
    pub product: &'static str,
    /// Where it was found.
    pub origin: String,
    /// Why it has none.
    pub why: String,
}

/// One file.
#[derive(Debug, Serialize)]
pub struct FileView {
    /// Where, below the folder.
    pub path: String,
    /// What became of it.
    pub state: FileState,
    /// How what is there differs from what would be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<String>,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// It was not there.
    New,
    /// It is there, with the same text.
    Same,
    /// It is there, and stays: a secret.
    Kept,
    /// It is there with another text.
    Differs,
    /// It is there with another text, and was to be replaced.
    Replaced,
}

impl FileState {
    fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Same => "there already, the same",
            Self::Kept => "there already, kept",
            Self::Differs => "there already, and differs",
            Self::Replaced => "replaced",
        }
    }
}

/// Shows what is to be written, before somebody is asked whether it may be.
pub fn show_proposal(view: &InitView) {
    let to = format!("to be written to {}:", view.folder.display());
    let lines = [found(view), listing(view, to), vec![String::new()]].concat();
    eprintln!("{}", lines.join("\n"));
}

/// Says what has come of it.
///
/// # Errors
/// Files differ, so that nothing was written; it has been said.
pub fn show_init(view: &InitView, json: bool) -> Result<(), Failure> {
    if json {
        print_json(view)?;
    } else {
        println!("{}", text(view).join("\n"));
    }
    let differs = |file: &FileView| file.state == FileState::Differs;
    if view.files.iter().any(differs) {
        return Err(Failure::silent(Failure::FAILED));
    }
    Ok(())
}

fn text(view: &InitView) -> Vec<String> {
    let what = if view.written {
        "written"
    } else {
        "nothing was written"
    };
    let mut lines = if view.is_shown { vec![] } else { found(view) };
    lines.extend(listing(
        view,
        format!("{what} to {}:", view.folder.display()),
    ));
    lines.push("next:".to_owned());
    lines.extend(view.next.iter().map(|next| format!("  {next}")));
    lines
}

fn found(view: &InitView) -> Vec<String> {
    let mut lines = vec![];
    for SystemView { name, kind, origin } in &view.systems {
        lines.push(format!("system {name}: {kind}, {origin}"));
    }
    for SeenView {
        product,
        origin,
        why,
    } in &view.without_table
    {
        lines.push(format!("no table for {product}, {origin}: {why}"));
    }
    lines.extend(view.notes.iter().map(|note| format!("note: {note}")));
    lines.extend(
        view.taken
            .iter()
            .map(|taken| format!("taken without asking: {taken}")),
    );
    for file in view.files.iter().filter(|file| file.difference.is_some()) {
        lines.push(String::new());
        lines.extend(
            file.difference
                .as_deref()
                .map(|text| text.trim_end().to_owned()),
        );
    }
    lines.push(String::new());
    lines
}

fn listing(view: &InitView, heading: String) -> Vec<String> {
    let mut lines = vec![heading];
    let width = view
        .files
        .iter()
        .map(|file| file.path.len())
        .max()
        .unwrap_or(0);
    for file in &view.files {
        lines.push(format!("  {:width$}  {}", file.path, file.state.word()));
    }
    lines
}
