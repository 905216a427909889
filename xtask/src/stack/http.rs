//! Asking a server whether it is well: one GET, and only the status of the answer.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);

/// Whether `http://127.0.0.1:PORT/PATH` answers with 200.
pub(crate) fn is_ok(port: u16, path: &str) -> bool {
    is_ok_at(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port), path)
}

/// The same at another address of this machine.
pub(crate) fn is_ok_at(address: SocketAddrV4, path: &str) -> bool {
    let Ok(stream) = TcpStream::connect(address) else {
        return false;
    };
    let patient = stream.set_read_timeout(Some(PATIENCE));
    patient.is_ok() && answers_ok(stream, path)
}

/// The same over a Unix socket.
pub(crate) fn is_ok_unix(socket: &Path, path: &str) -> bool {
    let Ok(stream) = UnixStream::connect(socket) else {
        return false;
    };
    let patient = stream.set_read_timeout(Some(PATIENCE));
    patient.is_ok() && answers_ok(stream, path)
}

fn answers_ok(mut stream: impl Read + Write, path: &str) -> bool {
    const OK: &[u8] = b"HTTP/1.1 200";
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let mut answer = [0; OK.len()];
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_exact(&mut answer).is_ok()
        && answer == *OK
}
