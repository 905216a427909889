//! The kill test: the real program is killed at every failpoint, started again, and then counted
//! by other clients: nothing is lost, and nothing is done twice.

mod any_moment;
mod any_moment_of_a_deploy;
mod any_moment_of_a_rotation;
mod backup;
pub(crate) mod books;
mod deploy;
mod image;
mod own_backup;
mod pin;
mod prune;
mod rotation;
mod routes;
mod run_job;
mod second_start;
mod set_up_rotation;
mod switch;
mod undo;

use std::future::Future;
use std::os::unix::process::ExitStatusExt as _;

use nix::sys::signal::Signal;
use purser::action::Registry;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::support::program::Home;
use crate::support::systems::docker;

/// When the process is killed, seen from one effect: its start is on disk and nothing is done; it
/// is done and its end is not on disk; its end is on disk.
const MOMENTS: [&str; 3] = ["started", "acted", "done"];
/// The workflow that the stories run, and the key under which they ask for it: however often they
/// ask, it is one run.
const ASK: [&str; 3] = ["go", "--key", "once"];

/// The effects that the action declares: a new one is killed too, or the test fails because it is
/// never reached.
fn effects(action: &str) -> Vec<&'static str> {
    let registry = Registry::new(purser::integrations::all());
    let spec = registry.action(action).unwrap().spec();
    spec.effects.iter().map(|effect| effect.name).collect()
}

/// All failpoints of these effects.
fn points(action: &str, effects: &[&str], moments: &[&str]) -> Vec<String> {
    let of = |effect: &&str| {
        let at = |moment| format!("{action}/{effect}/{moment}");
        moments.iter().map(at).collect::<Vec<_>>()
    };
    effects.iter().flat_map(of).collect()
}

/// Plays the story of each point, some at the same time: most of it is waiting, but the machine is
/// one for all.
async fn each<P, F>(points: P, story: impl Fn(P::Item) -> F)
where
    P: IntoIterator<Item: ToString>,
    F: Future<Output = ()> + Send + 'static,
{
    static ROOM: Semaphore = Semaphore::const_new(10);
    let mut playing = Vec::new();
    for point in points {
        let (name, story) = (point.to_string(), story(point));
        let in_turn = async {
            let _place = ROOM.acquire().await;
            story.await;
        };
        playing.push((name, tokio::spawn(in_turn)));
    }
    for (name, story) in playing {
        story
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// A server that knows the stack's engine as `shop`.
fn home_of_docker() -> Home {
    Home::new(&[("shop", docker())])
}

/// The server is killed at this failpoint while it works on the run, and a new one goes on with
/// it: the run at its end.
async fn killed_at(point: &str, home: &mut Home) -> Value {
    home.up_with(&[("PURSER_FAILPOINT", point)]).await;
    let asked = home
        .types(&[&["run"], &ASK[..], &["--detach", "--json"]].concat())
        .await;
    let died = home.has_ended().await;
    let signal = died.signal();
    assert_eq!(signal, Some(Signal::SIGKILL as i32), "{}", home.log());

    home.up().await;
    let run = home.starts(&ASK).await;
    // The first server may have died before it could answer.
    if asked.code == 0 {
        assert_eq!(asked.json()["run"], run.as_str());
    }
    home.ends(&run).await
}

/// The run has ended in this state, no other one was made of it, and its only receipt says so and
/// holds. Returns the facts of the receipt.
async fn expect_one_run(home: &Home, run: &Value, state: &str) -> Value {
    assert_eq!(run["run"]["ended"]["state"], state, "{run:#}");
    let id = &run["run"]["id"];
    let runs = home.asks(&["runs", "list"]).await;
    let ids: Vec<_> = runs
        .as_array()
        .unwrap()
        .iter()
        .map(|row| &row["id"])
        .collect();
    assert_eq!(ids, [id]);
    let facts = books::receipts(home, 1).await.remove(0);
    assert_eq!((&facts["run"], &facts["state"]), (id, &state.into()));
    facts
}
