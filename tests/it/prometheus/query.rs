//! One instant: values, units, and numbers that are none.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{BEGIN, ask, query, said, text};

#[tokio::test]
async fn each_value_is_what_prometheus_says() {
    let time = (BEGIN + 600).to_string();
    let output = query(json!({ "query": "shop_memory_bytes", "time": time }))
        .await
        .unwrap();
    let theirs = ask("query", &[("query", "shop_memory_bytes"), ("time", &time)]).await;
    let theirs = theirs["result"].as_array().unwrap();
    assert_eq!(theirs.len(), 3);
    for (ours, theirs) in output["series"].as_array().unwrap().iter().zip(theirs) {
        assert_eq!(ours["labels"]["shop"], theirs["metric"]["shop"]);
        let value: f64 = theirs["value"][1].as_str().unwrap().parse().unwrap();
        assert_eq!(ours["value"].as_f64(), Some(value));
    }
    assert_eq!(
        (&output["total"], &output["unit"]),
        (&json!(3), &json!("bytes"))
    );
    insta::assert_snapshot!(said(&output), @"
    shop_memory_bytes at 2025-01-01T00:10:00Z, in bytes, as the name shop_memory_bytes says
    SERIES         VALUE
    shop=north   600 MiB
    shop=south  1.32 GiB
    shop=west    225 MiB
    ");
}

#[tokio::test]
async fn what_is_true_now_is_seen_now() {
    let begun = Instant::now();
    loop {
        let output = query(json!({ "query": "up{job=\"node\"}" })).await.unwrap();
        if output["value"] == json!(1.0) {
            assert_eq!(output["series"][0]["metric"], "up");
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{output:#}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_unit_that_is_given_counts_more_than_the_name() {
    let input = json!({
        "query": "rate(shop_orders_total[5m])", "unit": "ratio", "time": "2025-01-01T00:10:00Z"
    });
    insta::assert_snapshot!(said(&query(input).await.unwrap()), @"
    at 2025-01-01T00:10:00Z, in percent
    SERIES                       VALUE
    rate(shop_orders_total[5m])  200 %
    ");
    insta::assert_snapshot!(text("rate(shop_orders_total[5m])").await, @"
    at 2025-01-01T00:10:00Z, in per second, as the name shop_orders_total says
    SERIES                       VALUE
    rate(shop_orders_total[5m])    2/s
    ");
}

#[tokio::test]
async fn a_number_that_is_none_is_shown_as_such() {
    for (asked, shown) in [("0/0", "NaN"), ("1/0", "+Inf"), ("-1/0", "-Inf")] {
        let output = query(json!({ "query": asked })).await.unwrap();
        assert_eq!(output["value"], shown);
        assert!(
            said(&output).starts_with(&format!("{shown} at ")),
            "{output}"
        );
    }
    insta::assert_snapshot!(text("shop_memory_bytes{shop=\"west\"} * NaN").await, @r#"
    at 2025-01-01T00:10:00Z
    SERIES         VALUE
    {shop="west"}    NaN
    "#);
    insta::assert_snapshot!(text("vector(1/0)").await, @"
    at 2025-01-01T00:10:00Z
    SERIES       VALUE
    vector(1/0)   +Inf
    ");
    insta::assert_snapshot!(text("\"a text\"").await, @"a text");
}
