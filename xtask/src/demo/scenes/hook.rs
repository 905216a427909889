//! Another program has a run started, by a message that it has signed.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::demo::person::Person;
use crate::demo::play::{Play, Scene, text};
use crate::demo::screen;
use crate::demo::stage::{HOOK_KEY, Stage, hook_url};
use crate::sh;
use crate::stack::need::must_find;

pub(super) const SCENE: Scene = Scene {
    name: "hook",
    title: "Another program has a run started, by a signed message",
    play,
};

/// What came back: the status and the body.
struct Answer {
    status: String,
    body: Value,
}

fn play(play: &mut Play) -> Result<()> {
    let before = play.runs()?;
    screen::line(
        "OpenSSL signs and curl sends, as any program could: twice the same, then altered.",
    );
    let message = Message::new(&play.stage, "msg_demo", "{}")?;
    let first = message.send(play, "{}")?;
    let again = message.send(play, "{}")?;
    let altered = message.send(play, "{ }")?;
    let id = text(&first.body["run"])?;
    let said = play.stage.ann.types(&play.stage, &["runs", "watch", &id])?;
    play.sabotage("the same message under another name", |stage| {
        let other = Message::new(stage, "msg_other", "{}")?;
        other.post(stage, "{}").map(drop)
    })?;

    play.same("HTTP, to the message", first.status, "202".to_owned());
    play.same("HTTP, to the same again", again.status, "202".to_owned());
    play.same(
        "HTTP, the run that the same again has started",
        text(&again.body["run"])?,
        id.clone(),
    );
    play.same("HTTP, to the altered one", altered.status, "401".to_owned());
    let new: Vec<String> = play
        .runs()?
        .into_iter()
        .filter(|id| !before.contains(id))
        .collect();
    play.same("Purser, runs since", new.join(", "), id.clone());
    play.same("exit code of watching it", said.code, 0);
    let run = play.run(&id)?;
    play.same(
        "Purser, who asked for it",
        text(&run["run"]["request"]["by"]["person"])?,
        "webhook status".to_owned(),
    );
    Ok(())
}

/// A signed message; the body is sent beside it.
struct Message {
    headers: Vec<String>,
}

impl Message {
    /// Signs `ID.SECONDS.BODY` as of now.
    fn new(stage: &Stage, id: &str, body: &str) -> Result<Self> {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let signed = stage.folder.join("signed");
        fs::write(&signed, format!("{id}.{seconds}.{body}"))?;
        let signature = sign(&signed, &stage.folder.join("signature"))?;
        Ok(Self {
            headers: vec![
                format!("webhook-id: {id}"),
                format!("webhook-timestamp: {seconds}"),
                format!("webhook-signature: v1,{signature}"),
            ],
        })
    }

    /// Sends it for all to see.
    fn send(&self, play: &Play, body: &str) -> Result<Answer> {
        let other = Person {
            name: "n8n",
            ..play.stage.ann.clone()
        };
        let headers = self.headers.iter().map(|header| format!("-H '{header}' "));
        let headers: String = headers.collect();
        other.shows(&format!("curl {headers}-d '{body}' {}", hook_url()));
        let answer = self.post(&play.stage, body)?;
        screen::said("n8n", &format!("{} {}\n", answer.status, answer.body));
        Ok(answer)
    }

    fn post(&self, stage: &Stage, body: &str) -> Result<Answer> {
        let mut curl = Command::new(must_find("curl")?);
        curl.args(["--silent", "--show-error", "--max-time", "20"])
            .args(["--write-out", "\n%{http_code}", "--data-raw", body])
            .current_dir(&stage.folder);
        for header in &self.headers {
            curl.args(["--header", header]);
        }
        let said = sh::output(curl.arg(hook_url()))?;
        let (body, status) = said.rsplit_once('\n').context("curl says no status")?;
        Ok(Answer {
            status: status.to_owned(),
            body: serde_json::from_str(body).with_context(|| format!("not JSON: {body}"))?,
        })
    }
}

/// The base64 of the file's HMAC-SHA256.
fn sign(file: &Path, mac: &Path) -> Result<String> {
    let openssl = must_find("openssl")?;
    let key = format!("hexkey:{}", hex::encode(HOOK_KEY));
    let mut hmac = Command::new(&openssl);
    hmac.args(["dgst", "-sha256", "-mac", "HMAC", "-macopt", &key]);
    sh::output(hmac.arg("-binary").arg("-out").arg(mac).arg(file))?;
    let mut encode = Command::new(openssl);
    let encoded = sh::output(encode.args(["base64", "-A", "-in"]).arg(mac))?;
    Ok(encoded.trim().to_owned())
}
