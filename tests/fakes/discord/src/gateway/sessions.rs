//! Sessions of the gateway: they outlive their connection and replay what was missed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use crate::ids::AppId;

/// What Discord asks for: a heartbeat every 41.25 s.
const HEARTBEAT: Duration = Duration::from_millis(41_250);
/// Events that a session keeps for a resume.
const KEPT: usize = 10_000;

/// What a connection is to do next.
#[derive(Debug)]
pub(crate) enum Out {
    Frame(Value),
    /// Close with a code.
    Close(u16),
    /// Drop the connection without a word.
    Cut,
}

/// One bot's session.
#[derive(Debug)]
struct Session {
    app: AppId,
    intents: u64,
    seq: u64,
    kept: VecDeque<(u64, Value)>,
    connection: Option<u64>,
}

/// All sessions and connections.
#[derive(Debug)]
pub(crate) struct Gateway {
    sessions: BTreeMap<String, Session>,
    connections: BTreeMap<u64, UnboundedSender<Out>>,
    next: u64,
    pub(crate) heartbeat: Duration,
    /// New connections are refused.
    pub(crate) refuses: bool,
    /// Heartbeats are heard and not acknowledged.
    pub(crate) deaf: bool,
    /// How often a session was begun and resumed.
    pub(crate) identified: u64,
    pub(crate) resumed: u64,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            sessions: BTreeMap::new(),
            connections: BTreeMap::new(),
            next: 0,
            heartbeat: HEARTBEAT,
            refuses: false,
            deaf: false,
            identified: 0,
            resumed: 0,
        }
    }
}

impl Gateway {
    pub(crate) fn connect(&mut self, to: UnboundedSender<Out>) -> u64 {
        self.next += 1;
        self.connections.insert(self.next, to);
        self.next
    }

    /// A connection is gone; its session stays and can be resumed.
    pub(crate) fn disconnect(&mut self, connection: u64) {
        self.connections.remove(&connection);
        for session in self.sessions.values_mut() {
            if session.connection == Some(connection) {
                session.connection = None;
            }
        }
    }

    pub(crate) fn begin(&mut self, id: String, app: AppId, intents: u64, connection: u64) {
        self.identified += 1;
        let session = Session {
            app,
            intents,
            seq: 0,
            kept: VecDeque::new(),
            connection: Some(connection),
        };
        self.sessions.insert(id, session);
    }

    /// Takes a session up again and replays what came after `seq`; false if that cannot be done.
    pub(crate) fn resume(&mut self, id: &str, app: AppId, seq: u64, connection: u64) -> bool {
        let Some(session) = self
            .sessions
            .get_mut(id)
            .filter(|session| session.app == app)
        else {
            return false;
        };
        let oldest = session
            .kept
            .front()
            .map_or(session.seq + 1, |(seq, _)| *seq);
        if seq > session.seq || seq + 1 < oldest {
            return false;
        }
        let before = session.connection.replace(connection);
        let missed: Vec<Value> = session
            .kept
            .iter()
            .filter(|(at, _)| *at > seq)
            .map(|(_, frame)| frame.clone())
            .collect();
        if let Some(before) = before.filter(|before| *before != connection) {
            self.send(before, Out::Close(4000));
        }
        for frame in missed {
            self.send(connection, Out::Frame(frame));
        }
        self.resumed += 1;
        self.tell(id, "RESUMED", &json!({ "_trace": [] }));
        true
    }

    pub(crate) fn tell(&mut self, id: &str, name: &str, data: &Value) {
        let Some(session) = self.sessions.get_mut(id) else {
            return;
        };
        session.seq += 1;
        let frame = json!({ "op": 0, "t": name, "s": session.seq, "d": data });
        session.kept.push_back((session.seq, frame.clone()));
        if session.kept.len() > KEPT {
            session.kept.pop_front();
        }
        if let Some(connection) = session.connection {
            self.send(connection, Out::Frame(frame));
        }
    }

    /// The session that a connection has.
    pub(crate) fn on(&self, connection: u64) -> Option<&str> {
        let mut sessions = self.sessions.iter();
        sessions
            .find(|(_, session)| session.connection == Some(connection))
            .map(|(id, _)| id.as_str())
    }

    /// Forgets sessions: they cannot be resumed.
    pub(crate) fn forget(&mut self, id: &str) {
        self.sessions.remove(id);
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.sessions.keys().cloned().collect()
    }

    pub(crate) fn whose(&self, id: &str) -> Option<(AppId, u64)> {
        self.sessions
            .get(id)
            .map(|session| (session.app, session.intents))
    }

    /// The sessions of an application that are connected.
    pub(crate) fn connected(&self, app: AppId) -> Vec<String> {
        let live = |session: &Session| session.app == app && session.connection.is_some();
        self.sessions
            .iter()
            .filter(|(_, session)| live(session))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// The connections of an application, and those that have not said whose they are.
    pub(crate) fn connections_of(&self, app: AppId) -> Vec<u64> {
        let others = |connection: &u64| {
            let mut sessions = self.sessions.values();
            sessions.any(|session| session.connection == Some(*connection) && session.app != app)
        };
        self.connections
            .keys()
            .copied()
            .filter(|connection| !others(connection))
            .collect()
    }

    pub(crate) fn all_connections(&self) -> Vec<u64> {
        self.connections.keys().copied().collect()
    }

    pub(crate) fn send(&self, connection: u64, what: Out) {
        if let Some(to) = self.connections.get(&connection) {
            // A connection that has just ended takes its part again when it resumes.
            let _ended = to.send(what);
        }
    }
}
