//! What a new container will have otherwise than the old one, besides its image.
//!
//! What was set for a container goes over to its successor, so all differences come from the defaults of
//! the two images. Values of variables are not shown, whoever set them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;

use bollard::models::{ContainerConfig, ContainerCreateBody, HealthConfig, ImageConfig};

use super::super::container::Container;
use super::super::copy::own_settings;
use super::super::create;
use super::super::engine::{Docker, or_missing};
use super::super::image::Named;
use super::decide::Decision;
use super::{INSTEAD, Input};
use crate::action::Result;
use crate::domain::plan::Plan;

/// So many labels are shown.
const LABELS: usize = 10;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) what: String,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
}

impl Decision {
    /// Those of the first container that is replaced; `None` where the image has to be fetched first.
    pub(super) async fn differences(
        &self,
        docker: &Docker,
        input: &Input,
    ) -> Result<Option<Vec<Difference>>> {
        let (Some(first), Named::Local(id)) = (self.replicas.first(), &self.named) else {
            return Ok(None);
        };
        let client = docker.client().await?;
        let image = or_missing(client.inspect_image(id).await)
            .map_err(|error| docker.failed("the new image was looked at", error))?;
        let old = Container::find(docker, &first.id).await?;
        let (Some(image), Some(old)) = (image, old) else {
            return Ok(None);
        };
        let defaults = create::defaults(docker, &old, INSTEAD).await?;
        let config = old.facts.config.unwrap_or_default();
        let mut body = own_settings(config.clone(), &defaults, &old.id);
        if let Some(probe) = &input.probe {
            probe.dress(&mut body);
        }
        let image = image.config.unwrap_or_default();
        Ok(Some(differences(&config, &body, &image)))
    }

    /// The same on the plan.
    pub(super) async fn with_differences(
        &self,
        docker: &Docker,
        input: &Input,
        plan: Plan,
    ) -> Result<Plan> {
        if self.replicas.is_empty() {
            return Ok(plan);
        }
        let Some(all) = self.differences(docker, input).await? else {
            return Ok(plan.note(
                "what the new image sets by itself (environment, command, HEALTHCHECK) is known once it is \
                 fetched",
            ));
        };
        let add = |plan: Plan, one: Difference| plan.changes(one.what, one.from, one.to);
        Ok(all.into_iter().fold(plan, add))
    }
}

/// Between a container with this configuration, and one that is made with this body from an image with
/// these defaults.
pub(super) fn differences(
    old: &ContainerConfig,
    body: &ContainerCreateBody,
    image: &ImageConfig,
) -> Vec<Difference> {
    let mut found = Differences::default();
    found.text(
        "command",
        Some(command(old.entrypoint.as_ref(), old.cmd.as_ref())),
        Some(match &body.entrypoint {
            Some(own) => command(Some(own), body.cmd.as_ref()),
            None => command(
                image.entrypoint.as_ref(),
                body.cmd.as_ref().or(image.cmd.as_ref()),
            ),
        }),
    );
    let own = [
        ("user", &old.user, &body.user, &image.user),
        (
            "working directory",
            &old.working_dir,
            &body.working_dir,
            &image.working_dir,
        ),
        (
            "stop signal",
            &old.stop_signal,
            &body.stop_signal,
            &image.stop_signal,
        ),
    ];
    for (what, now, own, default) in own {
        found.text(what, now.clone(), own.clone().or_else(|| default.clone()));
    }
    let check = body.healthcheck.as_ref().or(image.healthcheck.as_ref());
    found.text(
        "HEALTHCHECK",
        old.healthcheck.as_ref().and_then(check_of),
        check.and_then(check_of),
    );
    let ports = names(old.exposed_ports.as_ref());
    let own = names(body.exposed_ports.as_ref());
    let all = &own | &names(image.exposed_ports.as_ref());
    for gone in &ports - &all {
        found.add(format!("port {gone}"), Some("exposed".to_owned()), None);
    }
    for new in &all - &ports {
        found.add(format!("port {new}"), None, Some("exposed".to_owned()));
    }
    // Volumes that the old container has go over.
    for new in &names(image.volumes.as_ref()) - &names(old.volumes.as_ref()) {
        found.add(
            format!("volume at {new}"),
            None,
            Some("a new one".to_owned()),
        );
    }
    found.environment(
        &variables(old.env.as_ref()),
        &variables(image.env.as_ref())
            .into_iter()
            .chain(variables(body.env.as_ref()))
            .collect(),
    );
    found.labels(
        &old.labels.clone().unwrap_or_default(),
        image.labels.clone().unwrap_or_default(),
        body.labels.as_ref(),
    );
    found.0
}

#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn add(&mut self, what: impl Display, from: Option<String>, to: Option<String>) {
        self.0.push(Difference {
            what: what.to_string(),
            from,
            to,
        });
    }

    fn text(&mut self, what: &str, from: Option<String>, to: Option<String>) {
        let said = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (from, to) = (said(from), said(to));
        if from != to {
            self.add(what, from, to);
        }
    }

    fn environment(&mut self, from: &BTreeMap<&str, &str>, to: &BTreeMap<&str, &str>) {
        let all: BTreeSet<_> = from.keys().chain(to.keys()).copied().collect();
        for name in all {
            let (was, is) = (from.get(name), to.get(name));
            if was != is {
                let old = was.map(|_| "the old image's value".to_owned());
                let new = is.map(|_| "the new image's value".to_owned());
                self.add(format!("variable {name}"), old, new);
            }
        }
    }

    fn labels(
        &mut self,
        from: &HashMap<String, String>,
        mut to: HashMap<String, String>,
        own: Option<&HashMap<String, String>>,
    ) {
        to.extend(own.cloned().unwrap_or_default());
        let all: BTreeSet<_> = from.keys().chain(to.keys()).collect();
        let differ = all.into_iter().filter(|name| {
            from.get(*name) != to.get(*name) && !own.is_some_and(|own| own.contains_key(*name))
        });
        let differ: Vec<_> = differ.collect();
        for name in differ.iter().take(LABELS) {
            let what = format!("label {name}");
            self.add(what, from.get(*name).cloned(), to.get(*name).cloned());
        }
        if let Some(more) = differ.len().checked_sub(LABELS).filter(|more| *more > 0) {
            self.add(
                format!("{more} more labels"),
                None,
                Some("the image's".to_owned()),
            );
        }
    }
}

fn command(entrypoint: Option<&Vec<String>>, command: Option<&Vec<String>>) -> String {
    let words = entrypoint
        .into_iter()
        .flatten()
        .chain(command.into_iter().flatten());
    let words: Vec<_> = words.map(String::as_str).collect();
    words.join(" ")
}

fn check_of(check: &HealthConfig) -> Option<String> {
    let test = check.test.as_ref()?;
    let words = match test.first().map(String::as_str) {
        None | Some("NONE") => return None,
        Some("CMD" | "CMD-SHELL") => &test[1..],
        Some(_) => &test[..],
    };
    Some(words.join(" "))
}

fn names(all: Option<&Vec<String>>) -> BTreeSet<String> {
    all.into_iter().flatten().cloned().collect()
}

fn variables(all: Option<&Vec<String>>) -> BTreeMap<&str, &str> {
    let lines = all.into_iter().flatten();
    lines
        .map(|line| line.split_once('=').unwrap_or((line, "")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn labels(labels: &[(&str, &str)]) -> HashMap<String, String> {
        let owned = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    fn image(version: &str) -> ImageConfig {
        ImageConfig {
            env: Some(texts(&["PATH=/bin", &format!("VERSION={version}")])),
            entrypoint: Some(texts(&["/web"])),
            labels: Some(labels(&[("org.opencontainers.image.version", version)])),
            ..ImageConfig::default()
        }
    }

    fn shown(old: &ContainerConfig, before: &ImageConfig, after: &ImageConfig) -> String {
        let body = own_settings(old.clone(), before, "4f2a9c1b7d3e");
        let all = differences(old, &body, after).into_iter();
        let none = || "-".to_owned();
        let lines = all.map(|Difference { what, from, to }| {
            format!(
                "{what}: {} → {}",
                from.unwrap_or_else(none),
                to.unwrap_or_else(none)
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// As the engine makes a container of an image.
    fn container(image: &ImageConfig) -> ContainerConfig {
        ContainerConfig {
            env: image.env.clone(),
            entrypoint: image.entrypoint.clone(),
            cmd: image.cmd.clone(),
            labels: image.labels.clone(),
            ..ContainerConfig::default()
        }
    }

    #[test]
    fn what_the_images_differ_in_is_shown_without_the_values_of_variables() {
        let (v1, v2) = (image("v1"), image("v2"));
        let v2 = ImageConfig {
            env: Some(texts(&["VERSION=v2", "TOKEN=hunter22"])),
            cmd: Some(texts(&["serve", "--fast"])),
            user: Some("web".to_owned()),
            exposed_ports: Some(texts(&["9090/tcp"])),
            healthcheck: Some(HealthConfig {
                test: Some(texts(&["CMD", "/web", "check"])),
                ..HealthConfig::default()
            }),
            ..v2
        };
        insta::assert_snapshot!(shown(&container(&v1), &v1, &v2), @"
        command: /web → /web serve --fast
        user: - → web
        HEALTHCHECK: - → /web check
        port 9090/tcp: - → exposed
        variable PATH: the old image's value → -
        variable TOKEN: - → the new image's value
        variable VERSION: the old image's value → the new image's value
        label org.opencontainers.image.version: v1 → v2
        ");
        assert_eq!(shown(&container(&v1), &v1, &v1), "");
    }

    #[test]
    fn what_was_set_for_the_container_is_no_difference() {
        let (v1, v2) = (image("v1"), image("v2"));
        let mut old = container(&v1);
        old.env = Some(texts(&["PATH=/bin", "VERSION=mine", "COLOUR=blue"]));
        old.cmd = Some(texts(&["serve", "--slow"]));
        old.labels = Some(labels(&[
            ("org.opencontainers.image.version", "mine"),
            ("team", "shop"),
        ]));
        assert_eq!(shown(&old, &v1, &v2), "");
    }

    #[test]
    fn of_many_labels_some_are_counted() {
        let many = |value: &str| ImageConfig {
            labels: Some(
                (0..12)
                    .map(|n| (format!("l{n:02}"), value.to_owned()))
                    .collect(),
            ),
            ..ImageConfig::default()
        };
        let shown = shown(&container(&many("a")), &many("a"), &many("b"));
        assert!(
            shown.starts_with("label l00: a → b\n")
                && shown.ends_with("2 more labels: - → the image's")
        );
    }
}
