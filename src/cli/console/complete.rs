//! What a typed line asks for at its cursor: pure functions from text to what is wanted there.

use serde_json::{Map, Value};

use super::ask::verdicts;
use super::given::{entry, is_typed, names, options, placeholder};
use super::{built_in, built_ins};
use crate::cli::words::at_cursor;
use crate::domain::command::is_group;
use crate::domain::input::InputSpec;
use crate::http::types::{CatalogEntry, CatalogView, Deed, Suggestion, Wanted, What};

/// The word at the cursor.
#[derive(Debug)]
pub(super) struct Place {
    /// Where it begins in the line, in bytes.
    pub(super) start: usize,
    /// What the server is asked for.
    pub(super) wanted: Option<Wanted>,
    typed: String,
    is_quoted: bool,
    /// Whether it is in the name of a command, which may have several words.
    is_name: bool,
    /// What can stand there besides.
    ours: Vec<String>,
    /// The options that can be named there, as `name=`.
    options: Vec<String>,
}

/// What the word at the end of this text is; `None` where nothing is completed.
pub(super) fn place(before: &str, catalog: &CatalogView) -> Option<Place> {
    let cursor = at_cursor(before)?;
    let words = bare(&cursor.before);
    let mut place = Place {
        start: cursor.start,
        wanted: None,
        typed: cursor.word.to_owned(),
        is_quoted: cursor.is_quoted,
        is_name: false,
        ours: vec![],
        options: vec![],
    };
    let Some((first, given)) = words.split_first() else {
        let ours = built_ins().filter_map(|(usage, _)| Some(usage.split(' ').next()?.to_owned()));
        place.ours = ours.collect();
        place.name(before, &[]);
        return Some(place);
    };
    if built_in(first).is_none() && is_group(&words, &names(catalog)) {
        place.name(before, &words);
        return Some(place);
    }
    if let Some(deed) = deed(first) {
        match given.len() {
            0 => place.want(What::Run(deed)),
            1 if deed == Deed::Decide => place.ours = verdicts(),
            _ => {}
        }
        return Some(place);
    }
    let (entry, given) = entry(catalog, &words).ok()?;
    let given = options(entry, given).ok()?;
    place.option(entry, given, cursor.name);
    Some(place)
}

/// Words of a line, the first without the `/` that chats have there.
fn bare(words: &[String]) -> Vec<&str> {
    let mut words: Vec<_> = words.iter().map(String::as_str).collect();
    if let Some(first) = words.first_mut() {
        *first = first.trim_start_matches('/');
    }
    words
}

/// What is done to the run that stands behind this word.
fn deed(name: &str) -> Option<Deed> {
    Some(match name {
        "show" | "watch" => Deed::Look,
        "approve" => Deed::Approve,
        "reject" => Deed::Reject,
        "decide" => Deed::Decide,
        "cancel" => Deed::Cancel,
        "undo" => Deed::Undo,
        _ => return None,
    })
}

impl Place {
    fn want(&mut self, what: What) {
        self.wanted = Some(Wanted {
            what,
            typed: self.typed.clone(),
        });
    }

    /// The name of a command, of which these words stand there already: the whole of it is replaced.
    fn name(&mut self, before: &str, words: &[&str]) {
        self.is_name = true;
        if words.is_empty() {
            if self.typed.starts_with('/') {
                self.start += 1;
                self.typed.remove(0);
            }
        } else {
            let line = before.trim_start();
            let name = line.trim_start_matches('/');
            self.start = before.len() - name.len();
            self.typed = format!("{} {}", words.join(" "), self.typed);
        }
        self.want(What::Command);
    }

    /// An option by its name, else the next in the order of the command's file.
    fn option(&mut self, entry: &CatalogEntry, given: Map<String, Value>, name: Option<&str>) {
        let is_open =
            |(key, spec): &(&String, &InputSpec)| is_typed(spec) && !given.contains_key(*key);
        let open = entry.inputs.iter().filter(is_open);
        let mut named = name;
        if named.is_none()
            && let Some((name, _)) = self.typed.split_once('=')
            && let Some((name, _)) = entry.inputs.get_key_value(name)
        {
            self.start += name.len() + 1;
            self.typed.drain(..=name.len());
            named = Some(name);
        }
        let option = if let Some(name) = named {
            entry.inputs.get_key_value(name).map(|(name, _)| name)
        } else {
            let names = open.clone().map(|(name, _)| format!("{name}="));
            self.options = names.filter(|_| !self.is_quoted).collect();
            let mut next = open.filter(|(_, spec)| !spec.secret);
            next.next().map(|(name, _)| name)
        };
        if let Some(option) = option {
            self.want(What::Option {
                command: entry.name.clone(),
                option: option.clone(),
                given,
            });
        }
    }

    /// What can be chosen: what is put in, and how the list shows it. What begins with the typed text
    /// comes alone; else whatever holds it; else the names of options.
    pub(super) fn choices(&self, offered: Vec<Suggestion>) -> Vec<(String, String)> {
        let ours = self
            .ours
            .iter()
            .filter(|ours| ours.starts_with(&self.typed));
        let mut all: Vec<(String, String)> = ours.map(|o| (o.clone(), o.clone())).collect();
        all.extend(offered.into_iter().map(|offered| {
            let shown = offered.shown.unwrap_or_else(|| offered.value.clone());
            (offered.value, shown)
        }));
        let begins = |(value, _): &(String, String)| value.starts_with(&self.typed);
        if all.iter().any(begins) {
            all.retain(begins);
        }
        if all.is_empty() && !self.typed.is_empty() {
            let options = self.options.iter().filter(|o| o.starts_with(&self.typed));
            return options.map(|o| (o.clone(), o.clone())).collect();
        }
        if let [(only, _)] = &mut all[..] {
            *only = self.finished(only);
        }
        all
    }

    /// The only choice: the next word can follow. What is typed into quotes or brackets goes on.
    fn finished(&self, value: &str) -> String {
        if self.is_quoted || value.contains(['(', '{', '[']) {
            value.to_owned()
        } else if value.contains(char::is_whitespace) && !self.is_name {
            format!("'{value}' ")
        } else {
            format!("{value} ")
        }
    }
}

/// What is still to be written behind a line that ends with a blank: `SERVICE VERSION`.
pub(super) fn rest(line: &str, catalog: &CatalogView) -> Option<String> {
    let cursor = at_cursor(line)?;
    if !cursor.word.is_empty() || cursor.is_quoted || cursor.name.is_some() {
        return None;
    }
    let words = bare(&cursor.before);
    let (first, given) = words.split_first()?;
    if let Some(usage) = built_in(first) {
        let rest: Vec<_> = usage.split(' ').skip(1 + given.len()).collect();
        return (!rest.is_empty()).then(|| rest.join(" "));
    }
    let (entry, given) = entry(catalog, &words).ok()?;
    let given = options(entry, given).ok()?;
    let open = entry
        .inputs
        .iter()
        .filter(|(name, spec)| is_typed(spec) && !given.contains_key(*name));
    let rest: Vec<_> = open.map(|(name, spec)| placeholder(name, spec)).collect();
    (!rest.is_empty()).then(|| rest.join(" "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn catalog() -> CatalogView {
        serde_json::from_value(json!({
            "commands": [
                {
                    "name": "deploy", "summary": "Put a version live",
                    "inputs": {
                        "service": { "type": "string", "required": true },
                        "version": { "type": "string", "required": true },
                        "wait": { "type": "boolean" },
                    },
                },
                {
                    "name": "db backup", "summary": "Back up",
                    "inputs": { "database": { "type": "string", "required": true } },
                },
                { "name": "db copy plan", "summary": "What a copy would do", "inputs": {} },
                {
                    "name": "query", "summary": "Ask",
                    "inputs": { "query": { "type": "string", "required": true } },
                },
            ],
            "workflows": [],
        }))
        .unwrap()
    }

    /// What the server is asked, and from where on the line is replaced.
    fn asked(before: &str) -> String {
        let Some(place) = place(before, &catalog()) else {
            return "nothing".to_owned();
        };
        let kept = &before[..place.start];
        match place.wanted {
            Some(wanted) => format!("{kept}| {}", json!(wanted)),
            None => format!("{kept}|"),
        }
    }

    #[test]
    fn the_word_at_the_cursor_is_what_is_asked_for() {
        let lines = [
            "de",
            "/de",
            "db",
            "db ",
            "/db  ba",
            "db copy ",
            "db backup ",
            "db backup database=or",
            "db restore ",
            "deploy ",
            "deploy shop/",
            "deploy shop/web v",
            "deploy version=v",
            "deploy version=v2 sh",
            "deploy a b true one-too-many ",
            "show 8b",
            "approve ",
            "cancel 8bc7558c be",
            "undo 8b",
            "query sum(ht",
            "query 'sum by (job) (ht",
            "query query='a + ht",
            "query 'up'",
            "unknown a",
        ];
        let said: Vec<_> = lines.iter().map(|line| asked(line)).collect();
        insta::assert_snapshot!(said.join("\n"), @r#"
        | {"what":"command","typed":"de"}
        /| {"what":"command","typed":"de"}
        | {"what":"command","typed":"db"}
        | {"what":"command","typed":"db "}
        /| {"what":"command","typed":"db ba"}
        | {"what":"command","typed":"db copy "}
        db backup | {"what":{"option":{"command":"db backup","option":"database","given":{}}},"typed":""}
        db backup database=| {"what":{"option":{"command":"db backup","option":"database","given":{}}},"typed":"or"}
        nothing
        deploy | {"what":{"option":{"command":"deploy","option":"service","given":{}}},"typed":""}
        deploy | {"what":{"option":{"command":"deploy","option":"service","given":{}}},"typed":"shop/"}
        deploy shop/web | {"what":{"option":{"command":"deploy","option":"version","given":{"service":"shop/web"}}},"typed":"v"}
        deploy version=| {"what":{"option":{"command":"deploy","option":"version","given":{}}},"typed":"v"}
        deploy version=v2 | {"what":{"option":{"command":"deploy","option":"service","given":{"version":"v2"}}},"typed":"sh"}
        nothing
        show | {"what":{"run":"look"},"typed":"8b"}
        approve | {"what":{"run":"approve"},"typed":""}
        cancel 8bc7558c |
        undo | {"what":{"run":"undo"},"typed":"8b"}
        query | {"what":{"option":{"command":"query","option":"query","given":{}}},"typed":"sum(ht"}
        query '| {"what":{"option":{"command":"query","option":"query","given":{}}},"typed":"sum by (job) (ht"}
        query query='| {"what":{"option":{"command":"query","option":"query","given":{}}},"typed":"a + ht"}
        nothing
        nothing
        "#);
    }

    #[test]
    fn what_begins_as_typed_comes_before_what_holds_it_and_that_before_options() {
        let choices = |before: &str, offered: &[&str]| {
            let offered = offered
                .iter()
                .map(|value| Suggestion::from((*value).to_owned()));
            let choices = place(before, &catalog())
                .unwrap()
                .choices(offered.collect());
            let choices: Vec<_> = choices.into_iter().map(|(value, _)| value).collect();
            choices.join("|")
        };
        assert_eq!(choices("deploy sh", &["shop/web", "push"]), "shop/web ");
        assert_eq!(
            choices("deploy we", &["shop/web", "blog/web"]),
            "shop/web|blog/web"
        );
        assert_eq!(choices("deploy ver", &[]), "version=");
        assert_eq!(choices("deploy ", &["a b"]), "'a b' ");
        assert_eq!(choices("query 'sum(u", &["sum(up"]), "sum(up");
        assert_eq!(choices("query sum(u", &["sum(up"]), "sum(up");
        assert_eq!(choices("h", &[]), "help ");
        assert_eq!(choices("back", &["db backup"]), "db backup ");
        assert_eq!(
            choices("db ", &["db backup", "db copy plan"]),
            "db backup|db copy plan"
        );
        assert_eq!(choices("decide 8bc ", &[]), "happened|did-not|go-on");
        assert_eq!(choices("decide 8bc d", &[]), "did-not ");
    }

    #[test]
    fn the_rest_of_the_line_is_hinted_at() {
        let rest = |line: &str| rest(line, &catalog()).unwrap_or_default();
        assert_eq!(rest("deploy "), "SERVICE VERSION [WAIT]");
        assert_eq!(rest("deploy version=v2 "), "SERVICE [WAIT]");
        assert_eq!(rest("deploy a"), "");
        assert_eq!(rest("db backup "), "DATABASE");
        assert_eq!(rest("db "), "");
        assert_eq!(rest("reject 8bc "), "[WHY]");
        assert_eq!(
            rest("decide 8bc "),
            "happened|did-not|go-on [--question NUMBER]"
        );
        assert_eq!(rest(""), "");
        assert_eq!(rest("runs "), "");
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in "(deploy |query |show |/|db |/ db  copy )?[a-z='\" ü(]*") {
            if let Some(place) = place(&line, &catalog()) {
                prop_assert!(line.is_char_boundary(place.start));
                prop_assert!(place.start <= line.len());
            }
            rest(&line, &catalog());
        }
    }
}
