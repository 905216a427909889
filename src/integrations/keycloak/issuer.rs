//! A client of a realm, as whoever rotates its secret sees it.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::Keycloak;
use super::client::{Client, Pair};
use super::events::{LoginKind, Recorded};
use super::mark::id_of;
use super::rotation::Applies;
use crate::action::{ActionError, Clock, Result};
use crate::domain::time::Timestamp;
use crate::rotation::{Issuer, Live, Login, random, same};

/// A server may say a time that is already past by this, in whole seconds.
const STALE: Duration = Duration::from_secs(2);

/// The old secret counts at least this long beside the new one, whatever the policy says: it is revoked as
/// soon as nobody needs it.
const OVERLAP: Duration = Duration::from_hours(24);

/// A time that is so near may be past when Keycloak sees it.
const ABOUT_TO_BE_REFUSED: Duration = Duration::from_mins(1);

/// What is known of a client before its secret is rotated, and is needed on any way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Before {
    pub(super) uuid: String,
    /// Keycloak keeps two secrets of it.
    pub(super) two: bool,
    /// How long it takes the one that was replaced.
    pub(super) overlap: Option<Duration>,
    /// How old a secret becomes before it refuses the client.
    pub(super) lock_out_after: Option<Duration>,
    /// When the secret of before was made, and when it is refused.
    made_at: Option<Timestamp>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) has_service_account: bool,
    /// It is seen whenever it logs in or is turned away: the realm records that.
    pub(super) records_logins: bool,
    /// Since when Keycloak has refused the client, because its secret had become too old.
    #[serde(default)]
    pub(super) refused_since: Option<Timestamp>,
}

impl Before {
    /// What is so now.
    pub(super) async fn look(
        keycloak: &Keycloak,
        client: &Client,
        recorded: &Recorded,
        now: Timestamp,
    ) -> Result<Self> {
        let (rotation, roles) = (
            keycloak.rotation().await?,
            keycloak.roles_of(&client.uuid).await?,
        );
        let marks = client.marks(&roles);
        let two = rotation.keeps_two(&marks) == Applies::Yes;
        let policies = rotation.policies_of(&marks);
        let in_force: Vec<_> = policies.iter().map(|(policy, _)| policy).collect();
        Ok(Self {
            uuid: client.uuid.clone(),
            two,
            overlap: in_force.iter().filter_map(|policy| policy.overlap).min(),
            lock_out_after: in_force
                .iter()
                .filter_map(|policy| policy.lock_out_after)
                .min(),
            made_at: client.secrets.made_at,
            expires_at: client.secrets.expires_at,
            has_service_account: client.has_service_account,
            records_logins: recorded.hides(&client.ways()).is_empty(),
            refused_since: client
                .secrets
                .expires_at
                .filter(|_| client.secrets.is_refused(now)),
        })
    }
}

/// One client whose secret is rotated.
pub(super) struct ClientIssuer<'a> {
    pub(super) keycloak: &'a Keycloak,
    pub(super) clock: &'a dyn Clock,
    pub(super) client_id: &'a str,
    pub(super) before: Before,
    /// The secret of before, which keeps its times when it counts again.
    pub(super) former: Option<SecretString>,
}

impl ClientIssuer<'_> {
    async fn client(&self) -> Result<Client> {
        let client = self.keycloak.client(self.client_id).await?;
        if client.uuid != self.before.uuid {
            return Err(ActionError::fatal(format!(
                "{}: the client `{}` was removed and made anew by somebody else: nothing more was touched",
                self.keycloak.name(),
                self.client_id
            )));
        }
        Ok(client)
    }

    fn pair<'p>(
        &self,
        current: &'p SecretString,
        other: Option<&'p SecretString>,
    ) -> (Pair<'p>, Timestamp) {
        let now = self.clock.now();
        let is_former = self
            .former
            .as_ref()
            .is_some_and(|former| same(former, current));
        let (made_at, expires_at) = if is_former {
            let is_over = |at: &Timestamp| *at <= now.plus(ABOUT_TO_BE_REFUSED);
            let expires_at = match self.before.expires_at {
                // Nobody would be let in by it, and at the sight of such a time Keycloak draws another one.
                Some(at) if is_over(&at) => Some(now.plus(OVERLAP)),
                at => at,
            };
            (self.before.made_at.unwrap_or(now), expires_at)
        } else {
            (now, self.before.lock_out_after.map(|after| now.plus(after)))
        };
        let overlap = self.before.overlap.unwrap_or_default().max(OVERLAP);
        let pair = Pair {
            current,
            expires_at,
            rotated: other.map(|other| (other, now.plus(overlap))),
        };
        (pair, made_at)
    }
}

impl Issuer for ClientIssuer<'_> {
    fn what(&self) -> String {
        format!(
            "the client {} of `{}`",
            self.client_id,
            self.keycloak.name()
        )
    }

    fn keeps_two(&self) -> bool {
        self.before.two
    }

    fn make(&self) -> Result<SecretString> {
        random()
    }

    fn live(&self) -> BoxFuture<'_, Result<Live>> {
        async {
            let secrets = self.client().await?.secrets;
            let now = self.clock.now();
            let rotated = secrets
                .rotated
                .filter(|rotated| rotated.expires_at.is_some_and(|at| at > now));
            Ok(Live {
                current: secrets.current,
                other: rotated.map(|rotated| rotated.value),
            })
        }
        .boxed()
    }

    fn set<'a>(
        &'a self,
        current: &'a SecretString,
        other: Option<&'a SecretString>,
    ) -> BoxFuture<'a, Result<()>> {
        async move {
            let live = self.live().await?;
            let uuid = &self.before.uuid;
            let stays = other.is_none() && same(&live.current, current);
            if !stays {
                let (pair, made_at) = self.pair(current, other);
                self.keycloak.set_secrets(uuid, &pair, made_at).await?;
            }
            match other {
                None => self.keycloak.end_rotated(uuid).await,
                Some(_) => Ok(()),
            }
        }
        .boxed()
    }

    fn accepts<'a>(&'a self, secret: &'a SecretString) -> BoxFuture<'a, Result<Option<bool>>> {
        async move {
            self.keycloak
                .try_login(self.client_id, secret)
                .await
                .map(Some)
        }
        .boxed()
    }

    fn now(&self) -> BoxFuture<'_, Result<Timestamp>> {
        async {
            match self.own_login().await? {
                Some(at) => Ok(at),
                None => Ok(self.second().await),
            }
        }
        .boxed()
    }

    fn mark(&self) -> BoxFuture<'_, Result<Timestamp>> {
        async {
            match self.own_login().await? {
                Some(at) => Ok(at.plus(Duration::from_millis(1))),
                None => Ok(self.second().await.plus(STALE)),
            }
        }
        .boxed()
    }

    fn logins(&self, since: Timestamp) -> BoxFuture<'_, Result<Option<Vec<Login>>>> {
        async move {
            if !self.before.records_logins {
                return Ok(None);
            }
            let logins = self.keycloak.logins(self.client_id, since).await?;
            let login = |login: super::events::Login| Login {
                at: login.at,
                from: login.from,
                refused: match login.what {
                    LoginKind::Succeeded(_) => None,
                    LoginKind::Failed { error } => Some(error),
                },
            };
            Ok(Some(logins.into_iter().map(login).collect()))
        }
        .boxed()
    }
}

impl ClientIssuer<'_> {
    /// When it has just logged in as the client, by the secret that counts now, where that can be seen.
    async fn own_login(&self) -> Result<Option<Timestamp>> {
        let secrets = self.client().await?.secrets;
        // It would be refused, and counted among those who are.
        let is_refused = secrets.is_refused(self.clock.now());
        if !self.before.has_service_account || !self.before.records_logins || is_refused {
            return Ok(None);
        }
        let token = self
            .keycloak
            .token_of(self.client_id, &secrets.current)
            .await?;
        match token.as_ref().and_then(id_of) {
            Some(id) => self.keycloak.login_of(self.client_id, &id).await,
            None => Ok(None),
        }
    }

    /// The second that it is there.
    async fn second(&self) -> Timestamp {
        let there = self.keycloak.now_there(self.clock).await;
        there.map_or_else(|| self.clock.now(), |reading| reading.theirs)
    }

    /// What of the secret of before is not as it was, now that it counts again.
    pub(super) async fn revived(&self) -> Result<Option<String>> {
        let Some(refused_since) = self.before.refused_since else {
            return Ok(None);
        };
        let secrets = self.client().await?.secrets;
        let is_former = |former: &SecretString| same(former, &secrets.current);
        let is_former = self.former.as_ref().is_none_or(is_former);
        let until = secrets.expires_at.filter(|at| *at > self.clock.now());
        Ok(until.filter(|_| is_former).map(|until| {
            format!(
                "the old secret of {}, which had been refused since {refused_since}, is taken until {until}: \
                 rotate it again before then",
                self.what()
            )
        }))
    }
}
