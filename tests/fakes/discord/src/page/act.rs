//! What a member does on the page.

use serde::Deserialize;

use crate::error::{Error, refused};
use crate::ids::{ChannelId, InteractionId, MessageId, UserId};
use crate::state::State;

/// One act; ids are texts, as everywhere.
#[derive(Deserialize)]
pub(super) struct Act {
    r#as: String,
    #[serde(flatten)]
    what: What,
}

#[derive(Deserialize)]
#[serde(tag = "act", rename_all = "lowercase")]
enum What {
    Says {
        channel: String,
        text: String,
    },
    Types {
        channel: String,
        text: String,
        option: String,
    },
    Clicks {
        message: String,
        button: String,
    },
    Selects {
        message: String,
        select: String,
        values: Vec<String>,
    },
    Submits {
        form: String,
        fields: Vec<(String, String)>,
    },
    Dismisses {
        message: String,
    },
}

impl Act {
    pub(super) fn who(&self) -> UserId {
        UserId(self.r#as.parse().unwrap_or_default())
    }

    /// Does it; what becomes an interaction has its id.
    pub(super) fn carry_out(self, state: &mut State) -> Result<Option<InteractionId>, Error> {
        let who = self.who();
        match self.what {
            What::Says { channel, text } if text.starts_with('/') => state
                .uses(who, ChannelId(number(&channel)?), &text, &[], None)
                .map(Some),
            What::Says { channel, text } => state
                .writes(who, ChannelId(number(&channel)?), &text)
                .map(|_| None),
            What::Types {
                channel,
                text,
                option,
            } => state
                .uses(who, ChannelId(number(&channel)?), &text, &[], Some(&option))
                .map(Some),
            What::Clicks { message, button } => state
                .clicks(who, MessageId(number(&message)?), &button)
                .map(Some),
            What::Selects {
                message,
                select,
                values,
            } => {
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                state
                    .selects(who, MessageId(number(&message)?), &select, &values)
                    .map(Some)
            }
            What::Submits { form, fields } => {
                let fields: Vec<(&str, &str)> = fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                state
                    .submits(who, InteractionId(number(&form)?), &fields)
                    .map(Some)
            }
            What::Dismisses { message } => state
                .dismisses(who, MessageId(number(&message)?))
                .map(|()| None),
        }
    }
}

fn number(text: &str) -> Result<u64, Error> {
    text.parse()
        .or_else(|_| refused(format!("\"{text}\" is not an id")))
}
