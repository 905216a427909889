//! The real parts that tests talk to, as `cargo xtask stack` has started them.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::OnceLock;

/// The value of one of the stack's variables, such as `PURSER_TEST_DOCKER_HOST`.
///
/// `cargo xtask test` exports them. A test that is run without it starts the parts itself.
///
/// # Panics
/// When the parts cannot be started: a missing part fails the test, it never skips it.
pub fn variable(name: &str) -> String {
    static STARTED: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    if let Ok(value) = std::env::var(name) {
        return value;
    }
    let variables = STARTED.get_or_init(|| {
        xtask(&["stack", "up"]);
        let json = xtask(&["stack", "env", "--json"]);
        serde_json::from_str(&json).expect("`stack env --json` prints an object of texts")
    });
    variables
        .get(name)
        .unwrap_or_else(|| panic!("the stack does not tell {name}"))
        .clone()
}

/// What `cargo xtask …` prints.
///
/// # Panics
/// When it fails.
pub fn xtask(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--package", "xtask", "--"])
        .args(arguments)
        .output()
        .expect("cargo can be run");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "cargo xtask {}: {complaints}",
        arguments.join(" ")
    );
    String::from_utf8(output.stdout).expect("text")
}
