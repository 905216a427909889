//! What a run is given: its secrets are taken out of it before anything else looks at it, and a
//! reference stands in the place of each.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use super::{Result, Service, ServiceError};
use crate::domain::input::{InputError, InputSpec};
use crate::domain::names::RunId;
use crate::domain::redact::{SHORTEST, can_be_masked};
use crate::domain::run::RunState;
use crate::domain::secret::{SecretRef, no_secret};

/// Secrets by the inputs that they are given in.
pub(super) type Secrets = BTreeMap<String, SecretString>;

/// What was given, apart from its secrets, and those. `known` are the values behind references that
/// come from an earlier run; no other reference can be given.
///
/// # Errors
/// The first that cannot be a secret, or stands where none is declared. No value is told.
pub(super) fn take(
    specs: &IndexMap<String, InputSpec>,
    given: &Map<String, Value>,
    mut known: Secrets,
) -> Result<(Map<String, Value>, Secrets), InputError> {
    let (mut inputs, mut secrets) = (Map::new(), Secrets::new());
    for (name, value) in given {
        let is_secret = specs.get(name).is_some_and(|spec| spec.secret);
        let value = match value {
            _ if !is_secret && known.contains_key(name) => {
                return Err(InputError(format!(
                    "the input `{name}` was given in secret, and its file does not declare it secret \
                     any more: start it anew with `purser run`"
                )));
            }
            value if !is_secret || value.is_null() => value.clone(),
            value => {
                let secret = match value {
                    Value::String(text) => Some(SecretString::from(text.as_str())),
                    _ => known.remove(name),
                };
                secrets.insert(name.clone(), fit(name, secret)?);
                SecretRef::Given(name.clone()).to_json()
            }
        };
        inputs.insert(name.clone(), value);
    }
    Ok((inputs, secrets))
}

/// Whether it can be kept as a secret, and masked wherever it turns up.
fn fit(name: &str, secret: Option<SecretString>) -> Result<SecretString, InputError> {
    let why = match &secret {
        None => Some("must be text".to_owned()),
        Some(secret) => no_secret(secret),
    };
    if let Some(why) = why {
        return Err(InputError(format!("the secret `{name}` {why}")));
    }
    secret
        .filter(|secret| can_be_masked(secret.expose_secret()))
        .ok_or_else(|| {
            InputError(format!(
                "the secret `{name}`, or a password in it, has less than {SHORTEST} bytes: so short a \
                 one cannot be masked where another system repeats it"
            ))
        })
}

/// Has what must be given in secret stand there as if it were: a plan does not depend on it.
pub(super) fn foresee(specs: &IndexMap<String, InputSpec>, inputs: &mut Map<String, Value>) {
    for (name, _) in specs
        .iter()
        .filter(|(_, spec)| spec.secret && spec.required)
    {
        inputs
            .entry(name.clone())
            .or_insert_with(|| SecretRef::Given(name.clone()).to_json());
    }
}

impl Service {
    /// Has the secrets masked that a run is given, and forgets those of runs that ended long ago.
    pub(super) async fn mask_given(&self, run: RunId, secrets: &Secrets) -> Result<()> {
        if secrets.is_empty() {
            return Ok(());
        }
        let redactor = &self.parts.redactor;
        for secret in secrets.values() {
            redactor.learn_given(run, secret);
        }
        let live = self.parts.store.unfinished().await?;
        redactor.forget(|one| *one == run || live.binary_search(one).is_ok());
        Ok(())
    }

    /// The secrets that a run was given, for one that goes on from it.
    ///
    /// # Errors
    /// One cannot be opened.
    pub(super) async fn given_to(&self, run: &RunState) -> Result<Secrets> {
        let mut secrets = Secrets::new();
        let inputs = run.request.inputs.as_object().into_iter().flatten();
        for (name, value) in inputs {
            if SecretRef::of_json(value).is_some() {
                let opened = self.parts.secrets.open_given(run.id, name).await?;
                let value = opened.map_err(ServiceError::Conflict)?;
                secrets.insert(name.clone(), value);
            }
        }
        Ok(secrets)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn specs() -> IndexMap<String, InputSpec> {
        serde_json::from_value(json!({
            "database": { "type": "string" },
            "password": { "type": "string", "secret": true, "required": true },
        }))
        .unwrap()
    }

    fn taken(given: &Value, known: Secrets) -> Result<(Value, Secrets), String> {
        let taken = take(&specs(), given.as_object().unwrap(), known);
        let taken = taken.map_err(|error| error.to_string());
        taken.map(|(inputs, secrets)| (Value::Object(inputs), secrets))
    }

    #[test]
    fn a_reference_stands_where_a_secret_was() {
        let given = json!({ "database": "app", "password": "correct horse" });
        let (inputs, secrets) = taken(&given, Secrets::new()).unwrap();
        let reference = json!({ "$secret": "inputs.password" });
        assert_eq!(inputs, json!({ "database": "app", "password": reference }));
        assert_eq!(secrets["password"].expose_secret(), "correct horse");
        let mut planned = Map::new();
        foresee(&specs(), &mut planned);
        assert_eq!(Value::Object(planned), json!({ "password": reference }));
    }

    #[test]
    fn what_can_be_no_secret_is_refused_and_never_told() {
        let long = "x".repeat(64 * 1024 + 1);
        let refused = [
            json!({ "password": 1_234_567_890 }),
            json!({ "password": { "$secret": "inputs.password" } }),
            json!({ "password": "" }),
            json!({ "password": "hunter2" }),
            json!({ "password": "postgres://app:1234@db/app" }),
            json!({ "password": "nul\0nul\0nul" }),
            json!({ "password": long }),
        ]
        .map(|given| taken(&given, Secrets::new()).unwrap_err());
        insta::assert_snapshot!(refused.join("\n"), @"
        the secret `password` must be text
        the secret `password` must be text
        the secret `password` is empty
        the secret `password`, or a password in it, has less than 8 bytes: so short a one cannot be masked where another system repeats it
        the secret `password`, or a password in it, has less than 8 bytes: so short a one cannot be masked where another system repeats it
        the secret `password` holds a NUL byte, which no password has: encode it, as with `base64`
        the secret `password` has more than 65536 bytes
        ");
    }

    #[test]
    fn what_an_earlier_run_was_given_is_taken_over_only_where_it_stays_a_secret() {
        let known = |name: &str| Secrets::from([(name.to_owned(), "correct horse".into())]);
        let reference = |name: &str| json!({ name: SecretRef::Given(name.to_owned()) });
        let (_, secrets) = taken(&reference("password"), known("password")).unwrap();
        assert_eq!(secrets["password"].expose_secret(), "correct horse");
        let refused = taken(&reference("database"), known("database")).unwrap_err();
        insta::assert_snapshot!(refused, @"the input `database` was given in secret, and its file does not declare it secret any more: start it anew with `purser run`");
    }
}
