//! Object stores that speak S3: `MinIO` and its kin.
//!
//! Other integrations reach them through [`ports::ObjectStorage`]; what people can do with them
//! directly is in [`list_objects`].

mod connection;
mod examine;
mod explain;
mod list_objects;
mod signed;

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use object_store::ObjectStore;
use object_store::prefix::PrefixStore;
use schemars::JsonSchema as _;

pub use connection::S3;
pub use list_objects::ListObjects;

use crate::action::objects::{ObjectUrl, Objects};
use crate::action::{
    ActionError, Clock, Examination, Integration, Offers, Ports, ReadContext, Result, System, Uses,
    ports,
};
use crate::domain::nearest;
use explain::Trouble;

/// What can be completed.
const LISTS: &[&str] = &["buckets"];

/// What Purser can do with an object store.
pub fn integration() -> Integration {
    Integration {
        kind: "s3",
        connect: |connect| Ok(Arc::new(S3::connect(connect)?)),
        settings: connection::Settings::json_schema,
        suggests: LISTS,
        actions: || vec![Arc::new(ListObjects)],
    }
}

impl System for S3 {
    fn address(&self) -> String {
        self.endpoint().to_owned()
    }

    fn ports(self: Arc<Self>) -> Ports {
        Ports {
            objects: Some(Arc::clone(&self) as _),
            suggest: Some(self),
            ..Ports::default()
        }
    }

    fn check(&self) -> BoxFuture<'_, Result<String>> {
        async {
            let buckets = self.buckets().await?;
            Ok(format!("{} buckets at {}", buckets.len(), self.endpoint()))
        }
        .boxed()
    }

    fn examine<'a>(&'a self, uses: &'a Uses, clock: &'a dyn Clock) -> BoxFuture<'a, Examination> {
        self.looked_at(uses, clock).boxed()
    }
}

impl ports::ObjectStorage for S3 {
    fn open(&self, bucket: &str, prefix: &str) -> Result<Arc<dyn Objects>> {
        let store = self.bucket(bucket)?;
        let path = object_store::path::Path::parse(prefix).map_err(|error| {
            ActionError::fatal(format!("`{prefix}` cannot be a folder of objects: {error}"))
        })?;
        Ok(Arc::new(Folder {
            s3: self.clone(),
            store: Arc::new(PrefixStore::new(store, path)),
            url: ObjectUrl::S3 {
                system: self.name().clone(),
                bucket: bucket.to_owned(),
                prefix: prefix.to_owned(),
            },
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        }))
    }
}

impl ports::Suggest for S3 {
    /// Completes `buckets`.
    fn offers<'a>(
        &'a self,
        _: &'a ReadContext,
        what: &'a str,
        _: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Offers>> {
        async move {
            if !LISTS.contains(&what) {
                let why = nearest::unknown("list of names in S3", what, LISTS.to_vec());
                return Err(ActionError::fatal(why));
            }
            Ok(self.buckets().await?.into())
        }
        .boxed()
    }
}

/// A folder of one bucket.
struct Folder {
    s3: S3,
    store: Arc<dyn ObjectStore>,
    url: ObjectUrl,
    bucket: String,
    prefix: String,
}

impl Objects for Folder {
    fn store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.store)
    }

    fn url(&self) -> &ObjectUrl {
        &self.url
    }

    fn abort_uploads<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<usize>> {
        let key = if self.prefix.is_empty() {
            prefix.to_owned()
        } else {
            format!("{}/{prefix}", self.prefix)
        };
        async move { self.s3.abort_uploads(&self.bucket, &key).await }.boxed()
    }

    fn explain<'a>(
        &'a self,
        what: &'a str,
        error: object_store::Error,
    ) -> BoxFuture<'a, ActionError> {
        let trouble = Trouble::of_library(&error);
        async move {
            self.s3
                .explain(what, &self.bucket, trouble)
                .await
                .because(error)
        }
        .boxed()
    }
}
