//! `docker.list_events`: what has happened to services, as far as the engine remembers.

use std::collections::{BTreeMap, HashMap};
use std::pin::pin;
use std::time::Duration;

use bollard::models::EventMessage;
use bollard::query_parameters::{EventsOptions, EventsOptionsBuilder};
use futures_util::StreamExt as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::container::LABEL_RUN;
use super::engine::Docker;
use super::service::{self, Service};
use super::watch::seconds;
use crate::action::{Action, ActionSpec, Context, ReadContext, Result, Risk};
use crate::domain::names::RunId;
use crate::domain::plan::Plan;
use crate::domain::table::{Column, table};
use crate::domain::time::{Span, Timestamp};

/// An engine whose clock is behind answers only when it has come to `until`.
const PATIENCE: Duration = Duration::from_secs(10);

/// More than any engine remembers.
const MOST: usize = 1000;

/// What is asked for. Commands that run in a container, as every health check does, are not.
const ASKED: [&str; 11] = [
    "create",
    "start",
    "restart",
    "die",
    "stop",
    "oom",
    "pause",
    "unpause",
    "rename",
    "destroy",
    "health_status",
];

/// What is true of every answer.
const NOTE: &str = "the engine remembers its last 256 events, what each health check makes among them, and \
                    none from before its own start: earlier ones may be missing";

/// Lists events.
pub(super) struct ListEvents;

/// Since when, and of what.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Not older than this: `1h`.
    #[serde(default = "an_hour")]
    since: Span,
    /// Only this service: `project/service`, or `service` when that is clear, or a container's name.
    #[serde(default)]
    service: Option<String>,
}

fn an_hour() -> Span {
    Span::new(Duration::from_hours(1))
}

/// What has happened.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// By name; jobs after services.
    services: Vec<Group>,
    /// The time that was asked about begins here (RFC 3339).
    since: String,
    /// What may be missing.
    note: String,
    /// All of it for people.
    text: String,
}

/// What has happened to one service or job.
#[derive(Serialize, JsonSchema)]
struct Group {
    /// `project/service`, or the container's name.
    name: String,
    /// It was started to end by itself: by Purser, or by Compose.
    job: bool,
    /// The run of Purser that has made the job.
    run: Option<String>,
    /// In the order in which it happened.
    events: Vec<Event>,
}

/// One event, or several alike without another between them.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct Event {
    /// When, or when first (RFC 3339).
    at: String,
    container: String,
    what: String,
    /// How often.
    times: usize,
}

impl Action for ListEvents {
    type System = Docker;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "docker.list_events",
        summary: "List what has happened to services, as far as the engine remembers",
        risk: Risk::Read,
        service: None,
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, docker: &Docker, input: Input) -> Result<Plan> {
        Ok(Plan::new(format!(
            "list what has happened on {} in the last {}",
            docker.name(),
            input.since
        )))
    }

    async fn run(&self, ctx: &Context, docker: &Docker, input: Input) -> Result<Output> {
        let now = ctx.read.clock.now();
        let since = now.minus(input.since.duration());
        let mut services = grouped(read(docker, since, now).await?);
        if let Some(wanted) = &input.service {
            let name = full_name(docker, wanted, &services).await?;
            services.retain(|group| group.name == name);
        }
        Ok(Output {
            text: text(&services, since),
            services,
            since: since.to_string(),
            note: NOTE.to_owned(),
        })
    }
}

async fn read(docker: &Docker, since: Timestamp, until: Timestamp) -> Result<Vec<EventMessage>> {
    let client = docker.client().await?;
    let mut events = pin!(client.events(Some(asked(since, until))).take(MOST));
    let mut found = Vec::new();
    let all = async {
        while let Some(event) = events.next().await {
            found.push(event.map_err(|error| docker.failed("its events were read", error))?);
        }
        Ok(())
    };
    // When the time is over it has told what it remembers: that comes at once.
    if let Ok(read) = tokio::time::timeout(PATIENCE, all).await {
        read?;
    }
    Ok(found)
}

fn asked(since: Timestamp, until: Timestamp) -> EventsOptions {
    EventsOptionsBuilder::new()
        .since(&seconds(since))
        .until(&seconds(until))
        .filters(&HashMap::from([
            ("type", vec!["container"]),
            ("event", ASKED.to_vec()),
        ]))
        .build()
}

/// One that is gone has no service any more, and may still have events.
async fn full_name(docker: &Docker, wanted: &str, groups: &[Group]) -> Result<String> {
    if groups.iter().any(|group| group.name == wanted) {
        return Ok(wanted.to_owned());
    }
    Ok(Service::find(docker, wanted).await?.name)
}

fn grouped(events: Vec<EventMessage>) -> Vec<Group> {
    let mut groups: BTreeMap<(bool, String), Group> = BTreeMap::new();
    for event in events {
        let at = event.time_nano.unwrap_or(0) / 1000;
        let about = event.actor.and_then(|actor| actor.attributes);
        let about = about.unwrap_or_default();
        let container = about.get("name").cloned().unwrap_or_default();
        let Some(what) = what(&event.action.unwrap_or_default(), &about) else {
            continue;
        };
        let job = service::is_job(&about);
        let name = if job {
            container.clone()
        } else {
            service::full_name(&about, &container)
        };
        let group = groups.entry((job, name.clone())).or_insert_with(|| Group {
            name,
            job,
            run: about
                .get(LABEL_RUN)
                .filter(|_| service::is_own_job(&about))
                .cloned(),
            events: Vec::new(),
        });
        match group.events.last_mut() {
            Some(last) if last.container == container && last.what == what => last.times += 1,
            _ => group.events.push(Event {
                at: Timestamp::from_micros(at).to_string(),
                container,
                what,
                times: 1,
            }),
        }
    }
    groups.into_values().collect()
}

/// In words; `None` of what says nothing about a service.
fn what(action: &str, about: &HashMap<String, String>) -> Option<String> {
    let (action, more) = action.split_once(':').unwrap_or((action, ""));
    let known = |name: &str| about.get(name).map_or("?", String::as_str);
    Some(match action {
        "create" => "created".to_owned(),
        "start" => "started".to_owned(),
        "restart" => "restarted".to_owned(),
        "die" => format!("ended with exit code {}", known("exitCode")),
        "stop" => "stopped".to_owned(),
        "oom" => "ran out of memory".to_owned(),
        "pause" => "paused".to_owned(),
        "unpause" => "goes on".to_owned(),
        "rename" => format!("renamed, was {}", known("oldName").trim_start_matches('/')),
        "destroy" => "removed".to_owned(),
        "health_status" => more.trim().to_owned(),
        _ => return None,
    })
}

fn text(groups: &[Group], since: Timestamp) -> String {
    if groups.is_empty() {
        return format!("nothing that the engine remembers has happened since {since}\n{NOTE}");
    }
    let columns = ["SERVICE", "AT", "CONTAINER", "WHAT"].map(|heading| Column {
        heading,
        right: false,
    });
    let rows = groups.iter().flat_map(|group| {
        let whose = [whose(group)]
            .into_iter()
            .chain(std::iter::repeat(String::new()));
        group.events.iter().zip(whose).map(|(event, whose)| {
            let times = match event.times {
                1 => String::new(),
                times => format!(" ({times} times)"),
            };
            vec![
                whose,
                event.at.clone(),
                event.container.clone(),
                format!("{}{times}", event.what),
            ]
        })
    });
    let rows: Vec<_> = rows.collect();
    format!("{}\n{NOTE}", table(&columns, &rows))
}

fn whose(group: &Group) -> String {
    let run = group.run.as_ref().and_then(|run| run.parse::<RunId>().ok());
    match (group.job, run) {
        (false, _) => group.name.clone(),
        (true, Some(run)) => format!("job of Purser's run {}", run.short()),
        (true, None) => "job of Compose".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::EventActor;

    use super::*;

    fn event(second: i64, action: &str, about: &[(&str, &str)]) -> EventMessage {
        let about = about
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        EventMessage {
            action: Some(action.to_owned()),
            time_nano: Some(second * 1_000_000_000),
            actor: Some(EventActor {
                id: None,
                attributes: Some(about.collect()),
            }),
            ..EventMessage::default()
        }
    }

    #[test]
    fn events_are_told_by_service_and_jobs_of_purser_as_such() {
        let web = |more: (&'static str, &'static str)| {
            let named = [
                (service::PROJECT, "shop"),
                (service::SERVICE, "web"),
                ("name", "shop-web-1"),
            ];
            [named[0], named[1], named[2], more]
        };
        let run = "0198c0de-0000-7000-8000-000000000001";
        let job = [
            ("name", "purser-migrate-1"),
            (LABEL_RUN, run),
            ("purser.effect", "r/s/0/create_container"),
        ];
        let groups = grouped(vec![
            event(1, "start", &job),
            event(2, "health_status: unhealthy", &web(("", ""))),
            event(3, "health_status: unhealthy", &web(("", ""))),
            event(4, "die", &web(("exitCode", "137"))),
            event(5, "rename", &web(("oldName", "/shop-web-old"))),
            event(6, "die", &[job[0], job[1], job[2], ("exitCode", "0")]),
            event(7, "top", &web(("", ""))),
        ]);
        insta::assert_snapshot!(text(&groups, Timestamp::from_micros(0)), @"
        SERVICE                       AT                    CONTAINER         WHAT
        shop/web                      1970-01-01T00:00:02Z  shop-web-1        unhealthy (2 times)
                                      1970-01-01T00:00:04Z  shop-web-1        ended with exit code 137
                                      1970-01-01T00:00:05Z  shop-web-1        renamed, was shop-web-old
        job of Purser's run 00000001  1970-01-01T00:00:01Z  purser-migrate-1  started
                                      1970-01-01T00:00:06Z  purser-migrate-1  ended with exit code 0
        the engine remembers its last 256 events, what each health check makes among them, and none from before its own start: earlier ones may be missing
        ");
    }

    #[test]
    fn an_hour_in_which_nothing_happened_is_said_to_be_one() {
        insta::assert_snapshot!(text(&[], Timestamp::from_micros(0)), @"
        nothing that the engine remembers has happened since 1970-01-01T00:00:00Z
        the engine remembers its last 256 events, what each health check makes among them, and none from before its own start: earlier ones may be missing
        ");
    }
}
