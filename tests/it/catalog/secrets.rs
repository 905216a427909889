//! Secrets in workflow files: where they may stand, and which there are.

use super::{lint, load_good};

/// A job whose step has this in its `with`, beside the image.
fn job(with: &str) -> String {
    format!(
        "name: backup\nsummary: x\ninputs: {{ a: {{ type: string, default: x }} }}\n\
         who: {{ production: [operator] }}\nsteps:\n  - id: job\n    uses: docker.run_job\n    \
         with:\n      image: curl\n{with}"
    )
}

#[test]
fn a_secret_may_be_the_value_of_a_variable() {
    let file = job("      env: { URL: \"{{ secrets.ORDERS_URL }}\", MODE: fast }\n");
    let catalog = load_good(&[("backup", &file)], &[]);
    let secrets = catalog.workflow("backup").unwrap().workflow.secrets();
    assert_eq!(secrets, ["ORDERS_URL".parse().unwrap()].into());
}

#[test]
fn one_that_is_not_set_is_named_with_what_to_type() {
    let misspelt = job("      env:\n        URL: \"{{ secrets.ORDER_URL }}\"\n");
    insta::assert_snapshot!(lint(&misspelt), @"");
    let unknown = job("      env:\n        URL: \"{{ secrets.never-set }}\"\n");
    insta::assert_snapshot!(lint(&unknown), @"");
}

#[test]
fn a_field_that_takes_no_secret_is_named_with_those_that_do() {
    let command = job("      command: [\"--token\", \"{{ secrets.API_KEY }}\"]\n");
    insta::assert_snapshot!(lint(&command), @"");
    let backup = "name: backup\nsummary: x\nwho: { production: [operator] }\nsteps:\n  - id: dump\n    \
                  uses: postgres.backup\n    with: { system: orders-db, to: \"s3://minio/b\", database: \
                  \"{{ secrets.API_KEY }}\" }\n";
    insta::assert_snapshot!(lint(backup), @"");
    let system = job("      system: \"{{ secrets.API_KEY }}\"\n");
    insta::assert_snapshot!(lint(&system), @"");
    let whole = job("      env: \"{{ secrets.API_KEY }}\"\n");
    insta::assert_snapshot!(lint(&whole), @"");
}

#[test]
fn a_secret_is_no_part_of_a_text_or_a_condition() {
    let places = [
        job("      env: { URL: \"Bearer {{ secrets.API_KEY }}\" }\n"),
        job("      env: { URL: \"{{ secrets.API_KEY or inputs.a }}\" }\n"),
        job("      env: { URL: \"{{ secrets['API_KEY'] }}\" }\n"),
        job("    if: secrets.API_KEY\n"),
        job("concurrency: \"{{ secrets.API_KEY }}\"\n"),
    ];
    insta::assert_snapshot!(places.map(|file| lint(&file)).join("\n"), @"");
}

#[test]
fn the_shape_that_a_reference_has_in_events_is_not_written_into_files() {
    let file = job("      env: { URL: { $secret: API_KEY } }\n");
    insta::assert_snapshot!(lint(&file), @"");
}
