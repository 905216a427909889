//! The check of where people are told.

use super::problem::Report;
use super::source::Node;
use super::surroundings::Surroundings;
use crate::domain::names::PlaceName;
use crate::domain::nearest;

/// Every place that `notify:` names must be configured.
pub(super) fn check(file: &Node, surroundings: &Surroundings, report: &mut Report) {
    let entries = file.get("notify").map(Node::entries).unwrap_or_default();
    for entry in entries {
        let Some(name) = entry.value.text() else {
            continue;
        };
        if !surroundings.places.contains(name) {
            let names: Vec<_> = surroundings.places.iter().map(PlaceName::as_str).collect();
            let unknown = nearest::unknown("place", name, names);
            let message = format!("{unknown} It is configured as `[places.NAME]`");
            report.error(entry.value.at, message);
        }
    }
}
