//! `HostConfig` of a new container, key by key. A key that a later engine adds is refused until
//! somebody has thought about it here.

use serde_json::Value;

use super::create::network_mode;
use super::mounts::{MOUNT, bind, local_driver};
use super::rules::{Judge, Refusal, capability, quoted};
use super::shape::{Field, Shape, text};

pub(super) const HOST_CONFIG: Shape = Shape::Object(FIELDS);

const DEVICES: Shape = Shape::Unset("it opens devices of the host");
const OTHERS: Shape = Shape::Unset("it shares a namespace with the host or with another container");
const TEXTS: Shape = Shape::List(&Shape::Text);

const FIELDS: &[Field] = &[
    // Files.
    ("Binds", Shape::List(&Shape::Checked(&Shape::Text, bind))),
    ("Mounts", Shape::List(&MOUNT)),
    ("Tmpfs", Shape::Map(&Shape::Text)),
    ("VolumeDriver", Shape::Checked(&Shape::Text, local_driver)),
    (
        "VolumesFrom",
        Shape::Unset("it has whatever the other container mounts"),
    ),
    (
        "ContainerIDFile",
        Shape::Unset("it writes a file on the host"),
    ),
    ("ReadonlyRootfs", Shape::Flag),
    ("StorageOpt", Shape::Object(&[("size", Shape::Text)])),
    // Rights.
    (
        "Privileged",
        Shape::Unset("it gives the container the whole machine"),
    ),
    (
        "CapAdd",
        Shape::List(&Shape::Checked(&Shape::Text, cap_add)),
    ),
    ("CapDrop", TEXTS),
    ("GroupAdd", TEXTS),
    (
        "SecurityOpt",
        Shape::List(&Shape::Checked(&Shape::Text, security_opt)),
    ),
    ("MaskedPaths", Shape::Checked(&TEXTS, masked_paths)),
    ("ReadonlyPaths", Shape::Checked(&TEXTS, read_only_paths)),
    ("Devices", DEVICES),
    ("DeviceRequests", DEVICES),
    ("DeviceCgroupRules", DEVICES),
    (
        "Sysctls",
        Shape::Checked(&Shape::Map(&Shape::Text), sysctls),
    ),
    ("Runtime", Shape::Checked(&Shape::Text, runtime)),
    ("Isolation", Shape::Checked(&Shape::Text, isolation)),
    (
        "Annotations",
        Shape::Unset("what a runtime makes of them is not known"),
    ),
    // Namespaces.
    ("NetworkMode", Shape::Checked(&Shape::Text, network_mode)),
    ("IpcMode", Shape::Checked(&Shape::Text, ipc_mode)),
    ("PidMode", OTHERS),
    ("UTSMode", OTHERS),
    ("UsernsMode", OTHERS),
    ("CgroupnsMode", Shape::Checked(&Shape::Text, cgroupns_mode)),
    ("Cgroup", OTHERS),
    (
        "CgroupParent",
        Shape::Unset("it leaves the limits that the engine has set"),
    ),
    // Networks.
    (
        "PortBindings",
        Shape::Map(&Shape::List(&Shape::Object(&[
            ("HostIp", Shape::Text),
            ("HostPort", Shape::Text),
        ]))),
    ),
    ("PublishAllPorts", Shape::Flag),
    ("Links", TEXTS),
    ("Dns", TEXTS),
    ("DnsOptions", TEXTS),
    ("DnsSearch", TEXTS),
    ("ExtraHosts", TEXTS),
    // Life.
    ("Init", Shape::Flag),
    ("AutoRemove", Shape::Flag),
    (
        "RestartPolicy",
        Shape::Object(&[("Name", Shape::Text), ("MaximumRetryCount", Shape::Whole)]),
    ),
    (
        "LogConfig",
        Shape::Object(&[
            ("Type", Shape::Checked(&Shape::Text, log_driver)),
            ("Config", Shape::Map(&Shape::Text)),
        ]),
    ),
    ("ConsoleSize", Shape::List(&Shape::Whole)),
    // Limits.
    ("Memory", Shape::Whole),
    ("MemoryReservation", Shape::Whole),
    ("MemorySwap", Shape::Whole),
    ("MemorySwappiness", Shape::Whole),
    ("KernelMemory", Shape::Whole),
    ("KernelMemoryTCP", Shape::Whole),
    (
        "OomKillDisable",
        Shape::Unset("it can hang the host when memory runs out"),
    ),
    ("OomScoreAdj", Shape::Checked(&Shape::Whole, oom_score)),
    ("NanoCpus", Shape::Whole),
    ("CpuShares", Shape::Whole),
    ("CpuPeriod", Shape::Whole),
    ("CpuQuota", Shape::Whole),
    ("CpuRealtimePeriod", Shape::Unset("it can starve the host")),
    ("CpuRealtimeRuntime", Shape::Unset("it can starve the host")),
    ("CpusetCpus", Shape::Text),
    ("CpusetMems", Shape::Text),
    ("CpuCount", Shape::Whole),
    ("CpuPercent", Shape::Whole),
    ("PidsLimit", Shape::Whole),
    ("ShmSize", Shape::Whole),
    (
        "Ulimits",
        Shape::List(&Shape::Object(&[
            ("Name", Shape::Text),
            ("Soft", Shape::Whole),
            ("Hard", Shape::Whole),
        ])),
    ),
    ("BlkioWeight", Shape::Whole),
    ("BlkioWeightDevice", DEVICES),
    ("BlkioDeviceReadBps", DEVICES),
    ("BlkioDeviceWriteBps", DEVICES),
    ("BlkioDeviceReadIOps", DEVICES),
    ("BlkioDeviceWriteIOps", DEVICES),
    ("IOMaximumIOps", Shape::Whole),
    ("IOMaximumBandwidth", Shape::Whole),
];

/// What every container has anyway: to name one gives nothing.
const USUAL_CAPABILITIES: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

fn cap_add(value: Value, place: &str, judge: &Judge<'_>) -> Result<Value, Refusal> {
    let name = capability(text(&value));
    if USUAL_CAPABILITIES.contains(&name.as_str()) || judge.rules.capabilities.contains(&name) {
        return Ok(value);
    }
    let what = format!("{place} adds the capability {}", quoted(&name));
    if name == "ALL" || !name.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
        return Err(Refusal::flat(what));
    }
    Err(Refusal::unless(format_args!("--allow-cap {name}"), what))
}

fn security_opt(value: Value, place: &str, _: &Judge<'_>) -> Result<Value, Refusal> {
    match text(&value) {
        "no-new-privileges" | "no-new-privileges:true" | "no-new-privileges=true" => Ok(value),
        other => Err(Refusal::flat(format!(
            "{place} is {}, and only no-new-privileges is known to take rights away",
            quoted(other)
        ))),
    }
}

/// What every engine hides; newer ones hide more.
const ALWAYS_MASKED: [&str; 10] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
];

const ALWAYS_READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];

fn masked_paths(value: Value, place: &str, _: &Judge<'_>) -> Result<Value, Refusal> {
    has_all(value, place, &ALWAYS_MASKED)
}

fn read_only_paths(value: Value, place: &str, _: &Judge<'_>) -> Result<Value, Refusal> {
    has_all(value, place, &ALWAYS_READ_ONLY)
}

fn has_all(value: Value, place: &str, wanted: &[&str]) -> Result<Value, Refusal> {
    let paths: Vec<&str> = value.as_array().into_iter().flatten().map(text).collect();
    match wanted.iter().find(|path| !paths.contains(path)) {
        None => Ok(value),
        Some(path) => Err(Refusal::flat(format!(
            "{place} leaves out {path}, which the engine keeps from containers"
        ))),
    }
}

fn sysctls(value: Value, place: &str, judge: &Judge<'_>) -> Result<Value, Refusal> {
    let mut names = value
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::keys);
    match names.find(|name| !judge.rules.sysctls.contains(*name)) {
        None => Ok(value),
        Some(name) => Err(Refusal::unless(
            format_args!("--allow-sysctl {}", quoted(name)),
            format_args!("{place} sets {} in the kernel", quoted(name)),
        )),
    }
}

fn runtime(value: Value, place: &str, judge: &Judge<'_>) -> Result<Value, Refusal> {
    let name = text(&value);
    if name.is_empty() || name == judge.facts.default_runtime {
        return Ok(value);
    }
    Err(Refusal::flat(format!(
        "{place} is {}, which is not the runtime of this engine's containers",
        quoted(name)
    )))
}

fn isolation(value: Value, place: &str, _: &Judge<'_>) -> Result<Value, Refusal> {
    match text(&value) {
        "" | "default" => Ok(value),
        other => Err(Refusal::flat(format!("{place} is {}", quoted(other)))),
    }
}

fn ipc_mode(value: Value, place: &str, _: &Judge<'_>) -> Result<Value, Refusal> {
    match text(&value) {
        "" | "none" | "private" | "shareable" => Ok(value),
        other => Err(Refusal::flat(format!(
            "{place} is {}: it shares memory with the host or with another container",
            quoted(other)
        ))),
    }
}

fn cgroupns_mode(value: Value, place: &str, judge: &Judge<'_>) -> Result<Value, Refusal> {
    match text(&value) {
        "" | "private" => Ok(value),
        "host" if judge.facts.cgroup_v1 => Ok(value),
        other => Err(Refusal::flat(format!(
            "{place} is {}: it shows the container the host's control groups",
            quoted(other)
        ))),
    }
}

fn log_driver(value: Value, place: &str, judge: &Judge<'_>) -> Result<Value, Refusal> {
    match text(&value) {
        "" | "json-file" | "local" | "journald" | "none" => Ok(value),
        other if judge.rules.log_drivers.contains(other) => Ok(value),
        other => Err(Refusal::unless(
            format_args!("--allow-log-driver {}", quoted(other)),
            format_args!(
                "{place} is {}, by which the engine connects to where the container's options say",
                quoted(other)
            ),
        )),
    }
}

fn oom_score(value: Value, place: &str, _: &Judge<'_>) -> Result<Value, Refusal> {
    match value.as_i64() {
        Some(0..) => Ok(value),
        _ => Err(Refusal::flat(format!(
            "{place} is negative: the kernel would kill the host's own processes first"
        ))),
    }
}
