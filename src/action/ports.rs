//! What integrations need of each other, as small traits (decision 22).
//!
//! Integrations never import each other: one implements a port, another asks the context for it.

use std::path::Path;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::error::Result;
use super::objects::Objects;

/// A system that keeps objects in buckets.
pub trait ObjectStorage: Send + Sync {
    /// Opens a folder of a bucket. Does no I/O: a missing bucket shows at the first use.
    fn open(&self, bucket: &str, prefix: &str) -> Result<Arc<dyn Objects>>;
}

/// Local folders as folders of objects.
pub trait Folders: Send + Sync {
    /// Opens a folder, which is made at the first write.
    fn open(&self, path: &Path) -> Result<Arc<dyn Objects>>;
}

/// A system that can complete values for people.
pub trait Suggest: Send + Sync {
    /// Up to 25 values of this kind (`services`, `databases`) that go with what was typed.
    fn suggest<'a>(&'a self, what: &'a str, typed: &'a str) -> BoxFuture<'a, Result<Vec<String>>>;
}
