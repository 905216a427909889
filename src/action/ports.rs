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
    /// All names of this kind (`services`, `databases`). `of` is what they belong to, for those that
    /// belong to something: the service whose `tags` are wanted.
    fn names<'a>(
        &'a self,
        what: &'a str,
        of: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<String>>>;

    /// What was typed in two: what stays as it is, and the beginning of the name that is looked for.
    /// `None` where no name can stand.
    fn place<'t>(&self, what: &str, typed: &'t str) -> Option<(&'t str, &'t str)> {
        let _ = what;
        Some(("", typed))
    }
}

/// What chat platforms show at the most.
pub const MOST_SUGGESTIONS: usize = 25;

/// The names that contain what was typed, some of them: first those of which it begins the whole or
/// a part behind a `/`.
pub fn matching(mut names: Vec<String>, typed: &str) -> Vec<String> {
    let typed = typed.to_lowercase();
    names.retain(|name| name.to_lowercase().contains(&typed));
    names.sort_by_cached_key(|name| {
        let lower = name.to_lowercase();
        let begins = lower.split('/').any(|part| part.starts_with(&typed));
        (!begins, name.clone())
    });
    names.truncate(MOST_SUGGESTIONS);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_with_the_typed_text_comes_first() {
        let names = ["shop/db", "shop/web", "webhooks", "old-web"].map(str::to_owned);
        assert_eq!(
            matching(names.to_vec(), "WEB"),
            ["shop/web", "webhooks", "old-web"]
        );
    }

    #[test]
    fn no_more_than_a_chat_shows_are_offered() {
        let names = (0..99).map(|n| format!("metric_{n}")).collect();
        assert_eq!(matching(names, "metric").len(), MOST_SUGGESTIONS);
    }
}
