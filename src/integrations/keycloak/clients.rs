//! The clients of the realm, page by page, without their secrets.

use std::time::Duration;

use tokio::time::Instant;

use super::client::{Client, Shown};
use super::connection::{Call, Keycloak, Right};
use crate::action::{ActionError, Result};
use crate::domain::time::Timestamp;

/// How many clients are asked for at a time.
const PAGE: usize = 200;
/// More clients than any realm has that one machine serves.
const MOST: usize = 20_000;

/// A client as a list shows it: what its secret is has been forgotten.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) uuid: String,
    pub(super) client_id: String,
    pub(super) enabled: bool,
    /// Whether it logs in with a secret.
    pub(super) uses_secret: bool,
    /// When its secret was made.
    pub(super) made_at: Option<Timestamp>,
    /// From then on Keycloak refuses the client, because a policy says so.
    pub(super) expires_at: Option<Timestamp>,
    /// Until when the secret before that is taken too.
    pub(super) rotated_until: Option<Timestamp>,
}

impl From<Client> for Listed {
    fn from(client: Client) -> Self {
        let uses_secret = client.uses_secret();
        let rotated = client.secrets.rotated.as_ref();
        Self {
            uses_secret,
            made_at: client.secrets.made_at,
            expires_at: client.secrets.expires_at,
            rotated_until: rotated.and_then(|rotated| rotated.expires_at),
            uuid: client.uuid,
            client_id: client.client_id,
            enabled: client.enabled,
        }
    }
}

impl Keycloak {
    /// All clients of the realm, of every kind, by name.
    pub(super) async fn clients(&self) -> Result<Vec<Listed>> {
        let all = self.clients_within(Duration::MAX).await?;
        Ok(all.unwrap_or_default())
    }

    /// The same; `None` when there are more of them than it tells of in this time.
    pub(super) async fn clients_within(&self, longest: Duration) -> Result<Option<Vec<Listed>>> {
        let begun = Instant::now();
        let mut all: Vec<Listed> = Vec::new();
        loop {
            let query = vec![("first", all.len().to_string()), ("max", PAGE.to_string())];
            let call = Call::get("read its clients", Right::ViewClients, "clients");
            let page: Vec<Shown> = self.look(&call.with_query(query)).await?;
            let is_last = page.len() < PAGE;
            all.extend(page.into_iter().map(|shown| Client::from(shown).into()));
            if is_last {
                break;
            }
            if begun.elapsed() > longest {
                return Ok(None);
            }
            if all.len() >= MOST {
                return Err(ActionError::fatal(format!(
                    "{}: the realm `{}` has more than {MOST} clients, which is more than Purser reads",
                    self.name(),
                    self.realm()
                )));
            }
        }
        // A realm always has some; who may only ask for clients is shown none.
        if all.is_empty() {
            let why = self.role_missing(Right::ViewClients);
            return Err(ActionError::fatal(format!(
                "{}: cannot read its clients: {why}",
                self.name()
            )));
        }
        // One that came or went meanwhile moves the others from page to page.
        all.sort_by(|one, other| one.client_id.cmp(&other.client_id));
        all.dedup_by(|one, other| one.uuid == other.uuid);
        Ok(Some(all))
    }
}
