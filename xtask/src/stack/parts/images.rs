//! The images of the tests: one small static program, dressed as several versions of a service.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::stack::cache;
use crate::stack::parts::docker::{client, docker};
use crate::stack::places::Places;
use crate::{say, sh};

const SOURCE: &str = include_str!("../../../../tests/images/web/web.rs");
const DOCKERFILE: &str = include_str!("../../../../tests/images/web/Dockerfile");
/// The label that says which recipe an image was made by.
const LABEL: &str = "purser-test.recipe";

/// The images: the variable that names it, the image, what is added to the recipe.
const IMAGES: &[(&str, &str, &str)] = &[
    (
        "PURSER_TEST_IMAGE_V1",
        "purser-test/web:v1",
        "ENV VERSION=v1\n",
    ),
    (
        "PURSER_TEST_IMAGE_V2",
        "purser-test/web:v2",
        "ENV VERSION=v2\n",
    ),
    (
        "PURSER_TEST_IMAGE_V3",
        "purser-test/web:v3",
        "ENV VERSION=v3 SICK=1\n",
    ),
    (
        "PURSER_TEST_IMAGE_V4",
        "purser-test/web:v4",
        "ENV VERSION=v4 CRASH=1\n",
    ),
];

/// Names and values of the environment variables that name the images.
pub(crate) fn env() -> impl Iterator<Item = (&'static str, String)> {
    IMAGES
        .iter()
        .map(|(variable, image, _)| (*variable, (*image).to_owned()))
}

/// Makes the images that are missing or were made by another recipe.
pub(crate) fn provide(places: &Places) -> Result<()> {
    let start = Instant::now();
    let compiler = sh::output(Command::new("rustc").arg("-vV"))?;
    let host = compiler
        .lines()
        .find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not say what it runs on")?;
    let key = cache::key(&[SOURCE, DOCKERFILE, &compiler]);
    let program = cache::ensure(places, "image-web", &key, |dir| compile(dir, host))?;
    let mut made = Vec::new();
    for (_, image, dress) in IMAGES {
        let recipe = cache::key(&[&key, dress]);
        if recipe_of(places, image).as_deref() != Some(&recipe) {
            make(places, &program, image, dress, &recipe)?;
            made.push(*image);
        }
    }
    if !made.is_empty() {
        say::line(
            "images",
            format!("{} made in {}", made.join(", "), say::took(start)),
        );
    }
    Ok(())
}

/// A static program needs nothing else in its image.
fn compile(dir: &Path, host: &str) -> Result<()> {
    let source = dir.join("web.rs");
    fs::write(&source, SOURCE)?;
    let mut rustc = Command::new("rustc");
    rustc.args([
        "-O",
        "--edition=2024",
        "-C",
        "target-feature=+crt-static",
        "-C",
        "strip=symbols",
    ]);
    rustc
        .args(["--target", host, "-o"])
        .arg(dir.join("web"))
        .arg(source);
    sh::output(&mut rustc).map(drop)
}

fn recipe_of(places: &Places, image: &str) -> Option<String> {
    let format = format!("{{{{index .Config.Labels {LABEL:?}}}}}");
    let label = docker(places, &["image", "inspect", "--format", &format, image]).ok()?;
    Some(label.trim().to_owned())
}

fn make(places: &Places, program: &Path, image: &str, dress: &str, recipe: &str) -> Result<()> {
    let dockerfile = places.dir("docker").join("Dockerfile");
    fs::write(&dockerfile, format!("{DOCKERFILE}{dress}"))?;
    let label = format!("{LABEL}={recipe}");
    let mut build = client(places)?;
    build.args([
        "build",
        "--quiet",
        "--force-rm",
        "--label",
        &label,
        "--tag",
        image,
        "--file",
    ]);
    build.arg(&dockerfile).arg(program);
    sh::output(&mut build).map(drop)
}
