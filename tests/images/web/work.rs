//! What is under way, so that an end in good order can wait for it.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(crate) struct Work {
    open: Mutex<Open>,
    ended: Condvar,
}

#[derive(Default)]
struct Open {
    is_stopping: bool,
    requests: usize,
    /// Connections that wait for a request.
    idle: HashMap<u64, TcpStream>,
}

impl Work {
    /// A connection waits for a request; `false`: no more are taken.
    pub(crate) fn waits(&self, connection: u64, stream: &TcpStream) -> bool {
        let mut open = self.open();
        match stream.try_clone() {
            Ok(stream) if !open.is_stopping => {
                open.idle.insert(connection, stream);
                true
            }
            _ => false,
        }
    }

    /// Its wait is over; `false`: there is no request to answer.
    pub(crate) fn begins(&self, connection: u64, has_come: bool) -> bool {
        let mut open = self.open();
        // It is not there when it was closed because of the end.
        let begins = open.idle.remove(&connection).is_some() && has_come;
        open.requests += usize::from(begins);
        begins
    }

    /// A request that had begun is answered, or is lost.
    pub(crate) fn ends(&self) {
        self.open().requests -= 1;
        self.ended.notify_all();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.open().is_stopping
    }

    /// Takes no more requests: closes what waits for one.
    pub(crate) fn stop(&self) {
        let mut open = self.open();
        open.is_stopping = true;
        for (_, stream) in open.idle.drain() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Waits until all that had begun is answered.
    pub(crate) fn finish(&self) {
        let mut open = self.open();
        while open.requests > 0 {
            open = self
                .ended
                .wait(open)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
