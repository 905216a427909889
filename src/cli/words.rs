//! A typed line as words.

/// Words are apart by white space. One that begins with a quote, or whose value behind `=` does, goes
/// on to the quote that ends a word: `query 'sum by (job) (up{job="node"})'`. A quote within a word is
/// a character like any other.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let plain = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (word, length) =
            quoted(rest, plain).unwrap_or_else(|| (rest[..plain].to_owned(), plain));
        words.push(word);
        rest = rest[length..].trim_start();
    }
    words
}

/// A quoted word at the beginning of the text, without its quotes, and how long it is with them.
fn quoted(text: &str, plain: usize) -> Option<(String, usize)> {
    let open = opened(text, plain)?;
    let quote = text[open..].chars().next()?;
    let inside = &text[open + 1..];
    let ends = |at: &usize| {
        let after = inside[at + 1..].chars().next();
        after.is_none_or(char::is_whitespace)
    };
    let close = inside.match_indices(quote).map(|(at, _)| at).find(ends)?;
    let word = format!("{}{}", &text[..open], &inside[..close]);
    Some((word, open + 1 + close + 1))
}

/// A line up to its cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cursor<'l> {
    /// The words before the one at the cursor.
    pub(super) before: Vec<String>,
    /// Where that one begins, behind its quote and the name that it is given to.
    pub(super) start: usize,
    /// What it is so far.
    pub(super) word: &'l str,
    /// `query` in `query='sum(`, where the quote is what says that there is a name.
    pub(super) name: Option<&'l str>,
    /// Whether it stands in a quote that has no end yet.
    pub(super) is_quoted: bool,
}

/// What stands at the end of a line that is being typed; `None` right behind a quote that ends a
/// word.
pub(super) fn at_cursor(line: &str) -> Option<Cursor<'_>> {
    let mut before = Vec::new();
    let mut start = line.len() - line.trim_start().len();
    loop {
        let rest = &line[start..];
        let plain = rest.find(char::is_whitespace).unwrap_or(rest.len());
        if let Some((word, length)) = quoted(rest, plain) {
            if length == rest.len() {
                return None;
            }
            before.push(word);
            start += length;
        } else if let Some(open) = opened(rest, plain) {
            return Some(Cursor {
                before,
                start: start + open + 1,
                word: &rest[open + 1..],
                name: open.checked_sub(1).map(|equals| &rest[..equals]),
                is_quoted: true,
            });
        } else if plain == rest.len() {
            return Some(Cursor {
                before,
                start,
                word: rest,
                name: None,
                is_quoted: false,
            });
        } else {
            before.push(rest[..plain].to_owned());
            start += plain;
        }
        start += line[start..].len() - line[start..].trim_start().len();
    }
}

/// Where a quote opens at the beginning of the text, or behind its `=`.
fn opened(text: &str, plain: usize) -> Option<usize> {
    let name = text[..plain].find('=').map_or(0, |at| at + 1);
    let opens = |at: usize| text[at..].starts_with(['\'', '"']).then_some(at);
    opens(0).or_else(|| opens(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_quoted_word_may_hold_blanks_and_other_quotes() {
        assert_eq!(words("  deploy  web v2 "), ["deploy", "web", "v2"]);
        assert_eq!(
            words("query 'sum by (job) (up{job=\"node\"})' now"),
            ["query", "sum by (job) (up{job=\"node\"})", "now"]
        );
        assert_eq!(
            words("graph query=\"a - b\" 1h"),
            ["graph", "query=a - b", "1h"]
        );
    }

    #[test]
    fn a_quote_within_a_word_or_without_an_end_is_a_character() {
        assert_eq!(
            words("query up{job=\"node\"}"),
            ["query", "up{job=\"node\"}"]
        );
        assert_eq!(
            words("reject 12 it's 'bad"),
            ["reject", "12", "it's", "'bad"]
        );
        assert_eq!(words("a ''"), ["a", ""]);
    }

    proptest! {
        #[test]
        fn without_quotes_words_are_what_white_space_parts(line in "[^'\"]*") {
            let parted: Vec<_> = line.split_whitespace().collect();
            prop_assert_eq!(words(&line), parted);
        }

        #[test]
        fn no_line_makes_it_panic(line in "[a='\" ü]*") {
            words(&line);
        }
    }
}
