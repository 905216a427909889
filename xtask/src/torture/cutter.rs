//! A way to `PostgreSQL` on which connections are cut in the middle of a commit.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// The end of the message with which a client commits: `COMMIT` as a simple query.
const COMMIT: &[u8] = b"COMMIT\0";

/// Where a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nowhere.
    Never,
    /// Before the commit reaches the server: it does not happen.
    Before,
    /// As soon as it is on its way: it may happen.
    OnTheWay,
    /// When the server has answered, before the client hears of it: it has happened.
    Behind,
}

/// Decides what becomes of each commit.
type Cuts = Box<dyn FnMut() -> Cut + Send>;

struct Inner {
    target: SocketAddr,
    cuts: Mutex<Cuts>,
    made: AtomicU32,
}

/// The way; its threads end with the process.
#[derive(Clone)]
pub struct CommitCutter {
    address: SocketAddr,
    inner: Arc<Inner>,
}

impl CommitCutter {
    /// A way to this server on which nothing is cut yet.
    ///
    /// # Errors
    /// No port can be had.
    pub fn to(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let inner = Arc::new(Inner {
            target,
            cuts: Mutex::new(Box::new(|| Cut::Never)),
            made: AtomicU32::new(0),
        });
        let way = Arc::clone(&inner);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let way = Arc::clone(&way);
                thread::spawn(move || way.leads(&client));
            }
        });
        Ok(Self { address, inner })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on this says where each commit is cut.
    pub fn follows(&self, cuts: impl FnMut() -> Cut + Send + 'static) {
        *self
            .inner
            .cuts
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Box::new(cuts);
    }

    /// How many commits were cut.
    pub fn made(&self) -> u32 {
        self.inner.made.load(Ordering::SeqCst)
    }
}

impl Inner {
    /// One connection, until somebody closes it or it is cut.
    fn leads(&self, client: &TcpStream) {
        let Ok(server) = TcpStream::connect(self.target) else {
            return;
        };
        let ends = [client, &server].map(TcpStream::try_clone);
        let [Ok(to_client), Ok(from_server)] = ends else {
            return;
        };
        // Set once there is something of which the client must not hear.
        let silent = Arc::new(AtomicBool::new(false));
        let muted = Arc::clone(&silent);
        thread::spawn(move || back(from_server, to_client, &muted));
        self.forth(client, &server, &silent);
        for end in [client, &server] {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    fn forth(&self, mut client: &TcpStream, mut server: &TcpStream, silent: &AtomicBool) {
        let mut bytes = [0; 16 * 1024];
        loop {
            let read = client.read(&mut bytes).unwrap_or(0);
            let Some(said) = bytes.get(..read).filter(|said| !said.is_empty()) else {
                return;
            };
            let cut = if said.windows(COMMIT.len()).any(|part| part == COMMIT) {
                (self.cuts.lock().unwrap_or_else(PoisonError::into_inner))()
            } else {
                Cut::Never
            };
            if cut != Cut::Never {
                self.made.fetch_add(1, Ordering::SeqCst);
                silent.store(true, Ordering::SeqCst);
            }
            if cut == Cut::Before || server.write_all(said).is_err() || cut == Cut::OnTheWay {
                return;
            }
        }
    }
}

/// Hands on what the server says; a commit of which the client must not hear ends both ways.
fn back(mut server: TcpStream, mut client: TcpStream, silent: &AtomicBool) {
    let mut bytes = [0; 16 * 1024];
    loop {
        let read = server.read(&mut bytes).unwrap_or(0);
        let said = bytes.get(..read).filter(|said| !said.is_empty());
        let heard = said
            .is_some_and(|said| !silent.load(Ordering::SeqCst) && client.write_all(said).is_ok());
        if !heard {
            for end in [&server, &client] {
                let _ = end.shutdown(Shutdown::Both);
            }
            return;
        }
    }
}
