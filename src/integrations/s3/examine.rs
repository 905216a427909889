//! Whether an object store answers to our key. What the key may do in a folder is asked where the
//! folder is known.

use futures_util::TryStreamExt as _;

use super::S3;
use crate::action::ports::ObjectStorage as _;
use crate::action::{Clock, ClockReading, Examination, Result, Uses};
use crate::domain::finding::Remark;

impl S3 {
    pub(super) async fn looked_at(&self, uses: &Uses, clock: &dyn Clock) -> Examination {
        let mut found = Examination::default();
        found.add(self.knows_us().await);
        for step in uses.of("s3.list_objects") {
            for bucket in step.with.get("bucket").into_iter().flatten() {
                found.add(self.may_list(bucket).await);
            }
        }
        let before = clock.now();
        let headers = self.headers().await;
        found.clock = headers.and_then(|headers| ClockReading::of_http(before, &headers, clock));
        found
    }

    async fn knows_us(&self) -> Result<Remark> {
        match self.list_buckets().await {
            Ok(buckets) => Ok(Remark::well(format!(
                "{} takes the key; buckets: {}",
                self.endpoint(),
                buckets.len()
            ))),
            // A key for one bucket alone may not ask for them all, and need not.
            Err(trouble) if trouble.code() == Some("AccessDenied") => Ok(Remark::well(format!(
                "{} takes the key, which may not list the buckets",
                self.endpoint()
            ))),
            Err(trouble) => Err(self.explain("list the buckets", "", trouble).await),
        }
    }

    async fn may_list(&self, bucket: &str) -> Result<Remark> {
        let folder = self.open(bucket, "")?;
        match folder.store().list(None).try_next().await {
            Ok(_) => Ok(Remark::well(format!("the bucket `{bucket}` may be listed"))),
            Err(error) => Err(folder.explain("list it", error).await),
        }
    }
}
