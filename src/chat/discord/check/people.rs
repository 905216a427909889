//! Whom Purser knows in Discord.

use std::collections::BTreeMap;

use crate::chat::discord::live::PLATFORM;
use crate::domain::finding::{Check, Finding, Remark};
use crate::domain::names::Role;
use crate::domain::person::Person;

/// Who has an identity there. Whoever has none is a stranger there, which may be meant so.
pub(super) fn look(people: &[Person], roles: &BTreeMap<String, Vec<Role>>) -> Vec<Finding> {
    let (known, others): (Vec<_>, Vec<_>) = people
        .iter()
        .partition(|person| person.chats.contains_key(PLATFORM));
    if known.is_empty() && roles.is_empty() {
        let remark = Remark::warning(
            "nobody has a `discord` identity, and no role of Discord stands for one of Purser's: whoever gives \
             a command there is refused",
            "add `discord = \"ID\"` to [people.NAME], or a role to [discord.roles]",
        );
        return vec![remark.of(Check::Discord, "people")];
    }
    let strangers = others.into_iter().filter(|person| !person.roles.is_empty());
    let (known, strangers) = (names(known), names(strangers));
    let said = match (known.as_str(), strangers.as_str()) {
        ("", strangers) => {
            format!("only by roles of Discord; without a `discord` identity: {strangers}")
        }
        (known, "") => format!("known there: {known}"),
        (known, strangers) => {
            format!(
                "known there: {known}; without a `discord` identity, so strangers there: {strangers}"
            )
        }
    };
    vec![Remark::well(said).of(Check::Discord, "people")]
}

fn names<'p>(people: impl IntoIterator<Item = &'p Person>) -> String {
    let names = people.into_iter().map(|person| person.name.as_str());
    names.collect::<Vec<_>>().join(", ")
}
