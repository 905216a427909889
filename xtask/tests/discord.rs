//! What `cargo xtask discord` promises: a page on which Purser's commands can be given, for as long as
//! it is wanted, and nothing that is left behind. Plays on the stack.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot start a program has failed"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

/// The command, which is told to end when the test ends.
struct Playing(Child);

impl Drop for Playing {
    fn drop(&mut self) {
        // Its number may be somebody else's once it has been waited for.
        if let Ok(None) = self.0.try_wait() {
            self.interrupt();
            let _ = self.0.wait();
        }
    }
}

impl Playing {
    /// With the `purser` that was built together with this test, if there is one: building it anew,
    /// with other features, would pull it from under the tests of the program.
    fn start() -> Self {
        let built = Path::new(XTASK).with_file_name("purser");
        let mut discord = Command::new(XTASK);
        discord.args(["discord", "--no-minio"]);
        if built.is_file() {
            discord.arg("--binary").arg(built);
        }
        Self(discord.stdout(Stdio::piped()).spawn().unwrap())
    }

    fn lines(&mut self) -> BufReader<ChildStdout> {
        BufReader::new(self.0.stdout.take().unwrap())
    }

    /// Ctrl-C.
    fn interrupt(&self) {
        let pid = Pid::from_raw(self.0.id().cast_signed());
        let _ = kill(pid, Signal::SIGINT);
    }
}

/// `GET` of a path there.
fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_page_has_pursers_commands_until_ctrl_c_and_then_nothing_is_left() {
    let mut playing = Playing::start();
    let mut said = playing.lines();
    let mut line = String::new();
    let address = loop {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0, "it has ended");
        if let Some((address, _)) = line
            .strip_prefix("http://")
            .and_then(|it| it.split_once('/'))
        {
            break address.to_owned();
        }
    };
    assert!(get(&address, "/").contains("<title>A local Discord</title>"));
    let scene = get(&address, "/page/scene");
    for command in [
        "status", "deploy", "migrate", "logs", "backup", "graph", "purser",
    ] {
        let command = format!("\"name\":\"{command}\"");
        assert!(scene.contains(&command), "{command} is not in {scene}");
    }
    playing.interrupt();
    assert!(playing.0.wait().unwrap().success());
    assert!(
        TcpStream::connect(&address).is_err(),
        "{address} is still there"
    );
    let stop = Command::new(XTASK).args(["demo", "stop"]).output().unwrap();
    let stop = String::from_utf8(stop.stdout).unwrap();
    assert_eq!(stop.trim(), "nothing is running from a demo");
}
