use serde_json::{Value, json};

use super::{World, deploy};

fn scope(world: &World) -> String {
    format!("/applications/{}/guilds/{}/commands", world.bot, world.shop)
}

fn command(name: &str) -> Value {
    json!({ "name": name, "description": "d" })
}

#[test]
fn an_overwrite_keeps_the_ids_of_known_names_and_removes_the_others() {
    let mut world = World::new();
    let put = format!("PUT {}", scope(&world));
    let (_, first) = world.ask(&put, &json!([command("a"), command("b")]));
    let (_, second) = world.ask(&put, &json!([command("b"), command("c")]));
    assert_eq!(second[0]["id"], first[1]["id"]);
    assert_eq!(
        second[0]["version"], first[1]["version"],
        "nothing has changed in it"
    );
    let (_, listed) = world.ask(&format!("GET {}", scope(&world)), &json!({}));
    let names: Vec<&Value> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["b", "c"]);
}

#[test]
fn a_command_is_made_changed_and_removed() {
    let mut world = World::new();
    let all = scope(&world);
    let (status, made) = world.ask(&format!("POST {all}"), &command("a"));
    assert_eq!(status, 201);
    assert_eq!(world.ask(&format!("POST {all}"), &command("a")).0, 200);
    let one = format!("{all}/{}", made["id"].as_str().unwrap());
    let (_, changed) = world.ask(&format!("PATCH {one}"), &json!({ "description": "new" }));
    assert_eq!(changed["description"], "new");
    assert_ne!(changed["version"], made["version"]);
    assert_eq!(world.ask(&format!("DELETE {one}"), &json!({})).0, 204);
    assert_eq!(
        world.refused(&format!("GET {one}"), &json!({})),
        (404, 10063)
    );
}

#[test]
fn two_hundred_commands_are_created_in_a_day() {
    let mut world = World::new();
    let put = format!("PUT {}", scope(&world));
    let hundred = |from: usize| -> Value {
        (from..from + 100)
            .map(|n| command(&format!("c{n}")))
            .collect()
    };
    assert_eq!(world.ask(&put, &hundred(0)).0, 200);
    assert_eq!(world.ask(&put, &hundred(100)).0, 200);
    assert_eq!(world.refused(&put, &hundred(200)), (400, 30034));
    assert_eq!(
        world.ask(&put, &hundred(100)).0,
        200,
        "what is there is not created again"
    );
}

#[test]
fn another_applications_commands_are_out_of_reach() {
    let mut world = World::new();
    assert_eq!(
        world.refused("GET /applications/1/commands", &json!({})),
        (403, 50001)
    );
}

#[test]
fn the_client_refuses_what_is_not_registered() {
    let mut world = World::new();
    world.register(&deploy());
    let (ann, ops) = (world.ann, world.ops);
    let mut refused = |line: &str| {
        world
            .state
            .uses(ann, ops, line, &[], None)
            .err()
            .unwrap()
            .to_string()
    };
    assert_eq!(refused("/undeploy"), "/undeploy is not a command here");
    assert_eq!(refused("/deploy"), "/deploy needs the option service");
}
