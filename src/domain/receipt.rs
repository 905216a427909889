//! Receipts: what was done, by whom, with what result; append-only, chained and signed
//! (decision 17).
//!
//! A receipt is written in the transaction that ends its run, and sealed after it: the sealer
//! gives it its place in the chain, the hash of its predecessor, its own hash over canonical JSON
//! (RFC 8785) and an Ed25519 signature (RFC 8032). Free texts are not in the sealed part: it
//! holds a salted hash of each, and the texts stand beside it. So a secret that got into a text
//! can be erased, and the chain still verifies.

use std::collections::BTreeMap;

use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::approval::Delegation;
use super::digest::{Digest, canonical_json};
use super::effect::{EffectRecord, EffectStatus};
use super::ending::{FinalState, Summary};
use super::event::Trigger;
use super::input_file::for_the_books;
use super::names::{ActionName, RunId, StepId, SystemName, WorkflowName};
use super::person::Actor;
use super::run::{RunState, StepState, StepStatus};
use super::schedule::ScheduleName;
use super::time::Timestamp;

/// The version of the format of what is sealed.
pub const FORMAT: u32 = 1;

/// What `prev` of the first receipt holds.
pub const GENESIS: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// What is sealed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Content {
    /// [`FORMAT`].
    pub format: u32,
    /// What it is about.
    pub subject: Subject,
    /// When that was over.
    pub at: Timestamp,
    /// Who asked.
    pub by: Actor,
    /// In a sentence.
    pub summary: Committed,
}

/// What a receipt is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Subject {
    /// A run that has ended.
    Run(Box<RunFacts>),
    /// Something that was refused, without a run.
    Refused {
        /// What was asked for: `run deploy`, `approve 0c9d…`.
        asked: String,
    },
    /// Fires of a schedule that were passed over.
    PassedOver {
        /// Which schedule.
        schedule: ScheduleName,
        /// The last of them.
        at: Timestamp,
    },
    /// Something that was changed without a run, such as a reload.
    Changed {
        /// What: `catalog`.
        what: String,
    },
    /// The store was recovered from a backup: what came after the anchor is not in this chain.
    Recovered {
        /// The name of the backup.
        backup: String,
        /// When it was made.
        made_at: Timestamp,
        /// The last receipt that the backup holds; none when it holds none.
        anchor: Option<Anchor>,
        /// How many unfinished runs were ended.
        ended_runs: usize,
    },
}

/// A place in a chain of receipts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Anchor {
    /// The receipt's place.
    pub seq: u64,
    /// Its hash.
    pub hash: Digest,
}

/// The facts of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunFacts {
    /// Which run.
    pub run: RunId,
    /// Of which workflow.
    pub workflow: WorkflowName,
    /// By which definition.
    pub definition: Digest,
    /// By which way it was asked for.
    pub trigger: Trigger,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// How it ended.
    pub state: FinalState,
    /// Its inputs.
    pub inputs: Committed,
    /// The digest of the plan that was approved, where one was asked for.
    pub approved_plan: Option<Digest>,
    /// Who approved it.
    pub approved_by: Vec<Actor>,
    /// Who let whom approve it in their stead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delegated: Vec<Delegation>,
    /// The earlier run that it went on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun_of: Option<RunId>,
    /// The earlier run that it took back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_of: Option<RunId>,
    /// Why it took that back, where somebody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_reason: Option<Committed>,
    /// Why it did not wait for freezes and locks, where somebody broke the glass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<Committed>,
    /// What each step did.
    pub steps: Vec<StepFacts>,
}

/// The facts of one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepFacts {
    /// Which step.
    pub step: StepId,
    /// What it did, if it began.
    pub action: Option<ActionName>,
    /// On which system.
    pub system: Option<SystemName>,
    /// How it ended.
    pub status: StepStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// The earlier run that has done it, so that this one has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_in: Option<RunId>,
    /// Who approved this step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<Actor>,
    /// Who let whom approve this step in their stead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub delegated: Vec<Delegation>,
    /// The digest of the plan that stood.
    pub plan: Option<Digest>,
    /// The level of proof that the action reached, where it names one (decision 20).
    pub proof: Option<String>,
    /// Its effects: the journal.
    pub effects: Vec<EffectFacts>,
    /// Its output.
    pub output: Option<Committed>,
    /// Why it failed.
    pub failure: Option<Committed>,
    /// What could not be taken back.
    pub left: Option<Committed>,
}

/// The facts of one effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EffectFacts {
    /// Its name.
    pub effect: String,
    /// Which generation of the step it belongs to.
    pub generation: u32,
    /// `started`, `done`, `failed` or `undone`.
    pub status: String,
    /// When it was begun.
    pub started_at: Timestamp,
    /// When its end was recorded.
    pub ended_at: Option<Timestamp>,
}

/// A commitment to a text: the SHA-256 of its salt and the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Committed(Digest);

/// A text that a receipt is committed to. It can be erased; the receipt still verifies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Text {
    /// Makes the hash of a short text unguessable: 32 hexadecimal digits.
    pub salt: String,
    /// The text, or canonical JSON.
    pub text: String,
}

/// The texts of one receipt, by commitment.
pub type Texts = BTreeMap<Committed, Text>;

impl Text {
    fn commitment(&self) -> Committed {
        Committed(Digest::of_bytes(
            format!("{}\n{}", self.salt, self.text).as_bytes(),
        ))
    }
}

/// A receipt before it is sealed: the content, and the texts that it is committed to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    /// What is to be sealed.
    pub content: Content,
    /// What stands beside it.
    pub texts: Texts,
}

/// Collects texts and gives out commitments. Salts come from one random seed.
struct Committer {
    seed: [u8; 32],
    texts: Texts,
}

impl Committer {
    fn text(&mut self, text: &str) -> Committed {
        let salt = Sha256::new()
            .chain_update(self.seed)
            .chain_update(self.texts.len().to_be_bytes())
            .chain_update(text)
            .finalize();
        let text = Text {
            salt: hex::encode(&salt[..16]),
            text: text.to_owned(),
        };
        let commitment = text.commitment();
        self.texts.insert(commitment.clone(), text);
        commitment
    }

    fn json(&mut self, value: &Value) -> Committed {
        self.text(&canonical_json(value))
    }
}

impl Draft {
    /// The receipt of a run that has ended; `None` while it has not. `seed` must be fresh
    /// randomness: the salts of the texts are drawn from it.
    pub fn of_run(run: &RunState, seed: [u8; 32]) -> Option<Self> {
        let ended = run.ended.as_ref()?;
        let mut commit = Committer {
            seed,
            texts: Texts::new(),
        };
        let approval = run.approval.as_ref().filter(|a| !a.approved_by.is_empty());
        let undo = run.request.undo.as_ref();
        let facts = RunFacts {
            run: run.id,
            workflow: run.request.workflow.clone(),
            definition: run.request.definition.clone(),
            trigger: run.request.trigger.clone(),
            requested_at: run.requested_at,
            state: ended.state,
            inputs: commit.json(&for_the_books(&run.request.inputs)),
            approved_plan: approval.map(|approval| approval.digest.clone()),
            approved_by: approval.map(|a| a.approved_by.clone()).unwrap_or_default(),
            delegated: approval.map(|a| a.delegated.clone()).unwrap_or_default(),
            rerun_of: run.request.rerun.as_ref().map(|rerun| rerun.of),
            undo_of: undo.map(|undo| undo.of),
            undo_reason: undo.and_then(|undo| Some(commit.text(undo.reason.as_ref()?))),
            break_glass: run.request.break_glass.as_ref().map(|why| commit.text(why)),
            steps: run
                .steps
                .iter()
                .map(|(id, s)| step_facts(id, s, &mut commit))
                .collect(),
        };
        let content = Content {
            format: FORMAT,
            subject: Subject::Run(Box::new(facts)),
            at: ended.at,
            by: run.request.by.clone(),
            summary: commit.text(&summary_of(run, &ended.summary)),
        };
        Some(Self {
            content,
            texts: commit.texts,
        })
    }

    /// The receipt of something without a run: a refusal, a reload.
    pub fn without_run(
        subject: Subject,
        by: Actor,
        at: Timestamp,
        summary: &str,
        seed: [u8; 32],
    ) -> Self {
        let mut commit = Committer {
            seed,
            texts: Texts::new(),
        };
        let summary = commit.text(summary);
        Self {
            content: Content {
                format: FORMAT,
                subject,
                at,
                by,
                summary,
            },
            texts: commit.texts,
        }
    }
}

/// How it ended, and that the glass was broken for it, which nobody who reads it is to miss.
fn summary_of(run: &RunState, summary: &Summary) -> String {
    let summary = summary.to_string();
    match &run.request.break_glass {
        Some(why) => {
            let (summary, by) = (summary.trim_end_matches('.'), &run.request.by);
            format!("{summary}. {by} broke the glass: {why}")
        }
        None => summary,
    }
}

fn step_facts(id: &StepId, state: &StepState, commit: &mut Committer) -> StepFacts {
    // What an earlier run has proven stands on the receipt of that one.
    let own_output = state.output.as_ref().filter(|_| state.done_in.is_none());
    let proof = own_output.and_then(|output| output.get("proof")?.as_str());
    let approval = state.approval.as_ref().map(|asked| &asked.request);
    StepFacts {
        step: id.clone(),
        action: state.action.clone(),
        system: state.system.clone(),
        status: state.status,
        attempts: state.attempt,
        done_in: state.done_in,
        approved_by: approval.map(|a| a.approved_by.clone()).unwrap_or_default(),
        delegated: approval.map(|a| a.delegated.clone()).unwrap_or_default(),
        plan: state.plan.as_ref().map(super::plan::Plan::digest),
        proof: proof.map(str::to_owned),
        effects: own_effects(state).map(effect_facts).collect(),
        output: output_of(state).map(|output| commit.json(&output)),
        failure: state
            .failure
            .as_ref()
            .map(|failure| commit.text(&failure.message)),
        left: state.left.as_ref().map(|left| commit.text(left)),
    }
}

/// What an earlier run has done, and this one has not taken back, is nothing that this one did.
fn own_effects(state: &StepState) -> impl Iterator<Item = &EffectRecord> {
    let is_own = |record: &&EffectRecord| state.done_in.is_none() || !record.is_live();
    state.effects.iter().filter(is_own)
}

/// What it has left; where the log has that in part, both are said.
fn output_of(state: &StepState) -> Option<Value> {
    let output = state.output.clone()?;
    let left_out = state.told_of_left_out();
    Some(if left_out.is_empty() {
        output
    } else {
        serde_json::json!({ "left_out": left_out, "output": output })
    })
}

fn effect_facts(record: &EffectRecord) -> EffectFacts {
    let status = match record.status {
        EffectStatus::Started => "started",
        EffectStatus::Done(_) => "done",
        EffectStatus::Failed => "failed",
        EffectStatus::Undone => "undone",
    };
    EffectFacts {
        effect: record.effect.to_string(),
        generation: record.generation,
        status: status.to_owned(),
        started_at: record.started_at,
        ended_at: record.ended_at,
    }
}

/// A receipt in its place in the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// Its place, counted from 1, without gaps.
    pub seq: u64,
    /// The hash of the one before it.
    pub prev: Digest,
    /// What is sealed.
    pub content: Content,
    /// The SHA-256 of the canonical JSON of `seq`, `prev` and `content`.
    pub hash: Digest,
    /// The Ed25519 signature of the hash as text: 128 hexadecimal digits.
    pub signature: String,
    /// The texts that it is committed to, those that have not been erased.
    pub texts: Texts,
}

impl Receipt {
    /// Seals a draft behind the receipt `prev` (its place and hash), or as the first.
    pub fn seal(draft: Draft, prev: Option<(u64, Digest)>, key: &SigningKey) -> Self {
        let (seq, prev) = match prev {
            Some((seq, hash)) => (seq + 1, hash),
            None => (1, Digest::from(GENESIS.to_owned())),
        };
        let hash = hash_of(seq, &prev, &draft.content);
        let signature = hex::encode(key.sign(signed_text(&hash).as_bytes()).to_bytes());
        Self {
            seq,
            prev,
            content: draft.content,
            hash,
            signature,
            texts: draft.texts,
        }
    }

    /// Whether nothing in it was altered and `key` has signed it.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify(&self, key: &VerifyingKey) -> Result<(), Broken> {
        let broken = |what: String| Broken {
            seq: self.seq,
            what,
        };
        if hash_of(self.seq, &self.prev, &self.content) != self.hash {
            return Err(broken(
                "its content does not have the hash that it was sealed with".into(),
            ));
        }
        self.signed_by(key).map_err(|what| broken(what.into()))?;
        let forged = self
            .texts
            .iter()
            .find(|(known, text)| text.commitment() != **known);
        match forged {
            Some((_, text)) => Err(broken(format!("a text was altered: {:?}", text.text))),
            None => Ok(()),
        }
    }

    /// Whether `key` has signed its hash.
    ///
    /// # Errors
    /// What is wrong with the signature.
    pub fn signed_by(&self, key: &VerifyingKey) -> Result<(), &'static str> {
        let signature = hex::decode(&self.signature)
            .ok()
            .and_then(|bytes| Signature::from_slice(&bytes).ok())
            .ok_or("its signature cannot be read")?;
        key.verify(signed_text(&self.hash).as_bytes(), &signature)
            .map_err(|_| "its signature is not by this store's key")
    }

    /// The text of a commitment, unless it was erased.
    pub fn text(&self, commitment: &Committed) -> Option<&str> {
        self.texts.get(commitment).map(|text| text.text.as_str())
    }
}

/// Where a chain of receipts does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("receipt {seq} does not hold: {what}")]
pub struct Broken {
    /// The receipt.
    pub seq: u64,
    /// What is wrong with it.
    pub what: String,
}

/// The chain as it is read, one receipt after the other.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    head: Option<(u64, Digest)>,
}

impl Chain {
    /// The chain from behind a receipt that is taken as it is.
    pub fn behind(receipt: &Receipt) -> Self {
        Self {
            head: Some((receipt.seq, receipt.hash.clone())),
        }
    }

    /// Takes in the next receipt.
    ///
    /// # Errors
    /// That it does not follow the one before it, or does not hold by itself.
    pub fn next(&mut self, receipt: &Receipt, key: &VerifyingKey) -> Result<(), Broken> {
        let (seq, prev) = match &self.head {
            Some((seq, hash)) => (seq + 1, hash.clone()),
            None => (1, Digest::from(GENESIS.to_owned())),
        };
        let broken = |what: String| Broken {
            seq: receipt.seq,
            what,
        };
        if receipt.seq != seq {
            return Err(broken(format!("receipt {seq} is missing before it")));
        }
        receipt.verify(key)?;
        if receipt.prev != prev {
            return Err(broken("it does not follow the receipt before it".into()));
        }
        self.head = Some((receipt.seq, receipt.hash.clone()));
        Ok(())
    }

    /// Place and hash of the last receipt that was read.
    pub fn head(&self) -> Option<&(u64, Digest)> {
        self.head.as_ref()
    }
}

fn hash_of(seq: u64, prev: &Digest, content: &Content) -> Digest {
    super::digest::digest_of(&serde_json::json!({ "seq": seq, "prev": prev, "content": content }))
}

fn signed_text(hash: &Digest) -> String {
    format!("purser receipt {FORMAT} {hash}")
}

#[cfg(test)]
mod tests;
