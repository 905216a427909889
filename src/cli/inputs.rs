//! Inputs as they are given on a command line: values, and where to get those that must not stand there.

use std::fs::File;
use std::io::{IsTerminal as _, Read as _, stdin};
use std::path::Path;

use clap::Args;
use indexmap::IndexMap;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use super::client::Server;
use super::{Failure, hidden, secret};
use crate::domain::input::{InputSpec, InputType};
use crate::domain::input_file::{InputFile, LONGEST};
use crate::http::types::{CatalogEntry, CatalogView};

/// Inputs as `--input name=value`.
#[derive(Debug, Args)]
pub struct Inputs {
    /// An input, as NAME=VALUE; may be given several times. A file is NAME=@PATH. A secret is NAME alone:
    /// it is asked for, or read from stdin.
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    inputs: Vec<String>,
    /// An input that is a secret or a file, read from this file; may be given several times.
    #[arg(long = "input-file", value_name = "NAME=FILE")]
    files: Vec<String>,
}

/// What inputs there are, by the workflow's file.
pub(super) type Specs = IndexMap<String, InputSpec>;

/// What is said of a secret that was not typed to its end.
const NOT_TYPED: hidden::Words = hidden::Words {
    otherwise: "give it with --input-file NAME=FILE",
    nothing: "nothing was started",
};

impl Inputs {
    /// The inputs of a run of this workflow. Secrets that must be given and are not are asked for.
    ///
    /// # Errors
    /// One is written wrongly, or a secret is missing and nobody can be asked for it.
    pub(super) async fn for_run(
        &self,
        server: &Server,
        workflow: &str,
    ) -> Result<Map<String, Value>, Failure> {
        let specs = specs(server, workflow).await;
        let mut given = self.written(&specs)?;
        self.read_files(&specs, &mut given).await?;
        let is_asked = stdin().is_terminal();
        let on_stdin = self.names_alone().next();
        for name in self.wanted(&specs)? {
            if given.contains_key(name) {
                continue;
            }
            let value = if is_asked {
                ask(name).await?
            } else if on_stdin == Some(name) {
                secret::read(None, NOT_TYPED.nothing).await?
            } else {
                return Err(missing(name));
            };
            given.insert(name.to_owned(), Value::from(value.expose_secret()));
        }
        Ok(given)
    }

    /// The inputs of a plan, which needs no secret.
    ///
    /// # Errors
    /// One is written wrongly.
    pub(super) async fn for_plan(
        &self,
        server: &Server,
        workflow: &str,
    ) -> Result<Map<String, Value>, Failure> {
        let specs = specs(server, workflow).await;
        self.wanted(&specs)?;
        self.written(&specs)
    }

    fn names_alone(&self) -> impl Iterator<Item = &str> {
        let inputs = self.inputs.iter().map(String::as_str);
        inputs.filter(|input| !input.contains('='))
    }

    /// Those with a value.
    fn written(&self, specs: &Specs) -> Result<Map<String, Value>, Failure> {
        let written = self.inputs.iter().filter_map(|input| input.split_once('='));
        let mut given = Map::new();
        for (name, value) in written {
            if name.is_empty() {
                return Err(Failure::usage(format!(
                    "`={value}` is no input: write NAME=VALUE"
                )));
            }
            let value = match specs.get(name) {
                Some(spec) if spec.secret => return Err(in_the_clear(name)),
                Some(spec) => typed(name, spec, value)?,
                None => Value::from(value),
            };
            given.insert(name.to_owned(), value);
        }
        Ok(given)
    }

    async fn read_files(
        &self,
        specs: &Specs,
        given: &mut Map<String, Value>,
    ) -> Result<(), Failure> {
        for written in &self.files {
            let Some((name, file)) = written.split_once('=') else {
                let message = format!("`{written}` is no input of a file: write NAME=FILE");
                return Err(Failure::usage(message));
            };
            let value = if specs
                .get(name)
                .is_some_and(|spec| spec.kind == InputType::File)
            {
                read_file(Path::new(file))?
            } else {
                check_secret(
                    specs,
                    name,
                    &format!(" and no file: write --input {name}=VALUE"),
                )?;
                let value = secret::read(Some(file.into()), NOT_TYPED.nothing).await?;
                Value::from(value.expose_secret())
            };
            given.insert(name.to_owned(), value);
        }
        Ok(())
    }

    /// The secrets that somebody names without a value, and those that must be given.
    fn wanted<'a>(&'a self, specs: &'a Specs) -> Result<Vec<&'a str>, Failure> {
        let mut wanted: Vec<_> = self.names_alone().collect();
        for name in &wanted {
            check_secret(specs, name, ": write NAME=VALUE")?;
        }
        let must = specs
            .iter()
            .filter(|(_, spec)| spec.secret && spec.required);
        wanted.extend(must.map(|(name, _)| name.as_str()));
        Ok(wanted)
    }
}

/// What inputs a workflow takes. Of one that is not there nothing is known, and the server will say so.
async fn specs(server: &Server, workflow: &str) -> Specs {
    let catalog: Option<CatalogView> = server.get("catalog").await.ok();
    let is_it = |entry: &CatalogEntry| entry.name == workflow;
    let entry = catalog.and_then(|catalog| catalog.workflows.into_iter().find(is_it));
    entry.map(|entry| entry.inputs).unwrap_or_default()
}

fn check_secret(specs: &Specs, name: &str, otherwise: &str) -> Result<(), Failure> {
    let what = match specs.get(name) {
        Some(spec) if spec.secret => return Ok(()),
        Some(_) => "secret",
        None => "input",
    };
    Err(Failure::usage(format!("`{name}` is no {what}{otherwise}")))
}

/// What somebody has typed as the value of an input: itself, or what lies in the file that it names.
///
/// # Errors
/// It names no file where one is wanted, or one that cannot be an input.
pub(super) fn typed(name: &str, spec: &InputSpec, value: &str) -> Result<Value, Failure> {
    if spec.kind != InputType::File {
        return Ok(Value::from(value));
    }
    match value.strip_prefix('@') {
        Some(path) => read_file(Path::new(path)),
        None => Err(Failure::usage(format!(
            "`{name}` is a file: write {name}=@PATH; nothing was started"
        ))),
    }
}

/// A file as the value of an input. No more of it is read than shows that it is too long.
fn read_file(path: &Path) -> Result<Value, Failure> {
    let shown = path.display();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LONGEST as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            Failure::usage(format!(
                "the file {shown} cannot be read: {error}; nothing was started"
            ))
        })?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let file = InputFile::read(&name, bytes);
    let file = file.map_err(|why| Failure::usage(format!("{why}; nothing was started")))?;
    Ok(file.to_json())
}

/// Asks for a secret on the terminal.
pub(super) async fn ask(name: &str) -> Result<SecretString, Failure> {
    hidden::line(&prompt(name), NOT_TYPED).await
}

pub(super) fn prompt(name: &str) -> String {
    format!("{name} (it is not shown): ")
}

fn in_the_clear(name: &str) -> Failure {
    Failure::usage(format!(
        "`{name}` is a secret, and its value would stand in the shell's history and be seen by every \
         user of this machine: leave the value out to be asked for it, or give --input-file {name}=FILE. \
         Nothing was started; if what you typed is in use, change it"
    ))
}

fn missing(name: &str) -> Failure {
    Failure::usage(format!(
        "the secret `{name}` is missing, and there is no terminal to ask for it: give --input-file \
         {name}=FILE, or --input {name} with the value on stdin; nothing was started"
    ))
}
