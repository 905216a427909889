//! Output into a pipe that nobody reads any more, as behind `| head`.

use std::io::Write as _;

use super::echo::show_again;

/// As a shell says it of a process that SIGPIPE has ended.
const CLOSED: i32 = 141;

/// Ends the process without a word when what it prints is read no more; any other panic is reported
/// as ever. `println!` knows no other way to say it.
pub fn end_quietly_when_nobody_reads() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let message = panic.payload().downcast_ref::<String>();
        let is_closed = |message: &String| {
            message.starts_with("failed printing to std") && message.contains("Broken pipe")
        };
        if message.is_some_and(is_closed) {
            // Nothing is dropped from here on.
            show_again();
            std::process::exit(CLOSED);
        }
        report(panic);
    }));
}

/// Says something on stderr beside what a command does. Whoever has closed it can answer a question
/// all the same, and what was done is reported.
pub fn say(text: &str) {
    let mut stderr = std::io::stderr();
    let _ = stderr.write_all(text.as_bytes());
    let _ = stderr.flush();
}
