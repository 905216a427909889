//! Outputs that are no data for later steps but files for people.

use super::context::Context;
use super::error::{ActionError, Result};
use crate::domain::artifact::{Artifact, LARGEST, is_name};

impl Context {
    /// Keeps these bytes under a name, so that people can have them as a file: `chart.png`. Again
    /// under the same name, as after a restart, it takes the place of what was there.
    pub async fn artifact(&self, name: &str, media_type: &str, bytes: Vec<u8>) -> Result<Artifact> {
        if !is_name(name) {
            return Err(ActionError::fatal(format!(
                "`{name}` cannot be the name of an artifact: use letters, digits, - _ and ."
            )));
        }
        if bytes.len() > LARGEST {
            return Err(ActionError::fatal(format!(
                "`{name}` has {} bytes, and no artifact may have more than {LARGEST}",
                bytes.len()
            )));
        }
        self.journal
            .artifact(name.to_owned(), media_type.to_owned(), bytes)
            .await
            .map_err(|error| ActionError::retryable(format!("`{name}` cannot be kept: {error}")))
    }
}
