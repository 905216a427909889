//! Which messages show which run, as far as this process knows.

use std::collections::{BTreeMap, HashSet};

use tokio::time::Instant;

use super::send::{self, Target};
use super::{FAREWELL, Key, Made, PrivateAnswer};
use crate::chat::discord::Us;
use crate::chat::discord::api::Route;
use crate::domain::chat::MessagePart;
use crate::domain::names::RunId;
use crate::domain::time::Timestamp;
use crate::service::RunMessage;

/// Runs of which it is known that they are shown nowhere here; more are asked for again.
const MOST_ELSEWHERE: usize = 10_000;

/// Messages and answers by what they show.
#[derive(Default)]
pub(super) struct Known {
    messages: BTreeMap<Key, RunMessage>,
    answers: BTreeMap<Key, PrivateAnswer>,
    /// How many answers there were.
    answered: u64,
    elsewhere: HashSet<RunId>,
}

impl Known {
    /// What is known of a message already is newer.
    pub(super) fn message(&mut self, message: RunMessage) {
        let key = Key::Message(message.run, message.part);
        self.messages.entry(key).or_insert(message);
    }

    /// This answer shows its run from now on.
    pub(super) fn answer(&mut self, answer: PrivateAnswer) {
        self.elsewhere.remove(&answer.run);
        self.answered += 1;
        let key = Key::Private(answer.run, self.answered);
        self.answers.insert(key, answer);
    }

    /// This run is shown nowhere here.
    pub(super) fn is_elsewhere(&mut self, run: RunId) {
        if self.elsewhere.len() >= MOST_ELSEWHERE {
            self.elsewhere.clear();
        }
        self.elsewhere.insert(run);
    }

    /// Whether anything shows this run here; `None` where the store has to be asked.
    pub(super) fn shows(&self, run: RunId) -> Option<bool> {
        if self.elsewhere.contains(&run) {
            return Some(false);
        }
        self.keys_of(run).next().map(|_| true)
    }

    /// What shows this run and may still change.
    pub(super) fn keys_of(&self, run: RunId) -> impl Iterator<Item = Key> {
        let parts = [MessagePart::Headline, MessagePart::Whole];
        let keys = parts.map(|part| Key::Message(run, part));
        let open = keys.into_iter().filter(|key| self.is_open(*key));
        let private = Key::Private(run, 0)..=Key::Private(run, u64::MAX);
        open.chain(self.answers.range(private).map(|(key, _)| *key))
    }

    /// Whether this is a message that may still change.
    pub(super) fn is_open(&self, key: Key) -> bool {
        let message = self.messages.get(&key);
        message.is_some_and(|message| !message.settled)
    }

    /// Whether this is a message that is not made, as far as is known.
    pub(super) fn is_unmade(&self, key: Key) -> bool {
        let message = self.messages.get(&key);
        message.is_some_and(|message| message.remote.is_none())
    }

    /// Where it is sent.
    pub(super) fn target(&self, key: Key) -> Option<Target> {
        Some(match key {
            Key::Message(run, part) => Target::Message {
                message: self.messages.get(&key)?.clone(),
                thread: self.thread_of(run),
                part,
            },
            Key::Private(..) => Target::Answer(self.answers.get(&key)?.clone()),
        })
    }

    /// The thread of a run hangs from its headline, and has the same id.
    fn thread_of(&self, run: RunId) -> Option<String> {
        let headline = Key::Message(run, MessagePart::Headline);
        self.messages.get(&headline)?.remote.clone()
    }

    /// What the next request for it counts against; `None` when that is not known.
    pub(super) fn route(&self, key: Key, us: &Us) -> Option<Route> {
        match self.target(key)? {
            Target::Answer(answer) => Some(Route::edit_answer(&us.application, &answer.token)),
            Target::Message {
                message,
                thread,
                part,
            } => {
                let channel = send::channel(&message, thread.as_deref(), part)?;
                Some(match &message.remote {
                    Some(remote) => Route::edit_message(channel, remote),
                    None => Route::create_message(channel),
                })
            }
        }
    }

    /// The answers that cannot be edited for much longer, each once, and when the next ones are so far.
    pub(super) fn take_leave(&mut self, now: Instant) -> (Vec<Key>, Option<Instant>) {
        let (mut leaving, mut next) = (Vec::new(), None);
        for (key, answer) in &mut self.answers {
            let last = answer.until.checked_sub(FAREWELL).unwrap_or(now);
            if last > now {
                next = Some(next.map_or(last, |known: Instant| known.min(last)));
            } else if !answer.is_last {
                answer.is_last = true;
                leaving.push(*key);
            }
        }
        (leaving, next)
    }

    /// It was made.
    pub(super) fn made(&mut self, key: Key, made: &Made) {
        if let Some(message) = self.messages.get_mut(&key) {
            message.remote = Some(made.message.clone());
            message.tried_at = None;
        }
    }

    /// Since then there may be a message that nobody knows.
    pub(super) fn may_be_made(&mut self, key: Key, since: Timestamp) {
        if let Some(message) = self.messages.get_mut(&key) {
            message.tried_at = Some(since);
        }
    }

    /// Somebody has removed it.
    pub(super) fn removed(&mut self, key: Key) {
        if let Some(message) = self.messages.get_mut(&key) {
            message.remote = None;
            message.tried_at = None;
            message.remade += 1;
        }
    }

    /// It changes no more. A run is known until all that shows it is settled: its thread hangs from its
    /// headline.
    pub(super) fn settled(&mut self, key: Key) {
        match self.messages.get_mut(&key) {
            Some(message) => message.settled = true,
            None => {
                self.answers.remove(&key);
            }
        }
        let parts = [MessagePart::Headline, MessagePart::Whole];
        let keys = parts.map(|part| Key::Message(key.run(), part));
        if !keys.iter().any(|key| self.is_open(*key)) {
            for key in keys {
                self.messages.remove(&key);
            }
        }
    }
}
