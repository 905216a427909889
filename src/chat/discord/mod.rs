//! Discord: slash commands, one message for each run, buttons that outlive the process.
//!
//! [`gateway`] hears what people do, or [`posts`] is told of it, and [`door`] answers it: `command`, `complete` and `click` ask
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
mod posts;
mod publish;
mod rates;
pub mod reference;
pub mod render;
mod rights;
mod snowflake;
mod wire;
mod wording;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::action::SignedPosts;
use crate::service::Service;
use api::{Api, ApiError, Route};
pub use bot::{Bot, Invitation, Settings};
pub use check::{Surroundings, ToldIn};
use door::Door;
use posts::Posts;
use publish::Publisher;

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
    posts: Option<Arc<dyn SignedPosts>>,
}

impl Discord {
    /// Connects, and connects again whenever that is lost. What goes wrong is in the log and stops nothing
    /// else: runs go on without Discord.
    pub fn start(bot: Bot, service: Arc<Service>) -> Self {
        let Bot { api, settings } = bot;
        let shutdown = CancellationToken::new();
        let (open, door) = watch::channel(None);
        let answering = TaskTracker::new();
        let posts = settings.posts;
        let posts = posts.map(|key| Posts::new(key, door, answering.clone()));
        let posts = posts.map(|posts| Arc::new(posts) as Arc<dyn SignedPosts>);
        let house = House {
            settings,
            api,
            service,
            open,
            answering,
        };
        let work = tokio::spawn(house.work(shutdown.clone()));
        Self {
            shutdown,
            work,
            posts,
        }
    }

    /// Where Discord posts what people do, if it does.
    pub fn posts(&self) -> Option<Arc<dyn SignedPosts>> {
        self.posts.clone()
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

/// What works in Discord is made of.
struct House {
    settings: Settings,
    api: Arc<Api>,
    service: Arc<Service>,
    /// Whoever posts finds the door there.
    open: watch::Sender<Option<Arc<Door>>>,
    answering: TaskTracker,
}

impl House {
    async fn work(self, shutdown: CancellationToken) {
        let us = tokio::select! {
            us = who_we_are(&self.api) => us,
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
        let (api, service, settings) = (&self.api, &self.service, &self.settings);
        let (live, handle) = live::live(Arc::clone(api), Arc::clone(service), us.clone());
        let door = Arc::new(Door {
            api: Arc::clone(api),
            service: Arc::clone(service),
            live: handle,
            us: us.clone(),
            guilds: settings.guilds.clone(),
            direct_messages: settings.direct_messages,
            roles: settings.roles.clone(),
            rates: Mutex::default(),
        });
        let publisher = Publisher {
            api,
            service,
            us: &us,
        };
        self.open.send_replace(Some(Arc::clone(&door)));
        let listening = async {
            match settings.posts {
                Some(_) => shutdown.cancelled().await,
                None => gateway::listen(settings, api, &door, &self.answering, &shutdown).await,
            }
            // What people have asked for is answered before the end.
            self.answering.close();
            self.answering.wait().await;
        };
        tokio::join!(
            live.send_all(shutdown.clone()),
            publish::keep_published(&publisher, settings, &shutdown),
            listening,
        );
    }
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
