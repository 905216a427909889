//! Whom a text pings, as `allowed_mentions` lets it.

use serde_json::Value;

use super::model::{Guild, Mentions, Role};
use crate::ids::{RoleId, UserId};

impl Mentions {
    /// Reads the mentions of a content. Without `allowed_mentions` all of them count; who may not
    /// mention everyone pings neither everyone nor a role, except one that anybody may mention.
    pub(crate) fn of(content: &str, allowed: &Value, guild: &Guild, may_everyone: bool) -> Self {
        let parses = |kind: &str| match allowed["parse"].as_array() {
            Some(parse) => parse.iter().any(|one| one == kind),
            None => allowed.is_null(),
        };
        let names = |list: &str, id: u64| {
            let list = allowed[list].as_array();
            let id = id.to_string();
            list.is_some_and(|list| list.iter().any(|one| *one == id))
        };
        let everyone = content.contains("@everyone") || content.contains("@here");
        let users = ids_after(content, "<@").chain(ids_after(content, "<@!"));
        let users = users
            .map(UserId)
            .filter(|id| guild.members.contains_key(id));
        let roles = ids_after(content, "<@&").map(RoleId);
        let may = |role: &Role| may_everyone || role.mentionable;
        let roles = roles.filter(|id| guild.roles.get(id).is_some_and(may));
        Self {
            everyone: everyone && may_everyone && parses("everyone"),
            users: users
                .filter(|id| parses("users") || names("users", id.0))
                .collect(),
            roles: roles
                .filter(|id| parses("roles") || names("roles", id.0))
                .collect(),
        }
    }

    /// Whether nobody is pinged.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The numbers that stand between this and `>`.
fn ids_after<'a>(content: &'a str, before: &'a str) -> impl Iterator<Item = u64> + 'a {
    content.match_indices(before).filter_map(|(at, _)| {
        let (inside, _) = content[at + before.len()..].split_once('>')?;
        inside.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::ids::GuildId;
    use crate::state::model::Member;

    fn guild() -> Guild {
        Guild {
            id: GuildId(1),
            name: "shop".into(),
            owner: UserId(9),
            roles: BTreeMap::new(),
            members: BTreeMap::from([(UserId(7), Member::default())]),
        }
    }

    #[test]
    fn an_empty_parse_pings_nobody_whatever_the_text_says() {
        let allowed = json!({ "parse": [] });
        let mentions = Mentions::of("@everyone <@7>", &allowed, &guild(), true);
        assert!(mentions.is_empty());
    }

    #[test]
    fn a_listed_user_is_pinged_and_without_a_list_all_are() {
        let listed = json!({ "parse": [], "users": ["7"] });
        let of = |allowed: &Value| Mentions::of("hi <@7> and <@8>", allowed, &guild(), true);
        assert_eq!(of(&listed).users.len(), 1);
        assert_eq!(of(&Value::Null).users.len(), 1);
        assert!(Mentions::of("@everyone", &Value::Null, &guild(), true).everyone);
        assert!(!Mentions::of("@everyone", &Value::Null, &guild(), false).everyone);
    }
}
