//! The reference libraries of Standard Webhooks, called as their own users would.

use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::sender::{Message, Signed};
use crate::support::stack::variable;

/// A library in another language: the program that runs it, how it is told where its modules are,
/// and what signs the body on standard input.
pub(crate) struct Library {
    program: &'static str,
    path: (&'static str, &'static str),
    script: [&'static str; 2],
    /// The same, and what believes a message only if it is signed and of now.
    verifier: [&'static str; 2],
}

pub(crate) const NODE: Library = Library {
    program: "node",
    path: ("NODE_PATH", "PURSER_TEST_NODE_PATH"),
    script: [
        "-e",
        r#"
        const { Webhook } = require("standardwebhooks");
        const [secret, id, seconds] = process.argv.slice(1);
        const body = require("fs").readFileSync(0, "utf8");
        const at = new Date(Number(seconds) * 1000);
        process.stdout.write(new Webhook(secret).sign(id, at, body));
        "#,
    ],
    verifier: [
        "-e",
        r#"
        const { Webhook } = require("standardwebhooks");
        const [secret, headers] = process.argv.slice(1);
        const body = require("fs").readFileSync(0, "utf8");
        new Webhook(secret).verify(body, JSON.parse(headers));
        "#,
    ],
};

pub(crate) const PYTHON: Library = Library {
    program: "python3",
    path: ("PYTHONPATH", "PURSER_TEST_PYTHONPATH"),
    script: [
        "-c",
        r"
import sys
from datetime import datetime, timezone
from standardwebhooks import Webhook
secret, id, seconds = sys.argv[1:]
body = sys.stdin.buffer.read().decode()
at = datetime.fromtimestamp(int(seconds), tz=timezone.utc)
sys.stdout.write(Webhook(secret).sign(msg_id=id, timestamp=at, data=body))
",
    ],
    verifier: [
        "-c",
        r"
import json, sys
from standardwebhooks import Webhook
secret, headers = sys.argv[1:]
Webhook(secret).verify(sys.stdin.buffer.read().decode(), json.loads(headers))
",
    ],
};

impl Library {
    /// Signs a message as of now.
    pub(super) async fn sign(&self, secret: &str, message: &Message) -> Signed {
        let seconds = message.timestamp.to_string();
        let arguments = [secret, &message.id, &seconds];
        let signed = self.call(&self.script, &arguments, &message.body).await;
        assert!(signed.status.success());
        message.with_signature(&String::from_utf8(signed.stdout).unwrap())
    }

    /// Whether it believes a message with these headers, as a JSON object.
    pub(crate) async fn believes(&self, secret: &str, headers: &str, body: &str) -> bool {
        let arguments = [secret, headers];
        let verified = self.call(&self.verifier, &arguments, body).await;
        verified.status.success()
    }

    async fn call(&self, script: &[&str; 2], arguments: &[&str], body: &str) -> Output {
        let (name, variable_of_ours) = self.path;
        let mut child = Command::new(self.program)
            .args(script)
            .args(arguments)
            .env(name, variable(variable_of_ours))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(body.as_bytes()).await.unwrap();
        drop(stdin);
        child.wait_with_output().await.unwrap()
    }
}
