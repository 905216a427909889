//! A line to a server that can go dead: nothing passes any more, and nobody at its ends is told.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// The line, for as long as it is kept.
pub struct Line {
    port: u16,
    is_dead: watch::Sender<bool>,
    running: AbortHandle,
}

impl Line {
    /// One that leads to where this URL does.
    pub async fn to(url: &str) -> Self {
        let (_, server, _) = parts(url);
        let server = tokio::net::lookup_host(server).await.unwrap().next();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let is_dead = watch::channel(false).0;
        let running = tokio::spawn(lead(listener, server.unwrap(), is_dead.clone()));
        Self {
            port,
            is_dead,
            running: running.abort_handle(),
        }
    }

    /// The same URL by way of this line.
    pub fn url(&self, url: &str) -> String {
        let (login, _, database) = parts(url);
        format!("{login}@127.0.0.1:{}/{database}", self.port)
    }

    /// Whoever is on it, or comes, hears nothing, whatever becomes of the line later.
    pub fn goes_dead(&self) {
        self.is_dead.send_replace(true);
    }

    /// Whoever comes from now on is let through.
    pub fn leads_again(&self) {
        self.is_dead.send_replace(false);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn lead(listener: TcpListener, server: SocketAddr, is_dead: watch::Sender<bool>) {
    let mut on_it = JoinSet::new();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        on_it.spawn(pass(client, server, is_dead.subscribe()));
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr, mut is_dead: watch::Receiver<bool>) {
    let mut server = TcpStream::connect(server).await.unwrap();
    tokio::select! {
        biased;
        _ = is_dead.wait_for(|dead| *dead) => {}
        _ = copy_bidirectional(&mut client, &mut server) => return,
    }
    // Both ends stay open.
    std::future::pending::<()>().await;
}

/// `postgres://LOGIN`, `HOST:PORT` and `DATABASE`.
fn parts(url: &str) -> (&str, &str, &str) {
    let (login, place) = url.rsplit_once('@').unwrap();
    let (server, database) = place.split_once('/').unwrap();
    (login, server, database)
}
