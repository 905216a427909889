//! Queries that find nothing: people are told why.

use super::text;

#[tokio::test]
async fn a_metric_that_is_not_there_is_answered_with_the_nearest() {
    insta::assert_snapshot!(text("sum(rate(shop_order_total[5m]))").await, @"no series: unknown metric `shop_order_total`; did you mean `shop_orders_total`?");
    insta::assert_snapshot!(text("xyzzy").await, @"no series: unknown metric `xyzzy`; there are 456, none with a name like it");
}

#[tokio::test]
async fn a_metric_that_is_there_is_said_to_be() {
    insta::assert_snapshot!(text("shop_memory_bytes{shop=\"east\"}").await, @"no series: the metric `shop_memory_bytes` exists, with 3 series at that time: no labels or values fit what the query asks for");
    insta::assert_snapshot!(text("shop_orders_total < 0").await, @"no series: the metric `shop_orders_total` exists, with 1 series at that time: no labels or values fit what the query asks for");
    insta::assert_snapshot!(text("shop_crowd").await, @"no series: the metric `shop_crowd` exists, and has no series at 2025-01-01T00:10:00Z");
    insta::assert_snapshot!(text("{shop=\"east\"}").await, @"no series: nothing fits this query");
}
