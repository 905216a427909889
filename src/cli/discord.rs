//! `purser discord`: what is done once, before Purser is talked to there.

use clap::Subcommand;
use serde_json::json;

use super::{Failure, print_json};

/// Let the bot into Discord, and say what is missing there.
#[derive(Debug, Subcommand)]
pub enum Discord {
    /// Print the link by which somebody lets the bot into a Discord server.
    Invite,
    /// Say what is missing for Purser to work there, and what to do; changes nothing.
    Check,
}

/// Shows how an application is let into a Discord server, and what it asks for then.
///
/// # Errors
/// It cannot be written as JSON.
pub fn show_invitation(
    application: &str,
    url: &str,
    permissions: &[&str],
    json: bool,
) -> Result<(), Failure> {
    if json {
        return print_json(&json!({
            "application": application,
            "url": url,
            "permissions": permissions,
        }));
    }
    println!(
        "Whoever may manage a Discord server lets {application} into it on this page:\n{url}\n\
         It asks for: {}.\nThen: `purser discord check`",
        permissions.join(", ")
    );
    Ok(())
}
