//! What is due: pure, from the instant up to which all is done and the present one.

use std::time::Duration;

use super::jitter::jitter;
use super::policy::{Misfire, Overlap, ScheduleName, ScheduleSpec};
use super::timing::Timing;
use super::zone::Zone;
use crate::domain::time::{Span, Timestamp};

/// A fire that begins no later than this has not been missed.
const GRACE: Duration = Duration::from_mins(1);

/// No more fires are made up for.
pub const MOST_MISSED: usize = 100;

/// A schedule with everything that is needed to let it fire.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheduled {
    /// Which.
    pub name: ScheduleName,
    /// When.
    pub timing: Timing,
    /// What becomes of missed fires.
    pub misfire: Misfire,
    /// What becomes of a fire while a run has not ended.
    pub overlap: Overlap,
    /// Each fire begins up to so much later.
    pub jitter: Option<Span>,
}

/// What is to be done now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Fires that nobody was there for and that get a run all the same, oldest first.
    pub made_up: Vec<Timestamp>,
    /// Fires whose time it is, oldest first.
    pub on_time: Vec<Timestamp>,
    /// Fires that nobody was there for and that get none: the last of them, and a sentence.
    pub passed_over: Option<(Timestamp, String)>,
    /// When to look again; `None`: there is nothing more to come.
    pub look_at: Option<Timestamp>,
}

impl Scheduled {
    /// From what the file says, by this clock where it names none.
    pub fn new(name: ScheduleName, spec: &ScheduleSpec, default_zone: Zone) -> Self {
        let zone = spec.timezone.unwrap_or(default_zone);
        Self {
            name,
            timing: Timing::new(spec.schedule.clone(), zone),
            misfire: spec.misfire,
            overlap: spec.overlap,
            jitter: spec.jitter,
        }
    }

    /// What is due at `now`, when everything up to `seen` is done.
    ///
    /// Fires begin in their order: one whose jitter is shorter waits for those before it.
    pub fn due(&self, seen: Timestamp, now: Timestamp) -> Due {
        let (fires, or_more) = self.recent(seen, now);
        let mut due = Due::default();
        let mut late = vec![];
        let mut begin = seen;
        for at in fires {
            begin = begin.max(self.begin(at));
            if begin > now {
                due.look_at = Some(begin);
                break;
            }
            if begin.plus(GRACE) < now {
                late.push(at);
            } else {
                due.on_time.push(at);
            }
        }
        if due.look_at.is_none() {
            let next = self.timing.next(now);
            due.look_at = next.map(|fire| self.begin(fire.at).max(begin));
        }
        due.passed_over = self.passed_over(&late, or_more);
        due.made_up = match self.misfire {
            Misfire::Skip => vec![],
            Misfire::Once => late.pop().into_iter().collect(),
            Misfire::All => late,
        };
        due
    }

    /// When the oldest fire was due that has begun by `now` and is not done, when everything up to
    /// `seen` is. Whether it gets a run makes no difference: somebody has to deal with it.
    pub fn waits_since(&self, seen: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let first = self.timing.next(seen)?.at;
        (self.begin(first) <= now).then_some(first)
    }

    fn passed_over(&self, late: &[Timestamp], or_more: bool) -> Option<(Timestamp, String)> {
        let (first, last) = (late.first()?, late.last()?);
        let more = if or_more { "at least " } else { "" };
        let count = late.len();
        match self.misfire {
            Misfire::Once => None,
            Misfire::Skip => Some((
                *last,
                format!(
                    "nobody was there for {more}{count} of its fires, the last at {last}: they get \
                     no run (misfire: skip)"
                ),
            )),
            Misfire::All => or_more.then(|| {
                let why = format!(
                    "nobody was there for more than {MOST_MISSED} of its fires: those before \
                     {first} get no run"
                );
                (*first, why)
            }),
        }
    }

    fn begin(&self, at: Timestamp) -> Timestamp {
        at.plus(jitter(&self.name, at, self.jitter))
    }

    /// The last fires behind `seen` up to `now`, oldest first, and whether there were more.
    /// Years of seconds are not walked through: the look goes back step by step.
    fn recent(&self, seen: Timestamp, now: Timestamp) -> (Vec<Timestamp>, bool) {
        let mut back = Duration::from_secs(64);
        loop {
            let micros = i64::try_from(back.as_micros()).unwrap_or(i64::MAX);
            let from = seen.max(Timestamp::from_micros(now.micros().saturating_sub(micros)));
            let fires = self.timing.after(from).map(|fire| fire.at);
            let mut fires: Vec<_> = fires.take_while(|at| *at <= now).collect();
            if fires.len() > MOST_MISSED {
                fires.drain(..fires.len() - MOST_MISSED);
                return (fires, true);
            }
            if from == seen {
                return (fires, false);
            }
            back = back.saturating_mul(8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60;
    /// 2026-11-25T12:00:00Z.
    const NOON: i64 = 1_795_608_000;

    fn scheduled(expression: &str, misfire: Misfire) -> Scheduled {
        Scheduled {
            name: ScheduleName::new("backup".into(), "nightly".to_owned()),
            timing: Timing::new(expression.parse().unwrap(), Zone::UTC),
            misfire,
            overlap: Overlap::Skip,
            jitter: None,
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros((NOON + seconds) * 1_000_000)
    }

    #[test]
    fn the_oldest_fire_waits_until_somebody_deals_with_it_whatever_becomes_of_it() {
        for misfire in [Misfire::Skip, Misfire::Once, Misfire::All] {
            let often = scheduled("* * * * *", misfire);
            let oldest = |seen, now| often.waits_since(at(seen), at(now));
            assert_eq!(oldest(0, MINUTE - 1), None);
            assert_eq!(oldest(0, 500 * MINUTE), Some(at(MINUTE)));
            assert_eq!(oldest(500 * MINUTE, 0), None);
        }
    }

    /// Made up, on time, whether some were passed over, and the next look: seconds behind noon.
    fn due(scheduled: &Scheduled, seen: i64, now: i64) -> (Vec<i64>, Vec<i64>, bool, Option<i64>) {
        let due = scheduled.due(at(seen), at(now));
        let seconds = |at: Timestamp| at.micros() / 1_000_000 - NOON;
        let all = |fires: Vec<Timestamp>| fires.into_iter().map(seconds).collect();
        (
            all(due.made_up),
            all(due.on_time),
            due.passed_over.is_some(),
            due.look_at.map(seconds),
        )
    }

    #[test]
    fn a_fire_is_due_at_its_time_and_once() {
        let hourly = scheduled("@hourly", Misfire::Once);
        assert_eq!(due(&hourly, -1, -1), (vec![], vec![], false, Some(0)));
        assert_eq!(due(&hourly, -1, 0), (vec![], vec![0], false, Some(3600)));
        assert_eq!(due(&hourly, 0, 0), (vec![], vec![], false, Some(3600)));
    }

    #[test]
    fn what_was_missed_gets_one_run_none_or_each_its_own() {
        let of = |misfire| due(&scheduled("*/10 * * * *", misfire), 0, 35 * MINUTE);
        let next = Some(40 * MINUTE);
        assert_eq!(of(Misfire::Once), (vec![1800], vec![], false, next));
        assert_eq!(of(Misfire::Skip), (vec![], vec![], true, next));
        assert_eq!(
            of(Misfire::All),
            (vec![600, 1200, 1800], vec![], false, next)
        );
    }

    #[test]
    fn a_minute_late_is_not_missed() {
        let skip = scheduled("@hourly", Misfire::Skip);
        assert_eq!(due(&skip, -1, 60).1, [0]);
        assert_eq!(due(&skip, -1, 61).1, [0; 0]);
    }

    #[test]
    fn years_of_seconds_are_neither_walked_through_nor_made_up_for() {
        let all = scheduled("* * * * * *", Misfire::All);
        let (made_up, on_time, passed_over, _) = due(&all, -2 * 365 * 86_400, 0);
        assert_eq!(
            (made_up.len() + on_time.len(), passed_over),
            (MOST_MISSED, true)
        );
        assert_eq!(on_time.last(), Some(&0));
    }

    #[test]
    fn jitter_delays_a_fire_and_never_lets_one_pass_another() {
        let mut minutely = scheduled("* * * * *", Misfire::All);
        minutely.jitter = Some(Span::new(Duration::from_mins(10)));
        let mut fired = vec![];
        let mut seen = 0;
        for now in 0..3600 {
            let (made_up, on_time, _, _) = due(&minutely, seen, now);
            assert_eq!(made_up, [0; 0], "jitter makes nothing late");
            seen = on_time.last().copied().unwrap_or(seen);
            assert!(on_time.iter().all(|fire| *fire <= now && now - fire < 600));
            fired.extend(on_time);
        }
        let in_order: Vec<_> = (1..).map(|n| n * MINUTE).take(fired.len()).collect();
        assert_eq!(fired, in_order);
        assert!(fired.len() >= 49, "{}", fired.len());
    }

    #[test]
    fn what_never_fires_is_never_looked_at_again() {
        let never = scheduled("0 0 31 2 *", Misfire::All);
        assert_eq!(due(&never, -1_000_000, 0), (vec![], vec![], false, None));
    }
}
