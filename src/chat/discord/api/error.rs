//! What Discord answers that is no success.

use std::time::Duration;

/// Why a request was not carried out, or may not have been.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::chat::discord) enum ApiError {
    /// Discord was not reached. Nothing was done.
    #[error("Discord cannot be reached: {0}")]
    Unreached(String),
    /// No answer came, or one that tells nothing: it may have been done.
    #[error("Discord gave no clear answer: {0}")]
    Unclear(String),
    /// There were too many requests; nothing was done.
    #[error("Discord takes no more requests for {} s", .0.as_secs_f64().ceil())]
    TooMany(Duration),
    /// The token is not one of a bot, or is so no more.
    #[error(
        "Discord does not know the bot's token (401): make a new one in the developer portal, put it where \
         `[discord]` has it, and start Purser again"
    )]
    Token,
    /// Discord does not do it.
    #[error("Discord refuses it ({status}, code {code}): {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Discord's own code.
        code: u64,
        /// In its words.
        message: String,
    },
}

impl ApiError {
    fn code(&self) -> Option<u64> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// The channel, or the thread, is gone.
    pub(in crate::chat::discord) fn is_gone_channel(&self) -> bool {
        self.code() == Some(10_003)
    }

    /// The message is gone.
    pub(in crate::chat::discord) fn is_gone_message(&self) -> bool {
        self.code() == Some(10_008)
    }

    /// The interaction is over: nobody answered it in time, or its 15 minutes have passed.
    pub(in crate::chat::discord) fn is_over(&self) -> bool {
        matches!(self.code(), Some(10_015 | 10_062 | 50_027))
    }

    /// Somebody has answered the interaction already.
    pub(in crate::chat::discord) fn is_answered(&self) -> bool {
        self.code() == Some(40_060)
    }

    /// There is a thread at this message already.
    pub(in crate::chat::discord) fn has_thread(&self) -> bool {
        self.code() == Some(160_004)
    }

    /// The thread is archived: nothing in it can be changed.
    pub(in crate::chat::discord) fn is_archived(&self) -> bool {
        self.code() == Some(50_083)
    }

    /// What was sent is what Discord does not take; another message may be taken.
    pub(in crate::chat::discord) fn is_of_message(&self) -> bool {
        matches!(self.code(), Some(40_005 | 50_006 | 50_035))
    }

    /// The bot has no right to do it there.
    pub(in crate::chat::discord) fn is_forbidden(&self) -> bool {
        matches!(self.code(), Some(50_001 | 50_013))
    }

    /// Whether trying again may come to something else.
    pub(in crate::chat::discord) fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreached(_) | Self::Unclear(_) | Self::TooMany(_)
        )
    }
}
