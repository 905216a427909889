//! Bodies and requests of somebody who wants the machine, at the filter before the real engine.

use serde_json::Value;

use crate::docker::stage::{Cleanup, V1, names, unique};
use crate::support::proxy::{Proxy, docker_socket};
use crate::support::speech::{post, speak, status};
use purser::docker_proxy::Allowances;

/// Host configurations, and what the refusal has to speak of.
const HOST_CONFIGS: &[(&str, &str)] = &[
    (r#""Privileged":true"#, "HostConfig.Privileged"),
    (r#""privileged":true"#, "HostConfig.Privileged"),
    (r#""PRIVILEGED":true"#, "HostConfig.Privileged"),
    (r#""Privileged":false,"privileged":true"#, "twice"),
    (r#""Privileged":true,"Privileged":false"#, "twice"),
    (r#""\u0050rivileged":true"#, "HostConfig.Privileged"),
    (r#""Privileged":"true""#, "HostConfig.Privileged"),
    (r#""NetworkMode":"host""#, "--allow-host-network"),
    (r#""NetworkMode":"Host""#, "--allow-host-network"),
    (r#""NetworkMode":"container:web""#, "NetworkMode"),
    (r#""PidMode":"host""#, "PidMode"),
    (r#""PidMode":"container:web""#, "PidMode"),
    (r#""IpcMode":"host""#, "IpcMode"),
    (r#""IpcMode":"container:web""#, "IpcMode"),
    (r#""UTSMode":"host""#, "UTSMode"),
    (r#""UsernsMode":"host""#, "UsernsMode"),
    (r#""CgroupnsMode":"container:web""#, "CgroupnsMode"),
    (r#""Cgroup":"container:web""#, "Cgroup"),
    (r#""CgroupParent":"/""#, "CgroupParent"),
    (r#""Binds":["/:/host"]"#, "all of the host"),
    (r#""Binds":["//:/host"]"#, "all of the host"),
    (r#""Binds":["/etc:/host"]"#, "--allow-bind /etc"),
    (r#""binds":["/etc:/host:ro"]"#, "--allow-bind /etc:ro"),
    (
        r#""Binds":["/srv/shop/sub:/host"]"#,
        "--allow-bind /srv/shop/sub",
    ),
    (r#""Binds":["/srv/shop/../../etc:/host"]"#, "plain path"),
    (r#""Binds":["/srv/shop/.:/host"]"#, "plain path"),
    (r#""Binds":["/SRV/shop:/host"]"#, "--allow-bind /SRV/shop"),
    (r#""Binds":["/srv/shopping:/host"]"#, "--allow-bind"),
    (
        r#""Binds":["/srv/fixed:/host"]"#,
        "--allow-bind /srv/fixed (without :ro)",
    ),
    (r#""Binds":["/srv/shop:/host:rshared"]"#, "rshared"),
    (r#""Binds":["../etc:/host"]"#, "neither a volume"),
    (r#""Binds":["./etc:/host"]"#, "neither a volume"),
    (r#""Binds":["~/x:/host"]"#, "neither a volume"),
    (
        r#""Binds":["/var/run/docker.sock:/s"]"#,
        "--allow-bind /var/run/docker.sock",
    ),
    (r#""Binds":["a:b:c:d"]"#, "SOURCE:TARGET"),
    (r#""Binds":[null]"#, "null"),
    (
        r#""Mounts":[{"Type":"bind","Source":"/","Target":"/h"}]"#,
        "all of the host",
    ),
    (
        r#""Mounts":[{"type":"bind","source":"/etc","target":"/h"}]"#,
        "--allow-bind /etc",
    ),
    (
        r#""Mounts":[{"Type":"bind","Source":"/srv/shop/../..","Target":"/h"}]"#,
        "plain path",
    ),
    (
        r#""Mounts":[{"Type":"bind","Source":"/srv/shop","Target":"/h","BindOptions":{"Propagation":"rshared"}}]"#,
        "Propagation",
    ),
    (
        r#""Mounts":[{"Type":"bind","Source":"/srv/fixed","Target":"/h","ReadOnly":false}]"#,
        "(without :ro)",
    ),
    (
        r#""Mounts":[{"Type":"volume","Source":"/etc","Target":"/h"}]"#,
        "neither a volume",
    ),
    (
        r#""Mounts":[{"Type":"volume","Source":"v","Target":"/h","VolumeOptions":{"DriverConfig":{"Name":"local","Options":{"type":"none","o":"bind","device":"/"}}}}]"#,
        "DriverConfig.Options",
    ),
    (
        r#""Mounts":[{"Type":"volume","Source":"v","Target":"/h","VolumeOptions":{"DriverConfig":{"Name":"evil"}}}]"#,
        "DriverConfig.Name",
    ),
    (
        r#""Mounts":[{"Type":"npipe","Source":"x","Target":"/h"}]"#,
        "type",
    ),
    (
        r#""Mounts":[{"Type":"BIND","Source":"/etc","Target":"/h"}]"#,
        "type",
    ),
    (r#""Mounts":[{"Source":"/etc","Target":"/h"}]"#, "type"),
    (r#""VolumeDriver":"evil""#, "VolumeDriver"),
    (r#""VolumesFrom":["web"]"#, "VolumesFrom"),
    (
        r#""Devices":[{"PathOnHost":"/dev/sda","PathInContainer":"/dev/sda","CgroupPermissions":"rwm"}]"#,
        "Devices",
    ),
    (
        r#""DeviceRequests":[{"Driver":"nvidia","Count":-1}]"#,
        "DeviceRequests",
    ),
    (r#""DeviceCgroupRules":["b 8:* rwm"]"#, "DeviceCgroupRules"),
    (
        r#""BlkioDeviceReadBps":[{"Path":"/dev/sda","Rate":1}]"#,
        "BlkioDeviceReadBps",
    ),
    (r#""CapAdd":["SYS_ADMIN"]"#, "--allow-cap SYS_ADMIN"),
    (r#""CapAdd":["cap_sys_ptrace"]"#, "--allow-cap SYS_PTRACE"),
    (r#""CapAdd":["ALL"]"#, "ALL"),
    (r#""capadd":["all"]"#, "ALL"),
    (r#""SecurityOpt":["apparmor=unconfined"]"#, "SecurityOpt"),
    (r#""SecurityOpt":["seccomp=unconfined"]"#, "SecurityOpt"),
    (r#""SecurityOpt":["seccomp:unconfined"]"#, "SecurityOpt"),
    (r#""SecurityOpt":["label=disable"]"#, "SecurityOpt"),
    (r#""SecurityOpt":["systempaths=unconfined"]"#, "SecurityOpt"),
    (
        r#""SecurityOpt":["no-new-privileges:false"]"#,
        "SecurityOpt",
    ),
    (r#""MaskedPaths":[]"#, "MaskedPaths"),
    (r#""MaskedPaths":["/proc/kcore"]"#, "MaskedPaths"),
    (r#""ReadonlyPaths":[]"#, "ReadonlyPaths"),
    (r#""Runtime":"evil""#, "Runtime"),
    (r#""Sysctls":{"net.ipv4.ip_forward":"1"}"#, "--allow-sysctl"),
    (r#""Annotations":{"run.oci.handler":"x"}"#, "Annotations"),
    (r#""OomScoreAdj":-1000"#, "OomScoreAdj"),
    (r#""OomKillDisable":true"#, "OomKillDisable"),
    (r#""ContainerIDFile":"/etc/x""#, "ContainerIDFile"),
    (r#""StorageOpt":{"dm.basesize":"1"}"#, "StorageOpt"),
    (
        r#""LogConfig":{"Type":"syslog","Config":{"syslog-address":"unix:///run/x"}}"#,
        "--allow-log-driver",
    ),
    (r#""Tomorrow":{"x":1}"#, "Tomorrow"),
];

/// Whole bodies.
const BODIES: &[(&str, &str)] = &[
    (r#"{"Image":"IMAGE","Privileged":true}"#, "Privileged"),
    (r#"{"Image":"IMAGE","Binds":["/:/h"]}"#, "Binds"),
    (
        r#"{"Image":"IMAGE","HostConfig":{},"hostconfig":{"Privileged":true}}"#,
        "twice",
    ),
    (r#"{"Image":"IMAGE","Image":"IMAGE"}"#, "twice"),
    (r#"{"Image":"IMAGE","Volumes":{"/:/h":{}}}"#, "Volumes"),
    (
        r#"{"Image":"IMAGE","NetworkingConfig":{"EndpointsConfig":{"host":{}}}}"#,
        "--allow-host-network",
    ),
    (
        r#"{"Image":"IMAGE","NetworkingConfig":{"EndpointsConfig":{"bridge":{"DriverOpts":{"x":"y"}}}}}"#,
        "DriverOpts",
    ),
    (
        r#"{"Image":"IMAGE"}{"HostConfig":{"Privileged":true}}"#,
        "no plain JSON",
    ),
    (r#"[{"Image":"IMAGE"}]"#, "not an object"),
    ("null", "null"),
    ("", "no plain JSON"),
    ("Image=IMAGE", "no plain JSON"),
];

/// A filter that allows two folders, of which one not to be written to.
fn proxy() -> Proxy {
    Proxy::new(Allowances {
        binds: vec![
            "/srv/shop".to_owned(),
            "/srv/fixed:ro".to_owned(),
            "/srv:ro".to_owned(),
        ],
        ..Allowances::default()
    })
}

#[tokio::test]
async fn no_body_creates_what_gives_the_machine_away() {
    let proxy = proxy();
    let name = unique("attack");
    let created = || names(&format!("name={name}"));
    let _gone = Cleanup(format!("name={name}"));
    let host_configs = HOST_CONFIGS.iter().map(|(host, why)| {
        let body = format!(r#"{{"Image":"{V1}","HostConfig":{{{host}}}}}"#);
        (body, *why)
    });
    let bodies = BODIES
        .iter()
        .map(|(body, why)| (body.replace("IMAGE", V1), *why));
    for (at, (body, why)) in host_configs.chain(bodies).enumerate() {
        let target = format!("/v1.41/containers/create?name={name}-{at}");
        let (status, answer) = post(&proxy.socket(), &target, &body).await;
        assert_eq!(status, 403, "{body}: {answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let message = answer["message"].as_str().unwrap();
        assert!(message.contains(why), "{body}: {message}");
    }
    assert_eq!(created(), Vec::<String>::new());

    // The engine takes what the filter has refused, in any spelling.
    for (at, key) in ["Privileged", "privileged", "PRIVILEGED"]
        .iter()
        .enumerate()
    {
        let body = format!(r#"{{"Image":"{V1}","HostConfig":{{"{key}":true}}}}"#);
        let target = format!("/v1.41/containers/create?name={name}-bare-{at}");
        assert_eq!(post(&docker_socket(), &target, &body).await.0, 201);
    }
    assert_eq!(created().len(), 3);
}

#[tokio::test]
async fn what_is_harmless_or_allowed_is_created() {
    let proxy = proxy();
    let name = unique("harmless");
    let _gone = Cleanup(format!("name={name}"));
    let bodies = [
        r#""Memory":67108864,"CapDrop":["ALL"],"CapAdd":["CHOWN"],"SecurityOpt":["no-new-privileges:true"]"#,
        r#""Binds":["/srv/shop//:/shop","/srv/fixed:/fixed:ro"],"NetworkMode":"bridge""#,
        r#""Mounts":[{"Type":"tmpfs","Target":"/tmp"},{"Type":"bind","Source":"/srv","Target":"/shop","ReadOnly":true,"BindOptions":{"Propagation":"rprivate"}}]"#,
        r#""LogConfig":{"Type":"json-file","Config":{"max-size":"1m"}},"Runtime":"runc","Privileged":false"#,
    ];
    for (at, host) in bodies.iter().enumerate() {
        let body = format!(r#"{{"Image":"{V1}","HostConfig":{{{host}}}}}"#);
        let target = format!("/v1.41/containers/create?name={name}-{at}");
        let (status, answer) = post(&proxy.socket(), &target, &body).await;
        assert_eq!(status, 201, "{body}: {answer}");
    }
    assert_eq!(names(&format!("name={name}")).len(), bodies.len());
}

#[tokio::test]
async fn the_network_of_the_host_is_found_behind_its_id() {
    let proxy = proxy();
    let name = unique("network");
    let _gone = Cleanup(format!("name={name}"));
    let id = crate::docker::stage::docker(&["network", "inspect", "--format", "{{.Id}}", "host"]);
    for id in [id.as_str(), &id[..12], &id[..12].to_uppercase()] {
        let body = format!(r#"{{"Image":"{V1}","HostConfig":{{"NetworkMode":"{id}"}}}}"#);
        let target = format!("/containers/create?name={name}");
        let (status, answer) = post(&proxy.socket(), &target, &body).await;
        assert_eq!(status, 403, "{id}: {answer}");
        let target = format!("/networks/{id}/connect");
        let (status, answer) = post(&proxy.socket(), &target, r#"{"Container":"web"}"#).await;
        assert_eq!(status, 403, "{id}: {answer}");
    }
    assert_eq!(names(&format!("name={name}")), Vec::<String>::new());
}

#[tokio::test]
async fn a_request_that_can_be_read_in_two_ways_is_refused() {
    let proxy = proxy();
    let name = unique("smuggled");
    let _gone = Cleanup(format!("name={name}"));
    let evil = format!(r#"{{"Image":"{V1}","HostConfig":{{"Privileged":true}}}}"#);
    let inner = format!(
        "POST /containers/create?name={name} HTTP/1.1\r\nHost: d\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{evil}",
        evil.len()
    );
    let head = |rest: &str| format!("{rest}\r\nHost: d\r\nConnection: close\r\n");
    let requests = [
        // Two framings: the chunk ends before what the length covers.
        format!(
            "POST /containers/x/start HTTP/1.1\r\nHost: d\r\nContent-Length: {}\r\n\
             Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
            inner.len() + 5
        ),
        format!(
            "POST /containers/x/start HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n\
             0\r\n\r\n{inner}"
        ),
        format!(
            "POST /containers/x/start HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\
             Content-Length: {}\r\n\r\n{inner}",
            inner.len()
        ),
        format!(
            "POST /containers/x/start HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: xchunked\r\n\r\n{inner}"
        ),
        // A body where none belongs.
        format!(
            "POST /containers/x/start HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{inner}",
            inner.len()
        ),
        head("GET http://docker/version HTTP/1.1") + "\r\n",
        head("CONNECT docker:80 HTTP/1.1") + "\r\n",
        head("GET //version HTTP/1.1") + "\r\n",
        head("GET /containers/%2e%2e/version HTTP/1.1") + "\r\n",
        head("GET /containers/..%2fversion HTTP/1.1") + "\r\n",
        head("GET /containers/../version HTTP/1.1") + "\r\n",
        head("GET /version HTTP/1.1") + "Upgrade: tcp\r\n\r\n",
        head("POST /containers/x/attach?stream=1 HTTP/1.1") + "Upgrade: tcp\r\n\r\n",
        head("GET /version HTTP/1.1\r\nX: y\r\n z") + "\r\n",
        head("GET /ver\tsion HTTP/1.1") + "\r\n",
    ];
    for request in requests {
        let answer = speak(&proxy.socket(), request.as_bytes()).await;
        let first = status(&answer);
        assert!(first == 403 || first == 400, "{request}\n{answer}");
        assert!(
            !answer.contains(" 200 ") && !answer.contains(" 201 "),
            "{answer}"
        );
    }
    assert_eq!(names(&format!("name={name}")), Vec::<String>::new());
    let plain = speak(
        &proxy.socket(),
        (head("GET /version HTTP/1.1") + "\r\n").as_bytes(),
    )
    .await;
    assert_eq!(status(&plain), 200, "{plain}");
}

#[tokio::test]
async fn a_body_without_an_end_is_not_read_to_its_end() {
    let proxy = proxy();
    let body = format!(r#"{{"Image":"{}"}}"#, "x".repeat(2 * 1024 * 1024));
    let (status, answer) = post(&proxy.socket(), "/containers/create", &body).await;
    assert!(
        status == 403 && answer.contains("1024 KiB"),
        "{status} {answer}"
    );
}

#[tokio::test]
async fn no_other_image_goes_by_the_name_of_the_one_that_purser_makes() {
    let proxy = proxy();
    let target = "/images/create?fromSrc=-&repo=purser%2Fidle&tag=evil";
    let (status, answer) = post(&proxy.socket(), target, "not the one").await;
    assert!(
        status == 403 && answer.contains("another image than the one that Purser makes"),
        "{status} {answer}"
    );
}
