//! `purser secret`: values go in by stdin or a file, never by an argument, and come out nowhere.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;

use clap::Subcommand;
use secrecy::{ExposeSecret as _, SecretString};

use super::client::{Server, segment};
use super::{Failure, hidden, print_json};
use crate::chat::card::value::table;
use crate::domain::names::{NoSecretName, SecretName};
use crate::domain::redact::SHORTEST;
use crate::domain::secret::{self, LONGEST};
use crate::domain::words::counted;
use crate::http::types::{RekeyedView, RemoveSecretBody, SecretView, SetSecretBody};

/// Keep passwords and keys in the store, sealed. Without a server the store is opened here.
#[derive(Debug, Subcommand)]
pub enum Secret {
    /// Keep a value under a name; it is read from stdin, or typed without being shown.
    Set {
        /// Letters, digits, - and _.
        name: String,
        /// Read the value from this file instead; one line end at its end is dropped.
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// The names, who has set them and what uses them; never a value.
    List,
    /// Forget one.
    Rm {
        /// Which.
        name: String,
        /// Also when the configuration or a workflow names it.
        #[arg(long)]
        force: bool,
    },
    /// Make a new key, seal all secrets for it, and drop the old one.
    Rekey,
}

/// What is asked for, with the value where there is one.
pub enum SecretAsk {
    /// Keep a value.
    Set(SecretName, SecretString),
    /// List them.
    List,
    /// Forget one, with force or without.
    Remove(SecretName, bool),
    /// Change the key.
    Rekey,
}

/// What came of it.
pub enum SecretAnswer {
    /// It is set.
    Set(SecretView),
    /// These there are.
    List(Vec<SecretView>),
    /// It was forgotten.
    Removed(SecretView),
    /// So many are sealed for a new key.
    Rekeyed(RekeyedView),
}

impl Secret {
    /// Reads the value, if one is to be set.
    ///
    /// # Errors
    /// It cannot be read, or cannot be a secret.
    pub async fn read(self) -> Result<SecretAsk, Failure> {
        Ok(match self {
            Self::Set { name, file } => {
                let name = named(&name)?;
                let value = read_value(&name, file).await?;
                if let Some(why) = secret::why_not_kept(&value) {
                    return Err(Failure::usage(why));
                }
                SecretAsk::Set(name, value)
            }
            Self::List => SecretAsk::List,
            Self::Rm { name, force } => SecretAsk::Remove(named(&name)?, force),
            Self::Rekey => SecretAsk::Rekey,
        })
    }
}

/// Whoever types the value in the place of the name is not to find it in a log of errors.
fn named(name: &str) -> Result<SecretName, Failure> {
    name.parse()
        .map_err(|error: NoSecretName| Failure::usage(error.to_string()))
}

impl SecretAsk {
    /// Asks the server.
    ///
    /// # Errors
    /// What it says, or that there is none.
    pub async fn ask(&self, server: &Server) -> Result<SecretAnswer, Failure> {
        Ok(match self {
            Self::Set(name, value) => {
                let value = value.clone();
                let path = format!("secrets/{}/set", segment(name.as_str()));
                SecretAnswer::Set(server.post(&path, &SetSecretBody { value }).await?)
            }
            Self::List => SecretAnswer::List(server.get("secrets").await?),
            Self::Remove(name, force) => {
                let body = RemoveSecretBody { force: *force };
                let path = format!("secrets/{}/remove", segment(name.as_str()));
                SecretAnswer::Removed(server.post(&path, &body).await?)
            }
            Self::Rekey => SecretAnswer::Rekeyed(server.post("secrets/rekey", &()).await?),
        })
    }
}

impl SecretAnswer {
    /// Prints it.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn show(&self, json: bool) -> Result<(), Failure> {
        match self {
            Self::Set(view) | Self::Removed(view) if json => return print_json(view),
            Self::List(all) if json => return print_json(all),
            Self::Rekeyed(view) if json => return print_json(view),
            Self::Set(view) => show_set(view),
            Self::Removed(view) => {
                println!("the secret {} is removed", view.name);
                if let Some(users) = view.users() {
                    println!("still named by {users}, which will fail without it");
                }
            }
            Self::List(all) if all.is_empty() => {
                println!("no secrets yet: set one with `purser secret set NAME`");
            }
            Self::List(all) => {
                let rows: Vec<_> = all.iter().map(row).collect();
                println!("{}", table(&["SECRET", "SET", "BY", "USED BY"], &rows));
            }
            Self::Rekeyed(view) => {
                let (secrets, are) = (counted(view.secrets, "secret"), is_or_are(view.secrets));
                println!("{secrets} {are} sealed for a new key, and the old one is dropped");
                println!(
                    "keep a copy of `secrets.key` in the store's folder: nothing else opens them"
                );
            }
        }
        Ok(())
    }
}

fn show_set(view: &SecretView) {
    println!("the secret {} is set", view.name);
    if !view.used_by_configuration.is_empty() {
        let users = view.used_by_configuration.join(", ");
        println!("{users} will read it when `purser up` starts next");
    }
    if view.masked == Some(false) {
        println!(
            "it, or the password in it, has less than {SHORTEST} characters, and is not masked where \
             another program prints it"
        );
    }
}

fn row(view: &SecretView) -> Vec<String> {
    let (at, by) = match &view.set {
        Some(set) => (set.at.to_string(), set.by.to_string()),
        None => ("not set".to_owned(), "-".to_owned()),
    };
    let users = view.users().unwrap_or_else(|| "-".to_owned());
    vec![view.name.to_string(), at, by, users]
}

fn is_or_are(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// What is said of a value that was not typed to its end.
const SET: hidden::Words = hidden::Words {
    otherwise: "give the value with --file FILE or < FILE",
    nothing: "nothing was set",
};

async fn read_value(name: &SecretName, file: Option<PathBuf>) -> Result<SecretString, Failure> {
    if file.is_none() && std::io::stdin().is_terminal() {
        return hidden::line(&format!("the value of {name} (it is not shown): "), SET).await;
    }
    read(file, SET.nothing).await
}

/// Reads a secret from a file or from stdin, without its line end.
pub(super) async fn read(file: Option<PathBuf>, nothing: &str) -> Result<SecretString, Failure> {
    let read = tokio::task::spawn_blocking(move || match file {
        Some(file) => std::fs::File::open(&file)
            .and_then(bounded)
            .map_err(|error| format!("the file {} cannot be read: {error}", file.display())),
        None => bounded(std::io::stdin().lock())
            .map_err(|error| format!("the value cannot be read from stdin: {error}")),
    });
    let bytes = read
        .await
        .map_err(|error| Failure::failed(error.to_string()))?
        .map_err(Failure::usage)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Failure::usage(format!(
            "the value is no UTF-8 text: encode it, as with `base64`; {nothing}"
        ))
    })?;
    Ok(without_line_end(text.into()))
}

/// One byte more than may be kept, and its line end, shows that it is too long.
fn bounded(from: impl std::io::Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(LONGEST as u64 + 3).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whoever writes a value with `echo` or an editor does not mean the line end.
fn without_line_end(value: SecretString) -> SecretString {
    let text = value.expose_secret();
    match text.strip_suffix('\n') {
        Some(text) => text.strip_suffix('\r').unwrap_or(text).into(),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_dropped_and_no_more() {
        for (given, kept) in [
            ("a", "a"),
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            (" a ", " a "),
            ("\n", ""),
        ] {
            assert_eq!(without_line_end(given.into()).expose_secret(), kept);
        }
    }

    #[test]
    fn no_more_is_read_than_shows_that_it_is_too_long() {
        let endless = std::io::repeat(b'x');
        let read = bounded(endless).unwrap();
        assert!((LONGEST + 1..LONGEST + 10).contains(&read.len()));
    }
}
