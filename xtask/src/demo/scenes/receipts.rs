//! Receipts hold; one that was altered in a copy is found.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::demo::play::{Play, Scene, text};
use crate::demo::screen;

pub(super) const SCENE: Scene = Scene {
    name: "receipts",
    title: "Receipts, and a forged one",
    play,
};

fn play(play: &mut Play) -> Result<()> {
    if play.runs()?.is_empty() {
        play.console()?.asks("status")?;
    }
    let ann = play.stage.ann.clone();
    let verified = ann.types(&play.stage, &["receipts", "verify"])?;
    let exported = export(play)?;
    let receipts: Vec<&str> = exported.lines().skip(1).collect();
    let forgery = Forgery::of(&receipts)?;
    screen::line(format!(
        "In a copy, receipt {} is made to say `{}` instead of `{}`.",
        forgery.seq, forgery.to, forgery.from
    ));
    fs::write(
        play.stage.folder.join("forged.jsonl"),
        forgery.put_into(&exported),
    )?;
    play.sabotage("the forger thinks better of it", |stage| {
        Ok(fs::write(stage.folder.join("forged.jsonl"), &exported)?)
    })?;
    let forged = ann.types(
        &play.stage,
        &["receipts", "verify", "--file", "forged.jsonl"],
    )?;
    let original = ann.types(
        &play.stage,
        &["receipts", "verify", "--file", "receipts.jsonl"],
    )?;

    play.same("exit code for the server's receipts", verified.code, 0);
    let runs: BTreeSet<String> = play.runs()?.into_iter().collect();
    let with_receipt = runs_of(&receipts)?;
    play.holds(
        "every run has its receipt",
        runs == with_receipt,
        format!(
            "{} runs, {} receipts of runs",
            runs.len(),
            with_receipt.len()
        ),
        "as many",
    );
    play.same(
        "links of the chain that do not fit",
        broken_links(&receipts)?,
        0,
    );
    play.same("exit code for the forged copy", forged.code, 1);
    let named = format!("receipt {} does not hold", forgery.seq);
    let names_it = forged.text.contains(&named);
    play.either("the forged receipt is named", names_it, &named, "not named");
    play.same("exit code for the export as it was", original.code, 0);
    Ok(())
}

fn export(play: &Play) -> Result<String> {
    let path = play.stage.folder.join("receipts.jsonl");
    play.stage
        .ann
        .shows("purser receipts export > receipts.jsonl");
    let exported =
        crate::sh::output(&mut play.stage.ann.command(&play.stage, &["receipts", "export"]))?;
    fs::write(path, &exported)?;
    Ok(exported)
}

/// What a forger would do: a failure that looks like a success.
struct Forgery {
    seq: u64,
    line: String,
    from: &'static str,
    to: &'static str,
}

impl Forgery {
    fn of(receipts: &[&str]) -> Result<Self> {
        let (failure, success) = ("rolled_back", "succeeded");
        let with = |state: &str| receipts.iter().find(|line| line.contains(&field(state)));
        let (line, from, to) = match with(failure) {
            Some(line) => (line, failure, success),
            None => (
                with(success).context("there is no receipt of a run")?,
                success,
                failure,
            ),
        };
        let receipt: Value = serde_json::from_str(line)?;
        let seq = receipt["seq"]
            .as_u64()
            .context("a receipt without a number")?;
        Ok(Self {
            seq,
            line: (*line).to_owned(),
            from,
            to,
        })
    }

    fn put_into(&self, exported: &str) -> String {
        exported.replace(
            &self.line,
            &self.line.replacen(&field(self.from), &field(self.to), 1),
        )
    }
}

fn field(state: &str) -> String {
    format!("\"state\":\"{state}\"")
}

fn runs_of(receipts: &[&str]) -> Result<BTreeSet<String>> {
    let mut runs = BTreeSet::new();
    for line in receipts {
        let receipt: Value = serde_json::from_str(line)?;
        if let Ok(run) = text(&receipt["content"]["subject"]["run"]) {
            runs.insert(run);
        }
    }
    Ok(runs)
}

/// Each receipt names the hash of the one before.
fn broken_links(receipts: &[&str]) -> Result<usize> {
    let all: Vec<Value> = receipts
        .iter()
        .map(|line| serde_json::from_str(line))
        .collect::<Result<_, _>>()?;
    Ok(all
        .windows(2)
        .filter(|pair| pair[1]["prev"] != pair[0]["hash"])
        .count())
}
