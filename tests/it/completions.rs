//! `purser completions`, in a real shell.

use std::process::Stdio;

use tokio::process::Command;

use crate::support::program::Home;

/// Sources the script, and completes the last of the words as a press of Tab would.
const PRESS_TAB: &str = r#"
set -eu
source "$1"; shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
COMP_LINE="$*"
COMP_POINT=${#COMP_LINE}
complete -p purser >/dev/null
_purser purser "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
echo "${COMPREPLY[@]}"
"#;

async fn completed(home: &Home, words: &[&str]) -> String {
    let script = home.path("purser.bash");
    let bash = Command::new("bash")
        .args(["--norc", "--noprofile", "-c", PRESS_TAB, "bash"])
        .arg(script)
        .args(words)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let errors = String::from_utf8_lossy(&bash.stderr);
    assert!(bash.status.success(), "{errors}");
    String::from_utf8(bash.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn bash_completes_commands_and_their_words() {
    let home = Home::new(&[]);
    let script = home.types(&["completions", "bash"]).await;
    assert_eq!(script.code, 0, "{script:?}");
    home.write("purser.bash", &script.out);
    assert_eq!(
        completed(&home, &["purser", "sch"]).await,
        "schedules schema"
    );
    assert_eq!(
        completed(&home, &["purser", "schema", "c"]).await,
        "command config"
    );
    assert_eq!(
        completed(&home, &["purser", "run", "--det"]).await,
        "--detach"
    );
}

#[tokio::test]
async fn zsh_and_fish_have_scripts_of_their_own() {
    let home = Home::new(&[]);
    let zsh = home.types(&["completions", "zsh"]).await;
    assert!(zsh.out.starts_with("#compdef purser\n"), "{zsh:?}");
    let fish = home.types(&["completions", "fish"]).await;
    assert!(fish.out.contains("complete -c purser"), "{fish:?}");
}
