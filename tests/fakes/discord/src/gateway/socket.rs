//! One connection to the gateway.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::events::{GUILDS, KNOWN, PRIVILEGED};
use super::sessions::Out;
use crate::hub::{Hub, secret};
use crate::state::State;

const HEARTBEAT: u64 = 1;
const IDENTIFY: u64 = 2;
const PRESENCE: u64 = 3;
const RESUME: u64 = 6;
const REQUEST_MEMBERS: u64 = 8;
const VOICE: u64 = 4;

/// Frames that a connection may send within a minute.
const FRAMES: usize = 120;
/// Bytes that a frame may have.
const FRAME_SIZE: usize = 4096;

/// What a connection has said so far.
struct Connection {
    id: u64,
    hub: Arc<Hub>,
    /// When frames of the last minute came, in milliseconds.
    frames: Vec<u64>,
}

/// Serves a connection until either side ends it.
pub(crate) async fn serve(hub: Arc<Hub>, mut socket: WebSocket) {
    let (to, mut from) = mpsc::unbounded_channel();
    let (id, interval) = hub.write(|state| (state.gateway.connect(to), state.gateway.heartbeat));
    let mut connection = Connection {
        id,
        hub: Arc::clone(&hub),
        frames: Vec::new(),
    };
    let milliseconds = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
    let hello = json!({ "heartbeat_interval": milliseconds, "_trace": [] });
    let hello = json!({ "op": 10, "t": null, "s": null, "d": hello });
    hub.read(|state| state.gateway.send(id, Out::Frame(hello)));
    let patience = interval + interval / 2 + Duration::from_secs(1);
    let mut silent_at = Instant::now() + patience;
    loop {
        let out = tokio::select! {
            out = from.recv() => out.unwrap_or(Out::Cut),
            heard = socket.recv() => match heard {
                Some(Ok(Message::Text(text))) => {
                    if connection.hear(text.as_str()) {
                        silent_at = Instant::now() + patience;
                    }
                    continue;
                }
                Some(Ok(Message::Close(frame))) => {
                    connection.bye(frame.map_or(1005, |frame| frame.code));
                    Out::Cut
                }
                Some(Err(_)) | None => Out::Cut,
                Some(Ok(_)) => continue,
            },
            () = sleep_until(silent_at) => Out::Close(4009),
        };
        match out {
            Out::Frame(frame) => {
                if socket
                    .send(Message::Text(frame.to_string().into()))
                    .await
                    .is_err()
                {
                    break;
                }
            }
            Out::Close(code) => {
                let frame = CloseFrame {
                    code,
                    reason: reason(code).into(),
                };
                // The other side may have gone first.
                let _gone = socket.send(Message::Close(Some(frame))).await;
                break;
            }
            Out::Cut => break,
        }
    }
    hub.write(|state| state.gateway.disconnect(id));
}

impl Connection {
    /// Takes a frame; says whether it was a heartbeat.
    fn hear(&mut self, text: &str) -> bool {
        let hub = Arc::clone(&self.hub);
        hub.write(|state| {
            let now = state.now_ms();
            self.frames.retain(|at| now.saturating_sub(*at) < 60_000);
            self.frames.push(now);
            let frame: Value = serde_json::from_str(text).unwrap_or(Value::Null);
            let close = if self.frames.len() > FRAMES {
                Some(4008)
            } else if text.len() > FRAME_SIZE {
                Some(4002)
            } else {
                self.take(state, &frame).err()
            };
            if let Some(code) = close {
                state.gateway.send(self.id, Out::Close(code));
            }
            frame["op"] == HEARTBEAT
        })
    }

    /// Who closes with 1000 or 1001 does not want to resume.
    fn bye(&self, code: u16) {
        if code == 1000 || code == 1001 {
            self.hub.write(|state| {
                if let Some(session) = state.gateway.on(self.id).map(str::to_owned) {
                    state.gateway.forget(&session);
                }
            });
        }
    }

    /// Does what a frame asks; the close code if it cannot be.
    fn take(&self, state: &mut State, frame: &Value) -> Result<(), u16> {
        let data = &frame["d"];
        match frame["op"].as_u64() {
            Some(HEARTBEAT) => {
                if !state.gateway.deaf {
                    self.send(state, json!({ "op": 11, "t": null, "s": null, "d": null }));
                }
                Ok(())
            }
            Some(IDENTIFY) => self.identify(state, data),
            Some(RESUME) => self.resume(state, data),
            Some(PRESENCE | VOICE | REQUEST_MEMBERS) => match state.gateway.on(self.id) {
                Some(_) => Ok(()),
                None => Err(4003),
            },
            Some(_) => Err(4001),
            None => Err(4002),
        }
    }

    fn send(&self, state: &State, frame: Value) {
        state.gateway.send(self.id, Out::Frame(frame));
    }

    fn identify(&self, state: &mut State, data: &Value) -> Result<(), u16> {
        if state.gateway.on(self.id).is_some() {
            return Err(4005);
        }
        let app = state.app_of_token(bare(&data["token"])).ok_or(4004_u16)?;
        let intents = data["intents"].as_u64().ok_or(4013_u16)?;
        if intents & !KNOWN != 0 {
            return Err(4013);
        }
        let Some(known) = state.apps.get_mut(&app) else {
            return Err(4004);
        };
        if intents & PRIVILEGED & !known.privileged != 0 {
            return Err(4014);
        }
        known.starts_left = known.starts_left.saturating_sub(1);
        let session = secret();
        state.gateway.begin(session.clone(), app, intents, self.id);
        let mine = state
            .guilds
            .values()
            .filter(|guild| guild.members.contains_key(&app.bot()));
        let guilds: Vec<Value> = mine
            .clone()
            .map(|guild| json!({ "id": guild.id, "unavailable": true }))
            .collect();
        let created: Vec<Value> = mine
            .map(|guild| state.guild_create_json(guild, app.bot()))
            .collect();
        let ready = json!({
            "v": 10,
            "user": own_json(state.user_json(app.bot())),
            "guilds": guilds,
            "session_id": session,
            "session_type": "normal",
            "resume_gateway_url": gateway_url(state),
            "shard": if data["shard"].is_null() { json!([0, 1]) } else { data["shard"].clone() },
            "application": { "id": app, "flags": state.app_flags(app) },
            "user_settings": {},
            "relationships": [],
            "private_channels": [],
            "presences": [],
            "guild_join_requests": [],
            "_trace": [],
        });
        state.gateway.tell(&session, "READY", &ready);
        if intents & GUILDS != 0 {
            for guild in created {
                state.gateway.tell(&session, "GUILD_CREATE", &guild);
            }
        }
        Ok(())
    }

    fn resume(&self, state: &mut State, data: &Value) -> Result<(), u16> {
        let app = state.app_of_token(bare(&data["token"])).ok_or(4004_u16)?;
        let session = data["session_id"].as_str().unwrap_or_default();
        let seq = data["seq"].as_u64().unwrap_or(u64::MAX);
        if !state.gateway.resume(session, app, seq, self.id) {
            self.send(state, json!({ "op": 9, "t": null, "s": null, "d": false }));
        }
        Ok(())
    }
}

/// A token without the word before it that some libraries send.
fn bare(token: &Value) -> &str {
    let token = token.as_str().unwrap_or_default();
    token.strip_prefix("Bot ").unwrap_or(token)
}

/// A bot's own user, of which it is told more.
pub(crate) fn own_json(mut user: Value) -> Value {
    user["verified"] = true.into();
    user["mfa_enabled"] = true.into();
    user["email"] = Value::Null;
    user["flags"] = 0.into();
    user
}

/// Where the gateway is.
pub(crate) fn gateway_url(state: &State) -> String {
    format!("{}/gateway", state.origin.replacen("http", "ws", 1))
}

fn reason(code: u16) -> &'static str {
    match code {
        4000 => "Unknown error.",
        4001 => "Unknown opcode.",
        4002 => "Error while decoding payload.",
        4003 => "Not authenticated.",
        4004 => "Authentication failed.",
        4005 => "Already authenticated.",
        4007 => "Invalid seq.",
        4008 => "Rate limited.",
        4009 => "Session timed out.",
        4013 => "Invalid intent(s).",
        4014 => "Disallowed intent(s).",
        _ => "",
    }
}
