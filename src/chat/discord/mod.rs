//! Discord: slash commands, one message for each run, buttons that outlive the process.
//!
//! [`gateway`] hears what people do and [`door`] answers it: `command`, `complete` and `click` ask
//! [`crate::service`] for what is wanted. [`live`] shows how runs are, whoever asked for them. [`publish`]
//! tells Discord which commands there are. All speak to Discord through [`api`], under the token of one
//! [`Bot`]. [`check`] says what is missing for all of it.

mod answers;
mod api;
mod bot;
mod built_in;
mod check;
mod click;
mod command;
mod complete;
mod door;
mod gateway;
mod live;
mod origin;
mod place;
mod publish;
mod rates;
pub mod reference;
pub mod render;
mod rights;
mod snowflake;
mod wire;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::service::Service;
use api::{Api, ApiError, Route};
pub use bot::{Bot, Invitation, Settings};
pub use check::{Surroundings, ToldIn};
use door::Door;

/// How long is waited for Discord before it is asked again who we are.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// How long one such question may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the end of the process waits for what is under way.
const GRACE: Duration = Duration::from_secs(3);

/// Who the bot is.
#[derive(Clone, Debug)]
struct Us {
    /// Its application's id.
    application: String,
    /// Its user's id.
    user: String,
}

/// Purser in Discord, from its start to its stop.
pub struct Discord {
    shutdown: CancellationToken,
    work: JoinHandle<()>,
}

impl Discord {
    /// Connects, and connects again whenever that is lost. What goes wrong is in the log and stops nothing
    /// else: runs go on without Discord.
    pub fn start(bot: Bot, service: Arc<Service>) -> Self {
        let Bot { api, settings } = bot;
        let shutdown = CancellationToken::new();
        let work = tokio::spawn(work(settings, api, service, shutdown.clone()));
        Self { shutdown, work }
    }

    /// Says goodbye, and returns soon whatever Discord does.
    pub async fn stop(self) {
        self.shutdown.cancel();
        let mut work = self.work;
        if tokio::time::timeout(GRACE, &mut work).await.is_err() {
            work.abort();
        }
    }
}

async fn work(
    settings: Settings,
    api: Arc<Api>,
    service: Arc<Service>,
    shutdown: CancellationToken,
) {
    let us = tokio::select! {
        us = who_we_are(&api) => us,
        () = shutdown.cancelled() => return,
    };
    let us = match us {
        Ok(us) => us,
        Err(error) => {
            tracing::error!(%error, "Purser is not in Discord; everything else goes on");
            return;
        }
    };
    tracing::info!(application = us.application, "in Discord");
    let (live, handle) = live::live(Arc::clone(&api), Arc::clone(&service), us.clone());
    let door = Arc::new(Door {
        api: Arc::clone(&api),
        service: Arc::clone(&service),
        live: handle,
        us: us.clone(),
        guilds: settings.guilds.clone(),
        roles: settings.roles.clone(),
        rates: Mutex::default(),
    });
    tokio::join!(
        live.send_all(shutdown.clone()),
        publish::keep_published(&api, &service, &us, &settings.guilds, &shutdown),
        gateway::listen(&settings, &api, &door, &shutdown),
    );
}

/// Asks until Discord answers.
async fn who_we_are(api: &Api) -> Result<Us, ApiError> {
    loop {
        let asked = async {
            let application = api.call(&Route::application(), None, &[], PATIENCE).await?;
            let user = api.call(&Route::own_user(), None, &[], PATIENCE).await?;
            let id = |answer: &serde_json::Value| answer["id"].as_str().map(str::to_owned);
            let us = id(&application).zip(id(&user));
            us.ok_or_else(|| ApiError::Unclear("it does not say who the bot is".to_owned()))
        };
        match asked.await {
            Ok((application, user)) => return Ok(Us { application, user }),
            Err(error) if error.may_pass() => {
                tracing::warn!(%error, "not in Discord yet; trying again");
                sleep(ASK_AGAIN).await;
            }
            Err(error) => return Err(error),
        }
    }
}
