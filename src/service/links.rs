//! Who somebody is in a chat: codes, links, and what everybody knows of them.

use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};

use super::{OPERATOR, Result, Service, ServiceError};
use crate::domain::link::{Identity, Link, LinkCode, NoCode, OpenCodes};
use crate::domain::names::PersonName;
use crate::domain::person::{Actor, People, Since};
use crate::domain::receipt::{Draft, Subject};
use crate::domain::time::{Timestamp, rfc3339, rfc3339_or_none};
use crate::store::Store;

/// A code that was just made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CodeView {
    /// `K4XP-7QRM`. Whoever types it in a chat is this person from then on.
    pub code: String,
    /// Who.
    pub person: PersonName,
    /// How long it can be used.
    #[serde(with = "rfc3339")]
    pub until: Timestamp,
}

/// An identity as people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityView {
    /// Whose it is.
    pub person: PersonName,
    /// In which chat, and what that calls them.
    #[serde(flatten)]
    pub identity: Identity,
    /// Since when by a code; `None`: the configuration says so.
    #[serde(with = "rfc3339_or_none")]
    pub linked_at: Option<Timestamp>,
    /// Why it counts for nothing, if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<String>,
}

/// Who there is. Only this process writes links, through here: the store has a change before anybody
/// goes by it.
pub(super) struct Who {
    people: watch::Sender<Arc<People>>,
    codes: Lock<OpenCodes>,
    /// Held while something is changed.
    at_work: Arc<Mutex<()>>,
}

impl Who {
    pub(super) fn new(people: People) -> Self {
        Self {
            people: watch::Sender::new(Arc::new(people)),
            codes: Lock::default(),
            at_work: Arc::default(),
        }
    }

    pub(super) fn people(&self) -> Arc<People> {
        Arc::clone(&self.people.borrow())
    }

    fn codes(&self) -> std::sync::MutexGuard<'_, OpenCodes> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is changed.
enum Change {
    Link(Link),
    Unlink(Identity),
}

impl Service {
    /// Makes a code for the person who asks; one that they had before is void.
    ///
    /// # Errors
    /// Nobody whom Purser knows asks, or there is no chat.
    pub async fn link_code(&self, by: &Actor) -> Result<CodeView> {
        if by.is_stranger() {
            return Err(self.refuse_stranger(by, "link an identity").await);
        }
        if !self.parts.has_chat {
            return Err(ServiceError::Conflict(
                "no chat is configured in which a code could be typed: write a [discord] first \
                 (docs/DISCORD.md)"
                    .to_owned(),
            ));
        }
        let code = LinkCode::drawn(self.parts.entropy.bytes());
        let now = self.parts.clock.now();
        let until = self.who.codes().open(&code, by.clone(), now);
        Ok(CodeView {
            code: code.to_string(),
            person: by.person.clone(),
            until,
        })
    }

    /// Gives the identity that somebody came with in a chat to the person who was shown this code.
    ///
    /// # Errors
    /// The identity belongs to somebody already, or the code does not do: then nothing has changed. Or it
    /// cannot be kept.
    pub async fn link(&self, by: &Actor, code: &str) -> Result<PersonName> {
        let Some(identity) = by.chat() else {
            let why = "a code is typed in a chat, by whoever is to be known there";
            return Err(ServiceError::Invalid(why.to_owned()));
        };
        if let Some(why) = belongs_already(&self.people(), &identity) {
            return Err(ServiceError::Conflict(why));
        }
        let now = self.parts.clock.now();
        let taken = self.who.codes().take(code, &identity, now);
        let shown_to = match taken {
            Ok(shown_to) => shown_to,
            Err(NoCode::Wait(wait)) => return Err(ServiceError::Refused(wait_for(wait))),
            Err(NoCode::Wrong) => {
                let asked = format!("link {identity}");
                return Err(self.refuse(by, &asked, WRONG.to_owned()).await);
            }
        };
        let person = shown_to.person.clone();
        let summary = format!(
            "{identity} belongs to {person} from now on: a code was typed there that had been shown to {person} ({})",
            shown_to.through
        );
        let link = Link {
            identity,
            person: person.clone(),
            linked_at: now,
        };
        let receipt = self.about_identity(&link.identity, by, &summary);
        let changed = self.change(Change::Link(link), receipt).await;
        changed.map_err(|error| match error {
            ServiceError::Unavailable(why) => ServiceError::Unavailable(format!(
                "{why}. The code is used up: ask for another one"
            )),
            other => other,
        })?;
        Ok(person)
    }

    /// The identities in chats: an operator sees everybody's, and others their own.
    ///
    /// # Errors
    /// Nobody whom Purser knows asks.
    pub async fn identities(&self, by: &Actor) -> Result<Vec<IdentityView>> {
        if by.is_stranger() {
            return Err(self.refuse_stranger(by, "list identities").await);
        }
        let mut views = views(&self.people());
        if !by.has_one_of(&[OPERATOR.into()]) {
            views.retain(|view| view.person == by.person);
        }
        Ok(views)
    }

    /// Takes a linked identity from its person: from who asks, or from anybody where that is an operator.
    /// Without an id it is the only one that they have linked.
    ///
    /// # Errors
    /// Nobody whom Purser knows asks, there is no such identity, it is not known which is meant, or the
    /// store cannot be written.
    pub async fn unlink(&self, by: &Actor, id: Option<&str>) -> Result<IdentityView> {
        if by.is_stranger() {
            return Err(self.refuse_stranger(by, "unlink an identity").await);
        }
        let mut seen = self.identities(by).await?;
        seen.retain(|view| match id {
            Some(id) => view.identity.id == id,
            None => view.person == by.person && view.linked_at.is_some(),
        });
        // Where the configuration gives it to somebody, a link to somebody else may stand behind that.
        seen.sort_by_key(|view| view.linked_at.is_none());
        let view = match seen.as_slice() {
            [] => {
                let which = id.map_or_else(String::new, |id| format!(" {id}"));
                return Err(ServiceError::Missing(format!(
                    "there is no identity{which} of yours that was linked by a code: see `purser links`"
                )));
            }
            [_, other, ..] if other.linked_at.is_some() => {
                return Err(ServiceError::Invalid(
                    "there are several: say which with its id, as `purser links` shows them"
                        .to_owned(),
                ));
            }
            [view, ..] => view.clone(),
        };
        let (identity, person) = (&view.identity, &view.person);
        if view.linked_at.is_none() {
            return Err(ServiceError::Conflict(format!(
                "{identity} is {person}'s by the configuration, and was left as it is: take it out of \
                 [people.{person}] there, and start Purser again"
            )));
        }
        let summary = format!("{identity} belongs to {person} no more: {by} has unlinked it");
        let receipt = self.about_identity(identity, by, &summary);
        self.change(Change::Unlink(identity.clone()), receipt)
            .await?;
        Ok(view)
    }

    /// Changes who somebody is, in the store and then for everybody, and to the end: whoever asked may go
    /// away in the middle.
    async fn change(&self, change: Change, receipt: Draft) -> Result<()> {
        let (people, store) = (self.who.people.clone(), Arc::clone(&self.parts.store));
        let at_work = Arc::clone(&self.who.at_work);
        let changed = tokio::spawn(async move {
            let _alone = at_work.lock().await;
            carry_out(&people, store.as_ref(), change, receipt).await
        });
        changed.await.unwrap_or_else(|error| {
            Err(ServiceError::Unavailable(format!(
                "a change of identities came to no end, and `purser links` shows what there is: {error}"
            )))
        })
    }

    fn about_identity(&self, identity: &Identity, by: &Actor, summary: &str) -> Draft {
        let subject = Subject::Changed {
            what: format!("identity {identity}"),
        };
        let (now, seed) = (self.parts.clock.now(), self.parts.entropy.bytes());
        Draft::without_run(subject, by.clone(), now, summary, seed)
    }
}

async fn carry_out(
    people: &watch::Sender<Arc<People>>,
    store: &dyn Store,
    change: Change,
    receipt: Draft,
) -> Result<()> {
    let after = match change {
        Change::Link(link) => {
            if let Some(why) = belongs_already(&people.borrow(), &link.identity) {
                return Err(ServiceError::Conflict(why));
            }
            store.link_identity(link.clone(), receipt).await?;
            people.borrow().linked(link)
        }
        Change::Unlink(identity) => {
            store.unlink_identity(identity.clone(), receipt).await?;
            people.borrow().unlinked(&identity)
        }
    };
    people.send_replace(Arc::new(after));
    Ok(())
}

/// Whose it is, if it is somebody's, for whoever came with it.
fn belongs_already(people: &People, identity: &Identity) -> Option<String> {
    let (person, since) = people.owner(identity)?;
    let why = match since {
        Since::Configured => "the configuration says so",
        Since::Linked(_) => "you have typed a code before",
    };
    let name = &person.name;
    Some(format!(
        "you are {name} here already: {why}. Nothing was changed"
    ))
}

/// The same whether there is a code or not.
const WRONG: &str = "that code does not do: it is mistyped, used, or older than ten minutes. `purser link` in a \
                     terminal shows a new one";

fn wait_for(wait: Duration) -> String {
    let minutes = wait.as_secs().div_ceil(60).max(1);
    format!(
        "those were too many wrong codes: wait {minutes} min, and have `purser link` show a new one then"
    )
}

/// Those of the configuration, and those that were linked, by person.
fn views(people: &People) -> Vec<IdentityView> {
    let configured = people.iter().flat_map(|person| {
        let chats = person.chats.iter();
        chats.map(|(platform, id)| IdentityView {
            person: person.name.clone(),
            identity: Identity {
                platform: platform.clone(),
                id: id.clone(),
            },
            linked_at: None,
            void: None,
        })
    });
    let linked = people.links().iter().map(|link| IdentityView {
        person: link.person.clone(),
        identity: link.identity.clone(),
        linked_at: Some(link.linked_at),
        void: void(people, link),
    });
    let mut views: Vec<_> = configured.chain(linked).collect();
    views.sort_by(|a, b| (&a.person, &a.identity).cmp(&(&b.person, &b.identity)));
    views
}

fn void(people: &People, link: &Link) -> Option<String> {
    match people.owner(&link.identity) {
        Some((_, Since::Linked(_))) => None,
        Some((person, Since::Configured)) => Some(format!(
            "the configuration says that it is {}'s",
            person.name
        )),
        None => Some(format!("{} is not in the configuration", link.person)),
    }
}
