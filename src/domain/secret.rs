//! Secrets of the store as others name them: references, never values (decision 12).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::expression::{is_field, only_expression};
use super::names::{NoSecretName, SecretName};
use super::nearest;

/// What the JSON Schema of a field says that takes a reference to a secret.
pub const FORMAT: &str = "secret";

/// The longest value that is kept, in bytes.
pub const LONGEST: usize = 64 * 1024;

/// What stands before the name of an input in a reference to its value. No name of a secret has a dot.
const INPUTS: &str = "inputs.";

/// A reference to a secret, as events, plans and the API show it: `{"$secret": "NAME"}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum SecretRef {
    /// One of the store.
    Stored(SecretName),
    /// What the run was given in the input of this name, which is declared secret:
    /// `{"$secret": "inputs.NAME"}`.
    Given(String),
}

/// A reference as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(rename = "$secret")]
    name: String,
}

impl TryFrom<Written> for SecretRef {
    type Error = NoSecretName;

    fn try_from(written: Written) -> Result<Self, NoSecretName> {
        match written.name.strip_prefix(INPUTS) {
            Some(input) if is_field(input) => Ok(Self::Given(input.to_owned())),
            Some(_) => Err(NoSecretName),
            None => written.name.parse().map(Self::Stored),
        }
    }
}

impl From<SecretRef> for Written {
    fn from(reference: SecretRef) -> Self {
        Self {
            name: reference.to_string(),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored(name) => name.fmt(f),
            Self::Given(input) => write!(f, "{INPUTS}{input}"),
        }
    }
}

/// A text that a workflow's file spells out, or a reference to a secret.
#[derive(Clone, Debug)]
pub enum SecretText {
    /// It is opened at the moment of use.
    Stored(SecretRef),
    /// As it stands in the file.
    Literal(SecretString),
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self::Literal(text.into())),
            object @ Value::Object(_) => serde_json::from_value(object)
                .map(Self::Stored)
                .map_err(D::Error::custom),
            _ => Err(D::Error::custom("expected text, or a secret")),
        }
    }
}

impl JsonSchema for SecretText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretText".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": FORMAT })
    }
}

impl SecretRef {
    /// The reference that a text of a workflow's file is, if it is exactly `{{ secrets.NAME }}`.
    pub fn of_text(text: &str) -> Option<Self> {
        let name = only_expression(text)?.strip_prefix("secrets.")?;
        name.parse().ok().map(Self::Stored)
    }

    /// The reference that a rendered value is.
    pub fn of_json(value: &Value) -> Option<Self> {
        Self::of_object(value.as_object()?)
    }

    /// All references in a rendered value.
    pub fn all_in(value: &Value) -> BTreeSet<Self> {
        match value {
            Value::Array(items) => items.iter().flat_map(Self::all_in).collect(),
            Value::Object(fields) => match Self::of_object(fields) {
                Some(reference) => BTreeSet::from([reference]),
                None => fields.values().flat_map(Self::all_in).collect(),
            },
            _ => BTreeSet::new(),
        }
    }

    fn of_object(fields: &Map<String, Value>) -> Option<Self> {
        let name = fields.get("$secret").filter(|_| fields.len() == 1)?;
        let name = name.as_str()?.to_owned();
        Written { name }.try_into().ok()
    }

    /// The secrets of the store that a `with:` of a workflow's file names.
    pub fn named_in(with: &Map<String, Value>) -> BTreeSet<SecretName> {
        let stored = |reference| match reference {
            Self::Stored(name) => Some(name),
            Self::Given(_) => None,
        };
        let named = texts_in(with).filter_map(Self::of_text);
        named.filter_map(stored).collect()
    }

    /// The reference as JSON.
    pub fn to_json(&self) -> Value {
        serde_json::json!(self)
    }
}

/// Every text in a `with:`, at any depth.
pub fn texts_in(with: &Map<String, Value>) -> impl Iterator<Item = &str> {
    with.values().flat_map(texts)
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => vec![],
    }
}

/// Where a secret of the configuration is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// In a file.
    File(PathBuf),
    /// In the store.
    Stored(SecretName),
}

impl SecretSource {
    /// Takes the one of the settings `KEY_file` and `KEY_secret` that is given; none is fine.
    ///
    /// # Errors
    /// Both are.
    pub fn at_most_one(
        key: &str,
        file: Option<PathBuf>,
        stored: Option<SecretName>,
    ) -> Result<Option<Self>, String> {
        match (file, stored) {
            (Some(_), Some(_)) => Err(format!(
                "there is `{key}_secret` and `{key}_file`: keep one of them"
            )),
            (Some(file), None) => Ok(Some(Self::File(file))),
            (None, stored) => Ok(stored.map(Self::Stored)),
        }
    }

    /// As [`Self::at_most_one`], and one there must be.
    ///
    /// # Errors
    /// None is given, or both are.
    pub fn exactly_one(
        key: &str,
        file: Option<PathBuf>,
        stored: Option<SecretName>,
    ) -> Result<Self, String> {
        Self::at_most_one(key, file, stored)?.ok_or_else(|| {
            format!("one of `{key}_file`, a path, and `{key}_secret`, a secret's name, is needed")
        })
    }

    /// The setting that says it: `KEY_file` or `KEY_secret`.
    pub fn setting(&self, key: &str) -> String {
        match self {
            Self::File(_) => format!("{key}_file"),
            Self::Stored(_) => format!("{key}_secret"),
        }
    }
}

impl fmt::Display for SecretSource {
    /// Where people put a better value: a path, or the secret with the command that sets it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Stored(name) => write!(f, "the secret {name} (`purser secret set {name}`)"),
        }
    }
}

/// The secrets of the store with their values, as they were when it was read.
#[derive(Clone, Debug, Default)]
pub struct Opened {
    values: BTreeMap<SecretName, SecretString>,
    closed: BTreeMap<SecretName, String>,
    unknown: Option<String>,
}

impl Opened {
    /// All that there are.
    pub fn all(values: BTreeMap<SecretName, SecretString>) -> Self {
        Self::in_part(values, BTreeMap::new())
    }

    /// All that there are; of some, only why they cannot be opened.
    pub fn in_part(
        values: BTreeMap<SecretName, SecretString>,
        closed: BTreeMap<SecretName, String>,
    ) -> Self {
        Self {
            values,
            closed,
            unknown: None,
        }
    }

    /// The store cannot be read; this is why.
    pub fn unknown(why: String) -> Self {
        Self {
            unknown: Some(why),
            ..Self::default()
        }
    }

    /// Why it is not known which there are.
    pub fn why_unknown(&self) -> Option<&str> {
        self.unknown.as_deref()
    }

    /// Why those cannot be opened that are there and do not open, each in one sentence.
    pub fn closed(&self) -> impl Iterator<Item = &str> {
        self.closed.values().map(String::as_str)
    }

    /// The names of all, if they are known.
    pub fn names(&self) -> Option<BTreeSet<SecretName>> {
        match self.unknown {
            None => Some(self.all_names().cloned().collect()),
            Some(_) => None,
        }
    }

    /// The value of one.
    ///
    /// # Errors
    /// It is not set, with the nearest name that is, or it or the store cannot be read.
    pub fn get(&self, name: &SecretName) -> Result<&SecretString, String> {
        if let Some(why) = &self.unknown {
            return Err(format!("the secret `{name}` cannot be read: {why}"));
        }
        if let Some(why) = self.closed.get(name) {
            return Err(why.clone());
        }
        let value = self.values.get(name);
        value.ok_or_else(|| not_set(name, self.all_names()))
    }

    fn all_names(&self) -> impl Iterator<Item = &SecretName> {
        self.values.keys().chain(self.closed.keys())
    }
}

/// Says that there is no such secret, which one may have been meant, and what to type.
pub fn not_set<'n>(name: &SecretName, set: impl IntoIterator<Item = &'n SecretName>) -> String {
    let near = nearest::nearest(name.as_str(), set.into_iter().map(SecretName::as_str));
    let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    let or = if near.is_empty() {
        ": set"
    } else {
        " Else set"
    };
    format!("the secret `{name}` is not set{near}{or} it with `purser secret set {name}`")
}

/// Why a text is not kept as a secret; `None` when it may be.
pub fn why_not_kept(value: &SecretString) -> Option<String> {
    let why = no_secret(value)?;
    let joint = if why.contains(':') { ';' } else { ':' };
    Some(format!("the value {why}{joint} nothing was set"))
}

/// What is wrong with a text as a secret; `None` when it can be one.
pub fn no_secret(value: &SecretString) -> Option<String> {
    let value = value.expose_secret();
    if value.is_empty() {
        return Some("is empty".to_owned());
    }
    if value.len() > LONGEST {
        return Some(format!("has more than {LONGEST} bytes"));
    }
    value
        .contains('\0')
        .then(|| "holds a NUL byte, which no password has: encode it, as with `base64`".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_text_that_is_nothing_else_is_a_reference() {
        let name = |text| SecretRef::of_text(text).map(|reference| reference.to_string());
        assert_eq!(
            name("{{ secrets.ORDERS_URL }}").as_deref(),
            Some("ORDERS_URL")
        );
        assert_eq!(name("{{secrets.api-key}}").as_deref(), Some("api-key"));
        for text in [
            "secrets.A",
            "x{{ secrets.A }}",
            "{{ secrets.A }}{{ secrets.B }}",
            "{{ secrets.A ~ 'x' }}",
            "{{ secrets.A.b }}",
            "{{ secrets. }}",
            "{{ secrets['A'] }}",
        ] {
            assert_eq!(name(text), None, "{text}");
        }
    }

    #[test]
    fn references_are_found_at_any_depth() {
        let names = |all: BTreeSet<SecretRef>| -> Vec<String> {
            all.into_iter().map(|one| one.to_string()).collect()
        };
        let rendered = json!({ "env": { "A": { "$secret": "ONE" }, "B": "x" },
                               "list": [{ "$secret": "TWO" }, { "$secret": "no name" }],
                               "own": { "$secret": "inputs.password" } });
        let found = names(SecretRef::all_in(&rendered));
        assert_eq!(found, ["ONE", "TWO", "inputs.password"]);
        let written = json!({ "env": { "A": "{{ secrets.ONE }}", "B": ["{{ secrets.TWO }}"] } });
        let named = SecretRef::named_in(written.as_object().unwrap());
        assert_eq!(
            named.iter().map(SecretName::as_str).collect::<Vec<_>>(),
            ["ONE", "TWO"]
        );
    }

    #[test]
    fn one_that_is_not_set_comes_with_the_nearest_and_what_to_type() {
        let name = |text: &str| text.parse::<SecretName>().unwrap();
        let set = [name("ORDERS_URL"), name("MINIO_KEY")];
        assert_eq!(
            not_set(&name("ORDER_URL"), &set),
            "the secret `ORDER_URL` is not set; did you mean `ORDERS_URL`? Else set it with `purser \
             secret set ORDER_URL`"
        );
        assert_eq!(
            not_set(&name("TOKEN"), &set),
            "the secret `TOKEN` is not set: set it with `purser secret set TOKEN`"
        );
    }

    proptest! {
        #[test]
        fn a_name_goes_through_a_file_and_an_event_and_is_the_same(
            name in "[A-Za-z0-9_-]{1,64}"
        ) {
            let reference = SecretRef::of_text(&format!("{{{{ secrets.{name} }}}}")).unwrap();
            prop_assert_eq!(reference.to_string(), name);
            prop_assert_eq!(SecretRef::all_in(&reference.to_json()), BTreeSet::from([reference]));
        }

        #[test]
        fn what_is_no_name_is_refused(text in "\\PC{0,70}") {
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            let is_name = (1..=64).contains(&text.len()) && text.chars().all(fits);
            prop_assert_eq!(text.parse::<SecretName>().is_ok(), is_name);
        }
    }
}
