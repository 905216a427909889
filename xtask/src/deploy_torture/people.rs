//! People outside, who ask through Traefik all the while.

use std::time::Instant;

use anyhow::Result;
use serde_json::Value;

use super::report::Report;
use super::request::{APP, Request};
use super::way::Deed;
use crate::deploys::eras::{Era, stale};
use crate::deploys::load::{Load, failures};
use crate::deploys::log::{Clock, Log};
use crate::deploys::site::Site;
use crate::say;

/// Requests a second, beside the streams: the builds of others are no reason to fail.
const PER_SECOND: f64 = 100.0;

/// Those who ask, and who may answer them from when on.
pub(super) struct People {
    load: Load,
    clock: Clock,
    eras: Vec<Era>,
}

impl People {
    /// They begin to ask, once they are answered by the version of this number.
    pub(super) fn of(site: &Site, version: usize) -> Result<Self> {
        let version = APP.version(version);
        site.until_met(&version)?;
        let begun = Instant::now();
        Ok(Self {
            load: Load::begin(&site.host, PER_SECOND),
            clock: Clock::now()?,
            eras: vec![Era {
                version,
                from: begun,
                proven: Some(begun),
            }],
        })
    }

    /// A deploy is over that was asked for at this instant; then the version of that number is live.
    pub(super) fn live_through(
        &mut self,
        request: &Request,
        from: Instant,
        live: usize,
        view: &Value,
    ) -> Result<()> {
        let mut era = |number: usize, proven| {
            self.eras.push(Era {
                version: APP.version(number),
                from,
                proven,
            });
        };
        if view["run"]["ended"]["state"] == "succeeded" {
            let proven = Log(&view["log"]).proven(&self.clock)?;
            era(request.version, Some(proven));
            return Ok(());
        }
        if request.deed != Deed::Sick {
            era(request.version, None);
        }
        era(live, Some(Instant::now()));
        Ok(())
    }

    /// They have asked enough; what they have seen is told and reported.
    pub(super) fn end(self, report: &mut Report) {
        let asked = self.load.end();
        let failed = failures(&asked);
        for (sort, count) in &failed {
            say::line(report.strategy.name(), format!("{count} times {sort}"));
        }
        let (requests, failed) = (asked.len(), failed.iter().map(|(_, count)| count).sum());
        report.add_people(requests, failed, stale(asked, &self.eras, true));
    }
}
