//! How things stand, looked up when it is asked for.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::Parts;
use super::tally::{OfSchedule, Open, Tally};
use crate::domain::run::{RunStatus, WaitingFor};
use crate::domain::schedule::Scheduled;
use crate::domain::time::Timestamp;
use crate::store::{Result, ScheduleRow};

type Number = Gauge<f64, std::sync::atomic::AtomicU64>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfPlace {
    place: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfSecret {
    system: String,
    client: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LastFire {
    schedule: String,
    run: &'static str,
}

/// The figures of this moment.
pub(super) async fn look(parts: &Parts, tally: &Tally) -> Result<Registry> {
    let mut registry = Registry::with_prefix("purser");
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    registry.register("build", "This Purser", Info::new(version.to_vec()));
    let now = parts.clock.now();
    runs(&mut registry, tally, now);
    schedules(&mut registry, parts, now).await?;
    let sealed: Number = Gauge::default();
    let head = parts.store.last_receipt().await?;
    sealed.set(number(head.map_or(0, |(seq, _)| seq)));
    registry.register("receipts_sealed", "Receipts in the chain", sealed);
    let unsealed: Number = Gauge::default();
    let waiting = parts.store.unsealed_receipts().await?.len();
    unsealed.set(number(waiting as u64));
    registry.register("receipts_unsealed", "Receipts to be sealed", unsealed);
    outbox(&mut registry, parts, now).await?;
    secrets(&mut registry, parts, now);
    Ok(registry)
}

fn runs(registry: &mut Registry, tally: &Tally, now: Timestamp) {
    let runs = Family::<InState, Number>::default();
    for state in STATES {
        drop(runs.get_or_create(&InState { state }));
    }
    let oldest: Number = Gauge::default();
    for Open { run, ready_at } in tally.open().values() {
        let status = run.status();
        if let Some(state) = name_of(status) {
            runs.get_or_create(&InState { state }).inc();
        }
        if status == RunStatus::Queued {
            oldest.set(oldest.get().max(now.since(*ready_at).as_secs_f64()));
        }
    }
    registry.register("runs", "Runs that have not ended", runs);
    registry.register_with_unit(
        "queue_oldest",
        "How long the oldest run in the queue has waited",
        Unit::Seconds,
        oldest,
    );
}

const STATES: [&str; 5] = [
    "queued",
    "running",
    "waiting_approval",
    "waiting_timer",
    "waiting_decision",
];

/// `None` of a run that has ended.
fn name_of(status: RunStatus) -> Option<&'static str> {
    Some(match status {
        RunStatus::Queued => "queued",
        RunStatus::Running => "running",
        RunStatus::Waiting(WaitingFor::Approval) => "waiting_approval",
        RunStatus::Waiting(WaitingFor::Signal) => "waiting_signal",
        RunStatus::Waiting(WaitingFor::Timer) => "waiting_timer",
        RunStatus::Waiting(WaitingFor::Decision) => "waiting_decision",
        RunStatus::Ended(_) => return None,
    })
}

async fn schedules(registry: &mut Registry, parts: &Parts, now: Timestamp) -> Result<()> {
    let overdue = Family::<OfSchedule, Number>::default();
    let next = Family::<OfSchedule, Number>::default();
    let paused = Family::<OfSchedule, Number>::default();
    let last = Family::<LastFire, Number>::default();
    let rows = parts.store.schedules().await?;
    for scheduled in parts.timetable.scheduled() {
        let of = OfSchedule {
            schedule: scheduled.name.to_string(),
        };
        let row = rows.iter().find(|row| row.name == scheduled.name);
        let is_paused = row.is_some_and(|row| row.paused.is_some());
        paused
            .get_or_create(&of)
            .set(f64::from(u8::from(is_paused)));
        let late = overdue_since(&scheduled, row, now).map(|due| now.since(due));
        let late = late.unwrap_or_default().as_secs_f64();
        overdue.get_or_create(&of).set(late);
        if let Some(fire) = scheduled.timing.next(now).filter(|_| !is_paused) {
            next.get_or_create(&of).set(seconds(fire.at));
        }
        if let Some(fire) = row.and_then(|row| row.last.as_ref()) {
            let run = if fire.run.is_some() { "yes" } else { "no" };
            let schedule = of.schedule;
            let at = seconds(fire.at);
            last.get_or_create(&LastFire { schedule, run }).set(at);
        }
    }
    registry.register_with_unit(
        "schedule_overdue",
        "For how long a fire has been due that has not been dealt with",
        Unit::Seconds,
        overdue,
    );
    registry.register_with_unit(
        "schedule_next_timestamp",
        "When a schedule fires next",
        Unit::Seconds,
        next,
    );
    registry.register_with_unit(
        "schedule_last_timestamp",
        "When a schedule's last fire was due, and whether it got a run",
        Unit::Seconds,
        last,
    );
    registry.register("schedule_paused", "Whether it is paused", paused);
    Ok(())
}

async fn outbox(registry: &mut Registry, parts: &Parts, now: Timestamp) -> Result<()> {
    let waiting = Family::<OfPlace, Number>::default();
    let oldest = Family::<OfPlace, Number>::default();
    for place in &parts.places {
        let place = place.to_string();
        drop(waiting.get_or_create(&OfPlace {
            place: place.clone(),
        }));
        drop(oldest.get_or_create(&OfPlace { place }));
    }
    for backlog in parts.store.backlog().await? {
        let of = OfPlace {
            place: backlog.place.to_string(),
        };
        waiting.get_or_create(&of).set(number(backlog.waiting));
        let age = now.since(backlog.oldest).as_secs_f64();
        oldest.get_or_create(&of).set(age);
    }
    registry.register(
        "outbox_waiting",
        "Notices that a place has not taken yet",
        waiting,
    );
    registry.register_with_unit(
        "outbox_oldest",
        "How long the oldest of them has waited",
        Unit::Seconds,
        oldest,
    );
    Ok(())
}

fn secrets(registry: &mut Registry, parts: &Parts, now: Timestamp) {
    let ages = Family::<OfSecret, Number>::default();
    for ((system, client), made_at) in parts.secrets.made_at(now) {
        let of = OfSecret {
            system: system.to_string(),
            client,
        };
        let age = now.since(made_at).as_secs_f64();
        ages.get_or_create(&of).set(age);
    }
    registry.register_with_unit(
        "secret_age",
        "How old the secret of a client is",
        Unit::Seconds,
        ages,
    );
}

/// When the oldest fire was due that has not been dealt with.
pub(super) fn overdue_since(
    scheduled: &Scheduled,
    row: Option<&ScheduleRow>,
    now: Timestamp,
) -> Option<Timestamp> {
    let row = row.filter(|row| row.is_of(scheduled) && row.paused.is_none())?;
    scheduled.waits_since(row.seen, now)
}

/// Seconds since the epoch.
#[allow(clippy::cast_precision_loss, reason = "microseconds of this age fit")]
fn seconds(at: Timestamp) -> f64 {
    at.micros() as f64 / 1e6
}

#[allow(clippy::cast_precision_loss, reason = "nobody has that many")]
fn number(count: u64) -> f64 {
    count as f64
}
