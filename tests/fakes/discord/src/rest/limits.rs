//! Rate limits as Discord has them: a bucket for each route and its main parameter, and one for all.
//!
//! Discord publishes neither the buckets nor their sizes: a client has to read the headers. The
//! sizes here are of the order of what those say.

use std::collections::HashMap;

use crate::ids::AppId;

/// Requests a second of one bot, over all routes that count.
const GLOBAL: u32 = 50;
const GLOBAL_WINDOW_MS: u64 = 1_000;

/// How many requests a bucket takes in its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) limit: u32,
    pub(crate) window_ms: u64,
}

/// Which bucket a request falls into.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// What routes share it; Discord shows a hash of it.
    pub(crate) bucket: &'static str,
    /// The channel, guild or webhook in the path.
    pub(crate) major: String,
    /// Whose requests are counted.
    pub(crate) app: Option<AppId>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    used: u32,
    ends_ms: u64,
}

/// What the headers of an answer say about its bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) bucket: String,
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    pub(crate) resets_ms: u64,
    pub(crate) reset_after_ms: u64,
}

/// Too many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Limited {
    pub(crate) retry_after_ms: u64,
    pub(crate) global: bool,
    pub(crate) standing: Option<Standing>,
}

/// How full all buckets are.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    windows: HashMap<Key, Window>,
    global: HashMap<AppId, Window>,
}

impl Limits {
    /// Counts a request against the limit of all routes.
    pub(crate) fn take_global(&mut self, app: AppId, now_ms: u64) -> Result<(), Limited> {
        let rule = Rule {
            limit: GLOBAL,
            window_ms: GLOBAL_WINDOW_MS,
        };
        let window = self.global.entry(app).or_insert_with(|| rule.begin(now_ms));
        match rule.take(window, now_ms) {
            Ok(()) => Ok(()),
            Err(retry_after_ms) => Err(Limited {
                retry_after_ms,
                global: true,
                standing: None,
            }),
        }
    }

    /// Counts a request against its bucket.
    pub(crate) fn take(&mut self, key: &Key, rule: Rule, now_ms: u64) -> Result<Standing, Limited> {
        if self.windows.len() > 10_000 {
            self.windows.retain(|_, window| window.ends_ms > now_ms);
        }
        let window = self
            .windows
            .entry(key.clone())
            .or_insert_with(|| rule.begin(now_ms));
        let taken = rule.take(window, now_ms);
        let standing = Standing {
            bucket: shown(key.bucket),
            limit: rule.limit,
            remaining: rule.limit.saturating_sub(window.used),
            resets_ms: window.ends_ms,
            reset_after_ms: window.ends_ms.saturating_sub(now_ms),
        };
        match taken {
            Ok(()) => Ok(standing),
            Err(retry_after_ms) => Err(Limited {
                retry_after_ms,
                global: false,
                standing: Some(standing),
            }),
        }
    }
}

impl Rule {
    fn begin(self, now_ms: u64) -> Window {
        Window {
            used: 0,
            ends_ms: now_ms + self.window_ms,
        }
    }

    fn take(self, window: &mut Window, now_ms: u64) -> Result<(), u64> {
        if now_ms >= window.ends_ms {
            *window = self.begin(now_ms);
        }
        if window.used >= self.limit {
            return Err(window.ends_ms - now_ms);
        }
        window.used += 1;
        Ok(())
    }
}

/// The name of a bucket as it is shown: opaque, the same for the same routes.
fn shown(bucket: &str) -> String {
    let hash = bucket
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule {
        limit: 2,
        window_ms: 5_000,
    };

    fn key(major: &str) -> Key {
        Key {
            bucket: "PATCH message",
            major: major.into(),
            app: Some(AppId(1)),
        }
    }

    #[test]
    fn a_bucket_empties_and_fills_again_when_its_time_is_over() {
        let mut limits = Limits::default();
        let mut take = |now_ms| limits.take(&key("ops"), RULE, now_ms);
        assert_eq!(take(1_000).unwrap().remaining, 1);
        assert_eq!(take(2_000).unwrap().remaining, 0);
        let limited = take(2_500).unwrap_err();
        assert_eq!((limited.retry_after_ms, limited.global), (3_500, false));
        assert_eq!(take(6_000).unwrap().remaining, 1);
    }

    #[test]
    fn channels_have_buckets_of_their_own() {
        let mut limits = Limits::default();
        for major in ["ops", "shop"] {
            for _ in 0..2 {
                limits.take(&key(major), RULE, 0).unwrap();
            }
            assert!(limits.take(&key(major), RULE, 0).is_err());
        }
    }

    #[test]
    fn a_bot_has_50_requests_a_second_over_all() {
        let mut limits = Limits::default();
        for _ in 0..50 {
            limits.take_global(AppId(1), 10).unwrap();
        }
        let limited = limits.take_global(AppId(1), 20).unwrap_err();
        assert_eq!((limited.retry_after_ms, limited.global), (990, true));
        assert!(limits.take_global(AppId(2), 20).is_ok());
        assert!(limits.take_global(AppId(1), 1_010).is_ok());
    }
}
