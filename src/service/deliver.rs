//! A message from another program: whether it is believed, and the run that it starts.

use serde_json::Value;

use super::{Ask, Invocation, Result, Service, ServiceError};
use crate::domain::names::RunId;
use crate::domain::person::Actor;
use crate::domain::webhook::{self, Hook, LONGEST_ID, Proof, Signed, Unproven};

/// A message as it came, with what its headers say.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The name in its address.
    pub hook: &'a str,
    /// The three headers of Standard Webhooks, each if it is there.
    pub id: Option<&'a str>,
    /// Seconds since 1970.
    pub timestamp: Option<&'a str>,
    /// `v1,BASE64 …`.
    pub signatures: Option<&'a str>,
    /// What stands behind `Authorization: Bearer`.
    pub token: Option<&'a str>,
    /// The body: a JSON object of inputs, or nothing.
    pub body: &'a [u8],
}

impl Service {
    /// Starts the run that a message asks for. The same message again gives the same run, as long
    /// as its sender keeps its `webhook-id`.
    ///
    /// # Errors
    /// There is no such hook, the message is not believed or does not fit, or its hook has no
    /// right to start the workflow. Only the last leaves a receipt: what strangers send must not
    /// fill the books.
    pub async fn deliver(&self, delivery: &Delivery<'_>) -> Result<RunId> {
        let hook = self.believed(delivery)?;
        let inputs = inputs(delivery.body)?;
        let through = format!("webhook {}", delivery.hook);
        let by = Actor {
            person: through.as_str().into(),
            roles: hook.roles.clone(),
            through,
        };
        self.start(Invocation {
            by,
            ask: Ask::Webhook(delivery.hook.to_owned()),
            inputs,
            idempotency_key: delivery.id.map(str::to_owned),
            break_glass: None,
            channel: None,
        })
        .await
    }

    /// The hook of a message that it believes.
    pub(super) fn believed(&self, delivery: &Delivery<'_>) -> Result<&Hook> {
        let hook = self.hook(delivery.hook)?;
        self.believe(hook, delivery)?;
        if delivery.id.is_some_and(|id| id.len() > LONGEST_ID) {
            return Err(ServiceError::Invalid(Unproven::Id.to_string()));
        }
        Ok(hook)
    }

    /// The names of others are not told: anybody may ask.
    fn hook(&self, name: &str) -> Result<&Hook> {
        let found = self.parts.hooks.get(name);
        found.ok_or_else(|| ServiceError::Missing(format!("there is no hook `{name}`")))
    }

    fn believe(&self, hook: &Hook, delivery: &Delivery<'_>) -> Result<()> {
        match &hook.proof {
            Proof::Signature(secrets) => {
                let signed = Signed {
                    id: present(delivery.id, "webhook-id")?,
                    timestamp: present(delivery.timestamp, "webhook-timestamp")?,
                    signatures: present(delivery.signatures, "webhook-signature")?,
                };
                webhook::verify(secrets, &signed, delivery.body, self.parts.clock.now())
                    .map_err(|error| ServiceError::Unproven(error.to_string()))
            }
            Proof::Bearer(token) => {
                let given = present(delivery.token, "Authorization: Bearer TOKEN")?;
                if token.is(given) {
                    return Ok(());
                }
                Err(ServiceError::Unproven(
                    "the token is another one".to_owned(),
                ))
            }
        }
    }
}

fn present<'a>(header: Option<&'a str>, name: &str) -> Result<&'a str> {
    header.ok_or_else(|| ServiceError::Unproven(format!("the header `{name}` is missing")))
}

/// The object that a body is; no body is an empty one.
fn inputs(body: &[u8]) -> Result<serde_json::Map<String, Value>> {
    if body.is_empty() {
        return Ok(serde_json::Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(inputs)) => Ok(inputs),
        Ok(_) => Err(ServiceError::Invalid(
            "the body must be a JSON object of the workflow's inputs".to_owned(),
        )),
        Err(error) => Err(ServiceError::Invalid(format!(
            "the body is not JSON: {error}"
        ))),
    }
}
