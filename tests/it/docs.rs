//! The reference part of each integration's page is made from the actions' own descriptions.
//!
//! `PURSER_WRITE_DOCS=1 cargo test docs` writes it anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use purser::action::{AnyAction, Integration, Risk};
use purser::domain::effect::{EffectSort, EffectSpec};
use serde_json::Value;

const BEGIN: &str = "<!-- made from the code: begin -->\n";
const END: &str = "<!-- made from the code: end -->\n";

#[test]
fn each_integrations_page_says_what_its_actions_say() {
    for integration in purser::integrations::all() {
        let page = format!("docs/{}.md", integration.kind.to_uppercase());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&page);
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{page}: {error}"));
        let (before, rest) = text
            .split_once(BEGIN)
            .unwrap_or_else(|| panic!("{page}: no begin"));
        let (_, after) = rest
            .split_once(END)
            .unwrap_or_else(|| panic!("{page}: no end"));
        let made = format!("{before}{BEGIN}{}{END}{after}", reference(&integration));
        written_or_the_same(&page, &text, &made);
    }
}

/// A call that is not in that list does not go through the filter, and all that is tested here does.
#[test]
fn the_page_lists_the_calls_that_go_through_to_the_engine() {
    let page = "docs/DOCKER.md";
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let begin = "| Call | Query | Body |\n|---|---|---|\n";
    let (before, rest) = text.split_once(begin).expect("a table of calls");
    let (_, after) = rest.split_once("\n\n").expect("the end of that table");
    let mut rows = String::new();
    for (call, query, body) in purser::docker_proxy::calls() {
        let query: Vec<_> = query.iter().map(|name| format!("`{name}`")).collect();
        let body = body.unwrap_or_default();
        let _ = writeln!(rows, "| `{call}` | {} | {body} |", query.join(", "));
    }
    written_or_the_same(page, &text, &format!("{before}{begin}{rows}\n{after}"));
}

fn written_or_the_same(page: &str, text: &str, made: &str) {
    if std::env::var_os("PURSER_WRITE_DOCS").is_some() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(page), made).unwrap();
    } else {
        assert!(
            text == made,
            "{page} is not what the code says: PURSER_WRITE_DOCS=1 cargo test docs"
        );
    }
}

fn reference(integration: &Integration) -> String {
    (integration.actions)()
        .iter()
        .map(|action| section(action.as_ref()))
        .collect()
}

fn section(action: &dyn AnyAction) -> String {
    let spec = action.spec();
    let risk = match spec.risk {
        Risk::Read => "reads only",
        Risk::Change => "changes what can be changed back or made again",
        Risk::Destroy => "removes what cannot be had back",
    };
    let mut text = format!("\n### `{}`\n\n{}. It {risk}.\n", spec.name, spec.summary);
    text += &fields("Input", &action.input_schema().to_value());
    text += &fields("Output", &action.output_schema().to_value());
    if !spec.effects.is_empty() {
        text += "\n| Effect | When its answer was lost | Given up after |\n|---|---|---|\n";
        for effect in spec.effects {
            text += &effect_row(effect);
        }
    }
    if let Some(last) = spec.last_undoable {
        let _ = write!(
            text,
            "\nIt can be taken back up to `{last}`. Behind that a cancel is refused, and it finishes \
             forward.\n"
        );
    }
    text
}

fn effect_row(effect: &EffectSpec) -> String {
    let lost = match effect.sort {
        EffectSort::Keyed => "the other system refuses a second one (keyed)",
        EffectSort::Askable => "the other system is asked whether it happened (askable)",
        EffectSort::Repeatable => "it is done again, which changes nothing (repeatable)",
        EffectSort::Neither => "the run parks and asks a person (neither)",
    };
    format!(
        "| `{}` | {lost} | {} |\n",
        effect.name,
        humantime::format_duration(effect.limit)
    )
}

fn fields(title: &str, schema: &Value) -> String {
    let Some(properties) = schema["properties"]
        .as_object()
        .filter(|all| !all.is_empty())
    else {
        return String::new();
    };
    let required = |name: &str| {
        schema["required"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one == name))
    };
    let mut text = format!("\n| {title} | | |\n|---|---|---|\n");
    for (name, property) in properties {
        let about = property["description"]
            .as_str()
            .unwrap_or_default()
            .replace('\n', " ");
        let need = if required(name) && title == "Input" {
            "required"
        } else {
            ""
        };
        let default = match &property["default"] {
            Value::Null => String::new(),
            value => format!("default `{value}`"),
        };
        let _ = writeln!(
            text,
            "| `{name}` | {} | {need}{default} |",
            about.replace('|', "\\|")
        );
    }
    text
}
