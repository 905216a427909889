//! A Discord on this machine: REST v10, gateway, HTTP interactions, people. It holds state, keeps
//! Discord's limits and rights, and refuses what Discord refuses, in Discord's words.
//!
//! ```no_run
//! # async fn story() -> Result<(), Box<dyn std::error::Error>> {
//! use fake_discord::Discord;
//!
//! let discord = Discord::start().await?;
//! let shop = discord.guild("shop");
//! let ops = discord.channel(shop, "ops");
//! let operators = discord.role(shop, "operators");
//! let ann = discord.member(shop, "ann", &[operators]);
//! // … start the bot with `discord.api()` and `discord.token()`, and wait until it is there:
//! discord.until("a session", |view| (view.sessions() > 0).then_some(())).await?;
//! let deploy = discord.says(ann, ops, "/deploy service:shop/web version:v2")?;
//! println!("{}", deploy.reply().await?);
//! let asked = discord.message(ann, ops, "Approve").await?;
//! discord.clicks(ann, asked, "Approve")?.acknowledged().await?;
//! println!("{}", discord.channel_as(ann, ops));
//! # Ok(()) }
//! ```
//!
//! People act as the client lets them: a command that is not registered, a required option that is
//! missing, a button that is disabled are errors of the act and never reach the application. What an
//! act led to is asked of its [`Acted`]. Waits end when the state says so, or with
//! [`Error::Late`] after [`Discord::set_patience`].
//!
//! What differs from Discord, on purpose: identifying again within five seconds is allowed, frames of
//! the gateway are not compressed, the sizes of rate-limit buckets are of the order of the real ones,
//! and each gateway session gets an interaction under a token of its own, which says who answered.

mod check;
mod clock;
mod discord;
mod endpoint;
mod error;
mod faults;
mod gateway;
mod hub;
mod ids;
mod look;
mod page;
mod people;
mod refusal;
mod rest;
mod server;
mod state;

pub use check::response::Callback;
pub use discord::{Application, Discord, View};
pub use error::Error;
pub use ids::{
    AppId, AttachmentId, ChannelId, CommandId, GuildId, InteractionId, MessageId, RoleId, UserId,
};
pub use look::{Ping, Request};
pub use people::{Acted, Given};
pub use state::interaction::{Answer, Kind};
pub use state::model::Whom;
pub use state::permissions::Permissions;
