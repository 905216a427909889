//! What `purser doctor` says of homes that are well and of homes that are broken, each in its way.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::Story;
use crate::own::{Key, backs_up_to};
use crate::support::database::Database;
use crate::support::program::Person;
use crate::support::s3::Bucket;
use crate::support::stack::variable;
use crate::support::systems::of_kind;

const STATUS: &str = "
steps:
  - id: services
    uses: docker.list_services
";

impl Story {
    /// What the doctor finds wrong, with its last line and the exit code.
    async fn ails(&self) -> String {
        let told = self.sees("doctor").await;
        let is_well = |line: &&str| line.starts_with('✓');
        let lines: Vec<_> = told.lines().filter(|line| !is_well(line)).collect();
        lines.join("\n")
    }

    /// What the doctor finds well about one thing.
    async fn well(&self, check: &str) -> String {
        let told = self.sees("doctor").await;
        let begin = format!("✓ {check} ");
        let lines: Vec<_> = told
            .lines()
            .filter(|line| line.starts_with(&begin))
            .collect();
        lines.join("\n")
    }

    /// The store's database, opened by another program.
    async fn store(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.home.path("store/purser.db"));
        options.connect().await.unwrap()
    }

    /// A home that has worked: its store has a run and its receipt, and no server is up.
    async fn that_has_worked() -> Self {
        let mut story = Self::of_job().await;
        let run = story.starts("migrate").await;
        story.home.ends(&run).await;
        story.home.stop().await;
        story
    }
}

#[tokio::test]
async fn a_home_that_is_well_is_said_to_be_with_and_without_its_server() {
    let mut story = Story::of_docker();
    story.home.workflow("status", STATUS);
    insta::assert_snapshot!(story.ails().await, @"
    all is well
    exit code 0
    ");
    insta::assert_snapshot!(story.well("store").await, @"✓ store HOME/store: there is no store yet; `purser up` makes it");
    story.home.up().await;
    let process = story.home.pid().to_string();
    story.call(&format!("process {process}"), "process SERVER");
    insta::assert_snapshot!(story.ails().await, @"
    all is well
    exit code 0
    ");
    insta::assert_snapshot!(story.well("store").await, @"
    ✓ store HOME/store: root's, and closed to others
    ✓ store HOME/store: held by the process SERVER
    ✓ store HOME/store: the database passes SQLite's quick check
    ✓ store HOME/store: there are no receipts yet
    ");
    insta::assert_snapshot!(story.well("socket").await, @"✓ socket HOME/purser.sock: the server is up and ready");
    assert!(story.home.stop().await.success(), "it was left alone");
}

#[tokio::test]
async fn programs_get_a_list_with_what_to_do_next() {
    let story = Story::with(&[(
        "prom",
        of_kind("prometheus", toml::toml! { url = "http://127.0.0.1:1" }),
    )]);
    let said = story.home.types(&["doctor", "--json"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    let first = &said.json()[0];
    insta::assert_snapshot!(format!("{first:#}"), @r#"
    {
      "check": "system",
      "about": "prom",
      "state": "problem",
      "message": "nothing answers at http://127.0.0.1:1 (Connection refused (os error 111))",
      "next": "see that it runs and that the `url` in [systems.prom] is right"
    }
    "#);
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_another_exit_code() {
    let story = Story::of_docker();
    story.home.configure("[engine]\nconcurent_runs = 3");
    insta::assert_snapshot!(story.sees("doctor").await, @"
    purser: HOME/purser.toml:18:1: unknown field `concurent_runs`; did you mean `concurrent_runs`?
    exit code 2
    ");
}

#[tokio::test]
async fn every_mistake_in_files_is_a_problem_and_the_rest_is_looked_at() {
    let story = Story::of_docker();
    story.home.configure(
        "[systems.orders-db]\nkind = 'postgres'\nurl_file = 'nowhere'\n\
         [systems.wiki]\nkind = 'postgress'\n\
         [hooks.deploy]\nroles = ['operator']\nsecret_file = 'nothing'",
    );
    story
        .home
        .workflow("status", &STATUS.replace("list_services", "list_service"));
    insta::assert_snapshot!(story.ails().await, @"
    ✗ config HOME/purser.toml:19:1: [systems.orders-db]: the file HOME/nowhere cannot be read: No such file or directory (os error 2)
        next: edit HOME/purser.toml, then run `purser lint`
    ✗ config HOME/purser.toml:21:1: unknown kind `postgress`; did you mean `postgres`?
        next: edit HOME/purser.toml, then run `purser lint`
    ✗ config HOME/purser.toml:24:1: [hooks.deploy]: the file HOME/nothing cannot be read: No such file or directory (os error 2)
        next: edit HOME/purser.toml, then run `purser lint`
    ✗ config HOME/workflows/status.yaml:7:11: unknown action `docker.list_service`; did you mean `docker.list_services`?
        next: edit HOME/workflows/status.yaml, then run `purser lint`
    4 problems, 0 warnings
    exit code 1
    ");
    assert!(story.well("system").await.contains("✓ system shop: Docker"));
}

#[tokio::test]
async fn a_wrong_password_is_said_with_the_file_that_holds_it() {
    let database = Database::create("").await;
    let bucket = Bucket::create().await;
    let story = Story::of_backups(&database, &bucket);
    let mut settings = of_kind("postgres", database.settings());
    let wrong = database.url().replacen('@', "0@", 1);
    story.home.write("wrong_url", &wrong);
    settings["url_file"] = "wrong_url".into();
    story.set_system("orders-db", &settings);
    let told = story.sees("doctor").await;
    let password = wrong.split(['@', ':']).nth(2).unwrap();
    assert!(!told.contains(password), "{told}");
    insta::assert_snapshot!(story.ails().await, @r#"
    ✗ system orders-db: could not connect to the database `DATABASE` on orders-db: it refuses the user `postgres` (password authentication failed for user "postgres")
        next: put the right user and password into wrong_url and restart Purser
    ! secret HOME/wrong_url: others may read it (mode 755)
        next: chmod 600 HOME/wrong_url
    1 problem, 1 warning
    exit code 1
    "#);
    database.remove().await;
    bucket.remove().await;
}

#[tokio::test]
async fn backups_that_would_work_are_found_to_and_nothing_is_left_in_the_bucket() {
    let database = Database::create("CREATE TABLE orders (id int)").await;
    let bucket = Bucket::create().await;
    let story = Story::of_backups(&database, &bucket);
    insta::assert_snapshot!(story.ails().await, @"
    all is well
    exit code 0
    ");
    insta::assert_snapshot!(story.well("folder").await, @"✓ folder s3://minio/BUCKET/orders: it can be listed, written and cleared");
    assert_eq!(bucket.keys().await, Vec::<String>::new());
    database.remove().await;
    bucket.remove().await;
}

#[tokio::test]
async fn a_table_that_may_not_be_read_and_a_bucket_that_is_not_there_fail_no_backup_at_night() {
    let database = Database::create("CREATE TABLE orders (id int)").await;
    let bucket = Bucket::create().await;
    let mut story = Story::of_backups(&database, &bucket);
    let reader = format!("reader_{}", database.name);
    database
        .on_server(&format!(
            "CREATE ROLE {reader} LOGIN PASSWORD 'only-a-reader'"
        ))
        .await;
    let (_, server) = database
        .url()
        .split_once('@')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    story.home.write(
        "reader_url",
        &format!("postgres://{reader}:only-a-reader@{server}"),
    );
    let mut settings = of_kind("postgres", database.settings());
    settings["url_file"] = "reader_url".into();
    story.set_system("orders-db", &settings);
    let other = format!("{}-gone", bucket.name);
    story.call(&reader, "READER");
    story.call(&other, "GONE");
    story.words.reverse();
    for name in ["backup", "list"] {
        let file = format!("workflows/{name}.yaml");
        let text = fs::read_to_string(story.home.path(&file)).unwrap();
        story.home.write(
            &file,
            &text.replace(
                &format!("minio/{}/", bucket.name),
                &format!("minio/{other}/"),
            ),
        );
    }
    insta::assert_snapshot!(story.ails().await, @r#"
    ✗ system orders-db: the user `READER` may not read public.orders in `DATABASE`, so a backup of it would fail
        next: as a superuser of that server: GRANT pg_read_all_data TO "READER"
    ✗ folder s3://minio/GONE/orders: could not list s3://minio/GONE/orders on minio: unknown bucket `GONE`; did you mean `BUCKET`?
        next: make the bucket or the key's rights good, or write another place into `backup`, `list`
    ! secret HOME/reader_url: others may read it (mode 755)
        next: chmod 600 HOME/reader_url
    2 problems, 1 warning
    exit code 1
    "#);
    database.on_server(&format!("DROP ROLE {reader}")).await;
    database.remove().await;
    bucket.remove().await;
}

#[tokio::test]
async fn a_port_that_is_closed_and_one_that_says_nothing_hold_up_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = silent.local_addr().unwrap();
    let of = |at: String| of_kind("prometheus", toml::toml! { url = (format!("http://{at}")) });
    let mut story = Story::with(&[
        ("closed", of("127.0.0.1:1".to_owned())),
        ("silent", of(at.to_string())),
        (
            "well",
            of_kind(
                "http",
                toml::toml! { url = (variable("PURSER_TEST_PROMETHEUS_URL")) },
            ),
        ),
    ]);
    story.call(&at.to_string(), "SILENT");
    insta::assert_snapshot!(story.ails().await, @"
    ✗ system closed: nothing answers at http://127.0.0.1:1 (Connection refused (os error 111))
        next: see that it runs and that the `url` in [systems.closed] is right
    ✗ system silent: no answer within 15s
        next: see that it runs, and that nothing on the way swallows its packets
    2 problems, 0 warnings
    exit code 1
    ");
    assert!(story.well("system").await.contains("✓ system well: "));
}

#[tokio::test]
async fn a_lock_that_a_dead_process_left_is_no_hindrance() {
    let story = Story::that_has_worked().await;
    story.home.write("store/STORE.lock", "4194303");
    insta::assert_snapshot!(story.well("store").await, @"
    ✓ store HOME/store: root's, and closed to others
    ✓ store HOME/store: held by nobody; the process 4194303 was the last, and its lock is no hindrance
    ✓ store HOME/store: the database passes SQLite's quick check
    ✓ store HOME/store: the latest receipts hold (1)
    ");
}

#[tokio::test]
async fn files_of_somebody_else_and_keys_for_all_are_found() {
    let story = Story::that_has_worked().await;
    chown(story.home.path("store/purser.db"), Some(65_534), None).unwrap();
    let open = |name: &str, mode| {
        fs::set_permissions(story.home.path(name), Permissions::from_mode(mode)).unwrap();
    };
    open("store/receipts.key", 0o644);
    open("store/secrets.key", 0o640);
    open("store", 0o755);
    insta::assert_snapshot!(story.ails().await, @"
    ✗ store HOME/store: purser.db in it belongs to nobody, and the folder to root
        next: chown -R root HOME/store
    ✗ store HOME/store: others may read receipts.key (mode 644) and sign receipts with it
        next: chmod 600 HOME/store/receipts.key
    ✗ store HOME/store: others may read secrets.key (mode 640) and open the secrets with it
        next: chmod 600 HOME/store/secrets.key
    ! store HOME/store: others may look into it (mode 755); runs and receipts are in it
        next: chmod 700 HOME/store
    3 problems, 1 warning
    exit code 1
    ");
}

#[tokio::test]
async fn another_user_than_the_servers_is_told_whom_to_be() {
    let story = Story::that_has_worked().await;
    let told = story.person_sees(Person::Bo, "doctor").await;
    let lines: Vec<_> = told
        .lines()
        .skip_while(|line| !line.starts_with("✗ store"))
        .take(2)
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    ✗ store HOME/store: it belongs to root, and this runs as nobody
        next: run Purser as root, or: chown -R nobody HOME/store
    ");
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_left_alone() {
    let story = Story::that_has_worked().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'later', 1, x'00', 1)";
    story.store().await.execute(newer).await.unwrap();
    insta::assert_snapshot!(story.ails().await, @"
    ✗ store HOME/store: it was written by a newer version of Purser (its tables are at version 9999, and this program knows 13)
        next: start that version again
    1 problem, 0 warnings
    exit code 1
    ");
}

#[tokio::test]
async fn a_receipt_that_was_altered_is_named() {
    let story = Story::that_has_worked().await;
    let alter = "UPDATE receipts SET content = replace(content, '\"ann\"', '\"bo\"')";
    story
        .store()
        .await
        .execute(AssertSqlSafe(alter))
        .await
        .unwrap();
    insta::assert_snapshot!(story.ails().await, @"
    ✗ store HOME/store: receipt 1 does not hold: its content does not have the hash that it was sealed with: somebody or something has changed the store
        next: keep a copy of the store, and find out who could write to it; `purser receipts verify` checks all
    1 problem, 0 warnings
    exit code 1
    ");
}

#[tokio::test]
async fn a_damaged_database_is_found_before_the_next_start() {
    let story = Story::that_has_worked().await;
    let mut store = story.store().await;
    let of_receipts = "SELECT rootpage FROM sqlite_schema WHERE name = 'receipts'";
    let page: i64 = sqlx::query_scalar(of_receipts)
        .fetch_one(&mut store)
        .await
        .unwrap();
    store
        .execute("PRAGMA wal_checkpoint(TRUNCATE)")
        .await
        .unwrap();
    store.close().await.unwrap();
    let file = story.home.path("store/purser.db");
    let mut bytes = fs::read(&file).unwrap();
    let end = usize::try_from(page).unwrap() * 4096;
    bytes[end - 4096..end].fill(0xAA);
    fs::write(&file, bytes).unwrap();
    let told = story.ails().await;
    let lines: Vec<_> = told.lines().collect();
    let found = "✗ store HOME/store: SQLite finds the database damaged, first: ";
    assert!(lines[0].starts_with(found), "{told}");
    insta::assert_snapshot!(lines[1..].join("\n"), @"
        next: stop Purser, move HOME/store aside and keep it, then: purser recover --from BACKUP
    1 problem, 0 warnings
    exit code 1
    ");
}

#[tokio::test]
async fn an_engine_behind_a_proxy_that_forbids_changes_is_no_good_for_deploys() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = proxy.local_addr().unwrap();
    let guard = tokio::spawn(only_gets(proxy));
    let engine = of_kind("docker", toml::toml! { host = (format!("tcp://{at}")) });
    let mut story = Story::with(&[("shop", engine)]);
    story.call(&at.to_string(), "PROXY");
    story.home.workflow("status", STATUS);
    insta::assert_snapshot!(story.ails().await, @"
    all is well
    exit code 0
    ");
    story.home.workflow("migrate", super::MIGRATE);
    insta::assert_snapshot!(story.ails().await, @"
    ✗ system shop: it refuses to restart and to make containers, and workflows need it
        next: allow POST to /containers in what stands before tcp://PROXY
    1 problem, 0 warnings
    exit code 1
    ");
    guard.abort();
}

/// A proxy before the stack's engine that lets GET and HEAD pass, as people put before the socket.
async fn only_gets(proxy: TcpListener) {
    let host = variable("PURSER_TEST_DOCKER_HOST");
    let socket = host.strip_prefix("unix://").unwrap().to_owned();
    while let Ok((client, _)) = proxy.accept().await {
        tokio::spawn(pass_on(client, socket.clone()));
    }
}

async fn pass_on(mut client: TcpStream, socket: String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    if head.starts_with("POST") {
        let refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        let _ = client.write_all(refusal.as_bytes()).await;
        return;
    }
    let mut engine = UnixStream::connect(socket).await.unwrap();
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    engine.write_all(head.as_bytes()).await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut client, &mut engine).await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_before_the_server_misses_it() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = taken.local_addr().unwrap();
    let mut story = Story::of_docker();
    story.call(&at.port().to_string(), "PORT");
    let mut doctor = story.home.command(Person::Ann, &["doctor"]);
    doctor.env("PURSER__SERVER__LISTEN", at.to_string());
    doctor.stdout(Stdio::piped());
    let said = doctor.output().await.unwrap();
    let text = story.plain(&String::from_utf8(said.stdout).unwrap());
    let lines: Vec<_> = text.lines().take(2).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    ✗ listener 127.0.0.1:PORT: the server will not be able to listen there (Address already in use (os error 98))
        next: find who does: ss -ltnp 'sport = PORT'; or write another address as `listen` in [server]
    ");
}

#[tokio::test]
async fn whoever_may_not_open_the_socket_hears_nothing_bad_of_the_server() {
    let mut story = Story::of_docker();
    story.home.configure("[metrics]\nlisten = '127.0.0.1:0'\n");
    story.home.up_in_public().await;
    let (public, metrics) = (story.home.address(), story.home.address_of("figures"));
    story.call(&public, "PUBLIC");
    story.call(&metrics, "METRICS");
    let mut told = vec![];
    for person in [Person::Ann, Person::Bo] {
        let mut doctor = story.home.command(person, &["doctor"]);
        doctor.env("PURSER__SERVER__LISTEN", &public);
        doctor.env("PURSER__METRICS__LISTEN", &metrics);
        doctor.stdout(Stdio::piped());
        let said = doctor.output().await.unwrap();
        let text = story.plain(&String::from_utf8(said.stdout).unwrap());
        let lines = text.lines().filter(|line| line.contains(" listener "));
        told.extend(lines.map(str::to_owned));
    }
    insta::assert_snapshot!(told.join("\n"), @"
    ✓ listener PUBLIC: hooks and health are served
    ✓ listener METRICS: figures are served
    ✓ listener PUBLIC: hooks and health are served
    ✓ listener METRICS: figures are served
    ");
}

/// A disk that is mounted on a folder and answers nothing, until it is dropped.
struct HungDisk {
    folder: PathBuf,
    /// The file system's other side, where nobody reads.
    device: Option<File>,
}

impl HungDisk {
    fn mounted_on(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let device = File::options()
            .read(true)
            .write(true)
            .open("/dev/fuse")
            .unwrap();
        let mounted = Command::new("mount")
            .args(["--internal-only", "-t", "fuse", "hung"])
            .arg(folder)
            .args(["-o", "fd=0,rootmode=40000,user_id=0,group_id=0"])
            .stdin(device.try_clone().unwrap())
            .status();
        assert!(mounted.unwrap().success());
        Self {
            folder: folder.to_owned(),
            device: Some(device),
        }
    }
}

impl Drop for HungDisk {
    fn drop(&mut self) {
        // Whoever waits for it hears that it is gone.
        self.device = None;
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(&self.folder)
            .status();
    }
}

#[tokio::test]
async fn a_disk_that_does_not_answer_holds_up_nothing_else() {
    let story = Story::of_docker();
    let _disk = HungDisk::mounted_on(&story.home.path("hung"));
    let to = format!("file://{}", story.home.path("hung/backups").display());
    backs_up_to(&story.home, &to, &Key::new(), "");
    story
        .home
        .configure("[hooks.ci]\nroles = ['operator']\ntoken_file = 'token'");
    story.home.write("token", "a-token-of-some-length");
    insta::assert_snapshot!(story.ails().await, @"
    ✗ folder file://HOME/hung/backups: no end after 10s
        next: see what it hangs on: a network that loses packets, or a disk that does not answer
    ! secret HOME/token: others may read it (mode 755)
        next: chmod 600 HOME/token
    1 problem, 1 warning
    exit code 1
    ");
    story
        .home
        .configure("[metrics]\nlisten = '127.0.0.1:0'\ntoken_file = 'hung/token'");
    insta::assert_snapshot!(story.sees("doctor").await, @"
    purser: what the configuration names cannot be read within 10s: see which disk does not answer on which the configuration, workflows or files of secrets lie
    exit code 1
    ");
}
