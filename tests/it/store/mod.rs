//! The promises of the store, kept by both databases: the same stories on each.

mod every_event;
mod fires;
mod fixtures;
mod identities;
mod join;
mod lease;
mod lines;
mod locks;
mod messages;
mod moved;
mod outbox;
pub mod place;
mod receipts;
mod refused;
mod retention;
mod runs;
mod secrets;
mod silent;
mod watching;

/// Makes a test on SQLite and one on PostgreSQL of each of these stories.
macro_rules! on_both {
    ($($story:ident),* $(,)?) => {
        mod on_sqlite {
            use crate::store::place::Place;
            $(#[tokio::test]
            async fn $story() {
                super::$story(&Place::sqlite()).await;
            })*
        }

        mod on_postgres {
            use crate::store::place::Place;
            $(#[tokio::test]
            async fn $story() {
                let place = Place::postgres().await;
                super::$story(&place).await;
                place.remove().await;
            })*
        }
    };
}
use on_both;
