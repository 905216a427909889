//! What is left for a person where a deploy cannot be taken back: the commands, in their order.

use serde::de::DeserializeOwned;

use super::super::compose::{Before, Set};
use super::super::container::LABEL_EFFECT;
use super::behind::{Behind, Lead, RouteFile, Switch};
use super::blue_green::Made;
use super::carry_out::{Placed, aside};
use super::decide::Replica;
use super::{
    CREATE_NEW, CREATE_SWITCH, PIN_VERSION, REMOVE_OLD, RENAME_OLD, STOP_OLD, STOP_OLD_SWITCH,
    WRITE_ROUTES,
};
use crate::action::{ActionError, Context, EffectRecord, EffectStatus, ErrorKind};
use crate::domain::effect::EffectKey;

/// The error of an undo, and what a person has to do if it does not come to anything.
pub(super) async fn told(ctx: &Context, why: ActionError) -> ActionError {
    let left = Left {
        effects: ctx.effects().await,
        key: |effect: &EffectRecord| EffectKey {
            run: ctx.run,
            step: ctx.step.clone(),
            generation: effect.generation,
            effect: effect.effect.clone(),
        },
    };
    let todo = left.to_do();
    if todo.is_empty() || why.kind == ErrorKind::Cancelled {
        return why;
    }
    let ActionError {
        kind,
        message,
        cause,
        may_have_landed,
    } = why;
    // What is said at length comes last: the first line is what people are told.
    let (first, rest) = match message.split_once('\n') {
        Some((first, rest)) => (first, format!("\n{rest}")),
        None => (message.as_str(), String::new()),
    };
    ActionError {
        kind,
        message: format!(
            "{first}; to go back by hand: {}{rest}",
            todo.join(", then ")
        ),
        cause,
        may_have_landed,
    }
}

/// What is still in the world of a deploy.
struct Left<K> {
    effects: Vec<EffectRecord>,
    key: K,
}

impl<K: Fn(&EffectRecord) -> EffectKey> Left<K> {
    /// Nothing, once an old container may be gone.
    fn to_do(&self) -> Vec<String> {
        let mut todo = Vec::new();
        if self.live().any(|effect| effect.effect.name == REMOVE_OLD) {
            return todo;
        }
        if let Some((set, _)) = self.result::<(Set, Before)>(PIN_VERSION, None) {
            let from = set.from.as_deref().filter(|from| !from.is_empty());
            let from = from.map_or_else(|| "nothing".to_owned(), |from| format!("`{from}`"));
            todo.push(format!("set {} in {} to {from}", set.variable, set.file));
        }
        let names = self.names();
        let names = names.iter().map(String::as_str);
        let (put_aside, beside): (Vec<_>, Vec<_>) =
            names.partition(|name| self.find(RENAME_OLD, Some(*name)).is_some());
        for name in put_aside {
            todo.extend(self.remove_new(name));
            todo.extend(self.name_back(name));
            todo.extend(self.start_old(name));
        }
        todo.extend(beside.iter().filter_map(|name| self.start_old(name)));
        todo.extend(self.switch_back());
        todo.extend(beside.iter().filter_map(|name| self.remove_new(name)));
        todo
    }

    fn live(&self) -> impl Iterator<Item = &EffectRecord> {
        self.effects.iter().filter(|effect| effect.is_live())
    }

    fn find(&self, name: &str, item: Option<&str>) -> Option<&EffectRecord> {
        self.live()
            .find(|effect| effect.effect.name == name && effect.effect.item.as_deref() == item)
    }

    fn result<T: DeserializeOwned>(&self, name: &str, item: Option<&str>) -> Option<T> {
        match &self.find(name, item)?.status {
            EffectStatus::Done(result) => serde_json::from_value(result.clone()).ok(),
            _ => None,
        }
    }

    /// The containers of which something is left, the last one first.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for name in self.live().filter_map(|effect| effect.effect.item.clone()) {
            if !names.contains(&name) {
                names.insert(0, name);
            }
        }
        names
    }

    /// By its id: the old one may have the name that it was made under.
    fn remove_new(&self, name: &str) -> Option<String> {
        let made = self.find(CREATE_NEW, Some(name))?;
        let new: Option<Placed> = self.result(CREATE_NEW, Some(name));
        Some(self.remove(made, new.map(|new| new.id)))
    }

    fn remove(&self, made: &EffectRecord, id: Option<String>) -> String {
        match id {
            Some(id) => format!("`docker rm --force {}`", id.get(..12).unwrap_or(&id)),
            None => format!(
                "remove the container with the label {LABEL_EFFECT}={}, if there is one",
                (self.key)(made)
            ),
        }
    }

    fn name_back(&self, name: &str) -> Option<String> {
        let renamed = self.find(RENAME_OLD, Some(name))?;
        let from = aside(name, &(self.key)(renamed));
        Some(format!("`docker rename {from} {name}`"))
    }

    fn start_old(&self, name: &str) -> Option<String> {
        self.find(STOP_OLD, Some(name))?;
        let was: Option<Replica> = self.result(STOP_OLD, Some(name));
        let ran = was.is_none_or(|was| was.was_running);
        ran.then(|| format!("`docker start {name}`"))
    }

    fn switch_back(&self) -> Vec<String> {
        let old: Option<Switch> = self.result(STOP_OLD_SWITCH, None);
        let start = old.map(|old| format!("`docker start {}`", old.name));
        let made = self.find(CREATE_SWITCH, None);
        let remove = made.map(|made| {
            let new: Option<Made> = self.result(CREATE_SWITCH, None);
            self.remove(made, new.map(|new| new.switch.id))
        });
        start
            .into_iter()
            .chain(self.file_back())
            .chain(remove)
            .collect()
    }

    fn file_back(&self) -> Option<String> {
        let written: Behind = self.result(WRITE_ROUTES, None)?;
        let Lead::File(RouteFile { shown, before, .. }) = written.lead else {
            return None;
        };
        Some(match before {
            None => format!("`rm {shown}`"),
            Some(_) => format!("have {shown} lead to the old containers' service"),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::domain::names::RunId;
    use crate::domain::time::Timestamp;

    /// What is said to do where these effects are there, each as its name, its item and its result.
    fn to_do(effects: &[(&str, Option<&str>, EffectStatus)]) -> Vec<String> {
        let effects = effects.iter().map(|(name, item, status)| EffectRecord {
            effect: item.map_or_else(|| (*name).into(), |item| (*name, item).into()),
            generation: 0,
            status: status.clone(),
            started_at: Timestamp::from_micros(0),
            ended_at: None,
        });
        let left = Left {
            effects: effects.collect(),
            key: |effect: &EffectRecord| EffectKey {
                run: RunId::new(Uuid::nil()),
                step: "deploy".into(),
                generation: 0,
                effect: effect.effect.clone(),
            },
        };
        left.to_do()
    }

    fn new(id: &str) -> EffectStatus {
        EffectStatus::Done(json!({ "id": id, "name": "web-purser-1" }))
    }

    fn old(was_running: bool) -> EffectStatus {
        EffectStatus::Done(json!({
            "id": "c1", "name": "web", "image": "v1", "image_id": "sha256:1",
            "was_running": was_running, "was_well": was_running,
        }))
    }

    #[test]
    fn what_was_put_aside_gets_its_name_back_once_the_new_one_is_gone() {
        let web = Some("web");
        let done = EffectStatus::Done(json!(null));
        let all = [
            (STOP_OLD, web, old(true)),
            (RENAME_OLD, web, done.clone()),
            (CREATE_NEW, web, new("0123456789abcdef")),
        ];
        let told = to_do(&all);
        let [remove, rename, start] = &told[..] else {
            panic!("{told:?}")
        };
        assert_eq!(remove, "`docker rm --force 0123456789ab`");
        let renames = rename.starts_with("`docker rename web-purser-") && rename.ends_with(" web`");
        assert!(renames, "{rename}");
        assert_eq!(start, "`docker start web`");
        assert_eq!(to_do(&[(STOP_OLD, web, old(false))]), [""; 0]);
    }

    #[test]
    fn beside_the_old_ones_are_there_before_the_new_ones_go() {
        let all = [
            (CREATE_NEW, Some("web"), new("aaaa")),
            (CREATE_NEW, Some("api"), EffectStatus::Started),
            (STOP_OLD, Some("web"), old(true)),
        ];
        let label = "purser.effect=00000000-0000-0000-0000-000000000000/deploy/0/create_new[api]";
        let expected = [
            "`docker start web`".to_owned(),
            format!("remove the container with the label {label}, if there is one"),
            "`docker rm --force aaaa`".to_owned(),
        ];
        assert_eq!(to_do(&all), expected);
    }

    #[test]
    fn a_file_of_routes_goes_again_where_none_was() {
        let written = json!({
            "proxy": "edge", "front": { "routers": {}, "services": {} }, "old_switch": null, "raised": true,
            "lead": { "file": { "name": "web.yml", "shown": "/routes/web.yml", "before": null, "led": false } },
        });
        let all = [(WRITE_ROUTES, None, EffectStatus::Done(written))];
        assert_eq!(to_do(&all), ["`rm /routes/web.yml`"]);
    }

    #[test]
    fn once_an_old_one_may_be_gone_nothing_leads_back() {
        let all = [
            (STOP_OLD, Some("web"), old(true)),
            (REMOVE_OLD, Some("web"), EffectStatus::Started),
        ];
        assert_eq!(to_do(&all), [""; 0]);
    }
}
