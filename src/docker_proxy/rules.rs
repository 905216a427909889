//! What is let through beyond the harmless, by flags; and how a refusal is put into words.

use std::collections::BTreeSet;

use super::mounts::{Grant, contradicted, overlapping};

/// What the flags say.
#[derive(Clone, Debug, Default)]
pub struct Allowances {
    /// Paths of the host that containers may mount, each as `PATH` or `PATH:ro`.
    pub binds: Vec<String>,
    /// Capabilities beyond those that every container has.
    pub capabilities: Vec<String>,
    /// Log drivers beyond those that write files of the engine's own.
    pub log_drivers: Vec<String>,
    /// Settings of the kernel that a container may have for itself.
    pub sysctls: Vec<String>,
    /// Containers may use the host's network.
    pub host_network: bool,
}

/// By what bodies are judged.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub(super) binds: Vec<Grant>,
    pub(super) capabilities: BTreeSet<String>,
    pub(super) log_drivers: BTreeSet<String>,
    pub(super) sysctls: BTreeSet<String>,
    pub(super) host_network: bool,
}

impl Rules {
    /// Takes the flags for what they say.
    ///
    /// # Errors
    /// A flag that makes no sense, or that would let everything through.
    pub fn new(allowances: Allowances) -> Result<Self, String> {
        let binds: Vec<Grant> = allowances
            .binds
            .iter()
            .map(|text| Grant::parse(text))
            .collect::<Result<_, _>>()?;
        if let Some(twice) = contradicted(&binds) {
            return Err(format!(
                "--allow-bind {twice} is given with and without :ro: say which of the two"
            ));
        }
        if let Some((outer, inner)) = overlapping(&binds) {
            return Err(format!(
                "--allow-bind {inner} lies within --allow-bind {outer}: a container that may write \
                 there could put a symbolic link to anywhere in its place; allow one of the two, \
                 or {outer}:ro"
            ));
        }
        let capabilities: BTreeSet<_> = allowances
            .capabilities
            .iter()
            .map(|name| capability(name))
            .collect();
        if capabilities.contains("ALL") {
            return Err("--allow-cap ALL: name the capabilities one by one".to_owned());
        }
        Ok(Self {
            binds,
            capabilities,
            log_drivers: allowances.log_drivers.into_iter().collect(),
            sysctls: allowances.sysctls.into_iter().collect(),
            host_network: allowances.host_network,
        })
    }
}

/// `cap_net_admin` and `NET_ADMIN` are the same to the engine.
pub(super) fn capability(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    name.strip_prefix("CAP_").unwrap_or(&name).to_owned()
}

/// What the engine itself is like, asked at the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The id of the network `host`, which is another name for it.
    pub(super) host_network: String,
    /// With the first version of cgroups every container sees the host's: it is the default.
    pub(super) cgroup_v1: bool,
    /// The runtime of containers that name none.
    pub(super) default_runtime: String,
}

/// Rules and facts together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge<'a> {
    pub(super) rules: &'a Rules,
    pub(super) facts: &'a Facts,
}

/// Why a request does not go through, and what would let it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

impl Refusal {
    /// No flag lets this through.
    pub(super) fn flat(what: impl std::fmt::Display) -> Self {
        Self(format!("{what}; no flag of docker-proxy allows it"))
    }

    /// This flag would let it through.
    pub(super) fn unless(flag: impl std::fmt::Display, what: impl std::fmt::Display) -> Self {
        Self(format!("{what}; docker-proxy allows it with {flag}"))
    }

    /// It cannot be understood.
    pub(super) fn garbled(what: impl std::fmt::Display) -> Self {
        Self(what.to_string())
    }
}

/// A text of the request as a message may show it: on one line, and not too long.
pub(super) fn quoted(text: &str) -> String {
    const LONGEST: usize = 120;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    format!("{shown:?}")
}
