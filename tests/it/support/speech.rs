//! HTTP over a Unix socket byte by byte, for requests that no client would send.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

/// Sends these bytes and returns all that comes back until the other side hangs up.
pub async fn speak(socket: &Path, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    // Who has heard enough may hang up, and has said why.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // Who is hung up on in mid-sentence hears what was said until then.
    let _ = read.unwrap_or_else(|_| panic!("no end: {}", String::from_utf8_lossy(&answer)));
    String::from_utf8_lossy(&answer).into_owned()
}

/// Posts a body as JSON: the status and the answer's body.
pub async fn post(socket: &Path, target: &str, body: &str) -> (u16, String) {
    let request = format!(
        "POST {target} HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = speak(socket, request.as_bytes()).await;
    let (_, said) = answer.split_once("\r\n\r\n").unwrap_or_default();
    (status(&answer), said.to_owned())
}

/// The status of an answer; 0 when there was none.
pub fn status(answer: &str) -> u16 {
    let word = answer.split(' ').nth(1);
    word.and_then(|word| word.parse().ok()).unwrap_or(0)
}
