//! A Compose file, as far as it says which image a service is made of, and what else uses a variable.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::{MessageFormatter as _, Options, Spanned, UserMessageFormatter};

use crate::domain::dotenv::template::Template;

/// Values may lie this deep in each other; parsing takes stack for each level.
const DEEPEST: usize = 32;

/// All values of a file together, those counted again that aliases repeat.
const MOST: usize = 100_000;

/// A file that is read.
#[derive(Debug)]
pub(super) struct File {
    /// How people call it.
    pub(super) name: String,
    all: Value,
    images: BTreeMap<String, Image>,
}

/// What a file says of a service's image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    /// With its variables.
    pub(super) text: String,
    /// Counted from 1.
    pub(super) line: u64,
}

#[derive(Deserialize)]
struct Top {
    #[serde(default)]
    services: Option<BTreeMap<String, Option<Entry>>>,
}

#[derive(Deserialize)]
struct Entry {
    image: Option<Spanned<String>>,
}

impl File {
    /// Reads a file; `Err` says where it is none.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, String> {
        let wrong = |error: &serde_saphyr::Error| format!("{name}{}", fault(error));
        let all: Value =
            serde_saphyr::from_str_with_options(text, options()).map_err(|e| wrong(&e))?;
        let top: Option<Top> =
            serde_saphyr::from_str_with_options(text, options()).map_err(|e| wrong(&e))?;
        let services = top.and_then(|top| top.services).unwrap_or_default();
        let images = services.into_iter().filter_map(|(service, entry)| {
            let image = entry?.image?;
            let line = image.referenced.line();
            let text = image.value;
            Some((service, Image { text, line }))
        });
        Ok(Self {
            name: name.to_owned(),
            images: images.collect(),
            all,
        })
    }

    /// The image of a service, where the file names one.
    pub(super) fn image(&self, service: &str) -> Option<&Image> {
        self.images.get(service)
    }

    /// Its services, and what it says of each.
    pub(super) fn services(&self) -> impl Iterator<Item = (&str, &Value)> {
        let services = self.all.get("services").and_then(Value::as_object);
        let services = services.into_iter().flatten();
        services.map(|(name, service)| (name.as_str(), service))
    }

    /// Whether it takes services from other files.
    pub(super) fn includes(&self) -> bool {
        self.all
            .get("include")
            .is_some_and(|value| !value.is_null())
    }

    /// Who takes one of these variables, apart from the image of `service`, in words.
    pub(super) fn users(&self, variables: &BTreeSet<String>, service: &str) -> BTreeSet<String> {
        let mut users = BTreeSet::new();
        for (name, value) in self.services() {
            if name != service && uses(value, variables) {
                users.insert(name.to_owned());
            }
            if name == service && uses(&without(value, &["image"]), variables) {
                users.insert(format!("what else {name} says"));
            }
        }
        if uses(&without(&self.all, &["services"]), variables) {
            users.insert("what stands beside the services".to_owned());
        }
        users
    }
}

/// The same mapping without some keys, and without extensions, which mean nothing by themselves.
fn without(value: &Value, keys: &[&str]) -> Value {
    let mut value = value.clone();
    if let Some(map) = value.as_object_mut() {
        map.retain(|key, _| !keys.contains(&key.as_str()) && !key.starts_with("x-"));
    }
    value
}

fn uses(value: &Value, variables: &BTreeSet<String>) -> bool {
    match value {
        Value::String(text) => {
            let read = Template::parse(text);
            read.is_ok_and(|read| read.names().iter().any(|name| variables.contains(*name)))
        }
        Value::Array(items) => items.iter().any(|item| uses(item, variables)),
        Value::Object(map) => map.iter().any(|(key, value)| {
            // Its whole `.env` is the container's environment.
            let takes_all = key == "env_file" && names_dotenv(value);
            takes_all || uses(value, variables)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn names_dotenv(value: &Value) -> bool {
    match value {
        Value::String(path) => path.trim_start_matches("./") == ".env",
        Value::Array(items) => items.iter().any(names_dotenv),
        Value::Object(map) => map.get("path").is_some_and(names_dotenv),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_depth: DEEPEST,
            flow_nesting_limit: DEEPEST,
            max_nodes: MOST,
            max_events: MOST * 4,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MOST,
        },
    }
}

fn fault(error: &serde_saphyr::Error) -> String {
    let at = error.location().map_or_else(String::new, |at| {
        format!(", line {}, column {}", at.line(), at.column())
    });
    let message = UserMessageFormatter.format_message(error.without_snippet());
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{at}: {message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
x-common: &common
  restart: always
  labels: { version: \"${WEB_TAG}\" }
services:
  web:
    <<: *common
    image: shop/web:${WEB_TAG:-v1}
    labels: { version: other }
  worker:
    <<: *common
    image: &worker shop/worker:v1
  cron: { image: *worker, env_file: [./.env] }
  db:
    image: postgres:18
  built: { build: . }
  empty:
volumes:
  data: { name: \"data-$WEB_TAG\" }
";

    fn file() -> File {
        File::parse("compose.yaml", FILE).unwrap()
    }

    #[test]
    fn an_image_is_found_with_its_line() {
        let file = file();
        let image = |service| {
            file.image(service)
                .map(|image| (image.text.as_str(), image.line))
        };
        assert_eq!(image("web"), Some(("shop/web:${WEB_TAG:-v1}", 7)));
        assert_eq!(image("cron").map(|(text, _)| text), Some("shop/worker:v1"));
        assert_eq!(
            (image("built"), image("empty"), image("other")),
            (None, None, None)
        );
    }

    #[test]
    fn who_else_takes_a_variable_is_found_wherever_it_stands() {
        let users = file().users(&["WEB_TAG".to_owned()].into(), "web");
        assert_eq!(
            Vec::from_iter(users),
            ["cron", "what stands beside the services", "worker"]
        );
    }

    #[test]
    fn what_is_no_file_of_compose_is_told_with_its_place() {
        let why = |text| File::parse("compose.yaml", text).unwrap_err();
        insta::assert_snapshot!(why("services:\n  web: [\n"), @"compose.yaml, line 2, column 8: unclosed bracket '['");
        insta::assert_snapshot!(why("services:\n  web: { image: [a] }\n"), @"compose.yaml, line 2, column 17: expected string scalar");
        assert!(File::parse("compose.yaml", "").is_ok());
    }
}
