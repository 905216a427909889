//! Older backups are deleted for a new one that is proven. Whatever comes of a deletion, there is
//! never none left; and what a key needs to be allowed for all this.

use serde_json::{Value, json};

use super::{Key, backed_up, backs_up_to};
use crate::support::gateway::{Asked, Gateway, Passage};
use crate::support::program::Home;
use crate::support::s3::Bucket;
use crate::support::systems::of_kind;
use object_store::ObjectStoreExt as _;

const OLD: &str = "purser-20260101T000000Z-0123456789ab.tar.zst.age";

/// A bucket with an old backup, and a Purser that keeps one alone and gets there by a gateway.
struct Stand {
    bucket: Bucket,
    gateway: Gateway,
    home: Home,
}

impl Stand {
    async fn new(rule: impl Fn(&Asked) -> Passage + Send + Sync + 'static) -> Self {
        let bucket = Bucket::create().await;
        let gateway = Gateway::open(rule).await;
        bucket.store().put(&OLD.into(), "old".into()).await.unwrap();
        let mut home = Home::new(&[("minio", of_kind("s3", gateway.settings(&bucket)))]);
        let to = format!("s3://minio/{}", bucket.name);
        backs_up_to(&home, &to, &Key::new(), ", keep: 1");
        home.up().await;
        Self {
            bucket,
            gateway,
            home,
        }
    }

    /// How the run ends that makes a backup.
    async fn ends(&self) -> Value {
        let run = self.home.starts(&["backup-purser"]).await;
        self.home.ends(&run).await
    }

    async fn ends_here(mut self) {
        self.home.stop().await;
        self.bucket.remove().await;
    }
}

#[tokio::test]
async fn once_an_old_backup_was_to_be_deleted_the_new_one_stays_whatever_came_of_it() {
    for (passage, left) in [(Passage::CutAfter(0), 1), (Passage::Refused, 2)] {
        let of_the_old = move |asked: &Asked| {
            if asked.removes(OLD) {
                passage
            } else {
                Passage::Open
            }
        };
        let stand = Stand::new(of_the_old).await;
        let ended = stand.ends().await;
        let keys = stand.bucket.keys().await;
        assert_eq!(keys.len(), left, "{passage:?}: {keys:?}");
        let new = keys.last().unwrap();
        assert_ne!(new, OLD, "the new one is there");
        assert_eq!(ended["status"], "failed", "{ended:#}");
        let told = ended["run"]["ended"]["summary"]["now"].as_str().unwrap();
        let stays =
            format!("{new} stays, for older ones were to be deleted for it; {OLD} may be gone");
        assert!(told.contains(&stays), "{told}");
        stand.ends_here().await;
    }
}

#[tokio::test]
async fn before_anything_was_deleted_a_backup_that_cannot_be_read_back_is_taken_back() {
    let stand = Stand::new(|asked| {
        if asked.reads() {
            Passage::Missing
        } else {
            Passage::Open
        }
    })
    .await;
    let ended = stand.ends().await;
    assert_eq!(ended["status"], "rolled_back", "{ended:#}");
    assert_eq!(stand.bucket.keys().await, [OLD]);
    stand.ends_here().await;
}

/// What S3 calls the requests that were seen.
fn rights(seen: &[String], bucket: &str) -> Vec<&'static str> {
    let right = |line: &String| {
        let (method, path) = line.split_once(' ').unwrap();
        let of_the_bucket = path.trim_start_matches('/').trim_start_matches(bucket);
        let of_the_bucket = of_the_bucket.is_empty() || of_the_bucket.starts_with('?');
        match method {
            "POST" if path.contains("?delete") => "s3:DeleteObject",
            "GET" if path.contains("uploads") => "s3:ListBucketMultipartUploads",
            "GET" if of_the_bucket => "s3:ListBucket",
            "GET" => "s3:GetObject",
            "PUT" | "POST" => "s3:PutObject",
            other => panic!("{other} {path}"),
        }
    };
    let mut all: Vec<_> = seen.iter().map(right).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[tokio::test]
async fn with_a_key_that_may_not_read_the_backup_is_stored_and_nothing_is_deleted() {
    let stand = Stand::new(|asked| {
        if asked.reads() {
            Passage::Refused
        } else {
            Passage::Open
        }
    })
    .await;
    let made = backed_up(&stand.home).await;
    assert_eq!(
        (&made["proof"], &made["deleted"]),
        (&json!("stored"), &json!([]))
    );
    let keys = stand.bucket.keys().await;
    assert_eq!((keys.len(), keys[0].as_str()), (2, OLD));
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/BACKUP.md"));
    let page = page.unwrap();
    for right in rights(&stand.gateway.seen(), &stand.bucket.name) {
        assert!(page.contains(right), "the page does not name {right}");
    }
    stand.ends_here().await;
}
