//! `MinIO`, an object store that speaks S3; built from source once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::stack::need::{Need, Source};
use crate::stack::part::{Launch, Part};
use crate::stack::places::Places;
use crate::stack::{cache, http, ports, secret};
use crate::{say, sh};

const NAME: &str = "minio";
const PORT: u16 = ports::of(NAME);
const VERSION: &str = "v0.0.0-20260212201848-7aac2a2c5b7c";
const MODULE: &str = "github.com/minio/minio";
/// Smaller and the same on every machine: without symbols, paths and revision.
const FLAGS: &[&str] = &["-trimpath", "-buildvcs=false", "-ldflags=-s -w"];
const ACCESS_KEY: &str = "purser-test";

/// One server with one disk.
pub(crate) struct Minio;

impl Part for Minio {
    fn name(&self) -> &'static str {
        NAME
    }

    fn needs(&self, places: &Places) -> Vec<Need> {
        let go = Need {
            program: "go",
            source: Source::People("version 1.24 or newer of Go"),
        };
        if program(places).exists() {
            Vec::new()
        } else {
            vec![go]
        }
    }

    fn prepare(&self, places: &Places) -> Result<()> {
        cache::ensure(places, NAME, &key(), build).map(drop)
    }

    fn launch(&self, places: &Places) -> Result<Launch> {
        let data = places.dir(NAME).join("data");
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        fs::create_dir(&data)?;
        let address = format!("127.0.0.1:{PORT}");
        let mut command = Command::new(program(places));
        command
            .arg("server")
            .arg(data)
            .args(["--address", &address, "--quiet"]);
        command.env("MINIO_ROOT_USER", ACCESS_KEY);
        command.env("MINIO_ROOT_PASSWORD", secret::of(places, NAME)?);
        command.envs([("MINIO_UPDATE", "off"), ("MINIO_BROWSER", "off")]);
        Ok(Launch {
            command,
            version: VERSION.to_owned(),
            address,
        })
    }

    /// The health of the cluster, not of the process: it serves only when its disk is ready.
    fn is_ready(&self, _places: &Places) -> Result<bool> {
        Ok(http::is_ok(PORT, "/minio/health/cluster"))
    }

    fn env(&self, places: &Places) -> Result<Vec<(&'static str, String)>> {
        Ok(vec![
            (
                "PURSER_TEST_S3_ENDPOINT",
                format!("http://127.0.0.1:{PORT}"),
            ),
            ("PURSER_TEST_S3_REGION", "us-east-1".to_owned()),
            ("PURSER_TEST_S3_ACCESS_KEY", ACCESS_KEY.to_owned()),
            ("PURSER_TEST_S3_SECRET_KEY", secret::of(places, NAME)?),
        ])
    }
}

fn key() -> String {
    cache::key(&[&[MODULE, VERSION], FLAGS].concat())
}

fn program(places: &Places) -> PathBuf {
    cache::path(places, NAME, &key()).join("minio")
}

/// Modules and objects (more than two gigabytes) go with the build: only the program is kept.
fn build(dir: &Path) -> Result<()> {
    say::line(
        NAME,
        format!("building {VERSION}: minutes of all cores, once"),
    );
    let rubbish = dir.join("go");
    let mut go = Command::new("go");
    go.arg("install")
        .args(FLAGS)
        .arg(format!("{MODULE}@{VERSION}"))
        .current_dir(dir);
    go.env("GOBIN", dir)
        .env("GOPATH", rubbish.join("path"))
        .env("GOCACHE", rubbish.join("cache"));
    // Modules are read-only otherwise, and could not be deleted.
    go.envs([("GOFLAGS", "-modcacherw"), ("CGO_ENABLED", "0")]);
    sh::output(&mut go)?;
    Ok(fs::remove_dir_all(&rubbish)?)
}
