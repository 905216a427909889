//! A second server stands by on the same database: when it takes over, it is in Discord, and people
//! go on where they were.

use std::time::{Duration, Instant};

use fake_discord::Acted;
use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::restarts::shown;
use super::{Story, Talk};
use crate::stories::standby::{Pair, has_keys_of};
use crate::support::database::Database;
use crate::support::program::Home;

/// The lease lasts for nine seconds; what comes on top is the start of the server and of its bot.
const IN_DISCORD_WITHIN: Duration = Duration::from_secs(15);

/// A team in Discord, and two servers on one database.
struct Relief {
    /// With the server that is active at first.
    talk: Talk,
    second: Home,
    database: Database,
    _url: TempDir,
}

impl Relief {
    /// The first is in Discord, and the second stands by.
    async fn new() -> Self {
        let pair = Pair::new().await;
        let mut second = pair.second;
        let mut talk = Talk::of(Story::at(pair.first)).await;
        talk.discord.set_patience(Duration::from_secs(40));
        talk.joins(&second);
        for home in [&talk.story.home, &second] {
            home.workflow("pause", "steps: [{ id: pause, wait: { for: 5s } }]\n");
            home.write(
                "commands/pause.yaml",
                "name: pause\nsummary: Wait for a moment\nruns: pause\n",
            );
        }
        talk.up().await;
        has_keys_of(&second, &talk.story.home);
        second.start(&[]);
        second.says("standby: ").await;
        Self {
            talk,
            second,
            database: pair.database,
            _url: pair.url,
        }
    }

    /// Ann asks for a run, which is under way when something happens to the first server.
    async fn with_a_run() -> Self {
        let relief = Self::new().await;
        relief.talk.says(relief.talk.ann, "/pause");
        relief.talk.sees("Cancel").await;
        relief
    }

    /// Waits until the second is in Discord, which must be soon after the first was stopped.
    async fn takes_over(&mut self, stopped: Instant) {
        let again = self.talk.discord.until("the standby's bot", |view| {
            (view.identified() == 2).then_some(())
        });
        again
            .await
            .unwrap_or_else(|error| panic!("{error}\n{}", self.second.log()));
        let after = stopped.elapsed();
        println!("in Discord {after:?} after the active one was stopped");
        assert!(after < IN_DISCORD_WITHIN, "{after:?}");
        self.second.takes_calls().await;
    }

    /// Waits until so many runs have ended well, each in one message.
    async fn has_done(&self, runs: usize) {
        let talk = &self.talk;
        let ended = format!("{runs} runs have ended");
        talk.channel_until(&ended, |channel| {
            channel.matches("succeeded").count() == runs
        })
        .await;
        let seen = talk.discord.channel_as(talk.ann, talk.ops);
        assert_eq!(shown(&seen), runs, "{seen}");
    }

    async fn end(mut self) {
        assert!(self.second.stop().await.success());
        self.database.remove().await;
    }
}

/// How many answers to something that a person did were taken.
fn answers(acted: &Acted) -> usize {
    let answers = acted.answers();
    answers.iter().filter(|one| one.refused.is_none()).count()
}

#[tokio::test]
async fn when_the_active_server_is_killed_the_standby_goes_on_in_the_same_message() {
    let mut relief = Relief::with_a_run().await;
    let killed = Instant::now();
    relief.talk.story.home.kill().await;
    relief.takes_over(killed).await;
    relief.has_done(1).await;
    let given = relief.talk.says(relief.talk.ann, "/pause");
    relief.has_done(2).await;
    assert_eq!(answers(&given), 1, "{:?}", given.answers());
    relief.end().await;
}

#[tokio::test]
async fn a_server_that_was_frozen_answers_nobody_whom_the_standby_has_answered() {
    let mut relief = Relief::with_a_run().await;
    let frozen = Instant::now();
    relief.talk.story.home.signal(Signal::SIGSTOP);
    relief.takes_over(frozen).await;
    relief.has_done(1).await;
    // Discord has it delivered to the frozen one too, which reads it when it wakes.
    let given = relief.talk.says(relief.talk.ann, "/pause");
    relief.talk.reply(&given).await;
    relief.talk.story.home.signal(Signal::SIGCONT);
    assert_eq!(relief.talk.story.home.has_ended().await.code(), Some(1));
    relief.has_done(2).await;
    assert_eq!(answers(&given), 1, "{:?}", given.answers());
    let runs = relief.second.asks(&["runs", "list"]).await;
    assert_eq!(runs.as_array().unwrap().len(), 2, "{runs}");
    relief.end().await;
}
