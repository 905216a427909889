//! The reference libraries of Standard Webhooks, called as their own users would.

use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::sender::{Message, Signed};
use crate::support::stack::variable;

/// A library in another language: the program that runs it, how it is told where its modules are,
/// and what signs the body on standard input.
pub(super) struct Library {
    program: &'static str,
    path: (&'static str, &'static str),
    script: [&'static str; 2],
}

pub(super) const NODE: Library = Library {
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
};

pub(super) const PYTHON: Library = Library {
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
};

impl Library {
    /// Signs a message as of now.
    pub(super) async fn sign(&self, secret: &str, message: &Message) -> Signed {
        let (name, variable_of_ours) = self.path;
        let mut signing = Command::new(self.program)
            .args(self.script)
            .args([secret, &message.id, &message.timestamp.to_string()])
            .env(name, variable(variable_of_ours))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = signing.stdin.take().unwrap();
        stdin.write_all(message.body.as_bytes()).await.unwrap();
        drop(stdin);
        let signed = signing.wait_with_output().await.unwrap();
        assert!(signed.status.success());
        message.with_signature(&String::from_utf8(signed.stdout).unwrap())
    }
}
