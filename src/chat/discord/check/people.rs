//! Whom Purser knows in Discord.

use std::collections::BTreeSet;

use crate::chat::discord::live::PLATFORM;
use crate::domain::finding::{Check, Finding, Remark};
use crate::domain::names::PersonName;
use crate::domain::person::People;

/// Who has an identity there, by the configuration or by a code. Whoever has none may do nothing there, which
/// may be meant so. `unknown_links`: why it is not known who has one by a code.
pub(super) fn look(people: &People, unknown_links: Option<&str>) -> Vec<Finding> {
    let in_force = people.links().iter().filter_map(|link| {
        let is_here = link.identity.platform == PLATFORM;
        let owner = people.owner(&link.identity).filter(|_| is_here)?;
        Some(&owner.0.name)
    });
    let linked: BTreeSet<&PersonName> = in_force.collect();
    let is_known = |person: &&crate::domain::person::Person| {
        person.chats.contains_key(PLATFORM) || linked.contains(&person.name)
    };
    let (known, others): (Vec<_>, Vec<_>) = people.iter().partition(is_known);
    let strangers = others.iter().filter(|person| !person.roles.is_empty());
    let known = names(known.iter().map(|person| &person.name));
    let strangers = names(strangers.map(|person| &person.name));
    let remark = match (known.as_str(), strangers.as_str()) {
        ("", _) => Remark::warning(
            "nobody is known there: whoever gives a command is refused",
            "each types `purser link` in a terminal, and what it says in Discord; or add `discord = \"ID\"` to \
             [people.NAME], the id that Copy User ID gives",
        ),
        (known, "") => Remark::well(format!("known there: {known}")),
        (known, strangers) => Remark::well(format!(
            "known there: {known}; without an identity, and so strangers there until they type `purser link`: \
             {strangers}"
        )),
    };
    let unknown = unknown_links.map(|why| {
        Remark::warning(
            format!("who is known there by a code is not known: {why}"),
            "run `purser discord check` as the user who owns the store",
        )
    });
    let remarks = [remark].into_iter().chain(unknown);
    remarks
        .map(|remark| remark.of(Check::Discord, "people"))
        .collect()
}

fn names<'p>(people: impl IntoIterator<Item = &'p PersonName>) -> String {
    let names = people.into_iter().map(PersonName::as_str);
    names.collect::<Vec<_>>().join(", ")
}
