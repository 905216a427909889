//! `purser receipts`: lists, shows, exports and verifies receipts.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;

use clap::Subcommand;
use ed25519_dalek::VerifyingKey;

use super::client::{Server, segment};
use super::{Failure, print_json};
use crate::chat::card::value::table;
use crate::domain::approval::Delegation;
use crate::domain::person::Actor;
use crate::domain::receipt::{Chain, Committed, EffectFacts, Receipt, Subject};
use crate::domain::run::StepStatus;
use crate::domain::words::counted;
use crate::http::types::{KeyView, ReceiptsHeader};

/// List, show and verify receipts.
#[derive(Debug, Subcommand)]
pub enum Receipts {
    /// The last receipts, newest first.
    List {
        /// How many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// One receipt: its number, or the id of its run.
    Show {
        /// Which.
        receipt: String,
    },
    /// All receipts to standard output: a line with the public key, then one receipt a line.
    Export,
    /// Check that nothing in the chain was altered, taken out or put in.
    Verify {
        /// An export to check, without a server.
        #[arg(long)]
        file: Option<PathBuf>,
        /// The public key that must have signed it, as 64 hexadecimal digits; otherwise the one
        /// that the server or the file names.
        #[arg(long)]
        key: Option<String>,
    },
}

impl Receipts {
    pub(super) async fn call(self, server: &Server, json: bool) -> Result<(), Failure> {
        match self {
            Self::List { limit } => {
                let receipts: Vec<Receipt> = server.get(&format!("receipts?limit={limit}")).await?;
                if json {
                    return print_json(&receipts);
                }
                println!("{}", list(&receipts));
                Ok(())
            }
            Self::Show { receipt } => {
                let receipt: Receipt = server
                    .get(&format!("receipts/{}", segment(&receipt)))
                    .await?;
                if json {
                    return print_json(&receipt);
                }
                println!("{}", show(&receipt));
                Ok(())
            }
            Self::Export => export(server).await,
            Self::Verify { file: None, key } => verify_server(server, key, json).await,
            Self::Verify { file: Some(_), .. } => {
                Err(Failure::usage("verifying a file needs no server"))
            }
        }
    }
}

/// Verifies an export without a server.
///
/// # Errors
/// The file cannot be read, or the first receipt that does not hold.
pub fn verify_file(path: &std::path::Path, key: Option<&str>, json: bool) -> Result<(), Failure> {
    let failed = |what: String| Failure::failed(format!("{}: {what}", path.display()));
    let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
    let mut lines = BufReader::new(file).lines();
    let first = lines
        .next()
        .transpose()
        .map_err(|error| failed(error.to_string()))?
        .ok_or_else(|| failed("it is empty".into()))?;
    let header: ReceiptsHeader = serde_json::from_str(&first)
        .map_err(|error| failed(format!("its first line is no header of an export: {error}")))?;
    let key_text = key.map_or(header.key, str::to_owned);
    let key = read_key(&key_text)?;
    let mut chain = Chain::default();
    for (n, line) in lines.enumerate() {
        let line = line.map_err(|error| failed(error.to_string()))?;
        let receipt: Receipt = serde_json::from_str(&line)
            .map_err(|error| failed(format!("line {} is no receipt: {error}", n + 2)))?;
        chain
            .next(&receipt, &key)
            .map_err(|broken| failed(broken.to_string()))?;
    }
    tell_verified(&chain, &key_text, json)
}

async fn verify_server(server: &Server, key: Option<String>, json: bool) -> Result<(), Failure> {
    let key_text = match key {
        Some(key) => key,
        None => server.get::<KeyView>("receipts/key").await?.key,
    };
    let key = read_key(&key_text)?;
    let mut chain = Chain::default();
    loop {
        let page = page_after(server, &chain).await?;
        if page.is_empty() {
            return tell_verified(&chain, &key_text, json);
        }
        for receipt in &page {
            chain
                .next(receipt, &key)
                .map_err(|broken| Failure::failed(broken.to_string()))?;
        }
    }
}

async fn export(server: &Server) -> Result<(), Failure> {
    let key: KeyView = server.get("receipts/key").await?;
    print_json(&ReceiptsHeader {
        format: crate::domain::receipt::FORMAT,
        key: key.key,
    })?;
    let mut after = 0;
    loop {
        let page: Vec<Receipt> = server.get(&format!("receipts?after={after}")).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.seq;
        page.iter().try_for_each(print_json)?;
    }
}

async fn page_after(server: &Server, chain: &Chain) -> Result<Vec<Receipt>, Failure> {
    let after = chain.head().map_or(0, |(seq, _)| *seq);
    server.get(&format!("receipts?after={after}")).await
}

fn read_key(text: &str) -> Result<VerifyingKey, Failure> {
    hex::decode(text)
        .ok()
        .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
        .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
        .ok_or_else(|| Failure::usage(format!("`{text}` is no key: it has 64 hexadecimal digits")))
}

fn tell_verified(chain: &Chain, key: &str, json: bool) -> Result<(), Failure> {
    let (count, head) = match chain.head() {
        Some((seq, hash)) => (
            usize::try_from(*seq).unwrap_or(usize::MAX),
            hash.to_string(),
        ),
        None => (0, "none".to_owned()),
    };
    if json {
        return print_json(&serde_json::json!({ "receipts": count, "head": head, "key": key }));
    }
    if count == 0 {
        println!("there are no receipts yet");
        return Ok(());
    }
    println!(
        "good: {}, from the first to the last; none was altered, none is missing between them",
        counted(count, "receipt")
    );
    println!("head {head}");
    println!("signed by {key}");
    Ok(())
}

fn list(receipts: &[Receipt]) -> String {
    if receipts.is_empty() {
        return "no receipts yet".to_owned();
    }
    let rows: Vec<Vec<String>> = receipts
        .iter()
        .map(|receipt| {
            let (about, result) = about(receipt);
            let content = &receipt.content;
            vec![
                receipt.seq.to_string(),
                content.at.to_string(),
                content.by.to_string(),
                about,
                result,
                text(receipt, &content.summary),
            ]
        })
        .collect();
    table(&["NO", "AT", "BY", "ABOUT", "RESULT", "SUMMARY"], &rows)
}

fn about(receipt: &Receipt) -> (String, String) {
    match &receipt.content.subject {
        Subject::Run(facts) => (
            format!("run {} of {}", facts.run.short(), facts.workflow),
            facts.state.in_words().to_owned(),
        ),
        Subject::Refused { asked } => (asked.clone(), "refused".to_owned()),
        Subject::PassedOver { schedule, .. } => {
            (format!("schedule {schedule}"), "passed over".to_owned())
        }
        Subject::Changed { what } => (what.clone(), "changed".to_owned()),
        Subject::Recovered { backup, .. } => (backup.clone(), "recovered".to_owned()),
    }
}

fn text(receipt: &Receipt, commitment: &Committed) -> String {
    receipt.text(commitment).unwrap_or("[erased]").to_owned()
}

/// `approved by cy; bo let cy approve`.
fn approved_by(by: &[Actor], delegated: &[Delegation]) -> String {
    let names: Vec<_> = by.iter().map(ToString::to_string).collect();
    let let_them = delegated
        .iter()
        .map(|Delegation { by, to }| format!("{by} let {to} approve"));
    std::iter::once(format!("approved by {}", names.join(", ")))
        .chain(let_them)
        .collect::<Vec<_>>()
        .join("; ")
}

fn effect_line(effect: &EffectFacts) -> String {
    format!(
        "  {} {}: {}",
        effect.started_at, effect.effect, effect.status
    )
}

fn show(receipt: &Receipt) -> String {
    let (about, result) = about(receipt);
    let content = &receipt.content;
    let mut lines = vec![
        format!("receipt {}: {about}: {result}", receipt.seq),
        format!(
            "asked by {} ({}), over at {}",
            content.by, content.by.through, content.at
        ),
        text(receipt, &content.summary),
    ];
    if let Subject::Run(facts) = &content.subject {
        lines.push(format!("definition {}", facts.definition));
        lines.push(format!("inputs {}", text(receipt, &facts.inputs)));
        if let Some(run) = &facts.rerun_of {
            lines.push(format!("goes on from run {run}"));
        }
        if let Some(run) = &facts.undo_of {
            let why = facts.undo_reason.as_ref().map(|why| text(receipt, why));
            let why = why.map_or_else(String::new, |why| format!(" ({why})"));
            lines.push(format!("undoes run {run}{why}"));
        }
        if let Some(plan) = &facts.approved_plan {
            let by = approved_by(&facts.approved_by, &facts.delegated);
            lines.push(format!("plan {plan} {by}"));
        }
        if let Some(why) = &facts.break_glass {
            lines.push(format!("broke the glass: {}", text(receipt, why)));
        }
        for step in &facts.steps {
            let action = step
                .action
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            let proof = step
                .proof
                .as_ref()
                .map(|p| format!(", proof: {p}"))
                .unwrap_or_default();
            if let Some(run) = &step.done_in {
                let is_back = step.status == StepStatus::Undone;
                let back = if is_back { ", taken back" } else { "" };
                lines.push(format!("step {}: done in run {run}{back}", step.step));
                lines.extend(step.effects.iter().map(effect_line));
                continue;
            }
            let status = serde_json::json!(step.status);
            lines.push(format!(
                "step {}: {action}: {}{proof}",
                step.step,
                status.as_str().unwrap_or_default()
            ));
            if !step.approved_by.is_empty() {
                let by = approved_by(&step.approved_by, &step.delegated);
                lines.push(format!("  {by}"));
            }
            lines.extend(step.effects.iter().map(effect_line));
            let texts = [
                ("output", &step.output),
                ("failure", &step.failure),
                ("left", &step.left),
            ];
            for (name, commitment) in texts {
                if let Some(commitment) = commitment {
                    lines.push(format!("  {name} {}", text(receipt, commitment)));
                }
            }
        }
    }
    lines.push(format!("hash {}", receipt.hash));
    lines.push(format!("after {}", receipt.prev));
    lines.join("\n")
}
