//! Approvals: a human gate that is bound to a plan's digest.

use std::collections::BTreeSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::names::{PersonName, Role};
use super::person::{Actor, Refusal, one_of};
use super::time::{Span, Timestamp};

/// Who must say yes, and for how long it can be said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalPolicy {
    /// One of these roles is needed.
    pub by: Vec<Role>,
    /// How many different persons.
    #[serde(default = "one")]
    pub count: u32,
    /// Whether the person who asked for the run does not count.
    #[serde(default)]
    pub not_requester: bool,
    /// After this nobody can approve any more and the run is cancelled.
    #[serde(default = "an_hour")]
    pub expires: Span,
}

const fn one() -> u32 {
    1
}

const fn an_hour() -> Span {
    Span::new(Duration::from_hours(1))
}

/// A question that is open: may this plan be carried out?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalRequest {
    /// The digest of the plan.
    pub digest: Digest,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// Who has said yes so far.
    pub approved_by: Vec<Actor>,
}

impl ApprovalRequest {
    /// Whether enough of the right persons have said yes, for every policy.
    pub fn is_met(&self, policies: &[ApprovalPolicy], requester: &PersonName) -> bool {
        policies
            .iter()
            .all(|policy| self.missing(policy, requester) == 0)
    }

    /// Whether this person has said yes already.
    pub fn has_yes_of(&self, person: &PersonName) -> bool {
        self.approved_by.iter().any(|actor| actor.person == *person)
    }

    /// Whether a yes of this person would count now.
    pub fn may_be_met_by(
        &self,
        actor: &Actor,
        policies: &[ApprovalPolicy],
        requester: &PersonName,
    ) -> MayApprove {
        if self.has_yes_of(&actor.person) {
            return MayApprove::No(already(actor));
        }
        match may_approve(actor, policies, requester) {
            Ok(()) => MayApprove::Yes,
            Err(refusal) => MayApprove::No(refusal.0),
        }
    }

    /// How many more persons the policy wants.
    pub fn missing(&self, policy: &ApprovalPolicy, requester: &PersonName) -> usize {
        let persons: BTreeSet<_> = self
            .approved_by
            .iter()
            .filter(|actor| counts(policy, actor, requester))
            .map(|actor| &actor.person)
            .collect();
        (policy.count as usize).saturating_sub(persons.len())
    }
}

/// Whether somebody's yes would count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MayApprove {
    /// It would.
    Yes,
    /// It would not: why, and whose would.
    No(String),
}

/// One yes of a person is enough.
pub fn already(actor: &Actor) -> String {
    format!("{actor} has already approved this plan")
}

fn counts(policy: &ApprovalPolicy, actor: &Actor, requester: &PersonName) -> bool {
    actor.has_one_of(&policy.by) && !(policy.not_requester && actor.person == *requester)
}

/// Whether this person's yes would count for one of the policies.
///
/// # Errors
/// Why not, and who could.
pub fn may_approve(
    actor: &Actor,
    policies: &[ApprovalPolicy],
    requester: &PersonName,
) -> Result<(), Refusal> {
    if policies
        .iter()
        .any(|policy| counts(policy, actor, requester))
    {
        return Ok(());
    }
    let roles: Vec<Role> = policies
        .iter()
        .flat_map(|policy| policy.by.clone())
        .collect();
    Err(Refusal(
        if actor.person == *requester && actor.has_one_of(&roles) {
            format!(
                "{actor} asked for this run and cannot approve it: a second person with the role {} must",
                one_of(&roles)
            )
        } else {
            format!(
                "{actor} may not approve this run: that takes the role {}",
                one_of(&roles)
            )
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(name: &str, through: &str) -> Actor {
        Actor {
            person: name.into(),
            roles: vec!["operator".into()],
            through: through.into(),
        }
    }

    fn policy(count: u32) -> ApprovalPolicy {
        ApprovalPolicy {
            by: vec!["operator".into()],
            count,
            not_requester: true,
            expires: an_hour(),
        }
    }

    #[test]
    fn one_person_with_two_identities_counts_once() {
        let request = ApprovalRequest {
            digest: Digest::of_bytes(b"plan"),
            expires_at: Timestamp::from_micros(0),
            approved_by: vec![actor("bo", "uid 1"), actor("bo", "discord 2")],
        };
        assert!(request.is_met(&[policy(1)], &"ann".into()));
        assert_eq!(request.missing(&policy(2), &"ann".into()), 1);
    }

    #[test]
    fn who_asked_cannot_approve_where_two_are_wanted() {
        let refusal = may_approve(&actor("ann", "uid 1"), &[policy(1)], &"ann".into());
        assert_eq!(
            refusal.unwrap_err().to_string(),
            "ann asked for this run and cannot approve it: a second person with the role operator must"
        );
    }
}
