//! What inputs of the types `user`, `role` and `channel` can name.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::input::{InputError, InputSpec, InputType};
use super::names::{PersonName, PlaceName, Role};
use super::nearest;
use super::person::Person;

/// Ids of channels are no longer, in digits.
const LONGEST_ID: usize = 20;

/// Everybody and everything that there is to name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nameable {
    people: BTreeSet<PersonName>,
    roles: BTreeSet<Role>,
    places: BTreeSet<PlaceName>,
}

impl Nameable {
    /// These people and places, and the roles that somebody has or a hook.
    pub fn new<'a>(
        people: impl IntoIterator<Item = &'a Person>,
        more_roles: impl IntoIterator<Item = &'a Role>,
        places: impl IntoIterator<Item = &'a PlaceName>,
    ) -> Self {
        let mut roles: BTreeSet<_> = more_roles.into_iter().cloned().collect();
        let with_roles = |person: &Person| {
            roles.extend(person.roles.iter().cloned());
            person.name.clone()
        };
        Self {
            people: people.into_iter().map(with_roles).collect(),
            places: places.into_iter().cloned().collect(),
            roles,
        }
    }

    /// All that an input of this type can name, sorted; `None` for one that names nothing.
    pub fn of_type(&self, kind: InputType) -> Option<Vec<&str>> {
        Some(match kind {
            InputType::User => self.people.iter().map(PersonName::as_str).collect(),
            InputType::Role => self.roles.iter().map(Role::as_str).collect(),
            InputType::Channel => self.places.iter().map(PlaceName::as_str).collect(),
            InputType::String
            | InputType::Integer
            | InputType::Number
            | InputType::Boolean
            | InputType::Choice
            | InputType::List
            | InputType::File => return None,
        })
    }

    /// Whether all that these values name is there. They have the types of their inputs already.
    ///
    /// # Errors
    /// The first that is not, with the nearest name.
    pub fn check(
        &self,
        specs: &IndexMap<String, InputSpec>,
        values: &Map<String, Value>,
    ) -> Result<(), InputError> {
        for (name, spec) in specs {
            if let Some(value) = values.get(name).and_then(Value::as_str)
                && let Some(known) = self.of_type(spec.kind)
                && let Err(why) = check(spec.kind, value, known)
            {
                return Err(InputError(format!("the input `{name}`: {why}")));
            }
        }
        Ok(())
    }
}

fn check(kind: InputType, value: &str, known: Vec<&str>) -> Result<(), String> {
    let is_id = kind == InputType::Channel
        && (1..=LONGEST_ID).contains(&value.len())
        && value.bytes().all(|digit| digit.is_ascii_digit());
    if is_id || known.contains(&value) {
        return Ok(());
    }
    Err(match kind {
        InputType::User => nearest::unknown("person", value, known),
        InputType::Role => nearest::unknown("role", value, known),
        _ => {
            let unknown = nearest::unknown("place", value, known);
            format!("{unknown} (the id of a channel, in digits, does too)")
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nameable() -> Nameable {
        let person = |name: &str, role: &str| Person {
            name: name.into(),
            roles: vec![role.into()],
            uid: None,
            chats: [].into(),
        };
        let people = [person("ada", "operator"), person("ben", "developer")];
        Nameable::new(&people, &["deployer".into()], &["ops".into()])
    }

    fn checked(given: &Value) -> Result<(), String> {
        let specs = serde_json::from_value(json!({
            "who": { "type": "user" },
            "as": { "type": "role" },
            "where": { "type": "channel" },
            "note": { "type": "string" },
        }));
        let given = given.as_object().unwrap();
        let checked = nameable().check(&specs.unwrap(), given);
        checked.map_err(|error| error.to_string())
    }

    #[test]
    fn whom_and_what_there_is_can_be_named_and_channels_by_their_ids_too() {
        for good in [
            json!({ "who": "ada", "as": "deployer", "where": "ops", "note": "nobody" }),
            json!({ "as": "developer", "where": "1180000000000000001" }),
            json!({ "who": null }),
        ] {
            assert_eq!(checked(&good), Ok(()), "{good}");
        }
        let wrong = [
            json!({ "who": "adda" }),
            json!({ "who": "Ada Lovelace" }),
            json!({ "as": "oprator" }),
            json!({ "where": "opps" }),
            json!({ "where": "118000000000000000112" }),
            json!({ "where": "<#1180000000000000001>" }),
        ];
        let wrong: Vec<_> = wrong.iter().map(|one| checked(one).unwrap_err()).collect();
        insta::assert_snapshot!(wrong.join("\n"), @"
        the input `who`: unknown person `adda`; did you mean `ada`?
        the input `who`: unknown person `Ada Lovelace`; did you mean `ada`?
        the input `as`: unknown role `oprator`; did you mean `operator`?
        the input `where`: unknown place `opps`; did you mean `ops`? (the id of a channel, in digits, does too)
        the input `where`: unknown place `118000000000000000112`; there is `ops` (the id of a channel, in digits, does too)
        the input `where`: unknown place `<#1180000000000000001>`; there is `ops` (the id of a channel, in digits, does too)
        ");
    }

    #[test]
    fn names_are_offered_for_the_types_that_name_something() {
        let nameable = nameable();
        let of = |kind| nameable.of_type(kind);
        assert_eq!(of(InputType::User), Some(vec!["ada", "ben"]));
        assert_eq!(
            of(InputType::Role),
            Some(vec!["deployer", "developer", "operator"])
        );
        assert_eq!(of(InputType::Channel), Some(vec!["ops"]));
        assert_eq!(of(InputType::String), None);
    }
}
