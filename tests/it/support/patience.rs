//! How long tests wait for what was promised: a broken promise is a test that fails and says which,
//! not one that never ends.

use std::time::{Duration, Instant};

/// Longer than anything takes, also on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// What a look finds, as soon as one finds something. `what` is waited for.
pub async fn found<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "not within {PATIENCE:?}: {what}"
        );
        tokio::time::sleep(PAUSE).await;
    }
}

/// Returns as soon as a look says so. `what` is waited for.
pub async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    found(what, async || look().await.then_some(())).await;
}
