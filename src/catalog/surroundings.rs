//! What there is around the files: the configured systems and people.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::nameable::Nameable;
use crate::domain::names::{Environment, HookName, PlaceName, Role, SecretName, SystemName};
use crate::domain::nearest;
use crate::domain::person::Person;

/// The kind of the systems that `s3://SYSTEM/…` names.
pub(super) const OBJECT_STORE: &str = "s3";

/// What workflows and commands are checked against, beside the actions. It can be had from the
/// configuration alone: nothing has to be connected.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// All configured systems.
    pub systems: BTreeMap<SystemName, SystemFacts>,
    /// All configured people.
    pub people: Vec<Person>,
    /// All configured hooks, with what they may start.
    pub hooks: BTreeMap<HookName, Vec<Role>>,
    /// What roles of chats stand for, on top of a person's own.
    pub chat_roles: BTreeSet<Role>,
    /// All secrets that are set; `None` where that is not known.
    pub secrets: Option<BTreeSet<SecretName>>,
    /// All configured places.
    pub places: BTreeSet<PlaceName>,
}

/// What is known of a system without connecting it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemFacts {
    /// The integration that it belongs to.
    pub kind: String,
    /// Where it stands.
    pub environment: Environment,
}

impl Surroundings {
    /// The names of the systems of one kind.
    pub(super) fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a SystemName> {
        self.systems
            .iter()
            .filter(move |(_, system)| system.kind == kind)
            .map(|(name, _)| name)
    }

    /// Whether there is an object store of this name.
    ///
    /// # Errors
    /// There is none: the nearest.
    pub(super) fn object_store(&self, name: &SystemName) -> Result<(), String> {
        let mut stores = self.of_kind(OBJECT_STORE);
        if stores.any(|store| store == name) {
            return Ok(());
        }
        let stores: Vec<_> = self.of_kind(OBJECT_STORE).map(SystemName::as_str).collect();
        Err(nearest::unknown("object store", name.as_str(), stores))
    }

    /// The environments in which these systems stand, sorted; production when there is none.
    pub(super) fn environments(&self, systems: &BTreeSet<SystemName>) -> Vec<Environment> {
        let found: BTreeSet<_> = systems
            .iter()
            .filter_map(|name| self.systems.get(name))
            .map(|system| system.environment.clone())
            .collect();
        if found.is_empty() {
            vec![Environment::production()]
        } else {
            found.into_iter().collect()
        }
    }

    /// All roles that somebody has, or can have in a chat.
    pub(super) fn roles(&self) -> BTreeSet<&Role> {
        let of_people = self.people.iter().flat_map(|person| &person.roles);
        of_people.chain(&self.chat_roles).collect()
    }

    /// What inputs can name.
    pub(super) fn nameable(&self) -> Nameable {
        let more = self.hooks.values().flatten().chain(&self.chat_roles);
        Nameable::new(&self.people, more, &self.places)
    }

    /// How many people have one of these roles, or may have it in a chat.
    pub(super) fn people_with(&self, roles: &[Role]) -> usize {
        if roles.iter().any(|role| self.chat_roles.contains(role)) {
            return self.people.len();
        }
        let has_one = |person: &&Person| person.roles.iter().any(|role| roles.contains(role));
        self.people.iter().filter(has_one).count()
    }
}
