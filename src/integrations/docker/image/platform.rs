//! Which images an engine can run.

use std::fmt;

use bollard::models::OciPlatform;

use super::super::engine::Docker;
use crate::action::Result;

/// A system and its kind of processor, in Go's words: `linux/amd64`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Platform {
    os: String,
    architecture: String,
}

impl Platform {
    /// From what an image or an engine says; `None` when it does not say.
    pub(super) fn of(os: Option<&str>, architecture: Option<&str>) -> Option<Self> {
        let said = |text: Option<&str>| {
            let text = text.unwrap_or_default();
            (!matches!(text, "" | "unknown")).then(|| text.to_owned())
        };
        Some(Self {
            os: said(os)?,
            architecture: said(architecture)?,
        })
    }

    /// The engine's own.
    pub(super) async fn of_engine(docker: &Docker) -> Result<Option<Self>> {
        let version = docker.client().await?.version().await;
        let version = version.map_err(|error| docker.failed("its version was asked", error))?;
        Ok(Self::of(version.os.as_deref(), version.arch.as_deref()))
    }

    /// Those that a registry has of an image. Beside the images stand attestations, which have none.
    pub(super) fn of_registry(platforms: &[OciPlatform]) -> Vec<Self> {
        let one = |one: &OciPlatform| Self::of(one.os.as_deref(), one.architecture.as_deref());
        platforms.iter().filter_map(one).collect()
    }

    /// Whether programs for that platform run here. Processors of 64 bits run programs for their
    /// forerunners of 32. Whether an emulator does the rest, no engine says.
    pub(super) fn runs(&self, image: &Self) -> bool {
        let forerunner = match self.architecture.as_str() {
            "amd64" => "386",
            "arm64" => "arm",
            _ => "",
        };
        let architecture = image.architecture.as_str();
        self.os == image.os && (architecture == self.architecture || architecture == forerunner)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        let (os, architecture) = text.split_once('/').unwrap();
        Platform::of(Some(os), Some(architecture)).unwrap()
    }

    #[test]
    fn an_engine_runs_its_own_platform_and_that_of_its_forerunner() {
        for (engine, image, runs) in [
            ("linux/amd64", "linux/amd64", true),
            ("linux/amd64", "linux/386", true),
            ("linux/arm64", "linux/arm", true),
            ("linux/amd64", "linux/arm64", false),
            ("linux/arm", "linux/arm64", false),
            ("linux/amd64", "windows/amd64", false),
            ("linux/riscv64", "linux/riscv64", true),
        ] {
            let engine = platform(engine);
            assert_eq!(engine.runs(&platform(image)), runs, "{engine} {image}");
        }
    }

    #[test]
    fn what_is_not_said_is_not_known() {
        assert_eq!(Platform::of(Some("linux"), None), None);
        assert_eq!(Platform::of(Some(""), Some("amd64")), None);
        assert_eq!(Platform::of(Some("unknown"), Some("unknown")), None);
    }
}
