//! Figures of the stack: what somebody asks Prometheus at the terminal, and the picture they take
//! with them.

use std::fs;

use super::Story;
use crate::prometheus::settings;
use crate::support::systems::of_kind;

/// A server with the workflows and commands that people are given to start from.
pub(super) async fn open() -> Story {
    let mut table = of_kind("prometheus", settings());
    let graphs = toml::toml! { memory = "shop_memory_bytes" };
    table.insert("graphs".to_owned(), graphs.into());
    let mut story = Story::with(&[("prometheus", table)]);
    for name in ["query", "graph"] {
        for folder in ["workflows", "commands"] {
            let file = format!("{folder}/{name}.yaml");
            let root = env!("CARGO_MANIFEST_DIR");
            let text = fs::read_to_string(format!("{root}/{file}")).unwrap();
            story.home.write(&file, &text);
        }
    }
    story.home.up().await;
    story
}

#[tokio::test]
async fn a_figure_is_asked_for_and_told_with_its_unit() {
    let story = open().await;
    let at = "-i time=2025-01-01T00:10:00Z";
    let asked = story
        .sees(&format!("run query -i query=shop_memory_bytes {at}"))
        .await;
    insta::assert_snapshot!(asked, @"
    run RUN of query, asked by ann
    ✓ query: done in N s
    shop_memory_bytes at TIME, in bytes, as the name shop_memory_bytes says
    SERIES         VALUE
    shop=north   600 MiB
    shop=south  1.32 GiB
    shop=west    225 MiB
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
    let wrong = story
        .sees(&format!("run query -i query=sum(shop_memory_bytes {at}"))
        .await;
    insta::assert_snapshot!(wrong, @"
    run RUN of query, asked by ann
    ✗ query: prometheus: the query is wrong at 1:22: unclosed left parenthesis
        sum(shop_memory_bytes
                             ^
    ✗ failed after N s: Nothing was changed.
    exit code 1
    ");
    let empty = story
        .sees(&format!("run query -i query=shop_memory_byte {at}"))
        .await;
    insta::assert_snapshot!(empty, @"
    run RUN of query, asked by ann
    ✓ query: done in N s
    no series: unknown metric `shop_memory_byte`; did you mean `shop_memory_bytes`?
    ✓ succeeded after N s: 1 step done
    exit code 0
    ");
}

#[tokio::test]
async fn a_graph_is_drawn_and_the_picture_is_saved() {
    let story = open().await;
    let shown = story.sees("run graph -i graph=memory -i range=30d").await;
    assert!(
        shown.contains("no series: the metric `shop_memory_bytes` exists"),
        "{shown}"
    );
    let orders = "last_over_time(shop_orders_total[10y])";
    let shown = story
        .sees(&format!("run graph -i range=5m -i query={orders}"))
        .await;
    let kept = shown
        .lines()
        .find(|line| line.starts_with("kept: "))
        .unwrap();
    assert!(kept.starts_with("kept: chart.png (image/png, "), "{shown}");
    assert!(
        kept.contains("): purser runs artifact RUN chart.png"),
        "{shown}"
    );
    let run = story.last_run().await;

    let listed = story.home.asks(&["runs", "artifacts", &run]).await;
    assert_eq!(listed[0]["name"], "chart.png");
    assert_eq!(listed[0]["step"], "graph");
    let saved = story
        .sees(&format!("runs artifact {run} chart.png --to picture.png"))
        .await;
    assert!(saved.ends_with("exit code 0"), "{saved}");
    let picture = fs::read(story.home.path("picture.png")).unwrap();
    assert_eq!(&picture[1..4], b"PNG");
    assert_eq!(listed[0]["bytes"], picture.len());

    let again = story
        .sees(&format!("runs artifact {run} picture.png"))
        .await;
    insta::assert_snapshot!(again, @"
    purser: unknown artifact `picture.png`; did you mean `chart.png`?
    exit code 2
    ");
    story.sees(&format!("runs artifact {run} chart.png")).await;
    let twice = story
        .sees(&format!("runs artifact {run} graph/chart.png"))
        .await;
    insta::assert_snapshot!(twice, @"
    purser: chart.png cannot be written: File exists (os error 17); name another with --to FILE
    exit code 1
    ");
    let other = story.sees("runs artifacts 12345678").await;
    insta::assert_snapshot!(other, @"
    purser: there is no run `RUN`: see `purser runs list`
    exit code 2
    ");
}
