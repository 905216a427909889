//! Where a service's version stands, so that the next `docker compose up` brings what was deployed.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use serde::{Deserialize, Serialize};

use super::project::{DOTENV, Files, Labels, Project, given};
use super::{Projects, blocking};
use crate::action::{ActionError, HostFolder, Result};
use crate::domain::dotenv::template::{Missing, Template};
use crate::domain::dotenv::{Before, Dotenv, Restored, Value};

/// What was read, or why it could not be, in words.
type Read<T> = std::result::Result<T, String>;

/// What came of a change.
type Changed<T> = std::result::Result<T, Trouble>;

/// Why a file was not changed.
enum Trouble {
    /// It surely was not.
    Before(String),
    /// It may have been.
    Within(String),
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Self::Before(why)
    }
}

/// What becomes of the image that the project's files name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::integrations::docker) enum Pin {
    /// They name what is deployed.
    Named,
    /// They do, once a variable is set.
    Set(Box<Set>),
    /// They name another image, and go on to, for this reason.
    Stays(String),
    /// What they name cannot be seen; what to do about it.
    Unseen(String),
}

/// A variable of a project's `.env` that is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::integrations::docker) struct Set {
    project: String,
    /// How people call the `.env`.
    pub(in crate::integrations::docker) file: String,
    pub(in crate::integrations::docker) variable: String,
    /// Its value before, where it had one.
    pub(in crate::integrations::docker) from: Option<String>,
    pub(in crate::integrations::docker) to: String,
    pub(in crate::integrations::docker) before: Before,
    /// The image as the file names it, and which file that is.
    pub(in crate::integrations::docker) image: String,
    pub(in crate::integrations::docker) image_in: String,
    /// Who takes the variable too, in words.
    pub(in crate::integrations::docker) users: BTreeSet<String>,
}

impl Projects {
    /// What it takes for the files of a project to name this image for a service. `labels` are those of
    /// one of its containers.
    pub(in crate::integrations::docker) async fn pin(
        &self,
        (project, service): (&str, &str),
        labels: Labels,
        image: &str,
    ) -> Result<Pin> {
        let Some(folder) = self.folder(project) else {
            return Ok(Pin::Unseen(
                "change the file too, or let Purser pin the version in the project's folder (`projects`)"
                    .to_owned(),
            ));
        };
        let [project, service, image] = [project, service, image].map(str::to_owned);
        let folder = folder.to_owned();
        let look = move || {
            let project = Project::open(&project, &folder, Some(&labels))?;
            let files = project.read()?;
            pin(&project, &files, &service, &image)
        };
        Ok(blocking(look).await?.unwrap_or_else(Pin::Stays))
    }

    /// Sets the variable, once the file says what it said when that was decided.
    pub(in crate::integrations::docker) async fn set(
        &self,
        set: &Set,
        token: String,
    ) -> Result<Before> {
        self.change(set, move |folder, text, set| {
            let variables = dotenv(folder, text)?;
            let now = variables.value(&set.variable);
            if now == Value::Is(set.to.clone()) {
                folder.sweep(DOTENV, &token);
                // A process that died has written it: what there was is what was decided upon.
                return Ok(set.before.clone());
            }
            let expected = set.from.clone().map_or(Value::Unset, Value::Is);
            if now != expected {
                return Err(Trouble::Before(format!(
                    "{} in {} was changed by somebody meanwhile: look at it, and deploy again",
                    set.variable, set.file
                )));
            }
            let why = |why| format!("{} in {} {why}", set.variable, set.file);
            let before = match text {
                None => Before::NoFile,
                Some(_) => variables.before(&set.variable).map_err(why)?,
            };
            let text_with_it = variables.set(&set.variable, &set.to);
            let written = folder.write(DOTENV, text, &text_with_it, &token);
            written.map_err(Trouble::Within)?;
            Ok(before)
        })
        .await
    }

    /// Has the variable be what it was; says so where somebody has given it another value since.
    pub(in crate::integrations::docker) async fn restore(
        &self,
        set: &Set,
        before: Before,
        token: String,
    ) -> Result<Option<String>> {
        self.change(set, move |folder, text, set| {
            folder.sweep(DOTENV, &token);
            let left = || {
                format!(
                    "{} in {} was changed by somebody since it was set to {}, and is left as it is",
                    set.variable, set.file, set.to
                )
            };
            let Ok(now) = dotenv(folder, text) else {
                return Ok(Some(left()));
            };
            let written = match now.restore(&set.variable, &set.to, &before) {
                Restored::Already => Ok(()),
                Restored::Gone => folder.remove(DOTENV),
                Restored::Text(former) => folder.write(DOTENV, text, &former, &token),
                Restored::Changed => return Ok(Some(left())),
            };
            written.map_err(Trouble::Within)?;
            Ok(None)
        })
        .await
    }

    /// Changes a project's `.env`, one after the other.
    async fn change<T: Send + 'static>(
        &self,
        set: &Set,
        change: impl FnOnce(&HostFolder, Option<&str>, &Set) -> Changed<T> + Send + 'static,
    ) -> Result<T> {
        let Some(folder) = self.folder(&set.project) else {
            return Err(ActionError::fatal(format!(
                "the folder of the project `{}` is not in the configuration any more, so {} stays as \
                 it is",
                set.project, set.file
            )));
        };
        let (folder, set, writing) = (folder.to_owned(), set.clone(), self.writing.clone());
        let changed = blocking(move || {
            let _alone = writing.lock().unwrap_or_else(PoisonError::into_inner);
            let folder = HostFolder::open(&folder)?;
            let text = folder.read_if_there(DOTENV)?;
            change(&folder, text.as_deref(), &set)
        });
        changed.await?.map_err(|trouble| match trouble {
            Trouble::Before(why) => ActionError::fatal(why),
            Trouble::Within(why) => ActionError::fatal(why).may_have_landed(),
        })
    }
}

fn dotenv<'a>(folder: &HostFolder, text: Option<&'a str>) -> Read<Dotenv<'a>> {
    let read = Dotenv::parse(text.unwrap_or_default());
    read.map_err(|why| format!("{}, {why}", folder.shown(DOTENV)))
}

/// What it takes for these files to name the image for the service.
fn pin(project: &Project, files: &Files, service: &str, wanted: &str) -> Read<Pin> {
    let Some((file, image)) = files.image(service) else {
        return Err(unnamed(files, service));
    };
    let at = format!("line {} of {}", image.line, file.name);
    let template = Template::parse(&image.text).map_err(|why| format!("{at}: {why}"))?;
    let variables = files.variables()?;
    let value = |name: &str| given(&variables, name);
    if template
        .render(&value)
        .is_ok_and(|named| same(&named, wanted))
    {
        return Ok(Pin::Named);
    }
    if template.names().is_empty() {
        return Err(format!(
            "{at} says `{}`, without a variable: write `{wanted}` there, or `{}`, and Purser sets that",
            image.text,
            with_variable(wanted, service),
        ));
    }
    let mut solved = template.solve(wanted, &value);
    let (variable, to) = match (solved.pop(), solved.is_empty()) {
        (Some(one), true) => one,
        (Some(_), false) => {
            return Err(format!(
                "more than one variable of `{}` ({at}) could have it name {wanted}",
                image.text
            ));
        }
        (None, _) => return Err(unsolved(&template, &variables, &image.text, wanted, &at)),
    };
    let dotenv = project.dotenv();
    let before = match &files.dotenv {
        None => Before::NoFile,
        Some(_) => variables
            .before(&variable)
            .map_err(|why| format!("{variable} in {dotenv} {why}"))?,
    };
    if let Some(why) = project.cannot_write() {
        return Err(why);
    }
    let mut users = BTreeSet::new();
    let with_it = variables.made_with(&variable);
    for file in &files.compose {
        users.extend(file.users(&with_it, service));
        if file.includes() {
            users.insert(format!("perhaps the files that {} includes", file.name));
        }
    }
    Ok(Pin::Set(Box::new(Set {
        project: project.name.clone(),
        file: dotenv,
        from: value(&variable),
        variable,
        to,
        before,
        image: image.text.clone(),
        image_in: file.name.clone(),
        users,
    })))
}

/// Why the files name no image for a service.
fn unnamed(files: &Files, service: &str) -> String {
    let names: Vec<_> = files
        .compose
        .iter()
        .map(|file| file.name.as_str())
        .collect();
    let names = names.join(" and ");
    if !files.knows(service) {
        return format!("{names} knows no service `{service}`");
    }
    format!(
        "{names} names no image for `{service}`, which is built there or extends another service"
    )
}

/// Why no variable makes the image.
fn unsolved(
    template: &Template,
    variables: &Dotenv<'_>,
    text: &str,
    wanted: &str,
    at: &str,
) -> String {
    let value = |name: &str| given(variables, name);
    for name in template.names() {
        if let Value::Unclear(why) = variables.value(name) {
            return format!("{name}, of which `{text}` is made ({at}), {why} in `.env`");
        }
    }
    match template.render(&value) {
        Err(Missing(name)) if template.names().len() > 1 => format!(
            "{name}, of which `{text}` is made ({at}), is not in `.env`; what the environment of \
             whoever calls Compose says cannot be seen"
        ),
        _ => format!("no variable of `{text}` ({at}) can have it name {wanted}"),
    }
}

/// Compose and the engine take a name without a tag for `latest`.
fn same(named: &str, wanted: &str) -> bool {
    named == wanted || format!("{named}:latest") == wanted
}

/// The image with a variable in place of its tag: `shop/web:${WEB_TAG:-v2}`.
fn with_variable(image: &str, service: &str) -> String {
    let upper = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    let name: String = service.chars().map(upper).collect();
    let tag = image.rsplit_once(':').filter(|_| !image.contains('@'));
    match tag {
        Some((repository, tag)) if !tag.contains('/') => {
            format!("{repository}:${{{name}_TAG:-{tag}}}")
        }
        _ => format!("${{{name}_IMAGE:-{image}}}"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const FILE: &str = "\
services:
  web: { image: \"shop/web:${WEB_TAG:-v1}\" }
  worker:
    image: shop/web:${WEB_TAG:-v1}
    command: [work]
  api: { image: \"${REGISTRY:-docker.io}/shop/api:$API_TAG\" }
  whole: { image: \"${WHOLE}\" }
  plain: { image: \"shop/plain:v1\" }
  built: { build: . }
  two: { image: \"shop/${A:-a}${B:-a}\" }
  elsewhere: { image: \"${HOST}/web:$WEB_TAG\" }
";

    /// What becomes of a deploy of this image, with what it writes.
    fn pinned(dotenv: Option<&str>, service: &str, image: &str) -> String {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("compose.yaml"), FILE).unwrap();
        if let Some(text) = dotenv {
            fs::write(place.path().join(DOTENV), text).unwrap();
        }
        let project = Project::open("shop", place.path(), None).unwrap();
        let told = match project
            .read()
            .and_then(|files| pin(&project, &files, service, image))
        {
            Err(why) => why,
            Ok(Pin::Set(set)) => {
                let from = set.from.as_deref().unwrap_or("nothing");
                let mut told = format!("{} in {}: {from} → {}", set.variable, set.file, set.to);
                for user in &set.users {
                    told = format!("{told}; {user}");
                }
                told
            }
            Ok(other) => format!("{other:?}"),
        };
        told.replace(&place.path().display().to_string(), "/srv/shop")
    }

    #[test]
    fn one_variable_is_set_and_who_takes_it_too_is_named() {
        let told = [
            pinned(Some("WEB_TAG=v1\n"), "web", "shop/web:v2"),
            pinned(None, "web", "shop/web:v2"),
            pinned(Some("# none\n"), "web", "shop/web:v1"),
            pinned(
                Some("API_TAG=v1\nREGISTRY=r:5000\n"),
                "api",
                "r:5000/shop/api:v2",
            ),
            pinned(None, "whole", "shop/whole:v2"),
        ];
        insta::assert_snapshot!(told.join("\n"), @"
        WEB_TAG in /srv/shop/.env: v1 → v2; elsewhere; worker
        WEB_TAG in /srv/shop/.env: nothing → v2; elsewhere; worker
        Named
        API_TAG in /srv/shop/.env: v1 → v2
        WHOLE in /srv/shop/.env: nothing → shop/whole:v2
        ");
    }

    #[test]
    fn what_cannot_be_pinned_is_told_with_the_reason() {
        let told = [
            pinned(None, "plain", "shop/plain:v2"),
            pinned(None, "plain", "shop/plain@sha256:00ff"),
            pinned(None, "web", "other/web:v2"),
            pinned(None, "built", "shop/built:v2"),
            pinned(None, "new", "shop/new:v2"),
            pinned(None, "two", "shop/aaa"),
            pinned(None, "elsewhere", "r/web:v2"),
            pinned(Some("WEB_TAG=$X\n"), "web", "shop/web:v2"),
            pinned(Some("WEB_TAG\n"), "web", "shop/web:v2"),
            pinned(Some("\nPASSWORD=\"hunter2\n"), "web", "shop/web:v2"),
        ];
        insta::assert_snapshot!(told.join("\n"), @"
        line 8 of /srv/shop/compose.yaml says `shop/plain:v1`, without a variable: write `shop/plain:v2` there, or `shop/plain:${PLAIN_TAG:-v2}`, and Purser sets that
        line 8 of /srv/shop/compose.yaml says `shop/plain:v1`, without a variable: write `shop/plain@sha256:00ff` there, or `${PLAIN_IMAGE:-shop/plain@sha256:00ff}`, and Purser sets that
        no variable of `shop/web:${WEB_TAG:-v1}` (line 2 of /srv/shop/compose.yaml) can have it name other/web:v2
        /srv/shop/compose.yaml names no image for `built`, which is built there or extends another service
        /srv/shop/compose.yaml knows no service `new`
        more than one variable of `shop/${A:-a}${B:-a}` (line 10 of /srv/shop/compose.yaml) could have it name shop/aaa
        HOST, of which `${HOST}/web:$WEB_TAG` is made (line 11 of /srv/shop/compose.yaml), is not in `.env`; what the environment of whoever calls Compose says cannot be seen
        WEB_TAG in /srv/shop/.env is made of other variables
        WEB_TAG in /srv/shop/.env stands there without a value
        /srv/shop/.env, line 2: its quotes are not closed
        ");
    }
}
