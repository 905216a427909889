//! Queries that Prometheus does not understand or cannot answer.

use serde_json::json;

use super::{query, range};

async fn refused(text: &str) -> String {
    query(json!({ "query": text })).await.unwrap_err()
}

#[tokio::test]
async fn an_error_shows_its_place_in_the_query() {
    insta::assert_snapshot!(refused("sum(up").await, @"
    prometheus: the query is wrong at 1:7: unclosed left parenthesis
        sum(up
              ^
    ");
    insta::assert_snapshot!(refused("sum(\n  rate(up)\n)").await, @r#"
    prometheus: the query is wrong at 2:8: expected type range vector in call to function "rate", got instant vector
          rate(up)
               ^
    "#);
    insta::assert_snapshot!(refused("up{job=\"ü\"} foo").await, @r#"
    prometheus: the query is wrong at 1:13: unexpected identifier "foo"
        up{job="ü"} foo
                    ^
    "#);
    insta::assert_snapshot!(refused("").await, @"the query is empty: write one, such as `up`");
    let error = range(json!({ "query": "up{" })).await.unwrap_err();
    insta::assert_snapshot!(error, @"
    prometheus: the query is wrong at 1:4: unexpected end of input inside braces
        up{
           ^
    ");
}

#[tokio::test]
async fn an_error_without_a_place_is_told_as_it_is() {
    let times = "shop_memory_bytes * on() shop_memory_bytes";
    let input = json!({ "query": times, "time": "2025-01-01T00:10:00Z" });
    insta::assert_snapshot!(query(input).await.unwrap_err(), @r#"prometheus: found duplicate series for the match group {} on the right hand-side of the operation: [{__name__="shop_memory_bytes", shop="south"}, {__name__="shop_memory_bytes", shop="north"}];many-to-many matching not allowed: matching labels must be unique on one side"#);
    let input = json!({ "query": "up", "time": "tomorrow" });
    insta::assert_snapshot!(query(input).await.unwrap_err(), @"`time` is `tomorrow`: write 2026-03-28T14:00:00Z, or seconds since 1970");
    let input = json!({ "query": "up", "unit": "byte" });
    insta::assert_snapshot!(query(input).await.unwrap_err(), @"the inputs of prometheus.query do not fit: unknown variant `byte`; did you mean `bytes`?");
}
