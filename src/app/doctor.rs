//! `purser doctor`: hands the doctor what there is to look at.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::machine::{MachineClock, MachineEntropy};
use super::secrets::peek;
use super::world::{World, load_config};
use crate::cli::{self, Failure};
use crate::doctor::{Patient, examine};
use crate::domain::redact::Redactor;
use crate::engine::Entropy as _;

/// Looks at everything and says what is wrong.
///
/// # Errors
/// Something is wrong, or the configuration cannot be read.
pub async fn doctor(
    config_path: &Path,
    socket: Option<PathBuf>,
    json: bool,
) -> Result<(), Failure> {
    // Folders are looked for upwards from where they will be, which takes whole paths.
    let config_path = std::path::absolute(config_path).unwrap_or_else(|_| config_path.to_owned());
    let redactor = Redactor::new();
    let config = load_config(&config_path)?;
    let secrets = peek(&config.store).await;
    let (world, wrong) = World::load_what_can_be(config, &redactor, &secrets);
    let catalog = world.read_catalog(secrets.names());
    let socket = socket.unwrap_or_else(|| world.config.server.socket.clone());
    let findings = examine(&Patient {
        config: &world.config,
        wrong: &wrong,
        catalog: &catalog,
        registry: &world.registry,
        systems: &world.systems,
        socket: &socket,
        clock: Arc::new(MachineClock),
        token: &hex::encode(&MachineEntropy.bytes()[..8]),
        redactor: &redactor,
    })
    .await;
    cli::show_findings(&findings, json)
}
