//! A clock that is moved by hand.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use purser::action::Clock;
use purser::domain::time::Timestamp;
use purser::engine::Alarm;
use tokio::sync::watch;

/// 2026-11-25T12:00:00Z.
pub const NOON: i64 = 1_795_608_000;

/// Seconds behind noon.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros((NOON + seconds) * 1_000_000)
}

/// A clock that stands still between moves.
#[derive(Clone)]
pub struct HandClock(watch::Sender<Timestamp>);

impl HandClock {
    pub fn at(seconds: i64) -> Self {
        Self(watch::Sender::new(at(seconds)))
    }

    pub fn move_to(&self, seconds: i64) {
        self.0.send_replace(at(seconds));
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }
}

impl Alarm for HandClock {
    fn wait(&self, until: Timestamp) -> BoxFuture<'_, ()> {
        async move {
            let mut moves = self.0.subscribe();
            let _ = moves.wait_for(|now| *now >= until).await;
        }
        .boxed()
    }
}
