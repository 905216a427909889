use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::World;
use crate::state::permissions::Permissions;
use crate::state::posting::Upload;
use crate::state::render::UPLOAD_LIMIT;

#[test]
fn an_empty_message_is_refused_and_so_is_an_edit_that_leaves_one() {
    let mut world = World::new();
    let channel = format!("/channels/{}/messages", world.ops);
    assert_eq!(
        world.refused(&format!("POST {channel}"), &json!({ "content": " " })),
        (400, 50006)
    );
    let id = world.post(&json!({ "content": "hello" }));
    assert_eq!(
        world.refused(&format!("PATCH {channel}/{id}"), &json!({ "content": "" })),
        (400, 50006)
    );
}

#[test]
fn an_enforced_nonce_posts_once_within_a_few_minutes() {
    let mut world = World::new();
    let body = json!({ "content": "hello", "nonce": "run-1", "enforce_nonce": true });
    let first = world.post(&body);
    assert_eq!(world.post(&body), first);
    world.wait(Duration::from_secs(301));
    assert_ne!(world.post(&body), first);
}

#[test]
fn a_nonce_that_is_not_enforced_posts_twice() {
    let mut world = World::new();
    let body = json!({ "content": "hello", "nonce": "run-1" });
    assert_ne!(world.post(&body), world.post(&body));
}

#[test]
fn history_is_read_in_pages_from_the_newest() {
    let mut world = World::new();
    let ids: Vec<String> = (0..5)
        .map(|n| world.post(&json!({ "content": format!("m{n}") })))
        .collect();
    let channel = format!("GET /channels/{}/messages", world.ops);
    let mut page = |asked: &str| -> Vec<String> {
        let (status, answer) = world.ask(&format!("{channel}?{asked}"), &json!({}));
        assert_eq!(status, 200, "{answer}");
        let contents = answer
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["content"].as_str().unwrap().to_owned());
        contents.collect()
    };
    assert_eq!(page("limit=2"), ["m4", "m3"]);
    assert_eq!(page(&format!("limit=2&before={}", ids[3])), ["m2", "m1"]);
    assert_eq!(page(&format!("limit=2&after={}", ids[0])), ["m2", "m1"]);
    assert_eq!(
        page(&format!("limit=3&around={}", ids[2])),
        ["m3", "m2", "m1"]
    );
    assert_eq!(
        world.refused(&format!("{channel}?limit=101"), &json!({})),
        (400, 50035)
    );
}

#[test]
fn each_right_that_is_missing_has_its_refusal() {
    let plain = json!({ "content": "hello" });
    let embed = json!({ "embeds": [{ "title": "t" }] });
    let cases = [
        (Permissions::VIEW_CHANNEL, &plain, (403, 50001)),
        (Permissions::SEND_MESSAGES, &plain, (403, 50013)),
        (Permissions::EMBED_LINKS, &embed, (403, 50013)),
    ];
    for (right, body, expected) in cases {
        let mut world = World::new();
        world.deny(right);
        let channel = format!("POST /channels/{}/messages", world.ops);
        assert_eq!(world.refused(&channel, body), expected, "{right:?}");
    }
}

#[test]
fn who_may_not_read_history_gets_an_empty_one() {
    let mut world = World::new();
    let id = world.post(&json!({ "content": "hello" }));
    world.deny(Permissions::READ_MESSAGE_HISTORY);
    let channel = format!("GET /channels/{}/messages", world.ops);
    assert_eq!(world.ask(&channel, &json!({})), (200, json!([])));
    assert_eq!(
        world.refused(&format!("{channel}/{id}"), &json!({})),
        (403, 50013)
    );
}

#[test]
fn what_is_not_there_has_a_code_of_its_own() {
    let mut world = World::new();
    let ops = world.ops;
    let nothing = json!({});
    assert_eq!(
        world.refused("POST /channels/1/messages", &nothing),
        (404, 10003)
    );
    assert_eq!(
        world.refused(&format!("GET /channels/{ops}/messages/1"), &nothing),
        (404, 10008)
    );
    assert_eq!(world.refused("GET /users/1", &nothing), (404, 10013));
    assert_eq!(world.refused("GET /guilds/1", &nothing), (404, 10004));
    assert_eq!(world.refused("GET /nowhere", &nothing), (404, 0));
    assert_eq!(
        world.refused("GET /channels/ops/messages/1", &nothing),
        (400, 50035)
    );
}

#[test]
fn only_the_author_edits_a_message() {
    let mut world = World::new();
    let (ann, ops) = (world.ann, world.ops);
    let id = world.state.writes(ann, ops, "mine").unwrap();
    let edit = format!("PATCH /channels/{ops}/messages/{id}");
    assert_eq!(
        world.refused(&edit, &json!({ "content": "yours" })),
        (403, 50005)
    );
    let delete = format!("DELETE /channels/{ops}/messages/{id}");
    assert_eq!(world.refused(&delete, &json!({})), (403, 50013));
}

#[test]
fn a_file_has_a_limit_and_an_address() {
    let mut world = World::new();
    let file = |size: usize| Upload {
        number: 0,
        name: "a b.log".into(),
        content_type: "text/plain".into(),
        bytes: Bytes::from(vec![b'x'; size]),
    };
    let post = format!("POST /channels/{}/messages", world.ops);
    let (status, answer) = world.ask_at_once(&post, &json!({}), &[file(UPLOAD_LIMIT + 1)]);
    assert_eq!((status, answer["code"].as_u64()), (413, Some(40005)));
    let described = json!({ "attachments": [{ "id": 0, "description": "the log" }] });
    let (status, answer) = world.ask_at_once(&post, &described, &[file(3)]);
    let shown = &answer["attachments"][0];
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        (&shown["size"], &shown["description"]),
        (&json!(3), &json!("the log"))
    );
    assert!(shown["id"].is_string() && shown["url"].as_str().unwrap().ends_with("/a_b.log"));
}

#[test]
fn five_messages_in_five_seconds_in_one_channel() {
    let mut world = World::new();
    let post = format!("POST /channels/{}/messages", world.ops);
    let mut say = || {
        world
            .ask_at_once(&post, &json!({ "content": "hello" }), &[])
            .0
    };
    assert_eq!(
        [say(), say(), say(), say(), say(), say()],
        [200, 200, 200, 200, 200, 429]
    );
}

#[test]
fn nobody_is_pinged_against_allowed_mentions() {
    let mut world = World::new();
    let ann = world.ann;
    let text = format!("@everyone <@{ann}>");
    world.post(&json!({ "content": text, "allowed_mentions": { "parse": [] } }));
    assert_eq!(crate::look::pings(&world.state), []);
    world.post(&json!({ "content": text }));
    let pings: Vec<String> = crate::look::pings(&world.state)
        .into_iter()
        .map(|ping| ping.whom)
        .collect();
    assert_eq!(
        pings,
        ["@ann"],
        "a bot without the right does not ping everyone"
    );
}
