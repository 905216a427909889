//! Variables that the new containers' environment has, whatever the old ones' had.

use bollard::models::ContainerCreateBody;
use secrecy::{ExposeSecret as _, SecretString};

use super::super::container::Container;
use super::Input;

impl Input {
    /// Whether this container's environment is another one than that of a new one.
    pub(super) fn dresses(&self, container: &Container) -> bool {
        let config = container.facts.config.as_ref();
        let has = config
            .and_then(|config| config.env.as_deref())
            .unwrap_or_default();
        let mut wanted = self.environment.iter().map(line);
        !wanted.all(|line| has.contains(&line))
    }

    /// Puts them into the environment of a new container.
    pub(super) fn dress(&self, body: &mut ContainerCreateBody) {
        if self.environment.is_empty() {
            return;
        }
        let lines = body.env.get_or_insert_default();
        let name = |line: &String| line.split_once('=').map(|(name, _)| name.to_owned());
        lines.retain(|line| name(line).is_none_or(|name| !self.environment.contains_key(&name)));
        lines.extend(self.environment.iter().map(line));
    }
}

fn line((name, value): (&String, &SecretString)) -> String {
    format!("{name}={}", value.expose_secret())
}
