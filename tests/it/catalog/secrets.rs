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
    insta::assert_snapshot!(lint(&misspelt), @"workflows/backup.yaml:11:14: the secret `ORDER_URL` is not set; did you mean `ORDERS_URL`? Else set it with `purser secret set ORDER_URL`");
    let unknown = job("      env:\n        URL: \"{{ secrets.never-set }}\"\n");
    insta::assert_snapshot!(lint(&unknown), @"workflows/backup.yaml:11:14: the secret `never-set` is not set: set it with `purser secret set never-set`");
}

#[test]
fn a_field_that_takes_no_secret_is_named_with_those_that_do() {
    let command = job("      command: [\"--token\", \"{{ secrets.API_KEY }}\"]\n");
    insta::assert_snapshot!(lint(&command), @"workflows/backup.yaml:10:28: `{{ secrets.API_KEY }}`: no secret can stand here; docker.run_job takes one as a value within `env`");
    let backup = "name: backup\nsummary: x\nwho: { production: [operator] }\nsteps:\n  - id: dump\n    \
                  uses: postgres.backup\n    with: { system: orders-db, to: \"s3://minio/b\", database: \
                  \"{{ secrets.API_KEY }}\" }\n";
    insta::assert_snapshot!(lint(backup), @"workflows/backup.yaml:7:62: `{{ secrets.API_KEY }}`: no secret can stand here; postgres.backup takes none anywhere");
    let system = job("      system: \"{{ secrets.API_KEY }}\"\n");
    insta::assert_snapshot!(lint(&system), @"workflows/backup.yaml:10:15: `{{ secrets.API_KEY }}` does not show which systems it can be: write the name of one, or {{ inputs.X }} where X is a `choice` of systems of kind docker");
    let whole = job("      env: \"{{ secrets.API_KEY }}\"\n");
    insta::assert_snapshot!(lint(&whole), @"workflows/backup.yaml:10:12: `{{ secrets.API_KEY }}`: no secret can stand here; docker.run_job takes one as a value within `env`");
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
    insta::assert_snapshot!(places.map(|file| lint(&file)).join("\n"), @"
    workflows/backup.yaml:10:19: in `Bearer {{ secrets.API_KEY }}`: a secret is no part of a text or a condition: `{{ secrets.NAME }}` stands alone, as one value in the `with` of a step
    workflows/backup.yaml:10:19: in `{{ secrets.API_KEY or inputs.a }}`: a secret is no part of a text or a condition: `{{ secrets.NAME }}` stands alone, as one value in the `with` of a step
    workflows/backup.yaml:10:19: in `{{ secrets['API_KEY'] }}`: a secret is no part of a text or a condition: `{{ secrets.NAME }}` stands alone, as one value in the `with` of a step
    workflows/backup.yaml:10:9: in `secrets.API_KEY`: a secret is no part of a text or a condition: `{{ secrets.NAME }}` stands alone, as one value in the `with` of a step
    workflows/backup.yaml:10:14: in `{{ secrets.API_KEY }}`: a secret is no part of a text or a condition: `{{ secrets.NAME }}` stands alone, as one value in the `with` of a step
    ");
}

#[test]
fn the_shape_that_a_reference_has_in_events_is_not_written_into_files() {
    let file = job("      env: { URL: { $secret: API_KEY } }\n");
    insta::assert_snapshot!(lint(&file), @"workflows/backup.yaml:10:19: docker.run_job: `URL` must be text, and is a mapping of keys to values");
}
