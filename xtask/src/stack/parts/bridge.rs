//! The network of the containers: our own bridge, as the engine's usual one may be in use by the
//! machine's own engine.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::sh;
use crate::stack::need::must_find;

/// The bridge's name.
pub(crate) const NAME: &str = "purser-stack0";
/// The machine's own address on it, which nobody but the machine and its containers reaches.
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(10, 213, 0, 1);
/// Its hardware address, said once for all: else it is that of one of the containers, and goes with that
/// one, and all the others speak to nobody until they have found out.
const ADDRESS: &str = "02:50:55:52:53:01";
/// How many bits of it all containers have in common.
const PREFIX: u8 = 24;
/// Where the networks come from that tests make.
pub(crate) const NETWORKS: &str = "10.213.128.0/17";
/// An engine that crashed leaves much to be removed before the bridge is made.
const PATIENCE: Duration = Duration::from_mins(1);
/// How all of these addresses begin where addresses are listed.
const OURS: &str = " inet 10.213.";

/// Makes the bridge. It was deleted when we stopped: one that is there belongs to another stack.
pub(crate) fn make() -> Result<()> {
    ensure!(
        all()?.is_empty(),
        "the bridge {NAME} is there already: is another stack up?"
    );
    ip(&["link", "add", NAME, "address", ADDRESS, "type", "bridge"])?;
    ip(&["address", "add", &format!("{HOST}/{PREFIX}"), "dev", NAME])?;
    ip(&["link", "set", NAME, "up"]).map(drop)
}

/// Waits until the bridge is there: the engine's part makes it, which starts at the same time.
pub(crate) fn wait() -> Result<()> {
    let start = Instant::now();
    while TcpListener::bind((HOST, 0)).is_err() {
        sh::check_interrupted()?;
        ensure!(
            start.elapsed() < PATIENCE,
            "the bridge {NAME} is not there: it comes with the part docker"
        );
        sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// Deletes the bridge, and those of networks that tests made and left.
pub(crate) fn delete() -> Result<()> {
    for bridge in all()? {
        ip(&["link", "delete", &bridge])?;
    }
    Ok(())
}

fn all() -> Result<Vec<String>> {
    Ok(ours(&ip(&["-oneline", "-4", "address", "show"])?))
}

fn ours(listed: &str) -> Vec<String> {
    let lines = listed.lines().filter(|line| line.contains(OURS));
    lines
        .filter_map(|line| line.split_whitespace().nth(1))
        .map(str::to_owned)
        .collect()
}

fn ip(args: &[&str]) -> Result<String> {
    let said = sh::output(Command::new(must_find("ip")?).args(args));
    said.context("cannot set up the network of the containers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_bridges_are_deleted() {
        let listed = "\
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
3: docker0    inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0\\       valid_lft
4: br-06aff43e750d    inet 10.213.128.1/24 brd 10.213.128.255 scope global br-06aff43e750d
6: purser-stack0    inet 10.213.0.1/24 scope global purser-stack0\\       valid_lft forever
";
        assert_eq!(ours(listed), ["br-06aff43e750d", NAME]);
    }
}
