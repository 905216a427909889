//! The images of the tests: one small static program, dressed as several versions of a service.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::stack::cache;
use crate::stack::parts::docker::{client, docker};
use crate::stack::places::Places;
use crate::{cargo, say, sh};

/// All that the program is built from.
const SOURCES: &[&str] = &[
    include_str!("../../../../tests/images/web/Cargo.toml"),
    include_str!("../../../../tests/images/web/web.rs"),
    include_str!("../../../../tests/images/web/answer.rs"),
    include_str!("../../../../tests/images/web/ask.rs"),
    include_str!("../../../../tests/images/web/held.rs"),
    include_str!("../../../../tests/images/web/job.rs"),
    include_str!("../../../../tests/images/web/login.rs"),
    include_str!("../../../../tests/images/web/serve.rs"),
    include_str!("../../../../tests/images/web/store.rs"),
    include_str!("../../../../tests/images/web/work.rs"),
];
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
    let program = Program::ensure(places)?;
    let mut made = Vec::new();
    for (_, image, dress) in IMAGES {
        if program.dress(places, image, dress)? {
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

/// The program in the images.
pub(crate) struct Program {
    folder: PathBuf,
    key: String,
}

impl Program {
    /// Builds it, if it is not there.
    pub(crate) fn ensure(places: &Places) -> Result<Self> {
        let compiler = sh::output(Command::new("rustc").arg("-vV"))?;
        let ingredients = [SOURCES, &[DOCKERFILE, &compiler]].concat();
        let key = cache::key(&ingredients);
        let folder = cache::ensure(places, "image-web", &key, compile)?;
        Ok(Self { folder, key })
    }

    /// Makes an image of it with these lines more in the recipe, unless it is there already.
    pub(crate) fn dress(&self, places: &Places, image: &str, dress: &str) -> Result<bool> {
        let recipe = cache::key(&[&self.key, dress]);
        if recipe_of(places, image).as_deref() == Some(&recipe) {
            return Ok(false);
        }
        make(places, &self.folder, image, dress, &recipe)?;
        Ok(true)
    }
}

/// A static program needs nothing else in its image.
fn compile(dir: &Path) -> Result<()> {
    let is_static = ["-C", "target-feature=+crt-static"];
    let built = cargo::rustc_test_web(&["--release"], &is_static)?;
    let program = dir.join("web");
    fs::copy(&built, &program).with_context(|| format!("cannot copy {}", built.display()))?;
    Ok(())
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
