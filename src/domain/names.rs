//! The names that things go by, one type each, so that a step's id is never taken for a system's.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Declares a text newtype with the conversions that every name needs.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(
            Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    )+};
}

names! {
    /// A workflow, by the `name:` of its file.
    WorkflowName,
    /// A command that people type, by the `name:` of its file: `deploy`, or `db backup` in a group.
    CommandName,
    /// A hook, by its key in `[hooks.NAME]`: other programs post to `/hooks/NAME`.
    HookName,
    /// Where people are told, by its key in `[places.NAME]`.
    PlaceName,
    /// A time in which nothing is begun, by its key in `[freezes.NAME]`.
    FreezeName,
    /// A step within its workflow, by its `id:`.
    StepId,
    /// An action: `integration.verb_noun`.
    ActionName,
    /// A configured instance that we act on: the key in `[systems.NAME]`.
    SystemName,
    /// A person: the key in `[people.NAME]`.
    PersonName,
    /// What a person may be: `operator`, `developer`, …
    Role,
    /// Where a system stands: `production`, `staging`, …
    Environment,
}

impl CommandName {
    /// Its words: the groups that it is in, from the outside, and its own name in them.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ')
    }
}

impl Environment {
    /// What a system without an `environment` counts as (decision 3): the strictest.
    pub fn production() -> Self {
        Self::from("production")
    }
}

/// The longest name of a secret.
const LONGEST_SECRET_NAME: usize = 64;

/// A secret of the store, as in `purser secret set ORDERS_URL`: 1 to 64 letters, digits, `-` and `_`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

/// A text that cannot name a secret. It is not shown: it may be the secret itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this cannot name a secret: a name has 1 to {LONGEST_SECRET_NAME} letters, digits, `-` and `_`"
)]
pub struct NoSecretName;

impl SecretName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SecretName {
    type Error = NoSecretName;

    fn try_from(text: String) -> Result<Self, NoSecretName> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if (1..=LONGEST_SECRET_NAME).contains(&text.len()) && text.chars().all(fits) {
            Ok(Self(text))
        } else {
            Err(NoSecretName)
        }
    }
}

impl std::str::FromStr for SecretName {
    type Err = NoSecretName;

    fn from_str(text: &str) -> Result<Self, NoSecretName> {
        text.to_owned().try_into()
    }
}

impl From<SecretName> for String {
    fn from(name: SecretName) -> Self {
        name.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One run, by a UUID of version 7: ids sort in the order in which runs were asked for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct RunId(#[schemars(with = "String")] Uuid);

impl RunId {
    /// Wraps a UUID that the caller has made or read.
    pub fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// The UUID itself.
    pub fn uuid(self) -> Uuid {
        self.0
    }

    /// The last eight hexadecimal digits: the random part, which people can tell apart and type.
    pub fn short(self) -> String {
        let text = self.0.simple().to_string();
        text[text.len() - 8..].to_owned()
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl std::str::FromStr for RunId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}
