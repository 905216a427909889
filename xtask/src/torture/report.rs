//! What came of a torture, in figures and in words.

use serde::Serialize;

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// How often the server was killed.
    pub kills: u32,
    /// How many of these kills hit an effect that was begun and not ended.
    pub in_flight: u32,
    /// How often something other than a kill came over it.
    #[serde(skip_serializing_if = "is_zero")]
    pub faults: u32,
    /// How many of these faults hit an effect that was begun and not ended; where commits are cut, in
    /// how many turns there was one to cut.
    #[serde(skip_serializing_if = "is_zero")]
    pub faults_that_hit: u32,
    /// How many runs were asked for.
    pub runs: usize,
    /// How many of them were begun by one server and found unfinished by the next.
    pub taken_over: usize,
    /// How often a run asked a person: whether an effect had happened, or whether to go on.
    pub parked: u32,
    /// Effects that the log says are done and that never were, runs that succeeded without them,
    /// accepted requests without a run.
    pub lost: usize,
    /// Effects that were done more than once.
    pub repeated: usize,
    /// Each of those in words.
    #[serde(skip)]
    pub wrong: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong: nothing was lost, nothing was done twice, and enough was hit to say
    /// so.
    pub fn is_clean(&self) -> bool {
        self.wrong.is_empty()
    }

    /// This, with a complaint if less than half of what came over the program has hit something: of
    /// the faults, or where there are none, of the kills.
    #[must_use]
    pub(super) fn if_it_hit(mut self) -> Self {
        let (hit, of, what) = match self.faults {
            0 => (self.in_flight, self.kills, "kills"),
            faults => (self.faults_that_hit, faults, "faults"),
        };
        if 2 * hit < of {
            self.wrong.push(format!(
                "only {hit} of {of} {what} hit anything: that shows too little"
            ));
        }
        self
    }

    /// This and another one together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.kills += other.kills;
        self.in_flight += other.in_flight;
        self.faults += other.faults;
        self.faults_that_hit += other.faults_that_hit;
        self.runs += other.runs;
        self.taken_over += other.taken_over;
        self.parked += other.parked;
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.wrong.extend(other.wrong);
        self
    }
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_hits_less_than_half_of_the_time_shows_too_little() {
        let wrong = |kills, in_flight, faults, faults_that_hit| {
            let report = Report {
                kills,
                in_flight,
                faults,
                faults_that_hit,
                ..Report::default()
            };
            report.if_it_hit().wrong
        };
        assert_eq!(wrong(20, 10, 0, 0), [""; 0]);
        assert_eq!(
            wrong(20, 9, 0, 0),
            ["only 9 of 20 kills hit anything: that shows too little"]
        );
        assert_eq!(wrong(3, 0, 9, 5), [""; 0], "it is the faults that count");
        assert_eq!(
            wrong(3, 3, 9, 4),
            ["only 4 of 9 faults hit anything: that shows too little"]
        );
    }
}
