//! The released program in the local Discord, with its buckets on: how soon it answers what people do
//! while many runs are shown, and whether every end is shown, once.
//!
//! Started by `cargo xtask bench discord`, which makes figures of what it prints: a line of JSON for each.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "it measures by the machine's clock, and what goes wrong ends it"
)]

mod program;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fake_discord::{Acted, ChannelId, Discord, UserId};
use program::Program;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

/// Runs that are shown while it is measured.
const RUNS: usize = 300;
/// They are shown in so many channels.
const CHANNELS: usize = 10;
/// So many people ask.
const PEOPLE: usize = 100;
/// For so long.
const LASTS: Duration = Duration::from_secs(30);
/// Interactions in a second.
const RATE: u64 = 200;
/// Of so many, one is a command, and the others are values that are completed while somebody types.
const COMMANDS: usize = 40;
/// Discord waits so long for an acknowledgement.
const DEADLINE: Duration = Duration::from_secs(3);
/// Everything must be shown so long after the last run has ended.
const SHOWN_WITHIN: Duration = Duration::from_mins(3);

/// A workflow that is under way until after the measuring, and moves meanwhile. A channel takes a message
/// a second, so it takes half a minute until all runs are shown.
const WORKFLOW: &str = "steps:\n  - { id: first, wait: { for: 45s } }\n  - { id: second, wait: { for: 10s } }\n  \
                        - { id: third, wait: { for: 10s } }\n  - { id: fourth, wait: { for: 20s } }\n";

#[tokio::main]
async fn main() {
    let discord = Discord::start().await.unwrap();
    discord.set_patience(SHOWN_WITHIN);
    let guild = discord.guild("shop");
    let channels: Vec<ChannelId> = (0..CHANNELS)
        .map(|n| discord.channel(guild, &format!("ops-{n}")))
        .collect();
    let people: Vec<UserId> = (0..PEOPLE)
        .map(|n| discord.member(guild, &format!("person-{n}"), &[]))
        .collect();
    let program = Program::start(&discord, guild, &people, WORKFLOW).await;
    let there = discord.until("the bot and its commands", |view| {
        (view.sessions() > 0 && !view.commands(guild).is_empty()).then_some(())
    });
    there.await.unwrap();

    let asked: Vec<Acted> = (0..RUNS)
        .map(|n| {
            let (who, channel) = (people[n % PEOPLE], channels[n % CHANNELS]);
            discord.says(who, channel, "/live").unwrap()
        })
        .collect();
    let mut begun = JoinSet::new();
    for acted in asked {
        begun.spawn(async move { acted.acknowledged().await.is_ok() });
    }
    let begun = begun.join_all().await;
    assert!(
        begun.iter().all(|one| *one),
        "a command was not acknowledged"
    );

    let shown = |view: fake_discord::View<'_>| {
        let all = channels.iter().map(|channel| view.messages(*channel).len());
        (all.sum::<usize>() >= RUNS).then_some(())
    };
    discord.until("every run is shown", shown).await.unwrap();

    let acknowledged = ask(&discord, &people, &channels).await;
    let lost = acknowledged.iter().filter(|took| took.is_none()).count();
    let mut took: Vec<f64> = acknowledged.into_iter().flatten().map(millis).collect();
    took.sort_by(f64::total_cmp);

    let rss = program.rss_mib();
    let ends = shown_ends(&discord, &channels).await;
    let edits = edits(&discord);
    let late = program.latest_end(&ends).await;
    print("discord.ack_p50_ms", quantile(&took, 0.5), "ms");
    print("discord.ack_p99_ms", quantile(&took, 0.99), "ms");
    print("discord.edits_per_run", edits as f64 / RUNS as f64, "edits");
    print("discord.rss_mib", rss, "MiB");
    print("discord.end_shown_after_s", late, "s");
    let shown = ends.len();
    eprintln!(
        "{lost} of {} not acknowledged, {shown} of {RUNS} ends shown",
        took.len() + lost
    );
    print(
        "discord.lost",
        (lost + RUNS.saturating_sub(shown)) as f64,
        "",
    );
    let duplicated: usize = ends.values().map(|times| times.len() - 1).sum();
    print("discord.duplicated", duplicated as f64, "");
    program.stop().await;
}

/// People type and ask, evenly: how long each took to be acknowledged; `None`: it was not.
async fn ask(
    discord: &Discord,
    people: &[UserId],
    channels: &[ChannelId],
) -> Vec<Option<Duration>> {
    let mut beat = interval(Duration::from_micros(1_000_000 / RATE));
    let mut waiting = JoinSet::new();
    let begun = Instant::now();
    let mut n = 0;
    while begun.elapsed() < LASTS {
        beat.tick().await;
        n += 1;
        let (who, channel) = (people[n % PEOPLE], channels[n % CHANNELS]);
        let at = Instant::now();
        let acted = if n % COMMANDS == 0 {
            discord.says(who, channel, "/purser runs")
        } else {
            discord.types(who, channel, "/purser show run:0", "run")
        };
        let acted = acted.unwrap();
        waiting.spawn(async move {
            let acknowledged = timeout(DEADLINE, acted.acknowledged()).await;
            matches!(acknowledged, Ok(Ok(_))).then(|| at.elapsed())
        });
    }
    waiting.join_all().await
}

/// The messages that show the end of each run, once all do.
async fn shown_ends(discord: &Discord, channels: &[ChannelId]) -> BTreeMap<String, Vec<u64>> {
    let ends = |view: fake_discord::View<'_>| {
        let mut ends: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for message in channels.iter().flat_map(|channel| view.messages(*channel)) {
            if let Some((run, at)) = end_of(&message) {
                ends.entry(run).or_default().push(at);
            }
        }
        ends
    };
    let all = discord.until("every end is shown", |view| {
        let ends = ends(view);
        (ends.len() >= RUNS).then_some(ends)
    });
    match all.await {
        Ok(ends) => ends,
        Err(_) => discord.look(ends),
    }
}

/// The run that a message shows the end of, and when it was edited last, in milliseconds since 1970.
fn end_of(message: &Value) -> Option<(String, u64)> {
    let embed = message["embeds"].as_array()?.first()?;
    let run = embed["footer"]["text"].as_str()?.strip_prefix("run ")?;
    let description = embed["description"].as_str()?;
    let edited = message["edited_timestamp"].as_str();
    let at = edited.or_else(|| message["timestamp"].as_str())?;
    let at = chrono::DateTime::parse_from_rfc3339(at).ok()?;
    let at = u64::try_from(at.timestamp_millis()).ok()?;
    description
        .contains("**succeeded**")
        .then(|| (run.to_owned(), at))
}

fn edits(discord: &Discord) -> usize {
    let requests = discord.requests();
    let edits = requests
        .iter()
        .filter(|one| one.method == "PATCH" && one.path.starts_with("/channels/"));
    edits.count()
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1000.0
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list"
)]
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

fn print(figure: &str, value: f64, unit: &str) {
    println!(
        "{}",
        json!({ "figure": figure, "ours": [value], "unit": unit })
    );
}
