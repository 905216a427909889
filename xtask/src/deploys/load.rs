//! The load: so many requests a second of the usual mix, from beginning to end.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use super::visitor::{Kind, Visitor};

/// Of each kind its share, and by how many visitors it is asked: enough for some to wait long.
const MIX: [(Kind, f64, u32); 4] = [
    (Kind::Get, 0.60, 12),
    (Kind::Post, 0.28, 8),
    (Kind::Connect, 0.10, 6),
    (Kind::Slow, 0.02, 20),
];
/// Beside that one stream a second begins.
const STREAMS: (Kind, f64, u32) = (Kind::Stream, 1.0, 5);

/// One request, as somebody outside has seen it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) kind: Kind,
    pub(crate) begun: Instant,
    pub(crate) ended: Instant,
    /// The version that has answered, or what went wrong.
    pub(crate) answer: Result<String, String>,
}

/// The sorts of requests that have failed, and how many of each; the most frequent first.
pub(crate) fn failures(asked: &[Asked]) -> Vec<(String, usize)> {
    let mut sorts: BTreeMap<String, usize> = BTreeMap::new();
    for one in asked {
        if let Err(why) = &one.answer {
            *sorts.entry(format!("{:?}: {why}", one.kind)).or_default() += 1;
        }
    }
    let mut sorts: Vec<_> = sorts.into_iter().collect();
    sorts.sort_by_key(|(_, count)| Reverse(*count));
    sorts
}

/// A load that goes on.
pub(crate) struct Load {
    shared: Arc<Shared>,
    visitors: Vec<JoinHandle<()>>,
}

struct Shared {
    host: String,
    is_over: AtomicBool,
    asked: Mutex<Vec<Asked>>,
}

impl Load {
    /// Begins to ask for this name.
    pub(crate) fn begin(host: &str, per_second: f64) -> Self {
        let shared = Arc::new(Shared {
            host: host.to_owned(),
            is_over: AtomicBool::new(false),
            asked: Mutex::default(),
        });
        let mix = MIX.map(|(kind, share, visitors)| (kind, share * per_second, visitors));
        let mut all = Vec::new();
        for (kind, per_second, visitors) in mix.into_iter().chain([STREAMS]) {
            let pace = Duration::from_secs_f64(f64::from(visitors) / per_second);
            for visitor in 0..visitors {
                let shared = Arc::clone(&shared);
                let first = Instant::now() + pace / visitors * visitor;
                all.push(std::thread::spawn(move || shared.visit(kind, first, pace)));
            }
        }
        Self {
            shared,
            visitors: all,
        }
    }

    /// How many requests have ended.
    pub(crate) fn count(&self) -> usize {
        self.shared.asked().len()
    }

    /// Whether this version has answered somebody.
    pub(crate) fn has_met(&self, version: &str) -> bool {
        let asked = self.shared.asked();
        let mut answers = asked.iter().rev().map(|asked| &asked.answer);
        answers.any(|answer| answer.as_deref() == Ok(version))
    }

    /// Lets what is under way come to its end, and says all that was seen.
    pub(crate) fn end(mut self) -> Vec<Asked> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for visitor in self.visitors.drain(..) {
            let _ = visitor.join();
        }
        std::mem::take(&mut *self.shared.asked())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is late asks at once, and does not make up for what was missed.
    fn visit(&self, kind: Kind, first: Instant, pace: Duration) {
        let mut visitor = Visitor::of(&self.host);
        let mut next = first;
        while !self.is_over.load(Ordering::Relaxed) {
            sleep(next.saturating_duration_since(Instant::now()));
            let begun = Instant::now();
            let answer = visitor.ask(kind);
            let asked = Asked {
                kind,
                begun,
                ended: Instant::now(),
                answer,
            };
            self.asked().push(asked);
            next = (next + pace).max(Instant::now());
        }
    }
}
