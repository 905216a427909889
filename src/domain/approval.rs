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
    /// So long before that people are reminded. Left out: a quarter of `expires`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind: Option<Span>,
}

impl ApprovalPolicy {
    /// How long after the question people are reminded of it; `None`: they are not, because the
    /// question lapses before.
    pub fn reminds_after(&self) -> Option<Duration> {
        let whole = self.expires.duration();
        let before = self.remind.map_or(whole / 4, Span::duration);
        whole.checked_sub(before).filter(|after| !after.is_zero())
    }
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
    /// Who must say yes: each policy must be met.
    pub policies: Vec<ApprovalPolicy>,
    /// When it lapses.
    pub expires_at: Timestamp,
    /// When people are reminded of it.
    pub remind_at: Option<Timestamp>,
    /// Whether they were.
    pub reminded: bool,
    /// Who has said yes so far.
    pub approved_by: Vec<Actor>,
    /// Who may say it in whose stead.
    pub delegated: Vec<Delegation>,
}

/// Somebody lets another person say yes in their stead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delegation {
    /// Whose yes it is.
    pub by: Actor,
    /// Who may say it.
    pub to: PersonName,
}

impl ApprovalRequest {
    /// A question that nobody has answered yet.
    pub fn new(
        digest: Digest,
        policies: Vec<ApprovalPolicy>,
        expires_at: Timestamp,
        remind_at: Option<Timestamp>,
    ) -> Self {
        Self {
            digest,
            policies,
            expires_at,
            remind_at,
            reminded: false,
            approved_by: Vec::new(),
            delegated: Vec::new(),
        }
    }

    /// Whether enough of the right persons have said yes, for every policy.
    pub fn is_met(&self, requester: &PersonName) -> bool {
        self.policies
            .iter()
            .all(|policy| self.missing(policy, requester) == 0)
    }

    /// Whether this person has said yes already.
    pub fn has_yes_of(&self, person: &PersonName) -> bool {
        self.approved_by.iter().any(|actor| actor.person == *person)
    }

    /// Whether this person lets that one say yes in their stead already.
    pub fn is_delegated(&self, by: &PersonName, to: &PersonName) -> bool {
        let mut delegated = self.delegated.iter();
        delegated.any(|delegation| delegation.by.person == *by && delegation.to == *to)
    }

    /// Whether a yes of this person would count now.
    pub fn may_be_met_by(&self, actor: &Actor, requester: &PersonName) -> MayAnswer {
        if self.has_yes_of(&actor.person) {
            return MayAnswer::No(already(actor));
        }
        match self.may_approve(actor, requester) {
            Ok(()) => MayAnswer::Yes,
            Err(refusal) => MayAnswer::No(refusal.0),
        }
    }

    /// How many more persons the policy wants. A yes that was said in somebody's stead is theirs:
    /// both together are one.
    pub fn missing(&self, policy: &ApprovalPolicy, requester: &PersonName) -> usize {
        let persons: BTreeSet<_> = self
            .approved_by
            .iter()
            .filter_map(|actor| self.counts_as(policy, actor, requester))
            .collect();
        (policy.count as usize).saturating_sub(persons.len())
    }

    /// Whether this person's yes would count for one of the policies.
    ///
    /// # Errors
    /// Why not, and who could.
    pub fn may_approve(&self, actor: &Actor, requester: &PersonName) -> Result<(), Refusal> {
        if self
            .policies
            .iter()
            .any(|policy| self.counts_as(policy, actor, requester).is_some())
        {
            return Ok(());
        }
        let roles = self.roles();
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

    /// Whether this person may let the other one say yes in their stead.
    ///
    /// # Errors
    /// Why not.
    pub fn may_delegate(
        &self,
        by: &Actor,
        to: &PersonName,
        requester: &PersonName,
    ) -> Result<(), Refusal> {
        self.may_approve(by, requester)?;
        if by.person == *to {
            return Err(Refusal(format!("{by} needs nobody's leave: approve it")));
        }
        if to == requester && self.policies.iter().any(|policy| policy.not_requester) {
            return Err(Refusal(format!(
                "{to} asked for this run and cannot approve it, not in anybody's stead either"
            )));
        }
        if !self
            .policies
            .iter()
            .any(|policy| has_a_yes(policy, by, requester))
        {
            return Err(Refusal(format!(
                "{by} may approve this only in somebody's stead, and cannot pass that on"
            )));
        }
        Ok(())
    }

    /// The roles of which one is needed.
    pub fn roles(&self) -> Vec<Role> {
        self.policies
            .iter()
            .flat_map(|policy| policy.by.clone())
            .collect()
    }

    /// Whose yes it is when this person says it; `None` when it counts for nothing.
    fn counts_as<'a>(
        &'a self,
        policy: &ApprovalPolicy,
        actor: &'a Actor,
        requester: &PersonName,
    ) -> Option<&'a PersonName> {
        if has_a_yes(policy, actor, requester) {
            return Some(&actor.person);
        }
        if policy.not_requester && actor.person == *requester {
            return None;
        }
        self.delegated
            .iter()
            .find(|delegation| {
                delegation.to == actor.person && has_a_yes(policy, &delegation.by, requester)
            })
            .map(|delegation| &delegation.by.person)
    }
}

/// Whether somebody's answer would count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MayAnswer {
    /// It would.
    Yes,
    /// It would not: why, and whose would.
    No(String),
}

/// One yes of a person is enough.
pub fn already(actor: &Actor) -> String {
    format!("{actor} has already approved this plan")
}

fn has_a_yes(policy: &ApprovalPolicy, actor: &Actor, requester: &PersonName) -> bool {
    actor.has_one_of(&policy.by) && !(policy.not_requester && actor.person == *requester)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actor(name: &str, through: &str, role: &str) -> Actor {
        Actor {
            person: name.into(),
            roles: vec![role.into()],
            through: through.into(),
        }
    }

    fn policy(count: u32) -> ApprovalPolicy {
        ApprovalPolicy {
            by: vec!["operator".into()],
            count,
            not_requester: true,
            expires: an_hour(),
            remind: None,
        }
    }

    fn request(count: u32, approved_by: Vec<Actor>) -> ApprovalRequest {
        let end = Timestamp::from_micros(0);
        let digest = Digest::of_bytes(b"plan");
        ApprovalRequest {
            approved_by,
            ..ApprovalRequest::new(digest, vec![policy(count)], end, None)
        }
    }

    #[test]
    fn one_person_with_two_identities_counts_once() {
        let bo = |through| actor("bo", through, "operator");
        let request = request(2, vec![bo("uid 1"), bo("discord 2")]);
        assert_eq!(request.missing(&policy(1), &"ann".into()), 0);
        assert_eq!(request.missing(&policy(2), &"ann".into()), 1);
    }

    #[test]
    fn who_asked_cannot_approve_where_two_are_wanted() {
        let ann = actor("ann", "uid 1", "operator");
        let refusal = request(1, vec![]).may_approve(&ann, &"ann".into());
        assert_eq!(
            refusal.unwrap_err().to_string(),
            "ann asked for this run and cannot approve it: a second person with the role operator must"
        );
    }

    #[test]
    fn a_yes_in_somebodys_stead_is_theirs() {
        let bo = actor("bo", "uid 1", "operator");
        let cy = actor("cy", "uid 2", "developer");
        let mut asked = request(2, vec![cy.clone()]);
        assert_eq!(
            asked.missing(&policy(2), &"ann".into()),
            2,
            "cy has no role"
        );
        assert_eq!(asked.may_delegate(&bo, &"cy".into(), &"ann".into()), Ok(()));
        asked.delegated.push(Delegation {
            by: bo.clone(),
            to: "cy".into(),
        });
        assert_eq!(asked.missing(&policy(2), &"ann".into()), 1);
        asked.approved_by.push(bo.clone());
        assert_eq!(
            asked.missing(&policy(2), &"ann".into()),
            1,
            "bo, and cy for bo, are one person"
        );
        assert!(
            asked
                .may_delegate(&cy, &"di".into(), &"ann".into())
                .is_err()
        );
        assert!(
            asked
                .may_delegate(&bo, &"ann".into(), &"ann".into())
                .is_err()
        );
    }
}
