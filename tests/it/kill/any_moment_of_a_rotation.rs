//! Kills at moments that nobody has chosen, while the secret of a client is rotated.

use super::any_moment::{killed, rounds};
use super::rotation::{in_turn, of_a_liar, went_back, went_on};
use crate::keycloak::orders::{Different, Orders};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_at_any_moment_a_rotation_goes_on() {
    in_turn(rounds(1..=7), async |round| {
        let mut orders = Orders::with(Different::only("invoices")).await;
        let run = killed(&mut orders.home, &round, 1).await;
        went_on(orders, &run, "invoices").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_at_any_moment_a_rotation_that_fails_goes_back() {
    in_turn(rounds(8..=10), async |round| {
        let mut orders = of_a_liar().await;
        let run = killed(&mut orders.home, &round, 1).await;
        went_back(orders, &run).await;
    })
    .await;
}
