//! The lines of a service's log as they come.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::errors::Error;
use futures_util::StreamExt as _;
use futures_util::stream::select_all;

use super::container::Container;
use super::engine::Docker;
use super::logs::{Lines, Wanted};
use super::show_logs::{Filter, MOST_BYTES, Stamped};
use crate::action::{Context, Result};
use crate::domain::time::Span;
use crate::domain::words::cut;

/// How often the latest line is told.
const PAUSE: Duration = Duration::from_millis(500);

/// A longer line is cut where it is told while it comes, in characters.
const LONGEST_TOLD: usize = 300;

/// What came by.
pub(super) struct Seen {
    /// Of each container in their order.
    pub(super) lines: Vec<Stamped>,
    /// Earlier ones are not among them: they would not all fit.
    pub(super) shortened: bool,
    pub(super) ended: Ended,
}

/// Why no more lines were waited for.
pub(super) enum Ended {
    /// So long was asked for.
    After(Span),
    /// The run was cancelled, or Purser was stopped.
    Stopped,
    /// No container is there any more that could log anything.
    Gone,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(span) => write!(f, "after {span}, as asked for"),
            Self::Stopped => f.write_str("it was stopped before its time was over"),
            Self::Gone => f.write_str("its containers have ended, or were removed"),
        }
    }
}

/// Reads along for so long, and says the latest line while it comes. What was seen is kept however
/// it ends, unless the engine breaks off.
pub(super) async fn follow(
    ctx: &Context,
    docker: &Docker,
    containers: &[Container],
    wanted: &Wanted,
    filter: &Filter,
    span: Span,
) -> Result<Seen> {
    // An answer begins with its first line, which may be long in coming.
    let client = docker.client().await?.clone();
    let client = client.with_timeout(span.duration() + PAUSE * 10);
    let mut pieces = select_all(containers.iter().enumerate().map(|(whose, container)| {
        let pieces = client.logs(&container.id, Some(wanted.options(true)));
        pieces.map(move |piece| (whose, piece)).boxed()
    }));
    let mut heard = Heard::of(containers, filter);
    let mut told = tokio::time::interval(PAUSE);
    let mut over = std::pin::pin!(ctx.sleep(span.duration()));
    let ended = loop {
        tokio::select! {
            () = ctx.cancel.cancelled() => break Ended::Stopped,
            slept = &mut over => break match slept {
                Ok(()) => Ended::After(span),
                Err(_) => Ended::Stopped,
            },
            piece = pieces.next() => match piece {
                Some((whose, piece)) => heard
                    .take(whose, piece)
                    .map_err(|error| docker.failed("a container's log was followed", error))?,
                None => break Ended::Gone,
            },
            _ = told.tick() => heard.tell(ctx),
        }
    };
    Ok(heard.seen(ended))
}

/// The latest lines, as many as fit.
struct Heard<'a> {
    containers: &'a [Container],
    filter: &'a Filter,
    pieces: Vec<Lines>,
    kept: VecDeque<Stamped>,
    bytes: usize,
    shortened: bool,
    is_news: bool,
}

impl<'a> Heard<'a> {
    fn of(containers: &'a [Container], filter: &'a Filter) -> Self {
        Self {
            containers,
            filter,
            pieces: containers.iter().map(|_| Lines::default()).collect(),
            kept: VecDeque::new(),
            bytes: 0,
            shortened: false,
            is_news: false,
        }
    }

    fn take(&mut self, whose: usize, piece: Result<LogOutput, Error>) -> Result<(), Error> {
        let piece = piece?;
        let mut lines = std::mem::take(&mut self.pieces[whose]);
        lines.push(&piece, |line| self.keep(whose, line));
        self.pieces[whose] = lines;
        Ok(())
    }

    fn keep(&mut self, whose: usize, line: &str) {
        let Some(line) = self.filter.take(&self.containers[whose], line) else {
            return;
        };
        self.bytes += line.text.len() + 1;
        self.kept.push_back(line);
        self.is_news = true;
        while self.bytes > MOST_BYTES
            && let Some(oldest) = self.kept.pop_front()
        {
            self.bytes -= oldest.text.len() + 1;
            self.shortened = true;
        }
    }

    fn tell(&mut self, ctx: &Context) {
        if std::mem::take(&mut self.is_news)
            && let Some(latest) = self.kept.back()
        {
            ctx.progress(cut(&latest.text, LONGEST_TOLD));
        }
    }

    fn seen(mut self, ended: Ended) -> Seen {
        for (whose, lines) in std::mem::take(&mut self.pieces).into_iter().enumerate() {
            lines.finish(|line| self.keep(whose, line));
        }
        Seen {
            lines: self.kept.into(),
            shortened: self.shortened,
            ended,
        }
    }
}
