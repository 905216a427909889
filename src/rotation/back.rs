//! The way back: every consumer is left with a secret that counts.
//!
//! Nothing here relies on what was recorded but the effects and the two secrets: an undo may itself be
//! killed, and called again.

use super::pair::{Pair, Stand};
use super::proof::Refusal;
use super::{Consumer, ISSUE, KEEP, RELOAD, REVOKE, Rotation, WRITE, is_over};
use crate::action::{ActionError, EffectStatus, Result, Undone};
use crate::domain::change::Reach;

impl Rotation<'_> {
    /// Has the old secret count again, gives it back to each consumer, and drops the new one.
    ///
    /// # Errors
    /// The system does not answer, or a consumer cannot be given its old secret.
    pub async fn back(&self) -> Result<Undone> {
        if is_over(self.ctx).await {
            return Ok(Undone::ExceptFor(format!(
                "the new secret of {} stays: every consumer has logged in by it, and the old one is revoked",
                self.issuer.what()
            )));
        }
        let Some(pair) = self.kept().await? else {
            // It was killed before both were kept, so nothing was issued.
            self.forget().await?;
            return Ok(Undone::Fully);
        };
        self.has_landed().await?;
        let mut left = Vec::new();
        let stand = self.stand(&pair).await?;
        let is_others = matches!(stand, Stand::Other { .. });
        if is_others {
            left.push(format!(
                "{} keeps the secret that somebody else has set meanwhile",
                self.issuer.what()
            ));
        } else {
            self.old_counts(&pair, stand).await?;
        }
        let old_counts = !matches!(stand, Stand::Other { old: false, .. });
        let mut has_new = false;
        for consumer in self.consumers.iter().rev() {
            if !self.is_live(WRITE, consumer.name()).await {
                continue;
            }
            if old_counts {
                if let Some(unseen) = self.give_back(consumer, &pair).await? {
                    left.push(unseen);
                    has_new = true;
                }
            } else {
                left.extend(self.leave(consumer, &pair).await?);
            }
        }
        left.extend(self.drop_new(&pair, is_others, has_new).await?);
        self.forget().await?;
        Ok(match left[..] {
            [] => Undone::Fully,
            _ => Undone::ExceptFor(left.join("; ")),
        })
    }

    /// The old one counts before any consumer is given it; where two are kept, the new one still does.
    async fn old_counts(&self, pair: &Pair, stand: Stand) -> Result<()> {
        let (issuer, two) = (self.issuer, self.issuer.keeps_two());
        if stand == Stand::New {
            issuer.set(&pair.old, two.then_some(&pair.new)).await?;
        }
        self.ctx
            .undo(REVOKE, |_, _: Option<()>| async { Ok(()) })
            .await
    }

    /// What was not seen of it, in words. Its write is only taken back once it is seen to work.
    async fn give_back(&self, consumer: &Consumer, pair: &Pair) -> Result<Option<String>> {
        let name = consumer.name();
        let mut unseen = None;
        let told = &mut unseen;
        self.ctx
            .undo((RELOAD, name), |_, _: Option<()>| async { Ok(()) })
            .await?;
        let taken_back = self
            .ctx
            .undo((WRITE, name), |key, _: Option<()>| async move {
                let why = self.restore(consumer, pair, &key.token()).await?;
                let seen = why.is_none();
                *told = why;
                if seen {
                    Ok(())
                } else {
                    Err(ActionError::fatal("it was not seen to work"))
                }
            })
            .await;
        match unseen {
            Some(unseen) => Ok(Some(unseen)),
            None => taken_back.map(|()| None),
        }
    }

    async fn restore(
        &self,
        consumer: &Consumer,
        pair: &Pair,
        token: &str,
    ) -> Result<Option<String>> {
        let name = consumer.name();
        consumer.write(&pair.old, &[&pair.new], token).await?;
        let part = self.ctx.part(name);
        if let Undone::ExceptFor(left) = consumer.take_back(&part, &pair.old).await? {
            return Ok(Some(left));
        }
        let systems = &self.ctx.read.systems;
        let before = Reach::name(name);
        let before = self.ctx.record(before, || consumer.reach(systems)).await?;
        if let Some(before) = &before {
            consumer.start_again(systems, before).await?;
        }
        // It may have taken up the new one by itself, if it was started anew.
        consumer.take_up(self.ctx).await?;
        let mark = self.issuer.mark().await?;
        let proven = self
            .prove(consumer, &pair.old, mark, Refusal::MayComeFirst)
            .await;
        Ok(proven.err().map(|why| {
            format!("{name} has its old secret again and was not seen to work with it: {why}")
        }))
    }

    /// Neither the old secret nor another of ours is to be trusted: whoever has one that counts keeps it.
    async fn leave(&self, consumer: &Consumer, pair: &Pair) -> Result<Option<String>> {
        let (name, live) = (consumer.name(), self.issuer.live().await?);
        let systems = &self.ctx.read.systems;
        for counts in [Some(&live.current), live.other.as_ref()]
            .into_iter()
            .flatten()
        {
            if consumer.has(systems, counts).await? {
                let which = if super::pair::same(counts, &pair.new) {
                    "this run's secret, which counts until the other one is rotated"
                } else {
                    "the other secret"
                };
                return Ok(Some(format!("{name} keeps {which}")));
            }
        }
        let key = self.ctx.key((WRITE, name)).await;
        consumer
            .write(&live.current, &[&pair.old, &pair.new], &key.token())
            .await?;
        consumer.take_up(self.ctx).await?;
        let has_it = consumer.has(systems, &live.current).await?;
        Ok(Some(if has_it {
            format!("{name} was given the secret that counts now")
        } else {
            format!(
                "{name} has a secret that does not count: make its containers anew (`docker compose up -d`)"
            )
        }))
    }

    /// The new one counts no more, unless somebody may still have it.
    async fn drop_new(
        &self,
        pair: &Pair,
        is_others: bool,
        has_new: bool,
    ) -> Result<Option<String>> {
        if is_others {
            self.ctx
                .undo(ISSUE, |_, _: Option<serde_json::Value>| async { Ok(()) })
                .await?;
            return Ok(None);
        }
        let keeps = has_new && self.issuer.keeps_two();
        let issuer = self.issuer;
        self.ctx
            .undo(ISSUE, |_, _: Option<serde_json::Value>| async move {
                issuer.set(&pair.old, keeps.then_some(&pair.new)).await
            })
            .await?;
        Ok(keeps.then(|| {
            format!(
                "the new secret still counts beside the old one at {}, for whoever has it",
                issuer.what()
            )
        }))
    }

    async fn forget(&self) -> Result<()> {
        self.ctx.undo(KEEP, |_, _: Option<()>| self.let_go()).await
    }

    async fn is_live(&self, effect: &str, item: &str) -> bool {
        let effects = self.ctx.effects().await;
        effects.iter().any(|one| {
            one.is_live() && one.effect.name == effect && one.effect.item.as_deref() == Some(item)
        })
    }

    /// What a process that died has asked for may still come.
    async fn has_landed(&self) -> Result<()> {
        for begun in self.ctx.effects().await {
            let spec = self.ctx.spec.effect(&begun.effect.name);
            let is_asked = [ISSUE, REVOKE].contains(&begun.effect.name.as_str());
            if let Some(spec) = spec.filter(|_| is_asked && begun.status == EffectStatus::Started) {
                self.ctx.until_landed(spec, begun.started_at).await?;
            }
        }
        Ok(())
    }
}
