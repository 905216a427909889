//! A Compose project as the engine sees one, and a client that never stops asking.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::stage::{
    Cleanup, Events, PATIENCE, Step, docker, eventually, inspect, names, try_docker, unique,
};

/// A project of its own, with a network of its own; both go when the test ends.
pub(crate) struct Shop {
    pub(crate) project: String,
    _containers: Cleanup,
    _network: Network,
}

struct Network(String);

impl Drop for Network {
    fn drop(&mut self) {
        // Its containers may still be leaving: the engine lists them no more, and holds on to it.
        let begun = Instant::now();
        while !try_docker(&["network", "rm", &self.0]).status.success() {
            let users = names(&format!("network={}", self.0));
            if begun.elapsed() > PATIENCE {
                assert_eq!(users, [""; 0], "{} is in use", self.0);
                // The engine counts an endpoint of a container that has gone: only its restart helps.
                eprintln!("the engine keeps {}, which nothing uses", self.0);
                return;
            }
            for name in users {
                try_docker(&["rm", "--force", &name]);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Shop {
    pub(crate) fn new() -> Self {
        let project = unique("shop");
        let network = format!("{project}_net");
        docker(&["network", "create", &network]);
        Self {
            _containers: Cleanup(format!("label=com.docker.compose.project={project}")),
            _network: Network(network),
            project,
        }
    }

    /// The full name of its service `web`.
    pub(crate) fn web(&self) -> String {
        format!("{}/web", self.project)
    }

    /// The name that Compose would give the container of this number.
    pub(crate) fn name(&self, number: u32) -> String {
        format!("{}-web-{number}", self.project)
    }

    pub(crate) fn network(&self) -> String {
        format!("{}_net", self.project)
    }

    /// Starts a container of `web` as Compose would, and waits until its check has passed.
    /// Returns its id.
    pub(crate) async fn start(&self, number: u32, image: &str, options: &[&str]) -> String {
        let name = self.name(number);
        let labels = [
            format!("com.docker.compose.project={}", self.project),
            "com.docker.compose.service=web".to_owned(),
            format!("com.docker.compose.container-number={number}"),
            format!("com.docker.compose.image={}", inspect(image, "{{.Id}}")),
        ];
        let mut arguments = vec!["run", "--detach", "--name", &name];
        for label in &labels {
            arguments.extend(["--label", label]);
        }
        let network = self.network();
        arguments.extend(["--network", &network, "--network-alias", "web"]);
        arguments.extend(options);
        arguments.push(image);
        let id = docker(&arguments);
        if !options.contains(&"--no-healthcheck") {
            self.is_healthy(number).await;
        }
        id
    }

    pub(crate) async fn is_healthy(&self, number: u32) {
        let name = self.name(number);
        let health = || inspect(&name, "{{with .State.Health}}{{.Status}}{{end}}");
        eventually("the container is healthy", || health() == "healthy").await;
    }

    /// All containers of the project, stopped ones too.
    pub(crate) fn containers(&self) -> Vec<String> {
        names(&format!(
            "label=com.docker.compose.project={}",
            self.project
        ))
    }

    /// What happens from now on to the project's containers.
    pub(crate) fn events(&self) -> Events {
        Events::of(&format!(
            "label=com.docker.compose.project={}",
            self.project
        ))
    }

    /// Nothing has happened to the project's containers since `events` was taken: an update that
    /// the story makes itself is the next event.
    pub(crate) fn expect_silence(&self, events: &mut Events) {
        docker(&["update", "--restart", "no", &self.name(1)]);
        assert_eq!(events.until("update"), Vec::<String>::new());
    }

    /// `image running healthy` of a container.
    pub(crate) fn state(&self, number: u32) -> String {
        let format = "{{.Config.Image}} {{.State.Status}} \
                      {{with .State.Health}}{{.Status}}{{else}}unchecked{{end}}";
        inspect(&self.name(number), format)
    }

    pub(crate) fn id(&self, number: u32) -> String {
        inspect(&self.name(number), "{{.Id}}")
    }

    /// A deploy of `web` with these further inputs.
    pub(crate) fn deploy(&self, inputs: &Value) -> Step {
        let mut all = json!({ "service": self.web() });
        for (name, value) in inputs.as_object().unwrap() {
            all[name] = value.clone();
        }
        Step::of("docker.deploy_service", all)
    }

    /// By which names a container is found in the network beside its id's, and at which address.
    pub(crate) fn found(&self, container: &str) -> (Vec<String>, String) {
        let format = format!(
            "{{{{json (index .NetworkSettings.Networks \"{}\")}}}}",
            self.network()
        );
        let endpoint: Value = serde_json::from_str(&inspect(container, &format)).unwrap();
        let id = inspect(container, "{{.Id}}");
        let aliases = endpoint["Aliases"].as_array().cloned().unwrap_or_default();
        let aliases = aliases.iter().filter_map(Value::as_str);
        let aliases = aliases
            .filter(|alias| !id.starts_with(alias))
            .map(str::to_owned);
        (
            aliases.collect(),
            endpoint["IPAddress"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    }

    /// Begins to ask every address of the network, over and over.
    pub(crate) fn client(&self) -> Client {
        let format = "{{(index .IPAM.Config 0).Subnet}}";
        let subnet = docker(&["network", "inspect", "--format", format, &self.network()]);
        let base = subnet
            .split_once(".0/")
            .expect("a subnet of whole bytes")
            .0
            .to_owned();
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let asking = std::thread::spawn(move || {
            let (mut answers, mut silences) = (Vec::new(), 0);
            while !told.load(Ordering::Relaxed) {
                // The network's first addresses: the old container, the new one, and one more.
                let answer = (2..=4).find_map(|host| ask(&format!("{base}.{host}:8080")));
                match answer {
                    Some(answer) => answers.push(answer),
                    None => silences += 1,
                }
            }
            answers.dedup();
            (answers, silences)
        });
        Client { stop, asking }
    }
}

/// Asks in the background.
pub(crate) struct Client {
    stop: Arc<AtomicBool>,
    asking: JoinHandle<(Vec<String>, usize)>,
}

impl Client {
    /// Who answered, in order, and how often nobody did.
    pub(crate) fn stop(self) -> (Vec<String>, usize) {
        self.stop.store(true, Ordering::Relaxed);
        self.asking.join().unwrap()
    }
}

/// What `GET /` says.
pub(crate) fn ask(address: &str) -> Option<String> {
    let address: SocketAddr = address.parse().ok()?;
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
        .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer
        .starts_with("HTTP/1.1 200")
        .then(|| answer.lines().last().unwrap_or("").to_owned())
}
