//! Discord's ids: snowflakes, each with a type of its own.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The instant from which snowflakes count, in milliseconds since 1970.
const EPOCH_MS: u64 = 1_420_070_400_000;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(to)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        /// A string, as everywhere in Discord's JSON.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// An application; its bot's user has the same number.
    AppId
    /// A guild; its role `@everyone` has the same number.
    GuildId
    /// A channel or a thread; a thread begun at a message has the message's number.
    ChannelId
    /// A role.
    RoleId
    /// A person or a bot.
    UserId
    /// A message.
    MessageId
    /// A registered command.
    CommandId
    /// One act of a person that an application is to answer.
    InteractionId
    /// An uploaded file.
    AttachmentId
}

impl AppId {
    /// The user that posts in this application's name.
    #[must_use]
    pub fn bot(self) -> UserId {
        UserId(self.0)
    }
}

impl GuildId {
    /// The role that everybody in the guild has.
    #[must_use]
    pub fn everyone(self) -> RoleId {
        RoleId(self.0)
    }
}

/// Makes snowflakes that grow, even within a millisecond.
#[derive(Debug, Default)]
pub(crate) struct Snowflakes {
    last: u64,
}

impl Snowflakes {
    pub(crate) fn next(&mut self, now_ms: u64) -> u64 {
        let of_now = now_ms.saturating_sub(EPOCH_MS) << 22;
        self.last = of_now.max(self.last + 1);
        self.last
    }
}

/// When a snowflake was made, in milliseconds since 1970.
pub(crate) fn made_ms(snowflake: u64) -> u64 {
    (snowflake >> 22) + EPOCH_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snowflakes_grow_within_a_millisecond_and_tell_their_time() {
        let mut snowflakes = Snowflakes::default();
        let now = 1_790_000_000_123;
        let first = snowflakes.next(now);
        let second = snowflakes.next(now);
        assert!(second > first);
        assert_eq!((made_ms(first), made_ms(second)), (now, now));
    }
}
