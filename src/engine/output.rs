//! What a step's action has left, on its way into the log.

use std::sync::OnceLock;

use serde_json::Value;

use crate::action::{Context, Result};
use crate::domain::artifact::LARGEST;
use crate::domain::output::{ARTIFACT, InLog, Kept, too_long};
use crate::store::StoreError;

/// The output as the log takes it: one that is too long is kept as an artifact of the step, and says
/// so. The step has done what it had to do in any case: what cannot be kept does not make it fail.
///
/// # Errors
/// The store could not be written, which is `failure` then.
pub(super) async fn for_the_log(
    ctx: &Context,
    output: Value,
    failure: &OnceLock<StoreError>,
) -> Result<InLog> {
    let Some(bytes) = too_long(&output) else {
        return Ok(InLog::whole(output));
    };
    let kept = if bytes > LARGEST {
        Kept::Nowhere(format!("no artifact may have more than {LARGEST}"))
    } else {
        let text = output.to_string().into_bytes();
        match ctx.artifact(ARTIFACT, "application/json", text).await {
            Ok(_) => Kept::AsArtifact,
            Err(error) if failure.get().is_some() => return Err(error),
            Err(error) => Kept::Nowhere(error.message),
        }
    };
    let in_log = InLog::in_part(&output, bytes, kept);
    for left_out in &in_log.left_out {
        let told = left_out.told("its output", &in_log.output);
        tracing::warn!(run = %ctx.run, step = %ctx.step, "{told}");
        ctx.log.line(&told);
    }
    Ok(in_log)
}
