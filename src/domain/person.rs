//! Persons: who asked, whatever the mouth, and what they may do (decisions 2 and 3).

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::link::{Identity, Link};
use super::names::{PersonName, Role};
use super::nearest;
use super::schedule::ScheduleName;
use super::time::Timestamp;

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

    /// The identity of whoever came by a chat.
    pub fn chat(&self) -> Option<Identity> {
        let (platform, id) = self.through.split_once(' ')?;
        (platform == "discord").then(|| Identity {
            platform: platform.to_owned(),
            id: id.to_owned(),
        })
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

/// Everybody whom Purser knows, with the identities that they have linked. An identity that belongs to
/// nobody has no roles.
#[derive(Clone, Debug, Default)]
pub struct People {
    configured: Vec<Person>,
    links: Vec<Link>,
}

/// Since when an identity belongs to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// The configuration says so.
    Configured,
    /// They have linked it then.
    Linked(Timestamp),
}

impl People {
    /// These persons, without links.
    pub fn new(configured: Vec<Person>) -> Self {
        let links = vec![];
        Self { configured, links }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Person> {
        self.configured.iter()
    }

    /// The same with these links.
    #[must_use]
    pub fn with_links(self, links: Vec<Link>) -> Self {
        Self { links, ..self }
    }

    /// The same with this link; one of the same identity is replaced.
    #[must_use]
    pub fn linked(&self, link: Link) -> Self {
        let mut people = self.unlinked(&link.identity);
        people.links.push(link);
        people
    }

    /// The same without a link of this identity.
    #[must_use]
    pub fn unlinked(&self, identity: &Identity) -> Self {
        let others = self.links.iter().filter(|link| link.identity != *identity);
        let links = others.cloned().collect();
        self.clone().with_links(links)
    }

    /// All links, those too that count for nothing.
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// Whom an identity belongs to. The configuration wins over a link, and a link to somebody who is not
    /// in the configuration counts for nothing.
    pub fn owner(&self, identity: &Identity) -> Option<(&Person, Since)> {
        let Identity { platform, id } = identity;
        let is_theirs = |person: &&Person| person.chats.get(platform) == Some(id);
        if let Some(person) = self.configured.iter().find(is_theirs) {
            return Some((person, Since::Configured));
        }
        let link = self.links.iter().find(|link| link.identity == *identity)?;
        let mut people = self.configured.iter();
        let person = people.find(|person| person.name == link.person)?;
        Some((person, Since::Linked(link.linked_at)))
    }

    /// Whether somebody is called so.
    ///
    /// # Errors
    /// Nobody is: who might have been meant.
    pub fn check(&self, name: &PersonName) -> Result<(), String> {
        let mut names = self.configured.iter().map(|person| &person.name);
        if names.any(|known| known == name) {
            return Ok(());
        }
        let names: Vec<_> = self
            .configured
            .iter()
            .map(|person| person.name.as_str())
            .collect();
        Err(nearest::unknown("person", name.as_str(), names))
    }

    /// Who a user of this machine is; a stranger without roles when nobody has that uid.
    pub fn by_uid(&self, uid: u32) -> Actor {
        let mut people = self.configured.iter();
        let person = people.find(|person| person.uid == Some(uid));
        actor(person, format!("uid {uid}"))
    }

    /// Who a user of a chat is, with the roles that they have there on top; a stranger without roles,
    /// whatever they are there, when the user is linked to nobody (decision 2).
    pub fn by_chat(&self, platform: &str, id: &str, roles_there: &[Role]) -> Actor {
        let identity = Identity {
            platform: platform.to_owned(),
            id: id.to_owned(),
        };
        let person = self.owner(&identity).map(|(person, _)| person);
        let mut actor = actor(person, identity.to_string());
        if !actor.is_stranger() {
            let more = roles_there
                .iter()
                .filter(|role| !actor.roles.contains(role));
            let more: Vec<_> = more.cloned().collect();
            actor.roles.extend(more);
        }
        actor
    }
}

/// Whoever came by this identity; a stranger where that is nobody.
fn actor(person: Option<&Person>, through: String) -> Actor {
    match person {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(id: &str) -> Identity {
        Identity {
            platform: "discord".to_owned(),
            id: id.to_owned(),
        }
    }

    fn link(id: &str, person: &str) -> Link {
        Link {
            identity: identity(id),
            person: person.into(),
            linked_at: Timestamp::from_micros(7),
        }
    }

    /// Ann, whose id in Discord is configured, and bo, who has none there.
    fn people() -> People {
        let person = |name: &str, uid, discord: Option<&str>| Person {
            name: name.into(),
            roles: vec!["operator".into()],
            uid: Some(uid),
            chats: discord
                .map(|id| ("discord".to_owned(), id.to_owned()))
                .into_iter()
                .collect(),
        };
        People::new(vec![person("ann", 1, Some("11")), person("bo", 2, None)])
    }

    fn name(people: &People, id: &str) -> String {
        people.by_chat("discord", id, &[]).to_string()
    }

    #[test]
    fn a_link_makes_somebody_known_and_the_configuration_wins_over_it() {
        let people = people().with_links(vec![link("22", "bo"), link("11", "bo")]);
        let bo = people.by_chat("discord", "22", &["developer".into()]);
        assert_eq!((bo.to_string(), bo.roles.len()), ("bo".to_owned(), 2));
        assert_eq!(name(&people, "11"), "ann");
        assert_eq!(name(&people, "33"), "discord 33");
        let owner = people.owner(&identity("22")).map(|(_, since)| since);
        assert_eq!(owner, Some(Since::Linked(Timestamp::from_micros(7))));
        let owner = people.owner(&identity("11")).map(|(_, since)| since);
        assert_eq!(owner, Some(Since::Configured));
    }

    #[test]
    fn a_link_to_somebody_who_is_not_configured_has_no_rights() {
        let people = people().with_links(vec![link("22", "zed")]);
        let zed = people.by_chat("discord", "22", &["operator".into()]);
        assert!(zed.is_stranger() && zed.roles.is_empty());
    }

    #[test]
    fn an_identity_has_one_link_and_loses_it() {
        let people = people().linked(link("22", "ann")).linked(link("22", "bo"));
        assert_eq!(name(&people, "22"), "bo");
        assert_eq!(people.links().len(), 1);
        let people = people.unlinked(&identity("22"));
        assert_eq!(name(&people, "22"), "discord 22");
    }
}
