//! Several events of one act, folded into the one thing that it is for people.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use super::{Act, Change, Item, Sort};
use crate::domain::time::Timestamp;

/// What belongs to one act follows within this time.
const NEAR: Duration = Duration::from_mins(1);

/// A container joins its networks and leaves them so shortly before or after it starts and ends.
const AT_ONCE: Duration = Duration::from_secs(5);

/// A container that takes the place of another one comes within this time.
const REPLACED_WITHIN: Duration = Duration::from_mins(5);

/// One thing that has happened, for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Happened {
    /// When it began.
    pub at: Timestamp,
    /// When the last of it happened.
    pub until: Timestamp,
    /// What it happened to, as that was called in the end.
    pub item: Item,
    /// What happened.
    pub what: What,
    /// How often, without another thing in between.
    pub times: usize,
    /// Of how many events it is made.
    pub events: usize,
}

/// What has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// One event that is a thing by itself.
    Single(Act),
    /// It was made and started.
    Begun,
    /// It was killed: a signal, and its end.
    Killed {
        /// With this exit code.
        code: Option<i64>,
    },
    /// It was stopped: a signal, its end, and that it was asked for.
    Stopped {
        /// With this exit code.
        code: Option<i64>,
    },
    /// It was stopped and started.
    Restarted,
    /// It has ended and was started again, by the engine or by somebody.
    EndedAndStarted {
        /// With this exit code.
        code: Option<i64>,
    },
    /// It has ended, or was stopped, and is gone.
    Gone,
    /// It was made and is gone again.
    CameAndWent,
    /// It has taken the place of a container of that image.
    Replaced {
        /// The earlier image.
        from: String,
    },
}

/// Folds what happened to one system. Each event is part of exactly one thing; what is not known to
/// belong to another event stands by itself.
pub fn fold(mut changes: Vec<Change>) -> Vec<Happened> {
    changes.sort_by_key(|change| change.at);
    let mut by_item: BTreeMap<(Sort, String), Vec<Happened>> = BTreeMap::new();
    for change in changes {
        let item = (change.item.sort, change.item.id.clone());
        by_item.entry(item).or_default().push(single(change));
    }
    let mut all: Vec<_> = by_item
        .into_values()
        .flat_map(|events| {
            let events = without_networks(events);
            events.into_iter().fold(vec![], add)
        })
        .collect();
    all.sort_by_key(|happened| happened.at);
    replaced(all)
}

fn single(change: Change) -> Happened {
    Happened {
        at: change.at,
        until: change.at,
        item: change.item,
        what: What::Single(change.act),
        times: 1,
        events: 1,
    }
}

impl Happened {
    /// How far apart two things are.
    fn apart(&self, other: &Self) -> Duration {
        other.at.since(self.until).max(self.at.since(other.until))
    }

    /// Makes one thing of two.
    fn absorb(&mut self, other: Self, what: What) {
        self.at = self.at.min(other.at);
        self.until = self.until.max(other.until);
        self.events += other.events;
        self.item = other.item;
        self.what = what;
    }

    fn act(&self) -> Option<&Act> {
        match &self.what {
            What::Single(act) => Some(act),
            _ => None,
        }
    }
}

/// By being started a container joins its networks, and by its end it leaves them.
fn without_networks(events: Vec<Happened>) -> Vec<Happened> {
    let mut belongs = vec![None; events.len()];
    for (at, event) in events.iter().enumerate() {
        let of_it: fn(&Act) -> bool = match event.act() {
            Some(Act::Joined { .. }) => |act| matches!(act, Act::Created | Act::Started),
            Some(Act::Left { .. }) => {
                |act| matches!(act, Act::Ended { .. } | Act::Stopped | Act::Removed)
            }
            _ => continue,
        };
        belongs[at] = events
            .iter()
            .enumerate()
            .filter(|(_, other)| other.act().is_some_and(of_it) && event.apart(other) <= AT_ONCE)
            .min_by_key(|(_, other)| event.apart(other))
            .map(|(other, _)| other);
    }
    let mut counts: Vec<usize> = events.iter().map(|event| event.events).collect();
    for to in belongs.iter().flatten() {
        counts[*to] += 1;
    }
    let kept = events.into_iter().zip(counts).zip(&belongs);
    kept.filter(|(_, belongs)| belongs.is_none())
        .map(|((event, events), _)| Happened { events, ..event })
        .collect()
}

/// Adds an event behind what has happened to its item so far.
fn add(mut told: Vec<Happened>, event: Happened) -> Vec<Happened> {
    let Some(last) = told.last_mut() else {
        return vec![event];
    };
    match event
        .act()
        .and_then(|act| together(&last.what, act, last.apart(&event)))
    {
        Some(what) => last.absorb(event, what),
        None => told.push(event),
    }
    while let [.., before, last] = &told[..]
        && let Some((what, times)) = circle(before, last)
        && let Some(last) = told.pop()
        && let Some(before) = told.last_mut()
    {
        before.absorb(last, what);
        before.times = times;
    }
    told
}

/// What an event makes of the last thing, if it belongs to that.
fn together(last: &What, act: &Act, apart: Duration) -> Option<What> {
    use What::{Begun, EndedAndStarted, Gone, Killed, Restarted, Single, Stopped};
    let what = match (last, act) {
        // However long it takes to end, it was this that ended it.
        (Single(Act::Signalled { .. }), Act::Signalled { .. }) => Single(act.clone()),
        (Single(Act::Signalled { .. }), Act::Ended { code }) => Killed { code: *code },
        (Single(Act::Signalled { .. }), Act::Stopped) => Stopped { code: None },
        _ if apart > NEAR => return None,
        (Single(Act::Ended { code }) | Killed { code }, Act::Stopped) => Stopped { code: *code },
        (Single(Act::OutOfMemory), Act::OutOfMemory | Act::Ended { .. })
        | (Single(Act::Created), Act::Renamed { .. }) => last.clone(),
        (Single(Act::Created), Act::Started) => Begun,
        (Killed { .. } | Stopped { .. }, Act::Started)
        | (Restarted | Single(Act::Started), Act::Restarted) => Restarted,
        (Single(Act::Ended { code }), Act::Started) => EndedAndStarted { code: *code },
        (
            Single(Act::Ended { .. } | Act::OutOfMemory) | Killed { .. } | Stopped { .. },
            Act::Removed,
        ) => Gone,
        (Single(Act::Untagged), Act::Removed) => Single(Act::Removed),
        _ => return None,
    };
    Some(what)
}

/// What two things in a row are together, and how often.
fn circle(before: &Happened, last: &Happened) -> Option<(What, usize)> {
    use What::{Begun, CameAndWent, EndedAndStarted, Gone, Single};
    let times = before.times + last.times;
    match (&before.what, &last.what) {
        (EndedAndStarted { code }, EndedAndStarted { code: again }) if code == again => {
            Some((last.what.clone(), times))
        }
        (Begun | Single(Act::Created), Gone | Single(Act::Removed))
            if last.item.sort == Sort::Container && before.apart(last) <= NEAR =>
        {
            Some((CameAndWent, 1))
        }
        // A name that was given or taken, and fetching that gives one, are told once.
        (Single(Act::Pulled), Single(Act::Tagged | Act::Pulled)) if before.apart(last) <= NEAR => {
            Some((before.what.clone(), 1))
        }
        _ => None,
    }
}

/// A container that is gone, and one that has come in its place, are one thing.
fn replaced(all: Vec<Happened>) -> Vec<Happened> {
    let mut all: Vec<Option<Happened>> = all.into_iter().map(Some).collect();
    let is_gone = |one: &Happened| matches!(one.what, What::Gone | What::Single(Act::Removed));
    let is_new = |one: &Happened| matches!(one.what, What::Begun | What::Single(Act::Created));
    let births = all.iter().flatten().filter(|one| is_new(one));
    let births: Vec<_> = births.map(|one| (one.item.id.clone(), one.at)).collect();
    for at in 0..all.len() {
        let Some(new) = all[at].as_ref().filter(|one| is_new(one)) else {
            continue;
        };
        if new.item.sort != Sort::Container {
            continue;
        }
        let alike = |one: &Happened| {
            let (old, new) = (&one.item, &new.item);
            (
                old.name == new.name,
                old.service.is_some() && old.service == new.service,
            )
        };
        // One that was made later has taken nobody's place here.
        let was_there = |old: &Happened| {
            let of_it = births
                .iter()
                .filter(|(id, at)| *id == old.item.id && *at <= old.until);
            of_it
                .map(|(_, at)| *at)
                .max()
                .is_none_or(|birth| birth < new.at)
        };
        let old = all
            .iter()
            .enumerate()
            .filter_map(|(at, one)| Some((at, one.as_ref()?)))
            .filter(|(_, one)| {
                one.item.sort == Sort::Container
                    && is_gone(one)
                    && alike(one) != (false, false)
                    && was_there(one)
                    && one.apart(new) <= REPLACED_WITHIN
            })
            .max_by_key(|(_, one)| (alike(one), Reverse(one.apart(new))))
            .map(|(at, _)| at);
        let Some(mut old) = old.and_then(|old| all[old].take()) else {
            continue;
        };
        let from = old.item.image.take().unwrap_or_default();
        if let Some(new) = all[at].take() {
            old.absorb(new, What::Replaced { from });
            all[at] = Some(old);
        }
    }
    let mut all: Vec<_> = all.into_iter().flatten().collect();
    all.sort_by_key(|happened| happened.at);
    all
}

#[cfg(test)]
mod tests;
