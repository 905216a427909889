//! What a terminal shows, without what differs in each run.

/// Ids, digests, times and lengths of time as words. What a step says while it runs depends on the
/// moment at which one looks, and is left out; a run that was told to stop may have ended before it
/// is looked at again.
pub(crate) fn plain(text: &str) -> String {
    let lines =
        text.lines()
            .filter(|line| !passes(line))
            .map(|line| match line.split_once("seconds: ") {
                Some((before, _)) => format!("{before}seconds: N"),
                None => at_any_time(&shapes_replaced(line)),
            });
    let text = lines.collect::<Vec<_>>().join("\n");
    text.replace("run RUN: cancelled", "run RUN: being stopped")
}

/// A line of a timeline, whose time is as wide as it is long.
fn at_any_time(line: &str) -> String {
    let unmarked = line.strip_prefix(['✓', '✗', '…', '!', '?', '↶', '-', ' ']);
    match unmarked.and_then(|rest| Some((rest, rest.trim_start().strip_prefix("N s  ")?))) {
        Some((rest, text)) if rest.starts_with("  ") => {
            let mark = line.chars().next().unwrap_or(' ');
            format!("{mark} N s  {text}")
        }
        _ => line.to_owned(),
    }
}

fn passes(line: &str) -> bool {
    line.starts_with("… ") || (line.starts_with("  ") && !line.starts_with("   "))
}

/// What is shown instead of a text of such a shape: `d` is a digit, `x` a hexadecimal digit.
const SHAPES: [(&str, &str); 10] = [
    ("dddd-dd-ddTdd:dd:dd+dd:dd", "LOCAL"),
    ("dddd-dd-ddTdd:dd:ddZ", "TIME"),
    ("ddddddddTddddddZ-xxxxxxxxxxxx", "TIME-HEX"),
    ("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "RUN"),
    (
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "HEX",
    ),
    ("xxxxxxxxxxxx", "HEX"),
    // What the test's images were built by.
    (
        "recipe: xxxxxxxxxxxxxxxx → xxxxxxxxxxxxxxxx",
        "recipe: HEX → HEX",
    ),
    ("xxxxxxxx", "RUN"),
    ("dd.d s", "N s"),
    ("d.d s", "N s"),
];

pub(crate) fn shapes_replaced(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let inside = plain.ends_with(|c: char| c.is_ascii_alphanumeric());
        let found = SHAPES.iter().find(|(shape, _)| fits(rest, shape));
        match found {
            Some((shape, word)) if !inside => {
                plain.push_str(word);
                rest = &rest[shape.len()..];
            }
            _ => {
                plain.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    plain
}

/// Whether the text begins with this shape, as a whole word.
fn fits(text: &str, shape: &str) -> bool {
    let fits = |(is, wanted): (u8, u8)| match wanted {
        b'd' => is.is_ascii_digit(),
        b'x' => is.is_ascii_digit() || (b'a'..=b'f').contains(&is),
        _ => is == wanted,
    };
    let goes_on = |next: &u8| next.is_ascii_alphanumeric();
    text.len() >= shape.len()
        && text.bytes().zip(shape.bytes()).all(fits)
        && !text.as_bytes().get(shape.len()).is_some_and(goes_on)
}
