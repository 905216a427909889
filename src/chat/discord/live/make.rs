//! Makes the message of a run, once: whatever happens between the request and what is written down.
//!
//! Before the request it is written down that there may be a message from now on. Whoever finds that, and
//! no message, looks in the channel for one that carries the run's id. Discord itself refuses a second
//! message with the same nonce, for a few minutes.

use serde_json::{Value, json};

use super::send::{PATIENCE, Sending, Sent, later, trouble};
use super::{Duration, Made};
use crate::chat::card;
use crate::chat::discord::api::{ApiError, Route};
use crate::chat::discord::{render, snowflake};
use crate::domain::chat::MessagePart;
use crate::domain::digest::Digest;
use crate::domain::names::RunId;
use crate::domain::time::Timestamp;
use crate::service::{MessageNews, RunMessage, RunView};

/// Discord's clock and ours are no further apart.
const CLOCKS_APART: Duration = Duration::from_mins(5);

/// So many pages of a hundred messages are looked through.
const MOST_PAGES: usize = 20;

/// A thread in which nobody writes is put away after so many minutes.
const THREAD_RESTS_AFTER: u64 = 1440;

/// A thread's name has no more UTF-16 units.
const LONGEST_NAME: usize = 100;

/// A nonce has no more characters.
const NONCE: usize = 25;

impl Sending {
    pub(super) async fn make(&self, message: &RunMessage, channel: &str, view: &RunView) -> Sent {
        if message.place.in_thread
            && message.part == MessagePart::Whole
            && let Err(error) = self.start_thread(message, channel, view).await
        {
            return trouble(error, None);
        }
        if let Some(since) = message.tried_at {
            match self.find(message, channel, since).await {
                Ok(Some(found)) => return self.found(message, channel, found).await,
                Ok(None) => {}
                Err(error) => return trouble(error, None),
            }
        }
        let now = self.service.now();
        let tried_at = message.tried_at.unwrap_or(now);
        if message.tried_at.is_none() {
            let news = MessageNews::Tried(now);
            let news = self.service.message_news(message.run, message.part, news);
            if let Err(error) = news.await {
                return later(error.to_string());
            }
        }
        self.create(message, channel, tried_at, view).await
    }

    async fn create(
        &self,
        message: &RunMessage,
        channel: &str,
        tried_at: Timestamp,
        view: &RunView,
    ) -> Sent {
        let mut drawn = self.drawn(message.part, view).await;
        drawn.body["nonce"] = json!(nonce(message));
        drawn.body["enforce_nonce"] = json!(true);
        crate::action::failpoint("discord/creating");
        let created = self.say(&Route::create_message(channel), &drawn).await;
        crate::action::failpoint("discord/created");
        let id = match created {
            Ok(created) => id_of(&created),
            Err(error) => return trouble(error, Some(tried_at)),
        };
        let Some(id) = id else {
            return trouble(no_id(), Some(tried_at));
        };
        let made = MessageNews::Made(id.clone());
        let news = self.service.message_news(message.run, message.part, made);
        if let Err(error) = news.await {
            // It is found in the channel the next time.
            return Sent::Later {
                why: error.to_string(),
                pause: None,
                tried_at: Some(tried_at),
            };
        }
        Sent::Shown {
            shown: drawn.mark,
            is_end: view.run.ended.is_some(),
            made: Some(Made {
                run: message.run,
                channel: channel.to_owned(),
                message: id,
            }),
        }
    }

    async fn found(&self, message: &RunMessage, channel: &str, found: String) -> Sent {
        let made = MessageNews::Made(found.clone());
        let news = self.service.message_news(message.run, message.part, made);
        match news.await {
            Ok(()) => Sent::Found(Made {
                run: message.run,
                channel: channel.to_owned(),
                message: found,
            }),
            Err(error) => later(error.to_string()),
        }
    }

    /// A thread has the id of the message that it hangs from: there is never a second one.
    async fn start_thread(
        &self,
        message: &RunMessage,
        thread: &str,
        view: &RunView,
    ) -> Result<(), ApiError> {
        let route = Route::start_thread(&message.place.channel, thread);
        let body = json!({
            "name": render::limits::beginning(&card::of(view).headline, LONGEST_NAME),
            "auto_archive_duration": THREAD_RESTS_AFTER,
        });
        match self.api.call(&route, Some(&body), &[], PATIENCE).await {
            Ok(_) => Ok(()),
            Err(error) if error.has_thread() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The message of ours in this channel that carries the run's id.
    async fn find(
        &self,
        message: &RunMessage,
        channel: &str,
        since: Timestamp,
    ) -> Result<Option<String>, ApiError> {
        let mut after = snowflake::made_before(since.minus(CLOCKS_APART));
        for _ in 0..MOST_PAGES {
            let route = Route::messages_after(channel, &after);
            let page = self.api.call(&route, None, &[], PATIENCE).await?;
            let page = page.as_array().cloned().unwrap_or_default();
            let ours = page
                .iter()
                .filter(|one| one["author"]["id"] == self.us.user.as_str());
            let mut of_run = ours.filter(|one| run_of(one) == Some(message.run));
            if let Some(found) = of_run.find_map(id_of) {
                return Ok(Some(found));
            }
            // The newest first.
            match page.first().and_then(id_of) {
                Some(newest) if page.len() == 100 => after = newest,
                _ => return Ok(None),
            }
        }
        Ok(None)
    }
}

/// The same for the same message, and for no other one.
fn nonce(message: &RunMessage) -> String {
    let (run, part) = (message.run, message.part.as_str());
    let whole = Digest::of_bytes(format!("{run}/{part}/{}", message.remade).as_bytes());
    let digits = whole.as_str().trim_start_matches("sha256:");
    digits.chars().take(NONCE).collect()
}

/// The run that a message carries the id of, in the footer of an embed.
fn run_of(message: &Value) -> Option<RunId> {
    let embeds = message["embeds"].as_array().into_iter().flatten();
    let mut footers = embeds.filter_map(|embed| embed["footer"]["text"].as_str());
    footers.find_map(render::run_of_footer)
}

fn id_of(message: &Value) -> Option<String> {
    message["id"].as_str().map(str::to_owned)
}

fn no_id() -> ApiError {
    ApiError::Unclear("the message that it made has no id".to_owned())
}
