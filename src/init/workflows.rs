//! The workflows and commands that Purser comes with, made to fit the systems that there are.

use super::{BUCKET, Candidate, Contents, File, Target};

/// What fits.
pub(super) struct Catalog {
    pub(super) files: Vec<File>,
    /// The hook that a workflow waits for.
    pub(super) hook: Option<&'static str>,
    pub(super) notes: Vec<String>,
    pub(super) first_run: Option<String>,
}

/// A workflow and its command, as they are shipped.
struct Template {
    name: &'static str,
    /// The action that the system is named for, where there are several of its kind.
    action: &'static str,
    workflow: &'static str,
    command: &'static str,
}

macro_rules! template {
    ($name:literal, $action:literal) => {
        Template {
            name: $name,
            action: $action,
            workflow: include_str!(concat!("../../workflows/", $name, ".yaml")),
            command: include_str!(concat!("../../commands/", $name, ".yaml")),
        }
    };
}

const DOCKER: &[Template] = &[
    template!("status", "docker.list_services"),
    template!("logs", "docker.show_logs"),
    template!("stats", "docker.show_stats"),
    template!("events", "docker.list_events"),
    template!("images", "docker.list_images"),
    template!("networks", "docker.list_networks"),
    template!("restart", "docker.restart_service"),
    template!("stop", "docker.stop_service"),
    template!("start", "docker.start_service"),
    template!("scale", "docker.scale_service"),
    template!("deploy", "docker.deploy_service"),
    template!("rollback", "docker.deploy_service"),
];
const PROMETHEUS: &[Template] = &[
    template!("query", "prometheus.query"),
    template!("graph", "prometheus.query_range"),
];

const BACKUP_WORKFLOW: &str = include_str!("../../workflows/backup-postgres.yaml");
const BACKUP_COMMAND: &str = include_str!("../../commands/backup.yaml");

const OWN_BACKUP: &str = include_str!("../../workflows/backup-purser.yaml");
/// What stands in it for the folder, for the key, and for its public half.
const OWN_FOLDER: &str = "s3://minio/backups/purser";
const OWN_KEY: &str = "\
      # `age-keygen -o purser-backup.key` makes a key and prints its public half, which goes here. The
      # file goes where neither this machine nor the object store is: without it no backup opens.
";
const NO_RECIPIENT: &str = "age1-put-your-public-key-here";
const DRAWN_KEY: &str = "\
      # The key that opens them was written to secrets/purser_backup.agekey: move it where neither this
      # machine nor the object store is. Without it no backup opens.
";

/// What makes the shipped deploy wait for a second person, whom a first configuration has not.
const APPROVAL: &str = "\
# A second person says yes to the plan. When the world has changed meanwhile, they are asked again.
approval:
  production: { by: [operator], count: 1, not_requester: true, expires: 30m }
";
const LATER_APPROVAL: &str = "\
# When there is a second person in [people], have them say yes to the plan first:
# approval:
#   production: { by: [operator], count: 1, not_requester: true, expires: 30m }
";
/// How the shipped backup waits for its hook.
const HOOK: &str = "  # POST /hooks/backup, for programs that know the secret of `[hooks.backup]`.
  - webhook: backup
";

/// The workflows and commands for these systems.
pub(super) fn of(systems: &[Candidate], environment: &str, recipient: &str) -> Catalog {
    let of_kind = |kind: &'static str| systems.iter().filter(move |s| s.target.kind() == kind);
    let mut files = vec![];
    let mut notes = vec![];
    for (kind, templates) in [("docker", DOCKER), ("prometheus", PROMETHEUS)] {
        let Some(first) = of_kind(kind).next() else {
            continue;
        };
        let several = of_kind(kind).count() > 1;
        for template in templates {
            let system = several.then_some(first.name.as_str());
            files.extend(template.files(system, environment));
        }
        if several {
            notes.push(format!(
                "the workflows for {kind} are about `{}`: copy them for the others, with another `system`",
                first.name
            ));
        }
    }
    let has_docker = of_kind("docker").next().is_some();
    let databases: Vec<_> = of_kind("postgres").collect();
    let store = of_kind("s3").next();
    if let Some(store) = store {
        files.push(own_backup(store, environment, recipient));
    }
    let hook = match (databases.is_empty(), store) {
        (false, Some(store)) => {
            files.extend(backups(&databases, store, environment));
            Some("backup")
        }
        (false, None) => {
            notes.push(
                "there is no object store to back databases up to: add one as \
                 --add NAME=s3+http://ACCESS_KEY@HOST:PORT/BUCKET"
                    .to_owned(),
            );
            None
        }
        (true, _) => None,
    };
    let hook = hook.or_else(|| has_docker.then_some("status"));
    if hook == Some("status") {
        wait_for_hook(&mut files);
    }
    let first_run = [
        ("docker", "status"),
        ("postgres", "backup"),
        ("prometheus", "query"),
    ]
    .into_iter()
    .find(|(kind, _)| of_kind(kind).next().is_some())
    .and_then(|(_, command)| match command {
        "query" => Some("purser run query --input query=up".to_owned()),
        "backup" => store.map(|_| format!("purser run {}", backup_name(&databases, 0).0)),
        name => Some(format!("purser run {name}")),
    });
    Catalog {
        files,
        hook,
        notes,
        first_run,
    }
}

impl Template {
    fn files(&self, system: Option<&str>, environment: &str) -> [File; 2] {
        let mut workflow = tailored(self.workflow, environment);
        if let Some(system) = system {
            workflow = with_system(&workflow, self.action, system);
        }
        [
            file("workflows", self.name, workflow),
            file("commands", self.name, self.command.to_owned()),
        ]
    }
}

fn file(folder: &str, name: &str, text: String) -> File {
    File {
        path: format!("{folder}/{name}.yaml"),
        contents: Contents::Plain(text),
    }
}

/// For one operator, and where the systems stand.
fn tailored(text: &str, environment: &str) -> String {
    text.replace(APPROVAL, LATER_APPROVAL)
        .replace("[developer, operator]", "[operator]")
        .replace("production:", &format!("{environment}:"))
}

/// Names the system in the step with this action, whichever way its `with:` is written.
fn with_system(text: &str, action: &str, system: &str) -> String {
    let uses = format!("    uses: {action}\n");
    let block = format!("{uses}    with:\n");
    let flow = format!("{uses}    with: {{ ");
    if text.contains(&block) {
        text.replace(&block, &format!("{block}      system: {system}\n"))
    } else if text.contains(&flow) {
        text.replace(&flow, &format!("{flow}system: {system}, "))
    } else {
        text.replace(&uses, &format!("{uses}    with: {{ system: {system} }}\n"))
    }
}

/// Has the workflow `status` wait for its hook: it changes nothing, whoever calls.
fn wait_for_hook(files: &mut [File]) {
    let status = files
        .iter_mut()
        .find(|file| file.path == "workflows/status.yaml");
    if let Some(Contents::Plain(text)) = status.map(|file| &mut file.contents) {
        *text = text.replace(
            "steps:\n",
            "on:\n  # POST /hooks/status, for programs that know the secret of `[hooks.status]`.\n  \
             - webhook: status\nsteps:\n",
        );
    }
}

/// The names of a database's workflow and of its command.
fn backup_name(databases: &[&Candidate], at: usize) -> (String, String) {
    match databases {
        [_] => ("backup-postgres".to_owned(), "backup".to_owned()),
        all => {
            let name = format!("backup-{}", all[at].name);
            (name.clone(), name)
        }
    }
}

fn bucket_of(store: &Candidate) -> &str {
    match &store.target {
        Target::S3 { bucket, .. } => bucket.as_deref().unwrap_or(BUCKET),
        _ => BUCKET,
    }
}

/// Backups of Purser itself, locked for the key that was drawn. Purser counts as production
/// wherever the store stands.
fn own_backup(store: &Candidate, environment: &str, recipient: &str) -> File {
    let both = format!("production: [operator], {environment}: [operator]");
    let text = match environment {
        "production" => OWN_BACKUP.to_owned(),
        _ => OWN_BACKUP.replace("production: [operator]", &both),
    };
    let folder = format!("s3://{}/{}/purser", store.name, bucket_of(store));
    let text = text
        .replace(OWN_FOLDER, &folder)
        .replace(OWN_KEY, DRAWN_KEY)
        .replace(NO_RECIPIENT, recipient);
    file("workflows", "backup-purser", text)
}

fn backups(databases: &[&Candidate], store: &Candidate, environment: &str) -> Vec<File> {
    let bucket = bucket_of(store);
    let mut files = vec![];
    for (at, database) in databases.iter().enumerate() {
        let (workflow, command) = backup_name(databases, at);
        let system = &database.name;
        let mut text = tailored(BACKUP_WORKFLOW, environment);
        if at > 0 {
            text = text.replace(HOOK, "");
        }
        let text = text
            .replace("backup-postgres", &workflow)
            .replace("system: orders-db", &format!("system: {system}"))
            .replace(
                "s3://minio/backups/orders",
                &format!("s3://{}/{bucket}/{system}", store.name),
            );
        files.push(file("workflows", &workflow, text));
        let text = BACKUP_COMMAND
            .replace("name: backup\n", &format!("name: {command}\n"))
            .replace("the orders database", &format!("the databases of {system}"))
            .replace("runs: backup-postgres", &format!("runs: {workflow}"));
        files.push(file("commands", &command, text));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped(name: &str) -> &'static Template {
        let mut all = DOCKER.iter();
        all.find(|template| template.name == name).unwrap()
    }

    #[test]
    fn the_shipped_files_have_what_is_replaced_in_them() {
        for (text, hole) in [
            (shipped("deploy").workflow, APPROVAL),
            (BACKUP_WORKFLOW, HOOK),
            (BACKUP_WORKFLOW, "system: orders-db"),
            (BACKUP_WORKFLOW, "s3://minio/backups/orders"),
            (BACKUP_COMMAND, "name: backup\n"),
            (BACKUP_COMMAND, "the orders database"),
            (BACKUP_COMMAND, "runs: backup-postgres"),
            (shipped("status").workflow, "steps:\n"),
            (OWN_BACKUP, "production: [operator]"),
            (OWN_BACKUP, OWN_FOLDER),
            (OWN_BACKUP, OWN_KEY),
            (OWN_BACKUP, NO_RECIPIENT),
        ] {
            assert!(text.contains(hole), "{hole}");
        }
        for template in DOCKER.iter().chain(PROMETHEUS) {
            let uses = format!("    uses: {}\n", template.action);
            assert!(template.workflow.contains(&uses), "{}", template.name);
            assert!(
                template.workflow.contains("production:"),
                "{}",
                template.name
            );
        }
    }

    #[test]
    fn a_system_is_named_whichever_way_the_inputs_are_written() {
        let named = |template: &Template| with_system(template.workflow, template.action, "other");
        assert!(named(shipped("status")).contains("    with: { system: other }\n"));
        assert!(named(shipped("restart")).contains("    with: { system: other, service: "));
        assert!(named(shipped("deploy")).contains("    with:\n      system: other\n"));
    }
}
