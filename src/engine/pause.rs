//! How long a task that looks at the store again and again pauses between two looks.

use std::future::pending;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Alarm;
use crate::domain::time::Timestamp;
use crate::store::Result;

/// How soon a store that failed is asked again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// What is waited for when nothing is due.
const END_OF_TIME: Timestamp = Timestamp::from_micros(i64::MAX);

/// Returns when it is time to look again: at once when there are `news`, at the latest when
/// something is `due`. After a look that failed neither counts, and a moment passes in any case:
/// news of what others do would else have a full disk written to as fast as it can refuse, and
/// what comes before the write be done as often.
pub(super) async fn until_next_look<T>(
    looked: &Result<T>,
    news: impl Future<Output = ()>,
    due: impl Future<Output = ()>,
    shutdown: &CancellationToken,
) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = news, if looked.is_ok() => {}
        () = due, if looked.is_ok() => {}
        () = tokio::time::sleep(TRY_AGAIN), if looked.is_err() => {}
    }
}

/// Returns when something was committed that has not been looked at.
pub(super) async fn commit(commits: &mut watch::Receiver<()>) {
    if commits.changed().await.is_err() {
        // The store is closed: nothing comes any more.
        pending::<()>().await;
    }
}

/// Returns once the clock may show this instant; without one there is nothing to wait for.
pub(super) async fn instant(alarm: &dyn Alarm, at: Option<Timestamp>) {
    alarm.wait(at.unwrap_or(END_OF_TIME)).await;
}
