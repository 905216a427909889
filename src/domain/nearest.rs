//! The nearest valid name for one that does not exist, for errors that help.

/// The candidate closest to `wrong`, if one is close enough to be what was meant.
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong_lower = wrong.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (
                closeness(&wrong_lower, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(closeness, _)| *closeness > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// `unknown action "docker.deploi"; did you mean "docker.deploy"?`, or the names that exist.
pub fn unknown<'a>(
    what: &str,
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> String {
    if let Some(near) = nearest(wrong, candidates.clone()) {
        return format!("unknown {what} `{wrong}`; did you mean `{near}`?");
    }
    let mut names: Vec<_> = candidates
        .into_iter()
        .map(|name| format!("`{name}`"))
        .collect();
    names.sort_unstable();
    match names.len() {
        0 => format!("unknown {what} `{wrong}`: there is none yet"),
        1..=12 => format!("unknown {what} `{wrong}`; there is {}", names.join(", ")),
        more => format!("unknown {what} `{wrong}`; there are {more}, none with a name like it"),
    }
}

/// Adds the nearest known name to serde's message about an unknown field or variant:
/// ``unknown field `hots`, expected one of `host`, `port` `` gains ``; did you mean `host`?``.
pub fn explain_unknown_field(message: &str) -> String {
    let Some((before, after)) = message.split_once(", expected ") else {
        return message.to_owned();
    };
    if !before.contains("unknown ") {
        return message.to_owned();
    }
    let in_ticks = |text: &str| -> Vec<String> {
        text.split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect()
    };
    let (wrong, known) = (in_ticks(before), in_ticks(after));
    match wrong
        .last()
        .and_then(|wrong| nearest(wrong, known.iter().map(String::as_str)))
    {
        Some(near) => format!("{before}; did you mean `{near}`?"),
        None => message.to_owned(),
    }
}

/// An error of TOML in one sentence: with the key that it is about, which its display says in a line
/// of its own, where the message does not name it.
pub fn explain_toml(message: &str, display: &str) -> String {
    let why = explain_unknown_field(message);
    let key = display.lines().find_map(|line| line.strip_prefix("in "));
    match key {
        Some(key) if !why.starts_with("unknown field ") => format!("in {key}: {why}"),
        _ => why,
    }
}

fn closeness(a: &str, b: &str) -> f64 {
    let is_part = a.len() >= 3 && (b.starts_with(a) || b.ends_with(&format!(".{a}")));
    strsim::jaro_winkler(a, b)
        .max(strsim::normalized_damerau_levenshtein(a, b))
        .max(if is_part { 0.95 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name() {
        let names = ["docker.deploy_service", "docker.run_job", "postgres.backup"];
        assert_eq!(
            nearest("docker.deploi_service", names),
            Some("docker.deploy_service")
        );
        assert_eq!(nearest("run_job", names), Some("docker.run_job"));
        assert_eq!(nearest("xyzzy", names), None);
    }

    #[test]
    fn of_several_that_begin_alike_the_nearest_is_meant() {
        assert_eq!(
            nearest("byte", ["bytes", "bytes_per_second"]),
            Some("bytes")
        );
    }

    #[test]
    fn without_a_near_one_the_names_are_listed() {
        assert_eq!(
            unknown("system", "zzz", ["shop", "orders-db"]),
            "unknown system `zzz`; there is `orders-db`, `shop`"
        );
    }
}
