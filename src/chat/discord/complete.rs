//! Values for what is being typed.

use serde_json::{Value, json};
use serenity::model::application::{CommandData, CommandOptionType};

use super::answers::First;
use super::built_in;
use super::command::Typed;
use super::door::Door;
use super::origin::Origin;
use crate::domain::input::InputType;
use crate::service::{Suggestion, Wanted, What};

/// Discord shows no longer value, and no longer name of one.
const LONGEST: usize = 100;

impl Door {
    /// Who may see nothing is shown nothing.
    pub(super) async fn complete(&self, origin: &Origin, data: &CommandData) {
        let choices = if self.is_ours(origin) {
            self.choices(origin, data).await
        } else {
            vec![]
        };
        let first = First::Choices(Value::Array(choices));
        self.answers(origin).first(first).await;
    }

    async fn choices(&self, origin: &Origin, data: &CommandData) -> Vec<Value> {
        let Some(focused) = data.autocomplete() else {
            return vec![];
        };
        let typed = Typed::of(data);
        let what = match typed.name.strip_prefix(built_in::PREFIX) {
            Some(_) => built_in::what(focused.name),
            None => Some(What::Option {
                command: typed.name.clone(),
                option: focused.name.to_owned(),
                given: self.given(&typed).unwrap_or_default(),
            }),
        };
        let Some(what) = what else {
            return vec![];
        };
        let wanted = Wanted {
            what,
            typed: focused.value.to_owned(),
        };
        let by = self.who(origin);
        // A stranger is refused when they send the command, and not at each key.
        if by.roles.is_empty() {
            return vec![];
        }
        let found = self.service.suggest(&by, &wanted).await.unwrap_or_default();
        found
            .iter()
            .filter_map(|one| choice(one, focused.kind))
            .collect()
    }
}

/// One choice; `None` for a value that Discord does not take.
fn choice(suggestion: &Suggestion, kind: CommandOptionType) -> Option<Value> {
    let text = suggestion.value.as_str();
    let value = match kind {
        CommandOptionType::Integer => Value::from(text.parse::<i64>().ok()?),
        CommandOptionType::Number => Value::from(text.parse::<f64>().ok()?),
        _ if (1..=LONGEST).contains(&length(text)) => Value::from(text),
        _ => return None,
    };
    let shown = suggestion.shown.as_deref().unwrap_or(text);
    Some(json!({ "name": cut(shown), "value": value }))
}

/// As Discord counts it.
fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

fn cut(shown: &str) -> String {
    if length(shown) <= LONGEST {
        return shown.to_owned();
    }
    let mut room = LONGEST - 1;
    let fits = |c: &char| {
        let fits = room.checked_sub(c.len_utf16());
        room = fits.unwrap_or(0);
        fits.is_some()
    };
    let begin: String = shown.chars().take_while(fits).collect();
    format!("{begin}…")
}

/// Whether values of an option can be completed: Discord asks for those only.
pub(super) fn is_completed(kind: InputType, suggest: Option<&str>) -> bool {
    let is_typed = matches!(
        kind,
        InputType::String | InputType::Integer | InputType::Number | InputType::List
    );
    is_typed && suggest.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_discord_does_not_take_is_left_out_or_cut() {
        let choice = |value: &str| choice(&value.to_owned().into(), CommandOptionType::String);
        assert_eq!(choice(""), None);
        assert_eq!(choice(&"x".repeat(101)), None);
        let smiles = "😀".repeat(50);
        assert_eq!(choice(&smiles).unwrap()["value"], smiles.as_str());
        assert_eq!(choice(&"😀".repeat(51)), None);
        assert_eq!(length(&cut(&"😀".repeat(51))), 99);
        assert_eq!(cut(&"x".repeat(101)), format!("{}…", "x".repeat(99)));
    }
}
