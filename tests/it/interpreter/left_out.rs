//! What steps read of an output that was too long for the log.

use purser::domain::event::{Event, Logged, Rerun};
use purser::domain::interpreter::{Command, decide};
use purser::domain::names::StepId;
use purser::domain::rerun::{self, Present};
use purser::domain::run::{RunState, StepStatus};
use purser::domain::workflow::Workflow;
use serde_json::{Value, json};

use crate::support::world::new_run;

const FETCH: &str = "  - { id: fetch, uses: toy.fill, with: { system: box } }\n";
const EACH: &str = "  - { id: each, uses: toy.fill, foreach: [1, 2], with: { system: box } }\n";

/// A run that has come so far.
struct Told {
    definition: Workflow,
    state: RunState,
}

impl Told {
    fn of(steps: &str) -> Self {
        Self::asked_for(steps, None)
    }

    fn asked_for(steps: &str, goes_on: Option<Rerun>) -> Self {
        let new = new_run(steps, |request| request.rerun = goes_on);
        let state = RunState::asked_for(new.id, new.request, new.at);
        let definition = new.definition;
        Self { definition, state }.then(&json!({ "type": "started" }))
    }

    /// `fetch` has left two mebibytes, of which the log has a proof and the name of a backup.
    fn fetched(reads: &str) -> Self {
        Self::of(&format!("{FETCH}{reads}"))
            .began("fetch")
            .then(&json!({
                "type": "step_succeeded", "step": "fetch",
                "output": { "proof": "fetched", "backup": "s3://b/x" },
                "left_out": [{ "bytes": 2_097_163, "kept": "as_artifact" }],
            }))
    }

    fn began(self, step: &str) -> Self {
        self.then(&json!({
            "type": "step_started", "step": step, "attempt": 1, "action": "toy.fill",
            "system": "box", "input": {},
        }))
    }

    fn then(mut self, event: &Value) -> Self {
        let event = serde_json::from_value(event.clone()).unwrap();
        self.take_in(event);
        self
    }

    fn take_in(&mut self, event: Event) {
        self.state.apply(&Logged {
            run: self.state.id,
            seq: self.state.seq + 1,
            at: self.state.requested_at,
            event,
        });
    }

    /// What is to be appended next.
    fn next(&self) -> Event {
        let commands = decide(&self.definition, &self.state);
        let [Command::Append(event)] = &commands[..] else {
            panic!("{commands:?}")
        };
        event.clone()
    }

    /// Why the next step does not begin.
    fn refusal(&self) -> String {
        match self.next() {
            Event::AttemptFailed { failure, .. } => failure.message,
            other => panic!("{other:?}"),
        }
    }
}

fn reads(with: &str) -> String {
    format!("  - {{ id: reads, uses: toy.make, with: {{ system: box, part: \"{with}\" }} }}\n")
}

/// What a step is given that reads this of `fetch`.
fn given(with: &str) -> Value {
    match Told::fetched(&reads(with)).next() {
        Event::StepStarted { input, .. } => input["part"].clone(),
        other => panic!("{with}: {other:?}"),
    }
}

#[test]
fn what_was_left_out_is_no_input_in_whole() {
    let told = Told::fetched(&reads("{{ steps.fetch.output }}"));
    insta::assert_snapshot!(told.refusal(), @"step `reads` was not begun: in `{{ steps.fetch.output }}`: `steps.fetch.output` has 2097163 bytes, and a run's log takes 1048576 of one step: it is kept as the artifact output.json, and later steps can read only `proof`, `backup` of it");
    let ways = [
        "{{ steps.fetch.output | tojson }}",
        "{{ steps.fetch.output | length }}",
        "{{ steps.fetch.output | items | list }}",
        "{{ steps['fetch'].output }}",
        "{{ [steps.fetch.output] }}",
        "{{ steps.fetch }}",
        "{{ steps }}",
        "all of it: {{ steps.fetch.output }}",
        "all of it: {{ steps['fetch']['output'] }}",
        "all of it: {{ steps }}",
        "{{ 'all of it: ' ~ steps.fetch.output }}",
        "{{ 'rows' in steps.fetch.output }}",
    ];
    for way in ways {
        let refusal = Told::fetched(&reads(way)).refusal();
        assert!(
            refusal.contains("kept as the artifact output.json"),
            "{way}: {refusal}"
        );
    }
}

#[test]
fn nor_is_any_part_of_it_that_the_log_has_not() {
    let told = Told::fetched(&reads("{{ steps.fetch.output.rows }}"));
    insta::assert_snapshot!(told.refusal(), @"step `reads` was not begun: in `{{ steps.fetch.output.rows }}`: `steps.fetch.output` has 2097163 bytes, and a run's log takes 1048576 of one step: it is kept as the artifact output.json, and later steps can read only `proof`, `backup` of it");
    for way in [
        "{{ steps.fetch.output.rows[0] }}",
        "{{ steps.fetch.output.rows | default('none') }}",
        "{{ steps.fetch.output.rows is defined }}",
        "rows: {{ steps['fetch'].output['rows'] }}",
    ] {
        let refusal = Told::fetched(&reads(way)).refusal();
        assert!(refusal.contains("has 2097163 bytes"), "{way}: {refusal}");
    }
}

#[test]
fn what_the_log_has_of_it_can_be_read() {
    for (way, is) in [
        ("{{ steps.fetch.output.proof }}", json!("fetched")),
        ("{{ steps['fetch'].output.proof }}", json!("fetched")),
        (
            "it is {{ steps.fetch.output['backup'] }}",
            json!("it is s3://b/x"),
        ),
        ("{{ steps.fetch.status }}", json!("succeeded")),
        (
            "{{ 'no' if true else steps.fetch.output.rows }}",
            json!("no"),
        ),
    ] {
        assert_eq!(given(way), is, "{way}");
    }
}

#[test]
fn a_condition_and_a_list_that_read_it_fail_and_skip_nothing() {
    for step in [
        "if: 'steps.fetch.output | length > 10'",
        "if: steps.fetch.output",
        "if: 'steps.fetch.output.rows | length > 10'",
        "foreach: '{{ steps.fetch.output.rows }}'",
        "foreach: '{{ steps.fetch.output }}'",
    ] {
        let told = Told::fetched(&format!(
            "  - {{ id: reads, uses: toy.make, {step}, with: {{ system: box }} }}\n"
        ));
        let refusal = told.refusal();
        assert!(
            refusal.contains("kept as the artifact output.json"),
            "{step}: {refusal}"
        );
    }
}

#[test]
fn what_takes_a_step_back_reads_what_the_log_has_and_fails_where_it_reads_more() {
    let broken = |undo: &str| {
        let steps = format!(
            "  - {{ id: fetch, uses: toy.fill, with: {{ system: box }}, \
             undo: {{ uses: toy.make, with: {{ system: box, part: \"{undo}\" }} }} }}\n{}",
            reads("x"),
        );
        let told = Told::of(&steps).began("fetch").then(&json!({
            "type": "step_succeeded", "step": "fetch", "output": { "backup": "s3://b/x" },
            "left_out": [{ "bytes": 2_097_163, "kept": "as_artifact" }],
        }));
        told.began("reads").then(&json!({
            "type": "attempt_failed", "step": "reads", "retry_at": null,
            "failure": { "kind": "fatal", "message": "it broke" },
        }))
    };
    match broken("{{ output.backup }}").next() {
        Event::StepStarted { step, input, .. } => {
            assert_eq!(step, StepId::from("fetch/undo"));
            assert_eq!(input, json!({ "part": "s3://b/x" }));
        }
        other => panic!("{other:?}"),
    }
    insta::assert_snapshot!(broken("{{ output.rows }}").refusal(), @"step `fetch/undo` was not begun: in `{{ output.rows }}`: `output` has 2097163 bytes, and a run's log takes 1048576 of one step: it is kept as the artifact output.json, and later steps can read only `backup` of it");
}

/// Both items of `each` are done; of the second the log has only its proof.
fn each_is_done(then: &str) -> Told {
    let mut told = Told::of(&format!("{EACH}{then}"))
        .then(&json!({ "type": "step_fanned_out", "step": "each", "items": [1, 2] }))
        .began("each[0]")
        .then(&json!({
            "type": "step_succeeded", "step": "each[0]",
            "output": { "proof": "a", "rows": [1] },
        }))
        .began("each[1]")
        .then(&json!({
            "type": "step_succeeded", "step": "each[1]", "output": { "proof": "b" },
            "left_out": [{ "bytes": 2_097_163, "kept": "as_artifact" }],
        }));
    let done = told.next();
    told.take_in(done);
    assert_eq!(
        told.state.step(&"each".into()).status,
        StepStatus::Succeeded
    );
    told
}

#[test]
fn of_a_list_the_item_that_was_left_out_is_no_data_and_all_others_are() {
    let refusal = |with: &str| each_is_done(&reads(with)).refusal();
    insta::assert_snapshot!(refusal("{{ steps.each.output }}"), @"step `reads` was not begun: in `{{ steps.each.output }}`: `steps.each.output[1]` has 2097163 bytes, and a run's log takes 1048576 of one step: it is kept as the artifact output.json, and later steps can read only `proof` of it");
    for way in [
        "{{ steps.each.output[1].rows }}",
        "{{ steps.each.output | map(attribute='rows') | list }}",
        "all: {{ steps.each.output }}",
    ] {
        assert!(refusal(way).contains("`steps.each.output[1]` has"), "{way}");
    }
    for (way, is) in [
        ("{{ steps.each.output[0].rows }}", json!([1])),
        ("{{ steps.each.output | length }}", json!(2)),
        (
            "{{ steps.each.output | map(attribute='proof') | list }}",
            json!(["a", "b"]),
        ),
    ] {
        match each_is_done(&reads(way)).next() {
            Event::StepStarted { input, .. } => assert_eq!(input["part"], is, "{way}"),
            other => panic!("{way}: {other:?}"),
        }
    }
    let again = "  - { id: reads, uses: toy.make, foreach: '{{ steps.each.output }}', with: { system: box } }\n";
    assert!(
        each_is_done(again)
            .refusal()
            .contains("`steps.each.output[1]` has")
    );
}

#[test]
fn whoever_goes_on_from_the_run_reads_no_more_of_it() {
    let reads = reads("{{ steps.fetch.output }}");
    let mut told = Told::fetched(&reads);
    while told.state.ended.is_none() {
        let next = told.next();
        told.take_in(next);
    }
    let (earlier, file) = (&told.state, &told.definition);
    let now = Present {
        workflow: file,
        systems: &earlier.request.systems,
    };
    let rerun = rerun::go_on(earlier, file, now, None).unwrap();
    let again = Told::asked_for(&format!("{FETCH}{reads}"), Some(rerun));
    let refusal = again.refusal();
    assert!(
        refusal.contains("kept as the artifact output.json"),
        "{refusal}"
    );
}

#[test]
fn a_log_that_has_no_such_mark_reads_as_ever() {
    let told = Told::of(&format!("{FETCH}{}", reads("{{ steps.fetch.output }}")))
        .began("fetch")
        .then(&json!({ "type": "step_succeeded", "step": "fetch", "output": { "n": 1 } }));
    let Event::StepStarted { input, .. } = told.next() else {
        panic!("it begins")
    };
    assert_eq!(input, json!({ "part": { "n": 1 } }));
}
