//! Direct messages with the bot, answered or not.

use super::{View, commands, unasked};
use crate::chat::discord::api::Route;
use crate::chat::discord::publish::{self, Where};
use crate::domain::finding::{Check, Finding};

impl View<'_> {
    /// Whether the commands for them are those that are to be there. Nothing, where there are none and none
    /// are wanted.
    pub(super) async fn direct_messages(&self) -> Option<Finding> {
        let there = self.bot.ask(&Route::commands(&self.us.id, None)).await;
        let remark = match there {
            Ok(there) if self.bot.settings.direct_messages => {
                let wanted = publish::all(self.around.commands.clone()?, Where::Direct);
                commands::look(&wanted, &there, Where::Direct)
            }
            Ok(there) => commands::left_over(&there)?,
            Err(error) => unasked(&error, "which commands they have"),
        };
        Some(remark.of(Check::Discord, "direct messages"))
    }
}
