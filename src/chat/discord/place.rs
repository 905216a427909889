//! A channel or thread in which people are told of what happened while nobody watched.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::api::{Api, ApiError, Route};
use super::bot::Bot;
use super::{render, rights, wire};
use crate::action::Place;
use crate::domain::chat::Mention;
use crate::domain::digest::Digest;
use crate::domain::notice::delivery::Outcome;
use crate::domain::notice::{Loudness, Notice, NoticeId};
use crate::domain::time::Timestamp;

/// How long a message may wait for its turn. Runs that are shown in the same channel take turns with it.
const PATIENCE: Duration = Duration::from_secs(5);

/// `MessageFlags::SUPPRESS_EMBEDS`: addresses in it are shown, and not fetched.
const NO_PREVIEWS: u64 = 1 << 2;

/// A nonce has no more characters.
const NONCE: usize = 25;

/// A channel in which the bot tells people.
struct Channel {
    api: Arc<Api>,
    id: String,
    mention: Option<Mention>,
}

impl Bot {
    /// The channel or thread of this id as a place; whoever is mentioned is called by what is loud.
    pub fn tells_in(&self, channel: &str, mention: Option<Mention>) -> Arc<dyn Place> {
        Arc::new(Channel {
            api: Arc::clone(&self.api),
            id: channel.to_owned(),
            mention,
        })
    }
}

impl Place for Channel {
    fn sort(&self) -> &'static str {
        "Discord channel, text for people"
    }

    fn is_for_people(&self) -> bool {
        true
    }

    fn deliver<'a>(&'a self, notice: &'a Notice, at: Timestamp) -> BoxFuture<'a, Outcome> {
        async move {
            let mention = self.mention.as_ref();
            let mention = mention.filter(|_| notice.loudness == Loudness::Loud);
            let shown = render::notice(notice, mention, at);
            let mut body = wire::body(&shown);
            body["nonce"] = json!(nonce(&self.id, &notice.id));
            body["enforce_nonce"] = json!(true);
            body["flags"] = json!(NO_PREVIEWS);
            match mention {
                Some(Mention::Role(id)) => body["allowed_mentions"]["roles"] = json!([id]),
                Some(Mention::User(id)) => body["allowed_mentions"]["users"] = json!([id]),
                None => {}
            }
            let route = Route::create_message(&self.id);
            let files = wire::files(&shown);
            let posted = self.api.call(&route, Some(&body), &files, PATIENCE);
            outcome(posted.await)
        }
        .boxed()
    }
}

/// The same for the same message in the same channel, and for no other one: Discord goes by it over all
/// channels, and the fallback of a channel may be another one.
fn nonce(channel: &str, id: &NoticeId) -> String {
    let whole = Digest::of_bytes(format!("{channel}/{}", id.as_str()).as_bytes());
    let digits = whole.as_str().trim_start_matches("sha256:");
    digits.chars().take(NONCE).collect()
}

/// What has become of it.
fn outcome(posted: Result<Value, ApiError>) -> Outcome {
    let error = match posted {
        Ok(message) => {
            let id = message["id"].as_str().unwrap_or("without an id");
            let answer = format!("it is the message {id}");
            return Outcome::Taken { answer };
        }
        Err(error) => error,
    };
    let why = error.to_string();
    match error {
        ApiError::TooMany(after) => Outcome::Later {
            why,
            pause: Some(after),
        },
        ApiError::Unreached(_) | ApiError::Unclear(_) => Outcome::Later { why, pause: None },
        error if error.is_of_message() => Outcome::Refused { why },
        error if error.is_gone_channel() => Outcome::PlaceRefuses {
            why: "Discord has no such channel (10003): it is gone, or its id is another one"
                .to_owned(),
        },
        error if error.is_forbidden() => Outcome::PlaceRefuses {
            why: format!(
                "{why}: the bot needs {} there",
                rights::names(rights::TO_TELL).join(", ")
            ),
        },
        ApiError::Token | ApiError::Refused { .. } => Outcome::PlaceRefuses { why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u64) -> Outcome {
        outcome(Err(ApiError::Refused {
            status: 400,
            code,
            message: "no".to_owned(),
        }))
    }

    #[test]
    fn what_passes_is_tried_again_and_what_discord_says_of_the_place_is_not_said_of_the_message() {
        let after = Duration::from_secs(7);
        let too_many = outcome(Err(ApiError::TooMany(after)));
        assert!(matches!(too_many, Outcome::Later { pause: Some(pause), .. } if pause == after));
        for error in [
            ApiError::Unreached("x".into()),
            ApiError::Unclear("x".into()),
        ] {
            assert!(matches!(
                outcome(Err(error)),
                Outcome::Later { pause: None, .. }
            ));
        }
        for code in [10_003, 50_001, 50_013, 50_083] {
            assert!(
                matches!(refused(code), Outcome::PlaceRefuses { .. }),
                "{code}"
            );
        }
        assert!(matches!(
            outcome(Err(ApiError::Token)),
            Outcome::PlaceRefuses { .. }
        ));
        assert!(matches!(refused(50_035), Outcome::Refused { .. }));
    }

    #[test]
    fn a_nonce_is_of_one_message_in_one_channel() {
        let id = NoticeId::new("run-7-end");
        assert_eq!(nonce("1", &id), nonce("1", &id));
        assert_ne!(nonce("1", &id), nonce("2", &id));
        assert_eq!(nonce("1", &id).len(), NONCE);
    }
}
