//! Queries that find more than anybody can read.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{BEGIN, END, query, query_with, range, said, settings};

#[tokio::test]
async fn of_all_series_the_first_are_shown_and_the_others_counted() {
    let output = query(json!({ "query": "{__name__=~\".+\"}", "time": BEGIN.to_string() }))
        .await
        .unwrap();
    assert_eq!(output["series"].as_array().unwrap().len(), 20);
    assert_eq!(
        output["total"], 50_004,
        "the crowd, three shops and a counter"
    );
    insta::assert_snapshot!(said(&output).lines().last().unwrap(), @"only the first 20 of 50004 series are shown: narrow the query, or take topk(20, …) or sum by (…) of it");
}

#[tokio::test]
async fn a_crowd_over_time_is_cut_and_does_not_hurt() {
    let begun = Instant::now();
    let input = json!({ "query": "last_over_time(shop_crowd[1h])", "time": END, "range": "10m", "step": "30s" });
    let output = range(input).await.unwrap();
    assert_eq!(output["series"].as_array().unwrap().len(), 20);
    assert!(
        output.to_string().len() < 256 * 1024,
        "{}",
        output.to_string().len()
    );
    let last = said(&output).lines().last().unwrap().to_owned();
    assert!(
        last.starts_with("only the first 20 of more than "),
        "{last}"
    );
    assert!(
        begun.elapsed() < Duration::from_mins(1),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn how_many_series_are_shown_can_be_set() {
    let mut settings = settings();
    settings.insert("most_series".to_owned(), 2.into());
    let input = json!({ "query": "shop_memory_bytes", "time": BEGIN.to_string() });
    insta::assert_snapshot!(said(&query_with(settings, input).await.unwrap()), @"
    shop_memory_bytes at 2025-01-01T00:00:00Z, in bytes, as the name shop_memory_bytes says
    SERIES         VALUE
    shop=north   600 MiB
    shop=south  1.32 GiB
    only the first 2 of 3 series are shown: narrow the query, or take topk(2, …) or sum by (…) of it
    ");
}

#[tokio::test]
async fn the_data_hold_the_points_of_the_first_series() {
    let hundred = "last_over_time(shop_crowd{visitor=~\"000..\"}[2h])";
    let output = range(json!({ "query": hundred, "time": END, "range": "50m" }))
        .await
        .unwrap();
    assert_eq!(output["total"], 100);
    let rows = output["series"].as_array().unwrap();
    let points = |n: usize| rows[n]["points"].as_array().unwrap().len();
    assert_eq!(
        (points(0), points(11), points(12), points(19)),
        (201, 0, 0, 0)
    );
    assert_eq!(rows[19]["last"], 19.0, "what they come to is there for all");
    assert!(output.to_string().len() < 128 * 1024);
}
