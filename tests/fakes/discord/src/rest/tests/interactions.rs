use std::time::Duration;

use serde_json::{Value, json};

use super::{World, deploy};
use crate::state::interaction::Kind;

const MESSAGE: u64 = 4;
const DEFERRED: u64 = 5;
const DEFERRED_UPDATE: u64 = 6;
const UPDATE: u64 = 7;
const CHOICES: u64 = 8;
const MODAL: u64 = 9;

fn callback(kind: u64, data: &Value) -> Value {
    json!({ "type": kind, "data": data })
}

fn used() -> (World, String, String) {
    let mut world = World::new();
    world.register(&deploy());
    let (id, token) = world.says("/deploy service:web");
    let answer = format!("POST /interactions/{id}/{token}/callback");
    let webhook = format!("/webhooks/{}/{token}", world.bot);
    (world, answer, webhook)
}

#[test]
fn an_interaction_is_answered_once_and_within_three_seconds() {
    let (mut world, answer, _) = used();
    world.wait(Duration::from_millis(2_500));
    assert_eq!(
        world
            .ask(&answer, &callback(MESSAGE, &json!({ "content": "hi" })))
            .0,
        204
    );
    assert_eq!(
        world.refused(&answer, &callback(DEFERRED, &json!({}))),
        (400, 40060)
    );
    let (mut world, answer, _) = used();
    world.wait(Duration::from_secs(3));
    assert_eq!(
        world.refused(&answer, &callback(MESSAGE, &json!({ "content": "hi" }))),
        (404, 10062)
    );
    assert_eq!(
        world.refused(
            "POST /interactions/1/token/callback",
            &callback(DEFERRED, &json!({}))
        ),
        (404, 10062)
    );
}

#[test]
fn who_answered_is_noted_with_what_came_of_it() {
    let (mut world, answer, _) = used();
    let with_session = answer.replace("/callback", ".abc/callback");
    world.ask(&with_session, &callback(DEFERRED, &json!({})));
    world.ask(&answer, &callback(DEFERRED, &json!({})));
    let it = world.state.interactions.values().next().unwrap();
    let noted: Vec<_> = it
        .answers
        .iter()
        .map(|one| (one.session.as_deref(), one.refused))
        .collect();
    assert_eq!(noted, [(Some("abc"), None), (None, Some(40060))]);
}

#[test]
fn a_deferred_reply_is_edited_for_fifteen_minutes() {
    let (mut world, answer, webhook) = used();
    let original = format!("{webhook}/messages/@original");
    let edit = json!({ "content": "done" });
    assert_eq!(
        world.refused(&format!("PATCH {original}"), &edit),
        (404, 10015),
        "not answered yet"
    );
    world.ask(&answer, &callback(DEFERRED, &json!({})));
    let (_, waiting) = world.ask(&format!("GET {original}"), &json!({}));
    assert_eq!(waiting["flags"], 128);
    let (_, done) = world.ask(&format!("PATCH {original}"), &edit);
    assert_eq!(
        (&done["content"], &done["flags"]),
        (&json!("done"), &json!(0))
    );
    world.wait(Duration::from_mins(15));
    assert_eq!(
        world.refused(&format!("PATCH {original}"), &edit),
        (401, 50027)
    );
    let id = done["id"].as_str().unwrap();
    let in_channel = format!("PATCH /channels/{}/messages/{id}", world.ops);
    assert_eq!(
        world.ask(&in_channel, &edit).0,
        200,
        "as a message of the bot's it can still be edited"
    );
}

#[test]
fn the_first_follow_up_takes_the_place_of_is_thinking() {
    let (mut world, answer, webhook) = used();
    world.ask(&answer, &callback(DEFERRED, &json!({ "flags": 64 })));
    let (_, first) = world.ask(&format!("POST {webhook}"), &json!({ "content": "one" }));
    let (_, second) = world.ask(&format!("POST {webhook}"), &json!({ "content": "two" }));
    assert_eq!(
        first["flags"], 64,
        "it stays private, as the deferred one was"
    );
    assert_eq!(second["flags"], 0);
    let (_, original) = world.ask(&format!("GET {webhook}/messages/@original"), &json!({}));
    assert_eq!(original["id"], first["id"]);
}

#[test]
fn a_private_reply_is_seen_by_one_person_only() {
    let (mut world, answer, webhook) = used();
    let bob = world.state.add_member(world.shop, "bob", &[]);
    world.ask(
        &answer,
        &callback(MESSAGE, &json!({ "content": "psst", "flags": 64 })),
    );
    let (ann, ops) = (world.ann, world.ops);
    assert!(crate::look::channel(&world.state, ann, ops).contains("psst"));
    assert!(!crate::look::channel(&world.state, bob, ops).contains("psst"));
    let (_, message) = world.ask(&format!("GET {webhook}/messages/@original"), &json!({}));
    let in_channel = format!("GET /channels/{ops}/messages");
    assert_eq!(world.ask(&in_channel, &json!({})).1, json!([]));
    let id = message["id"].as_str().unwrap();
    assert_eq!(
        world.refused(&format!("{in_channel}/{id}"), &json!({})),
        (404, 10008)
    );
}

#[test]
fn each_kind_of_interaction_takes_its_kinds_of_answer() {
    let (world, _, _) = used();
    let takes = |kind: Kind, number: u64, data: &Value| {
        crate::check::response::check(&callback(number, data), kind, false, 3).is_ok()
    };
    let (text, form) = (
        json!({ "content": "x" }),
        json!({ "title": "t", "custom_id": "m", "components": [
        { "type": 1, "components": [{ "type": 4, "style": 1, "label": "l", "custom_id": "f" }] },
    ] }),
    );
    let offer = json!({ "choices": [{ "name": "n", "value": "v" }] });
    assert!(takes(Kind::Command, MESSAGE, &text) && takes(Kind::Command, MODAL, &form));
    assert!(!takes(Kind::Command, UPDATE, &text) && !takes(Kind::Command, CHOICES, &offer));
    assert!(
        takes(Kind::Component, UPDATE, &text)
            && takes(Kind::Component, DEFERRED_UPDATE, &json!({}))
    );
    assert!(
        takes(Kind::Autocomplete, CHOICES, &offer) && !takes(Kind::Autocomplete, MESSAGE, &text)
    );
    assert!(takes(Kind::Modal, MESSAGE, &text) && !takes(Kind::Modal, MODAL, &form));
    drop(world);
}

#[test]
fn twenty_five_choices_are_offered_at_most() {
    let mut world = World::new();
    world.register(&deploy());
    let mut offered = |count: usize| {
        let (ann, ops) = (world.ann, world.ops);
        let id = world
            .state
            .uses(ann, ops, "/deploy service:w", &[], Some("service"))
            .unwrap();
        let token = world.state.interactions[&id].token.clone();
        let choices: Vec<Value> = (0..count)
            .map(|n| json!({ "name": format!("n{n}"), "value": "v" }))
            .collect();
        let answer = format!("POST /interactions/{id}/{token}/callback");
        world
            .ask(&answer, &callback(CHOICES, &json!({ "choices": choices })))
            .0
    };
    assert_eq!((offered(25), offered(26)), (204, 400));
}

#[test]
fn a_click_changes_the_message_that_it_is_on() {
    let mut world = World::new();
    let button = json!([{ "type": 1, "components": [
        { "type": 2, "style": 1, "label": "Go", "custom_id": "go" },
        { "type": 2, "style": 1, "label": "Off", "custom_id": "off", "disabled": true },
    ] }]);
    let message = world
        .post(&json!({ "content": "ready?", "components": button }))
        .parse()
        .unwrap();
    let ann = world.ann;
    assert!(world.state.clicks(ann, message, "Off").is_err());
    assert!(world.state.clicks(ann, message, "Stop").is_err());
    let id = world.state.clicks(ann, message, "Go").unwrap();
    let token = world.state.interactions[&id].token.clone();
    let answer = format!("POST /interactions/{id}/{token}/callback");
    let changed = callback(UPDATE, &json!({ "content": "gone", "components": [] }));
    assert_eq!(world.ask(&answer, &changed).0, 204);
    let shown = world.state.find_message(message).unwrap();
    assert_eq!(
        (shown.content.as_str(), shown.components.len()),
        ("gone", 0)
    );
}

#[test]
fn a_form_is_filled_in_by_who_opened_it() {
    let (mut world, answer, _) = used();
    let form = json!({ "title": "Why?", "custom_id": "m", "components": [
        { "type": 1, "components": [{ "type": 4, "style": 1, "label": "Reason", "custom_id": "f", "min_length": 3 }] },
    ] });
    world.ask(&answer, &callback(MODAL, &form));
    let opened = *world.state.interactions.keys().next().unwrap();
    let ann = world.ann;
    let bob = world.state.add_member(world.shop, "bob", &[]);
    assert!(
        world
            .state
            .submits(bob, opened, &[("Reason", "because")])
            .is_err()
    );
    assert!(
        world
            .state
            .submits(ann, opened, &[("Reason", "x")])
            .is_err()
    );
    let sent = world
        .state
        .submits(ann, opened, &[("Reason", "because")])
        .unwrap();
    let data = &world.state.interactions[&sent].data;
    assert_eq!(data["components"][0]["components"][0]["value"], "because");
}

#[test]
fn all_edits_of_original_share_one_bucket() {
    let mut world = World::new();
    world.register(&deploy());
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let (id, token) = world.says("/deploy service:web");
        let answer = format!("POST /interactions/{id}/{token}/callback");
        world.ask_at_once(&answer, &callback(DEFERRED, &json!({})), &[]);
        let edit = format!("PATCH /webhooks/{}/{token}/messages/@original", world.bot);
        statuses.push(world.ask_at_once(&edit, &json!({ "content": "x" }), &[]).0);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429]);
}

#[test]
fn between_two_there_are_global_commands_and_no_guild() {
    let mut world = World::new();
    world.register(&deploy());
    let (ann, bot) = (world.ann, world.bot);
    let direct = world.state.direct(ann, bot.bot());
    let status = json!([
        { "name": "status", "description": "d" },
        { "name": "here", "description": "d", "contexts": [0] },
    ]);
    let put = format!("PUT /applications/{bot}/commands");
    assert_eq!(world.ask(&put, &status).0, 200);
    let mut uses = |line: &str| world.state.uses(ann, direct, line, &[], None);
    assert!(uses("/deploy service:web").is_err(), "it is the guild's");
    assert!(uses("/here").is_err(), "it is not for here");
    let id = uses("/status").unwrap();
    let token = world.state.interactions[&id].token.clone();
    let answer = format!("POST /interactions/{id}/{token}/callback");
    let said = callback(MESSAGE, &json!({ "content": "all is well" }));
    assert_eq!(world.ask(&answer, &said).0, 204);
    let bob = world.state.add_member(world.shop, "bob", &[]);
    assert!(crate::look::channel(&world.state, ann, direct).contains("all is well"));
    assert!(!crate::look::channel(&world.state, bob, direct).contains("all is well"));
    let open = json!({ "recipient_id": ann.to_string() });
    let (_, opened) = world.ask("POST /users/@me/channels", &open);
    assert_eq!(
        (&opened["id"], &opened["type"]),
        (&json!(direct), &json!(1))
    );
}

#[test]
fn a_global_command_is_offered_where_its_contexts_are() {
    let mut world = World::new();
    let (ann, ops, bot) = (world.ann, world.ops, world.bot);
    let direct = world.state.direct(ann, bot.bot());
    let commands = json!([
        { "name": "here", "description": "d", "contexts": [0] },
        { "name": "there", "description": "d", "contexts": [1] },
        { "name": "anywhere", "description": "d" },
    ]);
    let put = format!("PUT /applications/{bot}/commands");
    assert_eq!(world.ask(&put, &commands).0, 200);
    let mut offered = |place| {
        let names = ["/here", "/there", "/anywhere"];
        names.map(|line| world.state.uses(ann, place, line, &[], None).is_ok())
    };
    assert_eq!(offered(ops), [true, false, true]);
    assert_eq!(offered(direct), [false, true, true]);
    assert_eq!(world.ask(&put, &json!([])).0, 200);
    assert!(world.state.uses(ann, direct, "/there", &[], None).is_err());
}

#[test]
fn a_button_between_two_is_clicked_by_the_one_who_sees_it() {
    let mut world = World::new();
    let (ann, bot) = (world.ann, world.bot);
    let bob = world.state.add_member(world.shop, "bob", &[]);
    let direct = world.state.direct(ann, bot.bot());
    let button = json!([{ "type": 1, "components": [
        { "type": 2, "style": 1, "label": "Go", "custom_id": "go" },
    ] }]);
    let post = format!("POST /channels/{direct}/messages");
    let asks = json!({ "content": "ready?", "components": button });
    let (_, message) = world.ask(&post, &asks);
    let message = message["id"].as_str().unwrap().parse().unwrap();
    assert!(world.state.clicks(bob, message, "Go").is_err());
    let id = world.state.clicks(ann, message, "Go").unwrap();
    let token = world.state.interactions[&id].token.clone();
    let answer = format!("POST /interactions/{id}/{token}/callback");
    let gone = callback(UPDATE, &json!({ "content": "gone", "components": [] }));
    assert_eq!(world.ask(&answer, &gone).0, 204);
    assert!(crate::look::channel(&world.state, ann, direct).contains("gone"));
}

#[test]
fn answers_do_not_count_against_the_limit_of_the_whole_bot() {
    let (mut world, answer, _) = used();
    let now = world.state.now_ms();
    while world.state.limits.take_global(world.bot, now).is_ok() {}
    let (status, limited) = world.ask_at_once("GET /users/@me", &json!({}), &[]);
    assert_eq!((status, &limited["global"]), (429, &json!(true)));
    assert_eq!(
        world
            .ask_at_once(&answer, &callback(DEFERRED, &json!({})), &[])
            .0,
        204
    );
}

#[test]
fn a_follow_up_refers_to_the_first_answer() {
    let (mut world, answer, webhook) = used();
    let said = callback(MESSAGE, &json!({ "content": "one" }));
    world.ask(&answer, &said);
    let (_, first) = world.ask(&format!("GET {webhook}/messages/@original"), &json!({}));
    let (_, second) = world.ask(&format!("POST {webhook}"), &json!({ "content": "two" }));
    assert_eq!((&first["type"], &second["type"]), (&json!(20), &json!(19)));
    assert_eq!(second["message_reference"]["message_id"], first["id"]);
}

#[test]
fn in_a_channel_that_is_gone_nothing_is_answered() {
    let (mut world, answer, _) = used();
    let ops = world.ops;
    world.state.remove_channel(ops).unwrap();
    let said = callback(MESSAGE, &json!({ "content": "one" }));
    assert_eq!(world.refused(&answer, &said), (404, 10003));
}
