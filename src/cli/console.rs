//! `purser console`: a prompt that takes the commands of `commands/`.

use std::io::Write as _;

use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin};

use super::client::{Server, segment};
use super::run::{Printer, tell_end};
use super::words::words;
use super::{Failure, render};
use crate::domain::nearest;
use crate::domain::run::{RunStatus, WaitingFor};
use crate::http::types::{
    Accepted, AnswerBody, AskBody, CatalogEntry, CatalogView, RunRow, RunView,
};

const BUILT_IN: [&str; 8] = [
    "help", "runs", "show", "watch", "approve", "reject", "cancel", "quit",
];

/// Takes commands until end of input or `quit`. What goes wrong is said, and the prompt returns.
///
/// # Errors
/// No server at the start.
pub(super) async fn open(server: &Server) -> Result<(), Failure> {
    let catalog: CatalogView = server.get("catalog").await?;
    let mut console = Console {
        server,
        catalog,
        lines: BufReader::new(tokio::io::stdin()).lines(),
    };
    println!("Type a command, `help`, or `quit`.");
    while let Some(line) = console.prompt("purser> ").await {
        if line.trim() == "quit" {
            break;
        }
        if let Err(failure) = console.take(&line).await
            && !failure.message.is_empty()
        {
            println!("{}", failure.message);
        }
    }
    Ok(())
}

struct Console<'a> {
    server: &'a Server,
    catalog: CatalogView,
    lines: Lines<BufReader<Stdin>>,
}

impl Console<'_> {
    async fn prompt(&mut self, text: &str) -> Option<String> {
        print!("{text}");
        // A terminal that cannot be written to shows itself at the next line.
        let _ = std::io::stdout().flush();
        self.lines.next_line().await.ok().flatten()
    }

    async fn take(&mut self, line: &str) -> Result<(), Failure> {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let Some((first, rest)) = words.split_first() else {
            return Ok(());
        };
        let name = first.trim_start_matches('/');
        match (name, rest) {
            ("help", _) => {
                println!("{}", self.help());
                Ok(())
            }
            ("runs", _) => {
                let rows: Vec<RunRow> = self.server.get("runs?limit=10").await?;
                println!("{}", render::runs(&rows));
                Ok(())
            }
            ("show", [run]) => {
                let view: RunView = self.server.get(&format!("runs/{}", segment(run))).await?;
                println!("{}", render::run(&view));
                Ok(())
            }
            ("watch", [run]) => self.watch(run).await,
            ("approve" | "reject" | "cancel", [run, reason @ ..]) => {
                self.answer(run, name, &reason.join(" ")).await
            }
            ("show" | "watch" | "approve" | "reject" | "cancel", _) => {
                Err(Failure::usage(format!("write: {name} RUN")))
            }
            _ => self.command(name, rest).await,
        }
    }

    async fn command(&mut self, name: &str, words: &[&str]) -> Result<(), Failure> {
        let Some(entry) = self
            .catalog
            .commands
            .iter()
            .find(|entry| entry.name == name)
        else {
            let names = self
                .catalog
                .commands
                .iter()
                .map(|entry| entry.name.as_str());
            let names: Vec<_> = names.chain(BUILT_IN).collect();
            return Err(Failure::usage(nearest::unknown("command", name, names)));
        };
        let body = AskBody {
            command: Some(name.to_owned()),
            inputs: options(entry, words)?,
            ..AskBody::default()
        };
        let accepted: Accepted = self.server.post("runs", &body).await?;
        self.watch(&accepted.run.to_string()).await
    }

    /// Shows a run until its end; asks when it waits for an approval.
    async fn watch(&mut self, run: &str) -> Result<(), Failure> {
        let mut printer = Printer::default();
        loop {
            let view = self
                .server
                .watch(
                    run,
                    |view| {
                        printer.show(view);
                        matches!(view.status, RunStatus::Waiting(WaitingFor::Approval))
                    },
                    || println!("the server went away; waiting for it, the run goes on then"),
                )
                .await?;
            if view.run.ended.is_some() {
                tell_end(&view);
                return Ok(());
            }
            if let Some(todo) = render::what_to_do(&view) {
                println!("{todo}");
            }
            match self
                .prompt("Approve this plan? [yes/no/later] ")
                .await
                .as_deref()
            {
                Some("yes" | "y") => {
                    let digest = view
                        .run
                        .approval
                        .as_ref()
                        .map(|a| a.digest.short().to_owned());
                    let body = AnswerBody {
                        digest,
                        ..AnswerBody::default()
                    };
                    let path = format!("runs/{}/approve", segment(run));
                    let _: RunView = self.server.post(&path, &body).await?;
                }
                Some("no" | "n") => self.answer(run, "reject", "").await?,
                _ => return Ok(()),
            }
        }
    }

    async fn answer(&mut self, run: &str, verb: &str, reason: &str) -> Result<(), Failure> {
        let reason = (!reason.is_empty()).then(|| reason.to_owned());
        let body = AnswerBody {
            reason,
            ..AnswerBody::default()
        };
        let view: RunView = self
            .server
            .post(&format!("runs/{}/{verb}", segment(run)), &body)
            .await?;
        println!("run {}: {}", view.run.id.short(), render::state_of(&view));
        Ok(())
    }

    fn help(&self) -> String {
        let mut rows: Vec<Vec<String>> = self
            .catalog
            .commands
            .iter()
            .map(|entry| vec![usage(entry), entry.summary.clone()])
            .collect();
        rows.extend(
            [
                ("runs", "The latest runs"),
                ("show RUN", "Everything about one run"),
                ("watch RUN", "Follow one run to its end"),
                ("approve RUN", "Say yes to a run's plan"),
                ("reject RUN [WHY]", "Say no to a run's plan"),
                ("cancel RUN [WHY]", "Stop a run and take back what it did"),
                ("quit", "Leave; runs go on"),
            ]
            .map(|(usage, summary)| vec![usage.to_owned(), summary.to_owned()]),
        );
        render::table(&["COMMAND", "WHAT IT DOES"], &rows)
    }
}

fn usage(entry: &CatalogEntry) -> String {
    let options = entry.inputs.iter().map(|(name, spec)| {
        let name = name.to_uppercase();
        if spec.required {
            format!(" {name}")
        } else {
            format!(" [{name}]")
        }
    });
    format!("{}{}", entry.name, options.collect::<String>())
}

/// Words as options: `name=value` by name, any other in the order of the command's file.
fn options(entry: &CatalogEntry, words: &[&str]) -> Result<Map<String, Value>, Failure> {
    let mut given = Map::new();
    for word in words {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if entry.inputs.contains_key(name) => (name.to_owned(), value),
            _ => {
                let next = entry.inputs.keys().find(|name| !given.contains_key(*name));
                let next = next.ok_or_else(|| {
                    Failure::usage(format!("`{word}` is one too many: write {}", usage(entry)))
                })?;
                (next.clone(), *word)
            }
        };
        given.insert(name, Value::from(value));
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deploy() -> CatalogEntry {
        serde_json::from_value(json!({
            "name": "deploy", "summary": "Put a version live",
            "inputs": {
                "service": { "type": "string", "required": true },
                "version": { "type": "string", "required": true },
                "wait": { "type": "boolean" },
            },
        }))
        .unwrap()
    }

    #[test]
    fn words_are_options_in_their_order_or_by_name() {
        let wanted = json!({ "service": "web", "version": "v2" });
        for words in [
            vec!["web", "v2"],
            vec!["version=v2", "web"],
            vec!["service=web", "v2"],
        ] {
            assert_eq!(
                Value::Object(options(&deploy(), &words).unwrap()),
                wanted,
                "{words:?}"
            );
        }
        let failure = options(&deploy(), &["a", "b", "c", "d"]).unwrap_err();
        assert_eq!(
            failure.message,
            "`d` is one too many: write deploy SERVICE VERSION [WAIT]"
        );
    }
}
