//! Back to the former images, after a project was deployed: the same services, the last first.

use serde_json::{Map, Value, json};

use super::super::deploy_service;
use super::decide::Decision;
use super::{DeployProject, Target};
use crate::action::Action;
use crate::domain::run::StepState;
use crate::domain::undo::WayBack;

/// What is given to the deploy back as it was given to the deploy.
const TAKEN_OVER: [&str; 2] = ["healthy_within", "drain"];

/// How a deploy of this journal is taken back.
pub(super) fn of(step: &StepState) -> WayBack {
    let recorded = step.records.get("project").cloned();
    let decision = recorded.and_then(|value| serde_json::from_value::<Decision>(value).ok());
    let Some(decision) = decision else {
        return WayBack::Stays("what ran before is not in its journal".to_owned());
    };
    let mut images = Vec::new();
    for Target { service, .. } in decision.services.iter().rev() {
        let name = format!("{service}/decision");
        let Some(recorded) = step.records.get(&name).cloned() else {
            return WayBack::Stays(format!("what {service} ran before is not in its journal"));
        };
        match deploy_service::former_image(recorded) {
            Err(why) => return WayBack::Stays(why),
            Ok(None) => {}
            Ok(Some((image, image_id))) => images.push(json!({
                "service": service, "image": image, "image_id": image_id,
            })),
        }
    }
    if images.is_empty() {
        return WayBack::Nothing;
    }
    let mut input = Map::new();
    for name in TAKEN_OVER {
        if let Some(value) = step.input.get(name) {
            input.insert(name.to_owned(), value.clone());
        }
    }
    input.insert("project".to_owned(), Value::from(decision.project));
    input.insert("images".to_owned(), Value::from(images));
    WayBack::by(DeployProject::SPEC.name, input)
}
