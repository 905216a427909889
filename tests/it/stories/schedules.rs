//! Schedules: when they fire, and what people can do about it.

use serde_json::json;

use super::Story;

#[tokio::test]
async fn an_expression_is_shown_with_what_changes_of_clocks_do_to_it() {
    let story = Story::of_docker();
    let preview = [
        "schedules",
        "preview",
        "30 2 * * *",
        "--timezone",
        "Europe/Berlin",
        "--from",
        "2026-03-28T00:00:00Z",
        "--count",
        "3",
    ];
    let said = story.home.types(&preview).await;
    insta::assert_snapshot!(said.out, @"
    2026-03-28T01:30:00Z  2026-03-28T02:30:00+01:00
    2026-03-29T01:00:00Z  2026-03-29T03:00:00+02:00
        02:30 does not come on 2026-03-29, since the clocks go on from 02:00 to 03:00: it fires at 03:00
    2026-03-30T00:30:00Z  2026-03-30T02:30:00+02:00
    ");
    let fires = story.home.asks(&preview).await;
    assert_eq!(
        fires,
        json!([
            {
                "at": "2026-03-28T01:30:00Z",
                "local": "2026-03-28T02:30:00+01:00",
                "reason": null,
            },
            {
                "at": "2026-03-29T01:00:00Z",
                "local": "2026-03-29T03:00:00+02:00",
                "reason": "02:30 does not come on 2026-03-29, since the clocks go on from 02:00 \
                           to 03:00: it fires at 03:00",
            },
            {
                "at": "2026-03-30T00:30:00Z",
                "local": "2026-03-30T02:30:00+02:00",
                "reason": null,
            },
        ])
    );
}

#[tokio::test]
async fn without_a_zone_the_configured_clock_counts() {
    let story = Story::of_docker();
    story.home.configure("[schedules]\ntimezone = 'Asia/Tokyo'");
    let from = ["--from", "2026-01-01T00:00:00Z", "--count", "1"];
    let preview = [&["schedules", "preview", "@daily"][..], &from].concat();
    let fires = story.home.asks(&preview).await;
    assert_eq!(fires[0]["at"], "2026-01-01T15:00:00Z");
}

#[tokio::test]
async fn a_broken_expression_is_pointed_at() {
    let story = Story::of_docker();
    let mut seen = vec![];
    for arguments in [
        &["30 25 * * *"][..],
        &["30 2 31 2 *", "--count", "1"],
        &["@daily", "--timezone", "Europe/Berln"],
        &["@daily", "--from", "tomorrow"],
        &["@daily", "--count", "0"],
    ] {
        let said = story
            .home
            .types(&[&["schedules", "preview"], arguments].concat())
            .await;
        seen.push(format!("{}{}exit code {}", said.out, said.err, said.code));
    }
    insta::assert_snapshot!(seen.join("\n"), @"
    purser: column 4: the hour 25 is not in 0 to 23
        30 25 * * *
           ^
    exit code 2
    it does not fire: no calendar has such a day
    exit code 0
    error: invalid value 'Europe/Berln' for '--timezone <ZONE>': unknown time zone `Europe/Berln`; did you mean `Europe/Berlin`?

    For more information, try '--help'.
    exit code 2
    error: invalid value 'tomorrow' for '--from <TIME>': `tomorrow` is no instant: write it as 2026-03-28T00:00:00Z or 2026-03-28T02:00:00+02:00

    For more information, try '--help'.
    exit code 2
    error: invalid value '0' for '--count <COUNT>': 0 is not in 1..=1000

    For more information, try '--help'.
    exit code 2
    ");
}
