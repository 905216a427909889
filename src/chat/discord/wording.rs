//! Sentences that were written for every mouth, as they are said in Discord.

use super::door::said;
use super::render::Shown;
use crate::service::ServiceError;

/// What has a command here too: as a terminal has it, and as it is here.
const COMMANDS: [(&str, &str); 5] = [
    ("`purser runs list`", "`/purser runs`"),
    ("`purser runs show ", "`/purser show run:"),
    // The message that it shows has the button.
    ("`purser undo ", "`/purser show run:"),
    ("`purser locks`", "`/purser locks`"),
    ("`purser unlock ", "`/purser unlock target:"),
];

/// Tells who asked what came of it.
pub(super) fn told(error: &ServiceError) -> Shown {
    said(&format!("✗ {}", in_discord(&error.to_string())))
}

/// A sentence that names commands of a terminal, with those of Discord in their place.
fn in_discord(told: &str) -> String {
    let replaced = COMMANDS.iter();
    replaced.fold(told.to_owned(), |told, (there, here)| {
        told.replace(there, here)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_are_here_too_are_called_as_they_are_here() {
        let told = "shop/web is locked: `purser locks` says by whom, `purser unlock shop/web` frees it, \
                    `purser receipts list` has the rest";
        assert_eq!(
            in_discord(told),
            "shop/web is locked: `/purser locks` says by whom, `/purser unlock target:shop/web` frees it, \
             `purser receipts list` has the rest"
        );
    }
}
