//! A way to Keycloak on which all who come by it are seen as one: as this machine.

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::keycloak::{seen_from_here, url};

/// The way, for as long as it is kept; then the connections on it break off.
pub struct Detour {
    port: u16,
    _running: DropGuard,
}

impl Detour {
    /// Opens one where containers find it.
    pub async fn open() -> Self {
        let listener = TcpListener::bind((seen_from_here(), 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let end = CancellationToken::new();
        tokio::spawn(end.clone().run_until_cancelled_owned(goes(listener)));
        Self {
            port,
            _running: end.drop_guard(),
        }
    }

    /// Where it begins.
    pub fn address(&self) -> String {
        format!("http://{}:{}", seen_from_here(), self.port)
    }
}

async fn goes(listener: TcpListener) {
    let there = reqwest::Url::parse(&url()).unwrap();
    let there = (seen_from_here(), there.port().unwrap());
    let mut connections = JoinSet::new();
    loop {
        let (mut from, _) = listener.accept().await.unwrap();
        let there = there.clone();
        connections.spawn(async move {
            let mut to = TcpStream::connect(there).await.unwrap();
            // Whoever breaks off has said all that he wanted to.
            let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
        });
        while connections.try_join_next().is_some() {}
    }
}
