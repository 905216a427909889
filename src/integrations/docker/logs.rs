//! A container's output as lines.

use std::collections::VecDeque;
use std::pin::pin;

use bollard::container::LogOutput;
use bollard::query_parameters::{LogsOptions, LogsOptionsBuilder};
use futures_util::StreamExt as _;

use super::engine::Docker;
use crate::action::Result;

/// The engine cuts a line at 16 KiB; what is longer than this is cut by us.
const LONGEST_LINE: usize = 32 * 1024;

/// In an error, a line is cut after this many characters.
const LONGEST_QUOTED: usize = 300;

/// How many lines an error quotes.
pub(super) const QUOTED: usize = 10;

/// Puts the pieces of two streams together to lines.
#[derive(Default)]
pub(super) struct Lines {
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Lines {
    /// Takes a piece, and hands over each line that it completes.
    pub(super) fn push(&mut self, piece: &LogOutput, mut line: impl FnMut(&str)) {
        let rest = match piece {
            LogOutput::StdErr { .. } => &mut self.err,
            _ => &mut self.out,
        };
        rest.extend_from_slice(piece.as_ref());
        while let Some(end) = end_of_line(rest) {
            line(&text(&rest[..end]));
            let ended = rest.get(end) == Some(&b'\n');
            rest.drain(..end + usize::from(ended));
        }
    }

    /// Hands over what was left without a line end.
    pub(super) fn finish(self, mut line: impl FnMut(&str)) {
        for rest in [self.out, self.err] {
            if !rest.is_empty() {
                line(&text(&rest));
            }
        }
    }
}

fn end_of_line(bytes: &[u8]) -> Option<usize> {
    let end = bytes.iter().position(|&byte| byte == b'\n');
    end.or_else(|| (bytes.len() >= LONGEST_LINE).then_some(bytes.len()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(bytes)).into_owned()
}

/// The last lines that went by.
#[derive(Default)]
pub(super) struct Tail(VecDeque<String>);

impl Tail {
    /// Takes one line.
    pub(super) fn push(&mut self, line: &str) {
        if self.0.len() == QUOTED {
            self.0.pop_front();
        }
        self.0
            .push_back(line.chars().take(LONGEST_QUOTED).collect());
    }

    /// Them.
    pub(super) fn lines(self) -> Vec<String> {
        self.0.into()
    }
}

/// What to read of a container's log.
pub(super) struct Wanted {
    /// The last so many lines.
    pub(super) lines: usize,
    /// Not before this second of the epoch.
    pub(super) since: i32,
    /// With the engine's time in front of each line.
    pub(super) timestamps: bool,
}

impl Wanted {
    /// As the engine takes it; with `follow`, what comes from now on too.
    pub(super) fn options(&self, follow: bool) -> LogsOptions {
        LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            .timestamps(self.timestamps)
            .since(self.since)
            .tail(&self.lines.to_string())
            .follow(follow)
            .build()
    }
}

/// A part of a container's log, as it is now.
pub(super) async fn read(docker: &Docker, id: &str, wanted: &Wanted) -> Result<Vec<String>> {
    let mut found = Vec::new();
    each(docker, id, wanted, |line| found.push(line.to_owned())).await?;
    Ok(found)
}

/// Hands over the lines of a part of a container's log, as it is now.
pub(super) async fn each(
    docker: &Docker,
    id: &str,
    wanted: &Wanted,
    mut line: impl FnMut(&str),
) -> Result<()> {
    let client = docker.client().await?;
    let mut stream = pin!(client.logs(id, Some(wanted.options(false))));
    let mut lines = Lines::default();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|error| docker.failed("a container's log was read", error))?;
        lines.push(&piece, &mut line);
    }
    lines.finish(line);
    Ok(())
}

/// The end of a container's log for an error: `; its last lines:` and them, or that there are none.
pub(super) async fn quoted(docker: &Docker, id: &str) -> String {
    let wanted = Wanted {
        lines: QUOTED,
        since: 0,
        timestamps: false,
    };
    match read(docker, id, &wanted).await {
        Ok(lines) => quote(&lines),
        Err(_) => "its log could not be read".to_owned(),
    }
}

/// Lines as an error quotes them.
pub(super) fn quote(lines: &[String]) -> String {
    if lines.is_empty() {
        return "it printed nothing".to_owned();
    }
    let mut tail = Tail::default();
    for line in lines {
        tail.push(line);
    }
    format!("its last lines:\n{}", tail.lines().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(text: &'static str) -> LogOutput {
        LogOutput::StdOut {
            message: text.into(),
        }
    }

    #[test]
    fn pieces_become_lines_and_the_streams_do_not_mix() {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        lines.push(&out("on"), |line| found.push(line.to_owned()));
        let complaint = LogOutput::StdErr {
            message: "oh\n".into(),
        };
        lines.push(&complaint, |line| found.push(line.to_owned()));
        lines.push(&out("e\r\n\ntwo"), |line| found.push(line.to_owned()));
        lines.finish(|line| found.push(line.to_owned()));
        assert_eq!(found, ["oh", "one", "", "two"]);
    }

    #[test]
    fn a_line_without_an_end_does_not_fill_the_memory() {
        let mut lines = Lines::default();
        let mut longest = 0;
        for _ in 0..100 {
            lines.push(&out("0123456789abcdef").clone(), |line| {
                longest = longest.max(line.len());
            });
            let long = LogOutput::StdOut {
                message: vec![b'x'; 1024].into(),
            };
            lines.push(&long, |line| longest = longest.max(line.len()));
        }
        assert!(longest > 0 && longest < LONGEST_LINE + 2048, "{longest}");
    }
}
