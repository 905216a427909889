use std::time::Duration;

use serde_json::{Value, json};

use super::World;
use crate::state::permissions::Permissions;

fn begin(world: &mut World) -> String {
    let message = world.post(&json!({ "content": "deploying" }));
    let begin = format!("POST /channels/{}/messages/{message}/threads", world.ops);
    let (status, thread) = world.ask(
        &begin,
        &json!({ "name": "steps", "auto_archive_duration": 60 }),
    );
    assert_eq!(status, 201, "{thread}");
    assert_eq!(thread["id"], message.as_str());
    message
}

fn said_in(world: &mut World, thread: &str) -> Vec<u64> {
    let (_, history) = world.ask(&format!("GET /channels/{thread}/messages"), &json!({}));
    history
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["type"].as_u64().unwrap())
        .collect()
}

#[test]
fn a_message_has_one_thread_with_its_own_number() {
    let mut world = World::new();
    let thread = begin(&mut world);
    let again = format!("POST /channels/{}/messages/{thread}/threads", world.ops);
    assert_eq!(
        world.refused(&again, &json!({ "name": "more" })),
        (400, 160_004)
    );
    let (_, message) = world.ask(
        &format!("GET /channels/{}/messages/{thread}", world.ops),
        &json!({}),
    );
    assert_eq!(message["thread"]["name"], "steps");
    assert_eq!(said_in(&mut world, &thread), [21]);
}

#[test]
fn names_and_times_of_threads_have_limits() {
    let mut world = World::new();
    let message = world.post(&json!({ "content": "deploying" }));
    let begin = format!("POST /channels/{}/messages/{message}/threads", world.ops);
    for wrong in [
        json!({}),
        json!({ "name": "x".repeat(101) }),
        json!({ "name": "x", "auto_archive_duration": 61 }),
    ] {
        assert_eq!(world.refused(&begin, &wrong), (400, 50035), "{wrong}");
    }
    world.deny(Permissions::CREATE_PUBLIC_THREADS);
    assert_eq!(world.refused(&begin, &json!({ "name": "x" })), (403, 50013));
}

#[test]
fn a_message_opens_an_archived_thread_and_an_edit_does_not() {
    let mut world = World::new();
    let thread = begin(&mut world);
    let messages = format!("/channels/{thread}/messages");
    let (_, said) = world.ask(&format!("POST {messages}"), &json!({ "content": "one" }));
    let edit = format!("PATCH {messages}/{}", said["id"].as_str().unwrap());
    let (status, _) = world.ask(
        &format!("PATCH /channels/{thread}"),
        &json!({ "archived": true }),
    );
    assert_eq!(status, 200);
    assert_eq!(
        world.refused(&edit, &json!({ "content": "two" })),
        (400, 50083)
    );
    assert_eq!(
        world
            .ask(&format!("POST {messages}"), &json!({ "content": "two" }))
            .0,
        200
    );
    assert_eq!(world.ask(&edit, &json!({ "content": "three" })).0, 200);
}

#[test]
fn a_locked_thread_is_closed_to_who_does_not_manage_threads() {
    let mut world = World::new();
    let thread = begin(&mut world);
    let id = thread.parse().unwrap();
    let close = |world: &mut World, archived: bool| {
        let body = json!({ "archived": archived, "locked": true });
        world.state.change_channel(id, &body).unwrap();
    };
    let post = format!("POST /channels/{thread}/messages");
    let said: Value = json!({ "content": "one" });
    close(&mut world, true);
    assert_eq!(world.refused(&post, &said), (400, 50083));
    close(&mut world, false);
    assert_eq!(world.refused(&post, &said), (400, 160_005));
    let open = format!("PATCH /channels/{thread}");
    assert_eq!(
        world.refused(&open, &json!({ "locked": false })),
        (403, 50013)
    );
}

#[test]
fn a_thread_archives_itself_after_its_time() {
    let mut world = World::new();
    let thread = begin(&mut world);
    let active = format!("GET /guilds/{}/threads/active", world.shop);
    let count = |world: &mut World| {
        world.ask(&active, &json!({})).1["threads"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count(&mut world), 1);
    world.wait(Duration::from_mins(61));
    assert_eq!(count(&mut world), 0);
    let archived = format!("GET /channels/{}/threads/archived/public", world.ops);
    assert_eq!(
        world.ask(&archived, &json!({})).1["threads"][0]["id"],
        thread.as_str()
    );
}

#[test]
fn a_thread_without_a_message_is_private_unless_asked_otherwise() {
    let mut world = World::new();
    let begin = format!("POST /channels/{}/threads", world.ops);
    assert_eq!(world.refused(&begin, &json!({ "name": "x" })), (403, 50013));
    let (status, thread) = world.ask(&begin, &json!({ "name": "x", "type": 11 }));
    assert_eq!((status, &thread["type"]), (201, &json!(11)));
}
