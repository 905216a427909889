//! Names of commands. A folder of command files is a group: `db/backup.yaml` is the command
//! `db backup`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::files::File;
use super::limits::{MOST_AT_TOP, MOST_IN_GROUP};
use super::problem::{Problem, Report};
use super::source::Node;
use super::workflow::{is_file_name, no_name};

/// The name under which Purser itself can be asked in chats.
const OWN: &str = "purser";

/// What each group has, commands and groups; the group of no words is the top.
pub(super) struct Groups(BTreeMap<Vec<String>, BTreeSet<String>>);

impl Groups {
    pub(super) fn of(files: &[File]) -> Self {
        let mut groups: BTreeMap<Vec<String>, BTreeSet<String>> = BTreeMap::new();
        for file in files {
            for (n, word) in file.words.iter().enumerate() {
                let entries = groups.entry(file.words[..n].to_vec()).or_default();
                entries.insert(word.clone());
            }
        }
        Self(groups)
    }

    /// Reports groups that hold more than chats take. `folder` is where all files are.
    pub(super) fn check(&self, folder: &Path) -> Vec<Problem> {
        let mut problems = vec![];
        for (group, entries) in &self.0 {
            let most = if group.is_empty() {
                MOST_AT_TOP
            } else {
                MOST_IN_GROUP
            };
            if entries.len() > most {
                let mut report = Report::new(&folder.join(group.join("/")));
                let message = format!(
                    "here are {} commands and groups, and chats take {most}: put some of them into a \
                     group",
                    entries.len()
                );
                report.error(None, message);
                problems.extend(report.into_problems());
            }
        }
        problems
    }

    /// Reports a name that is not the file's, that chats do not take, or that is a group's.
    pub(super) fn check_name(&self, file: &File, node: &Node, report: &mut Report) {
        let name = node.get("name");
        let at = name.map(|name| name.at);
        let whole = file.name();
        if let Some(text) = name.and_then(Node::text).filter(|text| *text != whole) {
            let message = format!(
                "the name is `{text}` and the file is `{}.yaml`: they must be the same{}",
                file.words.join("/"),
                if file.words.len() > 1 {
                    format!(", as in `name: {whole}`")
                } else {
                    String::new()
                }
            );
            report.error(at, message);
        }
        for word in file.words.iter().filter(|word| !is_file_name(word)) {
            report.error(at, no_name(word));
        }
        if file.words.first().is_some_and(|word| word == OWN) {
            let message =
                format!("`{OWN}` is what Purser itself takes in chats: call it otherwise");
            report.error(at, message);
        }
        if let Some(entries) = self.0.get(&file.words) {
            let entries: Vec<_> = entries.iter().map(|entry| format!("`{entry}`")).collect();
            let message = format!(
                "`{whole}` is a group already, with {}: call the command otherwise, or move it into \
                 the group",
                entries.join(", ")
            );
            report.error(at, message);
        }
    }
}
