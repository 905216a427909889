//! Drills: what is proven, and what is found out.

use std::process::Command;

use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use purser::action::{Action as _, ErrorKind, Undone};
use purser::integrations::postgres::DrillRestore;
use serde_json::{Value, json};

use super::{BIG, SHOP, Stand, Step, poll};
use crate::support::journal::{MOMENTS, Moment};
use crate::support::stack::variable;

#[tokio::test]
async fn a_backup_is_proven_by_restoring_it() {
    let stand = Stand::with(SHOP).await;
    let backup = stand.backup().await;
    let output = stand.drill(&backup).await.unwrap();
    assert_eq!(output["proof"], "restored");
    insta::assert_snapshot!(output["says"].as_str().unwrap(), @"3 tables with 5400 rows restored; every count is right, and so is the content of the 1400 rows compared");
    stand.remove().await;
}

/// Names that need quotes, rows that need an order, types whose text depends on settings.
const AWKWARD: &str = r#"
    CREATE SCHEMA "Sales.eu";
    CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
    CREATE TABLE "Sales.eu"."Order ""x""" (purser_row text PRIMARY KEY, "select" int);
    INSERT INTO "Sales.eu"."Order ""x""" VALUES ('ä', 1), ('a', 2), ('Z', 3), ('_', 4);
    CREATE TABLE many_types (m mood, n numeric, f float8, b bytea, i interval, t timestamptz,
        j jsonb, a text[], c money, d date, PRIMARY KEY (m, n));
    INSERT INTO many_types VALUES
        ('happy', 1.50, 0.1::float8 + 0.2, '\x00ff', '1 mon 2 days', now(), '{"b":1,"a":[2]}',
         '{"x y",NULL}', '12.34', '2026-02-28'),
        ('sad', 'NaN', 'Infinity', ''::bytea, '-1 sec', 'infinity', 'null', '{}', '-1', 'infinity');
    CREATE TABLE nothing ();
    INSERT INTO nothing DEFAULT VALUES;
    CREATE TABLE measured (at date NOT NULL, v int) PARTITION BY RANGE (at);
    CREATE TABLE measured_25 PARTITION OF measured FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
    CREATE TABLE measured_rest PARTITION OF measured DEFAULT;
    INSERT INTO measured SELECT '2025-12-01'::date + n, n FROM generate_series(1, 60) n;
    CREATE TABLE parent (a int); CREATE TABLE child () INHERITS (parent);
    INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2), (3);
    CREATE UNLOGGED TABLE quick AS SELECT 1 AS one;
    CREATE TABLE doubled (a int, b int GENERATED ALWAYS AS (a * 2) STORED);
    INSERT INTO doubled SELECT generate_series(1, 3);
    CREATE MATERIALIZED VIEW seen AS SELECT count(*) FROM doubled;
    CREATE TABLE secrets (owner text); INSERT INTO secrets VALUES ('x');
    ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;
    DO $$ BEGIN CREATE ROLE purser_test_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
    CREATE POLICY own ON secrets TO purser_test_reader USING (owner = current_user);
    GRANT SELECT ON secrets TO purser_test_reader;
    CREATE EXTENSION citext;
    CREATE TABLE emails (email citext PRIMARY KEY, lower text GENERATED ALWAYS AS (lower(email::text)) STORED);
    INSERT INTO emails VALUES ('Ärger@b'), ('zebra'), ('ABC'), ('äb');
    SELECT lo_from_bytea(0, '\x01');
    ALTER TABLE many_types DROP COLUMN d;
"#;

#[tokio::test]
async fn what_is_awkward_is_restored_and_compared_too() {
    let stand = Stand::with(AWKWARD).await;
    let backup = stand.backup().await;
    let output = stand.drill(&backup).await.unwrap();
    insta::assert_snapshot!(output["says"].as_str().unwrap(), @"11 tables with 79 rows restored; every count is right, and so is the content of the 79 rows compared");
    stand.remove().await;
}

#[tokio::test]
async fn a_database_in_an_old_encoding_is_restored_in_it() {
    let stand = Stand::with("").await;
    let name = format!("{}_latin", stand.database.name);
    stand
        .database
        .on_server(&format!(
            "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
        ))
        .await;
    let mut connection = {
        use sqlx::Connection as _;
        let url = stand.database.url().replace(&stand.database.name, &name);
        sqlx::PgConnection::connect(&url).await.unwrap()
    };
    for sql in [
        "CREATE TABLE t (a text)",
        "INSERT INTO t VALUES ('Ärger'), ('a\\b')",
    ] {
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
    let input = json!({"to": stand.folder(), "database": name});
    let output = Step::new(super::Backup).run(&stand, input).await.unwrap();
    let output = stand
        .drill(output["backup"].as_str().unwrap())
        .await
        .unwrap();
    assert_eq!(output["proof"], "restored");
    drop(connection);
    stand
        .database
        .on_server(&format!("DROP DATABASE {name} WITH (FORCE)"))
        .await;
    stand.remove().await;
}

/// What somebody who may define functions in a shop's database may think of.
const EVIL: &str = r"
    CREATE FUNCTION do_evil() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        IF current_database() = 'drill' THEN
            COPY (SELECT 1) TO PROGRAM 'touch MADE';
        END IF;
    END $$;
    CREATE FUNCTION evil(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
        PERFORM public.do_evil();
        RETURN a;
    END $$;
    CREATE TABLE t AS SELECT 1 AS a;
    CREATE INDEX ON t (evil(a));
";

#[tokio::test]
async fn a_function_in_a_dump_may_not_start_programs_here_unless_it_is_allowed_to() {
    let made = format!("/var/tmp/purser-test-{}", uuid::Uuid::now_v7().simple());
    let stand = Stand::with(&EVIL.replace("MADE", &made)).await;
    let made = std::path::Path::new(&made);
    let backup = stand.backup().await;
    let error = stand.drill(&backup).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fatal);
    let text = stand.plain(&error);
    let (before, rest) = text.split_once(": pg_restore").unwrap();
    let (_, after) = rest.split_once("; nothing").unwrap();
    insta::assert_snapshot!(format!("{before}: …; nothing{after}"), @"s3://minio/BUCKET/orders/DATABASE-TIME-TOKEN does not restore without the rights of a superuser: …; nothing is proven; if everyone who may define functions in the database may also run programs on this machine, set drill_as_superuser = true on its system");
    assert!(!made.exists());

    let stand = stand.with_setting("drill_as_superuser", true.into());
    assert_eq!(stand.drill(&backup).await.unwrap()["proof"], "restored");
    assert!(made.exists());
    std::fs::remove_file(made).unwrap();
    stand.remove().await;
}

#[tokio::test]
async fn an_extension_that_drills_do_not_have_is_named() {
    let stand = Stand::with("CREATE EXTENSION citext; CREATE TABLE t AS SELECT 'a'::citext").await;
    let backup = stand.backup().await;
    let temp = tempfile::Builder::new().tempdir_in("/var/tmp").unwrap();
    let bin = postgres_without_extensions(temp.path());
    let stand = stand.with_setting("bin", bin.into());
    let error = stand.drill(&backup).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fatal);
    insta::assert_snapshot!(stand.plain(&error), @"s3://minio/BUCKET/orders/DATABASE-TIME-TOKEN needs the extension `citext`, which is not installed beside the PostgreSQL that drills run on: nothing is proven; install it there, or set `bin` to a PostgreSQL that has it");
    stand.remove().await;
}

/// A copy of the server's programs, which find their files relative to themselves.
fn postgres_without_extensions(root: &std::path::Path) -> String {
    let script = r"
        set -e
        bin=$1; root=$2; version=$(basename $(dirname $bin)); installed=$(dirname $bin)
        mkdir -p $root/lib/postgresql/$version/bin $root/share/postgresql/$version/extension
        cp $bin/postgres $bin/initdb $bin/pg_restore $bin/pg_dump $root/lib/postgresql/$version/bin
        ln -s $installed/lib $root/lib/postgresql/$version/lib
        for file in /usr/share/postgresql/$version/*; do
            [ $(basename $file) = extension ] || ln -s $file $root/share/postgresql/$version/
        done
        ln -s /usr/share/postgresql/$version/extension/plpgsql* $root/share/postgresql/$version/extension/
        chmod -R a+rX $root
        echo -n $root/lib/postgresql/$version/bin
    ";
    let output = Command::new("sh")
        .args(["-c", script, "sh", &variable("PURSER_TEST_POSTGRES_BIN")])
        .arg(root)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn an_empty_database_is_no_proof() {
    let stand = Stand::with("CREATE TABLE empty (a int)").await;
    let backup = stand.backup().await;
    let output = stand.drill(&backup).await.unwrap();
    assert_eq!(output["proof"], "readable");
    insta::assert_snapshot!(output["says"].as_str().unwrap(), @"1 table restored with not one row to compare: an empty database is no proof of a backup");
    stand.remove().await;
}

#[tokio::test]
async fn one_flipped_bit_is_found_out() {
    let stand = Stand::with(SHOP).await;
    let backup = stand.backup().await;
    for at in [3, 2000, -1] {
        let dump = object(&stand, "dump.zst").await;
        let whole = read(&stand, &dump).await;
        let mut flipped = whole.clone();
        let place = usize::try_from(at).unwrap_or(whole.len() - 1);
        flipped[place] ^= 1;
        stand
            .bucket
            .store()
            .put(&dump, flipped.into())
            .await
            .unwrap();
        let error = stand.drill(&backup).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Fatal);
        assert!(error.message.contains("is not what was stored"), "{error}");
        stand.bucket.store().put(&dump, whole.into()).await.unwrap();
    }
    assert_eq!(stand.drill(&backup).await.unwrap()["proof"], "restored");
    stand.remove().await;
}

#[tokio::test]
async fn a_table_that_is_not_as_it_was_is_named() {
    let stand = Stand::with(SHOP).await;
    let backup = stand.backup().await;
    let path = object(&stand, "manifest.json").await;
    let mut manifest: Value = serde_json::from_slice(&read(&stand, &path).await).unwrap();
    manifest["tables"][0]["rows"] = json!(301);
    manifest["tables"][1]["sha256"] = json!("sha256:0000000000000000");
    let text = serde_json::to_vec(&manifest).unwrap();
    stand.bucket.store().put(&path, text.into()).await.unwrap();
    let error = stand.drill(&backup).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fatal);
    let text = stand.plain(&error);
    let (before, rest) = text.split_once("(sample ").unwrap();
    let (_, after) = rest.split_once(", expected").unwrap();
    insta::assert_snapshot!(format!("{before}(sample …, expected{after}"), @"s3://minio/BUCKET/orders/DATABASE-TIME-TOKEN was restored and is not what was backed up: `public.customers` had 301 rows and has 300; `public.orders` has the same 5000 rows with other content (sample …, expected 000000000000); this backup cannot be relied on");
    stand.remove().await;
}

#[tokio::test]
async fn whenever_the_process_dies_no_server_is_left() {
    let stand = Stand::with(SHOP).await;
    let input = json!({"backup": stand.backup().await});
    for moment in MOMENTS {
        let step = Step::new(DrillRestore);
        step.journal.die_at("restore_scratch", moment);
        step.run(&stand, input.clone()).await.unwrap_err();
        let output = step.run(&stand, input.clone()).await.unwrap();
        assert_eq!(output["proof"], "restored");
        assert_eq!(
            stand.database.left_of_scratch_servers(),
            Vec::<String>::new()
        );
        assert_eq!(
            step.undo(&stand, input.clone()).await.unwrap(),
            Undone::Fully
        );
    }
    stand.remove().await;
}

#[tokio::test]
async fn a_server_that_a_killed_process_left_is_stopped_and_removed() {
    for by_undo in [false, true] {
        let stand = Stand::with(SHOP).await;
        let input = json!({"backup": stand.backup().await});
        let step = Step::new(DrillRestore);
        step.journal.die_at("restore_scratch", Moment::Started);
        step.run(&stand, input.clone()).await.unwrap_err();
        leave_a_server(&stand, &step).await;
        assert!(stand.database.left_of_scratch_servers().len() >= 2);
        if by_undo {
            assert_eq!(step.undo(&stand, input).await.unwrap(), Undone::Fully);
        } else {
            assert_eq!(step.run(&stand, input).await.unwrap()["proof"], "restored");
        }
        stand.remove().await;
    }
}

/// Starts a server where the step's own would be, and forgets it.
async fn leave_a_server(stand: &Stand, step: &Step<DrillRestore>) {
    let token = step.context(stand).key("restore_scratch").await.token();
    let folder = stand
        .database
        .scratch()
        .join(format!("purser-drill-{token}"));
    let data = folder.join("data");
    let as_postgres = |program: &str, arguments: &[&str]| {
        let program = format!("{}/{program}", variable("PURSER_TEST_POSTGRES_BIN"));
        let status = Command::new("runuser")
            .args(["-u", "postgres", "--", &program, "-D"])
            .arg(&data)
            .args(arguments)
            .current_dir("/")
            .stdout(std::process::Stdio::null())
            .status();
        assert!(status.unwrap().success());
    };
    std::fs::create_dir(&folder).unwrap();
    let chown = Command::new("chown").arg("postgres").arg(&folder).status();
    assert!(chown.unwrap().success());
    as_postgres("initdb", &["--no-sync", "-A", "trust"]);
    let options = format!("-c listen_addresses= -k {}", folder.display());
    let log = folder.join("log").display().to_string();
    as_postgres("pg_ctl", &["start", "-w", "-l", &log, "-o", &options]);
}

#[tokio::test]
async fn a_drill_that_is_stopped_or_too_slow_leaves_no_server() {
    let stand = Stand::with(BIG).await;
    let backup = stand.backup().await;
    let slow = json!({"backup": backup, "within": "100ms"});
    let error = Step::new(DrillRestore).run(&stand, slow).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fatal);
    insta::assert_snapshot!(stand.plain(&error), @"s3://minio/BUCKET/orders/DATABASE-TIME-TOKEN was not restored within 100ms: a restore takes longer than it may");
    assert_eq!(
        stand.database.left_of_scratch_servers(),
        Vec::<String>::new()
    );

    let step = Step::new(DrillRestore);
    let ctx = step.context(&stand);
    let cancel = async {
        poll(async || stand.database.left_of_scratch_servers().len() > 1).await;
        ctx.cancel.cancel();
    };
    let input = json!({"backup": backup});
    let (stopped, ()) = tokio::join!(
        purser::action::AnyAction::run(&DrillRestore, &ctx, input),
        cancel
    );
    assert_eq!(stopped.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(
        stand.database.left_of_scratch_servers(),
        Vec::<String>::new()
    );
    stand.remove().await;
}

#[tokio::test]
async fn a_drill_is_planned_without_starting_anything() {
    let stand = Stand::with(SHOP).await;
    let backup = stand.backup().await;
    let plan = Step::new(DrillRestore)
        .plan(&stand, json!({"backup": backup}))
        .await
        .unwrap();
    insta::assert_snapshot!(stand.plain(&plan.summary), @"restore s3://minio/BUCKET/orders/DATABASE-TIME-TOKEN into a scratch server, compare its 3 tables, and remove the server");
    assert_eq!(plan.preconditions.len(), 1);
    stand.remove().await;
}

#[tokio::test]
async fn what_has_no_manifest_is_no_backup() {
    let stand = Stand::with(SHOP).await;
    let backup = stand.backup().await;
    let other = if backup.ends_with('0') { '1' } else { '0' };
    let wrong = format!("{}{other}", &backup[..backup.len() - 1]);
    let error = stand.drill(&wrong).await.unwrap_err();
    assert!(
        error.message.contains(&format!("did you mean {backup}?")),
        "{error}"
    );
    stand
        .bucket
        .store()
        .delete(&object(&stand, "manifest.json").await)
        .await
        .unwrap();
    let error = stand.drill(&backup).await.unwrap_err();
    insta::assert_snapshot!(stand.plain(&error), @"s3://minio/BUCKET/orders/DATABASE-TIME-TOKEN is no backup: it has no manifest.json, which is written last; postgres.list_backups says which there are");
    assert_eq!(stand.listed().await["without_manifest"], 1);
    assert_eq!(DrillRestore::SPEC.effects.len(), 1);
    stand.remove().await;
}

async fn object(stand: &Stand, name: &str) -> Path {
    let keys = stand.bucket.keys().await;
    keys.iter()
        .find(|key| key.ends_with(name))
        .unwrap()
        .as_str()
        .into()
}

async fn read(stand: &Stand, path: &Path) -> Vec<u8> {
    let got = stand.bucket.store().get(path).await.unwrap();
    got.bytes().await.unwrap().to_vec()
}
