//! Names for people to choose from while they type.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::engine::Docker;
use super::service;
use crate::action::{ActionError, Result, ports};
use crate::domain::nearest;

/// Chat platforms show no more.
const MOST: usize = 25;

/// Completes `services`.
pub(super) struct Suggestions(pub(super) Arc<Docker>);

impl ports::Suggest for Suggestions {
    fn suggest<'a>(&'a self, what: &'a str, typed: &'a str) -> BoxFuture<'a, Result<Vec<String>>> {
        async move {
            if what != "services" {
                let why = nearest::unknown("list of Docker names", what, ["services"]);
                return Err(ActionError::fatal(why));
            }
            let services = service::all(&self.0).await?;
            Ok(matching(
                services.into_iter().map(|s| s.name).collect(),
                typed,
            ))
        }
        .boxed()
    }
}

/// Those that contain what was typed; those that begin with it, or whose service does, first.
fn matching(mut names: Vec<String>, typed: &str) -> Vec<String> {
    let typed = typed.to_lowercase();
    names.retain(|name| name.to_lowercase().contains(&typed));
    names.sort_by_key(|name| {
        let begins = name
            .to_lowercase()
            .split('/')
            .any(|part| part.starts_with(&typed));
        (!begins, name.clone())
    });
    names.truncate(MOST);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_with_the_typed_text_comes_first() {
        let names = ["shop/db", "shop/web", "webhooks", "old-web"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(matching(names, "WEB"), ["shop/web", "webhooks", "old-web"]);
    }
}
