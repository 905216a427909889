//! A database of its own for each story, on the stack's server.

use std::path::PathBuf;
use std::str::FromStr as _;

use purser::action::Systems;
use purser::integrations::postgres;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tempfile::TempDir;

use super::s3::closed_folder;
use super::stack::variable;
use super::systems::connect;

/// A database that goes when the story ends well, and a folder for scratch servers.
pub struct Database {
    /// Its name, which no other test uses.
    pub name: String,
    scratch: TempDir,
    keys: TempDir,
}

impl Database {
    /// A new one, with what these statements make.
    pub async fn create(statements: &str) -> Self {
        let scratch = tempfile::Builder::new()
            .prefix("purser-")
            .tempdir_in("/var/tmp")
            .unwrap();
        let all_may_pass = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(scratch.path(), all_may_pass).unwrap();
        let database = Self {
            name: format!("test_{}", uuid::Uuid::now_v7().simple()),
            scratch,
            keys: closed_folder(),
        };
        database
            .on_server(&format!("CREATE DATABASE {}", database.name))
            .await;
        std::fs::write(database.keys.path().join("url"), database.url()).unwrap();
        database.execute(statements).await;
        database
    }

    fn options() -> PgConnectOptions {
        PgConnectOptions::from_str(&variable("PURSER_TEST_POSTGRES_URL")).unwrap()
    }

    /// The URL that leads to it.
    pub fn url(&self) -> String {
        let url = variable("PURSER_TEST_POSTGRES_URL");
        let (server, _) = url.rsplit_once('/').unwrap();
        format!("{server}/{}", self.name)
    }

    /// The table of `[systems.orders-db]` that leads here.
    pub fn settings(&self) -> toml::Table {
        toml::toml! {
            url_file = (self.keys.path().join("url").display().to_string())
            bin = (variable("PURSER_TEST_POSTGRES_BIN"))
            scratch = (self.scratch.path().display().to_string())
        }
    }

    /// Adds it as `orders-db`.
    pub fn join(&self, systems: &mut Systems) {
        connect(
            systems,
            &postgres::integration(),
            "orders-db",
            self.settings(),
        );
    }

    /// A connection of another client.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect_with(&Self::options().database(&self.name))
            .await
            .unwrap()
    }

    /// Runs statements in it.
    pub async fn execute(&self, statements: &str) {
        let statements = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
        self.connect().await.execute(statements).await.unwrap();
    }

    /// Runs one statement outside it.
    pub async fn on_server(&self, statement: &str) {
        let mut connection = PgConnection::connect_with(&Self::options()).await.unwrap();
        connection
            .execute(sqlx::raw_sql(AssertSqlSafe(statement.to_owned())))
            .await
            .unwrap();
    }

    /// Where scratch servers have their folders.
    pub fn scratch(&self) -> PathBuf {
        self.scratch.path().to_owned()
    }

    /// What is left of scratch servers: folders, and processes that name one.
    pub fn left_of_scratch_servers(&self) -> Vec<String> {
        let folders = std::fs::read_dir(self.scratch.path()).unwrap();
        let mut left: Vec<_> = folders
            .map(|entry| entry.unwrap().path().display().to_string())
            .collect();
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains(&*self.scratch.path().to_string_lossy()) {
                left.push(line);
            }
        }
        left
    }

    /// Drops it.
    pub async fn remove(self) {
        self.on_server(&format!("DROP DATABASE {} WITH (FORCE)", self.name))
            .await;
    }
}
