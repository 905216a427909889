//! What goes wrong on purpose: which requests fail, wait, are throttled, or lose their answer.

use std::time::Duration;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// It is carried out only after this.
    Delay(Duration),
    /// It is not carried out; the answer has this status and no JSON, as from Discord's proxies.
    Fail(u16),
    /// It is not carried out; 429.
    Limit { retry_after: Duration, global: bool },
    /// It is carried out, and the connection breaks before the answer.
    CutAfter,
}

#[derive(Debug)]
struct Rule {
    pattern: String,
    fault: Fault,
    /// How many requests it still strikes; none: all.
    left: Option<u32>,
}

/// The faults that are set up.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
}

impl Faults {
    pub(crate) fn add(&mut self, pattern: &str, fault: Fault, times: Option<u32>) {
        self.rules.push(Rule {
            pattern: pattern.to_owned(),
            fault,
            left: times,
        });
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// What strikes this request: every delay and the first of the others.
    pub(crate) fn strike(&mut self, method: &str, path: &str) -> Vec<Fault> {
        let mut struck = Vec::new();
        let mut ended = false;
        for rule in &mut self.rules {
            let delays = matches!(rule.fault, Fault::Delay(_));
            if rule.left == Some(0) || ended && !delays || !matches(&rule.pattern, method, path) {
                continue;
            }
            rule.left = rule.left.map(|left| left - 1);
            ended |= !delays;
            struck.push(rule.fault);
        }
        self.rules.retain(|rule| rule.left != Some(0));
        struck
    }
}

/// Whether a request is meant by `METHOD /path`, where `*` stands for a method or one part of the
/// path, and a last `**` for all that follows.
pub(crate) fn matches(pattern: &str, method: &str, path: &str) -> bool {
    let (wanted, pattern) = pattern.split_once(' ').unwrap_or(("*", pattern));
    if wanted != "*" && wanted != method {
        return false;
    }
    let mut pattern = pattern.split('/');
    let mut path = path.split('/');
    loop {
        match (pattern.next(), path.next()) {
            (Some("**"), _) | (None, None) => return true,
            (Some(wanted), Some(part)) if wanted == "*" || wanted == part => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_requests() {
        let edit = "/channels/1/messages/2";
        assert!(matches("PATCH /channels/*/messages/*", "PATCH", edit));
        assert!(matches("* /channels/**", "PATCH", edit));
        assert!(matches("/**", "PATCH", edit));
        assert!(!matches("POST /channels/*/messages/*", "PATCH", edit));
        assert!(!matches("PATCH /channels/*/messages", "PATCH", edit));
        assert!(!matches(
            "PATCH /channels/*/messages/*/threads",
            "PATCH",
            edit
        ));
    }

    #[test]
    fn a_fault_strikes_as_often_as_it_was_asked_to() {
        let mut faults = Faults::default();
        faults.add("/**", Fault::Fail(503), Some(2));
        faults.add("/**", Fault::CutAfter, Some(1));
        let mut strike = || faults.strike("GET", "/gateway");
        assert_eq!(strike(), [Fault::Fail(503)]);
        assert_eq!(strike(), [Fault::Fail(503)]);
        assert_eq!(strike(), [Fault::CutAfter]);
        assert_eq!(strike(), []);
    }
}
