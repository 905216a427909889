//! What a notice says of a run that waits for a person.

use super::{Facts, Kind, Next, Notice, NoticeId};
use crate::domain::approval::ApprovalRequest;
use crate::domain::person::one_of;
use crate::domain::plan::{Outlook, WorkflowPlan};
use crate::domain::run::RunState;
use crate::domain::time::Timestamp;

/// So many steps of a plan are shown.
const MOST_STEPS: usize = 10;

/// A run waits for an approval.
pub(super) fn approval(run: &RunState, now: Timestamp) -> Option<Notice> {
    let open = run.open_approval()?;
    let short = run.id.short();
    let missing: Vec<_> = open
        .policies
        .iter()
        .map(|policy| {
            let number = open.missing(policy, &run.request.by.person);
            let other = if policy.not_requester {
                format!(" (not of {})", run.request.by)
            } else {
                String::new()
            };
            format!("{number} yes of {}{other}", one_of(&policy.by))
        })
        .collect();
    let digest = open.digest.short();
    let typed = run.to_be_typed(&open.digest);
    let confirm = typed.map_or(String::new(), |name| format!(" --confirm '{name}'"));
    let (again, what) = if open.reminded {
        ("-again", "an approval, and not for much longer")
    } else {
        ("", "an approval")
    };
    let summary = format!(
        "Plan {digest} needs {} until {}; after that the run is cancelled.",
        missing.join("; "),
        open.expires_at
    );
    Some(Notice {
        summary,
        lines: asked_about(run, open),
        next: vec![
            Next::new(
                "say yes",
                format!("purser approve {short} --plan {digest}{confirm}"),
            ),
            Next::new("say no", format!("purser reject {short}")),
            Next::new("see the plan", format!("purser runs show {short}")),
        ],
        facts: Facts {
            expires_at: Some(open.expires_at),
            ..facts_of_waiting(run)
        },
        ..Notice::new(
            NoticeId::new(format!("run-{}-plan-{digest}{again}", run.id)),
            Kind::RunWaiting,
            now,
            waiting_headline(run, what),
        )
    })
}

/// What a yes would let happen: of the whole run, or of the one step that is asked about.
fn asked_about(run: &RunState, open: &ApprovalRequest) -> Vec<String> {
    let of_step = run.steps.iter().find_map(|(id, step)| {
        let asked = step.approval.as_ref()?;
        (asked.request.digest == open.digest).then_some((id, &asked.plan))
    });
    match (of_step, &run.plan) {
        (Some((id, plan)), _) => vec![format!("{id}: {}", plan.summary)],
        (None, Some(plan)) => steps_of_plan(plan),
        (None, None) => Vec::new(),
    }
}

fn steps_of_plan(plan: &WorkflowPlan) -> Vec<String> {
    let more = plan.steps.len().saturating_sub(MOST_STEPS);
    let steps = plan.steps.iter().take(MOST_STEPS);
    let mut lines: Vec<_> = steps
        .map(|step| format!("• {}: {}", step.step, outlook(&step.outlook)))
        .collect();
    if more > 0 {
        lines.push(format!("… and {more} steps more"));
    }
    lines
}

fn outlook(outlook: &Outlook) -> &str {
    match outlook {
        Outlook::Reads => "reads only",
        Outlook::Changes(plan) => &plan.summary,
        Outlook::KnownLater(why) => why,
    }
}

/// A run waits for somebody to say whether an effect happened.
pub(super) fn decision(run: &RunState, now: Timestamp) -> Option<Notice> {
    let open = run.open_questions().into_iter().next()?;
    let (step, question) = (open.step, open.question);
    let short = run.id.short();
    let which = match run.questions {
        1 => String::new(),
        _ => format!(" --question {}", open.number),
    };
    let known = question.known.trim_end_matches('.');
    let say = |what, verdict| Next::new(what, format!("purser decide {short} {verdict}{which}"));
    let (summary, mut next) = if question.is_whether_to_go_on() {
        let summary = format!(
            "Step `{step}` is not tried further by itself: {known}. Look why in the log; until then \
             the run stands still."
        );
        (summary, vec![say("have it tried further", "go-on")])
    } else {
        let summary = format!(
            "Nobody can tell whether `{}` of step `{step}` happened: {known}. Look, and say so; \
             until then the run stands still.",
            question.effect
        );
        let happened = say("say that it happened", "happened");
        (
            summary,
            vec![happened, say("say that it did not", "did-not")],
        )
    };
    next.push(Next::new("stop the run", format!("purser cancel {short}")));
    Some(Notice {
        summary,
        next,
        facts: Facts {
            systems: open.state.system.iter().cloned().collect(),
            ..facts_of_waiting(run)
        },
        ..Notice::new(
            NoticeId::new(format!("run-{}-decide-{}", run.id, open.number)),
            Kind::RunWaiting,
            now,
            waiting_headline(run, "a decision"),
        )
    })
}

fn waiting_headline(run: &RunState, what: &str) -> String {
    let undo = run.request.undo.as_ref().map_or("", |_| "the undo of ");
    format!(
        "{undo}`{}` waits for {what} (run {}, asked for by {})",
        run.request.workflow,
        run.id.short(),
        run.request.by
    )
}

fn facts_of_waiting(run: &RunState) -> Facts {
    Facts {
        run: Some(run.id),
        workflow: Some(run.request.workflow.clone()),
        state: Some("waiting".to_owned()),
        systems: run.request.systems.keys().cloned().collect(),
        by: Some(run.request.by.to_string()),
        ..Facts::default()
    }
}
