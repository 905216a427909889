//! What the API takes and refuses, asked of the state itself, without a network.

mod commands;
mod interactions;
mod messages;
mod threads;

use std::time::Duration;

use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

use super::call::{Call, query};
use super::serve::{Outcome, carry_out};
use crate::endpoint::Posts;
use crate::hub::{random, secret};
use crate::ids::{AppId, ChannelId, GuildId, InteractionId, UserId};
use crate::state::State;
use crate::state::permissions::Permissions;
use crate::state::posting::Upload;

/// One guild with a bot, a channel and two people.
struct World {
    state: State,
    bot: AppId,
    shop: GuildId,
    ops: ChannelId,
    ann: UserId,
}

impl World {
    fn new() -> Self {
        let (posts, _) = Posts::new();
        let mut state = State::new("http://127.0.0.1:1".into(), posts);
        let key = SigningKey::from_bytes(&random());
        let bot = state.add_app("Purser", secret(), key, 0);
        let shop = state.add_guild("shop");
        let ops = state.add_channel(shop, "ops");
        let ann = state.add_member(shop, "ann", &[]);
        Self {
            state,
            bot,
            shop,
            ops,
            ann,
        }
    }

    /// Asks as the bot; buckets are full again each time, as for a bot that waits as it should.
    fn ask(&mut self, request: &str, body: &Value) -> (u16, Value) {
        self.state.limits = super::limits::Limits::default();
        self.ask_at_once(request, body, &[])
    }

    fn ask_at_once(&mut self, request: &str, body: &Value, files: &[Upload]) -> (u16, Value) {
        let (method, path) = request.split_once(' ').unwrap();
        let (path, asked) = path.split_once('?').unwrap_or((path, ""));
        let call = Call {
            method: method.into(),
            segments: path
                .trim_matches('/')
                .split('/')
                .map(str::to_owned)
                .collect(),
            query: query(asked),
            body: body.clone(),
            files: files.to_vec(),
            app: Some(self.bot),
        };
        match carry_out(&mut self.state, &call) {
            Outcome::Done(reply, _) => (reply.status, reply.body.unwrap_or(Value::Null)),
            Outcome::Refused(refusal, _) => (refusal.status, refusal.body()),
            Outcome::Limited(limited) => (429, json!({ "global": limited.global })),
        }
    }

    /// The code of the refusal.
    fn refused(&mut self, request: &str, body: &Value) -> (u16, u64) {
        let (status, answer) = self.ask(request, body);
        (
            status,
            answer["code"]
                .as_u64()
                .unwrap_or_else(|| panic!("{request} was not refused: {answer}")),
        )
    }

    fn post(&mut self, body: &Value) -> String {
        let (status, message) = self.ask(&format!("POST /channels/{}/messages", self.ops), body);
        assert_eq!(status, 200, "{message}");
        message["id"].as_str().unwrap().to_owned()
    }

    fn deny(&mut self, what: Permissions) {
        let whom = self.bot.bot().into();
        self.state
            .overwrite(self.ops, whom, Permissions::NONE, what);
    }

    fn wait(&mut self, time: Duration) {
        self.state.clock.advance(time);
    }

    fn register(&mut self, commands: &Value) {
        let (status, answer) = self.ask(
            &format!(
                "PUT /applications/{}/guilds/{}/commands",
                self.bot, self.shop
            ),
            commands,
        );
        assert_eq!(status, 200, "{answer}");
    }

    /// Ann uses a command; its id and the token that the bot got.
    fn says(&mut self, line: &str) -> (InteractionId, String) {
        let id = self
            .state
            .uses(self.ann, self.ops, line, &[], None)
            .unwrap();
        (id, self.state.interactions[&id].token.clone())
    }
}

fn deploy() -> Value {
    json!([{ "name": "deploy", "description": "d", "options": [
        { "type": 3, "name": "service", "description": "s", "required": true, "autocomplete": true },
    ] }])
}
