//! The database of the orders, seen from outside: by `psql` and its kin.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::sh;
use crate::stack::need::must_find;

/// The shop's database.
pub(crate) const ORDERS: &str = "bookshop_orders";
/// Where a backup is restored by hand, to be compared.
const BY_HAND: &str = "bookshop_by_hand";

const TABLES: &str = include_str!("files/orders.sql");

/// How many rows a table has, and what all of them together are.
const FINGERPRINT: &str = "\
SELECT 'customers', count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM customers t
UNION ALL SELECT 'orders', count(*), md5(string_agg(t::text, ',' ORDER BY t::text)) FROM orders t
UNION ALL SELECT 'order_lines', count(*), md5(string_agg(t::text, ',' ORDER BY t::text))
FROM order_lines t";

/// The stack's server.
pub(crate) struct Server {
    url: String,
    user: String,
    password: String,
    host: String,
    port: String,
}

impl Server {
    /// The server at `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    pub(crate) fn at(url: &str) -> Result<Self> {
        let parts = || {
            let (server, _) = url.strip_prefix("postgres://")?.rsplit_once('/')?;
            let (login, address) = server.split_once('@')?;
            Some((login.split_once(':')?, address.split_once(':')?))
        };
        let ((user, password), (host, port)) = parts().context("an unusual address of Postgres")?;
        let [user, password, host, port] = [user, password, host, port].map(str::to_owned);
        Ok(Self {
            url: url.to_owned(),
            user,
            password,
            host,
            port,
        })
    }

    /// The address of the shop's database.
    pub(crate) fn url_of_orders(&self) -> String {
        let (server, _) = self.url.rsplit_once('/').unwrap_or((&self.url, ""));
        format!("{server}/{ORDERS}")
    }

    /// The address of the shop's database without its password, and the password.
    pub(crate) fn orders(&self) -> (String, String) {
        let (user, host, port) = (&self.user, &self.host, &self.port);
        let address = format!("postgres://{user}@{host}:{port}/{ORDERS}");
        (address, self.password.clone())
    }

    /// Makes the shop's database with its rows.
    pub(crate) fn create(&self) -> Result<()> {
        self.sql("postgres", &format!("CREATE DATABASE {ORDERS}"))?;
        self.sql(ORDERS, TABLES).map(drop)
    }

    /// Drops all that the demo has made.
    pub(crate) fn remove(&self) -> Result<()> {
        for database in [ORDERS, BY_HAND] {
            self.sql(
                "postgres",
                &format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"),
            )?;
        }
        Ok(())
    }

    /// For each table of the shop's its name, how many rows it has, and a digest of them.
    pub(crate) fn fingerprint(&self) -> Result<Vec<(String, u64, String)>> {
        self.fingerprint_of(ORDERS)
    }

    /// The same of a dump (packed with zstd), restored by the database's own tools.
    pub(crate) fn fingerprint_of_dump(&self, dump: &Path) -> Result<Vec<(String, u64, String)>> {
        let unpacked = dump.with_extension("unpacked");
        let mut unpack = Command::new(must_find("zstd")?);
        unpack
            .args(["-d", "-q", "-f", "-o"])
            .arg(&unpacked)
            .arg(dump);
        sh::output(&mut unpack)?;
        self.sql("postgres", &format!("CREATE DATABASE {BY_HAND}"))?;
        let mut restore = self.tool("pg_restore", BY_HAND)?;
        sh::output(
            restore
                .args(["--exit-on-error", "--no-owner"])
                .arg(&unpacked),
        )?;
        self.fingerprint_of(BY_HAND)
    }

    fn fingerprint_of(&self, database: &str) -> Result<Vec<(String, u64, String)>> {
        let rows = self.sql(database, FINGERPRINT)?;
        let row = |line: &str| {
            let mut cells = line.split('|').map(str::to_owned);
            let (table, count, digest) = (cells.next()?, cells.next()?, cells.next()?);
            Some((table, count.parse().ok()?, digest))
        };
        rows.lines()
            .map(row)
            .collect::<Option<_>>()
            .context("psql answers something else")
    }

    fn sql(&self, database: &str, statement: &str) -> Result<String> {
        let mut psql = self.tool("psql", database)?;
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            statement,
        ]);
        sh::output(&mut psql)
    }

    /// The password goes by the environment: a command line can be read by all.
    fn tool(&self, program: &str, database: &str) -> Result<Command> {
        let mut tool = Command::new(must_find(program)?);
        tool.args([
            "-h", &self.host, "-p", &self.port, "-U", &self.user, "-d", database,
        ]);
        tool.env("PGPASSWORD", &self.password);
        Ok(tool)
    }
}
