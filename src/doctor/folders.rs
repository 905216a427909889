//! Folders of objects that workflows name: whether they can be listed, and written where that is
//! needed.

use std::path::{Path, PathBuf};

use futures_util::TryStreamExt as _;
use nix::unistd::{AccessFlags, access};
use object_store::path::Path as Key;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};

use super::Patient;
use crate::action::ActionError;
use crate::action::objects::{ObjectUrl, Objects};
use crate::catalog::FolderUse;
use crate::domain::finding::{Check, Finding, Remark};

/// How one folder stands.
pub(super) async fn look(
    patient: &Patient<'_>,
    url: String,
    address: ObjectUrl,
    used: FolderUse,
) -> Vec<Finding> {
    let remark = match &address {
        ObjectUrl::File { path } => on_disk(path.clone(), used.writes).await,
        ObjectUrl::S3 { system, .. } if patient.systems.get(system.as_str()).is_none() => {
            return vec![];
        }
        ObjectUrl::S3 { .. } => in_bucket(patient, &address, &used).await,
    };
    vec![remark.of(Check::Folder, url)]
}

/// Looks on a thread of its own, which a disk that hangs holds up alone.
async fn on_disk(path: PathBuf, writes: bool) -> Remark {
    let looked = tokio::task::spawn_blocking(move || at(&path, writes)).await;
    looked.unwrap_or_else(|error| {
        Remark::problem(format!("it was not looked at: {error}"), "run this again")
    })
}

/// A folder of this machine is made at the first write: it or the nearest above must be open.
fn at(path: &Path, writes: bool) -> Remark {
    let there = path.ancestors().find(|path| path.exists()).unwrap_or(path);
    let (flags, done) = if writes {
        (AccessFlags::W_OK | AccessFlags::X_OK, "written")
    } else {
        (AccessFlags::R_OK | AccessFlags::X_OK, "read")
    };
    match access(there, flags) {
        Ok(()) if there == path => Remark::well(format!("it can be {done}")),
        Ok(()) => Remark::well(format!("it can be made in {}", there.display())),
        Err(why) => Remark::problem(
            format!("{} cannot be {done} ({})", there.display(), why.desc()),
            format!("give {} to the user who runs Purser", path.display()),
        ),
    }
}

async fn in_bucket(patient: &Patient<'_>, address: &ObjectUrl, used: &FolderUse) -> Remark {
    let folder = match patient.systems.objects(address) {
        Ok(folder) => folder,
        Err(error) => return explained(&error, used),
    };
    let tried = async {
        may_list(folder.as_ref()).await?;
        if used.writes {
            may_write(folder.as_ref(), patient.token).await?;
        }
        Ok::<_, ActionError>(())
    };
    match tried.await {
        Ok(()) if used.writes => Remark::well("it can be listed, written and cleared"),
        Ok(()) => Remark::well("it can be listed; no workflow writes there, so that was not tried"),
        Err(error) => explained(&error, used),
    }
}

/// The sentence about a bucket that is missing has no deed in it.
fn explained(error: &ActionError, used: &FolderUse) -> Remark {
    let names: Vec<_> = used
        .workflows
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    let next = format!(
        "make the bucket or the key's rights good, or write another place into {}",
        names.join(", ")
    );
    Remark::problem(&error.message, next)
}

async fn may_list(folder: &dyn Objects) -> Result<(), ActionError> {
    match folder.store().list(None).try_next().await {
        Ok(_) => Ok(()),
        Err(error) => Err(folder
            .explain(&format!("list {}", folder.url()), error)
            .await),
    }
}

/// Writes a small object under a name that nobody has, and removes it again.
async fn may_write(folder: &dyn Objects, token: &str) -> Result<(), ActionError> {
    let key = Key::from(format!("purser-doctor-{token}"));
    let only_new = PutOptions::from(PutMode::Create);
    let store = folder.store();
    let what = format!("write a trial object to {}", folder.url());
    let written = store
        .put_opts(&key, PutPayload::from_static(b"purser doctor"), only_new)
        .await;
    if let Err(error) = written {
        return Err(folder.explain(&what, error).await);
    }
    if let Err(error) = store.delete(&key).await {
        let what = format!("remove the trial object {key} from {}", folder.url());
        return Err(folder.explain(&what, error).await);
    }
    Ok(())
}
