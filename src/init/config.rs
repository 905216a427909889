//! The text of `purser.toml`, and the files that it names.

use std::fmt::Write as _;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Answers, Candidate, Contents, File, Fresh, HOOK_FILE, Seen, Target};

/// The whole file.
pub(super) fn text(
    systems: &[Candidate],
    seen: &[Seen],
    answers: &Answers,
    fresh: &Fresh,
    hook: Option<&str>,
) -> String {
    let mut text = head(answers, hook.is_some());
    let _ = write!(
        text,
        "\n# Who may ask for what. `uid` is the person's user id on this machine; the roles are those that \
         the\n# workflows name in `who`.\n[people.{}]\nroles = [\"operator\"]\nuid = {}\n",
        answers.person, answers.uid
    );
    if let Some(hook) = hook {
        let _ = write!(
            text,
            "\n# Other programs start a workflow by a signed POST to /hooks/{hook}; they know the secret in this \
             file.\n[hooks.{hook}]\nroles = [\"operator\"]\nsecret_file = {}\n",
            quoted(HOOK_FILE)
        );
    }
    for system in systems {
        text += &table(system, &answers.environment);
    }
    text += &of_seen(seen);
    let _ = write!(
        text,
        "\n# Backups of Purser itself (`purser.backup_store`) are locked for this recipient. The key that opens \
         them\n# was written to secrets/purser_backup.agekey: move it away from this machine.\n\
         # recipients = [{}]\n",
        quoted(&fresh.recipient)
    );
    text
}

fn head(answers: &Answers, has_hook: bool) -> String {
    let mut text = "# The configuration of Purser, as `purser init` has proposed it. Relative paths are \
                    relative to the\n# folder of this file. `purser lint` checks it, `purser doctor` \
                    checks what it names.\n"
        .to_owned();
    if answers.own_folder || has_hook {
        text += "\n[server]\n";
    }
    if answers.own_folder {
        text += "# Where the command line finds the server.\nsocket = \"purser.sock\"\n";
    }
    if has_hook {
        let _ = write!(
            text,
            "# Where other programs post to hooks, over plain HTTP: put a proxy with TLS before it.\nlisten = {}\n",
            quoted(&answers.listen)
        );
    }
    if answers.own_folder {
        text += "\n[store]\n# Runs, receipts, and the key that signs them.\npath = \"store\"\n";
    }
    text
}

fn table(system: &Candidate, environment: &str) -> String {
    let Candidate {
        name,
        origin,
        target,
    } = system;
    let mut text = format!(
        "\n# {origin}\n[systems.{name}]\nkind = {}\n",
        quoted(target.kind())
    );
    let mut set = |key: &str, value: &str| {
        let _ = writeln!(text, "{key} = {}", quoted(value));
    };
    match target {
        Target::Docker { host } => set("host", host),
        Target::Postgres { .. } => set("url_file", &url_file(name)),
        Target::S3 { endpoint, .. } => {
            set("endpoint", endpoint);
            set("access_key_file", &key_file(name, "access"));
            set("secret_key_file", &key_file(name, "secret"));
        }
        Target::Prometheus { url } => set("url", url),
    }
    set("environment", environment);
    if let Target::Prometheus { .. } = target {
        let _ = write!(
            text,
            "\n# Saved queries, for `graph NAME`.\n[systems.{name}.graphs]\ntargets_up = \"sum(up)\"\n"
        );
    }
    text
}

fn of_seen(seen: &[Seen]) -> String {
    if seen.is_empty() {
        return String::new();
    }
    let lines = seen.iter().map(
        |Seen {
             product,
             origin,
             why,
         }| format!("#   {product}: {origin}: {why}\n"),
    );
    format!(
        "\n# Found, and without a table:\n{}",
        lines.collect::<String>()
    )
}

/// The files of secrets that a system's table names.
pub(super) fn secrets(system: &Candidate) -> Vec<File> {
    let name = &system.name;
    let file = |path, contents| File {
        path,
        contents: Contents::Secret(contents),
    };
    match &system.target {
        Target::Postgres {
            user,
            password,
            at,
            database,
        } => {
            vec![file(
                url_file(name),
                url(user, password.as_ref(), at, database),
            )]
        }
        Target::S3 {
            access_key,
            secret_key,
            ..
        } => vec![
            file(key_file(name, "access"), access_key.clone()),
            file(key_file(name, "secret"), secret_key.clone()),
        ],
        Target::Docker { .. } | Target::Prometheus { .. } => vec![],
    }
}

fn url(user: &str, password: Option<&SecretString>, at: &str, database: &str) -> SecretString {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let password = password.map_or_else(String::new, |password| {
        format!(":{}", encoded(password.expose_secret()))
    });
    SecretString::from(format!(
        "postgres://{}{password}@{at}/{}",
        encoded(user),
        encoded(database)
    ))
}

fn url_file(name: &str) -> String {
    format!("secrets/{name}_url")
}

fn key_file(name: &str, which: &str) -> String {
    format!("secrets/{name}_{which}_key")
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
