//! The configuration, workflows and commands: all that `purser lint` says.

use super::Patient;
use crate::catalog::{Problem, Severity};
use crate::domain::finding::{Check, Finding, Remark};

/// How the files stand.
pub(super) fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let wrong = patient.wrong.iter().map(|error| {
        let next = format!("edit {}, then run `purser lint`", error.file.display());
        Remark::problem(error.to_string(), next)
    });
    let (problems, counted) = match patient.catalog {
        Ok(catalog) => (
            catalog.warnings(),
            Some((catalog.workflows().count(), catalog.commands().count())),
        ),
        Err(problems) => (problems.as_slice(), None),
    };
    let mut remarks: Vec<_> = wrong.chain(problems.iter().map(remark)).collect();
    if let Some((workflows, commands)) = counted {
        let systems = patient.config.systems.len();
        remarks.push(Remark::well(format!(
            "systems: {systems}, workflows: {workflows}, commands: {commands}"
        )));
    }
    let about = patient.config.file.display().to_string();
    remarks
        .into_iter()
        .map(|remark| remark.of(Check::Config, &about))
        .collect()
}

fn remark(problem: &Problem) -> Remark {
    let next = format!("edit {}, then run `purser lint`", problem.file.display());
    match problem.severity {
        Severity::Error => Remark::problem(problem.to_string(), next),
        Severity::Warning => Remark::warning(problem.to_string(), next),
    }
}
