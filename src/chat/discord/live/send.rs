//! Sends one message: makes it, or edits it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Instant, Made, PrivateAnswer};
use crate::chat::card::{self, Card};
use crate::chat::discord::Us;
use crate::chat::discord::api::{Api, ApiError, Attachment, Route};
use crate::chat::discord::render::{self, Shown};
use crate::chat::discord::rights::needed_in_channel;
use crate::chat::discord::wire;
use crate::domain::chat::MessagePart;
use crate::domain::time::Timestamp;
use crate::service::{MessageNews, RunMessage, RunView, Service};

/// How long a request may wait for its turn: the queue has looked before that it would be taken.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A run whose end could not be shown for so long is shown no more.
const GIVEN_UP_AFTER: Duration = Duration::from_hours(24);

/// A message is made anew so often when somebody removes it. After that it is understood.
const REMADE: u32 = 1;

/// Pictures of a run that are shown with its end, at most.
const MOST_PICTURES: usize = 4;

/// A picture that is longer is named and not shown, in bytes: what Discord takes in all is 10 MiB.
const LONGEST_PICTURE: u64 = 2 << 20;

/// Where something is sent.
pub(super) enum Target {
    /// To a message that the store knows.
    Message {
        message: RunMessage,
        /// The thread that the run is shown in, where that is made.
        thread: Option<String>,
        part: MessagePart,
    },
    /// To the answer of an interaction.
    Answer(PrivateAnswer),
}

/// One message on its way.
pub(super) struct Sending {
    pub(super) api: Arc<Api>,
    pub(super) service: Arc<Service>,
    pub(super) us: Us,
    pub(super) target: Target,
    /// What the message shows, if that is known.
    pub(super) shown: Option<u64>,
}

/// What has come of it.
#[derive(Debug)]
pub(super) enum Sent {
    /// The message shows the run as it was a moment ago.
    Shown {
        /// What that is.
        shown: u64,
        /// The message, if it was made.
        made: Option<Made>,
        /// Whether the run has ended, so that nothing more comes.
        is_end: bool,
    },
    /// It was made before, and nobody knew: it is edited next.
    Found(Made),
    /// The thread is not there yet.
    WaitsForHeadline,
    /// Somebody has removed it. It is made anew.
    Removed,
    /// It is tried again.
    Later {
        /// What went wrong.
        why: String,
        /// How long is waited, where that is known.
        pause: Option<Duration>,
        /// Since when there may be a message that nobody knows.
        tried_at: Option<Timestamp>,
    },
    /// It can be shown nowhere, or is not to be.
    Nowhere {
        /// Why.
        why: String,
    },
    /// Nothing can be shown any more: Discord does not know us.
    Unknown(ApiError),
}

/// Where a message is; `None` while the thread that it is to be in is not made.
pub(super) fn channel<'m>(
    message: &'m RunMessage,
    thread: Option<&'m str>,
    part: MessagePart,
) -> Option<&'m str> {
    match part {
        MessagePart::Whole if message.place.in_thread => thread,
        MessagePart::Whole | MessagePart::Headline => Some(&message.place.channel),
    }
}

impl Sending {
    /// Sends it.
    pub(super) async fn send(self) -> Sent {
        let run = match &self.target {
            Target::Message { message, .. } => message.run,
            Target::Answer(answer) => answer.run,
        };
        let view = match self.service.view(run).await {
            Ok(view) => view,
            Err(error) => return later(error.to_string()),
        };
        match &self.target {
            Target::Answer(answer) => self.answer(answer, &view).await,
            Target::Message {
                message,
                thread,
                part,
            } => {
                let Some(channel) = channel(message, thread.as_deref(), *part) else {
                    return Sent::WaitsForHeadline;
                };
                let sent = match &message.remote {
                    Some(remote) => self.edit(message, channel, remote, &view).await,
                    None => self.make(message, channel, &view).await,
                };
                give_up(sent, &view, self.service.now())
            }
        }
    }

    async fn answer(&self, answer: &PrivateAnswer, view: &RunView) -> Sent {
        if answer.until <= Instant::now() {
            return Sent::Nowhere {
                why: "Discord lets the answer to a command be edited for 15 minutes".to_owned(),
            };
        }
        let mut shown = self.whole(view).await;
        let has_ended = view.run.ended.is_some();
        if answer.is_last && !has_ended {
            shown.body["content"] = json!(look_again(view.run.id));
        } else if self.shown == Some(shown.mark) {
            return Sent::Shown {
                shown: shown.mark,
                made: None,
                is_end: has_ended,
            };
        }
        let route = Route::edit_answer(&self.us.application, &answer.token);
        let sent = self.say(&route, &shown).await;
        match sent {
            Ok(_) => Sent::Shown {
                shown: shown.mark,
                made: None,
                is_end: has_ended || answer.is_last,
            },
            Err(error) if error.may_pass() => trouble(error, None),
            Err(error) => Sent::Nowhere {
                why: error.to_string(),
            },
        }
    }

    async fn edit(
        &self,
        message: &RunMessage,
        channel: &str,
        remote: &str,
        view: &RunView,
    ) -> Sent {
        let drawn = self.drawn(message.part, view).await;
        let as_it_is = Sent::Shown {
            shown: drawn.mark,
            made: None,
            is_end: view.run.ended.is_some(),
        };
        if self.shown == Some(drawn.mark) {
            return as_it_is;
        }
        let route = Route::edit_message(channel, remote);
        let mut sent = self.say(&route, &drawn).await;
        if sent.as_ref().is_err_and(ApiError::is_archived) {
            if let Err(error) = self.open_thread(channel).await {
                return trouble(error, None);
            }
            sent = self.say(&route, &drawn).await;
        }
        match sent {
            Ok(_) => as_it_is,
            Err(error) if error.is_gone_message() => self.removed(message).await,
            Err(error) => trouble(error, None),
        }
    }

    /// Threads are archived when nobody writes in them for a while, and by people.
    async fn open_thread(&self, thread: &str) -> Result<Value, ApiError> {
        let route = Route::edit_channel(thread);
        let open = json!({ "archived": false });
        self.api.call(&route, Some(&open), &[], PATIENCE).await
    }

    async fn removed(&self, message: &RunMessage) -> Sent {
        if message.remade >= REMADE {
            return Sent::Nowhere {
                why: "its message was removed twice".to_owned(),
            };
        }
        let (run, part) = (message.run, message.part);
        let news = self.service.message_news(run, part, MessageNews::Removed);
        match news.await {
            Ok(()) => Sent::Removed,
            Err(error) => later(error.to_string()),
        }
    }

    pub(super) async fn say(&self, route: &Route, drawn: &Drawn) -> Result<Value, ApiError> {
        let (body, files) = (Some(&drawn.body), &drawn.files);
        self.api.call(route, body, files, PATIENCE).await
    }

    pub(super) async fn drawn(&self, part: MessagePart, view: &RunView) -> Drawn {
        match part {
            MessagePart::Headline => Drawn::of(&render::brief(&card::of(view)), vec![]),
            MessagePart::Whole => self.whole(view).await,
        }
    }

    async fn whole(&self, view: &RunView) -> Drawn {
        let card = card::of(view);
        let pictures = self.pictures(view, &card).await;
        Drawn::of(&render::run(&card), pictures)
    }

    /// The pictures that a run has kept, once it has ended.
    async fn pictures(&self, view: &RunView, card: &Card) -> Vec<Attachment> {
        let mut pictures = vec![];
        if card.ending.is_none() {
            return pictures;
        }
        let kept = view.run.steps.values().flat_map(|step| &step.artifacts);
        let is_shown = |kept: &&crate::domain::artifact::Artifact| {
            kept.media_type == "image/png" && kept.bytes <= LONGEST_PICTURE
        };
        for artifact in kept.filter(is_shown).take(MOST_PICTURES) {
            match self.service.kept_bytes(artifact).await {
                Ok(Some(bytes)) => pictures.push(Attachment {
                    name: format!("{}.png", artifact.digest.short()),
                    media_type: artifact.media_type.clone(),
                    bytes,
                }),
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "a picture of a run cannot be read"),
            }
        }
        pictures
    }
}

/// A message as it goes over the wire.
pub(super) struct Drawn {
    pub(super) body: Value,
    pub(super) files: Vec<Attachment>,
    /// What tells it from another one.
    pub(super) mark: u64,
}

impl Drawn {
    fn of(shown: &Shown, pictures: Vec<Attachment>) -> Self {
        let (body, files) = wire::with_pictures(shown, pictures);
        let mut hasher = DefaultHasher::new();
        body.to_string().hash(&mut hasher);
        for file in &files {
            file.bytes.hash(&mut hasher);
        }
        Self {
            mark: hasher.finish(),
            body,
            files,
        }
    }
}

/// What stands above the last thing that the answer to a command can show of a run.
fn look_again(run: super::RunId) -> String {
    format!(
        "Discord lets this message be changed no longer, and the run goes on: `/purser show run:{}` shows it.",
        run.short()
    )
}

/// Something went wrong with a request for a message.
pub(super) fn trouble(error: ApiError, tried_at: Option<Timestamp>) -> Sent {
    if error.is_gone_channel() {
        return Sent::Nowhere {
            why: "the channel or thread is gone".to_owned(),
        };
    }
    let (pause, needs) = match &error {
        ApiError::Token => return Sent::Unknown(error),
        ApiError::TooMany(after) => (Some(*after), String::new()),
        _ if error.is_forbidden() => (
            None,
            format!("; in that channel it needs {}", needed_in_channel()),
        ),
        _ => (None, String::new()),
    };
    Sent::Later {
        why: format!("{error}{needs}"),
        pause,
        tried_at,
    }
}

pub(super) fn later(why: String) -> Sent {
    Sent::Later {
        why,
        pause: None,
        tried_at: None,
    }
}

/// What has not worked for long after the run's end will not.
fn give_up(sent: Sent, view: &RunView, now: Timestamp) -> Sent {
    match (sent, &view.run.ended) {
        (Sent::Later { why, .. }, Some(ended)) if now.since(ended.at) >= GIVEN_UP_AFTER => {
            Sent::Nowhere { why }
        }
        (sent, _) => sent,
    }
}
