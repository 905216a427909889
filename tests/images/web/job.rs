//! The job: numbered lines over a time, and an exit code.

use std::process::ExitCode;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

pub(crate) fn job(args: &[String]) -> ExitCode {
    let lines: u32 = value(args, "--lines").unwrap_or(1);
    let seconds: f64 = value(args, "--seconds").unwrap_or(0.0);
    let pause = Duration::from_secs_f64(seconds) / lines.max(1);
    let to_stderr = args.iter().any(|arg| arg == "--stderr");
    for line in 1..=lines {
        if to_stderr {
            eprintln!("line {line}");
        } else {
            println!("line {line}");
        }
        thread::sleep(pause);
    }
    ExitCode::from(value::<u8>(args, "--exit").unwrap_or(0))
}

fn value<T: FromStr>(args: &[String], name: &str) -> Option<T> {
    let at = args.iter().position(|arg| arg == name)?;
    args.get(at + 1)?.parse().ok()
}
