//! Texts of a Compose file with variables in them, read as Compose reads them: `shop/web:${WEB_TAG:-v1}`.

use std::collections::BTreeSet;

/// A text that is read, variables and all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(Variable),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Variable {
    name: String,
    otherwise: Otherwise,
}

/// What stands behind a variable's name. `empty_too`: an empty value counts as none.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Otherwise {
    /// `${NAME}`
    Nothing,
    /// `${NAME:-text}`, `${NAME-text}`
    Default { empty_too: bool, text: Template },
    /// `${NAME:?why}`, `${NAME?why}`
    Refused { empty_too: bool },
    /// `${NAME:+text}`, `${NAME+text}`
    Instead { empty_too: bool, text: Template },
}

/// A variable that has no value and no default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub String);

impl Template {
    /// Reads a text; one that Compose would refuse is refused.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no text with variables that Compose would take");
        let (template, rest) = read(text, false).ok_or_else(wrong)?;
        if rest.is_empty() {
            Ok(template)
        } else {
            Err(wrong())
        }
    }

    /// The variables in it, those in defaults too.
    pub fn names(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        for variable in self.variables() {
            names.insert(variable.name.as_str());
            match &variable.otherwise {
                Otherwise::Default { text, .. } | Otherwise::Instead { text, .. } => {
                    names.extend(text.names());
                }
                Otherwise::Nothing | Otherwise::Refused { .. } => {}
            }
        }
        names
    }

    fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.0.iter().filter_map(|part| match part {
            Part::Variable(variable) => Some(variable),
            Part::Text(_) => None,
        })
    }

    /// The text with these values. Compose takes a variable that is nowhere for an empty one; that is
    /// `Missing` here, as nobody means it.
    pub fn render(&self, value: &dyn Fn(&str) -> Option<String>) -> Result<String, Missing> {
        rendered(&self.0, value)
    }

    /// Each variable that alone makes `wanted` of the text, with the value that does; the others keep
    /// the values that they have.
    pub fn solve(
        &self,
        wanted: &str,
        value: &dyn Fn(&str) -> Option<String>,
    ) -> Vec<(String, String)> {
        let mut found: Vec<(String, String)> = Vec::new();
        for (at, part) in self.0.iter().enumerate() {
            let Part::Variable(variable) = part else {
                continue;
            };
            if found.iter().any(|(name, _)| *name == variable.name) {
                continue;
            }
            if let Some(solved) = self.solved(at, wanted, value)
                && self.is(&variable.name, &solved, wanted, value)
            {
                found.push((variable.name.clone(), solved));
            }
        }
        found
    }

    fn solved(
        &self,
        at: usize,
        wanted: &str,
        value: &dyn Fn(&str) -> Option<String>,
    ) -> Option<String> {
        let before = rendered(&self.0[..at], value).ok()?;
        let behind = rendered(&self.0[at + 1..], value).ok()?;
        let middle = wanted.strip_prefix(&before)?.strip_suffix(&behind)?;
        (!middle.is_empty()).then(|| middle.to_owned())
    }

    fn is(
        &self,
        name: &str,
        solved: &str,
        wanted: &str,
        value: &dyn Fn(&str) -> Option<String>,
    ) -> bool {
        let with = |asked: &str| {
            if asked == name {
                Some(solved.to_owned())
            } else {
                value(asked)
            }
        };
        self.render(&with).is_ok_and(|text| text == wanted)
    }
}

fn rendered(parts: &[Part], value: &dyn Fn(&str) -> Option<String>) -> Result<String, Missing> {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(plain) => text.push_str(plain),
            Part::Variable(variable) => text.push_str(&variable.render(value)?),
        }
    }
    Ok(text)
}

impl Variable {
    fn render(&self, value: &dyn Fn(&str) -> Option<String>) -> Result<String, Missing> {
        let found = value(&self.name);
        let counts = |empty_too: bool| {
            let found = found.clone();
            found.filter(|text| !(empty_too && text.is_empty()))
        };
        match &self.otherwise {
            Otherwise::Nothing => found.ok_or_else(|| Missing(self.name.clone())),
            Otherwise::Refused { empty_too } => {
                counts(*empty_too).ok_or_else(|| Missing(self.name.clone()))
            }
            Otherwise::Default { empty_too, text } => {
                counts(*empty_too).map_or_else(|| text.render(value), Ok)
            }
            Otherwise::Instead { empty_too, text } => match counts(*empty_too) {
                Some(_) => text.render(value),
                None => Ok(String::new()),
            },
        }
    }
}

/// Reads up to the end, or up to the brace that closes what this text stands in.
fn read(text: &str, is_inside: bool) -> Option<(Template, &str)> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == '}' && is_inside {
            break;
        }
        if first != '$' {
            plain.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        rest = &rest[1..];
        if let Some(behind) = rest.strip_prefix('$') {
            plain.push('$');
            rest = behind;
            continue;
        }
        let (variable, behind) = if let Some(inside) = rest.strip_prefix('{') {
            in_braces(inside)?
        } else {
            let (name, behind) = name(rest)?;
            let otherwise = Otherwise::Nothing;
            (Variable { name, otherwise }, behind)
        };
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(Part::Variable(variable));
        rest = behind;
    }
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Some((Template(parts), rest))
}

fn name(text: &str) -> Option<(String, &str)> {
    let is_part = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let end = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let begins_well = name.starts_with(|c: char| c == '_' || c.is_ascii_alphabetic());
    begins_well.then(|| (name.to_owned(), rest))
}

/// What stands behind `${`, with its closing brace.
fn in_braces(text: &str) -> Option<(Variable, &str)> {
    let (name, rest) = name(text)?;
    let (empty_too, rest) = match rest.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let mark = rest.chars().next()?;
    let (otherwise, rest) = match mark {
        '}' if !empty_too => (Otherwise::Nothing, rest),
        '-' | '+' | '?' => {
            let (text, rest) = read(&rest[1..], true)?;
            let otherwise = match mark {
                '-' => Otherwise::Default { empty_too, text },
                '+' => Otherwise::Instead { empty_too, text },
                _ => Otherwise::Refused { empty_too },
            };
            (otherwise, rest)
        }
        _ => return None,
    };
    Some((Variable { name, otherwise }, rest.strip_prefix('}')?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(name: &str) -> Option<String> {
        match name {
            "A" => Some("av".to_owned()),
            "E" => Some(String::new()),
            "REGISTRY" => Some("r.example:5000".to_owned()),
            _ => None,
        }
    }

    fn rendered(text: &str) -> String {
        match Template::parse(text) {
            Err(_) => "refused".to_owned(),
            Ok(template) => match template.render(&value) {
                Ok(text) => text,
                Err(Missing(name)) => format!("no {name}"),
            },
        }
    }

    /// Each of these is what `docker compose config` of version 2.40.3 makes of it.
    #[test]
    fn a_text_is_read_as_compose_reads_it() {
        for (text, expected) in [
            ("x:${A}", "x:av"),
            ("x:$A", "x:av"),
            ("x:${B:-d}", "x:d"),
            ("x:${B-d}", "x:d"),
            ("x:${E:-d}", "x:d"),
            ("x:${E-d}", "x:"),
            ("x:${B:?none}", "no B"),
            ("x:${A?none}", "x:av"),
            ("x:${A:+alt}", "x:alt"),
            ("x:${B:+alt}", "x:"),
            ("x:${B:-${A}}", "x:av"),
            ("x:${B:-${C:-deep}}y", "x:deepy"),
            ("x$$A", "x$A"),
            ("x:${B:-a-b}", "x:a-b"),
            ("x:${A}-${B:-c}", "x:av-c"),
            ("x:${B:-d}}", "x:d}"),
            ("x:$A.b", "x:av.b"),
            ("x:${B:-:?}", "x::?"),
            ("x:${B:-a?b-c}", "x:a?b-c"),
            ("x:${", "refused"),
            ("x:${ A }", "refused"),
            ("x:${A/b}", "refused"),
            ("x:${B}", "no B"),
        ] {
            assert_eq!(rendered(text), expected, "{text}");
        }
    }

    fn solved(text: &str, wanted: &str) -> String {
        let solved = Template::parse(text).unwrap().solve(wanted, &value);
        let each = solved.iter().map(|(name, value)| format!("{name}={value}"));
        each.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn one_variable_makes_the_image() {
        for (text, wanted, expected) in [
            ("shop/web:${WEB_TAG:-v1}", "shop/web:v2", "WEB_TAG=v2"),
            ("shop/web:$WEB_TAG", "shop/web:v2", "WEB_TAG=v2"),
            ("${WEB_IMAGE}", "shop/web:v2", "WEB_IMAGE=shop/web:v2"),
            ("${REGISTRY}/web:${T}", "r.example:5000/web:v2", "T=v2"),
            ("shop/web:${T}-slim", "shop/web:v2-slim", "T=v2"),
            ("shop/web:v1", "shop/web:v2", ""),
            ("shop/web:${T}", "shop/other:v2", ""),
            ("shop/web:${T}", "shop/web:", ""),
            ("shop/web:${T:+v3}", "shop/web:v2", ""),
            ("${N:-web}:${T:-v1}", "web:v2", "T=v2"),
            ("x${S:-a}${T:-a}", "xaaa", "S=aa T=aa"),
            ("${T:-a}/${T:-a}", "b/b", ""),
        ] {
            assert_eq!(solved(text, wanted), expected, "{text} for {wanted}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[${}:?+A-C_-]{0,24}") {
            if let Ok(template) = Template::parse(&text) {
                let _ = template.render(&value);
                let names: Vec<_> = template.names().into_iter().map(str::to_owned).collect();
                prop_assert!(names.iter().all(|name| text.contains(name.as_str())));
            }
        }

        #[test]
        fn what_solves_it_makes_it(tag in "[a-z0-9.]{1,8}", tail in "(-slim)?") {
            let template = Template::parse(&format!("${{REGISTRY}}/web:${{T:-v1}}{tail}")).unwrap();
            let wanted = format!("r.example:5000/web:{tag}{tail}");
            let solved = template.solve(&wanted, &value);
            prop_assert!(solved.contains(&("T".to_owned(), tag)));
        }
    }
}
