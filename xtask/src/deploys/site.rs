//! What is deployed: an application in many versions, and the service that Traefik leads to.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::visitor::{Kind, Visitor};
use crate::sh;
use crate::stack::parts::docker::docker;
use crate::stack::parts::images::Program;
use crate::stack::parts::traefik;
use crate::stack::places::Places;

const REPOSITORY: &str = "purser-bench/web";
const PATIENCE: Duration = Duration::from_secs(30);
const LEAVING: Duration = Duration::from_secs(5);

/// How the application takes it that it is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum App {
    /// At once, whatever is under way.
    Dies,
    /// It finishes what is under way.
    Finishes,
    /// It fails its health check first, and goes on for five seconds; then it finishes.
    Drains,
}

impl App {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dies => "dies",
            Self::Finishes => "finishes",
            Self::Drains => "drains",
        }
    }

    /// The versions are counted.
    pub(crate) fn version(self, number: usize) -> String {
        format!("{}-{number:02}", self.name())
    }

    pub(crate) fn image(self, number: usize) -> String {
        format!("{REPOSITORY}:{}", self.version(number))
    }

    fn dress(self, number: usize, is_sick: bool) -> String {
        let stops = match self {
            Self::Dies => "die",
            Self::Finishes => "finish",
            Self::Drains => "drain",
        };
        format!(
            "ENV VERSION={} KEEP_ALIVE=1 ON_STOP={stops} SICK={}\nSTOPSIGNAL SIGTERM\n{}",
            self.version(number),
            u8::from(is_sick),
            match self {
                Self::Dies | Self::Finishes => "",
                // Three seconds of checks would leave it two to be noticed in.
                Self::Drains => {
                    "HEALTHCHECK --interval=1s --timeout=2s --retries=1 --start-period=5s CMD [\"/web\", \"check\"]\n"
                }
            }
        )
    }
}

/// What leads people to the containers that Purser puts live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lead {
    /// A switch container.
    Switch,
    /// A file that Traefik reads.
    File,
    /// The containers' own labels: nothing is switched.
    Labels,
}

/// The images of an application's versions, which go with this.
pub(crate) struct Images<'a> {
    places: &'a Places,
    names: Vec<String>,
}

impl<'a> Images<'a> {
    /// Version 0, and one for each of these: whether it is sick.
    pub(crate) fn make(places: &'a Places, app: App, sick: &[bool]) -> Result<Self> {
        let program = Program::ensure(places)?;
        let mut images = Self {
            places,
            names: Vec::new(),
        };
        for (number, is_sick) in [false].iter().chain(sick).enumerate() {
            sh::check_interrupted()?;
            images.names.push(app.image(number));
            program.dress(places, &app.image(number), &app.dress(number, *is_sick))?;
        }
        Ok(images)
    }
}

impl Drop for Images<'_> {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = docker(self.places, &["image", "rm", name]);
        }
    }
}

/// A service in a Compose project of its own, which goes with this.
pub(crate) struct Site<'a> {
    pub(crate) places: &'a Places,
    pub(crate) project: String,
    /// The name that people ask for.
    pub(crate) host: String,
}

impl<'a> Site<'a> {
    /// Nothing of it is there yet.
    pub(crate) fn new(places: &'a Places, of: &str, way: &str) -> Self {
        let site = Self {
            places,
            project: format!("purser-{of}-{way}"),
            host: format!("{way}.{of}.example"),
        };
        site.clear();
        site
    }

    pub(crate) fn service(&self) -> String {
        format!("{}/web", self.project)
    }

    /// What leads Traefik to its containers, and is the same for all of them.
    pub(crate) fn labels(&self) -> [String; 3] {
        let name = &self.project;
        [
            "traefik.enable=true".to_owned(),
            format!("traefik.http.routers.{name}.rule=Host(`{}`)", self.host),
            format!("traefik.http.services.{name}.loadbalancer.server.port=8080"),
        ]
    }

    /// The engine may hold on to the one of the site before.
    pub(crate) fn make_network(&self) -> Result<()> {
        if self.networks().is_empty() {
            self.docker(&["network", "create", &self.network()])?;
        }
        Ok(())
    }

    fn network(&self) -> String {
        format!("{}_net", self.project)
    }

    /// The name that Compose would give the container of this number.
    pub(crate) fn name(&self, number: usize) -> String {
        format!("{}-web-{number}", self.project)
    }

    /// Starts a container that Traefik leads to, as Compose would.
    pub(crate) fn start(&self, number: usize, image: &str) -> Result<()> {
        let labels = self.labels();
        let labels = labels.each_ref().map(|label| ["--label", label]);
        self.start_with(number, image, labels.as_flattened())
    }

    /// Starts a container as Compose would, with these further options.
    pub(crate) fn start_with(&self, number: usize, image: &str, options: &[&str]) -> Result<()> {
        let of_compose = [
            format!("com.docker.compose.project={}", self.project),
            "com.docker.compose.service=web".to_owned(),
            format!("com.docker.compose.container-number={number}"),
        ];
        let (name, network) = (self.name(number), self.network());
        let mut run = vec!["run", "--detach", "--name", &name, "--network", &network];
        for label in &of_compose {
            run.extend(["--label", label]);
        }
        run.extend(options);
        run.push(image);
        self.docker(&run)
    }

    /// Waits until somebody outside is answered by this version.
    pub(crate) fn until_met(&self, version: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            let answer = Visitor::of(&self.host).ask(Kind::Connect);
            if answer.as_deref() == Ok(version) {
                return Ok(());
            }
            sh::check_interrupted()?;
            ensure!(
                begun.elapsed() < PATIENCE,
                "{} does not answer with {version}, but: {answer:?}",
                self.host
            );
            sleep(Duration::from_millis(50));
        }
    }

    /// Docker's own client, whose answer does not matter.
    pub(crate) fn docker(&self, arguments: &[&str]) -> Result<()> {
        docker(self.places, arguments).map(drop)
    }

    fn clear(&self) {
        let of_project = format!("label=com.docker.compose.project={}", self.project);
        let switches = format!("label=purser.switch={}", self.service());
        for filter in [of_project.as_str(), &switches] {
            let list = ["ps", "--all", "--quiet", "--filter", filter];
            for id in docker(self.places, &list).unwrap_or_default().lines() {
                let _ = self.docker(&["rm", "--force", id]);
            }
        }
        let routes = traefik::files(self.places);
        let file = format!("purser@shop@{}@web.yml", self.project);
        let _ = fs::remove_file(routes.join(file));
        // Containers that are listed no more may still be leaving it.
        let begun = Instant::now();
        while begun.elapsed() < LEAVING && !self.networks().is_empty() {
            for id in self.networks() {
                let _ = self.docker(&["network", "rm", &id]);
            }
            sleep(Duration::from_millis(100));
        }
    }

    fn networks(&self) -> Vec<String> {
        let name = format!("name=^{}_", self.project);
        let list = ["network", "ls", "--quiet", "--filter", &name];
        let found = docker(self.places, &list).unwrap_or_default();
        found.lines().map(str::to_owned).collect()
    }
}

impl Drop for Site<'_> {
    fn drop(&mut self) {
        self.clear();
    }
}
