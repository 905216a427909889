//! The Discord that a test or a program holds.

mod acts;
mod faults;
mod view;

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use view::View;

use crate::endpoint::{self, Posts};
use crate::error::Error;
use crate::gateway::events::MESSAGE_CONTENT;
use crate::gateway::sessions::Out;
use crate::hub::{Hub, random, secret};
use crate::ids::{AppId, ChannelId, GuildId, RoleId, UserId};
use crate::server;
use crate::state::State;
use crate::state::permissions::Permissions;

/// How long a wait of a test lasts at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running Discord. It stops when it is dropped, and with it all its connections.
pub struct Discord {
    hub: Arc<Hub>,
    origin: String,
    purser: Application,
    patience: Mutex<Duration>,
    tasks: Vec<JoinHandle<()>>,
}

/// An application as its owner knows it.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its id; its bot's user has the same number.
    pub id: AppId,
    /// The bot's token.
    pub token: String,
    /// What its HTTP interactions are verified with, in hexadecimal digits.
    pub public_key: String,
}

impl Discord {
    /// Starts on a free port of the loopback, with one application, "Purser", that has no privileged
    /// intents.
    pub async fn start() -> io::Result<Self> {
        Self::start_on(0).await
    }

    /// The same, on a port of one's choice.
    pub async fn start_on(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let (posts, posted) = Posts::new();
        let hub = Arc::new(Hub::new(State::new(origin.clone(), posts)));
        let purser = create(&hub, "Purser", 0);
        let tasks = vec![
            tokio::spawn(server::run(listener, Arc::clone(&hub))),
            tokio::spawn(endpoint::run(posted, Arc::clone(&hub))),
        ];
        Ok(Self {
            hub,
            origin,
            purser,
            patience: Mutex::new(PATIENCE),
            tasks,
        })
    }

    /// `http://127.0.0.1:PORT`: what comes before `/api/v10`.
    #[must_use]
    pub fn api(&self) -> &str {
        &self.origin
    }

    /// Where the gateway is: `ws://127.0.0.1:PORT/gateway`.
    #[must_use]
    pub fn gateway(&self) -> String {
        self.hub.read(crate::gateway::socket::gateway_url)
    }

    /// Purser's own application.
    #[must_use]
    pub fn purser(&self) -> &Application {
        &self.purser
    }

    /// The token of Purser's bot.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.purser.token
    }

    /// The id of Purser's application.
    #[must_use]
    pub fn application_id(&self) -> AppId {
        self.purser.id
    }

    /// What Purser's HTTP interactions are verified with.
    #[must_use]
    pub fn public_key(&self) -> &str {
        &self.purser.public_key
    }

    /// A further application, invited to every guild. It may read what others write.
    #[must_use]
    pub fn application(&self, name: &str) -> Application {
        create(&self.hub, name, MESSAGE_CONTENT)
    }

    /// A new guild, with every application's bot in it.
    #[must_use]
    pub fn guild(&self, name: &str) -> GuildId {
        self.hub.write(|state| state.add_guild(name))
    }

    /// A new text channel.
    #[must_use]
    pub fn channel(&self, guild: GuildId, name: &str) -> ChannelId {
        self.hub.write(|state| state.add_channel(guild, name))
    }

    /// The messages between a person and Purser's bot: the same channel each time.
    #[must_use]
    pub fn direct(&self, person: UserId) -> ChannelId {
        let bot = self.purser.id.bot();
        self.hub.write(|state| state.direct(person, bot))
    }

    /// A new role that permits nothing more than everybody has.
    #[must_use]
    pub fn role(&self, guild: GuildId, name: &str) -> RoleId {
        self.hub
            .write(|state| state.add_role(guild, name, Permissions::NONE))
    }

    /// A new role with permissions.
    #[must_use]
    pub fn role_with(&self, guild: GuildId, name: &str, permissions: Permissions) -> RoleId {
        self.hub
            .write(|state| state.add_role(guild, name, permissions))
    }

    /// From now on a role permits this and no more; `GuildId::everyone` is everybody's.
    pub fn permit(&self, guild: GuildId, role: RoleId, permissions: Permissions) {
        self.hub
            .write(|state| state.permit(guild, role, permissions));
    }

    /// From now on anybody may ping a role, a bot too.
    pub fn let_all_mention(&self, guild: GuildId, role: RoleId) {
        self.hub.write(|state| state.let_all_mention(guild, role));
    }

    /// The role that came with Purser's bot, if that is in the guild.
    #[must_use]
    pub fn bots_role(&self, guild: GuildId) -> Option<RoleId> {
        let app = self.purser.id;
        self.hub.read(|state| state.role_of_bot(app, guild))
    }

    /// Puts Purser's bot out of a guild.
    pub fn put_out(&self, guild: GuildId) {
        let app = self.purser.id;
        self.hub.write(|state| state.put_out(app, guild));
    }

    /// A member with roles; the same name is the same person in every guild.
    #[must_use]
    pub fn member(&self, guild: GuildId, name: &str, roles: &[RoleId]) -> UserId {
        self.hub.write(|state| state.add_member(guild, name, roles))
    }

    /// From now on the member has these roles and no others.
    pub fn set_roles(&self, guild: GuildId, user: UserId, roles: &[RoleId]) {
        self.hub.write(|state| state.set_roles(guild, user, roles));
    }

    /// From now on interactions of Purser's go to this `http://` address instead of the gateway. As
    /// Discord does, it first sends a PING, and one with a forged signature that has to be refused.
    pub async fn set_endpoint(&self, url: &str) -> Result<(), Error> {
        let id = self.purser.id;
        let asked = self.hub.read(|state| {
            let key = state.apps.get(&id).map(|app| app.key.clone());
            key.map(|key| (key, state.now_ms() / 1000))
        });
        if let Some((key, now_s)) = asked {
            endpoint::check(url, id, &key, now_s)
                .await
                .map_err(Error::Refused)?;
        }
        self.hub.write(|state| {
            if let Some(app) = state.apps.get_mut(&id) {
                app.endpoint = Some(url.to_owned());
            }
        });
        Ok(())
    }

    /// How long waits last at most; ten seconds if nothing else is said.
    pub fn set_patience(&self, patience: Duration) {
        *self.patience.lock() = patience;
    }

    fn patience(&self) -> Duration {
        *self.patience.lock()
    }
}

fn create(hub: &Hub, name: &str, privileged: u64) -> Application {
    let key = SigningKey::from_bytes(&random());
    let public_key = hex::encode(key.verifying_key().as_bytes());
    let token = format!("{}.{}.{}", &secret()[..24], &secret()[..6], secret());
    let id = hub.write(|state| state.add_app(name, token.clone(), key, privileged));
    Application {
        id,
        token,
        public_key,
    }
}

impl Drop for Discord {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.hub.write(|state| {
            for connection in state.gateway.all_connections() {
                state.gateway.send(connection, Out::Cut);
            }
        });
    }
}
