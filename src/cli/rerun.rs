//! `purser rerun RUN`: goes on from a run that has ended.

use clap::Args;

use super::Failure;
use super::client::{Server, segment};
use super::run::Start;
use super::terminal::Terminal;
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
    #[command(flatten)]
    start: Start,
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
            idempotency_key: self.start.key.clone(),
            break_glass: self.start.break_glass.clone(),
        };
        let path = format!("runs/{}/rerun", segment(&self.run));
        let accepted: Accepted = server.post(&path, &body).await?;
        self.start
            .follow
            .call(server, terminal, &accepted, json)
            .await
    }
}
