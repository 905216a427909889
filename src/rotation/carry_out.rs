//! The way forward.

use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::pair::{Pair, Stand};
use super::proof::{Refusal, Shown};
use super::{Consumer, FORGET, ISSUE, Level, RELOAD, REVOKE, Rotation, WRITE};
use crate::action::{ActionError, Context, EffectRecord, ErrorKind, Question, Result};
use crate::domain::change::Reach;
use crate::domain::time::Timestamp;

/// How long is waited before a change is said again that was not answered.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(6),
];

const OUTCOME: &str = "outcome";
/// From when on it is counted who is turned away.
const SINCE: &str = "since";
/// How long anybody was turned away.
const GAP: &str = "gap";
/// Whether the old secret had been ended by somebody else.
const ENDED: &str = "ended";

/// After what a consumer is looked at.
const RELOADED: &str = "reloaded";
const REVOKED: &str = "revoked";

/// Whether a rotation has come so far that there is no way back: its secrets are forgotten, or about to be.
pub async fn is_over(ctx: &Context) -> bool {
    let effects = ctx.effects().await;
    let mut forgets = effects.iter().filter(|one| one.effect.name == FORGET);
    forgets.any(EffectRecord::is_live)
}

/// What a rotation has come to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// Each consumer, in the order in which it was given the new secret.
    pub consumers: Vec<Gave>,
    /// How long somebody was turned away since the new secret was issued; `None` where nobody keeps who comes.
    pub gap: Option<Duration>,
    /// The old secret was tried once more, and was refused; `None` where that could not be tried.
    pub old_refused: Option<bool>,
    /// The old secret had come to its end before it was revoked: somebody else has ended it, or its time was
    /// over.
    #[serde(default)]
    pub ended_early: bool,
}

/// What a consumer has shown after the old secret had been revoked.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Gave {
    /// Which.
    pub consumer: String,
    /// Where it has its secret from.
    pub place: String,
    /// What it has shown.
    pub proof: Level,
}

impl Rotation<'_> {
    /// Issues, writes, proves and revokes. A restart goes on from where it was.
    ///
    /// # Errors
    /// Something has not shown that it works: [`Self::back`] is the way back.
    pub async fn forward(&self) -> Result<Outcome> {
        if is_over(self.ctx).await {
            // All that is left to do needs neither of them.
            return self.settle(&SecretString::default()).await;
        }
        let pair = self.keep().await?;
        let issued = if self.issuer.keeps_two() {
            let issued = self.issue(&pair).await?;
            for consumer in self.consumers {
                self.write(consumer, &pair).await?;
                self.reload(consumer, &pair).await?;
                self.shown(consumer, &pair, RELOADED).await?;
            }
            self.revoke(&pair).await?;
            issued
        } else {
            self.all_at_once(&pair).await?
        };
        self.last(&pair, issued).await?;
        self.settle(&pair.new).await
    }

    /// Where only one secret counts: whatever can be done before is, and the rest at once.
    async fn all_at_once(&self, pair: &Pair) -> Result<Timestamp> {
        let early = self.consumers.iter().filter(|one| !one.reads_at_any_time());
        for consumer in early {
            self.write(consumer, pair).await?;
        }
        let issued = self.issue(pair).await?;
        for consumer in self.consumers.iter().filter(|one| one.reads_at_any_time()) {
            self.write(consumer, pair).await?;
        }
        let reloads = self.consumers.iter().map(|one| self.reload(one, pair));
        futures_util::future::try_join_all(reloads).await?;
        Ok(issued)
    }

    /// The new secret counts from now on. An instant before that, by the issuer's clock.
    async fn issue(&self, pair: &Pair) -> Result<Timestamp> {
        self.ctx
            .progress(format!("{}: issuing", self.issuer.what()));
        // Once: who is turned away while this process is dead counts too.
        let since = || self.insist(|| self.issuer.now());
        let since = self.ctx.record(SINCE, since).await?;
        self.ctx
            .repeatable(ISSUE, |_| async {
                self.insist(|| self.let_new_count(pair)).await
            })
            .await?;
        Ok(since)
    }

    async fn let_new_count(&self, pair: &Pair) -> Result<()> {
        let (issuer, two) = (self.issuer, self.issuer.keeps_two());
        let found = self.stand(pair).await?;
        match found {
            Stand::Old | Stand::BothOldFirst => {
                issuer.set(&pair.new, two.then_some(&pair.old)).await?;
            }
            Stand::Both | Stand::New => {}
            Stand::Other { .. } => return Err(self.moved()),
        }
        match (self.stand(pair).await?, two) {
            (Stand::Both, true) | (Stand::New, false) => Ok(()),
            // It was issued before this process died, and somebody has ended the old one since.
            (Stand::New, true) if found == Stand::New => Ok(()),
            (Stand::New, true) => Err(ActionError::fatal(format!(
                "{} took the new secret and dropped the old one at once, although it was said to keep two: \
                 the old one is set again",
                issuer.what()
            ))),
            _ => Err(self.moved()),
        }
    }

    async fn write(&self, consumer: &Consumer, pair: &Pair) -> Result<()> {
        self.ctx.progress(format!("writing to {}", consumer.name()));
        let reach = Reach::name(consumer.name());
        let systems = &self.ctx.read.systems;
        self.ctx.record(reach, || consumer.reach(systems)).await?;
        self.ctx
            .repeatable((WRITE, consumer.name()), |key| async move {
                consumer.write(&pair.new, &[&pair.old], &key.token()).await
            })
            .await
    }

    async fn reload(&self, consumer: &Consumer, pair: &Pair) -> Result<()> {
        self.ctx.progress(format!("reloading {}", consumer.name()));
        let part = self.ctx.part(consumer.name());
        consumer.recreate(&part, &pair.new).await?;
        self.ctx
            .repeatable((RELOAD, consumer.name()), |_| consumer.take_up(self.ctx))
            .await
    }

    /// It logs in, after it was reloaded or after the old secret was revoked.
    async fn shown(&self, consumer: &Consumer, pair: &Pair, after: &str) -> Result<Shown> {
        let name = format!("{after}[{}]", consumer.name());
        self.ctx
            .record(name, || async {
                self.ctx
                    .progress(format!("waiting for {} to log in", consumer.name()));
                let mark = self.issuer.mark().await?;
                // From when the old secret is revoked on, a refusal is one of that.
                let refusal = if after == REVOKED && self.issuer.keeps_two() {
                    Refusal::Fails
                } else {
                    Refusal::MayComeFirst
                };
                match self.prove(consumer, &pair.new, mark, refusal).await {
                    Err(why) => Err(self.unless_moved(pair, why).await),
                    shown => shown,
                }
            })
            .await
    }

    /// From now on only the new secret counts.
    async fn revoke(&self, pair: &Pair) -> Result<()> {
        self.insist(|| self.agreed(pair)).await?;
        self.was_ended(pair).await?;
        self.ctx
            .progress(format!("{}: revoking the old secret", self.issuer.what()));
        self.ctx
            .repeatable(REVOKE, |_| async {
                self.insist(|| self.let_new_alone_count(pair)).await
            })
            .await
    }

    /// Whether the old secret counted no more already when it was about to be revoked.
    async fn was_ended(&self, pair: &Pair) -> Result<bool> {
        let is_ended = || async { Ok(self.stand(pair).await? == Stand::New) };
        self.ctx.record(ENDED, || self.insist(is_ended)).await
    }

    async fn let_new_alone_count(&self, pair: &Pair) -> Result<()> {
        let live = self.issuer.live().await?;
        match pair.stand(&live) {
            // Also where the old one counts no more: it may still be kept there.
            Stand::New | Stand::Both | Stand::BothOldFirst => {
                self.issuer.set(&pair.new, None).await
            }
            Stand::Other { .. } if self.was_asked_about(&live.current).await? => {
                self.issuer.set(&pair.new, None).await
            }
            Stand::Old | Stand::Other { .. } => Err(self.moved()),
        }
    }

    /// Where somebody else's secret counts beside this run's, nothing is broken by waiting for a word.
    async fn agreed(&self, pair: &Pair) -> Result<()> {
        let live = self.issuer.live().await?;
        let is_disturbed = matches!(pair.stand(&live), Stand::Other { new: true, .. });
        if !is_disturbed || self.was_asked_about(&live.current).await? {
            return Ok(());
        }
        let known = format!(
            "somebody else has set another secret of {} since this run has issued its own. Every consumer has \
             this run's, which still counts beside it. Go on, and this run's secret counts alone; cancel, and \
             the other one stays",
            self.issuer.what()
        );
        let question = Question {
            effect: String::new(),
            known: known.clone(),
        };
        Err(ActionError::new(ErrorKind::Waiting(question), known))
    }

    /// The proof that counts: nobody gets in by the old secret, and everybody does by the new one.
    async fn last(&self, pair: &Pair, issued: Timestamp) -> Result<Outcome> {
        self.ctx
            .record(OUTCOME, || async {
                let mark = self.issuer.mark().await?;
                let mut consumers = Vec::new();
                for consumer in self.consumers {
                    let shown = self.shown(consumer, pair, REVOKED).await?;
                    consumers.push(Gave {
                        consumer: consumer.name().to_owned(),
                        place: consumer.place(),
                        proof: shown.level,
                    });
                }
                self.ctx.progress("watching whether anybody is turned away");
                // Where only one counts there is a gap, which is over now that the last has shown itself.
                let from = if self.issuer.keeps_two() {
                    mark
                } else {
                    self.issuer.mark().await?
                };
                self.watch(from).await?;
                // Before the old one is tried, which is a refusal too.
                let gap = self.ctx.record(GAP, || self.gap(issued)).await?;
                let ended_early = self.issuer.keeps_two() && self.was_ended(pair).await?;
                self.is_alone(pair).await.map(|old_refused| Outcome {
                    consumers,
                    gap,
                    old_refused,
                    ended_early,
                })
            })
            .await
    }

    /// Only the new secret counts. Whether the old one was tried and refused.
    async fn is_alone(&self, pair: &Pair) -> Result<Option<bool>> {
        if self.stand(pair).await? != Stand::New {
            return Err(self.moved());
        }
        match self.issuer.accepts(&pair.old).await? {
            Some(true) => Err(ActionError::fatal(format!(
                "{} still lets somebody in by the old secret after it was revoked",
                self.issuer.what()
            ))),
            tried => Ok(tried.map(|accepted| !accepted)),
        }
    }

    /// There is no way back any more, and nothing to go back for: what was kept for it goes.
    async fn settle(&self, secret: &SecretString) -> Result<Outcome> {
        let outcome = self.ctx.record(OUTCOME, || async {
            Err(ActionError::fatal(
                "what the consumers have shown is not in the journal",
            ))
        });
        let outcome = outcome.await?;
        self.ctx.repeatable(FORGET, |_| self.let_go()).await?;
        for consumer in self.consumers {
            let part = self.ctx.part(consumer.name());
            consumer.settle(&part, secret).await?;
        }
        Ok(outcome)
    }

    /// What may be said again is, when it was not answered: the issuer may be away for a moment.
    async fn insist<T, F>(&self, ask: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        for pause in PAUSES {
            match ask().await {
                Err(why) if why.kind == ErrorKind::Retryable => {
                    self.ctx.progress(format!("tried again soon: {why}"));
                    self.ctx.sleep(pause).await?;
                }
                answered => return answered,
            }
        }
        ask().await
    }

    async fn unless_moved(&self, pair: &Pair, why: ActionError) -> ActionError {
        match self.stand(pair).await {
            Ok(Stand::Other { new: false, .. } | Stand::Old) => self.moved(),
            _ => why,
        }
    }

    fn moved(&self) -> ActionError {
        ActionError::fatal(format!(
            "somebody else has set another secret of {} in the middle of this rotation, and the one that was \
             issued does not count any more: see who did (its events of administrators), give the consumers what \
             is to count, and rotate again",
            self.issuer.what()
        ))
    }
}
