//! What goes wrong on purpose.
//!
//! Requests are meant by `METHOD /path` without `/api/v10`: `PATCH /channels/*/messages/*`. `*` stands
//! for a method or one part of the path, a last `**` for all that follows: `/**` is everything.

use std::time::Duration;

use serde_json::{Value, json};

use super::Discord;
use crate::error::Error;
use crate::faults::Fault;
use crate::gateway::sessions::Out;
use crate::ids::{ChannelId, MessageId};
use crate::state::State;
use crate::state::model::Whom;
use crate::state::permissions::Permissions;

impl Discord {
    /// Breaks Purser's connections to the gateway without a word; the sessions can be resumed.
    pub fn cut_gateway(&self) {
        self.to_connections(|| Out::Cut);
    }

    /// Closes Purser's connections to the gateway with a code.
    pub fn close_gateway(&self, code: u16) {
        self.to_connections(|| Out::Close(code));
    }

    /// From now on nobody is let into the gateway, or again everybody.
    pub fn refuse_gateway(&self, refuse: bool) {
        self.hub.write(|state| state.gateway.refuses = refuse);
    }

    /// Forgets Purser's sessions and says so (op 9, false): it has to identify again.
    pub fn drop_session(&self) {
        let app = self.purser.id;
        self.hub.write(|state| {
            for connection in state.gateway.connections_of(app) {
                if let Some(session) = state.gateway.on(connection).map(str::to_owned) {
                    state.gateway.forget(&session);
                }
                let frame = json!({ "op": 9, "t": null, "s": null, "d": false });
                state.gateway.send(connection, Out::Frame(frame));
            }
        });
    }

    /// Tells Purser's sessions an event as it is, known to any client or not.
    pub fn tell(&self, name: &str, data: &Value) {
        let app = self.purser.id;
        self.hub.write(|state| {
            for session in state.gateway.ids() {
                if state
                    .gateway
                    .whose(&session)
                    .is_some_and(|(of, _)| of == app)
                {
                    state.gateway.tell(&session, name, data);
                }
            }
        });
    }

    /// Asks Purser to connect anew and resume (op 7).
    pub fn ask_reconnect(&self) {
        self.to_connections(|| Out::Frame(json!({ "op": 7, "t": null, "s": null, "d": null })));
    }

    /// From now on heartbeats get no answer, as from a connection that is dead without knowing it.
    pub fn stop_acking(&self, stop: bool) {
        self.hub.write(|state| state.gateway.deaf = stop);
    }

    /// How often connections that are made from now on are to send a heartbeat; 41.25 s else.
    pub fn set_heartbeat(&self, interval: Duration) {
        self.hub.write(|state| state.gateway.heartbeat = interval);
    }

    fn to_connections(&self, what: impl Fn() -> Out) {
        let app = self.purser.id;
        self.hub.write(|state| {
            for connection in state.gateway.connections_of(app) {
                state.gateway.send(connection, what());
            }
        });
    }

    /// Requests are carried out only after this time.
    pub fn delay(&self, requests: &str, time: Duration) {
        self.fault(requests, Fault::Delay(time), None);
    }

    /// The next requests fail with a status and are not carried out.
    pub fn fail(&self, requests: &str, status: u16, times: u32) {
        self.fault(requests, Fault::Fail(status), Some(times));
    }

    /// The next requests are too many (429) and are not carried out.
    pub fn limit(&self, requests: &str, retry_after: Duration, times: u32, global: bool) {
        self.fault(
            requests,
            Fault::Limit {
                retry_after,
                global,
            },
            Some(times),
        );
    }

    /// The next requests are carried out, and their answers are lost.
    pub fn accept_then_cut(&self, requests: &str, times: u32) {
        self.fault(requests, Fault::CutAfter, Some(times));
    }

    /// From now on no request is delayed, failed, limited or cut any more.
    pub fn heal(&self) {
        self.hub.write(|state| state.faults.clear());
    }

    fn fault(&self, requests: &str, fault: Fault, times: Option<u32>) {
        self.hub
            .write(|state| state.faults.add(requests, fault, times));
    }

    /// Takes Purser's token away: the API answers 401, the gateway closes with 4004.
    pub fn revoke_token(&self) {
        let app = self.purser.id;
        self.hub.write(|state| {
            if let Some(app) = state.apps.get_mut(&app) {
                app.revoked = true;
            }
            for connection in state.gateway.connections_of(app) {
                state.gateway.send(connection, Out::Close(4004));
            }
        });
    }

    /// Deletes a message as a moderator does.
    pub fn delete_message(&self, message: MessageId) -> Result<(), Error> {
        self.moderate(|state| {
            let found = state.find_message(message).map(|message| message.channel);
            state.delete(found.ok_or(crate::refusal::UNKNOWN_MESSAGE)?, message)
        })
    }

    /// Deletes a channel or thread with all that is in it.
    pub fn delete_channel(&self, channel: ChannelId) -> Result<(), Error> {
        self.moderate(|state| state.remove_channel(channel).map(drop))
    }

    /// Archives a thread; locked, only those who manage threads can post in it.
    pub fn archive_thread(&self, thread: ChannelId, locked: bool) -> Result<(), Error> {
        let body = json!({ "archived": true, "locked": locked });
        self.moderate(|state| state.change_channel(thread, &body).map(drop))
    }

    /// Denies a role, a member or a bot (`application_id().bot()`) something in a channel and its threads.
    pub fn take_permission(&self, whom: impl Into<Whom>, channel: ChannelId, what: Permissions) {
        let whom = whom.into();
        self.hub
            .write(|state| state.overwrite(channel, whom, Permissions::NONE, what));
    }

    /// Allows it, whatever was denied.
    pub fn give_permission(&self, whom: impl Into<Whom>, channel: ChannelId, what: Permissions) {
        let whom = whom.into();
        self.hub
            .write(|state| state.overwrite(channel, whom, what, Permissions::NONE));
    }

    /// Sets this Discord's clock forward: the deadlines of interactions, buckets, nonces, threads.
    pub fn advance(&self, by: Duration) {
        self.hub.write(|state| state.clock.advance(by));
    }

    /// Sets this Discord's clock back: what people do from now on looks to the bot as if it had been
    /// done so long ago. Set back by less than what there is of this Discord, ids could be given out twice.
    pub fn set_back(&self, by: Duration) {
        self.hub.write(|state| state.set_back(by));
    }

    fn moderate(
        &self,
        act: impl FnOnce(&mut State) -> Result<(), crate::refusal::Refusal>,
    ) -> Result<(), Error> {
        self.hub
            .write(act)
            .map_err(|refusal| Error::Refused(refusal.message.to_owned()))
    }
}
