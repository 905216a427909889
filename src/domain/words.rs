//! Words that sentences for people are made of, wherever they are said.

use std::fmt::Display;
use std::time::Duration;

/// `1 workflow`, `2 workflows`.
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, what: &str) -> String {
    let plural = if count == N::from(1) { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// The beginning of a text, where it is longer than so many characters.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// `45 s`, `12 min`, `5 h`, `3 days`: roughly.
pub fn age(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// `812 KiB`, `14 MiB`: roughly, and never less.
pub fn size(bytes: u64) -> String {
    if bytes < 1 << 20 {
        format!("{} KiB", bytes.div_ceil(1 << 10))
    } else {
        format!("{} MiB", bytes.div_ceil(1 << 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_all_others_are_many() {
        let said = [0_usize, 1, 2].map(|count| counted(count, "run"));
        assert_eq!(said, ["0 runs", "1 run", "2 runs"]);
    }

    #[test]
    fn ages_and_sizes_are_said_roughly() {
        let ages = [5, 90, 7_300, 260_000].map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!(ages, ["5 s", "1 min", "2 h", "3 days"]);
        assert_eq!([size(1), size(3 << 20)], ["1 KiB", "3 MiB"]);
    }

    #[test]
    fn what_is_cut_says_so_and_what_fits_is_whole() {
        assert_eq!([cut("naïve", 3), cut("naïve", 5)], ["naï…", "naïve"]);
    }
}
