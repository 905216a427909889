//! The real `PgBouncer` before the stack's server of `PostgreSQL`.

use std::fs;
use std::os::unix::fs::chown;
use std::process::Stdio;
use std::time::Duration;

use nix::unistd::{User, geteuid};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::stack::variable;

/// It refuses to run as root.
const USER: &str = "postgres";

/// It ends with this value.
pub struct PgBouncer {
    /// Where it listens.
    pub port: u16,
    server: Child,
    _folder: TempDir,
}

impl PgBouncer {
    /// As it comes, but for these settings.
    pub async fn start(settings: &str) -> Self {
        let url = variable("PURSER_TEST_POSTGRES_URL");
        let (user, password, server) = parts(&url);
        let (host, server_port) = server.split_once(':').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);

        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let users = folder.path().join("users");
        fs::write(&users, format!("\"{user}\" \"{password}\"\n")).unwrap();
        let config = folder.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n* = host={host} port={server_port}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {}\n{settings}\n",
            users.display()
        );
        fs::write(&config, text).unwrap();
        let mut server = Command::new(variable("PURSER_TEST_PGBOUNCER"));
        if geteuid().is_root() {
            let user = User::from_name(USER).unwrap().expect("the server's user");
            let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
            for path in [folder.path(), &users, &config] {
                chown(path, Some(uid), Some(gid)).unwrap();
            }
            server.uid(uid).gid(gid);
        }
        server
            .arg(&config)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut pooler = Self {
            port,
            server: server.spawn().unwrap(),
            _folder: folder,
        };
        pooler.listens().await;
        pooler
    }

    async fn listens(&mut self) {
        let listens = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                let ended = self.server.try_wait().unwrap();
                assert!(ended.is_none(), "PgBouncer has ended: {ended:?}");
                sleep(Duration::from_millis(10)).await;
            }
        };
        let listens = timeout(Duration::from_secs(20), listens).await;
        listens.expect("PgBouncer listens");
    }
}

/// User, password and server of `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
fn parts(url: &str) -> (&str, &str, &str) {
    let rest = url.strip_prefix("postgres://").unwrap();
    let (login, place) = rest.split_once('@').unwrap();
    let (user, password) = login.split_once(':').unwrap();
    let (server, _) = place.split_once('/').unwrap();
    (user, password, server)
}
