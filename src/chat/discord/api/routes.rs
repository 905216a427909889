//! The calls that Purser makes, and what each counts against.

use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};

use super::limits::Bucket;

/// A call without its body. Its path may hold the token of an interaction.
#[derive(Clone)]
pub(in crate::chat::discord) struct Route {
    pub(super) method: Method,
    /// Below `/api/v10`.
    pub(super) path: String,
    /// `None`: it has no limits.
    pub(super) bucket: Option<Bucket>,
}

impl Route {
    fn of(method: Method, path: String, route: &'static str, major: &str) -> Self {
        let major = major.to_owned();
        Self {
            method,
            path,
            bucket: Some(Bucket { route, major }),
        }
    }

    /// What it counts against.
    pub(in crate::chat::discord) fn bucket(&self) -> Option<&Bucket> {
        self.bucket.as_ref()
    }

    /// Who we are.
    pub(in crate::chat::discord) fn application() -> Self {
        let path = "/oauth2/applications/@me";
        Self::of(
            Method::GET,
            path.to_owned(),
            "GET /oauth2/applications/@me",
            "",
        )
    }

    /// All that the owner of our application has set up.
    pub(in crate::chat::discord) fn own_application() -> Self {
        let path = "/applications/@me".to_owned();
        Self::of(Method::GET, path, "GET /applications/@me", "")
    }

    /// Which user we are.
    pub(in crate::chat::discord) fn own_user() -> Self {
        let path = "/users/@me".to_owned();
        Self::of(Method::GET, path, "GET /users/@me", "")
    }

    /// The servers that we are in, at most 200, with what we may do there.
    pub(in crate::chat::discord) fn own_guilds() -> Self {
        let path = "/users/@me/guilds".to_owned();
        Self::of(Method::GET, path, "GET /users/@me/guilds", "")
    }

    /// A member of a server.
    pub(in crate::chat::discord) fn member(guild: &str, user: &str) -> Self {
        let path = format!("/guilds/{guild}/members/{user}");
        Self::of(Method::GET, path, "GET member", guild)
    }

    /// A channel or thread.
    pub(in crate::chat::discord) fn channel(channel: &str) -> Self {
        let path = format!("/channels/{channel}");
        Self::of(Method::GET, path, "GET channel", channel)
    }

    /// The roles of a server.
    pub(in crate::chat::discord) fn roles(guild: &str) -> Self {
        let path = format!("/guilds/{guild}/roles");
        Self::of(Method::GET, path, "GET roles", guild)
    }

    /// Where the gateway is.
    pub(in crate::chat::discord) fn gateway() -> Self {
        Self::of(Method::GET, "/gateway".to_owned(), "GET /gateway", "")
    }

    /// The commands of ours that a guild has, or those of no guild.
    pub(in crate::chat::discord) fn commands(application: &str, guild: Option<&str>) -> Self {
        let path = commands(application, guild);
        Self::of(Method::GET, path, "GET commands", guild.unwrap_or_default())
    }

    /// Puts all commands of a guild, or of none, in the place of those that are there.
    pub(in crate::chat::discord) fn put_commands(application: &str, guild: Option<&str>) -> Self {
        let path = commands(application, guild);
        Self::of(Method::PUT, path, "PUT commands", guild.unwrap_or_default())
    }

    /// Answers an interaction, once. The path holds its token.
    pub(in crate::chat::discord) fn callback(interaction: &str, token: &SecretString) -> Self {
        Self {
            method: Method::POST,
            path: format!(
                "/interactions/{interaction}/{}/callback",
                token.expose_secret()
            ),
            bucket: None,
        }
    }

    /// Edits the answer to an interaction. All of an application's share one bucket.
    pub(in crate::chat::discord) fn edit_answer(application: &str, token: &SecretString) -> Self {
        let token = token.expose_secret();
        let path = format!("/webhooks/{application}/{token}/messages/@original");
        Self::of(Method::PATCH, path, "PATCH @original", application)
    }

    /// Says something more to whoever has begun an interaction.
    pub(in crate::chat::discord) fn follow_up(application: &str, token: &SecretString) -> Self {
        let path = format!("/webhooks/{application}/{}", token.expose_secret());
        Self::of(Method::POST, path, "POST webhook", application)
    }

    /// A new message in a channel or thread.
    pub(in crate::chat::discord) fn create_message(channel: &str) -> Self {
        let path = format!("/channels/{channel}/messages");
        Self::of(Method::POST, path, "POST messages", channel)
    }

    /// Edits a message of our own.
    pub(in crate::chat::discord) fn edit_message(channel: &str, message: &str) -> Self {
        let path = format!("/channels/{channel}/messages/{message}");
        Self::of(Method::PATCH, path, "PATCH message", channel)
    }

    /// The messages of a channel behind this one, at most a hundred.
    pub(in crate::chat::discord) fn messages_after(channel: &str, after: &str) -> Self {
        let path = format!("/channels/{channel}/messages?limit=100&after={after}");
        Self::of(Method::GET, path, "GET messages", channel)
    }

    /// A thread that hangs from a message, and has its id.
    pub(in crate::chat::discord) fn start_thread(channel: &str, message: &str) -> Self {
        let path = format!("/channels/{channel}/messages/{message}/threads");
        Self::of(Method::POST, path, "POST threads", channel)
    }

    /// Changes a channel or thread.
    pub(in crate::chat::discord) fn edit_channel(channel: &str) -> Self {
        let path = format!("/channels/{channel}");
        Self::of(Method::PATCH, path, "PATCH channel", channel)
    }
}

fn commands(application: &str, guild: Option<&str>) -> String {
    match guild {
        Some(guild) => format!("/applications/{application}/guilds/{guild}/commands"),
        None => format!("/applications/{application}/commands"),
    }
}
