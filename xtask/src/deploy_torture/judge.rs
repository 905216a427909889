//! What is there, and what has happened, held against what the run says.

use std::collections::{BTreeMap, BTreeSet};

use super::engine::{Container, There, Told};
use super::way::{Deed, Way};
use crate::books::Findings;

/// A deploy that is over.
pub(super) struct Case<'a> {
    pub(super) way: Way,
    pub(super) deed: Deed,
    /// The run's id, and what it says that it came to.
    pub(super) run: &'a str,
    pub(super) state: &'a str,
    /// How many attempts its step took.
    pub(super) attempts: u64,
    /// The name of the new version's image.
    pub(super) image: &'a str,
    pub(super) before: &'a There,
    pub(super) after: &'a There,
    /// What has happened between them.
    pub(super) told: &'a [Told],
}

/// Judges a deploy.
pub(super) fn judge(case: &Case) -> Findings {
    let mut found = Findings::default();
    case.judge_end(&mut found);
    case.judge_containers(&mut found);
    case.judge_switches(&mut found);
    case.judge_tags(&mut found);
    case.judge_events(&mut found);
    found
}

impl Case<'_> {
    fn has_succeeded(&self) -> bool {
        self.state == "succeeded"
    }

    fn judge_end(&self, found: &mut Findings) {
        let (state, due) = (self.state, self.deed.end());
        let what = || format!("the run is {state}, and was to be {due}");
        match self.deed {
            Deed::Deploy => found.lost_unless(state == due, what),
            Deed::Sick | Deed::Unproven => found.wrong_unless(state == due, what),
        }
        let attempts = self.attempts;
        found.repeated_unless(attempts == 1, || {
            format!("the step took {attempts} attempts")
        });
    }

    /// Whatever the run was to come to: what it says that it has come to is what is there.
    fn judge_containers(&self, found: &mut Findings) {
        let (before, after) = (&self.before.containers, &self.after.containers);
        let names = |all: &[Container]| -> BTreeSet<String> {
            all.iter().map(|one| one.name.clone()).collect()
        };
        for gone in names(before).difference(&names(after)) {
            found.lost.push(format!("there is no {gone}"));
        }
        for more in names(after).difference(&names(before)) {
            found.wrong.push(format!("{more} is left over"));
        }
        let pairs = before.iter().filter_map(|old| {
            let now = after.iter().find(|now| now.name == old.name)?;
            Some((old, now))
        });
        for (old, now) in pairs {
            let name = &now.name;
            let (state, well) = (&now.state, "running healthy");
            found.wrong_unless(state == well, || format!("{name} is {state}"));
            found.lost_unless(now.volumes == old.volumes, || {
                format!("{name} has not the volumes that it had")
            });
            if self.has_succeeded() {
                let (image, due) = (&now.image, self.image);
                found.wrong_unless(image == due, || format!("{name} runs {image}, not {due}"));
                found.wrong_unless(now.run.as_deref() == Some(self.run), || {
                    format!("{name} was not made by the run")
                });
            } else {
                let is_as_it_was = now.id == old.id && now.image_id == old.image_id;
                found.wrong_unless(is_as_it_was, || format!("{name} is another container"));
            }
        }
    }

    fn judge_switches(&self, found: &mut Findings) {
        let ids =
            |all: &[Container]| -> Vec<String> { all.iter().map(|one| one.id.clone()).collect() };
        let (before, after) = (&self.before.switches, &self.after.switches);
        for switch in after.iter().filter(|one| one.state != "running") {
            let Container { name, state, .. } = switch;
            found.wrong.push(format!("the switch {name} is {state}"));
        }
        if self.has_succeeded() && self.way == Way::BlueGreen {
            let is_new = matches!(&after[..], [one] if one.run.as_deref() == Some(self.run));
            let count = after.len();
            found.wrong_unless(is_new, || {
                format!("of {count} switches not just the run's own is there")
            });
        } else {
            found.wrong_unless(ids(before) == ids(after), || {
                "the switches are other ones".to_owned()
            });
        }
    }

    /// Nothing is named anew but the one image of switches.
    fn judge_tags(&self, found: &mut Findings) {
        let (before, after) = (&self.before.tags, &self.after.tags);
        for gone in before.difference(after) {
            found
                .lost
                .push(format!("no image is called {gone} any more"));
        }
        let is_idle = |tag: &&String| tag.starts_with("purser/idle:");
        let more = after
            .difference(before)
            .filter(|tag| self.way != Way::BlueGreen || !is_idle(tag));
        for more in more {
            found.wrong.push(format!("an image is called {more}"));
        }
        let idle = after.iter().filter(is_idle).count();
        found.wrong_unless(idle <= 1, || format!("there are {idle} images of switches"));
    }

    fn judge_events(&self, found: &mut Findings) {
        let (old, new) = (self.before, self.told);
        let ids = |all: &[Container]| {
            all.iter()
                .map(|one| one.id.clone())
                .collect::<BTreeSet<_>>()
        };
        let of = |is_switch| new.iter().filter(move |told| told.is_switch == is_switch);
        self.judge_lives(
            ["container", "containers"],
            &ids(&old.containers),
            of(false),
            self.new_ones(),
            found,
        );
        self.judge_lives(
            ["switch", "switches"],
            &ids(&old.switches),
            of(true),
            self.new_switches(),
            found,
        );
    }

    /// How many containers a deploy makes that comes to this end.
    fn new_ones(&self) -> usize {
        match (self.way, self.deed) {
            // The first one is sick, and the others are not touched.
            (Way::Rolling | Way::Recreate, Deed::Sick) => 1,
            _ => self.before.containers.len(),
        }
    }

    fn new_switches(&self) -> usize {
        usize::from(self.way == Way::BlueGreen && self.deed != Deed::Sick)
    }

    /// What becomes of those that were there, and of those that were made; so many of these are due.
    fn judge_lives<'a>(
        &self,
        [what, many]: [&str; 2],
        old: &BTreeSet<String>,
        told: impl Iterator<Item = &'a Told>,
        due: usize,
        found: &mut Findings,
    ) {
        let mut lives: BTreeMap<&str, Life> = BTreeMap::new();
        for one in told {
            let life = lives.entry(one.id.as_str()).or_default();
            match one.what.as_str() {
                "create" => life.made += 1,
                "start" => life.started += 1,
                "die" => life.ended += 1,
                "destroy" => life.removed += 1,
                _ => {}
            }
        }
        let made = lives.values().filter(|life| life.made > 0).count();
        found.repeated_unless(made <= due, || {
            format!("{made} {many} were made, and {due} were due")
        });
        for (id, life) in lives {
            let is_old = old.contains(id);
            let Life {
                started,
                ended,
                removed,
                ..
            } = life;
            let of = if is_old { "old" } else { "new" };
            let id = id.get(..12).unwrap_or(id);
            // A new one is started once. An old one that stays was started as often as it was stopped.
            let is_lawful = if is_old {
                started <= ended
            } else {
                started <= 1
            };
            found.repeated_unless(is_lawful, || {
                format!(
                    "the {of} {what} {id} was started {started} times, and has ended {ended} times"
                )
            });
            let goes = is_old == self.has_succeeded();
            found.wrong_unless(removed == usize::from(goes), || {
                format!("the {of} {what} {id} was removed {removed} times")
            });
        }
    }
}

/// How often what has happened to a container.
#[derive(Default)]
struct Life {
    made: usize,
    started: usize,
    ended: usize,
    removed: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(id: &str, image: &str, run: Option<&str>) -> Container {
        Container {
            id: id.to_owned(),
            name: "web-1".to_owned(),
            image: image.to_owned(),
            image_id: format!("sha256:{image}"),
            state: "running healthy".to_owned(),
            volumes: BTreeSet::new(),
            address: None,
            run: run.map(str::to_owned),
        }
    }

    fn there(containers: &[Container]) -> There {
        There {
            containers: containers.to_vec(),
            switches: Vec::new(),
            tags: BTreeSet::from(["web:v1".to_owned()]),
        }
    }

    fn told(events: &[(&str, &str)]) -> Vec<Told> {
        let told = events.iter().map(|(id, what)| Told {
            what: (*what).to_owned(),
            id: (*id).to_owned(),
            is_switch: false,
        });
        told.collect()
    }

    const REPLACED: [(&str, &str); 5] = [
        ("b", "create"),
        ("b", "start"),
        ("a", "die"),
        ("a", "destroy"),
        ("b", "rename"),
    ];

    fn found(deed: Deed, state: &str, after: &[Container], events: &[(&str, &str)]) -> Findings {
        judge(&Case {
            way: Way::Rolling,
            deed,
            run: "r",
            state,
            attempts: 1,
            image: "v2",
            before: &there(&[one("a", "v1", None)]),
            after: &there(after),
            told: &told(events),
        })
    }

    #[test]
    fn of_a_deploy_that_is_what_it_says_nothing_is_found() {
        let new = [one("b", "v2", Some("r"))];
        let replaced = found(Deed::Deploy, "succeeded", &new, &REPLACED);
        assert_eq!(replaced, Findings::default());
        let old = [one("a", "v1", None)];
        let back = [("b", "create"), ("b", "start"), ("b", "destroy")];
        let back = found(Deed::Sick, "rolled_back", &old, &back);
        assert_eq!(back, Findings::default());
    }

    #[test]
    fn a_success_that_is_none_is_wrong() {
        let old = [one("a", "v1", None)];
        let found = found(Deed::Sick, "succeeded", &old, &[]);
        assert_eq!(
            found.wrong,
            [
                "the run is succeeded, and was to be rolled_back",
                "web-1 runs v1, not v2",
                "web-1 was not made by the run"
            ]
        );
    }

    #[test]
    fn a_way_back_to_another_container_or_to_none_is_found() {
        let other = [one("c", "v1", None)];
        let back = found(Deed::Sick, "rolled_back", &other, &[]);
        assert_eq!(back.wrong, ["web-1 is another container"]);
        let none = found(Deed::Sick, "rolled_back", &[], &[]);
        assert_eq!(none.lost, ["there is no web-1"]);
    }

    #[test]
    fn what_is_made_or_started_twice_or_left_over_is_found() {
        let mut left = one("c", "v2", Some("r"));
        left.name = "web-1-purser-0a".to_owned();
        let after = [one("b", "v2", Some("r")), left];
        let events = [&REPLACED[..], &[("b", "start"), ("c", "create")]].concat();
        let found = found(Deed::Deploy, "succeeded", &after, &events);
        assert_eq!(
            found.repeated,
            [
                "2 containers were made, and 1 were due",
                "the new container b was started 2 times, and has ended 0 times"
            ]
        );
        assert_eq!(found.wrong, ["web-1-purser-0a is left over"]);
    }
}
