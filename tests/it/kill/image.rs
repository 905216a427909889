//! An image that the engine has to fetch.

use std::process::Command;

use crate::docker::stage::{docker, host, unique};
use crate::support::stack::variable;

/// Only the registry has it, until somebody fetches it. It leaves the engine when the story ends;
/// make it before whatever runs it.
pub(super) struct Pushed {
    /// Its name, which no other test uses.
    pub(super) reference: String,
}

impl Pushed {
    /// One that is like this image of the engine's.
    pub(super) fn like(image: &str) -> Self {
        let registry = variable("PURSER_TEST_REGISTRY");
        let reference = format!("{registry}/{}/web:live", unique("kill"));
        docker(&["tag", image, &reference]);
        docker(&["push", "--quiet", &reference]);
        docker(&["rmi", &reference]);
        Self { reference }
    }
}

impl Drop for Pushed {
    fn drop(&mut self) {
        let _ = Command::new("docker")
            .args(["--host", &host(), "rmi", &self.reference])
            .output();
    }
}
