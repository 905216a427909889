//! A person's terminal: a real pseudo-terminal, and what a screen shows of what is written to it.

use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pty_process::{OwnedWritePty, Size};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// How long anything may take to be seen.
const PATIENCE: Duration = Duration::from_secs(40);

/// Keys as a terminal sends them.
pub const TAB: &str = "\t";
pub const ENTER: &str = "\r";
pub const UP: &str = "\x1b[A";
pub const CTRL_C: &str = "\x03";
pub const CTRL_D: &str = "\x04";

/// A screen with a program on it.
pub struct Screen {
    keys: OwnedWritePty,
    shown: Arc<Mutex<vt100::Parser>>,
    program: Child,
}

impl Screen {
    /// Starts the program on a screen of so many rows and columns.
    pub fn open(mut program: Command, rows: u16, columns: u16) -> Self {
        program.env("TERM", "xterm-256color");
        let (terminal, side) = pty_process::open().unwrap();
        terminal.resize(Size::new(rows, columns)).unwrap();
        let program = pty_process::Command::from(program).spawn(side).unwrap();
        let size = |n| NonZeroU16::new(n).unwrap();
        let shown = vt100::Parser::new(size(rows), size(columns), 1000);
        let shown = Arc::new(Mutex::new(shown));
        let (mut written, keys) = terminal.into_split();
        let screen = Arc::clone(&shown);
        tokio::spawn(async move {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = written.read(&mut bytes).await {
                screen.lock().unwrap().process(&bytes[..count]);
            }
        });
        Self {
            keys,
            shown,
            program,
        }
    }

    /// Presses keys.
    pub async fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).await.unwrap();
    }

    /// What can be read on it.
    pub fn text(&self) -> String {
        self.shown.lock().unwrap().screen().contents()
    }

    /// The same with colours, as a terminal would have to be told them.
    pub fn in_colour(&self) -> String {
        self.shown.lock().unwrap().screen().contents_formatted()
    }

    /// Waits until it shows what is wanted: what can be read then.
    pub async fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let text = self.text();
            if wanted(&text) {
                return text;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "no {what} on the screen:\n{text}"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Presses Tab until this can be read: a system that is slow has its names there at a later
    /// press.
    pub async fn completes(&mut self, what: &str) -> String {
        let begun = Instant::now();
        loop {
            self.types(TAB).await;
            let pressed = Instant::now();
            while pressed.elapsed() < Duration::from_secs(1) {
                let text = self.text();
                if text.contains(what) {
                    return text;
                }
                assert!(begun.elapsed() < PATIENCE, "no `{what}`:\n{text}");
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    /// Waits until this can be read.
    pub async fn shows(&self, text: &str) -> String {
        self.until(&format!("`{text}`"), |screen| screen.contains(text))
            .await
    }

    /// Waits until the last line is this one.
    pub async fn ends_with(&self, line: &str) -> String {
        let is_last = |screen: &str| screen.trim_end().ends_with(line);
        self.until(&format!("`{line}` at the end"), is_last).await
    }

    /// Waits until the program has ended: its exit code.
    pub async fn is_over(&mut self) -> i32 {
        let Ok(status) = timeout(PATIENCE, self.program.wait()).await else {
            panic!("the program goes on:\n{}", self.text());
        };
        status.unwrap().code().expect("it was not killed")
    }
}
