//! A range of time: points, gaps, the step that is chosen, and saved queries.

use serde_json::{Value, json};

use std::sync::Arc;

use purser::action::Action as _;
use purser::integrations::prometheus::QueryRange;

use super::{BEGIN, END, ask, range, range_with, run_in, said, settings};
use crate::support::journal::MemoryJournal;

#[tokio::test]
async fn each_point_is_what_prometheus_says_and_a_gap_stays_a_gap() {
    let output = range(json!({ "query": "shop_memory_bytes", "time": END }))
        .await
        .unwrap();
    let end = BEGIN + 3585;
    let (start, end) = ((end - 3600).to_string(), end.to_string());
    let asked = [
        ("query", "shop_memory_bytes"),
        ("start", &start),
        ("end", &end),
        ("step", "15"),
    ];
    let theirs = ask("query_range", &asked).await;
    let ours = output["series"].as_array().unwrap();
    assert_eq!(ours.len(), 3);
    for (ours, theirs) in ours.iter().zip(theirs["result"].as_array().unwrap()) {
        assert_eq!(ours["labels"]["shop"], theirs["metric"]["shop"]);
        let points = theirs["values"].as_array().unwrap().iter().map(|point| {
            let value: f64 = point[1].as_str().unwrap().parse().unwrap();
            json!([point[0].as_f64().unwrap(), value])
        });
        assert_eq!(ours["points"], points.collect::<Value>());
    }
    insta::assert_snapshot!(said(&output), @"
    shop_memory_bytes from 2024-12-31T23:59:45Z to 2025-01-01T00:59:45Z, a point every 15s, in bytes, as the name shop_memory_bytes says
    SERIES      OVER TIME                     MIN     MEAN       MAX     LAST
    shop=north  █▁▁██▁▁██▁▁██▁▁██▁▁██▁▁█  400 MiB  500 MiB   600 MiB  590 MiB
    shop=south  █▁▁██▁▁██▁▁██▁▁██▁▁██▁▁█  900 MiB  1.1 GiB  1.32 GiB  1.3 GiB
    shop=west   ▇▁▁▆▇▁▁▆██····▁▆▇▁▁▆▇▁▁▆  150 MiB  190 MiB   225 MiB  221 MiB
    ");
}

#[tokio::test]
async fn the_step_follows_from_the_range_and_is_never_too_short() {
    let step = async |range_text: &str, step: Option<&str>| {
        let input =
            json!({ "query": "shop_orders_total", "time": END, "range": range_text, "step": step });
        range(input).await.unwrap()
    };
    assert_eq!(step("5m", None).await["step"], 2);
    assert_eq!(step("1h", None).await["step"], 15);
    assert_eq!(step("7d", None).await["step"], 3600);
    assert_eq!(step("1h", Some("1m")).await["step"], 60);
    let cut = step("1h", Some("1s")).await;
    assert_eq!(cut["step"], 15);
    insta::assert_snapshot!(said(&cut).lines().last().unwrap(), @"a point every 1s would be more than an output holds: it is every 15s");
}

#[tokio::test]
async fn a_saved_query_is_asked_by_its_name() {
    let mut settings = settings();
    let graphs = toml::toml! {
        orders = "rate(shop_orders_total[5m])"
        memory = { query = "sum(shop_memory_bytes) / 1", unit = "bytes" }
    };
    settings.insert("graphs".to_owned(), graphs.into());
    let ask = async |graph: &str| {
        range_with(settings.clone(), json!({ "graph": graph, "time": END })).await
    };
    insta::assert_snapshot!(said(&ask("orders").await.unwrap()), @"
    orders from 2024-12-31T23:59:45Z to 2025-01-01T00:59:45Z, a point every 15s, in per second, as the name shop_orders_total says
    SERIES                       OVER TIME                   MIN    MEAN  MAX  LAST
    rate(shop_orders_total[5m])  ▁▆██████████████████████  0.1/s  1.92/s  2/s   2/s
    ");
    insta::assert_snapshot!(said(&ask("memory").await.unwrap()), @"
    memory from 2024-12-31T23:59:45Z to 2025-01-01T00:59:45Z, a point every 15s, in bytes
    SERIES                      OVER TIME                      MIN      MEAN       MAX      LAST
    sum(shop_memory_bytes) / 1  █▃▃██▃▃██▄▁▅▅▁▃██▃▃██▃▃█  1.27 GiB  1.74 GiB  2.12 GiB  2.09 GiB
    ");
    insta::assert_snapshot!(ask("memroy").await.unwrap_err(), @"unknown graph `memroy`; did you mean `memory`? (they are in [systems.prometheus.graphs] of the configuration)");
    let both = json!({ "graph": "orders", "query": "up" });
    insta::assert_snapshot!(range_with(settings, both).await.unwrap_err(), @"prometheus.query_range needs one of `query` and `graph`");
}

#[tokio::test]
async fn a_series_of_no_numbers_is_shown_with_gaps() {
    let input = json!({ "query": "shop_orders_total / 0", "time": END });
    insta::assert_snapshot!(said(&range(input).await.unwrap()), @"
    from 2024-12-31T23:59:45Z to 2025-01-01T00:59:45Z, a point every 15s
    SERIES                 OVER TIME                 MIN  MEAN  MAX  LAST
    shop_orders_total / 0  ························    -     -    -  +Inf
    ");
    let input = json!({ "query": "shop_orders_total * NaN", "time": END });
    insta::assert_snapshot!(said(&range(input).await.unwrap()), @"
    from 2024-12-31T23:59:45Z to 2025-01-01T00:59:45Z, a point every 15s
    SERIES                   OVER TIME                 MIN  MEAN  MAX  LAST
    shop_orders_total * NaN  ························    -     -    -   NaN
    ");
}

#[tokio::test]
async fn a_picture_is_kept_where_there_are_numbers() {
    let journal = Arc::new(MemoryJournal::default());
    let draw = async |query: &str| {
        let input = json!({ "query": query, "time": END });
        let output = run_in(&journal, &QueryRange, QueryRange::SPEC, settings(), input);
        output.await.unwrap()["chart"].clone()
    };
    assert_eq!(draw("shop_orders_total * NaN").await, Value::Null);
    assert_eq!(draw("xyzzy").await, Value::Null);
    assert!(journal.artifact("chart.png").is_none());
    assert_eq!(draw("shop_memory_bytes").await, "chart.png");
    let picture = journal.artifact("chart.png").unwrap();
    assert_eq!(&picture[1..4], b"PNG");
    let width: [u8; 4] = picture[16..20].try_into().unwrap();
    assert_eq!(u32::from_be_bytes(width), 780, "a phone is 390 points wide");
}
