//! The same is said in Discord and at the console's prompt, and the same comes of it: each story is
//! played with either mouth, of one server, and both must tell the same.

use fake_discord::{Acted, UserId};

use super::Talk;
use super::answers::DEPLOY_COMMAND;
use super::clicks::FOUR_EYES;
use crate::docker::shop::Shop;
use crate::stories::deploys::DEPLOY;
use crate::support::program::Person;

/// How somebody talks to Purser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mouth {
    Discord,
    Console,
}

const MOUTHS: [Mouth; 2] = [Mouth::Discord, Mouth::Console];

/// A team that is in Discord and has the console.
struct Both {
    talk: Talk,
}

/// What somebody answers to a run's plan.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Yes,
    No(&'static str),
}

impl Both {
    async fn new(approval: &str) -> Self {
        Self {
            talk: Talk::of_job(approval, "thread").await,
        }
    }

    /// Plays a story with each mouth: what both tell, which must be the same.
    async fn tell(&self, story: impl AsyncFn(Mouth) -> Vec<String>) -> String {
        let mut told = vec![];
        for mouth in MOUTHS {
            let lines = story(mouth).await.join("\n");
            told.push(self.talk.plain(&lines));
        }
        assert_eq!(told[0], told[1], "{:?} and {:?}", MOUTHS[0], MOUTHS[1]);
        told.remove(0)
    }

    /// Somebody gives a command: why it is refused, or how its run stands once it has ended or waits for
    /// somebody.
    async fn gives(&self, mouth: Mouth, who: Person, line: &str) -> String {
        match mouth {
            Mouth::Console => at_the_console(&self.types(who, line).await),
            Mouth::Discord => {
                let line = format!("/{}", line.replace('=', ":"));
                let given = self.talk.says(self.user(who), &line);
                let reply = self.talk.well(given.reply().await);
                match refusal(&reply) {
                    Some(why) => why,
                    None => self.stands(&self.talk.story.last_run().await).await,
                }
            }
        }
    }

    /// Somebody answers the run that waits: why that is refused, or how the run stands then.
    async fn answers(&self, mouth: Mouth, who: Person, answer: Answer) -> String {
        let run = self.talk.story.last_run().await;
        match mouth {
            Mouth::Console => {
                let plan = self.talk.story.asks_approval(&run).await;
                let line = match answer {
                    Answer::Yes => format!("approve {run} --plan {plan}"),
                    Answer::No(why) => format!("reject {run} {why}"),
                };
                let shown = self.types(who, &line).await;
                if !shown.lines().any(|line| line.starts_with("run ")) {
                    return at_the_console(&shown);
                }
                at_the_console(&self.types(who, &format!("watch {run}")).await)
            }
            Mouth::Discord => {
                let done = self.clicks(who, answer).await;
                tokio::select! {
                    seen = done.sees("sees this") => match refusal(&self.talk.well(seen)) {
                        Some(why) => why,
                        None => self.ends(&run).await,
                    },
                    stands = self.ends(&run) => stands,
                }
            }
        }
    }

    async fn clicks(&self, who: Person, answer: Answer) -> Acted {
        let user = self.user(who);
        match answer {
            Answer::Yes => self.talk.clicks(user, "Approve").await,
            Answer::No(why) => {
                let click = self.talk.clicks(user, "Reject").await;
                self.talk.well(click.modal().await);
                let sent = self.talk.discord.submits(user, &click, &[("reason", why)]);
                self.talk.well(sent)
            }
        }
    }

    async fn types(&self, who: Person, line: &str) -> String {
        let lines = [line, "quit"];
        let story = &self.talk.story;
        story.person_types_into_console(who, &lines).await
    }

    fn user(&self, who: Person) -> UserId {
        match who {
            Person::Ann => self.talk.ann,
            Person::Bo => self.talk.bo,
            Person::Cy => self.talk.cy,
            Person::Stranger => self.talk.dee,
        }
    }

    /// How Discord shows a run once it has ended or waits for somebody.
    async fn stands(&self, run: &str) -> String {
        self.headline(run, |stands| {
            !stands.starts_with("running") && !stands.starts_with("queued")
        })
        .await
    }

    /// How Discord shows the end of a run.
    async fn ends(&self, run: &str) -> String {
        let has_ended = |stands: &str| {
            let mut ends = ["succeeded", "failed", "cancelled", "rolled back"].iter();
            ends.any(|end| stands.starts_with(end))
        };
        self.headline(run, has_ended).await
    }

    async fn headline(&self, run: &str, is_it: impl Fn(&str) -> bool) -> String {
        let footer = format!("run {run}");
        let seen = self.talk.discord.until(run, |view| {
            let messages = view.messages(self.talk.ops);
            let mut embeds = messages.iter().map(|message| &message["embeds"][0]);
            let embed = embeds.find(|embed| embed["footer"]["text"] == footer.as_str())?;
            let stands = in_discord(embed["description"].as_str()?);
            is_it(&stands).then_some(stands)
        });
        self.talk.well(seen.await)
    }
}

/// Why something was refused, as whoever asked reads it in Discord; commands are called there as they are
/// on a terminal.
fn refusal(seen: &str) -> Option<String> {
    let line = seen
        .lines()
        .find_map(|line| line.trim().strip_prefix("✗ "))?;
    let line = line
        .replace('\\', "")
        .replace("/purser unlock target:", "purser unlock ");
    Some(line.replace("/purser ", "purser "))
}

/// A headline: `✓ **succeeded** after 1.8 s · asked by ann` and a sentence below it.
fn in_discord(description: &str) -> String {
    let (status, told) = description.split_once('\n').unwrap_or((description, ""));
    let state = status.split("**").nth(1).unwrap_or_default();
    let told = told.replace('\\', "");
    let asks = told.strip_prefix("Needs a yes from ");
    if let Some((whose, _)) = asks.and_then(|asks| asks.split_once(", until ")) {
        return format!("{state}: {whose}");
    }
    // The console has said before why a step failed.
    let what_is_left = ["Left as it is", "Everything that", "Nothing was changed"];
    let mut places = what_is_left.iter().filter_map(|words| told.find(words));
    match places.next() {
        Some(at) if matches!(state, "failed" | "rolled back") => {
            format!("{state}: {}", &told[at..])
        }
        _ => format!("{state}: {told}"),
    }
}

/// What the console has shown last of a run, or why it has refused what was typed.
fn at_the_console(shown: &str) -> String {
    let shown = shown.lines().filter(|line| !line.starts_with("exit code"));
    let lines: Vec<&str> = shown
        .filter(|line| !line.starts_with("purser> quit"))
        .collect();
    let waits = lines.iter().rev().find_map(|line| {
        let (whose, _) = line
            .strip_prefix("waits for approval (")?
            .split_once(") until ")?;
        Some(format!("waits for approval: {whose}"))
    });
    let last = lines.last().copied().unwrap_or_default();
    let ended = last
        .strip_prefix(['✓', '✗'])
        .and_then(|end| end.trim().split_once(" after N s: "));
    match (ended, waits) {
        (Some((state, told)), _) => format!("{state}: {told}"),
        (None, Some(waits)) => waits,
        (None, None) => last.to_owned(),
    }
}

#[tokio::test]
async fn a_command_ends_well_or_not_and_takes_who_may() {
    let both = Both::new("").await;
    let told = both.tell(async |mouth| {
        vec![
            both.gives(mouth, Person::Ann, "migrate lines=1").await,
            both.gives(mouth, Person::Bo, "migrate exit=3").await,
            both.gives(mouth, Person::Cy, "migrate").await,
        ]
    });
    insta::assert_snapshot!(told.await, @"
    succeeded: 1 step done
    failed: Left as it is: `migrate`: what the job did before it was removed stays.
    cy may not run `migrate` in production: that takes the role operator. Ask someone who has it, or have it added to [people.cy]
    ");
    let receipts = both.talk.story.sees("receipts list").await;
    assert_eq!(
        receipts.matches("refused").count(),
        MOUTHS.len(),
        "{receipts}"
    );
}

#[tokio::test]
async fn a_plan_is_approved_by_who_may_and_by_nobody_else() {
    let both = Both::new(FOUR_EYES).await;
    let told = both.tell(async |mouth| {
        vec![
            both.gives(mouth, Person::Ann, "migrate lines=1").await,
            both.answers(mouth, Person::Ann, Answer::Yes).await,
            both.answers(mouth, Person::Cy, Answer::Yes).await,
            both.answers(mouth, Person::Bo, Answer::Yes).await,
            both.gives(mouth, Person::Bo, "migrate lines=2").await,
            both.answers(mouth, Person::Ann, Answer::No("not on a Friday"))
                .await,
        ]
    });
    insta::assert_snapshot!(told.await, @"
    waits for approval: 1 × operator, not who asked
    ann asked for this run and cannot approve it: a second person with the role operator must
    cy may not approve this run: that takes the role operator
    succeeded: 1 step done
    waits for approval: 1 × operator, not who asked
    cancelled: rejected by ann (not on a Friday). Nothing was changed.
    ");
}

#[tokio::test]
async fn what_is_locked_waits_for_its_owner() {
    let both = Both::new("").await;
    let locked = both
        .talk
        .story
        .home
        .person_types(Person::Bo, &["lock", "shop", "--reason", "counting"]);
    locked.await;
    let told = both.tell(async |mouth| {
        vec![
            both.gives(mouth, Person::Ann, "migrate lines=1").await,
            both.gives(mouth, Person::Bo, "migrate lines=1").await,
        ]
    });
    insta::assert_snapshot!(told.await, @"
    shop is locked by bo until TIME: counting. Nothing was started: have bo release it with `purser unlock shop`, or wait until then
    succeeded: 1 step done
    ");
}

#[tokio::test]
async fn a_deploy_is_live_or_taken_back_or_knows_no_such_service() {
    let mut talk = Talk::new().await;
    let shop = Shop::new();
    shop.start(1, "purser-test/web:v1", &[]).await;
    talk.story.call(&shop.project, "bookshop");
    talk.story.home.workflow("deploy", DEPLOY);
    talk.story
        .home
        .write("commands/deploy.yaml", DEPLOY_COMMAND);
    talk.up().await;
    let both = Both { talk };
    let deploy =
        |service: &str, version: &str| format!("deploy service={service} version={version}");
    let (web, wep) = (shop.web(), format!("{}/wep", shop.project));
    let told = both.tell(async |mouth| {
        vec![
            both.gives(mouth, Person::Ann, &deploy(&web, "v2")).await,
            both.gives(mouth, Person::Ann, &deploy(&web, "v3")).await,
            both.gives(mouth, Person::Ann, &deploy(&wep, "v2")).await,
        ]
    });
    insta::assert_snapshot!(told.await, @"
    succeeded: 1 step done
    rolled back: Everything that it had done was taken back.
    failed: Nothing was changed.
    ");
}
