//! A database that will not do is refused before anything is written to it.

use std::io::ErrorKind;
use std::path::Path;

use super::database_file;
use super::inspect::Inspection;
use crate::store::{Result, StoreError, newer_tables};

/// Reading so many MiB takes long enough for somebody to wonder.
const WORTH_A_WORD: u64 = 256;

/// Refuses a database that SQLite's own quick check finds damaged, and one whose tables this program
/// does not know: as read-only, which leaves every byte of it as it is. All of it is read, so this
/// takes as long as the file is large.
///
/// # Errors
/// Which file it is, and what is to be done about it.
pub(super) async fn refuse_what_will_not_do(folder: &Path) -> Result<()> {
    let file = database_file(folder);
    let refused = |message: String| StoreError::File {
        file: file.display().to_string(),
        message,
    };
    match file.metadata() {
        // One without a byte is made before its first table is.
        Ok(facts) if facts.len() == 0 => return Ok(()),
        Ok(facts) => {
            let mib = facts.len() >> 20;
            if mib >= WORTH_A_WORD {
                tracing::info!(file = %file.display(), mib, "the store is read once, to see that it is whole");
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(format!("cannot be looked at: {error}"))),
    }
    if let Some(damage) = Inspection::damage_in(folder).await? {
        return Err(refused(format!(
            "is damaged ({damage}), and nothing was written to it: move {} aside and keep it, then: \
             purser recover --from BACKUP",
            folder.display()
        )));
    }
    let mut inspection = Inspection::open(folder).await?;
    match inspection.versions().await? {
        (found, known) if found > known => Err(StoreError::Unavailable {
            place: folder.display().to_string(),
            message: newer_tables(found),
        }),
        _ => Ok(()),
    }
}
