//! A Discord to try things out with: a guild with a channel and two people, until it is stopped.

use std::io::Write as _;

use fake_discord::Discord;
use serde_json::json;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = std::env::args()
        .nth(1)
        .and_then(|port| port.parse().ok())
        .unwrap_or(0);
    let discord = Discord::start_on(port).await?;
    let shop = discord.guild("shop");
    let ops = discord.channel(shop, "ops");
    let operators = discord.role(shop, "operators");
    let developers = discord.role(shop, "developers");
    let ann = discord.member(shop, "ann", &[operators]);
    let bob = discord.member(shop, "bob", &[developers]);
    let line = json!({
        "page": format!("{}/", discord.api()),
        "api": discord.api(),
        "gateway": discord.gateway(),
        "token": discord.token(),
        "application_id": discord.application_id(),
        "public_key": discord.public_key(),
        "guild": { "shop": shop },
        "channels": { "ops": ops },
        "roles": { "operators": operators, "developers": developers },
        "members": { "ann": ann, "bob": bob },
    });
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    out.flush()?;
    tokio::signal::ctrl_c().await
}
