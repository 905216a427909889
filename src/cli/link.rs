//! `purser link`, `links` and `unlink`: who somebody is in a chat.

use clap::Args;

use super::client::Server;
use super::{Failure, print_json};
use crate::chat::card::value::table;
use crate::http::types::{CodeView, IdentityView, UnlinkBody};

/// Which.
#[derive(Debug, Args)]
pub struct Unlink {
    /// Its id, where you have linked several, or as an operator somebody else's.
    id: Option<String>,
}

/// Shows a code that makes an identity in a chat that of who asks.
pub(super) async fn code(server: &Server, json: bool) -> Result<(), Failure> {
    let made: CodeView = server.post("me/link", &()).await?;
    if json {
        return print_json(&made);
    }
    println!(
        "In a channel of Discord, type this within ten minutes, and you are {} there:\n    /purser link code:{}\n\
         Give the code to nobody. Another `purser link` makes it void.",
        made.person, made.code
    );
    Ok(())
}

/// Shows who is known in chats.
pub(super) async fn list(server: &Server, json: bool) -> Result<(), Failure> {
    let all: Vec<IdentityView> = server.get("identities").await?;
    if json {
        return print_json(&all);
    }
    if all.is_empty() {
        println!("no identity in a chat: `purser link` shows a code for one");
        return Ok(());
    }
    let rows: Vec<_> = all.iter().map(row).collect();
    println!("{}", table(&["PERSON", "CHAT", "ID", "SINCE"], &rows));
    Ok(())
}

fn row(one: &IdentityView) -> Vec<String> {
    let since = one.linked_at.map(|at| at.to_string());
    let since = since.unwrap_or_else(|| "by the configuration".to_owned());
    let since = one
        .void
        .as_ref()
        .map_or(since, |why| format!("void: {why}"));
    let identity = &one.identity;
    vec![
        one.person.to_string(),
        identity.platform.clone(),
        identity.id.clone(),
        since,
    ]
}

impl Unlink {
    pub(super) async fn call(self, server: &Server, json: bool) -> Result<(), Failure> {
        let body = UnlinkBody { id: self.id };
        let was: IdentityView = server.post("identities/unlink", &body).await?;
        if json {
            return print_json(&was);
        }
        println!("{} belongs to {} no more", was.identity, was.person);
        Ok(())
    }
}
