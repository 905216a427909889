//! Folders of command files: groups of commands.

use purser::catalog::Catalog;
use purser::domain::names::CommandName;

use super::{load, load_good, said};

const WORKFLOW: &str = "\
name: backup
summary: Back it up
who: { production: [operator] }
steps:
  - id: run
    uses: docker.run_job
    with: { image: backup }
";

/// A command of this name.
fn command(name: &str) -> String {
    format!("name: {name}\nsummary: Does something\nruns: backup\n")
}

/// Loads these command files, each with the name that its file says.
fn groups(files: &[&str]) -> Result<Catalog, Vec<purser::catalog::Problem>> {
    let texts: Vec<_> = files
        .iter()
        .map(|file| (*file, command(&file.replace('/', " "))))
        .collect();
    let files: Vec<_> = texts.iter().map(|(file, text)| (*file, &**text)).collect();
    load(&[("backup", WORKFLOW)], &files)
}

fn names(catalog: &Catalog) -> Vec<&str> {
    catalog.commands().map(|one| one.name.as_str()).collect()
}

#[test]
fn a_folder_is_a_group_and_its_name_the_first_word() {
    let catalog = groups(&["db/backup", "db/copy/plan", "status"]).unwrap();
    assert_eq!(names(&catalog), ["db backup", "db copy plan", "status"]);
    let plan = catalog.command("db copy plan").unwrap();
    assert_eq!(
        plan.name.words().collect::<Vec<_>>(),
        ["db", "copy", "plan"]
    );
    assert_eq!(plan.name, CommandName::from("db copy plan"));
    let wrong = ["db bakcup", "db", "db copy", "db  backup", "backup"];
    let wrong: Vec<_> = wrong.map(|name| catalog.command(name).unwrap_err()).into();
    insta::assert_snapshot!(wrong.join("\n"), @"
    unknown command `db bakcup`; did you mean `db backup`?
    `db` is a group of commands: `db` has `backup`, `copy`
    `db copy` is a group of commands: `db copy` has `plan`
    unknown command `db  backup`; did you mean `db backup`?
    unknown command `backup`; did you mean `db backup`?
    ");
}

#[test]
fn a_command_that_moves_into_a_group_makes_another_catalog() {
    let digest = |files: &[&str]| groups(files).unwrap().digest();
    assert_eq!(digest(&["db/backup"]), digest(&["db/backup"]));
    assert_ne!(digest(&["db/backup"]), digest(&["backup"]));
    assert_ne!(digest(&["db/backup"]), digest(&["data/backup"]));
}

#[test]
fn what_is_hidden_or_no_yaml_makes_no_group() {
    let folder = tempfile::tempdir().unwrap();
    for part in ["workflows", "commands/.git/hooks/deep/er", "commands/notes"] {
        std::fs::create_dir_all(folder.path().join(part)).unwrap();
    }
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("workflows/backup.yaml", WORKFLOW);
    write("commands/.git/hooks/deep/er/a.yaml", "no command");
    write("commands/notes/read.me", "no command");
    write("commands/notes.yaml", &command("notes"));
    let folders = purser::catalog::CatalogFolders {
        workflows: folder.path().join("workflows"),
        commands: folder.path().join("commands"),
    };
    let catalog = Catalog::load(&folders, &super::fakes::registry(), &super::surroundings());
    assert_eq!(names(&catalog.unwrap()), ["notes"]);
}

#[test]
fn the_name_in_the_file_is_the_whole_name() {
    let file = |file: &str, name: &str| {
        let text = command(name);
        said(load(&[("backup", WORKFLOW)], &[(file, &text)]))
    };
    let said = [
        file("db/backup", "backup"),
        file("db/backup", "db/backup"),
        file("db/backup", "db bakcup"),
        file("DB/backup", "DB backup"),
        file("my db/backup", "my db backup"),
        file(&"x".repeat(33), &"x".repeat(33)),
    ]
    .join("\n");
    insta::assert_snapshot!(said, @"
    commands/db/backup.yaml:1:7: the name is `backup` and the file is `db/backup.yaml`: they must be the same, as in `name: db backup`
    commands/db/backup.yaml:1:7: the name is `db/backup` and the file is `db/backup.yaml`: they must be the same, as in `name: db backup`
    commands/db/backup.yaml:1:7: the name is `db bakcup` and the file is `db/backup.yaml`: they must be the same, as in `name: db backup`
    commands/DB/backup.yaml:1:7: `DB` cannot be a name: use at most 32 of a-z, 0-9, - and _
    commands/my db/backup.yaml:1:7: `my db` cannot be a name: use at most 32 of a-z, 0-9, - and _
    commands/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.yaml:1:7: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` cannot be a name: use at most 32 of a-z, 0-9, - and _
    ");
}

#[test]
fn a_command_and_a_group_cannot_be_called_alike_and_groups_lie_two_deep() {
    let said = [
        said(groups(&["db/backup", "db/copy/plan", "db"])),
        said(groups(&["db/copy", "db/copy/plan"])),
        said(groups(&["a/b/c/d"])),
        said(groups(&["a/b/c/d/e/f"])),
    ]
    .join("\n");
    insta::assert_snapshot!(said, @"
    commands/db.yaml:1:7: `db` is a group already, with `backup`, `copy`: call the command otherwise, or move it into the group
    commands/db/copy.yaml:1:7: `db copy` is a group already, with `plan`: call the command otherwise, or move it into the group
    commands/a/b/c: folders lie at most 2 deep in each other, and this is one more: move what is in it further up
    commands/a/b/c: folders lie at most 2 deep in each other, and this is one more: move what is in it further up
    ");
}

#[test]
fn groups_and_the_top_hold_what_chats_take() {
    let entries = |group: &str, count: usize| -> Vec<String> {
        (0..count).map(|n| format!("{group}c{n}")).collect()
    };
    let said = |files: Vec<String>| {
        let files: Vec<_> = files.iter().map(String::as_str).collect();
        said(groups(&files))
    };
    assert_eq!(said([entries("", 99), entries("db/", 25)].concat()), "fine");
    insta::assert_snapshot!(said([entries("", 100), entries("db/copy/", 26)].concat()), @"
    commands: here are 101 commands and groups, and chats take 100: put some of them into a group
    commands/db/copy: here are 26 commands and groups, and chats take 25: put some of them into a group
    ");
}

#[test]
fn what_is_in_one_group_is_for_chats_one_command_and_not_too_large() {
    let choices: Vec<_> = (0..25)
        .map(|n| format!("{n:?}{}", "x".repeat(75)))
        .collect();
    let workflow = WORKFLOW.replace("who:", "inputs: { note: { type: string } }\nwho:");
    let of = |name: &str| {
        let choices = choices.join(", ");
        let option = format!("options: {{ note: {{ type: choice, choices: [{choices}] }} }}\n");
        format!("{}{option}", command(name))
    };
    let load = |files: &[&str]| {
        let texts: Vec<_> = files
            .iter()
            .map(|file| of(&file.replace('/', " ")))
            .collect();
        let files: Vec<_> = files.iter().zip(&texts).map(|(f, t)| (*f, &**t)).collect();
        said(load(&[("backup", &workflow)], &files))
    };
    assert_eq!(load(&["a", "b", "db/a", "db/b"]), "fine");
    insta::assert_snapshot!(load(&["a", "db/a", "db/b", "db/c/a"]), @"commands: the names, summaries and choices of `db`, with all that is in it, have 11570 characters together, and chats take 8000");
}

#[test]
fn a_good_group_has_no_warnings() {
    load_good(
        &[("backup", WORKFLOW)],
        &[("db/backup", &command("db backup"))],
    );
}
