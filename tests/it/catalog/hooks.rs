//! Hooks that workflows name.

use super::{lint, load, said};

const STATUS: &str = "
summary: What runs
who: { production: [WHO] }
on:
  - webhook: HOOK
steps:
  - { id: services, uses: docker.list_services, with: { system: shop } }
";

fn status(name: &str, who: &str, hook: &str) -> String {
    let rest = STATUS.replace("WHO", who).replace("HOOK", hook);
    format!("name: {name}{rest}")
}

#[test]
fn a_hook_with_the_right_starts_a_workflow() {
    assert_eq!(lint(&status("backup", "operator", "backup")), "fine");
}

#[test]
fn a_hook_that_is_not_configured_is_answered_with_the_nearest() {
    insta::assert_snapshot!(lint(&status("backup", "operator", "bakcup")), @"workflows/backup.yaml:5:14: unknown hook `bakcup`; did you mean `backup`? It is configured as `[hooks.NAME]`");
}

#[test]
fn a_hook_may_start_only_what_its_roles_may() {
    insta::assert_snapshot!(lint(&status("backup", "developer", "backup")), @"workflows/backup.yaml:5:14: the hook `backup` may not start this in production: none of its roles is in `who: { production: … }`");
}

#[test]
fn a_hook_starts_one_workflow() {
    let (one, two) = (
        status("one", "operator", "backup"),
        status("two", "operator", "backup"),
    );
    let told = said(load(&[("one", &one), ("two", &two)], &[]));
    insta::assert_snapshot!(told, @"workflows/two.yaml: the hook `backup` starts `one` already: it can start one workflow");
}

#[test]
fn a_misspelt_key_of_a_trigger_is_found() {
    let misspelt = status("backup", "operator", "backup").replace("webhook:", "webhok:");
    insta::assert_snapshot!(lint(&misspelt), @"
    workflows/backup.yaml:5:5: unknown key `webhok`; did you mean `webhook`?
    workflows/backup.yaml:5:5: `webhook` is missing (the name of the hook, as it is configured)
    ");
}
