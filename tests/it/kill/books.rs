//! The receipts, read and verified by code that is none of Purser's.

use std::collections::BTreeMap;
use std::time::Duration;

use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::time::{sleep, timeout};

use crate::support::program::Home;

/// How long after its run a receipt may be sealed.
const SEALED_WITHIN: Duration = Duration::from_secs(10);

/// The facts of so many receipts; there are no others, and the books hold: for Purser and for us.
pub(super) async fn receipts(home: &Home, count: usize) -> Vec<Value> {
    let sealed = async {
        let list = ["receipts", "list", "--limit", "500"];
        while home.asks(&list).await.as_array().unwrap().len() < count {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(SEALED_WITHIN, sealed)
        .await
        .expect("so many receipts");
    let verified = home.types(&["receipts", "verify"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
    let exported = home.types(&["receipts", "export"]).await;
    assert_eq!(exported.code, 0, "{exported:?}");
    let receipts = read(&exported.out);
    assert_eq!(receipts.len(), count, "{receipts:#?}");
    let facts = |mut receipt: Value| receipt["content"]["subject"].take();
    receipts.into_iter().map(facts).collect()
}

/// How many sealed values of runs the store of this server holds.
pub(crate) async fn kept_secrets(home: &Home) -> i64 {
    let options = SqliteConnectOptions::new().filename(home.path("store/purser.db"));
    let mut store = options.connect().await.unwrap();
    let count = sqlx::query_scalar("SELECT count(*) FROM given_secrets");
    count.fetch_one(&mut store).await.unwrap()
}

/// The receipts of an export, in which every link, seal and text holds.
fn read(export: &str) -> Vec<Value> {
    let mut lines = export
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let header = lines.next().unwrap();
    let key: [u8; 32] = bytes(&header["key"]).try_into().unwrap();
    let key = VerifyingKey::from_bytes(&key).unwrap();
    let mut prev = json!(format!("sha256:{}", "0".repeat(64)));
    let receipts: Vec<_> = lines.collect();
    for (n, receipt) in receipts.iter().enumerate() {
        let sealed = json!({
            "content": receipt["content"],
            "prev": prev,
            "seq": n + 1,
        });
        let hash = sha256(&canonical(&sealed));
        assert_eq!(receipt["hash"], hash.as_str(), "{receipt:#}");
        let signature = Signature::from_slice(&bytes(&receipt["signature"])).unwrap();
        let signed = format!("purser receipt 1 {hash}");
        key.verify_strict(signed.as_bytes(), &signature).unwrap();
        for (commitment, text) in receipt["texts"].as_object().unwrap() {
            let [salt, text] = ["salt", "text"].map(|part| text[part].as_str().unwrap());
            assert_eq!(*commitment, sha256(&format!("{salt}\n{text}")));
        }
        prev = hash.into();
    }
    receipts
}

fn sha256(text: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

fn bytes(text: &Value) -> Vec<u8> {
    hex::decode(text.as_str().unwrap()).unwrap()
}

/// Sorted keys and no white space (RFC 8785); what is sealed holds no fractions.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> = fields.iter().collect();
            let field =
                |(name, value): (&String, &Value)| format!("{}:{}", json!(name), canonical(value));
            let fields: Vec<_> = sorted.into_iter().map(field).collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        plain => plain.to_string(),
    }
}
