//! Files that people hand in with a command. Discord says where each lies; it is fetched from Discord's
//! own origins alone (decision 19), and no longer than it may be.

use std::time::Duration;

use reqwest::{Client, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use serenity::model::application::CommandDataResolved;
use serenity::model::channel::Attachment;
use serenity::model::id::AttachmentId;
use tokio::time::timeout;

use crate::domain::input_file::{InputFile, LONGEST, too_long};

/// Where Discord keeps what people attach.
const ORIGINS: [&str; 2] = ["https://cdn.discordapp.com", "https://media.discordapp.net"];

/// Where Discord's API is, where nothing else is configured.
const DISCORD: &str = "https://discord.com";

/// A file comes within this time.
const PATIENCE: Duration = Duration::from_secs(20);

/// What stands in the place of a file until it is fetched. No option is an object otherwise.
const ATTACHED: &str = "$attached";

/// A file that somebody has handed in, as Discord tells of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Attached {
    name: String,
    url: String,
    size: u32,
}

/// Fetches files that people hand in.
#[derive(Clone, Debug)]
pub(super) struct Files {
    client: Client,
    origins: Origins,
    patience: Duration,
}

/// Where files may lie that are fetched.
#[derive(Clone, Debug)]
struct Origins(Vec<Url>);

/// What stands for a file of a command until it is fetched.
pub(super) fn attached(resolved: &CommandDataResolved, id: AttachmentId) -> Option<Value> {
    let Attachment {
        filename,
        url,
        size,
        ..
    } = resolved.attachments.get(&id)?;
    let attached = Attached {
        name: filename.clone(),
        url: url.clone(),
        size: *size,
    };
    Some(json!({ ATTACHED: attached }))
}

impl Files {
    /// Fetches from Discord's origins, and from where its API is configured to be.
    ///
    /// # Errors
    /// This machine has no TLS.
    pub(super) fn new(api: &str) -> Result<Self, String> {
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build();
        Ok(Self {
            client: client.map_err(|error| error.to_string())?,
            origins: Origins::with(api),
            patience: PATIENCE,
        })
    }

    /// Puts each file in the place of what stands for it.
    ///
    /// # Errors
    /// The first that cannot be had, or can be no input.
    pub(super) async fn fetch_all(&self, options: &mut Map<String, Value>) -> Result<(), String> {
        for (name, value) in options {
            let Some(attached) = value.get(ATTACHED) else {
                continue;
            };
            let attached = Attached::deserialize(attached);
            let attached = attached.map_err(|error| format!("the option `{name}`: {error}"))?;
            let file = self.fetch(&attached).await;
            let file = file.map_err(|why| format!("the option `{name}`: {why}"))?;
            *value = file.to_json();
        }
        Ok(())
    }

    async fn fetch(&self, attached: &Attached) -> Result<InputFile, String> {
        let name = &attached.name;
        let url = self.origins.known(&attached.url).ok_or_else(|| {
            format!("the file {name} does not lie with Discord, and is not fetched")
        })?;
        if usize::try_from(attached.size).is_ok_and(|size| size > LONGEST) {
            return Err(too_long(name));
        }
        let bytes = timeout(self.patience, self.read(name, url)).await;
        let late = || format!("the file {name} did not come in time; try it again");
        InputFile::read(name, bytes.map_err(|_| late())??)
    }

    async fn read(&self, name: &str, url: Url) -> Result<Vec<u8>, String> {
        // The address is not told: whoever knows it can read the file.
        let failed = |error: reqwest::Error| {
            let why = error.without_url();
            format!("the file {name} cannot be fetched from Discord ({why}); try it again")
        };
        let mut answer = self.client.get(url).send().await.map_err(failed)?;
        if !answer.status().is_success() {
            return Err(format!(
                "the file {name} is not with Discord any more ({}): hand it in again",
                answer.status()
            ));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > LONGEST {
                return Err(too_long(name));
            }
        }
        Ok(bytes)
    }
}

impl Origins {
    /// Discord's, and that of its API where that is configured to be elsewhere.
    fn with(api: &str) -> Self {
        let own = (api != DISCORD).then_some(api);
        let origins = ORIGINS.into_iter().chain(own);
        Self(origins.filter_map(|origin| origin.parse().ok()).collect())
    }

    /// The address, if it is on one of them.
    fn known(&self, url: &str) -> Option<Url> {
        let url: Url = url.parse().ok()?;
        let has_no_login = url.username().is_empty() && url.password().is_none();
        let is_known = |known: &Url| known.origin() == url.origin();
        (has_no_login && self.0.iter().any(is_known)).then_some(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_that_does_not_come_is_not_waited_for() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}", silent.local_addr().unwrap());
        let files = Files {
            patience: Duration::from_millis(200),
            ..Files::new(&api).unwrap()
        };
        let attached = Attached {
            name: "rows.csv".to_owned(),
            url: format!("{api}/rows.csv"),
            size: 3,
        };
        let why = files.fetch(&attached).await.unwrap_err();
        assert_eq!(why, "the file rows.csv did not come in time; try it again");
    }

    #[test]
    fn only_origins_of_discord_are_known_and_the_configured_one() {
        let real = Origins::with(DISCORD);
        let test = Origins::with("http://127.0.0.1:8080");
        for (url, by_real, by_test) in [
            (
                "https://cdn.discordapp.com/attachments/1/2/a.csv?ex=1",
                true,
                true,
            ),
            ("https://media.discordapp.net/ephemeral/a", true, true),
            ("http://127.0.0.1:8080/attachments/1/2/a", false, true),
            ("http://127.0.0.1:8081/attachments/1/2/a", false, false),
            ("http://cdn.discordapp.com/a", false, false),
            ("https://cdn.discordapp.com:8443/a", false, false),
            ("https://cdn.discordapp.com.evil.example/a", false, false),
            ("https://cdn.discordapp.com@evil.example/a", false, false),
            ("https://ann:pw@cdn.discordapp.com/a", false, false),
            ("https://discord.com/a", false, false),
            ("file:///etc/passwd", false, false),
            ("/attachments/1/2/a", false, false),
        ] {
            assert_eq!(real.known(url).is_some(), by_real, "{url}");
            assert_eq!(test.known(url).is_some(), by_test, "{url}");
        }
    }
}
