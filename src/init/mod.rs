//! A first configuration from what runs: containers and answers in, files out. Pure: nothing here
//! reads, writes, asks or draws at random.

mod add;
mod config;
mod detect;
mod names;
mod products;
mod workflows;

use secrecy::SecretString;

pub use add::{Addition, BadAddition};
pub use detect::{Engine, detect};
pub use names::{is_name, plain_name};
pub use products::VARIABLES;

/// The word for where systems stand, unless another is said.
pub const ENVIRONMENT: &str = "production";
/// The bucket for backups, unless another is said.
pub const BUCKET: &str = "backups";
/// The file that the others are named by.
pub const CONFIG: &str = "purser.toml";
/// The file with the secret of the first hook.
pub const HOOK_FILE: &str = "secrets/hook";
/// The file with the key that opens backups of Purser itself.
pub const IDENTITY_FILE: &str = "secrets/purser_backup.agekey";
/// The workflow that locks them.
pub const OWN_BACKUP_FILE: &str = "workflows/backup-purser.yaml";

/// A system to be configured.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What it will be called.
    pub name: String,
    /// Where it was found, for people: one line.
    pub origin: String,
    /// How it is reached.
    pub target: Target,
}

/// How a system is reached.
#[derive(Clone, Debug)]
pub enum Target {
    /// A Docker engine.
    Docker {
        /// Its address.
        host: String,
    },
    /// A `PostgreSQL` server.
    Postgres {
        /// Who logs in.
        user: String,
        /// With this password; `None` where it wants none.
        password: Option<SecretString>,
        /// `HOST:PORT`.
        at: String,
        /// Which database.
        database: String,
    },
    /// An object store.
    S3 {
        /// Its address.
        endpoint: String,
        /// Who it is told that we are.
        access_key: SecretString,
        /// How we prove it.
        secret_key: SecretString,
        /// Where backups go; `None`: [`BUCKET`].
        bucket: Option<String>,
    },
    /// A Prometheus.
    Prometheus {
        /// Its address.
        url: String,
    },
}

impl Target {
    /// The `kind` of its table.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Docker { .. } => "docker",
            Self::Postgres { .. } => "postgres",
            Self::S3 { .. } => "s3",
            Self::Prometheus { .. } => "prometheus",
        }
    }
}

/// Something that was found and gets no table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which product.
    pub product: &'static str,
    /// Where: one line.
    pub origin: String,
    /// Why it gets none, and what to do.
    pub why: String,
}

/// What people have said, or what was taken for it.
#[derive(Clone, Debug)]
pub struct Answers {
    /// The person who sets Purser up.
    pub person: String,
    /// Their user id.
    pub uid: u32,
    /// Where the systems stand.
    pub environment: String,
    /// Where other programs may post.
    pub listen: String,
    /// Where the socket and the store are; `None`: where a service of the machine has them.
    pub own_folder: bool,
}

/// What is made for this configuration alone.
pub struct Fresh {
    /// The signing secret of the first hook: `whsec_…`.
    pub hook: SecretString,
    /// The key that opens backups of Purser itself: `AGE-SECRET-KEY-…`; `None` when it has been moved
    /// away, and only what locks them is here.
    pub identity: Option<SecretString>,
    /// What locks them: `age1…`.
    pub recipient: String,
}

/// One file of a proposal.
#[derive(Clone, Debug)]
pub struct File {
    /// Where, below the folder.
    pub path: String,
    /// What is in it.
    pub contents: Contents,
}

/// What is in a file.
#[derive(Clone, Debug)]
pub enum Contents {
    /// For everybody.
    Plain(String),
    /// For Purser alone, and never shown.
    Secret(SecretString),
}

/// Everything that `init` would write.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// What each system is called, in the order in which they were given.
    pub names: Vec<String>,
    /// The files.
    pub files: Vec<File>,
    /// What cannot be proposed, and what it would take.
    pub notes: Vec<String>,
    /// A command that can be run at once, as it is typed.
    pub first_run: Option<String>,
}

/// Proposes files for these systems.
pub fn propose(
    candidates: &[Candidate],
    seen: &[Seen],
    answers: &Answers,
    fresh: &Fresh,
) -> Proposal {
    let candidates = names::told_apart(candidates);
    let catalog = workflows::of(&candidates, &answers.environment, &fresh.recipient);
    let mut files = vec![File {
        path: CONFIG.to_owned(),
        contents: Contents::Plain(config::text(
            &candidates,
            seen,
            answers,
            fresh,
            catalog.hook,
        )),
    }];
    files.extend(catalog.files);
    files.extend(candidates.iter().flat_map(config::secrets));
    if catalog.hook.is_some() {
        files.push(secret(HOOK_FILE, fresh.hook.clone()));
    }
    let mut notes = catalog.notes;
    match &fresh.identity {
        Some(identity) => files.push(secret(IDENTITY_FILE, identity.clone())),
        None => notes.push(format!(
            "backups of Purser itself stay locked for {}; its key is not in {IDENTITY_FILE}: see that \
             you have it",
            fresh.recipient
        )),
    }
    Proposal {
        names: candidates
            .into_iter()
            .map(|candidate| candidate.name)
            .collect(),
        files,
        notes,
        first_run: catalog.first_run,
    }
}

fn secret(path: impl Into<String>, secret: SecretString) -> File {
    File {
        path: path.into(),
        contents: Contents::Secret(secret),
    }
}
