//! Whether a consumer works with the secret that it was given: what is claimed is what was shown.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::pair::same;
use super::{Consumer, Login, Rotation};
use crate::action::{ActionError, ErrorKind, Result};
use crate::domain::time::Timestamp;

/// How often it is looked whether somebody has logged in.
const PAUSE: Duration = Duration::from_millis(400);

/// How far a proof goes. In all of them the consumer has the secret where it reads it, and was told to.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// What is asked for it says that it can log in.
    Probed,
    /// Each of its containers has logged in since, and none was turned away.
    LoggedIn,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Probed => "probed",
            Self::LoggedIn => "logged in",
        })
    }
}

/// What a consumer has shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Shown {
    pub(super) level: Level,
    /// When the last of its containers had logged in, by the issuer's clock.
    pub(super) at: Timestamp,
}

impl Rotation<'_> {
    /// Waits until a consumer has shown that it works with this secret, at a time that is not before
    /// `mark`, by the issuer's clock.
    ///
    /// # Errors
    /// It has not within its time, it has another secret, or it was turned away.
    pub(super) async fn prove(
        &self,
        consumer: &Consumer,
        secret: &SecretString,
        mark: Timestamp,
        refusal: Refusal,
    ) -> Result<Shown> {
        let systems = &self.ctx.read.systems;
        let begun = Instant::now();
        let asked_from = consumer.asked_from(systems).await?;
        let mut missing;
        loop {
            missing = match self
                .look(consumer, secret, (mark, asked_from), refusal)
                .await
                .or_else(not_yet)?
            {
                Look::Shown(shown) => {
                    if !consumer.has(systems, secret).await? {
                        return Err(self.another(consumer));
                    }
                    return Ok(shown);
                }
                Look::NotYet(missing) => missing,
            };
            if begun.elapsed() >= consumer.within {
                break;
            }
            self.ctx.sleep(PAUSE).await?;
        }
        if !consumer.has(systems, secret).await? {
            return Err(self.another(consumer));
        }
        Err(ActionError::fatal(format!(
            "{} was given its secret of {}, and {missing} within {}",
            consumer.name(),
            self.issuer.what(),
            humantime::format_duration(consumer.within)
        )))
    }

    async fn look(
        &self,
        consumer: &Consumer,
        secret: &SecretString,
        (mark, asked_from): (Timestamp, Option<Timestamp>),
        refusal: Refusal,
    ) -> Result<Look> {
        let systems = &self.ctx.read.systems;
        let logins = self.issuer.logins(mark).await?;
        let mut whole = Look::NotYet("nothing shows that it can log in".to_owned());
        if let Some(logins) = logins {
            let from = consumer.addresses(systems).await?;
            whole = seen(&logins, &from);
            if let Some(why) = refused(&logins, &from) {
                let is_early = match &whole {
                    Look::Shown(_) => !is_turned_away_later(&logins, &from),
                    Look::NotYet(_) => self.counts(secret).await?,
                };
                if refusal == Refusal::Fails || !is_early {
                    return Err(ActionError::fatal(format!(
                        "{} was turned away by {} after it had been given its secret: {why}",
                        consumer.name(),
                        self.issuer.what()
                    )));
                }
                if let Look::NotYet(missing) = &mut whole {
                    *missing = format!("it was turned away ({why})");
                }
            }
        }
        if matches!(whole, Look::Shown(_)) {
            return Ok(whole);
        }
        Ok(match consumer.asked(systems, asked_from).await? {
            Some(Ok(())) => Look::Shown(Shown {
                level: Level::Probed,
                at: self.issuer.mark().await?,
            }),
            Some(Err(why)) => Look::NotYet(why),
            None => whole,
        })
    }

    /// Nobody may be turned away from `mark` on, whoever it is, while it is watched.
    ///
    /// # Errors
    /// Somebody was.
    pub(super) async fn watch(&self, mark: Timestamp) -> Result<()> {
        let begun = Instant::now();
        loop {
            let (logins, is_known) = match self.issuer.logins(mark).await {
                Err(why) if why.kind == ErrorKind::Retryable && begun.elapsed() < self.watch => {
                    (vec![], false)
                }
                logins => (logins?.unwrap_or_default(), true),
            };
            if let Some(login) = logins.iter().find(|login| login.refused.is_some()) {
                return Err(ActionError::fatal(format!(
                    "{} is no longer let in to {} ({}): a consumer that is not declared still uses the old \
                     secret, or one that is uses another than it was given",
                    login
                        .from
                        .map_or_else(|| "somebody".to_owned(), |from| from.to_string()),
                    self.issuer.what(),
                    login.refused.as_deref().unwrap_or_default()
                )));
            }
            if is_known && begun.elapsed() >= self.watch {
                return Ok(());
            }
            self.ctx.sleep(PAUSE).await?;
        }
    }

    /// How long anybody was turned away since; `None` where that is not kept.
    pub(super) async fn gap(&self, since: Timestamp) -> Result<Option<Duration>> {
        let logins = self.issuer.logins(since).await?;
        Ok(logins.map(|logins| turned_away(&logins)))
    }

    async fn counts(&self, secret: &SecretString) -> Result<bool> {
        let live = self.issuer.live().await?;
        let mut all = std::iter::once(&live.current).chain(&live.other);
        Ok(all.any(|one| same(one, secret)))
    }

    fn another(&self, consumer: &Consumer) -> ActionError {
        ActionError::fatal(format!(
            "{} has another secret of {} than it was given, in {}: somebody else has changed it there, or its \
             containers were not made from that",
            consumer.name(),
            self.issuer.what(),
            consumer.place()
        ))
    }
}

/// One that is away for a while is waited for, like the rest.
fn not_yet(why: ActionError) -> Result<Look> {
    match why.kind {
        ErrorKind::Retryable => Ok(Look::NotYet(why.message)),
        _ => Err(why),
    }
}

/// What it means that a consumer is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It uses another secret.
    Fails,
    /// Until it is let in for the first time it may still be about to take up its secret: a login may have
    /// been under way.
    MayComeFirst,
}

enum Look {
    Shown(Shown),
    /// What is missing, in words.
    NotYet(String),
}

type From = [(String, BTreeSet<IpAddr>)];

fn refused(logins: &[Login], from: &From) -> Option<String> {
    let is_its = |login: &&Login| {
        login
            .from
            .is_some_and(|at| from.iter().any(|(_, all)| all.contains(&at)))
    };
    let mut its = logins.iter().filter(is_its);
    its.find_map(|login| login.refused.clone())
}

/// Whether somebody was turned away after he had been let in.
fn is_turned_away_later(logins: &[Login], from: &From) -> bool {
    from.iter().any(|(_, addresses)| {
        let its = logins
            .iter()
            .filter(|login| login.from.is_some_and(|at| addresses.contains(&at)));
        its.skip_while(|login| login.refused.is_some())
            .any(|login| login.refused.is_some())
    })
}

/// Each of them has logged in; the last first login counts.
fn seen(logins: &[Login], from: &From) -> Look {
    let mut at = None;
    for (name, addresses) in from {
        let is_its = |login: &&Login| login.from.is_some_and(|at| addresses.contains(&at));
        let mut let_in = logins
            .iter()
            .filter(is_its)
            .filter(|login| login.refused.is_none());
        let Some(first) = let_in.next().map(|login| login.at) else {
            return Look::NotYet(format!("{name} was not seen to log in"));
        };
        at = at.max(Some(first));
    }
    match at {
        Some(at) => Look::Shown(Shown {
            level: Level::LoggedIn,
            at,
        }),
        None => Look::NotYet("none of its containers runs".to_owned()),
    }
}

/// From the first refusal to the first success after the last one, whoever it was: a container that is made
/// anew comes from another address.
fn turned_away(logins: &[Login]) -> Duration {
    let mut refused = logins.iter().filter(|login| login.refused.is_some());
    let Some(first) = refused.next() else {
        return Duration::ZERO;
    };
    let last = refused.next_back().unwrap_or(first);
    let mut after = logins
        .iter()
        .filter(|login| login.refused.is_none() && login.at >= last.at);
    after.next().unwrap_or(last).at.since(first.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(at: i64, from: &str, refused: Option<&str>) -> Login {
        Login {
            at: Timestamp::from_micros(at),
            from: Some(from.parse().unwrap()),
            refused: refused.map(str::to_owned),
        }
    }

    fn from(all: &[(&str, &[&str])]) -> Vec<(String, BTreeSet<IpAddr>)> {
        let address = |text: &&str| text.parse().unwrap();
        let one =
            |(name, all): &(&str, &[&str])| ((*name).to_owned(), all.iter().map(address).collect());
        all.iter().map(one).collect()
    }

    #[test]
    fn every_container_has_to_log_in_and_what_others_do_counts_for_none() {
        let two = from(&[("a", &["10.0.0.2", "10.1.0.2"]), ("b", &["10.0.0.3"])]);
        let some = [login(5, "10.1.0.2", None), login(6, "10.0.0.9", None)];
        assert!(
            matches!(seen(&some, &two), Look::NotYet(what) if what == "b was not seen to log in")
        );
        let all = [
            login(5, "10.1.0.2", None),
            login(7, "10.0.0.3", None),
            login(9, "10.0.0.3", None),
        ];
        let Look::Shown(shown) = seen(&all, &two) else {
            panic!("both have");
        };
        assert_eq!(
            (shown.level, shown.at),
            (Level::LoggedIn, Timestamp::from_micros(7))
        );
        assert!(matches!(seen(&all, &from(&[])), Look::NotYet(_)));
        let late = [
            login(5, "10.0.0.3", Some("x")),
            login(6, "10.0.0.2", None),
            login(7, "10.0.0.3", Some("x")),
            login(9, "10.0.0.4", None),
            login(11, "10.0.0.3", None),
        ];
        assert_eq!(turned_away(&late), Duration::from_micros(4));
        assert_eq!(turned_away(&late[..3]), Duration::from_micros(2));
        assert_eq!(turned_away(&all), Duration::ZERO);
        let first = [login(5, "10.0.0.3", Some("x")), login(6, "10.0.0.3", None)];
        let later = [login(5, "10.0.0.3", None), login(6, "10.0.0.3", Some("x"))];
        assert!(!is_turned_away_later(&first, &two) && is_turned_away_later(&later, &two));
        assert!(matches!(
            seen(&first[..1], &from(&[("b", &["10.0.0.3"])])),
            Look::NotYet(_)
        ));
        let turned = [
            login(5, "10.0.0.9", Some("x")),
            login(6, "10.0.0.3", Some("wrong")),
        ];
        assert_eq!(refused(&turned, &two).as_deref(), Some("wrong"));
        assert_eq!(refused(&turned[..1], &two), None);
    }
}
