//! `purser console`, open on somebody's terminal while the play goes on.

use std::io::Write;
use std::process::{ChildStdin, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::person::Person;
use super::screen;
use super::stage::Stage;
use crate::sh::{self, Running};

/// What stands at the end of the text when it is our turn.
const PROMPTS: [&str; 2] = [screen::PROMPT, "[yes/no/later] "];

/// No command of the demo takes longer.
const PATIENCE: Duration = Duration::from_mins(1);

/// The console, which lives until it is dropped.
pub(crate) struct Console {
    whose: &'static str,
    program: Running,
    keys: ChildStdin,
    printed: Arc<Mutex<String>>,
    /// How much it had printed when something was typed last.
    typed_at: usize,
}

impl Console {
    /// Opens it, and waits for its prompt.
    pub(crate) fn open(stage: &Stage, whose: &Person) -> Result<Self> {
        whose.shows("purser console");
        let mut purser = whose.command(stage, &["console"]);
        purser
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut program = sh::spawn(&mut purser)?;
        let keys = program.process.stdin.take().context("no keys to type on")?;
        let mut out = program.process.stdout.take().context("nothing to read")?;
        let printed = Arc::new(Mutex::new(String::new()));
        let (name, heard) = (whose.name, Arc::clone(&printed));
        thread::spawn(move || {
            screen::follow(name, &mut out, |text| {
                heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push_str(text);
            });
        });
        let console = Self {
            whose: name,
            program,
            keys,
            printed,
            typed_at: 0,
        };
        console.hears(prompts)?;
        Ok(console)
    }

    /// Types a line, and does not wait.
    pub(crate) fn types(&mut self, line: &str) -> Result<()> {
        let (printed, prompt) = {
            let printed = self.lock();
            (
                printed.len(),
                if printed.ends_with(screen::PROMPT) {
                    screen::PROMPT
                } else {
                    ""
                },
            )
        };
        self.typed_at = printed;
        // Keys that are pressed are seen on a terminal, not on a pipe.
        screen::said(self.whose, &format!("{prompt}{line}\n"));
        Ok(writeln!(self.keys, "{line}")?)
    }

    /// Types a line, and returns what was printed until it is our turn again.
    pub(crate) fn asks(&mut self, line: &str) -> Result<String> {
        self.types(line)?;
        self.answers()
    }

    /// Waits until it is our turn, and returns what was printed since the last line.
    pub(crate) fn answers(&self) -> Result<String> {
        self.hears(prompts)
    }

    /// Waits until what was printed since the last line is enough.
    pub(crate) fn hears(&self, is_enough: impl Fn(&str) -> bool) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            sh::check_interrupted()?;
            if let Some(text) = self
                .lock()
                .get(self.typed_at..)
                .filter(|text| is_enough(text))
            {
                return Ok(text.to_owned());
            }
            if Instant::now() > deadline {
                bail!(
                    "the console has not come to an end within {} s",
                    PATIENCE.as_secs()
                );
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Which process it is, if it still runs.
    pub(crate) fn pid(&mut self) -> Option<u32> {
        let pid = self.program.process.id();
        matches!(self.program.process.try_wait(), Ok(None)).then_some(pid)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, String> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = killpg(
            Pid::from_raw(self.program.process.id().cast_signed()),
            Signal::SIGTERM,
        );
        let _ = self.program.process.wait();
    }
}

fn prompts(text: &str) -> bool {
    PROMPTS.iter().any(|prompt| text.ends_with(prompt))
}
