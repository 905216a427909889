//! The bodies that are let through: of a new container, and of one that joins or leaves a network.

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

/// Judges the body of `POST /networks/{id}/disconnect`: what to forward.
///
/// # Errors
/// The first thing in it that is not harmless.
pub(super) fn disconnection(body: &[u8], judge: &Judge<'_>) -> Result<Vec<u8>, Refusal> {
    judged(body, DISCONNECTION, judge)
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

const DISCONNECTION: Shape = Shape::Object(&[("Container", Shape::Text), ("Force", Shape::Flag)]);

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::rules::{Allowances, Facts, Rules};
    use super::*;

    fn facts() -> Facts {
        Facts {
            host_network: "00ffee".repeat(10) + "0011",
            cgroup_v1: false,
            default_runtime: "runc".to_owned(),
        }
    }

    fn judged(body: &str, allowances: Allowances) -> Result<Value, String> {
        let rules = Rules::new(allowances).unwrap();
        let judge = Judge {
            rules: &rules,
            facts: &facts(),
        };
        container(body.as_bytes(), &judge)
            .map(|bytes| serde_json::from_slice(&bytes).unwrap())
            .map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn what_is_forwarded_has_the_engines_spelling_and_no_nulls() {
        let body = r#"{"IMAGE":"web","hostCONFIG":{"memory":1,"Privileged":false,"Devices":[],
                      "Binds":["data:/data","/srv//shop/:/shop:ro"],"SecurityOpt":null}}"#;
        let allowances = Allowances {
            binds: vec!["/srv/shop:ro".to_owned()],
            ..Allowances::default()
        };
        let forwarded = judged(body, allowances).unwrap();
        let expected = r#"{"Image":"web","HostConfig":{"Memory":1,"Binds":["data:/data","/srv/shop:/shop:ro"]}}"#;
        assert_eq!(forwarded.to_string(), expected);
    }

    #[test]
    fn a_refusal_names_the_place_and_the_flag() {
        let refused = |body| judged(body, Allowances::default()).unwrap_err();
        assert_eq!(
            refused(r#"{"HostConfig":{"Binds":["/etc:/host:ro"]}}"#),
            "HostConfig.Binds[0] mounts \"/etc\" of the host; docker-proxy allows it with --allow-bind /etc:ro"
        );
        assert_eq!(
            refused(r#"{"HostConfig":{"privileged":true}}"#),
            "HostConfig.Privileged is set: it gives the container the whole machine; no flag of \
             docker-proxy allows it"
        );
        assert_eq!(
            refused(r#"{"HostConfig":{"Privileged":false,"PRIVILEGED":true}}"#),
            "HostConfig.Privileged stands there twice"
        );
        assert_eq!(
            refused(r#"{"HostConfig":{"Future\nkey":{}}}"#),
            "HostConfig has a key that is not known to be harmless: \"Future\\nkey\"; no flag of \
             docker-proxy allows it"
        );
    }

    #[test]
    fn the_hosts_network_has_many_names() {
        for name in [
            "host",
            "HOST",
            "00",
            "00FFEE",
            "container:web",
            "ns:/proc/1/ns/net",
        ] {
            let body = format!(r#"{{"HostConfig":{{"NetworkMode":"{name}"}}}}"#);
            assert!(judged(&body, Allowances::default()).is_err(), "{name}");
            let body = format!(r#"{{"NetworkingConfig":{{"EndpointsConfig":{{"{name}":{{}}}}}}}}"#);
            assert!(judged(&body, Allowances::default()).is_err(), "{name}");
        }
    }

    const DANGEROUS: [(&str, &str); 22] = [
        ("Privileged", "true"),
        ("PidMode", r#""host""#),
        ("IpcMode", r#""container:web""#),
        ("UTSMode", r#""host""#),
        ("UsernsMode", r#""host""#),
        ("CgroupnsMode", r#""host""#),
        ("NetworkMode", r#""host""#),
        ("Binds", r#"["data:/data","/:/host"]"#),
        ("Binds", r#"["/srv/../etc:/host"]"#),
        (
            "Mounts",
            r#"[{"type":"bind","SOURCE":"/etc","Target":"/host"}]"#,
        ),
        (
            "Mounts",
            r#"[{"Type":"volume","Target":"/h","VolumeOptions":{"driverconfig":{"Options":{"o":"bind","device":"/"}}}}]"#,
        ),
        ("VolumesFrom", r#"["web"]"#),
        (
            "Devices",
            r#"[{"PathOnHost":"/dev/sda","PathInContainer":"/dev/sda"}]"#,
        ),
        ("DeviceRequests", r#"[{"Count":-1}]"#),
        ("DeviceCgroupRules", r#"["a *:* rwm"]"#),
        ("CapAdd", r#"["CHOWN","cap_sys_admin"]"#),
        ("SecurityOpt", r#"["seccomp=unconfined"]"#),
        ("Runtime", r#""other""#),
        ("Sysctls", r#"{"kernel.core_pattern":"|/x"}"#),
        ("CgroupParent", r#""/""#),
        ("MaskedPaths", "[]"),
        ("OomScoreAdj", "-1000"),
    ];

    const HARMLESS: [(&str, &str); 6] = [
        ("Memory", "1"),
        ("Binds", r#"["data:/data"]"#),
        ("NetworkMode", r#""shop_net""#),
        ("CapAdd", r#"["CHOWN"]"#),
        ("Privileged", "false"),
        ("PidMode", "null"),
    ];

    /// A key as somebody might write it who hopes that it is overlooked.
    fn disguised(key: &'static str) -> impl Strategy<Value = String> {
        proptest::collection::vec(0..4_u8, key.len()).prop_map(move |ways| {
            let letters = key.chars().zip(ways).map(|(c, way)| match way {
                0 => c.to_ascii_uppercase().to_string(),
                1 => c.to_ascii_lowercase().to_string(),
                2 => format!("\\u{:04x}", c as u32),
                // Go takes these for k and s.
                _ => match c.to_ascii_lowercase() {
                    'k' => "\u{212a}".to_owned(),
                    's' => "\u{17f}".to_owned(),
                    _ => c.to_string(),
                },
            });
            letters.collect()
        })
    }

    fn entry(from: &'static [(&'static str, &'static str)]) -> impl Strategy<Value = String> {
        select(from).prop_flat_map(|(key, value)| {
            disguised(key).prop_map(move |key| format!("\"{key}\":{value}"))
        })
    }

    /// A dangerous entry among harmless ones, in either of the places that an engine reads.
    fn body() -> impl Strategy<Value = String> {
        let harmless = proptest::collection::vec(entry(&HARMLESS), 0..3);
        let host = (harmless, entry(&DANGEROUS), 0..4_usize);
        (host, disguised("HostConfig"), any::<bool>(), any::<bool>()).prop_map(
            |((mut entries, dangerous, at), key, nested, twice)| {
                entries.insert(at.min(entries.len()), dangerous);
                let entries = entries.join(",");
                match (nested, twice) {
                    (true, true) => format!(r#"{{"HostConfig":{{}},"{key}":{{{entries}}}}}"#),
                    (true, false) => format!(r#"{{"Image":"web","{key}":{{{entries}}}}}"#),
                    (false, _) => format!(r#"{{"Image":"web",{entries}}}"#),
                }
            },
        )
    }

    proptest! {
        #[test]
        fn no_disguise_gets_a_forbidden_value_through(body in body()) {
            prop_assert!(judged(&body, Allowances::default()).is_err(), "{body}");
        }

        #[test]
        fn harmless_ones_go_through_however_they_are_written(
            (key, value) in select(&HARMLESS[..5]).prop_flat_map(|(key, value)| {
                let ways = proptest::collection::vec(any::<bool>(), key.len());
                (ways, Just((key, value)))
            }).prop_map(|(ways, (key, value))| {
                let letters = key.chars().zip(ways).map(|(c, up)| {
                    if up { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
                });
                (letters.collect::<String>(), value)
            })
        ) {
            let body = format!(r#"{{"HostConfig":{{"{key}":{value}}}}}"#);
            prop_assert!(judged(&body, Allowances::default()).is_ok(), "{body}");
        }

        #[test]
        fn nothing_makes_it_panic(body in ".{0,200}") {
            let _ = judged(&body, Allowances::default());
        }
    }
}
