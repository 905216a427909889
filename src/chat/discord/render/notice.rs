//! What people are told of what happened while nobody watched.

use super::limits::{CONTENT, fit_text, length};
use super::markdown;
use super::shown::{Shown, TextFile};
use crate::chat::text::{Piece, Text};
use crate::domain::chat::Mention;
use crate::domain::notice::Notice;
use crate::domain::time::Timestamp;

/// What the file is called that holds all of it where that is long.
const FILE: &str = "notice.txt";

/// What stands below what was left out.
const MORE: &str = "\n…";

/// The notice, below whom it calls: as many of its lines as a message takes, and all of them in a file where
/// those are not all. `now` is when it is told.
pub fn notice(notice: &Notice, mention: Option<&Mention>, now: Timestamp) -> Shown {
    let told = notice.text(None, now);
    let instants = [
        Some((notice.at, Piece::At(notice.at))),
        notice.facts.expires_at.map(|at| (at, Piece::Due(at))),
    ];
    let instants: Vec<_> = instants.into_iter().flatten().collect();
    let lines: Vec<Text> = told
        .lines()
        .map(|line| drawn_line(line, &instants))
        .collect();
    let call = mention.map(call).unwrap_or_default();
    let room = CONTENT - length(&call) - length(MORE);
    let mut content = String::new();
    let mut is_whole = true;
    for line in &lines {
        let end = if content.is_empty() { "" } else { "\n" };
        let more = format!("{end}{}", markdown::text(line));
        if length(&content) + length(&more) > room {
            is_whole = false;
            break;
        }
        content.push_str(&more);
    }
    if content.is_empty() {
        let first = lines.first().cloned().unwrap_or_default();
        content = fit_text(&first, room).drawn;
    }
    if is_whole {
        return Shown {
            content: format!("{call}{content}"),
            ..Shown::default()
        };
    }
    Shown {
        content: format!("{call}{content}{MORE}"),
        files: vec![TextFile::new(FILE, &told)],
        ..Shown::default()
    }
}

fn call(mention: &Mention) -> String {
    match mention {
        Mention::Role(id) => format!("<@&{id}> "),
        Mention::User(id) => format!("<@{id}> "),
    }
}

/// A line with its codes, and with the notice's own instants as the reader's clock has them.
fn drawn_line(line: &str, instants: &[(Timestamp, Piece)]) -> Text {
    let pieces = Text::sentence(line);
    let pieces = pieces.pieces().iter().flat_map(|piece| match piece {
        Piece::Plain(words) => with_instants(words, instants),
        other => vec![other.clone()],
    });
    pieces.fold(Text::default(), Text::with)
}

fn with_instants(words: &str, instants: &[(Timestamp, Piece)]) -> Vec<Piece> {
    let Some((first, rest)) = instants.split_first() else {
        return vec![Piece::Plain(words.to_owned())];
    };
    let (at, piece) = first;
    let written = at.to_string();
    let mut pieces = vec![];
    for (place, part) in words.split(&written).enumerate() {
        if place > 0 {
            pieces.push(piece.clone());
        }
        pieces.extend(with_instants(part, rest));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::notice::{Kind, NoticeId};

    const NOON: i64 = 1_774_699_200_000_000;

    /// What a store holds of a notice.
    fn of(headline: &str, lines: &[String]) -> Notice {
        let kept = serde_json::json!({
            "id": NoticeId::new("n"),
            "kind": Kind::RunWaiting,
            "at": Timestamp::from_micros(NOON),
            "loudness": "loud",
            "headline": headline,
            "lines": lines,
            "next": [{ "to": "say yes", "command": "purser approve 65c1b8c1 --plan f320a1e1afbd" }],
        });
        serde_json::from_value(kept).unwrap()
    }

    #[test]
    fn codes_and_instants_are_discords_own_and_only_whom_the_place_names_is_called() {
        let at = Timestamp::from_micros(NOON);
        let due = Timestamp::from_micros(NOON + 1_800_000_000);
        let mut told = of(
            "`migrate` waits for an approval (asked for by <@42>)",
            &[format!(
                "Plan *x* needs 1 yes until {due}; @everyone, see https://evil.example"
            )],
        );
        told.facts.expires_at = Some(due);
        let mention = Mention::Role("77".to_owned());
        insta::assert_snapshot!(notice(&told, Some(&mention), at).content, @r"
        <@&77> `migrate` waits for an approval (asked for by \< @ 42>)
        Plan \*x\* needs 1 yes until <t:1774701000:t> (<t:1774701000:R>); @ everyone, see https\[:\]//evil.example
        To say yes: `purser approve 65c1b8c1 --plan f320a1e1afbd`
        ");
    }

    #[test]
    fn what_is_late_says_when_it_was_by_the_readers_clock() {
        let at = Timestamp::from_micros(NOON + 3_600_000_000);
        insta::assert_snapshot!(notice(&of("It failed", &[]), None, at).content, @"
        It failed
        That was at <t:1774699200:f>; it could not be told sooner.
        To say yes: `purser approve 65c1b8c1 --plan f320a1e1afbd`
        ");
    }

    #[test]
    fn what_is_too_long_ends_at_a_line_and_is_whole_in_a_file() {
        let lines: Vec<_> = (0..99)
            .map(|n| format!("• line {n} of a long digest, and more"))
            .collect();
        let shown = notice(
            &of("Since yesterday", &lines),
            None,
            Timestamp::from_micros(NOON),
        );
        assert!(shown.content.ends_with("and more\n…"), "{}", shown.content);
        let [file] = shown.files.as_slice() else {
            panic!("it has a file");
        };
        assert!(file.text.contains("• line 98 of") && file.text.contains("purser approve"));
    }

    proptest! {
        #[test]
        fn discord_takes_every_notice(
            headline in "[ -~é`@<>*]{0,2500}", lines in prop::collection::vec("[ -~`@\u{1F980}]{0,1800}", 0..4),
            called in any::<bool>(),
        ) {
            let told = of(&headline, &lines);
            let mention = called.then(|| Mention::User("18446744073709551615".to_owned()));
            let shown = notice(&told, mention.as_ref(), told.at);
            prop_assert!(length(&shown.content) <= CONTENT);
            prop_assert!(!shown.content.trim().is_empty());
            let mentions = shown.content.matches("<@").count();
            prop_assert_eq!(mentions, usize::from(called));
        }
    }
}
