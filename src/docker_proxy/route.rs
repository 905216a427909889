//! Which calls of the Engine API go through: those that Purser's Docker integration makes.

use percent_encoding::percent_decode_str;

use super::rules::{Refusal, quoted};
use crate::domain::idle_image;

/// What a call's body has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// None at all.
    Empty,
    /// A container to create.
    Container,
    /// A container that joins a network.
    Connection,
    /// A container that leaves a network.
    Disconnection,
    /// The image that Purser makes itself.
    IdleImage,
}

/// A call that goes through once its body has been judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    /// Path and query as they are forwarded.
    pub(super) target: String,
    /// What has to be judged.
    pub(super) body: Body,
    /// The network that is joined.
    pub(super) network: Option<String>,
    /// A login for a registry may come with it.
    pub(super) login: bool,
}

/// A parameter of the query.
type Parameter = (&'static str, Values);

#[derive(Clone, Copy)]
enum Values {
    Any,
    /// It has to be there, and not empty.
    Needed,
    /// This and nothing else.
    Only(&'static str),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// One of these; it is left out of what is forwarded, as it means nothing.
    Idle(&'static [&'static str]),
}

use Values::{Any, Idle, Needed, OneOf, Only};

const NOTHING: Values = Idle(&["", "0", "false"]);

/// One call. In a pattern `{}` is one segment, `{image}` one or more.
#[derive(Clone, Copy)]
struct Call {
    method: &'static str,
    pattern: &'static [&'static str],
    query: &'static [Parameter],
    body: Body,
    login: bool,
}

const fn call(
    method: &'static str,
    pattern: &'static [&'static str],
    query: &'static [Parameter],
) -> Call {
    Call {
        method,
        pattern,
        query,
        body: Body::Empty,
        login: false,
    }
}

/// A call for which the engine asks a registry.
const fn asking_a_registry(call: Call) -> Call {
    Call {
        login: true,
        ..call
    }
}

const TAG: &[&str] = &["images", "{image}", "tag"];

const CALLS: &[Call] = &[
    call("GET", &["_ping"], &[]),
    call("HEAD", &["_ping"], &[]),
    call("GET", &["version"], &[]),
    call("GET", &["info"], &[]),
    call(
        "GET",
        &["containers", "json"],
        &[
            ("all", Any),
            ("filters", Any),
            ("limit", Any),
            ("size", Any),
        ],
    ),
    call("GET", &["containers", "{}", "json"], &[("size", Any)]),
    call(
        "GET",
        &["containers", "{}", "logs"],
        &[
            ("follow", Any),
            ("stdout", Any),
            ("stderr", Any),
            ("since", Any),
            ("until", Any),
            ("timestamps", Any),
            ("tail", Any),
        ],
    ),
    call(
        "GET",
        &["containers", "{}", "stats"],
        &[("stream", Any), ("one-shot", Any)],
    ),
    Call {
        method: "POST",
        pattern: &["containers", "create"],
        query: &[("name", Any), ("platform", Any)],
        body: Body::Container,
        login: false,
    },
    call(
        "POST",
        &["containers", "{}", "start"],
        &[("detachKeys", NOTHING)],
    ),
    call(
        "POST",
        &["containers", "{}", "stop"],
        &[("t", Any), ("signal", Any)],
    ),
    call(
        "POST",
        &["containers", "{}", "restart"],
        &[("t", Any), ("signal", Any)],
    ),
    // To read its files again, and not to end.
    call(
        "POST",
        &["containers", "{}", "kill"],
        &[("signal", OneOf(&["SIGHUP", "SIGUSR1", "SIGUSR2"]))],
    ),
    call("POST", &["containers", "{}", "rename"], &[("name", Needed)]),
    call("POST", &["containers", "{}", "wait"], &[("condition", Any)]),
    call(
        "DELETE",
        &["containers", "{}"],
        &[("v", Any), ("force", Any), ("link", NOTHING)],
    ),
    call(
        "GET",
        &["images", "json"],
        &[
            ("all", Any),
            ("filters", Any),
            ("shared-size", Any),
            ("digests", Any),
            ("manifests", Any),
        ],
    ),
    call("GET", &["images", "{image}", "json"], &[("manifests", Any)]),
    // An import, or a build of changes, would be another image than any registry has.
    asking_a_registry(call(
        "POST",
        &["images", "create"],
        &[
            ("fromImage", Needed),
            ("tag", Any),
            ("platform", Any),
            ("fromSrc", NOTHING),
            ("repo", NOTHING),
            ("message", NOTHING),
            ("changes", NOTHING),
            ("inputImage", NOTHING),
        ],
    )),
    // An image that was fetched by its digest gets a tag of its own repository, see `is_own_tag`.
    call("POST", TAG, &[("repo", Needed), ("tag", Needed)]),
    call(
        "DELETE",
        &["images", "{image}"],
        &[
            ("force", NOTHING),
            ("noprune", NOTHING),
            ("platforms", NOTHING),
        ],
    ),
    // But for one that is always the same, to the byte.
    Call {
        method: "POST",
        pattern: &["images", "create"],
        query: &[
            ("fromSrc", Only("-")),
            ("repo", Only(idle_image::REPOSITORY)),
            ("tag", Needed),
            ("fromImage", NOTHING),
            ("platform", NOTHING),
            ("message", NOTHING),
            ("changes", NOTHING),
            ("inputImage", NOTHING),
        ],
        body: Body::IdleImage,
        login: false,
    },
    asking_a_registry(call("GET", &["distribution", "{image}", "json"], &[])),
    call("GET", &["networks"], &[("filters", Any)]),
    // Without an end it would be an answer that never ends.
    call(
        "GET",
        &["events"],
        &[("since", Any), ("until", Needed), ("filters", Any)],
    ),
    Call {
        method: "POST",
        pattern: &["networks", "{}", "connect"],
        query: &[],
        body: Body::Connection,
        login: false,
    },
    Call {
        method: "POST",
        pattern: &["networks", "{}", "disconnect"],
        query: &[],
        body: Body::Disconnection,
        login: false,
    },
];

/// Each of the calls for people: its method and path, what its query may hold, and its body.
pub fn listed() -> impl Iterator<Item = (String, Vec<&'static str>, Option<&'static str>)> {
    CALLS.iter().map(|call| {
        let path = call.pattern.join("/");
        let path = path.replace("{}", "{id}").replace("{image}", "{name}");
        let parameters = call.query.iter();
        let meant = parameters.filter(|(_, values)| !matches!(values, Idle(_)));
        let body = match call.body {
            Body::Empty => None,
            Body::Container => Some("a container, each setting of which is known to be harmless"),
            Body::Connection => Some("the container that joins, and its names in the network"),
            Body::Disconnection => Some("the container that leaves"),
            Body::IdleImage => Some("the image of switches, to the byte"),
        };
        (
            format!("{} /{path}", call.method),
            meant.map(|(name, _)| *name).collect(),
            body,
        )
    })
}

/// Finds the call.
///
/// # Errors
/// It is none of those that go through, or it is written in a way that two readers could
/// understand as two things.
pub(super) fn route(method: &str, path: &str, query: Option<&str>) -> Result<Route, Refusal> {
    let strange = || Refusal::flat(format!("its path is not plain: {}", quoted(path)));
    let inner = path.strip_prefix('/').ok_or_else(strange)?;
    let mut segments: Vec<&str> = inner.split('/').collect();
    if !segments.iter().all(|segment| is_plain(segment)) {
        return Err(strange());
    }
    let version = segments.first().copied().filter(|first| is_version(first));
    if version.is_some() {
        segments.remove(0);
    }
    let calls = CALLS
        .iter()
        .filter(|call| call.method == method && matches(call.pattern, &segments));
    let mut admitted = Err(Refusal::flat("Purser makes no such call"));
    for (n, call) in calls.enumerate() {
        match admit_query(query.unwrap_or_default(), call.query) {
            Ok(query) => {
                admitted = Ok((call, query));
                break;
            }
            // What people most likely meant is the first.
            Err(refusal) if n == 0 => admitted = Err(refusal),
            Err(_) => {}
        }
    }
    let (call, query) = admitted?;
    if call.pattern == TAG && !is_own_tag(&segments, &query) {
        return Err(Refusal::flat(
            "it gives a tag to an image that is not named by a digest of the tag's own repository",
        ));
    }
    let mark = if query.is_empty() { "" } else { "?" };
    Ok(Route {
        target: format!("{path}{mark}{query}"),
        body: call.body,
        network: (call.body == Body::Connection).then(|| segments[1].to_owned()),
        login: call.login,
    })
}

/// `REPOSITORY@sha256:…` gets a tag within REPOSITORY: whoever may do more could have a name that
/// others trust mean an image of their own.
fn is_own_tag(segments: &[&str], query: &str) -> bool {
    let image = segments[1..segments.len() - 1].join("/");
    let Some((repository, digest)) = image.split_once('@') else {
        return false;
    };
    let of = |pair: &str| pair.strip_prefix("repo=").map(str::to_owned);
    let repo = query.split('&').find_map(of).unwrap_or_default();
    let repo = percent_decode_str(&repo).decode_utf8_lossy();
    digest.starts_with("sha256:") && repo == repository
}

/// No escapes, no empty segments, and nothing that climbs.
fn is_plain(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-:@".contains(c))
}

/// `v1.41`
fn is_version(segment: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let parts = segment
        .strip_prefix('v')
        .and_then(|rest| rest.split_once('.'));
    parts.is_some_and(|(major, minor)| is_number(major) && is_number(minor))
}

fn matches(pattern: &[&str], segments: &[&str]) -> bool {
    match (pattern, segments) {
        ([], []) => true,
        (["{}", pattern @ ..], [_, rest @ ..]) => matches(pattern, rest),
        (["{image}", pattern @ ..], [_, ..]) => {
            (1..=segments.len()).any(|taken| matches(pattern, &segments[taken..]))
        }
        ([one, pattern @ ..], [same, rest @ ..]) => one == same && matches(pattern, rest),
        _ => false,
    }
}

/// The query as it is forwarded.
fn admit_query(query: &str, known: &[Parameter]) -> Result<String, Refusal> {
    let mut seen: Vec<&str> = Vec::new();
    let mut admitted: Vec<&str> = Vec::new();
    // Some readers take `;` for `&`.
    if query.contains(';') {
        return Err(Refusal::flat(format!(
            "its query is not plain: {}",
            quoted(query)
        )));
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let Some((name, values)) = known.iter().find(|(known, _)| *known == name) else {
            return Err(Refusal::flat(format!("its query has {}", quoted(name))));
        };
        if seen.contains(name) {
            return Err(Refusal::garbled(format!("its query has {name} twice")));
        }
        seen.push(name);
        match values {
            Any => admitted.push(pair),
            Needed if !value.is_empty() => admitted.push(pair),
            Only(only) if decoded(value) == *only => admitted.push(pair),
            OneOf(these) if these.contains(&value) => admitted.push(pair),
            Idle(idle) if idle.contains(&value) => {}
            Needed | Only(_) | OneOf(_) | Idle(_) => {
                let what = format!("its query has {name} as {}", quoted(value));
                return Err(Refusal::flat(what));
            }
        }
    }
    let missing = known.iter().find(|(name, values)| {
        matches!(values, Needed | Only(_) | OneOf(_)) && !seen.contains(name)
    });
    match missing {
        Some((name, _)) => Err(Refusal::flat(format!("its query has no {name}"))),
        None => Ok(admitted.join("&")),
    }
}

/// Clients write the slash of a repository in either way.
fn decoded(value: &str) -> String {
    value.replace("%2F", "/").replace("%2f", "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(method: &str, uri: &str) -> Option<String> {
        let (path, query) = uri
            .split_once('?')
            .map_or((uri, None), |(p, q)| (p, Some(q)));
        route(method, path, query).ok().map(|route| route.target)
    }

    #[test]
    fn what_purser_asks_for_goes_through_under_any_version() {
        for (method, uri) in [
            ("GET", "/version"),
            ("GET", "/v1.41/containers/json?all=true&filters=%7B%7D"),
            ("POST", "/v1.53/containers/create?name=web"),
            ("GET", "/v1.41/images/127.0.0.1:25000/shop/web:v2/json"),
            ("GET", "/images/web@sha256:00ff/json"),
            ("GET", "/v1.41/containers/web-1/stats?stream=false"),
            ("GET", "/v1.41/events?since=1&until=2&filters=%7B%7D"),
            ("DELETE", "/v1.41/containers/web-1?v=true&force=true"),
            ("POST", "/v1.41/networks/shop_net/connect"),
            ("POST", "/v1.41/networks/shop_net/disconnect"),
            ("GET", "/v1.41/info"),
            ("DELETE", "/v1.41/images/127.0.0.1:25000/shop/web:v1"),
            (
                "POST",
                "/v1.41/images/r.example:5000/web@sha256:00ff/tag?repo=r.example%3A5000%2Fweb&tag=v1",
            ),
        ] {
            assert_eq!(target(method, uri).as_deref(), Some(uri), "{method} {uri}");
        }
        assert_eq!(
            target("POST", "/images/create?fromImage=web&fromSrc=&tag=v1").as_deref(),
            Some("/images/create?fromImage=web&tag=v1")
        );
        assert_eq!(
            target("DELETE", "/images/sha256:00ff?force=false&noprune=0").as_deref(),
            Some("/images/sha256:00ff")
        );
    }

    #[test]
    fn only_calls_for_which_a_registry_is_asked_take_a_login() {
        let takes = |method, path, query| route(method, path, query).unwrap().login;
        assert!(takes("POST", "/images/create", Some("fromImage=web")));
        assert!(takes("GET", "/distribution/web/json", None));
        assert!(!takes("GET", "/images/web/json", None));
        assert!(!takes("DELETE", "/images/web", None));
    }

    #[test]
    fn of_images_that_are_made_only_the_idle_one_is_looked_at() {
        let idle = "/images/create?fromSrc=-&repo=purser%2Fidle&tag=0c9d";
        let body = |uri: &str| {
            let (path, query) = uri.split_once('?').unwrap();
            route("POST", path, Some(query))
                .map(|route| route.body)
                .ok()
        };
        assert_eq!(body(idle), Some(Body::IdleImage));
        assert_eq!(
            body("/images/create?fromImage=web&tag=v1"),
            Some(Body::Empty)
        );
        for more in ["&changes=USER+root", "&fromImage=web", "&repo=web"] {
            assert_eq!(body(&format!("{idle}{more}")), None, "{more}");
        }
        for other in [
            "fromSrc=-&repo=web&tag=v1",
            "fromSrc=http://evil&repo=purser/idle&tag=1",
            "fromSrc=-&repo=purser/idle",
        ] {
            assert_eq!(body(&format!("/images/create?{other}")), None, "{other}");
        }
    }

    #[test]
    fn everything_else_does_not() {
        for (method, uri) in [
            ("POST", "/containers/web/exec"),
            ("POST", "/exec/00ff/start"),
            ("POST", "/containers/web/update"),
            ("POST", "/containers/web/attach"),
            ("GET", "/containers/web/top"),
            ("POST", "/containers/web/kill"),
            ("POST", "/containers/web/kill?signal=SIGKILL"),
            ("POST", "/containers/web/kill?signal="),
            ("GET", "/containers/web/stats?follow=true"),
            ("GET", "/events"),
            ("GET", "/events?since=1"),
            ("GET", "/events?until="),
            ("POST", "/events?until=1"),
            ("PUT", "/containers/web/archive"),
            ("GET", "/containers/web/archive?path=/etc/shadow"),
            ("GET", "/containers/web/export"),
            ("POST", "/containers/prune"),
            ("POST", "/commit"),
            ("POST", "/build"),
            ("POST", "/volumes/create"),
            ("POST", "/networks/create"),
            ("POST", "/plugins/pull"),
            ("POST", "/swarm/init"),
            ("POST", "/session"),
            ("GET", "/secrets"),
            ("POST", "/images/load"),
            ("POST", "/images/create?fromSrc=-&repo=web"),
            ("POST", "/images/create?fromImage=web&fromSrc=http://evil"),
            ("POST", "/images/create?fromImage=&fromSrc="),
            ("POST", "/images/create?fromImage=web&changes=USER+root"),
            ("POST", "/images/create?fromImage=web&fromImage="),
            ("POST", "/images/create?fromImage=web&%66romSrc=x"),
            ("POST", "/images/create?fromImage=web;fromSrc=x"),
            ("DELETE", "/images/web?force=true"),
            ("DELETE", "/images/web?force=1"),
            ("DELETE", "/images/web?noprune=true"),
            ("DELETE", "/images"),
            ("POST", "/images/prune"),
            ("POST", "/images/web/push"),
            ("POST", "/images/web/tag?repo=web&tag=v1"),
            ("POST", "/images/web@sha256:00ff/tag?repo=db&tag=v1"),
            ("POST", "/images/web@sha256:00ff/tag?repo=web"),
            (
                "POST",
                "/images/web@sha256:00ff/tag?repo=web&repo=db&tag=v1",
            ),
            ("POST", "/images/shop/web@sha256:00ff/tag?repo=web&tag=v1"),
            ("POST", "/auth"),
            ("get", "/version"),
            ("GET", "/version/"),
            ("GET", "//version"),
            ("GET", "/v1.41//version"),
            ("GET", "/v1.41/v1.41/version"),
            ("GET", "/v1/version"),
            ("GET", "/v1.41/../version"),
            ("GET", "/containers/%2e%2e/json"),
            ("GET", "/containers/web%2fjson"),
            ("GET", "/containers/a/b/json"),
            ("GET", "/containers/we b/json"),
            ("GET", "version"),
            ("OPTIONS", "*"),
            ("GET", ""),
        ] {
            assert_eq!(target(method, uri), None, "{method} {uri}");
        }
    }
}
