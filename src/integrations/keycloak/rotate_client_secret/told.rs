//! What people read of a rotation.

use super::check::{Found, Stranger};
use crate::domain::plan::Plan;
use crate::domain::time::{Span, Timestamp};
use crate::domain::words::counted;
use crate::rotation::Outcome;

impl Found<'_> {
    pub(super) fn plan(&self, now: Timestamp) -> Plan {
        let (client, realm) = (&self.client.client_id, self.keycloak.realm());
        let secrets = &self.client.secrets;
        let made_at = secrets
            .made_at
            .map_or_else(|| "unknown".to_owned(), |at| at.to_string());
        let mut plan = Plan::new(format!(
            "rotate the secret of the client {client} in the realm {realm}, for {}",
            counted(self.consumers.len() as u64, "consumer")
        ))
        .relies_on(format!("client {client}"), self.client.uuid.clone())
        .relies_on(format!("the secret of {client} was made"), made_at)
        .relies_on(
            "Keycloak keeps two secrets of it",
            if self.before.two { "yes" } else { "no" },
        )
        .changes(
            format!("the secret of {client}"),
            Some("the old one".to_owned()),
            Some("a new one".to_owned()),
        );
        for consumer in self.consumers {
            plan = plan.changes(
                consumer.name(),
                Some(format!("the old one in {}", consumer.place())),
                Some(format!("the new one; {}", consumer.reloaded())),
            );
        }
        for note in self.notes(now) {
            plan = plan.note(note);
        }
        plan
    }

    fn notes(&self, now: Timestamp) -> Vec<String> {
        let mut notes = vec![if self.before.two {
            "the old secret counts until each consumer has logged in by the new one; then it is revoked, and \
             each has to log in once more"
                .to_owned()
        } else {
            "Keycloak keeps only one secret of it: from the moment that the new one is issued until a consumer \
             has taken it up, that consumer is turned away"
                .to_owned()
        }];
        if let Some(since) = self.before.refused_since {
            notes.push(format!(
                "Keycloak refuses the client since {since}, with any secret, because a policy says so: {} when the \
                 new one is issued",
                if self.before.two {
                    "it lets in everybody again, by the old secret too,"
                } else {
                    "that ends"
                }
            ));
        }
        if let Some(after) = self.before.lock_out_after {
            notes.push(format!(
                "Keycloak refuses the new secret too from {} on ({}), unless it is rotated before",
                now.plus(after),
                Span::new(after)
            ));
        }
        if !self.before.records_logins {
            notes.push(
                "the realm does not record who logs in: the consumers are proven by what their probes say, and \
                 nobody else who uses the secret would be noticed"
                    .to_owned(),
            );
        }
        for Stranger {
            from,
            is_where_purser_is,
        } in &self.strangers
        {
            let also = if *is_where_purser_is {
                " (Purser is there too, and logs in by it itself while it rotates)"
            } else {
                ""
            };
            notes.push(format!(
                "somebody at {from} logs in by it, and is no consumer that is declared{also}: if that is one, \
                 the rotation will be taken back when it is turned away"
            ));
        }
        notes
    }
}

/// What was done, in a sentence.
pub(super) fn message(client: &str, outcome: &Outcome, refused_since: Option<Timestamp>) -> String {
    let shown = outcome
        .consumers
        .iter()
        .map(|one| format!("{} ({})", one.consumer, one.proof))
        .collect::<Vec<_>>()
        .join(", ");
    let old = match (outcome.ended_early, outcome.old_refused) {
        (true, _) => {
            "the old one had come to its end before all had the new one (somebody has ended it, or its time was \
             over)"
        }
        (false, Some(_)) => "the old one is refused",
        (false, None) => "the old one is revoked",
    };
    let gap = match outcome.gap {
        Some(gap) if gap.is_zero() => "nobody was seen to be turned away".to_owned(),
        Some(gap) => format!("with a gap of {:.1} s", gap.as_secs_f64()),
        None => "whether anybody was turned away is not known, as the realm does not record it"
            .to_owned(),
    };
    let gap = match refused_since {
        Some(since) => {
            format!("{gap}; before it was issued, Keycloak had let in nobody since {since}")
        }
        None => gap,
    };
    format!("{client} has a new secret, proven by {shown}: {old}, {gap}")
}
