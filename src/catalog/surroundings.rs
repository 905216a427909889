//! What there is around the files: the configured systems and people.

use std::collections::BTreeSet;

use crate::action::Systems;
use crate::domain::names::{Environment, Role, SystemName};
use crate::domain::person::{People, Person};

/// What workflows and commands are checked against, beside the actions.
pub(super) struct Surroundings<'a> {
    pub(super) systems: &'a Systems,
    pub(super) people: &'a People,
}

impl Surroundings<'_> {
    /// The environments in which these systems stand, sorted; production when there is none.
    pub(super) fn environments(&self, systems: &BTreeSet<SystemName>) -> Vec<Environment> {
        let found: BTreeSet<_> = systems
            .iter()
            .filter_map(|name| self.systems.get(name.as_str()))
            .map(|system| system.environment.clone())
            .collect();
        if found.is_empty() {
            vec![Environment::production()]
        } else {
            found.into_iter().collect()
        }
    }

    /// All roles that somebody has.
    pub(super) fn roles(&self) -> BTreeSet<&Role> {
        self.people
            .iter()
            .flat_map(|person| &person.roles)
            .collect()
    }

    /// How many people have one of these roles.
    pub(super) fn people_with(&self, roles: &[Role]) -> usize {
        let has_one = |person: &&Person| person.roles.iter().any(|role| roles.contains(role));
        self.people.iter().filter(has_one).count()
    }
}
