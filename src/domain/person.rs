//! Persons: who asked, whatever the mouth, and what they may do (decisions 2 and 3).

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::{PersonName, Role};
use super::nearest;
use super::schedule::ScheduleName;

/// A person at the moment of asking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Actor {
    /// Who.
    pub person: PersonName,
    /// What they were allowed to be at that moment.
    pub roles: Vec<Role>,
    /// The identity that they came with: `uid 1000`.
    pub through: String,
}

impl Actor {
    /// Whether the person has one of these roles.
    pub fn has_one_of(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|role| roles.contains(role))
    }
}

impl Actor {
    /// Whether nobody whom Purser knows has the identity that they came with: names of people hold no
    /// blank.
    pub fn is_stranger(&self) -> bool {
        self.person.as_str() == self.through
    }

    /// The platform and the id there of whoever came by a chat.
    pub fn chat(&self) -> Option<(&str, &str)> {
        let (platform, id) = self.through.split_once(' ')?;
        (platform == "discord").then_some((platform, id))
    }

    /// A schedule that asks by itself. It has no role, so it approves nothing; and no person can
    /// be called so, because names of people hold no blank.
    pub fn schedule(name: &ScheduleName) -> Self {
        Self {
            person: PersonName::from(format!("schedule {name}")),
            roles: vec![],
            through: "its time".to_owned(),
        }
    }
}

/// A person as configured: roles, and the identities of the mouths that belong to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub name: PersonName,
    /// What they may be.
    pub roles: Vec<Role>,
    /// Their user id on this machine.
    pub uid: Option<u32>,
    /// Their ids in chats, by platform.
    pub chats: BTreeMap<String, String>,
}

/// Everybody whom Purser knows. An identity that is linked to nobody has no roles.
#[derive(Clone, Debug, Default)]
pub struct People(Vec<Person>);

impl People {
    /// These persons.
    pub fn new(people: Vec<Person>) -> Self {
        Self(people)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Person> {
        self.0.iter()
    }

    /// Whether somebody is called so.
    ///
    /// # Errors
    /// Nobody is: who might have been meant.
    pub fn check(&self, name: &PersonName) -> Result<(), String> {
        let mut names = self.0.iter().map(|person| &person.name);
        if names.any(|known| known == name) {
            return Ok(());
        }
        let names: Vec<_> = self.0.iter().map(|person| person.name.as_str()).collect();
        Err(nearest::unknown("person", name.as_str(), names))
    }

    /// Who a user of this machine is; a stranger without roles when nobody has that uid.
    pub fn by_uid(&self, uid: u32) -> Actor {
        self.who(format!("uid {uid}"), |person| person.uid == Some(uid))
    }

    /// Who a user of a chat is, with the roles that they have there on top; a stranger without roles,
    /// whatever they are there, when the user is linked to nobody (decision 2).
    pub fn by_chat(&self, platform: &str, id: &str, roles_there: &[Role]) -> Actor {
        let is_them = |person: &Person| person.chats.get(platform).is_some_and(|own| own == id);
        let mut actor = self.who(format!("{platform} {id}"), is_them);
        if !actor.is_stranger() {
            let more = roles_there
                .iter()
                .filter(|role| !actor.roles.contains(role));
            let more: Vec<_> = more.cloned().collect();
            actor.roles.extend(more);
        }
        actor
    }

    fn who(&self, through: String, is_them: impl Fn(&Person) -> bool) -> Actor {
        match self.0.iter().find(|person| is_them(person)) {
            Some(person) => Actor {
                person: person.name.clone(),
                roles: person.roles.clone(),
                through,
            },
            None => Actor {
                person: PersonName::from(through.as_str()),
                roles: vec![],
                through,
            },
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.person.fmt(f)
    }
}

/// Why somebody may not do something, in words that name the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// `operator`, or `developer or operator`.
pub fn one_of(roles: &[Role]) -> String {
    roles
        .iter()
        .map(Role::as_str)
        .collect::<Vec<_>>()
        .join(" or ")
}
