//! What came of the deploys of one way.

use serde::Serialize;

use super::way::Way;
use crate::books::Findings;

/// The figures, and in words what is not as it has to be.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) strategy: Way,
    /// How many deploys there were, and how many of them were taken back.
    pub(super) deploys: u32,
    pub(super) rolled_back: u32,
    pub(super) kills: u32,
    /// How many of these kills hit a deploy that had begun and was not over.
    pub(super) in_flight: u32,
    /// How many of those came between two events of an effect's: it was begun, and nobody knew its end.
    pub(super) in_effect: u32,
    pub(super) lost: usize,
    pub(super) repeated: usize,
    pub(super) wrong: usize,
    /// Of those who asked meanwhile, where somebody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) requests: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failed_requests: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stale_answers: Option<usize>,
    /// Each complaint in words.
    #[serde(skip)]
    pub(super) complaints: Vec<String>,
}

impl Report {
    pub(super) fn of(strategy: Way) -> Self {
        Self {
            strategy,
            deploys: 0,
            rolled_back: 0,
            kills: 0,
            in_flight: 0,
            in_effect: 0,
            lost: 0,
            repeated: 0,
            wrong: 0,
            requests: None,
            failed_requests: None,
            stale_answers: None,
            complaints: Vec::new(),
        }
    }

    /// Adds what was found of one deploy.
    pub(super) fn add(&mut self, which: &str, found: &Findings) {
        self.lost += found.lost.len();
        self.repeated += found.repeated.len();
        self.wrong += found.wrong.len();
        self.complaints
            .extend(found.all().map(|what| format!("{which}: {what}")));
    }

    /// Adds what people outside have seen, where nobody was to be without an answer.
    pub(super) fn add_people(&mut self, requests: usize, failed: usize, stale: usize) {
        self.requests = Some(requests);
        self.failed_requests = Some(failed);
        self.stale_answers = Some(stale);
        if failed + stale > 0 {
            self.complaints.push(format!(
                "of {requests} requests {failed} failed, and {stale} were answered by an older version"
            ));
        }
    }

    /// Complains if less than half of the kills have hit a deploy.
    pub(super) fn expect_hits(&mut self) {
        let (hit, kills) = (self.in_flight, self.kills);
        if 2 * hit < kills {
            self.complaints.push(format!(
                "only {hit} of {kills} kills hit a deploy: that shows too little"
            ));
        }
    }

    /// The complaints, each with the way that it is about.
    pub(super) fn in_words(&self) -> impl Iterator<Item = String> {
        let way = self.strategy.name();
        self.complaints
            .iter()
            .map(move |complaint| format!("{way}: {complaint}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_that_hit_nothing_and_people_without_an_answer_are_complained_of() {
        let mut report = Report::of(Way::BlueGreen);
        (report.kills, report.in_flight) = (4, 2);
        report.expect_hits();
        report.add_people(100, 0, 0);
        assert_eq!(report.complaints, [""; 0]);
        report.in_flight = 1;
        report.expect_hits();
        report.add_people(100, 1, 2);
        let complaints: Vec<_> = report.in_words().collect();
        assert_eq!(
            complaints,
            [
                "blue_green: only 1 of 4 kills hit a deploy: that shows too little",
                "blue_green: of 100 requests 1 failed, and 2 were answered by an older version"
            ]
        );
    }
}
