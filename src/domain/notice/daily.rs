//! The digest: what there was since the last one, what still waits, and what has not run.

use serde_json::json;

use super::compose::{end_headline, systems_of};
use super::{Facts, Kind, Notice, NoticeId};
use crate::domain::ending::FinalState;
use crate::domain::receipt::{Receipt, Subject};
use crate::domain::time::Timestamp;

/// A digest names so many runs that did not succeed, and so many of what else it lists.
const MOST_LINES: usize = 15;

/// What receipts come to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    succeeded: u32,
    failed: u32,
    rolled_back: u32,
    cancelled: u32,
    stuck: u32,
    passed_over: u32,
    refused: u32,
    bad: Vec<String>,
}

/// What a digest is made of.
#[derive(Clone, Debug)]
pub struct Daily {
    /// Tells the digests of one store from those of another.
    pub sender: String,
    /// When the last one was due, as clocks showed it.
    pub since: String,
    /// When this one is due.
    pub due: Timestamp,
    /// What there was.
    pub tally: Tally,
    /// What waits for a person, each in a line.
    pub waiting: Vec<String>,
    /// Schedules that have not run, each with the reason.
    pub idle: Vec<String>,
}

impl Tally {
    /// Takes in one more.
    pub fn add(&mut self, receipt: &Receipt) {
        match &receipt.content.subject {
            Subject::Run(facts) => {
                *match facts.state {
                    FinalState::Succeeded => &mut self.succeeded,
                    FinalState::Failed => &mut self.failed,
                    FinalState::RolledBack => &mut self.rolled_back,
                    FinalState::Cancelled => &mut self.cancelled,
                    FinalState::Stuck => &mut self.stuck,
                } += 1;
                if !matches!(facts.state, FinalState::Succeeded | FinalState::Cancelled) {
                    let by = receipt.content.by.to_string();
                    self.bad.push(end_headline(facts, &systems_of(facts), &by));
                }
            }
            Subject::PassedOver { schedule, .. } => {
                self.passed_over += 1;
                self.bad.push(format!("`{schedule}` was passed over"));
            }
            Subject::Refused { .. } => self.refused += 1,
            Subject::Recovered { backup, .. } => {
                self.bad
                    .push(format!("the store was recovered from `{backup}`"));
            }
            Subject::Changed { .. } => {}
        }
    }

    fn runs(&self) -> u32 {
        self.succeeded + self.failed + self.rolled_back + self.cancelled + self.stuck
    }

    /// `14 runs: 12 succeeded, 1 failed, 1 rolled back; 2 requests refused`.
    fn sentence(&self) -> String {
        let ends = [
            (self.succeeded, "succeeded"),
            (self.failed, "failed"),
            (self.rolled_back, "rolled back"),
            (self.stuck, "stuck"),
            (self.cancelled, "cancelled"),
        ];
        let ends = ends.iter().filter(|(count, _)| *count > 0);
        let ends: Vec<_> = ends.map(|(count, end)| format!("{count} {end}")).collect();
        let runs = match self.runs() {
            0 => "nothing ran".to_owned(),
            1 => format!("1 run: {}", ends.join(", ")),
            many => format!("{many} runs: {}", ends.join(", ")),
        };
        let others = [
            (self.passed_over, "passed over", "passed over"),
            (self.refused, "request refused", "requests refused"),
        ];
        let others = others.iter().filter(|(count, ..)| *count > 0);
        others.fold(runs, |all, (count, one, many)| {
            format!("{all}; {count} {}", if *count == 1 { one } else { many })
        })
    }
}

impl Daily {
    /// The notice.
    pub fn notice(self) -> Notice {
        let waits = match self.waiting.len() {
            0 => "nothing waits for a person".to_owned(),
            1 => "1 run waits for a person".to_owned(),
            many => format!("{many} runs wait for a person"),
        };
        let headline = format!(
            "Since {}, {}. Now {waits}.",
            self.since,
            self.tally.sentence()
        );
        let parts = [
            ("Went wrong", &self.tally.bad),
            ("Waits", &self.waiting),
            ("Has not run", &self.idle),
        ];
        let tally = &self.tally;
        let counts = json!({
            "succeeded": tally.succeeded, "failed": tally.failed,
            "rolled_back": tally.rolled_back, "stuck": tally.stuck,
            "cancelled": tally.cancelled, "passed_over": tally.passed_over,
            "refused": tally.refused, "waiting": self.waiting.len(),
        });
        let seconds = self.due.micros().div_euclid(1_000_000);
        Notice {
            lines: parts
                .iter()
                .flat_map(|(title, all)| part(title, all))
                .collect(),
            facts: Facts {
                counts: Some(counts),
                ..Facts::default()
            },
            ..Notice::new(
                NoticeId::new(format!("digest-{}-{seconds}", self.sender)),
                Kind::Digest,
                self.due,
                headline,
            )
        }
    }
}

fn part(title: &str, all: &[String]) -> Vec<String> {
    if all.is_empty() {
        return vec![];
    }
    let more = all.len().saturating_sub(MOST_LINES);
    let mut lines = vec![format!("{title}:")];
    lines.extend(all.iter().take(MOST_LINES).map(|line| format!("• {line}")));
    if more > 0 {
        lines.push(format!("… and {more} more"));
    }
    lines
}
