//! What a `PostgreSQL` of its own has committed is there after it was killed.

use std::path::PathBuf;

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};
use xtask::torture::{Cluster, Group};

use crate::support::stack::variable;

#[tokio::test]
async fn killed_and_started_again_it_has_what_was_committed_and_nothing_else() {
    let programs = PathBuf::from(variable("PURSER_TEST_POSTGRES_BIN"));
    let mut cluster = Cluster::start(&programs, Group::Ours).unwrap();
    let url = cluster.url(cluster.address());
    let mut client = PgConnection::connect(&url).await.unwrap();
    client
        .execute("CREATE TABLE written (n int)")
        .await
        .unwrap();
    client
        .execute("INSERT INTO written VALUES (1)")
        .await
        .unwrap();
    client
        .execute("BEGIN; INSERT INTO written VALUES (2)")
        .await
        .unwrap();

    cluster.kill().unwrap();
    client.execute("COMMIT").await.unwrap_err();
    cluster.starts().unwrap();

    let mut client = PgConnection::connect(&url).await.unwrap();
    let written = sqlx::query_scalar::<_, i32>("SELECT n FROM written");
    assert_eq!(written.fetch_all(&mut client).await.unwrap(), [1]);
}
