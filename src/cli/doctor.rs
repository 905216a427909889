//! What `purser doctor` shows: what is wrong first, what is well in short lines.

use super::{Failure, print_json};
use crate::domain::finding::{Finding, State};
use crate::domain::words::counted;

/// Shows findings, which are in the order in which they are to be read.
///
/// # Errors
/// There is a problem among them; it has been said.
pub fn show_findings(findings: &[Finding], json: bool) -> Result<(), Failure> {
    if json {
        print_json(&findings)?;
    } else {
        println!("{}", text(findings));
    }
    if count(findings, State::Problem) > 0 {
        return Err(Failure::silent(Failure::FAILED));
    }
    Ok(())
}

fn count(findings: &[Finding], state: State) -> usize {
    let of_state = |finding: &&Finding| finding.remark.verdict.state() == state;
    findings.iter().filter(of_state).count()
}

fn text(findings: &[Finding]) -> String {
    let mut lines: Vec<String> = findings.iter().map(of_one).collect();
    let (problems, warnings) = (
        count(findings, State::Problem),
        count(findings, State::Warning),
    );
    lines.push(match (problems, warnings) {
        (0, 0) => "all is well".to_owned(),
        (0, warnings) => format!("all works; {}", counted(warnings, "warning")),
        (problems, warnings) => {
            format!(
                "{}, {}",
                counted(problems, "problem"),
                counted(warnings, "warning")
            )
        }
    });
    lines.join("\n")
}

fn of_one(finding: &Finding) -> String {
    let mark = match finding.remark.verdict.state() {
        State::Problem => "✗",
        State::Warning => "!",
        State::Ok => "✓",
    };
    let (check, about) = (finding.check.as_str(), &finding.about);
    let said = format!("{mark} {check} {about}: {}", finding.remark.message);
    match finding.remark.verdict.next() {
        Some(next) => format!("{said}\n    next: {next}"),
        None => said,
    }
}
