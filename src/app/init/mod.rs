//! `purser init`: finds, asks, has a configuration proposed, and writes it.

mod files;
mod keys;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;

use super::world::World;
use crate::action::{Connect, Registry};
use crate::cli::{self, Failure, Init, InitView, Questions, SeenView, SystemView};
use crate::domain::names::SystemName;
use crate::domain::redact::Redactor;
use crate::init::{
    Addition, Answers, BUCKET, CONFIG, Candidate, ENVIRONMENT, Engine, Proposal, Seen, Target,
    VARIABLES, detect, is_name, plain_name, propose,
};
use crate::integrations;
use files::Plan;

/// Where a Docker engine is, unless another is named.
const SOCKET: &str = "/var/run/docker.sock";
/// The folder in which the paths of a service of the machine are good.
const SYSTEM_FOLDER: &str = "/etc/purser";

/// Writes a first configuration, and says what it has found and what comes next.
///
/// # Errors
/// What was asked for makes no sense, the engine cannot be looked at, what is there differs, or the
/// files cannot be written.
pub async fn init(config_path: &Path, init: Init, json: bool) -> Result<(), Failure> {
    let folder = init.to.clone().unwrap_or_else(|| {
        config_path
            .parent()
            .map_or_else(|| PathBuf::from("."), Path::to_owned)
    });
    let folder = std::path::absolute(&folder)
        .map_err(|error| Failure::usage(format!("{}: {error}", folder.display())))?;
    let mut questions = Questions::of(&init);
    let (mut candidates, seen) = found(&init).await?;
    let in_containers = candidates.len();
    candidates.extend(added(&init, &questions)?);
    if candidates.is_empty() {
        return Err(Failure::usage(
            "there is no Docker engine and nothing was added: name an engine by --docker, or systems by \
             --add",
        ));
    }
    let answers = answers(
        &init,
        &folder,
        &mut candidates,
        in_containers,
        &mut questions,
    )?;
    let fresh = keys::fresh(&folder)?;
    let proposal = propose(&candidates, &seen, &answers, &fresh);
    let plan = Plan::of(&folder, &proposal, &init.force)?;
    let may_write = !plan.is_blocked() && !init.dry_run && !plan.is_empty();
    let written =
        may_write && questions.confirm(&format!("write these to {}", folder.display()))?;
    if written {
        plan.carry_out(lints)?;
    }
    let view = InitView {
        systems: systems(&proposal, &candidates),
        without_table: seen.into_iter().map(seen_view).collect(),
        taken: questions.taken(),
        notes: proposal.notes.clone(),
        next: next(&init, &plan, &proposal, &folder, written),
        files: plan.views(),
        written,
        folder,
    };
    cli::show_init(&view, json)
}

/// What runs in containers, with the engine itself.
async fn found(init: &Init) -> Result<(Vec<Candidate>, Vec<Seen>), Failure> {
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

async fn running(
    host: &str,
    project: Option<&str>,
) -> Result<Vec<crate::action::ports::RunningContainer>, Failure> {
    let registry = Registry::new(integrations::all());
    let docker = registry.integration("docker").map_err(Failure::failed)?;
    let connect = Connect {
        name: &SystemName::from("docker"),
        settings: toml::Table::from_iter([("host".to_owned(), host.into())]),
        redactor: &Redactor::new(),
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
fn added(init: &Init, questions: &Questions) -> Result<Vec<Candidate>, Failure> {
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
                Some((_, path)) => Some(password_in(path)?),
                None if addition.takes_password() => questions.password(&name)?,
                None => None,
            };
            let password = password.filter(|password| !secrecy::ExposeSecret::expose_secret(password).is_empty());
            addition.with_password(password).ok_or_else(|| {
                Failure::usage(format!(
                    "{name} needs its secret key: write it into a file and add --password-file {name}=FILE"
                ))
            })
        })
        .collect()
}

fn password_in(path: &str) -> Result<SecretString, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("the file {path} cannot be read: {error}")))?;
    Ok(SecretString::from(
        text.trim_end_matches(['\r', '\n']).to_owned(),
    ))
}

fn answers(
    init: &Init,
    folder: &Path,
    candidates: &mut [Candidate],
    in_containers: usize,
    questions: &mut Questions,
) -> Result<Answers, Failure> {
    let (user, uid) = who();
    let person = questions.ask("your name", init.person.clone(), user)?;
    let person = named("person", person)?;
    let environment = init.environment.clone();
    let environment = questions.ask(
        "where the systems stand",
        environment,
        ENVIRONMENT.to_owned(),
    )?;
    let environment = named("environment", environment)?;
    for (at, candidate) in candidates.iter_mut().enumerate() {
        let name = candidate.name.clone();
        match &mut candidate.target {
            // Whoever adds one has said which.
            Target::Postgres { database, .. } if at < in_containers => {
                let what = format!("which database of {name}");
                *database = questions.ask(&what, None, database.clone())?;
            }
            Target::S3 { bucket, .. } => {
                let said = bucket.take().or_else(|| init.bucket.clone());
                let what = format!("which bucket of {name} for backups");
                *bucket = Some(bucket_named(questions.ask(
                    &what,
                    said,
                    BUCKET.to_owned(),
                )?)?);
            }
            Target::Docker { .. } | Target::Postgres { .. } | Target::Prometheus { .. } => {}
        }
    }
    Ok(Answers {
        person,
        uid,
        environment,
        listen: init.listen.to_string(),
        own_folder: folder != Path::new(SYSTEM_FOLDER),
    })
}

/// The user who asks; behind `sudo`, the one who typed it.
fn who() -> (String, u32) {
    let sudo = std::env::var("SUDO_UID")
        .ok()
        .and_then(|uid| uid.parse().ok());
    let uid = sudo.unwrap_or_else(|| nix::unistd::getuid().as_raw());
    let user = nix::unistd::User::from_uid(uid.into()).ok().flatten();
    let name = user.map_or_else(String::new, |user| user.name);
    (plain_name(&name, "operator"), uid)
}

fn named(what: &str, name: String) -> Result<String, Failure> {
    if is_name(&name) {
        return Ok(name);
    }
    Err(Failure::usage(format!(
        "`{name}` cannot be the name of a{} {what}: use up to 20 of a-z, 0-9, - and _, with a letter first",
        if what.starts_with('e') { "n" } else { "" }
    )))
}

fn bucket_named(name: String) -> Result<String, Failure> {
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if (3..=63).contains(&name.len()) && name.chars().all(is_good) && !name.contains("..") {
        return Ok(name);
    }
    Err(Failure::usage(format!(
        "`{name}` cannot be a bucket: the names have 3 to 63 lower-case letters, digits, `-` and `.`"
    )))
}

/// What is proposed must be good before anybody sees it.
fn lints(staged: &Path) -> Result<(), Failure> {
    let world = World::load(&staged.join(CONFIG), &Redactor::new())?;
    world.catalog().map(drop)
}

fn systems(proposal: &Proposal, candidates: &[Candidate]) -> Vec<SystemView> {
    let names = proposal.names.iter();
    let systems = names.zip(candidates).map(|(name, candidate)| SystemView {
        name: name.clone(),
        kind: candidate.target.kind(),
        origin: candidate.origin.clone(),
    });
    systems.collect()
}

fn seen_view(seen: Seen) -> SeenView {
    SeenView {
        product: seen.product,
        origin: seen.origin,
        why: seen.why,
    }
}

fn next(
    init: &Init,
    plan: &Plan,
    proposal: &Proposal,
    folder: &Path,
    written: bool,
) -> Vec<String> {
    let config = folder.join(CONFIG);
    if plan.is_blocked() {
        return vec![
            "take over by hand what you want of the differences, or have files replaced: --force FILE"
                .to_owned(),
        ];
    }
    if !written && !plan.is_empty() {
        let again = if init.dry_run {
            "without --dry-run"
        } else {
            "again"
        };
        return vec![format!("purser init … {again}, to have it written")];
    }
    let mut next = vec![];
    if folder != Path::new(SYSTEM_FOLDER) {
        next.push(format!("export PURSER_CONFIG={}", config.display()));
    }
    next.push(
        "purser doctor          # is all that it names there, with the rights that are needed?"
            .to_owned(),
    );
    next.push("purser up              # the server, in the foreground".to_owned());
    next.extend(
        proposal
            .first_run
            .iter()
            .map(|run| format!("{run:<22} # in another terminal")),
    );
    next.push(format!(
        "move {} to another machine: it opens backups of Purser itself",
        folder.join(crate::init::IDENTITY_FILE).display()
    ));
    next
}
