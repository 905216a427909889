//! The project's own chores, run as `cargo xtask COMMAND`.
//!
//! This crate knows nothing of the program's code: it has to work when the program does not build.

mod bench;
mod books;
mod cargo;
mod demo;
mod deny;
mod deploy_torture;
mod deploys;
mod rotation_torture;
mod rotations;
mod say;
mod sh;
mod stack;
mod static_program;
mod test;
mod torment;
mod torture_command;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  stack up [NAME…]              install, start and wait for the parts (all, if none is named)
  stack down [NAME…]            stop what `up` started
  stack status [NAME…] [--json] what is up: version, pid, address, log
  stack env [NAME…] [--json]    what the tests must know, as shell exports
  demo [SCENE…]                 play a conversation with Purser on real parts, and assert it from
                                outside: init status deploy sick backup approve hook clock
                                graph kill receipts
       [--keep]                 leave it running; `demo stop` stops it
       [--no-minio]             backups to a folder, as where MinIO cannot be had
       [--binary PATH]          play this purser, instead of building one
       [--break SCENE]          for the test of the demo: do damage in one scene; it must be noticed
  discord [--no-minio] [--binary PATH]
                                the demo's shop and Purser in a Discord of this machine, with a page
                                to talk to it there; Ctrl-C ends it
  bench NAME [--json]           measure: engine startup discord deploy rotation
       [--dev]                  the engine as the tests have built it, to try the bench out
       [--short]                deploy: a tenth of the requests and a fifth of the deploys;
                                rotation: a tenth of the rotations
       [--binary PATH]          deploy, rotation: by this purser, instead of building one
  torture [--store sqlite|postgres] [--kills N] [--seed S] [--json]
                                kill the program at N random instants under load (60), start it
                                again, and compare its log with what was really done; instead of
                                that, and behind it where --kills is given, each of these:
          [--failpoints]        kill it once at every failpoint of http.send
          [--clock]             move its clock by an hour both ways
          [--disk-full]         SQLite: have the disk of its store full again and again
          [--frozen]            SQLite: stop it for longer than its requests last, and wake it
          [--standby]           PostgreSQL: stop it until a standby takes over, and wake it
          [--database-killed]   PostgreSQL: kill the database, and start it again
          [--commits-cut]       PostgreSQL: cut its connections in the middle of commits
          [--database-clock]    PostgreSQL: move the clock of the database by an hour both ways
          [--binary PATH]       torment this purser, which has failpoints, instead of building one
  torture --deploys [--kills N] [--seed S] [--json]
                                kill the program at N random instants of deploys (50), for each way of
                                deploying, start it again, and compare what it says with what is there
          [--strategy NAME]     only rolling, recreate or blue_green
          [--binary PATH]       torment this purser, instead of building one
  torture --rotations [--kills N] [--seed S] [--json]
                                kill the program at N random instants of rotations of a secret (50),
                                start it again, and compare what it says with who logs in by what
          [--binary PATH]       torment this purser, instead of building one
  static                        build purser as one static program, and say where it is
  test [FILTER]                 all that CI checks, with the stack up for as long as it takes
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = sh::watch_signals().and_then(|()| match args.as_slice() {
        ["stack", command, rest @ ..] => stack::command(command, rest),
        ["demo", args @ ..] => demo::command(args),
        ["discord", args @ ..] => demo::discord::command(args),
        ["static"] => static_program::build().map(|program| println!("{}", program.display())),
        ["test", filter @ ..] => test::run(filter),
        ["torture", args @ ..] => torture_command::command(args),
        ["bench", name, rest @ ..] => bench::run(name, rest),
        _ => Err(usage("")),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Usage>() => {
            eprint!("{error}{USAGE}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The command line makes no sense; the text says why.
#[derive(Debug)]
struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            writeln!(f, "{}", self.0)
        }
    }
}

impl std::error::Error for Usage {}

/// An error that ends with exit code 2 and the usage text.
fn usage(why: &str) -> anyhow::Error {
    Usage(why.to_owned()).into()
}
