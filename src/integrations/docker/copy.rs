//! A container like another one, from another image.
//!
//! What the old container has from its image's defaults (environment, command, labels, …) is
//! left out, so that the new image's own defaults hold; what was set for the container is copied.

use std::collections::HashMap;

use bollard::models::{
    ContainerConfig, ContainerCreateBody, ContainerInspectResponse, EndpointSettings, HostConfig,
    ImageConfig, NetworkingConfig,
};

use super::container::NAMELESS;

/// Compose compares this label with the image that its file names, and makes the container anew
/// when they differ.
const COMPOSE_IMAGE: &str = "com.docker.compose.image";

/// The new container: how it is created, and the networks that it joins before it is started.
pub(super) struct Copy {
    pub(super) body: ContainerCreateBody,
    pub(super) networks: Vec<(String, EndpointSettings)>,
}

/// Like `old`, whose image has these defaults, but from `image` (whose id is `image_id`).
pub(super) fn copy(
    old: &ContainerInspectResponse,
    defaults: &ImageConfig,
    image: &str,
    image_id: &str,
) -> Copy {
    let id = old.id.as_deref().unwrap_or_default();
    let config = old.config.clone().unwrap_or_default();
    let host = host_config(old);
    let (first, networks) = networks(old, id, host.network_mode.as_deref());
    let mut body = own_settings(config, defaults, id);
    body.image = Some(image.to_owned());
    if let Some(labels) = &mut body.labels
        && let Some(label) = labels.get_mut(COMPOSE_IMAGE)
    {
        image_id.clone_into(label);
    }
    // The engine takes a host name and the network of another container for a contradiction.
    let mode = host.network_mode.as_deref().unwrap_or_default();
    if mode == "host" || mode.starts_with("container:") {
        body.hostname = None;
        body.exposed_ports = None;
    }
    body.host_config = Some(host);
    body.networking_config = first.map(|endpoint| NetworkingConfig {
        endpoints_config: Some(HashMap::from([endpoint])),
    });
    Copy { body, networks }
}

/// What was set for the container and is not its image's default.
pub(super) fn own_settings(
    config: ContainerConfig,
    image: &ImageConfig,
    id: &str,
) -> ContainerCreateBody {
    let same_entrypoint = same(config.entrypoint.as_ref(), image.entrypoint.as_ref());
    let same_command = same(config.cmd.as_ref(), image.cmd.as_ref());
    ContainerCreateBody {
        // The engine's default is the id.
        hostname: config
            .hostname
            .filter(|name| !id.starts_with(name.as_str())),
        domainname: config.domainname,
        user: unless_default(config.user, image.user.as_ref()),
        attach_stdin: config.attach_stdin,
        attach_stdout: config.attach_stdout,
        attach_stderr: config.attach_stderr,
        exposed_ports: Some(without(config.exposed_ports, image.exposed_ports.as_ref())),
        tty: config.tty,
        open_stdin: config.open_stdin,
        stdin_once: config.stdin_once,
        env: Some(without(config.env, image.env.as_ref())),
        // An entrypoint of one's own takes the image's command away: then both are copied.
        cmd: config.cmd.filter(|_| !(same_entrypoint && same_command)),
        entrypoint: config.entrypoint.filter(|_| !same_entrypoint),
        healthcheck: unless_default(config.healthcheck, image.healthcheck.as_ref()),
        args_escaped: config.args_escaped,
        working_dir: unless_default(config.working_dir, image.working_dir.as_ref()),
        network_disabled: config.network_disabled,
        labels: Some(own_labels(config.labels, image.labels.as_ref())),
        stop_signal: unless_default(config.stop_signal, image.stop_signal.as_ref()),
        stop_timeout: config.stop_timeout,
        shell: unless_default(config.shell, image.shell.as_ref()),
        ..ContainerCreateBody::default()
    }
}

/// The same list, where none and an empty one are the same.
fn same(one: Option<&Vec<String>>, other: Option<&Vec<String>>) -> bool {
    one.map_or(&[][..], Vec::as_slice) == other.map_or(&[][..], Vec::as_slice)
}

fn unless_default<T: PartialEq>(value: Option<T>, default: Option<&T>) -> Option<T> {
    value.filter(|value| Some(value) != default)
}

fn without(values: Option<Vec<String>>, defaults: Option<&Vec<String>>) -> Vec<String> {
    let mut values = values.unwrap_or_default();
    values.retain(|value| !defaults.is_some_and(|defaults| defaults.contains(value)));
    values
}

fn own_labels(
    labels: Option<HashMap<String, String>>,
    defaults: Option<&HashMap<String, String>>,
) -> HashMap<String, String> {
    let mut labels = labels.unwrap_or_default();
    labels.retain(|name, value| defaults.and_then(|d| d.get(name)) != Some(value));
    labels
}

/// The old one's, and the volumes without a name that it had got: its data stays with the service.
fn host_config(old: &ContainerInspectResponse) -> HostConfig {
    let mut host = old.host_config.clone().unwrap_or_default();
    let mut binds = host.binds.take().unwrap_or_default();
    let named = |path: &str| {
        let by_bind = binds
            .iter()
            .any(|bind| bind.split(':').nth(1) == Some(path));
        let mounts = host.mounts.iter().flatten();
        by_bind
            || mounts
                .clone()
                .any(|mount| mount.target.as_deref() == Some(path))
    };
    let nameless: Vec<_> = old
        .mounts
        .iter()
        .flatten()
        .filter(|mount| mount.typ.as_deref() == Some("volume"))
        .filter_map(|mount| Some((mount.name.as_ref()?, mount.destination.as_ref()?, mount.rw)))
        .filter(|(_, path, _)| host.volumes_from.is_none() && !named(path))
        .map(|(name, path, rw)| match rw {
            Some(false) => format!("{name}:{path}:ro"),
            _ => format!("{name}:{path}"),
        })
        .collect();
    binds.extend(nameless);
    host.binds = Some(binds);
    host
}

/// The network to create it in, and those to join after that: older engines take only one at
/// the creation.
#[allow(
    clippy::type_complexity,
    reason = "a pair of what the caller takes apart at once"
)]
fn networks(
    old: &ContainerInspectResponse,
    id: &str,
    mode: Option<&str>,
) -> (
    Option<(String, EndpointSettings)>,
    Vec<(String, EndpointSettings)>,
) {
    let settings = old.network_settings.as_ref();
    let networks = settings
        .and_then(|s| s.networks.clone())
        .unwrap_or_default();
    let mut joined: Vec<_> = networks
        .into_iter()
        .map(|(name, endpoint)| {
            let own = own_endpoint(&name, &endpoint, id);
            (name, endpoint.network_id, own)
        })
        .collect();
    joined.sort_by(|one, other| one.0.cmp(&other.0));
    let mode = match mode {
        None | Some("default" | "") => "bridge",
        Some(mode) => mode,
    };
    let is_first =
        |name: &str, id: Option<&String>| name == mode || id.is_some_and(|id| id == mode);
    let at = joined
        .iter()
        .position(|(name, id, _)| is_first(name, id.as_ref()));
    let first = at
        .map(|at| joined.remove(at))
        .map(|(name, _, endpoint)| (name, endpoint));
    let rest = joined
        .into_iter()
        .map(|(name, _, endpoint)| (name, endpoint))
        .collect();
    (first, rest)
}

/// What was asked for, without what the engine has given.
fn own_endpoint(network: &str, endpoint: &EndpointSettings, id: &str) -> EndpointSettings {
    let aliases = endpoint.aliases.clone().unwrap_or_default();
    let aliases = aliases
        .into_iter()
        .filter(|alias| !id.starts_with(alias.as_str()));
    EndpointSettings {
        ipam_config: endpoint.ipam_config.clone(),
        links: endpoint.links.clone(),
        driver_opts: endpoint.driver_opts.clone(),
        aliases: (!NAMELESS.contains(&network)).then(|| aliases.collect()),
        ..EndpointSettings::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn only_what_was_set_for_the_container_is_copied() {
        let image = ImageConfig {
            env: Some(texts(&["VERSION=v1", "PATH=/bin"])),
            entrypoint: Some(texts(&["/web"])),
            cmd: Some(texts(&["serve"])),
            ..ImageConfig::default()
        };
        let config = ContainerConfig {
            env: Some(texts(&["PATH=/bin", "VERSION=v1", "COLOUR=blue"])),
            entrypoint: Some(texts(&["/web"])),
            cmd: Some(texts(&["serve"])),
            hostname: Some("4f2a9c1b7d3e".to_owned()),
            ..ContainerConfig::default()
        };
        let id = "4f2a9c1b7d3e5f60718293a4b5c6d7e8";
        let own = own_settings(config.clone(), &image, id);
        assert_eq!(own.env, Some(texts(&["COLOUR=blue"])));
        assert_eq!((own.entrypoint, own.cmd, own.hostname), (None, None, None));

        let other_command = ContainerConfig {
            cmd: Some(texts(&["serve", "--loud"])),
            ..config.clone()
        };
        let own = own_settings(other_command, &image, id);
        assert_eq!(
            (own.entrypoint, own.cmd),
            (None, Some(texts(&["serve", "--loud"])))
        );

        let other_entrypoint = ContainerConfig {
            entrypoint: Some(texts(&["/init"])),
            ..config
        };
        let own = own_settings(other_entrypoint, &image, id);
        assert_eq!(
            (own.entrypoint, own.cmd),
            (Some(texts(&["/init"])), Some(texts(&["serve"])))
        );
    }
}
