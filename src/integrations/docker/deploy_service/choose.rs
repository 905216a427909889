//! Which way a service is replaced: what was asked for, or the best that is possible.

use super::super::strategy::Strategy;
use super::behind::Behind;

/// The way, and what it goes by.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) strategy: Strategy,
    /// The proxy that is switched.
    pub(super) behind: Option<Behind>,
    /// Why the proxy in front is not switched.
    pub(super) unswitched: Option<String>,
}

/// Chooses. `obstacles` are reasons why it cannot run twice at once; `behind` is the proxy in front, or
/// why that cannot be switched.
///
/// # Errors
/// Why it cannot be done in the way that was asked for.
pub(super) fn choose(
    wanted: Option<Strategy>,
    obstacles: &[String],
    behind: Result<Option<Behind>, String>,
) -> Result<Choice, String> {
    let (behind, unswitched) = match behind {
        Ok(behind) => (behind, None),
        Err(why) => (None, Some(why)),
    };
    let instead = |way: &str| {
        let why = behind.as_ref().map(|_| way.to_owned());
        why.or_else(|| unswitched.clone())
    };
    let chosen = |strategy, unswitched| Choice {
        strategy,
        behind: None,
        unswitched,
    };
    match wanted {
        Some(Strategy::Rolling | Strategy::BlueGreen) if !obstacles.is_empty() => Err(format!(
            "cannot run twice at once: {}; only `strategy: recreate` does for it",
            obstacles.join(", ")
        )),
        Some(Strategy::Recreate) => {
            let unswitched = instead("each container is recreated, as asked for");
            Ok(chosen(Strategy::Recreate, unswitched))
        }
        None if !obstacles.is_empty() => {
            let unswitched = instead("it cannot run twice at once");
            Ok(chosen(Strategy::Recreate, unswitched))
        }
        Some(Strategy::Rolling) => {
            let unswitched = instead("they are replaced one by one, as asked for");
            Ok(chosen(Strategy::Rolling, unswitched))
        }
        Some(Strategy::BlueGreen) if behind.is_none() => Err(match unswitched {
            Some(why) => format!("cannot be replaced as a whole set: the proxy in front cannot be switched ({why})"),
            None => "cannot be replaced as a whole set: no proxy stands in front that could be switched (`proxy` \
                     of the system, and labels of Traefik on the containers)"
                .to_owned(),
        }),
        None | Some(Strategy::BlueGreen) => Ok(Choice {
            strategy: match behind {
                Some(_) => Strategy::BlueGreen,
                None => Strategy::Rolling,
            },
            behind,
            unswitched,
        }),
    }
}

#[cfg(test)]
mod tests {
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
        match choose(wanted, &obstacles, behind) {
            Ok(Choice {
                strategy,
                behind,
                unswitched,
            }) => {
                let switched = if behind.is_some() { ", switched" } else { "" };
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
        Recreate (it cannot run twice at once)
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
        Rolling (they are replaced one by one, as asked for)
        Rolling
        cannot run twice at once: it publishes the host's port 80; only `strategy: recreate` does for it
        BlueGreen, switched
        cannot be replaced as a whole set: no proxy stands in front that could be switched (`proxy` of the system, and labels of Traefik on the containers)
        cannot be replaced as a whole set: the proxy in front cannot be switched (only HTTP can be switched)
        cannot run twice at once: it publishes the host's port 80; only `strategy: recreate` does for it
        Recreate (each container is recreated, as asked for)
        Recreate
        ");
    }
}
