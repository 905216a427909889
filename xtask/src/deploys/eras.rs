//! Which version is to answer when, and who was answered by an older one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use super::load::Asked;

/// A time at which a version is led to. Each follows the one before.
pub(crate) struct Era {
    pub(crate) version: String,
    /// Nobody can have been answered by it before.
    pub(crate) from: Instant,
    /// Whoever asks after that is answered by it, or by a later one.
    pub(crate) proven: Option<Instant>,
}

/// How many requests were answered by a version that was over when they began: after somebody had
/// been answered by a later one, or after that was proven; or by one that nobody was to be led to. Where the
/// versions are not kept apart (`are_apart`), only a proof counts: until then both answer.
pub(crate) fn stale(mut asked: Vec<Asked>, eras: &[Era], are_apart: bool) -> usize {
    asked.sort_by_key(|asked| asked.begun);
    let mut answered = BinaryHeap::new();
    let (mut newest, mut stale) = (0, 0);
    for asked in &asked {
        let Ok(version) = &asked.answer else {
            continue;
        };
        while let Some(Reverse((ended, era))) = answered.peek()
            && *ended <= asked.begun
        {
            if are_apart {
                newest = newest.max(*era);
            }
            answered.pop();
        }
        let is_proven = |era: &Era| era.proven.is_some_and(|proven| proven <= asked.begun);
        let proven = eras.iter().rposition(is_proven).unwrap_or(0);
        newest = newest.max(proven);
        let fits = |era: &Era| era.version == *version && era.from <= asked.ended;
        match eras.iter().skip(newest).position(fits) {
            Some(later) => answered.push(Reverse((asked.ended, newest + later))),
            None => stale += 1,
        }
    }
    stale
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::visitor::Kind;
    use super::*;

    /// Of each request when it began, how long it took, and who answered.
    fn count(begin: Instant, asked: &[(u64, u64, &str)], eras: &[Era]) -> usize {
        let asked = asked.iter().map(|(at, took, version)| {
            let begun = begin + Duration::from_secs(*at);
            Asked {
                kind: Kind::Get,
                begun,
                ended: begun + Duration::from_secs(*took),
                answer: Ok((*version).to_owned()),
            }
        });
        stale(asked.collect(), eras, true)
    }

    fn era(begin: Instant, version: &str, from: u64, proven: Option<u64>) -> Era {
        Era {
            version: version.to_owned(),
            from: begin + Duration::from_secs(from),
            proven: proven.map(|proven| begin + Duration::from_secs(proven)),
        }
    }

    #[test]
    fn who_has_begun_before_anybody_met_the_new_one_may_meet_the_old_one() {
        let begin = Instant::now();
        let eras = [era(begin, "v1", 0, Some(0)), era(begin, "v2", 10, Some(30))];
        assert_eq!(count(begin, &[(11, 5, "v1"), (12, 1, "v2")], &eras), 0);
        assert_eq!(count(begin, &[(12, 2, "v2"), (13, 9, "v1")], &eras), 0);
        assert_eq!(count(begin, &[(12, 1, "v2"), (14, 1, "v1")], &eras), 1);
        assert_eq!(count(begin, &[(31, 1, "v1")], &eras), 1);
    }

    #[test]
    fn an_undo_leads_back_once() {
        let begin = Instant::now();
        let eras = [
            era(begin, "v1", 0, Some(0)),
            era(begin, "v2", 10, None),
            era(begin, "v1", 10, Some(30)),
        ];
        let there_and_back = [(1, 1, "v1"), (12, 1, "v2"), (14, 1, "v1")];
        assert_eq!(count(begin, &there_and_back, &eras), 0);
        let and_there_again = [there_and_back.as_slice(), &[(16, 1, "v2")]].concat();
        assert_eq!(count(begin, &and_there_again, &eras), 1);
        assert_eq!(count(begin, &[(31, 1, "v2")], &eras), 1);
    }

    #[test]
    fn of_a_version_that_is_not_to_be_met_every_answer_counts() {
        let begin = Instant::now();
        let eras = [era(begin, "v1", 0, Some(0))];
        assert_eq!(count(begin, &[(1, 1, "v1"), (2, 1, "sick")], &eras), 1);
    }
}
