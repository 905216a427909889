//! The figures, and what is told of each way while the next one goes on.

use std::time::Duration;

use super::Seen;
use super::timing::Timing;
use crate::bench::{Figure, counted, figure, part};
use crate::deploys::eras::stale;
use crate::deploys::load::failures;
use crate::deploys::site::{App, Lead};
use crate::say;

/// How many sorts of failures are told of a way.
const SORTS: usize = 5;

/// What was counted, over all applications.
#[derive(Default)]
pub(super) struct Report {
    live: Counts,
    file: Counts,
    labels: Counts,
    rollout: Counts,
    recreate: Counts,
    timings: Vec<Timing>,
}

#[derive(Default)]
struct Counts {
    requests: usize,
    failed: usize,
    stale: usize,
}

impl Report {
    pub(super) fn add_live(&mut self, app: App, lead: Lead, seen: Seen, timings: Vec<Timing>) {
        for timing in &timings {
            say::line(app.name(), in_words(timing));
        }
        match lead {
            Lead::Switch => {
                self.live.add(app, "Purser", seen);
                self.timings.extend(timings);
            }
            Lead::File => self.file.add(app, "Purser by a file", seen),
            Lead::Labels => self.labels.add(app, "Purser by labels", seen),
        }
    }

    pub(super) fn add_rollout(&mut self, app: App, seen: Seen) {
        self.rollout.add(app, "rollout", seen);
    }

    pub(super) fn add_recreate(&mut self, app: App, seen: Seen) {
        self.recreate.add(app, "recreate", seen);
    }

    pub(super) fn figures(&self) -> Vec<Figure> {
        let of = |take: fn(&Timing) -> Duration| {
            let mut all: Vec<Duration> = self.timings.iter().map(take).collect();
            all.sort_unstable();
            all
        };
        let (took, overhead) = (of(|timing| timing.total), of(Timing::overhead));
        let in_seconds = |name, value: Duration| figure(name, value.as_secs_f64(), "s");
        vec![
            counted("deploy.requests", self.live.requests),
            counted("deploy.failed_requests", self.live.failed),
            counted("deploy.stale_answers", self.live.stale),
            counted("deploy.file_requests", self.file.requests),
            counted("deploy.file_failed_requests", self.file.failed),
            counted("deploy.file_stale_answers", self.file.stale),
            counted("deploy.labels_requests", self.labels.requests),
            counted("deploy.labels_failed_requests", self.labels.failed),
            counted("deploy.labels_stale_answers", self.labels.stale),
            counted("deploy.rollout_requests", self.rollout.requests),
            counted("deploy.rollout_failed_requests", self.rollout.failed),
            counted("deploy.rollout_stale_answers", self.rollout.stale),
            counted("deploy.recreate_requests", self.recreate.requests),
            counted("deploy.recreate_failed_requests", self.recreate.failed),
            in_seconds("deploy.overhead_s", part(&overhead, 50)),
            in_seconds("deploy.overhead_max_s", part(&overhead, 100)),
            in_seconds("deploy.p50_s", part(&took, 50)),
            in_seconds("deploy.p95_s", part(&took, 95)),
        ]
    }
}

fn in_words(timing: &Timing) -> String {
    let [reached, known, led] = timing.proxy.map(|wait| wait.as_secs_f64());
    let [before, switch, after] = timing.own.map(|work| work.as_secs_f64());
    format!(
        "a deploy took {:.2} s: {before:.2} to begin, {:.2} until the new one was healthy, {reached:.2} \
         until Traefik reached it, {switch:.2} for the switch, {known:.2} + {led:.2} until Traefik had \
         it and led by it, {:.1} drain, {after:.2} to stop and remove; overhead {:.2} s",
        timing.total.as_secs_f64(),
        timing.start.as_secs_f64(),
        timing.drain.as_secs_f64(),
        timing.overhead().as_secs_f64()
    )
}

impl Counts {
    fn add(&mut self, app: App, way: &str, seen: Seen) {
        let sorts = failures(&seen.asked);
        let failed: usize = sorts.iter().map(|(_, count)| count).sum();
        let requests = seen.asked.len();
        let mut took = seen.durations;
        took.sort_unstable();
        let stale = stale(seen.asked, &seen.eras, seen.are_apart);
        say::line(
            app.name(),
            format!(
                "{way}: {} deploys, p50 {:.1} s, p95 {:.1} s; of {requests} requests {failed} failed, \
                 {stale} were answered by an older version",
                took.len(),
                part(&took, 50).as_secs_f64(),
                part(&took, 95).as_secs_f64()
            ),
        );
        for (sort, count) in sorts.iter().take(SORTS) {
            say::line(app.name(), format!("{way}: {count} times {sort}"));
        }
        self.requests += requests;
        self.failed += failed;
        self.stale += stale;
    }
}
