//! `purser.list_changes`: what has changed on all systems, by runs and by others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Own;
use crate::action::{Action, ActionError, ActionSpec, Context, ReadContext, Result, Risk};
use crate::domain::change::{self, Account, Gap, Happened, Item, RunLine, RunTarget, Sort};
use crate::domain::names::SystemName;
use crate::domain::plan::Plan;
use crate::domain::schedule::Zone;
use crate::domain::table::{Column, table};
use crate::domain::time::Timestamp;
use crate::domain::words::counted;

/// So many are told, the newest of them.
const MOST: usize = 200;

/// Who did what no run of this Purser has done.
const OUTSIDE: &str = "outside Purser";

/// Lists changes.
pub(super) struct ListChanges;

/// Since when, and of what.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// A time on the clock (`14:00`, the last time that it was shown), how far back (`2h`), or an instant
    /// (`2026-03-28T14:00:00Z`).
    #[serde(default = "an_hour")]
    since: String,
    /// Only this service: `project/service`, or `service`, or a container's name.
    #[serde(default)]
    service: Option<String>,
}

fn an_hour() -> String {
    "1h".to_owned()
}

/// What has changed.
#[derive(Serialize, JsonSchema)]
pub(super) struct Output {
    /// What is told begins here (RFC 3339).
    since: String,
    /// When which system was not listened to: what changed there then is not known.
    unwatched: Vec<Unwatched>,
    /// In the order of time, 200 at the most.
    changes: Vec<Line>,
    /// So many older ones are not told.
    left_out: usize,
    /// All of it for people.
    text: String,
}

/// A time in which a system was not listened to.
#[derive(Serialize, JsonSchema)]
struct Unwatched {
    system: String,
    /// RFC 3339.
    from: String,
    /// RFC 3339.
    until: String,
}

/// A run, or something that no run has done.
#[derive(Serialize, JsonSchema)]
struct Line {
    /// When it happened or began (RFC 3339).
    at: String,
    /// When the last of it happened; of a run nothing.
    until: Option<String>,
    /// Who asked for the run, or `outside Purser`.
    who: String,
    /// The run.
    run: Option<String>,
    /// What it was about: `shop: shop/web`.
    on: Vec<String>,
    /// In words.
    what: String,
    /// How often.
    times: usize,
    #[serde(skip)]
    moment: Timestamp,
}

impl Action for ListChanges {
    type System = Own;
    type Input = Input;
    type Output = Output;

    const SPEC: ActionSpec = ActionSpec {
        name: "purser.list_changes",
        summary: "List what has changed on all systems, by runs and by others",
        risk: Risk::Read,
        service: None,
        effects: &[],
        last_undoable: None,
    };

    async fn plan(&self, _: &ReadContext, _: &Own, input: Input) -> Result<Plan> {
        Ok(Plan::new(format!(
            "list what has changed since {}",
            input.since
        )))
    }

    async fn run(&self, ctx: &Context, _: &Own, input: Input) -> Result<Output> {
        let ledger = ctx.read.systems.ledger()?;
        let (now, zone) = (ctx.read.clock.now(), ledger.zone());
        let since = change::since(&input.since, now, zone)
            .map_err(|error| ActionError::fatal(format!("`since`: {error}")))?;
        let account = ledger.account(since, now).await?;
        Ok(output(&account, since, input.service.as_deref(), zone))
    }
}

fn output(account: &Account, asked: Timestamp, service: Option<&str>, zone: Zone) -> Output {
    // Whoever asked for a run may have used the short name.
    let runs = account.runs.iter().filter(|run| {
        service.is_none_or(|wanted| {
            let mut on = run.on.iter().filter_map(|on| on.service.as_deref());
            on.any(|on| is(on, wanted) || is(wanted, on))
        })
    });
    let outside = account.outside.iter().filter(|(_, happened)| {
        let item = &happened.item;
        service.is_none_or(|wanted| is(item.called(), wanted) || item.name == wanted)
    });
    let runs = runs.map(of_run);
    let mut changes: Vec<_> = runs
        .chain(outside.map(|(system, happened)| of_outside(system, happened)))
        .collect();
    changes.sort_by_key(|line| line.moment);
    let left_out = changes.len().saturating_sub(MOST);
    changes.drain(..left_out);
    Output {
        text: text(account, asked, service, &changes, left_out, zone),
        since: account.since.to_string(),
        unwatched: account.unwatched.iter().map(unwatched).collect(),
        changes,
        left_out,
    }
}

/// Whether this is meant, by its whole name or by the short one.
fn is(name: &str, wanted: &str) -> bool {
    name == wanted || name.rsplit('/').next() == Some(wanted)
}

fn of_run(line: &RunLine) -> Line {
    let ending = line.summary.as_ref();
    let ending = ending.map_or_else(String::new, |summary| format!(": {summary}"));
    let status = line.status.in_words();
    Line {
        at: line.at.to_string(),
        until: None,
        who: line.by.to_string(),
        run: Some(line.run.to_string()),
        on: line.on.iter().map(on).collect(),
        what: format!(
            "run {} of {}: {status}{ending}",
            line.run.short(),
            line.workflow
        ),
        times: 1,
        moment: line.at,
    }
}

fn on(target: &RunTarget) -> String {
    match &target.service {
        Some(service) => format!("{}: {service}", target.system),
        None => target.system.to_string(),
    }
}

fn of_outside(system: &SystemName, happened: &Happened) -> Line {
    Line {
        at: happened.at.to_string(),
        until: Some(happened.until.to_string()),
        who: OUTSIDE.to_owned(),
        run: None,
        on: vec![format!("{system}: {}", thing(&happened.item))],
        what: match &happened.item.service {
            Some(service) if *service != happened.item.name => {
                format!("{} {}", happened.item.name, happened.says())
            }
            _ => happened.says(),
        },
        times: happened.times,
        moment: happened.at,
    }
}

fn thing(item: &Item) -> String {
    let sort = match (item.sort, item.part.as_deref()) {
        (Sort::Container, None) => return item.called().to_owned(),
        (Sort::Container, Some(part)) => part,
        (Sort::Image, _) => "image",
        (Sort::Network, _) => "network",
        (Sort::Volume, _) => "volume",
    };
    format!("{sort} {}", item.name)
}

fn unwatched((system, gap): &(SystemName, Gap)) -> Unwatched {
    Unwatched {
        system: system.to_string(),
        from: gap.from.to_string(),
        until: gap.until.to_string(),
    }
}

fn text(
    account: &Account,
    asked: Timestamp,
    service: Option<&str>,
    changes: &[Line],
    left_out: usize,
    zone: Zone,
) -> String {
    let shown = |at| zone.shows(at);
    let mut lines = vec![];
    if account.since > asked {
        lines.push(format!(
            "only since {}: there were too many changes and runs since {} to look through",
            shown(account.since),
            shown(asked)
        ));
    }
    lines.extend(account.unwatched.iter().map(|(system, gap)| {
        format!(
            "{system} was not watched from {} to {}: what others changed there then is not known",
            shown(gap.from),
            shown(gap.until)
        )
    }));
    if left_out > 0 {
        let older = counted(left_out, "older line");
        lines.push(format!(
            "{older} left out: ask for less time, or for one service"
        ));
    }
    if changes.is_empty() {
        let of = service.map_or_else(String::new, |service| format!(" of {service}"));
        let since = shown(account.since);
        lines.push(if account.unwatched.is_empty() {
            format!("nothing{of} has changed since {since}")
        } else {
            format!("nothing else{of} is known to have changed since {since}")
        });
        return lines.join("\n");
    }
    let columns = ["AT", "WHO", "ON", "WHAT"].map(|heading| Column {
        heading,
        right: false,
    });
    let rows = changes.iter().map(|line| {
        let on = line.on.join(", ");
        vec![shown(line.moment), line.who.clone(), on, line.what.clone()]
    });
    lines.push(table(&columns, &rows.collect::<Vec<_>>()));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::change::What;
    use crate::domain::ending::FinalState;
    use crate::domain::names::RunId;
    use crate::domain::run::RunStatus;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn stopped(when: &str) -> (SystemName, Happened) {
        let item = Item {
            name: "shop-web-1".to_owned(),
            service: Some("shop/web".to_owned()),
            ..Item::default()
        };
        let happened = Happened {
            at: at(when),
            until: at(when),
            item,
            what: What::Stopped { code: Some(0) },
            times: 1,
            events: 3,
        };
        (SystemName::from("shop"), happened)
    }

    fn account() -> Account {
        let run: RunId = "0198c0de-0000-7000-8000-000000000001".parse().unwrap();
        let deploy = RunLine {
            run,
            at: at("2026-07-01T12:10:00Z"),
            workflow: "deploy".into(),
            by: "ann".into(),
            on: vec![RunTarget {
                system: "shop".into(),
                service: Some("shop/web".to_owned()),
            }],
            status: RunStatus::Ended(FinalState::Succeeded),
            summary: Some("1 step done".to_owned()),
        };
        Account {
            since: at("2026-07-01T12:00:00Z"),
            until: at("2026-07-01T13:00:00Z"),
            runs: vec![deploy],
            outside: vec![
                stopped("2026-07-01T12:05:00Z"),
                stopped("2026-07-01T12:20:00Z"),
            ],
            unwatched: vec![],
        }
    }

    fn told(account: &Account, service: Option<&str>) -> Output {
        let zone: Zone = "Europe/Berlin".parse().unwrap();
        output(account, at("2026-07-01T12:00:00Z"), service, zone)
    }

    #[test]
    fn runs_and_what_others_did_stand_in_the_order_of_time() {
        insta::assert_snapshot!(told(&account(), None).text, @"
        AT                         WHO             ON              WHAT
        2026-07-01T14:05:00+02:00  outside Purser  shop: shop/web  shop-web-1 stopped (exit code 0)
        2026-07-01T14:10:00+02:00  ann             shop: shop/web  run 00000001 of deploy: succeeded: 1 step done
        2026-07-01T14:20:00+02:00  outside Purser  shop: shop/web  shop-web-1 stopped (exit code 0)
        ");
        let other = told(&account(), Some("db"));
        insta::assert_snapshot!(other.text, @"nothing of db has changed since 2026-07-01T14:00:00+02:00");
        assert_eq!(told(&account(), Some("web")).changes.len(), 3);
        assert_eq!(told(&account(), Some("shop-web-1")).changes.len(), 2);
    }

    #[test]
    fn what_is_missing_is_said_first() {
        let mut account = account();
        account.since = at("2026-07-01T12:00:30Z");
        let gap = Gap {
            from: at("2026-07-01T12:30:00Z"),
            until: at("2026-07-01T12:31:00Z"),
        };
        account.unwatched.push((SystemName::from("shop"), gap));
        account
            .outside
            .extend((0..MOST).map(|_| stopped("2026-07-01T12:40:00Z")));
        let output = told(&account, None);
        assert_eq!((output.changes.len(), output.left_out), (MOST, 3));
        let head: Vec<_> = output.text.lines().take(5).collect();
        insta::assert_snapshot!(head.join("\n"), @"
        only since 2026-07-01T14:00:30+02:00: there were too many changes and runs since 2026-07-01T14:00:00+02:00 to look through
        shop was not watched from 2026-07-01T14:30:00+02:00 to 2026-07-01T14:31:00+02:00: what others changed there then is not known
        3 older lines left out: ask for less time, or for one service
        AT                         WHO             ON              WHAT
        2026-07-01T14:40:00+02:00  outside Purser  shop: shop/web  shop-web-1 stopped (exit code 0)
        ");
    }
}
