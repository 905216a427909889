//! What is offered to people who type: values, how a list shows them, and in which order.

use serde::{Deserialize, Serialize};

/// What chat platforms show at the most.
pub const MOST_SUGGESTIONS: usize = 25;

/// One value to choose.
///
/// Chats take values and shown texts of at most 100 characters. There a longer value is left out,
/// because half of it would be another one, and a longer text is cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// What is put in the place of what was typed.
    pub value: String,
    /// How a list shows it, where that is not the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
}

impl Suggestion {
    /// How a list shows it.
    pub fn shown(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.value)
    }
}

impl From<String> for Suggestion {
    fn from(value: String) -> Self {
        Self { value, shown: None }
    }
}

/// All that can be chosen in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offers {
    /// Each once.
    pub all: Vec<Suggestion>,
    /// How they are shown.
    pub order: Order,
}

/// In which order values are shown that go with what was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// First those of which it begins the whole or a part behind a `/` or a blank, then by name.
    ByName,
    /// As they were given: the newest first, say.
    AsGiven,
}

impl From<Vec<String>> for Offers {
    /// Plain names.
    fn from(names: Vec<String>) -> Self {
        Self {
            all: names.into_iter().map(Suggestion::from).collect(),
            order: Order::ByName,
        }
    }
}

impl Offers {
    /// Nothing.
    pub fn none() -> Self {
        Self::from(vec![])
    }

    /// Those that contain what was typed, in the value or in how it is shown, at most as many as
    /// chats show.
    pub fn matching(&self, typed: &str) -> Vec<Suggestion> {
        let typed = typed.to_lowercase();
        let contains = |text: &str| text.to_lowercase().contains(&typed);
        let is_meant =
            |one: &&Suggestion| contains(&one.value) || one.shown.as_deref().is_some_and(contains);
        let mut found: Vec<_> = self.all.iter().filter(is_meant).collect();
        if self.order == Order::ByName {
            found.sort_by_cached_key(|one| {
                let lower = one.value.to_lowercase();
                let begins = lower.split(['/', ' ']).any(|part| part.starts_with(&typed));
                (!begins, one.value.clone())
            });
        }
        found.into_iter().take(MOST_SUGGESTIONS).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(found: &[Suggestion]) -> Vec<&str> {
        found.iter().map(|one| one.value.as_str()).collect()
    }

    #[test]
    fn what_begins_with_the_typed_text_comes_first() {
        let names = ["shop/db", "shop/web", "webhooks", "old-web", "log web"].map(str::to_owned);
        assert_eq!(
            values(&Offers::from(names.to_vec()).matching("WEB")),
            ["log web", "shop/web", "webhooks", "old-web"]
        );
    }

    #[test]
    fn no_more_than_a_chat_shows_are_offered() {
        let names: Vec<_> = (0..99).map(|n| format!("metric_{n}")).collect();
        assert_eq!(
            Offers::from(names).matching("metric").len(),
            MOST_SUGGESTIONS
        );
    }

    #[test]
    fn what_has_an_order_of_its_own_keeps_it_and_is_found_by_how_it_is_shown() {
        let backup = |value: &str, shown: &str| Suggestion {
            value: value.to_owned(),
            shown: Some(shown.to_owned()),
        };
        let offers = Offers {
            all: vec![
                backup("orders-3", "orders, 1 h ago"),
                backup("orders-1", "orders, 2 h ago"),
                backup("users-2", "users, 2 h ago"),
            ],
            order: Order::AsGiven,
        };
        assert_eq!(
            values(&offers.matching("")),
            ["orders-3", "orders-1", "users-2"]
        );
        assert_eq!(values(&offers.matching("ORD")), ["orders-3", "orders-1"]);
        assert_eq!(values(&offers.matching("2 h")), ["orders-1", "users-2"]);
    }
}
