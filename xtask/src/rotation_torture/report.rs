//! What came of the rotations.

use serde::Serialize;

use crate::books::Findings;
use crate::torment::Hits;

/// The figures, and in words what is not as it has to be.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Report {
    /// How many rotations there were, and how many of them were taken back.
    pub(super) rotations: u32,
    pub(super) rolled_back: u32,
    pub(super) kills: u32,
    /// How many of these kills hit a rotation that had begun and was not over.
    pub(super) in_flight: u32,
    /// How many of those came between two events of an effect's.
    pub(super) in_effect: u32,
    pub(super) lost: usize,
    pub(super) repeated: usize,
    pub(super) wrong: usize,
    /// How many logins of services were refused in rotations that were to succeed.
    pub(super) refused_logins: usize,
    /// Each complaint in words.
    #[serde(skip)]
    pub(super) complaints: Vec<String>,
}

impl Report {
    pub(super) fn add_hits(&mut self, hits: &Hits) {
        self.in_flight += hits.in_flight;
        self.in_effect += hits.in_effect;
    }

    /// Adds what was found of the last rotation.
    pub(super) fn add(&mut self, found: &Findings) {
        self.lost += found.lost.len();
        self.repeated += found.repeated.len();
        self.wrong += found.wrong.len();
        let which = format!("rotation {}", self.rotations);
        let complaints = found.all().map(|what| format!("{which}: {what}"));
        self.complaints.extend(complaints);
    }

    /// Complains if less than half of the kills have hit a rotation.
    pub(super) fn expect_hits(&mut self) {
        let (hit, kills) = (self.in_flight, self.kills);
        if 2 * hit < kills {
            self.complaints.push(format!(
                "only {hit} of {kills} kills hit a rotation: that shows too little"
            ));
        }
    }
}
