//! What is typed or pasted on a terminal, where it is not shown.

use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use nix::sys::termios::{LocalFlags, tcgetattr};
use pty_process::{Command, Pts, Pty};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{sleep, timeout};

use super::CANARY;
use crate::stories::Story;
use crate::support::program::{Person, program};

/// Ann's terminal, and what she has seen on it.
struct Seat {
    terminal: Pty,
    watched: OwnedFd,
    seen: String,
}

impl Seat {
    fn new() -> (Self, Pts) {
        let (terminal, line) = pty_process::open().unwrap();
        let watched = terminal.as_fd().try_clone_to_owned().unwrap();
        let seen = String::new();
        let seat = Self {
            terminal,
            watched,
            seen,
        };
        (seat, line)
    }

    async fn types(&mut self, keys: &[u8]) {
        self.terminal.write_all(keys).await.unwrap();
    }

    async fn until(&mut self, wanted: &str) {
        let mut piece = [0; 256];
        while !self.seen.contains(wanted) {
            let read = timeout(Duration::from_secs(30), self.terminal.read(&mut piece)).await;
            let read = read.unwrap_or_else(|_| panic!("no {wanted:?}: {}", self.seen));
            let length =
                read.unwrap_or_else(|error| panic!("no {wanted:?}, {error}: {}", self.seen));
            self.seen += &String::from_utf8_lossy(&piece[..length]);
        }
    }

    fn is_dark(&self) -> bool {
        let flags = tcgetattr(&self.watched).unwrap().local_flags;
        !flags.contains(LocalFlags::ECHO)
    }

    async fn until_it_is_dark(&self) {
        let dark = async {
            while !self.is_dark() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(30), dark).await.unwrap();
    }
}

/// `purser secret set TYPED`, as Ann starts it.
fn sets_typed(story: &Story) -> Command {
    let arguments = ["secret", "set", "TYPED"];
    let program = story.home.command(Person::Ann, &arguments);
    at_home(
        story,
        Command::new(program.as_std().get_program()).args(arguments),
    )
}

fn at_home(story: &Story, command: Command) -> Command {
    command
        .env("PURSER_CONFIG", story.home.path("purser.toml"))
        .current_dir(story.home.path(""))
}

/// What Ann sees who types this when she is asked for a value, and whether it worked.
async fn types_on_a_terminal(story: &Story, typed: &[u8], until: &str) -> (String, bool) {
    let (mut seat, line) = Seat::new();
    let mut child = sets_typed(story).spawn(line).unwrap();
    seat.until("(it is not shown): ").await;
    seat.types(typed).await;
    seat.until(until).await;
    let status = child.wait().await.unwrap();
    assert!(!seat.is_dark(), "the terminal is left dark");
    (seat.seen, status.success())
}

async fn opened(story: &Story) -> Vec<u8> {
    age::decrypt(&story.identities()[0], &story.sealed("TYPED").await).unwrap()
}

#[tokio::test]
async fn on_a_terminal_the_value_is_asked_for_and_not_shown() {
    let story = Story::of_docker();
    let line = format!("{CANARY}\n");
    let (seen, well) = types_on_a_terminal(&story, line.as_bytes(), "TYPED is set").await;
    assert!(well && !seen.contains(CANARY), "{seen}");
    assert_eq!(opened(&story).await, CANARY.as_bytes());
}

#[tokio::test]
async fn an_interrupt_sets_nothing_and_leaves_the_terminal_as_it_was() {
    let story = Story::of_docker();
    let (seen, well) = types_on_a_terminal(&story, b"half a val\x03", "nothing was set").await;
    assert!(!well && !seen.contains("half"), "{seen}");
    assert!(!story.home.path("store").exists());
}

#[tokio::test]
async fn of_several_lines_that_are_pasted_none_is_kept_and_none_goes_to_the_shell() {
    for pasted in [
        "-----BEGIN KEY-----\nMIIEvQ\n-----END KEY-----\n",
        "one line\nhalf another",
    ] {
        let story = Story::of_docker();
        let (mut seat, line) = Seat::new();
        let script = format!(
            "{} secret set TYPED; read typed; echo \"the shell is told: $typed.\"",
            program().display()
        );
        let shell = at_home(&story, Command::new("sh").args(["-c", &script]));
        let mut shell = shell.spawn(line).unwrap();
        seat.until("(it is not shown): ").await;
        seat.types(pasted.as_bytes()).await;
        seat.until("nothing was set").await;
        seat.types(b"ls\n").await;
        seat.until("the shell is told: ls.").await;
        shell.wait().await.unwrap();
        let told = "purser: a terminal hands over one line of at most 4094 bytes, and more came: give \
                    the value with --file FILE or < FILE; nothing was set";
        assert!(seat.seen.contains(told), "{}", seat.seen);
        assert!(!story.home.path("store").exists());
    }
}

#[tokio::test]
async fn a_line_that_the_kernel_may_have_cut_is_not_kept() {
    let story = Story::of_docker();
    let line = |length: usize| format!("{}\n", "x".repeat(length));
    for length in [4095, 4096, 9000] {
        let typed = line(length);
        let (seen, well) = types_on_a_terminal(&story, typed.as_bytes(), "nothing was set").await;
        assert!(!well && seen.contains("at most 4094 bytes"), "{seen}");
    }
    assert!(!story.home.path("store").exists());
    let (_, well) = types_on_a_terminal(&story, line(4094).as_bytes(), "TYPED is set").await;
    assert!(well);
    assert_eq!(opened(&story).await, "x".repeat(4094).as_bytes());
}

#[tokio::test]
async fn a_prompt_that_nobody_reads_leaves_no_terminal_dark() {
    let story = Story::of_docker();
    let (mut seat, line) = Seat::new();
    let (nobody_reads, prompts) = std::io::pipe().unwrap();
    drop(nobody_reads);
    let mut child = sets_typed(&story).stderr(prompts).spawn(line).unwrap();
    seat.until_it_is_dark().await;
    seat.types(format!("{CANARY}\n").as_bytes()).await;
    seat.until("TYPED is set").await;
    assert!(child.wait().await.unwrap().success());
    assert!(!seat.is_dark(), "the terminal is left dark");
}
