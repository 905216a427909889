//! What Purser needs in a server of Discord, and in its channels: the least that does.

use serenity::model::Permissions;

/// Each of them, as Discord's settings call it.
const NAMES: [(Permissions, &str); 7] = [
    (Permissions::VIEW_CHANNEL, "View Channel"),
    (Permissions::SEND_MESSAGES, "Send Messages"),
    (Permissions::CREATE_PUBLIC_THREADS, "Create Public Threads"),
    (
        Permissions::SEND_MESSAGES_IN_THREADS,
        "Send Messages in Threads",
    ),
    (Permissions::EMBED_LINKS, "Embed Links"),
    (Permissions::ATTACH_FILES, "Attach Files"),
    (Permissions::READ_MESSAGE_HISTORY, "Read Message History"),
];

/// To begin threads, and to write in them.
pub(super) const FOR_THREADS: Permissions =
    Permissions::CREATE_PUBLIC_THREADS.union(Permissions::SEND_MESSAGES_IN_THREADS);

/// To show a run, wherever that is. Read Message History is there to find a message again of which nobody
/// knows whether it was made.
const TO_SHOW: Permissions = Permissions::VIEW_CHANNEL
    .union(Permissions::EMBED_LINKS)
    .union(Permissions::ATTACH_FILES)
    .union(Permissions::READ_MESSAGE_HISTORY);

/// To show a run in a channel.
pub(super) const IN_CHANNEL: Permissions = TO_SHOW.union(Permissions::SEND_MESSAGES);

/// To show a run in a thread that is there.
pub(super) const IN_THREAD: Permissions = TO_SHOW.union(Permissions::SEND_MESSAGES_IN_THREADS);

/// To tell people something in a channel, in a file where it is long.
pub(super) const TO_TELL: Permissions = Permissions::VIEW_CHANNEL
    .union(Permissions::SEND_MESSAGES)
    .union(Permissions::ATTACH_FILES);

/// The same in a thread.
pub(super) const TO_TELL_IN_THREAD: Permissions = Permissions::VIEW_CHANNEL
    .union(Permissions::SEND_MESSAGES_IN_THREADS)
    .union(Permissions::ATTACH_FILES);

/// All that a server is asked for.
pub(super) const IN_SERVER: Permissions = IN_CHANNEL.union(FOR_THREADS);

/// The names of all of these.
pub(super) fn names(rights: Permissions) -> Vec<&'static str> {
    let named = NAMES.iter().filter(|(right, _)| rights.contains(*right));
    named.map(|(_, name)| *name).collect()
}

/// What a channel has to allow so that runs are shown there, in a sentence.
pub(super) fn needed_in_channel() -> String {
    names(IN_CHANNEL).join(", ")
}

/// The names of those that are needed and not had.
pub(super) fn missing(needed: Permissions, had: Permissions) -> Vec<&'static str> {
    if had.contains(Permissions::ADMINISTRATOR) {
        return vec![];
    }
    names(needed.difference(had))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_asked_for_has_a_name() {
        let all = NAMES
            .iter()
            .fold(Permissions::empty(), |all, (right, _)| all | *right);
        assert_eq!(all, IN_SERVER);
    }

    #[test]
    fn an_administrator_lacks_nothing() {
        assert_eq!(
            missing(IN_SERVER, Permissions::ADMINISTRATOR),
            Vec::<&str>::new()
        );
        let some = IN_SERVER.difference(Permissions::EMBED_LINKS);
        assert_eq!(missing(IN_SERVER, some), ["Embed Links"]);
    }
}
