//! The gateway: a connection over which Discord tells what people do. Serenity keeps it: heartbeats,
//! resuming, identifying anew.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use serde_json::Value;
use serenity::Error;
use serenity::all::{
    ClientBuilder, Context, Event, EventHandler, GatewayIntents, HttpBuilder, Interaction,
    RawEventHandler, Ready, ResumedEvent, async_trait,
};
use serenity::gateway::GatewayError;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Settings;
use super::api::{Api, Route};
use super::door::Door;

/// How long is waited before a connection that was lost for good is made anew.
const CONNECT_AGAIN: Duration = Duration::from_secs(5);

/// How long a question for the gateway's address may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long saying goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// Listens until it is told to stop, or Discord does not want us.
pub(super) async fn listen(
    settings: &Settings,
    api: &Api,
    door: &Arc<Door>,
    shutdown: &CancellationToken,
) {
    let answering = TaskTracker::new();
    while !shutdown.is_cancelled() {
        let connected = connect(settings, api, door, &answering, shutdown).await;
        match connected {
            Ok(()) => {}
            Err(error) => match final_word(&error) {
                Some(why) => {
                    tracing::error!(
                        "{why} Purser hears nothing from Discord; everything else goes on"
                    );
                    break;
                }
                None => {
                    tracing::warn!(%error, "the connection to Discord is lost; connecting again");
                }
            },
        }
        tokio::select! {
            () = sleep(CONNECT_AGAIN) => {}
            () = shutdown.cancelled() => {}
        }
    }
    // What people have asked for is answered before the end.
    answering.close();
    answering.wait().await;
}

async fn connect(
    settings: &Settings,
    api: &Api,
    door: &Arc<Door>,
    answering: &TaskTracker,
    shutdown: &CancellationToken,
) -> Result<(), Error> {
    let route = Route::gateway();
    let asked = api.call(&route, None, &[], PATIENCE);
    let address = tokio::select! {
        address = asked => address,
        () = shutdown.cancelled() => return Ok(()),
    };
    let address = match address.map(|answer| answer["url"].as_str().map(str::to_owned)) {
        Ok(Some(address)) => address,
        Ok(None) => {
            tracing::warn!("Discord does not say where its gateway is; asking again");
            return Ok(());
        }
        Err(error) => {
            tracing::warn!(%error, "Discord does not say where its gateway is; asking again");
            return Ok(());
        }
    };
    let http = HttpBuilder::new(settings.token.expose_secret())
        .proxy(&settings.api)
        // Nothing but the gateway's address is asked for by it.
        .ratelimiter_disabled(true)
        .build();
    let hears = Hears {
        door: Arc::clone(door),
        answering: answering.clone(),
    };
    // Interactions need no intent.
    let mut client = ClientBuilder::new_with_http(http, GatewayIntents::empty())
        .event_handler(hears)
        .raw_event_handler(Unknown)
        .await?;
    *client.ws_url.lock().await = address;
    let shards = Arc::clone(&client.shard_manager);
    tokio::select! {
        ended = client.start() => ended,
        () = shutdown.cancelled() => {
            // While it is not connected there is nobody to say goodbye to.
            let _ = timeout(GOODBYE, shards.shutdown_all()).await;
            Ok(())
        }
    }
}

/// What connecting again would not change.
fn final_word(error: &Error) -> Option<&'static str> {
    match error {
        Error::Gateway(GatewayError::InvalidAuthentication) => Some(
            "Discord does not know the bot's token (4004): make a new one in the developer portal, put it \
             where `[discord]` has it, and start Purser again.",
        ),
        Error::Gateway(
            GatewayError::DisallowedGatewayIntents | GatewayError::InvalidGatewayIntents,
        ) => Some(
            "Discord does not let the bot have its intents (4014): Purser asks for none that need leave, so \
             look in the developer portal whether the application is suspended.",
        ),
        _ => None,
    }
}

struct Hears {
    door: Arc<Door>,
    answering: TaskTracker,
}

#[async_trait]
impl EventHandler for Hears {
    async fn ready(&self, _: Context, ready: Ready) {
        tracing::info!(bot = ready.user.name, "listening to Discord");
    }

    async fn resume(&self, _: Context, _: ResumedEvent) {
        tracing::info!("listening to Discord again");
    }

    async fn interaction_create(&self, _: Context, interaction: Interaction) {
        let door = Arc::clone(&self.door);
        self.answering
            .spawn(async move { door.take(interaction).await });
    }
}

/// Says what serenity could not read: it would be gone without a word.
struct Unknown;

#[async_trait]
impl RawEventHandler for Unknown {
    async fn raw_event(&self, _: Context, event: Event) {
        if let Event::Unknown(unknown) = event {
            let told: Value = unknown.value;
            let id = told["id"].as_str();
            tracing::warn!(
                kind = unknown.kind,
                id,
                "Discord told something that Purser does not understand"
            );
        }
    }
}
