//! Places that workflows name.

use super::lint;

fn status(notify: &str) -> String {
    format!(
        "name: backup\nsummary: What runs\nwho: {{ production: [operator] }}\n{notify}\nsteps:\n  - \
         {{ id: services, uses: docker.list_services, with: {{ system: shop }} }}\n"
    )
}

#[test]
fn a_workflow_may_say_where_its_runs_are_told() {
    let notify = "notify: { success: ops, failure: oncall, waiting: oncall }";
    assert_eq!(lint(&status(notify)), "fine");
}

#[test]
fn a_place_that_is_not_configured_is_answered_with_the_nearest() {
    insta::assert_snapshot!(lint(&status("notify: { failure: onacll }")), @"workflows/backup.yaml:4:20: unknown place `onacll`; did you mean `oncall`? It is configured as `[places.NAME]`");
}

#[test]
fn a_misspelt_key_is_found() {
    insta::assert_snapshot!(lint(&status("notify: { faliure: oncall }")), @"workflows/backup.yaml:4:11: unknown key `faliure`; did you mean `failure`?");
}
