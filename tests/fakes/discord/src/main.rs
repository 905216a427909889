//! A Discord to try things out with: a guild with two channels and three people, and a page to act as
//! one of them, until it is stopped.
//!
//!     fake-discord [PORT]
//!
//! It prints one line of JSON with its addresses, tokens and ids.

use std::io::Write as _;

use fake_discord::Discord;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "0".to_owned());
    let port = port.parse().map_err(|_| {
        let message = format!("\"{port}\" is not a port; usage: fake-discord [PORT]");
        std::io::Error::new(std::io::ErrorKind::InvalidInput, message)
    })?;
    let mut terminated = signal(SignalKind::terminate())?;
    let discord = Discord::start_on(port).await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", furnish(&discord))?;
    out.flush()?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminated.recv() => Ok(()),
    }
}

/// Fills a Discord with a small company, and tells what a bot and a person need to know of it.
fn furnish(discord: &Discord) -> serde_json::Value {
    let reader = discord.application("Reader");
    let shop = discord.guild("shop");
    let (ops, general) = (
        discord.channel(shop, "ops"),
        discord.channel(shop, "general"),
    );
    let operators = discord.role(shop, "operators");
    let developers = discord.role(shop, "developers");
    let ann = discord.member(shop, "ann", &[operators, developers]);
    let bo = discord.member(shop, "bo", &[developers]);
    let eve = discord.member(shop, "eve", &[]);
    json!({
        "page": format!("{}/", discord.api()),
        "api": discord.api(),
        "gateway": discord.gateway(),
        "token": discord.token(),
        "application_id": discord.application_id(),
        "public_key": discord.public_key(),
        "reader": { "token": reader.token, "application_id": reader.id },
        "guilds": { "shop": shop },
        "channels": { "ops": ops, "general": general },
        "roles": { "operators": operators, "developers": developers },
        "members": { "ann": ann, "bo": bo, "eve": eve },
    })
}
