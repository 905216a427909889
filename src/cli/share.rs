//! How far something is, where what it says of itself holds the figures.

/// Cells of a bar.
const WIDTH: usize = 10;

/// A bar for `7/10 tables`, `3 of 8`, `12.5 MiB of 40 MiB`; `None` for any other text.
pub(super) fn bar(text: &str) -> Option<String> {
    let share = share(text)?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a few cells"
    )]
    let full = (share * WIDTH as f64).floor() as usize;
    let full = full.min(WIDTH);
    Some(format!("{}{}", "█".repeat(full), "░".repeat(WIDTH - full)))
}

/// Between 0 and 1.
fn share(text: &str) -> Option<f64> {
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
            let bar = bar(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(bar.matches('█').count(), cells, "{text}");
            assert_eq!(bar.chars().count(), WIDTH, "{text}");
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
            assert_eq!(bar(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-z/ .,MKiBof]*") {
            bar(&text);
        }
    }
}
