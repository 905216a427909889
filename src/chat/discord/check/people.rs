//! Whom Purser knows in Discord.

use crate::chat::discord::live::PLATFORM;
use crate::domain::finding::{Check, Finding, Remark};
use crate::domain::person::Person;

/// Who has an identity there. Whoever has none may do nothing there, which may be meant so.
pub(super) fn look(people: &[Person]) -> Finding {
    let (known, others): (Vec<_>, Vec<_>) = people
        .iter()
        .partition(|person| person.chats.contains_key(PLATFORM));
    let strangers = others.into_iter().filter(|person| !person.roles.is_empty());
    let remark = match (names(known).as_str(), names(strangers).as_str()) {
        ("", _) => Remark::warning(
            "nobody is known there: whoever gives a command is refused",
            "add `discord = \"ID\"` to [people.NAME], the id that Copy User ID gives",
        ),
        (known, "") => Remark::well(format!("known there: {known}")),
        (known, strangers) => Remark::well(format!(
            "known there: {known}; without a `discord` identity, and so strangers there: {strangers}"
        )),
    };
    remark.of(Check::Discord, "people")
}

fn names<'p>(people: impl IntoIterator<Item = &'p Person>) -> String {
    let names = people.into_iter().map(|person| person.name.as_str());
    names.collect::<Vec<_>>().join(", ")
}
