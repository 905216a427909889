//! A line to the database that a story can leave dead, open later, or cut.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::support::database::Database;

/// Passes connections on to the database's server.
pub(super) struct Relay {
    port: u16,
    server: SocketAddr,
    socket: Option<TcpSocket>,
    dead: CancellationToken,
}

impl Relay {
    /// A port that refuses connections.
    pub(super) fn closed(database: &Database) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let url = reqwest::Url::parse(&database.url()).unwrap();
        let server = url.socket_addrs(|| Some(5432)).unwrap()[0];
        Self {
            port: socket.local_addr().unwrap().port(),
            server,
            socket: Some(socket),
            dead: CancellationToken::new(),
        }
    }

    /// The database's URL by way of here.
    pub(super) fn url(&self, database: &Database) -> String {
        let mut url = reqwest::Url::parse(&database.url()).unwrap();
        url.set_ip_host([127, 0, 0, 1].into()).unwrap();
        url.set_port(Some(self.port)).unwrap();
        url.to_string()
    }

    /// Where it is.
    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// From now on it passes everything on.
    pub(super) fn open(&mut self) {
        self.open_until(u64::MAX);
    }

    /// The same, until the server has answered so many bytes on one connection: then it is dead.
    pub(super) fn open_until(&mut self, bytes: u64) {
        let socket = self.socket.take().expect("it is closed");
        let listener = socket.listen(64).unwrap();
        let (server, dead) = (self.server, self.dead.clone());
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = dead.cancelled() => return,
                };
                let (client, _) = accepted.unwrap();
                tokio::spawn(pass_on(client, server, bytes, dead.clone()));
            }
        });
    }

    /// Whether it has been cut.
    pub(super) fn is_dead(&self) -> bool {
        self.dead.is_cancelled()
    }
}

async fn pass_on(client: TcpStream, server: SocketAddr, most: u64, dead: CancellationToken) {
    let server = TcpStream::connect(server).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let answers = async {
        let (mut block, mut passed) = (vec![0; 64 * 1024], 0);
        while let Ok(read @ 1..) = from_server.read(&mut block).await {
            passed += read as u64;
            if passed > most {
                dead.cancel();
                return;
            }
            if to_client.write_all(&block[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
        () = answers => {}
        () = dead.cancelled() => {}
    }
}
