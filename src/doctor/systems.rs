//! The systems, each reached with the rights that the loaded workflows need.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::{PATIENCE, Patient};
use crate::action::{ClockReading, Uses};
use crate::domain::finding::{Check, Finding, Remark};
use crate::domain::names::SystemName;

/// What clocks showed, and whose.
pub(super) type Readings = Vec<(SystemName, ClockReading)>;

/// Examines all systems at once.
pub(super) async fn look(
    patient: &Patient<'_>,
    uses: &BTreeMap<SystemName, Uses>,
) -> (Vec<Finding>, Readings) {
    let unused = Uses::default();
    let examined = patient.systems.iter().map(|(name, entry)| {
        let uses = uses.get(name).unwrap_or(&unused);
        async move {
            let examined = entry.system.examine(uses, patient.clock.as_ref());
            (name, tokio::time::timeout(PATIENCE, examined).await)
        }
    });
    let mut findings = vec![];
    let mut readings = vec![];
    for (name, examined) in join_all(examined).await {
        let remarks = match examined {
            Ok(examined) => {
                readings.extend(examined.clock.map(|clock| (name.clone(), clock)));
                examined.remarks
            }
            Err(_) => vec![hangs()],
        };
        let found = remarks.into_iter().map(|remark| {
            let mut finding = remark.of(Check::System, name.as_str());
            // Many sentences begin with the system's name, which stands before them already.
            let begin = format!("{name}: ");
            if let Some(rest) = finding.remark.message.strip_prefix(&begin) {
                finding.remark = Remark {
                    message: rest.to_owned(),
                    ..finding.remark
                };
            }
            finding
        });
        findings.extend(found);
    }
    (findings, readings)
}

fn hangs() -> Remark {
    Remark::problem(
        format!("no answer within {}", humantime::format_duration(PATIENCE)),
        "see that it runs, and that nothing on the way swallows its packets",
    )
}
