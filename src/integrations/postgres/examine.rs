//! Whether a server can be backed up and its backups be drilled, as workflows want it.

use std::collections::BTreeSet;

use nix::unistd::{AccessFlags, access};
use sqlx::postgres::PgConnection;

use super::Postgres;
use super::scratch::Programs;
use super::tools::Version;
use crate::action::{Clock, ClockReading, Examination, Result, Uses};
use crate::domain::finding::Remark;
use crate::domain::time::Timestamp;

/// What a dump takes along and the user may not read.
const UNREADABLE: &str = "
    SELECT format('%I.%I', n.nspname, c.relname)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'm', 'S')
       AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND NOT (has_schema_privilege(n.oid, 'USAGE')
                AND CASE c.relkind WHEN 'S' THEN has_sequence_privilege(c.oid, 'SELECT')
                                   ELSE has_table_privilege(c.oid, 'SELECT') END)
     ORDER BY 1";

/// So many tables are named.
const MOST_NAMED: usize = 3;

impl Postgres {
    pub(super) async fn looked_at(&self, uses: &Uses, clock: &dyn Clock) -> Examination {
        let mut found = Examination::default();
        let version = match self.server_version().await {
            Ok(version) => version,
            Err(error) => {
                found.add(Err(error));
                return found;
            }
        };
        found.add(Ok(Remark::well(format!(
            "PostgreSQL {version}, reached directly as `{}`",
            self.user()
        ))));
        if uses.of("postgres.backup").next().is_some() {
            let tool = self.pg_dump_for(&version).await;
            found.add(tool.map(|tool| {
                Remark::well(format!(
                    "{} {} can dump it",
                    tool.path.display(),
                    tool.version
                ))
            }));
        }
        for database in self.databases_of(uses) {
            found.add(self.may_dump(&database).await);
        }
        if uses.of("postgres.drill_restore").next().is_some() {
            found.add(self.can_drill(&version).await);
            found.remarks.extend(self.bad_scratch());
        }
        found.clock = self.read_clock(clock).await;
        found
    }

    /// The databases that backups name, with the one that the address names where they name none.
    fn databases_of(&self, uses: &Uses) -> BTreeSet<String> {
        let named = uses.of("postgres.backup").flat_map(|step| {
            let named = step.with.get("database").filter(|named| !named.is_empty());
            named
                .cloned()
                .unwrap_or_else(|| vec![self.default_database().to_owned()])
        });
        named.collect()
    }

    async fn may_dump(&self, database: &str) -> Result<Remark> {
        let mut connection = self.open(database).await?;
        let unreadable: Vec<String> = sqlx::query_scalar(UNREADABLE)
            .fetch_all(&mut connection)
            .await
            .map_err(|error| self.explain("look at the rights to its tables", error.into()))?;
        if unreadable.is_empty() {
            return Ok(Remark::well(format!(
                "all tables of `{database}` may be read"
            )));
        }
        let more = match unreadable.len() {
            count if count > MOST_NAMED => format!(" and {} more", count - MOST_NAMED),
            _ => String::new(),
        };
        let named: Vec<_> = unreadable
            .iter()
            .take(MOST_NAMED)
            .map(String::as_str)
            .collect();
        let user = self.user();
        Ok(Remark::problem(
            format!(
                "the user `{user}` may not read {}{more} in `{database}`, so a backup of it would fail",
                named.join(", ")
            ),
            format!("as a superuser of that server: GRANT pg_read_all_data TO \"{user}\""),
        ))
    }

    async fn can_drill(&self, server: &Version) -> Result<Remark> {
        let programs = Programs::find(self.bin()).await?;
        let has = &programs.postgres;
        if has.version.major >= server.major {
            return Ok(Remark::well(format!(
                "{} {} can drill its backups",
                has.path.display(),
                has.version
            )));
        }
        Ok(Remark::problem(
            format!(
                "{} is version {}, which cannot take what PostgreSQL {server} has dumped",
                has.path.display(),
                has.version
            ),
            format!(
                "install the server programs of version {} or set `bin` in [systems.{}] to their folder",
                server.major,
                self.name()
            ),
        ))
    }

    fn bad_scratch(&self) -> Option<Remark> {
        let folder = self.scratch_parent();
        let why = access(folder, AccessFlags::W_OK | AccessFlags::X_OK).err()?;
        Some(Remark::problem(
            format!(
                "scratch servers cannot be made in {} ({})",
                folder.display(),
                why.desc()
            ),
            format!(
                "make that folder, or set `scratch` in [systems.{}] to another",
                self.name()
            ),
        ))
    }

    async fn read_clock(&self, clock: &dyn Clock) -> Option<ClockReading> {
        let mut connection: PgConnection = self.open(self.default_database()).await.ok()?;
        let before = clock.now();
        let micros: i64 =
            sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::int8")
                .fetch_one(&mut connection)
                .await
                .ok()?;
        Some(ClockReading {
            before,
            theirs: Timestamp::from_micros(micros),
            after: clock.now(),
            coarse: std::time::Duration::ZERO,
        })
    }
}
