//! The bodies that are let through: of a new container, and of one that joins a network.

use serde_json::Value;

use super::host_config::HOST_CONFIG;
use super::mounts::inner_paths;
use super::rules::{Judge, Refusal, quoted};
use super::shape::{Field, Shape, admit};
use super::{json, shape};

/// Judges the body of `POST /containers/create`: what to forward.
///
/// # Errors
/// The first thing in it that is not harmless.
pub(super) fn container(body: &[u8], judge: &Judge<'_>) -> Result<Vec<u8>, Refusal> {
    judged(body, CONTAINER, judge)
}

/// Judges the body of `POST /networks/{id}/connect`: what to forward.
///
/// # Errors
/// The first thing in it that is not harmless.
pub(super) fn connection(body: &[u8], judge: &Judge<'_>) -> Result<Vec<u8>, Refusal> {
    judged(body, CONNECTION, judge)
}

fn judged(body: &[u8], shape: Shape, judge: &Judge<'_>) -> Result<Vec<u8>, Refusal> {
    let read = json::parse(body);
    let value =
        read.map_err(|why| Refusal::garbled(format!("the body is no plain JSON: {why}")))?;
    if value.is_null() {
        return Err(Refusal::garbled("the body is null"));
    }
    Ok(admit(value, shape, "", judge)?.to_string().into_bytes())
}

/// Of a network: the host's own is as good as no walls at all.
pub(super) fn network(name: &str, place: &str, judge: &Judge<'_>) -> Result<(), Refusal> {
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
    if !is_plain {
        return Err(Refusal::flat(format!(
            "{place} is {}, which is no network's name",
            quoted(name)
        )));
    }
    // The engine takes the beginning of an id for the id.
    let is_host = name.eq_ignore_ascii_case("host")
        || judge
            .facts
            .host_network
            .starts_with(&name.to_ascii_lowercase());
    if is_host && !judge.rules.host_network {
        return Err(Refusal::unless(
            "--allow-host-network",
            format_args!("{place} is the network of the host"),
        ));
    }
    Ok(())
}

const CONTAINER: Shape = Shape::Object(&[
    ("Hostname", Shape::Text),
    ("Domainname", Shape::Text),
    ("User", Shape::Text),
    ("AttachStdin", Shape::Flag),
    ("AttachStdout", Shape::Flag),
    ("AttachStderr", Shape::Flag),
    ("ExposedPorts", Shape::Map(&Shape::Object(&[]))),
    ("Tty", Shape::Flag),
    ("OpenStdin", Shape::Flag),
    ("StdinOnce", Shape::Flag),
    ("Env", Shape::List(&Shape::Text)),
    ("Cmd", Shape::Words),
    ("Entrypoint", Shape::Words),
    ("Shell", Shape::Words),
    ("Healthcheck", HEALTHCHECK),
    ("ArgsEscaped", Shape::Flag),
    ("Image", Shape::Text),
    (
        "Volumes",
        Shape::Checked(&Shape::Map(&Shape::Object(&[])), inner_paths),
    ),
    ("WorkingDir", Shape::Text),
    ("NetworkDisabled", Shape::Flag),
    ("MacAddress", Shape::Text),
    ("OnBuild", Shape::Unset("it means nothing for a container")),
    ("Labels", Shape::Map(&Shape::Text)),
    ("StopSignal", Shape::Text),
    ("StopTimeout", Shape::Whole),
    ("HostConfig", HOST_CONFIG),
    (
        "NetworkingConfig",
        Shape::Object(&[(
            "EndpointsConfig",
            Shape::Checked(&Shape::Map(&ENDPOINT), endpoints),
        )]),
    ),
]);

const HEALTHCHECK: Shape = Shape::Object(&[
    ("Test", Shape::List(&Shape::Text)),
    ("Interval", Shape::Whole),
    ("Timeout", Shape::Whole),
    ("StartPeriod", Shape::Whole),
    ("StartInterval", Shape::Whole),
    ("Retries", Shape::Whole),
]);

const CONNECTION: Shape =
    Shape::Object(&[("Container", Shape::Text), ("EndpointConfig", ENDPOINT)]);

const GIVEN_BY_THE_ENGINE: Shape = Shape::Unset("the engine itself gives it");

const ENDPOINT_FIELDS: &[Field] = &[
    (
        "IPAMConfig",
        Shape::Object(&[
            ("IPv4Address", Shape::Text),
            ("IPv6Address", Shape::Text),
            ("LinkLocalIPs", Shape::List(&Shape::Text)),
        ]),
    ),
    ("Links", Shape::List(&Shape::Text)),
    ("Aliases", Shape::List(&Shape::Text)),
    ("MacAddress", Shape::Text),
    ("GwPriority", Shape::Whole),
    (
        "DriverOpts",
        Shape::Unset("what a driver of networks makes of it is not known"),
    ),
    ("NetworkID", GIVEN_BY_THE_ENGINE),
    ("EndpointID", GIVEN_BY_THE_ENGINE),
    ("Gateway", GIVEN_BY_THE_ENGINE),
    ("IPAddress", GIVEN_BY_THE_ENGINE),
    ("IPPrefixLen", GIVEN_BY_THE_ENGINE),
    ("IPv6Gateway", GIVEN_BY_THE_ENGINE),
    ("GlobalIPv6Address", GIVEN_BY_THE_ENGINE),
    ("GlobalIPv6PrefixLen", GIVEN_BY_THE_ENGINE),
    ("DNSNames", GIVEN_BY_THE_ENGINE),
];

const ENDPOINT: Shape = Shape::Object(ENDPOINT_FIELDS);

fn endpoints(value: Value, place: &str, judge: &Judge<'_>) -> Result<Value, Refusal> {
    let names = value
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::keys);
    for name in names {
        network(name, place, judge)?;
    }
    Ok(value)
}

/// `NetworkMode`: no namespace of anybody else's.
pub(super) fn network_mode(value: Value, place: &str, judge: &Judge<'_>) -> Result<Value, Refusal> {
    match shape::text(&value) {
        "" | "default" | "bridge" | "none" => Ok(value),
        other => network(other, place, judge).map(|()| value),
    }
}
