//! What chats show of runs: which message of theirs shows which run.

use futures_util::future::BoxFuture;

use super::Result;
use crate::domain::chat::{ChatPlace, MessagePart};
use crate::domain::digest::Digest;
use crate::domain::names::RunId;
use crate::domain::time::Timestamp;

/// A message in which a run is to be shown until its end is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunMessage {
    /// The run.
    pub run: RunId,
    /// What of it is shown.
    pub part: MessagePart,
    /// Where.
    pub place: ChatPlace,
    /// What the platform calls the message; `None`: there is none, as far as is known.
    pub remote: Option<String>,
    /// Since when it is not known whether the platform has made it: it was asked to, and no answer is
    /// written down.
    pub tried_at: Option<Timestamp>,
    /// How often it was made anew, because somebody had removed it.
    pub remade: u32,
    /// Whether nothing more is done about it.
    pub settled: bool,
}

/// What has become of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageNews {
    /// The platform is about to be asked to make it. Written before: from then on there may be one.
    Tried(Timestamp),
    /// The platform has made it, and calls it so.
    Made(String),
    /// Somebody has removed it. It is made anew.
    Removed,
    /// It shows how the run ended, or can be shown nowhere: nothing more is done about it.
    Settled,
}

/// A window in which a chat asks for the secret options of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedWindow {
    /// The chat.
    pub platform: String,
    /// What the chat calls the doing that it was asked by.
    pub id: String,
    /// Whom the chat has shown it.
    pub person: String,
    /// The command, by its whole name.
    pub command: String,
    /// What else was said with it, as JSON.
    pub options: String,
    /// From then on it is forgotten.
    pub until: Timestamp,
}

/// So many windows of one person are kept: the newest.
pub(super) const WINDOWS_OF_ONE: i64 = 20;

/// So many windows are kept.
pub(super) const WINDOWS: i64 = 1000;

/// Messages in which runs are shown. They are created with their runs, by the place of the request.
pub trait Messages: Send + Sync {
    /// The messages of this platform, of all runs of which one is not settled or of this one if one of
    /// its is not, the oldest run's first.
    fn open_messages<'a>(
        &'a self,
        platform: &'a str,
        run: Option<RunId>,
    ) -> BoxFuture<'a, Result<Vec<RunMessage>>>;

    /// Writes down what has become of a message.
    fn message_news(
        &self,
        run: RunId,
        part: MessagePart,
        news: MessageNews,
    ) -> BoxFuture<'_, Result<()>>;

    /// The digest of the commands that were last published in this scope.
    fn published_commands<'a>(&'a self, scope: &'a str) -> BoxFuture<'a, Result<Option<Digest>>>;

    /// These were published in this scope.
    fn commands_published<'a>(
        &'a self,
        scope: &'a str,
        digest: &'a Digest,
    ) -> BoxFuture<'a, Result<()>>;

    /// Keeps a window, unless it is kept already; of too many the oldest are forgotten.
    fn ask_in_window(&self, window: AskedWindow) -> BoxFuture<'_, Result<()>>;

    /// The window of this platform and id.
    fn asked_window<'a>(
        &'a self,
        platform: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<AskedWindow>>>;

    /// Forgets windows that were kept until before this instant.
    fn forget_windows(&self, now: Timestamp) -> BoxFuture<'_, Result<()>>;
}
