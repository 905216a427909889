//! What Discord answers when it refuses: status, code, message, and which field was wrong.

use serde_json::{Value, json};

/// A refusal in Discord's own words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// Discord's code in the body; 0 where it has none.
    pub(crate) code: u32,
    pub(crate) message: &'static str,
    /// What was wrong with which field, for code 50035.
    pub(crate) errors: Option<Value>,
}

macro_rules! refusals {
    ($($name:ident $status:literal $code:literal $message:literal)*) => {$(
        pub(crate) const $name: Refusal = Refusal {
            status: $status,
            code: $code,
            message: $message,
            errors: None,
        };
    )*};
}

refusals! {
    UNAUTHORIZED 401 0 "401: Unauthorized"
    NO_SUCH_ROUTE 404 0 "404: Not Found"
    NOT_JSON 400 50109 "The request body contains invalid JSON."
    UNKNOWN_CHANNEL 404 10003 "Unknown Channel"
    UNKNOWN_GUILD 404 10004 "Unknown Guild"
    UNKNOWN_MEMBER 404 10007 "Unknown Member"
    UNKNOWN_MESSAGE 404 10008 "Unknown Message"
    UNKNOWN_USER 404 10013 "Unknown User"
    UNKNOWN_WEBHOOK 404 10015 "Unknown Webhook"
    UNKNOWN_INTERACTION 404 10062 "Unknown interaction"
    UNKNOWN_COMMAND 404 10063 "Unknown application command"
    TOO_MANY_COMMANDS 400 30032 "Maximum number of application commands reached (100)."
    TOO_MANY_CREATED 400 30034 "Max number of daily application command creates has been reached (200)"
    TOO_LARGE 413 40005 "Request entity too large"
    ALREADY_ACKNOWLEDGED 400 40060 "Interaction has already been acknowledged."
    MISSING_ACCESS 403 50001 "Missing Access"
    NOT_THE_AUTHOR 403 50005 "Cannot edit a message authored by another user"
    EMPTY_MESSAGE 400 50006 "Cannot send an empty message"
    CANNOT_REACH 403 50007 "Cannot send messages to this user"
    MISSING_PERMISSIONS 403 50013 "Missing Permissions"
    INVALID_WEBHOOK_TOKEN 401 50027 "Invalid Webhook Token"
    WRONG_CHANNEL_TYPE 400 50024 "Cannot execute action on this channel type"
    THREAD_ARCHIVED 400 50083 "Thread is archived"
    HAS_A_THREAD 400 160_004 "A thread has already been created for this message"
    THREAD_LOCKED 400 160_005 "Thread is locked"
}

impl Refusal {
    /// The body that goes with the status.
    pub(crate) fn body(&self) -> Value {
        let mut body = json!({ "message": self.message, "code": self.code });
        if let Some(errors) = &self.errors {
            body["errors"] = errors.clone();
        }
        body
    }
}
