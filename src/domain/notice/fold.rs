//! Many notices for people become one: whoever comes back to a channel reads what it came to.

use super::{Facts, InsteadOf, Kind, Loudness, Next, Notice, NoticeId};

/// More than so many that wait for one place are folded.
pub const MANY: usize = 10;

/// A folded notice shows so many lines.
const MOST_LINES: usize = 20;

/// A notice that waits for its place and was never tried: of one that was, the place may have it.
#[derive(Clone, Debug)]
pub struct Untried {
    /// Its row.
    pub row: i64,
    /// What it says.
    pub notice: Notice,
}

/// The rows that one notice takes the place of, and that notice; `None` when there are few. What
/// asks people for something, and digests, stay what they are, and nothing overtakes them.
pub fn fold(waiting: &[Untried]) -> Option<(Vec<i64>, Notice)> {
    let may_fold = |untried: &&Untried| {
        !matches!(
            untried.notice.kind,
            Kind::RunWaiting | Kind::Digest | Kind::Test
        )
    };
    let first: Vec<_> = waiting.iter().take_while(may_fold).collect();
    let last = first.last().filter(|_| first.len() > MANY)?;
    let rows = first.iter().map(|untried| untried.row).collect();
    let notices: Vec<_> = first.iter().map(|untried| &untried.notice).collect();
    let loudest = notices.iter().map(|notice| notice.loudness).max();
    let meant = notices[0].instead_of.as_ref();
    let meant = meant.filter(|_| notices.iter().all(|one| one.instead_of.as_ref() == meant));
    let mut lines: Vec<_> = notices
        .iter()
        .flat_map(|notice| lines_of(notice, meant))
        .collect();
    // One that was folded before has lines of its own, and counts what they stand for.
    let count: u64 = notices.iter().map(|notice| counted(notice)).sum();
    lines.truncate(MOST_LINES);
    let shown = u64::try_from(lines.len()).unwrap_or(u64::MAX);
    if count > shown {
        lines.push(format!("… and {} more", count - shown));
    }
    let headline = format!("{count} messages in one, because so many waited:");
    let id = NoticeId::new(format!("fold-{count}-{}", last.notice.id.as_str()));
    let notice = Notice {
        loudness: loudest.unwrap_or(Loudness::Told),
        lines,
        next: vec![Next::new("see them all", "purser runs list")],
        facts: Facts {
            counts: Some(serde_json::json!({ "messages": count })),
            ..Facts::default()
        },
        instead_of: meant.cloned(),
        ..Notice::new(id, Kind::Folded, last.notice.at, headline)
    };
    Some((rows, notice))
}

/// With the place that it was meant for, where that is not `said` of all.
fn lines_of(notice: &Notice, said: Option<&InsteadOf>) -> Vec<String> {
    let meant = match &notice.instead_of {
        Some(meant) if said.is_none() => format!(" (for `{}`)", meant.place),
        _ => String::new(),
    };
    if notice.kind == Kind::Folded {
        let shown = notice.lines.iter().filter(|line| line.starts_with('•'));
        return shown.map(|line| format!("{line}{meant}")).collect();
    }
    vec![format!("• {}{meant}", notice.headline)]
}

fn counted(notice: &Notice) -> u64 {
    let counts = notice.facts.counts.as_ref();
    match notice.kind {
        Kind::Folded => counts.and_then(|counts| counts["messages"].as_u64()),
        _ => None,
    }
    .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::time::Timestamp;

    fn untried(row: i64, kind: Kind) -> Untried {
        let id = NoticeId::new(format!("n{row}"));
        let notice = Notice::new(
            id,
            kind,
            Timestamp::from_micros(row),
            format!("{row} failed"),
        );
        Untried { row, notice }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_overtaken(asks in proptest::collection::vec(proptest::bool::weighted(0.05), 0..60)) {
            let kind = |asks: &bool| if *asks { Kind::RunWaiting } else { Kind::RunFailed };
            let waiting: Vec<_> = (1..).zip(&asks).map(|(row, ask)| untried(row, kind(ask))).collect();
            let before = asks.iter().position(|asks| *asks).unwrap_or(asks.len());
            match fold(&waiting) {
                None => prop_assert!(before <= MANY),
                Some((rows, notice)) => {
                    let expected: Vec<_> = (1..=i64::try_from(before).unwrap()).collect();
                    prop_assert_eq!(rows, expected);
                    prop_assert_eq!(counted(&notice), before as u64);
                    prop_assert!(notice.lines.len() <= MOST_LINES + 1);
                }
            }
        }
    }

    #[test]
    fn whom_it_was_for_is_said_of_all_or_of_each() {
        let meant = |place: &str, untried: Untried| Untried {
            notice: untried
                .notice
                .instead_of(place.into(), "it is down".to_owned()),
            ..untried
        };
        let failed = |row| untried(row, Kind::RunFailed);
        let same: Vec<_> = (1..=11).map(|row| meant("ops", failed(row))).collect();
        let (_, notice) = fold(&same).unwrap();
        insta::assert_snapshot!(notice.text(None, notice.at).lines().take(3).collect::<Vec<_>>().join("\n"), @"
        This was for `ops`, which did not get it (it is down); so it is told here.
        11 messages in one, because so many waited:
        • 1 failed
        ");
        let mut mixed = vec![Untried { row: 11, notice }];
        mixed.extend((12..=20).map(failed));
        mixed.push(meant("oncall", failed(21)));
        let (_, notice) = fold(&mixed).unwrap();
        assert_eq!(notice.instead_of, None);
        let lines = &notice.lines;
        assert_eq!(lines[0], "• 1 failed (for `ops`)");
        assert_eq!(lines[11], "• 12 failed");
        assert_eq!(counted(&notice), 21);
    }

    #[test]
    fn what_was_folded_can_be_folded_again_and_counts_what_it_stands_for() {
        let some: Vec<_> = (1..=30).map(|row| untried(row, Kind::RunFailed)).collect();
        let (_, folded) = fold(&some).unwrap();
        let mut again = vec![Untried {
            row: 31,
            notice: folded,
        }];
        again.extend((32..=50).map(|row| untried(row, Kind::RunFailed)));
        let (_, notice) = fold(&again).unwrap();
        assert_eq!(counted(&notice), 49);
        assert_eq!(notice.lines.last().unwrap(), "… and 29 more");
    }
}
