//! What people must say, or what is taken for it.

use std::path::Path;

use super::SYSTEM_FOLDER;
use crate::cli::{Failure, Init, Questions};
use crate::init::{Answers, BUCKET, Candidate, ENVIRONMENT, Target, is_name, plain_name};

/// Asks what was not said. The first `in_containers` candidates were found there.
pub(super) fn answers(
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
        "`{name}` cannot be the name of a{} {what}: use up to 20 of a-z, 0-9, - and _, with a letter \
         first",
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
