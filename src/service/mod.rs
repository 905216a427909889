//! What can be asked of Purser, whatever the mouth: start, plan, approve, reject, cancel, decide,
//! look. Authorization lives here, once.

mod answer;
mod artifacts;
mod deliver;
mod given;
mod holds;
mod invoke;
mod links;
mod look;
mod messages;
mod places;
mod rerun;
mod schedules;
mod secrets;
mod signal;
mod suggest;
mod undo;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ed25519_dalek::VerifyingKey;
use tokio::sync::{Notify, watch};

use crate::action::{Clock, OpenSecrets, Places, Registry, Systems};
use crate::catalog::Catalog;
use crate::domain::nameable::Nameable;
use crate::domain::names::{HookName, Role, RunId, SecretName};
use crate::domain::person::{Actor, People};
use crate::domain::receipt::{Draft, Subject};
use crate::domain::redact::Redactor;
use crate::domain::schedule::Zone;
use crate::domain::webhook::Hook;
use crate::domain::words::cut;
use crate::engine::planner::Planner;
use crate::engine::{Entropy, Holds, Progress, RunLog};
use crate::store::{Artifacts, SecretKeeper, Store, StoreError};
pub use crate::store::{MessageNews, RunMessage, RunRow};

pub use answer::{Finding, Verdict};
pub use artifacts::ArtifactView;
pub use deliver::Delivery;
pub use holds::{FreezeView, HoldsView};
pub use invoke::{Ask, Invocation};
pub use links::{CodeView, IdentityView};
pub use look::{CatalogEntry, CatalogView, Followed, RunView, UndoneBy, catalog_view};
pub use places::{PlaceAnswer, PlaceView};
pub use rerun::Again;
pub use schedules::ScheduleView;
pub use secrets::{SecretDesk, SecretUses, SecretView, SetBy};
pub use suggest::{Deed, Suggestion, Wanted, What};
pub use undo::Back;
pub use windows::Window;

/// The role that may do what belongs to no workflow: reload the catalog, set secrets.
const OPERATOR: &str = "operator";

/// What the service answers.
pub type Result<T, E = ServiceError> = std::result::Result<T, E>;

/// Why something was not done. Every message is for people and names the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// The person may not. A receipt says so.
    #[error("{0}")]
    Refused(String),
    /// Whoever asks has not shown who they are.
    #[error("{0}")]
    Unproven(String),
    /// What was asked for is not there.
    #[error("{0}")]
    Missing(String),
    /// What was asked for was there once, and is kept no more.
    #[error("{0}")]
    Gone(String),
    /// What was asked cannot be understood: a wrong name, an input that does not fit.
    #[error("{0}")]
    Invalid(String),
    /// It cannot be done in the state in which things are.
    #[error("{0}")]
    Conflict(String),
    /// Purser itself is in trouble.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        let told = error.to_string();
        if error.is_about_an_earlier_run() {
            Self::Conflict(told)
        } else {
            Self::Unavailable(told)
        }
    }
}

/// Reads workflows and commands anew, with the secrets that are set; `Err` says what is wrong with
/// them, a line each.
pub type ReadCatalog = dyn Fn(BTreeSet<SecretName>) -> Result<Catalog, String> + Send + Sync;

/// What the service is built from.
pub struct Parts {
    /// Where runs and receipts are.
    pub store: Arc<dyn Store>,
    /// So many runs may be under way or wait at the same time.
    pub unfinished_runs: usize,
    /// The bytes of what runs have kept.
    pub artifacts: Arc<dyn Artifacts>,
    /// What can be done.
    pub registry: Arc<Registry>,
    /// On what.
    pub systems: Arc<Systems>,
    /// Who there is at the start; later that is asked of [`Service::people`].
    pub people: People,
    /// Where other programs may post.
    pub hooks: BTreeMap<HookName, Hook>,
    /// Whether people can talk to Purser in a chat.
    pub has_chat: bool,
    /// What roles of chats stand for.
    pub chat_roles: BTreeSet<Role>,
    /// What holds steps.
    pub holds: Arc<Holds>,
    /// Who may begin something in spite of it.
    pub break_glass: Vec<Role>,
    /// The secrets of the store.
    pub secrets: Arc<SecretKeeper>,
    /// The secrets that the configuration names, with who names them.
    pub configured_secrets: BTreeMap<SecretName, Vec<String>>,
    /// Where people are told.
    pub places: Arc<Places>,
    /// Masks secrets in what people typed.
    pub redactor: Arc<Redactor>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ids and salts.
    pub entropy: Arc<dyn Entropy>,
    /// What running steps say.
    pub progress: Arc<Progress>,
    /// The key that receipts are verified with.
    pub receipts_key: VerifyingKey,
    /// By which clock schedules go that name none.
    pub zone: Zone,
    /// Tells the scheduler that schedules were changed.
    pub schedules_changed: Arc<Notify>,
    /// Reads workflows and commands.
    pub read_catalog: Box<ReadCatalog>,
}

/// What people write into the books is no longer than this, in characters.
const LONGEST_TEXT: usize = 500;

/// Everything that can be asked of Purser.
pub struct Service {
    parts: Parts,
    who: links::Who,
    catalog: watch::Sender<Arc<Catalog>>,
    nameable: Nameable,
    names: suggest::Names,
}

impl Service {
    /// A service over these workflows and commands.
    pub fn new(mut parts: Parts, catalog: Catalog) -> Self {
        let more = parts.hooks.values().flat_map(|hook| &hook.roles);
        let more = more.chain(&parts.chat_roles);
        Self {
            nameable: Nameable::new(parts.people.iter(), more, parts.places.keys()),
            who: links::Who::new(std::mem::take(&mut parts.people)),
            parts,
            catalog: watch::Sender::new(Arc::new(catalog)),
            names: suggest::Names::default(),
        }
    }

    /// The workflows and commands as they are now.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.borrow())
    }

    /// Who there is now, and who somebody is in a chat. Whoever asks for rights looks here, each time.
    pub fn people(&self) -> Arc<People> {
        self.who.people()
    }

    /// The key that receipts are verified with.
    pub fn receipts_key(&self) -> &VerifyingKey {
        &self.parts.receipts_key
    }

    /// Reads workflows and commands anew and goes on with them; a receipt says who wanted it. Bad
    /// ones leave the old ones in force (decision 5). Runs that have begun keep their definitions.
    ///
    /// # Errors
    /// The person is no operator, the files have errors, or the receipt cannot be written.
    pub async fn reload(&self, by: &Actor) -> Result<()> {
        self.known(by, "reload").await?;
        if !by.has_one_of(&[OPERATOR.into()]) {
            let why = format!("{by} may not reload the catalog: that takes the role {OPERATOR}");
            return Err(self.refuse(by, "reload", why).await);
        }
        let secrets = self.parts.secrets.list().await?;
        let secrets = secrets.into_iter().map(|row| row.name).collect();
        let catalog = (self.parts.read_catalog)(secrets).map_err(|problems| {
            ServiceError::Invalid(format!("the old catalog stays in force:\n{problems}"))
        })?;
        let summary = format!("the catalog was reloaded by {by}");
        let subject = Subject::Changed {
            what: "catalog".to_owned(),
        };
        self.leave_receipt(subject, by.clone(), &summary).await?;
        // The book says that it was reloaded: so it is, whatever the next takeover knows of it.
        if let Err(error) = self.parts.store.go_by(&catalog.digest()).await {
            tracing::warn!(%error, "a standby that takes over will say that it has other files");
        }
        self.catalog.send_replace(Arc::new(catalog));
        self.parts.schedules_changed.notify_one();
        Ok(())
    }

    fn planner(&self) -> Planner {
        Planner {
            registry: Arc::clone(&self.parts.registry),
            systems: Arc::clone(&self.parts.systems),
            clock: Arc::clone(&self.parts.clock),
            secrets: Arc::clone(&self.parts.secrets) as Arc<dyn OpenSecrets>,
            redactor: Arc::clone(&self.parts.redactor),
        }
    }

    async fn open(&self, run: RunId) -> Result<(RunLog, crate::domain::workflow::Workflow)> {
        let parts = &self.parts;
        let (store, clock) = (Arc::clone(&parts.store), Arc::clone(&parts.clock));
        match RunLog::open(run, store, clock, Arc::clone(&parts.entropy)).await {
            Ok(opened) => Ok(opened),
            // It may have been forgotten since somebody found it.
            Err(error) => match self.find_run(&run.to_string()).await {
                Err(gone @ ServiceError::Gone(_)) => Err(gone),
                _ => Err(error.into()),
            },
        }
    }

    /// Leaves a receipt of the refusal, and returns it as an error.
    async fn refuse(&self, by: &Actor, asked: &str, why: String) -> ServiceError {
        let asked = &cut(asked, LONGEST_TEXT);
        let why = cut(&self.parts.redactor.text(&why), 2 * LONGEST_TEXT);
        tracing::warn!(person = %by.person, through = %by.through, asked, %why, "refused");
        let subject = Subject::Refused {
            asked: self.parts.redactor.text(asked),
        };
        match self.leave_receipt(subject, by.clone(), &why).await {
            Ok(()) => ServiceError::Refused(why),
            Err(error) => error,
        }
    }

    /// Why somebody does something, as it goes into the books.
    fn reason(&self, reason: &str) -> Result<String> {
        if reason.chars().count() > LONGEST_TEXT {
            return Err(ServiceError::Invalid(format!(
                "a reason has {LONGEST_TEXT} characters at most: it goes into the books"
            )));
        }
        Ok(self.parts.redactor.text(reason))
    }

    async fn leave_receipt(&self, subject: Subject, by: Actor, summary: &str) -> Result<()> {
        let now = self.parts.clock.now();
        let seed = self.parts.entropy.bytes();
        let draft = Draft::without_run(subject, by, now, summary, seed);
        Ok(self.parts.store.add_receipt(draft).await?)
    }
}
