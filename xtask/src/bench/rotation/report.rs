//! The figures, and what is told of each rotation while the next one goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Measured;
use crate::bench::{counted, figure, part};

/// Whether Keycloak keeps two secrets of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Two,
    /// It keeps one: nobody is let in from when the new one is issued until he has it.
    Gap,
}

impl Way {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Two => "two",
            Self::Gap => "gap",
        }
    }
}

/// One rotation.
pub(super) struct Rotation {
    /// From the request to the end.
    pub(super) took: Duration,
    /// For how long each service was turned away that was.
    pub(super) gaps: BTreeMap<String, Duration>,
    pub(super) is_old_refused: bool,
    /// What is not as it has to be, apart from that.
    pub(super) wrong: Vec<String>,
}

impl Rotation {
    fn gap(&self) -> Duration {
        self.gaps.values().max().copied().unwrap_or_default()
    }

    pub(super) fn is_well(&self) -> bool {
        self.is_old_refused && self.wrong.is_empty()
    }

    pub(super) fn in_words(&self, number: usize) -> String {
        let old = if self.is_old_refused {
            "refused"
        } else {
            "let in"
        };
        let told = format!(
            "{number}. {:.2} s, the old secret is {old}",
            self.took.as_secs_f64()
        );
        let gaps = self.gaps.iter().map(|(service, gap)| {
            let gap = gap.as_millis();
            format!("{service} was turned away for {gap} ms")
        });
        let told = std::iter::once(told).chain(gaps);
        let told = told.chain(self.wrong.iter().cloned());
        told.collect::<Vec<_>>().join(", ")
    }
}

/// All logins of the services.
#[derive(Default)]
pub(super) struct Logins {
    pub(super) ok: usize,
    /// Refused, as they say themselves; containers that were replaced may have counted more.
    pub(super) failed: usize,
    /// Without any answer.
    pub(super) unanswered: usize,
    /// Refused, as Keycloak has recorded it.
    pub(super) recorded: usize,
    /// What came last to each container that was not let in.
    pub(super) failures: Vec<String>,
}

impl Logins {
    /// How many did not give what they were to: of two counts of the refused ones the greater.
    fn failed(&self) -> usize {
        self.failed.max(self.recorded) + self.unanswered
    }

    pub(super) fn in_words(&self) -> String {
        let counts = format!(
            "{} logins; {} were refused by the services' own counts, {} by Keycloak's events; {} were not \
             answered",
            self.ok, self.failed, self.recorded, self.unanswered
        );
        let told = std::iter::once(&counts).chain(&self.failures);
        told.map(String::as_str).collect::<Vec<_>>().join("; ")
    }
}

#[derive(Default)]
struct Counts {
    took: Vec<Duration>,
    gaps: Vec<Duration>,
    old_refused: usize,
    logins: Logins,
}

#[derive(Default)]
pub(super) struct Report {
    of: BTreeMap<Way, Counts>,
    wrong: Vec<String>,
}

impl Report {
    pub(super) fn add(&mut self, way: Way, number: usize, rotation: Rotation) {
        let of = self.of.entry(way).or_default();
        of.took.push(rotation.took);
        of.gaps.push(rotation.gap());
        of.old_refused += usize::from(rotation.is_old_refused);
        let which = format!("{}, rotation {number}", way.name());
        if !rotation.is_old_refused {
            self.wrong
                .push(format!("{which}: the old secret is let in"));
        }
        let wrong = rotation.wrong.into_iter();
        self.wrong
            .extend(wrong.map(|what| format!("{which}: {what}")));
    }

    pub(super) fn add_logins(&mut self, way: Way, logins: Logins) {
        let failed = logins.failed();
        if way == Way::Two && failed > 0 {
            self.wrong.push(format!("{failed} logins failed"));
        }
        self.of.entry(way).or_default().logins = logins;
    }

    pub(super) fn measured(mut self) -> Measured {
        let two = self.of.remove(&Way::Two).unwrap_or_default();
        let gap = self.of.remove(&Way::Gap).unwrap_or_default();
        let seconds = |name, value: Duration| figure(name, value.as_secs_f64(), "s");
        let millis = |name, value: Duration| figure(name, value.as_secs_f64() * 1000.0, "ms");
        let sorted = |mut all: Vec<Duration>| {
            all.sort_unstable();
            all
        };
        let (took, gaps) = (sorted(two.took), sorted(gap.gaps));
        let figures = vec![
            counted("rotation.rotations", took.len()),
            counted("rotation.logins", two.logins.ok),
            counted("rotation.failed_logins", two.logins.failed()),
            counted("rotation.old_refused", two.old_refused),
            seconds("rotation.p50_s", part(&took, 50)),
            seconds("rotation.p95_s", part(&took, 95)),
            millis("rotation.reference_gap_ms", part(&gaps, 50)),
            counted("rotation.reference_failed_logins", gap.logins.failed()),
            seconds("rotation.reference_p50_s", part(&sorted(gap.took), 50)),
        ];
        Measured {
            figures,
            wrong: self.wrong,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotation(seconds: u64, gaps: &[(&str, u64)], is_old_refused: bool) -> Rotation {
        let gaps = gaps.iter();
        Rotation {
            took: Duration::from_secs(seconds),
            gaps: gaps
                .map(|(service, gap)| ((*service).to_owned(), Duration::from_millis(*gap)))
                .collect(),
            is_old_refused,
            wrong: Vec::new(),
        }
    }

    fn told(measured: &Measured) -> Vec<(&str, f64)> {
        let figures = measured.figures.iter();
        figures
            .map(|figure| (figure.name.as_ref(), figure.value))
            .collect()
    }

    #[test]
    fn the_gap_of_a_rotation_is_its_longest_and_two_secrets_have_none() {
        let mut report = Report::default();
        for seconds in 1..=20 {
            report.add(Way::Two, 1, rotation(seconds, &[], true));
        }
        for gap in [100, 300, 200] {
            let gaps = [("invoices", 50), ("orders", gap)];
            report.add(Way::Gap, 1, rotation(5, &gaps, true));
        }
        let logins = Logins {
            ok: 7,
            failed: 2,
            recorded: 3,
            ..Logins::default()
        };
        report.add_logins(Way::Gap, logins);
        let measured = report.measured();
        assert_eq!(measured.wrong, [""; 0]);
        assert_eq!(
            told(&measured),
            [
                ("rotation.rotations", 20.0),
                ("rotation.logins", 0.0),
                ("rotation.failed_logins", 0.0),
                ("rotation.old_refused", 20.0),
                ("rotation.p50_s", 10.0),
                ("rotation.p95_s", 19.0),
                ("rotation.reference_gap_ms", 200.0),
                ("rotation.reference_failed_logins", 3.0),
                ("rotation.reference_p50_s", 5.0),
            ]
        );
    }

    #[test]
    fn an_old_secret_that_is_let_in_and_a_login_that_fails_are_complained_of() {
        let mut report = Report::default();
        let mut unproven = rotation(9, &[], false);
        unproven.wrong.push("the run: stuck".to_owned());
        report.add(Way::Two, 4, unproven);
        let logins = Logins {
            failed: 1,
            unanswered: 1,
            ..Logins::default()
        };
        report.add_logins(Way::Two, logins);
        assert_eq!(
            report.measured().wrong,
            [
                "two, rotation 4: the old secret is let in",
                "two, rotation 4: the run: stuck",
                "2 logins failed"
            ]
        );
    }
}
