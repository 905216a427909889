//! The way on which commits are cut does to `PostgreSQL` what it says.

use std::net::SocketAddr;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use xtask::torture::{CommitCutter, Cut};

use crate::support::database::Database;

async fn rows(client: &mut PgConnection) -> Vec<i32> {
    let rows = sqlx::query_scalar("SELECT n FROM written ORDER BY n");
    rows.fetch_all(client).await.unwrap()
}

async fn writes(options: &PgConnectOptions, n: i32) -> sqlx::Result<()> {
    let mut client = options.connect().await?;
    let mut piece = client.begin().await?;
    sqlx::query("INSERT INTO written VALUES ($1)")
        .bind(n)
        .execute(&mut *piece)
        .await?;
    piece.commit().await
}

#[tokio::test]
async fn a_commit_that_is_cut_has_happened_or_not_and_its_client_never_knows() {
    let database = Database::create("CREATE TABLE written (n int PRIMARY KEY)").await;
    let straight: PgConnectOptions = database.url().parse().unwrap();
    let server = SocketAddr::from(([127, 0, 0, 1], straight.get_port()));
    let cutter = CommitCutter::to(server).unwrap();
    let through = straight.clone().port(cutter.address().port());

    writes(&through, 1).await.unwrap();
    for (n, cut) in [(2, Cut::Before), (3, Cut::Behind), (4, Cut::OnTheWay)] {
        cutter.follows(move || cut);
        writes(&through, n).await.unwrap_err();
    }
    assert_eq!(cutter.made(), 3);
    cutter.follows(|| Cut::Never);
    writes(&through, 5).await.unwrap();

    let mut client = straight.connect().await.unwrap();
    let written = rows(&mut client).await;
    let certain: Vec<_> = written.into_iter().filter(|n| *n != 4).collect();
    assert_eq!(certain, [1, 3, 5]);
    drop(client);
    database.remove().await;
}
