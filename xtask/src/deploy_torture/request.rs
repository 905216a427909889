//! What is asked for: a deploy of one version, always by the same key.

use xtask::torture::Dice;

use super::way::{Deed, Way};
use crate::deploys::site::App;

/// It dies at once when it is told to stop, whatever is under way.
pub(super) const APP: App = App::Dies;
/// So many versions come round again and again: an answer of that long ago is taken for no new one.
const ROUND: usize = 8;
/// The number of the sick version.
const SICK: usize = ROUND;
/// Whether each version is sick, from the second one on.
pub(super) const SICKNESS: [bool; SICK] = {
    let mut sick = [false; SICK];
    sick[SICK - 1] = true;
    sick
};

pub(super) struct Request {
    pub(super) deed: Deed,
    /// The number of the version.
    pub(super) version: usize,
    arguments: Vec<String>,
}

impl Request {
    /// The deploy of this number, while the version of that number is live. The first one is put live.
    pub(super) fn draw(way: Way, deploy: u32, live: usize, dice: &mut Dice) -> Self {
        let drawn = dice.one_of(way.deeds()).copied();
        let deed = drawn.filter(|_| deploy > 1).unwrap_or(Deed::Deploy);
        let version = match deed {
            Deed::Sick => SICK,
            Deed::Deploy | Deed::Unproven => (live + 1) % ROUND,
        };
        let tag = APP.version(version);
        let mut inputs = vec![format!("version={tag}")];
        if way == Way::BlueGreen {
            let (says, within) = match deed {
                Deed::Unproven => ("another version".to_owned(), "4s"),
                Deed::Deploy | Deed::Sick => (format!("web {tag}"), "30s"),
            };
            inputs.extend([format!("says={says}"), format!("within={within}")]);
        }
        let key = format!("deploy {deploy}");
        let ask = ["run", "deploy", "--detach", "--key", &key];
        let mut arguments = ask.map(str::to_owned).to_vec();
        for input in inputs {
            arguments.extend(["-i".to_owned(), input]);
        }
        Self {
            deed,
            version,
            arguments,
        }
    }

    /// What somebody types behind `purser`.
    pub(super) fn arguments(&self) -> Vec<&str> {
        self.arguments.iter().map(String::as_str).collect()
    }
}
