//! `purser schema`: what editors need to help with Purser's files.

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::Failure;

/// Print the JSON Schema of a kind of file.
#[derive(Debug, Args)]
pub struct Schema {
    /// Of which.
    file: Kind,
}

/// The kinds of files that people write.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// workflows/NAME.yaml
    Workflow,
    /// commands/NAME.yaml
    Command,
    /// purser.toml
    Config,
}

/// The schemas (JSON Schema, draft 2020-12) of all kinds.
pub struct Schemas {
    /// Of workflows.
    pub workflow: Value,
    /// Of commands.
    pub command: Value,
    /// Of the configuration.
    pub config: Value,
}

impl Schema {
    /// Prints the one that was asked for.
    ///
    /// # Errors
    /// It cannot be written as text.
    pub fn print(&self, schemas: &Schemas) -> Result<(), Failure> {
        let schema = match self.file {
            Kind::Workflow => &schemas.workflow,
            Kind::Command => &schemas.command,
            Kind::Config => &schemas.config,
        };
        let text = serde_json::to_string_pretty(schema);
        println!("{}", text.map_err(|e| Failure::failed(e.to_string()))?);
        Ok(())
    }
}
