//! The processes of the parts: started, recognized again, stopped.
//!
//! A process is known by its pid together with the instant at which it began, so that a pid which
//! the kernel has given to somebody else is never signalled. What a part's process starts in turn
//! is known by a variable in its environment, or by its parents.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// Every process of a part carries this variable; its value is the part's folder.
const MARK: &str = "PURSER_STACK_PART";
const POLL: Duration = Duration::from_millis(50);

/// One process, and no other that has the same pid later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The process's number.
    pub(crate) pid: i32,
    /// When it began, in the kernel's ticks since it booted.
    began: u64,
    /// Which boot of the kernel that was.
    boot: String,
}

impl Identity {
    /// The process that has this pid now.
    fn of(pid: i32) -> Option<Self> {
        let stat = parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let boot = boot.trim().to_owned();
        (stat.state != 'Z').then_some(Self {
            pid,
            began: stat.began,
            boot,
        })
    }

    /// Whether this very process still runs.
    pub(crate) fn is_alive(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    fn signal(&self, signal: Signal) {
        if self.is_alive() {
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }

    /// Asks the process to end, waits, and ends it when it does not.
    pub(crate) fn stop(&self, signal: Signal, patience: Duration) -> Result<()> {
        self.signal(signal);
        if happens_within(patience, || !self.is_alive()) {
            return Ok(());
        }
        self.signal(Signal::SIGKILL);
        if happens_within(Duration::from_secs(5), || !self.is_alive()) {
            return Ok(());
        }
        bail!("process {} does not end", self.pid)
    }
}

/// Starts a part's process: away from our terminal, all output to `log`, in the part's folder.
pub(crate) fn spawn(mut command: Command, dir: &Path, log: &Path) -> Result<Identity> {
    let out = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let child = command
        .env(MARK, dir)
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    Identity::of(child.id().cast_signed()).context("it ended at once")
}

/// Ends what a part's process started and left behind.
pub(crate) fn sweep(dir: &Path) -> Result<()> {
    if happens_within(Duration::from_secs(2), || marked(dir).is_empty()) {
        return Ok(());
    }
    for left in marked(dir) {
        left.signal(Signal::SIGKILL);
    }
    if happens_within(Duration::from_secs(5), || marked(dir).is_empty()) {
        return Ok(());
    }
    let pids: Vec<i32> = marked(dir).iter().map(|left| left.pid).collect();
    bail!("processes {pids:?} do not end")
}

/// The processes that carry the mark of the part in this folder, and all below them: what runs in a
/// container does not carry it.
fn marked(dir: &Path) -> Vec<Identity> {
    let mark = format!("{MARK}={}", dir.display());
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut others: Vec<i32> = entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    let mut found: Vec<i32> = others.extract_if(.., |pid| has_mark(*pid, &mark)).collect();
    let mut at = 0;
    while at < found.len() {
        let parent = found[at];
        found.extend(others.extract_if(.., |pid| parent_of(*pid) == Some(parent)));
        at += 1;
    }
    found.into_iter().filter_map(Identity::of).collect()
}

fn has_mark(pid: i32, mark: &str) -> bool {
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|all| {
        all.split(|byte| *byte == 0)
            .any(|one| one == mark.as_bytes())
    })
}

fn parent_of(pid: i32) -> Option<i32> {
    Some(parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?.parent)
}

fn happens_within(patience: Duration, is_so: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !is_so() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(POLL);
    }
    true
}

/// What we want out of `/proc/PID/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    state: char,
    parent: i32,
    began: u64,
}

/// The name in it may contain blanks and brackets: what counts begins behind the last bracket.
fn parse_stat(stat: &str) -> Option<Stat> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    Some(Stat {
        state,
        parent,
        began: fields.nth(17)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "4242 (a ) b) S 1 4242 4242 0 -1 4194560 1 0 0 0 7 8 0 0 20 0 1 0 991 5 6";

    #[test]
    fn the_beginning_is_found_behind_any_name() {
        assert_eq!(
            parse_stat(STAT),
            Some(Stat {
                state: 'S',
                parent: 1,
                began: 991
            })
        );
        assert_eq!(parse_stat("4242 (cut off) S 1"), None);
    }

    #[test]
    fn a_process_is_known_by_pid_beginning_and_boot() {
        let me = Identity::of(std::process::id().cast_signed());
        assert!(me.as_ref().is_some_and(Identity::is_alive));
        let later = me.clone().map(|me| Identity {
            began: me.began + 1,
            ..me
        });
        assert!(later.is_some_and(|later| !later.is_alive()));
        let rebooted = me.map(|me| Identity {
            boot: "another".to_owned(),
            ..me
        });
        assert!(rebooted.is_some_and(|rebooted| !rebooted.is_alive()));
    }

    #[test]
    fn a_stranger_with_our_pid_is_left_alone() -> Result<()> {
        let mut child = Command::new("sleep").arg("60").spawn()?;
        let stranger = Identity::of(child.id().cast_signed()).context("no child")?;
        Identity {
            began: stranger.began - 1,
            ..stranger.clone()
        }
        .stop(Signal::SIGKILL, Duration::ZERO)?;
        assert!(stranger.is_alive());
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    #[test]
    fn what_is_left_behind_is_found_and_ended() -> Result<()> {
        let dir = std::env::temp_dir().join(format!("purser-sweep-{}", std::process::id()));
        fs::create_dir_all(&dir)?;
        let mut command = Command::new("sh");
        command.args(["-c", "env -u PURSER_STACK_PART sleep 60 & sleep 60; true"]);
        let main = spawn(command, &dir, &dir.join("log"))?;
        let (patience, all_three) = (Duration::from_secs(5), || marked(&dir).len() == 3);
        assert!(happens_within(patience, all_three));
        main.stop(Signal::SIGKILL, Duration::ZERO)?;
        assert!(!marked(&dir).is_empty());
        sweep(&dir)?;
        assert!(marked(&dir).is_empty());
        Ok(fs::remove_dir_all(&dir)?)
    }
}
