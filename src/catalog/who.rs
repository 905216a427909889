//! Who may start and who must approve: whether there is anybody.

use super::problem::Report;
use super::source::{Content, Node};
use super::surroundings::Surroundings;
use crate::domain::approval::ApprovalPolicy;
use crate::domain::names::{Environment, Role, WorkflowName};
use crate::domain::nearest;
use crate::domain::position::Position;

/// What a check of a workflow's people needs to know.
pub(super) struct Who<'a> {
    pub(super) surroundings: &'a Surroundings,
    pub(super) workflow: &'a WorkflowName,
    /// In which the workflow acts.
    pub(super) environments: &'a [Environment],
}

impl Who<'_> {
    /// Checks `who`: environments in which nobody may start the workflow, and unknown names.
    pub(super) fn check_who(&self, file: &Node, report: &mut Report) {
        let who = file.get("who");
        for environment in self.environments {
            let listed = who.and_then(|who| who.get(environment.as_str()));
            let nobody =
                |roles: &Node| matches!(&roles.content, Content::List(some) if some.is_empty());
            if listed.is_none_or(nobody) {
                report.warning(
                    who.map_or(file.at, |who| who.at),
                    format!(
                        "nobody may run `{}` in {environment}: add `who: {{ {environment}: [ROLE] }}`",
                        self.workflow
                    ),
                );
            }
        }
        self.check_environments(who, report);
        for entry in who.map(Node::entries).unwrap_or_default() {
            check_roles(&entry.value, self.surroundings, report);
        }
    }

    /// Checks `approval`: policies that nobody or not enough people can meet.
    pub(super) fn check_approval(&self, file: &Node, report: &mut Report) {
        let approval = file.get("approval");
        self.check_environments(approval, report);
        for entry in approval.map(Node::entries).unwrap_or_default() {
            let what = format!("an approval in {}", entry.key);
            check_policy(&entry.value, entry.at, &what, self.surroundings, report);
        }
    }

    fn check_environments(&self, by_environment: Option<&Node>, report: &mut Report) {
        for entry in by_environment.map(Node::entries).unwrap_or_default() {
            let own = self
                .environments
                .iter()
                .map(Environment::as_str)
                .collect::<Vec<_>>();
            let known = self
                .surroundings
                .systems
                .values()
                .any(|s| s.environment.as_str() == entry.key);
            if !own.contains(&entry.key.as_str()) && !known {
                let message = nearest::unknown("environment", &entry.key, own);
                report.warning(entry.at, format!("{message} (no system stands in it)"));
            }
        }
    }
}

/// Checks one policy: whether somebody, and enough of them, can meet it. `at` is where it is named.
pub(super) fn check_policy(
    node: &Node,
    at: Position,
    what: &str,
    surroundings: &Surroundings,
    report: &mut Report,
) {
    let Some(policy) = node.read::<ApprovalPolicy>() else {
        return;
    };
    if policy.by.is_empty() {
        let message = format!("{what} `by` nobody can never be given: name a role");
        report.error(node.at, message);
    }
    if policy.count == 0 {
        let message = "an approval by 0 people is none: leave it out, or make `count` at least 1";
        report.error(node.get("count").map_or(at, |count| count.at), message);
    }
    if let Some(by) = node.get("by") {
        check_roles(by, surroundings, report);
    }
    check_enough(&policy, node.at, surroundings, report);
}

fn check_enough(
    policy: &ApprovalPolicy,
    at: Position,
    surroundings: &Surroundings,
    report: &mut Report,
) {
    let there_are = surroundings.people_with(&policy.by);
    let wanted = usize::try_from(policy.count).unwrap_or(usize::MAX);
    if there_are > 0 && there_are < wanted {
        report.warning(
            at,
            format!("the approval takes {wanted} people, and only {there_are} can give it"),
        );
    }
}

/// Warns of roles that nobody has.
pub(super) fn check_roles(roles: &Node, surroundings: &Surroundings, report: &mut Report) {
    let known = surroundings.roles();
    for node in roles.items() {
        let Some(role) = node.text().map(Role::from) else {
            continue;
        };
        if !known.contains(&role) {
            let near = nearest::nearest(role.as_str(), known.iter().map(|role| role.as_str()));
            let hint = near
                .map(|near| format!("; did you mean `{near}`?"))
                .unwrap_or_default();
            report.warning(node.at, format!("nobody has the role `{role}`{hint}"));
        }
    }
}
