//! What there is to be configured: in containers, and as it was added.

use std::path::Path;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use crate::action::ports::RunningContainer;
use crate::action::{Connect, Registry, read_secret};
use crate::cli::{Failure, Init, Questions};
use crate::domain::names::SystemName;
use crate::domain::redact::Redactor;
use crate::domain::secret::{Opened, SecretSource};
use crate::init::{Addition, Candidate, Engine, Seen, Target, VARIABLES, detect};
use crate::integrations;

/// Where a Docker engine is, unless another is named.
const SOCKET: &str = "/var/run/docker.sock";

/// What runs in containers, with the engine itself.
pub(super) async fn found(init: &Init) -> Result<(Vec<Candidate>, Vec<Seen>), Failure> {
    let host = match &init.docker {
        Some(host) => host.clone(),
        None if Path::new(SOCKET).exists() => format!("unix://{SOCKET}"),
        None => return Ok((vec![], vec![])),
    };
    let containers = running(&host, init.project.as_deref()).await?;
    let engine = Engine { host: host.clone() };
    let (found, seen) = detect(&containers, &engine);
    let docker = Candidate {
        name: "docker".to_owned(),
        origin: "the engine that was looked at".to_owned(),
        target: Target::Docker { host },
    };
    Ok(([vec![docker], found].concat(), seen))
}

async fn running(host: &str, project: Option<&str>) -> Result<Vec<RunningContainer>, Failure> {
    let registry = Registry::new(integrations::all());
    let docker = registry.integration("docker").map_err(Failure::failed)?;
    let connect = Connect {
        name: &SystemName::from("docker"),
        settings: toml::Table::from_iter([("host".to_owned(), host.into())]),
        redactor: &Arc::new(Redactor::new()),
        secrets: &Opened::default(),
        base: Path::new("/"),
    };
    let system = (docker.connect)(&connect).map_err(|error| Failure::usage(error.message))?;
    let ports = Arc::clone(&system).ports();
    let Some(containers) = ports.containers else {
        return Ok(vec![]);
    };
    let running = containers.running(project, VARIABLES).await;
    let running =
        running.map_err(|error| Failure::failed(format!("{error}; nothing was written")))?;
    if let (Some(project), true) = (project, running.is_empty()) {
        return Err(Failure::usage(format!(
            "no container of the Compose project `{project}` runs on {host}; nothing was written"
        )));
    }
    Ok(running)
}

/// What was added on the command line, with passwords from files or from the terminal.
pub(super) fn added(init: &Init, questions: &Questions) -> Result<Vec<Candidate>, Failure> {
    let mut files = vec![];
    for file in &init.password_file {
        let (name, path) = file.split_once('=').ok_or_else(|| {
            Failure::usage(format!(
                "`{file}` names no file of a password: write NAME=FILE"
            ))
        })?;
        if !init
            .add
            .iter()
            .any(|add| add.split_once('=').is_some_and(|(n, _)| n == name))
        {
            return Err(Failure::usage(format!(
                "--password-file {file}: there is no --add {name}=…"
            )));
        }
        files.push((name, path));
    }
    init.add
        .iter()
        .map(|text| {
            let addition: Addition = text.parse().map_err(|error| Failure::usage(format!("{error}")))?;
            let name = addition.name.clone();
            let password = match files.iter().find(|(of, _)| *of == name) {
                Some((_, path)) => Some(secret_in(path)?),
                None if addition.takes_password() => questions.password(&name)?,
                None => None,
            };
            let password = password.filter(|password| !password.expose_secret().is_empty());
            addition.with_password(password).ok_or_else(|| {
                Failure::usage(format!(
                    "{name} needs its secret key: write it into a file and add --password-file {name}=FILE"
                ))
            })
        })
        .collect()
}

fn secret_in(file: &str) -> Result<SecretString, Failure> {
    let source = SecretSource::File(file.into());
    read_secret(&source, Path::new(""), &Opened::default()).map_err(Failure::usage)
}
