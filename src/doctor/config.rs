//! The configuration, workflows and commands: all that `purser lint` says.

use super::Patient;
use crate::catalog::{Problem, Severity};
use crate::config::Origin;
use crate::domain::finding::{Check, Finding, Remark};

/// How the files stand.
pub(super) fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let wrong = patient.wrong.iter().map(|error| {
        let next = format!("edit {}, then run `purser lint`", error.file.display());
        let about = match &error.origin {
            Some(Origin::File(position)) => format!("{}:{position}", error.file.display()),
            Some(Origin::Variable(name)) => name.clone(),
            None => error.file.display().to_string(),
        };
        Remark::problem(&error.message, next).of(Check::Config, about)
    });
    let (problems, counted) = match patient.catalog {
        Ok(catalog) => (
            catalog.warnings(),
            Some((catalog.workflows().count(), catalog.commands().count())),
        ),
        Err(problems) => (problems.as_slice(), None),
    };
    let closed = patient.closed.iter().map(|problem| {
        let next = "put the copy of its secrets.key back";
        Remark::problem(&problem.message, next)
            .of(Check::Secret, problem.file.display().to_string())
    });
    let problems = problems.iter().map(finding);
    let mut findings: Vec<_> = wrong.chain(closed).chain(problems).collect();
    if let Some((workflows, commands)) = counted {
        let systems = patient.config.configured_systems();
        let remark = Remark::well(format!(
            "systems: {systems}, workflows: {workflows}, commands: {commands}"
        ));
        findings.push(remark.of(Check::Config, patient.config.file.display().to_string()));
    }
    findings
}

fn finding(problem: &Problem) -> Finding {
    let next = format!("edit {}, then run `purser lint`", problem.file.display());
    let about = match problem.position {
        Some(position) => format!("{}:{position}", problem.file.display()),
        None => problem.file.display().to_string(),
    };
    let remark = match problem.severity {
        Severity::Error => Remark::problem(&problem.message, next),
        Severity::Warning => Remark::warning(&problem.message, next),
    };
    remark.of(Check::Config, about)
}
