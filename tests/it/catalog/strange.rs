//! Files that nobody would write: whatever is in one, the answer is a list of problems.

use proptest::prelude::*;

use super::load;

/// Pieces of which files that are nearly workflows can be put together.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "name: backup\n",
        "summary: x\n",
        "inputs:\n",
        "  a: { type: choice, choices: [orders-db, 5] }\n",
        "  b: { type: integer, default: [1] }\n",
        "who: { production: [operator] }\n",
        "who:\n",
        "approval:\n",
        "  production: { by: [a], count: 4294967295 }\n",
        "steps:\n",
        "  - id: a\n",
        "  - id: \"{{ x\"\n",
        "    uses: postgres.backup\n",
        "    uses: docker.run_job\n",
        "    with:\n",
        "    with: [1]\n",
        "      system: \"{{ inputs.a }}\"\n",
        "      to: s3://{{ inputs.a }}/{{ steps.a.output.backup\n",
        "      to: s3://\n",
        "      to: \"}} s3://{{{{ }}/a\"\n",
        "      image: \"{{ steps.a.output.manifest.tables.0.x }}\"\n",
        "    if: steps..a\n",
        "    if: ((((((\n",
        "&a ",
        "*a ",
        "<<: *a\n",
        "? ",
        ": ",
        "- ",
        "!!binary x\n",
        "|\n",
        ">\n",
        "{",
        "}",
        "[",
        "]",
        "\"",
        "'",
        "\u{feff}",
        "\r\n",
        "\t",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "ä",
        "\u{0}",
        "~",
    ];
    prop_oneof![
        4 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => "[ -~\n]{0,12}",
        1 => "\\PC{0,6}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_file_is_too_strange(pieces in proptest::collection::vec(piece(), 0..24)) {
        let text = pieces.concat();
        let _ = load(&[("backup", &text)], &[("backup", &text)]);
    }
}

#[test]
fn deep_and_long_expressions_do_not_take_the_stack() {
    for expression in [
        "(".repeat(10_000),
        "[".repeat(10_000),
        "not ".repeat(10_000),
        "-".repeat(10_000),
        "a.".repeat(10_000),
    ] {
        let text = format!(
            "name: backup\nsummary: x\nsteps:\n  - id: a\n    uses: docker.run_job\n    with:\n      image: 'x{{{{ {expression} }}}}'\n"
        );
        assert!(load(&[("backup", &text)], &[]).is_err());
    }
}
