//! How far something is, where what it says of itself holds the figures.

/// For `7/10 tables`, `3 of 8`, `12.5 MiB of 40 MiB` the share that is done, between 0 and 1; `None`
/// for any other text.
pub fn share(text: &str) -> Option<f64> {
    let words: Vec<&str> = text
        .split_whitespace()
        .map(|word| word.trim_matches(['(', ')', ',', ';', ':']))
        .collect();
    let slashed = words.iter().find_map(|word| {
        let (done, all) = word.split_once('/')?;
        ratio(number(done)?, number(all)?)
    });
    let of = || {
        let at = words.iter().position(|word| *word == "of")?;
        let (all, _) = size(&words[at + 1..])?;
        let from = at.checked_sub(2).unwrap_or(at.checked_sub(1)?);
        let before = &words[from..at];
        let done = size(before)
            .filter(|(_, used)| *used == before.len())
            .or_else(|| size(&before[1..]))?;
        ratio(done.0, all)
    };
    slashed.or_else(of)
}

/// A bar of so many cells, the full ones first. A cell is full when all of it is done.
pub fn bar(share: f64, cells: usize, [full, empty]: [char; 2]) -> String {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a few cells"
    )]
    let done = ((share * cells as f64).floor() as usize).min(cells);
    let cell = |at| if at < done { full } else { empty };
    (0..cells).map(cell).collect()
}

fn ratio(done: f64, all: f64) -> Option<f64> {
    (all > 0.0 && (0.0..=all).contains(&done)).then(|| done / all)
}

fn number(text: &str) -> Option<f64> {
    let is_plain = text.starts_with(|c: char| c.is_ascii_digit());
    let number = text.parse::<f64>().ok().filter(|_| is_plain);
    number.filter(|number| number.is_finite())
}

/// A number with the unit of bytes behind it, if there is one, and how many words that were.
fn size(words: &[&str]) -> Option<(f64, usize)> {
    let number = number(words.first()?)?;
    let factor = words.get(1).and_then(|unit| unit_of_bytes(unit));
    Some(match factor {
        Some(factor) => (number * factor, 2),
        None => (number, 1),
    })
}

fn unit_of_bytes(unit: &str) -> Option<f64> {
    Some(match unit {
        "B" | "bytes" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        "TiB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn figures_of_how_far_it_is_are_found() {
        for (text, cells) in [
            ("comparing 7/10 tables", 7),
            ("3 of 4 replicas", 7),
            ("12 MiB of 24 MiB stored", 5),
            ("stored 512 KiB of 1 MiB", 5),
            ("(0/8)", 0),
            ("8/8", 10),
        ] {
            let share = share(text).unwrap_or_else(|| panic!("{text}"));
            let bar = bar(share, 10, ['█', '░']);
            assert_eq!(bar.matches('█').count(), cells, "{text}");
            assert_eq!(bar.chars().count(), 10, "{text}");
        }
    }

    #[test]
    fn what_is_no_share_gets_no_bar() {
        for text in [
            "replacing shop/web",
            "12 MiB dumped, 3 stored",
            "9/8",
            "1/0",
            "the end of it",
            "of 7",
            "2 tables of 7",
            "inf/inf",
            "",
        ] {
            assert_eq!(share(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_share_is_between_nothing_and_all(text in "[0-9a-z/ .,MKiBof]*") {
            prop_assert!(share(&text).is_none_or(|share| (0.0..=1.0).contains(&share)));
        }
    }
}
