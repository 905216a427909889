//! What is looked at before a rotation, and what refuses it.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use super::super::client::Client;
use super::super::connection::Right;
use super::super::events::Recorded;
use super::super::issuer::Before;
use super::super::{Keycloak, rotation};
use super::Input;
use crate::action::{ActionError, ReadContext, Result};
use crate::domain::names::Environment;
use crate::domain::time::Timestamp;
use crate::rotation::Consumer;

/// Who has logged in within this time is told.
const LATELY: Duration = Duration::from_hours(1);

/// What was found.
pub(super) struct Found<'a> {
    pub(super) keycloak: &'a Keycloak,
    pub(super) client: Client,
    pub(super) consumers: &'a [Consumer],
    pub(super) before: Before,
    pub(super) strangers: Vec<Stranger>,
}

/// Somebody has logged in lately who is no consumer that is known.
pub(super) struct Stranger {
    pub(super) from: IpAddr,
    /// From there Purser comes too, which logs in as a client while it rotates its secret.
    pub(super) is_where_purser_is: bool,
}

/// Looks, and refuses what could not end well; changes nothing.
pub(super) async fn look<'a>(
    ctx: &ReadContext,
    keycloak: &'a Keycloak,
    input: &Input,
) -> Result<Found<'a>> {
    let client = keycloak.client(&input.client).await?;
    let consumers = keycloak.consumers_of(&input.client);
    let refused = |why: String| {
        ActionError::fatal(format!(
            "{}: the secret of the client `{}` is not rotated: {why}",
            keycloak.name(),
            client.client_id
        ))
    };
    let lacking = keycloak.lacks(&[Right::ManageClients]).await?;
    if let Some(right) = lacking.unwrap_or_default().first() {
        return Err(refused(keycloak.role_missing(*right)));
    }
    if let Some(why) = keycloak.no_rotation_of(&client) {
        return Err(refused(why));
    }
    let (recorded, now) = (keycloak.records_logins().await?, ctx.clock.now());
    let before = Before::look(keycloak, &client, &recorded, now).await?;
    if consumers.is_empty() {
        return Err(refused(nobody(keycloak, &client)));
    }
    if !before.two && !input.allow_gap {
        return Err(refused(keycloak.only_one().await?));
    }
    if let Some(why) = another_rotation(&client, now) {
        return Err(refused(why));
    }
    for consumer in consumers {
        if let Some(why) = unfit(ctx, keycloak, &client, consumer).await? {
            return Err(refused(why));
        }
    }
    if let Some(why) = unseen(&recorded, &client, consumers) {
        return Err(refused(why));
    }
    let strangers = strangers(ctx, keycloak, &client.client_id, consumers, now).await?;
    Ok(Found {
        keycloak,
        client,
        consumers,
        before,
        strangers,
    })
}

fn nobody(keycloak: &Keycloak, client: &Client) -> String {
    format!(
        "nobody is known to use it. Declare each who does in [[systems.{}.clients.\"{}\".consumers]]",
        keycloak.name(),
        client.client_id
    )
}

/// Why another rotation is in the way of this one.
fn another_rotation(client: &Client, now: Timestamp) -> Option<String> {
    let until = client.secrets.rotated.as_ref()?.expires_at?;
    (until > now).then(|| {
        format!(
            "a second secret of it counts until {until}, from a rotation that has not ended, and a third one \
             would end it. See that nobody uses it, and invalidate the rotated secret in the admin console, \
             or wait"
        )
    })
}

/// Why a consumer cannot be given another secret.
async fn unfit(
    ctx: &ReadContext,
    keycloak: &Keycloak,
    client: &Client,
    consumer: &Consumer,
) -> Result<Option<String>> {
    if let Some(why) = not_asked_for(ctx, keycloak, consumer)? {
        return Ok(Some(why));
    }
    let name = consumer.name();
    if let Some(why) = consumer.obstacle(&ctx.systems).await? {
        return Ok(Some(format!("{name} cannot be given another: {why}")));
    }
    let has_it = consumer.has(&ctx.systems, &client.secrets.current).await?;
    Ok((!has_it).then(|| {
        format!(
            "{name} has another one in {}, or in the environment of its containers, than Keycloak has. Set \
             that right first",
            consumer.place()
        )
    }))
}

/// Why a consumer would not be seen to log in, where nothing else shows that it can.
fn unseen(recorded: &Recorded, client: &Client, consumers: &[Consumer]) -> Option<String> {
    let hidden = recorded.hides(&client.ways());
    let blind = consumers.iter().find(|consumer| !consumer.has_probe())?;
    let advice = recorded
        .advice_for(&hidden)
        .filter(|_| !hidden.is_empty())?;
    Some(format!(
        "the realm does not record who logs in by it and who is turned away, so {} could not be proven: \
         {advice}, or give it a `probe` or a `healthcheck`",
        blind.name()
    ))
}

impl Keycloak {
    /// Why there is no secret to rotate.
    fn no_rotation_of(&self, client: &Client) -> Option<String> {
        if client.client_id == self.settings().client_id && self.login_realm() == self.realm() {
            return Some(
                "Purser itself logs in by it. Set another one in the admin console, then put it where Purser \
                 reads it"
                    .to_owned(),
            );
        }
        if !client.enabled {
            return Some("it is disabled, so nobody can log in by it".to_owned());
        }
        if client.kind != super::super::client::ClientKind::Confidential {
            return Some(format!("it is {}", client.kind.words()));
        }
        (!client.uses_secret()).then(|| {
            format!(
                "it shows who it is by `{}`, and not by a secret",
                client.authenticator
            )
        })
    }

    /// What is missing for two secrets at a time.
    async fn only_one(&self) -> Result<String> {
        let with_gap = "or rotate with a gap, in which nobody is let in (`allow_gap: true`)";
        Ok(
            if self.rotation().await?.feature == rotation::Feature::Off {
                format!(
                    "this Keycloak keeps only one secret: start it with `--features=client-secret-rotation`, \
                 {with_gap}"
                )
            } else {
                format!(
                    "no policy has Keycloak keep two secrets of it: set that up (`keycloak.set_up_rotation`), \
                 {with_gap}"
                )
            },
        )
    }
}

/// Who may do this was decided for where the realm stands. That is enough for a consumer which stands
/// elsewhere only where the realm is in production.
fn not_asked_for(
    ctx: &ReadContext,
    keycloak: &Keycloak,
    consumer: &Consumer,
) -> Result<Option<String>> {
    let name = keycloak.name();
    let own = ctx
        .systems
        .get(name.as_str())
        .map(|entry| &entry.environment);
    let (Some(own), Some((engine, theirs))) = (own, consumer.stands(&ctx.systems)?) else {
        return Ok(None);
    };
    let is_asked_for = own == theirs || *own == Environment::production();
    Ok((!is_asked_for).then(|| {
        format!(
            "{} runs on `{engine}`, which stands in {theirs}, and who may rotate was asked for {own}, where \
             `{name}` stands: give both the same `environment`, or configure the realm once more as a system \
             that stands in {theirs}",
            consumer.name()
        )
    }))
}

async fn strangers(
    ctx: &ReadContext,
    keycloak: &Keycloak,
    client_id: &str,
    consumers: &[Consumer],
    now: Timestamp,
) -> Result<Vec<Stranger>> {
    let mut known = BTreeSet::new();
    for consumer in consumers {
        known.extend(consumer.comes_from(&ctx.systems).await?);
    }
    let lately = async |client_id: &str| -> Result<BTreeSet<IpAddr>> {
        let logins = keycloak.logins(client_id, now.minus(LATELY)).await?;
        Ok(logins.iter().filter_map(|login| login.from).collect())
    };
    let strange = &lately(client_id).await? - &known;
    let own = if strange.is_empty() || keycloak.login_realm() != keycloak.realm() {
        BTreeSet::new()
    } else {
        lately(&keycloak.settings().client_id).await?
    };
    let stranger = |from: IpAddr| Stranger {
        from,
        is_where_purser_is: own.contains(&from),
    };
    Ok(strange.into_iter().map(stranger).collect())
}
