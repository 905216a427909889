//! Setting it up, and taking that back.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::client::EXPIRES_AT;
use super::super::connection::{Call, Keycloak, Right, part};
use super::decide::{Decision, Touched};
use super::lists::{Entries, List};
use super::{CREATE_ROLE, Input, Output, SET_LOCK_OUT, SET_POLICIES, SET_PROFILES};
use crate::action::{Context, Result, Undone};
use crate::domain::time::Timestamp;
use crate::domain::words;

/// What an effect on a client has changed, for the way back.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct OfClient {
    uuid: String,
}

pub(super) async fn all(
    ctx: &Context,
    keycloak: &Keycloak,
    input: &Input,
    decision: Decision,
) -> Result<Output> {
    let changed = !decision.is_done(input);
    set(ctx, keycloak, input, &decision, List::Profiles).await?;
    for (client, touched) in decision.clients.iter().filter(|(_, one)| !one.has_role) {
        ctx.repeatable((CREATE_ROLE, client.as_str()), |_| async {
            keycloak.create_role(&touched.uuid, &input.role).await?;
            Ok(of(touched))
        })
        .await?;
    }
    set(ctx, keycloak, input, &decision, List::Policies).await?;
    // Keycloak fails at any change of a client that the policy is for and that has no such time.
    let without = decision.clients.iter();
    for (client, touched) in without.filter(|(_, one)| one.locked_out_at.is_none()) {
        let at = ctx.read.clock.now().plus(input.lock_out_after.duration());
        ctx.repeatable((SET_LOCK_OUT, client.as_str()), |_| async {
            keycloak.set_lock_out(&touched.uuid, Some(at)).await?;
            Ok(of(touched))
        })
        .await?;
    }
    let clients: Vec<_> = decision.clients.into_keys().collect();
    let (of, realm) = (words::counted(clients.len(), "client"), keycloak.realm());
    Ok(Output {
        changed,
        message: format!("Keycloak takes two secrets of {of} of `{realm}` while one is replaced"),
        clients,
    })
}

fn of(touched: &Touched) -> OfClient {
    OfClient {
        uuid: touched.uuid.clone(),
    }
}

fn effect_of(list: List) -> &'static str {
    match list {
        List::Profiles => SET_PROFILES,
        List::Policies => SET_POLICIES,
    }
}

async fn set(
    ctx: &Context,
    keycloak: &Keycloak,
    input: &Input,
    decision: &Decision,
    list: List,
) -> Result<()> {
    let (before, wanted) = (decision.entries(list), list.ours(input));
    if before.holds(&wanted) {
        return Ok(());
    }
    let done: Entries = ctx
        .repeatable(effect_of(list), |_| async {
            keycloak.put_ours(list, &wanted, before).await?;
            Ok(before.clone())
        })
        .await?;
    drop(done);
    Ok(())
}

/// First the policy goes, so that nothing is refused and no time is asked for any more.
pub(super) async fn back(ctx: &Context, keycloak: &Keycloak, input: &Input) -> Result<Undone> {
    let recorded = ctx.journal.recorded("decision".to_owned()).await;
    let decision = recorded.and_then(|value| serde_json::from_value::<Decision>(value).ok());
    let mut left = Vec::new();
    left.extend(list_back(ctx, keycloak, decision.as_ref(), List::Policies).await?);
    for name in [SET_LOCK_OUT, CREATE_ROLE] {
        let effects = ctx.effects().await.into_iter();
        let effects = effects.filter(|record| record.effect.name == name);
        for client in effects.filter_map(|record| record.effect.item) {
            let known = decision
                .as_ref()
                .and_then(|known| known.clients.get(&client))
                .map(of);
            ctx.undo(
                (name, client.as_str()),
                |_, done: Option<OfClient>| async move {
                    let Some(OfClient { uuid }) = done.or(known) else {
                        return Ok(());
                    };
                    match name {
                        CREATE_ROLE => keycloak.remove_role(&uuid, &input.role).await,
                        _ => keycloak.set_lock_out(&uuid, None).await,
                    }
                },
            )
            .await?;
        }
    }
    left.extend(list_back(ctx, keycloak, decision.as_ref(), List::Profiles).await?);
    Ok(match left[..] {
        [] => Undone::Fully,
        _ => Undone::ExceptFor(left.join("; ")),
    })
}

async fn list_back(
    ctx: &Context,
    keycloak: &Keycloak,
    decision: Option<&Decision>,
    list: List,
) -> Result<Option<String>> {
    let known = decision.map(|decision| decision.entries(list).clone());
    let mut left = None;
    ctx.undo(effect_of(list), |_, done: Option<Entries>| {
        let left = &mut left;
        async move {
            if let Some(before) = done.or(known) {
                *left = keycloak.put_back(list, &before).await?;
            }
            Ok(())
        }
    })
    .await?;
    Ok(left)
}

impl Keycloak {
    /// Gives a client a role of its own; it is fine when it has that.
    async fn create_role(&self, uuid: &str, role: &str) -> Result<()> {
        let path = format!("clients/{}/roles", part(uuid));
        let call = Call::new("mark a client", Right::ManageClients, Method::POST, path);
        let call = call.with_body(json!({
            "name": role, "description": "Marks this client for the policy by which Purser replaces its secret",
        }));
        let answer = self.send(&call).await?;
        match answer.status {
            200..=299 | 409 => Ok(()),
            _ => Err(self.refused(&call, &answer)),
        }
    }

    /// Takes it away again; it is fine when role or client are gone.
    async fn remove_role(&self, uuid: &str, role: &str) -> Result<()> {
        let path = format!("clients/{}/roles/{}", part(uuid), part(role));
        let call = Call::new(
            "unmark a client",
            Right::ManageClients,
            Method::DELETE,
            path,
        );
        self.change_what_may_be_gone(&call).await
    }

    /// Sets from when on Keycloak refuses a client, or takes that back; it is fine when the client is gone.
    async fn set_lock_out(&self, uuid: &str, at: Option<Timestamp>) -> Result<()> {
        let path = format!("clients/{}", part(uuid));
        let what = "set when a client is refused";
        let call = Call::new(what, Right::ManageClients, Method::PUT, path);
        let at = at.map(|at| (at.micros() / 1_000_000).to_string());
        let attributes = json!({ EXPIRES_AT: at.unwrap_or_default() });
        let call = call.with_body(json!({ "attributes": attributes }));
        self.change_what_may_be_gone(&call).await
    }

    async fn change_what_may_be_gone(&self, call: &Call<'_>) -> Result<()> {
        let answer = self.send(call).await?;
        match answer.status {
            200..=299 | 404 => Ok(()),
            _ => Err(self.refused(call, &answer)),
        }
    }
}
