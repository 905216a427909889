//! A Keycloak that is away, or takes Purser's token no more, at each moment of a rotation. The services go
//! there by a way of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::orders::{CLIENT, Different, Orders};
use crate::support::gateway::{Asked, Gateway, Passage};
use crate::support::keycloak::url;

/// The first so many requests of this sort go this way, once it is wanted; all others through.
#[derive(Default)]
struct Trouble {
    left: AtomicU32,
    met: AtomicU32,
}

impl Trouble {
    fn begins(&self, times: u32) {
        self.left.store(times, Ordering::SeqCst);
    }

    fn is_over(&self) {
        self.left.store(0, Ordering::SeqCst);
    }

    fn strikes(&self) -> bool {
        let less = |left: u32| left.checked_sub(1);
        let struck = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        if struck.is_ok() {
            self.met.fetch_add(1, Ordering::SeqCst);
        }
        struck.is_ok()
    }

    fn met(&self) -> u32 {
        self.met.load(Ordering::SeqCst)
    }
}

/// With one service, and this trouble for those requests.
async fn orders(
    is_struck: impl Fn(&Asked) -> bool + Send + Sync + 'static,
    passage: Passage,
) -> (Orders, Arc<Trouble>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let trouble = Arc::<Trouble>::default();
    let strikes = Arc::clone(&trouble);
    let keycloak = url();
    let way = Gateway::to(&keycloak, move |asked| {
        if is_struck(asked) && strikes.strikes() {
            passage
        } else {
            Passage::Open
        }
    });
    let orders = Orders::with(Different {
        way: Some(way.await),
        ..Different::only("invoices")
    });
    (orders.await, trouble)
}

fn sets_a_secret(asked: &Asked) -> bool {
    asked.method == "PUT" && asked.path.contains("/clients/")
}

fn ends_the_old_one(asked: &Asked) -> bool {
    asked.method == "DELETE" && asked.path.ends_with("/client-secret/rotated")
}

async fn comes_through(orders: &mut Orders, trouble: &Trouble, times: u32) {
    trouble.begins(times);
    let run = orders.rotate(&[]).await;
    orders.expect(&run, "succeeded").await;
    assert_eq!(trouble.met(), times, "it was met");
    let new = orders.realm.secret(CLIENT).await;
    assert_ne!(new, orders.old);
    orders.all_use(&new).await;
    assert_eq!(orders.turned_away_of("invoices").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_answer_is_lost_is_said_again() {
    let changes = |asked: &Asked| sets_a_secret(asked) || ends_the_old_one(asked);
    let (mut orders, trouble) = orders(changes, Passage::Lost).await;
    orders.home.up().await;
    comes_through(&mut orders, &trouble, 2).await;
    orders.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_is_fetched_anew() {
    let (mut orders, trouble) = orders(sets_a_secret, Passage::Unknown).await;
    orders.home.up().await;
    comes_through(&mut orders, &trouble, 1).await;
    orders.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_away_before_anything_is_issued_has_nothing_changed() {
    let (mut orders, trouble) = orders(|_| true, Passage::Away).await;
    orders.home.up().await;
    trouble.begins(u32::MAX);
    let run = orders.rotate(&[]).await;
    insta::assert_snapshot!(orders.summary(&run), @"failed: step `rotate` failed: sso: cannot read the client `orders`: it cannot answer at present (status 503); see its log, and try again Nothing was changed.");
    trouble.is_over();
    orders.all_use(&orders.old).await;
    assert_eq!(orders.turned_away_of("invoices").await, 0);
    orders.close().await;
}

/// It is away from the moment at which the old secret is to be revoked: for longer than a change is said
/// again, and not for as long as taking back is tried.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_stays_away_has_all_go_back_once_it_is_there() {
    let gone = Arc::<AtomicU32>::default();
    let is_gone = Arc::clone(&gone);
    let (mut orders, trouble) = orders(
        move |asked| {
            if ends_the_old_one(asked) {
                is_gone.store(1, Ordering::SeqCst);
            }
            is_gone.load(Ordering::SeqCst) == 1
        },
        Passage::Away,
    )
    .await;
    orders.home.up().await;
    trouble.begins(u32::MAX);
    let run = orders.home.starts(&["go"]).await;
    orders.has_failed(&run).await;
    trouble.is_over();
    let ended = orders.home.ends(&run).await;
    insta::assert_snapshot!(orders.summary(&ended), @"rolled_back: step `rotate` failed: sso: cannot read the client `orders`: it cannot answer at present (status 503); see its log, and try again Everything that it had done was taken back.");
    assert_eq!(orders.realm.secret(CLIENT).await, orders.old);
    orders.all_use(&orders.old).await;
    assert_eq!(orders.turned_away_of("invoices").await, 0);
    orders.close().await;
}
