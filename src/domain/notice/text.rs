//! What people read: short, in plain words, with nothing in it that a chat would act on.

use std::time::Duration;

use super::{Kind, Loudness, Next, Notice};
use crate::domain::time::Timestamp;

/// Longer texts of other systems are cut, in characters.
const LONGEST: usize = 1500;

/// What is told later than so says when it happened.
const LATE: Duration = Duration::from_mins(5);

/// What chats take for a call to everybody, behind an `@`.
const CALLS: [&str; 4] = ["everyone", "channel", "here", "all"];

/// The whole message. A mention is written as the place wants it.
pub(super) fn of(notice: &Notice, mention: Option<&str>, now: Timestamp) -> String {
    let mut lines = vec![];
    if let Some(meant) = &notice.instead_of {
        lines.push(format!(
            "This was for `{}`, which did not get it ({}); so it is told here.",
            meant.place,
            harmless(&meant.why)
        ));
    }
    let mention = mention.filter(|_| notice.loudness == Loudness::Loud);
    let headline = harmless(&notice.headline);
    lines.push(match mention {
        Some(mention) => format!("{mention} {headline}"),
        None => headline,
    });
    if now.since(notice.at) > LATE {
        lines.push(when(notice));
    }
    if !notice.summary.is_empty() {
        lines.push(capital(&harmless(&notice.summary)));
    }
    lines.extend(notice.lines.iter().map(|line| harmless(line)));
    // A command that was changed is another one: such a one is left out.
    let shown = |next: &&Next| harmless(&next.command) == next.command;
    for next in notice.next.iter().filter(shown) {
        lines.push(format!("To {}: `{}`", next.to, next.command));
    }
    lines.join("\n")
}

/// Chats show when a message came, which is taken for when it happened.
fn when(notice: &Notice) -> String {
    let at = notice.at;
    match notice.kind {
        Kind::Digest => format!("This was due at {at}."),
        Kind::Folded => format!("The last of them is of {at}."),
        _ => format!("That was at {at}; it could not be told sooner."),
    }
}

/// Texts of other systems, so that a chat neither calls people nor fetches addresses because of
/// them.
fn harmless(text: &str) -> String {
    let mut text = shortened(text).replace("://", "[:]//");
    for (sign, apart) in [("<!", "< !"), ("<@", "< @"), ("<#", "< #")] {
        text = text.replace(sign, apart);
    }
    nobody_called(&text)
}

/// With a space behind each `@` that would call somebody. One behind a letter calls nobody, as in
/// `image@sha256:…`, unless it calls everybody.
fn nobody_called(text: &str) -> String {
    let mut apart = String::with_capacity(text.len());
    let mut before = ' ';
    for (index, sign) in text.char_indices() {
        apart.push(sign);
        let behind = &text[index + sign.len_utf8()..];
        let is_name = behind.starts_with(is_of_word) && !is_of_word(before);
        if sign == '@' && (is_name || is_call(behind)) {
            apart.push(' ');
        }
        before = sign;
    }
    apart
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn is_call(behind: &str) -> bool {
    let begins = |call: &str| {
        let start = behind.get(..call.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(call))
    };
    CALLS.into_iter().any(begins)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

fn shortened(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if one_line.chars().count() <= LONGEST {
        return one_line;
    }
    let cut: String = one_line.chars().take(LONGEST).collect();
    format!("{cut}…")
}

/// A value as a shell reads it back; `None` when it holds what a line cannot.
pub(super) fn shell_word(value: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+=,-".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return Some(value.to_owned());
    }
    if value.chars().any(|c| c.is_control() || c == '`') {
        return None;
    }
    Some(format!("'{}'", value.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::notice::NoticeId;

    #[test]
    fn what_others_wrote_calls_nobody_and_links_nowhere() {
        insta::assert_snapshot!(
            harmless("<!channel> @Everyone\nsee https://evil.example <@U1> @HERE, @ann; 3 @ 4"),
            @"< !channel> @ Everyone see https[:]//evil.example < @ U1> @ HERE, @ ann; 3 @ 4"
        );
    }

    #[test]
    fn a_command_is_shown_as_it_is_typed_or_not_at_all() {
        let id = NoticeId::new("n");
        let mut notice = Notice::new(
            id,
            Kind::RunFailed,
            Timestamp::from_micros(0),
            "It failed".into(),
        );
        notice.next = vec![
            Next::new(
                "run it again",
                "purser run say --input 'text=<!channel> @here'",
            ),
            Next::new("see what it did", "purser runs show 1"),
            Next::new(
                "deploy it again",
                "purser run deploy --input image=web@sha256:12",
            ),
        ];
        insta::assert_snapshot!(notice.text(None, notice.at), @"
        It failed
        To see what it did: `purser runs show 1`
        To deploy it again: `purser run deploy --input image=web@sha256:12`
        ");
    }

    proptest! {
        #[test]
        fn nothing_that_a_chat_acts_on_survives(text in "[<!@#:/a-zA-Zé \n]{0,60}(@here|@ALL|://|<!)?") {
            let text = harmless(&text);
            let calls = CALLS.map(|call| format!("@{call}"));
            for sign in calls.iter().map(String::as_str).chain(["://", "<!", "<@", "<#", "\n", " @ann"]) {
                prop_assert!(!text.to_ascii_lowercase().contains(sign), "{text}");
            }
        }

        #[test]
        fn a_shell_reads_back_the_value(value in "[ -~é]{0,30}") {
            prop_assume!(!value.contains('`'));
            let word = shell_word(&value).unwrap();
            let read = if word.starts_with('\'') {
                word[1..word.len() - 1].replace(r"'\''", "'")
            } else {
                word
            };
            prop_assert_eq!(read, value);
        }
    }
}
