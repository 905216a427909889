//! `purser rerun RUN`: goes on from a run that has ended.

use clap::Args;

use super::client::{Server, segment};
use super::terminal::Terminal;
use super::{Failure, run};
use crate::http::types::{Accepted, RerunBody};

/// Start a run that goes on from one that has ended, without what is done and stands.
#[derive(Debug, Args)]
pub struct Rerun {
    /// The id of the run that has ended, or the beginning or end of it.
    run: String,
    /// Begin at this step; what needs it is done again too. Without it, what is not done or was taken
    /// back is done.
    #[arg(long, value_name = "STEP")]
    from: Option<String>,
    /// Only start it, and print its id.
    #[arg(long)]
    detach: bool,
    /// Go on watching while the run waits for a person.
    #[arg(long)]
    wait: bool,
    /// The same key gives the same run, however often it is asked for.
    #[arg(long)]
    key: Option<String>,
    /// Do not wait for freezes and locks, for this reason; takes a role of `[break_glass]`.
    #[arg(long, value_name = "REASON")]
    break_glass: Option<String>,
}

impl Rerun {
    pub(super) async fn call(
        self,
        server: &Server,
        terminal: Terminal,
        json: bool,
    ) -> Result<(), Failure> {
        let body = RerunBody {
            from: self.from.map(Into::into),
            idempotency_key: self.key,
            break_glass: self.break_glass,
        };
        let path = format!("runs/{}/rerun", segment(&self.run));
        let accepted: Accepted = server.post(&path, &body).await?;
        if self.detach {
            return run::tell_started(&accepted, json);
        }
        run::watch(server, terminal, &accepted.run.to_string(), json, self.wait).await
    }
}
