//! Words that sentences for people are made of, wherever they are said.

use std::fmt::Display;

/// `1 workflow`, `2 workflows`.
pub fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, what: &str) -> String {
    let plural = if count == N::from(1) { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_all_others_are_many() {
        let said = [0_usize, 1, 2].map(|count| counted(count, "run"));
        assert_eq!(said, ["0 runs", "1 run", "2 runs"]);
    }
}
