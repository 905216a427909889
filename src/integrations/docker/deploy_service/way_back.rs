//! Back to the former image, after a deploy that has succeeded: a deploy like any other, proven before
//! the present containers go.

use serde_json::{Map, Value};

use super::DeployService;
use super::decide::Decision;
use crate::action::Action;
use crate::domain::run::StepState;
use crate::domain::undo::WayBack;

/// What is given to the deploy back as it was given to the deploy.
const TAKEN_OVER: [&str; 8] = [
    "healthy_within",
    "parallel",
    "strategy",
    "probe",
    "drains_itself",
    "found_by_name",
    "routed_within",
    "drain",
];

/// How a deploy of this journal is taken back.
pub(super) fn of(step: &StepState) -> WayBack {
    let recorded = step.records.get("decision").cloned();
    let decision = recorded.and_then(|value| serde_json::from_value::<Decision>(value).ok());
    let Some(decision) = decision else {
        let why = "what ran before is not in its journal";
        return WayBack::Stays(why.to_owned());
    };
    let (image, image_id) = match former(&decision) {
        Ok(Some(former)) => former,
        Ok(None) if decision.to_set().is_some() => return WayBack::Undo,
        Ok(None) => return WayBack::Nothing,
        Err(why) => return WayBack::Stays(why),
    };
    let mut input = Map::new();
    for name in TAKEN_OVER {
        if let Some(value) = step.input.get(name) {
            input.insert(name.to_owned(), value.clone());
        }
    }
    let former = [
        ("service", &decision.service),
        ("image", &image),
        ("image_id", &image_id),
    ];
    let former = former.map(|(name, text)| (name.to_owned(), Value::from(text.as_str())));
    input.extend(former);
    WayBack::by(DeployService::SPEC.name, input)
}

/// The image that ran before, by its name and its id, of a decision that was recorded; `None` where nothing
/// was replaced. `Err` says why there is none to go back to.
pub(in crate::integrations::docker) fn former_image(
    recorded: Value,
) -> Result<Option<(String, String)>, String> {
    let decision: Decision = serde_json::from_value(recorded)
        .map_err(|_| "what ran before is not in its journal".to_owned())?;
    former(&decision)
}

fn former(decision: &Decision) -> Result<Option<(String, String)>, String> {
    let Some((first, others)) = decision.replicas.split_first() else {
        return Ok(None);
    };
    if decision.already > 0 || others.iter().any(|other| other.image_id != first.image_id) {
        return Err(format!(
            "the containers of {} did not all run the same image before",
            decision.service
        ));
    }
    Ok(Some((first.image.clone(), first.image_id.clone())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is made of a deploy of v2 to these, of which so many ran it already.
    fn way_back(before: &[(&str, &str)], already: usize) -> WayBack {
        let replicas = before.iter().map(|(image, id)| {
            json!({
                "id": "c1", "name": "web", "image": image, "image_id": id,
                "was_running": true, "was_well": true,
            })
        });
        let decision = json!({
            "service": "shop/web", "is_compose": true, "image": "shop/web:v2",
            "named": { "local": "sha256:2" }, "strategy": "beside", "why": [],
            "replicas": replicas.collect::<Vec<_>>(), "already": already, "has_probe": false,
        });
        of(&StepState {
            input: json!({ "service": "web", "version": "v2", "healthy_within": "90s" }),
            records: [("decision".to_owned(), decision)].into(),
            ..StepState::default()
        })
    }

    #[test]
    fn the_former_image_is_deployed_by_its_name_and_its_id() {
        let expected = json!({
            "service": "shop/web", "image": "shop/web:v1", "image_id": "sha256:1",
            "healthy_within": "90s",
        });
        let Value::Object(expected) = expected else {
            unreachable!()
        };
        assert_eq!(
            way_back(&[("shop/web:v1", "sha256:1")], 0),
            WayBack::by("docker.deploy_service", expected)
        );
    }

    #[test]
    fn containers_that_ran_different_images_stay_as_they_are() {
        let stays = WayBack::Stays(
            "the containers of shop/web did not all run the same image before".to_owned(),
        );
        let two = [("shop/web:v1", "sha256:1"), ("shop/web:v0", "sha256:0")];
        assert_eq!(way_back(&two, 0), stays);
        assert_eq!(way_back(&two[..1], 1), stays);
        assert_eq!(way_back(&[], 1), WayBack::Nothing);
    }
}
