//! Commands in groups: what is called `db backup` is the command `backup` of the group `db`.

use std::collections::BTreeSet;

use super::nearest::{nearest, unknown};

/// A command has at most so many words: chats take two levels of groups.
pub const MOST_WORDS: usize = 3;

/// How many of these words name a command, of those that are called so; what stands behind them is
/// given to it.
///
/// # Errors
/// They name none: the nearest one, or what the group has that they name.
pub fn named(words: &[&str], names: &[&str]) -> Result<usize, String> {
    let longest = words.len().min(MOST_WORDS);
    let is_one = |count: &usize| names.contains(&words[..*count].join(" ").as_str());
    if let Some(count) = (1..=longest).rev().find(is_one) {
        return Ok(count);
    }
    let has_some = |count: &usize| !entries(&words[..*count], names).is_empty();
    let in_group = (1..=longest).rev().find(has_some).unwrap_or(0);
    let (group, rest) = words.split_at(in_group);
    let entries = entries(group, names);
    let Some(wrong) = rest.first() else {
        let group = group.join(" ");
        return Err(format!(
            "`{group}` is a group of commands: {}",
            has(&group, &entries)
        ));
    };
    if group.is_empty() {
        let ends = format!(" {wrong}");
        return Err(match names.iter().find(|name| name.ends_with(&ends)) {
            Some(whole) => format!("unknown command `{wrong}`; did you mean `{whole}`?"),
            None => unknown("command", wrong, entries),
        });
    }
    let group = group.join(" ");
    Err(match nearest(wrong, entries.iter().copied()) {
        Some(near) => {
            format!("unknown command `{group} {wrong}`; did you mean `{group} {near}`?")
        }
        None => format!(
            "unknown command `{group} {wrong}`: {}",
            has(&group, &entries)
        ),
    })
}

/// Whether these words are the beginning of a command's name and not the whole of one: a group, or
/// nothing yet.
pub fn is_group(words: &[&str], names: &[&str]) -> bool {
    !names.contains(&words.join(" ").as_str()) && !entries(words, names).is_empty()
}

/// What can follow these words in the name of a command.
fn entries<'n>(group: &[&str], names: &[&'n str]) -> BTreeSet<&'n str> {
    let within = |name: &&'n str| {
        let mut words = name.split(' ');
        let is_in_it = group.iter().all(|word| words.next() == Some(word));
        words.next().filter(|_| is_in_it)
    };
    names.iter().filter_map(within).collect()
}

fn has(group: &str, entries: &BTreeSet<&str>) -> String {
    let entries: Vec<_> = entries.iter().map(|entry| format!("`{entry}`")).collect();
    format!("`{group}` has {}", entries.join(", "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NAMES: [&str; 4] = ["db backup", "db copy plan", "db copy now", "deploy"];

    fn said(line: &str) -> String {
        let words: Vec<_> = line.split(' ').collect();
        match named(&words, &NAMES) {
            Ok(count) => format!(
                "{} | {}",
                words[..count].join(" "),
                words[count..].join(" ")
            ),
            Err(why) => why,
        }
    }

    #[test]
    fn as_many_words_as_there_are_name_a_command_and_the_rest_is_given_to_it() {
        let lines = [
            "deploy",
            "deploy shop v2",
            "db backup orders",
            "db copy now backup",
            "db bakcup orders",
            "db copy",
            "db copy later",
            "db",
            "db orders",
            "delpoy shop",
            "backup",
            "restore",
        ];
        let said: Vec<_> = lines.iter().map(|line| said(line)).collect();
        insta::assert_snapshot!(said.join("\n"), @"
        deploy | 
        deploy | shop v2
        db backup | orders
        db copy now | backup
        unknown command `db bakcup`; did you mean `db backup`?
        `db copy` is a group of commands: `db copy` has `now`, `plan`
        unknown command `db copy later`: `db copy` has `now`, `plan`
        `db` is a group of commands: `db` has `backup`, `copy`
        unknown command `db orders`: `db` has `backup`, `copy`
        unknown command `delpoy`; did you mean `deploy`?
        unknown command `backup`; did you mean `db backup`?
        unknown command `restore`; there is `db`, `deploy`
        ");
    }

    #[test]
    fn a_group_is_what_goes_on() {
        let is_group = |words: &[&str]| is_group(words, &NAMES);
        assert!(is_group(&[]) && is_group(&["db"]) && is_group(&["db", "copy"]));
        assert!(!is_group(&["deploy"]) && !is_group(&["db", "backup"]) && !is_group(&["d"]));
    }

    proptest! {
        #[test]
        fn every_command_is_found_by_its_own_words(
            names in proptest::collection::hash_set("[a-c]( [d-f]){0,2}", 1..20),
            given in "[x-z]( [x-z]){0,3}",
        ) {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            for name in &names {
                let line = format!("{name} {given}");
                let words: Vec<_> = line.split(' ').collect();
                prop_assert_eq!(named(&words, &names), Ok(name.split(' ').count()));
            }
        }
    }
}
