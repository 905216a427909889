//! Which way a service is replaced: what was asked for, or the best that is possible.

use super::super::strategy::Strategy;
use super::behind::Behind;

/// The way, and what it goes by.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) strategy: Strategy,
    /// The proxy in front, whether it is switched or goes by labels.
    pub(super) behind: Option<Behind>,
    /// Why nothing is known of the proxy in front.
    pub(super) unswitched: Option<String>,
}

/// Chooses. `obstacles` are reasons why it cannot run twice at once; `behind` is the proxy in front, or
/// why that cannot be switched; of a service that drains itself it needs not be.
///
/// # Errors
/// Why it cannot be done in the way that was asked for.
pub(super) fn choose(
    wanted: Option<Strategy>,
    drains_itself: bool,
    obstacles: &[String],
    behind: Result<Option<Behind>, String>,
) -> Result<Choice, String> {
    let (behind, unswitched) = match behind {
        Ok(behind) => (behind, None),
        Err(why) => (None, Some(why)),
    };
    let best = match (&behind, obstacles) {
        (Some(_), []) if !drains_itself => Strategy::BlueGreen,
        (_, []) => Strategy::Rolling,
        _ => Strategy::Recreate,
    };
    let strategy = wanted.unwrap_or(best);
    if strategy != Strategy::Recreate && !obstacles.is_empty() {
        return Err(format!(
            "cannot run twice at once: {}; only `strategy: recreate` does for it",
            obstacles.join(", ")
        ));
    }
    if strategy == Strategy::BlueGreen && behind.is_none() {
        return Err(match unswitched {
            Some(why) => format!(
                "cannot be replaced as a whole set: the proxy in front cannot be switched ({why})"
            ),
            None => "cannot be replaced as a whole set: no proxy stands in front that could be switched (`proxy` \
                     of the system, and labels of Traefik on the containers)"
                .to_owned(),
        });
    }
    if drains_itself && (strategy != Strategy::Rolling || behind.is_none()) {
        return Err(
            "is said to drain itself (`drains_itself`), which matters where containers are replaced one by one \
             (`rolling`) behind a proxy that goes by their labels: leave it out"
                .to_owned(),
        );
    }
    let behind = match strategy {
        Strategy::BlueGreen => behind,
        Strategy::Rolling | Strategy::Recreate => behind.map(Behind::by_labels),
    };
    Ok(Choice {
        strategy,
        behind,
        unswitched,
    })
}

#[cfg(test)]
mod tests {
    use super::super::behind::Lead;
    use super::*;

    fn proxy() -> Behind {
        let behind = serde_json::json!({
            "proxy": "edge",
            "front": { "routers": {}, "services": {} },
            "old_switch": null,
            "raised": false,
        });
        serde_json::from_value(behind).unwrap()
    }

    /// The way, whether the proxy is switched, and why not.
    fn way(
        wanted: Option<Strategy>,
        obstacles: &[&str],
        behind: Result<Option<Behind>, String>,
    ) -> String {
        let obstacles: Vec<_> = obstacles.iter().map(|one| (*one).to_owned()).collect();
        match choose(wanted, false, &obstacles, behind) {
            Ok(Choice {
                strategy,
                behind,
                unswitched,
            }) => {
                let switched = match behind.map(|behind| behind.lead) {
                    None => "",
                    Some(Lead::Labels) => ", by labels",
                    Some(Lead::Switch | Lead::File(_)) => ", switched",
                };
                let why = unswitched.map_or_else(String::new, |why| format!(" ({why})"));
                format!("{strategy:?}{switched}{why}")
            }
            Err(why) => why,
        }
    }

    #[test]
    fn left_out_it_is_the_best_way_that_is_possible() {
        let tcp = || Err("only HTTP can be switched".to_owned());
        let port = ["it publishes the host's port 80"];
        let chosen = [
            way(None, &[], Ok(None)),
            way(None, &[], Ok(Some(proxy()))),
            way(None, &[], tcp()),
            way(None, &port, Ok(Some(proxy()))),
            way(None, &port, tcp()),
        ];
        insta::assert_snapshot!(chosen.join("\n"), @"
        Rolling
        BlueGreen, switched
        Rolling (only HTTP can be switched)
        Recreate, by labels
        Recreate (only HTTP can be switched)
        ");
    }

    #[test]
    fn what_is_asked_for_is_done_or_refused_with_the_reason() {
        use Strategy::{BlueGreen, Recreate, Rolling};
        let tcp = || Err("only HTTP can be switched".to_owned());
        let port = ["it publishes the host's port 80"];
        let chosen = [
            way(Some(Rolling), &[], Ok(Some(proxy()))),
            way(Some(Rolling), &[], Ok(None)),
            way(Some(Rolling), &port, Ok(Some(proxy()))),
            way(Some(BlueGreen), &[], Ok(Some(proxy()))),
            way(Some(BlueGreen), &[], Ok(None)),
            way(Some(BlueGreen), &[], tcp()),
            way(Some(BlueGreen), &port, Ok(Some(proxy()))),
            way(Some(Recreate), &[], Ok(Some(proxy()))),
            way(Some(Recreate), &port, Ok(None)),
        ];
        insta::assert_snapshot!(chosen.join("\n"), @"
        Rolling, by labels
        Rolling
        cannot run twice at once: it publishes the host's port 80; only `strategy: recreate` does for it
        BlueGreen, switched
        cannot be replaced as a whole set: no proxy stands in front that could be switched (`proxy` of the system, and labels of Traefik on the containers)
        cannot be replaced as a whole set: the proxy in front cannot be switched (only HTTP can be switched)
        cannot run twice at once: it publishes the host's port 80; only `strategy: recreate` does for it
        Recreate, by labels
        Recreate
        ");
    }

    #[test]
    fn what_drains_itself_is_replaced_one_by_one_behind_its_proxy_or_refused() {
        let port = ["it publishes the host's port 80".to_owned()];
        let way =
            |wanted, obstacles: &[String], behind| match choose(wanted, true, obstacles, behind) {
                Ok(choice) => format!("{:?}", choice.strategy),
                Err(why) => why,
            };
        assert_eq!(way(None, &[], Ok(Some(proxy()))), "Rolling");
        let refused = way(None, &[], Ok(None));
        insta::assert_snapshot!(refused, @"is said to drain itself (`drains_itself`), which matters where containers are replaced one by one (`rolling`) behind a proxy that goes by their labels: leave it out");
        assert_eq!(way(None, &port, Ok(Some(proxy()))), refused);
        assert_eq!(
            way(Some(Strategy::BlueGreen), &[], Ok(Some(proxy()))),
            refused
        );
    }
}
