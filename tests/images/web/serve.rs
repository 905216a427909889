//! Listening, connections that are kept or not, and the end.

use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use signal_hook::consts::SIGTERM;
use signal_hook::iterator::Signals;

use crate::answer::{self, Request, answer};
use crate::work::Work;
use crate::{PORT, is_on, login, version};

/// How long somebody may take to say what they want.
const PATIENCE: Duration = Duration::from_secs(5);
/// A connection that is kept outlives any pause between two requests: whoever closes one just when
/// a request comes loses that.
const IDLE: Duration = Duration::from_mins(10);

/// How long a service that drains itself goes on, with a failing health check.
const LAST_CALL: Duration = Duration::from_secs(5);

/// What shells call an end by SIGTERM.
const TERMINATED: i32 = 143;

pub(crate) fn serve() -> ExitCode {
    let is_hurt = |path: String| std::path::Path::new(&path).exists();
    if is_on("CRASH") || std::env::var("CRASH_IF").is_ok_and(is_hurt) {
        eprintln!("web: told to crash");
        return ExitCode::from(3);
    }
    if let Err(lack) = login::start() {
        eprintln!("web: cannot log in: {lack}");
        return ExitCode::from(2);
    }
    let work = Arc::new(Work::default());
    let listening = expect_the_end(&work).and_then(|()| {
        thread::sleep(slow_start());
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT))
    });
    match listening {
        Ok(listener) => {
            println!("web {} listens on port {PORT}", version());
            accept(&listener, &work);
            drop(listener);
            work.finish();
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("web: cannot listen on port {PORT}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn slow_start() -> Duration {
    let seconds = std::env::var("SLOW_START").ok();
    let seconds = seconds.and_then(|seconds| seconds.parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or(0.0))
}

/// The first process of a container gets no signal that it does not ask for.
fn expect_the_end(work: &Arc<Work>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM])?;
    let how = std::env::var("ON_STOP").unwrap_or_default();
    let work = Arc::clone(work);
    thread::spawn(move || {
        for _ in signals.forever() {
            match how.as_str() {
                "finish" => {}
                "drain" => {
                    answer::LEAVES.store(true, Ordering::Relaxed);
                    thread::sleep(LAST_CALL);
                }
                _ => std::process::exit(TERMINATED),
            }
            work.stop();
            // Whoever waits for the next connection gets this one, and looks.
            let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, PORT));
        }
    });
    Ok(())
}

fn accept(listener: &TcpListener, work: &Arc<Work>) {
    let connections = (0..).zip(listener.incoming());
    for (connection, stream) in connections {
        if work.is_stopping() {
            return;
        }
        let work = Arc::clone(work);
        if let Ok(stream) = stream {
            thread::spawn(move || converse(connection, &stream, &work));
        }
    }
}

/// Answers what comes. An error is the other side's loss.
fn converse(connection: u64, stream: &TcpStream, work: &Work) -> io::Result<()> {
    let is_kept = is_on("KEEP_ALIVE");
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let patience = if is_kept { IDLE } else { PATIENCE };
        stream.set_read_timeout(Some(patience))?;
        if !work.waits(connection, stream) {
            return Ok(());
        }
        let has_come = reader.fill_buf().is_ok_and(|begin| !begin.is_empty());
        if !work.begins(connection, has_come) {
            return Ok(());
        }
        let goes_on = turn(stream, &mut reader, work, is_kept);
        work.ends();
        if !goes_on? {
            return Ok(());
        }
    }
}

/// One request. Whether another one may follow.
fn turn(
    stream: &TcpStream,
    reader: &mut BufReader<TcpStream>,
    work: &Work,
    is_kept: bool,
) -> io::Result<bool> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let Some(request) = Request::read(reader)? else {
        return Ok(false);
    };
    let goes_on = || is_kept && !request.is_last && !work.is_stopping();
    answer(&request, stream, goes_on)
}
