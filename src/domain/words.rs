//! Words that sentences for people are made of, wherever they are said.

use std::fmt::Display;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_all_others_are_many() {
        let said = [0_usize, 1, 2].map(|count| counted(count, "run"));
        assert_eq!(said, ["0 runs", "1 run", "2 runs"]);
    }

    #[test]
    fn what_is_cut_says_so_and_what_fits_is_whole() {
        assert_eq!([cut("naïve", 3), cut("naïve", 5)], ["naï…", "naïve"]);
    }
}
