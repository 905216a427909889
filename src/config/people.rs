//! `[people.NAME]`: who there is.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::document::Origins;
use super::{Wrong, check_name, discord};
use crate::domain::names::{PersonName, Role};
use crate::domain::person::Person;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonTable {
    /// What workflows ask for in `who` and `approval`.
    roles: Vec<Role>,
    /// The person's user id on this machine.
    uid: Option<u32>,
    /// The id of the person's user in Discord.
    discord: Option<String>,
}

/// Checks the tables: an identity belongs to one person.
pub(super) fn people(
    tables: IndexMap<PersonName, PersonTable>,
    origins: &Origins,
) -> Result<Vec<Person>, Wrong> {
    let mut people: Vec<Person> = vec![];
    for (name, table) in tables {
        let PersonTable {
            roles,
            uid,
            discord,
        } = table;
        check_name("person", "people", name.as_str(), origins)?;
        let mut chats = BTreeMap::new();
        if let Some(id) = discord {
            let at = || origins.of(&["people", name.as_str(), "discord"]);
            discord::check_id(&id)
                .map_err(|why| (at(), format!("[people.{name}] discord: {why}")))?;
            chats.insert("discord".to_owned(), id);
        }
        let person = Person {
            name,
            roles,
            uid,
            chats,
        };
        for other in &people {
            if let Some((key, what)) = shared(&person, other) {
                let message = format!(
                    "{what} is {}'s already: one identity belongs to one person",
                    other.name
                );
                return Err((origins.of(&["people", person.name.as_str(), key]), message));
            }
        }
        people.push(person);
    }
    Ok(people)
}

/// The identity that two persons have, by the key that says it.
fn shared<'p>(one: &'p Person, other: &Person) -> Option<(&'p str, String)> {
    if let Some(uid) = one.uid.filter(|_| one.uid == other.uid) {
        return Some(("uid", format!("the uid {uid}")));
    }
    let (platform, id) = one
        .chats
        .iter()
        .find(|(platform, id)| other.chats.get(*platform) == Some(*id))?;
    Some((platform, format!("the {platform} id {id}")))
}
