//! `[people.NAME]`: who there is.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::document::Origins;
use super::{Wrong, check_name};
use crate::domain::names::{PersonName, Role};
use crate::domain::person::Person;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PersonTable {
    /// What workflows ask for in `who` and `approval`.
    roles: Vec<Role>,
    /// The person's user id on this machine.
    uid: Option<u32>,
}

/// Checks the tables: an identity belongs to one person.
pub(super) fn people(
    tables: IndexMap<PersonName, PersonTable>,
    origins: &Origins,
) -> Result<Vec<Person>, Wrong> {
    let mut people: Vec<Person> = vec![];
    for (name, PersonTable { roles, uid }) in tables {
        check_name("person", "people", name.as_str(), origins)?;
        if let Some(uid) = uid
            && let Some(first) = people.iter().find(|person| person.uid == Some(uid))
        {
            let message = format!(
                "the uid {uid} is {}'s already: one identity belongs to one person",
                first.name
            );
            return Err((origins.of(&["people", name.as_str(), "uid"]), message));
        }
        people.push(Person { name, roles, uid });
    }
    Ok(people)
}
