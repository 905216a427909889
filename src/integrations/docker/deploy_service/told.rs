//! What people are told of a deploy before it begins, and approve.

use super::super::strategy::Strategy;
use super::Input;
use super::behind::{Lead, RouteFile};
use super::decide::Decision;
use crate::domain::plan::Plan;

impl Decision {
    /// What people approve.
    pub(super) fn plan(&self, input: &Input) -> Plan {
        if self.replicas.is_empty() {
            let summary = format!("nothing: {} runs {} already", self.service, self.image);
            let plan = Plan::new(summary);
            let plan = plan.relies_on(format!("image {}", self.image), self.named.id());
            return self.pinned(plan);
        }
        let from = self.old_images().join(", ");
        let mut plan = Plan::new(format!(
            "replace {}: {from} → {}, {}",
            self.service, self.image, self.strategy
        ))
        .relies_on(format!("image {}", self.image), self.named.id());
        for replica in &self.replicas {
            plan = plan
                .relies_on(format!("image of {}", replica.name), &replica.image_id)
                .relies_on(format!("container {}", replica.name), &replica.set_up)
                .changes(
                    format!("image of {}", replica.name),
                    Some(replica.image.clone()),
                    Some(self.image.clone()),
                );
        }
        let way = match self.strategy {
            Strategy::Rolling => "beside",
            Strategy::BlueGreen => "as a whole set",
            Strategy::Recreate => "in place",
        };
        plan = plan.changes("how it is replaced", None, Some(way.to_owned()));
        for rule in self
            .switched()
            .into_iter()
            .flat_map(|behind| behind.front.rules())
        {
            let led = |to: &str| Some(format!("to {to}"));
            plan = plan.changes(format!("{rule} at the proxy"), led(&from), led(&self.image));
        }
        if let Some(file) = self.route_file() {
            let (subject, now) = (
                format!("routes in {}", file.shown),
                file.led_to().join(", "),
            );
            let there = (!now.is_empty()).then(|| format!("to {now}"));
            plan = plan.relies_on(&subject, now).changes(
                subject,
                there,
                Some("to the new set".to_owned()),
            );
        }
        self.pinned(self.notes(input).into_iter().fold(plan, Plan::note))
    }

    fn route_file(&self) -> Option<&RouteFile> {
        match &self.behind.as_ref()?.lead {
            Lead::File(file) => Some(file),
            Lead::Switch | Lead::Labels => None,
        }
    }

    fn notes(&self, input: &Input) -> Vec<String> {
        let mut notes = Vec::new();
        notes.push(match self.strategy {
            Strategy::BlueGreen => format!(
                "the new containers are tried through the proxy{} by a name of their own; then it is \
                 switched to them at one instant, and the old ones have {} to finish: requests that \
                 take no longer are not dropped",
                self.behind.as_ref().map_or_else(String::new, |it| format!(" `{}`", it.proxy)),
                input.drain
            ),
            Strategy::Rolling => "each old container goes on until its new one has proven itself \
                                 beside it"
                .to_owned(),
            Strategy::Recreate => format!(
                "cannot run twice at once: {}; so each old container is stopped first, and does \
                 not answer until its new one has proven itself",
                self.why.join(", ")
            ),
        });
        notes.push(format!(
            "a new container has {} to prove itself by its HEALTHCHECK{}",
            input.healthy_within,
            if self.has_probe {
                ", or by the probe if it has none"
            } else {
                "; without one it only has to run for 5 s"
            }
        ));
        notes.push(
            "can be undone until the old containers are removed, which comes last".to_owned(),
        );
        if self.strategy == Strategy::BlueGreen && !input.keep.duration().is_zero() {
            notes.push(format!(
                "the old containers go on for {} after that, and the run with them: a cancel goes back \
                 to them at once, and no other deploy of it begins",
                input.keep
            ));
        }
        if self.strategy == Strategy::Recreate {
            notes.extend(self.come_back.iter().map(|name| {
                format!(
                    "{name} has the restart policy `always`: an engine that is started anew in the middle \
                     of the deploy starts it too, beside the new one; with `unless-stopped` it does not"
                )
            }));
        }
        notes.extend(self.front(input));
        notes.extend(self.footing.iter().cloned());
        if self.already > 0 {
            notes.push(format!(
                "{} of its containers run this image already",
                self.already
            ));
        }
        notes
    }

    /// What leads requests to it without being switched, and what is not promised therefore.
    fn front(&self, input: &Input) -> Option<String> {
        let dropped = "requests under way are dropped where a container does not finish them";
        if let Some(behind) = self.listed() {
            let by_labels = format!(
                "the proxy `{}` goes by the containers' own labels",
                behind.proxy
            );
            let one_by_one = "it has to lead to a new container, which without a HEALTHCHECK gets requests as soon \
                              as it runs, before its old one is stopped, and in the end to no old one; old and \
                              new ones answer meanwhile";
            return Some(match self.strategy {
                Strategy::Recreate => {
                    format!("{by_labels}: in the end it has to lead to the new ones; {dropped}")
                }
                _ if input.drains_itself => format!(
                    "{by_labels}: {one_by_one}. Told to stop, the service is said to fail its HEALTHCHECK and to \
                     go on until the proxy has noticed: then no request is dropped"
                ),
                _ => format!("{by_labels}: {one_by_one}; {dropped}"),
            });
        }
        match (&self.unswitched, self.strategy) {
            (Some(why), _) => Some(format!(
                "the proxy in front is not switched, and not asked what it serves: {why}; {dropped}"
            )),
            (None, Strategy::Rolling) if self.names_late => Some(format!(
                "in front is Docker's DNS alone: a new container gets the service's name in its networks once it \
                 has proven itself; {dropped}"
            )),
            (None, Strategy::Rolling) if self.goes_by_name => Some(format!(
                "in front is Docker's DNS alone, which leads to old and new containers while both run; \
                 {dropped}"
            )),
            _ => None,
        }
    }
}
