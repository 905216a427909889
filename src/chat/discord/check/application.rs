//! Who the bot is, and how its owner has set it up in Discord's developer portal.

use super::Surroundings;
use crate::chat::discord::api::ApiError;
use crate::chat::discord::bot::Application;
use crate::chat::discord::render::markdown::one_line;
use crate::domain::finding::{Check, Finding, Remark};

/// Discord did not say who the bot is.
pub(super) fn unknown(error: &ApiError, around: &Surroundings<'_>) -> Finding {
    let remark = match error {
        ApiError::Token => Remark::problem(
            "Discord does not know it",
            format!(
                "make a new one: in Discord's developer portal, the application, Bot, Reset Token; put it into {}; \
                 if Purser is up, start it again",
                around.token
            ),
        ),
        error => Remark::problem(
            format!("whether Discord knows it cannot be said: {error}"),
            "see that this machine reaches Discord, and that `api` in [discord] is right where it is set",
        ),
    };
    remark.of(Check::Discord, "token")
}

/// How the application stands. `is_posted_to`: what people do is to be posted to Purser.
pub(super) fn look(us: &Application, is_posted_to: bool) -> Vec<Finding> {
    let name = one_line(&us.name);
    let mut remarks = vec![Remark::well(format!("{name}, with the id {}", us.id))];
    let url = us.interactions_endpoint_url.as_deref();
    match url.filter(|url| !url.is_empty()) {
        Some(url) if !is_posted_to => remarks.push(Remark::problem(
            format!(
                "Discord posts what people do to {}, so Purser hears none of it",
                one_line(url)
            ),
            format!(
                "in Discord's developer portal, {name}, General Information: clear Interactions Endpoint URL"
            ),
        )),
        None if is_posted_to => remarks.push(Remark::problem(
            "Discord posts nothing: `public_key` in [discord] says that it does, and it has no address for it",
            format!(
                "in Discord's developer portal, {name}, General Information: set Interactions Endpoint URL to \
                 https://YOUR-ADDRESS/discord/interactions, while Purser is up; or leave `public_key` out"
            ),
        )),
        Some(_) | None => {}
    }
    if us.bot_require_code_grant {
        remarks.push(Remark::problem(
            "an invitation does not let its bot in: it requires a code grant",
            format!(
                "in Discord's developer portal, {name}, Bot: switch Requires OAuth2 Code Grant off"
            ),
        ));
    }
    let of_application = |remark: Remark| remark.of(Check::Discord, "application");
    remarks.into_iter().map(of_application).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_its_owner_has_set_up_so_that_nothing_comes_here_is_a_problem() {
        let us = Application {
            id: "7".to_owned(),
            name: "Purser".to_owned(),
            interactions_endpoint_url: Some("https://elsewhere.example/discord".to_owned()),
            bot_require_code_grant: true,
        };
        insta::assert_snapshot!(said(&us, false), @"
        Purser, with the id 7
            -
        Discord posts what people do to https://elsewhere.example/discord, so Purser hears none of it
            in Discord's developer portal, Purser, General Information: clear Interactions Endpoint URL
        an invitation does not let its bot in: it requires a code grant
            in Discord's developer portal, Purser, Bot: switch Requires OAuth2 Code Grant off
        ");
        let us = Application {
            interactions_endpoint_url: None,
            bot_require_code_grant: false,
            ..us
        };
        insta::assert_snapshot!(said(&us, true), @"
        Purser, with the id 7
            -
        Discord posts nothing: `public_key` in [discord] says that it does, and it has no address for it
            in Discord's developer portal, Purser, General Information: set Interactions Endpoint URL to https://YOUR-ADDRESS/discord/interactions, while Purser is up; or leave `public_key` out
        ");
    }

    fn said(us: &Application, is_posted_to: bool) -> String {
        let said = look(us, is_posted_to).into_iter().map(|finding| {
            let next = finding.remark.verdict.next().unwrap_or("-").to_owned();
            format!("{}\n    {next}", finding.remark.message)
        });
        said.collect::<Vec<_>>().join("\n")
    }
}
