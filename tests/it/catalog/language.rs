//! Workflow files that use the whole language, good and bad.

use super::{load, load_good, said};
use std::fmt::Write as _;

const HEAD: &str = "name: play\nsummary: Play\nwho: { production: [operator] }\nsteps:\n";

fn lint(steps: &str) -> String {
    said(load(&[("play", &format!("{HEAD}{steps}"))], &[]))
}

#[test]
fn a_file_that_uses_all_of_it_is_completed_and_keeps_what_it_runs() {
    let play = format!(
        "{HEAD}{}",
        "  - { id: all, needs: [], uses: docker.list_services }
  - { id: each, needs: [all], uses: docker.run_job, foreach: [a, b], parallel: 2, with: { image: '{{ item }}' } }
  - { id: sub, needs: [all], runs: other, with: { name: x } }
  - { id: pause, needs: [each, sub], wait: { for: 10m } }
  - { id: last, uses: docker.run_job, with: { image: '{{ steps.sub.output.image }}' },
      approval: { by: [operator] }, undo: { uses: docker.run_job, with: { image: undo } } }
on_failure:
  - { id: tell, uses: docker.run_job, with: { image: tell, command: ['{{ failure.step }}', '{{ failure.message }}'] } }
outputs: { image: '{{ steps.sub.output.image }}' }
concurrency: { key: play, when_busy: skip }
"
    );
    let other = "name: other\nsummary: Other\nwho: { production: [operator] }\n\
                 inputs: { name: { type: string, required: true } }\n\
                 steps: [{ id: a, uses: docker.run_job, with: { image: '{{ inputs.name }}' } }]\n\
                 outputs: { image: '{{ inputs.name }}' }\n";
    let catalog = load_good(&[("play", &play), ("other", other)], &[]);
    let loaded = catalog.workflow("play").unwrap();
    assert!(loaded.workflow.includes.contains_key("other"));
    let undo = loaded.workflow.step(&"last/undo".into()).unwrap();
    assert_eq!(
        undo.with().unwrap()["system"],
        "shop",
        "every step names its system"
    );
    let inner = loaded.workflow.step(&"sub/a".into()).unwrap();
    assert_eq!(inner.with().unwrap()["system"], "shop");
}

#[test]
fn needs_name_steps_that_are_there_and_lead_in_no_circle() {
    let said = lint(
        "  - { id: a, needs: [c], uses: docker.list_services }
  - { id: b, needs: [a, b], uses: docker.list_services }
  - { id: c, needs: [b, dd], uses: docker.list_services }
  - { id: d, needs: [], uses: docker.run_job, with: { image: x, command: ['{{ steps.a.status }}'] } }
",
    );
    insta::assert_snapshot!(said, @r#"
    workflows/play.yaml:6:21: steps need each other in a circle: a→c→b→a
    workflows/play.yaml:6:25: the step `b` needs itself
    workflows/play.yaml:7:25: unknown step `dd`; did you mean `d`?
    workflows/play.yaml:8:75: in `{{ steps.a.status }}`: the step `a` need not be over by then: name it in this step's `needs`
    "#);
}

#[test]
fn a_step_does_one_thing_and_says_only_what_goes_with_it() {
    let said = lint(
        "  - { id: a, uses: docker.list_services, wait: { for: 5s } }
  - { id: b, with: {} }
  - { id: c, wait: { for: 5s }, retry: { attempts: 2 } }
  - { id: d, uses: docker.list_services, parallel: 2 }
  - { id: e, uses: docker.list_services, foreach: '{{ run.by }}' }
  - { id: f, uses: docker.list_services, foreach: [a], approval: { by: [operator] } }
  - { id: undo, uses: docker.list_services }
  - { id: g, wait: { hook: nobody } }
  - { id: h, wait: { until: tomorrow } }
",
    );
    insta::assert_snapshot!(said, @r#"
    workflows/play.yaml:5:48: a step does one thing: it has `uses` already
    workflows/play.yaml:6:5: one of `uses` (an action), `runs` (a workflow) and `wait` is missing
    workflows/play.yaml:7:33: `retry` goes with `uses`
    workflows/play.yaml:8:42: `parallel` goes with `foreach`
    workflows/play.yaml:9:51: `foreach` must be a list, and `{{ run.by }}` is text
    workflows/play.yaml:10:66: an approval is asked for one plan, and `foreach` makes one for each item: have a workflow with the approval run for each item
    workflows/play.yaml:11:11: `undo` is Purser's own name for steps: take another id
    workflows/play.yaml:12:20: warning: nothing ends this wait if no message comes: give the step a `timeout`
    workflows/play.yaml:12:28: unknown hook `nobody`; there is `backup` ([hooks.NAME])
    workflows/play.yaml:13:29: `until` must be an instant such as "2026-01-31T08:00:00Z", or an expression that gives one, and is "tomorrow"
    "#);
}

#[test]
fn workflows_run_others_that_are_there_with_what_those_want_and_never_themselves() {
    let file = |name: &str, steps: &str| {
        format!("name: {name}\nsummary: S\nwho: {{ production: [operator] }}\nsteps:\n{steps}")
    };
    let one = file(
        "one",
        "  - { id: a, runs: two }\n  - { id: b, runs: thre }\n",
    );
    let two = file("two", "  - { id: a, runs: one, with: { n: 1 } }\n");
    let three = file("three", "  - { id: a, runs: four }\n");
    let four = format!(
        "{}inputs: {{ n: {{ type: integer, required: true }} }}\ntimeout: 1h\n",
        file("four", "  - { id: a, uses: docker.list_services }\n")
    );
    let files = [
        ("one", &*one),
        ("two", &two),
        ("three", &three),
        ("four", &four),
    ];
    insta::assert_snapshot!(said(load(&files, &[])), @r#"
    workflows/one.yaml:5:20: workflows run each other in a circle: one→two→one
    workflows/one.yaml:6:20: unknown workflow `thre`; did you mean `three`?
    workflows/three.yaml:5:20: four: `n` is missing
    workflows/three.yaml:5:20: warning: `timeout` of `four` counts for runs of its own, and not where a step runs it
    workflows/two.yaml:5:20: workflows run each other in a circle: two→one→two
    workflows/two.yaml:5:33: one: unknown key `n`: there is none yet
    "#);
}

#[test]
fn what_is_far_too_much_is_refused_at_once() {
    let steps = |number: usize| {
        let mut many = String::new();
        for n in 0..number {
            let _ = writeln!(many, "  - {{ id: s{n}, uses: docker.list_services }}");
        }
        lint(&many)
    };
    insta::assert_snapshot!(steps(10_000), @"workflows/play.yaml: the file has 458954 bytes, and 262144 are allowed");
    insta::assert_snapshot!(steps(600), @"workflows/play.yaml:5:3: the file has 600 steps, and 500 are allowed: have workflows run others");
    insta::assert_snapshot!(steps(5_000), @"workflows/play.yaml:4002:18: YAML document too large or too complex: limits breached: Nodes { nodes: 20001 }");
    let deep = format!(
        "  - {{ id: a, uses: docker.run_job, with: {{ image: x, command: {}{} }} }}\n",
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    insta::assert_snapshot!(lint(&deep), @"workflows/play.yaml:5:93: recursion limit exceeded");
    let explodes = "  - { id: a, uses: docker.run_job, with: { image: \"{{ 'x' * 999999999 }}\" } }
  - { id: b, uses: docker.list_services, if: 'range(999999999) | list | length > 1' }
";
    insta::assert_snapshot!(lint(explodes), @"workflows/play.yaml:6:46: in `range(999999999) | list | length > 1`: unknown value `range`; there is `inputs`, `run`, `steps`");
}

/// The first example of docs/WORKFLOWS.md, as a reader would copy it.
#[test]
fn the_example_of_the_page_is_a_good_file() {
    let page = include_str!("../../../docs/WORKFLOWS.md");
    let from = page.find("    name: nightly").unwrap();
    let lines = page[from..].lines();
    let block = lines.take_while(|line| line.starts_with("    "));
    let file = block.map(|line| &line[4..]).collect::<Vec<_>>().join("\n");
    let catalog = load_good(&[("nightly", &file)], &[]);
    assert_eq!(catalog.workflow("nightly").unwrap().workflow.steps.len(), 4);
}
