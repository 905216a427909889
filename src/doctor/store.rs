//! The store: its folder, who holds it, whether it can be read, and whether its receipts hold.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ed25519_dalek::{SigningKey, VerifyingKey};
use nix::unistd::{Uid, User, geteuid};

use crate::config::StoreFolder;
use crate::domain::finding::{Check, Finding, Remark};
use crate::domain::keys::{KEYS, RECEIPTS_KEY};
use crate::domain::receipt::Chain;
use crate::domain::redact::Redactor;
use crate::store::StoreError;
use crate::store::postgres::{self, Access};
use crate::store::sqlite::{Holder, Inspection, database_file, holder};

/// So many receipts are verified, the latest; `purser receipts verify` takes all.
const RECEIPTS: u32 = 1000;

/// How the store in this folder stands. A disk that hangs holds up a thread of its own.
pub(super) async fn look(config: StoreFolder) -> Vec<Finding> {
    let StoreFolder { path, url_file } = config;
    let Some(url_file) = url_file else {
        return look_into(path).await;
    };
    let about = url_file.display().to_string();
    let (keys, remark) = match database(&url_file).await {
        Ok(look) => (look.keys.clone(), holding(look)),
        Err(error) => {
            let next = "see to the server, or to the URL";
            (vec![], Remark::problem(error.to_string(), next))
        }
    };
    let mut found = vec![remark.of(Check::Store, &about)];
    found.extend(look_beside(path, keys).await);
    found
}

/// Reads the URL in a thread of its own: its file may be on a disk that hangs.
async fn database(url_file: &Path) -> Result<postgres::Look, StoreError> {
    let file = url_file.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        Access::by_file(&file, "doctor".to_owned(), &Redactor::new())
    });
    let access = read.await.map_err(|error| StoreError::File {
        file: url_file.display().to_string(),
        message: error.to_string(),
    })??;
    postgres::look(&access).await
}

/// How the folder stands in which everything is that is not in the database.
async fn look_beside(folder: PathBuf, keys: Vec<&'static str>) -> Vec<Finding> {
    let about = folder.display().to_string();
    let looked = tokio::task::spawn_blocking(move || beside(&folder, &keys));
    let remarks = looked.await.unwrap_or_default().into_iter();
    remarks
        .map(|remark| remark.of(Check::Store, &about))
        .collect()
}

fn beside(folder: &Path, keys: &[&str]) -> Vec<Remark> {
    let facts = match std::fs::metadata(folder) {
        Ok(facts) if facts.is_dir() => Some(facts),
        Ok(_) => return vec![no_folder()],
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return vec![closed(&error.to_string())],
    };
    let mut remarks = facts.map_or_else(|| vec![none_yet(folder)], |facts| rights(folder, &facts));
    let missing = keys.iter().filter(|key| !folder.join(key).exists());
    remarks.extend(missing.map(|key| {
        Remark::problem(
            format!("{key} is not there, which what is in the database needs"),
            format!(
                "copy it from the machine that was active before, or restore it from a backup, to {}: \
                 without it this server cannot take over",
                folder.display()
            ),
        )
    }));
    remarks
}

/// Who holds the database, and whether this program can work with it.
fn holding(look: postgres::Look) -> Remark {
    let known = postgres::newest_schema();
    let place = look.place;
    match (look.version, look.holding) {
        (None, _) => Remark::well(format!("{place} holds nothing yet")),
        (Some(found), _) if found > known => Remark::problem(
            format!(
                "{place} was written by a newer version of Purser (its tables are at version {found}, \
                 and this program knows {known})"
            ),
            "start that version again",
        ),
        (Some(_), Some(holding)) => Remark::well(format!("in {place}: {holding}")),
        (Some(_), None) => Remark::well(format!("in {place}, held by nobody")),
    }
}

async fn look_into(folder: PathBuf) -> Vec<Finding> {
    let runtime = tokio::runtime::Handle::current();
    let looked = tokio::task::spawn_blocking(move || {
        let about = folder.display().to_string();
        let remarks = runtime.block_on(remarks(&folder)).into_iter();
        remarks
            .map(|remark| remark.of(Check::Store, &about))
            .collect()
    });
    looked.await.unwrap_or_default()
}

async fn remarks(folder: &Path) -> Vec<Remark> {
    let facts = match std::fs::metadata(folder) {
        Ok(facts) if facts.is_dir() => facts,
        Ok(_) => return vec![no_folder()],
        Err(error) if error.kind() == io::ErrorKind::NotFound => return vec![none_yet(folder)],
        Err(error) => return vec![closed(&error.to_string())],
    };
    let mut remarks = rights(folder, &facts);
    match holder(folder) {
        Ok(holder) => remarks.push(held(&holder)),
        Err(error) => {
            remarks.push(closed(&format!("its lock cannot be looked at: {error}")));
            return remarks;
        }
    }
    if database_file(folder).exists() {
        remarks.extend(contents(folder).await);
    } else {
        remarks.push(Remark::well("it holds nothing yet"));
    }
    remarks
}

fn no_folder() -> Remark {
    Remark::problem(
        "something that is no folder stands there",
        "set `[store] path` to a folder",
    )
}

fn none_yet(folder: &Path) -> Remark {
    let above = folder
        .ancestors()
        .find(|path| path.exists())
        .unwrap_or(folder);
    let may = nix::unistd::access(above, nix::unistd::AccessFlags::W_OK);
    match may {
        Ok(()) => Remark::well("there is no store yet; `purser up` makes it"),
        Err(why) => Remark::problem(
            format!(
                "there is no store yet, and it cannot be made in {} ({})",
                above.display(),
                why.desc()
            ),
            format!(
                "mkdir -p {0} and chown it to the user who runs Purser",
                folder.display()
            ),
        ),
    }
}

fn closed(why: &str) -> Remark {
    Remark::problem(
        format!("it cannot be looked at: {why}"),
        "run this as the user who runs Purser",
    )
}

/// Whether the folder and what is in it are of one user, and closed to all others.
fn rights(folder: &Path, facts: &Metadata) -> Vec<Remark> {
    let owner = facts.uid();
    let mut remarks = vec![];
    let ours = geteuid();
    if !ours.is_root() && ours.as_raw() != owner {
        remarks.push(Remark::problem(
            format!(
                "it belongs to {}, and this runs as {}",
                user(owner),
                user(ours.as_raw())
            ),
            format!(
                "run Purser as {0}, or: chown -R {1} {2}",
                user(owner),
                user(ours.as_raw()),
                folder.display()
            ),
        ));
    }
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = files
        .filter_map(|file| Some((file.file_name().to_str()?.to_owned(), file.metadata().ok()?)))
        .collect();
    files.sort_by(|one, other| one.0.cmp(&other.0));
    if let Some((name, facts)) = files.iter().find(|(_, facts)| facts.uid() != owner) {
        remarks.push(Remark::problem(
            format!(
                "{name} in it belongs to {}, and the folder to {}",
                user(facts.uid()),
                user(owner)
            ),
            format!("chown -R {} {}", user(owner), folder.display()),
        ));
    }
    if facts.mode() & 0o077 != 0 {
        remarks.push(Remark::warning(
            format!(
                "others may look into it (mode {:03o}); runs and receipts are in it",
                facts.mode() & 0o777
            ),
            format!("chmod 700 {}", folder.display()),
        ));
    }
    let keys = files
        .iter()
        .filter(|(name, _)| KEYS.contains(&name.as_str()));
    for (name, facts) in keys.filter(|(_, facts)| facts.mode() & 0o077 != 0) {
        let could = if name == RECEIPTS_KEY {
            "sign receipts"
        } else {
            "open the secrets"
        };
        remarks.push(Remark::problem(
            format!(
                "others may read {name} (mode {:03o}) and {could} with it",
                facts.mode() & 0o777
            ),
            format!("chmod 600 {}", folder.join(name).display()),
        ));
    }
    if remarks.is_empty() {
        remarks.push(Remark::well(format!(
            "{}'s, and closed to others",
            user(owner)
        )));
    }
    remarks
}

fn user(uid: u32) -> String {
    let known = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    known.map_or_else(|| uid.to_string(), |user| user.name)
}

fn held(holder: &Holder) -> Remark {
    match holder {
        Holder::Process(process) => Remark::well(format!("held by the process {process}")),
        Holder::Nobody { last } if !last.is_empty() => Remark::well(format!(
            "held by nobody; the process {last} was the last, and its lock is no hindrance"
        )),
        Holder::Nobody { .. } | Holder::Never => Remark::well("held by nobody"),
    }
}

async fn contents(folder: &Path) -> Vec<Remark> {
    let mut inspection = match Inspection::open(folder).await {
        Ok(inspection) => inspection,
        Err(error) => return vec![damaged(&error, folder)],
    };
    match inspection.versions().await {
        Ok((found, known)) if found > known => {
            return vec![Remark::problem(
                format!(
                    "it was written by a newer version of Purser (its tables are at version {found}, \
                     and this program knows {known})"
                ),
                "start that version again",
            )];
        }
        Ok(_) => {}
        Err(error) => return vec![damaged(&error, folder)],
    }
    match inspection.quick_check().await {
        Ok(said) if said.is_empty() => vec![
            Remark::well("the database passes SQLite's quick check"),
            receipts(&mut inspection, folder).await,
        ],
        Ok(said) => {
            let first = said.first().map_or("", String::as_str);
            let message = format!("SQLite finds the database damaged, first: {first}");
            vec![Remark::problem(message, restore(folder))]
        }
        Err(error) => vec![damaged(&error, folder)],
    }
}

fn restore(folder: &Path) -> String {
    format!(
        "stop Purser, move {} aside and keep it, then: purser recover --from BACKUP",
        folder.display()
    )
}

fn damaged(error: &StoreError, folder: &Path) -> Remark {
    // The place stands before it already.
    let why = match error {
        StoreError::Unavailable { message, .. } => message.clone(),
        other => other.to_string(),
    };
    Remark::problem(format!("it cannot be read: {why}"), restore(folder))
}

async fn receipts(inspection: &mut Inspection, folder: &Path) -> Remark {
    let receipts = match inspection.latest_receipts(RECEIPTS).await {
        Ok(receipts) => receipts,
        Err(error) => return damaged(&error, folder),
    };
    let Some(first) = receipts.first() else {
        return Remark::well("there are no receipts yet");
    };
    let key = match key(&folder.join(RECEIPTS_KEY)) {
        Ok(key) => key,
        Err(why) => {
            let next = format!(
                "restore {RECEIPTS_KEY} from a backup: without it new receipts cannot follow the old ones"
            );
            return Remark::problem(why, next);
        }
    };
    // Of a longer chain the first one here is taken as it is: what it follows was not read.
    let (mut chain, rest) = if first.seq == 1 {
        (Chain::default(), &receipts[..])
    } else {
        (Chain::behind(first), &receipts[1..])
    };
    match rest
        .iter()
        .try_for_each(|receipt| chain.next(receipt, &key))
    {
        Ok(()) => Remark::well(format!("the latest receipts hold ({})", rest.len())),
        Err(broken) => Remark::problem(
            format!("{broken}: somebody or something has changed the store"),
            "keep a copy of the store, and find out who could write to it; `purser receipts verify` \
             checks all",
        ),
    }
}

fn key(path: &Path) -> Result<VerifyingKey, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{RECEIPTS_KEY} cannot be read: {error}"))?;
    let bytes = hex::decode(text.trim()).ok();
    let seed = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    let seed =
        seed.ok_or_else(|| format!("{RECEIPTS_KEY} holds no key of 64 hexadecimal digits"))?;
    Ok(SigningKey::from_bytes(&seed).verifying_key())
}
