//! As much of PromQL as it takes to see which metrics a query is about, and what is done with them.

/// The words that stand without brackets where a metric could.
const KEYWORDS: [&str; 25] = [
    "and",
    "atan2",
    "avg",
    "bool",
    "bottomk",
    "count",
    "count_values",
    "end",
    "group",
    "inf",
    "max",
    "min",
    "nan",
    "offset",
    "or",
    "quantile",
    "start",
    "stddev",
    "stdvar",
    "sum",
    "topk",
    "unless",
    "group_left",
    "group_right",
    "default",
];
/// What is followed by names of labels in brackets.
const LABEL_LISTS: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];

/// What a query is made of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// The metrics, in the order in which they are named first.
    pub(super) metrics: Vec<String>,
    /// The functions and aggregations.
    pub(super) functions: Vec<String>,
    /// The signs outside of brackets of labels and ranges: `+ - * / % ^ = < >`.
    pub(super) signs: String,
}

impl Words {
    pub(super) fn of(query: &str) -> Self {
        let mut words = Self::default();
        let mut reader = Reader { rest: query };
        while let Some(token) = reader.next() {
            match token {
                Token::Word(word) => words.take(word, &mut reader),
                Token::Matchers(inside) => {
                    inside
                        .and_then(named)
                        .into_iter()
                        .for_each(|name| words.metric(name));
                }
                Token::Sign(sign) => words.signs.push(sign),
                Token::Other => {}
            }
        }
        words
    }

    pub(super) fn calls(&self, functions: &[&str]) -> bool {
        self.functions
            .iter()
            .any(|one| functions.contains(&one.as_str()))
    }

    fn take(&mut self, word: &str, reader: &mut Reader<'_>) {
        let lower = word.to_lowercase();
        if LABEL_LISTS.contains(&lower.as_str()) {
            reader.skip_brackets();
        } else if reader.rest.trim_start().starts_with('(') || KEYWORDS.contains(&lower.as_str()) {
            self.functions.push(lower);
        } else {
            self.metric(word);
        }
    }

    fn metric(&mut self, name: &str) {
        if !self.metrics.iter().any(|known| known == name) {
            self.metrics.push(name.to_owned());
        }
    }
}

/// The metric in `__name__="up"`.
fn named(matchers: &str) -> Option<&str> {
    let (_, rest) = matchers.split_once("__name__")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest[1..].split(quote).next()
}

/// A query that is being typed, in two: what stays, and the beginning of a metric's name. `None`
/// where no metric can stand: in quotes, in `{…}`, in `[…]`, among the labels of `by (…)`.
pub(super) fn metric_at_end(typed: &str) -> Option<(&str, &str)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let (before, word) = typed.split_at(typed.trim_end_matches(is_name).len());
    let mut open = vec![];
    let mut quote: Option<char> = None;
    let mut escaped = false;
    for (at, c) in before.char_indices() {
        match (quote, c) {
            (Some(_), _) if std::mem::take(&mut escaped) => {}
            (Some('"' | '\''), '\\') => escaped = true,
            (Some(end), _) if c == end => quote = None,
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '(') => {
                let head = before[..at].trim_end();
                let name = &head[head.trim_end_matches(is_name).len()..];
                open.push(LABEL_LISTS.contains(&name.to_lowercase().as_str()));
            }
            (None, '{' | '[') => open.push(true),
            (None, ')' | '}' | ']') => drop(open.pop()),
            _ => {}
        }
    }
    let is_number = word.starts_with(|c: char| c.is_ascii_digit());
    let is_elsewhere = quote.is_some() || open.contains(&true) || is_number;
    (!is_elsewhere).then_some((before, word))
}

enum Token<'a> {
    Word(&'a str),
    /// What stands in `{…}`.
    Matchers(Option<&'a str>),
    Sign(char),
    Other,
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        self.rest = self.rest.trim_start();
        let first = self.rest.chars().next()?;
        Some(match first {
            '#' => {
                self.take_while(|c| c != '\n');
                Token::Other
            }
            '"' | '\'' | '`' => {
                self.skip_text(first);
                Token::Other
            }
            '{' => Token::Matchers(self.enclosed('}')),
            '[' => {
                self.enclosed(']');
                Token::Other
            }
            c if c.is_ascii_digit() || c == '.' => {
                self.take_while(|c| c.is_ascii_alphanumeric() || c == '.');
                Token::Other
            }
            c if is_name(c) => Token::Word(self.take_while(is_name)),
            c => {
                self.rest = &self.rest[c.len_utf8()..];
                if "+-*/%^=<>".contains(c) {
                    Token::Sign(c)
                } else {
                    Token::Other
                }
            }
        })
    }

    fn take_while(&mut self, goes_on: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !goes_on(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Goes behind a text in these quotes.
    fn skip_text(&mut self, quote: char) {
        let mut escaped = false;
        let end = self.rest[1..].find(|c| {
            let ends = c == quote && !escaped;
            escaped = c == '\\' && !escaped && quote != '`';
            ends
        });
        self.rest = end.map_or("", |end| &self.rest[1 + end + 1..]);
    }

    /// Goes behind the bracket that closes; what is in texts closes nothing.
    fn enclosed(&mut self, close: char) -> Option<&'a str> {
        let whole = self.rest;
        self.rest = &whole[1..];
        while let Some(c) = self.rest.chars().next() {
            if c == close {
                let inside = &whole[1..whole.len() - self.rest.len()];
                self.rest = &self.rest[c.len_utf8()..];
                return Some(inside);
            }
            if matches!(c, '"' | '\'' | '`') {
                self.skip_text(c);
            } else {
                self.rest = &self.rest[c.len_utf8()..];
            }
        }
        None
    }

    fn skip_brackets(&mut self) {
        if self.rest.trim_start().starts_with('(') {
            self.rest = self.rest.trim_start();
            self.enclosed(')');
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == ':'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_completed_where_one_can_stand() {
        for (typed, before, word) in [
            ("sum(rate(htt", "sum(rate(", "htt"),
            ("up", "", "up"),
            ("sum(", "sum(", ""),
            ("sum by (job) (no", "sum by (job) (", "no"),
            ("a{job=\"b\"} / n", "a{job=\"b\"} / ", "n"),
            (r#"a{job="\""} + n"#, r#"a{job="\""} + "#, "n"),
            ("rate(a[5m]) + job:", "rate(a[5m]) + ", "job:"),
        ] {
            assert_eq!(metric_at_end(typed), Some((before, word)), "{typed}");
        }
        for typed in [
            "up{jo",
            "up{job=\"n",
            "rate(up[5",
            "sum by (jo",
            "sum BY(jo",
            "'a",
            "up > 5",
        ] {
            assert_eq!(metric_at_end(typed), None, "{typed}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_typed_query_makes_it_panic(typed in "[a(){}\\[\\]\"'` ü\\\\5]*") {
            if let Some((before, word)) = metric_at_end(&typed) {
                proptest::prop_assert_eq!(format!("{before}{word}"), typed);
            }
        }
    }

    use proptest::prelude::*;

    fn metrics(query: &str) -> String {
        Words::of(query).metrics.join(" ")
    }

    #[test]
    fn metrics_are_told_from_functions_labels_and_texts() {
        assert_eq!(metrics("up"), "up");
        assert_eq!(
            metrics(
                "sum by (job, up) (rate(http_total{code=~\"5.}x\"}[5m] offset 1h)) / on(job) b"
            ),
            "http_total b"
        );
        assert_eq!(
            metrics("topk(3, job:cpu:ratio) # not this"),
            "job:cpu:ratio"
        );
        assert_eq!(metrics("{__name__=\"up\", job='x'} > bool 1e5"), "up");
        assert_eq!(
            metrics("sum(a) without (x) or label_replace(b, \"c\", \"d\", \"e\", \"f\")"),
            "a b"
        );
        assert_eq!(metrics("{__name__=~\".+\"}"), "");
    }

    #[test]
    fn signs_are_those_outside_of_selectors() {
        let words = Words::of("a{b!=\"c/d\"} * 100 / b[5m:1m]");
        assert_eq!(words.signs, "*/");
        assert!(Words::of("rate(x[1m])").calls(&["rate"]));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(query in "\\PC*|[a{}()\\[\\]\"'`\\\\ü#/ ]*") {
            Words::of(&query);
        }
    }
}
