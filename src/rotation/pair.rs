//! The old secret and the new one, and which of them count.

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::{KEEP, Live, Rotation};
use crate::action::{ActionError, Context, Result};

const OLD: &str = "old";
const NEW: &str = "new";
/// What somebody else has set, while a person is asked about it.
const FOREIGN: &str = "foreign";

/// Both, for the time of a rotation.
pub(super) struct Pair {
    pub(super) old: SecretString,
    pub(super) new: SecretString,
}

/// Which of a pair count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// The old one alone.
    Old,
    /// Both, the new one first.
    Both,
    /// Both, the old one first.
    BothOldFirst,
    /// The new one alone.
    New,
    /// Another one: somebody else has set it.
    Other {
        /// The old one counts beside it.
        old: bool,
        /// The new one counts beside it.
        new: bool,
    },
}

impl Pair {
    pub(super) fn stand(&self, live: &Live) -> Stand {
        let is = |secret: &SecretString| (same(secret, &self.old), same(secret, &self.new));
        match (is(&live.current), live.other.as_ref().map(is)) {
            ((true, _), None) => Stand::Old,
            ((_, true), None) => Stand::New,
            ((true, _), Some((_, true))) => Stand::BothOldFirst,
            ((_, true), Some((true, _))) => Stand::Both,
            (current, other) => {
                let other = other.unwrap_or_default();
                Stand::Other {
                    old: current.0 || other.0,
                    new: current.1 || other.1,
                }
            }
        }
    }
}

/// The secret of before, from when a rotation has begun until it has ended.
///
/// # Errors
/// The store cannot be read.
pub async fn former(ctx: &Context) -> Result<Option<SecretString>> {
    ctx.held(OLD).await
}

/// Whether they are the same, in a time that does not tell where they differ.
pub fn same(one: &SecretString, other: &SecretString) -> bool {
    let (one, other) = (
        one.expose_secret().as_bytes(),
        other.expose_secret().as_bytes(),
    );
    one.ct_eq(other).into()
}

impl Rotation<'_> {
    /// The two of this rotation: sealed before the new one counts anywhere, and the same after a restart.
    pub(super) async fn keep(&self) -> Result<Pair> {
        let kept = self.ctx.repeatable(KEEP, |_| async {
            if self.ctx.held(NEW).await?.is_none() {
                self.ctx
                    .hold(OLD, &self.issuer.live().await?.current)
                    .await?;
                self.ctx.hold(NEW, &self.issuer.make()?).await?;
            }
            Ok(())
        });
        kept.await?;
        self.kept().await?.ok_or_else(|| {
            ActionError::fatal(format!(
                "the secrets of {} that this step had kept are gone from Purser's store",
                self.issuer.what()
            ))
        })
    }

    /// The two, if this rotation has come so far.
    pub(super) async fn kept(&self) -> Result<Option<Pair>> {
        let (old, new) = (self.ctx.held(OLD).await?, self.ctx.held(NEW).await?);
        Ok(old.zip(new).map(|(old, new)| Pair { old, new }))
    }

    pub(super) async fn let_go(&self) -> Result<()> {
        for name in [FOREIGN, OLD, NEW] {
            self.ctx.let_go(name).await?;
        }
        Ok(())
    }

    /// Whether a person was asked about just this secret, which somebody else has set, and has let the step
    /// go on. Else they are to be asked now.
    pub(super) async fn was_asked_about(&self, foreign: &SecretString) -> Result<bool> {
        // A process may die between this and its question: it has been asked when there is a later one.
        let before = |number: u32| -> SecretString {
            format!("{number} {}", foreign.expose_secret()).into()
        };
        if let Some(held) = self.ctx.held(FOREIGN).await? {
            let is_this = (0..self.ctx.asked).any(|number| same(&held, &before(number)));
            if is_this {
                return Ok(true);
            }
            self.ctx.let_go(FOREIGN).await?;
        }
        self.ctx.hold(FOREIGN, &before(self.ctx.asked)).await?;
        Ok(false)
    }

    pub(super) async fn stand(&self, pair: &Pair) -> Result<Stand> {
        Ok(pair.stand(&self.issuer.live().await?))
    }
}

/// A new secret that every file and every environment can hold as it is: 256 random bits in letters and
/// digits.
///
/// # Errors
/// The machine gives no random numbers.
pub fn random() -> Result<SecretString> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        ActionError::retryable(format!(
            "no secret could be made: the machine gives no random numbers ({error})"
        ))
    })?;
    Ok(hex::encode(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(current: &str, other: Option<&str>) -> Live {
        Live {
            current: current.into(),
            other: other.map(SecretString::from),
        }
    }

    #[test]
    fn which_of_a_pair_count() {
        let pair = Pair {
            old: "old".into(),
            new: "new".into(),
        };
        let other = |old, new| Stand::Other { old, new };
        for (current, beside, stand) in [
            ("old", None, Stand::Old),
            ("new", None, Stand::New),
            ("new", Some("old"), Stand::Both),
            ("old", Some("new"), Stand::BothOldFirst),
            ("x", None, other(false, false)),
            ("x", Some("new"), other(false, true)),
            ("x", Some("old"), other(true, false)),
            ("new", Some("x"), other(false, true)),
            ("old", Some("x"), other(true, false)),
        ] {
            assert_eq!(
                pair.stand(&live(current, beside)),
                stand,
                "{current} {beside:?}"
            );
        }
    }
}
