//! A project's `.env`, read as Compose reads it, and changed in one value: every other byte stays.
//!
//! What Compose reads in a way that people would not expect is refused rather than guessed at.

pub mod template;

use std::collections::BTreeSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use self::template::Template;

/// A file that is read.
pub struct Dotenv<'a> {
    text: &'a str,
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    /// From the line's first byte to behind its end.
    line: Range<usize>,
    /// Within its quotes, where it has any.
    value: Range<usize>,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Single,
    Double,
    /// A name alone, which takes its value from the environment of whoever calls Compose.
    Inherited,
}

/// What a file says of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Unset,
    /// This.
    Is(String),
    /// Something that depends on more than the file, or that is not what it looks like.
    Unclear(&'static str),
}

/// What there was of a variable before it was set: enough to have the same bytes again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Before {
    /// No file.
    NoFile,
    /// A file without it; `open_end`: its last line had no end.
    Unset {
        /// The last line had no end.
        open_end: bool,
    },
    /// This text, within its quotes.
    Was(String),
}

/// What becomes of a file when a variable is what it was.
#[derive(Debug, PartialEq, Eq)]
pub enum Restored {
    /// It is so already.
    Already,
    /// Another text.
    Text(String),
    /// The file goes.
    Gone,
    /// Somebody has given the variable another value since: it is left.
    Changed,
}

impl<'a> Dotenv<'a> {
    /// Reads a file; `Err` says in which line and why it is not clear.
    pub fn parse(text: &'a str) -> Result<Self, String> {
        let mut entries = Vec::new();
        let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
        while at < text.len() {
            let behind = line_end(text, at);
            let line = &text[at..behind];
            let begun = line.trim_start();
            if begun.is_empty() || begun.starts_with('#') {
                at = behind;
                continue;
            }
            let number = text[..at].matches('\n').count() + 1;
            let entry = Entry::read(text, at).map_err(|why| format!("line {number}: {why}"))?;
            at = entry.line.end;
            entries.push(entry);
        }
        Ok(Self { text, entries })
    }

    /// What the file says of a variable; of several lines Compose takes the last one.
    pub fn value(&self, name: &str) -> Value {
        let Some(entry) = self.entry(name) else {
            return Value::Unset;
        };
        let all = self.entries.iter().filter(|entry| entry.name == name);
        if all.into_iter().any(|entry| entry.form == Form::Inherited) {
            return Value::Unclear("stands there without a value");
        }
        let value = &self.text[entry.value.clone()];
        if entry.form != Form::Single && value.contains('$') {
            return Value::Unclear("is made of other variables");
        }
        let is_escaped = value.contains('\\') && entry.form != Form::Plain;
        if is_escaped || value.contains(char::is_control) {
            return Value::Unclear("has control characters or escapes in its value");
        }
        if entry.form == Form::Plain && value.starts_with('#') {
            return Value::Unclear("has a value that looks like a comment");
        }
        Value::Is(value.to_owned())
    }

    /// The variables whose value is made with one of these, directly or not, and these.
    pub fn made_with(&self, name: &str) -> BTreeSet<String> {
        let mut all = BTreeSet::from([name.to_owned()]);
        loop {
            let before = all.len();
            for entry in self.entries.iter().filter(|one| one.form != Form::Single) {
                let used = Template::parse(&self.text[entry.value.clone()]);
                if used.is_ok_and(|used| used.names().iter().any(|one| all.contains(*one))) {
                    all.insert(entry.name.clone());
                }
            }
            if all.len() == before {
                return all;
            }
        }
    }

    /// What there is of a variable; `Err` says why it cannot be set.
    pub fn before(&self, name: &str) -> Result<Before, &'static str> {
        match self.value(name) {
            Value::Unclear(why) => Err(why),
            Value::Unset if self.text.ends_with('\r') => {
                Err("would stand behind a line that ends in the middle of its line end")
            }
            Value::Unset => Ok(Before::Unset {
                open_end: !self.text.is_empty() && !self.text.ends_with('\n'),
            }),
            Value::Is(value) => Ok(Before::Was(value)),
        }
    }

    /// The text with another value of a variable, which needs no quotes.
    pub fn set(&self, name: &str, value: &str) -> String {
        if let Some(entry) = self.entry(name) {
            return self.with(&entry.value, value);
        }
        let end = self.line_end();
        let mut text = self.text.to_owned();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push_str(end);
        }
        text + name + "=" + value + end
    }

    /// Has a variable be what it was, where it is still `ours`.
    pub fn restore(&self, name: &str, ours: &str, before: &Before) -> Restored {
        let now = self.value(name);
        match (&now, before) {
            (Value::Unset, Before::NoFile | Before::Unset { .. }) => return Restored::Already,
            (Value::Is(now), Before::Was(was)) if now == was => return Restored::Already,
            (Value::Is(now), _) if now == ours => {}
            _ => return Restored::Changed,
        }
        let Some(entry) = self.entry(name) else {
            return Restored::Already;
        };
        let open_end = match before {
            Before::Was(was) => return Restored::Text(self.with(&entry.value, was)),
            Before::NoFile if self.text.trim_end() == format!("{name}={ours}") => {
                return Restored::Gone;
            }
            Before::NoFile => false,
            Before::Unset { open_end } => *open_end,
        };
        let mut line = entry.line.clone();
        if open_end && line.end == self.text.len() {
            let before = &self.text[..line.start];
            let kept = before.strip_suffix('\n').unwrap_or(before);
            line.start = kept.strip_suffix('\r').unwrap_or(kept).len();
        }
        Restored::Text(self.with(&line, ""))
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.name == name)
    }

    fn with(&self, range: &Range<usize>, text: &str) -> String {
        let (before, behind) = (&self.text[..range.start], &self.text[range.end..]);
        format!("{before}{text}{behind}")
    }

    fn line_end(&self) -> &'static str {
        match self.text.split_once('\n') {
            Some((first, _)) if first.ends_with('\r') => "\r\n",
            _ => "\n",
        }
    }
}

impl Entry {
    /// Reads the entry that begins in the line at `start`.
    fn read(text: &str, start: usize) -> Result<Self, &'static str> {
        let end = line_end(text, start);
        let line = &text[start..end];
        let begun = line.trim_start();
        let is_space = |c: char| c.is_whitespace() && c != '\n';
        let exported = begun.strip_prefix("export").filter(|rest| {
            let name = rest.trim_start_matches(is_space);
            name.len() < rest.len() && !name.trim_end().is_empty()
        });
        let named = exported.map_or(begun, |rest| rest.trim_start_matches(is_space));
        let name_end = named.find(['=', ':']).unwrap_or(named.len());
        let name = named[..name_end].trim_end();
        let is_part = |c: char| c.is_alphanumeric() || "_.-[]".contains(c);
        if name.is_empty() || !name.chars().all(is_part) {
            return Err("it is no name with a value");
        }
        let mut entry = Self {
            name: name.to_owned(),
            line: start..end,
            value: end..end,
            form: Form::Inherited,
        };
        if name_end == named.len() {
            return Ok(entry);
        }
        let behind = &named[name_end + 1..];
        let value = behind.trim_start_matches(is_space);
        let at = end - value.len();
        let quote = value.chars().next().filter(|c| "'\"".contains(*c));
        if let Some(quote) = quote {
            entry.read_quoted(text, at + 1, quote)?;
        } else {
            let cut = value.find(" #").unwrap_or(value.len());
            let kept = value[..cut].trim_end();
            entry.value = at..at + kept.len();
            entry.form = Form::Plain;
        }
        Ok(entry)
    }

    /// The value may go over several lines; only a comment may stand behind it.
    fn read_quoted(&mut self, text: &str, at: usize, quote: char) -> Result<(), &'static str> {
        let mut is_escaped = false;
        for (offset, c) in text[at..].char_indices() {
            if c == quote && !is_escaped {
                let closed = at + offset;
                let end = line_end(text, closed);
                let behind = text[closed + 1..end].trim_start();
                if !behind.is_empty() && !behind.starts_with('#') {
                    return Err("something stands behind the quotes");
                }
                self.line.end = end;
                self.value = at..closed;
                self.form = if quote == '"' {
                    Form::Double
                } else {
                    Form::Single
                };
                return Ok(());
            }
            is_escaped = c == '\\' && !is_escaped;
        }
        Err("its quotes are not closed")
    }
}

/// Behind the end of the line in which this byte is.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str, name: &str) -> Value {
        Dotenv::parse(text).unwrap().value(name)
    }

    fn is(text: &str) -> Value {
        Value::Is(text.to_owned())
    }

    #[test]
    fn a_value_is_what_compose_takes_it_for() {
        for (text, expected) in [
            ("A=1\nA=2 # c\n", is("2")),
            ("A=x#y\n", is("x#y")),
            ("export A=1\n", is("1")),
            ("A : 3\n", is("3")),
            ("A: \"q\" # c\n", is("q")),
            ("B=\"two\nA=no\nlines\"\nA=3\n", is("3")),
            ("A=\nB=2\n", is("")),
            ("A=  x y  \r\nB=2\r\n", is("x y")),
            ("\u{feff}A=1", is("1")),
            ("  A = 1", is("1")),
            ("#A=1\n", Value::Unset),
            ("A\nB=1\n", Value::Unclear("stands there without a value")),
            ("A=x$B\n", Value::Unclear("is made of other variables")),
            ("A='x$B'\n", is("x$B")),
            (
                "A= #c\n",
                Value::Unclear("has a value that looks like a comment"),
            ),
        ] {
            assert_eq!(value(text, "A"), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_clear_is_refused_with_its_line() {
        let why = |text| Dotenv::parse(text).err().unwrap();
        assert_eq!(why("A=1\nB=\"x"), "line 2: its quotes are not closed");
        assert_eq!(
            why("A=\"x\"B=2"),
            "line 1: something stands behind the quotes"
        );
        assert_eq!(why("\n\nA B=2"), "line 3: it is no name with a value");
        assert_eq!(why("=2"), "line 1: it is no name with a value");
    }

    #[test]
    fn what_is_made_with_a_variable_is_found_through_others() {
        let text = "T=1\nA=web:$T\nB=\"${A}-x\"\nC='$T'\nD=4\n";
        let made = Dotenv::parse(text).unwrap().made_with("T");
        assert_eq!(Vec::from_iter(made), ["A", "B", "T"]);
    }

    #[test]
    fn a_new_line_goes_again_with_what_it_had_brought() {
        let before = "A=1\r\nB=2";
        let read = Dotenv::parse(before).unwrap();
        let was = read.before("T").unwrap();
        let set = read.set("T", "v2");
        assert_eq!(set, "A=1\r\nB=2\r\nT=v2\r\n");
        let restored = |text: &str| Dotenv::parse(text).unwrap().restore("T", "v2", &was);
        assert_eq!(restored(&set), Restored::Text(before.to_owned()));
        assert_eq!(restored(before), Restored::Already);
        assert_eq!(restored("A=1\nT=v3\n"), Restored::Changed);
        // Somebody has added a line behind it: theirs stays as it is.
        let more = set + "C=3\r\n";
        let expected = "A=1\r\nB=2\r\nC=3\r\n".to_owned();
        assert_eq!(restored(&more), Restored::Text(expected));
    }

    #[test]
    fn a_file_of_ours_goes_and_one_that_has_become_theirs_stays() {
        let restored = |text| {
            Dotenv::parse(text)
                .unwrap()
                .restore("T", "v2", &Before::NoFile)
        };
        assert_eq!(restored("T=v2\n"), Restored::Gone);
        assert_eq!(restored("T=v2\nA=1\n"), Restored::Text("A=1\n".to_owned()));
    }

    fn line() -> impl Strategy<Value = String> {
        prop_oneof![
            Just(String::new()),
            "# [a-zT=\"' ]{0,12}",
            "(export )?[A-S_]{1,3} ?= ?[a-z0-9:/. ]{0,8}( # T=[a-z]{1,3})?",
            "[A-S]{1,3}=\"[a-z=\nT ]{0,12}\"( # c)?",
            "[A-S]{1,3}='[a-z=\n\"T$ ]{0,12}'",
            "(export )?T ?[=:] ?[a-z0-9.]{1,6}( # c)?",
            "T=[\"][a-z0-9.]{0,6}[\"]",
            "T=['][a-z0-9.]{0,6}[']( # c)?",
        ]
    }

    fn file() -> impl Strategy<Value = String> {
        let lines = prop::collection::vec(line(), 0..8);
        (lines, any::<bool>(), any::<bool>()).prop_map(|(lines, crlf, ends)| {
            let end = if crlf { "\r\n" } else { "\n" };
            let text = lines.join(end);
            if ends && !text.is_empty() {
                text + end
            } else {
                text
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_set_is_read_and_all_else_stays(text in file(), tag in "[a-z0-9.]{1,8}") {
            let read = Dotenv::parse(&text).unwrap();
            let before = read.before("T").unwrap();
            let was: Vec<_> = ["A", "B", "S"].map(|name| read.value(name)).into();
            let set = read.set("T", &tag);
            let now = Dotenv::parse(&set).unwrap();
            prop_assert_eq!(now.value("T"), is(&tag));
            let others: Vec<_> = ["A", "B", "S"].map(|name| now.value(name)).into();
            prop_assert_eq!(others, was);
            match now.restore("T", &tag, &before) {
                Restored::Text(restored) => prop_assert_eq!(restored, text),
                Restored::Already => prop_assert_eq!(set, text),
                other => prop_assert!(false, "{:?}", other),
            }
        }

        #[test]
        fn no_file_is_too_strange(text in "[AT=:'\"#$\\\\ \n\r{}é]{0,24}") {
            if let Ok(read) = Dotenv::parse(&text) {
                let _ = read.made_with("T");
                if let Ok(before) = read.before("T") {
                    let set = read.set("T", "v2");
                    let now = Dotenv::parse(&set).unwrap();
                    prop_assert_eq!(now.value("T"), is("v2"));
                    if now.restore("T", "v2", &before) == Restored::Text(text.clone()) {
                        return Ok(());
                    }
                    prop_assert_eq!(before, Before::Was("v2".to_owned()));
                }
            }
        }
    }
}
