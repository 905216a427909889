//! `purser lock`, `unlock` and `locks`: keeps a system or a service to oneself for a while.

use clap::Args;

use super::client::{Server, segment};
use super::{Failure, print_json};
use crate::chat::card::value::table;
use crate::domain::time::Span;
use crate::http::types::{FreezeView, HoldsView, Lock as LockView, LockBody};

/// What, why and for how long.
#[derive(Debug, Args)]
pub struct Lock {
    /// SYSTEM, or SYSTEM/SERVICE.
    target: String,
    /// Why, for those who will wait.
    #[arg(long)]
    reason: String,
    /// For how long, as 30m or 2h, up to 30d; left out, for 4h.
    #[arg(long = "for", value_name = "TIME")]
    lasts: Option<Span>,
}

/// Which.
#[derive(Debug, Args)]
pub struct Unlock {
    /// SYSTEM, or SYSTEM/SERVICE.
    target: String,
}

impl Lock {
    pub(super) async fn call(self, server: &Server, json: bool) -> Result<(), Failure> {
        take(server, self.target, self.reason, self.lasts, json).await
    }
}

/// Takes a lock, and says until when.
pub(super) async fn take(
    server: &Server,
    target: String,
    reason: String,
    lasts: Option<Span>,
    json: bool,
) -> Result<(), Failure> {
    let body = LockBody {
        target,
        reason,
        lasts,
    };
    let lock: LockView = server.post("locks", &body).await?;
    if json {
        return print_json(&lock);
    }
    println!("{lock}");
    Ok(())
}

impl Unlock {
    pub(super) async fn call(self, server: &Server, json: bool) -> Result<(), Failure> {
        release(server, &self.target, json).await
    }
}

/// Releases a lock.
pub(super) async fn release(server: &Server, target: &str, json: bool) -> Result<(), Failure> {
    let path = format!("locks/{}/release", segment(target));
    let lock: LockView = server.post(&path, &()).await?;
    if json {
        return print_json(&lock);
    }
    println!(
        "{} is free: the lock of {} is released",
        lock.target, lock.owner
    );
    Ok(())
}

/// Shows what is locked, and what is frozen or will be.
pub(super) async fn list(server: &Server, json: bool) -> Result<(), Failure> {
    let holds: HoldsView = server.get("locks").await?;
    if json {
        return print_json(&holds);
    }
    println!("{}", shown(&holds));
    Ok(())
}

fn shown(holds: &HoldsView) -> String {
    let mut parts = vec![];
    if holds.locks.is_empty() {
        parts.push("nothing is locked".to_owned());
    } else {
        let row = |lock: &LockView| {
            vec![
                lock.target.to_string(),
                lock.owner.to_string(),
                lock.until.to_string(),
                lock.reason.clone(),
            ]
        };
        let rows: Vec<_> = holds.locks.iter().map(row).collect();
        parts.push(table(&["LOCK", "BY", "UNTIL", "REASON"], &rows));
    }
    if !holds.freezes.is_empty() {
        let row = |freeze: &FreezeView| {
            vec![
                freeze.name.to_string(),
                freeze.of.join(", "),
                when(freeze),
                freeze.reason.clone(),
            ]
        };
        let rows: Vec<_> = holds.freezes.iter().map(row).collect();
        parts.push(table(&["FREEZE", "OF", "WHEN", "REASON"], &rows));
    }
    parts.join("\n\n")
}

fn when(freeze: &FreezeView) -> String {
    match (freeze.in_force_until, freeze.begins) {
        (Some(until), _) => format!("now, until {until}"),
        (None, Some(begins)) => format!("from {begins}"),
        (None, None) => "over".to_owned(),
    }
}
