//! Places: which there are, what waits for them, and whether they take a message.

use serde::{Deserialize, Serialize};

use super::{OPERATOR, Result, Service, ServiceError};
use crate::domain::names::PlaceName;
use crate::domain::nearest;
use crate::domain::notice::delivery::Outcome;
use crate::domain::notice::{Notice, NoticeId};
use crate::domain::person::Actor;
use crate::domain::receipt::Subject;
use crate::domain::time::{Timestamp, rfc3339_or_none};

/// A place, and what waits for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceView {
    /// Which.
    pub name: PlaceName,
    /// What it is, in a few words.
    pub sort: String,
    /// How many messages wait for it.
    pub waiting: u64,
    /// Since when the oldest of them waits.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "rfc3339_or_none"
    )]
    pub oldest: Option<Timestamp>,
    /// Why the first of them was not taken, if it was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What a place made of a test message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceAnswer {
    /// Which.
    pub place: PlaceName,
    /// Whether it has taken the message.
    pub taken: bool,
    /// What it answered, or why there was no answer.
    pub answer: String,
}

impl Service {
    /// All places.
    ///
    /// # Errors
    /// A stranger asks.
    pub async fn places(&self, by: &Actor) -> Result<Vec<PlaceView>> {
        self.known(by, "list places").await?;
        let backlog = self.parts.store.backlog().await?;
        let view = |name: &PlaceName, sort: &str| {
            let waiting = backlog.iter().find(|waiting| waiting.place == *name);
            PlaceView {
                name: name.clone(),
                sort: sort.to_owned(),
                waiting: waiting.map_or(0, |waiting| waiting.waiting),
                oldest: waiting.map(|waiting| waiting.oldest),
                problem: waiting.and_then(|waiting| waiting.problem.clone()),
            }
        };
        let places = self.parts.places.iter();
        Ok(places
            .map(|(name, place)| view(name, place.sort()))
            .collect())
    }

    /// Sends a test message past what waits, and says what the place answered. A receipt says who
    /// wanted it.
    ///
    /// # Errors
    /// There is no such place, or the person is no operator.
    pub async fn test_place(&self, by: &Actor, place: &str) -> Result<PlaceAnswer> {
        let asked = format!("test the place {place}");
        self.known(by, &asked).await?;
        if !by.has_one_of(&[OPERATOR.into()]) {
            let why = format!("{by} may not send test messages: that takes the role {OPERATOR}");
            return Err(self.refuse(by, &asked, why).await);
        }
        let Some((name, there)) = self.parts.places.get_key_value(place) else {
            let names: Vec<_> = self.parts.places.keys().map(PlaceName::as_str).collect();
            return Err(ServiceError::Invalid(nearest::unknown(
                "place", place, names,
            )));
        };
        let now = self.parts.clock.now();
        let id = NoticeId::new(format!("test-{}", self.new_run_id()));
        let notice = Notice::test(id, now, by.person.as_str()).masked(&self.parts.redactor);
        let (taken, answer) = match there.deliver(&notice, now).await {
            Outcome::Taken { answer } => (true, answer),
            Outcome::Later { why, .. }
            | Outcome::PlaceRefuses { why }
            | Outcome::Refused { why } => (false, why),
        };
        let answer = self.parts.redactor.text(&answer);
        let verdict = if taken { "taken" } else { "not taken" };
        let summary = format!("{by} sent a test message to {name}: {verdict}, {answer}");
        let what = format!("test message to {name}");
        self.leave_receipt(Subject::Changed { what }, by.clone(), &summary)
            .await?;
        Ok(PlaceAnswer {
            place: name.clone(),
            taken,
            answer,
        })
    }
}
