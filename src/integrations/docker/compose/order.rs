//! What a project's files want of all its services, in the order in which they need each other.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::project::{Files, Labels, Project, given};
use super::{Projects, blocking};
use crate::action::{ActionError, Result};
use crate::domain::dotenv::template::{Missing, Template};
use crate::domain::{dotenv, nearest};

/// A service as the files have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::integrations::docker) struct Wanted {
    pub(in crate::integrations::docker) service: String,
    /// Absent where it is built, or is like another one.
    pub(in crate::integrations::docker) image: Option<String>,
}

impl Projects {
    /// The configured projects.
    pub(in crate::integrations::docker) fn names(&self) -> impl Iterator<Item = &str> {
        self.folders.keys().map(String::as_str)
    }

    /// The services of a project, each behind those that it needs. `labels` are those of one of its
    /// containers.
    pub(in crate::integrations::docker) async fn wanted(
        &self,
        system: &str,
        project: &str,
        labels: Labels,
    ) -> Result<Vec<Wanted>> {
        let Some(folder) = self.folder(project) else {
            let unknown = nearest::unknown("project", project, self.names().collect::<Vec<_>>());
            return Err(ActionError::fatal(format!(
                "{unknown} (the folders of projects stand in [systems.{system}.projects])"
            )));
        };
        let (name, folder) = (project.to_owned(), folder.to_owned());
        let look = move || {
            let project = Project::open(&name, &folder, Some(&labels))?;
            wanted(&project.read()?)
        };
        let read = blocking(look).await?;
        let failed = |why| format!("what the project `{project}` wants cannot be told: {why}");
        read.map_err(|why| ActionError::fatal(failed(why)))
    }
}

fn wanted(files: &Files) -> std::result::Result<Vec<Wanted>, String> {
    if let Some(file) = files.compose.iter().find(|file| file.includes()) {
        return Err(format!(
            "{} includes other files, which are not read: deploy its services one by one",
            file.name
        ));
    }
    let order = ordered(&needs(files)?)?;
    let image = |service: String| {
        let image = image(files, &service)?;
        Ok(Wanted { service, image })
    };
    order.into_iter().map(image).collect()
}

fn image(files: &Files, service: &str) -> std::result::Result<Option<String>, String> {
    let Some((file, image)) = files.image(service) else {
        return Ok(None);
    };
    let at = format!("line {} of {}", image.line, file.name);
    let template = Template::parse(&image.text).map_err(|why| format!("{at}: {why}"))?;
    let variables = files.variables()?;
    for name in template.names() {
        if let dotenv::Value::Unclear(why) = variables.value(name) {
            return Err(format!(
                "{name}, of which {at} makes an image, {why} in `.env`"
            ));
        }
    }
    let rendered = template.render(&|name| given(&variables, name));
    rendered.map(Some).map_err(|Missing(name)| {
        format!(
            "{name}, of which {at} makes the image of {service}, has no default and is not in \
             `.env`: set it there"
        )
    })
}

/// The services in the order of the files, each with those that it needs.
fn needs(files: &Files) -> std::result::Result<Vec<(String, BTreeSet<String>)>, String> {
    let mut all: Vec<(String, BTreeSet<String>)> = Vec::new();
    for file in &files.compose {
        for (service, value) in file.services() {
            let needed = needed(value);
            match all.iter_mut().find(|(name, _)| name == service) {
                Some((_, known)) => known.extend(needed),
                None => all.push((service.to_owned(), needed)),
            }
        }
    }
    let names: BTreeSet<_> = all.iter().map(|(name, _)| name.clone()).collect();
    for (service, needed) in &all {
        if let Some(unknown) = needed.difference(&names).next() {
            return Err(format!(
                "`{service}` needs `{unknown}`, which is no service of it"
            ));
        }
    }
    Ok(all)
}

/// Whom a service needs, as Compose starts one before the other.
fn needed(service: &Value) -> BTreeSet<String> {
    let mut needed = BTreeSet::new();
    match service.get("depends_on") {
        Some(Value::Array(names)) => {
            needed.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        Some(Value::Object(names)) => needed.extend(names.keys().cloned()),
        _ => {}
    }
    let before_colon = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
    for (key, is_other) in [("links", false), ("volumes_from", true)] {
        let items = service.get(key).and_then(Value::as_array);
        let texts = items.into_iter().flatten().filter_map(Value::as_str);
        let of_services = texts.filter(|text| !(is_other && text.starts_with("container:")));
        needed.extend(of_services.map(before_colon));
    }
    for key in ["network_mode", "ipc", "pid"] {
        let mode = service.get(key).and_then(Value::as_str);
        needed.extend(
            mode.and_then(|mode| mode.strip_prefix("service:"))
                .map(str::to_owned),
        );
    }
    needed
}

/// Each behind those that it needs, and else as they stand; a circle is told by its names.
fn ordered(needs: &[(String, BTreeSet<String>)]) -> std::result::Result<Vec<String>, String> {
    let mut order: Vec<String> = Vec::new();
    while order.len() < needs.len() {
        let is_next = |(name, needed): &&(String, BTreeSet<String>)| {
            !order.contains(name) && needed.iter().all(|one| order.contains(one))
        };
        match needs.iter().find(is_next) {
            Some((name, _)) => order.push(name.clone()),
            None => return Err(circle(needs, &order)),
        }
    }
    Ok(order)
}

fn circle(needs: &[(String, BTreeSet<String>)], over: &[String]) -> String {
    let needs: BTreeMap<_, _> = needs.iter().map(|(name, needed)| (name, needed)).collect();
    let left = |needed: &BTreeSet<String>| needed.iter().find(|one| !over.contains(one)).cloned();
    let mut path: Vec<String> = Vec::new();
    let mut next = needs
        .keys()
        .find(|name| !over.contains(name))
        .map(|name| (*name).clone());
    while let Some(name) = next {
        if let Some(begin) = path.iter().position(|one| *one == name) {
            path.drain(..begin);
            path.push(name);
            break;
        }
        next = needs.get(&name).and_then(|needed| left(needed));
        path.push(name);
    }
    format!(
        "its services need each other in a circle: {}",
        path.join(" → ")
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn told(compose: &str, dotenv: &str) -> String {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("compose.yaml"), compose).unwrap();
        fs::write(place.path().join(".env"), dotenv).unwrap();
        let project = Project::open("shop", place.path(), None).unwrap();
        let told = match project.read().and_then(|files| wanted(&files)) {
            Err(why) => why,
            Ok(all) => {
                let each = all.into_iter().map(|one| {
                    format!(
                        "{} {}",
                        one.service,
                        one.image.unwrap_or_else(|| "-".to_owned())
                    )
                });
                each.collect::<Vec<_>>().join("\n")
            }
        };
        told.replace(&place.path().display().to_string(), "/srv/shop")
    }

    #[test]
    fn each_service_comes_behind_those_that_it_needs() {
        let compose = "
services:
  web: { image: \"web:${TAG}\", depends_on: { api: { condition: service_healthy } } }
  proxy: { image: \"proxy:1\", network_mode: \"service:web\", links: [\"built:b\"] }
  api: { image: \"api:${TAG:-v9}\", depends_on: [db] }
  db: { image: \"db:${DB:-18}\" }
  built: { build: . }
";
        insta::assert_snapshot!(told(compose, "TAG=v2\n"), @"
        db db:18
        api api:v2
        web web:v2
        built -
        proxy proxy:1
        ");
    }

    #[test]
    fn what_has_no_order_or_no_image_is_refused() {
        let circle = "services:
  a: { image: a, depends_on: [b] }
  b: { image: b, depends_on: [c] }
  c: { image: c, depends_on: [b, d] }
  d: { image: d }
";
        let said = [
            told(circle, ""),
            told("services: { a: { image: a, depends_on: [b] } }", ""),
            told("services:\n  a:\n    image: a:${TAG}\n", ""),
            told(
                "services:\n  a:\n    image: a:${TAG:?}\n",
                "TAG=\"x\\$Y\"\n",
            ),
            told("services:\n  a:\n    image: a:${TAG\n", ""),
            told("services:\n  a: [\n", ""),
            told("include: [other.yaml]\n", ""),
        ];
        insta::assert_snapshot!(said.join("\n"), @"
        its services need each other in a circle: b → c → b
        `a` needs `b`, which is no service of it
        TAG, of which line 3 of /srv/shop/compose.yaml makes the image of a, has no default and is not in `.env`: set it there
        TAG, of which line 3 of /srv/shop/compose.yaml makes an image, is made of other variables in `.env`
        line 3 of /srv/shop/compose.yaml: `a:${TAG` is no text with variables that Compose would take
        /srv/shop/compose.yaml, line 2, column 6: unclosed bracket '['
        /srv/shop/compose.yaml includes other files, which are not read: deploy its services one by one
        ");
    }
}
