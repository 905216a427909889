//! What people read: short, in plain words, with nothing in it that a chat would act on.

use super::{Loudness, Notice};

/// Longer texts of other systems are cut, in characters.
const LONGEST: usize = 1500;

/// What chats take for a call to everybody.
const CALLS: [&str; 4] = ["@everyone", "@channel", "@here", "@all"];

/// The whole message. A mention is written as the place wants it.
pub(super) fn of(notice: &Notice, mention: Option<&str>) -> String {
    let mut lines = vec![];
    if let Some(meant) = &notice.instead_of {
        lines.push(format!(
            "This was for `{}`, which did not get it ({}); this is its fallback.",
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
    if !notice.summary.is_empty() {
        lines.push(capital(&harmless(&notice.summary)));
    }
    lines.extend(notice.lines.iter().map(|line| harmless(line)));
    for next in &notice.next {
        lines.push(format!("To {}: `{}`", next.to, next.command));
    }
    lines.join("\n")
}

/// Texts of other systems, so that a chat neither calls people nor fetches addresses because of
/// them.
fn harmless(text: &str) -> String {
    let mut text = shortened(text).replace("://", "[:]//");
    for (sign, apart) in [("<!", "< !"), ("<@", "< @"), ("<#", "< #")] {
        text = text.replace(sign, apart);
    }
    for call in CALLS {
        text = text.replace(call, &call.replace('@', "@ "));
    }
    text
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

    #[test]
    fn what_others_wrote_calls_nobody_and_links_nowhere() {
        insta::assert_snapshot!(
            harmless("<!channel> @everyone\nsee https://evil.example <@U1> @here"),
            @"< !channel> @ everyone see https[:]//evil.example < @U1> @ here"
        );
    }

    proptest! {
        #[test]
        fn nothing_that_a_chat_acts_on_survives(text in "[<!@#:/a-zé \n]{0,60}(@here|://|<!)?") {
            let text = harmless(&text);
            for sign in CALLS.into_iter().chain(["://", "<!", "<@", "<#", "\n"]) {
                prop_assert!(!text.contains(sign), "{text}");
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
