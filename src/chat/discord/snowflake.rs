//! Discord's ids, which tell when they were made.
//!
//! Source: Discord's documentation, "Snowflakes": 42 bits of milliseconds since 2015, then 22 others.

use crate::domain::time::Timestamp;

/// The first instant of 2015, in milliseconds since 1970.
const EPOCH: i64 = 1_420_070_400_000;

/// An id that is lower than all that are made from this instant on.
pub(super) fn made_before(at: Timestamp) -> String {
    let millis = (at.micros() / 1000 - EPOCH).max(0);
    (millis << 22).to_string()
}

/// When an id was made, to the millisecond; `None` for what is no id.
pub(super) fn made_at(id: &str) -> Option<Timestamp> {
    let id: u64 = id.parse().ok()?;
    let millis = i64::try_from(id >> 22).ok()? + EPOCH;
    Some(Timestamp::from_micros(millis * 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_when_it_was_made() {
        // The example of Discord's documentation.
        let at = made_at("175928847299117063").unwrap();
        assert_eq!(at.to_string(), "2016-04-30T11:18:25Z");
        let before = made_before(at);
        assert!(before.parse::<u64>().unwrap() <= 175_928_847_299_117_063);
        assert_eq!(made_at(&before), Some(at));
        assert_eq!(made_at("no id"), None);
    }
}
